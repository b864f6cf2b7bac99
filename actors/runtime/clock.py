"""The two sources of time: the machine's, and a virtual one that only moves when it is told to.

Must never be bypassed: everything that waits, stamps or measures asks the clock of its system.
"""

import time


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since an arbitrary moment; never goes back."""
        return time.monotonic_ns() // 1_000_000


class VirtualClock:
    """Time as a number: `advance` is the only thing that moves it."""

    def __init__(self, start_ms: int) -> None:
        self._wall_ms = start_ms
        self._monotonic_ms = 0

    def now_ms(self) -> int:
        """Virtual wall time, Unix milliseconds."""
        return self._wall_ms

    def monotonic_ms(self) -> int:
        """Virtual milliseconds since the clock was made."""
        return self._monotonic_ms

    def advance(self, ms: int) -> None:
        """Move on by `ms`. A negative number is a `ValueError`: virtual time never goes back either."""
        if ms < 0:
            raise ValueError(f"time cannot go back by {-ms} ms")
        self._wall_ms += ms
        self._monotonic_ms += ms

    def step_wall(self, ms: int) -> None:
        """Shift only the wall clock, in either direction, as an operator or a time daemon does."""
        self._wall_ms += ms
