"""Amending on Binance: what is sent, and what each answer proves."""

import json
from decimal import Decimal

import loopback
import pytest
from binance_samples import (
    AMENDED,
    API_SECRET,
    BOOK,
    CANCELLED,
    CLIENT_ID,
    PLACED,
    Venue,
    amend,
    cancel,
    client,
    error,
    place,
    told,
)
from hypothesis import given
from hypothesis import strategies as st
from loopback import answer

from exchanges.binance.changes import amend_report
from exchanges.binance.outcomes import classify_amend
from exchanges.binance.sign import HmacSigner
from exchanges.http import HttpAnswer, SystemClock
from exchanges.outcomes import OutcomeClass
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    CancelConfirmed,
    PlaceAccepted,
    PlaceNotProcessed,
)
from messages.types import EvidenceSource, PublicStatus

AMENDED_ORDER = AMENDED["amendedOrder"]


def amended(**changes):
    return told({**AMENDED, "amendedOrder": {**AMENDED_ORDER, **changes}})


def execute(behaviour, request=None, **options):
    with Venue(put_keepPriority=[behaviour]) as venue:
        report = client(venue, **options).execute(request or amend())
    return report, venue.called("keepPriority", "PUT")


def sorted_out(status, body):
    result = HttpAnswer(status=status, headers={}, body=body, sent_ms=1, received_ms=2, elapsed_ms=1)
    return amend_report(amend(), result, BOOK)


def test_amend_confirmed_carries_the_order_as_it_is_now():
    report, _ = execute(told(AMENDED))
    assert isinstance(report, AmendConfirmed)
    assert (report.order_id, report.order.venue_order_id) == ("our-id", "28457")
    assert report.order.client_order_id == CLIENT_ID
    assert (report.order.size, report.order.filled_size) == (Decimal("0.008"), Decimal("0.004"))
    assert (report.order.filled_value, report.order.price) == (Decimal(240), Decimal(60000))
    assert (report.order.status, report.order.updated_venue_ms) == (PublicStatus.OPEN, 1795255203000)
    assert (report.evidence.venue_time_ms, report.evidence.endpoint) == (
        1795255203000,
        "PUT /api/v3/order/amend/keepPriority",
    )
    assert report.evidence.body_sha256


def test_amend_names_order_size_and_the_client_id_it_has():
    _, (request,) = execute(told(AMENDED))
    params = request.params
    assert set(params) - {"timestamp", "signature", "recvWindow"} == {
        "symbol",
        "orderId",
        "newQty",
        "newClientOrderId",
    }
    assert (params["symbol"], params["orderId"], params["newQty"]) == ("BTCUSDT", "28457", "0.008")
    assert params["newClientOrderId"] == CLIENT_ID
    assert request.target == "/api/v3/order/amend/keepPriority", "parameters belong into the body: URLs end up in logs"


def test_amend_is_signed_and_bounded_by_its_validity():
    valid_until_ms = SystemClock().now_ms() + 4000
    _, (request,) = execute(told(AMENDED), amend(valid_until_venue_ms=valid_until_ms))
    payload, _, signature = request.body.rpartition("&signature=")
    assert signature == HmacSigner(API_SECRET).sign(payload.encode())
    assert int(request.params["timestamp"]) + int(request.params["recvWindow"]) == valid_until_ms


def test_amend_at_the_end_of_its_validity_is_not_sent():
    report, requests = execute(told(AMENDED), amend(valid_until_venue_ms=SystemClock().now_ms() - 1000))
    assert isinstance(report, AmendNotProcessed)
    assert (report.reason, report.evidence.source) == ("validity_passed", EvidenceSource.LOCAL)
    assert requests == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": Decimal(0)}, "not_supported"),
        ({"size": Decimal(-1)}, "not_supported"),
        ({"price": None}, "not_supported"),
        ({"client_order_id": ""}, "not_supported"),
        ({"symbol": "DOGE-USDT"}, "unknown_symbol"),
    ],
)
def test_amend_that_the_venue_cannot_do_is_refused_here(changes, code):
    report, requests = execute(told(AMENDED), amend(**changes))
    assert isinstance(report, AmendRefused)
    assert (report.code, report.evidence.source, report.order_id) == (code, EvidenceSource.LOCAL, "our-id")
    assert requests == []


def test_amend_of_a_stop_order_is_read_with_its_stop_price():
    stop = amended(type="STOP_LOSS", price="0.00000000", stopPrice="61000.00", status="NEW", executedQty="0.0")
    report, _ = execute(stop, amend(price=None, stop_price=Decimal(61000)))
    assert isinstance(report, AmendConfirmed)
    assert report.order.stop_price == Decimal(61000)


def test_amend_that_ended_the_order_says_so():
    report, _ = execute(amended(status="EXPIRED", qty="0.00400000"))
    assert isinstance(report, AmendConfirmed)
    assert report.order.status is PublicStatus.EXPIRED


def test_amend_of_an_order_that_was_renamed_before_tells_its_present_id():
    report, _ = execute(amended(origClientOrderId="minted-by-the-venue"))
    assert isinstance(report, AmendConfirmed)
    assert report.order.client_order_id == CLIENT_ID


@pytest.mark.parametrize(
    "words",
    [
        "Order amend (quantity increase) is not supported.",
        "The requested action would change no state; rejecting",
        "Unknown order sent.",
        "Order amend is not supported for this symbol.",
        "Filter failure: MAX_NUM_ORDER_AMENDS",
    ],
)
def test_amend_refused_keeps_the_venues_words(words):
    report, _ = execute(error(-2038, words))
    assert isinstance(report, AmendRefused)
    assert (report.code, report.text) == ("-2038", words)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, -2038, OutcomeClass.DEFINITE),
        (400, -2011, OutcomeClass.DEFINITE),
        (400, -2013, OutcomeClass.DEFINITE),
        (400, -2026, OutcomeClass.DEFINITE),
        (400, -1013, OutcomeClass.DEFINITE),
        (400, -1102, OutcomeClass.DEFINITE),
        (401, -2014, OutcomeClass.DEFINITE),
        (400, -2010, OutcomeClass.AMBIGUOUS),
        (400, -1007, OutcomeClass.AMBIGUOUS),
        (400, -9999, OutcomeClass.AMBIGUOUS),
        (400, None, OutcomeClass.AMBIGUOUS),
        (409, -2021, OutcomeClass.AMBIGUOUS),
        (500, -2038, OutcomeClass.AMBIGUOUS),
        (503, None, OutcomeClass.AMBIGUOUS),
        (503, -1007, OutcomeClass.AMBIGUOUS),
        (503, -1008, OutcomeClass.NOT_PROCESSED),
        (429, -1003, OutcomeClass.NOT_PROCESSED),
        (400, -1021, OutcomeClass.NOT_PROCESSED),
        (403, None, OutcomeClass.NOT_PROCESSED),
    ],
)
def test_amend_answered_by_an_error_is_sorted_into_its_class(status, code, kind):
    assert classify_amend(status, code).kind is kind


def test_amend_held_back_by_a_ban_is_not_processed():
    banned = error(-1003, "Way too much request weight used.", status=418, headers={"Retry-After": "120"})
    with Venue(put_keepPriority=[banned]) as venue:
        made = client(venue)
        first, second = made.execute(amend()), made.execute(amend())
    assert isinstance(first, AmendNotProcessed)
    assert (first.reason, first.retry_after_ms) == ("banned", 120000)
    assert isinstance(second, AmendNotProcessed)
    assert second.evidence.source is EvidenceSource.LOCAL
    assert len(venue.called("keepPriority", "PUT")) == 1


def test_amend_leaves_while_too_many_orders_hold_placements_back():
    limited = error(-1015, "Too many new orders.", status=429, headers={"Retry-After": "5"})
    with Venue(post_order=[limited], put_keepPriority=[told(AMENDED)], delete_order=[told(CANCELLED)]) as venue:
        made = client(venue)
        made.execute(place())
        placed, changed, cancelled = made.execute(place()), made.execute(amend()), made.execute(cancel())
    assert isinstance(placed, PlaceNotProcessed)
    assert isinstance(changed, AmendConfirmed)
    assert isinstance(cancelled, CancelConfirmed)


def test_amend_leaves_the_reserve_of_the_cancels_alone():
    nearly = told(PLACED, headers={"X-MBX-USED-WEIGHT-1M": "5900", "X-MBX-ORDER-COUNT-10S": "1"})
    with Venue(post_order=[nearly], put_keepPriority=[told(AMENDED)], delete_order=[told(CANCELLED)]) as venue:
        made = client(venue)
        assert isinstance(made.execute(place()), PlaceAccepted)
        changed, cancelled = made.execute(amend()), made.execute(cancel())
    assert isinstance(changed, AmendNotProcessed)
    assert isinstance(cancelled, CancelConfirmed)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (loopback.hang, "timeout"),
        (loopback.break_off, "connection_lost"),
        (loopback.break_mid_body, "incomplete_body"),
        (answer(b"<html>bad gateway</html>", status=502), "server_error"),
        (error(-1007, "Timeout waiting for response; execution status unknown.", status=503), "status_unknown"),
        (error(-9999, "New."), "status_unknown"),
        (answer(b"{}"), "unreadable"),
        (answer(b"[]"), "unreadable"),
        (answer(b""), "unreadable"),
        (told({**AMENDED, "amendedOrder": None}), "unreadable"),
        (told({**AMENDED, "transactTime": None}), "unreadable"),
        (told({**AMENDED, "transactTime": "1795255203000"}), "unreadable"),
        (amended(orderId=28458), "unreadable"),
        (amended(symbol="ETHUSDT"), "unreadable"),
        (amended(qty="0.01000000"), "unreadable"),
        (amended(qty=0.008), "unreadable"),
        (amended(type="NEW_KIND"), "unreadable"),
        (amended(type="STOP_LOSS"), "unreadable"),
        # As other calls name them.
        (told({**AMENDED, "amendedOrder": {**AMENDED_ORDER, "qty": None, "origQty": "0.008"}}), "unreadable"),
    ],
)
def test_amend_without_proof_is_ambiguous_and_sent_once(behaviour, reason):
    report, requests = execute(behaviour, call_timeout_ms=300)
    assert isinstance(report, AmendAmbiguous)
    assert (report.reason, report.order_id) == (reason, "our-id")
    assert len(requests) == 1


def test_amend_confirmed_in_an_unknown_status_keeps_the_venues_word():
    report, _ = execute(amended(status="HALF_DONE"))
    assert isinstance(report, AmendConfirmed)
    assert (report.order.status, report.order.venue_status) == (None, "HALF_DONE")


NEEDED = ["symbol", "orderId", "clientOrderId", "price", "qty", "executedQty", "cumulativeQuoteQty", "status", "side"]


@given(
    st.sampled_from([*NEEDED, "timeInForce", "type"]),
    st.sampled_from(["missing", "renamed", None, 0.5, True, [], {}, "", "?"]),
)
def test_amend_answer_with_a_damaged_field_never_confirms_other_terms(name, damage):
    order = dict(AMENDED_ORDER)
    value = order.pop(name)
    if damage == "renamed":
        order[f"{name}s"] = value
    elif damage != "missing":
        order[name] = damage
    body = json.dumps({**AMENDED, "amendedOrder": order}).encode()
    report = sorted_out(200, body)
    # A word that we do not know, and a name that is another one, are told as they are.
    told_by_itself = damage == "?" and name in ("status", "clientOrderId")
    assert isinstance(report, AmendConfirmed if told_by_itself else AmendAmbiguous)


@given(st.integers(200, 599), st.binary(max_size=40))
def test_amend_answered_by_anything_is_never_confirmed(status, body):
    report = sorted_out(status, body)
    assert isinstance(report, AmendAmbiguous | AmendNotProcessed)
    assert isinstance(report, AmendAmbiguous) or status == 403
