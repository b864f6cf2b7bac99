"""Questions to KuCoin that take more than one call: look-ups with executions, searches, lists.

Owns which sources are asked, in what order and how they are joined. A stop order lives in a book of its own until it is
triggered; then an ordinary order, with an id of its own and the same client id, takes its place. So the book of stop
orders is asked first: an order only moves from there to the other, and nobody looks away while it does.
"""

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import CLOCK_MARGIN_MS, exact_sum, joined
from exchanges.fields import as_list, as_record, positive_amount
from exchanges.http import HttpAnswer
from exchanges.kucoin.capabilities import CAPABILITIES
from exchanges.kucoin.questions import Questions
from exchanges.kucoin.translate import TRIGGERED, read_account
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, FetchPrice, LookUpOrder, SearchOrder
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
    stop, told_of_stop = (
        asking.stop_by_client_id(venue_symbol, client_id) if venue_id is None else asking.stop(venue_id)
    )
    if stop is not None and stop.venue_status != TRIGGERED:
        return _order_found(asking, request, stop, told_of_stop, endpoint=_STOP_BY_ID)
    order, told = asking.order_by_client_id(venue_symbol, client_id)
    if order is None:
        stop = stop or (None if venue_id is None else asking.end_of_stop(venue_id))
    if order is None and stop is not None:
        return _order_found(asking, request, stop, told_of_stop, endpoint=_STOP_BY_ID)
    return _found(asking, request, order, told, venue_symbol)


def _found(
    asking: Questions, request: LookUpOrder, order: VenueOrder | None, told: Told | Untold, venue_symbol: str
) -> CallReport:
    if order is None:
        return OrderNotFound(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            asked_venue_ms=asking.asked_venue_ms,
            evidence=answer_evidence(_LOOKUP, _BY_ID, _answer_of(told)),
        )
    fills, complete = _executions(asking, request, order, venue_symbol)
    return _order_found(asking, request, order, told, fills, complete=complete, endpoint=_BY_ID)


def _order_found(
    asking: Questions,
    request: LookUpOrder,
    order: VenueOrder,
    told: Told | Untold,
    fills: tuple[VenueFill, ...] = (),
    *,
    complete: bool = True,
    endpoint: str,
) -> OrderFound:
    return OrderFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        fills=fills,
        fills_complete=complete,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            _LOOKUP, endpoint, _answer_of(told), venue_time_ms=order.updated_venue_ms, detail=order.venue_status
        ),
    )


def _answer_of(told: Told | Untold) -> HttpAnswer:
    if told.answer is None:
        raise IncompleteError(Untold(reason=told.reason if isinstance(told, Untold) else "unreadable"))
    return told.answer


def _executions(
    asking: Questions, request: LookUpOrder, order: VenueOrder, venue_symbol: str
) -> tuple[tuple[VenueFill, ...], bool]:
    if not order.filled_size:
        return (), True
    if not request.with_fills:
        return (), False
    try:
        fills, unreadable = asking.fills_of(venue_symbol, order.venue_order_id)
    except IncompleteError:
        return (), False
    own = tuple(fill for fill in fills if fill.venue_order_id == order.venue_order_id)
    return own, not unreadable and exact_sum(fill.size for fill in own) >= order.filled_size


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List stop orders, working and ended orders, and executions of a symbol from a time on: every source, or no
    answer.
    """
    (stops, bad_stops), _ = asking.stops(venue_symbol)
    (working, bad_working), told = asking.working(venue_symbol)
    # Until now: an order of the period may have ended after it, and which of its times counts is not documented.
    until_ms = max(request.to_venue_ms, asking.venue_now_ms() + CLOCK_MARGIN_MS)
    ended, bad_ended = asking.ended(venue_symbol, request.from_venue_ms, until_ms)
    fills, bad_fills = asking.fills_between(venue_symbol, request.from_venue_ms, until_ms)
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=_with_followed(stops, joined(working + ended)),
        fills=fills,
        unreadable=bad_stops + bad_working + bad_ended + bad_fills,
        sources=_sources(asking.venue_now_ms() - request.from_venue_ms),
        # The first source was asked before the others: what holds for it holds for all.
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            _LOOKUP, f"GET {'+'.join(CAPABILITIES.search_sources)}", told.answer, detail="active"
        ),
    )


def _sources(back_ms: int) -> tuple[str, ...]:
    kept = {"done": CANCELLED_KEPT_MS, "fills": FILLED_KEPT_MS}
    return tuple(name for name in CAPABILITIES.search_sources if back_ms <= kept.get(name, back_ms))


def _with_followed(stops: tuple[VenueOrder, ...], orders: tuple[VenueOrder, ...]) -> tuple[VenueOrder, ...]:
    # A triggered stop order and the order that took its place are one order, and that is the one that is there now.
    present = {order.client_order_id for order in orders}
    return (*(stop for stop in stops if stop.venue_status != TRIGGERED or stop.client_order_id not in present), *orders)


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List working orders, of one symbol or of all, and stop orders that wait."""
    (stops, unreadable), told = asking.stops(venue_symbol)
    found = [stop for stop in stops if stop.venue_status != TRIGGERED]
    for name in asking.working_symbols() if venue_symbol is None else (venue_symbol,):
        (orders, bad), _ = asking.working(name)
        found += orders
        unreadable += bad
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(found),
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, "GET stop-order+active", told.answer),
    )


def fills(asking: Questions, request: FetchFills, venue_symbol: str) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    if is_stop_id(request.venue_order_id):
        # A stop order executes nothing under its own id.
        return _fills_fetched(request, (), 0, asked_venue_ms=asking.venue_now_ms())
    if request.venue_order_id is not None:
        found, unreadable = asking.fills_of(venue_symbol, request.venue_order_id)
    elif request.since_venue_ms is not None:
        now_ms = asking.venue_now_ms()
        # Of what is older the venue has none left.
        since_ms = max(request.since_venue_ms, now_ms - FILLED_KEPT_MS)
        found, unreadable = asking.fills_between(venue_symbol, since_ms, now_ms + CLOCK_MARGIN_MS)
    else:
        found, unreadable = asking.latest_fills(venue_symbol)
    return _fills_fetched(request, found, unreadable, asked_venue_ms=asking.asked_venue_ms)


def _fills_fetched(
    request: FetchFills, found: tuple[VenueFill, ...], unreadable: int, *, asked_venue_ms: int
) -> FillsFetched:
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=found,
        unreadable=unreadable,
        asked_venue_ms=asked_venue_ms,
    )


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    told = asking.must("/api/v1/accounts", [("type", "trade")], {"management": 5})
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=tuple(read_account(item) for item in as_list(told.payload)),
        received_ms=told.answer.received_ms,
    )


def price_report(request: FetchPrice, told: Told) -> CallReport:
    """Read the price, which the answer does not name the symbol of.

    Raises `UnreadableError` when there is no price above zero.
    """
    return PriceFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        price=positive_amount(as_record(told.payload), "price"),
        received_ms=told.answer.received_ms,
    )
