"""Recorded order flow: reads the rows of a CSV file, gzipped or plain, and says how it must end.

Columns: seq, ts_us, action (A add, M modify, C cancel, T execution), order_id, side (B, S), price, size, remaining,
trade_id, flag. Must never: play anything; the expectations come from the file alone.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TypeVar

from actors.domain.arithmetic import EXACT
from actors.errors import OmsError
from messages.types import ZERO, Side

_COLUMNS = ("ts_us", "action", "order_id", "side", "price", "size", "remaining")
"""Those that are read."""
_SIDES = {"B": Side.BUY, "S": Side.SELL}
ReadT = TypeVar("ReadT")


class RecordingError(OmsError):
    """The file is missing, or is not a recording; the text says where."""


class Action(StrEnum):
    """What a row tells."""

    ADD = "A"
    MODIFY = "M"
    CANCEL = "C"
    TRADE = "T"


class Ending(StrEnum):
    """How an order of the recording ends."""

    FILLED = "filled"
    CANCELLED = "cancelled with no fill"
    CANCELLED_AFTER_FILL = "cancelled after a partial fill"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    at_us: int
    action: Action
    order_id: str
    side: Side
    price: Decimal
    size: Decimal
    remaining: Decimal


@dataclass(slots=True)
class Expected:
    """What must have become of one order of the recording."""

    side: Side
    executed: Decimal = ZERO
    value: Decimal = ZERO
    """Sum of price x size over its executions; exact."""
    remaining: Decimal = ZERO
    modifications: int = 0
    last: Action = Action.ADD

    @property
    def ending(self) -> Ending:
        """How it ends."""
        if self.remaining > ZERO:
            return Ending.OPEN
        if self.last is Action.TRADE:
            return Ending.FILLED
        return Ending.CANCELLED_AFTER_FILL if self.executed > ZERO else Ending.CANCELLED


@dataclass(slots=True)
class Outlook:
    """What must have become of everything."""

    events: int = 0
    orders: dict[str, Expected] = field(default_factory=dict)
    executions: int = 0
    executed: dict[Side, Decimal] = field(default_factory=lambda: dict.fromkeys(Side, ZERO))

    def value(self) -> Decimal:
        """Quote units executed, both sides."""
        return sum((order.value for order in self.orders.values()), ZERO)

    def endings(self) -> Counter[Ending]:
        """How many orders end in which way."""
        return Counter(order.ending for order in self.orders.values())


def read_rows(path: Path, limit: int | None = None) -> Iterator[Row]:
    """Read rows in order, at most `limit`. Raises `RecordingError`."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
                raise RecordingError(f"{path}: the header lacks {', '.join(missing)}")
            for number, fields in enumerate(islice(reader, limit), 2):
                yield _row(fields, f"{path}, line {number}")
    except FileNotFoundError:
        raise RecordingError(f"there is no file {path}") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error


def foresee(rows: Iterable[Row]) -> Outlook:
    """Work out how a recording must end. Raises `RecordingError` for a row about an order that is not open."""
    outlook = Outlook()
    for row in rows:
        outlook.events += 1
        if row.action is Action.ADD:
            outlook.orders[row.order_id] = Expected(side=row.side, remaining=row.remaining)
            continue
        order = outlook.orders.get(row.order_id)
        if order is None or order.remaining == ZERO:
            raise RecordingError(f"event {outlook.events} is about order {row.order_id}, which is not open")
        order.last = row.action
        order.remaining = row.remaining
        if row.action is Action.TRADE:
            order.executed = EXACT.add(order.executed, row.size)
            order.value = EXACT.add(order.value, EXACT.multiply(row.price, row.size))
            outlook.executions += 1
            outlook.executed[row.side] += row.size
        elif row.action is Action.MODIFY:
            order.modifications += 1
    return outlook


def _row(fields: Mapping[str, str | None], where: str) -> Row:
    def read(name: str, understood: Callable[[str], ReadT], right: str) -> ReadT:
        written = fields[name]
        if written is None:
            raise RecordingError(f"{where} is not a row of a recording: {name} is missing, and must be {right}")
        try:
            return understood(written)
        except (KeyError, ValueError, InvalidOperation):
            text = f"{where} is not a row of a recording: {name} is {written!r}, and must be {right}"
            raise RecordingError(text) from None

    return Row(
        at_us=read("ts_us", int, "a whole number"),
        action=read("action", Action, f"one of {', '.join(Action)}"),
        order_id=read("order_id", str, "a number"),
        side=read("side", _SIDES.__getitem__, f"one of {', '.join(_SIDES)}"),
        price=read("price", _decimal, "a decimal number"),
        size=read("size", _decimal, "a decimal number"),
        remaining=read("remaining", _decimal, "a decimal number"),
    )


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError
    return number
