"""What KuCoin Spot can do and where it is: data, nothing else."""

from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType, TimeInForce

REST_URL = "https://api.kucoin.com"
STREAM_URL: str | None = None
"""The venue names the address of its stream anew for every connection."""

CAPABILITIES = Capabilities(
    venue="kucoin",
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET, OrderType.STOP_LIMIT}),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT}),
    post_only=True,
    quote_size_market=True,
    reduce_only=False,
    # Its alter is a cancel and a second order under the same client id, and what its size counts is not documented.
    amend=AmendScope.NONE,
    shrink_keeps_priority=False,
    cancel_replace=False,
    lookup_by_client_id=True,
    client_id_in_lists=True,
    duplicate_client_id="refused, at times in words only; how long an ended order's id stays taken is not documented",
    validity_parameter="allowMaxTimeWindow",
    # A stop order has no such bound: what refuses it late is its signature, five seconds after it was made.
    settle_ms=12_000,
    search_sources=("active", "done", "fills", "stop-order"),
    max_in_flight=8,
    untriggered_prefix="vs",
)
