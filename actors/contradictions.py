"""What a venue says that cannot be true beside what is booked: told, read again, and left to a person.

Of some venues it is not certain that a stream and a list name an execution alike, or that a record of an order that has
ended stays ended. Must never: book an execution a second time because it came under another name, or let a venue that
shows an ended order working go unheard.
"""

from collections.abc import Sequence
from typing import Final

from actors.desk import Desk, reread
from actors.domain.fills import missing_quantity
from actors.domain.lifecycle import TERMINAL, evolve
from actors.domain.modification import asked_ms
from actors.domain.reviews import NAMED_TWICE, WORKS_ON, is_lasting
from actors.turn import Turn
from messages.events import ManualReviewRequired, Severity
from messages.fills import Fill, VenueFill
from messages.types import ZERO, Evidence, EvidenceSource, Order, PublicStatus, VenueOrder

_APART_MS: Final = 2000
"""Executions of one order farther apart are not two names of one."""
_BEHIND_MS: Final = 1000
"""After so long, a list that was behind a stream is asked for again."""
_WORKING: Final = frozenset({PublicStatus.OPEN, PublicStatus.PENDING})


def without_second_names(
    turn: Turn,
    desk: Desk,
    order: Order,
    claim: VenueOrder | None,
    told: Sequence[VenueFill],
    new: list[Fill],
    evidence: Evidence,
    moved: Sequence[Fill] = (),
) -> list[Fill]:
    """The new executions of a list or look-up, less those that seem to be booked under another id.

    `told`: all that the venue has just listed. A booked execution that is not among them, although one like it is, may
    be the same one: where the venue's sum has room for both, both are booked; where it has not, a person is asked;
    where there is no sum, the order is read. `moved`: executions that this turn makes the order's, beside its sum.
    """
    if not new or evidence.source is not EvidenceSource.LOOKUP:
        return new
    if desk.exchange(order).capabilities.fill_ids_agree:
        return new
    names = {fill.fill_id for fill in told}
    booked = (*turn.memory.fills.get(order.order_id, {}).values(), *moved)
    unnamed = [fill for fill in booked if fill.fill_id not in names]
    if not unnamed:
        return new
    if any(not _shown_by_now(desk, order, fill, evidence) for fill in unnamed):
        # The list may be behind the stream: a later one names what is booked, or goes on naming something else.
        held = [fill for fill in new if any(_near(fill, other) for other in unnamed)]
        if held:
            reread(turn, desk, order, delay_ms=_BEHIND_MS)
    elif claim is not None:
        held = [fill for fill in new if any(_near(fill, other) for other in unnamed)]
        room = missing_quantity(order, claim.filled_size, desk.policy.fill_tolerance)
        if not held or sum((fill.size for fill in (*moved, *new)), ZERO) <= room:
            return new
        ask_person(turn, order, "ExecutionNamedTwice", NAMED_TWICE, venue_filled=str(claim.filled_size))
    else:
        held = [fill for fill in new if any(_alike(fill, other) for other in unnamed)]
        if held:
            reread(turn, desk, order, delay_ms=0)
    return [fill for fill in new if fill not in held]


def is_named_twice(turn: Turn, order: Order) -> bool:
    """Whether a person has to say if executions of an order are told under two names each."""
    latest = turn.order(order.order_id) or order
    return latest.needs_review and latest.review_reason == NAMED_TWICE


def hear_of_ended(turn: Turn, desk: Desk, order: Order, claim: VenueOrder, evidence: Evidence) -> None:
    """The venue, asked long enough after an order's end, shows it working: it may be live, and nobody would know."""
    asked = asked_ms(evidence)
    if order.state not in TERMINAL or claim.status not in _WORKING or asked is None:
        return
    # Twice the time, because both moments are our wall clock's, which may be set in between.
    late_ms = 2 * desk.exchange(order).settle_ms
    if order.venue_order_id != claim.venue_order_id or asked < order.state_since_ms + late_ms:
        return
    if claim.size > ZERO and claim.filled_size >= claim.size:
        return
    ask_person(turn, order, "EvidenceContradicted", WORKS_ON, venue_status=claim.venue_status)


def _shown_by_now(desk: Desk, order: Order, booked: Fill, evidence: Evidence) -> bool:
    asked = asked_ms(evidence)
    return asked is not None and asked >= booked.received_ms + desk.exchange(order).settle_ms


def _near(new: Fill, booked: Fill) -> bool:
    return abs(new.venue_time_ms - booked.venue_time_ms) <= _APART_MS


def _alike(new: Fill, booked: Fill) -> bool:
    return _near(new, booked) and (new.price, new.size) == (booked.price, booked.size)


def ask_person(turn: Turn, order: Order, alert: str, why: str, **details: str) -> None:
    """Raise an alert of the highest severity, and leave the order to a person; once for each reason."""
    if order.needs_review and order.review_reason == why:
        return
    turn.alert(alert, Severity.CRITICAL, why, order_id=order.order_id, state=order.state, **details)
    leave_to_person(turn, turn.order(order.order_id) or order, why)


def leave_to_person(turn: Turn, order: Order, why: str) -> Order:
    """Mark an order as one that a person has to see, unless it is marked for this very reason already."""
    if order.needs_review and order.review_reason == why:
        return order
    marked = evolve(order, needs_review=True, review_reason=why, updated_at_ms=turn.now_ms)
    turn.save(marked)
    turn.event(ManualReviewRequired(account_id=order.account_id, view=turn.view_of(marked), reason=why))
    return marked


def take_over_review(turn: Turn, order: Order, other: Order) -> Order:
    """What a person has to see of another record of an order, he has to see of the order, which has its executions."""
    return leave_to_person(turn, order, other.review_reason) if is_lasting(other) else order
