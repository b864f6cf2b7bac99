"""The latest price from Binance, and what a fetch that fails says of itself."""

import loopback
import pytest
from binance_samples import Venue, client, error, told
from loopback import answer

from exchanges.http import SystemClock
from messages.commands import FetchBalances, FetchFills, FetchInstruments, FetchOpenOrders, FetchPrice, FetchServerTime
from messages.reports import FetchFailed, PriceFetched

HEAD = {"account_id": "1", "exchange": "binance"}
PRICE = {"symbol": "BTCUSDT", "price": "60123.45000000"}


def fetch(behaviour, symbol="BTC-USDT", **options):
    with Venue(get_price=[behaviour]) as venue:
        report = client(venue, **options).execute(FetchPrice(**HEAD, symbol=symbol))
    return report, venue.called("price")


def test_price_is_asked_without_a_signature_and_read_exactly():
    before_ms = SystemClock().now_ms()
    report, (request,) = fetch(told(PRICE))
    assert isinstance(report, PriceFetched)
    assert (report.symbol, str(report.price)) == ("BTC-USDT", "60123.45000000")
    assert before_ms <= report.received_ms <= SystemClock().now_ms()
    assert request.target == "/api/v3/ticker/price?symbol=BTCUSDT"


def test_price_under_an_alias_is_told_under_it():
    report, _ = fetch(told(PRICE), "BTC-USD", aliases={"BTC-USD": "BTCUSDT"})
    assert isinstance(report, PriceFetched)
    assert report.symbol == "BTC-USD"


def test_price_of_a_symbol_with_foreign_letters_is_asked_for_in_encoded_form():
    with Venue(get_price=[told({"symbol": "币安BTC", "price": "1"})]) as venue:
        listed = {**venue.info["symbols"][0], "symbol": "币安BTC", "baseAsset": "币安", "quoteAsset": "BTC"}
        venue.info = {**venue.info, "symbols": [listed]}
        report = client(venue).execute(FetchPrice(**HEAD, symbol="币安-BTC"))
    assert isinstance(report, PriceFetched)
    assert venue.called("price")[0].target.endswith("?symbol=%E5%B8%81%E5%AE%89BTC")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (loopback.hang, "timeout"),
        (loopback.break_off, "connection_lost"),
        (answer(b"{"), "unreadable"),
        (told([]), "unreadable: not an object"),
        (told([PRICE]), "unreadable: not an object"),
        (told({**PRICE, "symbol": "ETHUSDT"}), "unreadable: the answer is about another symbol"),
        (told({**PRICE, "symbol": None}), "unreadable: symbol is not a text"),
        (told({**PRICE, "price": "0.00000000"}), "unreadable: price is not an amount above zero"),
        (told({**PRICE, "price": "-1"}), "unreadable: price is not an amount above zero"),
        (told({**PRICE, "price": 60123.45}), "unreadable: price is not an amount above zero"),
        (told({**PRICE, "price": "NaN"}), "unreadable: price is not an amount above zero"),
        (told({"symbol": "BTCUSDT"}), "unreadable: price is not an amount above zero"),
        (error(-1121, "Invalid symbol."), "refused: -1121"),
        (answer(b"", status=502), "server_error"),
    ],
)
def test_price_that_cannot_be_read_is_none(behaviour, reason):
    report, requests = fetch(behaviour, call_timeout_ms=300)
    assert isinstance(report, FetchFailed)
    assert (report.request, report.symbol, report.reason) == ("FetchPrice", "BTC-USDT", reason)
    assert len(requests) == 1


def test_price_of_an_unlisted_symbol_is_not_asked_for():
    report, requests = fetch(told(PRICE), "DOGE-USDT")
    assert isinstance(report, FetchFailed)
    assert (report.reason, report.symbol) == ("unknown_symbol", "DOGE-USDT")
    assert requests == []


def test_price_held_back_by_a_limit_says_for_how_long():
    limited = error(-1003, "Too many requests.", status=429, headers={"Retry-After": "3"})
    report, _ = fetch(limited)
    assert isinstance(report, FetchFailed)
    assert (report.reason, report.retry_after_ms) == ("rate_limited", 3000)


@pytest.mark.parametrize(
    ("request_", "symbol"),
    [
        (FetchOpenOrders(**HEAD), ""),
        (FetchOpenOrders(**HEAD, symbol="BTC-USDT"), "BTC-USDT"),
        (FetchFills(**HEAD, symbol="BTC-USDT"), "BTC-USDT"),
        (FetchPrice(**HEAD, symbol="BTC-USDT"), "BTC-USDT"),
        (FetchBalances(**HEAD), ""),
        (FetchInstruments(**HEAD), ""),
        (FetchServerTime(**HEAD), ""),
    ],
)
@pytest.mark.parametrize("reached", [True, False])
def test_fetch_that_fails_says_what_was_asked_and_when(request_, symbol, reached):
    broken = answer(b"", status=500)
    paths = ("openOrders", "myTrades", "price", "account", *(("exchangeInfo", "time") if not reached else ()))
    with Venue(**{f"get_{path}": [broken] for path in paths}) as venue:
        if reached and isinstance(request_, FetchInstruments | FetchServerTime):
            venue.scripts |= {"get_exchangeInfo": [broken], "get_time": [broken]}
        made = client(venue)
        before_ms = SystemClock().now_ms()
        report = made.execute(request_)
        after_ms = SystemClock().now_ms()
    assert isinstance(report, FetchFailed)
    assert (report.request, report.symbol) == (type(request_).__name__, symbol)
    assert before_ms <= report.sent_ms <= after_ms
