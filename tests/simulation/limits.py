"""The auditor's own pre-trade checks: at every commit that lets an order go, from the records of that moment.

It adds everything up anew, order by order: what is on its way, what nobody knows the outcome of, and both legs of a
replacement at full size. Shares no arithmetic and no index with the product.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from actors.policy import AccountPolicy
from messages.fills import Position
from messages.risk import KillSwitch
from messages.types import InitiatedBy, ModificationKind, Order, OrderState, OrderType, Side

from .venue_traits import DRAWN, VenueTraits

S = OrderState
_NOT_LIVE = frozenset(
    {S.DRAFT, S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.FAILED}
)  # fmt: skip
_MINUTE_MS = 60_000


class LimitAudit:
    """Of all accounts."""

    def __init__(self, violate: Callable[[str, str], None], traits: VenueTraits = DRAWN) -> None:
        self._violate = violate
        self._traits = traits
        self.policy: AccountPolicy | None = None
        self.clock_was_set = False
        """Our clock was set in this run: a minute of it may be any time."""
        self.allowed: set[tuple[str, str, Decimal]] = set()
        """Account, symbol and amount of placements that may stand beside an equal order."""
        self.switched_on: dict[str, bool] = defaultdict(bool)
        """By account: the kill switch, as it is recorded."""

    def on_switch(self, account: str, switch: KillSwitch) -> None:
        """The kill switch was recorded."""
        self.switched_on[account] = switch.on

    def on_section(
        self,
        account: str,
        changed: Iterable[tuple[Order | None, Order]],
        orders: dict[str, Order],
        closing: Callable[[Order], bool],
        position: Callable[[str], Position | None],
    ) -> None:
        """A section was committed; `orders` are all of the account, after it."""
        for before, order in changed:
            sendings = len(order.attempts) - (len(before.attempts) if before is not None else 0)
            close = closing(order)
            if before is None and order.replaces is not None and order.state is S.PENDING:
                self._check(account, order, orders, position)
            if order.submitted_at_ms is None or sendings <= 0:
                if before is not None and order.modification is not None and before.modification is None:
                    self._check_amend(account, order, orders, position)
                continue
            if self.switched_on[account] and not (close and order.initiated_by is InitiatedBy.RISK_RULE):
                self._violate("kill switch", f"{order.order_id} is sent while the kill switch is on")
            if not close and (before is None or before.submitted_at_ms is None):
                reserved = before is not None and before.state is S.PENDING and order.replaces is not None
                self._check(account, order, orders, None if reserved else position)

    # ----- one order

    def _check(
        self, account: str, order: Order, orders: dict[str, Order], position: Callable[[str], Position | None] | None
    ) -> None:
        """Check an order; without `position` not what it may come to: that was reserved when it was recorded."""
        others = [each for each in orders.values() if each.state not in _NOT_LIVE and each is not order]
        self._check_neighbours(account, order, others)
        self._check_counts(order, others, orders)
        if position is not None:
            self._check_sums(order, others, position)
        self._check_price(order)

    def _check_amend(
        self, account: str, order: Order, orders: dict[str, Order], position: Callable[[str], Position | None]
    ) -> None:
        change = order.modification
        assert change is not None
        if change.kind is not ModificationKind.AMEND:
            return
        others = [each for each in orders.values() if each.state not in _NOT_LIVE and each is not order]
        before = order.size * (order.price or order.stop_price or 0)
        # What makes a sum no larger than it is may be done, whatever that sum is.
        grows = change.size > order.size
        if grows or change.size * (change.price or change.stop_price or 0) > before:
            self._check_sums(order, others, position if grows else None)
        if change.price != order.price:
            # Where it works already it may have been met since, by somebody else: only where it goes is judged.
            self._check_neighbours(account, replace(order, price=change.price, modification=None), others)

    def _check_neighbours(self, account: str, order: Order, others: list[Order]) -> None:
        assert self.policy is not None
        ticks = self.policy.pre_trade.duplicate_ticks
        amount = order.quote_size if order.quote_size is not None else order.size
        may_repeat = (account, order.symbol, amount) in self.allowed or order.replaces is not None
        for other in others:
            if other.symbol != order.symbol or other.order_id == order.replaces:
                continue
            tick = Fraction(self._traits.market(order.symbol).rules.tick_size)
            if ticks is not None and not may_repeat and _alike(order, other, ticks * tick):
                self._violate("duplicate order", f"{order.order_id} at {order.price} beside {other.order_id}")
            if _crosses(order, other):
                self._violate("self-trade", f"{order.order_id} at {order.price} meets {other.order_id}")

    def _check_counts(self, order: Order, others: list[Order], orders: dict[str, Order]) -> None:
        assert self.policy is not None
        limits = self.policy.risk
        if order.replaces is None:
            here = sum(each.symbol == order.symbol for each in others)
            self._hold("open orders of a symbol", order, here + 1, limits.max_open_orders_per_symbol)
            self._hold("open orders", order, len(others) + 1, limits.max_open_orders_per_account)
        if limits.max_orders_per_minute is not None and not self.clock_was_set and order.submitted_at_ms is not None:
            since_ms = order.submitted_at_ms - _MINUTE_MS
            placed = sum((each.submitted_at_ms or 0) > since_ms for each in orders.values())
            self._hold("orders per minute", order, placed, limits.max_orders_per_minute)
        if limits.allowed_symbols is not None and order.symbol not in limits.allowed_symbols:
            self._violate("limits", f"{order.order_id} is in {order.symbol}, which is not allowed")

    def _check_sums(
        self, order: Order, others: list[Order], position: Callable[[str], Position | None] | None
    ) -> None:
        assert self.policy is not None
        limits = self.policy.risk
        mine = self._worth(order)
        if limits.max_order_notional is not None:
            whole = _whole_value(order, self._multiplier(order))
            self._hold("order notional", order, whole, limits.max_order_notional)
        here = [self._worth(each) for each in others if each.symbol == order.symbol]
        everywhere = [self._worth(each) for each in others]
        for what, limit, values in (
            ("open notional of a symbol", limits.max_open_notional_per_symbol, here),
            ("open notional of an exchange", limits.max_open_notional_per_exchange, everywhere),
            ("open notional", limits.max_open_notional_per_account, everywhere),
        ):
            if limit is not None:
                known = None if mine is None or None in values else mine + sum(each or 0 for each in values)
                self._hold(what, order, known, limit)
        limit = limits.max_position.get(order.symbol)
        if limit is not None and position is not None:
            self._check_reach(order, others, position(order.symbol), limit)

    def _worth(self, order: Order) -> Fraction | None:
        value = _value(order)
        # What is given in quote units is worth itself.
        return value if value is None or order.quote_size is not None else value * self._multiplier(order)

    def _multiplier(self, order: Order) -> Fraction:
        return Fraction(self._traits.market(order.symbol).multiplier)

    def _check_reach(self, order: Order, others: list[Order], held: Position | None, limit: Decimal) -> None:
        sign = 1 if order.side is Side.BUY else -1
        reach = sign * Fraction(held.size if held is not None else 0)
        sizes = [_left(each) for each in (*others, order) if each.symbol == order.symbol and each.side is order.side]
        known = None if None in sizes else reach + sum(each or 0 for each in sizes)
        self._hold("position", order, known, limit)

    def _check_price(self, order: Order) -> None:
        assert self.policy is not None
        percent, price = self.policy.risk.price_collar_percent, order.price
        if percent is None or price is None:
            return
        market = order.reference_price
        if market is None or abs(price - market) * 100 > percent * market:
            self._violate("limits", f"{order.order_id} at {price}, {percent} % beside the market's {market} at most")

    def _hold(self, what: str, order: Order, actual: Fraction | int | None, limit: Decimal | int | None) -> None:
        if limit is not None and (actual is None or actual > limit):
            told = "unknown" if actual is None else float(actual)
            self._violate("limits", f"{what}: {order.order_id} is sent, which makes {told} of {limit}")


# ----- what an order may come to


def _left(order: Order) -> Fraction | None:
    """Base units that it may still execute, by its terms and by those that are asked for."""
    if order.quote_size is not None:
        value, price = _value(order), order.reference_price
        return None if value is None or price is None else value / Fraction(price)
    if order.size <= 0:
        return None
    change = order.modification
    sizes = [order.size]
    if change is not None and change.kind is ModificationKind.AMEND:
        sizes.append(change.size)
    return max(Fraction(0), Fraction(max(sizes)) - Fraction(order.filled_size))


def _value(order: Order) -> Fraction | None:
    """What that is worth."""
    if order.quote_size is not None:
        return max(Fraction(0), Fraction(order.quote_size) - Fraction(order.filled_value))
    if order.size <= 0:
        return None
    legs = [(order.size, order.price or order.stop_price or order.reference_price)]
    change = order.modification
    if change is not None and change.kind is ModificationKind.AMEND:
        changed = change.price or order.price or change.stop_price or order.stop_price
        legs.append((change.size, changed or order.reference_price))
    if any(price is None for _, price in legs):
        return None
    filled = Fraction(order.filled_size)
    return max(max(Fraction(0), Fraction(size) - filled) * Fraction(price or 0) for size, price in legs)


def _whole_value(order: Order, multiplier: Fraction) -> Fraction | None:
    price = order.price or order.stop_price or order.reference_price
    if order.quote_size is not None:
        return Fraction(order.quote_size)
    return None if price is None else Fraction(order.size) * Fraction(price) * multiplier


def _levels(order: Order) -> list[Decimal]:
    levels = [] if order.price is None else [order.price]
    change = order.modification
    if change is not None and change.kind is ModificationKind.AMEND and change.price is not None:
        levels.append(change.price)
    return levels


def _alike(order: Order, other: Order, distance: Fraction) -> bool:
    if (order.side, order.type) != (other.side, other.type) or order.type is not OrderType.LIMIT:
        return False
    apart = [abs(Fraction(one) - Fraction(two)) for one in _levels(order) for two in _levels(other)]
    return any(each <= distance for each in apart)


def _crosses(order: Order, other: Order) -> bool:
    if order.side is other.side or other.type is not OrderType.LIMIT or order.post_only:
        return False
    if order.type is OrderType.MARKET:
        # What rests beyond the market's price is met only by an order that empties the market.
        market, resting = order.reference_price, other.price
        return market is None or resting is None or (resting <= market if order.side is Side.BUY else resting >= market)
    if order.type is not OrderType.LIMIT or order.price is None:
        return False
    buys = order.side is Side.BUY
    return any(
        level >= price if buys else level <= price for level in _levels(order) for price in _levels(other)
    )
