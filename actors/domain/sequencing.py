"""What a venue's description of an order adds to what we know: something new, nothing, an older truth, or a gap.

Reports arrive late, twice and out of order; this sorts them before any reaches the lifecycle table. Quantities decide
first, since executed quantity never decreases: a description that has seen less than we have is old, whatever status
it names, and one that has seen more shows that executions are missing here.

Must never: call a description of a working order stale when we hold that order for never placed.
"""

from decimal import Decimal
from enum import StrEnum

from actors.domain.arithmetic import EXACT, QUANTITY_TOLERANCE
from actors.domain.fills import missing_quantity
from actors.domain.lifecycle import TERMINAL, public_status
from messages.types import ZERO, Order, OrderState, PublicStatus, VenueOrder

_WORKING = frozenset({PublicStatus.PENDING, PublicStatus.OPEN})
_NEVER_WORKED = frozenset({OrderState.FAILED, OrderState.REJECTED})
_AT_VENUE = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


class Freshness(StrEnum):
    """What a venue's description of an order is worth."""

    NEW = "new"
    """It says something we do not know: take it to the lifecycle."""
    DUPLICATE = "duplicate"
    """It says what we know: count it and drop it."""
    STALE = "stale"
    """It is older than what we know: count it and drop it."""
    GAP = "gap"
    """It has seen executions that we have not: fetch the order's trades before believing an end."""


def classify(order: Order, venue_order: VenueOrder, tolerance: Decimal = QUANTITY_TOLERANCE) -> Freshness:
    """Sort one description. A status that is None (not in our vocabulary) is judged by its quantities alone.

    An order that we hold for FAILED or REJECTED and that is shown working is NEW: it has to be reopened.
    """
    missing = missing_quantity(order, venue_order.filled_size, tolerance)
    if missing > ZERO:
        return Freshness.GAP
    if missing < ZERO:
        return Freshness.STALE
    if order.state in TERMINAL:
        return _after_the_end(order, venue_order.status)
    if venue_order.status is PublicStatus.FILLED and _leaves_a_rest(order, venue_order, tolerance):
        return Freshness.GAP
    if venue_order.status is None or (venue_order.status in _WORKING and order.state in _AT_VENUE):
        return Freshness.NEW if _teaches(order, venue_order, tolerance) else Freshness.DUPLICATE
    return Freshness.NEW


def _after_the_end(order: Order, status: PublicStatus | None) -> Freshness:
    if status in _WORKING:
        return Freshness.NEW if order.state in _NEVER_WORKED else Freshness.STALE
    # Two names for an end with the same quantity add nothing, unless one of them says that all of it executed, or
    # denies that the order was never there.
    if status is None or status is public_status(order.state):
        return Freshness.DUPLICATE
    claims_more = status is PublicStatus.FILLED or order.state in _NEVER_WORKED
    return Freshness.NEW if claims_more else Freshness.DUPLICATE


def _leaves_a_rest(order: Order, venue_order: VenueOrder, tolerance: Decimal) -> bool:
    # FILLED with a quantity below the venue's own size: the status is ahead of the quantity beside it.
    return order.filled_size == ZERO or missing_quantity(order, venue_order.size, tolerance) > ZERO


def _teaches(order: Order, venue_order: VenueOrder, tolerance: Decimal) -> bool:
    if order.venue_order_id is None:
        return True
    resized = order.quote_size is None and EXACT.subtract(venue_order.size, order.size).copy_abs() > tolerance
    repriced = order.price is not None and venue_order.price is not None and venue_order.price != order.price
    return resized or repriced
