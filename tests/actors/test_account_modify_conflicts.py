"""Changes of one order that meet: other changes, cancels, changes at the venue, repetitions, risk rules."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from exchanges.gateway import AmendScope
from messages.commands import (
    AmendVenueOrder,
    CancelAll,
    CancelVenueOrder,
    ModifyOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    SetKillSwitch,
)
from messages.queries import CancelDone, CancelsDone, RefusalCode
from messages.reports import OpenOrdersFetched
from messages.types import InitiatedBy, OrderState, PublicStatus
from tests.actors.account_kit import HEAD
from tests.actors.modify_kit import LESS, MORE, OTHER, PRICE, SIZE, ModifyAccount, Venue, done, refused, working_order
from tests.factories import make


def begun(**can: Any) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    account = ModifyAccount(**({"amend": AmendScope.NATIVE} | can))
    venue = Venue(account)
    place = working_order(account, venue)
    account.pass_ms(10)
    return account, venue, place


def by_cancel() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    return begun(amend=AmendScope.NONE, cancel_replace=False)


def by_venue() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    return begun(amend=AmendScope.NONE)


def amended(account: ModifyAccount, venue: Venue, place: PlaceOrder, number: int = 1, **changes: Any) -> None:
    account.modify(place.order_id, correlation_id=f"m{number}", message_id=f"mod-{number}", **changes)
    account.pass_ms(10)
    account.do(venue.amend(venue.take(AmendVenueOrder)))
    assert done(account.answer(f"m{number}"))


# ----- versions


def test_change_of_the_version_seen_is_applied() -> None:
    account, venue, place = begun()
    amended(account, venue, place, size=LESS, expected_version=account.order(place).version)
    assert not done(account.answer("m1")).merged


def test_change_of_an_older_version_in_other_fields_is_merged_and_says_so() -> None:
    account, venue, place = begun()
    seen = account.order(place).version
    amended(account, venue, place, size=LESS)
    amended(account, venue, place, 2, price=OTHER, expected_version=seen)
    assert done(account.answer("m2")).merged
    assert (account.order(place).size, account.order(place).price) == (LESS, OTHER)


def test_change_of_an_older_version_in_the_same_field_is_refused_with_both_versions() -> None:
    account, venue, place = begun()
    seen = account.order(place).version
    amended(account, venue, place, size=LESS)
    account.modify(place.order_id, correlation_id="m2", message_id="mod-2", size=MORE, expected_version=seen)
    answer = refused(account.answer("m2"))
    assert (answer.code, answer.rule, answer.fields) == (RefusalCode.CONCURRENT_MODIFICATION, "first_wins", ("size",))
    assert (answer.limit, answer.actual) == (str(seen + 1), str(seen))
    assert "0.02" in answer.text
    assert answer.view is not None
    assert answer.view.order.size == LESS


def test_users_change_of_a_version_before_a_risk_rules_is_refused_in_any_field() -> None:
    account, venue, place = begun()
    seen = account.order(place).version
    amended(account, venue, place, size=LESS, initiated_by=InitiatedBy.RISK_RULE)
    account.modify(place.order_id, correlation_id="m2", message_id="mod-2", price=OTHER, expected_version=seen)
    assert refused(account.answer("m2")).rule == "risk_rule_wins"


def test_risk_rules_change_overrides_a_users_of_the_same_field() -> None:
    account, venue, place = begun()
    seen = account.order(place).version
    amended(account, venue, place, size=MORE)
    amended(account, venue, place, 2, size=LESS, initiated_by=InitiatedBy.RISK_RULE, expected_version=seen)
    assert account.order(place).size == LESS


def test_change_of_a_version_before_a_fill_is_judged_by_what_is_left() -> None:
    account, venue, place = begun()
    seen = account.order(place).version
    venue.fill(place.client_order_id, Decimal("0.004"))
    account.modify(place.order_id, size=Decimal("0.004"), expected_version=seen)
    assert refused(account.answer("m1")).code is RefusalCode.INVALID_ORDER
    amended(account, venue, place, 2, size=Decimal("0.005"), expected_version=seen)
    assert done(account.answer("m2")).merged


def test_change_of_a_version_that_never_was_is_refused() -> None:
    account, _, place = begun()
    account.modify(place.order_id, size=LESS, expected_version=99)
    assert refused(account.answer()).code is RefusalCode.CONCURRENT_MODIFICATION


def test_change_by_the_former_id_is_judged_by_what_the_replacement_changed() -> None:
    account, venue, place = by_venue()
    seen = account.order(place).version
    account.modify(place.order_id, price=OTHER)
    account.do(venue.replace(venue.take(ReplaceVenueOrder)))
    account.modify(place.order_id, correlation_id="m2", message_id="mod-2", price=PRICE, expected_version=seen)
    assert refused(account.answer("m2")).rule == "first_wins"
    account.modify(place.order_id, correlation_id="m3", message_id="mod-3", size=LESS, expected_version=seen)
    account.do(venue.replace(venue.take(ReplaceVenueOrder)))
    answer = done(account.answer("m3"))
    assert (answer.merged, answer.view.order.price, answer.view.order.size) == (True, OTHER, LESS)


# ----- two at a time


@pytest.mark.parametrize("ways", [begun, by_venue, by_cancel])
def test_second_change_while_one_is_under_way_is_refused(ways: Any) -> None:
    account, _, place = ways()
    account.modify(place.order_id, size=LESS)
    account.modify(place.order_id, correlation_id="m2", message_id="mod-2", price=OTHER)
    answer = refused(account.answer("m2"))
    assert answer.code is RefusalCode.CONCURRENT_MODIFICATION
    assert answer.view is not None


@pytest.mark.parametrize("ways", [begun, by_venue, by_cancel])
def test_risk_rules_change_waits_for_a_users_and_is_made_then(ways: Any) -> None:
    account, venue, place = ways()
    account.modify(place.order_id, price=OTHER)
    account.modify(
        place.order_id, correlation_id="m2", message_id="mod-2", size=LESS, initiated_by=InitiatedBy.RISK_RULE
    )
    assert account.answers("m2") == []
    venue.settle(90)
    assert done(account.answer("m2")).view.order.size == LESS
    assert [(each.claim.price, each.claim.size) for each in venue.working()] == [(OTHER, LESS)]


def test_risk_rules_change_that_waited_for_one_that_ended_the_order_is_refused() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    account.modify(
        place.order_id, correlation_id="m2", message_id="mod-2", size=LESS, initiated_by=InitiatedBy.RISK_RULE
    )
    venue.fill(place.client_order_id, SIZE)
    assert refused(account.answer("m2")).code is RefusalCode.WRONG_STATE
    assert refused(account.answer("m1")).code is RefusalCode.NOT_MODIFIED


@pytest.mark.parametrize("ways", [begun, by_venue, by_cancel])
def test_same_command_again_waits_with_the_first_and_both_are_answered(ways: Any) -> None:
    account, venue, place = ways()
    account.modify(place.order_id, price=OTHER)
    account.modify(place.order_id, correlation_id="m2", price=OTHER)
    venue.settle(10)
    assert not done(account.answer("m1")).duplicate
    assert done(account.answer("m2")).duplicate
    kinds = (AmendVenueOrder, ReplaceVenueOrder, CancelVenueOrder)
    assert sum(len(account.to_venue(kind)) for kind in kinds) == 1


@pytest.mark.parametrize("ways", [begun, by_venue, by_cancel])
def test_same_command_after_a_restart_is_answered_with_the_result(ways: Any) -> None:
    account, venue, place = ways()
    account.modify(place.order_id, price=OTHER)
    venue.settle(10)
    again = account.restarted()
    venue.attach(again)
    again.modify(place.order_id, correlation_id="m2", price=OTHER)
    assert done(again.answer("m2")).duplicate
    again.modify(place.order_id, correlation_id="m3", price=PRICE)
    answer = refused(again.answer("m3"))
    assert (answer.code, answer.fields) == (RefusalCode.IDEMPOTENCY_CONFLICT, ("price",))


def test_same_command_that_came_to_nothing_is_answered_so_again() -> None:
    account, venue, place = by_venue()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.replace(venue.take(ReplaceVenueOrder), place=False))
    account.modify(place.order_id, correlation_id="m2", price=OTHER)
    assert refused(account.answer("m2")).code is RefusalCode.NOT_MODIFIED
    assert len(account.to_venue(ReplaceVenueOrder)) == 1


def test_command_id_used_for_another_change_while_one_is_under_way_is_refused() -> None:
    account, _, place = begun()
    account.modify(place.order_id, price=OTHER)
    account.modify(place.order_id, correlation_id="m2", price=PRICE, size=LESS)
    assert refused(account.answer("m2")).fields == ("size", "price")


# ----- cancels


def test_cancel_of_an_order_that_was_replaced_cancels_its_replacement() -> None:
    account, venue, place = by_venue()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.replace(venue.take(ReplaceVenueOrder)))
    account.cancel_by_id(place.order_id)
    request = venue.take(CancelVenueOrder)
    assert request.order_id == account.follower(place.order_id).order_id
    account.do(venue.cancel(request))
    assert isinstance(account.answer("x1"), CancelDone)
    assert venue.working() == []


@pytest.mark.parametrize("name", ["old", "new"])
def test_cancel_while_the_old_order_is_being_cancelled_withdraws_the_replacement(name: str) -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, price=OTHER)
    new = account.follower(place.order_id)
    account.cancel_by_id(place.order_id if name == "old" else new.order_id)
    assert account.answers("x1") == []
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    assert account.follower(place.order_id).state is OrderState.CANCELLED
    venue.settle(5)
    answer = account.answer("x1")
    assert isinstance(answer, CancelDone)
    assert answer.view.local_id == place.order_id
    assert len(account.to_venue(PlaceOrder)) == 1
    assert venue.working() == []


@pytest.mark.parametrize("effect", [True, False])
def test_cancel_while_the_venue_replaces_ends_both_before_it_is_answered(*, effect: bool) -> None:
    account, venue, place = by_venue()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    account.cancel_by_id(place.order_id)
    assert account.answers("x1") == []
    account.do(venue.replace(request) if effect else venue.not_processed(request))
    assert account.answers("x1") == []
    venue.settle(20)
    assert venue.working() == []
    assert isinstance(account.answer("x1"), CancelDone)


def test_cancel_while_an_amend_is_under_way_lets_the_cancel_win() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    account.cancel_by_id(place.order_id)
    request = venue.take(AmendVenueOrder)
    account.do(venue.cancel(venue.take(CancelVenueOrder)))
    account.do(venue.amend(request))
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    assert isinstance(account.answer("x1"), CancelDone)


@pytest.mark.parametrize("ways", [begun, by_venue, by_cancel])
def test_cancel_all_in_the_middle_of_a_change_leaves_nothing_working(ways: Any) -> None:
    account, venue, place = ways()
    account.modify(place.order_id, price=OTHER)
    account.do(CancelAll(account_id="1", correlation_id="all"))
    venue.settle(60)
    assert venue.working() == []
    answer = account.answer("all")
    assert isinstance(answer, CancelsDone)
    assert answer.unresolved == ()


@pytest.mark.parametrize("ways", [begun, by_venue, by_cancel])
def test_kill_switch_in_the_middle_of_a_change_leaves_nothing_working(ways: Any) -> None:
    account, venue, place = ways()
    account.modify(place.order_id, price=OTHER)
    account.do(SetKillSwitch(account_id="1", correlation_id="k1", on=True, reason="drill"))
    venue.settle(60)
    assert venue.working() == []
    for order in account.views.orders.values():
        assert order.modification is None
        assert order.state not in (OrderState.PENDING, OrderState.SUBMITTED, OrderState.ACKNOWLEDGED)


def test_kill_switch_thrown_without_cancels_refuses_the_replacement_that_waits() -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    account.do(SetKillSwitch(account_id="1", on=True, cancel_orders=False))
    account.do(venue.cancel(request))
    venue.settle(5)
    assert len(account.to_venue(PlaceOrder)) == 1
    new = account.follower(place.order_id)
    assert new.state in (OrderState.REJECTED, OrderState.CANCELLED)
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED


# ----- changed at the venue


def test_change_made_at_the_venue_is_taken_over_with_an_alert_and_a_step() -> None:
    account, venue, place = begun()
    account.pass_ms(10)
    venue.orders[place.client_order_id].change(price=OTHER, updated_venue_ms=account.now_ms)
    venue.show(place.client_order_id)
    order = account.order(place)
    assert (order.price, order.modified_by, order.terms_venue_ms) == (OTHER, InitiatedBy.VENUE, account.now_ms)
    assert account.alert("OrderChangedElsewhere").details[0] == ("fields", "price")
    step = account.views.transitions[place.order_id][-1]
    assert dict(step.metadata) == {"price": "42500 -> 42400", "by": "venue"}


def test_list_that_is_older_than_a_change_brings_no_old_terms_back() -> None:
    account, venue, place = begun()
    stale = venue.orders[place.client_order_id].claim
    account.pass_ms(10)
    amended(account, venue, place, size=LESS)
    evidence = account.now_evidence()
    account.do(make(OpenOrdersFetched, **HEAD, orders=(stale,), asked_venue_ms=account.now_ms, evidence=evidence))
    assert account.order(place).size == LESS
    assert "OrderChangedElsewhere" not in account.alerts()
    undated = replace(stale, updated_venue_ms=None)
    account.hear(undated)
    assert account.order(place).size == LESS


def test_users_change_of_a_version_before_one_made_at_the_venue_is_refused() -> None:
    account, venue, place = begun()
    seen = account.order(place).version
    account.pass_ms(10)
    venue.orders[place.client_order_id].change(price=OTHER, updated_venue_ms=account.now_ms)
    venue.show(place.client_order_id)
    account.modify(place.order_id, price=Decimal("42300.00"), expected_version=seen)
    assert refused(account.answer()).rule == "system_wins"


def test_order_that_others_placed_and_changed_is_followed_without_an_alert() -> None:
    account, venue, place = begun()
    strange = replace(
        venue.orders[place.client_order_id].claim, client_order_id="manual-1", venue_order_id="99",
        updated_venue_ms=account.now_ms,
    )  # fmt: skip
    account.hear(strange)
    account.hear(replace(strange, price=OTHER, updated_venue_ms=account.now_ms + 1))
    (foreign,) = (order for order in account.views.orders.values() if order.external)
    assert foreign.price == OTHER
    assert "OrderChangedElsewhere" not in account.alerts()


def test_order_that_was_replaced_twice_has_three_different_ids() -> None:
    account, venue, place = by_venue()
    for number, price in ((1, OTHER), (2, PRICE)):
        name = f"m{number}"
        account.modify(place.order_id, correlation_id=name, message_id=f"mod-{number}", price=price)
        account.do(venue.replace(venue.take(ReplaceVenueOrder)))
        assert done(account.answer(name))
    assert len(set(venue.placements)) == 3
    assert [each.claim.status for each in venue.orders.values()] == [
        PublicStatus.CANCELLED, PublicStatus.CANCELLED, PublicStatus.OPEN,
    ]  # fmt: skip
    chain = [account.order(place)]
    while chain[-1].replaced_by is not None:
        chain.append(account.views.orders[chain[-1].replaced_by])
    assert len(chain) == 3


def test_change_by_the_venues_id_finds_the_order() -> None:
    account, venue, _ = begun()
    account.do(ModifyOrder(account_id="1", correlation_id="m1", order_id="28", size=LESS))
    account.do(venue.amend(venue.take(AmendVenueOrder)))
    assert done(account.answer())
