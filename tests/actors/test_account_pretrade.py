"""What is looked at before an order is placed: orders that are equal to it, and orders that it would meet."""

from typing import Any

import pytest

from messages.commands import CreateDraft, ModifyOrder, PlaceOrder
from messages.events import RiskRuleTriggered
from messages.queries import OrderPlaced, RefusalCode
from messages.reports import CancelRefused, PlaceAmbiguous
from messages.types import (
    EvidenceSource,
    InitiatedBy,
    Order,
    OrderState,
    OrderType,
    PublicStatus,
    Side,
    TimeInForce,
    Trigger,
)
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.awareness_kit import BOTH, Aware, D, aware, gone
from tests.factories import make


def wish(name: str = "new", **terms: Any) -> Any:
    return submit(**{"correlation_id": name, "request_id": name} | terms)


def leaves(account: Aware, name: str = "new", **terms: Any) -> bool:
    """Whether an order that is asked for leaves for its venue at once."""
    before = len(account.told(PlaceOrder))
    account.do(wish(name, **terms))
    return len(account.told(PlaceOrder)) > before


def rejected(account: Aware, name: str = "new") -> Order:
    """The record of the refused order."""
    (order,) = (each for each in account.views.orders.values() if each.request_id == name)
    return order


# ----- duplicates


@pytest.mark.parametrize(
    ("ticks", "price", "refused"),
    [
        (0, "42500.00", True),
        (0, "42500.01", False),
        (1, "42500.01", True),
        (1, "42499.99", True),
        (1, "42500.02", False),
        (2, "42499.98", True),
        (2, "42499.97", False),
        (None, "42500.00", False),
    ],
)
def test_order_near_another_one_is_refused_within_the_ticks_allowed(
    ticks: int | None, price: str, refused: bool  # noqa: FBT001 - a column of the table
) -> None:
    account = aware(duplicate_ticks=ticks)
    account.working()
    assert leaves(account, price=D(price), size=D("0.02")) is not refused


@pytest.mark.parametrize(
    "terms",
    [
        {"side": Side.SELL, "price": D(42600)},
        {"type": OrderType.STOP_LIMIT, "stop_price": D(42500)},
        {"symbol": "ETH-USDT"},
        {"exchange": "kraken"},
    ],
    ids=["other side", "other type", "other symbol", "other exchange"],
)
def test_order_of_another_kind_at_the_same_level_is_no_duplicate(terms: dict[str, Any]) -> None:
    account = aware(duplicate_ticks=2, exchanges=BOTH)
    account.connect("kraken")
    account.know("ETH-USDT")
    account.working()
    assert leaves(account, **terms)


def test_duplicate_is_refused_with_the_other_order_in_view_and_recorded_with_evidence() -> None:
    account = aware(duplicate_ticks=1)
    other = account.working()
    account.do(wish(price=D("42500.01")))
    refusal = account.refusal("new")
    assert (refusal.code, refusal.limit, refusal.actual) == (RefusalCode.DUPLICATE_ORDER, "1", "42500.01")
    assert refusal.view is not None
    assert refusal.view.local_id == other.order_id
    order = rejected(account)
    assert (order.state, order.reason) == (OrderState.REJECTED, RefusalCode.DUPLICATE_ORDER)
    assert account.views.evidence[order.order_id].source is EvidenceSource.LOCAL
    assert [step.trigger for step in account.views.transitions[order.order_id]][-1] is Trigger.VALIDATION_FAIL
    assert account.shown_to_others() == ["28"]


def test_duplicate_of_an_order_placed_by_hand_is_refused() -> None:
    account = aware(duplicate_ticks=0)
    by_hand = account.see_foreign(price=D("42500.00"))
    account.do(wish())
    refusal = account.refusal("new")
    assert refusal.view is not None
    assert refusal.view.local_id == by_hand.order_id
    assert "not placed here" in refusal.text


@pytest.mark.parametrize("state", ["in flight", "unknown", "cancel asked", "partly filled"])
def test_order_that_may_still_work_counts_as_a_duplicate(state: str) -> None:
    account = aware(duplicate_ticks=0)
    place = account.placed(request_id="old", size=D("0.02"))
    if state == "unknown":
        account.do(make(PlaceAmbiguous, **HEAD | {"order_id": place.order_id}))
    elif state != "in flight":
        account.accept(place, shown(place))
        if state == "cancel asked":
            account.cancel(place)
        else:
            account.hear_fill(executed(place, "0.005"))
    assert not leaves(account)
    assert account.refusal("new").code is RefusalCode.DUPLICATE_ORDER


@pytest.mark.parametrize("lasting", [TimeInForce.IOC, TimeInForce.FOK])
def test_order_that_cannot_rest_counts_as_a_duplicate_until_its_end_is_told(lasting: TimeInForce) -> None:
    account = aware(duplicate_ticks=0)
    account.accept(account.placed(request_id="old", time_in_force=lasting), None)
    assert not leaves(account, time_in_force=lasting)
    assert f"is a LIMIT {lasting} BUY" in account.refusal("new").text
    assert "its end is not told yet" in account.refusal("new").text


def test_order_that_has_ended_is_no_duplicate() -> None:
    account = aware(duplicate_ticks=0)
    place = account.working()
    account.hear(gone(place))
    assert leaves(account)


def test_duplicate_that_is_allowed_is_placed_once_for_each_request_id() -> None:
    account = aware(duplicate_ticks=0)
    account.working(request_id="old")
    assert leaves(account, "new", allow_duplicate=True)
    assert not leaves(account, "new", allow_duplicate=True)
    assert not leaves(account, "old", allow_duplicate=True)


def test_duplicate_that_is_allowed_without_a_request_id_is_placed_every_time() -> None:
    account = aware(duplicate_ticks=0)
    account.working()
    assert leaves(account, request_id=None, allow_duplicate=True)
    assert leaves(account, request_id=None, allow_duplicate=True)
    assert len({place.client_order_id for place in account.told(PlaceOrder)}) == 3


def test_request_refused_as_duplicate_may_be_made_again_when_the_other_order_has_ended() -> None:
    account = aware(duplicate_ticks=0)
    other = account.working()
    assert not leaves(account)
    account.hear(gone(other))
    assert leaves(account)
    ids = [place.client_order_id for place in account.told(PlaceOrder)]
    assert len(set(ids)) == len(ids)


def test_repetition_of_a_request_is_answered_with_its_order_and_is_no_duplicate_of_itself() -> None:
    account = aware(duplicate_ticks=0)
    place = account.working(request_id="new")
    account.do(wish("new"))
    reply = account.reply_to("new", OrderPlaced)
    assert (reply.duplicate, reply.view.local_id) == (True, place.order_id)


def test_refused_duplicate_is_told_as_a_rule_that_was_triggered() -> None:
    account = aware(duplicate_ticks=0)
    account.working()
    account.do(wish())
    (event,) = account.happened(RiskRuleTriggered)
    assert (event.rule, event.action, event.order_id) == (
        "duplicateToleranceTicks", "reject", rejected(account).order_id,
    )  # fmt: skip


# ----- orders it would meet


def resting_sell(account: Aware, price: str = "42600.00") -> PlaceOrder:
    return account.working("28", request_id="resting", side=Side.SELL, price=D(price))


@pytest.mark.parametrize(
    ("terms", "meets"),
    [
        ({"price": D("42600.00")}, True),
        ({"price": D("42700.00")}, True),
        ({"price": D("42599.99")}, False),
        ({"price": D("42700.00"), "post_only": True}, False),
        ({"price": D("42700.00"), "time_in_force": TimeInForce.IOC}, True),
        ({"type": OrderType.STOP_LIMIT, "price": D("42700.00"), "stop_price": D("42650.00")}, False),
        ({"side": Side.SELL, "price": D("42000.00")}, False),
    ],
    ids=["at the price", "through it", "below it", "post only", "ioc", "stop", "same side"],
)
def test_order_that_would_meet_one_of_ours_is_refused(
    terms: dict[str, Any], meets: bool  # noqa: FBT001 - a column of the table
) -> None:
    account = aware()
    resting = resting_sell(account)
    assert leaves(account, **terms) is not meets
    if meets:
        refusal = account.refusal("new")
        assert (refusal.code, refusal.limit) == (RefusalCode.SELF_TRADE, "42600")
        assert refusal.view is not None
        assert refusal.view.local_id == resting.order_id
        assert rejected(account).state is OrderState.REJECTED


def test_market_order_that_would_meet_one_of_ours_is_refused() -> None:
    account = aware()
    resting_sell(account, "42000.00")
    account.do(wish(type=OrderType.MARKET, price=None, reference_price=D(42500)))
    assert account.refusal("new").code is RefusalCode.SELF_TRADE


def test_stop_orders_and_drafts_rest_nowhere() -> None:
    account = aware()
    account.working(side=Side.SELL, type=OrderType.STOP_LIMIT, price=D(42000), stop_price=D(42100))
    account.do(CreateDraft(account_id="1", correlation_id="d", exchange="binance", symbol="BTC-USDT", side=Side.SELL,
                           type=OrderType.LIMIT, size=D("0.01"), price=D(42000)))  # fmt: skip
    assert leaves(account)


def test_resting_order_is_cancelled_first_and_the_new_one_waits_for_the_proof() -> None:
    account = aware(cancel_resting=True)
    resting = resting_sell(account)
    account.do(wish(price=D(42600)))
    assert account.cancels() == [resting.order_id]
    assert account.order(resting).cancelled_by is InitiatedBy.RISK_RULE
    (event,) = account.happened(RiskRuleTriggered)
    assert (event.rule, event.action, event.order_id) == ("selfTrade", "cancel", resting.order_id)
    account.hear(shown(resting))
    assert len(account.told(PlaceOrder)) == 1
    account.cancelled(resting)
    assert len(account.told(PlaceOrder)) == 2
    assert account.views.transitions[resting.order_id][-1].trigger is Trigger.RISK_RULE_CANCEL


def test_change_that_waits_for_another_one_of_the_resting_order_is_answered_once() -> None:
    account = aware(cancel_resting=True)
    resting = resting_sell(account)
    change: dict[str, Any] = {"account_id": "1", "order_id": resting.order_id}
    account.do(ModifyOrder(correlation_id="m1", message_id="mod-1", price=D(42700), **change))
    by: dict[str, Any] = {"initiated_by": InitiatedBy.RISK_RULE}
    account.do(ModifyOrder(correlation_id="m2", message_id="mod-2", size=D("0.005"), **change, **by))
    assert account.replies_to("m2") == []
    account.do(wish(price=D(42700)))
    # It waits for the end of what is in its way, and the change that waited is not what waits.
    assert account.replies_to("new") == []
    assert account.refusal("m2").code is RefusalCode.WRONG_STATE
    assert len(account.replies_to("m2")) == 1


def test_resting_order_that_was_filled_instead_of_cancelled_clears_the_way_too() -> None:
    account = aware(cancel_resting=True)
    resting = resting_sell(account)
    account.do(wish(price=D(42600)))
    account.do(make(CancelRefused, **HEAD | {"order_id": resting.order_id}))
    assert len(account.told(PlaceOrder)) == 1
    account.look_up(resting.order_id)
    filled = shown(resting, status=PublicStatus.FILLED, filled_size=D("0.01"))
    account.found(resting, filled, executed(resting, "0.01"))
    assert len(account.told(PlaceOrder)) == 2


def test_resting_order_that_is_being_cancelled_is_waited_for_and_not_cancelled_again() -> None:
    account = aware(cancel_resting=True)
    resting = resting_sell(account)
    account.cancel(resting)
    account.do(wish(price=D(42600)))
    assert account.cancels() == [resting.order_id]
    account.cancelled(resting)
    assert len(account.told(PlaceOrder)) == 2


def test_several_resting_orders_are_all_waited_for() -> None:
    account = aware(cancel_resting=True)
    first = resting_sell(account)
    second = account.working("29", request_id="second", side=Side.SELL, price=D(42610))
    account.do(wish(price=D(42700)))
    assert set(account.cancels()) == {first.order_id, second.order_id}
    account.cancelled(first)
    assert len(account.told(PlaceOrder)) == 2
    account.cancelled(second, "29")
    assert len(account.told(PlaceOrder)) == 3


def test_resting_order_that_appeared_while_the_first_was_cancelled_is_cancelled_too() -> None:
    account = aware(cancel_resting=True)
    first = resting_sell(account)
    lost = shown(first, client_order_id=first.client_order_id[:8] + "f" * 24, venue_order_id="77")
    account.do(wish(price=D(42600)))
    account.hear(lost)
    account.cancelled(first)
    assert account.cancels() == [first.order_id, lost.client_order_id]
    assert len(account.told(PlaceOrder)) == 1


def test_resting_order_placed_by_hand_is_never_cancelled() -> None:
    account = aware(cancel_resting=True)
    by_hand = account.see_foreign(side=Side.SELL, price=D(42600))
    resting = resting_sell(account, "42650.00")
    account.do(wish(price=D(42700)))
    refusal = account.refusal("new")
    assert refusal.code is RefusalCode.SELF_TRADE
    assert refusal.view is not None
    assert refusal.view.local_id == by_hand.order_id
    assert account.cancels() == []
    assert account.order(resting).cancel_pending is False


def test_resting_order_that_does_not_end_in_time_refuses_the_new_one() -> None:
    account = aware(cancel_resting=True)
    resting_sell(account)
    account.do(wish(price=D(42600)))
    account.pass_ms(5000)
    assert account.refusal("new").code is RefusalCode.SELF_TRADE
    assert len(account.told(PlaceOrder)) == 1
