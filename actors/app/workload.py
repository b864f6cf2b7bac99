"""The orders of a drill or a demo, drawn from a seed: what is asked, and what happens to each order afterwards.

Pure. The same seed gives the same intents; how they interleave is up to the machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from random import Random
from typing import Final

from actors.app.markets import Market, market_of
from messages.commands import SubmitOrder
from messages.types import OrderType, Side

FILLS_MAX: Final = 5
"""Pieces that an order is filled in at most, unless asked for more."""
TIMEOUT_MS: Final = (1_000, 3_000)
"""Least and greatest fill timeout of an order that is to time out."""


class Fate(StrEnum):
    """What happens to an order once the venue has it."""

    REST = "rest"
    """Nothing of our doing."""
    CANCEL = "cancel"
    """Its owner cancels it."""
    FILL = "fill"
    """The market takes it whole, at once."""
    FILL_IN_MANY = "fill_in_many"
    """The market takes it in many pieces, all of it."""
    FILL_AND_CANCEL = "fill_and_cancel"
    """The market takes a part in pieces, its owner cancels the rest."""
    TIME_OUT = "time_out"
    """The market takes a part in pieces and no more; the order has a short timeout of its own."""
    CLOSE = "close"
    """The market takes it whole in pieces; then its owner closes the position, and asks for it twice at once."""
    SHRINK = "shrink"
    """Its owner makes it smaller, once or twice, while the market takes a part in pieces."""
    REPRICE = "reprice"
    """Its owner gives it another price, once or twice, while the market may take a part."""
    SWEEP = "sweep"
    """Its owner cancels all his orders on its symbol."""


_WEIGHTS: Final = {
    Fate.REST: 20,
    Fate.CANCEL: 20,
    Fate.FILL: 10,
    Fate.FILL_IN_MANY: 50,
    Fate.FILL_AND_CANCEL: 20,
    Fate.TIME_OUT: 10,
    Fate.CLOSE: 10,
    Fate.SHRINK: 20,
    Fate.REPRICE: 20,
    Fate.SWEEP: 2,
}
IN_PART: Final = frozenset({Fate.FILL_AND_CANCEL, Fate.TIME_OUT, Fate.SHRINK, Fate.REPRICE})
_IN_PIECES: Final = IN_PART | {Fate.FILL_IN_MANY, Fate.CLOSE}
_UNTAKEN: Final = 0.7
"""Of the orders that get another price, how many the market leaves alone: of one that has executed in part, many venues
change no price."""
_STOPPED: Final = frozenset({Fate.REST, Fate.CANCEL, Fate.SWEEP})
"""What may happen to a stop that waits for a price which never comes."""
_EQUAL: Final = 0.04
"""Share of orders at the price of the one before, which is a duplicate unless that one has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing that somebody wants done."""

    number: int
    command: SubmitOrder
    fate: Fate
    pieces: tuple[tuple[Decimal, Decimal], ...] = ()
    """Prices and sizes that the market takes of it."""
    changes: tuple[tuple[Decimal | None, Decimal | None], ...] = ()
    """Sizes and prices that its owner changes it to, one after the other; None: as it was."""


def intents(
    venue: str, accounts: Sequence[str], random: Random, prefix: str = "i", *, fills_max: int = FILLS_MAX
) -> Iterator[Intent]:
    """Draw intents without end, of what the venue can do; the accounts take turns.

    `fills_max`: pieces that one order is filled in at most.
    """
    market = market_of(venue)
    number = 0
    before: dict[tuple[str, Side], Decimal] = {}
    while True:
        number += 1
        fate = random.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))[0]
        kind = random.random()
        size = market.lot * random.randint(*market.lots)
        side = random.choice(list(Side))
        draft = _Draft(market, accounts[number % len(accounts)], f"{prefix}{number}", side, size)
        if kind < 0.10:  # noqa: PLR2004 - shares of the kinds of orders
            yield Intent(number=number, command=draft.market_order(by_quote=random.random() < 0.5), fate=Fate.REST)  # noqa: PLR2004
        elif kind < 0.25:  # noqa: PLR2004
            # What remains of one would be in the way of everything on the other side.
            yield Intent(number=number, command=draft.crossing(random), fate=Fate.CANCEL)
        elif kind < 0.30 and market.stops:  # noqa: PLR2004
            yield Intent(number=number, command=draft.stop(random), fate=fate if fate in _STOPPED else Fate.CANCEL)
        else:
            timeout_ms = random.randint(*TIMEOUT_MS) if fate is Fate.TIME_OUT else None
            equal = before.get((draft.account_id, side)) if random.random() < _EQUAL else None
            command = draft.resting(random, timeout_ms, equal)
            before[draft.account_id, side] = command.price or market.reference
            pieces = _pieces(market, command, fate, random, fills_max=fills_max)
            changes = _changes(market, command, fate, random)
            yield Intent(number=number, command=command, fate=fate, pieces=pieces, changes=changes)


def _pieces(
    market: Market, command: SubmitOrder, fate: Fate, random: Random, *, fills_max: int
) -> tuple[tuple[Decimal, Decimal], ...]:
    """Cut an order into pieces, each at its limit or a little better."""
    size, limit = command.size, command.price
    if fate not in _IN_PIECES or size is None or limit is None:
        return ()
    if fate is Fate.REPRICE and random.random() < _UNTAKEN:
        return ()
    whole = int(size / market.lot)
    least = 1 if fate in IN_PART else 2
    lots = max(least, whole * _percent_taken(fate, random) // 100)
    count = random.randint(1, min(fills_max, lots))
    cuts = [0, *sorted(random.sample(range(1, lots), count - 1)), lots]
    better = -market.tick if command.side is Side.BUY else market.tick
    return tuple(
        (limit + better * random.randint(0, 200), market.lot * (end - begin)) for begin, end in pairwise(cuts)
    )


def _percent_taken(fate: Fate, random: Random) -> int:
    if fate not in IN_PART:
        return 100
    # Of an order that becomes smaller, enough must be left to become smaller.
    return random.randint(5, 40) if fate is Fate.SHRINK else random.randint(20, 80)


def _changes(
    market: Market, command: SubmitOrder, fate: Fate, random: Random
) -> tuple[tuple[Decimal | None, Decimal | None], ...]:
    size, price = command.size, command.price
    if size is None or price is None:
        return ()
    lots, count = int(size / market.lot), random.randint(1, 2)
    if fate is Fate.SHRINK:
        shares = sorted((random.randint(30, 90) for _ in range(count)), reverse=True)
        return tuple((market.lot * max(2, lots * share // 100), None) for share in shares)
    if fate is Fate.REPRICE:
        factors = [random.choice((None, 50, 80, 150)) for _ in range(count)]
        sizes = [None if factor is None else market.lot * max(1, lots * factor // 100) for factor in factors]
        return tuple((each, _resting_price(market, command.side, random)) for each in sizes)
    return ()


def _resting_price(market: Market, side: Side, random: Random) -> Decimal:
    worse = Decimal(random.randint(50_000, 250_000)) / 1_000_000
    return market.priced(1 - worse if side is Side.BUY else 1 + worse)


@dataclass(frozen=True, slots=True)
class _Draft:
    market: Market
    account_id: str
    request_id: str
    side: Side
    size: Decimal

    def market_order(self, *, by_quote: bool) -> SubmitOrder:
        if by_quote and self.market.able.quote_size_market:
            amount = self.market.worth(self.market.reference, self.size)
            return self._order(OrderType.MARKET, quote_size=amount.quantize(self.market.tick))
        return self._order(OrderType.MARKET, size=self.size)

    def crossing(self, random: Random) -> SubmitOrder:
        """A limit order that meets whatever the book has, at once."""
        better = Decimal(random.randint(5, 30)) / 1_000
        price = self.market.priced(1 + better if self.side is Side.BUY else 1 - better)
        wanted = random.choice(self.market.times_in_force)
        return self._order(OrderType.LIMIT, size=self.size, price=price, time_in_force=wanted)

    def stop(self, random: Random) -> SubmitOrder:
        """A stop far from the market."""
        away = Decimal(random.randint(200_000, 400_000)) / 1_000_000
        factor = 1 + away if self.side is Side.BUY else 1 - away
        kind = random.choice(self.market.stops)
        price = self.market.priced(factor) if kind is OrderType.STOP_LIMIT else None
        return self._order(kind, size=self.size, price=price, stop_price=self.market.priced(factor))

    def resting(self, random: Random, fill_timeout_ms: int | None, price: Decimal | None) -> SubmitOrder:
        """A limit order far from the market, at a price of its own unless it is given one: it waits for its fate."""
        price = price or _resting_price(self.market, self.side, random)
        post_only = random.random() < 0.2 and self.market.able.post_only  # noqa: PLR2004
        return self._order(
            OrderType.LIMIT,
            size=self.size,
            price=price,
            post_only=post_only,
            fill_timeout_ms=fill_timeout_ms,
        )

    def _order(self, kind: OrderType, **terms: object) -> SubmitOrder:
        return SubmitOrder(
            account_id=self.account_id,
            exchange=self.market.venue,
            symbol=self.market.symbol,
            side=self.side,
            type=kind,
            request_id=self.request_id,
            **terms,  # type: ignore[arg-type]
        )
