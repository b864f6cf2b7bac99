"""Signatures for Binance: HMAC-SHA-256, Ed25519 and RSA, over REST queries and WebSocket API parameters.

Owns the secret and the two payload forms. It never shows the secret, in a repr or in an error.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class Signer(Protocol):
    """Signs bytes with one secret."""

    def sign(self, payload: bytes) -> str:
        """Sign a payload; the answer is the signature as Binance writes it, not percent-encoded."""
        ...


class HmacSigner:
    """HMAC-SHA-256, in hex."""

    def __init__(self, secret: str) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def sign(self, payload: bytes) -> str:
        """Sign a payload."""
        keyed = self._keyed.copy()
        keyed.update(payload)
        return keyed.hexdigest()


class Ed25519Signer:
    """Ed25519, in base64."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        """Sign a payload."""
        return base64.b64encode(self._key.sign(payload)).decode()


class RsaSigner:
    """RSASSA-PKCS1-v1_5 with SHA-256, in base64."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        """Sign a payload."""
        return base64.b64encode(self._key.sign(payload, PKCS1v15(), SHA256())).decode()


def signer_for(secret: str) -> Signer:
    """Choose the algorithm by the form of the secret: a PEM private key is Ed25519 or RSA, anything else HMAC.

    Raises `ValueError`, without the secret, for a PEM key that cannot be used.
    """
    if "PRIVATE KEY-----" not in secret:
        return HmacSigner(secret)
    try:
        key = load_pem_private_key(secret.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not chained: the library's text may quote what it could not read.
        raise ValueError("the private key cannot be read; an unencrypted PKCS#8 PEM key is needed") from None
    match key:
        case Ed25519PrivateKey():
            return Ed25519Signer(key)
        case RSAPrivateKey():
            return RsaSigner(key)
        case _:
            raise ValueError(f"Binance has no signatures by {type(key).__name__}")


def encode(params: Sequence[tuple[str, str]]) -> str:
    """Percent-encode parameters, in the order given, as they are signed and sent."""
    return "&".join([f"{name}={quote(value, safe='')}" for name, value in params])


def signed_query(params: Sequence[tuple[str, str]], signer: Signer) -> str:
    """Encode, sign exactly those bytes, and append the signature."""
    query = encode(params)
    return f"{query}&signature={quote(signer.sign(query.encode('ascii')), safe='')}"


def websocket_signature(params: Mapping[str, str | int], signer: Signer) -> str:
    """Sign the parameters of a WebSocket API request: sorted by name, not percent-encoded."""
    return signer.sign("&".join([f"{name}={params[name]}" for name in sorted(params)]).encode())
