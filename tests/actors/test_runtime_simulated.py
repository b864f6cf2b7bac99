"""The simulated runtime: replay by seed, virtual time, crashes, and the choosers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from actors.errors import InvariantViolated
from actors.runtime.base import OmsActor
from actors.runtime.chooser import Chooser, ExhaustiveChooser
from actors.runtime.outcome import CancelTimer, Outcome, Send, SetTimer
from actors.runtime.simulated import START_MS, SimulatedSystem
from messages.base import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Message):
    """Remember, then pass on to `to`, `hops` times."""

    text: str
    to: tuple[str, ...] = ()
    hops: int = 0


class Node(OmsActor[Any]):
    """Remembers what it is told in a list that the whole test shares."""

    accepts: ClassVar = frozenset({Say})

    def __init__(self, system: Any, address: str, heard: list[str], first: Outcome | None = None) -> None:
        super().__init__(system, address)
        self.heard = heard
        self.first = first or Outcome()

    def first_turn(self) -> Outcome:
        return self.first

    def receive(self, message: Any) -> Outcome:
        self.heard.append(f"{self.address}:{message.text}")
        if not message.hops:
            return Outcome()
        again = Say(text=message.text, to=message.to, hops=message.hops - 1)
        return Outcome(effects=[Send(address, again) for address in message.to])


def nodes(system: SimulatedSystem, heard: list[str], *addresses: str) -> None:
    for address in addresses:
        system.start(address, lambda at, name: Node(at, name, heard))
    system.settle()


def gossip(seed: int) -> tuple[str, list[str]]:
    heard: list[str] = []
    system = SimulatedSystem(seed)
    nodes(system, heard, "a", "b", "c")
    for text in ("x", "y"):
        system.tell("a", Say(text=text, to=("b", "c"), hops=4))
    system.run_until_idle()
    return system.trace_hash(), heard


def test_simulation_same_seed_gives_the_same_trace() -> None:
    assert gossip(1) == gossip(1)


def test_simulation_other_seeds_give_other_traces() -> None:
    hashes = {gossip(seed)[0] for seed in range(20)}
    orders = {tuple(gossip(seed)[1]) for seed in range(20)}
    assert len(hashes) == 20
    assert len(orders) > 10


def test_simulation_clock_jumps_to_the_next_timer() -> None:
    heard: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    system.after(3_600_000, "a", Say(text="late"))
    system.after(5, "a", Say(text="soon"))
    system.run_until_idle()
    assert heard == ["a:soon", "a:late"]
    assert system.clock.now_ms() == START_MS + 3_600_000
    assert system.clock.monotonic_ms() == 3_600_000


def test_run_for_lets_exactly_that_time_pass() -> None:
    heard: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    for delay_ms in (10, 11):
        system.after(delay_ms, "a", Say(text=str(delay_ms)))
    system.run_for(10)
    assert heard == ["a:10"]
    assert system.clock.monotonic_ms() == 10
    system.run_for(100)
    assert heard == ["a:10", "a:11"]
    assert system.clock.monotonic_ms() == 110


def test_settle_handles_what_is_due_without_moving_time() -> None:
    heard: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    system.after(0, "a", Say(text="now"))
    system.after(1, "a", Say(text="later"))
    system.settle()
    assert heard == ["a:now"]
    assert system.clock.monotonic_ms() == 0


def test_run_until_says_whether_the_condition_came_true() -> None:
    heard: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    system.after(50, "a", Say(text="x"))
    assert not system.run_until(lambda: bool(heard), 49)
    assert system.clock.monotonic_ms() == 49
    assert system.run_until(lambda: bool(heard), 1)
    assert system.clock.monotonic_ms() == 50


def test_endless_simulation_is_cut_off_with_an_error() -> None:
    system = SimulatedSystem(1)
    nodes(system, [], "a")
    system.tell("a", Say(text="x", to=("a",), hops=1_000_000))
    with pytest.raises(InvariantViolated, match="100 steps"):
        system.run_until_idle(max_steps=100)


def test_step_does_one_thing_and_calls_the_auditor() -> None:
    heard: list[str] = []
    audited: list[int] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    system.after_step = lambda: audited.append(len(heard))
    for text in ("x", "y"):
        system.tell("a", Say(text=text))
    assert system.step()
    assert heard == ["a:x"]
    assert system.step()
    assert not system.step()
    assert audited == [1, 2]


def test_crash_drops_actors_inboxes_and_timers() -> None:
    heard: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    system.tell("a", Say(text="waiting"))
    system.after(10, "a", Say(text="timer"))
    system.crash()
    assert not system.tell("a", Say(text="dead"))
    nodes(system, heard, "a")
    system.tell("a", Say(text="reborn"))
    system.run_until_idle()
    assert heard == ["a:reborn"]
    assert system.incarnation == 1


def test_crash_leaves_the_world_going_and_cuts_its_answers_off() -> None:
    heard: list[str] = []
    world: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    answer = system.of_this_incarnation(lambda: system.tell("a", Say(text="answer to the dead")))
    system.schedule(10, lambda: world.append("venue accepted"))
    system.schedule(20, answer)
    system.crash()
    nodes(system, heard, "a")
    system.schedule(30, system.of_this_incarnation(lambda: system.tell("a", Say(text="answer"))))
    system.run_until_idle()
    assert world == ["venue accepted"]
    assert heard == ["a:answer"]


def test_ids_of_different_incarnations_never_meet() -> None:
    system = SimulatedSystem(1)
    before = {system.ids.next() for _ in range(100)}
    system.crash()
    assert not before & {system.ids.next() for _ in range(100)}


def test_interruption_of_the_run_comes_out_of_step() -> None:
    class Interrupting(Node):
        def receive(self, message: Any) -> Outcome:
            raise KeyboardInterrupt

    system = SimulatedSystem(1)
    system.start("a", lambda at, name: Interrupting(at, name, []))
    system.tell("a", Say(text="x"))
    with pytest.raises(KeyboardInterrupt):
        system.run_until_idle()


def test_simulated_actors_stay_out_of_the_registry_of_the_process() -> None:
    import pykka  # noqa: PLC0415 - only this test needs it

    before = pykka.ActorRegistry.get_all()
    nodes(SimulatedSystem(1), [], "a", "b")
    assert pykka.ActorRegistry.get_all() == before


def every_run(scenario: Callable[[Chooser], list[str]]) -> list[tuple[str, ...]]:
    chooser = ExhaustiveChooser()
    outcomes = [tuple(scenario(chooser))]
    while chooser.advance():
        outcomes.append(tuple(scenario(chooser)))
    return outcomes


def test_exhaustive_chooser_visits_every_interleaving_once() -> None:
    def three_messages(chooser: Chooser) -> list[str]:
        heard: list[str] = []
        system = SimulatedSystem(1, chooser=_Late(chooser))
        nodes(system, heard, "a", "b", "c")
        for address in ("a", "b", "c"):
            system.tell(address, Say(text="x"))
        system.run_until_idle()
        return heard

    outcomes = every_run(three_messages)
    assert len(outcomes) == 6
    assert len(set(outcomes)) == 6


def test_exhaustive_chooser_covers_an_uneven_tree() -> None:
    def run(chooser: Chooser) -> list[str]:
        first = chooser.choose(2)
        return ["left"] if first == 0 else ["right", str(chooser.choose(3))]

    assert every_run(run) == [("left",), ("right", "0"), ("right", "1"), ("right", "2")]


def test_timer_cancelled_while_its_message_waits_is_never_delivered() -> None:
    # In some interleavings the timer falls due, and stands in the inbox, before the message that cancels it is handled.
    class Armed(Node):
        def receive(self, message: Any) -> Outcome:
            super().receive(message)
            return Outcome(effects=[CancelTimer("k")]) if message.text == "disarm" else Outcome()

    def race(chooser: Chooser) -> list[str]:
        heard: list[str] = []
        system = SimulatedSystem(1, chooser=chooser)
        first = Outcome(effects=[SetTimer("k", 0, Say(text="fired"))])
        system.start("a", lambda at, name: Armed(at, name, heard, first))
        system.step()
        system.tell("a", Say(text="disarm"))
        system.run_until_idle()
        return heard

    outcomes = every_run(race)
    assert len(outcomes) > 1
    assert set(outcomes) == {("a:disarm",)}


class _Late:
    """Leaves the start of the actors alone, so that only the messages are permuted."""

    def __init__(self, inner: Chooser) -> None:
        self._inner = inner
        self._starts = 2

    def choose(self, choices: int) -> int:
        if self._starts:
            self._starts -= 1
            return 0
        return self._inner.choose(choices)


def test_message_posted_as_a_turn_ends_is_not_left_lying() -> None:
    # The moment that matters: the turn found the inbox empty and has not been given back yet.
    heard: list[str] = []
    system = SimulatedSystem(1)
    nodes(system, heard, "a")
    cell = system._find("a")
    assert cell is not None
    turn = cell.turn

    class Handover:
        acquire = staticmethod(turn.acquire)

        @staticmethod
        def release() -> None:
            cell.turn = turn
            cell.post(Say(text="just in time"))
            turn.release()

    system.tell("a", Say(text="first"))
    cell.turn = Handover()  # type: ignore[assignment]
    system.run_until_idle()
    assert heard == ["a:first", "a:just in time"]


def test_message_posted_to_a_cell_that_has_just_closed_is_refused_and_counted() -> None:
    # As by a thread that looked the address up before the actor stopped and posts afterwards.
    system = SimulatedSystem(1)
    nodes(system, [], "a")
    cell = system._find("a")
    system.stop("a")
    system.settle()
    system._find = lambda _address: cell  # type: ignore[assignment]
    assert not system.tell("a", Say(text="too late"))
    assert system.metrics.registry.get_sample_value("dead_letters_total") == 1
