"""The settings under `orderManagement.privacy`: what of orders is kept, for how long, and whether it is encrypted.

Encryption keys are named here, by environment variable or file, and resolved once while loading. Must never: hold a key
as plain text, or repeat one in an error.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Self, cast

from pydantic import PrivateAttr, ValidationInfo, model_validator

from actors.settings.deployment import Surroundings, named_secret
from actors.settings.secret import Secret
from actors.settings.values import Contradictions, Flag, Section, Text

_KEY_BYTES = 32
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_BETWEEN = re.compile(r"[\s,]+")


class PrivacySettings(Section):
    """What of orders is kept, for how long, and whether it is encrypted."""

    cache_orders: Flag = True
    """False: only what protects from duplicates is kept, while an order is unresolved."""
    encrypt_at_rest: Flag = False
    """Whether every stored value is encrypted under the first key."""
    encryption_key_env: Text | None = None
    """Environment variable with the keys, each 32 bytes in base64 or 64 hex digits, with commas between them."""
    encryption_key_file: Text | None = None
    """File with the keys, one in each line. The first key encrypts, the others only decrypt what is older."""
    clear_on_logout: Flag = False
    """Whether cached orders of an account go when its last session ends."""
    retain_history: Flag = True
    """Whether orders that have ended, and their executions, are kept for a time."""
    _encryption_keys: tuple[Secret, ...] = PrivateAttr(default=())

    @property
    def encryption_keys(self) -> tuple[Secret, ...]:
        """The resolved keys, each as 64 hex digits. With `encrypt_at_rest` false they only decrypt what is older."""
        return self._encryption_keys

    @model_validator(mode="after")
    def _resolve(self, info: ValidationInfo) -> Self:
        found = Contradictions()
        surroundings = cast("Surroundings", info.context)
        variable, file = self.encryption_key_env, self.encryption_key_file
        text = named_secret(found, surroundings, "encryptionKey", variable, file)
        found.check(
            not self.encrypt_at_rest or variable is not None or file is not None,
            "encryptAtRest",
            "needs a key: name encryptionKeyEnv or encryptionKeyFile",
        )
        if text is not None:
            self._encryption_keys = _keys(found, "encryptionKeyFile" if variable is None else "encryptionKeyEnv", text)
        found.done()
        return self


def _keys(found: Contradictions, source: str, text: Secret) -> tuple[Secret, ...]:
    keys: list[Secret] = []
    for number, word in enumerate(filter(None, _BETWEEN.split(text.reveal())), start=1):
        key = _key(word)
        right = f"{_KEY_BYTES} bytes in base64, or {2 * _KEY_BYTES} hex digits"
        found.check(key is not None, source, f"leads to a key, number {number}, that is not {right}")
        found.check(key is None or key not in keys, source, f"leads to the same key twice, as number {number} again")
        keys += [] if key is None else [key]
    found.check(bool(keys), source, "leads to no key")
    return tuple(keys)


def _key(word: str) -> Secret | None:
    if _HEX.fullmatch(word):
        return Secret(word.lower())
    try:
        key = b64decode(word, validate=True)
    except (NotBase64, ValueError):
        return None
    return Secret(key.hex()) if len(key) == _KEY_BYTES else None
