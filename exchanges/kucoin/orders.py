"""Our order requests as KuCoin bodies.

Pure. What the venue cannot do is refused here, before anything is sent; it never sends something nearly like what
was asked.
"""

from collections.abc import Mapping
from decimal import Decimal

from exchanges.client import NotSupportedError
from messages.commands import PlaceOrder
from messages.types import OrderType, Side, TimeInForce

Body = Mapping[str, str | int | bool]

STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})

_IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def place_body(request: PlaceOrder, venue_symbol: str, *, now_ms: int) -> Body:
    """Build the body of an ordinary placement, without its times; `now_ms` is our clock.

    Raises `NotSupportedError`.
    """
    if request.type is OrderType.MARKET:
        return {**_named(request, venue_symbol, "market"), **_market_terms(request)}
    return {**_named(request, venue_symbol, "limit"), **_limit_terms(request, now_ms)}


def stop_body(request: PlaceOrder, venue_symbol: str, *, now_ms: int, last_price: Decimal) -> Body:
    """Build the body of a stop placement; `last_price` is the market's. Raises `NotSupportedError`."""
    stop_price = _given(request.stop_price, "stop price")
    if request.type is OrderType.STOP_MARKET:
        body = {**_named(request, venue_symbol, "market"), **_market_terms(request)}
    else:
        body = {**_named(request, venue_symbol, "limit"), **_limit_terms(request, now_ms)}
    return {
        **body,
        "stop": stop_kind(request.side, stop_price, last_price),
        "stopPrice": _written(stop_price),
        "tradeType": "TRADE",
    }


def stop_kind(side: Side, stop_price: Decimal, last_price: Decimal) -> str:
    """Choose between the venue's two directions: `entry` triggers at or above the stop price, `loss` at or below it.

    The wrong one would trigger at once, so the market's price decides, and the side where it stands on the stop price.
    """
    if stop_price == last_price:
        return "entry" if side is Side.BUY else "loss"
    return "entry" if stop_price > last_price else "loss"


def _named(request: PlaceOrder, venue_symbol: str, kind: str) -> Body:
    if request.reduce_only:
        raise NotSupportedError("reduce-only orders do not exist on spot")
    return {
        "clientOid": request.client_order_id,
        "side": request.side.value.lower(),
        "symbol": venue_symbol,
        "type": kind,
    }


def _market_terms(request: PlaceOrder) -> Body:
    if request.post_only:
        raise NotSupportedError("a market order cannot be post-only")
    if request.quote_size is not None and request.size is None:
        return {"funds": _written(request.quote_size)}
    return {"size": _size(request)}


def _limit_terms(request: PlaceOrder, now_ms: int) -> Body:
    if request.post_only and request.time_in_force in _IMMEDIATE:
        raise NotSupportedError("a post-only order rests; it cannot be immediate")
    return {
        "price": _written(_given(request.price, "price")),
        "size": _size(request),
        "timeInForce": request.time_in_force.value,
        **_lifetime(request, now_ms),
        **({"postOnly": True} if request.post_only else {}),
    }


def _lifetime(request: PlaceOrder, now_ms: int) -> Body:
    if request.time_in_force is not TimeInForce.GTT:
        return {}
    if request.expires_at_ms is None:
        raise NotSupportedError("the order has no end of life")
    # Whole seconds, and never longer than was asked for.
    seconds = (request.expires_at_ms - now_ms) // 1000
    if seconds < 1:
        raise NotSupportedError("the order's life ends within a second, which is the shortest that the venue knows")
    return {"cancelAfter": seconds}


def _size(request: PlaceOrder) -> str:
    if request.quote_size is not None:
        raise NotSupportedError("only a market order can be sized in quote units, and only in those")
    return _written(_given(request.size, "size"))


def _given(value: Decimal | None, name: str) -> Decimal:
    if value is None:
        raise NotSupportedError(f"the order has no {name}")
    return value


def _written(value: Decimal) -> str:
    return format(value, "f")
