"""Many runs: over one or more processes, with what was seen over all of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context

from loguru import logger

from .faults import Fault
from .mutants import mutated
from .simulation import Simulation, Verdict
from .venue_traits import VENUES

_CHUNK = 5
_MS_PER_HOUR = 3_600_000


@dataclass(slots=True)
class Campaign:
    """What many runs came to."""

    seeds: int = 0
    violations: list[Verdict] = field(default_factory=list)
    simulated_ms: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count one run."""
        self.seeds += 1
        self.simulated_ms += verdict.simulated_ms
        self.faults += verdict.faults
        self.seen += verdict.seen
        if verdict.violation is not None:
            self.violations.append(verdict)

    @property
    def simulated_hours(self) -> float:
        """Virtual time of all runs together."""
        return self.simulated_ms / _MS_PER_HOUR

    def never(self) -> list[str]:
        """Faults that never struck and things that ought to happen sometimes and never did."""
        faults = [str(fault) for fault in Fault if not self.faults[fault]]
        return faults + [name for name in SOMETIMES if not self.seen[name]]


SOMETIMES = (
    "DRAFT>PENDING", "PENDING>SUBMITTED", "DRAFT>CANCELLED",
    "SUBMITTED>ACKNOWLEDGED", "SUBMITTED>PARTIALLY_FILLED", "SUBMITTED>FILLED", "SUBMITTED>REJECTED",
    "SUBMITTED>CANCELLED", "SUBMITTED>FAILED", "SUBMITTED>EXPIRED",
    "ACKNOWLEDGED>PARTIALLY_FILLED", "ACKNOWLEDGED>FILLED", "ACKNOWLEDGED>CANCELLED", "ACKNOWLEDGED>EXPIRED",
    "ACKNOWLEDGED>REJECTED",
    "PARTIALLY_FILLED>PARTIALLY_FILLED", "PARTIALLY_FILLED>FILLED", "PARTIALLY_FILLED>CANCELLED",
    "PARTIALLY_FILLED>EXPIRED",
    "evidence:local", "evidence:place_answer", "evidence:cancel_answer", "evidence:stream", "evidence:lookup",
    "reply:OrderAdmitted:", "reply:OrderPlaced:", "reply:CancelDone:", "reply:DraftDone:", "reply:OrderUnresolved:",
    "reply:Refused:venue_rejected", "reply:Refused:not_placed", "reply:Refused:gate_closed",
    "reply:Refused:store_unavailable", "reply:Refused:idempotency_conflict", "reply:Refused:unknown_order",
    "reply:Refused:account_stopped",
    "reply:CloseDone:", "reply:Refused:no_position", "reply:Refused:close_in_progress", "reply:Refused:invalid_order",
    "PARTIALLY_FILLED>PARTIAL_FILL_TIMEOUT", "completion:timeout", "completion:unfilled_timeout",
    "fill:stream", "fill:rest", "fill:reconcile", "fill:late", "order of many fills", "position:flipped",
    "parked", "close:active", "close:done", "close:timed_out", "PositionOpened", "PositionClosed", "PositionCloseEnded",
    "alert:FillTimeout", "alert:StreamGap", "alert:ClockSkew", "alert:TerminalCorrection", "alert:PositionActorFailed",
    "ManualReviewRequired", "FillRecorded", "alert:AccountFenced", "alert:StoreUnavailable", "alert:UnknownVenueStatus",
    "reply:CancelsDone:", "reply:OpenOrdersSynced:", "reply:KillSwitchSet:", "reply:LogoutDone:", "reply:OrderClaimed:",
    "reply:ParityReport:", "reply:ModifyDone:", "reply:Refused:not_modified", "reply:Refused:concurrent_modification",
    "reply:Refused:duplicate_order", "reply:Refused:self_trade", "reply:Refused:risk_limit",
    "modify:amend", "modify:venue_replace", "modify:cancel_then_place", "replacement:PENDING", "replacement:SUBMITTED",
    "logged out", "forgotten", "RiskRuleTriggered", "KillSwitchChanged", "alert:OrderChangedElsewhere",
)  # fmt: skip
"""Transitions, proofs, replies and events that occur in any few hundred runs."""


DRAWN_VENUE = "drawn"
"""The name of the venue whose abilities are drawn."""
SPREAD = (DRAWN_VENUE, *VENUES)


def run_seed(
    seed: int, mutant: str | None = None, *, plain: bool | None = None, venues: Sequence[str] = (DRAWN_VENUE,)
) -> Verdict:
    """Run one seed, of the product or of a mutant. `plain`: see `regime`; None: by the seed.

    `venues`: which of them it is follows from the seed.
    """
    venue = venues[seed % len(venues)]
    with mutated(mutant):
        return Simulation(seed, plain=plain, venue=None if venue == DRAWN_VENUE else venue).run()


def run_seeds(
    seeds: Iterable[int], *, mutant: str | None = None, jobs: int = 1, venues: Sequence[str] = (DRAWN_VENUE,)
) -> Iterator[Verdict]:
    """Run seeds, in their order; `jobs` processes share the work. `venues`: see `run_seed`."""
    # Injected failures are logged by the hundred, and nobody reads them.
    logger.disable("actors")
    if jobs == 1:
        yield from (run_seed(seed, mutant, venues=venues) for seed in seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_Worker(mutant, tuple(venues)), seeds, chunksize=_CHUNK)


@dataclass(frozen=True)
class _Worker:
    mutant: str | None
    venues: tuple[str, ...]

    def __call__(self, seed: int) -> Verdict:
        return run_seed(seed, self.mutant, venues=self.venues)
