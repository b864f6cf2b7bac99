"""The base of every actor: one way to handle a message, one way to fail.

A handler gets a message and returns an `Outcome`; it changes nothing itself. The base carries the outcome out. An
exception from a handler or from the first turn is reported to the parent once, marks the actor stopped and is raised
again, so that pykka's own failure path and ours are the same one. What is not an `Exception` goes on as `ActorKilled`:
pykka would answer it by stopping every actor in the process, the host's too.

Must never: block, read a clock or a random source other than the system's, or keep a reference to another actor.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import pykka

from actors.errors import OmsError
from actors.runtime.log import unexpected_message
from actors.runtime.outcome import Act, CancelTimer, Effect, Outcome, Publish, Respond, Send, SetTimer, Spawn, StopChild
from actors.runtime.seam import System
from messages.base import Message

InboxT = TypeVar("InboxT", bound=Message)


class ActorKilled(OmsError):
    """A handler raised something that would have ended a whole process, such as `SystemExit`."""


class OmsActor(pykka.Actor, Generic[InboxT]):
    """An actor with a typed inbox, an address, timers by key and effects as values.

    A subclass sets `accepts` to the members of its inbox union and implements `receive`.
    """

    accepts: ClassVar[frozenset[type[Message]]] = frozenset()

    if TYPE_CHECKING:
        # The system mixes these in; a type checker that did not see them would call every actor class abstract.
        @staticmethod
        def _create_actor_inbox() -> Any: ...
        @staticmethod
        def _create_future() -> pykka.Future[Any]: ...
        def _start_actor_loop(self) -> None: ...

    def __new__(cls, system: System, *_arguments: object, **_named: object) -> Self:
        """Make an actor of the class that `system` runs: this one, with the system's inbox and loop mixed in."""
        return super().__new__(system.concrete(cls))

    def __init__(self, system: System, address: str) -> None:
        super().__init__()
        self.system = system
        self.address = address
        self._timers: dict[str, int] = {}
        self._timer_keys: dict[int, str] = {}
        self._handling: Message | None = None

    def first_turn(self) -> Outcome:
        """What the actor does before its first message."""
        return Outcome()

    @abstractmethod
    def receive(self, message: InboxT) -> Outcome:
        """Decide what one message leads to. `match` over the inbox union, one case a message, `assert_never` last."""

    # ----- pykka's hooks

    def on_start(self) -> None:
        """Run the first turn."""
        try:
            self.carry_out(self.first_turn())
        except BaseException as error:
            self._report(error, "on_start")
            raise

    def on_receive(self, message: object) -> None:
        """Run one turn."""
        if type(message) not in self.accepts:
            self.system.metrics.unexpected_message(self.address, type(message).__name__)
            unexpected_message(self.address, type(message).__name__)
            return
        self._handling = cast("Message", message)
        try:
            self.carry_out(self.receive(cast("InboxT", message)))
        except BaseException as error:
            self._report(error, type(message).__name__)
            raise
        finally:
            self._handling = None

    # ----- carrying out

    def carry_out(self, outcome: Outcome) -> None:
        """Carry out an outcome. Actors without durable state release everything at once."""
        self.perform(outcome.at_once)
        for event in outcome.events:
            self.system.publish(event)
        self.perform(outcome.effects)

    def perform(self, effects: Iterable[Effect]) -> None:
        """Release effects, in order."""
        for effect in effects:
            match effect:
                case Send(address, message):
                    self._stamp(message)
                    self.system.tell(address, message)
                case Act(run):
                    run()
                case Respond(reply):
                    self.system.respond(reply)
                case SetTimer(key, delay_ms, message):
                    self._cancel_timer(key)
                    timer = self.system.after(delay_ms, self.address, message)
                    self._timers[key] = timer
                    self._timer_keys[timer] = key
                case CancelTimer(key):
                    self._cancel_timer(key)
                case Publish(event):
                    self.system.publish(event)
                case Spawn(address, build):
                    self.system.start(address, build, parent=self.address)
                case StopChild(address):
                    self.system.stop(address)

    def cancel_all_timers(self) -> None:
        """Forget every timer of this actor, as when it stops."""
        for key in list(self._timers):
            self._cancel_timer(key)

    def timer_fired(self, timer: int) -> None:
        """Forget a timer whose message is about to be handled."""
        key = self._timer_keys.pop(timer, None)
        if key is not None:
            del self._timers[key]

    def _cancel_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            del self._timer_keys[timer]
            self.system.cancel(timer)

    def _report(self, error: BaseException, handling: str) -> None:
        self.system.child_failed(self.address, error, handling)
        if not isinstance(error, Exception):
            raise ActorKilled(f"{type(error).__name__} in {handling}") from error

    def _stamp(self, message: Message) -> None:
        # The sender owns a message until it is sent, so completing its header here is not a mutation anyone can see.
        if not message.message_id:
            object.__setattr__(message, "message_id", self.system.ids.next())
        cause = self._handling
        if cause is not None and not message.causation_id:
            object.__setattr__(message, "causation_id", cause.message_id)
            if not message.correlation_id:
                object.__setattr__(message, "correlation_id", cause.correlation_id)
