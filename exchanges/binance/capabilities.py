"""What Binance Spot can do and where it is: data, nothing else."""

from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType, TimeInForce

REST_URL = "https://api.binance.com"
STREAM_URL = "wss://ws-api.binance.com:443/ws-api/v3"

CAPABILITIES = Capabilities(
    venue="binance",
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET, OrderType.STOP_LIMIT}),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    post_only=True,
    quote_size_market=True,
    reduce_only=False,
    amend=AmendScope.SIZE_DOWN,
    shrink_keeps_priority=True,
    cancel_replace=True,
    lookup_by_client_id=True,
    client_id_in_lists=True,
    duplicate_client_id="refused while the first order is open, accepted again afterwards",
    validity_parameter="recvWindow",
    settle_ms=12_000,
    search_sources=("openOrders", "allOrders", "myTrades"),
    max_in_flight=8,
)
