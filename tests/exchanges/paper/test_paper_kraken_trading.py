"""Kraken's placements: every type, every time in force, every rule and refusal, and client order ids."""

import json
from decimal import Decimal

import pytest
from paper_kraken_kit import CLIENT_ID, DASHED, START_MS, KrakenVenue, moment

from exchanges.paper.dialects.kraken.ids import number_of, venue_id
from exchanges.paper.model import EndReason, OrderAccepted
from messages.types import OrderType, Side, TimeInForce

STOP = {"ordertype": "stop-loss", "price": "65000"}
WITHOUT_PRICE = {"ordertype": "market", "price": None}


@pytest.fixture
def venue():
    return KrakenVenue()


def placed(venue):
    return venue.engine.open_orders("u")[-1]


# ----- ids


@pytest.mark.parametrize("number", [0, 1, 1_795_255_200_000, 2**80 - 1])
def test_ids_of_neighbouring_numbers_look_unlike_and_read_back(number):
    for kind in "OTL":
        text = venue_id(kind, number)
        assert [len(part) for part in text.split("-")] == [6, 5, 6]
        assert text[0] == kind
        assert number_of(kind, text) == number
    assert number_of("T", venue_id("O", number)) is None
    assert number_of("O", venue_id("O", number).lower()) is None


# ----- order types


def test_limit_order_when_placed_is_answered_with_description_and_id_only(venue):
    result = venue.ok("AddOrder", pair="XBTUSDT", type="buy", ordertype="limit", volume="0.01", price="50000")
    order = placed(venue)
    assert result == {
        "descr": {"order": "buy 0.01000000 XBTUSDT @ limit 50000.00"},
        "txid": [venue.dialect.venue_order_id(order.order_id)],
    }
    assert (order.type, order.side, order.size, order.price) == (OrderType.LIMIT, Side.BUY, Decimal("0.01"), 50_000)


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD"])
def test_pair_under_its_id_or_altname_is_the_same(venue, name):
    venue.add(pair=name, price="200", volume="1")
    assert placed(venue).symbol == "BTC-USD"


@pytest.mark.parametrize("name", ["BTC/USD", "XBT/USD", "BTCUSD", "xbtusd", "NOPE"])
def test_pair_under_another_name_is_refused_for_orders(venue, name):
    assert venue.refusal(pair=name) == "EQuery:Unknown asset pair"


@pytest.mark.parametrize(
    ("ordertype", "side", "price", "price2", "above", "words"),
    [
        ("stop-loss", "buy", "65000", None, True, "stop loss 65000.00"),
        ("stop-loss", "sell", "55000", None, False, "stop loss 55000.00"),
        ("take-profit", "buy", "55000", None, False, "take profit 55000.00"),
        ("take-profit", "sell", "65000", None, True, "take profit 65000.00"),
        ("stop-loss-limit", "sell", "55000", "54000", False, "stop loss 55000.00 -> limit 54000.00"),
        ("take-profit-limit", "sell", "65000", "64000", True, "take profit 65000.00 -> limit 64000.00"),
    ],
)
def test_stop_of_each_kind_waits_on_its_side_of_the_market(venue, ordertype, side, price, price2, above, words):
    txid = venue.add(ordertype=ordertype, type=side, price=price, price2=price2)
    order = placed(venue)
    assert (order.trigger_above, order.stop_price, order.working) == (above, Decimal(price), False)
    assert order.price == (None if price2 is None else Decimal(price2))
    body = venue.order(txid)
    assert body["status"] == "open"
    assert body["descr"]["ordertype"] == ordertype
    assert body["descr"]["order"] == f"{side} 0.01000000 XBTUSDT @ {words}"
    assert (body["descr"]["price"], body["descr"]["price2"]) == (f"{price}.00", f"{price2}.00" if price2 else "0")


def test_stop_on_the_wrong_side_of_the_market_is_refused(venue):
    assert venue.refusal(ordertype="stop-loss", price="55000") == "EOrder:Invalid price"


def test_market_order_by_base_takes_and_closes(venue):
    venue.add(account="m", type="sell", price="60000", volume="1")
    txid = venue.add(**WITHOUT_PRICE)
    body = venue.order(txid)
    assert (body["status"], body["vol"], body["vol_exec"], body["price"]) == (
        "closed",
        "0.01000000",
        "0.01000000",
        "60000.00",
    )
    assert (body["cost"], body["fee"], body["descr"]["price"]) == ("600.00000", "2.40000", "0")


def test_market_order_by_quote_keeps_its_volume_in_quote(venue):
    venue.add(account="m", type="sell", price="60000", volume="1")
    txid = venue.add(ordertype="market", price=None, volume="600", oflags="viqc")
    body = venue.order(txid)
    assert (body["vol"], body["vol_exec"], body["status"]) == ("600.00000000", "0.01000000", "closed")
    assert body["oflags"] == "fciq,viqc"


@pytest.mark.parametrize("changes", [{"type": "sell"}, {"ordertype": "limit", "price": "50000"}])
def test_volume_in_quote_elsewhere_than_on_a_market_buy_is_refused(venue, changes):
    terms = {"ordertype": "market", "price": None, "oflags": "viqc"} | changes
    assert venue.refusal(**terms) == "EGeneral:Invalid arguments:oflags"


@pytest.mark.parametrize(
    ("tif", "status", "reason", "filled"),
    [
        ("GTC", "open", None, "0.01000000"),
        ("IOC", "canceled", "Immediate or cancel", "0.01000000"),
        ("FOK", "canceled", "Fill or kill", "0.00000000"),
    ],
)
def test_time_in_force_when_the_book_has_less_decides_the_remainder(venue, tif, status, reason, filled):
    venue.add(account="m", type="sell", price="60000", volume="0.01")
    txid = venue.add(price="60000", volume="0.02", timeinforce=tif)
    body = venue.order(txid)
    assert (body["status"], body.get("reason"), body["vol_exec"]) == (status, reason, filled)


def test_market_order_when_the_book_runs_out_is_cancelled(venue):
    txid = venue.add(**WITHOUT_PRICE)
    assert venue.order(txid)["status"] == "canceled"


@pytest.mark.parametrize(("text", "at_ms"), [("+60", START_MS + 60_000), ("1795255500", 1_795_255_500_000)])
def test_order_good_till_a_time_when_it_comes_expires(venue, text, at_ms):
    txid = venue.add(timeinforce="GTD", expiretm=text)
    assert placed(venue).expires_at_ms == at_ms
    assert venue.order(txid)["expiretm"] == Decimal(at_ms) / 1000
    venue.now_ms = at_ms
    venue.observe(venue.engine.step(venue.now_ms))
    body = venue.order(txid)
    assert (body["status"], body["closetm"]) == ("expired", Decimal(at_ms) / 1000)


@pytest.mark.parametrize(
    ("tif", "text"), [("GTD", "+4"), ("GTD", None), ("GTD", "+99999999"), ("GTD", " 60"), ("GTD", "x"), ("GTC", "+60")]
)
def test_expiry_out_of_range_or_out_of_place_is_refused(venue, tif, text):
    assert venue.refusal(timeinforce=tif, expiretm=text) == "EGeneral:Invalid arguments:expiretm"


def test_expiry_whose_plus_was_not_escaped_is_refused(venue):
    venue.nonce += 1
    body = f"nonce={venue.nonce}&pair=XBTUSDT&type=buy&ordertype=limit&volume=1&price=5&timeinforce=GTD&expiretm=+60"
    answer = venue.send(venue.signed("/0/private/AddOrder", body.encode(), str(venue.nonce)))
    assert json.loads(answer.body) == {"error": ["EGeneral:Invalid arguments:expiretm"]}


def test_post_only_order_when_it_rests_says_so(venue):
    txid = venue.add(oflags="post")
    assert placed(venue).post_only
    assert venue.order(txid)["oflags"] == "fciq,post"


def test_post_only_order_that_would_take_is_accepted_and_cancelled_with_its_reason(venue):
    venue.add(account="m", type="sell", price="60000", volume="1")
    txid = venue.add(price="60000", oflags="post")
    body = venue.order(txid)
    assert (body["status"], body["reason"], body["vol_exec"]) == ("canceled", "Post only order", "0.00000000")


def test_placement_to_validate_only_is_described_and_not_placed(venue):
    result = venue.ok("AddOrder", pair="XBTUSDT", type="buy", ordertype="limit", volume="1", price="5", validate="true")
    assert result == {"descr": {"order": "buy 1.00000000 XBTUSDT @ limit 5.00"}}
    assert venue.refusal(volume="0.000001", validate="true") == "EGeneral:Invalid arguments:volume minimum not met"
    assert venue.engine.truth.accepted_count == 0


def test_placement_in_json_with_numbers_and_nulls_is_read_alike(venue):
    body = venue.post_json(
        "AddOrder",
        pair="XBTUSDT",
        type="buy",
        ordertype="limit",
        volume=0.01,
        price=50000,
        cl_ord_id=None,
        validate=False,
    )
    assert body["error"] == []
    assert (placed(venue).size, placed(venue).price) == (Decimal("0.01"), 50_000)


# ----- refusals


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"type": None}, "EGeneral:Invalid arguments:type"),
        ({"type": "BUY"}, "EGeneral:Invalid arguments:type"),
        ({"ordertype": None}, "EGeneral:Invalid arguments:ordertype"),
        ({"ordertype": "iceberg"}, "EGeneral:Invalid arguments:ordertype"),
        ({"pair": None}, "EGeneral:Invalid arguments:pair"),
        ({"volume": None}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "1e2"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0.000001"}, "EGeneral:Invalid arguments:volume minimum not met"),
        ({"volume": "0.010000001"}, "EGeneral:Invalid arguments:volume"),
        ({"price": None}, "EGeneral:Invalid arguments:price"),
        ({"price": "+5"}, "EGeneral:Invalid arguments:price"),
        ({"price": "-2%"}, "EGeneral:Invalid arguments:price"),
        ({"price": "#3"}, "EGeneral:Invalid arguments:price"),
        ({"price": "50000.001"}, "EOrder:Tick size check failed"),
        ({"price": "2000000"}, "EOrder:Invalid price"),
        ({"price2": "1"}, "EGeneral:Invalid arguments:price2"),
        ({"ordertype": "market"}, "EGeneral:Invalid arguments:price"),
        ({"volume": "0.0001", "price": "1"}, "EOrder:Cost minimum not met"),
        ({"volume": "8999", "price": "50000"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "100"}, "EOrder:Insufficient funds"),
        ({"timeinforce": "gtc"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"timeinforce": "IOC", "oflags": "post"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"oflags": "fcib"}, "EGeneral:Invalid arguments:oflags"),
        (STOP | {"oflags": "post"}, "EGeneral:Invalid arguments:oflags"),
        ({"leverage": "2:1"}, "EGeneral:Invalid arguments:leverage"),
        ({"reduce_only": "true"}, "EGeneral:Invalid arguments:reduce_only"),
        ({"close[ordertype]": "limit"}, "EGeneral:Invalid arguments:close"),
        ({"stptype": "cancel_newest"}, "EGeneral:Invalid arguments:stptype"),
        ({"userref": "x"}, "EGeneral:Invalid arguments:userref"),
        ({"userref": str(2**31)}, "EGeneral:Invalid arguments:userref"),
        ({"userref": "1", "cl_ord_id": CLIENT_ID}, "EGeneral:Invalid arguments"),
    ],
)
def test_placement_that_breaks_a_rule_is_refused_in_its_words_and_leaves_nothing(venue, changes, text):
    assert venue.refusal(**changes) == text
    assert venue.engine.truth.accepted_count == 0


@pytest.mark.parametrize(
    ("ahead_ms", "text"),
    [
        (0, "EService:Deadline elapsed"),
        (-1, "EService:Deadline elapsed"),
        (60_001, "EGeneral:Invalid arguments:deadline"),
    ],
)
def test_deadline_that_has_passed_or_is_too_far_is_refused(venue, ahead_ms, text):
    assert venue.refusal(deadline=moment(venue.now_ms + ahead_ms)) == text
    assert venue.engine.truth.accepted_count == 0


@pytest.mark.parametrize("text", ["soon", "2026-11-21T10:00:05", "1795255205"])
def test_deadline_that_is_no_time_with_a_zone_is_refused(venue, text):
    assert venue.refusal(deadline=text) == "EGeneral:Invalid arguments:deadline"


def test_deadline_ahead_is_kept_whatever_its_zone(venue):
    venue.add(deadline=moment(venue.now_ms + 5_000))
    venue.add(deadline=moment(venue.now_ms + 3_605_000).replace("Z", "+01:00"))
    assert venue.engine.truth.accepted_count == 2


def test_market_when_closed_takes_no_orders_for_now(venue):
    venue.engine.close_market(closed=True)
    assert venue.refusal() == "EService:Market in cancel_only mode"


# ----- client order ids


@pytest.mark.parametrize("second", [CLIENT_ID, DASHED, CLIENT_ID.upper()])
def test_client_id_of_an_open_order_in_any_form_and_pair_is_not_unique(venue, second):
    venue.add(cl_ord_id=CLIENT_ID)
    assert venue.refusal(cl_ord_id=second) == "EGeneral:Invalid arguments:cl_ord_id not unique"
    assert venue.refusal(pair="ETHUSDT", price="3000", cl_ord_id=second).endswith("not unique")
    venue.add(account="m", cl_ord_id=second)


def test_client_id_of_a_closed_order_when_used_again_makes_a_second_order(venue):
    venue.add(account="m", type="sell", price="60000", volume="1")
    first, second = (venue.add(cl_ord_id=CLIENT_ID, **WITHOUT_PRICE) for _ in range(2))
    assert first != second
    assert set(venue.ok("ClosedOrders", cl_ord_id=DASHED)["closed"]) == {first, second}


@pytest.mark.parametrize(
    ("text", "shown"),
    [(CLIENT_ID, DASHED), (DASHED.upper(), DASHED), ("my order 1", "my order 1"), ("x" * 18, "x" * 18)],
)
def test_client_id_of_each_legal_form_is_shown_again(venue, text, shown):
    assert venue.order(venue.add(cl_ord_id=text))["cl_ord_id"] == shown


@pytest.mark.parametrize("text", ["x" * 19, CLIENT_ID + "0", CLIENT_ID[:-1] + "g", "ü", DASHED.replace("-", "_")])
def test_client_id_of_another_form_is_refused(venue, text):
    assert venue.refusal(cl_ord_id=text) == "EGeneral:Invalid arguments:cl_ord_id"


def test_orders_without_client_id_are_many_and_show_none(venue):
    bodies = [venue.order(venue.add(userref="-5")) for _ in range(2)]
    assert [body["cl_ord_id"] for body in bodies] == [None, None]
    assert [body["userref"] for body in bodies] == [-5, -5]


def test_placement_answer_carries_what_it_did_to_the_engine(venue):
    answer = venue.send(
        venue.request("AddOrder", {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "volume": "1", "price": "5"})
    )
    assert isinstance(answer.events[0], OrderAccepted)
    assert answer.events[0].order.end_reason is EndReason.NONE
    assert answer.events[0].order.time_in_force is TimeInForce.GTC
