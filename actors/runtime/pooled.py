"""The production system: any number of actors, a few worker threads, one timer thread, one watchdog.

A cell with mail stands in the ready queue once; a worker takes it, runs a bounded turn and queues it again when mail is
left, so that no actor starves another. Must never: run two turns of one actor at a time, or touch pykka actors that are
not its own.
"""

import queue
import threading
import time
from collections.abc import Callable
from random import Random

from actors.errors import BlockingAskRefused
from actors.runtime.cell import Cell, in_actor, unregister
from actors.runtime.clock import SystemClock
from actors.runtime.hosting import ActorSystem, Timed, Timers
from actors.runtime.log import actor_overdue
from actors.runtime.metrics import Metrics
from actors.runtime.seam import Clock
from actors.runtime.switching import short_switch_interval
from actors.runtime.timers import TimerThread
from actors.runtime.watchdog import Overdue, Turn, Watchdog
from messages.base import Message

TURN_MAX = 64
"""Messages an actor handles before others get their turn."""


class _Worker:
    """One thread of the pool and what it is doing; written by that thread only."""

    def __init__(self, system: "PooledSystem", number: int, name: str) -> None:
        self.number = number
        self.cell: Cell | None = None
        self.turns = 0
        self.handled = 0
        self.thread = threading.Thread(target=system.work, args=(self,), name=name, daemon=True)


class PooledSystem(ActorSystem):
    """Implements the seam; runs from construction to `shutdown`.

    `overdue_ms` is how long one message may take before `on_overdue` (see `watchdog`) hears of it.
    `switch_interval_s` shortens the interpreter's thread switch interval meanwhile; None leaves it to the host.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        workers: int = 2,
        overdue_ms: int = 1000,
        switch_interval_s: float | None = None,
        name: str = "oms",
    ) -> None:
        self._ready: queue.SimpleQueue[Cell | None] = queue.SimpleQueue()
        super().__init__(
            clock=clock or SystemClock(),
            random=random or Random(),
            metrics=metrics,
            queue=self._ready.put,
        )
        self.on_overdue: Callable[[Overdue], None] = _no_more_than_logged
        """Called in the watchdog's thread, once per message that takes too long; must not raise."""
        self._name = name
        self._workers = [_Worker(self, number, f"{name}-worker-{number}") for number in range(workers)]
        self._timer_thread: TimerThread[Timed] = TimerThread(self.clock, self._fire, f"{name}-timers")
        self._watchdog = Watchdog(
            self._sample, self._overdue, clock=self.clock, threshold_ms=overdue_ms, name=f"{name}-watchdog"
        )
        self._interval = None if switch_interval_s is None else short_switch_interval(switch_interval_s)
        metrics.messages_from(self.handled)
        self._timer_thread.start()
        self._watchdog.start()
        for worker in self._workers:
            worker.thread.start()

    @property
    def _timers(self) -> Timers:
        return self._timer_thread

    def after(self, delay_ms: int, address: str, message: Message) -> int:
        """Tell later; the answer identifies the timer."""
        return self._timer_thread.schedule(delay_ms, Timed(address, message))

    def handled(self) -> int:
        """Messages handled since the start, in turns that are over."""
        return sum(worker.handled for worker in self._workers)

    def shutdown(self, timeout_s: float) -> tuple[str, ...]:
        """Stop all actors, newest first, and end every thread, within about `timeout_s`.

        Waiting messages are dropped. The answer names the addresses whose handler did not come back in time: their
        threads cannot be ended and are left behind as daemons. A second call does nothing.

        Raises:
            BlockingAskRefused: called from inside an actor, which would wait for itself.
        """
        if in_actor():
            raise BlockingAskRefused("a system cannot be shut down from inside one of its actors")
        with self._lifecycle:
            if self._closed:
                return ()
            self._closed = True
            cells = self._directory.newest_first()
            cells.extend(self._retiring.values())
            self._directory.clear()
        deadline = time.monotonic() + timeout_s
        unregister(cell.actor for cell in cells)
        self._timer_thread.stop(_left(deadline))
        self._watchdog.stop(_left(deadline))
        # A handler that never comes back must not use up the time of everybody else's stop hooks.
        stuck = self._end_workers(time.monotonic() + _left(deadline) / 2)
        self._end_actors([cell for cell in cells if cell not in stuck], deadline)
        for cell in stuck:
            cell.actor.actor_stopped.set()
            cell.close()
        if self._interval is not None:
            self._interval.restore()
        return tuple(cell.address for cell in stuck)

    # ----- turns

    def work(self, worker: _Worker) -> None:
        """The life of one worker thread."""
        while (cell := self._ready.get()) is not None and not self._closed:
            worker.turns += 1
            worker.cell = cell
            try:
                worker.handled += cell.run(TURN_MAX)
            except BaseException as error:  # noqa: BLE001 - a worker serves every actor and must outlive each of them
                self.child_failed(cell.address, error, type(cell.message).__name__)
                cell.fail(error)
            worker.cell = None
            self.rest(cell)

    # ----- stopping

    def _end_workers(self, deadline: float) -> list[Cell]:
        # A worker finishes the message it is handling, no more; the answer is the cells whose message never ended.
        for worker in self._workers:
            busy = worker.cell
            if busy is not None:
                busy.request_stop()
            self._ready.put(None)
        for worker in self._workers:
            worker.thread.join(_left(deadline))
        return [worker.cell for worker in self._workers if worker.thread.is_alive() and worker.cell is not None]

    def _end_actors(self, cells: list[Cell], deadline: float) -> None:
        # In a thread of its own, so that a stop hook that hangs cannot hold up the caller.
        def end() -> None:
            for cell in cells:
                cell.stop_now()
                cell.close()

        ending = threading.Thread(target=end, name=f"{self._name}-stopping", daemon=True)
        ending.start()
        ending.join(_left(deadline))

    # ----- watching

    def _sample(self) -> list[Turn]:
        turns = []
        for worker in self._workers:
            cell = worker.cell
            if cell is not None:
                mark = (worker.number, worker.turns, cell.left)
                message = cell.message
                handling = "on_start" if message is None else type(message).__name__
                turns.append(Turn(mark, cell.address, handling, worker.thread.ident or 0))
        return turns

    def _overdue(self, overdue: Overdue) -> None:
        self.metrics.message_overdue()
        actor_overdue(overdue.address, overdue.handling, overdue.age_ms, overdue.stack)
        self.on_overdue(overdue)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _no_more_than_logged(_: Overdue) -> None:
    """Take the report while nobody else wants it."""
