"""Who waits for the outcome of a modification and what he is told, and whose change waits until another is settled.

Kept in memory beside the other waiters, under a key of its own; a restart forgets them. Must never: answer a host
twice, or keep one that nothing will answer.
"""

from dataclasses import dataclass
from typing import Final

from actors.desk import Desk
from actors.domain.modification import shrinks_only
from actors.notes import Waiter, WaitersGone
from actors.turn import Turn
from messages.base import copied
from messages.commands import ModifyOrder
from messages.queries import ModifyDone, OrderUnresolved
from messages.types import Order, StateTransition


@dataclass(frozen=True, slots=True)
class ModifyWaiter(Waiter):
    """A host's command that waits; `order_id` is the key it is kept under, `cancel` says that it wants all ended."""

    about: str = ""
    """Our id of the order that shows how far it got."""
    merged: bool = False
    words: str = ""
    """Why the venue did not do it, in its own words."""
    command: ModifyOrder | None = None
    """What is to be done when the change that is under way is settled."""
    since_ms: int = 0
    """When it came, our clock."""


DRAFT_KIND: Final = "draft"
"""How a draft is changed, in the record of it: here, and at no venue."""


def outcome_of(order_id: str) -> str:
    """The key of the outcome of an order that takes another one's place."""
    return f"modify:{order_id}"


def amend_of(order_id: str) -> str:
    """The key of the outcome of an amend. A replacement that is still asked about may be amended, so it is another."""
    return f"amend:{order_id}"


def turn_of(order_id: str) -> str:
    """The key of the changes that wait until an order is not being changed any more."""
    return f"next:{order_id}"


def wait(turn: Turn, waiter: ModifyWaiter) -> None:
    """Whoever gave this command waits."""
    if waiter.correlation_id or waiter.command is not None:
        turn.note(waiter)


def waiting(turn: Turn, key: str) -> list[ModifyWaiter]:
    """Everybody who waits under a key, as this turn has it so far."""
    found = [each for each in turn.memory.waiters.get(key, ()) if isinstance(each, ModifyWaiter)]
    for record in turn.outcome.apply:
        if isinstance(record, WaitersGone) and record.order_id == key:
            found.clear()
        elif isinstance(record, ModifyWaiter) and record.order_id == key:
            found.append(record)
    return found


def gone(turn: Turn, key: str) -> None:
    """Nobody waits under a key any more."""
    turn.note(WaitersGone(key, cancels_too=True))


def said(turn: Turn, key: str, words: str) -> None:
    """Keep the venue's words for those who wait."""
    waiters = waiting(turn, key)
    if waiters:
        gone(turn, key)
        for waiter in waiters:
            turn.note(copied(waiter, words=words))


def report(turn: Turn, correlation_id: str) -> None:
    """A host's patience is over: show how far the order got."""
    for waiters in turn.memory.waiters.values():
        for waiter in waiters:
            if isinstance(waiter, ModifyWaiter) and waiter.correlation_id == correlation_id:
                order = turn.order(waiter.about)
                view = None if order is None else turn.view_of(order)
                turn.reply(OrderUnresolved(correlation_id=correlation_id, view=view, text="still being worked on"))


# ----- the answers


def done_here(
    turn: Turn,
    desk: Desk,
    order: Order,
    correlation_id: str,
    *,
    merged: bool,
    duplicate: bool,
    step: StateTransition | None = None,
    only_less: bool = False,
) -> ModifyDone:
    """The answer to a modification that was carried out in place, now or by an earlier step."""
    only_less = shrinks_only(step) if step is not None else only_less
    drafted = step is not None and dict(step.metadata).get("kind") == DRAFT_KIND
    return ModifyDone(
        correlation_id=correlation_id,
        view=turn.view_of(order),
        native=True,
        kept_order_id=True,
        kept_priority=drafted or (only_less and desk.exchange(order).capabilities.shrink_keeps_priority),
        merged=merged,
        duplicate=duplicate,
    )


def replaced_reply(turn: Turn, new: Order, correlation_id: str, *, merged: bool, duplicate: bool) -> ModifyDone:
    """The answer to a modification that was carried out by placing another order."""
    return ModifyDone(
        correlation_id=correlation_id,
        view=turn.view_of(new),
        native=False,
        kept_order_id=False,
        kept_priority=False,
        merged=merged,
        duplicate=duplicate,
    )


def not_placed_text(old: Order | None, new: Order, words: str) -> str:
    """Say that the order with the new terms does not work, why, and what the old one is."""
    why = words or new.reason_text or new.reason
    now = "nothing is known of the old one" if old is None else f"the old one, {old.order_id}, is {old.state}"
    return f"the order with the new terms was not placed ({why}); {now}"
