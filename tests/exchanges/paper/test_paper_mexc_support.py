"""A MEXC paper venue without sockets, a plain client that signs by the sheet, and a decoder of its binary pushes."""

import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import quote

from exchanges.paper.dialects.mexc.dialect import MexcDialect
from exchanges.paper.dialects.mexc.stream import MexcSession
from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, NewOrder, OrderAccepted, PaperOrder
from exchanges.paper.visibility import Visibility
from exchanges.paper.wire import WireAnswer, WireRequest
from messages.types import OrderType, Side

START_MS = 1_795_255_200_123
CLIENT_ID = "0123456789abcdef0123456789abcdef"
ORDERS = "spot@private.orders.v3.api.pb"
DEALS = "spot@private.deals.v3.api.pb"
ACCOUNT = "spot@private.account.v3.api.pb"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}


class Bench:
    """The venue with two accounts: alice speaks the wire protocol, bob trades by the engine."""

    def __init__(self, seed: int = 1) -> None:
        self.engine = Engine(MexcDialect.instruments(), client_ids=MexcDialect.client_ids, fees=MexcDialect.fees)
        for name in ("alice", "bob", "carol"):
            self.engine.add_account(name, {"USDT": Decimal(1_000_000), "BTC": Decimal(100)})
        self.dialect = MexcDialect(self.engine, Random(seed))
        self.keys = self.dialect.add_keys("alice", 7)
        self.visibility = Visibility(self.engine)
        self.now_ms = START_MS
        self.stale_ms = 0
        self.trades_stale_ms = 0
        self.events: Events = ()
        self._count = 0

    # ----- REST

    def send(
        self,
        method: str,
        path: str,
        query: str = "",
        body: str = "",
        *,
        headers: dict[str, str] | None = None,
    ) -> WireAnswer:
        """Send exactly this."""
        given = {"x-mexc-apikey": self.keys["apiKey"], "content-type": "application/json"}
        request = WireRequest(
            method=method,
            path=f"/api/v3/{path}",
            query=query.encode(),
            body=body.encode(),
            headers=given if headers is None else headers,
        )
        lens = self.visibility.lens(self.now_ms, self.stale_ms, self.trades_stale_ms)
        answer = self.dialect.answer(request, self.now_ms, lens)
        self.note(answer.events)
        return answer

    def note(self, events: Events) -> None:
        self.events = events
        self.visibility.observe(events)
        self.dialect.observe(events)

    def sign(self, text: str) -> str:
        return hmac.new(self.keys["apiSecret"].encode(), text.encode(), hashlib.sha256).hexdigest()

    def query(self, **parameters: Any) -> str:
        """Write and sign parameters as a query."""
        parameters.setdefault("timestamp", self.now_ms)
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())
        return f"{text}&signature={self.sign(text)}"

    def call(self, method: str, path: str, **parameters: Any) -> WireAnswer:
        return self.send(method, path, self.query(**parameters))

    def ask(self, method: str, path: str, **parameters: Any) -> Any:
        """Call and return the body of a success."""
        answer = self.call(method, path, **parameters)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def code(self, method: str, path: str, **parameters: Any) -> int:
        """Call and return the code of a refusal."""
        return refusal(self.call(method, path, **parameters))

    def place(self, client_id: str = CLIENT_ID, **changes: Any) -> str:
        """Place a resting limit order, unless told otherwise, and return its id."""
        terms = {name: value for name, value in (LIMIT | changes).items() if value is not None}
        placed = self.ask("POST", "order", **terms, newClientOrderId=client_id)
        assert isinstance(placed["orderId"], str)
        return placed["orderId"]

    def order(self, order_id: str) -> Any:
        return self.ask("GET", "order", symbol="BTCUSDT", orderId=order_id)

    # ----- the rest of the market

    def rest(self, side: str, size: str, price: str) -> PaperOrder:
        """Let bob rest an order in the book."""
        self._count += 1
        request = NewOrder(
            account="bob",
            client_order_id=f"bob-{self._count}",
            symbol="BTC-USDT",
            side=Side(side),
            type=OrderType.LIMIT,
            size=Decimal(size),
            price=Decimal(price),
            venue_type="LIMIT",
        )
        events = self.engine.place(request, self.now_ms)
        self.note(events)
        assert isinstance(events[0], OrderAccepted)
        return events[0].order

    def paper(self, order_id: str) -> PaperOrder:
        """Return the engine's order behind one of the venue's ids."""
        return next(
            order
            for order in self.engine.truth.orders.values()
            if self.dialect.venue_order_id(order.order_id) == order_id
        )

    def execute(self, order_id: str, size: str, price: str = "50000") -> None:
        order = self.paper(order_id)
        self.note(self.engine.execute(order.order_id, Decimal(price), Decimal(size), self.now_ms))

    # ----- stream

    def listen_key(self) -> str:
        key = self.ask("POST", "userDataStream")["listenKey"]
        assert isinstance(key, str)
        return key

    def connect(self, key: str | None = None) -> MexcSession:
        return self.dialect.open_session(f"listenKey={key or self.listen_key()}".encode(), {}, self.now_ms)

    def subscribed(self, *channels: str) -> MexcSession:
        session = self.connect()
        session.receive(json.dumps({"id": 1, "method": "SUBSCRIPTION", "params": channels}).encode(), self.now_ms)
        return session

    def pushes(self) -> list[tuple[str, dict[int, Any]]]:
        """Return channel and wrapper of every push that alice's last events lead to."""
        frames = self.dialect.frames(self.events, self.now_ms)
        return [(frame.channel, decode(frame.payload)) for frame in frames if frame.account == "alice"]

    def orders_pushed(self) -> list[dict[int, Any]]:
        return [decode(wrapper[304]) for channel, wrapper in self.pushes() if channel == ORDERS]


def refusal(answer: WireAnswer) -> int:
    assert answer.status == 400, (answer.status, answer.body)
    body = json.loads(answer.body)
    assert body["msg"]
    return int(body["code"])


def text(fields: dict[int, Any], number: int) -> str:
    """Return a string field; empty when it is absent."""
    return str(fields.get(number, b"").decode())


def decode(payload: bytes) -> dict[int, Any]:
    """Read a protobuf message into bytes and numbers by field."""
    fields: dict[int, Any] = {}
    at = 0
    while at < len(payload):
        tag, at = _varint(payload, at)
        number, at = _VALUES[tag & 7](payload, at)
        fields[tag >> 3] = number
    return fields


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = payload[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _bytes(payload: bytes, at: int) -> tuple[bytes, int]:
    length, at = _varint(payload, at)
    assert at + length <= len(payload)
    return payload[at : at + length], at + length


_VALUES: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {0: _varint, 2: _bytes}
