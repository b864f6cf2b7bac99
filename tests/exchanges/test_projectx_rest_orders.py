from decimal import Decimal
from email.utils import formatdate

import pytest
from loopback import answer, break_mid_body, break_off, drip, hang, talk_nonsense
from projectx_samples import (
    CLIENT_ID,
    LIMIT,
    TOKEN,
    Venue,
    amend,
    cancel,
    client,
    place,
    refused,
    told,
)

from exchanges.http import SystemClock
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce

PLACED = {"place": [told(orderId=9056)]}


# ----- placing


def test_place_accepted_carries_the_orders_number_and_evidence():
    with Venue(**PLACED) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.attempt, report.order_id, report.venue_order_id, report.order) == (1, "our-id", "9056", None)
    assert report.evidence.source is EvidenceSource.PLACE_ANSWER
    assert report.evidence.body_sha256


def sent(**changes):
    with Venue(**PLACED) as venue:
        report = client(venue).execute(place(**changes))
    assert isinstance(report, PlaceAccepted)
    (request,) = venue.called("place")
    return request


def test_place_of_a_limit_order_is_written_byte_by_byte():
    request = sent()
    assert (request.method, request.target) == ("POST", "/api/Order/place")
    assert request.body == (
        '{"accountId":704,"contractId":"CON.F.US.EP.U25","type":1,"side":0,"size":3,"limitPrice":6335.25,'
        f'"stopPrice":null,"trailPrice":null,"customTag":"{CLIENT_ID}"}}'
    )
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "text/plain"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"type": OrderType.MARKET, "price": None, "time_in_force": TimeInForce.IOC, "side": Side.SELL},
            '"type":2,"side":1,"size":3,"limitPrice":null,"stopPrice":null',
        ),
        (
            {"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal("5E-7")},
            '"type":4,"side":0,"size":3,"limitPrice":null,"stopPrice":0.0000005',
        ),
        ({"price": Decimal("6E+3")}, '"type":1,"side":0,"size":3,"limitPrice":6000,"stopPrice":null'),
        ({"time_in_force": TimeInForce.GTT, "expires_at_ms": 1}, '"limitPrice":6335.25'),
    ],
)
def test_place_of_each_type_is_written_plainly(changes, expected):
    assert expected in sent(**changes).body


@pytest.mark.parametrize(
    "changes",
    [
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(1)},
        {"post_only": True},
        {"reduce_only": True},
        {"time_in_force": TimeInForce.IOC},
        {"time_in_force": TimeInForce.FOK},
        {"type": OrderType.MARKET, "time_in_force": TimeInForce.FOK},
        {"type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "size": None, "quote_size": Decimal(5)},
        {"size": Decimal("1.5")},
        {"price": None},
    ],
)
def test_place_of_what_the_venue_cannot_do_is_refused_and_not_sent(changes):
    with Venue(**PLACED) as venue:
        report = client(venue).execute(place(**changes))
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.evidence.source) == ("not_supported", EvidenceSource.LOCAL)
    assert venue.called("place") == []


def test_place_at_the_end_of_its_validity_is_not_sent():
    with Venue(**PLACED) as venue:
        report = client(venue).execute(place(valid_until_venue_ms=SystemClock().now_ms() - 3000))
    assert isinstance(report, PlaceNotProcessed)
    assert report.reason == "validity_passed"
    assert venue.called("place") == []


def test_place_whose_validity_ends_during_the_login_is_not_sent():
    valid_until_ms = SystemClock().now_ms() + 1000

    def slow_login(server, connection, request):
        # The venue's clock, which the client reads afterwards, has passed the validity.
        return told(token=TOKEN)(server, connection, request)

    date = formatdate(valid_until_ms / 1000 + 2, usegmt=True)
    with Venue(**PLACED, loginKey=[slow_login], ping=[answer("", headers={"Date": date})]) as venue:
        report = client(venue).execute(place(valid_until_venue_ms=valid_until_ms))
    assert isinstance(report, PlaceNotProcessed)
    assert venue.called("place") == []


def test_place_refused_in_words_carries_them():
    with Venue(place=[refused(3, "Insufficient funds", orderId=0)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("3", "Insufficient funds")


def test_place_refused_with_an_order_id_is_refused():
    with Venue(place=[refused(2, "Brackets need another mode", orderId=77)]) as venue:
        assert isinstance(client(venue).execute(place()), PlaceRejected)


def test_place_whose_tag_is_in_use_is_known_to_exist():
    with Venue(place=[refused(2, "custom tag already in use", orderId=0)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist, report.venue_order_id) == ("duplicate", True, None)


def test_place_that_the_venue_calls_malformed_is_refused():
    with Venue(place=[answer('{"title":"One or more validation errors occurred.","status":400}', status=400)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("400", "One or more validation errors occurred.")


@pytest.mark.parametrize(
    "meet",
    [
        refused(2, None),
        refused(6, "pending"),
        refused(7, "unknown"),
        refused(44, "new"),
        answer("", status=401),
        answer("", status=429),
        answer("<html>", status=502),
        answer("<html>"),
        answer("[]"),
        answer("{}"),
        answer('{"success":true,"errorCode":0}'),
        answer('{"success":true,"errorCode":0,"orderId":null}'),
        answer('{"success":true,"errorCode":0,"orderId":0}'),
        answer('{"success":true,"errorCode":0,"orderId":"9056"}'),
        answer('{"success":true,"errorCode":3,"orderId":9056}'),
        answer('{"success":false,"errorCode":0,"orderId":9056}'),
        answer('{"success":"true","errorCode":0,"orderId":9056}'),
        answer('{"success":true,"errorCode":null,"orderId":9056}'),
        break_off,
        break_mid_body,
        talk_nonsense,
    ],
)
def test_place_whose_answer_is_no_proof_is_ambiguous(meet):
    with Venue(place=[meet]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert not report.known_to_exist
    assert len(venue.called("place")) == 1


@pytest.mark.parametrize(
    ("meet", "number"),
    [
        (refused(6, "pending", orderId=9056), "9056"),
        (refused(7, "unknown", orderId=9056), "9056"),
        (refused(44, "new", orderId=9056), "9056"),
        (answer('{"success":true,"errorCode":3,"orderId":9056}'), "9056"),
        (answer('{"success":false,"errorCode":0,"orderId":9056}'), "9056"),
        (refused(6, None, orderId=0), None),
        (refused(6, None, orderId=True), None),
        (refused(6, None, orderId="9056"), None),
        (answer('{"success":false,"errorCode":6,"orderId":9056}', status=502), None),
        # It may be the number of a row that tells of the refusal, while an earlier sending works.
        (refused(2, "custom tag already in use", orderId=9056), None),
        (refused(2, None, orderId=9056), None),
    ],
)
def test_place_of_unknown_outcome_names_the_order_where_the_answer_does(meet, number):
    with Venue(place=[meet]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert report.venue_order_id == number


@pytest.mark.parametrize("meet", [hang, drip])
def test_place_without_an_answer_in_time_is_ambiguous(meet):
    with Venue(place=[meet]) as venue:
        report = client(venue, call_timeout_ms=300).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert report.reason == "timeout"


# ----- cancelling and amending


def test_cancel_that_ended_the_order_is_confirmed_by_reading_it_back():
    with Venue(cancel=[told()], searchById=[told(order=LIMIT | {"status": 3})]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert report.order.status is PublicStatus.CANCELLED
    assert [item.body for item in venue.called("cancel")] == ['{"accountId":704,"orderId":36598}']
    assert [item.body for item in venue.called("searchById")] == ['{"accountId":704,"orderId":36598}']


@pytest.mark.parametrize(
    "read_back",
    [
        told(order=LIMIT),
        told(order=LIMIT | {"status": 7}),
        told(order=LIMIT | {"status": 3, "id": 5}),
        told(order=LIMIT | {"status": 3, "fillVolume": None}),
        told(order=LIMIT | {"status": 44}),
        told(order=None),
        told(),
        refused(1, None),
        answer("", status=500),
        break_off,
    ],
)
def test_cancel_accepted_and_not_seen_to_be_done_is_ambiguous(read_back):
    with Venue(cancel=[told()], searchById=[read_back]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"


@pytest.mark.parametrize("code", [1, 2, 3, 6, 7])
def test_change_that_is_refused_is_refused_and_says_nothing_of_the_order(code):
    scripts = {name: [refused(code, "words")] for name in ("cancel", "modify")}
    with Venue(**scripts, searchById=[told(order=LIMIT)]) as venue:
        cancelled, amended = client(venue).execute(cancel()), client(venue).execute(amend())
    assert isinstance(cancelled, CancelRefused)
    assert isinstance(amended, AmendRefused)
    assert (cancelled.code, amended.text) == (str(code), "words")


@pytest.mark.parametrize(
    "meet",
    [
        refused(4, None),
        refused(5, None),
        refused(44, None),
        answer("", status=401),
        answer("", status=429),
        answer("", status=503),
        answer("{}"),
        answer('{"success":true,"errorCode":2}'),
        break_off,
    ],
)
def test_change_whose_answer_is_no_proof_is_ambiguous(meet):
    with Venue(cancel=[meet], modify=[meet], searchById=[told(order=LIMIT)]) as venue:
        assert isinstance(client(venue).execute(cancel()), CancelAmbiguous)
        assert isinstance(client(venue).execute(amend()), AmendAmbiguous)
    assert len(venue.called("modify")) == len(venue.called("cancel")) == 1


def test_cancel_whose_order_says_its_volume_nowhere_is_ambiguous_however_old():
    read_back = told(order=LIMIT | {"status": 3, "fillVolume": None})
    with Venue(cancel=[told()], searchById=[read_back], search=[told(trades=[])]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)


def test_cancel_of_an_order_whose_number_is_not_known_is_not_sent():
    with Venue(cancel=[told()]) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelNotProcessed)
    assert (report.reason, report.retry_after_ms) == ("order_number_unknown", 1000)
    assert venue.called("cancel") == []


CHANGED = LIMIT | {"size": 2, "limitPrice": Decimal("6330.5")}
STOP = LIMIT | {"type": 4, "limitPrice": None, "stopPrice": Decimal("6300.25")}


@pytest.mark.parametrize(
    ("before", "terms", "written"),
    [
        (LIMIT, {}, '"size":2,"limitPrice":6330.50,"stopPrice":null'),
        (LIMIT | {"size": 2}, {}, '"size":null,"limitPrice":6330.50,"stopPrice":null'),
        (LIMIT | {"limitPrice": Decimal("6330.500")}, {}, '"size":2,"limitPrice":null,"stopPrice":null'),
        # Partly executed: what the venue takes a size for is not documented.
        (LIMIT | {"size": 2, "fillVolume": 1}, {}, '"size":null,"limitPrice":6330.50,"stopPrice":null'),
        (LIMIT | {"fillVolume": 1}, {}, '"size":2,"limitPrice":6330.50,"stopPrice":null'),
        # What was read may be older than a change of it, so what is wanted is asked for all the same.
        (CHANGED, {}, '"size":null,"limitPrice":6330.50,"stopPrice":null'),
        (
            STOP,
            {"size": Decimal(3), "price": None, "stop_price": Decimal("6290.75")},
            '"size":null,"limitPrice":null,"stopPrice":6290.75',
        ),
        (
            STOP,
            {"size": Decimal(3), "price": None, "stop_price": Decimal("6300.25")},
            '"size":null,"limitPrice":null,"stopPrice":6300.25',
        ),
    ],
)
def test_amend_is_written_with_what_changes_and_nothing_else(before, terms, written):
    with Venue(modify=[told()], searchById=[told(order=before)]) as venue:
        client(venue).execute(amend(**terms))
    (request,) = venue.called("modify")
    assert request.body == f'{{"accountId":704,"orderId":36598,{written},"trailPrice":null}}'


def test_amend_is_confirmed_by_the_new_terms():
    with Venue(modify=[told()], searchById=[told(order=LIMIT), told(order=CHANGED)]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendConfirmed)
    assert (report.order.size, report.order.price) == (2, Decimal("6330.5"))
    assert len(venue.called("searchById")) == 2


@pytest.mark.parametrize(
    "meet",
    [
        told(order=LIMIT | {"id": 5}),
        told(order=LIMIT | {"size": None}),
        told(order=None),
        told(),
        refused(1, None),
        answer("", status=500),
        break_off,
    ],
)
def test_amend_of_an_order_that_cannot_be_read_is_not_sent(meet):
    with Venue(modify=[told()], searchById=[meet]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendNotProcessed)
    assert venue.called("modify") == []


@pytest.mark.parametrize(
    "shown", [LIMIT, LIMIT | {"size": 2}, LIMIT | {"limitPrice": Decimal("6330.5")}, None]
)
def test_amend_accepted_and_not_seen_to_be_done_is_ambiguous(shown):
    with Venue(modify=[told()], searchById=[told(order=LIMIT), told(order=shown)]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "accepted"


def test_amend_at_the_end_of_its_validity_is_not_sent():
    with Venue(modify=[told()]) as venue:
        report = client(venue).execute(amend(valid_until_venue_ms=SystemClock().now_ms() - 3000))
    assert isinstance(report, AmendNotProcessed)
    assert venue.called("modify") == []


@pytest.mark.parametrize("changes", [{"venue_order_id": "abc"}, {"size": Decimal(0)}, {"size": Decimal("0.5")}])
def test_amend_of_what_the_venue_cannot_do_is_refused_and_not_sent(changes):
    with Venue(modify=[told()]) as venue:
        report = client(venue).execute(amend(**changes))
    assert isinstance(report, AmendRefused)
    assert venue.called("modify") == []
