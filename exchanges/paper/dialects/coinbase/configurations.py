"""Order configurations: what each kind of Coinbase order takes, how it is read, and how an order is written as one.

It knows the shapes, not the market: whether sizes and prices fit is the engine's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.coinbase.errors import CoinbaseError, PlacementRefused, Refusal, invalid_argument
from exchanges.paper.dialects.coinbase.values import (
    NS_PER_MS,
    number,
    read_number,
    read_object,
    read_time_ns,
    timestamp,
)
from exchanges.paper.model import PaperOrder
from messages.types import OrderType, TimeInForce

MARKET = "market_market_ioc"
EDITABLE = frozenset({"limit_limit_gtc", "stop_limit_stop_limit_gtc"})
"""Good till cancelled and with a limit: nothing else can be edited."""
_UP, _DOWN = "STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"


@dataclass(frozen=True, slots=True)
class _Form:
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool = False
    """Whether it may be asked to be post-only."""
    by_quote: bool = False
    """Whether it may be sized in the quote currency."""


_FORMS = {
    MARKET: _Form(OrderType.MARKET, TimeInForce.IOC, by_quote=True),
    "limit_limit_gtc": _Form(OrderType.LIMIT, TimeInForce.GTC, post_only=True),
    "limit_limit_gtd": _Form(OrderType.LIMIT, TimeInForce.GTT, post_only=True),
    "sor_limit_ioc": _Form(OrderType.LIMIT, TimeInForce.IOC, by_quote=True),
    "limit_limit_fok": _Form(OrderType.LIMIT, TimeInForce.FOK),
    "stop_limit_stop_limit_gtc": _Form(OrderType.STOP_LIMIT, TimeInForce.GTC),
    "stop_limit_stop_limit_gtd": _Form(OrderType.STOP_LIMIT, TimeInForce.GTT),
}
_UNSUPPORTED = frozenset(
    {"market_market_fok", "twap_limit_gtd", "scaled_limit_gtc", "trigger_bracket_gtc", "trigger_bracket_gtd"}
)
_KEYS = {(form.type, form.time_in_force): key for key, form in _FORMS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One order configuration, read. Exactly one of `size` and `quote_size` is given."""

    key: str
    type: OrderType
    time_in_force: TimeInForce
    size: Decimal | None
    quote_size: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None
    trigger_above: bool | None
    post_only: bool
    expires_at_ms: int | None


def read(configuration: Any) -> Shape:
    """Read an `order_configuration`. Raises CoinbaseError, or PlacementRefused for what the venue does not offer."""
    whole = read_object(configuration, "order_configuration", frozenset(_FORMS) | _UNSUPPORTED)
    if len(whole) != 1:
        raise CoinbaseError(invalid_argument("order_configuration needs exactly one kind of order"))
    key, content = next(iter(whole.items()))
    if key in _UNSUPPORTED:
        raise PlacementRefused(Refusal("UNSUPPORTED_ORDER_CONFIGURATION", f"{key} is not supported"))
    form = _FORMS[key]
    values = read_object(content, key, _names(form))
    size, quote_size = _sizes(values, form)
    priced = form.type is not OrderType.MARKET
    stops = form.type is OrderType.STOP_LIMIT
    return Shape(
        key=key,
        type=form.type,
        time_in_force=form.time_in_force,
        size=size,
        quote_size=quote_size,
        price=read_number(values.get("limit_price"), "limit_price") if priced else None,
        stop_price=read_number(values.get("stop_price"), "stop_price") if stops else None,
        trigger_above=_direction(values) if stops else None,
        post_only=_flag(values, "post_only"),
        expires_at_ms=_end_time(values) if form.time_in_force is TimeInForce.GTT else None,
    )


def write(order: PaperOrder, quote_size: Decimal | None) -> dict[str, dict[str, Any]]:
    """Write an order as its configuration; `quote_size` is what its owner gave for it, where it was sized so."""
    form_key = key_of(order)
    form = _FORMS[form_key]
    values: dict[str, Any] = {}
    if quote_size is None:
        values["base_size"] = number(order.size)
    else:
        values["quote_size"] = number(quote_size)
    if form.type is not OrderType.MARKET:
        values["limit_price"] = number(order.price)
    if form.type is OrderType.STOP_LIMIT:
        values["stop_price"] = number(order.stop_price)
        values["stop_direction"] = _UP if order.trigger_above else _DOWN
    if form.time_in_force is TimeInForce.GTT:
        values["end_time"] = timestamp(order.expires_at_ms)
    if form.post_only:
        values["post_only"] = order.post_only
    return {form_key: values}


def key_of(order: PaperOrder) -> str:
    """Return the configuration of an order, also of one that came in by another way than this dialect."""
    # An order that was placed past the wire comes without one.
    named = order.venue_type in _FORMS
    return order.venue_type if named else _KEYS.get((order.type, order.time_in_force), MARKET)


def _names(form: _Form) -> frozenset[str]:
    names = {"base_size"}
    if form.by_quote:
        names.add("quote_size")
    if form.type is not OrderType.MARKET:
        names.add("limit_price")
    if form.type is OrderType.STOP_LIMIT:
        names |= {"stop_price", "stop_direction"}
    if form.time_in_force is TimeInForce.GTT:
        names.add("end_time")
    if form.post_only:
        names.add("post_only")
    return frozenset(names)


def _sizes(values: Mapping[str, Any], form: _Form) -> tuple[Decimal | None, Decimal | None]:
    if form.by_quote and "quote_size" in values:
        if "base_size" in values:
            raise CoinbaseError(invalid_argument("base_size and quote_size exclude each other"))
        return None, read_number(values["quote_size"], "quote_size")
    return read_number(values.get("base_size"), "base_size"), None


def _direction(values: Mapping[str, Any]) -> bool:
    direction = values.get("stop_direction")
    if direction not in (_UP, _DOWN):
        raise CoinbaseError(invalid_argument("stop_direction is required"))
    return bool(direction == _UP)


def _flag(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name, False)
    if not isinstance(value, bool):
        raise CoinbaseError(invalid_argument(f"{name} is not a boolean"))
    return value


def _end_time(values: Mapping[str, Any]) -> int:
    if not values.get("end_time"):
        raise PlacementRefused(Refusal("GTD_ORDERS_MUST_HAVE_END_TIME", "end_time is required"))
    return read_time_ns(values["end_time"], "end_time") // NS_PER_MS
