"""Rate budgets of one credential, as pure arithmetic: what may be sent now, and how long to wait otherwise.

Budgets are fixed windows aligned to the venue's clock, or counters that wear off, as venues count them. What the
venue reports replaces what we count. Times are monotonic, so that no correction of a clock can end a ban early. It
never sends, waits or reads a clock, and during a ban it lets nothing through, whoever asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

CANCEL_SHARE_PERCENT = 10
"""Part of every budget that only cancels may use."""
PLACE_SHARE_PERCENT = 10
"""Part of every budget, beside that of the cancels, which reads must leave to placements and amends."""
CANCEL_HEAD_START_MS = 250
"""After a ban, cancels go first for this long."""
NO_COST: Mapping[str, int] = MappingProxyType({})


class CallKind(StrEnum):
    """What a call is for; decides which part of a budget it may use."""

    PLACE = "place"
    AMEND = "amend"
    """May use as much as placements; what holds them back for their number does not concern it."""
    CANCEL = "cancel"
    STREAM = "stream"
    """Leads to a user stream, without which nothing is placed: may use as much as placements."""
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit of a venue."""

    name: str
    """How usage reports call it, for example `weight-60000`."""
    unit: str
    """What it counts: a key of the costs handed to `admit`."""
    limit: int
    window_ms: int = 0
    """Usage is forgotten at the end of each; 0: it wears off instead."""
    decay_milli_per_s: int = 0
    """Thousandths of a unit that wear off in a second, where there are no windows."""


_KEPT_FROM_PERCENT = {
    CallKind.CANCEL: 0,
    CallKind.PLACE: CANCEL_SHARE_PERCENT,
    CallKind.AMEND: CANCEL_SHARE_PERCENT,
    CallKind.STREAM: CANCEL_SHARE_PERCENT,
    CallKind.READ: CANCEL_SHARE_PERCENT + PLACE_SHARE_PERCENT,
}
"""How much of every budget a call of a kind may not use."""


class _Window:
    # Usage of one budget in the window that contains the latest call.

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.start_ms: int | None = None
        self.used = 0
        self.pending = 0

    def roll(self, now_ms: int, phase_ms: int) -> None:
        start_ms = now_ms - (now_ms + phase_ms) % self.budget.window_ms
        # A small step back is a corrected phase; a window never ends because of it.
        if self.start_ms is None or start_ms >= self.start_ms + self.budget.window_ms // 2:
            self.start_ms = start_ms
            self.used = 0

    def wait_ms(self, room: int, kind: CallKind, now_ms: int) -> int:
        if self.used + self.pending + room <= _allowed(self.budget, kind):
            return 0
        return max(1, (self.start_ms or 0) + self.budget.window_ms - now_ms)

    def take(self, cost: int, sent_ms: int) -> None:
        if sent_ms >= (self.start_ms or 0):
            self.used += cost

    def set(self, used: int, sent_ms: int) -> None:
        if sent_ms >= (self.start_ms or 0):
            self.used = used


class _Counter:
    # Usage of one budget that wears off, in thousandths.

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.pending = 0
        self._used_milli = 0
        self._as_of_ms: int | None = None

    def roll(self, now_ms: int, phase_ms: int) -> None:
        del phase_ms
        elapsed_ms = 0 if self._as_of_ms is None else max(0, now_ms - self._as_of_ms)
        self._used_milli = max(0, self._used_milli - elapsed_ms * self.budget.decay_milli_per_s // 1000)
        self._as_of_ms = now_ms

    def wait_ms(self, room: int, kind: CallKind, now_ms: int) -> int:
        del now_ms
        over_milli = self._used_milli + 1000 * (self.pending + room - _allowed(self.budget, kind))
        if over_milli <= 0:
            return 0
        return -(-over_milli * 1000 // self.budget.decay_milli_per_s)

    def take(self, cost: int, sent_ms: int) -> None:
        del sent_ms
        self._used_milli += 1000 * cost

    def set(self, used: int, sent_ms: int) -> None:
        del sent_ms
        self._used_milli = 1000 * used


def _allowed(budget: Budget, kind: CallKind) -> int:
    return budget.limit * (100 - _KEPT_FROM_PERCENT[kind]) // 100


class Throttle:
    """Budgets and bans of one credential. Not thread-safe: the rim that owns it holds a lock.

    All times are monotonic milliseconds. Every admitted call is settled exactly once.
    """

    def __init__(self) -> None:
        self._windows: dict[str, _Window | _Counter] = {}
        self._by_unit: dict[str, list[_Window | _Counter]] = {}
        self._blocked_until_ms: dict[CallKind, int] = {}
        self._banned_until_ms = 0
        self._phase_ms = 0

    def learn(self, budgets: Iterable[Budget]) -> None:
        """Adopt the limits that the venue publishes; usage of budgets that stay is kept."""
        kept = self._windows
        self._windows, self._by_unit = {}, {}
        for budget in budgets:
            window = kept.get(budget.name) or (_Window(budget) if budget.window_ms else _Counter(budget))
            window.budget = budget
            self._windows[budget.name] = window
            self._by_unit.setdefault(budget.unit, []).append(window)

    def align(self, phase_ms: int) -> None:
        """Adopt the difference between the venue's clock and the monotonic one: windows begin by the venue's clock."""
        self._phase_ms = phase_ms

    def admit(
        self, kind: CallKind, now_ms: int, costs: Mapping[str, int], spare: Mapping[str, int] = NO_COST
    ) -> int:
        """Reserve a call's costs and answer 0, or answer how many milliseconds to wait and reserve nothing.

        `spare`, by unit like the costs, is what must be left to more urgent calls: room that has to be there beside the
        costs, as far as the budget has so much, and that is not reserved.
        """
        wait_ms = max(0, self._blocked_until_ms.get(kind, 0) - now_ms)
        touched = [(unit, window) for unit, cost in costs.items() if cost for window in self._by_unit.get(unit, ())]
        for unit, window in touched:
            window.roll(now_ms, self._phase_ms)
            most = max(costs[unit], _allowed(window.budget, kind))
            wait_ms = max(wait_ms, window.wait_ms(min(costs[unit] + spare.get(unit, 0), most), kind, now_ms))
        if wait_ms:
            return wait_ms
        for unit, window in touched:
            window.pending += costs[unit]
        return 0

    def settle(
        self, costs: Mapping[str, int], *, sent_ms: int, now_ms: int, reported: Mapping[str, int] | None
    ) -> None:
        """Take note of how a call ended.

        `reported` is usage by budget name as the answer stated it; what an answer does not mention was not counted.
        None: there was no answer, so the costs are taken for spent.
        """
        for unit, cost in costs.items():
            for window in self._by_unit.get(unit, ()):
                window.pending = max(0, window.pending - cost)
                window.roll(now_ms, self._phase_ms)
                if reported is None:
                    window.take(cost, sent_ms)
        for name, used in (reported or {}).items():
            if name in self._windows:
                self._windows[name].roll(now_ms, self._phase_ms)
                self._windows[name].set(used, sent_ms)

    def block(self, kinds: Iterable[CallKind], until_ms: int, *, ban: bool) -> None:
        """Let nothing of these kinds through before a moment; an earlier block that lasts longer stays."""
        for kind in kinds:
            head_start_ms = 0 if kind is CallKind.CANCEL else CANCEL_HEAD_START_MS
            self._blocked_until_ms[kind] = max(self._blocked_until_ms.get(kind, 0), until_ms + head_start_ms)
        if ban:
            self._banned_until_ms = max(self._banned_until_ms, until_ms)

    def reason(self, now_ms: int) -> str:
        """Say why `admit` asks for patience: `banned` or `rate_limited`."""
        return "banned" if now_ms < self._banned_until_ms else "rate_limited"
