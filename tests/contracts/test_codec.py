"""Every message and record survives the codec unchanged, and nothing else is let through."""

import inspect
import json
import types as python_types
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson
import pytest
from factories import make
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import messages
from messages import (
    Committed,
    FillRecorded,
    GetOrders,
    Message,
    NormalizedOrder,
    Order,
    OrderState,
    OrderType,
    Ping,
    PlaceOrder,
    PublicStatus,
    Side,
    SubmitOrder,
    TimeInForce,
    Verdict,
    base,
    commands,
    control,
    events,
    fills,
    inboxes,
    queries,
    reports,
    risk,
)
from messages import types as records
from messages.codec import (
    CodecError,
    decode,
    decode_public,
    decode_record,
    encode,
    encode_public,
    encode_record,
)

MODULES = (base, commands, control, events, fills, queries, reports, risk, records)


def defined(module: python_types.ModuleType) -> list[type]:
    return [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]


CLASSES = [c for module in MODULES for c in defined(module) if is_dataclass(c)]
MESSAGES = [c for c in CLASSES if issubclass(c, Message)]
RECORDS = [c for c in CLASSES if c.__module__ in {fills.__name__, records.__name__}]


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, built from the annotations and independent of the codec's own reading of them."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, python_types.UnionType}:
        return st.one_of([st.none() if a is type(None) else values_of(a) for a in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, arguments))
    if origin is frozenset:
        return st.frozensets(values_of(arguments[0]))
    if hint is Decimal:
        return st.decimals(allow_nan=False, allow_infinity=False)
    if hint is int:
        return st.integers(-(2**53), 2**53)
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint is str:
        return st.text()
    return st.booleans() if hint is bool else anything(hint)


def anything(cls: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{f.name: values_of(hints[f.name]) for f in fields(cls)})


def same_digits(one: object, other: object) -> bool:
    """Equal, and with the same digits: Decimal("1.0") is not Decimal("1.00") here."""
    return one == other and encode_record(one) == encode_record(other)


def with_envelope(message: object, **changes: object) -> bytes:
    return orjson.dumps(orjson.loads(encode_record(message)) | changes)


def with_data(message: object, **changes: object) -> bytes:
    return with_envelope(message, data=orjson.loads(encode_record(message))["data"] | changes)


def without_data(message: object, name: str) -> bytes:
    data = orjson.loads(encode_record(message))["data"]
    del data[name]
    return with_envelope(message, data=data)


# ----- every class


def test_modules_when_walked_hold_the_classes_this_file_is_about() -> None:
    assert {SubmitOrder, Committed, FillRecorded, PlaceOrder, Ping} <= set(MESSAGES)
    assert len({c.__name__ for c in CLASSES}) == len(CLASSES), "type tags must be unique"


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda c: c.__name__)
def test_message_of_any_class_round_trips(cls: type[Message]) -> None:
    @hypothesis_settings(max_examples=25)
    @given(message=anything(cls))
    def check(message: Message) -> None:
        assert same_digits(decode(encode(message)), message)

    check()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_record_of_any_class_made_by_its_factory_round_trips(cls: type) -> None:
    record = make(cls)

    assert same_digits(decode_record(cls, encode_record(record)), record)


@pytest.mark.parametrize("cls", RECORDS, ids=lambda c: c.__name__)
def test_record_of_any_class_round_trips(cls: type) -> None:
    @hypothesis_settings(max_examples=25)
    @given(record=anything(cls))
    def check(record: object) -> None:
        assert same_digits(decode_record(cls, encode_record(record)), record)

    check()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_record_with_every_optional_field_left_out_reads_as_its_defaults(cls: type) -> None:
    record = make(cls)
    data = orjson.loads(encode_record(record))["data"]
    required = {name: data[name] for name, p in inspect.signature(cls).parameters.items() if p.default is p.empty}

    read = decode_record(cls, with_envelope(record, data=required))

    assert orjson.loads(encode_record(read))["data"].keys() == data.keys()


def test_package_when_imported_from_exports_every_public_type() -> None:
    public = {c.__name__ for module in MODULES for c in defined(module) if not c.__name__.startswith("_")}
    aliases = {name for module in (*MODULES, inboxes) for name in get_type_hints(module)}

    assert set(messages.__all__) == public | aliases
    assert all(hasattr(messages, name) for name in messages.__all__)


# ----- our dialect


def test_encode_of_the_same_frozenset_in_any_order_gives_the_same_bytes() -> None:
    states = [OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.DRAFT, OrderState.FILLED]
    one = make(GetOrders, states=frozenset(states))
    other = make(GetOrders, states=frozenset(reversed(states)))

    assert encode(one) == encode(other)
    assert orjson.loads(encode(one))["data"]["states"] == sorted(states)


def test_encode_record_writes_decimals_as_text_with_every_digit() -> None:
    order = make(Order, size=Decimal("0.10000000000000000000000000001"), filled_value=Decimal("1E-8"))

    data = orjson.loads(encode_record(order))["data"]

    assert data["size"] == "0.10000000000000000000000000001"
    assert data["filled_value"] == "1E-8"


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_encode_of_a_decimal_that_is_not_finite_is_refused(text: str) -> None:
    with pytest.raises(CodecError, match="finite"):
        encode(make(SubmitOrder, price=Decimal(text)))
    with pytest.raises(CodecError, match="finite"):
        encode_public(make(NormalizedOrder, price=Decimal(text)))


@pytest.mark.parametrize("value", [object(), 1 << 70, "\ud800"])
def test_encode_of_a_value_without_an_exact_form_is_refused(value: object) -> None:
    with pytest.raises(CodecError):
        encode(make(Ping, reply_to=value))


def test_encode_of_a_foreign_class_is_refused() -> None:
    class Foreign(Message):
        pass

    with pytest.raises(CodecError, match="neither a message nor a record"):
        encode(Foreign())


DAMAGED = {
    "no json": b'{"type":"Ping"',
    "no envelope": b"[]",
    "envelope with more": with_envelope(make(Ping), more=1),
    "type that is a list": with_envelope(make(Ping), type=[]),
    "type unknown": with_envelope(make(Ping), type="Pang"),
    "type that is a record": encode_record(make(Order)),
    "schema newer": with_envelope(make(Ping), schema=2),
    "schema older": with_envelope(make(Ping), schema=0),
    "schema true": with_envelope(make(Ping), schema=True),
    "data that is a list": with_envelope(make(Ping), data=[]),
    "field missing": without_data(make(Ping), "reply_to"),
    "field unknown": with_data(make(Ping), more=1),
    "text for a number": with_data(make(Committed), seq="1"),
    "fraction for a number": with_data(make(Committed), seq=1.0),
    "true for a number": with_data(make(Committed), seq=True),
    "number for text": with_data(make(Ping), reply_to=1),
    "null for a required field": with_data(make(Ping), reply_to=None),
    "number for a decimal": with_data(make(SubmitOrder), price=42500.1),
    "words for a decimal": with_data(make(SubmitOrder), price="much"),
    "not a number for a decimal": with_data(make(SubmitOrder), price="NaN"),
    "word outside the vocabulary": with_data(make(Committed), verdict="perhaps"),
    "list for a word": with_data(make(Committed), verdict=["ok"]),
    "literal outside its words": with_data(make(SubmitOrder), reply_when="later"),
    "text for a list": with_data(make(GetOrders), states="DRAFT"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_decode_of_damaged_bytes_is_a_codec_error(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(data)


def test_decode_record_of_another_class_is_a_codec_error() -> None:
    with pytest.raises(CodecError, match="expected a Order"):
        decode_record(Order, encode_record(make(Ping)))


def test_decode_error_in_a_nested_record_names_the_way_to_it() -> None:
    data = orjson.loads(encode_record(make(Order)))["data"]
    data["attempts"][0]["number"] = "one"

    with pytest.raises(CodecError, match=r"Order\.attempts: Attempt\.number: expected int"):
        decode_record(Order, with_envelope(make(Order), data=data))


@given(data=st.binary(max_size=200))
def test_decode_of_any_bytes_is_a_message_or_a_codec_error(data: bytes) -> None:
    for read in (decode, decode_public):
        try:
            read(data)
        except CodecError:
            continue


def test_encode_of_a_commit_is_this_text() -> None:
    assert encode(make(Committed, seq=7, verdict=Verdict.ALREADY)) == (
        b'{"type":"Committed","schema":1,"data":{"message_id":"","correlation_id":"","causation_id":"",'
        b'"account_id":"1","epoch":1,"seq":7,"verdict":"already"}}'
    )


# ----- the public dialect

FULL = NormalizedOrder(
    exchange="binance",
    order_id="28",
    client_order_id="0badc0de0123456789abcdef01234567",
    symbol="BTC-USDT",
    side=Side.SELL,
    type=OrderType.STOP_LIMIT,
    status=PublicStatus.OPEN,
    size=Decimal("0.10000000"),
    filled_size=Decimal("1E-8"),
    remaining_size=Decimal("0.09999999"),
    price=Decimal("12345678901234567890.12345678901234567890"),
    stop_price=Decimal("1E+3"),
    average_filled_price=Decimal("42500.5"),
    quote_size=Decimal(0),
    filled_value=Decimal("0.000425005"),
    created_at=1795255200000,
    updated_at=1795255200001,
    expires_at=1795255300000,
    time_in_force=TimeInForce.GTT,
    post_only=True,
    reduce_only=False,
)


def test_public_order_with_every_field_is_this_text() -> None:
    assert encode_public(FULL) == (
        b'{"exchange":"binance","orderId":"28","clientOrderId":"0badc0de0123456789abcdef01234567",'
        b'"symbol":"BTC-USDT","side":"SELL","type":"STOP_LIMIT","status":"OPEN","createdAt":1795255200000,'
        b'"updatedAt":1795255200001,"expiresAt":1795255300000,"timeInForce":"GTT","postOnly":true,"reduceOnly":false,'
        b'"size":0.10000000,"filledSize":0.00000001,"remainingSize":0.09999999,'
        b'"price":12345678901234567890.12345678901234567890,"stopPrice":1000,"averageFilledPrice":42500.5,'
        b'"quoteSize":0,"filledValue":0.000425005}'
    )


def test_public_order_without_optionals_leaves_them_out() -> None:
    order = make(NormalizedOrder, client_order_id=None, price=None)

    assert encode_public(order) == (
        b'{"exchange":"binance","orderId":"28","symbol":"BTC-USDT","side":"BUY","type":"LIMIT","status":"OPEN",'
        b'"createdAt":1795255200000,"timeInForce":"GTC","size":0.01000000,"filledSize":0,"remainingSize":0.01000000}'
    )


def test_public_order_read_by_another_program_keeps_every_digit() -> None:
    read = json.loads(encode_public(FULL), parse_float=Decimal, parse_int=Decimal)

    assert str(read["price"]) == "12345678901234567890.12345678901234567890"
    assert str(read["filledSize"]) == "1E-8"


@given(order=anything(NormalizedOrder))
def test_public_order_of_any_values_round_trips(order: NormalizedOrder) -> None:
    assert decode_public(encode_public(order)) == order
    assert b"E" not in encode_public(order).split(b'"size":')[1].split(b",")[0]


PUBLIC_DAMAGED = {
    "text for a size": {"size": "0.1"},
    "true for a size": {"size": True},
    "fraction for a time": {"createdAt": 1.5},
    "number for a symbol": {"symbol": 1.5},
    "status unknown": {"status": "NEW"},
    "field unknown": {"leverage": 2},
}


@pytest.mark.parametrize("change", PUBLIC_DAMAGED.values(), ids=PUBLIC_DAMAGED.keys())
def test_decode_public_of_a_damaged_order_is_a_codec_error(change: dict[str, object]) -> None:
    with pytest.raises(CodecError):
        decode_public(orjson.dumps(orjson.loads(encode_public(make(NormalizedOrder))) | change))


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b'{"size":NaN}', b"\xff"])
def test_decode_public_of_no_order_is_a_codec_error(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode_public(data)
