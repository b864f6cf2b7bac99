"""What an endpoint of the Coinbase dialect is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import fullmatch
from typing import Any
from urllib.parse import parse_qsl

from exchanges.paper.dialects.coinbase.errors import CoinbaseError, invalid_argument
from exchanges.paper.dialects.coinbase.values import read_time_ns
from exchanges.paper.model import Events
from exchanges.paper.visibility import Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, authenticated where the endpoint asks for it."""

    account: str
    """Empty at public endpoints."""
    named: str
    """What the path names: an order or a product; empty where it names nothing."""
    query: "Query"
    body: bytes
    now_ms: int
    lens: Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a request came to; errors of HTTP are raised instead."""

    body: Any
    events: Events = ()


@dataclass(frozen=True, slots=True)
class Query:
    """The decoded query of one request. A name may come several times."""

    values: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """Return a parameter, empty when it is missing. Raises CoinbaseError when it comes twice."""
        found = self.values.get(name, ())
        if len(found) > 1:
            raise CoinbaseError(invalid_argument(f"{name} is given twice"))
        return found[0] if found else ""

    def choices(self, name: str, allowed: frozenset[str]) -> frozenset[str]:
        """Return all values of a parameter. Raises CoinbaseError for one that is not allowed."""
        found = frozenset(self.values.get(name, ()))
        if found - allowed:
            raise CoinbaseError(invalid_argument(f"{name} has no value {min(found - allowed)}"))
        return found

    def limit(self, default: int, maximum: int) -> int:
        """Return how many entries a page may have. Raises CoinbaseError."""
        value = self.text("limit")
        if not value:
            return default
        if fullmatch(r"[0-9]{1,9}", value) is None or not 0 < int(value) <= maximum:
            raise CoinbaseError(invalid_argument(f"limit is not between 1 and {maximum}"))
        return int(value)

    def time_ns(self, name: str, default: int) -> int:
        """Return a time as nanoseconds since 1970. Raises CoinbaseError."""
        value = self.text(name)
        return read_time_ns(value, name) if value else default


def read_query(query: bytes, allowed: frozenset[str]) -> Query:
    """Decode a query. Raises CoinbaseError for a parameter that the endpoint does not have."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in allowed:
            raise CoinbaseError(invalid_argument(f"unknown parameter {name}"))
        values.setdefault(name, []).append(value)
    return Query(values)
