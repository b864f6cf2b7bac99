"""The user stream of one account in a simulated run: in order like a socket, unless a fault says otherwise.

Where executions are told apart from orders, each kind is in order by itself only.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from actors.runtime.simulated import SimulatedSystem
from exchanges.paper.model import OrderAccepted, OrderEvent, OrderTraded, PaperOrder
from messages.fills import FillSource, VenueFill
from messages.reports import (
    BalanceReported,
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
from .venue_traits import Executions
from .wire import evidence, venue_fill, venue_order, waits

_SILENCE_MS = 8000
"""How long the heartbeat watch takes to call a silent stream dead."""
_SNAPSHOT_EXECUTIONS = 5
_ORDERS, _EXECUTIONS = "orders", "executions"


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
        self._traits = venue.traits
        self._described: set[int] = set()
        """Orders that this connection has described in full."""
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
        self._last_ms: dict[str, int] = {}
        """By channel: when the frame before arrives. The next one comes no earlier."""
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
        self._described.clear()
        if self._traits.snapshot:
            self._describe_everything()

    def _describe_everything(self) -> None:
        for order in self._venue.open_now(self._account_id):
            self._described.add(order.order_id)
            self._report(self._told(order, None))
        if self._traits.executions is Executions.WITH_ORDER:
            for order, execution in self._venue.latest_executions(self._account_id, _SNAPSHOT_EXECUTIONS):
                fill = venue_fill(execution, self._traits, FillSource.STREAM, with_client_id=True)
                self._report(self._told(order, fill))

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
        if self._says_too_little(event):
            self._tell_gap()
            return
        for report in self._frames(event):
            self._deliver_somehow(report)

    def _says_too_little(self, event: OrderEvent) -> bool:
        if isinstance(event, OrderAccepted):
            self._described.add(event.order.order_id)
        return self._traits.sparse and event.order.order_id not in self._described

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
            self._number += self._traits.numbered
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
        if waits(event.order, self._traits) and event.order.is_open:
            # Only the end of an untriggered stop is told.
            return []
        if not isinstance(event, OrderTraded) or self._traits.executions is Executions.UNTOLD:
            return [self._told(event.order, None, unknown=self._faults.strikes(Fault.UNKNOWN_STATUS))]
        frames = self._execution_frames(event)
        if self._traits.tells_positions:
            net = self._venue.engine.net(self._account_id, event.order.symbol)
            balance = (event.order.symbol, net, net)
            frames.append(BalanceReported(**self._head(), balances=(balance,), received_ms=self._now_ms()))
        return frames

    def _execution_frames(self, event: OrderTraded) -> list[StreamReport]:
        apart = self._traits.executions is Executions.APART
        named = not apart and not self._faults.strikes(Fault.FILL_ALONE)
        with_id = named or self._random.random() < 0.5
        fill = venue_fill(event.execution, self._traits, FillSource.STREAM, with_client_id=with_id)
        if named:
            return [self._told(event.order, fill)]
        proof = evidence(EvidenceSource.STREAM, "fill", sent_ms=None, received_ms=self._now_ms())
        frames: list[StreamReport] = [FillReceived(**self._head(), fill=fill, evidence=proof)]
        if apart or self._random.random() < 0.6:
            frames.insert(self._random.randint(0, 1), self._told(event.order, None))
        return frames

    def _told(self, order: PaperOrder, fill: VenueFill | None, *, unknown: bool = False) -> OrderReported:
        return OrderReported(
            **self._head(),
            order=venue_order(order, self._traits, unknown_status=unknown),
            fill=fill,
            evidence=evidence(EvidenceSource.STREAM, "executionReport", sent_ms=None, received_ms=self._now_ms()),
        )

    def _report(self, report: StreamReport, delay_ms: int = 0, *, in_order: bool = True) -> None:
        now_ms = self._system.clock.monotonic_ms()
        due_ms = now_ms + delay_ms
        channel = _ORDERS
        if self._traits.executions is Executions.APART and isinstance(report, FillReceived):
            channel = _EXECUTIONS
        if in_order:
            due_ms = max(due_ms, self._last_ms.get(channel, 0))
            self._last_ms[channel] = due_ms
        self._system.schedule(due_ms - now_ms, lambda: self._hand_over(report))

    def _hand_over(self, report: StreamReport) -> None:
        # As the real one promises: nothing is delivered once it was stopped.
        if self._running:
            self._deliver(self._stamped(report))

    def _stamped(self, report: StreamReport) -> StreamReport:
        # A frame is stamped when it arrives, which for this one is now.
        if isinstance(report, OrderReported | FillReceived):
            return replace(report, evidence=replace(report.evidence, received_ms=self._now_ms()))
        return report

    def _head(self) -> dict[str, Any]:
        return {"account_id": self._account_id, "exchange": self._traits.exchange}

    def _now_ms(self) -> int:
        return self._system.clock.now_ms()

    def _later(self, act: Callable[[], None], within_ms: int) -> None:
        self._system.schedule(self._random.randint(1, within_ms), act)
