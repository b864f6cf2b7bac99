"""The auditor's own fill timeouts: when each order's time is over, counted from its committed executions.

A timeout must not strike before that, and not notably later (where the store was slow: after the execution was shown)
while nothing that would have to notice it was being restarted.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from actors.domain.timeouts import FillTimeoutPolicy
from messages.events import Event, FillRecorded, OrderStateChanged
from messages.fills import Fill
from messages.types import CompletionReason, Order, OrderState

_LATE_MS = 50
"""In virtual time this much stands for the second that is promised: here nothing waits for a processor."""
_LOADING_MS = 200
_CANCEL_MS = 5000
_SUPERVISOR_MS = 6000
"""The longest that a failed supervisor is away."""
_STEP_MAX_MS = 5000
"""No step of our clock is larger."""
_TIMED_OUT = frozenset({CompletionReason.TIMEOUT, CompletionReason.UNFILLED_TIMEOUT})


class TimeoutAudit:
    """Of all accounts."""

    def __init__(
        self,
        by_order: dict[tuple[str, str], list[Fill]],
        now_ms: Callable[[], int],
        violate: Callable[[str, str], None],
    ) -> None:
        self._by_order = by_order
        self._now_ms = now_ms
        self._violate = violate
        self.policy = FillTimeoutPolicy()
        self._excused_until_ms: dict[str, int] = defaultdict(int)
        """By account: it was loaded then, so what was due before is late for a reason."""
        self._claimed_ms: dict[tuple[str, str], int] = {}
        """By account and order: when it was claimed."""
        self._told_ms: dict[tuple[str, str], int] = {}
        """By account and order: when a step or a fill of it was shown last, which is when its timer may run."""
        self._told_version: dict[tuple[str, str], int] = {}
        """The same: the latest of its versions that was shown."""
        self._met_ms: dict[tuple[str, str], int] = {}
        """The same: until when a timer of it may run that met somebody else's cancel."""
        self._stepped_ms: int | None = None
        """The most that our clock has read right after it was set."""

    def on_lease(self, account: str) -> None:
        """Somebody begins to load the account."""
        self._excuse(account, self._now_ms() + _LOADING_MS)

    def on_supervisor_failed(self, accounts: Iterable[str]) -> None:
        """The calendar was lost and is being asked for."""
        for account in accounts:
            self._excuse(account, self._now_ms() + _SUPERVISOR_MS)

    def on_clock_set(self) -> None:
        """Our clock was set."""
        # Set back twice, it may have read more before the first time than it does after the second one.
        self._stepped_ms = max(self._stepped_ms or 0, self._now_ms())

    def is_over(self, started_ms: int, time_ms: int) -> bool:
        """Whether so much time can have passed since then; our clock says nothing about that when it was set."""
        return self._stepped_ms is not None or self._now_ms() >= started_ms + time_ms

    def _excuse(self, account: str, until_ms: int) -> None:
        self._excused_until_ms[account] = max(self._excused_until_ms[account], until_ms)

    def on_event(self, event: Event) -> None:
        """What was committed is shown now."""
        if isinstance(event, FillRecorded | OrderStateChanged):
            name = event.account_id, event.view.local_id
            self._told_ms[name] = self._now_ms()
            self._told_version[name] = max(self._told_version.get(name, 0), event.view.version)

    def on_order(self, account: str, before: Order | None, order: Order) -> None:
        """An order was committed."""
        struck_ms = order.timed_out_ms
        if before is not None and before.external and not order.external:
            # Whatever its time is, it runs for us from here on.
            self._claimed_ms[account, order.order_id] = order.updated_at_ms
        if before is not None and before.cancel_pending and not order.cancel_pending:
            # A change or a cancel of somebody else came to nothing: it is looked at again a while after it began.
            self._met_ms[account, order.order_id] = self._now_ms() + _CANCEL_MS
        if struck_ms is not None and (before is None or before.timed_out_ms != struck_ms):
            self._on_struck(account, before or order, struck_ms)
        ended = order.completion in _TIMED_OUT and (before is None or before.completion is not order.completion)
        if order.state is OrderState.PARTIAL_FILL_TIMEOUT or ended:
            self._on_ended(order)

    def may_cancel(self, account: str, order: Order) -> bool:
        """Whether a cancel that nobody asked for can be the timeout's.

        While the store is away a cancel leaves before it is recorded, so the time itself decides too.
        """
        due_ms = self._deadline(account, order)
        over = order.timed_out_ms is not None
        if due_ms is not None and not over:
            over = due_ms <= self._now_ms() or self._was_set_since(due_ms - (self._timeout(order) or 0))
        return over and self.policy.cancel and not order.external

    def pending(self, account: str, order: Order) -> bool:
        """Whether an order is still to time out, at any time."""
        ended = order.completion is not None
        if ended or order.cancel_pending or order.state in (OrderState.DRAFT, OrderState.PENDING):
            return False
        being_read = order.timed_out_ms is not None and not order.fill_count and self.policy.cancel
        return being_read or self._deadline(account, order) is not None

    def _on_struck(self, account: str, before: Order, struck_ms: int) -> None:
        due_ms = self._deadline(account, before)
        if due_ms is None:
            self._violate("timeouts", f"{before.order_id} timed out, and has no time to run out of")
            return
        if self._was_set_since(due_ms - (self._timeout(before) or 0)):
            return
        if struck_ms < due_ms:
            self._violate("timeouts", f"{before.order_id} timed out {due_ms - struck_ms} ms early")
        name = account, before.order_id
        told_ms = max(self._told_ms.get(name, 0), self._met_ms.get(name, 0))
        if self._told_version.get(name, 0) < before.version:
            # It struck before the execution that it counts from was shown.
            return
        if struck_ms > max(due_ms, told_ms, self._excused_until_ms[account]) + _LATE_MS:
            self._violate("timeouts", f"{before.order_id} timed out {struck_ms - due_ms} ms late")

    def _on_ended(self, order: Order) -> None:
        filled = order.completion is CompletionReason.TIMEOUT
        if order.timed_out_ms is None or filled is not bool(order.filled_size) or not self.policy.cancel:
            self._violate("timeouts", f"{order.order_id} ended as {order.completion} with {order.filled_size}")

    def _was_set_since(self, started_ms: int) -> bool:
        # Then our clock says nothing about how long that is ago.
        return self._stepped_ms is not None and started_ms <= self._stepped_ms + _STEP_MAX_MS

    def _timeout(self, order: Order) -> int | None:
        if order.external or order.overfilled or not self.policy.enabled:
            return None
        chosen = order.fill_timeout_ms
        return chosen if chosen is not None else self.policy.by_order_type[order.type]

    def _deadline(self, account: str, order: Order) -> int | None:
        timeout_ms = self._timeout(order)
        claimed_ms = self._claimed_ms.get((account, order.order_id), 0)
        received = [max(fill.received_ms, claimed_ms) for fill in self._by_order[account, order.order_id]]
        if not timeout_ms:
            return None
        if order.timed_out_ms is not None:
            later = [each for each in received if each >= order.timed_out_ms]
            return max(later) + timeout_ms if later else None
        if received:
            return (max(received) if self.policy.reset_on_fill else min(received)) + timeout_ms
        if self.policy.from_submit and order.submitted_at_ms is not None:
            return order.submitted_at_ms + timeout_ms
        return None
