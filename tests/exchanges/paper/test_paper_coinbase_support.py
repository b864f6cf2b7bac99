"""A Coinbase paper venue without sockets, and a plain client of its wire protocol with tokens made by the sheet."""

import json
from base64 import b64decode, urlsafe_b64encode
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exchanges.paper.dialects.coinbase.dialect import CoinbaseDialect
from exchanges.paper.engine import Engine
from exchanges.paper.model import ClientIdPolicy, Events, NewOrder, OrderAccepted, PaperOrder
from exchanges.paper.visibility import Visibility
from exchanges.paper.wire import WireAnswer, WireMessage, WireRequest
from messages.types import OrderType, Side, TimeInForce

BASE = "/api/v3/brokerage"
START_MS = 1_795_255_200_123
LATER_MS = 1_000
"""Long enough for everything that is shown as under way to be over."""


def encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


class Client:
    """Makes tokens with one key."""

    def __init__(self, name: str, secret: str) -> None:
        self.name = name
        self.secret = secret
        self._count = 0

    def token(
        self,
        now_ms: int,
        uri: str | None,
        *,
        header: dict[str, Any] | None = None,
        claims: dict[str, Any] | None = None,
    ) -> str:
        self._count += 1
        now = now_ms // 1000
        pem = self.secret.startswith("-----BEGIN")
        top = {"alg": "ES256" if pem else "EdDSA", "typ": "JWT", "kid": self.name, "nonce": f"{self._count:032x}"}
        said = {"sub": self.name, "iss": "cdp", "nbf": now, "exp": now + 120} | ({} if uri is None else {"uri": uri})
        kept = {name: value for name, value in (said | (claims or {})).items() if value is not None}
        head = {name: value for name, value in (top | (header or {})).items() if value is not None}
        signed = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(kept).encode())}"
        return f"{signed}.{encoded(self.sign(signed.encode()))}"

    def sign(self, signed: bytes) -> bytes:
        if not self.secret.startswith("-----BEGIN"):
            return Ed25519PrivateKey.from_private_bytes(b64decode(self.secret)[:32]).sign(signed)
        key: Any = load_pem_private_key(self.secret.encode(), None)
        r, s = decode_dss_signature(key.sign(signed, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Bench:
    """Venue, two accounts with ten million USDT, a thousand BTC and ETH each, and a client for `alice`."""

    def __init__(self, *, engine_ids: ClientIdPolicy = CoinbaseDialect.client_ids, **options: Any) -> None:
        cls = CoinbaseDialect
        self.engine = Engine(cls.instruments(), client_ids=engine_ids, fees=cls.fees, first_id=1_795_255_200_000)
        for name in ("alice", "bob"):
            self.engine.add_account(name, {"USDT": Decimal(10_000_000), "BTC": Decimal(1_000), "ETH": Decimal(1_000)})
        self.dialect = CoinbaseDialect(self.engine, Random(1), **options)
        self.visibility = Visibility(self.engine)
        self.now_ms = START_MS
        keys = self.dialect.add_keys("alice", 7)
        self.client = Client(keys["apiKey"], keys["apiSecret"])
        self.edwards = Client(keys["ed25519Key"], keys["ed25519Secret"])
        bob = self.dialect.add_keys("bob", 7)
        self.bob = Client(bob["apiKey"], bob["apiSecret"])
        self.events: Events = ()
        self.stale_ms = 0
        self.trades_stale_ms = 0

    # ----- requests

    def request(
        self, method: str, path: str, body: Any = None, *, client: Client | None = None, **query: Any
    ) -> WireRequest:
        full = path if path.startswith("/") else f"{BASE}/{path}"
        token = (client or self.client).token(self.now_ms, f"{method} api.coinbase.com{full}")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}", "host": "127.0.0.1:9"}
        return WireRequest(
            method=method, path=full, query=urlencode(query, doseq=True).encode(), body=content, headers=headers
        )

    def answer(self, request: WireRequest) -> WireAnswer:
        lens = self.visibility.lens(self.now_ms, self.stale_ms, self.trades_stale_ms)
        answer = self.dialect.answer(request, self.now_ms, lens)
        self.observe(answer.events)
        return answer

    def observe(self, events: Events) -> None:
        self.events = (*self.events, *events)
        self.visibility.observe(events)
        self.dialect.observe(events)

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        answer = self.answer(self.request(method, path, body, **more))
        return answer.status, json.loads(answer.body)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        status, found = self.send(method, path, body, **more)
        assert status == 200, found
        return found

    def later(self, by_ms: int = LATER_MS) -> None:
        self.now_ms += by_ms

    # ----- orders

    def place(self, configuration: dict[str, Any], client_id: str = "c1", side: str = "BUY", **more: Any) -> Any:
        fields = {"client_order_id": client_id, "product_id": "BTC-USDT", "side": side}
        return self.ok("POST", "orders", fields | {"order_configuration": configuration} | more)

    def limit(
        self, client_id: str = "c1", side: str = "BUY", size: str = "0.01", price: str = "50000", **more: Any
    ) -> str:
        configuration = {"limit_limit_gtc": {"base_size": size, "limit_price": price, "post_only": False}}
        answer = self.place(configuration, client_id, side, **more)
        assert answer["success"], answer
        return str(answer["success_response"]["order_id"])

    def reason(self, answer: Any) -> str:
        assert answer["success"] is False
        error = answer["error_response"]
        assert error["new_order_failure_reason"] == error["error"]
        if error["new_order_failure_reason"] != "UNKNOWN_FAILURE_REASON":
            return str(error["new_order_failure_reason"])
        return str(error["preview_failure_reason"])

    def order(self, order_id: str) -> Any:
        return self.ok("GET", f"orders/historical/{order_id}")["order"]

    def cancel(self, *order_ids: str) -> list[tuple[bool, str]]:
        results = self.ok("POST", "orders/batch_cancel", {"order_ids": order_ids})["results"]
        assert [result["order_id"] for result in results] == list(order_ids)
        return [(result["success"], result["failure_reason"]) for result in results]

    def edit(self, order_id: str, price: str, size: str, **more: Any) -> Any:
        return self.ok("POST", "orders/edit", {"order_id": order_id, "price": price, "size": size} | more)

    def edit_reason(self, order_id: str, price: str, size: str, **more: Any) -> str:
        answer = self.edit(order_id, price, size, **more)
        assert answer["success"] is False
        (error,) = answer["errors"]
        if error["edit_failure_reason"] == "UNKNOWN_EDIT_ORDER_FAILURE_REASON":
            return str(error["preview_failure_reason"])
        assert error["preview_failure_reason"] == "UNKNOWN_PREVIEW_FAILURE_REASON"
        return str(error["edit_failure_reason"])

    def engine_order(self, order_id: str) -> PaperOrder:
        (found,) = [o for o in self.engine.truth.orders.values() if self.dialect.venue_order_id(o.order_id) == order_id]
        return found

    def execute(self, order_id: str, price: str, size: str) -> None:
        order = self.engine_order(order_id)
        self.observe(self.engine.execute(order.order_id, Decimal(price), Decimal(size), self.now_ms))

    def outside(self, side: str, size: str, price: str, symbol: str = "BTC-USDT") -> PaperOrder:
        """Let bob rest an order, without the wire."""
        request = NewOrder(
            account="bob",
            client_order_id=f"b{self.engine.truth.accepted_count}",
            symbol=symbol,
            side=Side(side),
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            size=Decimal(size),
            price=Decimal(price),
        )
        events = self.engine.place(request, self.now_ms)
        assert isinstance(events[0], OrderAccepted), events
        self.observe(events)
        return events[0].order

    # ----- stream

    def session(self) -> Any:
        session = self.dialect.open_session(b"", {}, self.now_ms)
        assert not isinstance(session, int)
        assert session.opened(self.now_ms) == ()
        return session

    def subscribe(self, session: Any, channel: str = "user", **more: Any) -> list[Any]:
        message = {"type": "subscribe", "channel": channel, "jwt": self.client.token(self.now_ms, None)} | more
        return read(session.receive(json.dumps(message).encode(), self.now_ms))

    def pushed(self, session: Any, events: Events) -> list[Any]:
        """Return what a session sends of engine events."""
        frames = self.dialect.frames(events, self.now_ms)
        return read(tuple(session.wrap(frame, self.now_ms) for frame in frames if session.wants(frame)))


def read(messages: tuple[WireMessage, ...]) -> list[Any]:
    assert not any(message.binary for message in messages)
    return [json.loads(message.payload) for message in messages if message.payload]


def statuses(messages: list[Any]) -> list[tuple[str, str]]:
    """Return status and executed size of every order that messages tell of."""
    return [
        (order["status"], order["cumulative_quantity"])
        for message in messages
        for event in message["events"]
        for order in event["orders"]
    ]
