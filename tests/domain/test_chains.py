"""Orders in one another's place: which one stands for an intent, and what became of it as a whole."""

from decimal import Decimal

import pytest

from actors.domain.chains import (
    answering,
    executed_before,
    first,
    former,
    latest,
    never_came,
    never_placed,
    was_placed,
    working,
)
from actors.domain.lifecycle import TERMINAL
from messages.types import Order, OrderState
from tests.factories import make

S = OrderState
WORKS = (S.ACKNOWLEDGED, "28", "0")
CANCELLED = (S.CANCELLED, "28", "0")
VOID = (S.CANCELLED, None, "0")
FAILED = (S.FAILED, None, "0")
UNKNOWN = (S.SUBMITTED, None, "0")
PART = (S.CANCELLED, "28", "0.004")
Leg = tuple[OrderState, str | None, str]


def chain(*legs: Leg) -> dict[str, Order]:
    """Orders that took one another's place, named `0`, `1` and so on."""
    last = len(legs) - 1
    return {
        str(number): make(
            Order,
            order_id=str(number),
            state=state,
            venue_order_id=venue_order_id,
            filled_size=Decimal(filled),
            replaces=str(number - 1) if number else None,
            replaced_by=str(number + 1) if number < last else None,
        )
        for number, (state, venue_order_id, filled) in enumerate(legs)
    }


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("venue_order_id", [None, "28"])
@pytest.mark.parametrize("filled", ["0", "0.004"])
def test_order_was_placed_or_may_be_or_never_came(state: OrderState, venue_order_id: str | None, filled: str) -> None:
    order = chain((state, venue_order_id, filled))["0"]
    refused = state in (S.REJECTED, S.FAILED)
    at_venue = state in (S.ACKNOWLEDGED, S.PARTIALLY_FILLED)
    executed = Decimal(filled) > 0
    ended_there = state in TERMINAL and venue_order_id is not None
    assert was_placed(order) is (executed if refused else at_venue or ended_there)
    assert never_came(order) is (state in TERMINAL and not was_placed(order))


@pytest.mark.parametrize(
    ("legs", "shown", "void", "live"),
    [
        ([WORKS], "0", False, ["0"]),
        ([FAILED], "0", True, []),
        ([CANCELLED, WORKS], "1", False, ["1"]),
        ([VOID, UNKNOWN], "1", False, ["1"]),
        ([VOID, FAILED], "1", True, []),
        ([PART, FAILED], "0", False, []),
        ([WORKS, FAILED], "0", False, ["0"]),
        ([UNKNOWN, FAILED], "0", False, ["0"]),
        ([WORKS, UNKNOWN], "1", False, ["1", "0"]),
        ([CANCELLED, VOID, WORKS], "2", False, ["2"]),
        ([CANCELLED, VOID, FAILED], "0", False, []),
        ([VOID, VOID, FAILED], "2", True, []),
    ],
)
def test_intent_is_shown_by_the_last_order_that_came(
    legs: list[Leg],
    shown: str,
    void: bool,  # noqa: FBT001 - a fact of the case
    live: list[str],
) -> None:
    orders = chain(*legs)
    for order in orders.values():
        assert answering(order, orders.get).order_id == shown
        assert never_placed(order, orders.get) is void
        assert [each.order_id for each in working(order, orders.get)] == live


def test_chain_is_walked_both_ways_as_far_as_it_is_known() -> None:
    orders = chain(PART, PART, WORKS)
    assert latest(orders["0"], orders.get) is orders["2"]
    assert first(orders["2"], orders.get) is orders["0"]
    assert executed_before(orders["2"], orders.get) == Decimal("0.008")
    del orders["0"]
    assert first(orders["2"], orders.get) is orders["1"]
    assert [each.order_id for each in former(orders["2"], orders.get)] == ["1"]


def test_ring_that_a_damaged_store_has_made_of_a_chain_is_walked_once() -> None:
    orders = chain(PART, PART)
    orders["0"] = make(Order, order_id="0", state=S.CANCELLED, replaces="1", replaced_by="1")
    orders["1"] = make(Order, order_id="1", state=S.CANCELLED, replaces="0", replaced_by="0")
    assert latest(orders["0"], orders.get) is orders["1"]
    assert first(orders["0"], orders.get) is orders["1"]
