"""What only a server can get wrong: its settings, its memory of scripts, its version, other programs' keys."""

import socket
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import redis

from actors.errors import StoreUnavailable, StoreUnfit
from actors.store import migrate as migrations
from actors.store.keys import STAMP, Keys
from actors.store.port import Section, Table, Write
from actors.store.redis import RedisStore
from messages.control import Verdict

Make = Callable[..., Section]

ORDER = Write(Table.ORDERS, "o1", b"order")


def over(client: redis.Redis, **settings: Any) -> RedisStore:
    return RedisStore("redis://unused", **{"deployment": "test", **settings}, client=client)


def test_public_keys_are_spelled_as_other_programs_read_them(
    real_store: RedisStore, plain: redis.Redis, section: Make
) -> None:
    epoch = real_store.acquire("1", "me").epoch
    writes = (Write(Table.OPEN, "v1", b"{}", "3"), Write(Table.LAST_SYNC, "", b"1700000000000", "3"))
    real_store.commit([section("1", epoch, 1, *writes)])
    assert plain.hgetall("orders:1:3:open") == {b"v1": b"{}"}
    assert plain.get("orders:1:3:last_sync") == b"1700000000000"
    assert {plain.ttl("orders:1:3:open"), plain.ttl("orders:1:3:last_sync")} == {-1}
    real_store.commit([section("1", epoch, 2, Write(Table.LAST_SYNC, "", None, "3"))])
    assert not plain.exists("orders:1:3:last_sync")


def test_own_keys_bear_deployment_and_partition_tag(real_store: RedisStore, plain: redis.Redis, section: Make) -> None:
    real_store.keep_alive("me", 60_000)
    epoch = real_store.acquire("1", "me").epoch
    tables = (Table.PARKED, Table.POSITIONS, Table.CLOSES)
    writes = (ORDER, *(Write(table, "x1", b"x") for table in tables))
    real_store.commit([section("1", epoch, 1, *writes, events=(b"e",))])
    assert set(plain.keys()) == {
        b"livermore:stamp",
        b"livermore:test:{p00}:owner:me",
        b"livermore:test:{p00}:account:1:meta",
        b"livermore:test:{p00}:account:1:orders",
        b"livermore:test:{p00}:account:1:parked",
        b"livermore:test:{p00}:account:1:positions",
        b"livermore:test:{p00}:account:1:closes",
        b"livermore:test:{p00}:account:1:events",
    }


def test_open_orders_replaced_while_others_read_are_never_half(
    real_store: RedisStore, server: Any, section: Make
) -> None:
    """A plain client sees the old set or the new set, whatever the moment."""
    epoch = real_store.acquire("1", "me").epoch
    sets = [frozenset(f"{name}{number}" for number in range(40)) for name in "ab"]
    seen: list[frozenset[str]] = []
    done = threading.Event()

    def replace(seq: int) -> None:
        new, old = sets[seq % 2], sets[(seq + 1) % 2]
        writes = [Write(Table.OPEN, name, None, "3") for name in sorted(old)]
        writes += [Write(Table.OPEN, name, b"x", "3") for name in sorted(new)]
        assert real_store.commit([section("1", epoch, seq, *writes)]) == [Verdict.OK]

    def read() -> None:
        with redis.Redis.from_url(server.url, decode_responses=True) as other:
            while not done.is_set():
                seen.append(frozenset(other.hgetall("orders:1:3:open")))

    replace(1)
    reader = threading.Thread(target=read)
    reader.start()
    seq = 1
    try:
        while seq < 300 or (set(seen) < set(sets) and seq < 30_000):
            seq += 1
            replace(seq)
    finally:
        done.set()
        reader.join(10)
    assert set(seen) == set(sets)


def test_commit_public_key_of_another_type_is_replaced(
    real_store: RedisStore, plain: redis.Redis, section: Make
) -> None:
    plain.set("orders:1:3:open", "not a hash")
    plain.set("orders:2:3:open", "not a hash")
    first, second = real_store.acquire("1", "me").epoch, real_store.acquire("2", "me").epoch
    batch = [
        section("1", first, 1, ORDER, Write(Table.OPEN, "v1", b"x", "3")),
        section("2", second, 1, ORDER, Write(Table.OPEN, "v1", None, "3")),
    ]
    assert real_store.commit(batch) == [Verdict.OK, Verdict.OK]
    assert real_store.open_orders("1", 3) == {"v1": b"x"}
    assert real_store.open_orders("2", 3) == {}


@pytest.mark.parametrize("kind", ["meta", "events"])
def test_commit_account_whose_meta_or_events_are_damaged_is_broken_alone(
    real_store: RedisStore, plain: redis.Redis, section: Make, kind: str
) -> None:
    keys = Keys("test", 1)
    epochs = {name: real_store.acquire(name, "me").epoch for name in ("1", "2")}
    batch = [section(name, epoch, 1, ORDER, events=(b"e",)) for name, epoch in epochs.items()]
    damaged = {"meta": keys.meta, "events": keys.events}[kind]("1")
    plain.delete(damaged)
    plain.set(damaged, "somebody else's")
    assert real_store.commit(batch) == [Verdict.BROKEN, Verdict.OK]
    assert not plain.exists(keys.records("1", Table.ORDERS))
    # Either way an account is not loaded before the damage is repaired.
    calls = {"meta": lambda: real_store.acquire("1", "me"), "events": lambda: real_store.load("1")}
    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        calls[kind]()
    plain.delete(damaged)
    lease = real_store.acquire("1", "me")
    assert real_store.commit([section("1", lease.epoch, lease.seq + 1, ORDER, events=(b"e",))]) == [Verdict.OK]


def test_acquire_account_with_newer_events_than_its_number_commits_again(
    real_store: RedisStore, plain: redis.Redis, section: Make
) -> None:
    """A stream takes no older id: the account has to go on from the newest event, whoever wrote it."""
    epoch = real_store.acquire("1", "me").epoch
    plain.xadd(Keys("test", 1).events("1"), {"event": "somebody else's"}, id="70-3")
    batch = [section("1", epoch, 1, ORDER, events=(b"e",))]
    assert real_store.commit(batch) == [Verdict.BROKEN]
    assert real_store.load("1")[Table.ORDERS] == {}
    lease = real_store.acquire("1", "me")
    assert lease.seq == 70
    assert real_store.commit([section("1", lease.epoch, 71, ORDER, events=(b"e",))]) == [Verdict.OK]


def test_acquire_account_whose_number_is_no_number_is_unavailable(real_store: RedisStore, plain: redis.Redis) -> None:
    plain.hset(Keys("test", 1).meta("1"), "seq", "somebody else's")
    with pytest.raises(StoreUnavailable, match="no number"):
        real_store.acquire("1", "me")


@pytest.mark.parametrize("partitions", [1, 8])
def test_commit_after_script_flush_loads_the_script_again(plain: redis.Redis, section: Make, partitions: int) -> None:
    store = over(plain, partitions=partitions)
    store.open()
    accounts = [f"account-{number}" for number in range(8)]
    epochs = {name: store.acquire(name, "me").epoch for name in accounts}
    for seq in (1, 2):
        plain.script_flush()
        assert store.commit([section(name, epochs[name], seq, ORDER) for name in accounts]) == [Verdict.OK] * 8
    plain.script_flush()
    assert store.acquire(accounts[0], "me").seq == 2


def test_acquire_after_a_lost_lease_never_hands_out_the_same_epoch(
    real_store: RedisStore, plain: redis.Redis, section: Make
) -> None:
    """A failover may forget the newest lease; its owner must not share an epoch with the next one."""
    keys = Keys("test", 1)
    real_store.acquire("1", "first")
    before = plain.hgetall(keys.meta("1"))
    forgotten = real_store.acquire("1", "second")
    while int(plain.time()[0] * 1000 + plain.time()[1] // 1000) <= forgotten.epoch:
        continue
    plain.delete(keys.meta("1"))
    plain.hset(keys.meta("1"), mapping=before)  # type: ignore[arg-type]
    assert real_store.acquire("1", "third").epoch > forgotten.epoch
    assert real_store.commit([section("1", forgotten.epoch, 1, ORDER)]) == [Verdict.STALE]


def test_events_beyond_the_limit_are_trimmed(plain: redis.Redis, section: Make) -> None:
    store = over(plain, events_max=100)
    store.open()
    epoch = store.acquire("1", "me").epoch
    store.commit([section("1", epoch, seq, events=(b"e",)) for seq in range(1, 1001)])
    kept = store.events("1", limit=10_000)
    assert 100 <= len(kept) < 400
    assert kept[-1][0] == "1000-0"


@pytest.mark.parametrize("word", ["OOM", "READONLY", "NOREPLICAS"])
def test_commit_server_that_cannot_write_is_unavailable_until_it_can(
    real_store: RedisStore, plain: redis.Redis, section: Make, word: str
) -> None:
    """Nothing of a refused batch is written, and the same batch goes through afterwards."""
    epoch = real_store.acquire("1", "me").epoch
    batch = [section("1", epoch, 1, Write(Table.OPEN, "v1", b"x", "3"), ORDER)]
    breakage: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        "NOREPLICAS": (
            ("CONFIG", "SET", "min-replicas-to-write", "1"),
            ("CONFIG", "SET", "min-replicas-to-write", "0"),
        ),
    }
    breaking, mending = breakage[word]
    plain.execute_command(*breaking)
    try:
        with pytest.raises(StoreUnavailable):
            real_store.commit(batch)
        assert plain.exists("orders:1:3:open") == 0
    finally:
        plain.execute_command(*mending)
    assert real_store.commit(batch) == [Verdict.OK]
    assert real_store.load("1")[Table.ORDERS] == {"o1": b"order"}


def test_open_nobody_there_is_unavailable(tmp_path: Any) -> None:
    store = RedisStore(f"unix://{tmp_path}/nobody.sock", deployment="test")
    for call in (store.open, store.facts, lambda: store.load("1"), lambda: store.keep_alive("me", 1)):
        with pytest.raises(StoreUnavailable):
            call()


def test_commit_unanswered_is_sent_once(tmp_path: Any, section: Make) -> None:
    """A retry hidden in the client library would keep the outage from the committer, and the batch with it."""
    sent: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()

        def hang_up_on_commits() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    while words := connection.recv(65536):
                        if b"EVALSHA" in words:
                            sent.append(words)
                            break
                        connection.sendall(b"+OK\r\n" * words.count(b"SETINFO"))

        answering = threading.Thread(target=hang_up_on_commits)
        answering.start()
        store = RedisStore(f"unix://{tmp_path}/s", deployment="test")
        with pytest.raises(StoreUnavailable):
            store.commit([section("1", 1, 1, ORDER)])
        store.close()
        listening.shutdown(socket.SHUT_RDWR)
        answering.join(10)
    assert len(sent) == 1


def test_call_server_that_hangs_is_unavailable_after_the_timeout(server: Any, plain: redis.Redis) -> None:
    store = RedisStore(server.url, deployment="test", call_timeout_ms=50)
    store.open()
    plain.execute_command("CLIENT", "PAUSE", 300, "ALL")
    with pytest.raises(StoreUnavailable):
        store.acquire("1", "me")


@pytest.mark.parametrize(
    ("appendonly", "appendfsync", "found"),
    [("yes", "always", "fsync"), ("yes", "everysec", "everysec"), ("yes", "no", "none"), ("no", "always", "none")],
)
def test_open_durability_weaker_than_asked_is_unfit(client: Any, appendonly: str, appendfsync: str, found: str) -> None:
    client.settings = {"appendonly": appendonly, "appendfsync": appendfsync, "maxmemory-policy": "noeviction"}
    order = ("none", "everysec", "fsync")
    for asked in order:
        store = over(client, durability=asked)
        if order.index(asked) <= order.index(found):
            assert store.open().durability == found
            continue
        for call in (store.open, store.facts):
            with pytest.raises(StoreUnfit, match=f"durability is {found}.*appendonly yes.*appendfsync"):
                call()


def test_facts_durability_weakened_while_running_is_unfit(real_store: RedisStore, plain: redis.Redis) -> None:
    plain.config_set("appendfsync", "no")
    try:
        with pytest.raises(StoreUnfit, match="appendfsync everysec"):
            real_store.facts()
    finally:
        plain.config_set("appendfsync", "everysec")
    assert real_store.facts().durability == "everysec"


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_open_server_that_evicts_is_unfit(plain: redis.Redis, policy: str) -> None:
    plain.config_set("maxmemory-policy", policy)
    try:
        with pytest.raises(StoreUnfit, match=rf"{policy}.*maxmemory-policy noeviction"):
            over(plain).open()
    finally:
        plain.config_set("maxmemory-policy", "noeviction")


def test_open_server_refusing_config_is_unfit_unless_nothing_is_asked(client: Any) -> None:
    client.settings = None
    with pytest.raises(StoreUnfit, match=r"CONFIG GET.*redis\.durability"):
        over(client).open()
    facts = over(client, durability="none").open()
    assert (facts.durability, facts.eviction) == ("none", "noeviction")


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"redis_version": "6.0.16"}, "too old"),
        ({"redis_version": "7.2.4", "redis_mode": "cluster"}, "Cluster"),
        ({"redis_version": "7.2.4", "maxmemory_policy": "allkeys-lru"}, "allkeys-lru"),
        ({"redis_version": "7.2.4"}, "not readable"),
    ],
)
def test_open_unsuitable_server_is_unfit(client: Any, info: dict[str, Any], words: str) -> None:
    client.settings, client.info = None, info
    with pytest.raises(StoreUnfit, match=words):
        over(client, durability="none").open()


@pytest.mark.parametrize(
    ("changed", "setting"), [({"deployment": "other"}, "deployment.name"), ({"partitions": 8}, "redis.partitions")]
)
def test_open_database_of_another_layout_is_unfit(client: Any, changed: dict[str, Any], setting: str) -> None:
    over(client).open()
    with pytest.raises(StoreUnfit, match=setting):
        over(client, **changed).open()
    over(client).open()


@pytest.mark.parametrize(
    "bad", [{"deployment": "a{b}"}, {"deployment": ""}, {"partitions": 0}, {"durability": "maybe"}]
)
def test_store_impossible_settings_are_unfit(client: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(StoreUnfit):
        over(client, **bad)


@pytest.mark.parametrize("url", ["http://host", "redis://user:secret/word@host:1"])
def test_store_bad_url_is_unfit_and_tells_no_password(url: str) -> None:
    with pytest.raises(StoreUnfit, match=r"redis\.url") as caught:
        RedisStore(url, deployment="test")
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("url", "reply"),
    [
        ("redis://user:p%40ss@{}:{}", "ERR unknown command 'AUTH', with args beginning with: 'p@s"),
        ("redis://user:p%40ss@{}:{}", "ERR p@ss is wrong"),
        ("redis://user:p%40ss@{}:{}", "ERR p%40ss is wrong"),
        ("redis://{}:{}/0?password=p@ss", "ERR p@ss is wrong"),
    ],
)
def test_error_reply_that_repeats_the_password_is_told_without_it(url: str, reply: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse_everything() -> None:
            connection, _ = listening.accept()
            with connection:
                while connection.recv(65536):
                    connection.sendall(f"-{reply}\r\n".encode())

        answering = threading.Thread(target=refuse_everything)
        answering.start()
        store = RedisStore(url.format(*listening.getsockname()), deployment="test")
        with pytest.raises(StoreUnavailable) as caught:
            store.open()
        store.close()
        answering.join(10)
    shown = "".join(traceback.format_exception(caught.value))
    assert "StoreUnavailable: ResponseError" in shown
    assert "p@s" not in shown
    assert "p%40ss" not in shown


def test_open_newer_schema_is_unfit(client: Any) -> None:
    store = over(client)
    store.open()
    client.hset(STAMP, "schema", migrations.newest() + 1)
    for call in (store.open, store.facts):
        with pytest.raises(StoreUnfit, match="schema version"):
            call()


def test_migrate_older_schema_runs_each_step_once_in_order(client: Any) -> None:
    over(client).open()
    ran: list[int] = []

    def step(version: int) -> migrations.Migration:
        def run_step(run: migrations.Run, keys: Keys) -> None:
            assert client.hget(STAMP, "schema") == b"%d" % version
            run("SET", keys.records("1", Table.ORDERS), version)
            ran.append(version)

        return run_step

    steps = (step(1), step(2))
    keys = Keys("test", 1)
    assert migrations.migrate(client.execute_command, keys, 1, steps) == 3
    assert (ran, client.hget(STAMP, "schema")) == ([1, 2], b"3")
    assert migrations.migrate(client.execute_command, keys, 3, steps) == 3
    assert ran == [1, 2]


def test_migrate_step_that_fails_is_run_again(client: Any) -> None:
    over(client).open()
    attempts: list[int] = []

    def failing_once(_run: migrations.Run, _keys: Keys) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        migrations.migrate(client.execute_command, Keys("test", 1), 1, (failing_once,))
    assert client.hget(STAMP, "schema") == b"1"
    assert migrations.migrate(client.execute_command, Keys("test", 1), 1, (failing_once,)) == 2


def test_partition_of_an_account_never_changes() -> None:
    """Stored data depends on it: a different answer would lose sight of every account."""
    keys = Keys("test", 64)
    assert [keys.partition(name) for name in ("1", "2", "account-7")] == [55, 13, 5]
    assert keys.meta("1") == "livermore:test:{p55}:account:1:meta"
