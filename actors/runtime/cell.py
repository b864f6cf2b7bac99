"""An actor's cell: its two-lane inbox and the one place where pykka's private hooks are used.

pykka's own receive loop handles the messages. It asks the inbox for the next one; where a thread of its own would
block, the cell ends the turn instead, so that a few workers, or a simulated scheduler, can serve any number of actors.
At most one turn of a cell runs at a time: `turn` is held from the moment a cell is queued until its turn is over.

Must never: block, or let pykka stop an actor that is not ours.
"""

import threading
from abc import ABCMeta
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pykka
from pykka import messages as pykka_messages
from pykka._envelope import Envelope

from actors.runtime.base import OmsActor
from actors.runtime.seam import ActorT
from messages.base import Message

if TYPE_CHECKING:
    from pykka._actor import ActorInbox


class TurnOver(Exception):
    """Nothing more to handle in this turn."""


class _Running(threading.local):
    """What this thread is doing."""

    cell: "Cell | None" = None


_running = _Running()


def running_cell() -> "Cell | None":
    """The cell whose turn this thread is running."""
    return _running.cell


def in_actor() -> bool:
    """Whether the calling thread is inside an actor's turn, where waiting for an answer is forbidden."""
    return _running.cell is not None


class Cell:
    """The inbox of one actor and the state of its turns.

    A lane holds messages, timers by number, and pykka's own envelopes. The cell serves as the envelope of the message
    being handled, which saves an allocation per message.
    """

    __slots__ = (
        "actor",
        "address",
        "claim",
        "closed",
        "left",
        "message",
        "normal",
        "parent",
        "queue",
        "started",
        "stopping",
        "successor",
        "turn",
        "urgent",
    )

    reply_to: ClassVar[None] = None
    """Read by pykka: nobody waits for a return value."""

    actor: OmsActor[Any]
    address: str
    parent: str
    queue: "Callable[[Cell], None]"
    """Hands the cell to whoever runs turns."""
    claim: Callable[[int], Message | None]
    """Takes the message of a timer, unless it was cancelled."""

    def __init__(self) -> None:
        self.urgent: deque[Any] = deque()
        self.normal: deque[Any] = deque()
        self.turn = threading.Lock()
        # Held from birth, so that nothing runs before `begin`.
        self.turn.acquire()
        self.left = 0
        self.message: Any = None
        """What is being handled; None while starting or idle."""
        self.started = False
        self.stopping = False
        self.closed = False
        self.successor: Cell | None = None
        """The next actor under the same address: begins when this one's last turn is over."""

    # ----- filling

    def post(self, message: Message) -> bool:
        """Put a message into its lane. False: the actor is gone; call `discard` for what may still lie here."""
        (self.urgent if message.urgent else self.normal).append(message)
        if self.turn.acquire(False):
            self.queue(self)
        return not self.closed

    def post_timer(self, timer: int, *, urgent: bool) -> bool:
        """Put a timer that fell due into its lane; its message is claimed when its turn comes."""
        (self.urgent if urgent else self.normal).append(timer)
        self.wake()
        return not self.closed

    def put(self, envelope: "Envelope[Any]") -> None:
        """Accept what comes through pykka: its references use this for messages, questions and stop requests."""
        message = envelope.message
        if envelope.reply_to is None and isinstance(message, Message):
            item: object = message
        else:
            item = envelope
        (self.urgent if getattr(message, "urgent", True) else self.normal).append(item)
        self.wake()
        if self.closed:
            self.discard()

    def request_stop(self) -> None:
        """End the actor before anything else that waits here."""
        self.stopping = True
        self.urgent.appendleft(Envelope(pykka_messages._ActorStop()))  # noqa: SLF001
        self.wake()

    def wake(self) -> None:
        """Queue the cell unless it is queued or running."""
        if self.turn.acquire(False):
            self.queue(self)

    # ----- emptying

    def empty(self) -> bool:
        """Whether nothing waits in either lane."""
        return not self.urgent and not self.normal

    def get(self) -> "Cell | Envelope[Any]":
        """Called by pykka's loop: the next message, the urgent lane first. Raises `TurnOver` when there is none."""
        while self.left > 0:
            if self.urgent:
                item = self.urgent.popleft()
            elif self.normal:
                item = self.normal.popleft()
            else:
                break
            self.left -= 1
            kind = item.__class__
            if kind is Envelope:
                self.message = item.message
                return cast("Envelope[Any]", item)
            if kind is int:
                timer, item = item, self.claim(item)
                if item is None:
                    continue
                self.actor.timer_fired(timer)
            self.message = item
            return self
        raise TurnOver

    def discard(self) -> int:
        """Drop what waits, answering pykka's questions; the number of messages that nobody will handle."""
        lost = 0
        for lane in (self.urgent, self.normal):
            while lane:
                try:
                    item = lane.popleft()
                except IndexError:  # Another thread that found the cell closed was faster.
                    break
                if item.__class__ is Envelope:
                    _answer_dead(item)
                elif item.__class__ is not int or self.claim(item) is not None:
                    lost += 1
        return lost

    # ----- running

    def run(self, most: int) -> int:
        """Run one turn of at most `most` messages; the answer is how many were taken. The caller holds `turn`."""
        self.left = most
        _running.cell = self
        try:
            if not self.started:
                self._start()
            self.actor._actor_loop_running()  # noqa: SLF001
        except TurnOver:
            return most - self.left
        finally:
            _running.cell = None
        return most - self.left

    def stopped(self) -> bool:
        """Whether the actor has stopped and will handle nothing more."""
        return self.actor.actor_stopped.is_set()

    def stop_now(self) -> None:
        """Stop the actor in the calling thread; no turn may be running."""
        if self.started and not self.stopped():
            _running.cell = self
            try:
                self.actor._stop()  # noqa: SLF001
            finally:
                _running.cell = None
        self.actor.actor_stopped.set()

    def fail(self, error: BaseException) -> None:
        """Stop the actor by pykka's own way of failing."""
        self.actor._handle_failure(type(error), error, error.__traceback__)  # noqa: SLF001

    def close(self) -> int:
        """Take nothing more in; drop timers and what waits. The number of messages lost."""
        self.closed = True
        self.actor.cancel_all_timers()
        return self.discard()

    def _start(self) -> None:
        self.started = True
        if self.stopping:
            # Stopped before it began: neither hook has anything to do.
            pykka.ActorRegistry.unregister(self.actor.actor_ref)
            self.actor.actor_stopped.set()
        else:
            self.actor._actor_loop_setup()  # noqa: SLF001


class Hosted(pykka.Actor):
    """Mixed into an actor class: a cell for an inbox, and turns instead of a thread."""

    @staticmethod
    def _create_actor_inbox() -> "ActorInbox":
        return cast("ActorInbox", Cell())

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        cell = cell_of(self)
        cell.queue(cell)

    def _stop(self) -> None:
        try:
            super()._stop()
        except BaseException as error:  # noqa: BLE001 - pykka would answer by stopping every actor in the process
            self._handle_failure(type(error), error, error.__traceback__)


def cell_of(actor: pykka.Actor) -> Cell:
    """The cell of an actor."""
    return cast("Cell", actor.actor_inbox)


def begin(cell: Cell) -> None:
    """Let a cell's turns begin."""
    cell.actor._start_actor_loop()  # noqa: SLF001


def mixed(kind: type[ActorT], mixin: type[pykka.Actor]) -> type[ActorT]:
    """The actor class that runs by way of `mixin`; made once and kept on the class itself."""
    if issubclass(kind, mixin):
        return kind
    name = f"_with_{mixin.__name__}"
    made = kind.__dict__.get(name)
    if made is None:
        made = ABCMeta(kind.__name__, (mixin, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})
        setattr(kind, name, made)
    return cast("type[ActorT]", made)


def unregister(actors: Iterable[pykka.Actor]) -> None:
    """Take many actors out of pykka's registry in one sweep.

    The registry is a list: one by one, from its end, costs a millisecond each when there are tens of thousands.
    """
    ours = {actor.actor_urn for actor in actors}
    registry = pykka.ActorRegistry
    with registry._actor_refs_lock:  # noqa: SLF001
        registry._actor_refs[:] = [ref for ref in registry._actor_refs if ref.actor_urn not in ours]  # noqa: SLF001


def _answer_dead(envelope: "Envelope[Any]") -> None:
    # As pykka does for what is left in the inbox of an actor that stopped.
    if envelope.reply_to is None:
        return
    if isinstance(envelope.message, pykka_messages._ActorStop):  # noqa: SLF001
        envelope.reply_to.set(None)
    else:
        error = pykka.ActorDeadError("the actor stopped before handling the message")
        envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))
