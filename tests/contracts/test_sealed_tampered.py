"""The encrypted store: what somebody without a key wrote, moved or cut is never handed out, nor written over."""

import pytest
import redis

from actors.errors import SealBroken
from actors.store.keys import Keys
from actors.store.memory import MemoryStore
from actors.store.port import Table, Write
from actors.store.redis import RedisStore
from actors.store.sealed import SealableStore, SealedStore
from messages.control import Verdict
from tests.contracts.sealed_kit import EVENTS, EXCHANGE, NEW, OLD, RECORDS, Make, filled, taken, under


@pytest.fixture
def sealed_account(real_store: RedisStore, section: Make) -> SealedStore:
    """An account on a real server whose values are all encrypted."""
    store = under(real_store, NEW)
    filled(store, section, "a1", "a2")
    assert taken(store, "a1") == taken(store, "a2") == RECORDS
    return store


ORDERS_KEY = Keys("test", 1).records("a1", Table.ORDERS)
OTHERS = {
    "field": (ORDERS_KEY, "o2"),
    "table": (Keys("test", 1).records("a1", Table.FILLS), "binance|BTC-USDT|7|f1"),
    "account": (Keys("test", 1).records("a2", Table.ORDERS), "o1"),
    "public hash": ("orders:a1:3:open", "v1"),
}


@pytest.mark.parametrize(("key", "field"), OTHERS.values(), ids=OTHERS)
def test_load_account_with_a_value_from_another_place_is_refused(
    sealed_account: SealedStore, plain: redis.Redis, key: str, field: str
) -> None:
    plain.hset(ORDERS_KEY, "o1", plain.hget(key, field))

    refused(sealed_account, plain, "orders 'o1' of account a1")


@pytest.mark.parametrize("length", [0, 3, 4, 8, 24, 32, 47, 48, -1])
def test_load_account_with_a_value_cut_short_is_refused(
    sealed_account: SealedStore, plain: redis.Redis, length: int
) -> None:
    plain.hset(ORDERS_KEY, "o1", plain.hget(ORDERS_KEY, "o1")[:length])

    refused(sealed_account, plain, "orders 'o1' of account a1")


def test_load_account_with_a_value_that_is_plain_again_is_refused(
    sealed_account: SealedStore, plain: redis.Redis
) -> None:
    plain.hset(ORDERS_KEY, "o1", b'{"order":1000000}')

    refused(sealed_account, plain, "orders 'o1' of account a1 is not encrypted")


def write_without_a_key(inner: SealableStore, section: Make, *writes: Write, events: tuple[bytes, ...] = ()) -> None:
    """Somebody who may write to the server, and has no key, does it the way we do."""
    lease = inner.acquire("a1", "intruder")
    assert inner.commit([section("a1", lease.epoch, lease.seq + 1, *writes, events=events)]) == [Verdict.OK]
    inner.release(lease)


def test_plain_event_after_all_was_encrypted_is_refused_and_nothing_of_its_page_is_handed_out(
    inner: SealableStore, section: Make
) -> None:
    store = under(inner, NEW)
    assert taken(store) == {}
    filled(store, section)
    write_without_a_key(inner, section, events=(b'{"event":"forged"}',))

    with pytest.raises(SealBroken, match="events '2-0' of account a1 is not encrypted"):
        store.events("a1")
    assert [event for _, event in store.events("a1", limit=2)] == list(EVENTS)


@pytest.mark.parametrize("rotated", [False, True])
def test_plain_events_from_before_encryption_are_read_and_none_that_came_later(
    inner: SealableStore,
    section: Make,
    rotated: bool,  # noqa: FBT001 - the two cases
) -> None:
    filled(inner, section)
    store = under(inner, OLD)
    assert taken(store) == RECORDS
    filled(store, section)
    if rotated:
        store = under(inner, NEW, OLD)
        assert taken(store) == RECORDS
    assert [event for _, event in store.events("a1")] == [*EVENTS, *EVENTS]
    write_without_a_key(inner, section, events=(b'{"event":"forged"}',))
    store = under(inner, NEW, OLD)
    assert taken(store) == RECORDS

    assert [event for _, event in store.events("a1", limit=4)] == [*EVENTS, *EVENTS]
    with pytest.raises(SealBroken, match="events '3-0' of account a1 is not encrypted"):
        store.events("a1")


def test_events_of_plain_sealed_plain_and_sealed_times_are_all_read(inner: SealableStore, section: Make) -> None:
    for keys, seals in (((OLD,), False), ((OLD,), True), ((OLD,), False), ((OLD,), True)):
        store = under(inner, *keys, seals=seals)
        taken(store)
        filled(store, section)
        taken(store)

    assert [event for _, event in store.events("a1")] == list(EVENTS * 4)


def test_plain_value_in_a_public_hash_that_was_encrypted_is_refused_and_never_encrypted_as_ours(
    inner: SealableStore, section: Make
) -> None:
    store = under(inner, NEW)
    taken(store)
    filled(store, section)
    forged = Write(Table.OPEN, "v1", b'{"public":"forged"}', str(EXCHANGE))
    write_without_a_key(inner, section, forged)

    for _ in range(2):
        with pytest.raises(SealBroken, match="open 'v1' of account a1 is not encrypted"):
            store.open_orders("a1", EXCHANGE)
        assert taken(store) == RECORDS
    filled(store, section)
    assert store.open_orders("a1", EXCHANGE) == {"v1": b'{"public":1}'}


def test_values_of_another_deployment_under_the_same_key_are_refused(section: Make) -> None:
    ours, theirs = MemoryStore(), MemoryStore()
    filled(under(ours, NEW), section)
    filled(under(theirs, NEW, deployment="another"), section)
    stolen = theirs.stored("a1").values[Table.ORDERS, ""]["o1"]
    write_without_a_key(ours, section, Write(Table.ORDERS, "o1", stolen))

    with pytest.raises(SealBroken, match="orders 'o1' of account a1"):
        under(ours, NEW).load("a1")


def refused(store: SealedStore, plain: redis.Redis, words: str) -> None:
    """The account is not loaded, however often it is tried; nothing is written over, and others are not concerned."""
    before = plain.hgetall(ORDERS_KEY)
    for _ in range(2):
        store.acquire("a1", "me")
        with pytest.raises(SealBroken, match=words):
            store.load("a1")
    assert plain.hgetall(ORDERS_KEY) == before
    assert taken(store, "a2") == RECORDS


def test_events_with_one_moved_to_another_id_are_refused(
    sealed_account: SealedStore, plain: redis.Redis, section: Make
) -> None:
    stream = Keys("test", 1).events("a1")
    first = plain.xrange(stream)[0][1]
    plain.xadd(stream, first, id="1-7")

    with pytest.raises(SealBroken, match="events '1-7' of account a1"):
        sealed_account.events("a1")


def test_load_account_whose_public_hash_others_wrote_to_goes_on(
    sealed_account: SealedStore, plain: redis.Redis
) -> None:
    plain.hset("orders:a1:3:open", mapping={"v1": b"somebody else's", "v2": plain.hget("orders:a2:3:open", "v1")})
    assert taken(sealed_account, "a1") == RECORDS
    plain.delete("orders:a1:3:open")
    plain.set("orders:a1:3:open", "not a hash")

    assert taken(sealed_account, "a1") == RECORDS
