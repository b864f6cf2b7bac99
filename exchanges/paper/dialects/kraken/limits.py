"""Kraken's two kinds of counters, both draining with time: one per key for REST calls, one per account and pair.

They count and refuse only when enabled, for no answer tells where they stand. Tier: Intermediate.
"""

from exchanges.paper.dialects.kraken.errors import ORDER_RATE_LIMIT, ORDERS_LIMIT, RATE_LIMIT, KrakenError

REST_MAX = 20
ENGINE_MAX = 125
OPEN_ORDERS_MAX = 80
_UNIT = 1_000_000
_REST_DRAIN = 500
"""Millionths per millisecond: 0.5 a second."""
_ENGINE_DRAIN = 2_340
_CANCEL_COSTS = ((5_000, 8), (10_000, 6), (15_000, 5), (45_000, 4), (90_000, 2), (300_000, 1))
"""What an action costs by the order's age: below so many milliseconds, so much."""
_AMEND_COSTS = ((5_000, 3), (10_000, 2), (15_000, 1))
_AMEND_FIXED = 1


class _Counter:
    """A level that falls steadily and never below zero."""

    def __init__(self, drain: int) -> None:
        self._drain = drain
        self._level = 0
        self._at_ms = 0

    def add(self, units: int, now_ms: int, units_max: int) -> bool:
        """Count and return True, or return False where the level would pass the maximum; then nothing is counted."""
        self._level = max(self._level - max(now_ms - self._at_ms, 0) * self._drain, 0)
        self._at_ms = max(self._at_ms, now_ms)
        fits = self._level + units * _UNIT <= units_max * _UNIT
        self._level += units * _UNIT if fits else 0
        return fits


class Limits:
    """All counters of one venue."""

    def __init__(self) -> None:
        self.enabled = False
        self._calls: dict[str, _Counter] = {}
        self._engine: dict[tuple[str, str], _Counter] = {}

    def count_call(self, api_key: str, cost: int, now_ms: int) -> None:
        """Count a REST call. Raises KrakenError when there were too many."""
        self._count(self._calls.setdefault(api_key, _Counter(_REST_DRAIN)), cost, now_ms, (REST_MAX, RATE_LIMIT))

    def count_add(self, account: str, symbol: str, now_ms: int) -> None:
        """Count a placement, also one that will be refused. Raises KrakenError."""
        self._count_engine(account, symbol, 1, now_ms)

    def count_amend(self, account: str, symbol: str, age_ms: int, now_ms: int) -> None:
        """Count an amendment of an order that is so old. Raises KrakenError."""
        self._count_engine(account, symbol, _AMEND_FIXED + _by_age(_AMEND_COSTS, age_ms), now_ms)

    def count_cancel(self, account: str, symbol: str, age_ms: int, now_ms: int) -> None:
        """Count a cancel of an order that is so old. Raises KrakenError."""
        self._count_engine(account, symbol, _by_age(_CANCEL_COSTS, age_ms), now_ms)

    def check_open(self, count: int) -> None:
        """Raise KrakenError when one more order would be too many for the pair."""
        if count >= OPEN_ORDERS_MAX:
            raise KrakenError(ORDERS_LIMIT)

    def _count_engine(self, account: str, symbol: str, cost: int, now_ms: int) -> None:
        counter = self._engine.setdefault((account, symbol), _Counter(_ENGINE_DRAIN))
        self._count(counter, cost, now_ms, (ENGINE_MAX, ORDER_RATE_LIMIT))

    def _count(self, counter: _Counter, cost: int, now_ms: int, limit: tuple[int, str]) -> None:
        units_max, text = limit
        if self.enabled and not counter.add(cost, now_ms, units_max):
            raise KrakenError(text)


def _by_age(costs: tuple[tuple[int, int], ...], age_ms: int) -> int:
    return next((cost for below_ms, cost in costs if age_ms < below_ms), 0)
