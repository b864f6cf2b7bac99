"""What really happened at the paper venue: every order ever accepted and every execution, for queries and auditors.

It only records. Orders of unaudited accounts are forgotten when they end, everything else is kept for good.
"""

from collections import defaultdict
from collections.abc import Sequence

from exchanges.paper.model import Execution, PaperOrder


class Truth:
    """The complete record, with the indexes that queries need."""

    def __init__(self) -> None:
        self.orders: dict[int, PaperOrder] = {}
        """Every accepted order in its present state, by id, in the order of acceptance."""
        self.executions: list[Execution] = []
        """Every execution, in the order in which they happened. One side of a trade each."""
        self.accepted_count = 0
        """Orders ever accepted, forgotten ones included."""
        self._open: dict[str, dict[int, None]] = defaultdict(dict)
        self._by_owner: dict[tuple[str, str], dict[int, None]] = defaultdict(dict)
        self._by_client_id: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._executions_by_owner: dict[tuple[str, str], list[Execution]] = defaultdict(list)
        self._executions_by_order: dict[int, list[Execution]] = defaultdict(list)

    def accept(self, order: PaperOrder) -> None:
        """Record a new order."""
        self.accepted_count += 1
        self.orders[order.order_id] = order
        self._open[order.account][order.order_id] = None
        self._by_owner[order.account, order.symbol][order.order_id] = None
        self._by_client_id[order.account, order.symbol, order.client_order_id].append(order.order_id)

    def update(self, order: PaperOrder) -> None:
        """Record an order's new state."""
        before = self.orders[order.order_id]
        self.orders[order.order_id] = order
        if not order.is_open:
            self._open[order.account].pop(order.order_id, None)
        if order.client_order_id != before.client_order_id:
            self._by_client_id[order.account, order.symbol, order.client_order_id].append(order.order_id)

    def execute(self, execution: Execution) -> None:
        """Record one side of a trade."""
        self.executions.append(execution)
        self._executions_by_owner[execution.account, execution.symbol].append(execution)
        self._executions_by_order[execution.order_id].append(execution)

    def forget(self, order: PaperOrder) -> None:
        """Drop an ended order of an unaudited account. Such accounts have no executions on record."""
        del self.orders[order.order_id]
        del self._by_owner[order.account, order.symbol][order.order_id]
        for client_order_id in {order.first_client_order_id, order.client_order_id}:
            key = (order.account, order.symbol, client_order_id)
            self._by_client_id[key].remove(order.order_id)
            if not self._by_client_id[key]:
                del self._by_client_id[key]

    def find(self, account: str, symbol: str, client_order_id: str) -> PaperOrder | None:
        """Return the latest order that carries or carried this client order id, or None."""
        ids = self._by_client_id.get((account, symbol, client_order_id), ())
        return self.orders[ids[-1]] if ids else None

    def has_open(self, account: str, symbol: str, client_order_id: str) -> bool:
        """Whether an open order carries this client order id now."""
        ids = self._by_client_id.get((account, symbol, client_order_id), ())
        found = (self.orders[order_id] for order_id in ids)
        return any(order.is_open and order.client_order_id == client_order_id for order in found)

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[PaperOrder, ...]:
        """Return open orders in the order of acceptance; symbol None: of all symbols."""
        found = (self.orders[order_id] for order_id in self._open.get(account, ()))
        return tuple(order for order in found if symbol in (None, order.symbol))

    def orders_of(self, account: str, symbol: str) -> tuple[PaperOrder, ...]:
        """Return all orders of one owner and symbol in the order of acceptance."""
        return tuple(self.orders[order_id] for order_id in self._by_owner.get((account, symbol), ()))

    def executions_of(self, account: str, symbol: str) -> Sequence[Execution]:
        """Return all executions of one owner and symbol, oldest first."""
        return self._executions_by_owner.get((account, symbol), ())

    def executions_of_order(self, order_id: int) -> Sequence[Execution]:
        """Return the executions of one order, oldest first."""
        return self._executions_by_order.get(order_id, ())

    def duplicates(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Return, by (account, client order id), the orders of every id under which more than one was accepted."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for order in self.orders.values():
            groups[order.account, order.first_client_order_id].append(order.order_id)
        return {key: tuple(ids) for key, ids in groups.items() if len(ids) > 1}
