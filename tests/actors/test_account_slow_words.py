"""Venues that accept a request and carry it out later, find nothing by our id, or tell sums without executions."""

from dataclasses import replace
from typing import Any

import pytest

from actors.domain.verification import VerificationPolicy
from actors.in_hand import ACCEPTED, LOOKS_MS
from exchanges.gateway import AmendScope
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchFills,
    FetchOpenOrders,
    LookUpOrder,
    PlaceOrder,
    SearchOrder,
)
from messages.control import VerificationDue, VerificationRequested
from messages.events import ManualReviewRequired
from messages.queries import CancelDone
from messages.reports import AmendAmbiguous, CancelAmbiguous, OrdersSearched, PlaceAmbiguous, StreamGap
from messages.types import OrderState, PublicStatus, VerificationPhase
from tests.actors.account_kit import HEAD, Account, executed, shown, submit
from tests.actors.modify_kit import OTHER, PART, PRICE, ModifyAccount, Venue, done, refused, working_order
from tests.factories import make
from tests.simulation.regime import CAPABILITIES

SETTLE_MS = 3000
VALID_MS = 5000


def begun() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    account = ModifyAccount(amend=AmendScope.NATIVE, audit_interval_ms=10**9)
    venue = Venue(account)
    return account, venue, working_order(account, venue)


def accepted(account: ModifyAccount, request: Any) -> None:
    """The venue accepts a request, and does nothing yet."""
    kind = CancelAmbiguous if isinstance(request, CancelVenueOrder) else AmendAmbiguous
    head = HEAD | {"order_id": request.order_id}
    account.do(make(kind, **head, reason=ACCEPTED, evidence=account.now_evidence()))


def pass_honestly(account: ModifyAccount, venue: Venue, ms: int) -> list[CancelVenueOrder]:
    """Time passes; reads are answered as things are, and every cancel is accepted and not carried out. The answer is
    the cancels that left.
    """
    cancels = []
    for _ in range(ms // 50):
        while (request := venue.take(CancelVenueOrder)) is not None:
            cancels.append(request)
            accepted(account, request)
        venue.serve()
        account.pass_ms(50)
    venue.serve()
    return cancels


# ----- cancels


def test_cancel_that_was_accepted_is_read_soon_and_not_sent_again() -> None:
    account, venue, place = begun()
    account.cancel_by_id(place.order_id)
    accepted(account, venue.take(CancelVenueOrder))
    assert pass_honestly(account, venue, LOOKS_MS[0] + 50) == []
    assert len(account.to_venue(LookUpOrder)) == 1

    assert pass_honestly(account, venue, sum(LOOKS_MS[1:])) == []

    looks = account.to_venue(LookUpOrder)
    assert len(looks) == len(LOOKS_MS)
    assert account.order(place).cancel_pending
    assert account.answers("x1") == []


def test_cancel_that_was_accepted_and_never_shows_is_sent_again_once_after_all_looks() -> None:
    account, venue, place = begun()
    account.cancel_by_id(place.order_id)
    accepted(account, venue.take(CancelVenueOrder))
    cancels = pass_honestly(account, venue, 60_000)
    assert 4 <= len(cancels) <= 60_000 // sum(LOOKS_MS)
    assert not account.order(place).needs_review


def test_cancel_that_was_accepted_ends_the_order_at_the_first_look_that_shows_it() -> None:
    account, venue, place = begun()
    account.cancel_by_id(place.order_id)
    accepted(account, venue.take(CancelVenueOrder))
    pass_honestly(account, venue, LOOKS_MS[0] + 50)
    venue.end(place.client_order_id, PublicStatus.CANCELLED, tell=False)
    pass_honestly(account, venue, LOOKS_MS[1] + 50)
    assert account.order(place).state is OrderState.CANCELLED
    assert isinstance(account.answer("x1"), CancelDone)
    looks = len(account.to_venue(LookUpOrder))
    assert pass_honestly(account, venue, 20_000) == []
    assert len(account.to_venue(LookUpOrder)) == looks


def test_cancel_that_was_accepted_and_overtaken_by_executions_ends_with_them() -> None:
    account, venue, place = begun()
    account.cancel_by_id(place.order_id)
    accepted(account, venue.take(CancelVenueOrder))
    venue.fill(place.client_order_id, PART, tell=False)
    venue.end(place.client_order_id, PublicStatus.CANCELLED, tell=False)
    pass_honestly(account, venue, LOOKS_MS[0] + 50)
    order = account.order(place)
    assert (order.state, order.filled_size) == (OrderState.CANCELLED, PART)


def test_cancel_of_unknown_outcome_is_read_at_once() -> None:
    account, venue, place = begun()
    account.cancel_by_id(place.order_id)
    account.do(venue.ambiguous(venue.take(CancelVenueOrder)))
    assert account.told(VerificationRequested)[-1].due_in_ms == 0


# ----- changes


def amending() -> tuple[ModifyAccount, Venue, PlaceOrder, AmendVenueOrder]:
    account, venue, place = begun()
    account.pass_ms(10)
    account.modify(place.order_id, price=OTHER)
    request = venue.take(AmendVenueOrder)
    accepted(account, request)
    return account, venue, place, request


@pytest.mark.parametrize("looks", range(1, len(LOOKS_MS)))
def test_change_that_was_accepted_is_made_at_the_first_look_that_shows_it(looks: int) -> None:
    account, venue, place, request = amending()
    pass_honestly(account, venue, sum(LOOKS_MS[:looks]) + 50)
    assert account.answers() == []
    assert len(account.to_venue(LookUpOrder)) == looks
    venue.amend(request)
    pass_honestly(account, venue, LOOKS_MS[looks] + 50)
    assert done(account.answer()).native
    order = account.order(place)
    assert (order.price, order.modification) == (OTHER, None)
    assert len(account.to_venue(AmendVenueOrder)) == 1


def test_change_that_was_accepted_and_never_made_is_given_up_when_nothing_can_make_it_any_more() -> None:
    account, venue, place, _ = amending()
    pass_honestly(account, venue, VALID_MS + SETTLE_MS - 500)
    assert account.answers() == []
    pass_honestly(account, venue, 30_000)
    refused(account.answer())
    order = account.order(place)
    assert (order.price, order.modification, order.replace_pending) == (PRICE, None, False)
    assert not order.needs_review


# ----- no look-up by our id


class Unlisted(Account):
    """An account on a venue that finds no order by our id: only its lists show it."""

    def __init__(self, *sources: str) -> None:
        super().__init__()
        exchanges = self.actor._policy.exchanges
        can = replace(CAPABILITIES, lookup_by_client_id=False, search_sources=sources)
        exchanges["binance"] = replace(exchanges["binance"], capabilities=can)

    def doubt(self) -> PlaceOrder:
        """An order of which nobody knows what became of it."""
        self.do(submit(max_sends=1))
        place: PlaceOrder = self.to_venue(PlaceOrder)[-1]
        self.do(make(PlaceAmbiguous, **HEAD | {"order_id": place.order_id}, reason="timeout"))
        return place

    def begin(self) -> VerificationPhase:
        """The round that was asked for begins."""
        asked = self.told(VerificationRequested)[-1]
        self.do(VerificationDue(account_id="1", order_id=asked.order_id, phase=asked.phase))
        phase: VerificationPhase = asked.phase
        return phase

    def list_nothing(self, place: PlaceOrder, asked_venue_ms: int, *sources: str) -> None:
        """No source that was read lists the order."""
        head = HEAD | {"order_id": place.order_id, "symbol": place.symbol}
        listed = {"orders": (), "fills": (), "sources": sources, "asked_venue_ms": asked_venue_ms}
        self.do(make(OrdersSearched, **head, **listed))


BOTH = ("v2/query", "Order/search")


def test_order_that_cannot_be_looked_up_is_searched_at_once() -> None:
    account = Unlisted(*BOTH)
    account.doubt()
    assert account.begin() is VerificationPhase.WINDOW_SEARCH
    assert (len(account.to_venue(SearchOrder)), account.to_venue(LookUpOrder)) == (1, [])


def test_order_that_cannot_be_looked_up_is_absent_when_all_lists_after_the_fence_lack_it() -> None:
    account = Unlisted(*BOTH)
    place = account.doubt()
    fence_ms = account.now_ms + VALID_MS + SETTLE_MS
    account.begin()
    account.list_nothing(place, fence_ms - 1, *BOTH)
    assert account.order(place).state is OrderState.SUBMITTED
    account.begin()
    account.list_nothing(place, fence_ms, *BOTH)
    assert account.order(place).state is OrderState.FAILED
    (proof,) = [step.evidence for step in account.views.transitions[place.order_id][-1:]]
    assert proof is not None
    assert proof.detail == "absent from v2/query, Order/search, asked after the fence"


@pytest.mark.parametrize(("required", "read"), [(BOTH, BOTH[:1]), (BOTH, ()), ((), ())])
def test_order_that_cannot_be_looked_up_is_not_absent_where_a_list_was_not_read(
    required: tuple[str, ...], read: tuple[str, ...]
) -> None:
    account = Unlisted(*required)
    place = account.doubt()
    for _ in range(VerificationPolicy().max_rounds + 1):
        account.begin()
        account.list_nothing(place, 10**15, *read)
    assert account.order(place).state is OrderState.SUBMITTED
    assert account.happened(ManualReviewRequired) != []


def test_order_that_cannot_be_looked_up_by_our_id_is_by_the_venues() -> None:
    account = Unlisted(*BOTH)
    account.do(submit(max_sends=1))
    place = account.to_venue(PlaceOrder)[-1]
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceAmbiguous, **head, reason="status_unknown", venue_order_id="28"))
    assert account.begin() is VerificationPhase.DIRECT_LOOKUP
    assert account.to_venue(LookUpOrder)[-1].venue_order_id == "28"


# ----- a stream that tells sums, or skips


@pytest.mark.parametrize("status", [PublicStatus.OPEN, PublicStatus.FILLED, PublicStatus.CANCELLED])
def test_sum_without_an_execution_has_the_executions_read(status: PublicStatus) -> None:
    account = Account()
    place = account.working()
    done_now = place.size if status is PublicStatus.FILLED else PART
    account.hear(shown(place, filled_size=done_now, status=status))
    assert account.order(place).filled_size == 0
    asked = account.told(VerificationRequested)[-1]
    assert (asked.order_id, asked.phase) == (place.order_id, VerificationPhase.DIRECT_LOOKUP)
    account.look_up(place.order_id)
    request = account.to_venue(LookUpOrder)[-1]
    assert (request.venue_order_id, request.with_fills) == ("28", True)

    claim = shown(place, filled_size=done_now, status=status)
    account.find(place.order_id, claim, executed(place, str(done_now)))

    order = account.order(place)
    assert (order.filled_size, account.position().size) == (done_now, done_now)
    assert (order.state in (OrderState.FILLED, OrderState.CANCELLED)) is (status is not PublicStatus.OPEN)


def test_next_sum_before_the_first_was_read_asks_for_more_and_books_all_of_it() -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, filled_size=PART))
    account.hear(shown(place, filled_size=2 * PART))
    account.look_up(place.order_id)
    account.find(place.order_id, shown(place, filled_size=PART), executed(place, str(PART), "1"))
    assert account.order(place).filled_size == PART
    account.look_up(place.order_id)
    both = (executed(place, str(PART), "1"), executed(place, str(PART), "2"))
    account.find(place.order_id, shown(place, filled_size=2 * PART), *both)
    assert account.order(place).filled_size == 2 * PART
    assert len(account.fills(place)) == 2


def test_gap_of_the_stream_has_everything_read_again_before_anything_is_placed() -> None:
    account = Account()
    place = account.working()
    account.sent.clear()
    account.do(make(StreamGap, **HEAD, expected=7, received=9, received_ms=account.now_ms))
    assert [each.symbol for each in account.to_venue(FetchOpenOrders)] == [None]
    assert [each.symbol for each in account.to_venue(SearchOrder)] == [place.symbol]
    assert [each.symbol for each in account.to_venue(FetchFills)] == [place.symbol]
    assert account.try_to_place(request_id="second") == []
