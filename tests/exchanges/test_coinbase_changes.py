import json

import loopback
import pytest
from coinbase_samples import VENUE_ID, Venue, amend, cancel, cancelled, client, edited, shown, told
from fuzzing import JSON, damaged
from hypothesis import given, settings
from loopback import answer

from exchanges.coinbase.changes import Accepted, cancel_accepted, edit_accepted
from exchanges.http import HttpAnswer
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
)

# ----- cancels


def cancel_answered(*behaviours, order=None):
    with Venue(post_batch_cancel=list(behaviours), get_order=[order or shown()]) as venue:
        report = client(venue).execute(cancel())
        return report, len(venue.called(VENUE_ID))


@pytest.mark.parametrize("status", ["CANCELLED", "FILLED", "EXPIRED", "FAILED"])
def test_cancel_accepted_of_an_order_that_has_ended_is_confirmed(status):
    report, reads = cancel_answered(cancelled(), order=shown(status=status))
    assert isinstance(report, CancelConfirmed)
    assert (report.order.venue_status, reads) == (status, 1)
    assert report.evidence.source.value == "lookup"


@pytest.mark.parametrize(
    "order",
    [shown(), shown(status="CANCEL_QUEUED"), shown(status="NEW"), shown(status=None), answer("", status=500), told({})],
)
def test_cancel_accepted_of_an_order_that_is_not_seen_to_have_ended_is_ambiguous(order):
    report, _ = cancel_answered(cancelled(), order=order)
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"


def test_cancel_under_way_already_is_read_back_like_an_accepted_one():
    report, reads = cancel_answered(
        cancelled(success=False, reason="DUPLICATE_CANCEL_REQUEST"), order=shown(status="CANCELLED")
    )
    assert isinstance(report, CancelConfirmed)
    assert reads == 1


CANCEL_REFUSALS = (
    *("INVALID_CANCEL_REQUEST", "UNKNOWN_CANCEL_ORDER", "COMMANDER_REJECTED_CANCEL_ORDER", "ORDER_IS_FULLY_FILLED"),
    *("INVALID_CANCEL_PRODUCT_ID", "INVALID_CANCEL_FCM_TRADING_SESSION", "NOT_ALLOWED_TO_CANCEL"),
)


@pytest.mark.parametrize("reason", CANCEL_REFUSALS)
def test_cancel_refused_for_a_listed_reason_is_refused(reason):
    report, reads = cancel_answered(cancelled(success=False, reason=reason))
    assert isinstance(report, CancelRefused)
    assert (report.code, reads) == (reason, 0)


def test_cancel_during_an_edit_was_not_processed():
    report, _ = cancel_answered(cancelled(success=False, reason="ORDER_IS_BEING_REPLACED"))
    assert isinstance(report, CancelNotProcessed)
    assert report.retry_after_ms > 0


RESULT = {"success": True, "failure_reason": "", "order_id": VENUE_ID}


@pytest.mark.parametrize(
    "behaviour",
    [
        cancelled(success=False),
        cancelled(success=False, reason="A_NEW_REASON"),
        told({"results": []}),
        told({"results": [{**RESULT, "order_id": "another"}]}),
        told({"results": [RESULT, RESULT]}),
        told({"results": [{**RESULT, "success": "true"}]}),
        told({}),
        answer("gone"),
        answer("", status=502),
        loopback.break_off,
    ],
)
def test_cancel_answered_in_no_listed_way_is_ambiguous(behaviour):
    report, reads = cancel_answered(behaviour)
    assert isinstance(report, CancelAmbiguous)
    assert (report.reason != "accepted", reads) == (True, 0)


def answered(body):
    raw = json.dumps(body, default=str).encode()
    return HttpAnswer(status=200, headers={}, body=raw, sent_ms=1, received_ms=2, elapsed_ms=1)


@settings(max_examples=60)
@given(damaged(RESULT).map(lambda entry: {"results": [entry]}) | damaged({"results": [RESULT]}) | JSON)
def test_damaged_cancel_answer_is_taken_for_accepted_only_when_it_says_so(body):
    report = cancel_accepted(cancel(), VENUE_ID, answered(body), key_works=True)
    if isinstance(report, Accepted):
        (entry,) = body["results"]
        assert (entry["success"], entry["order_id"]) == (True, VENUE_ID)
    else:
        assert isinstance(report, CancelAmbiguous)


def test_cancel_without_the_venues_id_is_not_sent():
    with Venue(post_batch_cancel=[cancelled()]) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
        assert isinstance(report, CancelNotProcessed)
        assert report.reason == "venue_order_id_unknown"
        assert venue.called("batch_cancel", "POST") == []


# ----- edits


NEW_TERMS = {"limit_limit_gtc": {"base_size": "0.008", "limit_price": "60100.0", "post_only": False}}


def amended(*behaviours, order=None, request=None):
    with Venue(post_edit=list(behaviours), get_order=[order or shown()]) as venue:
        return client(venue).execute(request or amend())


@pytest.mark.parametrize(
    "changes",
    [
        {"order_configuration": NEW_TERMS},
        {"edit_history": [{"price": "60100.00", "size": "0.00800000", "replace_accept_timestamp": ""}]},
        {"order_configuration": NEW_TERMS, "status": "FILLED"},
    ],
)
def test_edit_accepted_is_confirmed_by_the_new_terms(changes):
    report = amended(edited(), order=shown(**changes))
    assert isinstance(report, AmendConfirmed)
    assert (str(report.order.size).rstrip("0"), report.order.price) == ("0.008", 60100)


@pytest.mark.parametrize(
    "order",
    [
        shown(),
        shown(order_configuration=NEW_TERMS, status="EDIT_QUEUED"),
        shown(order_configuration=NEW_TERMS, current_pending_replace={"price": "60200", "size": "0.008"}),
        shown(status="CANCELLED"),
        shown(status=None),
        answer("", status=500),
    ],
)
def test_edit_accepted_that_does_not_show_is_ambiguous(order):
    report = amended(edited(), order=order)
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "accepted"


EDIT_REFUSALS = (
    *("ORDER_NOT_FOUND", "CALLER_ID_MISMATCH", "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"),
    *("CANNOT_EDIT_TO_BELOW_FILLED_SIZE", "INVALID_EDITED_SIZE", "INVALID_EDITED_PRICE"),
    *("CANNOT_EDIT_ORDER_PENDING_CANCEL", "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED"),
    *("EXCEEDED_MAX_ALLOWED_EDIT_REQUEST_COUNT", "CANNOT_EDIT_TRIGGERED_ORDER", "FIELD_ENDTIME_NOT_SUPPORTED"),
    "COMMANDER_REJECTED_EDIT_ORDER",
)


@pytest.mark.parametrize("reason", EDIT_REFUSALS)
def test_edit_refused_for_a_listed_reason_is_refused(reason):
    report = amended(edited(reason))
    assert isinstance(report, AmendRefused)
    assert report.code == reason


@pytest.mark.parametrize("place_of_error", ["list", "object", "error_response"])
def test_edit_refusal_is_read_wherever_it_stands(place_of_error):
    error = {"edit_failure_reason": "UNKNOWN_EDIT_ORDER_FAILURE_REASON", "preview_failure_reason": "PREVIEW_X"}
    body = {
        "list": {"errors": [error]},
        "object": {"errors": error},
        "error_response": {"errors": [], "error_response": error},
    }[place_of_error]
    report = amended(told({"success": False, **body}))
    assert isinstance(report, AmendRefused)
    assert report.code == "PREVIEW_X"


PERHAPS_DONE = (
    *("EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST", "ORDER_IS_ALREADY_BEING_REPLACED"),
    "ONLY_OPEN_ORDERS_CAN_BE_EDITED",
)


@pytest.mark.parametrize("reason", PERHAPS_DONE)
@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (shown(order_configuration=NEW_TERMS), AmendConfirmed),
        (shown(status="FILLED"), AmendRefused),
        (shown(), AmendAmbiguous),
        (shown(status="EDIT_QUEUED"), AmendAmbiguous),
        (answer("", status=500), AmendAmbiguous),
    ],
)
def test_edit_refused_as_a_second_delivery_would_be_is_read_back(reason, order, kind):
    assert isinstance(amended(edited(reason), order=order), kind)


@pytest.mark.parametrize(
    "behaviour",
    [
        edited("UNKNOWN_EDIT_ORDER_FAILURE_REASON"),
        edited("A_NEW_REASON"),
        told({"success": False, "errors": []}),
        told({"success": True, "errors": [{"edit_failure_reason": "ORDER_NOT_FOUND"}]}),
        told({"success": True, "success_response": {"order_id": "another"}}),
        told({"success": False, "errors": ["broken"]}),
        told({}),
        answer("ok"),
        answer("", status=503),
        loopback.break_off,
    ],
)
def test_edit_answered_in_no_listed_way_is_ambiguous(behaviour):
    report = amended(behaviour, order=shown(order_configuration=NEW_TERMS))
    assert isinstance(report, AmendAmbiguous)
    assert report.reason != "accepted"


REFUSAL = {
    "success": False,
    "errors": [{"edit_failure_reason": "ORDER_NOT_FOUND", "preview_failure_reason": "PREVIEW_X"}],
}


@settings(max_examples=60)
@given(
    damaged({"success": True, "errors": []})
    | damaged(REFUSAL)
    | damaged(REFUSAL["errors"][0]).map(lambda error: {**REFUSAL, "errors": [error]})
    | JSON
)
def test_damaged_edit_answer_is_accepted_or_refused_only_when_it_says_so(body):
    report = edit_accepted(amend(), answered(body), key_works=True)
    if isinstance(report, Accepted):
        assert body["success"] is True
    elif isinstance(report, AmendRefused):
        assert body["success"] is False
        assert report.code in ("ORDER_NOT_FOUND", "PREVIEW_X")
    else:
        assert isinstance(report, AmendAmbiguous)


def test_edit_limited_by_rate_was_not_processed():
    assert isinstance(amended(told({}, status=429, headers={"Retry-After": "3"})), AmendNotProcessed)
