"""What a modification under way means for the orders it is about: what must not be sent, when it is given up, and how
somebody's cancel withdraws it.

Of a replace there are two orders: the old one, which carries the modification, and the one that is to take its place.
Must never: let a second order leave while the first one may work without the venue's own guard between them, or clear
what was asked of a venue before it is known what came of it.
"""

from dataclasses import replace
from typing import Final

from actors.desk import Desk, cancel_request, known_again, reread
from actors.domain import chains
from actors.domain.chains import was_placed
from actors.domain.claims import CANCEL_TRIGGER
from actors.domain.lifecycle import AT_VENUE, TERMINAL, UNSENT, evolve, transition
from actors.domain.modification import asked_ms, terms_of, terms_wanted
from actors.domain.verification import proven_unplaced
from actors.reminders import cancel_again_timer, expiry_timer, resend_timer
from actors.runtime.outcome import CancelTimer
from actors.turn import Turn
from messages.base import copied
from messages.commands import AmendVenueOrder
from messages.types import (
    ZERO,
    AttemptOutcome,
    CompletionReason,
    Evidence,
    EvidenceSource,
    InitiatedBy,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    PublicStatus,
    Trigger,
    VenueOrder,
)

NOT_ATTEMPTED: Final = "not_attempted"
"""The reason of a place half that the venue did not try, because there was nothing to cancel."""
_PAST_FENCE_MS: Final = 1000
_READ_AGAIN_MS: Final = 10_000
_VOID: Final = AttemptOutcome.NOT_PROCESSED
_WORKING: Final = frozenset({PublicStatus.OPEN, PublicStatus.PENDING})


# ----- the orders of one modification


def latest(turn: Turn, order: Order) -> Order:
    """The order that stands in an order's place now: itself, or what it was replaced by."""
    return chains.latest(order, turn.order)


def predecessor(turn: Turn, order: Order) -> Order | None:
    """The order whose place an order is to take, while that one is not known to have ended; None otherwise."""
    old = turn.order(order.replaces) if order.replaces is not None else None
    return old if old is not None and old.state not in TERMINAL and is_replaced_by(old, order) else None


def is_replaced_by(old: Order, new: Order) -> bool:
    """Whether an order is being replaced by another one, and that is not settled."""
    return old.modification is not None and old.modification.replacement_id == new.order_id


def heir(turn: Turn, old: Order) -> Order | None:
    """An order that works in another one's place although that one does not name it."""
    live = turn.memory.live_orders(old.exchange)
    return next((each for each in live if each.replaces == old.order_id and was_placed(each)), None)


def tie(turn: Turn, old: Order, new: Order) -> None:
    """An order turns out to be at its venue in another one's place: it is what is meant by any id of that one, which
    must not stay there beside it.
    """
    tied = evolve(old, replaced_by=new.order_id)
    if old.state in AT_VENUE and not old.cancel_pending:
        by = new.modified_by or InitiatedBy.SYSTEM
        tied = evolve(tied, cancel_pending=True, cancelled_by=by, timed_out_ms=None, updated_at_ms=turn.now_ms)
        turn.effect(cancel_again_timer(old.order_id, 0))
    turn.save(tied)


def is_unplaced(order: Order) -> bool:
    """Whether an order is proven not to be at its venue: it never left, or every sending is void."""
    if order.state in TERMINAL:
        return not was_placed(order)
    return order.state in UNSENT or (order.state is OrderState.SUBMITTED and proven_unplaced(order))


def was_not_attempted(order: Order) -> bool:
    """Whether a venue has said that it did not try to place an order, because there was nothing to cancel for it.

    That is no proof: an earlier delivery of the request may have cancelled and placed.
    """
    told = order.attempts[-1:] != () and order.attempts[-1].detail == NOT_ATTEMPTED
    return told and not was_placed(order)


# ----- what must wait


def keeps_cancel(turn: Turn, order: Order) -> bool:
    """Whether a plain cancel of an order must not be sent: the venue was asked to cancel it only together with placing
    another one, and that one is not known to be there.
    """
    change = order.modification
    if change is None or change.kind is not ModificationKind.VENUE_REPLACE:
        return False
    new = turn.order(change.replacement_id or "")
    return new is None or not was_placed(new)


def may_follow(turn: Turn, order: Order) -> bool:
    """Whether an order whose sendings are void may be sent again. One that takes another one's place may only when that
    one was cancelled as it was asked to be, and its size leaves out what had executed. Where the venue had nothing to
    cancel, somebody else had the last word.
    """
    if order.replaces is None:
        return True
    if was_not_attempted(order):
        return False
    old = turn.order(order.replaces)
    if old is None or old.state is not OrderState.CANCELLED:
        return False
    return old.filled_size == ZERO or _sized_after(turn, old, order)


def may_lead_on(turn: Turn, order: Order) -> bool:
    """Whether an order that is not known to have been placed may be replaced: only as far as it might be sent itself.

    What it was to take the place of may have executed. While that one works, it is too early to say.
    """
    while not was_placed(order) and order.replaces is not None:
        if predecessor(turn, order) is None and not may_follow(turn, order):
            return False
        before = turn.order(order.replaces)
        if before is None:
            return False
        order = before
    return True


def _sized_after(turn: Turn, old: Order, new: Order) -> bool:
    # Sent only after the old one's end, it was for what was left of it.
    steps = turn.memory.transitions.get(new.order_id, ())
    kind = dict(steps[0].metadata).get("kind") if steps else None
    if kind is not None:
        return kind == ModificationKind.CANCEL_THEN_PLACE
    return new.submitted_at_ms is not None and new.submitted_at_ms > old.state_since_ms


# ----- settling by what the venue shows


def fence_ms(desk: Desk, order: Order) -> int:
    """Venue time from which what is read of an order shows whether it was changed."""
    until = order.modification.valid_until_venue_ms if order.modification is not None else 0
    return until + desk.exchange(order).settle_ms


def watch(turn: Turn, desk: Desk, order: Order) -> None:
    """Have an order looked at when the change asked of it can take effect no longer."""
    venue_now_ms = turn.now_ms + desk.offsets_ms.get(order.exchange, 0)
    turn.effect(resend_timer(order.order_id, max(0, fence_ms(desk, order) - venue_now_ms) + _PAST_FENCE_MS))


def on_due(turn: Turn, desk: Desk, order: Order) -> None:
    """A change that was not acted on may be sent again, or one that nobody has confirmed must have had its effect."""
    change = order.modification
    if change is None or order.state not in AT_VENUE:
        return
    venue_now_ms = turn.now_ms + desk.offsets_ms.get(order.exchange, 0)
    if change.kind is ModificationKind.AMEND and venue_now_ms < change.valid_until_venue_ms:
        turn.send(desk.exchange_address[order.exchange], amend_request(order))
        watch(turn, desk, order)
    elif change.kind is not ModificationKind.CANCEL_THEN_PLACE:
        reread(turn, desk, order, delay_ms=0)
        turn.effect(resend_timer(order.order_id, _READ_AGAIN_MS))


def amend_request(order: Order) -> AmendVenueOrder:
    """The request that changes an order in place as its modification says."""
    change = order.modification
    wanted = terms_of(order) if change is None else terms_wanted(change)
    return AmendVenueOrder(
        account_id=order.account_id,
        exchange=order.exchange,
        order_id=order.order_id,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id or "",
        size=wanted.size,
        price=wanted.price,
        stop_price=wanted.stop_price,
        post_only=order.post_only,
        valid_until_venue_ms=0 if change is None else change.valid_until_venue_ms,
    )


def refused(turn: Turn, desk: Desk, order: Order) -> Order:
    """The venue has refused a change: nothing that was sent takes effect after this moment.

    An earlier delivery of the same request may have had its effect, and reads lag behind writes: what is asked within
    the settle time may still show the order as it was.
    """
    if order.modification is None:
        return order
    venue_now_ms = turn.now_ms + desk.offsets_ms.get(order.exchange, 0)
    change = replace(order.modification, valid_until_venue_ms=venue_now_ms)
    # Should it turn out to be cancelled, nobody knows that it was by us.
    by = order.cancelled_by if change.replacement_id is None else InitiatedBy.VENUE
    marked = evolve(order, modification=change, cancelled_by=by, updated_at_ms=turn.now_ms)
    turn.save(marked)
    return marked


def settle_by_read(turn: Turn, desk: Desk, order: Order, claim: VenueOrder | None, evidence: Evidence) -> Order:
    """Give a change up when the venue, asked after it could take effect no longer, shows the order working without it.

    The answer is the order as it is then.
    """
    change, asked = order.modification, asked_ms(evidence)
    if change is None or change.kind is ModificationKind.CANCEL_THEN_PLACE or order.state not in AT_VENUE:
        return order
    if claim is None or claim.status not in _WORKING or claim.venue_order_id != order.venue_order_id or asked is None:
        return order
    if asked + desk.offsets_ms.get(order.exchange, 0) < fence_ms(desk, order):
        return order
    if change.kind is ModificationKind.AMEND and _shows(claim, change):
        # However old the venue says that this is: it is no proof that nothing was changed.
        return order
    if change.replacement_id is not None:
        new = turn.order(change.replacement_id)
        # What was not attempted cannot have been placed while the old one works on.
        if new is not None and not is_unplaced(new) and not was_not_attempted(new):
            return order
    return give_up(turn, desk, order)


def _shows(claim: VenueOrder, change: Modification) -> bool:
    prices = ((claim.price, change.price), (claim.stop_price, change.stop_price))
    return claim.size == change.size and all(wanted in (None, shown) for shown, wanted in prices)


def give_up(turn: Turn, desk: Desk, order: Order) -> Order:
    """A change is proven not to have taken effect: the order works on as it was. The answer is the order then."""
    change = order.modification
    if change is None:
        return order
    cleared = evolve(order, replace_pending=False, modification=None, updated_at_ms=turn.now_ms)
    if change.kind is ModificationKind.VENUE_REPLACE:
        # The cancel was asked for only together with the replacement, and came to nothing with it.
        cleared = evolve(cleared, replaced_by=None, cancel_pending=False, cancelled_by=None)
        new = turn.order(change.replacement_id or "")
        if new is not None and new.state not in TERMINAL:
            end_unplaced(turn, new, "the order whose place it was to take works on")
    turn.save(cleared)
    turn.effect(CancelTimer(f"resend:{order.order_id}"))
    if cleared.expires_at_ms is not None:
        turn.effect(expiry_timer(cleared, turn.now_ms))
    if cleared.quote_size is None and cleared.filled_size >= cleared.size:
        # While it might have become larger, nothing completed it.
        reread(turn, desk, cleared, delay_ms=0)
    return cleared


# ----- ending the order that was to take the place


def end_unplaced(turn: Turn, order: Order, why: str) -> Order:
    """End an order that never came to be at its venue, because it shall not any more."""
    absent = bool(order.attempts) and order.attempts[-1].outcome is AttemptOutcome.ABSENT
    if order.verification is not None:
        known_again(turn, order, "superseded")
        order = evolve(order, attempts=(*order.attempts[:-1], copied(order.attempts[-1], outcome=_VOID)))
    ended, step = transition(
        order, OrderState.FAILED, Trigger.VERIFICATION_ABSENT if absent else Trigger.PROCESSING_ERROR, turn.now_ms,
        reason="not_placed", evidence=_local(turn, why), reason_text=why, completion=CompletionReason.NOT_PLACED,
    )  # fmt: skip
    turn.save(ended, (step,))
    turn.effect(CancelTimer(f"resend:{order.order_id}"))
    return ended


def withdraw(turn: Turn, desk: Desk, old: Order, new: Order, by: InitiatedBy) -> None:
    """Somebody cancels an order that is being replaced: what was to take its place is not placed, or cancelled, too.

    The old order's cancel is under way and stays so, now in the name of whoever spoke last.
    """
    plain = evolve(
        old,
        replace_pending=False, modification=None, cancel_pending=True, cancelled_by=by, timed_out_ms=None,
        replaced_by=None if is_unplaced(new) else old.replaced_by, updated_at_ms=turn.now_ms,
    )  # fmt: skip
    turn.save(plain)
    turn.effect(CancelTimer(f"resend:{old.order_id}"))
    if not is_unplaced(new):
        # On the wire it comes after the request that both are in.
        turn.send(desk.exchange_address[old.exchange], cancel_request(plain))
    elif new.state not in TERMINAL:
        ended, step = transition(
            new, OrderState.CANCELLED, withdrawal(new, by), turn.now_ms,
            reason="cancelled_before_placement", evidence=_local(turn, "withdrawn by a cancel before it was placed"),
            cancelled_by=by, completion=CompletionReason.CANCELLED,
        )  # fmt: skip
        turn.save(ended, (step,))
        turn.effect(CancelTimer(f"resend:{new.order_id}"))


def withdrawal(order: Order, by: InitiatedBy) -> Trigger:
    """What ends an order that was never at its venue, by whose wish it was."""
    if order.state is OrderState.SUBMITTED or by is InitiatedBy.RISK_RULE:
        return CANCEL_TRIGGER[by]
    # Before it is submitted, only its owner's word or a risk rule withdraws an order: whoever speaks, does so for him.
    return Trigger.USER_CANCEL_ORDER


def _local(turn: Turn, why: str) -> Evidence:
    return Evidence(source=EvidenceSource.LOCAL, endpoint="modify", received_ms=turn.now_ms, detail=why)
