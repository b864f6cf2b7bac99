"""The paper engine's values as the venue-neutral claims that an adapter would read off the wire."""

from dataclasses import replace

from exchanges.paper.model import EndReason, Execution, NewOrder, PaperOrder, PaperStatus
from messages.commands import PlaceOrder
from messages.fills import FillSource, VenueFill
from messages.types import (
    ZERO,
    Evidence,
    EvidenceSource,
    Instrument,
    OrderType,
    PublicStatus,
    TimeInForce,
    VenueOrder,
)

from .venue_traits import VenueTraits

_STATUS = {
    PaperStatus.OPEN: (PublicStatus.OPEN, "NEW"),
    PaperStatus.FILLED: (PublicStatus.FILLED, "FILLED"),
    PaperStatus.CANCELLED: (PublicStatus.CANCELLED, "CANCELED"),
    PaperStatus.EXPIRED: (PublicStatus.EXPIRED, "EXPIRED"),
    PaperStatus.REJECTED: (PublicStatus.FAILED, "REJECTED"),
}


UNTRIGGERED = "vs"
"""How ids of untriggered stops begin where a stop that triggers goes on under another id."""
_TRIGGERED_AS = {OrderType.STOP_MARKET: OrderType.MARKET, OrderType.STOP_LIMIT: OrderType.LIMIT}
_TRIGGERED_MS = 200
"""For so long a stop has triggered, and what it has become is not there yet."""


def shown_ids(order: PaperOrder) -> set[str]:
    """Every id under which an order may be shown."""
    return {str(order.order_id), f"{UNTRIGGERED}{order.order_id}"}


def number_of(venue_order_id: str) -> int:
    """The engine's number of an order, under whichever of its ids."""
    return int(venue_order_id.removeprefix(UNTRIGGERED))


def waits(order: PaperOrder, traits: VenueTraits) -> bool:
    """Whether an order is a stop under an id that it has only until it triggers."""
    return traits.stop_children and order.stop_price is not None and order.working_ms is None


def is_between(order: PaperOrder, traits: VenueTraits, at_ms: int) -> bool:
    """Whether a stop has just triggered, and what it has become is not there yet."""
    triggered = traits.stop_children and order.stop_price is not None and order.working_ms is not None
    return triggered and at_ms - (order.working_ms or 0) < _TRIGGERED_MS


def as_triggered(order: PaperOrder, traits: VenueTraits) -> VenueOrder:
    """A stop that has triggered, as itself: what has become of it is not told there."""
    before = order.evolve(working_ms=None, filled_size=ZERO, filled_value=ZERO, status=PaperStatus.OPEN)
    return replace(venue_order(before, traits), status=None, venue_status="TRIGGERED")


def shown_id(order: PaperOrder, traits: VenueTraits) -> str:
    """The id under which the venue shows an order now."""
    return f"{UNTRIGGERED if waits(order, traits) else ''}{order.order_id}"


def venue_order(order: PaperOrder, traits: VenueTraits, *, unknown_status: bool = False) -> VenueOrder:
    """An order as a list, a look-up or an answer shows it."""
    status, word = _STATUS[traits.shown(order.status)]
    if status is PublicStatus.CANCELLED and order.filled_size:
        word = traits.partly_cancelled
    follows = traits.stop_children and not waits(order, traits)
    return VenueOrder(
        exchange=traits.exchange,
        symbol=order.symbol,
        venue_order_id=shown_id(order, traits),
        client_order_id=order.client_order_id,
        side=order.side,
        type=_TRIGGERED_AS.get(order.type, order.type) if follows else order.type,
        time_in_force=TimeInForce.IOC if order.type is OrderType.MARKET else order.time_in_force,
        status=None if unknown_status else status,
        venue_status="SOMETHING_NEW" if unknown_status else word,
        size=order.size,
        filled_size=order.filled_size,
        filled_value=order.filled_value,
        price=order.price,
        stop_price=None if follows else order.stop_price,
        quote_size=order.quote_size,
        post_only=order.post_only,
        created_venue_ms=order.created_ms,
        updated_venue_ms=order.updated_ms,
        reason="" if order.end_reason in (EndReason.NONE, EndReason.FILLED, EndReason.USER) else str(order.end_reason),
    )


def venue_fill(
    execution: Execution, traits: VenueTraits, source: FillSource, *, with_client_id: bool
) -> VenueFill:
    """An execution as the stream (with the client id) or the list of trades (without) shows it."""
    return VenueFill(
        exchange=traits.exchange,
        symbol=execution.symbol,
        fill_id=str(execution.trade_id),
        venue_order_id=str(execution.order_id),
        client_order_id=execution.client_order_id if with_client_id else None,
        side=execution.side,
        price=execution.price,
        size=execution.size,
        fee=execution.fee,
        fee_currency=execution.fee_currency,
        liquidity=execution.liquidity,
        venue_time_ms=execution.at_ms,
        source=source,
    )


def new_order(request: PlaceOrder, traits: VenueTraits, offset_ms: int) -> NewOrder:
    """A placement as this venue understands it; where it has no good-till-time orders, they have no end to it.

    `offset_ms`: what is added to our time to name the end of an order in the venue's.
    """
    gtt = request.time_in_force is TimeInForce.GTT and TimeInForce.GTT not in traits.capabilities.times_in_force
    ends = None if gtt or request.expires_at_ms is None else request.expires_at_ms + offset_ms
    return NewOrder(
        account=request.account_id,
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        time_in_force=TimeInForce.GTC if gtt else request.time_in_force,
        size=request.size,
        quote_size=request.quote_size,
        price=request.price,
        stop_price=request.stop_price,
        post_only=request.post_only,
        taking_ends_as=traits.taking_ends_as,
        expires_at_ms=ends,
    )


def instruments(traits: VenueTraits, as_of_ms: int) -> tuple[Instrument, ...]:
    """The venue's trading rules."""
    return tuple(
        Instrument(
            exchange=traits.exchange,
            symbol=rule.symbol,
            venue_symbol=rule.venue_symbol,
            base=rule.base,
            quote=rule.quote,
            trading=True,
            tick_size=rule.tick_size,
            min_price=rule.min_price,
            max_price=rule.max_price,
            step_size=rule.step_size,
            min_size=rule.min_size,
            max_size=rule.max_size,
            min_notional=rule.min_notional,
            order_types=traits.capabilities.order_types,
            multiplier=market.multiplier,
            as_of_ms=as_of_ms,
        )
        for market in traits.markets
        for rule in (market.rules,)
    )


def evidence(
    source: EvidenceSource, endpoint: str, *, sent_ms: int | None, received_ms: int, detail: str = ""
) -> Evidence:
    """What an adapter would keep as proof of an answer."""
    return Evidence(source=source, endpoint=endpoint, sent_ms=sent_ms, received_ms=received_ms, detail=detail)
