"""Names of symbols: one for good, whatever becomes of the rest of their records; never another one in its place."""

import json
from typing import Any

import pytest
from binance_samples import (
    API_KEY,
    API_SECRET,
    BOOK,
    EXECUTION,
    INFO,
    ORDER,
    SYMBOL,
    TRADE,
    TRADED,
    Venue,
    cancel,
    client,
    look_up,
    place,
    search,
    told,
)

from exchanges.binance.client import BinanceClient
from exchanges.binance.rest import RestSession
from exchanges.binance.sign import HmacSigner
from exchanges.binance.stream import BinanceStream
from exchanges.binance.symbols import read_exchange_info
from exchanges.binance.translate import read_execution_report, read_order, read_trade
from exchanges.fields import UnreadableError
from exchanges.http import SystemClock
from exchanges.neighbours import Neighbours
from exchanges.session import LISTING_AGAIN_MS
from exchanges.symbols import SymbolBook
from messages import FetchFills, FetchInstruments, FetchOpenOrders
from messages.reports import (
    FillsFetched,
    FrameUnreadable,
    LookUpFailed,
    OpenOrdersFetched,
    OrderFound,
    OrderReported,
    OrdersSearched,
)

ABOUT: dict[str, Any] = {"account_id": "1", "exchange": "binance"}
NEW = {**SYMBOL, "symbol": "NEWUSDT", "baseAsset": "NEW"}
WITH_NEW = {**INFO, "symbols": [SYMBOL, NEW]}
NEW_ORDER, NEW_TRADE = {**ORDER, "symbol": "NEWUSDT", "orderId": 3}, {**TRADE, "symbol": "NEWUSDT", "orderId": 3}


class Clock(SystemClock):
    """The system's clock, set forward by hand."""

    ahead_ms = 0

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() + self.ahead_ms


def names(payload: dict[str, Any], known: SymbolBook | None = None, **aliases: str) -> dict[str, str]:
    named = {name.replace("_", "-"): venue for name, venue in aliases.items()}
    return dict(read_exchange_info(payload, named, 7, known or SymbolBook()).symbols.to_canonical)


# ----- in a list


@pytest.mark.parametrize(
    "damage", [{"status": None}, {"quoteOrderQtyMarketAllowed": None}, {"filters": {}}, {"orderTypes": None}]
)
def test_name_is_read_although_the_rest_of_the_record_is_unreadable(damage):
    info = read_exchange_info({"symbols": [{**SYMBOL, **damage}]}, {}, 7)
    assert (info.instruments, info.unreadable) == ((), 1)
    order, fill = read_execution_report(TRADED, info.symbols)
    assert fill is not None
    assert (order.symbol, fill.symbol, read_trade(TRADE, info.symbols).symbol) == ("BTC-USDT",) * 3
    assert info.symbols.venue("BTC-USDT") == "BTCUSDT"


@pytest.mark.parametrize(
    "later", [[], [{**SYMBOL, "baseAsset": "XBT"}], [{**SYMBOL, "baseAsset": None}], [{**SYMBOL, "symbol": None}]]
)
def test_name_once_known_is_neither_dropped_nor_changed(later):
    known = read_exchange_info(INFO, {}, 7).symbols
    info = read_exchange_info({"symbols": later}, {}, 8, known)
    assert (info.symbols.to_canonical, info.symbols.to_venue) == ({"BTCUSDT": "BTC-USDT"}, {"BTC-USDT": "BTCUSDT"})
    assert [each.symbol for each in info.instruments] == []


def test_new_names_are_added_to_those_known():
    known = read_exchange_info(INFO, {}, 7).symbols
    assert names({"symbols": [NEW]}, known) == {"BTCUSDT": "BTC-USDT", "NEWUSDT": "NEW-USDT"}


def test_name_is_given_to_one_symbol_only():
    second = {**SYMBOL, "symbol": "BTCUSDT2"}
    info = read_exchange_info({"symbols": [SYMBOL, second]}, {}, 7)
    assert (dict(info.symbols.to_canonical), info.unreadable) == ({"BTCUSDT": "BTC-USDT"}, 1)


def test_symbol_whose_name_an_alias_took_is_known_by_the_venues_name_and_not_traded():
    other = {**SYMBOL, "symbol": "BTCUSD", "quoteAsset": "USD"}
    info = read_exchange_info({"symbols": [other, SYMBOL]}, {"BTC-USD": "BTCUSDT"}, 7)
    assert dict(info.symbols.to_canonical) == {"BTCUSDT": "BTC-USD", "BTCUSD": "BTCUSD"}
    assert (info.symbols.venue("BTC-USD"), info.symbols.venue("BTCUSD")) == ("BTCUSDT", "BTCUSD")
    assert [each.symbol for each in info.instruments] == ["BTC-USD"]
    assert info.unreadable == 1


@pytest.mark.parametrize(("read", "record"), [(read_order, NEW_ORDER), (read_trade, NEW_TRADE)])
def test_record_of_an_unlisted_symbol_is_unreadable(read, record):
    with pytest.raises(UnreadableError, match="symbol is not listed"):
        read(record, BOOK)
    assert BOOK.venue("NEW-USDT") is None


# ----- over HTTP


def test_symbol_that_lost_its_rules_is_still_asked_about_and_cancelled():
    with Venue(get_myTrades=[told([TRADE])], delete_order=[told({**ORDER, "status": "CANCELED"})]) as venue:
        asked = client(venue)
        asked.execute(FetchInstruments(**ABOUT))
        venue.info = {**INFO, "symbols": [{**SYMBOL, "filters": None}]}
        asked.execute(FetchInstruments(**ABOUT))
        report = asked.execute(FetchFills(symbol="BTC-USDT", since_venue_ms=1795255140000, **ABOUT))
        asked.execute(cancel())
    assert isinstance(report, FillsFetched)
    assert [(fill.symbol, fill.fill_id) for fill in report.fills][:1] == [("BTC-USDT", "5601")]
    assert len(venue.called("order", "DELETE")) == 1


@pytest.mark.parametrize(
    ("request_", "scripts"),
    [
        (FetchOpenOrders(**ABOUT), {"get_openOrders": [told([ORDER, NEW_ORDER])]}),
        (search(), {"get_openOrders": [told([ORDER, NEW_ORDER])], "get_allOrders": [told([])],
                    "get_myTrades": [told([])]}),
        (look_up(), {"get_order": [told(NEW_ORDER)], "get_myTrades": [told([NEW_TRADE])]}),
    ],
)  # fmt: skip
def test_unlisted_symbol_in_an_answer_makes_the_names_be_read_again_and_the_question_asked_again(request_, scripts):
    with Venue(**scripts) as venue:
        asked = client(venue)
        asked.execute(FetchInstruments(**ABOUT))
        venue.info = WITH_NEW
        report = asked.execute(request_)
        if isinstance(report, OrderFound):
            assert (report.order.symbol, report.fills[0].symbol) == ("NEW-USDT", "NEW-USDT")
        else:
            assert isinstance(report, OpenOrdersFetched | OrdersSearched)
            assert [order.symbol for order in report.orders][-1] == "NEW-USDT"
            assert report.unreadable == 0
    assert len(venue.called("exchangeInfo")) == 2


def test_symbol_that_stays_unlisted_leaves_its_records_unreadable_and_is_not_asked_for_at_every_turn():
    clock = Clock()
    with Venue(get_openOrders=[told([ORDER, NEW_ORDER])], get_order=[told(NEW_ORDER)]) as venue:
        asked = BinanceClient(api_key=API_KEY, signer=HmacSigner(API_SECRET), clock=clock, rest_url=venue.url)
        reports = [asked.execute(FetchOpenOrders(**ABOUT)) for _ in range(3)]
        assert [len(report.orders) for report in reports if isinstance(report, OpenOrdersFetched)] == [1, 1, 1]
        assert [report.unreadable for report in reports if isinstance(report, OpenOrdersFetched)] == [1, 1, 1]
        assert isinstance(asked.execute(look_up()), LookUpFailed)
        assert len(venue.called("exchangeInfo")) == 2
        clock.ahead_ms = LISTING_AGAIN_MS
        venue.info = WITH_NEW
        report = asked.execute(FetchOpenOrders(**ABOUT))
    assert isinstance(report, OpenOrdersFetched)
    assert (len(report.orders), report.unreadable) == (2, 0)


def test_names_that_cannot_be_read_again_leave_those_that_are_known():
    with Venue(get_openOrders=[told([ORDER, NEW_ORDER])]) as venue:
        asked = client(venue)
        asked.execute(FetchInstruments(**ABOUT))
        venue.info = {"code": -1000}
        report = asked.execute(FetchOpenOrders(**ABOUT))
    assert isinstance(report, OpenOrdersFetched)
    assert ([order.symbol for order in report.orders], report.unreadable) == (["BTC-USDT"], 1)


def test_placement_never_waits_for_names_that_another_symbol_lacks():
    with Venue(get_openOrders=[told([NEW_ORDER])], post_order=[told(ORDER)]) as venue:
        asked = client(venue)
        asked.session.symbols()
        stream(asked.session).read(frame({**TRADED, "s": "NEWUSDT"}), 1)
        asked.execute(place())
        assert len(venue.called("exchangeInfo")) == 1


# ----- by the stream


def frame(content: dict[str, Any]) -> bytes:
    return json.dumps({"subscriptionId": 0, "event": content}).encode()


def stream(session: RestSession) -> BinanceStream:
    return BinanceStream(
        account_id="1", api_key=API_KEY, signer=HmacSigner(API_SECRET), session=session, url="ws://unused"
    )


def session_of(venue: Venue) -> RestSession:
    return RestSession(
        api_key=API_KEY, signer=HmacSigner(API_SECRET), clock=SystemClock(), rest_url=venue.url, aliases={},
        call_timeout_ms=3000, connect_timeout_ms=1000, pool_size=2, neighbours=Neighbours(),
    )  # fmt: skip


def test_frame_about_an_unlisted_symbol_is_unreadable_until_the_next_question_has_read_the_names():
    with Venue(get_openOrders=[told([])]) as venue:
        asked = client(venue)
        asked.session.symbols()
        venue.info = WITH_NEW
        heard = stream(asked.session)
        for content in (EXECUTION, TRADED):
            (report,) = heard.read(frame({**content, "s": "NEWUSDT"}), 1).reports
            assert isinstance(report, FrameUnreadable)
        assert len(venue.called("exchangeInfo")) == 1
        asked.execute(FetchOpenOrders(**ABOUT))
        assert len(venue.called("openOrders")) == 1
        (report,) = heard.read(frame({**TRADED, "s": "NEWUSDT"}), 1).reports
    assert isinstance(report, OrderReported)
    assert report.fill is not None
    assert (report.order.symbol, report.fill.symbol) == ("NEW-USDT", "NEW-USDT")
    assert len(venue.called("exchangeInfo")) == 2


def test_frame_is_named_alike_after_an_odd_list_of_symbols():
    with Venue() as venue:
        session = session_of(venue)
        heard, named = stream(session), []
        for info in (INFO, {**INFO, "symbols": []}, {**INFO, "symbols": [{**SYMBOL, "filters": None}]}, INFO):
            venue.info = info
            session.load_listing(3000)
            (report,) = heard.read(frame(TRADED), 1).reports
            assert isinstance(report, OrderReported)
            named.append(report.order.symbol)
    assert named == ["BTC-USDT"] * 4
