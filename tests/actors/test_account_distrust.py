"""What a host or a venue gets wrong: refused or quarantined, and the account goes on."""

from dataclasses import replace
from decimal import Decimal

import pytest

from messages.commands import CancelOrder, PlaceOrder, ResolveReview
from messages.control import StoreAvailability, VerificationDue
from messages.events import Alert
from messages.queries import RefusalCode, Refused, ReviewResolved
from messages.reports import (
    LookUpFailed,
    OrderFound,
    OrderNotFound,
    OrderReported,
    OrdersSearched,
    PlaceAccepted,
    PlaceAmbiguous,
)
from messages.types import OrderState, PublicStatus, VerificationPhase
from tests.actors.account_kit import Account, shown, submit
from tests.factories import make

HEAD = {"account_id": "1", "exchange": "binance"}


def placed(account: Account, **terms: object) -> PlaceOrder:
    account.do(submit(**terms))
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    return place


@pytest.mark.parametrize(
    "wrong",
    [
        {"request_id": "a\ud800"},
        {"request_id": 7},
        {"fill_timeout_ms": 10**20},
        {"expires_at_ms": 10**20},
        {"side": "BUY"},
        {"type": None},
        {"symbol": 5},
        {"size": 0.5},
        {"price": "42500"},
        {"valid_for_ms": "soon"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_malformed_command_is_refused_and_the_account_goes_on(wrong: dict[str, object]) -> None:
    account = Account()
    account.do(submit(**wrong))
    (reply,) = account.replies
    assert isinstance(reply, Refused)
    assert reply.code is RefusalCode.INVALID_ORDER
    assert account.to_venue(PlaceOrder) == []
    assert placed(account).client_order_id


def test_cancel_with_an_id_that_is_no_text_is_refused() -> None:
    account = Account()
    account.do(CancelOrder(account_id="1", order_id=[], correlation_id="c9"))  # type: ignore[arg-type]
    (reply,) = account.replies
    assert isinstance(reply, Refused)


def ask_twice_in_vain(account: Account, place: PlaceOrder, asked_venue_ms: int) -> None:
    account.do(VerificationDue(account_id="1", order_id=place.order_id, phase=VerificationPhase.DIRECT_LOOKUP))
    account.do(make(OrderNotFound, **HEAD, order_id=place.order_id, asked_venue_ms=asked_venue_ms))
    sources = ("openOrders", "allOrders", "myTrades")
    account.do(
        make(
            OrdersSearched, **HEAD, order_id=place.order_id, orders=(), sources=sources, asked_venue_ms=asked_venue_ms
        )
    )


@pytest.mark.parametrize("known", [True, False])
def test_order_the_venue_refused_as_a_duplicate_is_never_proven_absent(known: bool) -> None:  # noqa: FBT001
    account = Account()
    place = placed(account, max_sends=1)
    account.do(make(PlaceAmbiguous, **HEAD, order_id=place.order_id, reason="duplicate", known_to_exist=known))
    ask_twice_in_vain(account, place, place.valid_until_venue_ms + 60_000)
    assert account.only_order().state is (OrderState.SUBMITTED if known else OrderState.FAILED)


def test_answer_about_another_order_is_not_taken_for_this_one() -> None:
    account = Account()
    place = placed(account)
    account.do(make(PlaceAmbiguous, **HEAD, order_id=place.order_id, reason="timeout"))
    account.do(VerificationDue(account_id="1", order_id=place.order_id, phase=VerificationPhase.DIRECT_LOOKUP))
    other = replace(shown(place), client_order_id="f" * 32)
    account.do(make(OrderFound, **HEAD, order_id=place.order_id, order=other))
    assert account.only_order().state is OrderState.SUBMITTED


def test_venue_order_of_another_order_is_not_attached() -> None:
    account = Account()
    first = placed(account, request_id="one")
    account.do(make(PlaceAccepted, **HEAD, order_id=first.order_id, order=shown(first, venue_order_id="77")))
    second = placed(account, request_id="two", correlation_id="c2")
    account.do(make(PlaceAmbiguous, **HEAD, order_id=second.order_id, reason="timeout"))
    for _ in range(5):
        account.do(VerificationDue(account_id="1", order_id=second.order_id, phase=VerificationPhase.DIRECT_LOOKUP))
        account.do(LookUpFailed(**HEAD, order_id=second.order_id, reason="timeout"))
        account.do(LookUpFailed(**HEAD, order_id=second.order_id, reason="timeout"))
        account.pass_ms(10_000)
    account.replies.clear()
    word = ResolveReview(account_id="1", order_id=second.order_id, operator="ann", correlation_id="c3")
    account.do(replace(word, attach_venue_order_id="77"))
    assert isinstance(account.replies[-1], Refused)
    account.do(replace(word, attach_venue_order_id="78"))
    assert isinstance(account.replies[-1], ReviewResolved)


def test_request_declared_absent_by_an_operator_may_be_made_again() -> None:
    account = Account()
    place = placed(account, request_id="one")
    account.do(make(PlaceAmbiguous, **HEAD, order_id=place.order_id, reason="timeout"))
    for _ in range(5):
        account.do(VerificationDue(account_id="1", order_id=place.order_id, phase=VerificationPhase.DIRECT_LOOKUP))
        account.do(LookUpFailed(**HEAD, order_id=place.order_id, reason="timeout"))
        account.do(LookUpFailed(**HEAD, order_id=place.order_id, reason="timeout"))
        account.pass_ms(10_000)
    account.do(ResolveReview(account_id="1", order_id=place.order_id, operator="ann", declare_absent=True))
    assert account.only_order().state is OrderState.FAILED
    again = placed(account, request_id="one", correlation_id="c4")
    assert again.client_order_id != place.client_order_id


def test_draft_that_the_venue_shows_is_walked_to_where_it_is() -> None:
    account = Account()
    place = placed(account)
    order = account.only_order()
    account.actor.remember(replace(order, state=OrderState.DRAFT, attempts=()))
    account.do(make(OrderReported, **HEAD, order=shown(place, status=PublicStatus.OPEN, filled_size=Decimal(0))))
    assert account.only_order().state is OrderState.ACKNOWLEDGED
    assert any(isinstance(event, Alert) and event.name == "SentWithoutRecord" for event in account.events)


def test_refusal_while_the_store_is_away_does_not_wait_for_it() -> None:
    account = Account()
    account.take(submit(request_id="one"))
    account.take(StoreAvailability(available=False))
    account.take(submit(request_id="two", correlation_id="c2"))
    (reply,) = account.replies
    assert isinstance(reply, Refused)
    assert (reply.correlation_id, reply.code) == ("c2", RefusalCode.STORE_UNAVAILABLE)
