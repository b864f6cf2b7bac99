"""What the stored records of one account say of themselves: whether the fills add up to the orders and the positions.

Pure: records in, findings out. The fills are the truth; order totals and positions are built from them anew and
compared. Must never: correct anything, or stop at the first record that is damaged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeVar

from actors.domain.arithmetic import EXACT, plain
from actors.domain.fills import fill_key
from actors.domain.positions import average_entry, realised_pnl, rebuild
from actors.store.port import Table
from messages.codec import CodecError, decode_record
from messages.fills import CloseState, Fill, ParkedFill, Position, PositionClose
from messages.types import ONE, ZERO, Order

Records = Mapping[Table, Mapping[str, bytes]]
_T = TypeVar("_T")
_COMPARED: Final = ("size", "entry_value", "cash", "fees", "fill_count", "opened_ms", "updated_ms")
"""Of a position; what comparisons with the venue have found does not follow from fills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFinding:
    """One position, as it is recorded and as its fills say."""

    account_id: str
    exchange: str
    symbol: str
    fills: int
    """Recorded executions."""
    size: Decimal
    """Base units, by the fills, as everything below."""
    average_entry: Decimal | None
    realised: Decimal | None
    """Quote units, fees not deducted; None while it is not known what a contract is worth."""
    fees: tuple[tuple[str, Decimal], ...]
    problems: tuple[str, ...]
    """How the record differs; empty: it does not."""


@dataclass(slots=True)
class AccountFinding:
    """One account."""

    account_id: str
    orders: int = 0
    fills: int = 0
    positions: list[PositionFinding] = field(default_factory=list)
    closes: tuple[PositionClose, ...] = ()
    parked: int = 0
    """Executions that wait for their order to be known."""
    forgotten: int = 0
    """Orders that are not kept any more, while their executions are."""
    problems: list[str] = field(default_factory=list)
    """What is wrong elsewhere than in a position."""

    @property
    def differences(self) -> list[str]:
        """Everything that is wrong."""
        return self.problems + [
            f"position {each.exchange} {each.symbol}: {text}" for each in self.positions for text in each.problems
        ]

    @property
    def active_closes(self) -> int:
        """Closes that have not ended."""
        return sum(close.state is CloseState.ACTIVE for close in self.closes)


def examine(account_id: str, records: Records, *, keeps_history: bool = True) -> AccountFinding:
    """Compare what is recorded of an account with what its fills add up to.

    `keeps_history`: every order that ever was is recorded. Where ended orders are forgotten, their fills stay.
    """
    found = AccountFinding(account_id)
    orders = _read(found, records, Table.ORDERS, Order)
    fills = _read(found, records, Table.FILLS, Fill)
    positions = _read(found, records, Table.POSITIONS, Position)
    found.closes = tuple(_read(found, records, Table.CLOSES, PositionClose).values())
    found.parked = len(_read(found, records, Table.PARKED, ParkedFill))
    found.orders, found.fills = len(orders), len(fills)
    by_order: dict[str, list[Fill]] = {}
    by_place: dict[tuple[str, str], list[Fill]] = {}
    for key, fill in fills.items():
        if key != fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id):
            found.problems.append(f"fill {key} is recorded under another key than its own")
        if fill.account_id != account_id:
            found.problems.append(f"fill {key} is of account {fill.account_id}")
        if keeps_history and fill.order_id not in orders:
            found.problems.append(f"fill {key} is of order {fill.order_id}, which is not recorded")
        by_order.setdefault(fill.order_id, []).append(fill)
        by_place.setdefault((fill.exchange, fill.symbol), []).append(fill)
    if not keeps_history:
        found.forgotten = len(by_order.keys() - orders.keys())
    for order in orders.values():
        found.problems += _order_problems(order, by_order.get(order.order_id, []))
    recorded = {_place_of(key): position for key, position in positions.items()}
    for place in sorted(by_place.keys() | recorded.keys()):
        found.positions.append(_examine_position(account_id, place, by_place.get(place, []), recorded.get(place)))
    return found


def _read(found: AccountFinding, records: Records, table: Table, kind: type[_T]) -> dict[str, _T]:
    read = {}
    for name, raw in records.get(table, {}).items():
        try:
            read[name] = decode_record(kind, raw)
        except CodecError as error:
            found.problems.append(f"{table.value} record {name} cannot be read: {error}")
    return read


def _place_of(key: str) -> tuple[str, str]:
    exchange, _, symbol = key.partition("|")
    return exchange, symbol


# ----- orders


def _order_problems(order: Order, fills: list[Fill]) -> list[str]:
    fees: dict[str, Decimal] = {}
    size = value = ZERO
    for fill in fills:
        size = EXACT.add(size, fill.size)
        value = EXACT.add(value, EXACT.multiply(fill.price, fill.size))
        if fill.fee:
            currency = fill.fee_currency or ""
            fees[currency] = EXACT.add(fees.get(currency, ZERO), fill.fee)
    times = [fill.received_ms for fill in fills]
    counted: dict[str, Any] = {
        "filled_size": size,
        "filled_value": value,
        "fees": tuple(sorted(fees.items())),
        "fill_count": len(fills),
        "first_fill_ms": min(times, default=None),
        "last_fill_ms": max(times, default=None),
    }
    return [f"order {order.order_id}: {text}" for text in _differences(order, counted)]


def _differences(record: object, counted: Mapping[str, object]) -> list[str]:
    return [
        f"{name} is recorded as {_shown(getattr(record, name))}, the fills say {_shown(value)}"
        for name, value in counted.items()
        if getattr(record, name) != value
    ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{plain(amount)} {currency or '?'}" for currency, amount in value) or "none"
    return plain(value) if isinstance(value, Decimal) else str(value)


# ----- positions


def _examine_position(
    account_id: str, place: tuple[str, str], fills: list[Fill], recorded: Position | None
) -> PositionFinding:
    exchange, symbol = place
    own = [fill for fill in fills if fill.account_id == account_id]
    # What a contract is worth is no part of its fills: the record says by what it was counted.
    counted = rebuild(account_id, exchange, symbol, own, ONE if recorded is None else recorded.multiplier)
    if recorded is None:
        problems = ["there is no record of it"]
    elif (recorded.account_id, recorded.exchange, recorded.symbol) != (account_id, exchange, symbol):
        problems = [f"it is recorded as that of {recorded.account_id} in {recorded.exchange} {recorded.symbol}"]
    else:
        problems = _differences(recorded, {name: getattr(counted, name) for name in _COMPARED})
    return PositionFinding(
        account_id=account_id,
        exchange=exchange,
        symbol=symbol,
        fills=len(fills),
        size=counted.size,
        average_entry=average_entry(counted),
        realised=None if counted.multiplier is None else realised_pnl(counted),
        fees=counted.fees,
        problems=tuple(problems),
    )
