import pytest

from exchanges.outcomes import OutcomeClass
from exchanges.projectx.outcomes import classify_change, classify_place
from exchanges.projectx.sign import Login, bearer, hub_address

IN_USE = "The order was rejected: custom tag already in use"
DEFINITE, AMBIGUOUS, EXISTS = OutcomeClass.DEFINITE, OutcomeClass.AMBIGUOUS, OutcomeClass.EXISTS


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, DEFINITE) for code in (1, 3, 4, 5, 8, 9, 10)),
        *((code, AMBIGUOUS) for code in (None, 0, -1, 6, 7, 11, 99)),
    ],
)
@pytest.mark.parametrize("attempt", [1, 2])
def test_place_code_proves_what_the_table_says(code, kind, attempt):
    assert classify_place(200, code, "any words", attempt=attempt).kind is kind


@pytest.mark.parametrize(
    "words",
    [
        *(IN_USE, IN_USE.upper(), "Duplicate tag", "customTag is in use", "Tags must be unique", "tag too long"),
        *("customTag exists", "custom_tag already in use", "The customTag has been taken", "CUSTOMTAG"),
        *("Custom tag conflicts with order 9056", "customTag is not available", "Duplicate order", "Order exists"),
        *("That id was used before", "clientOrderId", "This one is taken", "tag rejected: insufficient margin"),
    ],
)
@pytest.mark.parametrize("attempt", [1, 2])
def test_place_refused_for_its_tag_in_any_words_proves_that_an_order_exists(words, attempt):
    assert classify_place(200, 2, words, attempt=attempt).kind is EXISTS


@pytest.mark.parametrize(
    "words",
    [
        *("Ticks should be less than zero when longing.", "Insufficient buying power", "Brackets need another mode"),
        *("Market is closed", "OUTSIDE TRADING HOURS", "maxPrice", "Order size exceeds the limit of your account"),
        *("Risk: daily loss", "Customers are not allowed to do this"),
    ],
)
def test_place_rejected_in_known_words_is_a_proof_on_the_first_sending_only(words):
    assert classify_place(200, 2, words, attempt=1).kind is DEFINITE
    assert classify_place(200, 2, words, attempt=2).kind is AMBIGUOUS


@pytest.mark.parametrize(
    "words", ["", "...", "Order rejected", "Stage set", "Advantage", "margin already used up", "Доступ закрыт"]
)
@pytest.mark.parametrize("attempt", [1, 2])
def test_place_rejected_in_no_known_words_or_contradicting_ones_may_be_a_duplicate(words, attempt):
    assert classify_place(200, 2, words, attempt=attempt).kind is AMBIGUOUS


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, DEFINITE) for code in (1, 2, 3, 6, 7)),
        *((code, AMBIGUOUS) for code in (None, 0, 4, 5, 8, 99)),
    ],
)
def test_change_code_proves_what_the_table_says(code, kind):
    assert classify_change(200, code).kind is kind


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, DEFINITE, "rejected"),
        (401, AMBIGUOUS, "auth"),
        (403, AMBIGUOUS, "unreadable"),
        (404, AMBIGUOUS, "unreadable"),
        (429, AMBIGUOUS, "rate_limited"),
        (500, AMBIGUOUS, "server_error"),
        (502, AMBIGUOUS, "server_error"),
        (503, AMBIGUOUS, "server_error"),
        (204, AMBIGUOUS, "unreadable"),
    ],
)
def test_http_status_proves_what_the_table_says(status, kind, reason):
    # A code that came with it counts for nothing.
    for outcome in (classify_place(status, 3, "words", attempt=1), classify_change(status, 3)):
        assert (outcome.kind, outcome.reason) == (kind, reason)


# ----- who is asking


def test_login_is_written_as_documented():
    assert Login(user_name='a"b', api_key="k").body() == b'{"userName":"a\\"b","apiKey":"k"}'


@pytest.mark.parametrize("terms", [{"user_name": "", "api_key": "k"}, {"user_name": "u", "api_key": ""}])
def test_login_that_lacks_a_part_is_refused(terms):
    with pytest.raises(ValueError, match="user name and an API key"):
        Login(**terms)


def test_login_when_shown_hides_both_parts():
    shown = repr(Login(user_name="the-user", api_key="the-key"))
    assert "the-user" not in shown
    assert "the-key" not in shown


def test_token_travels_in_a_header_and_encoded_in_the_hubs_address():
    assert bearer("a.b-c") == {"Authorization": "Bearer a.b-c"}
    assert hub_address("wss://host/hubs/user", "a+b/c=") == "wss://host/hubs/user?access_token=a%2Bb%2Fc%3D"
    assert hub_address("ws://host/?x=1", "t") == "ws://host/?x=1&access_token=t"
