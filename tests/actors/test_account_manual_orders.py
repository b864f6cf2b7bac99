"""Orders that others have placed in the account: seen, counted, and left alone until somebody claims them."""

from typing import Any

import pytest

from messages.codec import decode_public
from messages.commands import CancelOrder, CancelVenueOrder, ClaimOrder, PlaceOrder
from messages.control import FillTimeoutDue
from messages.queries import CancelDone, GetExposure, GetOrder, GetOrders, OrderClaimed, RefusalCode
from messages.types import InitiatedBy, Order, OrderState, PublicStatus
from tests.actors.account_kit import executed, submit
from tests.actors.awareness_kit import Aware, D, aware, cancel_all, foreign
from tests.factories import make


def claim_order(order_id: str, name: str = "c1") -> ClaimOrder:
    return ClaimOrder(account_id="1", correlation_id=name, order_id=order_id)


def as_placed(order: Order) -> PlaceOrder:
    """A request with the order's ids, to build executions of it."""
    return make(PlaceOrder, order_id=order.order_id, client_order_id=order.client_order_id, price=order.price)


def fill_by_hand(account: Aware, order: Order, size: str, fill_id: str = "71") -> None:
    account.hear_fill(executed(as_placed(order), size, fill_id, venue_order_id="900"))


def struck(account: Aware, order: Order) -> None:
    """The fill timeout's supervisor says that an order's time is over."""
    account.do(FillTimeoutDue(account_id="1", order_id=order.order_id, due_ms=account.now_ms))


# ----- adopted


@pytest.mark.parametrize("by", ["stream", "list"])
def test_order_placed_by_hand_is_adopted_shown_and_not_ours(by: str) -> None:
    account = aware()
    if by == "stream":
        account.see_foreign()
    else:
        account.list_orders(foreign())
    order = account.only_order()
    assert (order.external, order.state, order.initiated_by) == (True, OrderState.ACKNOWLEDGED, InitiatedBy.VENUE)
    view = account.ask(GetOrder(account_id="1", order_id="900")).view
    assert (view.external, view.local_id) == (True, "binance:BTC-USDT:900")
    assert len(account.ask(GetOrders(account_id="1", open_only=True)).views) == 1
    assert account.shown_to_others() == ["900"]
    assert decode_public(account.open_hash["1"]["900"]).price == D(40000)


def test_order_placed_by_hand_is_adopted_once_whoever_shows_it() -> None:
    account = aware()
    account.see_foreign()
    account.list_orders(foreign())
    account.merge_history(foreign())
    assert len(account.views.orders) == 1


def test_order_placed_by_hand_survives_a_restart_as_what_it_is() -> None:
    account = aware()
    order = account.see_foreign()
    again = account.restarted()
    assert again.views.orders[order.order_id].external
    assert again.shown_to_others() == ["900"]


def test_order_placed_by_hand_counts_in_exposure_until_it_ends() -> None:
    account = aware()
    order = account.see_foreign(size=D("0.02"))
    (stake,) = account.ask(GetExposure(account_id="1")).symbols
    assert (stake.open_orders, stake.buy_size, stake.highest_position) == (1, D("0.02"), D("0.02"))
    fill_by_hand(account, order, "0.005")
    (stake,) = account.ask(GetExposure(account_id="1")).symbols
    assert (stake.buy_size, stake.position) == (D("0.015"), D("0.005"))
    account.see_foreign(size=D("0.02"), filled_size=D("0.005"), status=PublicStatus.CANCELLED)
    (stake,) = account.ask(GetExposure(account_id="1")).symbols
    assert (stake.open_orders, stake.position) == (0, D("0.005"))


def test_executions_of_an_order_placed_by_hand_are_booked_once() -> None:
    account = aware()
    order = account.see_foreign()
    fill_by_hand(account, order, "0.004")
    fill_by_hand(account, order, "0.004")
    assert account.position().size == D("0.004")
    assert account.views.orders[order.order_id].filled_size == D("0.004")


def test_order_placed_by_hand_that_vanished_is_looked_up_like_any() -> None:
    account = aware()
    order = account.see_foreign()
    account.pass_ms(1000)
    account.list_orders()
    account.look_up(order.order_id)
    account.found(as_placed(order), foreign(status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert account.views.orders[order.order_id].state is OrderState.CANCELLED
    assert account.shown_to_others() == []


# ----- left alone


def test_order_placed_by_hand_has_no_fill_timeout() -> None:
    account = aware()
    order = account.see_foreign()
    fill_by_hand(account, order, "0.004")
    assert account.fill_timers() == []
    account.pass_ms(600_000)
    struck(account, account.views.orders[order.order_id])
    assert account.cancels() == []
    assert account.views.orders[order.order_id].timed_out_ms is None


def test_order_placed_by_hand_is_left_alone_by_cancel_all_and_by_every_interval() -> None:
    account = aware()
    account.see_foreign()
    account.do(cancel_all())
    account.pass_ms(3_700_000)
    assert account.cancels() == []


def test_order_placed_by_hand_does_not_expire_by_our_clock() -> None:
    account = aware()
    order = account.see_foreign()
    account.pass_ms(3_600_000)
    assert account.views.orders[order.order_id].expires_at_ms is None
    assert account.told(CancelVenueOrder) == []


def test_order_placed_by_hand_is_cancelled_by_whoever_names_it() -> None:
    account = aware()
    order = account.see_foreign()
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id="900"))
    assert account.cancels() == [order.order_id]
    account.see_foreign(status=PublicStatus.CANCELLED, venue_status="CANCELED")
    assert account.reply_to("x1", CancelDone).view.state is OrderState.CANCELLED


# ----- claimed


def claimed(**changes: Any) -> tuple[Aware, Order]:
    account = aware()
    order = account.see_foreign(**changes)
    account.do(claim_order(order.order_id))
    return account, account.views.orders[order.order_id]


def test_claimed_order_is_ours_and_says_so() -> None:
    account, order = claimed()
    assert order.external is False
    assert account.reply_to("c1", OrderClaimed).view.external is False
    assert account.restarted().views.orders[order.order_id].external is False


@pytest.mark.parametrize("name", ["binance:BTC-USDT:900", "900", "by-hand"])
def test_order_is_claimed_by_any_of_its_ids(name: str) -> None:
    account = aware()
    order = account.see_foreign()
    account.do(claim_order(name))
    assert account.views.orders[order.order_id].external is False


def test_claimed_order_is_cancelled_with_ours() -> None:
    account, order = claimed()
    account.do(cancel_all())
    assert account.cancels() == [order.order_id]


def test_claimed_order_times_out_like_ours() -> None:
    account, order = claimed()
    fill_by_hand(account, order, "0.004")
    assert [timer.order_id for timer in account.fill_timers()] == [order.order_id]
    account.pass_ms(120_000)
    struck(account, account.views.orders[order.order_id])
    assert account.cancels() == [order.order_id]


def test_order_claimed_after_its_first_execution_times_out_like_ours() -> None:
    account = aware()
    order = account.see_foreign()
    fill_by_hand(account, order, "0.004")
    account.do(claim_order(order.order_id))
    assert [timer.order_id for timer in account.fill_timers()] == [order.order_id]


def test_claimed_order_stays_ours_whatever_the_venue_shows_of_it_next() -> None:
    account, order = claimed()
    account.pass_ms(1000)
    account.list_orders(foreign())
    account.see_foreign()
    assert account.views.orders[order.order_id].external is False
    assert len(account.views.orders) == 1


def test_claimed_order_is_no_repetition_of_an_equal_request() -> None:
    account, order = claimed(price=D("42500.00"))
    account.do(submit(request_id="mine"))
    assert len(account.told(PlaceOrder)) == 1
    assert len(account.views.orders) == 2
    assert account.views.orders[order.order_id].request_id is None


def test_order_claimed_twice_is_claimed() -> None:
    account, order = claimed()
    account.do(claim_order(order.order_id, "c2"))
    assert account.reply_to("c2", OrderClaimed).view.local_id == order.order_id


def test_order_of_ours_may_be_claimed_and_stays_as_it_is() -> None:
    account = aware()
    place = account.working()
    before = account.order(place)
    account.do(claim_order(place.order_id, "c2"))
    assert account.reply_to("c2", OrderClaimed).view.local_id == place.order_id
    assert account.order(place) is before


def test_order_that_has_ended_cannot_be_claimed() -> None:
    account = aware()
    order = account.see_foreign()
    account.see_foreign(status=PublicStatus.CANCELLED, venue_status="CANCELED")
    account.do(claim_order(order.order_id))
    assert account.refusal("c1").code is RefusalCode.WRONG_STATE
    assert account.views.orders[order.order_id].external


def test_order_nobody_knows_cannot_be_claimed() -> None:
    account = aware()
    account.do(claim_order("nobody"))
    assert account.refusal("c1").code is RefusalCode.UNKNOWN_ORDER


