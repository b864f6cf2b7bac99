"""Proving to ProjectX who is asking: the body of a login, the header of a call, the address of the hub.

Requests are not signed. Owns the API key; it never shows the key, or a token, in a repr or in an error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a token is asked for with."""

    user_name: str = field(repr=False)
    api_key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.user_name or not self.api_key:
            raise ValueError("a login needs a user name and an API key")

    def body(self) -> bytes:
        """Write the body of `POST /api/Auth/loginKey`."""
        content = {"userName": self.user_name, "apiKey": self.api_key}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def bearer(token: str) -> Mapping[str, str]:
    """Give the header that a call carries a token in."""
    return {"Authorization": f"Bearer {token}"}


def hub_address(url: str, token: str) -> str:
    """Give the address that opens a hub, without negotiation; it carries the token."""
    return f"{url}{'&' if '?' in url else '?'}access_token={quote(token, safe='')}"
