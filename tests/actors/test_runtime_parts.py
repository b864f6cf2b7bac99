"""The small parts of the runtime, each by itself."""

import threading
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.clock import SystemClock, VirtualClock
from actors.runtime.directory import Directory
from actors.runtime.ids import CountedIds
from actors.runtime.log import redact, redacting
from actors.runtime.timers import TimerHeap
from actors.runtime.watchdog import OverdueDetector, Turn


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=200))
def test_timer_heap_names_due_timers_in_order_without_the_cancelled(plan: list[tuple[int, bool]]) -> None:
    heap: TimerHeap[int] = TimerHeap()
    timers = [heap.schedule(due_ms, index) for index, (due_ms, _) in enumerate(plan)]
    for timer, (_, cancelled) in zip(timers, plan, strict=True):
        if cancelled:
            heap.cancel(timer)
    expected = sorted((due_ms, index) for index, (due_ms, cancelled) in enumerate(plan) if not cancelled)
    fired = []
    while (due_ms := heap.next_due_ms()) is not None:
        fired += [(due_ms, heap.claim(timer)) for timer in heap.due(due_ms)]
    assert fired == expected
    assert len(heap) == 0


def test_timer_heap_timer_cancelled_after_it_fell_due_cannot_be_claimed() -> None:
    heap: TimerHeap[str] = TimerHeap()
    timer = heap.schedule(5, "x")
    assert heap.due(4) == []
    assert heap.due(5) == [timer]
    assert heap.due(6) == []
    assert heap.peek(timer) == "x"
    heap.cancel(timer)
    assert heap.claim(timer) is None


def test_timer_heap_timer_is_claimed_once() -> None:
    heap: TimerHeap[str] = TimerHeap()
    timer = heap.schedule(5, "x")
    assert heap.claim(timer) == "x"
    assert heap.claim(timer) is None


def test_timer_heap_cancelled_timers_do_not_pile_up() -> None:
    heap: TimerHeap[str] = TimerHeap()
    for _ in range(10_000):
        heap.cancel(heap.schedule(1_000_000, "x"))
    assert len(heap._heap) < 200


def test_directory_knows_residents_children_and_order() -> None:
    directory: Directory[str] = Directory()
    directory.put("root", "R", "")
    directory.put("a", "A", "root")
    directory.put("b", "B", "root")
    assert directory.get("a") == "A"
    assert directory.children("root") == ["b", "a"]
    assert directory.newest_first() == ["B", "A", "R"]
    directory.remove("a")
    directory.remove("a")
    assert directory.get("a") is None
    assert directory.children("root") == ["b"]
    directory.remove("b")
    assert directory.children("root") == []
    assert len(directory) == 1


def test_ids_are_unique_across_threads_and_runs() -> None:
    drawn: list[list[str]] = []
    one = CountedIds(Random(1))
    threads = [threading.Thread(target=lambda: drawn.append([one.next() for _ in range(5000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [each for batch in drawn for each in batch]
    assert len(set(ids)) == 20_000
    assert not set(ids) & {CountedIds(Random(2)).next()}
    assert CountedIds(Random(1)).next() == min(ids, key=len)


def test_virtual_clock_moves_only_when_told() -> None:
    clock = VirtualClock(1000)
    clock.advance(5)
    assert (clock.now_ms(), clock.monotonic_ms()) == (1005, 5)
    clock.step_wall(-100)
    assert (clock.now_ms(), clock.monotonic_ms()) == (905, 5)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_system_clock_speaks_in_milliseconds() -> None:
    clock = SystemClock()
    assert 1_600_000_000_000 < clock.now_ms() < 4_000_000_000_000
    assert clock.monotonic_ms() <= clock.monotonic_ms()


def turn(*mark: int) -> Turn:
    return Turn(mark, "a", "Ping", 1)


def test_overdue_detector_reports_a_turn_once_when_its_threshold_has_passed() -> None:
    detector = OverdueDetector(100)
    assert detector.examine(0, [turn(0, 1, 64)]) == []
    assert detector.examine(99, [turn(0, 1, 64)]) == []
    assert detector.examine(120, [turn(0, 1, 64)]) == [(turn(0, 1, 64), 120)]
    assert detector.examine(500, [turn(0, 1, 64)]) == []


def test_overdue_detector_counts_every_message_by_itself() -> None:
    detector = OverdueDetector(100)
    detector.examine(0, [turn(0, 1, 64), turn(1, 1, 64)])
    assert detector.examine(90, [turn(0, 1, 63), turn(1, 2, 64)]) == []
    assert detector.examine(150, [turn(0, 1, 63), turn(1, 2, 64)]) == []
    assert detector.examine(190, [turn(0, 1, 63)]) == [(turn(0, 1, 63), 100)]
    assert detector.examine(300, []) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /order?symbol=BTC&signature=deadbeef&x=1", "GET /order?symbol=BTC&signature=***&x=1"),
        ("headers {'X-MBX-APIKEY': 'k3y', 'Accept': 'json'}", "headers {'X-MBX-APIKEY': '***', 'Accept': 'json'}"),
        ('{"apiSecret": "s3cret", "symbol": "BTC"}', '{"apiSecret": "***", "symbol": "BTC"}'),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer ***"),
        ("wss://host/ws?listenKey=abc123", "wss://host/ws?listenKey=***"),
        ("redis://user:hunter2@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://:hunter2@host:6379/0", "redis://:***@host:6379/0"),
        ("KC-API-PASSPHRASE=open sesame", "KC-API-PASSPHRASE=*** sesame"),
        ("order state changed: filled 1 of 2 at 10:15", "order state changed: filled 1 of 2 at 10:15"),
    ],
)
def test_redact_hides_values_that_are_named_like_secrets(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_redacting_sink_hides_known_values_wherever_they_stand() -> None:
    written: list[str] = []
    sink = redacting(written.append, ["abc", "abcdef", ""])
    sink("the venue said: abcdef is wrong, so is abc; token=t")
    assert written == ["the venue said: *** is wrong, so is ***; token=***"]
