"""What every kind of actor system does the same way: who lives where, starting, stopping, failing, telling.

One actor under an address at a time: an actor that replaces another begins when the other's last turn is over. The
children of an actor stop with it, whether it was stopped or failed. Must never: run a turn, or know about threads
beyond the lock that keeps starting and stopping apart.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar, NamedTuple, Protocol

import pykka

from actors.runtime.base import OmsActor
from actors.runtime.cell import Cell, Hosted, begin, cell_of, mixed, running_cell
from actors.runtime.directory import Directory
from actors.runtime.ids import CountedIds
from actors.runtime.log import actor_failed, redact
from actors.runtime.metrics import Metrics
from actors.runtime.seam import ActorT, Clock, Ids, System
from messages.base import Message
from messages.control import ChildFailed
from messages.events import Event
from messages.queries import Reply


class Timed(NamedTuple):
    """What a timer holds."""

    address: str
    message: Message


class Timers(Protocol):
    """The part of a timer service that does not depend on who waits for the due times."""

    def peek(self, timer: int) -> Timed | None:
        """What a timer holds, leaving it there."""
        ...

    def claim(self, timer: int) -> Timed | None:
        """What a timer holds, taking it."""
        ...

    def cancel(self, timer: int) -> None:
        """Forget a timer."""
        ...


def _ignore(_: object) -> None:
    """Take an event or a reply while nobody listens."""


class ActorSystem(ABC):
    """Implements the seam but for time and turns, which the kinds of systems differ in.

    `queue` lets a cell have a turn; when the turn is over, `rest` must be called.
    """

    mixin: ClassVar[type[pykka.Actor]] = Hosted

    def __init__(self, *, clock: Clock, random: Random, metrics: Metrics, queue: Callable[[Cell], None]) -> None:
        self.clock: Clock = clock
        self.random = random
        self.ids: Ids = CountedIds(random)
        self.metrics = metrics
        self.on_event: Callable[[Event], None] = _ignore
        """Called with every published event, inside the publishing actor's turn: must return at once, never raise."""
        self.on_reply: Callable[[Reply], None] = _ignore
        """Called with every reply to a host, under the same rule."""
        self._queue = queue
        self._directory: Directory[Cell] = Directory()
        self._find = self._directory.get
        self._retiring: dict[str, Cell] = {}
        self._lifecycle = threading.RLock()
        self._closed = False

    # ----- what the kinds of systems differ in

    @property
    @abstractmethod
    def _timers(self) -> Timers: ...

    @abstractmethod
    def after(self, delay_ms: int, address: str, message: Message) -> int:
        """Tell later; the answer identifies the timer."""

    def _register(self, cell: Cell) -> None:
        pykka.ActorRegistry.register(cell.actor.actor_ref)

    # ----- the seam

    def concrete(self, kind: type[ActorT]) -> type[ActorT]:
        """The class that an actor of this kind has in this system."""
        return mixed(kind, self.mixin)

    def tell(self, address: str, message: Message) -> bool:
        """Put a message into an actor's inbox. False (and counted) when nobody lives there."""
        cell = self._find(address)
        if cell is None:
            self.metrics.dead_letters(1)
            return False
        if cell.post(message):
            return True
        self.metrics.dead_letters(cell.discard())
        return False

    def cancel(self, timer: int) -> None:
        """Forget a timer, also when its message waits in an inbox already."""
        self._timers.cancel(timer)

    def depth(self, address: str) -> int:
        """Messages waiting in the normal lane of an inbox."""
        cell = self._find(address)
        return 0 if cell is None else len(cell.normal)

    def publish(self, event: Event) -> None:
        """Hand an event to whoever listens."""
        self.on_event(event)

    def respond(self, reply: Reply) -> None:
        """Hand a reply to whoever keeps the host's futures."""
        self.on_reply(reply)

    def start(self, address: str, build: Callable[[System, str], OmsActor[Any]], parent: str = "") -> None:
        """Build and start an actor; one that lives there is stopped first. After shutdown nothing starts.

        A constructor that raises is a failure of the child, reported like one in its first turn; without a parent it
        is raised here.
        """
        with self._lifecycle:
            self.stop(address)
            if self._closed:
                return
            try:
                actor = build(self, address)
            except Exception as error:
                self.metrics.actor_failed("constructor")
                actor_failed(address, error, "on_start")
                if not parent:
                    raise
                self._tell_parent(parent, address, error, "on_start")
                return
            self._settle(actor, address, parent)

    def stop(self, address: str) -> None:
        """Stop an actor and its children; their waiting messages are dropped, and counted as dead letters."""
        with self._lifecycle:
            cell = self._find(address)
            if cell is not None:
                self._take_down(cell)
                cell.request_stop()

    def child_failed(self, address: str, error: BaseException, handling: str) -> None:
        """An actor's handler raised: stop its children and tell its parent, once.

        An actor that was stopped or replaced while it failed has no place any more: that is only counted and logged.
        """
        cell = running_cell()
        if cell is None or cell.address != address:
            cell = self._find(address)
        self.metrics.actor_failed("unknown" if cell is None else type(cell.actor).__name__)
        actor_failed(address, error, handling)
        with self._lifecycle:
            if cell is None or self._find(address) is not cell:
                return
            self._take_down(cell)
        if cell.parent:
            self._tell_parent(cell.parent, address, error, handling)

    # ----- for the kinds of systems

    def _fire(self, timer: int) -> None:
        # A timer fell due: its number goes into the inbox, its message stays claimable until its turn comes.
        timed = self._timers.peek(timer)
        if timed is None:
            return
        cell = self._find(timed.address)
        if cell is not None and cell.post_timer(timer, urgent=timed.message.urgent):
            return
        if self._timers.claim(timer) is not None:
            self.metrics.dead_letters(1)

    def _claim(self, timer: int) -> Message | None:
        timed = self._timers.claim(timer)
        return None if timed is None else timed.message

    def rest(self, cell: Cell) -> None:
        """A turn is over: queue the cell again, let it sleep, or bury it."""
        cell.message = None
        if cell.stopped():
            self._retire(cell)
        elif not cell.empty():
            cell.queue(cell)
        else:
            cell.turn.release()
            # Whoever posted before the release could not queue the cell.
            if not cell.empty():
                cell.wake()

    def _retire(self, cell: Cell) -> None:
        # The turn stays held for ever: this cell never runs again.
        with self._lifecycle:
            if self._find(cell.address) is cell:
                self._take_down(cell)
            if self._retiring.get(cell.address) is cell:
                del self._retiring[cell.address]
            lost = cell.close()
            successor = cell.successor
        self.metrics.dead_letters(lost)
        if successor is not None:
            begin(successor)

    # ----- parts

    def _settle(self, actor: OmsActor[Any], address: str, parent: str) -> None:
        cell = cell_of(actor)
        cell.actor = actor
        cell.address = address
        cell.parent = parent
        cell.queue = self._queue
        cell.claim = self._claim
        self._directory.put(address, cell, parent)
        self._register(cell)
        predecessor = self._retiring.get(address)
        if predecessor is None:
            begin(cell)
        else:
            predecessor.successor = cell

    def _take_down(self, cell: Cell) -> None:
        for child in self._directory.children(cell.address):
            self.stop(child)
        self._directory.remove(cell.address)
        self._retiring[cell.address] = cell

    def _tell_parent(self, parent: str, address: str, error: BaseException, handling: str) -> None:
        text = redact(f"{type(error).__name__}: {error}")
        self.tell(parent, ChildFailed(message_id=self.ids.next(), address=address, error=text, handling=handling))
