from decimal import Decimal

import pytest
from fuzzing import damaged
from hypothesis import given
from mexc_samples import INFO, SYMBOL

from exchanges.fields import UnreadableError
from exchanges.mexc.symbols import read_exchange_info
from messages.types import OrderType


def listed(**changes):
    return read_exchange_info({"symbols": [SYMBOL | changes]}, {}, 7)


def test_instrument_as_documented_has_its_misnamed_rules():
    (found,) = listed().instruments
    assert (found.exchange, found.symbol, found.venue_symbol) == ("mexc", "BTC-USDT", "BTCUSDT")
    assert (found.base, found.quote, found.trading, found.as_of_ms) == ("BTC", "USDT", True, 7)
    assert (found.tick_size, found.step_size) == (Decimal("0.01"), Decimal("0.000001"))
    assert (found.min_size, found.min_notional, found.max_notional) == (Decimal("0.0001"), Decimal(5), Decimal(2000000))
    assert found.order_types == {OrderType.LIMIT, OrderType.MARKET}
    assert (found.post_only_allowed, found.quote_size_allowed, found.min_notional_on_market) == (True, True, True)


def test_price_decimals_without_their_first_name_are_read_by_the_second():
    (found,) = listed(quotePrecision=None).instruments
    assert found.tick_size == Decimal("0.001")


@pytest.mark.parametrize(("least", "applies"), [("1", False), ("9", True), (None, False)])
def test_least_value_applies_to_market_orders_where_theirs_is_no_smaller(least, applies):
    (found,) = listed(quoteAmountPrecisionMarket=least).instruments
    assert found.min_notional_on_market is applies


@pytest.mark.parametrize(
    ("changes", "trading"),
    [
        ({"status": "2"}, False),
        ({"status": "3"}, False),
        ({"status": "ENABLED"}, True),
        ({"status": 1}, True),
        ({"isSpotTradingAllowed": False}, False),
        ({"tradeSideType": 2}, True),
        ({"tradeSideType": "4"}, False),
        ({"tradeSideType": None}, True),
    ],
)
def test_instrument_in_any_state_is_trading_only_when_open_to_the_interface(changes, trading):
    (found,) = listed(**changes).instruments
    assert found.trading is trading


def test_market_orders_that_are_not_listed_are_not_allowed():
    (found,) = listed(orderTypes=["LIMIT"]).instruments
    assert (found.order_types, found.post_only_allowed, found.quote_size_allowed) == ({OrderType.LIMIT}, False, False)


def test_names_are_made_of_assets_and_aliases_count():
    found = read_exchange_info(INFO, {"BTC-USD": "BTCUSDT"}, 7)
    assert found.symbols.to_venue == {"BTC-USD": "BTCUSDT", "MX-USDT": "MXUSDT"}
    assert [each.symbol for each in found.instruments] == ["BTC-USD", "MX-USDT"]


def test_symbol_that_cannot_be_read_keeps_its_name_and_is_counted():
    found = listed(baseAssetPrecision=None)
    assert (found.instruments, found.unreadable, found.symbols.to_venue) == ((), 1, {"BTC-USDT": "BTCUSDT"})


def test_symbol_with_letters_of_another_alphabet_is_listed():
    found = listed(symbol="币USDT", baseAsset="币")
    assert found.symbols.to_venue == {"币-USDT": "币USDT"}


@pytest.mark.parametrize("payload", [None, [], {}, {"symbols": None}])
def test_answer_that_lists_nothing_is_unreadable(payload):
    with pytest.raises(UnreadableError):
        read_exchange_info(payload, {}, 7)


@given(damaged(SYMBOL))
def test_damaged_symbol_is_counted_or_says_what_it_says(record):
    found = read_exchange_info({"symbols": [record]}, {}, 7)
    assert len(found.instruments) + found.unreadable == 1
    for each in found.instruments:
        assert each.venue_symbol == record["symbol"]
        assert each.step_size == Decimal(1).scaleb(-int(record["baseAssetPrecision"]))
