"""How each venue behaves beyond its capabilities, as data: the venues that a run can be simulated on.

What a venue promises is read from its adapter's capabilities. Here stands what it does beside that: whether it answers
before it has acted, what its stream tells, how a repetition of a client id ends, which ends its words tell apart.
Nothing here decides anything about the product.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from exchanges.gateway import AmendScope, Capabilities
from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.model import FeeRules, PaperInstrument, PaperStatus
from exchanges.registry import capabilities
from messages.types import ONE, OrderType, TimeInForce


class Repetition(StrEnum):
    """What becomes of a placement whose client id was used before."""

    REFUSED_WHILE_OPEN = "refused while the first order is open"
    REFUSED = "refused for ever"
    RETURNED = "answered with the first order"
    ACCEPTED = "accepted as a second order"


class Validity(StrEnum):
    """Until when a delayed request is still acted on."""

    STAMPED = "so long after the time it is stamped with"
    DEADLINE = "until a time that it names"
    UNBOUNDED = "whenever it arrives"


class Executions(StrEnum):
    """How the user stream tells executions."""

    WITH_ORDER = "in the event about their order"
    APART = "in events of their own, before or after those about their order"
    UNTOLD = "as the order's cumulative quantity only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One symbol, and sizes and steps that suit it."""

    rules: PaperInstrument
    unit: Decimal
    """What hosts place, about."""
    depth: Decimal = ONE
    """What the crowd's amounts are multiplied by."""
    multiplier: Decimal = ONE

    @property
    def symbol(self) -> str:
        """The canonical symbol."""
        return self.rules.symbol

    @property
    def step(self) -> Decimal:
        """The least difference of sizes."""
        return self.rules.step_size

    def on_grid(self, price: Decimal) -> Decimal:
        """The nearest price that orders may have."""
        tick = self.rules.tick_size
        return (price / tick).quantize(ONE) * tick


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTraits:
    """One venue. The defaults are a venue that does at once what it is asked, and says all of it."""

    capabilities: Capabilities
    markets: tuple[Market, Market]
    fees: FeeRules = field(default_factory=FeeRules)
    # Requests.
    repetition: Repetition = Repetition.REFUSED_WHILE_OPEN
    repetition_in_words: bool = False
    """Only words tell the refusal of a used client id from others: no refusal of a later attempt proves much."""
    validity: Validity = Validity.STAMPED
    stops_unbounded: bool = False
    """A validity has no meaning for stop orders."""
    clock_ahead_ms: int | None = 1000
    """How far ahead of the venue's clock a request's time may be; None: nobody compares them."""
    placed_shown: float = 0.9
    """Share of the answers to placements that describe the order."""
    placed_fills: bool = True
    """Those that describe it come with its executions."""
    cancels_unnamed: bool = True
    """An order can be cancelled by its client id alone."""
    cancels_pending: float = 0.0
    """Share of the cancels that are accepted and carried out later."""
    amends_pending: float = 0.0
    read_back: bool = False
    """What a cancel or an amend has done is read, from a source that may be behind; else its answer says it."""
    quote_buys_only: bool = False
    """Orders for a quantity of quote currency can only buy."""
    taking_ends_as: PaperStatus | None = None
    """How a post-only order that would match at once ends after it was accepted; None: it is refused."""
    # What it shows.
    shown_ends: Mapping[PaperStatus, PaperStatus] = field(default_factory=dict)
    """Ends that it does not tell from others, and what it shows instead."""
    partly_cancelled: str = "CANCELED"
    """Its word for a cancelled order that had executed in part."""
    stop_children: bool = False
    """A stop that triggers becomes another order with a number of its own under the same client id."""
    # The user stream.
    executions: Executions = Executions.WITH_ORDER
    numbered: bool = True
    """Its frames are numbered, so that a missing one is told."""
    snapshot: bool = False
    """A new connection begins with the open orders and the latest executions."""
    sparse: bool = False
    """Events name what has changed only: of an order that this connection has not described they say too little."""
    tells_positions: bool = False

    @property
    def exchange(self) -> str:
        """The name of the venue."""
        return self.capabilities.venue

    @property
    def symbols(self) -> tuple[str, ...]:
        """Both symbols."""
        return tuple(market.symbol for market in self.markets)

    def market(self, symbol: str) -> Market:
        """Everything about a symbol."""
        return next(market for market in self.markets if market.symbol == symbol)

    def shown(self, status: PaperStatus) -> PaperStatus:
        """What the venue shows of a status."""
        return self.shown_ends.get(status, status)

    def is_bounded(self, kind: OrderType) -> bool:
        """Whether a placement of this type is not acted on after its validity."""
        stops = (OrderType.STOP_MARKET, OrderType.STOP_LIMIT)
        return self.validity is not Validity.UNBOUNDED and not (self.stops_unbounded and kind in stops)


def _spot() -> tuple[Market, Market]:
    bitcoin, ether, *_ = spot_instruments(lambda base, quote: f"{base}{quote}")
    return Market(rules=bitcoin, unit=Decimal("0.01")), Market(rules=ether, unit=Decimal("0.1"))


def _futures() -> tuple[Market, Market]:
    return (
        _contract("CON.F.US.EP.Z26", Decimal(6000), depth=Decimal(100_000), multiplier=Decimal(50)),
        _contract("CON.F.US.MNQ.Z26", Decimal(21_000), depth=Decimal(10_000), multiplier=Decimal(2)),
    )


def _contract(symbol: str, price: Decimal, *, depth: Decimal, multiplier: Decimal) -> Market:
    rules = PaperInstrument(
        symbol=symbol,
        venue_symbol=symbol,
        base=symbol,
        quote="USD",
        tick_size=Decimal("0.25"),
        min_price=Decimal("0.25"),
        max_price=Decimal(1_000_000),
        step_size=ONE,
        min_size=ONE,
        max_size=Decimal(10_000_000),
        market_max_size=Decimal(10_000_000),
        min_notional=Decimal(0),
        max_notional=Decimal(10) ** 15,
        reference_price=price,
    )
    return Market(rules=rules, unit=Decimal(1000), depth=depth, multiplier=multiplier)


_SPOT: Final = _spot()
DRAWN: Final = VenueTraits(
    capabilities=Capabilities(
        venue="binance",
        order_types=frozenset(OrderType),
        times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        post_only=True,
        quote_size_market=True,
        reduce_only=False,
        amend=AmendScope.SIZE_DOWN,
        shrink_keeps_priority=True,
        cancel_replace=True,
        lookup_by_client_id=True,
        client_id_in_lists=True,
        duplicate_client_id="refused while the first is open, accepted again afterwards",
        validity_parameter="recvWindow",
        settle_ms=3000,
        search_sources=("openOrders", "allOrders", "myTrades"),
        max_in_flight=16,
    ),
    markets=_SPOT,
)
"""No real venue: what it can do is drawn in every run, and it shows everything soon."""

_CANCELLED_ALIKE: Final = {PaperStatus.EXPIRED: PaperStatus.CANCELLED, PaperStatus.REJECTED: PaperStatus.CANCELLED}
_REAL: Final = {each.venue: each for each in capabilities()}

VENUES: Final[Mapping[str, VenueTraits]] = {
    "binance": VenueTraits(capabilities=_REAL["binance"], markets=_SPOT),
    "coinbase": VenueTraits(
        capabilities=_REAL["coinbase"],
        markets=_SPOT,
        fees=FeeRules(in_quote=True),
        repetition=Repetition.RETURNED,
        validity=Validity.UNBOUNDED,
        clock_ahead_ms=None,
        placed_shown=0.0,
        cancels_unnamed=False,
        cancels_pending=0.5,
        amends_pending=0.5,
        read_back=True,
        quote_buys_only=True,
        executions=Executions.UNTOLD,
        snapshot=True,
    ),
    "kraken": VenueTraits(
        capabilities=_REAL["kraken"],
        markets=_SPOT,
        fees=FeeRules(in_quote=True),
        validity=Validity.DEADLINE,
        clock_ahead_ms=None,
        placed_shown=0.0,
        cancels_pending=0.2,
        read_back=True,
        quote_buys_only=True,
        taking_ends_as=PaperStatus.CANCELLED,
        shown_ends={PaperStatus.REJECTED: PaperStatus.CANCELLED},
        snapshot=True,
        sparse=True,
    ),
    "kucoin": VenueTraits(
        capabilities=_REAL["kucoin"],
        markets=_SPOT,
        fees=FeeRules(in_quote=True),
        repetition=Repetition.REFUSED,
        repetition_in_words=True,
        stops_unbounded=True,
        clock_ahead_ms=5000,
        placed_fills=False,
        cancels_pending=0.1,
        taking_ends_as=PaperStatus.CANCELLED,
        shown_ends={PaperStatus.REJECTED: PaperStatus.CANCELLED},
        stop_children=True,
        executions=Executions.UNTOLD,
        numbered=False,
    ),
    "mexc": VenueTraits(
        capabilities=_REAL["mexc"],
        markets=_SPOT,
        repetition=Repetition.ACCEPTED,
        repetition_in_words=True,
        placed_shown=0.0,
        cancels_pending=0.2,
        read_back=True,
        taking_ends_as=PaperStatus.EXPIRED,
        shown_ends=_CANCELLED_ALIKE,
        partly_cancelled="PARTIALLY_CANCELED",
        executions=Executions.UNTOLD,
        numbered=False,
    ),
    "projectx": VenueTraits(
        capabilities=_REAL["projectx"],
        markets=_futures(),
        fees=FeeRules(maker=Decimal(0), taker=Decimal(0), per_unit=Decimal("1.4"), in_quote=True),
        repetition=Repetition.REFUSED,
        repetition_in_words=True,
        validity=Validity.UNBOUNDED,
        clock_ahead_ms=None,
        placed_shown=0.0,
        cancels_unnamed=False,
        cancels_pending=0.3,
        amends_pending=0.3,
        read_back=True,
        executions=Executions.APART,
        numbered=False,
        tells_positions=True,
    ),
}


def traits_of(venue: str | None) -> VenueTraits:
    """The venue of this name; None: the one that is drawn in every run."""
    return DRAWN if venue is None else VENUES[venue]
