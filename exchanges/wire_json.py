"""JSON as venues send and take it, without a number ever becoming a float that money is read from.

Owns nothing but the ways of parsing and the one of writing.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
import orjson

from exchanges.fields import UnreadableError

_exact = msgspec.json.Decoder(float_hook=Decimal)
_writer = msgspec.json.Encoder(decimal_format="number")

T = TypeVar("T")


class Row(msgspec.Struct, gc=False):
    """A record of a long list, in the form that nearly all of them have.

    Subclasses name the fields that are read, each with the one kind of value that it nearly always has; the rest of the
    record is skipped. It holds no containers but other rows, so the collector of garbage need not look at it.
    """


Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A field of a `Row`: an integer of zero or more that every parser takes for one."""


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


def rows_parser(kind: type[T]) -> Callable[[bytes], T | None]:
    """Make a parser of answers in one form, of which `Row` is a part: three times as quick as parsing everything.

    It gives None for any other answer, however little it differs: that one is to be parsed whole and read field by
    field. So it never refuses a record, and what it takes is what the other way would find.
    """
    decode = msgspec.json.Decoder(kind, float_hook=Decimal).decode

    def parse(body: bytes) -> T | None:
        if b"\\" in body or not body.isascii():
            # What is skipped is not looked at as closely as the whole parser does: letters might be malformed.
            return None
        try:
            return decode(body)
        except msgspec.DecodeError:
            return None

    return parse


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
