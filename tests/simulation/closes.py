"""The auditor's view of closes: one at a time, never for more than there is, each with one end.

What is there, is what the auditor's own positions say; whether an order still works is what the venue says.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from exchanges.paper.model import PaperOrder
from messages.codec import decode
from messages.events import PositionCloseEnded
from messages.fills import CloseState, Fill, PositionClose
from messages.types import Order, OrderType, Side

from .deadlines import TimeoutAudit
from .positions import PositionAudit

_ENDED_EVENT = b'"PositionCloseEnded"'


class Orders(Protocol):
    """What the auditor knows of orders."""

    orders: dict[str, dict[str, Order]]
    """Those that are recorded, by account and our order id."""
    by_order: dict[tuple[str, str], list[Fill]]

    def all_orders(self, account: str) -> dict[str, Order]:
        """Every order that was ever recorded, as it is or was last."""
        ...

    def venue_orders(self, account: str, order: Order) -> list[PaperOrder]:
        """Every order at the venue that belongs to an order of ours."""
        ...

    def may_arrive(self, account: str, order: Order) -> bool:
        """Whether a placement is on its way that would be accepted."""
        ...


class CloseAudit:
    """Of all accounts."""

    def __init__(
        self,
        orders: Orders,
        positions: PositionAudit,
        timeouts: TimeoutAudit,
        violate: Callable[[str, str], None],
    ) -> None:
        self._orders = orders
        self._positions = positions
        self._timeouts = timeouts
        self._violate = violate
        self.closes: dict[str, dict[str, PositionClose]] = defaultdict(dict)
        """Committed, by account and close id."""
        self.by_order: dict[tuple[str, str], PositionClose] = {}
        """By account and our order id."""
        self.told: Counter[str] = Counter()
        """Ends told in committed events, by close id."""
        self._elsewhere: dict[tuple[str, str], int] = {}
        """By account and close id: executions of other orders in the symbol when it began."""
        self.timeout_ms = 0

    def on_section(
        self, account: str, closes: list[PositionClose], booked: dict[str, Fill], events: tuple[bytes, ...]
    ) -> None:
        """A section was committed; its orders and positions are known already."""
        for close in closes:
            self._on_close(account, close)
        for fill in booked.values():
            held = self.by_order.get((account, fill.order_id))
            if held is not None:
                self._check_turned(account, held, fill)
        for raw in events:
            if _ENDED_EVENT in raw[:120]:
                event = decode(raw)
                assert isinstance(event, PositionCloseEnded)
                self._on_told(account, event.close)

    def active(self, account: str) -> list[PositionClose]:
        """Closes that have not ended."""
        return [close for close in self.closes[account].values() if close.state is CloseState.ACTIVE]

    def is_overdue(self, close: PositionClose) -> bool:
        """Whether a close may be cancelled because it takes too long."""
        return self._timeouts.is_over(close.started_ms, self.timeout_ms)

    def _on_told(self, account: str, close: PositionClose) -> None:
        self.told[close.close_id] += 1
        if self.told[close.close_id] > 1:
            self._violate("S11 closes", f"the end of {close.close_id} was told twice")
        if close != self.closes[account].get(close.close_id):
            self._violate("S11 closes", f"the end of {close.close_id} was told otherwise than it was recorded")

    def _on_close(self, account: str, close: PositionClose) -> None:
        before = self.closes[account].get(close.close_id)
        if before is None:
            self._check_begin(account, close)
        elif before.state is not CloseState.ACTIVE:
            self._violate("S11 closes", f"{close.close_id} had ended, and goes on")
        self.closes[account][close.close_id] = close
        self.by_order[account, close.order_id] = close
        order = self._orders.orders[account][close.order_id]
        if close.state is not CloseState.ACTIVE:
            if any(each.is_open for each in self._orders.venue_orders(account, order)):
                self._violate("S11 closes", f"{close.close_id} ended, its order works at the venue")
            if close.closed_size != order.filled_size or self.told[close.close_id]:
                self._violate("S11 closes", f"{close.close_id} ended with {close.closed_size}, or twice")
        elif close.cancelling and not self.is_overdue(close):
            self._violate("S11 closes", f"{close.close_id} is cancelled before its time is over")

    def _check_begin(self, account: str, close: PositionClose) -> None:
        others = [
            each for each in self.closes[account].values()
            if each.symbol == close.symbol and each.close_id != close.close_id
        ]  # fmt: skip
        for other in others:
            order = self._orders.all_orders(account)[other.order_id]
            works = any(each.is_open for each in self._orders.venue_orders(account, order))
            if other.state is CloseState.ACTIVE or works or self._orders.may_arrive(account, order):
                self._violate("S11 one close", f"{close.close_id} begins while {other.close_id} runs")
        naive = self._positions.naive[account, close.symbol]
        size = naive.now.size
        side = Side.SELL if size > 0 else Side.BUY
        own = self._orders.orders[account].get(close.order_id)
        if own is None or (own.type, own.side, own.size) != (OrderType.MARKET, side, close.size):
            self._violate("S11 closes", f"{close.close_id} closes {float(size)} with {own}")
        if not 0 < Fraction(close.size) <= abs(size) or close.size > (close.asked or Decimal("Infinity")):
            self._violate("S11 too much", f"{close.close_id} closes {close.size} of {float(size)}, asked {close.asked}")
        self._elsewhere[account, close.close_id] = self._others(account, close)

    def _others(self, account: str, close: PositionClose) -> int:
        fills = self._positions.naive[account, close.symbol].fills
        return sum(fill.order_id != close.order_id for _, fill in fills)

    def _check_turned(self, account: str, close: PositionClose, fill: Fill) -> None:
        before, after = self._positions.naive[account, fill.symbol].before_and_after(fill)
        turned = before * after < 0 or (before == 0 and after != 0)
        if turned and self._others(account, close) == self._elsewhere[account, close.close_id]:
            self._violate("S11 turned round", f"{close.close_id} turned the position from {before} to {after}")
