"""How Kraken writes numbers and times: amounts as strings in REST, JSON numbers on the stream, never a lost digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from exchanges.paper.model import EXACT
from messages.types import ZERO

VOLUME_PLACES = 8
COST_PLACES = 5
_RATIO = Decimal("1e-10")
"""To what averages are rounded: they need not end."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dumps(value: Any) -> bytes:
    """Write JSON; a Decimal becomes a JSON number with all its digits."""
    return orjson.dumps(value, default=_number)


# The same few prices and sizes are written over and over.
@lru_cache(maxsize=65_536)
def amount(value: Decimal | None, places: int) -> str:
    """Write a number plainly with so many decimals, or more where it has more; None is zero."""
    whole, _, fraction = f"{value or ZERO:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(places, '0')}"


def ratio(value: Decimal, size: Decimal) -> Decimal:
    """Return the average price of a size that came to a value; 0 of nothing."""
    return EXACT.divide(value, size).quantize(_RATIO, context=EXACT) if size else ZERO


def seconds(at_ms: int) -> Decimal:
    """Return a time as REST gives it: unix seconds."""
    return Decimal(at_ms).scaleb(-3, EXACT)


# Much happens within one millisecond.
@lru_cache(maxsize=1_024)
def rfc3339(at_ms: int) -> str:
    """Return a time as the stream gives it, with microseconds."""
    return f"{_EPOCH + timedelta(milliseconds=at_ms):%Y-%m-%dT%H:%M:%S.%fZ}"


def rfc1123(at_ms: int) -> str:
    """Return a time as `Time` spells it out."""
    return f"{_EPOCH + timedelta(milliseconds=at_ms):%a, %d %b %y %H:%M:%S +0000}"


def read_rfc3339(text: str) -> int | None:
    """Return the ms of a time with a zone, or None when it is no such thing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(amount(value, 1))
    msg = f"{type(value).__name__} has no JSON form"
    raise TypeError(msg)
