"""Fills on the wire: many by one command, in one instant, shuffled, late in lists; and money that comes by hand."""

import socket
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import websocket

from exchanges.paper.client import ControlError
from exchanges.paper.faults import Fault, FaultRule
from exchanges.paper.listener import Connection
from exchanges.paper.wire import WireMessage

LOT = Decimal("0.0001")
PRICE = Decimal(50_000)
DEADLINE_S = 10
MANY = 2_500
"""More than two pages of the trade list."""


class WholeWrites:
    """A transport over a blocking socket."""

    def __init__(self, sock):
        self.write = sock.sendall

    def is_closing(self):
        return False


def lots(count, size=LOT):
    return [(PRICE, size)] * count


@pytest.fixture
def executed(user, control):
    """Every execution that the venue knows of this user."""

    def ids(**filters):
        return [one["tradeId"] for one in control.executions(account=user.credentials["account"], **filters)]

    return ids


@pytest.fixture
def orders(user):
    """Place so many open orders of one coin each; return their ids."""

    def place(count, quantity="1"):
        return [user.limit(f"o{n}", quantity=quantity, price="50000").json()["orderId"] for n in range(count)]

    return place


def trades(user, **parameters):
    answer = user.call("GET", "myTrades", symbol="BTCUSDT", **parameters)
    assert answer.status_code == 200, answer.text
    return [trade["id"] for trade in answer.json()]


def all_trades(user, first, **parameters):
    """Page through the list by id, from a trade id on, as a client would."""
    found = []
    while page := trades(user, fromId=first, limit=1000, **parameters):
        found += page
        first = page[-1] + 1
    return found


# ----- many fills by one command


def test_fills_of_one_command_happen_in_its_order_and_it_returns_the_orders(user, stream, control, orders, executed):
    first, second = orders(2)
    script = [(first, lots(1)), (second, lots(2)), (first, [(Decimal("49999.5"), Decimal("0.9999"))])]
    told = control.execute_many(script)
    assert [(one["orderId"], one["status"], one["filledSize"]) for one in told] == [
        (first, "FILLED", "1.0000"),
        (second, "OPEN", "0.0002"),
    ]
    reports = stream.reports_until(lambda one: one["X"] == "FILLED")
    fills = [report for report in reports if report["x"] == "TRADE"]
    assert [report["i"] for report in fills] == [first, second, second, first]
    assert [report["t"] for report in fills] == executed()
    assert (fills[-1]["L"], fills[-1]["z"]) == ("49999.50000000", "1.00000000")


@pytest.mark.parametrize("pace", [{}, {"at_once": True}, {"preload": True}, {"rate_per_s": 5_000.0}])
def test_fills_at_any_pace_all_happen_and_all_are_told_once(user, stream, control, orders, executed, pace):
    (order_id,) = orders(1)
    (told,) = control.execute_many({order_id: lots(300)}, **pace)
    assert told["filledSize"] == "0.0300"
    reports = stream.reports_until(lambda one: one["z"] == "0.03000000")[1:]
    assert [report["t"] for report in reports] == executed()
    assert [Decimal(report["z"]) for report in reports] == [LOT * n for n in range(1, 301)]


def test_fills_at_once_share_one_millisecond_and_one_report_of_the_balances(user, stream, control, orders):
    (order_id,) = orders(1)
    stream.event("outboundAccountPosition")
    control.execute_many({order_id: lots(200)}, at_once=True)
    events = [stream.message()["event"] for _ in range(201)]
    assert [event["e"] for event in events] == ["executionReport"] * 200 + ["outboundAccountPosition"]
    assert len({event["T"] for event in events[:-1]}) == 1
    assert {one["a"]: one["f"] for one in events[-1]["B"]}["BTC"] == "1000.01998000"


def test_preloaded_fills_have_all_happened_when_the_first_is_told(user, stream, control, orders):
    (order_id,) = orders(1)
    with ThreadPoolExecutor(1) as pool:
        telling = pool.submit(control.execute_many, {order_id: lots(200)}, preload=True, rate_per_s=400)
        stream.reports_until(lambda one: one["x"] == "TRADE")
        assert len(trades(user, orderId=order_id)) == 200
        telling.result()
    assert stream.reports_until(lambda one: one["z"] == "0.02000000")


def test_fills_at_a_rate_leave_room_for_a_cancel_that_ends_them(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(control.execute_many, {order_id: lots(2_000)}, rate_per_s=1_000, skip_impossible=True)
        stream.reports_until(lambda one: one["x"] == "TRADE")
        answer = user.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
        (told,) = filling.result()
    assert (told["status"], answer.status_code) == ("CANCELLED", 200)
    assert Decimal(told["filledSize"]) == Decimal(answer.json()["executedQty"]) == LOT * len(executed())
    assert stream.reports_until(lambda one: one["x"] == "CANCELED")[-1]["z"] == answer.json()["executedQty"]


def test_fills_that_are_impossible_are_told_after_the_others_happened(user, control, orders, executed):
    (order_id,) = orders(1)
    script = {order_id: [(PRICE, LOT), (PRICE + 1, LOT), (PRICE, LOT)]}
    with pytest.raises(ControlError, match=r"1 of 3 fills .*50001"):
        control.execute_many(script)
    assert len(executed()) == 2
    control.execute_many(script, skip_impossible=True)
    assert len(executed()) == 4


@pytest.mark.parametrize(
    ("script", "pace", "reason"),
    [
        ({10**9: lots(1)}, {}, "no such order"),
        ({}, {"rate_per_s": 0.0}, "ratePerS"),
        ({None: [(Decimal("NaN"), LOT)]}, {}, "numbers"),
    ],
)
def test_fills_that_make_no_sense_are_refused(control, orders, executed, script, pace, reason):
    (order_id,) = orders(1)
    asked = {named or order_id: fills for named, fills in script.items()}
    with pytest.raises(ControlError, match=reason):
        control.execute_many(asked, **pace)
    assert executed() == []


# ----- lists of trades


def test_trades_of_one_millisecond_are_paged_completely_by_id(user, control, orders, executed):
    (order_id,) = orders(1)
    control.execute_many({order_id: lots(MANY)}, at_once=True)
    happened = executed()
    (at_ms,) = {one["atMs"] for one in control.executions(orderId=order_id)}
    assert len(happened) == MANY
    assert all_trades(user, 0) == happened
    assert all_trades(user, 0, orderId=order_id) == happened
    in_window = trades(user, startTime=at_ms, endTime=at_ms, limit=1000)
    assert in_window + all_trades(user, in_window[-1] + 1) == happened
    assert trades(user, startTime=at_ms + 1) == []
    assert trades(user, endTime=at_ms - 1) == []


def test_trades_without_a_beginning_are_the_latest_and_pages_keep_the_order(user, control, orders, executed):
    first, second = orders(2)
    control.execute_many([(first, lots(2)), (second, lots(3))] * 300, at_once=True)
    happened = executed()
    own = executed(orderId=first)
    assert trades(user, limit=1000) == happened[-1000:]
    assert trades(user, orderId=first, limit=500) == own[-500:]
    assert all_trades(user, own[0], orderId=first) == own
    assert all_trades(user, happened[700]) == happened[700:]


def test_trades_of_somebody_elses_order_are_not_listed(user, new_user, control, orders):
    (order_id,) = orders(1)
    control.execute_many({order_id: lots(3)})
    assert trades(new_user(), orderId=order_id) == []
    assert trades(user, orderId=10**9) == []
    assert user.call("GET", "myTrades", symbol="ETHUSDT", orderId=order_id).json() == []


def test_stale_list_of_trades_misses_what_the_order_already_shows(user, control, orders):
    (order_id,) = orders(1)
    control.set_faults(FaultRule(fault=Fault.STALE_TRADES, amount_ms=30_000, count_max=2))
    control.execute_many({order_id: lots(3)})
    assert trades(user, orderId=order_id) == []
    assert trades(user) == []
    assert user.query("o0").json()["executedQty"] == "0.00030000"
    assert len(trades(user, orderId=order_id)) == 3
    assert control.summary()["faults"] == {"stale_trades": 2}


def test_stale_list_of_trades_shows_those_that_are_old_enough(user, control, orders, executed):
    (order_id,) = orders(1)
    control.execute_many({order_id: lots(2)}, at_once=True)
    control.set_clock_skew(31_000)
    control.execute_many({order_id: lots(1)})
    control.set_faults(FaultRule(fault=Fault.STALE_TRADES, amount_ms=30_000))
    assert trades(user, orderId=order_id, timestamp=control.now_ms()) == executed()[:2]
    control.set_clock_skew(62_000)
    assert trades(user, orderId=order_id, timestamp=control.now_ms()) == executed()


# ----- shuffled frames


def shuffled(amount_ms, **more):
    return FaultRule(fault=Fault.FRAME_SHUFFLE, amount_ms=amount_ms, **more)


def heard_trades(stream, count):
    """The trade ids of the next so many reports of fills, as they come."""
    found = []
    while len(found) < count:
        report = stream.event()
        found += [report["t"]] if report["x"] == "TRADE" else []
    return found


def test_shuffled_frames_all_come_and_in_any_order_across_the_window(user, stream, control, orders, executed):
    (order_id,) = orders(1, quantity="0.04")
    stream.event("outboundAccountPosition")
    control.set_faults(shuffled(300))
    control.execute_many({order_id: lots(400)}, at_once=True)
    events = [stream.message()["event"] for _ in range(401)]
    reports = [event for event in events if event["e"] == "executionReport"]
    heard, happened = [report["t"] for report in reports], executed()
    assert sorted(heard) == happened
    moved = [abs(heard.index(trade) - happened.index(trade)) for trade in happened]
    assert sum(moved) / len(moved) > 50
    assert [report["X"] for report in reports].index("FILLED") < 399
    assert events[-1]["e"] == "executionReport"


def test_shuffled_frames_come_in_the_same_order_with_the_same_seed(user, control, orders):
    heard = []
    for order_id, seed in zip(orders(3), (5, 5, 6), strict=True):
        stream = user.subscribe()
        control.set_faults(shuffled(100), seed=seed)
        control.execute_many({order_id: lots(100)}, at_once=True)
        first = control.executions(orderId=order_id)[0]["tradeId"]
        heard.append([trade - first for trade in heard_trades(stream, 100)])
        stream.close()
    assert heard[0] == heard[1]
    assert heard[0] != heard[2]


def test_shuffled_frames_may_be_dropped_and_duplicated_as_well(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    stream.event("outboundAccountPosition")
    drop = FaultRule(fault=Fault.FRAME_DROP, skip=10, count_max=5)
    twice = FaultRule(fault=Fault.FRAME_DUPLICATE, skip=50, count_max=20)
    control.set_faults(shuffled(300), drop, twice)
    control.execute_many({order_id: lots(100)}, at_once=True)
    happened = executed()
    heard = heard_trades(stream, 115)
    assert sorted(heard) == sorted([*happened[:10], *happened[15:], *happened[50:70]])
    again = [abs(heard.index(trade) - len(heard) + 1 + heard[::-1].index(trade)) for trade in happened[50:70]]
    assert max(again) > 10


def test_frames_that_are_not_held_overtake_those_that_are(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    control.set_faults(shuffled(500, count_max=20))
    control.execute_many({order_id: lots(60)}, at_once=True)
    heard, happened = heard_trades(stream, 60), executed()
    assert heard[:40] == happened[20:]
    assert sorted(heard[40:]) == happened[:20]


def test_held_frames_are_lost_when_the_stream_falls_silent(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    control.set_faults(shuffled(1_500, count_max=22))
    control.execute_many({order_id: lots(20)}, at_once=True)
    assert control.silence_streams(0, user.credentials["account"]) == 1
    control.execute_many({order_id: lots(1)}, at_once=True)
    assert heard_trades(stream, 1) == executed()[-1:]
    control.execute_many({order_id: lots(1)}, at_once=True)
    assert heard_trades(stream, 1) == executed()[-1:]


# ----- frames by the thousand


def test_fills_by_the_thousand_reach_every_stream_in_order(user, stream, control, orders, executed):
    slow = user.subscribe()
    order_ids = orders(10)
    script = [(order_id, lots(1)) for _ in range(300) for order_id in order_ids]
    control.execute_many(script, preload=True)
    happened = executed()
    assert heard_trades(stream, 3_000) == happened
    assert heard_trades(slow, 3_000) == happened
    slow.close()


def test_fills_go_on_while_one_stream_is_held_up(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    held_up = user.subscribe()
    # The second frame to be offered is the second stream's first.
    control.set_faults(FaultRule(fault=Fault.FRAME_DELAY, skip=1, count_max=1, amount_ms=600_000))
    control.execute_many({order_id: lots(6_000)}, preload=True)
    assert heard_trades(stream, 6_000) == executed()
    held_up.socket.shutdown()


def test_delayed_frame_amid_many_holds_back_those_behind_it(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    control.set_faults(FaultRule(fault=Fault.FRAME_DELAY, skip=30, count_max=1, amount_ms=50))
    control.execute_many({order_id: lots(60)}, at_once=True)
    assert heard_trades(stream, 60) == executed()


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("binary", [False, True])
def test_message_written_by_itself_has_the_head_of_its_length_and_kind(length, binary):
    kind = websocket.ABNF.OPCODE_BINARY if binary else websocket.ABNF.OPCODE_TEXT
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE_S)
    reader = websocket.WebSocket()
    reader.sock, reader.connected = theirs, True
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(lambda: [reader.recv_data(), reader.recv_data()])
        first = WireMessage(payload=b"x" * length, binary=binary)
        Connection(WholeWrites(ours)).write_messages([first, WireMessage(payload=b"next")])
        assert read.result(DEADLINE_S) == [(kind, b"x" * length), (websocket.ABNF.OPCODE_TEXT, b"next")]
    ours.close()
    theirs.close()


def test_frames_of_every_form_of_header_and_their_limits_are_read_whole(stream):
    stream.socket.send('{"id":"","method":"ping"}')
    around = len(stream.socket.recv())
    assert around > 126
    for length in (around, *range(65_530, 65_541), 200_000):
        identifier = "x" * (length - around)
        stream.socket.send(f'{{"id":"{identifier}","method":"ping"}}')
        assert stream.message()["id"] == identifier


def test_ping_amid_many_frames_is_answered_without_breaking_any(user, stream, control, orders, executed):
    (order_id,) = orders(1)
    stream.socket.ping("still there")
    control.execute_many({order_id: lots(2_000)})
    stream.socket.ping("and now")
    assert heard_trades(stream, 2_000) == executed()


# ----- money by hand


def test_deposit_and_withdrawal_are_told_on_the_stream_and_in_the_account(user, stream, control):
    name = user.credentials["account"]
    assert control.deposit(name, "USDT", Decimal("12.5")) == {"free": "1000012.5", "locked": "0"}
    update, position = (stream.message()["event"] for _ in range(2))
    assert set(update) == {"e", "E", "a", "d", "T"}
    assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "12.50000000")
    assert position["B"] == [{"a": "USDT", "f": "1000012.50000000", "l": "0.00000000"}]
    control.deposit(name, "USDT", Decimal(-1_000_000))
    assert stream.event("balanceUpdate")["d"] == "-1000000.00000000"
    balances = {one["asset"]: one["free"] for one in user.call("GET", "account").json()["balances"]}
    assert balances["USDT"] == "12.50000000"


def test_withdrawal_of_more_than_is_free_is_refused_and_nobody_hears_of_it(user, stream, control):
    name = user.credentials["account"]
    with pytest.raises(ControlError, match="free"):
        control.deposit(name, "USDT", Decimal(-1_000_001))
    control.deposit(name, "BNB", Decimal(1))
    assert stream.message()["event"]["a"] == "BNB"


def test_unlimited_account_shows_only_positive_balances_after_many_fills(new_user, control):
    user = new_user()
    name = f"{user.credentials['account']}-rich"
    user.credentials = control.add_account(name, unlimited=True) | {"account": name}
    stream = user.subscribe()
    for client_id, side in (("buy", "BUY"), ("sell", "SELL")):
        order_id = user.limit(client_id, side=side, quantity="100", price="60000").json()["orderId"]
        control.execute_many({order_id: [(Decimal(60_000), Decimal(2))] * 40}, rate_per_s=10_000)
    told = stream.event("outboundAccountPosition")["B"]
    while told[0]["f"] != control.balances(name)[told[0]["a"]]["free"].ljust(len(told[0]["f"]), "0"):
        told += stream.event("outboundAccountPosition")["B"]
        told = told[-2:]
    listed = user.call("GET", "account").json()["balances"]
    assert {one["asset"] for one in listed} == {"BTC", "ETH", "USDT", "USD"}
    assert all(Decimal(one["free"]) > 0 <= Decimal(one["locked"]) for one in listed)
    assert all(Decimal(one["f"]) > 0 <= Decimal(one["l"]) for one in told)
    stream.close()
