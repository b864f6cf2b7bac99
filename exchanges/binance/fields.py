"""Reading single fields of Binance records, strictly: what is not exactly as documented is unreadable.

A missing, renamed, null or wrongly typed field raises; nothing is ever filled in with a guess.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]

# Anything else that `Decimal` would take (NaN, Infinity, underscores, spaces, foreign digits) is not an amount.
_AMOUNT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)


class UnreadableError(Exception):
    """A record is not as documented. The text names the field, never its value."""


def as_record(value: Any) -> Record:
    """Require a JSON object."""
    if not isinstance(value, dict):
        raise UnreadableError("not an object")
    return value


def as_list(value: Any) -> list[Any]:
    """Require a JSON array."""
    if not isinstance(value, list):
        raise UnreadableError("not an array")
    return value


def text(record: Record, name: str) -> str:
    """Require a string with something in it."""
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"{name} is not a text")
    return value


def optional_text(record: Record, name: str) -> str | None:
    """Read a string that may be absent, null or empty: all three are None."""
    value = record.get(name)
    if value is None or value == "":
        return None
    return text(record, name)


def text_or_empty(record: Record, name: str) -> str:
    """Require a string, which may be empty."""
    value = record.get(name)
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is not a text")
    return value


def integer(record: Record, name: str) -> int:
    """Require an integer number."""
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnreadableError(f"{name} is not an integer")
    return value


def optional_integer(record: Record, name: str) -> int | None:
    """Read an integer that may be absent or null."""
    return None if record.get(name) is None else integer(record, name)


def flag(record: Record, name: str) -> bool:
    """Require true or false."""
    value = record.get(name)
    if not isinstance(value, bool):
        raise UnreadableError(f"{name} is not true or false")
    return value


def signed_amount(record: Record, name: str) -> Decimal:
    """Require an amount written as a string, of either sign."""
    value = record.get(name)
    found = _decimal(value) if isinstance(value, str) else None
    if found is None:
        raise UnreadableError(f"{name} is not an amount")
    return found


@lru_cache(maxsize=4096)
def _decimal(digits: str) -> Decimal | None:
    # Most amounts in a stream of events were in the one before: zeros, the order's price, its size.
    return Decimal(digits) if _AMOUNT.fullmatch(digits) is not None else None


def amount(record: Record, name: str) -> Decimal:
    """Require an amount of zero or more."""
    value = signed_amount(record, name)
    if value < 0:
        raise UnreadableError(f"{name} is negative")
    return value


def positive_amount(record: Record, name: str) -> Decimal:
    """Require an amount above zero."""
    value = amount(record, name)
    if not value:
        raise UnreadableError(f"{name} is zero")
    return value


def amount_or_none(record: Record, name: str) -> Decimal | None:
    """Read an amount where absent, null and zero all mean that there is none."""
    if record.get(name) is None:
        return None
    return amount(record, name) or None


def identifier(record: Record, name: str) -> str:
    """Require a number of zero or more that names something, as text."""
    value = integer(record, name)
    if value < 0:
        raise UnreadableError(f"{name} names nothing")
    return str(value)
