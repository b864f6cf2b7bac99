"""A seeded random market: other participants who quote and trade around a drifting price, for demos.

Pure: the caller hands in the time and decides when it steps. Its accounts have unlimited funds and are not audited, so
a market that runs for days leaves no trace in the record.
"""

from collections import deque
from decimal import Decimal
from random import Random

from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, NewOrder, OrderAccepted, PaperInstrument
from messages.types import OrderType, Side

_MAKER = "market-maker"
_TAKER = "market-taker"
_QUOTES_MAX = 24
"""Resting quotes per symbol; the oldest is cancelled when there are more."""
_DRIFT_SHARE = Decimal("0.000025")
"""At most so much of its price a symbol drifts in one step, in whole ticks, at least one."""
_SPREAD_SHARE = Decimal("0.000065")
"""At most so far from the fair price quotes are, likewise: a few dollars of bitcoin, one tick of an index future."""
_TAKE_ONE_IN = 3
_QUOTE_MAX, _TAKE_MAX = 200, 60
"""Greatest sizes, in multiples of the least that may be traded: who takes seldom leaves a side without a quote."""


class RandomMarket:
    """The rest of the market for some symbols of an engine."""

    def __init__(self, engine: Engine, random: Random, symbols: tuple[str, ...]) -> None:
        self._engine = engine
        self._random = random
        self._symbols = symbols
        self._fair = {symbol: engine.last_price(symbol) for symbol in symbols}
        self._quotes: dict[str, deque[int]] = {symbol: deque() for symbol in symbols}
        self._placed = 0
        for name in (_MAKER, _TAKER):
            engine.add_account(name, unlimited=True, audited=False)

    def step(self, now_ms: int) -> Events:
        """Let every symbol drift a little, be quoted on both sides, and now and then trade."""
        events: list[Events] = []
        for symbol in self._symbols:
            instrument = self._engine.instruments[symbol]
            self._drift(instrument)
            events += [self._quote(instrument, side, now_ms) for side in Side]
            if self._random.randrange(_TAKE_ONE_IN) == 0:
                events.append(self._take(instrument, now_ms))
            events += self._tidy(symbol, now_ms)
        return tuple(event for batch in events for event in batch)

    def _drift(self, instrument: PaperInstrument) -> None:
        fair = self._fair[instrument.symbol]
        farthest = _ticks(instrument, fair, _DRIFT_SHARE)
        moved = fair + instrument.tick_size * self._random.randint(-farthest, farthest)
        floor = instrument.min_price + instrument.tick_size * (_ticks(instrument, fair, _SPREAD_SHARE) + 1)
        self._fair[instrument.symbol] = min(max(moved, floor), instrument.max_price / 2)

    def _quote(self, instrument: PaperInstrument, side: Side, now_ms: int) -> Events:
        fair = self._fair[instrument.symbol]
        distance = instrument.tick_size * self._random.randint(1, _ticks(instrument, fair, _SPREAD_SHARE))
        price = fair - distance if side is Side.BUY else fair + distance
        request = NewOrder(
            account=_MAKER,
            client_order_id=self._next_id(),
            symbol=instrument.symbol,
            side=side,
            type=OrderType.LIMIT,
            size=self._size(instrument, price, _QUOTE_MAX),
            price=price,
        )
        events = self._engine.place(request, now_ms)
        accepted = (event for event in events if isinstance(event, OrderAccepted) and event.account == _MAKER)
        self._quotes[instrument.symbol].extend(event.order.order_id for event in accepted)
        return events

    def _take(self, instrument: PaperInstrument, now_ms: int) -> Events:
        request = NewOrder(
            account=_TAKER,
            client_order_id=self._next_id(),
            symbol=instrument.symbol,
            side=self._random.choice(list(Side)),
            type=OrderType.MARKET,
            size=self._size(instrument, self._fair[instrument.symbol], _TAKE_MAX),
        )
        return self._engine.place(request, now_ms)

    def _tidy(self, symbol: str, now_ms: int) -> list[Events]:
        quotes = self._quotes[symbol]
        old = [quotes.popleft() for _ in range(len(quotes) - _QUOTES_MAX)]
        known = (order_id for order_id in old if self._engine.order(order_id) is not None)
        return [self._engine.cancel(_MAKER, order_id, now_ms) for order_id in known]

    def _size(self, instrument: PaperInstrument, price: Decimal, most: int) -> Decimal:
        smallest = instrument.min_notional / price // instrument.step_size + 1
        return instrument.step_size * smallest * self._random.randint(2, most)

    def _next_id(self) -> str:
        self._placed += 1
        return f"m{self._placed}"


def _ticks(instrument: PaperInstrument, price: Decimal, share: Decimal) -> int:
    return max(1, int(price * share / instrument.tick_size))
