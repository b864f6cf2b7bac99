"""Commands about orders that exist: cancel, discard, expire, and an operator's word on one in review.

Every function fills a `Turn`. Must never: take a cancel that was asked for as a cancel that happened.
"""

from dataclasses import replace

from actors import askers, modify_askers, overlays, uniting
from actors.absorbing import absorb_claim, request_failed
from actors.desk import Desk, cancel_request, request_round
from actors.domain import chains
from actors.domain.lifecycle import TERMINAL, UNSENT, evolve, transition
from actors.domain.matching import equals
from actors.domain.verification import proven_unplaced
from actors.notes import Waiter
from actors.policy import AccountPolicy
from actors.turn import Turn
from messages.commands import AccountCommand, CancelOrder, DiscardDraft, ModifyOrder, ResolveReview, SubmitDraft
from messages.control import ReportCommand
from messages.inboxes import HostCommand
from messages.queries import CancelDone, DraftDone, OrderUnresolved, RefusalCode, ReviewResolved
from messages.types import (
    CompletionReason,
    Evidence,
    EvidenceSource,
    InitiatedBy,
    Order,
    OrderState,
    Trigger,
)


def refuse_unserved(turn: Turn, command: HostCommand) -> bool:
    """Refuse a command about an order whose exchange is not configured any more; False: it is about no such order."""
    if not isinstance(command, CancelOrder | DiscardDraft | ModifyOrder | SubmitDraft | ResolveReview):
        return False
    order = turn.memory.find(command.order_id)
    if order is None or order.state in TERMINAL or order.exchange not in turn.memory.unserved:
        return False
    text = f"{order.exchange} is not configured any more: the order is shown as last known and cannot be acted on"
    turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text, view=turn.view_of(order))
    return True


def cancel(turn: Turn, desk: Desk, command: CancelOrder) -> None:
    """Cancel an order wherever it stands. The reply waits until it is known no longer to work.

    One that was replaced is cancelled as what took its place; one that is being replaced, together with that.
    """
    # An order that this very turn has adopted is in no index yet.
    named = turn.order(command.order_id) or turn.memory.find(command.order_id)
    if named is None:
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_ORDER, f"no order {command.order_id!r} in this account")
        return
    order = overlays.latest(turn, turn.order(named.order_id) or named)
    old = overlays.predecessor(turn, order)
    if old is not None:
        overlays.withdraw(turn, desk, old, order, command.initiated_by)
        order = turn.order(order.order_id) or order
        if order.state not in TERMINAL:
            _cancel_both(turn, desk, order, command)
            return
        order = turn.order(old.order_id) or old
    else:
        live = _at_venue(turn, order, command)
        if len(live) > 1:
            # The change was withdrawn, and neither is known to have ended.
            for other in live[1:]:
                _ask_venue(turn, desk, other, replace(command, correlation_id=""))
            _cancel_both(turn, desk, live[0], command)
            return
        order = live[0] if live else turn.order(order.order_id) or order
    if order.state in TERMINAL:
        turn.reply(CancelDone(correlation_id=command.correlation_id, view=turn.view_of(order)))
    elif never_sent(order):
        _cancel_here(turn, order, command)
    else:
        _ask_venue(turn, desk, order, command)


def _at_venue(turn: Turn, order: Order, command: CancelOrder) -> list[Order]:
    # Of several that may work, one that is proven not to be at its venue is ended here.
    live = chains.working(order, turn.order)
    void = [each for each in live if never_sent(each)] if len(live) > 1 else []
    for each in void:
        end_here(turn, each, command.initiated_by, "cancelled_before_placement")
    return [each for each in live if each not in void]


def expire(turn: Turn, desk: Desk, order_id: str) -> None:
    """The end of a GTT order at a venue without GTT: cancel it there; the venue's answer makes it EXPIRED."""
    order = turn.order(order_id)
    if order is None or order.state in TERMINAL | UNSENT or order.cancel_pending:
        return
    asked = evolve(
        order, cancel_pending=True, cancelled_by=InitiatedBy.SYSTEM, timed_out_ms=None, updated_at_ms=turn.now_ms
    )
    turn.save(asked)
    turn.send(desk.exchange_address[order.exchange], cancel_request(asked))


def discard_draft(turn: Turn, command: DiscardDraft) -> None:
    """Cancel a draft; nothing was ever sent."""
    order = turn.memory.find(command.order_id)
    if order is None:
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_ORDER, f"no order {command.order_id!r} in this account")
    elif order.state is OrderState.DRAFT:
        ended = end_here(turn, order, InitiatedBy.USER, "discarded")
        turn.reply(DraftDone(correlation_id=command.correlation_id, view=turn.view_of(ended)))
    else:
        turn.refuse(
            command.correlation_id,
            RefusalCode.WRONG_STATE,
            f"order is {order.state}, only a DRAFT can be discarded; cancel it instead",
            view=turn.view_of(order),
        )


def resolve_review(turn: Turn, desk: Desk, command: ResolveReview) -> None:
    """Carry out an operator's decision about an order in manual review."""
    order = turn.memory.find(command.order_id)
    if order is None:
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_ORDER, f"no order {command.order_id!r} in this account")
    elif bool(command.attach_venue_order_id) == command.declare_absent:
        turn.refuse(
            command.correlation_id,
            RefusalCode.INVALID_ORDER,
            "give either attach_venue_order_id or declare_absent=True",
        )
    elif not order.needs_review:
        turn.refuse(
            command.correlation_id,
            RefusalCode.WRONG_STATE,
            "the order is not in manual review",
            view=turn.view_of(order),
        )
    elif command.declare_absent:
        _declare_absent(turn, order, command)
    elif not _may_attach(turn, order, command.attach_venue_order_id or ""):
        turn.refuse(
            command.correlation_id,
            RefusalCode.WRONG_STATE,
            f"venue order {command.attach_venue_order_id!r} belongs to another order, or this one has its own already",
            view=turn.view_of(order),
        )
    else:
        attached = evolve(
            order,
            venue_order_id=command.attach_venue_order_id,
            needs_review=False,
            review_reason="",
            updated_at_ms=turn.now_ms,
        )
        turn.save(attached)
        if uniting.other_record(turn, order, attached.venue_order_id) is not None:
            evidence = _said_by(command, turn.now_ms, "attached by the operator")
            attached = absorb_claim(turn, desk, attached, None, (), evidence, Trigger.MANUAL_RESOLUTION).order
        request_round(turn, desk, attached, due_in_ms=0)
        turn.reply(ReviewResolved(correlation_id=command.correlation_id, view=turn.view_of(attached)))


def _may_attach(turn: Turn, order: Order, venue_order_id: str) -> bool:
    owner = turn.memory.by_venue_id.get((order.exchange, order.symbol, venue_order_id), order.order_id)
    other = uniting.other_record(turn, order, venue_order_id)
    free = owner == order.order_id if other is None else equals(order, other)
    return free and order.venue_order_id in (None, venue_order_id)


def refused_late(turn: Turn, policy: AccountPolicy, command: AccountCommand) -> bool:
    """Refuse a command that has waited longer than one may: nobody expects it to be executed any more."""
    waited = turn.now_ms - command.offered_ms if command.offered_ms else 0
    if waited <= policy.queue_timeout_ms:
        return False
    turn.refuse(
        command.correlation_id, RefusalCode.QUEUE_TIMEOUT,
        f"waited {waited} ms for its turn, allowed are {policy.queue_timeout_ms} ms; not executed",
        rule="queueTimeout", limit=str(policy.queue_timeout_ms), actual=str(waited),
    )  # fmt: skip
    return True


def report_command(turn: Turn, message: ReportCommand) -> None:
    """A host's patience is over: name the order its command waits for. A command that is not waiting was answered."""
    askers.report(turn, message.command_id)
    modify_askers.report(turn, message.command_id)
    for order_id, waiters in turn.memory.waiters.items():
        order = turn.memory.orders.get(order_id)
        if order is not None and any(waiter.correlation_id == message.command_id for waiter in waiters):
            turn.reply(
                OrderUnresolved(
                    correlation_id=message.command_id, view=turn.view_of(order), text="still being worked on"
                )
            )


def _declare_absent(turn: Turn, order: Order, command: ResolveReview) -> None:
    evidence = _said_by(command, turn.now_ms, "declared absent by the operator")
    ended, step = transition(
        order,
        OrderState.FAILED,
        Trigger.MANUAL_RESOLUTION,
        turn.now_ms,
        reason="declared_absent",
        evidence=evidence,
        completion=CompletionReason.NOT_PLACED,
        needs_review=False,
        review_reason="",
    )
    turn.save(ended, (step,))
    request_failed(turn, ended, "declared absent by the operator")
    turn.reply(ReviewResolved(correlation_id=command.correlation_id, view=turn.view_of(ended)))


def _said_by(command: ResolveReview, now_ms: int, what: str) -> Evidence:
    return Evidence(
        source=EvidenceSource.OPERATOR, endpoint=f"operator:{command.operator}", received_ms=now_ms, detail=what
    )


def never_sent(order: Order) -> bool:
    """Whether nothing that was sent of an order, if anything was, can be at its venue."""
    if order.state in UNSENT:
        return True
    return order.state is OrderState.SUBMITTED and proven_unplaced(order)


def _cancel_here(turn: Turn, order: Order, command: CancelOrder) -> None:
    ended = end_here(turn, order, command.initiated_by, "cancelled_before_placement")
    turn.reply(CancelDone(correlation_id=command.correlation_id, view=turn.view_of(ended)))


def end_here(turn: Turn, order: Order, by: InitiatedBy, reason: str) -> Order:
    """Cancel an order that is proven not to be at its venue; the answer is the order then."""
    evidence = Evidence(
        source=EvidenceSource.LOCAL,
        endpoint="cancel",
        received_ms=turn.now_ms,
        detail="not at the venue: every sending, if any, is proven not to have been acted on",
    )
    ended, step = transition(
        order,
        OrderState.CANCELLED,
        overlays.withdrawal(order, by),
        turn.now_ms,
        reason=reason,
        evidence=evidence,
        cancelled_by=by,
        completion=CompletionReason.CANCELLED,
    )
    turn.save(ended, (step,))
    return ended


def _ask_venue(turn: Turn, desk: Desk, order: Order, command: CancelOrder) -> None:
    if not order.cancel_pending:
        # Whatever struck before, this cancel is not the fill timeout's.
        order = evolve(
            order,
            cancel_pending=True,
            cancelled_by=command.initiated_by,
            timed_out_ms=None,
            updated_at_ms=turn.now_ms,
        )
        turn.save(order)
    # Whoever cancels again does not trust the first request, and cancelling twice is harmless.
    turn.send(desk.exchange_address[order.exchange], cancel_request(order))
    if not _answered_at_once(turn, command, order) and command.correlation_id:
        turn.note(Waiter(order.order_id, command.correlation_id, cancel=True))


def _cancel_both(turn: Turn, desk: Desk, new: Order, command: CancelOrder) -> None:
    # One request of ours holds both orders: whether either works is known when both are known.
    _ask_venue(turn, desk, new, replace(command, correlation_id=""))
    both = chains.working(turn.order(new.order_id) or new, turn.order)
    if _answered_at_once(turn, command, *both):
        return
    key = modify_askers.outcome_of(new.order_id)
    waiter = modify_askers.ModifyWaiter(key, command.correlation_id, cancel=True, about=new.order_id)
    modify_askers.wait(turn, waiter)


def _answered_at_once(turn: Turn, command: CancelOrder, *orders: Order) -> bool:
    """Answer a host who does not wait for the venue, or whose order is left to a person, which may take long: that the
    cancel was sent, and why nobody knows what becomes of it.
    """
    doubtful = next((order for order in orders if order.needs_review), None)
    if doubtful is None and command.reply_when != "committed":
        return False
    text = "cancel asked" if doubtful is None else f"cancel asked; the order needs a review: {doubtful.review_reason}"
    view = turn.view_of(doubtful or orders[0])
    turn.reply(OrderUnresolved(correlation_id=command.correlation_id, view=view, text=text))
    return True
