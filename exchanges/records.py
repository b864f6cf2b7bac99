"""Orders and executions as venues describe them, and reports of them from streams, built quickly: adapters make them of
every record that they read.

Owns nothing but the ways of building. Arguments go by position, which is what makes them quick; so each is called
in one place of an adapter, where the names of the values are those of the parameters. It never checks or changes a
value: the adapter has done that.
"""

from decimal import Decimal

from messages.base import fast_build
from messages.fills import FillSource, Liquidity, VenueFill
from messages.reports import OrderReported
from messages.types import (
    Evidence,
    EvidenceSource,
    OrderType,
    PublicStatus,
    Side,
    TimeInForce,
    VenueOrder,
)


@fast_build(VenueOrder)
def venue_order(
    exchange: str,
    symbol: str,
    venue_order_id: str,
    client_order_id: str | None,
    side: Side,
    type: OrderType,  # noqa: A002 - the field's name
    time_in_force: TimeInForce,
    status: PublicStatus | None,
    venue_status: str,
    size: Decimal,
    filled_size: Decimal,
    filled_value: Decimal | None,
    price: Decimal | None,
    stop_price: Decimal | None,
    quote_size: Decimal | None,
    post_only: bool,  # noqa: FBT001 - a record by position
    created_venue_ms: int | None,
    updated_venue_ms: int | None,
    reason: str,
    /,
) -> VenueOrder:
    """Build an order."""
    return VenueOrder(
        exchange=exchange,
        symbol=symbol,
        venue_order_id=venue_order_id,
        client_order_id=client_order_id,
        side=side,
        type=type,
        time_in_force=time_in_force,
        status=status,
        venue_status=venue_status,
        size=size,
        filled_size=filled_size,
        filled_value=filled_value,
        price=price,
        stop_price=stop_price,
        quote_size=quote_size,
        post_only=post_only,
        created_venue_ms=created_venue_ms,
        updated_venue_ms=updated_venue_ms,
        reason=reason,
    )


@fast_build(VenueFill)
def venue_fill(
    exchange: str,
    symbol: str,
    fill_id: str,
    venue_order_id: str,
    client_order_id: str | None,
    side: Side,
    price: Decimal,
    size: Decimal,
    fee: Decimal,
    fee_currency: str | None,
    liquidity: Liquidity,
    venue_time_ms: int,
    source: FillSource,
    /,
) -> VenueFill:
    """Build an execution."""
    return VenueFill(
        exchange=exchange,
        symbol=symbol,
        fill_id=fill_id,
        venue_order_id=venue_order_id,
        client_order_id=client_order_id,
        side=side,
        price=price,
        size=size,
        fee=fee,
        fee_currency=fee_currency,
        liquidity=liquidity,
        venue_time_ms=venue_time_ms,
        source=source,
    )


@fast_build(OrderReported)
def order_reported(
    account_id: str, exchange: str, order: VenueOrder, fill: VenueFill | None, evidence: Evidence, /
) -> OrderReported:
    """Build a stream's report of an order."""
    return OrderReported(account_id=account_id, exchange=exchange, order=order, fill=fill, evidence=evidence)


@fast_build(Evidence)
def event_evidence(
    source: EvidenceSource,
    endpoint: str,
    received_ms: int,
    venue_time_ms: int | None,
    body_sha256: str,
    detail: str,
    /,
) -> Evidence:
    """Build the evidence of an event."""
    return Evidence(
        source=source,
        endpoint=endpoint,
        received_ms=received_ms,
        venue_time_ms=venue_time_ms,
        body_sha256=body_sha256,
        detail=detail,
    )
