"""The tokens of the ProjectX Gateway: JWTs signed with HS256, alive for 24 hours or until they are revoked.

It knows which tokens it issued; a token that is well signed but was revoked is worth nothing. It never shows one.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

TOKEN_LIFE_MS = 86_400_000
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_NAME = f"{_CLAIMS}/name"
_SID = f"{_CLAIMS}/sid"
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, slots=True)
class Token:
    """What a good token says."""

    session: str
    """Unique for every token."""
    user: str
    expires_ms: int


class Tokens:
    """All tokens of a venue."""

    def __init__(self, random: Random) -> None:
        """Take the source of the secret and of session ids."""
        self._random = random
        self._secret = random.randbytes(32)
        self._live: dict[str, Token] = {}

    def issue(self, user: str, now_ms: int) -> str:
        """Return a new token. Those issued before stay good."""
        token = Token(session=f"{self._random.getrandbits(128):032x}", user=user, expires_ms=_ends_ms(now_ms))
        self._live[token.session] = token
        claims = {_SID: token.session, _NAME: user, "exp": token.expires_ms // 1000}
        signed = f"{_encode(orjson.dumps(_HEADER))}.{_encode(orjson.dumps(claims))}"
        return f"{signed}.{_encode(self._sign(signed))}"

    def check(self, text: str, now_ms: int) -> Token | None:
        """Return what a token says, or None when it is forged, revoked, expired or no token at all."""
        signed, _, signature = text.rpartition(".")
        header, _, claims = signed.partition(".")
        try:
            genuine = hmac.compare_digest(_decode(signature), self._sign(signed))
            token = self._live.get(str(_object(claims).get(_SID))) if genuine else None
            algorithm = _object(header).get("alg")
        except (ValueError, Base64Error):
            return None
        good = token is not None and algorithm == "HS256" and now_ms < token.expires_ms
        return token if good else None

    def revoke(self, token: Token) -> None:
        """End one token."""
        self._live.pop(token.session, None)

    def revoke_all(self) -> None:
        """End every token issued so far."""
        self._live.clear()

    def _sign(self, signed: str) -> bytes:
        return hmac.new(self._secret, signed.encode(), hashlib.sha256).digest()


def _ends_ms(now_ms: int) -> int:
    # `exp` counts whole seconds, and what it says is what holds.
    return (now_ms + TOKEN_LIFE_MS) // 1000 * 1000


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


def _object(part: str) -> dict[str, Any]:
    value = orjson.loads(_decode(part))
    if not isinstance(value, dict):
        msg = "a part of a token is a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - it is the text that is wrong, not our types
    return value
