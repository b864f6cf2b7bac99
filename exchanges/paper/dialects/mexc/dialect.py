"""The MEXC dialect: routes a request to its endpoint, checks key, signature, clock and limits, and words the answer.

Written from the fact sheet alone; it shares nothing with any client of the real venue. No sockets, no clock.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import ClassVar

import orjson

from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.dialects.mexc.auth import (
    Credential,
    Gatekeeper,
    check_content_type,
    check_signature,
    check_time,
    derive_key,
)
from exchanges.paper.dialects.mexc.calls import Call, Directory, Result
from exchanges.paper.dialects.mexc.errors import (
    BAD_REQUEST,
    BANNED,
    OUTCOME_UNKNOWN,
    SLOW_DOWN,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    MexcError,
)
from exchanges.paper.dialects.mexc.ids import fill_id_text, order_id_text
from exchanges.paper.dialects.mexc.limits import Limits
from exchanges.paper.dialects.mexc.listenkeys import ListenKeys
from exchanges.paper.dialects.mexc.params import Parameters, parse
from exchanges.paper.dialects.mexc.pushes import PushWriter
from exchanges.paper.dialects.mexc.queries import Queries
from exchanges.paper.dialects.mexc.stream import MexcSession
from exchanges.paper.dialects.mexc.trading import Trading
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, Events, Execution, FeeRules, PaperInstrument
from exchanges.paper.visibility import Lens
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireRequest
from messages.types import ZERO

_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html"}
_ORDER = "/api/v3/order"
_STATUS = re.compile(rb'"status":"[A-Z_]+"')


@dataclass(frozen=True, slots=True)
class _Endpoint:
    kind: RequestKind
    weight: int
    handle: Callable[[Call], Result]
    signed: bool = True


class MexcDialect:
    """MEXC Spot v3 over an engine. Implements `Dialect`."""

    venue: ClassVar[str] = "mexc"
    stream_path: ClassVar[str] = "/ws"
    client_ids: ClassVar[ClientIdPolicy] = ClientIdPolicy.ANY
    fees: ClassVar[FeeRules] = FeeRules(maker=ZERO, taker=Decimal("0.0005"), in_quote=True)
    margin: ClassVar[bool] = False

    def __init__(self, engine: Engine, random: Random) -> None:
        """Take the engine and the source of what the venue makes up: listen keys, and which way it answers."""
        self._engine = engine
        self._random = random
        self._limits = Limits()
        self._gatekeeper = Gatekeeper()
        self._listen_keys = ListenKeys(random)
        self._directory = Directory(engine)
        self._writer = PushWriter(engine, random)
        trading = Trading(engine, self._directory, self._limits, random)
        queries = Queries(engine, self._directory)
        self._endpoints = _trading_endpoints(trading) | _query_endpoints(queries) | self._key_endpoints()

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return what the venue offers: names without a separator."""
        return spot_instruments(lambda base, quote: f"{base}{quote}")

    def venue_order_id(self, order_id: int) -> str:
        """Return the id that the venue gives an order of the engine."""
        return order_id_text(order_id)

    def fill_id(self, execution: Execution) -> str:
        """Return the id of an execution, unique within its symbol."""
        return fill_id_text(execution.trade_id)

    def expire_tokens(self) -> None:
        """Let every listen key be expired from now on. Streams that are connected stay."""
        self._listen_keys.forget_all()

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept `apiKey` with `apiSecret`, given or derived, and return them.

        Raises ValueError when one is missing or can be no key.
        """
        keys = derive_key(account, seed) if given is None else dict(given)
        if not {"apiKey", "apiSecret"} <= keys.keys():
            msg = "an API key and its secret are needed"
            raise ValueError(msg)
        credential = Credential(api_key=keys["apiKey"], account=account, secret=keys["apiSecret"].encode())
        self._gatekeeper.admit(credential)
        self._writer.begin(account)
        return keys

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the rate limits and the number of open orders, or let everything pass."""
        self._limits.enabled = enabled

    # ----- requests

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return Subject(kind=RequestKind.OTHER)
        values = parse(request.query, request.body)
        named = [values[name] for name in ("newClientOrderId", "origClientOrderId") if values.get(name)]
        account = self._account(request)
        target = None if account is None else self._directory.target(account, values)
        if target is not None:
            named.append(target.client_order_id)
        places = values.get("newClientOrderId") if endpoint.kind is RequestKind.PLACE else None
        return Subject(kind=endpoint.kind, client_order_ids=tuple(dict.fromkeys(named)), target=target, places=places)

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return WireAnswer(status=404, body=b"<html><body>404 Not Found</body></html>", headers=_HTML)
        places, account = endpoint.kind is RequestKind.PLACE, endpoint.kind is RequestKind.BALANCES
        wait_ms = self._limits.admit(endpoint.weight, now_ms, places=places, account=account)
        if wait_ms:
            refuse = self.banned if self._limits.is_banned(now_ms) else self.rate_limited
            return refuse(now_ms, wait_ms)
        try:
            result = endpoint.handle(self._call(endpoint, request, now_ms, lens))
        except MexcError as error:
            return WireAnswer(status=BAD_REQUEST, body=orjson.dumps(error.refusal.body()), headers=_JSON)
        return WireAnswer(status=200, body=orjson.dumps(result.body), headers=_JSON, events=result.events)

    def _call(self, endpoint: _Endpoint, request: WireRequest, now_ms: int, lens: Lens) -> Call:
        parameters = Parameters(parse(request.query, request.body))
        if not endpoint.signed:
            return Call(account="", parameters=parameters, now_ms=now_ms, lens=lens)
        credential = self._gatekeeper.credential(request.headers.get("x-mexc-apikey"))
        check_content_type(request.method, request.headers.get("content-type"))
        check_signature(credential, request.query, request.body, parameters.optional("signature"))
        check_time(parameters.values, now_ms)
        return Call(account=credential.account, parameters=parameters, now_ms=now_ms, lens=lens)

    def _account(self, request: WireRequest) -> str | None:
        try:
            return self._gatekeeper.credential(request.headers.get("x-mexc-apikey")).account
        except MexcError:
            return None

    # ----- listen keys

    def _key_endpoints(self) -> dict[tuple[str, str], _Endpoint]:
        path, other = "/api/v3/userDataStream", RequestKind.OTHER
        return {
            ("POST", path): _Endpoint(other, 1, self._issue_key),
            ("PUT", path): _Endpoint(other, 1, self._extend_key),
            ("DELETE", path): _Endpoint(other, 1, self._close_key),
            ("GET", path): _Endpoint(other, 1, self._valid_keys),
        }

    def _issue_key(self, call: Call) -> Result:
        return Result(body={"listenKey": self._listen_keys.issue(call.account, call.now_ms).text})

    def _extend_key(self, call: Call) -> Result:
        key = self._listen_keys.extend(call.account, call.parameters.text("listenKey"), call.now_ms)
        return Result(body={"listenKey": key.text})

    def _close_key(self, call: Call) -> Result:
        key = self._listen_keys.close(call.account, call.parameters.text("listenKey"), call.now_ms)
        return Result(body={"listenKey": key.text})

    def _valid_keys(self, call: Call) -> Result:
        return Result(body={"listenKey": [key.text for key in self._listen_keys.of(call.account, call.now_ms)]})

    # ----- events

    def observe(self, events: Events) -> None:
        """Take note of what balances moved by."""
        self._writer.observe(events)

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the private channels."""
        return self._writer.frames(events, now_ms)

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> MexcSession:
        """Begin a connection. Whether its listen key is valid, the stream itself says."""
        del headers
        text = parse(query, b"").get("listenKey")
        key = None if text is None else self._listen_keys.find(text, now_ms)
        return MexcSession(key, self._random, now_ms, refused=text is not None and key is None)

    # ----- answers of a venue in trouble

    def server_error(self) -> WireAnswer:
        """Return a 503 from somewhere on the way, without a code."""
        return WireAnswer(status=UNAVAILABLE, body=b"<html><body>503 Service Unavailable</body></html>", headers=_HTML)

    def unknown_outcome(self) -> WireAnswer:
        """Return the venue's 503, which leaves the outcome open."""
        return WireAnswer(status=UNAVAILABLE, body=orjson.dumps(OUTCOME_UNKNOWN.body()), headers=_JSON)

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 429."""
        del now_ms
        return _slow_down(TOO_MANY_REQUESTS, retry_after_ms)

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 418."""
        del now_ms
        return _slow_down(BANNED, retry_after_ms)

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with order statuses that are in no documentation."""
        body, count = _STATUS.subn(b'"status":"HELD_FOR_REVIEW"', answer.body)
        return replace(answer, body=body) if count else None


def _slow_down(status: int, retry_after_ms: int) -> WireAnswer:
    headers = _JSON | {"retry-after": str(-(-retry_after_ms // 1000))}
    return WireAnswer(status=status, body=orjson.dumps(SLOW_DOWN.body()), headers=headers)


def _trading_endpoints(trading: Trading) -> dict[tuple[str, str], _Endpoint]:
    kinds = RequestKind
    return {
        ("POST", _ORDER): _Endpoint(kinds.PLACE, 1, trading.place),
        ("POST", f"{_ORDER}/test"): _Endpoint(kinds.OTHER, 1, trading.test),
        ("DELETE", _ORDER): _Endpoint(kinds.CANCEL, 1, trading.cancel),
        ("DELETE", "/api/v3/openOrders"): _Endpoint(kinds.CANCEL_ALL, 1, trading.cancel_symbols),
        ("DELETE", f"{_ORDER}/all"): _Endpoint(kinds.CANCEL_ALL, 1, trading.cancel_everything),
    }


def _query_endpoints(queries: Queries) -> dict[tuple[str, str], _Endpoint]:
    kinds = RequestKind
    return {
        ("GET", _ORDER): _Endpoint(kinds.ORDER, 2, queries.order),
        ("GET", "/api/v3/openOrders"): _Endpoint(kinds.OPEN_ORDERS, 3, queries.open_orders),
        ("GET", "/api/v3/allOrders"): _Endpoint(kinds.ORDERS, 10, queries.orders),
        ("GET", "/api/v3/myTrades"): _Endpoint(kinds.TRADES, 10, queries.trades),
        ("GET", "/api/v3/account"): _Endpoint(kinds.BALANCES, 10, queries.account),
        ("GET", "/api/v3/selfSymbols"): _Endpoint(kinds.OTHER, 1, queries.own_symbols),
        ("GET", "/api/v3/tradeFee"): _Endpoint(kinds.OTHER, 20, queries.trade_fee),
        ("GET", "/api/v3/exchangeInfo"): _Endpoint(kinds.INSTRUMENTS, 10, queries.exchange_info, signed=False),
        ("GET", "/api/v3/defaultSymbols"): _Endpoint(kinds.OTHER, 1, queries.default_symbols, signed=False),
        ("GET", "/api/v3/ticker/price"): _Endpoint(kinds.PRICE, 1, queries.price, signed=False),
        ("GET", "/api/v3/time"): _Endpoint(kinds.TIME, 1, queries.time, signed=False),
        ("GET", "/api/v3/ping"): _Endpoint(kinds.OTHER, 1, queries.ping, signed=False),
    }
