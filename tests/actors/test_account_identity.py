"""One identity, one order: request ids that come back, equal requests while an outcome is unknown."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.errors import InvariantViolated
from actors.memory import AccountMemory
from actors.turn import Turn
from messages.commands import CancelOrder, CreateDraft, PlaceOrder
from messages.events import Alert, Severity
from messages.queries import DraftDone, OrderUnresolved, RefusalCode, Refused
from messages.reports import CancelConfirmed, PlaceAccepted, PlaceAmbiguous
from messages.types import IdempotencyEntry, Order, OrderState, PublicStatus, Side
from tests.actors.account_kit import Account, shown, submit
from tests.factories import NOW_MS, make

HEAD = {"account_id": "1", "exchange": "binance"}


def draft(**terms: object) -> CreateDraft:
    return make(CreateDraft, **{"correlation_id": "d1", "account_id": "1", "request_id": "r1"} | terms)


def resting(account: Account, **terms: object) -> PlaceOrder:
    account.do(submit(**terms))
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    account.replies.clear()
    return place


def test_draft_under_the_request_id_of_an_order_whose_entry_was_swept_gets_an_id_of_its_own() -> None:
    account = Account()
    place = resting(account, request_id="r1")
    account.do(CancelOrder(account_id="1", order_id=place.order_id))
    claim = shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED")
    account.do(make(CancelConfirmed, **HEAD, order_id=place.order_id, order=claim))
    account.actor._memory.entries.clear()
    account.do(draft())
    (done,) = account.replies
    assert isinstance(done, DraftDone)
    assert done.view.local_id != place.order_id
    assert account.views.orders[place.order_id].state is OrderState.CANCELLED


def test_draft_under_a_used_request_id_with_other_terms_is_a_conflict() -> None:
    account = Account()
    resting(account, request_id="r1")
    account.do(draft(side=Side.SELL, size=Decimal("0.5")))
    (refused,) = account.replies
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.IDEMPOTENCY_CONFLICT
    assert set(refused.fields) == {"side", "size"}


def test_draft_of_a_request_that_was_placed_is_refused_and_names_its_order() -> None:
    account = Account()
    place = resting(account, request_id="r1")
    account.do(draft())
    (refused,) = account.replies
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.WRONG_STATE
    assert refused.view is not None
    assert refused.view.local_id == place.order_id


def test_draft_made_twice_is_one_draft() -> None:
    account = Account()
    account.do(draft())
    account.do(draft())
    first, second = account.replies
    assert isinstance(first, DraftDone)
    assert isinstance(second, DraftDone)
    assert first.view.local_id == second.view.local_id


def test_turn_that_would_put_another_order_in_the_place_of_a_known_one_fails() -> None:
    memory = AccountMemory()
    known = make(Order, state=OrderState.FILLED)
    memory.remember(known)
    turn = Turn(memory, account_id="1", now_ms=NOW_MS, exchange_ids={"binance": "1"})
    turn.save(replace(known, filled_size=known.size))
    with pytest.raises(InvariantViolated):
        turn.save(replace(known, state=OrderState.DRAFT, version=0))
    with pytest.raises(InvariantViolated):
        turn.save(replace(known, created_at_ms=known.created_at_ms + 1))


def test_unresolved_order_is_protected_still_after_an_allowed_duplicate_was_resolved() -> None:
    account = Account()
    account.do(submit())
    (first,) = account.to_venue(PlaceOrder)
    account.do(make(PlaceAmbiguous, **HEAD, order_id=first.order_id, attempt=1, reason="timeout"))
    second = resting(account, allow_duplicate=True)
    assert second.order_id != first.order_id
    account.system.run_for(120_000)
    account.do(submit(correlation_id="c3", reply_when="committed"))
    assert account.to_venue(PlaceOrder) == [first, second]
    (reply,) = account.replies
    assert not isinstance(reply, OrderUnresolved)
    assert reply.view.local_id == first.order_id  # type: ignore[attr-defined]


def test_unresolved_orders_under_one_key_are_kept_each_until_it_is_resolved() -> None:
    memory = AccountMemory()
    for name in ("a", "b"):
        memory.remember(make(Order, order_id=name, client_order_id=name))
        memory.remember(make(IdempotencyEntry, order_id=name))
    key = make(IdempotencyEntry).bucketless_key
    memory.remember(replace(memory.orders["b"], state=OrderState.ACKNOWLEDGED))
    assert [entry.order_id for entry in memory.unresolved[key]] == ["a"]
    memory.remember(replace(memory.orders["a"], state=OrderState.ACKNOWLEDGED))
    assert memory.unresolved == {}


def test_order_number_that_the_venue_gives_a_second_time_is_told() -> None:
    account = Account()
    resting(account, request_id="r1")
    assert [event.name for event in account.events if isinstance(event, Alert)] == []
    resting(account, request_id="r2", size=Decimal("0.02"))
    (alert,) = [event for event in account.events if isinstance(event, Alert)]
    assert (alert.name, alert.severity) == ("VenueIdReused", Severity.CRITICAL)
