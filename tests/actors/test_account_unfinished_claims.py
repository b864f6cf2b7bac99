"""Claims that leave something open, whichever way they come: each is followed up, and none takes others with it."""

from decimal import Decimal
from typing import Any

import pytest

from actors import absorbing
from actors.domain.claims import Absorbed
from actors.domain.timeouts import FillTimeoutPolicy
from actors.errors import InvalidTransition
from messages.commands import CancelVenueOrder, FetchFills, PlaceOrder
from messages.control import FillTimeoutDue, VerificationEnded, VerificationRequested
from messages.fills import VenueFill
from messages.reports import (
    FillsFetched,
    OpenOrdersFetched,
    OrderNotFound,
    OrdersSearched,
    PlaceNotProcessed,
)
from messages.types import CompletionReason, InitiatedBy, Order, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, Account, executed, shown
from tests.factories import make

D = Decimal


def not_found(account: Account, place: PlaceOrder) -> None:
    """The look-up of an order finds nothing, so that the venue's lists are searched."""
    account.look_up(place.order_id)
    named = HEAD | {"order_id": place.order_id}
    account.do(make(OrderNotFound, **named, asked_venue_ms=account.now_ms, evidence=account.evidence()))
    account.sent.clear()


def search_shows(account: Account, place: PlaceOrder, *claims: VenueOrder) -> None:
    named = HEAD | {"order_id": place.order_id}
    account.do(make(OrdersSearched, **named, symbol="BTC-USDT", orders=claims, fills=(), evidence=account.evidence()))


def outcomes(account: Account) -> list[str]:
    return [ended.outcome for ended in account.told(VerificationEnded)]


# ----- by way of a search


def test_search_that_shows_less_than_an_end_held_back_has_the_order_read_again() -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, filled_size=D("0.005"), status=PublicStatus.CANCELLED))
    account.pass_ms(500)
    not_found(account, place)
    search_shows(account, place, shown(place))
    assert (outcomes(account), len(account.told(VerificationRequested))) == ([], 1)
    account.list_fills(executed(place, "0.005"))
    assert account.order(place).state is OrderState.CANCELLED


@pytest.mark.parametrize("second", [("29",), ("29", "30")])
def test_search_that_shows_nothing_but_second_orders_has_the_first_read_again(second: tuple[str, ...]) -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, filled_size=D("0.005"), status=PublicStatus.CANCELLED))
    account.pass_ms(500)
    not_found(account, place)
    search_shows(account, place, *(shown(place, venue_order_id=each) for each in second))
    assert [ask.order_id for ask in account.told(VerificationRequested)] == [place.order_id]


def test_search_that_shows_a_status_nobody_knows_has_the_order_read_again() -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, status=None, venue_status="SETTLING"))
    account.pass_ms(500)
    not_found(account, place)
    search_shows(account, place, shown(place, status=None, venue_status="SETTLING"))
    assert (outcomes(account), len(account.told(VerificationRequested))) == ([], 1)


# ----- more than was ordered, and what nobody understands


def test_order_that_filled_while_more_was_executed_is_asked_about_until_that_is_booked() -> None:
    account = Account()
    place = account.working(size=D(1))
    account.sent.clear()
    account.hear(shown(place, filled_size=D("1.2"), status=PublicStatus.FILLED))
    account.list_fills(executed(place, "1", "56"))
    assert (account.order(place).state, outcomes(account)) == (OrderState.FILLED, [])
    account.look_up(place.order_id)
    claim = shown(place, filled_size=D("1.2"), status=PublicStatus.FILLED)
    account.find(place.order_id, claim, executed(place, "1", "56"), executed(place, "0.2", "57"))
    assert (account.order(place).filled_size, outcomes(account)) == (D("1.2"), ["found"])
    assert account.alerts().count("Overfill") == 1


def test_status_nobody_knows_is_read_again_though_the_missing_execution_comes() -> None:
    account = Account()
    place = account.working()
    account.sent.clear()
    account.hear(shown(place, filled_size=D("0.005"), status=None, venue_status="SETTLING"))
    account.hear_fill(executed(place, "0.005"))
    assert (len(account.told(VerificationRequested)), outcomes(account)) == (1, [])


# ----- the fill timeout


def timed_out(account: Account, place: PlaceOrder) -> None:
    account.do(make(FillTimeoutDue, account_id="1", order_id=place.order_id))


def test_timeout_of_an_order_whose_end_is_held_back_cancels_nothing_and_waits() -> None:
    account = Account(fill_timeouts=FillTimeoutPolicy())
    place = account.working()
    account.hear(shown(place, filled_size=D("0.003")), executed(place, "0.003"))
    account.system._virtual.advance(100_000)
    account.hear(shown(place, filled_size=D("0.005"), status=PublicStatus.CANCELLED, reason="EXCHANGE_CANCELED"))
    account.system._virtual.advance(20_000)
    account.sent.clear()
    account.events.clear()
    timed_out(account, place)
    assert (account.to_venue(CancelVenueOrder), account.alerts()) == ([], [])
    assert len(account.fill_timers()) == 1
    account.list_fills(executed(place, "0.002", "57"))
    order = account.order(place)
    assert (order.state, order.completion) == (OrderState.CANCELLED, CompletionReason.CANCELLED)
    assert order.cancelled_by is InitiatedBy.VENUE


def test_timeout_of_an_order_of_which_only_an_execution_is_awaited_cancels_it() -> None:
    account = Account(fill_timeouts=FillTimeoutPolicy())
    place = account.working()
    account.hear(shown(place, filled_size=D("0.003")), executed(place, "0.003"))
    account.hear(shown(place, filled_size=D("0.005")))
    account.system._virtual.advance(200_000)
    account.sent.clear()
    timed_out(account, place)
    assert len(account.to_venue(CancelVenueOrder)) == 1


# ----- second orders that an answer names


def test_second_order_that_the_answer_to_a_placement_names_is_adopted_with_its_executions() -> None:
    account = Account()
    place = account.placed(size=D(1))
    account.hear(shown(place, venue_order_id="28"))
    second = shown(place, venue_order_id="29", filled_size=D(1), status=PublicStatus.FILLED)
    account.accept(place, second, executed(place, "1", "80", venue_order_id="29"), venue_order_id="29")
    by_venue_id = {order.venue_order_id: order for order in account.views.orders.values()}
    assert (by_venue_id["28"].filled_size, by_venue_id["29"].filled_size) == (D(0), D(1))
    assert account.position().size == D(1)
    assert account.alerts().count("SecondVenueOrder") == 1


def test_second_order_that_the_answer_to_a_cancel_names_is_adopted() -> None:
    account = Account()
    place = account.working()
    account.cancel(place)
    account.confirm_cancel(place, shown(place, venue_order_id="29", status=PublicStatus.CANCELLED))
    states = {order.venue_order_id: order.state for order in account.views.orders.values()}
    assert states == {"28": OrderState.ACKNOWLEDGED, "29": OrderState.CANCELLED}


# ----- one oddity among many


def cancelled_unplaced(account: Account) -> PlaceOrder:
    """An order that is proven never to have been placed."""
    place = account.placed()
    named = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceNotProcessed, **named, attempt=1, retry_after_ms=9000, evidence=account.evidence()))
    account.cancel(place)
    return place


def test_order_held_for_never_placed_that_a_list_shows_filled_by_its_executions_is_filled() -> None:
    account = Account()
    place = cancelled_unplaced(account)
    stale = shown(place, filled_size=D("0.006"), status=PublicStatus.OPEN)
    account.merge_history(stale, fills=(executed(place, "0.006", "56"), executed(place, "0.004", "57")))
    assert (account.order(place).state, len(account.fills(place))) == (OrderState.FILLED, 2)
    assert "ReportNotUnderstood" not in account.alerts()


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our rules have no place for anything that is said of venue order 66."""
    merge = absorbing.absorb

    def absorb(order: Order, *arguments: Any, **named: Any) -> Absorbed:
        if order.venue_order_id == "66":
            raise InvalidTransition("no such edge")
        return merge(order, *arguments, **named)

    monkeypatch.setattr(absorbing, "absorb", absorb)


def claim_of(venue_order_id: str, **terms: Any) -> VenueOrder:
    named = {"symbol": "BTC-USDT", "venue_order_id": venue_order_id, "client_order_id": f"manual-{venue_order_id}"}
    return make(VenueOrder, **named, **{"size": D(1), "filled_size": D(0), **terms})


def fill_of(account: Account, venue_order_id: str) -> VenueFill:
    named = {"symbol": "BTC-USDT", "venue_order_id": venue_order_id, "client_order_id": None}
    return make(VenueFill, **named, size=D(1), fill_id=f"f{venue_order_id}", venue_time_ms=account.now_ms)


def taken_in(account: Account) -> set[str | None]:
    return {order.venue_order_id for order in account.views.orders.values() if order.state is not OrderState.SUBMITTED}


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("source", ["open orders", "history"])
def test_order_of_a_list_that_cannot_be_merged_is_quarantined_alone(source: str) -> None:
    account = Account()
    claims = tuple(claim_of(each) for each in ("65", "66", "67"))
    if source == "open orders":
        account.do(make(OpenOrdersFetched, **HEAD, orders=claims, asked_venue_ms=account.now_ms))
    else:
        account.merge_history(*claims, fills=tuple(fill_of(account, each) for each in ("65", "66", "67")))
    assert taken_in(account) == {"65", "67"}
    assert account.alerts().count("ReportNotUnderstood") == 1
    account.merge_history(*claims)
    assert [order.venue_order_id for order in account.views.orders.values() if order.needs_review] == ["66"]


@pytest.mark.usefixtures("odd")
def test_execution_that_cannot_be_booked_is_asked_for_again_and_the_others_are_booked() -> None:
    account = Account()
    account.do(make(OpenOrdersFetched, **HEAD, orders=tuple(claim_of(each) for each in ("65", "66", "67"))))
    account.pass_ms(15_000)
    first = account.to_venue(FetchFills)[-1].since_venue_ms
    account.sent.clear()
    fills = tuple(fill_of(account, each) for each in ("65", "66", "67"))
    account.do(make(FillsFetched, **HEAD, symbol="BTC-USDT", fills=fills, asked_venue_ms=account.now_ms))
    assert account.position().size == D(2)
    account.pass_ms(15_000)
    assert account.to_venue(FetchFills)[-1].since_venue_ms == first
