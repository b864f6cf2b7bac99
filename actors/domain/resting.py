"""The priced orders of an account by price: which work at a level already, and which a new one would execute against.

An order counts from the moment its intent is recorded until its end is proven: also while nobody knows what became of
it and while it is being cancelled, and at both prices while a change of its price is under way. LIMIT orders count as
resting whatever their time in force, because one that is on its way may arrive after the new one. Stop orders have
price levels, but neither rest nor cross until they are triggered, and nobody tells us in time when they are; so they
are left out of what crosses. MARKET orders have no price and are not kept.

Must never: miss an order because of its state, or decide what is to be done about what it finds.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from actors.domain.arithmetic import EXACT
from actors.domain.lifecycle import TERMINAL
from messages.types import ZERO, ModificationKind, Order, OrderState, OrderType, Side

_AWAY = TERMINAL | {OrderState.DRAFT}

_TAKERS = frozenset({OrderType.LIMIT, OrderType.MARKET})

_Place: TypeAlias = tuple[str, str, Side, OrderType]
"""Exchange, symbol, side and type: a ladder of price levels for each."""
_Entry: TypeAlias = tuple[Decimal, int, str, Decimal]
"""Level, time of creation, our order id, stop price of a STOP_LIMIT order."""


class RestingBook:
    """The live priced orders of one account. One account owns and changes it.

    A change or a question costs the logarithm of the number of orders of a symbol, plus what is found.
    """

    __slots__ = ("_entries", "_ladders")

    def __init__(self) -> None:
        self._ladders: dict[_Place, list[_Entry]] = {}
        """Sorted: the best price first, of one price the oldest order."""
        self._entries: dict[str, tuple[_Place, tuple[_Entry, ...]]] = {}
        """By our order id: where it stands."""

    def __len__(self) -> int:
        """Orders that it holds."""
        return len(self._entries)

    def put(self, order: Order) -> None:
        """Hold an order where it stands now; one that has ended, is a draft or has no price is held no more."""
        place = _place(order)
        entries = () if order.state in _AWAY else tuple(_entries(order))
        if self._entries.get(order.order_id) == (place, entries):
            return
        self.remove(order.order_id)
        if entries:
            self._entries[order.order_id] = (place, entries)
            ladder = self._ladders.setdefault(place, [])
            for entry in entries:
                insort(ladder, entry)

    def remove(self, order_id: str) -> None:
        """Hold an order no more; nothing happens if it is not held."""
        place, entries = self._entries.pop(order_id, (None, ()))
        if place is None:
            return
        ladder = self._ladders[place]
        for entry in entries:
            del ladder[bisect_left(ladder, entry)]
        if not ladder:
            del self._ladders[place]

    def duplicates(self, order: Order, tolerance: Decimal) -> tuple[str, ...]:
        """Name the orders of the same exchange, symbol, side and type at the same price level, best price first.

        Levels that differ by no more than `tolerance`, in price units, are the same; of STOP_LIMIT orders both prices
        have to be. The order itself and the one that it replaces are no duplicates of it. Empty for a MARKET order.
        """
        ladder = self._ladders.get(_place(order), ())
        found: dict[str, None] = {}
        for level, _, _, stop in _entries(order):
            first = bisect_left(ladder, EXACT.subtract(level, tolerance), key=_level)
            end = bisect_right(ladder, EXACT.add(level, tolerance), key=_level)
            for _, _, order_id, other_stop in ladder[first:end]:
                if EXACT.subtract(stop, other_stop).copy_abs() <= tolerance:
                    found[order_id] = None
        found.pop(order.order_id, None)
        if order.replaces is not None:
            found.pop(order.replaces, None)
        return tuple(found)

    def crossing(self, order: Order) -> tuple[str, ...]:
        """Name the LIMIT orders of the other side that an order would execute against at the venue, best price first.

        Those are all of them for a MARKET order. Empty for a stop order, which waits for its trigger, and for a
        post-only order, which its venue refuses rather than lets it execute.
        """
        if order.type not in _TAKERS or order.post_only:
            return ()
        buys = order.side is Side.BUY
        ladder = self._ladders.get((order.exchange, order.symbol, Side.SELL if buys else Side.BUY, OrderType.LIMIT), [])
        end = len(ladder)
        if order.price is not None:
            # Levels of buy orders are negative, so that in both ladders the best price is the first.
            end = bisect_right(ladder, order.price if buys else order.price.copy_negate(), key=_level)
        return tuple(dict.fromkeys(entry[2] for entry in ladder[:end]))


def _place(order: Order) -> _Place:
    return order.exchange, order.symbol, order.side, order.type


def _level(entry: _Entry) -> Decimal:
    return entry[0]


def _entries(order: Order) -> Iterator[_Entry]:
    # Where an order stands, and where it may stand already while a change of its prices is under way.
    change = order.modification
    yield from _entry(order, order.price, order.stop_price)
    if change is not None and change.kind is ModificationKind.AMEND:
        price = order.price if change.price is None else change.price
        stop = order.stop_price if change.stop_price is None else change.stop_price
        if (price, stop) != (order.price, order.stop_price):
            yield from _entry(order, price, stop)


def _entry(order: Order, price: Decimal | None, stop_price: Decimal | None) -> Iterator[_Entry]:
    level = stop_price if order.type is OrderType.STOP_MARKET else price
    if level is None or order.type is OrderType.MARKET:
        return
    stop = stop_price if order.type is OrderType.STOP_LIMIT and stop_price is not None else ZERO
    yield level.copy_negate() if order.side is Side.BUY else level, order.created_at_ms, order.order_id, stop
