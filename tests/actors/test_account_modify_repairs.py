"""A request and the orders that it leads to: what became of it is what became of the last that its venue had."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.domain.lifecycle import evolve
from exchanges.gateway import AmendScope
from messages.commands import AmendVenueOrder, PlaceOrder, ReplaceVenueOrder, ResolveReview, SetKillSwitch
from messages.queries import CancelDone, RefusalCode
from messages.reports import AmendRefused, OpenOrdersFetched, OrderFound, StreamLost
from messages.types import (
    AttemptOutcome,
    EvidenceSource,
    IdempotencyStatus,
    InitiatedBy,
    OrderState,
    PublicStatus,
    VenueOrder,
)
from tests.actors.account_kit import HEAD
from tests.actors.modify_kit import (
    LESS,
    OTHER,
    PART,
    PRICE,
    SIZE,
    THIRD,
    ModifyAccount,
    ask,
    at_work,
    done,
    in_flight,
    placed,
    refused,
)
from tests.factories import make


def lagging(account: ModifyAccount, order_id: str, claim: VenueOrder) -> None:
    """A look-up that is asked and answered now, by a server of the venue's that does not know the latest yet."""
    account.look_up(order_id)
    account.pass_ms(5)
    evidence = account.now_evidence(EvidenceSource.LOOKUP)
    named = HEAD | {"order_id": order_id}
    account.do(
        make(OrderFound, **named, order=claim, fills=(), fills_complete=True, asked_venue_ms=account.now_ms,
             evidence=evidence)
    )  # fmt: skip


# ----- a sending that is proven void after a change was asked


def test_request_whose_changed_order_fills_before_any_acknowledgement_is_never_placed_again() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.not_processed(place))
    assert [entry.status for entry in account.actor._memory.entries.values()] == [IdempotencyStatus.SUBMITTED]
    new = venue.take(PlaceOrder)
    venue.place(new)
    venue.fill(new.client_order_id, SIZE)
    assert account.follower(place.order_id).state is OrderState.FILLED
    assert [entry.status for entry in account.actor._memory.entries.values()] == [IdempotencyStatus.COMPLETED]
    ask(account, "again")
    venue.serve()
    assert venue.placements == [new.client_order_id]
    assert placed(account.answer("again")).view.local_id == new.order_id
    restarted = account.restarted()
    ask(restarted, "later")
    assert restarted.to_venue(PlaceOrder) == []


@pytest.mark.parametrize("how", ["not processed", "absent", "void before"])
def test_submitter_of_an_order_changed_in_flight_is_told_what_works_in_its_place(how: str) -> None:
    account, venue, place = in_flight()
    if how == "void before":
        account.do(venue.not_processed(place, retry_after_ms=2000))
    account.modify(place.order_id, price=OTHER)
    if how == "not processed":
        account.do(venue.not_processed(place))
    elif how == "absent":
        account.do(venue.ambiguous(place))
    assert account.answers("s1") == []
    venue.settle(20)
    assert placed(account.answer("s1")).view.local_id == account.follower(place.order_id).order_id


def test_submitter_is_told_not_placed_when_nothing_takes_the_place_of_a_void_order() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.not_processed(place))
    new = venue.take(PlaceOrder)
    account.do(venue.rejected(new))
    assert refused(account.answer("s1")).code is RefusalCode.VENUE_REJECTED
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    ask(account, "again")
    (_, again) = account.to_venue(PlaceOrder)[-2:]
    assert again.order_id not in (place.order_id, new.order_id), "proven unplaced, it may be asked for again"


def test_request_whose_orders_all_ended_here_may_be_made_again() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(make(StreamLost, **HEAD, reason="test"))
    account.do(venue.not_processed(place))
    account.pass_ms(31_000)
    assert account.follower(place.order_id).state is OrderState.FAILED
    assert refused(account.answer("s1")).code is RefusalCode.NOT_PLACED
    account.connect()
    ask(account, "again")
    assert len(account.to_venue(PlaceOrder)) == 1


def test_request_asked_again_is_told_not_placed_where_a_rule_of_ours_refused_the_replacement() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    ask(account, "again")
    account.do(SetKillSwitch(account_id="1", on=True, cancel_orders=False))
    account.do(venue.not_processed(place))
    assert account.follower(place.order_id).state is OrderState.REJECTED
    assert refused(account.answer("again")).code is RefusalCode.NOT_PLACED


def test_request_stays_made_when_a_replacement_held_for_dead_is_found_working() -> None:
    account, venue, place = in_flight()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.not_processed(place))
    new = venue.take(PlaceOrder)
    account.do(venue.rejected(new))
    venue.place(new)
    venue.show(new.client_order_id)
    (entry,) = account.actor._memory.entries.values()
    assert entry.status is IdempotencyStatus.COMPLETED
    ask(account, "again")
    assert placed(account.answer("again")).view.local_id == new.order_id
    account.cancel_by_id(place.order_id)
    venue.serve()
    assert venue.working() == []


def test_request_asked_again_during_a_change_that_comes_to_nothing_is_told_of_the_order_that_works() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    ask(account, "again")
    venue.fill(place.client_order_id, PART)
    account.do(venue.not_processed(request))
    assert placed(account.answer("again")).view.local_id == place.order_id


def test_operator_declaring_a_replaced_order_absent_does_not_free_its_request() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.replace(request)
    account.do(venue.ambiguous(request))
    new = account.follower(place.order_id)
    venue.show(new.client_order_id)
    account.actor._memory.remember(evolve(account.order(place), needs_review=True))
    account.do(ResolveReview(account_id="1", order_id=place.order_id, declare_absent=True, operator="op"))
    assert account.order(place).state is OrderState.FAILED
    venue.fill(new.client_order_id, SIZE)
    before = len(account.to_venue(PlaceOrder))
    ask(account, "again")
    assert len(account.to_venue(PlaceOrder)) == before


# ----- the size is the intent's


@pytest.mark.parametrize("named", ["first", "latest"])
def test_new_size_counts_what_a_former_order_executed(named: str) -> None:
    account, venue, place = at_work(amend=AmendScope.NONE, cancel_replace=False)
    account.modify(place.order_id, price=OTHER)
    venue.fill(place.client_order_id, PART)
    venue.settle(5)
    second = account.follower(place.order_id)
    assert (second.size, second.state) == (SIZE - PART, OrderState.ACKNOWLEDGED)
    order_id = place.order_id if named == "first" else second.order_id
    total = Decimal("0.009")
    account.modify(order_id, size=total, message_id="mod-2", correlation_id="m2")
    venue.settle(5)
    assert done(account.answer("m2")).view.order.size == total - PART
    account.modify(order_id, size=total, message_id="mod-2", correlation_id="m3")
    assert done(account.answer("m3")).duplicate
    (rest,) = venue.working()
    venue.fill(rest.claim.client_order_id, SIZE)
    assert venue.executed() == total


def test_new_size_that_the_orders_have_executed_together_is_refused() -> None:
    account, venue, place = at_work(amend=AmendScope.NONE, cancel_replace=False)
    account.modify(place.order_id, price=OTHER)
    venue.fill(place.client_order_id, PART)
    venue.settle(5)
    account.modify(place.order_id, size=PART, message_id="mod-2", correlation_id="m2")
    refusal = refused(account.answer("m2"))
    assert (refusal.code, refusal.rule, refusal.limit) == (RefusalCode.INVALID_ORDER, "size", "> 0.004")


def test_amend_of_a_later_order_is_recognised_when_it_is_asked_again_under_way() -> None:
    account, venue, place = at_work(amend=AmendScope.SIZE_DOWN, cancel_replace=False)
    account.modify(place.order_id, price=OTHER)
    venue.fill(place.client_order_id, PART)
    venue.settle(5)
    account.modify(place.order_id, size=LESS, message_id="mod-2", correlation_id="m2")
    request = venue.take(AmendVenueOrder)
    assert request.size == LESS - PART
    account.modify(place.order_id, size=LESS, message_id="mod-2", correlation_id="m3")
    account.do(venue.amend(request))
    assert done(account.answer("m2")).view.order.size == done(account.answer("m3")).view.order.size == LESS - PART
    account.modify(place.order_id, size=LESS, message_id="mod-2", correlation_id="m4")
    assert done(account.answer("m4")).duplicate


# ----- a refusal that an earlier delivery of the same request belies


def test_replace_delivered_twice_is_not_given_up_by_a_look_up_that_lags() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    stale = venue.orders[place.client_order_id].claim
    venue.replace(request)
    account.pass_ms(20)
    account.do(venue.replace(request))
    lagging(account, place.order_id, stale)
    assert account.answers() == []
    venue.settle(60)
    new = account.follower(place.order_id)
    assert done(account.answer()).view.local_id == new.order_id
    assert (account.order(place).state, new.state) == (OrderState.CANCELLED, OrderState.ACKNOWLEDGED)


def test_refused_replace_is_answered_as_soon_as_the_old_order_is_seen_to_work_on() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.fill(place.client_order_id, PART)
    account.do(venue.replace(request))
    venue.settle(6)
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    assert account.order(place).modification is None
    assert account.follower(place.order_id).attempts[-1].outcome is AttemptOutcome.NOT_PROCESSED


def test_amend_delivered_twice_is_not_given_up_by_a_look_up_that_lags() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, size=LESS)
    request = venue.take(AmendVenueOrder)
    stale = venue.orders[place.client_order_id].claim
    venue.amend(request)
    account.pass_ms(20)
    named = HEAD | {"order_id": place.order_id}
    account.do(make(AmendRefused, **named, code="-2038", text="no change", evidence=account.now_evidence()))
    lagging(account, place.order_id, stale)
    assert account.answers() == []
    venue.settle(60)
    assert done(account.answer()).view.order.size == LESS


def test_replacement_found_working_after_it_was_given_up_is_what_the_first_id_means() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.replace(request)
    account.do(venue.not_processed(request))
    new = account.follower(place.order_id)
    assert new.state is OrderState.FAILED
    venue.show(new.client_order_id)
    assert account.order(place).replaced_by == new.order_id
    venue.settle(10)
    assert account.order(place).state is OrderState.CANCELLED
    account.cancel_by_id(place.order_id)
    venue.settle(10)
    assert isinstance(account.answer("x1"), CancelDone)
    assert venue.working() == []


def test_replacement_found_working_during_the_next_change_is_meant_when_that_comes_to_nothing() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.replace(request)
    account.do(venue.not_processed(request))
    account.modify(place.order_id, price=THIRD, message_id="mod-2", correlation_id="m2")
    again = venue.take(ReplaceVenueOrder)
    venue.show(request.place.client_order_id)
    account.do(venue.not_processed(again))
    assert account.order(place).replaced_by == request.place.order_id
    account.cancel_by_id(place.order_id)
    venue.settle(20)
    assert isinstance(account.answer("x1"), CancelDone)
    assert venue.working() == []


# ----- words that come late or twice


def test_refusal_of_a_new_half_that_an_event_told_first_contradicts_nothing() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    answer = venue.replace(request, place=False)
    new = request.place
    venue.show(place.client_order_id)
    account.hear(
        make(VenueOrder, exchange="binance", symbol=new.symbol, venue_order_id="77", price=new.price, size=new.size,
             client_order_id=new.client_order_id, side=new.side, type=new.type, status=PublicStatus.FAILED,
             venue_status="REJECTED", filled_size=Decimal(0), updated_venue_ms=account.now_ms)
    )  # fmt: skip
    account.do(answer)
    venue.settle(60)
    assert "EvidenceContradicted" not in account.alerts()
    assert [order.needs_review for order in account.views.orders.values()] == [False, False]


@pytest.mark.parametrize("undated", ["answer", "question"])
def test_answer_to_a_former_amend_confirms_nothing_of_the_present_one(undated: str) -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, size=LESS)
    former = venue.amend(venue.take(AmendVenueOrder))
    venue.show(place.client_order_id)
    account.pass_ms(50)
    venue.orders[place.client_order_id].change(size=Decimal("0.007"), updated_venue_ms=account.now_ms)
    venue.show(place.client_order_id)
    account.pass_ms(50)
    account.modify(place.order_id, size=Decimal("0.006"), message_id="mod-2", correlation_id="m2")
    if undated == "answer":
        former = replace(former, order=replace(former.order, updated_venue_ms=None))
    else:
        former = replace(former, evidence=replace(former.evidence, sent_ms=None))
    account.do(former)
    assert account.answers("m2") == []
    assert account.order(place).size == Decimal("0.007")
    venue.settle(5)
    assert done(account.answer("m2")).view.order.size == Decimal("0.006")


def test_older_list_brings_no_old_terms_back_to_an_order_that_was_adopted_since() -> None:
    account = ModifyAccount()
    now_ms = account.now_ms
    claim = make(
        VenueOrder, exchange="binance", symbol="BTC-USDT", venue_order_id="900", client_order_id="by-hand",
        status=PublicStatus.OPEN, size=Decimal("0.5"), price=PRICE, filled_size=Decimal(0), updated_venue_ms=now_ms,
    )  # fmt: skip
    account.hear(claim)
    evidence = account.now_evidence(EvidenceSource.LOOKUP)
    old = replace(claim, size=Decimal(2), updated_venue_ms=now_ms - 5000)
    account.do(make(OpenOrdersFetched, **HEAD, orders=(old,), asked_venue_ms=now_ms, evidence=evidence))
    assert account.only_order().size == Decimal("0.5")


def test_risk_rule_that_waits_behind_an_unsettled_change_is_refused_in_time() -> None:
    account, venue, place = at_work()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    account.do(venue.ambiguous(request))
    rule = {"message_id": "rule", "correlation_id": "k1", "initiated_by": InitiatedBy.RISK_RULE}
    account.modify(place.order_id, price=THIRD, **rule)
    account.pass_ms(29_000)
    assert account.answers("k1") == []
    account.pass_ms(2000)
    assert refused(account.answer("k1")).code is RefusalCode.NOT_MODIFIED
    venue.settle(120)
    assert [sent.place.price for sent in account.to_venue(ReplaceVenueOrder)] == [OTHER]
