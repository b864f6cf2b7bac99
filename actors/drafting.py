"""Drafts: orders that are kept, and sent only when their owner says so.

Every function fills a `Turn` and touches nothing else. Must never: send a draft that was not submitted.
"""

from dataclasses import replace

from actors.admission import (
    Circumstances,
    answer_duplicate,
    closed_for,
    commit_intent,
    decided,
    draft_of,
    entry_of,
    refuse,
    refuse_forgotten,
    refuse_identity,
)
from actors.domain.idempotency import Collision, Conflict, Duplicate, Fresh, Retry, RetryRefused, keys_for
from actors.domain.rules import check_terms, resolve_terms
from actors.notes import Repeated
from actors.policy import AccountPolicy
from actors.turn import Turn
from messages.commands import CreateDraft, OrderTerms, SubmitDraft
from messages.queries import DraftDone, RefusalCode
from messages.types import IdempotencyEntry, IdempotencyStatus, Order, OrderState


def create_draft(turn: Turn, command: CreateDraft, policy: AccountPolicy) -> None:
    """Keep an order as a draft."""
    terms = resolve_terms(command)
    wrong = check_terms(terms, turn.now_ms)
    if command.exchange not in policy.exchanges:
        text = policy.no_such_exchange(command.account_id, command.exchange)
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text)
        return
    if wrong is not None:
        refuse(turn, command.correlation_id, wrong)
        return
    # Two equal drafts are two drafts: what identifies one is the command that made it.
    terms = replace(terms, request_id=command.request_id or f"draft:{command.message_id}")
    keys = keys_for(terms, turn.now_ms, policy.keys)
    match decided(turn, terms, keys, policy):
        case Duplicate(entry):
            _answer_draft_again(turn, command.correlation_id, entry)
        case Fresh(generation) | Retry(_, generation):
            draft = draft_of(turn, terms, policy, keys=keys, generation=generation)
            turn.save(draft)
            turn.save_entry(entry_of(draft, keys, IdempotencyStatus.PENDING, turn.now_ms, policy.idempotency_ttl_ms))
            turn.reply(DraftDone(correlation_id=command.correlation_id, view=turn.view_of(draft)))
        case Conflict() | RetryRefused() | Collision() as obstacle:
            refuse_identity(turn, terms, obstacle)


def _answer_draft_again(turn: Turn, correlation_id: str, entry: IdempotencyEntry) -> None:
    order = turn.order(entry.order_id)
    turn.note(Repeated(entry.key, turn.now_ms))
    if order is None:
        refuse_forgotten(turn, correlation_id)
    elif order.state is OrderState.DRAFT:
        turn.reply(DraftDone(correlation_id=correlation_id, view=turn.view_of(order)))
    else:
        text = f"the same request was made before, and its order is {order.state}, no draft"
        turn.refuse(correlation_id, RefusalCode.WRONG_STATE, text, view=turn.view_of(order))


def submit_draft(turn: Turn, command: SubmitDraft, policy: AccountPolicy, now: Circumstances) -> None:
    """Place a draft. Submitting it twice is a duplicate of the first time."""
    draft = turn.memory.find(command.order_id)
    if draft is None:
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_ORDER, f"no order {command.order_id!r} in this account")
        return
    entry = turn.memory.entries.get(draft.idempotency_key or "")
    if draft.state is not OrderState.DRAFT:
        if entry is not None and entry.order_id == draft.order_id and draft.attempts:
            answer_duplicate(turn, command.correlation_id, command.reply_when, entry)
        else:
            turn.refuse(
                command.correlation_id,
                RefusalCode.WRONG_STATE,
                f"order is {draft.state}, only a DRAFT can be submitted",
                view=turn.view_of(draft),
            )
        return
    closed = closed_for(draft.exchange, policy, now)
    if closed is not None:
        turn.refuse(command.correlation_id, *closed)
        return
    terms = _terms_of(draft, command)
    wrong = check_terms(terms, turn.now_ms)
    if wrong is not None:
        refuse(turn, command.correlation_id, wrong)
        return
    keys = keys_for(terms, turn.now_ms, policy.keys)
    commit_intent(turn, draft, terms, policy, now, keys=keys, reply_when=command.reply_when)


def _terms_of(draft: Order, command: SubmitDraft) -> OrderTerms:
    quote = draft.quote_size is not None
    return OrderTerms(
        correlation_id=command.correlation_id,
        account_id=draft.account_id,
        exchange=draft.exchange,
        symbol=draft.symbol,
        side=draft.side,
        type=draft.type,
        size=None if quote else draft.size,
        quote_size=draft.quote_size,
        price=draft.price,
        stop_price=draft.stop_price,
        time_in_force=draft.time_in_force,
        expires_at_ms=draft.expires_at_ms,
        post_only=draft.post_only,
        reduce_only=draft.reduce_only,
        request_id=draft.request_id,
        allow_duplicate=command.allow_duplicate,
        valid_for_ms=draft.valid_for_ms,
        max_sends=draft.max_sends,
        fill_timeout_ms=draft.fill_timeout_ms,
        initiated_by=draft.initiated_by,
    )
