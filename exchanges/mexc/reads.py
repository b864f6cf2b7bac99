"""Questions to MEXC: look-ups with executions, searches, lists with pages, balances.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Callable
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import CLOCK_MARGIN_MS, joined, listed
from exchanges.failures import unanswered
from exchanges.fields import UnreadableError, as_list, as_record, positive_number, read_list, text
from exchanges.findings import (
    balances_fetched,
    fills_fetched,
    open_orders_fetched,
    order_found,
    order_not_found,
    orders_searched,
    price_fetched,
)
from exchanges.mexc.capabilities import CAPABILITIES
from exchanges.mexc.orders import Params, named_params
from exchanges.mexc.outcomes import UNKNOWN_ORDER_CODES
from exchanges.mexc.pages import ORDERS, TRADES, between, latest, of_order
from exchanges.mexc.placements import ORDER_PATH
from exchanges.mexc.rest import RestSession, cost_of
from exchanges.mexc.rows import order_reader, parse_orders
from exchanges.mexc.sign import encode
from exchanges.mexc.translate import read_balance, read_order, read_trade
from exchanges.questions import BaseQuestions, answered, executions_of
from exchanges.session import Cost
from exchanges.wire_json import parse_exact
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
from messages.reports import CallReport
from messages.types import EvidenceSource, VenueOrder

_SOURCES = CAPABILITIES.search_sources
_LOOKUP = EvidenceSource.LOOKUP
_ORDER = f"GET {ORDER_PATH}"
_OPEN_ORDERS = "/api/v3/openOrders"
_ACCOUNT = "/api/v3/account"
_PRICE = "/api/v3/ticker/price"
_ORDER_COST, _OPEN_COST, _ACCOUNT_COST = cost_of(2), cost_of(3), cost_of(10, account=1)
_NOT_FOUND = frozenset(str(code) for code in UNKNOWN_ORDER_CODES)


class Questions(BaseQuestions[RestSession]):
    """Signed questions on behalf of one request."""

    def ask(
        self, path: str, params: Params, cost: Cost, parse: Callable[[bytes], Any] = parse_exact
    ) -> Told | Untold:
        """Ask one question, again while that may help. `parse` parses the answer."""
        return self._session.question(self._asking, path, params, cost, parse)

    def must(self, path: str, params: Params, cost: Cost, parse: Callable[[bytes], Any] = parse_exact) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        return answered(self.ask(path, params, cost, parse))

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
    fills, complete = executions_of(
        request,
        order,
        lambda: _trades_of_order(asking, venue_symbol, order.venue_order_id, placed_ms=order.created_venue_ms),
    )
    return order_found(asking, request, order, told.answer, endpoint=_ORDER, fills=fills, complete=complete)


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
    return order_not_found(asking, request, untold.answer, endpoint=_ORDER, detail=untold.code)


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List open orders, all orders and executions of a symbol around a time: every source, or no answer."""
    symbol = ("symbol", venue_symbol)
    from_ms, to_ms = request.from_venue_ms, request.to_venue_ms
    opened = asking.must(_OPEN_ORDERS, [symbol], _OPEN_COST, parse_orders)
    found_open, bad_open = listed(opened.payload, order_reader(asking.symbols))
    found, bad_found = read_list(between(asking, ORDERS, [symbol], from_ms, to_ms), asking.order)
    fills, bad_fills = read_list(between(asking, TRADES, [symbol], from_ms, to_ms), asking.trade)
    return orders_searched(
        asking,
        request,
        joined(found_open + found),
        fills,
        opened.answer,
        unreadable=bad_open + bad_found + bad_fills,
        sources=_SOURCES,
        detail="openOrders",
    )


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List open orders, of one symbol or of all; the venue has no pages of them."""
    about = [] if venue_symbol is None else [("symbol", venue_symbol)]
    told = asking.must(_OPEN_ORDERS, about, _OPEN_COST, parse_orders)
    orders, unreadable = listed(told.payload, order_reader(asking.symbols))
    return open_orders_fetched(
        asking, request, orders, unreadable, told.answer, endpoint=f"GET {_OPEN_ORDERS}"
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
    return fills_fetched(request, found, unreadable, asked_venue_ms=asking.asked_venue_ms)


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
    return balances_fetched(request, map(read_balance, entries), told.answer)


def price(session: RestSession, request: FetchPrice, venue_symbol: str) -> CallReport:
    """Read the latest price; an answer about another symbol, or without a price above zero, is none."""
    told = session.public(f"{_PRICE}?{encode([('symbol', venue_symbol)])}", cost_of(1), session.call_timeout_ms)
    if isinstance(told, Untold):
        raise IncompleteError(told)
    record = as_record(told.payload)
    if text(record, "symbol") != venue_symbol:
        raise UnreadableError("the answer is about another symbol")
    return price_fetched(request, positive_number(record, "price"), told.answer)
