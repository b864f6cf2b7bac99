"""Kraken's two ways of telling a time, read exactly: seconds with decimals, and RFC 3339. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from exchanges.fields import Record, UnreadableError
from exchanges.times import instant_or_none

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS_MAX = 11
"""Of whole seconds: further than any order lives, and a number that was meant as milliseconds has more."""
_TOO_LATE = Decimal(10**_DIGITS_MAX)


def seconds_or_none(value: Any) -> int | None:
    """Read seconds since 1970 as whole milliseconds, rounded down; None for anything else."""
    kind = type(value)
    if kind is Decimal:
        # Its order of magnitude first: the whole number of 1E+999999999 would fill the memory.
        fits = value.is_finite() and not value.is_signed() and value < _TOO_LATE
        return int(value.scaleb(3)) if fits else None
    return value * 1000 if kind is int and 0 <= value < 10**_DIGITS_MAX else None


def seconds(record: Record, name: str) -> int:
    """Require seconds since 1970; gives milliseconds."""
    found = seconds_or_none(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not a time in seconds")
    return found


def optional_seconds(record: Record, name: str) -> int | None:
    """Read seconds since 1970 where absent, null and zero all mean that there is none; gives milliseconds."""
    return None if record.get(name) is None else seconds(record, name) or None


def instant(record: Record, name: str) -> int:
    """Require an instant as RFC 3339 writes it, in UTC; gives milliseconds, rounded down."""
    found = instant_or_none(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not an instant")
    return found


def written_instant(at_ms: int) -> str:
    """Write an instant as RFC 3339 does, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
