"""Limits that an account's orders are held to. Pure.

Every check answers None or one `RefusalReason` that names the rule, the limit and the actual figure. What would make a
sum no larger than it is passes, whatever the sum is: nobody is kept from getting out. Must never: let an order pass
because something that a limit needs is not known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal
from typing import TypeAlias

from actors.domain.arithmetic import EXACT, plain
from actors.domain.assets import Assets
from actors.domain.exposure import ExposureBook, MoneyTotals, Positions
from actors.domain.rules import RefusalReason, largest_size, prices_within
from actors.domain.stakes import Stake, is_worth_more, stake_if_placed, valued_at
from messages.base import copied, fast_init
from messages.queries import RefusalCode
from messages.types import ONE, ZERO, Instrument, Order, Side

Exceeded: TypeAlias = tuple[str, str, str, str]
"""Rule, limit, actual figure, and where."""

_HUNDRED = Decimal(100)
_SHOWN_UP = Context(prec=12, rounding=ROUND_UP)
"""For figures that are above a limit: rounding must not make them look like the limit."""
_PERCENT = Decimal("0.01")
"""As finely as they are shown."""
_SHOWN_DOWN = Context(prec=12, rounding=ROUND_DOWN)
"""For figures that would pass."""
_UNKNOWN = "unknown"
_NO_PRICE = "the market's price is not known; with a reference_price it would be"
_FEWER = "it would pass when fewer orders are open"
_NO_SIZE = "the size of the order is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What an account may do at most. None: no limit.

    Notional limits hold for each quote currency by itself: nothing is converted.
    """

    max_order_notional: Decimal | None = None
    max_open_orders_per_symbol: int | None = None
    max_open_orders_per_account: int | None = None
    max_open_notional_per_symbol: Decimal | None = None
    max_open_notional_per_exchange: Decimal | None = None
    max_open_notional_per_account: Decimal | None = None
    max_position: Mapping[str, Decimal] = field(default_factory=dict)
    """By symbol: base units, long or short, over all exchanges, if every open order of one side executed."""
    max_orders_per_minute: int | None = None
    price_collar_percent: Decimal | None = None
    """By how much a price may differ from the market's."""
    allowed_symbols: frozenset[str] | None = None
    kill_switch: bool = False
    """True: held on by the configuration."""


def needs_reference(order: Order, limits: RiskLimits) -> bool:
    """Tell whether a limit cannot judge an order without the market's price.

    What bounds a value is not taken from the caller: a market order, and a sell order that executes at its limit or
    better, are valued at the market's price whatever he takes it for. His word is enough for the collar.
    """
    if any(
        limit is not None
        for limit in (
            limits.max_order_notional,
            limits.max_open_notional_per_symbol,
            limits.max_open_notional_per_exchange,
            limits.max_open_notional_per_account,
        )
    ) and is_worth_more(order):
        return True
    if order.reference_price is not None:
        return False
    if order.price is not None or order.stop_price is not None:
        return limits.price_collar_percent is not None
    return order.quote_size is not None and order.symbol in limits.max_position and not order.reduce_only


@fast_init
@dataclass(frozen=True, slots=True)
class _Case:
    """One order that wants to be placed, and what it would be placed into."""

    order: Order
    book: ExposureBook
    positions: Positions
    limits: RiskLimits
    stake: Stake
    counted: Stake | None
    """What the book counts of this very order already."""
    grows: bool
    """One more order would be open."""
    assets: Assets | None
    """What its symbol trades; None while the instrument is not known."""
    instrument: Instrument | None
    """What its venue takes; None: what would pass is said without regard to it."""


def check_limits(
    order: Order,
    book: ExposureBook,
    positions: Positions,
    limits: RiskLimits,
    *,
    placed_last_minute: int,
    assets: Assets | None,
    without: Order | None = None,
    instrument: Instrument | None = None,
) -> RefusalReason | None:
    """Look for a limit that an order would break. Exactly at a limit passes.

    An order that is in the book already (an amended one with its new terms, or a replacement that waits to be sent) is
    counted once, with the terms given here, and is no further order of its minute.

    Args:
        order: A drafted order, with its reference price where one is known.
        book: What is at stake in all other orders, and perhaps in this one.
        positions: By exchange and symbol, of all exchanges of the account.
        limits: What the account may do.
        placed_last_minute: Orders placed in the last 60 s, without this one.
        assets: What its symbol trades; None while the instrument is not known.
        without: The open order whose place it takes. That one counts in every sum, because both may execute; only the
            number of open orders does not grow.
        instrument: The rules of its symbol: what would pass is named so that its venue takes it, too.
    """
    counted = book.stake(order.order_id)
    case = _Case(
        order,
        book,
        positions,
        limits,
        _stake(order, assets),
        counted,
        counted is None and (without is None or book.stake(without.order_id) is None),
        assets,
        instrument,
    )
    return (
        _check_permission(order, limits)
        or (_check_rate(limits.max_orders_per_minute, placed_last_minute) if counted is None else None)
        or _check_order_notional(case)
        or _check_collar(order, limits.price_collar_percent, instrument)
        or (_check_open_orders(case) if case.grows else None)
        or _check_open_notional(case)
        or _check_position(case)
    )


def _stake(order: Order, assets: Assets | None) -> Stake:
    stake = stake_if_placed(order, assets)
    return copied(stake, notional=None) if order.quote_size is None and _worth(order) is None else stake


def _worth(order: Order) -> Decimal | None:
    # Without the market's price nobody knows for how much such an order may execute.
    unknown = order.reference_price is None and is_worth_more(order)
    return None if unknown else valued_at(order)


def _refused(rule: str, limit: str, actual: str, text: str) -> RefusalReason:
    return RefusalReason(code=RefusalCode.RISK_LIMIT, text=text, rule=rule, limit=limit, actual=actual)


def _unjudged(rule: str, limit: Decimal, why: str) -> RefusalReason:
    text = f"the limit of {plain(limit)} cannot be judged: {why}"
    return _refused(rule, plain(limit), _UNKNOWN, text)


# ----- whether at all, and how often


def _check_permission(order: Order, limits: RiskLimits) -> RefusalReason | None:
    if limits.kill_switch:
        return _refused("killSwitch", "off", "on", "the kill switch is on: no order passes until it is switched off")
    allowed = limits.allowed_symbols
    if allowed is not None and order.symbol not in allowed:
        names = ", ".join(sorted(allowed)) or "none"
        return _refused("allowedSymbols", names, order.symbol, f"{order.symbol} is not allowed; allowed: {names}")
    return None


def _check_rate(limit: int | None, placed: int) -> RefusalReason | None:
    if limit is None or placed < limit:
        return None
    were = "1 order was" if placed == 1 else f"{placed} orders were"
    text = f"{were} placed in the last minute, and no more than {limit} may be; later it would pass"
    return _refused("maxOrdersPerMinute", str(limit), str(placed + 1), text)


# ----- the order by itself


def _check_order_notional(case: _Case) -> RefusalReason | None:
    rule, limit, order, assets = "maxOrderNotional", case.limits.max_order_notional, case.order, case.assets
    if limit is None:
        return None
    price = _worth(order)
    value = order.quote_size
    if assets is not None and value is None and price is not None and order.size > ZERO:
        value = assets.worth(price, order.size)
    if value is None or assets is None:
        return _unjudged(rule, limit, _missing(case))
    if value <= limit:
        return None
    text = f"notional value {plain(value)} {assets.quote} is above the limit of {plain(limit)}"
    return _refused(rule, plain(limit), plain(value), f"{text}; {_value_that_fits(case, limit, ZERO)}")


def _check_collar(order: Order, percent: Decimal | None, instrument: Instrument | None) -> RefusalReason | None:
    if percent is None:
        return None
    for name, price in (("price", order.price), ("stop_price", order.stop_price)):
        refusal = None if price is None else _check_distance(name, price, order.reference_price, percent, instrument)
        if refusal is not None:
            return refusal
    return None


def _check_distance(
    name: str, price: Decimal, reference: Decimal | None, percent: Decimal, instrument: Instrument | None
) -> RefusalReason | None:
    rule = "priceCollarPercent"
    if reference is None or reference <= ZERO:
        return _unjudged(
            rule, percent, f"the market's price is not known, so the {name} has nothing to be held against"
        )
    apart = EXACT.multiply(EXACT.subtract(price, reference).copy_abs(), _HUNDRED)
    if apart <= EXACT.multiply(percent, reference):
        return None
    actual = plain(_SHOWN_UP.divide(apart, reference).quantize(_PERCENT, ROUND_UP, EXACT))
    width = EXACT.multiply(reference, percent).scaleb(-2, EXACT)
    low, high = max(ZERO, EXACT.subtract(reference, width)), EXACT.add(reference, width)
    text = (
        f"{name} {plain(price)} is {actual} % away from the market's {plain(reference)}, more than {plain(percent)} %"
    )
    fit = (low, high) if instrument is None else prices_within(low, high, instrument)
    hint = "the venue takes no price that" if fit is None else f"{plain(fit[0])} to {plain(fit[1])}"
    return _refused(rule, plain(percent), actual, f"{text}; {hint} would pass")


# ----- the order with all others


def _check_open_orders(case: _Case) -> RefusalReason | None:
    order, limits = case.order, case.limits
    count = case.book.symbol(order.exchange, order.symbol).open_orders
    return _check_count(
        "maxOpenOrders.perSymbol", limits.max_open_orders_per_symbol, count, order.symbol
    ) or _check_count("maxOpenOrders.perAccount", limits.max_open_orders_per_account, len(case.book), "the account")


def _check_count(rule: str, limit: int | None, count: int, where: str) -> RefusalReason | None:
    if limit is None or count < limit:
        return None
    are = "1 order of {} is" if count == 1 else f"{count} orders of {{}} are"
    text = f"{are.format(where)} open, and no more than {limit} may be; it would pass when fewer are"
    return _refused(rule, str(limit), str(count + 1), text)


def _check_open_notional(case: _Case) -> RefusalReason | None:
    limits, order, book = case.limits, case.order, case.book
    quote = case.stake.quote
    if limits.max_open_notional_per_symbol is not None:
        sums = book.in_symbol(order.exchange, order.symbol)
        rule = "maxOpenNotional.perSymbol"
        refusal = _check_sum(case, rule, limits.max_open_notional_per_symbol, sums, order.symbol)
        if refusal is not None:
            return refusal
    if limits.max_open_notional_per_exchange is not None:
        sums = book.on_exchange(order.exchange, quote)
        rule = "maxOpenNotional.perExchange"
        refusal = _check_sum(case, rule, limits.max_open_notional_per_exchange, sums, order.exchange)
        if refusal is not None:
            return refusal
    if limits.max_open_notional_per_account is None:
        return None
    rule = "maxOpenNotional.perAccount"
    return _check_sum(case, rule, limits.max_open_notional_per_account, book.in_currency(quote), "the account")


def _check_sum(case: _Case, rule: str, limit: Decimal, sums: MoneyTotals, where: str) -> RefusalReason | None:
    mine, counted = case.stake.notional, case.counted
    if mine is None:
        return _unjudged(rule, limit, _missing(case))
    before = ZERO if counted is None else counted.notional
    if counted is not None and before is not None and mine <= before:
        return None
    unpriced = sums.unpriced - (1 if before is None else 0)
    if unpriced:
        return _unjudged(rule, limit, f"the value of {_orders(unpriced)} of {where} is not known")
    others = EXACT.subtract(sums.notional, before or ZERO)
    total = EXACT.add(others, mine)
    if total <= limit:
        return None
    text = f"open orders of {where} would come to {plain(total)} {case.stake.quote}, above the limit of {plain(limit)}"
    return _refused(rule, plain(limit), plain(total), f"{text}; {_room(case, EXACT.subtract(limit, others))}")


def _check_position(case: _Case) -> RefusalReason | None:
    rule, order = "maxPosition", case.order
    limit = case.limits.max_position.get(order.symbol)
    if limit is None or order.reduce_only:
        # A venue lets no reduce-only order make a position larger.
        return None
    mine, counted = case.stake.size, case.counted
    if mine is None:
        return _unjudged(rule, limit, _NO_PRICE if order.quote_size is not None else _NO_SIZE)
    before = ZERO if counted is None else counted.size
    if counted is not None and before is not None and mine <= before:
        return None
    buys = order.side is Side.BUY
    reach = case.book.reach(order.symbol, case.positions)
    unsized = (reach.unsized_buys if buys else reach.unsized_sells) - (1 if before is None else 0)
    if unsized:
        return _unjudged(rule, limit, f"the size of {_orders(unsized, order.side)} of {order.symbol} is not known")
    others = EXACT.subtract(reach.highest if buys else reach.lowest.copy_negate(), before or ZERO)
    reached = EXACT.add(others, mine)
    if reached <= limit:
        return None
    direction = "long" if buys else "short"
    text = (
        f"the position in {order.symbol} could come to {plain(reached)} {direction}, above the limit of {plain(limit)}"
    )
    return _refused(rule, plain(limit), plain(reached), f"{text}; {_reach(case, EXACT.subtract(limit, others))}")


def _missing(case: _Case) -> str:
    # Why the value of the order is not known.
    if not case.stake.quote:
        return f"the instrument {case.order.symbol} of {case.order.exchange} is not known"
    return _NO_PRICE if _worth(case.order) is None else _NO_SIZE


def _orders(count: int, side: str = "") -> str:
    return " ".join(word for word in (str(count), "open", side, "order" if count == 1 else "orders") if word)


def _room(case: _Case, left: Decimal) -> str:
    return _value_that_fits(case, left, case.order.filled_size) if left > ZERO else _FEWER


def _reach(case: _Case, left: Decimal) -> str:
    if left <= ZERO:
        return _FEWER
    if case.order.quote_size is not None:
        return "a smaller quote_size would pass"
    return _size_that_fits(case, EXACT.add(left, case.order.filled_size), "")


def _value_that_fits(case: _Case, value: Decimal, executed: Decimal) -> str:
    # An order's size is its total: what has executed of it comes on top of what is left.
    price, assets = _worth(case.order), case.assets
    if case.order.quote_size is not None:
        return f"a quote_size of up to {plain(value)} would pass"
    if price is None or price <= ZERO or assets is None:
        return f"a value of up to {plain(value)} would pass"
    size = EXACT.add(_SHOWN_DOWN.divide(value, assets.worth(price, ONE)), executed)
    return _size_that_fits(case, size, f" at {plain(price)}")


def _size_that_fits(case: _Case, size: Decimal, at: str) -> str:
    fit = size if case.instrument is None else largest_size(size, case.order.type, case.instrument)
    if fit is None or fit <= case.order.filled_size:
        return "not even the smallest size that the venue takes would pass"
    return f"a size of up to {plain(fit)}{at} would pass"


# ----- what is broken already


def exceeded(book: ExposureBook, positions: Positions, limits: RiskLimits) -> tuple[Exceeded, ...]:
    """List the limits on sums that are broken by what is there: orders placed by hand, or before a limit was lowered.

    What is not known is in none of the figures, so they are at least what is said.
    """
    return tuple(_exceeded(book, positions, limits))


def _exceeded(book: ExposureBook, positions: Positions, limits: RiskLimits) -> Iterator[Exceeded]:
    for exchange, symbol in book.symbols():
        totals, where = book.symbol(exchange, symbol), f"{exchange} {symbol}"
        if limits.allowed_symbols is not None and symbol not in limits.allowed_symbols:
            yield "allowedSymbols", ", ".join(sorted(limits.allowed_symbols)) or "none", symbol, where
        yield from _above("maxOpenOrders.perSymbol", limits.max_open_orders_per_symbol, totals.open_orders, where)
        value = book.in_symbol(exchange, symbol).notional
        yield from _above("maxOpenNotional.perSymbol", limits.max_open_notional_per_symbol, value, where)
    yield from _above("maxOpenOrders.perAccount", limits.max_open_orders_per_account, len(book), "account")
    for exchange, quote in book.currencies():
        value, where = book.on_exchange(exchange, quote).notional, f"{exchange} {quote}"
        yield from _above("maxOpenNotional.perExchange", limits.max_open_notional_per_exchange, value, where)
    for quote in sorted({quote for _, quote in book.currencies()}):
        value = book.in_currency(quote).notional
        yield from _above("maxOpenNotional.perAccount", limits.max_open_notional_per_account, value, quote)
    for symbol, limit in sorted(limits.max_position.items()):
        reach = book.reach(symbol, positions)
        yield from _above("maxPosition", limit, max(reach.highest, reach.lowest.copy_negate()), symbol)


def _above(rule: str, limit: Decimal | int | None, actual: Decimal | int, where: str) -> Iterator[Exceeded]:
    if limit is not None and actual > limit:
        yield rule, plain(Decimal(limit)), plain(Decimal(actual)), where
