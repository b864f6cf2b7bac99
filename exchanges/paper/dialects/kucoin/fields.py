"""Reads the fields of a request, from query, path or JSON body, and refuses what does not fit.

Fields that nobody asks for are ignored, as the venue does. It knows forms, not meanings.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.kucoin.errors import invalid

_AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_CLIENT_OID = re.compile(r"[0-9A-Za-z_-]{1,40}")
_INTEGER = re.compile(r"-?[0-9]{1,19}")


class Fields:
    """The named values of one request. Every method raises KucoinError 400100 for a value in a wrong form."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where it is missing, null or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise invalid(f"{name} must be a string")
        return value

    def text(self, name: str) -> str:
        """Return a mandatory text."""
        value = self.optional_text(name)
        if value is None:
            raise invalid(f"{name} is required")
        return value

    def optional_choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return one of these words, or None where it is missing."""
        value = self.optional_text(name)
        if value is not None and value not in choices:
            raise invalid(f"{name} must be one of {', '.join(choices)}")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return a mandatory one of these words."""
        self.text(name)
        return self.optional_choice(name, choices) or ""

    def client_oid(self) -> str | None:
        """Return `clientOid`, or None where it is missing."""
        value = self.optional_text("clientOid")
        if value is not None and _CLIENT_OID.fullmatch(value) is None:
            raise invalid("clientOid must have 1 to 40 characters of 0-9 A-Z a-z _ -")
        return value

    def label(self, name: str) -> str | None:
        """Return a note of at most 20 ASCII characters, or None where it is missing."""
        value = self.optional_text(name)
        if value is not None and not (value.isascii() and len(value) <= 20):  # noqa: PLR2004 - the venue's limit
            raise invalid(f"{name} must have at most 20 ASCII characters")
        return value

    def optional_amount(self, name: str) -> Decimal | None:
        """Return an amount, which must be a string, or None where it is missing."""
        value = self.optional_text(name)
        if value is None:
            return None
        if _AMOUNT.fullmatch(value) is None:
            raise invalid(f"{name} must be a decimal number")
        return Decimal(value)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory amount."""
        self.text(name)
        return self.optional_amount(name) or Decimal(0)

    def integer(self, name: str) -> int | None:
        """Return an integer, a number or its digits, or None where it is missing."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int | str) or _INTEGER.fullmatch(str(value)) is None:
            raise invalid(f"{name} must be an integer")
        return int(value)

    def bounded(self, name: str, default: int, highest: int) -> int:
        """Return an integer of 1 or more; what is above the highest counts as the highest."""
        value = self.integer(name)
        if value is not None and value < 1:
            raise invalid(f"{name} must be at least 1")
        return min(default if value is None else value, highest)

    def flag(self, name: str) -> bool:
        """Return a boolean, false where it is missing."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(f"{name} must be a boolean")
        return bool(value)
