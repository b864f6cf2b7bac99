from decimal import Decimal

import loopback
import pytest
from kraken_samples import (
    CANCELLED,
    CLIENT_ID,
    DESCRIPTION,
    ORDER,
    ORDER_ID,
    Venue,
    amend,
    cancel,
    client,
    now_ms,
    refused,
    told,
)
from loopback import answer

from exchanges.kraken.times import instant
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
)
from messages.types import PublicStatus

# ----- cancels

GONE = told({ORDER_ID: CANCELLED})


@pytest.mark.parametrize("body", [{"count": 1}, {"count": 1, "pending": False}, {"count": 1, "pending": True}])
def test_cancel_shown_as_ended_is_confirmed(body):
    with Venue(CancelOrder=[told(body)], QueryOrders=[GONE]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelConfirmed)
    assert (report.order.status, report.order.venue_order_id) == (PublicStatus.CANCELLED, ORDER_ID)
    (params,) = venue.params("CancelOrder")
    assert {name: value for name, value in params.items() if name != "nonce"} == {"txid": ORDER_ID}
    (query,) = venue.params("QueryOrders")
    assert (query["txid"], query["trades"], query["consolidate_taker"]) == (ORDER_ID, "true", "false")


@pytest.mark.parametrize(
    "shown",
    [
        told({ORDER_ID: ORDER}),
        told({}),
        told({ORDER_ID: {**CANCELLED, "status": "who-knows"}}),
        told({ORDER_ID: {**CANCELLED, "vol": None}}),
        told({ORDER_ID: {**CANCELLED, "descr": {**DESCRIPTION, "pair": "SOLUSD"}}}),
        refused("EService:Unavailable"),
        loopback.break_off,
    ],
)
def test_cancel_accepted_and_not_shown_as_ended_is_ambiguous(shown):
    with Venue(CancelOrder=[told({"count": 1})], QueryOrders=[shown]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"


def test_cancel_without_the_venues_id_is_sent_by_ours_and_read_among_the_ended():
    closed = told({"closed": {ORDER_ID: CANCELLED}, "count": 1})
    with Venue(CancelOrder=[told({"count": 1})], ClosedOrders=[closed]) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelConfirmed)
    assert venue.params("CancelOrder")[0]["cl_ord_id"] == CLIENT_ID
    assert venue.params("ClosedOrders")[0]["cl_ord_id"] == CLIENT_ID


def test_cancel_by_an_id_that_two_orders_had_is_ambiguous():
    closed = told({"closed": {ORDER_ID: CANCELLED, "OTHER1-KLAF2-FWUDD7": CANCELLED}, "count": 2})
    with Venue(CancelOrder=[told({"count": 1})], ClosedOrders=[closed]) as venue:
        report = client(venue).execute(cancel(venue_order_id=None))
    assert isinstance(report, CancelAmbiguous)


@pytest.mark.parametrize("error", ["EOrder:Unknown order", "EOrder:Invalid order"])
def test_cancel_of_what_is_gone_is_refused_and_says_nothing_more(error):
    with Venue(CancelOrder=[refused(error)]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelRefused)
    assert venue.called("QueryOrders") == []


@pytest.mark.parametrize(
    "shown",
    [
        refused("EAPI:Invalid nonce"),
        refused("EService:Unavailable"),
        told({"count": 0}),
        told({}),
        answer(b"<html>", status=502),
        loopback.break_off,
    ],
)
def test_cancel_without_proof_is_ambiguous(shown):
    with Venue(CancelOrder=[shown], QueryOrders=[GONE]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelAmbiguous)


@pytest.mark.parametrize("venue_order_id", ["12345", "-5", f"{ORDER_ID},{ORDER_ID}", ""])
def test_cancel_by_an_id_that_may_name_several_orders_is_not_sent(venue_order_id):
    with Venue() as venue:
        report = client(venue).execute(cancel(venue_order_id=venue_order_id))
    assert isinstance(report, CancelNotProcessed)
    assert venue.called("CancelOrder") == []


# ----- amends

AMENDED = told({"amend_id": "TTW6PD-RC36L-ZZSWNU"})
CHANGED = {**ORDER, "vol": "1.00000000", "descr": {**DESCRIPTION, "price": "27400.0"}}


def test_amend_shown_with_its_new_terms_is_confirmed():
    with Venue(AmendOrder=[AMENDED], QueryOrders=[told({ORDER_ID: CHANGED})]) as venue:
        valid_until_ms = now_ms() + 20_000
        report = client(venue).execute(amend(valid_until_venue_ms=valid_until_ms))
    assert isinstance(report, AmendConfirmed)
    assert (report.order.size, report.order.price) == (Decimal(1), Decimal(27400))
    # An open order is shown without a time of its last change.
    assert report.evidence.venue_time_ms is None
    (params,) = venue.params("AmendOrder")
    assert instant(params, "deadline") == valid_until_ms
    assert {name: value for name, value in params.items() if name not in ("nonce", "deadline")} == {
        "txid": ORDER_ID,
        "order_qty": "1",
        "limit_price": "27400",
    }


def test_amend_of_the_size_alone_names_the_price_too_since_what_is_shown_may_be_old():
    shown = told({ORDER_ID: {**ORDER, "vol": "1.00000000"}})
    with Venue(AmendOrder=[AMENDED], QueryOrders=[shown]) as venue:
        report = client(venue).execute(amend(price=Decimal(27500)))
    assert isinstance(report, AmendConfirmed)
    (params,) = venue.params("AmendOrder")
    assert (params["order_qty"], params["limit_price"]) == ("1", "27500")
    assert "post_only" not in params


def test_amend_of_a_post_only_order_says_so_again():
    with Venue(AmendOrder=[AMENDED]) as venue:
        client(venue).execute(amend(post_only=True))
    assert venue.params("AmendOrder")[0]["post_only"] == "true"


def test_amend_of_a_stop_names_its_trigger():
    stop = {**ORDER, "descr": {**DESCRIPTION, "ordertype": "stop-loss", "price": "28000.0"}}
    moved = {**stop, "descr": {**stop["descr"], "price": "28500.0"}}
    with Venue(AmendOrder=[AMENDED], QueryOrders=[told({ORDER_ID: stop}), told({ORDER_ID: moved})]) as venue:
        report = client(venue).execute(amend(size=Decimal("1.25"), price=None, stop_price=Decimal(28500)))
    assert isinstance(report, AmendConfirmed)
    (params,) = venue.params("AmendOrder")
    assert {"txid", "order_qty", "trigger_price", "nonce", "deadline"} == set(params)


@pytest.mark.parametrize(("misc", "named"), [("stopped", False), ("touched,partial", False), ("partial", True)])
def test_amend_of_a_stop_limit_names_its_trigger_until_it_is_reached(misc, named):
    description = {**DESCRIPTION, "ordertype": "stop-loss-limit", "price": "28000.0", "price2": "28100.0"}
    stop = told({ORDER_ID: {**ORDER, "descr": description, "misc": misc}})
    with Venue(AmendOrder=[AMENDED], QueryOrders=[stop]) as venue:
        client(venue).execute(amend(price=Decimal(28200), stop_price=Decimal(28000)))
    assert ("trigger_price" in venue.params("AmendOrder")[0]) is named


def test_amend_to_terms_that_the_order_is_shown_with_is_sent_all_the_same():
    with Venue(AmendOrder=[AMENDED], QueryOrders=[told({ORDER_ID: CHANGED})]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendConfirmed)
    (params,) = venue.params("AmendOrder")
    assert (params["order_qty"], params["limit_price"]) == ("1", "27400")


def test_amend_refused_for_an_order_that_is_shown_with_its_terms_is_ambiguous():
    refusal = refused("EGeneral:Invalid arguments")
    with Venue(AmendOrder=[refusal], QueryOrders=[told({ORDER_ID: CHANGED})]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "refused_as_shown"


def test_amend_refused_without_a_reason_for_an_open_order_is_ambiguous_since_what_is_shown_may_be_old():
    refusal = refused("EGeneral:Invalid arguments")
    with Venue(AmendOrder=[refusal], QueryOrders=[told({ORDER_ID: ORDER})]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "refused_unexplained"


def test_amend_of_a_stop_that_the_venue_shows_as_post_only_says_so_again():
    description = {**DESCRIPTION, "ordertype": "stop-loss-limit", "price": "28000.0", "price2": "28100.0"}
    stop = told({ORDER_ID: {**ORDER, "descr": description, "oflags": "fciq,post"}})
    with Venue(AmendOrder=[AMENDED], QueryOrders=[stop]) as venue:
        client(venue).execute(amend(price=Decimal(28200), stop_price=Decimal(28500)))
    assert venue.params("AmendOrder")[0]["post_only"] == "true"


def test_amend_refused_for_an_order_that_cannot_be_read_is_ambiguous():
    refusal = refused("EGeneral:Invalid arguments")
    with Venue(AmendOrder=[refusal], QueryOrders=[refused("EService:Unavailable")]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "refused_unread"


def test_amend_of_what_is_no_stop_is_sent_before_anything_is_read():
    with Venue(AmendOrder=[loopback.break_off]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendAmbiguous)
    assert venue.called("QueryOrders") == []


def test_amend_refused_for_an_order_that_had_ended_with_its_terms_is_refused():
    ended = {**CHANGED, "status": "canceled"}
    with Venue(AmendOrder=[refused("EOrder:Unknown order")], QueryOrders=[told({ORDER_ID: ended})]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendRefused)


def test_amend_accepted_and_not_shown_is_ambiguous():
    with Venue(AmendOrder=[AMENDED], QueryOrders=[told({ORDER_ID: ORDER})]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "accepted"


def test_amend_of_a_stop_that_cannot_be_read_is_not_sent():
    with Venue(QueryOrders=[refused("EService:Unavailable")]) as venue:
        report = client(venue).execute(amend(stop_price=Decimal(28500)))
    assert isinstance(report, AmendNotProcessed)
    assert venue.called("AmendOrder") == []


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        (refused("EOrder:Unknown order"), AmendRefused),
        (refused("EOrder:Insufficient funds"), AmendRefused),
        (refused("EGeneral:Invalid arguments:volume minimum not met"), AmendRefused),
        (refused("EAPI:Invalid nonce"), AmendAmbiguous),
        (refused("EService:Deadline elapsed"), AmendNotProcessed),
        (told({}), AmendAmbiguous),
        (answer(b"", status=520), AmendAmbiguous),
        (loopback.break_off, AmendAmbiguous),
    ],
)
def test_amend_answered_otherwise_is_sorted_by_proof(shown, kind):
    with Venue(AmendOrder=[shown], QueryOrders=[told({ORDER_ID: ORDER})]) as venue:
        report = client(venue).execute(amend())
    assert isinstance(report, kind)


def test_amend_with_too_little_time_left_is_not_sent():
    with Venue() as venue:
        report = client(venue).execute(amend(valid_until_venue_ms=now_ms() + 1000))
    assert isinstance(report, AmendNotProcessed)
    assert (report.reason, venue.called("AmendOrder")) == ("validity_passed", [])


@pytest.mark.parametrize("changes", [{"size": Decimal(0)}, {"price": None}])
def test_amend_of_what_cannot_be_amended_is_refused(changes):
    with Venue() as venue:
        report = client(venue).execute(amend(**changes))
    assert isinstance(report, AmendRefused)
    assert venue.called("AmendOrder") == []
