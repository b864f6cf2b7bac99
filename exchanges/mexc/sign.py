"""Signatures for MEXC: HMAC-SHA-256 over the query, in lower-case hex.

Owns the secret and the form of what is signed. It never shows the secret, in a repr or in an error.
"""

import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import quote


class Signer:
    """Signs with one secret."""

    def __init__(self, secret: str) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def sign(self, payload: str) -> str:
        """Sign a query, followed by a body where there is one, with nothing between them."""
        keyed = self._keyed.copy()
        keyed.update(payload.encode("ascii"))
        return keyed.hexdigest()


def encode(params: Sequence[tuple[str, str]]) -> str:
    """Percent-encode parameters as UTF-8 with upper-case hex, in the order given, as they are signed and sent."""
    return "&".join([f"{name}={quote(value, safe='')}" for name, value in params])


def signed_query(params: Sequence[tuple[str, str]], signer: Signer) -> str:
    """Encode, sign exactly those bytes, and append the signature."""
    query = encode(params)
    return f"{query}&signature={signer.sign(query)}"
