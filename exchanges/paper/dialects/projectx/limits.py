"""The ProjectX Gateway's rate limits: requests of one user in a sliding window. No clock; times are handed in."""

from collections import defaultdict, deque

REQUESTS_MAX = 200
WINDOW_MS = 60_000
BARS_MAX = 50
BARS_WINDOW_MS = 30_000


class Limits:
    """Counts every request; refuses only while `enabled`."""

    def __init__(self) -> None:
        self.enabled = False
        self._seen: defaultdict[tuple[str, bool], deque[int]] = defaultdict(deque)

    def wait_ms(self, user: str, now_ms: int, *, bars: bool) -> int:
        """Count a request and return 0, or return how long until the next one would be accepted.

        Bars have a limit of their own; everything else together has the other one.
        """
        most, window_ms = (BARS_MAX, BARS_WINDOW_MS) if bars else (REQUESTS_MAX, WINDOW_MS)
        seen = self._seen[user, bars]
        while seen and seen[0] <= now_ms - window_ms:
            seen.popleft()
        if self.enabled and len(seen) >= most:
            return seen[-most] + window_ms - now_ms
        seen.append(now_ms)
        return 0
