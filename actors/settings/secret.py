"""Values that must not be seen: credentials, and addresses that may carry a password.

Must never: show its value in a repr, a log line, an error or a pickle. Only `reveal` gives it away, to the rim that
signs or connects.
"""

from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit


class Secret:
    """Text that is shown as `Secret(…)` everywhere."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the text itself, for the one who signs or connects."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class ConnectionUrl(Secret):
    """A server's address that may carry a password; shown without user, password and options."""

    __slots__ = ()

    @property
    def scheme(self) -> str:
        """The part before `://`."""
        return urlsplit(self._value).scheme

    @property
    def carries_password(self) -> bool:
        """Whether a password is part of the address."""
        parts = urlsplit(self._value)
        return parts.password is not None or any(name == "password" for name, _ in parse_qsl(parts.query))

    def __repr__(self) -> str:
        parts = urlsplit(self._value)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one account signs its requests to one venue with."""

    api_key: Secret
    api_secret: Secret | None = None
    """None at a venue that has none."""
    passphrase: Secret | None = None
    user_name: Secret | None = None
    account_number: int | None = None
    """Which of the venue's accounts, where one key opens several."""
