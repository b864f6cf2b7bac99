"""Who sent a request to the Binance dialect, and whether it is signed, fresh and in its validity window.

Checks exactly the bytes that were received. Secrets stay here and appear in no representation.
"""

import hashlib
import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from re import fullmatch

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exchanges.paper.dialects.binance.errors import (
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    INVALID_RECV_WINDOW,
    TOO_EARLY,
    TOO_LATE,
    UNKNOWN_KEY,
    BinanceError,
    missing,
)

_DEFAULT_RECV_WINDOW = Decimal(5000)
_MAX_RECV_WINDOW = Decimal(60000)
_AHEAD_MS_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceCredential:
    """One API key of one account: either a shared secret or an Ed25519 public key."""

    api_key: str
    account: str
    secret: bytes | None = field(default=None, repr=False)
    public_key: Ed25519PublicKey | None = field(default=None, repr=False)


class Gatekeeper:
    """All API keys that the venue knows."""

    def __init__(self) -> None:
        self._credentials: dict[str, BinanceCredential] = {}

    def admit(self, credential: BinanceCredential) -> None:
        """Accept requests of this key from now on."""
        self._credentials[credential.api_key] = credential

    def credential(self, api_key: str | None) -> BinanceCredential:
        """Return the credential of a key. Raises BinanceError -2014 or -2015."""
        if not api_key or fullmatch(r"[A-Za-z0-9]{16,128}", api_key) is None:
            raise BinanceError(BAD_KEY_FORMAT)
        credential = self._credentials.get(api_key)
        if credential is None:
            raise BinanceError(UNKNOWN_KEY)
        return credential


def check_signature(credential: BinanceCredential, payload: bytes, signature: str) -> None:
    """Raise BinanceError -1022 unless the signature belongs to the payload and the key."""
    if credential.secret is not None:
        expected = hmac.new(credential.secret, payload, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise BinanceError(BAD_SIGNATURE)
        return
    try:
        if credential.public_key is None:
            raise BinanceError(BAD_SIGNATURE)
        credential.public_key.verify(b64decode(signature, validate=True), payload)
    except (InvalidSignature, Base64Error, ValueError) as error:
        raise BinanceError(BAD_SIGNATURE) from error


def check_time(parameters: Mapping[str, str], now_ms: int) -> None:
    """Raise BinanceError -1021 unless the request's timestamp is inside its window on the venue's clock."""
    timestamp = parameters.get("timestamp", "")
    if fullmatch(r"[0-9]{1,16}", timestamp) is None:
        raise BinanceError(missing("timestamp"))
    if int(timestamp) >= now_ms + _AHEAD_MS_MAX:
        raise BinanceError(TOO_EARLY)
    if now_ms - int(timestamp) > _recv_window(parameters):
        raise BinanceError(TOO_LATE)


def _recv_window(parameters: Mapping[str, str]) -> Decimal:
    text = parameters.get("recvWindow")
    if text is None:
        return _DEFAULT_RECV_WINDOW
    if fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) is None or Decimal(text) > _MAX_RECV_WINDOW:
        raise BinanceError(INVALID_RECV_WINDOW)
    return Decimal(text)


def rest_payload(query: bytes, body: bytes) -> bytes:
    """Return what a REST signature covers: query directly followed by body, without the signature itself."""
    return _without_signature(query) + _without_signature(body)


def _without_signature(part: bytes) -> bytes:
    if b"signature=" not in part:
        return part
    return b"&".join(pair for pair in part.split(b"&") if not pair.startswith(b"signature="))


def stream_payload(parameters: Mapping[str, object]) -> bytes:
    """Return what a WebSocket API signature covers: all other parameters by name, not percent-encoded."""
    pairs = (f"{name}={parameters[name]}" for name in sorted(parameters) if name != "signature")
    return "&".join(pairs).encode()
