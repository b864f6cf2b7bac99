"""Who sent a request to the Kraken dialect: key, signature over the exact bytes, and a nonce that only ever rises.

Also the tokens of the stream. Secrets stay here and appear in no representation.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from random import Random
from re import fullmatch

from exchanges.paper.dialects.kraken.errors import (
    INVALID_KEY,
    INVALID_NONCE,
    INVALID_SIGNATURE,
    LOCKOUT,
    KrakenError,
)

TOKEN_LIFE_S = 900
_NONCE_BITS = 64
_OFFENCES_MAX = 20
"""Invalid nonces or signatures in a row before a key is locked out."""
_LOCKOUT_MS = 900_000


@dataclass(slots=True, kw_only=True)
class Credential:
    """One API key of one account, and what is remembered about its use."""

    api_key: str
    account: str
    secret: bytes = field(repr=False)
    last_nonce: int = -1
    offences: int = 0
    locked_until_ms: int = 0


class Gatekeeper:
    """All API keys that the venue knows. Nonces are a key's own, whatever connection they come by."""

    def __init__(self) -> None:
        self.locks_out = False
        """Whether repeated offences lock a key out for a while."""
        self._credentials: dict[str, Credential] = {}

    def admit(self, credential: Credential) -> None:
        """Accept requests of this key from now on."""
        self._credentials[credential.api_key] = credential

    def owner(self, api_key: str | None) -> str | None:
        """Return the account of a key, or None."""
        found = self._credentials.get(api_key or "")
        return None if found is None else found.account

    def authenticate(
        self, *, api_key: str | None, signature: str, path: str, nonce: str, body: bytes, now_ms: int
    ) -> str:
        """Return the account that signed a request and use up its nonce. Raises KrakenError."""
        credential = self._credentials.get(api_key or "")
        if credential is None:
            raise KrakenError(INVALID_KEY)
        if now_ms < credential.locked_until_ms:
            raise KrakenError(LOCKOUT)
        offence = _offence(credential, signature, path, nonce, body)
        if offence is None:
            credential.last_nonce, credential.offences = int(nonce), 0
            return credential.account
        credential.offences += 1
        if self.locks_out and credential.offences >= _OFFENCES_MAX:
            credential.offences, credential.locked_until_ms = 0, now_ms + _LOCKOUT_MS
        raise KrakenError(offence)


def _offence(credential: Credential, signature: str, path: str, nonce: str, body: bytes) -> str | None:
    if fullmatch(r"[0-9]{1,20}", nonce) is None or int(nonce) >= 1 << _NONCE_BITS:
        return INVALID_NONCE
    digest = hashlib.sha256(nonce.encode() + body).digest()
    expected = hmac.new(credential.secret, path.encode() + digest, hashlib.sha512).digest()
    if not hmac.compare_digest(b64encode(expected), signature.encode()):
        return INVALID_SIGNATURE
    return None if int(nonce) > credential.last_nonce else INVALID_NONCE


def derive_keys(account: str, seed: int) -> dict[str, str]:
    """Return the keys of an account under a seed. They open nothing but a paper venue."""

    def digest(purpose: str, size: int) -> str:
        return b64encode(hashlib.shake_256(f"paper/kraken/{seed}/{account}/{purpose}".encode()).digest(size)).decode()

    return {"apiKey": digest("key", 42), "apiSecret": digest("secret", 64)}


def decode_secret(text: str) -> bytes:
    """Return the bytes of an API secret. Raises ValueError when it is not base64."""
    try:
        secret = b64decode(text, validate=True)
    except Base64Error as error:
        msg = "a Kraken API secret is base64"
        raise ValueError(msg) from error
    if not secret:
        msg = "a Kraken API secret is not empty"
        raise ValueError(msg)
    return secret


class Tokens:
    """The stream's tokens: what a connection may subscribe with."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._issued: dict[str, tuple[str, int]] = {}

    def issue(self, account: str, now_ms: int) -> str:
        """Return a new token; it is to be used within its life."""
        token = b64encode(self._random.randbytes(32)).decode()
        self._issued[token] = (account, now_ms + TOKEN_LIFE_S * 1000)
        return token

    def account(self, token: object, now_ms: int) -> str | None:
        """Return whose token this is, or None when there is none such or its time is over."""
        account, until_ms = self._issued.get(token, ("", 0)) if isinstance(token, str) else ("", 0)
        return account if now_ms < until_ms else None

    def expire(self) -> None:
        """Let all tokens be expired."""
        self._issued.clear()
