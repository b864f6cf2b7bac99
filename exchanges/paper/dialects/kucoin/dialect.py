"""The KuCoin dialect: routes a request to its endpoint, checks key, signature, clock and limits, and words the answer.

Written from the fact sheet alone; it shares nothing with any client of the real venue. No sockets, no clock.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import orjson

from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.auth import Gatekeeper, new_credential
from exchanges.paper.dialects.kucoin.calls import Call, Desk, Result
from exchanges.paper.dialects.kucoin.cancelling import Cancelling
from exchanges.paper.dialects.kucoin.endpoints import Endpoint, Found, Routes, asking, changing, stopping
from exchanges.paper.dialects.kucoin.errors import (
    INTERNAL_ERROR,
    INVALID_BODY,
    NOT_FOUND,
    SUCCESS,
    TOO_MANY_REQUESTS,
    KucoinError,
    Refusal,
)
from exchanges.paper.dialects.kucoin.events import EventWriter
from exchanges.paper.dialects.kucoin.fields import Fields
from exchanges.paper.dialects.kucoin.limits import QUOTAS, Limits, Pool, limit_headers
from exchanges.paper.dialects.kucoin.notes import Notes
from exchanges.paper.dialects.kucoin.placing import Placing
from exchanges.paper.dialects.kucoin.queries import Queries
from exchanges.paper.dialects.kucoin.session import PING_INTERVAL_MS, PING_TIMEOUT_MS, KucoinSession, Tokens
from exchanges.paper.dialects.kucoin.stops import Stops
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, Events, Execution, FeeRules, PaperInstrument, PaperOrder
from exchanges.paper.visibility import Lens
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireRequest

_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html"}
_TEXT = {"content-type": "text/plain"}
_STATUS = re.compile(rb'"status":"(open|done|NEW|TRIGGERED)"')
_ACTIVE = re.compile(rb'"active":(true|false)')
_PLACING = frozenset({RequestKind.PLACE})
_UNAUTHORIZED = 401
_PARTIAL_CANCELS_MAX = 1_000_000_000
"""How often an order may be reduced: the venue names no limit."""


class KucoinDialect:
    """KuCoin Spot (HF) over an engine. Implements `Dialect`."""

    venue: ClassVar[str] = "kucoin"
    stream_path: ClassVar[str] = "/"
    client_ids: ClassVar[ClientIdPolicy] = ClientIdPolicy.OPEN_ONLY
    fees: ClassVar[FeeRules] = FeeRules(in_quote=True)
    margin: ClassVar[bool] = False

    def __init__(self, engine: Engine, random: Random) -> None:
        """Take the engine and the source of the ids and tokens that the venue invents."""
        self.limits = Limits()
        self.gatekeeper = Gatekeeper()
        self._random = random
        self._tokens = Tokens(random)
        notes = Notes()
        self._desk = Desk(engine, notes)
        placing = Placing(self._desk, self._new_id, self.limits)
        self._routes = Routes(
            changing(placing, Cancelling(self._desk))
            | stopping(placing, Stops(self._desk))
            | asking(Queries(self._desk))
            | {("POST", "/api/v1/bullet-private"): Endpoint(RequestKind.OTHER, 10, self._issue_token)}
        )
        self._writer = EventWriter(engine, notes)

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return the catalogue's spot instruments, named `BASE-QUOTE`."""
        named = spot_instruments(lambda base, quote: f"{base}-{quote}")
        return tuple(replace(instrument, max_amendments=_PARTIAL_CANCELS_MAX) for instrument in named)

    def venue_order_id(self, order_id: int) -> str:
        """Return the id under which an order is known now: a stop's own until its trigger, then its child's."""
        order = self._desk.engine.order(order_id)
        waits = order is not None and not render.is_ordinary(order)
        return ids.stop_id(order_id) if waits else ids.order_id(order_id)

    def fill_id(self, execution: Execution) -> str:
        """Return the trade id, unique per symbol."""
        return str(ids.trade_id(execution))

    def expire_tokens(self) -> None:
        """Let the tokens for private connections that were not used yet open nothing any more."""
        self._tokens.expire()

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept `apiKey` with `apiSecret` and `passphrase`, given or derived, and return them.

        Raises ValueError when one of the three is missing.
        """
        credential = new_credential(account, seed, given)
        self.gatekeeper.admit(credential)
        self._writer.begin(account)
        return {
            "apiKey": credential.api_key,
            "apiSecret": credential.secret,
            "passphrase": credential.passphrase,
        }

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the rate limits and the numbers of orders, and announce the former."""
        self.limits.enabled = enabled

    # ----- requests

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about."""
        found = self._routes.find(request.method, request.path)
        if found is None:
            return Subject(kind=RequestKind.OTHER)
        kind = found.endpoint.kind
        try:
            values = _values(request, found)
        except KucoinError:
            return Subject(kind=kind)
        client_oid = values.get("clientOid")
        named = (client_oid,) if isinstance(client_oid, str) and client_oid else ()
        if kind in _PLACING:
            return Subject(kind=kind, client_order_ids=named, places=named[0] if named else None)
        target = self._target(request, values)
        if target is not None and target.client_order_id not in named:
            named = (*named, target.client_order_id)
        return Subject(kind=kind, client_order_ids=named, target=target)

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request."""
        found = self._routes.find(request.method, request.path)
        if found is None:
            return _refusal(NOT_FOUND)
        endpoint = found.endpoint
        user = self.gatekeeper.claimed(request) or "" if endpoint.is_signed else ""
        if not self.limits.charge(endpoint.pool, user, endpoint.weight, now_ms):
            return _refusal(TOO_MANY_REQUESTS, self.limits.headers(endpoint.pool, user, now_ms))
        headers = self.limits.headers(endpoint.pool, user, now_ms)
        try:
            result = self._carry_out(found, request, now_ms, lens)
        except KucoinError as error:
            return _refusal(error.refusal, headers)
        if result.refusal is not None:
            return replace(_refusal(result.refusal, headers), events=result.events)
        body = orjson.dumps({"code": SUCCESS, "data": result.data})
        return WireAnswer(status=200, body=body, headers=_JSON | headers, events=result.events)

    def _carry_out(self, found: Found, request: WireRequest, now_ms: int, lens: Lens) -> Result:
        signed = found.endpoint.is_signed
        account = self.gatekeeper.authenticate(request, now_ms) if signed else ""
        call = Call(
            account=account,
            fields=Fields(_values(request, found)),
            stamp_ms=int(request.headers["kc-api-timestamp"]) if signed else 0,
            host=request.headers.get("host", "127.0.0.1"),
            now_ms=now_ms,
            lens=lens,
        )
        return found.endpoint.handle(call)

    def _issue_token(self, call: Call) -> Result:
        server = {
            "endpoint": f"ws://{call.host}{self.stream_path}",
            "encrypt": False,
            "protocol": "websocket",
            "pingInterval": PING_INTERVAL_MS,
            "pingTimeout": PING_TIMEOUT_MS,
        }
        token = self._tokens.issue(call.account, call.now_ms)
        return Result(data={"token": token, "instanceServers": [server]})

    def _target(self, request: WireRequest, values: Mapping[str, Any]) -> PaperOrder | None:
        account = self.gatekeeper.claimed(request)
        order_id, client_oid = values.get("orderId"), values.get("clientOid")
        if account is None:
            return None
        if isinstance(order_id, str) and order_id:
            number = ids.order_number(order_id) or ids.stop_number(order_id)
            order = None if number is None else self._desk.engine.order(number)
            return order if order is not None and order.account == account else None
        instrument = self._desk.symbols.get(str(values.get("symbol", "")))
        if instrument is None or not isinstance(client_oid, str):
            return None
        return self._desk.engine.find(account, instrument.symbol, client_oid)

    def _new_id(self) -> str:
        return self._random.randbytes(16).hex()

    # ----- events

    def observe(self, events: Events) -> None:
        """Remember the balances, whose changes the stream tells."""
        self._writer.observe(events)

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the private topics."""
        del now_ms
        return self._writer.frames(events)

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> KucoinSession | int:
        """Begin a private connection with an unused `token`; HTTP 401 without."""
        del headers
        named = dict(parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True))
        account = self._tokens.redeem(named.get("token", ""), now_ms)
        if account is None:
            return _UNAUTHORIZED
        return KucoinSession(account, named.get("connectId") or self._new_id(), now_ms)

    # ----- answers of a venue in trouble

    def server_error(self) -> WireAnswer:
        """Return a 503 from somewhere on the way, without an envelope."""
        return WireAnswer(
            status=503, body=b"<html><body>503 Service Temporarily Unavailable</body></html>", headers=_HTML
        )

    def unknown_outcome(self) -> WireAnswer:
        """Return 500000, as most failures with HTTP 200."""
        return _refusal(INTERNAL_ERROR)

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 429 with what is left of the window, in ms."""
        del now_ms
        return _refusal(TOO_MANY_REQUESTS, limit_headers(QUOTAS[Pool.SPOT], 0, retry_after_ms))

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return the block of an address by the venue's front."""
        del now_ms
        headers = _TEXT | {"retry-after": str(-(-retry_after_ms // 1000))}
        return WireAnswer(status=429, body=b"error code: 1015", headers=headers)

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with statuses that are in no documentation; queries state theirs by `active`."""
        body, worded = _STATUS.subn(b'"status":"held_for_review"', answer.body)
        body, flagged = _ACTIVE.subn(b'"active":"held_for_review"', body)
        return replace(answer, body=body) if worded or flagged else None


def _values(request: WireRequest, found: Found) -> dict[str, Any]:
    if request.method != "POST":
        query = parse_qsl(request.query.decode("utf-8", "replace"), keep_blank_values=True)
        return dict(query) | dict(found.values)
    if not request.body:
        return {}
    try:
        values = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise KucoinError(INVALID_BODY) from error
    if not isinstance(values, dict):
        raise KucoinError(INVALID_BODY)
    return values


def _refusal(refusal: Refusal, headers: Mapping[str, str] | None = None) -> WireAnswer:
    body = orjson.dumps({"code": refusal.code, "msg": refusal.text})
    return WireAnswer(status=refusal.status, body=body, headers=_JSON | dict(headers or {}))
