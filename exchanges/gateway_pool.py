"""A venue's blocking client behind worker threads: calls that return at once and report later.

Owns the lanes and the workers. It decides nothing about outcomes except two that only it can know: a placement that
waited past its validity was never sent, and a bug inside a call leaves its outcome unknown. Commands of one order are
kept in order by the exchange actor, not here.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias

from exchanges.failures import not_processed, unknown
from exchanges.gateway import Capabilities, UserStream, VenueClient
from exchanges.http import Clock
from messages.commands import CancelVenueOrder, PlaceOrder, VenueRequest
from messages.reports import CallReport, StreamReport
from messages.types import Evidence, EvidenceSource

CLOSE_TIMEOUT_MS = 2000


class ClockedClient(VenueClient, Protocol):
    """A venue client that knows the venue's clock."""

    def venue_offset_ms(self) -> int:
        """Venue time minus our time, aimed low; 0 while unknown."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    request: VenueRequest
    deliver: Callable[[CallReport], None]


class _Stop:
    """Ends the worker that takes it."""


class _LookAtCancels:
    """Sends a normal worker that has nothing to do to the cancel lane."""


_Item: TypeAlias = _Job | _Stop | _LookAtCancels


class PooledGateway:
    """A `VenueGateway` over one client.

    Normal calls are first in, first out; cancels have workers of their own and use idle normal workers too. Every
    submitted request is answered by exactly one report, also when it closes.
    """

    def __init__(
        self,
        *,
        client: ClockedClient,
        stream_factory: Callable[[], UserStream],
        workers: int,
        cancel_workers: int,
        clock: Clock,
    ) -> None:
        self.capabilities: Capabilities = client.capabilities
        self._client = client
        self._stream_factory = stream_factory
        self._clock = clock
        self._stream: UserStream | None = None
        self._closed = False
        self._normal: SimpleQueue[_Item] = SimpleQueue()
        self._cancels: SimpleQueue[_Item] = SimpleQueue()
        venue = client.capabilities.venue
        lanes = [self._normal] * workers + [self._cancels] * cancel_workers
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"{venue}-call-{number}", daemon=True)
            for number, lane in enumerate(lanes)
        ]
        self._lanes = lanes
        for thread in self._threads:
            thread.start()

    def submit(self, request: VenueRequest, deliver: Callable[[CallReport], None]) -> None:
        """Queue a call; `deliver` is called from a worker. After `close` the answer is `closing`, given at once."""
        job = _Job(request, deliver)
        if isinstance(request, CancelVenueOrder):
            self._cancels.put(job)
            self._normal.put(_LookAtCancels())
        else:
            self._normal.put(job)
        if self._closed:
            self._refuse_waiting()

    def venue_offset_ms(self) -> int:
        """Venue time minus our time, aimed low; 0 while unknown."""
        return self._client.venue_offset_ms()

    def open_stream(self, deliver: Callable[[StreamReport], None]) -> None:
        """Start the user stream; one that runs is stopped first."""
        self.close_stream()
        self._stream = self._stream_factory()
        self._stream.start(deliver)

    def close_stream(self) -> None:
        """Stop the user stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop()

    def close(self) -> None:
        """Stop stream and workers.

        Waiting calls are answered as not sent; calls under way get two seconds to end, and report later when they
        need longer.
        """
        self._closed = True
        self.close_stream()
        for lane in self._lanes:
            lane.put(_Stop())
        deadline_ms = self._clock.monotonic_ms() + CLOSE_TIMEOUT_MS
        for thread in self._threads:
            thread.join(max(0, deadline_ms - self._clock.monotonic_ms()) / 1000)
        self._refuse_waiting()
        self._client.close()

    def _work(self, lane: "SimpleQueue[_Item]") -> None:
        while True:
            item = lane.get()
            if isinstance(item, _LookAtCancels):
                self._help_with_cancels()
            elif isinstance(item, _Job):
                self._answer(item)
            else:
                return

    def _help_with_cancels(self) -> None:
        item = _waiting(self._cancels)
        if isinstance(item, _Job):
            self._answer(item)
        elif isinstance(item, _Stop):
            # It is meant for a worker of that lane.
            self._cancels.put(item)

    def _answer(self, job: _Job) -> None:
        report = self._closing(job.request) if self._closed else self._execute(job.request)
        try:
            job.deliver(report)
        except Exception:  # noqa: BLE001 - the receiver's bug must not take a worker with it; the host's hook hears of it
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _execute(self, request: VenueRequest) -> CallReport:
        if isinstance(request, PlaceOrder):
            now_ms = self._clock.now_ms()
            if now_ms + self._client.venue_offset_ms() >= request.valid_until_venue_ms:
                return not_processed(request, "validity_passed", self._local("waited past its validity, never sent"))
        try:
            return self._client.execute(request)
        except Exception as error:  # noqa: BLE001 - whatever broke, the request may have left: unknown, never silence
            return unknown(request, "internal_error", self._local(_where(error)))

    def _closing(self, request: VenueRequest) -> CallReport:
        return not_processed(request, "closing", self._local("the gateway was closed before it was sent"))

    def _local(self, detail: str) -> Evidence:
        return Evidence(
            source=EvidenceSource.LOCAL, endpoint="gateway", received_ms=self._clock.now_ms(), detail=detail
        )

    def _refuse_waiting(self) -> None:
        for lane in (self._normal, self._cancels):
            kept: list[_Item] = []
            while (item := _waiting(lane)) is not None:
                if isinstance(item, _Job):
                    self._answer(item)
                elif isinstance(item, _Stop):
                    kept.append(item)
            for item in kept:
                lane.put(item)


def _waiting(lane: "SimpleQueue[_Item]") -> _Item | None:
    try:
        return lane.get_nowait()
    except Empty:
        return None


def _where(error: Exception) -> str:
    # Class and place only: an exception's text may quote what was being handled.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = "" if trace is None else f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
    return type(error).__name__ + line
