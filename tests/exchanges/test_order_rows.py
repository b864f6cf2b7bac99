"""Long lists of orders: read in one go where all records have the common form, and else one by one, to the same end."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import binance_samples
import coinbase_samples
import kraken_samples
import kucoin_samples
import mexc_samples
import pytest
from fuzzing import damaged
from hypothesis import given
from hypothesis import strategies as st

from exchanges.binance import rows as binance_rows
from exchanges.binance.translate import read_order as read_binance
from exchanges.coinbase import rows as coinbase_rows
from exchanges.coinbase.translate import read_order as read_coinbase
from exchanges.fields import UnreadableError, all_plain_amounts, read_list
from exchanges.kraken import rows as kraken_rows
from exchanges.kraken.questions import read_rows
from exchanges.kraken.translate import read_order as read_kraken
from exchanges.kucoin import rows as kucoin_rows
from exchanges.kucoin.translate import read_order as read_kucoin
from exchanges.mexc import rows as mexc_rows
from exchanges.mexc.translate import read_order as read_mexc
from exchanges.symbols import SymbolBook
from exchanges.wire_json import Count, Row, parse_exact, parse_json, rows_parser, write_json


@dataclass(frozen=True)
class Listing:
    """One venue's list of open orders, and both ways of reading it."""

    common: list[dict[str, Any]]
    """Orders as nearly all are."""
    uncommon: list[dict[str, Any]]
    """Orders that other rules hold for than for those, or that are no orders."""
    amounts: tuple[str, ...]
    book: SymbolBook
    quick: Callable[[bytes], Any]
    """Parses in one go where it can."""
    whole: Callable[[bytes], Any]
    """Parses everything."""
    reader: Callable[[SymbolBook], Callable[..., Any]]
    one_by_one: Callable[..., Any]
    symbol: str = "symbol"
    envelope: Callable[[list[Any]], Any] = list
    rows: Callable[[Any], Any] = list
    """Takes the orders out of the envelope again."""
    read: Callable[[Any, Callable[..., Any]], Any] = read_list

    def body(self, orders: list[Any]) -> bytes:
        return write_json(self.envelope(orders))

    def quickly(self, body: bytes, book: SymbolBook | None = None) -> Any:
        return self.read(self.rows(self.quick(body)), self.reader(book or self.book))

    def slowly(self, body: bytes) -> Any:
        return self.read(self.rows(self.whole(body)), lambda *item: self.one_by_one(*item, self.book))


_BINANCE = {**binance_samples.ORDER, "status": "NEW", "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000"}
_BINANCE_PARTLY = {**_BINANCE, "status": "PARTIALLY_FILLED", "executedQty": "0.004", "cummulativeQuoteQty": "240.0"}
_BINANCE_STOP = {**_BINANCE, "type": "STOP_LOSS_LIMIT", "stopPrice": "59000.50000000", "side": "SELL"}
_BINANCE_MAKER = {**_BINANCE, "type": "LIMIT_MAKER", "status": "SOMETHING_NEW", "clientOrderId": "cxl-abc"}
_KRAKEN = {**kraken_samples.ORDER, **kraken_samples.UNTOUCHED}
_STOPPING = {**kraken_samples.DESCRIPTION, "ordertype": "stop-loss-limit", "price2": "27000.5"}
_COINBASE_TERMS = coinbase_samples.GTC["limit_limit_gtc"]
_COINBASE_UNTIL = {"limit_limit_gtd": {**_COINBASE_TERMS, "end_time": "2026-11-22T10:00:00Z"}}
LISTINGS = {
    "binance": Listing(
        common=[_BINANCE, _BINANCE_PARTLY, _BINANCE_STOP, _BINANCE_MAKER],
        uncommon=[
            {**_BINANCE, "origClientOrderId": "the-order", "clientOrderId": "the-cancel"},
            {**_BINANCE, "transactTime": _BINANCE["updateTime"] + 5},
            {**_BINANCE, "status": "EXPIRED", "expiryReason": "REJECTED"},
            {**_BINANCE, "type": "MARKET", "price": "0.00000000"},
            {**_BINANCE, "cummulativeQuoteQty": "-1.00000000"},
            {**_BINANCE_STOP, "stopPrice": "0.00000000"},
            *({**_BINANCE, name: ""} for name in ("symbol", "clientOrderId", "status")),
        ],
        amounts=("origQty", "executedQty", "cummulativeQuoteQty", "price", "stopPrice", "origQuoteOrderQty"),
        book=binance_samples.BOOK,
        quick=binance_rows.parse_orders,
        whole=parse_json,
        reader=binance_rows.order_reader,
        one_by_one=read_binance,
    ),
    "mexc": Listing(
        common=[
            mexc_samples.OPEN,
            {**mexc_samples.PARTIAL, "type": "LIMIT_MAKER"},
            {**mexc_samples.PARTIAL, "cummulativeQuoteQty": "0", "side": "SELL"},
            {**mexc_samples.OPEN, "clientOrderId": "", "status": "SOMETHING_NEW", "type": "FILL_OR_KILL"},
        ],
        uncommon=[
            {**mexc_samples.OPEN, "type": "MARKET", "price": "0"},
            {**mexc_samples.OPEN, "type": "STOP_LIMIT", "stopPrice": "29000"},
            {**mexc_samples.OPEN, "orderId": 133734823834147272, "time": "1647667102000"},
            {**mexc_samples.OPEN, "price": Decimal("30000.5")},
            *({**mexc_samples.OPEN, name: "0"} for name in ("price", "origQty")),
            *({**mexc_samples.OPEN, name: ""} for name in ("symbol", "orderId", "status")),
        ],
        amounts=("origQty", "executedQty", "cummulativeQuoteQty", "price"),
        book=mexc_samples.BOOK,
        quick=mexc_rows.parse_orders,
        whole=parse_exact,
        reader=mexc_rows.order_reader,
        one_by_one=read_mexc,
    ),
    "kraken": Listing(
        common=[
            _KRAKEN,
            {**kraken_samples.ORDER, "cl_ord_id": None, "opentm": 1795255200, "oflags": "fciq,post"},
            {**kraken_samples.ORDER, "cl_ord_id": "own-name", "descr": _STOPPING, "status": "pending"},
            {**_KRAKEN, "expiretm": Decimal("1795259999.5"), "descr": {**_STOPPING, "ordertype": "take-profit"}},
        ],
        uncommon=[
            {**_KRAKEN, "oflags": "viqc,post"},
            {**_KRAKEN, "closetm": 1795255300, "status": "open"},
            {**_KRAKEN, "reason": "User requested"},
            {**_KRAKEN, "status": "canceled"},
            *({**_KRAKEN, "expiretm": value} for value in ("", False, [], "1795255300")),
            *({**_KRAKEN, "opentm": value} for value in ("1795255200.1234", -1, 10**12)),
            {**_KRAKEN, "descr": {**kraken_samples.DESCRIPTION, "ordertype": "market", "price": "0"}},
            {**_KRAKEN, "descr": {**kraken_samples.DESCRIPTION, "ordertype": "trailing-stop", "price": "+1.5%"}},
            {**_KRAKEN, "descr": {**_STOPPING, "price": "0"}},
            {**_KRAKEN, "descr": {**_STOPPING, "price2": "0"}},
            {**_KRAKEN, "descr": {**kraken_samples.DESCRIPTION, "pair": ""}},
        ],
        amounts=("vol", "vol_exec", "cost"),
        book=kraken_samples.BOOK,
        quick=kraken_rows.parse_open,
        whole=parse_exact,
        reader=kraken_rows.order_reader,
        one_by_one=read_kraken,
        symbol="descr",
        envelope=lambda orders: {"error": [], "result": {"open": {f"O{n}": each for n, each in enumerate(orders)}}},
        rows=lambda payload: payload["result"]["open"],
        read=read_rows,
    ),
    "coinbase": Listing(
        common=[
            coinbase_samples.ORDER,
            coinbase_samples.FRESH,
            {**coinbase_samples.FRESH, "order_configuration": _COINBASE_UNTIL, "side": "SELL", "filled_size": "0.00"},
            {**coinbase_samples.ORDER, "client_order_id": "", "status": "CANCEL_QUEUED", "filled_value": "0"},
        ],
        uncommon=[
            {**coinbase_samples.ORDER, "order_configuration": configuration}
            for configuration in (
                {},
                {**_COINBASE_UNTIL, **coinbase_samples.GTC},
                {**coinbase_samples.GTC, "other": {}},
                {"limit_limit_gtc": {**_COINBASE_TERMS, "quote_size": "600"}},
                {"limit_limit_gtc": {**_COINBASE_TERMS, "base_size": "0"}},
                {"limit_limit_gtc": {**_COINBASE_TERMS, "limit_price": "0"}},
                {"stop_limit_stop_limit_gtc": {**_COINBASE_TERMS, "stop_price": "59000"}},
            )
        ]
        + [
            {**coinbase_samples.ORDER, "edit_history": [{"price": "61000", "size": "0.02"}]},
            {**coinbase_samples.ORDER, "status": "CANCELLED"},
            {**coinbase_samples.ORDER, "created_time": "yesterday"},
            {**coinbase_samples.ORDER, "last_update_time": "yesterday"},
            *({**coinbase_samples.ORDER, "last_update_time": value} for value in (None, "", "0001-01-01T00:00:00Z")),
            *({**coinbase_samples.ORDER, name: ""} for name in ("order_id", "product_id", "filled_size")),
        ],
        amounts=("filled_size", "filled_value"),
        book=coinbase_samples.BOOK,
        quick=coinbase_rows.parse_orders,
        whole=parse_json,
        reader=coinbase_rows.order_reader,
        one_by_one=read_coinbase,
        symbol="product_id",
        envelope=lambda orders: {"orders": orders, "sequence": "0", "has_next": False, "cursor": ""},
        rows=lambda payload: payload["orders"],
    ),
    "kucoin": Listing(
        common=[
            kucoin_samples.WORKING,
            {**kucoin_samples.WORKING, "size": "5", "dealSize": "0.4", "dealFunds": "28000", "side": "sell"},
            {**kucoin_samples.WORKING, "size": "5", "dealSize": "0.4", "cancelledSize": "1.5", "timeInForce": "GTT"},
            {**kucoin_samples.WORKING, "inOrderBook": False, "clientOid": None, "postOnly": True},
        ],
        uncommon=[
            kucoin_samples.ORDER,
            kucoin_samples.ENDED,
            kucoin_samples.BY_FUNDS,
            {**kucoin_samples.WORKING, "cancelledSize": "0.00001"},
            *({**kucoin_samples.WORKING, name: "0"} for name in ("price", "size")),
            *({**kucoin_samples.WORKING, name: ""} for name in ("id", "symbol")),
        ],
        amounts=("price", "size", "dealSize", "dealFunds", "cancelledSize"),
        book=kucoin_samples.BOOK,
        quick=kucoin_rows.parse_working,
        whole=parse_json,
        reader=kucoin_rows.order_reader,
        one_by_one=read_kucoin,
        envelope=lambda orders: {"code": "200000", "data": {"items": orders, "totalNum": len(orders), "totalPage": 1}},
        rows=lambda payload: payload["data"]["items"],
    ),
}
each_venue = pytest.mark.parametrize("venue", LISTINGS)
NEARLY_AMOUNTS = st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True) | st.text("01.-e_ ", max_size=4)


@each_venue
def test_list_of_common_orders_is_read_in_one_go_to_the_same_end(venue):
    listing = LISTINGS[venue]
    body = listing.body(listing.common)
    rows = listing.rows(listing.quick(body))
    assert all(isinstance(row, Row) for row in (rows.values() if isinstance(rows, dict) else rows))
    assert repr(listing.quickly(body)) == repr(listing.slowly(body))
    assert len(listing.quickly(body)[0]) == len(listing.common)


@each_venue
def test_order_that_is_not_as_most_are_is_read_as_one_by_one(venue):
    listing = LISTINGS[venue]
    for order in listing.uncommon:
        body = listing.body([*listing.common, order])
        assert repr(listing.quickly(body)) == repr(listing.slowly(body)), order


@each_venue
@given(st.data())
def test_list_with_a_damaged_order_is_read_as_one_by_one(venue, data):
    listing = LISTINGS[venue]
    broken = [data.draw(damaged(sample)) for sample in listing.common]
    body = listing.body([*listing.common, data.draw(st.sampled_from(broken)), *listing.common])
    assert repr(listing.quickly(body)) == repr(listing.slowly(body))
    assert len(listing.quickly(body)[0]) >= 2 * len(listing.common)


@each_venue
@given(st.data())
def test_list_with_odd_amounts_is_read_as_one_by_one(venue, data):
    listing = LISTINGS[venue]
    sample = data.draw(st.sampled_from(listing.common))
    names = data.draw(st.lists(st.sampled_from(listing.amounts), min_size=1, max_size=2, unique=True))
    odd = {**sample, **{name: data.draw(NEARLY_AMOUNTS) for name in names}}
    body = listing.body([odd, *listing.common])
    assert repr(listing.quickly(body)) == repr(listing.slowly(body))


@pytest.mark.parametrize(("venue", "name"), [("kraken", "descr"), ("coinbase", "order_configuration")])
@given(st.data())
def test_list_with_damage_inside_an_order_is_read_as_one_by_one(venue, name, data):
    listing = LISTINGS[venue]
    sample = data.draw(st.sampled_from(listing.common))
    part = data.draw(damaged(sample[name]))
    for inner in ("limit_limit_gtc", "price", "price2"):
        if isinstance(part.get(inner), dict) and part[inner]:
            part[inner] = data.draw(damaged(part[inner]))
        elif inner in part and data.draw(st.booleans()):
            part[inner] = data.draw(NEARLY_AMOUNTS)
    body = listing.body([*listing.common, {**sample, name: part}])
    assert repr(listing.quickly(body)) == repr(listing.slowly(body))


@pytest.mark.parametrize(
    ("venue", "told"),
    [
        ("kraken", {"error": ["EGeneral:Internal error"]}),
        ("coinbase", {"proof_token_required": True}),
        ("coinbase", {"has_next": True, "cursor": "next"}),
        ("kucoin", {"code": "400100"}),
    ],
)
def test_what_is_told_beside_the_list_is_passed_on(venue, told):
    payload = LISTINGS[venue].quick(write_json({**LISTINGS[venue].envelope(LISTINGS[venue].common), **told}))
    assert {name: payload[name] for name in told} == told


@pytest.mark.parametrize("venue", ["kraken", "coinbase", "kucoin"])
@given(st.data())
def test_damage_around_the_list_shows_as_when_all_is_parsed(venue, data):
    listing = LISTINGS[venue]
    envelope = {**listing.envelope(listing.common), "proof_token_required": data.draw(st.booleans())}
    body = write_json(data.draw(damaged(envelope)))
    assert _shows(listing.quick(body), listing.whole(body))


def _shows(quick: Any, whole: Any) -> bool:
    if isinstance(quick, dict) and isinstance(whole, dict):
        return all(_shows(quick[name], whole.get(name)) for name in quick)
    if isinstance(quick, Row) or (isinstance(quick, list) and quick and isinstance(quick[0], Row)):
        return True
    # What is absent is as what is false.
    return quick == whole or not (quick or whole)


@each_venue
@pytest.mark.parametrize("item", [None, 1, "x", [], {}])
def test_list_with_something_that_is_no_order_loses_nothing_else(venue, item):
    listing = LISTINGS[venue]
    orders, unreadable = listing.quickly(listing.body([*listing.common, item]))
    assert (len(orders), unreadable) == (len(listing.common), 1)


@each_venue
def test_order_of_an_unlisted_symbol_alone_is_unreadable_and_makes_the_names_be_read_again(venue):
    listing, doubts = LISTINGS[venue], []
    book = SymbolBook(listing.book.to_canonical, listing.book.to_venue, on_unlisted=lambda: doubts.append(1))
    unlisted: Any = "NEWUSDT"
    if listing.symbol == "descr":
        unlisted = {**listing.common[0]["descr"], "pair": unlisted}
    body = listing.body([*listing.common, {**listing.common[0], listing.symbol: unlisted}])
    orders, unreadable = listing.quickly(body, book)
    assert (len(orders), unreadable, doubts) == (len(listing.common), 1, [1])


@each_venue
@pytest.mark.parametrize("body", [b"", b"{", b"[", b"[{]", b"[]x", b"\xff", b"<html>"])
def test_list_that_is_no_json_is_unreadable(venue, body):
    with pytest.raises(UnreadableError):
        LISTINGS[venue].quick(body)


@each_venue
@pytest.mark.parametrize("payload", [{"code": -1121, "msg": "Invalid symbol."}, "x", None, 3])
def test_answer_that_is_no_list_is_passed_on_as_it_is(venue, payload):
    assert LISTINGS[venue].quick(json.dumps(payload).encode()) == payload


class _Thing(Row):
    name: str
    number: Count
    gone: None = None


_things = rows_parser(list[_Thing])


@pytest.mark.parametrize(
    "rest",
    [b',"x":"\xff"', b',"x":"\xc3\xa9"', rb',"x":"\ud800"', rb',"x":"\n"', b',"gone":1', b',"x":01', b',"x":"\x01"'],
)
def test_record_with_anything_out_of_the_common_is_not_parsed_as_a_row(rest):
    assert _things(b'[{"name":"a","number":1}]') == [_Thing(name="a", number=1)]
    assert _things(b'[{"name":"a","number":1%b}]' % rest) is None


@pytest.mark.parametrize("number", [b"-1", b"1.0", b"1e3", b"true", b"null", b'"1"', b"9223372036854775808"])
def test_number_that_is_no_count_is_not_parsed_as_a_row(number):
    assert _things(b'[{"name":"a","number":%b}]' % number) is None


@pytest.mark.parametrize(
    ("written", "right"),
    [
        (["1 2.5 ", "0.00 40 "], True),
        ([], True),
        (["1 2 3 ", "4 5 "], False),
        (["1  2 "], False),
        (["1. 2 "], False),
        ([".5 2 "], False),
        (["-1 2 "], False),
        (["1 2\n "], False),
        (["1 \u0661 "], False),
        (["1" * 41 + " 2 "], False),
        (["1 2"], False),
    ],
)
def test_amounts_of_a_list_are_plain_only_when_each_is_and_none_is_two(written, right):
    assert all_plain_amounts(written, 2) is right
