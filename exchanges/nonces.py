"""Numbers that a venue must see rise with every request of a key, whatever clocks and processes do.

Owns the last number given. A number is given only below a ceiling that was recorded durably before, so that what comes
after a restart, or a step of the clock backwards, begins above everything that may have been used. It never gives a
number twice.
"""

import threading
from typing import Protocol

from exchanges.http import Clock

_PER_MS = 1_000_000
AHEAD_MS = 60_000
"""How much of the future one record of the ceiling covers."""


class NonceCeiling(Protocol):
    """Where the ceiling of a key's numbers is kept."""

    def raise_to(self, key: str, ceiling: int) -> int:
        """Record that numbers up to `ceiling` may have been used; never lowers it. Return what was recorded before, 0
        for nothing. Raises `OSError` when it cannot be recorded.
        """
        ...


class MemoryCeiling:
    """A ceiling that lives as long as the process: for venues of ours, and for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ceilings: dict[str, int] = {}

    def raise_to(self, key: str, ceiling: int) -> int:
        """Record a ceiling."""
        with self._lock:
            before = self._ceilings.get(key, 0)
            self._ceilings[key] = max(before, ceiling)
            return before


class NonceSource:
    """The numbers of one key, in nanoseconds of our clock where that rises. Thread-safe."""

    def __init__(self, key: str, *, clock: Clock, ceiling: NonceCeiling) -> None:
        """`key` names the credential without revealing it."""
        self._key = key
        self._clock = clock
        self._ceiling = ceiling
        self._lock = threading.Lock()
        self._last = 0
        self._recorded = 0

    def next(self) -> int:
        """Give a number above all before it."""
        with self._lock:
            number = max(self._last + 1, self._clock.now_ms() * _PER_MS)
            if number > self._recorded:
                number = self._record(number)
            self._last = number
            return number

    def _record(self, number: int) -> int:
        ahead = AHEAD_MS * _PER_MS
        try:
            before = self._ceiling.raise_to(self._key, number + ahead)
            if self._recorded == 0 and before >= number:
                # Somebody used the key before us and may have got as far as that.
                number = before + 1
                self._ceiling.raise_to(self._key, number + ahead)
        except OSError:
            # A number that turns out to be too low is refused by the venue and nothing happens. Without one, no cancel
            # could leave while the store is away.
            return number
        self._recorded = number + ahead
        return number
