"""A venue's blocking client behind worker threads: calls that return at once and report later.

Owns the lanes and the workers: placements, cancels and reads wait apart from each other. It decides nothing about
outcomes except two that only it can know: what waited past its validity was never sent, and a bug inside a call leaves
its outcome unknown. Commands of one order are kept in order by the exchange actor, not here.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Protocol

from exchanges.credentials import told_in_words
from exchanges.failures import not_processed, unknown
from exchanges.gateway import Capabilities, UserStream, VenueClient
from exchanges.http import Clock
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder, ReplaceVenueOrder, VenueRequest
from messages.reports import CallReport, FetchFailed, StreamReport
from messages.types import Evidence, EvidenceSource

CLOSE_TIMEOUT_MS = 2000


class ClockedClient(VenueClient, Protocol):
    """A venue client that knows the venue's clock."""

    def venue_offset_ms(self) -> int:
        """Venue time minus our time, aimed low; 0 while unknown."""
        ...


class _Lane(Enum):
    PLACEMENTS = auto()
    CANCELS = auto()
    READS = auto()


@dataclass(frozen=True, slots=True)
class _Job:
    request: VenueRequest
    deliver: Callable[[CallReport], None]


class _Lanes:
    """What waits, and who takes it: decided under one lock, carried out by the workers.

    A worker takes from its own lane. Those of the placements also take what finds no free worker of its own: cancels
    first, and reads when neither a cancel nor a placement waits, at most `reading_max` of them at a time.
    """

    def __init__(self, workers: Mapping[_Lane, int], *, reading_max: int) -> None:
        self._free = dict(workers)
        """Workers by lane that carry out nothing."""
        self._reading_max = reading_max
        self._reading = 0
        """Placement workers that carry out a read."""
        self._closed = False
        self._waiting: dict[_Lane, deque[_Job]] = {lane: deque() for lane in _Lane}
        lock = threading.Lock()
        self._changed = {lane: threading.Condition(lock) for lane in _Lane}
        """Where the free workers of a lane wait."""

    def put(self, job: _Job) -> bool:
        """Add a call to its lane; False when the lanes are closed."""
        lane = _lane_of(job.request)
        with self._changed[lane]:
            if self._closed:
                return False
            self._waiting[lane].append(job)
            self._changed[lane].notify()
            if self._needs_help(lane):
                self._changed[_Lane.PLACEMENTS].notify()
            return True

    def take(self, worker: _Lane) -> _Job | None:
        """Wait for a call that a worker of this lane may carry out; `done` must follow. None when closed."""
        with self._changed[worker]:
            while not self._closed:
                lane = self._choose(worker)
                if lane is not None:
                    self._free[worker] -= 1
                    self._reading += worker is _Lane.PLACEMENTS and lane is _Lane.READS
                    return self._waiting[lane].popleft()
                self._changed[worker].wait()
            return None

    def done(self, worker: _Lane, job: _Job) -> None:
        """Note that a call taken by a worker of this lane is carried out."""
        with self._changed[worker]:
            self._free[worker] += 1
            self._reading -= worker is _Lane.PLACEMENTS and _lane_of(job.request) is _Lane.READS

    def close(self) -> list[_Job]:
        """Let every worker go; the answer is the calls that nobody will take."""
        with self._changed[_Lane.PLACEMENTS]:
            self._closed = True
            left = [job for lane in self._waiting.values() for job in lane]
            for lane in _Lane:
                self._waiting[lane].clear()
                self._changed[lane].notify_all()
            return left

    def _choose(self, worker: _Lane) -> _Lane | None:
        if worker is _Lane.PLACEMENTS and self._needs_help(_Lane.CANCELS):
            return _Lane.CANCELS
        if self._waiting[worker]:
            return worker
        if worker is _Lane.PLACEMENTS and self._needs_help(_Lane.READS) and self._reading < self._reading_max:
            return _Lane.READS
        return None

    def _needs_help(self, lane: _Lane) -> bool:
        return lane is not _Lane.PLACEMENTS and len(self._waiting[lane]) > self._free[lane]


class PooledGateway:
    """A `VenueGateway` over one client.

    Placements, amends and replaces share a lane; cancels have one, and everything that only asks. Calls of a lane begin
    first in, first out. Cancels and reads have workers of their own and use idle placement workers too, reads at most
    half of them: a burst of reads leaves the other half to the placements, and a burst of placements leaves the reads
    theirs. Every submitted request is answered by exactly one report, also when it closes.

    `workers` carry out placements, `cancel_workers` cancels and `read_workers` everything that only asks; None: one
    for every four `workers`. The client is called by as many threads at once as all of them together.
    """

    def __init__(
        self,
        *,
        client: ClockedClient,
        stream_factory: Callable[[], UserStream],
        workers: int,
        cancel_workers: int,
        read_workers: int | None = None,
        clock: Clock,
    ) -> None:
        self.capabilities: Capabilities = client.capabilities
        self._client = client
        self._stream_factory = stream_factory
        self._clock = clock
        self._stream: UserStream | None = None
        by_lane = {
            _Lane.PLACEMENTS: workers,
            _Lane.CANCELS: cancel_workers,
            _Lane.READS: default_read_workers(workers) if read_workers is None else read_workers,
        }
        self._lanes = _Lanes(by_lane, reading_max=workers // 2)
        lanes = [lane for lane, count in by_lane.items() for _ in range(count)]
        venue = client.capabilities.venue
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"{venue}-call-{number}", daemon=True)
            for number, lane in enumerate(lanes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: VenueRequest, deliver: Callable[[CallReport], None]) -> None:
        """Queue a call; `deliver` is called from a worker. After `close` the answer is `closing`, given at once.

        A request's budget counts from its beginning: the time it waits for a worker comes on top.
        """
        job = _Job(request, deliver)
        if not self._lanes.put(job):
            self._answer(job, self._closing(request))

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
        left = self._lanes.close()
        self.close_stream()
        for job in left:
            self._answer(job, self._closing(job.request))
        deadline_ms = self._clock.monotonic_ms() + CLOSE_TIMEOUT_MS
        for thread in self._threads:
            thread.join(max(0, deadline_ms - self._clock.monotonic_ms()) / 1000)
        self._client.close()

    def _work(self, lane: _Lane) -> None:
        while (job := self._lanes.take(lane)) is not None:
            self._answer(job, self._execute(job.request))
            self._lanes.done(lane, job)

    def _answer(self, job: _Job, report: CallReport) -> None:
        try:
            job.deliver(report)
        except Exception:  # noqa: BLE001 - the receiver's bug must not take a worker with it; the host's hook hears of it
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _execute(self, request: VenueRequest) -> CallReport:
        valid_until_ms = _valid_until_ms(request)
        if valid_until_ms is not None and self._clock.now_ms() + self._client.venue_offset_ms() >= valid_until_ms:
            return not_processed(request, "validity_passed", self._local("waited past its validity, never sent"))
        try:
            report = self._client.execute(request)
        except Exception as error:  # noqa: BLE001 - whatever broke, the request may have left: unknown, never silence
            return unknown(request, "internal_error", self._local(_where(error)))
        if isinstance(report, FetchFailed):
            return replace(report, reason=told_in_words(report.exchange, report.reason))
        return report

    def _closing(self, request: VenueRequest) -> CallReport:
        return not_processed(request, "closing", self._local("the gateway was closed before it was sent"))

    def _local(self, detail: str) -> Evidence:
        return Evidence(
            source=EvidenceSource.LOCAL, endpoint="gateway", received_ms=self._clock.now_ms(), detail=detail
        )


def default_read_workers(workers: int) -> int:
    """How many workers reads have of their own, beside so many for placements."""
    return max(1, workers // 4)


def _lane_of(request: VenueRequest) -> _Lane:
    if isinstance(request, PlaceOrder | AmendVenueOrder | ReplaceVenueOrder):
        return _Lane.PLACEMENTS
    return _Lane.CANCELS if isinstance(request, CancelVenueOrder) else _Lane.READS


def _valid_until_ms(request: VenueRequest) -> int | None:
    # Venue time at which a request must not be sent any more; None: it never grows too old.
    match request:
        case PlaceOrder() | AmendVenueOrder():
            return request.valid_until_venue_ms
        case ReplaceVenueOrder():
            return request.place.valid_until_venue_ms
        case _:
            return None


def _where(error: Exception) -> str:
    # Class and place only: an exception's text may quote what was being handled.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = "" if trace is None else f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
    return type(error).__name__ + line
