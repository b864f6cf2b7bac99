"""Coinbase's queries: orders, history, fills, wallets, products. They see what the lens shows and change nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from operator import itemgetter
from re import fullmatch
from typing import Any, TypeAlias

from exchanges.paper.dialects.coinbase import ids, render
from exchanges.paper.dialects.coinbase.calls import Call, Query, Result
from exchanges.paper.dialects.coinbase.errors import ORDER_NOT_FOUND, CoinbaseError, invalid_argument, not_found
from exchanges.paper.dialects.coinbase.phases import LIVE, STATUSES, Phases
from exchanges.paper.dialects.coinbase.render import ORDER_TYPES, TIMES_IN_FORCE, Renderer
from exchanges.paper.dialects.coinbase.values import NS_PER_MS, number, timestamp
from exchanges.paper.engine import Engine
from exchanges.paper.model import Execution, PaperInstrument, PaperOrder
from messages.types import Side

_ORDERS_PAGE = 1_000
_FILLS_PAGE = 100
_FILLS_PAGE_MAX = 1_000
_ACCOUNTS_PAGE = 49
_ACCOUNTS_PAGE_MAX = 250
_FOREVER_NS = 2**63
_SIDES = frozenset(Side.__members__)
_SORTS = frozenset({"UNKNOWN_SORT_BY", "LIMIT_PRICE", "LAST_FILL_TIME", "LAST_UPDATE_TIME"})
_PRODUCT_TYPES = frozenset({"SPOT", "FUTURE", "UNKNOWN_PRODUCT_TYPE"})
_FILL_FILTERS = frozenset({"trade_ids", "product_ids", "start_sequence_timestamp", "end_sequence_timestamp"})
_Place: TypeAlias = tuple[int, int, int]
_FIAT = frozenset({"USD", "EUR", "GBP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """What a list of orders is asked for; an empty set asks for everything."""

    order_ids: frozenset[int | None]
    products: frozenset[str]
    statuses: frozenset[str]
    times_in_force: frozenset[str]
    types: frozenset[str]
    sides: frozenset[str]
    assets: frozenset[str]
    start_ns: int
    end_ns: int
    before: int
    """Only orders with lower numbers: those of the pages before have been shown."""


class Queries:
    """The endpoints that only look."""

    def __init__(self, engine: Engine, phases: Phases, renderer: Renderer) -> None:
        self._engine = engine
        self._phases = phases
        self._renderer = renderer
        self._products = {rules.venue_symbol: rules for rules in engine.instruments.values()}

    # ----- orders

    def order(self, call: Call) -> Result:
        """Handle `GET /orders/historical/{order_id}`."""
        found = ids.order_number(call.named)
        order = None if found is None else self._engine.order(found)
        if order is None or order.account != call.account or not call.lens.shows(order.order_id):
            raise CoinbaseError(ORDER_NOT_FOUND)
        return Result(body={"order": self._renderer.order(order, call.now_ms)})

    def orders(self, call: Call) -> Result:
        """Handle `GET /orders/historical/batch`: the youngest order first."""
        wanted = self._filter(call.query)
        limit = call.query.limit(_ORDERS_PAGE, _ORDERS_PAGE)
        other_kinds = call.query.choices("product_type", _PRODUCT_TYPES) - {"SPOT", "UNKNOWN_PRODUCT_TYPE"}
        other_sources = call.query.text("order_placement_source") not in ("", render.SOURCE)
        call.query.choices("sort_by", _SORTS)
        seen = () if other_kinds or other_sources else self._orders(call, wanted)
        page = list(islice((order for order in seen if self._matches(order, wanted, call.now_ms)), limit + 1))
        has_next = len(page) > limit
        page = page[:limit]
        return Result(
            body={
                "orders": [self._renderer.order(order, call.now_ms) for order in page],
                "sequence": "0",
                "has_next": has_next,
                "cursor": str(page[-1].order_id) if has_next else "",
                "proof_token_required": False,
            }
        )

    def _orders(self, call: Call, wanted: _Filter) -> Iterator[PaperOrder]:
        """Return what there is to be filtered, the youngest first."""
        if wanted.statuses and wanted.statuses <= LIVE:
            found = {order.order_id: order for order in call.lens.open_orders(call.account, None)}
            for order_id in self._phases.cancels_under_way(call.now_ms):
                order = self._engine.order(order_id)
                if order is not None and order.account == call.account and call.lens.shows(order_id):
                    found.setdefault(order_id, order)
            yield from (found[order_id] for order_id in sorted(found, reverse=True))
            return
        symbols = (self._engine.orders_of(call.account, symbol) for symbol in self._engine.instruments)
        youngest_first = merge(*(reversed(orders) for orders in symbols), key=lambda order: -order.order_id)
        yield from (order for order in youngest_first if call.lens.shows(order.order_id))

    def _matches(self, order: PaperOrder, wanted: _Filter, now_ms: int) -> bool:
        rules = self._engine.instruments[order.symbol]
        return (
            order.order_id < wanted.before
            and wanted.start_ns <= order.created_ms * NS_PER_MS < wanted.end_ns
            and (not wanted.order_ids or order.order_id in wanted.order_ids)
            and _asked(wanted.products, rules.venue_symbol)
            and _asked(wanted.statuses, self._phases.status(order, now_ms))
            and _asked(wanted.times_in_force, render.time_in_force(order))
            and _asked(wanted.types, ORDER_TYPES[order.type])
            and _asked(wanted.sides, order.side.value)
            and (not wanted.assets or bool(wanted.assets & {rules.base, rules.quote}))
        )

    def _filter(self, query: Query) -> _Filter:
        return _Filter(
            order_ids=frozenset(map(ids.order_number, query.values.get("order_ids", ()))),
            products=query.choices("product_ids", frozenset(self._products)),
            statuses=query.choices("order_status", STATUSES),
            times_in_force=query.choices("time_in_forces", frozenset(TIMES_IN_FORCE.values())),
            types=query.choices("order_types", frozenset(ORDER_TYPES.values())),
            sides=query.choices("order_side", _SIDES),
            assets=frozenset(query.values.get("asset_filters", ())),
            start_ns=query.time_ns("start_date", 0),
            end_ns=query.time_ns("end_date", _FOREVER_NS),
            before=_cursor(query.text("cursor")),
        )

    # ----- fills

    def fills(self, call: Call) -> Result:
        """Handle `GET /orders/historical/fills`: the youngest first; an empty cursor says that there are no more."""
        query = call.query
        others = _FILL_FILTERS & query.values.keys()
        if "order_ids" in query.values and others:
            raise CoinbaseError(invalid_argument("order_ids cannot be combined with other filters"))
        limit = query.limit(_FILLS_PAGE, _FILLS_PAGE_MAX)
        before = _fill_cursor(query.text("cursor"))
        # The place of a row among all others does not depend on what else a page can see.
        seen = sorted(((self._place(one), one) for one in self._executions(call)), key=itemgetter(0), reverse=True)
        page = list(islice(((place, one) for place, one in seen if before is None or place < before), limit + 1))
        rows = [self._renderer.fill(one) for _, one in page[:limit]]
        return Result(body={"fills": rows, "cursor": _write_cursor(page[limit - 1][0]) if len(page) > limit else ""})

    def _executions(self, call: Call) -> Iterator[Execution]:
        query = call.query
        trade_ids = frozenset(query.values.get("trade_ids", ()))
        start_ns = query.time_ns("start_sequence_timestamp", 0)
        end_ns = query.time_ns("end_sequence_timestamp", _FOREVER_NS)
        for one in self._recorded(call):
            in_time = start_ns <= one.at_ms * NS_PER_MS < end_ns
            asked = not trade_ids or self._renderer.trade_id(one) in trade_ids
            if in_time and asked and call.lens.shows_trade(one):
                yield one

    def _recorded(self, call: Call) -> Iterator[Execution]:
        order_ids = frozenset(call.query.values.get("order_ids", ()))
        if order_ids:
            orders = (self._engine.order(ids.order_number(text) or 0) for text in order_ids)
            own = (order.order_id for order in orders if order is not None and order.account == call.account)
            return chain.from_iterable(map(self._engine.truth.executions_of_order, own))
        products = call.query.choices("product_ids", frozenset(self._products)) or frozenset(self._products)
        symbols = (self._products[name].symbol for name in products)
        return chain.from_iterable(self._engine.executions_of(call.account, symbol) for symbol in symbols)

    def _place(self, execution: Execution) -> _Place:
        return execution.at_ms, execution.trade_id, execution.order_id

    # ----- wallets and products

    def accounts(self, call: Call) -> Result:
        """Handle `GET /accounts`."""
        limit = call.query.limit(_ACCOUNTS_PAGE, _ACCOUNTS_PAGE_MAX)
        balances = list(self._engine.balances(call.account).items())
        first = _cursor(call.query.text("cursor"), 0)
        page = balances[first : first + limit]
        has_next = first + limit < len(balances)
        wallets = [self._wallet(call, asset, number(free), number(locked)) for asset, (free, locked) in page]
        return Result(
            body={
                "accounts": wallets,
                "has_next": has_next,
                "cursor": str(first + limit) if has_next else "",
                "size": len(wallets),
            }
        )

    def _wallet(self, call: Call, asset: str, free: str, locked: str) -> dict[str, Any]:
        return {
            "uuid": ids.derived_uuid("wallet", f"{call.account}/{asset}"),
            "name": f"{asset} Wallet",
            "currency": asset,
            "available_balance": {"value": free, "currency": asset},
            "default": asset == "BTC",
            "active": True,
            "ready": True,
            "type": "ACCOUNT_TYPE_FIAT" if asset in _FIAT else "ACCOUNT_TYPE_CRYPTO",
            "hold": {"value": locked, "currency": asset},
            "retail_portfolio_id": ids.portfolio_uuid(call.account),
        }

    def product(self, call: Call) -> Result:
        """Handle `GET /products/{product_id}` and its public mirror."""
        rules = self._products.get(call.named)
        if rules is None:
            raise CoinbaseError(not_found("product not found", error="NOT_FOUND"))
        return Result(body=self._product(rules))

    def products(self, call: Call) -> Result:
        """Handle `GET /products` and its public mirror."""
        wanted = call.query.choices("product_ids", frozenset(self._products)) or frozenset(self._products)
        kinds = call.query.choices("product_type", _PRODUCT_TYPES)
        found = [
            self._product(rules) for name, rules in self._products.items() if name in wanted and "FUTURE" not in kinds
        ]
        return Result(body={"products": found, "num_products": len(found)})

    def _product(self, rules: PaperInstrument) -> dict[str, Any]:
        return render.product(rules, self._engine.last_price(rules.symbol))

    # ----- the rest

    def time(self, call: Call) -> Result:
        """Handle `GET /time`."""
        body = {
            "iso": timestamp(call.now_ms // 1000 * 1000),
            "epochSeconds": str(call.now_ms // 1000),
            "epochMillis": str(call.now_ms),
        }
        return Result(body=body)

    def key_permissions(self, call: Call) -> Result:
        """Handle `GET /key_permissions`."""
        body = {
            "can_view": True,
            "can_trade": True,
            "can_transfer": False,
            "portfolio_uuid": ids.portfolio_uuid(call.account),
            "portfolio_type": "DEFAULT",
        }
        return Result(body=body)

    def transaction_summary(self, call: Call) -> Result:
        """Handle `GET /transaction_summary`."""
        del call
        fees = self._engine.fees
        rates = {"maker_fee_rate": number(fees.maker), "taker_fee_rate": number(fees.taker)}
        return Result(body={"fee_tier": {"pricing_tier": "Advanced 1", **rates}})


def _asked(wanted: frozenset[str], value: str) -> bool:
    return not wanted or value in wanted


def _cursor(text: str, default: int = 2**63) -> int:
    """Read a cursor. Raises CoinbaseError unless it is one that this venue gave."""
    if not text:
        return default
    if fullmatch(r"[0-9]{1,19}", text) is None:
        raise CoinbaseError(invalid_argument("cursor is not valid"))
    return int(text)


def _write_cursor(place: _Place) -> str:
    return ".".join(map(str, place))


def _fill_cursor(text: str) -> _Place | None:
    """Read the cursor of the fills. Raises CoinbaseError unless it is one that this venue gave."""
    if not text:
        return None
    match = fullmatch(r"([0-9]{1,19})\.([0-9]{1,19})\.([0-9]{1,19})", text)
    if match is None:
        raise CoinbaseError(invalid_argument("cursor is not valid"))
    return int(match[1]), int(match[2]), int(match[3])
