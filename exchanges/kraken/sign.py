"""Signatures for Kraken's private REST calls: HMAC-SHA-512 over the path and a hash of nonce and body.

Owns the secret. It never shows it, in a repr or in an error.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import quote


class Signer:
    """Signs the calls of one key."""

    def __init__(self, secret: str) -> None:
        """`secret` is base64, as the venue gives it. Raises `ValueError`, without the secret, for anything else."""
        try:
            key = base64.b64decode(secret, validate=True)
        except (binascii.Error, ValueError):
            # Not chained: the library's text may quote what it could not read.
            raise ValueError("the private key cannot be read; Kraken's are base64") from None
        if not key:
            raise ValueError("Kraken needs a private key")
        self._keyed = hmac.new(key, digestmod=hashlib.sha512)

    def sign(self, path: str, nonce: str, body: bytes) -> str:
        """Sign a call: its path, the nonce that the body contains, and the exact bytes of the body."""
        keyed = self._keyed.copy()
        keyed.update(path.encode("ascii") + hashlib.sha256(nonce.encode("ascii") + body).digest())
        return base64.b64encode(keyed.digest()).decode("ascii")


def encode(params: Sequence[tuple[str, str]]) -> bytes:
    """Write parameters as a form, in the order given, as they are signed and sent."""
    return "&".join([f"{name}={quote(value, safe='')}" for name, value in params]).encode("ascii")
