"""Kraken's cancels and amendments, and ends that nobody asked for."""

import pytest
from paper_kraken_kit import CLIENT_ID, DASHED, START_MS, KrakenVenue, moment

from exchanges.paper.dialects.kraken.ids import number_of, venue_id
from exchanges.paper.model import PaperStatus

STOP = {"ordertype": "stop-loss", "price": "65000"}


@pytest.fixture
def venue():
    return KrakenVenue()


def placed(venue):
    return venue.engine.open_orders("u")[-1]


# ----- cancels


@pytest.mark.parametrize("by", ["txid", "cl_ord_id"])
def test_cancel_by_either_id_counts_one_and_ends_the_order(venue, by):
    txid = venue.add(cl_ord_id=CLIENT_ID)
    assert venue.ok("CancelOrder", **{by: txid if by == "txid" else DASHED}) == {"count": 1}
    body = venue.order(txid)
    assert (body["status"], body["reason"]) == ("canceled", "User requested")


def test_cancel_of_a_finished_order_is_unknown_and_of_none_invalid(venue):
    cancelled = venue.add(cl_ord_id=CLIENT_ID)
    venue.ok("CancelOrder", txid=cancelled)
    filled = venue.add()
    venue.execute(filled, "50000", "0.01")
    for name in ({"txid": cancelled}, {"txid": filled}, {"cl_ord_id": CLIENT_ID}):
        assert venue.error("CancelOrder", **name) == "EOrder:Unknown order"
    for name in ({"txid": venue_id("O", 5)}, {"txid": "nonsense"}, {"cl_ord_id": DASHED[::-1]}):
        assert venue.error("CancelOrder", **name) == "EOrder:Invalid order"
    assert venue.error("CancelOrder") == "EGeneral:Invalid arguments"


def test_cancel_of_somebody_elses_order_is_refused(venue):
    txid = venue.add(account="m")
    assert venue.error("CancelOrder", txid=txid) == "EOrder:Invalid order"
    assert len(venue.engine.open_orders("m")) == 1


def test_cancel_by_user_reference_ends_all_that_carry_it(venue):
    for reference in ("7", "7", "8"):
        venue.add(userref=reference)
    assert venue.ok("CancelOrder", txid="7") == {"count": 2}
    assert venue.error("CancelOrder", txid="7") == "EOrder:Unknown order"
    assert len(venue.engine.open_orders("u")) == 1


def test_cancel_of_a_batch_counts_those_that_were_open(venue):
    gone, first = venue.add(), venue.add()
    venue.add(cl_ord_id=CLIENT_ID)
    venue.ok("CancelOrder", txid=gone)
    body = venue.post_json("CancelOrderBatch", orders=[gone, first, first], cl_ord_ids=[DASHED])
    assert body["result"] == {"count": 2}
    assert venue.engine.open_orders("u") == ()
    too_many = venue.post_json("CancelOrderBatch", orders=[first] * 30, cl_ord_ids=[DASHED] * 21)
    assert too_many == {"error": ["EGeneral:Invalid arguments:orders"]}


def test_cancel_of_everything_ends_the_orders_of_this_account_only(venue):
    venue.add(account="m")
    venue.add()
    venue.add(pair="ETHUSDT", price="2000", volume="1")
    assert venue.ok("CancelAll") == {"count": 2}
    assert venue.ok("CancelAll") == {"count": 0}
    assert len(venue.engine.open_orders("m")) == 1


# ----- amendments


def test_amendment_keeps_ids_and_fills_and_takes_the_total_size(venue):
    txid = venue.add(cl_ord_id=CLIENT_ID, volume="0.02")
    venue.execute(txid, "50000", "0.01")
    result = venue.ok(
        "AmendOrder", cl_ord_id=DASHED, order_qty="0.05", limit_price="49000", deadline=moment(venue.now_ms + 5_000)
    )
    assert list(result) == ["amend_id"]
    assert number_of("T", result["amend_id"]) is not None
    body = venue.order(txid)
    assert (body["vol"], body["vol_exec"], body["descr"]["price"]) == ("0.05000000", "0.01000000", "49000.00")
    assert body["misc"] == "partial,amended"
    assert body["cl_ord_id"] == DASHED


def test_amendment_history_begins_with_the_original(venue):
    txid = venue.add()
    assert venue.ok("OrderAmends", order_id=txid) == {"amends": [], "count": 0}
    venue.now_ms += 10
    amend_id = venue.ok("AmendOrder", txid=txid, order_qty="0.005")["amend_id"]
    history = venue.ok("OrderAmends", order_id=txid)
    assert history["count"] == 2
    assert [(one["amend_type"], one["order_qty"], one["timestamp"]) for one in history["amends"]] == [
        ("original", "0.01000000", START_MS),
        ("user", "0.00500000", START_MS + 10),
    ]
    assert history["amends"][1]["amend_id"] == amend_id


def test_amendment_below_what_is_filled_cancels_the_rest(venue):
    txid = venue.add(volume="0.02")
    venue.execute(txid, "50000", "0.01")
    venue.ok("AmendOrder", txid=txid, order_qty="0.005")
    body = venue.order(txid)
    assert (body["status"], body["vol_exec"], body["reason"]) == ("canceled", "0.01000000", "User requested")


def test_amendment_of_a_trigger_moves_it(venue):
    txid = venue.add(**STOP)
    venue.ok("AmendOrder", txid=txid, trigger_price="70000")
    assert placed(venue).stop_price == 70_000


def test_amendment_of_a_post_only_order_takes_unless_it_repeats_the_flag(venue):
    venue.add(account="m", type="sell", price="60000", volume="1")
    first, second = venue.add(oflags="post"), venue.add(oflags="post", price="49000")
    assert venue.error("AmendOrder", txid=first, limit_price="60000", post_only="true") == "EOrder:Post only order"
    assert venue.order(first)["status"] == "open"
    venue.ok("AmendOrder", txid=second, limit_price="60000")
    assert venue.order(second)["status"] == "closed"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "EGeneral:Invalid arguments"),
        ({"display_qty": "1"}, "EGeneral:Invalid arguments:display_qty"),
        ({"limit_price": "50000.001"}, "EOrder:Tick size check failed"),
        ({"limit_price": "-1"}, "EGeneral:Invalid arguments:limit_price"),
        ({"order_qty": "100"}, "EOrder:Insufficient funds"),
        ({"order_qty": "1000"}, "EGeneral:Invalid arguments:volume"),
        ({"trigger_price": "70000"}, "EGeneral:Invalid arguments"),
        ({"order_qty": "0.005", "deadline": moment(START_MS - 1)}, "EService:Deadline elapsed"),
    ],
)
def test_amendment_that_breaks_a_rule_is_refused_and_changes_nothing(venue, changes, text):
    txid = venue.add()
    before = placed(venue)
    assert venue.error("AmendOrder", txid=txid, **changes) == text
    assert placed(venue) == before


def test_amendment_of_a_finished_order_is_unknown_and_of_none_invalid(venue):
    txid = venue.add()
    venue.ok("CancelOrder", txid=txid)
    assert venue.error("AmendOrder", txid=txid, order_qty="0.02") == "EOrder:Unknown order"
    assert venue.error("AmendOrder", txid=venue_id("O", 5), order_qty="0.02") == "EOrder:Invalid order"


# ----- ends that nobody asked for


@pytest.mark.parametrize(
    ("status", "shown", "reason"),
    [
        (PaperStatus.CANCELLED, "canceled", "Canceled by the exchange"),
        (PaperStatus.EXPIRED, "expired", "Canceled by the exchange"),
        (PaperStatus.REJECTED, "canceled", "Insufficient funds"),
    ],
)
def test_end_by_the_venue_is_never_called_rejected(venue, status, shown, reason):
    txid = venue.add()
    venue.observe(venue.engine.end(placed(venue).order_id, status, venue.now_ms))
    body = venue.order(txid)
    assert (body["status"], body["reason"]) == (shown, reason)


def test_own_order_in_the_way_is_cancelled_with_a_reason(venue):
    resting = venue.add()
    venue.add(type="sell", volume="0.01")
    body = venue.order(resting)
    assert (body["status"], body["reason"]) == ("canceled", "Self trade prevention")
