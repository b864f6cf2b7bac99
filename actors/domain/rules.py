"""Whether an order may be sent at all: its own terms, what the venue can do, the trading rules of its symbol.

Every check answers None or one `RefusalReason` that names the rule, the limit, what was asked and, where there are any,
the nearest valid values. Must never: round or change a number of the caller's, or pass what it could not check for
valid when a rule about it exists.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TypeVar

from actors.domain.arithmetic import EXACT, MAGNITUDE_MAX, plain, within_magnitude
from actors.domain.assets import worth
from messages.base import copied, fast_init
from messages.commands import ClosePosition, OrderTerms
from messages.queries import RefusalCode
from messages.types import ONE, ZERO, InitiatedBy, Instrument, OrderType, Side, TimeInForce

TermsT = TypeVar("TermsT", bound=OrderTerms)

REQUEST_ID_MAX = 128
"""Characters of a caller's request id."""
VALID_FOR_MS = (1_000, 60_000)
"""Bounds of a sending's validity."""
MAX_SENDS = (1, 10)
"""Bounds of the number of sendings."""

_ENUMS: tuple[tuple[str, type], ...] = (("side", Side), ("type", OrderType), ("time_in_force", TimeInForce))
_INTEGER_MAX = 2**63 - 1
_STOPS = frozenset({OrderType.STOP_LIMIT, OrderType.STOP_MARKET})
_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_RESTING = frozenset({TimeInForce.GTC, TimeInForce.GTT})


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalReason:
    """Why an order is not sent."""

    code: RefusalCode
    text: str
    """For people: what is wrong and what would be right."""
    rule: str
    """Name of the field or rule that was broken."""
    limit: str = ""
    """What the rule allows."""
    actual: str = ""
    """What was asked."""


def resolve_terms(terms: TermsT) -> TermsT:
    """Fill in the time in force that an order has when it names none: IOC for market orders, GTC otherwise."""
    if terms.time_in_force is not None:
        return terms
    default = TimeInForce.IOC if terms.type is OrderType.MARKET else TimeInForce.GTC
    return copied(terms, time_in_force=default)


def check_close(command: ClosePosition) -> RefusalReason | None:
    """Look for what a wish to close a position can never mean."""
    for name in ("message_id", "exchange", "symbol"):
        text = getattr(command, name)
        if not isinstance(text, str) or not text.isprintable():
            return _invalid(name, "must be printable text", "printable text", ascii(text))
    by = command.initiated_by
    if type(by) is not InitiatedBy:
        return _invalid("initiated_by", "must be an InitiatedBy", "an InitiatedBy", by)
    return None if command.quantity is None else _check_number("quantity", command.quantity)


def check_terms(terms: OrderTerms, now_ms: int) -> RefusalReason | None:
    """Look for contradictions in an order's terms, which must have their time in force resolved."""
    for check in (_check_types, _check_numbers, _check_quantity, _check_prices, _check_time_in_force, _check_limits):
        refusal = check(terms)
        if refusal is not None:
            return refusal
    if terms.expires_at_ms is not None and terms.expires_at_ms <= now_ms:
        return _invalid("expires_at_ms", "is not in the future", f"> {now_ms}", terms.expires_at_ms)
    return None


def _check_types(terms: OrderTerms) -> RefusalReason | None:
    # Hosts are not always type-checked; what cannot be stored exactly must be refused before anything is decided.
    for name, kind in _ENUMS:
        if type(getattr(terms, name)) is not kind:
            return _invalid(name, f"must be a {kind.__name__}", f"a {kind.__name__}", getattr(terms, name))
    for name in ("symbol", "exchange", "request_id"):
        text = getattr(terms, name)
        if text is not None and (not isinstance(text, str) or not text.isprintable()):
            return _invalid(name, "must be printable text", "printable text", ascii(text))
    for name in ("expires_at_ms", "valid_for_ms", "max_sends", "fill_timeout_ms"):
        number = getattr(terms, name)
        if number is not None and (type(number) is not int or not -_INTEGER_MAX <= number <= _INTEGER_MAX):
            return _invalid(name, "must be a whole number of up to 63 bits", f"<= {_INTEGER_MAX}", number)
    return None


def _check_numbers(terms: OrderTerms) -> RefusalReason | None:
    numbers: tuple[tuple[str, object], ...] = (
        ("size", terms.size),
        ("quote_size", terms.quote_size),
        ("price", terms.price),
        ("stop_price", terms.stop_price),
        ("reference_price", terms.reference_price),
    )
    for name, value in numbers:
        refusal = None if value is None else _check_number(name, value)
        if refusal is not None:
            return refusal
    return None


def _check_number(name: str, value: object) -> RefusalReason | None:
    # Hosts are not always type-checked, and a binary float is not the number that was written.
    if not isinstance(value, Decimal):
        return _invalid(name, f"must be a Decimal, not {type(value).__name__}", "a Decimal", value)
    if not value.is_finite() or value <= ZERO:
        return _invalid(name, "must be a finite number above 0", "> 0", value)
    if not within_magnitude(value):
        return _invalid(name, f"has more than {MAGNITUDE_MAX} digits on one side of the point", "shorter", value)
    return None


def _check_quantity(terms: OrderTerms) -> RefusalReason | None:
    if (terms.size is None) == (terms.quote_size is None):
        given = "neither" if terms.size is None else "both"
        return _invalid("size", "or quote_size must be given, exactly one of them", "exactly one", given)
    if terms.quote_size is not None and terms.type is not OrderType.MARKET:
        return _invalid("quote_size", f"goes with MARKET orders only, not {terms.type}", "MARKET", terms.type)
    return None


def _check_prices(terms: OrderTerms) -> RefusalReason | None:
    for name, value, wanted in (
        ("price", terms.price, terms.type in _PRICED),
        ("stop_price", terms.stop_price, terms.type in _STOPS),
    ):
        if wanted and value is None:
            return _invalid(name, f"is required for a {terms.type} order", "given", "none")
        if value is not None and not wanted:
            return _invalid(name, f"has no meaning in a {terms.type} order", "none", value)
    return None


def _check_time_in_force(terms: OrderTerms) -> RefusalReason | None:
    tif = terms.time_in_force
    if terms.type is OrderType.MARKET and tif is not TimeInForce.IOC:
        return _invalid("time_in_force", "of a MARKET order can only be IOC", TimeInForce.IOC, tif)
    if terms.post_only and (terms.type is not OrderType.LIMIT or tif not in _RESTING):
        return _invalid("post_only", "needs a LIMIT order that is GTC or GTT", "LIMIT GTC|GTT", f"{terms.type} {tif}")
    if (tif is TimeInForce.GTT) != (terms.expires_at_ms is not None):
        return _invalid("expires_at_ms", "is given with GTT, and only with it", TimeInForce.GTT, tif)
    return None


def _check_limits(terms: OrderTerms) -> RefusalReason | None:
    if terms.request_id is not None and not 1 <= len(terms.request_id) <= REQUEST_ID_MAX:
        limit = f"1..{REQUEST_ID_MAX}"
        return _invalid("request_id", f"must have {limit} characters", limit, len(terms.request_id))
    for name, value, (low, high) in (
        ("valid_for_ms", terms.valid_for_ms, VALID_FOR_MS),
        ("max_sends", terms.max_sends, MAX_SENDS),
    ):
        if value is not None and not low <= value <= high:
            return _invalid(name, f"must be within {low}..{high}", f"{low}..{high}", value)
    if terms.fill_timeout_ms is not None and terms.fill_timeout_ms < 0:
        return _invalid("fill_timeout_ms", "must not be negative (0: no timeout)", ">= 0", terms.fill_timeout_ms)
    return None


def _invalid(rule: str, text: str, limit: str, actual: object) -> RefusalReason:
    return RefusalReason(
        code=RefusalCode.INVALID_ORDER, text=f"{rule} {text}", rule=rule, limit=limit, actual=str(actual)
    )


def check_capabilities(
    terms: OrderTerms,
    *,
    venue: str,
    order_types: frozenset[OrderType],
    times_in_force: frozenset[TimeInForce],
    post_only: bool,
    quote_size_market: bool,
    reduce_only: bool,
) -> RefusalReason | None:
    """Look for something that the venue cannot do. What is emulated here counts as something it can.

    A market order leaves nothing behind, so its time in force is none that a venue would have to know.
    """
    if terms.type not in order_types:
        return _unsupported(venue, "type", f"{terms.type} orders", ", ".join(sorted(order_types)), terms.type)
    lasting = terms.time_in_force if terms.type is not OrderType.MARKET else None
    if lasting is not None and lasting not in times_in_force:
        limit = ", ".join(sorted(times_in_force))
        return _unsupported(venue, "time_in_force", f"{lasting} orders", limit, lasting)
    for name, asked, able in (
        ("post_only", terms.post_only, post_only),
        ("quote_size", terms.quote_size is not None, quote_size_market),
        ("reduce_only", terms.reduce_only, reduce_only),
    ):
        if asked and not able:
            return _unsupported(venue, name, f"{name} orders", "none", name)
    return None


def _unsupported(venue: str, rule: str, what: str, limit: str, actual: str) -> RefusalReason:
    return RefusalReason(
        code=RefusalCode.NOT_SUPPORTED, text=f"{venue} has no {what}", rule=rule, limit=limit, actual=str(actual)
    )


def check_instrument(
    terms: OrderTerms, instrument: Instrument, reference_price: Decimal | None = None
) -> RefusalReason | None:
    """Look for a trading rule of the symbol that the order breaks.

    `reference_price` stands for the price of an order that has none; without it such an order's notional value cannot
    be judged here and is left to the venue.
    """
    return (
        _check_tradable(terms, instrument)
        or _check_price("price", terms.price, instrument)
        or _check_price("stop_price", terms.stop_price, instrument)
        or _check_size(terms, instrument)
        or _check_notional(terms, instrument, reference_price)
    )


def _check_tradable(terms: OrderTerms, instrument: Instrument) -> RefusalReason | None:
    symbol = instrument.symbol
    if not instrument.trading:
        return _broken("trading", f"{symbol} is not trading", "trading", "not trading")
    if instrument.cancel_only:
        return _broken("cancel_only", f"{symbol} takes cancels only", "trading", "cancel only")
    if terms.type not in instrument.order_types:
        limit = ", ".join(sorted(instrument.order_types))
        return _broken("order_types", f"{symbol} takes no {terms.type} orders, only {limit}", limit, terms.type)
    if terms.post_only and not instrument.post_only_allowed:
        return _broken("post_only_allowed", f"{symbol} takes no post-only orders", "none", "post_only")
    if terms.quote_size is not None and not instrument.quote_size_allowed:
        return _broken("quote_size_allowed", f"{symbol} takes no orders by quote size", "size", "quote_size")
    return None


def _check_price(name: str, value: Decimal | None, instrument: Instrument) -> RefusalReason | None:
    if value is None:
        return None
    grid = _Grid(instrument.tick_size, instrument.min_price, instrument.max_price)
    return grid.check(name, value, ("min_price", "max_price", "tick_size"))


def _check_size(terms: OrderTerms, instrument: Instrument) -> RefusalReason | None:
    if terms.size is None:
        return None
    return _size_grid(terms.type, instrument).check("size", terms.size, ("min_size", "max_size", "step_size"))


def largest_size(wanted: Decimal, order_type: OrderType, instrument: Instrument) -> Decimal | None:
    """Give the largest valid size that is not above the wanted one, in base units; None when there is none."""
    return _size_grid(order_type, instrument).around(wanted)[0]


def prices_within(low: Decimal, high: Decimal, instrument: Instrument) -> tuple[Decimal, Decimal] | None:
    """Give the lowest and the highest valid price of a range; None when it has none."""
    grid = _Grid(instrument.tick_size, instrument.min_price, instrument.max_price)
    lowest, highest = grid.around(low)[1], grid.around(high)[0]
    return None if lowest is None or highest is None or lowest > highest else (lowest, highest)


def _size_grid(order_type: OrderType, instrument: Instrument) -> "_Grid":
    general = (instrument.step_size, instrument.min_size, instrument.max_size)
    if order_type is not OrderType.MARKET:
        return _Grid(*general)
    market = (instrument.market_step_size, instrument.market_min_size, instrument.market_max_size)
    step, low, high = (own if own is not None else usual for own, usual in zip(market, general, strict=True))
    return _Grid(step, low, high)


def _check_notional(terms: OrderTerms, instrument: Instrument, reference_price: Decimal | None) -> RefusalReason | None:
    unpriced = terms.type not in _PRICED
    price = terms.price if terms.price is not None else terms.stop_price or reference_price
    if terms.quote_size is not None:
        notional = terms.quote_size
    elif price is not None and terms.size is not None:
        notional = worth(price, terms.size, instrument.multiplier)
    else:
        return None
    low, high = instrument.min_notional, instrument.max_notional
    if low is not None and notional < low and (instrument.min_notional_on_market or not unpriced):
        return _off_notional(terms, instrument, price, notional, ("min_notional", "below the minimum", low))
    if high is not None and notional > high and not unpriced:
        return _off_notional(terms, instrument, price, notional, ("max_notional", "above the maximum", high))
    return None


def _off_notional(
    terms: OrderTerms, instrument: Instrument, price: Decimal | None, notional: Decimal, rule: tuple[str, str, Decimal]
) -> RefusalReason:
    name, where, bound = rule
    text = f"notional value {plain(notional)} is {where} of {plain(bound)}"
    if terms.quote_size is not None:
        text += f"; nearest valid quote_size: {plain(bound)}"
    elif price is not None and instrument.step_size:
        size = EXACT.divide(bound, worth(price, ONE, instrument.multiplier))
        below, above = _size_grid(terms.type, instrument).around(size)
        nearest = above if name == "min_notional" else below
        text += f"; nearest valid size at {plain(price)}: {plain(nearest)}" if nearest is not None else ""
    return _broken(name, text, plain(bound), plain(notional))


def _broken(rule: str, text: str, limit: str, actual: str) -> RefusalReason:
    return RefusalReason(code=RefusalCode.INSTRUMENT_RULE, text=text, rule=rule, limit=limit, actual=str(actual))


@fast_init
@dataclass(frozen=True, slots=True)
class _Grid:
    """The valid values of one number: multiples of a step between two bounds. None or 0: not enforced."""

    step: Decimal | None
    low: Decimal | None
    high: Decimal | None

    def check(self, name: str, value: Decimal, rules: tuple[str, str, str]) -> RefusalReason | None:
        low_rule, high_rule, step_rule = rules
        if self.low is not None and value < self.low:
            return self._refuse(low_rule, name, value, f"is below the minimum of {plain(self.low)}", self.low)
        if self.high is not None and value > self.high > ZERO:
            return self._refuse(high_rule, name, value, f"is above the maximum of {plain(self.high)}", self.high)
        if self.step and EXACT.remainder(value, self.step) != ZERO:
            return self._refuse(step_rule, name, value, f"is not a multiple of {plain(self.step)}", self.step)
        return None

    def around(self, value: Decimal) -> tuple[Decimal | None, Decimal | None]:
        """Give the nearest valid values at or below and at or above; None where there is none."""
        lowest = self._multiple(self.low, ROUND_CEILING) if self.low else (self.step or ZERO)
        below = self._multiple(value, ROUND_FLOOR)
        above = max(self._multiple(value, ROUND_CEILING), lowest)
        if self.high:
            below = min(below, self._multiple(self.high, ROUND_FLOOR))
        too_low = below < lowest or below <= ZERO
        too_high = self.high is not None and above > self.high > ZERO
        return None if too_low else below, None if too_high else above

    def _multiple(self, value: Decimal, rounding: str) -> Decimal:
        if not self.step:
            return value
        count = EXACT.divide(value, self.step).to_integral_value(rounding=rounding, context=EXACT)
        return EXACT.multiply(count, self.step)

    def _refuse(self, rule: str, name: str, value: Decimal, text: str, limit: Decimal) -> RefusalReason:
        below, above = self.around(value)
        valid = [
            f"{plain(each)} {where}"
            for each, where in ((below, "below"), (above, "above"))
            if each is not None and (each < value if where == "below" else each > value)
        ]
        nearest = f"; nearest valid: {', '.join(valid)}" if valid else ""
        return _broken(rule, f"{name} {plain(value)} {text}{nearest}", plain(limit), plain(value))
