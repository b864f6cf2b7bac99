"""The kill switch: nothing new passes, what works is cancelled, and whatever turns up meanwhile too."""

from typing import Any

import pytest

from messages.commands import CancelVenueOrder, ClaimOrder, ClosePosition, FetchOpenOrders, PlaceOrder
from messages.control import Verdict
from messages.events import KillSwitchChanged, RiskRuleTriggered
from messages.queries import GetExposure, KillSwitchSet, OrderPlaced, RefusalCode, Refused
from messages.reports import PlaceAmbiguous, PlaceNotProcessed, PlaceRejected
from messages.risk import KillSwitch
from messages.types import InitiatedBy, OrderState, Trigger
from tests.actors.account_kit import HEAD, TAG, executed, shown, submit
from tests.actors.awareness_kit import BOTH, Aware, aware, cancel_all, foreign, gone, kill_switch, sync
from tests.factories import make


def off(name: str = "k2", **changes: Any) -> Any:
    return kill_switch(on=False, name=name, **changes)


def refused_by_it(account: Aware, name: str = "new", **terms: Any) -> bool:
    """Whether an order is refused by the kill switch; if it is not, it must have left."""
    account.do(submit(correlation_id=name, request_id=name, **terms))
    refusals = [reply for reply in account.replies_to(name) if isinstance(reply, Refused)]
    if not refusals:
        assert account.told(PlaceOrder)[-1].order_id in account.views.orders
        return False
    (refusal,) = refusals
    assert (refusal.code, refusal.rule) == (RefusalCode.RISK_LIMIT, "killSwitch")
    return True


def test_switch_refuses_new_orders_with_a_record_and_the_reason() -> None:
    account = aware()
    account.do(kill_switch(reason="strategy runs wild"))
    assert refused_by_it(account)
    refusal = account.refusal("new")
    assert "strategy runs wild" in refusal.text
    assert refusal.view is not None
    order = account.views.orders[refusal.view.local_id]
    assert order.state is OrderState.REJECTED
    assert account.views.transitions[order.order_id][-1].trigger is Trigger.RISK_RULE_REJECT
    assert [(event.rule, event.action) for event in account.happened(RiskRuleTriggered)] == [("killSwitch", "reject")]
    assert account.told(PlaceOrder) == []


def test_switch_is_answered_shown_told_and_cancels_what_works() -> None:
    account = aware()
    place = account.working()
    account.see_foreign()
    account.do(kill_switch(reason="why"))
    reply = account.reply_to("k1", KillSwitchSet)
    assert reply.kill_switch == KillSwitch(on=True, since_ms=account.now_ms, reason="why")
    assert reply.cancelling == (place.order_id,)
    assert account.cancels() == [place.order_id]
    assert account.ask(GetExposure(account_id="1")).kill_switch == reply.kill_switch
    assert [event.kill_switch for event in account.happened(KillSwitchChanged)] == [reply.kill_switch]
    assert account.alerts() == ["KillSwitch"]
    account.cancelled(place)
    assert account.views.transitions[place.order_id][-1].trigger is Trigger.RISK_RULE_CANCEL


def test_switch_that_is_not_to_cancel_leaves_what_works_alone() -> None:
    account = aware()
    account.working()
    account.do(kill_switch(cancel_orders=False))
    assert account.reply_to("k1", KillSwitchSet).cancelling == ()
    assert account.cancels() == []
    assert refused_by_it(account)


def test_switch_that_means_everything_cancels_what_others_placed_and_what_the_list_shows() -> None:
    account = aware()
    known = account.see_foreign()
    account.pass_ms(10)
    account.do(kill_switch(everything=True))
    assert account.cancels() == [known.order_id]
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders(foreign(), foreign(venue_order_id="901", client_order_id="by-hand-2"))
    assert account.cancels() == [known.order_id, "binance:BTC-USDT:901"]


def test_switch_thrown_once_more_cancels_once_more_and_is_the_same_switch() -> None:
    account = aware()
    place = account.working()
    account.do(kill_switch(reason="first"))
    account.pass_ms(100)
    account.do(kill_switch(name="again", reason="second"))
    first, again = account.reply_to("k1", KillSwitchSet), account.reply_to("again", KillSwitchSet)
    assert first.kill_switch == again.kill_switch
    assert again.cancelling == (place.order_id,)
    assert account.cancels() == [place.order_id] * 2
    assert len(account.happened(KillSwitchChanged)) == 1


def test_switch_off_lets_orders_pass_again() -> None:
    account = aware()
    account.do(kill_switch())
    account.do(off())
    assert account.reply_to("k2", KillSwitchSet).kill_switch.on is False
    assert not refused_by_it(account)


def test_request_refused_by_the_switch_may_be_made_again_when_it_is_off() -> None:
    account = aware()
    account.do(kill_switch())
    assert refused_by_it(account)
    account.do(off())
    account.do(submit(correlation_id="again", request_id="new"))
    assert len(account.told(PlaceOrder)) == 1


def test_switch_off_that_was_never_on_changes_nothing() -> None:
    account = aware()
    account.do(off())
    assert account.reply_to("k2", KillSwitchSet).kill_switch.on is False
    assert not refused_by_it(account)


# ----- restarts and configuration


def test_switch_survives_a_restart_and_cancels_what_still_works() -> None:
    account = aware()
    place = account.working()
    account.do(kill_switch(reason="kept"))
    again = account.restarted()
    assert again.ask(GetExposure(account_id="1")).kill_switch == account.views.kill_switch
    again.pass_ms(1000)
    assert place.order_id in again.cancels()
    assert refused_by_it(again)
    assert "kept" in again.refusal("new").text


def test_switch_off_survives_a_restart() -> None:
    account = aware()
    account.do(kill_switch())
    account.do(off())
    assert not refused_by_it(account.restarted())


def test_switch_that_was_not_durable_was_never_thrown() -> None:
    account = aware()
    account.working()
    account.take(kill_switch())
    assert account.replies_to("k1") == []
    assert account.cancels() == []
    account.commit(Verdict.STALE)
    assert account.refusal("k1").code is RefusalCode.ACCOUNT_STOPPED


def test_switch_held_on_by_configuration_refuses_and_cannot_be_switched_off() -> None:
    account = aware(limits={"kill_switch": True})
    assert refused_by_it(account)
    assert "configuration" in account.refusal("new").text
    account.do(off())
    assert account.refusal("k2").code is RefusalCode.RISK_LIMIT
    assert refused_by_it(account, "another")


def test_switch_switched_on_by_configuration_cancels_at_the_start_what_works() -> None:
    account = aware()
    place = account.working()
    account.see_foreign()
    again = account.restarted(risk=aware(limits={"kill_switch": True}).policy["risk"])
    assert again.cancels() == [place.order_id]


def test_switch_off_in_the_configuration_leaves_the_one_that_was_commanded_on() -> None:
    account = aware(limits={"kill_switch": True})
    account.do(kill_switch())
    again = account.restarted(risk=aware().policy["risk"])
    assert refused_by_it(again)


# ----- what turns up while it is on


def test_placement_in_flight_is_cancelled_when_the_venue_has_it() -> None:
    account = aware()
    place = account.placed()
    account.do(kill_switch())
    account.sent.clear()
    account.accept(place, shown(place))
    account.pass_ms(1000)
    assert account.cancels() == [place.order_id]
    account.cancelled(place)
    assert account.order(place).state is OrderState.CANCELLED


def test_placement_whose_outcome_is_unknown_is_found_and_cancelled() -> None:
    account = aware()
    place = account.placed()
    account.do(make(PlaceAmbiguous, **HEAD | {"order_id": place.order_id}))
    account.do(kill_switch())
    account.sent.clear()
    account.look_up(place.order_id)
    account.found(place, shown(place))
    account.pass_ms(1000)
    assert place.order_id in account.cancels()


def test_placement_that_was_not_processed_is_not_sent_again() -> None:
    account = aware()
    place = account.placed()
    account.do(kill_switch())
    account.sent.clear()
    account.do(make(PlaceNotProcessed, **HEAD | {"order_id": place.order_id}))
    account.pass_ms(10_000)
    assert account.told(PlaceOrder) == []
    assert account.order(place).state is OrderState.CANCELLED


def test_order_of_ours_that_the_store_had_lost_is_cancelled_when_it_turns_up() -> None:
    account = aware()
    account.do(kill_switch())
    lost = foreign(client_order_id=TAG + "f" * 24)
    account.list_orders(lost)
    assert account.cancels() == [lost.client_order_id]


def test_order_held_for_dead_that_works_after_all_is_cancelled() -> None:
    account = aware()
    place = account.placed()
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}))
    account.do(kill_switch())
    account.hear(shown(place))
    assert account.cancels() == [place.order_id]
    account.hear(shown(place))
    assert len(account.told(CancelVenueOrder)) == 1


def test_order_placed_by_hand_is_left_alone_until_it_is_claimed() -> None:
    account = aware()
    account.do(kill_switch())
    by_hand = account.see_foreign()
    assert account.cancels() == []
    account.do(ClaimOrder(account_id="1", correlation_id="c", order_id=by_hand.order_id))
    assert account.cancels() == [by_hand.order_id]


def test_orders_on_all_exchanges_are_cancelled() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    for exchange in BOTH:
        account.do(submit(correlation_id=exchange, request_id=exchange, exchange=exchange))
    account.do(kill_switch())
    assert len(account.asked_of(CancelVenueOrder)) == len(account.asked_of(CancelVenueOrder, "kraken")) == 1


def test_hosts_who_wait_are_answered_by_what_becomes_of_their_orders() -> None:
    account = aware()
    place = account.placed(correlation_id="p")
    account.do(cancel_all())
    account.do(kill_switch())
    account.accept(place, shown(place))
    assert account.reply_to("p", OrderPlaced).view.cancel_pending
    assert account.replies_to("a1") == []
    account.hear(gone(place))
    assert len(account.replies_to("a1")) == 1


def test_other_commands_are_carried_out_while_it_is_on() -> None:
    account = aware()
    account.do(kill_switch())
    account.do(sync())
    account.do(cancel_all())
    assert account.synced("s1").orders == ()
    assert len(account.replies_to("a1")) == 1


# ----- closes


def holding() -> Aware:
    account = aware()
    place = account.working(request_id="opening")
    account.hear_fill(executed(place, "0.01"))
    account.sent.clear()
    return account


def close(by: InitiatedBy) -> ClosePosition:
    return ClosePosition(
        account_id="1", message_id="close", correlation_id="close", exchange="binance", symbol="BTC-USDT",
        initiated_by=by,
    )  # fmt: skip


def test_close_by_a_risk_rule_passes_and_works_on() -> None:
    account = holding()
    account.do(kill_switch())
    account.do(close(InitiatedBy.RISK_RULE))
    (place,) = account.to_venue(PlaceOrder)
    account.accept(place, shown(place, venue_order_id="29"))
    account.pass_ms(1000)
    assert account.cancels() == []


@pytest.mark.parametrize("by", [InitiatedBy.USER, InitiatedBy.SYSTEM])
def test_close_by_anybody_else_does_not_pass(by: InitiatedBy) -> None:
    account = holding()
    account.do(kill_switch())
    account.do(close(by))
    assert account.to_venue(PlaceOrder) == []
    refusal = account.refusal("close")
    assert (refusal.code, refusal.rule) == (RefusalCode.RISK_LIMIT, "killSwitch")


def test_close_refused_by_the_switch_may_be_asked_for_again_when_it_is_off() -> None:
    account = holding()
    account.do(kill_switch())
    account.do(close(InitiatedBy.USER))
    account.do(off())
    account.do(close(InitiatedBy.USER))
    assert len(account.to_venue(PlaceOrder)) == 1
