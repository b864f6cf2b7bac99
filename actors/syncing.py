"""The open orders of an account's exchanges, as fresh as somebody needs them.

Whoever needs them at once shares one list: hosts that ask for them, placements that are decided with them, and the
cancelling of everything. What a list says is merged elsewhere; here it is known when the last complete one was asked
for, and who waits for the next. Nothing here is stored. Must never: answer a failure with an empty list, or take a list
for newer than the moment it was asked for.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from actors.desk import Desk
from actors.doubts import raised
from actors.policy import Freshness
from actors.reminders import SyncDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.base import copied
from messages.commands import FetchOpenOrders, SyncOpenOrders
from messages.queries import AnswerSource, ExchangeOrders, OpenOrdersSynced, RefusalCode
from messages.reports import FetchFailed, OpenOrdersFetched


@dataclass(slots=True)
class _Asker:
    """A host that waits for open orders."""

    exchanges: tuple[str, ...]
    waiting: dict[str, None]
    read: dict[str, bool] = field(default_factory=dict)
    """Exchanges whose list came for it, and whether it was complete."""
    errors: dict[str, str] = field(default_factory=dict)


SYNC: Final = "sync"
"""Stands for the order in our own requests, which are about none: their failure is told from that of other lists."""


class Syncing:
    """Of one account, by exchange."""

    def __init__(self, desk: Desk, gates: dict[str, str]) -> None:
        self._desk = desk
        self._gates = gates
        self._asked_ms: dict[str, int] = {}
        """Lists asked for and not answered yet, and when."""
        self._askers: dict[str, _Asker] = {}

    # ----- how fresh they are

    def fresh(self, turn: Turn, exchange: str, arrived_ms: int) -> bool:
        """Whether the open orders are fresh enough to decide a placement that arrived then."""
        policy = self._desk.policy.pre_trade
        if policy.freshness is Freshness.STREAM:
            return True
        agreed_ms = turn.agreed_ms(exchange)
        if not agreed_ms:
            return False
        if policy.freshness is Freshness.ALWAYS_FETCH:
            return agreed_ms >= arrived_ms
        return turn.now_ms - agreed_ms <= policy.max_age_ms

    def under_way(self, exchange: str) -> bool:
        """Whether a list was asked for and is not answered yet."""
        return exchange in self._asked_ms

    def want(self, turn: Turn, exchange: str) -> None:
        """Ask for a list, unless one is under way; whoever that one is too old for asks again when it is here."""
        if exchange in self._asked_ms:
            return
        self._asked_ms[exchange] = turn.now_ms
        request = FetchOpenOrders(account_id=turn.account_id, exchange=exchange, order_id=SYNC)
        turn.send(self._desk.exchange_address[exchange], request)
        # An answer that is lost on its way must not leave anybody waiting for ever.
        due_ms = self._desk.policy.call_overdue_ms
        turn.effect(SetTimer(f"sync:{exchange}", due_ms, SyncDue(exchange=exchange)))

    # ----- hosts

    def ask(self, turn: Turn, command: SyncOpenOrders) -> None:
        """Answer a host with what is young enough, and read the rest for it, all exchanges side by side."""
        policy = self._desk.policy
        if command.exchange is not None and command.exchange not in policy.exchanges:
            text = policy.no_such_exchange(command.account_id, command.exchange)
            turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text)
            return
        exchanges = tuple(policy.exchanges) if command.exchange is None else (command.exchange,)
        old = [name for name in exchanges if command.force or self._stale(turn, name)]
        asker = _Asker(exchanges, dict.fromkeys(old))
        if not old:
            self._answer(turn, command.correlation_id, asker)
            return
        for exchange in old:
            self.want(turn, exchange)
        if command.correlation_id:
            self._askers[command.correlation_id] = asker

    def report(self, turn: Turn, name: str) -> None:
        """A host's patience is over: what is known by now, and that it is not what was asked for."""
        asker = self._askers.pop(name, None)
        if asker is not None:
            asker.errors |= dict.fromkeys(asker.waiting, "the venue has not answered yet")
            self._answer(turn, name, asker)

    # ----- answers

    def on_list(self, turn: Turn, report: OpenOrdersFetched) -> None:
        """A list of all open orders was merged."""
        exchange, asked_ms = report.exchange, report.evidence.sent_ms
        complete = not report.unreadable
        if asked_ms is None or asked_ms > turn.now_ms:
            # Undated, or dated by a clock that has been set back since: how old it is, nobody can say.
            return
        if complete:
            turn.agree(exchange, asked_ms)
        if asked_ms >= self._asked_ms.get(exchange, 0):
            self._answered(turn, exchange, lambda asker: asker.read.__setitem__(exchange, complete))

    def on_failed(self, turn: Turn, report: FetchFailed) -> None:
        """A list could not be read."""
        self._answered(turn, report.exchange, lambda asker: asker.errors.__setitem__(report.exchange, report.reason))

    def forget(self) -> Iterable[str]:
        """The records are not ours any more; the answer names the hosts that waited."""
        self._asked_ms.clear()
        waiting = list(self._askers)
        self._askers.clear()
        return waiting

    def _answered(self, turn: Turn, exchange: str, note: Callable[[_Asker], None]) -> None:
        if self._asked_ms.pop(exchange, None) is not None:
            turn.effect(CancelTimer(f"sync:{exchange}"))
        for name, asker in list(self._askers.items()):
            if exchange not in asker.waiting:
                continue
            del asker.waiting[exchange]
            note(asker)
            if not asker.waiting:
                del self._askers[name]
                self._answer(turn, name, asker)

    def _stale(self, turn: Turn, exchange: str) -> bool:
        policy = self._desk.policy
        agreed_ms = turn.agreed_ms(exchange)
        if not agreed_ms or not policy.privacy.cache_orders:
            return True
        return turn.now_ms - agreed_ms >= policy.stale_after_ms

    def _answer(self, turn: Turn, name: str, asker: _Asker) -> None:
        known = tuple(self._known(turn, exchange, asker) for exchange in asker.exchanges)
        turn.reply(OpenOrdersSynced(correlation_id=name, exchanges=known))

    def _known(self, turn: Turn, exchange: str, asker: _Asker) -> ExchangeOrders:
        gap = bool(self._gates.get(exchange)) or raised(turn, exchange)
        read, error = asker.read.get(exchange), asker.errors.get(exchange, "")
        agreed_ms = turn.agreed_ms(exchange)
        source = AnswerSource.STREAM
        if read is not None:
            source = AnswerSource.VENUE
        elif gap or error:
            source = AnswerSource.CACHE
        as_of_ms = turn.now_ms if source is AnswerSource.STREAM else agreed_ms
        return ExchangeOrders(
            exchange=exchange,
            orders=tuple(copied(turn.view_of(order), as_of_ms=as_of_ms) for order in turn.open_orders(exchange)),
            as_of_ms=as_of_ms,
            age_ms=max(0, turn.now_ms - as_of_ms) if as_of_ms else None,
            source=source,
            stale=bool(error) or read is False,
            gap=gap,
            complete=read is not False,
            error=error if read is not False else "some of the venue's records could not be read",
        )
