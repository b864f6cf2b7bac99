import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.binance.outcomes import classify_cancel, classify_place
from exchanges.outcomes import OutcomeClass

DEFINITE = [-1013, -1014, -1020, -1022, -1002, -1145, -1220, -2014, -2015, *range(-1135, -1099)]
REFUSALS = [
    "Account has insufficient balance for requested action.",
    "Market is closed.",
    "Order would trigger immediately.",
    "Order would immediately match and take.",
    "This symbol is not permitted for this account.",
]
PROVEN = {*DEFINITE, -2010, -1003, -1015, -1008, -1016, -1021, -1034}


@pytest.mark.parametrize("code", DEFINITE)
def test_place_refused_by_a_listed_code_is_definite(code):
    assert classify_place(400, code, "words").kind is OutcomeClass.DEFINITE


@pytest.mark.parametrize("words", REFUSALS)
def test_place_refused_by_the_engine_is_definite(words):
    assert classify_place(400, -2010, words).kind is OutcomeClass.DEFINITE


@pytest.mark.parametrize("words", ["Duplicate order sent.", "duplicate order", "DUPLICATE clientOrderId"])
def test_place_refused_as_duplicate_proves_that_an_order_exists(words):
    assert classify_place(400, -2010, words).kind is OutcomeClass.EXISTS


def test_place_refused_by_the_engine_without_words_is_ambiguous():
    assert classify_place(400, -2010, "").kind is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (429, -1003, "rate_limited"),
        (418, -1003, "banned"),
        (429, -1015, "rate_limited"),
        (503, -1008, "overloaded"),
        (429, -1008, "overloaded"),
        (400, -1021, "clock"),
        (400, -1034, "overloaded"),
        (503, -1016, "shutting_down"),
        (403, None, "forbidden"),
    ],
)
def test_place_that_was_not_processed_is_told_apart(status, code, reason):
    outcome = classify_place(status, code, "words")
    assert (outcome.kind, outcome.reason) == (OutcomeClass.NOT_PROCESSED, reason)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, None),
        (502, None),
        (503, None),
        (504, None),
        (503, -1007),
        (400, -1006),
        (400, -1007),
        (400, -1000),
        (400, -1001),
        (500, -1013),
        (500, -2010),
        (409, -2021),
        (429, -2021),
        (429, None),
        (418, None),
        (400, None),
        (400, -9999),
        (410, None),
        (307, None),
        (400, -2011),
        (400, -2013),
        (400, -1099),
        (400, -1136),
    ],
)
def test_place_answered_without_proof_is_ambiguous(status, code):
    assert classify_place(status, code, "words").kind is OutcomeClass.AMBIGUOUS


@given(st.sampled_from([300, 307, 400, 401, 404, 409, 418, 429]), st.integers(-9999, 9999), st.text(max_size=10))
def test_place_with_an_unlisted_code_is_ambiguous(status, code, words):
    if code not in PROVEN:
        assert classify_place(status, code, words).kind is OutcomeClass.AMBIGUOUS


@given(st.integers(500, 599), st.integers(-9999, 9999), st.text(max_size=10))
def test_place_met_by_a_server_error_is_never_definite(status, code, words):
    kind = classify_place(status, code, words).kind
    assert kind in (OutcomeClass.AMBIGUOUS, OutcomeClass.NOT_PROCESSED)


def test_cancel_of_a_gone_order_is_refused_and_a_server_error_is_not():
    assert classify_cancel(400, -2011).kind is OutcomeClass.DEFINITE
    assert classify_cancel(500, -2011).kind is OutcomeClass.AMBIGUOUS
    assert classify_cancel(400, -2010).kind is OutcomeClass.AMBIGUOUS
