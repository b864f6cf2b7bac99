"""Coinbase's rate limits: requests per second of each user, and of each address at public endpoints and for streams.

Windows are fixed and aligned to the venue's clock. Nothing is refused, and no limit announced, unless it is enabled.
"""

PRIVATE_PER_S = 30
PUBLIC_PER_S = 10
CONNECTIONS_PER_S = 8
_SECOND_MS = 1_000


class Limits:
    """All counters of one venue. Everybody shares one address here."""

    def __init__(self) -> None:
        self.enabled = False
        self._windows: dict[str, tuple[int, int]] = {}

    def request(self, account: str, now_ms: int) -> tuple[int, dict[str, str]]:
        """Count a request of an account, or a public one where it is empty.

        Returns how many ms it has to wait, 0 when it may pass, and the headers of its answer.
        """
        limit = PRIVATE_PER_S if account else PUBLIC_PER_S
        used, left_ms = self._count(f"account/{account}" if account else "public", now_ms)
        if not self.enabled:
            return 0, {}
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(limit - used, 0)),
            "x-ratelimit-reset": str(-(-left_ms // _SECOND_MS)),
        }
        return (left_ms if used > limit else 0), headers

    def connection(self, now_ms: int) -> bool:
        """Count a new stream connection and return whether it may be opened."""
        used, _ = self._count("connections", now_ms)
        return used <= CONNECTIONS_PER_S or not self.enabled

    def _count(self, name: str, now_ms: int) -> tuple[int, int]:
        second = now_ms // _SECOND_MS
        began, used = self._windows.get(name, (second, 0))
        used = used + 1 if began == second else 1
        self._windows[name] = second, used
        return used, _SECOND_MS - now_ms % _SECOND_MS
