"""What is asked of a drill, where it stands, and what it found."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from actors.app.bookings import Spread
from actors.app.markets import settle_ms
from actors.app.verdict import Verdict
from actors.app.workload import FILLS_MAX
from messages.fills import FillSource


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOptions:
    """What is asked of a drill."""

    venue: str
    intents: int
    seed: int
    faults: tuple[str, ...]
    fills_max: int = FILLS_MAX
    """Executions that the market makes of one order at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """What an operator did to whole accounts, and what the comparison at the end came to."""

    cancels_of_all: int = 0
    kill_switches: int = 0
    synchronised: int = 0
    """Times that open orders were asked for and told."""
    compared: Counter[str] = field(default_factory=Counter)
    """By `orders`, `fills` and `balances`: how many were compared with the venue's by message."""
    differences: int = 0

    def as_json(self) -> dict[str, Any]:
        """The figures as other programs read them."""
        return {
            "cancelsOfAll": self.cancels_of_all,
            "killSwitches": self.kill_switches,
            "synchronised": self.synchronised,
            "parity": {"compared": dict(self.compared), "differences": self.differences},
        }


@dataclass(slots=True, kw_only=True)
class DrillResult:
    """What a drill found."""

    options: DrillOptions
    verdict: Verdict
    faults: Counter[str] = field(default_factory=Counter)
    """How often each fault really happened."""
    refusals: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    close_refusals: Counter[str] = field(default_factory=Counter)
    """Closes of positions that were not begun, by the code of the refusal."""
    rules: Counter[str] = field(default_factory=Counter)
    """Intents and modifications that a rule of the configuration refused, by rule."""
    modifications: Counter[str] = field(default_factory=Counter)
    """Modifications by how they ended: in place, by another order, or by the code of their refusal."""
    operated: Operated = field(default_factory=Operated)
    booking: dict[FillSource, Spread] = field(default_factory=dict)
    """How long executions took to be booked, by where they were learned from."""
    reviews_raised: int = 0
    """Orders that were in manual review at some time."""
    settle_seconds: float = 0.0
    """From the last fault until everything was known and right."""
    wall_seconds: float = 0.0
    interrupted: bool = False
    """Stopped before it could be judged: the verdict says only how many intents were asked."""

    def as_json(self) -> dict[str, Any]:
        """The result as other programs read it."""
        verdict = self.verdict
        begun = {
            "seed": self.options.seed,
            "venue": self.options.venue,
            "settleMs": settle_ms(self.options.venue, self.options.faults),
            "interrupted": self.interrupted,
            "intents": verdict.intents,
        }
        if self.interrupted:
            # Figures that nobody compared would read like a clean result.
            return begun | {"intentsWanted": self.options.intents, "violations": []}
        return begun | {
            "venueOrders": verdict.venue_orders,
            "notPlaced": verdict.not_placed,
            "fills": verdict.fills,
            "duplicates": verdict.duplicates,
            "lost": verdict.lost,
            "phantomFills": verdict.phantom_fills,
            "missingFills": verdict.missing_fills,
            "falseMatches": verdict.false_matches,
            "positions": verdict.positions,
            "falsePositions": verdict.false_positions,
            "replacements": verdict.replacements,
            "liveTwice": verdict.live_twice,
            "overexecuted": verdict.overexecuted,
            "foreignTouched": verdict.foreign_touched,
            "modifications": dict(self.modifications),
            "refusalsByRule": dict(self.rules),
            **self.operated.as_json(),
            "closes": verdict.closes,
            "closeRefusals": dict(self.close_refusals),
            "timedOut": verdict.timed_out,
            "bookingMs": {source.value: spread.as_json() for source, spread in self.booking.items()},
            "manualReviews": verdict.manual_reviews,
            "manualReviewsRaised": self.reviews_raised,
            "refusals": dict(self.refusals),
            "alerts": dict(self.alerts),
            "faults": {name: self.faults.get(name, 0) for name in self.options.faults},
            "violations": list(verdict.violations),
            "settleSeconds": round(self.settle_seconds, 2),
            "wallSeconds": round(self.wall_seconds, 2),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a drill stands."""

    phase: str
    done: int
    total: int
    faults: int
