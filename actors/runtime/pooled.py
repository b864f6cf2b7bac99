"""The production system: any number of actors, a few worker threads, one timer thread, one watchdog.

A cell with mail stands in the ready queue once; a worker takes it, runs a bounded turn and queues it again when mail is
left, so that no actor starves another.

One worker serves, because two that run Python only take the interpreter's lock from each other. The others are spares:
one of them watches, the rest sleep. When the serving worker stays inside one message for some milliseconds, the
watching spare takes its post and the next spare watches; who was relieved finishes its turn and becomes a spare. When
the serving worker has nothing to do, the watching spare sleeps too, until it is rung up.

Must never: run two turns of one actor at a time, or touch pykka actors that are not its own.
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
_SAMPLE_S = 0.005
"""How often the watching spare looks at the serving worker."""
_STUCK_SAMPLES = 2
"""A worker seen so often again where it stood already is stuck: after 10 to 15 ms. Samples are counted instead of time,
so that a pause of the whole process makes nobody look stuck."""
_IDLE_SAMPLES = 20
"""A serving worker seen idle so often is watched no more until it has something to do."""


class _Worker:
    """One thread of the pool and what it is doing; written by that thread only."""

    def __init__(self, system: "PooledSystem", number: int, name: str) -> None:
        self.number = number
        self.cell: Cell | None = None
        self.waiting = False
        """For a cell that is ready; it keeps nobody waiting."""
        self.turns = 0
        self.handled = 0
        self.thread = threading.Thread(target=system.work, args=(self,), name=name, daemon=True)

    def mark(self) -> tuple[bool, int, int]:
        """Differs between any two messages that this worker handles, and between handling and waiting."""
        cell = self.cell
        return self.waiting, self.turns, 0 if cell is None else cell.left


class PooledSystem(ActorSystem):
    """Implements the seam; runs from construction to `shutdown`.

    `workers` is how many turns may run at a time at most: all actors wait when so many handlers are stuck at once.
    `overdue_ms` is how long one message may take before `on_overdue` (see `watchdog`) hears of it.
    `switch_interval_s` shortens the interpreter's thread switch interval meanwhile; None leaves it to the host.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        workers: int = 4,
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
        self._serving = self._workers[0]
        self._watching = threading.Lock()
        """Held by the spare that watches."""
        self._asleep = False
        """The watching spare sleeps: whoever has something to do must ring."""
        self._bell = threading.Event()
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
        """The life of one worker thread: serving or spare, until the system closes."""
        while not self._closed:
            if self._serving is worker:
                self._serve(worker)
            else:
                with self._watching:
                    self._stand_by(worker)

    def _serve(self, worker: _Worker) -> None:
        while self._serving is worker:
            worker.waiting = True
            cell = self._ready.get()
            worker.waiting = False
            if cell is None or self._closed:
                return
            worker.turns += 1
            worker.cell = cell
            if self._asleep:
                self._bell.set()
            try:
                worker.handled += cell.run(TURN_MAX)
            except BaseException as error:  # noqa: BLE001 - a worker serves every actor and must outlive each of them
                self.child_failed(cell.address, error, type(cell.message).__name__)
                cell.fail(error)
            worker.cell = None
            self.rest(cell)

    def _stand_by(self, spare: _Worker) -> None:
        # Watches the serving worker until it is stuck, and takes its post. A worker that comes back at this very moment
        # may take one more cell beside the new one: that costs nothing but the turn's share of the interpreter.
        serving, again = self._serving, 0
        seen: tuple[bool, int, int] | None = None
        while not self._closed:
            mark = serving.mark()
            waiting = mark[0]
            again = again + 1 if mark == seen else 0
            seen = mark
            if again < (_IDLE_SAMPLES if waiting else _STUCK_SAMPLES):
                self._bell.wait(_SAMPLE_S)
                self._bell.clear()
            elif waiting:
                self._sleep(serving)
                again = 0
            else:
                self._serving = spare
                return

    def _sleep(self, serving: _Worker) -> None:
        self._asleep = True
        # Whoever began before it could see that it must ring is seen here instead, and so is the end.
        if serving.waiting and not self._closed:
            self._bell.wait()
            self._bell.clear()
        self._asleep = False

    # ----- stopping

    def _end_workers(self, deadline: float) -> list[Cell]:
        # A worker finishes the message it is handling, no more; the answer is the cells whose message never ended.
        for worker in self._workers:
            busy = worker.cell
            if busy is not None:
                busy.request_stop()
            self._ready.put(None)
        self._bell.set()
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
