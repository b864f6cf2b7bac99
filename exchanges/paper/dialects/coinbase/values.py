"""The forms in which Coinbase writes numbers, flags and times, and how it reads them. It knows no orders and no engine.

Numbers travel as strings without trailing zeros, times as RFC 3339 in UTC with as many decimals as they need.
"""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from re import compile as pattern
from typing import Any

import orjson

from exchanges.paper.dialects.coinbase.errors import CoinbaseError, invalid_argument
from exchanges.paper.model import EXACT
from messages.types import ZERO

NO_TIME = "0001-01-01T00:00:00Z"
"""How the stream says that there is no such time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = pattern(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_TIME = pattern(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_AVERAGE_UNIT = Decimal("1e-16")
_NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def number(value: Decimal | None) -> str:
    """Write an amount; none is an empty string."""
    if value is None:
        return ""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def average(value: Decimal, size: Decimal) -> Decimal:
    """Return an average price, to sixteen decimals; zero for no size."""
    return EXACT.divide(value, size).quantize(_AVERAGE_UNIT, ROUND_HALF_EVEN, EXACT) if size else ZERO


def timestamp(at_ms: int | None) -> str:
    """Write a time; none is null's stand-in, an empty string."""
    if at_ms is None:
        return ""
    second, rest = divmod(at_ms, 1000)
    fraction = f".{rest:03}".rstrip("0") if rest else ""
    return f"{_to_seconds(second)}{fraction}Z"


def nanosecond_timestamp(at_ms: int) -> str:
    """Write the time of a message, with all nine decimals."""
    second, rest = divmod(at_ms, 1000)
    return f"{_to_seconds(second)}.{rest:03}000000Z"


def read_number(value: Any, name: str) -> Decimal:
    """Read an amount that is not negative. Raises CoinbaseError unless it is a string with a plain decimal number."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise CoinbaseError(invalid_argument(f"{name} is not a decimal number"))
    return Decimal(value)


def read_time_ns(value: Any, name: str) -> int:
    """Read a time as nanoseconds since 1970. Raises CoinbaseError."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise CoinbaseError(invalid_argument(f"{name} is not an RFC 3339 time"))
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(whole + zone)
    except ValueError as error:
        raise CoinbaseError(invalid_argument(f"{name} is no time: {value}")) from error
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * _NS_PER_S + int((fraction or "0").ljust(9, "0"))


def read_text(value: Any, name: str) -> str:
    """Read a text that is not empty. Raises CoinbaseError."""
    if not isinstance(value, str) or not value:
        raise CoinbaseError(invalid_argument(f"{name} is required"))
    return value


def read_object(value: Any, name: str, allowed: frozenset[str]) -> dict[str, Any]:
    """Read a JSON object that has none but the allowed fields. Raises CoinbaseError."""
    if not isinstance(value, dict):
        raise CoinbaseError(invalid_argument(f"{name} is not an object"))
    unknown = sorted(value.keys() - allowed)
    if unknown:
        raise CoinbaseError(invalid_argument(f"unknown field {unknown[0]}"))
    return value


def read_body(body: bytes, allowed: frozenset[str]) -> dict[str, Any]:
    """Read a request's body. Raises CoinbaseError."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise CoinbaseError(invalid_argument("body is not JSON")) from error
    return read_object(value, "body", allowed)


def _to_seconds(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
