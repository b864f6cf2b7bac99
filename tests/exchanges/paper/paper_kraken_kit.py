"""A Kraken paper venue without sockets: requests are signed and written by hand, frames are read as sent."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

from exchanges.paper.dialects.kraken.dialect import KrakenDialect
from exchanges.paper.engine import Engine
from exchanges.paper.visibility import Visibility
from exchanges.paper.wire import WireAnswer, WireMessage, WireRequest

START_MS = 1_795_255_200_123
FIRST_ID = 1_795_255_200_000
CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
DASHED = "6f2c1f0e-7d0b-4c64-9a57-0d6c6a0b1d11"
FORM = "application/x-www-form-urlencoded"
LIMIT = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "50000"}
BALANCES = {"USDT": Decimal(1_000_000), "USD": Decimal(1_000_000), "BTC": Decimal(1_000), "ETH": Decimal(1_000)}


def moment(at_ms: int) -> str:
    """Return a time of the day of `START_MS` in RFC 3339."""
    hour, minute, rest = at_ms // 3_600_000 % 24, at_ms // 60_000 % 60, at_ms % 60_000
    return f"2026-11-21T{hour:02}:{minute:02}:{rest // 1000:02}.{rest % 1000:03}Z"


def exact(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


class KrakenVenue:
    """One engine, one dialect, a clock that a test moves, and the user `u` beside two others, `m` and `x`."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.engine = Engine(
            KrakenDialect.instruments(),
            client_ids=KrakenDialect.client_ids,
            fees=KrakenDialect.fees,
            margin=KrakenDialect.margin,
            first_id=FIRST_ID,
        )
        self.dialect = KrakenDialect(self.engine, Random(1))
        self.visibility = Visibility(self.engine)
        self.stale_ms = self.trades_stale_ms = 0
        self.nonce = 1
        self.keys: dict[str, dict[str, str]] = {}
        for account in ("u", "m", "x"):
            self.engine.add_account(account, BALANCES)
            self.keys[account] = self.dialect.add_keys(account, 7)
        self.events: list[Any] = []

    def lens(self) -> Any:
        return self.visibility.lens(self.now_ms, self.stale_ms, self.trades_stale_ms)

    def observe(self, events: Any) -> None:
        self.visibility.observe(events)
        self.dialect.observe(events)
        self.events += events

    def send(self, request: WireRequest) -> WireAnswer:
        answer = self.dialect.answer(request, self.now_ms, self.lens())
        self.observe(answer.events)
        return answer

    def signed(
        self, path: str, body: bytes, nonce: str, *, account: str = "u", content_type: str = FORM
    ) -> WireRequest:
        keys = self.keys[account]
        message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
        signature = b64encode(hmac.new(b64decode(keys["apiSecret"]), message, hashlib.sha512).digest()).decode()
        headers = {"api-key": keys["apiKey"], "api-sign": signature, "content-type": content_type}
        return WireRequest(method="POST", path=path, query=b"", body=body, headers=headers)

    def request(self, name: str, parameters: dict[str, Any], *, account: str = "u") -> WireRequest:
        self.nonce += 1
        body = urlencode({"nonce": self.nonce} | parameters).encode()
        return self.signed(f"/0/private/{name}", body, str(self.nonce), account=account)

    def post(self, name: str, *, account: str = "u", **parameters: Any) -> Any:
        answer = self.send(self.request(name, parameters, account=account))
        assert answer.status == 200
        return exact(answer.body)

    def post_json(self, name: str, **parameters: Any) -> Any:
        self.nonce += 1
        body = json.dumps({"nonce": self.nonce} | parameters).encode()
        request = self.signed(f"/0/private/{name}", body, str(self.nonce), content_type="application/json")
        return exact(self.send(request).body)

    def ok(self, name: str, *, account: str = "u", **parameters: Any) -> Any:
        body = self.post(name, account=account, **parameters)
        assert body["error"] == []
        return body["result"]

    def error(self, name: str, **parameters: Any) -> str:
        body = self.post(name, **parameters)
        assert "result" not in body
        (text,) = body["error"]
        return text

    def get(self, name: str, query: str = "") -> Any:
        path = f"/0/public/{name}"
        answer = self.send(WireRequest(method="GET", path=path, query=query.encode(), body=b"", headers={}))
        assert answer.status == 200
        return exact(answer.body)

    def add(self, *, account: str = "u", **changes: Any) -> str:
        """Place the usual limit order with changes (None: leave out) and return its txid."""
        parameters = {name: value for name, value in (LIMIT | changes).items() if value is not None}
        (txid,) = self.ok("AddOrder", account=account, **parameters)["txid"]
        return txid

    def refusal(self, **changes: Any) -> str:
        parameters = {name: value for name, value in (LIMIT | changes).items() if value is not None}
        return self.error("AddOrder", **parameters)

    def order(self, txid: str, **parameters: Any) -> Any:
        return self.ok("QueryOrders", txid=txid, **parameters)[txid]

    def engine_order(self, client_id: str = CLIENT_ID) -> Any:
        return self.engine.find("u", "BTC-USDT", client_id)

    def execute(self, txid: str, price: str, size: str) -> None:
        ids = {self.dialect.venue_order_id(order.order_id): order.order_id for order in self.engine.open_orders("u")}
        self.observe(self.engine.execute(ids[txid], Decimal(price), Decimal(size), self.now_ms))

    def frames(self) -> Any:
        """Render everything that has happened since the last call."""
        events, self.events = tuple(self.events), []
        return self.dialect.frames(events, self.now_ms)

    def stream(self) -> "KrakenStream":
        return KrakenStream(self)


class KrakenStream:
    """One connection of the user `u`."""

    def __init__(self, venue: KrakenVenue) -> None:
        self.venue = venue
        self.session = venue.dialect.open_session(b"", {}, venue.now_ms)
        self.greeting = self.read(self.session.opened(venue.now_ms))

    def read(self, messages: tuple[WireMessage, ...]) -> list[Any]:
        return [exact(message.payload) for message in messages]

    def token(self) -> str:
        return self.venue.ok("GetWebSocketsToken")["token"]

    def ask(self, message: Any) -> list[Any]:
        return self.read(self.session.receive(json.dumps(message).encode(), self.venue.now_ms))

    def subscribe(self, channel: str = "executions", **parameters: Any) -> list[Any]:
        parameters = {"channel": channel, "token": self.token()} | parameters
        return self.ask({"method": "subscribe", "params": parameters, "req_id": 1})

    def news(self) -> list[Any]:
        """Return what the connection sends of everything that has happened since."""
        wanted = [frame for frame in self.venue.frames() if self.session.wants(frame)]
        return self.read(tuple(self.session.wrap(frame, self.venue.now_ms) for frame in wanted))

    def items(self) -> list[Any]:
        return [message["data"][0] for message in self.news()]
