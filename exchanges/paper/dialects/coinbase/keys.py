"""API keys for paper accounts, derived from a seed so that every run with the same seed has the same keys.

They open nothing but a paper venue on this machine.
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from exchanges.paper.dialects.coinbase.ids import derived_uuid
from exchanges.paper.dialects.coinbase.tokens import Credential

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SEED_BYTES = 32
_PAIR_BYTES = 64
PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinbaseKeys:
    """Both kinds of key of one account, as its owner holds them."""

    name: str
    secret: str = field(repr=False)
    ed25519_name: str
    ed25519_secret: str = field(repr=False)

    def as_json(self) -> dict[str, str]:
        """Return what the owner needs: key names, a PEM, and for Ed25519 base64 of seed and public key."""
        return {
            "apiKey": self.name,
            "apiSecret": self.secret,
            "ed25519Key": self.ed25519_name,
            "ed25519Secret": self.ed25519_secret,
        }

    def credentials(self, account: str) -> tuple[Credential, Credential]:
        """Return what the venue keeps of them. Raises ValueError when a secret is no usable private key."""
        return (
            Credential(name=self.name, account=account, public_key=read_private_key(self.secret).public_key()),
            Credential(
                name=self.ed25519_name,
                account=account,
                public_key=read_private_key(self.ed25519_secret).public_key(),
            ),
        )


def derive_keys(account: str, seed: int) -> CoinbaseKeys:
    """Return the keys of an account under a seed."""
    scalar = int.from_bytes(_digest(account, seed, "p256")) % (_P256_ORDER - 1) + 1
    curve_key = ec.derive_private_key(scalar, ec.SECP256R1())
    pem = curve_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    edwards_seed = _digest(account, seed, "ed25519")
    edwards_public = Ed25519PrivateKey.from_private_bytes(edwards_seed).public_key()
    pair = edwards_seed + edwards_public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    who = f"{seed}/{account}"
    return CoinbaseKeys(
        name=f"organizations/{derived_uuid('organization', who)}/apiKeys/{derived_uuid('key', who)}",
        secret=pem.decode(),
        ed25519_name=derived_uuid("ed25519-key", who),
        ed25519_secret=b64encode(pair).decode(),
    )


def given_key(given: Mapping[str, str]) -> tuple[str, str]:
    """Return name and secret of keys that somebody brings along. Raises ValueError when one is missing or empty."""
    name, secret = given.get("apiKey"), given.get("apiSecret")
    if not name or not secret:
        msg = "a key needs apiKey and apiSecret"
        raise ValueError(msg)
    return name, secret


def read_private_key(secret: str) -> PrivateKey:
    """Read a private key: P-256 or Ed25519 as PEM, Ed25519 also as base64 of its seed or of seed and public key.

    Raises ValueError, without a word about the secret.
    """
    text = secret.replace("\\n", "\n").strip()
    try:
        return _from_pem(text) if text.startswith("-----BEGIN") else _from_base64(text)
    except (ValueError, TypeError, UnsupportedAlgorithm, Base64Error):
        msg = "apiSecret is no usable private key"
        raise ValueError(msg) from None


def _from_pem(text: str) -> PrivateKey:
    key = load_pem_private_key(text.encode(), None)
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    msg = "another kind of key"
    raise ValueError(msg)


def _from_base64(text: str) -> PrivateKey:
    raw = b64decode(text, validate=True)
    if len(raw) not in (_SEED_BYTES, _PAIR_BYTES):
        msg = "another length"
        raise ValueError(msg)
    key = Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])
    if raw[_SEED_BYTES:] not in (b"", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)):
        msg = "seed and public key do not belong together"
        raise ValueError(msg)
    return key


def _digest(account: str, seed: int, purpose: str) -> bytes:
    return hashlib.sha256(f"paper/coinbase/{seed}/{account}/{purpose}".encode()).digest()
