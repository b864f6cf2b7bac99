import json
import threading
from email.utils import formatdate
from queue import Queue
from random import Random

import pytest
from loopback import WAIT_S, Loopback, answer, break_off, unused_port
from projectx_samples import (
    ACCOUNT,
    API_KEY,
    LIMIT,
    TOKEN,
    USER_NAME,
    Venue,
    cancel,
    client,
    look_up,
    place,
    refused,
    told,
)
from stream_server import wait_for

from exchanges.http import SystemClock
from exchanges.neighbours import Neighbours
from exchanges.projectx.client import ProjectXClient
from exchanges.projectx.rest import Logins
from exchanges.projectx.sign import Login
from exchanges.registry import Credential, VenueSettings, open_gateway
from messages.commands import FetchBalances, FetchServerTime
from messages.reports import (
    CancelConfirmed,
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


def together(*calls):
    """Run calls side by side; what each gave, in order."""
    given = [None] * len(calls)

    def run(place, call):
        given[place] = call()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    return given


class Slow:
    """Meets a request when it is let go, with what it is told to say."""

    def __init__(self, then):
        self.then = then
        self.come = threading.Event()
        self.go = threading.Event()

    def __call__(self, server, connection, request):
        self.come.set()
        self.go.wait(WAIT_S)
        return self.then(server, connection, request)


@pytest.mark.parametrize(("meet", "expected"), [(told(token="late"), "late"), (refused(8), "login: refused: 8")])
def test_calls_that_wait_for_a_login_share_what_comes_of_it(meet, expected):
    slow = Slow(meet)
    with Venue(loginKey=[slow]) as venue:
        session = client(venue).session

        def let_go():
            wait_for(slow.come.is_set)
            (flight,) = session._keeper._flights.values()
            wait_for(lambda: len(flight.landed._cond._waiters) == 5)
            slow.go.set()

        *tokens, _ = together(*[session.token] * 6, let_go)
    assert {token if isinstance(token, str) else token.reason for token in tokens} == {expected}
    assert len(venue.called("loginKey")) == 1


def test_cancel_waits_for_no_other_calls_login():
    slow = Slow(refused(8))
    scripts = {"loginKey": [told(token="old"), slow, told(token="own")], "cancel": [told()]}
    with Venue(**scripts, searchById=[told(order=LIMIT | {"status": 3})]) as venue:
        used = client(venue)
        used.execute(look_up())
        used.session.forget_token("old")
        reading = threading.Thread(target=used.execute, args=(look_up(),), daemon=True)
        reading.start()
        assert slow.come.wait(WAIT_S)
        report = used.execute(cancel())
        assert not slow.go.is_set()
        slow.go.set()
        reading.join(WAIT_S)
    assert isinstance(report, CancelConfirmed)
    assert [item.headers["authorization"] for item in venue.called("cancel")] == ["Bearer own"]


# ----- sessions of one user


def neighbours_of(venue, **terms):
    logins = Logins()
    return [client(venue, account=number, logins=logins, **terms) for number in (ACCOUNT, ACCOUNT + 1)]


def test_accounts_of_one_user_share_his_token_and_its_end():
    scripts = {"loginKey": [told(token="a"), told(token="b")], "searchOpen": [told(positions=[])]}
    with Venue(**scripts) as venue:
        first, second = neighbours_of(venue)
        assert [each.session.token() for each in (first, second)] == ["a", "a"]
        second.session.forget_token("a")
        assert [each.session.token() for each in (first, second)] == ["b", "b"]
    assert len(venue.called("loginKey")) == 2


def test_accounts_of_one_user_share_his_budget():
    with Venue(searchOpen=[told(positions=[])]) as venue:
        used = neighbours_of(venue)
        for _ in range(120):
            for each in used:
                each.execute(FetchBalances(account_id="1", exchange="projectx"))
    assert 100 < len(venue.requests) <= 180


def test_gateways_of_one_user_share_what_the_settings_give_them():
    heard = Queue()
    with Venue(searchOpen=[told(positions=[])]) as venue:
        settings = VenueSettings(rest_url=venue.url, logins=Logins())
        for number in (ACCOUNT, ACCOUNT + 1):
            gateway = open_gateway(
                "projectx",
                account_id=str(number),
                credential=Credential(api_key=API_KEY, user_name=USER_NAME, account_number=number),
                settings=settings,
                clock=SystemClock(),
                random=Random(1),
            )
            gateway.submit(FetchBalances(account_id="1", exchange="projectx"), heard.put)
            heard.get(timeout=WAIT_S)
            gateway.close()
    assert len(venue.called("loginKey")) == 1


def test_users_share_neither_token_nor_budget_nor_silence():
    with Venue(loginKey=[told(token="a"), told(token="b")], place=[limited({}), told(orderId=1)]) as venue:
        logins, neighbours = Logins(), Neighbours()
        first, second = (
            ProjectXClient(
                login=Login(user_name=name, api_key=API_KEY),
                account=ACCOUNT,
                clock=SystemClock(),
                rest_url=venue.url,
                logins=logins,
                neighbours=neighbours,
            )
            for name in ("one", "two")
        )
        assert [each.session.token() for each in (first, second)] == ["a", "b"]
        assert isinstance(first.execute(place()), PlaceAmbiguous)
        assert isinstance(second.execute(place()), PlaceAccepted)
        assert isinstance(first.execute(place()), PlaceNotProcessed)


def limited(headers):
    return answer("", status=429, headers=headers)


def test_limit_met_by_one_account_is_kept_by_all_of_the_user():
    with Venue(place=[limited({}), told(orderId=1)]) as venue:
        first, second = neighbours_of(venue)
        # The names are not what it waits for.
        assert second.session.symbols() is not None
        assert isinstance(first.execute(place()), PlaceAmbiguous)
        report = second.execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "rate_limited"


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


def may(*answers):
    return [accounts((ACCOUNT, can)) for can in answers]


def test_account_that_may_not_trade_has_nothing_placed_and_is_asked_about_and_cancelled_all_the_same():
    clock = Clock()
    scripts = {"accounts": may(False, True), "cancel": [told()], "searchById": [told(order=LIMIT | {"status": 3})]}
    with Venue(**scripts, **PLACED) as venue:
        used = timed_client(venue, clock)
        placed = used.execute(place())
        again = used.execute(place())
        others = [used.execute(look_up()), used.execute(cancel())]
        asked = len(venue.called("accounts"))
        clock.ahead_ms = 61_000
        later = used.execute(place(valid_until_venue_ms=clock.now_ms() + 120_000))
    for report in (placed, again):
        assert isinstance(report, PlaceNotProcessed)
        assert report.reason == "account_may_not_trade"
        assert 50_000 < report.retry_after_ms <= 60_000
    assert [type(each) for each in others] == [OrderFound, CancelConfirmed]
    assert asked == 1
    assert isinstance(later, PlaceAccepted)


def test_account_is_asked_about_once_and_before_the_first_placement():
    with Venue(accounts=may(True), **PLACED) as venue:
        used = client(venue)
        reports = [used.execute(place()) for _ in range(3)]
    assert all(isinstance(report, PlaceAccepted) for report in reports)
    assert venue.bodies("accounts") == [{"onlyActiveAccounts": False}]
    order = [item.path.rsplit("/", 1)[1] for item in venue.requests if "Account" in item.path or "place" in item.path]
    assert order == ["search", "place", "place", "place"]


@pytest.mark.parametrize(
    ("meet", "reason"),
    [
        (accounts((ACCOUNT + 1, True)), "account_may_not_trade"),
        (told(accounts=None), "unreadable: not an array"),
        (told(accounts=[{"id": ACCOUNT}]), "unreadable: canTrade is not true or false"),
        (answer("", status=500), "server_error"),
    ],
)
def test_account_that_is_not_known_to_trade_has_nothing_placed(meet, reason):
    with Venue(accounts=[meet], **PLACED) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == reason
    assert venue.called("place") == []


def test_account_whose_permission_is_taken_away_and_given_back_by_an_event_follows_it():
    with Venue(accounts=may(True), **PLACED) as venue:
        used = client(venue)
        reports = []
        for told_of in (True, False, True, None):
            used.session.account_told(may_trade=told_of)
            reports.append(type(used.execute(place())))
    assert reports == [PlaceAccepted, PlaceNotProcessed, PlaceAccepted, PlaceAccepted]
    # What an event does not say is asked.
    assert len(venue.called("accounts")) == 1


@pytest.mark.parametrize("age", ["1", "45", "soon"])
def test_clock_of_an_answer_that_somebody_has_kept_is_none(age):
    with Venue(ping=[answer("", headers={"Date": formatdate(usegmt=True), "Age": age})], **PLACED) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceNotProcessed)


def test_clock_of_an_answer_without_an_age_is_the_venues():
    with Venue(ping=[answer("", headers={"Date": formatdate(usegmt=True), "Age": "0"})], **PLACED) as venue:
        assert isinstance(client(venue).execute(place()), PlaceAccepted)


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
        ({"Retry-After": "86400"}, 119_000, 120_250),
        ({"Retry-After": "9" * 5000}, 119_000, 120_250),
        (
            {"Retry-After": "Fri, 17 Jul 2026 21:00:31 GMT", "Date": "Fri, 18 Jul 2025 21:00:01 GMT"},
            119_000,
            120_250,
        ),
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
