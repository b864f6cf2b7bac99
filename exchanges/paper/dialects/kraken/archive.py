"""Kraken's view of the engine's record: orders and trades under Kraken's ids, and what Kraken alone remembers of them.

It finds; it never changes the engine.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from operator import attrgetter

from exchanges.paper.dialects.kraken.ids import number_of, venue_id
from exchanges.paper.dialects.kraken.names import Pairs
from exchanges.paper.engine import Engine
from exchanges.paper.model import Execution, PaperOrder
from messages.fills import Liquidity
from messages.types import Side

_PAIR_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """One entry of an order's history of amendments."""

    amend_id: str
    kind: str
    """`original` or `user`."""
    order: PaperOrder
    """The order right after it."""
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """An execution as REST shows it, or several of one taker action in one."""

    first: Execution
    size: Decimal
    value: Decimal
    fee: Decimal

    @property
    def is_maker(self) -> bool:
        """Whether it made liquidity."""
        return self.first.liquidity is Liquidity.MAKER


class Archive:
    """Every order and execution of the venue, by Kraken's ids."""

    def __init__(self, engine: Engine, pairs: Pairs) -> None:
        self.user_references: dict[int, int] = {}
        """`userref` by order, where one was given."""
        self.amendments: dict[int, list[Amendment]] = defaultdict(list)
        """By order, oldest first; empty for an order that was never amended."""
        self._engine = engine
        self._symbols = [pair.instrument.symbol for pair in pairs.all()]

    # ----- ids

    def fill_id(self, execution: Execution) -> str:
        """Return the `T…` id of an execution, unique at the venue: both sides of a trade have their own."""
        place = self._symbols.index(execution.symbol) << 1 | (execution.side is Side.SELL)
        return venue_id("T", execution.trade_id << _PAIR_BITS | place)

    def trade(self, account: str, fill_id: str) -> Execution | None:
        """Return an account's execution by its id, or None."""
        number = number_of("T", fill_id)
        if number is None:
            return None
        place = number & (1 << _PAIR_BITS) - 1
        if place >> 1 >= len(self._symbols):
            return None
        found = self._engine.executions_of(account, self._symbols[place >> 1])
        trade_id = number >> _PAIR_BITS
        index = bisect_left(found, trade_id, key=attrgetter("trade_id"))
        side = Side.SELL if place & 1 else Side.BUY
        candidates = (one for one in found[index : index + 2] if (one.trade_id, one.side) == (trade_id, side))
        return next(candidates, None)

    # ----- orders

    def order(self, account: str, order_id: str) -> PaperOrder | None:
        """Return an account's order by its `O…` id, or None."""
        number = number_of("O", order_id)
        found = None if number is None else self._engine.order(number)
        return found if found is not None and found.account == account else None

    def latest(self, account: str, client_id: str) -> PaperOrder | None:
        """Return the account's latest order with a client order id, or None. Only the latest can be open."""
        every = (self._engine.find(account, symbol, client_id) for symbol in self._symbols)
        found = [order for order in every if order is not None]
        return max(found, key=attrgetter("order_id"), default=None)

    def is_taken(self, account: str, client_id: str) -> bool:
        """Whether an open order of the account carries a client order id, whatever its pair."""
        return any(self._engine.truth.has_open(account, symbol, client_id) for symbol in self._symbols)

    def orders(self, account: str) -> list[PaperOrder]:
        """Return all of an account's orders, open or not."""
        return [order for symbol in self._symbols for order in self._engine.orders_of(account, symbol)]

    # ----- trades

    def executions(self, account: str) -> list[Execution]:
        """Return all of an account's executions, oldest first."""
        every = [one for symbol in self._symbols for one in self._engine.executions_of(account, symbol)]
        return sorted(every, key=attrgetter("at_ms"))

    def executions_of(self, order: PaperOrder) -> list[Execution]:
        """Return the executions that this state of an order has seen, oldest first."""
        found = self._engine.truth.executions_of_order(order.order_id)
        seen = accumulate(one.size for one in found)
        return [one for one, size in zip(found, seen, strict=True) if size <= order.filled_size]


def trades(executions: Iterable[Execution], *, consolidated: bool) -> list[Trade]:
    """Return them as trades; consolidated: what one order took in one instant is one trade, under its first id."""
    found: list[Trade] = []
    for one in executions:
        last = found[-1] if found else None
        if consolidated and last is not None and _same_action(last.first, one):
            found[-1] = Trade(
                first=last.first, size=last.size + one.size, value=last.value + one.value, fee=last.fee + one.fee
            )
        else:
            found.append(Trade(first=one, size=one.size, value=one.value, fee=one.fee))
    return found


def _same_action(first: Execution, other: Execution) -> bool:
    took = first.liquidity is Liquidity.TAKER is other.liquidity
    return took and (first.order_id, first.at_ms) == (other.order_id, other.at_ms)
