"""JSON as the ProjectX Gateway reads and writes it: exact decimal numbers, ISO times, fields that bind to a type.

It knows no endpoint. Prices are never floats, on the way in or out.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_DECIMAL_MAX = Decimal(10) ** 28
_DECIMAL_PLACES_MAX = 28
_PLAIN_UNIT = Decimal("0.000000001")


class BindingError(Exception):
    """A body that does not fit the model of its endpoint: HTTP 400."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        """JSON path of what does not fit; `$` is the whole body."""
        self.reason = reason


class Fields:
    """The members of one JSON object. What an endpoint does not know is ignored, as the venue does."""

    def __init__(self, values: Mapping[str, Any], path: str = "$") -> None:
        self._values = values
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def integer(self, name: str) -> int:
        """Return a mandatory 32-bit integer. Raises BindingError."""
        value = self.optional_integer(name)
        return self._required(name) if value is None else value

    def optional_integer(self, name: str, most: int = _INT32_MAX) -> int | None:
        """Return an integer, or None when it is absent or null. Raises BindingError."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not -most - 1 <= value <= most:
            raise self._unfit(name, "Int32" if most == _INT32_MAX else "Int64")
        return value

    def long(self, name: str) -> int:
        """Return a mandatory 64-bit integer. Raises BindingError."""
        value = self.optional_integer(name, _INT64_MAX)
        return self._required(name) if value is None else value

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return a list of integers, or None when it is absent or null. Raises BindingError."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or any(isinstance(one, bool) or not isinstance(one, int) for one in value):
            raise self._unfit(name, "Int32[]")
        return tuple(value)

    def text(self, name: str) -> str:
        """Return a mandatory string. Raises BindingError."""
        value = self.optional_text(name)
        return self._required(name) if value is None else value

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None when it is absent or null. Raises BindingError."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._unfit(name, "String")
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value. Raises BindingError."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._unfit(name, "Boolean")
        return value

    def amount(self, name: str) -> Decimal | None:
        """Return an exact number, or None when it is absent or null. Raises BindingError."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._unfit(name, "Decimal")
        read = Decimal(value)
        exponent = read.as_tuple().exponent
        if abs(read) >= _DECIMAL_MAX or not isinstance(exponent, int) or exponent < -_DECIMAL_PLACES_MAX:
            raise self._unfit(name, "Decimal")
        return read

    def time_ms(self, name: str) -> int | None:
        """Return an ISO-8601 time as milliseconds, or None when it is absent or null. Raises BindingError."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
        except (ValueError, OverflowError) as error:
            raise self._unfit(name, "DateTimeOffset") from error

    def mandatory_time_ms(self, name: str) -> int:
        """Return a mandatory ISO-8601 time as milliseconds. Raises BindingError."""
        value = self.time_ms(name)
        return self._required(name) if value is None else value

    def object(self, name: str) -> "Fields | None":
        """Return a nested object, or None when it is absent or null. Raises BindingError."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._unfit(name, "Object")
        return Fields(value, f"{self._path}.{name}")

    def _required(self, name: str) -> Any:
        raise BindingError(f"{self._path}.{name}", f"The {name} field is required.")

    def _unfit(self, name: str, kind: str) -> BindingError:
        return BindingError(f"{self._path}.{name}", f"The JSON value could not be converted to System.{kind}.")


def parse(body: bytes) -> Fields:
    """Read a JSON object with exact numbers. Raises BindingError for anything else."""
    if not body.strip():
        raise BindingError("", "A non-empty request body is required.")
    try:
        values = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BindingError("$", "The input is not valid JSON.") from error
    if not isinstance(values, dict):
        raise BindingError("$", "The JSON value could not be converted to the request model.")
    return Fields(values)


def write(body: Any) -> bytes:
    """Write a JSON value."""
    return orjson.dumps(body)


def padded(value: Decimal | None, places: int = 9) -> orjson.Fragment | None:
    """Return a number with trailing zeros, as it comes out of the venue's tables: `6335.250000000`."""
    return None if value is None else orjson.Fragment(format(value, f".{places}f").encode())


def plain(value: Decimal | None) -> orjson.Fragment | None:
    """Return a number without trailing zeros but with at least one decimal, as the hub writes it: `6335.25`."""
    if value is None:
        return None
    text = format(value.quantize(_PLAIN_UNIT), "f").rstrip("0")
    return orjson.Fragment((text + "0" if text.endswith(".") else text).encode())


def iso(at_ms: int) -> str:
    """Return a time as the venue writes it: UTC with offset, microseconds unless they are zero."""
    return (_EPOCH + at_ms * _MILLISECOND).isoformat()


def _no_number(text: str) -> Decimal:
    msg = f"{text} is no JSON number"
    raise ValueError(msg)
