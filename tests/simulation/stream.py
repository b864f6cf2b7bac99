"""The user stream of one account in a simulated run: in order like a socket, unless a fault says otherwise."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from actors.runtime.simulated import SimulatedSystem
from exchanges.paper.model import OrderEvent, OrderTraded
from messages.fills import FillSource, VenueFill
from messages.reports import (
    FillReceived,
    FrameUnreadable,
    OrderReported,
    StreamConnected,
    StreamGap,
    StreamLost,
    StreamReport,
)
from messages.types import EvidenceSource

from .faults import Fault, Faults
from .venue import Venue
from .wire import EXCHANGE, evidence, venue_fill, venue_order

_SILENCE_MS = 8000
"""How long the heartbeat watch takes to call a silent stream dead."""


class SimulatedStream:
    """Connects, delivers, breaks, reconnects, until it is stopped."""

    def __init__(
        self,
        system: SimulatedSystem,
        venue: Venue,
        faults: Faults,
        random: Random,
        *,
        account_id: str,
        deliver: Callable[[StreamReport], None],
    ) -> None:
        self._system = system
        self._venue = venue
        self._faults = faults
        self._random = random
        self._account_id = account_id
        self._deliver = system.of_this_incarnation(deliver)
        self._running = True
        self._connected = False
        self._connection = 0
        self._silent_until_ms = 0
        self._shuffled_until_ms = 0
        self._number = 0
        self._next_number = 1
        """What the next frame's number must be, or frames are missing."""
        self._last_ms = 0
        """When the frame before arrives: the next one comes no earlier."""
        venue.listeners[account_id] = self._on_event
        self._later(self._connect, 50)

    def stop(self) -> None:
        """Disconnect for good."""
        self._running = False
        self._connected = False

    def _connect(self) -> None:
        if not self._running:
            return
        if self._venue.is_down():
            self._later(self._connect, 1000)
            return
        self._connected = True
        self._connection += 1
        self._next_number = self._number + 1
        self._report(StreamConnected(**self._head(), connection=self._connection, received_ms=self._now_ms()))

    def _break(self, reason: str) -> None:
        if not self._connected:
            return
        self._connected = False
        lost = StreamLost(**self._head(), connection=self._connection, reason=reason, received_ms=self._now_ms())
        self._report(lost)
        self._later(self._connect, 3000)

    def _on_event(self, event: OrderEvent) -> None:
        if not self._connected or self._swallowed():
            return
        if self._faults.strikes(Fault.STREAM_CLOSED):
            self._break("connection closed")
            return
        if self._next_number <= self._number:
            self._tell_gap()
        for report in self._frames(event):
            self._deliver_somehow(report)

    def _deliver_somehow(self, report: StreamReport) -> None:
        now_ms = self._system.clock.monotonic_ms()
        if self._faults.strikes(Fault.FRAME_SHUFFLE):
            self._shuffled_until_ms = now_ms + self._random.randint(200, 3000)
        if now_ms < self._shuffled_until_ms:
            self._report(report, self._random.randint(1, 3000), in_order=False)
            return
        delayed = self._faults.strikes(Fault.FRAME_DELAY)
        delay = self._random.randint(300, 2500) if delayed else self._random.randint(1, 15)
        overtaken = self._faults.strikes(Fault.FRAME_REORDER)
        self._report(report, delay + (400 if overtaken else 0), in_order=not overtaken)
        if self._faults.strikes(Fault.FRAME_DUPLICATE):
            self._report(report, delay + self._random.randint(1, 2000), in_order=False)

    def _tell_gap(self) -> None:
        gap = StreamGap(
            **self._head(), expected=self._next_number, received=self._number + 1, received_ms=self._now_ms()
        )
        self._next_number = self._number + 1
        self._report(gap, self._random.randint(1, 15))

    def _swallowed(self) -> bool:
        if self._system.clock.monotonic_ms() < self._silent_until_ms:
            return True
        if self._faults.strikes(Fault.STREAM_SILENT):
            silence = self._random.randint(1000, 15_000)
            self._silent_until_ms = self._system.clock.monotonic_ms() + silence
            if silence > _SILENCE_MS:
                connection = self._connection
                self._system.schedule(_SILENCE_MS, lambda: self._break_if(connection))
            return True
        if self._faults.strikes(Fault.FRAME_GAP):
            self._number += 1
            return True
        return self._faults.strikes(Fault.FRAME_DROP)

    def _break_if(self, connection: int) -> None:
        if self._connection == connection:
            self._silent_until_ms = 0
            self._break("silent")

    def _frames(self, event: OrderEvent) -> list[StreamReport]:
        if self._faults.strikes(Fault.FRAME_UNREADABLE):
            what: dict[str, Any] = {"reason": "not JSON", "body_sha256": "0" * 64, "received_ms": self._now_ms()}
            return [FrameUnreadable(**self._head(), **what)]
        if not isinstance(event, OrderTraded):
            return [self._order_frame(event, None, unknown=self._faults.strikes(Fault.UNKNOWN_STATUS))]
        named = not self._faults.strikes(Fault.FILL_ALONE)
        fill = venue_fill(event.execution, FillSource.STREAM, with_client_id=named or self._random.random() < 0.5)
        if named:
            return [self._order_frame(event, fill)]
        proof = evidence(EvidenceSource.STREAM, "fill", sent_ms=None, received_ms=self._now_ms())
        frames: list[StreamReport] = [FillReceived(**self._head(), fill=fill, evidence=proof)]
        if self._random.random() < 0.6:
            frames.insert(self._random.randint(0, 1), self._order_frame(event, None))
        return frames

    def _order_frame(self, event: OrderEvent, fill: VenueFill | None, *, unknown: bool = False) -> OrderReported:
        return OrderReported(
            **self._head(),
            order=venue_order(event.order, unknown_status=unknown),
            fill=fill,
            evidence=evidence(EvidenceSource.STREAM, "executionReport", sent_ms=None, received_ms=self._now_ms()),
        )

    def _report(self, report: StreamReport, delay_ms: int = 0, *, in_order: bool = True) -> None:
        now_ms = self._system.clock.monotonic_ms()
        due_ms = now_ms + delay_ms
        if in_order:
            due_ms = max(due_ms, self._last_ms)
            self._last_ms = due_ms
        self._system.schedule(due_ms - now_ms, lambda: self._deliver(self._stamped(report)))

    def _stamped(self, report: StreamReport) -> StreamReport:
        # A frame is stamped when it arrives, which for this one is now.
        if isinstance(report, OrderReported | FillReceived):
            return replace(report, evidence=replace(report.evidence, received_ms=self._now_ms()))
        return report

    def _head(self) -> dict[str, Any]:
        return {"account_id": self._account_id, "exchange": EXCHANGE}

    def _now_ms(self) -> int:
        return self._system.clock.now_ms()

    def _later(self, act: Callable[[], None], within_ms: int) -> None:
        self._system.schedule(self._random.randint(1, within_ms), act)
