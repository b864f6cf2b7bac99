"""Kraken's two ways of telling a time, read exactly: seconds with decimals, and RFC 3339. Pure."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from exchanges.fields import Record, UnreadableError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_is_instant = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z", re.ASCII
).fullmatch
_SECONDS_MAX = 100_000_000_000
"""Further than any order lives, and a number that was meant as milliseconds is beyond it."""


def seconds_or_none(value: Any) -> int | None:
    """Read seconds since 1970 as whole milliseconds, rounded down; None for anything else."""
    kind = type(value)
    if kind is Decimal:
        return int(value.scaleb(3)) if value.is_finite() and 0 <= value < _SECONDS_MAX else None
    return value * 1000 if kind is int and 0 <= value < _SECONDS_MAX else None


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
    value = record.get(name)
    if type(value) is not str or not _is_instant(value):
        raise UnreadableError(f"{name} is not an instant")
    try:
        since = datetime.fromisoformat(value) - _EPOCH
    except ValueError:
        raise UnreadableError(f"{name} is not an instant") from None
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def written_instant(at_ms: int) -> str:
    """Write an instant as RFC 3339 does, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
