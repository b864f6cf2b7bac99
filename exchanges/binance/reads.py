"""Questions to Binance that take more than one call: look-ups with executions, searches, lists with pages.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import CLOCK_MARGIN_MS, PAGES_MAX, joined, listed
from exchanges.binance.answers import ORDER_PATH
from exchanges.binance.capabilities import CAPABILITIES
from exchanges.binance.orders import Params
from exchanges.binance.outcomes import NO_SUCH_ORDER
from exchanges.binance.rest import RestSession
from exchanges.binance.rows import order_reader, parse_orders
from exchanges.binance.translate import read_balance, read_order, read_trade
from exchanges.failures import unanswered
from exchanges.fields import UnreadableError, as_list, as_record, integer, read_list
from exchanges.findings import (
    balances_fetched,
    fills_fetched,
    open_orders_fetched,
    order_found,
    order_not_found,
    orders_searched,
)
from exchanges.questions import BaseQuestions, answered, executions_of
from exchanges.wire_json import parse_json
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, LookUpOrder, SearchOrder
from messages.fills import VenueFill
from messages.reports import CallReport

SEARCH_SOURCES = CAPABILITIES.search_sources
PAGE = 1000
WINDOW_MS = 86_400_000
"""The venue lists at most this period per call."""

_ORDER = f"GET {ORDER_PATH}"
_OPEN_ORDERS = "/api/v3/openOrders"
_ACCOUNT = "/api/v3/account"


@dataclass(frozen=True, slots=True)
class _Source:
    # One list of the venue and how its pages are turned.
    path: str
    weight: int
    key: str
    from_parameter: str


_ORDERS = _Source("/api/v3/allOrders", 20, "orderId", "orderId")
_TRADES = _Source("/api/v3/myTrades", 20, "id", "fromId")
_TRADES_OF_ORDER = _Source("/api/v3/myTrades", 5, "id", "fromId")


class Questions(BaseQuestions[RestSession]):
    """Signed questions on behalf of one request."""

    def ask(
        self, path: str, params: Params, weight: int, parse: Callable[[bytes], Any] = parse_json
    ) -> Told | Untold:
        """Ask one question, again while that may help. `parse` parses the answer."""
        return self._session.question(self._asking, path, params, weight, parse)

    def must(self, path: str, params: Params, weight: int, parse: Callable[[bytes], Any] = parse_json) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        return answered(self.ask(path, params, weight, parse))


def look_up(asking: Questions, request: LookUpOrder, venue_symbol: str) -> CallReport:
    """Ask for one order, and for its executions when it has any."""
    named = (
        ("orderId", request.venue_order_id)
        if request.venue_order_id is not None
        else ("origClientOrderId", request.client_order_id)
    )
    told = asking.ask(ORDER_PATH, [("symbol", venue_symbol), named], 4)
    if isinstance(told, Untold):
        return _not_told(asking, request, told)
    order = read_order(told.payload, asking.symbols)
    fills, complete = executions_of(
        request, order, lambda: _trades_of_order(asking, venue_symbol, order.venue_order_id)
    )
    return order_found(asking, request, order, told.answer, endpoint=_ORDER, fills=fills, complete=complete)


def _not_told(asking: Questions, request: LookUpOrder, untold: Untold) -> CallReport:
    if untold.code != str(NO_SUCH_ORDER) or untold.answer is None:
        return unanswered(request, untold.reason, retry_after_ms=untold.retry_after_ms)
    return order_not_found(asking, request, untold.answer, endpoint=_ORDER, detail=untold.code)


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List open orders, all orders and executions of a symbol around a time: every source, or no answer."""
    symbol = ("symbol", venue_symbol)
    opened = asking.must(_OPEN_ORDERS, [symbol], 6, parse_orders)
    found_open, bad_open = listed(opened.payload, order_reader(asking.symbols))
    rows = _period(asking, _ORDERS, symbol, request.from_venue_ms, request.to_venue_ms)
    found, bad_found = read_list(rows, lambda item: read_order(item, asking.symbols))
    fills, bad_fills = _trades_between(asking, symbol, request.from_venue_ms, request.to_venue_ms)
    return orders_searched(
        asking,
        request,
        joined(found_open + found),
        fills,
        opened.answer,
        unreadable=bad_open + bad_found + bad_fills,
        sources=SEARCH_SOURCES,
        detail="openOrders",
    )


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List open orders, of one symbol or of all."""
    params, weight = ([], 80) if venue_symbol is None else ([("symbol", venue_symbol)], 6)
    told = asking.must(_OPEN_ORDERS, params, weight, parse_orders)
    orders, unreadable = listed(told.payload, order_reader(asking.symbols))
    return open_orders_fetched(
        asking, request, orders, unreadable, told.answer, endpoint=f"GET {_OPEN_ORDERS}"
    )


def fills(asking: Questions, request: FetchFills, venue_symbol: str) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    symbol = ("symbol", venue_symbol)
    if request.venue_order_id is not None:
        found, unreadable = _trades_of_order(asking, venue_symbol, request.venue_order_id)
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        found, unreadable = _trades_between(asking, symbol, request.since_venue_ms, until_ms)
    else:
        page = _page(asking, _TRADES, [symbol])
        found, unreadable = read_list(page, lambda item: read_trade(item, asking.symbols))
    return fills_fetched(request, found, unreadable, asked_venue_ms=asking.asked_venue_ms)


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    told = asking.must(_ACCOUNT, [("omitZeroBalances", "true")], 20)
    entries = as_list(as_record(told.payload).get("balances"))
    read = tuple(read_balance(entry, asset="asset", free="free", locked="locked") for entry in entries)
    return balances_fetched(request, read, told.answer)


def _trades_of_order(asking: Questions, venue_symbol: str, venue_order_id: str) -> tuple[tuple[VenueFill, ...], int]:
    about = [("symbol", venue_symbol), ("orderId", venue_order_id)]
    # Without an id to begin at, the venue tells the latest page, and what came before it could not be asked for.
    page = _page(asking, _TRADES_OF_ORDER, [*about, (_TRADES_OF_ORDER.from_parameter, "0")])
    if len(page) >= PAGE:
        page = page + _following(asking, _TRADES_OF_ORDER, about, page, until_ms=None)
    return read_list(page, lambda item: read_trade(item, asking.symbols))


def _trades_between(
    asking: Questions, symbol: tuple[str, str], from_ms: int, to_ms: int
) -> tuple[tuple[VenueFill, ...], int]:
    return read_list(_period(asking, _TRADES, symbol, from_ms, to_ms), lambda item: read_trade(item, asking.symbols))


def _period(asking: Questions, source: _Source, symbol: tuple[str, str], from_ms: int, to_ms: int) -> list[Any]:
    # Everything the source lists for a period. A window that fills a page is continued by id, which also covers
    # the windows after it.
    found: list[Any] = []
    start_ms = min(from_ms, to_ms)
    for _ in range(PAGES_MAX):
        end_ms = min(start_ms + WINDOW_MS, to_ms)
        page = _page(asking, source, [symbol, ("startTime", str(start_ms)), ("endTime", str(end_ms))])
        found += page
        if len(page) >= PAGE:
            return found + _following(asking, source, [symbol], page, until_ms=to_ms)
        if end_ms >= to_ms:
            return found
        start_ms = end_ms + 1
    raise IncompleteError(Untold(reason="too_many_pages"))


def _following(
    asking: Questions, source: _Source, about: Params, page: list[Any], *, until_ms: int | None
) -> list[Any]:
    found: list[Any] = []
    for _ in range(PAGES_MAX):
        after = str(_integer_of(page[-1], source.key) + 1)
        page = _page(asking, source, [*about, (source.from_parameter, after)])
        found += page
        if len(page) < PAGE or (until_ms is not None and _integer_of(page[-1], "time") > until_ms):
            return found
    raise IncompleteError(Untold(reason="too_many_pages"))


def _page(asking: Questions, source: _Source, params: Params) -> list[Any]:
    told = asking.must(source.path, [*params, ("limit", str(PAGE))], source.weight)
    try:
        return as_list(told.payload)
    except UnreadableError:
        raise IncompleteError(Untold(reason="unreadable: not a list")) from None


def _integer_of(item: Any, name: str) -> int:
    # Where a full page ends in a record that cannot be read, the next page cannot be named.
    try:
        return integer(as_record(item), name)
    except UnreadableError as error:
        raise IncompleteError(Untold(reason=f"unreadable: {error}")) from None
