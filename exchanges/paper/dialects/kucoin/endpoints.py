"""Which endpoints the KuCoin dialect has: kind, price and handler of each, and the way from a path to its endpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exchanges.paper.dialects.kucoin.calls import Call, Result
from exchanges.paper.dialects.kucoin.cancelling import Cancelling
from exchanges.paper.dialects.kucoin.limits import Pool
from exchanges.paper.dialects.kucoin.placing import Placing
from exchanges.paper.dialects.kucoin.queries import Queries
from exchanges.paper.dialects.kucoin.stops import Stops
from exchanges.paper.faults import RequestKind

_HF = "/api/v1/hf/orders"
_STOP = "/api/v1/stop-order"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint."""

    kind: RequestKind
    weight: int
    handle: Callable[[Call], Result]
    pool: Pool = Pool.SPOT

    @property
    def is_signed(self) -> bool:
        """Whether it needs a key."""
        return self.pool is not Pool.PUBLIC


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint of a path, and the values that the path names."""

    endpoint: Endpoint
    values: Mapping[str, str]


class Routes:
    """All endpoints, by method and path; a part of a path in braces names a value."""

    def __init__(self, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._exact = {key: one for key, one in endpoints.items() if "{" not in key[1]}
        self._patterns = [(method, path.split("/"), one) for (method, path), one in endpoints.items() if "{" in path]

    def find(self, method: str, path: str) -> Found | None:
        """Return the endpoint of a request, or None."""
        endpoint = self._exact.get((method, path))
        if endpoint is not None:
            return Found(endpoint, {})
        parts = path.split("/")
        for wanted, pattern, one in self._patterns:
            if method == wanted and len(parts) == len(pattern) and all(map(_fits, pattern, parts)):
                named = zip(pattern, parts, strict=True)
                return Found(one, {name[1:-1]: value for name, value in named if name.startswith("{")})
        return None


def _fits(wanted: str, part: str) -> bool:
    return wanted.startswith("{") or wanted == part


def changing(placing: Placing, cancelling: Cancelling) -> dict[tuple[str, str], Endpoint]:
    """Return the endpoints that change ordinary orders."""
    kinds = RequestKind
    return {
        ("POST", _HF): Endpoint(kinds.PLACE, 1, placing.place),
        ("POST", f"{_HF}/sync"): Endpoint(kinds.PLACE, 1, placing.place_sync),
        ("POST", f"{_HF}/test"): Endpoint(kinds.OTHER, 1, placing.test),
        ("POST", f"{_HF}/alter"): Endpoint(kinds.REPLACE, 1, placing.alter),
        ("DELETE", f"{_HF}/{{orderId}}"): Endpoint(kinds.CANCEL, 1, cancelling.cancel),
        ("DELETE", f"{_HF}/client-order/{{clientOid}}"): Endpoint(kinds.CANCEL, 1, cancelling.cancel_by_client_oid),
        ("DELETE", f"{_HF}/sync/{{orderId}}"): Endpoint(kinds.CANCEL, 1, cancelling.cancel_sync),
        ("DELETE", f"{_HF}/sync/client-order/{{clientOid}}"): Endpoint(kinds.CANCEL, 1, cancelling.cancel_sync),
        ("DELETE", f"{_HF}/cancel/{{orderId}}"): Endpoint(kinds.AMEND, 2, cancelling.cancel_part),
        ("DELETE", _HF): Endpoint(kinds.CANCEL_ALL, 2, cancelling.cancel_symbol),
        ("DELETE", f"{_HF}/cancelAll"): Endpoint(kinds.CANCEL_ALL, 30, cancelling.cancel_all),
    }


def stopping(placing: Placing, stops: Stops) -> dict[tuple[str, str], Endpoint]:
    """Return the endpoints of stops."""
    kinds = RequestKind
    return {
        ("POST", _STOP): Endpoint(kinds.PLACE, 1, placing.place_stop),
        ("GET", _STOP): Endpoint(kinds.OPEN_ORDERS, 8, stops.listed),
        ("GET", f"{_STOP}/queryOrderByClientOid"): Endpoint(kinds.ORDER, 3, stops.get_by_client_oid),
        ("GET", f"{_STOP}/{{orderId}}"): Endpoint(kinds.ORDER, 3, stops.get),
        ("DELETE", f"{_STOP}/cancelOrderByClientOid"): Endpoint(kinds.CANCEL, 5, stops.cancel_by_client_oid),
        ("DELETE", f"{_STOP}/cancel"): Endpoint(kinds.CANCEL_ALL, 3, stops.cancel_many),
        ("DELETE", f"{_STOP}/{{orderId}}"): Endpoint(kinds.CANCEL, 3, stops.cancel),
    }


def asking(queries: Queries) -> dict[tuple[str, str], Endpoint]:
    """Return the endpoints that change nothing."""
    kinds = RequestKind
    return {
        ("GET", f"{_HF}/active"): Endpoint(kinds.OPEN_ORDERS, 2, queries.active),
        ("GET", f"{_HF}/active/page"): Endpoint(kinds.OPEN_ORDERS, 2, queries.active_page),
        ("GET", f"{_HF}/active/symbols"): Endpoint(kinds.OPEN_ORDERS, 2, queries.active_symbols),
        ("GET", f"{_HF}/done"): Endpoint(kinds.ORDERS, 2, queries.done),
        ("GET", f"{_HF}/{{orderId}}"): Endpoint(kinds.ORDER, 2, queries.order),
        ("GET", f"{_HF}/client-order/{{clientOid}}"): Endpoint(kinds.ORDER, 2, queries.order),
        ("GET", "/api/v1/hf/fills"): Endpoint(kinds.TRADES, 2, queries.fills),
        ("GET", "/api/v1/accounts"): Endpoint(kinds.BALANCES, 5, queries.accounts, Pool.MANAGEMENT),
        ("GET", "/api/v1/hf/accounts/opened"): Endpoint(kinds.OTHER, 2, queries.opened, Pool.MANAGEMENT),
        ("GET", "/api/v2/symbols"): Endpoint(kinds.INSTRUMENTS, 4, queries.symbols, Pool.PUBLIC),
        ("GET", "/api/v2/symbols/{symbol}"): Endpoint(kinds.INSTRUMENTS, 4, queries.symbol, Pool.PUBLIC),
        ("GET", "/api/v1/market/orderbook/level1"): Endpoint(kinds.PRICE, 2, queries.ticker, Pool.PUBLIC),
        ("GET", "/api/v1/timestamp"): Endpoint(kinds.TIME, 3, queries.time, Pool.PUBLIC),
        ("GET", "/api/v1/status"): Endpoint(kinds.OTHER, 3, queries.status, Pool.PUBLIC),
    }
