import json
from decimal import Decimal
from typing import Any

import pytest
from fuzzing import JSON, damaged, written
from hypothesis import given
from mexc_samples import ACCOUNT, BOOK, CLIENT_ID, OPEN, ORDER, ORDER_TEXT, PARTIAL, TRADE, TRADE_TEXT, VENUE_ID, parsed

from exchanges.fields import UnreadableError
from exchanges.mexc.translate import read_balance, read_order, read_trade
from messages.fills import FillSource, Liquidity
from messages.types import OrderType, PublicStatus, Side, TimeInForce


def order(**changes: Any) -> Any:
    return read_order(ORDER | changes, BOOK)


def test_order_as_documented_is_read_whole():
    found = order()
    assert (found.exchange, found.symbol, found.venue_order_id) == ("mexc", "BTC-USDT", VENUE_ID)
    assert (found.client_order_id, found.side, found.type) == (CLIENT_ID, Side.BUY, OrderType.LIMIT)
    assert (found.size, found.price, found.filled_size) == (Decimal("0.0002"), Decimal(30000), Decimal(0))
    assert (found.filled_value, found.stop_price, found.quote_size) == (Decimal(0), None, None)
    assert (found.status, found.venue_status) == (PublicStatus.CANCELLED, "CANCELED")
    assert (found.created_venue_ms, found.updated_venue_ms) == (1647667102000, 1647708567000)


@pytest.mark.parametrize(
    ("status", "executed", "ours"),
    [
        ("NEW", "0", PublicStatus.OPEN),
        ("PARTIALLY_FILLED", "1", PublicStatus.OPEN),
        ("FILLED", "2", PublicStatus.FILLED),
        ("CANCELED", "0", PublicStatus.CANCELLED),
        ("CANCELED", "1", PublicStatus.CANCELLED),
        ("PARTIALLY_CANCELED", "1", PublicStatus.CANCELLED),
        ("PENDING_CANCEL", "1", PublicStatus.OPEN),
        ("REJECTED", "0", PublicStatus.FAILED),
        ("EXPIRED", "1", PublicStatus.EXPIRED),
        ("HALF_DONE", "1", None),
    ],
)
def test_order_in_any_status_keeps_the_venues_word(status, executed, ours):
    found = order(status=status, origQty="2", executedQty=executed, cummulativeQuoteQty=executed)
    assert (found.status, found.venue_status) == (ours, status)


@pytest.mark.parametrize(
    ("status", "executed", "value"),
    [
        ("FILLED", "0", "0"),
        ("FILLED", "2", "0"),
        ("PARTIALLY_FILLED", "0", "0"),
        ("PARTIALLY_CANCELED", "0", "0"),
        ("CANCELED", "0", "3"),
        ("CANCELED", "1", "0"),
        ("NEW", "0", "3"),
        ("EXPIRED", "0", "3"),
        ("REJECTED", "1", "3"),
    ],
)
@pytest.mark.parametrize("kind", ["LIMIT", "MARKET"])
def test_order_whose_amounts_contradict_its_status_has_an_unknown_one(kind, status, executed, value):
    found = order(type=kind, status=status, origQty="2", executedQty=executed, cummulativeQuoteQty=value)
    assert (found.status, found.venue_status, found.filled_size) == (None, status, Decimal(executed))


@pytest.mark.parametrize(
    ("changes", "kind", "price", "stop_price", "quote_size"),
    [
        ({}, OrderType.LIMIT, "30000", None, None),
        ({"stopPrice": "29000"}, OrderType.STOP_LIMIT, "30000", "29000", None),
        ({"price": "0", "stopPrice": "29000", "origQuoteOrderQty": None}, OrderType.STOP_MARKET, None, "29000", None),
        ({"price": None, "origQty": "0"}, OrderType.MARKET, None, None, "6"),
    ],
)
@pytest.mark.parametrize("word", ["STOP_LIMIT", "100"])
def test_order_of_an_undocumented_type_is_told_by_its_prices(word, changes, kind, price, stop_price, quote_size):
    found = read_order(OPEN | {"type": word} | changes, BOOK)
    assert (found.type, found.status, found.client_order_id) == (kind, PublicStatus.OPEN, CLIENT_ID)
    assert [found.price, found.stop_price, found.quote_size] == [
        None if value is None else Decimal(value) for value in (price, stop_price, quote_size)
    ]
    assert (found.size or found.quote_size) > 0


@pytest.mark.parametrize(
    ("kind", "lasting", "post_only"),
    [
        ("LIMIT", TimeInForce.GTC, False),
        ("LIMIT_MAKER", TimeInForce.GTC, True),
        ("IMMEDIATE_OR_CANCEL", TimeInForce.IOC, False),
        ("FILL_OR_KILL", TimeInForce.FOK, False),
    ],
)
def test_order_of_a_limit_type_has_the_time_in_force_of_its_type(kind, lasting, post_only):
    found = order(type=kind, timeInForce="GTC")
    assert (found.type, found.time_in_force, found.post_only) == (OrderType.LIMIT, lasting, post_only)
    assert found.quote_size is None


def test_market_order_by_value_has_a_quote_size_and_no_price():
    found = order(type="MARKET", origQty="0", price="31000", executedQty="0.0001", cummulativeQuoteQty="3.1")
    assert (found.type, found.time_in_force) == (OrderType.MARKET, TimeInForce.IOC)
    assert (found.quote_size, found.size, found.price) == (Decimal(6), Decimal(0), None)
    assert (found.filled_size, found.filled_value) == (Decimal("0.0001"), Decimal("3.1"))


@pytest.mark.parametrize("empty", [None, "", "0", 0])
def test_market_order_by_size_has_no_quote_size(empty):
    found = order(type="MARKET", price=empty, origQuoteOrderQty=empty)
    assert (found.size, found.quote_size, found.price) == (Decimal("0.0002"), None, None)


def test_numbers_in_place_of_texts_are_read_digit_for_digit():
    text = (
        ORDER_TEXT.replace('"30000"', "30000.10")
        .replace('"0.0002"', "2e-4")
        .replace('"0"', "0")
        .replace("1647667102000", '"1647667102000"')
        .replace("1647708567000", "null")
        .replace('"C02__133734823834147272"', "133734823834147272")
        .replace("NEW", "CANCELED")
    )
    found = read_order(parsed(text), BOOK)
    assert (str(found.price), found.size, found.filled_size) == ("30000.10", Decimal("0.0002"), Decimal(0))
    assert (found.created_venue_ms, found.updated_venue_ms) == (1647667102000, None)
    assert found.venue_order_id == "133734823834147272"


def test_size_under_its_other_documented_name_is_read():
    record = {name: value for name, value in ORDER.items() if name != "origQty"} | {"Qty": "0.0003"}
    assert read_order(record, BOOK).size == Decimal("0.0003")


@pytest.mark.parametrize("nameless", [None, ""])
def test_order_without_a_client_id_has_none(nameless):
    assert order(clientOrderId=nameless).client_order_id is None


def test_executed_order_without_a_value_has_an_unknown_one():
    assert read_order(PARTIAL | {"cummulativeQuoteQty": "0"}, BOOK).filled_value is None
    assert read_order(PARTIAL, BOOK).filled_value == Decimal(3)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ""},
        {"type": None},
        {"type": "STOP_LIMIT", "stopPrice": "NaN"},
        {"type": "STOP_LIMIT", "stopPrice": "29000", "origQty": "0"},
        {"type": "STOP_LIMIT", "stopPrice": "29000", "origQty": "0", "price": "0", "origQuoteOrderQty": "0"},
        {"side": "BOTH"},
        {"side": ["BUY"]},
        {"symbol": "ETHUSDT"},
        {"orderId": ""},
        {"orderId": -1},
        {"orderId": True},
        {"status": None},
        {"price": "0"},
        {"origQty": "0"},
        {"origQty": None},
        {"executedQty": None},
        {"executedQty": "-1"},
        {"executedQty": ""},
        {"cummulativeQuoteQty": "NaN"},
        {"time": "yesterday"},
        {"time": 1.5},
        {"clientOrderId": 7},
        {"type": "MARKET", "origQuoteOrderQty": "-6"},
    ],
)
def test_order_that_is_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        order(**changes)


def test_trade_as_documented_is_read_whole():
    found = read_trade(TRADE, BOOK)
    assert (found.symbol, found.fill_id) == ("MX-USDT", "505979017439002624X1")
    assert (found.venue_order_id, found.client_order_id) == ("C02__505979017439002624115", None)
    assert (found.side, found.liquidity, found.source) == (Side.SELL, Liquidity.TAKER, FillSource.REST)
    assert (found.price, found.size) == (Decimal("3.6962"), Decimal(1))
    assert (found.fee, found.fee_currency) == (Decimal("0.0003998377369698171"), "MX")
    assert found.venue_time_ms == 1736417034280


def test_trade_in_numbers_is_read_digit_for_digit():
    text = TRADE_TEXT.replace('"0.0003998377369698171"', "-0.00039983773696981710")
    found = read_trade(parsed(text) | {"id": 5, "isMaker": True, "isBuyer": True}, BOOK)
    assert (str(found.fee), found.fill_id) == ("-0.00039983773696981710", "5")
    assert (found.side, found.liquidity) == (Side.BUY, Liquidity.MAKER)


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"price": "0"}, {"qty": None}, {"commission": ""}, {"isBuyer": 1}, {"time": None}]
)
def test_trade_that_is_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read_trade(TRADE | changes, BOOK)


def test_balance_is_total_and_available():
    assert read_balance(ACCOUNT["balances"][0]) == ("USDT", Decimal(1033), Decimal(1000))


@pytest.mark.parametrize("sample", [ORDER, OPEN, PARTIAL, ORDER | {"type": "MARKET"}])
def test_damaged_order_is_unreadable_or_says_what_it_says(sample):
    @given(damaged(sample))
    def check(record: dict[str, Any]) -> None:
        try:
            found = read_order(record, BOOK)
        except UnreadableError:
            return
        assert found.venue_status == record["status"]
        assert found.venue_order_id == str(record["orderId"])
        assert found.client_order_id == (record.get("clientOrderId") or None)
        assert found.side.value == record["side"]
        assert found.filled_size == written_amount(record["executedQty"])
        assert found.price is None or found.price == written_amount(record["price"])
        assert found.created_venue_ms == written(record.get("time"))

    check()


@given(damaged(TRADE))
def test_damaged_trade_is_unreadable_or_says_what_it_says(record):
    try:
        found = read_trade(record, BOOK)
    except UnreadableError:
        return
    assert found.fill_id == str(record["id"])
    assert found.size == written_amount(record["qty"])
    assert found.fee == written_amount(record["commission"])
    assert found.venue_time_ms == written(record["time"])


@given(JSON)
def test_anything_at_all_in_place_of_a_record_is_unreadable(value):
    for read in (lambda: read_order(value, BOOK), lambda: read_trade(value, BOOK), lambda: read_balance(value)):
        with pytest.raises(UnreadableError):
            read()


def written_amount(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, str) else Decimal(json.dumps(value)) if type(value) is int else value
