"""Which of a stream's connections serves, which one is being opened, and when the next is due.

Pure: time and randomness are handed in. It never has two connections opening at once, and never gives up a serving
connection before its successor is ready.
"""

from dataclasses import dataclass
from random import Random

_NOTHING_DUE_MS = 60_000
_DOUBLINGS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """Time limits of one venue's stream, milliseconds."""

    connect_timeout_ms: int = 1500
    ready_timeout_ms: int = 5000
    """From connected to the confirmed subscription."""
    ping_every_ms: int
    """A connection on which we have said nothing for this long is pinged."""
    silence_ms: int
    """A connection quiet for this long, pings and pongs included, is lost."""
    max_age_ms: int
    """A connection is replaced at this age; the old one delivers until the new one is ready."""
    renew_every_ms: int = 0
    """How often what the connections live on is prolonged; 0: it needs none."""
    backoff_first_ms: int = 250
    backoff_max_ms: int = 30_000


class Succession:
    """The connections of one stream, by number. All times are monotonic milliseconds."""

    def __init__(self, rules: StreamRules, random: Random, *, now_ms: int) -> None:
        self._rules = rules
        self._random = random
        self._last = 0
        self._serving: int | None = None
        self._serving_since_ms = 0
        self._opening: int | None = None
        self._due_ms = now_ms
        self._failures = 0

    def due(self, now_ms: int) -> int | None:
        """Give the connection to open now its number, if one is due."""
        if self._opening is not None or now_ms < self._due_ms:
            return None
        self._last += 1
        self._opening = self._last
        return self._last

    def wait_ms(self, now_ms: int) -> int:
        """Say how long nothing is due, unless something happens."""
        if self._opening is not None:
            return _NOTHING_DUE_MS
        return max(1, self._due_ms - now_ms)

    def ready(self, number: int, now_ms: int) -> int | None:
        """Let a connection serve; the answer is the one that it replaces."""
        replaced = self._serving
        self._serving = number
        self._opening = None
        self._serving_since_ms = now_ms
        self._due_ms = now_ms + self._rules.max_age_ms
        return replaced

    def replace(self, number: int, now_ms: int) -> None:
        """Make a successor due at once, because this connection will end soon, if it serves."""
        if number == self._serving:
            self.replace_serving(now_ms)

    def replace_serving(self, now_ms: int) -> None:
        """Make a successor of the serving connection due at once."""
        if self._serving is not None and self._opening is None:
            self._due_ms = now_ms

    def ended(self, number: int, retry_after_ms: int, now_ms: int) -> bool:
        """Take note that a connection is gone; the answer is whether nothing serves any more because of it."""
        if number == self._serving:
            self._serving = None
            # A connection that served for long ended for its own reasons; one that ended at once failed.
            lasted = now_ms - self._serving_since_ms >= self._rules.backoff_max_ms
            self._failures = 0 if lasted else self._failures + 1
        elif number == self._opening:
            self._opening = None
            self._failures += 1
        else:
            return False
        if self._opening is None:
            self._due_ms = now_ms + max(retry_after_ms, self._backoff_ms())
        return self._serving is None

    def _backoff_ms(self) -> int:
        if self._failures == 0:
            return 0
        doublings = min(self._failures - 1, _DOUBLINGS_MAX)
        full_ms = min(self._rules.backoff_max_ms, self._rules.backoff_first_ms << doublings)
        return full_ms // 2 + self._random.randrange(full_ms // 2 + 1)
