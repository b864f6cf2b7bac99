"""Who sent a request to the Coinbase dialect: JSON Web Tokens, each signed by a key and made for one request.

Checks exactly the bytes that were received. Secrets never get here: the venue keeps public keys only.
"""

import hashlib
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from re import fullmatch
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from exchanges.paper.dialects.coinbase.errors import UNAUTHORIZED, CoinbaseError
from exchanges.paper.wire import WireRequest

HOST = "api.coinbase.com"
_LIFE_S_MAX = 120
_AHEAD_S_MAX = 5
_HALF_SIGNATURE = 32
_SERVICE = ["cdp_service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One API key of one account."""

    name: str
    account: str
    public_key: EllipticCurvePublicKey | Ed25519PublicKey

    @property
    def algorithm(self) -> str:
        """The `alg` of its tokens."""
        return "EdDSA" if isinstance(self.public_key, Ed25519PublicKey) else "ES256"


@dataclass(frozen=True, slots=True)
class _Token:
    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


class Gatekeeper:
    """All API keys that the venue knows, and the tokens of the last two minutes."""

    def __init__(self) -> None:
        self._credentials: dict[str, Credential] = {}
        self._seen: dict[tuple[str, str], bytes] = {}
        self._expiries: deque[tuple[int, tuple[str, str]]] = deque()

    def admit(self, credential: Credential) -> None:
        """Accept tokens of this key from now on."""
        self._credentials[credential.name] = credential

    def account_named(self, request: WireRequest) -> str | None:
        """Return the account that a request claims to come from; nothing is verified."""
        try:
            token = _read(_bearer(request.headers))
        except CoinbaseError:
            return None
        found = self._credentials.get(str(token.header.get("kid")))
        return None if found is None else found.account

    def authenticate(self, request: WireRequest, now_ms: int) -> str:
        """Return the account that sent a request. Raises CoinbaseError 401."""
        token = _read(_bearer(request.headers))
        credential = self._verified(token, now_ms)
        hosts = (HOST, request.headers.get("host", HOST))
        if not _names(token.claims, [f"{request.method} {host}{request.path}" for host in hosts], credential):
            raise CoinbaseError(UNAUTHORIZED)
        # A network may deliver one request twice; a token that comes with another request was used again.
        fingerprint = hashlib.sha256(token.signed + b"\n" + request.query + b"\n" + request.body).digest()
        self._use(token, fingerprint if request.method == "POST" else None, now_ms)
        return credential.account

    def authenticate_stream(self, text: object, now_ms: int) -> str:
        """Return the account that a stream message's token belongs to. Raises CoinbaseError 401."""
        if not isinstance(text, str):
            raise CoinbaseError(UNAUTHORIZED)
        token = _read(text)
        credential = self._verified(token, now_ms)
        if "uri" in token.claims or "uris" in token.claims:
            raise CoinbaseError(UNAUTHORIZED)
        self._use(token, None, now_ms)
        return credential.account

    def _verified(self, token: _Token, now_ms: int) -> Credential:
        credential = self._credentials.get(str(token.header.get("kid")))
        if credential is None or token.header.get("alg") != credential.algorithm or token.header.get("typ") != "JWT":
            raise CoinbaseError(UNAUTHORIZED)
        _check_signature(credential, token)
        if token.claims.get("sub") != credential.name or token.claims.get("iss") != "cdp":
            raise CoinbaseError(UNAUTHORIZED)
        _check_time(token.claims, now_ms)
        return credential

    def _use(self, token: _Token, fingerprint: bytes | None, now_ms: int) -> None:
        nonce = token.header.get("nonce")
        if not isinstance(nonce, str) or fullmatch(r"[0-9a-fA-F]{8,128}", nonce) is None:
            raise CoinbaseError(UNAUTHORIZED)
        while self._expiries and self._expiries[0][0] <= now_ms:
            self._seen.pop(self._expiries.popleft()[1], None)
        used = (str(token.header["kid"]), nonce)
        if used not in self._seen:
            self._seen[used] = fingerprint or b""
            self._expiries.append((int(token.claims["exp"]) * 1000, used))
        elif fingerprint is None or self._seen[used] != fingerprint:
            raise CoinbaseError(UNAUTHORIZED)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise CoinbaseError(UNAUTHORIZED)
    return text


def _read(text: str) -> _Token:
    parts = text.split(".")
    try:
        header, claims, signature = (_decode(part) for part in parts)
        token = _Token(_object(header), _object(claims), f"{parts[0]}.{parts[1]}".encode(), signature)
    except (ValueError, Base64Error) as error:
        raise CoinbaseError(UNAUTHORIZED) from error
    return token


def _decode(part: str) -> bytes:
    if fullmatch(r"[A-Za-z0-9_-]+", part) is None:
        msg = "not base64url without padding"
        raise ValueError(msg)
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _object(text: bytes) -> dict[str, Any]:
    value = orjson.loads(text)
    if not isinstance(value, dict):
        msg = "not an object"
        raise ValueError(msg)  # noqa: TRY004 - whatever is wrong with a token is told alike
    return value


def _check_signature(credential: Credential, token: _Token) -> None:
    try:
        match credential.public_key:
            case Ed25519PublicKey() as edwards:
                edwards.verify(token.signature, token.signed)
            case curve:
                curve.verify(_as_der(token.signature), token.signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise CoinbaseError(UNAUTHORIZED) from error


def _as_der(signature: bytes) -> bytes:
    """Return a JWS signature, R and S of 32 bytes each, as the DER that is verified. Raises ValueError."""
    if len(signature) != 2 * _HALF_SIGNATURE:
        msg = "not R and S"
        raise ValueError(msg)
    half = _HALF_SIGNATURE
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def _check_time(claims: Mapping[str, Any], now_ms: int) -> None:
    begins, ends = claims.get("nbf"), claims.get("exp")
    if type(begins) is not int or type(ends) is not int:
        raise CoinbaseError(UNAUTHORIZED)
    too_early = begins * 1000 > now_ms + _AHEAD_S_MAX * 1000
    if too_early or ends * 1000 <= now_ms or ends - begins > _LIFE_S_MAX:
        raise CoinbaseError(UNAUTHORIZED)


def _names(claims: Mapping[str, Any], uris: list[str], credential: Credential) -> bool:
    """Whether the claims are made for this request: by `uri`, or as other makers of EdDSA tokens do, by `uris`."""
    if "uri" in claims:
        return claims["uri"] in uris
    listed = claims.get("uris")
    plural = credential.algorithm == "EdDSA" and claims.get("aud") == _SERVICE and isinstance(listed, list)
    return plural and any(uri in uris for uri in listed or ())
