"""What a symbol trades and what for: the part of its instrument that values and holdings depend on. Pure.

On spot, a symbol trades one asset for another, and a venue holds both. On a venue with margin accounts it trades a
contract: what is held of it is a position of either sign, nothing is held back for its orders, and one contract at a
price of one is worth its multiplier. Must never: guess a multiplier.
"""

from dataclasses import dataclass
from decimal import Decimal

from actors.domain.arithmetic import EXACT
from messages.base import fast_init
from messages.fills import Position
from messages.types import ONE, Instrument


@fast_init
@dataclass(frozen=True, slots=True)
class Assets:
    """What one symbol trades."""

    base: str
    """The asset, or the contract."""
    quote: str
    multiplier: Decimal = ONE
    """Quote units that one base unit is worth at a price of one."""
    margin: bool = False
    """It trades positions: its orders hold no funds, and its cash is not what executions come to."""

    def worth(self, price: Decimal, size: Decimal) -> Decimal:
        """The value of base units at a price, quote units."""
        return worth(price, size, self.multiplier)


def assets_of(instrument: Instrument | None, *, margin: bool) -> Assets | None:
    """What an instrument trades, on a venue with or without margin accounts; None while it is not known."""
    if instrument is None:
        return None
    return Assets(instrument.base, instrument.quote, instrument.multiplier, margin)


def multiplier_of(instrument: Instrument | None, position: Position | None, *, spot: bool) -> Decimal | None:
    """The multiplier of a symbol: its instrument's, else the one that its position was counted with, else 1 where
    `spot`: the venue is known to trade assets. None: not known.
    """
    if instrument is not None:
        return instrument.multiplier
    if position is not None:
        return position.multiplier
    return ONE if spot else None


def worth(price: Decimal, size: Decimal, multiplier: Decimal) -> Decimal:
    """The value of base units at a price, quote units; exact."""
    return EXACT.multiply(EXACT.multiply(price, size), multiplier)
