import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.nonces import AHEAD_MS, MemoryCeiling, NonceSource

MS = 1_000_000


class Clock:
    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.at_ms = now_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms


class Broken:
    def raise_to(self, key: str, ceiling: int) -> int:
        raise OSError(f"no store for {key} {ceiling}")


def test_nonce_is_the_time_in_nanoseconds_where_that_rises():
    clock = Clock()
    source = NonceSource("k", clock=clock, ceiling=MemoryCeiling())
    assert source.next() == clock.at_ms * MS
    clock.at_ms += 1
    assert source.next() == clock.at_ms * MS


@given(st.lists(st.integers(-100_000, 100_000), max_size=40), st.lists(st.booleans(), max_size=40))
def test_nonce_rises_whatever_the_clock_does_and_however_often_the_process_restarts(steps, restarts):
    clock, ceiling = Clock(10_000_000), MemoryCeiling()
    source, last = NonceSource("k", clock=clock, ceiling=ceiling), 0
    for number, step in enumerate(steps):
        clock.at_ms = max(1, clock.at_ms + step)
        if number < len(restarts) and restarts[number]:
            source = NonceSource("k", clock=clock, ceiling=ceiling)
        given = source.next()
        assert given > last
        last = given


def test_nonce_after_a_restart_with_a_clock_far_behind_begins_above_everything_that_was_recorded():
    ceiling = MemoryCeiling()
    before = NonceSource("k", clock=Clock(5_000_000), ceiling=ceiling)
    last = max(before.next() for _ in range(100))
    assert NonceSource("k", clock=Clock(1_000), ceiling=ceiling).next() > last


def test_nonce_is_never_given_above_what_is_recorded():
    clock, ceiling = Clock(), MemoryCeiling()
    source = NonceSource("k", clock=clock, ceiling=ceiling)
    for _ in range(5):
        clock.at_ms += AHEAD_MS // 2
        given = source.next()
        assert ceiling.raise_to("k", 0) >= given


def test_nonce_still_rises_while_it_cannot_be_recorded():
    source = NonceSource("k", clock=Clock(), ceiling=Broken())
    assert source.next() < source.next() < source.next()


def test_nonces_of_two_keys_do_not_touch():
    ceiling = MemoryCeiling()
    NonceSource("a", clock=Clock(9_000_000), ceiling=ceiling).next()
    assert NonceSource("b", clock=Clock(1_000), ceiling=ceiling).next() == 1_000 * MS


@pytest.mark.parametrize("threads", [8])
def test_nonce_is_given_once_to_many_threads(threads):
    source = NonceSource("k", clock=Clock(), ceiling=MemoryCeiling())
    found: list[int] = []
    lock = threading.Lock()

    def take() -> None:
        mine = [source.next() for _ in range(500)]
        assert mine == sorted(mine)
        with lock:
            found.extend(mine)

    workers = [threading.Thread(target=take) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(found)) == len(found) == threads * 500
