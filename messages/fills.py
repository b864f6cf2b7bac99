"""Executions and what they add up to: fills as venues describe them, as we book them, positions and their closes.

Everything here is immutable and free of behaviour; units are those of `messages.types`.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from messages.base import fast_init
from messages.types import ONE, ZERO, InitiatedBy, Side


class FillSource(StrEnum):
    """The transport a fill was first learned from."""

    STREAM = "stream"
    REST = "rest"
    RECONCILE = "reconcile"


class Liquidity(StrEnum):
    """Whether a fill made or took liquidity."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFill:
    """An execution as its venue describes it."""

    exchange: str
    symbol: str
    fill_id: str
    venue_order_id: str
    client_order_id: str | None = None
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal = ZERO
    fee_currency: str | None = None
    liquidity: Liquidity = Liquidity.UNKNOWN
    venue_time_ms: int
    source: FillSource


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution, booked exactly once under (exchange, symbol, fill_id, venue_order_id)."""

    fill_id: str
    order_id: str
    """Our order id."""
    venue_order_id: str
    account_id: str
    exchange: str
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal = ZERO
    fee_currency: str | None = None
    liquidity: Liquidity = Liquidity.UNKNOWN
    venue_time_ms: int
    received_ms: int
    source: FillSource
    sequence: int
    """1-based arrival number within the order."""
    reference_price: Decimal | None = None
    """The order's limit, without one its stop price, when this was booked: what the price is measured against."""
    latency_ms: int = 0
    """From the venue's time of the execution to its arrival here, corrected by the difference of the clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedFill:
    """An execution of an order that is not known here yet: kept until an answer or a look-up explains it."""

    fill: VenueFill
    parked_ms: int


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the fills of one account, exchange and symbol add up to. Pure arithmetic of fills and of the multiplier of
    the instrument, but for `unexplained` and `drift`.

    The average entry price is `entry_value / (size * multiplier)`, the realised profit `cash + entry_value`. Fees that
    were charged in the base asset are taken out of `size`, and so make what is left dearer; other fees are in neither
    figure.
    """

    account_id: str
    exchange: str
    symbol: str
    size: Decimal = ZERO
    """Base units, above zero for a long position, below for a short one."""
    entry_value: Decimal = ZERO
    """What the open size was entered at, quote units, with the sign of `size`."""
    cash: Decimal = ZERO
    """Quote units received less those paid, over all fills; exact."""
    fees: tuple[tuple[str, Decimal], ...] = ()
    """Per currency, sorted by currency."""
    fill_count: int = 0
    opened_ms: int | None = None
    """When the fill that left zero, or turned the position round, was received; None while flat."""
    updated_ms: int = 0
    unexplained: Decimal | None = None
    """What the venue's total of the base asset held beyond our fills when they were first compared; None before."""
    drift: Decimal = ZERO
    """The venue's total of the base asset less what `unexplained` and our fills say; not 0: somebody should look."""
    multiplier: Decimal | None = ONE
    """Quote units that one base unit is worth at a price of one, by the instrument. None while that is not known:
    `entry_value` and `cash` are then sums of price times size and no money; they are corrected when it is."""


class CloseState(StrEnum):
    """How far the closing of a position got."""

    ACTIVE = "active"
    DONE = "done"
    """Its order has ended; how much it closed stands beside it."""
    TIMED_OUT = "timed_out"
    """Its order was cancelled after `closeTimeout`; what it had closed until then stands beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClose:
    """One operation that closes a position or a part of it, by one order."""

    close_id: str
    account_id: str
    exchange: str
    symbol: str
    asked: Decimal | None
    """Base units to close; None: all of it."""
    size: Decimal
    """Base units that its order was placed for: never more than the position was then."""
    order_id: str
    initiated_by: InitiatedBy
    state: CloseState = CloseState.ACTIVE
    cancelling: bool = False
    """Its time is over and its order is being cancelled."""
    closed_size: Decimal = ZERO
    reason: str = ""
    """Why less was closed than its order was for, in the venue's words where it has some; empty when all was."""
    started_ms: int
    ended_ms: int | None = None
    """When its end was told; what is corrected afterwards leaves it."""
    reopened: bool = False
    """Its order, held for dead when its end was told, works after all: it runs once more."""


