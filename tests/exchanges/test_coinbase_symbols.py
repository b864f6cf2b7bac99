from decimal import Decimal

import pytest
from coinbase_samples import PRODUCT
from fuzzing import JSON, damaged
from hypothesis import given

from exchanges.coinbase.symbols import Product, read_products
from exchanges.fields import UnreadableError
from messages.types import OrderType

D = Decimal


def read(*products, aliases=None):
    return read_products({"products": list(products)}, aliases or {}, 7)


def test_product_as_documented_is_an_instrument():
    listing, products = read(PRODUCT)
    (found,) = listing.instruments
    assert (found.exchange, found.symbol, found.venue_symbol) == ("coinbase", "BTC-USD", "BTC-USD")
    assert (found.tick_size, found.step_size, found.min_size, found.max_size) == (
        D("0.01"), D("0.00000001"), D("0.00000001"), D(3400),
    )  # fmt: skip
    assert (found.min_notional, found.min_notional_on_market, found.max_notional) == (D(1), True, D(150000000))
    assert found.order_types == {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT}
    assert (found.trading, found.cancel_only, found.as_of_ms, listing.unreadable) == (True, False, 7, 0)
    assert products == {"BTC-USD": Product(quote="USD", step=D("0.00000001"), same_book=("BTC-USDC",))}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "delisted"},
        *({flag: True} for flag in ("is_disabled", "trading_disabled", "cancel_only", "view_only")),
        *({flag: True} for flag in ("post_only", "auction_mode")),
    ],
)
def test_product_that_is_blocked_does_not_trade(changes):
    (found,) = read({**PRODUCT, **changes})[0].instruments
    assert not found.trading
    assert found.cancel_only is changes.get("cancel_only", False)


def test_product_for_limit_orders_only_takes_no_market_orders():
    (found,) = read({**PRODUCT, "limit_only": True})[0].instruments
    assert (found.trading, found.quote_size_allowed) == (True, False)
    assert found.order_types == {OrderType.LIMIT, OrderType.STOP_LIMIT}


def test_bad_product_is_counted_and_keeps_its_name():
    listing, products = read({**PRODUCT, "price_increment": 0.01}, {**PRODUCT, "product_id": "BTC-USDC"})
    assert (listing.unreadable, len(listing.instruments)) == (2, 0)
    assert listing.symbols.canonical("BTC-USD") == "BTC-USD"
    assert products == {}


def test_alias_names_a_product():
    listing, _ = read(PRODUCT, aliases={"XBT-USD": "BTC-USD"})
    assert listing.instruments[0].symbol == "XBT-USD"
    assert listing.symbols.venue("XBT-USD") == "BTC-USD"


@pytest.mark.parametrize("payload", [None, [], {}, {"products": None}, {"products": {}}])
def test_answer_without_products_is_unreadable(payload):
    with pytest.raises(UnreadableError):
        read_products(payload, {}, 7)


@given(damaged(PRODUCT) | JSON)
def test_damaged_product_is_counted_or_read_as_it_says(product):
    listing, products = read(product)
    assert len(listing.instruments) + listing.unreadable == 1
    for found in listing.instruments:
        assert found.venue_symbol == product["product_id"]
        assert found.tick_size == D(product["price_increment"])
        assert found.step_size == D(product["base_increment"]) == products[found.venue_symbol].step
        blocked = product["status"] != "online" or product["is_disabled"] or product["cancel_only"]
        assert not (found.trading and blocked)


@pytest.mark.parametrize(
    ("told", "same_book"),
    [
        ({"alias": "BTC-USD", "alias_to": []}, ("BTC-USD",)),
        ({"alias": "BTC-USDT", "alias_to": ["BTC-USDC", "BTC-USDT"]}, ("BTC-USDT", "BTC-USDC")),
        ({"alias": None, "alias_to": None}, ()),
        ({"alias": 7, "alias_to": "BTC-USDC"}, ()),
        ({"alias": "", "alias_to": [{}, ""]}, ()),
    ],
)
def test_products_of_the_same_book_are_those_that_are_named(told, same_book):
    _, products = read({**PRODUCT, **told})
    assert products["BTC-USD"].same_book == same_book
