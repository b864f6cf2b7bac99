"""How ProjectX gives out tokens: for a login, or for an older token.

Owns the two calls and what their answers mean. It never shows the API key or a token, and keeps neither.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exchanges.answers import Told, Untold
from exchanges.fields import UnreadableError, text
from exchanges.http import JSON
from exchanges.projectx.sign import Login, bearer
from exchanges.session import Prepared

REFUSED_LOGIN_MS = 60_000
"""How long nothing is sent after a login was refused: it takes somebody to change something first."""

_LOGIN_PATH = "/api/Auth/loginKey"
_VALIDATE_PATH = "/api/Auth/validate"
_LOGIN_FAULT = "8"
"""The login code that says nothing about the credential."""

Ask = Callable[[Prepared], Told | Untold]
"""Asks one question without a token of the session, once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue does not take the credential."""


def renewed(ask: Ask, token: str) -> str | None:
    """Exchange a token for a newer one; None: a new login has to do.

    Whatever the venue did with the old token then, the new one is better.
    """
    told = ask(Prepared(method="POST", target=_VALIDATE_PATH, headers=bearer(token)))
    if isinstance(told, Untold):
        return None
    newer = told.payload.get("newToken")
    return newer if isinstance(newer, str) and newer else None


def by_login(ask: Ask, login: Login) -> str | Refused | Untold:
    """Log in for a token."""
    told = ask(Prepared(method="POST", target=_LOGIN_PATH, body=login.body(), content_type=JSON))
    if isinstance(told, Untold):
        if told.code is None or told.code == _LOGIN_FAULT:
            return Untold(reason=f"login: {told.reason}", retry_after_ms=told.retry_after_ms)
        return Refused()
    try:
        return text(told.payload, "token")
    except UnreadableError:
        return Untold(reason="login: unreadable")
