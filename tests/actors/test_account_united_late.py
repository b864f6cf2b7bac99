"""Two records of one venue order, where more is going on than one word that overtakes another."""

from dataclasses import replace
from typing import Any

import pytest

from actors.notes import Held, InHand, Watched
from actors.store.port import Table
from messages.codec import decode_record
from messages.commands import (
    CancelOrder,
    CancelOrders,
    ClaimOrder,
    LookUpOrder,
    ModifyOrder,
    PlaceOrder,
    ResolveReview,
)
from messages.control import ReportUnresolved, VerificationEnded, VerificationRequested
from messages.events import ManualReviewRequired
from messages.queries import CancelDone, CancelsDone, OrderPlaced, Refused
from messages.reports import (
    AmendConfirmed,
    BalancesFetched,
    CancelConfirmed,
    CancelNotProcessed,
    LookUpFailed,
    OrderNotFound,
    OrdersSearched,
)
from messages.types import IdempotencyEntry, IdempotencyStatus, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.awareness_kit import Aware, D, aware
from tests.actors.test_account_united import (
    LEARNED,
    LESS,
    STRAY,
    ambiguous,
    nameless,
    overtaken,
    overtaken_by_fill,
)
from tests.factories import make

SOURCES = ("openOrders", "allOrders", "myTrades")


def search_shows(account: Aware, order_id: str, *orders: VenueOrder, **changes: Any) -> None:
    """A round of questions about an order: its look-up finds nothing, and the lists show these."""
    account.look_up(order_id)
    head = HEAD | {"order_id": order_id}
    account.do(make(OrderNotFound, **head, asked_venue_ms=changes.get("asked_venue_ms", account.now_ms)))
    told = {"symbol": "BTC-USDT", "asked_venue_ms": account.now_ms, "evidence": account.evidence()} | changes
    account.do(make(OrdersSearched, **head, orders=orders, sources=SOURCES, **told))


def denied(account: Aware | None = None, **terms: Any) -> tuple[Aware, PlaceOrder]:
    """An order that every source lacks, asked late enough: it is held for never placed."""
    account = aware() if account is None else account
    place = account.placed(max_sends=1, **terms)
    ambiguous(account, place)
    search_shows(account, place.order_id, asked_venue_ms=place.valid_until_venue_ms + 60_000)
    assert account.order(place).state is OrderState.FAILED
    return account, place


# ----- the order taken in is being looked up


def test_search_for_the_order_taken_in_that_shows_ours_leaves_nothing_of_it_behind() -> None:
    account, place = overtaken()
    account.pass_ms(5000)
    account.list_orders()
    search_shows(account, STRAY, shown(place))
    assert account.only_order().order_id == place.order_id
    account.do(make(ReportUnresolved))
    account.do(make(BalancesFetched, **HEAD, balances=(), received_ms=account.now_ms))
    assert not account.happened(ManualReviewRequired)


def test_search_in_the_last_round_for_the_order_taken_in_that_shows_ours_raises_no_review() -> None:
    account, place = overtaken()
    account.pass_ms(5000)
    account.list_orders()
    for _ in range(3):
        search_shows(account, STRAY)
        account.pass_ms(3000)
    search_shows(account, STRAY, shown(place))
    assert (account.only_order().order_id, account.only_order().needs_review) == (place.order_id, False)
    assert not account.happened(ManualReviewRequired)


# ----- absence, while something like the order was told


def asked_after_the_fence(account: Aware, place: PlaceOrder) -> None:
    account.pass_ms(9000)
    search_shows(account, place.order_id)
    account.pass_ms(1000)


@pytest.mark.parametrize("status", [PublicStatus.OPEN, PublicStatus.CANCELLED])
def test_order_that_no_list_shows_is_not_sent_again_while_one_like_it_was_told(status: PublicStatus) -> None:
    account = aware()
    place = account.placed(max_sends=3)
    ambiguous(account, place)
    account.hear(nameless(place))
    account.hear(nameless(place, status=status, venue_status=str(status)))
    asked_after_the_fence(account, place)
    assert len(account.told(PlaceOrder)) == 1
    (review,) = account.happened(ManualReviewRequired)
    assert (review.view.local_id, review.candidates) == (place.order_id, ("28",))


def test_order_that_no_list_shows_is_not_sent_again_while_one_like_it_executes() -> None:
    account = aware()
    place = account.placed(max_sends=3)
    ambiguous(account, place)
    fill = executed(place, "0.004", client_order_id=None)
    account.hear(nameless(place, filled_size=LESS), fill)
    account.pass_ms(9000)
    search_shows(account, place.order_id, fills=(fill,))
    account.pass_ms(1000)
    assert len(account.told(PlaceOrder)) == 1


@pytest.mark.parametrize("other", [{"price": D("42000.00")}, {"size": D("0.02")}, {"client_order_id": "by-hand"}])
def test_order_that_no_list_shows_is_sent_again_where_others_are_not_like_it(other: dict[str, Any]) -> None:
    account = aware()
    place = account.placed(max_sends=3)
    ambiguous(account, place)
    account.hear(nameless(place, **other))
    asked_after_the_fence(account, place)
    assert len(account.told(PlaceOrder)) == 2


def test_order_that_no_list_shows_is_sent_again_where_one_like_it_came_before() -> None:
    account = aware()
    first = account.working("27")
    account.cancelled(first, "27")
    account.hear(nameless(first))
    account.pass_ms(1000)
    account.do(submit(request_id="next", correlation_id="next", max_sends=3))
    place: PlaceOrder = account.told(PlaceOrder)[-1]
    ambiguous(account, place)
    asked_after_the_fence(account, place)
    assert len(account.told(PlaceOrder)) == 3


# ----- ours was held for never placed


@pytest.mark.parametrize("learn", ["bare answer", "event", "list", "history"])
def test_cancel_of_the_order_taken_in_is_done_only_when_the_one_held_for_dead_works_no_longer(learn: str) -> None:
    account, place = denied()
    account.hear(nameless(place))
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    account.do(CancelOrders(account_id="1", correlation_id="x2", order_ids=(STRAY,)))
    LEARNED[learn](account, place, shown(place))
    assert (account.only_order().state, account.only_order().cancel_pending) == (OrderState.ACKNOWLEDGED, True)
    assert account.replies_to("x1") == account.replies_to("x2") == []
    account.pass_ms(1000)
    assert account.cancels()[-1] == place.order_id
    account.cancelled(place)
    assert account.reply_to("x1", CancelDone).view.state is OrderState.CANCELLED
    assert [view.local_id for view in account.reply_to("x2", CancelsDone).ended] == [place.order_id]
    assert "TerminalCorrection" in account.alerts()


def test_execution_that_unites_an_order_held_for_dead_with_a_working_one_reopens_it() -> None:
    account, place = denied()
    account.hear(nameless(place))
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    account.hear_fill(executed(place, "0.004"))
    assert (account.only_order().state, account.only_order().filled_size) == (OrderState.PARTIALLY_FILLED, LESS)
    assert account.only_order().cancel_pending
    assert account.replies_to("x1") == []


def test_late_answer_for_an_order_held_for_dead_lets_nobody_place_it_again() -> None:
    account, place = denied()
    account.accept(place, None)
    (entry,) = account.stored[Table.IDEMPOTENCY].values()
    assert decode_record(IdempotencyEntry, entry).status is not IdempotencyStatus.FAILED
    account.do(submit(correlation_id="again"))
    assert len(account.told(PlaceOrder)) == 1
    assert account.reply_to("again", OrderPlaced).view.local_id == place.order_id
    account.look_up(place.order_id)
    assert account.to_venue(LookUpOrder)[-1].venue_order_id == "28"
    account.found(place, shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert account.only_order().state is OrderState.CANCELLED


def test_late_answer_for_an_order_cancelled_before_it_was_placed_has_it_cancelled_there() -> None:
    account = aware()
    place = account.placed(max_sends=1)
    ambiguous(account, place)
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=place.order_id))
    search_shows(account, place.order_id, asked_venue_ms=place.valid_until_venue_ms + 60_000)
    assert account.order(place).state is OrderState.CANCELLED
    sent = len(account.cancels())
    account.accept(place, None)
    assert (account.only_order().state, account.only_order().cancel_pending) == (OrderState.ACKNOWLEDGED, True)
    account.pass_ms(1000)
    assert account.cancels()[sent:] == [place.order_id]
    assert account.alerts() == ["TerminalCorrection"]


def test_answer_that_comes_after_the_venues_own_refusal_does_not_reopen_the_order() -> None:
    account = aware()
    place = account.placed()
    account.hear(shown(place, status=PublicStatus.FAILED, venue_status="REJECTED"))
    account.accept(place, None)
    assert account.only_order().state is OrderState.REJECTED


# ----- answers and commands that name the order that is gone


def asked_to_cancel() -> tuple[Aware, PlaceOrder]:
    account, place = overtaken()
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    account.accept(place, None)
    assert account.only_order().cancel_pending
    return account, place


def test_cancel_confirmed_under_the_name_that_is_gone_ends_ours() -> None:
    account, place = asked_to_cancel()
    claim = shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED")
    account.do(make(CancelConfirmed, **HEAD | {"order_id": STRAY}, order=claim, evidence=account.evidence()))
    assert account.reply_to("x1", CancelDone).view.local_id == place.order_id


def test_cancel_not_processed_under_the_name_that_is_gone_is_sent_again_when_the_venue_allows() -> None:
    account, place = asked_to_cancel()
    late = {"retry_after_ms": 5000, "evidence": account.evidence()}
    account.do(make(CancelNotProcessed, **HEAD | {"order_id": STRAY}, **late))
    account.pass_ms(4000)
    assert account.cancels() == [STRAY]
    account.pass_ms(1000)
    assert account.cancels() == [STRAY, place.order_id]


def test_cancel_that_names_the_order_that_is_gone_cancels_ours() -> None:
    account, place = overtaken()
    account.accept(place, None)
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    account.do(CancelOrders(account_id="1", correlation_id="x2", order_ids=(STRAY,)))
    assert set(account.cancels()) == {place.order_id}
    account.cancelled(place)
    assert account.reply_to("x1", CancelDone).view.local_id == place.order_id
    assert account.reply_to("x2", CancelsDone).unknown == ()


# ----- what is no record of ours


def test_order_told_before_ours_was_sent_is_another_one_whose_number_was_given_again() -> None:
    account = aware()
    old = account.working("27")
    account.cancelled(old, "27")
    filled = {"filled_size": old.size, "status": PublicStatus.FILLED, "venue_status": "FILLED"}
    account.hear(nameless(old, **filled), executed(old, str(old.size), client_order_id=None))
    account.pass_ms(3_600_000)
    account.do(submit(request_id="new", correlation_id="c2"))
    place: PlaceOrder = account.told(PlaceOrder)[-1]
    account.accept(place, None)
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.ACKNOWLEDGED, D(0))
    assert account.alerts() == ["VenueIdReused"]


@pytest.mark.parametrize("other", [{"size": D("5")}, {"price": D("1.00")}])
def test_operator_may_not_attach_an_order_of_other_terms(other: dict[str, Any]) -> None:
    account, place = overtaken(**other)
    ambiguous(account, place)
    for _ in range(5):
        account.look_up(place.order_id)
        for _ in ("the look-up", "the search"):
            account.do(make(LookUpFailed, **HEAD | {"order_id": place.order_id}, reason="timeout"))
        account.pass_ms(10_000)
    word = ResolveReview(account_id="1", order_id=place.order_id, operator="ann", attach_venue_order_id="28")
    account.do(replace(word, correlation_id="r1"))
    account.reply_to("r1", Refused)
    assert set(account.views.orders) == {place.order_id, STRAY}


# ----- what the other record knew more


def known_to_have_ended(place: PlaceOrder, account: Aware) -> None:
    account.hear(nameless(place))
    account.hear(nameless(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))


@pytest.mark.parametrize("learn", ["look-up", "event", "bare answer"])
def test_end_that_only_the_other_record_knew_is_read_although_the_order_was_being_looked_up(learn: str) -> None:
    account = aware()
    place = account.placed()
    if learn != "bare answer":
        ambiguous(account, place)
        account.look_up(place.order_id)
    answer = shown(place)
    known_to_have_ended(place, account)
    LEARNED[learn](account, place, answer)
    assert account.only_order().state is OrderState.ACKNOWLEDGED
    asked = len(account.told(LookUpOrder))
    calendar = [told for _, told in account.sent if isinstance(told, VerificationRequested | VerificationEnded)]
    assert (type(calendar[-1]), calendar[-1].order_id) == (VerificationRequested, place.order_id)
    account.look_up(place.order_id)
    assert len(account.told(LookUpOrder)) == asked + 1
    account.found(place, shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert account.only_order().state is OrderState.CANCELLED


# ----- both words at once, or too early


@pytest.mark.parametrize("known", [0, 1], ids=["new", "taken in before"])
@pytest.mark.parametrize("first", [0, 1], ids=["nameless first", "named first"])
@pytest.mark.parametrize("learn", ["list", "history"])
def test_report_with_two_records_of_our_order_leaves_one_order(learn: str, first: int, known: int) -> None:
    account = aware()
    place = account.placed()
    for _ in range(known):
        account.hear(nameless(place))
    fill = executed(place, "0.004", client_order_id=None)
    both = (nameless(place, filled_size=LESS), shown(place, filled_size=LESS))[:: -1 if first else 1]
    if learn == "list":
        account.list_orders(*both)
        account.list_fills(fill)
    else:
        account.merge_history(*both, fills=(fill,))
    order = account.only_order()
    assert (order.order_id, order.filled_size, account.position().fill_count) == (place.order_id, LESS, 1)


def being_changed(account: Aware, place: PlaceOrder) -> VenueOrder:
    """Ours learns its venue id while the order taken in is being changed; the answer is what that change makes of it.
    """
    account.do(ClaimOrder(account_id="1", correlation_id="k1", order_id=STRAY))
    change = ModifyOrder(account_id="1", correlation_id="m1", order_id=STRAY, size=D("0.005"))
    account.do(replace(change, expected_version=account.views.orders[STRAY].version))
    account.accept(place, None)
    assert set(account.views.orders) == {place.order_id, STRAY}
    assert account.alerts() == ["VenueIdReused"]
    return nameless(place, size=D("0.005"), filled_size=account.views.orders[STRAY].filled_size)


@pytest.mark.parametrize("meanwhile", ["nothing", "cancel"])
def test_order_taken_in_that_is_being_changed_becomes_ours_when_the_change_is_over(meanwhile: str) -> None:
    account, place = overtaken_by_fill()
    now = being_changed(account, place)
    account.do(make(AmendConfirmed, **HEAD | {"order_id": STRAY}, order=now, evidence=account.evidence()))
    if meanwhile == "cancel":
        account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=place.order_id))
    account.hear(shown(place, size=D("0.005"), filled_size=LESS))
    order = account.only_order()
    assert (order.order_id, order.filled_size) == (place.order_id, LESS)
    assert account.position().fill_count == 1
    assert list(account.restarted().views.orders) == [place.order_id]


def test_order_that_learns_nothing_by_becoming_one_is_read_and_found_by_its_venue_id() -> None:
    account, place = overtaken()
    now = being_changed(account, place)
    account.do(make(AmendConfirmed, **HEAD | {"order_id": STRAY}, order=now, evidence=account.evidence()))
    account.list_orders(shown(place))
    assert account.only_order().order_id == place.order_id
    account.look_up(place.order_id)
    assert account.told(LookUpOrder)[-1].order_id == place.order_id
    account.hear(nameless(place, filled_size=LESS), executed(place, "0.004", client_order_id=None))
    assert account.only_order().filled_size == LESS


def test_turn_in_which_an_order_became_another_remembers_nothing_more_of_it() -> None:
    account, place = overtaken()
    turn = account.actor._turn()
    memory = turn.memory
    turn.unite(memory.orders[STRAY], memory.orders[place.order_id], ())
    for note in (Watched(STRAY), InHand(STRAY, 1), Held(STRAY, shown(place), account.evidence())):
        turn.note(note)
    for record in turn.finish().apply:
        memory.remember(record)
    assert not any((memory.watched, memory.in_hand, memory.held))
