"""KuCoin's rate limits: weighted pools of 30 seconds, which begin with the first request in them.

It counts and announces only what it enforces: clients obey what is announced. No clock: the time is handed in.
"""

from enum import StrEnum

_WINDOW_MS = 30_000


class Pool(StrEnum):
    """What a request is charged to."""

    SPOT = "spot"
    MANAGEMENT = "management"
    PUBLIC = "public"
    """Per address, of which a paper venue has one; the others are per user."""


QUOTAS = {Pool.SPOT: 4_000, Pool.MANAGEMENT: 2_000, Pool.PUBLIC: 2_000}


class Limits:
    """All pools of one venue."""

    def __init__(self) -> None:
        self.enabled = False
        self._windows: dict[tuple[Pool, str], tuple[int, int]] = {}

    def charge(self, pool: Pool, user: str, weight: int, now_ms: int) -> bool:
        """Charge a request to its pool; whether it may pass. One that may not pass is not charged."""
        if not self.enabled:
            return True
        begun_ms, used = self._window(pool, user, now_ms)
        if used + weight > QUOTAS[pool]:
            return False
        self._windows[pool, user] = (begun_ms, used + weight)
        return True

    def left_ms(self, pool: Pool, user: str, now_ms: int) -> int:
        """Return how long the present window of a pool lasts."""
        return self._window(pool, user, now_ms)[0] + _WINDOW_MS - now_ms

    def headers(self, pool: Pool, user: str, now_ms: int) -> dict[str, str]:
        """Return the headers that announce the state of a pool."""
        if not self.enabled:
            return {}
        remaining = QUOTAS[pool] - self._window(pool, user, now_ms)[1]
        return limit_headers(QUOTAS[pool], remaining, self.left_ms(pool, user, now_ms))

    def _window(self, pool: Pool, user: str, now_ms: int) -> tuple[int, int]:
        begun_ms, used = self._windows.get((pool, user), (now_ms, 0))
        return (begun_ms, used) if now_ms < begun_ms + _WINDOW_MS else (now_ms, 0)


def limit_headers(quota: int, remaining: int, reset_ms: int) -> dict[str, str]:
    """Return the headers of a pool."""
    return {
        "gw-ratelimit-limit": str(quota),
        "gw-ratelimit-remaining": str(remaining),
        "gw-ratelimit-reset": str(reset_ms),
    }
