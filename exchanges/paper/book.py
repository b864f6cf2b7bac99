"""The order book of one symbol: resting orders in price-time priority, and stops in trigger order.

It keeps ids and prices only; the engine owns the orders. It never matches anything.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from heapq import heappop, heappush

from messages.types import Side


class BookSide:
    """One side: levels from the worst to the best price, first come first served within a level."""

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.BUY else -1
        # Signed prices in ascending order, so that the best level is the last and cheap to remove.
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, dict[int, None]] = {}

    def add(self, order_id: int, price: Decimal) -> None:
        """Queue an order behind those that rest at its price."""
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = {}
            insort(self._keys, self._sign * price)
        level[order_id] = None

    def remove(self, order_id: int, price: Decimal) -> None:
        """Take an order out."""
        level = self._levels[price]
        del level[order_id]
        if not level:
            del self._levels[price]
            del self._keys[bisect_left(self._keys, self._sign * price)]

    def best(self) -> Decimal | None:
        """Return the best price, or None when this side is empty."""
        return self._sign * self._keys[-1] if self._keys else None

    def walk(self) -> Iterator[tuple[int, Decimal]]:
        """Yield order ids and prices in the order in which they would be matched."""
        for key in reversed(self._keys):
            price = self._sign * key
            for order_id in self._levels[price]:
                yield order_id, price


class Book:
    """Both sides of one symbol, and its stops."""

    def __init__(self) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self._rising: list[tuple[Decimal, int]] = []
        self._falling: list[tuple[Decimal, int]] = []

    def side(self, side: Side) -> BookSide:
        """Return where orders of this side rest."""
        return self.bids if side is Side.BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        """Return where orders of this side find their match."""
        return self.asks if side is Side.BUY else self.bids

    def add_stop(self, order_id: int, stop_price: Decimal, *, above: bool) -> None:
        """Arm a stop: above, it triggers when the price rises to it, else when it falls to it."""
        if above:
            heappush(self._rising, (stop_price, order_id))
        else:
            heappush(self._falling, (-stop_price, order_id))

    def pop_triggered(self, last_price: Decimal) -> int | None:
        """Take out the next stop that this price triggers, or return None. The order may have ended since."""
        if self._rising and self._rising[0][0] <= last_price:
            return heappop(self._rising)[1]
        if self._falling and -self._falling[0][0] >= last_price:
            return heappop(self._falling)[1]
        return None
