"""Payloads as ProjectX documents them, requests of ours, and a venue of canned answers for the client's tests."""

import json
from decimal import Decimal
from email.utils import formatdate
from typing import Any

from loopback import Behaviour, Loopback, Received, answer

from exchanges.http import SystemClock
from exchanges.projectx.client import ProjectXClient
from exchanges.projectx.sign import Login
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact
from messages import AmendVenueOrder, CancelVenueOrder, LookUpOrder, PlaceOrder, SearchOrder
from messages.types import OrderType, Side, TimeInForce

CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
USER_NAME = "the-user"
API_KEY = "the-api-key"
TOKEN = "the-token"
ACCOUNT = 704
CONTRACT = "CON.F.US.EP.U25"
OTHER = "CON.F.US.ENQ.U25"
FOR = {"account_id": "1", "exchange": "projectx"}
BOOK = SymbolBook(to_canonical={CONTRACT: CONTRACT}, to_venue={CONTRACT: CONTRACT})


def parsed(text: str) -> Any:
    """A payload as the adapter parses it: with decimals."""
    return parse_exact(text.encode())


ORDER_TEXT = (
    '{"id":36598,"accountId":704,"contractId":"CON.F.US.EP.U25","symbolId":"F.US.EP",'
    '"creationTimestamp":"2025-07-18T21:00:01.268009+00:00","updateTimestamp":"2025-07-18T21:00:01.268009+00:00",'
    '"status":2,"type":2,"side":0,"size":1,"limitPrice":null,"stopPrice":null,"fillVolume":1,'
    '"filledPrice":6335.250000000,"customTag":"6f2c1f0e7d0b4c649a570d6c6a0b1d11","trailDistance":null,'
    '"trailPrice":null,"parentOrderId":null,"linkedOrderId":null}'
)
ORDER: dict[str, Any] = parsed(ORDER_TEXT)
CREATED_MS = 1752872401268
LIMIT: dict[str, Any] = ORDER | {
    "status": 1,
    "type": 1,
    "size": 3,
    "limitPrice": Decimal("6335.25"),
    "fillVolume": 0,
    "filledPrice": None,
}
TRADE: dict[str, Any] = parsed(
    '{"id":8604,"accountId":704,"contractId":"CON.F.US.EP.U25",'
    '"creationTimestamp":"2025-07-18T21:00:01.523293+00:00","price":6335.250000000,"profitAndLoss":50.000000000,'
    '"fees":1.4000,"side":0,"size":1,"voided":false,"orderId":36598}'
)
POSITION: dict[str, Any] = parsed(
    '{"id":6124,"accountId":704,"contractId":"CON.F.US.EP.U25",'
    '"creationTimestamp":"2025-04-21T19:52:32.175721+00:00","type":1,"size":2,"averagePrice":1575.75}'
)
LISTED: dict[str, Any] = parsed(
    '{"id":"CON.F.US.EP.U25","name":"ESU5","description":"E-mini S&P 500: September 2025","tickSize":0.25,'
    '"tickValue":12.5,"activeContract":true,"symbolId":"F.US.EP"}'
)
HUB_ORDER = (
    '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":{"id":789,"accountId":704,'
    '"contractId":"CON.F.US.EP.U25","symbolId":"F.US.EP","creationTimestamp":"2025-07-18T21:00:01.268009+00:00",'
    '"updateTimestamp":"2025-07-18T21:00:01.300000+00:00","status":1,"type":1,"side":0,"size":1,'
    '"limitPrice":6335.25,"stopPrice":null,"fillVolume":0,"filledPrice":null,'
    '"customTag":"6f2c1f0e7d0b4c649a570d6c6a0b1d11"}}]}'
)
HUB_TRADE = (
    '{"type":1,"target":"GatewayUserTrade","arguments":[{"id":101112,"accountId":704,'
    '"contractId":"CON.F.US.EP.U25","creationTimestamp":"2025-07-18T21:00:02.123456+00:00","price":6335.25,'
    '"profitAndLoss":null,"fees":1.4,"side":0,"size":1,"voided":false,"orderId":789}]}'
)
HUB_POSITION = (
    '{"type":1,"target":"GatewayUserPosition","arguments":[{"id":456,"accountId":704,'
    '"contractId":"CON.F.US.EP.U25","creationTimestamp":"2025-07-18T21:00:02+00:00","type":1,"size":2,'
    '"averagePrice":6335.25}]}'
)
HUB_ACCOUNT = (
    '{"type":1,"target":"GatewayUserAccount","arguments":[{"id":704,"name":"Main","balance":10000.5,'
    '"canTrade":true,"isVisible":true,"simulated":false}]}'
)


def plain(value: Any) -> Any:
    """Make a payload what `json` can write."""
    return json.loads(json.dumps(value, default=float))


def told(**content: Any) -> Behaviour:
    """An answer that succeeded."""
    return answer(json.dumps({"success": True, "errorCode": 0, "errorMessage": None} | content, default=float))


def refused(code: int, words: str | None = None, **content: Any) -> Behaviour:
    """An answer that carries an error."""
    return answer(json.dumps({"success": False, "errorCode": code, "errorMessage": words} | content))


_NAMED_ALIKE = {"/api/Account/search": "accounts", "/api/Contract/searchById": "contract"}


def name_of(request: Received) -> str:
    """The last part of the path, or a name of its own where that says too little."""
    return _NAMED_ALIKE.get(request.path) or request.path.rsplit("/", 1)[1]


class Venue(Loopback):
    """Answers by the name of the path; what is scripted last for it meets the rest of its requests."""

    def __init__(self, **scripts: list[Behaviour]) -> None:
        super().__init__(otherwise=self._meet)
        self.scripts = {
            "loginKey": [told(token=TOKEN)],
            "available": [told(contracts=[LISTED])],
            "accounts": [told(accounts=[{"id": ACCOUNT, "name": "X", "canTrade": True}])],
            "ping": [answer("pong", headers={"Date": formatdate(usegmt=True)})],
        } | scripts

    def _meet(self, server: Loopback, connection: Any, request: Received) -> bool:
        script = self.scripts.get(name_of(request)) or [answer("nothing scripted", status=500)]
        return (script.pop(0) if len(script) > 1 else script[0])(server, connection, request)

    def called(self, name: str) -> list[Received]:
        return [item for item in self.requests if name_of(item) == name]

    def bodies(self, name: str) -> list[Any]:
        return [json.loads(item.body) for item in self.called(name)]


def client(venue: Loopback, **options: Any) -> ProjectXClient:
    terms: dict[str, Any] = {"account": ACCOUNT} | options
    return ProjectXClient(
        login=Login(user_name=USER_NAME, api_key=API_KEY), clock=SystemClock(), rest_url=venue.url, **terms
    )


def place(**changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "projectx",
        "order_id": "our-id",
        "attempt": 1,
        "client_order_id": CLIENT_ID,
        "symbol": CONTRACT,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "size": Decimal("3.0"),
        "price": Decimal("6335.25"),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return PlaceOrder(**{**terms, **changes})


def cancel(**changes: Any) -> CancelVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "projectx",
        "order_id": "our-id",
        "symbol": CONTRACT,
        "client_order_id": CLIENT_ID,
        "venue_order_id": "36598",
    }
    return CancelVenueOrder(**{**terms, **changes})


def amend(**changes: Any) -> AmendVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "projectx",
        "order_id": "our-id",
        "symbol": CONTRACT,
        "client_order_id": CLIENT_ID,
        "venue_order_id": "36598",
        "size": Decimal(2),
        "price": Decimal("6330.50"),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return AmendVenueOrder(**{**terms, **changes})


def look_up(**changes: Any) -> LookUpOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "projectx",
        "order_id": "our-id",
        "symbol": CONTRACT,
        "client_order_id": CLIENT_ID,
        "venue_order_id": "36598",
        "budget_ms": 5000,
    }
    return LookUpOrder(**{**terms, **changes})


def search(**changes: Any) -> SearchOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "projectx",
        "order_id": "our-id",
        "symbol": CONTRACT,
        "client_order_id": CLIENT_ID,
        "from_venue_ms": CREATED_MS - 60_000,
        "to_venue_ms": CREATED_MS + 60_000,
        "budget_ms": 5000,
    }
    return SearchOrder(**{**terms, **changes})


def searching(orders: Behaviour, working: Behaviour, trades: Behaviour) -> dict[str, list[Behaviour]]:
    """The sources of a search."""
    # Two of the paths end in the same word.
    def both(server: Loopback, connection: Any, request: Received) -> bool:
        meet = orders if request.path.startswith("/api/Order") else trades
        return meet(server, connection, request)

    return {"search": [both], "query": [working]}


def rows(*found: Any) -> Behaviour:
    """A page of working orders that is the whole list."""
    return told(orders=list(found), totalCount=len(found))


def ask(request: Any, **scripts: list[Behaviour]) -> tuple[Any, "Venue"]:
    """Execute a request with a client and a venue of their own."""
    with Venue(**scripts) as venue:
        return client(venue).execute(request), venue
