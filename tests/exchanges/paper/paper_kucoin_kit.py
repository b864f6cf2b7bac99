"""A plain client of the KuCoin dialect, without sockets: signs by the fact sheet, with no code of the product."""

import hashlib
import hmac
import json
from base64 import b64encode
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

from exchanges.paper.dialects.kucoin.dialect import KucoinDialect
from exchanges.paper.dialects.kucoin.session import KucoinSession
from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, NewOrder, OrderAccepted, PaperOrder
from exchanges.paper.visibility import Visibility
from exchanges.paper.wire import Frame, WireAnswer, WireRequest
from messages.types import OrderType, Side

START_MS = 1_729_577_515_444
HF = "/api/v1/hf/orders"
STOP = "/api/v1/stop-order"
KEYS = {"apiKey": "key-alice", "apiSecret": "test_api_secret", "passphrase": "test_passphrase"}
D = Decimal


def signature(secret: str, message: bytes) -> str:
    return b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


class Bench:
    """A venue with two accounts: alice speaks the wire protocol, bob trades with the engine directly."""

    def __init__(self) -> None:
        self.engine = Engine(
            KucoinDialect.instruments(), client_ids=KucoinDialect.client_ids, fees=KucoinDialect.fees, first_id=1_000
        )
        self.engine.add_account("alice", {"USDT": D(1_000_000), "BTC": D(100), "ETH": D(100)})
        self.engine.add_account("bob", unlimited=True)
        self.dialect = KucoinDialect(self.engine, Random(1))
        self.dialect.add_keys("alice", 1, KEYS)
        self.visibility = Visibility(self.engine)
        self.stale_ms = 0
        self.now_ms = START_MS
        self.frames: list[Frame] = []
        self.answered: WireAnswer | None = None
        self._count = 0

    # ----- requests

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, Any] | None = None,
        keys: dict[str, str] = KEYS,
        **changes: str,
    ) -> WireRequest:
        """Changes replace headers, underscores standing for hyphens."""
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        raw = "&".join(f"{name}={value}" for name, value in (query or {}).items())
        stamp = changes.get("kc_api_timestamp", str(self.now_ms))
        url = path + (f"?{raw}" if raw else "")
        headers = {
            "host": "127.0.0.1:9999",
            "kc-api-key": keys["apiKey"],
            "kc-api-sign": signature(keys["apiSecret"], f"{stamp}{method}{url}{text}".encode()),
            "kc-api-timestamp": stamp,
            "kc-api-passphrase": signature(keys["apiSecret"], keys["passphrase"].encode()),
            "kc-api-key-version": "3",
        }
        if text:
            headers["content-type"] = "application/json"
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        return WireRequest(
            method=method, path=path, query=urlencode(query or {}).encode(), body=text.encode(), headers=headers
        )

    def send(self, request: WireRequest) -> dict[str, Any]:
        lens = self.visibility.lens(self.now_ms, self.stale_ms, self.stale_ms)
        self.answered = self.dialect.answer(request, self.now_ms, lens)
        self.happened(self.answered.events)
        return json.loads(self.answered.body)

    def happened(self, events: Events) -> Events:
        self.visibility.observe(events)
        self.dialect.observe(events)
        self.frames += self.dialect.frames(events, self.now_ms)
        return events

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self.send(self.request("POST", path, body))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.send(self.request("GET", path, query=query))

    def delete(self, path: str, **query: Any) -> dict[str, Any]:
        return self.send(self.request("DELETE", path, query=query))

    def data(self, answer: dict[str, Any]) -> Any:
        assert answer["code"] == "200000", answer
        return answer["data"]

    # ----- orders

    def terms(self, **changes: Any) -> dict[str, Any]:
        self._count += 1
        fields = {
            "clientOid": f"oms-{self._count:04}",
            "symbol": "BTC-USDT",
            "side": "buy",
            "type": "limit",
            "price": "50000",
            "size": "0.01",
        } | changes
        return {name: value for name, value in fields.items() if value is not None}

    def limit(self, path: str = HF, **changes: Any) -> dict[str, Any]:
        return self.post(path, **self.terms(**changes))

    def rest(self, **changes: Any) -> str:
        """Place a limit order and return its id."""
        return self.data(self.limit(**changes))["orderId"]

    def stop(self, **changes: Any) -> dict[str, Any]:
        fields = {"side": "sell", "stop": "loss", "stopPrice": "55000", "price": "54000", "tradeType": "TRADE"}
        return self.limit(STOP, **(fields | changes))

    def order(self, order_id: str, symbol: str = "BTC-USDT") -> dict[str, Any]:
        return self.data(self.get(f"{HF}/{order_id}", symbol=symbol))

    def bob(self, side: str, size: str, price: str, symbol: str = "BTC-USDT") -> PaperOrder:
        """Place bob's limit order directly."""
        self._count += 1
        order = NewOrder(
            account="bob",
            client_order_id=f"bob-{self._count}",
            symbol=symbol,
            side=Side(side),
            type=OrderType.LIMIT,
            size=D(size),
            price=D(price),
        )
        events = self.happened(self.engine.place(order, self.now_ms))
        assert isinstance(events[0], OrderAccepted), events
        return events[0].order

    # ----- stream

    def token(self) -> dict[str, Any]:
        return self.data(self.send(self.request("POST", "/api/v1/bullet-private")))

    def connect(self, connect_id: str = "c1") -> KucoinSession:
        query = urlencode({"token": self.token()["token"], "connectId": connect_id})
        session = self.dialect.open_session(query.encode(), {}, self.now_ms)
        assert isinstance(session, KucoinSession), session
        return session

    def messages(self, topic: str = "/spotMarket/tradeOrdersV2") -> list[dict[str, Any]]:
        """Take the data of all messages of a topic about alice so far."""
        taken = [json.loads(frame.payload) for frame in self.frames if frame.account == "alice"]
        self.frames.clear()
        return [one["data"] for one in taken if one["topic"] == topic]


def kinds(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["type"], one["status"]) for one in messages]
