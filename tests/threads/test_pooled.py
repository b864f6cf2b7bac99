"""The production runtime on real threads: starting, stopping, sharing a process, and what it does when stuck."""

import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import pykka
import pytest
from runtime_kit import (
    DEADLINE_S,
    Call,
    Do,
    Job,
    Journal,
    Note,
    Probe,
    Raise,
    Send,
    StopChild,
    World,
    close_world,
    make_world,
    timer,
)

from actors.errors import BlockingAskRefused
from actors.runtime.outcome import Outcome
from actors.runtime.pooled import PooledSystem
from actors.runtime.switching import short_switch_interval
from actors.runtime.watchdog import Overdue


class Gate:
    """Keeps a handler from coming back until the test says so."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def pass_through(self) -> None:
        self.entered.set()
        # Longer than any test waits, or a handler that gives up would let those through that it holds up.
        assert self.opened.wait(3 * DEADLINE_S)


@pytest.fixture
def world() -> Iterator[World]:
    made = make_world("pooled")
    yield made
    close_world(made)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


def occupy(world: World, address: str, gate: Gate) -> None:
    """Have an actor stand inside a handler."""
    world.tell(address, Call(function=gate.pass_through))
    assert gate.entered.wait(DEADLINE_S)


def pooled(world: World) -> PooledSystem:
    assert isinstance(world.system, PooledSystem)
    return world.system


def our_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("oms-")}


def test_shutdown_leaves_no_thread_and_nothing_in_the_registry() -> None:
    before = our_threads()
    registered = pykka.ActorRegistry.get_all()
    world = make_world("pooled", workers=3)
    for number in range(20):
        world.probe(f"a/{number}", first=(timer("far", 3_600_000, "never"),))
    world.until(lambda: len(world.journal.entries) == 20)
    assert len(our_threads() - before) == 5
    assert pooled(world).shutdown(DEADLINE_S) == ()
    assert our_threads() == before
    assert pykka.ActorRegistry.get_all() == registered
    assert not world.tell("a/1", Note(text="x"))
    world.probe("late")
    assert not world.tell("late", Note(text="x"))
    assert pooled(world).shutdown(DEADLINE_S) == ()


def test_shutdown_stops_newest_first(world: World) -> None:
    class Stopping(Probe):
        def on_stop(self) -> None:
            self.journal.add("stopped", self.address)

    for number in range(5):
        world.probe(f"a/{number}", kind=Stopping)
    world.until(lambda: len(world.journal.entries) == 5)
    pooled(world).shutdown(DEADLINE_S)
    assert world.journal.of("stopped") == ["a/4", "a/3", "a/2", "a/1", "a/0"]


def test_shutdown_with_a_stuck_handler_is_bounded_and_names_it(gate: Gate) -> None:
    before = our_threads()
    world = make_world("pooled")
    world.probe("stuck")
    world.probe("fine")
    occupy(world, "stuck", gate)
    assert pooled(world).shutdown(0.2) == ("stuck",)
    left = our_threads() - before
    assert len(left) == 1
    gate.opened.set()
    for thread in left:
        thread.join(DEADLINE_S)
    assert our_threads() == before


def test_shutdown_with_a_stop_hook_that_hangs_is_bounded(gate: Gate) -> None:
    class Hanging(Probe):
        def on_stop(self) -> None:
            gate.pass_through()

    world = make_world("pooled")
    world.probe("a", kind=Hanging)
    world.until_recorded("a", "started")
    pooled(world).shutdown(0.2)
    assert gate.entered.is_set()
    assert not gate.opened.is_set()


def test_shutdown_from_inside_an_actor_is_refused(world: World) -> None:
    world.probe("parent")
    world.probe("a", parent="parent")
    world.tell("a", Call(function=lambda: pooled(world).shutdown(1)))
    world.until(lambda: len(world.journal.of("parent")) > 1)
    assert BlockingAskRefused.__name__ in world.journal.of("parent")[1]
    assert world.tell("parent", Note(text="alive"))


def test_stop_of_a_busy_actor_ends_it_after_its_message(world: World, gate: Gate) -> None:
    world.probe("a")
    occupy(world, "a", gate)
    world.tell("a", Note(text="waiting"))
    world.system.stop("a")
    assert not world.tell("a", Note(text="x"))
    gate.opened.set()
    world.until(lambda: world.count("dead_letters_total") == 2)
    assert world.journal.of("a") == ["started"]


def test_replacement_begins_after_the_last_turn_of_its_predecessor(world: World, gate: Gate) -> None:
    world.probe("a")

    def last_words() -> None:
        gate.pass_through()
        world.journal.add("a", "first one done")

    world.tell("a", Call(function=last_words))
    assert gate.entered.wait(DEADLINE_S)
    world.probe("a")
    # Replaced once more before it could begin: that one never runs.
    world.probe("a")
    # Queued after the replacements, so by then they would have run if nothing held them back.
    world.probe("b")
    world.until_recorded("b", "started")
    gate.opened.set()
    world.until(lambda: len(world.journal.of("a")) == 3)
    assert world.journal.of("a") == ["started", "first one done", "started"]


def test_failure_of_a_replaced_actor_leaves_its_successor_alone(world: World, gate: Gate) -> None:
    def fail_late() -> None:
        gate.pass_through()
        raise RuntimeError("too late to matter")

    world.probe("parent")
    world.probe("a", parent="parent")
    world.tell("a", Call(function=fail_late))
    assert gate.entered.wait(DEADLINE_S)
    world.probe("a", parent="parent")
    gate.opened.set()
    world.until(lambda: world.journal.of("a") == ["started", "started"])
    world.tell("a", Note(text="alive"))
    world.until_recorded("a", "alive")
    assert world.journal.of("parent") == ["started"]


def test_two_systems_in_one_process_do_not_meet(world: World) -> None:
    other = make_world("pooled", name="oms-other")
    for one in (world, other):
        one.probe("a")
        one.until_recorded("a", "started")
    other.tell("a", Raise(error=SystemExit(1)))
    other.until(lambda: not other.tell("a", Note(text="x")))
    assert pooled(other).shutdown(DEADLINE_S) == ()
    world.tell("a", Note(text="alive"))
    world.until_recorded("a", "alive")
    assert world.count("actor_failures_total", actor="Probe") == 0


def test_actors_of_the_host_survive_failures_and_shutdown() -> None:
    class Guest(pykka.ThreadingActor):
        use_daemon_thread: ClassVar[bool] = True

        def on_receive(self, message: object) -> object:
            return message

    guest = Guest.start()
    try:
        world = make_world("pooled")
        world.probe("a")
        world.probe("b")
        world.tell("a", Raise(error=SystemExit(1)))
        world.tell("b", Raise(error=GeneratorExit()))
        world.until(lambda: not world.tell("a", Note(text="x")) and not world.tell("b", Note(text="x")))
        pooled(world).shutdown(DEADLINE_S)
        assert guest.ask("still there", timeout=DEADLINE_S) == "still there"
        assert guest in pykka.ActorRegistry.get_all()
    finally:
        guest.stop(timeout=DEADLINE_S)


def test_pykka_itself_may_ask_and_stop_our_actors(world: World) -> None:
    world.probe("a")
    ref = world.system._find("a").actor.actor_ref
    ref.tell(Note(text="by reference"))
    world.until_recorded("a", "by reference")
    assert ref.stop(timeout=DEADLINE_S)
    world.until(lambda: not world.tell("a", Note(text="x")))
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(Note(text="too late"), timeout=DEADLINE_S)


def test_question_left_in_the_inbox_of_a_stopped_actor_is_answered(world: World, gate: Gate) -> None:
    world.probe("a")
    occupy(world, "a", gate)
    future = world.system._find("a").actor.actor_ref.ask(Note(text="x"), block=False)
    world.system.stop("a")
    gate.opened.set()
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=DEADLINE_S)


def test_watchdog_reports_a_stuck_message_with_its_stack(gate: Gate) -> None:
    world = make_world("pooled", overdue_ms=40)
    reports: list[Overdue] = []
    reported = threading.Event()

    def report(overdue: Overdue) -> None:
        reports.append(overdue)
        reported.set()

    pooled(world).on_overdue = report
    world.probe("stuck")
    occupy(world, "stuck", gate)
    assert reported.wait(DEADLINE_S)
    gate.opened.set()
    close_world(world)
    assert [(report.address, report.handling) for report in reports] == [("stuck", "Call")]
    assert reports[0].age_ms >= 40
    assert "pass_through" in reports[0].stack
    assert world.count("actor_message_overdue_total") == 1


def test_stuck_actor_delays_no_other(world: World, gate: Gate) -> None:
    world.probe("stuck")
    world.probe("a")
    occupy(world, "stuck", gate)
    world.tell("a", Note(text="alive"))
    world.until_recorded("a", "alive")


def test_handlers_stuck_one_after_the_other_delay_no_other_while_workers_are_left() -> None:
    world = make_world("pooled", workers=3)
    gates = [Gate(), Gate()]
    for number, each in enumerate(gates):
        world.probe(f"stuck/{number}")
        occupy(world, f"stuck/{number}", each)
    world.probe("a")
    for number in range(3):
        world.tell("a", Job(text=str(number)))
    world.until_recorded("a", "2")
    for each in gates:
        each.opened.set()
    close_world(world)
    assert world.journal.of("a") == ["started", "0", "1", "2"]


def test_mail_of_all_waits_only_until_one_of_the_stuck_workers_is_back(gate: Gate) -> None:
    world = make_world("pooled", workers=2)
    other = Gate()
    for number, each in enumerate((gate, other)):
        world.probe(f"stuck/{number}")
        occupy(world, f"stuck/{number}", each)
    world.probe("a")
    world.tell("a", Note(text="alive"))
    # The one that was relieved first: it must come back as a spare and take the post of the one that still hangs.
    gate.opened.set()
    world.until_recorded("a", "alive")
    assert not other.opened.is_set()
    other.opened.set()
    close_world(world)


def test_worker_that_comes_back_is_a_spare_again(world: World, gate: Gate) -> None:
    world.probe("stuck")
    world.probe("a")
    occupy(world, "stuck", gate)
    world.tell("a", Note(text="alive"))
    world.until_recorded("a", "alive")
    gate.opened.set()

    def one_serves() -> bool:
        served_by: list[str] = []
        for number in range(1, 21):
            world.tell("a", Call(function=lambda: served_by.append(threading.current_thread().name)))
            world.until(lambda number=number: len(served_by) == number)  # type: ignore[misc]
        return len(set(served_by)) == 1

    # Not at the first try if the machine is so busy that a worker which only was not scheduled is relieved.
    world.until(one_serves)


def test_idle_system_has_nobody_awake_and_still_relieves_who_gets_stuck(world: World, gate: Gate) -> None:
    world.probe("stuck")
    world.probe("a")
    world.until(lambda: len(world.journal.entries) == 2)
    for _ in range(3):
        world.until(lambda: pooled(world)._asleep)
        world.tell("a", Note(text="short"))
    world.until(lambda: pooled(world)._asleep)
    occupy(world, "stuck", gate)
    world.tell("a", Note(text="alive"))
    world.until_recorded("a", "alive")


def test_handler_that_computes_for_long_delays_no_other(world: World) -> None:
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(1000))

    world.probe("busy")
    world.probe("a")
    world.tell("busy", Call(function=compute))
    world.tell("a", Note(text="alive"))
    world.until_recorded("a", "alive")
    done.set()


def test_actors_that_hang_in_turn_lose_nothing_and_never_overlap() -> None:
    # Every handler waits until another actor was served meanwhile, so the post changes hands with every message.
    world = make_world("pooled", workers=3)
    seen: list[int] = []

    def wait_for_other(number: int, gone: threading.Event) -> None:
        assert gone.wait(3 * DEADLINE_S)
        seen.append(number)

    for address in ("a", "b", "c"):
        world.probe(address)
    for number in range(20):
        gone = threading.Event()
        world.tell(("a", "b")[number % 2], Call(function=partial(wait_for_other, number, gone)))
        world.tell("c", Call(function=gone.set))
    world.until(lambda: len(seen) == 20)
    close_world(world)
    assert [number for number in seen if number % 2 == 0] == list(range(0, 20, 2))
    assert [number for number in seen if number % 2] == list(range(1, 20, 2))


def test_busy_actor_gives_way_after_a_bounded_turn() -> None:
    # One worker: the flooded actor keeps telling itself to go on, the other one must get its turn nevertheless.
    world = make_world("pooled", workers=1)
    done = threading.Event()

    class Endless(Probe):
        def receive(self, message: Any) -> Outcome:
            return Outcome() if done.is_set() else Outcome(effects=[Send(self.address, Job(text="on"))])

    world.probe("endless", kind=Endless)
    world.probe("a")
    world.tell("endless", Job(text="go"))
    world.tell("a", Note(text="my turn"))
    world.until_recorded("a", "my turn")
    done.set()
    close_world(world)


def test_switch_interval_is_shortened_and_restored() -> None:
    before = sys.getswitchinterval()
    world = make_world("pooled", switch_interval_s=before / 10)
    assert sys.getswitchinterval() == pytest.approx(before / 10, abs=1e-6)
    other = short_switch_interval(before / 20)
    assert sys.getswitchinterval() == pytest.approx(before / 20, abs=1e-6)
    close_world(world)
    assert sys.getswitchinterval() == pytest.approx(before / 20, abs=1e-6)
    other.restore()
    other.restore()
    assert sys.getswitchinterval() == pytest.approx(before, abs=1e-6)


class Counting(Probe):
    """Notices when two of its turns overlap."""

    def __init__(self, system: Any, address: str, journal: Journal, first: tuple[Any, ...] = ()) -> None:
        super().__init__(system, address, journal, first)
        self.inside = 0
        self.seen: list[str] = []

    def receive(self, message: Any) -> Outcome:
        self.inside += 1
        if self.inside != 1:
            self.journal.add(self.address, "overlapping turns")
        self.seen.append(message.text)
        self.inside -= 1
        return Outcome()


def test_one_actor_told_from_many_threads_loses_nothing_and_never_overlaps() -> None:
    world = make_world("pooled", workers=4, switch_interval_s=0.00001)
    world.probe("a", kind=Counting)
    actor = world.system._find("a").actor
    _from_threads(8, lambda number: [world.tell("a", Job(text=f"{number}:{index}")) for index in range(2000)])
    world.until(lambda: len(actor.seen) == 16_000)
    close_world(world)
    assert world.journal.of("a") == ["started"]
    for number in range(8):
        mine = [text for text in actor.seen if text.startswith(f"{number}:")]
        assert mine == [f"{number}:{index}" for index in range(2000)]


def test_four_thousand_actors_handle_everything_and_stop() -> None:
    world = make_world("pooled")
    addresses = [f"a/{number}" for number in range(4000)]
    for address in addresses:
        world.probe(address, kind=Counting)
    actors = [world.system._find(address).actor for address in addresses]
    _from_threads(4, lambda _: [world.tell(address, Job(text="x")) for _ in range(5) for address in addresses])
    world.until(lambda: all(len(actor.seen) == 20 for actor in actors))
    world.until(lambda: world.count("actor_messages_total") == 80_000)
    assert pooled(world).shutdown(DEADLINE_S) == ()
    assert not {actor.actor_urn for actor in actors} & {ref.actor_urn for ref in pykka.ActorRegistry.get_all()}


def test_stop_and_tell_racing_lose_no_message_silently(world: World) -> None:
    # Whatever is told is either handled or counted; nothing vanishes between a stop and its last turn.
    told = [0]
    handled: list[str] = []

    class Ephemeral(Probe):
        def receive(self, message: Any) -> Outcome:
            handled.append(message.text)
            return Outcome()

    def flood(_: int) -> None:
        for _round in range(3000):
            told[0] += 1
            world.tell("a", Note(text="x"))

    def churn(_: int) -> None:
        for _round in range(200):
            world.probe("a", kind=Ephemeral)
            world.system.stop("a")

    flooding = threading.Thread(target=flood, args=(0,))
    flooding.start()
    churn(0)
    flooding.join(DEADLINE_S)
    world.until(lambda: len(handled) + world.count("dead_letters_total") == told[0])


def _from_threads(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def test_stop_child_effect_of_an_unknown_address_is_fine(world: World) -> None:
    world.probe("a")
    world.tell("a", Do(effects=(StopChild("nobody"),)))
    world.tell("a", Note(text="after"))
    world.until_recorded("a", "after")
