"""One body of tests for the execution seam, over the three systems that implement it."""

from collections.abc import Iterator

import pytest
from runtime_kit import (
    Call,
    CancelTimer,
    Do,
    Job,
    Note,
    Raise,
    Send,
    Spawn,
    Stillborn,
    StopChild,
    World,
    close_world,
    make_world,
    timer,
)

from actors.runtime.cell import in_actor
from actors.runtime.outcome import Publish, Respond
from messages.control import Pong
from messages.events import Alert, Event, Severity
from messages.queries import Reply


@pytest.fixture(params=["pooled", "threaded", "simulated"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = make_world(request.param)
    yield made
    close_world(made)


def test_inbox_messages_of_one_lane_are_handled_in_order(world: World) -> None:
    world.probe("a")
    texts = [str(number) for number in range(300)]
    for text in texts:
        assert world.tell("a", Note(text=text))
    world.until_recorded("a", "299")
    assert world.journal.of("a") == ["started", *texts]


def test_inbox_urgent_messages_overtake_normal_ones(world: World) -> None:
    # Told from inside the receiver's own turn, so all of them wait before any of them is handled.
    world.probe("a")
    burst = (Job(text="j1"), Note(text="u1"), Job(text="j2"), Note(text="u2"))
    world.tell("a", Do(effects=tuple(Send("a", message) for message in burst)))
    world.until_recorded("a", "j2")
    assert world.journal.of("a") == ["started", "u1", "u2", "j1", "j2"]


def test_depth_counts_the_normal_lane_only(world: World) -> None:
    world.probe("a")
    depths: list[int] = []
    look = Call(function=lambda: depths.append(world.system.depth("a")))
    burst = (Job(text="j1"), Note(text="u1"), Job(text="j2"), look)
    world.tell("a", Do(effects=tuple(Send("a", message) for message in burst)))
    world.until_recorded("a", "j2")
    assert depths == [2]
    assert world.system.depth("nobody") == 0


def test_tell_dead_address_is_false_and_counted(world: World) -> None:
    assert not world.tell("nobody", Note(text="x"))
    assert world.count("dead_letters_total") == 1


def test_message_outside_the_protocol_is_counted_and_not_fatal(world: World) -> None:
    world.probe("a")
    world.tell("a", Pong(address="b"))
    world.tell("a", Note(text="after"))
    world.until_recorded("a", "after")
    assert world.count("unexpected_messages_total", message="Pong") == 1


def test_handler_that_raises_is_reported_once_and_its_actor_gone(world: World) -> None:
    world.probe("parent")
    world.probe("a", parent="parent")
    world.tell("a", Raise(error=RuntimeError("broken, apiKey=abc")))
    world.until(lambda: len(world.journal.of("parent")) > 1)
    world.until(lambda: not world.tell("a", Note(text="too late")))
    world.tell("parent", Note(text="end"))
    world.until_recorded("parent", "end")
    assert world.journal.of("parent") == ["started", "failed a Raise RuntimeError: broken, apiKey=***", "end"]
    assert world.journal.of("a") == ["started"]
    assert world.count("actor_failures_total", actor="Probe") == 1


def test_handler_that_exits_stops_its_own_actor_only(world: World) -> None:
    world.probe("parent")
    world.probe("a", parent="parent")
    world.probe("bystander")
    world.tell("a", Raise(error=SystemExit(3)))
    world.until_recorded("parent", "failed a Raise SystemExit: 3")
    world.until(lambda: not world.tell("a", Note(text="too late")))
    world.tell("bystander", Note(text="alive"))
    world.until_recorded("bystander", "alive")


def test_first_turn_that_raises_is_reported_once_and_its_actor_gone(world: World) -> None:
    world.probe("parent")
    world.probe("a", parent="parent", kind=Stillborn)
    world.until_recorded("parent", "failed a on_start ValueError: stillborn")
    world.until(lambda: not world.tell("a", Note(text="too late")))
    world.tell("parent", Note(text="end"))
    world.until_recorded("parent", "end")
    assert world.journal.of("parent") == ["started", "failed a on_start ValueError: stillborn", "end"]


def test_constructor_that_raises_is_reported_to_the_parent_that_lives_on(world: World) -> None:
    def build(_system: object, _address: str) -> None:
        raise ValueError("unbuildable")

    world.probe("parent")
    world.tell("parent", Do(effects=(Spawn("a", build),)))  # type: ignore[arg-type]
    world.until_recorded("parent", "failed a on_start ValueError: unbuildable")
    with pytest.raises(ValueError, match="unbuildable"):
        world.system.start("a", build)  # type: ignore[arg-type]


def test_timer_set_again_replaces_the_former_one(world: World) -> None:
    world.probe("a", first=(timer("k", 20, "first"), timer("k", 25, "second"), timer("end", 80, "end")))
    world.until_recorded("a", "end")
    assert world.journal.of("a") == ["started", "second", "end"]


def test_timer_cancelled_does_not_fire(world: World) -> None:
    first = (timer("k", 20, "cancelled"), CancelTimer("k"), CancelTimer("no such"), timer("end", 60, "end"))
    world.probe("a", first=first)
    world.until_recorded("a", "end")
    assert world.journal.of("a") == ["started", "end"]


def test_timers_fire_in_order_of_their_due_times(world: World) -> None:
    world.probe("a", first=(timer("3", 60, "3"), timer("1", 5, "1"), timer("2", 30, "2")))
    world.until_recorded("a", "3")
    assert world.journal.of("a") == ["started", "1", "2", "3"]


def test_timer_fired_leaves_nothing_behind_in_its_actor(world: World) -> None:
    world.probe("a", first=(timer("k", 1, "fired"),))
    world.until_recorded("a", "fired")
    actor = world.system._find("a").actor
    assert actor._timers == {}
    assert actor._timer_keys == {}


def test_stop_drops_what_waits_and_counts_it(world: World) -> None:
    world.probe("a")
    effects = (Send("a", Job(text="dropped")), Send("a", Note(text="dropped too")), StopChild("a"))
    world.tell("a", Do(effects=effects))
    world.until(lambda: world.count("dead_letters_total") == 2)
    assert world.journal.of("a") == ["started"]
    assert not world.tell("a", Note(text="x"))


def test_start_under_a_taken_address_replaces_the_actor_and_its_timers(world: World) -> None:
    world.probe("a", first=(timer("k", 30, "from the first one"),))
    world.until_recorded("a", "started")
    world.probe("a", first=(timer("end", 60, "end"),))
    world.until_recorded("a", "end")
    assert world.journal.of("a") == ["started", "started", "end"]


def test_parent_restarts_a_failed_child_under_the_same_address(world: World) -> None:
    world.probe("parent")
    world.tell("parent", Do(effects=(Spawn("a", world.builder()),)))
    world.until_recorded("a", "started")
    world.tell("a", Raise(error=RuntimeError("once")))
    world.until(lambda: len(world.journal.of("parent")) > 1)
    world.tell("parent", Do(effects=(Spawn("a", world.builder()),)))
    world.until(lambda: world.journal.of("a") == ["started", "started"])
    assert world.tell("a", Note(text="again"))
    world.until_recorded("a", "again")


def test_children_stop_with_a_parent_that_fails(world: World) -> None:
    world.probe("root")
    world.probe("parent", parent="root")
    world.probe("child", parent="parent")
    world.probe("grandchild", parent="child")
    world.probe("sibling", parent="root")
    world.tell("parent", Raise(error=RuntimeError("broken")))
    world.until(lambda: len(world.journal.of("root")) > 1)
    assert not world.tell("child", Note(text="x"))
    assert not world.tell("grandchild", Note(text="x"))
    assert world.tell("sibling", Note(text="alive"))
    world.until_recorded("sibling", "alive")


def test_events_and_replies_reach_their_callbacks(world: World) -> None:
    events: list[Event] = []
    replies: list[Reply] = []
    world.system.on_event = events.append
    world.system.on_reply = replies.append
    alert = Alert(account_id="", name="Test", severity=Severity.INFO, text="x", at_ms=1)
    world.probe("a", first=(Publish(alert), Respond(Reply(correlation_id="c1"))))
    world.tell("a", Note(text="end"))
    world.until_recorded("a", "end")
    assert events == [alert]
    assert [reply.correlation_id for reply in replies] == ["c1"]


def test_sent_message_carries_id_and_cause(world: World) -> None:
    world.probe("a")
    sent = Note(text="caused")
    cause = Do(message_id="m1", correlation_id="c1", effects=(Send("a", sent),))
    world.tell("a", cause)
    world.until_recorded("a", "caused")
    assert sent.message_id not in ("", "m1")
    assert (sent.causation_id, sent.correlation_id) == ("m1", "c1")


def test_in_actor_is_true_inside_a_turn_only(world: World) -> None:
    seen: list[bool] = []
    world.probe("a")
    world.tell("a", Call(function=lambda: seen.append(in_actor())))
    world.until(lambda: bool(seen))
    assert seen == [True]
    assert not in_actor()
