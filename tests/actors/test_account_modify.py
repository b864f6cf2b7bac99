"""Changing an order: what is refused and why, what is asked of the venue, and when the host is answered."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from exchanges.gateway import AmendScope
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    PlaceOrder,
    ReplaceVenueOrder,
)
from messages.events import OrderStateChanged
from messages.queries import RefusalCode
from messages.reports import OrderFound, StreamLost
from messages.types import (
    EvidenceSource,
    InitiatedBy,
    OrderState,
    PublicStatus,
    Trigger,
)
from tests.actors.account_kit import HEAD
from tests.actors.modify_kit import (
    LESS,
    MORE,
    OTHER,
    PRICE,
    SIZE,
    ModifyAccount,
    Venue,
    done,
    refused,
    working_order,
)
from tests.factories import make


def begun(**can: Any) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    account = ModifyAccount(**can)
    venue = Venue(account)
    place = working_order(account, venue)
    account.pass_ms(10)
    return account, venue, place


def native() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    return begun(amend=AmendScope.NATIVE)


def by_cancel() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    return begun(amend=AmendScope.NONE, cancel_replace=False)


# ----- in place


def test_amend_confirmed_changes_the_terms_and_answers_what_was_kept() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    order = account.order(place)
    assert (order.replace_pending, order.size) == (True, SIZE)
    assert account.answers() == []
    request = venue.take(AmendVenueOrder)
    assert (request.size, request.price, request.venue_order_id) == (LESS, PRICE, "28")
    account.do(venue.amend(request))
    order = account.order(place)
    assert (order.size, order.price, order.replace_pending, order.modification) == (LESS, PRICE, False, None)
    assert (order.modified_by, order.modified_at_ms) == (InitiatedBy.USER, account.now_ms)
    answer = done(account.answer())
    assert (answer.native, answer.kept_order_id, answer.kept_priority, answer.merged) == (True, True, True, False)
    assert answer.view.order.size == LESS
    step = account.views.transitions[place.order_id][-1]
    assert (step.from_state, step.to_state, step.trigger) == (
        OrderState.ACKNOWLEDGED, OrderState.ACKNOWLEDGED, Trigger.USER_MODIFY_ORDER,
    )  # fmt: skip
    assert dict(step.metadata) == {"size": "0.01 -> 0.008", "by": "user", "modify_id": "mod-1", "kind": "amend"}
    assert account.happened(OrderStateChanged)[-1].trigger is Trigger.USER_MODIFY_ORDER
    assert order.version == step.version


def test_amend_of_a_price_promises_no_place_in_the_queue() -> None:
    account, venue, place = native()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.amend(venue.take(AmendVenueOrder)))
    answer = done(account.answer())
    assert (answer.native, answer.kept_order_id, answer.kept_priority) == (True, True, False)


def test_amend_told_by_the_stream_before_its_answer_is_made_once() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    answer = venue.amend(venue.take(AmendVenueOrder))
    venue.show(place.client_order_id)
    assert done(account.answer()).view.order.size == LESS
    version = account.order(place).version
    account.do(answer)
    assert account.order(place).version == version
    assert "OrderChangedElsewhere" not in account.alerts()
    assert len(account.answers()) == 1


def test_amend_refused_is_answered_with_the_venues_words_once_the_order_was_read() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    request = venue.take(AmendVenueOrder)
    venue.end(place.client_order_id, PublicStatus.CANCELLED, tell=False)
    account.do(venue.amend(request))
    assert account.answers() == []
    venue.settle(5)
    answer = refused(account.answer())
    assert (answer.code, "Unknown order sent." in answer.text) == (RefusalCode.NOT_MODIFIED, True)
    assert answer.view is not None
    assert answer.view.state is OrderState.CANCELLED


def test_amend_not_acted_on_is_sent_again_while_it_is_valid_and_given_up_after() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    request = venue.take(AmendVenueOrder)
    account.do(venue.not_processed(request))
    account.pass_ms(500)
    first, second = account.to_venue(AmendVenueOrder)
    assert second == replace(first, message_id=second.message_id)
    account.pass_ms(5000)
    account.do(venue.not_processed(request))
    answer = refused(account.answer())
    assert (answer.code, account.order(place).replace_pending) == (RefusalCode.NOT_MODIFIED, False)
    account.pass_ms(60_000)
    assert len(account.to_venue(AmendVenueOrder)) == 2


def test_amend_of_unknown_outcome_is_not_called_undone_before_it_can_take_effect_no_more() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    request = venue.take(AmendVenueOrder)
    account.do(venue.ambiguous(request))
    venue.settle(2)
    assert account.order(place).replace_pending
    assert account.answers() == []
    venue.settle(30)
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    assert len(account.to_venue(AmendVenueOrder)) == 1


def test_amend_that_ended_the_order_is_done_and_the_order_ended() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    answer = venue.amend(venue.take(AmendVenueOrder))
    ended = replace(answer.order, status=PublicStatus.EXPIRED, venue_status="EXPIRED")  # type: ignore[union-attr]
    account.do(replace(answer, order=ended))
    order = account.order(place)
    assert (order.state, order.size) == (OrderState.EXPIRED, LESS)
    assert done(account.answer()).view.state is OrderState.EXPIRED


def test_amend_confirmed_with_the_old_terms_is_read_before_it_is_believed() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, size=LESS)
    request = venue.take(AmendVenueOrder)
    answer = venue.amend(request)
    account.do(replace(answer, order=replace(answer.order, size=SIZE)))  # type: ignore[union-attr]
    assert account.answers() == []
    venue.settle(3)
    assert done(account.answer()).view.order.size == LESS


def test_fill_beyond_the_old_size_proves_that_the_order_was_made_larger() -> None:
    account, venue, place = native()
    account.modify(place.order_id, size=MORE)
    venue.amend(venue.take(AmendVenueOrder))
    venue.fill(place.client_order_id, Decimal("0.015"), tell=False)
    account.hear_fill(venue.orders[place.client_order_id].fills[0])
    order = account.order(place)
    assert (order.state, order.size, order.overfilled) == (OrderState.PARTIALLY_FILLED, MORE, False)
    assert done(account.answer())


def test_fill_of_the_old_size_completes_nothing_while_the_order_may_be_larger() -> None:
    account, venue, place = native()
    account.modify(place.order_id, size=MORE)
    request = venue.take(AmendVenueOrder)
    venue.fill(place.client_order_id, SIZE, tell=False)
    account.hear_fill(venue.orders[place.client_order_id].fills[0])
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.do(venue.not_processed(request, retry_after_ms=60_000))
    venue.settle(5)
    assert account.order(place).state is OrderState.FILLED
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED


# ----- replaced at the venue


def test_replace_at_the_venue_is_one_request_and_answers_when_the_new_order_is_there() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    old, new = account.order(place), account.follower(place.order_id)
    assert (old.cancel_pending, old.replace_pending, old.replaced_by) == (True, True, new.order_id)
    assert (new.state, new.price, new.size, len(new.attempts)) == (OrderState.SUBMITTED, OTHER, SIZE, 1)
    assert account.to_venue(CancelVenueOrder) == []
    request = venue.take(ReplaceVenueOrder)
    assert (request.order_id, request.place.order_id) == (old.order_id, new.order_id)
    account.do(venue.replace(request))
    old, new = account.order(place), account.follower(place.order_id)
    assert (old.state, old.reason, new.state) == (OrderState.CANCELLED, "replaced", OrderState.ACKNOWLEDGED)
    answer = done(account.answer())
    assert (answer.native, answer.kept_order_id, answer.kept_priority) == (False, False, False)
    assert answer.view.local_id == new.order_id
    assert new.order_id != old.order_id
    assert new.order_id.startswith("0badc0de")


def test_replace_whose_cancel_failed_leaves_the_old_order_as_it_was() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.fill(place.client_order_id, Decimal("0.004"))
    account.do(venue.replace(request))
    venue.settle(30)
    old, new = account.order(place), account.follower(place.order_id)
    assert (old.state, old.cancel_pending, old.replaced_by, old.cancelled_by) == (
        OrderState.PARTIALLY_FILLED, False, None, None,
    )  # fmt: skip
    assert (new.state, new.reason) == (OrderState.FAILED, "not_placed")
    assert account.to_venue(CancelVenueOrder) == []
    answer = refused(account.answer())
    assert (answer.code, answer.view and answer.view.local_id) == (RefusalCode.NOT_MODIFIED, place.order_id)
    assert len(venue.working()) == 1


def test_replace_of_which_only_the_cancel_succeeded_says_so_with_the_venues_words() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.replace(venue.take(ReplaceVenueOrder), place=False))
    old, new = account.order(place), account.follower(place.order_id)
    assert (old.state, new.state) == (OrderState.CANCELLED, OrderState.REJECTED)
    answer = refused(account.answer())
    assert "Would match." in answer.text
    assert OrderState.CANCELLED in answer.text


def test_replace_cancelled_but_not_placed_is_placed_again_under_the_same_id() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    answer = venue.replace(request, place=False)
    account.do(replace(answer, place=venue.not_processed(request.place)))
    venue.settle(5)
    new = account.follower(place.order_id)
    assert (new.state, len(new.attempts)) == (OrderState.ACKNOWLEDGED, 2)
    assert done(account.answer()).view.local_id == new.order_id


def test_replace_that_placed_without_cancelling_has_the_old_order_cancelled() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    placed = venue.place(request.place)
    answer = venue.ambiguous(request)
    account.do(replace(answer, place=placed))
    assert account.answers() == []
    venue.settle(5)
    assert account.order(place).state is OrderState.CANCELLED
    assert [each.claim.price for each in venue.working()] == [OTHER]
    assert done(account.answer())


def test_replace_of_unknown_outcome_sends_no_cancel_of_its_own() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    account.do(venue.ambiguous(venue.take(ReplaceVenueOrder)))
    venue.settle(60)
    assert account.to_venue(CancelVenueOrder) == []
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED


def test_replace_is_not_given_up_while_nobody_knows_whether_it_placed() -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    venue.place(request.place)
    account.do(venue.ambiguous(request))
    account.pass_ms(10_000)
    old_claim = venue.orders[place.client_order_id].claim
    evidence = account.now_evidence(EvidenceSource.LOOKUP)
    found = {"order_id": place.order_id, "order": old_claim, "asked_venue_ms": account.now_ms, "evidence": evidence}
    account.do(make(OrderFound, **HEAD | found))
    assert account.order(place).replace_pending
    assert account.follower(place.order_id).state is OrderState.SUBMITTED
    assert account.to_venue(CancelVenueOrder) == []
    venue.settle(30)
    assert [each.claim.price for each in venue.working()] == [OTHER]
    assert done(account.answer())


@pytest.mark.parametrize("after_ms", [0, 20_000])
def test_replacement_is_not_sent_again_while_the_old_order_may_work(after_ms: int) -> None:
    account, venue, place = begun()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(ReplaceVenueOrder)
    answer = venue.ambiguous(request)
    account.do(replace(answer, place=venue.not_processed(request.place)))
    account.pass_ms(after_ms)
    assert account.to_venue(PlaceOrder) == account.to_venue(PlaceOrder)[:1]
    assert account.follower(place.order_id).state is OrderState.SUBMITTED


# ----- cancelled, then placed


def test_replacement_is_sent_only_after_the_cancel_is_proven_and_for_what_is_left() -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    new = account.follower(place.order_id)
    assert (new.state, new.size, new.attempts) == (OrderState.PENDING, SIZE, ())
    venue.fill(place.client_order_id, Decimal("0.004"))
    assert len(account.to_venue(PlaceOrder)) == 1
    account.do(venue.cancel(request))
    new = account.follower(place.order_id)
    sent = account.to_venue(PlaceOrder)[-1]
    assert (new.state, new.size, sent.size, sent.price) == (
        OrderState.SUBMITTED, Decimal("0.006"), Decimal("0.006"), OTHER,
    )  # fmt: skip
    account.do(venue.place(venue.take(PlaceOrder)))
    assert done(account.answer()).view.local_id == new.order_id


def test_replacement_waits_for_executions_that_the_cancel_speaks_of() -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, price=OTHER)
    venue.fill(place.client_order_id, Decimal("0.004"), tell=False)
    account.do(venue.cancel(venue.take(CancelVenueOrder)))
    assert len(account.to_venue(PlaceOrder)) == 1
    account.hear_fill(venue.orders[place.client_order_id].fills[0])
    assert account.to_venue(PlaceOrder)[-1].size == Decimal("0.006")


def test_replacement_of_an_order_that_was_filled_first_is_not_placed() -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, size=MORE)
    venue.fill(place.client_order_id, SIZE)
    new = account.follower(place.order_id)
    assert (new.state, new.reason) == (OrderState.FAILED, "not_placed")
    assert account.order(place).replaced_by is None
    answer = refused(account.answer())
    assert (answer.code, answer.view and answer.view.state) == (RefusalCode.NOT_MODIFIED, OrderState.FILLED)


def test_replacement_is_not_sent_late() -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    account.do(venue.not_processed(request, retry_after_ms=90_000))
    account.pass_ms(30_000)
    assert account.follower(place.order_id).state is OrderState.FAILED
    assert refused(account.answer()).code is RefusalCode.NOT_MODIFIED
    venue.settle(10)
    assert account.order(place).state is OrderState.CANCELLED
    assert len(account.to_venue(PlaceOrder)) == 1


def test_replacement_waits_for_the_gate_and_is_placed_when_it_opens() -> None:
    account, venue, place = by_cancel()
    account.modify(place.order_id, price=OTHER)
    request = venue.take(CancelVenueOrder)
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.do(venue.cancel(request))
    assert len(account.to_venue(PlaceOrder)) == 1
    assert account.follower(place.order_id).state is OrderState.PENDING
    account.pass_ms(1)
    account.connect(keep=True)
    account.pass_ms(1000)
    assert account.to_venue(PlaceOrder)[-1].price == OTHER


def test_order_whose_outcome_is_unknown_is_cancelled_before_another_is_placed() -> None:
    account = ModifyAccount()
    venue = Venue(account)
    place = account.placed()
    request = venue.take(PlaceOrder)
    account.do(venue.ambiguous(request))
    account.modify(place.order_id, price=OTHER)
    assert account.follower(place.order_id).state is OrderState.PENDING
    venue.settle(60)
    assert account.order(place).state is OrderState.CANCELLED
    assert [each.claim.price for each in venue.working()] == [OTHER]
    assert done(account.answer())


def test_order_whose_every_sending_is_void_is_replaced_at_once() -> None:
    account = ModifyAccount()
    venue = Venue(account)
    place = account.placed()
    account.do(venue.not_processed(venue.take(PlaceOrder)))
    account.modify(place.order_id, price=OTHER)
    assert account.to_venue(CancelVenueOrder) == []
    assert account.to_venue(PlaceOrder)[-1].price == OTHER
    assert account.order(place).state is OrderState.CANCELLED
