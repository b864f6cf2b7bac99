"""Signatures for KuCoin: HMAC-SHA-256 in base64, over time, method, path with query, and body.

Owns key, secret and passphrase. It never shows any of them, in a repr or in an error.
"""

import base64
import hashlib
import hmac

KEY_VERSION = "3"


class Signer:
    """Makes the headers of a signed request with one credential."""

    def __init__(self, *, api_key: str, secret: str, passphrase: str, key_version: str = KEY_VERSION) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod=hashlib.sha256)
        # The signed passphrase is the same in every request.
        self._constant = {
            "KC-API-KEY": api_key,
            "KC-API-PASSPHRASE": self.sign(passphrase.encode()),
            "KC-API-KEY-VERSION": key_version,
        }

    def sign(self, payload: bytes) -> str:
        """Sign a payload."""
        keyed = self._keyed.copy()
        keyed.update(payload)
        return base64.b64encode(keyed.digest()).decode("ascii")

    def headers(self, *, time_ms: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Make the headers of one request; `path` is with its query, as it reads before it is percent-encoded."""
        signature = self.sign(f"{time_ms}{method}{path}".encode() + body)
        return {**self._constant, "KC-API-TIMESTAMP": str(time_ms), "KC-API-SIGN": signature}
