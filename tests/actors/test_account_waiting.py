"""Placements that wait until something was read: decided in their order, never for long, and gone without a trace."""


import pytest

from actors.policy import Freshness
from messages.commands import (
    CancelOrder,
    CreateDraft,
    DiscardDraft,
    FetchOpenOrders,
    FetchPrice,
    PlaceOrder,
    SearchOrder,
    SubmitDraft,
)
from messages.control import Verdict
from messages.queries import GetOrders, OrderAdmitted, OrderPlaced, RefusalCode
from messages.reports import OpenOrdersFetched, StreamConnected, StreamLost
from messages.types import OrderType, Side
from tests.actors.account_kit import HEAD, shown, submit
from tests.actors.awareness_kit import BOTH, D, aware, cancel_all, foreign, kill_switch, sync
from tests.actors.waiting_kit import draft, fetching, placed, terms, wish
from tests.factories import make

# ----- how fresh is fresh


def test_placement_under_stream_freshness_leaves_at_once() -> None:
    account = aware(Freshness.STREAM)
    account.pass_ms(60_000)
    account.sent.clear()
    account.do(wish("a"))
    assert placed(account) == ["a"]
    assert account.asked_of(FetchOpenOrders) == []


def test_placement_under_always_fetch_waits_for_a_list_asked_for_after_it_came() -> None:
    account = fetching()
    account.do(wish("a"))
    assert placed(account) == []
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders()
    assert placed(account) == ["a"]


def test_placement_does_not_count_a_list_that_was_asked_for_before_it_came() -> None:
    account = fetching()
    before_ms = account.now_ms - 1
    account.do(wish("a"))
    account.list_orders(asked_ms=before_ms)
    assert placed(account) == []
    account.list_orders()
    assert placed(account) == ["a"]


@pytest.mark.parametrize("age_ms", [0, 2000])
def test_placement_under_max_age_leaves_with_a_list_that_is_young_enough(age_ms: int) -> None:
    account = aware(Freshness.MAX_AGE)
    account.pass_ms(age_ms)
    account.do(wish("a"))
    assert placed(account) == ["a"]


def test_placement_under_max_age_waits_when_the_list_is_too_old() -> None:
    account = aware(Freshness.MAX_AGE)
    account.pass_ms(2001)
    account.do(wish("a"))
    assert placed(account) == []
    account.list_orders()
    assert placed(account) == ["a"]


def test_list_that_took_longer_than_max_age_is_asked_for_again() -> None:
    account = aware(Freshness.MAX_AGE)
    account.pass_ms(2001)
    account.do(wish("a"))
    asked_ms = account.now_ms
    account.pass_ms(2500)
    account.sent.clear()
    account.list_orders(asked_ms=asked_ms)
    assert (placed(account), len(account.asked_of(FetchOpenOrders))) == ([], 1)
    account.list_orders()
    assert placed(account) == ["a"]


@pytest.mark.parametrize("freshness", [Freshness.ALWAYS_FETCH, Freshness.MAX_AGE])
def test_placement_after_the_clock_was_set_back_is_decided_with_a_list_of_its_own(freshness: Freshness) -> None:
    account = aware(freshness)
    account.system._virtual.step_wall(-3_600_000)
    account.do(wish("a"))
    assert placed(account) == []
    account.list_orders()
    assert placed(account) == ["a"]


def test_placement_that_came_before_the_clock_was_set_back_is_refused_and_does_not_wait_an_hour() -> None:
    account = fetching()
    account.do(wish("a"))
    account.system._virtual.step_wall(-3_600_000)
    account.list_orders()
    account.pass_ms(5000)
    assert account.refusal("a").code is RefusalCode.SYNC_FAILED
    assert placed(account) == []


# ----- sharing and order


def test_placements_on_several_symbols_share_one_list() -> None:
    account = fetching()
    account.know("ETH-USDT")
    account.do(wish("a"))
    account.do(wish("b"))
    account.do(wish("c", symbol="ETH-USDT"))
    assert len(account.asked_of(FetchOpenOrders)) == 1


def test_placement_that_came_while_the_list_was_under_way_gets_one_of_its_own() -> None:
    account = fetching()
    account.do(wish("a"))
    asked_ms = account.now_ms
    account.pass_ms(10)
    account.do(wish("b"))
    account.sent.clear()
    account.list_orders(asked_ms=asked_ms)
    assert placed(account) == ["a"]
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders()
    assert placed(account) == ["a", "b"]


def test_placement_on_another_symbol_that_came_while_the_list_was_under_way_gets_one_of_its_own() -> None:
    account = fetching()
    account.know("ETH-USDT")
    account.do(wish("a"))
    asked_ms = account.now_ms
    account.pass_ms(10)
    account.do(wish("b", symbol="ETH-USDT"))
    account.sent.clear()
    account.list_orders(asked_ms=asked_ms)
    assert placed(account) == ["a"]
    assert len(account.asked_of(FetchOpenOrders)) == 1


def test_placements_of_one_symbol_leave_in_the_order_in_which_they_came() -> None:
    account = fetching()
    for name in "abcd":
        account.do(wish(name))
    account.list_orders()
    assert placed(account) == ["a", "b", "c", "d"]


def test_placements_of_several_symbols_that_one_list_lets_go_leave_in_the_order_in_which_they_came() -> None:
    account = fetching()
    account.know("ETH-USDT")
    account.know("SOL-USDT")
    for name, symbol in {"a": "SOL-USDT", "b": "BTC-USDT", "c": "ETH-USDT", "d": "SOL-USDT"}.items():
        account.do(wish(name, symbol=symbol))
        account.pass_ms(1)
    account.list_orders()
    assert placed(account) == ["a", "b", "c", "d"]


def test_placement_never_overtakes_one_of_its_symbol_that_waits_for_something_else() -> None:
    account = fetching(limits={"max_order_notional": D(1000)})
    account.do(wish("market", type=OrderType.MARKET, price=None))
    account.do(wish("limit"))
    account.list_orders()
    assert len(account.asked_of(FetchPrice)) == 1
    assert placed(account) == []
    account.tell_price("42000")
    assert placed(account) == ["market", "limit"]


def test_placement_behind_one_that_waits_for_an_order_to_end_waits_with_it() -> None:
    account = aware(cancel_resting=True)
    resting = account.working(side=Side.SELL, price=D(42000))
    account.do(wish("crossing", price=D(42500)))
    account.do(wish("behind", price=D(41000)))
    assert account.cancels() == [resting.order_id]
    assert len(account.told(PlaceOrder)) == 1
    account.cancelled(resting)
    assert placed(account)[1:] == ["crossing", "behind"]


def test_history_comes_first_then_the_list_then_the_price() -> None:
    account = fetching(limits={"max_order_notional": D(1000)})
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.list_orders()
    account.pass_ms(10)
    account.sent.clear()
    account.do(wish("market", type=OrderType.MARKET, price=None))
    assert not account.asked_of(FetchPrice)
    account.pass_ms(10)
    account.merge_history()
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders()
    assert len(account.asked_of(FetchPrice)) == 1
    account.tell_price("42000")
    assert placed(account) == ["market"]


def test_other_symbols_other_exchanges_cancels_and_queries_go_on_while_one_waits() -> None:
    account = aware(exchanges=BOTH, limits={"max_order_notional": D(1000)})
    account.connect("kraken")
    account.know("ETH-USDT")
    resting = account.working()
    account.sent.clear()
    account.do(wish("waits", type=OrderType.MARKET, price=None))
    account.do(wish("kraken", exchange="kraken"))
    assert placed(account) == ["kraken"]
    account.do(wish("eth", symbol="ETH-USDT"))
    assert placed(account) == ["kraken", "eth"]
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id=resting.order_id))
    assert account.cancels() == [resting.order_id]
    account.do(sync())
    assert len(account.synced("s1").orders) == 2
    assert len(account.ask(GetOrders(account_id="1", open_only=True)).views) == 3


def test_other_exchange_goes_on_while_one_reads_its_list() -> None:
    account = fetching(exchanges=BOTH)
    account.connect("kraken")
    account.pass_ms(10)
    account.do(wish("a"))
    account.do(wish("b", exchange="kraken"))
    account.list_orders(exchange="kraken")
    assert placed(account) == ["b"]


# ----- what ends the wait


def test_placement_that_waits_longer_than_the_queue_timeout_is_refused_and_leaves_no_trace() -> None:
    account = fetching()
    account.do(wish("a"))
    account.pass_ms(4000)
    account.do(wish("b"))
    account.pass_ms(1000)
    assert account.refusal("a").code is RefusalCode.SYNC_FAILED
    assert account.replies_to("b") == []
    account.pass_ms(4000)
    assert account.refusal("b").code is RefusalCode.SYNC_FAILED
    account.list_orders()
    assert (placed(account), account.views.orders, account.stored.get("idempotency", {})) == ([], {}, {})


def test_placement_beyond_those_that_may_wait_is_refused_and_the_others_wait_on() -> None:
    """All symbols are counted together: they wait for one account."""
    account = fetching(max_waiting=3)
    account.know("ETH-USDT")
    for name, symbol in (("a", "BTC-USDT"), ("b", "ETH-USDT"), ("c", "ETH-USDT"), ("d", "BTC-USDT")):
        account.do(wish(name, symbol=symbol))
    refused = account.refusal("d")
    assert (refused.code, refused.rule, refused.limit) == (RefusalCode.QUEUE_FULL, "maxQueueSize", "3")
    assert [reply.correlation_id for reply in account.replies] == ["d"]
    account.list_orders()
    assert placed(account) == ["a", "b", "c"]


def test_gate_that_closed_while_a_placement_waited_refuses_it() -> None:
    account = fetching()
    account.do(wish("a"))
    account.do(make(StreamLost, **HEAD))
    account.list_orders()
    assert account.refusal("a").code is RefusalCode.GATE_CLOSED
    assert (placed(account), account.views.orders) == ([], {})


def test_cancel_all_withdraws_what_waits_and_answers_it() -> None:
    account = fetching()
    account.do(wish("a"))
    account.do(wish("b"))
    account.do(cancel_all())
    assert [account.refusal(name).code for name in "ab"] == [RefusalCode.WITHDRAWN] * 2
    account.list_orders()
    assert placed(account) == []


def test_cancel_all_of_another_symbol_leaves_alone_what_waits() -> None:
    account = fetching()
    account.do(wish("a"))
    account.do(cancel_all(symbol="ETH-USDT"))
    account.list_orders()
    assert placed(account) == ["a"]


@pytest.mark.parametrize("cancel_orders", [True, False])
def test_kill_switch_lets_nothing_through_that_waits(cancel_orders: bool) -> None:  # noqa: FBT001 - the two cases
    account = fetching()
    account.do(wish("a"))
    account.do(kill_switch(cancel_orders=cancel_orders))
    account.list_orders()
    assert account.refusal("a").code in (RefusalCode.WITHDRAWN, RefusalCode.RISK_LIMIT)
    assert placed(account) == []


def test_restart_while_a_placement_waits_has_placed_nothing_and_the_same_request_places_once() -> None:
    account = fetching()
    account.do(wish("a"))
    again = account.restarted()
    again.list_orders()
    assert placed(again) == []
    again.do(wish("a"))
    again.list_orders()
    assert placed(again) == ["a"]


def test_account_that_is_fenced_out_answers_what_waits_and_places_nothing() -> None:
    account = fetching()
    account.do(wish("a"))
    account.take(CreateDraft(**terms("d")))
    account.commit(Verdict.STALE)
    assert account.refusal("a").code is RefusalCode.ACCOUNT_STOPPED
    account.list_orders()
    assert placed(account) == []


# ----- what is asked twice


def test_request_made_again_while_the_first_waits_is_one_order_and_two_answers() -> None:
    account = fetching()
    account.do(wish("a", correlation_id="first"))
    account.do(wish("a", correlation_id="second"))
    account.list_orders()
    (place,) = account.told(PlaceOrder)
    account.accept(place, shown(place))
    assert not account.reply_to("first", OrderPlaced).duplicate
    assert account.reply_to("second", OrderPlaced).duplicate


def test_request_made_again_without_an_id_while_the_first_waits_is_one_order() -> None:
    account = fetching()
    account.do(submit(correlation_id="first"))
    account.do(submit(correlation_id="second"))
    account.list_orders()
    assert len(account.told(PlaceOrder)) == 1


def test_request_made_again_after_it_was_refused_for_want_of_a_list_is_placed_once() -> None:
    account = fetching()
    account.do(wish("a", correlation_id="first"))
    account.fail_list()
    account.do(wish("a", correlation_id="second"))
    account.list_orders()
    assert placed(account) == ["a"]


def test_order_found_by_the_list_counts_in_the_decision_that_waited_for_it() -> None:
    account = fetching(duplicate_ticks=0)
    account.do(wish("a"))
    account.list_orders(foreign(price=D("42500.00")))
    assert account.refusal("a").code is RefusalCode.DUPLICATE_ORDER


def test_placement_that_breaks_its_turn_is_answered_and_the_account_goes_on() -> None:
    account = fetching()
    account.do(wish("a", initiated_by=object()))
    account.do(wish("b"))
    account.list_orders()
    assert account.refusal("a").code is RefusalCode.INVALID_ORDER
    assert [place.order_id for place in account.told(PlaceOrder)] == list(account.views.orders)
    assert placed(account) == ["b"]


# ----- drafts


def test_draft_waits_like_any_placement_and_is_one_order() -> None:
    account = fetching()
    order_id = draft(account)
    for name in ("s1", "s2"):
        account.do(SubmitDraft(account_id="1", correlation_id=name, order_id=order_id, reply_when="committed"))
    assert placed(account) == []
    account.list_orders()
    assert placed(account) == ["d"]
    assert account.reply_to("s2", OrderAdmitted).duplicate


def test_draft_that_was_discarded_while_it_waited_is_not_placed() -> None:
    account = fetching()
    order_id = draft(account)
    account.do(SubmitDraft(account_id="1", correlation_id="s", order_id=order_id))
    account.do(DiscardDraft(account_id="1", correlation_id="x", order_id=order_id))
    account.list_orders()
    assert account.refusal("s").code is RefusalCode.WRONG_STATE
    assert placed(account) == []


def test_draft_whose_list_failed_is_still_a_draft() -> None:
    account = fetching()
    order_id = draft(account)
    account.do(SubmitDraft(account_id="1", correlation_id="s", order_id=order_id))
    account.fail_list()
    assert account.refusal("s").code is RefusalCode.SYNC_FAILED
    account.do(SubmitDraft(account_id="1", correlation_id="s2", order_id=order_id))
    account.list_orders()
    assert placed(account) == ["d"]


def test_list_of_one_symbol_answers_nobody_who_waits_for_all() -> None:
    account = fetching()
    account.do(wish("a"))
    account.do(make(OpenOrdersFetched, **HEAD, symbol="BTC-USDT", orders=(), evidence=account.evidence()))
    assert placed(account) == []


def test_placements_that_wait_for_a_history_ask_for_it_once() -> None:
    account = aware()
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.list_orders()
    account.sent.clear()
    account.do(wish("a"))
    account.do(wish("b"))
    assert len(account.asked_of(SearchOrder)) == 1
