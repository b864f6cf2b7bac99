"""An encrypted store and what is written into one, for the tests of it."""

from collections.abc import Callable

from actors.store.cipher import Keyring, key_id_of
from actors.store.port import Section, Table, Write
from actors.store.sealed import SealableStore, SealedStore
from messages.control import Verdict

Make = Callable[..., Section]

OLD, NEW = b"o" * 32, b"n" * 32
OLD_ID, NEW_ID = Keyring([OLD]).current, Keyring([NEW]).current
EXCHANGE = 3
WRITES = (
    Write(Table.ORDERS, "o1", b'{"order":1}'),
    Write(Table.ORDERS, "o2", b'{"order":2}'),
    Write(Table.FILLS, "binance|BTC-USDT|7|f1", b'{"fill":1}'),
    Write(Table.OPEN, "v1", b'{"public":1}', str(EXCHANGE)),
    Write(Table.LAST_SYNC, "", b"1700000000000", str(EXCHANGE)),
)
EVENTS = (b'{"event":1}', b'{"event":2}')
RECORDS = {
    Table.ORDERS: {"o1": b'{"order":1}', "o2": b'{"order":2}'},
    Table.FILLS: {"binance|BTC-USDT|7|f1": b'{"fill":1}'},
}


def under(inner: SealableStore, *keys: bytes, seals: bool = True, deployment: str = "test") -> SealedStore:
    """The store as a process opens it that was given these keys."""
    store = SealedStore(inner, Keyring(keys, seals=seals), deployment=deployment, public_ids=(EXCHANGE,))
    store.open()
    return store


def filled(store: SealedStore | SealableStore, section: Make, *names: str) -> None:
    """Write everything there is into some accounts, and leave them."""
    for name in names or ("a1",):
        lease = store.acquire(name, "me")
        assert store.commit([section(name, lease.epoch, lease.seq + 1, *WRITES, events=EVENTS)]) == [Verdict.OK]
        store.release(lease)


def taken(store: SealedStore | SealableStore, account_id: str = "a1") -> dict[Table, dict[str, bytes]]:
    """Take and load an account as its owner does; gives the tables that hold something."""
    lease = store.acquire(account_id, "me")
    records = store.load(account_id)
    store.release(lease)
    return {table: fields for table, fields in records.items() if fields}


def key_ids(inner: SealableStore, account_id: str = "a1") -> set[str]:
    """Under which keys the values of an account really are, events left out."""
    stored = inner.stored(account_id, (EXCHANGE,))
    return {key_id_of(value) for fields in stored.values.values() for value in fields.values()}


def everything(inner: SealableStore, *names: str) -> list[object]:
    """All that is stored, to see that nothing was changed."""
    return [
        [(inner.stored(name, (EXCHANGE,)), inner.stored_events(name)) for name in names or ("a1",)],
        inner.key_checks(),
    ]
