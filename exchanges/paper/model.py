"""Values of the paper engine: instruments, orders, executions and the events that it emits.

Everything here is immutable. Prices and sizes are exact `Decimal`s, times integer milliseconds of the venue's clock.
Nothing here knows a wire format; a dialect renders these values.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Self, TypeAlias

from messages.fills import Liquidity
from messages.types import ZERO, OrderType, Side, TimeInForce

EXACT = Context(prec=60)
"""The arithmetic of the engine: wide enough that no product or sum of real amounts is ever rounded."""


class PaperStatus(StrEnum):
    """Where an accepted order stands."""

    OPEN = "OPEN"
    """Working, or a stop that waits for its trigger; `filled_size` may be above zero."""
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    """Refused by the venue after it was accepted."""


class EndReason(StrEnum):
    """Why an order is no longer open."""

    NONE = "none"
    """It is open."""
    FILLED = "filled"
    USER = "user"
    """Cancelled by its owner."""
    VENUE = "venue"
    """Cancelled, expired or rejected by the venue itself."""
    IOC_REMAINDER = "ioc_remainder"
    FOK_UNFILLABLE = "fok_unfillable"
    NO_LIQUIDITY = "no_liquidity"
    """A market order that ran out of book."""
    WOULD_TAKE = "would_take"
    """Post-only, and it would have matched at once, at a venue that accepts such an order and ends it."""
    SELF_TRADE = "self_trade"
    """Would have traded with an order of the same account."""
    TIME = "time"
    """Good-till-time order whose time has come."""
    AMENDED_BELOW_FILLED = "amended_below_filled"
    TRIGGER_REFUSED = "trigger_refused"
    """A triggered stop whose account cannot pay for it."""


class RefusalReason(StrEnum):
    """Why a request was refused; nothing has changed."""

    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_TRADING = "not_trading"
    MALFORMED = "malformed"
    """The fields contradict each other, for example a limit order without a price."""
    PRICE_FILTER = "price_filter"
    LOT_SIZE = "lot_size"
    MARKET_LOT_SIZE = "market_lot_size"
    NOTIONAL = "notional"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    WOULD_TAKE = "would_take"
    """Post-only, and it would match at once."""
    WOULD_TRIGGER = "would_trigger"
    """A stop on the wrong side of the market."""
    UNKNOWN_ORDER = "unknown_order"
    """No open order of this account has this id: filled, ended and never existed look alike."""
    AMEND_INCREASE = "amend_increase"
    AMEND_NO_CHANGE = "amend_no_change"
    AMENDED_TOO_OFTEN = "amended_too_often"


class ClientIdPolicy(StrEnum):
    """When a client order id may be used again by the same account and symbol."""

    OPEN_ONLY = "open_only"
    """As soon as the earlier order is no longer open."""
    EVER = "ever"
    """Never."""
    ANY = "any"
    """At once: a second placement with the same id is a second order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRules:
    """What a venue charges for executions."""

    maker: Decimal = Decimal("0.001")
    """Share of the execution's value."""
    taker: Decimal = Decimal("0.001")
    per_unit: Decimal = ZERO
    """Quote units for each base unit (contract), on top of the shares."""
    in_quote: bool = False
    """Charged in the quote currency always, for a buy from what is free; else in what the order receives."""

    def __post_init__(self) -> None:
        if self.per_unit and not self.in_quote:
            msg = "a charge per unit is in quote units, so all fees must be"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperInstrument:
    """One tradable symbol and its filters."""

    symbol: str
    """Canonical `BASE-QUOTE`."""
    venue_symbol: str
    base: str
    quote: str
    tick_size: Decimal
    min_price: Decimal
    max_price: Decimal
    step_size: Decimal
    min_size: Decimal
    max_size: Decimal
    market_max_size: Decimal
    min_notional: Decimal
    """Quote units; enforced for market orders too."""
    max_notional: Decimal
    """Quote units; not enforced for market orders."""
    reference_price: Decimal
    """Stands for the last trade until there is one."""
    max_amendments: int = 10
    """How often one order's size may be reduced by `Engine.amend`."""
    trading: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """A placement as the engine takes it. Exactly one of `size` and `quote_size` is given."""

    account: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    """Market orders and triggered stop-market orders always run as IOC."""
    size: Decimal | None = None
    quote_size: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trigger_above: bool | None = None
    """Stops: whether a rising price triggers. None: deduced from where the market is."""
    post_only: bool = False
    taking_ends_as: PaperStatus | None = None
    """How a post-only order that would match at once ends right after it was accepted, CANCELLED or EXPIRED; None: it
    is refused instead."""
    reserve_on_trigger: bool = False
    """Stops: whether they are accepted without funds and checked for them when they trigger."""
    expires_at_ms: int | None = None
    venue_type: str = ""
    """The dialect's own name of the type, kept for its answers."""


@dataclass(frozen=True, kw_only=True)
class PaperOrder:
    """One accepted order at one moment. Not slotted, so that `evolve` can copy its `__dict__`."""

    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    size: Decimal
    """Base units. Quote-sized orders: what the book could give for the quote amount."""
    quote_size: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None
    trigger_above: bool
    post_only: bool
    expires_at_ms: int | None
    venue_type: str
    status: PaperStatus = PaperStatus.OPEN
    end_reason: EndReason = EndReason.NONE
    filled_size: Decimal = ZERO
    filled_value: Decimal = ZERO
    """Sum of price x size of its executions, quote units."""
    prevented_size: Decimal = ZERO
    """What self-trade prevention took out."""
    amendments: int = 0
    """How often it was amended."""
    reserved: Decimal = ZERO
    """Still locked for it: quote units for a buy, base units for a sell."""
    working: bool
    """False while a stop waits for its trigger."""
    created_ms: int
    updated_ms: int
    working_ms: int | None
    first_client_order_id: str
    """The client order id it was accepted with; an amendment may change the other."""
    reserve_on_trigger: bool = False

    @property
    def remaining(self) -> Decimal:
        """Size not executed yet, base units."""
        return self.size - self.filled_size

    @property
    def is_open(self) -> bool:
        """Whether it can still execute."""
        return self.status is PaperStatus.OPEN

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One side of one trade. Both sides carry the same trade id; an outside counterparty has no side of its own."""

    trade_id: int
    """Unique per symbol."""
    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    at_ms: int

    @property
    def value(self) -> Decimal:
        """Price x size, quote units."""
        return EXACT.multiply(self.price, self.size)


class ScriptedFill(NamedTuple):
    """A fill that a script asks for, against the outside world."""

    order_id: int
    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """Something that happened to an account."""

    sequence: int
    """Venue-wide, rises by one with every event."""
    at_ms: int
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(EngineEvent):
    """Something that happened to an accepted order."""

    order: PaperOrder
    """The order right after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(OrderEvent):
    """The venue has the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTriggered(OrderEvent):
    """A stop's trigger was reached; it works from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTraded(OrderEvent):
    """The order executed, in part or the rest of it."""

    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended(OrderEvent):
    """The order has new terms; what follows from them comes behind."""

    previous_client_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(OrderEvent):
    """The order was cancelled, by its owner or by the venue."""

    cancel_id: str
    """The owner's id of the cancel request; empty when the venue cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(OrderEvent):
    """The order ended without its owner's doing; `order.end_reason` says why."""

    prevented: "PreventedMatch | None" = None
    """Set where self-trade prevention ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVoided(OrderEvent):
    """The venue rejected an order that it had accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreventedMatch:
    """A match that self-trade prevention kept from happening."""

    match_id: int
    taker_order_id: int
    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(EngineEvent):
    """A request was refused and changed nothing. Refused placements never become orders."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsTransferred(EngineEvent):
    """Money came into an account or left it without a trade."""

    asset: str
    amount: Decimal
    """Negative: it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceChanged(EngineEvent):
    """New balance of one asset after a request, absolute."""

    asset: str
    free: Decimal
    locked: Decimal


AnyEvent: TypeAlias = (
    OrderAccepted
    | OrderTriggered
    | OrderTraded
    | OrderAmended
    | OrderCancelled
    | OrderExpired
    | OrderVoided
    | RequestRefused
    | FundsTransferred
    | BalanceChanged
)
Events: TypeAlias = tuple[AnyEvent, ...]
