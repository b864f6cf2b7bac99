"""What accounts on margin hold: the signed sum of their executions, and at what price it was entered on average.

It only counts what the record says, each execution once, and keeps exact fractions. Unaudited accounts are not on
record.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from exchanges.paper.model import EXACT, Execution
from exchanges.paper.truth import Truth
from messages.types import ZERO, Side

_DECIMALS = 12


@dataclass(slots=True)
class _Position:
    counted: int = 0
    net: Decimal = ZERO
    entry: Fraction = Fraction(0)

    def count(self, execution: Execution) -> None:
        signed = execution.size if execution.side is Side.BUY else -execution.size
        before, after = self.net, EXACT.add(self.net, signed)
        price = Fraction(execution.price)
        if before == ZERO or (before > ZERO) is (signed > ZERO):
            # It grows: every unit has been entered at its own price.
            self.entry = (self.entry * Fraction(before) + price * Fraction(signed)) / Fraction(after)
        elif (after > ZERO) is not (before > ZERO):
            # It is closed, and what goes beyond that was entered by this execution.
            self.entry = price
        self.net = after
        self.counted += 1


class Positions:
    """All positions of a venue, counted when somebody asks."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._positions: dict[tuple[str, str], _Position] = {}

    def net(self, account: str, symbol: str) -> Decimal:
        """Return base units: bought less sold."""
        return self._present(account, symbol).net

    def entry_price(self, account: str, symbol: str) -> Decimal | None:
        """Return the average price at which what is held was entered, to twelve decimals; None when flat."""
        position = self._present(account, symbol)
        if position.net == ZERO:
            return None
        return EXACT.scaleb(Decimal(round(position.entry * 10**_DECIMALS)), -_DECIMALS)

    def _present(self, account: str, symbol: str) -> _Position:
        position = self._positions.setdefault((account, symbol), _Position())
        executions = self._truth.executions_of(account, symbol)
        for index in range(position.counted, len(executions)):
            position.count(executions[index])
        return position
