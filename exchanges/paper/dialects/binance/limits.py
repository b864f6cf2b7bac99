"""Binance's rate limits: request weight per minute and address, unfilled orders per account, bans for those who go on.

Windows are fixed and aligned to the venue's clock. It always counts, for the headers; it refuses only when enabled.
"""

from dataclasses import dataclass

from exchanges.paper.dialects.binance.errors import BANNED, TOO_MANY_ORDERS, TOO_MANY_REQUESTS, BinanceError, Refusal

WEIGHT_PER_MINUTE = 6_000
ORDERS_PER_10_S = 100
ORDERS_PER_DAY = 200_000
_MINUTE_MS = 60_000
_TEN_SECONDS_MS = 10_000
_DAY_MS = 86_400_000
_PATIENCE = 20
"""Requests after a 429 within the same minute before the ban."""
_BAN_MS = 120_000


class _Window:
    """A counter that starts again with every window."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._number = -1
        self._count = 0

    def add(self, amount: int, now_ms: int) -> int:
        """Count and return the sum of the present window; it never falls below zero."""
        number = now_ms // self._length_ms
        if number != self._number:
            self._number, self._count = number, 0
        self._count = max(self._count + amount, 0)
        return self._count

    def left_ms(self, now_ms: int) -> int:
        """Return how long the present window lasts."""
        return self._length_ms - now_ms % self._length_ms


@dataclass(frozen=True, slots=True)
class _Orders:
    ten_seconds: _Window
    day: _Window


class Limits:
    """All counters of one venue. Everybody shares one address here, so there is one weight counter."""

    def __init__(self) -> None:
        self.enabled = False
        self._weight = _Window(_MINUTE_MS)
        self._refused = _Window(_MINUTE_MS)
        self._orders: dict[str, _Orders] = {}
        self._banned_until_ms = 0

    def charge(self, weight: int, now_ms: int) -> None:
        """Count the weight of a request."""
        self._weight.add(weight, now_ms)

    def check(self, weight: int, now_ms: int) -> int:
        """Return 0 when a request of this weight may pass, else how many ms it has to wait: 429, or 418 once banned."""
        if not self.enabled:
            return 0
        if now_ms < self._banned_until_ms:
            return self._banned_until_ms - now_ms
        if self._weight.add(0, now_ms) + weight <= WEIGHT_PER_MINUTE:
            return 0
        if self._refused.add(1, now_ms) > _PATIENCE:
            self._banned_until_ms = now_ms + _BAN_MS
            return _BAN_MS
        return self._weight.left_ms(now_ms)

    def is_banned(self, now_ms: int) -> bool:
        """Whether the address is banned now."""
        return now_ms < self._banned_until_ms

    def check_orders(self, account: str, now_ms: int) -> None:
        """Raise BinanceError -1015 when the account has used up its unfilled orders."""
        orders = self._of(account)
        full = orders.ten_seconds.add(0, now_ms) >= ORDERS_PER_10_S or orders.day.add(0, now_ms) >= ORDERS_PER_DAY
        if self.enabled and full:
            raise BinanceError(TOO_MANY_ORDERS)

    def count_order(self, account: str, change: int, now_ms: int) -> None:
        """Count a placement (1) or give one back for a filled order (-1)."""
        orders = self._of(account)
        orders.ten_seconds.add(change, now_ms)
        orders.day.add(change, now_ms)

    def weight_headers(self, now_ms: int) -> dict[str, str]:
        """Return the headers that every answer carries."""
        used = str(self._weight.add(0, now_ms))
        return {"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used}

    def order_headers(self, account: str, now_ms: int) -> dict[str, str]:
        """Return the headers that answers to placements carry."""
        ten_seconds, day = self.order_counts(account, now_ms)
        return {"x-mbx-order-count-10s": str(ten_seconds), "x-mbx-order-count-1d": str(day)}

    def order_counts(self, account: str, now_ms: int) -> tuple[int, int]:
        """Return the unfilled orders of the last ten seconds and of the day."""
        orders = self._of(account)
        return orders.ten_seconds.add(0, now_ms), orders.day.add(0, now_ms)

    def weight_used(self, now_ms: int) -> int:
        """Return the weight used in this minute."""
        return self._weight.add(0, now_ms)

    def _of(self, account: str) -> _Orders:
        if account not in self._orders:
            self._orders[account] = _Orders(_Window(_TEN_SECONDS_MS), _Window(_DAY_MS))
        return self._orders[account]


def too_many_requests() -> Refusal:
    """Return the words of a 429."""
    text = (
        f"Too many requests; current limit of IP(127.0.0.1) is {WEIGHT_PER_MINUTE} requests per minute. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return Refusal(-1003, text, TOO_MANY_REQUESTS)


def way_too_many_requests(until_ms: int) -> Refusal:
    """Return the words of a 418."""
    text = f"Way too many requests; IP(127.0.0.1) banned until {until_ms}. Please use WebSocket Streams."
    return Refusal(-1003, text, BANNED)
