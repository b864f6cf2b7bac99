"""Positions and what they earned, folded from the engine's executions in their order. Exact but for average prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.dialects.projectx.contracts import Contract
from exchanges.paper.engine import Engine
from exchanges.paper.model import EXACT, Execution
from messages.types import ZERO, Side


@dataclass(frozen=True, slots=True)
class Position:
    """One account's position in one contract at one moment."""

    net: Decimal = ZERO
    """Contracts; negative: short."""
    entry_value: Decimal = ZERO
    """Sum of price x size of what is open, without the multiplier; has the sign of `net`."""
    realized: Decimal = ZERO
    """Points x contracts earned so far, without the multiplier, before fees."""
    position_id: int = 0
    opened_ms: int = 0

    @property
    def average_price(self) -> Decimal:
        """Average entry price; zero when flat."""
        return EXACT.divide(self.entry_value, self.net) if self.net else ZERO


@dataclass(frozen=True, slots=True)
class Booked:
    """What one execution did."""

    after: Position
    earned: Decimal | None
    """Quote units, before fees; None where nothing was closed."""


class PositionBook:
    """The positions of every account."""

    def __init__(self, engine: Engine, contracts: Mapping[str, Contract]) -> None:
        """Take the contracts by symbol."""
        self._engine = engine
        self._contracts = contracts
        self._places = {symbol: place for place, symbol in enumerate(engine.instruments)}
        self._positions: dict[tuple[str, str], Position] = {}
        self._folded: dict[tuple[str, str], int] = {}
        self._booked: dict[int, Booked] = {}

    def fill_id(self, execution: Execution) -> int:
        """Return the venue's id of one side of a trade: unique over all contracts, accounts and sides."""
        sides = 2 * len(self._places)
        return execution.trade_id * sides + 2 * self._places[execution.symbol] + (execution.side is Side.SELL)

    def position(self, account: str, symbol: str) -> Position:
        """Return the position as it is now."""
        self._catch_up(account, symbol)
        return self._positions.get((account, symbol), Position())

    def booked(self, execution: Execution) -> Booked:
        """Return what an execution did to its position."""
        self._catch_up(execution.account, execution.symbol)
        return self._booked[self.fill_id(execution)]

    def balance(self, account: str, currency: str) -> Decimal:
        """Return the cash of an account: what was paid in, plus what was earned, less fees.

        The engine's balance has paid in full for what is open and knows no multiplier; both are put right.
        """
        cash = sum(self._engine.ledger.balance(account, currency), ZERO)
        for symbol, contract in self._contracts.items():
            position = self.position(account, symbol)
            cash += position.entry_value + position.realized * (contract.multiplier - 1)
        return cash

    def _catch_up(self, account: str, symbol: str) -> None:
        key = (account, symbol)
        executions = self._engine.executions_of(account, symbol)
        for place in range(self._folded.get(key, 0), len(executions)):
            self._fold(key, executions[place])
        self._folded[key] = len(executions)

    def _fold(self, key: tuple[str, str], execution: Execution) -> None:
        before = self._positions.get(key, Position())
        after = _after(before, execution, self.fill_id(execution))
        closed = before.net * _signed(execution) < 0
        earned = (after.realized - before.realized) * self._contracts[execution.symbol].multiplier
        self._positions[key] = after
        self._booked[self.fill_id(execution)] = Booked(after, earned if closed else None)


def _after(before: Position, execution: Execution, fill_id: int) -> Position:
    change = _signed(execution)
    net = before.net + change
    if before.net * change >= 0:
        value = before.entry_value + execution.price * change
        opened = (before.position_id, before.opened_ms) if before.net else (fill_id, execution.at_ms)
        return Position(net, value, before.realized, *opened)
    # Closing takes its share of the entry value; what is beyond the position opens a new one the other way round.
    closing = -before.net if abs(change) > abs(before.net) else change
    released = EXACT.divide(EXACT.multiply(before.entry_value, closing), before.net)
    realized = before.realized + EXACT.subtract(released, EXACT.multiply(execution.price, closing))
    if before.net * net >= 0:
        return Position(net, before.entry_value + released, realized, before.position_id, before.opened_ms)
    return Position(net, execution.price * net, realized, fill_id, execution.at_ms)


def _signed(execution: Execution) -> Decimal:
    return execution.size if execution.side is Side.BUY else -execution.size
