"""A cancel of an order that is left to a person: sent if it may work, and answered at once with what is known."""

import pytest

from messages.commands import CancelOrder, CancelVenueOrder, PlaceOrder
from messages.queries import OrderUnresolved
from messages.reports import LookUpFailed, PlaceAmbiguous
from messages.types import OrderState, PublicStatus
from tests.actors.account_kit import HEAD, shown
from tests.actors.awareness_kit import Aware, aware
from tests.factories import make


def in_review() -> tuple[Aware, PlaceOrder]:
    account = aware()
    place = account.placed()
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceAmbiguous, **head, attempt=1, reason="timeout", evidence=account.evidence()))
    for _ in range(5):
        account.look_up(place.order_id)
        for _ in ("the look-up", "the search"):
            account.do(make(LookUpFailed, **head, reason="timeout"))
        account.pass_ms(10_000)
    assert account.order(place).needs_review
    account.sent.clear()
    return account, place


def ask_to_cancel(account: Aware, place: PlaceOrder, name: str) -> None:
    account.do(CancelOrder(account_id="1", correlation_id=name, order_id=place.order_id))


@pytest.mark.parametrize("name", ["x1", "x2"])
def test_cancel_of_an_order_in_review_is_sent_and_answered_at_once(name: str) -> None:
    account, place = in_review()
    for each in ("x1", "x2")[: int(name[1])]:
        ask_to_cancel(account, place, each)
    answer = account.reply_to(name, OrderUnresolved)
    assert account.order(place).review_reason in answer.text
    assert (answer.view is not None and answer.view.needs_review, account.order(place).cancel_pending) == (True, True)
    assert len(account.told(CancelVenueOrder)) == int(name[1])


def test_cancel_of_an_order_in_review_is_answered_once_whatever_becomes_of_it() -> None:
    account, place = in_review()
    ask_to_cancel(account, place, "x1")
    account.found(place, shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert account.order(place).state is OrderState.CANCELLED
    assert len(account.replies_to("x1")) == 1
