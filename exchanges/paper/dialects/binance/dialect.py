"""The Binance dialect: routes a request to its endpoint, checks key, signature, clock and limits, and words the answer.

Written from the fact sheet alone; it shares nothing with any client of the real venue. No sockets, no clock.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from string import ascii_letters, digits

import orjson

from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.dialects.binance.auth import (
    Gatekeeper,
    check_signature,
    check_time,
    rest_payload,
)
from exchanges.paper.dialects.binance.changes import Changes
from exchanges.paper.dialects.binance.errors import BAD_REQUEST, OUTCOME_UNKNOWN, BinanceError, missing
from exchanges.paper.dialects.binance.keys import credentials, derive_keys
from exchanges.paper.dialects.binance.limits import Limits, too_many_requests, way_too_many_requests
from exchanges.paper.dialects.binance.params import Parameters, parse
from exchanges.paper.dialects.binance.queries import Queries
from exchanges.paper.dialects.binance.stream import BinanceSession, EventWriter
from exchanges.paper.dialects.binance.trading import Call, Result, Trading
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import (
    ClientIdPolicy,
    Events,
    Execution,
    FeeRules,
    OrderTraded,
    PaperInstrument,
    PaperOrder,
    PaperStatus,
)
from exchanges.paper.visibility import Lens
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireRequest

_JSON = {"content-type": "application/json;charset=UTF-8"}
_HTML = {"content-type": "text/html"}
_SHAPE = frozenset({"symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice"})
_PLACING = _SHAPE | {
    "newClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "strategyId",
    "strategyType",
}
_NAMING = frozenset({"symbol", "orderId", "origClientOrderId"})
_CANCELLING = _NAMING | {"newClientOrderId", "cancelRestrictions"}
_REPLACING = _PLACING | {
    "cancelReplaceMode",
    "cancelOrderId",
    "cancelOrigClientOrderId",
    "cancelNewClientOrderId",
    "cancelRestrictions",
    "orderRateLimitExceededMode",
}
_CLIENT_ID_NAMES = ("newClientOrderId", "origClientOrderId", "cancelOrigClientOrderId")
_COUNTED = frozenset({RequestKind.PLACE, RequestKind.REPLACE})
"""Requests for a new order."""
_STATUS = re.compile(rb'"status":"[A-Z_]+"')
_RETIRED = "/api/v3/userDataStream"
_CONNECT_WEIGHT = 2


@dataclass(frozen=True, slots=True)
class _Endpoint:
    kind: RequestKind
    weight: int
    handle: Callable[[Call], Result]
    names: frozenset[str]
    signed: bool = True
    weight_of_all: int | None = None
    """What it costs without a symbol, where it can do without."""
    free_on_success: bool = False


class BinanceDialect:
    """Binance Spot over an engine. Implements `Dialect`."""

    venue = "binance"
    stream_path = "/ws-api/v3"
    client_ids = ClientIdPolicy.OPEN_ONLY
    fees = FeeRules()
    margin = False

    def __init__(self, engine: Engine, random: Random) -> None:
        """Take the engine and the source of the ids that the venue invents."""
        self.limits = Limits()
        self.gatekeeper = Gatekeeper()
        self._engine = engine
        self._random = random
        self._symbols = {rules.venue_symbol: rules for rules in engine.instruments.values()}
        trading = Trading(engine, self._symbols, self._new_id, self.limits)
        changes = Changes(engine, trading, self._new_id, self.limits)
        queries = Queries(engine, self._symbols, self.limits)
        self._endpoints = _trading_endpoints(trading, changes) | _query_endpoints(queries)
        self._writer = EventWriter(engine, self._new_id)

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return the common instruments, named by base and quote without anything between."""
        return spot_instruments(lambda base, quote: f"{base}{quote}")

    def venue_order_id(self, order_id: int) -> str:
        """Return the number itself."""
        return str(order_id)

    def fill_id(self, execution: Execution) -> str:
        """Return the trade id, which is unique per symbol."""
        return str(execution.trade_id)

    def expire_tokens(self) -> None:
        """Do nothing: nobody here trades by tokens."""

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept `apiKey` with `apiSecret`, given or derived, and a derived Ed25519 pair; return them all."""
        keys = derive_keys(account, seed)
        if given is not None:
            keys = replace(keys, api_key=given["apiKey"], api_secret=given["apiSecret"])
        for credential in credentials(account, keys):
            self.gatekeeper.admit(credential)
        return keys.as_json()

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the rate limits, or only count for the headers."""
        self.limits.enabled = enabled

    # ----- requests

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return Subject(kind=RequestKind.OTHER)
        try:
            values = parse(request.query, request.body)
        except BinanceError:
            return Subject(kind=endpoint.kind)
        named = tuple(values[name] for name in _CLIENT_ID_NAMES if name in values)
        target = self._target(request, values)
        if target is not None:
            named = (*named, target.client_order_id)
        places = values.get("newClientOrderId") if endpoint.kind in _COUNTED else None
        return Subject(kind=endpoint.kind, client_order_ids=named, target=target, places=places)

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return _nowhere(request.path)
        wait_ms = self.limits.check(endpoint.weight, now_ms)
        if wait_ms:
            refuse = self.banned if self.limits.is_banned(now_ms) else self.rate_limited
            return refuse(now_ms, wait_ms)
        try:
            result = self._carry_out(endpoint, request, now_ms, lens)
        except BinanceError as error:
            result = Result(body=error.body(), status=error.refusal.status)
        free = result.status < BAD_REQUEST and (endpoint.free_on_success or result.free)
        self.limits.charge(0 if free else self._weight(endpoint, request), now_ms)
        headers = _JSON | self.limits.weight_headers(now_ms) | self._order_headers(endpoint, request, now_ms)
        return WireAnswer(status=result.status, body=orjson.dumps(result.body), headers=headers, events=result.events)

    def _carry_out(self, endpoint: _Endpoint, request: WireRequest, now_ms: int, lens: Lens) -> Result:
        account = ""
        if endpoint.signed:
            credential = self.gatekeeper.credential(request.headers.get("x-mbx-apikey"))
            parameters = Parameters(parse(request.query, request.body))
            signature = parameters.values.get("signature")
            for name in ("timestamp", "signature"):
                if not parameters.values.get(name):
                    raise BinanceError(missing(name))
            check_signature(credential, rest_payload(request.query, request.body), signature or "")
            check_time(parameters.values, now_ms)
            account = credential.account
        else:
            parameters = Parameters(parse(request.query, request.body))
        parameters.check_names(endpoint.names)
        return endpoint.handle(Call(account=account, parameters=parameters, now_ms=now_ms, lens=lens))

    def _target(self, request: WireRequest, values: Mapping[str, str]) -> PaperOrder | None:
        instrument = self._symbols.get(values.get("symbol", ""))
        account = self._account(request)
        if instrument is None or account is None:
            return None
        order_id = values.get("orderId") or values.get("cancelOrderId") or ""
        if order_id.isascii() and order_id.isdigit():
            found = self._engine.order(int(order_id))
            return found if found is not None and found.account == account else None
        client_id = values.get("origClientOrderId") or values.get("cancelOrigClientOrderId")
        return self._engine.find(account, instrument.symbol, client_id) if client_id else None

    def _account(self, request: WireRequest) -> str | None:
        try:
            return self.gatekeeper.credential(request.headers.get("x-mbx-apikey")).account
        except BinanceError:
            return None

    def _weight(self, endpoint: _Endpoint, request: WireRequest) -> int:
        if endpoint.weight_of_all is not None and b"symbol=" not in request.query:
            return endpoint.weight_of_all
        return endpoint.weight

    def _order_headers(self, endpoint: _Endpoint, request: WireRequest, now_ms: int) -> dict[str, str]:
        account = self._account(request)
        counted = endpoint.kind in _COUNTED
        return self.limits.order_headers(account, now_ms) if counted and account is not None else {}

    def _new_id(self) -> str:
        return "".join(self._random.choices(ascii_letters + digits, k=22))

    # ----- events

    def observe(self, events: Events) -> None:
        """Give an order count back for every order that filled."""
        for event in events:
            if isinstance(event, OrderTraded) and event.order.status is PaperStatus.FILLED:
                self.limits.count_order(event.account, -1, event.at_ms)

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the user data stream."""
        return self._writer.frames(events, now_ms)

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> BinanceSession:
        """Begin a WebSocket API connection; who it is for is said on it."""
        del query, headers
        self.limits.charge(_CONNECT_WEIGHT, now_ms)
        return BinanceSession(self.gatekeeper, self.limits)

    # ----- answers of a venue in trouble

    def server_error(self) -> WireAnswer:
        """Return a 503 from somewhere on the way, without a code."""
        return WireAnswer(status=503, body=b"<html><body>503 Service Unavailable</body></html>", headers=_HTML)

    def unknown_outcome(self) -> WireAnswer:
        """Return -1007."""
        return WireAnswer(status=OUTCOME_UNKNOWN.status, body=orjson.dumps(OUTCOME_UNKNOWN.body()), headers=_JSON)

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 429."""
        del now_ms
        words = too_many_requests()
        headers = _JSON | _retry_after(retry_after_ms)
        return WireAnswer(status=words.status, body=orjson.dumps(words.body()), headers=headers)

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 418."""
        words = way_too_many_requests(now_ms + retry_after_ms)
        headers = _JSON | _retry_after(retry_after_ms)
        return WireAnswer(status=words.status, body=orjson.dumps(words.body()), headers=headers)

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with order statuses that are in no documentation."""
        body, count = _STATUS.subn(b'"status":"HELD_FOR_REVIEW"', answer.body)
        return replace(answer, body=body) if count else None


def _trading_endpoints(trading: Trading, changes: Changes) -> dict[tuple[str, str], _Endpoint]:
    order = "/api/v3/order"
    kinds = RequestKind
    return {
        ("POST", order): _Endpoint(kinds.PLACE, 1, trading.place, _PLACING, free_on_success=True),
        ("POST", f"{order}/test"): _Endpoint(kinds.OTHER, 1, trading.test, _PLACING),
        ("DELETE", order): _Endpoint(kinds.CANCEL, 1, trading.cancel, _CANCELLING, free_on_success=True),
        ("DELETE", "/api/v3/openOrders"): _Endpoint(
            kinds.CANCEL_ALL, 1, trading.cancel_all, frozenset({"symbol"}), free_on_success=True
        ),
        ("POST", f"{order}/cancelReplace"): _Endpoint(
            kinds.REPLACE, 1, changes.replace, _REPLACING, free_on_success=True
        ),
        ("PUT", f"{order}/amend/keepPriority"): _Endpoint(
            kinds.AMEND, 4, changes.amend, _NAMING | {"newClientOrderId", "newQty"}
        ),
    }


def _query_endpoints(queries: Queries) -> dict[tuple[str, str], _Endpoint]:
    kinds = RequestKind
    symbol = frozenset({"symbol"})
    paged = symbol | {"orderId", "startTime", "endTime", "limit"}
    return {
        ("GET", "/api/v3/order"): _Endpoint(kinds.ORDER, 4, queries.order, _NAMING),
        ("GET", "/api/v3/openOrders"): _Endpoint(
            kinds.OPEN_ORDERS, 6, queries.open_orders, symbol, weight_of_all=80
        ),
        ("GET", "/api/v3/allOrders"): _Endpoint(kinds.ORDERS, 20, queries.orders, paged),
        ("GET", "/api/v3/myTrades"): _Endpoint(kinds.TRADES, 20, queries.trades, paged | {"fromId"}),
        ("GET", "/api/v3/account"): _Endpoint(
            kinds.BALANCES, 20, queries.account, frozenset({"omitZeroBalances"})
        ),
        ("GET", "/api/v3/rateLimit/order"): _Endpoint(kinds.OTHER, 40, queries.order_limits, frozenset()),
        ("GET", "/api/v3/exchangeInfo"): _Endpoint(
            kinds.INSTRUMENTS, 20, queries.exchange_info, symbol | {"symbols"}, signed=False
        ),
        ("GET", "/api/v3/ticker/price"): _Endpoint(
            kinds.PRICE, 2, queries.price, symbol, signed=False, weight_of_all=4
        ),
        ("GET", "/api/v3/time"): _Endpoint(kinds.TIME, 1, queries.time, frozenset(), signed=False),
        ("GET", "/api/v3/ping"): _Endpoint(kinds.OTHER, 1, queries.ping, frozenset(), signed=False),
    }


def _nowhere(path: str) -> WireAnswer:
    if path == _RETIRED:
        return WireAnswer(status=410, body=b"<html><body>410 Gone</body></html>", headers=_HTML)
    return WireAnswer(status=404, body=b"<html><body>404 Not Found</body></html>", headers=_HTML)


def _retry_after(retry_after_ms: int) -> dict[str, str]:
    return {"retry-after": str(-(-retry_after_ms // 1000))}
