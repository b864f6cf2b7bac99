"""The user stream of the Coinbase dialect: subscriptions, snapshot, updates, heartbeats, ends."""

import json
from decimal import Decimal

import pytest
from test_paper_coinbase_support import Bench, read, statuses

from exchanges.paper.dialects.coinbase.stream import HEARTBEAT_MS, QUIET_MS, SUBSCRIBE_MS
from exchanges.paper.model import PaperStatus

LIMIT = {"base_size": "0.01", "limit_price": "50000"}


def ended(messages):
    return any(message.closes for message in messages)


def live(bench):
    """A session that follows `alice`, with what it has been sent so far read."""
    session = bench.session()
    bench.subscribe(session)
    bench.events = ()
    return session


def told(bench, session):
    messages = bench.pushed(session, bench.events)
    bench.events = ()
    return messages


# ----- subscriptions


def test_subscription_to_the_user_channel_is_acknowledged_and_followed_by_the_snapshot():
    bench = Bench()
    bench.limit("c1")
    ack, snapshot = bench.subscribe(bench.session())

    assert (ack["channel"], ack["client_id"], ack["sequence_num"]) == ("subscriptions", "", 0)
    assert ack["timestamp"] == "2026-11-21T10:00:00.123000000Z"
    assert list(ack["events"][0]["subscriptions"]) == ["user"]
    assert (snapshot["channel"], snapshot["sequence_num"]) == ("user", 1)
    (event,) = snapshot["events"]
    assert event["type"] == "snapshot"
    assert [order["client_order_id"] for order in event["orders"]] == ["c1"]


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (49, [49]), (50, [50, 0]), (101, [50, 50, 1])])
def test_snapshot_comes_in_batches_of_fifty_until_one_has_fewer(count, sizes):
    bench = Bench()
    for number in range(count):
        bench.limit(f"c{number}", price="1000")
    batches = bench.subscribe(bench.session())[1:]

    assert [len(batch["events"][0]["orders"]) for batch in batches] == sizes
    assert [batch["sequence_num"] for batch in batches] == list(range(1, len(sizes) + 1))
    names = [order["client_order_id"] for batch in batches for order in batch["events"][0]["orders"]]
    assert names == [f"c{number}" for number in range(count)]


def test_subscriptions_of_both_channels_share_one_sequence_and_are_listed_together():
    bench = Bench()
    session = bench.session()
    (first,) = bench.subscribe(session, "heartbeats")
    second, snapshot = bench.subscribe(session)
    (beat,) = read(session.tick(bench.now_ms + HEARTBEAT_MS))

    assert [message["sequence_num"] for message in (first, second, snapshot, beat)] == [0, 1, 2, 3]
    assert first["events"][0]["subscriptions"] == {"heartbeats": ["heartbeats"]}
    assert set(second["events"][0]["subscriptions"]) == {"heartbeats", "user"}


@pytest.mark.parametrize(
    "change", [{"jwt": "x.y.z"}, {"jwt": None}, {"jwt": 5}, {"jwt": "reused"}, {"jwt": "rest"}, {"jwt": "expired"}]
)
def test_subscription_without_a_good_token_is_refused_and_the_connection_closed(change):
    bench = Bench()
    session = bench.session()
    made = {
        "reused": bench.client.token(bench.now_ms, None),
        "rest": bench.client.token(bench.now_ms, "GET api.coinbase.com/api/v3/brokerage/accounts"),
        "expired": bench.client.token(bench.now_ms - 120_000, None),
    }
    bench.subscribe(bench.session(), jwt=made["reused"])
    message = {"type": "subscribe", "channel": "user", "jwt": made.get(change["jwt"], change["jwt"])}
    replies = session.receive(json.dumps(message).encode(), bench.now_ms)

    assert read(replies) == [{"type": "error", "message": "authentication failure"}]
    assert ended(replies)
    assert session.accounts() == ()


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '{"type":"subscribe"}',
        '{"type":"subscribe","channel":"level2"}',
        '{"type":"ping","channel":"user"}',
        '{"type":"subscribe","channels":["user"]}',
        '{"type":"subscribe","channel":"user","product_ids":"BTC-USDT"}',
    ],
)
def test_message_that_the_venue_does_not_know_is_an_error_without_a_channel(message):
    bench = Bench()
    replies = bench.session().receive(message.encode(), bench.now_ms)

    (error,) = read(replies)
    assert (error["type"], "channel" in error, ended(replies)) == ("error", False, False)


def test_subscription_to_one_product_gets_neither_orders_nor_snapshots_of_others():
    bench = Bench()
    bench.limit("old", product_id="ETH-USDT", price="1000")
    session = bench.session()
    _, snapshot = bench.subscribe(session, product_ids=["BTC-USDT"])
    bench.events = ()
    bench.limit("eth", product_id="ETH-USDT", price="1000")
    bench.limit("btc")

    assert snapshot["events"][0]["orders"] == []
    messages = told(bench, session)
    assert {order["client_order_id"] for m in messages for order in m["events"][0]["orders"]} == {"btc"}
    (error,) = bench.subscribe(bench.session(), product_ids=["BTC-EUR"])
    assert error["type"] == "error"


def test_second_subscription_to_the_user_channel_on_one_connection_is_refused():
    bench = Bench()
    session = live(bench)

    (error,) = bench.subscribe(session)
    assert error["type"] == "error"
    assert session.accounts() == ("alice",)


def test_unsubscription_ends_the_updates_and_is_acknowledged():
    bench = Bench()
    session = live(bench)
    (ack,) = bench.subscribe(session, type="unsubscribe")
    bench.limit()

    assert ack["events"] == [{"subscriptions": {}}]
    assert session.accounts() == ()
    assert told(bench, session) == []


def test_stream_of_one_account_shows_nothing_of_another():
    bench = Bench()
    session = live(bench)
    bench.outside("SELL", "1", "70000")

    assert told(bench, session) == []


# ----- updates


def test_update_of_a_partial_fill_is_in_the_form_of_the_sheet():
    bench = Bench()
    order_id = bench.limit("c1", size="0.01", price="60000")
    session = live(bench)
    bench.later(7_000)
    bench.execute(order_id, "60000", "0.001")
    bench.execute(order_id, "60000", "0.003")
    first, second = told(bench, session)
    (event,) = second["events"]
    (order,) = event["orders"]

    assert (second["channel"], second["client_id"], event["type"], event["positions"]) == ("user", "", "update", {})
    assert second["sequence_num"] == first["sequence_num"] + 1
    del order["retail_portfolio_id"]
    assert order == {
        "order_id": order_id,
        "client_order_id": "c1",
        "product_id": "BTC-USDT",
        "product_type": "SPOT",
        "order_side": "BUY",
        "order_type": "Limit",
        "status": "OPEN",
        "cumulative_quantity": "0.004",
        "leaves_quantity": "0.006",
        "avg_price": "60000",
        "filled_value": "240",
        "number_of_fills": "2",
        "completion_percentage": "40.00",
        "total_fees": "0.24",
        "total_value_after_fees": "600.24",
        "limit_price": "60000",
        "stop_price": "",
        "post_only": "false",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "trigger_status": "INVALID_ORDER_TYPE",
        "cancel_reason": "",
        "reject_reason": "",
        "outstanding_hold_amount": "360",
        "creation_time": "2026-11-21T10:00:00.123Z",
        "start_time": "0001-01-01T00:00:00Z",
        "end_time": "0001-01-01T00:00:00Z",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
    }
    (earlier,) = first["events"][0]["orders"]
    assert (earlier["number_of_fills"], earlier["total_fees"], earlier["filled_value"]) == ("1", "0.06", "60")


def test_updates_of_a_resting_order_go_from_pending_to_open_to_filled():
    bench = Bench()
    session = live(bench)
    order_id = bench.limit()
    bench.execute(order_id, "50000", "0.004")
    bench.execute(order_id, "50000", "0.006")
    messages = told(bench, session)

    assert statuses(messages) == [("PENDING", "0"), ("OPEN", "0"), ("OPEN", "0.004"), ("FILLED", "0.01")]
    assert messages[-1]["events"][0]["orders"][0]["leaves_quantity"] == "0"


def test_updates_of_a_cancel_are_queued_then_cancelled():
    bench = Bench()
    order_id = bench.limit()
    bench.execute(order_id, "50000", "0.004")
    session = live(bench)
    bench.cancel(order_id)
    messages = told(bench, session)
    queued, cancelled = (message["events"][0]["orders"][0] for message in messages)

    assert statuses(messages) == [("CANCEL_QUEUED", "0.004"), ("CANCELLED", "0.004")]
    assert (queued["leaves_quantity"], cancelled["leaves_quantity"]) == ("0.006", "0")
    assert (queued["cancel_reason"], cancelled["cancel_reason"]) == ("", "User requested cancel")


def test_updates_of_an_edit_are_queued_with_the_old_values_then_open_with_the_new():
    bench = Bench()
    order_id = bench.limit(size="0.01", price="50000")
    session = live(bench)
    bench.edit(order_id, "51000", "0.02")
    queued, done = (message["events"][0]["orders"][0] for message in told(bench, session))

    assert (queued["status"], queued["limit_price"], queued["leaves_quantity"]) == ("EDIT_QUEUED", "50000", "0.01")
    assert (done["status"], done["limit_price"], done["leaves_quantity"]) == ("OPEN", "51000", "0.02")
    assert (queued["order_id"], done["order_id"]) == (order_id, order_id)


def test_updates_of_immediate_orders_never_show_them_resting():
    bench = Bench()
    bench.outside("SELL", "0.004", "50000")
    session = live(bench)
    bench.place({"sor_limit_ioc": LIMIT}, "ioc")
    assert statuses(told(bench, session)) == [("PENDING", "0"), ("OPEN", "0.004"), ("CANCELLED", "0.004")]
    bench.place({"limit_limit_fok": LIMIT}, "fok")
    assert statuses(told(bench, session)) == [("PENDING", "0"), ("CANCELLED", "0")]
    bench.outside("SELL", "1", "50000")
    bench.place({"market_market_ioc": {"quote_size": "100"}}, "market")

    messages = told(bench, session)
    assert [status for status, _ in statuses(messages)] == ["PENDING", "FILLED"]
    first, last = (message["events"][0]["orders"][0] for message in messages)
    assert (first["leaves_quantity"], last["leaves_quantity"]) == ("100", "0")
    assert first["order_type"] == "Market"


def test_updates_of_a_stop_tell_of_its_trigger():
    bench = Bench()
    session = live(bench)
    fields = {"base_size": "0.01", "limit_price": "61100", "stop_price": "61000"}
    bench.place({"stop_limit_stop_limit_gtc": fields | {"stop_direction": "STOP_DIRECTION_STOP_UP"}})
    (*_, waiting) = told(bench, session)
    seller = bench.outside("SELL", "1", "61000")
    bench.observe(bench.engine.execute(seller.order_id, seller.price, seller.size, bench.now_ms))
    triggered, *_ = told(bench, session)

    first, second = (message["events"][0]["orders"][0] for message in (waiting, triggered))
    assert (first["trigger_status"], first["order_type"]) == ("STOP_PENDING", "Stop Limit")
    assert (second["trigger_status"], second["status"]) == ("STOP_TRIGGERED", "OPEN")


@pytest.mark.parametrize(
    ("end", "status"),
    [(PaperStatus.CANCELLED, "CANCELLED"), (PaperStatus.EXPIRED, "EXPIRED"), (PaperStatus.REJECTED, "FAILED")],
)
def test_update_of_an_order_that_the_venue_ends_is_single_and_final(end, status):
    bench = Bench()
    order_id = bench.limit()
    session = live(bench)
    bench.observe(bench.engine.end(bench.engine_order(order_id).order_id, end, bench.now_ms))
    messages = told(bench, session)

    assert statuses(messages) == [(status, "0")]
    assert bool(messages[0]["events"][0]["orders"][0]["reject_reason"]) is (status == "FAILED")


def test_sequence_has_a_gap_where_a_frame_was_lost():
    bench = Bench()
    session = live(bench)
    bench.limit()
    pending, opened = bench.dialect.frames(bench.events, bench.now_ms)
    session.wrap(pending, bench.now_ms)
    (message,) = read((session.wrap(opened, bench.now_ms),))

    assert message["sequence_num"] == 3


def test_sequence_begins_again_with_every_connection():
    bench = Bench()
    live(bench)

    assert [message["sequence_num"] for message in bench.subscribe(bench.session())] == [0, 1]


def test_balances_that_change_are_not_streamed():
    bench = Bench()
    session = live(bench)
    events = bench.engine.deposit("alice", "BTC", Decimal(1), bench.now_ms)

    assert events
    assert bench.pushed(session, events) == []


# ----- time


def test_heartbeats_come_once_a_second_with_a_rising_counter_in_both_forms():
    bench = Bench()
    session = bench.session()
    bench.subscribe(session, "heartbeats")
    beats = []
    for step in range(1, 61):
        beats += read(session.tick(bench.now_ms + step * 50))

    assert [beat["events"][0]["heartbeat_counter"] for beat in beats] == [1, "2", 3]
    assert beats[0]["channel"] == "heartbeats"
    assert beats[0]["events"][0]["current_time"] == "2026-11-21T10:00:01.123000000Z"
    (late,) = read(session.tick(bench.now_ms + 10_000))
    assert late["events"][0]["heartbeat_counter"] == "4"
    assert session.tick(bench.now_ms + 10_050) == ()


def test_connection_without_a_subscription_is_closed_after_five_seconds():
    bench = Bench()
    session = bench.session()

    assert session.tick(bench.now_ms + SUBSCRIBE_MS - 1) == ()
    assert ended(session.tick(bench.now_ms + SUBSCRIBE_MS))


def test_quiet_user_subscription_without_heartbeats_is_closed_and_a_busy_one_is_not():
    bench = Bench()
    session = live(bench)
    assert session.tick(bench.now_ms + QUIET_MS - 1) == ()
    bench.later(QUIET_MS - 1)
    bench.limit()
    told(bench, session)

    assert session.tick(bench.now_ms + 1) == ()
    assert ended(session.tick(bench.now_ms + QUIET_MS))


def test_connection_with_heartbeats_stays_open_however_quiet():
    bench = Bench()
    session = live(bench)
    bench.subscribe(session, "heartbeats")

    assert not any(ended(session.tick(bench.now_ms + step * 1_000)) for step in range(200))


def test_stream_stays_when_the_token_of_its_subscription_has_expired():
    bench = Bench()
    session = live(bench)
    bench.subscribe(session, "heartbeats")
    bench.later(3_600_000)
    bench.dialect.expire_tokens()
    bench.limit()

    assert len(told(bench, session)) == 2


def test_subscription_that_the_venue_ends_is_told_and_the_connection_closed():
    bench = Bench()
    session = live(bench)
    messages = session.terminate("alice", bench.now_ms)

    assert read(messages) == [{"type": "error", "message": "authentication failure"}]
    assert ended(messages)
    assert session.accounts() == ()
    assert session.shutdown_notice(bench.now_ms) == ()
