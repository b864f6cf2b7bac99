"""What the matching engine charges a pair's counter for an order call: the younger the order, the more. Pure.

Ages are known of orders that were placed or amended through the same session. Of any other order it is not told when it
was touched last; it is taken for old, and the venue's own counter may then be fuller than ours.
"""

PLACE_COST = 1
_AMEND_COST = 1
# Younger than so many milliseconds: charged so much more.
_AMEND_BY_AGE = ((5_000, 3), (10_000, 2), (15_000, 1))
_CANCEL_BY_AGE = ((5_000, 8), (10_000, 6), (15_000, 5), (45_000, 4), (90_000, 2), (300_000, 1))
_OLD_MS = 300_000
_KEPT = 1000


class OrderAges:
    """When orders were placed or amended last, monotonic milliseconds, by client order id. Not thread-safe."""

    def __init__(self) -> None:
        self._touched_ms: dict[str, int] = {}

    def touched(self, client_order_id: str, now_ms: int) -> None:
        """Take note that an order is being placed or amended."""
        self._touched_ms.pop(client_order_id, None)
        self._touched_ms[client_order_id] = now_ms
        if len(self._touched_ms) > _KEPT:
            # In the order in which they were touched.
            self._touched_ms = {each: at_ms for each, at_ms in self._touched_ms.items() if now_ms - at_ms < _OLD_MS}

    def amend_cost(self, client_order_id: str, now_ms: int) -> int:
        """Tell what amending an order costs now."""
        return _AMEND_COST + self._by_age(_AMEND_BY_AGE, client_order_id, now_ms)

    def cancel_cost(self, client_order_id: str, now_ms: int) -> int:
        """Tell what cancelling an order costs now."""
        return self._by_age(_CANCEL_BY_AGE, client_order_id, now_ms)

    def _by_age(self, table: tuple[tuple[int, int], ...], client_order_id: str, now_ms: int) -> int:
        touched_ms = self._touched_ms.get(client_order_id)
        if touched_ms is None:
            return 0
        return next((cost for below_ms, cost in table if now_ms - touched_ms < below_ms), 0)
