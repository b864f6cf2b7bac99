from decimal import Decimal

import pytest
from kucoin_samples import (
    BY_CLIENT_ID,
    BY_ID,
    CANCEL,
    CANCEL_BY_CLIENT_ID,
    CANCEL_STOP,
    CANCELLED,
    CHILD,
    CHILD_ID,
    CLIENT_ID,
    ENDED,
    ORDER,
    ORDER_ID,
    STOP,
    STOP_BY_CLIENT_ID,
    STOP_BY_ID,
    STOP_ID,
    TRIGGERED,
    WORKING,
    Venue,
    cancel,
    client,
    error,
    look_up,
    signer,
    told,
)
from loopback import answer, break_off

from exchanges.http import SystemClock
from exchanges.kucoin.capabilities import CAPABILITIES
from exchanges.kucoin.client import KucoinClient
from messages.reports import CancelAmbiguous, CancelConfirmed, CancelRefused, OrderFound, OrderNotFound
from messages.types import PublicStatus


def test_cancel_read_back_as_ended_is_confirmed():
    with Venue({CANCEL: [told(CANCELLED)], BY_ID: [told(ENDED)]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert (report.order.status, report.order.venue_order_id) == (PublicStatus.CANCELLED, ORDER_ID)
    (request,) = venue.called(CANCEL)
    assert request.target == f"/api/v1/hf/orders/sync/{ORDER_ID}?symbol=BTC-USDT"
    payload = f"{request.headers['kc-api-timestamp']}DELETE{request.target}"
    assert request.headers["kc-api-sign"] == signer().sign(payload.encode())
    assert request.body == ""


@pytest.mark.parametrize(
    "read_back",
    [
        told(WORKING), error("500000"), error("102436"), told(None), told(ORDER | {"id": "another"}),
        told(ORDER | {"active": None}), break_off,
    ],
)  # fmt: skip
def test_cancel_accepted_and_not_read_back_as_ended_is_ambiguous(read_back):
    with Venue({CANCEL: [told(CANCELLED)], BY_ID: [read_back]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"
    assert len(venue.called(BY_ID)) == 1


def test_cancel_of_an_order_filled_meanwhile_is_confirmed_as_filled():
    meanwhile = CANCELLED | {"dealSize": "0.00001", "canceledSize": "0"}
    with Venue({CANCEL: [told(meanwhile)], BY_ID: [told(ORDER)]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert report.order.status is PublicStatus.FILLED


PART = {"dealSize": "0.000004", "dealFunds": "0.27", "cancelledSize": "0.000006"}


@pytest.mark.parametrize(
    ("sizes", "read_back"),
    [
        ({"dealSize": "0.000004", "canceledSize": "0.000006"}, ENDED),
        ({}, ENDED | PART),
        ({}, ORDER),
        ({"dealSize": None}, ENDED),
        ({"dealSize": 0}, ENDED),
    ],
)
def test_cancel_whose_answer_and_read_back_tell_other_sizes_is_ambiguous(sizes, read_back):
    with Venue({CANCEL: [told(CANCELLED | sizes)], BY_ID: [told(read_back)]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"


def test_cancel_of_a_partly_executed_order_with_the_same_sizes_twice_is_confirmed():
    answered = CANCELLED | {"dealSize": "0.0000040", "canceledSize": "0.000006"}
    with Venue({CANCEL: [told(answered)], BY_ID: [told(ENDED | PART)]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert (report.order.status, report.order.filled_size) == (PublicStatus.CANCELLED, Decimal("0.000004"))


@pytest.mark.parametrize("code", ["102436", "102428", "200002", "400100"])
def test_cancel_refused_says_so_and_nothing_of_the_order(code):
    with Venue({CANCEL: [error(code, "order_not_exist_or_not_allow_to_cancel")]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelRefused)
    assert (report.code, report.text) == (code, "order_not_exist_or_not_allow_to_cancel")
    assert venue.changes() == [CANCEL]


@pytest.mark.parametrize("meet", [error("500000"), answer(b"x"), break_off, error("102436", status=500)])
def test_cancel_answered_by_no_proof_is_ambiguous(meet):
    with Venue({CANCEL: [meet]}) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert (report.reason != "accepted", venue.changes()) == (True, [CANCEL])


def test_cancel_by_client_id_names_it_and_reads_it_back():
    with Venue({CANCEL_BY_CLIENT_ID: [told(CANCELLED)], BY_CLIENT_ID: [told(ENDED)]}) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelConfirmed)
    assert venue.changes() == [CANCEL_BY_CLIENT_ID]


def test_cancel_by_client_id_of_a_stop_goes_to_its_book():
    scripts = {
        CANCEL_BY_CLIENT_ID: [error("102436")],
        STOP_BY_CLIENT_ID: [told([STOP])],
        CANCEL_STOP: [told({"cancelledOrderIds": [STOP_ID]})],
        STOP_BY_ID: [told(None)],
        BY_CLIENT_ID: [error("102436")],
    }
    with Venue(scripts) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelAmbiguous)
    assert (report.reason, venue.changes()) == ("accepted", [CANCEL_BY_CLIENT_ID, CANCEL_STOP])


@pytest.mark.parametrize("stops", [told([]), told([TRIGGERED]), error("500000")])
def test_cancel_by_client_id_of_nothing_is_refused(stops):
    with Venue({CANCEL_BY_CLIENT_ID: [error("102436", "gone")], STOP_BY_CLIENT_ID: [stops]}) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelRefused)
    assert report.code == "102436"


def stop_cancel(**scripts):
    """Cancel a stop order; first what its book shows before, then after."""
    script = {
        CANCEL_STOP: [scripts.get("answer", told({"cancelledOrderIds": [STOP_ID]}))],
        STOP_BY_ID: [scripts.get("before", told(STOP)), scripts.get("after", told(None))],
        BY_CLIENT_ID: [scripts.get("follower", error("102436"))],
        CANCEL_BY_CLIENT_ID: [scripts.get("follower_cancel", error("102436"))],
    }
    with Venue(script) as venue:
        return client(venue).execute(cancel(venue_order_id=STOP_ID)), venue.changes()


def test_cancel_of_a_stop_that_is_gone_from_both_books_is_not_yet_done():
    # It may have been triggered, and the order in its place not be shown yet.
    report, changes = stop_cancel()
    assert isinstance(report, CancelAmbiguous)
    assert (report.reason, changes) == ("accepted", [CANCEL_STOP])


class Clock(SystemClock):
    """Ours, which can be put forward."""

    ahead_ms = 0

    def now_ms(self):
        return super().now_ms() + self.ahead_ms

    def monotonic_ms(self):
        return super().monotonic_ms() + self.ahead_ms


def looked_up_after_a_stop_cancel(ahead_ms, **scripts):
    """Cancel a stop order that is gone then, and look it up at once and that much later."""
    clock = Clock()
    script = {
        CANCEL_STOP: [scripts.get("answer", told({"cancelledOrderIds": [STOP_ID]}))],
        STOP_BY_ID: [told(STOP), told(None)],
        BY_CLIENT_ID: [error("102436"), error("102436"), scripts.get("follower", error("102436"))],
    }
    with Venue(script) as venue:
        made = KucoinClient(signer=signer(), clock=clock, rest_url=venue.url)
        made.execute(cancel(venue_order_id=STOP_ID))
        at_once = made.execute(look_up(venue_order_id=STOP_ID))
        clock.ahead_ms = venue.skew_ms = ahead_ms
        return at_once, made.execute(look_up(venue_order_id=STOP_ID))


def test_stop_named_as_cancelled_and_gone_from_both_books_after_the_settle_time_is_cancelled():
    at_once, later = looked_up_after_a_stop_cancel(CAPABILITIES.settle_ms + 1000)
    assert isinstance(at_once, OrderNotFound)
    assert isinstance(later, OrderFound)
    order = later.order
    assert (order.venue_order_id, order.client_order_id, order.status) == (STOP_ID, CLIENT_ID, PublicStatus.CANCELLED)
    assert (order.filled_size, order.stop_price, later.fills_complete) == (0, 60000, True)


@pytest.mark.parametrize("answered", [told({"cancelledOrderIds": []}), told(None), error("500000")])
def test_stop_that_was_not_named_as_cancelled_is_not_found_however_late(answered):
    assert isinstance(looked_up_after_a_stop_cancel(60_000, answer=answered)[1], OrderNotFound)


def test_stop_gone_less_than_the_settle_time_ago_is_not_found():
    assert isinstance(looked_up_after_a_stop_cancel(CAPABILITIES.settle_ms - 2000)[1], OrderNotFound)


def test_stop_named_as_cancelled_that_has_a_follower_works_on():
    found = looked_up_after_a_stop_cancel(60_000, follower=told(CHILD))[1]
    assert isinstance(found, OrderFound)
    assert (found.order.venue_order_id, found.order.status) == (CHILD_ID, PublicStatus.OPEN)


@pytest.mark.parametrize(
    "scripts",
    [
        {"after": told(STOP)},
        {"after": error("500000")},
        {"after": told(TRIGGERED)},
        {"follower": error("500000")},
        {"follower": told(CHILD)},
        {"after": told(TRIGGERED), "follower": told(CHILD)},
        {"before": error("500000")},
        {"answer": told({"cancelledOrderIds": []})},
        {"answer": told({"cancelledOrderIds": None})},
        {"answer": told(None)},
    ],
)
def test_cancel_of_a_stop_that_may_work_on_is_ambiguous(scripts):
    report, changes = stop_cancel(**scripts)
    assert isinstance(report, CancelAmbiguous)
    assert (report.reason, changes) == ("accepted", [CANCEL_STOP])


@pytest.mark.parametrize("before", [told(TRIGGERED), told(None), error("102436")])
def test_cancel_of_a_triggered_stop_cancels_the_order_in_its_place(before):
    ended = ENDED | {"id": CHILD_ID}
    report, changes = stop_cancel(before=before, follower=told(ended), follower_cancel=told(CANCELLED))
    assert isinstance(report, CancelConfirmed)
    assert (report.order.venue_order_id, changes) == (CHILD_ID, [CANCEL_BY_CLIENT_ID])


def test_cancel_of_a_stop_triggered_at_that_moment_cancels_the_order_in_its_place():
    ended = ENDED | {"id": CHILD_ID}
    refusal = error("400100", "order_not_exist_or_not_allow_to_cancel")
    report, changes = stop_cancel(answer=refusal, follower=told(ended), follower_cancel=told(CANCELLED))
    assert isinstance(report, CancelConfirmed)
    assert (report.order.venue_order_id, changes) == (CHILD_ID, [CANCEL_STOP, CANCEL_BY_CLIENT_ID])


def test_cancel_of_a_stop_answered_by_no_proof_is_ambiguous():
    report, changes = stop_cancel(answer=error("500000"))
    assert isinstance(report, CancelAmbiguous)
    assert (report.reason, changes) == ("server_error", [CANCEL_STOP])


def test_cancel_of_a_stop_refused_for_the_credential_stays_refused():
    report, changes = stop_cancel(answer=error("400007", "no permission"))
    assert isinstance(report, CancelRefused)
    assert (report.code, changes) == ("400007", [CANCEL_STOP])
