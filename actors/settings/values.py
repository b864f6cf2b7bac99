"""The kinds of value that settings are made of, each checked with an error that says what would be right.

Must never: convert between kinds (text for a number, a binary fraction for a decimal) or guess a unit.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, Strict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from actors.settings.secret import ConnectionUrl

# How many milliseconds a written unit stands for, to say what a value with a unit would be in the unit asked for.
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAMED_UNIT_MS = {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "days": 86_400_000}
_WITH_UNIT = re.compile(r"(\d+)\s*(ms|s|m|h|d)")
SYMBOL = (
    "a symbol in capitals, base and quote with a dash between them, for example BTC-USDT, or the full id of a futures "
    "contract, for example CON.F.US.EP.Z26"
)
_CANONICAL = re.compile(r"[^\s-]+-[^\s-]+|CON(?:\.[A-Z0-9]+){4}")
_DIGITS_MAX = 30
_DIGITS = f"with at most {_DIGITS_MAX} digits before the point and after it"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict()]
AssetType = Literal["stocks", "forex", "crypto", "futures"]
"""What is traded at a venue."""


class Section(BaseModel):
    """Base of every part of the settings: frozen, unknown keys refused, keys in camelCase."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class Contradictions:
    """Collects what does not fit together within one section, and raises all of it at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def check(self, condition: bool, key: str, text: str) -> None:  # noqa: FBT001 - reads like an assertion
        """Note that the value under `key` is wrong unless `condition` holds; `text` says what would be right."""
        if not condition:
            self._found.append((key, text))

    def done(self) -> None:
        """Raise what was noted, if anything."""
        if self._found:
            raise PydanticCustomError("contradictions", "contradictions", {"found": self._found})


def refuse(text: str) -> NoReturn:
    """Refuse a value; `text` says what would be right and never repeats the value."""
    raise PydanticCustomError("refused", "{text}", {"text": text})


def whole(unit: str, low: int, high: int, *, zero: str = "") -> BeforeValidator:
    """Accept a whole number of `unit`, if it has one, between two bounds, both included; and 0, where `zero` says what
    it means.
    """

    def read(raw: Any) -> int:
        if type(raw) is not int:
            refuse(f"must be a whole number{unit and f' of {unit}'}{_in_unit(raw, unit)}")
        if not (low <= raw <= high or (zero and raw == 0)):
            refuse(f"must be between {low} and {high}{unit and f' {unit}'}{_or_zero(zero)}")
        return raw

    return BeforeValidator(read)


def whole_by(
    kind: str, names: tuple[str, ...], unit: str, low: int, high: int, *, zero: str = ""
) -> PlainValidator:
    """Accept a mapping from some of `names`, each a `kind`, to whole numbers as `whole` does; gives pairs of them."""
    known = {name: name for name in names}
    right = f"a whole number of {unit} between {low} and {high}{_or_zero(zero)}"

    def read(raw: Any) -> tuple[tuple[str, int], ...]:
        if not isinstance(raw, Mapping):
            refuse(f"must be a mapping of {kind}s to {unit}; the {kind}s are {', '.join(names)}")
        found = Contradictions()
        for name, number in raw.items():
            found.check(name in known, str(name), f"is no {kind}; the {kind}s are {', '.join(names)}")
            fits = type(number) is int and (low <= number <= high or (bool(zero) and number == 0))
            found.check(fits or name not in known, str(name), f"must be {right}{_in_unit(number, unit)}")
        found.done()
        # An enumeration's member takes the place of its text.
        return tuple((known[name], number) for name, number in raw.items())

    return PlainValidator(read)


def fraction() -> BeforeValidator:
    """Accept a share between 0 and 1."""

    def read(raw: Any) -> float:
        if type(raw) not in {int, float} or not 0 <= raw <= 1:
            refuse("must be a share between 0 and 1, for example 0.05")
        return float(raw)

    return BeforeValidator(read)


def decimal(low: str, high: str) -> BeforeValidator:
    """Accept an exact decimal, written as text, between two bounds, both included."""

    def read(raw: Any) -> Decimal:
        value = _exact(raw, example=high)
        if value is None or not Decimal(low) <= value <= Decimal(high):
            refuse(f"must be between {low} and {high}")
        return value

    return BeforeValidator(read)


def limit(nothing: str) -> BeforeValidator:
    """Accept an exact decimal above 0, written as text; `nothing` says what somebody who wrote 0 may have meant."""

    def read(raw: Any) -> Decimal:
        value = _exact(raw, example="1000.50")
        if value is None or value <= 0 or not _is_plain(value):
            refuse(f"must be above 0, {_DIGITS}; {nothing}")
        return value

    return BeforeValidator(read)


def symbol() -> BeforeValidator:
    """Accept the canonical name of a symbol."""

    def read(raw: Any) -> str:
        if not is_symbol(raw):
            refuse(f"must be {SYMBOL}")
        return str(raw)

    return BeforeValidator(read)


def limits_by_symbol() -> PlainValidator:
    """Accept a mapping from symbols to exact decimals from 0 on, written as text; gives pairs of them. None: empty."""

    def read(raw: Any) -> tuple[tuple[str, Decimal], ...]:
        if raw is None:
            return ()
        if not isinstance(raw, Mapping):
            refuse('must be a mapping of symbols to sizes, for example {BTC-USDT: "0.5"}')
        found = Contradictions()
        sizes = []
        for name, size in raw.items():
            found.check(is_symbol(name), str(name), f"must be under {SYMBOL}")
            value = Decimal(size) if _is_exact(size) else None
            right = value is not None and value.is_finite() and value >= 0 and _is_plain(value)
            found.check(right, str(name), f'must be a decimal in quotes, from 0 on, {_DIGITS}, for example "0.5"')
            sizes.append((str(name), value or Decimal()))
        found.done()
        return tuple(sizes)

    return PlainValidator(read)


def identifier(pattern: str, meaning: str) -> BeforeValidator:
    """Accept text that matches `pattern` as a whole; `meaning` says so in words."""

    def read(raw: Any) -> str:
        if type(raw) is int:
            refuse(f'must be text: write it in quotes, "{raw}"')
        if type(raw) is not str or re.fullmatch(pattern, raw) is None:
            refuse(f"must be {meaning}")
        return raw

    return BeforeValidator(read)


def web_address(secure: str, plain: str) -> BeforeValidator:
    """Accept an address; without encryption only on this machine, since credentials travel over it."""

    def read(raw: Any) -> str:
        parts = _split(raw)
        if parts is None or parts.hostname is None or parts.scheme not in {secure, plain}:
            refuse(f"must be an address that begins with {secure}://")
        if parts.username is not None or parts.password is not None:
            refuse("must not carry a user or password")
        if parts.scheme == plain and parts.hostname not in _LOOPBACK:
            refuse(f"must begin with {secure}:// (without encryption only on loopback)")
        return str(raw)

    return BeforeValidator(read)


def _server_address(raw: Any) -> ConnectionUrl:
    if isinstance(raw, ConnectionUrl):
        return raw
    parts = _split(raw)
    if parts is None or parts.scheme not in {"redis", "rediss", "unix"} or not (parts.hostname or parts.path):
        refuse("must be an address that begins with redis://, rediss:// or unix://")
    return ConnectionUrl(raw)


def _split(raw: Any) -> Any:
    if type(raw) is not str:
        return None
    try:
        parts = urlsplit(raw)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_exact(raw: Any) -> bool:
    """Whether a raw value is a decimal without a binary fraction in between."""
    if type(raw) not in {str, int, Decimal}:
        return False
    try:
        Decimal(raw)
    except InvalidOperation:
        return False
    return True


def _exact(raw: Any, *, example: str) -> Decimal | None:
    """Read a decimal; None: it is infinite, or no number."""
    if not _is_exact(raw):
        lost = ", so that no digit is lost" if type(raw) is float else ""
        refuse(f'must be a decimal in quotes, for example "{example}"{lost}')
    value = Decimal(raw)
    return value if value.is_finite() else None


def _is_plain(value: Decimal) -> bool:
    """Whether a finite number has no more digits than one in an order may have."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and value.adjusted() < _DIGITS_MAX and -exponent <= _DIGITS_MAX


def is_symbol(raw: Any) -> bool:
    """Whether this is a canonical symbol."""
    return type(raw) is str and raw == raw.upper() and _CANONICAL.fullmatch(raw) is not None


def _or_zero(zero: str) -> str:
    return f", or 0 ({zero})" if zero else ""


def _in_unit(raw: Any, unit: str) -> str:
    """Say what a number with a written unit would be, where that is a whole number."""
    match = _WITH_UNIT.fullmatch(raw.strip().lower()) if type(raw) is str else None
    scale = _NAMED_UNIT_MS.get(unit)
    if match is None or scale is None:
        return ""
    total, rest = divmod(int(match[1]) * _UNIT_MS[match[2]], scale)
    return f": {total}" if rest == 0 else ""


ServerAddress = Annotated[ConnectionUrl, BeforeValidator(_server_address)]
