"""Reading the parameters of Binance requests: presence, patterns, precision. It knows no orders and no engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from re import fullmatch
from urllib.parse import unquote_plus

from exchanges.paper.dialects.binance.errors import (
    DUPLICATE_PARAMETER,
    BinanceError,
    Refusal,
    illegal,
    missing,
    too_precise,
)

_DECIMAL = r"([0-9]{1,20})(\.[0-9]{1,20})?"
_INTEGER = r"[0-9]{1,20}"
_CLIENT_ID = r"[a-zA-Z0-9-_]{1,36}"
_ALWAYS_ALLOWED = frozenset({"timestamp", "recvWindow", "signature"})
_PRECISION = 8
"""Decimals of every asset."""
_LIMIT_DEFAULT = 500
_LIMIT_MAX = 1000


def parse(query: bytes, body: bytes) -> dict[str, str]:
    """Decode query and form body into one mapping; a name in both counts as in the query.

    Raises BinanceError -1101 for a name that comes twice in one of them.
    """
    return _pairs(body) | _pairs(query)


def _pairs(part: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in part.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.decode("latin-1").partition("=")
        if name in found:
            raise BinanceError(DUPLICATE_PARAMETER)
        found[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return found


@dataclass(frozen=True, slots=True)
class Parameters:
    """The decoded parameters of one request."""

    values: Mapping[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def check_names(self, allowed: frozenset[str]) -> None:
        """Raise BinanceError -1104 when something was sent that the endpoint does not read."""
        unread = [name for name in self.values if name not in allowed and name not in _ALWAYS_ALLOWED]
        if unread:
            sent = len(self.values)
            text = f"Not all sent parameters were read; read '{sent - len(unread)}' parameter(s) but was sent '{sent}'."
            raise BinanceError(Refusal(-1104, text))

    def text(self, name: str) -> str:
        """Return a mandatory parameter. Raises -1102, or -1105 when it is empty."""
        value = self.optional_text(name)
        if value is None:
            raise BinanceError(missing(name))
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a parameter or None. Raises -1105 when it was sent empty."""
        value = self.values.get(name)
        if value == "":
            raise BinanceError(Refusal(-1105, f"Parameter '{name}' was empty."))
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number or None. Raises -1100."""
        value = self.optional_text(name)
        if value is not None and fullmatch(_INTEGER, value) is None:
            raise BinanceError(illegal(name, f"^{_INTEGER}$"))
        return None if value is None else int(value)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory decimal number. Raises -1102, -1100 or, for too many decimals, -1111."""
        value = self.text(name)
        if fullmatch(_DECIMAL, value) is None:
            raise BinanceError(illegal(name, f"^{_DECIMAL}$"))
        if len(value.partition(".")[2].rstrip("0")) > _PRECISION:
            raise BinanceError(too_precise(name))
        return Decimal(value)

    def client_id(self, name: str) -> str | None:
        """Return a client order id or None. Raises -1100."""
        value = self.optional_text(name)
        if value is not None and fullmatch(_CLIENT_ID, value) is None:
            raise BinanceError(illegal(name, f"^{_CLIENT_ID}$"))
        return value

    def limit(self) -> int:
        """Return how many entries a list may have. Raises -1130."""
        limit = self.integer("limit")
        if limit is None:
            return _LIMIT_DEFAULT
        if not 0 < limit <= _LIMIT_MAX:
            raise BinanceError(Refusal(-1130, "Data sent for parameter 'limit' is not valid."))
        return limit
