"""What the fills of one account, exchange and symbol add up to, and what a venue's holding says of it.

Owns the arithmetic of average cost, the order in which fills count, and the judgement of a venue's balance. Fills count
in the order in which the venue executed them, never in that of their arrival, so that a position depends on nothing but
its fills: added one by one, late, in groups or all at once, they give the same numbers to the last digit.

Money is counted in quote units: an execution of a contract is worth its price times its size times the multiplier of
its instrument, which the position carries. While that is not known, the sums are of price times size alone; they say
so, and are counted anew when it is known.

Sums and products are exact. The one division is in a reduction, where the entry value shrinks in proportion; when a
position reaches zero nothing of it is left, so realised profit is exact whenever the position is flat. Must never: read
a clock, know whether a fill was booked before, or conclude anything about an asset that it cannot name.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

from actors.domain.arithmetic import EXACT, RATIO, apart_by
from actors.domain.assets import Assets, worth
from actors.domain.fills import with_fee
from actors.errors import InvariantViolated, check
from messages.base import copied
from messages.control import HoldingCompared, HoldingReported
from messages.fills import Fill, Position
from messages.types import ONE, ZERO, Order, Side

READINGS = 3
"""How many readings of what a venue holds have to agree while fills are booked between them."""
CHECKPOINT_EVERY = 128
"""Fills between two remembered positions: what a late fill costs at least, in fills that are folded again."""

BookingOrder: TypeAlias = tuple[int, int, str, str]


def position_key(exchange: str, symbol: str) -> str:
    """Name a position within its account."""
    return f"{exchange}|{symbol}"


def booking_order(fill: Fill) -> BookingOrder:
    """Place an execution among those of its symbol, whenever it arrived: by the venue's time, then by its number."""
    # Most venues count their trades up, so of two ids the longer one is the later one; the order of others is as fixed.
    return fill.venue_time_ms, len(fill.fill_id), fill.fill_id, fill.venue_order_id


def flat(account_id: str, exchange: str, symbol: str, multiplier: Decimal | None = ONE) -> Position:
    """Make the position that no fill has touched yet. `multiplier`: None while it is not known."""
    return Position(account_id=account_id, exchange=exchange, symbol=symbol, multiplier=multiplier)


def base_of(symbol: str) -> str | None:
    """Name the base asset of a canonical `BASE-QUOTE`; None for a contract, whose fees are never units of itself."""
    base, dash, _ = symbol.partition("-")
    return base if dash else None


def fold(position: Position, fill: Fill) -> Position:
    """Add one execution that comes after all that the position holds. What comparisons found is carried over.

    `updated_ms` becomes the latest time at which any of the fills was received.

    Raises:
        InvariantViolated: the fill is another position's.
    """
    if (
        fill.symbol != position.symbol
        or fill.exchange != position.exchange
        or fill.account_id != position.account_id
    ):  # fmt: skip
        raise InvariantViolated(f"fill {fill.fill_id} of {fill.exchange} {fill.symbol} folded into another position")
    value = _worth(position, fill.price, fill.size)
    if fill.side is Side.BUY:
        size, cash = EXACT.add(position.size, fill.size), EXACT.subtract(position.cash, value)
    else:
        size, cash = EXACT.subtract(position.size, fill.size), EXACT.add(position.cash, value)
    if fill.fee_currency is not None and fill.fee_currency == base_of(fill.symbol):
        # A fee in the base asset is taken out of what is held; it makes what is left dearer.
        size = EXACT.subtract(size, fill.fee)
    entry_value, opened_ms = _entry(position, fill, size=size, value=value)
    return Position(
        account_id=position.account_id,
        exchange=position.exchange,
        symbol=position.symbol,
        size=size,
        entry_value=entry_value,
        cash=cash,
        fees=with_fee(position.fees, fill),
        fill_count=position.fill_count + 1,
        opened_ms=opened_ms,
        updated_ms=max(position.updated_ms, fill.received_ms),
        unexplained=position.unexplained,
        drift=position.drift,
        multiplier=position.multiplier,
    )


def _worth(position: Position, price: Decimal, size: Decimal) -> Decimal:
    return worth(price, size, ONE if position.multiplier is None else position.multiplier)


def _entry(position: Position, fill: Fill, *, size: Decimal, value: Decimal) -> tuple[Decimal, int | None]:
    # What the size after the fill was entered at, and since when it is open.
    before = position.size
    buys = fill.side is Side.BUY
    if not size:
        return ZERO, None
    if not before and (size > ZERO) is buys:
        return (value if buys else value.copy_negate()), fill.received_ms
    if (size > ZERO) is buys and (before > ZERO) is buys:
        entered = EXACT.add(position.entry_value, value) if buys else EXACT.subtract(position.entry_value, value)
        return entered, position.opened_ms
    if before and (size > ZERO) is (before > ZERO):
        return RATIO.divide(EXACT.multiply(position.entry_value, size), before), position.opened_ms
    return _worth(position, fill.price, size), fill.received_ms


def _folded(position: Position, fills: Iterable[Fill]) -> Position:
    for fill in fills:
        position = fold(position, fill)
    return position


def rebuild(
    account_id: str, exchange: str, symbol: str, fills: Iterable[Fill], multiplier: Decimal | None = ONE
) -> Position:
    """Compute a position afresh from all of its fills, in whatever order they are given."""
    return _folded(flat(account_id, exchange, symbol, multiplier), sorted(fills, key=booking_order))


class SymbolFills:
    """All booked fills of one position in the order in which they count, and the position after some of them.

    One account owns and changes it. Remembering the position every so many fills makes a late fill cost as many as
    came after it and a few more, instead of all.
    """

    __slots__ = ("_checkpoints", "_every", "_fills", "_last", "_late")

    def __init__(
        self,
        account_id: str,
        exchange: str,
        symbol: str,
        *,
        fills: Iterable[Fill] = (),
        every: int = CHECKPOINT_EVERY,
    ) -> None:
        self._fills = sorted(fills, key=booking_order)
        self._last = booking_order(self._fills[-1]) if self._fills else None
        self._checkpoints = [flat(account_id, exchange, symbol)]
        """By number of fills."""
        self._every = every
        self._late = False
        """Fills came late since the checkpoints were complete, and took those behind them away."""

    def __len__(self) -> int:
        """Fills booked."""
        return len(self._fills)

    @property
    def last(self) -> Fill | None:
        """The booked fill that counts last; None without any."""
        return self._fills[-1] if self._fills else None

    def after(self, current: Position, new: Sequence[Fill]) -> Position:
        """Tell the position with new fills added to all that were added here. Changes nothing.

        `current` is the position of exactly the fills that were added; `new` holds none of them, in any order. What
        comparisons have found is `current`'s.

        Raises:
            InvariantViolated: `current` has another number of fills.
        """
        self._check(current)
        if not new:
            return current
        ordered = new if len(new) == 1 else sorted(new, key=booking_order)
        if self._last is None or booking_order(ordered[0]) > self._last:
            return _folded(current, ordered)
        place = self._place(ordered[0])
        start = self._checkpoints[bisect_right(self._checkpoints, place, key=_fill_count) - 1]
        if start.multiplier != current.multiplier:
            start = _flat_like(current)
        again = sorted((*self._fills[start.fill_count :], *ordered), key=booking_order)
        return copied(_folded(start, again), unexplained=current.unexplained, drift=current.drift)

    def add(self, fill: Fill) -> None:
        """Take in one fill that was booked; after those of a turn, call `checkpoint`."""
        order = booking_order(fill)
        if self._last is None or order > self._last:
            self._fills.append(fill)
            self._last = order
            return
        place = self._place(fill)
        self._fills.insert(place, fill)
        self._late = True
        while self._checkpoints[-1].fill_count > place:
            self._checkpoints.pop()

    def rename(self, fill: Fill) -> None:
        """Take a fill in the place of the same execution as it was recorded before, under another order of ours.

        Raises:
            InvariantViolated: it is not among those that were added.
        """
        place = self._place(fill)
        known = self._fills[place : place + 1]
        check(known != [] and booking_order(known[0]) == booking_order(fill), f"fill {fill.fill_id} is not booked")
        self._fills[place] = fill

    def checkpoint(self, current: Position) -> None:
        """Learn where the position stands after the fills that were added; kept when it is time for it.

        Raises:
            InvariantViolated: `current` has another number of fills.
        """
        self._check(current)
        late, self._late = self._late, False
        if self._checkpoints[0].multiplier != current.multiplier:
            # What they remember was counted with another multiplier.
            self._checkpoints = [_flat_like(current)]
            late = True
        if len(self._fills) - self._checkpoints[-1].fill_count < self._every:
            return
        if late:
            self._fill_gap()
        else:
            self._checkpoints.append(current)

    def between(self, from_venue_ms: int, to_venue_ms: int | None) -> list[Fill]:
        """Fills with a venue time in `[from_venue_ms, to_venue_ms)`, in the order in which they count; None: no end."""
        first = bisect_left(self._fills, from_venue_ms, key=_venue_time_ms)
        end = None if to_venue_ms is None else bisect_left(self._fills, to_venue_ms, key=_venue_time_ms)
        return self._fills[first:end]

    def _fill_gap(self) -> None:
        # Else a single fill that came very late would make every late one after it as dear as itself.
        position = self._checkpoints[-1]
        for number, fill in enumerate(self._fills[position.fill_count :], start=1):
            position = fold(position, fill)
            if number % self._every == 0:
                self._checkpoints.append(position)

    def _place(self, fill: Fill) -> int:
        return bisect_left(self._fills, booking_order(fill), key=booking_order)

    def _check(self, current: Position) -> None:
        if current.fill_count != len(self._fills):
            raise InvariantViolated(
                f"{current.exchange} {current.symbol}: position of {current.fill_count} fills, {len(self._fills)} known"
            )


def _flat_like(position: Position) -> Position:
    return flat(position.account_id, position.exchange, position.symbol, position.multiplier)


def _fill_count(position: Position) -> int:
    return position.fill_count


def _venue_time_ms(fill: Fill) -> int:
    return fill.venue_time_ms


def average_entry(position: Position) -> Decimal | None:
    """Average price that the open size was entered at, as orders are priced; None while flat."""
    return RATIO.divide(position.entry_value, _worth(position, ONE, position.size)) if position.size else None


def realised_pnl(position: Position) -> Decimal:
    """Profit of what was closed, quote units, fees not deducted; exact whenever the position is flat.

    While the position's multiplier is not known this is a sum of prices times sizes, and no money.
    """
    return EXACT.add(position.cash, position.entry_value)


def moved(
    asset: str, positions: Collection[Position], assets_of: Callable[[str, str], Assets | None]
) -> Decimal | None:
    """Net change of an asset by all fills of a spot exchange: what was traded, less the fees charged in it.

    `positions` are all of one exchange; `assets_of(exchange, symbol)` names base and quote, None while they are not
    known. None when some fills may have moved the asset and cannot be attributed (see `_unattributable`): nothing may
    be concluded then.
    """
    total = ZERO
    charged = {currency for position in positions for currency, _ in position.fees}
    for position in positions:
        if not position.fill_count:
            continue
        assets = assets_of(position.exchange, position.symbol)
        if _unattributable(position, asset, assets, charged):
            return None
        if assets is not None and asset == assets.base:
            total = EXACT.add(total, position.size)
        if assets is not None and asset == assets.quote:
            total = EXACT.add(total, position.cash)
        fee = dict(position.fees).get(asset, ZERO)
        if fee and asset != base_of(position.symbol):
            total = EXACT.subtract(total, fee)
    return total


def _unattributable(
    position: Position, asset: str, assets: Assets | None, charged: Collection[str]
) -> bool:
    # Fills of a symbol whose assets are not known move those that its name speaks of, or any if it speaks of none. A
    # fee without a currency is one of the assets that are traded, or one that the venue is seen to charge fees in.
    parts = tuple(position.symbol.split("-")) if assets is None else (assets.base, assets.quote)
    if assets is None and (asset in parts or len(parts) == 1):
        return True
    return any(not currency for currency, _ in position.fees) and (asset in parts or asset in charged)


def unreserved(position: Position, closers: Iterable[Order]) -> Decimal | None:
    """Base units of a position that no other order may close already: less what is left of `closers`, never below 0.

    None when one of them was placed for a quantity of quote currency: what it will close is not known.
    """
    free = position.size.copy_abs()
    for order in closers:
        if order.quote_size is not None:
            return None
        free = EXACT.subtract(free, max(ZERO, EXACT.subtract(order.size, order.filled_size)))
    return max(ZERO, free)


def judge_holding(position: Position, readings: Sequence[HoldingReported]) -> HoldingCompared | None:
    """Compare what the venue holds with what our fills say, by the latest readings, the newest last.

    A fill that one side knows a moment earlier than the other must not raise an alarm. So a difference counts only when
    the reading before found the same with no fill of ours booked in between, or the last three readings found the same
    while fills were booked. The first difference that counts is what the account held beyond our fills; another one
    after that is a drift, and back to it is none.

    None: nothing that the position does not say already, or nothing that can be concluded yet.
    """
    if not _settled(readings):
        return None
    report = readings[-1]
    difference = _difference(report)
    unexplained = difference if position.unexplained is None else position.unexplained
    drift = ZERO if _alike(difference, unexplained) else EXACT.subtract(difference, unexplained)
    if position.unexplained is not None and _alike(drift, position.drift):
        return None
    return HoldingCompared(
        exchange=position.exchange,
        symbol=position.symbol,
        asset=report.asset,
        unexplained=unexplained,
        drift=drift,
        total=report.total,
        expected=EXACT.add(unexplained, report.moved),
    )


def _settled(readings: Sequence[HoldingReported]) -> bool:
    alike = [_alike(_difference(each), _difference(readings[-1])) for each in readings[-READINGS:]]
    quiet = len(readings) > 1 and readings[-2].fills_booked == readings[-1].fills_booked
    return all(alike[-2:]) if quiet else len(alike) == READINGS and all(alike)


def _difference(report: HoldingReported) -> Decimal:
    return EXACT.subtract(report.total, report.moved)


def _alike(one: Decimal, other: Decimal) -> bool:
    return not apart_by(one, other)
