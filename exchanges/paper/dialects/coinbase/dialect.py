"""The Coinbase dialect: routes a request to its endpoint, checks its token and the limits, and words the answer.

Written from the fact sheet alone; it shares nothing with any client of the real venue. No sockets, no clock.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

import orjson

from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.dialects.coinbase import ids
from exchanges.paper.dialects.coinbase.calls import Call, Result, read_query
from exchanges.paper.dialects.coinbase.changing import Changing
from exchanges.paper.dialects.coinbase.errors import (
    NOWHERE,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED_TEXT,
    UNKNOWN_ORDER_REASON,
    CoinbaseError,
    HttpRefusal,
    Refusal,
    placement_error,
)
from exchanges.paper.dialects.coinbase.keys import derive_keys, given_key
from exchanges.paper.dialects.coinbase.limits import Limits
from exchanges.paper.dialects.coinbase.phases import LIVE, Phases
from exchanges.paper.dialects.coinbase.placing import ClientIds, Placing
from exchanges.paper.dialects.coinbase.queries import Queries
from exchanges.paper.dialects.coinbase.render import Renderer
from exchanges.paper.dialects.coinbase.stream import CoinbaseSession, EventWriter
from exchanges.paper.dialects.coinbase.tokens import Gatekeeper
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, Events, Execution, FeeRules, PaperInstrument
from exchanges.paper.visibility import Lens
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireRequest

BASE = "/api/v3/brokerage"
_ORDER = f"{BASE}/orders"
_HISTORY = f"{_ORDER}/historical"
_JSON = {"content-type": "application/json"}
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_HTML = {"content-type": "text/html"}
_STATUS = re.compile(rb'"status":"[A-Z_]+"')
_DEFAULT_CLIENT_IDS = ClientIds()
_NONE: frozenset[str] = frozenset()
_PAGE = frozenset({"limit", "cursor"})
_ORDER_NAMES = frozenset({"client_order_id", "user_native_currency"})
_ORDERS_NAMES = _PAGE | {
    "order_ids",
    "product_ids",
    "product_type",
    "order_status",
    "time_in_forces",
    "order_types",
    "order_side",
    "start_date",
    "end_date",
    "asset_filters",
    "order_placement_source",
    "sort_by",
    "retail_portfolio_id",
}
_FILLS_NAMES = _PAGE | {
    "order_ids",
    "trade_ids",
    "product_ids",
    "start_sequence_timestamp",
    "end_sequence_timestamp",
    "retail_portfolio_id",
}
_PRODUCTS_NAMES = frozenset({"product_type", "product_ids"})


@dataclass(frozen=True, slots=True)
class _Endpoint:
    kind: RequestKind
    handle: Callable[[Call], Result]
    names: frozenset[str] = _NONE
    public: bool = False


class CoinbaseDialect:
    """Coinbase Advanced Trade over an engine. Implements `Dialect`."""

    venue: ClassVar[str] = "coinbase"
    stream_path: ClassVar[str] = "/"
    client_ids: ClassVar[ClientIdPolicy] = ClientIdPolicy.EVER
    fees: ClassVar[FeeRules] = FeeRules(maker=Decimal("0.001"), taker=Decimal("0.001"), in_quote=True)
    margin: ClassVar[bool] = False

    def __init__(self, engine: Engine, random: Random, client_ids: ClientIds = _DEFAULT_CLIENT_IDS) -> None:
        """Take the engine, and how used client order ids are treated. No id of this venue is random."""
        del random
        self.limits = Limits()
        self.gatekeeper = Gatekeeper()
        self._engine = engine
        self._phases = Phases()
        self._renderer = Renderer(engine, self._phases)
        self._placing = Placing(engine, self._phases, client_ids)
        self._changing = Changing(engine, self._phases)
        self._queries = Queries(engine, self._phases, self._renderer)
        self._endpoints = self._fixed_endpoints()
        self._named_endpoints = self._endpoints_by_prefix()
        self._writer = EventWriter(engine, self._phases, self._renderer)
        self._products = frozenset(rules.venue_symbol for rules in engine.instruments.values())

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return the products; Coinbase names them as everybody does here."""
        return spot_instruments(lambda base, quote: f"{base}-{quote}")

    def venue_order_id(self, order_id: int) -> str:
        """Return the UUID of an order."""
        return ids.order_uuid(order_id)

    def fill_id(self, execution: Execution) -> str:
        """Return the `entry_id` of an execution."""
        return ids.entry_uuid(execution)

    def expire_tokens(self) -> None:
        """Do nothing: clients make a token for every request, the venue issues none."""

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept an ECDSA pair (`apiKey`, `apiSecret`), given or derived, and a derived Ed25519 pair; return both."""
        keys = derive_keys(account, seed)
        if given is not None:
            name, secret = given_key(given)
            keys = replace(keys, name=name, secret=secret)
        for credential in keys.credentials(account):
            self.gatekeeper.admit(credential)
        return keys.as_json()

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the rate limits and announce them, or only count."""
        self.limits.enabled = enabled

    # ----- requests

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about."""
        endpoint, named = self._route(request)
        if endpoint is None:
            return Subject(kind=RequestKind.OTHER)
        account = self.gatekeeper.account_named(request)
        body = _loads(request.body)
        match endpoint.kind:
            case RequestKind.PLACE:
                client_order_id = body.get("client_order_id")
                places = client_order_id if isinstance(client_order_id, str) else None
                return Subject(kind=endpoint.kind, client_order_ids=() if places is None else (places,), places=places)
            case RequestKind.CANCEL:
                return self._subject_of_cancel(account, body.get("order_ids"))
            case RequestKind.AMEND:
                return self._subject_of(endpoint.kind, account, [body.get("order_id")])
            case RequestKind.ORDER:
                return self._subject_of(endpoint.kind, account, [named])
            case RequestKind.ORDERS:
                return Subject(kind=_kind_of_list(request.query))
            case kind:
                return Subject(kind=kind)

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request."""
        endpoint, named = self._route(request)
        if endpoint is None:
            return _refused(NOWHERE, {})
        try:
            account = "" if endpoint.public else self.gatekeeper.authenticate(request, now_ms)
        except CoinbaseError as error:
            return _refused(error.refusal, {})
        wait_ms, headers = self.limits.request(account, now_ms)
        if wait_ms:
            answer = self.rate_limited(now_ms, wait_ms)
            return replace(answer, headers={**answer.headers, **headers})
        try:
            query = read_query(request.query, endpoint.names)
            call = Call(account=account, named=named, query=query, body=request.body, now_ms=now_ms, lens=lens)
            result = endpoint.handle(call)
        except CoinbaseError as error:
            return _refused(error.refusal, headers)
        return WireAnswer(status=200, body=orjson.dumps(result.body), headers=_JSON | headers, events=result.events)

    def _route(self, request: WireRequest) -> tuple[_Endpoint | None, str]:
        """Return the endpoint and what the path names at its end."""
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is not None:
            return endpoint, ""
        prefix, _, named = request.path.rpartition("/")
        return (self._named_endpoints.get((request.method, prefix)) if named else None), named

    def _subject_of_cancel(self, account: str | None, order_ids: Any) -> Subject:
        listed = order_ids if isinstance(order_ids, list) else []
        kind = RequestKind.CANCEL if len(listed) <= 1 else RequestKind.CANCEL_ALL
        return self._subject_of(kind, account, listed)

    def _subject_of(self, kind: RequestKind, account: str | None, order_ids: list[Any]) -> Subject:
        found = [self._changing.target(account, text) for text in order_ids]
        orders = [order for order in found if order is not None]
        return Subject(
            kind=kind,
            client_order_ids=tuple(order.client_order_id for order in orders),
            target=orders[0] if len(order_ids) == 1 and orders else None,
        )

    def _fixed_endpoints(self) -> dict[tuple[str, str], _Endpoint]:
        kinds, queries = RequestKind, self._queries
        return {
            ("POST", _ORDER): _Endpoint(kinds.PLACE, self._placing.place),
            ("POST", f"{_ORDER}/batch_cancel"): _Endpoint(kinds.CANCEL, self._changing.cancel),
            ("POST", f"{_ORDER}/edit"): _Endpoint(kinds.AMEND, self._changing.edit),
            ("GET", f"{_HISTORY}/batch"): _Endpoint(kinds.ORDERS, queries.orders, _ORDERS_NAMES),
            ("GET", f"{_HISTORY}/fills"): _Endpoint(kinds.TRADES, queries.fills, _FILLS_NAMES),
            ("GET", f"{BASE}/accounts"): _Endpoint(kinds.BALANCES, queries.accounts, _PAGE | {"retail_portfolio_id"}),
            ("GET", f"{BASE}/products"): _Endpoint(kinds.INSTRUMENTS, queries.products, _PRODUCTS_NAMES),
            ("GET", f"{BASE}/market/products"): _Endpoint(
                kinds.INSTRUMENTS, queries.products, _PRODUCTS_NAMES, public=True
            ),
            ("GET", f"{BASE}/time"): _Endpoint(kinds.TIME, queries.time, public=True),
            ("GET", f"{BASE}/key_permissions"): _Endpoint(kinds.OTHER, queries.key_permissions),
            ("GET", f"{BASE}/transaction_summary"): _Endpoint(
                kinds.OTHER, queries.transaction_summary, frozenset({"product_type"})
            ),
        }

    def _endpoints_by_prefix(self) -> dict[tuple[str, str], _Endpoint]:
        kinds, queries = RequestKind, self._queries
        return {
            ("GET", _HISTORY): _Endpoint(kinds.ORDER, queries.order, _ORDER_NAMES),
            ("GET", f"{BASE}/products"): _Endpoint(kinds.PRICE, queries.product),
            ("GET", f"{BASE}/market/products"): _Endpoint(kinds.PRICE, queries.product, public=True),
        }

    # ----- events

    def observe(self, events: Events) -> None:
        """Take note of nothing: what queries show follows from the requests themselves."""

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the user stream."""
        del now_ms
        return self._writer.frames(events)

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> CoinbaseSession | int:
        """Begin a stream connection; it authenticates with its subscriptions."""
        del query, headers
        if not self.limits.connection(now_ms):
            return 429
        return CoinbaseSession(self._engine, self.gatekeeper, self._renderer, products=self._products, now_ms=now_ms)

    # ----- answers of a venue in trouble

    def server_error(self) -> WireAnswer:
        """Return a 503 from the edge, which says nothing about what became of the request."""
        return WireAnswer(status=503, body=b"<html><body>503 Service Unavailable</body></html>", headers=_HTML)

    def unknown_outcome(self) -> WireAnswer:
        """Return status 200 with a failure that gives no reason."""
        error = placement_error(Refusal(UNKNOWN_ORDER_REASON, ""))
        return WireAnswer(status=200, body=orjson.dumps({"success": False, "error_response": error}), headers=_JSON)

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return a 429."""
        del now_ms
        headers = _JSON | _retry_after(retry_after_ms)
        return WireAnswer(status=429, body=orjson.dumps(TOO_MANY_REQUESTS), headers=headers)

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return the 429 of the edge: it guards the address, and speaks no JSON."""
        del now_ms
        body = b"<html><body>You are being rate limited</body></html>"
        return WireAnswer(status=429, body=body, headers=_HTML | _retry_after(retry_after_ms))

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with order statuses that are in no documentation."""
        body, count = _STATUS.subn(b'"status":"HELD_FOR_REVIEW"', answer.body)
        return replace(answer, body=body) if count else None


def _refused(refusal: HttpRefusal, headers: dict[str, str]) -> WireAnswer:
    if refusal.body is None:
        return WireAnswer(status=refusal.status, body=UNAUTHORIZED_TEXT, headers=_TEXT | headers)
    return WireAnswer(status=refusal.status, body=orjson.dumps(refusal.body), headers=_JSON | headers)


def _loads(body: bytes) -> dict[str, Any]:
    """Read a body as far as it is an object; what cannot be read is about nothing."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _kind_of_list(query: bytes) -> RequestKind:
    try:
        statuses = read_query(query, _ORDERS_NAMES).values.get("order_status", ())
    except CoinbaseError:
        return RequestKind.ORDERS
    return RequestKind.OPEN_ORDERS if statuses and LIVE.issuperset(statuses) else RequestKind.ORDERS


def _retry_after(retry_after_ms: int) -> dict[str, str]:
    return {"retry-after": str(-(-retry_after_ms // 1000))}
