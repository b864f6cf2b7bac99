"""Our order requests as Kraken's parameters.

Pure. What the venue cannot do is refused here, before anything is sent; it never sends something nearly like what was
asked, and never an amount with a sign, which the venue would take for one relative to the market.
"""

from decimal import Decimal

from exchanges.client import NotSupportedError
from exchanges.wire_json import plain_text
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder
from messages.types import ZERO, OrderType, Side, TimeInForce, VenueOrder

EXPIRY_MIN_MS = 5_000
"""An end of life must be at least so far ahead."""
CLOCK_GRAIN_MS = 1_000
"""The venue tells its time in whole seconds, so it may be that much later than we know."""

STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})

Params = list[tuple[str, str]]


def place_params(
    request: PlaceOrder, venue_symbol: str, *, last_price: Decimal | None, venue_now_ms: int, offset_ms: int
) -> Params:
    """Build the parameters of a placement, without nonce and deadline; raises `NotSupportedError`.

    `last_price` is needed for stop orders alone.
    """
    if request.reduce_only:
        raise NotSupportedError("reduce-only orders do not exist on spot")
    kind, terms = _terms(request, last_price)
    return [
        ("ordertype", kind),
        ("type", "buy" if request.side is Side.BUY else "sell"),
        ("pair", venue_symbol),
        *terms,
        *_lasting(request, venue_now_ms, offset_ms),
        ("oflags", ",".join(_flags(request))),
        ("cl_ord_id", request.client_order_id),
    ]


def _terms(request: PlaceOrder, last_price: Decimal | None) -> tuple[str, Params]:
    match request.type:
        case OrderType.MARKET:
            return "market", [_market_volume(request)]
        case OrderType.LIMIT:
            return "limit", [_volume(request), ("price", _given(request.price, "price"))]
        case OrderType.STOP_MARKET:
            kind, trigger = _trigger(request, last_price)
            return kind, [_volume(request), trigger, ("trigger", "last")]
        case OrderType.STOP_LIMIT:
            kind, trigger = _trigger(request, last_price)
            limit = ("price2", _given(request.price, "price"))
            return f"{kind}-limit", [_volume(request), trigger, limit, ("trigger", "last")]


def _market_volume(request: PlaceOrder) -> tuple[str, str]:
    if request.quote_size is None:
        return _volume(request)
    if request.size is not None or request.side is not Side.BUY:
        raise NotSupportedError("only a market buy can be sized in quote units, and only in those")
    return "volume", _given(request.quote_size, "quote size")


def _volume(request: PlaceOrder) -> tuple[str, str]:
    if request.quote_size is not None:
        raise NotSupportedError("only a market order can be sized in quote units")
    return "volume", _given(request.size, "size")


def _trigger(request: PlaceOrder, last_price: Decimal | None) -> tuple[str, tuple[str, str]]:
    price = _given(request.stop_price, "stop price")
    if request.stop_price is None or last_price is None:
        raise NotSupportedError("on which side of the market the stop is, is not known")
    return stop_kind(request.side, request.stop_price, last_price), ("price", price)


def stop_kind(side: Side, stop_price: Decimal, last_price: Decimal) -> str:
    """Choose between the venue's two kinds of stop: which one depends on the side of the market the trigger is on."""
    if stop_price == last_price:
        return "stop-loss"
    return "stop-loss" if (stop_price > last_price) is (side is Side.BUY) else "take-profit"


def _lasting(request: PlaceOrder, venue_now_ms: int, offset_ms: int) -> Params:
    lasting = request.time_in_force
    if request.type is OrderType.MARKET:
        return []
    if request.post_only and lasting in (TimeInForce.IOC, TimeInForce.FOK):
        raise NotSupportedError("a post-only order rests; it cannot be immediate")
    if request.type is OrderType.STOP_MARKET and lasting is not TimeInForce.GTT:
        if lasting is TimeInForce.FOK:
            raise NotSupportedError("a stop market order cannot be fill-or-kill")
        # It rests until it is triggered, and is a market order from then on.
        return []
    if lasting is not TimeInForce.GTT:
        return [("timeinforce", lasting.value)]
    if request.expires_at_ms is None:
        raise NotSupportedError("the order has no end of life")
    # Rounded down: an order may end sooner than was asked for, but not later.
    expires_s = (request.expires_at_ms + offset_ms) // 1000
    if expires_s * 1000 < venue_now_ms + CLOCK_GRAIN_MS + EXPIRY_MIN_MS:
        raise NotSupportedError("the venue takes no end of life that is so near")
    return [("timeinforce", "GTD"), ("expiretm", str(expires_s))]


def _flags(request: PlaceOrder) -> list[str]:
    if request.post_only and request.type is not OrderType.LIMIT:
        raise NotSupportedError("only a limit order can be post-only")
    flags = ["post"] if request.post_only else []
    if request.quote_size is not None:
        flags.append("viqc")
    # Fees in quote units, which is what the venue's records tell them in, whatever they were paid in.
    return [*flags, "fciq"]


def cancel_params(request: CancelVenueOrder) -> Params:
    """Build the parameters of a cancel, without nonce; raises `NotSupportedError`."""
    if request.venue_order_id is not None:
        return [_order_id(request.venue_order_id)]
    if not request.client_order_id:
        raise NotSupportedError("the order has no id to cancel it by")
    return [("cl_ord_id", request.client_order_id)]


def names_one_order(venue_order_id: str) -> bool:
    """Tell whether an id has a form that the venue cannot take for something else: a number names all orders that share
    a reference number, and a comma makes a list.
    """
    return bool(venue_order_id) and not venue_order_id.lstrip("+-").isdigit() and "," not in venue_order_id


def _order_id(venue_order_id: str) -> tuple[str, str]:
    if not names_one_order(venue_order_id):
        raise NotSupportedError("the venue has no order ids of this form")
    return "txid", venue_order_id


def amend_params(request: AmendVenueOrder, *, reached: Decimal | None, post_only: bool) -> Params:
    """Build the parameters of an amend, without nonce and deadline; raises `NotSupportedError`. `reached`: the trigger
    of a stop order that was triggered. `post_only`: what the order is, by us or by the venue.

    Every term is named: what an order is shown with may be older than its latest change. Only a trigger that was
    reached does not change any more. An order that is post-only would not be any more if that were not said again.
    """
    if request.size <= ZERO:
        raise NotSupportedError("an order cannot be amended to nothing")
    if request.price is None and request.stop_price is None:
        raise NotSupportedError("a market order does not rest, so there is nothing to amend")
    params = [_order_id(request.venue_order_id), ("order_qty", _given(request.size, "size"))]
    if request.price is not None:
        params.append(("limit_price", _given(request.price, "price")))
    if request.stop_price is not None and request.stop_price != reached:
        params.append(("trigger_price", _given(request.stop_price, "stop price")))
    return [*params, ("post_only", "true")] if post_only else params


def shows_terms(request: AmendVenueOrder, order: VenueOrder) -> bool:
    """Tell whether an order has the terms that an amend asks for."""
    return (
        order.size == request.size
        and (request.price is None or order.price == request.price)
        and (request.stop_price is None or order.stop_price == request.stop_price)
    )


def _given(value: Decimal | None, name: str) -> str:
    if value is None:
        raise NotSupportedError(f"the order has no {name}")
    if value <= ZERO:
        raise NotSupportedError(f"the order's {name} is not above zero")
    return plain_text(value)
