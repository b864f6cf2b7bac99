"""Look-ups of single orders at KuCoin that may be in either of its two books."""

import pytest
from kucoin_samples import (
    BY_CLIENT_ID,
    BY_ID,
    CANCEL_BY_CLIENT_ID,
    CANCEL_STOP,
    CHILD,
    CHILD_ID,
    CLIENT_ID,
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
    told,
)
from loopback import break_off

from exchanges.kucoin.capabilities import CAPABILITIES
from messages.reports import CancelAmbiguous, CancelRefused, LookUpFailed, OrderFound, OrderNotFound
from messages.types import PublicStatus

NO_STOP = error("400100", "order_not_exist_or_not_allow_to_cancel")


def answered(scripts, request):
    with Venue(scripts) as venue:
        return client(venue).execute(request), venue


def test_look_up_by_client_id_finds_an_ordinary_order_without_asking_for_stops():
    report, venue = answered({BY_CLIENT_ID: [told(WORKING)]}, look_up())
    assert isinstance(report, OrderFound)
    assert report.order.venue_order_id == ORDER_ID
    (request,) = venue.called(BY_CLIENT_ID)
    assert request.target == f"/api/v1/hf/orders/client-order/{CLIENT_ID}?symbol=BTC-USDT"
    assert venue.called(STOP_BY_CLIENT_ID) == []


def test_look_up_by_client_id_finds_a_stop_that_triggers_between_two_books():
    scripts = {BY_CLIENT_ID: [error("102436"), told(CHILD)], STOP_BY_CLIENT_ID: [told([])]}
    report, venue = answered(scripts, look_up())
    assert isinstance(report, OrderFound)
    assert report.order.venue_order_id == CHILD_ID
    (request,) = venue.called(STOP_BY_CLIENT_ID)
    assert request.target == f"/api/v1/stop-order/queryOrderByClientOid?clientOid={CLIENT_ID}&symbol=BTC-USDT"


def test_look_up_of_a_waiting_stop_finds_it_in_its_book():
    for scripts, request in (
        ({STOP_BY_CLIENT_ID: [told([TRIGGERED, STOP])], BY_CLIENT_ID: [error("102436")]}, look_up()),
        ({STOP_BY_ID: [told(STOP)]}, look_up(venue_order_id=STOP_ID)),
    ):
        report, _ = answered(scripts, request)
        assert isinstance(report, OrderFound)
        assert (report.order.venue_order_id, report.order.status) == (STOP_ID, PublicStatus.OPEN)
        assert report.fills_complete


@pytest.mark.parametrize("stop", [told(TRIGGERED), told(None), error("102436")])
def test_look_up_of_a_triggered_stop_finds_the_order_in_its_place(stop):
    scripts = {STOP_BY_ID: [stop], BY_CLIENT_ID: [told(CHILD)]}
    report, _ = answered(scripts, look_up(venue_order_id=STOP_ID))
    assert isinstance(report, OrderFound)
    assert (report.order.venue_order_id, report.order.client_order_id) == (CHILD_ID, CLIENT_ID)


def test_look_up_of_a_triggered_stop_that_nothing_follows_is_of_unknown_status():
    scripts = {STOP_BY_ID: [told(TRIGGERED)], BY_CLIENT_ID: [error("102436")]}
    report, _ = answered(scripts, look_up(venue_order_id=STOP_ID))
    assert isinstance(report, OrderFound)
    assert (report.order.venue_order_id, report.order.status) == (STOP_ID, None)


@pytest.mark.parametrize(
    ("scripts", "request_of"),
    [
        ({STOP_BY_CLIENT_ID: [told([])], BY_CLIENT_ID: [error("102436")]}, look_up()),
        ({STOP_BY_CLIENT_ID: [told(None)], BY_CLIENT_ID: [told(None)]}, look_up()),
        ({STOP_BY_ID: [told(None)], BY_CLIENT_ID: [error("102436")]}, look_up(venue_order_id=STOP_ID)),
        ({STOP_BY_CLIENT_ID: [NO_STOP], BY_CLIENT_ID: [error("102436")]}, look_up()),
        ({STOP_BY_ID: [NO_STOP], BY_CLIENT_ID: [error("102436")]}, look_up(venue_order_id=STOP_ID)),
        ({STOP_BY_CLIENT_ID: [error("400100", "Order not exist")], BY_CLIENT_ID: [told(None)]}, look_up()),
    ],
)
def test_look_up_of_what_neither_book_has_is_not_found(scripts, request_of):
    report, _ = answered(scripts, request_of)
    assert isinstance(report, OrderNotFound)


@pytest.mark.parametrize(
    "scripts",
    [
        {STOP_BY_CLIENT_ID: [error("500000")], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [error("400100", "symbol is invalid")], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [error("400100", "The symbol does not exist.")], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [error("404000", "not found")], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [told([])], BY_CLIENT_ID: [NO_STOP]},
        {STOP_BY_CLIENT_ID: [told([])], BY_CLIENT_ID: [error("500000")]},
        {STOP_BY_CLIENT_ID: [told({})], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [told([STOP | {"side": None}])], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [told([STOP | {"clientOid": "another"}])], BY_CLIENT_ID: [error("102436")]},
        {STOP_BY_CLIENT_ID: [told([])], BY_CLIENT_ID: [told(WORKING | {"clientOid": "another"})]},
        {STOP_BY_CLIENT_ID: [told([])], BY_CLIENT_ID: [told(WORKING | {"symbol": "DOGE-USDT"})]},
    ],
)
def test_look_up_with_a_book_unread_fails(scripts):
    report, _ = answered(scripts, look_up())
    assert isinstance(report, LookUpFailed)


@pytest.mark.parametrize(
    ("scripts", "venue_order_id"),
    [
        ({BY_ID: [told(WORKING | {"id": CHILD_ID, "clientOid": "another"})]}, ORDER_ID),
        ({STOP_BY_ID: [told(STOP | {"id": "vs-another", "clientOid": "another"})]}, STOP_ID),
    ],
)
def test_look_up_by_id_answered_with_another_order_fails(scripts, venue_order_id):
    with Venue({**scripts, BY_CLIENT_ID: [error("102436")]}) as venue:
        asking = client(venue)
        report = asking.execute(look_up(venue_order_id=venue_order_id))
    assert isinstance(report, LookUpFailed)
    assert "vs-another" not in asking.session.stops


@pytest.mark.parametrize("stop", [error("777777"), error("500000", status=500), error("400100", "?"), break_off])
def test_look_up_finds_what_followed_a_stop_although_the_book_of_stops_does_not_answer(stop):
    scripts = {STOP_BY_ID: [stop], BY_CLIENT_ID: [told(CHILD)]}
    report, _ = answered(scripts, look_up(venue_order_id=STOP_ID))
    assert isinstance(report, OrderFound)
    assert report.order.venue_order_id == CHILD_ID


@pytest.mark.parametrize("stop", [error("777777"), error("404000"), error("400100", "?"), break_off])
def test_look_up_of_a_stop_that_its_book_does_not_tell_of_and_nothing_follows_fails(stop):
    scripts = {STOP_BY_ID: [stop], BY_CLIENT_ID: [error("102436")]}
    report, _ = answered(scripts, look_up(venue_order_id=STOP_ID))
    assert isinstance(report, LookUpFailed)


def test_look_up_by_a_client_that_has_begun_again_does_not_know_a_cancelled_stop_for_ended():
    scripts = {
        STOP_BY_ID: [told(STOP), told(None)], CANCEL_STOP: [told({"cancelledOrderIds": [STOP_ID]})],
        CANCEL_BY_CLIENT_ID: [error("102436")], BY_CLIENT_ID: [error("102436")],
    }  # fmt: skip
    with Venue(scripts) as venue:
        cancelled = client(venue).execute(cancel(venue_order_id=STOP_ID))
        later = client(venue)
        later_cancel = later.execute(cancel(venue_order_id=STOP_ID))
        venue.skew_ms = 2 * CAPABILITIES.settle_ms
        later_look = client(venue).execute(look_up(venue_order_id=STOP_ID))
    assert isinstance(cancelled, CancelAmbiguous)
    assert isinstance(later_cancel, CancelRefused)
    assert isinstance(later_look, OrderNotFound)
