"""What follows from a venue's report: answers to placements and cancels, and claims about orders from any transport.

Every function fills a `Turn`. The merging itself is `actors.domain.claims`; here it is decided what is looked up next,
what is sent again, and what an operator is told. Must never: end an order without evidence, or leave an unknown outcome
without a look-up on its way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from actors.admission import next_attempt, place_request
from actors.domain.claims import Absorbed, absorb
from actors.domain.fills import fill_key
from actors.domain.lifecycle import TERMINAL, evolve, transition
from actors.domain.verification import fence_of, first_phase, may_send_again, proven_unplaced
from actors.memory import Unwatched, Watched
from actors.policy import AccountPolicy, ExchangePolicy
from actors.reminders import cancel_again_timer, resend_timer
from actors.runtime.outcome import CancelTimer
from actors.turn import Turn
from messages.base import copied
from messages.commands import CancelVenueOrder
from messages.control import VerificationEnded, VerificationRequested
from messages.events import Severity
from messages.fills import Fill, VenueFill
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
    ZERO,
    AttemptOutcome,
    CompletionReason,
    Evidence,
    EvidenceSource,
    IdempotencyStatus,
    InitiatedBy,
    Order,
    OrderState,
    Trigger,
    VenueOrder,
    Verification,
    VerificationPhase,
)

SUPERVISOR = "supervisor/verification"
_REREAD_DELAY_MS = 250
_RESEND_DELAY_MS = 500
CANCEL_AGAIN_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What settling needs besides the turn."""

    policy: AccountPolicy
    exchange_address: dict[str, str]
    offsets_ms: dict[str, int]

    def exchange(self, order: Order) -> ExchangePolicy:
        """The policy of an order's exchange."""
        return self.policy.exchanges[order.exchange]


# ----- answers to placements


def on_place_accepted(turn: Turn, desk: Desk, report: PlaceAccepted) -> None:
    """The venue has the order."""
    order = turn.order(report.order_id)
    if order is None:
        return
    if report.order is not None:
        absorb_claim(turn, desk, order, report.order, report.fills, report.evidence, Trigger.API_ACKNOWLEDGED)
        return
    if order.venue_order_id is None:
        attempts = _settle_attempt(order, report.attempt, AttemptOutcome.ACCEPTED)
        order = evolve(order, venue_order_id=report.venue_order_id, attempts=attempts)
    if order.state is OrderState.SUBMITTED:
        order, step = transition(
            order, OrderState.ACKNOWLEDGED, Trigger.API_ACKNOWLEDGED, turn.now_ms,
            evidence=report.evidence, verification=None, needs_review=False,
        )  # fmt: skip
        turn.save(order, (step,))
        _known_again(turn, order, "found")
        _after_acknowledgement(turn, order)
    else:
        # A bare acknowledgement of an order that went on without it: what it became is read from the venue.
        turn.save(order)
        reread(turn, desk, order, delay_ms=_REREAD_DELAY_MS)


def on_place_rejected(turn: Turn, desk: Desk, report: PlaceRejected) -> None:
    """The venue refused this attempt: proof that it made no order."""
    order = turn.order(report.order_id)
    if order is None:
        return
    last = order.attempts[-1]
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
    _known_again(turn, order, "superseded")


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
    request_round(turn, desk, order, due_in_ms=0)
    if order.cancel_pending:
        turn.send(desk.exchange_address[order.exchange], cancel_request(order))


def send_again_or_end(turn: Turn, desk: Desk, order: Order, evidence: Evidence, *, delay_ms: int) -> None:
    """An order proven not to be at the venue: send it again within its limits, or end it with the proof."""
    if may_send_again(order, now_ms=turn.now_ms + delay_ms, policy=desk.policy.verification):
        turn.save(order)
        turn.effect(resend_timer(order.order_id, delay_ms))
        return
    if order.cancel_pending:
        by = order.cancelled_by or InitiatedBy.USER
        trigger = Trigger.RISK_RULE_CANCEL if by is InitiatedBy.RISK_RULE else Trigger.USER_CANCEL_ORDER
        ended, step = transition(
            order, OrderState.CANCELLED, trigger, turn.now_ms,
            reason="cancelled_before_placement", evidence=evidence, completion=CompletionReason.CANCELLED,
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
    """Send the next attempt of an order that is proven not to be at the venue."""
    order = turn.order(order_id)
    if order is None or order.state is not OrderState.SUBMITTED or not proven_unplaced(order):
        return
    if not may_send_again(order, now_ms=turn.now_ms, policy=desk.policy.verification):
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
    order = turn.order(report.order_id)
    if order is None:
        return
    match report:
        case CancelConfirmed():
            absorb_claim(turn, desk, order, report.order, (), report.evidence, Trigger.RECONCILIATION)
        case CancelNotProcessed():
            if order.state not in TERMINAL:
                turn.effect(cancel_again_timer(order.order_id, max(report.retry_after_ms, _RESEND_DELAY_MS)))
        case CancelRefused() | CancelAmbiguous():
            if order.state not in TERMINAL:
                reread(turn, desk, order, delay_ms=0)


def on_cancel_again(turn: Turn, desk: Desk, order_id: str) -> None:
    """Send a cancel again that is not settled; cancelling twice is harmless."""
    order = turn.order(order_id)
    if order is not None and order.cancel_pending and order.state not in TERMINAL:
        turn.send(desk.exchange_address[order.exchange], cancel_request(order))


def cancel_request(order: Order) -> CancelVenueOrder:
    """The request that cancels an order at its venue."""
    return CancelVenueOrder(
        account_id=order.account_id,
        exchange=order.exchange,
        order_id=order.order_id,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
    )


# ----- claims from any transport


def absorb_claim(
    turn: Turn,
    desk: Desk,
    order: Order,
    claim: VenueOrder | None,
    fills: Sequence[VenueFill],
    evidence: Evidence,
    trigger: Trigger,
) -> Absorbed:
    """Merge a claim into an order and do what follows from it."""
    new = new_fills(turn, order, fills)
    merged = absorb(
        order, claim, new, at_ms=turn.now_ms, evidence=evidence, tolerance=desk.policy.fill_tolerance, trigger=trigger
    )
    if merged.order is not order:
        turn.save(merged.order, merged.transitions, merged.fills)
    _tell_operators(turn, order, merged, claim)
    after = merged.order
    if merged.twin or merged.missing > 0 or (merged.unknown_status and _may_work(after)):
        reread(turn, desk, after, delay_ms=_REREAD_DELAY_MS)
    elif order.verification is not None and after.verification is None:
        _known_again(turn, after, "found")
    if merged.reopened and after.cancel_pending:
        turn.send(desk.exchange_address[after.exchange], cancel_request(after))
    if after.state in TERMINAL and order.state not in TERMINAL:
        _ended(turn, after)
    elif merged.corrections:
        _request_corrected(turn, after)
    elif order.state is OrderState.SUBMITTED and after.state is not OrderState.SUBMITTED:
        _after_acknowledgement(turn, after)
    return merged


def _may_work(order: Order) -> bool:
    # A status nobody knows asks a question only where the order is not known to have ended at the venue.
    return order.state not in TERMINAL or order.state in (OrderState.REJECTED, OrderState.FAILED)


def new_fills(turn: Turn, order: Order, fills: Sequence[VenueFill]) -> list[Fill]:
    """The executions among `fills` that are not booked yet, as ours, in order."""
    booked = turn.memory.fills.get(order.order_id, {})
    fresh: dict[str, Fill] = {}
    for fill in fills:
        key = fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)
        if key in booked or key in fresh:
            continue
        if order.venue_order_id is not None and fill.venue_order_id != order.venue_order_id:
            continue
        fresh[key] = Fill(
            fill_id=fill.fill_id,
            order_id=order.order_id,
            venue_order_id=fill.venue_order_id,
            account_id=order.account_id,
            exchange=fill.exchange,
            symbol=fill.symbol,
            side=fill.side,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
            venue_time_ms=fill.venue_time_ms,
            received_ms=turn.now_ms,
            source=fill.source,
            sequence=order.fill_count + len(fresh) + 1,
        )
    return list(fresh.values())


# ----- looking again


def request_round(turn: Turn, desk: Desk, order: Order, *, due_in_ms: int, rounds: int = 0) -> None:
    """Ask the verification supervisor for a round of look-ups."""
    phase = first_phase(
        lookup_by_client_id=desk.exchange(order).capabilities.lookup_by_client_id, venue_order_id=order.venue_order_id
    )
    turn.send(
        SUPERVISOR,
        VerificationRequested(
            account_id=order.account_id, order_id=order.order_id, phase=phase, due_in_ms=due_in_ms, rounds=rounds
        ),
    )


def reread(turn: Turn, desk: Desk, order: Order, *, delay_ms: int) -> None:
    """Have an order read from its venue, because what we know of it is known to be incomplete."""
    if order.order_id in turn.memory.watched or order.verification is not None:
        return
    turn.note(Watched(order.order_id, rounds=0))
    request_round(turn, desk, order, due_in_ms=delay_ms)


def _known_again(turn: Turn, order: Order, outcome: str) -> None:
    turn.note(Unwatched(order.order_id))
    turn.send(
        SUPERVISOR, VerificationEnded(account_id=order.account_id, order_id=order.order_id, outcome=outcome)
    )


def _after_acknowledgement(turn: Turn, order: Order) -> None:
    turn.effect(CancelTimer(f"resend:{order.order_id}"))
    if order.cancel_pending:
        # A cancel that overtook the placement was refused, or never left.
        turn.effect(cancel_again_timer(order.order_id, CANCEL_AGAIN_MS))
    entry = turn.memory.entries.get(order.idempotency_key or "")
    if entry is not None and entry.status is not IdempotencyStatus.COMPLETED:
        turn.note(copied(entry, status=IdempotencyStatus.COMPLETED))


def _ended(turn: Turn, order: Order) -> None:
    for timer in ("expiry", "cancel", "resend"):
        turn.effect(CancelTimer(f"{timer}:{order.order_id}"))
    if order.order_id in turn.memory.watched or (order.attempts[-1:] and order.verification is not None):
        _known_again(turn, order, "found")
    if order.state in (OrderState.REJECTED, OrderState.FAILED) and order.filled_size == ZERO:
        request_failed(turn, order, order.reason)


def request_failed(turn: Turn, order: Order, error: str) -> None:
    """Record that the request which made this order may be made again: the order is proven not to exist."""
    entry = turn.memory.entries.get(order.idempotency_key or "")
    if entry is not None and entry.order_id == order.order_id:
        turn.save_entry(copied(entry, status=IdempotencyStatus.FAILED, error=error[:200]))


def _request_corrected(turn: Turn, order: Order) -> None:
    # What was thought never to have been placed has executed or works: the same request must not place it again.
    entry = turn.memory.entries.get(order.idempotency_key or "")
    if entry is not None and entry.order_id == order.order_id and entry.status is IdempotencyStatus.FAILED:
        turn.save_entry(copied(entry, status=IdempotencyStatus.COMPLETED, error=""))


def _settle_attempt(
    order: Order, number: int, outcome: AttemptOutcome, detail: str = ""
) -> tuple[object, ...]:
    return tuple(
        copied(attempt, outcome=outcome, detail=detail) if attempt.number == number else attempt
        for attempt in order.attempts
    )



def _tell_operators(turn: Turn, before: Order, merged: Absorbed, claim: VenueOrder | None) -> None:
    name = {"order_id": before.order_id, "state": str(before.state)}
    if merged.unsent:
        turn.alert("SentWithoutRecord", Severity.CRITICAL, "the venue has an order that we held for never sent", **name)
    if merged.reopened:
        turn.alert("TerminalCorrection", Severity.CRITICAL, "an order held for dead works at its venue", **name)
    elif merged.contradiction:
        turn.alert("EvidenceContradicted", Severity.CRITICAL, merged.contradiction, **name)
    elif merged.corrections:
        turn.alert("TerminalCorrection", Severity.WARNING, "an execution arrived after the order had ended", **name)
    if merged.twin and claim is not None:
        turn.alert(
            "SecondVenueOrder", Severity.CRITICAL, "the venue has two orders under one client order id",
            second=claim.venue_order_id, **name,
        )  # fmt: skip
    if merged.order.overfilled and not before.overfilled:
        turn.alert("Overfill", Severity.CRITICAL, "more was executed than ordered; booked as it happened", **name)
    if merged.unknown_status and claim is not None:
        turn.alert(
            "UnknownVenueStatus", Severity.WARNING, "the venue used a status we do not know; the order is read again",
            status=claim.venue_status, **name,
        )  # fmt: skip
