import json

import loopback
import pytest
from coinbase_samples import (
    ORDER,
    PLACED,
    REFUSED,
    SENT_ID,
    VENUE_ID,
    Venue,
    client,
    look_up,
    place,
    shown,
    told,
)
from fuzzing import JSON, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import answer

from exchanges.coinbase.answers import read_error
from exchanges.coinbase.outcomes import classify_http, classify_place
from exchanges.coinbase.placements import place_report
from exchanges.http import HttpAnswer
from exchanges.outcomes import OutcomeClass
from messages.reports import (
    OrderFound,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)

DEFINITE = (
    *("UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_SIDE", "INVALID_PRODUCT_ID", "INVALID_SIZE_PRECISION"),
    *("INVALID_PRICE_PRECISION", "INSUFFICIENT_FUND", "INSUFFICIENT_FUNDS", "INVALID_LEDGER_BALANCE"),
    *("ORDER_ENTRY_DISABLED", "INELIGIBLE_PAIR", "INVALID_LIMIT_PRICE", "INVALID_LIMIT_PRICE_POST_ONLY"),
    *("INVALID_NO_LIQUIDITY", "INVALID_REQUEST", "COMMANDER_REJECTED_NEW_ORDER", "UNTRADABLE_PRODUCT"),
    *("GEOFENCING_RESTRICTION", "FOK_DISABLED", "FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS"),
    *("POST_ONLY_NOT_ALLOWED_WITH_FOK", "END_TIME_IS_IN_THE_PAST", "END_TIME_TOO_FAR_IN_FUTURE"),
    *("GTD_ORDERS_MUST_HAVE_END_TIME", "LIMIT_PRICE_TOO_FAR_FROM_MARKET"),
    *("LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY", "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL"),
    *("STOP_ALREADY_TRIGGERED", "BREACHED_RISK_LIMIT", "PRODUCT_TRADING_HALTED", "TRADING_DISABLED"),
    "OPEN_BRACKET_ORDERS",
)
BY_STATE = (
    *("INSUFFICIENT_FUND", "INSUFFICIENT_FUNDS", "INVALID_LEDGER_BALANCE", "INVALID_LIMIT_PRICE"),
    *("INVALID_LIMIT_PRICE_POST_ONLY", "INVALID_NO_LIQUIDITY", "COMMANDER_REJECTED_NEW_ORDER"),
    *("LIMIT_PRICE_TOO_FAR_FROM_MARKET", "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY"),
    *("LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL", "STOP_ALREADY_TRIGGERED", "BREACHED_RISK_LIMIT"),
    "OPEN_BRACKET_ORDERS",
)
"""Refusals that an order of an earlier attempt can be the cause of."""
NOT_SAID = "UNKNOWN_FAILURE_REASON"
NO_PREVIEW = "UNKNOWN_PREVIEW_FAILURE_REASON"


# ----- what the reasons of a refused placement prove


@pytest.mark.parametrize("reason", DEFINITE)
def test_place_refused_for_a_listed_reason_is_definite(reason):
    assert classify_place(reason, NO_PREVIEW, attempt=1).kind is OutcomeClass.DEFINITE


@pytest.mark.parametrize("reason", DEFINITE)
def test_place_refused_for_what_an_earlier_attempt_can_have_caused_is_doubted_from_the_second_on(reason):
    kind = OutcomeClass.AMBIGUOUS if reason in BY_STATE else OutcomeClass.DEFINITE
    assert classify_place(reason, NO_PREVIEW, attempt=2).kind is kind


@pytest.mark.parametrize(
    ("order_reason", "preview_reason", "kind"),
    [
        (NOT_SAID, "PREVIEW_INSUFFICIENT_FUND", OutcomeClass.AMBIGUOUS),
        (NOT_SAID, "PREVIEW_INVALID_LEDGER_BALANCE", OutcomeClass.AMBIGUOUS),
        (NOT_SAID, "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", OutcomeClass.AMBIGUOUS),
        ("INVALID_REQUEST", "PREVIEW_INSUFFICIENT_FUND", OutcomeClass.AMBIGUOUS),
        (NOT_SAID, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", OutcomeClass.DEFINITE),
        ("INSUFFICIENT_FUND", "DUPLICATE_CLIENT_ORDER_ID", OutcomeClass.EXISTS),
    ],
)
def test_preview_of_a_later_attempt_is_doubted_unless_it_is_about_the_request(order_reason, preview_reason, kind):
    assert classify_place(order_reason, preview_reason, attempt=2).kind is kind


@pytest.mark.parametrize(
    ("order_reason", "preview_reason", "kind"),
    [
        (NOT_SAID, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", OutcomeClass.DEFINITE),
        ("", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", OutcomeClass.DEFINITE),
        ("PREVIEW_INSUFFICIENT_FUND", "", OutcomeClass.DEFINITE),
        (NOT_SAID, NO_PREVIEW, OutcomeClass.AMBIGUOUS),
        (NOT_SAID, "PREVIEW_UNKNOWN", OutcomeClass.AMBIGUOUS),
        ("", "", OutcomeClass.AMBIGUOUS),
        ("A_NEW_REASON", "PREVIEW_INSUFFICIENT_FUND", OutcomeClass.AMBIGUOUS),
        ("insufficient_fund", "", OutcomeClass.AMBIGUOUS),
        (NOT_SAID, "INSUFFICIENT_FUND", OutcomeClass.DEFINITE),
        ("DUPLICATE_CLIENT_ORDER_ID", NO_PREVIEW, OutcomeClass.EXISTS),
        (NOT_SAID, "DUPLICATE_CLIENT_ORDER_ID", OutcomeClass.EXISTS),
        ("INSUFFICIENT_FUND", "DUPLICATE_CLIENT_ORDER_ID", OutcomeClass.EXISTS),
        ("RFQ_RATE_LIMITED", NO_PREVIEW, OutcomeClass.NOT_PROCESSED),
    ],
)
def test_place_refused_for_other_reasons_proves_what_the_table_says(order_reason, preview_reason, kind):
    assert classify_place(order_reason, preview_reason, attempt=1).kind is kind


@pytest.mark.parametrize(
    ("status", "code", "works", "kind"),
    [
        (400, "INVALID_ARGUMENT", True, OutcomeClass.DEFINITE),
        (400, "unknown", True, OutcomeClass.AMBIGUOUS),
        (400, None, True, OutcomeClass.AMBIGUOUS),
        (404, "INVALID_ARGUMENT", True, OutcomeClass.AMBIGUOUS),
        (401, None, False, OutcomeClass.NOT_PROCESSED),
        (401, None, True, OutcomeClass.AMBIGUOUS),
        (403, None, True, OutcomeClass.NOT_PROCESSED),
        (429, "rate_limit_exceeded", True, OutcomeClass.NOT_PROCESSED),
        (500, "INVALID_ARGUMENT", True, OutcomeClass.AMBIGUOUS),
        (502, None, True, OutcomeClass.AMBIGUOUS),
        (503, "INSUFFICIENT_FUND", True, OutcomeClass.AMBIGUOUS),
        (302, None, True, OutcomeClass.AMBIGUOUS),
        (409, "anything", True, OutcomeClass.AMBIGUOUS),
    ],
)
def test_answer_that_is_not_a_200_proves_what_the_table_says(status, code, works, kind):
    assert classify_http(status, code, key_works=works).kind is kind


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"error": "Bad", "code": 3, "message": "proto: syntax", "details": []}, "INVALID_ARGUMENT", "proto: syntax"),
        ({"error": "INVALID_ARGUMENT", "error_details": "size", "message": "m"}, "INVALID_ARGUMENT", "size"),
        (
            {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]},
            "rate_limit_exceeded", "Too many requests",
        ),
        ({"error": 5, "message": ["x"]}, None, ""),
        ({"errors": []}, None, ""),
        ([], None, ""),
    ],
)  # fmt: skip
def test_error_body_is_read_in_all_its_forms(body, code, words):
    found = read_error(json.dumps(body).encode())
    assert (found.code, found.words) == (code, words)


@pytest.mark.parametrize("body", [b"Unauthorized", b"<html>no</html>", b"", b"\xff"])
def test_error_body_that_is_no_json_has_no_code(body):
    assert read_error(body).code is None


# ----- placements, over a socket


def placed(*behaviours, request=None, **scripts):
    with Venue(post_orders=list(behaviours), **scripts) as venue:
        return client(venue).execute(request or place())


def test_place_accepted_is_a_bare_acknowledgement():
    report = placed(told(PLACED))
    assert isinstance(report, PlaceAccepted)
    assert (report.attempt, report.order_id, report.venue_order_id) == (1, "our-id", VENUE_ID)
    assert (report.order, report.fills) == (None, ())
    assert report.evidence.body_sha256


def test_place_accepted_beside_a_legacy_failure_reason_is_accepted():
    assert isinstance(placed(told({**PLACED, "failure_reason": NOT_SAID})), PlaceAccepted)


def test_place_refused_inside_a_200_is_rejected_in_the_venues_words():
    report = placed(told(REFUSED))
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("INSUFFICIENT_FUND", "Insufficient balance in source account")


def test_place_refused_for_funds_on_a_later_attempt_is_ambiguous():
    report = placed(told(REFUSED), request=place(attempt=2))
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == ("rejected_or_duplicate", False)


def test_place_of_a_used_client_id_is_known_to_exist():
    error = {**REFUSED["error_response"], "new_order_failure_reason": "DUPLICATE_CLIENT_ORDER_ID"}
    report = placed(told({**REFUSED, "error_response": error}))
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == ("duplicate", True)


ACCEPTED = PLACED["success_response"]


@pytest.mark.parametrize(
    ("changes", "exists"),
    [
        # Books of two products may be one, and the order is shown under the other.
        ({"product_id": "BTC-USDC"}, True),
        ({"product_id": None}, True),
        ({"side": "buy"}, True),
        ({"side": None, "client_order_id": SENT_ID.upper()}, True),
        ({"client_order_id": None}, False),
    ],
)
def test_place_accepted_in_other_words_is_ambiguous_and_keeps_the_orders_id(changes, exists):
    report = placed(told({**PLACED, "success_response": {**ACCEPTED, **changes}}))
    assert isinstance(report, PlaceAmbiguous)
    assert (report.venue_order_id, report.known_to_exist) == (VENUE_ID, exists)


@pytest.mark.parametrize(
    ("body", "venue_order_id"),
    [
        (b"", None),
        (b"<html>ok</html>", None),
        (b"[]", None),
        (b"{}", None),
        ({**PLACED, "success": "true"}, None),
        ({**PLACED, "success": None}, None),
        ({"success": True}, None),
        ({"success": False}, None),
        ({"success": False, "error_response": {}}, None),
        ({"success": False, "error_response": {"error": "INSUFFICIENT_FUND", "message": "no"}}, None),
        ({"success": False, "order_id": "", "failure_reason": "INSUFFICIENT_FUND"}, None),
        ({**PLACED, "success_response": {**ACCEPTED, "order_id": ""}}, None),
        ({**PLACED, "success_response": {**ACCEPTED, "client_order_id": "another"}}, None),
        ({**PLACED, "success": False, "error_response": REFUSED["error_response"]}, VENUE_ID),
        ({**PLACED, "error_response": REFUSED["error_response"]}, VENUE_ID),
    ],
)
def test_place_answered_by_neither_branch_is_ambiguous(body, venue_order_id):
    report = placed(answer(body if isinstance(body, bytes) else json.dumps(body)))
    assert isinstance(report, PlaceAmbiguous)
    assert (report.venue_order_id, report.known_to_exist) == (venue_order_id, False)


@pytest.mark.parametrize(
    "behaviour",
    [loopback.break_off, loopback.break_mid_body, loopback.break_mid_head, loopback.talk_nonsense, loopback.hang],
)
def test_place_whose_answer_does_not_come_is_ambiguous(behaviour):
    with Venue(post_orders=[behaviour]) as venue:
        assert isinstance(client(venue, call_timeout_ms=300).execute(place()), PlaceAmbiguous)


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        (answer("Unauthorized", status=401), PlaceNotProcessed, "auth"),
        (answer("<html>", status=403), PlaceNotProcessed, "forbidden"),
        (told({"errors": [{"id": "rate_limit_exceeded"}]}, status=429), PlaceNotProcessed, "rate_limited"),
        (told({"error": "INTERNAL"}, status=500), PlaceAmbiguous, "server_error"),
        (answer("<html>", status=400), PlaceAmbiguous, "unreadable"),
        (told({"error": "unknown"}, status=400), PlaceAmbiguous, "status_unknown"),
    ],
)
def test_place_answered_by_an_http_error_proves_what_the_table_says(behaviour, kind, reason):
    report = placed(behaviour)
    assert isinstance(report, kind)
    assert report.reason == reason


def test_place_refused_as_malformed_is_rejected():
    body = {"error": "INVALID_ARGUMENT", "error_details": "base_size", "message": "m"}
    report = placed(told(body, status=400))
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("INVALID_ARGUMENT", "base_size")


def test_place_refused_for_the_token_of_a_key_that_works_is_ambiguous():
    # A network that delivers a request twice shows the answer to the second one, whose token was used before.
    unauthorized = answer("Unauthorized", status=401)
    with Venue(post_orders=[unauthorized], get_order=[told({"order": {**ORDER, "number_of_fills": "0"}})]) as venue:
        made = client(venue)
        assert isinstance(made.execute(look_up(with_fills=False)), OrderFound)
        report = made.execute(place())
        assert isinstance(report, PlaceAmbiguous)
        assert report.reason == "auth"
        venue.scripts["get_order"] = [unauthorized]
        made.execute(look_up())
        assert isinstance(made.execute(place()), PlaceNotProcessed)


def test_place_sent_again_and_answered_by_the_same_order_is_accepted():
    assert isinstance(placed(told(PLACED), request=place(attempt=2), get_order=[shown()]), PlaceAccepted)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": "another"},
        {"side": "SELL"},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "0.02", "limit_price": "60000", "post_only": True}}},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "61000", "post_only": True}}},
        {"order_configuration": {"market_market_ioc": {"base_size": "0.01"}}},
    ],
)
def test_place_sent_again_and_answered_by_another_order_is_ambiguous(changes):
    report = placed(told(PLACED), request=place(attempt=2), get_order=[shown(**changes)])
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.venue_order_id) == ("another_order", None)


@pytest.mark.parametrize(
    "behaviour", [shown(order_id="another"), shown(status=None), told({}), answer("", status=500), answer("x")]
)
def test_place_sent_again_whose_order_cannot_be_read_is_ambiguous_with_its_id(behaviour):
    report = placed(told(PLACED), request=place(attempt=2), get_order=[behaviour])
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.venue_order_id) == ("unconfirmed", VENUE_ID)


@settings(max_examples=60)
@given(st.sampled_from([PLACED, REFUSED]).flatmap(damaged) | damaged(REFUSED["error_response"]) | JSON)
def test_damaged_place_answer_accepts_or_refuses_only_what_it_says(body):
    if isinstance(body, dict) and "message" in body:
        body = {**REFUSED, "error_response": body}
    raw = json.dumps(body, default=str).encode()
    result = HttpAnswer(status=200, headers={}, body=raw, sent_ms=1, received_ms=2, elapsed_ms=1)
    report = place_report(place(), result, "BTC-USD", key_works=True)
    if isinstance(report, PlaceAccepted):
        assert body["success"] is True
        assert report.venue_order_id == body["success_response"]["order_id"]
    if isinstance(report, PlaceRejected):
        assert body["success"] is False
        assert report.code in ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND")
