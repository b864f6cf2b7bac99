"""What an account looks after at intervals: sendings nobody answered, idempotency entries whose time is over, orders
that stay too long in one state.
"""

from collections.abc import Callable
from typing import Final

from actors.desk import Desk, reread
from actors.domain.idempotency import TAG_DIGITS, client_order_id, expired
from actors.domain.lifecycle import TERMINAL, evolve, is_stuck
from actors.domain.modification import LEGS_MAX
from actors.errors import InvalidTransition
from actors.settlement import begin_verification, in_flight
from actors.turn import Turn
from messages.base import copied
from messages.events import ManualReviewRequired, Severity
from messages.fills import VenueFill
from messages.reports import OrderReported, VenueReport
from messages.types import Order, OrderState, VenueOrder

FORGOTTEN_AFTER_MS: Final = 60_000
"""How long an order that has ended is remembered where nothing is to be kept of it: late reports find it until then."""


def sweep(turn: Turn, desk: Desk) -> list[Order]:
    """Do the round; the answer lists the orders found stuck."""
    stuck = []
    for order in turn.memory.live_orders():
        if _unanswered(order, turn.now_ms + desk.offsets_ms.get(order.exchange, 0), desk.policy.call_overdue_ms):
            begin_verification(turn, desk, order, "no answer")
        elif desk.policy.detect_stuck and _is_stuck(turn, desk, order):
            stuck.append(order)
            reread(turn, desk, order, delay_ms=0)
    keeps_history = desk.policy.privacy.retain_history and desk.policy.privacy.cache_orders
    _sweep_entries(turn, desk, keeps_history=keeps_history)
    if not keeps_history:
        replaced = _replaced_by_live(turn)
        for order in list(turn.memory.orders.values()):
            if order.order_id not in replaced and _may_be_forgotten(turn, order):
                _keep_request(turn, order)
                turn.forget_order(order)
    if stuck:
        names = ",".join(order.order_id for order in stuck[:10])
        turn.alert("StuckOrdersDetected", Severity.WARNING, f"{len(stuck)} orders are stuck; read again", orders=names)
    return stuck


def _unanswered(order: Order, venue_now_ms: int, overdue_ms: int) -> bool:
    return in_flight(order) and venue_now_ms > order.attempts[-1].valid_until_venue_ms + overdue_ms


def _is_stuck(turn: Turn, desk: Desk, order: Order) -> bool:
    if order.order_id in turn.memory.watched or order.verification is not None or order.state is OrderState.DRAFT:
        return False
    policy = desk.policy
    seen_ms = turn.memory.seen_working_ms.get(order.order_id, 0)
    return is_stuck(
        order, turn.now_ms, policy.stuck_default_ms, policy.stuck_by_state_ms, seen_working_ms=seen_ms
    )  # fmt: skip


def _sweep_entries(turn: Turn, desk: Desk, *, keeps_history: bool) -> None:
    memory, policy = turn.memory, desk.policy
    # For so long a venue's recent history may show an order that has ended.
    shown_ms = policy.lookback_ms + max((each.settle_ms for each in policy.exchanges.values()), default=0)
    unforgotten = set() if keeps_history else {order.idempotency_key for order in memory.orders.values()}
    for key in expired(memory.entries, turn.now_ms, memory.is_live):
        entry = memory.entries[key]
        recorded = entry.order_id in memory.orders
        if key in unforgotten or (recorded and not keeps_history):
            continue
        if entry.forgotten_ms is not None and turn.now_ms < entry.forgotten_ms + shown_ms:
            continue
        # Where nothing is kept of an order, this is what keeps its request from being made again under its old id.
        if entry.request_id is None or (keeps_history and recorded):
            turn.forget_entry(key)


def _keep_request(turn: Turn, order: Order) -> None:
    """Keep of a request whose order is forgotten that it was made, and which orders it led to."""
    entry = turn.entry(order.idempotency_key)
    if order.idempotency_key is None and not order.external:
        # Back from having been forgotten before, it does not know its request any more.
        entry = next((each for each in turn.memory.entries.values() if each.order_id == order.order_id), None)
    if entry is None:
        return
    if entry.order_id == order.order_id:
        turn.save_entry(copied(entry, details=(), error="", forgotten_ms=turn.now_ms))
        return
    tag, legs = order.order_id[:TAG_DIGITS], range(entry.legs, LEGS_MAX)
    leg = next((n for n in legs if client_order_id(tag, entry.key, order.generation, n) == order.order_id), 0)
    turn.save_entry(copied(entry, legs=max(entry.legs, leg + 1), forgotten_ms=turn.now_ms))


def _may_be_forgotten(turn: Turn, order: Order) -> bool:
    memory, name = turn.memory, order.order_id
    if order.state not in TERMINAL or abs(turn.now_ms - order.updated_at_ms) < FORGOTTEN_AFTER_MS:
        return False
    unfinished = (memory.watched, memory.held, memory.waiters, memory.closing)
    return order.exchange not in memory.unserved and not any(name in matters for matters in unfinished)


def _replaced_by_live(turn: Turn) -> set[str]:
    # Commands that name an order which was replaced mean the one that works now.
    kept: set[str] = set()
    for live in turn.memory.live_orders():
        order, before = live, turn.memory.orders.get(live.replaces or "")
        while before is not None and before.replaced_by == order.order_id and before.order_id not in kept:
            kept.add(before.order_id)
            order, before = before, turn.memory.orders.get(before.replaces or "")
    return kept


def taken_in_alone(
    turn: Turn, report: VenueReport, record: VenueOrder | VenueFill, merge: Callable[[], object]
) -> bool:
    """Merge what one record of a report says of its order. False: our rules have no place for it; that order alone is
    quarantined, and the rest of the report is not lost with it.
    """
    try:
        merge()
    except InvalidTransition as error:
        quarantine(turn, report, str(error), record)
        return False
    return True


def quarantine(turn: Turn, report: VenueReport, error: str, record: VenueOrder | VenueFill | None = None) -> None:
    """A venue said something of an order that our rules have no place for: keep the order, and ask a person.

    One order's oddity must not stop its account; nothing of what was said of it was taken in.
    """
    about = None if record is None else turn.memory.match(record)
    order_id = report.order_id if about is None else about.order_id
    turn.alert("ReportNotUnderstood", Severity.CRITICAL, error, report=type(report).__name__, order_id=order_id)
    order = turn.order(order_id)
    if order is None and isinstance(report, OrderReported):
        order = turn.memory.match(report.order)
    if order is not None and order.state not in TERMINAL and not order.needs_review:
        marked = evolve(order, needs_review=True, review_reason=error, updated_at_ms=turn.now_ms)
        turn.save(marked)
        turn.event(
            ManualReviewRequired(account_id=order.account_id, view=turn.view_of(marked), reason="report not understood")
        )
