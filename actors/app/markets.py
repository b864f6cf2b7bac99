"""What the programs trade at each venue: its symbol, the sizes and prices that it takes, what its orders can be.

What a venue can do comes from its adapter, what is traded and what it is worth stands here. Pure. Must never: take the
worth of a contract from the order manager, whose figures are held against it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from exchanges.gateway import Capabilities
from exchanges.paper.faults import Fault
from exchanges.registry import capabilities
from messages.types import ONE, OrderType, TimeInForce

CAPABILITIES: Final = {each.venue: each for each in capabilities()}
"""By venue: what it can do."""
VENUES: Final = tuple(CAPABILITIES)
"""Venues that there is an adapter and a paper venue for."""
DEFAULT_VENUE: Final = "binance"
ALL: Final = "all"
"""In the place of a venue: each of them."""
PAPER_SETTLE_MS: Final = 12_000
"""How long a paper venue may take, after the validity window, to show an order everywhere, whatever its faults: no
fault of a drill hides or delays anything for longer than five seconds."""
CALM_SETTLE_MS: Final = 3_000
"""The same where none of the faults asked for hides or delays anything, so that only a busy machine does."""
_HIDING: Final = frozenset(
    {
        Fault.PROCESS_LATE,
        Fault.DELAYED_VISIBILITY,
        Fault.STALE_OPEN_ORDERS,
        Fault.STALE_TRADES,
        Fault.WRONG_CLOCK,
    }
)
"""Faults by which a venue shows an order, or what became of it, later than it happened, or under another time."""
# A counter of twenty that wears off by one in two seconds, of which a list of trades takes two.
_PACES: Final = {"kraken": 10}
_MULTIPLIERS: Final = {"CON.F.US.EP.Z26": Decimal(50), "CON.F.US.ENQ.Z26": Decimal(20)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One symbol of one venue, as workloads need it."""

    venue: str
    symbol: str
    reference: Decimal
    """Price near which the paper venue trades."""
    tick: Decimal
    lot: Decimal
    """Base units: what sizes are multiples of."""
    lots: tuple[int, int]
    """Least and greatest size of an order, in lots."""
    notional_max: Decimal
    """Quote units: a limit that the greatest orders exceed."""
    pace: int = 1
    """How many times as rarely as elsewhere lists can be read: what rate limits leave for them."""

    @property
    def able(self) -> Capabilities:
        """What the venue can do."""
        return CAPABILITIES[self.venue]

    @property
    def stops(self) -> tuple[OrderType, ...]:
        """The stop orders that the venue has."""
        kinds = (OrderType.STOP_MARKET, OrderType.STOP_LIMIT)
        return tuple(kind for kind in kinds if kind in self.able.order_types)

    @property
    def times_in_force(self) -> tuple[TimeInForce, ...]:
        """Of the orders that meet the book at once: those that the venue has."""
        wanted = (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC)
        return tuple(each for each in wanted if each in self.able.times_in_force)

    def priced(self, factor: Decimal) -> Decimal:
        """A price so many times the reference price, on a tick."""
        return (self.reference * factor / self.tick).quantize(ONE) * self.tick

    def worth(self, price: Decimal, size: Decimal) -> Decimal:
        """Quote units."""
        return price * size * multiplier_of(self.symbol)


def market_of(venue: str) -> Market:
    """What is traded at a venue."""
    if CAPABILITIES[venue].margin:
        return Market(
            venue=venue,
            symbol="CON.F.US.EP.Z26",
            reference=Decimal(6_000),
            tick=Decimal("0.25"),
            lot=ONE,
            lots=(10, 60),
            notional_max=Decimal(17_000_000),
        )
    return Market(
        venue=venue,
        symbol="BTC-USDT",
        reference=Decimal(60_000),
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        lots=(20, 2_000),
        notional_max=Decimal(1_150),
        pace=_PACES.get(venue, 1),
    )


def multiplier_of(symbol: str) -> Decimal:
    """Quote units that one base unit of a symbol is worth at a price of one."""
    return _MULTIPLIERS.get(symbol, ONE)


def settle_ms(venue: str, faults: Collection[str]) -> int:
    """The settle time that is enough on paper while these faults happen: the venue's own, or less."""
    enough = CALM_SETTLE_MS if _HIDING.isdisjoint(faults) else PAPER_SETTLE_MS
    return min(CAPABILITIES[venue].settle_ms, enough)
