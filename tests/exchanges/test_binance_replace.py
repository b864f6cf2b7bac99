"""Cancel-replace on Binance: what is sent, and what each answer proves of either half."""

import json
from decimal import Decimal
from typing import Any

import loopback
import pytest
from binance_samples import (
    API_SECRET,
    BOOK,
    CANCELLED,
    CLIENT_ID,
    HALF_REPLACED,
    NEW_CLIENT_ID,
    NOT_REPLACED,
    REPLACED,
    Venue,
    cancel,
    client,
    error,
    place,
    replace,
    told,
)
from hypothesis import given
from hypothesis import strategies as st
from loopback import answer

from exchanges.binance.changes import replace_report
from exchanges.binance.orders import place_params
from exchanges.binance.sign import HmacSigner
from exchanges.http import HttpAnswer, SystemClock
from messages.reports import (
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
from messages.types import EvidenceSource, OrderType, PublicStatus, TimeInForce

LIMITED = {"code": -1015, "msg": "Too many new orders; current limit is 100 orders per 10 SECOND."}
ENDPOINT = "POST /api/v3/order/cancelReplace"


def data(outer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**outer, "data": {**outer["data"], **changes}}


def sorted_out(body: object, status: int = 200, headers: dict[str, str] | None = None) -> ReplaceAnswered:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    result = HttpAnswer(status=status, headers=headers or {}, body=raw, sent_ms=1, received_ms=2, elapsed_ms=1)
    report = replace_report(replace(), result, BOOK)
    assert isinstance(report, ReplaceAnswered)
    assert (report.order_id, report.cancel.order_id, report.place.order_id) == ("our-id", "our-id", "our-new-id")
    assert report.place.attempt == 2
    assert (report.cancel.evidence.endpoint, report.place.evidence.endpoint) == (ENDPOINT, ENDPOINT)
    assert (report.cancel.evidence.sent_ms, report.place.evidence.received_ms) == (1, 2)
    return report


def kinds(report: ReplaceAnswered) -> tuple[type, type]:
    return type(report.cancel), type(report.place)


def execute(behaviour, request=None, **options):
    with Venue(post_cancelReplace=[behaviour]) as venue:
        report = client(venue, **options).execute(request or replace())
    assert isinstance(report, ReplaceAnswered)
    return report, venue.called("cancelReplace", "POST")


# ----- what is sent


def test_replace_names_the_old_order_and_places_the_new_one_as_a_placement_would():
    _, (request,) = execute(told(REPLACED))
    params = request.params
    new = dict(place_params(replace().place, "BTCUSDT", None))
    assert {name: params[name] for name in new} == new
    assert {name: value for name, value in params.items() if name not in new} == {
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelRestrictions": "ONLY_NEW",
        "cancelOrderId": "28457",
        "cancelNewClientOrderId": f"cxl-{CLIENT_ID}",
        "orderRateLimitExceededMode": "DO_NOTHING",
        "recvWindow": params["recvWindow"],
        "timestamp": params["timestamp"],
        "signature": params["signature"],
    }
    assert (params["newClientOrderId"], params["newOrderRespType"]) == (NEW_CLIENT_ID, "FULL")


def test_replace_is_signed_and_bounded_by_the_new_orders_validity():
    valid_until_ms = SystemClock().now_ms() + 4000
    new = place(client_order_id=NEW_CLIENT_ID, valid_until_venue_ms=valid_until_ms)
    _, (request,) = execute(told(REPLACED), replace(new))
    payload, _, signature = request.body.rpartition("&signature=")
    assert signature == HmacSigner(API_SECRET).sign(payload.encode())
    assert int(request.params["timestamp"]) + int(request.params["recvWindow"]) == valid_until_ms


def test_replace_by_a_stop_order_chooses_its_kind_by_the_last_price():
    new = place(
        client_order_id=NEW_CLIENT_ID, type=OrderType.STOP_MARKET, price=None, stop_price=Decimal(59000)
    )
    price = told({"symbol": "BTCUSDT", "price": "60000.00000000"})
    with Venue(post_cancelReplace=[told(REPLACED)], get_price=[price]) as venue:
        client(venue).execute(replace(new))
        (request,) = venue.called("cancelReplace", "POST")
    assert request.params["type"] == "TAKE_PROFIT"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (lambda: replace(place(valid_until_venue_ms=SystemClock().now_ms() - 1000)), "validity_passed"),
        (lambda: replace(place(valid_until_venue_ms=0)), "validity_passed"),
    ],
)
def test_replace_at_the_end_of_its_validity_is_not_sent(request_, reason):
    report, requests = execute(told(REPLACED), request_())
    assert kinds(report) == (CancelNotProcessed, PlaceNotProcessed)
    assert (report.cancel.reason, report.place.reason) == (reason, reason)
    assert report.place.evidence.source is EvidenceSource.LOCAL
    assert requests == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (lambda: replace(place(reduce_only=True)), "not_supported"),
        (lambda: replace(place(symbol="ETH-USDT")), "not_supported"),
        (lambda: replace(place(post_only=True, time_in_force=TimeInForce.IOC)), "not_supported"),
        (lambda: replace(place(symbol="DOGE-USDT"), symbol="DOGE-USDT"), "unknown_symbol"),
    ],
)
def test_replace_that_the_venue_cannot_do_is_refused_here_and_cancels_nothing(request_, code):
    report, requests = execute(told(REPLACED), request_())
    assert kinds(report) == (CancelNotProcessed, PlaceRejected)
    assert (report.cancel.reason, report.place.code) == (code, code)
    assert report.place.evidence.source is EvidenceSource.LOCAL
    assert requests == []


def test_replace_before_the_venue_was_ever_reached_is_not_processed():
    server = loopback.Loopback()
    server.port = loopback.unused_port()
    report = client(server).execute(replace())
    assert isinstance(report, ReplaceAnswered)
    assert kinds(report) == (CancelNotProcessed, PlaceNotProcessed)


# ----- every documented answer


def test_replace_of_which_both_halves_succeed_confirms_both():
    report = sorted_out(REPLACED)
    assert kinds(report) == (CancelConfirmed, PlaceAccepted)
    assert (report.cancel.order.venue_order_id, report.cancel.order.status) == ("28457", PublicStatus.CANCELLED)
    assert report.cancel.order.client_order_id == CLIENT_ID
    assert (report.place.venue_order_id, report.place.order.client_order_id) == ("28458", NEW_CLIENT_ID)
    assert [fill.fill_id for fill in report.place.fills] == ["5601"]
    assert report.cancel.evidence.source is EvidenceSource.CANCEL_ANSWER
    assert report.place.evidence.source is EvidenceSource.PLACE_ANSWER
    assert (report.cancel.evidence.venue_time_ms, report.place.evidence.venue_time_ms) == (
        1795255207000,
        1795255200150,
    )


@pytest.mark.parametrize("words", ["Unknown order sent.", "Order was not canceled due to cancel restrictions."])
def test_replace_whose_cancel_failed_did_nothing(words):
    body = data(NOT_REPLACED, cancelResponse={"code": -2011, "msg": words})
    report = sorted_out(body, 400)
    assert kinds(report) == (CancelRefused, PlaceNotProcessed)
    assert (report.cancel.code, report.cancel.text) == ("-2011", words)
    assert report.place.reason == "not_attempted"


def test_replace_whose_new_order_failed_has_cancelled_the_old_one():
    report = sorted_out(HALF_REPLACED, 409)
    assert kinds(report) == (CancelConfirmed, PlaceRejected)
    assert (report.place.code, report.place.text) == ("-2010", "Order would immediately match and take.")
    assert report.place.evidence.detail == "HTTP 409 -2010 Order would immediately match and take."


def test_replace_of_which_both_halves_failed_by_themselves_refuses_both():
    body = data(NOT_REPLACED, newOrderResult="FAILURE", newOrderResponse={"code": -2010, "msg": "Market is closed."})
    assert kinds(sorted_out(body, 400)) == (CancelRefused, PlaceRejected)


def test_replace_whose_new_order_is_a_duplicate_proves_that_an_order_exists():
    body = data(HALF_REPLACED, newOrderResponse={"code": -2010, "msg": "Duplicate order sent."})
    report = sorted_out(body, 409)
    assert kinds(report) == (CancelConfirmed, PlaceAmbiguous)
    assert (report.place.reason, report.place.known_to_exist) == ("duplicate", True)


def test_replace_over_the_order_limit_does_nothing_when_told_so():
    report = sorted_out(LIMITED, 429, {"Retry-After": "7"})
    assert kinds(report) == (CancelNotProcessed, PlaceNotProcessed)
    assert {(half.reason, half.retry_after_ms) for half in (report.cancel, report.place)} == {("rate_limited", 7000)}


@pytest.mark.parametrize("status", [429, 409])
def test_replace_over_the_order_limit_that_cancelled_only_says_so(status):
    report = sorted_out(data(HALF_REPLACED, newOrderResponse=LIMITED), status, {"Retry-After": "7"})
    assert kinds(report) == (CancelConfirmed, PlaceNotProcessed)
    assert (report.place.reason, report.place.retry_after_ms) == ("rate_limited", 7000)


@pytest.mark.parametrize("outer", [-2021, -2022])
@pytest.mark.parametrize(
    ("result", "response", "reason"),
    [("NOT_ATTEMPTED", None, "not_attempted"), ("FAILURE", LIMITED, "rate_limited")],
)
def test_replace_over_the_order_limit_whose_cancel_failed_did_nothing(outer, result, response, reason):
    body = data(NOT_REPLACED, newOrderResult=result, newOrderResponse=response) | {"code": outer}
    report = sorted_out(body, 429)
    assert kinds(report) == (CancelRefused, PlaceNotProcessed)
    assert report.place.reason == reason


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}, (CancelRefused, PlaceRejected)),
        (400, {"code": -1145, "msg": "Invalid cancelRestrictions"}, (CancelRefused, PlaceRejected)),
        (401, {"code": -2015, "msg": "Invalid API-key."}, (CancelRefused, PlaceRejected)),
        (400, {"code": -1021, "msg": "Timestamp."}, (CancelNotProcessed, PlaceNotProcessed)),
        (429, {"code": -1003, "msg": "Too many requests."}, (CancelNotProcessed, PlaceNotProcessed)),
        (418, {"code": -1003, "msg": "Way too many requests."}, (CancelNotProcessed, PlaceNotProcessed)),
        (503, {"code": -1008, "msg": "Server is currently overloaded."}, (CancelNotProcessed, PlaceNotProcessed)),
        (403, b"<html>forbidden</html>", (CancelNotProcessed, PlaceNotProcessed)),
        # Only the text of a new order's refusal is listed; of the cancel it says nothing.
        (400, {"code": -2010, "msg": "Market is closed."}, (CancelAmbiguous, PlaceRejected)),
        (400, {"code": -2011, "msg": "Unknown order sent."}, (CancelRefused, PlaceAmbiguous)),
        (400, {"code": -9999, "msg": "New."}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, {"code": -1007, "msg": "Timeout."}, (CancelAmbiguous, PlaceAmbiguous)),
        (500, {"code": -1013, "msg": "Filter failure"}, (CancelAmbiguous, PlaceAmbiguous)),
        (502, b"<html>bad gateway</html>", (CancelAmbiguous, PlaceAmbiguous)),
        (429, b"", (CancelAmbiguous, PlaceAmbiguous)),
        (409, {"code": -2021, "msg": "Order cancel-replace partially failed."}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, {"code": -2022, "msg": "Order cancel-replace failed."}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, {"code": -2022, "msg": "…", "data": None}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, {"code": -2022, "msg": "…", "data": {}}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, {"code": -9999, "data": NOT_REPLACED["data"]}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, {"code": "-2022", "data": NOT_REPLACED["data"]}, (CancelAmbiguous, PlaceAmbiguous)),
        (400, NOT_REPLACED["data"], (CancelAmbiguous, PlaceAmbiguous)),
        (503, NOT_REPLACED, (CancelAmbiguous, PlaceAmbiguous)),
        (503, HALF_REPLACED, (CancelAmbiguous, PlaceAmbiguous)),
        (200, NOT_REPLACED, (CancelAmbiguous, PlaceAmbiguous)),
        (200, {}, (CancelAmbiguous, PlaceAmbiguous)),
        (200, [], (CancelAmbiguous, PlaceAmbiguous)),
        (200, b"", (CancelAmbiguous, PlaceAmbiguous)),
    ],
)
def test_replace_answer_is_sorted_half_by_half(status, body, expected):
    assert kinds(sorted_out(body, status)) == expected


# ----- the results decide, not the status; what contradicts itself proves nothing


def test_replace_is_decided_by_its_results_and_not_by_the_status():
    assert kinds(sorted_out(NOT_REPLACED["data"], 200)) == (CancelRefused, PlaceNotProcessed)
    both = {"code": -2021, "msg": "…", "data": REPLACED}
    assert kinds(sorted_out(both, 409)) == (CancelConfirmed, PlaceAccepted)


def test_replace_that_placed_without_having_cancelled_leaves_the_cancel_open():
    body = data(NOT_REPLACED, newOrderResult="SUCCESS", newOrderResponse=REPLACED["newOrderResponse"])
    assert kinds(sorted_out(body | {"code": -2021}, 409)) == (CancelAmbiguous, PlaceAccepted)


def test_replace_that_cancelled_and_did_not_even_try_leaves_the_new_order_open():
    body = data(HALF_REPLACED, newOrderResult="NOT_ATTEMPTED", newOrderResponse=None)
    assert kinds(sorted_out(body, 409)) == (CancelConfirmed, PlaceAmbiguous)


def test_replace_said_to_be_half_done_of_which_neither_half_was_is_open():
    assert kinds(sorted_out(NOT_REPLACED | {"code": -2021}, 409)) == (CancelAmbiguous, PlaceAmbiguous)


@pytest.mark.parametrize("response", [REPLACED["newOrderResponse"], {}, {"code": -2010, "msg": "Market is closed."}])
def test_replace_not_attempted_that_says_more_is_open(response):
    report = sorted_out(data(NOT_REPLACED, newOrderResponse=response), 400)
    assert kinds(report) == (CancelRefused, PlaceAmbiguous)


def test_replace_that_failed_with_an_order_in_its_hands_is_open():
    response = REPLACED["newOrderResponse"] | {"code": -2010, "msg": "Market is closed."}
    assert kinds(sorted_out(data(HALF_REPLACED, newOrderResponse=response), 409)) == (CancelConfirmed, PlaceAmbiguous)


@pytest.mark.parametrize("word", ["", "success", "PENDING", None, True, ["SUCCESS"], {"SUCCESS": 1}])
def test_replace_with_an_unknown_result_leaves_that_half_open(word):
    assert kinds(sorted_out(REPLACED | {"newOrderResult": word})) == (CancelConfirmed, PlaceAmbiguous)
    assert kinds(sorted_out(REPLACED | {"cancelResult": word})) == (CancelAmbiguous, PlaceAccepted)
    assert kinds(sorted_out(data(NOT_REPLACED, newOrderResult=word), 400)) == (CancelRefused, PlaceAmbiguous)


def test_replace_with_a_secret_in_the_place_of_a_result_does_not_repeat_it():
    report = sorted_out(REPLACED | {"cancelResult": "s-e-c-r-e-t"})
    assert "s-e-c-r-e-t" not in repr(report)


@pytest.mark.parametrize(
    ("response", "known_id"),
    [
        (REPLACED["newOrderResponse"] | {"clientOrderId": CLIENT_ID}, None),
        (REPLACED["newOrderResponse"] | {"symbol": "ETHUSDT"}, None),
        (REPLACED["newOrderResponse"] | {"executedQty": None}, "28458"),
        (REPLACED["newOrderResponse"] | {"type": "NEW_KIND"}, "28458"),
        (LIMITED, None),
        (None, None),
    ],
)
def test_replace_placed_unreadably_leaves_the_new_order_open(response, known_id):
    report = sorted_out(REPLACED | {"newOrderResponse": response})
    assert kinds(report) == (CancelConfirmed, PlaceAmbiguous)
    assert (report.place.reason, report.place.venue_order_id) == ("unreadable", known_id)


@pytest.mark.parametrize(
    "response",
    [
        REPLACED["cancelResponse"] | {"orderId": 28458},
        REPLACED["cancelResponse"] | {"status": "NEW"},
        REPLACED["cancelResponse"] | {"status": "HALF_DONE"},
        REPLACED["cancelResponse"] | {"origQty": 0.01},
        {"code": -2011, "msg": "Unknown order sent."},
        None,
    ],
)
def test_replace_cancelled_unreadably_leaves_the_old_order_open(response):
    report = sorted_out(REPLACED | {"cancelResponse": response})
    assert kinds(report) == (CancelAmbiguous, PlaceAccepted)


@pytest.mark.parametrize("code", [-1007, -9999, -2011, None])
def test_replace_whose_new_order_failed_in_an_unlisted_way_is_open(code):
    report = sorted_out(data(HALF_REPLACED, newOrderResponse={"code": code, "msg": "…"}), 409)
    assert kinds(report) == (CancelConfirmed, PlaceAmbiguous)


@pytest.mark.parametrize("code", [-1007, -9999, -2010, None])
def test_replace_whose_cancel_failed_in_an_unlisted_way_is_open(code):
    report = sorted_out(data(NOT_REPLACED, cancelResponse={"code": code, "msg": "…"}), 400)
    assert kinds(report) == (CancelAmbiguous, PlaceNotProcessed)


# ----- bodies that nobody has thought of

DAMAGES = ["missing", "renamed", None, 0, -1, 0.5, True, "", "?", [], {}, [{}]]
CASES = {
    "both": (200, REPLACED, {CancelConfirmed}, {PlaceAccepted}),
    "half": (409, HALF_REPLACED, {CancelConfirmed}, {PlaceRejected}),
    "none": (400, NOT_REPLACED, {CancelRefused}, {PlaceNotProcessed}),
}


def paths(value: object, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return []
    return [path for name in value for path in ((*prefix, name), *paths(value[name], (*prefix, name)))]


def damaged(body: dict[str, Any], path: tuple[str, ...], damage: object) -> dict[str, Any]:
    name, *rest = path
    if rest:
        return {**body, name: damaged(body[name], tuple(rest), damage)}
    left = {key: value for key, value in body.items() if key != name}
    if damage == "missing":
        return left
    return left | ({f"{name}s": body[name]} if damage == "renamed" else {name: damage})


def check_at_most(case: str, body: dict[str, Any]) -> None:
    """Whatever the body has become, it proves nothing of either half that the whole one did not."""
    status, _, cancels, places = CASES[case]
    report = sorted_out(body, status)
    assert type(report.cancel) in cancels | {CancelAmbiguous}
    assert type(report.place) in places | {PlaceAmbiguous}
    if isinstance(report.cancel, CancelConfirmed):
        assert report.cancel.order.venue_order_id == "28457"
    if isinstance(report.place, PlaceAccepted):
        assert report.place.venue_order_id == str(body["newOrderResponse"]["orderId"])


@pytest.mark.parametrize("case", CASES)
def test_replace_answer_with_any_field_damaged_proves_at_most_what_the_whole_one_did(case):
    body = CASES[case][1]
    for path in paths(body):
        for damage in DAMAGES:
            check_at_most(case, damaged(body, path, damage))


@given(st.data())
def test_replace_answer_with_several_fields_damaged_proves_at_most_what_the_whole_one_did(draws):
    case = draws.draw(st.sampled_from(sorted(CASES)))
    body = CASES[case][1]
    for _ in range(3):
        body = damaged(body, draws.draw(st.sampled_from(paths(body))), draws.draw(st.sampled_from(DAMAGES)))
    check_at_most(case, body)


@given(st.integers(200, 599), st.binary(max_size=40))
def test_replace_answered_by_anything_proves_nothing(status, body):
    report = sorted_out(body, status)
    held = status == 403
    assert kinds(report) == ((CancelNotProcessed, PlaceNotProcessed) if held else (CancelAmbiguous, PlaceAmbiguous))


# ----- over a real socket


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (loopback.hang, "timeout"),
        (loopback.break_off, "connection_lost"),
        (loopback.break_mid_body, "incomplete_body"),
        (loopback.break_mid_head, "connection_lost"),
        (answer(b"<html>bad gateway</html>", status=502), "server_error"),
        (answer(b"{"), "unreadable"),
    ],
)
def test_replace_met_by_a_fault_leaves_both_halves_open_and_is_sent_once(behaviour, reason):
    report, requests = execute(behaviour, call_timeout_ms=300)
    assert kinds(report) == (CancelAmbiguous, PlaceAmbiguous)
    assert (report.cancel.reason, report.place.reason) == (reason, reason)
    assert (report.place.known_to_exist, report.place.attempt) == (False, 2)
    assert len(requests) == 1


@pytest.mark.parametrize(
    "body", [LIMITED, data(HALF_REPLACED, newOrderResponse=LIMITED), data(NOT_REPLACED, newOrderResponse=None)]
)
def test_order_limit_met_by_a_replace_holds_orders_back_and_lets_cancels_through(body):
    limited = answer(json.dumps(body), status=429, headers={"Retry-After": "5"})
    with Venue(post_cancelReplace=[limited], delete_order=[told(CANCELLED)]) as venue:
        made = client(venue)
        made.execute(replace())
        held, placed, cancelled = made.execute(replace()), made.execute(place()), made.execute(cancel())
    assert isinstance(held, ReplaceAnswered)
    assert kinds(held) == (CancelNotProcessed, PlaceNotProcessed)
    assert held.place.reason == "rate_limited"
    assert 0 < held.place.retry_after_ms <= 5250
    assert isinstance(placed, PlaceNotProcessed)
    assert isinstance(cancelled, CancelConfirmed)
    assert len(venue.called("cancelReplace", "POST")) == 1


def test_replace_with_a_refused_time_reads_the_clock_again():
    with Venue(post_cancelReplace=[error(-1021, "Timestamp for this request."), told(REPLACED)]) as venue:
        made = client(venue)
        first, second = made.execute(replace()), made.execute(replace())
    assert isinstance(first, ReplaceAnswered)
    assert isinstance(second, ReplaceAnswered)
    assert first.place.reason == "clock"
    assert kinds(second) == (CancelConfirmed, PlaceAccepted)
    assert len(venue.called("time")) == 2
