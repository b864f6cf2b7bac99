"""Searches for an order that no list shows, while executions say that there may be one."""

from dataclasses import replace

import pytest

from messages.commands import PlaceOrder
from messages.reports import OrdersSearched
from messages.types import OrderState
from tests.actors.account_kit import executed
from tests.actors.test_account_verifying import LATE_MS, Question
from tests.factories import make
from tests.simulation.regime import CAPABILITIES


@pytest.mark.parametrize(
    ("told_as", "venue_order_id"), [("fills", "99"), ("voided", "99"), ("unattributed", ""), ("voided", "")]
)
def test_order_that_an_execution_may_be_of_is_not_taken_for_absent(told_as: str, venue_order_id: str) -> None:
    question = Question()
    question.begin()
    question.deny(LATE_MS)
    account, place = question.account, question.place
    execution = replace(
        executed(place, "0.00100", venue_order_id=venue_order_id), client_order_id=None, venue_time_ms=account.now_ms
    )
    listed = {"symbol": place.symbol, "sources": CAPABILITIES.search_sources, "orders": (), told_as: (execution,)}
    account.do(make(OrdersSearched, **question.about, **listed, asked_venue_ms=LATE_MS))
    assert account.order(place).state is OrderState.SUBMITTED
    assert len(account.to_venue(PlaceOrder)) == 1


def test_order_that_nothing_is_shown_of_is_absent() -> None:
    question = Question()
    question.begin()
    question.deny(LATE_MS)
    question.list_nothing(LATE_MS)
    assert question.account.order(question.place).state is OrderState.FAILED
