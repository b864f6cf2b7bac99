import json
from email.utils import formatdate

import pytest
from loopback import Loopback, answer, break_off, unused_port
from projectx_samples import (
    ACCOUNT,
    API_KEY,
    LIMIT,
    TOKEN,
    USER_NAME,
    Venue,
    client,
    look_up,
    place,
    refused,
    told,
)

from exchanges.http import SystemClock
from exchanges.projectx.client import ProjectXClient
from exchanges.projectx.sign import Login
from messages.commands import FetchBalances, FetchServerTime
from messages.reports import (
    BalancesFetched,
    FetchFailed,
    LookUpFailed,
    OrderFound,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    ServerTimeFetched,
)

PLACED = {"place": [told(orderId=9056)]}


# ----- tokens


def test_calls_share_one_login():
    with Venue(**PLACED, searchOpen=[told(positions=[])]) as venue:
        used = client(venue)
        used.execute(place())
        used.execute(FetchBalances(account_id="1", exchange="projectx"))
    assert [json.loads(item.body) for item in venue.called("loginKey")] == [
        {"userName": USER_NAME, "apiKey": API_KEY}
    ]


def test_question_whose_token_has_died_is_asked_again_with_a_new_one():
    scripts = {
        "loginKey": [told(token="old"), told(token="new")],
        "searchById": [answer("", status=401), told(order=LIMIT)],
    }
    with Venue(**scripts) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert [item.headers["authorization"] for item in venue.called("searchById")] == ["Bearer old", "Bearer new"]


def test_question_refused_with_a_new_token_too_is_not_asked_a_third_time():
    with Venue(searchById=[answer("", status=401)]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, LookUpFailed)
    assert report.reason == "auth"
    assert len(venue.called("searchById")) == 2


def test_place_after_one_whose_token_had_died_logs_in_again():
    logins = [told(token="old"), told(token="new")]
    with Venue(place=[answer("", status=401), told(orderId=1)], loginKey=logins) as venue:
        used = client(venue)
        assert isinstance(used.execute(place()), PlaceAmbiguous)
        assert isinstance(used.execute(place()), PlaceAccepted)
    assert [item.headers["authorization"] for item in venue.called("place")] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("code", [1, 2, 3, 7, 9, 10])
def test_refused_login_holds_everything_back_for_a_while(code):
    with Venue(loginKey=[refused(code, "no")], **PLACED) as venue:
        used = client(venue)
        used.session.token()
        report = used.execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.retry_after_ms > 50_000
    assert len(venue.called("loginKey")) == 1


@pytest.mark.parametrize("meet", [refused(8, None), answer("", status=500), told(), told(token=""), break_off])
def test_failed_login_is_tried_again_by_the_next_call(meet):
    with Venue(loginKey=[meet, told(token=TOKEN)], searchOpen=[told(positions=[])]) as venue:
        used = client(venue)
        assert used.session.token() != TOKEN
        assert used.session.token() == TOKEN


class Clock(SystemClock):
    """A monotonic clock that a test can move."""

    ahead_ms = 0

    def monotonic_ms(self):
        return super().monotonic_ms() + self.ahead_ms


def timed_client(venue, clock):
    return ProjectXClient(
        login=Login(user_name=USER_NAME, api_key=API_KEY), account=ACCOUNT, clock=clock, rest_url=venue.url
    )


def test_old_token_is_exchanged_for_a_new_one():
    clock = Clock()
    with Venue(validate=[told(newToken="newer")]) as venue:
        used = timed_client(venue, clock)
        assert used.session.token() == TOKEN
        clock.ahead_ms = 20 * 3_600_000 - 1000
        assert used.session.token() == TOKEN
        clock.ahead_ms = 20 * 3_600_000 + 1000
        assert used.session.token() == "newer"
    (request,) = venue.called("validate")
    assert (request.body, request.headers["authorization"]) == ("", f"Bearer {TOKEN}")
    assert len(venue.called("loginKey")) == 1


@pytest.mark.parametrize("meet", [told(newToken=""), told(newToken=None), refused(3, None), break_off, answer("")])
def test_old_token_that_is_not_exchanged_is_replaced_by_a_login(meet):
    clock = Clock()
    with Venue(validate=[meet], loginKey=[told(token="old"), told(token="new")]) as venue:
        used = timed_client(venue, clock)
        assert used.session.token() == "old"
        clock.ahead_ms = 21 * 3_600_000
        assert used.session.token() == "new"


def test_token_is_forgotten_only_by_its_own_name():
    with Venue(loginKey=[told(token="a"), told(token="b")]) as venue:
        used = client(venue)
        assert used.session.token() == "a"
        used.session.forget_token("older")
        assert used.session.token() == "a"
        used.session.forget_token("a")
        assert used.session.token() == "b"


def test_secrets_are_shown_nowhere():
    with Venue(loginKey=[refused(3, f"bad key {API_KEY}")]) as venue:
        used = client(venue)
        shown = f"{used!r} {used.session!r} {used.session.token()!r} {used.execute(place())!r}"
    assert API_KEY not in shown
    assert USER_NAME not in shown


# ----- account, clock, limits


def accounts(*found):
    return told(accounts=[{"id": number, "name": "X", "canTrade": can} for number, can in found])


def test_account_that_is_not_named_is_the_only_one_that_may_trade():
    with Venue(accounts=[accounts((11, False), (12, True))], **PLACED) as venue:
        used = client(venue, account=None)
        used.execute(place())
        used.execute(place())
    assert [body["accountId"] for body in venue.bodies("place")] == [12, 12]
    assert venue.bodies("accounts") == [{"onlyActiveAccounts": True}]


@pytest.mark.parametrize("found", [[], [(11, False)], [(11, True), (12, True)]])
def test_account_that_is_not_named_among_several_or_none_holds_everything_back(found):
    with Venue(accounts=[accounts(*found)], **PLACED) as venue:
        used = client(venue, account=None)
        placed, asked = used.execute(place()), used.execute(look_up())
    assert isinstance(placed, PlaceNotProcessed)
    assert isinstance(asked, LookUpFailed)
    assert venue.called("place") == []


def test_clock_is_the_date_of_an_answer_and_aimed_low():
    date = "Fri, 18 Jul 2025 21:00:01 GMT"
    with Venue(ping=[answer("nothing here", status=404, headers={"Date": date})]) as venue:
        used = client(venue)
        report = used.execute(FetchServerTime(account_id="1", exchange="projectx"))
    assert isinstance(report, ServerTimeFetched)
    assert report.received_ms + report.offset_ms == 1752872401000


@pytest.mark.parametrize(
    "meet",
    [
        answer(""),
        answer("", headers={"Date": "soon"}),
        answer("", status=503, headers={"Date": formatdate(usegmt=True)}),
    ],
)
def test_clock_that_is_not_told_holds_placements_back(meet):
    with Venue(ping=[meet], **PLACED) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert venue.called("place") == []


@pytest.mark.parametrize(
    ("headers", "at_least", "at_most"),
    [
        ({"Retry-After": "7"}, 6000, 7250),
        ({"Retry-After": "Fri, 18 Jul 2025 21:00:31 GMT", "Date": "Fri, 18 Jul 2025 21:00:01 GMT"}, 29_000, 30_250),
        ({}, 9000, 10_250),
    ],
)
def test_limit_of_the_venue_is_kept_as_long_as_it_says(headers, at_least, at_most):
    with Venue(place=[answer("", status=429, headers=headers)]) as venue:
        used = client(venue)
        assert isinstance(used.execute(place()), PlaceAmbiguous)
        report = used.execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "rate_limited"
    assert at_least <= report.retry_after_ms <= at_most
    assert len(venue.called("place")) == 1


def test_calls_beyond_the_limit_are_not_sent():
    with Venue(searchById=[told(order=LIMIT)]) as venue:
        used = client(venue)
        reports = [used.execute(look_up()) for _ in range(200)]
        placed = used.execute(place())
    assert sum(isinstance(report, OrderFound) for report in reports) == len(venue.called("searchById"))
    assert 100 < len(venue.requests) <= 180
    # What is kept back from questions is there for placements.
    assert not isinstance(placed, PlaceNotProcessed)


def test_venue_that_cannot_be_reached_has_nothing_placed():
    with Loopback() as closed:
        closed.port = unused_port()
        report = client(closed).execute(place())
    assert isinstance(report, PlaceNotProcessed)


def test_place_of_an_unlisted_contract_is_refused_and_not_sent():
    with Venue(**PLACED) as venue:
        report = client(venue).execute(place(symbol="CON.F.US.XX.U25"))
    assert isinstance(report, PlaceRejected)
    assert report.code == "unknown_symbol"
    assert venue.bodies("available") == [{"live": False}]
