"""What follows from a venue's answers to placements and cancels.

Every function fills a `Turn`; what an answer says of an order goes through `absorbing`. Here it is decided what is
looked up next and what is sent again. Must never: end an order without evidence, or leave an unknown outcome
without a look-up on its way.
"""

from collections.abc import Sequence

from actors import in_hand, overlays, uniting
from actors.absorbing import (
    absorb_claim,
    after_acknowledgement,
    is_denied,
    request_failed,
    taken_back,
    tell_reused,
)
from actors.admission import next_attempt, place_request
from actors.adoption import take_in
from actors.desk import Desk, cancel_request, is_stopped, known_again, request_round, reread
from actors.domain.chains import was_placed
from actors.domain.claims import CANCEL_TRIGGER, ran_out_of_time
from actors.domain.lifecycle import AT_VENUE, TERMINAL, evolve, transition
from actors.domain.reviews import known_changes
from actors.domain.verification import fence_of, may_send_again, proven_unplaced
from actors.reminders import cancel_again_timer, resend_timer
from actors.turn import Turn
from messages.base import copied
from messages.events import Severity
from messages.fills import VenueFill
from messages.reports import (
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)
from messages.types import (
    AttemptOutcome,
    CompletionReason,
    Evidence,
    EvidenceSource,
    InitiatedBy,
    Order,
    OrderState,
    OrderType,
    TimeInForce,
    Trigger,
    VenueOrder,
    Verification,
    VerificationPhase,
)

_REREAD_DELAY_MS = 250
_ENDED_BY_MS = 1500
"""An order that cannot rest has ended by then."""
_RESEND_DELAY_MS = 500


# ----- answers to placements


def on_place_accepted(turn: Turn, desk: Desk, report: PlaceAccepted) -> None:
    """The venue has the order."""
    order = turn.order(report.order_id)
    if order is None:
        return
    if report.order is not None:
        _absorb_answer(turn, desk, order, report.order, report.fills, report.evidence, Trigger.API_ACKNOWLEDGED)
        return
    if _has_been_shown(order, report):
        if order.state not in TERMINAL and _ends_at_once(order):
            reread(turn, desk, order, delay_ms=_ENDED_BY_MS)
        return
    known_otherwise = uniting.other_record(turn, order, report.venue_order_id) is not None
    denied = is_denied(turn, order)
    if order.venue_order_id is None:
        attempts = _settle_attempt(order, report.attempt, AttemptOutcome.ACCEPTED)
        order = evolve(order, venue_order_id=report.venue_order_id, attempts=attempts)
        if not known_otherwise:
            tell_reused(turn, order)
    if order.state is OrderState.SUBMITTED:
        order, step = transition(
            evolve(order, **known_changes(order)), OrderState.ACKNOWLEDGED, Trigger.API_ACKNOWLEDGED, turn.now_ms,
            evidence=report.evidence, verification=None,
        )  # fmt: skip
        turn.save(order, (step,))
        known_again(turn, order, "found")
        after_acknowledgement(turn, order)
        if known_otherwise or turn.memory.parked_for(order, None):
            # Executions, or a word, that came before anybody knew the venue's id of their order.
            order = absorb_claim(turn, desk, order, None, (), report.evidence, Trigger.API_ACKNOWLEDGED).order
        if order.state not in TERMINAL and _ends_at_once(order):
            # It has ended by now, and an event that says so may never come.
            reread(turn, desk, order, delay_ms=_ENDED_BY_MS)
    else:
        # A bare acknowledgement of an order that went on without it: what it became is read from the venue.
        if denied:
            order = taken_back(turn, order, report.evidence)
        turn.save(order)
        if known_otherwise:
            order = absorb_claim(turn, desk, order, None, (), report.evidence, Trigger.API_ACKNOWLEDGED).order
        reread(turn, desk, order, delay_ms=_REREAD_DELAY_MS)


def _has_been_shown(order: Order, report: PlaceAccepted) -> bool:
    # A stream that was faster has shown the order under this very id: the answer, which says no more than that it was
    # accepted, has nothing to add, and nothing about the order is unknown because of it.
    denied = order.state in (OrderState.SUBMITTED, OrderState.REJECTED, OrderState.FAILED) or proven_unplaced(order)
    return order.venue_order_id == report.venue_order_id and order.verification is None and not denied


def _ends_at_once(order: Order) -> bool:
    return order.type is OrderType.MARKET or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)


def on_place_rejected(turn: Turn, desk: Desk, report: PlaceRejected) -> None:
    """The venue refused this attempt: proof that it made no order."""
    order = turn.order(report.order_id)
    if order is None:
        return
    last = order.attempts[-1]
    if last.outcome is AttemptOutcome.REJECTED and last.number == report.attempt:
        return
    if order.state is OrderState.REJECTED and not was_placed(order) and last.number == report.attempt:
        # An event has told it before the answer did.
        turn.save(evolve(order, attempts=_settle_attempt(order, report.attempt, AttemptOutcome.REJECTED)))
        return
    if order.state is not OrderState.SUBMITTED or last.number != report.attempt:
        turn.alert(
            "EvidenceContradicted", Severity.CRITICAL, "the venue refuses an order that it had shown before",
            order_id=order.order_id, state=order.state, code=report.code,
        )  # fmt: skip
        reread(turn, desk, order, delay_ms=0)
        return
    rejected, step = transition(
        order,
        OrderState.REJECTED,
        Trigger.API_REJECTED,
        turn.now_ms,
        reason=report.code,
        evidence=report.evidence,
        reason_text=report.text,
        attempts=_settle_attempt(order, report.attempt, AttemptOutcome.REJECTED),
        completion=CompletionReason.REJECTED,
    )
    turn.save(rejected, (step,))
    request_failed(turn, rejected, report.text)
    known_again(turn, order, "superseded")


def on_place_not_processed(turn: Turn, desk: Desk, report: PlaceNotProcessed) -> None:
    """The venue did not act on this attempt: it may be sent again, within the order's limits."""
    order = turn.order(report.order_id)
    if order is None or order.state is not OrderState.SUBMITTED or order.attempts[-1].number != report.attempt:
        return
    order = evolve(
        order,
        attempts=_settle_attempt(order, report.attempt, AttemptOutcome.NOT_PROCESSED, report.reason),
        verification=None,
        updated_at_ms=turn.now_ms,
    )
    # What is refused once is refused again a moment later: each further sending waits four times as long.
    earlier = sum(attempt.outcome is AttemptOutcome.NOT_PROCESSED for attempt in order.attempts) - 1
    delay_ms = max(report.retry_after_ms, _RESEND_DELAY_MS << (2 * earlier))
    send_again_or_end(turn, desk, order, report.evidence, delay_ms=delay_ms)


def on_place_ambiguous(turn: Turn, desk: Desk, report: PlaceAmbiguous) -> None:
    """Nobody knows: keep everything reserved and find out."""
    order = turn.order(report.order_id)
    if order is None or order.state is not OrderState.SUBMITTED or order.attempts[-1].number != report.attempt:
        return
    begin_verification(
        turn,
        desk,
        order,
        report.reason,
        venue_order_id=report.venue_order_id,
        known_to_exist=report.known_to_exist,
    )


def begin_verification(
    turn: Turn,
    desk: Desk,
    order: Order,
    reason: str,
    *,
    venue_order_id: str | None = None,
    known_to_exist: bool = False,
) -> None:
    """Record that an attempt's outcome is unknown and have it looked up at once."""
    last = order.attempts[-1]
    exchange = desk.exchange(order)
    order = evolve(
        order,
        attempts=_settle_attempt(order, last.number, AttemptOutcome.AMBIGUOUS, reason),
        venue_order_id=order.venue_order_id or venue_order_id,
        verification=Verification(
            started_ms=turn.now_ms,
            phase=VerificationPhase.INITIATED,
            fence_venue_ms=fence_of(last, exchange.settle_ms),
            known_to_exist=known_to_exist,
        ),
        updated_at_ms=turn.now_ms,
    )
    turn.save(order)
    if uniting.other_record(turn, order, order.venue_order_id) is not None:
        evidence = Evidence(source=EvidenceSource.LOCAL, endpoint="verification", received_ms=turn.now_ms)
        absorb_claim(turn, desk, order, None, (), evidence, Trigger.RECONCILIATION)
    request_round(turn, desk, order, due_in_ms=0)
    if order.cancel_pending and not overlays.keeps_cancel(turn, order):
        turn.send(desk.exchange_address[order.exchange], cancel_request(order))


def send_again_or_end(turn: Turn, desk: Desk, order: Order, evidence: Evidence, *, delay_ms: int) -> None:
    """An order proven not to be at the venue: send it again within its limits, or end it with the proof.

    Neither while the order whose place it is to take may work.
    """
    if overlays.predecessor(turn, order) is not None:
        turn.save(order)
        return
    if _may_again(turn, desk, order, at_ms=turn.now_ms + delay_ms):
        turn.save(order)
        turn.effect(resend_timer(order.order_id, delay_ms))
        return
    if order.cancel_pending:
        timed_out = ran_out_of_time(order)
        by = CANCEL_TRIGGER[order.cancelled_by or InitiatedBy.USER]
        ended, step = transition(
            order, OrderState.CANCELLED, Trigger.PARTIAL_FILL_TIMEOUT if timed_out else by, turn.now_ms,
            reason="unfilled_timeout" if timed_out else "cancelled_before_placement", evidence=evidence,
            completion=CompletionReason.UNFILLED_TIMEOUT if timed_out else CompletionReason.CANCELLED,
        )  # fmt: skip
    else:
        absent = order.attempts[-1].outcome is AttemptOutcome.ABSENT
        trigger = Trigger.VERIFICATION_ABSENT if absent else Trigger.PROCESSING_ERROR
        ended, step = transition(
            order, OrderState.FAILED, trigger, turn.now_ms,
            reason="not_placed", evidence=evidence, reason_text=evidence.detail, completion=CompletionReason.NOT_PLACED,
        )  # fmt: skip
    turn.save(ended, (step,))
    request_failed(turn, ended, "not placed")


def on_resend_due(turn: Turn, desk: Desk, order_id: str) -> None:
    """Send the next attempt of an order that is proven not to be at the venue, or see to a change of one that is."""
    order = turn.order(order_id)
    if order is not None and order.state in AT_VENUE:
        overlays.on_due(turn, desk, order)
    elif order is not None and order.state is OrderState.PENDING and order.replaces is not None:
        # Whether it may be placed now is decided with everything else that follows from a turn.
        turn.save(evolve(order, updated_at_ms=turn.now_ms))
    if order is None or order.state is not OrderState.SUBMITTED or not proven_unplaced(order):
        return
    if overlays.predecessor(turn, order) is not None:
        return
    if not _may_again(turn, desk, order, at_ms=turn.now_ms):
        evidence = Evidence(
            source=EvidenceSource.LOCAL, endpoint="resend", received_ms=turn.now_ms,
            detail=f"every sending is proven not to be at the venue ({order.attempts[-1].detail or 'absent'})",
        )  # fmt: skip
        send_again_or_end(turn, desk, order, evidence, delay_ms=0)
        return
    exchange = desk.exchange(order)
    attempt = next_attempt(order, None, exchange, turn.now_ms, desk.offsets_ms.get(order.exchange, 0))
    order = evolve(order, attempts=(*order.attempts, attempt), verification=None, updated_at_ms=turn.now_ms)
    turn.save(order)
    turn.send(desk.exchange_address[order.exchange], place_request(order))


def _may_again(turn: Turn, desk: Desk, order: Order, *, at_ms: int) -> bool:
    within_limits = may_send_again(order, now_ms=at_ms, policy=desk.policy.verification)
    return within_limits and overlays.may_follow(turn, order) and not is_stopped(turn, desk, order)


def in_flight(order: Order) -> bool:
    """Whether the last sending of an order has no answer yet."""
    return (
        order.state is OrderState.SUBMITTED
        and order.verification is None
        and bool(order.attempts)
        and order.attempts[-1].outcome is AttemptOutcome.IN_FLIGHT
    )


# ----- answers to cancels


def on_cancel_report(
    turn: Turn, desk: Desk, report: CancelConfirmed | CancelRefused | CancelNotProcessed | CancelAmbiguous
) -> None:
    """Settle a cancel, or find out what became of it."""
    # One that was asked for under another record of the order is answered under that one's name.
    order = turn.order(report.order_id) or turn.order(turn.memory.became.get(report.order_id, ""))
    if order is None:
        return
    match report:
        case CancelConfirmed():
            _absorb_answer(turn, desk, order, report.order, (), report.evidence, Trigger.RECONCILIATION)
        case CancelNotProcessed():
            if order.state not in TERMINAL:
                turn.effect(cancel_again_timer(order.order_id, max(report.retry_after_ms, _RESEND_DELAY_MS)))
        case CancelAmbiguous() if report.reason == in_hand.ACCEPTED:
            if order.state not in TERMINAL:
                in_hand.begin(turn, desk, order)
        case CancelRefused() | CancelAmbiguous():
            if order.state not in TERMINAL:
                reread(turn, desk, order, delay_ms=0)


def on_cancel_again(turn: Turn, desk: Desk, order_id: str) -> None:
    """Send a cancel again that is not settled; cancelling twice is harmless."""
    order = turn.order(order_id)
    if order is None or not order.cancel_pending or order.state in TERMINAL:
        return
    if not overlays.keeps_cancel(turn, order):
        turn.send(desk.exchange_address[order.exchange], cancel_request(order))


def _absorb_answer(
    turn: Turn,
    desk: Desk,
    order: Order,
    claim: VenueOrder,
    fills: Sequence[VenueFill],
    evidence: Evidence,
    trigger: Trigger,
) -> None:
    if order.venue_order_id in (None, claim.venue_order_id):
        absorb_claim(turn, desk, order, claim, fills, evidence, trigger)
    else:
        # The answer names a second venue order of this request: one of its own, with executions of its own.
        take_in(turn, desk, order.account_id, claim, fills, evidence, trigger)


def _settle_attempt(
    order: Order, number: int, outcome: AttemptOutcome, detail: str = ""
) -> tuple[object, ...]:
    return tuple(
        copied(attempt, outcome=outcome, detail=detail) if attempt.number == number else attempt
        for attempt in order.attempts
    )
