"""Our order requests as Binance parameters.

Pure. What the venue cannot do is refused here, before anything is sent; it never sends something nearly like what
was asked.
"""

from decimal import Decimal

from exchanges.binance.translate import CANCEL_ID_PREFIX
from exchanges.client import NotSupportedError
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder, ReplaceVenueOrder
from messages.types import ZERO, OrderType, Side, TimeInForce

_CLIENT_ID_MAX = 36

Params = list[tuple[str, str]]


def plain(value: Decimal) -> str:
    """Write an amount without exponent and without zeros that mean nothing: the venue counts decimals."""
    written = format(value, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def place_params(request: PlaceOrder, venue_symbol: str, last_price: Decimal | None) -> Params:
    """Build the parameters of a placement, without time and signature; raises `NotSupportedError`."""
    if request.reduce_only:
        raise NotSupportedError("reduce-only orders do not exist on spot")
    params = [
        ("symbol", venue_symbol),
        ("side", request.side.value),
        ("newClientOrderId", request.client_order_id),
        # Without it, all but market and limit orders are answered without a status.
        ("newOrderRespType", "FULL"),
    ]
    match request.type:
        case OrderType.MARKET:
            return params + _market(request)
        case OrderType.LIMIT:
            return params + _limit(request)
        case OrderType.STOP_MARKET | OrderType.STOP_LIMIT:
            return params + _stop(request, last_price)


def _market(request: PlaceOrder) -> Params:
    if request.post_only:
        raise NotSupportedError("a market order cannot be post-only")
    if request.quote_size is not None and request.size is None:
        return [("type", "MARKET"), ("quoteOrderQty", plain(request.quote_size))]
    return [("type", "MARKET"), _quantity(request)]


def _limit(request: PlaceOrder) -> Params:
    terms = [_quantity(request), ("price", plain(_given(request.price, "price")))]
    if not request.post_only:
        return [("type", "LIMIT"), ("timeInForce", _time_in_force(request)), *terms]
    if request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        raise NotSupportedError("a post-only order rests; it cannot be immediate")
    return [("type", "LIMIT_MAKER"), *terms]


def _stop(request: PlaceOrder, last_price: Decimal | None) -> Params:
    if request.post_only:
        raise NotSupportedError("a stop order cannot be post-only")
    stop_price = _given(request.stop_price, "stop price")
    kind = stop_kind(request.side, stop_price, last_price)
    terms = [_quantity(request), ("stopPrice", plain(stop_price))]
    if request.type is OrderType.STOP_MARKET:
        return [("type", kind), *terms]
    price = ("price", plain(_given(request.price, "price")))
    return [("type", f"{kind}_LIMIT"), ("timeInForce", _time_in_force(request)), price, *terms]


def stop_kind(side: Side, stop_price: Decimal, last_price: Decimal | None) -> str:
    """Choose between the venue's two kinds of stop: which one depends on the side of the market the trigger is on.

    Where the last price is not known it is a stop loss, which is what a stop order usually is; when that is wrong
    the venue refuses it with proof ("Order would trigger immediately.").
    """
    if last_price is None or stop_price == last_price:
        return "STOP_LOSS"
    above = stop_price > last_price
    return "STOP_LOSS" if above is (side is Side.BUY) else "TAKE_PROFIT"


def cancel_params(request: CancelVenueOrder, venue_symbol: str) -> Params:
    """Build the parameters of a cancel, without time and signature.

    The cancel's own id is made from the order's, since the venue may show it in place of the order's afterwards.
    """
    named = (
        ("orderId", request.venue_order_id)
        if request.venue_order_id is not None
        else ("origClientOrderId", request.client_order_id)
    )
    return [("symbol", venue_symbol), named, *_cancel_id("newClientOrderId", request.client_order_id)]


def amend_params(request: AmendVenueOrder, venue_symbol: str) -> Params:
    """Build the parameters of an amend, without time and signature; raises `NotSupportedError`.

    The venue changes the size alone, downwards, and refuses any other; prices are no part of the call.
    """
    if request.size <= ZERO:
        raise NotSupportedError("an order cannot be amended to nothing")
    if request.price is None and request.stop_price is None:
        raise NotSupportedError("a market order does not rest, so there is nothing to amend")
    if not request.client_order_id:
        # The venue would give the order a new client id of its own.
        raise NotSupportedError("the order's client id is not known, and an amend without it would change it")
    return [
        ("symbol", venue_symbol),
        ("orderId", request.venue_order_id),
        ("newQty", plain(request.size)),
        ("newClientOrderId", request.client_order_id),
    ]


def replace_params(request: ReplaceVenueOrder, venue_symbol: str, last_price: Decimal | None) -> Params:
    """Build the parameters of a cancel-replace, without time and signature; raises `NotSupportedError`.

    An order of which anything has executed is not cancelled, because the new one is placed at its full size.
    """
    return [
        *place_params(request.place, venue_symbol, last_price),
        ("cancelReplaceMode", "STOP_ON_FAILURE"),
        ("cancelRestrictions", "ONLY_NEW"),
        ("cancelOrderId", request.venue_order_id),
        *_cancel_id("cancelNewClientOrderId", request.client_order_id),
        ("orderRateLimitExceededMode", "DO_NOTHING"),
    ]


def _cancel_id(name: str, client_order_id: str) -> Params:
    own_id = CANCEL_ID_PREFIX + client_order_id
    return [(name, own_id)] if client_order_id and len(own_id) <= _CLIENT_ID_MAX else []


def _quantity(request: PlaceOrder) -> tuple[str, str]:
    if request.quote_size is not None:
        raise NotSupportedError("only a market order can be sized in quote units, and only in those")
    return "quantity", plain(_given(request.size, "size"))


def _given(value: Decimal | None, name: str) -> Decimal:
    if value is None:
        raise NotSupportedError(f"the order has no {name}")
    return value


def _time_in_force(request: PlaceOrder) -> str:
    # The venue has no end of life for orders: our own timer cancels, and until then the order rests.
    return "GTC" if request.time_in_force is TimeInForce.GTT else request.time_in_force.value
