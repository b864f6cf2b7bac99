"""Sections as the two large arguments that `commit.lua` takes, and its letters as verdicts. Sends nothing.

Packing thousands of small arguments costs more than writing them, on both sides; therefore all numbers of a batch
travel as one JSON list and all bytes as one string that those numbers cut.
"""

from collections.abc import Mapping, Sequence

from actors.store.keys import Keys
from actors.store.port import Section, Table, Write
from messages.control import Verdict

# Operations as `commit.lua` numbers them.
_HSET, _HSETNX, _HDEL, _XADD, _SET, _DEL, _PUBLIC_HSET, _PUBLIC_HDEL = range(1, 9)

_SETS = {Table.FILLS: _HSETNX, Table.OPEN: _PUBLIC_HSET, Table.LAST_SYNC: _SET}
_REMOVES = {Table.OPEN: _PUBLIC_HDEL, Table.LAST_SYNC: _DEL}
_VERDICTS = {ord("o"): Verdict.OK, ord("a"): Verdict.ALREADY, ord("s"): Verdict.STALE, ord("g"): Verdict.GAP}
_ARGUMENTS_MAX = 200
"""Of one command: Lua passes on a few thousand values at most."""
_ENTRY_EVENTS = 50
"""Events in one entry of a stream; also how many indexes are kept encoded."""
_INDEXES = tuple(b"%d" % index for index in range(_ENTRY_EVENTS))


class Packing:
    """Packs batches of one deployment; remembers encoded key names, a handful per account."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._records: dict[tuple[str, Table, str], bytes] = {}
        self._metas: dict[str, tuple[bytes, bytes]] = {}

    def pack(self, sections: Sequence[Section]) -> tuple[bytes, bytes]:
        """Make the first two arguments of `commit.lua` for sections of one partition."""
        numbers: list[int] = []
        parts: list[bytes] = []
        for section in sections:
            self._pack_section(section, numbers, parts)
        return str(numbers).encode(), b"".join(parts)

    def _pack_section(self, section: Section, numbers: list[int], parts: list[bytes]) -> None:
        account_id, seq = section.account_id, section.seq
        meta, stream = self._metas.get(account_id) or self._account_keys(account_id)
        numbers += (len(meta), section.epoch, seq, 0)
        operations, operations_at = 0, len(numbers) - 1
        parts.append(meta)
        open_table, count_at = None, 0
        for write in section.writes:
            table, field_name, value, scope = write
            field = field_name.encode()
            operation = _REMOVES.get(table, _HDEL) if value is None else _SETS.get(table, _HSET)
            if operation == _HSET and table is open_table and numbers[count_at] < _ARGUMENTS_MAX:
                # Several records of one table travel as one command.
                numbers[count_at] += 2
            else:
                key = self._records.get((account_id, table, scope)) or self._record_key(account_id, write)
                operations += 1
                numbers += (operation, 2 if value is None else 3, len(key))
                count_at = len(numbers) - 2
                parts.append(key)
                open_table = table if operation == _HSET else None
            numbers.append(len(field))
            parts.append(field)
            if value is not None:
                numbers.append(len(value))
                parts.append(value)
        events = section.events
        for first in range(0, len(events), _ENTRY_EVENTS):
            operations += 1
            entry_id = b"%d-%d" % (seq, first)
            entry = events[first : first + _ENTRY_EVENTS]
            numbers += (_XADD, 2 + 2 * len(entry), len(stream), len(entry_id))
            parts += (stream, entry_id)
            for name, event in zip(_INDEXES, entry, strict=False):
                numbers += (len(name), len(event))
                parts += (name, event)
        numbers[operations_at] = operations

    def _account_keys(self, account_id: str) -> tuple[bytes, bytes]:
        keys = (self._keys.meta(account_id).encode(), self._keys.events(account_id).encode())
        self._metas[account_id] = keys
        return keys

    def _record_key(self, account_id: str, write: Write) -> bytes:
        key = self._keys.records(account_id, write.table, write.scope).encode()
        self._records[account_id, write.table, write.scope] = key
        return key


def entry_holding(event_id: str) -> str:
    """Name the stream's entry that holds an event, or would hold it."""
    seq, index = event_id.split("-")
    return f"{seq}-{int(index) - int(index) % _ENTRY_EVENTS}"


def events_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> list[tuple[str, bytes]]:
    """Unpack an entry of a stream into event ids and events: its id names the first, its fields count from there."""
    seq, first = entry_id.decode().split("-")
    return [(f"{seq}-{int(first) + int(name)}", event) for name, event in fields.items()]


def verdicts(letters: bytes) -> list[Verdict]:
    """Read the answer of `commit.lua`, one verdict per section."""
    return [_VERDICTS[letter] for letter in letters]
