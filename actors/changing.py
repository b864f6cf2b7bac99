"""What is asked of a venue to change an order that was sent: which way, after which checks, what recorded first.

Must never: ask for what was not checked, ask before it is durable, or let a replacement leave without the venue's own
guard, or the proof, that the old order works no longer.
"""

from dataclasses import dataclass
from decimal import Decimal

from actors import modify_askers, overlays, replacing
from actors.admission import Circumstances, check_venue_rules, closed_for, place_request
from actors.commanding import end_here, never_sent
from actors.desk import Desk, cancel_request
from actors.domain.arithmetic import EXACT
from actors.domain.lifecycle import evolve, transition
from actors.domain.modification import (
    Terms,
    amendable,
    as_request,
    described_change,
    next_leg_id,
    shrinks,
    terms_of,
    way,
)
from actors.domain.rules import RefusalReason
from actors.modify_askers import ModifyWaiter
from actors.pretrade import Judged
from actors.reminders import resend_timer
from actors.replacing import Judge
from actors.turn import Turn
from exchanges.gateway import AmendScope, Capabilities
from messages.commands import ModifyOrder, ReplaceVenueOrder
from messages.queries import RefusalCode
from messages.types import Modification, ModificationKind, Order, OrderState, TimeInForce, Trigger


@dataclass(frozen=True, slots=True)
class Wish:
    """A command that may be carried out as far as the order is concerned."""

    command: ModifyOrder
    order: Order
    terms: Terms
    merged: bool
    executed_before: Decimal
    """What former orders of the intent have executed."""


def change_sent(turn: Turn, desk: Desk, wish: Wish, now: Circumstances, judge_order: Judge) -> None:
    """Ask the venue for a change of an order that was sent, or say why not."""
    order, terms, exchange = wish.order, wish.terms, desk.exchange(wish.order)
    can = exchange.capabilities
    scope = _scope(order, can)
    native, size_down = scope is AmendScope.NATIVE, scope is AmendScope.SIZE_DOWN
    kind = way(order, terms, native=native, size_down=size_down, cancel_replace=can.cancel_replace)
    if kind is None:
        able = "makes such an order smaller and changes nothing else" if size_down else "does not change it in place"
        text = f"a part of the order has executed, and {can.venue} {able}; cancel it and place the rest anew"
        turn.refuse(wish.command.correlation_id, RefusalCode.NOT_SUPPORTED, text, view=turn.view_of(order))
        return
    only_shrinks = kind is ModificationKind.AMEND and shrinks(order, terms)
    closed = _closed(desk, order, now, only_shrinks=only_shrinks)
    if closed is not None:
        turn.refuse(wish.command.correlation_id, *closed)
        return
    left = evolve(
        order, size=_left(order, terms), price=terms.price, stop_price=terms.stop_price
    )  # fmt: skip
    wrong = check_venue_rules(turn, as_request(left), exchange)
    if wrong is not None:
        refuse(turn, wish.command, wrong, order)
    elif kind is ModificationKind.AMEND:
        _amend(turn, desk, wish, now, None if only_shrinks else judge_order)
    else:
        _replace(turn, desk, wish, kind, now, judge_order)


def _scope(order: Order, can: Capabilities) -> AmendScope:
    # What of this very order its venue changes in place.
    changeable = amendable(
        order,
        types=can.amend_types,
        times_in_force=can.amend_times_in_force,
        venue_ends_gtt=TimeInForce.GTT in can.times_in_force,
    )
    return can.amend if changeable else AmendScope.NONE


def _left(order: Order, terms: Terms) -> Decimal:
    return terms.size if order.quote_size is not None else EXACT.subtract(terms.size, order.filled_size)


def _closed(desk: Desk, order: Order, now: Circumstances, *, only_shrinks: bool) -> tuple[RefusalCode, str] | None:
    closed = closed_for(order.exchange, desk.policy, now)
    # What only becomes less needs no more than that it can be recorded.
    return None if only_shrinks and closed is not None and closed[0] is RefusalCode.GATE_CLOSED else closed


def _amend(turn: Turn, desk: Desk, wish: Wish, now: Circumstances, judge_order: Judge | None) -> None:
    order, terms = wish.order, wish.terms
    if judge_order is not None:
        changed = evolve(order, size=terms.size, price=terms.price, stop_price=terms.stop_price)
        judged = judge_order(turn, changed, now.arrived_ms, instead_of=order)
        if not _passes(turn, wish, judged):
            return
        order = evolve(order, reference_price=judged.order.reference_price)
    offset = desk.offsets_ms.get(order.exchange, 0)
    valid_for = order.valid_for_ms or desk.exchange(order).valid_for_ms
    change = _modification(turn, wish, ModificationKind.AMEND, valid_until_venue_ms=turn.now_ms + offset + valid_for)
    asked = evolve(order, replace_pending=True, modification=change, updated_at_ms=turn.now_ms)
    turn.save(asked)
    turn.send(desk.exchange_address[order.exchange], overlays.amend_request(asked))
    overlays.watch(turn, desk, asked)
    wait(turn, wish.command, order.order_id, amends=True, merged=wish.merged)


def _passes(turn: Turn, wish: Wish, judged: Judged) -> bool:
    turn.awaits = judged.awaits
    objection = judged.objection
    if objection is not None:
        about = turn.order(objection.order_id) if objection.order_id else None
        refuse(turn, wish.command, objection.reason, about or wish.order)
    return objection is None and judged.awaits is None


def _modification(
    turn: Turn, wish: Wish, kind: ModificationKind, *, replacement_id: str | None = None, valid_until_venue_ms: int = 0
) -> Modification:
    return Modification(
        modify_id=wish.command.message_id,
        kind=kind,
        size=wish.terms.size,
        executed_before=wish.executed_before,
        price=wish.terms.price,
        stop_price=wish.terms.stop_price,
        asked_ms=turn.now_ms,
        initiated_by=wish.command.initiated_by,
        merged=wish.merged,
        replacement_id=replacement_id,
        valid_until_venue_ms=valid_until_venue_ms,
    )


def _replace(
    turn: Turn, desk: Desk, wish: Wish, kind: ModificationKind, now: Circumstances, judge_order: Judge
) -> None:
    order = wish.order
    order_id = next_leg_id(desk.policy.tag, order, turn.memory.orders.__contains__)
    if order_id is None:
        text = "the order was replaced too many times; cancel it and place another one"
        turn.refuse(wish.command.correlation_id, RefusalCode.NOT_SUPPORTED, text, view=turn.view_of(order))
        return
    draft = _successor(turn, wish, order_id)
    pending, asked = transition(
        draft, OrderState.PENDING, Trigger.USER_SUBMIT_ORDER, turn.now_ms, metadata=metadata(wish, kind)
    )
    judged = judge_order(turn, pending, now.arrived_ms, instead_of=order)
    if not _passes(turn, wish, judged):
        return
    turn.save(judged.order, (asked,))
    if kind is ModificationKind.VENUE_REPLACE:
        _replace_at_venue(turn, desk, wish, judged.order)
    else:
        _cancel_first(turn, desk, wish, judged.order)
    wait(turn, wish.command, order_id, merged=wish.merged)


def _successor(turn: Turn, wish: Wish, order_id: str) -> Order:
    old, terms = wish.order, wish.terms
    return Order(
        order_id=order_id,
        account_id=old.account_id,
        exchange=old.exchange,
        symbol=old.symbol,
        side=old.side,
        type=old.type,
        time_in_force=old.time_in_force,
        size=terms.size,
        quote_size=old.quote_size,
        price=terms.price,
        stop_price=terms.stop_price,
        post_only=old.post_only,
        reduce_only=old.reduce_only,
        expires_at_ms=old.expires_at_ms,
        client_order_id=order_id,
        state=OrderState.DRAFT,
        max_sends=old.max_sends,
        # An intent that has no key of its own is known by its first order.
        idempotency_key=old.idempotency_key or old.order_id,
        request_id=old.request_id,
        generation=old.generation,
        created_at_ms=turn.now_ms,
        updated_at_ms=turn.now_ms,
        state_since_ms=turn.now_ms,
        valid_for_ms=old.valid_for_ms,
        fill_timeout_ms=old.fill_timeout_ms,
        initiated_by=old.initiated_by,
        replaces=old.order_id,
        modified_by=wish.command.initiated_by,
        modified_at_ms=turn.now_ms,
    )


def _under_way(turn: Turn, wish: Wish, change: Modification) -> Order:
    return evolve(
        wish.order,
        replace_pending=True,
        modification=change,
        replaced_by=change.replacement_id,
        cancel_pending=True,
        cancelled_by=wish.command.initiated_by,
        timed_out_ms=None,
        updated_at_ms=turn.now_ms,
    )


def _replace_at_venue(turn: Turn, desk: Desk, wish: Wish, pending: Order) -> None:
    new = replacing.submit(turn, desk, pending)
    until = new.attempts[-1].valid_until_venue_ms
    kind = ModificationKind.VENUE_REPLACE
    change = _modification(turn, wish, kind, replacement_id=new.order_id, valid_until_venue_ms=until)
    old = _under_way(turn, wish, change)
    turn.save(old)
    turn.send(
        desk.exchange_address[old.exchange],
        ReplaceVenueOrder(
            account_id=old.account_id,
            exchange=old.exchange,
            order_id=old.order_id,
            symbol=old.symbol,
            client_order_id=old.client_order_id,
            venue_order_id=old.venue_order_id or "",
            place=place_request(new),
        ),
    )
    overlays.watch(turn, desk, old)


def _cancel_first(turn: Turn, desk: Desk, wish: Wish, pending: Order) -> None:
    change = _modification(turn, wish, ModificationKind.CANCEL_THEN_PLACE, replacement_id=pending.order_id)
    old = _under_way(turn, wish, change)
    if never_sent(old):
        end_here(turn, old, wish.command.initiated_by, "replaced")
        return
    turn.save(old)
    turn.send(desk.exchange_address[old.exchange], cancel_request(old))
    turn.effect(resend_timer(pending.order_id, desk.policy.verification.total_ms))


# ----- what is recorded, and who waits


def metadata(wish: Wish, kind: str) -> tuple[tuple[str, str], ...]:
    """What the step that begins, or is, a change records of it."""
    return described_change(
        terms_of(wish.order), wish.terms,
        modify_id=wish.command.message_id, kind=kind, by=wish.command.initiated_by, merged=wish.merged,
        executed_before=wish.executed_before,
    )  # fmt: skip


def refuse(turn: Turn, command: ModifyOrder, reason: RefusalReason, order: Order) -> None:
    """Refuse a change, showing an order: the one that was to be changed, or the one in its way."""
    turn.refuse(
        command.correlation_id, reason.code, reason.text,
        rule=reason.rule, limit=reason.limit, actual=reason.actual, view=turn.view_of(order),
    )  # fmt: skip


def wait(
    turn: Turn, command: ModifyOrder, order_id: str, *, merged: bool, amends: bool = False, duplicate: bool = False
) -> None:
    """The host that gave a command waits for the outcome: of an amended order, or of one that takes its place."""
    key = modify_askers.amend_of(order_id) if amends else modify_askers.outcome_of(order_id)
    waiter = ModifyWaiter(
        key, command.correlation_id, cancel=False, duplicate=duplicate, about=order_id, merged=merged
    )
    modify_askers.wait(turn, waiter)
