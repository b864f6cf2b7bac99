"""What the venue answers to questions about orders: truthful, complete, and as far behind as the faults make it."""

from decimal import Decimal
from typing import Any

from exchanges.failures import unanswered
from exchanges.paper.model import PaperOrder
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    LookUpOrder,
    SearchOrder,
    VenueRequest,
)
from messages.fills import FillSource
from messages.reports import (
    BalancesFetched,
    CallReport,
    FillsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
)
from messages.types import Evidence

from .faults import Fault
from .venue import Venue
from .wire import as_triggered, is_between, number_of, venue_fill, venue_order


def find(venue: Venue, request: CancelVenueOrder | LookUpOrder | AmendVenueOrder) -> PaperOrder | None:
    """The order that a request names, as it is now."""
    if request.venue_order_id is None:
        return venue.engine.find(request.account_id, request.symbol, request.client_order_id)
    order = venue.engine.order(number_of(request.venue_order_id))
    return order if order is not None and order.account == request.account_id else None


def looked_up(venue: Venue, request: LookUpOrder, sent_venue_ms: int, proof: Evidence) -> CallReport:
    """Answer a look-up; the order and its executions come from sources that lag independently."""
    if request.venue_order_id is None and not venue.traits.capabilities.lookup_by_client_id:
        return unanswered(request, "no_lookup_by_client_id")
    at_ms = venue.now_ms() - venue.lag_ms(Fault.STALE_READ)
    found = find(venue, request)
    order = None if found is None else venue.as_of(found.order_id, at_ms)
    if order is None:
        return OrderNotFound(**_head(request), asked_venue_ms=sent_venue_ms, evidence=proof)
    if is_between(order, venue.traits, at_ms):
        head = _head(request) | {"asked_venue_ms": sent_venue_ms, "evidence": proof}
        return OrderFound(**head, order=as_triggered(order, venue.traits), fills_complete=True)
    trades_at_ms = venue.now_ms() - venue.lag_ms(Fault.STALE_READ)
    trades = venue.trades_as_of(request.account_id, request.symbol, trades_at_ms)
    own = [each for each in trades if each.order_id == order.order_id] if order.filled_size else []
    return OrderFound(
        **_head(request),
        order=venue_order(order, venue.traits),
        fills=tuple(venue_fill(each, venue.traits, FillSource.REST, with_client_id=False) for each in own),
        fills_complete=sum((each.size for each in own), Decimal(0)) >= order.filled_size,
        asked_venue_ms=sent_venue_ms,
        evidence=proof,
    )


def searched(venue: Venue, request: SearchOrder, sent_venue_ms: int, proof: Evidence) -> CallReport:
    """Answer a search: three sources, each with its own lag, joined as an adapter joins them."""
    account, symbol = request.account_id, request.symbol
    open_at, all_at, trades_at = (venue.now_ms() - venue.lag_ms(Fault.STALE_READ) for _ in range(3))
    period = range(request.from_venue_ms, request.to_venue_ms + 1)
    opened = [each for each in venue.orders_as_of(account, symbol, open_at) if each.is_open]
    recent = [each for each in venue.orders_as_of(account, symbol, all_at) if each.created_ms in period]
    latest: dict[int, PaperOrder] = {}
    for order in [*opened, *recent]:
        known = latest.get(order.order_id)
        if known is None or _progress(order) > _progress(known):
            latest[order.order_id] = order
    trades = [each for each in venue.trades_as_of(account, symbol, trades_at) if each.at_ms in period]
    return OrdersSearched(
        **_head(request),
        symbol=symbol,
        orders=tuple(
            as_triggered(order, venue.traits)
            if is_between(order, venue.traits, open_at)
            else venue_order(order, venue.traits)
            for order in latest.values()
        ),
        fills=tuple(venue_fill(each, venue.traits, FillSource.REST, with_client_id=False) for each in trades),
        sources=venue.traits.capabilities.search_sources,
        asked_venue_ms=sent_venue_ms,
        evidence=proof,
    )


def listed(venue: Venue, request: FetchOpenOrders, sent_venue_ms: int, proof: Evidence) -> OpenOrdersFetched:
    """Answer with the open orders as of now, or of a moment ago."""
    at_ms = venue.now_ms() - venue.lag_ms(Fault.STALE_LIST)
    orders = venue.orders_as_of(request.account_id, request.symbol, at_ms)
    return OpenOrdersFetched(
        **_head(request),
        symbol=request.symbol,
        orders=tuple(
            venue_order(order, venue.traits)
            for order in orders
            if order.is_open and not is_between(order, venue.traits, at_ms)
        ),
        asked_venue_ms=sent_venue_ms,
        evidence=proof,
    )


def fills_listed(venue: Venue, request: FetchFills, sent_venue_ms: int) -> CallReport:
    """Answer with a symbol's executions, up to now or to a moment ago."""
    trades = venue.trades_as_of(request.account_id, request.symbol, venue.now_ms() - venue.lag_ms(Fault.STALE_TRADES))
    since = request.since_venue_ms or 0
    return FillsFetched(
        **_head(request),
        symbol=request.symbol,
        fills=tuple(
            venue_fill(each, venue.traits, FillSource.REST, with_client_id=False)
            for each in trades
            if each.at_ms >= since and request.venue_order_id in (None, str(each.order_id))
        ),
        asked_venue_ms=sent_venue_ms,
    )


def balances_told(venue: Venue, request: FetchBalances, received_ms: int) -> CallReport:
    """Answer with all balances or positions, as of now or of a moment ago."""
    at_ms = venue.now_ms() - venue.lag_ms(Fault.STALE_BALANCES)
    if venue.traits.capabilities.margin:
        venue.seen["venue:positions"] += 1
        nets = venue.nets_as_of(request.account_id, at_ms)
        held = tuple((contract, net, net) for contract, net in nets.items() if net)
        return BalancesFetched(**_head(request), balances=held, received_ms=received_ms)
    totals, locked = venue.totals_as_of(request.account_id, at_ms), venue.locked_as_of(request.account_id, at_ms)
    balances = tuple((asset, total, total - locked[asset]) for asset, total in totals.items())
    return BalancesFetched(**_head(request), balances=balances, received_ms=received_ms)


def _progress(order: PaperOrder) -> tuple[bool, Decimal]:
    return not order.is_open, order.filled_size


def _head(request: VenueRequest) -> dict[str, Any]:
    return {"account_id": request.account_id, "exchange": request.exchange, "order_id": request.order_id}
