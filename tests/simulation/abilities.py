"""Whether a venue can do what it is asked for, by what it says of itself: nobody sends it anything else."""

from exchanges.gateway import Capabilities
from messages.commands import PlaceOrder
from messages.types import Order, OrderType, TimeInForce

_AT_MARKET = (OrderType.MARKET, OrderType.STOP_MARKET)
"""What executes at once or not at all has no other time in force."""


def can_place(can: Capabilities, request: PlaceOrder) -> bool:
    """Whether the venue has such orders; where none end by themselves at a time, our own timer ends them."""
    lasting = can.times_in_force | {TimeInForce.GTT}
    return request.type in can.order_types and (request.type in _AT_MARKET or request.time_in_force in lasting)


def can_amend(can: Capabilities, order: Order) -> bool:
    """Whether the venue changes such orders in place."""
    unending = order.time_in_force is TimeInForce.GTT and TimeInForce.GTT not in can.times_in_force
    lasting = TimeInForce.GTC if unending else order.time_in_force
    return order.type in can.amend_types and lasting in can.amend_times_in_force
