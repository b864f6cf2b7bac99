"""How ProjectX writes codes, times and amounts: readers of single fields.

Pure. What is not exactly as documented is unreadable; codes may come as numbers, as names or as digits.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from exchanges.fields import Record, UnreadableError, integer, signed_number
from exchanges.times import zoned_or_none

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACES = 30
"""No price has more digits before or behind the point."""


def coded(table: Mapping[int, tuple[str, T]]) -> dict[int | str, int]:
    """Give every form of the codes of a table, which has their names and what they stand for."""
    return {form: code for code, (name, _) in table.items() for form in (code, name, str(code))}


def code(record: Record, name: str, known: Mapping[int | str, int]) -> int:
    """Require one of the known codes, as a number, its name or its digits."""
    value = record.get(name)
    found = known.get(value) if type(value) is int or type(value) is str else None
    if found is None:
        raise UnreadableError(f"{name} is unknown")
    return found


def time(record: Record, name: str) -> int:
    """Require an ISO time with an offset."""
    found = zoned_or_none(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not a time")
    return found


def iso(at_ms: int) -> str:
    """Write a time as the venue takes it."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")


def optional_time(record: Record, name: str) -> int | None:
    """Read an ISO time that may be absent or null."""
    return None if record.get(name) is None else time(record, name)


def volume(record: Record, name: str) -> int:
    """Require a number of contracts."""
    value = integer(record, name)
    if value < 0:
        raise UnreadableError(f"{name} is below zero")
    return value


def optional_volume(record: Record, name: str) -> int | None:
    """Read a number of contracts that may be absent or null."""
    return None if record.get(name) is None else volume(record, name)


def size(record: Record, name: str) -> int:
    """Require a number of contracts above zero."""
    value = volume(record, name)
    if not value:
        raise UnreadableError(f"{name} is not above zero")
    return value


def price_of(value: Any) -> Decimal | None:
    """Give a value that is a price already, as most are; None for any other, whatever it may be."""
    fits = type(value) is Decimal and value.is_finite() and -_PLACES < value.adjusted() < _PLACES
    return value if fits else None


def optional_price(record: Record, name: str) -> Decimal | None:
    """Read a price that may be absent or null; futures may trade below zero, so any number is one."""
    return None if record.get(name) is None else signed_number(record, name)


def optional_tag(record: Record, name: str) -> str | None:
    """Read a text that may be absent, null or empty: all three are None."""
    value = record.get(name)
    if value is not None and type(value) is not str:
        raise UnreadableError(f"{name} is not a text")
    return value or None


def status(record: Record, name: str) -> int | str:
    """Require a code, known or not."""
    value: Any = record.get(name)
    if (type(value) is not int and type(value) is not str) or value == "":
        raise UnreadableError(f"{name} is neither a number nor a text")
    return value
