from decimal import Decimal

import pytest
from fuzzing import JSON, damaged
from hypothesis import given
from kraken_samples import ASSETS, BOOK, LISTING, NAMES, PAIR, PAIRS

from exchanges.fields import UnreadableError
from exchanges.kraken.symbols import Names, engine_unit, read_assets, read_pairs
from messages.types import OrderType


def read(pairs, aliases=None, known=BOOK):
    return read_pairs(pairs, Names(assets=read_assets(ASSETS), quotes={}), aliases or {}, 1, known)[0]


def by_symbol(listing=LISTING):
    return {each.symbol: each for each in listing.instruments}


def test_listing_names_every_form_of_a_pair():
    for name in ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"):
        assert BOOK.canonical(name) == "BTC-USD"
    assert BOOK.canonical("XDG/USD") == BOOK.canonical("DOGE/USD") == "DOGE-USD"
    assert BOOK.venue("BTC-USD") == "XBTUSD"
    assert NAMES.quotes["DOGE-USD"] == "USD"


def test_listing_instrument_has_the_venues_rules():
    instrument = by_symbol()["BTC-USD"]
    assert (instrument.base, instrument.quote, instrument.venue_symbol) == ("BTC", "USD", "XBTUSD")
    assert (instrument.tick_size, instrument.step_size) == (Decimal("0.1"), Decimal("0.00000001"))
    assert (instrument.min_size, instrument.min_notional) == (Decimal("0.00005"), Decimal("0.5"))
    assert instrument.trading
    assert instrument.order_types == frozenset(OrderType)


@pytest.mark.parametrize(
    ("status", "trading", "cancel_only", "limit_alone"),
    [
        ("online", True, False, False),
        ("cancel_only", False, True, False),
        ("post_only", True, False, True),
        ("limit_only", True, False, True),
        ("reduce_only", False, False, False),
        ("new_status", False, False, False),
    ],
)
def test_listing_status_decides_what_is_taken(status, trading, cancel_only, limit_alone):
    instrument = by_symbol(read({"XXBTZUSD": {**PAIR, "status": status}}))["BTC-USD"]
    assert (instrument.trading, instrument.cancel_only) == (trading, cancel_only)
    assert (instrument.order_types == {OrderType.LIMIT}) == limit_alone


def test_listing_pairs_of_another_venue_are_left_out():
    assert "XBTUSD:BTNL" not in BOOK.to_canonical
    assert len(LISTING.instruments) == 3
    assert LISTING.unreadable == 0


def test_listing_alias_names_the_pair():
    listing = read({"XXBTZUSD": PAIR}, {"BITCOIN-USD": "XBTUSD"}, known=type(BOOK)())
    assert listing.symbols.canonical("BTC/USD") == "BITCOIN-USD"
    assert by_symbol(listing)["BITCOIN-USD"].base == "BTC"


def test_listing_pair_of_unlisted_assets_is_unreadable():
    listing = read({**PAIRS, "NEWUSD": {**PAIR, "altname": "NEWUSD", "base": "NEW"}})
    assert listing.unreadable == 1
    with pytest.raises(UnreadableError):
        listing.symbols.canonical("NEWUSD")


def test_listing_names_once_known_stay():
    changed = read({"XXBTZUSD": {**PAIR, "base": "SOL"}})
    assert changed.symbols.canonical("XBTUSD") == "BTC-USD"
    assert changed.unreadable == 1


def test_listing_budgets_count_calls_and_every_pair():
    budgets = {each.name: each for each in LISTING.budgets}
    assert (budgets["calls"].limit, budgets["calls"].decay_milli_per_s) == (20, 500)
    engine = budgets[engine_unit("XBTUSD")]
    assert (engine.limit, engine.decay_milli_per_s, engine.unit) == (125, 2340, engine_unit("XBTUSD"))


def test_assets_keep_the_venues_name_where_it_is_not_listed():
    assert (NAMES.asset("XXBT"), NAMES.asset("ZUSD"), NAMES.asset("XBT.F")) == ("BTC", "USD", "XBT.F")


@pytest.mark.parametrize("payload", [None, [], "x", 1])
def test_listing_that_is_none_is_unreadable(payload):
    with pytest.raises(UnreadableError):
        read(payload)
    with pytest.raises(UnreadableError):
        read_assets(payload)


@given(damaged(PAIR))
def test_listing_damaged_pair_is_skipped_or_read_as_written(record):
    listing = read({"XXBTZUSD": record}, known=type(BOOK)())
    if record.get("execution_venue", "international") != "international":
        assert (listing.instruments, listing.unreadable) == ((), 0)
        return
    assert len(listing.instruments) + listing.unreadable == 1
    for each in listing.instruments:
        assert (each.venue_symbol, str(each.min_size)) == (record["altname"], str(Decimal(record["ordermin"])))
        assert each.step_size == Decimal(1).scaleb(-record["lot_decimals"])
        assert each.trading == (record["status"] in ("online", "post_only", "limit_only"))


@given(JSON)
def test_listing_any_json_is_unreadable_or_names_nothing(value):
    listing = read({"XXBTZUSD": value}, known=type(BOOK)())
    assert (listing.instruments, listing.unreadable) == ((), 1)
    read_assets({"XXBT": value})
