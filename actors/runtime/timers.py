"""Timers as data: a heap of due times that both systems share, and the one thread that watches it in production.

A timer stays in the heap's books from `schedule` until somebody claims it, so a timer that is cancelled or replaced
after it fell due, while its message still waits in an inbox, is not delivered either. Must never: run a handler.
"""

import heapq
import threading
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from actors.runtime.seam import Clock

ItemT = TypeVar("ItemT")

_GARBAGE_MIN = 64


class TimerHeap(Generic[ItemT]):
    """Items by due time. `cancel` and `claim` may be called from any thread, the rest by one caller at a time."""

    def __init__(self) -> None:
        self._items: dict[int, ItemT] = {}
        self._heap: list[tuple[int, int]] = []
        self._numbers = count(1)

    def __len__(self) -> int:
        """Timers neither claimed nor cancelled."""
        return len(self._items)

    def schedule(self, due_ms: int, item: ItemT) -> int:
        """Add an item; the answer identifies the timer."""
        timer = next(self._numbers)
        self._items[timer] = item
        heapq.heappush(self._heap, (due_ms, timer))
        if len(self._heap) > 2 * len(self._items) + _GARBAGE_MIN:
            self._compact()
        return timer

    def cancel(self, timer: int) -> None:
        """Forget a timer, also one that is due and not claimed; unknown ones are fine."""
        self._items.pop(timer, None)

    def peek(self, timer: int) -> ItemT | None:
        """Look at a timer's item; None when it was cancelled or claimed."""
        return self._items.get(timer)

    def claim(self, timer: int) -> ItemT | None:
        """Take a timer's item; None when it was cancelled or claimed before."""
        return self._items.pop(timer, None)

    def due(self, now_ms: int) -> list[int]:
        """Timers whose time has come, in order of due time, then of scheduling. Each is named once."""
        found = []
        while self._heap and self._heap[0][0] <= now_ms:
            timer = heapq.heappop(self._heap)[1]
            if timer in self._items:
                found.append(timer)
        return found

    def next_due_ms(self) -> int | None:
        """When the next timer falls due; None without timers."""
        while self._heap and self._heap[0][1] not in self._items:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _compact(self) -> None:
        # Cancelled timers leave their heap entry behind; without this, an order that sets and cancels a timer would
        # cost memory until the timer's far-away due time. Other threads may cancel meanwhile, which only leaves a
        # little garbage for the next time.
        self._heap = [entry for entry in self._heap if entry[1] in self._items]
        heapq.heapify(self._heap)


class TimerThread(Generic[ItemT]):
    """The one thread that waits for due times and hands timers to `fire`, which must return at once."""

    def __init__(self, clock: Clock, fire: Callable[[int], None], name: str) -> None:
        self._clock = clock
        self._fire = fire
        self._heap: TimerHeap[ItemT] = TimerHeap()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.peek = self._heap.peek
        self.claim = self._heap.claim
        self.cancel = self._heap.cancel

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def schedule(self, delay_ms: int, item: ItemT) -> int:
        """Fire an item after `delay_ms`; 0 or less: as soon as possible."""
        due_ms = self._clock.monotonic_ms() + max(delay_ms, 0)
        with self._changed:
            next_ms = self._heap.next_due_ms()
            timer = self._heap.schedule(due_ms, item)
            if next_ms is None or due_ms < next_ms:
                self._changed.notify()
        return timer

    def stop(self, timeout_s: float) -> bool:
        """End the thread; False when it did not end in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (due := self._wait()) is not None:
            for timer in due:
                self._fire(timer)

    def _wait(self) -> list[int] | None:
        # Blocks until something is due; None means stop.
        with self._changed:
            while not self._stopping:
                now_ms = self._clock.monotonic_ms()
                due = self._heap.due(now_ms)
                if due:
                    return due
                next_ms = self._heap.next_due_ms()
                self._changed.wait(None if next_ms is None else (next_ms - now_ms) / 1000)
        return None
