"""The endpoints of the ProjectX Gateway: what answers each path, and what it says when it refuses or does not know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchanges.paper.dialects.projectx import errors
from exchanges.paper.dialects.projectx.closing import Closing
from exchanges.paper.dialects.projectx.queries import Queries
from exchanges.paper.dialects.projectx.trading import Call, Result, Trading
from exchanges.paper.faults import RequestKind

QUERY = "/api/Order/v2/query"
BARS = "/api/History/retrieveBars"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a path, and what is wanted of it."""

    kind: RequestKind
    """What its requests are to the faults."""
    handle: Callable[[Call], Result]
    nothing: Mapping[str, Any] = field(default_factory=dict)
    """What stands beside the envelope when it refuses."""
    unknown_codes: tuple[int, ...] = ()
    """Its codes for an outcome that it does not know; none: it has no such code."""


def trading_endpoints(trading: Trading, closing: Closing) -> dict[str, Endpoint]:
    """Return the endpoints that change something, by path."""
    kinds = RequestKind
    placing = (errors.PLACE_PENDING, errors.PLACE_UNKNOWN_ERROR)
    changing = (errors.CHANGE_PENDING, errors.CHANGE_UNKNOWN_ERROR)
    unknown_close = (errors.CLOSE_PENDING, errors.CLOSE_UNKNOWN_ERROR)
    unknown_part = (errors.PARTIAL_PENDING, errors.PARTIAL_UNKNOWN_ERROR)
    return {
        "/api/Order/place": Endpoint(kinds.PLACE, trading.place, {"orderId": 0}, placing),
        "/api/Order/cancel": Endpoint(kinds.CANCEL, trading.cancel, unknown_codes=changing),
        "/api/Order/modify": Endpoint(kinds.AMEND, trading.modify, unknown_codes=changing),
        "/api/Position/closeContract": Endpoint(kinds.PLACE, closing.close, unknown_codes=unknown_close),
        "/api/Position/partialCloseContract": Endpoint(
            kinds.PLACE, closing.close_partly, unknown_codes=unknown_part
        ),
    }


def query_endpoints(queries: Queries) -> dict[str, Endpoint]:
    """Return the endpoints that are asked, by path."""
    kinds = RequestKind
    return {
        "/api/Order/searchById": Endpoint(kinds.ORDER, queries.order, {"order": None}),
        "/api/Order/searchOpen": Endpoint(kinds.OPEN_ORDERS, queries.open_orders, {"orders": None}),
        "/api/Order/search": Endpoint(kinds.ORDERS, queries.orders, {"orders": None}),
        QUERY: Endpoint(kinds.ORDERS, queries.query, {"orders": None, "totalCount": None}),
        "/api/Trade/search": Endpoint(kinds.TRADES, queries.trades, {"trades": None}),
        "/api/Position/searchOpen": Endpoint(kinds.BALANCES, queries.positions, {"positions": None}),
        "/api/Account/search": Endpoint(kinds.BALANCES, queries.accounts, {"accounts": None}),
        "/api/Contract/search": Endpoint(kinds.INSTRUMENTS, queries.search_contracts, {"contracts": None}),
        "/api/Contract/available": Endpoint(kinds.INSTRUMENTS, queries.available_contracts, {"contracts": None}),
        "/api/Contract/searchById": Endpoint(kinds.INSTRUMENTS, queries.contract, {"contract": None}),
        BARS: Endpoint(kinds.PRICE, queries.bars, {"bars": None}),
    }
