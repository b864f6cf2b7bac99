"""Constructors and copies that are quicker than the generated ones, and the same in everything else."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from messages import NormalizedOrder, Order, OrderState, OrderStateChanged, OrderView, SubmitOrder
from messages.base import copied, fast_init
from messages.codec import Encoding, encode, encode_record
from messages.events import FillRecorded
from messages.fills import Fill, Position
from tests.factories import make

QUICK = (NormalizedOrder, Order, OrderView, SubmitOrder)


@dataclass(frozen=True, slots=True)
class Plain:
    first: int
    second: int = 2
    third: int = field(default=3, kw_only=True)


@fast_init
@dataclass(frozen=True, slots=True)
class Quick:
    first: int
    second: int = 2
    third: int = field(default=3, kw_only=True)


@pytest.mark.parametrize("cls", QUICK, ids=lambda cls: cls.__name__)
def test_fast_init_message_stays_frozen(cls: type) -> None:
    message = make(cls)
    with pytest.raises(FrozenInstanceError):
        setattr(message, fields(cls)[0].name, "2")


@pytest.mark.parametrize(("values", "named"), [((1,), {}), ((1, 5), {}), ((1,), {"third": 9}), ((), {"first": 1})])
def test_fast_init_sets_what_the_generated_constructor_sets(values: tuple[int, ...], named: dict[str, int]) -> None:
    plain, quick = Plain(*values, **named), Quick(*values, **named)
    assert (quick.first, quick.second, quick.third) == (plain.first, plain.second, plain.third)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"fourth": 4})])
def test_fast_init_wrong_arguments_are_refused(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Quick(*values, **named)


def test_fast_init_of_a_class_with_a_default_factory_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Made:
        items: tuple[int, ...] = field(default_factory=tuple)

    with pytest.raises(TypeError):
        fast_init(Made)


def test_copied_with_changes_equals_replace_and_leaves_the_original() -> None:
    command = make(SubmitOrder)
    copy = copied(command, request_id="other", max_sends=1)
    assert copy == replace(command, request_id="other", max_sends=1)
    assert command == make(SubmitOrder)


def test_copied_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        copied(make(SubmitOrder), colour="red")


def test_encoding_of_one_turn_equals_encoding_each_record_and_event() -> None:
    shown, other = make(OrderView), make(OrderView, state=OrderState.FILLED)
    fill, position = make(Fill), make(Position)
    views = zip("123", (shown, shown, other), strict=True)
    events = [make(OrderStateChanged, view=view, event_id=name) for name, view in views]
    events.append(make(FillRecorded, fill=fill, position=position, view=shown))
    encoding = Encoding()
    assert [encoding.record(record) for record in (fill, position)] == [encode_record(fill), encode_record(position)]
    assert [encoding.event(event) for event in events] == [encode(event) for event in events]
