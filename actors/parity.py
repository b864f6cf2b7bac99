"""The parity check of an account: its open orders, executions and balances against the venues'.

One look asks an exchange for everything at once. Each answer is compared with our records before it is merged, since
merging repairs what the comparison is to show; then it takes the ordinary way. Where a look shows something that may be
a moment's matter, a second one follows after the settle time: what both show is a difference, and so is what was
repaired between them and is dated before the first. So a difference says that our records and the venue's did not agree
when the venue was asked; what can be merged has been merged since, and the same check asked again may find nothing.
Nothing here is stored: a check ends with its process.

Must never: merge or repair anything itself, or count what was not answered as equal.
"""

from dataclasses import dataclass, field
from typing import Final

from actors.desk import Desk
from actors.parity_look import SYMBOLS_PER_LOOK, TAG, Conclusion, Look, Viewpoint
from actors.reminders import ParityDue
from actors.runtime.outcome import SetTimer
from actors.turn import Turn
from messages.commands import CheckParity
from messages.events import Severity
from messages.queries import ParityReport, RefusalCode
from messages.reports import BalancesFetched, FetchFailed, FillsFetched, OpenOrdersFetched, VenueReport

ANSWER_WITHIN_MS: Final = 15_000
"""What is not answered by then is not compared."""


@dataclass(slots=True)
class _Check:
    """A check of one exchange under way."""

    look: Look
    step: int
    is_second: bool = False
    pausing: bool = False
    """The first look is over, and it is not time for the second."""


@dataclass(slots=True)
class _Asker:
    """A host that waits for a report."""

    command: CheckParity
    exchanges: tuple[str, ...]
    conclusions: dict[str, Conclusion] = field(default_factory=dict)


class ParityChecks:
    """Of one account. Its state is the account's own and never stored."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._checks: dict[str, _Check] = {}
        """By exchange."""
        self._askers: list[_Asker] = []
        self._steps = 0

    def ask(self, turn: Turn, command: CheckParity) -> None:
        """Check an exchange or all of them. Whoever asks while a check of it runs gets that one's result."""
        known = self._desk.policy.exchanges
        exchanges = tuple(known) if command.exchange is None else (command.exchange,)
        if command.exchange is not None and command.exchange not in known:
            text = self._desk.policy.no_such_exchange(command.account_id, command.exchange)
            turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text)
            return
        self._askers.append(_Asker(command, exchanges))
        for exchange in exchanges:
            if exchange not in self._checks:
                self._begin(turn, exchange, first=None)

    def on_report(self, turn: Turn, report: VenueReport) -> None:
        """Compare a report with our records if it answers a check; call it before the report is merged."""
        check = self._checks.get(report.exchange)
        if check is None or not check.look.takes(report):
            return
        if isinstance(report, OpenOrdersFetched | FillsFetched | BalancesFetched | FetchFailed):
            check.look.hear(turn.memory, report, turn.now_ms)
        if check.look.answered:
            # In a turn of its own, so that the result is told whatever becomes of merging this report.
            turn.effect(_timer(report.exchange, check.step, 0))

    def on_due(self, turn: Turn, message: ParityDue) -> Conclusion | None:
        """End a look, or begin the second one. The answer is the conclusion of a check that has ended."""
        check = self._checks.get(message.exchange)
        if check is None or check.step != message.step:
            return None
        if check.pausing:
            self._begin(turn, message.exchange, first=check.look)
            return None
        check.look.give_up(f"not answered within {ANSWER_WITHIN_MS} ms")
        if not check.is_second and not all(each.sure for each in check.look.findings.values()):
            check.pausing, check.step = True, self._next_step()
            settle_ms = self._desk.policy.exchanges[message.exchange].settle_ms
            turn.effect(_timer(message.exchange, check.step, settle_ms))
            return None
        del self._checks[message.exchange]
        conclusion = check.look.conclude(merged=True)
        self._tell(turn, conclusion)
        return conclusion

    def forget(self) -> list[CheckParity]:
        """The records are not ours any more: drop every check; the commands that waited must be answered."""
        commands = [asker.command for asker in self._askers]
        self._askers.clear()
        self._checks.clear()
        return commands

    def _begin(self, turn: Turn, exchange: str, *, first: Look | None) -> None:
        policy = self._desk.policy
        view = Viewpoint(
            account_id=turn.account_id,
            exchange=exchange,
            offset_ms=self._desk.offsets_ms.get(exchange, 0),
            settle_ms=policy.exchanges[exchange].settle_ms,
            lookback_ms=policy.lookback_ms,
        )
        step = self._next_step()
        look = Look(
            turn.memory, view, number=step, now_ms=turn.now_ms, symbols_max=SYMBOLS_PER_LOOK, first=first
        )  # fmt: skip
        self._checks[exchange] = _Check(look, step, is_second=first is not None)
        for question in look.questions:
            turn.send(self._desk.exchange_address[exchange], question)
        turn.effect(_timer(exchange, step, ANSWER_WITHIN_MS))

    def _next_step(self) -> int:
        self._steps += 1
        return self._steps

    def _tell(self, turn: Turn, conclusion: Conclusion) -> None:
        if conclusion.differences:
            named = ",".join(f"{kind}={count}" for kind, count in sorted((conclusion.kinds or {}).items()))
            text = "our records and the venue's did not agree; what can be merged has been"
            turn.alert("ParityDrift", Severity.WARNING, text, exchange=conclusion.exchange, differences=named)
        for asker in self._askers:
            if conclusion.exchange in asker.exchanges:
                asker.conclusions[conclusion.exchange] = conclusion
            if len(asker.conclusions) == len(asker.exchanges):
                turn.reply(_report(asker))
        self._askers = [each for each in self._askers if len(each.conclusions) < len(each.exchanges)]


def _timer(exchange: str, step: int, delay_ms: int) -> SetTimer:
    return SetTimer(f"{TAG}:{exchange}", delay_ms, ParityDue(exchange=exchange, step=step))


def _report(asker: _Asker) -> ParityReport:
    ends = [asker.conclusions[exchange] for exchange in asker.exchanges]
    return ParityReport(
        correlation_id=asker.command.correlation_id,
        differences=tuple(each for end in ends for each in end.differences),
        compared=tuple((end.exchange, what, count) for end in ends for what, count in end.compared),
        not_compared=tuple((end.exchange, *each) for end in ends for each in (*end.not_compared, *end.left_out)),
        as_of_ms=min(end.as_of_ms for end in ends),
    )
