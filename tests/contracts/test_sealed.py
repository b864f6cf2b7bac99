"""The encrypted store: what others can read of it, wrong keys, keys that are replaced."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest
import redis
from factories import CLIENT_ORDER_ID, SYMBOL, make

from actors.errors import AccountOwnedElsewhere, EncryptionKeyMissing, StoreUnavailable, StoreUnfit
from actors.store.cipher import PLAIN, Keyring
from actors.store.keys import SEALS, Keys
from actors.store.port import Lease, Table, Write
from actors.store.redis import RedisStore
from actors.store.sealed import SealableStore, SealedStore, StoredAccount
from messages import Fill, FillRecorded, NormalizedOrder, Order, Position
from messages.codec import encode, encode_public, encode_record
from messages.control import Verdict
from tests.contracts.sealed_kit import (
    EVENTS,
    EXCHANGE,
    NEW,
    NEW_ID,
    OLD,
    OLD_ID,
    RECORDS,
    WRITES,
    Make,
    everything,
    filled,
    key_ids,
    taken,
    under,
)

# ----- what others can read


def test_values_on_a_real_server_tell_nothing_of_orders(
    real_store: RedisStore, plain: redis.Redis, section: Make
) -> None:
    store = under(real_store, NEW)
    lease = store.acquire("a1", "me")
    records = {
        Table.ORDERS: encode_record(make(Order)),
        Table.FILLS: encode_record(make(Fill)),
        Table.POSITIONS: encode_record(make(Position)),
    }
    public = encode_public(make(NormalizedOrder))
    event = encode(make(FillRecorded))
    writes = [Write(table, "f", value) for table, value in records.items()]
    store.commit([section("a1", lease.epoch, 1, *writes, Write(Table.OPEN, "v", public, "3"), events=(event,))])

    stored = b"|".join(values_of(plain))
    told = (SYMBOL, "BTC", "USDT", CLIENT_ORDER_ID, "binance", "BUY", "42500", "0.01", "filledSize", '":"')
    given = b"|".join((*records.values(), public, event))
    assert [word for word in told if word.encode() not in given] == []
    assert [word for word in told if word.encode() in stored] == []
    assert not any(key in stored for key in (NEW, NEW.hex().encode()))
    assert store.load("a1")[Table.ORDERS] == {"f": records[Table.ORDERS]}
    assert store.open_orders("a1", 3) == {"v": public}
    assert store.events("a1") == [("1-0", event)]


def values_of(plain: redis.Redis) -> Iterator[bytes]:
    """Every value on the server but our own bookkeeping, whose fields say themselves what they are."""
    for key in plain.scan_iter():
        kind = plain.type(key)
        if kind == b"hash":
            yield from (value for value in plain.hgetall(key).values() if not key.endswith((b":meta", b":stamp")))
        elif kind == b"stream":
            yield from (value for _, fields in plain.xrange(key) for value in fields.values())
        else:
            yield plain.get(key)


def test_names_epochs_and_the_last_synchronisation_stay_plain(
    real_store: RedisStore, plain: redis.Redis, section: Make
) -> None:
    filled(under(real_store, NEW), section)

    keys = Keys("test", 1)
    assert plain.get("orders:a1:3:last_sync") == b"1700000000000"
    assert set(plain.hgetall("orders:a1:3:open")) == {b"v1"}
    assert set(plain.hgetall(keys.records("a1", Table.ORDERS))) == {b"o1", b"o2"}
    assert plain.hmget(keys.meta("a1"), "seq", "keys") == [b"1", f"plain,{NEW_ID}".encode()]
    assert set(plain.hgetall(SEALS)) == {NEW_ID.encode()}


def test_commit_repeated_section_is_already_and_its_fill_stays_the_first(inner: SealableStore, section: Make) -> None:
    store = under(inner, NEW)
    lease = store.acquire("a1", "me")
    batch = [section("a1", lease.epoch, 1, *WRITES, events=EVENTS)]
    assert store.commit(batch) == [Verdict.OK]
    before = everything(inner)

    assert store.commit(batch) == [Verdict.ALREADY]
    assert everything(inner) == before
    again = Write(Table.FILLS, "binance|BTC-USDT|7|f1", b"another")
    assert store.commit([section("a1", lease.epoch, 2, again)]) == [Verdict.OK]
    assert store.load("a1")[Table.FILLS] == RECORDS[Table.FILLS]


# ----- wrong keys


def test_open_with_a_wrong_key_names_the_right_one_and_changes_nothing(inner: SealableStore, section: Make) -> None:
    filled(under(inner, OLD), section, "a1", "a2")
    before = everything(inner, "a1", "a2")

    with pytest.raises(EncryptionKeyMissing, match=rf"2 accounts \(a1 among them\) are encrypted under key {OLD_ID}"):
        under(inner, NEW)
    with pytest.raises(EncryptionKeyMissing, match=OLD_ID):
        SealedStore(inner, Keyring([NEW]), deployment="test").accounts()
    assert everything(inner, "a1", "a2") == before


def test_open_without_any_key_is_refused_wherever_records_are_encrypted(inner: SealableStore, section: Make) -> None:
    filled(under(inner, OLD), section)
    before = everything(inner)

    for call in (inner.open, lambda: inner.load("a1"), lambda: inner.events("a1")):
        with pytest.raises(EncryptionKeyMissing, match=f"under key {OLD_ID}.*encryptionKeyEnv"):
            call()
    assert everything(inner) == before


def test_open_with_any_key_before_anything_was_encrypted_is_fine(inner: SealableStore) -> None:
    under(inner, OLD)
    under(inner, NEW)
    inner.open()


def test_open_key_whose_check_value_was_changed_is_refused(real_store: RedisStore, plain: redis.Redis) -> None:
    under(real_store, OLD)
    plain.hset(SEALS, OLD_ID, b"changed")

    with pytest.raises(StoreUnfit, match=f"key {OLD_ID} does not open the check value"):
        under(real_store, OLD)
    assert plain.hget(SEALS, OLD_ID) == b"changed"


def test_load_account_that_came_under_another_key_meanwhile_is_refused_and_given_up(
    inner: SealableStore, section: Make
) -> None:
    """One process was given the new key before the other one knew it: what it cannot read, another may still take."""
    late = under(inner, OLD)
    filled(under(inner, NEW, OLD), section)
    before = everything(inner)
    late.keep_alive("late", 60_000)
    late.acquire("a1", "late")

    with pytest.raises(EncryptionKeyMissing, match=f"of account a1: .* under key {NEW_ID}"):
        late.load("a1")
    assert everything(inner) == before
    assert taken(under(inner, NEW, OLD)) == RECORDS


# ----- keys that are replaced


def test_load_under_a_new_key_writes_all_records_anew_and_the_old_key_may_go(
    inner: SealableStore, section: Make
) -> None:
    filled(under(inner, OLD), section, "a1", "a2")
    both = under(inner, NEW, OLD)
    assert taken(both, "a1") == RECORDS
    assert (key_ids(inner, "a1"), key_ids(inner, "a2")) == ({NEW_ID}, {OLD_ID})
    with pytest.raises(EncryptionKeyMissing, match=f"records of account a2 are encrypted under key {OLD_ID}"):
        under(inner, NEW)
    assert taken(both, "a2") == RECORDS

    new = under(inner, NEW)

    assert taken(new, "a1") == taken(new, "a2") == RECORDS
    assert new.open_orders("a1", EXCHANGE) == {"v1": b'{"public":1}'}


def test_events_under_a_key_that_was_dropped_name_it(inner: SealableStore, section: Make) -> None:
    filled(under(inner, OLD), section)
    both = under(inner, NEW, OLD)
    taken(both)
    filled(both, section)

    assert [event for _, event in both.events("a1")] == [*EVENTS, *EVENTS]
    new = under(inner, NEW)
    with pytest.raises(EncryptionKeyMissing, match=f"events '1-0' of account a1: .* under key {OLD_ID}"):
        new.events("a1")
    assert [event for _, event in new.events("a1", after="1-1")] == list(EVENTS)


def test_load_by_a_reader_without_a_lease_writes_nothing_anew(inner: SealableStore, section: Make) -> None:
    filled(under(inner, OLD), section)
    before = everything(inner)
    reader = SealedStore(inner, Keyring([NEW, OLD]), deployment="test")

    assert "a1" in reader.accounts()
    assert reader.load("a1")[Table.ORDERS] == RECORDS[Table.ORDERS]
    assert everything(inner) == before


def test_load_of_plain_records_with_a_key_switches_encryption_on(inner: SealableStore, section: Make) -> None:
    filled(inner, section)
    store = under(inner, NEW)
    assert key_ids(inner) == {PLAIN}

    assert taken(store) == RECORDS

    assert key_ids(inner) == {NEW_ID}
    assert store.open_orders("a1", EXCHANGE) == {"v1": b'{"public":1}'}
    assert [event for _, event in store.events("a1")] == list(EVENTS)
    with pytest.raises(EncryptionKeyMissing):
        inner.open()


def test_load_of_sealed_records_with_sealing_off_switches_encryption_off(inner: SealableStore, section: Make) -> None:
    filled(under(inner, OLD), section)
    off = under(inner, OLD, seals=False)

    assert taken(off) == RECORDS
    filled(off, section, "a2")

    assert (key_ids(inner, "a1"), key_ids(inner, "a2")) == ({PLAIN}, {PLAIN})
    inner.open()
    assert taken(inner, "a1") == taken(inner, "a2") == RECORDS
    assert inner.open_orders("a1", EXCHANGE) == {"v1": b'{"public":1}'}
    # What happened under the key is told under it only, until the stream has left it behind.
    assert [event for _, event in off.events("a1")] == list(EVENTS)
    with pytest.raises(EncryptionKeyMissing, match=f"event 1-0 of account a1 is encrypted under key {OLD_ID}"):
        inner.events("a1")


class Dying:
    """A store whose process ends at one of the calls that write values anew, before or after the server heard it."""

    def __init__(self, inner: SealableStore, dies_at: int, *, heard: bool) -> None:
        self._inner = inner
        self._left = dies_at
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def reseal(self, lease: Lease, key_id: str, values: Mapping[Any, bytes], *, only: bool = False) -> bool:
        self._left -= 1
        if self._left >= 0 or self._heard:
            self._inner.reseal(lease, key_id, values, only=only)
        if self._left < 0:
            raise StoreUnavailable("the process has ended")
        return True


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("dies_at", range(4))
@pytest.mark.parametrize(("before", "after"), [((), (NEW,)), ((OLD,), (NEW, OLD)), ((OLD,), ())])
def test_load_that_ends_in_the_middle_is_taken_up_by_the_next_owner(
    inner: SealableStore,
    section: Make,
    before: tuple[bytes, ...],
    after: tuple[bytes, ...],
    dies_at: int,
    heard: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Three calls write anew, one notes the end; switched on, replaced, switched off."""
    writes = [Write(Table.ORDERS, f"o{number}", b"%d" % number) for number in range(1200)]
    first = under(inner, *before) if before else inner
    lease = first.acquire("a1", "me")
    assert first.commit([section("a1", lease.epoch, 1, *writes)]) == [Verdict.OK]

    ring = {"keys": after or before, "seals": bool(after)}
    made = Dying(inner, dies_at, heard=heard)
    dying = SealedStore(made, Keyring(**ring), deployment="test", public_ids=(EXCHANGE,))
    with pytest.raises(StoreUnavailable):
        taken(dying)
    finished = dies_at == 3 and heard
    if not finished and before:
        for wrong in ((b"w" * 32,), *([(NEW,)] if after else [])):
            with pytest.raises(EncryptionKeyMissing, match=OLD_ID):
                under(inner, *wrong)

    assert taken(under(inner, *ring["keys"], seals=ring["seals"])) == {
        Table.ORDERS: {write.field: write.value for write in writes}
    }
    wanted = NEW_ID if after else PLAIN
    assert key_ids(inner) == {wanted}
    assert inner.stored("a1").key_ids == {wanted}


def test_load_of_records_that_are_all_under_the_key_that_seals_writes_nothing(
    inner: SealableStore, section: Make
) -> None:
    filled(under(inner, NEW), section)
    taken(under(inner, NEW))

    assert taken(SealedStore(Dying(inner, 0, heard=False), Keyring([NEW]), deployment="test")) == RECORDS


def test_reseal_by_an_owner_of_former_times_changes_nothing(inner: SealableStore, section: Make) -> None:
    old = inner.acquire("a1", "old")
    inner.commit([section("a1", old.epoch, 1, *WRITES)])
    new = inner.acquire("a1", "new")
    before = everything(inner)

    assert not inner.reseal(old, NEW_ID, {(Table.ORDERS, "", "o1"): b"x"})
    assert not inner.reseal(old, NEW_ID, {}, only=True)
    assert everything(inner) == before
    assert inner.reseal(new, NEW_ID, {(Table.ORDERS, "", "o1"): b"x", (Table.ORDERS, "", "gone"): b"x"})
    assert inner.stored("a1").values[Table.ORDERS, ""] == {"o1": b"x", "o2": b'{"order":2}'}


def test_load_whose_account_is_taken_over_meanwhile_is_refused_and_writes_nothing(
    inner: SealableStore, section: Make
) -> None:
    """Between reading and writing anew another process takes the account and goes on with it."""
    filled(inner, section)
    newer = under(inner, NEW)
    update = Write(Table.ORDERS, "o1", b"newer")

    class Overtaken(Dying):
        def stored(self, account_id: str, public_ids: Collection[int] = ()) -> StoredAccount:
            read: StoredAccount = self._inner.stored(account_id, public_ids)
            lease = newer.acquire(account_id, "newer")
            newer.load(account_id)
            assert newer.commit([section(account_id, lease.epoch, lease.seq + 1, update)]) == [Verdict.OK]
            return read

        def reseal(self, lease: Lease, key_id: str, values: Mapping[Any, bytes], *, only: bool = False) -> bool:
            return self._inner.reseal(lease, key_id, values, only=only)

    slow = SealedStore(Overtaken(inner, 0, heard=False), Keyring([OLD, NEW]), deployment="test")
    slow.acquire("a1", "slow")
    with pytest.raises(AccountOwnedElsewhere):
        slow.load("a1")
    assert newer.load("a1")[Table.ORDERS] == RECORDS[Table.ORDERS] | {"o1": b"newer"}
    assert key_ids(inner) == {NEW_ID}
