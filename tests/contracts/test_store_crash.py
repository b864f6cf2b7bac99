"""The store over a server that is killed and comes back: what was acknowledged is there, what was not is repeatable."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.errors import StoreError, StoreUnavailable
from actors.store.embedded import EmbeddedServer, find_binary
from actors.store.port import Section, Table, Write
from actors.store.redis import RedisStore
from messages.control import Verdict

Make = Callable[..., Section]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that promises to keep what it acknowledged; under everysec a crash may forget the last two seconds."""
    try:
        find_binary()
    except StoreError as error:
        pytest.skip(str(error))
    with EmbeddedServer(tmp_path / "data", durability="fsync") as running:
        yield running


def order(seq: int) -> Write:
    return Write(Table.ORDERS, f"o{seq}", b"order %d" % seq)


def test_commit_server_killed_and_restarted_loses_nothing_acknowledged(mortal: EmbeddedServer, section: Make) -> None:
    store = RedisStore(mortal.url, deployment="test")
    assert store.open().product.startswith("valkey 9")
    epoch = store.acquire("1", "me").epoch
    batches = [
        [section("1", epoch, seq, order(seq), events=(b"e%d" % seq,)) for seq in range(first, first + 10)]
        for first in range(1, 201, 10)
    ]
    for number, batch in enumerate(batches):
        assert store.commit(batch) == [Verdict.OK] * 10
        if number % 5 == 4:
            mortal.kill()
            for call in (lambda: store.commit(batches[-1]), store.facts, lambda: store.load("1")):
                with pytest.raises(StoreUnavailable):
                    call()
            mortal.restart()
            assert store.commit(batch) == [Verdict.ALREADY] * 10
    assert store.load("1")[Table.ORDERS] == {f"o{seq}": b"order %d" % seq for seq in range(1, 201)}
    assert store.events("1") == [(f"{seq}-0", b"e%d" % seq) for seq in range(1, 201)]


def test_commit_answer_lost_in_a_crash_is_settled_by_repeating(mortal: EmbeddedServer, section: Make) -> None:
    """The server dies at any moment of a stream of commits; repeating the unanswered one brings them all in once."""
    store = RedisStore(mortal.url, deployment="test")
    store.open()
    epoch = store.acquire("1", "me").epoch
    progress = threading.Semaphore(0)
    stop_at = 400
    crashes = []

    def commit_all() -> None:
        for seq in range(1, stop_at + 1):
            batch = [section("1", epoch, seq, order(seq), Write(Table.OPEN, f"v{seq}", b"x", "3"), events=(b"e",))]
            while True:
                try:
                    assert store.commit(batch)[0] in (Verdict.OK, Verdict.ALREADY)
                except StoreUnavailable:
                    crashes.append(seq)
                    mortal.restart()
                else:
                    break
            progress.release()

    worker = threading.Thread(target=commit_all)
    worker.start()
    for _ in range(3):
        for _ in range(100):
            assert progress.acquire(timeout=30)
        mortal.kill()
    worker.join(60)
    assert not worker.is_alive()
    assert crashes
    everything = range(1, stop_at + 1)
    assert set(store.load("1")[Table.ORDERS]) == {f"o{seq}" for seq in everything}
    assert set(store.open_orders("1", 3)) == {f"v{seq}" for seq in everything}
    assert [event_id for event_id, _ in store.events("1")] == [f"{seq}-0" for seq in everything]


def test_restart_file_cut_off_in_the_middle_keeps_whole_sections_only(mortal: EmbeddedServer, section: Make) -> None:
    """A section of which a part never reached the disk is as if it had not been; the next start works."""
    store = RedisStore(mortal.url, deployment="test")
    store.open()
    epoch = store.acquire("1", "me").epoch
    store.commit([section("1", epoch, 1, order(1))])
    store.commit([section("1", epoch, 2, order(2), Write(Table.OPEN, "v2", b"x", "3"), events=(b"e",))])
    data = next(mortal.socket_path.parent.glob("appendonlydir/*.incr.aof"))
    mortal.kill()
    data.write_bytes(data.read_bytes()[:-60])
    mortal.restart()
    assert store.load("1")[Table.ORDERS] == {"o1": b"order 1"}
    assert store.open_orders("1", 3) == {}
    assert store.acquire("1", "me").seq == 1
