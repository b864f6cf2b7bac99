from decimal import Decimal
from typing import Any

import pytest
from coinbase_samples import ACCOUNT, BOOK, FILL, PRODUCTS, VENUE_ID
from fuzzing import damaged
from hypothesis import given

from exchanges.coinbase.executions import FillsListed, read_balance, read_fill, read_fills
from exchanges.coinbase.symbols import Product
from exchanges.fields import UnreadableError
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import Side

D = Decimal


def fill(**changes: Any) -> VenueFill:
    return read_fill({**FILL, **changes}, BOOK, PRODUCTS)


def test_fill_as_documented_is_read_by_its_entry():
    assert fill() == VenueFill(
        exchange="coinbase",
        symbol="BTC-USD",
        fill_id="22222-2222222-22222222",
        venue_order_id=VENUE_ID,
        client_order_id=None,
        side=Side.BUY,
        price=D(60000),
        size=D("0.004"),
        fee=D("0.96"),
        fee_currency="USD",
        liquidity=Liquidity.MAKER,
        venue_time_ms=1795255207500,
        source=FillSource.REST,
    )


@pytest.mark.parametrize(
    ("size", "price", "step", "base"),
    [
        ("240", "60000", "0.00000001", "0.004"),
        ("9.99", "60010.5", "0.00000001", "0.00016647"),
        ("100", "3", "0.5", "33.5"),
        ("100", "3", "5", "35"),
    ],
)
def test_fill_sized_in_quote_units_is_a_whole_number_of_steps_in_base_units(size, price, step, base):
    products = {"BTC-USD": Product(quote="USD", step=D(step))}
    assert read_fill({**FILL, "size_in_quote": True, "size": size, "price": price}, BOOK, products).size == D(base)


@pytest.mark.parametrize("kind", ["REVERSAL", "CORRECTION", "SYNTHETIC", "", None])
def test_row_that_corrects_others_is_no_execution(kind):
    with pytest.raises(UnreadableError, match="trade_type"):
        fill(trade_type=kind)


def row(entry: str, kind: str = "FILL", **changes: Any) -> dict[str, Any]:
    return {**FILL, "entry_id": entry, "trade_type": kind, **changes}


def listed(*rows: Any) -> FillsListed:
    return read_fills(rows, BOOK, PRODUCTS)


def test_executions_of_a_list_count_once_each():
    found = listed(row("1"), row("2", trade_id="t2"), row("1"), {}, "row")
    assert ([fill.fill_id for fill in found.fills], found.voided, found.unreadable) == (["1", "2"], (), 2)


@pytest.mark.parametrize("kind", ["REVERSAL", "CORRECTION"])
@pytest.mark.parametrize("order", [1, -1])
def test_execution_that_another_row_takes_back_does_not_count(kind, order):
    rows = [row("1"), row("2", trade_id="t2"), row("3", kind)]
    found = listed(*rows[::order])
    assert [fill.fill_id for fill in found.fills] == ["2"]
    assert [fill.fill_id for fill in found.voided] == ["1"]
    assert (found.orphans, found.unreadable) == (frozenset(), 0)


def test_trade_between_two_orders_is_taken_back_for_the_one_that_is_named():
    found = listed(row("1"), row("2", order_id="other"), row("3", "REVERSAL", order_id="other"))
    assert [fill.fill_id for fill in found.fills] == ["1"]
    assert [fill.fill_id for fill in found.voided] == ["2"]


def test_row_that_takes_back_what_is_not_in_the_list_names_its_order():
    found = listed(row("1"), row("3", "REVERSAL", trade_id="earlier"))
    assert ([fill.fill_id for fill in found.fills], found.orphans) == (["1"], {VENUE_ID})


@pytest.mark.parametrize("changes", [{"trade_id": None}, {"trade_id": ""}, {"order_id": None}, {"trade_id": 7}])
def test_row_that_takes_back_nothing_that_it_names_is_unreadable(changes):
    found = listed(row("1"), row("3", "REVERSAL", **changes))
    assert ([fill.fill_id for fill in found.fills], found.orphans, found.unreadable) == (["1"], frozenset(), 1)


@pytest.mark.parametrize(
    ("word", "liquidity"),
    [("TAKER", Liquidity.TAKER), ("UNKNOWN_LIQUIDITY_INDICATOR", Liquidity.UNKNOWN), ("", Liquidity.UNKNOWN)],
)
def test_liquidity_of_a_fill_may_be_unknown(word, liquidity):
    assert fill(liquidity_indicator=word).liquidity is liquidity


def test_rebate_is_a_negative_fee():
    assert fill(commission="-0.01").fee == D("-0.01")


def test_fill_of_a_product_without_trading_rules_is_unreadable():
    with pytest.raises(UnreadableError, match="trading rules"):
        read_fill(FILL, BOOK, {})


@given(damaged(FILL))
def test_damaged_fill_is_unreadable_or_read_as_it_says(record):
    try:
        found = read_fill(record, BOOK, PRODUCTS)
    except UnreadableError:
        return
    assert (found.fill_id, found.venue_order_id) == (record["entry_id"], record["order_id"])
    assert (found.price, found.fee) == (D(record["price"]), D(record["commission"]))
    assert found.size == D(record["size"]) or record["size_in_quote"]
    assert found.size > 0


def test_balance_is_what_is_available_and_what_is_held():
    assert read_balance(ACCOUNT) == ("BTC", D("1.3"), D("1.2"))


@given(damaged(ACCOUNT))
def test_damaged_balance_is_unreadable_or_read_as_it_says(record):
    try:
        found = read_balance(record)
    except UnreadableError:
        return
    assert found == (record["currency"], D("1.3"), D("1.2"))


@pytest.mark.parametrize("part", [{"value": "1"}, {"value": 1.2, "currency": "BTC"}, {"value": "1", "currency": "ETH"}])
def test_balance_with_a_part_that_is_not_its_own_is_unreadable(part):
    with pytest.raises(UnreadableError):
        read_balance({**ACCOUNT, "hold": part})
