"""Actors and worlds for the tests of the runtime: what they do is recorded in a journal that tests wait on."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from prometheus_client import CollectorRegistry

from actors.runtime.base import OmsActor
from actors.runtime.hosting import ActorSystem
from actors.runtime.metrics import Metrics
from actors.runtime.outcome import CancelTimer, Effect, Outcome, Send, SetTimer, Spawn, StopChild
from actors.runtime.pooled import PooledSystem
from actors.runtime.simulated import SimulatedSystem
from actors.runtime.threaded import ThreadedSystem
from messages.base import Message
from messages.control import ChildFailed

DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Message):
    """Recorded; urgent."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Message):
    """Recorded; normal lane."""

    urgent: ClassVar[bool] = False
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Message):
    """Carry these effects out."""

    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise(Message):
    """Fail."""

    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Message):
    """Call a function inside the turn."""

    function: Callable[[], object]


class Journal:
    """What happened, in order, from any thread."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []
        self.changed = threading.Condition()

    def add(self, address: str, text: str) -> None:
        with self.changed:
            self.entries.append((address, text))
            self.changed.notify_all()

    def of(self, address: str) -> list[str]:
        with self.changed:
            return [text for who, text in self.entries if who == address]

    def await_that(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not happen; so far: {self.entries[-20:]}")
            with self.changed:
                self.changed.wait(0.01)


class Probe(OmsActor[Any]):
    """Records what it is told and does what it is told."""

    accepts: ClassVar = frozenset({Note, Job, Do, Raise, Call, ChildFailed})

    def __init__(self, system: Any, address: str, journal: Journal, first: tuple[Effect, ...] = ()) -> None:
        super().__init__(system, address)
        self.journal = journal
        self.first = first

    def first_turn(self) -> Outcome:
        self.journal.add(self.address, "started")
        return Outcome(effects=list(self.first))

    def receive(self, message: Any) -> Outcome:
        match message:
            case Note() | Job():
                self.journal.add(self.address, message.text)
            case Do():
                return Outcome(effects=list(message.effects))
            case Raise():
                raise message.error
            case Call():
                message.function()
            case ChildFailed():
                self.journal.add(self.address, f"failed {message.address} {message.handling} {message.error}")
        return Outcome()


class Stillborn(Probe):
    """Fails in its first turn."""

    def first_turn(self) -> Outcome:
        raise ValueError("stillborn")


@dataclass
class World:
    """A system, what its probes did, and a way to wait that suits the system."""

    system: ActorSystem
    registry: CollectorRegistry
    journal: Journal = field(default_factory=Journal)

    def probe(self, address: str, parent: str = "", kind: type[Probe] = Probe, first: tuple[Effect, ...] = ()) -> None:
        self.system.start(address, self.builder(kind, first), parent)

    def builder(self, kind: type[Probe] = Probe, first: tuple[Effect, ...] = ()) -> Callable[[Any, str], Probe]:
        return lambda system, address: kind(system, address, self.journal, first)

    def tell(self, address: str, message: Message) -> bool:
        return self.system.tell(address, message)

    def until(self, condition: Callable[[], bool]) -> None:
        if isinstance(self.system, SimulatedSystem):
            assert self.system.run_until(condition, 60_000), f"did not happen; so far: {self.journal.entries[-20:]}"
        else:
            self.journal.await_that(condition)

    def until_recorded(self, address: str, text: str) -> None:
        self.until(lambda: text in self.journal.of(address))

    def count(self, sample: str, **labels: str) -> float:
        return self.registry.get_sample_value(sample, labels) or 0.0


def make_world(kind: str, **options: Any) -> World:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    system: ActorSystem
    if kind == "pooled":
        system = PooledSystem(metrics, **options)
    elif kind == "threaded":
        system = ThreadedSystem(metrics)
    else:
        system = SimulatedSystem(7, metrics=metrics)
    return World(system, registry)


def close_world(world: World) -> None:
    if isinstance(world.system, SimulatedSystem):
        world.system.crash()
    else:
        world.system.shutdown(DEADLINE_S)


def timer(key: str, delay_ms: int, text: str) -> SetTimer:
    return SetTimer(key, delay_ms, Note(text=text))


__all__ = [
    "DEADLINE_S",
    "Call",
    "CancelTimer",
    "Do",
    "Job",
    "Journal",
    "Note",
    "Probe",
    "Raise",
    "Send",
    "SetTimer",
    "Spawn",
    "Stillborn",
    "StopChild",
    "World",
    "close_world",
    "make_world",
    "timer",
]
