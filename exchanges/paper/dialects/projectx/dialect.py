"""The ProjectX dialect: routes a request to its endpoint, checks token and limits, and words the answer.

Written from the fact sheet alone; it shares nothing with any client of the real venue. No sockets, no clock.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from email.utils import formatdate
from random import Random
from typing import Any, ClassVar
from urllib.parse import parse_qs

from exchanges.paper.dialects.projectx.closing import Closing
from exchanges.paper.dialects.projectx.codec import BindingError, Fields, parse, write
from exchanges.paper.dialects.projectx.contingent import Contingent
from exchanges.paper.dialects.projectx.contracts import contracts
from exchanges.paper.dialects.projectx.endpoints import BARS, QUERY, Endpoint, query_endpoints, trading_endpoints
from exchanges.paper.dialects.projectx.errors import Refusal, Unauthorized, problem
from exchanges.paper.dialects.projectx.events import EventWriter
from exchanges.paper.dialects.projectx.hub import HubSession
from exchanges.paper.dialects.projectx.limits import Limits
from exchanges.paper.dialects.projectx.positions import PositionBook
from exchanges.paper.dialects.projectx.queries import Queries
from exchanges.paper.dialects.projectx.register import Register
from exchanges.paper.dialects.projectx.render import WORKING, Renderer
from exchanges.paper.dialects.projectx.tokens import Token, Tokens
from exchanges.paper.dialects.projectx.trading import Call, Trading
from exchanges.paper.dialects.projectx.users import Users
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, Events, Execution, FeeRules, PaperInstrument, PaperOrder
from exchanges.paper.visibility import Lens
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireRequest

_JSON = {"content-type": "application/json; charset=utf-8"}
_PROBLEM = {"content-type": "application/problem+json; charset=utf-8"}
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_STATUS = re.compile(rb'"status":\d+')
_STATUS_UNKNOWN = b'"status":42'
_LOGIN = "/api/Auth/loginKey"
_VALIDATE = "/api/Auth/validate"
_LOGOUT = "/api/Auth/logout"
_PING = "/api/Status/ping"
_NEGOTIATE = "/hubs/user/negotiate"


class ProjectXDialect:
    """The ProjectX Gateway over an engine. Implements `Dialect`."""

    venue: ClassVar[str] = "projectx"
    stream_path: ClassVar[str] = "/hubs/user"
    client_ids: ClassVar[ClientIdPolicy] = ClientIdPolicy.EVER
    fees: ClassVar[FeeRules] = FeeRules(maker=Decimal(0), taker=Decimal(0), per_unit=Decimal("1.40"), in_quote=True)
    margin: ClassVar[bool] = True

    def __init__(self, engine: Engine, random: Random) -> None:
        """Take the engine and the source of tokens and of everything that the venue does now this way, now that."""
        self.users = Users()
        """Accounts with the switches of their firm."""
        self.voided: set[int] = set()
        """Ids of fills that the venue has taken back; look-ups say so."""
        self.limits = Limits()
        self._engine = engine
        self._random = random
        self._tokens = Tokens(random)
        self._now_ms = 0
        self._asked: Endpoint | None = None
        self._follow_ups: Events = ()
        listed = {one.instrument.symbol: one for one in contracts() if one.instrument.symbol in engine.instruments}
        self._register = Register(engine)
        self._positions = PositionBook(engine, listed)
        self._contingent = Contingent(engine, self._register)
        renderer = Renderer(self._register, self._positions, listed)
        self.writer = EventWriter(self.users, self._register, self._positions, renderer, self.voided, random)
        """Renders the hub's events; `writer.wrapped` decides how."""
        trading = Trading(engine, listed, self._register, self._contingent)
        closing = Closing(engine, listed, self._register, self._positions)
        queries = Queries(engine, listed, self._register, self._positions, renderer, self.voided)
        self._endpoints = trading_endpoints(trading, closing) | query_endpoints(queries)

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return two futures contracts."""
        return tuple(contract.instrument for contract in contracts())

    def venue_order_id(self, order_id: int) -> str:
        """Return the id as its clients know it."""
        return str(self._register.wire_id(order_id))

    def fill_id(self, execution: Execution) -> str:
        """Return the id of one side of a trade, unique at the venue."""
        return str(self._positions.fill_id(execution))

    def expire_tokens(self) -> None:
        """End every token issued so far; connected hubs stay."""
        self._tokens.revoke_all()

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept `userName` and `apiKey`, given or derived, for an account, and return them with `accountNumber`."""
        return self.users.add(account, seed, given)

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the rate limits, or only count."""
        self.limits.enabled = enabled

    # ----- requests

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about."""
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            return Subject(kind=RequestKind.TIME if request.path == _PING else RequestKind.OTHER)
        try:
            fields = parse(request.body)
            kind = _kind(endpoint, request, fields)
            tag = fields.optional_text("customTag") if kind is RequestKind.PLACE else None
            target = self._target(request, fields)
        except BindingError:
            return Subject(kind=endpoint.kind)
        named = () if target is None else (target.client_order_id,)
        return Subject(kind=kind, client_order_ids=(tag,) if tag else named, target=target, places=tag or None)

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request."""
        self._now_ms = now_ms
        self._asked = self._endpoints.get(request.path)
        known = self._asked is not None or request.path in (_LOGIN, _VALIDATE, _LOGOUT, _PING, _NEGOTIATE)
        if not known:
            return self._answer(404, b"")
        if request.method != ("GET" if request.path == _PING else "POST"):
            return self._answer(405, b"", {"allow": "GET" if request.path == _PING else "POST"})
        try:
            token = None if request.path in (_LOGIN, _PING) else self._authorized(request.headers, now_ms)
        except Unauthorized:
            return self._answer(401, b"", {"www-authenticate": "Bearer"})
        wait_ms = self.limits.wait_ms(token.user if token else "", now_ms, bars=request.path == BARS)
        if wait_ms:
            return self.rate_limited(now_ms, wait_ms)
        if token is None or self._asked is None:
            return self._session_answer(request, token, now_ms)
        return self._endpoint_answer(self._asked, request, token, lens)

    def _endpoint_answer(self, endpoint: Endpoint, request: WireRequest, token: Token, lens: Lens) -> WireAnswer:
        try:
            call = Call(user=self.users.user(token.user), fields=parse(request.body), now_ms=self._now_ms, lens=lens)
            result = endpoint.handle(call)
        except BindingError as error:
            return self._answer(400, write(problem(error, self._random.getrandbits(128))), _PROBLEM)
        except Refusal as refusal:
            body = {**endpoint.nothing, **refusal.fields, **_envelope(refusal.code, refusal.message)}
            return self._answer(200, write(body), _JSON, refusal.events)
        return self._answer(200, write({**result.fields, **_envelope(0)}), _JSON, result.events)

    def _session_answer(self, request: WireRequest, token: Token | None, now_ms: int) -> WireAnswer:
        if request.path == _PING:
            return self._answer(200, b"pong", _TEXT)
        if token is None:
            return self._log_in(request, now_ms)
        if request.path == _NEGOTIATE:
            return self._answer(200, write(self._negotiated(request)), _JSON)
        self._tokens.revoke(token)
        fresh = {"newToken": self._tokens.issue(token.user, now_ms)} if request.path == _VALIDATE else {}
        return self._answer(200, write({**_envelope(0), **fresh}), _JSON)

    def _log_in(self, request: WireRequest, now_ms: int) -> WireAnswer:
        try:
            fields = parse(request.body)
            user = self.users.log_in(fields.text("userName"), fields.text("apiKey"))
        except BindingError as error:
            return self._answer(400, write(problem(error, self._random.getrandbits(128))), _PROBLEM)
        except Refusal as refusal:
            return self._answer(200, write({"token": None, **_envelope(refusal.code)}), _JSON)
        return self._answer(200, write({"token": self._tokens.issue(user.name, now_ms), **_envelope(0)}), _JSON)

    def _negotiated(self, request: WireRequest) -> dict[str, Any]:
        version = parse_qs(request.query.decode("latin-1")).get("negotiateVersion", ["0"])[0]
        connection_id = f"{self._random.getrandbits(128):032x}"
        transports = [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}]
        body = {"negotiateVersion": 0, "connectionId": connection_id, "availableTransports": transports}
        if version == "0":
            return body
        return body | {"negotiateVersion": 1, "connectionToken": f"{self._random.getrandbits(128):032x}"}

    def _authorized(self, headers: Mapping[str, str], now_ms: int) -> Token:
        scheme, _, text = headers.get("authorization", "").partition(" ")
        token = self._tokens.check(text.strip(), now_ms) if scheme.lower() == "bearer" else None
        if token is None:
            raise Unauthorized
        return token

    def _target(self, request: WireRequest, fields: Fields) -> PaperOrder | None:
        order_id = fields.optional_integer("orderId", 2**63 - 1)
        order = None if order_id is None else self._register.order(order_id)
        if order is None:
            return None
        try:
            token = self._authorized(request.headers, self._now_ms)
        except Unauthorized:
            return None
        own = {account.name for account in self.users.user(token.user).accounts}
        return order if order.account in own else None

    def _answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, events: Events = ()
    ) -> WireAnswer:
        # The date is the only clock that the venue shows.
        date = {"date": formatdate(self._now_ms // 1000, usegmt=True)}
        return WireAnswer(status=status, body=body, headers=date | dict(headers or {}), events=events)

    # ----- events

    def observe(self, events: Events) -> None:
        """Do what the venue does next: brackets, their peers, trailing stops."""
        self._follow_ups = self._contingent.follow(events)

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the hub, and behind them what followed from them."""
        del now_ms
        follow_ups, self._follow_ups = self._follow_ups, ()
        return self.writer.frames((*events, *follow_ups))

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> HubSession | int:
        """Begin a connection to the user hub, with the token in the URL or in the header; else refuse it with 401."""
        given = parse_qs(query.decode("latin-1")).get("access_token")
        try:
            token = self._authorized({"authorization": f"Bearer {given[0]}"} if given else headers, now_ms)
        except Unauthorized:
            return 401
        return HubSession(self._tokens, token, self.users.user(token.user), now_ms)

    # ----- answers of a venue in trouble

    def server_error(self) -> WireAnswer:
        """Return a 503 from somewhere on the way."""
        return self._answer(503, b"<html><body>503 Service Temporarily Unavailable</body></html>")

    def unknown_outcome(self) -> WireAnswer:
        """Return one of the codes by which the endpoint asked last says that it does not know, else a 500."""
        if self._asked is None or not self._asked.unknown_codes:
            return self._answer(500, b"")
        code = self._random.choice(self._asked.unknown_codes)
        body = {**self._asked.nothing, **_envelope(code)}
        return self._answer(200, write(body), _JSON)

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 429, sometimes with `Retry-After`, in seconds or as a date."""
        self._now_ms = now_ms
        seconds = -(-retry_after_ms // 1000)
        later = formatdate(-(-(now_ms + retry_after_ms) // 1000), usegmt=True)
        headers = self._random.choice(({}, {"retry-after": str(seconds)}, {"retry-after": later}))
        return self._answer(429, b"", headers)

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 429 as well: the venue knows no other refusal of a client that asks too much."""
        self._now_ms = now_ms
        return self._answer(429, b"", {"retry-after": str(-(-retry_after_ms // 1000))})

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with order statuses that are in no documentation."""
        body, count = _STATUS.subn(_STATUS_UNKNOWN, answer.body)
        return replace(answer, body=body) if count and answer.status < 400 else None  # noqa: PLR2004 - HTTP errors


def _kind(endpoint: Endpoint, request: WireRequest, fields: Fields) -> RequestKind:
    """Return the kind of a request: the query of orders is about open ones when it asks for nothing else."""
    if request.path != QUERY:
        return endpoint.kind
    criteria = fields.object("filter")
    statuses = None if criteria is None else criteria.integers("statuses")
    return RequestKind.OPEN_ORDERS if statuses is not None and WORKING.issuperset(statuses) else endpoint.kind


def _envelope(code: int, message: str | None = None) -> dict[str, Any]:
    return {"success": code == 0, "errorCode": code, "errorMessage": message}
