"""Constructors and copies that are quicker than the generated ones, and the same in everything else."""

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from exchanges.records import event_evidence, order_reported, venue_fill, venue_order
from messages import NormalizedOrder, Order, OrderState, OrderStateChanged, OrderView, SubmitOrder
from messages.base import copied, fast_build, fast_init
from messages.codec import Encoding, encode, encode_record
from messages.events import FillRecorded
from messages.fills import Fill, Position
from messages.reports import VenueReportBase
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading(VenueReportBase):
    about: str
    weight: int = 3


@fast_build(Heading)
def heading(about: str, account_id: str, exchange: str, message_id: str, /) -> Heading:
    return Heading(about=about, account_id=account_id, exchange=exchange, message_id=message_id)


BUILDERS = (venue_order, venue_fill, order_reported, event_evidence, heading)


def both(build: Callable[..., Any]) -> tuple[Any, Any]:
    """What a quick function and the one it stands for make of the same values, no two of them equal."""
    values = [f"the {name}" for name in inspect.signature(build).parameters]
    return build(*values), inspect.unwrap(build)(*values)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_fast_build_makes_what_the_function_it_stands_for_makes(build: Callable[..., Any]) -> None:
    quick, plain = both(build)
    assert type(quick) is type(plain)
    for each in fields(plain):
        assert getattr(quick, each.name) == getattr(plain, each.name)
    assert quick == plain
    assert (hash(quick), repr(quick)) == (hash(plain), repr(plain))
    assert not hasattr(quick, "__dict__")


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_fast_build_object_is_frozen(build: Callable[..., Any]) -> None:
    quick, plain = both(build)
    for each in fields(quick):
        with pytest.raises(FrozenInstanceError):
            setattr(quick, each.name, "other")
        with pytest.raises(FrozenInstanceError):
            delattr(quick, each.name)
    assert quick == plain


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_fast_build_object_is_copied_pickled_and_replaced_like_any_other(build: Callable[..., Any]) -> None:
    quick, plain = both(build)
    name = fields(quick)[-1].name
    for again in (copy.copy(quick), copy.deepcopy(quick), pickle.loads(pickle.dumps(quick)), copied(quick)):
        assert again == plain
        assert type(again) is type(plain)
    assert replace(quick, **{name: "other"}) == replace(plain, **{name: "other"})


def test_fast_build_leaves_the_class_to_be_built_and_inherited_as_before() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Longer(Heading):
        rest: str

    longer = Longer(account_id="1", exchange="x", about="a", rest="b")
    assert (longer.about, longer.weight, longer.rest) == ("a", 3, "b")
    assert longer != heading("a", "1", "x", "")


def test_fast_build_wrong_arguments_are_refused() -> None:
    wrong: Any = heading
    for values, named in (((), {}), (tuple("abc"), {}), (tuple("abcde"), {}), (tuple("abc"), {"message_id": "d"})):
        with pytest.raises(TypeError):
            wrong(*values, **named)


def test_fast_build_of_a_class_that_it_could_not_fill_is_refused() -> None:
    @dataclass(frozen=True)
    class WithoutSlots:
        first: int

    @dataclass(frozen=True, slots=True)
    class Made:
        items: tuple[int, ...] = field(default_factory=tuple)

    @dataclass(frozen=True, slots=True)
    class Checked:
        first: int

        def __post_init__(self) -> None:
            raise ValueError

    for cls in (WithoutSlots, Made, Checked):
        with pytest.raises(TypeError):
            fast_build(cls)


def test_fast_build_of_a_function_that_does_not_suit_the_class_is_refused() -> None:
    def by_name(first: int) -> Plain:
        return Plain(first)

    def of_other_fields(first: int, colour: int, /) -> Plain:
        return Plain(first + colour)

    def without_a_field_it_needs(second: int, /) -> Plain:
        return Plain(1, second)

    for function in (by_name, of_other_fields, without_a_field_it_needs):
        build: Callable[..., Plain] = function
        with pytest.raises(TypeError, match=function.__name__):
            fast_build(Plain)(build)


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
