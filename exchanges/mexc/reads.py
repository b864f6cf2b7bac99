"""Questions to MEXC: look-ups with executions, searches, lists with pages, balances.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from typing import Any

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import CLOCK_MARGIN_MS, Asking, exact_sum, joined, listed
from exchanges.failures import unanswered
from exchanges.fields import UnreadableError, as_list, as_record, positive_number, read_list, text
from exchanges.mexc.capabilities import CAPABILITIES
from exchanges.mexc.orders import Params, named_params
from exchanges.mexc.outcomes import UNKNOWN_ORDER_CODES
from exchanges.mexc.pages import ORDERS, TRADES, between, latest, of_order
from exchanges.mexc.placements import ORDER_PATH
from exchanges.mexc.rest import RestSession, cost_of
from exchanges.mexc.sign import encode
from exchanges.mexc.translate import read_balance, read_order, read_trade
from exchanges.session import Cost
from exchanges.symbols import SymbolBook
from messages.commands import (
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    FetchPrice,
    LookUpOrder,
    SearchOrder,
)
from messages.fills import VenueFill
from messages.reports import (
    BalancesFetched,
    CallReport,
    FillsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
    PriceFetched,
)
from messages.types import EvidenceSource, VenueOrder

_SOURCES = CAPABILITIES.search_sources
_LOOKUP = EvidenceSource.LOOKUP
_ORDER = f"GET {ORDER_PATH}"
_OPEN_ORDERS = "/api/v3/openOrders"
_ACCOUNT = "/api/v3/account"
_PRICE = "/api/v3/ticker/price"
_ORDER_COST, _OPEN_COST, _ACCOUNT_COST = cost_of(2), cost_of(3), cost_of(10, account=1)
_NOT_FOUND = frozenset(str(code) for code in UNKNOWN_ORDER_CODES)


class Questions:
    """Signed questions on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking) -> None:
        self._session = session
        self._asking = asking

    @property
    def symbols(self) -> SymbolBook:
        """The symbol names to read records by."""
        return self._asking.symbols

    @property
    def asked_venue_ms(self) -> int:
        """Lower bound of the venue time at which the first question was asked."""
        return self._asking.asked_venue_ms

    def venue_now_ms(self) -> int:
        """Tell the venue's time, aimed low."""
        return self._asking.venue_now_ms()

    def ask(self, path: str, params: Params, cost: Cost) -> Told | Untold:
        """Ask one question, again while that may help."""
        return self._session.question(self._asking, path, params, cost)

    def must(self, path: str, params: Params, cost: Cost) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        told = self.ask(path, params, cost)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    def order(self, value: Any) -> VenueOrder:
        """Read an order by the symbol names of this request."""
        return read_order(value, self._asking.symbols)

    def trade(self, value: Any) -> VenueFill:
        """Read an execution in the same way."""
        return read_trade(value, self._asking.symbols)


def look_up(asking: Questions, request: LookUpOrder, venue_symbol: str) -> CallReport:
    """Ask for one order, and for its executions when it has any."""
    told = asking.ask(ORDER_PATH, named_params(request, venue_symbol), _ORDER_COST)
    if isinstance(told, Untold):
        return _not_told(asking, request, told)
    order = asking.order(told.payload)
    if not _is_the_one(request, order):
        raise UnreadableError("the answer is about another order")
    fills, complete = _executions(asking, request, order, venue_symbol)
    return OrderFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        fills=fills,
        fills_complete=complete,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            _LOOKUP, _ORDER, told.answer, venue_time_ms=order.updated_venue_ms, detail=order.venue_status
        ),
    )


def read_back(asking: Questions, request: CancelVenueOrder, venue_symbol: str) -> VenueOrder | None:
    """Read an order after its cancel was accepted; None: it could not be read, which says nothing about it."""
    told = asking.ask(ORDER_PATH, named_params(request, venue_symbol), _ORDER_COST)
    if isinstance(told, Untold):
        return None
    try:
        order = asking.order(told.payload)
    except UnreadableError:
        return None
    return order if _is_the_one(request, order) else None


def _is_the_one(request: LookUpOrder | CancelVenueOrder, order: VenueOrder) -> bool:
    if request.venue_order_id is not None:
        return order.venue_order_id == request.venue_order_id
    return order.client_order_id == request.client_order_id


def _not_told(asking: Questions, request: LookUpOrder, untold: Untold) -> CallReport:
    if untold.code not in _NOT_FOUND or untold.answer is None:
        return unanswered(request, untold.reason, retry_after_ms=untold.retry_after_ms)
    return OrderNotFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, _ORDER, untold.answer, detail=str(untold.code)),
    )


def _executions(
    asking: Questions, request: LookUpOrder, order: VenueOrder, venue_symbol: str
) -> tuple[tuple[VenueFill, ...], bool]:
    if not order.filled_size:
        return (), True
    if not request.with_fills:
        return (), False
    try:
        fills, unreadable = _trades_of_order(
            asking, venue_symbol, order.venue_order_id, placed_ms=order.created_venue_ms
        )
    except IncompleteError:
        return (), False
    return fills, not unreadable and exact_sum(fill.size for fill in fills) >= order.filled_size


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List open orders, all orders and executions of a symbol around a time: every source, or no answer."""
    symbol = ("symbol", venue_symbol)
    from_ms, to_ms = request.from_venue_ms, request.to_venue_ms
    opened = asking.must(_OPEN_ORDERS, [symbol], _OPEN_COST)
    found_open, bad_open = listed(opened.payload, asking.order)
    found, bad_found = read_list(between(asking, ORDERS, [symbol], from_ms, to_ms), asking.order)
    fills, bad_fills = read_list(between(asking, TRADES, [symbol], from_ms, to_ms), asking.trade)
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(found_open + found),
        fills=fills,
        unreadable=bad_open + bad_found + bad_fills,
        sources=_SOURCES,
        # The first source was asked before the others: what holds for it holds for all.
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, f"GET {'+'.join(_SOURCES)}", opened.answer, detail="openOrders"),
    )


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List open orders, of one symbol or of all; the venue has no pages of them."""
    told = asking.must(_OPEN_ORDERS, [] if venue_symbol is None else [("symbol", venue_symbol)], _OPEN_COST)
    orders, unreadable = listed(told.payload, asking.order)
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=orders,
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, f"GET {_OPEN_ORDERS}", told.answer),
    )


def fills(asking: Questions, request: FetchFills, venue_symbol: str) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    symbol = ("symbol", venue_symbol)
    if request.venue_order_id is not None:
        found, unreadable = _trades_of_order(asking, venue_symbol, request.venue_order_id, placed_ms=None)
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        rows = between(asking, TRADES, [symbol], request.since_venue_ms, until_ms)
        found, unreadable = read_list(rows, asking.trade)
    else:
        found, unreadable = read_list(latest(asking, TRADES, [symbol]), asking.trade)
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=found,
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
    )


def _trades_of_order(
    asking: Questions, venue_symbol: str, venue_order_id: str, *, placed_ms: int | None
) -> tuple[tuple[VenueFill, ...], int]:
    rows = of_order(asking, [("symbol", venue_symbol), ("orderId", venue_order_id)], placed_ms)
    found, unreadable = read_list(rows, asking.trade)
    return tuple(fill for fill in found if fill.venue_order_id == venue_order_id), unreadable


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    told = asking.must(_ACCOUNT, [], _ACCOUNT_COST)
    entries = as_list(as_record(told.payload).get("balances"))
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=tuple(read_balance(entry) for entry in entries),
        received_ms=told.answer.received_ms,
    )


def price(session: RestSession, request: FetchPrice, venue_symbol: str) -> CallReport:
    """Read the latest price; an answer about another symbol, or without a price above zero, is none."""
    told = session.public(f"{_PRICE}?{encode([('symbol', venue_symbol)])}", cost_of(1), session.call_timeout_ms)
    if isinstance(told, Untold):
        raise IncompleteError(told)
    record = as_record(told.payload)
    if text(record, "symbol") != venue_symbol:
        raise UnreadableError("the answer is about another symbol")
    return PriceFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        price=positive_number(record, "price"),
        received_ms=told.answer.received_ms,
    )
