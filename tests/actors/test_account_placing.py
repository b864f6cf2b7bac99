"""From a command to a durable intent, and from the venue's answer to the host's."""

from decimal import Decimal

from actors.store.port import Table
from messages.commands import CreateDraft, LookUpOrder, PlaceOrder, SubmitDraft
from messages.control import StoreAvailability, VerificationDue, VerificationRequested
from messages.queries import DraftDone, OrderAdmitted, OrderPlaced, RefusalCode, Refused
from messages.reports import (
    OrderReported,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    StreamLost,
)
from messages.types import AttemptOutcome, OrderState, PublicStatus, VerificationPhase
from tests.actors.account_kit import Account, executed, shown, submit, written
from tests.factories import make

HEAD = {"account_id": "1", "exchange": "binance"}


def placed(account: Account, **terms: object) -> PlaceOrder:
    account.do(submit(**terms))
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    return place


def test_submit_is_one_section_and_leaves_only_after_its_commit() -> None:
    account = Account()
    account.take(submit())
    (section,) = account.staged
    assert len(written(section, Table.TRANSITIONS)) == 2
    assert len(written(section, Table.IDEMPOTENCY)) == 1
    assert account.to_venue(PlaceOrder) == []
    assert account.views.orders == {}
    account.commit()
    (place,) = account.to_venue(PlaceOrder)
    order = account.only_order()
    assert (order.state, order.attempts[0].outcome) == (OrderState.SUBMITTED, AttemptOutcome.IN_FLIGHT)
    assert place.client_order_id == order.client_order_id


def test_submit_when_the_venue_accepts_answers_placed() -> None:
    account = Account()
    place = placed(account)
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    (reply,) = account.replies
    assert isinstance(reply, OrderPlaced)
    assert account.only_order().state is OrderState.ACKNOWLEDGED


def test_submit_when_the_venue_rejects_answers_the_venues_words_after_the_commit() -> None:
    account = Account()
    place = placed(account)
    account.take(make(PlaceRejected, **HEAD, order_id=place.order_id, text="Filter failure"))
    assert account.replies == []
    account.commit()
    (reply,) = account.replies
    assert isinstance(reply, Refused)
    assert (reply.code, reply.text) == (RefusalCode.VENUE_REJECTED, "Filter failure")
    assert account.views.evidence[place.order_id] is not None


def test_submit_with_an_unknown_outcome_is_looked_up_and_not_sent_again() -> None:
    account = Account()
    place = placed(account)
    account.do(make(PlaceAmbiguous, **HEAD, order_id=place.order_id))
    requests = [message for _, message in account.sent if isinstance(message, VerificationRequested)]
    assert [request.order_id for request in requests] == [place.order_id]
    due = VerificationDue(account_id="1", order_id=place.order_id, phase=VerificationPhase.DIRECT_LOOKUP)
    account.do(due)
    assert len(account.to_venue(LookUpOrder)) == 1
    assert len(account.to_venue(PlaceOrder)) == 1
    assert account.only_order().state is OrderState.SUBMITTED
    assert account.replies == []


def test_submit_of_the_same_request_id_shares_the_first_outcome() -> None:
    account = Account()
    place = placed(account, request_id="r1")
    account.do(submit(request_id="r1", correlation_id="c2"))
    assert len(account.to_venue(PlaceOrder)) == 1
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    first, second = account.replies
    assert (first.correlation_id, second.correlation_id) == ("c1", "c2")
    assert isinstance(second, OrderPlaced)
    assert second.duplicate


def test_submit_again_after_a_rejection_with_an_execution_places_nothing() -> None:
    account = Account()
    place = placed(account, request_id="r1")
    half = executed(place, "0.005")
    ended = shown(place, status=PublicStatus.FAILED, filled_size=Decimal("0.005"))
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=ended, fills=(half,)))
    assert account.only_order().state is OrderState.REJECTED
    account.do(submit(request_id="r1", correlation_id="c2"))
    assert len(account.to_venue(PlaceOrder)) == 1
    assert isinstance(account.replies[-1], OrderPlaced)


def test_submit_again_after_a_rejection_without_an_execution_places_the_next_generation() -> None:
    account = Account()
    place = placed(account, request_id="r1")
    account.do(make(PlaceRejected, **HEAD, order_id=place.order_id))
    account.do(submit(request_id="r1", correlation_id="c2"))
    first, second = account.to_venue(PlaceOrder)
    assert first.client_order_id != second.client_order_id


def test_submit_of_a_request_id_kept_as_a_draft_names_the_draft() -> None:
    account = Account()
    draft = make(CreateDraft, correlation_id="d1", account_id="1", request_id="r1")
    account.do(draft)
    done = account.replies[-1]
    assert isinstance(done, DraftDone)
    account.do(submit(request_id="r1", size=draft.size, price=draft.price))
    refused = account.replies[-1]
    assert isinstance(refused, Refused)
    assert (refused.code, account.to_venue(PlaceOrder)) == (RefusalCode.WRONG_STATE, [])
    account.do(SubmitDraft(account_id="1", correlation_id="d2", order_id=done.view.local_id))
    assert len(account.to_venue(PlaceOrder)) == 1


def test_submit_while_the_store_is_away_is_refused_and_accepted_when_it_is_back() -> None:
    account = Account()
    account.do(StoreAvailability(available=False, reason="gone"))
    account.do(submit())
    assert isinstance(account.replies[-1], Refused)
    assert account.replies[-1].code is RefusalCode.STORE_UNAVAILABLE
    account.do(StoreAvailability(available=True))
    account.do(submit(reply_when="committed"))
    assert isinstance(account.replies[-1], OrderAdmitted)


def test_submit_while_the_stream_is_down_is_refused() -> None:
    account = Account()
    account.do(make(StreamLost, **HEAD, order_id=""))
    account.do(submit())
    assert isinstance(account.replies[-1], Refused)
    assert account.replies[-1].code is RefusalCode.GATE_CLOSED


def test_place_not_processed_is_sent_again_under_the_same_client_order_id() -> None:
    account = Account()
    place = placed(account)
    account.do(make(PlaceNotProcessed, **HEAD, order_id=place.order_id, reason="rate_limited"))
    assert account.only_order().attempts[0].outcome is AttemptOutcome.NOT_PROCESSED
    assert len(account.to_venue(PlaceOrder)) == 1
    due = _timer_of(account, "resend:" + place.order_id)
    account.do(due)
    first, second = account.to_venue(PlaceOrder)
    assert (second.attempt, second.client_order_id) == (2, first.client_order_id)


def test_execution_before_the_acknowledgement_is_booked_once() -> None:
    account = Account()
    place = placed(account)
    fill = executed(place, "0.01")
    claim = shown(place, status=PublicStatus.FILLED, filled_size=Decimal("0.01"))
    account.do(make(OrderReported, **HEAD, order=claim, fill=fill))
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=claim, fills=(fill,)))
    order = account.only_order()
    assert (order.state, order.filled_size, order.fill_count) == (OrderState.FILLED, Decimal("0.01"), 1)
    assert [step.to_state for step in account.views.transitions[order.order_id]][-1] is OrderState.FILLED


def _timer_of(account: Account, key: str) -> object:
    number = account.actor._timers[key]
    timed = account.system._timer_heap.peek(number)
    assert timed is not None
    return timed.message
