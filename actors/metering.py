"""What is counted of an account's turns, once they are durable. Write-only: nothing here is read to decide.

Counts are taken from the records and events of a released outcome, so no handler has to remember to count. Figures that
rise and fall are read from the account's memory whenever a record of their kind is released, so they cannot drift.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from actors.domain.lifecycle import TERMINAL
from actors.domain.positions import booking_order
from actors.memory import AccountMemory
from actors.notes import (
    Agreed,
    EntryForgotten,
    FillRepeated,
    Held,
    HeldGone,
    ModificationConflict,
    ParkedGone,
    Repeated,
    Vanished,
)
from actors.runtime.metrics import Metrics
from actors.runtime.outcome import Outcome
from actors.views import PublishedViews
from messages.events import ManualReviewRequired, RiskRuleTriggered
from messages.fills import Fill, FillSource, ParkedFill, Position, PositionClose
from messages.risk import KillSwitch
from messages.types import (
    ZERO,
    CompletionReason,
    IdempotencyEntry,
    IdempotencyStatus,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    StateTransition,
    Trigger,
)

_ENOUGH = 20
"""Requests below which a share of duplicates says nothing."""
_UNANSWERED = frozenset({OrderState.PENDING, OrderState.SUBMITTED})
_MODIFIED, _NOT_MODIFIED = "modified", "not_modified"
_DUPLICATE, _SELF_TRADE = "duplicateToleranceTicks", "selfTrade"


class Meter:
    """Counts for one account; also keeps how many requests came and how many of them were repetitions."""

    def __init__(self, metrics: Metrics, views: PublishedViews, account_id: str, *, held: bool = False) -> None:
        """`held`: the configuration holds the account's kill switch on."""
        self._metrics = metrics
        self._views = views
        self._account_id = account_id
        self._held = held
        self.requests = 0
        self.repetitions = 0
        self._latest: dict[str, tuple[int, int, str, str]] = {}
        """By order that has not ended: the place of its last execution in the order of its history."""
        self._replacing: dict[str, ModificationKind] = {}
        """By order that takes the place of another one and is not answered yet: how it does."""

    def released(self, outcome: Outcome, memory: AccountMemory, now_ms: int) -> None:
        """Count an outcome that is durable since `now_ms`; call before its records are published."""
        orders = {record.order_id: record for record in outcome.apply if isinstance(record, Order)}
        standing = False
        for record in outcome.apply:
            match record:
                case StateTransition():
                    self._step(record, orders)
                case Fill():
                    self._fill(record, orders, now_ms)
                case Position():
                    self._position(record)
                case FillRepeated():
                    self._metrics.fill_duplicate(record.first_source, record.source)
                case ModificationConflict():
                    self._metrics.modification_conflict(record.strategy)
                case Vanished():
                    self._metrics.order_vanished(record.exchange)
                case IdempotencyEntry():
                    self._entry(record)
                case Repeated():
                    self.requests += 1
                    self.repetitions += 1
                    self._metrics.idempotency_hit()
                    self._metrics.duplicate_prevented()
                case EntryForgotten():
                    self._metrics.idempotency_size(-1)
                case Agreed():
                    self._metrics.synced(self._account_id, record.exchange, age_ms=now_ms - record.asked_ms)
                case KillSwitch():
                    self._metrics.kill_switch(self._account_id, on=record.on or self._held)
                case ParkedFill() | ParkedGone() | Held() | HeldGone() | PositionClose():
                    standing = True
                case _:
                    continue
        if standing:
            self._stands(memory)
        for order in orders.values():
            self._replaces(order, self._views.orders)
        for order in orders.values():
            self._order(order, outcome)
        for event in outcome.events:
            match event:
                case ManualReviewRequired():
                    self._metrics.manual_review(event.reason)
                case RiskRuleTriggered():
                    self._rule(event)
                case _:
                    continue

    def take_stock(self, memory: AccountMemory, served: Iterable[str] = ()) -> None:
        """The account was loaded and is `served` on these exchanges, or has lost its place and knows nothing any more:
        show how things stand now.
        """
        self._latest.clear()
        self._replacing.clear()
        for order in memory.orders.values():
            self._replaces(order, memory.orders)
        self._stands(memory)
        self._metrics.sync_forgotten(self._account_id)
        for exchange in served:
            self._metrics.sync_awaited(self._account_id, exchange)
        switch = memory.kill_switch
        self._metrics.kill_switch(self._account_id, on=self._held or (switch is not None and switch.on))
        for key in self._views.positions | memory.positions:
            position = memory.positions.get(key)
            self._metrics.position_drift(self._account_id, *key, ZERO if position is None else position.drift)

    def duplicate_share(self) -> float:
        """Share of repetitions among the requests since the last call; 0 while there are too few to judge."""
        share = self.repetitions / self.requests if self.requests >= _ENOUGH else 0.0
        self.requests = self.repetitions = 0
        return share

    def _stands(self, memory: AccountMemory) -> None:
        self._metrics.fills_parked(self._account_id, sum(map(len, memory.parked.values())))
        self._metrics.events_held(self._account_id, len(memory.held))
        self._metrics.closes_active(self._account_id, len(memory.closing))

    def _step(self, step: StateTransition, orders: dict[str, Order]) -> None:
        self._metrics.transition(step.from_state, step.to_state, step.trigger)
        if step.trigger is Trigger.VENUE_CORRECTION:
            self._metrics.terminal_correction()
        if step.trigger is Trigger.USER_MODIFY_ORDER and step.to_state is OrderState.DRAFT:
            self._metrics.order_modified("draft", _MODIFIED)
        if step.from_state is step.to_state:
            return
        known = self._views.orders.get(step.order_id)
        if known is not None and known.state is step.from_state:
            self._metrics.time_in_state(step.from_state, step.at_ms - known.state_since_ms)
        if step.to_state in TERMINAL:
            self._ended(step, orders.get(step.order_id) or known)

    def _ended(self, step: StateTransition, order: Order | None) -> None:
        completion = order.completion if order is not None else None
        self._metrics.terminal(step.to_state, completion or "unknown")
        self._latest.pop(step.order_id, None)

    def _order(self, order: Order, outcome: Outcome) -> None:
        known = self._views.orders.get(order.order_id)
        if known is None:
            self._appeared(order)
        if order.timed_out_ms is not None:
            self._timed_out(order, known)
        if known is not None and known.modification is not None and order.modification is None:
            self._settled(order.order_id, known.modification, outcome)
        if order.order_id in self._replacing and order.state not in _UNANSWERED:
            self._replaced(order)

    def _appeared(self, order: Order) -> None:
        # Every order that we place has the key of its request; what the store had lost has not, until it is made again.
        if order.external:
            self._metrics.order_adopted(order.exchange, "external")
        elif order.idempotency_key is None:
            self._metrics.order_adopted(order.exchange, "ours")

    def _settled(self, order_id: str, asked: Modification, outcome: Outcome) -> None:
        # How a replace ended is told by the order that takes the place.
        if asked.kind is ModificationKind.AMEND:
            steps = (record for record in outcome.apply if isinstance(record, StateTransition))
            done = any(step.order_id == order_id and step.trigger is Trigger.USER_MODIFY_ORDER for step in steps)
            self._metrics.order_modified(asked.kind, _MODIFIED if done else _NOT_MODIFIED)

    def _replaces(self, order: Order, known: Mapping[str, Order]) -> None:
        asked = order.modification
        if asked is None or asked.replacement_id is None:
            return
        other = known.get(asked.replacement_id)
        if other is None or other.state in _UNANSWERED:
            self._replacing[asked.replacement_id] = asked.kind

    def _replaced(self, order: Order) -> None:
        kind = self._replacing.pop(order.order_id)
        in_vain = order.state in TERMINAL and not order.fill_count
        self._metrics.order_modified(kind, _NOT_MODIFIED if in_vain else _MODIFIED)

    def _rule(self, event: RiskRuleTriggered) -> None:
        refused = event.action == "reject"
        if refused:
            self._metrics.risk_refused(event.rule)
        if event.rule == _SELF_TRADE:
            self._metrics.self_trade_prevented()
        elif refused and event.rule == _DUPLICATE:
            self._metrics.duplicate_refused()

    def _timed_out(self, order: Order, known: Order | None) -> None:
        # Counted when it strikes: the order may keep working by configuration, or prove to be filled after all.
        if known is None or known.timed_out_ms != order.timed_out_ms:
            reason = CompletionReason.TIMEOUT if order.fill_count else CompletionReason.UNFILLED_TIMEOUT
            self._metrics.fill_timeout(order.symbol, reason)

    def _fill(self, fill: Fill, orders: dict[str, Order], now_ms: int) -> None:
        order = orders.get(fill.order_id) or self._views.orders.get(fill.order_id)
        self._metrics.fill(fill.symbol, order.type if order is not None else "", now_ms - fill.received_ms)
        if fill.source is FillSource.RECONCILE:
            self._metrics.fill_missed(fill.exchange)
        place = booking_order(fill)
        latest = self._latest.get(fill.order_id)
        if latest is None:
            latest = max(map(booking_order, self._views.fills.get(fill.order_id, ())), default=place)
        if place < latest:
            self._metrics.fill_out_of_order()
        if order is None or order.state not in TERMINAL:
            self._latest[fill.order_id] = max(place, latest)

    def _position(self, position: Position) -> None:
        known = self._views.positions.get((position.exchange, position.symbol))
        before: Decimal = ZERO if known is None else known.drift
        if position.drift != before:
            self._metrics.position_drift(self._account_id, position.exchange, position.symbol, position.drift)

    def _entry(self, entry: IdempotencyEntry) -> None:
        if entry.status is IdempotencyStatus.SUBMITTED:
            self.requests += 1
            self._metrics.idempotency_miss()
            self._metrics.idempotency_size(1)
