"""What Kraken Spot can do and where it is: data, nothing else."""

from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType, TimeInForce

REST_URL = "https://api.kraken.com"
STREAM_URL = "wss://ws-auth.kraken.com/v2"

CAPABILITIES = Capabilities(
    venue="kraken",
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET, OrderType.STOP_LIMIT}),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT}),
    post_only=True,
    # Of buys alone.
    quote_size_market=True,
    reduce_only=False,
    amend=AmendScope.NATIVE,
    shrink_keeps_priority=True,
    cancel_replace=False,
    lookup_by_client_id=True,
    client_id_in_lists=True,
    duplicate_client_id="refused while the first order is open, accepted again afterwards",
    validity_parameter="deadline",
    settle_ms=60_000,
    search_sources=("OpenOrders", "ClosedOrders", "TradesHistory"),
    # Requests of one key must arrive in the order of their nonces.
    fill_ids_agree=False,
    max_in_flight=1,
)
