"""A system with one plain pykka thread per actor: the yardstick that the seam's tests hold the other two against.

Must never: be used in production; threads do not number in the tens of thousands.
"""

import sys
import threading
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pykka

from actors.runtime.cell import Cell, TurnOver, cell_of
from actors.runtime.clock import SystemClock
from actors.runtime.hosting import ActorSystem, Timed, Timers
from actors.runtime.metrics import Metrics
from actors.runtime.timers import TimerThread
from messages.base import Message

if TYPE_CHECKING:
    from pykka._actor import ActorInbox
    from pykka._envelope import Envelope


class BlockingCell(Cell):
    """A cell whose actor waits for mail in a thread of its own: one turn that lasts as long as the actor."""

    __slots__ = ("mail",)

    def __init__(self) -> None:
        super().__init__()
        self.mail = threading.Event()

    def get(self) -> "Cell | Envelope[Any]":
        """Called by pykka's loop: the next message, waiting for it."""
        while True:
            self.mail.clear()
            self.left = sys.maxsize
            try:
                return super().get()
            except TurnOver:
                self.mail.wait()


class Threaded(pykka.ThreadingActor):
    """Mixed into an actor class: a thread of its own."""

    use_daemon_thread: ClassVar[bool] = True

    @staticmethod
    def _create_actor_inbox() -> "ActorInbox":
        return cast("ActorInbox", BlockingCell())

    def _start_actor_loop(self) -> None:
        cell_of(self).turn.release()
        super()._start_actor_loop()

    def _actor_loop(self) -> None:
        cell = cell_of(self)
        cell.run(sys.maxsize)
        cast("ThreadedSystem", cell.actor.system).rest(cell)


class ThreadedSystem(ActorSystem):
    """Implements the seam over `pykka.ThreadingActor`."""

    mixin = Threaded

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(clock=SystemClock(), random=Random(), metrics=metrics, queue=_deliver)
        self._timer_thread: TimerThread[Timed] = TimerThread(self.clock, self._fire, "threaded-timers")
        self._timer_thread.start()

    @property
    def _timers(self) -> Timers:
        return self._timer_thread

    def after(self, delay_ms: int, address: str, message: Message) -> int:
        """Tell later; the answer identifies the timer."""
        return self._timer_thread.schedule(delay_ms, Timed(address, message))

    def shutdown(self, timeout_s: float) -> None:
        """Stop every actor, newest first, and wait for each."""
        with self._lifecycle:
            self._closed = True
            cells = self._directory.newest_first()
        self._timer_thread.stop(timeout_s)
        for cell in cells:
            self.stop(cell.address)
            cell.actor.actor_stopped.wait(timeout_s)


def _deliver(cell: Cell) -> None:
    # The actor's own thread waits for mail; nothing is held while it works.
    cell.turn.release()
    cast("BlockingCell", cell).mail.set()
