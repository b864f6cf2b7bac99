"""What ProjectX Gateway can do and where it is: data, nothing else."""

from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType, TimeInForce

REST_URL = "https://api.topstepx.com"
"""Of TopstepX; every other firm has hosts of its own, and they are configuration."""
STREAM_URL = "wss://rtc.topstepx.com/hubs/user"

CAPABILITIES = Capabilities(
    venue="projectx",
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET}),
    times_in_force=frozenset({TimeInForce.GTC}),
    post_only=False,
    quote_size_market=False,
    reduce_only=False,
    amend=AmendScope.NATIVE,
    shrink_keeps_priority=False,
    cancel_replace=False,
    lookup_by_client_id=False,
    client_id_in_lists=True,
    duplicate_client_id="refused, also after the first order has ended; only the words tell it from other refusals",
    validity_parameter=None,
    settle_ms=30_000,
    search_sources=("Order/search", "Order/v2/query", "Trade/search"),
    fill_ids_agree=False,
    max_in_flight=4,
    margin=True,
)
