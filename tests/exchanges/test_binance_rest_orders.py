import json
from decimal import Decimal

import loopback
import pytest
import responses
from binance_samples import (
    ACKNOWLEDGED,
    API_KEY,
    API_SECRET,
    CANCELLED,
    CLIENT_ID,
    INFO,
    PLACED,
    Venue,
    cancel,
    client,
    error,
    look_up,
    place,
    told,
)
from loopback import Loopback, answer

from exchanges.binance.sign import HmacSigner
from exchanges.http import SystemClock
from exchanges.neighbours import Neighbours
from messages.reports import (
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    LookUpFailed,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)
from messages.types import EvidenceSource, PublicStatus


def test_place_accepted_carries_order_fills_and_evidence():
    with Venue(post_order=[told(PLACED)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.attempt, report.order_id, report.venue_order_id) == (2, "our-id", "28457")
    assert report.order is not None
    assert report.order.status is PublicStatus.OPEN
    assert [fill.fill_id for fill in report.fills] == ["5601"]
    assert report.evidence.source is EvidenceSource.PLACE_ANSWER
    assert report.evidence.venue_time_ms == 1795255200150
    assert report.evidence.body_sha256


def test_place_is_signed_and_bounded_by_its_validity():
    with Venue(post_order=[told(PLACED)]) as venue:
        venue.skew_ms = -7200000
        valid_until_ms = SystemClock().now_ms() + venue.skew_ms + 4000
        client(venue).execute(place(valid_until_venue_ms=valid_until_ms))
    (request,) = venue.called("order", "POST")
    payload, _, signature = request.body.rpartition("&signature=")
    assert signature == HmacSigner(API_SECRET).sign(payload.encode())
    assert request.headers["x-mbx-apikey"] == API_KEY
    assert int(request.params["timestamp"]) + int(request.params["recvWindow"]) == valid_until_ms
    assert request.params["newClientOrderId"] == CLIENT_ID


def test_place_far_ahead_is_bounded_by_the_venues_longest_window():
    with Venue(post_order=[told(PLACED)]) as venue:
        client(venue).execute(place(valid_until_venue_ms=SystemClock().now_ms() + 3600000))
    assert venue.called("order", "POST")[0].params["recvWindow"] == "60000"


def test_place_at_the_end_of_its_validity_is_not_sent():
    with Venue(post_order=[told(PLACED)]) as venue:
        report = client(venue).execute(place(valid_until_venue_ms=SystemClock().now_ms() - 1000))
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, report.evidence.source) == ("validity_passed", EvidenceSource.LOCAL)
    assert venue.called("order", "POST") == []


def test_place_timestamp_is_never_ahead_of_the_venue():
    with Venue(post_order=[told(PLACED)]) as venue:
        venue.skew_ms = 5000
        made = client(venue)
        made.execute(place(valid_until_venue_ms=SystemClock().now_ms() + 9000))
        venue_now_ms = SystemClock().now_ms() + venue.skew_ms
    assert int(venue.called("order", "POST")[0].params["timestamp"]) <= venue_now_ms
    assert made.venue_offset_ms() <= 5000


def test_place_acknowledged_without_status_is_accepted_without_order():
    with Venue(post_order=[told(ACKNOWLEDGED)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.order, report.fills, report.venue_order_id) == (None, (), "28457")


@pytest.mark.parametrize(
    ("body", "known_id"),
    [
        (b"", None),
        (b"<html>ok</html>", None),
        (b"[]", None),
        (b"{}", None),
        (json.dumps({**PLACED, "clientOrderId": "somebody-elses"}).encode(), None),
        (json.dumps({**PLACED, "symbol": "ETHUSDT"}).encode(), None),
        (json.dumps({**PLACED, "type": "NEW_KIND"}).encode(), "28457"),
        (json.dumps({**PLACED, "executedQty": None}).encode(), "28457"),
        (json.dumps({**PLACED, "orderId": None}).encode(), None),
    ],
)
def test_place_answered_unreadably_is_ambiguous(body, known_id):
    with Venue(post_order=[answer(body)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.venue_order_id, report.known_to_exist) == ("unreadable", known_id, False)


def test_place_accepted_in_an_unknown_status_keeps_the_venues_word():
    with Venue(post_order=[told({**PLACED, "status": "HALF_DONE"})]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert report.order is not None
    assert (report.order.status, report.order.venue_status) == (None, "HALF_DONE")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (loopback.hang, "timeout"),
        (loopback.break_off, "connection_lost"),
        (loopback.break_mid_body, "incomplete_body"),
        (loopback.break_mid_head, "connection_lost"),
        (answer(b"<html>bad gateway</html>", status=502), "server_error"),
        (error(-1007, "Timeout waiting for response; execution status unknown.", status=503), "status_unknown"),
    ],
)
def test_place_met_by_a_fault_is_ambiguous_and_sent_once(behaviour, reason):
    with Venue(post_order=[behaviour]) as venue:
        report = client(venue, call_timeout_ms=300).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist, report.attempt) == (reason, False, 2)
    assert len(venue.called("order", "POST")) == 1


def test_place_while_the_venue_is_gone_is_not_processed():
    with Venue(post_order=[told(PLACED)]) as venue:
        made = client(venue)
        made.execute(place())
        made.close()
    server = Loopback()
    server.port = loopback.unused_port()
    gone = client(server)
    gone.session._symbols = made.session._symbols
    gone.session._offset_trusted = True
    report = gone.execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "connection_refused"


def test_place_before_the_venue_was_ever_reached_is_not_processed():
    server = Loopback()
    server.port = loopback.unused_port()
    report = client(server).execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "instruments_unavailable"


def test_place_after_an_idle_connection_was_closed_is_sent_once():
    with Venue(post_order=[loopback.answer_then_close(json.dumps(PLACED)), told(PLACED)]) as venue:
        made = client(venue)
        made.execute(place())
        assert venue.closed[0].wait(loopback.WAIT_S)
        report = made.execute(place())
    assert isinstance(report, PlaceAccepted)
    assert len(venue.called("order", "POST")) == 2


def test_place_duplicate_proves_that_an_order_exists():
    with Venue(post_order=[error(-2010, "Duplicate order sent.")]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == ("duplicate", True)


def test_place_refused_keeps_the_venues_words():
    with Venue(post_order=[error(-2010, "Order would trigger immediately.")]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("-2010", "Order would trigger immediately.")


def test_place_with_a_refused_time_reads_the_clock_again():
    refused = error(-1021, "Timestamp for this request is outside of the recvWindow.")
    with Venue(post_order=[refused, told(PLACED)]) as venue:
        made = client(venue)
        first, second = made.execute(place()), made.execute(place())
    assert isinstance(first, PlaceNotProcessed)
    assert first.reason == "clock"
    assert isinstance(second, PlaceAccepted)
    assert len(venue.called("time")) == 2


def test_place_of_an_unlisted_symbol_is_refused_here():
    with Venue() as venue:
        report = client(venue).execute(place(symbol="DOGE-USDT"))
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.evidence.source) == ("unknown_symbol", EvidenceSource.LOCAL)
    assert venue.called("order", "POST") == []


def test_place_that_the_venue_cannot_do_is_refused_here():
    with Venue() as venue:
        report = client(venue).execute(place(reduce_only=True))
    assert isinstance(report, PlaceRejected)
    assert report.code == "not_supported"
    assert venue.called("order", "POST") == []


def test_place_under_an_alias_is_sent_and_read_under_it():
    with Venue(post_order=[told(PLACED)]) as venue:
        report = client(venue, aliases={"BTC-USD": "BTCUSDT"}).execute(place(symbol="BTC-USD"))
    assert isinstance(report, PlaceAccepted)
    assert report.order is not None
    assert report.order.symbol == "BTC-USD"


@pytest.mark.parametrize(
    ("status", "code", "headers", "reason", "retry_after_ms"),
    [
        (429, -1003, {"Retry-After": "7"}, "rate_limited", 7000),
        (418, -1003, {"Retry-After": "120"}, "banned", 120000),
    ],
)
def test_no_call_of_any_kind_leaves_during_a_ban(status, code, headers, reason, retry_after_ms):
    with Venue(post_order=[error(code, "Too much request weight used.", status=status, headers=headers)]) as venue:
        made = client(venue)
        report = made.execute(place())
        before = len(venue.requests)
        held = [made.execute(place()), made.execute(cancel()), made.execute(look_up())]
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, report.retry_after_ms) == (reason, retry_after_ms)
    assert len(venue.requests) == before
    assert [type(item) for item in held] == [PlaceNotProcessed, CancelNotProcessed, LookUpFailed]
    assert all(0 < item.retry_after_ms <= retry_after_ms + 250 for item in held)
    assert {item.reason for item in held} == {reason}


def test_ban_of_one_account_silences_its_neighbours_but_an_order_limit_does_not():
    banned = error(-1003, "Way too much request weight used.", status=418, headers={"Retry-After": "120"})
    limited = error(-1015, "Too many new orders.", status=429, headers={"Retry-After": "5"})
    with Venue(post_order=[limited, told(PLACED), banned]) as venue:
        neighbours = Neighbours()
        one, other = client(venue, neighbours=neighbours), client(venue, neighbours=neighbours)
        assert isinstance(one.execute(place()), PlaceNotProcessed)
        assert isinstance(other.execute(place()), PlaceAccepted)
        other.execute(place())
        before = len(venue.requests)
        assert isinstance(one.execute(look_up()), LookUpFailed)
    assert len(venue.requests) == before


def test_order_limit_holds_placements_and_lets_cancels_through():
    limited = error(-1015, "Too many new orders.", status=429, headers={"Retry-After": "5"})
    with Venue(post_order=[limited], delete_order=[told(CANCELLED)]) as venue:
        made = client(venue)
        made.execute(place())
        second, cancelled = made.execute(place()), made.execute(cancel())
    assert isinstance(second, PlaceNotProcessed)
    assert len(venue.called("order", "POST")) == 1
    assert isinstance(cancelled, CancelConfirmed)


def test_reported_usage_near_the_limit_holds_placements_but_not_cancels():
    nearly = told(PLACED, headers={"X-MBX-USED-WEIGHT-1M": "5900", "X-MBX-ORDER-COUNT-10S": "1"})
    with Venue(post_order=[nearly], delete_order=[told(CANCELLED)]) as venue:
        made = client(venue)
        made.execute(place())
        report, cancelled = made.execute(place()), made.execute(cancel())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "rate_limited"
    assert isinstance(cancelled, CancelConfirmed)


def test_cancel_confirmed_names_the_order_and_uses_its_venue_id():
    with Venue(delete_order=[told(CANCELLED)]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert (report.order.client_order_id, report.order.status) == (CLIENT_ID, PublicStatus.CANCELLED)
    params = venue.called("order", "DELETE")[0].params
    assert params["orderId"] == "28457"
    assert "origClientOrderId" not in params
    assert params["newClientOrderId"] != CLIENT_ID


def test_cancel_without_venue_id_uses_the_client_id():
    with Venue(delete_order=[told(CANCELLED)]) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelConfirmed)
    assert venue.called("order", "DELETE")[0].params["origClientOrderId"] == CLIENT_ID


def test_cancel_of_a_gone_order_is_refused():
    with Venue(delete_order=[error(-2011, "Unknown order sent.")]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelRefused)
    assert (report.code, report.text) == ("-2011", "Unknown order sent.")


@pytest.mark.parametrize(
    "behaviour",
    [
        loopback.hang,
        loopback.break_off,
        answer(b"", status=500),
        answer(b"{}"),
        told({**CANCELLED, "status": "NEW"}),
        told({**CANCELLED, "status": "HALF_DONE"}),
        told({**CANCELLED, "orderId": 1}),
        told({**CANCELLED, "origClientOrderId": None}),
        error(-1007, "Timeout."),
        error(-9999, "New."),
    ],
)
def test_cancel_without_proof_is_ambiguous_and_sent_once(behaviour):
    with Venue(delete_order=[behaviour]) as venue:
        report = client(venue, call_timeout_ms=300).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert len(venue.called("order", "DELETE")) == 1


def test_repr_and_reports_show_no_secret():
    with Venue(post_order=[error(-2015, "Invalid API-key, IP, or permissions for action.")]) as venue:
        made = client(venue)
        report = made.execute(place())
    for shown in (repr(made), repr(made.session), repr(report)):
        assert API_KEY not in shown
        assert API_SECRET not in shown
        assert "signature" not in shown


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, json.dumps(PLACED), PlaceAccepted),
        (400, '{"code":-1013,"msg":"Filter failure: LOT_SIZE"}', PlaceRejected),
        (401, '{"code":-2014,"msg":"API-key format invalid."}', PlaceRejected),
        (400, '{"code":-9999,"msg":"New."}', PlaceAmbiguous),
        (400, '{"code":"-1013","msg":"a code as text"}', PlaceAmbiguous),
        (403, "<html>forbidden</html>", PlaceNotProcessed),
        (409, '{"code":-2021,"msg":"Order cancel-replace partially failed."}', PlaceAmbiguous),
        (503, '{"code":-1008,"msg":"Server is currently overloaded."}', PlaceNotProcessed),
        (503, "Unknown error, please check your request or try again later.", PlaceAmbiguous),
        (410, "<html>gone</html>", PlaceAmbiguous),
    ],
)
@responses.activate
def test_place_answer_is_sorted_into_its_class(status, body, expected):
    server = Loopback()
    server.port = 1
    responses.get(f"{server.url}/api/v3/time", json={"serverTime": SystemClock().now_ms()})
    responses.get(f"{server.url}/api/v3/exchangeInfo", json=INFO)
    responses.post(f"{server.url}/api/v3/order", body=body, status=status)
    assert isinstance(client(server).execute(place(size=Decimal(1))), expected)
