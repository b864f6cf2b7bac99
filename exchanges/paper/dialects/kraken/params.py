"""Reading the parameters of Kraken requests, from a form or from JSON. It knows no orders and no engine."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from re import fullmatch
from typing import Any
from urllib.parse import parse_qsl

from exchanges.paper.dialects.kraken.errors import INVALID_ARGUMENTS, KrakenError, invalid
from exchanges.paper.dialects.kraken.numbers import read_rfc3339

_DECIMAL = r"[0-9]{1,20}(\.[0-9]{1,20})?"
_UUID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
_FREE_TEXT = r"[ -~]{1,18}"
_UUID_LENGTHS = (32, 36)
_TRUTH = {"true": True, "1": True, "false": False, "0": False, "": False}
_DEADLINE_AHEAD_MS_MAX = 60_000


def parse(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the parameters of a body; every scalar becomes a text. Raises KrakenError."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _from_json(body)
    return from_form(body)


def from_form(encoded: bytes) -> dict[str, Any]:
    """Return the parameters of a form body or a query; `name[0]` and `name[]` gather into a list."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(encoded.decode("latin-1"), keep_blank_values=True):
        entry = fullmatch(r"(\w+)\[[0-9]*\]", name)
        if entry is None:
            found[name] = value
        else:
            found.setdefault(entry[1], []).append(value)
    return found


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise KrakenError(INVALID_ARGUMENTS) from error
    if not isinstance(found, dict):
        raise KrakenError(INVALID_ARGUMENTS)
    return {name: _text(value) for name, value in found.items() if value is not None}


def _text(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case list():
            return [_text(one) for one in value]
        case _:
            return value


def client_id_key(text: str) -> str:
    """Return what a client order id is compared by: UUIDs without dashes and in lower case, other texts as they are."""
    bare = text.lower()
    return bare.replace("-", "") if len(bare) in _UUID_LENGTHS and fullmatch(_UUID, bare) else text


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request."""

    values: Mapping[str, Any]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def optional_text(self, name: str) -> str | None:
        """Return a parameter; None when it is missing or empty. Raises KrakenError for what is no scalar."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name)
        return value or None

    def text(self, name: str) -> str:
        """Return a mandatory parameter. Raises KrakenError."""
        value = self.optional_text(name)
        if value is None:
            raise invalid(name)
        return value

    def texts(self, name: str, count_max: int) -> tuple[str, ...]:
        """Return a list, or a text with commas, of at most so many; empty when it is missing. Raises KrakenError."""
        value = self.values.get(name) or []
        entries = value.split(",") if isinstance(value, str) else value
        if not isinstance(entries, list) or len(entries) > count_max:
            raise invalid(name)
        if not all(isinstance(entry, str) for entry in entries):
            raise invalid(name)
        return tuple(entries)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory plain number without a sign. Raises KrakenError."""
        value = self.text(name)
        if fullmatch(_DECIMAL, value) is None:
            raise invalid(name)
        return Decimal(value)

    def optional_amount(self, name: str) -> Decimal | None:
        """Return a plain number, or None when it is missing. Raises KrakenError."""
        return None if self.optional_text(name) is None else self.amount(name)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number without a sign. Raises KrakenError."""
        value = self.optional_text(name)
        if value is not None and fullmatch(r"[0-9]{1,18}", value) is None:
            raise invalid(name)
        return default if value is None else int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch. Raises KrakenError."""
        value = self.values.get(name)
        if value is None:
            return default
        if value not in _TRUTH:
            raise invalid(name)
        return _TRUTH[value]

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str:
        """Return one of these words, the default when it is missing. Raises KrakenError."""
        value = self.optional_text(name) or default
        if value is None or value not in choices:
            raise invalid(name)
        return value

    def client_id(self) -> str | None:
        """Return what `cl_ord_id` is compared by, or None. Raises KrakenError."""
        value = self.optional_text("cl_ord_id")
        if value is None:
            return None
        key = client_id_key(value)
        if key == value and fullmatch(_FREE_TEXT, value) is None and fullmatch(_UUID, value) is None:
            raise invalid("cl_ord_id")
        return key

    def user_reference(self) -> int | None:
        """Return `userref`, a signed number of 32 bits, or None. Raises KrakenError."""
        value = self.optional_text("userref")
        if value is None:
            return None
        if fullmatch(r"-?[0-9]{1,10}", value) is None or not -(2**31) <= int(value) < 2**31:
            raise invalid("userref")
        return int(value)

    def deadline_ms(self, now_ms: int) -> int | None:
        """Return until when the engine may take the request, or None. Raises KrakenError when it is no time or more
        than a minute away. How near it may be is not asked: a late request looks like one with a near deadline.
        """
        value = self.optional_text("deadline")
        if value is None:
            return None
        deadline_ms = read_rfc3339(value)
        if deadline_ms is None or deadline_ms > now_ms + _DEADLINE_AHEAD_MS_MAX:
            raise invalid("deadline")
        return deadline_ms
