"""Who sent a request to the MEXC dialect, and whether it is signed and fresh on the venue's clock.

Secrets stay here and appear in no representation.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from re import fullmatch
from urllib.parse import quote, unquote

from exchanges.paper.dialects.mexc.errors import (
    BAD_CONTENT_TYPE,
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    INVALID_WINDOW,
    NO_KEY,
    OUTSIDE_WINDOW,
    UNKNOWN_KEY,
    MexcError,
    missing,
)

_WINDOW_MS = 5_000
_WINDOW_MS_MAX = 60_000
_AHEAD_MS = 1_000
_KEY = r"[A-Za-z0-9]{8,128}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One API key of one account."""

    api_key: str
    account: str
    secret: bytes = field(repr=False)


class Gatekeeper:
    """All API keys that the venue knows."""

    def __init__(self) -> None:
        self._credentials: dict[str, Credential] = {}

    def admit(self, credential: Credential) -> None:
        """Accept requests of this key from now on. Raises ValueError when it can be no key."""
        if fullmatch(_KEY, credential.api_key) is None or not credential.secret:
            msg = "an API key needs 8 to 128 letters and digits, and a secret"
            raise ValueError(msg)
        self._credentials[credential.api_key] = credential

    def credential(self, api_key: str | None) -> Credential:
        """Return the credential of a key. Raises MexcError 400, 700001 or 10072."""
        if not api_key:
            raise MexcError(NO_KEY)
        if fullmatch(_KEY, api_key) is None:
            raise MexcError(BAD_KEY_FORMAT)
        credential = self._credentials.get(api_key)
        if credential is None:
            raise MexcError(UNKNOWN_KEY)
        return credential


def check_content_type(method: str, content_type: str | None) -> None:
    """Raise MexcError 700013 unless a request that changes something says that it is JSON."""
    if method != "GET" and (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise MexcError(BAD_CONTENT_TYPE)


def check_signature(credential: Credential, query: bytes, body: bytes, signature: str | None) -> None:
    """Raise MexcError 700004 without a signature, 700002 unless it is the lower-case hex of the parameters' own."""
    if not signature:
        raise missing("signature")
    payload = signed_text(query) + signed_text(body)
    expected = hmac.new(credential.secret, payload, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise MexcError(BAD_SIGNATURE)


def signed_text(part: bytes) -> bytes:
    """Return what the venue signs of a query or a body: all pairs but the signature, in the order sent.

    Values are percent-encoded anew, with upper-case hex: whoever signed something else fails.
    """
    pairs = (pair.partition("=") for pair in part.decode("latin-1").split("&") if pair)
    return "&".join(
        f"{name}={quote(unquote(value), safe='')}" for name, _, value in pairs if name != "signature"
    ).encode()


def check_time(values: Mapping[str, str], now_ms: int) -> None:
    """Raise MexcError unless the timestamp is less than a second ahead and no older than the window (ms) allows.

    700004: it is no number; 700005: the window is no number up to 60000; 700003: outside of it.
    """
    timestamp = values.get("timestamp", "")
    if fullmatch(r"[0-9]{1,16}", timestamp) is None:
        raise missing("timestamp")
    window = values.get("recvWindow", str(_WINDOW_MS))
    if fullmatch(r"[0-9]{1,5}", window) is None or int(window) > _WINDOW_MS_MAX:
        raise MexcError(INVALID_WINDOW)
    if int(timestamp) >= now_ms + _AHEAD_MS or now_ms - int(timestamp) > int(window):
        raise MexcError(OUTSIDE_WINDOW)


def derive_key(account: str, seed: int) -> dict[str, str]:
    """Return the API key of an account under a seed. It opens nothing but a paper venue on this machine."""
    return {
        "apiKey": f"mx0v{_digest(account, seed, 'key')[:18]}",
        "apiSecret": _digest(account, seed, "secret")[:32],
    }


def _digest(account: str, seed: int, purpose: str) -> str:
    return hashlib.sha256(f"paper/mexc/{seed}/{account}/{purpose}".encode()).hexdigest()
