"""Adds up what a venue says was executed, in exact fractions: the yardstick that books are held against.

Naive on purpose, and independent of the order manager's own arithmetic, which it would otherwise only repeat. Must
never: import a function that books, averages or folds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from messages.fills import Position
from messages.types import ONE, Order

Row = Mapping[str, Any]
Place = tuple[str, str]
"""Account and symbol."""

NEAR: Final = Fraction(1, 10**30)
"""What a quotient may be off by, in quote units; sums and products may not be off at all."""


@dataclass(slots=True)
class Reckoned:
    """What some executions add up to."""

    fills: int = 0
    size: Fraction = Fraction(0)
    """Base units bought less those sold."""
    entry: Fraction = Fraction(0)
    """What the open size was entered at, quote units, with its sign."""
    cash: Fraction = Fraction(0)
    """Quote units received less those paid."""
    turnover: Fraction = Fraction(0)
    """Base units executed, bought and sold alike."""
    multiplier: Fraction = Fraction(1)
    """Quote units that one base unit is worth at a price of one."""
    fees: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    """By currency; those of zero are left out."""

    def add(self, row: Row) -> None:
        """Add one execution, which comes after those before it."""
        size, fee = Fraction(row["size"]), Fraction(row["fee"])
        price = Fraction(row["price"]) * self.multiplier
        signed = size if row["side"] == "BUY" else -size
        # What is charged in the base asset is gone from what is held.
        net = signed - (fee if row["feeCurrency"] == row["symbol"].split("-")[0] else 0)
        self.entry = self._entry(signed, net, price)
        self.size += net
        self.cash -= signed * price
        self.turnover += size
        self.fills += 1
        if fee:
            self.fees[row["feeCurrency"]] += fee

    def _entry(self, signed: Fraction, net: Fraction, price: Fraction) -> Fraction:
        after = self.size + net
        if self.size * signed >= 0 and after * signed > 0:
            return self.entry + signed * price
        if after * self.size > 0:
            return self.entry * after / self.size
        return after * price


def reckon(rows: Iterable[Row], multiplier: Decimal = ONE) -> Reckoned:
    """Add executions up in the venue's order: by its time, then by its number, of which the longer one is the later.

    `multiplier`: quote units that one base unit is worth at a price of one.
    """
    reckoned = Reckoned(multiplier=Fraction(multiplier))
    for row in sorted(rows, key=_place):
        reckoned.add(row)
    return reckoned


def _place(row: Row) -> tuple[int, int, str, str]:
    return row["atMs"], len(row["fillId"]), row["fillId"], row["venueOrderId"]


def position_errors(position: Position | None, rows: Sequence[Row], multiplier: Decimal = ONE) -> list[str]:
    """Say in words how a position differs from what executions add up to; nothing when it does not."""
    true = reckon(rows, multiplier)
    if position is None:
        return [f"there is none, and the venue made {true.fills} executions"] if true.fills else []
    errors = []
    exact: list[tuple[str, Decimal | int, Fraction | int]] = [
        ("fills", position.fill_count, true.fills),
        ("size", position.size, true.size),
        ("cash", position.cash, true.cash),
    ]
    errors += [f"{name} {ours}, by the venue {_shown(theirs)}" for name, ours, theirs in exact if ours != theirs]
    if position.multiplier != multiplier:
        errors.append(f"multiplier {position.multiplier}, by the venue {multiplier}")
    if _fees(position.fees) != true.fees:
        errors.append(f"fees {_shown_fees(_fees(position.fees))}, by the venue {_shown_fees(true.fees)}")
    if abs(Fraction(position.entry_value) - true.entry) > NEAR:
        errors.append(f"entry value {position.entry_value}, by the venue {_shown(true.entry)}")
    return errors


def average_errors(order: Order, average: Decimal | None, rows: Sequence[Row]) -> list[str]:
    """Say in words how an order's average price and fees differ from those of its executions."""
    true = reckon(rows)
    errors = []
    if not true.turnover:
        if average is not None:
            errors.append(f"has the average price {average}, and the venue executed nothing")
    elif average is None or abs(Fraction(average) - abs(true.cash) / true.turnover) > NEAR:
        errors.append(f"has the average price {average}, by the venue {_shown(abs(true.cash) / true.turnover)}")
    if _fees(order.fees) != true.fees:
        errors.append(f"has fees {_shown_fees(_fees(order.fees))}, by the venue {_shown_fees(true.fees)}")
    if order.fill_count != true.fills:
        errors.append(f"counts {order.fill_count} fills, the venue {true.fills}")
    return errors


def _fees(fees: Iterable[tuple[str, Decimal]]) -> dict[str, Fraction]:
    return {currency: Fraction(fee) for currency, fee in fees if fee}


def _shown_fees(fees: Mapping[str, Fraction]) -> str:
    return ", ".join(f"{_shown(fee)} {currency or '?'}" for currency, fee in sorted(fees.items())) or "none"


def _shown(number: Fraction | int) -> str:
    return f"{float(number):.12g}"
