"""The verification supervisor: when, how often and how many at once.

Keeps the calendar of look-up rounds for all accounts and a bound on how many run together, and starts a round again of
which nothing is heard. What a round asks, what its answers prove and what follows is decided and committed by the
account. It owns nothing a restart cannot rebuild: newly
started, it asks every account what is unresolved.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, assert_never, get_args

from actors.runtime.base import OmsActor
from actors.runtime.outcome import CancelTimer, Effect, Outcome, Send, SetTimer
from actors.runtime.seam import System
from messages.base import Message
from messages.control import Ping, Pong, ReportUnresolved, VerificationDue, VerificationEnded, VerificationRequested
from messages.inboxes import VerificationInbox

_LOST_MS = 10_000
"""A round of which nothing was heard for so long is started anew: its question or its answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _RoundDue(Message):
    """A scheduled round may start."""

    round: VerificationRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlaceOverdue(Message):
    """A running round has held its place too long."""

    round: VerificationRequested


_Inbox: TypeAlias = VerificationInbox | _RoundDue | _PlaceOverdue


class VerificationSupervisor(OmsActor[_Inbox]):
    """One per process. See the module."""

    accepts: ClassVar = frozenset((*get_args(VerificationInbox), _RoundDue, _PlaceOverdue))

    def __init__(self, system: System, address: str, *, accounts: Iterable[str], at_once_max: int = 64) -> None:
        super().__init__(system, address)
        self._accounts = tuple(accounts)
        self._at_once_max = at_once_max
        self._running: dict[str, None] = {}
        self._waiting: deque[VerificationRequested] = deque()

    def first_turn(self) -> Outcome:
        """Ask every account what is unresolved."""
        return Outcome(effects=[Send(_address(account), ReportUnresolved()) for account in self._accounts])

    def receive(self, message: _Inbox) -> Outcome:
        """Handle one message."""
        match message:
            case VerificationRequested():
                return self._on_requested(message)
            case VerificationEnded():
                return self._on_ended(message)
            case _RoundDue():
                return self._start_or_wait(message.round)
            case _PlaceOverdue():
                return self._start_again(message.round)
            case Ping():
                return Outcome(effects=[Send(message.reply_to, Pong(address=self.address))])
            case _:
                assert_never(message)

    def _on_requested(self, request: VerificationRequested) -> Outcome:
        key = _key(request)
        outcome = self._give_place_back(key)
        if request.due_in_ms > 0:
            outcome.effects.append(SetTimer(key, request.due_in_ms, _RoundDue(round=request)))
            return outcome
        outcome.effects.append(CancelTimer(key))
        outcome.effects.extend(self._start_or_wait(request).effects)
        return outcome

    def _on_ended(self, message: VerificationEnded) -> Outcome:
        key = _key(message)
        self._waiting = deque(request for request in self._waiting if _key(request) != key)
        outcome = self._give_place_back(key)
        outcome.effects.append(CancelTimer(key))
        return outcome

    def _start_or_wait(self, request: VerificationRequested) -> Outcome:
        if len(self._running) >= self._at_once_max:
            self._waiting.append(request)
            return Outcome()
        return Outcome(effects=self._start(request))

    def _start(self, request: VerificationRequested) -> list[Effect]:
        key = _key(request)
        self._running[key] = None
        due = VerificationDue(account_id=request.account_id, order_id=request.order_id, phase=request.phase)
        return [
            Send(_address(request.account_id), due),
            SetTimer(f"place:{key}", _LOST_MS, _PlaceOverdue(round=request)),
        ]

    def _start_again(self, request: VerificationRequested) -> Outcome:
        outcome = self._give_place_back(_key(request))
        outcome.effects.extend(self._start_or_wait(request).effects)
        return outcome

    def _give_place_back(self, key: str) -> Outcome:
        if key not in self._running:
            return Outcome()
        del self._running[key]
        effects: list[Effect] = [CancelTimer(f"place:{key}")]
        if self._waiting:
            effects.extend(self._start(self._waiting.popleft()))
        return Outcome(effects=effects)


def _key(message: VerificationRequested | VerificationEnded) -> str:
    return f"{message.account_id}:{message.order_id}"


def _address(account_id: str) -> str:
    return f"account/{account_id}"
