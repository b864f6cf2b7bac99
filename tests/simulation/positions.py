"""The auditor's own positions: fractions, added up in the order in which the venue executed.

Shares no arithmetic with the product. Checks that every position is written with the executions that it is made of, and
that an execution which waits for its order never gets lost on the way into the books.
"""

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from messages.fills import Fill, Position
from messages.types import Side

_RELATIVE = Fraction(1, 10**40)
"""How far a quotient of many digits may be from the fraction."""


class Sums(NamedTuple):
    """What the executions up to one of them add up to."""

    size: Fraction = Fraction(0)
    entry: Fraction = Fraction(0)
    """What the open size was entered at."""
    cash: Fraction = Fraction(0)
    opened_ms: int | None = None
    divided: bool = False
    """A part of the open size was closed: the entry value is a quotient."""


class NaivePosition:
    """All committed executions of one account and symbol, by venue time."""

    def __init__(self) -> None:
        self.fills: list[tuple[tuple[int, int, int], Fill]] = []
        self._sums = [Sums()]
        """After so many executions."""
        self.fees: dict[str, Fraction] = defaultdict(Fraction)
        self.updated_ms = 0

    @property
    def now(self) -> Sums:
        """All of them together."""
        return self._sums[-1]

    def add(self, fill: Fill) -> bool:
        """Put an execution in its place and add up again what comes after it. True: nothing does."""
        place = (fill.venue_time_ms, int(fill.fill_id), int(fill.venue_order_id))
        index = bisect(self.fills, place, key=lambda entry: entry[0])
        self.fills.insert(index, (place, fill))
        del self._sums[index + 1 :]
        for _, each in self.fills[index:]:
            self._sums.append(_after(self._sums[-1], each))
        if fill.fee:
            self.fees[fill.fee_currency or ""] += Fraction(fill.fee)
        self.updated_ms = max(self.updated_ms, fill.received_ms)
        return index == len(self.fills) - 1

    def before_and_after(self, fill: Fill) -> tuple[Fraction, Fraction]:
        """The size of the position around one of its executions."""
        index = next(index for index, (_, each) in enumerate(self.fills) if each is fill)
        return self._sums[index].size, self._sums[index + 1].size

    def unlike(self, position: Position) -> str:
        """What is wrong with a recorded position, in words; empty when it is right.

        While its multiplier is not known, its money is the sum of prices times sizes.
        """
        now, worth = self.now, Fraction(1 if position.multiplier is None else position.multiplier)
        wrong = [
            name
            for name, recorded, right in (
                ("size", Fraction(position.size), now.size),
                ("cash", Fraction(position.cash), now.cash * worth),
                ("fees", {name: Fraction(fee) for name, fee in position.fees}, dict(self.fees)),
                ("fill_count", position.fill_count, len(self.fills)),
                ("opened_ms", position.opened_ms, now.opened_ms),
                ("updated_ms", position.updated_ms, self.updated_ms),
            )
            if recorded != right
        ]
        entry = now.entry * worth
        if not alike(Fraction(position.entry_value), entry, exact=not now.divided):
            wrong.append(f"entry_value {position.entry_value} where {float(entry)} is right")
        return ", ".join(wrong)


def alike(one: Fraction, other: Fraction, *, exact: bool = False) -> bool:
    """Whether a number with so many digits is the fraction."""
    return one == other if exact else abs(one - other) <= abs(other) * _RELATIVE


def _after(sums: Sums, fill: Fill) -> Sums:
    sign = 1 if fill.side is Side.BUY else -1
    moved, price = sign * Fraction(fill.size), Fraction(fill.price)
    kept = Fraction(fill.fee) if fill.fee_currency == fill.symbol.split("-")[0] else Fraction(0)
    size, cash = sums.size + moved - kept, sums.cash - moved * price
    if size == 0:
        return Sums(cash=cash)
    if sums.size == 0 and (size > 0) is (moved > 0):
        return Sums(size, moved * price, cash, fill.received_ms)
    if sums.size == 0 or (sums.size > 0) is not (size > 0):
        return Sums(size, size * price, cash, fill.received_ms)
    if (moved > 0) is (sums.size > 0):
        return Sums(size, sums.entry + moved * price, cash, sums.opened_ms, sums.divided)
    return Sums(size, sums.entry / sums.size * size, cash, sums.opened_ms, divided=True)


@dataclass(slots=True)
class SectionFills:
    """What one section says of executions and positions."""

    booked: dict[str, Fill]
    """By key."""
    positions: list[Position]
    parked: dict[str, bool]
    """By key: put there, or taken away."""


class PositionAudit:
    """Of all accounts."""

    def __init__(self, seen: Counter[str], violate: Callable[[str, str], None]) -> None:
        self._seen = seen
        self._violate = violate
        self.naive: dict[tuple[str, str], NaivePosition] = defaultdict(NaivePosition)
        """By account and symbol."""
        self.recorded: dict[tuple[str, str], Position] = {}
        self.parked: dict[str, set[str]] = defaultdict(set)
        """By account: keys of the executions that wait for their order."""
        self.booked: dict[str, set[str]] = defaultdict(set)
        """By account: keys of all executions in the books. One of a forgotten order may be told again, and wait."""

    def on_section(self, account: str, section: SectionFills) -> None:
        """A section was committed."""
        self.booked[account].update(section.booked)
        touched = dict.fromkeys(fill.symbol for fill in section.booked.values())
        for fill in section.booked.values():
            self._seen[f"fill:{fill.source}"] += 1
            if not self.naive[account, fill.symbol].add(fill):
                self._seen["fill:late"] += 1
        for position in section.positions:
            touched.pop(position.symbol, None)
            before = self.recorded.get((account, position.symbol))
            if before is not None and before.size * position.size < 0:
                self._seen["position:flipped"] += 1
            self.recorded[account, position.symbol] = position
            wrong = self.naive[account, position.symbol].unlike(position)
            if wrong:
                self._violate("3 positions", f"{account}/{position.symbol} is not what its fills add up to: {wrong}")
        for symbol in touched:
            self._violate("3 positions", f"an execution of {symbol} was written without the position")
        self._on_parked(account, section)

    def _on_parked(self, account: str, section: SectionFills) -> None:
        for key, put in section.parked.items():
            if put:
                self.parked[account].add(key)
                continue
            if key not in section.booked and key not in self.booked[account]:
                self._violate("3 parked", f"{key} does not wait for its order any more, and was not booked")
            self.parked[account].discard(key)

    def of_account(self, account: str) -> Iterable[tuple[str, Position]]:
        """Recorded positions by symbol."""
        return ((symbol, position) for (owner, symbol), position in self.recorded.items() if owner == account)
