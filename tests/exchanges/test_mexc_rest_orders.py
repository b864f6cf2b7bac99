import json
from decimal import Decimal
from urllib.parse import unquote

import loopback
import pytest
from loopback import Loopback, answer
from mexc_samples import (
    ACKNOWLEDGED,
    API_KEY,
    API_SECRET,
    CANCELLED_ANSWER,
    CLIENT_ID,
    OPEN,
    ORDER,
    SYMBOL,
    VENUE_ID,
    Venue,
    cancel,
    client,
    error,
    place,
    told,
)

from exchanges.http import SystemClock
from exchanges.mexc.sign import Signer
from messages.commands import AmendVenueOrder, ReplaceVenueOrder
from messages.reports import (
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    ReplaceAnswered,
)
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce

LIMIT = f"side=BUY&type=LIMIT&quantity=0.0002&price=30000&newClientOrderId={CLIENT_ID}"


def sent_terms(**changes) -> str:
    with Venue(post_order=[told(ACKNOWLEDGED)]) as venue:
        client(venue).execute(place(**changes))
    (request,) = venue.called("order", "POST")
    return request.target.partition("?symbol=BTCUSDT&")[2].partition("&recvWindow=")[0]


# ----- placements


def test_place_acknowledged_is_accepted_without_order():
    with Venue(post_order=[told(ACKNOWLEDGED)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.attempt, report.order_id, report.venue_order_id) == (2, "our-id", VENUE_ID)
    assert (report.order, report.fills) == (None, ())
    assert (report.evidence.source, report.evidence.venue_time_ms) == (EvidenceSource.PLACE_ANSWER, 1745852205223)


@pytest.mark.parametrize("known", ["133734823834147272", 133734823834147272])
def test_place_acknowledged_with_an_id_of_any_form_keeps_it_as_text(known):
    with Venue(post_order=[told(ACKNOWLEDGED | {"orderId": known, "transactTime": "7"})]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert report.venue_order_id == "133734823834147272"


def test_place_is_signed_in_the_query_with_an_empty_body():
    with Venue(post_order=[told(ACKNOWLEDGED)]) as venue:
        venue.skew_ms = -7200000
        valid_until_ms = SystemClock().now_ms() + venue.skew_ms + 4000
        client(venue).execute(place(valid_until_venue_ms=valid_until_ms))
    (request,) = venue.called("order", "POST")
    query, _, signature = request.target.partition("?")[2].rpartition("&signature=")
    assert signature == Signer(API_SECRET).sign(query)
    params = dict(part.split("=") for part in query.split("&"))
    assert int(params.pop("timestamp")) + int(params.pop("recvWindow")) == valid_until_ms
    assert query.startswith(f"symbol=BTCUSDT&{LIMIT}&recvWindow=")
    assert request.body == ""
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-mexc-apikey"] == API_KEY


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({}, LIMIT),
        ({"time_in_force": TimeInForce.GTT}, LIMIT),
        ({"time_in_force": TimeInForce.IOC}, LIMIT.replace("type=LIMIT", "type=IMMEDIATE_OR_CANCEL")),
        ({"time_in_force": TimeInForce.FOK}, LIMIT.replace("type=LIMIT", "type=FILL_OR_KILL")),
        ({"post_only": True}, LIMIT.replace("type=LIMIT", "type=LIMIT_MAKER")),
        ({"side": Side.SELL, "size": Decimal("5E-7")}, LIMIT.replace("BUY", "SELL").replace("0.0002", "0.0000005")),
        (
            {"type": OrderType.MARKET, "price": None, "time_in_force": TimeInForce.IOC},
            f"side=BUY&type=MARKET&quantity=0.0002&newClientOrderId={CLIENT_ID}",
        ),
        (
            {"type": OrderType.MARKET, "price": None, "size": None, "quote_size": Decimal("1.2E+1")},
            f"side=BUY&type=MARKET&quoteOrderQty=12&newClientOrderId={CLIENT_ID}",
        ),
    ],
)
def test_place_of_each_kind_is_sent_as_the_venue_names_it(changes, terms):
    assert sent_terms(**changes) == terms


def test_place_of_a_symbol_in_another_alphabet_is_percent_encoded_in_upper_case():
    with Venue(post_order=[told(ACKNOWLEDGED | {"symbol": "币USDT"})]) as venue:
        venue.info = {"symbols": [SYMBOL | {"symbol": "币USDT", "baseAsset": "币"}]}
        report = client(venue).execute(place(symbol="币-USDT"))
    assert isinstance(report, PlaceAccepted)
    (request,) = venue.called("order", "POST")
    assert "?symbol=%E5%B8%81USDT&" in request.target
    assert unquote("%E5%B8%81USDT") == "币USDT"


@pytest.mark.parametrize(
    "changes",
    [
        {"reduce_only": True},
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(29000)},
        {"type": OrderType.STOP_MARKET, "stop_price": Decimal(29000)},
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"type": OrderType.MARKET, "post_only": True},
        {"quote_size": Decimal(6)},
        {"price": None},
        {"size": None},
    ],
)
def test_place_that_the_venue_cannot_do_is_refused_here(changes):
    with Venue() as venue:
        report = client(venue).execute(place(**changes))
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.evidence.source) == ("not_supported", EvidenceSource.LOCAL)
    assert venue.called("order", "POST") == []


def test_place_of_an_unlisted_symbol_is_refused_here():
    with Venue() as venue:
        report = client(venue).execute(place(symbol="DOGE-USDT"))
    assert isinstance(report, PlaceRejected)
    assert (report.code, venue.called("order", "POST")) == ("unknown_symbol", [])


def test_place_at_the_end_of_its_validity_is_not_sent():
    with Venue(post_order=[told(ACKNOWLEDGED)]) as venue:
        report = client(venue).execute(place(valid_until_venue_ms=SystemClock().now_ms() - 1000))
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, venue.called("order", "POST")) == ("validity_passed", [])


@pytest.mark.parametrize(
    ("body", "known_id"),
    [
        (b"", None),
        (b"<html>ok</html>", None),
        (b"[]", None),
        (b"{}", None),
        (json.dumps(ACKNOWLEDGED | {"symbol": "MXUSDT"}).encode(), None),
        (json.dumps(ACKNOWLEDGED | {"side": "SELL"}).encode(), None),
        (json.dumps(ACKNOWLEDGED | {"code": 30004}).encode(), None),
        (json.dumps(ACKNOWLEDGED | {"orderId": None}).encode(), None),
        (json.dumps(ACKNOWLEDGED | {"orderId": ""}).encode(), None),
        (json.dumps(ACKNOWLEDGED | {"transactTime": None}).encode(), VENUE_ID),
    ],
)
def test_place_answered_unreadably_is_ambiguous(body, known_id):
    with Venue(post_order=[answer(body)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.venue_order_id, report.known_to_exist) == ("unreadable", known_id, False)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (loopback.hang, "timeout"),
        (loopback.break_off, "connection_lost"),
        (loopback.break_mid_body, "incomplete_body"),
        (answer(b"<html>bad gateway</html>", status=502), "server_error"),
        (error(30004, status=503), "server_error"),
        (error(987654), "status_unknown"),
        (error(-2013), "status_unknown"),
        (answer(b'{"msg":"no code"}', status=400), "unreadable"),
    ],
)
def test_place_met_by_a_fault_is_ambiguous_and_sent_once(behaviour, reason):
    with Venue(post_order=[behaviour]) as venue:
        report = client(venue, call_timeout_ms=300).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == (reason, False)
    assert len(venue.called("order", "POST")) == 1


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", [30002, "30002"])
def test_place_refused_for_its_terms_is_rejected_in_the_venues_words(status, code):
    with Venue(post_order=[error(code, "The minimum transaction volume", status=status)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("30002", "The minimum transaction volume")


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"),
    [
        (error(30004, "Insufficient position"), "rejected_or_duplicate", "HTTP 400 30004 Insufficient position"),
        (error("30029", "too many", status=200), "rejected_or_duplicate", "HTTP 200 30029 too many"),
        (error(510, "busy", status=200), "rate_limited", "HTTP 200 510 busy"),
        (answer(b"", status=429), "rate_limited", "HTTP 429"),
        (answer(b"", status=418), "banned", "HTTP 418"),
        (answer(b"<html>denied</html>", status=403), "forbidden", "HTTP 403"),
        (error(700003, "outside"), "clock", "HTTP 400 700003 outside"),
    ],
)
def test_place_refused_as_a_second_delivery_would_be_is_ambiguous_in_the_venues_words(behaviour, reason, words):
    with Venue(post_order=[behaviour]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist, report.venue_order_id) == (reason, False, None)
    assert report.evidence.detail == words
    assert len(venue.called("order", "POST")) == 1


def test_place_with_a_refused_time_reads_the_clock_again():
    with Venue(post_order=[error(700003), told(ACKNOWLEDGED)]) as venue:
        made = client(venue)
        first, second = made.execute(place()), made.execute(place())
    assert isinstance(first, PlaceAmbiguous)
    assert isinstance(second, PlaceAccepted)
    assert len(venue.called("time")) == 2


@pytest.mark.parametrize(
    ("behaviour", "reason", "at_least_ms"),
    [
        (error(510, status=400), "rate_limited", 9000),
        (answer(b"", status=429, headers={"Retry-After": "7"}), "rate_limited", 6000),
        (answer(b"", status=418, headers={"Retry-After": "200"}), "banned", 190000),
        (answer(b"", status=418), "banned", 110000),
    ],
)
def test_place_after_a_limit_was_hit_is_held_back_as_long_as_told(behaviour, reason, at_least_ms):
    with Venue(post_order=[behaviour]) as venue:
        made = client(venue)
        first, second = made.execute(place()), made.execute(place())
    assert isinstance(first, PlaceAmbiguous)
    assert isinstance(second, PlaceNotProcessed)
    assert (first.reason, second.reason) == (reason, reason)
    assert second.retry_after_ms >= at_least_ms
    assert len(venue.called("order", "POST")) == 1


def test_placements_beyond_ten_in_a_second_are_held_back_and_cancels_are_not():
    with Venue(post_order=[told(ACKNOWLEDGED)], delete_order=[told({})], get_order=[told(ORDER)]) as venue:
        made = client(venue)
        reports = [made.execute(place()) for _ in range(40)]
        cancelled = made.execute(cancel())
    held = [report for report in reports if isinstance(report, PlaceNotProcessed)]
    assert held
    assert {report.reason for report in held} == {"rate_limited"}
    assert isinstance(cancelled, CancelConfirmed)


def test_place_before_the_venue_was_ever_reached_is_not_processed():
    server = Loopback()
    server.port = loopback.unused_port()
    report = client(server).execute(place())
    assert isinstance(report, PlaceNotProcessed)


# ----- cancels


@pytest.mark.parametrize(
    "accepted",
    [
        CANCELLED_ANSWER,
        CANCELLED_ANSWER | {"status": "NEW"},
        {"symbol": "BTCUSDT", "orderId": VENUE_ID, "price": "30000", "origQty": "0.0002", "type": "LIMIT"},
        {},
    ],
)
def test_cancel_accepted_in_any_form_is_confirmed_by_the_order_read_back(accepted):
    with Venue(delete_order=[told(accepted)], get_order=[told(ORDER)]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert (report.order.venue_order_id, report.order.status) == (VENUE_ID, PublicStatus.CANCELLED)
    (sent,) = venue.called("order", "DELETE")
    (read,) = venue.called("order", "GET")
    named = f"/api/v3/order?symbol=BTCUSDT&orderId={VENUE_ID}&recvWindow=5000&timestamp="
    assert sent.target.startswith(named)
    assert read.target.startswith(named)
    assert sent.body == ""


@pytest.mark.parametrize(
    "shown",
    [
        told(OPEN),
        told(ORDER | {"status": "HALF_DONE"}),
        told(ORDER | {"orderId": "C02__9"}),
        told(ORDER | {"origQty": None}),
        error(-2013),
        error(500, status=500),
        loopback.hang,
    ],
)
def test_cancel_accepted_and_not_shown_as_ended_is_only_accepted(shown):
    with Venue(delete_order=[told(CANCELLED_ANSWER)], get_order=[shown]) as venue:
        report = client(venue, call_timeout_ms=300).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"


def test_cancel_by_client_id_is_confirmed_by_the_order_of_that_id():
    with Venue(delete_order=[told(CANCELLED_ANSWER)], get_order=[told(ORDER)]) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelConfirmed)
    (sent,) = venue.called("order", "DELETE")
    assert sent.target.startswith(f"/api/v3/order?symbol=BTCUSDT&origClientOrderId={CLIENT_ID}&recvWindow=")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (told(CANCELLED_ANSWER | {"orderId": "C02__9"}), "unreadable"),
        (answer(b"[]"), "unreadable"),
        (answer(b"<html>"), "unreadable"),
        (error(1), "status_unknown"),
        (error(-2011, status=500), "server_error"),
        (loopback.break_off, "connection_lost"),
    ],
)
def test_cancel_without_a_clear_answer_is_ambiguous(behaviour, reason):
    with Venue(delete_order=[behaviour], get_order=[told(ORDER)]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == reason
    assert venue.called("order", "GET") == []


@pytest.mark.parametrize("code", [-2011, 30026, 700007])
def test_cancel_refused_says_nothing_about_the_order(code):
    with Venue(delete_order=[error(code, "Unknown order sent")]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelRefused)
    assert (report.code, report.text) == (str(code), "Unknown order sent")


def test_cancel_with_a_refused_time_is_not_processed():
    with Venue(delete_order=[error(700003)]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelNotProcessed)
    assert report.reason == "clock"


# ----- what the venue has no calls for


def test_amend_and_replace_at_this_venue_are_refused_here():
    named = {
        "account_id": "1",
        "exchange": "mexc",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "venue_order_id": VENUE_ID,
    }
    with Venue() as venue:
        made = client(venue)
        amended = made.execute(AmendVenueOrder(**named, size=Decimal(1), valid_until_venue_ms=2**50))
        replaced = made.execute(ReplaceVenueOrder(**named, place=place()))
    assert isinstance(amended, AmendRefused)
    assert amended.code == "not_supported"
    assert isinstance(replaced, ReplaceAnswered)
    assert isinstance(replaced.cancel, CancelNotProcessed)
    assert isinstance(replaced.place, PlaceRejected)
    assert {request.path for request in venue.requests} == {"/api/v3/exchangeInfo"}


def test_client_in_a_repr_shows_no_secret():
    with Venue() as venue:
        made = client(venue)
    assert API_KEY not in repr(made)
    assert API_SECRET not in repr(made)
