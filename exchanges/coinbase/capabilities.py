"""What Coinbase Advanced Trade can do and where it is: data, nothing else."""

from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType, TimeInForce

REST_URL = "https://api.coinbase.com"
STREAM_URL = "wss://advanced-trade-ws-user.coinbase.com"
STREAM_FAILOVER_URL = "wss://advanced-trade-ws.coinbase.com"
"""The host of the market data serves the user channel, too; the venue recommends it while the other one is away."""

CAPABILITIES = Capabilities(
    venue="coinbase",
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT}),
    times_in_force=frozenset(TimeInForce),
    post_only=True,
    quote_size_market=True,
    reduce_only=False,
    amend=AmendScope.NATIVE,
    amend_types=frozenset({OrderType.LIMIT}),
    amend_times_in_force=frozenset({TimeInForce.GTC}),
    shrink_keeps_priority=True,
    cancel_replace=False,
    lookup_by_client_id=False,
    client_id_in_lists=True,
    duplicate_client_id="makes no order; the first one's id is answered",
    validity_parameter=None,
    settle_ms=60_000,
    search_sources=("historical/batch", "fills"),
    max_in_flight=8,
)
