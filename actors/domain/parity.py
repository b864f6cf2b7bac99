"""What it means that our records and a venue's agree, and how what cannot be compared is counted. Pure.

A venue's answer is compared with our records as they are when it is heard. What happened near the question may be in
one of the two and not yet in the other, so what is younger than the settle time before the question is left out, and
how many records that were is said. What is older and cannot be judged all the same (its outcome is unknown, a person
has to decide, it is being read again, its date lies ahead of the clock) is named with its reason: while there is any,
nobody may say that all agrees. What a venue shows with a date old enough is sure. What it does not show, or shows
without a date, may be a moment's matter; `parity_looks` tells what two looks at it come to.

Must never: take what could not be compared for equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from messages.risk import Difference, DifferenceKind

ORDERS: Final = "orders"
FILLS: Final = "fills"
BALANCES: Final = "balances"
PARTS: Final = (ORDERS, FILLS, BALANCES)
"""What is compared."""
PART_OF: Final[Mapping[DifferenceKind, str]] = {
    DifferenceKind.MISSING_AT_VENUE: ORDERS,
    DifferenceKind.MISSING_HERE: ORDERS,
    DifferenceKind.ORDER_DIFFERS: ORDERS,
    DifferenceKind.FILL_MISSING_HERE: FILLS,
    DifferenceKind.FILL_MISSING_AT_VENUE: FILLS,
    DifferenceKind.FILL_DIFFERS: FILLS,
    DifferenceKind.LOCKED_DIFFERS: BALANCES,
    DifferenceKind.HOLDING_DRIFT: BALANCES,
}

YOUNG: Final = "under way, or changed just now"
"""Why most of what is left out is."""
_AHEAD: Final = "dated later than now: a clock was set back"
_NAMED_MAX: Final = 10
"""So many records are named with each reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """When a venue was asked, and how near to that our records and its answer cannot be compared."""

    exchange: str
    asked_venue_ms: int
    """Venue clock, a lower bound."""
    heard_venue_ms: int
    """When its answer was heard, venue clock."""
    offset_ms: int
    """The venue's clock less ours."""
    settle_ms: int
    complete: bool = True
    """False: records of the answer could not be read, so that what it lacks proves nothing."""

    @property
    def until_venue_ms(self) -> int:
        """Venue time up to which the answer and our records must agree."""
        return self.asked_venue_ms - self.settle_ms

    def covers(self, venue_ms: int) -> bool:
        """Whether something of this venue time must be in both."""
        return venue_ms <= self.until_venue_ms

    def why_not(self, why: str, *venue_ms: int | None) -> str:
        """Why something of these venue times cannot be compared, which `why`, if it is not empty, stands against.

        `YOUNG`: time will tell. Anything else stands against it although it is old enough. Empty: it can be compared.
        """
        latest_ms = max((each for each in venue_ms if each is not None), default=None)
        if latest_ms is None or self.covers(latest_ms):
            return why
        # Nothing that is known by now can be of such a time, however the clocks drift.
        ahead = latest_ms > max(self.asked_venue_ms, self.heard_venue_ms) + self.settle_ms
        return why or _AHEAD if ahead else YOUNG


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, and whether one look is enough to believe it."""

    difference: Difference
    sure: bool
    """The venue shows it with a date before which our records should have had it."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is about; the same in every look, whatever the figures."""
        found = self.difference
        return found.exchange, found.kind, found.subject, found.name


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found."""

    findings: tuple[Finding, ...] = ()
    count: int = 0
    """Records that were compared, those that differ included."""
    left_out: tuple[str, ...] = ()
    """What is too young to be compared, and how many."""
    unjudged: tuple[str, ...] = ()
    """What is old enough and could not be compared all the same, by name, and why."""


# ----- counting


class Tally:
    """A comparison under way."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.count = 0
        self._recent = 0
        self._unjudged: dict[str, list[str]] = {}
        """By reason: names."""
        self._findings: list[Finding] = []

    def add(self, kind: DifferenceKind, subject: str, name: str, ours: str, venues: str, *, sure: bool) -> None:
        """Note a difference."""
        self.count += 1
        difference = Difference(
            exchange=self.question.exchange, kind=kind, subject=subject, name=name, ours=ours, venues=venues
        )
        self._findings.append(Finding(difference, sure))

    def leave_out(self, name: str, why: str, *venue_ms: int | None) -> bool:
        """Note why something is not compared, as in `Question.why_not`. False: it can be compared."""
        reason = self.question.why_not(why, *venue_ms)
        if reason == YOUNG:
            self._recent += 1
        elif reason:
            self._unjudged.setdefault(reason, []).append(name)
        return bool(reason)

    def result(self) -> Compared:
        """What came of it."""
        near = f"less than {self.question.settle_ms} ms before the question"
        recent = (f"{self._recent} under way, or changed {near}",) if self._recent else ()
        unjudged = tuple(f"{len(names)} {why}: {_listed(names)}" for why, names in self._unjudged.items())
        return Compared(tuple(self._findings), self.count, recent, unjudged)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more
