"""Each fault as a client sees it on a real connection, and what the venue really did."""

import socket
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import requests
import websocket

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from exchanges.paper.model import PaperStatus

PLACE = RequestKind.PLACE


def once(fault, kind=PLACE, **more):
    return FaultRule(fault=fault, kind=kind, count_max=1, **more)


@pytest.fixture
def accepted(user, control):
    """Client order ids that the venue accepted from this user."""

    def ids():
        return [order["clientOrderId"] for order in control.orders(account=user.credentials["account"])]

    return ids


def broken(user, client_id, timeout=10):
    with pytest.raises(requests.RequestException) as caught:
        user.limit(client_id, timeout=timeout)
    return caught.value


# ----- connections


def test_refused_connection_is_closed_before_the_request_is_read(user, control, accepted):
    control.set_faults(once(Fault.REFUSE, RequestKind.CONNECTION))
    assert isinstance(broken(user, "never-read"), requests.ConnectionError)
    assert control.placement_requests("never-read") == []
    assert accepted() == []
    assert user.limit("next").status_code == 200


def test_outage_refuses_connections_until_it_ends_on_the_same_port(user, control, accepted):
    control.begin_outage()
    address = urlsplit(user.rest_url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    assert control.summary()["openForConnections"] is False
    control.end_outage()
    assert user.limit("after").status_code == 200
    assert accepted() == ["after"]


def test_outage_drawn_by_a_request_is_not_processed_and_ends_by_itself(user, control, accepted, eventually):
    control.set_faults(once(Fault.OUTAGE, amount_ms=200))
    broken(user, "unlucky")
    eventually(lambda: control.summary()["openForConnections"])
    assert user.limit("after").status_code == 200
    assert accepted() == ["after"]


def test_outage_of_a_given_length_ends_by_itself(user, control, eventually):
    control.begin_outage(100)
    eventually(lambda: control.summary()["openForConnections"])
    assert user.limit("after").status_code == 200


def test_restart_drawn_by_a_request_happens_after_it_was_processed(user, stream, control, accepted, eventually):
    control.set_faults(once(Fault.RESTART, amount_ms=50))
    broken(user, "lost-answer")
    assert accepted() == ["lost-answer"]
    with pytest.raises(Exception, match=r"lost|closed|reset"):
        stream.reports_until(lambda _: False)
    eventually(lambda: control.summary()["openForConnections"])
    assert user.query("lost-answer").json()["status"] == "NEW"


def test_announced_restart_tells_the_streams_before_it_breaks_them(user, stream, control, eventually):
    control.restart(announced=True)
    notice = stream.message()
    assert "subscriptionId" not in notice
    assert notice["event"]["e"] == "serverShutdown"
    eventually(lambda: control.summary()["openForConnections"])
    assert user.subscribe().ask("ping")["status"] == 200


# ----- requests


def test_hang_reads_the_request_and_does_nothing(user, control, accepted):
    control.set_faults(once(Fault.HANG))
    assert isinstance(broken(user, "hung", timeout=0.3), requests.Timeout)
    assert len(control.placement_requests("hung")) == 1
    assert accepted() == []


def test_hang_ends_with_a_broken_connection_when_its_time_is_over(user, control, accepted):
    control.set_faults(once(Fault.HANG, amount_ms=50))
    assert isinstance(broken(user, "hung"), requests.ConnectionError)
    assert accepted() == []


def test_break_before_processing_leaves_no_order(user, control, accepted):
    control.set_faults(once(Fault.BREAK_BEFORE))
    assert isinstance(broken(user, "broken-before"), requests.ConnectionError)
    (request,) = control.placement_requests("broken-before")
    assert (request["processed"], request["status"], request["faults"]) == (0, 0, ["break_before"])
    assert accepted() == []


def test_break_after_processing_leaves_an_order_nobody_heard_of(user, control, accepted):
    control.set_faults(once(Fault.BREAK_AFTER))
    assert isinstance(broken(user, "unheard"), requests.ConnectionError)
    assert accepted() == ["unheard"]
    assert control.placement_requests("unheard")[0]["processed"] == 1


def test_break_in_the_middle_of_the_body_gives_half_an_answer(user, control, accepted):
    control.set_faults(once(Fault.BREAK_MID_BODY))
    assert isinstance(broken(user, "half"), requests.exceptions.ChunkedEncodingError | requests.ConnectionError)
    assert accepted() == ["half"]


@pytest.mark.parametrize(("fault", "placed"), [(Fault.ERROR_BEFORE, []), (Fault.ERROR_AFTER, ["maybe"])])
def test_server_error_looks_the_same_whether_or_not_the_order_was_placed(user, control, accepted, fault, placed):
    control.set_faults(once(fault))
    answer = user.limit("maybe")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html")
    assert accepted() == placed


def test_unknown_outcome_is_the_venues_own_words_after_processing(user, control, accepted):
    control.set_faults(once(Fault.UNKNOWN_OUTCOME))
    answer = user.limit("who-knows")
    assert (answer.status_code, answer.json()["code"]) == (503, -1007)
    assert accepted() == ["who-knows"]


def test_malformed_body_cannot_be_read_although_the_order_exists(user, control, accepted):
    control.set_faults(once(Fault.MALFORMED_BODY))
    answer = user.limit("garbled")
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert accepted() == ["garbled"]


def test_late_answer_comes_after_the_client_gave_up_though_processed_at_once(user, control, accepted):
    control.set_faults(once(Fault.ANSWER_LATE, amount_ms=20_000))
    assert isinstance(broken(user, "late", timeout=0.3), requests.Timeout)
    assert accepted() == ["late"]


def test_late_processing_places_the_order_after_the_client_has_gone(user, control, accepted, eventually):
    control.set_faults(once(Fault.PROCESS_LATE, amount_ms=1_500))
    assert isinstance(broken(user, "late", timeout=0.2), requests.Timeout)
    assert accepted() == []
    eventually(lambda: accepted() == ["late"])


def test_late_processing_beyond_the_validity_window_places_nothing(user, control, accepted, eventually):
    control.set_faults(once(Fault.PROCESS_LATE, amount_ms=400))
    answer = user.limit("too-late", recvWindow=100)
    assert (answer.status_code, answer.json()["code"]) == (400, -1021)
    assert accepted() == []


def test_rate_limit_says_when_to_come_back_and_processes_nothing(user, control, accepted):
    control.set_faults(once(Fault.RATE_LIMIT, amount_ms=1_500))
    answer = user.limit("too-fast")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, -1003, "2")
    assert accepted() == []
    assert user.limit("too-fast").status_code == 200


def test_ban_refuses_every_request_until_it_ends_and_counts_them(user, control, accepted):
    before = control.summary()["requestsDuringBan"]
    control.set_faults(once(Fault.BAN, amount_ms=60_000))
    first, second = user.limit("banned"), user.call("GET", "account")
    assert (first.status_code, second.status_code) == (418, 418)
    assert int(second.headers["Retry-After"]) > 50
    assert control.summary()["requestsDuringBan"] - before == 1
    control.lift_ban()
    assert user.limit("free").status_code == 200
    assert accepted() == ["free"]


def test_wrong_clock_refuses_a_request_that_was_in_time(user, control, accepted):
    control.set_faults(once(Fault.WRONG_CLOCK, amount_ms=60_000))
    assert user.limit("in-time").json()["code"] == -1021
    assert accepted() == []


# ----- what the venue does and shows


def test_request_delivered_twice_answers_the_duplicate_and_makes_one_order(user, control, accepted):
    control.set_faults(once(Fault.DELIVER_TWICE))
    assert user.limit("echo").json() == {"code": -2010, "msg": "Duplicate order sent."}
    assert accepted() == ["echo"]
    assert control.placement_requests("echo")[0]["processed"] == 2


def test_request_of_an_order_that_fills_at_once_is_never_delivered_twice(user, control, accepted):
    control.set_faults(once(Fault.DELIVER_TWICE))
    answer = user.limit("at-once", timeInForce="IOC")
    assert answer.json()["status"] == "EXPIRED"
    assert accepted() == ["at-once"]
    assert control.placement_requests("at-once")[0]["processed"] == 1


def test_order_of_delayed_visibility_is_in_no_query_until_its_time(user, control):
    control.set_faults(once(Fault.DELAYED_VISIBILITY, amount_ms=30_000))
    order_id = user.limit("hidden").json()["orderId"]
    control.execute(order_id, size=Decimal("0.004"))
    assert user.query("hidden").json()["code"] == -2013
    for path in ("openOrders", "allOrders", "myTrades"):
        assert user.call("GET", path, symbol="BTCUSDT").json() == []
    control.set_clock_skew(31_000)
    for path in ("openOrders", "allOrders", "myTrades"):
        shown = user.call("GET", path, symbol="BTCUSDT", timestamp=control.now_ms()).json()
        assert [one["orderId"] for one in shown] == [order_id]


def test_stale_open_list_misses_the_new_order_while_the_next_one_shows_it(user, control):
    user.limit("fresh")
    control.set_faults(once(Fault.STALE_OPEN_ORDERS, RequestKind.OPEN_ORDERS, amount_ms=30_000))
    assert user.call("GET", "openOrders", symbol="BTCUSDT").json() == []
    assert len(user.call("GET", "openOrders", symbol="BTCUSDT").json()) == 1


def test_unknown_status_is_a_word_in_no_documentation(user, control):
    user.limit("odd")
    control.set_faults(once(Fault.UNKNOWN_STATUS, RequestKind.ORDER))
    assert user.query("odd").json()["status"] == "HELD_FOR_REVIEW"
    assert user.query("odd").json()["status"] == "NEW"


def test_fill_during_cancel_wins_and_the_cancel_finds_nothing(user, control):
    order_id = user.limit("racing").json()["orderId"]
    control.set_faults(once(Fault.FILL_DURING_CANCEL, RequestKind.CANCEL))
    assert user.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id).json()["code"] == -2011
    assert user.query("racing").json()["status"] == "FILLED"


def test_partial_fill_during_cancel_is_in_the_cancels_answer(user, control):
    order_id = user.limit("racing").json()["orderId"]
    control.set_faults(once(Fault.PARTIAL_FILL_DURING_CANCEL, RequestKind.CANCEL))
    answer = user.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id).json()
    assert (answer["status"], answer["executedQty"]) == ("CANCELED", "0.00500000")


def test_fill_before_ack_reaches_the_stream_before_the_answer_which_knows_no_fill(user, stream, control):
    control.set_faults(once(Fault.FILL_BEFORE_ACK, amount_ms=60_000))
    assert isinstance(broken(user, "unanswered", timeout=0.3), requests.Timeout)
    assert [report["X"] for report in stream.reports_until(lambda one: one["X"] == "FILLED")] == ["NEW", "FILLED"]
    control.set_faults(once(Fault.FILL_BEFORE_ACK, amount_ms=1))
    answer = user.limit("early")
    assert (answer.json()["status"], answer.json()["fills"]) == ("NEW", [])
    assert user.query("early").json()["status"] == "FILLED"


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Fault.VENUE_CANCEL, "CANCELED", PaperStatus.CANCELLED),
        (Fault.VENUE_EXPIRE, "EXPIRED", PaperStatus.EXPIRED),
        (Fault.VENUE_REJECT, "REJECTED", PaperStatus.REJECTED),
    ],
)
def test_venue_ends_an_acknowledged_order_by_itself(user, stream, control, fault, kind, status):
    control.set_faults(once(fault, amount_ms=20))
    order_id = user.limit("ended").json()["orderId"]
    report = stream.reports_until(lambda one: one["x"] == kind)[-1]
    assert (report["X"], report["i"]) == (kind, order_id)
    (order,) = control.orders(clientOrderId="ended", account=user.credentials["account"])
    assert order["status"] == status


# ----- frames


def frames(user, stream, control, *rules):
    """Place three orders under faults of frames, then one without; return the ids reported up to the last."""
    control.set_faults(*rules)
    for client_id in ("f1", "f2", "f3"):
        assert user.limit(client_id).status_code == 200
    return lambda last: [report["c"] for report in stream.reports_until(lambda one: one["c"] == last)]


def frame_rule(fault, **more):
    return FaultRule(fault=fault, kind=RequestKind.FRAME, **more)


def test_dropped_frame_is_missing_and_the_stream_goes_on(user, stream, control):
    # Each placement makes two frames: a report and the balances.
    heard = frames(user, stream, control, frame_rule(Fault.FRAME_DROP, skip=2, count_max=1))
    assert heard("f3") == ["f1", "f3"]


def test_duplicated_frame_comes_twice(user, stream, control):
    heard = frames(user, stream, control, frame_rule(Fault.FRAME_DUPLICATE, skip=2, count_max=1))
    assert heard("f3") == ["f1", "f2", "f2", "f3"]


def test_reordered_frame_comes_after_the_one_behind_it(user, stream, control):
    control.set_faults(frame_rule(Fault.FRAME_REORDER, count_max=1, amount_ms=5_000))
    user.limit("only")
    kinds = [stream.message()["event"]["e"] for _ in range(2)]
    assert kinds == ["outboundAccountPosition", "executionReport"]


def test_reordered_frame_with_none_behind_it_comes_when_its_time_is_over(user, stream, control):
    control.set_faults(frame_rule(Fault.FRAME_REORDER, skip=1, count_max=1, amount_ms=50))
    user.limit("only")
    kinds = [stream.message()["event"]["e"] for _ in range(2)]
    assert kinds == ["executionReport", "outboundAccountPosition"]


def test_delayed_frame_holds_back_everything_behind_it(user, stream, control):
    frames(user, stream, control, frame_rule(Fault.FRAME_DELAY, skip=2, count_max=1, amount_ms=60_000))
    assert stream.event()["c"] == "f1"
    assert stream.event("outboundAccountPosition")
    stream.socket.settimeout(0.3)
    with pytest.raises(Exception, match="timed out"):
        stream.message()


def test_delayed_frame_comes_in_its_place_when_its_time_is_over(user, stream, control):
    heard = frames(user, stream, control, frame_rule(Fault.FRAME_DELAY, skip=2, count_max=1, amount_ms=50))
    assert heard("f3") == ["f1", "f2", "f3"]


def test_stream_that_breaks_loses_the_frame_and_the_connection(user, stream, control):
    control.set_faults(frame_rule(Fault.STREAM_CLOSE, count_max=1))
    user.limit("unheard")
    with pytest.raises(Exception, match=r"lost|closed|reset"):
        stream.event()
    again = user.subscribe()
    user.limit("heard")
    assert again.event()["c"] == "heard"
    again.close()


def test_silent_stream_answers_pings_and_loses_frames_until_its_time_is_over(user, stream, control, eventually):
    control.set_faults(frame_rule(Fault.STREAM_SILENT, count_max=1, amount_ms=300))
    user.limit("silent-1")
    assert stream.ask("ping")["status"] == 200
    stream.socket.settimeout(0.2)
    number = iter(range(1_000))

    def heard():
        user.limit(f"probe-{next(number)}")
        try:
            return stream.event()["c"]
        except websocket.WebSocketTimeoutException:
            return ""

    assert eventually(heard).startswith("probe-")


def test_expired_token_ends_the_subscription_with_a_notice_and_can_be_renewed(user, stream, control):
    control.set_faults(frame_rule(Fault.TOKEN_EXPIRED, count_max=1))
    user.limit("unheard")
    notice = stream.message()
    assert (notice["subscriptionId"], notice["event"]["e"]) == (0, "eventStreamTerminated")
    assert stream.subscribe()["status"] == 200
    user.limit("heard")
    assert stream.event()["c"] == "heard"


def test_control_port_acts_on_streams_of_one_account_only(user, new_user, stream, control):
    other = new_user()
    theirs = other.subscribe()
    assert control.terminate_streams(user.credentials["account"]) == 1
    assert stream.message()["event"]["e"] == "eventStreamTerminated"
    other.limit("theirs")
    assert theirs.event()["c"] == "theirs"
    assert control.silence_streams(60_000, other.credentials["account"]) == 1
    assert control.abort_streams(other.credentials["account"]) == 1
    with pytest.raises(Exception, match=r"lost|closed|reset"):
        theirs.event()


# ----- plans


def test_fault_of_one_client_order_id_hits_only_that_order(user, control, accepted):
    control.set_faults(FaultRule(fault=Fault.BREAK_AFTER, client_order_id="marked"))
    assert user.limit("plain").status_code == 200
    broken(user, "marked")
    assert accepted() == ["plain", "marked"]


def test_faults_that_happened_are_counted_and_end_when_the_plan_is_cleared(user, control):
    control.set_faults(probabilities={Fault.ERROR_AFTER: 1.0})
    user.limit("hit")
    assert control.summary()["faults"] == {"error_after": 1}
    control.set_faults()
    assert user.limit("clean").status_code == 200
    assert control.summary()["faults"] == {}
