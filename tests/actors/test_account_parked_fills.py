"""Executions of orders that nobody here knows yet: kept durably, asked for, never dropped and never booked twice."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from actors.reminders import ParkedDue
from actors.store.port import Table
from messages.codec import decode_record
from messages.commands import LookUpOrder, PlaceOrder
from messages.control import ChildFailed
from messages.events import FillRecorded, Severity
from messages.fills import FillSource, ParkedFill, VenueFill
from messages.queries import OrderPlaced
from messages.reports import LookUpFailed, OpenOrdersFetched, OrderNotFound
from messages.types import OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import EXCHANGE_ADDRESS, HEAD, PLACE, Account, executed, shown, submit, written
from tests.factories import make

D = Decimal
KEY = "binance|BTC-USDT|28|56"


def nameless(place: PlaceOrder, size: str = "0.004", fill_id: str = "56") -> VenueFill:
    """An execution of a placement by a stream that names nothing but the venue's order id."""
    return executed(place, size, fill_id, client_order_id=None)


def foreign(**changes: object) -> VenueFill:
    return make(VenueFill, **{"client_order_id": None, "venue_order_id": "77", "size": D("0.5"), **changes})


def foreign_order(**changes: object) -> VenueOrder:
    return make(
        VenueOrder,
        **{"client_order_id": "manual-1", "venue_order_id": "77", "size": D(1), "filled_size": D("0.5"), **changes},
    )


def parked(account: Account) -> dict[str, VenueFill]:
    stored = account.stored.get(Table.PARKED, {})
    return {key: decode_record(ParkedFill, value).fill for key, value in stored.items()}


def questions(account: Account) -> list[str]:
    return [question.venue_order_id for question in account.to_venue(LookUpOrder)]


def explained(account: Account, venue_order: VenueOrder, *fills: VenueFill) -> None:
    """The venue answers the question about a parked execution."""
    account.find(account.to_venue(LookUpOrder)[-1].order_id, venue_order, *fills)


# ----- kept


def test_fill_of_an_unknown_order_is_kept_durably_and_not_booked() -> None:
    account = Account()
    account.hear_fill(foreign())
    assert parked(account) == {"binance|BTC-USDT|77|56": foreign()}
    assert (account.stored.get(Table.FILLS, {}), account.views.positions) == ({}, {})
    assert account.happened(FillRecorded) == []


def test_fill_that_is_parked_is_booked_when_the_placement_is_answered() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    assert account.order(place).state is OrderState.SUBMITTED
    account.accept(place, shown(place, filled_size=D("0.004")))
    order = account.order(place)
    assert (order.state, order.filled_size, account.position().size) == (
        OrderState.PARTIALLY_FILLED, D("0.004"), D("0.004"),
    )  # fmt: skip
    assert parked(account) == {}


def test_fill_that_is_parked_leaves_in_the_section_that_books_it() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.take(account.accepted(place, shown(place, filled_size=D("0.004"))))
    (section,) = account.staged
    assert [(write.field, write.value) for write in written(section, Table.PARKED)] == [(KEY, None)]
    assert [write.field for write in written(section, Table.FILLS)] == [KEY]


def test_bare_acknowledgement_after_parked_fills_books_them_all() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.hear_fill(nameless(place, "0.006", "57"))
    account.accept(place, None)
    order = account.order(place)
    assert (order.state, order.filled_size, order.fill_count) == (OrderState.FILLED, D("0.010"), 2)
    assert parked(account) == {}
    assert isinstance(account.replies[-1], OrderPlaced)


def _listed(account: Account, claim: VenueOrder) -> None:
    evidence = account.evidence()
    account.do(make(OpenOrdersFetched, **HEAD, orders=(claim,), asked_venue_ms=account.now_ms, evidence=evidence))


EXPLANATIONS: dict[str, Callable[[Account, VenueOrder], None]] = {
    "order event": lambda account, claim: account.hear(claim),
    "list of open orders": _listed,
    "search": lambda account, claim: account.merge_history(claim),
}


@pytest.mark.parametrize("explain", EXPLANATIONS.values(), ids=EXPLANATIONS.keys())
def test_anything_that_explains_a_parked_fill_books_it(explain: Callable[[Account, VenueOrder], None]) -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    explain(account, shown(place, filled_size=D("0.004")))
    assert (account.order(place).filled_size, parked(account)) == (D("0.004"), {})


def test_end_that_speaks_of_a_parked_fill_is_believed_with_it() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.hear(shown(place, status=PublicStatus.CANCELLED, filled_size=D("0.004")))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, D("0.004"))


# ----- once


def test_fill_told_again_while_parked_is_kept_and_booked_once() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.hear_fill(nameless(place))
    account.list_fills(nameless(place), nameless(place))
    assert list(parked(account)) == [KEY]
    account.accept(place, None)
    assert (account.order(place).filled_size, account.order(place).fill_count) == (D("0.004"), 1)


def test_fill_that_was_parked_and_booked_is_not_parked_again() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.accept(place, None)
    account.hear_fill(nameless(place))
    assert (parked(account), account.order(place).fill_count) == ({}, 1)


def test_fill_that_is_parked_and_comes_with_its_order_is_booked_once() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.hear(shown(place, filled_size=D("0.004")), executed(place, "0.004"))
    assert (account.order(place).fill_count, account.position().size, parked(account)) == (1, D("0.004"), {})


def test_fill_of_the_same_venue_id_on_another_symbol_is_nobody_s_here() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(replace(nameless(place), symbol="ETH-USDT"))
    assert account.order(place).filled_size == 0
    assert list(parked(account)) == ["binance|ETH-USDT|28|56"]


# ----- asked for


def test_fill_that_nothing_explains_has_its_order_looked_up_after_the_buffer_window() -> None:
    account = Account(buffer_window_ms=500)
    account.hear_fill(foreign())
    account.pass_ms(400)
    account.hear_fill(foreign(fill_id="57"))
    account.pass_ms(99)
    assert questions(account) == []
    account.pass_ms(1)
    (question,) = account.to_venue(LookUpOrder)
    assert (question.venue_order_id, question.client_order_id, question.symbol) == ("77", "", "BTC-USDT")


def test_fill_that_is_explained_in_time_asks_nothing() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(nameless(place))
    account.accept(place, None)
    account.sent.clear()
    account.pass_ms(60_000)
    assert account.to_venue(LookUpOrder) == []


def test_foreign_order_of_a_parked_fill_is_taken_in_with_it_and_never_asked_for_again() -> None:
    account = Account()
    account.hear_fill(foreign())
    account.pass_ms(500)
    explained(account, foreign_order())
    order = account.only_order()
    assert (order.external, order.state, order.filled_size) == (True, OrderState.PARTIALLY_FILLED, D("0.5"))
    assert (account.position().size, parked(account)) == (D("0.5"), {})
    account.sent.clear()
    account.pass_ms(60_000)
    assert account.to_venue(LookUpOrder) == []


def test_foreign_fill_in_a_list_is_parked_looked_up_and_adopted() -> None:
    account = Account()
    account.list_fills(foreign())
    assert list(parked(account)) == ["binance|BTC-USDT|77|56"]
    account.pass_ms(500)
    explained(account, foreign_order(), foreign(source=FillSource.REST))
    assert (account.only_order().filled_size, account.only_order().fill_count) == (D("0.5"), 1)


def test_order_of_ours_that_the_store_lost_is_taken_back_by_its_fill() -> None:
    lost = Account().placed()
    account = Account()
    account.hear_fill(executed(lost, "0.004"))
    account.pass_ms(500)
    explained(account, shown(lost, filled_size=D("0.004")))
    order = account.only_order()
    assert (order.order_id, order.external, order.filled_size) == (lost.client_order_id, False, D("0.004"))
    assert account.alert("OrderTakenBack").severity is Severity.WARNING


@pytest.mark.parametrize(
    "answer",
    [
        lambda order_id: make(LookUpFailed, **HEAD | {"order_id": order_id}),
        lambda order_id: make(OrderNotFound, **HEAD | {"order_id": order_id}),
        None,
    ],
    ids=["failed", "not found", "none"],
)
def test_question_without_a_useful_answer_is_asked_again_more_and_more_seldom(
    answer: Callable[[str], LookUpFailed] | None,
) -> None:
    account = Account()
    account.hear_fill(foreign())
    moments: list[int] = []
    for elapsed_ms in range(500, 20_000, 500):
        account.pass_ms(500)
        if len(questions(account)) > len(moments):
            moments.append(elapsed_ms)
            if answer is not None:
                account.do(answer(account.to_venue(LookUpOrder)[-1].order_id))
    assert moments == [500, 2500, 6500, 14_500]
    assert list(parked(account)) == ["binance|BTC-USDT|77|56"]
    assert account.alert("FillUnexplained").severity is Severity.CRITICAL
    account.pass_ms(600_000)
    assert account.alerts().count("FillUnexplained") == 1
    assert len(questions(account)) > 10


def test_answer_that_explains_late_books_the_fill_all_the_same() -> None:
    account = Account()
    account.hear_fill(foreign())
    account.pass_ms(600_000)
    explained(account, foreign_order())
    assert (account.only_order().filled_size, parked(account)) == (D("0.5"), {})


def test_fills_of_two_unknown_orders_are_two_questions_and_one_answer_explains_one() -> None:
    account = Account()
    account.hear_fill(foreign())
    account.hear_fill(foreign(venue_order_id="78"))
    account.pass_ms(500)
    assert questions(account) == ["77", "78"]
    account.find(account.to_venue(LookUpOrder)[0].order_id, foreign_order())
    assert list(parked(account)) == ["binance|BTC-USDT|78|56"]


# ----- a twin of ours


def test_fill_of_a_second_venue_order_under_our_id_is_never_booked_to_the_first() -> None:
    account = Account()
    place = account.working("28")
    account.hear_fill(executed(place, "0.004", venue_order_id="29"))
    assert account.order(place).filled_size == 0
    assert list(parked(account)) == ["binance|BTC-USDT|29|56"]
    account.pass_ms(500)
    explained(account, shown(place, venue_order_id="29", filled_size=D("0.004")))
    assert account.alert("SecondVenueOrder").severity is Severity.CRITICAL
    twin = account.views.orders["binance:BTC-USDT:29"]
    assert (twin.filled_size, account.order(place).filled_size) == (D("0.004"), D(0))
    assert (account.position().size, parked(account)) == (D("0.004"), {})


def test_fills_that_come_before_their_twin_orders_are_known_go_to_one_order_each() -> None:
    account = Account()
    place = account.placed()
    account.list_fills(executed(place, "0.004", "56"), executed(place, "0.003", "57", venue_order_id="29"))
    assert (account.order(place).venue_order_id, account.order(place).filled_size) == ("28", D("0.004"))
    assert list(parked(account)) == ["binance|BTC-USDT|29|57"]


# ----- across a stop


def test_fill_parked_by_a_process_that_stopped_is_asked_for_at_once_by_the_next() -> None:
    before = Account()
    before.hear_fill(foreign())
    account = before.restarted(open_gate=False)
    account.pass_ms(0)
    assert questions(account) == ["77"]
    explained(account, foreign_order())
    assert (account.only_order().filled_size, parked(account)) == (D("0.5"), {})


def test_fill_parked_by_a_process_that_stopped_is_booked_with_its_answer_by_the_next() -> None:
    before = Account()
    place = before.placed()
    before.hear_fill(nameless(place))
    account = before.restarted()
    account.hear(shown(place, filled_size=D("0.004")))
    assert (account.order(place).filled_size, account.position().size) == (D("0.004"), D("0.004"))
    account.hear_fill(nameless(place))
    assert (account.order(place).fill_count, parked(account)) == (1, {})


def test_question_that_died_with_the_exchange_actor_is_asked_again() -> None:
    account = Account()
    account.hear_fill(foreign())
    account.pass_ms(500)
    account.do(ChildFailed(address=EXCHANGE_ADDRESS, error="RuntimeError: broken", handling="LookUpOrder"))
    account.sent.clear()
    account.pass_ms(2000)
    assert questions(account)[0] == "77"
    assert {(place[0], place[1]) for place in account.actor._memory.parked} == {PLACE}


def test_reminder_of_a_fill_that_found_its_order_does_nothing() -> None:
    account = Account()
    account.do(submit())
    account.sent.clear()
    account.do(ParkedDue(exchange="binance", symbol="BTC-USDT", venue_order_id="77", tries=3))
    assert (account.sent, account.alerts()) == ([], [])
