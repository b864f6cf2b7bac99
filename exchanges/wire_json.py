"""JSON as venues send and take it, without a number ever becoming a float that money is read from.

Owns nothing but the two ways of parsing and the one of writing.
"""

from decimal import Decimal
from typing import Any

import msgspec
import orjson

from exchanges.fields import UnreadableError

_exact = msgspec.json.Decoder(float_hook=Decimal)
_writer = msgspec.json.Encoder(decimal_format="number")


def parse_json(body: bytes) -> Any:
    """Parse JSON of a venue that writes amounts as strings; raises `UnreadableError`.

    Numbers with a fraction become floats, so none of them may be read as an amount.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableError("not JSON") from None


def parse_exact(body: bytes) -> Any:
    """Parse JSON of a venue that writes amounts as numbers: those with a fraction or an exponent become `Decimal`,
    digit for digit; raises `UnreadableError`.
    """
    try:
        return _exact.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableError("not JSON") from None


def write_json(value: Any) -> bytes:
    """Write compact JSON; a `Decimal` becomes a number, digit for digit."""
    return _writer.encode(value)


def plain_number(value: Decimal) -> msgspec.Raw:
    """Write an amount as `write_json` is to take it over: a number, digit for digit, and never with an exponent."""
    return msgspec.Raw(format(value, "f").encode("ascii"))


def plain_text(value: Decimal) -> str:
    """Write an amount as text, without an exponent and without zeros that mean nothing: venues count decimals."""
    written = format(value, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written
