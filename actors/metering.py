"""What is counted of an account's turns, once they are durable. Write-only: nothing here is read to decide.

Counts are taken from the records and events of a released outcome, so no handler has to remember to count.
"""

from actors.domain.lifecycle import TERMINAL
from actors.memory import EntryForgotten, PublishedViews, Repeated
from actors.runtime.metrics import Metrics
from actors.runtime.outcome import Outcome
from messages.events import ManualReviewRequired
from messages.fills import Fill
from messages.types import IdempotencyEntry, IdempotencyStatus, Order, StateTransition, Trigger


class Meter:
    """Counts for one account; also keeps how many requests came and how many of them were repetitions."""

    def __init__(self, metrics: Metrics, views: PublishedViews) -> None:
        self._metrics = metrics
        self._views = views
        self.requests = 0
        self.repetitions = 0

    def released(self, outcome: Outcome) -> None:
        """Count an outcome; call before its records are published."""
        for record in outcome.apply:
            match record:
                case StateTransition():
                    self._step(record, outcome)
                case Fill():
                    order = self._order(record.order_id, outcome)
                    self._metrics.fill(record.symbol, order.type if order is not None else "", 0.0)
                case IdempotencyEntry():
                    self._entry(record)
                case Repeated():
                    self.requests += 1
                    self.repetitions += 1
                    self._metrics.idempotency_hit()
                    self._metrics.duplicate_prevented()
                case EntryForgotten():
                    self._metrics.idempotency_size(-1)
                case _:
                    continue
        for event in outcome.events:
            if isinstance(event, ManualReviewRequired):
                self._metrics.manual_review(event.reason)

    def duplicate_share(self) -> float:
        """Share of repetitions among the requests since the last call; 0 while there are too few to judge."""
        share = self.repetitions / self.requests if self.requests >= _ENOUGH else 0.0
        self.requests = self.repetitions = 0
        return share

    def _step(self, step: StateTransition, outcome: Outcome) -> None:
        self._metrics.transition(step.from_state, step.to_state, step.trigger)
        if step.trigger is Trigger.VENUE_CORRECTION:
            self._metrics.terminal_correction()
        if step.from_state is step.to_state:
            return
        known = self._views.orders.get(step.order_id)
        if known is not None and known.state is step.from_state:
            self._metrics.time_in_state(step.from_state, step.at_ms - known.state_since_ms)
        if step.to_state in TERMINAL:
            order = self._order(step.order_id, outcome)
            completion = order.completion if order is not None else None
            self._metrics.terminal(step.to_state, completion or "unknown")

    def _entry(self, entry: IdempotencyEntry) -> None:
        if entry.status is IdempotencyStatus.SUBMITTED:
            self.requests += 1
            self._metrics.idempotency_miss()
            self._metrics.idempotency_size(1)

    def _order(self, order_id: str, outcome: Outcome) -> Order | None:
        for record in outcome.apply:
            if isinstance(record, Order) and record.order_id == order_id:
                return record
        return self._views.orders.get(order_id)


_ENOUGH = 20
"""Requests below which a share of duplicates says nothing."""
