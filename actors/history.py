"""Which symbols' recent history has been merged, and the placements that wait for it.

A store that lost its last second, or everything, has forgotten orders; those that still work are in the list of open
orders, those that ended are only in their symbol's history. So the first placement on a symbol waits until that history
is merged, and is decided with it. Nothing here is stored: a load, and every stream that comes up, begins anew.

Must never: let a placement wait longer than a command may wait for its turn, or trust a history that was asked for
before the stream was up.
"""

from dataclasses import dataclass
from typing import Final

from actors.desk import Desk
from actors.reminders import HeldDue, HistoryDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import SearchOrder, SubmitDraft, SubmitOrder
from messages.events import Severity
from messages.inboxes import HostCommand
from messages.queries import RefusalCode
from messages.reports import LookUpFailed, OrdersSearched

HELD_MAX: Final = 1000
"""Placements that may wait for one symbol; one more is refused."""
_AGAIN_MS = 500
_AGAIN_MAX_MS = 30_000


@dataclass(frozen=True, slots=True)
class _Held:
    command: SubmitOrder | SubmitDraft
    since_ms: int


class Histories:
    """Of one account, by exchange and symbol."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._merged: set[tuple[str, str]] = set()
        self._failures: dict[tuple[str, str], int] = {}
        """Searches that are under way or will be repeated, and how many of them failed."""
        self._held: dict[tuple[str, str], list[_Held]] = {}

    def merged(self, exchange: str, symbol: str) -> bool:
        """Whether everything a symbol's recent history shows is in our records."""
        return (exchange, symbol) in self._merged

    def begin_anew(self, exchange: str) -> None:
        """The exchange's stream came up: what was merged before may have a gap behind it."""
        self._merged = {key for key in self._merged if key[0] != exchange}
        self._failures = {key: count for key, count in self._failures.items() if key[0] != exchange}

    def waiting(self, exchange: str) -> list[str]:
        """Symbols that a placement waits for."""
        return [symbol for name, symbol in self._held if name == exchange]

    def ask(self, turn: Turn, exchange: str, symbol: str) -> None:
        """Search a symbol's recent history; what is not merged yet is asked for until it is."""
        policy = self._desk.policy
        offset = self._desk.offsets_ms.get(exchange, 0)
        search = policy.verification
        turn.send(
            self._desk.exchange_address[exchange],
            SearchOrder(
                account_id=turn.account_id,
                exchange=exchange,
                symbol=symbol,
                client_order_id="",
                from_venue_ms=turn.now_ms - policy.lookback_ms + offset,
                to_venue_ms=turn.now_ms + offset + search.window_ms,
                budget_ms=search.search_budget_ms,
                retries=search.search_retries,
            ),
        )
        if not self.merged(exchange, symbol):
            self._failures.setdefault((exchange, symbol), 0)
            # An answer that is lost on its way must not leave the symbol waiting for ever.
            self._again(turn, exchange, symbol, at_least_ms=2 * search.search_budget_ms * (1 + search.search_retries))

    def hold(self, turn: Turn, command: HostCommand) -> None:
        """Keep a placement that could not be decided until its symbol's history is merged."""
        if turn.awaits is None or not isinstance(command, SubmitOrder | SubmitDraft):
            return
        exchange, symbol = turn.awaits
        held = self._held.setdefault((exchange, symbol), [])
        if len(held) >= HELD_MAX:
            self._refuse(turn, command, exchange, symbol)
            return
        if not held:
            timeout_ms = self._desk.policy.queue_timeout_ms
            turn.effect(SetTimer(f"held:{exchange}:{symbol}", timeout_ms, HeldDue(exchange=exchange, symbol=symbol)))
        held.append(_Held(command, turn.now_ms))
        self.want(turn, exchange, symbol)

    def want(self, turn: Turn, exchange: str, symbol: str) -> None:
        """Ask for a symbol's recent history, unless it is asked for already."""
        if (exchange, symbol) not in self._failures:
            self.ask(turn, exchange, symbol)

    def on_searched(
        self, turn: Turn, report: OrdersSearched, up_since_ms: int | None
    ) -> list[SubmitOrder | SubmitDraft]:
        """A history was merged: the placements that waited for it, in their order."""
        key = (report.exchange, report.symbol)
        asked_ms = report.evidence.sent_ms
        if self.merged(*key) or up_since_ms is None or asked_ms is None or asked_ms < up_since_ms:
            return []
        required = self._desk.policy.exchanges[report.exchange].capabilities.search_sources
        if report.unreadable or not set(required).issubset(report.sources):
            text = f"{report.unreadable} records of the recent history could not be read"
            turn.alert("SyncIncomplete", Severity.WARNING, text, exchange=report.exchange, symbol=report.symbol)
            self._failed(turn, *key, at_least_ms=0)
            return []
        self._merged.add(key)
        self._failures.pop(key, None)
        turn.effect(CancelTimer(f"history:{report.exchange}:{report.symbol}"))
        turn.effect(CancelTimer(f"held:{report.exchange}:{report.symbol}"))
        return [held.command for held in self._held.pop(key, [])]

    def on_failed(self, turn: Turn, report: LookUpFailed) -> None:
        """A search was not answered: it is asked again, at growing intervals."""
        self._failed(turn, report.exchange, report.symbol, at_least_ms=report.retry_after_ms)

    def on_due(self, turn: Turn, message: HistoryDue | HeldDue) -> None:
        """Ask again what has no answer yet, or refuse the placements that have waited as long as a command may."""
        if isinstance(message, HeldDue):
            self._refuse_late(turn, message)
        elif not self.merged(message.exchange, message.symbol):
            self.ask(turn, message.exchange, message.symbol)

    def _refuse_late(self, turn: Turn, message: HeldDue) -> None:
        key = (message.exchange, message.symbol)
        held = self._held.pop(key, [])
        timeout_ms = self._desk.policy.queue_timeout_ms
        for each in held:
            if turn.now_ms - each.since_ms >= timeout_ms:
                self._refuse(turn, each.command, *key)
        kept = [each for each in held if turn.now_ms - each.since_ms < timeout_ms]
        if kept:
            self._held[key] = kept
            delay_ms = kept[0].since_ms + timeout_ms - turn.now_ms
            turn.effect(SetTimer(f"held:{message.exchange}:{message.symbol}", delay_ms, message))

    def give_up(self) -> list[SubmitOrder | SubmitDraft]:
        """The account is no longer ours: forget everything; the placements that waited must be answered."""
        commands = [each.command for held in self._held.values() for each in held]
        self._held.clear()
        self._merged.clear()
        self._failures.clear()
        return commands

    def _failed(self, turn: Turn, exchange: str, symbol: str, *, at_least_ms: int) -> None:
        if (exchange, symbol) in self._failures:
            self._failures[exchange, symbol] += 1
            self._again(turn, exchange, symbol, at_least_ms=at_least_ms)

    def _again(self, turn: Turn, exchange: str, symbol: str, *, at_least_ms: int) -> None:
        failures = min(self._failures[exchange, symbol], 10)
        delay_ms = max(at_least_ms, min(_AGAIN_MS << failures, _AGAIN_MAX_MS))
        due = HistoryDue(exchange=exchange, symbol=symbol)
        turn.effect(SetTimer(f"history:{exchange}:{symbol}", delay_ms, due))

    def _refuse(self, turn: Turn, command: SubmitOrder | SubmitDraft, exchange: str, symbol: str) -> None:
        text = f"{exchange} takes no new orders on {symbol}: its recent history is not merged yet"
        turn.refuse(command.correlation_id, RefusalCode.GATE_CLOSED, text)
