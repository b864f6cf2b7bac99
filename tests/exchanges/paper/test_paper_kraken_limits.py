"""Kraken's public answers, its limits, and how it answers in trouble."""

import json
from decimal import Decimal

import pytest
from paper_kraken_kit import START_MS, KrakenVenue

from exchanges.paper.wire import WireRequest

USD_PAIR = {"pair": "XBTUSD", "price": "200", "volume": "1"}


@pytest.fixture
def venue():
    return KrakenVenue()


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"])
def test_pair_under_any_name_is_described_under_its_id(venue, name):
    result = venue.get("AssetPairs", f"pair={name.replace('/', '%2F')}")["result"]
    assert list(result) == ["XXBTZUSD"]
    pair = result["XXBTZUSD"]
    expected = {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "base": "XXBT",
        "quote": "ZUSD",
        "tick_size": "0.01",
        "pair_decimals": 2,
        "lot_decimals": 8,
        "ordermin": "0.00000001",
        "costmin": "1",
        "status": "online",
        "execution_venue": "international",
        "fees": [[0, Decimal("0.4")]],
        "fees_maker": [[0, Decimal("0.25")]],
    }
    assert {field: pair[field] for field in expected} == expected


def test_pairs_without_a_name_are_all_and_new_ones_are_their_own_altname(venue):
    result = venue.get("AssetPairs")["result"]
    assert {pair_id: pair["altname"] for pair_id, pair in result.items()} == {
        "XBTUSDT": "XBTUSDT",
        "ETHUSDT": "ETHUSDT",
        "XXBTZUSD": "XBTUSD",
    }
    assert result["XBTUSDT"]["lot_decimals"] == 5
    assert venue.get("AssetPairs", "pair=NOPE") == {"error": ["EQuery:Unknown asset pair"]}


def test_assets_are_named_by_code_and_altname(venue):
    result = venue.get("Assets")["result"]
    assert {asset: row["altname"] for asset, row in result.items()} == {
        "XXBT": "XBT",
        "USDT": "USDT",
        "XETH": "ETH",
        "ZUSD": "USD",
    }
    assert list(venue.get("Assets", "asset=XBT,ZUSD")["result"]) == ["XXBT", "ZUSD"]
    assert venue.get("Assets", "asset=NOPE") == {"error": ["EQuery:Unknown asset"]}


def test_ticker_shows_the_last_price_and_the_best_ones(venue):
    venue.add(account="m", type="sell", price="61000", volume="1")
    venue.add(account="m", price="59000", volume="1")
    body = venue.get("Ticker", "pair=XBTUSDT")["result"]["XBTUSDT"]
    assert (body["c"][0], body["a"][0], body["b"][0]) == ("60000.00000", "61000.00000", "59000.00000")


def test_time_is_in_whole_seconds_and_in_words(venue):
    assert venue.get("Time") == {
        "error": [],
        "result": {"unixtime": START_MS // 1000, "rfc1123": "Sat, 21 Nov 26 10:00:00 +0000"},
    }
    assert venue.get("SystemStatus")["result"] == {"status": "online", "timestamp": "2026-11-21T10:00:00.123000Z"}


def test_endpoint_that_does_not_exist_is_refused_with_status_200(venue):
    assert venue.get("Nothing") == {"error": ["EGeneral:Unknown method"]}
    assert venue.error("EditOrder") == "EGeneral:Unknown method"


# ----- limits


def test_calls_when_too_many_are_refused_and_allowed_again_with_time(venue):
    venue.dialect.enforce_limits(enabled=True)
    for _ in range(5):
        venue.ok("TradesHistory")
    assert venue.error("Balance") == "EAPI:Rate limit exceeded"
    venue.add()
    venue.now_ms += 1_999
    assert venue.error("Balance") == "EAPI:Rate limit exceeded"
    venue.now_ms += 1
    venue.ok("Balance")
    venue.ok("Balance", account="m")


def test_calls_without_enforcement_are_as_many_as_one_likes(venue):
    for _ in range(100):
        venue.ok("Balance")


def test_placements_of_one_pair_when_too_many_are_refused_also_after_failures(venue):
    venue.dialect.enforce_limits(enabled=True)
    for _ in range(125):
        assert venue.refusal(volume="0.000001").endswith("minimum not met")
    assert venue.refusal() == "EOrder:Rate limit exceeded"
    venue.add(**USD_PAIR)
    venue.now_ms += 428
    venue.add()
    assert venue.refusal() == "EOrder:Rate limit exceeded"


@pytest.mark.parametrize(
    ("age_ms", "cost"),
    [(0, 8), (4_999, 8), (5_000, 6), (10_000, 5), (15_000, 4), (45_000, 2), (90_000, 1), (300_000, 0)],
)
def test_cancel_of_a_young_order_costs_more_than_of_an_old_one(venue, age_ms, cost):
    txid = venue.add()
    venue.now_ms += age_ms
    venue.dialect.enforce_limits(enabled=True)
    spent = 125 - cost
    for _ in range(spent):
        venue.refusal(volume="0.000001")
    venue.ok("CancelOrder", txid=txid)
    assert venue.refusal() == "EOrder:Rate limit exceeded"


@pytest.mark.parametrize(("age_ms", "cost"), [(0, 4), (5_000, 3), (10_000, 2), (15_000, 1)])
def test_amendment_of_a_young_order_costs_more_and_makes_it_young_again(venue, age_ms, cost):
    txid = venue.add()
    venue.now_ms += age_ms
    venue.dialect.enforce_limits(enabled=True)
    venue.ok("AmendOrder", txid=txid, order_qty="0.009")
    for _ in range(125 - cost - 4):
        venue.refusal(volume="0.000001")
    venue.ok("AmendOrder", txid=txid, order_qty="0.008")
    assert venue.refusal() == "EOrder:Rate limit exceeded"


def test_cancel_refused_for_its_rate_leaves_the_orders_open(venue):
    venue.dialect.enforce_limits(enabled=True)
    for _ in range(16):
        venue.add(userref="1")
    assert venue.error("CancelOrder", txid="1") == "EOrder:Rate limit exceeded"
    assert len(venue.engine.open_orders("u")) == 16


def test_open_orders_of_a_pair_when_eighty_leave_no_room(venue):
    for _ in range(80):
        venue.add()
    venue.dialect.enforce_limits(enabled=True)
    assert venue.refusal() == "EOrder:Orders limit exceeded"
    venue.add(**USD_PAIR)


# ----- a venue in trouble


def test_answers_of_a_venue_in_trouble_are_its_own(venue):
    dialect = venue.dialect
    error = dialect.server_error()
    assert error.status == 520
    assert error.body.startswith(b"<!DOCTYPE html>")
    told = [dialect.unknown_outcome(), dialect.rate_limited(START_MS, 1_000), dialect.banned(START_MS, 5_000)]
    assert [answer.status for answer in told] == [200] * 3
    assert [json.loads(answer.body)["error"] for answer in told] == [
        ["EGeneral:Internal error"],
        ["EAPI:Rate limit exceeded"],
        [f"EService: Throttled: {START_MS // 1000 + 6}"],
    ]


def test_unknown_status_when_wanted_replaces_each_status_of_orders_only(venue):
    txid = venue.add()
    answer = venue.send(venue.request("QueryOrders", {"txid": txid}))
    garbled = venue.dialect.with_unknown_status(answer)
    assert json.loads(garbled.body)["result"][txid]["status"] == "held_for_review"
    pairs = WireRequest(method="GET", path="/0/public/AssetPairs", query=b"", body=b"", headers={})
    assert venue.dialect.with_unknown_status(venue.send(pairs)) is None
