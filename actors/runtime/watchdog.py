"""The watch over turns that do not end: names the actor, the message and the place in the code where it hangs.

It samples instead of timing every message, so a turn costs nothing for being watched; a message is reported once,
after between one and one and a quarter thresholds. Must never: interrupt or stop anything.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actors.runtime.seam import Clock

_SAMPLES_PER_THRESHOLD = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """One thread's present turn, as sampled."""

    mark: tuple[int, ...]
    """Differs between any two messages handled by any threads."""
    address: str
    handling: str
    """Class name of the message, `on_start` when the actor is starting."""
    thread_id: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """A message whose handling has taken longer than the threshold."""

    address: str
    handling: str
    age_ms: int
    """At least this long."""
    stack: str
    """Where its thread stands; source lines only, no values."""


class OverdueDetector:
    """Compares samples; pure but for what it is handed."""

    def __init__(self, threshold_ms: int) -> None:
        self._threshold_ms = threshold_ms
        self._since: dict[tuple[int, ...], int] = {}
        self._reported: set[tuple[int, ...]] = set()

    def examine(self, now_ms: int, turns: Sequence[Turn]) -> list[tuple[Turn, int]]:
        """Turns that have become overdue since the last sample, with their ages in ms."""
        self._since = {turn.mark: self._since.get(turn.mark, now_ms) for turn in turns}
        self._reported &= self._since.keys()
        found = []
        for turn in turns:
            age_ms = now_ms - self._since[turn.mark]
            if age_ms >= self._threshold_ms and turn.mark not in self._reported:
                self._reported.add(turn.mark)
                found.append((turn, age_ms))
        return found


class Watchdog:
    """The thread that samples."""

    def __init__(
        self,
        sample: Callable[[], Sequence[Turn]],
        report: Callable[[Overdue], None],
        *,
        clock: Clock,
        threshold_ms: int,
        name: str,
    ) -> None:
        self._sample = sample
        self._report = report
        self._clock = clock
        self._interval_s = threshold_ms / _SAMPLES_PER_THRESHOLD / 1000
        self._detector = OverdueDetector(threshold_ms)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread; False when it did not end in time."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            for turn, age_ms in self._detector.examine(self._clock.monotonic_ms(), self._sample()):
                self._report(Overdue(turn.address, turn.handling, age_ms, _stack(turn.thread_id)))


def _stack(thread_id: int) -> str:
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001 - the interpreter's documented way to ask
    return "" if frame is None else "".join(traceback.format_stack(frame))
