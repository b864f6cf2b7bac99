"""Reading the parameters of MEXC requests. It knows no orders and no engine. Names that nobody asks for are ignored."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from re import fullmatch
from urllib.parse import unquote

from exchanges.paper.dialects.mexc.errors import illegal, invalid, missing

_AMOUNT = r"[0-9]{1,20}(\.[0-9]{1,20})?"
_INTEGER = r"[0-9]{1,18}"
_CLIENT_ID = r"[A-Za-z0-9_-]{1,32}"


def parse(query: bytes, body: bytes) -> dict[str, str]:
    """Decode query and body into one mapping; a name in both counts as in the query."""
    return _pairs(body) | _pairs(query)


def _pairs(part: bytes) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in part.decode("latin-1").split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The decoded parameters of one request. An empty value counts as not sent."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return a mandatory parameter. Raises MexcError 700004."""
        value = self.optional(name)
        if value is None:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """Return a parameter or None."""
        return self.values.get(name) or None

    def integer(self, name: str) -> int | None:
        """Return a whole number or None. Raises MexcError 700008."""
        value = self.optional(name)
        if value is not None and fullmatch(_INTEGER, value) is None:
            raise illegal(name)
        return None if value is None else int(value)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory decimal number. Raises MexcError 700004 or 700008."""
        value = self.text(name)
        if fullmatch(_AMOUNT, value) is None:
            raise illegal(name)
        return Decimal(value)

    def client_id(self, name: str) -> str | None:
        """Return a client order id or None. Raises MexcError 700008."""
        value = self.optional(name)
        if value is not None and fullmatch(_CLIENT_ID, value) is None:
            raise illegal(name)
        return value

    def limit(self, *, default: int, most: int) -> int:
        """Return how many entries a list may have. Raises MexcError 700008 or 33333."""
        limit = self.integer("limit")
        if limit is None:
            return default
        if not 0 < limit <= most:
            raise invalid("limit")
        return limit
