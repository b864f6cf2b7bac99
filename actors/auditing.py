"""The periodic cross-check by REST, beside the stream: a stream that lives may still swallow what matters.

Every interval, the open orders of each symbol we work on are listed and its executions since the last good list are
read; what the stream never told is found within one interval. Where an account holds positions, the balances are read
too, and each position is told what the venue holds. Nothing here is stored; every stream that comes up begins anew,
after the comparison that a start makes anyway. Must never: move the point up to which executions are known on anything
but a complete list.
"""

from typing import Final

from actors.closing import tell_holdings
from actors.desk import Desk
from actors.domain.lifecycle import TERMINAL
from actors.reminders import AuditDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders
from messages.reports import BalancesFetched, FillsFetched
from messages.types import OrderState

_ONE_BY_ONE_MAX: Final = 12
"""Symbols whose open orders are listed one by one; for more, one list of all is cheaper at every venue."""
_IDLE_PER_AUDIT: Final = 4
"""Symbols with a position and no working order that are read in one audit; they take turns."""
_OVERLAP_MS: Final = 1000
_UNSENT = frozenset({OrderState.DRAFT, OrderState.PENDING})


class Audits:
    """Of one account, by exchange."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known_until: dict[tuple[str, str], int] = {}
        """By exchange and symbol: venue time up to which every execution is in our records."""
        self._begun_ms: dict[str, int] = {}
        """Exchanges whose stream is up: venue time since then."""
        self._idle_turn: dict[str, int] = {}
        """By exchange: where the turn of its idle positions stands."""

    def begin(self, turn: Turn, exchange: str) -> None:
        """The stream came up, and the recent history is being merged: audit from here on."""
        self._begun_ms[exchange] = turn.now_ms + self._desk.offsets_ms.get(exchange, 0)
        self._known_until = {place: until for place, until in self._known_until.items() if place[0] != exchange}
        self._again(turn, exchange)

    def end(self, turn: Turn, exchange: str) -> None:
        """The stream is down: the comparison at intervals takes over."""
        self._begun_ms.pop(exchange, None)
        turn.effect(CancelTimer(f"audit:{exchange}"))

    def on_due(self, turn: Turn, exchange: str) -> None:
        """Ask the venue for everything that the audit compares."""
        if exchange not in self._begun_ms:
            return
        address = self._desk.exchange_address[exchange]
        working = self._working(turn, exchange)
        idle = self._idle(turn, exchange, working)
        for symbol in (*working, *idle):
            since = self._known_until.get((exchange, symbol), self._begun_ms[exchange])
            since -= self._desk.policy.exchanges[exchange].settle_ms + _OVERLAP_MS
            turn.send(
                address,
                FetchFills(account_id=turn.account_id, exchange=exchange, symbol=symbol, since_venue_ms=since),
            )
        scopes: tuple[str | None, ...] = working if len(working) <= _ONE_BY_ONE_MAX else (None,)
        for scope in scopes:
            turn.send(address, FetchOpenOrders(account_id=turn.account_id, exchange=exchange, symbol=scope))
        if any(place[0] == exchange for place in turn.memory.positions):
            turn.send(address, FetchBalances(account_id=turn.account_id, exchange=exchange))
        self._again(turn, exchange)

    def on_fills(self, report: FillsFetched) -> None:
        """A list of executions was merged: what comes next begins where it ended."""
        if not report.unreadable and not report.order_id and report.exchange in self._begun_ms:
            self._known_until[report.exchange, report.symbol] = report.asked_venue_ms

    def on_balances(self, turn: Turn, report: BalancesFetched) -> None:
        """Tell every position of the exchange what the venue holds of its base asset."""
        tell_holdings(turn, report)

    def _working(self, turn: Turn, exchange: str) -> tuple[str, ...]:
        orders = turn.memory.live_orders(exchange)
        return tuple(dict.fromkeys(order.symbol for order in orders if order.state not in _UNSENT | TERMINAL))

    def _idle(self, turn: Turn, exchange: str, working: tuple[str, ...]) -> tuple[str, ...]:
        held = [symbol for name, symbol in turn.memory.positions if name == exchange and symbol not in working]
        if len(held) <= _IDLE_PER_AUDIT:
            return tuple(held)
        begin = self._idle_turn[exchange] = (self._idle_turn.get(exchange, 0) + _IDLE_PER_AUDIT) % len(held)
        return tuple((held[begin:] + held[:begin])[:_IDLE_PER_AUDIT])

    def _again(self, turn: Turn, exchange: str) -> None:
        due = AuditDue(exchange=exchange)
        turn.effect(SetTimer(f"audit:{exchange}", self._desk.policy.audit_interval_ms, due))
