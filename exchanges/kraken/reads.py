"""Lists of Kraken: open orders, closed orders, executions, balances.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from typing import Any

from exchanges.answers import IncompleteError, Untold, answer_evidence
from exchanges.asking import CLOCK_MARGIN_MS, joined
from exchanges.kraken.capabilities import CAPABILITIES
from exchanges.kraken.lookups import by_id, trades_of
from exchanges.kraken.orders import Params
from exchanges.kraken.questions import (
    APART,
    CALL,
    HISTORY_CALL,
    SEARCH_CALLS,
    Questions,
    Rows,
    pages,
    read_rows,
    rows_of,
)
from exchanges.kraken.rows import order_reader, parse_open
from exchanges.kraken.translate import tells_executions
from exchanges.wire_json import parse_exact
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, SearchOrder
from messages.fills import VenueFill
from messages.reports import BalancesFetched, CallReport, FillsFetched, OpenOrdersFetched, OrdersSearched
from messages.types import EvidenceSource, VenueOrder

SEARCH_SOURCES = CAPABILITIES.search_sources

_OPEN = "/0/private/OpenOrders"
_CLOSED = "/0/private/ClosedOrders"
_HISTORY = "/0/private/TradesHistory"
_BALANCES = "/0/private/BalanceEx"
_URGENT_CALLS = SEARCH_CALLS + 2 * CALL
"""What a list leaves that is read at intervals: room to look for an order of which nobody knows what became."""


def search(asking: Questions, request: SearchOrder) -> CallReport:
    """List open orders, closed orders and executions of a symbol around a time: every source, or no answer.

    Where it is for no order, but for the recent history of its symbol, those go before it that are for one.
    """
    asking.reserve(SEARCH_CALLS, spare=0 if request.client_order_id else 2 * CALL)
    opened = asking.must(_OPEN, [])
    found_open, bad_open = _orders_of(asking, rows_of(opened.payload, "open"), request.symbol)
    window = _window(request.from_venue_ms, request.to_venue_ms)
    closed, _ = pages(asking, _CLOSED, "closed", [*window, ("closetime", "both"), APART], CALL)
    found_closed, bad_closed = _orders_of(asking, closed, request.symbol)
    fills, bad_fills = _trades_between(asking, request.symbol, window)
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(found_open + found_closed),
        fills=fills,
        unreadable=bad_open + bad_closed + bad_fills,
        sources=SEARCH_SOURCES,
        # The first source was asked before the others: what holds for it holds for all.
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            EvidenceSource.LOOKUP, f"POST {'+'.join(SEARCH_SOURCES)}", opened.answer, detail="OpenOrders"
        ),
    )


def open_orders(asking: Questions, request: FetchOpenOrders) -> CallReport:
    """List open orders, of one symbol or of all; they come in one answer.

    Nothing is placed before they are known, so they come before the history of a symbol; a search for an order has room
    all the same, however often they are asked for. What is asked in somebody's name comes before what is not.
    """
    asking.reserve(CALL, spare=SEARCH_CALLS - CALL if request.order_id else SEARCH_CALLS)
    # Orders of one symbol are picked by their records, which rows are not.
    told = asking.must(_OPEN, [], parse=parse_open if request.symbol is None else parse_exact)
    orders, unreadable = _orders_of(asking, rows_of(told.payload, "open"), request.symbol)
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=orders,
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(EvidenceSource.LOOKUP, f"POST {_OPEN}", told.answer),
    )


def fills(asking: Questions, request: FetchFills) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    if request.venue_order_id is not None:
        found, unreadable = _fills_of_order(asking, request.venue_order_id), 0
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        window = _window(request.since_venue_ms, until_ms)
        asking.reserve(HISTORY_CALL, spare=_spare(request))
        found, unreadable = _trades_between(asking, request.symbol, window)
    else:
        asking.reserve(HISTORY_CALL, spare=_spare(request))
        told = asking.must(_HISTORY, [APART], HISTORY_CALL)
        found, unreadable = _trades_of_symbol(asking, rows_of(told.payload, "trades"), request.symbol)
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=found,
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
    )


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    asking.reserve(CALL, spare=_spare(request))
    told = asking.must(_BALANCES, [])
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=asking.balances(told.payload),
        received_ms=told.answer.received_ms,
    )


def _spare(request: FetchFills | FetchBalances) -> int:
    # What is asked for in somebody's name is waited for. What is not comes again at the next interval.
    return 0 if request.order_id else _URGENT_CALLS


def _fills_of_order(asking: Questions, venue_order_id: str) -> tuple[VenueFill, ...]:
    asking.reserve(2 * CALL)
    found = by_id(asking, venue_order_id)
    if isinstance(found, Untold):
        raise IncompleteError(Untold(reason="unknown_order"))
    if not found.order.filled_size and not tells_executions(found.record):
        return ()
    listed, complete = trades_of(asking, found)
    if not complete:
        raise IncompleteError(Untold(reason="the executions do not add up to what the order has executed"))
    return listed


def _trades_between(asking: Questions, symbol: str, window: Params) -> tuple[tuple[VenueFill, ...], int]:
    rows, _ = pages(asking, _HISTORY, "trades", [*window, APART], HISTORY_CALL)
    return _trades_of_symbol(asking, rows, symbol)


def _window(from_ms: int, to_ms: int) -> Params:
    # Whole seconds, the first of which the venue leaves out.
    return [("start", str(min(from_ms, to_ms) // 1000 - 1)), ("end", str(-(-to_ms // 1000)))]


def _orders_of(asking: Questions, rows: Rows, symbol: str | None) -> tuple[tuple[VenueOrder, ...], int]:
    if symbol is not None:
        rows = {each: item for each, item in rows.items() if _may_be_of(asking, _described(item), symbol)}
    return read_rows(rows, order_reader(asking.symbols))


def _trades_of_symbol(asking: Questions, rows: Rows, symbol: str) -> tuple[tuple[VenueFill, ...], int]:
    return read_rows({each: item for each, item in rows.items() if _may_be_of(asking, item, symbol)}, asking.trade)


def _described(item: Any) -> Any:
    return item.get("descr") if isinstance(item, dict) else None


def _may_be_of(asking: Questions, item: Any, symbol: str) -> bool:
    # What does not name another symbol that we know may be of this one.
    pair = item.get("pair") if isinstance(item, dict) else None
    return asking.symbols.to_canonical.get(pair, symbol) == symbol if isinstance(pair, str) else True
