from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.kraken.outcomes import classify_change, classify_place, classify_read
from exchanges.outcomes import OutcomeClass

AMBIGUOUS = [
    "EGeneral:Internal error",
    "EGeneral:Internal error:5",
    "EDatabase:Internal error",
    "EService:Unavailable",
    "EService:Busy",
    "EService:Timeout",
    # A request that was delivered twice is answered so.
    "EAPI:Invalid nonce",
    # Listed nowhere.
    "EOrder:Unknown order",
    "EOrder:Invalid order",
    "EOrder:Invalid pricelist",
    "EService:Market in new mode",
    "EOrder:Something new",
    "ENew:Insufficient funds",
    "nonsense",
]
NOT_PROCESSED = [
    "EService:Deadline elapsed",
    "EAPI:Rate limit exceeded",
    "EService: Throttled: 1795255300",
    "EService:Throttled: 1795255300",
    "EOrder:Rate limit exceeded",
    "EOrder:Domain rate limit exceeded",
    "EGeneral:Too many requests",
    "EAuth:Rate limit exceeded",
    "EAuth:Too many requests",
    "EGeneral:Temporary lockout",
    "EService:Market in cancel_only mode",
    "EService:Market in post_only mode",
    "EService:Market in limit_only mode",
]
DEFINITE = [
    "EOrder:Insufficient funds",
    "EOrder:Insufficient funds (insufficient user funds)",
    "EOrder:Order minimum not met",
    "EOrder:Cost minimum not met",
    "EOrder:Tick size check failed",
    "EOrder:Invalid price",
    "EOrder:Invalid price:limit",
    "EOrder:Orders limit exceeded",
    "EOrder:Post only order",
    "EOrder:Cannot open position",
    "EOrder:Cannot open opposing position",
    "EOrder:Margin allowance exceeded",
    "EOrder:Positions limit exceeded",
    "EOrder:Reduce only:no position",
    "EOrder:Scheduled orders limit exceeded",
    "EOrder:Trading agreement required",
    "EGeneral:Invalid arguments",
    "EGeneral:Invalid arguments:volume minimum not met",
    "EGeneral:Permission denied",
    "EAPI:Invalid key",
    "EAPI:Invalid signature",
    "EQuery:Unknown asset pair",
    "EQuery:Invalid asset pair",
    "EBM:limit exceeded:CAL",
    "EAccount:Invalid permissions",
    "EAuth:Account temporary disabled",
    "ETrade:User Locked",
]
BY_STATE = [
    "EOrder:Insufficient funds",
    "EOrder:Insufficient funds (insufficient user funds)",
    "EOrder:Orders limit exceeded",
    "EOrder:Post only order",
    "EOrder:Cannot open position",
    "EOrder:Cannot open opposing position",
    "EOrder:Margin allowance exceeded",
    "EOrder:Positions limit exceeded",
    "EOrder:Reduce only:no position",
    "EOrder:Scheduled orders limit exceeded",
    "EBM:limit exceeded:CAL",
    "EGeneral:Invalid arguments",
]
"""Refusals that an order of an earlier attempt can be the cause of."""
EXISTS = "EGeneral:Invalid arguments:cl_ord_id not unique"


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        *(((each,), OutcomeClass.AMBIGUOUS) for each in AMBIGUOUS),
        # It may be the second delivery of the request that the venue did not act on.
        *(((each,), OutcomeClass.AMBIGUOUS) for each in NOT_PROCESSED),
        *(((each,), OutcomeClass.DEFINITE) for each in DEFINITE),
        ((EXISTS,), OutcomeClass.EXISTS),
        # Of several, the least certain; but that an order exists stays proven.
        (("EOrder:Insufficient funds", "EService:Unavailable"), OutcomeClass.AMBIGUOUS),
        (("EOrder:Insufficient funds", "EAPI:Rate limit exceeded"), OutcomeClass.AMBIGUOUS),
        (("EService:Busy", EXISTS), OutcomeClass.EXISTS),
        (("EOrder:Insufficient funds", EXISTS), OutcomeClass.EXISTS),
        (None, OutcomeClass.AMBIGUOUS),
        ((), OutcomeClass.AMBIGUOUS),
    ],
)
def test_place_error_is_sorted_as_documented(errors, kind):
    assert classify_place(200, errors, attempt=1).kind is kind


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize(
    "error",
    [
        "EGeneral:Invalid arguments: cl_ord_id not unique",
        "EGeneral:Invalid arguments:cl_ord_id is not unique",
        "EGeneral:Invalid arguments:cl_ord_id",
        "EGeneral:Invalid arguments:CL_ORD_ID already in use",
        "EGeneral:Invalid arguments (clOrdId)",
        "EGeneral:Invalid argument:client order id",
        "EGeneral:Invalid arguments:duplicate cl_ord_id",
        "EOrder:Duplicate order",
        "EOrder:Order already placed",
        "EOrder:Invalid price:order exists",
    ],
)
def test_client_id_in_use_is_understood_in_any_wording(error, attempt):
    assert classify_place(200, (error,), attempt=attempt).kind is OutcomeClass.EXISTS


@pytest.mark.parametrize("error", ["EOrder:Account does not exist", "EQuery:Nonexistent pair"])
def test_something_that_does_not_exist_is_no_proof_of_an_order(error):
    assert classify_place(200, (error,), attempt=1).kind is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize("error", DEFINITE)
def test_refusal_by_what_an_earlier_attempt_can_have_caused_is_doubted_from_the_second_on(error):
    assert classify_place(200, (error,), attempt=1).kind is OutcomeClass.DEFINITE
    again = OutcomeClass.AMBIGUOUS if error in BY_STATE else OutcomeClass.DEFINITE
    assert classify_place(200, (error,), attempt=2).kind is again


@pytest.mark.parametrize("status", [201, 400, 403, 404, 429, 500, 502, 520, 522, 524])
@pytest.mark.parametrize("classify", [partial(classify_place, attempt=1), classify_change, classify_read])
def test_any_other_http_status_is_ambiguous_whatever_its_body(status, classify):
    assert classify(status, ("EOrder:Insufficient funds",)).kind is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize("error", ["EOrder:Unknown order", "EOrder:Invalid order"])
def test_cancel_of_an_order_that_is_gone_is_refused(error):
    assert classify_change(200, (error,)).kind is OutcomeClass.DEFINITE


@pytest.mark.parametrize("error", NOT_PROCESSED)
def test_cancel_not_acted_on_may_be_sent_again(error):
    assert classify_change(200, (error,)).kind is OutcomeClass.NOT_PROCESSED


@pytest.mark.parametrize("error", ["EAPI:Invalid nonce", "EOrder:Cancel pending", "EService:Unavailable"])
def test_cancel_answered_without_proof_is_ambiguous(error):
    assert classify_change(200, (error,)).kind is OutcomeClass.AMBIGUOUS


def test_lockout_is_waited_out_for_a_quarter_of_an_hour():
    outcome = classify_change(200, ("EGeneral:Temporary lockout",))
    assert (outcome.reason, outcome.retry_after_ms) == ("banned", 900_000)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=3), st.integers(100, 599))
def test_unlisted_errors_never_prove_anything(errors, status):
    listed = (*NOT_PROCESSED, *DEFINITE, EXISTS)
    if any(error.startswith(each[:6]) for error in errors for each in listed):
        return
    assert classify_place(status, tuple(errors), attempt=1).kind is OutcomeClass.AMBIGUOUS
