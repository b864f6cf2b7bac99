"""Bytes for every message and record, and back: the only place that spells our JSON.

Two dialects. **Ours** (`encode`, `encode_record`): an envelope `{"type", "schema", "data"}` around the fields by their
Python names, decimals as strings, so that no reader can round them. **Public** (`encode_public`): one normalized order
in the camelCase schema that other programs read, decimals as JSON numbers with their exact digits.

Must never: pass a decimal through a binary float, guess at a field that is missing, or drop one that it does not know.
What cannot be read whole is a `CodecError`.
"""

import json
import types
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from operator import attrgetter
from types import ModuleType
from typing import Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

from messages import base, commands, control, events, fills, queries, reports, risk
from messages import types as records
from messages.base import Message
from messages.events import Event
from messages.types import NormalizedOrder

T = TypeVar("T")

_MODULES: tuple[ModuleType, ...] = (base, commands, control, events, fills, queries, reports, risk, records)


class CodecError(ValueError):
    """Bytes that are not what they should be, or a value that has no exact form. Never carries the bytes."""


def encode(message: Message) -> bytes:
    """Encode a message with its type tag and schema number. Raises `CodecError` for a value without an exact form."""
    return encode_record(message)


class Encoding:
    """Encodes the records and events of one turn; what several of them show (a fill, a position, a view) only once.

    The objects must outlive it: it knows them by identity.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[int, bytes] = {}

    def record(self, record: object) -> bytes:
        """Encode as `encode_record` does, for a record that events of the turn show too."""
        cls: type = type(record)
        return b"%b%b}" % (_prefix(cls), self._content(record))

    def event(self, event: Event) -> bytes:
        """Encode as `encode` does."""
        cls: type = type(event)
        shown = _SHOWN.get(cls)
        if shown is None:
            return encode(event)
        content: dict[str, object] = {}
        for name in _plan(cls).names:
            value = getattr(event, name)
            content[name] = orjson.Fragment(self._content(value)) if name in shown else value
        return b"%b%b}" % (_prefix(cls), _dumped(event, content))

    def _content(self, value: object) -> bytes:
        content = self._seen.get(id(value))
        if content is None:
            content = self._seen[id(value)] = _dumped(value, value)
        return content


def _dumped(owner: object, content: object) -> bytes:
    try:
        return orjson.dumps(content, _exact_form)
    except orjson.JSONEncodeError as error:
        raise CodecError(f"{type(owner).__name__} cannot be encoded: {error.__cause__ or error}") from error


def decode(data: bytes) -> Message:
    """Decode what `encode` wrote. Raises `CodecError` when the bytes are not exactly one known message."""
    envelope = _envelope(data)
    cls = _MESSAGES.get(envelope["type"])
    if cls is None:
        raise CodecError("unknown message type")
    return cast("Message", _open(_plan(cls), envelope))


def encode_record(record: object) -> bytes:
    """Encode a stored record (`Order`, `Fill`, …) or a message. Raises `CodecError` for what has no exact form."""
    cls: type = type(record)
    return b"%b%b}" % (_prefix(cls), _dumped(record, record))


def decode_record(cls: type[T], data: bytes) -> T:
    """Decode a record of one class. Raises `CodecError` when the bytes hold anything else."""
    envelope = _envelope(data)
    if envelope["type"] != cls.__name__:
        raise CodecError(f"expected a {cls.__name__}, found another type")
    record_class: type = cls
    return cast("T", _open(_plan(record_class), envelope))


def encode_public(order: NormalizedOrder) -> bytes:
    """Encode a normalized order as other programs read it: absent optionals left out, plain decimal notation."""
    words = {name: value for name, value in zip(_PUBLIC_WORDS, _public_words(order), strict=True) if value is not None}
    numbers = "".join(
        [
            f',"{name}":{_digits(value)}'
            for name, value in zip(_PUBLIC_NUMBERS, _public_numbers(order), strict=True)
            if value is not None
        ]
    )
    return _dumped(order, words)[:-1] + numbers.encode() + b"}"


def decode_public(data: bytes) -> NormalizedOrder:
    """Decode what `encode_public` wrote, digit by digit. Raises `CodecError`."""
    try:
        raw = json.loads(data, parse_float=_decimal_text, parse_constant=_no_constant)
    except ValueError as error:
        raise CodecError("not a readable public order") from error
    if not isinstance(raw, dict):
        raise CodecError("a public order is an object")
    try:
        named = {_PUBLIC_NAMES[key]: value for key, value in raw.items()}
    except KeyError as error:
        raise CodecError("a public order has a field that is not in its schema") from error
    for attribute in _PUBLIC_DECIMALS & named.keys():
        if type(named[attribute]) not in {int, _DecimalText}:
            raise CodecError(f"{attribute} must be a number")
        named[attribute] = str(named[attribute])
    return cast("NormalizedOrder", _plan(NormalizedOrder).build(named))


# ----- plans: what is known of a class, worked out once


Convert: TypeAlias = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one class is written and read: its schema number, its fields and a reader of them."""

    schema: int
    names: tuple[str, ...]
    build: Convert


def _dataclasses() -> dict[str, type]:
    return {
        name: value
        for module in _MODULES
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__dataclass_fields__")
    }


_SHOWN: dict[type, frozenset[str]] = {
    events.OrderStateChanged: frozenset({"view"}),
    events.OrderUpdated: frozenset({"view"}),
    events.FillRecorded: frozenset({"view", "fill", "position"}),
}
"""What events of one turn show in common, by field."""
_CLASSES = _dataclasses()
_MESSAGES: dict[str, type] = {name: cls for name, cls in _CLASSES.items() if issubclass(cls, Message)}


@cache
def _prefix(cls: type) -> bytes:
    if _CLASSES.get(cls.__name__) is not cls:
        raise CodecError(f"{cls.__name__} is neither a message nor a record")
    return f'{{"type":"{cls.__name__}","schema":{_plan(cls).schema},"data":'.encode()


@cache
def _plan(cls: type) -> _Plan:
    if _CLASSES.get(cls.__name__) is not cls:
        raise CodecError(f"{cls.__name__} is neither a message nor a record")
    names = tuple(field.name for field in fields(cls))
    return _Plan(schema=getattr(cls, "schema", 1), names=names, build=_object(cls))


def _envelope(data: bytes) -> dict[str, Any]:
    try:
        envelope = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise CodecError("not JSON") from error
    if not isinstance(envelope, dict) or envelope.keys() != {"type", "schema", "data"}:
        raise CodecError("not an envelope of type, schema and data")
    if type(envelope["type"]) is not str:
        raise CodecError("the type tag must be text")
    return envelope


def _open(plan: _Plan, envelope: dict[str, Any]) -> object:
    schema = envelope["schema"]
    if type(schema) is not int or schema != plan.schema:
        raise CodecError(f"{envelope['type']} has a schema other than {plan.schema}")
    return plan.build(envelope["data"])


def _object(cls: type) -> Convert:
    hints = get_type_hints(cls)
    readers = tuple((field.name, _reader(hints[field.name])) for field in fields(cls))
    required = frozenset(
        field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING
    )
    name_of_class = cls.__name__

    def build(raw: Any) -> object:
        if type(raw) is not dict:
            raise CodecError(f"{name_of_class} must be an object")
        values: dict[str, object] = {}
        for name, read in readers:
            if name in raw:
                try:
                    values[name] = read(raw[name])
                except CodecError as error:
                    raise CodecError(f"{name_of_class}.{name}: {error}") from error.__cause__
            elif name in required:
                raise CodecError(f"{name_of_class}.{name} is missing")
        # A writer that knows more fields than we do is newer; leaving its fields out would lose them on the next write.
        if len(values) != len(raw):
            raise CodecError(f"{name_of_class} has a field that this version does not know")
        return cls(**values)

    return build


def _reader(hint: Any) -> Convert:
    """Choose the function that turns a parsed JSON value into one of `hint`, or raises `CodecError`."""
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return _optional(hint) if types.NoneType in get_args(hint) else _one_of_classes(get_args(hint))
    if origin is Literal:
        return _one_of({value: value for value in get_args(hint)})
    if origin is tuple:
        return _tuple(get_args(hint))
    if origin is frozenset:
        read = _reader(get_args(hint)[0])
        return lambda raw: frozenset(read(value) for value in _list(raw))
    if hint is Decimal:
        return _decimal
    if hint in {str, int, bool}:
        return _exactly(hint)
    if issubclass(hint, Enum):
        return _one_of({member.value: member for member in hint})
    return _object(hint)


def _optional(hint: Any) -> Convert:
    (inner,) = (argument for argument in get_args(hint) if argument is not types.NoneType)
    read = _reader(inner)
    return lambda raw: None if raw is None else read(raw)


def _one_of_classes(classes: tuple[type, ...]) -> Convert:
    """Tell classes of one field apart by the names of their fields, all of which are always written."""
    readers = {frozenset(_plan(cls).names): _object(cls) for cls in classes}
    if len(readers) != len(classes):
        raise TypeError(f"classes with equal fields cannot be told apart: {classes}")

    def read(raw: Any) -> object:
        found = readers.get(frozenset(raw)) if type(raw) is dict else None
        if found is None:
            raise CodecError("none of the classes that belong here")
        return found(raw)

    return read


def _tuple(arguments: tuple[Any, ...]) -> Convert:
    if arguments[-1] is Ellipsis:
        read = _reader(arguments[0])
        return lambda raw: tuple([read(value) for value in _list(raw)])
    readers = tuple(_reader(argument) for argument in arguments)

    def build(raw: Any) -> object:
        if len(_list(raw)) != len(readers):
            raise CodecError(f"expected {len(readers)} values")
        return tuple([read(value) for read, value in zip(readers, raw, strict=True)])

    return build


def _list(raw: Any) -> list[Any]:
    if type(raw) is not list:
        raise CodecError("expected a list")
    return raw


def _exactly(kind: type) -> Convert:
    def read(raw: Any) -> object:
        if type(raw) is not kind:
            raise CodecError(f"expected {kind.__name__}")
        return raw

    return read


def _one_of(known: dict[str, Any]) -> Convert:
    def read(raw: Any) -> object:
        if type(raw) is not str or raw not in known:
            raise CodecError("a word that is not in the vocabulary")
        return known[raw]

    return read


def _decimal(raw: Any) -> Decimal:
    if type(raw) is not str:
        raise CodecError("a decimal must be text")
    try:
        value = Decimal(raw)
    except InvalidOperation as error:
        raise CodecError("not a decimal") from error
    if not value.is_finite():
        raise CodecError("not a finite decimal")
    return value


def _exact_form(value: object) -> object:
    """Write what orjson cannot; what has no exact form raises, which orjson turns into its own error."""
    if type(value) is Decimal:
        if not value.is_finite():
            raise CodecError("not a finite decimal")
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise CodecError(f"{type(value).__name__} has no place in a record")


# ----- the public order


class _DecimalText(str):
    """The digits of a JSON number, kept apart from JSON text."""

    __slots__ = ()


def _decimal_text(digits: str) -> _DecimalText:
    return _DecimalText(digits)


def _no_constant(name: str) -> object:
    raise CodecError(f"{name} is not a number")


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise CodecError("not a finite decimal")
    return format(value, "f")


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


_PUBLIC_DECIMALS = frozenset(
    name for name, hint in get_type_hints(NormalizedOrder).items() if Decimal in {hint, *get_args(hint)}
)
_PUBLIC_NAMES = {_camel(field.name): field.name for field in fields(NormalizedOrder)}
_PUBLIC_NUMBERS = tuple(name for name, field_name in _PUBLIC_NAMES.items() if field_name in _PUBLIC_DECIMALS)
_PUBLIC_WORDS = tuple(name for name in _PUBLIC_NAMES if name not in _PUBLIC_NUMBERS)
_public_numbers = attrgetter(*(_PUBLIC_NAMES[name] for name in _PUBLIC_NUMBERS))
_public_words = attrgetter(*(_PUBLIC_NAMES[name] for name in _PUBLIC_WORDS))
