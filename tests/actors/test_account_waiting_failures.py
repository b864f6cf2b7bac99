"""Placements that wait while their venue does not answer, and hosts that do not wait as long."""

from messages.commands import FetchOpenOrders, SubmitDraft
from messages.control import ReportCommand
from messages.queries import OrderUnresolved, RefusalCode
from messages.types import OrderState
from tests.actors.waiting_kit import draft, fetching, placed, wish


def test_list_that_fails_refuses_the_placement_and_nothing_is_placed() -> None:
    account = fetching()
    account.do(wish("a"))
    account.fail_list(reason="HTTP 503")
    refusal = account.refusal("a")
    assert refusal.code is RefusalCode.SYNC_FAILED
    assert "HTTP 503" in refusal.text
    account.list_orders()
    assert (placed(account), account.views.orders) == ([], {})


def test_list_that_fails_refuses_everybody_who_came_before_it_was_asked_for() -> None:
    """Each by a list of his own would ask a venue that refuses as fast as it says no."""
    account = fetching()
    account.know("ETH-USDT")
    for number in range(50):
        account.do(wish(f"{number}"))
    account.do(wish("other", symbol="ETH-USDT"))
    account.sent.clear()
    account.fail_list()
    names = [*map(str, range(50)), "other"]
    assert [account.refusal(name).code for name in names] == [RefusalCode.SYNC_FAILED] * 51
    assert (account.asked_of(FetchOpenOrders), placed(account)) == ([], [])


def test_placements_behind_refused_ones_that_came_after_the_question_share_the_next_list() -> None:
    account = fetching()
    account.do(wish("a"))
    sent_ms = account.now_ms
    account.pass_ms(10)
    account.do(wish("b"))
    account.do(wish("c"))
    account.sent.clear()
    account.fail_list(sent_ms=sent_ms)
    assert account.replies_to("b") == account.replies_to("c") == []
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders()
    assert placed(account) == ["b", "c"]


def test_list_that_is_incomplete_places_nothing_and_is_asked_for_once() -> None:
    account = fetching()
    account.do(wish("a"))
    account.do(wish("b"))
    account.sent.clear()
    account.list_orders(unreadable=2)
    assert [account.refusal(name).code for name in "ab"] == [RefusalCode.SYNC_FAILED] * 2
    assert (account.asked_of(FetchOpenOrders), placed(account)) == ([], [])


def test_failure_of_an_older_question_does_not_refuse_whoever_came_after_it() -> None:
    account = fetching()
    account.do(wish("a"))
    sent_ms = account.now_ms
    account.pass_ms(10)
    account.know("ETH-USDT")
    account.do(wish("b", symbol="ETH-USDT"))
    account.fail_list(sent_ms=sent_ms)
    assert account.refusal("a").code is RefusalCode.SYNC_FAILED
    assert account.replies_to("b") == []


# ----- hosts whose patience is over


def test_host_whose_patience_is_over_hears_that_its_placement_waits_and_it_waits_on() -> None:
    account = fetching()
    account.do(wish("a"))
    account.do(wish("b"))
    account.do(ReportCommand(account_id="1", command_id="b"))
    told = account.reply_to("b", OrderUnresolved)
    assert told.view is None
    assert "its open orders are being read" in told.text
    assert account.replies_to("a") == []
    account.list_orders()
    assert placed(account) == ["a", "b"]


def test_host_whose_patience_is_over_is_shown_the_draft_that_waits() -> None:
    account = fetching()
    order_id = draft(account)
    account.do(SubmitDraft(account_id="1", correlation_id="s", order_id=order_id))
    account.do(ReportCommand(account_id="1", command_id="s"))
    shown = account.reply_to("s", OrderUnresolved).view
    assert shown is not None
    assert (shown.local_id, shown.state) == (order_id, OrderState.DRAFT)
