"""Orders of which nothing but executions is kept, told of again: under other ids, late, by lists that lag behind."""

from decimal import Decimal
from typing import Any

import pytest

from actors.policy import PrivacyPolicy
from actors.store.port import Table
from messages.commands import CancelOrder, LookUpOrder, PlaceOrder
from messages.reports import LookUpFailed, OrderFound
from messages.types import OrderState, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown
from tests.actors.awareness_kit import Aware, D, aware, gone
from tests.factories import make

NO_HISTORY = PrivacyPolicy(retain_history=False)
MINUTE_MS = 60_000
SWEEP_MS = 15_000
CANCELS_ID = "c-of-the-cancel"


def ended(filled: str = "0.004", *, request_id: str | None = "pay-once", **settings: Any) -> tuple[Aware, PlaceOrder]:
    """An account and an order of it that was cancelled, perhaps after an execution; it is still recorded."""
    account = aware(privacy=NO_HISTORY, **settings)
    place: PlaceOrder = account.working(request_id=request_id)
    if D(filled):
        account.hear_fill(executed(place, filled))
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id=place.order_id))
    account.cancelled(place, filled_size=D(filled))
    return account, place


def forgotten(filled: str = "0.004", **settings: Any) -> tuple[Aware, PlaceOrder]:
    """The same a while later, when nothing but the execution is kept."""
    account, place = ended(filled, **settings)
    forget(account)
    return account, place


def forget(account: Aware) -> None:
    """Let enough time pass for what has ended to be forgotten."""
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    assert account.views.orders == {}
    account.sent.clear()
    account.events.clear()


def show_history(account: Aware, *claims: VenueOrder, fills: tuple[Any, ...] = ()) -> None:
    """The stream was down for a moment, and the venue lists the recent history."""
    account.connect(keep=True, history=False)
    account.merge_history(*claims, fills=fills)


def sizes(account: Aware) -> dict[str, Decimal]:
    """Executed size by our order id, as readers see it."""
    return {order.order_id: order.filled_size for order in account.views.orders.values()}


def booked_sizes(account: Aware) -> list[Decimal]:
    """Sizes of all executions that readers see."""
    return [fill.size for fills in account.views.fills.values() for fill in fills]


# ----- executions of forgotten orders


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("client_order_id", [CANCELS_ID, None])
def test_forgotten_order_shown_under_another_client_id_books_only_what_is_new(
    restart: bool,  # noqa: FBT001 - the two cases
    client_order_id: str | None,
) -> None:
    account, place = forgotten()
    if restart:
        account = account.restarted()
    late = executed(place, "0.003", "57", client_order_id=client_order_id)
    first = executed(place, "0.004", client_order_id=client_order_id)
    claim = gone(place, filled_size=D("0.007"), client_order_id=client_order_id)
    show_history(account, claim, fills=(first, late))

    assert sizes(account) == {place.order_id: D("0.007")}
    order = account.order(place)
    assert (order.external, order.client_order_id, order.state) == (False, place.client_order_id, OrderState.CANCELLED)
    assert account.position().size == D("0.007")
    again = account.restarted()
    assert again.position().size == D("0.007")
    assert "PositionRebuilt" not in again.alerts()


def test_late_execution_told_alone_under_another_client_id_is_taken_in_with_its_order_once() -> None:
    account, place = forgotten()
    late = executed(place, "0.003", "57", client_order_id=CANCELS_ID)
    account.hear_fill(late)
    claim = gone(place, filled_size=D("0.007"), client_order_id=CANCELS_ID)
    answer(account, claim, executed(place, "0.004", client_order_id=CANCELS_ID), late)

    assert sizes(account) == {place.order_id: D("0.007")}
    assert account.position().size == D("0.007")
    assert account.stored.get(Table.PARKED, {}) == {}


def test_late_execution_is_booked_although_the_record_of_its_forgotten_order_lags_behind() -> None:
    account, place = forgotten()
    account.hear_fill(executed(place, "0.003", "57"))
    answer(account, gone(place, filled_size=D("0.004")), executed(place, "0.004"))

    assert sizes(account) == {place.order_id: D("0.007")}
    assert (account.position().size, account.stored[Table.PARKED]) == (D("0.007"), {})


@pytest.mark.parametrize("restart", [False, True])
def test_execution_of_a_forgotten_order_told_again_with_its_end_brings_nothing_back(restart: bool) -> None:  # noqa: FBT001
    account, place = forgotten()
    if restart:
        account = account.restarted()
    account.hear(gone(place, filled_size=D("0.004")), executed(place, "0.004"))

    assert account.views.orders == {}
    assert account.position().size == D("0.004")


def test_new_execution_of_a_forgotten_order_told_with_its_end_is_booked() -> None:
    account, place = forgotten()
    account.hear(gone(place, filled_size=D("0.004")), executed(place, "0.003", "57"))

    assert sizes(account) == {place.order_id: D("0.007")}
    assert account.position().size == D("0.007")


def with_twin() -> tuple[Aware, PlaceOrder]:
    """The venue has two orders under one client id: 28 executed 0.001, 29 executed 0.002 and has ended."""
    account = aware(privacy=NO_HISTORY)
    place: PlaceOrder = account.working(request_id="pay-once")
    account.hear(shown(place, filled_size=D("0.001")), executed(place, "0.001", "f1"))
    second = executed(place, "0.002", "f2", venue_order_id="29")
    account.hear(shown(place, venue_order_id="29", filled_size=D("0.002")), second)
    account.hear(gone(place, venue_order_id="29", filled_size=D("0.002")))
    return account, place


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("first_ended", [False, True])
def test_forgotten_second_order_of_a_client_id_is_back_under_the_name_its_executions_have(
    restart: bool,  # noqa: FBT001 - the two cases
    first_ended: bool,  # noqa: FBT001 - the two cases
) -> None:
    account, place = with_twin()
    if first_ended:
        account.hear(gone(place, filled_size=D("0.001")))
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    assert list(account.views.orders) == ([] if first_ended else [place.order_id])
    if restart:
        account = account.restarted()
    third = executed(place, "0.001", "f3", venue_order_id="29")
    second = executed(place, "0.002", "f2", venue_order_id="29")
    show_history(account, gone(place, venue_order_id="29", filled_size=D("0.003")), fills=(second, third))

    assert account.views.orders["binance:BTC-USDT:29"].filled_size == D("0.003")
    assert sizes(account).get(place.order_id) == (None if first_ended else D("0.001"))
    assert account.position().size == D("0.004")
    assert sorted(booked_sizes(account)) == [D("0.001"), D("0.001"), D("0.002")]


def test_end_of_a_forgotten_second_order_told_again_brings_nothing_back_while_the_first_one_works() -> None:
    account, place = with_twin()
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    account.events.clear()
    claim = gone(place, venue_order_id="29", filled_size=D("0.002"))
    account.hear(claim)
    show_history(account, claim, fills=(executed(place, "0.002", "f2", venue_order_id="29"),))

    assert sizes(account) == {place.order_id: D("0.001")}
    assert "SecondVenueOrder" not in account.alerts()


@pytest.mark.parametrize("restart", [False, True])
def test_new_order_under_the_client_id_of_a_forgotten_one_is_an_order_of_its_own(
    restart: bool,  # noqa: FBT001 - the two cases
) -> None:
    account, place = forgotten()
    if restart:
        account = account.restarted()
    second = executed(place, "0.002", "90", venue_order_id="29")
    show_history(account, gone(place, venue_order_id="29", filled_size=D("0.002")), fills=(second,))

    assert sizes(account) == {"binance:BTC-USDT:29": D("0.002")}
    assert account.alert("SecondVenueOrder").severity == "critical"
    assert account.position().size == D("0.006")


def test_two_lost_orders_under_one_client_id_in_one_list_are_both_taken_in() -> None:
    account = aware()
    place: PlaceOrder = aware().working()
    account.list_orders(shown(place), shown(place, venue_order_id="29"))

    assert {order.venue_order_id: order.order_id for order in account.views.orders.values()} == {
        "28": place.order_id,
        "29": "binance:BTC-USDT:29",
    }
    assert account.alert("SecondVenueOrder").severity == "critical"


def test_execution_told_of_another_order_than_it_is_booked_to_is_not_booked_again() -> None:
    """The venue gives the number of a forgotten order to another one of ours: their executions look alike."""
    account, place = forgotten()
    other: PlaceOrder = account.placed(request_id="another")
    account.accept(other, shown(other), executed(other, "0.004"))

    assert account.position().size == D("0.004")
    assert booked_sizes(account) == [D("0.004")]
    assert account.order(other).filled_size == 0
    assert dict(account.alert("VenueIdReused").details)["first"] == place.order_id


# ----- lists that lag behind


def answer(account: Aware, claim: VenueOrder, *fills: Any) -> None:
    """The venue answers the look-up of an order that nobody knows."""
    head = HEAD | {"order_id": f"parked:{claim.venue_order_id}"}
    account.do(make(OrderFound, **head, order=claim, fills=fills, fills_complete=True, evidence=account.evidence()))


def looked_up(account: Aware) -> list[str]:
    """Venue ids of the orders that the venue was asked for one by one, since this was last asked."""
    asked = [request.venue_order_id for request in account.asked_of(LookUpOrder)]
    account.sent.clear()
    return asked


@pytest.mark.parametrize("filled", ["0.004", "0"])
@pytest.mark.parametrize("restart", [False, True])
def test_list_that_shows_a_forgotten_order_as_working_brings_nothing_back_but_has_it_read(
    restart: bool,  # noqa: FBT001 - the two cases
    filled: str,
) -> None:
    account, place = forgotten(filled)
    if restart:
        account = account.restarted()
        account.sent.clear()
        account.events.clear()
    account.list_orders(shown(place, filled_size=D(filled)))
    assert looked_up(account) == ["28"]
    answer(account, gone(place, filled_size=D(filled)))

    assert (account.views.orders, account.alerts(), account.shown_to_others()) == ({}, [], [])
    assert looked_up(account) == []
    account.list_orders()
    assert looked_up(account) == []


def test_forgotten_order_that_works_when_it_is_read_is_taken_in() -> None:
    account, place = forgotten()
    claim = shown(place, filled_size=D("0.004"))
    account.list_orders(claim)
    assert account.views.orders == {}
    answer(account, claim, executed(place, "0.004"))

    order = account.order(place)
    assert (order.state, order.filled_size) == (OrderState.PARTIALLY_FILLED, D("0.004"))
    assert (account.shown_to_others(), account.position().size) == (["28"], D("0.004"))
    looked_up(account)
    account.list_orders(claim)
    assert (looked_up(account), account.shown_to_others()) == ([], ["28"])


def test_forgotten_order_whose_reading_was_not_answered_is_read_again_when_it_is_listed_again() -> None:
    account, place = forgotten()
    account.list_orders(shown(place))
    account.do(make(LookUpFailed, **HEAD | {"order_id": "parked:28"}))
    assert looked_up(account) == ["28"]
    account.list_orders(shown(place))
    assert looked_up(account) == ["28"]


def test_history_that_shows_a_forgotten_order_as_working_has_it_read_and_loses_no_execution() -> None:
    account, place = forgotten()
    late = executed(place, "0.003", "57")
    show_history(account, shown(place, filled_size=D("0.007")), fills=(executed(place, "0.004"), late))
    assert account.views.orders == {}
    assert looked_up(account) == ["28"]
    assert len(account.stored[Table.PARKED]) == 1
    answer(account, gone(place, filled_size=D("0.007")), executed(place, "0.004"), late)

    assert sizes(account) == {place.order_id: D("0.007")}
    assert (account.position().size, account.stored[Table.PARKED]) == (D("0.007"), {})


# ----- how long it is kept that an order was there

LOOKBACK_MS = 120 * MINUTE_MS
SETTLE_MS = 3000


@pytest.mark.parametrize("lived_ms", [0, 61 * MINUTE_MS])
def test_unfilled_order_is_not_taken_back_while_the_history_may_show_it(lived_ms: int) -> None:
    account = aware(privacy=NO_HISTORY)
    place: PlaceOrder = account.working(request_id=None)
    account.pass_ms(lived_ms)
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id=place.order_id))
    account.cancelled(place)
    account.pass_ms(LOOKBACK_MS)
    again = account.restarted()
    show_history(again, gone(place))

    assert (again.views.orders, again.alerts()) == ({}, [])


def test_tombstone_of_a_request_without_an_id_goes_when_no_history_can_show_its_order() -> None:
    account, _ = forgotten("0", request_id=None)
    account.pass_ms(LOOKBACK_MS - MINUTE_MS)
    assert len(account.stored[Table.IDEMPOTENCY]) == 1
    account.pass_ms(2 * MINUTE_MS + SETTLE_MS)
    assert account.stored[Table.IDEMPOTENCY] == {}


def test_tombstone_of_an_order_that_was_back_is_kept_anew() -> None:
    account, place = forgotten("0", request_id=None)
    account.pass_ms(LOOKBACK_MS - 10 * MINUTE_MS)
    answer(account, shown(place))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    account.pass_ms(20 * MINUTE_MS)
    account.hear(gone(place))
    forget(account)
    again = account.restarted()
    show_history(again, gone(place))

    assert (again.views.orders, again.alerts()) == ({}, [])
