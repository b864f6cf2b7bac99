"""What every store promises: one body over memory, fakeredis and a real server, with one partition and with eight."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.errors import AccountOwnedElsewhere, StoreUnavailable
from actors.store.memory import MemoryStore
from actors.store.port import EVERY_FIELD, Lease, Section, StateStore, Table, Write
from messages.control import Verdict

Make = Callable[..., Section]
Damaging = Callable[[str, Table], AbstractContextManager[None]]

ORDER = Write(Table.ORDERS, "o1", b'{"state":"SUBMITTED"}')
ACCOUNTS = [f"account-{number}" for number in range(12)]


def test_open_fresh_store_tells_what_it_is(store: StateStore) -> None:
    facts = store.open()
    assert facts == store.facts()
    assert facts.eviction == "noeviction"
    assert facts.durability in {"none", "everysec"}


def test_commit_execution_removed_and_written_in_one_section_is_the_new_one(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    key = "kraken|BTC-USD|7|f1"
    store.commit([section("a1", lease.epoch, 1, Write(Table.FILLS, key, b"first"), Write(Table.OPEN, "v1", b"x", "1"))])
    again = (Write(Table.FILLS, key, None), Write(Table.FILLS, key, b"second"))
    shown = (Write(Table.OPEN, "v1", None, "1"), Write(Table.OPEN, "v1", b"y", "1"))
    assert store.commit([section("a1", lease.epoch, 2, *again, *shown)]) == [Verdict.OK]
    assert store.load("a1")[Table.FILLS] == {key: b"second"}
    assert store.open_orders("a1", 1) == {"v1": b"y"}


def test_commit_next_section_is_loaded_back_whole(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    writes = (
        ORDER,
        Write(Table.TRANSITIONS, "o1:1", b"\x00\xff\r\n[]"),
        Write(Table.FILLS, "binance|BTC-USD|7|f1", b"fill"),
        Write(Table.IDEMPOTENCY, "ключ", "значение".encode()),
        Write(Table.POSITIONS, "binance|BTC-USD", b""),
        Write(Table.PARKED, "binance|BTC-USD|8|f2", b"parked"),
        Write(Table.CLOSES, "close-1", b"close"),
        Write(Table.CONTROLS, "KillSwitch", b"control"),
        Write(Table.OPEN, "v7", b"public", "3"),
        Write(Table.LAST_SYNC, "", b"1700000000000", "3"),
    )
    assert store.commit([section("a1", lease.epoch, 1, *writes)]) == [Verdict.OK]
    assert store.load("a1") == {
        Table.ORDERS: {"o1": b'{"state":"SUBMITTED"}'},
        Table.TRANSITIONS: {"o1:1": b"\x00\xff\r\n[]"},
        Table.FILLS: {"binance|BTC-USD|7|f1": b"fill"},
        Table.IDEMPOTENCY: {"ключ": "значение".encode()},
        Table.POSITIONS: {"binance|BTC-USD": b""},
        Table.PARKED: {"binance|BTC-USD|8|f2": b"parked"},
        Table.CLOSES: {"close-1": b"close"},
        Table.CONTROLS: {"KillSwitch": b"control"},
    }
    assert store.open_orders("a1", 3) == {"v7": b"public"}
    assert store.open_orders("a1", 4) == {}
    assert store.acquire("a1", "me").seq == 1


def test_load_unknown_account_is_empty_in_every_table(store: StateStore) -> None:
    records = store.load("nobody")
    assert set(records) == set(Table) - {Table.OPEN, Table.LAST_SYNC}
    assert not any(records.values())
    assert store.events("nobody") == []


def test_commit_value_none_removes_the_record(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    store.commit([section("a1", lease.epoch, 1, ORDER, Write(Table.OPEN, "v1", b"x", "1"))])
    gone = (Write(Table.ORDERS, "o1", None), Write(Table.OPEN, "v1", None, "1"), Write(Table.LAST_SYNC, "", None, "1"))
    assert store.commit([section("a1", lease.epoch, 2, *gone)]) == [Verdict.OK]
    assert store.load("a1")[Table.ORDERS] == {}
    assert store.open_orders("a1", 1) == {}


def test_commit_removal_of_every_field_empties_the_public_hash_of_that_scope_only(
    store: StateStore, section: Make
) -> None:
    lease = store.acquire("a1", "me")
    stale = (Write(Table.OPEN, "v1", b"x", "1"), Write(Table.OPEN, "v2", b"x", "2"))
    store.commit([section("a1", lease.epoch, 1, ORDER, *stale)])
    anew = (Write(Table.OPEN, EVERY_FIELD, None, "1"), Write(Table.OPEN, "v3", b"y", "1"))
    assert store.commit([section("a1", lease.epoch, 2, *anew)]) == [Verdict.OK]
    assert store.open_orders("a1", 1) == {"v3": b"y"}
    assert store.open_orders("a1", 2) == {"v2": b"x"}
    assert store.load("a1")[Table.ORDERS] == {ORDER.field: ORDER.value}


def test_commit_several_writes_of_a_field_applies_them_in_order(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    writes = (ORDER, Write(Table.ORDERS, "o1", None), Write(Table.ORDERS, "o1", b"new"))
    store.commit([section("a1", lease.epoch, 1, *writes)])
    assert store.load("a1")[Table.ORDERS] == {"o1": b"new"}


def test_commit_known_fill_keeps_the_first_record(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    first, second = (Write(Table.FILLS, "kraken|BTC-USD|7|f1", text) for text in (b"first", b"second"))
    assert store.commit([section("a1", lease.epoch, 1, first)]) == [Verdict.OK]
    assert store.commit([section("a1", lease.epoch, 2, second)]) == [Verdict.OK]
    assert store.load("a1")[Table.FILLS] == {"kraken|BTC-USD|7|f1": b"first"}


@pytest.mark.parametrize("table", [Table.PARKED, Table.POSITIONS, Table.CLOSES])
def test_commit_known_parked_fill_position_or_close_is_replaced_whole(
    store: StateStore, section: Make, table: Table
) -> None:
    lease = store.acquire("a1", "me")
    store.commit([section("a1", lease.epoch, 1, Write(table, "x1", b"a longer first"), Write(table, "x2", b"beside"))])
    assert store.commit([section("a1", lease.epoch, 2, Write(table, "x1", b"second"))]) == [Verdict.OK]
    assert store.load("a1") == {each: {} for each in store.load("nobody")} | {table: {"x1": b"second", "x2": b"beside"}}


def test_commit_that_books_a_parked_fill_moves_it_in_one_step(store: StateStore, section: Make) -> None:
    key = "binance|BTC-USD|7|f1"
    lease = store.acquire("a1", "me")
    store.commit([section("a1", lease.epoch, 1, Write(Table.PARKED, key, b"parked"), events=(b"e",))])
    booking = section("a1", lease.epoch, 2, Write(Table.PARKED, key, None), Write(Table.FILLS, key, b"fill"))
    assert store.commit([booking]) == [Verdict.OK]
    records = store.load("a1")
    assert (records[Table.PARKED], records[Table.FILLS]) == ({}, {key: b"fill"})
    assert store.commit([booking]) == [Verdict.ALREADY]
    assert store.load("a1") == records


def test_commit_of_a_stale_owner_leaves_parked_fills_positions_and_closes_alone(
    store: StateStore, section: Make
) -> None:
    """A process that lost the account may neither unpark what the new owner has to book, nor end its close."""
    old = store.acquire("a1", "old")
    tables = (Table.PARKED, Table.POSITIONS, Table.CLOSES)
    store.commit([section("a1", old.epoch, 1, *(Write(table, "x1", b"there") for table in tables))])
    store.acquire("a1", "new")
    gone = section("a1", old.epoch, 2, *(Write(table, "x1", None) for table in tables))
    assert store.commit([gone]) == [Verdict.STALE]
    records = store.load("a1")
    assert [records[table] for table in tables] == [{"x1": b"there"}] * 3


def test_commit_repeated_batch_is_already_and_writes_nothing_twice(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    batch = [
        section("a1", lease.epoch, 1, ORDER, events=(b"e1", b"e2")),
        section("a1", lease.epoch, 2, Write(Table.ORDERS, "o2", b"x"), events=(b"e3",)),
    ]
    assert store.commit(batch) == [Verdict.OK, Verdict.OK]
    store.commit([section("a1", lease.epoch, 3, Write(Table.ORDERS, "o1", b"later"))])
    assert store.commit(batch) == [Verdict.ALREADY, Verdict.ALREADY]
    assert store.load("a1")[Table.ORDERS] == {"o1": b"later", "o2": b"x"}
    assert store.events("a1") == [("1-0", b"e1"), ("1-1", b"e2"), ("2-0", b"e3")]
    assert store.acquire("a1", "me").seq == 3


def test_commit_partly_known_batch_writes_the_rest(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    known = section("a1", lease.epoch, 1, ORDER)
    store.commit([known])
    fresh = section("a1", lease.epoch, 2, Write(Table.ORDERS, "o2", b"x"))
    assert store.commit([known, fresh]) == [Verdict.ALREADY, Verdict.OK]
    assert set(store.load("a1")[Table.ORDERS]) == {"o1", "o2"}


def test_commit_stale_epoch_is_refused_and_leaves_no_trace(store: StateStore, section: Make) -> None:
    old = store.acquire("a1", "old")
    new = store.acquire("a1", "new")
    late = [section("a1", old.epoch, seq, ORDER, events=(b"e",)) for seq in (1, 2)]
    assert store.commit(late) == [Verdict.STALE, Verdict.STALE]
    assert not any(store.load("a1").values())
    assert store.events("a1") == []
    assert store.commit([section("a1", new.epoch, 1, ORDER)]) == [Verdict.OK]


def test_commit_repeat_by_a_stale_owner_is_stale_not_already(store: StateStore, section: Make) -> None:
    old = store.acquire("a1", "old")
    batch = [section("a1", old.epoch, 1, ORDER)]
    store.commit(batch)
    store.acquire("a1", "new")
    assert store.commit(batch) == [Verdict.STALE]


def test_commit_without_lease_is_stale(store: StateStore, section: Make) -> None:
    assert store.commit([section("a1", 0, 1, ORDER), section("a2", 7, 1, ORDER)]) == [Verdict.STALE] * 2
    assert not any([*store.load("a1").values(), *store.load("a2").values()])


def test_commit_gap_refuses_all_that_follows(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    batch = [section("a1", lease.epoch, seq, Write(Table.ORDERS, f"o{seq}", b"x")) for seq in (1, 3, 2, 4)]
    assert store.commit(batch) == [Verdict.OK, Verdict.GAP, Verdict.GAP, Verdict.GAP]
    assert set(store.load("a1")[Table.ORDERS]) == {"o1"}
    assert store.acquire("a1", "me").seq == 1


def test_commit_stale_section_refuses_later_good_ones_of_the_account(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    batch = [section("a1", lease.epoch - 1, 1, ORDER), section("a1", lease.epoch, 1, ORDER)]
    assert store.commit(batch) == [Verdict.STALE, Verdict.STALE]
    assert not any(store.load("a1").values())


def test_commit_mixed_batch_judges_each_account_alone(store: StateStore, section: Make) -> None:
    leases = {name: store.acquire(name, "me") for name in ACCOUNTS}
    store.commit([section(ACCOUNTS[2], leases[ACCOUNTS[2]].epoch, 1, ORDER)])
    store.acquire(ACCOUNTS[0], "thief")
    batch = [section(name, leases[name].epoch, 2 if name == ACCOUNTS[1] else 1, ORDER) for name in ACCOUNTS]
    batch += [section(name, leases[name].epoch, 2, Write(Table.ORDERS, "o2", b"x")) for name in reversed(ACCOUNTS)]
    others = len(ACCOUNTS) - 3
    first = [Verdict.STALE, Verdict.GAP, Verdict.ALREADY] + [Verdict.OK] * others
    second = [Verdict.OK] * others + [Verdict.OK, Verdict.GAP, Verdict.STALE]
    assert store.commit(batch) == first + second
    assert not store.load(ACCOUNTS[0])[Table.ORDERS]
    assert not store.load(ACCOUNTS[1])[Table.ORDERS]
    for name in ACCOUNTS[2:]:
        assert set(store.load(name)[Table.ORDERS]) == {"o1", "o2"}


def test_commit_account_with_a_damaged_key_is_broken_alone_and_leaves_no_trace(
    store: StateStore, damaging: Damaging, section: Make
) -> None:
    """The damage is found in the middle of its section; what follows of the account waits with it."""
    epochs = {name: store.acquire(name, "me").epoch for name in ACCOUNTS}
    batch = [
        section(name, epochs[name], seq, ORDER, Write(Table.POSITIONS, "p1", b"x"), events=(b"e",))
        for seq in (1, 2)
        for name in ACCOUNTS
    ]
    hit = ACCOUNTS[4]
    with damaging(hit, Table.POSITIONS):
        assert _by_account(batch, store.commit(batch)) == {
            name: [Verdict.BROKEN if name == hit else Verdict.OK] * 2 for name in ACCOUNTS
        }
        assert _by_account(batch, store.commit(batch)) == {
            name: [Verdict.BROKEN if name == hit else Verdict.ALREADY] * 2 for name in ACCOUNTS
        }
        with pytest.raises(StoreUnavailable, match="positions"):
            store.load(hit)
    assert not any(store.load(hit).values())
    assert store.events(hit) == []
    assert _by_account(batch, store.commit(batch)) == {
        name: [Verdict.OK if name == hit else Verdict.ALREADY] * 2 for name in ACCOUNTS
    }
    assert store.events(hit) == store.events(ACCOUNTS[0]) == [("1-0", b"e"), ("2-0", b"e")]
    assert store.acquire(hit, "me").seq == 2


def test_commit_section_that_leaves_the_damaged_key_alone_is_written(
    store: StateStore, damaging: Damaging, section: Make
) -> None:
    lease = store.acquire("a1", "me")
    with damaging("a1", Table.POSITIONS):
        assert store.commit([section("a1", lease.epoch, 1, ORDER)]) == [Verdict.OK]


def test_oldest_event_is_the_first_of_the_stream(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    assert store.oldest_event("a1") == ""
    store.commit([section("a1", lease.epoch, seq, events=(b"e", b"f") if seq > 1 else ()) for seq in (1, 2, 3)])
    assert store.oldest_event("a1") == "2-0"


def test_oldest_event_after_trimming_in_memory_is_the_first_kept(section: Make) -> None:
    store = MemoryStore(events_max=3)
    lease = store.acquire("a1", "me")
    store.commit([section("a1", lease.epoch, seq, events=(b"e",)) for seq in range(1, 11)])
    assert store.oldest_event("a1") == "8-0"


def test_commit_empty_batch_and_empty_section_are_fine(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    assert store.commit([]) == []
    assert store.commit([section("a1", lease.epoch, 1)]) == [Verdict.OK]
    assert store.acquire("a1", "me").seq == 1


def test_commit_large_batch_of_one_account_keeps_every_byte(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    batch = [
        section("a1", lease.epoch, seq, Write(Table.ORDERS, f"o{seq}", bytes([seq % 256]) * (seq * 7)))
        for seq in range(1, 257)
    ]
    assert store.commit(batch) == [Verdict.OK] * 256
    assert store.load("a1")[Table.ORDERS] == {f"o{seq}": bytes([seq % 256]) * (seq * 7) for seq in range(1, 257)}


def test_events_after_an_id_come_oldest_first_and_limited(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    store.commit([section("a1", lease.epoch, seq, events=(b"%d.0" % seq, b"%d.1" % seq)) for seq in range(1, 12)])
    assert store.events("a1", after="10-0") == [("10-1", b"10.1"), ("11-0", b"11.0"), ("11-1", b"11.1")]
    assert len(store.events("a1", after="9-1")) == 4
    assert store.events("a1", limit=3) == [("1-0", b"1.0"), ("1-1", b"1.1"), ("2-0", b"2.0")]
    assert store.events("a1", after="11-1") == []


def test_commit_section_with_thousands_of_records_and_events_is_kept_whole(store: StateStore, section: Make) -> None:
    lease = store.acquire("a1", "me")
    orders = [Write(Table.ORDERS, f"o{number}", b"%d" % number) for number in range(9000)]
    events = tuple(b"e%d" % number for number in range(5000))
    assert store.commit([section("a1", lease.epoch, 1, *orders, events=events)]) == [Verdict.OK]
    assert store.load("a1")[Table.ORDERS] == {f"o{number}": b"%d" % number for number in range(9000)}
    expected = [(f"1-{number}", event) for number, event in enumerate(events)]
    assert store.events("a1", limit=10_000) == expected
    assert store.events("a1", after="1-1233", limit=100) == expected[1234:1334]
    assert store.events("a1", after="1-4999") == []


def test_acquire_again_by_the_same_owner_raises_the_epoch(store: StateStore) -> None:
    store.keep_alive("me", 60_000)
    first, second = store.acquire("a1", "me"), store.acquire("a1", "me")
    assert second.epoch > first.epoch
    assert (first.account_id, first.owner, first.seq) == ("a1", "me", 0)


def test_acquire_account_of_a_living_owner_is_refused(store: StateStore, section: Make) -> None:
    for name in ACCOUNTS:
        store.keep_alive("me", 60_000)
        lease = store.acquire(name, "me")
        with pytest.raises(AccountOwnedElsewhere, match=f"{name} is held by me"):
            store.acquire(name, "other")
        assert store.commit([section(name, lease.epoch, 1, ORDER)]) == [Verdict.OK]


def test_acquire_account_of_a_silent_owner_takes_it_over(store: StateStore, section: Make) -> None:
    first = store.acquire("a1", "silent")
    store.commit([section("a1", first.epoch, 1, ORDER)])
    second = store.acquire("a1", "other")
    assert second.epoch > first.epoch
    assert second.seq == 1


def test_release_newest_lease_lets_another_owner_in(store: StateStore) -> None:
    store.keep_alive("me", 60_000)
    lease = store.acquire("a1", "me")
    store.release(lease)
    assert store.acquire("a1", "other").epoch > lease.epoch


def test_release_older_lease_changes_nothing(store: StateStore) -> None:
    store.keep_alive("me", 60_000)
    older = store.acquire("a1", "me")
    store.acquire("a1", "me")
    store.release(older)
    store.release(Lease(account_id="never taken", owner="me", epoch=1, seq=0))
    with pytest.raises(AccountOwnedElsewhere):
        store.acquire("a1", "other")


def test_memory_owner_whose_time_is_up_may_be_replaced() -> None:
    now_ms = 0
    store = MemoryStore(lambda: now_ms)
    store.keep_alive("me", 1000)
    store.acquire("a1", "me")
    now_ms = 999
    with pytest.raises(AccountOwnedElsewhere):
        store.acquire("a1", "other")
    now_ms = 1000
    assert store.acquire("a1", "other").owner == "other"


_fields = st.sampled_from(["f1", "f2", "f3"])
_writes = st.builds(Write, st.sampled_from(Table), _fields, st.none() | st.binary(max_size=40), st.just("3"))
_sections = st.lists(
    st.tuples(
        st.sampled_from(["a1", "a2"]), st.sampled_from([0, 0, 0, -1]), st.integers(-1, 2), st.lists(_writes, max_size=4)
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(_sections, max_size=5))
def test_commit_any_history_agrees_with_the_store_in_memory(
    real_store: StateStore, plain: object, batches: list[list[tuple[str, int, int, list[Write]]]]
) -> None:
    plain.flushall()  # type: ignore[attr-defined]
    memory = MemoryStore()
    epochs = [{name: each.acquire(name, "me").epoch for name in ("a1", "a2")} for each in (real_store, memory)]
    seqs = {"a1": 0, "a2": 0}
    for batch in batches:
        # Each section says where it stands relative to the last good one; the model in memory counts.
        made = [
            [
                Section(name, epoch[name] + shift, max(0, seqs[name] + step), tuple(_scoped(writes)))
                for name, shift, step, writes in batch
            ]
            for epoch in epochs
        ]
        answers = [real_store.commit(made[0]), memory.commit(made[1])]
        assert answers[0] == answers[1]
        seqs = {name: memory.acquire(name, "me").seq for name in seqs}
        epochs = [{name: each.acquire(name, "me").epoch for name in seqs} for each in (real_store, memory)]
    for name in seqs:
        assert real_store.load(name) == memory.load(name)
        assert real_store.open_orders(name, 3) == memory.open_orders(name, 3)
        assert real_store.acquire(name, "me").seq == memory.acquire(name, "me").seq


def _by_account(batch: list[Section], verdicts: list[Verdict]) -> dict[str, list[Verdict]]:
    return {
        name: [verdict for each, verdict in zip(batch, verdicts, strict=True) if each.account_id == name]
        for name in ACCOUNTS
    }


def _scoped(writes: list[Write]) -> list[Write]:
    public = (Table.OPEN, Table.LAST_SYNC)
    return [write if write.table in public else write._replace(scope="") for write in writes]
