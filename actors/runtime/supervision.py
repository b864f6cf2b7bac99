"""What happens to an actor that failed: a declared table, and one pure decision.

The parent keeps the record of failures and carries the decision out. Must never: restart anything itself, or read a
clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random


class ChildKind(StrEnum):
    """What can fail, as far as the response differs."""

    POSITION = "position"
    EXCHANGE = "exchange"
    ACCOUNT = "account"
    SUPERVISOR = "supervisor"


class WhenSpent(StrEnum):
    """What follows when the restarts of a window are used up."""

    PARK = "park"
    """The child stays down until somebody needs it; its siblings are untouched, the host is told."""
    DEGRADE = "degrade"
    """The child goes on being restarted at the longest delay; its owner only reduces and cancels, and alarms."""
    SLOW = "slow"
    """The child is restarted once in a window: what only it can do, as to cancel, comes late rather than never."""
    ESCALATE = "escalate"
    """The parent cannot vouch for itself either: stop the tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How often a child may be restarted, how fast, and what then."""

    max_restarts: int
    """Within the window; the next failure finds them spent."""
    window_ms: int
    first_delay_ms: int
    """Before the first restart; doubles with each further one in the window. 0: at once, always."""
    max_delay_ms: int
    when_spent: WhenSpent


POLICIES: dict[ChildKind, RestartPolicy] = {
    ChildKind.POSITION: RestartPolicy(
        max_restarts=5, window_ms=60_000, first_delay_ms=0, max_delay_ms=0, when_spent=WhenSpent.PARK
    ),
    ChildKind.EXCHANGE: RestartPolicy(
        max_restarts=10, window_ms=60_000, first_delay_ms=100, max_delay_ms=10_000, when_spent=WhenSpent.DEGRADE
    ),
    ChildKind.ACCOUNT: RestartPolicy(
        max_restarts=3, window_ms=60_000, first_delay_ms=0, max_delay_ms=0, when_spent=WhenSpent.SLOW
    ),
    ChildKind.SUPERVISOR: RestartPolicy(
        max_restarts=5, window_ms=60_000, first_delay_ms=100, max_delay_ms=5_000, when_spent=WhenSpent.ESCALATE
    ),
}


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the child again after the delay."""

    delay_ms: int
    degraded: bool
    """The window is spent. The owner of a child that is degraded, not slow, reduces and cancels only."""


@dataclass(frozen=True, slots=True)
class Park:
    """Leave the child down until somebody needs it, and tell the host."""


@dataclass(frozen=True, slots=True)
class Escalate:
    """Stop the tree."""


Decision = Restart | Park | Escalate


def decide(
    policy: RestartPolicy, failures_ms: tuple[int, ...], now_ms: int, random: Random
) -> tuple[Decision, tuple[int, ...]]:
    """What to do about a failure at `now_ms` after the earlier ones, and the failures to remember for the next time.

    Times are monotonic milliseconds. `random` spreads restart delays over their upper half, so that children that
    failed together do not come back together.
    """
    recent = tuple(at_ms for at_ms in failures_ms if now_ms - at_ms < policy.window_ms)
    spent = len(recent) >= policy.max_restarts
    # What lies beyond the limit decides nothing more, so the memory of a child that keeps failing stays bounded.
    remembered = (*recent, now_ms)[-(policy.max_restarts + 1) :]
    if not spent:
        return Restart(_delay(policy, len(recent), random), degraded=False), remembered
    match policy.when_spent:
        case WhenSpent.PARK:
            return Park(), remembered
        case WhenSpent.SLOW:
            return Restart(policy.window_ms, degraded=True), remembered
        case WhenSpent.ESCALATE:
            return Escalate(), remembered
        case WhenSpent.DEGRADE:
            return Restart(_spread(policy.max_delay_ms, random), degraded=True), remembered


def _delay(policy: RestartPolicy, earlier: int, random: Random) -> int:
    return _spread(min(policy.first_delay_ms << earlier, policy.max_delay_ms), random)


def _spread(delay_ms: int, random: Random) -> int:
    return delay_ms - int(random.random() * (delay_ms // 2 + 1)) if delay_ms else 0
