"""Cancels of several orders: each by itself, one answer, and none that counts as cancelled while it may still work."""

from collections.abc import Iterator
from typing import Any

import pytest

from actors.store.port import Table
from messages.codec import encode_record
from messages.commands import (
    CancelOrders,
    CancelVenueOrder,
    ClaimOrder,
    CreateDraft,
    FetchOpenOrders,
    PlaceOrder,
)
from messages.control import ReportCommand, Verdict
from messages.queries import CancelDone, CancelsDone, DraftDone, RefusalCode
from messages.reports import CancelNotProcessed, CancelRefused, PlaceRejected, StreamLost
from messages.types import InitiatedBy, Order, OrderState, OrderType, PublicStatus, Side, Trigger
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.awareness_kit import BOTH, Aware, D, aware, cancel_all, foreign, gone
from tests.actors.modify_kit import ModifyAccount, Venue, working_order
from tests.factories import make


def cancel_orders(*names: str, name: str = "g1", **changes: Any) -> CancelOrders:
    return CancelOrders(account_id="1", correlation_id=name, order_ids=names, **changes)


def working(account: Aware, count: int, **terms: Any) -> list[PlaceOrder]:
    """Several orders that work, each at its own price."""
    return [
        account.working(f"{100 + number}", price=D(42000 - number), request_id=f"r{number}", **terms)
        for number in range(count)
    ]


def confirm(account: Aware, *places: PlaceOrder) -> None:
    for place in places:
        account.cancelled(place, account.order(place).venue_order_id or "")


def done(account: Aware, name: str = "g1") -> CancelsDone:
    return account.reply_to(name, CancelsDone)


def ids(views: tuple[Any, ...]) -> list[str]:
    return [view.local_id for view in views]


# ----- several by name


def test_cancels_of_several_orders_are_answered_once_when_all_have_ended() -> None:
    account = aware()
    places = working(account, 3)
    account.do(cancel_orders(*(place.order_id for place in places)))
    assert account.cancels() == [place.order_id for place in places]
    confirm(account, *places[:2])
    assert account.replies_to("g1") == []
    confirm(account, places[2])
    reply = done(account)
    assert sorted(ids(reply.ended)) == sorted(place.order_id for place in places)
    assert (reply.unresolved, reply.unknown, reply.complete, reply.error) == ((), (), True, "")


def test_cancels_name_orders_by_any_of_their_ids_and_twice_is_once() -> None:
    account = aware()
    first, second = working(account, 2)
    account.do(cancel_orders(first.order_id, "100", first.client_order_id, "101", "101"))
    assert account.cancels() == [first.order_id, second.order_id]
    confirm(account, first, second)
    assert sorted(ids(done(account).ended)) == sorted([first.order_id, second.order_id])


def test_cancels_name_ids_that_nobody_knows_in_the_answer() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(cancel_orders("nobody", place.order_id, "nothing", "nobody"))
    confirm(account, place)
    assert done(account).unknown == ("nobody", "nothing")
    assert ids(done(account).ended) == [place.order_id]


def test_cancels_of_a_venue_id_that_two_orders_have_touch_neither() -> None:
    account = aware()
    working(account, 1)
    account.see_foreign("100", symbol="ETH-USDT", client_order_id="eth")
    account.do(cancel_orders("100"))
    assert (account.cancels(), done(account).unknown) == ([], ("100",))


def test_cancels_of_nothing_are_answered_at_once() -> None:
    account = aware()
    account.do(cancel_orders())
    account.do(cancel_orders("nobody", name="g2"))
    assert (done(account).ended, done(account, "g2").unknown) == ((), ("nobody",))


def test_cancels_of_a_draft_end_it_here() -> None:
    account = aware()
    account.do(CreateDraft(account_id="1", correlation_id="d", exchange="binance", symbol="BTC-USDT", side=Side.BUY,
                           type=OrderType.LIMIT, size=D("0.01"), price=D(42500)))  # fmt: skip
    draft = account.reply_to("d", DraftDone).view.local_id
    account.do(cancel_orders(draft))
    assert [(view.local_id, view.state) for view in done(account).ended] == [(draft, OrderState.CANCELLED)]
    assert account.cancels() == []


def test_cancels_of_orders_that_have_ended_are_answered_at_once_with_their_end() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.hear_fill(executed(place, "0.01", venue_order_id="100"))
    account.do(cancel_orders(place.order_id))
    assert [view.state for view in done(account).ended] == [OrderState.FILLED]
    assert account.cancels() == []


def test_cancels_of_an_order_placed_by_hand_cancel_it_because_it_was_named() -> None:
    account = aware()
    by_hand = account.see_foreign()
    account.do(cancel_orders(by_hand.order_id))
    assert account.cancels() == [by_hand.order_id]
    account.see_foreign(status=PublicStatus.CANCELLED, venue_status="CANCELED")
    assert ids(done(account).ended) == [by_hand.order_id]


def test_order_that_was_filled_instead_is_shown_as_filled() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(cancel_orders(place.order_id))
    account.do(make(CancelRefused, **HEAD | {"order_id": place.order_id}))
    assert account.replies_to("g1") == []
    account.look_up(place.order_id)
    filled = shown(place, venue_order_id="100", status=PublicStatus.FILLED, filled_size=D("0.01"))
    account.found(place, filled, executed(place, "0.01", venue_order_id="100"))
    assert [view.state for view in done(account).ended] == [OrderState.FILLED]


def test_order_in_flight_is_answered_when_the_venue_says_what_became_of_it() -> None:
    account = aware()
    place = account.placed()
    account.do(cancel_orders(place.order_id))
    assert account.replies_to("g1") == []
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}))
    assert [view.state for view in done(account).ended] == [OrderState.REJECTED]


def test_order_that_needs_a_person_is_unresolved_and_keeps_nobody_waiting() -> None:
    doubtful = make(Order, needs_review=True, review_reason="two candidates")
    account = aware(stored={Table.ORDERS: {doubtful.order_id: encode_record(doubtful)}})
    account.do(cancel_all())
    assert account.cancels() == [doubtful.order_id]
    reply = done(account, "a1")
    assert (ids(reply.unresolved), reply.ended) == ([doubtful.order_id], ())


def test_order_whose_end_waits_for_its_executions_has_not_ended() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(cancel_orders(place.order_id))
    account.hear(shown(place, venue_order_id="100", status=PublicStatus.FILLED, filled_size=D("0.01")))
    assert account.replies_to("g1") == []
    account.hear_fill(executed(place, "0.01", venue_order_id="100"))
    assert [view.state for view in done(account).ended] == [OrderState.FILLED]


def test_cancels_when_the_hosts_patience_is_over_say_what_is_left_and_answer_once() -> None:
    account = aware()
    first, second = working(account, 2)
    account.do(cancel_orders(first.order_id, second.order_id))
    confirm(account, first)
    account.do(ReportCommand(account_id="1", command_id="g1"))
    reply = done(account)
    assert (ids(reply.ended), ids(reply.unresolved)) == ([first.order_id], [second.order_id])
    confirm(account, second)
    assert len(account.replies_to("g1")) == 1


def test_cancels_of_two_hosts_about_one_order_are_both_answered() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(cancel_orders(place.order_id))
    account.do(cancel_all())
    account.cancel(place)
    confirm(account, place)
    assert ids(done(account).ended) == ids(done(account, "a1").ended) == [place.order_id]
    assert account.reply_to("x1", CancelDone).view.state is OrderState.CANCELLED


def test_cancel_that_was_not_processed_is_sent_again_until_the_order_has_ended() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(cancel_orders(place.order_id))
    account.do(make(CancelNotProcessed, **HEAD | {"order_id": place.order_id}))
    account.pass_ms(1000)
    assert account.cancels() == [place.order_id] * 2
    assert account.replies_to("g1") == []


def test_account_that_is_fenced_out_answers_whoever_cancels() -> None:
    account = aware()
    places = working(account, 2)
    account.do(cancel_all())
    account.take(submit(request_id="last", reply_when="committed"))
    account.commit(Verdict.STALE)
    assert account.refusal("a1").code is RefusalCode.ACCOUNT_STOPPED
    assert len(places) == 2


# ----- orders that were replaced


def replaced(account: ModifyAccount) -> tuple[PlaceOrder, PlaceOrder]:
    """An order that was cancelled and placed anew."""
    venue = Venue(account)
    old = working_order(account, venue)
    account.modify(old.order_id, price=D("42400.00"))
    venue.settle(10)
    new = account.follower(old.order_id)
    assert new.state is OrderState.ACKNOWLEDGED
    (place,) = (each for each in account.told(PlaceOrder) if each.order_id == new.order_id)
    return old, place


def test_cancels_of_an_order_that_was_replaced_wait_for_the_one_in_its_place() -> None:
    account = ModifyAccount(cancel_replace=False)
    old, new = replaced(account)
    account.sent.clear()
    account.do(cancel_orders(old.order_id))
    assert [asked.order_id for asked in account.told(CancelVenueOrder)] == [new.order_id]
    assert account.answers("g1") == []
    account.confirm_cancel(new, gone(new, venue_order_id=account.order(new).venue_order_id))
    (reply,) = account.answers("g1")
    assert isinstance(reply, CancelsDone)
    assert [(view.local_id, view.state) for view in reply.ended] == [(new.order_id, OrderState.CANCELLED)]


def test_cancels_of_an_order_that_is_being_replaced_wait_for_both() -> None:
    account = ModifyAccount(cancel_replace=False)
    venue = Venue(account)
    old = working_order(account, venue)
    account.modify(old.order_id, price=D("42400.00"))
    account.do(cancel_orders(old.order_id))
    assert account.answers("g1") == []
    account.confirm_cancel(old, gone(old, venue_order_id=account.order(old).venue_order_id))
    (reply,) = account.answers("g1")
    assert isinstance(reply, CancelsDone)
    assert old.order_id in [view.local_id for view in reply.ended]
    assert reply.unresolved == ()
    assert all(order.state in (OrderState.CANCELLED, OrderState.FAILED) for order in account.views.orders.values())


# ----- all of them


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, {"btc", "eth", "kraken"}),
        ({"exchange": "binance"}, {"btc", "eth"}),
        ({"symbol": "BTC-USDT"}, {"btc", "kraken"}),
        ({"exchange": "binance", "symbol": "ETH-USDT"}, {"eth"}),
    ],
)
def test_cancel_all_reaches_what_is_meant_and_nothing_else(scope: dict[str, str], expected: set[str]) -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.know("ETH-USDT")
    for name, terms in {"btc": {}, "eth": {"symbol": "ETH-USDT"}, "kraken": {"exchange": "kraken"}}.items():
        account.do(submit(correlation_id=name, request_id=name, **terms))
    account.do(cancel_all(**scope))
    assert {account.views.orders[order_id].request_id for order_id in account.cancels()} == expected


def test_cancel_all_leaves_drafts_and_orders_placed_by_hand_alone() -> None:
    account = aware()
    account.do(CreateDraft(account_id="1", correlation_id="d", exchange="binance", symbol="BTC-USDT", side=Side.BUY,
                           type=OrderType.LIMIT, size=D("0.01"), price=D(42500)))  # fmt: skip
    account.see_foreign()
    (place,) = working(account, 1)
    account.do(cancel_all())
    assert account.cancels() == [place.order_id]
    assert account.asked_of(FetchOpenOrders) == []
    confirm(account, place)
    assert ids(done(account, "a1").ended) == [place.order_id]
    states = {order.state for order in account.views.orders.values()}
    assert states == {OrderState.DRAFT, OrderState.ACKNOWLEDGED, OrderState.CANCELLED}


def test_cancel_all_with_nothing_to_cancel_is_answered_at_once() -> None:
    account = aware()
    account.do(cancel_all())
    assert (done(account, "a1").ended, done(account, "a1").complete) == ((), True)


def test_cancel_all_of_an_exchange_that_is_not_configured_is_refused() -> None:
    account = aware()
    account.do(cancel_all(exchange="nowhere"))
    assert account.refusal("a1").code is RefusalCode.UNKNOWN_EXCHANGE


def test_cancel_all_says_by_whom_the_orders_were_cancelled() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(cancel_all(initiated_by=InitiatedBy.RISK_RULE))
    confirm(account, place)
    assert account.views.transitions[place.order_id][-1].trigger is Trigger.RISK_RULE_CANCEL


def test_cancel_all_works_while_the_gate_is_closed() -> None:
    account = aware()
    (place,) = working(account, 1)
    account.do(make(StreamLost, **HEAD))
    account.do(cancel_all())
    assert account.cancels() == [place.order_id]


def test_cancel_of_everything_reads_the_open_orders_and_cancels_what_it_finds() -> None:
    account = aware()
    known = account.see_foreign()
    (place,) = working(account, 1)
    account.pass_ms(10)
    account.do(cancel_all(everything=True))
    assert set(account.cancels()) == {known.order_id, place.order_id}
    assert len(account.asked_of(FetchOpenOrders)) == 1
    confirm(account, place)
    account.see_foreign(status=PublicStatus.CANCELLED)
    assert account.replies_to("a1") == []
    account.list_orders(foreign(venue_order_id="901", client_order_id="by-hand-2"))
    assert account.cancels()[-1] == "binance:BTC-USDT:901"
    assert account.replies_to("a1") == []
    account.see_foreign("901", client_order_id="by-hand-2", status=PublicStatus.CANCELLED)
    reply = done(account, "a1")
    assert len(reply.ended) == 3
    assert reply.complete


def test_cancel_of_everything_does_not_count_a_list_that_was_asked_for_before_it() -> None:
    account = aware()
    account.pass_ms(10)
    before_ms = account.now_ms - 1
    account.do(cancel_all(everything=True))
    account.sent.clear()
    account.list_orders(asked_ms=before_ms)
    assert account.replies_to("a1") == []
    account.list_orders()
    assert done(account, "a1").complete


def test_cancel_of_everything_in_one_symbol_leaves_the_others_that_the_list_shows() -> None:
    account = aware()
    account.know("ETH-USDT")
    account.do(cancel_all(everything=True, symbol="ETH-USDT"))
    account.list_orders(foreign(), foreign(venue_order_id="901", client_order_id="e", symbol="ETH-USDT"))
    assert account.cancels() == ["binance:ETH-USDT:901"]


def test_cancel_of_everything_whose_list_fails_is_not_complete_and_says_why() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    (place,) = working(account, 1)
    account.do(cancel_all(everything=True))
    confirm(account, place)
    account.fail_list("kraken", reason="HTTP 503")
    assert account.replies_to("a1") == []
    account.list_orders()
    reply = done(account, "a1")
    assert (reply.complete, ids(reply.ended)) == (False, [place.order_id])
    assert "kraken" in reply.error
    assert "HTTP 503" in reply.error


def test_cancel_of_everything_whose_list_is_incomplete_is_not_complete() -> None:
    account = aware()
    account.do(cancel_all(everything=True))
    account.list_orders(unreadable=1)
    assert not done(account, "a1").complete


def test_cancel_of_everything_whose_list_is_late_is_not_complete_when_patience_is_over() -> None:
    account = aware()
    account.do(cancel_all(everything=True))
    account.do(ReportCommand(account_id="1", command_id="a1"))
    assert not done(account, "a1").complete
    assert "binance" in done(account, "a1").error


def test_cancel_of_everything_that_nobody_waits_for_cancels_what_the_list_shows_all_the_same() -> None:
    account = aware()
    account.do(cancel_all("", everything=True))
    account.list_orders(foreign())
    assert account.cancels() == ["binance:BTC-USDT:900"]
    account.see_foreign(status=PublicStatus.CANCELLED)
    assert account.replies == []


def test_order_claimed_meanwhile_is_cancelled_by_the_next_cancel_all() -> None:
    account = aware()
    by_hand = account.see_foreign()
    account.do(cancel_all("first"))
    assert account.cancels() == []
    account.do(ClaimOrder(account_id="1", correlation_id="c", order_id=by_hand.order_id))
    account.do(cancel_all("second"))
    assert account.cancels() == [by_hand.order_id]


def test_orders_on_an_exchange_that_is_not_configured_any_more_are_unresolved_and_keep_nobody_waiting() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.do(submit(exchange="kraken"))
    (place,) = account.asked_of(PlaceOrder, "kraken")
    again = account.restarted(exchanges=("binance",))
    again.do(cancel_orders(place.order_id))
    assert ids(done(again).unresolved) == [place.order_id]
    assert not done(again).complete


# ----- many


class Counted(dict[Any, Any]):
    """An index that counts how often it was walked through."""

    walks = 0

    def items(self) -> Any:
        self.walks += 1
        return super().items()

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        return super().__iter__()


def test_cancels_of_a_thousand_orders_by_their_venue_ids_walk_through_the_orders_once() -> None:
    account = aware()
    memory = account.actor._memory
    account.list_orders(*(
        foreign(venue_order_id=f"{number}", client_order_id=f"c{number}", price=D(1000 + number))
        for number in range(1000)
    ))  # fmt: skip
    memory.by_client_id = Counted(memory.by_client_id)
    memory.by_venue_id = Counted(memory.by_venue_id)
    account.do(cancel_orders(*(f"{number}" for number in range(1000))))
    assert len(account.cancels()) == 1000
    assert memory.by_client_id.walks <= 1
    assert memory.by_venue_id.walks <= 1


def test_cancel_all_of_a_thousand_orders_is_answered_once_and_each_end_concerns_only_its_own_order() -> None:
    account = aware()
    claims = [
        foreign(venue_order_id=f"{number}", client_order_id=f"c{number}", price=D(1000 + number))
        for number in range(1000)
    ]
    account.list_orders(*claims)
    account.do(cancel_all(everything=True))
    account.list_orders(*claims)
    assert len(account.cancels()) == 1000
    account.sections.clear()
    for number in range(1000):
        account.see_foreign(f"{number}", client_order_id=f"c{number}", price=D(1000 + number),
                            status=PublicStatus.CANCELLED)  # fmt: skip
        assert len(account.replies_to("a1")) == (number == 999)
    orders = [sum(write.table == "orders" for write in section.writes) for section in account.sections]
    assert orders == [1] * 1000
    assert len(done(account, "a1").ended) == 1000
