"""Questions to KuCoin that take more than one call: look-ups with executions, searches, lists.

Owns which sources are asked, in what order and how they are joined. A stop order lives in a book of its own until it is
triggered; then an ordinary order, with an id of its own and the same client id, takes its place. An order only moves
from there to the other book: so nobody has looked away while it does who asks for ordinary orders after stop orders. It
never holds a list for complete that goes farther back than the venue keeps records.
"""

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import CLOCK_MARGIN_MS, joined
from exchanges.fields import as_list, as_record, positive_amount
from exchanges.findings import (
    balances_fetched,
    fills_fetched,
    open_orders_fetched,
    order_found,
    order_not_found,
    orders_searched,
    price_fetched,
)
from exchanges.http import HttpAnswer
from exchanges.kucoin.answers import knows_no_stop
from exchanges.kucoin.capabilities import CAPABILITIES
from exchanges.kucoin.executions import read_account
from exchanges.kucoin.questions import Questions
from exchanges.kucoin.translate import TRIGGERED
from exchanges.questions import executions_of
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, FetchPrice, LookUpOrder, SearchOrder
from messages.reports import CallReport
from messages.types import EvidenceSource, VenueOrder

DAY_MS = 86_400_000
CANCELLED_KEPT_MS = 2 * DAY_MS
"""How long the venue lists a cancelled order; of a longer period it lists that part and does not say so."""
FILLED_KEPT_MS = 7 * DAY_MS
"""How long it lists an execution."""
PRICE_PATH = "/api/v1/market/orderbook/level1"

_LOOKUP = EvidenceSource.LOOKUP
_BY_ID = "GET /api/v1/hf/orders/{id}"
_STOP_BY_ID = "GET /api/v1/stop-order/{id}"


def is_stop_id(venue_order_id: str | None) -> bool:
    """Whether a venue id is that of a stop order that has not been triggered."""
    return venue_order_id is not None and venue_order_id.startswith(CAPABILITIES.untriggered_prefix)


def look_up(asking: Questions, request: LookUpOrder, venue_symbol: str) -> CallReport:
    """Ask for one order, wherever it may be, and for its executions when it has any."""
    venue_id, client_id = request.venue_order_id, request.client_order_id
    if venue_id is not None and not is_stop_id(venue_id):
        order, told = asking.order(venue_symbol, venue_id)
        return _found(asking, request, order, told, venue_symbol)
    if venue_id is None:
        # Most orders are no stop orders, and are found whatever the other book answers.
        order, told = asking.order_by_client_id(venue_symbol, client_id)
        if order is not None:
            return _found(asking, request, order, told, venue_symbol)
    stop, told_of_stop = _stop(asking, request, venue_symbol)
    if stop is not None and stop.venue_status != TRIGGERED:
        return _stop_found(asking, request, stop, told_of_stop)
    order, told = asking.order_by_client_id(venue_symbol, client_id)
    if order is None and isinstance(told_of_stop, Untold) and not knows_no_stop(told_of_stop):
        raise IncompleteError(told_of_stop)
    if order is None:
        stop = stop or (None if venue_id is None else asking.end_of_stop(venue_id))
    if order is None and stop is not None:
        return _stop_found(asking, request, stop, told_of_stop)
    return _found(asking, request, order, told, venue_symbol)


def _stop(asking: Questions, request: LookUpOrder, venue_symbol: str) -> tuple[VenueOrder | None, Told | Untold]:
    # What follows a stop order may be found although the book of stop orders does not answer.
    try:
        if request.venue_order_id is not None:
            return asking.stop(request.venue_order_id)
        return asking.stop_by_client_id(venue_symbol, request.client_order_id)
    except IncompleteError as error:
        return None, error.untold


def _found(
    asking: Questions, request: LookUpOrder, order: VenueOrder | None, told: Told | Untold, venue_symbol: str
) -> CallReport:
    if order is None:
        return order_not_found(asking, request, _answer_of(told), endpoint=_BY_ID)
    fills, complete = executions_of(
        request, order, lambda: asking.fills_of(venue_symbol, order.venue_order_id)
    )
    return order_found(asking, request, order, _answer_of(told), endpoint=_BY_ID, fills=fills, complete=complete)


def _stop_found(asking: Questions, request: LookUpOrder, stop: VenueOrder, told: Told | Untold) -> CallReport:
    # It executes nothing under its own id.
    return order_found(asking, request, stop, _answer_of(told), endpoint=_STOP_BY_ID, fills=(), complete=True)


def _answer_of(told: Told | Untold) -> HttpAnswer:
    if told.answer is None:
        raise IncompleteError(Untold(reason=told.reason if isinstance(told, Untold) else "unreadable"))
    return told.answer


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List stop orders, working and ended orders, and executions of a symbol from a time on: every source, or no
    answer.
    """
    (stops, bad_stops), _ = asking.stops(venue_symbol)
    (working, bad_working), told = asking.working(venue_symbol)
    # Until now: an order of the period may have ended after it, and which of its times counts is not documented.
    until_ms = max(request.to_venue_ms, asking.venue_now_ms() + CLOCK_MARGIN_MS)
    ended, bad_ended = asking.ended(venue_symbol, _kept(request.from_venue_ms, until_ms, CANCELLED_KEPT_MS), until_ms)
    fills_from_ms = _kept(request.from_venue_ms, until_ms, FILLED_KEPT_MS)
    fills, bad_fills = asking.fills_between(venue_symbol, fills_from_ms, until_ms)
    return orders_searched(
        asking,
        request,
        _with_followed(stops, joined(working + ended)),
        fills,
        told.answer,
        unreadable=bad_stops + bad_working + bad_ended + bad_fills,
        sources=_sources(until_ms - request.from_venue_ms),
        detail="active",
    )


def _kept(from_ms: int, until_ms: int, kept_ms: int) -> int:
    # A period longer than the venue keeps records is refused by it, or shortened without a word.
    return max(from_ms, until_ms - kept_ms)


def _sources(back_ms: int) -> tuple[str, ...]:
    kept = {"done": CANCELLED_KEPT_MS, "fills": FILLED_KEPT_MS}
    return tuple(name for name in CAPABILITIES.search_sources if back_ms <= kept.get(name, back_ms))


def _with_followed(stops: tuple[VenueOrder, ...], orders: tuple[VenueOrder, ...]) -> tuple[VenueOrder, ...]:
    # A triggered stop order and the order that took its place are one order, and that is the one that is there now.
    present = {order.client_order_id for order in orders if order.client_order_id}
    return (*(stop for stop in stops if stop.venue_status != TRIGGERED or stop.client_order_id not in present), *orders)


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List working orders, of one symbol or of all, and stop orders that wait."""
    (stops, unreadable), told = asking.stops(venue_symbol)
    found = [stop for stop in stops if stop.venue_status != TRIGGERED]
    for name in asking.working_symbols() if venue_symbol is None else (venue_symbol,):
        (orders, bad), _ = asking.working(name)
        found += orders
        unreadable += bad
    return open_orders_fetched(
        asking, request, joined(found), unreadable, told.answer, endpoint="GET stop-order+active"
    )


def fills(asking: Questions, request: FetchFills, venue_symbol: str) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    if is_stop_id(request.venue_order_id):
        # A stop order executes nothing under its own id.
        return fills_fetched(request, (), 0, asked_venue_ms=asking.venue_now_ms())
    if request.venue_order_id is not None:
        found, unreadable = asking.fills_of(venue_symbol, request.venue_order_id)
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        since_ms = _kept(request.since_venue_ms, until_ms, FILLED_KEPT_MS)
        found, unreadable = asking.fills_between(venue_symbol, since_ms, until_ms)
        # Whether there was anything in the part that is gone, nobody tells: then the list is not complete.
        unreadable += since_ms > request.since_venue_ms
    else:
        found, unreadable = asking.latest_fills(venue_symbol)
    return fills_fetched(request, found, unreadable, asked_venue_ms=asking.asked_venue_ms)


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    told = asking.must("/api/v1/accounts", [("type", "trade")], {"management": 5})
    return balances_fetched(request, map(read_account, as_list(told.payload)), told.answer)


def price_report(request: FetchPrice, told: Told) -> CallReport:
    """Read the price, which the answer does not name the symbol of.

    Raises `UnreadableError` when there is no price above zero.
    """
    return price_fetched(request, positive_amount(as_record(told.payload), "price"), told.answer)
