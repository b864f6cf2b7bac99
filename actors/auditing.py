"""The periodic cross-check by REST, beside the stream: a stream that lives may still swallow what matters.

Every interval, the open orders of each symbol we work on are listed and its executions since the last good list are
read; what the stream never told is found within one interval. Where an account holds positions, the balances are read
too, and each position is told what the venue holds. Nothing here is stored: the first reading of a symbol after a start
begins at its last booked execution, every other where the last complete list ended, however long the stream was away.
Must never: move the point up to which executions are known on anything but a complete list.
"""

from typing import Final

from actors.closing import tell_holdings
from actors.desk import Desk
from actors.domain.lifecycle import UNSENT
from actors.recovery import recent_symbols
from actors.reminders import AuditDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders
from messages.reports import BalancesFetched, FillsFetched

_ONE_BY_ONE_MAX: Final = 12
"""Symbols whose open orders are listed one by one; for more, one list of all is cheaper at every venue."""
SYMBOLS_PER_AUDIT: Final = 12
"""Symbols whose executions are read in one audit; more of them take turns, or the lists would use up the budget that
placements need.
"""
_IDLE_PER_AUDIT: Final = 4
"""How many of these are kept for symbols with a position and no working order, if there are any."""
_OVERLAP_MS: Final = 1000


class Audits:
    """Of one account, by exchange."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._first_begun_ms: dict[str, int] = {}
        """By exchange: venue time of the first stream since the records were loaded. What was asked before it says
        nothing of these records.
        """
        self._known_until: dict[tuple[str, str], int] = {}
        """By exchange and symbol: venue time up to which every execution is in our records."""
        self._ordered_ms: dict[tuple[str, str], int] = {}
        """The first order of symbols of which nothing has executed, our clock."""
        self._begun: set[str] = set()
        """Exchanges whose stream is up."""
        self._owed: dict[str, dict[str, None]] = {}
        """By exchange: symbols that were not read yet since the stream came up."""
        self._asked_ms: dict[tuple[str, str], int] = {}
        self._compared_ms: dict[tuple[str, str], int] = {}
        """By exchange and asset: venue time of the last holding that positions were told."""

    def load(self, turn: Turn) -> None:
        """The records were loaded: how far executions are known is what they show."""
        for order in turn.memory.orders.values():
            place = order.exchange, order.symbol
            self._ordered_ms[place] = min(order.created_at_ms, self._ordered_ms.get(place, order.created_at_ms))
        for place, fills in turn.memory.symbol_fills.items():
            last = fills.last
            if last is not None:
                # The last audit before the end may have been an interval before the last execution; and no clock, the
                # venue's included, may put it in the future.
                last_ms = min(last.venue_time_ms, last.received_ms)
                self._known_until[place] = last_ms - self._desk.policy.audit_interval_ms

    def forget(self) -> None:
        """The records are not ours any more: nothing that was read vouches for the next ones."""
        by_place = self._known_until, self._ordered_ms, self._asked_ms, self._compared_ms
        for kept in (*by_place, self._first_begun_ms, self._owed, self._begun):
            kept.clear()

    def begin(self, turn: Turn, exchange: str) -> None:
        """The stream came up, or has a gap: read what was executed meanwhile, and audit from here on."""
        self._begun.add(exchange)
        self._first_begun_ms.setdefault(exchange, turn.now_ms + self._desk.offsets_ms.get(exchange, 0))
        held = [symbol for name, symbol in turn.memory.positions if name == exchange]
        self._owed[exchange] = dict.fromkeys((*recent_symbols(turn, self._desk, exchange), *held))
        self._read_fills(turn, exchange, self._working(turn, exchange))
        self._again(turn, exchange)

    def end(self, turn: Turn, exchange: str) -> None:
        """The stream is down: the comparison at intervals takes over."""
        self._begun.discard(exchange)
        turn.effect(CancelTimer(f"audit:{exchange}"))

    def on_due(self, turn: Turn, exchange: str) -> None:
        """Ask the venue for everything that the audit compares."""
        if exchange not in self._begun:
            return
        address = self._desk.exchange_address[exchange]
        working = self._working(turn, exchange)
        self._read_fills(turn, exchange, working)
        scopes: tuple[str | None, ...] = working if len(working) <= _ONE_BY_ONE_MAX else (None,)
        for scope in scopes:
            turn.send(address, FetchOpenOrders(account_id=turn.account_id, exchange=exchange, symbol=scope))
        if any(place[0] == exchange for place in turn.memory.positions):
            turn.send(address, FetchBalances(account_id=turn.account_id, exchange=exchange))
        self._again(turn, exchange)

    def since(self, turn: Turn, exchange: str, symbol: str) -> int:
        """Venue time from which on executions of a symbol may be missing in our records; at most the lookback ago."""
        place, offset_ms = (exchange, symbol), self._desk.offsets_ms.get(exchange, 0)
        known_ms = self._known_until.get(place)
        if known_ms is None:
            known_ms = self._first_begun_ms.get(exchange, turn.now_ms + offset_ms)
            if place in self._ordered_ms:
                known_ms = min(known_ms, self._ordered_ms[place] + offset_ms)
        known_ms = max(known_ms, turn.now_ms + offset_ms - self._desk.policy.lookback_ms)
        return known_ms - self._desk.policy.exchanges[exchange].settle_ms - _OVERLAP_MS

    def owed(self) -> list[str]:
        """The exchanges with symbols that were not read yet since the stream came up."""
        return [exchange for exchange, symbols in self._owed.items() if symbols]

    def on_fills(self, report: FillsFetched, *, booked: bool) -> None:
        """A list of executions was merged, `booked` whole: what comes next begins where it ended."""
        exchange = report.exchange
        begun_ms = self._first_begun_ms.get(exchange)
        ours = begun_ms is not None and report.asked_venue_ms >= begun_ms
        if booked and ours and not report.order_id:
            self._known_until[exchange, report.symbol] = report.asked_venue_ms
            self._owed.get(exchange, {}).pop(report.symbol, None)

    def on_balances(self, turn: Turn, report: BalancesFetched) -> None:
        """Tell every position of the exchange what the venue holds of it, where that can be compared."""
        exchange = report.exchange
        taken_ms = report.received_ms + self._desk.offsets_ms.get(exchange, 0)
        traded = self._traded(turn, exchange)
        fair = {asset for asset in traded if self._comparable(turn, exchange, asset, traded[asset], taken_ms)}
        for asset in fair:
            self._compared_ms[exchange, asset] = taken_ms
        tell_holdings(turn, report, fair)

    def _comparable(self, turn: Turn, exchange: str, asset: str, symbols: set[str], taken_ms: int) -> bool:
        # Two holdings are compared with each other. They must be of clearly different times, and what was executed
        # before the first of them must be booked: the same execution missing in both would look like a drift.
        memory = turn.memory
        unsure = [memory.orders[order_id] for order_id in (*memory.held, *memory.watched)]
        if any(order.exchange == exchange and order.symbol in symbols for order in unsure):
            return False
        if any(name == exchange and symbol in symbols for name, symbol, _ in memory.parked):
            return False
        before_ms = self._compared_ms.get((exchange, asset))
        if before_ms is None:
            return True
        settle_ms = self._desk.policy.exchanges[exchange].settle_ms
        read = all(self._known_until.get((exchange, symbol), 0) >= before_ms + settle_ms for symbol in symbols)
        return read and taken_ms - before_ms >= settle_ms

    def _traded(self, turn: Turn, exchange: str) -> dict[str, set[str]]:
        # By asset: the symbols whose executions move it.
        held = (symbol for name, symbol in turn.memory.positions if name == exchange)
        traded: dict[str, set[str]] = {}
        for symbol in dict.fromkeys((*self._working(turn, exchange), *held)):
            for asset in _moved_by(turn, exchange, symbol):
                traded.setdefault(asset, set()).add(symbol)
        return traded

    def _read_fills(self, turn: Turn, exchange: str, working: tuple[str, ...]) -> None:
        for symbol in self._chosen(turn, exchange, working):
            self._asked_ms[exchange, symbol] = turn.now_ms
            since_ms = self.since(turn, exchange, symbol)
            turn.send(
                self._desk.exchange_address[exchange],
                FetchFills(account_id=turn.account_id, exchange=exchange, symbol=symbol, since_venue_ms=since_ms),
            )

    def _chosen(self, turn: Turn, exchange: str, working: tuple[str, ...]) -> tuple[str, ...]:
        # Working ones first, but for the places kept for the others; of each kind those that waited longest.
        owed = self._owed.get(exchange, {})
        held = (symbol for name, symbol in turn.memory.positions if name == exchange)
        others = [symbol for symbol in dict.fromkeys((*owed, *held)) if symbol not in working]
        others.sort(key=lambda symbol: (symbol not in owed, self._last_asked(exchange, symbol)))
        kept = min(len(others), _IDLE_PER_AUDIT)
        longest = sorted(working, key=lambda symbol: self._last_asked(exchange, symbol))
        first = longest[: SYMBOLS_PER_AUDIT - kept]
        left = min(SYMBOLS_PER_AUDIT - len(first), sum(symbol in owed for symbol in others))
        return (*first, *others[: max(kept, left)])

    def _last_asked(self, exchange: str, symbol: str) -> int:
        return self._asked_ms.get((exchange, symbol), 0)

    def _working(self, turn: Turn, exchange: str) -> tuple[str, ...]:
        orders = turn.memory.live_orders(exchange)
        return tuple(dict.fromkeys(order.symbol for order in orders if order.state not in UNSENT))

    def _again(self, turn: Turn, exchange: str) -> None:
        due = AuditDue(exchange=exchange)
        turn.effect(SetTimer(f"audit:{exchange}", self._desk.policy.audit_interval_ms, due))


def _moved_by(turn: Turn, exchange: str, symbol: str) -> tuple[str, ...]:
    # What of the balances that a venue shows changes when something executes in a symbol.
    if exchange in turn.memory.margin:
        return (symbol,)
    assets = turn.memory.assets_of(exchange, symbol)
    return () if assets is None else (assets.base, assets.quote)
