"""One order in another one's place: sent when the old one has ended, or with it; followed until both are known.

After every turn each pair that it changed is looked at: what is to take the place of an order that has ended is placed
now, for what is left, or ends with the reason; what was asked together with a cancel goes on by what is known of both.
Everything is in the records, so a restart resumes at any step. Must never: place before the old order's end is proven,
for more than it left, or late.
"""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from actors import modify_askers, overlays, settlement
from actors.absorbing import request_failed
from actors.admission import Circumstances, check_venue_rules, closed_for, next_attempt, place_request
from actors.desk import Desk, reread
from actors.domain.arithmetic import EXACT, plain
from actors.domain.chains import never_came, was_placed
from actors.domain.lifecycle import TERMINAL, evolve, transition
from actors.domain.modification import as_request
from actors.modify_askers import ModifyWaiter
from actors.notes import Waiter
from actors.pretrade import Judged, Objection
from actors.reclaiming import tie_lost
from actors.reminders import cancel_again_timer, expiry_timer, resend_timer
from actors.turn import Turn
from messages.events import RiskRuleTriggered
from messages.queries import CancelDone, OrderUnresolved, RefusalCode
from messages.reports import (
    CancelNotProcessed,
    CancelRefused,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    PlaceReport,
    ReplaceAnswered,
)
from messages.types import (
    CompletionReason,
    Evidence,
    EvidenceSource,
    ModificationKind,
    Order,
    OrderState,
    Trigger,
)

_AGAIN_MS: Final = 500
_UNSETTLED: Final = frozenset({OrderState.PENDING, OrderState.SUBMITTED})


class Judge(Protocol):
    """`PreTrade.judge`."""

    def __call__(self, turn: Turn, order: Order, arrived_ms: int, /, *, instead_of: Order | None = None) -> Judged:
        """Judge an order that is about to take another one's place."""
        ...


# ----- the venue's own call


def on_replace_answered(turn: Turn, desk: Desk, report: ReplaceAnswered) -> None:
    """What is known of both halves of a replace: each is settled as if it had been asked for alone."""
    old, cancel = turn.order(report.order_id), report.cancel
    together = old is not None and old.modification is not None and old.state not in TERMINAL
    if not together or not isinstance(cancel, CancelNotProcessed):
        settlement.on_cancel_report(turn, desk, cancel)
    _on_place(turn, desk, report.place)
    old, new = turn.order(report.order_id), turn.order(report.place.order_id)
    if old is None or new is None or old.state in TERMINAL or not overlays.is_replaced_by(old, new):
        return
    void = overlays.is_unplaced(new) or overlays.was_not_attempted(new)
    if void and isinstance(cancel, CancelRefused | CancelNotProcessed):
        # By this delivery of the request neither half has had an effect.
        words = cancel.text or cancel.code if isinstance(cancel, CancelRefused) else cancel.reason
        modify_askers.said(turn, modify_askers.outcome_of(new.order_id), words)
        old = overlays.refused(turn, desk, old)
        if isinstance(cancel, CancelNotProcessed):
            overlays.give_up(turn, desk, old)
            return
        reread(turn, desk, old, delay_ms=0)
        overlays.watch(turn, desk, old)


def _on_place(turn: Turn, desk: Desk, report: PlaceReport) -> None:
    match report:
        case PlaceAccepted():
            settlement.on_place_accepted(turn, desk, report)
        case PlaceRejected():
            settlement.on_place_rejected(turn, desk, report)
        case PlaceNotProcessed() if report.reason == overlays.NOT_ATTEMPTED:
            # There was nothing to cancel. Who has cancelled it may have been an earlier delivery of the same request,
            # which has placed the new one, too.
            settlement.on_place_ambiguous(turn, desk, _unknown(report))
        case PlaceNotProcessed():
            settlement.on_place_not_processed(turn, desk, report)
        case PlaceAmbiguous():
            settlement.on_place_ambiguous(turn, desk, report)


def _unknown(report: PlaceNotProcessed) -> PlaceAmbiguous:
    return PlaceAmbiguous(
        account_id=report.account_id, exchange=report.exchange, order_id=report.order_id, attempt=report.attempt,
        reason=report.reason, evidence=report.evidence,
    )  # fmt: skip


# ----- what follows from a turn


def follow(turn: Turn, desk: Desk, now: Callable[[], Circumstances], judge: Judge) -> None:
    """Go on with every replacement that this turn has changed something about."""
    tie_lost(turn, desk)
    for old_id, new_id in list(_pairs(turn)):
        new = turn.order(new_id)
        if new is None:
            continue
        old = turn.order(old_id)
        if new.state is OrderState.PENDING:
            _place_if_due(turn, desk, now, judge, old, new)
        elif old is not None:
            _go_on(turn, desk, old, new)
        _keep_chain(turn, old_id, turn.order(new_id) or new)
        _answer(turn, turn.order(old_id), turn.order(new_id) or new)


def _pairs(turn: Turn) -> Iterator[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for before, after in turn.changed_orders():
        if after.replaces is not None:
            found[after.replaces, after.order_id] = None
        if after.replaced_by is not None:
            found[after.order_id, after.replaced_by] = None
        change = before.modification if before is not None else None
        if change is not None and change.replacement_id is not None:
            found[after.order_id, change.replacement_id] = None
    yield from found


def _keep_chain(turn: Turn, old_id: str, new: Order) -> None:
    """Whoever names an order means what stands in its place: nothing that never came, and whatever came after all."""
    before = turn.memory.orders.get(new.order_id)
    if never_came(new) and (before is None or before.state not in TERMINAL):
        # Where the old one is not known to have been placed either, the request may be made again.
        request_failed(turn, new, new.reason_text or new.reason)
    old = turn.order(old_id)
    while old is not None and never_came(new) and new.replaced_by is None and _names_no_other(old, new):
        if old.replaced_by is not None:
            old = evolve(old, replaced_by=None)
            turn.save(old)
        heir = overlays.heir(turn, old)
        if heir is not None:
            overlays.tie(turn, old, heir)
            return
        new, old = old, turn.order(old.replaces or "")
    if old is not None and old.replaced_by is None and was_placed(new):
        overlays.tie(turn, old, new)


def _names_no_other(old: Order, new: Order) -> bool:
    # While what was asked of the venue is not settled, the order that carries it is needed to find out.
    return old.replaced_by in (new.order_id, None) and old.modification is None


def _go_on(turn: Turn, desk: Desk, old: Order, new: Order) -> None:
    before_old, before_new = turn.memory.orders.get(old.order_id), turn.memory.orders.get(new.order_id)
    new_changed = before_new is None or before_new.state is not new.state or before_new.attempts != new.attempts
    if old.state in TERMINAL:
        ended_now = before_old is not None and before_old.state not in TERMINAL
        if ended_now and not new_changed and new.state is OrderState.SUBMITTED and overlays.is_unplaced(new):
            turn.effect(resend_timer(new.order_id, 0))
    elif new_changed and was_placed(new):
        # Both are at the venue: the old one must not stay there.
        turn.effect(cancel_again_timer(old.order_id, 0))
    elif new_changed and overlays.is_unplaced(new) and overlays.is_replaced_by(old, new):
        reread(turn, desk, old, delay_ms=0)
        overlays.watch(turn, desk, old)


def _place_if_due(
    turn: Turn, desk: Desk, now: Callable[[], Circumstances], judge: Judge, old: Order | None, new: Order
) -> None:
    waits = old is not None and old.state not in TERMINAL and overlays.is_replaced_by(old, new)
    late = turn.now_ms - new.created_at_ms >= desk.policy.verification.total_ms
    if waits and not late:
        return
    if old is not None and waits:
        # Its cancel is under way still; whatever comes of it, the new order would be placed at an old price.
        turn.save(evolve(old, replace_pending=False, modification=None, replaced_by=None, updated_at_ms=turn.now_ms))
        turn.effect(cancel_again_timer(old.order_id, 0))
        overlays.end_unplaced(turn, new, "the order whose place it was to take was not cancelled in time")
        return
    why = _obstacle(turn, old, new, late=late)
    if old is None or why:
        overlays.end_unplaced(turn, new, why)
        return
    left = evolve(new, size=EXACT.subtract(new.size, old.filled_size))
    circumstances = now()
    if closed_for(new.exchange, desk.policy, circumstances) is not None:
        turn.effect(resend_timer(new.order_id, _AGAIN_MS))
        return
    refusal = check_venue_rules(turn, as_request(left), desk.exchange(new))
    judged = Judged(left) if refusal is not None else judge(turn, left, new.created_at_ms, instead_of=old)
    objection = judged.objection if refusal is None else Objection(refusal)
    if objection is not None:
        _reject(turn, new, objection)
    elif judged.awaits is not None:
        turn.effect(resend_timer(new.order_id, _AGAIN_MS))
    else:
        _place(turn, desk, judged.order)


def _obstacle(turn: Turn, old: Order | None, new: Order, *, late: bool) -> str:
    if old is None:
        return "nothing is known any more of the order whose place it was to take"
    if old.state is not OrderState.CANCELLED:
        return f"the order whose place it was to take is {old.state}"
    if not overlays.may_lead_on(turn, old):
        return "what an order before them executed is not left out of its size"
    if old.filled_size >= new.size:
        return f"{plain(old.filled_size)} had executed before the order could be changed"
    if late:
        return "the order whose place it was to take ended too late"
    if new.expires_at_ms is not None and new.expires_at_ms <= turn.now_ms:
        return "its time is over"
    return ""


def _reject(turn: Turn, new: Order, objection: Objection) -> None:
    reason = objection.reason
    evidence = Evidence(
        source=EvidenceSource.LOCAL, endpoint="validation", received_ms=turn.now_ms, detail=reason.text
    )
    rejected, step = transition(
        new, OrderState.REJECTED, objection.trigger, turn.now_ms,
        reason=reason.code, evidence=evidence, reason_text=reason.text, completion=CompletionReason.REJECTED,
    )  # fmt: skip
    turn.save(rejected, (step,))
    if objection.trigger is Trigger.RISK_RULE_REJECT:
        turn.event(
            RiskRuleTriggered(
                account_id=turn.account_id, rule=reason.rule, limit=reason.limit, actual=reason.actual,
                action="reject", order_id=new.order_id, at_ms=turn.now_ms,
            )
        )  # fmt: skip


def submit(turn: Turn, desk: Desk, pending: Order) -> Order:
    """Record the first sending of an order that takes another one's place; the answer is the order then."""
    exchange = desk.exchange(pending)
    attempt = next_attempt(pending, None, exchange, turn.now_ms, desk.offsets_ms.get(pending.exchange, 0))
    submitted, passed = transition(
        pending, OrderState.SUBMITTED, Trigger.VALIDATION_PASS, turn.now_ms,
        attempts=(attempt,), submitted_at_ms=turn.now_ms,
    )  # fmt: skip
    turn.save(submitted, (passed,))
    if submitted.expires_at_ms is not None:
        turn.effect(expiry_timer(submitted, turn.now_ms))
    return submitted


def _place(turn: Turn, desk: Desk, pending: Order) -> None:
    submitted = submit(turn, desk, pending)
    turn.send(desk.exchange_address[submitted.exchange], place_request(submitted))


# ----- who waits


def _answer(turn: Turn, old: Order | None, new: Order) -> None:
    key = modify_askers.outcome_of(new.order_id)
    waiters = modify_askers.waiting(turn, key)
    if not waiters:
        return
    orders = [order for order in (old, new) if order is not None]
    one_left = old is not None and old.state not in TERMINAL and new.state in TERMINAL
    known = new.state not in _UNSETTLED and (old is None or not overlays.is_replaced_by(old, new))
    ended = all(order.state in TERMINAL for order in orders)
    puzzling = next((order for order in orders if order.needs_review), None)
    left = []
    for waiter in waiters:
        if ended or (known and not waiter.cancel):
            _tell(turn, waiter, old, new)
        elif one_left and old is not None and waiter.cancel:
            # From here on it is a cancel like any other.
            turn.note(Waiter(old.order_id, waiter.correlation_id, cancel=True))
        elif puzzling is not None:
            view, text = turn.view_of(puzzling), puzzling.review_reason
            turn.reply(OrderUnresolved(correlation_id=waiter.correlation_id, view=view, text=text))
        else:
            left.append(waiter)
    if len(left) < len(waiters):
        modify_askers.gone(turn, key)
        for waiter in left:
            turn.note(waiter)


def _tell(turn: Turn, waiter: ModifyWaiter, old: Order | None, new: Order) -> None:
    placed = was_placed(new)
    shown = new if placed or old is None else old
    if waiter.cancel:
        turn.reply(CancelDone(correlation_id=waiter.correlation_id, view=turn.view_of(shown)))
    elif placed:
        name, merged = waiter.correlation_id, waiter.merged
        turn.reply(modify_askers.replaced_reply(turn, new, name, merged=merged, duplicate=waiter.duplicate))
    else:
        text = modify_askers.not_placed_text(old, new, waiter.words)
        turn.refuse(waiter.correlation_id, RefusalCode.NOT_MODIFIED, text, view=turn.view_of(shown))


# ----- starting again


def resume(turn: Turn, desk: Desk, exchange: str | None = None) -> None:
    """Take every modification up again that is not settled, of one exchange or of all."""
    for order in turn.memory.live_orders(exchange):
        change = order.modification
        if change is not None and change.kind is not ModificationKind.CANCEL_THEN_PLACE:
            reread(turn, desk, order, delay_ms=0)
            overlays.watch(turn, desk, order)
        elif order.state is OrderState.PENDING and order.replaces is not None:
            left_ms = order.created_at_ms + desk.policy.verification.total_ms - turn.now_ms
            waits = overlays.predecessor(turn, order) is not None
            turn.effect(resend_timer(order.order_id, max(0, left_ms) if waits else 0))
