"""Who sent a request to the KuCoin dialect: key, passphrase, signature and clock.

Secrets stay here and appear in no representation. No clock: the venue's time is handed in.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from exchanges.paper.dialects.kucoin.errors import (
    INVALID_PASSPHRASE,
    INVALID_SIGNATURE,
    INVALID_TIMESTAMP,
    MISSING_HEADERS,
    UNKNOWN_KEY,
    UNSUPPORTED_MEDIA_TYPE,
    KucoinError,
)
from exchanges.paper.wire import WireRequest

_KEY = "kc-api-key"
_HEADERS = (_KEY, "kc-api-sign", "kc-api-timestamp", "kc-api-passphrase", "kc-api-key-version")
_KEY_VERSIONS = ("2", "3")
_STAMP = re.compile(r"[0-9]{1,16}")
_SKEW_MS = 5_000
"""A timestamp that is off by this much is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinCredential:
    """One API key of one account."""

    api_key: str
    account: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)

    def sign(self, message: bytes) -> str:
        """Return the signature of a message under this key's secret."""
        return b64encode(hmac.new(self.secret.encode(), message, hashlib.sha256).digest()).decode()


class Gatekeeper:
    """All API keys that the venue knows."""

    def __init__(self) -> None:
        self._credentials: dict[str, KucoinCredential] = {}

    def admit(self, credential: KucoinCredential) -> None:
        """Accept requests of this key from now on."""
        self._credentials[credential.api_key] = credential

    def claimed(self, request: WireRequest) -> str | None:
        """Return the account whose key a request carries, rightly or not, or None."""
        found = self._credentials.get(request.headers.get(_KEY, ""))
        return None if found is None else found.account

    def authenticate(self, request: WireRequest, now_ms: int) -> str:
        """Return the account that signed a request. Raises KucoinError 400001 to 400005, or 415000."""
        headers = request.headers
        if not all(headers.get(name) for name in _HEADERS) or headers[_HEADERS[-1]] not in _KEY_VERSIONS:
            raise KucoinError(MISSING_HEADERS)
        if request.body and not headers.get("content-type", "").startswith("application/json"):
            raise KucoinError(UNSUPPORTED_MEDIA_TYPE)
        stamp = headers["kc-api-timestamp"]
        if _STAMP.fullmatch(stamp) is None or abs(int(stamp) - now_ms) >= _SKEW_MS:
            raise KucoinError(INVALID_TIMESTAMP)
        credential = self._credentials.get(headers[_KEY])
        if credential is None:
            raise KucoinError(UNKNOWN_KEY)
        passphrase = credential.sign(credential.passphrase.encode())
        if not hmac.compare_digest(passphrase.encode(), headers["kc-api-passphrase"].encode()):
            raise KucoinError(INVALID_PASSPHRASE)
        if not hmac.compare_digest(credential.sign(prehash(request)).encode(), headers["kc-api-sign"].encode()):
            raise KucoinError(INVALID_SIGNATURE)
        return credential.account


def prehash(request: WireRequest) -> bytes:
    """Return what a signature covers: the query without its percent-encoding, the body exactly as it was sent."""
    query = b"?" + unquote_to_bytes(request.query) if request.query else b""
    head = request.headers.get("kc-api-timestamp", "") + request.method.upper() + request.path
    return head.encode() + query + request.body


def new_credential(account: str, seed: int, given: Mapping[str, str] | None) -> KucoinCredential:
    """Return the key that is given as `apiKey`, `apiSecret` and `passphrase`, else one derived from the seed.

    Raises ValueError when one of the three is missing or empty.
    """
    if given is None:
        derived = [hashlib.sha256(f"paper/kucoin/{seed}/{account}/{part}".encode()).hexdigest() for part in range(3)]
        return KucoinCredential(api_key=derived[0][:24], account=account, secret=derived[1], passphrase=derived[2][:16])
    if not all(given.get(name) for name in ("apiKey", "apiSecret", "passphrase")):
        msg = "a KuCoin key needs apiKey, apiSecret and passphrase"
        raise ValueError(msg)
    return KucoinCredential(
        api_key=given["apiKey"], account=account, secret=given["apiSecret"], passphrase=given["passphrase"]
    )
