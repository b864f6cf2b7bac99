"""The Kraken dialect: routes a request to its endpoint, checks key, signature, nonce and limits, and words the answer.

Written from the fact sheet alone; it shares nothing with any client of the real venue. No sockets, no clock.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import ClassVar

from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.dialects.kraken.archive import Archive
from exchanges.paper.dialects.kraken.auth import Credential, Gatekeeper, Tokens, decode_secret, derive_keys
from exchanges.paper.dialects.kraken.calls import Call, Result
from exchanges.paper.dialects.kraken.errors import INTERNAL_ERROR, RATE_LIMIT, UNKNOWN_METHOD, KrakenError
from exchanges.paper.dialects.kraken.ids import venue_id
from exchanges.paper.dialects.kraken.limits import Limits
from exchanges.paper.dialects.kraken.names import Pairs, pair_id
from exchanges.paper.dialects.kraken.numbers import dumps
from exchanges.paper.dialects.kraken.params import Parameters, client_id_key, from_form, parse
from exchanges.paper.dialects.kraken.public import Public
from exchanges.paper.dialects.kraken.queries import Queries
from exchanges.paper.dialects.kraken.reports import Reports
from exchanges.paper.dialects.kraken.session import KrakenSession
from exchanges.paper.dialects.kraken.trading import Trading
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, Events, Execution, FeeRules, PaperInstrument, PaperOrder
from exchanges.paper.visibility import Lens
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireRequest

_JSON = {"content-type": "application/json; charset=utf-8"}
_HTML = {"content-type": "text/html; charset=UTF-8"}
_ORIGIN_ERROR = 520
_STATUS = re.compile(rb'"status":"(open|closed|canceled|expired|pending)"')
_LISTS = frozenset({RequestKind.OPEN_ORDERS, RequestKind.ORDERS})
_TARGETED = frozenset({RequestKind.CANCEL, RequestKind.AMEND})


@dataclass(frozen=True, slots=True)
class _Endpoint:
    kind: RequestKind
    handle: Callable[[Call], Result]
    signed: bool = True
    cost: int = 1
    """What it adds to its key's counter."""


class KrakenDialect:
    """Kraken Spot over an engine. Implements `Dialect`."""

    venue: ClassVar[str] = "kraken"
    stream_path: ClassVar[str] = "/v2"
    client_ids: ClassVar[ClientIdPolicy] = ClientIdPolicy.OPEN_ONLY
    fees: ClassVar[FeeRules] = FeeRules(maker=Decimal("0.0025"), taker=Decimal("0.004"), in_quote=True)
    margin: ClassVar[bool] = False

    def __init__(self, engine: Engine, random: Random) -> None:
        """Take the engine and the source of the ids that the venue invents."""
        self._random = random
        self._gatekeeper = Gatekeeper()
        self._limits = Limits()
        self._tokens = Tokens(random)
        pairs = Pairs(engine.instruments.values())
        self._archive = Archive(engine, pairs)
        self._trading = Trading(engine, pairs, self._archive, self._limits)
        self._reports = Reports(engine, pairs, self._archive)
        queries, public = Queries(engine, pairs, self._archive), Public(engine, pairs, self._tokens)
        private = _trading_endpoints(self._trading) | _query_endpoints(queries)
        private["GetWebSocketsToken"] = _Endpoint(RequestKind.OTHER, public.token)
        self._endpoints = {("POST", f"/0/private/{name}"): endpoint for name, endpoint in private.items()}
        self._endpoints |= {
            (method, f"/0/public/{name}"): endpoint
            for name, endpoint in _public_endpoints(public).items()
            for method in ("GET", "POST")
        }

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return the usual instruments under their ids."""
        return spot_instruments(pair_id)

    def venue_order_id(self, order_id: int) -> str:
        """Return the `O…` id of an order."""
        return venue_id("O", order_id)

    def fill_id(self, execution: Execution) -> str:
        """Return the `T…` id of an execution: the stream's `exec_id`, the key in TradesHistory."""
        return self._archive.fill_id(execution)

    def expire_tokens(self) -> None:
        """Let every token for the stream be expired."""
        self._tokens.expire()

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept `apiKey` with `apiSecret` (base64), given or derived, and return them. Raises ValueError."""
        keys = derive_keys(account, seed)
        if given is not None:
            keys = {name: given[name] for name in keys if name in given}
        if len(keys) < len(derive_keys(account, seed)) or not keys["apiKey"]:
            msg = "a Kraken key is an apiKey and an apiSecret"
            raise ValueError(msg)
        secret = decode_secret(keys["apiSecret"])
        self._gatekeeper.admit(Credential(api_key=keys["apiKey"], account=account, secret=secret))
        return keys

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the counters, and lock out keys that keep offending; or do neither."""
        self._limits.enabled = enabled
        self._gatekeeper.locks_out = enabled

    # ----- requests

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return Subject(kind=RequestKind.OTHER)
        try:
            parameters = _parameters(request)
            client_id = parameters.optional_text("cl_ord_id")
            validates = endpoint.kind is RequestKind.PLACE and parameters.flag("validate")
            client_ids = tuple(client_id_key(one) for one in (client_id,) if one is not None)
            client_ids += tuple(client_id_key(one) for one in parameters.texts("cl_ord_ids", len(request.body)))
        except KrakenError:
            return Subject(kind=endpoint.kind)
        if endpoint.kind is RequestKind.PLACE and not validates:
            return Subject(kind=endpoint.kind, client_order_ids=client_ids, places=next(iter(client_ids), None))
        kind = RequestKind.OTHER if validates else endpoint.kind
        if kind in _LISTS and client_ids:
            kind = RequestKind.ORDER
        target = self._target(request, parameters) if kind in _TARGETED else self._looked_up(request, parameters)
        if target is not None:
            client_ids = tuple(dict.fromkeys((*client_ids, target.client_order_id)))
        return Subject(kind=kind, client_order_ids=client_ids, target=target if kind in _TARGETED else None)

    def _target(self, request: WireRequest, parameters: Parameters) -> PaperOrder | None:
        account = self._gatekeeper.owner(request.headers.get("api-key"))
        if account is None:
            return None
        try:
            return self._trading.named(account, parameters)[0]
        except KrakenError:
            return None

    def _looked_up(self, request: WireRequest, parameters: Parameters) -> PaperOrder | None:
        account = self._gatekeeper.owner(request.headers.get("api-key"))
        order_id = parameters.values.get("txid")
        return self._archive.order(account, order_id) if account is not None and isinstance(order_id, str) else None

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request. Refusals, too, have status 200."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return _failed(UNKNOWN_METHOD)
        try:
            result = self._carry_out(endpoint, request, now_ms, lens)
        except KrakenError as error:
            return _failed(error.text)
        body = dumps({"error": [], "result": result.body})
        return WireAnswer(status=200, body=body, headers=_JSON, events=result.events)

    def _carry_out(self, endpoint: _Endpoint, request: WireRequest, now_ms: int, lens: Lens) -> Result:
        parameters, account = _parameters(request), ""
        if endpoint.signed:
            api_key = request.headers.get("api-key")
            account = self._gatekeeper.authenticate(
                api_key=api_key,
                signature=request.headers.get("api-sign", ""),
                path=request.path,
                nonce=parameters.optional_text("nonce") or "",
                body=request.body,
                now_ms=now_ms,
            )
            self._limits.count_call(api_key or "", endpoint.cost, now_ms)
        return endpoint.handle(Call(account=account, parameters=parameters, now_ms=now_ms, lens=lens))

    # ----- events

    def observe(self, events: Events) -> None:
        """Take note of nothing: everything that is told is read from the engine's record."""

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the channels `executions` and `balances`."""
        del now_ms
        return self._reports.frames(events)

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> KrakenSession:
        """Begin a connection; who it belongs to is said when it subscribes."""
        del query, headers
        return KrakenSession(self._tokens, self._reports, self._random.getrandbits(63), now_ms)

    # ----- answers of a venue in trouble

    def server_error(self) -> WireAnswer:
        """Return what the proxy in front says when it does not understand the server: the order may be live."""
        body = b"<!DOCTYPE html><html><head><title>api.kraken.com | 520: Web server is returning an unknown error"
        return WireAnswer(status=_ORIGIN_ERROR, body=body + b"</title></head></html>", headers=_HTML)

    def unknown_outcome(self) -> WireAnswer:
        """Return the internal error, which says nothing about the order."""
        return _failed(INTERNAL_ERROR)

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return the refusal of a key whose counter is full; it does not say for how long."""
        del now_ms, retry_after_ms
        return _failed(RATE_LIMIT)

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return the throttling that says in unix seconds until when; the lockout for offences says no time."""
        return _failed(f"EService: Throttled: {-(-(now_ms + retry_after_ms) // 1000)}")

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with order statuses that are in no documentation."""
        body, count = _STATUS.subn(b'"status":"held_for_review"', answer.body)
        return replace(answer, body=body) if count else None


def _trading_endpoints(trading: Trading) -> dict[str, _Endpoint]:
    return {
        "AddOrder": _Endpoint(RequestKind.PLACE, trading.add, cost=0),
        "AmendOrder": _Endpoint(RequestKind.AMEND, trading.amend, cost=0),
        "CancelOrder": _Endpoint(RequestKind.CANCEL, trading.cancel, cost=0),
        "CancelOrderBatch": _Endpoint(RequestKind.CANCEL_ALL, trading.cancel_batch, cost=0),
        "CancelAll": _Endpoint(RequestKind.CANCEL_ALL, trading.cancel_all),
    }


def _query_endpoints(queries: Queries) -> dict[str, _Endpoint]:
    return {
        "QueryOrders": _Endpoint(RequestKind.ORDER, queries.orders),
        "OpenOrders": _Endpoint(RequestKind.OPEN_ORDERS, queries.open_orders),
        "ClosedOrders": _Endpoint(RequestKind.ORDERS, queries.closed_orders),
        "OrderAmends": _Endpoint(RequestKind.OTHER, queries.amendments),
        "TradesHistory": _Endpoint(RequestKind.TRADES, queries.trades_history, cost=4),
        "QueryTrades": _Endpoint(RequestKind.TRADES, queries.trades),
        "Balance": _Endpoint(RequestKind.BALANCES, queries.balance),
        "BalanceEx": _Endpoint(RequestKind.BALANCES, queries.balance_with_holds),
    }


def _public_endpoints(public: Public) -> dict[str, _Endpoint]:
    return {
        "Time": _Endpoint(RequestKind.TIME, public.time, signed=False),
        "SystemStatus": _Endpoint(RequestKind.OTHER, public.system_status, signed=False),
        "AssetPairs": _Endpoint(RequestKind.INSTRUMENTS, public.pairs, signed=False),
        "Assets": _Endpoint(RequestKind.INSTRUMENTS, public.assets, signed=False),
        "Ticker": _Endpoint(RequestKind.PRICE, public.ticker, signed=False),
    }


def _parameters(request: WireRequest) -> Parameters:
    # A signature covers the body alone, so nothing that is signed for is read from the query.
    in_query = from_form(request.query) if request.method == "GET" else {}
    return Parameters(in_query | parse(request.headers.get("content-type", ""), request.body))


def _failed(text: str) -> WireAnswer:
    return WireAnswer(status=200, body=dumps({"error": [text]}), headers=_JSON)
