"""What lists of executions show beside those that count: some that were taken back, some that name no order."""

from decimal import Decimal
from typing import Any

import pytest

from actors.policy import PrivacyPolicy
from actors.reminders import AuditDue
from actors.store.port import Table
from messages.base import copied
from messages.commands import FetchFills, PlaceOrder
from messages.control import Verdict
from messages.events import Alert, ManualReviewRequired, Severity
from messages.fills import VenueFill
from messages.queries import ParityReport
from messages.reports import FillsFetched, FillVoided, OrdersSearched
from messages.risk import DifferenceKind
from messages.types import OrderState, PublicStatus, Side
from tests.actors.account_kit import HEAD, executed, shown
from tests.actors.margin_kit import CONTRACT, FEES, MarginAccount
from tests.actors.parity_kit import Checked
from tests.factories import make

D = Decimal


def nobodys(account: MarginAccount, fill_id: str = "77", side: Side = Side.SELL) -> VenueFill:
    """An execution that the venue names no order of."""
    return make(
        VenueFill, symbol=CONTRACT, fill_id=fill_id, venue_order_id="", client_order_id=None, side=side,
        size=D(2), price=D(6010), venue_time_ms=account.now_ms, **FEES,
    )  # fmt: skip


# ----- of no order


def test_listed_execution_of_no_order_is_told_once_and_not_booked() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    account.events.clear()

    for _ in range(2):
        account.list_fills(symbol=CONTRACT, unattributed=(nobodys(account),))
    account.do(make(OrdersSearched, **HEAD, symbol=CONTRACT, orders=(), unattributed=(nobodys(account),)))

    alert = account.alert("FillUnattributed")
    assert alert.severity is Severity.CRITICAL
    assert dict(alert.details) == {
        "exchange": "binance", "symbol": CONTRACT, "fill_id": "77", "side": "SELL", "size": "2", "price": "6010",
    }  # fmt: skip
    assert account.position().size == 2
    account.list_fills(symbol=CONTRACT, unattributed=(nobodys(account, "78"),))
    assert account.alerts() == ["FillUnattributed", "FillUnattributed"]


def test_listed_execution_of_no_order_that_is_booked_under_its_own_is_no_news() -> None:
    account, place = compared()
    (booked,) = account.fills(place)
    account.events.clear()
    nameless = copied(taken_back(place), venue_order_id="", venue_time_ms=booked.venue_time_ms)
    account.list_fills(symbol=CONTRACT, unattributed=(nameless,))
    assert account.alerts() == []
    report = checked_with(account, unattributed=(nameless,))
    assert report.differences == ()
    assert [what for _, part, what in report.not_compared if part == "fills"] == []


@pytest.mark.parametrize("other", [{"price": D(6000) + 1}, {"size": D(1)}, {"side": Side.SELL}, {"fill_id": "2"}])
def test_listed_execution_of_no_order_that_differs_from_a_booked_one_is_told(other: dict[str, Any]) -> None:
    account, place = compared()
    account.events.clear()
    account.list_fills(symbol=CONTRACT, unattributed=(copied(taken_back(place), venue_order_id="", **other),))
    assert account.alerts() == ["FillUnattributed"]


def test_execution_taken_back_in_a_list_that_names_no_order_is_known_by_its_id() -> None:
    account, place = compared()
    account.list_fills(symbol=CONTRACT, voided=(copied(taken_back(place), venue_order_id=""),))
    assert account.order(place).needs_review


def test_list_with_an_execution_of_no_order_is_complete_so_that_the_next_one_begins_where_it_ended() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    account.pass_ms(60_000)
    account.list_fills(symbol=CONTRACT, asked_venue_ms=account.now_ms, unattributed=(nobodys(account),))
    listed_ms = account.now_ms
    account.sent.clear()
    account.do(AuditDue(exchange="binance"))
    (asked,) = account.to_venue(FetchFills)
    assert listed_ms - 10_000 < asked.since_venue_ms < listed_ms


def test_history_with_an_execution_of_no_order_lets_placements_through() -> None:
    account = MarginAccount(open_gate=False)
    account.connect()
    account.do(
        make(
            OrdersSearched, **HEAD, symbol=CONTRACT, orders=(), unattributed=(nobodys(account),),
            evidence=account.evidence(),
        )
    )  # fmt: skip
    account.placed(symbol=CONTRACT, size=D(1), price=D(6000))
    assert len(account.to_venue(PlaceOrder)) == 1


def checked_with(account: MarginAccount, **fetched: object) -> ParityReport:
    """What a parity check reports when the venue lists these executions."""
    checked = Checked(account)
    checked.settle()
    checked.ask()
    while not checked.reported:
        # What only one look has found may have been on its way, so there is another.
        for question in checked.asked:
            beside = fetched if isinstance(question, FetchFills) else {}
            checked.answer(checked.told(question, **beside))
        checked.settle()
    return checked.report


def compared() -> tuple[MarginAccount, PlaceOrder]:
    """An account that asks nothing by itself, with two contracts held."""
    account = MarginAccount(lookback_ms=3_600_000, audit_interval_ms=10**9, reconcile_ms=10**9)
    place = account.working("1", symbol=CONTRACT, size=D(2), price=D(6000))
    account.hear_fill(executed(place, "2", "1", venue_order_id="1", venue_time_ms=account.now_ms, **FEES))
    return account, place


def test_parity_check_says_that_an_execution_is_of_no_order() -> None:
    account, _ = compared()
    report = checked_with(account, unattributed=(nobodys(account),))
    assert ("binance", "fills", "1 executions are of no order that the venue names") in report.not_compared


# ----- taken back


def taken_back(place: PlaceOrder, fill_id: str = "1") -> VenueFill:
    return executed(place, "2", fill_id, venue_order_id="1", price=D(6000), **FEES)


def test_listed_execution_that_was_taken_back_is_told_once_and_leaves_the_order_to_a_person() -> None:
    account = MarginAccount()
    place = account.trade(Side.BUY, "2", "6000", 1)
    account.events.clear()

    for _ in range(2):
        account.list_fills(symbol=CONTRACT, voided=(taken_back(place),))

    assert account.alert("ExecutionVoided").severity is Severity.CRITICAL
    assert account.order(place).needs_review
    assert account.position().size == 2


def test_listed_execution_that_was_taken_back_and_never_booked_is_no_news() -> None:
    account = MarginAccount()
    place = account.trade(Side.BUY, "2", "6000", 1)
    account.events.clear()
    account.list_fills(symbol=CONTRACT, voided=(taken_back(place, "5"),))
    assert (account.alerts(), account.order(place).needs_review) == ([], False)


def test_listed_execution_that_was_taken_back_and_is_booked_by_a_late_word_is_told_by_the_next_list() -> None:
    account = MarginAccount()
    place = account.working("1", symbol=CONTRACT, size=D(2), price=D(6000))
    account.list_fills(symbol=CONTRACT, voided=(taken_back(place),))
    assert "ExecutionVoided" not in account.alerts()

    account.hear_fill(executed(place, "2", "1", venue_order_id="1", venue_time_ms=account.now_ms, **FEES))
    for _ in range(2):
        account.list_fills(symbol=CONTRACT, voided=(taken_back(place),))

    assert account.alerts().count("ExecutionVoided") == 1
    assert account.order(place).needs_review


def test_execution_that_waits_for_its_order_and_is_taken_back_is_never_booked() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, size=D(2), price=D(6000))
    account.hear_fill(copied(taken_back(place), client_order_id=None))
    assert account.stored[Table.PARKED] != {}

    account.do(make(FillVoided, **HEAD, symbol=CONTRACT, venue_order_id="1", fill_id="1", received_ms=account.now_ms))
    account.accept(place, shown(place, venue_order_id="1"), venue_order_id="1")

    assert account.stored[Table.PARKED] == {}
    assert (account.fills(place), account.order(place).filled_size) == ([], 0)


def test_execution_that_waits_and_is_taken_back_by_the_search_that_shows_its_order_is_never_booked() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, size=D(2), price=D(6000))
    account.hear_fill(copied(taken_back(place), client_order_id=None))
    searched = {"symbol": CONTRACT, "orders": (shown(place, venue_order_id="1"),), "voided": (taken_back(place),)}
    account.do(make(OrdersSearched, **HEAD, **searched, evidence=account.evidence()))
    assert account.stored[Table.PARKED] == {}
    assert (account.order(place).state, account.fills(place)) == (OrderState.ACKNOWLEDGED, [])
    assert account.views.positions == {}


def test_execution_that_waits_and_is_taken_back_by_the_list_that_tells_another_one_is_never_booked() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, size=D(4), price=D(6000))
    account.hear_fill(copied(taken_back(place), client_order_id=None))
    good = executed(place, "1", "9", venue_order_id="1", venue_time_ms=account.now_ms, **FEES)
    account.list_fills(good, symbol=CONTRACT, voided=(taken_back(place),))
    assert [fill.fill_id for fill in account.fills(place)] == ["9"]
    assert account.position().size == 1


def test_each_execution_of_an_order_that_is_taken_back_is_told() -> None:
    account = MarginAccount()
    place = account.working("1", symbol=CONTRACT, size=D(5), price=D(6000))
    for number in "12":
        account.hear_fill(executed(place, "2", number, venue_order_id="1", venue_time_ms=account.now_ms, **FEES))
    account.list_fills(symbol=CONTRACT, voided=(taken_back(place, "1"),))
    for _ in range(2):
        both = (taken_back(place, "1"), taken_back(place, "2"), taken_back(place, "2"))
        account.list_fills(symbol=CONTRACT, voided=both)
    told = [dict(alert.details)["fill_id"] for alert in account.happened(Alert) if alert.name == "ExecutionVoided"]
    assert told == ["1", "2"]
    assert len(account.happened(ManualReviewRequired)) == 1


def test_execution_taken_back_that_was_told_by_a_turn_that_is_not_durable_is_told_again() -> None:
    account = MarginAccount()
    place = account.trade(Side.BUY, "2", "6000", 1)
    listed = {"symbol": CONTRACT, "fills": (), "asked_venue_ms": account.now_ms}
    beside = {"voided": (taken_back(place),), "unattributed": (nobodys(account),)}
    account.take(make(FillsFetched, **HEAD, **listed, **beside))
    account.commit(Verdict.GAP)
    account.load(account.stored, epoch=2)
    account.connect()
    assert not account.order(place).needs_review
    for _ in range(2):
        account.list_fills(symbol=CONTRACT, **beside)
    assert account.order(place).needs_review
    assert sorted(account.alerts()) == ["ExecutionVoided", "FillUnattributed"]


def test_order_whose_execution_was_taken_back_is_left_to_a_person_over_a_restart() -> None:
    account = MarginAccount()
    place = account.trade(Side.BUY, "2", "6000", 1)
    account.list_fills(symbol=CONTRACT, voided=(taken_back(place),))

    again = account.restarted()
    again.find(place.order_id, shown(place, venue_order_id="1", status=PublicStatus.FILLED, filled_size=D(2)))

    assert again.order(place).needs_review
    assert again.order(place).review_reason == "the venue has taken back an execution that is booked"


def test_execution_taken_back_of_an_order_that_is_kept_no_more_is_told() -> None:
    account = MarginAccount(privacy=PrivacyPolicy(retain_history=False))
    place = account.trade(Side.BUY, "2", "6000", 1)
    account.pass_ms(75_000)
    assert account.views.orders == {}
    account.list_fills(symbol=CONTRACT, voided=(taken_back(place),))
    assert dict(account.alert("ExecutionVoided").details)["order_id"] == place.order_id


def test_parity_check_lists_an_execution_that_was_taken_back_as_one_the_venue_does_not_have() -> None:
    account, place = compared()
    report = checked_with(account, voided=(taken_back(place),))
    assert DifferenceKind.FILL_MISSING_AT_VENUE in {each.kind for each in report.differences}
