"""How long executions took from the venue to our books: measured by those who only listen.

An execution counts as booked when its event arrives, which is after its commit. Must never: be taken for a promise; the
faults of a drill are part of the figures.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from actors.app.verdict import Row
from messages.events import Event, FillRecorded
from messages.fills import FillSource


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds from execution to booking."""

    count: int
    p50: int
    p95: int
    max: int

    def as_json(self) -> dict[str, Any]:
        """The figures as other programs read them."""
        return asdict(self)


class Bookings:
    """Notes when each execution was booked, and from where it was learned. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._booked: dict[tuple[str, str, str, str], tuple[int, FillSource]] = {}

    def listen(self, event: Event) -> None:
        """Take in one event; only those that book an execution matter."""
        if not isinstance(event, FillRecorded):
            return
        fill = event.fill
        key = (fill.account_id, fill.symbol, fill.venue_order_id, fill.fill_id)
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            self._booked.setdefault(key, (now_ms, fill.source))

    def spreads(self, executions: Iterable[Row]) -> dict[FillSource, Spread]:
        """By source. What the venue stamped with a clock that was ahead cannot be measured and is left out."""
        waits: dict[FillSource, list[int]] = defaultdict(list)
        with self._lock:
            for row in executions:
                key = (row["account"], row["symbol"], row["venueOrderId"], row["fillId"])
                booked = self._booked.get(key)
                if booked is not None and booked[0] >= row["atMs"]:
                    waits[booked[1]].append(booked[0] - row["atMs"])
        return {source: _spread(waits[source]) for source in FillSource if source in waits}


def _spread(waits: list[int]) -> Spread:
    ordered = sorted(waits)
    last = len(ordered) - 1
    return Spread(len(ordered), ordered[last // 2], ordered[last * 95 // 100], ordered[last])
