"""Sections as the two large arguments that `commit.lua` takes, and its letters as verdicts. Sends nothing.

Packing thousands of small arguments costs more than writing them, on both sides; therefore all numbers of a batch
travel as one JSON list and all bytes as one string that those numbers cut.
"""

from collections.abc import Sequence

from actors.store.keys import Keys
from actors.store.port import EVERY_FIELD, Section, Table, Write
from messages.control import Verdict

# Operations as `commit.lua` numbers them.
_HSET, _HSETNX, _HDEL, _XADD, _SET, _DEL, _PUBLIC_HSET, _PUBLIC_HDEL = range(1, 9)

_SETS = {Table.FILLS: _HSETNX, Table.OPEN: _PUBLIC_HSET, Table.LAST_SYNC: _SET}
_REMOVES = {Table.OPEN: _PUBLIC_HDEL, Table.LAST_SYNC: _DEL}
_VERDICTS = {
    ord("o"): Verdict.OK,
    ord("a"): Verdict.ALREADY,
    ord("s"): Verdict.STALE,
    ord("g"): Verdict.GAP,
    ord("b"): Verdict.BROKEN,
}


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
        numbers += (len(meta), section.epoch, seq, len(section.writes) + len(section.events))
        parts.append(meta)
        for index, event in enumerate(section.events):
            event_id = b"%d-%d" % (seq, index)
            numbers += (_XADD, len(stream), len(event_id), len(event))
            parts += (stream, event_id, event)
        for write in section.writes:
            table, field_name, value, scope = write
            key = self._records.get((account_id, table, scope)) or self._record_key(account_id, write)
            field = field_name.encode()
            if value is None:
                whole = field_name == EVERY_FIELD and table is Table.OPEN
                numbers += (_DEL if whole else _REMOVES.get(table, _HDEL), len(key), len(field), 0)
                parts += (key, field)
            else:
                numbers += (_SETS.get(table, _HSET), len(key), len(field), len(value))
                parts += (key, field, value)

    def _account_keys(self, account_id: str) -> tuple[bytes, bytes]:
        keys = (self._keys.meta(account_id).encode(), self._keys.events(account_id).encode())
        self._metas[account_id] = keys
        return keys

    def _record_key(self, account_id: str, write: Write) -> bytes:
        key = self._keys.records(account_id, write.table, write.scope).encode()
        self._records[account_id, write.table, write.scope] = key
        return key


def verdicts(letters: bytes) -> list[Verdict]:
    """Read the answer of `commit.lua`, one verdict per section."""
    return [_VERDICTS[letter] for letter in letters]
