"""Payloads as Kraken documents them, requests of ours, and a venue of canned answers for the client's tests."""

import json
import time
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from loopback import Behaviour, Loopback, Received, answer

from exchanges.http import SystemClock
from exchanges.kraken.client import KrakenClient
from exchanges.kraken.sign import Signer
from exchanges.kraken.symbols import Names, read_assets, read_pairs
from exchanges.nonces import MemoryCeiling, NonceSource
from messages import AmendVenueOrder, CancelVenueOrder, LookUpOrder, PlaceOrder, SearchOrder
from messages.types import OrderType, Side, TimeInForce

CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
DASHED_ID = "6f2c1f0e-7d0b-4c64-9a57-0d6c6a0b1d11"
ORDER_ID = "OU22CG-KLAF2-FWUDD7"
TRADE_ID = "THVRQM-33VKH-UCI7BS"
API_KEY = "the-api-key"
# The published test secret.
API_SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="

ASSETS: dict[str, Any] = {
    "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5, "status": "enabled"},
    "ZUSD": {"aclass": "currency", "altname": "USD", "decimals": 4, "display_decimals": 2, "status": "enabled"},
    "XXDG": {"aclass": "currency", "altname": "XDG", "decimals": 8, "display_decimals": 2, "status": "enabled"},
    "SOL": {"aclass": "currency", "altname": "SOL", "decimals": 10, "display_decimals": 5, "status": "enabled"},
}
PAIR: dict[str, Any] = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "ZUSD",
    "cost_decimals": 5,
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "fee_volume_currency": "ZUSD",
    "ordermin": "0.00005",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
    "execution_venue": "international",
}
PAIRS: dict[str, Any] = {
    "XXBTZUSD": PAIR,
    "XDGUSD": {**PAIR, "altname": "XDGUSD", "wsname": "XDG/USD", "base": "XXDG", "ordermin": "30"},
    "SOLUSD": {**PAIR, "altname": "SOLUSD", "wsname": "SOL/USD", "base": "SOL", "status": "post_only"},
    "XBTUSD:BTNL": {**PAIR, "execution_venue": "btnl"},
}
LISTING, NAMES = read_pairs(PAIRS, Names(assets=read_assets(ASSETS), quotes={}), {}, 1)
BOOK = LISTING.symbols

DESCRIPTION: dict[str, Any] = {
    "pair": "XBTUSD",
    "aclass": "forex",
    "type": "buy",
    "ordertype": "limit",
    "price": "27500.0",
    "price2": "0",
    "leverage": "none",
    "order": "buy 1.25000000 XBTUSD @ limit 27500.0",
    "close": "",
}
ORDER: dict[str, Any] = {
    "refid": None,
    "userref": None,
    "cl_ord_id": DASHED_ID,
    "status": "open",
    "opentm": Decimal("1795255200.1234"),
    "starttm": 0,
    "expiretm": 0,
    "descr": DESCRIPTION,
    "vol": "1.25000000",
    "vol_exec": "0.37500000",
    "cost": "10312.50000",
    "fee": "16.50000",
    "price": "27500.0",
    "stopprice": "0.00000",
    "limitprice": "0.00000",
    "misc": "partial",
    "oflags": "fciq",
    "trades": [TRADE_ID],
}
UNTOUCHED: dict[str, Any] = {"vol_exec": "0.00000000", "cost": "0.00000", "misc": "", "trades": []}
"""What is told of an order of which nothing has executed."""
CANCELLED: dict[str, Any] = {
    **ORDER,
    "status": "canceled",
    "closetm": Decimal("1795255260.5"),
    "reason": "User requested",
}
TRADE: dict[str, Any] = {
    "ordertxid": ORDER_ID,
    "postxid": "TKH2SE-M7IF5-CFI7LT",
    "pair": "XXBTZUSD",
    "aclass": "forex",
    "time": Decimal("1795255207.5012"),
    "type": "buy",
    "ordertype": "limit",
    "price": "27500.00000",
    "cost": "10312.50000",
    "fee": "16.50000",
    "vol": "0.37500000",
    "margin": "0.00000",
    "leverage": "0",
    "misc": "",
    "trade_id": 40274859,
    "maker": True,
}
PLACED: dict[str, Any] = {"descr": {"order": "buy 1.25000000 XBTUSD @ limit 27500.0"}, "txid": [ORDER_ID]}

STREAM_ORDER_ID = "OK4GJX-KSTLS-7DZZO5"
PENDING_NEW: dict[str, Any] = {
    "order_id": STREAM_ORDER_ID,
    "cl_ord_id": DASHED_ID,
    "symbol": "BTC/USD",
    "side": "sell",
    "order_type": "limit",
    "order_qty": Decimal("0.005"),
    "limit_price": Decimal("26500.0"),
    "limit_price_type": "static",
    "stop_price": Decimal("0.0"),
    "cum_cost": Decimal("0.0"),
    "time_in_force": "GTC",
    "exec_type": "pending_new",
    "order_status": "pending_new",
    "fee_usd_equiv": Decimal("0.0"),
    "fee_ccy_pref": "fciq",
    "timestamp": "2026-11-21T10:00:05.709950Z",
}
NEW: dict[str, Any] = {
    "order_id": STREAM_ORDER_ID,
    "cl_ord_id": DASHED_ID,
    "exec_type": "new",
    "order_status": "new",
    "timestamp": "2026-11-21T10:00:05.709982Z",
}
TRADED: dict[str, Any] = {
    "order_id": STREAM_ORDER_ID,
    "cl_ord_id": DASHED_ID,
    "exec_id": "TGBB7L-HT5LX-J3BZ4A",
    "exec_type": "trade",
    "trade_id": 62887576,
    "symbol": "BTC/USD",
    "side": "sell",
    "last_qty": Decimal("0.005"),
    "last_price": Decimal("26599.9"),
    "liquidity_ind": "t",
    "cost": Decimal("132.9995"),
    "order_type": "limit",
    "order_status": "partially_filled",
    "cum_qty": Decimal("0.005"),
    "cum_cost": Decimal("132.9995"),
    "avg_price": Decimal("26599.9"),
    "fee_usd_equiv": Decimal("0.3458"),
    "fees": [{"asset": "USD", "qty": Decimal("0.3458")}],
    "timestamp": "2026-11-21T10:00:05.709993Z",
}
FILLED: dict[str, Any] = {
    "order_id": STREAM_ORDER_ID,
    "cl_ord_id": DASHED_ID,
    "exec_type": "filled",
    "order_status": "filled",
    "cum_qty": Decimal("0.005"),
    "cum_cost": Decimal("132.9995"),
    "avg_price": Decimal("26599.9"),
    "timestamp": "2026-11-21T10:00:05.710010Z",
}
ENDED: dict[str, Any] = {
    "order_id": STREAM_ORDER_ID,
    "exec_type": "canceled",
    "order_status": "canceled",
    "cum_qty": 0,
    "cum_cost": 0,
    "avg_price": 0,
    "fee_usd_equiv": 0,
    "cancel_reason": "User requested",
    "reason": "User requested",
    "timestamp": "2026-11-21T10:01:47.695226Z",
}


def to_json(value: Any) -> str:
    """Write JSON with every Decimal as a number, digit for digit."""
    numbers: list[str] = []

    def mark(item: Decimal) -> str:
        numbers.append(str(item))
        return f"\0{len(numbers) - 1}\0"

    written = json.dumps(value, default=mark, ensure_ascii=False)
    for number, digits in enumerate(numbers):
        written = written.replace(f'"\\u0000{number}\\u0000"', digits)
    return written


def told(result: Any) -> Behaviour:
    return answer(to_json({"error": [], "result": result}))


def refused(*errors: str) -> Behaviour:
    return answer(json.dumps({"error": list(errors)}))


class Venue(Loopback):
    """Answers by method; what is not scripted for a method is answered by an empty result of its kind."""

    def __init__(self, **scripts: list[Behaviour]) -> None:
        super().__init__(otherwise=self._meet)
        self.scripts = scripts
        self.skew_s = 0

    def _meet(self, server: Loopback, connection: Any, request: Received) -> bool:
        method = request.path.rpartition("/")[2]
        script = self.scripts.get(method)
        if script:
            return script.pop(0)(server, connection, request)
        return told(self._plain(method))(server, connection, request)

    def _plain(self, method: str) -> Any:
        plain = {
            "Time": {"unixtime": int(time.time()) + self.skew_s, "rfc1123": ""},
            "Assets": ASSETS,
            "AssetPairs": PAIRS,
            "OpenOrders": {"open": {}},
            "ClosedOrders": {"closed": {}, "count": 0},
            "TradesHistory": {"trades": {}, "count": 0},
            "QueryOrders": {},
            "QueryTrades": {},
            "Ticker": {"XXBTZUSD": {"c": ["27500.00000", "0.10000000"]}},
            "CancelOrder": {"count": 1},
            "GetWebSocketsToken": {"token": "the-token", "expires": 900},
        }
        return plain[method]

    def called(self, method: str) -> list[Received]:
        return [each for each in self.requests if each.path.rpartition("/")[2] == method]

    def params(self, method: str) -> list[dict[str, str]]:
        return [{name: unquote(value) for name, value in each.params.items()} for each in self.called(method)]


def client(venue: Loopback, **settings: Any) -> KrakenClient:
    clock = SystemClock()
    nonces = NonceSource("key", clock=clock, ceiling=MemoryCeiling())
    return KrakenClient(
        api_key=API_KEY, signer=Signer(API_SECRET), nonces=nonces, clock=clock, rest_url=venue.url, **settings
    )


def now_ms() -> int:
    return SystemClock().now_ms()


def place(**changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kraken",
        "order_id": "our-id",
        "attempt": 2,
        "client_order_id": CLIENT_ID,
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "size": Decimal("1.25"),
        "price": Decimal("27500.0"),
        "valid_until_venue_ms": now_ms() + 20_000,
    }
    return PlaceOrder(**{**terms, **changes})


def cancel(**changes: Any) -> CancelVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kraken",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "venue_order_id": ORDER_ID,
    }
    return CancelVenueOrder(**{**terms, **changes})


def amend(**changes: Any) -> AmendVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kraken",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "venue_order_id": ORDER_ID,
        "size": Decimal(1),
        "price": Decimal(27400),
        "valid_until_venue_ms": now_ms() + 20_000,
    }
    return AmendVenueOrder(**{**terms, **changes})


def look_up(**changes: Any) -> LookUpOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kraken",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "venue_order_id": ORDER_ID,
        "budget_ms": 5000,
    }
    return LookUpOrder(**{**terms, **changes})


def search(**changes: Any) -> SearchOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kraken",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "from_venue_ms": 1795255200123,
        "to_venue_ms": 1795255320123,
        "budget_ms": 5000,
    }
    return SearchOrder(**{**terms, **changes})
