"""Reading single fields of venue records, strictly: what is not exactly as documented is unreadable.

A missing, renamed, null or wrongly typed field raises; nothing is ever filled in with a guess. Types are compared
exactly (`type(value) is str`): a parser of JSON yields no others, and true is not taken for a number.

Records that come by the thousand are read in one go, with one check of all their fields; only when it fails, `fault`
reads them one by one, to name the one at fault.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from messages.types import ZERO

Record: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Record, str], object]
"""Reads one field of a record by its name; raises `UnreadableError`."""

# Anything else that `Decimal` would take (NaN, Infinity, underscores, spaces, foreign digits) is not an amount.
# Digits once taken are not given back (`+` after the braces): fewer of them would fit no better.
_UNSIGNED = r"[0-9]{1,40}+(?:\.[0-9]{1,40}+|)"
_is_amount = re.compile(f"-?{_UNSIGNED}").fullmatch
_are_four_amounts = re.compile(" ".join([_UNSIGNED] * 4)).fullmatch
_are_amounts = re.compile(f"(?:{_UNSIGNED} )*+").fullmatch

T = TypeVar("T")


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


def several(names: Sequence[str]) -> Callable[[Record], tuple[Any, ...]]:
    """Make a reader of several fields at once, as they are; an absent one is None."""
    present = itemgetter(*names)

    def read(record: Record) -> tuple[Any, ...]:
        try:
            found: tuple[Any, ...] = present(record)
        except KeyError:
            return tuple(map(record.get, names))
        return found

    return read


def text(record: Record, name: str) -> str:
    """Require a string with something in it."""
    value = record.get(name)
    if type(value) is not str or not value:
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
    if type(value) is not str:
        raise UnreadableError(f"{name} is not a text")
    return value


def word(record: Record, name: str, known: Mapping[str, T]) -> T:
    """Require one of the known words, and give what it stands for."""
    value = record.get(name)
    found = known.get(value) if type(value) is str else None
    if found is None:
        raise UnreadableError(f"{name} is unknown")
    return found


def integer(record: Record, name: str) -> int:
    """Require an integer number."""
    value = record.get(name)
    if type(value) is not int:
        raise UnreadableError(f"{name} is not an integer")
    return value


def optional_integer(record: Record, name: str) -> int | None:
    """Read an integer that may be absent or null."""
    value = record.get(name)
    if type(value) is not int and value is not None:
        raise UnreadableError(f"{name} is not an integer")
    return value


def identifier(record: Record, name: str) -> str:
    """Require a number of zero or more that names something, as text."""
    value = record.get(name)
    if type(value) is not int or value < 0:
        raise UnreadableError(f"{name} names nothing")
    return str(value)


def flag(record: Record, name: str) -> bool:
    """Require true or false."""
    value = record.get(name)
    if type(value) is not bool:
        raise UnreadableError(f"{name} is not true or false")
    return value


def plain_amounts(values: tuple[Any, Any, Any, Any]) -> bool:
    """Tell whether four values are each an amount without a sign, at a third of the price of looking at each.

    They are looked at with a space between them. An amount has none, so none can pass for two, or two for one.
    """
    try:
        return _are_four_amounts(" ".join(values)) is not None
    except TypeError:
        # One of them is not a text.
        return False


def all_plain_amounts(written: Sequence[str], each: int) -> bool:
    """Tell whether texts of `each` values, with a space after every value, have nothing but amounts without a sign.

    For a whole list at once. The spaces are counted, so that none is part of a value.
    """
    told = "".join(written)
    return told.count(" ") == each * len(written) and _are_amounts(told) is not None


def signed_or_none(value: Any) -> Decimal | None:
    """Read an amount of either sign; None for anything else."""
    return Decimal(value) if type(value) is str and _is_amount(value) else None


def unsigned_or_none(value: Any) -> Decimal | None:
    """Read an amount of zero or more; None for anything else."""
    found = signed_or_none(value)
    return None if found is None or found < ZERO else found


def signed_amount(record: Record, name: str) -> Decimal:
    """Require an amount written as a string, of either sign."""
    found = signed_or_none(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not an amount")
    return found


def amount(record: Record, name: str) -> Decimal:
    """Require an amount of zero or more."""
    found = unsigned_or_none(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not an amount of zero or more")
    return found


def positive_amount(record: Record, name: str) -> Decimal:
    """Require an amount above zero."""
    found = unsigned_or_none(record.get(name))
    if not found:
        raise UnreadableError(f"{name} is not an amount above zero")
    return found


def amount_or_none(record: Record, name: str) -> Decimal | None:
    """Read an amount where absent, null and zero all mean that there is none."""
    value = record.get(name)
    if value is None:
        return None
    found = unsigned_or_none(value)
    if found is None:
        raise UnreadableError(f"{name} is not an amount of zero or more")
    return found or None


def fault(record: Record, readers: Mapping[str, Reader], otherwise: str) -> UnreadableError:
    """Say which field of a record that was found wanting as a whole is not as documented: the first that its reader
    refuses; `otherwise` names the one that does not suit the others.
    """
    for name, read in readers.items():
        try:
            read(record, name)
        except UnreadableError as error:
            return error
    return UnreadableError(f"{otherwise} does not suit the other fields")


def read_list(value: Any, read: Callable[[Any], T]) -> tuple[tuple[T, ...], int]:
    """Translate an array; a bad record is skipped alone, and the number of those comes second."""
    found: list[T] = []
    unreadable = 0
    for item in as_list(value):
        try:
            found.append(read(item))
        except UnreadableError:
            unreadable += 1
    return tuple(found), unreadable


# ----- amounts of venues that write them as JSON numbers, read by `wire_json.parse_exact`, or as either


_PLACES_MAX, _PLACES_FEW = 40, 20


def number_told(value: Any) -> Decimal | None:
    """Read a number, or the text of one, of either sign; None for anything else."""
    kind = type(value)
    if kind is Decimal:
        # What no amount can be is refused before anybody adds it up: 1E+400 is a number, too.
        return value if value.is_finite() and _fits(value) else None
    if kind is int:
        return Decimal(value) if abs(value) < 10**_PLACES_MAX else None
    return signed_or_none(value)


def signed_number(record: Record, name: str) -> Decimal:
    """Require a number, or the text of one, of either sign."""
    found = number_told(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not a number")
    return found


def _fits(value: Decimal) -> bool:
    written = str(value)
    if len(written) <= _PLACES_FEW and "E" not in written:
        # As nearly all are; asking for the exponent takes a list of the digits.
        return True
    exponent = value.as_tuple().exponent
    return abs(value.adjusted()) < _PLACES_MAX and isinstance(exponent, int) and -exponent <= _PLACES_MAX


def number(record: Record, name: str) -> Decimal:
    """Require a number, or the text of one, of zero or more."""
    found = signed_number(record, name)
    if found.is_signed() and found:
        raise UnreadableError(f"{name} is not a number of zero or more")
    return found


def positive_number(record: Record, name: str) -> Decimal:
    """Require a number, or the text of one, above zero."""
    found = signed_number(record, name)
    if found <= ZERO:
        raise UnreadableError(f"{name} is not a number above zero")
    return found


def number_or_none(record: Record, name: str) -> Decimal | None:
    """Read a number where absent, null, an empty text and zero all mean that there is none."""
    value = record.get(name)
    return None if value is None or value == "" else number(record, name) or None
