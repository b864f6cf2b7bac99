"""What a venue has taken in hand: a cancel or a change that it has accepted, and not said to have carried out.

Some venues answer so always. The order is read at growing distances until it shows what was asked for; only after that
is a cancel sent once more. Nothing here is stored: after a start, what is not settled is asked for again anyway. Must
never: take what was accepted for done, or send a request again because a read has not shown its effect yet.
"""

from typing import Final

from actors.desk import Desk, request_round, reread
from actors.domain.claims import amend_of
from actors.domain.lifecycle import TERMINAL
from actors.notes import InHand, Watched
from actors.turn import Turn
from messages.types import Order

ACCEPTED: Final = "accepted"
"""The reason of an ambiguous answer that says: it will be done."""
LOOKS_MS: Final = (250, 500, 1000, 2000, 4000)
"""How long before each look."""


def begin(turn: Turn, desk: Desk, order: Order) -> None:
    """The venue has just accepted to cancel or to change an order."""
    turn.note(InHand(order.order_id, looks=1))
    reread(turn, desk, order, delay_ms=LOOKS_MS[0])


def look_again(turn: Turn, desk: Desk, order: Order) -> bool:
    """An order was read: have it read once more if what was accepted does not show yet. False: there is nothing to wait
    for, or it was waited for long enough.
    """
    looks = turn.memory.in_hand.get(order.order_id, 0)
    if not looks:
        return False
    asked = order.state not in TERMINAL and (order.cancel_pending or amend_of(order) is not None)
    if not asked or looks >= len(LOOKS_MS):
        turn.note(InHand(order.order_id, looks=0))
        return False
    turn.note(InHand(order.order_id, looks=looks + 1))
    turn.note(Watched(order.order_id))
    request_round(turn, desk, order, due_in_ms=LOOKS_MS[looks])
    return True
