"""The position actor: sees that a position is closed once at a time, and compares it with what the venue holds.

Holds the close that runs and when its time is over. The order of a close is the account's: placed, recorded and
cancelled there, and so are who waits for its end, the position's numbers and what a comparison has found. This actor
stores nothing; newly started, it is told by the account which close runs. It never decides how much is closed, and
answers no host.
"""

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, assert_never, get_args

from actors.domain.positions import READINGS, judge_holding
from actors.runtime.base import OmsActor
from actors.runtime.outcome import CancelTimer, Outcome, Send, SetTimer
from actors.runtime.seam import System
from messages.base import Message
from messages.commands import ClosePosition
from messages.control import (
    CancelClose,
    CloseAsked,
    CloseBegun,
    CloseEnded,
    CloseMet,
    CloseNotBegun,
    HoldingReported,
    Ping,
    PlaceClose,
    Pong,
)
from messages.fills import PositionClose
from messages.inboxes import PositionInbox
from messages.types import InitiatedBy


@dataclass(frozen=True, slots=True)
class _Operation:
    """A close from the moment its order is asked for until it has ended."""

    close_id: str
    initiated_by: InitiatedBy


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
            # The same command once more: whoever asks it waits for its one end.
            return Outcome()
        met = CloseMet(
            command=command,
            close_id=running.close_id,
            initiated_by=running.initiated_by,
            waits=command.initiated_by is InitiatedBy.RISK_RULE and running.initiated_by is InitiatedBy.USER,
        )
        return Outcome(effects=[Send(self._account, met)])

    def _begin(self, command: ClosePosition) -> Outcome:
        close_id = command.message_id or self.system.ids.next()
        self._operations[close_id] = _Operation(close_id, command.initiated_by)
        return Outcome(effects=[Send(self._account, PlaceClose(close_id=close_id, command=command))])

    def _on_begun(self, close: PositionClose) -> Outcome:
        self._operations.setdefault(close.close_id, _Operation(close.close_id, close.initiated_by))
        key = _key(close.close_id)
        if close.cancelling:
            return Outcome(effects=[CancelTimer(key)])
        due_in_ms = close.started_ms + self._close_timeout_ms - self.system.clock.now_ms()
        # Farther off than the whole time of a close it can only seem to be: our clock was set back.
        due_in_ms = min(max(0, due_in_ms), self._close_timeout_ms)
        return Outcome(effects=[SetTimer(key, due_in_ms, _CloseOverdue(close_id=close.close_id))])

    def _on_not_begun(self, message: CloseNotBegun) -> Outcome:
        self._operations.pop(message.close_id, None)
        return Outcome()

    def _on_ended(self, close: PositionClose) -> Outcome:
        self._operations.pop(close.close_id, None)
        return Outcome(effects=[CancelTimer(_key(close.close_id))])

    # ----- holdings

    def _on_holding(self, report: HoldingReported) -> Outcome:
        self._readings.append(report)
        finding = judge_holding(report.position, tuple(self._readings))
        return Outcome() if finding is None else Outcome(effects=[Send(self._account, finding)])


def _key(close_id: str) -> str:
    return f"close:{close_id}"
