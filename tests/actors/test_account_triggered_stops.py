"""Stops that trigger where they go on under another id and the same client id: one order, whatever is told."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from messages.commands import PlaceOrder
from messages.events import ManualReviewRequired
from messages.reports import CancelConfirmed
from messages.types import OrderState, OrderType, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown
from tests.actors.awareness_kit import Aware, gone
from tests.factories import make

D = Decimal
STOP, CHILD = "vs28", "28"
TERMS = {"type": OrderType.STOP_LIMIT, "price": D("42500.00"), "stop_price": D("42450.00")}


def armed(*, prefix: str = "vs") -> tuple[Aware, PlaceOrder]:
    """An account with a stop that waits for its trigger."""
    account = prefixed(Aware(), prefix)
    return account, account.working(STOP, **TERMS)


def prefixed(account: Aware, prefix: str = "vs") -> Aware:
    exchanges = account.actor._policy.exchanges
    can = replace(exchanges["binance"].capabilities, untriggered_prefix=prefix)
    exchanges["binance"] = replace(exchanges["binance"], capabilities=can)
    return account


def child(place: PlaceOrder, **changes: Any) -> VenueOrder:
    """What the stop has become: an ordinary order, under an id of its own."""
    return shown(place, **{"venue_order_id": CHILD, "type": OrderType.LIMIT, "stop_price": None} | changes)


def stop(place: PlaceOrder, **changes: Any) -> VenueOrder:
    """The stop itself, as its own book shows it."""
    return shown(place, **{"venue_order_id": STOP} | changes)


def tell_by_stream(account: Aware, place: PlaceOrder) -> None:
    account.hear(child(place))


def tell_by_list(account: Aware, place: PlaceOrder) -> None:
    account.list_orders(child(place))


def tell_by_look_up(account: Aware, place: PlaceOrder) -> None:
    account.hear(stop(place, status=None, venue_status="TRIGGERED"))
    account.look_up(place.order_id)
    account.found(place, child(place))


WAYS = [tell_by_stream, tell_by_list, tell_by_look_up]


@pytest.mark.parametrize("tell", WAYS)
def test_triggered_stop_goes_on_as_one_order_under_its_new_id(tell: Any) -> None:
    account, place = armed()
    tell(account, place)
    assert list(account.views.orders) == [place.order_id]
    order = account.order(place)
    assert (order.venue_order_id, order.state, order.type) == (CHILD, OrderState.ACKNOWLEDGED, OrderType.STOP_LIMIT)
    assert account.shown_to_others() == [CHILD]
    assert "SecondVenueOrder" not in account.alerts()
    assert account.happened(ManualReviewRequired) == []


@pytest.mark.parametrize("tell", WAYS)
def test_execution_after_the_trigger_is_booked_on_the_stop(tell: Any) -> None:
    account, place = armed()
    tell(account, place)
    filled = child(place, status=PublicStatus.FILLED, filled_size=place.size)
    account.hear(filled, executed(place, str(place.size), venue_order_id=CHILD))
    assert (account.order(place).state, account.position().size) == (OrderState.FILLED, place.size)


def test_execution_told_with_the_new_id_for_the_first_time_is_booked() -> None:
    account, place = armed()
    account.hear(child(place, filled_size=D("0.004")), executed(place, "0.004", venue_order_id=CHILD))
    assert (account.order(place).filled_size, account.order(place).venue_order_id) == (D("0.004"), CHILD)


def test_old_word_about_the_stop_after_its_trigger_changes_nothing() -> None:
    account, place = armed()
    tell_by_stream(account, place)
    before = account.order(place)
    account.hear(stop(place, status=PublicStatus.CANCELLED))
    account.list_orders(stop(place), child(place))
    assert account.order(place) == before
    assert list(account.views.orders) == [place.order_id]


def test_cancel_of_a_stop_that_was_answered_with_what_it_has_become_ends_it() -> None:
    account, place = armed()
    account.cancel(place)
    ended = gone(place, venue_order_id=CHILD, type=OrderType.LIMIT)
    head = HEAD | {"order_id": place.order_id}
    account.do(make(CancelConfirmed, **head, order=ended, evidence=account.evidence()))
    order = account.order(place)
    assert (order.state, order.venue_order_id, len(account.views.orders)) == (OrderState.CANCELLED, CHILD, 1)


def test_triggered_stop_is_known_by_its_new_id_after_a_restart() -> None:
    account, place = armed()
    tell_by_stream(account, place)
    again = prefixed(account.restarted())
    again.hear(child(place, filled_size=D("0.004")), executed(place, "0.004", venue_order_id=CHILD))
    again.hear(stop(place))
    assert (list(again.views.orders), again.order(place).filled_size) == ([place.order_id], D("0.004"))


def test_second_order_under_the_client_id_of_a_triggered_stop_stays_a_second_order() -> None:
    account, place = armed()
    tell_by_stream(account, place)
    account.hear(child(place, venue_order_id="29"))
    assert account.order(place).venue_order_id == CHILD
    assert len(account.views.orders) == 2
    assert "SecondVenueOrder" in account.alerts()


def test_other_id_at_a_venue_that_keeps_ids_is_a_second_order() -> None:
    account, place = armed(prefix="")
    account.hear(child(place))
    assert account.order(place).venue_order_id == STOP
    assert len(account.views.orders) == 2
    assert "SecondVenueOrder" in account.alerts()


@pytest.mark.parametrize("tell", [tell_by_stream, tell_by_list])
def test_stop_that_was_cancelled_and_had_triggered_works_again_and_is_to_be_cancelled_still(tell: Any) -> None:
    account, place = armed()
    account.cancel(place)
    account.confirm_cancel(place, stop(place, status=PublicStatus.CANCELLED))
    assert account.order(place).state is OrderState.CANCELLED

    tell(account, place)

    order = account.order(place)
    assert (order.state, order.venue_order_id, order.cancel_pending) == (OrderState.ACKNOWLEDGED, CHILD, True)
    assert account.shown_to_others() == [CHILD]
    assert "TerminalCorrection" in account.alerts()
