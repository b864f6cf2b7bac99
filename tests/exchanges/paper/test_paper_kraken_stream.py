"""Kraken's WebSocket v2: greeting, subscriptions, sequence numbers, form and order of events, the end."""

import json
from decimal import Decimal

import pytest
from paper_kraken_kit import CLIENT_ID, DASHED, KrakenVenue

from exchanges.paper.model import PaperStatus

NOW = "2026-11-21T10:00:00.123000Z"
HEARTBEAT = [{"channel": "heartbeat"}]


@pytest.fixture
def venue():
    return KrakenVenue()


@pytest.fixture
def stream(venue):
    return venue.stream()


def kinds(items):
    return [(item["exec_type"], item["order_status"]) for item in items]


# ----- requests


def test_connection_when_opened_tells_the_engines_state_first(stream):
    (message,) = stream.greeting
    (state,) = message["data"]
    assert (message["channel"], message["type"]) == ("status", "update")
    assert isinstance(state.pop("connection_id"), int)
    assert state == {"api_version": "v2", "system": "online", "version": "2.0.0"}


def test_ping_with_an_id_is_answered_with_it(stream):
    at = {"time_in": NOW, "time_out": NOW}
    assert stream.ask({"method": "ping", "req_id": 101}) == [{"method": "pong", "req_id": 101} | at]
    assert stream.ask({"method": "ping"}) == [{"method": "pong"} | at]


def test_subscription_when_accepted_is_acknowledged_and_followed_by_its_snapshot(venue, stream):
    venue.add(cl_ord_id=CLIENT_ID)
    ack, snapshot = stream.subscribe(snap_orders=True, snap_trades=True, ratecounter=True)
    assert ack == {
        "method": "subscribe",
        "req_id": 1,
        "result": {"channel": "executions", "snap_orders": True, "snap_trades": True, "maxratecount": 125},
        "success": True,
        "time_in": NOW,
        "time_out": NOW,
    }
    assert (snapshot["channel"], snapshot["type"], snapshot["sequence"]) == ("executions", "snapshot", 1)
    assert [item["cl_ord_id"] for item in snapshot["data"]] == [DASHED]
    assert stream.session.accounts() == ("u",)


def test_snapshot_of_orders_has_all_their_terms(venue, stream):
    txid = venue.add(cl_ord_id=CLIENT_ID, volume="0.02", oflags="post", timeinforce="GTD", expiretm="+60")
    venue.execute(txid, "50000", "0.01")
    (item,) = stream.subscribe()[1]["data"]
    assert item == {
        "order_id": txid,
        "cl_ord_id": DASHED,
        "symbol": "BTC/USDT",
        "side": "buy",
        "order_type": "limit",
        "order_qty": Decimal("0.02"),
        "limit_price": 50_000,
        "limit_price_type": "static",
        "post_only": True,
        "stop_price": 0,
        "time_in_force": "GTD",
        "expire_time": "2026-11-21T10:01:00.123000Z",
        "exec_type": "new",
        "order_status": "partially_filled",
        "cum_qty": Decimal("0.01"),
        "cum_cost": 500,
        "avg_price": 50_000,
        "fee_usd_equiv": Decimal("1.25"),
        "fee_ccy_pref": "fciq",
        "timestamp": NOW,
    }


def test_snapshot_of_fills_is_the_last_fifty_newest_first_and_without_totals(venue, stream):
    for _ in range(60):
        venue.now_ms += 1
        venue.execute(venue.add(), "50000", "0.01")
    (_, snapshot) = stream.subscribe(snap_trades=True, snap_orders=False)
    items = snapshot["data"]
    expected = [venue.dialect.fill_id(one) for one in venue.engine.truth.executions[:-51:-1]]
    assert [item["exec_id"] for item in items] == expected
    assert set(kinds(items)) == {("trade", "filled")}
    assert not any(name.startswith("cum_") for item in items for name in item)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"token": "nobody's"}, "EGeneral:Permission denied"),
        ({"token": None}, "EGeneral:Permission denied"),
        ({"token": ["x"]}, "EGeneral:Permission denied"),
        ({"channel": "openOrders"}, "EGeneral:Invalid arguments:channel"),
        ({"channel": ["x"]}, "EGeneral:Invalid arguments:channel"),
        ({"snap_orders": "yes"}, "EGeneral:Invalid arguments:snap_orders"),
        ({"maxratecount": 125}, "EGeneral:Invalid arguments:maxratecount"),
        ({"order_status": False}, "EGeneral:Invalid arguments:order_status"),
    ],
)
def test_subscription_that_is_wrong_is_refused_and_brings_nothing(venue, stream, parameters, error):
    (reply,) = stream.subscribe(**parameters)
    assert (reply["success"], reply["error"], reply["req_id"]) == (False, error, 1)
    assert stream.session.accounts() == ()
    venue.add()
    assert stream.news() == []


@pytest.mark.parametrize(
    "message", ["", "{", "[]", "null", '{"method":"subscribe","params":[]}', '{"method":"add_order"}']
)
def test_message_that_is_no_request_is_answered_with_an_error(venue, stream, message):
    (reply,) = stream.read(stream.session.receive(message.encode(), venue.now_ms))
    assert reply["success"] is False
    assert reply["error"]


def test_subscription_made_twice_is_refused_and_after_its_end_begins_anew(venue, stream):
    stream.subscribe()
    assert stream.subscribe()[0]["success"] is False
    venue.add()
    assert [message["sequence"] for message in stream.news()] == [2, 3]
    token = stream.token()
    (ended,) = stream.ask({"method": "unsubscribe", "params": {"channel": "executions", "token": token}})
    assert (ended["success"], ended["result"]) == (True, {"channel": "executions"})
    assert stream.session.accounts() == ()
    assert stream.subscribe()[1]["sequence"] == 1
    (again,) = stream.ask({"method": "unsubscribe", "params": {"channel": "balances", "token": token}})
    assert again["success"] is False


# ----- tokens


def test_token_after_a_quarter_hour_opens_nothing_but_lives_on_where_it_is_held(venue, stream):
    token = stream.token()
    other = venue.stream()
    stream.subscribe(token=token)
    venue.now_ms += 900_000
    assert other.subscribe(token=token)[0]["error"] == "EGeneral:Permission denied"
    assert stream.subscribe("balances", token=token)[0]["success"] is True


def test_tokens_when_expired_by_hand_open_nothing_and_streams_stay(venue, stream):
    token = stream.token()
    stream.subscribe(token=token)
    unused = stream.token()
    venue.dialect.expire_tokens()
    assert venue.stream().subscribe(token=unused)[0]["success"] is False
    venue.add()
    assert len(stream.news()) == 2
    assert venue.stream().subscribe()[0]["success"] is True


# ----- events


def test_order_that_rests_is_told_twice_first_in_full(venue, stream):
    stream.subscribe()
    txid = venue.add(cl_ord_id=CLIENT_ID, type="sell", price="65000.5")
    first, second = stream.items()
    assert first == {
        "order_id": txid,
        "cl_ord_id": DASHED,
        "symbol": "BTC/USDT",
        "side": "sell",
        "order_type": "limit",
        "order_qty": Decimal("0.01"),
        "limit_price": Decimal("65000.5"),
        "limit_price_type": "static",
        "post_only": False,
        "stop_price": 0,
        "cum_qty": 0,
        "cum_cost": 0,
        "time_in_force": "GTC",
        "exec_type": "pending_new",
        "order_status": "pending_new",
        "fee_usd_equiv": 0,
        "fee_ccy_pref": "fciq",
        "timestamp": NOW,
    }
    assert second == {
        "order_id": txid,
        "cl_ord_id": DASHED,
        "exec_type": "new",
        "order_status": "new",
        "timestamp": NOW,
    }


def test_order_that_fills_at_once_is_told_step_by_step(venue, stream):
    stream.subscribe()
    for price in ("60000", "60001"):
        venue.add(account="m", type="sell", price=price, volume="0.01")
    venue.frames()
    venue.add(volume="0.02", price="60001")
    items = stream.items()
    assert kinds(items) == [
        ("pending_new", "pending_new"),
        ("new", "new"),
        ("trade", "partially_filled"),
        ("trade", "partially_filled"),
        ("filled", "filled"),
    ]
    assert [item.get("cum_qty") for item in items[2:]] == [Decimal("0.01"), Decimal("0.02"), Decimal("0.02")]
    assert items[-1]["avg_price"] == Decimal("60000.5")


def test_trade_when_told_has_exact_json_numbers_and_the_rest_id(venue, stream):
    stream.subscribe()
    txid = venue.add(pair="XBTUSD", price="234.57", volume="0.12345679")
    venue.frames()
    venue.execute(txid, "234.57", "0.12345678")
    (item,) = stream.items()
    execution = venue.engine.truth.executions[0]
    assert item["exec_id"] == venue.dialect.fill_id(execution)
    assert item["trade_id"] == execution.trade_id
    expected = {
        "last_qty": Decimal("0.12345678"),
        "last_price": Decimal("234.57"),
        "cost": Decimal("28.9592568846"),
        "cum_cost": Decimal("28.9592568846"),
        "liquidity_ind": "m",
        "fees": [{"asset": "USD", "qty": execution.fee}],
    }
    assert {name: item[name] for name in expected} == expected


def test_frame_when_written_has_plain_numbers_never_strings_or_exponents(venue):
    venue.add(pair="XBTUSD", price="234.57", volume="0.00500000")
    payload = venue.frames()[0].payload
    assert b'"order_qty":0.005,' in payload
    assert b'"limit_price":234.57,' in payload
    assert b'"cum_qty":0.0,' in payload


def test_order_by_quote_tells_its_cash_and_no_quantity(venue, stream):
    stream.subscribe()
    venue.add(ordertype="market", price=None, volume="600", oflags="viqc")
    first = stream.items()[0]
    assert (first["cash_order_qty"], "order_qty" in first) == (600, False)


def test_stop_when_triggered_tells_its_status_before_it_trades(venue, stream):
    stream.subscribe()
    venue.add(ordertype="stop-loss", price="61000")
    first, _ = stream.items()
    assert first["triggers"] == {
        "reference": "last",
        "price": 61_000,
        "price_type": "static",
        "status": "untriggered",
    }
    venue.add(account="m", type="sell", price="61000", volume="1")
    venue.frames()
    venue.add(account="x", price="61000")
    items = stream.items()
    assert kinds(items) == [("status", "new"), ("trade", "partially_filled"), ("filled", "filled")]
    assert items[0]["triggers"]["status"] == "triggered"


def test_cancel_when_told_says_who_wanted_it(venue, stream):
    stream.subscribe()
    txid = venue.add()
    venue.frames()
    venue.ok("CancelOrder", txid=txid)
    (item,) = stream.items()
    assert item == {
        "order_id": txid,
        "exec_type": "canceled",
        "order_status": "canceled",
        "cum_qty": 0,
        "cum_cost": 0,
        "avg_price": 0,
        "fee_usd_equiv": 0,
        "cancel_reason": "User requested",
        "reason": "User requested",
        "timestamp": NOW,
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [(PaperStatus.CANCELLED, "canceled"), (PaperStatus.EXPIRED, "expired"), (PaperStatus.REJECTED, "canceled")],
)
def test_end_by_the_venue_when_told_has_a_reason_of_its_own(venue, stream, status, kind):
    stream.subscribe()
    venue.add()
    venue.frames()
    order = venue.engine.open_orders("u")[0]
    venue.observe(venue.engine.end(order.order_id, status, venue.now_ms))
    (item,) = stream.items()
    assert (item["exec_type"], item["order_status"]) == (kind, kind)
    assert item["reason"] not in (None, "User requested")


def test_post_only_order_that_would_take_is_told_new_and_then_cancelled(venue, stream):
    venue.add(account="m", type="sell", price="60000", volume="1")
    stream.subscribe()
    venue.frames()
    venue.add(price="60000", oflags="post")
    items = stream.items()
    assert [kind for kind, _ in kinds(items)] == ["pending_new", "new", "canceled"]
    assert items[-1]["reason"] == "Post only order"


def test_amendment_when_told_has_the_new_terms(venue, stream):
    stream.subscribe()
    txid = venue.add()
    venue.frames()
    venue.ok("AmendOrder", txid=txid, order_qty="0.02", limit_price="49000")
    (item,) = stream.items()
    assert kinds([item]) == [("amended", "new")]
    assert (item["order_qty"], item["limit_price"]) == (Decimal("0.02"), 49_000)


def test_sequence_of_each_subscription_rises_by_one_also_for_what_is_lost(venue, stream):
    stream.subscribe()
    stream.subscribe("balances")
    txid = venue.add()
    lost, *_ = venue.frames()
    stream.session.wrap(lost, venue.now_ms)
    venue.execute(txid, "50000", "0.01")
    sequences = {}
    for message in stream.news():
        sequences.setdefault(message["channel"], []).append(message["sequence"])
    assert sequences == {"executions": [3, 4], "balances": [2, 3]}


def test_events_of_others_and_of_other_channels_are_not_wanted(venue, stream):
    stream.subscribe("balances")
    venue.add()
    venue.execute(venue.add(), "50000", "0.01")
    venue.add(account="m")
    assert {message["channel"] for message in stream.news()} == {"balances"}


# ----- balances


def test_balances_when_subscribed_come_as_a_snapshot_in_new_names(venue, stream):
    ack, snapshot = stream.subscribe("balances")
    assert ack["result"] == {"channel": "balances", "snapshot": True}
    held = {item["asset"]: item["balance"] for item in snapshot["data"]}
    assert held == {"BTC": 1_000, "ETH": 1_000, "USD": 1_000_000, "USDT": 1_000_000}
    assert snapshot["data"][0]["wallets"] == [{"type": "spot", "id": "main", "balance": 1_000}]


def test_balances_moved_by_trades_are_told_entry_by_entry(venue, stream):
    stream.subscribe("balances")
    for price in ("60000", "60001"):
        venue.add(account="m", type="sell", price=price, volume="0.01")
    venue.frames()
    venue.add(volume="0.02", price="60001")
    items = stream.items()
    told = [(item["asset"], item["amount"], item["fee"], item["balance"]) for item in items]
    first, second = Decimal("2.4"), Decimal("2.40004")
    assert told == [
        ("BTC", Decimal("0.01"), 0, Decimal("1000.01")),
        ("USDT", -600, first, 1_000_000 - 600 - first),
        ("BTC", Decimal("0.01"), 0, Decimal("1000.02")),
        ("USDT", Decimal("-600.01"), second, 1_000_000 - Decimal("1200.01") - first - second),
    ]
    executions = [one for one in venue.engine.truth.executions if one.account == "u"]
    assert [item["ref_id"] for item in items[::2]] == [venue.dialect.fill_id(one) for one in executions]
    assert len({item["ledger_id"] for item in items}) == 4
    assert {item["type"] for item in items} == {"trade"}


def test_balances_moved_by_a_sale_fall_in_base_and_rise_in_quote(venue, stream):
    stream.subscribe("balances")
    venue.execute(venue.add(type="sell", price="60000"), "60000", "0.01")
    told = [(item["asset"], item["amount"], item["fee"], item["balance"]) for item in stream.items()]
    fee = Decimal("1.5")
    assert told == [
        ("BTC", Decimal("-0.01"), 0, Decimal("999.99")),
        ("USDT", 600, fee, 1_000_000 + 600 - fee),
    ]


def test_deposits_and_withdrawals_are_told_with_the_balance_after_them(venue, stream):
    stream.subscribe("balances")
    for amount in ("5", "-2"):
        venue.observe(venue.engine.deposit("u", "BTC", Decimal(amount), venue.now_ms))
    told = [(item["type"], item["amount"], item["balance"]) for item in stream.items()]
    assert told == [("deposit", 5, 1_005), ("withdrawal", -2, 1_003)]


def test_orders_that_only_lock_money_move_no_balance(venue, stream):
    stream.subscribe("balances")
    venue.add()
    assert stream.news() == []


# ----- time


def tick(venue, stream, ahead_ms):
    venue.now_ms += ahead_ms
    return stream.session.tick(venue.now_ms)


def test_heartbeat_comes_when_nothing_was_sent_for_a_second(venue, stream):
    stream.subscribe()
    assert tick(venue, stream, 999) == ()
    assert stream.read(tick(venue, stream, 1)) == HEARTBEAT
    assert tick(venue, stream, 999) == ()
    venue.add()
    stream.news()
    assert tick(venue, stream, 1) == ()
    assert stream.read(tick(venue, stream, 999)) == HEARTBEAT


def test_connection_without_a_subscription_is_closed_after_a_minute_of_silence(venue, stream):
    assert not any(message.closes for _ in range(59) for message in tick(venue, stream, 1_000))
    stream.ask({"method": "ping"})
    assert not any(message.closes for _ in range(59) for message in tick(venue, stream, 1_000))
    (last,) = tick(venue, stream, 1_000)
    assert (last.closes, last.payload) == (True, b"")


def test_connection_with_a_subscription_is_never_idle(venue, stream):
    stream.subscribe()
    messages = [message for _ in range(3_600) for message in tick(venue, stream, 1_000)]
    assert stream.read(tuple(messages)) == HEARTBEAT * 3_600


def test_account_terminated_when_subscribed_loses_its_connection(venue, stream):
    stream.subscribe()
    stream.subscribe("balances")
    (message,) = stream.session.terminate("u", venue.now_ms)
    assert message.closes
    assert stream.session.accounts() == ()


def test_shutdown_when_announced_is_a_status_of_maintenance(venue, stream):
    (message,) = stream.session.shutdown_notice(venue.now_ms)
    assert json.loads(message.payload)["data"][0]["system"] == "maintenance"
    assert not message.closes
