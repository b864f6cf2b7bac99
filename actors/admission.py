"""From a host's command to a durable intent: identity, checks, and the one turn DRAFT -> PENDING -> SUBMITTED.

Every function fills a `Turn` and touches nothing else. Must never: send an order whose identity was not looked up
first, or refuse silently.
"""

from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from actors.domain.chains import answering
from actors.domain.idempotency import (
    Collision,
    Conflict,
    Decision,
    Duplicate,
    Fresh,
    KeyComponents,
    Keys,
    Retry,
    RetryRefused,
    client_order_id,
    decide,
    first_free_generation,
    keys_for,
)
from actors.domain.lifecycle import transition
from actors.domain.rules import RefusalReason, check_capabilities, check_instrument, check_terms, resolve_terms
from actors.notes import Repeated, Waiter
from actors.policy import AccountPolicy, ExchangePolicy
from actors.pretrade import Judged, Objection
from actors.reclaiming import claim_lost
from actors.reminders import expiry_timer
from actors.settled import settled_reply
from actors.turn import Turn
from messages.base import fast_init
from messages.commands import OrderTerms, PlaceOrder, SubmitOrder
from messages.events import RiskRuleTriggered, Severity
from messages.queries import OrderAdmitted, RefusalCode
from messages.types import (
    ZERO,
    Attempt,
    CompletionReason,
    Evidence,
    EvidenceSource,
    IdempotencyEntry,
    IdempotencyStatus,
    Order,
    OrderState,
    OrderView,
    StateTransition,
    TimeInForce,
    Trigger,
)

_RULES = frozenset({RefusalCode.RISK_LIMIT, RefusalCode.DUPLICATE_ORDER, RefusalCode.SELF_TRADE})
"""Refusals by a rule of the configuration."""


class Judge(Protocol):
    """`PreTrade.judge`, or `judge_close` for the order of a close."""

    def __call__(self, turn: Turn, order: Order, arrived_ms: int, /, *, allow_duplicate: bool = False) -> Judged:
        """Judge an order that is about to be placed."""
        ...


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What admission must know besides the account's records."""

    store_available: bool
    gates: dict[str, str]
    """Per exchange: empty when open, else why it is closed."""
    offsets_ms: dict[str, int]
    """Per exchange: venue time minus our time."""
    exchange_address: dict[str, str]
    derive_keys: Callable[[OrderTerms, int, KeyComponents], Keys] = keys_for
    """`keys_for`, or the same function measured."""
    judge: Judge
    """Looks at what is beside the order's own terms and the venue's rules."""
    arrived_ms: int
    """When the command came to the account, our clock."""
    unknown: Callable[[Turn, str, str], str]
    """Why nobody can say what is held of a symbol of an exchange; empty when that is known."""


def submit(turn: Turn, command: SubmitOrder, policy: AccountPolicy, now: Circumstances) -> None:
    """Admit a placement, or say why not."""
    terms = resolve_terms(command)
    wrong = check_terms(terms, turn.now_ms)
    if command.exchange not in policy.exchanges:
        text = policy.no_such_exchange(command.account_id, command.exchange)
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text)
    elif wrong is not None:
        refuse(turn, command.correlation_id, wrong)
    else:
        _decide_identity(turn, terms, command.reply_when, policy, now)


def _decide_identity(
    turn: Turn, terms: SubmitOrder, reply_when: str, policy: AccountPolicy, now: Circumstances
) -> None:
    keys = now.derive_keys(terms, turn.now_ms, policy.keys)
    match decided(turn, terms, keys, policy):
        case Duplicate(entry) if not policy.answer_repetitions:
            turn.note(Repeated(entry.key, turn.now_ms))
            turn.refuse(
                terms.correlation_id,
                RefusalCode.DUPLICATE_REQUEST,
                "the same request was made before, and repetitions are refused",
                view=_view(turn, entry.order_id),
            )
        case Duplicate(entry):
            answer_duplicate(turn, terms.correlation_id, reply_when, entry)
        case Fresh(generation) | Retry(_, generation):
            _place(turn, terms, reply_when, policy, now, keys=keys, generation=generation)
        case Conflict() | RetryRefused() | Collision() as obstacle:
            refuse_identity(turn, terms, obstacle)


def decided(turn: Turn, terms: OrderTerms, keys: Keys, policy: AccountPolicy) -> Decision:
    """Decide whether a request was made before; orders that the store had lost are claimed by it."""
    memory = turn.memory
    if not policy.idempotency_enabled:
        return Fresh(generation=len(memory.orders))
    claimed = claim_lost(turn, keys, policy) if memory.unclaimed else {}
    return decide(
        keys,
        ChainMap(claimed, memory.entries) if claimed else memory.entries,
        memory.unresolved,
        turn.now_ms,
        allow_duplicate=terms.allow_duplicate,
        policy=policy.idempotency,
        live=memory.is_live,
    )


def refuse_identity(turn: Turn, terms: OrderTerms, obstacle: Conflict | RetryRefused | Collision) -> None:
    """Refuse a request whose identity stands against it."""
    match obstacle:
        case Conflict(_, fields):
            turn.refuse(
                terms.correlation_id,
                RefusalCode.IDEMPOTENCY_CONFLICT,
                f"{_identity(terms)} was used for a different order; different: {', '.join(fields)}",
                fields=fields,
            )
        case RetryRefused(entry):
            turn.refuse(
                terms.correlation_id,
                RefusalCode.RETRY_NOT_ALLOWED,
                "the same request was made before and ended, and making it again is switched off",
                view=_view(turn, entry.order_id),
            )
        case Collision(entry):
            turn.alert("IdempotencyCollision", Severity.CRITICAL, "two different requests have one key", key=entry.key)
            turn.refuse(
                terms.correlation_id,
                RefusalCode.IDEMPOTENCY_CONFLICT,
                "another order holds this request's key; give a request_id of your own",
            )


def _place(
    turn: Turn,
    terms: SubmitOrder,
    reply_when: str,
    policy: AccountPolicy,
    now: Circumstances,
    *,
    keys: Keys,
    generation: int,
) -> None:
    closed = closed_for(terms.exchange, policy, now)
    if closed is not None:
        turn.refuse(terms.correlation_id, *closed)
        return
    draft = draft_of(turn, terms, policy, keys=keys, generation=generation)
    commit_intent(turn, draft, terms, policy, now, keys=keys, reply_when=reply_when)


def commit_intent(
    turn: Turn,
    draft: Order,
    terms: OrderTerms,
    policy: AccountPolicy,
    now: Circumstances,
    *,
    keys: Keys,
    reply_when: str,
) -> None:
    """Check a drafted order and make its intent durable in this turn; or say why not, or what it has to wait for."""
    exchange = policy.exchanges[draft.exchange]
    pending, asked = transition(
        draft, OrderState.PENDING, Trigger.USER_SUBMIT_ORDER, turn.now_ms, reference_price=terms.reference_price
    )
    refusal = check_venue_rules(turn, terms, exchange)
    objection = None if refusal is None else Objection(refusal)
    if objection is None:
        judged = now.judge(turn, pending, now.arrived_ms, allow_duplicate=terms.allow_duplicate)
        pending, objection, turn.awaits = judged.order, judged.objection, judged.awaits
    if objection is not None:
        _reject(turn, pending, asked, objection, terms, keys=keys, ttl_ms=policy.idempotency_ttl_ms)
        return
    if turn.awaits is not None:
        return
    attempt = next_attempt(pending, terms.valid_for_ms, exchange, turn.now_ms, now.offsets_ms.get(draft.exchange, 0))
    submitted, passed = transition(
        pending,
        OrderState.SUBMITTED,
        Trigger.VALIDATION_PASS,
        turn.now_ms,
        attempts=(attempt,),
        submitted_at_ms=turn.now_ms,
    )
    turn.save(submitted, (asked, passed))
    turn.save_entry(entry_of(submitted, keys, IdempotencyStatus.SUBMITTED, turn.now_ms, policy.idempotency_ttl_ms))
    turn.send(now.exchange_address[draft.exchange], place_request(submitted))
    if submitted.expires_at_ms is not None:
        turn.effect(expiry_timer(submitted, turn.now_ms))
    if reply_when == "committed":
        turn.reply(OrderAdmitted(correlation_id=terms.correlation_id, view=turn.view_of(submitted)))
    elif terms.correlation_id:
        turn.note(Waiter(submitted.order_id, terms.correlation_id, cancel=False))


def next_attempt(
    order: Order, valid_for_ms: int | None, exchange: ExchangePolicy, now_ms: int, offset_ms: int
) -> Attempt:
    """The record of the next sending, made before it is sent."""
    return Attempt(
        number=len(order.attempts) + 1,
        client_order_id=order.client_order_id,
        recorded_ms=now_ms,
        valid_until_venue_ms=now_ms + offset_ms + (valid_for_ms or order.valid_for_ms or exchange.valid_for_ms),
    )


def place_request(order: Order) -> PlaceOrder:
    """The request that sends an order's last recorded attempt."""
    attempt = order.attempts[-1]
    return PlaceOrder(
        account_id=order.account_id,
        exchange=order.exchange,
        order_id=order.order_id,
        attempt=attempt.number,
        client_order_id=attempt.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        size=None if order.quote_size is not None else order.size,
        quote_size=order.quote_size,
        price=order.price,
        stop_price=order.stop_price,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        expires_at_ms=order.expires_at_ms,
        valid_until_venue_ms=attempt.valid_until_venue_ms,
    )


def draft_of(turn: Turn, terms: OrderTerms, policy: AccountPolicy, *, keys: Keys, generation: int) -> Order:
    """The order that terms describe, in DRAFT."""
    # A request id used again long after its entry was swept must not get the id of the order it once placed.
    generation = first_free_generation(policy.tag, keys.current, generation, turn.memory.had_order)
    order_id = client_order_id(policy.tag, keys.current, generation, 0)
    now_ms = turn.now_ms
    return Order(
        order_id=order_id,
        account_id=terms.account_id,
        exchange=terms.exchange,
        symbol=terms.symbol,
        side=terms.side,
        type=terms.type,
        time_in_force=terms.time_in_force or TimeInForce.GTC,
        size=terms.size if terms.size is not None else ZERO,
        quote_size=terms.quote_size,
        price=terms.price,
        stop_price=terms.stop_price,
        post_only=terms.post_only,
        reduce_only=terms.reduce_only,
        expires_at_ms=terms.expires_at_ms,
        client_order_id=order_id,
        state=OrderState.DRAFT,
        max_sends=terms.max_sends or policy.max_sends,
        idempotency_key=keys.current,
        request_id=terms.request_id,
        generation=generation,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        state_since_ms=now_ms,
        valid_for_ms=terms.valid_for_ms,
        fill_timeout_ms=terms.fill_timeout_ms,
        initiated_by=terms.initiated_by,
    )


def entry_of(order: Order, keys: Keys, status: IdempotencyStatus, now_ms: int, ttl_ms: int) -> IdempotencyEntry:
    """The entry that remembers an order's request."""
    return IdempotencyEntry(
        key=keys.current,
        order_id=order.order_id,
        details=keys.details,
        bucketless_key=keys.bucketless,
        request_id=order.request_id,
        created_ms=now_ms,
        expires_ms=now_ms + ttl_ms,
        last_accessed_ms=now_ms,
        status=status,
        generation=order.generation,
    )


def _reject(
    turn: Turn,
    pending: Order,
    asked: StateTransition,
    objection: Objection,
    terms: OrderTerms,
    *,
    keys: Keys,
    ttl_ms: int,
) -> None:
    refusal = objection.reason
    evidence = Evidence(
        source=EvidenceSource.LOCAL, endpoint="validation", received_ms=turn.now_ms, detail=refusal.text
    )
    rejected, step = transition(
        pending,
        OrderState.REJECTED,
        objection.trigger,
        turn.now_ms,
        reason=refusal.code,
        evidence=evidence,
        reason_text=refusal.text,
        completion=CompletionReason.REJECTED,
    )
    turn.save(rejected, (asked, step))
    entry = entry_of(rejected, keys, IdempotencyStatus.FAILED, turn.now_ms, ttl_ms)
    turn.save_entry(replace(entry, error=refusal.text))
    if refusal.code in _RULES:
        turn.event(
            RiskRuleTriggered(
                account_id=turn.account_id,
                rule=refusal.rule,
                limit=refusal.limit,
                actual=refusal.actual,
                action="reject",
                order_id=rejected.order_id,
                at_ms=turn.now_ms,
            )
        )
    other = turn.order(objection.order_id) if objection.order_id else None
    turn.refuse(
        terms.correlation_id,
        refusal.code,
        refusal.text,
        rule=refusal.rule,
        limit=refusal.limit,
        actual=refusal.actual,
        view=turn.view_of(rejected if other is None else other),
    )


def check_venue_rules(turn: Turn, terms: OrderTerms, exchange: ExchangePolicy) -> RefusalReason | None:
    """Look for something that the venue cannot do, or a trading rule that the order breaks."""
    can = exchange.capabilities
    refusal = check_capabilities(
        terms,
        venue=can.venue,
        order_types=can.order_types,
        times_in_force=can.times_in_force | {TimeInForce.GTT},
        post_only=can.post_only,
        quote_size_market=can.quote_size_market,
        reduce_only=can.reduce_only,
    )
    if refusal is not None:
        return refusal
    instrument = turn.memory.instruments.get((terms.exchange, terms.symbol))
    if instrument is None:
        return RefusalReason(
            code=RefusalCode.INSTRUMENT_UNKNOWN,
            text=f"{terms.exchange} lists no symbol {terms.symbol!r}",
            rule="symbol",
            limit="a symbol the venue lists",
            actual=terms.symbol,
        )
    return check_instrument(terms, instrument)


def answer_duplicate(turn: Turn, correlation_id: str, reply_when: str, entry: IdempotencyEntry) -> None:
    """Answer a repetition with what became of the first request's order."""
    order = turn.order(entry.order_id)
    turn.note(Repeated(entry.key, turn.now_ms))
    if order is None:
        refuse_forgotten(turn, correlation_id)
        return
    order = answering(order, turn.order)
    shown = turn.view_of(order)
    unsettled = order.state in (OrderState.PENDING, OrderState.SUBMITTED)
    if order.state is OrderState.DRAFT:
        # A draft has no outcome to wait for, and placing it is for its owner to ask.
        text = f"the request is kept as draft {order.order_id!r}, which is submitted by its id"
        turn.refuse(correlation_id, RefusalCode.WRONG_STATE, text, view=shown)
    elif reply_when == "committed":
        turn.reply(
            OrderAdmitted(
                correlation_id=correlation_id,
                view=shown,
                duplicate=True,
                original_request_id=entry.request_id or entry.order_id,
            )
        )
    elif unsettled and not order.needs_review:
        turn.note(Waiter(order.order_id, correlation_id, cancel=False, duplicate=True))
    else:
        turn.reply(settled_reply(order, shown, correlation_id, duplicate=True))


def refuse_forgotten(turn: Turn, correlation_id: str) -> None:
    """Refuse a repetition of a request of whose order nothing is kept."""
    text = "the same request was made before; its order has ended, and by the privacy settings nothing is kept about it"
    turn.refuse(correlation_id, RefusalCode.DUPLICATE_REQUEST, text)


def closed_for(exchange: str, policy: AccountPolicy, now: Circumstances) -> tuple[RefusalCode, str] | None:
    """Say why no new order is accepted on an exchange; None when they are."""
    if policy.refuse_without_store and not now.store_available:
        return RefusalCode.STORE_UNAVAILABLE, "the store is away: no intent can be made durable; cancels still work"
    why = now.gates.get(exchange, "not connected yet")
    if why:
        return RefusalCode.GATE_CLOSED, f"{exchange} takes no new orders: {why}"
    return None


def refuse(turn: Turn, correlation_id: str, reason: RefusalReason) -> None:
    """Refuse a command for a reason of its own."""
    turn.refuse(
        correlation_id, reason.code, reason.text, rule=reason.rule, limit=reason.limit, actual=reason.actual
    )


def _identity(terms: OrderTerms) -> str:
    return f"request id {terms.request_id!r}" if terms.request_id else "a request with the same characteristics"


def _view(turn: Turn, order_id: str) -> OrderView | None:
    order = turn.memory.orders.get(order_id)
    return None if order is None else turn.view_of(order)
