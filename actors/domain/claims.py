"""What a venue says of an order, merged into what we know of it.

Every claim (a place answer, a stream event, a look-up, a list) goes through `absorb`, whatever its transport and
however late, duplicated or out of order it is. The rules:

- Money first: executions are booked before any status is believed, and an execution moves the order by itself.
- A status that ends an order is believed only once our booked quantity has reached the venue's cumulative quantity;
  until then the order stays alive and `missing` tells how much must be fetched. So a cancel can never hide a fill.
- A status that would move the order backwards is stale and dropped.
- An order we hold for dead (FAILED, REJECTED, cancelled before it was ever placed) that the venue shows working is
  reopened: a live order is never hidden.
- An order we hold for unsent (DRAFT, PENDING) that the venue shows was sent by a turn whose commit was lost.
- A second venue order under our client id is never merged into the first.
- Size and prices are the venue's to say, too: what proves that it has changed them as it was asked, or newer word of
  others' changes, is recorded as a step. What a venue does not show, or an older word, changes nothing.

Must never: invent an execution, or end an order for lack of knowledge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from actors.domain.arithmetic import EXACT, apart_by, plain
from actors.domain.fills import BookedFill, book, missing_quantity
from actors.domain.lifecycle import TERMINAL, UNSENT, evolve, transition
from actors.domain.modification import (
    Terms,
    described,
    described_change,
    differing,
    overlaid,
    says_other_terms,
    shown_terms,
    shows_amended,
    terms_of,
    terms_wanted,
)
from actors.domain.reviews import known_changes
from actors.domain.verification import proven_unplaced
from messages.base import copied
from messages.fills import Fill
from messages.types import (
    ZERO,
    Attempt,
    AttemptOutcome,
    CompletionReason,
    Evidence,
    InitiatedBy,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    OrderType,
    PublicStatus,
    StateTransition,
    TimeInForce,
    Trigger,
    VenueOrder,
)

_REOPENABLE = frozenset({OrderState.FAILED, OrderState.REJECTED})
_WORKING_CLAIM = frozenset({PublicStatus.OPEN, PublicStatus.PENDING})
_ENDED_CLAIM = frozenset(PublicStatus) - _WORKING_CLAIM


@dataclass(slots=True)
class Absorbed:
    """The result of merging one claim."""

    order: Order
    transitions: list[StateTransition] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    """Executions booked by this claim, in order."""
    missing: Decimal = ZERO
    """Executed quantity the venue reports and we have no execution for; above 0: fetch the order's trades."""
    stale: bool = False
    """The status was older than what we know, and was dropped."""
    unknown_status: bool = False
    corrections: int = 0
    """Facts that amended a terminal order: alert, and of the highest severity when `reopened`."""
    reopened: bool = False
    twin: bool = False
    """The claim is about a second venue order under our client id; nothing was merged."""
    unsent: bool = False
    """We held the order for never sent: the store has lost the turn that sent it."""
    changed_elsewhere: tuple[str, ...] = ()
    """Of size and prices, what somebody has changed at the venue without asking us."""
    contradiction: str = ""
    """What we hold proven and the venue denies, in words; empty when there is none."""


def absorb(
    order: Order,
    claim: VenueOrder | None,
    fills: Sequence[Fill],
    *,
    at_ms: int,
    evidence: Evidence,
    tolerance: Decimal,
    trigger: Trigger = Trigger.RECONCILIATION,
    amended: bool = False,
    went_on: bool = False,
    terms_ms: int | None = None,
) -> Absorbed:
    """Merge a claim and the executions that came with it (none of them booked before) into an order.

    `trigger` names the occasion where the status itself decides nothing better: the acknowledgement that a look-up or a
    reconciliation found. `amended`: the claim is the venue's word that it has changed the order as asked.
    `went_on`: the claim shows what the order has become under another id; whatever ended the stop that it was, did not
    end that. `terms_ms`: the venue time until which the terms of a claim that carries no time are good at least; None:
    they are not to be believed.
    """
    if claim is not None and order.venue_order_id not in (None, claim.venue_order_id):
        return Absorbed(order=order, twin=True)
    merged = Absorbed(order=order)
    if order.state in UNSENT:
        _believe_sent(merged, at_ms=at_ms)
    merged.order = _learn_ids(merged.order, claim)
    if claim is None and fills and order.venue_order_id is None:
        merged.order = _learn_from(merged.order, fills[0].venue_order_id)
    if claim is not None and order.state not in TERMINAL:
        # Before the executions: whether they complete the order depends on its size.
        _believe_terms(
            merged, claim, at_ms=at_ms, evidence=evidence, tolerance=tolerance, amended=amended, terms_ms=terms_ms
        )
    for fill in fills:
        _book(merged, fill, at_ms=at_ms, tolerance=tolerance)
    if claim is not None:
        _believe_status(
            merged, claim, order,
            at_ms=at_ms, evidence=evidence, tolerance=tolerance, trigger=trigger, went_on=went_on,
        )  # fmt: skip
    return merged


def _believe_sent(merged: Absorbed, *, at_ms: int) -> None:
    merged.unsent = True
    if merged.order.state is OrderState.DRAFT:
        _step(merged, OrderState.PENDING, Trigger.USER_SUBMIT_ORDER, at_ms, reason="found_at_venue")
    attempt = Attempt(
        number=1,
        client_order_id=merged.order.client_order_id,
        recorded_ms=at_ms,
        valid_until_venue_ms=0,
        outcome=AttemptOutcome.ACCEPTED,
    )
    _step(
        merged, OrderState.SUBMITTED, Trigger.VALIDATION_PASS, at_ms,
        reason="found_at_venue", attempts=(attempt,), submitted_at_ms=at_ms,
    )  # fmt: skip


def _learn_ids(order: Order, claim: VenueOrder | None) -> Order:
    if claim is None:
        return order
    changes: dict[str, object] = {}
    if order.venue_order_id is None:
        changes["venue_order_id"] = claim.venue_order_id
    if order.quote_size is not None and claim.size > order.size:
        changes["size"] = claim.size
    if order.verification is not None:
        # Whether it is there was the question; the venue has just shown it.
        changes.update(verification=None, **known_changes(order))
    last = order.attempts[-1] if order.attempts else None
    if last is not None and last.outcome in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.AMBIGUOUS):
        changes["attempts"] = (*order.attempts[:-1], copied(last, outcome=AttemptOutcome.ACCEPTED))
    return evolve(order, **changes) if changes else order


def _learn_from(order: Order, venue_order_id: str) -> Order:
    # An execution proves that the order is at the venue as well as any answer does.
    attempts = order.attempts
    if attempts and attempts[-1].outcome in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.AMBIGUOUS):
        attempts = (*attempts[:-1], copied(attempts[-1], outcome=AttemptOutcome.ACCEPTED))
    known = {"verification": None, **known_changes(order)} if order.verification is not None else {}
    return evolve(order, venue_order_id=venue_order_id, attempts=attempts, **known)


def _believe_terms(
    merged: Absorbed,
    claim: VenueOrder,
    *,
    at_ms: int,
    evidence: Evidence,
    tolerance: Decimal,
    amended: bool,
    terms_ms: int | None,
) -> None:
    order = merged.order
    change, dated = amend_of(order), claim.updated_venue_ms or 0
    shown = shown_terms(order, claim)
    # A word that is older than the latest we believed is not about this change.
    amended = amended and not 0 < dated < order.terms_venue_ms
    if change is not None and (amended or shows_amended(order, change, claim, evidence, tolerance)):
        after = overlaid(terms_wanted(change), shown, tolerance)
        if after != terms_of(order):
            venue_ms = max(order.terms_venue_ms, dated, (evidence.venue_time_ms or 0) if amended else 0)
            _amend(merged, change, after, at_ms=at_ms, venue_ms=venue_ms, evidence=evidence)
    elif says_other_terms(order, claim, tolerance) or terms_ms is not None:
        before, after = terms_of(order), overlaid(terms_of(order), shown, tolerance)
        merged.changed_elsewhere = differing(before, after)
        _step(
            merged, order.state, Trigger.USER_MODIFY_ORDER, at_ms,
            metadata=described(before, after, InitiatedBy.VENUE), evidence=evidence,
            terms_venue_ms=max(order.terms_venue_ms, dated, terms_ms or 0),
            modified_by=InitiatedBy.VENUE, modified_at_ms=at_ms,
            size=after.size, price=after.price, stop_price=after.stop_price,
        )  # fmt: skip


def amend_of(order: Order) -> Modification | None:
    """The change in place that an order's venue was asked for and that is not settled."""
    change = order.modification
    return change if change is not None and change.kind is ModificationKind.AMEND else None


def _amend(
    merged: Absorbed,
    change: Modification,
    after: Terms,
    *,
    at_ms: int,
    venue_ms: int,
    evidence: Evidence | None = None,
) -> None:
    order = merged.order
    _step(
        merged, order.state, Trigger.USER_MODIFY_ORDER, at_ms,
        metadata=described_change(
            terms_of(order), after,
            modify_id=change.modify_id, kind=change.kind, by=change.initiated_by, merged=change.merged,
            executed_before=change.executed_before,
        ),
        evidence=evidence, terms_venue_ms=venue_ms, replace_pending=False, modification=None,
        modified_by=change.initiated_by, modified_at_ms=at_ms,
        size=after.size, price=after.price, stop_price=after.stop_price,
    )  # fmt: skip


def _add(merged: Absorbed, fill: Fill, *, at_ms: int, tolerance: Decimal) -> BookedFill:
    before = merged.order
    change = amend_of(before)
    if change is None or before.state in TERMINAL or change.size <= before.size:
        booked = book(before, fill, tolerance=tolerance)
        merged.order = booked.order
        return booked
    # The venue may have made it larger already: the old size completes nothing, and what goes beyond it is the proof.
    booked = book(evolve(before, size=change.size), fill, tolerance=tolerance)
    merged.order = evolve(booked.order, size=before.size)
    if apart_by(merged.order.filled_size, before.size, tolerance) > ZERO:
        _amend(merged, change, terms_wanted(change), at_ms=at_ms, venue_ms=before.terms_venue_ms)
    return booked


def _book(merged: Absorbed, fill: Fill, *, at_ms: int, tolerance: Decimal) -> None:
    before = merged.order
    booked = _add(merged, fill, at_ms=at_ms, tolerance=tolerance)
    complete = booked.complete
    merged.fills.append(fill)
    if before.state in TERMINAL:
        merged.corrections += before.state is not OrderState.FILLED or booked.overfilled
        if complete and before.state is not OrderState.FILLED:
            _step(merged, OrderState.FILLED, Trigger.VENUE_CORRECTION, at_ms, reason="filled_after_end")
        return
    if complete:
        _step(merged, OrderState.FILLED, Trigger.ORDER_COMPLETE, at_ms, reason="fully_filled")
    elif before.state is OrderState.PARTIALLY_FILLED:
        _step(merged, OrderState.PARTIALLY_FILLED, Trigger.SUBSEQUENT_FILL, at_ms)
    else:
        _step(merged, OrderState.PARTIALLY_FILLED, Trigger.FIRST_FILL_RECEIVED, at_ms)


def _believe_status(
    merged: Absorbed,
    claim: VenueOrder,
    before: Order,
    *,
    at_ms: int,
    evidence: Evidence,
    tolerance: Decimal,
    trigger: Trigger,
    went_on: bool,
) -> None:
    order = merged.order
    missing = missing_quantity(order, claim.filled_size, tolerance)
    merged.missing = max(ZERO, missing)
    last_word = claim.status in _ENDED_CLAIM and not _filled_in_part(claim, tolerance)
    if missing < ZERO and last_word and not order.overfilled:
        # The venue's last word on the order knows of less than we have booked.
        merged.order = order = evolve(order, overfilled=True)
    if claim.status is None or _filled_in_part(claim, tolerance):
        merged.unknown_status = True
    elif claim.status in _WORKING_CLAIM:
        # Executions that came with the claim may have completed it meanwhile: filled is not dead.
        cancelled = order.state is OrderState.CANCELLED
        dead = order.state in _REOPENABLE or (cancelled and (went_on or _never_placed(before)))
        _believe_working(merged, at_ms=at_ms, evidence=evidence, trigger=trigger, held_for_dead=dead)
    elif order.state in TERMINAL:
        _compare_ends(merged, claim)
    elif merged.missing > ZERO:
        # The end is believed after the executions it speaks of are booked.
        _acknowledge(merged, at_ms=at_ms, evidence=evidence, trigger=trigger)
    else:
        _end(merged, claim, at_ms=at_ms, evidence=evidence)


def _never_placed(order: Order) -> bool:
    # Cancelled on the proof that no sending had taken effect: if it works at the venue, that proof was wrong.
    return order.state is OrderState.CANCELLED and order.venue_order_id is None and proven_unplaced(order)


def _filled_in_part(claim: VenueOrder, tolerance: Decimal) -> bool:
    # A record that calls itself filled and shows less than its own size is not finished being written.
    if claim.status is not PublicStatus.FILLED:
        return False
    if claim.quote_size is not None or claim.size <= ZERO:
        return claim.filled_size == ZERO
    return apart_by(claim.size, claim.filled_size, tolerance) > ZERO


def _believe_working(
    merged: Absorbed, *, at_ms: int, evidence: Evidence, trigger: Trigger, held_for_dead: bool
) -> None:
    order = merged.order
    if held_for_dead and order.state in TERMINAL:
        merged.reopened = True
        merged.corrections += 1
        # Whoever cancelled it wants it cancelled still.
        cancel = order.cancel_pending or order.state is OrderState.CANCELLED
        reason = "found_working"
        _step(merged, OrderState.ACKNOWLEDGED, Trigger.VENUE_CORRECTION, at_ms, reason=reason, evidence=evidence)
        merged.order = evolve(merged.order, completion=None, cancel_pending=cancel)
    elif order.state in TERMINAL:
        merged.stale = True
    else:
        _acknowledge(merged, at_ms=at_ms, evidence=evidence, trigger=trigger)


def _acknowledge(merged: Absorbed, *, at_ms: int, evidence: Evidence, trigger: Trigger) -> None:
    if merged.order.state is OrderState.SUBMITTED:
        _step(merged, OrderState.ACKNOWLEDGED, trigger, at_ms, evidence=evidence)


def _compare_ends(merged: Absorbed, claim: VenueOrder) -> None:
    order = merged.order
    if order.state in _REOPENABLE and claim.status is not PublicStatus.FAILED:
        merged.corrections += 1
        merged.contradiction = f"held for {order.state}, but the venue had accepted it ({claim.venue_status})"


def _end(merged: Absorbed, claim: VenueOrder, *, at_ms: int, evidence: Evidence) -> None:
    order = merged.order
    if claim.status is PublicStatus.FILLED:
        _step(merged, OrderState.FILLED, Trigger.ORDER_COMPLETE, at_ms, reason="fully_filled", evidence=evidence)
    elif claim.status is PublicStatus.EXPIRED or (
        claim.status is PublicStatus.CANCELLED and (_our_timer_ended(order, at_ms) or _cannot_rest(order))
    ):
        _step(
            merged, OrderState.EXPIRED, Trigger.ORDER_EXPIRED, at_ms,
            reason=claim.reason or "time_in_force", evidence=evidence, completion=CompletionReason.EXPIRED,
        )  # fmt: skip
    elif claim.status is PublicStatus.FAILED:
        _step(
            merged, OrderState.REJECTED, Trigger.API_REJECTED, at_ms,
            reason="venue_rejected", evidence=evidence, reason_text=claim.reason, completion=CompletionReason.REJECTED,
        )  # fmt: skip
    elif ran_out_of_time(order):
        _end_by_timeout(merged, at_ms=at_ms, evidence=evidence)
    else:
        by = order.cancelled_by or InitiatedBy.VENUE
        why = "replaced" if order.replace_pending and order.replaced_by is not None else f"cancelled_by_{by}"
        _step(
            merged, OrderState.CANCELLED, CANCEL_TRIGGER[by], at_ms,
            reason=claim.reason or why, evidence=evidence, cancelled_by=by,
            completion=CompletionReason.CANCELLED,
        )  # fmt: skip


def ran_out_of_time(order: Order) -> bool:
    """Tell whether the cancel in hand is the fill timeout's: whoever else cancels puts his own name on it."""
    return order.timed_out_ms is not None and order.cancelled_by is InitiatedBy.SYSTEM


def _end_by_timeout(merged: Absorbed, *, at_ms: int, evidence: Evidence) -> None:
    order = merged.order
    filled = order.filled_size > ZERO
    target = OrderState.CANCELLED
    if order.state is OrderState.PARTIALLY_FILLED:
        target = OrderState.PARTIAL_FILL_TIMEOUT
    _step(
        merged, target, Trigger.PARTIAL_FILL_TIMEOUT, at_ms,
        reason="fill_timeout" if filled else "unfilled_timeout",
        evidence=evidence,
        metadata=(_unfilled(order),),
        completion=CompletionReason.TIMEOUT if filled else CompletionReason.UNFILLED_TIMEOUT,
    )  # fmt: skip


def _unfilled(order: Order) -> tuple[str, str]:
    if order.quote_size is None:
        return "unfilled_quantity", plain(EXACT.subtract(order.size, order.filled_size))
    # Ordered for an amount of quote currency, it has no quantity that could be unfilled.
    return "unfilled_quote_quantity", plain(max(ZERO, EXACT.subtract(order.quote_size, order.filled_value)))


def _our_timer_ended(order: Order, at_ms: int) -> bool:
    # A GTT order at a venue without GTT is ended by our own timer and a cancel: to its owner that is an expiry.
    return (
        order.time_in_force is TimeInForce.GTT
        and order.cancelled_by is InitiatedBy.SYSTEM
        and order.expires_at_ms is not None
        and order.expires_at_ms <= at_ms
    )


def _cannot_rest(order: Order) -> bool:
    # What is left of such an order ends by its own terms; some venues call that cancelled, others expired.
    at_once = order.type is OrderType.MARKET or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return at_once and order.cancelled_by is None and not order.external


CANCEL_TRIGGER = {
    InitiatedBy.USER: Trigger.USER_CANCEL_ORDER,
    InitiatedBy.RISK_RULE: Trigger.RISK_RULE_CANCEL,
    InitiatedBy.SYSTEM: Trigger.RECONCILIATION,
    InitiatedBy.VENUE: Trigger.RECONCILIATION,
}
"""What ends an order that is cancelled, by whose wish it was."""


def _step(
    merged: Absorbed,
    to_state: OrderState,
    trigger: Trigger,
    at_ms: int,
    *,
    reason: str = "",
    evidence: Evidence | None = None,
    metadata: tuple[tuple[str, str], ...] = (),
    **changes: object,
) -> None:
    merged.order, record = transition(
        merged.order, to_state, trigger, at_ms, reason=reason, metadata=metadata, evidence=evidence, **changes
    )
    merged.transitions.append(record)
