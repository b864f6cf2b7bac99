"""Our order requests as MEXC parameters.

Pure. What the venue cannot do is refused here, before anything is sent; it never sends something nearly like what
was asked.
"""

from decimal import Decimal

from exchanges.client import NotSupportedError
from exchanges.wire_json import plain_text
from messages.commands import CancelVenueOrder, LookUpOrder, PlaceOrder
from messages.types import OrderType, TimeInForce

Params = list[tuple[str, str]]

# The venue has no parameter for the time in force: the type carries it. It has no end of life for orders either: our
# own timer cancels, and until then the order rests.
_LIMIT_TYPES = {
    TimeInForce.GTC: "LIMIT",
    TimeInForce.GTT: "LIMIT",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
_RESTING = frozenset({TimeInForce.GTC, TimeInForce.GTT})


def place_params(request: PlaceOrder, venue_symbol: str) -> Params:
    """Build the parameters of a placement, without time and signature; raises `NotSupportedError`."""
    if request.reduce_only:
        raise NotSupportedError("reduce-only orders do not exist on spot")
    terms = [("symbol", venue_symbol), ("side", request.side.value)]
    match request.type:
        case OrderType.MARKET:
            terms += _market(request)
        case OrderType.LIMIT:
            terms += _limit(request)
        case OrderType.STOP_MARKET | OrderType.STOP_LIMIT:
            raise NotSupportedError("the venue takes no stop orders by its API")
    return [*terms, ("newClientOrderId", request.client_order_id)]


def _market(request: PlaceOrder) -> Params:
    if request.post_only:
        raise NotSupportedError("a market order cannot be post-only")
    if request.quote_size is not None and request.size is None:
        return [("type", "MARKET"), ("quoteOrderQty", plain_text(request.quote_size))]
    return [("type", "MARKET"), _quantity(request)]


def _limit(request: PlaceOrder) -> Params:
    if request.post_only and request.time_in_force not in _RESTING:
        raise NotSupportedError("a post-only order rests; it cannot be immediate")
    kind = "LIMIT_MAKER" if request.post_only else _LIMIT_TYPES[request.time_in_force]
    return [("type", kind), _quantity(request), ("price", plain_text(_given(request.price, "price")))]


def named_params(request: CancelVenueOrder | LookUpOrder, venue_symbol: str) -> Params:
    """Name an order to cancel or to look up: by the venue's id where it is known."""
    if request.venue_order_id is not None:
        return [("symbol", venue_symbol), ("orderId", request.venue_order_id)]
    return [("symbol", venue_symbol), ("origClientOrderId", request.client_order_id)]


def _quantity(request: PlaceOrder) -> tuple[str, str]:
    if request.quote_size is not None:
        raise NotSupportedError("only a market order can be sized in quote units, and only in those")
    return "quantity", plain_text(_given(request.size, "size"))


def _given(value: Decimal | None, name: str) -> Decimal:
    if value is None:
        raise NotSupportedError(f"the order has no {name}")
    return value
