"""The position actor: sees that a position is closed once at a time, and compares it with what the venue holds.

Holds the close that runs, who waits for its end and when its time is over. The order of a close is the account's:
placed, recorded and cancelled there, and so are the position's numbers and what a comparison has found. This actor
stores nothing; newly started, it is told by the account which close runs. It never decides how much is closed.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, assert_never, get_args

from actors.domain.positions import READINGS, judge_holding
from actors.runtime.base import OmsActor
from actors.runtime.outcome import CancelTimer, Effect, Outcome, Respond, Send, SetTimer
from actors.runtime.seam import System
from messages.base import Message
from messages.commands import ClosePosition
from messages.control import (
    CancelClose,
    CloseAsked,
    CloseBegun,
    CloseEnded,
    CloseNotBegun,
    HoldingReported,
    Ping,
    PlaceClose,
    Pong,
)
from messages.fills import PositionClose
from messages.inboxes import PositionInbox
from messages.queries import CloseDone, RefusalCode, Refused
from messages.types import InitiatedBy


@dataclass(slots=True)
class _Operation:
    """A close from the moment its order is asked for until it has ended."""

    close_id: str
    initiated_by: InitiatedBy
    asker: str | None
    """Correlation id of the command it was begun for; None when that was in an earlier life of this actor."""
    adopters: list[str] = field(default_factory=list)
    """Correlation ids of the commands that wait for its end instead of closing a second time."""

    @property
    def waiting(self) -> list[str]:
        """Everybody who gets its result."""
        return [*([] if self.asker is None else [self.asker]), *self.adopters]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CloseOverdue(Message):
    """The time of a close is over."""

    close_id: str


_Inbox: TypeAlias = PositionInbox | _CloseOverdue


class PositionActor(OmsActor[_Inbox]):
    """Child of an account, one per exchange and symbol. See the module."""

    accepts: ClassVar = frozenset((*get_args(PositionInbox), _CloseOverdue))

    def __init__(self, system: System, address: str, *, account: str, close_timeout_ms: int) -> None:
        super().__init__(system, address)
        self._account = account
        self._close_timeout_ms = close_timeout_ms
        self._operations: dict[str, _Operation] = {}
        """By close id. A second one is there only when a close of an earlier life turns up while one is asked for."""
        self._readings: deque[HoldingReported] = deque(maxlen=READINGS)

    def receive(self, message: _Inbox) -> Outcome:
        """Handle one message."""
        match message:
            case CloseAsked():
                return self._on_asked(message.command)
            case CloseBegun():
                return self._on_begun(message.close)
            case CloseNotBegun():
                return self._on_not_begun(message)
            case CloseEnded():
                return self._on_ended(message.close)
            case HoldingReported():
                return self._on_holding(message)
            case _CloseOverdue():
                return Outcome(effects=[Send(self._account, CancelClose(close_id=message.close_id))])
            case Ping():
                return Outcome(effects=[Send(message.reply_to, Pong(address=self.address))])
            case _:
                assert_never(message)

    # ----- closes

    def _on_asked(self, command: ClosePosition) -> Outcome:
        running = next(iter(self._operations.values()), None)
        if running is None:
            return self._begin(command)
        if command.message_id == running.close_id:
            # The same command once more: whoever asks it gets its one result.
            if command.correlation_id not in running.waiting:
                running.adopters.append(command.correlation_id)
            return Outcome()
        if command.initiated_by is InitiatedBy.RISK_RULE and running.initiated_by is InitiatedBy.USER:
            running.adopters.append(command.correlation_id)
            return Outcome()
        return Outcome(effects=[Respond(_in_progress(command, running))])

    def _begin(self, command: ClosePosition) -> Outcome:
        close_id = command.message_id or self.system.ids.next()
        self._operations[close_id] = _Operation(close_id, command.initiated_by, asker=command.correlation_id)
        return Outcome(effects=[Send(self._account, PlaceClose(close_id=close_id, command=command))])

    def _on_begun(self, close: PositionClose) -> Outcome:
        self._operations.setdefault(close.close_id, _Operation(close.close_id, close.initiated_by, asker=None))
        key = _key(close.close_id)
        if close.cancelling:
            return Outcome(effects=[CancelTimer(key)])
        due_in_ms = max(0, close.started_ms + self._close_timeout_ms - self.system.clock.now_ms())
        return Outcome(effects=[SetTimer(key, due_in_ms, _CloseOverdue(close_id=close.close_id))])

    def _on_not_begun(self, message: CloseNotBegun) -> Outcome:
        operation = self._operations.pop(message.close_id, None)
        if operation is None:
            return Outcome()
        return Outcome(effects=[Respond(_not_begun(waiter, operation)) for waiter in operation.adopters])

    def _on_ended(self, close: PositionClose) -> Outcome:
        effects: list[Effect] = [CancelTimer(_key(close.close_id))]
        operation = self._operations.pop(close.close_id, None)
        if operation is not None:
            effects += [Respond(CloseDone(correlation_id=waiter, close=close)) for waiter in operation.waiting]
        return Outcome(effects=effects)

    # ----- holdings

    def _on_holding(self, report: HoldingReported) -> Outcome:
        self._readings.append(report)
        finding = judge_holding(report.position, tuple(self._readings))
        return Outcome() if finding is None else Outcome(effects=[Send(self._account, finding)])


def _key(close_id: str) -> str:
    return f"close:{close_id}"


def _in_progress(command: ClosePosition, running: _Operation) -> Refused:
    return Refused(
        correlation_id=command.correlation_id,
        code=RefusalCode.CLOSE_IN_PROGRESS,
        text=f"close {running.close_id} of this position, initiated by {running.initiated_by.value}, is in progress",
    )


def _not_begun(waiter: str, operation: _Operation) -> Refused:
    return Refused(
        correlation_id=waiter,
        code=RefusalCode.NOT_PLACED,
        text=f"close {operation.close_id}, initiated by {operation.initiated_by.value} and waited for, was not begun",
    )
