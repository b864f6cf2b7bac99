"""The verification supervisor: when, how often and how many at once.

Keeps the calendar of look-up rounds for all accounts and a bound on how many run together, and starts a round again of
which nothing is heard. What a round asks, what its answers prove and what follows is decided and committed by the
account; of an account that nobody serves, every round is forgotten. It owns nothing a restart cannot rebuild: newly
started, it asks every account what is unresolved.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, assert_never, get_args

from actors.runtime.base import OmsActor
from actors.runtime.outcome import CancelTimer, Effect, Outcome, Send, SetTimer
from actors.runtime.seam import System
from messages.base import Message
from messages.control import (
    AccountLeft,
    Ping,
    Pong,
    ReportUnresolved,
    VerificationDue,
    VerificationEnded,
    VerificationRequested,
)
from messages.inboxes import VerificationInbox

_LOST_MS = 10_000
"""A round of which nothing was heard for so long is started anew: its question or its answer was lost."""


_PER_ACCOUNT_MAX = 16
"""Places one account may hold: its rounds must not keep those of the others waiting."""


@dataclass(slots=True)
class _Calendar:
    """The rounds of one account, by order."""

    later: dict[str, None] = field(default_factory=dict)
    """Their timer runs."""
    waiting: dict[str, VerificationRequested] = field(default_factory=dict)
    """Due, and without a place; oldest first."""
    running: dict[str, None] = field(default_factory=dict)


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
        self._places_taken = 0
        self._calendars: dict[str, _Calendar] = {}
        """By account, in the order in which they get the next free place."""

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
            case AccountLeft():
                return self._on_left(message)
            case _RoundDue() | _PlaceOverdue():
                return self._wait_for_place(message.round)
            case Ping():
                return Outcome(effects=[Send(message.reply_to, Pong(address=self.address))])
            case _:
                assert_never(message)

    def _on_requested(self, request: VerificationRequested) -> Outcome:
        if request.due_in_ms <= 0:
            return self._wait_for_place(request)
        effects = self._clear(request.account_id, request.order_id)
        self._calendar(request.account_id).later[request.order_id] = None
        effects.append(SetTimer(_key(request), request.due_in_ms, _RoundDue(round=request)))
        return Outcome(effects=[*effects, *self._fill_places()])

    def _on_ended(self, message: VerificationEnded) -> Outcome:
        effects = self._clear(message.account_id, message.order_id)
        return Outcome(effects=[*effects, *self._fill_places()])

    def _on_left(self, message: AccountLeft) -> Outcome:
        calendar = self._calendar(message.account_id)
        orders = {**calendar.later, **calendar.waiting, **calendar.running}
        effects = [effect for order_id in orders for effect in self._clear(message.account_id, order_id)]
        return Outcome(effects=[*effects, *self._fill_places()])

    def _wait_for_place(self, request: VerificationRequested) -> Outcome:
        effects = self._clear(request.account_id, request.order_id)
        self._calendar(request.account_id).waiting[request.order_id] = request
        return Outcome(effects=[*effects, *self._fill_places()])

    def _fill_places(self) -> list[Effect]:
        effects: list[Effect] = []
        while self._places_taken < self._at_once_max and (request := self._next()) is not None:
            self._places_taken += 1
            self._calendar(request.account_id).running[request.order_id] = None
            due = VerificationDue(account_id=request.account_id, order_id=request.order_id, phase=request.phase)
            effects.append(Send(_address(request.account_id), due))
            effects.append(SetTimer(f"place:{_key(request)}", _LOST_MS, _PlaceOverdue(round=request)))
        return effects

    def _next(self) -> VerificationRequested | None:
        for account_id, calendar in self._calendars.items():
            if calendar.waiting and len(calendar.running) < _PER_ACCOUNT_MAX:
                # Who was served goes to the end, so that no account waits for another's backlog.
                self._calendars[account_id] = self._calendars.pop(account_id)
                return calendar.waiting.pop(next(iter(calendar.waiting)))
        return None

    def _clear(self, account_id: str, order_id: str) -> list[Effect]:
        calendar = self._calendar(account_id)
        key = f"{account_id}:{order_id}"
        effects: list[Effect] = []
        calendar.waiting.pop(order_id, None)
        if order_id in calendar.later:
            del calendar.later[order_id]
            effects.append(CancelTimer(key))
        if order_id in calendar.running:
            del calendar.running[order_id]
            self._places_taken -= 1
            effects.append(CancelTimer(f"place:{key}"))
        return effects

    def _calendar(self, account_id: str) -> _Calendar:
        return self._calendars.setdefault(account_id, _Calendar())


def _key(message: VerificationRequested) -> str:
    return f"{message.account_id}:{message.order_id}"


def _address(account_id: str) -> str:
    return f"account/{account_id}"
