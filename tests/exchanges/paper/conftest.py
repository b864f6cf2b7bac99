"""Paper venue fixtures: an engine to call, and a real process to talk to with signatures made here, from the sheet."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
import websocket
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exchanges.paper.client import ControlClient, PaperProcess
from exchanges.paper.dialects.binance.dialect import BinanceDialect
from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, NewOrder, OrderAccepted, PaperInstrument, PaperOrder, RequestRefused
from messages.types import OrderType, Side

DEADLINE_S = 10.0


class Desk:
    """An engine with short words for tests; every request happens one millisecond after the one before."""

    def __init__(self, instruments: tuple[PaperInstrument, ...] = (), **options: Any) -> None:
        self.engine = Engine(instruments or BinanceDialect.instruments(), **options)
        self.now_ms = 1_000_000
        self._count = 0
        for name in ("alice", "bob"):
            self.engine.add_account(name, {"USDT": Decimal(10_000_000), "BTC": Decimal(1_000)})

    def tick(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def request(self, side: str, size: str | None, price: str | None = None, **changes: Any) -> NewOrder:
        self._count += 1
        fields: dict[str, Any] = {
            "account": "alice",
            "client_order_id": f"c{self._count}",
            "symbol": "BTC-USDT",
            "side": Side(side),
            "type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "size": None if size is None else Decimal(size),
            "price": None if price is None else Decimal(price),
        }
        return NewOrder(**(fields | changes))

    def place(self, side: str, size: str | None, price: str | None = None, **changes: Any) -> Events:
        return self.engine.place(self.request(side, size, price, **changes), self.tick())

    def rest(self, side: str, size: str, price: str, **changes: Any) -> PaperOrder:
        events = self.place(side, size, price, **changes)
        assert isinstance(events[0], OrderAccepted), events
        return self.now(events[0].order)

    def now(self, order: PaperOrder) -> PaperOrder:
        found = self.engine.order(order.order_id)
        assert found is not None
        return found

    def placed(self, events: Events) -> PaperOrder:
        assert isinstance(events[0], OrderAccepted), events
        return self.now(events[0].order)

    def refusal(self, events: Events) -> str:
        (only,) = events
        assert isinstance(only, RequestRefused)
        return only.reason.value

    def stop(self, side: str, size: str, stop_price: str, price: str | None = None, **changes: Any) -> Events:
        kind = OrderType.STOP_MARKET if price is None else OrderType.STOP_LIMIT
        return self.place(side, size, price, type=kind, stop_price=Decimal(stop_price), **changes)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def new_desk() -> Callable[..., Desk]:
    return Desk


class BinanceUser:
    """A plain client of the wire protocol, for one account. Signs by the fact sheet, with no code of the product."""

    def __init__(self, venue: dict[str, Any], credentials: dict[str, str]) -> None:
        self.rest_url = venue["restUrl"]
        self.stream_url = venue["streamUrl"]
        self.credentials = credentials
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        self.session.close()

    def hmac(self, payload: str) -> str:
        return hmac.new(self.credentials["apiSecret"].encode(), payload.encode(), hashlib.sha256).hexdigest()

    def ed25519(self, payload: str) -> str:
        key = load_pem_private_key(self.credentials["ed25519PrivateKey"].encode(), None)
        return b64encode(key.sign(payload.encode())).decode()  # type: ignore[union-attr,call-arg]

    def send(
        self, method: str, path: str, query: str, *, api_key: str | None = None, timeout: float = DEADLINE_S
    ) -> Any:
        key = self.credentials["apiKey"] if api_key is None else api_key
        url = f"{self.rest_url}{path}" + (f"?{query}" if query else "")
        return self.session.request(method, url, headers={"X-MBX-APIKEY": key}, timeout=timeout)

    def call(self, method: str, path: str, *, timeout: float = DEADLINE_S, **parameters: Any) -> Any:
        parameters.setdefault("timestamp", int(time.time() * 1000))
        query = urlencode(parameters)
        return self.send(method, f"/api/v3/{path}", f"{query}&signature={self.hmac(query)}", timeout=timeout)

    def call_ed25519(self, method: str, path: str, **parameters: Any) -> Any:
        query = urlencode({"timestamp": int(time.time() * 1000)} | parameters)
        signature = quote(self.ed25519(query), safe="")
        key = self.credentials["ed25519ApiKey"]
        return self.send(method, f"/api/v3/{path}", f"{query}&signature={signature}", api_key=key)

    def limit(
        self, client_id: str, side: str = "BUY", quantity: str = "0.01", price: str = "50000.00", **more: Any
    ) -> Any:
        shape = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        terms = {"quantity": quantity, "price": price, "newClientOrderId": client_id}
        return self.call("POST", "order", **(shape | terms | more))

    def query(self, client_id: str) -> Any:
        return self.call("GET", "order", symbol="BTCUSDT", origClientOrderId=client_id)

    def stream(self, path: str = "/ws-api/v3") -> "BinanceStream":
        return BinanceStream(self, self.stream_url.replace("/ws-api/v3", path))

    def subscribe(self) -> "BinanceStream":
        stream = self.stream()
        reply = stream.subscribe()
        assert reply["status"] == 200, reply
        return stream


class BinanceStream:
    """One WebSocket API connection of a user."""

    def __init__(self, user: BinanceUser, url: str) -> None:
        self.user = user
        self.socket = websocket.create_connection(url, timeout=DEADLINE_S)

    def ask(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        self.socket.send(json.dumps({"id": "q", "method": method, "params": parameters or {}}))
        while True:
            message = json.loads(self.socket.recv())
            if "id" in message:
                return message

    def subscribe(self) -> Any:
        parameters = self.signed(self.user.credentials["apiKey"], self.user.hmac)
        return self.ask("userDataStream.subscribe.signature", parameters)

    def signed(self, api_key: str, sign: Callable[[str], str], **parameters: Any) -> dict[str, Any]:
        parameters = {"apiKey": api_key, "timestamp": int(time.time() * 1000), **parameters}
        payload = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
        return parameters | {"signature": sign(payload)}

    def message(self) -> Any:
        return json.loads(self.socket.recv())

    def event(self, kind: str = "executionReport") -> Any:
        while True:
            event = self.message().get("event", {})
            if event.get("e") == kind:
                return event

    def reports_until(self, done: Callable[[dict[str, Any]], bool]) -> list[Any]:
        reports = [self.event()]
        while not done(reports[-1]):
            reports.append(self.event())
        return reports

    def close(self) -> None:
        self.socket.close()


@pytest.fixture(scope="session")
def paper_process() -> Iterator[PaperProcess]:
    with PaperProcess(seed=7) as process:
        yield process


@pytest.fixture(scope="session")
def _account_numbers() -> Iterator[int]:
    return iter(range(1, 1_000_000))


@pytest.fixture
def control(paper_process: PaperProcess) -> Iterator[ControlClient]:
    client = paper_process.control()
    yield client
    client.end_outage()
    client.lift_ban()
    client.set_faults()
    client.set_clock_skew(0)
    client.enforce_limits(enabled=False)


@pytest.fixture
def new_user(
    paper_process: PaperProcess, control: ControlClient, _account_numbers: Iterator[int]
) -> Iterator[Callable[[], BinanceUser]]:
    """Make users with an account of their own, so that tests do not see each other's orders."""
    made: list[BinanceUser] = []

    def make() -> BinanceUser:
        name = f"user-{next(_account_numbers)}"
        credentials = control.add_account(name, {"USDT": Decimal(1_000_000), "BTC": Decimal(1_000)})
        made.append(BinanceUser(paper_process.venues["binance"], credentials | {"account": name}))
        return made[-1]

    yield make
    for one in made:
        one.close()
        for order in control.orders(account=one.credentials["account"], open=True):
            control.cancel(order["orderId"])


@pytest.fixture
def user(new_user: Callable[[], BinanceUser]) -> BinanceUser:
    return new_user()


@pytest.fixture
def maker(control: ControlClient, _account_numbers: Iterator[int]) -> Iterator[str]:
    """Name of an account that can always pay, for the other side of the market."""
    name = f"maker-{next(_account_numbers)}"
    control.add_account(name, unlimited=True)
    yield name
    for order in control.orders(account=name, open=True):
        control.cancel(order["orderId"])


@pytest.fixture
def stream(user: BinanceUser) -> Iterator[BinanceStream]:
    opened = user.subscribe()
    yield opened
    opened.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Ask until the answer is true, at most until the deadline; return the answer."""

    def wait(condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_S
        while not (answer := condition()):
            if time.monotonic() > deadline:
                pytest.fail("the condition did not come true before the deadline")
            time.sleep(0.01)
        return answer

    return wait
