"""Changes that somebody made at a venue while nobody listened, where records of orders carry no time of change."""

from dataclasses import replace
from typing import Any

import pytest

from messages.commands import PlaceOrder
from messages.control import VerificationRequested
from messages.reports import OpenOrdersFetched, OrderFound
from messages.types import Evidence, EvidenceSource, InitiatedBy, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown
from tests.actors.awareness_kit import Aware, D, aware
from tests.factories import make

SETTLE_MS = 3000
OTHER = {"price": D("42400.00")}


def undated(place: PlaceOrder, **changes: Any) -> VenueOrder:
    return replace(shown(place, updated_venue_ms=None), **changes)


def listed(account: Aware, *claims: VenueOrder) -> None:
    """A list of open orders, asked for now."""
    at_ms = account.now_ms
    evidence = make(Evidence, source=EvidenceSource.LOOKUP, sent_ms=at_ms, received_ms=at_ms)
    account.do(make(OpenOrdersFetched, **HEAD, orders=claims, asked_venue_ms=at_ms, evidence=evidence))


def working(*, for_ms: int = SETTLE_MS) -> tuple[Aware, PlaceOrder]:
    account = aware()
    place = account.placed()
    account.accept(place, undated(place))
    account.pass_ms(for_ms)
    return account, place


def test_terms_of_two_undated_lists_a_settle_time_apart_are_believed_and_told() -> None:
    account, place = working()
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == place.price
    account.pass_ms(SETTLE_MS)
    listed(account, undated(place, **OTHER))
    order = account.order(place)
    assert (order.price, order.modified_by) == (D("42400.00"), InitiatedBy.VENUE)
    assert dict(account.alert("OrderChangedElsewhere").details)["fields"] == "price"
    listed(account, undated(place, **OTHER))
    assert account.alerts() == ["OrderChangedElsewhere"]


def test_other_terms_of_an_undated_list_make_the_order_be_read_and_are_believed_then() -> None:
    account, place = working()
    listed(account, undated(place, size=D("0.02")))
    (question,) = account.told(VerificationRequested)
    assert (question.order_id, question.due_in_ms) == (place.order_id, SETTLE_MS)
    account.pass_ms(SETTLE_MS)
    account.look_up(place.order_id)
    evidence = replace(account.evidence(), source=EvidenceSource.LOOKUP, sent_ms=account.now_ms)
    claim = undated(place, size=D("0.02"))
    account.do(make(OrderFound, **HEAD | {"order_id": place.order_id}, order=claim, evidence=evidence))
    assert account.order(place).size == D("0.02")


def test_undated_list_shortly_after_the_placement_is_no_sight_of_other_terms() -> None:
    account, place = working(for_ms=SETTLE_MS - 1)
    listed(account, undated(place, **OTHER))
    account.pass_ms(SETTLE_MS)
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == place.price


def test_undated_lists_of_one_moment_are_one_sight() -> None:
    account, place = working()
    listed(account, undated(place, **OTHER))
    account.pass_ms(SETTLE_MS - 1)
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == place.price


@pytest.mark.parametrize("between", [{}, {"price": D("42300.00")}], ids=["ours", "yet others"])
def test_undated_lists_that_differ_are_not_believed(between: dict[str, Any]) -> None:
    account, place = working()
    for changes in (OTHER, between, OTHER):
        listed(account, undated(place, **changes))
        account.pass_ms(SETTLE_MS)
    assert account.order(place).price == place.price
    assert account.alerts() == []


def test_older_dated_word_does_not_undo_what_undated_lists_have_shown() -> None:
    account, place = working()
    before_ms = account.now_ms
    account.pass_ms(1)
    for _ in range(2):
        listed(account, undated(place, **OTHER))
        account.pass_ms(SETTLE_MS)
    account.hear(shown(place, updated_venue_ms=before_ms))
    assert account.order(place).price == D("42400.00")
    account.hear(shown(place, updated_venue_ms=account.now_ms, price=D("42450.00")))
    assert account.order(place).price == D("42450.00")


def test_undated_size_below_what_has_executed_is_no_size() -> None:
    account, place = working()
    account.hear_fill(executed(place, "0.005"))
    for _ in range(3):
        listed(account, undated(place, size=D("0.004"), filled_size=D("0.005")))
        account.pass_ms(SETTLE_MS)
    assert account.order(place).size == place.size


def test_undated_event_of_a_stream_is_no_sight_of_other_terms() -> None:
    account, place = working()
    for _ in range(3):
        account.hear(undated(place, **OTHER))
        account.pass_ms(SETTLE_MS)
    assert account.order(place).price == place.price


def test_other_terms_seen_before_a_change_of_ours_do_not_count_after_it() -> None:
    account, place = working()
    listed(account, undated(place, **OTHER))
    account.pass_ms(SETTLE_MS)
    account.hear(shown(place, updated_venue_ms=account.now_ms, price=D("42450.00")))
    account.pass_ms(SETTLE_MS)
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == D("42450.00")


@pytest.mark.parametrize("after_ms", [0, None], ids=["dated", "undated"])
def test_word_of_a_stream_that_shows_ours_undoes_the_sight_of_other_terms(after_ms: int | None) -> None:
    account, place = working()
    listed(account, undated(place, **OTHER))
    account.pass_ms(SETTLE_MS - 100)
    account.hear(undated(place, updated_venue_ms=None if after_ms is None else account.now_ms + after_ms))
    account.pass_ms(100)
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == place.price
    account.pass_ms(SETTLE_MS)
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == D("42400.00")


def test_word_that_is_silent_about_what_differs_leaves_the_sight_of_other_terms() -> None:
    account, place = working()
    listed(account, undated(place, **OTHER))
    account.hear(undated(place, price=None))
    account.pass_ms(SETTLE_MS)
    listed(account, undated(place, **OTHER))
    assert account.order(place).price == D("42400.00")
