"""From a wish to change an order to what is asked of its venue: identity, whose change counts, checks, and the way.

The answer comes when the new terms are proven to work, or not to. Must never: change an order twice for one command,
ask a venue for what was not checked, or hide that an order lost its id or its place in the queue.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from actors import modify_askers, overlays, replacing
from actors.admission import Circumstances
from actors.changing import Wish, change_sent, metadata, refuse, wait
from actors.desk import Desk
from actors.domain.arithmetic import EXACT, plain
from actors.domain.chains import executed_before, former, was_placed
from actors.domain.claims import amend_of
from actors.domain.lifecycle import TERMINAL, evolve, transition
from actors.domain.modification import (
    FIELDS,
    Conflict,
    as_request,
    differing,
    judge,
    leg_ids,
    modify_id_of,
    recorded_otherwise,
    shrinks,
    terms_asked,
    terms_of,
    terms_wanted,
)
from actors.domain.rules import RefusalReason, check_terms
from actors.modify_askers import DRAFT_KIND, ModifyWaiter
from actors.notes import ModificationConflict
from actors.reminders import modify_timer
from actors.replacing import Judge
from actors.turn import Turn
from messages.base import copied
from messages.commands import ModifyOrder
from messages.queries import ModifyDone, OrderUnresolved, RefusalCode
from messages.types import (
    InitiatedBy,
    ModificationKind,
    Order,
    OrderState,
    OrderType,
    StateTransition,
    Trigger,
)


def modify(turn: Turn, desk: Desk, command: ModifyOrder, now: Circumstances, judge_order: Judge) -> None:
    """Change an order, or say why not."""
    command = copied(command, message_id=command.message_id or command.correlation_id)
    found = turn.memory.find(command.order_id)
    if found is None:
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_ORDER, f"no order {command.order_id!r} in this account")
        return
    named = turn.order(found.order_id) or found
    order = overlays.latest(turn, named)
    executed = executed_before(order, turn.order)
    if _was_asked_before(turn, desk, command, order):
        return
    wrong = (
        _wrong_state(turn, order)
        or check_terms(as_request(_with(order, command)), turn.now_ms)
        or _wrong_size(order, command, executed)
    )
    if wrong is not None:
        refuse(turn, command, wrong, order)
        return
    busy = order if order.modification is not None else overlays.predecessor(turn, order)
    if busy is not None:
        _wait_or_refuse(turn, desk, command, busy)
        return
    judged = _judged(turn, command, named, order)
    if isinstance(judged, Conflict):
        _refuse_conflict(turn, command, order, judged)
        return
    wish = Wish(command, order, terms_asked(order, command, executed), judged, executed)
    if wish.terms == terms_of(order):
        _answer_unchanged(turn, wish)
    elif order.state is OrderState.DRAFT:
        _change_draft(turn, wish)
    else:
        change_sent(turn, desk, wish, now, judge_order)


def _with(order: Order, command: ModifyOrder) -> Order:
    asked = {name: getattr(command, name) for name in FIELDS}
    return evolve(order, **{name: value for name, value in asked.items() if value is not None})


# ----- identity


def _was_asked_before(turn: Turn, desk: Desk, command: ModifyOrder, order: Order) -> bool:
    if not command.message_id:
        return False
    for leg in _legs(turn, desk, order):
        change = leg.modification
        if change is not None and change.modify_id == command.message_id:
            fields = differing(terms_asked(leg, command, change.executed_before), terms_wanted(change))
            key = change.replacement_id or leg.order_id
            if not _refused_conflicting(turn, command, fields):
                amends = change.replacement_id is None
                wait(turn, command, key, amends=amends, duplicate=True, merged=change.merged)
            return True
        for step in turn.memory.transitions.get(leg.order_id, ()):
            if modify_id_of(step) == command.message_id:
                if not _refused_conflicting(turn, command, recorded_otherwise(step, command)):
                    _answer_again(turn, desk, command, leg, step)
                return True
    return False


def _legs(turn: Turn, desk: Desk, order: Order) -> Iterator[Order]:
    known_former = (leg.order_id for leg in (order, *former(order, turn.order)))
    ids = leg_ids(desk.policy.tag, order, turn.memory.orders.__contains__)
    for order_id in dict.fromkeys((*known_former, *ids)):
        known = turn.order(order_id)
        if known is not None:
            yield known


def _refused_conflicting(turn: Turn, command: ModifyOrder, fields: tuple[str, ...]) -> bool:
    if fields:
        text = f"message id {command.message_id!r} was used for a different change; different: {', '.join(fields)}"
        turn.refuse(command.correlation_id, RefusalCode.IDEMPOTENCY_CONFLICT, text, fields=fields)
    return bool(fields)


def _answer_again(turn: Turn, desk: Desk, command: ModifyOrder, leg: Order, step: StateTransition) -> None:
    said = dict(step.metadata)
    name, merged = command.correlation_id, "merged" in said
    if said.get("kind") in (ModificationKind.AMEND, DRAFT_KIND):
        shown = overlays.latest(turn, leg)
        turn.reply(modify_askers.done_here(turn, desk, shown, name, step=step, merged=merged, duplicate=True))
        return
    old = turn.order(leg.replaces) if leg.replaces is not None else None
    being_done = old is not None and overlays.is_replaced_by(old, leg)
    if being_done or leg.state in (OrderState.PENDING, OrderState.SUBMITTED):
        wait(turn, command, leg.order_id, duplicate=True, merged=merged)
    elif was_placed(leg):
        turn.reply(modify_askers.replaced_reply(turn, leg, name, merged=merged, duplicate=True))
    else:
        shown = leg if old is None else old
        text = modify_askers.not_placed_text(old, leg, "")
        turn.refuse(name, RefusalCode.NOT_MODIFIED, text, view=turn.view_of(shown))


# ----- whether at all


def _wrong_state(turn: Turn, order: Order) -> RefusalReason | None:
    waits = order.state is OrderState.PENDING and overlays.predecessor(turn, order) is not None
    if order.external:
        return _state(order, "was not placed here: it is changed by whoever placed it, or after ClaimOrder")
    if order.state is OrderState.SUBMITTED and order.replaces is not None and not overlays.may_lead_on(turn, order):
        former = turn.order(order.replaces)
        now = "unknown" if former is None else former.state
        return _state(order, f"is not known to have been placed, and the one whose place it was to take is {now}")
    if order.state in TERMINAL or (order.state is OrderState.PENDING and not waits):
        return _state(order, f"is {order.state}: nothing of it can be changed")
    if order.cancel_pending and order.modification is None:
        return _state(order, "is being cancelled")
    if order.state is not OrderState.DRAFT and order.type is OrderType.MARKET:
        return _invalid("type", "a MARKET order does not rest at its venue: nothing of it can be changed", order.type)
    return None


def _wrong_size(order: Order, command: ModifyOrder, executed: Decimal) -> RefusalReason | None:
    if order.quote_size is not None and command.size is not None:
        return _invalid("size", "of an order by quote size is what it executes: it cannot be changed", command.size)
    asked = EXACT.add(order.size, executed) if command.size is None else command.size
    done = EXACT.add(order.filled_size, executed)
    if order.quote_size is None and asked <= done and order.state is not OrderState.DRAFT:
        text = f"size is the new total: {plain(done)} have executed, and only what is left can be changed"
        return _invalid("size", text, plain(asked), limit=f"> {plain(done)}")
    return None


def _state(order: Order, text: str) -> RefusalReason:
    return RefusalReason(
        code=RefusalCode.WRONG_STATE, text=f"order {order.order_id} {text}", rule="state", actual=order.state
    )


def _invalid(rule: str, text: str, actual: object, limit: str = "") -> RefusalReason:
    return RefusalReason(code=RefusalCode.INVALID_ORDER, text=text, rule=rule, limit=limit, actual=str(actual))


def _wait_or_refuse(turn: Turn, desk: Desk, command: ModifyOrder, busy: Order) -> None:
    change = busy.modification
    overrides = command.initiated_by is InitiatedBy.RISK_RULE
    if change is not None and overrides and change.initiated_by is InitiatedBy.USER:
        # What was asked of the venue cannot be taken back; what the rule wants is done as soon as it is settled.
        waiter = ModifyWaiter(
            modify_askers.turn_of(busy.order_id), command.correlation_id,
            cancel=False, about=busy.order_id, command=command, since_ms=turn.now_ms,
        )  # fmt: skip
        if not modify_askers.waiting(turn, waiter.order_id):
            turn.effect(modify_timer(busy.order_id, desk.policy.verification.total_ms))
        modify_askers.wait(turn, waiter)
        return
    text = f"order {busy.order_id} is being changed already; the other change is not settled"
    view = turn.view_of(busy)
    turn.refuse(command.correlation_id, RefusalCode.CONCURRENT_MODIFICATION, text, rule="first_wins", view=view)


def _judged(turn: Turn, command: ModifyOrder, named: Order, order: Order) -> bool | Conflict:
    """Whether the order has changed since its owner saw it; or why his change cannot be made to what it is now."""
    expected = command.expected_version
    if expected is None or (expected == named.version and named is order):
        return False
    fields = tuple(name for name in FIELDS if getattr(command, name) is not None)
    steps = [step for step in turn.memory.transitions.get(named.order_id, ()) if step.version > expected]
    if expected > named.version or len(steps) != named.version - expected:
        return Conflict(f"version {expected} is not one whose changes since are known", fields, "unknown_version")
    later = named
    while later is not order and later.replaced_by is not None:
        later = turn.order(later.replaced_by) or order
        steps += turn.memory.transitions.get(later.order_id, ())
    verdict = judge(steps, fields, command.initiated_by)
    return verdict if isinstance(verdict, Conflict) else verdict.merged


def _refuse_conflict(turn: Turn, command: ModifyOrder, order: Order, conflict: Conflict) -> None:
    turn.note(ModificationConflict(conflict.strategy))
    asked = "; ".join(f"{name} {plain(value)}" for name in FIELDS if (value := getattr(command, name)) is not None)
    turn.refuse(
        command.correlation_id, RefusalCode.CONCURRENT_MODIFICATION, f"{conflict.text}; asked for: {asked}",
        rule=conflict.strategy, limit=str(order.version), actual=str(command.expected_version),
        fields=conflict.fields, view=turn.view_of(order),
    )  # fmt: skip


# ----- what needs no venue


def _answer_unchanged(turn: Turn, wish: Wish) -> None:
    name, view = wish.command.correlation_id, turn.view_of(wish.order)
    if wish.order.state is OrderState.SUBMITTED:
        text = "nothing is to be changed; whether the order was placed is not known yet"
        turn.reply(OrderUnresolved(correlation_id=name, view=view, text=text))
        return
    turn.reply(
        ModifyDone(
            correlation_id=name, view=view, native=True, kept_order_id=True, kept_priority=True, merged=wish.merged
        )
    )


def _change_draft(turn: Turn, wish: Wish) -> None:
    changed, step = transition(
        wish.order, OrderState.DRAFT, Trigger.USER_MODIFY_ORDER, turn.now_ms,
        metadata=metadata(wish, DRAFT_KIND), size=wish.terms.size, price=wish.terms.price,
        stop_price=wish.terms.stop_price, modified_by=wish.command.initiated_by, modified_at_ms=turn.now_ms,
    )  # fmt: skip
    turn.save(changed, (step,))
    turn.reply(
        ModifyDone(
            correlation_id=wish.command.correlation_id, view=turn.view_of(changed),
            native=True, kept_order_id=True, kept_priority=True, merged=wish.merged,
        )
    )  # fmt: skip


# ----- who waits


def follow(turn: Turn, desk: Desk, now: Callable[[], Circumstances], judge_order: Judge) -> None:
    """Go on with every modification that this turn has changed something about, and answer those that are settled."""
    replacing.follow(turn, desk, now, judge_order)
    began = False
    for before, after in list(turn.changed_orders()):
        change = before.modification if before is not None else None
        if before is None or change is None:
            continue
        same = after.modification is not None and after.modification.modify_id == change.modify_id
        if amend_of(before) is not None and (not same or after.needs_review):
            _answer_amend(turn, desk, before, after, settled=not same)
        if after.modification is None:
            began = _take_turns(turn, desk, now, judge_order, after) or began
    if began:
        replacing.follow(turn, desk, now, judge_order)


def _answer_amend(turn: Turn, desk: Desk, before: Order, after: Order, *, settled: bool) -> None:
    key = modify_askers.amend_of(after.order_id)
    waiters = modify_askers.waiting(turn, key)
    if not waiters:
        return
    modify_askers.gone(turn, key)
    # Nothing but our own change, or somebody's at the venue, makes the terms others in one turn.
    done = terms_of(after) != terms_of(before) and after.modified_by is not InitiatedBy.VENUE
    for waiter in waiters:
        name, view = waiter.correlation_id, turn.view_of(after)
        if not settled:
            turn.reply(OrderUnresolved(correlation_id=name, view=view, text=after.review_reason))
        elif done:
            only_less = shrinks(before, terms_of(after))
            reply = modify_askers.done_here(
                turn, desk, after, name, only_less=only_less, merged=waiter.merged, duplicate=waiter.duplicate
            )
            turn.reply(reply)
        else:
            text = f"the venue has not changed the order ({waiter.words or 'it shows it as it was'})"
            turn.refuse(name, RefusalCode.NOT_MODIFIED, f"{text}; it is {after.state}", view=view)


def _take_turns(
    turn: Turn, desk: Desk, now: Callable[[], Circumstances], judge_order: Judge, order: Order
) -> bool:
    """Carry out the changes that waited for another one of an order; tells whether there were any."""
    key = modify_askers.turn_of(order.order_id)
    waiters = modify_askers.waiting(turn, key)
    if not waiters:
        return False
    modify_askers.gone(turn, key)
    # What the command of this turn waits for, if there is one, is not what these wait for.
    others = turn.awaits
    for waiter in waiters:
        if waiter.command is None:
            continue
        turn.awaits = None
        modify(turn, desk, waiter.command, now(), judge_order)
        awaited = turn.awaited()
        if awaited is not None:
            why = awaited.need.value
            turn.refuse(waiter.correlation_id, RefusalCode.NOT_MODIFIED, f"it could not be decided at once: {why}")
    turn.awaits = others
    return True


def on_waited_long(turn: Turn, desk: Desk, order_id: str) -> None:
    """Refuse the changes that have waited too long for another one of an order to be settled."""
    key = modify_askers.turn_of(order_id)
    waiters = modify_askers.waiting(turn, key)
    if not waiters:
        return
    modify_askers.gone(turn, key)
    kept = [waiter for waiter in waiters if not _waited_long(turn, desk, waiter)]
    for waiter in waiters:
        if waiter in kept:
            modify_askers.wait(turn, waiter)
        else:
            _refuse_late(turn, waiter)
    if kept:
        left_ms = kept[0].since_ms + desk.policy.verification.total_ms - turn.now_ms
        turn.effect(modify_timer(order_id, left_ms))


def _waited_long(turn: Turn, desk: Desk, waiter: ModifyWaiter) -> bool:
    # An old price is not sent late.
    return turn.now_ms - waiter.since_ms >= desk.policy.verification.total_ms


def _refuse_late(turn: Turn, waiter: ModifyWaiter) -> None:
    order = turn.order(waiter.about)
    text = "it waited too long for another change of the order to be settled; nothing of it was done"
    view = None if order is None else turn.view_of(order)
    turn.refuse(waiter.correlation_id, RefusalCode.NOT_MODIFIED, text, view=view)
