"""What a venue says that cannot be true beside what is booked: one execution under two names, an end that is none."""

from dataclasses import replace
from decimal import Decimal

import pytest

from messages.commands import PlaceOrder
from messages.events import ManualReviewRequired
from messages.fills import VenueFill
from messages.reports import OrderFound
from messages.types import EvidenceSource, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, Account, executed, shown
from tests.factories import make

D = Decimal


def half_filled() -> tuple[Account, PlaceOrder]:
    """An order of which the stream told one execution of a half."""
    account = Account()
    exchanges = account.actor._policy.exchanges
    able = replace(exchanges["binance"].capabilities, fill_ids_agree=False)
    exchanges["binance"] = replace(exchanges["binance"], capabilities=able)
    place = account.working("28")
    account.hear(shown(place, filled_size=place.size / 2), executed(place, "0.005", "E1"))
    account.sent.clear()
    account.events.clear()
    return account, place


def look_up(account: Account, place: PlaceOrder, claim: VenueOrder, *fills: VenueFill) -> None:
    """The venue answers a question about the order."""
    head = HEAD | {"order_id": place.order_id}
    evidence = replace(account.evidence(), source=EvidenceSource.LOOKUP)
    account.do(make(OrderFound, **head, order=claim, fills=fills, fills_complete=True, evidence=evidence))


def test_execution_of_a_list_that_is_behind_the_stream_waits_and_is_booked_when_the_list_has_caught_up() -> None:
    account, place = half_filled()

    look_up(account, place, shown(place, filled_size=D("0.003")), executed(place, "0.003", "E2"))

    assert (account.order(place).filled_size, account.order(place).needs_review) == (D("0.005"), False)
    both = (executed(place, "0.005", "E1"), executed(place, "0.003", "E2"))
    look_up(account, place, shown(place, filled_size=D("0.008")), *both)
    assert account.order(place).filled_size == D("0.008")


def test_execution_that_a_look_up_names_otherwise_is_not_booked_again_and_a_person_is_asked() -> None:
    account, place = half_filled()
    account.pass_ms(4000)

    look_up(account, place, shown(place, filled_size=D("0.005")), executed(place, "0.005", "T9"))

    order = account.order(place)
    assert (order.filled_size, order.state, order.needs_review) == (D("0.005"), OrderState.PARTIALLY_FILLED, True)
    assert account.position().size == D("0.005")
    assert "ExecutionNamedTwice" in account.alerts()


def test_two_executions_alike_are_both_booked_where_the_venue_counts_both() -> None:
    account, place = half_filled()
    account.pass_ms(4000)

    look_up(account, place, shown(place, filled_size=D("0.01")), executed(place, "0.005", "T9"))

    assert (account.order(place).filled_size, account.order(place).needs_review) == (D("0.01"), False)


def test_execution_that_was_told_before_its_order_had_an_id_is_booked_with_the_one_that_brings_the_id() -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(executed(place, "0.004", "E0", venue_order_id="28", client_order_id=None))
    assert account.order(place).filled_size == 0

    account.hear_fill(executed(place, "0.001", "E1", venue_order_id="28"))

    assert account.order(place).filled_size == D("0.005")


def test_execution_merged_by_a_list_is_not_booked_beside_its_parts() -> None:
    account, place = half_filled()
    account.pass_ms(4000)

    look_up(account, place, shown(place, filled_size=D("0.008")), executed(place, "0.008", "T9"))

    assert account.order(place).filled_size == D("0.005")
    assert "ExecutionNamedTwice" in account.alerts()


def test_execution_of_a_list_that_is_like_a_booked_one_is_decided_by_reading_the_order() -> None:
    account, place = half_filled()
    account.pass_ms(4000)

    account.list_fills(executed(place, "0.005", "T9"))

    assert account.order(place).filled_size == D("0.005")
    look_up(account, place, shown(place, filled_size=D("0.01")), executed(place, "0.005", "T9"))
    assert account.order(place).filled_size == D("0.01")


@pytest.mark.parametrize(("after_ms", "asks"), [(5000, False), (7000, True)])
def test_order_shown_working_long_after_its_end_is_left_to_a_person(after_ms: int, *, asks: bool) -> None:
    account = Account()
    place = account.working("28")
    account.cancel(place)
    account.confirm_cancel(place, shown(place, status=PublicStatus.CANCELLED))
    account.pass_ms(after_ms)
    account.events.clear()

    look_up(account, place, shown(place, status=PublicStatus.OPEN))
    look_up(account, place, shown(place, status=PublicStatus.OPEN))

    assert account.order(place).state is OrderState.CANCELLED
    assert account.order(place).needs_review is asks
    assert len([event for event in account.events if isinstance(event, ManualReviewRequired)]) == (1 if asks else 0)
