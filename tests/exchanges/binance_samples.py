"""Payloads as Binance documents them, requests of ours, and a venue of canned answers for the client's tests."""

import json
from decimal import Decimal
from typing import Any

from loopback import Behaviour, Loopback, Received, answer

from exchanges.binance.client import BinanceClient
from exchanges.binance.sign import HmacSigner
from exchanges.http import SystemClock
from exchanges.symbols import SymbolBook
from messages import AmendVenueOrder, CancelVenueOrder, LookUpOrder, PlaceOrder, ReplaceVenueOrder, SearchOrder
from messages.types import OrderType, Side, TimeInForce

CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
API_KEY = "the-api-key"
API_SECRET = "the-api-secret"
BOOK = SymbolBook(to_canonical={"BTCUSDT": "BTC-USDT"}, to_venue={"BTC-USDT": "BTCUSDT"})

PLACED: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28457,
    "orderListId": -1,
    "clientOrderId": CLIENT_ID,
    "transactTime": 1795255200150,
    "price": "60000.00000000",
    "origQty": "0.01000000",
    "executedQty": "0.00400000",
    "origQuoteOrderQty": "0.00000000",
    "cummulativeQuoteQty": "240.00000000",
    "status": "PARTIALLY_FILLED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "workingTime": 1795255200150,
    "selfTradePreventionMode": "EXPIRE_MAKER",
    "fills": [
        {
            "price": "60000.00000000",
            "qty": "0.00400000",
            "commission": "0.00000400",
            "commissionAsset": "BTC",
            "tradeId": 5601,
        }
    ],
}
ACKNOWLEDGED = {name: PLACED[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
CANCELLED = {
    **{name: value for name, value in PLACED.items() if name not in ("fills", "workingTime")},
    "origClientOrderId": CLIENT_ID,
    "clientOrderId": "cancel-1",
    "transactTime": 1795255207000,
    "status": "CANCELED",
}
NEW_CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d12"
AMENDED: dict[str, Any] = {
    "transactTime": 1795255203000,
    "executionId": 75,
    "amendedOrder": {
        "symbol": "BTCUSDT",
        "orderId": 28457,
        "orderListId": -1,
        "origClientOrderId": CLIENT_ID,
        "clientOrderId": CLIENT_ID,
        "price": "60000.00000000",
        "qty": "0.00800000",
        "executedQty": "0.00400000",
        "preventedQty": "0.00000000",
        "quoteOrderQty": "0.00000000",
        "cumulativeQuoteQty": "240.00000000",
        "status": "PARTIALLY_FILLED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "workingTime": 1795255200150,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    },
}
REPLACED: dict[str, Any] = {
    "cancelResult": "SUCCESS",
    "newOrderResult": "SUCCESS",
    "cancelResponse": CANCELLED | {"executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000"},
    "newOrderResponse": PLACED | {"orderId": 28458, "clientOrderId": NEW_CLIENT_ID},
}
HALF_REPLACED: dict[str, Any] = {
    "code": -2021,
    "msg": "Order cancel-replace partially failed.",
    "data": REPLACED
    | {
        "newOrderResult": "FAILURE",
        "newOrderResponse": {"code": -2010, "msg": "Order would immediately match and take."},
    },
}
NOT_REPLACED: dict[str, Any] = {
    "code": -2022,
    "msg": "Order cancel-replace failed.",
    "data": {
        "cancelResult": "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": {"code": -2011, "msg": "Unknown order sent."},
        "newOrderResponse": None,
    },
}
ORDER = {
    **{name: value for name, value in PLACED.items() if name not in ("fills", "transactTime")},
    "stopPrice": "0.00000000",
    "icebergQty": "0.00000000",
    "time": 1795255200150,
    "updateTime": 1795255207000,
    "isWorking": True,
}
TRADE = {
    "symbol": "BTCUSDT",
    "id": 5601,
    "orderId": 28457,
    "orderListId": -1,
    "price": "60000.00",
    "qty": "0.004",
    "quoteQty": "240.00",
    "commission": "0.000004",
    "commissionAsset": "BTC",
    "time": 1795255200150,
    "isBuyer": True,
    "isMaker": False,
    "isBestMatch": True,
}
EXECUTION: dict[str, Any] = json.loads(
    '{"e":"executionReport","E":1795255200155,"s":"BTCUSDT","c":"CLIENT-ID","S":"BUY","o":"LIMIT","f":"GTC",'
    '"q":"0.01000000","p":"60000.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"NEW","X":"NEW",'
    '"r":"NONE","i":28457,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,"T":1795255200150,'
    '"t":-1,"I":8641984,"w":true,"m":false,"M":false,"O":1795255200150,"Z":"0.00000000","Y":"0.00000000",'
    '"Q":"0.00000000","W":1795255200150,"V":"EXPIRE_MAKER"}'.replace("CLIENT-ID", CLIENT_ID)
)
TRADED = EXECUTION | {
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.004",
    "L": "60000",
    "z": "0.004",
    "Z": "240",
    "Y": "240",
    "n": "0.000004",
    "N": "BTC",
    "t": 5601,
    "m": True,
}
SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "NEW_KIND"],
    "quoteOrderQtyMarketAllowed": True,
    "isSpotTradingAllowed": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100", "stepSize": "0.00000000"},
        {
            "filterType": "NOTIONAL",
            "minNotional": "5",
            "applyMinToMarket": True,
            "maxNotional": "9000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ],
}
LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
]
INFO = {"symbols": [SYMBOL], "rateLimits": LIMITS}


def error(code: int, words: str, *, status: int = 400, headers: dict[str, str] | None = None) -> Behaviour:
    return answer(json.dumps({"code": code, "msg": words}), status=status, headers=headers)


def told(payload: object, headers: dict[str, str] | None = None) -> Behaviour:
    return answer(json.dumps(payload), headers=headers)


class Venue(Loopback):
    """Answers clock and trading rules by itself; everything else by the script of its path."""

    def __init__(self, **scripts: list[Behaviour]) -> None:
        self.scripts = scripts
        self.skew_ms = 0
        self.info: object = INFO
        super().__init__(otherwise=self._meet)

    def _meet(self, server: Loopback, connection: Any, request: Received) -> bool:
        return self._behaviour(request)(server, connection, request)

    def _behaviour(self, request: Received) -> Behaviour:
        name = request.path.rsplit("/", 1)[1]
        if script := self.scripts.get(f"{request.method.lower()}_{name}"):
            return script.pop(0) if len(script) > 1 else script[0]
        if name == "time":
            return told({"serverTime": SystemClock().now_ms() + self.skew_ms})
        if name == "exchangeInfo":
            return told(self.info)
        return error(-1000, "nothing scripted", status=500)

    def called(self, name: str, method: str = "GET") -> list[Received]:
        return [item for item in self.requests if item.method == method and item.path.endswith(f"/{name}")]


def client(venue: Loopback, **options: Any) -> BinanceClient:
    return BinanceClient(
        api_key=API_KEY, signer=HmacSigner(API_SECRET), clock=SystemClock(), rest_url=venue.url, **options
    )


def place(**changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "binance",
        "order_id": "our-id",
        "attempt": 2,
        "client_order_id": CLIENT_ID,
        "symbol": "BTC-USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "size": Decimal("0.0100"),
        "price": Decimal("6E+4"),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return PlaceOrder(**{**terms, **changes})


def cancel(**changes: Any) -> CancelVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "binance",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "venue_order_id": "28457",
    }
    return CancelVenueOrder(**{**terms, **changes})


def amend(**changes: Any) -> AmendVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "binance",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "venue_order_id": "28457",
        "size": Decimal("0.0080"),
        "price": Decimal("6E+4"),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return AmendVenueOrder(**{**terms, **changes})


def replace(new: PlaceOrder | None = None, **changes: Any) -> ReplaceVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "binance",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "venue_order_id": "28457",
        "place": new or place(order_id="our-new-id", client_order_id=NEW_CLIENT_ID),
    }
    return ReplaceVenueOrder(**{**terms, **changes})


def look_up(**changes: Any) -> LookUpOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "binance",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "budget_ms": 5000,
    }
    return LookUpOrder(**{**terms, **changes})


def search(**changes: Any) -> SearchOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "binance",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "from_venue_ms": 1795255140000,
        "to_venue_ms": 1795255260000,
        "budget_ms": 5000,
    }
    return SearchOrder(**{**terms, **changes})
