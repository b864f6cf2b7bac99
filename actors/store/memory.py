"""The store in memory: the same answers as `redis.py`, for simulation and tests. Keeps nothing beyond its process.

It reads no clock: time is handed in, so that a simulated run can be repeated.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from threading import RLock

from actors.errors import AccountOwnedElsewhere, StoreUnavailable
from actors.store.cipher import PLAIN, refuse_sealed_events, require_keys
from actors.store.port import EVERY_FIELD, Lease, Section, StoreFacts, Table, Write
from actors.store.sealed import StoredAccount
from messages.control import Verdict

_PUBLIC = (Table.OPEN, Table.LAST_SYNC)


@dataclass(slots=True)
class _Account:
    owner: str | None = None
    epoch: int = 0
    """0: nobody ever took it."""
    seq: int = 0
    records: dict[tuple[Table, str], dict[str, bytes]] = field(default_factory=dict)
    """By table and scope."""
    events: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Section number, index in the section, encoded event."""
    key_ids: frozenset[str] = frozenset({PLAIN})
    """Under which encryption keys its values may be."""
    plain_events_to: str = ""
    """The newest event when it was switched to encryption."""


class MemoryStore:
    """A `StateStore` without a server. Several owners may share one, as processes share a server."""

    def __init__(self, now_ms: Callable[[], int] = lambda: 0, *, events_max: int = 100_000) -> None:
        self._now_ms = now_ms
        self._events_max = events_max
        self._accounts: dict[str, _Account] = {}
        self._damaged: set[tuple[str, Table]] = set()
        self._alive_until_ms: dict[str, int] = {}
        self._key_checks: dict[str, bytes] = {}
        self._lock = RLock()

    def open(self) -> StoreFacts:
        """See `StateStore`; wrong can only be that values are encrypted."""
        require_keys(self.key_ids())
        return self.prepare()

    def facts(self) -> StoreFacts:
        """See `StateStore`."""
        return StoreFacts(product="memory", durability="none", eviction="noeviction")

    def keep_alive(self, owner: str, ttl_ms: int) -> None:
        """See `StateStore`."""
        with self._lock:
            self._alive_until_ms[owner] = self._now_ms() + ttl_ms

    def acquire(self, account_id: str, owner: str) -> Lease:
        """See `StateStore`."""
        with self._lock:
            account = self._accounts.setdefault(account_id, _Account())
            holder = account.owner
            if holder is not None and holder != owner and self._is_alive(holder):
                raise AccountOwnedElsewhere(f"account {account_id} is held by {holder}, which is alive")
            account.owner = owner
            account.epoch += 1
            return Lease(account_id=account_id, owner=owner, epoch=account.epoch, seq=account.seq)

    def release(self, lease: Lease) -> None:
        """See `StateStore`."""
        with self._lock:
            account = self._accounts.get(lease.account_id)
            if account is not None and (account.owner, account.epoch) == (lease.owner, lease.epoch):
                account.owner = None

    def load(self, account_id: str) -> dict[Table, dict[str, bytes]]:
        """See `StateStore`."""
        found = self.stored(account_id)
        require_keys({account_id: found.key_ids})
        return found.records()

    def commit(self, sections: list[Section]) -> list[Verdict]:
        """See `StateStore`."""
        with self._lock:
            refused: dict[str, Verdict] = {}
            return [self._commit_section(section, refused) for section in sections]

    def open_orders(self, account_id: str, exchange_id: int) -> dict[str, bytes]:
        """See `StateStore`."""
        with self._lock:
            account = self._accounts.get(account_id, _Account())
            return dict(account.records.get((Table.OPEN, str(exchange_id)), {}))

    def events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """See `StateStore`."""
        return refuse_sealed_events(account_id, self.stored_events(account_id, after, limit))

    def oldest_event(self, account_id: str) -> str:
        """See `StateStore`."""
        with self._lock:
            events = self._accounts.get(account_id, _Account()).events
            return f"{events[0][0]}-{events[0][1]}" if events else ""

    def close(self) -> None:
        """See `StateStore`; records stay, as they do on a server."""

    def prepare(self) -> StoreFacts:
        """See `SealableStore`."""
        return self.facts()

    def accounts(self) -> tuple[str, ...]:
        """See `SealableStore`."""
        with self._lock:
            return tuple(sorted(self._accounts))

    def key_checks(self) -> dict[str, bytes]:
        """See `SealableStore`."""
        with self._lock:
            return dict(self._key_checks)

    def add_key_check(self, key_id: str, value: bytes) -> None:
        """See `SealableStore`."""
        with self._lock:
            self._key_checks.setdefault(key_id, value)

    def key_ids(self) -> dict[str, frozenset[str]]:
        """See `SealableStore`."""
        with self._lock:
            return {account_id: account.key_ids for account_id, account in self._accounts.items()}

    def stored(self, account_id: str, public_ids: Collection[int] = (), *, records: bool = True) -> StoredAccount:
        """See `SealableStore`."""
        with self._lock:
            for table in Table:
                if (account_id, table) in self._damaged:
                    raise StoreUnavailable(f"the {table} of account {account_id} hold something else")
            account = self._accounts.get(account_id, _Account())
            places = [(table, "") for table in Table if records and table not in _PUBLIC]
            places += [(Table.OPEN, str(public_id)) for public_id in public_ids]
            values = {place: dict(account.records.get(place, {})) for place in places}
            return StoredAccount(account.key_ids, values, account.plain_events_to)

    def stored_events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """See `SealableStore`."""
        seq, _, index = (after or "0-0").partition("-")
        with self._lock:
            account = self._accounts.get(account_id, _Account())
            later = [event for event in account.events if event[:2] > (int(seq), int(index))]
        return [(f"{event[0]}-{event[1]}", event[2]) for event in later[:limit]]

    def reseal(
        self, lease: Lease, key_id: str, values: Mapping[tuple[Table, str, str], bytes], *, only: bool = False
    ) -> bool:
        """See `SealableStore`."""
        with self._lock:
            account = self._accounts.get(lease.account_id)
            if account is None or account.epoch != lease.epoch:
                return False
            if only and key_id != PLAIN and PLAIN in account.key_ids:
                account.plain_events_to = "{}-{}".format(*account.events[-1]) if account.events else ""
            account.key_ids = frozenset({key_id}) if only else account.key_ids | {key_id}
            for (table, scope, field_name), value in values.items():
                records = account.records.get((table, scope), {})
                if field_name in records:
                    records[field_name] = value
            return True

    def damage(self, account_id: str, table: Table) -> None:
        """Behave as a server does after another program has overwritten that table's key."""
        with self._lock:
            self._damaged.add((account_id, table))

    def repair(self, account_id: str, table: Table) -> None:
        """Undo `damage`."""
        with self._lock:
            self._damaged.discard((account_id, table))

    def _is_alive(self, owner: str) -> bool:
        return self._now_ms() < self._alive_until_ms.get(owner, 0)

    def _commit_section(self, section: Section, refused: dict[str, Verdict]) -> Verdict:
        account = self._accounts.setdefault(section.account_id, _Account())
        verdict = refused.get(section.account_id) or _judge(account, section)
        touched = {(section.account_id, write.table) for write in section.writes}
        if verdict is Verdict.OK and touched & self._damaged:
            verdict = Verdict.BROKEN
        if verdict.refuses:
            refused[section.account_id] = verdict
        if verdict is Verdict.OK:
            for write in section.writes:
                _apply(account, write)
            account.events += [(section.seq, index, event) for index, event in enumerate(section.events)]
            del account.events[: -self._events_max]
            account.seq = section.seq
        return verdict


def _judge(account: _Account, section: Section) -> Verdict:
    if section.epoch != account.epoch or account.epoch == 0:
        return Verdict.STALE
    if section.seq <= account.seq:
        return Verdict.ALREADY
    return Verdict.OK if section.seq == account.seq + 1 else Verdict.GAP


def _apply(account: _Account, write: Write) -> None:
    records = account.records.setdefault((write.table, write.scope), {})
    if write.value is None and write.field == EVERY_FIELD and write.table is Table.OPEN:
        records.clear()
    elif write.value is None:
        records.pop(write.field, None)
    elif write.table is Table.FILLS:
        records.setdefault(write.field, write.value)
    else:
        records[write.field] = write.value
