"""What surrounds a change: timers of the order, the waiting room, failures of the exchange actor, the store."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from actors.policy import Freshness, PreTradePolicy
from actors.reminders import ExpiryDue, RespawnDue
from exchanges.gateway import AmendScope
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchOpenOrders,
    ModifyOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    SubmitOrder,
)
from messages.control import ChildFailed, Verdict
from messages.queries import OrderPlaced, OrderUnresolved, RefusalCode
from messages.reports import StreamLost
from messages.types import InitiatedBy, OrderState, TimeInForce
from tests.actors.account_kit import EXCHANGE_ADDRESS, HEAD, submit
from tests.actors.modify_kit import LESS, OTHER, PRICE, SIZE, ModifyAccount, Venue, done, refused, working_order
from tests.factories import make


def begun(terms: dict[str, Any] | None = None, **can: Any) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    account = ModifyAccount(**can)
    venue = Venue(account)
    place = working_order(account, venue, **(terms or {}))
    account.pass_ms(10)
    return account, venue, place


BY_CANCEL: dict[str, Any] = {"amend": AmendScope.NONE, "cancel_replace": False}


def test_change_waits_for_the_open_orders_where_they_are_always_fetched() -> None:
    pre_trade = PreTradePolicy(freshness=Freshness.ALWAYS_FETCH)
    account, venue, place = ModifyAccount(amend=AmendScope.NATIVE, pre_trade=pre_trade), None, None
    venue = Venue(account)
    account.do(submit())
    venue.settle(2)
    place = account.only_order()
    account.sent.clear()
    venue.attach(account)
    account.modify(place.order_id, price=OTHER)
    assert account.to_venue(AmendVenueOrder) == []
    assert len(account.to_venue(FetchOpenOrders)) == 1
    venue.settle(2)
    assert done(account.answer()).view.order.price == OTHER


def test_good_till_time_order_whose_replacement_failed_still_ends_at_its_time() -> None:
    account = ModifyAccount(amend=AmendScope.NONE)
    venue = Venue(account)
    ends_ms = account.now_ms + 20_000
    place = working_order(account, venue, time_in_force=TimeInForce.GTT, expires_at_ms=ends_ms)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    account.pass_ms(20_000)
    assert account.to_venue(CancelVenueOrder) == [] or account.to_venue(CancelVenueOrder)[0].order_id != place.order_id
    account.do(venue.not_processed(request))
    venue.settle(10)
    assert account.order(place).state is OrderState.EXPIRED
    assert venue.working() == []


def test_replacement_of_an_order_whose_time_is_over_is_not_placed() -> None:
    account = ModifyAccount(**BY_CANCEL)
    venue = Venue(account)
    ends_ms = account.now_ms + 3000
    place = working_order(account, venue, time_in_force=TimeInForce.GTT, expires_at_ms=ends_ms)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    new = account.follower(place.order_id)
    account.do(ExpiryDue(order_id=new.order_id))
    assert account.follower(place.order_id).state is OrderState.PENDING
    account.pass_ms(3000)
    account.do(venue.cancel(request))
    assert account.follower(place.order_id).state is OrderState.FAILED
    assert len(account.to_venue(PlaceOrder)) == 1


def test_amend_that_died_with_the_exchange_actor_is_read_when_that_is_back() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    venue.amend(venue.take(AmendVenueOrder))
    account.do(ChildFailed(address=EXCHANGE_ADDRESS, error="RuntimeError: broken", handling="AmendVenueOrder"))
    account.do(RespawnDue(exchange="binance"))
    venue.settle(3)
    assert done(account.answer()).view.order.size == LESS


def test_replace_that_died_with_the_exchange_actor_is_settled_by_reading() -> None:
    account, venue, place = begun(amend=AmendScope.NONE)
    account.modify(place.order_id, price=OTHER)
    venue.replace(venue.take(ReplaceVenueOrder))
    account.do(ChildFailed(address=EXCHANGE_ADDRESS, error="RuntimeError: broken", handling="ReplaceVenueOrder"))
    account.do(RespawnDue(exchange="binance"))
    venue.settle(5)
    assert done(account.answer()).view.order.price == OTHER
    assert account.order(place).state is OrderState.CANCELLED


def test_change_whose_turn_the_store_refused_never_leaves() -> None:
    account, _, place = begun()
    command = ModifyOrder(account_id="1", correlation_id="m1", message_id="mod-1", order_id=place.order_id, size=LESS)
    account.take(command)
    account.commit(Verdict.STALE)
    assert account.to_venue(AmendVenueOrder) == []
    assert isinstance(account.answer(), OrderUnresolved)


def test_risk_rules_change_that_waited_is_made_at_once_to_a_replacement_that_was_not_placed() -> None:
    account, venue, place = begun(amend=AmendScope.NONE)
    account.modify(place.order_id, price=OTHER)
    rule = {"correlation_id": "m2", "message_id": "mod-2", "initiated_by": InitiatedBy.RISK_RULE}
    account.modify(place.order_id, size=LESS, **rule)
    request = venue.take(ReplaceVenueOrder)
    account.do(replace(venue.replace(request, place=False), place=venue.not_processed(request.place)))
    sent = account.to_venue(PlaceOrder)[-1]
    assert (sent.price, sent.size) == (OTHER, LESS)
    venue.settle(60)
    assert done(account.answer("m2")).view.order.size == LESS
    assert [(each.claim.price, each.claim.size) for each in venue.working()] == [(OTHER, LESS)]
    assert refused(account.answer("m1")).code is RefusalCode.NOT_MODIFIED


def test_request_that_placed_the_first_order_is_a_duplicate_while_its_replacement_works() -> None:
    account = ModifyAccount(amend=AmendScope.NONE)
    venue = Venue(account)
    account.do(submit(request_id="r1"))
    venue.serve()
    place = account.to_venue(PlaceOrder)[0]
    account.modify(place.order_id, price=OTHER)
    venue.settle(5)
    account.do(submit(correlation_id="c2", request_id="r1"))
    venue.settle(5)
    answer = account.answer("c2")
    assert isinstance(answer, OrderPlaced)
    assert answer.duplicate
    assert len(venue.working()) == 1


def test_equal_order_at_the_same_level_as_a_replacement_is_not_taken_for_the_old_one() -> None:
    pre_trade = PreTradePolicy(duplicate_ticks=0)
    account, venue, place = begun(amend=AmendScope.NONE, pre_trade=pre_trade)
    account.modify(place.order_id, size=LESS)
    account.do(venue.replace(venue.take(ReplaceVenueOrder)))
    assert done(account.answer())
    second: SubmitOrder = replace(submit(), correlation_id="c2", request_id="other", size=SIZE, price=PRICE)
    account.do(second)
    assert refused(account.answer("c2")).code is RefusalCode.DUPLICATE_ORDER


def test_replacement_executes_beyond_nothing_that_was_asked_for() -> None:
    account, venue, place = begun(**BY_CANCEL)
    venue.fill(place.client_order_id, Decimal(0))
    account.modify(place.order_id, size=Decimal("0.02"))
    venue.fill(place.client_order_id, Decimal("0.007"))
    account.do(venue.cancel(venue.take(CancelVenueOrder)))
    account.do(venue.place(venue.take(PlaceOrder)))
    new = account.follower(place.order_id)
    venue.fill(new.client_order_id, Decimal(1))
    assert venue.executed() == Decimal("0.02")
    assert account.follower(place.order_id).state is OrderState.FILLED


def test_replace_that_placed_and_left_the_cancel_undone_has_the_old_order_cancelled() -> None:
    account, venue, place = begun(amend=AmendScope.NONE)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    account.do(replace(venue.not_processed(request), place=venue.place(request.place)))
    account.pass_ms(1)
    (cancel,) = account.to_venue(CancelVenueOrder)
    assert cancel.order_id == place.order_id


def test_replacement_that_the_gate_kept_waiting_too_long_is_not_placed() -> None:
    account, venue, place = begun(**BY_CANCEL)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.do(venue.cancel(request))
    account.pass_ms(31_000)
    assert account.follower(place.order_id).state is OrderState.FAILED
    account.connect(keep=True)
    venue.settle(5)
    assert len(account.to_venue(PlaceOrder)) == 1
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED


def test_amend_under_way_at_a_restart_is_read_before_anything_else_is_known() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    venue.amend(venue.take(AmendVenueOrder))
    again = account.restarted(open_gate=False)
    venue.attach(again)
    venue.serve()
    order = again.views.orders[place.order_id]
    assert (order.size, order.replace_pending) == (LESS, False)


def test_replacement_that_waited_for_the_gate_at_a_restart_is_placed_when_it_opens() -> None:
    account, venue, place = begun(**BY_CANCEL)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.do(venue.cancel(request))
    again = account.restarted()
    venue.attach(again)
    venue.settle(5)
    assert [each.claim.price for each in venue.working()] == [OTHER]
    assert again.follower(place.order_id).state is OrderState.ACKNOWLEDGED
