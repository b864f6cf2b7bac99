"""Payloads as MEXC documents them, requests of ours, and a venue of canned answers for the client's tests."""

import json
from decimal import Decimal
from typing import Any

from loopback import Behaviour, Loopback, Received, answer

from exchanges.http import SystemClock
from exchanges.mexc.client import MexcClient
from exchanges.mexc.sign import Signer
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact
from messages import CancelVenueOrder, LookUpOrder, PlaceOrder, SearchOrder
from messages.types import OrderType, Side, TimeInForce

CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
API_KEY = "the-api-key"
API_SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
VENUE_ID = "C02__133734823834147272"
BOOK = SymbolBook(
    to_canonical={"BTCUSDT": "BTC-USDT", "MXUSDT": "MX-USDT"}, to_venue={"BTC-USDT": "BTCUSDT", "MX-USDT": "MXUSDT"}
)


def parsed(text: str) -> Any:
    """A payload as the adapter parses it: with decimals."""
    return parse_exact(text.encode())


ORDER_TEXT = (
    '{"symbol":"BTCUSDT","orderId":"C02__133734823834147272","orderListId":-1,"clientOrderId":"CLIENT-ID",'
    '"price":"30000","origQty":"0.0002","executedQty":"0","cummulativeQuoteQty":"0","status":"CANCELED",'
    '"timeInForce":null,"type":"LIMIT","side":"BUY","stopPrice":null,"icebergQty":null,"time":1647667102000,'
    '"updateTime":1647708567000,"isWorking":true,"origQuoteOrderQty":"6"}'.replace("CLIENT-ID", CLIENT_ID)
)
ORDER: dict[str, Any] = parsed(ORDER_TEXT)
OPEN = ORDER | {"status": "NEW", "updateTime": None}
PARTIAL = ORDER | {"status": "PARTIALLY_FILLED", "executedQty": "0.0001", "cummulativeQuoteQty": "3"}
CANCELLED_ANSWER: dict[str, Any] = parsed(
    '{"symbol":"BTCUSDT","origClientOrderId":"oms-1","orderId":"C02__133734823834147272","clientOrderId":"x",'
    '"price":"30000","origQty":"0.0002","executedQty":"0","cummulativeQuoteQty":"0","status":"CANCELED",'
    '"timeInForce":"GTC","type":"LIMIT","side":"BUY"}'
)
ACKNOWLEDGED: dict[str, Any] = parsed(
    '{"symbol":"BTCUSDT","orderId":"C02__133734823834147272","orderListId":-1,"price":"30000","origQty":"0.0002",'
    '"type":"LIMIT","side":"BUY","transactTime":1745852205223}'
)
TRADE_TEXT = (
    '{"symbol":"MXUSDT","id":"505979017439002624X1","orderId":"C02__505979017439002624115","orderListId":-1,'
    '"price":"3.6962","qty":"1","quoteQty":"3.6962","commission":"0.0003998377369698171","commissionAsset":"MX",'
    '"time":1736417034280,"isBuyer":false,"isMaker":false,"isBestMatch":true,"isSelfTrade":false,"clientOrderId":null}'
)
TRADE: dict[str, Any] = parsed(TRADE_TEXT)
ACCOUNT: dict[str, Any] = parsed(
    '{"canTrade":true,"canWithdraw":true,"canDeposit":true,"updateTime":null,"accountType":"SPOT",'
    '"balances":[{"asset":"USDT","free":"1000","locked":"33"}],"permissions":["SPOT"]}'
)
SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "1",
    "baseAsset": "BTC",
    "baseAssetPrecision": 6,
    "quoteAsset": "USDT",
    "quotePrecision": 2,
    "quoteAssetPrecision": 3,
    "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER", "NEW_KIND"],
    "isSpotTradingAllowed": True,
    "baseSizePrecision": "0.0001",
    "quoteAmountPrecision": "5",
    "quoteAmountPrecisionMarket": "5",
    "maxQuoteAmount": "2000000",
    "maxQuoteAmountMarket": "100000",
    "tradeSideType": 1,
    "filters": [],
}
INFO = {"symbols": [SYMBOL, SYMBOL | {"symbol": "MXUSDT", "baseAsset": "MX"}]}

ORDER_FRAME = bytes.fromhex(
    "0a1d73706f7440707269766174652e6f72646572732e76332e6170692e70621a064d585553445430a98095d4c43282135b0a1a4330325f5f"
    "35303539373930313734333930303236323431313512056f6d732d311a06332e353132312201312a01303206332e36393632380540025201"
    "305a01306201316a01317206332e3639363278028001938095d4c432"
)
DEAL_FRAME = bytes.fromhex(
    "0a1c73706f7440707269766174652e6465616c732e76332e6170692e70621a064d585553445430dc8095d4c4329213700a06332e36393632"
    "1201311a06332e3639363220023a14353035393739303137343339303032363234583142056f6d732d314a1a4330325f5f35303539373930"
    "31373433393030323632343131355215302e303030333939383337373336393639383137315a024d5860a88095d4c432"
)


def error(code: int | str, words: str = "no", *, status: int = 400, headers: dict[str, str] | None = None) -> Behaviour:
    body = {"msg": words, "code": code, "_extend": None}
    return answer(json.dumps(body), status=status, headers=headers)


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
        return error(500, "nothing scripted", status=500)

    def called(self, name: str, method: str = "GET") -> list[Received]:
        return [item for item in self.requests if item.method == method and item.path.endswith(f"/{name}")]


def client(venue: Loopback, **options: Any) -> MexcClient:
    return MexcClient(api_key=API_KEY, signer=Signer(API_SECRET), clock=SystemClock(), rest_url=venue.url, **options)


def place(**changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "mexc",
        "order_id": "our-id",
        "attempt": 2,
        "client_order_id": CLIENT_ID,
        "symbol": "BTC-USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "size": Decimal("0.00020"),
        "price": Decimal("3E+4"),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return PlaceOrder(**{**terms, **changes})


def cancel(**changes: Any) -> CancelVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "mexc",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "venue_order_id": VENUE_ID,
    }
    return CancelVenueOrder(**{**terms, **changes})


def look_up(**changes: Any) -> LookUpOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "mexc",
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
        "exchange": "mexc",
        "order_id": "our-id",
        "symbol": "BTC-USDT",
        "client_order_id": CLIENT_ID,
        "from_venue_ms": now_ms - 60000,
        "to_venue_ms": now_ms + 60000,
        "budget_ms": 5000,
    }
    return SearchOrder(**{**terms, **changes})
