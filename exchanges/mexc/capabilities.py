"""What MEXC Spot can do and where it is: data, nothing else."""

from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType, TimeInForce

REST_URL = "https://api.mexc.com"
STREAM_URL = "wss://wbs-api.mexc.com/ws"

CAPABILITIES = Capabilities(
    venue="mexc",
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    post_only=True,
    quote_size_market=True,
    reduce_only=False,
    amend=AmendScope.NONE,
    shrink_keeps_priority=False,
    cancel_replace=False,
    lookup_by_client_id=True,
    client_id_in_lists=True,
    duplicate_client_id="accepted: a second order; the words of a refusal may be about that one alone",
    validity_parameter="recvWindow",
    settle_ms=15_000,
    search_sources=("openOrders", "allOrders", "myTrades"),
    max_in_flight=4,
)
