"""The orders of a drill or a demo, drawn from a seed: what is asked, and what happens to each order afterwards.

Pure. The same seed gives the same intents; how they interleave is up to the machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Final

from messages.commands import SubmitOrder
from messages.types import OrderType, Side, TimeInForce

SYMBOL: Final = "BTC-USDT"
_REFERENCE: Final = Decimal(60_000)
_LOT: Final = Decimal("0.00001")
_TICK: Final = Decimal("0.01")


class Fate(StrEnum):
    """What happens to an order once the venue has it."""

    REST = "rest"
    """Nothing of our doing."""
    CANCEL = "cancel"
    """Its owner cancels it."""
    FILL = "fill"
    """The market takes it whole."""
    FILL_IN_TWO = "fill_in_two"
    """The market takes a part, and later the rest."""
    FILL_AND_CANCEL = "fill_and_cancel"
    """The market takes a part, its owner cancels the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing that somebody wants done."""

    number: int
    command: SubmitOrder
    fate: Fate


def intents(exchange: str, accounts: Sequence[str], random: Random, prefix: str = "i") -> Iterator[Intent]:
    """Draw intents without end; the accounts take turns."""
    number = 0
    while True:
        number += 1
        fate = random.choices(list(Fate), weights=(3, 3, 3, 2, 2))[0]
        kind = random.random()
        size = _LOT * random.randint(20, 2_000)
        side = random.choice(list(Side))
        draft = _Draft(exchange, accounts[number % len(accounts)], f"{prefix}{number}", side, size)
        if kind < 0.10:  # noqa: PLR2004 - shares of the kinds of orders
            yield Intent(number=number, command=draft.market(by_quote=random.random() < 0.5), fate=Fate.REST)  # noqa: PLR2004
        elif kind < 0.25:  # noqa: PLR2004
            yield Intent(number=number, command=draft.crossing(random), fate=Fate.REST)
        else:
            yield Intent(number=number, command=draft.resting(random), fate=fate)


@dataclass(frozen=True, slots=True)
class _Draft:
    exchange: str
    account_id: str
    request_id: str
    side: Side
    size: Decimal

    def market(self, *, by_quote: bool) -> SubmitOrder:
        if by_quote:
            return self._order(OrderType.MARKET, quote_size=(self.size * _REFERENCE).quantize(_TICK))
        return self._order(OrderType.MARKET, size=self.size)

    def crossing(self, random: Random) -> SubmitOrder:
        """A limit order that meets whatever the book has, at once."""
        better = Decimal(random.randint(5, 30)) / 1_000
        price = _REFERENCE * (1 + better if self.side is Side.BUY else 1 - better)
        wanted = random.choice((TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC))
        return self._order(OrderType.LIMIT, size=self.size, price=price.quantize(_TICK), time_in_force=wanted)

    def resting(self, random: Random) -> SubmitOrder:
        """A limit order far from the market: it waits for its fate."""
        worse = Decimal(random.randint(50, 250)) / 1_000
        price = _REFERENCE * (1 - worse if self.side is Side.BUY else 1 + worse)
        post_only = random.random() < 0.2  # noqa: PLR2004
        return self._order(OrderType.LIMIT, size=self.size, price=price.quantize(_TICK), post_only=post_only)

    def _order(self, kind: OrderType, **terms: object) -> SubmitOrder:
        return SubmitOrder(
            account_id=self.account_id,
            exchange=self.exchange,
            symbol=SYMBOL,
            side=self.side,
            type=kind,
            request_id=self.request_id,
            **terms,  # type: ignore[arg-type]
        )
