"""Orders that took one another's place: any id of an intent reaches what of it works, also after a store was lost."""

from typing import Any

import pytest

from actors.domain.idempotency import client_order_id
from messages.commands import CancelAll, PlaceOrder, ReplaceVenueOrder
from messages.queries import CancelDone, CancelsDone, ModifyDone, RefusalCode
from messages.reports import InstrumentsFetched, OpenOrdersFetched, ServerTimeFetched, StreamConnected
from messages.types import EvidenceSource, InitiatedBy, OrderState, PublicStatus
from tests.actors.account_kit import HEAD, INSTRUMENT, TAG
from tests.actors.modify_kit import (
    OTHER,
    PART,
    PRICE,
    SIZE,
    THIRD,
    ModifyAccount,
    Venue,
    ask,
    at_work,
    done,
    in_flight,
    placed,
    refused,
)
from tests.factories import make


def test_first_id_reaches_the_order_that_took_the_place_of_a_void_replacement() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.not_processed(place))
    second = venue.take(PlaceOrder)
    account.do(venue.not_processed(second, retry_after_ms=2000))
    account.modify(place.order_id, price=THIRD, message_id="mod-2", correlation_id="m2")
    venue.settle(5)
    third = account.follower(second.order_id)
    assert third.state is OrderState.ACKNOWLEDGED
    assert done(account.answer("m2")).view.local_id == third.order_id
    account.cancel_by_id(place.order_id)
    venue.serve()
    assert venue.working() == []


def test_first_id_means_the_first_order_again_when_none_that_followed_ever_came() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.not_processed(place))
    second = venue.take(PlaceOrder)
    account.do(venue.not_processed(second, retry_after_ms=2000))
    account.modify(place.order_id, price=THIRD, message_id="mod-2", correlation_id="m2")
    third = venue.take(PlaceOrder)
    account.do(venue.rejected(third))
    assert [order.replaced_by for order in account.views.orders.values()] == [None, None, None]
    assert refused(account.answer("s1")).code is RefusalCode.VENUE_REJECTED


@pytest.mark.parametrize("how", ["refused", "not processed", "absent", "cancelled by hand"])
def test_second_change_after_the_order_executed_places_nothing(how: str) -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.fill(place.client_order_id, PART if how == "cancelled by hand" else SIZE)
    venue.end(place.client_order_id, PublicStatus.CANCELLED)
    account.modify(place.order_id, price=THIRD, message_id="mod-2", correlation_id="m2")
    answers = {"not processed": venue.not_processed, "absent": venue.ambiguous}
    account.do(answers.get(how, venue.replace)(request))
    venue.settle(40)
    assert venue.placements == [place.client_order_id]
    assert refused(account.answer("m2")).code is RefusalCode.WRONG_STATE


def test_replacement_of_a_void_order_is_not_sent_when_the_first_one_turns_out_to_have_executed() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.end(place.client_order_id, PublicStatus.CANCELLED)
    account.modify(place.order_id, price=THIRD, message_id="mod-2", correlation_id="m2")
    found = venue.orders[place.client_order_id]
    found.change(status=PublicStatus.OPEN)
    venue.fill(place.client_order_id, PART)
    account.do(venue.not_processed(request))
    venue.settle(40)
    assert venue.placements == [place.client_order_id]
    assert refused(account.answer("m2")).code is RefusalCode.NOT_MODIFIED


@pytest.mark.parametrize("named", ["first", "latest"])
def test_cancel_after_a_withdrawn_change_waits_for_both_orders(named: str) -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    account.do(CancelAll(account_id="1", correlation_id="all"))
    new = account.follower(place.order_id)
    account.cancel_by_id(place.order_id if named == "first" else new.order_id)
    account.do(venue.not_processed(request))
    assert account.answers("x1") == account.answers("all") == []
    venue.settle(60)
    assert isinstance(account.answer("x1"), CancelDone)
    assert venue.working() == []


@pytest.mark.parametrize("told_first", [True, False])
def test_order_cancelled_by_hand_during_a_change_does_not_come_back_at_the_new_price(
    told_first: bool,  # noqa: FBT001 - the two cases
) -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.end(place.client_order_id, PublicStatus.CANCELLED, tell=told_first)
    account.do(venue.replace(request))
    venue.settle(60)
    assert venue.placements == [place.client_order_id]
    assert account.follower(place.order_id).state is OrderState.FAILED
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    if not told_first:
        assert account.order(place).cancelled_by is InitiatedBy.VENUE


@pytest.mark.parametrize("heard", ["stream", "look-up"])
@pytest.mark.parametrize("withdrawn", ["before", "after"])
def test_cancel_between_two_deliveries_of_a_replace_ends_the_order_that_the_first_one_placed(
    withdrawn: str, heard: str
) -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    if withdrawn == "before":
        account.do(CancelAll(account_id="1", correlation_id="all"))
    venue.replace(request)
    account.pass_ms(20)
    account.do(venue.replace(request))
    if withdrawn == "after":
        account.do(CancelAll(account_id="1", correlation_id="all"))
    if heard == "stream":
        venue.show(place.client_order_id)
    assert account.answers("all") == []
    venue.settle(60)
    (answer,) = account.answers("all")
    assert isinstance(answer, CancelsDone)
    assert (len(answer.ended), answer.unresolved) == (2, ())
    assert venue.working() == []
    assert "TerminalCorrection" not in account.alerts()


def test_replacement_that_works_is_not_given_up_for_an_old_order_shown_working_late() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    stale = venue.orders[place.client_order_id].claim
    venue.replace(request)
    account.do(venue.replace(request))
    new = account.follower(place.order_id)
    venue.show(new.client_order_id)
    account.pass_ms(4000)
    evidence = account.now_evidence(EvidenceSource.LOOKUP)
    account.do(make(OpenOrdersFetched, **HEAD, orders=(stale,), asked_venue_ms=account.now_ms, evidence=evidence))
    assert account.follower(place.order_id).state is OrderState.ACKNOWLEDGED
    venue.settle(30)
    assert done(account.answer()).view.local_id == new.order_id


def test_modify_done_is_the_only_answer_of_an_order_changed_in_flight() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.place(place))
    venue.settle(5)
    assert isinstance(account.answer(), ModifyDone)
    assert placed(account.answer("s1")).view.state is not OrderState.FAILED


# ----- what a store has lost


def after_a_loss(venue: Venue, stored: dict[Any, Any], *, whole_history: bool) -> ModifyAccount:
    """The account in another process on what is left of the store; the venue lists what it still shows."""
    account = ModifyAccount(open_gate=False, stored=stored, start_ms=venue.now_ms + 1000)
    venue.attach(account)
    account.do(make(ServerTimeFetched, **HEAD, offset_ms=0))
    account.do(make(InstrumentsFetched, **HEAD, instruments=(INSTRUMENT,)))
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    working = tuple(each.claim for each in venue.working())
    evidence = account.now_evidence(EvidenceSource.LOOKUP)
    account.do(make(OpenOrdersFetched, **HEAD, orders=working, asked_venue_ms=account.now_ms, evidence=evidence))
    history = tuple(each.claim for each in venue.orders.values()) if whole_history else working
    account.merge_history(*history)
    return account


def changed_often(times: int) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    """The order of `r1`, changed that often by the venue's own replace."""
    account, venue, place = at_work()
    for number in range(times):
        account.pass_ms(10)
        account.modify(place.order_id, price=PRICE - 1 - number, message_id=f"c{number}", correlation_id=f"c{number}")
        venue.serve()
        done(account.answer(f"c{number}"))
    return account, venue, place


@pytest.mark.parametrize("whole_history", [True, False])
@pytest.mark.parametrize("times", [1, 12])
def test_request_whose_replaced_order_a_lost_store_has_forgotten_is_not_placed_again(
    times: int,
    whole_history: bool,  # noqa: FBT001 - the two cases
) -> None:
    _, venue, place = changed_often(times)
    (works,) = venue.working()
    account = after_a_loss(venue, {}, whole_history=whole_history)
    ask(account, "again")
    assert account.to_venue(PlaceOrder) == []
    reply = placed(account.answer("again"))
    assert (reply.duplicate, reply.view.local_id) == (True, works.claim.client_order_id)
    if whole_history:
        account.cancel_by_id(place.order_id)
        venue.serve()
        assert venue.working() == []


def test_lost_replacement_of_a_request_is_replaced_by_an_order_of_the_same_request() -> None:
    _, venue, _ = changed_often(2)
    account = after_a_loss(venue, {}, whole_history=False)
    ask(account, "again")
    (works,) = venue.working()
    account.modify(works.claim.client_order_id, price=OTHER)
    venue.settle(5)
    key = placed(account.answer("again")).view
    (latest,) = venue.working()
    order = account.views.orders[latest.claim.client_order_id]
    assert order.replaces == key.local_id
    assert order.order_id == client_order_id(TAG, order.idempotency_key or "", 0, 3)


def test_request_that_was_placed_again_after_a_refusal_is_recognised_by_a_lost_store() -> None:
    account, venue, place = in_flight()
    account.do(venue.rejected(place))
    ask(account, "second")
    again = venue.take(PlaceOrder)
    account.do(venue.carry_out(again))
    account = after_a_loss(venue, {}, whole_history=True)
    ask(account, "third")
    assert account.to_venue(PlaceOrder) == []
    assert placed(account.answer("third")).view.local_id == again.order_id


@pytest.mark.parametrize("times", [1, 2])
def test_replacement_that_a_failover_lost_is_tied_to_the_order_that_is_known(times: int) -> None:
    account, venue, place = at_work()
    kept = {table: dict(records) for table, records in account.stored.items()}
    for number in range(times):
        account.pass_ms(10)
        account.modify(place.order_id, price=PRICE - 1 - number, message_id=f"c{number}", correlation_id=f"c{number}")
        venue.serve()
    account = after_a_loss(venue, kept, whole_history=True)
    venue.settle(10)
    assert account.order(place).state is OrderState.CANCELLED
    ask(account, "again")
    (works,) = venue.working()
    assert placed(account.answer("again")).view.local_id == works.claim.client_order_id
    account.cancel_by_id(place.order_id)
    venue.serve()
    assert venue.working() == []
