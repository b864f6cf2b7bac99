"""An account's connections to its exchanges: gates, streams, clocks, and what happens when an exchange actor fails.

A gate says whether new orders are accepted on an exchange: only while its user stream is up and the open orders were
fetched since it came up. Nothing here is stored; a restart begins with every gate closed. Must never: open a gate on a
list that was asked for before the stream was up.
"""

from random import Random

from actors import recovery, valuing
from actors.auditing import Audits
from actors.cancelling import CancelGroups
from actors.desk import Desk
from actors.domain.clocks import SkewEstimate
from actors.doubts import doubted, in_doubt
from actors.history import Histories
from actors.memory import AccountMemory
from actors.needs import Need
from actors.parity import ParityChecks
from actors.policy import AccountPolicy
from actors.pretrade import PreTrade
from actors.prices import Prices
from actors.reminders import PriceDue, ReconcileDue, RespawnDue, SyncDue
from actors.runtime.outcome import Publish, SetTimer
from actors.runtime.supervision import POLICIES, ChildKind, Restart, decide
from actors.settlement import begin_verification, in_flight
from actors.showing import Showing
from actors.syncing import SYNC, Syncing
from actors.turn import Turn
from actors.views import PublishedViews
from actors.waiting import WaitingRoom
from messages.commands import FetchInstruments, FetchOpenOrders, FetchPrice, FetchServerTime
from messages.control import ChildFailed
from messages.events import GateChanged, Severity, StreamHealthChanged
from messages.reports import (
    FetchFailed,
    FrameUnreadable,
    InstrumentsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrdersSearched,
    PriceFetched,
    ServerTimeFetched,
    StreamConnected,
    StreamGap,
    StreamLost,
)

_COMPARE_SOON_MS = 500
_NOT_CONNECTED = "not connected yet"
_FIRST_STEPS = frozenset({FetchServerTime.__name__, FetchInstruments.__name__})
"""What is asked before a user stream is opened."""


class Connections:
    """Of one account. Handlers fill a `Turn`; the state here is the account's own and never stored."""

    def __init__(self, policy: AccountPolicy, views: PublishedViews, desk: Desk) -> None:
        self.gates = dict.fromkeys(policy.exchanges, _NOT_CONNECTED)
        """Per exchange: empty when open, else why it is closed."""
        self.showing = Showing(views, self.gates)
        self._policy = policy
        self._desk = desk
        self._up_since_ms: dict[str, int] = {}
        """Exchanges whose stream is up, and since when."""
        self.histories = Histories(desk)
        self.audits = Audits(desk)
        self.prices = Prices(desk)
        self.syncing = Syncing(desk, self.gates)
        self.room = WaitingRoom(policy)
        self.groups = CancelGroups(desk, self.syncing, self.room)
        self.parity = ParityChecks(desk)
        self.pre_trade = PreTrade(desk, self.syncing, self.histories, self.prices)
        self._clocks = {name: SkewEstimate() for name in policy.exchanges}
        self._comparing_soon: set[str] = set()
        self._unread_ms: dict[str, int] = {}
        """Exchanges whose stream said something unreadable, and when, until a list asked for since is merged."""
        self._failures: dict[str, tuple[int, ...]] = {}
        self._told: set[tuple[str, str]] = set()
        """Exchanges, and what was said to be wrong with names of symbols there."""
        self.close_all(_NOT_CONNECTED)

    def close_all(self, why: str) -> None:
        """Close every gate, as when the account is not ours or not loaded."""
        for exchange in self.gates:
            self.showing.close(exchange, why)

    def forget(self, why: str) -> list[str]:
        """The records are not ours any more: whatever was fetched vouches for nothing. Streams are opened anew.

        The answer names the commands that waited for something; they must be answered.
        """
        self._up_since_ms.clear()
        self._comparing_soon.clear()
        self._unread_ms.clear()
        self.audits.forget()
        self.histories.forget()
        self.prices.forget()
        self.close_all(why)
        placements = [command.correlation_id for command in self.room.give_up()]
        checks = [command.correlation_id for command in self.parity.forget()]
        return [*placements, *checks, *self.syncing.forget(), *self.groups.forget()]

    def on_connected(self, turn: Turn, report: StreamConnected) -> None:
        """The stream is up: fetch what happened before, and believe nothing until that is merged.

        So it is where no end of the former connection was heard of, too: it may have been dead for some time.
        """
        self._up_since_ms[report.exchange] = report.received_ms
        self._set_gate(turn, report.exchange, "the user stream has come up; reading what it did not tell")
        self._read_what_was_missed(turn, report.exchange)
        self._tell_health(turn, report.exchange, connected=True, reason="")

    def on_lost(self, turn: Turn, report: StreamLost) -> None:
        """The stream is down: no new orders, and what it would tell is asked for at intervals."""
        self._up_since_ms.pop(report.exchange, None)
        self.audits.end(turn, report.exchange)
        self._set_gate(turn, report.exchange, f"the user stream is down ({report.reason})")
        turn.effect(_compare_timer(report.exchange, self._policy.reconcile_down_ms))
        self._tell_health(turn, report.exchange, connected=False, reason=report.reason)

    def on_unreadable(self, turn: Turn, report: FrameUnreadable) -> None:
        """A frame could not be understood: compare soon. One comparison covers all frames that came before it."""
        self._unread_ms[report.exchange] = turn.now_ms
        if report.exchange not in self._comparing_soon:
            self._comparing_soon.add(report.exchange)
            turn.effect(_compare_timer(report.exchange, _COMPARE_SOON_MS))

    def on_gap(self, turn: Turn, report: StreamGap) -> None:
        """Events are known to be missing: no new orders until what they said has been fetched."""
        text = f"the user stream skipped from {report.expected} to {report.received}; reading what it left out"
        turn.alert("StreamGap", Severity.WARNING, text, exchange=report.exchange)
        if report.exchange in self._up_since_ms:
            self._up_since_ms[report.exchange] = report.received_ms
            self._set_gate(turn, report.exchange, "the user stream has a gap")
            self._read_what_was_missed(turn, report.exchange)

    def compare(self, turn: Turn, exchange: str) -> None:
        """Fetch open orders and recent history, now and again after the interval."""
        self._comparing_soon.discard(exchange)
        recovery.ask_for_everything(turn, self._desk, self.histories, exchange)
        interval = self._policy.reconcile_ms if exchange in self._up_since_ms else self._policy.reconcile_down_ms
        turn.effect(_compare_timer(exchange, interval))

    def on_open_orders(self, turn: Turn, report: OpenOrdersFetched) -> None:
        """Merge a list. One of all symbols opens the gate if it allows it."""
        recovery.merge_open_orders(turn, self._desk, report)
        if report.symbol is not None:
            return
        asked_ms = report.evidence.sent_ms
        if asked_ms is not None and asked_ms >= self._unread_ms.get(report.exchange, asked_ms):
            self._unread_ms.pop(report.exchange, None)
        self.syncing.on_list(turn, report)
        self.groups.on_list(turn, report)
        turn.rewrite_public(report.exchange)
        up_since_ms = self._up_since(turn, report.exchange)
        if report.unreadable:
            text = f"{report.unreadable} open orders could not be read"
            turn.alert("SyncIncomplete", Severity.WARNING, text, exchange=report.exchange)
            self.room.fail(turn, Need.OPEN_ORDERS, report.exchange, None, asked_ms=asked_ms or 0, why=text)
        elif up_since_ms is not None and asked_ms is not None and asked_ms >= up_since_ms:
            self._set_gate(turn, report.exchange, "")

    def on_instruments(self, turn: Turn, report: InstrumentsFetched) -> None:
        """Learn trading rules; what is wrong with the names of the configuration is told once."""
        valuing.on_instruments(turn, report)
        for problem in report.alias_problems:
            if (report.exchange, problem) not in self._told:
                self._told.add((report.exchange, problem))
                turn.alert("AliasProblem", Severity.WARNING, f"symbols.aliases: {problem}", exchange=report.exchange)

    def on_history(self, turn: Turn, report: OrdersSearched | LookUpFailed) -> None:
        """Merge a symbol's recent history, or ask for it again."""
        if isinstance(report, LookUpFailed):
            self.histories.on_failed(turn, report)
            return
        since_ms = self.audits.since(turn, report.exchange, report.symbol)
        recovery.merge_search(turn, self._desk, report, since_ms)
        self.histories.on_searched(turn, report, self._up_since(turn, report.exchange))

    def on_fetch_failed(self, turn: Turn, report: FetchFailed) -> None:
        """A list or a price could not be read: whoever waits for it is told."""
        why = f"{report.exchange} could not be asked ({report.reason})"
        if report.request in _FIRST_STEPS and self.gates[report.exchange].startswith(_NOT_CONNECTED):
            # Without them no stream is opened, whose end would say why.
            self._set_gate(turn, report.exchange, f"{_NOT_CONNECTED}: {why}")
        if report.request == FetchPrice.__name__:
            self.prices.answered(turn, report.exchange, report.symbol)
            self.room.fail(turn, Need.PRICE, report.exchange, report.symbol, asked_ms=report.sent_ms, why=why)
        elif report.order_id == SYNC:
            self.syncing.on_failed(turn, report)
            self.groups.on_list_failed(turn, report.exchange, report.reason)
            self.room.fail(turn, Need.OPEN_ORDERS, report.exchange, None, asked_ms=report.sent_ms, why=why)

    def report(self, turn: Turn, name: str) -> None:
        """A host's patience is over: what is known by now of what its command waits for."""
        self.syncing.report(turn, name)
        self.groups.report(turn, name)
        self.room.report(turn, name)

    def on_price(self, turn: Turn, report: PriceFetched) -> None:
        """A price was read."""
        self.prices.on_price(turn, report)

    def doubts(self, memory: AccountMemory) -> frozenset[str]:
        """Exchanges of which our records are known to lack something, although their streams live."""
        return frozenset((*doubted(memory), *self._unread_ms, *self.audits.owed()))

    def unknown(self, turn: Turn, exchange: str, symbol: str) -> str:
        """Why nobody can say what is held of a symbol; empty when that is known. A missing history is asked for."""
        if (exchange, symbol) not in turn.memory.instruments:
            # Of what the venue does not list, nothing can be held and nothing be read.
            return ""
        if not self.histories.merged(exchange, symbol):
            self.histories.want(turn, exchange, symbol)
            return Need.HISTORY.value
        if exchange in self._unread_ms:
            return "its user stream said something that could not be understood"
        return "an order of it is being looked up" if in_doubt(turn.memory, exchange, symbol) else ""

    def on_overdue(self, turn: Turn, reminder: SyncDue | PriceDue) -> None:
        """A list or a price was asked for long ago and did not come."""
        of_price = isinstance(reminder, PriceDue)
        failed = FetchFailed(
            account_id=turn.account_id,
            exchange=reminder.exchange,
            order_id="" if of_price else SYNC,
            request=FetchPrice.__name__ if of_price else FetchOpenOrders.__name__,
            symbol=reminder.symbol if isinstance(reminder, PriceDue) else "",
            sent_ms=turn.now_ms,
            reason="no answer in time",
        )
        self.on_fetch_failed(turn, failed)

    def on_server_time(self, turn: Turn, report: ServerTimeFetched) -> None:
        """Adopt the venue's clock; a large difference is told."""
        self._desk.offsets_ms[report.exchange] = report.offset_ms
        clock = self._clocks[report.exchange]
        clock.add(report.offset_ms)
        if clock.crossed(self._policy.clock_skew_alert_ms):
            text = f"{report.exchange}'s clock is {clock.median_ms} ms from ours; requests are corrected by it"
            turn.alert("ClockSkew", Severity.WARNING, text, exchange=report.exchange)

    def skew_ms(self, exchange: str) -> int:
        """The venue's clock less ours, median of the recent samples."""
        return self._clocks[exchange].median_ms

    def on_child_failed(self, turn: Turn, message: ChildFailed, *, monotonic_ms: int, random: Random) -> None:
        """An exchange actor failed: close its gate, restart it, and look up every call that died with it."""
        exchange = message.address.rsplit("/", 1)[-1]
        decision, self._failures[exchange] = decide(
            POLICIES[ChildKind.EXCHANGE], self._failures.get(exchange, ()), monotonic_ms, random
        )
        self._up_since_ms.pop(exchange, None)
        self._set_gate(turn, exchange, "its actor failed and is being restarted")
        turn.alert(
            "ExchangeActorFailed", Severity.CRITICAL, message.error, address=message.address, handling=message.handling
        )
        if isinstance(decision, Restart):
            turn.effect(SetTimer(f"respawn:{exchange}", decision.delay_ms, RespawnDue(exchange=exchange)))
        for order in turn.memory.live_orders(exchange):
            if in_flight(order):
                begin_verification(turn, self._desk, order, "the exchange actor failed")

    def _up_since(self, turn: Turn, exchange: str) -> int | None:
        since_ms = self._up_since_ms.get(exchange)
        if since_ms is None or since_ms <= turn.now_ms:
            return since_ms
        # Our clock was set back: what was asked for before the stream came up cannot be told from what was asked for
        # since. What is asked for from here on can.
        self._up_since_ms[exchange] = turn.now_ms
        turn.effect(_compare_timer(exchange, _COMPARE_SOON_MS))
        return turn.now_ms

    def _read_what_was_missed(self, turn: Turn, exchange: str) -> None:
        self.histories.begin_anew(exchange)
        self.compare(turn, exchange)
        self.audits.begin(turn, exchange)

    def _set_gate(self, turn: Turn, exchange: str, why: str) -> None:
        if self.gates[exchange] == why:
            return
        if why:
            self.showing.close(exchange, why)
        else:
            self.showing.open(exchange)
        changed = GateChanged(
            account_id=turn.account_id, exchange=exchange, open=not why, reason=why, at_ms=turn.now_ms
        )
        turn.effect(Publish(changed))

    def _tell_health(self, turn: Turn, exchange: str, *, connected: bool, reason: str) -> None:
        changed = StreamHealthChanged(
            account_id=turn.account_id, exchange=exchange, connected=connected, reason=reason, at_ms=turn.now_ms
        )
        turn.effect(Publish(changed))


def _compare_timer(exchange: str, delay_ms: int) -> SetTimer:
    return SetTimer(f"reconcile:{exchange}", delay_ms, ReconcileDue(exchange=exchange))
