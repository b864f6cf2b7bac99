from decimal import Decimal

import pytest
from fuzzing import JSON, damaged
from hypothesis import given
from hypothesis import strategies as st
from kraken_samples import (
    BOOK,
    CANCELLED,
    CLIENT_ID,
    DASHED_ID,
    DESCRIPTION,
    NAMES,
    ORDER,
    ORDER_ID,
    TRADE,
    TRADE_ID,
    UNTOUCHED,
    to_json,
)

from exchanges.fields import UnreadableError
from exchanges.kraken.times import instant, optional_seconds, seconds, written_instant
from exchanges.kraken.translate import client_id, read_balances, read_order, read_price, read_trade
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact
from messages.fills import FillSource, Liquidity
from messages.types import OrderType, PublicStatus, Side, TimeInForce


def read(record, order_id=ORDER_ID):
    return read_order(order_id, parse_exact(to_json(record).encode()), BOOK)


def described(**changes):
    return {**ORDER, "descr": {**DESCRIPTION, **changes}}


# ----- orders


def test_order_open_is_read_as_documented():
    order = read(ORDER)
    assert (order.exchange, order.symbol, order.venue_order_id) == ("kraken", "BTC-USD", ORDER_ID)
    assert order.client_order_id == CLIENT_ID
    assert (order.side, order.type, order.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    assert (order.status, order.venue_status) == (PublicStatus.OPEN, "open")
    assert (order.size, order.filled_size, order.filled_value) == (
        Decimal("1.25"),
        Decimal("0.375"),
        Decimal("10312.5"),
    )
    # The limit is the description's; the price beside it is the average.
    assert (order.price, order.stop_price, order.quote_size) == (Decimal(27500), None, None)
    assert (order.created_venue_ms, order.updated_venue_ms) == (1795255200123, None)
    assert order.post_only is False


def test_order_average_price_is_not_the_limit():
    assert read({**ORDER, "price": "27111.1"}).price == Decimal(27500)


def test_order_cancelled_has_its_end_and_reason():
    order = read(CANCELLED)
    assert (order.status, order.reason, order.updated_venue_ms) == (
        PublicStatus.CANCELLED,
        "User requested",
        1795255260500,
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "pending"}, PublicStatus.PENDING),
        ({"status": "expired"}, PublicStatus.EXPIRED),
        ({"status": "closed", "vol_exec": "1.25000000"}, PublicStatus.FILLED),
        # It says it is done, and has executed less than it should have.
        ({"status": "closed"}, None),
        ({"status": "closed", "oflags": "fciq,viqc"}, PublicStatus.FILLED),
        ({"status": "closed", "oflags": "fciq,viqc", "vol_exec": "0.00000000"}, None),
        ({"status": "canceled", "reason": "User requested", **UNTOUCHED}, PublicStatus.CANCELLED),
        # Nothing executed, and yet something was paid, executions are named, or it says that it is partial.
        ({"status": "canceled", **UNTOUCHED, "cost": "10312.50000"}, None),
        ({"status": "canceled", **UNTOUCHED, "trades": [TRADE_ID]}, None),
        ({"status": "canceled", **UNTOUCHED, "misc": "amended,partial"}, None),
        ({"status": "canceled", **UNTOUCHED, "misc": 5}, None),
        ({"status": "canceled", "reason": "Post only order", **UNTOUCHED, "cost": "1"}, None),
        ({"status": "expired", **UNTOUCHED, "cost": "1"}, None),
        ({"status": "expired", **UNTOUCHED}, PublicStatus.EXPIRED),
        ({"status": "canceled", **UNTOUCHED, "trades": [], "misc": "amended"}, PublicStatus.CANCELLED),
        ({"status": "open", **UNTOUCHED, "cost": "1"}, PublicStatus.OPEN),
        ({"status": "canceled"}, PublicStatus.CANCELLED),
        ({"status": "canceled", "reason": None, **UNTOUCHED}, PublicStatus.CANCELLED),
        ({"status": "canceled", "reason": "Post only order", **UNTOUCHED}, PublicStatus.FAILED),
        ({"status": "canceled", "reason": "Insufficient funds (x)", **UNTOUCHED}, PublicStatus.FAILED),
        ({"status": "canceled", "reason": "Self trade", **UNTOUCHED}, PublicStatus.FAILED),
        ({"status": "canceled", "reason": "Insufficient funds"}, PublicStatus.CANCELLED),
        ({"status": "something-new"}, None),
    ],
)
def test_order_status_is_mapped_by_what_else_is_told(changes, status):
    order = read({**ORDER, **changes})
    assert (order.status, order.venue_status) == (status, changes["status"])


@pytest.mark.parametrize(
    ("changes", "kind", "price", "stop_price"),
    [
        ({"ordertype": "market", "price": "0", "price2": "0"}, OrderType.MARKET, None, None),
        ({"ordertype": "stop-loss", "price": "26000.0"}, OrderType.STOP_MARKET, None, "26000.0"),
        ({"ordertype": "take-profit", "price": "29000"}, OrderType.STOP_MARKET, None, "29000"),
        ({"ordertype": "stop-loss-limit", "price": "26000", "price2": "25900"}, OrderType.STOP_LIMIT, "25900", "26000"),
        ({"ordertype": "take-profit-limit", "price": "29", "price2": "28"}, OrderType.STOP_LIMIT, "28", "29"),
    ],
)
def test_order_types_have_their_prices(changes, kind, price, stop_price):
    order = read(described(**changes))
    assert order.type is kind
    assert order.price == (None if price is None else Decimal(price))
    assert order.stop_price == (None if stop_price is None else Decimal(stop_price))
    assert order.time_in_force is (TimeInForce.IOC if kind is OrderType.MARKET else TimeInForce.GTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"ordertype": ["limit"]},
        {"ordertype": ""},
        {"ordertype": None},
        {"ordertype": "iceberg", "type": "hold"},
        {"type": "hold"},
        {"price": "0"},
        {"price": "+5%"},
        {"price": None},
        {"ordertype": "stop-loss", "price": "0"},
        {"ordertype": "stop-loss-limit", "price": "26000", "price2": "0"},
        {"pair": "NEWUSD"},
        {"pair": None},
    ],
)
def test_order_of_unknown_terms_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read(described(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"descr": None},
        {"vol": 1.25},
        {"vol": "-1"},
        {"vol": "1e3"},
        {"vol_exec": None},
        {"cost": "NaN"},
        {"price": ["1"], "cost": None},
        {"opentm": "1795255200"},
        {"opentm": None},
        {"opentm": -1},
        {"opentm": True},
        {"closetm": "soon"},
        {"expiretm": "0"},
        {"oflags": None},
        {"cl_ord_id": 5},
        {"reason": 5},
        {"status": None},
        {"status": ""},
    ],
)
def test_order_with_a_field_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read({**ORDER, **changes})


def test_order_unreadable_names_the_field():
    with pytest.raises(UnreadableError, match="vol_exec"):
        read({**ORDER, "vol_exec": "x"})
    with pytest.raises(UnreadableError, match="ordertype"):
        read(described(ordertype=5))


@pytest.mark.parametrize(
    ("changes", "kind", "price", "stop_price"),
    [
        ({"ordertype": "iceberg"}, OrderType.LIMIT, 27500, None),
        ({"ordertype": "settle-position", "price": "0"}, OrderType.MARKET, None, None),
        ({"ordertype": "trailing-stop", "price": "+5.0%"}, OrderType.MARKET, None, None),
        ({"ordertype": "trailing-stop", "price": "26000"}, OrderType.STOP_MARKET, None, 26000),
        ({"ordertype": "trailing-stop-limit", "price": "26000", "price2": "25900"}, OrderType.STOP_LIMIT, 25900, 26000),
        ({"ordertype": "something-new", "price": "26000", "price2": "25900"}, OrderType.STOP_LIMIT, 25900, 26000),
    ],
)
def test_order_of_a_type_we_do_not_place_is_read_as_the_type_its_prices_make_it_like(changes, kind, price, stop_price):
    order = read({**described(**changes), "cl_ord_id": "from-the-app"})
    assert (order.type, order.price, order.stop_price) == (kind, price, stop_price)
    assert (order.client_order_id, order.side, order.status) == ("from-the-app", Side.BUY, PublicStatus.OPEN)
    assert (order.size, order.filled_size) == (Decimal("1.25"), Decimal("0.375"))


def test_order_with_an_end_of_life_is_gtt():
    assert read({**ORDER, "expiretm": 1795259999}).time_in_force is TimeInForce.GTT


def test_order_flags_tell_post_only():
    assert read({**ORDER, "oflags": "fciq,post"}).post_only is True
    assert read({**ORDER, "oflags": "fciq,nopost"}).post_only is False
    assert read({**ORDER, "oflags": ""}).post_only is False


def test_order_by_quote_is_sized_by_what_has_executed():
    sized = {**described(ordertype="market", price="0"), "oflags": "fciq,viqc", "vol": "500.00000000"}
    waiting = read({**sized, "vol_exec": "0.00000000", "cost": "0.00000"})
    assert (waiting.size, waiting.filled_size, waiting.quote_size) == (Decimal(0), Decimal(0), Decimal(500))
    done = read({**sized, "status": "closed", "vol_exec": "0.01800000", "cost": "499.95"})
    assert (done.size, done.filled_size, done.quote_size) == (Decimal("0.018"), Decimal("0.018"), Decimal(500))
    assert done.status is PublicStatus.FILLED


@pytest.mark.parametrize(
    ("shown", "ours"),
    [
        (DASHED_ID, CLIENT_ID),
        (DASHED_ID.upper(), CLIENT_ID),
        (CLIENT_ID.upper(), CLIENT_ID),
        ("my-order-1", "my-order-1"),
        ("6f2c1f0e-7d0b4c649a570d6c6a0b1d11", "6f2c1f0e-7d0b4c649a570d6c6a0b1d11"),
    ],
)
def test_client_id_is_compared_as_the_venue_does(shown, ours):
    assert client_id(shown) == ours
    assert read({**ORDER, "cl_ord_id": shown}).client_order_id == ours


@pytest.mark.parametrize("absent", [None, ""])
def test_order_without_client_id_has_none(absent):
    assert read({**ORDER, "cl_ord_id": absent}).client_order_id is None


def test_order_without_optional_fields_is_read():
    bare = {name: ORDER[name] for name in ORDER if name not in ("cl_ord_id", "expiretm", "trades", "refid", "userref")}
    assert read(bare).client_order_id is None


def test_order_of_an_unlisted_symbol_makes_the_names_doubted():
    doubted = []
    with pytest.raises(UnreadableError):
        read_order(ORDER_ID, ORDER, SymbolBook(on_unlisted=lambda: doubted.append(1)))
    assert doubted == [1]


@given(damaged(ORDER), damaged(DESCRIPTION), st.booleans())
def test_order_damaged_is_unreadable_or_as_written(record, description, inside):
    damaged_record = {**ORDER, "descr": description} if inside else record
    try:
        order = read_order(ORDER_ID, damaged_record, BOOK)
    except UnreadableError:
        return
    descr = damaged_record["descr"]
    assert BOOK.to_canonical[descr["pair"]] == order.symbol
    assert descr["type"] == order.side.value.lower()
    assert (Decimal(damaged_record["vol"]), Decimal(damaged_record["vol_exec"])) == (order.size, order.filled_size)
    assert damaged_record["status"] == order.venue_status
    if order.type is OrderType.LIMIT:
        assert Decimal(descr["price"]) == order.price


@given(JSON)
def test_order_any_json_is_unreadable(value):
    with pytest.raises(UnreadableError):
        read_order(ORDER_ID, value, BOOK)


# ----- executions


def test_trade_is_read_as_documented():
    fill = read_trade(TRADE_ID, parse_exact(to_json(TRADE).encode()), BOOK, NAMES)
    assert (fill.fill_id, fill.venue_order_id, fill.symbol) == (TRADE_ID, ORDER_ID, "BTC-USD")
    assert (fill.side, fill.liquidity, fill.source) == (Side.BUY, Liquidity.MAKER, FillSource.REST)
    assert (fill.price, fill.size) == (Decimal(27500), Decimal("0.375"))
    assert (fill.fee, fill.fee_currency) == (Decimal("16.5"), "USD")
    assert (fill.venue_time_ms, fill.client_order_id) == (1795255207501, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"vol": "0"},
        {"price": "0.0"},
        {"fee": None},
        {"maker": "true"},
        {"maker": None},
        {"time": "1795255207"},
        {"type": "b"},
        {"pair": "NEWUSD"},
        {"ordertxid": ""},
    ],
)
def test_trade_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read_trade(TRADE_ID, {**TRADE, **changes}, BOOK, NAMES)


@given(damaged(TRADE))
def test_trade_damaged_is_unreadable_or_as_written(record):
    try:
        fill = read_trade(TRADE_ID, record, BOOK, NAMES)
    except UnreadableError:
        return
    assert (Decimal(record["price"]), Decimal(record["vol"])) == (fill.price, fill.size)
    assert Decimal(record["fee"]) == fill.fee
    assert record["ordertxid"] == fill.venue_order_id
    assert record["maker"] is (fill.liquidity is Liquidity.MAKER)


# ----- balances and prices

BALANCES = {
    "ZUSD": {"balance": "25435.21", "hold_trade": "8249.76"},
    "XXBT": {"balance": "1.2435", "hold_trade": "0.8423"},
    "XBT.F": {"balance": "0.5", "hold_trade": "0"},
    "SOL": {"balance": "10", "hold_trade": "1", "credit": "5", "credit_used": "2"},
}


def test_balances_are_named_and_availability_is_computed():
    assert read_balances(BALANCES, NAMES) == (
        ("USD", Decimal("25435.21"), Decimal("17185.45")),
        ("BTC", Decimal("1.2435"), Decimal("0.4012")),
        ("XBT.F", Decimal("0.5"), Decimal("0.5")),
        ("SOL", Decimal(10), Decimal(12)),
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"XXBT": {"balance": "1"}},
        {"XXBT": {"balance": None, "hold_trade": "0"}},
        {"XXBT": {"balance": 1, "hold_trade": "0"}},
        {"XXBT": {"balance": "1", "hold_trade": "0", "credit": "x"}},
        {"XXBT": None},
        {"XXBT": {"balance": "1", "hold_trade": "0"}, "BTC": {"balance": "1", "hold_trade": "0"}},
        [],
    ],
)
def test_balances_with_a_bad_one_are_unreadable_as_a_whole(bad):
    with pytest.raises(UnreadableError):
        read_balances({**BALANCES, **bad} if isinstance(bad, dict) else bad, NAMES)


@given(damaged(BALANCES["SOL"]))
def test_balances_damaged_are_unreadable_or_as_written(record):
    try:
        ((_, total, available),) = read_balances({"SOL": record}, NAMES)
    except UnreadableError:
        return
    credit = Decimal(record.get("credit") or 0) - Decimal(record.get("credit_used") or 0)
    assert total == Decimal(record["balance"])
    assert available == total + credit - Decimal(record["hold_trade"])


def test_price_is_that_of_the_last_trade():
    assert read_price({"XXBTZUSD": {"c": ["27500.10000", "0.1"]}}, BOOK, "BTC-USD") == Decimal("27500.1")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"XDGUSD": {"c": ["1", "1"]}},
        {"XXBTZUSD": {"c": ["1", "1"]}, "XDGUSD": {"c": ["1", "1"]}},
        {"XXBTZUSD": {"c": ["0", "1"]}},
        {"XXBTZUSD": {"c": []}},
        {"XXBTZUSD": {"c": [1.5]}},
        {"XXBTZUSD": {}},
        {"XXBTZUSD": None},
        None,
    ],
)
def test_price_of_another_symbol_or_none_is_unreadable(payload):
    with pytest.raises(UnreadableError):
        read_price(payload, BOOK, "BTC-USD")


# ----- times


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("1795255200", 1795255200000),
        ("1795255200.1", 1795255200100),
        ("1795255200.1234", 1795255200123),
        ("1795255200.999999999", 1795255200999),
        ("0.0001", 0),
    ],
)
def test_seconds_are_read_exactly(written, ms):
    assert seconds(parse_exact(f'{{"t":{written}}}'.encode()), "t") == ms


@pytest.mark.parametrize("written", ["null", '"1"', "true", "-1", "1e300", "1795255200123", "[]"])
def test_seconds_of_another_form_are_unreadable(written):
    with pytest.raises(UnreadableError):
        seconds(parse_exact(f'{{"t":{written}}}'.encode()), "t")


def test_seconds_of_zero_or_none_are_no_time():
    assert optional_seconds({"t": 0}, "t") is optional_seconds({}, "t") is optional_seconds({"t": None}, "t") is None


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2026-11-21T10:00:00Z", 1795255200000),
        ("2026-11-21T10:00:05.709950Z", 1795255205709),
        ("2026-11-21T10:00:05.999999999Z", 1795255205999),
    ],
)
def test_instant_is_read_exactly(written, ms):
    assert instant({"t": written}, "t") == ms


@pytest.mark.parametrize(
    "written", ["2026-11-21 10:00:00Z", "2026-11-21T10:00:00", "2026-13-21T10:00:00Z", "2026-11-21T10:00:00+01:00", 5]
)
def test_instant_of_another_form_is_unreadable(written):
    with pytest.raises(UnreadableError):
        instant({"t": written}, "t")


@given(st.integers(0, 4_000_000_000_000))
def test_instant_written_is_read_again(at_ms):
    assert instant({"t": written_instant(at_ms)}, "t") == at_ms
