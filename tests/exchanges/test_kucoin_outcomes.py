import pytest

from exchanges.http import HttpAnswer
from exchanges.kucoin.answers import read_answer, read_error
from exchanges.kucoin.outcomes import classify_cancel, classify_place, classify_read
from exchanges.outcomes import OutcomeClass

DEFINITE, NOT_PROCESSED = OutcomeClass.DEFINITE, OutcomeClass.NOT_PROCESSED
EXISTS, AMBIGUOUS = OutcomeClass.EXISTS, OutcomeClass.AMBIGUOUS

LANDED_BEFORE = ["102426", "126044", "126033"]
TROUBLE = ["500000", "230005", "408000", "126038", "126039", "999999", "112010", "126041", "102425", "200002"]
RETRYABLE = ["429000", "1015", "400002"]
REJECTIONS = [
    *("102411", "102434", "102435", "300000", "400200", "400500", "400600", "200001", "200009", "600100", "600101"),
    *("600203", "900001", "411100", "400001", "400003", "400004", "400005", "400006", "400007", "401000", "404000"),
    "415000",
]
IN_THE_WAY = [
    *("102421", "200004", "230003", "102427", "200003", "102429", "400330", "400350", "400370", "400760", "400100"),
]
NOT_CANCELLABLE = ["102436", "102428", "200002", "400100"]
STATUSES = [200, 400, 401, 403]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, EXISTS) for code in LANDED_BEFORE),
        *((code, AMBIGUOUS) for code in TROUBLE),
        *((code, AMBIGUOUS) for code in RETRYABLE),
        *((code, DEFINITE) for code in REJECTIONS),
        *((code, AMBIGUOUS) for code in ("102436", "102428", *IN_THE_WAY)),
        (None, AMBIGUOUS),
    ],
)
def test_place_answered_by_each_code_is_of_its_class(code, kind, status):
    assert classify_place(status, code, "some words").kind is kind


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, DEFINITE) for code in NOT_CANCELLABLE),
        *((code, AMBIGUOUS) for code in TROUBLE if code != "200002"),
        *((code, NOT_PROCESSED) for code in RETRYABLE),
        *((code, AMBIGUOUS) for code in LANDED_BEFORE),
        ("400005", DEFINITE),
        (None, AMBIGUOUS),
    ],
)
def test_cancel_answered_by_each_code_is_of_its_class(code, kind, status):
    assert classify_cancel(status, code).kind is kind


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("validation.createOrder.clientOidDuplicated", EXISTS),
        ("Validation.CreateOrder.ClientOidDuplicated", EXISTS),
        ("clientOid duplicate", EXISTS),
        ("Duplicate clientOid", EXISTS),
        ("The clientOid has already been used", EXISTS),
        ("validation.createOrder.clientOidRepeated", EXISTS),
        ("Client Order ID exists", EXISTS),
        ("This id was used already, duplicate", EXISTS),
        ("The request was refused because size is invalid", AMBIGUOUS),
        ("", AMBIGUOUS),
    ],
)
def test_place_answered_by_the_code_for_invalid_is_told_by_its_text(words, kind):
    assert classify_place(400, "400100", words).kind is kind


@pytest.mark.parametrize("code", IN_THE_WAY)
def test_place_refused_by_what_its_first_delivery_can_have_caused_says_so(code):
    assert classify_place(200, code, "Balance insufficient!").reason == "rejected_or_duplicate"


@pytest.mark.parametrize("code", [*REJECTIONS, *IN_THE_WAY, *RETRYABLE, *TROUBLE, None])
def test_server_error_of_whatever_code_is_ambiguous(code):
    assert classify_place(500, code, "x").kind is AMBIGUOUS
    assert classify_cancel(503, code).kind is AMBIGUOUS


@pytest.mark.parametrize("code", LANDED_BEFORE)
def test_duplicate_is_known_to_exist_whatever_the_status(code):
    assert classify_place(500, code, "").kind is EXISTS
    assert classify_place(429, code, "").kind is EXISTS


@pytest.mark.parametrize("code", [None, "200002", "999999"])
def test_too_many_requests_were_not_processed_but_of_a_placement_it_may_be_the_second_delivery(code):
    assert classify_place(429, code, "too frequent").kind is AMBIGUOUS
    assert classify_cancel(429, code).kind is NOT_PROCESSED


def test_question_about_an_order_that_is_not_there_is_answered():
    assert classify_read(200, "102436").kind is DEFINITE
    assert classify_read(503, "102436").kind is AMBIGUOUS


def answered(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(status=status, headers=headers or {}, body=body, sent_ms=1, received_ms=2, elapsed_ms=1)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b'{"code":"102421","msg":"Balance insufficient!"}', "102421", "Balance insufficient!"),
        (b'{"code":102421,"msg":null}', None, ""),
        (b'{"code":""}', None, ""),
        (b"<html>", None, ""),
        (b"[]", None, ""),
    ],
)
def test_error_body_tells_code_and_words_as_far_as_it_has_them(body, code, words):
    error = read_error(body)
    assert (error.code, error.words) == (code, words)


@pytest.mark.parametrize(
    ("answer", "reason", "wait_ms", "worth_repeating"),
    [
        (answered(b'{"code":"102436","msg":"x"}'), "refused: 102436", 0, False),
        (answered(b'{"code":"500000"}'), "server_error", 0, True),
        (answered(b"maintenance", 503), "server_error", 0, True),
        (answered(b"<html>"), "unreadable", 0, True),
        (answered(b'{"code":"200000"}', 404), "status_unknown", 0, True),
        (answered(b'{"code":"200"}'), "status_unknown", 0, True),
        (answered(b'{"code":"400002"}', 400), "clock", 0, True),
        (answered(b'{"code":"429000"}', 429), "rate_limited", 1000, False),
        (answered(b'{"code":"429000"}', 429, {"gw-ratelimit-reset": "1234"}), "rate_limited", 1234, False),
        (
            answered(b'{"code":"429000"}', 429, {"gw-ratelimit-reset": "1234", "gw-ratelimit-remaining": "7"}),
            *("rate_limited", 1000, False),
        ),
        (answered(b"error code: 1015", 429), "banned", 30_000, False),
        (answered(b'{"code":"1015"}', 403), "banned", 30_000, False),
    ],
)
def test_question_answered_by_an_error_is_untold(answer, reason, wait_ms, worth_repeating):
    untold = read_answer(answer)
    assert (untold.reason, untold.retry_after_ms, untold.worth_repeating) == (reason, wait_ms, worth_repeating)


def test_question_refused_carries_the_code_and_a_server_error_never_does():
    assert read_answer(answered(b'{"code":"102436"}')).code == "102436"
    assert read_answer(answered(b'{"code":"102436"}', 500)).code is None


def test_question_answered_by_success_tells_the_data():
    assert read_answer(answered(b'{"code":"200000","data":[1]}')).payload == [1]
    assert read_answer(answered(b'{"code":"200000"}')).payload is None
