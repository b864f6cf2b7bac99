"""How far every answer can be believed: while streams live, after they are lost, and while nobody keeps the account."""

from dataclasses import replace
from typing import Any

import pytest

from messages.control import StoreAvailability, Verdict
from messages.fills import VenueFill
from messages.queries import (
    AccountQuery,
    AnswerSource,
    GetExposure,
    GetFills,
    GetFillsBetween,
    GetHistory,
    GetOrder,
    GetOrders,
    GetPosition,
    GetPositions,
    GetStuckOrders,
    OrderSnapshot,
    RefusalCode,
)
from messages.reports import FrameUnreadable, OrderReported, StreamConnected, StreamGap, StreamLost
from messages.types import Order, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, executed, submit
from tests.actors.awareness_kit import BOTH, Aware, aware, sync
from tests.factories import make

HERE = {"account_id": "1", "exchange": "binance"}
QUERIES: dict[str, AccountQuery] = {
    "order": GetOrder(account_id="1", order_id="28"),
    "orders": GetOrders(**HERE),
    "history": GetHistory(account_id="1", order_id="28"),
    "fills": GetFills(account_id="1", order_id="28"),
    "fills between": GetFillsBetween(**HERE, symbol="BTC-USDT"),
    "position": GetPosition(**HERE, symbol="BTC-USDT"),
    "positions": GetPositions(**HERE),
    "exposure": GetExposure(**HERE),
}
"""Each is about one exchange, by its name or by the order that it asks for."""
OF_ALL: dict[str, AccountQuery] = {
    "unknown order": GetOrder(account_id="1", order_id="nobody"),
    "all orders": GetOrders(account_id="1"),
    "history of none": GetHistory(account_id="1", order_id="nobody"),
    "fills of none": GetFills(account_id="1", order_id="nobody"),
    "all positions": GetPositions(account_id="1"),
    "stuck orders": GetStuckOrders(account_id="1"),
    "all exposure": GetExposure(account_id="1"),
}
EVERY = QUERIES | OF_ALL


def trading(**settings: Any) -> Aware:
    """An account that has an order, an execution and a position, some time after it last compared itself."""
    account = aware(**settings)
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.pass_ms(700)
    return account


def list_all(account: Aware, **changes: Any) -> None:
    """The venue lists every open order that there is."""
    orders = [order for order in account.views.orders.values() if order.exchange == "binance"]
    account.list_orders(*(as_shown(order) for order in orders), **changes)


def as_shown(order: Order) -> VenueOrder:
    """The venue's record of an order, as we have it."""
    return make(
        VenueOrder, venue_order_id=order.venue_order_id, client_order_id=order.client_order_id, side=order.side,
        size=order.size, price=order.price, filled_size=order.filled_size,
    )  # fmt: skip


def belief(account: Aware, query: AccountQuery) -> tuple[int, AnswerSource, bool]:
    """Of what moment, by what, and whether something may be missing."""
    found = account.ask(query)
    return found.as_of_ms, found.source, found.gap


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_while_the_stream_lives_is_of_now(query: AccountQuery) -> None:
    account = trading()
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_without_a_stream_is_of_the_last_list_and_says_that_something_may_be_missing(
    query: AccountQuery,
) -> None:
    account = trading()
    agreed_ms = account.now_ms - 700
    account.do(make(StreamLost, **HEAD))
    account.pass_ms(400)
    assert belief(account, query) == (agreed_ms, AnswerSource.CACHE, True)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_across_a_gap_of_the_stream_is_of_the_last_list_until_orders_and_executions_were_read(
    query: AccountQuery,
) -> None:
    account = trading()
    agreed_ms = account.now_ms - 700
    account.do(make(StreamGap, **HEAD, received_ms=account.now_ms))
    assert belief(account, query) == (agreed_ms, AnswerSource.CACHE, True)
    list_all(account)
    assert belief(account, query)[1:] == (AnswerSource.CACHE, True)
    account.list_fills()
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_after_a_reconnection_is_believed_only_when_the_open_orders_were_read(query: AccountQuery) -> None:
    account = trading()
    account.do(make(StreamLost, **HEAD))
    account.pass_ms(400)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.list_fills()
    assert belief(account, query)[1:] == (AnswerSource.CACHE, True)
    list_all(account, asked_ms=account.now_ms - 1)
    assert belief(account, query) == (account.now_ms - 1, AnswerSource.CACHE, True)
    list_all(account, unreadable=1)
    assert belief(account, query) == (account.now_ms - 1, AnswerSource.CACHE, True)
    list_all(account)
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_while_an_order_that_vanished_is_looked_up_says_that_something_may_be_missing(
    query: AccountQuery,
) -> None:
    account = trading()
    order = account.only_order()
    account.list_orders()
    assert belief(account, query)[1:] == (AnswerSource.CACHE, True)
    account.look_up(order.order_id)
    account.find(order.order_id, as_shown(order))
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_after_a_reconnection_says_that_something_may_be_missing_until_what_vanished_is_known(
    query: AccountQuery,
) -> None:
    account = trading()
    order = account.only_order()
    account.do(make(StreamLost, **HEAD))
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.list_fills()
    account.list_orders()
    listed_ms = account.now_ms
    account.pass_ms(300)
    assert account.views.gates["binance"] == "", "new orders are accepted"
    assert belief(account, query) == (listed_ms, AnswerSource.CACHE, True)
    account.look_up(order.order_id)
    account.find(order.order_id, replace(as_shown(order), status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


def test_synced_open_orders_say_that_an_order_which_the_list_lacked_is_not_known() -> None:
    account = trading()
    account.do(sync(force=True))
    account.list_orders()
    found = account.synced("s1")
    assert (found.gap, found.source, len(found.orders)) == (True, AnswerSource.VENUE, 1)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_while_the_store_is_away_is_of_the_last_list_and_says_that_something_may_be_missing(
    query: AccountQuery,
) -> None:
    account = trading()
    order = account.only_order()
    agreed_ms = account.now_ms - 700
    account.take(StoreAvailability(available=False))
    account.take(told_filled(account, order))
    account.system._virtual.advance(600_000)
    assert account.only_order() == order, "what is not durable is not shown"
    assert belief(account, query) == (agreed_ms, AnswerSource.CACHE, True)
    account.commit()
    account.do(StoreAvailability(available=True))
    assert account.only_order().state is OrderState.FILLED
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_after_an_unreadable_frame_says_so_until_a_list_asked_for_since_is_merged(query: AccountQuery) -> None:
    account = trading()
    asked_before_ms = account.now_ms - 1
    account.do(make(FrameUnreadable, **HEAD))
    assert belief(account, query)[1:] == (AnswerSource.CACHE, True)
    list_all(account, asked_ms=asked_before_ms)
    assert belief(account, query) == (asked_before_ms, AnswerSource.CACHE, True)
    list_all(account)
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", OF_ALL.values(), ids=OF_ALL)
def test_answer_about_all_exchanges_says_that_one_which_is_not_configured_any_more_is_not_watched(
    query: AccountQuery,
) -> None:
    account = trading(exchanges=BOTH).restarted(open_gate=False, exchanges=("kraken",))
    account.connect("kraken")
    assert belief(account, query) == (0, AnswerSource.CACHE, True)
    assert belief(account, GetOrders(account_id="1", exchange="kraken")) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_of_an_account_that_was_never_compared_is_of_no_moment(query: AccountQuery) -> None:
    account = trading().restarted(open_gate=False)
    assert belief(account, query) == (0, AnswerSource.CACHE, True)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_while_nobody_keeps_the_account_is_as_old_as_its_last_list(query: AccountQuery) -> None:
    account = trading()
    agreed_ms = account.now_ms - 700
    account.take(submit(request_id="last", reply_when="committed"))
    account.commit(Verdict.STALE)
    account.pass_ms(5000)
    assert belief(account, query) == (agreed_ms, AnswerSource.CACHE, True)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_answer_after_the_clock_was_set_back_is_of_no_moment_that_lies_ahead(query: AccountQuery) -> None:
    account = trading()
    account.do(make(StreamLost, **HEAD))
    account.system._virtual.step_wall(-3_600_000)
    assert belief(account, query) == (0, AnswerSource.CACHE, True)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_answer_about_one_exchange_depends_on_no_other(query: AccountQuery) -> None:
    account = trading(exchanges=BOTH)
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)


@pytest.mark.parametrize("query", OF_ALL.values(), ids=OF_ALL)
def test_answer_about_all_exchanges_is_no_better_than_the_worst_of_them(query: AccountQuery) -> None:
    account = trading(exchanges=BOTH)
    assert belief(account, query) == (0, AnswerSource.CACHE, True)
    account.connect("kraken")
    assert belief(account, query) == (account.now_ms, AnswerSource.STREAM, False)
    kraken_ms = account.now_ms
    account.pass_ms(300)
    account.list_orders()
    account.do(make(StreamLost, **HEAD | {"exchange": "kraken"}))
    assert belief(account, query) == (kraken_ms, AnswerSource.CACHE, True)


def test_answer_about_an_exchange_that_is_not_configured_is_of_no_moment() -> None:
    account = trading()
    assert belief(account, GetOrders(account_id="1", exchange="nowhere")) == (0, AnswerSource.CACHE, True)


def test_answer_shows_orders_whatever_its_age() -> None:
    account = trading()
    account.do(make(StreamLost, **HEAD))
    assert len(account.ask(GetOrders(account_id="1", open_only=True)).views) == 1


@pytest.mark.parametrize(
    "query", [GetOrder(account_id="1", order_id="28"), GetOrders(**HERE), GetStuckOrders(account_id="1")]
)
def test_orders_of_an_answer_are_as_old_as_the_answer(query: AccountQuery) -> None:
    account = trading(stuck_default_ms=1)
    assert ages(account, query) == [account.now_ms]
    agreed_ms = account.now_ms - 700
    account.do(make(StreamLost, **HEAD))
    account.pass_ms(3_600_000)
    assert ages(account, query) == [agreed_ms]


def test_orders_of_synced_open_orders_are_as_old_as_the_list() -> None:
    account = trading()
    agreed_ms = account.now_ms - 700
    account.do(make(StreamLost, **HEAD))
    account.pass_ms(3_600_000)
    account.do(sync(force=True))
    account.fail_list()
    found = account.synced("s1")
    assert (found.stale, found.as_of_ms, found.age_ms) == (True, agreed_ms, account.now_ms - agreed_ms)
    assert [view.as_of_ms for view in found.orders] == [agreed_ms]


def test_exposure_shows_a_kill_switch_that_the_configuration_holds_on() -> None:
    account = aware(limits={"kill_switch": True})
    shown = account.ask(GetExposure(account_id="1")).kill_switch
    assert (shown.on, shown.reason) == (True, "held on by the configuration")
    assert aware().ask(GetExposure(account_id="1")).kill_switch is None


def ages(account: Aware, query: AccountQuery) -> list[int]:
    """Of what moment each order of an answer is."""
    found = account.ask(query)
    views = (found.view,) if isinstance(found, OrderSnapshot) else found.views
    return [view.as_of_ms for view in views]


def told_filled(account: Aware, order: Order) -> OrderReported:
    """The stream says that an order has executed whole."""
    filled = {"filled_size": order.size, "status": PublicStatus.FILLED, "venue_status": "FILLED"}
    rest = make(
        VenueFill, fill_id="57", client_order_id=order.client_order_id, side=order.side, price=order.price,
        size=order.size - order.filled_size,
    )  # fmt: skip
    claim = replace(as_shown(order), **filled)
    return make(OrderReported, **HEAD, order=claim, fill=rest, evidence=account.evidence())


def test_order_that_never_left_leaves_nothing_to_be_read_after_a_restart() -> None:
    account = aware()
    account.do(submit(correlation_id="never", request_id="never", symbol="FOO-BAR"))
    assert account.refusal("never").code is RefusalCode.INSTRUMENT_UNKNOWN
    again = account.restarted()
    assert again.actor._connections.audits.owed() == []
