"""One order under two ids: at some venues a stop that triggers goes on as another order with an id of its own. Pure.

The client id ties the two together, and the form of the ids tells which came first. Must never: take a second order of
a request for the first one's successor.
"""

from actors.domain.idempotency import bare_client_id
from messages.types import Order, VenueOrder


def goes_on_as(order: Order, claim: VenueOrder, prefix: str) -> bool:
    """Whether a claim shows what a stop order of ours has become by its trigger, under the id that this one has.

    `prefix`: how ids of untriggered stops begin; empty: no order changes its id.
    """
    return _is_same(order, claim, prefix) and not _waits(claim.venue_order_id, prefix)


def was_before(order: Order, claim: VenueOrder, prefix: str) -> bool:
    """Whether a claim shows the stop that an order of ours was before its trigger: an old word, whatever it says."""
    return _is_same(order, claim, prefix) and _waits(claim.venue_order_id, prefix)


def _is_same(order: Order, claim: VenueOrder, prefix: str) -> bool:
    ours, shown = order.venue_order_id, claim.client_order_id
    if not prefix or ours is None or not shown or bare_client_id(shown) != bare_client_id(order.client_order_id):
        return False
    return _waits(ours, prefix) is not _waits(claim.venue_order_id, prefix)


def _waits(venue_order_id: str, prefix: str) -> bool:
    return venue_order_id.startswith(prefix)
