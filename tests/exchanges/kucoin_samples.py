"""Payloads as KuCoin documents them, requests of ours, and a venue of canned answers for the client's tests."""

import json
from decimal import Decimal
from typing import Any

from loopback import Behaviour, Loopback, Received, answer

from exchanges.http import SystemClock
from exchanges.kucoin.client import KucoinClient
from exchanges.kucoin.sign import Signer
from exchanges.symbols import SymbolBook
from messages.commands import CancelVenueOrder, LookUpOrder, PlaceOrder, SearchOrder
from messages.types import OrderType, Side, TimeInForce

CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
API_KEY, API_SECRET, PASSPHRASE = "the-api-key", "test_api_secret", "test_passphrase"
BOOK = SymbolBook(
    to_canonical={"BTC-USDT": "BTC-USDT", "KCS-USDT": "KCS-USDT"},
    to_venue={"BTC-USDT": "BTC-USDT", "KCS-USDT": "KCS-USDT"},
)
ORDER_ID, STOP_ID, CHILD_ID = "6717422bd51c29000775ea03", "vs93gptvr9t2fsql003l8k5p", "67174300d51c29000775ea99"

SYMBOL: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "name": "BTC-USDT",
    "feeCurrency": "USDT",
    "baseMinSize": "0.00001",
    "quoteMinSize": "0.1",
    "baseMaxSize": "10000000000",
    "quoteMaxSize": "99999999",
    "baseIncrement": "0.00000001",
    "quoteIncrement": "0.000001",
    "priceIncrement": "0.1",
    "priceLimitRate": "0.1",
    "minFunds": "0.1",
    "enableTrading": True,
    "callauctionIsEnabled": False,
}
PLACED: dict[str, Any] = {
    "orderId": ORDER_ID,
    "clientOid": CLIENT_ID,
    "orderTime": 1729174140586,
    "originSize": "0.00001",
    "dealSize": "0",
    "remainSize": "0.00001",
    "canceledSize": "0",
    "status": "open",
    "matchTime": 1729174140588,
}
CANCELLED: dict[str, Any] = {
    "orderId": ORDER_ID,
    "originSize": "0.00001",
    "dealSize": "0",
    "remainSize": "0",
    "canceledSize": "0.00001",
    "status": "done",
}
ORDER: dict[str, Any] = {
    "id": ORDER_ID,
    "clientOid": CLIENT_ID,
    "symbol": "BTC-USDT",
    "opType": "DEAL",
    "type": "limit",
    "side": "buy",
    "price": "70000",
    "size": "0.00001",
    "funds": "0.7",
    "dealSize": "0.00001",
    "dealFunds": "0.677176",
    "remainSize": "0",
    "remainFunds": "0.022824",
    "cancelledSize": "0",
    "cancelledFunds": "0",
    "fee": "0.000677176",
    "feeCurrency": "USDT",
    "stp": None,
    "timeInForce": "GTC",
    "postOnly": False,
    "hidden": False,
    "iceberg": False,
    "visibleSize": "0",
    "cancelAfter": 0,
    "channel": "API",
    "remark": "r",
    "tags": None,
    "cancelExist": False,
    "tradeType": "TRADE",
    "inOrderBook": False,
    "active": False,
    "tax": "0",
    "createdAt": 1729577515444,
    "lastUpdatedAt": 1729577515481,
}
WORKING = ORDER | {
    "dealSize": "0", "dealFunds": "0", "remainSize": "0.00001", "active": True, "inOrderBook": True,
}  # fmt: skip
ENDED = ORDER | {"dealSize": "0", "dealFunds": "0", "cancelledSize": "0.00001", "cancelExist": True}
BY_FUNDS = ORDER | {"type": "market", "price": "0", "size": "0", "funds": "0.7", "cancelledFunds": "0.022824"}
FILL: dict[str, Any] = {
    "id": 19814995255305,
    "orderId": ORDER_ID,
    "counterOrderId": "67174228135f9e000709da8c",
    "tradeId": 11029373945659392,
    "symbol": "BTC-USDT",
    "side": "buy",
    "liquidity": "taker",
    "type": "limit",
    "forceTaker": False,
    "price": "67717.6",
    "size": "0.00001",
    "funds": "0.677176",
    "fee": "0.000677176",
    "feeRate": "0.001",
    "feeCurrency": "USDT",
    "stop": "",
    "tradeType": "TRADE",
    "taxRate": "0",
    "tax": "0",
    "createdAt": 1729577515473,
}
STOP: dict[str, Any] = {
    "id": STOP_ID,
    "symbol": "BTC-USDT",
    "userId": "633",
    "status": "NEW",
    "type": "limit",
    "side": "buy",
    "price": "50000.00000000000000000000",
    "size": "0.00001000000000000000",
    "funds": None,
    "stp": None,
    "timeInForce": "GTC",
    "cancelAfter": -1,
    "postOnly": False,
    "hidden": False,
    "iceberg": False,
    "visibleSize": None,
    "channel": "API",
    "clientOid": CLIENT_ID,
    "remark": None,
    "tags": None,
    "orderTime": 1740626554883000024,
    "domainId": "kucoin",
    "tradeSource": "USER",
    "tradeType": "TRADE",
    "feeCurrency": "USDT",
    "takerFeeRate": "0.00100000000000000000",
    "makerFeeRate": "0.00100000000000000000",
    "createdAt": 1740626554884,
    "stop": "loss",
    "stopTriggerTime": None,
    "stopPrice": "60000.00000000000000000000",
}
TRIGGERED = STOP | {"status": "TRIGGERED", "stopTriggerTime": 1740626600000}
CHILD = WORKING | {"id": CHILD_ID}
ACCOUNT = {
    "id": "548674591753", "currency": "USDT", "type": "trade", "balance": "26.66", "available": "20", "holds": "6.66",
}  # fmt: skip
DOOR = {
    "token": "2neAiuYvAU61ZDXANAGAsiL4+/=",
    "instanceServers": [
        {
            "endpoint": "wss://ws-api-spot.kucoin.com/",
            "encrypt": True,
            "protocol": "websocket",
            "pingInterval": 18000,
            "pingTimeout": 10000,
        }
    ],
}

_NAMED = {
    "symbol": "KCS-USDT",
    "orderId": "6720da3fa30a360007f5f832",
    "clientOid": CLIENT_ID,
    "side": "buy",
    "orderType": "limit",
    "originSize": "0.1",
    "price": "0.937",
    "orderTime": 1730211033305,
}
RECEIVED = _NAMED | {"status": "new", "ts": 1730206271616000000, "type": "received"}
_SIZED = _NAMED | {"size": "0.1", "canceledSize": "0"}
OPENED = _SIZED | {
    "type": "open", "status": "open", "filledSize": "0", "remainSize": "0.1", "ts": 1730211033335000000,
}  # fmt: skip
MATCHED = _SIZED | {
    "type": "match",
    "status": "match",
    "liquidity": "taker",
    "feeType": "takerFee",
    "matchPrice": "0.96738",
    "matchSize": "0.04",
    "tradeId": "11029373945659392",
    "filledSize": "0.04",
    "remainSize": "0.06",
    "side": "sell",
    "ts": 1730211034038606180,
}
UPDATED = _SIZED | {
    "type": "update",
    "status": "open",
    "oldSize": "0.1",
    "size": "0.06",
    "remainSize": "0.06",
    "filledSize": "0",
    "canceledSize": "0.04",
    "ts": 1730211034916117521,
}
FILLED = _SIZED | {
    "type": "filled", "status": "done", "filledSize": "0.1", "remainSize": "0", "ts": 1730211034038606180,
}  # fmt: skip
CANCELED = _SIZED | {
    "type": "canceled",
    "status": "done",
    "filledSize": "0.04",
    "remainSize": "0",
    "canceledSize": "0.06",
    "ts": 1730211035893140844,
}
STOP_EVENT: dict[str, Any] = {
    "type": "open",
    "orderId": STOP_ID,
    "orderType": "stop",
    "orderPrice": "70000",
    "stop": "loss",
    "stopPrice": "71000",
    "side": "buy",
    "size": "0.00007142",
    "symbol": "BTC-USDT",
    "tradeType": "TRADE",
    "createdAt": 1742305928064,
    "ts": 1742305928091268493,
}
BALANCE: dict[str, Any] = {
    "accountId": "548",
    "currency": "USDT",
    "total": "21.13",
    "available": "20.13",
    "hold": "1.0",
    "availableChange": "-0.5",
    "holdChange": "0.5",
    "relationEvent": "trade.hold",
    "relationEventId": "3546",
    "relationContext": {"symbol": "BTC-USDT", "orderId": "6721"},
    "time": "1730269283892",
}


def envelope(data: object) -> str:
    return json.dumps({"code": "200000", "data": data})


def told(data: object, **options: Any) -> Behaviour:
    return answer(envelope(data), **options)


def error(code: str, words: str = "no", **options: Any) -> Behaviour:
    return answer(json.dumps({"code": code, "msg": words}), **options)


def page(items: list[Any], *, total: int | None = None, pages: int = 1, number: int = 1) -> dict[str, Any]:
    total = len(items) if total is None else total
    return {"currentPage": number, "pageSize": 100, "totalNum": total, "totalPage": pages, "items": items}


def chain(items: list[Any], last: int | None = 0) -> dict[str, Any]:
    return {"lastId": last, "items": items}


PLACE = "POST /api/v1/hf/orders/sync"
PLACE_STOP = "POST /api/v1/stop-order"
CANCEL = f"DELETE /api/v1/hf/orders/sync/{ORDER_ID}"
CANCEL_BY_CLIENT_ID = f"DELETE /api/v1/hf/orders/sync/client-order/{CLIENT_ID}"
CANCEL_STOP = f"DELETE /api/v1/stop-order/{STOP_ID}"
BY_ID = f"GET /api/v1/hf/orders/{ORDER_ID}"
BY_CLIENT_ID = f"GET /api/v1/hf/orders/client-order/{CLIENT_ID}"
STOP_BY_ID = f"GET /api/v1/stop-order/{STOP_ID}"
STOP_BY_CLIENT_ID = "GET /api/v1/stop-order/queryOrderByClientOid"
STOPS = "GET /api/v1/stop-order"
ACTIVE = "GET /api/v1/hf/orders/active/page"
ACTIVE_SYMBOLS = "GET /api/v1/hf/orders/active/symbols"
DONE = "GET /api/v1/hf/orders/done"
FILLS = "GET /api/v1/hf/fills"
PRICE = "GET /api/v1/market/orderbook/level1"
TIME = "GET /api/v1/timestamp"
SYMBOLS = "GET /api/v2/symbols"
TOKEN = "POST /api/v1/bullet-private"
ACCOUNTS = "GET /api/v1/accounts"


class Venue(Loopback):
    """Answers clock and symbols by itself; everything else by the script of its method and path."""

    def __init__(self, scripts: dict[str, list[Behaviour]] | None = None) -> None:
        self.scripts = scripts or {}
        self.skew_ms = 0
        super().__init__(otherwise=self._meet)

    def _meet(self, server: Loopback, connection: Any, request: Received) -> bool:
        return self._behaviour(request)(server, connection, request)

    def _behaviour(self, request: Received) -> Behaviour:
        name = f"{request.method} {request.path}"
        if script := self.scripts.get(name):
            return script.pop(0) if len(script) > 1 else script[0]
        if name == TIME:
            return told(SystemClock().now_ms() + self.skew_ms)
        if name == SYMBOLS:
            return told([SYMBOL, SYMBOL | {"symbol": "KCS-USDT"}])
        return error("500000", "nothing scripted", status=500)

    def called(self, name: str) -> list[Received]:
        return [item for item in self.requests if f"{item.method} {item.path}" == name]

    def changes(self) -> list[str]:
        return [f"{item.method} {item.path}" for item in self.requests if item.method != "GET"]


def signer() -> Signer:
    return Signer(api_key=API_KEY, secret=API_SECRET, passphrase=PASSPHRASE)


def client(venue: Loopback, **options: Any) -> KucoinClient:
    return KucoinClient(signer=signer(), clock=SystemClock(), rest_url=venue.url, **options)


def place(**changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kucoin",
        "order_id": "our-id",
        "attempt": 2,
        "client_order_id": CLIENT_ID,
        "symbol": "BTC-USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "size": Decimal("0.0000100"),
        "price": Decimal("7E+4"),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return PlaceOrder(**{**terms, **changes})


def place_stop(**changes: Any) -> PlaceOrder:
    return place(**{"type": OrderType.STOP_LIMIT, "stop_price": Decimal("65000.5"), **changes})


def cancel(**changes: Any) -> CancelVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kucoin",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "venue_order_id": ORDER_ID,
    }
    return CancelVenueOrder(**{**terms, **changes})


def look_up(**changes: Any) -> LookUpOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kucoin",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "budget_ms": 5000,
    }
    return LookUpOrder(**{**terms, **changes})


def search(**changes: Any) -> SearchOrder:
    now_ms = SystemClock().now_ms()
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "kucoin",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "from_venue_ms": now_ms - 60_000,
        "to_venue_ms": now_ms + 60_000,
        "budget_ms": 5000,
    }
    return SearchOrder(**{**terms, **changes})
