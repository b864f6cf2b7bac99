import json
from decimal import Decimal

import pytest
from kucoin_samples import (
    ACTIVE_SYMBOLS,
    API_KEY,
    API_SECRET,
    BY_CLIENT_ID,
    BY_ID,
    CANCEL,
    CANCELLED,
    CHILD,
    CHILD_ID,
    CLIENT_ID,
    ORDER_ID,
    PASSPHRASE,
    PLACE,
    PLACE_STOP,
    PLACED,
    PRICE,
    STOP,
    STOP_BY_CLIENT_ID,
    STOP_ID,
    TRIGGERED,
    WORKING,
    Venue,
    cancel,
    client,
    error,
    place,
    place_stop,
    signer,
    told,
)
from loopback import answer, break_mid_body, break_off, hang, unused_port
from stream_server import wait_for

from exchanges.http import SystemClock
from messages.reports import (
    CancelAmbiguous,
    CancelNotProcessed,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce

LAST = {"time": 1, "sequence": "1", "price": "60000", "size": "1"}


def body_of(venue, name=PLACE):
    (request,) = venue.called(name)
    return json.loads(request.body)


def sent(**changes):
    """The body of a placement, without its times."""
    with Venue({PLACE: [told(PLACED)]}) as venue:
        client(venue).execute(place(**changes))
    return {
        name: value
        for name, value in body_of(venue).items()
        if name not in ("clientTimestamp", "allowMaxTimeWindow")
    }


# ----- placing


def test_place_accepted_carries_the_order_as_the_engine_has_it():
    with Venue({PLACE: [told(PLACED)]}) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.attempt, report.order_id, report.venue_order_id) == (2, "our-id", ORDER_ID)
    assert (report.order.status, report.order.venue_status) == (PublicStatus.OPEN, "open")
    assert (report.order.size, report.order.filled_size, report.order.filled_value) == (Decimal("0.00001"), 0, 0)
    assert (report.evidence.source, report.evidence.venue_time_ms) == (EvidenceSource.PLACE_ANSWER, 1729174140588)
    assert report.evidence.body_sha256


def test_place_is_sent_byte_by_byte_as_it_was_signed_and_bounded():
    with Venue({PLACE: [told(PLACED)]}) as venue:
        venue.skew_ms = -7_200_000
        valid_until_ms = SystemClock().now_ms() + venue.skew_ms + 4000
        client(venue).execute(place(valid_until_venue_ms=valid_until_ms))
    (request,) = venue.called(PLACE)
    time_ms = int(request.headers["kc-api-timestamp"])
    assert request.body == (
        f'{{"clientOid":"{CLIENT_ID}","side":"buy","symbol":"BTC-USDT","type":"limit","price":"70000",'
        f'"size":"0.0000100","timeInForce":"GTC","clientTimestamp":{time_ms},'
        f'"allowMaxTimeWindow":{valid_until_ms - time_ms}}}'
    )
    signature = signer().sign(f"{time_ms}POST/api/v1/hf/orders/sync{request.body}".encode())
    assert request.headers["kc-api-sign"] == signature
    assert request.headers["kc-api-passphrase"] == signer().sign(PASSPHRASE.encode())
    assert (request.headers["kc-api-key"], request.headers["kc-api-key-version"]) == (API_KEY, "3")
    assert request.headers["content-type"] == "application/json"
    assert time_ms <= SystemClock().now_ms() + venue.skew_ms


TERMS = {"clientOid": CLIENT_ID, "side": "buy", "symbol": "BTC-USDT"}
LIMIT = TERMS | {"type": "limit", "price": "70000", "size": "0.0000100"}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, LIMIT | {"timeInForce": "GTC"}),
        ({"side": Side.SELL}, LIMIT | {"timeInForce": "GTC", "side": "sell"}),
        ({"time_in_force": TimeInForce.IOC}, LIMIT | {"timeInForce": "IOC"}),
        ({"time_in_force": TimeInForce.FOK}, LIMIT | {"timeInForce": "FOK"}),
        ({"post_only": True}, LIMIT | {"timeInForce": "GTC", "postOnly": True}),
        ({"price": Decimal("1E-7")}, LIMIT | {"timeInForce": "GTC", "price": "0.0000001"}),
        (
            {"type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "price": None},
            TERMS | {"type": "market", "size": "0.0000100"},
        ),
        (
            {"type": OrderType.MARKET, "price": None, "size": None, "quote_size": Decimal("1E+3")},
            TERMS | {"type": "market", "funds": "1000"},
        ),
    ],
)
def test_place_of_each_kind_is_sent_in_the_venues_terms(changes, body):
    assert sent(**changes) == body


def test_place_with_a_lifetime_is_sent_in_whole_seconds_rounded_down():
    ends_ms = SystemClock().now_ms() + 90_999
    body = sent(time_in_force=TimeInForce.GTT, expires_at_ms=ends_ms)
    assert body == LIMIT | {"timeInForce": "GTT", "cancelAfter": body["cancelAfter"]}
    assert 60 < body["cancelAfter"] <= 90


@pytest.mark.parametrize(
    "changes",
    [
        {"reduce_only": True},
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"post_only": True, "time_in_force": TimeInForce.FOK},
        {"post_only": True, "type": OrderType.MARKET, "price": None},
        {"price": None},
        {"size": None, "quote_size": Decimal(5)},
        {"size": None},
        {"time_in_force": TimeInForce.GTT},
        {"time_in_force": TimeInForce.GTT, "expires_at_ms": 1},
        {"symbol": "DOGE-USDT"},
    ],
)
def test_place_of_what_the_venue_cannot_do_is_refused_and_not_sent(changes):
    with Venue() as venue:
        report = client(venue).execute(place(**changes))
    assert isinstance(report, PlaceRejected)
    assert (report.code in ("not_supported", "unknown_symbol"), report.evidence.source) == (True, EvidenceSource.LOCAL)
    assert venue.changes() == []


def test_place_at_the_end_of_its_validity_is_not_sent():
    with Venue() as venue:
        report = client(venue).execute(place(valid_until_venue_ms=SystemClock().now_ms() - 1000))
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, venue.changes()) == ("validity_passed", [])


DONE = PLACED | {"status": "done", "remainSize": "0"}


@pytest.mark.parametrize(
    ("record", "changes", "status"),
    [
        (DONE | {"dealSize": "0.00001"}, {}, PublicStatus.FILLED),
        (DONE | {"dealSize": "0.000004", "canceledSize": "0.000006"}, {}, PublicStatus.CANCELLED),
        (DONE | {"canceledSize": "0.00001"}, {}, PublicStatus.CANCELLED),
        (DONE | {"dealSize": "0.000004"}, {}, None),
        (PLACED | {"status": "match"}, {}, None),
        (DONE | {"originSize": "0", "dealSize": "0.5"}, {"quote_size": Decimal(5)}, PublicStatus.FILLED),
        (DONE | {"originSize": None}, {"quote_size": Decimal(5)}, PublicStatus.CANCELLED),
        (DONE | {"canceledFunds": "5.0"}, {"quote_size": Decimal(5)}, PublicStatus.CANCELLED),
        (DONE | {"canceledFunds": "2"}, {"quote_size": Decimal(5)}, None),
    ],
)
def test_place_answered_by_an_ended_order_says_how_it_ended(record, changes, status):
    if changes:
        changes = changes | {"type": OrderType.MARKET, "price": None, "size": None}
    with Venue({PLACE: [told(record)]}) as venue:
        report = client(venue).execute(place(**changes))
    assert isinstance(report, PlaceAccepted)
    assert (report.order.status, report.order.filled_size) == (status, Decimal(record["dealSize"]))


def test_place_answered_by_a_working_order_of_which_a_part_was_cancelled_is_of_the_size_that_is_left():
    with Venue({PLACE: [told(PLACED | {"canceledSize": "0.000004", "dealSize": "0.000001"})]}) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.order.status, report.order.size) == (PublicStatus.OPEN, Decimal("0.000006"))


def test_place_acknowledged_without_status_is_accepted_without_order():
    with Venue({PLACE: [told({"orderId": ORDER_ID, "clientOid": CLIENT_ID})]}) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.venue_order_id, report.order) == (ORDER_ID, None)


@pytest.mark.parametrize(
    ("meet", "reason", "known_id"),
    [
        (told(None), "unreadable", None),
        (told([]), "unreadable", None),
        (told({}), "unreadable", None),
        (told(PLACED | {"clientOid": "somebody-elses"}), "unreadable", None),
        (told(PLACED | {"orderId": 5}), "unreadable", None),
        (told(PLACED | {"dealSize": None}), "unreadable", ORDER_ID),
        (told(PLACED | {"status": None}), "unreadable", ORDER_ID),
        (told(PLACED, status=502), "server_error", None),
        (answer(b"<html>busy</html>"), "unreadable", None),
        (answer(b""), "unreadable", None),
        (answer(b"<html>", status=403), "unreadable", None),
        (error("500000"), "server_error", None),
        (error("102421", status=500), "server_error", None),
        (error("777777"), "status_unknown", None),
        (break_off, "connection_lost", None),
        (break_mid_body, "incomplete_body", None),
        (hang, "timeout", None),
    ],
)
def test_place_answered_by_no_proof_is_ambiguous(meet, reason, known_id):
    with Venue({PLACE: [meet]}) as venue:
        report = client(venue, call_timeout_ms=300).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.venue_order_id) == (reason, known_id)
    assert not report.known_to_exist
    assert len(venue.called(PLACE)) == 1


@pytest.mark.parametrize(
    "meet",
    [
        error("102426", "clientOid duplicate"),
        error("400100", "validation.createOrder.clientOidDuplicated"),
        error("400100", "The clientOid has already been used"),
    ],
)
def test_place_of_a_client_id_that_is_taken_is_known_to_exist(meet):
    with Venue({PLACE: [meet]}) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == ("duplicate", True)


def test_place_refused_for_its_terms_is_rejected_in_the_venues_words():
    with Venue({PLACE: [error("600101", "The order funds should more then 0.1 USDT.")]}) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("600101", "The order funds should more then 0.1 USDT.")
    assert venue.called(BY_CLIENT_ID) == []


@pytest.mark.parametrize(
    ("by_client_id", "reason"),
    [
        (error("102436"), "rejected_or_duplicate"),
        (told(None), "rejected_or_duplicate"),
        (told(WORKING), "duplicate"),
        (error("500000"), "rejected_or_duplicate"),
        (told(WORKING | {"side": "?"}), "rejected_or_duplicate"),
        (told(WORKING | {"clientOid": "another"}), "rejected_or_duplicate"),
    ],
)
@pytest.mark.parametrize("code", ["102421", "102427", "400100"])
def test_place_refused_by_what_its_first_delivery_can_have_caused_is_ambiguous(code, by_client_id, reason):
    with Venue({PLACE: [error(code, "Balance insufficient!")], BY_CLIENT_ID: [by_client_id]}) as venue:
        report = client(venue).execute(place())
    known = reason == "duplicate"
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist, report.venue_order_id) == (reason, known, ORDER_ID if known else None)
    assert report.evidence.detail == f"HTTP 200 {code} Balance insufficient!"


@pytest.mark.parametrize(
    ("meet", "reason"),
    [(error("429000", status=429), "rate_limited"), (error("400002", status=400), "clock")],
)
def test_place_that_the_venue_did_not_look_at_is_ambiguous_since_it_may_be_the_second_delivery(meet, reason):
    with Venue({PLACE: [meet]}) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == (reason, False)


def test_place_without_a_server_was_not_processed():
    with Venue({PLACE: [told(PLACED)]}) as venue:
        made = client(venue)
        made.execute(place())
        made.session._http._base_url = f"http://127.0.0.1:{unused_port()}"
        report = made.execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "connection_refused"


def test_refused_time_makes_the_clock_be_read_again():
    with Venue({PLACE: [error("400002", status=400), told(PLACED)]}) as venue:
        made = client(venue)
        made.execute(place())
        read_before = len(venue.called("GET /api/v1/timestamp"))
        made.execute(place())
    assert len(venue.called("GET /api/v1/timestamp")) == read_before + 1


def test_quota_used_up_silences_every_call_until_it_is_reset():
    headers = {"gw-ratelimit-limit": "4000", "gw-ratelimit-remaining": "0", "gw-ratelimit-reset": "20000"}
    with Venue({PLACE: [error("429000", status=429, headers=headers)]}) as venue:
        made = client(venue)
        made.execute(place())
        placed, cancelled = made.execute(place()), made.execute(cancel())
    assert isinstance(placed, PlaceNotProcessed)
    assert isinstance(cancelled, CancelNotProcessed)
    assert placed.reason == cancelled.reason == "rate_limited"
    assert 10_000 < cancelled.retry_after_ms <= 20_000
    assert len(venue.changes()) == 1


def test_quota_told_by_answers_holds_back_what_would_exceed_it():
    headers = {"gw-ratelimit-limit": "6000", "gw-ratelimit-remaining": "600", "gw-ratelimit-reset": "20000"}
    with Venue({PLACE: [told(PLACED, headers=headers)], BY_ID: [told(WORKING)], CANCEL: [told(CANCELLED)]}) as venue:
        made = client(venue)
        made.execute(place())
        placed, cancelled = made.execute(place()), made.execute(cancel())
    assert isinstance(placed, PlaceNotProcessed)
    assert isinstance(cancelled, CancelAmbiguous)
    assert [name.split()[0] for name in venue.changes()] == ["POST", "DELETE"]


# ----- stop orders


def test_stop_is_sent_byte_by_byte_to_its_own_interface():
    with Venue({PLACE_STOP: [told({"orderId": STOP_ID})], PRICE: [told(LAST)]}) as venue:
        report = client(venue).execute(place_stop())
    (request,) = venue.called(PLACE_STOP)
    assert request.body == (
        f'{{"clientOid":"{CLIENT_ID}","side":"buy","symbol":"BTC-USDT","type":"limit","price":"70000",'
        '"size":"0.0000100","timeInForce":"GTC","stop":"entry","stopPrice":"65000.5","tradeType":"TRADE"}'
    )
    assert isinstance(report, PlaceAccepted)
    assert (report.venue_order_id, report.order) == (STOP_ID, None)


@pytest.mark.parametrize(
    ("side", "stop_price", "kind"),
    [
        (Side.BUY, "60000.1", "entry"),
        (Side.SELL, "60000.1", "entry"),
        (Side.BUY, "59999.9", "loss"),
        (Side.SELL, "59999.9", "loss"),
        (Side.BUY, "60000", "entry"),
        (Side.SELL, "60000", "loss"),
    ],
)
def test_stop_triggers_from_the_side_of_the_market_it_is_on(side, stop_price, kind):
    terms = {"type": OrderType.STOP_MARKET, "price": None, "side": side, "stop_price": Decimal(stop_price)}
    with Venue({PLACE_STOP: [told({"orderId": STOP_ID})], PRICE: [told(LAST)]}) as venue:
        client(venue).execute(place_stop(**terms))
    assert body_of(venue, PLACE_STOP) == TERMS | {
        "side": side.value.lower(), "type": "market", "size": "0.0000100",
        "stop": kind, "stopPrice": stop_price, "tradeType": "TRADE",
    }  # fmt: skip


def test_stop_with_a_lifetime_counts_from_after_the_question_for_the_price():
    ends_ms = SystemClock().now_ms() + 90_000

    def late(server, connection, request):
        wait_for(lambda: SystemClock().now_ms() > ends_ms - 89_000)
        return told(LAST)(server, connection, request)

    with Venue({PLACE_STOP: [told({"orderId": STOP_ID})], PRICE: [late]}) as venue:
        client(venue).execute(place_stop(time_in_force=TimeInForce.GTT, expires_at_ms=ends_ms))
    assert body_of(venue, PLACE_STOP)["cancelAfter"] <= 88


@pytest.mark.parametrize("price", [error("500000"), told(LAST | {"price": "0"}), told({})])
def test_stop_without_a_known_market_price_is_held_back(price):
    with Venue({PRICE: [price]}) as venue:
        report = client(venue).execute(place_stop())
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, report.evidence.source, venue.changes()) == ("price_unknown", EvidenceSource.LOCAL, [])


@pytest.mark.parametrize(
    ("stops", "ordinary", "found"),
    [
        (told([STOP]), error("102436"), STOP_ID),
        (told([TRIGGERED]), told(CHILD), CHILD_ID),
        (told([TRIGGERED]), error("102436"), STOP_ID),
        (told([]), told(CHILD), CHILD_ID),
        (told([]), error("102436"), None),
        (error("500000"), told(CHILD), None),
    ],
)
def test_stop_refused_for_the_number_of_orders_is_looked_for_in_both_books(stops, ordinary, found):
    scripts = {
        PLACE_STOP: [error("200003")], PRICE: [told(LAST)], STOP_BY_CLIENT_ID: [stops], BY_CLIENT_ID: [ordinary],
    }  # fmt: skip
    with Venue(scripts) as venue:
        report = client(venue).execute(place_stop())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.known_to_exist, report.venue_order_id) == (found is not None, found)


# ----- what is shown


def test_client_shown_keeps_its_secrets():
    with Venue({PLACE: [error("400005", "Invalid signature")], ACTIVE_SYMBOLS: [error("400004")]}) as venue:
        made = client(venue)
        shown = repr(made) + repr(made.session) + repr(made.execute(place()))
    assert not any(secret in shown for secret in (API_KEY, API_SECRET, PASSPHRASE))
