"""Reading a placement of AddOrder: every order type, time in force and flag that the paper venue has.

What Kraken has and the engine has not (leverage, conditional closes, icebergs, trailing stops, relative prices) is
refused as an invalid argument; nothing is dropped silently.
"""

from dataclasses import dataclass

from exchanges.paper.dialects.kraken.calls import Call
from exchanges.paper.dialects.kraken.errors import INVALID_ARGUMENTS, KrakenError, invalid
from exchanges.paper.dialects.kraken.names import Pair
from exchanges.paper.dialects.kraken.params import Parameters
from exchanges.paper.model import NewOrder, PaperStatus
from messages.types import OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class _Form:
    """Which parameters an order type takes its prices from."""

    type: OrderType
    price: str | None = None
    stop_price: str | None = None


_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_FORMS = {
    "limit": _Form(OrderType.LIMIT, price="price"),
    "market": _Form(OrderType.MARKET),
    "stop-loss": _Form(OrderType.STOP_MARKET, stop_price="price"),
    "take-profit": _Form(OrderType.STOP_MARKET, stop_price="price"),
    "stop-loss-limit": _Form(OrderType.STOP_LIMIT, price="price2", stop_price="price"),
    "take-profit-limit": _Form(OrderType.STOP_LIMIT, price="price2", stop_price="price"),
}
_TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTD": TimeInForce.GTT,
}
_FLAGS = frozenset({"post", "viqc", "fciq", "nompp"})
_NOT_HERE = {"leverage": "none", "reduce_only": "false", "displayvol": "0", "starttm": "0", "trigger": "last"}
"""What is taken only with this value."""
_SELF_TRADES = ("cancel-newest", "cancel-oldest", "cancel-both")
_SOONEST_MS = 5_000
_LATEST_MS = 31 * 86_400_000
_SECONDS_DIGITS = 10


def read_placement(call: Call, pair: Pair, client_order_id: str) -> NewOrder:
    """Read everything but names and deadlines. Raises KrakenError."""
    parameters = call.parameters
    _refuse_what_is_not_here(parameters)
    side = _SIDES[parameters.choice("type", _SIDES)]
    ordertype = parameters.choice("ordertype", _FORMS)
    form = _FORMS[ordertype]
    flags = _flags(parameters, form, side)
    time_in_force = _time_in_force(parameters, form)
    for name in ("price", "price2"):
        if name in parameters and name not in (form.price, form.stop_price):
            raise invalid(name)
    volume = parameters.amount("volume")
    return NewOrder(
        account=call.account,
        client_order_id=client_order_id,
        symbol=pair.instrument.symbol,
        side=side,
        type=form.type,
        time_in_force=time_in_force,
        size=None if "viqc" in flags else volume,
        quote_size=volume if "viqc" in flags else None,
        price=None if form.price is None else parameters.amount(form.price),
        stop_price=None if form.stop_price is None else parameters.amount(form.stop_price),
        trigger_above=None if form.stop_price is None else (side is Side.BUY) is ordertype.startswith("stop-loss"),
        post_only="post" in flags,
        taking_ends_as=PaperStatus.CANCELLED if "post" in flags else None,
        expires_at_ms=_expiry_ms(parameters, call.now_ms, needed=time_in_force is TimeInForce.GTT),
        venue_type=ordertype,
    )


def _refuse_what_is_not_here(parameters: Parameters) -> None:
    for name, only in _NOT_HERE.items():
        if parameters.values.get(name, only) != only:
            raise invalid(name)
    if any(name.startswith("close") for name in parameters.values):
        raise invalid("close")
    parameters.choice("stptype", _SELF_TRADES, "cancel-newest")


def _flags(parameters: Parameters, form: _Form, side: Side) -> frozenset[str]:
    flags = frozenset(parameters.texts("oflags", len(_FLAGS)))
    by_quote_elsewhere = "viqc" in flags and (form.type is not OrderType.MARKET or side is Side.SELL)
    post_elsewhere = "post" in flags and form.type is not OrderType.LIMIT
    if not flags <= _FLAGS or by_quote_elsewhere or post_elsewhere:
        raise invalid("oflags")
    return flags


def _time_in_force(parameters: Parameters, form: _Form) -> TimeInForce:
    found = _TIMES_IN_FORCE[parameters.choice("timeinforce", _TIMES_IN_FORCE, "GTC")]
    post_only = "post" in parameters.texts("oflags", len(_FLAGS))
    at_once = found in (TimeInForce.IOC, TimeInForce.FOK)
    if (post_only and at_once) or (form.price is None and found in (TimeInForce.GTT, TimeInForce.FOK)):
        raise invalid("timeinforce")
    return found


def _expiry_ms(parameters: Parameters, now_ms: int, *, needed: bool) -> int | None:
    text = parameters.optional_text("expiretm") or "0"
    after, digits = text.startswith("+"), text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _SECONDS_DIGITS:
        raise invalid("expiretm")
    if (int(digits) > 0) is not needed:
        raise invalid("expiretm")
    if not needed:
        return None
    expiry_ms = int(digits) * 1000 + (now_ms if after else 0)
    if not now_ms + _SOONEST_MS <= expiry_ms <= now_ms + _LATEST_MS:
        raise invalid("expiretm")
    return expiry_ms


def read_names(parameters: Parameters) -> tuple[str | None, int | None]:
    """Return client order id and user reference, at most one of them. Raises KrakenError."""
    client_id, user_reference = parameters.client_id(), parameters.user_reference()
    if client_id is not None and user_reference is not None:
        raise KrakenError(INVALID_ARGUMENTS)
    return client_id, user_reference
