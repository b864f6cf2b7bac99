import pytest

from exchanges.mexc.outcomes import classify_cancel, classify_place, classify_read
from exchanges.outcomes import OutcomeClass

MALFORMED = [33333, 44444, 700004, 700005, 700008, 730002, -1128, 10095, 10096, 10097, 10098, 30002]
NOT_HERE = [10007, -1121, 30014, 30021, 30000, 30001, 30016, 30018, 30019, 30051, 30020, 26, 60005, 70011]
IN_THE_WAY = [30003, 30029, 30032, 30004, 10101, 30005, 30010, 30025, 30027, 30028, 30041, 30087]
CREDENTIALS = [400, 401, 403, 602, 700002, 700001, 10072, 700006, 700007, 700013, 730706]
UNKNOWN_ORDER = [-2011, -2013, 30026, 22222]
SERVER_ERRORS = [500, 503, 504, 20002, 730000]


@pytest.mark.parametrize("code", MALFORMED + NOT_HERE + CREDENTIALS)
def test_listed_refusal_of_any_request_is_definite(code):
    outcomes = [classify_place(400, code), classify_cancel(400, code), classify_read(400, code)]
    assert {outcome.kind for outcome in outcomes} == {OutcomeClass.DEFINITE}


@pytest.mark.parametrize("code", UNKNOWN_ORDER)
def test_unknown_order_in_an_answer_to_a_placement_proves_nothing(code):
    assert classify_place(400, code).kind is OutcomeClass.AMBIGUOUS
    assert classify_cancel(400, code).kind is OutcomeClass.DEFINITE
    assert classify_read(400, code).kind is OutcomeClass.DEFINITE


@pytest.mark.parametrize("code", SERVER_ERRORS)
def test_server_error_told_by_a_code_is_ambiguous(code):
    assert classify_place(200, code).reason == "server_error"
    assert classify_place(400, code).kind is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize("code", [None, 30004, 700003, 429])
def test_server_error_told_by_the_status_is_ambiguous_whatever_its_body_says(code):
    for status in (500, 502, 503, 504):
        assert classify_place(status, code).kind is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize("code", IN_THE_WAY)
def test_refusal_that_an_earlier_delivery_can_have_caused_proves_nothing_of_a_placement(code):
    outcome = classify_place(400, code)
    assert (outcome.kind, outcome.reason) == (OutcomeClass.AMBIGUOUS, "rejected_or_duplicate")
    assert {classify_cancel(400, code).kind, classify_read(400, code).kind} == {OutcomeClass.DEFINITE}


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (429, None, "rate_limited"),
        (429, 30004, "rate_limited"),
        (400, 429, "rate_limited"),
        (200, 510, "rate_limited"),
        (418, None, "banned"),
        (403, None, "forbidden"),
        (400, 700003, "clock"),
        (400, 10073, "clock"),
    ],
)
def test_refusal_before_processing_may_be_of_a_second_delivery_of_a_placement(status, code, reason):
    placed, cancelled = classify_place(status, code), classify_cancel(status, code)
    assert (placed.kind, placed.reason) == (OutcomeClass.AMBIGUOUS, reason)
    assert (cancelled.kind, cancelled.reason) == (OutcomeClass.NOT_PROCESSED, reason)


@pytest.mark.parametrize(("status", "code"), [(400, None), (200, None), (302, None), (400, 1), (403, 987654)])
def test_answer_that_nobody_lists_is_ambiguous(status, code):
    outcomes = (classify_place(status, code), classify_cancel(status, code), classify_read(status, code))
    assert {outcome.kind for outcome in outcomes} == {OutcomeClass.AMBIGUOUS}
