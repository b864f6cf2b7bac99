"""What queries may see: orders hidden for a while after their acceptance, and lists as they were some time ago.

It looks at the engine and never changes it.
"""

from collections import deque
from dataclasses import dataclass

from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, Execution, OrderEvent, PaperOrder

_REMEMBERED_MS = 60_000
_REMEMBERED_CHANGES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class _Change:
    at_ms: int
    order_id: int
    before: PaperOrder | None


class Visibility:
    """Hidden orders and the recent past of open ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hidden: dict[int, int] = {}
        self._latest: dict[int, PaperOrder] = {}
        self._changes: deque[_Change] = deque(maxlen=_REMEMBERED_CHANGES_MAX)

    def hide(self, order_id: int, until_ms: int) -> None:
        """Show an order to no query before this venue time."""
        self._hidden[order_id] = until_ms

    def observe(self, events: Events) -> None:
        """Remember the changes of orders; needed for lists of the past."""
        for event in events:
            if isinstance(event, OrderEvent) and self._is_audited(event.account):
                order = event.order
                before = self._latest.pop(order.order_id, None)
                self._changes.append(_Change(event.at_ms, order.order_id, before))
                if order.is_open:
                    self._latest[order.order_id] = order
        if events:
            self._drop_before(events[-1].at_ms - _REMEMBERED_MS)

    def lens(self, now_ms: int, stale_ms: int = 0, trades_stale_ms: int = 0) -> "Lens":
        """Return what queries see now; lists of open orders are `stale_ms` old, lists of trades `trades_stale_ms`."""
        return Lens(self, now_ms, stale_ms, trades_stale_ms)

    def is_hidden(self, order_id: int, now_ms: int) -> bool:
        """Whether an order is still hidden at a venue time."""
        until_ms = self._hidden.get(order_id)
        if until_ms is not None and until_ms <= now_ms:
            del self._hidden[order_id]
        return order_id in self._hidden

    def open_orders_at(self, account: str, at_ms: int) -> tuple[PaperOrder, ...]:
        """Return an account's open orders as they were at a venue time of the last minute."""
        found: dict[int, PaperOrder | None] = {order.order_id: order for order in self._engine.open_orders(account)}
        for change in reversed(self._changes):
            if change.at_ms <= at_ms:
                break
            found[change.order_id] = change.before
        orders = (found[order_id] for order_id in sorted(found))
        return tuple(order for order in orders if order is not None and order.account == account)

    def open_orders(self, account: str, symbol: str | None) -> tuple[PaperOrder, ...]:
        """Return an account's open orders of now."""
        return self._engine.open_orders(account, symbol)

    def _drop_before(self, at_ms: int) -> None:
        while self._changes and self._changes[0].at_ms < at_ms:
            self._changes.popleft()

    def _is_audited(self, account: str) -> bool:
        found = self._engine.ledger.get(account)
        return found is not None and found.audited


@dataclass(frozen=True, slots=True)
class Lens:
    """How one query sees the venue."""

    _visibility: Visibility
    _now_ms: int
    _stale_ms: int
    _trades_stale_ms: int

    def shows(self, order_id: int) -> bool:
        """Whether this query can see an order."""
        return not self._visibility.is_hidden(order_id, self._now_ms)

    def shows_trade(self, execution: Execution) -> bool:
        """Whether a list of trades can have an execution in it."""
        listed = not self._trades_stale_ms or execution.at_ms <= self._now_ms - self._trades_stale_ms
        return listed and self.shows(execution.order_id)

    def open_orders(self, account: str, symbol: str | None) -> tuple[PaperOrder, ...]:
        """Return the open orders that this query can see; symbol None: of all symbols."""
        if self._stale_ms:
            found = self._visibility.open_orders_at(account, self._now_ms - self._stale_ms)
        else:
            found = self._visibility.open_orders(account, symbol)
        return tuple(order for order in found if symbol in (None, order.symbol) and self.shows(order.order_id))
