"""What leaves an account while the store is away.

A promise waits for the store: a placement, a reply, an event. A cancel only reduces what can go wrong, a question to a
venue changes nothing there, and a timer is seen by nobody; they wait for no commit that may be minutes away. Must
never: let anything out that a host or a venue could rely on later.
"""

from actors.reminders import ExpiryDue
from actors.runtime.outcome import CancelTimer, Effect, Send, SetTimer, Spawn
from messages.commands import (
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    FetchPrice,
    LookUpOrder,
    SearchOrder,
)
from messages.control import VerificationEnded, VerificationRequested

_PROMISES_NOTHING = (
    CancelVenueOrder,
    LookUpOrder,
    SearchOrder,
    FetchOpenOrders,
    FetchFills,
    FetchBalances,
    FetchPrice,
    VerificationRequested,
    VerificationEnded,
)


def needs_no_commit(effect: Effect) -> bool:
    """Whether an effect may be carried out before the turn it belongs to is durable."""
    match effect:
        case Send(message=message):
            return isinstance(message, _PROMISES_NOTHING)
        case SetTimer(message=ExpiryDue()):
            # At its end an order is cancelled at the venue: one whose intent is not durable was never there.
            return False
        case SetTimer() | CancelTimer() | Spawn():
            # A failed exchange actor comes back too: without it no cancel reaches the venue.
            return True
        case _:
            return False
