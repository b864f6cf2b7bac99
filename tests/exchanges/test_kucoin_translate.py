from decimal import Decimal
from typing import Any

import pytest
from fuzzing import damaged
from hypothesis import given
from hypothesis import strategies as st
from kucoin_samples import (
    ACCOUNT,
    BOOK,
    BY_FUNDS,
    CLIENT_ID,
    ENDED,
    FILL,
    ORDER,
    ORDER_ID,
    STOP,
    STOP_ID,
    TRIGGERED,
    WORKING,
)

from exchanges.fields import UnreadableError
from exchanges.kucoin.executions import read_account, read_fill
from exchanges.kucoin.times import time_ms
from exchanges.kucoin.translate import read_order, read_stop
from messages.fills import FillSource, Liquidity
from messages.types import OrderType, PublicStatus, Side, TimeInForce


def order(**changes: Any):
    return read_order(ORDER | changes, BOOK)


def test_documented_order_is_read_whole():
    read = order()
    assert (read.exchange, read.symbol, read.venue_order_id, read.client_order_id) == (
        "kucoin", "BTC-USDT", ORDER_ID, CLIENT_ID,
    )  # fmt: skip
    assert (read.side, read.type, read.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    assert (read.status, read.venue_status) == (PublicStatus.FILLED, "done")
    assert (read.size, read.filled_size) == (Decimal("0.00001"), Decimal("0.00001"))
    assert read.filled_value == Decimal("0.677176")
    assert (read.price, read.stop_price, read.quote_size, read.post_only) == (Decimal(70000), None, None, False)
    assert (read.created_venue_ms, read.updated_venue_ms) == (1729577515444, 1729577515481)


HALF = {"size": "0.00002", "dealSize": "0.00001"}
NOTHING = {"dealSize": "0", "dealFunds": "0"}
CANCELLED = {"cancelExist": True, "cancelledSize": "0.00001"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"active": True, "inOrderBook": False, "dealSize": "0"}, PublicStatus.PENDING),
        ({"active": True, "inOrderBook": False, **HALF}, PublicStatus.OPEN),
        ({"active": True, "inOrderBook": True, "dealSize": "0"}, PublicStatus.OPEN),
        ({"active": True, "inOrderBook": True, **HALF}, PublicStatus.OPEN),
        ({}, PublicStatus.FILLED),
        ({"cancelExist": True}, PublicStatus.FILLED),
        ({**HALF, **CANCELLED}, PublicStatus.CANCELLED),
        ({**HALF, "cancelledSize": "0.00001"}, PublicStatus.CANCELLED),
        ({**NOTHING, **CANCELLED}, PublicStatus.CANCELLED),
        ({**NOTHING, "timeInForce": "FOK", **CANCELLED}, PublicStatus.CANCELLED),
        ({**NOTHING, "timeInForce": "IOC", **CANCELLED}, PublicStatus.CANCELLED),
        ({**NOTHING, "postOnly": True, **CANCELLED}, PublicStatus.CANCELLED),
        # Ends that their own amounts contradict.
        (HALF, None),
        ({**HALF, "cancelExist": True}, None),
        ({**NOTHING, "size": "1", "cancelExist": True, "cancelledSize": "0.6"}, None),
        ({**NOTHING, "cancelExist": True}, None),
        (CANCELLED, None),
        ({"dealSize": "0.00002"}, None),
        ({"dealFunds": "0"}, None),
        ({"dealSize": "0", **CANCELLED}, None),
    ],
)
def test_order_status_follows_from_its_flags_and_sizes(changes, status):
    assert order(**changes).status is status


@pytest.mark.parametrize(
    ("cancelled", "filled", "size", "status"),
    [
        ("0", "0", "0.1", PublicStatus.OPEN),
        ("0.04", "0", "0.06", PublicStatus.OPEN),
        ("0.04", "0.05", "0.06", PublicStatus.OPEN),
        ("0.04", "0.06", "0.1", None),
        ("0.1", "0", "0.1", None),
        ("0.2", "0", "0.1", None),
    ],
)
def test_working_order_is_of_the_size_that_is_not_cancelled(cancelled, filled, size, status):
    read = read_order(WORKING | {"size": "0.1", "cancelledSize": cancelled, "dealSize": filled, "dealFunds": "1"}, BOOK)
    assert (read.status, read.size, read.filled_size) == (status, Decimal(size), Decimal(filled))


@pytest.mark.parametrize(
    ("cancel_after", "lived_ms", "status"),
    [
        (10, 10_000, PublicStatus.EXPIRED),
        (10, 12_345, PublicStatus.EXPIRED),
        (10, 9_999, PublicStatus.CANCELLED),
        (-1, 9_999, PublicStatus.CANCELLED),
        (0, 9_999, PublicStatus.CANCELLED),
        (None, 9_999, PublicStatus.CANCELLED),
    ],
)
def test_order_with_a_lifetime_expires_when_it_is_over(cancel_after, lived_ms, status):
    record = ENDED | {"timeInForce": "GTT", "cancelAfter": cancel_after}
    record["lastUpdatedAt"] = record["createdAt"] + lived_ms
    assert read_order(record, BOOK).status is status


def test_market_order_never_expires():
    record = ENDED | {"type": "market", "timeInForce": "GTT", "cancelAfter": 1}
    record["lastUpdatedAt"] = record["createdAt"] + 5000
    assert read_order(record, BOOK).status is PublicStatus.CANCELLED


def test_order_without_lifetime_never_expires():
    record = ENDED | {"cancelAfter": 1, "lastUpdatedAt": ENDED["createdAt"] + 5000}
    assert read_order(record, BOOK).status is PublicStatus.CANCELLED


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({}, PublicStatus.FILLED, "0.00001"),
        ({"cancelExist": True}, PublicStatus.FILLED, "0.00001"),
        ({**NOTHING, "cancelledFunds": "0.7"}, PublicStatus.CANCELLED, "0"),
        ({**NOTHING, "cancelExist": True, "cancelledFunds": "0"}, PublicStatus.CANCELLED, "0"),
        ({**NOTHING, "cancelledFunds": "0"}, None, "0"),
        ({**NOTHING, "cancelExist": True}, None, "0"),
        ({"dealSize": "0"}, None, "0"),
        ({"dealFunds": "0"}, None, "0.00001"),
    ],
)
def test_market_order_by_funds_is_filled_by_whatever_it_bought(changes, status, filled):
    read = read_order(BY_FUNDS | changes, BOOK)
    assert (read.status, read.filled_size) == (status, Decimal(filled))
    assert (read.size, read.quote_size, read.price) == (0, Decimal("0.7"), None)
    assert (read.type, read.time_in_force) == (OrderType.MARKET, TimeInForce.IOC)


def test_market_order_by_size_that_protection_cut_short_is_cancelled():
    read = read_order(
        ORDER | {"type": "market", "price": None, "funds": "0", **HALF, "cancelledSize": "0.00001"}, BOOK
    )
    assert (read.status, read.quote_size, read.price) == (PublicStatus.CANCELLED, None, None)


@pytest.mark.parametrize("client_id", [None, ""])
def test_order_without_client_id_has_none(client_id):
    assert order(clientOid=client_id).client_order_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"side": "hold"},
        {"side": []},
        {"type": "stop"},
        {"timeInForce": "GFD"},
        {"active": 1},
        {"active": True, "inOrderBook": None},
        {"cancelExist": "false"},
        {"postOnly": 0},
        {"size": "0"},
        {"size": 0.00001},
        {"size": "-1"},
        {"size": "1e-5"},
        {"dealSize": None},
        {"dealFunds": "NaN"},
        {"price": None},
        {"price": "0"},
        {"id": ""},
        {"id": 5},
        {"symbol": "DOGE-USDT"},
        {"createdAt": "1729577515444"},
        {"lastUpdatedAt": None},
        {"type": "market", "size": "0", "funds": None},
        {"type": "market", "size": "0", "funds": "0"},
        {"size": "1", "cancelledSize": None},
        {"clientOid": 7},
    ],
)
def test_order_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        order(**changes)


def test_unlisted_symbol_makes_the_names_be_read_again():
    asked = []
    book = type(BOOK)(BOOK.to_canonical, BOOK.to_venue, on_unlisted=lambda: asked.append(1))
    with pytest.raises(UnreadableError):
        read_order(ORDER | {"symbol": "DOGE-USDT"}, book)
    assert asked


def test_documented_stop_order_is_read_whole():
    read = read_stop(STOP, BOOK)
    assert (read.venue_order_id, read.client_order_id, read.symbol) == (STOP_ID, CLIENT_ID, "BTC-USDT")
    assert (read.type, read.side, read.time_in_force) == (OrderType.STOP_LIMIT, Side.BUY, TimeInForce.GTC)
    assert (read.status, read.venue_status) == (PublicStatus.OPEN, "NEW")
    assert (read.price, read.stop_price, read.size) == (50000, 60000, Decimal("0.00001"))
    assert (read.filled_size, read.filled_value, read.quote_size) == (0, 0, None)
    assert read.created_venue_ms == 1740626554884


def test_stop_market_order_by_funds_has_neither_price_nor_size():
    read = read_stop(STOP | {"type": "market", "price": "0", "size": None, "funds": "12.5"}, BOOK)
    assert (read.type, read.price, read.size, read.quote_size) == (OrderType.STOP_MARKET, None, 0, Decimal("12.5"))


@pytest.mark.parametrize("status", ["TRIGGERED", "SOMETHING"])
def test_stop_order_that_does_not_wait_has_an_unknown_status(status):
    read = read_stop(TRIGGERED | {"status": status}, BOOK)
    assert (read.status, read.venue_status, read.filled_value) == (None, status, None)


@pytest.mark.parametrize("at", [1740626600000, 1740626600000000000])
def test_trigger_time_in_either_unit_is_milliseconds(at):
    assert read_stop(TRIGGERED | {"stopTriggerTime": at}, BOOK).updated_venue_ms == 1740626600000


def test_documented_fill_is_read_whole():
    fill = read_fill(FILL, BOOK)
    assert (fill.fill_id, fill.venue_order_id, fill.client_order_id) == ("11029373945659392", ORDER_ID, None)
    assert (fill.price, fill.size) == (Decimal("67717.6"), Decimal("0.00001"))
    assert (fill.fee, fill.fee_currency) == (Decimal("0.000677176"), "USDT")
    assert (fill.liquidity, fill.venue_time_ms, fill.source) == (Liquidity.TAKER, 1729577515473, FillSource.REST)


def test_fill_number_in_either_form_is_the_same_text():
    assert read_fill(FILL | {"tradeId": str(FILL["tradeId"])}, BOOK) == read_fill(FILL, BOOK)


def test_rebate_of_a_fill_is_a_negative_fee():
    assert read_fill(FILL | {"fee": "-0.5"}, BOOK).fee == Decimal("-0.5")


@pytest.mark.parametrize(
    "changes",
    [
        {"tradeId": None}, {"tradeId": -1}, {"tradeId": "x1"}, {"tradeId": 1.5}, {"tradeId": True},
        {"price": "0"}, {"size": None}, {"fee": None}, {"fee": 0.1}, {"side": None}, {"liquidity": "none"},
        {"orderId": ""}, {"createdAt": "1"}, {"symbol": "DOGE-USDT"}, {"feeCurrency": 5},
    ],
)  # fmt: skip
def test_fill_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read_fill(FILL | changes, BOOK)


def test_account_is_total_and_available():
    assert read_account(ACCOUNT) == ("USDT", Decimal("26.66"), Decimal(20))


@pytest.mark.parametrize(
    ("told", "meant"),
    [(1730206271588, 1730206271588), (1730206271588000024, 1730206271588), (None, None), (10**16, 10**16)],
)
def test_time_above_ten_to_the_sixteenth_is_in_nanoseconds(told, meant):
    assert time_ms(told) == meant


# ----- whatever is damaged in a record: unreadable, or still a correct claim


@given(st.one_of(damaged(ORDER), damaged(WORKING), damaged(ENDED), damaged(BY_FUNDS)))
def test_damaged_order_is_unreadable_or_still_true(record):
    try:
        read = read_order(record, BOOK)
    except UnreadableError:
        return
    assert read.symbol == record["symbol"]
    assert read.venue_order_id == record["id"]
    assert (read.client_order_id or "") == (record.get("clientOid") or "")
    assert read.side.value.lower() == record["side"]
    assert read.type.value.lower() == record["type"]
    assert read.filled_size == Decimal(record["dealSize"])
    cancelled, whole = Decimal(record["cancelledSize"]), Decimal(record["size"])
    assert read.size == whole or (record["active"] and read.size + cancelled == whole)
    assert read.filled_value == Decimal(record["dealFunds"]) or (read.filled_size and read.filled_value is None)
    assert (read.price or 0) == Decimal(record.get("price") or 0)
    assert read.quote_size is None or read.quote_size == Decimal(record["funds"])
    assert (read.status in (PublicStatus.OPEN, PublicStatus.PENDING)) is record["active"]
    ended = read.status in (PublicStatus.FILLED, PublicStatus.CANCELLED, PublicStatus.EXPIRED)
    assert not ended or not read.size or read.filled_size + cancelled == read.size


@given(st.one_of(damaged(STOP), damaged(TRIGGERED)))
def test_damaged_stop_order_is_unreadable_or_still_true(record):
    try:
        read = read_stop(record, BOOK)
    except UnreadableError:
        return
    assert read.venue_order_id == record["id"]
    assert read.side.value.lower() == record["side"]
    assert (read.status is PublicStatus.OPEN) is (record["status"] == "NEW")
    assert read.stop_price == Decimal(record["stopPrice"])
    assert read.size == Decimal(record["size"] or 0)
    assert read.created_venue_ms == record["createdAt"]


@given(damaged(FILL))
def test_damaged_fill_is_unreadable_or_still_true(record):
    try:
        fill = read_fill(record, BOOK)
    except UnreadableError:
        return
    assert fill.fill_id == str(record["tradeId"])
    assert fill.venue_order_id == record["orderId"]
    assert (fill.price, fill.size) == (Decimal(record["price"]), Decimal(record["size"]))
    assert fill.fee == Decimal(record["fee"])
    assert (fill.side.value.lower(), fill.liquidity.value) == (record["side"], record["liquidity"])
    assert fill.venue_time_ms == record["createdAt"]


@given(damaged(ACCOUNT))
def test_damaged_account_is_unreadable_or_still_true(record):
    try:
        asset, total, available = read_account(record)
    except UnreadableError:
        return
    assert asset == record["currency"]
    assert (total, available) == (Decimal(record["balance"]), Decimal(record["available"]))
