"""Our order requests as Coinbase takes them.

Pure. What the venue cannot do is refused here, before anything is sent; it never sends something nearly like what
was asked, and writes the same request the same way, byte for byte, however often.
"""

from decimal import Decimal
from typing import Any

from exchanges.client import NotSupportedError
from exchanges.coinbase.times import written_time
from exchanges.coinbase.translate import venue_client_id
from exchanges.wire_json import plain_text, write_json
from messages.commands import AmendVenueOrder, PlaceOrder
from messages.types import ZERO, OrderType, Side, TimeInForce

_RESTING = {TimeInForce.GTC: "gtc", TimeInForce.GTT: "gtd"}


def place_body(request: PlaceOrder, venue_symbol: str) -> bytes:
    """Write a placement; raises `NotSupportedError`."""
    if request.reduce_only:
        raise NotSupportedError("reduce-only orders do not exist on spot")
    if not request.client_order_id:
        # The venue takes an order without one, and could never tell it from a second one.
        raise NotSupportedError("an order without a client order id is never sent")
    return write_json(
        {
            "client_order_id": venue_client_id(request.client_order_id),
            "product_id": venue_symbol,
            "side": request.side.value,
            "order_configuration": _configuration(request),
        }
    )


def cancel_body(venue_order_id: str) -> bytes:
    """Write a cancel of one order."""
    return write_json({"order_ids": [venue_order_id]})


def amend_body(request: AmendVenueOrder) -> bytes:
    """Write an edit: both terms, whether they change or not; raises `NotSupportedError`."""
    if request.stop_price is not None:
        raise NotSupportedError("the venue changes limit orders only, and this one has a stop price")
    if request.size <= ZERO:
        raise NotSupportedError("an order cannot be amended to nothing")
    price = plain_text(_given(request.price, "price"))
    return write_json({"order_id": request.venue_order_id, "price": price, "size": plain_text(request.size)})


def _configuration(request: PlaceOrder) -> dict[str, Any]:
    match request.type:
        case OrderType.MARKET:
            return {"market_market_ioc": _market(request)}
        case OrderType.LIMIT:
            return _limit(request)
        case OrderType.STOP_LIMIT:
            return _stop_limit(request)
        case OrderType.STOP_MARKET:
            raise NotSupportedError(
                "Coinbase has no stop-market orders; a stop-limit order with its limit beyond the stop price is near"
            )


def _market(request: PlaceOrder) -> dict[str, Any]:
    if request.post_only:
        raise NotSupportedError("a market order cannot be post-only")
    if request.quote_size is None or request.size is not None:
        return {"base_size": _size(request)}
    if request.side is not Side.BUY:
        raise NotSupportedError("only a market buy can be sized in quote units")
    return {"quote_size": plain_text(request.quote_size)}


def _limit(request: PlaceOrder) -> dict[str, Any]:
    terms: dict[str, Any] = {"base_size": _size(request), "limit_price": plain_text(_given(request.price, "price"))}
    if request.time_in_force in _RESTING:
        kind = f"limit_limit_{_RESTING[request.time_in_force]}"
        return {kind: {**terms, **_end(request), "post_only": request.post_only}}
    if request.post_only:
        raise NotSupportedError("a post-only order rests; it cannot be immediate")
    return {"sor_limit_ioc" if request.time_in_force is TimeInForce.IOC else "limit_limit_fok": terms}


def _stop_limit(request: PlaceOrder) -> dict[str, Any]:
    if request.post_only:
        raise NotSupportedError("a stop order cannot be post-only")
    if request.time_in_force not in _RESTING:
        raise NotSupportedError("a stop-limit order rests; it cannot be immediate")
    terms = {
        "base_size": _size(request),
        "limit_price": plain_text(_given(request.price, "price")),
        "stop_price": plain_text(_given(request.stop_price, "stop price")),
        "stop_direction": "STOP_DIRECTION_STOP_UP" if request.side is Side.BUY else "STOP_DIRECTION_STOP_DOWN",
    }
    return {f"stop_limit_stop_limit_{_RESTING[request.time_in_force]}": {**terms, **_end(request)}}


def _end(request: PlaceOrder) -> dict[str, str]:
    if request.time_in_force is not TimeInForce.GTT:
        return {}
    if request.expires_at_ms is None:
        raise NotSupportedError("the order has no time to end at")
    return {"end_time": written_time(request.expires_at_ms)}


def _size(request: PlaceOrder) -> str:
    if request.quote_size is not None:
        raise NotSupportedError("only a market order can be sized in quote units, and only in those")
    return plain_text(_given(request.size, "size"))


def _given(value: Decimal | None, name: str) -> Decimal:
    if value is None:
        raise NotSupportedError(f"the order has no {name}")
    return value
