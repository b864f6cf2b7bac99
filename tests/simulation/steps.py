"""The auditor's view of an order's life: only steps that the specification has, each recorded once, with its proof."""

from collections import Counter
from collections.abc import Callable

from messages.types import CompletionReason, Order, OrderState, StateTransition, Trigger

S = OrderState
ENDED = frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.FAILED})
PROVEN = ENDED - {S.FILLED}
"""States that need a stored proof."""
SHOWN = frozenset({S.PENDING, S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED})
"""States of orders in the public hash."""

EDGES: dict[OrderState, frozenset[OrderState]] = {
    S.DRAFT: frozenset({S.DRAFT, S.PENDING, S.CANCELLED, S.FAILED}),
    S.PENDING: frozenset({S.SUBMITTED, S.REJECTED, S.CANCELLED, S.FAILED}),
    S.SUBMITTED: frozenset(
        {S.SUBMITTED, S.ACKNOWLEDGED, S.REJECTED, S.CANCELLED, S.FAILED, S.PARTIALLY_FILLED, S.FILLED, S.EXPIRED}
    ),
    S.ACKNOWLEDGED: frozenset(
        {S.ACKNOWLEDGED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED, S.FAILED, S.REJECTED}
    ),
    S.PARTIALLY_FILLED: frozenset(
        {S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.PARTIAL_FILL_TIMEOUT, S.FAILED, S.EXPIRED, S.REJECTED}
    ),
}
C = CompletionReason
REASONS: dict[OrderState, frozenset[CompletionReason | None]] = {
    S.FILLED: frozenset({C.FULLY_FILLED}),
    S.CANCELLED: frozenset({C.CANCELLED, C.UNFILLED_TIMEOUT}),
    S.REJECTED: frozenset({C.REJECTED}),
    S.EXPIRED: frozenset({C.EXPIRED}),
    S.PARTIAL_FILL_TIMEOUT: frozenset({C.TIMEOUT}),
    S.FAILED: frozenset({C.NOT_PLACED}),
}
"""The one reason that goes with each end."""


class StepAudit:
    """Of all accounts."""

    def __init__(self, seen: Counter[str], violate: Callable[[str, str], None]) -> None:
        self._seen = seen
        self._violate = violate
        self._versions: set[tuple[str, str, int]] = set()

    def on_dropped(self, account: str, order_id: str, version: int) -> None:
        """A step of an order is kept no more."""
        self._versions.discard((account, order_id, version))

    def on_order(self, account: str, before: Order | None, order: Order, steps: list[StateTransition]) -> None:
        """An order was committed with its new steps."""
        version = before.version if before is not None else 0
        state = before.state if before is not None else None
        for step in sorted(steps, key=lambda each: each.version):
            version += 1
            if step.version != version or (account, step.order_id, version) in self._versions:
                self._violate("4 versions", f"{order.order_id}: step {step.version} where {version} was due")
            self._versions.add((account, step.order_id, version))
            if state is not None and step.from_state is not state:
                self._violate("4 transitions", f"{order.order_id}: a step from {step.from_state} while it was {state}")
            self._check_step(step)
            state = step.to_state
            self._seen[f"{step.from_state}>{step.to_state}"] += 1
        if order.version != version or (state is not None and order.state is not state):
            self._violate("4 versions", f"{order.order_id}: {order.state} v{order.version} after {state} v{version}")

    def _check_step(self, step: StateTransition) -> None:
        source, target = step.from_state, step.to_state
        if source in ENDED:
            if step.trigger is not Trigger.VENUE_CORRECTION or target not in (source, S.FILLED, S.ACKNOWLEDGED):
                self._violate("4 terminal", f"{step.order_id}: {source} to {target} by {step.trigger}")
        elif target not in EDGES[source]:
            self._violate("4 transitions", f"{step.order_id}: {source} to {target}")
        if target in PROVEN and target is not source and step.evidence is None:
            self._violate("S8 evidence", f"{step.order_id}: {target} without evidence")
        if step.evidence is not None:
            self._seen[f"evidence:{step.evidence.source}"] += 1

    def check_reason(self, order: Order) -> None:
        """Check that an order has the one reason that goes with its state."""
        if order.completion not in REASONS.get(order.state, {None}):
            self._violate("one reason", f"{order.order_id} is {order.state}, for the reason {order.completion}")
        if order.completion is not None:
            self._seen[f"completion:{order.completion}"] += 1
