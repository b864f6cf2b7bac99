"""A store whose values are encrypted: seals what is committed and opens what is read, around any other store.

Names of keys and fields, epochs, numbers of sections and the time of the last synchronisation stay plain; records,
events and the values of the public hashes do not. Each account's meta data note under which keys its records are.
Whoever takes an account writes anew what is plain or under an older key: so encryption is switched on, a key is
replaced and, with keys given but sealing off, encryption is switched off, account by account, as accounts are loaded.

- A key is replaced by naming the new one last in every process, then first, and by dropping the old one at the end: so
  no process ever takes an account over that it cannot read.
- An old key may be dropped for records once every account was loaded under the new one; before, `open` refuses.
- Events are never written anew: they leave their stream in time. Until then `events` needs the key they are under and
  raises `EncryptionKeyMissing` without it. Plain events are read as they are up to the last one that was there when
  encryption was switched on, which is noted, too.
- A public hash whose exchange is in no configuration any more stays as it is, and is not read while it is plain.

Must never: write over a value that it could not open, or hand out one that is not what was stored at its place in this
deployment. Somebody who may write to the server without having the key can still put back an older value of the same
place, remove values, write plain events in the place of those from before encryption, or edit what is noted.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from actors.errors import AccountOwnedElsewhere, EncryptionKeyMissing, SealBroken
from actors.store.cipher import PLAIN, Keyring, key_id_of, place, require_keys
from actors.store.port import Lease, Section, StateStore, StoreFacts, Table, Write
from messages.control import Verdict

_EVENTS: Final = "events"
_REWRITTEN_AT_ONCE: Final = 500
"""Values in one call that writes anew; the server serves nobody else meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account's values as they are stored, read in one step."""

    key_ids: frozenset[str]
    """Under which keys its values may be; `PLAIN` stands for none."""
    values: Mapping[tuple[Table, str], Mapping[str, bytes]]
    """By table and scope, then by field."""
    plain_events_to: str = ""
    """Id of the newest event that was there when encryption was switched on; later ones are encrypted."""

    def records(self) -> dict[Table, dict[str, bytes]]:
        """All but the public projections, by table and field."""
        return {table: dict(fields) for (table, _), fields in self.values.items() if table is not Table.OPEN}


class SealableStore(StateStore, Protocol):
    """What a store offers beside `StateStore`, for its values to be encrypted."""

    def prepare(self) -> StoreFacts:
        """Do what `open` does, but without refusing a store whose values are encrypted."""
        ...

    def accounts(self) -> tuple[str, ...]:
        """Every account that was ever taken here. Changes nothing and needs no `open`."""
        ...

    def key_checks(self) -> dict[str, bytes]:
        """The check values by id of their keys."""
        ...

    def add_key_check(self, key_id: str, value: bytes) -> None:
        """Keep a key's check value, unless there is one already."""
        ...

    def key_ids(self) -> dict[str, frozenset[str]]:
        """Under which keys the values of each account may be; accounts without any encrypted value may be left out."""
        ...

    def stored(self, account_id: str, public_ids: Collection[int] = (), *, records: bool = True) -> StoredAccount:
        """Read an account's records and, for exchanges with these numbers, its public hashes. Raises as `load`.

        Without `records`, only the public hashes and what is noted.
        """
        ...

    def stored_events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """Do what `events` does, but without refusing encrypted ones."""
        ...

    def reseal(
        self, lease: Lease, key_id: str, values: Mapping[tuple[Table, str, str], bytes], *, only: bool = False
    ) -> bool:
        """Note that the account's values may be under a key, or with `only` all are, and replace values that exist.

        By table, scope and field. Where `only` ends the time of plain values, the newest event is noted, too. False,
        and nothing changed, when the lease's epoch is not the account's.
        """
        ...


class SealedStore:
    """A `StateStore` that keeps its values encrypted in another one. Thread-safe as that one is."""

    def __init__(
        self, inner: SealableStore, keyring: Keyring, *, deployment: str, public_ids: Collection[int] = ()
    ) -> None:
        """Prepare; nothing is read before `open`.

        Args:
            inner: Keeps the values.
            keyring: Seals and opens them.
            deployment: Whose values they are; those of another one do not open.
            public_ids: Numbers of all exchanges, whose public hashes are written anew with the records.
        """
        self._inner = inner
        self._keyring = keyring
        self._deployment = deployment
        self._public_ids = tuple(public_ids)
        self._taken: dict[str, Lease] = {}
        """Accounts that were taken and not loaded yet."""

    def open(self) -> StoreFacts:
        """See `StateStore`. Changes nothing before it is certain that the keys are the right ones.

        Raises:
            EncryptionKeyMissing: records are under a key that was not given.
            StoreUnfit: a key is not the one that it says it is; or as the other store's `open`.
        """
        facts = self._inner.prepare()
        self._check_keys()
        if self._keyring.current != PLAIN:
            self._inner.add_key_check(self._keyring.current, self._keyring.check_value())
        return facts

    def facts(self) -> StoreFacts:
        """See `StateStore`."""
        return self._inner.facts()

    def accounts(self) -> tuple[str, ...]:
        """Every account that was ever taken here; raises as `open`. Changes nothing and needs no `open`."""
        found = self._inner.accounts()
        self._check_keys()
        return found

    def keep_alive(self, owner: str, ttl_ms: int) -> None:
        """See `StateStore`."""
        self._inner.keep_alive(owner, ttl_ms)

    def acquire(self, account_id: str, owner: str) -> Lease:
        """See `StateStore`. The `load` that follows writes anew what is not under the key that seals."""
        lease = self._inner.acquire(account_id, owner)
        self._taken[account_id] = lease
        return lease

    def release(self, lease: Lease) -> None:
        """See `StateStore`."""
        self._inner.release(lease)

    def load(self, account_id: str) -> dict[Table, dict[str, bytes]]:
        """See `StateStore`.

        Raises:
            EncryptionKeyMissing: a record is under a key that was not given.
            SealBroken: a record is not what was stored at its place.
            AccountOwnedElsewhere: somebody else took the account before all was written anew.
        """
        lease = self._taken.pop(account_id, None)
        stored = self._inner.stored(account_id, () if lease is None else self._public_ids)
        try:
            opened = {table: self._opened(account_id, table, stored) for table in stored.records()}
        except (EncryptionKeyMissing, SealBroken):
            # An owner that lives keeps others out; one of them may have the key.
            if lease is not None:
                self._inner.release(lease)
            raise
        if lease is not None:
            self._renew(lease, stored, opened)
        return opened

    def commit(self, sections: list[Section]) -> list[Verdict]:
        """See `StateStore`. A repeated section is encrypted anew; its number makes that harmless."""
        if self._taken:
            self._note_what_was_not_loaded(sections)
        if self._keyring.current == PLAIN:
            return self._inner.commit(sections)
        return self._inner.commit([self._sealed(section) for section in sections])

    def open_orders(self, account_id: str, exchange_id: int) -> dict[str, bytes]:
        """See `StateStore`. Raises as `load`."""
        scope = str(exchange_id)
        found: Mapping[str, bytes] = self._inner.open_orders(account_id, exchange_id)
        if any(key_id_of(value) == PLAIN for value in found.values()):
            # Read in one step with what is noted, which may change between two.
            stored = self._inner.stored(account_id, (exchange_id,), records=False)
            found = stored.values[Table.OPEN, scope]
            self._refuse_plain(account_id, Table.OPEN, found, stored)
        return {field: self._open(value, account_id, Table.OPEN, scope, field) for field, value in found.items()}

    def events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """See `StateStore`.

        Raises:
            EncryptionKeyMissing: an event is under a key that was not given.
            SealBroken: an event is not what was stored under its id.
        """
        found = self._inner.stored_events(account_id, after, limit)
        plain = {event_id: value for event_id, value in found if key_id_of(value) == PLAIN}
        if plain:
            # Noted only after the last plain event, so what is read later covers those read before.
            stored = self._inner.stored(account_id, records=False)
            known_to = _numbers(stored.plain_events_to)
            later = {event_id: value for event_id, value in plain.items() if _numbers(event_id) > known_to}
            self._refuse_plain(account_id, _EVENTS, later, stored)
        return [(event_id, self._open(value, account_id, _EVENTS, "", event_id)) for event_id, value in found]

    def oldest_event(self, account_id: str) -> str:
        """See `StateStore`."""
        return self._inner.oldest_event(account_id)

    def close(self) -> None:
        """See `StateStore`."""
        self._inner.close()

    # ----- keys

    def _check_keys(self) -> None:
        checks = self._inner.key_checks()
        self._keyring.verify(checks)
        # Accounts are gone through only when a key of former times is not given any more.
        if not checks.keys() <= set(self._keyring.ids):
            require_keys(self._inner.key_ids(), self._keyring.ids)

    def _note_what_was_not_loaded(self, sections: list[Section]) -> None:
        # Loading notes the key. Refused only when the lease has been overtaken; then nothing is committed under it.
        for account_id in {section.account_id for section in sections}:
            lease = self._taken.get(account_id)
            if lease is not None:
                self._inner.reseal(lease, self._keyring.current, {})

    # ----- writing

    def _sealed(self, section: Section) -> Section:
        seal, account_id, seq = self._keyring.seal, section.account_id, section.seq
        writes = tuple(
            write
            if write.value is None or write.table is Table.LAST_SYNC
            else Write(
                write.table,
                write.field,
                seal(write.value, self._place(account_id, write.table, write.scope, write.field)),
                write.scope,
            )
            for write in section.writes
        )
        events = tuple(
            seal(event, self._place(account_id, _EVENTS, "", f"{seq}-{index}"))
            for index, event in enumerate(section.events)
        )
        return Section(account_id, section.epoch, seq, writes, events)

    def _renew(self, lease: Lease, stored: StoredAccount, opened: Mapping[Table, Mapping[str, bytes]]) -> None:
        """Write anew what is not under the key that seals, now that every record of the account was opened."""
        account_id, current = lease.account_id, self._keyring.current
        outdated: dict[tuple[Table, str, str], bytes] = {}
        for (table, scope), values in stored.values.items():
            old = {field: value for field, value in values.items() if key_id_of(value) != current}
            readable = self._opened_of(stored, account_id, scope, old) if table is Table.OPEN else opened[table]
            outdated |= {(table, scope, field): readable[field] for field in old if field in readable}
        places = list(outdated)
        for start in range(0, len(places), _REWRITTEN_AT_ONCE):
            batch = places[start : start + _REWRITTEN_AT_ONCE]
            seal = self._keyring.seal
            self._reseal(lease, {where: seal(outdated[where], self._place(account_id, *where)) for where in batch})
        if stored.key_ids != {current}:
            self._reseal(lease, {}, only=True)

    def _reseal(self, lease: Lease, values: Mapping[tuple[Table, str, str], bytes], *, only: bool = False) -> None:
        if not self._inner.reseal(lease, self._keyring.current, values, only=only):
            raise AccountOwnedElsewhere(f"account {lease.account_id} was taken by another owner while it was loaded")

    # ----- reading

    def _opened(self, account_id: str, table: Table, stored: StoredAccount) -> dict[str, bytes]:
        values = stored.values[table, ""]
        self._refuse_plain(account_id, table, values, stored)
        return {field: self._open(value, account_id, table, "", field) for field, value in values.items()}

    def _opened_of(
        self, stored: StoredAccount, account_id: str, scope: str, values: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Open what can be opened of a public hash: others may have written there, and its account makes it anew."""
        opened = {}
        for field, value in values.items():
            with suppress(EncryptionKeyMissing, SealBroken):
                self._refuse_plain(account_id, Table.OPEN, {field: value}, stored)
                opened[field] = self._open(value, account_id, Table.OPEN, scope, field)
        return opened

    def _refuse_plain(self, account_id: str, table: str, values: Mapping[str, bytes], stored: StoredAccount) -> None:
        if PLAIN in stored.key_ids:
            return
        for field, value in values.items():
            if key_id_of(value) == PLAIN:
                raise SealBroken(
                    f"{table} {field!r} of account {account_id} is not encrypted, though all its values were: another "
                    "program wrote it. Nothing was changed"
                )

    def _open(self, value: bytes, account_id: str, table: str, scope: str, field: str) -> bytes:
        try:
            return self._keyring.open(value, self._place(account_id, table, scope, field))
        except (EncryptionKeyMissing, SealBroken) as error:
            raise type(error)(f"{table} {field!r} of account {account_id}: {error}") from None

    def _place(self, account_id: str, table: str, scope: str, field: str) -> bytes:
        return place(self._deployment, account_id, table, scope, field)


def _numbers(event_id: str) -> tuple[int, int]:
    seq, _, index = (event_id or "0-0").partition("-")
    return int(seq), int(index)
