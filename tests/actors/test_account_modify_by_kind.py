"""Orders that a venue changes in place only by type and time in force: the others are replaced."""

from dataclasses import replace
from typing import Any

import pytest

from exchanges.gateway import AmendScope
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder, ReplaceVenueOrder
from messages.queries import RefusalCode
from messages.types import OrderState, OrderType, TimeInForce
from tests.actors.modify_kit import OTHER, PART, PRICE, ModifyAccount, Venue, done, refused, working_order

LIMITS_ONLY = {"amend_types": frozenset({OrderType.LIMIT})}
GTC_ONLY = {"amend_times_in_force": frozenset({TimeInForce.GTC})}
STOP_LIMIT = {"type": OrderType.STOP_LIMIT, "stop_price": PRICE}


def begun(
    able: dict[str, Any], *, cancel_replace: bool = False, **terms: Any
) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    """An order that works at a venue which changes anything in place, of such orders as `able` says."""
    account = ModifyAccount(amend=AmendScope.NATIVE, cancel_replace=cancel_replace)
    exchanges = account.actor._policy.exchanges
    can = replace(exchanges["binance"].capabilities, **able)
    exchanges["binance"] = replace(exchanges["binance"], capabilities=can)
    venue = Venue(account)
    if terms.get("time_in_force") is TimeInForce.GTT:
        terms["expires_at_ms"] = account.now_ms + 3_600_000
    place = working_order(account, venue, **terms)
    account.pass_ms(10)
    return account, venue, place


@pytest.mark.parametrize(
    ("able", "terms"),
    [
        (LIMITS_ONLY, {}),
        (GTC_ONLY, {}),
        (GTC_ONLY, STOP_LIMIT),
        (LIMITS_ONLY, {"time_in_force": TimeInForce.GTT}),
        (GTC_ONLY, {"time_in_force": TimeInForce.GTT}),
    ],
)
def test_order_of_a_kind_that_the_venue_changes_is_changed_in_place(
    able: dict[str, Any], terms: dict[str, Any]
) -> None:
    account, venue, place = begun(able, **terms)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(AmendVenueOrder)
    assert request.price == OTHER
    account.do(venue.amend(request))
    assert done(account.answer()).native
    assert account.to_venue(CancelVenueOrder) == []


@pytest.mark.parametrize("post_only", [True, False])
def test_change_in_place_says_whether_the_order_is_post_only(post_only: bool) -> None:  # noqa: FBT001
    account, venue, place = begun(GTC_ONLY, post_only=post_only)
    account.modify(place.order_id, price=OTHER)
    assert venue.take(AmendVenueOrder).post_only is post_only


NOT_IN_PLACE = [
    (LIMITS_ONLY, STOP_LIMIT),
    (GTC_ONLY | {"times_in_force": frozenset(TimeInForce)}, {"time_in_force": TimeInForce.GTT}),
]


@pytest.mark.parametrize(("able", "terms"), NOT_IN_PLACE)
def test_order_of_another_kind_is_cancelled_and_placed_anew(able: dict[str, Any], terms: dict[str, Any]) -> None:
    account, venue, place = begun(able, **terms)
    account.modify(place.order_id, price=OTHER)
    assert account.to_venue(AmendVenueOrder) == []
    venue.serve()
    new = account.follower(place.order_id)
    assert (account.order(place).state, new.state) == (OrderState.CANCELLED, OrderState.ACKNOWLEDGED)
    assert (new.price, new.type, new.time_in_force) == (OTHER, place.type, account.order(place).time_in_force)
    assert not done(account.answer()).native
    assert [each.claim.price for each in venue.working()] == [OTHER]


@pytest.mark.parametrize(("able", "terms"), NOT_IN_PLACE)
def test_order_of_another_kind_is_replaced_by_the_venues_own_call_where_it_has_one(
    able: dict[str, Any], terms: dict[str, Any]
) -> None:
    account, venue, place = begun(able, cancel_replace=True, **terms)
    account.modify(place.order_id, price=OTHER)
    assert account.to_venue(AmendVenueOrder) == []
    assert venue.take(ReplaceVenueOrder).place.price == OTHER


def test_order_of_another_kind_of_which_a_part_executed_is_not_changed() -> None:
    account, venue, place = begun(LIMITS_ONLY, **STOP_LIMIT)
    venue.fill(place.client_order_id, PART)
    account.modify(place.order_id, price=OTHER)
    reply = refused(account.answer())
    assert reply.code is RefusalCode.NOT_SUPPORTED
    assert "does not change it in place" in reply.text
    assert (account.to_venue(AmendVenueOrder), account.to_venue(CancelVenueOrder)) == ([], [])
