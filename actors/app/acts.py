"""What traders do, one after the other: values that are sent, asked again and answered.

Pure. Must never: do anything itself.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from actors.app.verdict import Change, Sweep
from actors.app.workload import Intent
from exchanges.paper.client import Fills
from messages.queries import RefusalCode, Refused, Reply
from messages.types import OrderView

PASSING: Final = frozenset(
    {
        RefusalCode.GATE_CLOSED,
        RefusalCode.QUEUE_FULL,
        RefusalCode.QUEUE_TIMEOUT,
        RefusalCode.STORE_UNAVAILABLE,
        RefusalCode.ACCOUNT_STOPPED,
        RefusalCode.SYNC_FAILED,
    }
)
"""Refusals that say 'not now': nothing was recorded, and the same request may be made again."""
KILL_SWITCH: Final = "killSwitch"
"""The rule by which everything new is refused until somebody releases the switch."""
TWINS: Final = 2
"""How often a modification, and a close, is asked for at once."""


def is_passing(reply: Reply) -> bool:
    """Whether a reply says 'not now', so that the same request may be made again later."""
    if not isinstance(reply, Refused):
        return False
    # Withdrawn before anything of it was recorded, because all orders were being cancelled.
    withdrawn = reply.code is RefusalCode.WITHDRAWN
    return reply.code in PASSING or reply.rule == KILL_SWITCH or withdrawn


@dataclass(frozen=True, slots=True)
class Place:
    """An intent's order is placed."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order is cancelled by its owner."""

    view: OrderView


@dataclass(frozen=True, slots=True)
class Take:
    """The market takes an order in pieces; without any, whole and at once."""

    view: OrderView
    pieces: Fills = ()


@dataclass(frozen=True, slots=True)
class Close:
    """The owner closes the position that an order is part of."""

    view: OrderView
    number: int
    """Of those asked for at once: only the first is asked for again when it is refused for now."""


@dataclass(frozen=True, slots=True)
class Modify:
    """The owner changes an order, and asks for the same change twice at once."""

    intent: Intent
    view: OrderView
    """As it was placed."""
    change: Change
    number: int
    """Which of the intent's changes, from 0."""


@dataclass(frozen=True, slots=True)
class CancelEverything:
    """The owner cancels all his orders on the symbol of an order."""

    view: OrderView
    sweep: Sweep


Act: TypeAlias = Place | Cancel | Take | Close | Modify | CancelEverything


def is_second(act: Act) -> bool:
    """Whether an act is the second of two that are asked for at once, and is not asked for again."""
    return isinstance(act, Close) and act.number > 1
