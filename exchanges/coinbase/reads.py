"""Questions to Coinbase that take more than one call: look-ups with executions, searches, lists with pages.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from exchanges.answers import IncompleteError, Untold
from exchanges.asking import CLOCK_MARGIN_MS, exact_sum, joined
from exchanges.coinbase.answers import NOT_FOUND
from exchanges.coinbase.capabilities import CAPABILITIES
from exchanges.coinbase.changes import ORDER_PATH
from exchanges.coinbase.executions import read_balance
from exchanges.coinbase.questions import BATCH_PATH, PAGE, Questions, unexplained
from exchanges.coinbase.rest import BASE_PATH
from exchanges.coinbase.times import written_time
from exchanges.coinbase.translate import WORKING, executions_told, tells_executions
from exchanges.failures import unanswered
from exchanges.fields import as_record
from exchanges.findings import (
    balances_fetched,
    fills_fetched,
    open_orders_fetched,
    order_found,
    order_not_found,
    orders_searched,
)
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, LookUpOrder, SearchOrder
from messages.fills import VenueFill
from messages.reports import CallReport
from messages.types import ENDED_STATUSES, ZERO, VenueOrder

SEARCH_SOURCES = CAPABILITIES.search_sources

_ACCOUNTS_PATH = f"{BASE_PATH}/accounts"


def look_up(asking: Questions, request: LookUpOrder) -> CallReport:
    """Ask for one order, and for its executions when it has any. The venue finds none by its client id."""
    if request.venue_order_id is None:
        return unanswered(request, "not_supported: no look-up by client id")
    told = asking.ask_order(request.venue_order_id)
    if isinstance(told, Untold):
        return _not_told(asking, request, told)
    shown = as_record(told.payload).get("order")
    order = asking.read_order(shown)
    if order.venue_order_id != request.venue_order_id:
        return unanswered(request, "unreadable: the answer is about another order")
    order, fills, complete = _with_executions(asking, request, order, shown)
    return order_found(
        asking, request, order, told.answer, endpoint=f"GET {ORDER_PATH}", fills=fills, complete=complete
    )


def _not_told(asking: Questions, request: LookUpOrder, untold: Untold) -> CallReport:
    if untold.code != NOT_FOUND or untold.answer is None:
        return unanswered(request, untold.reason, retry_after_ms=untold.retry_after_ms)
    return order_not_found(asking, request, untold.answer, endpoint=f"GET {ORDER_PATH}", detail=NOT_FOUND)


def _with_executions(
    asking: Questions, request: LookUpOrder, order: VenueOrder, shown: Any
) -> tuple[VenueOrder, tuple[VenueFill, ...], bool]:
    executions = executions_told(shown)
    # What has executed by its value alone has no size yet that the list could be held against.
    sized = bool(order.filled_size or executions)
    if not sized and not tells_executions(shown):
        return order, (), True
    if not request.with_fills:
        return order, (), False
    try:
        listed = asking.fills_of(order.venue_order_id)
    except IncompleteError:
        return order, (), False
    own = tuple(fill for fill in listed.fills if fill.venue_order_id == order.venue_order_id)
    executed = exact_sum(fill.size for fill in own)
    # What was taken back since is among those that the order counts.
    rows = len(own) + sum(fill.venue_order_id == order.venue_order_id for fill in listed.voided)
    all_rows = not listed.unreadable and rows >= (executions or 0)
    if order.quote_size is not None and all_rows and executions and executed:
        # Sized in quote units, what it has executed in base units is known from its executions alone.
        return replace(order, size=executed, filled_size=executed), own, True
    if order.filled_size and order.quote_size is None:
        # What they add up to decides: corrections may be counted among the rows, and add nothing.
        return order, own, not listed.unreadable and executed >= order.filled_size
    return order, own, sized and all_rows and executed >= order.filled_size


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List orders in all statuses, and executions, of a symbol around a time: every source, or no answer."""
    from_time, to_time = written_time(request.from_venue_ms), written_time(request.to_venue_ms + 1)
    # An order that is looked for may be shown under another name of the book that it is in.
    products = asking.same_book(venue_symbol) if request.order_id else (venue_symbol,)
    named = [("product_ids", each) for each in products]
    orders, bad_orders, told = asking.orders([*named, ("start_date", from_time), ("end_date", to_time)])
    # Until now: an execution of the period may have been taken back after it.
    until_ms = max(request.to_venue_ms, asking.venue_now_ms() + CLOCK_MARGIN_MS)
    listed = asking.fills_between(products, request.from_venue_ms, until_ms)
    bad_fills = listed.unreadable + unexplained(listed, orders, request.symbol, request.from_venue_ms)
    return orders_searched(
        asking,
        request,
        joined(orders),
        listed.fills,
        told.answer,
        unreadable=bad_orders + bad_fills,
        sources=SEARCH_SOURCES,
        detail=SEARCH_SOURCES[0],
        voided=listed.voided,
    )


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List open orders, of one symbol or of all: those in every status that is not an end."""
    of_symbol = [] if venue_symbol is None else [("product_ids", venue_symbol)]
    orders, unreadable, told = asking.orders(of_symbol + [("order_status", status) for status in WORKING])
    # One that ended while pages were turned may be among them.
    working = tuple(order for order in joined(orders) if order.status not in ENDED_STATUSES)
    return open_orders_fetched(asking, request, working, unreadable, told.answer, endpoint=f"GET {BATCH_PATH}")


def fills(asking: Questions, request: FetchFills, venue_symbol: str) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    if request.venue_order_id is not None:
        listed = asking.fills_of(request.venue_order_id)
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        listed = asking.fills_between((venue_symbol,), request.since_venue_ms, until_ms)
    else:
        listed = asking.latest_fills(venue_symbol)
    return fills_fetched(
        request, listed.fills, listed.unreadable, asked_venue_ms=asking.asked_venue_ms, voided=listed.voided
    )


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    pages = asking.pages(_ACCOUNTS_PATH, [("limit", str(PAGE))], "accounts", counted=True)
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for page, _ in pages:
        for asset, total, available in map(read_balance, page["accounts"]):
            # An asset may have several accounts.
            known = sums.get(asset, (ZERO, ZERO))
            sums[asset] = exact_sum((known[0], total)), exact_sum((known[1], available))
    balances = ((asset, total, available) for asset, (total, available) in sums.items())
    return balances_fetched(request, balances, pages[-1][1].answer)
