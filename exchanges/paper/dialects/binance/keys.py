"""API keys for paper accounts, derived from a seed so that every run with the same seed has the same keys.

They open nothing but a paper venue on this machine.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchanges.paper.dialects.binance.auth import BinanceCredential


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceKeys:
    """Both kinds of key of one account, as its owner holds them."""

    api_key: str
    api_secret: str = field(repr=False)
    ed25519_api_key: str
    ed25519_private_key: Ed25519PrivateKey = field(repr=False)

    def as_json(self) -> dict[str, str]:
        """Return what the owner needs; the private key as PKCS#8 PEM."""
        pem = self.ed25519_private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return {
            "apiKey": self.api_key,
            "apiSecret": self.api_secret,
            "ed25519ApiKey": self.ed25519_api_key,
            "ed25519PrivateKey": pem.decode(),
        }


def derive_keys(account: str, seed: int) -> BinanceKeys:
    """Return the keys of an account under a seed."""
    return BinanceKeys(
        api_key=_digest(account, seed, "key").hex(),
        api_secret=_digest(account, seed, "secret").hex(),
        ed25519_api_key=_digest(account, seed, "ed25519-key").hex(),
        ed25519_private_key=Ed25519PrivateKey.from_private_bytes(_digest(account, seed, "ed25519-private")),
    )


def credentials(account: str, keys: BinanceKeys) -> tuple[BinanceCredential, BinanceCredential]:
    """Return what the venue keeps of an account's keys."""
    return (
        BinanceCredential(api_key=keys.api_key, account=account, secret=keys.api_secret.encode()),
        BinanceCredential(
            api_key=keys.ed25519_api_key, account=account, public_key=keys.ed25519_private_key.public_key()
        ),
    )


def _digest(account: str, seed: int, purpose: str) -> bytes:
    return hashlib.sha256(f"paper/binance/{seed}/{account}/{purpose}".encode()).digest()
