"""Claims about orders from any transport: merged, held back while an execution they speak of is missing, followed up.

The merging itself is `actors.domain.claims`. Must never: end an order whose executions are not booked, book an
execution twice, or leave a claim that is held back without a look-up on its way.
"""

from collections.abc import Sequence
from decimal import Decimal

from actors import contradictions, elsewhere, overlays, uniting
from actors.desk import CANCEL_AGAIN_MS, Desk, cancel_request, known_again, reread
from actors.domain.chains import first, never_came, never_placed, was_placed
from actors.domain.claims import Absorbed, absorb, amend_of
from actors.domain.fills import fill_key, missing_quantity, price_deviation_percent
from actors.domain.lifecycle import AT_VENUE, TERMINAL, evolve, transition
from actors.domain.modification import says_other_terms
from actors.domain.succession import goes_on_as, was_before
from actors.notes import FillRepeated, Held, HeldGone, SeenWorking
from actors.reminders import cancel_again_timer
from actors.rows import key_of
from actors.runtime.outcome import CancelTimer
from actors.turn import Turn
from exchanges.gateway import AmendScope
from messages.base import copied
from messages.events import ManualReviewRequired, Severity
from messages.fills import Fill, FillSource, VenueFill
from messages.types import (
    ZERO,
    AttemptOutcome,
    Evidence,
    EvidenceSource,
    IdempotencyEntry,
    IdempotencyStatus,
    Order,
    OrderState,
    PublicStatus,
    Trigger,
    VenueOrder,
    VerificationPhase,
)

_ENDED_UNFILLED = frozenset({PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED})
_DENIED = frozenset({OrderState.FAILED, OrderState.REJECTED, OrderState.CANCELLED})
_WORKING_CLAIM = frozenset({PublicStatus.OPEN, PublicStatus.PENDING, None})


def absorb_claim(
    turn: Turn,
    desk: Desk,
    order: Order,
    claim: VenueOrder | None,
    fills: Sequence[VenueFill],
    evidence: Evidence,
    trigger: Trigger,
    source: FillSource | None = None,
    *,
    amended: bool = False,
) -> Absorbed:
    """Merge a claim into an order and do what follows from it.

    `source` names where the executions were learned from where the adapter cannot know it: from a reconciliation.
    `amended`: the claim is the venue's word that it has changed the order as asked.
    """
    tolerance = desk.policy.fill_tolerance
    went_on = False
    if claim is not None:
        if is_old_word(desk, order, claim):
            return Absorbed(order=order, stale=True)
        known_as = order.venue_order_id
        order = followed(turn, desk, order, claim)
        went_on = order.venue_order_id != known_as
    claim = _unless_it_hides_a_change(turn, desk, order, claim, evidence)
    order, moved, told_more = _united(turn, order, claim, fills, evidence)
    terms_ms = None if claim is None else elsewhere.believed_ms(turn, desk, order, claim, evidence)
    adds_nothing = not fills and not moved and not told_more and terms_ms is None
    if adds_nothing and claim is not None and _says_nothing_new(turn, order, claim, tolerance):
        turn.note(SeenWorking(order.order_id, turn.now_ms))
        return Absorbed(order=order)
    parked = _parked_for(turn, order, claim if claim is not None else next(iter(fills), None))
    new = new_fills(turn, desk, order, (*fills, *parked), evidence, source, after=len(moved))
    new = contradictions.without_second_names(turn, desk, order, claim, fills, new, evidence, moved)
    order = turn.order(order.order_id) or order
    merged = absorb(
        order, claim, (*moved, *new),
        at_ms=turn.now_ms, evidence=evidence, tolerance=tolerance, trigger=trigger,
        amended=amended, went_on=went_on, terms_ms=terms_ms,
    )  # fmt: skip
    if not merged.twin:
        _release(turn, desk, merged)
    if merged.order is not order:
        turn.save(merged.order, merged.transitions, new if moved else merged.fills)
    if not merged.twin:
        _unpark(turn, order, parked)
    _tell_operators(turn, order, merged, claim)
    for fill in merged.fills[len(moved) :]:
        _check_price(turn, desk, fill)
    _look_again(turn, desk, order, claim, merged, evidence)
    if told_more:
        reread(turn, desk, merged.order, delay_ms=0)
    _follow_up(turn, desk, order, claim, merged, evidence)
    if merged.order.modification is not None and not merged.twin:
        merged.order = overlays.settle_by_read(turn, desk, merged.order, claim, evidence)
    return merged


def _follow_up(
    turn: Turn, desk: Desk, order: Order, claim: VenueOrder | None, merged: Absorbed, evidence: Evidence
) -> None:
    after = merged.order
    if merged.stale and claim is not None:
        contradictions.hear_of_ended(turn, desk, after, claim, evidence)
    if _works(merged, claim):
        turn.note(SeenWorking(after.order_id, turn.now_ms))
    if merged.reopened and after.cancel_pending:
        turn.send(desk.exchange_address[after.exchange], cancel_request(after))
    if after.state in TERMINAL and order.state not in TERMINAL:
        _ended(turn, after, complete=merged.missing <= ZERO and not holds_back(turn, desk, after))
    elif merged.corrections:
        request_placed(turn, after)
    elif order.state is OrderState.SUBMITTED and after.state is not OrderState.SUBMITTED:
        after_acknowledgement(turn, after)


def _unless_it_hides_a_change(
    turn: Turn, desk: Desk, order: Order, claim: VenueOrder | None, evidence: Evidence
) -> VenueOrder | None:
    # An order that ends while a change of it is on its way: not every event says the terms that it ended with. The
    # record does, and is read before the end is believed.
    changing = amend_of(order) is not None and desk.exchange(order).capabilities.amend is AmendScope.NATIVE
    if claim is None or not changing or evidence.source is not EvidenceSource.STREAM:
        return claim
    if claim.status not in _ENDED_UNFILLED:
        return claim
    reread(turn, desk, order, delay_ms=0)
    return None


def _united(
    turn: Turn, order: Order, claim: VenueOrder | None, fills: Sequence[VenueFill], evidence: Evidence
) -> tuple[Order, tuple[Fill, ...], bool]:
    # The order, the executions that it takes over from another record of it, and whether it has to be read for more.
    venue_order_id = order.venue_order_id
    if venue_order_id is None:
        told = fills[:1] if claim is None else (claim,)
        venue_order_id = next((record.venue_order_id for record in told), None)
    other = uniting.other_record(turn, order, venue_order_id)
    if other is None:
        return order, (), False
    if other.state not in TERMINAL and is_denied(turn, order):
        order = taken_back(turn, order, evidence)
    united = uniting.unite(turn, order, other)
    if united.order is not order:
        turn.save(united.order)
        turn.effect(cancel_again_timer(order.order_id, CANCEL_AGAIN_MS))
    order = contradictions.take_over_review(turn, united.order, other)
    return order, united.fills, united.told_more


def _parked_for(turn: Turn, order: Order, told: VenueOrder | VenueFill | None) -> tuple[VenueFill, ...]:
    # Less those that this very turn found to be taken back, or has booked.
    parked = turn.memory.parked_for(order, told) if turn.memory.parked else ()
    return tuple(fill for fill in parked if key_of(fill) not in turn.unparked)


def _unpark(turn: Turn, order: Order, parked: Sequence[VenueFill]) -> None:
    for explained in parked:
        # One that may be booked under another name waits on, until a later list tells, or a person has to.
        # It is booked under its order's symbol, whatever it was told under.
        key = fill_key(order.exchange, order.symbol, explained.venue_order_id, explained.fill_id)
        if turn.booked(key) is not None or contradictions.is_named_twice(turn, order):
            turn.unpark(explained)


def is_old_word(desk: Desk, order: Order, claim: VenueOrder) -> bool:
    """Whether a claim is about the stop that an order was before it triggered."""
    return was_before(order, claim, desk.exchange(order).capabilities.untriggered_prefix)


def goes_on(desk: Desk, order: Order, claim: VenueOrder) -> bool:
    """Whether a claim shows, under another id, what an order of ours has become by its trigger."""
    return goes_on_as(order, claim, desk.exchange(order).capabilities.untriggered_prefix)


def followed(turn: Turn, desk: Desk, order: Order, claim: VenueOrder) -> Order:
    """An order under the id that a claim shows it to have since it triggered; as it is, where it has changed none."""
    if not goes_on(desk, order, claim):
        return order
    if claim.status is None and order.state in TERMINAL:
        # Only a word that says whether it works may take it back from its end.
        reread(turn, desk, order, delay_ms=0)
        return order
    order = evolve(order, venue_order_id=claim.venue_order_id, updated_at_ms=turn.now_ms)
    turn.save(order)
    return order


def _says_nothing_new(turn: Turn, order: Order, claim: VenueOrder, tolerance: Decimal) -> bool:
    # So it is with nearly all that an audit lists; thousands of open orders must not hold their account up.
    return (
        claim.status is PublicStatus.OPEN
        and order.state in AT_VENUE
        and order.venue_order_id == claim.venue_order_id
        and order.filled_size == claim.filled_size
        and order.quote_size is None
        and order.verification is None
        and order.modification is None
        and not says_other_terms(order, claim, tolerance)
        and order.attempts[-1:] != ()
        and order.attempts[-1].outcome is AttemptOutcome.ACCEPTED
        and order.order_id not in turn.memory.held
        and not turn.memory.parked
    )


def _works(merged: Absorbed, claim: VenueOrder | None) -> bool:
    shown = claim is not None and claim.status is not None and claim.status in _WORKING_CLAIM and not merged.twin
    return merged.order.state not in TERMINAL and (shown or bool(merged.fills))


# ----- executions


def new_fills(
    turn: Turn,
    desk: Desk,
    order: Order,
    fills: Sequence[VenueFill],
    evidence: Evidence,
    source: FillSource | None = None,
    *,
    after: int = 0,
) -> list[Fill]:
    """The executions among `fills` that are not booked yet, as ours, in order.

    They are the order's, so they are named by its symbol, whatever the record that told them calls it. `after`: how
    many executions that are booked the order has yet to be moved by.
    """
    fresh: dict[str, Fill] = {}
    offset_ms = desk.offsets_ms.get(order.exchange, 0)
    for fill in fills:
        if order.venue_order_id is not None and fill.venue_order_id != order.venue_order_id:
            continue
        key = fill_key(order.exchange, order.symbol, fill.venue_order_id, fill.fill_id)
        booked = fresh.get(key) or turn.booked(key)
        if booked is not None:
            turn.note(FillRepeated(booked.source, source or fill.source))
            continue
        fresh[key] = Fill(
            fill_id=fill.fill_id,
            order_id=order.order_id,
            venue_order_id=fill.venue_order_id,
            account_id=order.account_id,
            exchange=order.exchange,
            symbol=order.symbol,
            side=fill.side,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
            venue_time_ms=fill.venue_time_ms,
            received_ms=evidence.received_ms,
            source=source or fill.source,
            sequence=order.fill_count + after + len(fresh) + 1,
            reference_price=order.price if order.price is not None else order.stop_price,
            latency_ms=evidence.received_ms + offset_ms - fill.venue_time_ms,
        )
    return list(fresh.values())


def _check_price(turn: Turn, desk: Desk, fill: Fill) -> None:
    if fill.reference_price is None or fill.price == fill.reference_price:
        return
    worse = price_deviation_percent(fill.side, fill.price, fill.reference_price)
    if worse is not None and worse > desk.policy.price_deviation_max_percent:
        turn.alert(
            "UnreasonablePrice", Severity.WARNING, "an execution is far worse than the order's price; booked as it is",
            order_id=fill.order_id, fill_id=fill.fill_id, price=str(fill.price), reference=str(fill.reference_price),
        )  # fmt: skip


# ----- holding back


def _release(turn: Turn, desk: Desk, merged: Absorbed) -> None:
    """Believe what was held back of the order when the executions it spoke of are booked now."""
    held = turn.memory.held.get(merged.order.order_id)
    if held is None or holds_back(turn, desk, merged.order):
        return
    if merged.order.state not in TERMINAL:
        again = absorb(
            merged.order, held.claim, (), at_ms=turn.now_ms, evidence=held.evidence,
            tolerance=desk.policy.fill_tolerance, trigger=Trigger.RECONCILIATION,
        )  # fmt: skip
        merged.order = again.order
        merged.transitions.extend(again.transitions)
    if merged.missing <= ZERO:
        turn.note(HeldGone(merged.order.order_id))
        watched = turn.memory.watched.get(merged.order.order_id)
        if watched is not None and watched.for_fills and watched.phase is VerificationPhase.INITIATED:
            known_again(turn, merged.order, "superseded")


def holds_back(turn: Turn, desk: Desk, order: Order) -> bool:
    """Whether a claim about an order is held back, as things stand in this turn, for an execution not booked yet."""
    held = turn.memory.held.get(order.order_id)
    return held is not None and missing_quantity(order, held.claim.filled_size, desk.policy.fill_tolerance) > ZERO


def holds_back_end(turn: Turn, desk: Desk, order: Order) -> bool:
    """Whether what is held back says that the order works no longer."""
    held = turn.memory.held.get(order.order_id)
    return held is not None and held.claim.status not in _WORKING_CLAIM and holds_back(turn, desk, order)


def _look_again(
    turn: Turn, desk: Desk, before: Order, claim: VenueOrder | None, merged: Absorbed, evidence: Evidence
) -> None:
    after = merged.order
    if merged.missing > ZERO and claim is not None:
        held = turn.memory.held.get(after.order_id)
        if held is None or _says_more(claim, held.claim):
            turn.note(Held(after.order_id, claim, evidence))
        # The missing execution may be a moment behind; what has not come by then is read from the venue.
        only_fills = not merged.unknown_status
        reread(turn, desk, after, delay_ms=desk.policy.buffer_window_ms, for_fills=only_fills)
    elif merged.twin or (merged.unknown_status and _may_work(after)):
        reread(turn, desk, after, delay_ms=desk.policy.buffer_window_ms)
    elif claim is None and merged.fills and _held_for_dead(before) and after.state is not OrderState.FILLED:
        # An execution came without a word on its order, which may well work on.
        reread(turn, desk, after, delay_ms=desk.policy.buffer_window_ms)
    elif before.verification is not None and after.verification is None:
        known_again(turn, after, "found")


def _says_more(claim: VenueOrder, held: VenueOrder) -> bool:
    if held.status in _WORKING_CLAIM and claim.status not in _WORKING_CLAIM:
        return True
    return claim.filled_size > held.filled_size


def _may_work(order: Order) -> bool:
    # A status nobody knows asks a question only where the order is not known to have ended at the venue.
    return order.state not in TERMINAL or order.state in (OrderState.REJECTED, OrderState.FAILED)


def _held_for_dead(order: Order) -> bool:
    # Ended without the venue ever having had it, as far as we knew.
    return order.state in TERMINAL and (order.venue_order_id is None or _may_work(order))


# ----- what follows


def after_acknowledgement(turn: Turn, order: Order) -> None:
    """The venue has the order: nothing is sent again, and a cancel that overtook the placement is."""
    turn.effect(CancelTimer(f"resend:{order.order_id}"))
    if order.cancel_pending:
        # A cancel that overtook the placement was refused, or never left.
        turn.effect(cancel_again_timer(order.order_id, CANCEL_AGAIN_MS))
    request_placed(turn, order)


def _ended(turn: Turn, order: Order, *, complete: bool) -> None:
    for timer in ("expiry", "cancel", "resend"):
        turn.effect(CancelTimer(f"{timer}:{order.order_id}"))
    # Filled as ordered, and executed beyond that: what is missing is still asked for.
    if complete and (order.order_id in turn.memory.watched or order.verification is not None):
        known_again(turn, order, "found")
    if was_placed(order):
        request_placed(turn, order)
    else:
        request_failed(turn, order, order.reason)


def is_denied(turn: Turn, order: Order) -> bool:
    """Whether an order was held, up to this turn, for never having been at its venue, and not by the venue's own word
    on it.
    """
    before = turn.memory.orders.get(order.order_id)
    known = before is not None and before.venue_order_id is None and never_came(before)
    return known and order.state in _DENIED


def taken_back(turn: Turn, order: Order, evidence: Evidence) -> Order:
    """An order that was held for never placed, and that its venue has: it is taken for working until it is read, so
    that nobody places it again or believes it cancelled.
    """
    turn.alert(
        "TerminalCorrection", Severity.CRITICAL, "an order held for dead is at its venue",
        order_id=order.order_id, state=str(order.state),
    )  # fmt: skip
    # Whoever cancelled it wants it cancelled still.
    cancel = order.cancel_pending or order.state is OrderState.CANCELLED
    back, step = transition(
        order, OrderState.ACKNOWLEDGED, Trigger.VENUE_CORRECTION, turn.now_ms,
        reason="found_working", evidence=evidence, cancel_pending=cancel,
    )  # fmt: skip
    turn.save(back, (step,))
    request_placed(turn, back)
    if cancel:
        turn.effect(cancel_again_timer(order.order_id, CANCEL_AGAIN_MS))
    return back


def request_failed(turn: Turn, order: Order, error: str) -> None:
    """An order is proven not to exist. Where that is so of every order that its request has led to, record that the
    request may be made again.
    """
    entry = _entry_of(turn, order)
    if entry is not None and entry.status is not IdempotencyStatus.FAILED and never_placed(order, turn.order):
        turn.save_entry(copied(entry, status=IdempotencyStatus.FAILED, error=error[:200]))


def request_placed(turn: Turn, order: Order) -> None:
    """An order is, or was, at its venue: the request that led to it must not place another one."""
    entry = _entry_of(turn, order)
    if entry is not None and entry.status is IdempotencyStatus.FAILED:
        # It was thought never to have been placed, and that is on record.
        turn.save_entry(copied(entry, status=IdempotencyStatus.COMPLETED, error=""))
    elif entry is not None and entry.status is not IdempotencyStatus.COMPLETED:
        turn.note(copied(entry, status=IdempotencyStatus.COMPLETED))


def _entry_of(turn: Turn, order: Order) -> IdempotencyEntry | None:
    # The orders that took one another's place all stand for the request that placed the first one.
    began = first(order, turn.order)
    entry = turn.entry(began.idempotency_key)
    return entry if entry is not None and entry.order_id == began.order_id else None


def _tell_operators(turn: Turn, before: Order, merged: Absorbed, claim: VenueOrder | None) -> None:
    name = {"order_id": before.order_id, "state": str(before.state)}
    if merged.changed_elsewhere and not before.external:
        turn.alert(
            "OrderChangedElsewhere", Severity.WARNING, "somebody has changed an order of ours at its venue",
            fields=",".join(merged.changed_elsewhere), **name,
        )  # fmt: skip
    if merged.unsent:
        turn.alert("SentWithoutRecord", Severity.CRITICAL, "the venue has an order that we held for never sent", **name)
    if merged.reopened:
        turn.alert("TerminalCorrection", Severity.CRITICAL, "an order held for dead works at its venue", **name)
    elif merged.contradiction:
        turn.alert("EvidenceContradicted", Severity.CRITICAL, merged.contradiction, **name)
    elif merged.corrections:
        turn.alert("TerminalCorrection", Severity.WARNING, "an execution arrived after the order had ended", **name)
    if merged.order.state is OrderState.REJECTED and before.state not in TERMINAL and merged.order.filled_size:
        turn.alert("RejectedAfterFill", Severity.WARNING, "an order was refused after a part of it executed", **name)
    if merged.twin and claim is not None:
        turn.alert(
            "SecondVenueOrder", Severity.CRITICAL, "the venue has two orders under one client order id",
            second=claim.venue_order_id, **name,
        )  # fmt: skip
    if before.venue_order_id is None:
        tell_reused(turn, merged.order)
    if merged.order.overfilled and not before.overfilled:
        _tell_overfill(turn, merged.order)
    if merged.unknown_status and claim is not None:
        turn.alert(
            "UnknownVenueStatus", Severity.WARNING, "the venue used a status we do not know; the order is read again",
            status=claim.venue_status, **name,
        )  # fmt: skip


def tell_reused(turn: Turn, order: Order) -> None:
    """Say it if another order, that is not this one, has had the venue order id that an order has just been given."""
    place = (order.exchange, order.symbol, order.venue_order_id or "")
    memory = turn.memory
    first = memory.by_venue_id.get(place) or memory.forgotten.get(place) or turn.owner(*place) or order.order_id
    if turn.united.get(first, first) != order.order_id:
        turn.alert(
            "VenueIdReused", Severity.CRITICAL,
            "the venue gives an order number a second time: executions under it cannot be told from the first order's; "
            "do not use one store with a venue that starts its numbers anew",
            venue_order_id=place[2], first=first, order_id=order.order_id, state=str(order.state),
        )  # fmt: skip


def _tell_overfill(turn: Turn, order: Order) -> None:
    text = "more was executed than was ordered, or than the venue's own end of the order says; booked as it happened"
    turn.alert(
        "Overfill", Severity.CRITICAL, text,
        order_id=order.order_id, size=str(order.size), filled=str(order.filled_size),
    )  # fmt: skip
    turn.event(ManualReviewRequired(account_id=order.account_id, view=turn.view_of(order), reason="overfilled"))
