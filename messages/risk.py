"""What an account has at stake, what it may have, and how it compares with its venues. Immutable and without behaviour.

Notional values are in the quote currency of their symbol; nothing is ever converted from one currency to another.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from messages.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolExposure:
    """What is at stake in one symbol of one exchange: orders that work, may work or are on their way, and the position.

    An order whose outcome is unknown counts in full, and so do both legs of a replace.
    """

    exchange: str
    symbol: str
    quote: str
    """Quote currency of the notional values; empty while the instrument is not known."""
    open_orders: int = 0
    buy_size: Decimal = ZERO
    """Base units that open buy orders may still execute."""
    sell_size: Decimal = ZERO
    buy_notional: Decimal = ZERO
    sell_notional: Decimal = ZERO
    unpriced: int = 0
    """Open orders whose value nobody knows: they are in no notional value."""
    position: Decimal = ZERO
    """Base units held, below 0: short."""
    highest_position: Decimal = ZERO
    """If every open buy order executed and no sell order did."""
    lowest_position: Decimal = ZERO
    """If every open sell order executed and no buy order did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedFunds:
    """What open orders of an exchange hold of one currency, before fees."""

    exchange: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """Whether an account refuses every new order, since when and why. Stored."""

    on: bool
    since_ms: int
    reason: str = ""
    cancels: bool = True
    """Whether orders of ours that turn up while it is on are cancelled, too."""
    everything: bool = False
    """And those that this deployment never placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """Nothing of the account's orders is shown to other programs until somebody uses the account again. Stored."""

    since_ms: int


class DifferenceKind(StrEnum):
    """How our records and a venue's differ."""

    MISSING_AT_VENUE = "missing_at_venue"
    """We hold an order for open that the venue does not list."""
    MISSING_HERE = "missing_here"
    """The venue lists an open order that we do not know, or hold for ended."""
    ORDER_DIFFERS = "order_differs"
    """Size, price or executed quantity are not the same."""
    FILL_MISSING_HERE = "fill_missing_here"
    FILL_MISSING_AT_VENUE = "fill_missing_at_venue"
    FILL_DIFFERS = "fill_differs"
    LOCKED_DIFFERS = "locked_differs"
    """What the venue holds back for open orders is not what our open orders reserve."""
    HOLDING_DRIFT = "holding_drift"
    """What the venue holds has changed otherwise than by our executions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which our records and a venue's do not agree."""

    exchange: str
    kind: DifferenceKind
    subject: str
    """Symbol or currency."""
    name: str
    """The order, execution or balance it is about."""
    ours: str
    venues: str
