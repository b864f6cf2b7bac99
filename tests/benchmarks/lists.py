"""The list of open orders of each venue: the bytes that it answers with, and the ways of reading them.

Ours is the adapter's: from the answer's bytes, its envelope included, to normalized orders. The floors take the fields
from the parsed record as they are. Every order has an id, a price and a size of its own, in every list, and where it is
partly filled a filled size and value too.
"""

import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from exchanges.binance import rows as binance
from exchanges.coinbase import rows as coinbase
from exchanges.fields import read_list
from exchanges.kraken import rows as kraken
from exchanges.kraken.questions import read_rows, rows_of
from exchanges.kucoin import rows as kucoin
from exchanges.mexc import rows as mexc
from exchanges.projectx import translate as projectx
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact

VENUE_MS = 1_795_255_200_000
ACCOUNT = 704
_CONTRACT = "CON.F.US.EP.U25"


def book(venue_symbol: str, canonical: str) -> SymbolBook:
    return SymbolBook(to_canonical={venue_symbol: canonical}, to_venue={canonical: venue_symbol})


BOOKS = {
    "binance": book("BTCUSDT", "BTC-USDT"),
    "coinbase": book("BTC-USD", "BTC-USD"),
    "kraken": book("XBTUSD", "BTC-USD"),
    "kucoin": book("BTC-USDT", "BTC-USDT"),
    "mexc": book("BTCUSDT", "BTC-USDT"),
    "projectx": book(_CONTRACT, "ES-U25"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A venue's list."""

    record: Callable[[int, bool], Any]
    """Makes an order by its number, partly filled or not."""
    envelope: Callable[[Sequence[Any]], Any]
    """Puts records into an answer."""
    read: Callable[[bytes], tuple[Sequence[Any], int]]
    """Ours."""
    parse: Callable[[bytes], Any] = orjson.loads
    """What the floors parse with: the quicker parser where no amount is a number."""
    rows: Callable[[Any], Sequence[Any]]
    """Takes the records out of a parsed answer again."""
    values: Callable[[Any], tuple[Any, ...]]
    """What the floors' dataclass is filled with."""
    market: tuple[str, str, str] | None = None
    """What ccxt is told of the market: id, base, quote; None: ccxt does not know the venue."""

    def body(self, numbers: Sequence[int], filled_every: int) -> bytes:
        return json.dumps(self.envelope([self.record(each, not each % filled_every) for each in numbers])).encode()

    def floor(self, order: Callable[..., object]) -> Callable[[bytes], list[object]]:
        parse, rows, values = self.parse, self.rows, self.values
        return lambda body: [order(*values(item)) for item in rows(parse(body))]


def client_id(number: int) -> str:
    return f"{number:032x}"


def uuid(number: int) -> str:
    plain = client_id(number)
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def digits(number: int) -> str:
    return f"{number % 10**8:08}"


def instant(number: int, places: int = 6) -> str:
    minutes, millis = divmod(number, 60_000)
    hours, minute = divmod(minutes, 60)
    return f"2026-11-{1 + hours // 24 % 28:02}T{hours % 24:02}:{minute:02}:{millis / 1000:0{3 + places}.{places}f}Z"


# ----- Binance


def _binance_order(number: int, filled: bool) -> dict[str, object]:  # noqa: FBT001 - as `Listed.record` has it
    return {
        "symbol": "BTCUSDT", "orderId": 28457 + number, "orderListId": -1, "clientOrderId": client_id(number),
        "price": f"{60000 + number / 100:.8f}", "origQty": f"1.{digits(number)}",
        "executedQty": f"0.{digits(number)}" if filled else "0.00000000", "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": f"{number * 6}.{digits(number)}" if filled else "0.00000000",
        "status": "PARTIALLY_FILLED" if filled else "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": VENUE_MS + number,
        "updateTime": VENUE_MS + number, "isWorking": True, "workingTime": VENUE_MS + number,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }  # fmt: skip


def _binance_values(item: Any) -> tuple[Any, ...]:
    return (
        "binance", item["orderId"], item["clientOrderId"], item["symbol"], item["side"], item["type"],
        item["status"], Decimal(item["origQty"]), Decimal(item["executedQty"]), Decimal(item["price"]),
        Decimal(item["stopPrice"]), Decimal(item["origQuoteOrderQty"]), Decimal(item["cummulativeQuoteQty"]),
        item["time"], item["updateTime"], item["timeInForce"],
    )  # fmt: skip


def _binance_read(body: bytes) -> tuple[Sequence[Any], int]:
    return read_list(binance.parse_orders(body), binance.order_reader(BOOKS["binance"]))


# ----- Coinbase


def _coinbase_order(number: int, filled: bool) -> dict[str, object]:  # noqa: FBT001
    limit = {"base_size": f"1.{digits(number)}", "limit_price": f"{60000 + number / 100:.2f}", "post_only": False}
    at = instant(number)
    return {
        "order_id": uuid(28457 + number), "product_id": "BTC-USD", "user_id": "2222-000000-000000", "side": "BUY",
        "client_order_id": uuid(number), "order_configuration": {"limit_limit_gtc": limit}, "status": "OPEN",
        "time_in_force": "GOOD_UNTIL_CANCELLED", "order_type": "LIMIT", "trigger_status": "INVALID_ORDER_TYPE",
        "created_time": at, "last_update_time": instant(number + 7) if filled else at,
        "last_fill_time": instant(number + 7) if filled else None, "completion_percentage": "40" if filled else "0",
        "filled_size": f"0.{digits(number)}" if filled else "0", "average_filled_price": "60000" if filled else "0",
        "filled_value": f"{number * 6}.{digits(number)}" if filled else "0",
        "number_of_fills": "2" if filled else "0", "fee": "", "total_fees": "0.96" if filled else "0",
        "total_value_after_fees": "600.96", "size_in_quote": False, "size_inclusive_of_fees": False,
        "pending_cancel": False, "settled": False, "reject_reason": "REJECT_REASON_UNSPECIFIED", "reject_message": "",
        "cancel_message": "", "order_placement_source": "RETAIL_ADVANCED", "outstanding_hold_amount": "361.4",
        "product_type": "SPOT", "edit_history": [], "current_pending_replace": None,
        "retail_portfolio_id": "11111111-1111-1111-1111-111111111111", "is_liquidation": False, "leverage": "",
        "margin_type": "",
    }  # fmt: skip


def _coinbase_values(item: Any) -> tuple[Any, ...]:
    terms = item["order_configuration"]["limit_limit_gtc"]
    return (
        "coinbase", item["order_id"], item["client_order_id"], item["product_id"], item["side"], item["order_type"],
        item["status"], Decimal(terms["base_size"]), Decimal(item["filled_size"]), Decimal(terms["limit_price"]),
        None, None, Decimal(item["filled_value"]), item["created_time"], item["last_update_time"],
        item["time_in_force"],
    )  # fmt: skip


def _coinbase_read(body: bytes) -> tuple[Sequence[Any], int]:
    symbols = BOOKS["coinbase"]
    return read_list(coinbase.parse_orders(body)["orders"], coinbase.order_reader(symbols))


# ----- Kraken


def _kraken_order(number: int, filled: bool) -> tuple[str, dict[str, object]]:  # noqa: FBT001
    price = f"{60000 + number / 10:.1f}"
    return f"O{number:05}-KLAF2-FWUDD7", {
        "refid": None, "userref": None, "cl_ord_id": uuid(number), "status": "open",
        "opentm": (VENUE_MS + number) / 1000 + 0.0002, "starttm": 0, "expiretm": 0,
        "descr": {
            "pair": "XBTUSD", "aclass": "forex", "type": "buy", "ordertype": "limit", "price": price, "price2": "0",
            "leverage": "none", "order": f"buy 1.{digits(number)} XBTUSD @ limit {price}", "close": "",
        },
        "vol": f"1.{digits(number)}", "vol_exec": f"0.{digits(number)}" if filled else "0.00000000",
        "cost": f"{number * 6}.{number % 10**5:05}" if filled else "0.00000",
        "fee": "16.50000" if filled else "0.00000",
        "price": price if filled else "0.00000", "stopprice": "0.00000", "limitprice": "0.00000",
        "misc": "partial" if filled else "", "oflags": "fciq", "trades": ["THVRQM-33VKH-UCI7BS"] if filled else [],
    }  # fmt: skip


def _kraken_values(row: Any) -> tuple[Any, ...]:
    order_id, item = row
    terms = item["descr"]
    return (
        "kraken", order_id, item["cl_ord_id"], terms["pair"], terms["type"], terms["ordertype"], item["status"],
        Decimal(item["vol"]), Decimal(item["vol_exec"]), Decimal(terms["price"]), Decimal(terms["price2"]), None,
        Decimal(item["cost"]), item["opentm"], item["expiretm"], item["oflags"],
    )  # fmt: skip


def _kraken_read(body: bytes) -> tuple[Sequence[Any], int]:
    symbols = BOOKS["kraken"]
    rows = rows_of(kraken.parse_open(body)["result"], "open")
    return read_rows(rows, kraken.order_reader(symbols))


# ----- KuCoin


def _kucoin_order(number: int, filled: bool) -> dict[str, object]:  # noqa: FBT001
    size = f"1.{digits(number)}"
    return {
        "id": f"{28457 + number:024x}", "clientOid": client_id(number), "symbol": "BTC-USDT", "opType": "DEAL",
        "type": "limit", "side": "buy", "price": f"{60000 + number / 10:.1f}", "size": size, "funds": "0",
        "dealSize": f"0.{digits(number)}" if filled else "0",
        "dealFunds": f"{number * 6}.{digits(number)}" if filled else "0", "remainSize": "1" if filled else size,
        "remainFunds": "0", "cancelledSize": "0", "cancelledFunds": "0", "fee": "0.1" if filled else "0",
        "feeCurrency": "USDT", "stp": None, "timeInForce": "GTC", "postOnly": False, "hidden": False,
        "iceberg": False, "visibleSize": "0", "cancelAfter": 0, "channel": "API", "remark": None, "tags": None,
        "cancelExist": False, "tradeType": "TRADE", "inOrderBook": True, "active": True, "tax": "0",
        "createdAt": VENUE_MS + number, "lastUpdatedAt": VENUE_MS + number,
    }  # fmt: skip


def _kucoin_values(item: Any) -> tuple[Any, ...]:
    return (
        "kucoin", item["id"], item["clientOid"], item["symbol"], item["side"], item["type"], item["active"],
        Decimal(item["size"]), Decimal(item["dealSize"]), Decimal(item["price"]), None, Decimal(item["funds"]),
        Decimal(item["dealFunds"]), item["createdAt"], item["lastUpdatedAt"], item["timeInForce"],
    )  # fmt: skip


def _kucoin_read(body: bytes) -> tuple[Sequence[Any], int]:
    symbols = BOOKS["kucoin"]
    return read_list(kucoin.parse_working(body)["data"]["items"], kucoin.order_reader(symbols))


# ----- MEXC


def _mexc_order(number: int, filled: bool) -> dict[str, object]:  # noqa: FBT001
    price = f"{60000 + number / 100:.2f}"
    return {
        "symbol": "BTCUSDT", "orderId": f"C02__{505979017439002624115 + number}", "orderListId": -1,
        "clientOrderId": client_id(number), "price": price, "origQty": f"1.{digits(number)}",
        "executedQty": f"0.{digits(number)}" if filled else "0",
        "cummulativeQuoteQty": f"{number * 6}.{digits(number)}" if filled else "0",
        "status": "PARTIALLY_FILLED" if filled else "NEW", "timeInForce": None, "type": "LIMIT", "side": "BUY",
        "stopPrice": None, "icebergQty": None, "time": VENUE_MS + number, "updateTime": None, "isWorking": True,
        "origQuoteOrderQty": price,
    }  # fmt: skip


def _mexc_values(item: Any) -> tuple[Any, ...]:
    return (
        "mexc", item["orderId"], item["clientOrderId"], item["symbol"], item["side"], item["type"], item["status"],
        Decimal(item["origQty"]), Decimal(item["executedQty"]), Decimal(item["price"]), None,
        Decimal(item["origQuoteOrderQty"]), Decimal(item["cummulativeQuoteQty"]), item["time"], item["updateTime"],
        item["timeInForce"],
    )  # fmt: skip


def _mexc_read(body: bytes) -> tuple[Sequence[Any], int]:
    return read_list(mexc.parse_orders(body), mexc.order_reader(BOOKS["mexc"]))


# ----- ProjectX


def projectx_order(number: int, filled: bool) -> dict[str, object]:  # noqa: FBT001
    at = instant(number).replace("Z", "+00:00")
    return {
        "id": 28457 + number, "accountId": ACCOUNT, "contractId": _CONTRACT, "symbolId": "F.US.EP",
        "creationTimestamp": at, "updateTimestamp": at, "status": 1, "type": 1, "side": 0, "size": 1 + number % 90,
        "limitPrice": 6000 + number / 4, "stopPrice": None, "fillVolume": number % 90 if filled else 0,
        "filledPrice": 6000.25 if filled else None, "customTag": client_id(number), "trailDistance": None,
        "trailPrice": None, "parentOrderId": None, "linkedOrderId": None,
    }  # fmt: skip


def _projectx_values(item: Any) -> tuple[Any, ...]:
    return (
        "projectx", item["id"], item["customTag"], item["contractId"], item["side"], item["type"], item["status"],
        Decimal(item["size"]), Decimal(item["fillVolume"]), item["limitPrice"], item["stopPrice"], None, None,
        item["creationTimestamp"], item["updateTimestamp"], None,
    )  # fmt: skip


def _projectx_read(body: bytes) -> tuple[Sequence[Any], int]:
    symbols = BOOKS["projectx"]
    return read_list(parse_exact(body)["orders"], lambda item: projectx.read_order(item, symbols, ACCOUNT))


def _in(*path: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    # How an answer has its list inside objects: putting it there, and taking it out.
    def put(content: Any) -> Any:
        for name in reversed(path):
            content = {name: content}
        return content

    def take(content: Any) -> Any:
        for name in path:
            content = content[name]
        return content

    return put, take


def _coinbase_envelope(rows: Sequence[Any]) -> Any:
    return {"orders": rows, "sequence": "0", "has_next": False, "cursor": ""}


def _kucoin_envelope(rows: Sequence[Any]) -> Any:
    page = {"currentPage": 1, "pageSize": len(rows), "totalNum": len(rows), "totalPage": 1, "items": rows}
    return {"code": "200000", "data": page}


def _kraken_envelope(rows: Sequence[Any]) -> Any:
    return {"error": [], "result": {"open": dict(rows)}}


def _lists() -> Iterator[tuple[str, Listed]]:
    put, take = _in()
    yield "binance", Listed(
        record=_binance_order, envelope=put, rows=take, read=_binance_read, values=_binance_values,
        market=("BTCUSDT", "BTC", "USDT"),
    )  # fmt: skip
    _, take = _in("orders")
    yield "coinbase", Listed(
        record=_coinbase_order, envelope=_coinbase_envelope, rows=take, read=_coinbase_read, values=_coinbase_values,
        market=("BTC-USD", "BTC", "USD"),
    )  # fmt: skip
    yield "kraken", Listed(
        record=_kraken_order, envelope=_kraken_envelope, rows=lambda answer: answer["result"]["open"].items(),
        read=_kraken_read, values=_kraken_values, market=("XBTUSD", "BTC", "USD"),
    )  # fmt: skip
    _, take = _in("data", "items")
    yield "kucoin", Listed(
        record=_kucoin_order, envelope=_kucoin_envelope, rows=take, read=_kucoin_read, values=_kucoin_values,
        market=("BTC-USDT", "BTC", "USDT"),
    )  # fmt: skip
    put, take = _in()
    yield "mexc", Listed(
        record=_mexc_order, envelope=put, rows=take, read=_mexc_read, values=_mexc_values,
        market=("BTCUSDT", "BTC", "USDT"),
    )  # fmt: skip
    put, take = _in("orders")
    yield "projectx", Listed(
        record=projectx_order, envelope=put, rows=take, read=_projectx_read, values=_projectx_values, parse=parse_exact,
    )  # fmt: skip


LISTS: Mapping[str, Listed] = dict(_lists())


def ccxt_parser(venue: str) -> Callable[[bytes], Sequence[object]] | None:
    """Read the same list with ccxt, where it is installed and knows the venue.

    It is given the bytes parsed by orjson, which is quicker than the parser it would use.
    """
    listed = LISTS[venue]
    if listed.market is None or importlib.util.find_spec("ccxt") is None:
        return None
    market_id, base, quote = listed.market
    client: Any = getattr(importlib.import_module("ccxt"), venue)()
    market = client.safe_market_structure({
        "id": market_id, "symbol": f"{base}/{quote}", "base": base, "quote": quote, "spot": True, "type": "spot",
        "precision": {"amount": 1e-8, "price": 0.01},
    })  # fmt: skip
    client.set_markets([market])
    return partial(_by_ccxt, client, market, listed.rows)


def _by_ccxt(client: Any, market: Any, rows: Callable[[Any], Any], body: bytes) -> Sequence[object]:
    found = rows(orjson.loads(body))
    if not isinstance(found, list):
        # As it does it itself where orders stand under their ids.
        found = [client.extend({"id": order_id}, item) for order_id, item in found]
    parsed: Sequence[object] = client.parse_orders(found, market)
    return parsed
