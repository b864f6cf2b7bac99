"""Changes of size and prices: whose counts, which way, and what a venue's word proves."""

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest

from actors.domain.idempotency import client_order_id
from actors.domain.lifecycle import evolve
from actors.domain.modification import (
    LEGS_MAX,
    Apply,
    Conflict,
    Terms,
    amendable,
    described_change,
    differing,
    judge,
    later_leg_ids,
    leg_ids,
    modify_id_of,
    next_leg_id,
    recorded_otherwise,
    says_other_terms,
    shown_terms,
    shows_amended,
    shrinks_only,
    terms_asked,
    terms_of,
    way,
)
from messages.commands import ModifyOrder
from messages.types import (
    Evidence,
    EvidenceSource,
    InitiatedBy,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    OrderType,
    StateTransition,
    TimeInForce,
    Trigger,
    VenueOrder,
)
from tests.factories import NOW_MS, make

TAG = "0badc0de"
TOLERANCE = Decimal("0.00000001")
USER, RULE, SYSTEM, BY_VENUE = InitiatedBy.USER, InitiatedBy.RISK_RULE, InitiatedBy.SYSTEM, InitiatedBy.VENUE
BEFORE = Terms(Decimal("0.01"), Decimal(42500), None)
CHANGED = {
    "size": Terms(Decimal("0.008"), Decimal(42500), None),
    "price": Terms(Decimal("0.01"), Decimal(42400), None),
    "stop_price": Terms(Decimal("0.01"), Decimal(42500), Decimal(42600)),
}


def working(**changes: object) -> Order:
    order = make(Order, state=OrderState.ACKNOWLEDGED, venue_order_id="28", idempotency_key="k" * 64)
    return evolve(order, **changes)


def step(field: str, by: InitiatedBy, version: int = 4) -> StateTransition:
    metadata = described_change(BEFORE, CHANGED[field], modify_id="m", kind="amend", by=by, merged=False)
    return make(StateTransition, metadata=metadata, version=version, trigger=Trigger.USER_MODIFY_ORDER)


def fill_step() -> StateTransition:
    return make(StateTransition, trigger=Trigger.FIRST_FILL_RECEIVED)


# ----- whose change counts


@pytest.mark.parametrize("theirs", [USER, RULE, SYSTEM, BY_VENUE])
@pytest.mark.parametrize("mine", [USER, RULE, SYSTEM])
@pytest.mark.parametrize(("field", "asked"), list(product(CHANGED, CHANGED)))
def test_judge_of_a_change_since_the_version_seen_follows_the_table(
    theirs: InitiatedBy, mine: InitiatedBy, field: str, asked: str
) -> None:
    rank = {USER: 0, RULE: 1, SYSTEM: 2, BY_VENUE: 2}
    verdict = judge([step(field, theirs)], [asked], mine)
    if theirs is RULE and mine is USER:
        expected = "risk_rule_wins"
    elif field != asked or rank[theirs] < rank[mine]:
        expected = ""
    else:
        expected = "first_wins" if rank[theirs] == rank[mine] else "system_wins"
    if expected:
        assert isinstance(verdict, Conflict)
        assert verdict.strategy == expected
        assert verdict.fields == ((field,) if field == asked else ())
        assert field in verdict.text
    else:
        assert verdict == Apply(merged=True)


def test_judge_of_an_order_that_only_executed_since_merges() -> None:
    assert judge([fill_step()], ["size", "price"], USER) == Apply(merged=True)
    assert judge([], ["size"], USER) == Apply(merged=False)


def test_judge_of_several_changes_finds_the_one_that_conflicts() -> None:
    verdict = judge([fill_step(), step("price", USER, 5), step("size", USER, 6)], ["size"], USER)
    assert isinstance(verdict, Conflict)
    assert "version 6" in verdict.text


# ----- what is recorded


def test_recorded_change_says_what_by_whom_and_for_which_command() -> None:
    said = described_change(BEFORE, CHANGED["size"], modify_id="m-1", kind="amend", by=USER, merged=True)
    assert said == (
        ("size", "0.01 -> 0.008"), ("by", "user"), ("modify_id", "m-1"), ("kind", "amend"), ("merged", "yes"),
    )  # fmt: skip
    recorded = make(StateTransition, metadata=said)
    assert modify_id_of(recorded) == "m-1"
    assert modify_id_of(fill_step()) is None
    assert shrinks_only(recorded)
    assert not shrinks_only(step("price", USER))


@pytest.mark.parametrize(
    ("size", "price", "fields"),
    [
        ("0.008", None, ()),
        ("0.0080", None, ()),
        ("0.007", None, ("size",)),
        (None, None, ("size",)),
        ("0.008", "42500", ()),
        (None, "42400", ("size",)),
    ],
)
def test_same_command_id_with_other_changes_names_the_fields(
    size: str | None, price: str | None, fields: tuple[str, ...]
) -> None:
    command = make(
        ModifyOrder, size=None if size is None else Decimal(size), price=None if price is None else Decimal(price)
    )
    assert recorded_otherwise(step("size", USER), command) == fields


def test_terms_asked_keep_what_the_command_does_not_name() -> None:
    order = working(size=Decimal("0.01"), price=Decimal(42500))
    asked = terms_asked(order, make(ModifyOrder, size=None, price=Decimal(42400)))
    assert asked == Terms(Decimal("0.01"), Decimal(42400), None)
    assert differing(terms_of(order), asked) == ("price",)


# ----- which way


@pytest.mark.parametrize(
    ("state", "filled", "change", "native", "size_down", "cancel_replace", "expected"),
    [
        (OrderState.SUBMITTED, "0", "size", True, True, True, ModificationKind.CANCEL_THEN_PLACE),
        (OrderState.ACKNOWLEDGED, "0", "size", False, True, True, ModificationKind.AMEND),
        (OrderState.ACKNOWLEDGED, "0", "price", False, True, True, ModificationKind.VENUE_REPLACE),
        (OrderState.ACKNOWLEDGED, "0", "price", True, False, True, ModificationKind.AMEND),
        (OrderState.ACKNOWLEDGED, "0", "price", False, True, False, ModificationKind.CANCEL_THEN_PLACE),
        (OrderState.ACKNOWLEDGED, "0.004", "price", False, True, True, None),
        (OrderState.PARTIALLY_FILLED, "0.004", "size", False, True, True, ModificationKind.AMEND),
        (OrderState.PARTIALLY_FILLED, "0.004", "price", False, True, True, None),
        (OrderState.PARTIALLY_FILLED, "0.004", "price", True, True, True, ModificationKind.AMEND),
        (OrderState.PARTIALLY_FILLED, "0.004", "size", False, False, False, None),
    ],
)
def test_way_of_a_change_follows_state_and_venue(
    *, state: OrderState, filled: str, change: str, native: bool, size_down: bool, cancel_replace: bool,
    expected: ModificationKind | None,
) -> None:  # fmt: skip
    order = working(state=state, filled_size=Decimal(filled), size=BEFORE.size, price=BEFORE.price)
    chosen = way(order, CHANGED[change], native=native, size_down=size_down, cancel_replace=cancel_replace)
    assert chosen is expected


def test_way_to_more_of_an_order_where_only_less_is_native_replaces_it() -> None:
    order = working(size=BEFORE.size, price=BEFORE.price)
    more = replace(BEFORE, size=Decimal("0.02"))
    assert way(order, more, native=False, size_down=True, cancel_replace=True) is ModificationKind.VENUE_REPLACE


@pytest.mark.parametrize(
    ("order_type", "tif", "venue_ends_gtt", "expected"),
    [
        (OrderType.LIMIT, TimeInForce.GTC, False, True),
        (OrderType.LIMIT, TimeInForce.GTC, True, True),
        (OrderType.STOP_LIMIT, TimeInForce.GTC, False, False),
        (OrderType.MARKET, TimeInForce.IOC, False, False),
        (OrderType.LIMIT, TimeInForce.FOK, False, False),
        (OrderType.LIMIT, TimeInForce.GTT, True, False),
        (OrderType.LIMIT, TimeInForce.GTT, False, True),
        (OrderType.STOP_LIMIT, TimeInForce.GTT, False, False),
    ],
)
def test_order_is_amendable_where_the_venue_changes_its_type_and_what_it_sees_of_its_time_in_force(
    order_type: OrderType, tif: TimeInForce, *, venue_ends_gtt: bool, expected: bool
) -> None:
    order = working(type=order_type, time_in_force=tif)
    types, tifs = frozenset({OrderType.LIMIT}), frozenset({TimeInForce.GTC})
    assert amendable(order, types=types, times_in_force=tifs, venue_ends_gtt=venue_ends_gtt) is expected


# ----- legs


def leg(number: int, key: str = "k" * 64) -> str:
    return client_order_id(TAG, key, 0, number)


def test_next_leg_is_one_that_no_order_of_the_intent_has_had() -> None:
    first = working(order_id=leg(0))
    assert next_leg_id(TAG, first, set().__contains__) == leg(1)
    assert next_leg_id(TAG, first, {leg(1), leg(2)}.__contains__) == leg(3)
    second = working(order_id=leg(2), replaces=leg(0))
    assert next_leg_id(TAG, second, {leg(2)}.__contains__) == leg(3)


def test_next_leg_of_an_order_whose_key_is_unknown_is_named_after_it() -> None:
    taken_back = working(order_id="elsewhere", idempotency_key=None)
    assert next_leg_id(TAG, taken_back, set().__contains__) == leg(1, "elsewhere")


def test_next_leg_of_an_intent_with_too_many_is_none() -> None:
    assert next_leg_id(TAG, working(order_id=leg(0)), lambda _: True) is None
    assert LEGS_MAX == 1000


def test_next_leg_of_an_order_that_another_deployment_named_is_found_all_the_same() -> None:
    stranger = working(order_id="f" * 32, replaces="e" * 32)
    assert next_leg_id(TAG, stranger, {leg(1)}.__contains__) == leg(2)


def test_legs_known_are_those_that_were_made() -> None:
    assert leg_ids(TAG, working(order_id=leg(0)), {leg(0), leg(1), leg(2)}.__contains__) == [leg(1), leg(2)]


# ----- what a venue shows


def claim(**changes: object) -> VenueOrder:
    shown = make(VenueOrder, size=Decimal("0.01"), price=Decimal(42500), updated_venue_ms=NOW_MS + 100)
    return replace(shown, **changes)


@pytest.mark.parametrize(
    ("order", "shown", "names"),
    [
        ({}, {}, {"size", "price"}),
        ({}, {"price": None}, {"size"}),
        ({}, {"price": Decimal(0), "size": Decimal(0)}, set()),
        ({"quote_size": Decimal(100)}, {}, {"price"}),
        ({"type": OrderType.MARKET}, {}, set()),
        ({"type": OrderType.STOP_LIMIT, "stop_price": Decimal(42600)}, {}, {"size", "price"}),
        ({"type": OrderType.STOP_LIMIT, "stop_price": Decimal(42600)}, {"stop_price": Decimal(42600)},
         {"size", "price", "stop_price"}),
        ({"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal(42600)}, {"stop_price": Decimal(42600)},
         {"size", "stop_price"}),
        ({}, {"stop_price": Decimal(1)}, {"size", "price"}),
    ],
)  # fmt: skip
def test_terms_that_a_venue_does_not_show_are_no_claim(
    order: dict[str, object], shown: dict[str, object], names: set[str]
) -> None:
    assert set(shown_terms(working(**order), claim(**shown))) == names


@pytest.mark.parametrize(
    ("updated", "watermark", "size", "expected"),
    [
        (NOW_MS, 0, "0.008", True),
        (NOW_MS, NOW_MS, "0.008", False),
        (NOW_MS - 1, NOW_MS, "0.008", False),
        (NOW_MS + 1, NOW_MS, "0.008", True),
        (None, 0, "0.008", False),
        (NOW_MS, 0, "0.01000000", False),
        (NOW_MS, 0, "0.010000001", False),
    ],
)
def test_other_terms_are_believed_only_from_newer_word(
    *, updated: int | None, watermark: int, size: str, expected: bool
) -> None:
    order = working(size=Decimal("0.01"), price=Decimal(42500), terms_venue_ms=watermark)
    told = claim(size=Decimal(size), updated_venue_ms=updated)
    assert says_other_terms(order, told, TOLERANCE) is expected


def amend(**changes: object) -> Modification:
    change = Modification(
        modify_id="m", kind=ModificationKind.AMEND, size=Decimal("0.008"), price=Decimal(42500), asked_ms=NOW_MS,
        initiated_by=USER,
    )  # fmt: skip
    return replace(change, **changes)


def read_at(ms: int) -> Evidence:
    return make(Evidence, source=EvidenceSource.LOOKUP, sent_ms=ms, received_ms=ms + 10)


STREAM = make(Evidence, source=EvidenceSource.STREAM, sent_ms=None)


@pytest.mark.parametrize(
    ("shown", "watermark", "evidence", "expected"),
    [
        ({"size": Decimal("0.008")}, 0, STREAM, True),
        ({"size": Decimal("0.01")}, 0, STREAM, False),
        ({"size": Decimal("0.008"), "price": Decimal(1)}, 0, STREAM, False),
        ({"size": Decimal("0.008"), "updated_venue_ms": NOW_MS}, NOW_MS, STREAM, False),
        ({"size": Decimal("0.008"), "updated_venue_ms": NOW_MS}, NOW_MS, read_at(NOW_MS), True),
        ({"size": Decimal("0.008"), "updated_venue_ms": NOW_MS}, NOW_MS, read_at(NOW_MS - 1), False),
        ({"size": Decimal("0.008"), "updated_venue_ms": NOW_MS - 1}, NOW_MS, read_at(NOW_MS), False),
        ({"size": Decimal("0.008"), "updated_venue_ms": None}, 0, STREAM, False),
        ({"size": Decimal("0.008"), "updated_venue_ms": None}, 0, read_at(NOW_MS - 1), False),
        ({"size": Decimal("0.008"), "updated_venue_ms": None}, 0, read_at(NOW_MS), True),
        ({"size": Decimal(0)}, 0, STREAM, False),
    ],
)
def test_amend_is_proven_by_the_wanted_terms_in_newer_word(
    *, shown: dict[str, object], watermark: int, evidence: Evidence, expected: bool
) -> None:
    order = working(size=Decimal("0.01"), price=Decimal(42500), terms_venue_ms=watermark)
    assert shows_amended(order, amend(), claim(**shown), evidence, TOLERANCE) is expected


def test_order_after_a_later_leg_whose_former_ones_are_lost_gets_an_id_that_none_of_them_had() -> None:
    key = "k" * 64
    third = working(order_id=client_order_id(TAG, key, 0, 2), idempotency_key=key)
    assert next_leg_id(TAG, third, {third.order_id}.__contains__) == client_order_id(TAG, key, 0, 3)
    assert later_leg_ids(TAG, third, 2) == [client_order_id(TAG, key, 0, leg) for leg in (3, 4)]


def test_order_after_one_without_a_key_of_its_own_has_the_first_id_of_its_intent() -> None:
    taken_in = working(order_id="by-hand", idempotency_key=None)
    assert later_leg_ids(TAG, taken_in, 1) == [next_leg_id(TAG, taken_in, {"by-hand"}.__contains__)]


def test_size_that_is_asked_for_leaves_out_what_former_orders_executed() -> None:
    order, command = working(), make(ModifyOrder, size=Decimal("0.009"), price=None, stop_price=None)
    assert terms_asked(order, command, Decimal("0.004")).size == Decimal("0.005")
    said = described_change(
        terms_of(order), terms_asked(order, command, Decimal("0.004")),
        modify_id="m", kind="amend", by=USER, merged=False, executed_before=Decimal("0.004"),
    )  # fmt: skip
    recorded = make(StateTransition, metadata=said)
    assert recorded_otherwise(recorded, command) == ()
    assert recorded_otherwise(recorded, replace(command, size=Decimal("0.005"))) == ("size",)
