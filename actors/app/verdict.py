"""What an audit compares and what it finds: the venue's record, what hosts did and were told, and the verdict."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from messages.commands import OrderTerms
from messages.queries import Reply
from messages.types import ONE, Order, OrderState

Row = dict[str, Any]
Asked = Mapping[tuple[str, str], Reply | None]
"""By account and request id: the last reply to an intent, None when none came."""


@dataclass(frozen=True, slots=True)
class VenueRecord:
    """What a venue's control port says happened."""

    orders: tuple[Row, ...]
    executions: tuple[Row, ...]
    partial: frozenset[tuple[str, ...]] = frozenset()
    """Account and symbol where not every execution is in here, so that no position can be compared."""
    multipliers: Mapping[str, Decimal] = field(default_factory=dict)
    """By symbol: quote units that one base unit is worth at a price of one; 1 where it is not named."""

    def multiplier(self, symbol: str) -> Decimal:
        """Quote units that one base unit of a symbol is worth at a price of one."""
        return self.multipliers.get(symbol, ONE)


@dataclass(slots=True, kw_only=True)
class Change:
    """One modification that a host asked for, however often it asked, and what it was told."""

    placed: OrderTerms
    """The order as it was placed, before any modification."""
    message_id: str
    size: Decimal | None
    """Total size asked for; None: as it was."""
    price: Decimal | None
    replies: list[Reply] = field(default_factory=list)

    @property
    def intent(self) -> tuple[str, str]:
        """Account and request id of the order that was to be changed."""
        return self.placed.account_id, self.placed.request_id or ""


@dataclass(slots=True, kw_only=True)
class Sweep:
    """A time in which orders of an account were cancelled many at once."""

    account_id: str
    began_ms: int = 0
    ended_ms: int | None = None
    reply: Reply | None = None

    def meets(self, from_ms: int, to_ms: int) -> bool:
        """Whether something that lived from one moment to another may have been cancelled by it."""
        return from_ms <= (self.began_ms if self.ended_ms is None else self.ended_ms) and to_ms >= self.began_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Doings:
    """What hosts did to orders beside placing and cancelling them one by one."""

    changes: tuple[Change, ...] = ()
    """Those of one order in the order in which they were asked for, each after the answer to the one before."""
    sweeps: tuple[Sweep, ...] = ()
    foreign: frozenset[tuple[str, str]] = frozenset()
    """Account and client order id of orders that somebody else placed, which nobody of ours was told to touch."""


NOTHING_ELSE: Final = Doings()


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The outcome of an audit."""

    intents: int = 0
    venue_orders: int = 0
    fills: int = 0
    duplicates: int = 0
    """Venue orders of an intent beyond the first and one for each modification of it."""
    lost: int = 0
    """Intents without a record, and venue orders that no record of ours is about."""
    phantom_fills: int = 0
    """Fills we booked that the venue never made."""
    missing_fills: int = 0
    """Fills the venue made that we did not book."""
    false_matches: int = 0
    """Orders of ours that follow a venue order which is not theirs."""
    positions: int = 0
    """Positions that were compared with the sum of the venue's executions."""
    false_positions: int = 0
    """Positions that are not that sum, or are missing."""
    closes: int = 0
    """Closes of positions that placed an order; their orders are wanted like intents."""
    replacements: int = 0
    """Venue orders that took the place of an earlier one of the same intent."""
    live_twice: int = 0
    """Intents of which two venue orders work: a modification that left both."""
    overexecuted: int = 0
    """Intents that executed more than was ever asked for."""
    foreign_touched: int = 0
    """Orders of somebody else that one of ours cancelled."""
    timed_out: int = 0
    """Orders that ended because their executions stopped."""
    manual_reviews: int = 0
    """Orders that wait for a decision by a person."""
    refused_here: int = 0
    """Intents that ended before anything was sent."""
    refused_by_venue: int = 0
    """Intents that the venue refused."""
    proven_absent: int = 0
    """Intents that were sent and are proven not to be at the venue."""
    violations: list[str] = field(default_factory=list)

    @property
    def not_placed(self) -> int:
        """Intents that made no venue order, whatever the reason."""
        return self.refused_here + self.refused_by_venue + self.proven_absent

    def note(self, text: str) -> None:
        """Record a violation."""
        self.violations.append(text)

    def count_unplaced(self, order: Order) -> None:
        """Count an order that was wanted and made no venue order."""
        if not order.attempts:
            self.refused_here += 1
        elif order.state is OrderState.REJECTED:
            self.refused_by_venue += 1
        else:
            self.proven_absent += 1


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    """Sort rows into groups that are alike in these fields."""
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(str(row[name]) for name in names)].append(row)
    return found
