"""The life of an order: eleven states, one table of edges, and the only function that walks them.

Theory of operation
===================

Three things are kept apart. The **state** says how far the order got. The **overlay** (`cancel_pending`,
`replace_pending`) says what was asked of the venue and is not answered. The **quantities** say what happened. This
module owns the state; asking for a cancel changes only the overlay, and booking a fill (`fills.py`) only the
quantities, until a proof moves the state.

An order is born in DRAFT, passes PENDING while it is validated, and is SUBMITTED from the moment its intent is durable:
sent, or about to be sent, with nobody knowing what became of it until the venue answers. ACKNOWLEDGED and
PARTIALLY_FILLED are orders that work at the venue. The other six states are terminal.

Who may cause an edge stands beside it, as triggers. The commands (`user_submit_order`, `user_cancel_order`,
`user_modify_order`, `risk_rule_cancel`) name the person or rule whose wish has come true: a cancel command causes
CANCELLED only when the venue's answer or a look-up proves it, not when it is asked. The answers (`api_acknowledged`,
`api_rejected`, the fills, `order_expired`) are the venue's own words. The look-ups (`verification_found`,
`verification_absent`, `reconciliation`) are what we read there ourselves. An operator's decision is
`manual_resolution`.

FAILED is a claim: this order is not at the venue and never will be. So an error of ours leads there only while nothing
can be at the venue, and from the working states only a proven absence or an operator does. An order whose outcome is
unknown stays where it is, with `needs_review`; no edge leads from not knowing to a terminal state, which is why
REJECTED, CANCELLED, EXPIRED, PARTIAL_FILL_TIMEOUT and FAILED cannot be entered without evidence.

Facts arrive late and in any order, so a fill or an expiry may come before the acknowledgement and a venue may reject
what it acknowledged. A terminal state is left in two cases only, both by `venue_correction`: late fills that complete
the order make it FILLED, and an order that we hold for FAILED, REJECTED or cancelled before it ever was at the venue,
and that is seen working, is ACKNOWLEDGED again. A late fill that does not complete the order is recorded in place by
the same trigger.

Staying in place is a transition too where it is recorded: a modification, one more fill, one more sending after the
former one is proven void, an operator's naming of the venue's order. Each raises the order's `version`.

Must never: read a clock, do I/O, or assign a state anywhere but in `transition`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from actors.domain.reviews import known_changes
from actors.errors import InvalidTransition
from messages.types import (
    CompletionReason,
    Evidence,
    Order,
    OrderState,
    PublicStatus,
    StateTransition,
    Trigger,
)

S = OrderState
T = Trigger

TERMINAL = frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.FAILED})
"""States in which nothing works at the venue any more."""
UNSENT = frozenset({S.DRAFT, S.PENDING})
"""States in which nothing has left for the venue."""
AT_VENUE = frozenset({S.ACKNOWLEDGED, S.PARTIALLY_FILLED})
"""States in which the order works at the venue, as far as we know."""
CANCELLABLE = frozenset(S) - TERMINAL
"""States in which a cancel makes sense."""
MODIFIABLE = frozenset({S.DRAFT, S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED})
"""States in which a modification makes sense; in PARTIALLY_FILLED only where the venue amends in place."""
EVIDENCED = frozenset({S.REJECTED, S.CANCELLED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.FAILED})
"""States that cannot be entered without a record of what proves them."""


@dataclass(frozen=True, slots=True)
class TransitionRule:
    """One edge of the state machine."""

    source: OrderState
    target: OrderState
    triggers: frozenset[Trigger]
    """What may cause it; anything else is an invalid transition."""
    why: str


def _rule(source: OrderState, target: OrderState, why: str, *triggers: Trigger) -> TransitionRule:
    return TransitionRule(source, target, frozenset(triggers), why)


_READ = (T.VERIFICATION_FOUND, T.RECONCILIATION, T.MANUAL_RESOLUTION)
_CANCEL = (T.USER_CANCEL_ORDER, T.RISK_RULE_CANCEL)
_GONE = (T.VERIFICATION_ABSENT, T.MANUAL_RESOLUTION)

RULES: tuple[TransitionRule, ...] = (
    _rule(S.DRAFT, S.DRAFT, "the draft was changed", T.USER_MODIFY_ORDER),
    _rule(S.DRAFT, S.PENDING, "its owner wants it placed", T.USER_SUBMIT_ORDER),
    _rule(S.DRAFT, S.CANCELLED, "discarded; nothing was ever sent", *_CANCEL),
    _rule(S.DRAFT, S.FAILED, "could not be processed; nothing was ever sent", T.PROCESSING_ERROR),
    _rule(S.PENDING, S.SUBMITTED, "every check passed; the intent becomes durable", T.VALIDATION_PASS),
    _rule(S.PENDING, S.REJECTED, "a check or a risk rule refused it", T.VALIDATION_FAIL, T.RISK_RULE_REJECT),
    _rule(S.PENDING, S.CANCELLED, "withdrawn before it was sent", *_CANCEL),
    _rule(S.PENDING, S.FAILED, "could not be processed; nothing was ever sent", T.PROCESSING_ERROR),
    _rule(
        S.SUBMITTED,
        S.SUBMITTED,
        "modified before it was sent; or a sending is proven void and the next is recorded; or an operator named the "
        "venue's order, which is read next",
        T.USER_MODIFY_ORDER,
        T.VERIFICATION_ABSENT,
        T.PROCESSING_ERROR,
        T.MANUAL_RESOLUTION,
    ),
    _rule(S.SUBMITTED, S.ACKNOWLEDGED, "the venue has it", T.API_ACKNOWLEDGED, *_READ),
    _rule(S.SUBMITTED, S.PARTIALLY_FILLED, "a fill overtook the acknowledgement", T.FIRST_FILL_RECEIVED, *_READ),
    _rule(S.SUBMITTED, S.FILLED, "complete before the acknowledgement was seen", T.ORDER_COMPLETE, *_READ),
    _rule(S.SUBMITTED, S.REJECTED, "the venue refused it", T.API_REJECTED, *_READ),
    _rule(
        S.SUBMITTED,
        S.CANCELLED,
        "proven cancelled, or withdrawn before any sending left",
        *_CANCEL,
        T.PARTIAL_FILL_TIMEOUT,
        *_READ,
    ),
    _rule(S.SUBMITTED, S.EXPIRED, "its time in force ended before the acknowledgement", T.ORDER_EXPIRED, *_READ),
    _rule(
        S.SUBMITTED,
        S.FAILED,
        "proven not to be at the venue, and no further sending is allowed",
        T.PROCESSING_ERROR,
        *_GONE,
    ),
    _rule(
        S.ACKNOWLEDGED,
        S.ACKNOWLEDGED,
        "modified; or an operator's decision leaves it working",
        T.USER_MODIFY_ORDER,
        T.MANUAL_RESOLUTION,
    ),
    _rule(
        S.ACKNOWLEDGED,
        S.PARTIALLY_FILLED,
        "some of it executed; a later fill where a reopened order has earlier ones",
        T.FIRST_FILL_RECEIVED,
        T.SUBSEQUENT_FILL,
        *_READ,
    ),
    _rule(S.ACKNOWLEDGED, S.FILLED, "all of it executed", T.ORDER_COMPLETE, *_READ),
    _rule(
        S.ACKNOWLEDGED,
        S.CANCELLED,
        "proven cancelled: as asked, for want of any fill in time, or by the venue",
        *_CANCEL,
        T.PARTIAL_FILL_TIMEOUT,
        *_READ,
    ),
    _rule(S.ACKNOWLEDGED, S.EXPIRED, "its time in force ended", T.ORDER_EXPIRED, *_READ),
    _rule(S.ACKNOWLEDGED, S.REJECTED, "refused after all (post-only, self-trade)", T.API_REJECTED, *_READ),
    _rule(S.ACKNOWLEDGED, S.FAILED, "proven to have vanished from the venue", *_GONE),
    _rule(
        S.PARTIALLY_FILLED,
        S.PARTIALLY_FILLED,
        "more of it executed; amended in place; or an operator's decision leaves it working",
        T.SUBSEQUENT_FILL,
        T.USER_MODIFY_ORDER,
        T.MANUAL_RESOLUTION,
    ),
    _rule(S.PARTIALLY_FILLED, S.FILLED, "all of it executed", T.ORDER_COMPLETE, *_READ),
    _rule(S.PARTIALLY_FILLED, S.CANCELLED, "the remainder is proven cancelled", *_CANCEL, *_READ),
    _rule(
        S.PARTIALLY_FILLED,
        S.PARTIAL_FILL_TIMEOUT,
        "fills stopped coming and the remainder is proven not to work any more",
        T.PARTIAL_FILL_TIMEOUT,
    ),
    _rule(S.PARTIALLY_FILLED, S.EXPIRED, "its time in force ended with some of it executed", T.ORDER_EXPIRED, *_READ),
    _rule(S.PARTIALLY_FILLED, S.REJECTED, "the remainder was refused after all", T.API_REJECTED, *_READ),
    _rule(S.PARTIALLY_FILLED, S.FAILED, "the remainder is proven to have vanished from the venue", *_GONE),
    *(
        _rule(state, S.FILLED, "late fills complete it: money that moved is booked", T.VENUE_CORRECTION)
        for state in (S.CANCELLED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.REJECTED, S.FAILED)
    ),
    *(
        _rule(state, S.ACKNOWLEDGED, "seen working: a live order is never hidden", T.VENUE_CORRECTION)
        for state in (S.REJECTED, S.FAILED, S.CANCELLED)
    ),
    *(
        _rule(state, state, "a late fill was booked; the state stays", T.VENUE_CORRECTION)
        for state in S
        if state in TERMINAL
    ),
)
"""Every edge there is."""

CAUSES: Mapping[Trigger, frozenset[tuple[OrderState, OrderState]]] = {
    trigger: frozenset((rule.source, rule.target) for rule in RULES if trigger in rule.triggers) for trigger in T
}
"""What each trigger may cause."""

_TRIGGERS = {(rule.source, rule.target): rule.triggers for rule in RULES}

_PUBLIC = {
    S.DRAFT: PublicStatus.PENDING,
    S.PENDING: PublicStatus.PENDING,
    S.SUBMITTED: PublicStatus.PENDING,
    S.ACKNOWLEDGED: PublicStatus.OPEN,
    S.PARTIALLY_FILLED: PublicStatus.OPEN,
    S.FILLED: PublicStatus.FILLED,
    S.CANCELLED: PublicStatus.CANCELLED,
    S.REJECTED: PublicStatus.FAILED,
    S.EXPIRED: PublicStatus.EXPIRED,
    S.PARTIAL_FILL_TIMEOUT: PublicStatus.CANCELLED,
    S.FAILED: PublicStatus.FAILED,
}

_COMPLETION = {
    S.FILLED: CompletionReason.FULLY_FILLED,
    S.CANCELLED: CompletionReason.CANCELLED,
    S.REJECTED: CompletionReason.REJECTED,
    S.EXPIRED: CompletionReason.EXPIRED,
    S.PARTIAL_FILL_TIMEOUT: CompletionReason.TIMEOUT,
}

_NEVER_ACKNOWLEDGED = frozenset({S.DRAFT, S.PENDING, S.SUBMITTED})
_FIELDS = frozenset(field.name for field in fields(Order))
_OWNED = frozenset({"state", "version", "updated_at_ms", "state_since_ms", "reason"})


def public_status(state: OrderState) -> PublicStatus:
    """Map a state to the six-valued status that other programs see."""
    return _PUBLIC[state]


def evolve(order: Order, **changes: object) -> Order:
    """Copy an order with some fields changed, several times faster than `dataclasses.replace`.

    Raises:
        TypeError: a name is not a field of `Order`.
    """
    if not changes.keys() <= _FIELDS:
        raise TypeError(f"not fields of Order: {', '.join(sorted(changes.keys() - _FIELDS))}")
    copy = object.__new__(Order)
    content = copy.__dict__
    content.update(order.__dict__)
    content.update(changes)
    return copy


def transition(
    order: Order,
    to_state: OrderState,
    trigger: Trigger,
    at_ms: int,
    *,
    reason: str = "",
    metadata: tuple[tuple[str, str], ...] = (),
    evidence: Evidence | None = None,
    **changes: object,
) -> tuple[Order, StateTransition]:
    """Walk one edge and give the new order and the record of the step.

    `changes` are further fields of the order to set in the same step; a `completion` there overrides the one that
    follows from the state. An empty `reason` keeps the present one where the state stays. A terminal state clears
    overlay, verification and review, but for a review that only a person ends. A cancelled order without `cancelled_by`
    gets none here: only the caller knows.
    FAILED after an acknowledgement gets no completion reason unless the caller names one: `not_placed` would be false.

    Raises:
        InvalidTransition: no such edge, not by this trigger, or no evidence where it is required. Nothing changed.
        TypeError: a name in `changes` is not a field of `Order`, or is one that this function sets itself.
    """
    source = order.state
    _require_allowed(order, to_state, trigger, evidence)
    if not _OWNED.isdisjoint(changes):
        raise TypeError(f"set by the transition itself: {', '.join(sorted(_OWNED.intersection(changes)))}")
    version = order.version + 1
    effective: dict[str, object] = {"version": version, "updated_at_ms": at_ms}
    if to_state is not source:
        effective.update(state=to_state, state_since_ms=at_ms, reason=reason)
        effective.update(_entering(order, to_state, trigger))
    elif reason:
        effective["reason"] = reason
    if to_state in TERMINAL:
        effective.update(_SETTLED)
        effective.update(known_changes(order))
    effective.update(changes)
    record = StateTransition(
        order_id=order.order_id,
        from_state=source,
        to_state=to_state,
        trigger=trigger,
        at_ms=at_ms,
        reason=reason,
        metadata=metadata,
        version=version,
        evidence=evidence,
    )
    return evolve(order, **effective), record


_SETTLED: dict[str, object] = {
    "cancel_pending": False,
    "replace_pending": False,
    "modification": None,
    "verification": None,
}


def _require_allowed(order: Order, to_state: OrderState, trigger: Trigger, evidence: Evidence | None) -> None:
    source = order.state
    triggers = _TRIGGERS.get((source, to_state))
    if triggers is None:
        targets = ", ".join(rule.target for rule in RULES if rule.source is source)
        raise InvalidTransition(f"{_step(order, to_state, trigger)}: {source} leads only to {targets}")
    if trigger not in triggers:
        allowed = ", ".join(sorted(triggers))
        raise InvalidTransition(f"{_step(order, to_state, trigger)}: caused only by {allowed}")
    if evidence is None and to_state in EVIDENCED and to_state is not source:
        raise InvalidTransition(f"{_step(order, to_state, trigger)}: needs evidence")


def _step(order: Order, to_state: OrderState, trigger: Trigger) -> str:
    return f"order {order.order_id}, {order.state} to {to_state} by {trigger}"


def _entering(order: Order, to_state: OrderState, trigger: Trigger) -> dict[str, object]:
    if to_state not in TERMINAL:
        # An order that is reopened is not complete any more, and its last words were about an end that was none.
        return {"completion": None, "reason_text": ""} if order.state in TERMINAL else {}
    completion = _COMPLETION.get(to_state)
    if to_state is S.CANCELLED and trigger is T.PARTIAL_FILL_TIMEOUT:
        completion = CompletionReason.UNFILLED_TIMEOUT
    elif to_state is S.FAILED and order.state in _NEVER_ACKNOWLEDGED:
        completion = CompletionReason.NOT_PLACED
    return {"completion": completion}


def time_in_state(
    transitions: Iterable[StateTransition], now_ms: int, *, created_at_ms: int | None = None
) -> dict[OrderState, int]:
    """Sum the milliseconds spent in each state, re-entries summed, the present state counted up to now.

    `transitions` are one order's, in order. With `created_at_ms` the first state counts from there; without, it counts
    from the first transition on. A clock that was set back counts as no time at all.
    """
    spent: dict[OrderState, int] = {}
    state: OrderState | None = None
    since = created_at_ms
    for step in transitions:
        if since is not None:
            spent[step.from_state] = spent.get(step.from_state, 0) + max(0, step.at_ms - since)
        state, since = step.to_state, step.at_ms
    if state is not None and since is not None:
        spent[state] = spent.get(state, 0) + max(0, now_ms - since)
    return spent


def is_stuck(
    order: Order,
    now_ms: int,
    default_threshold_ms: int,
    by_state_ms: Mapping[OrderState, int],
    *,
    seen_working_ms: int = 0,
) -> bool:
    """Tell whether nothing has been heard of an order in its non-terminal state for longer than the threshold.

    A resting order that its venue confirms is old, not stuck: the time counts from `seen_working_ms`, when the venue
    last showed it working (0: never), or from the entry into the state, whichever was later.
    """
    threshold = by_state_ms.get(order.state, default_threshold_ms)
    return order.state not in TERMINAL and now_ms - max(order.state_since_ms, seen_working_ms) > threshold


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.DRAFT}"]
    lines += [f"    {rule.source} --> {rule.target}: {', '.join(sorted(rule.triggers))}" for rule in RULES]
    lines += [f"    {state} --> [*]" for state in S if state in TERMINAL]
    return "\n".join(lines) + "\n"


def transition_table_markdown() -> str:
    """Write the table as Markdown."""
    lines = ["| from | to | by | why |", "|---|---|---|---|"]
    lines += [f"| {rule.source} | {rule.target} | {', '.join(sorted(rule.triggers))} | {rule.why} |" for rule in RULES]
    return "\n".join(lines) + "\n"
