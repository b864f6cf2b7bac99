"""The store is away: cancels and questions leave all the same, promises do not."""

from dataclasses import replace

from actors.reminders import CancelAgainDue, ExpiryDue, RespawnDue
from messages.commands import CancelOrder, CancelVenueOrder, LookUpOrder, PlaceOrder
from messages.control import StoreAvailability, VerificationDue, VerificationRequested
from messages.events import OrderUpdated
from messages.reports import CancelAmbiguous, OrderFound, PlaceAccepted, PlaceAmbiguous
from messages.types import TimeInForce, VerificationPhase
from tests.actors.account_kit import EXCHANGE_ADDRESS, Account, shown, submit
from tests.factories import NOW_MS, make

HEAD = {"account_id": "1", "exchange": "binance"}
AWAY = StoreAvailability(available=False)


def working(account: Account, **terms: object) -> PlaceOrder:
    account.do(replace(submit(), **terms))  # type: ignore[arg-type]
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    account.sent.clear()
    account.events.clear()
    return place


def cancel(order_id: str) -> CancelOrder:
    return CancelOrder(account_id="1", correlation_id="x1", order_id=order_id)


def asked(account: Account) -> list[type]:
    return [type(message) for _, message in account.sent]


def test_cancel_given_before_the_outage_was_noticed_leaves_when_it_is() -> None:
    account = Account()
    place = working(account)
    account.actor.on_receive(cancel(place.order_id))
    assert account.to_venue(CancelVenueOrder) == []
    account.actor.on_receive(AWAY)
    (request,) = account.to_venue(CancelVenueOrder)
    assert request.correlation_id == "x1"
    assert not any(isinstance(event, OrderUpdated) for event in account.events)
    account.commit()
    assert len(account.to_venue(CancelVenueOrder)) == 1


def test_cancel_given_again_is_sent_again() -> None:
    account = Account()
    place = working(account)
    account.do(cancel(place.order_id))
    account.do(cancel(place.order_id))
    account.take(AWAY)
    account.take(cancel(place.order_id))
    assert len(account.to_venue(CancelVenueOrder)) == 3


def test_gtt_order_whose_intent_is_not_durable_is_not_cancelled_at_its_end() -> None:
    """It has not left, so a cancel of it would be about nothing."""
    account = Account()
    account.take(submit(time_in_force=TimeInForce.GTT, expires_at_ms=NOW_MS + 10**12))
    account.take(AWAY)
    assert not any(key.startswith("expiry:") for key in account.actor._timers)
    account.commit()
    assert any(key.startswith("expiry:") for key in account.actor._timers)


def test_gtt_order_that_ends_during_an_outage_is_cancelled_at_once() -> None:
    account = Account()
    place = working(account, time_in_force=TimeInForce.GTT, expires_at_ms=NOW_MS + 10**12)
    account.take(AWAY)
    account.take(ExpiryDue(order_id=place.order_id))
    assert len(account.to_venue(CancelVenueOrder)) == 1
    assert account.staged


def test_cancel_whose_call_is_lost_during_an_outage_is_looked_up_and_sent_again() -> None:
    account = Account()
    place = working(account)
    account.take(AWAY)
    account.take(cancel(place.order_id))
    account.sent.clear()
    account.take(make(CancelAmbiguous, **HEAD, order_id=place.order_id))
    assert asked(account) == [VerificationRequested]
    account.take(VerificationDue(account_id="1", order_id=place.order_id, phase=VerificationPhase.DIRECT_LOOKUP))
    assert len(account.to_venue(LookUpOrder)) == 1
    account.take(make(OrderFound, **HEAD, order_id=place.order_id, order=shown(place), fills=()))
    assert f"cancel:{place.order_id}" in account.actor._timers
    account.take(CancelAgainDue(order_id=place.order_id))
    assert len(account.to_venue(CancelVenueOrder)) == 1


def test_placement_that_became_unknown_during_an_outage_is_looked_up_and_its_cancel_leaves() -> None:
    account = Account()
    account.do(submit())
    place = account.to_venue(PlaceOrder)[-1]
    account.take(AWAY)
    account.take(cancel(place.order_id))
    account.sent.clear()
    account.take(make(PlaceAmbiguous, **HEAD, order_id=place.order_id))
    assert asked(account) == [VerificationRequested, CancelVenueOrder]


def test_placement_waits_for_the_store_even_when_the_outage_is_noticed() -> None:
    account = Account()
    account.take(submit())
    account.take(AWAY)
    assert account.to_venue(PlaceOrder) == []
    assert account.replies == []
    account.commit()
    assert len(account.to_venue(PlaceOrder)) == 1


def test_failed_exchange_actor_comes_back_during_an_outage() -> None:
    account = Account()
    place = working(account)
    account.take(AWAY)
    account.take(cancel(place.order_id))
    account.started.clear()
    account.take(RespawnDue(exchange="binance"))
    assert account.started == [EXCHANGE_ADDRESS]
