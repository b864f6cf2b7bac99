"""What readers may see of an account: its records as of the last commit.

Any thread may read it without a lock, because every value in it is immutable and replaced whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter

from actors.domain import assets
from actors.domain.assets import Assets
from actors.memory import Record
from actors.notes import Agreed, OrderForgotten, OrderUnited
from messages.fills import Fill, Position
from messages.risk import KillSwitch
from messages.types import Evidence, Instrument, Order, StateTransition


@dataclass(slots=True)
class PublishedViews:
    """What readers may see of an account: its records as of the last commit."""

    orders: dict[str, Order] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """The latest proof per order."""
    transitions: dict[str, tuple[StateTransition, ...]] = field(default_factory=dict)
    fills: dict[str, tuple[Fill, ...]] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    """By exchange and symbol."""
    gates: dict[str, str] = field(default_factory=dict)
    """Per exchange: empty when new orders are accepted, else why not."""
    agreed_ms: dict[str, int] = field(default_factory=dict)
    """Per exchange: when the last complete list of open orders that was merged had been asked for, our clock."""
    kill_switch: KillSwitch | None = None
    instruments: dict[tuple[str, str], Instrument] = field(default_factory=dict)
    """By exchange and symbol: trading rules as they were read last."""
    doubts: frozenset[str] = frozenset()
    """Exchanges of which the records are known to lack something, although their streams live."""
    unserved: frozenset[str] = frozenset()
    """Exchanges that records speak of and that are not configured: nobody watches them."""
    margin: frozenset[str] = frozenset()
    """Exchanges whose accounts hold positions of either sign instead of assets."""
    store_available: bool = True
    """Whether what happens can be shown: it is, when it is durable."""
    as_of_ms: int = 0
    """When the account last showed that this is how things are: at a commit, or at anything a venue told it."""
    in_service: bool = False
    """Whether an account keeps these up. While none does, they are as old as `as_of_ms` says."""

    def replace(self, records: Iterable[Record]) -> None:
        """Show exactly these, as after the account was loaded again in the same process."""
        fresh = PublishedViews()
        for record in records:
            fresh.publish(record)
        self.orders, self.evidence = fresh.orders, fresh.evidence
        self.transitions, self.fills, self.positions = fresh.transitions, fresh.fills, fresh.positions
        self.kill_switch = fresh.kill_switch

    def assets_of(self, exchange: str, symbol: str) -> Assets | None:
        """What a symbol trades; None while its instrument is not known."""
        return assets.assets_of(self.instruments.get((exchange, symbol)), margin=exchange in self.margin)

    def multiplier_of(self, exchange: str, symbol: str) -> Decimal | None:
        """Quote units that a base unit of a symbol is worth at a price of one; None while that is not known."""
        place = exchange, symbol
        spot = exchange not in self.margin and exchange not in self.unserved
        return assets.multiplier_of(self.instruments.get(place), self.positions.get(place), spot=spot)

    def publish(self, record: object) -> None:
        """Show one durable record; anything that is not for readers is ignored."""
        match record:
            case Order():
                self.orders[record.order_id] = record
            case StateTransition():
                self.transitions[record.order_id] = (*self.transitions.get(record.order_id, ()), record)
                if record.evidence is not None:
                    self.evidence[record.order_id] = record.evidence
            case Fill():
                self.fills[record.order_id] = (*self.fills.get(record.order_id, ()), record)
            case Position():
                self.positions[record.exchange, record.symbol] = record
            case Agreed():
                self.agreed_ms[record.exchange] = record.asked_ms
            case KillSwitch():
                self.kill_switch = record
            case Instrument():
                self.instruments[record.exchange, record.symbol] = record
            case OrderForgotten():
                self.orders.pop(record.order_id, None)
                self.transitions.pop(record.order_id, None)
                self.evidence.pop(record.order_id, None)
            case OrderUnited():
                for by_order in (self.orders, self.transitions, self.evidence, self.fills):
                    by_order.pop(record.order_id, None)
                if record.fills:
                    # The turn may have booked others since, which readers are shown before.
                    fills = (*self.fills.get(record.into, ()), *record.fills)
                    self.fills[record.into] = tuple(sorted(fills, key=attrgetter("sequence")))
            case _:
                return
