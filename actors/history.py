"""Which symbols' recent history has been merged.

A store that lost its last second, or everything, has forgotten orders; those that still work are in the list of open
orders, those that ended are only in their symbol's history. So the first placement on a symbol waits until that history
is merged, and is decided with it. Nothing here is stored: a load, and every stream that comes up, begins anew.

Must never: trust a history that was asked for before the stream was up.
"""

from typing import Final

from actors.desk import Desk
from actors.reminders import HistoryDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import SearchOrder
from messages.events import Severity
from messages.reports import LookUpFailed, OrdersSearched

_AGAIN_MS: Final = 500
_AGAIN_MAX_MS: Final = 30_000


class Histories:
    """Of one account, by exchange and symbol."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._merged: set[tuple[str, str]] = set()
        self._failures: dict[tuple[str, str], int] = {}
        """Searches that are under way or will be repeated, and how many of them failed."""

    def merged(self, exchange: str, symbol: str) -> bool:
        """Whether everything a symbol's recent history shows is in our records."""
        return (exchange, symbol) in self._merged

    def begin_anew(self, exchange: str) -> None:
        """The exchange's stream came up: what was merged before may have a gap behind it."""
        self._merged = {key for key in self._merged if key[0] != exchange}
        # What is being asked for is asked for again, with the patience of the first time.
        self._failures = {key: 0 if key[0] == exchange else count for key, count in self._failures.items()}

    def asked(self, exchange: str) -> list[str]:
        """Symbols whose history was asked for and is not merged yet."""
        return [symbol for name, symbol in self._failures if name == exchange]

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

    def want(self, turn: Turn, exchange: str, symbol: str) -> None:
        """Ask for a symbol's recent history, unless it is asked for already."""
        if (exchange, symbol) not in self._failures:
            self.ask(turn, exchange, symbol)

    def on_searched(self, turn: Turn, report: OrdersSearched, up_since_ms: int | None) -> None:
        """A history was merged."""
        key = (report.exchange, report.symbol)
        asked_ms = report.evidence.sent_ms
        if self.merged(*key) or up_since_ms is None or asked_ms is None or asked_ms < up_since_ms:
            return
        required = self._desk.policy.exchanges[report.exchange].capabilities.search_sources
        unread = [source for source in required if source not in report.sources]
        if report.unreadable or unread:
            what = f"{', '.join(unread)} of" if unread else f"{report.unreadable} records of"
            text = f"{what} the recent history could not be read"
            turn.alert("SyncIncomplete", Severity.WARNING, text, exchange=report.exchange, symbol=report.symbol)
            self._failed(turn, *key, at_least_ms=0)
            return
        self._merged.add(key)
        self._failures.pop(key, None)
        turn.effect(CancelTimer(f"history:{report.exchange}:{report.symbol}"))

    def on_failed(self, turn: Turn, report: LookUpFailed) -> None:
        """A search was not answered: it is asked again, at growing intervals."""
        self._failed(turn, report.exchange, report.symbol, at_least_ms=report.retry_after_ms)

    def on_due(self, turn: Turn, message: HistoryDue) -> None:
        """Ask again what has no answer yet."""
        if not self.merged(message.exchange, message.symbol):
            self.ask(turn, message.exchange, message.symbol)

    def forget(self) -> None:
        """The account is no longer ours."""
        self._merged.clear()
        self._failures.clear()

    def _failed(self, turn: Turn, exchange: str, symbol: str, *, at_least_ms: int) -> None:
        if (exchange, symbol) in self._failures:
            self._failures[exchange, symbol] += 1
            self._again(turn, exchange, symbol, at_least_ms=at_least_ms)

    def _again(self, turn: Turn, exchange: str, symbol: str, *, at_least_ms: int) -> None:
        failures = min(self._failures[exchange, symbol], 10)
        delay_ms = max(at_least_ms, min(_AGAIN_MS << failures, _AGAIN_MAX_MS))
        due = HistoryDue(exchange=exchange, symbol=symbol)
        turn.effect(SetTimer(f"history:{exchange}:{symbol}", delay_ms, due))
