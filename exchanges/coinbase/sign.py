"""Tokens for Coinbase: JWTs signed with ECDSA P-256 or Ed25519, a fresh one for every request and subscription.

Owns the private key and the form of the tokens. It never shows the key, in a repr or in an error, and makes no nonce
of its own.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

LIFE_S = 120
"""How long a token is valid, by the venue's clock."""
_SEED_BYTES = 32
_UNUSABLE = (
    "the private key cannot be read; an unencrypted PEM key (ECDSA P-256 or Ed25519) or an Ed25519 seed in base64 is "
    "needed"
)


class ClaimForm(StrEnum):
    """How a token names the request that it is for. The venue's own libraries differ in it."""

    URI = "uri"
    """One `uri`, as the venue's library for this interface writes it."""
    URIS = "uris"
    """A list `uris` beside an audience, as the venue's general library writes it for Ed25519 keys."""


class TokenSigner:
    """Makes tokens of one key."""

    def __init__(
        self, key_name: str, key: EllipticCurvePrivateKey | Ed25519PrivateKey, claims: ClaimForm = ClaimForm.URI
    ) -> None:
        self._key_name = key_name
        self._key = key
        self._claims = claims

    def token(self, *, now_s: int, nonce: str, request: str | None = None) -> str:
        """Make a token that is valid from `now_s`, venue time in seconds.

        `request` is method, space, host and path of the one request it is for, without a query; None: it is for a
        subscription. `nonce` is never used twice.
        """
        algorithm = "ES256" if isinstance(self._key, EllipticCurvePrivateKey) else "EdDSA"
        header = {"alg": algorithm, "typ": "JWT", "kid": self._key_name, "nonce": nonce}
        claims: dict[str, object] = {"sub": self._key_name, "iss": "cdp", "nbf": now_s, "exp": now_s + LIFE_S}
        if self._claims is ClaimForm.URIS:
            claims["aud"] = ["cdp_service"]
        if request is not None:
            claims |= {"uri": request} if self._claims is ClaimForm.URI else {"uris": [request]}
        signed = f"{_part(header)}.{_part(claims)}"
        return f"{signed}.{_base64url(self._signature(signed.encode('ascii')))}"

    def _signature(self, payload: bytes) -> bytes:
        if isinstance(self._key, EllipticCurvePrivateKey):
            # As the two numbers side by side, which is what this does with what the curve's library gives.
            return ECAlgorithm(ECAlgorithm.SHA256).sign(payload, self._key)
        return OKPAlgorithm().sign(payload, self._key)


def signer_for(key_name: str, secret: str, claims: ClaimForm = ClaimForm.URI) -> TokenSigner:
    """Read a private key in any form the venue hands out: PEM, perhaps with escaped line breaks, or an Ed25519 seed
    in base64, perhaps with the public key behind it.

    Raises `ValueError`, without the secret, for a key that cannot be used.
    """
    return TokenSigner(key_name, _key(secret.replace("\\n", "\n").strip()), claims)


def _key(secret: str) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
    try:
        if "PRIVATE KEY-----" not in secret:
            return _of_seed(base64.b64decode(secret, validate=True))
        key = load_pem_private_key(secret.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        # Not chained: the library's text may quote what it could not read.
        raise ValueError(_UNUSABLE) from None
    match key:
        case Ed25519PrivateKey():
            return key
        case EllipticCurvePrivateKey() if isinstance(key.curve, SECP256R1):
            return key
        case _:
            raise ValueError("Coinbase takes keys of ECDSA P-256 and Ed25519 only")


def _of_seed(raw: bytes) -> Ed25519PrivateKey:
    if len(raw) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise ValueError(_UNUSABLE)
    key = Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])
    if raw[_SEED_BYTES:] not in (b"", key.public_key().public_bytes_raw()):
        raise ValueError(_UNUSABLE)
    return key


def _part(content: Mapping[str, object]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
