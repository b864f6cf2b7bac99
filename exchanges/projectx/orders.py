"""Our order requests as ProjectX bodies.

Pure. What the venue cannot do is refused here, before anything is sent; it never sends something nearly like what
was asked.
"""

from decimal import Decimal
from typing import Any

from exchanges.client import NotSupportedError
from exchanges.wire_json import plain_number
from messages.commands import AmendVenueOrder, PlaceOrder
from messages.types import ZERO, OrderType, Side, TimeInForce, VenueOrder

Body = dict[str, Any]

_SIDES = {Side.BUY: 0, Side.SELL: 1}
_TYPES = {OrderType.LIMIT: 1, OrderType.MARKET: 2, OrderType.STOP_MARKET: 4}
# The venue has no end of life for orders: our own timer cancels, and until then the order rests.
_RESTING = frozenset({TimeInForce.GTC, TimeInForce.GTT})


def place_body(request: PlaceOrder, contract: str, account: int) -> Body:
    """Build the body of a placement; raises `NotSupportedError`."""
    kind = _TYPES.get(request.type)
    if kind is None:
        raise NotSupportedError("this venue takes no stop-limit orders")
    if request.post_only or request.reduce_only:
        raise NotSupportedError("this venue has neither post-only nor reduce-only orders")
    # A market order never rests, so immediate is all that it can be.
    lasting = _RESTING | {TimeInForce.IOC} if request.type is OrderType.MARKET else _RESTING
    if request.time_in_force not in lasting:
        raise NotSupportedError("this venue has no times in force: orders rest until they are cancelled")
    if request.quote_size is not None or request.size is None:
        raise NotSupportedError("this venue takes sizes in contracts only")
    return {
        "accountId": account,
        "contractId": contract,
        "type": kind,
        "side": _SIDES[request.side],
        "size": _contracts(request.size),
        "limitPrice": _price(request.price, "price", wanted=request.type is OrderType.LIMIT),
        "stopPrice": _price(request.stop_price, "stop price", wanted=request.type is OrderType.STOP_MARKET),
        "trailPrice": None,
        "customTag": request.client_order_id,
    }


def order_body(venue_order_id: str, account: int) -> Body:
    """Build the body of a cancel, or of a question about one order; raises `NotSupportedError` for what is no id."""
    return {"accountId": account, "orderId": order_number(venue_order_id)}


def amend_body(request: AmendVenueOrder, account: int) -> Body:
    """Build the body of a modification to the complete terms; raises `NotSupportedError`."""
    if request.size <= ZERO:
        raise NotSupportedError("an order cannot be amended to nothing")
    return {
        "accountId": account,
        "orderId": order_number(request.venue_order_id),
        "size": _contracts(request.size),
        "limitPrice": None if request.price is None else plain_number(request.price),
        "stopPrice": None if request.stop_price is None else plain_number(request.stop_price),
        "trailPrice": None,
    }


def only_changes(body: Body, request: AmendVenueOrder, shown: VenueOrder) -> Body:
    """Leave out of a modification what the order, as it was just read, has already: null changes nothing.

    Whether the venue takes the size of a partly executed order for all of it or for the rest is not documented, so it
    is sent only if it changes. Where nothing changes, a price is sent again: one thing has to be.
    """
    wanted = {"size": request.size, "limitPrice": request.price, "stopPrice": request.stop_price}
    has = {"size": shown.size, "limitPrice": shown.price, "stopPrice": shown.stop_price}
    changed = [name for name, value in wanted.items() if value is not None and value != has[name]]
    kept = changed or [name for name in ("limitPrice", "stopPrice") if wanted[name] is not None]
    return {name: value if name not in wanted or name in (kept or ("size",)) else None for name, value in body.items()}


def order_number(venue_order_id: str) -> int:
    """Read an id of ours back into the number that it is; raises `NotSupportedError`."""
    if not (venue_order_id.isascii() and venue_order_id.isdigit()):
        raise NotSupportedError("ids of this venue are numbers")
    return int(venue_order_id)


def _contracts(size: Decimal) -> int:
    if size <= ZERO or size != size.to_integral_value():
        raise NotSupportedError("a size is a whole number of contracts")
    return int(size)


def _price(value: Decimal | None, name: str, *, wanted: bool) -> Any:
    if not wanted:
        return None
    if value is None:
        raise NotSupportedError(f"the order has no {name}")
    return plain_number(value)
