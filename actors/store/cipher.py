"""Authenticated encryption of single values: keys known by their ids, every value bound to the place it is stored at.

A sealed value is a marker that no JSON starts with, the key's id, a salt, a number, and AES-256-GCM's ciphertext and
tag. Every keyring draws a salt, derives from it and the key what it encrypts with, and numbers what it encrypts: so no
nonce is used twice however much is written under a key, which random nonces of 96 bits could not promise. After a fork
the child draws a salt of its own.

It proves that a value was written at its place by somebody with the key. It cannot prove that the value is the newest
one, nor that others are not missing. Must never: show a key, or give out what it could not open.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import count
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from actors.errors import EncryptionKeyMissing, SealBroken, StoreUnfit

MARKER: Final = b"\x00LO1"
PLAIN: Final = "plain"
"""Stands for the key's id where a value is not sealed."""
KEY_BYTES: Final = 32

_ID_BYTES, _SALT_BYTES, _NUMBER_BYTES, _TAG_BYTES = 4, 16, 8, 16
_ID_END: Final = len(MARKER) + _ID_BYTES
_SALT_END: Final = _ID_END + _SALT_BYTES
_HEADER_END: Final = _SALT_END + _NUMBER_BYTES
_NONCE_START: Final = bytes(12 - _NUMBER_BYTES)
_ID_DOMAIN: Final = b"livermore-orders encryption key id\x00"
_DERIVATION_DOMAIN: Final = b"livermore-orders values\x00"
_DERIVED_MAX: Final = 4096
"""Salts whose derived keys are remembered: there is one per life of a process that wrote something."""
_CHECKED: Final = b"livermore-orders"


def place(deployment: str, account_id: str, table: str, scope: str, field: str) -> bytes:
    """Spell where a value is stored, to bind it there. Only the field may hold any character; it comes last."""
    return f"{deployment}\0{account_id}\0{table}\0{scope}\0{field}".encode()


def key_id_of(value: bytes) -> str:
    """Tell which key a stored value is sealed under; `PLAIN`: none."""
    return value[len(MARKER) : _ID_END].hex() if value.startswith(MARKER) else PLAIN


def require_keys(marks: Mapping[str, Collection[str]], given: Collection[str] = ()) -> None:
    """Raise `EncryptionKeyMissing` when an account has values under a key that is not among the ids `given`.

    `marks` has the ids by account. Accounts' names and keys' ids are shown, since neither is a secret.
    """
    lacking = {account: set(ids).difference(given, {PLAIN}) for account, ids in marks.items()}
    accounts = sorted(account for account, ids in lacking.items() if ids)
    if not accounts:
        return
    ids = ", ".join(sorted(set().union(*lacking.values())))
    whose = f"account {accounts[0]}" if len(accounts) == 1 else f"{len(accounts)} accounts ({accounts[0]} among them)"
    raise missing_key(f"records of {whose} are encrypted under key {ids}")


def refuse_sealed_events(account_id: str, events: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return stored events that are read without any key; raise `EncryptionKeyMissing` when one needs a key."""
    for event_id, event in events:
        if event.startswith(MARKER):
            raise missing_key(f"event {event_id} of account {account_id} is encrypted under key {key_id_of(event)}")
    return events


def missing_key(what: str) -> EncryptionKeyMissing:
    """Make the error that `what`, which names the key's id, cannot be opened, and say where the key is to be named."""
    return EncryptionKeyMissing(
        f"{what}, which was not given; name it in orderManagement.privacy.encryptionKeyEnv or encryptionKeyFile (the "
        "first key there encrypts, the others only decrypt). Nothing was changed"
    )


class Keyring:
    """The keys of a deployment: the first one seals, all of them open."""

    def __init__(self, keys: Sequence[bytes], *, seals: bool = True) -> None:
        """Take keys of 32 bytes. With `seals` false, values are written plain, and sealed ones still open.

        Raises:
            StoreUnfit: there is no key, one has another length, or two have the same id.
        """
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise StoreUnfit(f"encryption needs keys of {KEY_BYTES} bytes")
        made = [_Key(key) for key in keys]
        self._keys = {key.id: key for key in made}
        if len(self._keys) < len(made):
            raise StoreUnfit("two encryption keys have the same id: give each key once")
        self._seal = made[0].seal if seals else None
        self.current = made[0].id if seals else PLAIN
        """Id of the key that seals; `PLAIN` when none does."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all keys, the first one first."""
        return tuple(self._keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    def seal(self, value: bytes, where: bytes) -> bytes:
        """Encrypt a value for its place; every time differently. Plain where this keyring does not seal."""
        return value if self._seal is None else self._seal(value, where)

    def open(self, value: bytes, where: bytes) -> bytes:
        """Decrypt a value found at a place; a plain one is returned as it is.

        Raises:
            EncryptionKeyMissing: it is under a key that is not here.
            SealBroken: it is not what was sealed for this place: changed, cut, or moved.
        """
        if not value.startswith(MARKER):
            return value
        if len(value) < _HEADER_END + _TAG_BYTES:
            raise SealBroken("a stored value was cut short")
        key = self._keys.get(key_id_of(value))
        if key is None:
            raise missing_key(f"a stored value is encrypted under key {key_id_of(value)}")
        return key.open(value, where)

    def check_value(self) -> bytes:
        """Seal a constant under the key that seals, by which `verify` knows a key again."""
        return self.seal(_CHECKED, _check_place(self.current))

    def verify(self, checks: Mapping[str, bytes]) -> None:
        """Raise `StoreUnfit` unless every key of ours opens the check value that is stored for its id."""
        for key_id, value in checks.items():
            if key_id not in self._keys:
                continue
            try:
                sound = self.open(value, _check_place(key_id)) == _CHECKED and key_id_of(value) == key_id
            except (SealBroken, EncryptionKeyMissing):
                sound = False
            if not sound:
                raise StoreUnfit(
                    f"encryption key {key_id} does not open the check value that the store keeps for it: it is another "
                    "key, or the store was tampered with. Nothing was changed"
                )


class _Key:
    """One key: seals under a salt of its own, opens whatever was sealed under it."""

    __slots__ = ("_derived", "_sealing", "id")

    def __init__(self, key: bytes) -> None:
        self.id = sha256(_ID_DOMAIN + key).digest()[:_ID_BYTES].hex()
        self._derived: Callable[[bytes], AESGCM] = lru_cache(_DERIVED_MAX)(lambda salt: _derive(key, salt))
        self._sealing = self._begin()

    def _begin(self) -> "_Sealing":
        salt = os.urandom(_SALT_BYTES)
        return _Sealing(os.getpid(), MARKER + bytes.fromhex(self.id) + salt, self._derived(salt), count())

    def seal(self, value: bytes, where: bytes) -> bytes:
        sealing = self._sealing
        if sealing.process_id != os.getpid():
            # A forked process has our salt and would go on counting where we do.
            sealing = self._sealing = self._begin()
        # One step of a counter is never given to two threads.
        number = next(sealing.numbers).to_bytes(_NUMBER_BYTES)
        return sealing.head + number + sealing.cipher.encrypt(_NONCE_START + number, value, where)

    def open(self, value: bytes, where: bytes) -> bytes:
        cipher = self._derived(value[_ID_END:_SALT_END])
        try:
            return cipher.decrypt(_NONCE_START + value[_SALT_END:_HEADER_END], value[_HEADER_END:], where)
        except InvalidTag:
            raise SealBroken(f"a stored value is not what was encrypted there under key {self.id}") from None


class _Sealing(NamedTuple):
    """What one process seals with under one key."""

    process_id: int
    head: bytes
    """What all its values begin with."""
    cipher: AESGCM
    numbers: Iterator[int]


def _derive(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=_DERIVATION_DOMAIN).derive(key))


def _check_place(key_id: str) -> bytes:
    return place("", "", "check", "", key_id)
