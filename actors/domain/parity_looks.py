"""What two looks at our records and a venue's, or one that was enough, come to. Pure.

Between two looks our records may have come round to what the venue said: by merging the first look's answers, or by
themselves. Then the second look shows nothing, and there was a difference all the same. It is told by the date of what
our records have learned meanwhile.

Must never: drop what a first look has shown because it was repaired.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from actors.domain.lifecycle import AT_VENUE, TERMINAL
from actors.domain.parity import Compared, Finding, Question, Tally
from messages.base import copied
from messages.risk import Difference, DifferenceKind
from messages.types import Order


@dataclass(frozen=True, slots=True)
class Believed:
    """What two looks, or one that was enough, come to."""

    differences: tuple[Difference, ...]
    seen_once: tuple[Difference, ...]
    """What only the second look shows, and nothing confirms."""


def believed(first: Mapping[object, Finding], second: Mapping[object, Finding] | None, *, merged: bool) -> Believed:
    """Tell which findings, by their key, of one look or two are differences.

    `merged`: the first look's answers were merged into our records. What was sure is not shown by the second look then,
    because it was repaired, and is a difference all the same. Not merged: only what both looks show is one.
    """
    found: dict[object, Finding] = {key: each for key, each in first.items() if merged and each.sure}
    later = {} if second is None else second
    found |= {key: each for key, each in later.items() if key in first or (merged and each.sure)}
    once = (each.difference for key, each in later.items() if key not in found)
    return Believed(tuple(each.difference for each in found.values()), tuple(once))


def come_round(
    first: Mapping[object, Finding],
    question: Question,
    orders: Mapping[str, Order],
    ended_venue_ms: Callable[[Order], int | None],
) -> Compared:
    """Tell of which orders our records say by now what the first look showed of the venue, and what that proves.

    `question` is the first look's; `ended_venue_ms` says when an order ended, venue clock, None if nobody knows. An
    order that the venue did not list, and that had ended so long before the question that our records should have had
    it, was a difference. One that ended later was none, and one whose end has no date cannot be judged. An order that
    we held for ended, although the venue listed it as open, and that we hold for open now, was a difference.
    """
    tally, findings = Tally(question), []
    for finding in first.values():
        kind, name = finding.difference.kind, finding.difference.name
        order = orders.get(name)
        if kind is DifferenceKind.MISSING_HERE:
            findings += [finding] if order is not None and order.state in AT_VENUE else []
        elif kind is DifferenceKind.MISSING_AT_VENUE and (order is None or order.state in TERMINAL):
            ended_ms = None if order is None else ended_venue_ms(order)
            if ended_ms is None:
                tally.leave_out(name, "not listed, and ended since at a time that nobody knows")
            elif question.covers(ended_ms):
                venues = f"{finding.difference.venues}; ended at {ended_ms}"
                findings.append(Finding(copied(finding.difference, venues=venues), sure=True))
    return Compared(tuple(findings), unjudged=tally.result().unjudged)
