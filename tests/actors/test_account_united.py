"""An order that was taken in under its venue order id alone, before anybody could tell that it is ours."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from actors.store.port import Table
from messages.commands import CancelOrder, CancelOrders, ClaimOrder, LookUpOrder, PlaceOrder, ResolveReview
from messages.events import FillRecorded
from messages.fills import VenueFill
from messages.queries import CancelDone, CancelsDone, GetExposure, GetOrder, ReviewResolved
from messages.reports import LookUpFailed, OrderFound, OrderNotFound, OrdersSearched, PlaceAmbiguous
from messages.types import Order, OrderState, OrderType, PublicStatus, Side, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.awareness_kit import Aware, D, aware
from tests.factories import make

STRAY = "binance:BTC-USDT:28"
LESS = D("0.004")


def nameless(place: PlaceOrder, **changes: Any) -> VenueOrder:
    """The venue's record of a placement without our client id."""
    return replace(shown(place, client_order_id=None), **changes)


def overtaken(account: Aware | None = None, **changes: Any) -> tuple[Aware, PlaceOrder]:
    """An event without our client id came before the answer to our placement."""
    account = aware() if account is None else account
    place = account.placed()
    account.hear(nameless(place, **changes))
    assert account.views.orders[STRAY].external
    return account, place


def overtaken_by_fill() -> tuple[Aware, PlaceOrder]:
    account = aware()
    place = account.placed()
    fill = executed(place, "0.004", client_order_id=None)
    account.hear(nameless(place, filled_size=LESS), fill)
    assert account.views.orders[STRAY].filled_size == LESS
    return account, place


LEARNED: dict[str, Callable[[Aware, PlaceOrder, VenueOrder], None]] = {
    "bare answer": lambda account, place, claim: account.accept(place, None),
    "answer": lambda account, place, claim: account.accept(place, claim),
    "event": lambda account, place, claim: account.hear(claim),
    "look-up": lambda account, place, claim: account.found(place, claim),
    "list": lambda account, place, claim: account.list_orders(claim),
    "history": lambda account, place, claim: account.merge_history(claim),
}


@pytest.mark.parametrize("learn", LEARNED.values(), ids=LEARNED.keys())
def test_order_taken_in_by_its_venue_id_is_ours_once_ours_has_that_id(
    learn: Callable[[Aware, PlaceOrder, VenueOrder], None],
) -> None:
    account, place = overtaken()
    learn(account, place, shown(place))
    order = account.only_order()
    assert (order.order_id, order.state, order.venue_order_id) == (place.order_id, OrderState.ACKNOWLEDGED, "28")
    assert account.shown_to_others() == ["28"]
    assert account.alerts() == ["OrderWasOurs"]
    (stake,) = account.ask(GetExposure(account_id="1")).symbols
    assert (stake.open_orders, stake.buy_size) == (1, place.size)
    again = account.restarted()
    assert list(again.views.orders) == [place.order_id]
    assert again.shown_to_others() == ["28"]


@pytest.mark.parametrize("learn", LEARNED.values(), ids=LEARNED.keys())
def test_executions_of_an_order_that_proves_ours_move_to_it_and_count_once(
    learn: Callable[[Aware, PlaceOrder, VenueOrder], None],
) -> None:
    account, place = overtaken_by_fill()
    learn(account, place, shown(place, filled_size=LESS))
    order = account.only_order()
    assert (order.order_id, order.state, order.filled_size) == (place.order_id, OrderState.PARTIALLY_FILLED, LESS)
    (fill,) = account.fills(place)
    assert (fill.order_id, fill.size, fill.sequence) == (place.order_id, LESS, 1)
    assert (account.position().size, account.position().fill_count) == (LESS, 1)
    assert len(account.happened(FillRecorded)) == 1
    assert list(account.views.fills) == [place.order_id]
    again = account.restarted()
    assert (again.position().size, again.fills(place)) == (LESS, [fill])
    assert "PositionRebuilt" not in again.alerts()


def test_execution_told_again_after_the_orders_became_one_is_not_booked_again() -> None:
    account, place = overtaken_by_fill()
    account.accept(place, None)
    fill: VenueFill = executed(place, "0.004")
    account.hear(shown(place, filled_size=LESS), fill)
    account.list_fills(fill)
    account.hear(shown(place, filled_size=D("0.006")), executed(place, "0.002", "57"))
    assert [each.sequence for each in account.fills(place)] == [1, 2]
    assert (account.only_order().filled_size, account.position().size) == (D("0.006"), D("0.006"))
    assert account.restarted().position().fill_count == 2


def test_execution_that_names_our_order_unites_it_with_the_one_taken_in() -> None:
    account, place = overtaken_by_fill()
    account.hear_fill(executed(place, "0.002", "57"))
    assert (account.only_order().order_id, account.only_order().filled_size) == (place.order_id, D("0.006"))
    assert account.position().fill_count == 2
    assert sorted((fill.sequence, fill.fill_id) for fill in account.fills(place)) == [(1, "56"), (2, "57")]


@pytest.mark.parametrize(
    "watch", [{"limits": {"max_open_orders_per_symbol": 2}}, {"duplicate_ticks": 0}], ids=["limits", "duplicates"]
)
def test_order_taken_in_that_proved_ours_is_not_counted_before_the_next_placement(watch: dict[str, Any]) -> None:
    account, place = overtaken(aware(**watch))
    account.accept(place, None)
    if "duplicate_ticks" in watch:
        account.cancelled(place)
    account.do(submit(request_id="next", correlation_id="next"))
    assert len(account.told(PlaceOrder)) == 2


def test_order_taken_in_that_ends_as_it_proves_ours_is_shown_no_more_and_answered() -> None:
    account, place = overtaken()
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    assert account.shown_to_others() == [place.client_order_id, "28"]
    account.hear(shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert account.only_order().state is OrderState.CANCELLED
    assert account.shown_to_others() == []
    assert account.reply_to("x1", CancelDone).view.local_id == place.order_id


def test_order_taken_in_that_filled_ours_fills_ours_and_answers_its_host() -> None:
    account = aware()
    place = account.placed()
    whole = executed(place, str(place.size), client_order_id=None)
    account.hear(nameless(place, filled_size=place.size, status=PublicStatus.FILLED), whole)
    account.accept(place, None)
    assert account.only_order().state is OrderState.FILLED
    assert account.shown_to_others() == []
    assert len(account.replies_to("c1")) == 1
    (stake,) = account.ask(GetExposure(account_id="1")).symbols
    assert (stake.open_orders, stake.position) == (0, place.size)


def test_order_taken_in_that_has_ended_makes_ours_be_read() -> None:
    account, place = overtaken()
    account.hear(nameless(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    account.accept(place, None)
    assert account.only_order().state is OrderState.ACKNOWLEDGED
    account.look_up(place.order_id)
    assert [asked.venue_order_id for asked in account.to_venue(LookUpOrder)] == ["28"]
    account.found(place, shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert account.only_order().state is OrderState.CANCELLED


def test_order_taken_in_that_somebody_cancels_is_cancelled_as_ours_and_answered() -> None:
    account, place = overtaken()
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    account.do(CancelOrders(account_id="1", correlation_id="x2", order_ids=(STRAY,)))
    account.accept(place, None)
    assert account.only_order().cancel_pending
    account.pass_ms(1000)
    assert account.cancels()[-1] == place.order_id
    account.cancelled(place)
    assert account.reply_to("x1", CancelDone).view.state is OrderState.CANCELLED
    assert [view.local_id for view in account.reply_to("x2", CancelsDone).ended] == [place.order_id]


def test_order_taken_in_and_claimed_by_somebody_is_ours_all_the_same() -> None:
    account, place = overtaken()
    account.do(ClaimOrder(account_id="1", correlation_id="x1", order_id=STRAY))
    account.accept(place, None)
    assert account.only_order().order_id == place.order_id


def test_order_of_somebody_else_under_our_venue_id_stays_his() -> None:
    account = aware()
    place = account.placed()
    account.hear(shown(place, client_order_id="by-hand"))
    account.accept(place, None)
    assert set(account.views.orders) == {place.order_id, STRAY}
    assert account.alerts() == ["VenueIdReused"]


def test_order_taken_in_on_the_other_side_is_another_order() -> None:
    account, place = overtaken(side=Side.SELL)
    account.accept(place, None)
    assert set(account.views.orders) == {place.order_id, STRAY}


def test_orders_that_became_one_are_found_by_every_name_of_ours_and_stored_once() -> None:
    account, place = overtaken_by_fill()
    account.accept(place, None)
    for name in (place.order_id, "28"):
        assert account.ask(GetOrder(account_id="1", order_id=name)).view.local_id == place.order_id
    assert list(account.stored[Table.ORDERS]) == [place.order_id]
    assert all(STRAY not in field for field in account.stored[Table.TRANSITIONS])


def stopped() -> tuple[Aware, PlaceOrder]:
    """A stop that has triggered, and whose new order was told without our client id first, with an execution."""
    account = aware()
    exchanges = account.actor._policy.exchanges
    can = replace(exchanges["binance"].capabilities, untriggered_prefix="vs")
    exchanges["binance"] = replace(exchanges["binance"], capabilities=can)
    place = account.working("vs28", type=OrderType.STOP_LIMIT, price=D("42500.00"), stop_price=D("42450.00"))
    triggered = {"type": OrderType.LIMIT, "stop_price": None}
    fill = executed(place, "0.004", client_order_id=None)
    account.hear(nameless(place, **triggered, filled_size=LESS), fill)
    assert set(account.views.orders) == {place.order_id, STRAY}
    return account, place


@pytest.mark.parametrize("learn", ["event", "look-up", "list", "history"])
def test_triggered_stop_takes_over_what_was_taken_in_under_its_new_id(learn: str) -> None:
    account, place = stopped()
    claim = shown(place, type=OrderType.LIMIT, stop_price=None, filled_size=LESS)
    LEARNED[learn](account, place, claim)
    order: Order = account.only_order()
    assert (order.order_id, order.venue_order_id, order.filled_size) == (place.order_id, "28", LESS)
    assert (account.position().fill_count, account.shown_to_others()) == (1, ["28"])
    assert list(account.restarted().views.orders) == [place.order_id]


def test_second_order_under_our_client_id_is_not_merged_into_ours() -> None:
    account = aware()
    place = account.working("27")
    account.hear(nameless(place))
    account.hear(shown(place))
    assert set(account.views.orders) == {place.order_id, STRAY}
    assert account.order(place).venue_order_id == "27"


def ambiguous(account: Aware, place: PlaceOrder, venue_order_id: str | None = None) -> None:
    head = HEAD | {"order_id": place.order_id}
    reason = {"attempt": 1, "reason": "timeout", "venue_order_id": venue_order_id}
    account.do(make(PlaceAmbiguous, **head, **reason, evidence=account.evidence()))


def test_answer_that_only_names_the_venue_id_unites_the_orders_and_is_looked_up() -> None:
    account, place = overtaken_by_fill()
    ambiguous(account, place, "28")
    order = account.only_order()
    assert (order.order_id, order.filled_size) == (place.order_id, LESS)
    account.look_up(place.order_id)
    account.found(place, shown(place, filled_size=LESS))
    assert (account.only_order().verification, account.position().fill_count) == (None, 1)


def test_late_answer_for_an_order_held_for_dead_unites_it_and_has_it_read() -> None:
    account = aware()
    place = account.placed(max_sends=1)
    ambiguous(account, place)
    account.look_up(place.order_id)
    late_ms = place.valid_until_venue_ms + 60_000
    head = HEAD | {"order_id": place.order_id, "asked_venue_ms": late_ms}
    account.do(make(OrderNotFound, **head))
    account.do(make(OrdersSearched, **head, orders=(), sources=("openOrders", "allOrders", "myTrades")))
    assert account.order(place).state is OrderState.FAILED
    account.hear(nameless(place))
    account.accept(place, None)
    assert (account.only_order().order_id, account.only_order().venue_order_id) == (place.order_id, "28")
    account.look_up(place.order_id)
    account.found(place, shown(place))
    assert account.only_order().state is OrderState.ACKNOWLEDGED


def test_look_up_of_the_order_taken_in_may_show_that_it_is_ours() -> None:
    account, place = overtaken()
    head = HEAD | {"order_id": STRAY}
    account.do(make(OrderFound, **head, order=shown(place), evidence=account.evidence()))
    assert (account.only_order().order_id, account.only_order().state) == (place.order_id, OrderState.ACKNOWLEDGED)


def test_operator_may_attach_the_order_that_was_taken_in() -> None:
    account, place = overtaken_by_fill()
    ambiguous(account, place)
    for _ in range(5):
        account.look_up(place.order_id)
        for _ in ("the look-up", "the search"):
            account.do(make(LookUpFailed, **HEAD | {"order_id": place.order_id}, reason="timeout"))
        account.pass_ms(10_000)
    assert account.order(place).needs_review
    word = ResolveReview(account_id="1", order_id=place.order_id, operator="ann", attach_venue_order_id="28")
    account.do(replace(word, correlation_id="r1"))
    assert account.reply_to("r1", ReviewResolved).view.local_id == place.order_id
    assert (account.only_order().filled_size, account.position().fill_count) == (LESS, 1)


WORDS: dict[str, Callable[[Aware, PlaceOrder], None]] = {
    "event without a name": lambda account, place: account.hear(
        nameless(place, filled_size=LESS), executed(place, "0.004", client_order_id=None)
    ),
    "fill without a name": lambda account, place: account.hear_fill(
        executed(place, "0.002", "57", client_order_id=None)
    ),
    "bare answer": lambda account, place: account.accept(place, None),
    "event": lambda account, place: account.hear(shown(place, filled_size=D("0.006")), executed(place, "0.002", "57")),
    "list": lambda account, place: account.list_orders(shown(place, filled_size=D("0.006"))),
}


@pytest.mark.parametrize("order", list(permutations(WORDS)), ids=" > ".join)
def test_whatever_order_words_come_in_one_order_is_left_with_each_execution_once(order: tuple[str, ...]) -> None:
    account = aware()
    place = account.placed()
    for word in order:
        WORDS[word](account, place)
    both = executed(place, "0.004"), executed(place, "0.002", "57")
    account.look_up(place.order_id)
    account.found(place, shown(place, filled_size=D("0.006")), *both)
    order_left = account.only_order()
    assert (order_left.order_id, order_left.filled_size, order_left.fill_count) == (place.order_id, D("0.006"), 2)
    assert (account.position().size, account.position().fill_count) == (D("0.006"), 2)
    assert {fill.order_id for fill in account.fills(place)} == {place.order_id}
    assert sorted(fill.sequence for fill in account.fills(place)) == [1, 2]
    assert account.shown_to_others() == ["28"]
    assert set(account.alerts()) <= {"OrderWasOurs"}
    again = account.restarted()
    assert (list(again.views.orders), again.position()) == ([place.order_id], account.position())
    assert sorted(again.fills(place), key=lambda fill: fill.fill_id) == sorted(
        account.fills(place), key=lambda fill: fill.fill_id
    )
