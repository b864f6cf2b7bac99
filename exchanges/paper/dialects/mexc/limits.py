"""MEXC's rate limits: requests and placements per second, weight per ten seconds, bans for those who go on.

Stated limits disagree, so the strictest that anybody was told of count. No header says what is left. Windows are fixed
and aligned to the venue's clock; it refuses only when enabled.
"""

from dataclasses import dataclass, field

WEIGHT_PER_10_S = 300
REQUESTS_PER_S = 20
ORDERS_PER_S = 12
ACCOUNTS_PER_S = 2
OPEN_ORDERS = 500
"""Open orders that one account may have."""
_SECOND_MS = 1_000
_TEN_SECONDS_MS = 10_000
_PATIENCE = 20
"""Refusals within ten seconds before a ban."""
_FIRST_BAN_MS = 120_000
_LONGEST_BAN_MS = 3 * 86_400_000


@dataclass(slots=True)
class _Window:
    length_ms: int
    most: int
    _number: int = -1
    _count: int = 0

    def add(self, amount: int, now_ms: int) -> int:
        """Count, and return the sum of the present window."""
        number = now_ms // self.length_ms
        if number != self._number:
            self._number, self._count = number, 0
        self._count += amount
        return self._count

    def left_ms(self, amount: int, now_ms: int) -> int:
        """Return 0 when this much more fits, else how long the present window lasts."""
        if self.add(0, now_ms) + amount <= self.most:
            return 0
        return self.length_ms - now_ms % self.length_ms


def _second(most: int) -> _Window:
    return _Window(_SECOND_MS, most)


@dataclass(slots=True)
class Limits:
    """All counters of one venue. Everybody shares one address here, and so one set of counters."""

    enabled: bool = False
    _weight: _Window = field(default_factory=lambda: _Window(_TEN_SECONDS_MS, WEIGHT_PER_10_S))
    _requests: _Window = field(default_factory=lambda: _second(REQUESTS_PER_S))
    _orders: _Window = field(default_factory=lambda: _second(ORDERS_PER_S))
    _accounts: _Window = field(default_factory=lambda: _second(ACCOUNTS_PER_S))
    _refused: _Window = field(default_factory=lambda: _Window(_TEN_SECONDS_MS, _PATIENCE))
    _banned_until_ms: int = 0
    _next_ban_ms: int = _FIRST_BAN_MS

    def admit(self, weight: int, now_ms: int, *, places: bool, account: bool) -> int:
        """Count a request and return 0, or return how many ms it has to wait: refused requests are not counted.

        `places`: it would place an order. `account`: it asks for the balances.
        """
        if not self.enabled:
            return 0
        if self.is_banned(now_ms):
            return self._banned_until_ms - now_ms
        counted = [(self._weight, weight), (self._requests, 1)]
        counted += [(self._orders, 1)] if places else []
        counted += [(self._accounts, 1)] if account else []
        wait_ms = max(window.left_ms(amount, now_ms) for window, amount in counted)
        if wait_ms:
            return self._refuse(wait_ms, now_ms)
        for window, amount in counted:
            window.add(amount, now_ms)
        return 0

    def is_banned(self, now_ms: int) -> bool:
        """Whether the address is banned now."""
        return now_ms < self._banned_until_ms

    def _refuse(self, wait_ms: int, now_ms: int) -> int:
        if self._refused.add(1, now_ms) <= self._refused.most:
            return wait_ms
        ban_ms = self._next_ban_ms
        self._banned_until_ms = now_ms + ban_ms
        self._next_ban_ms = min(ban_ms * 2, _LONGEST_BAN_MS)
        return ban_ms
