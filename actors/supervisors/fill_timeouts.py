"""The fill-timeout supervisor: when to look at an order again whose executions have stopped.

Keeps one moment per order for all accounts, on the system's one heap of timers, and tells the account when it has come.
How long an order may wait, whether it has waited too long and what follows is decided by the account; of an account
that nobody serves, every moment is forgotten. It owns nothing a restart cannot rebuild: newly started, it asks every
account to want its timers anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, assert_never, get_args

from actors.runtime.base import OmsActor
from actors.runtime.outcome import CancelTimer, Outcome, Send, SetTimer
from actors.runtime.seam import System
from messages.base import Message
from messages.control import (
    AccountLeft,
    FillTimeoutDue,
    FillTimerDropped,
    FillTimerWanted,
    Ping,
    Pong,
    ReportFillTimers,
)
from messages.inboxes import FillTimeoutInbox


@dataclass(frozen=True, slots=True, kw_only=True)
class _WaitOver(Message):
    """The timer of an order fired."""

    account_id: str
    order_id: str
    due_ms: int


_Inbox: TypeAlias = FillTimeoutInbox | _WaitOver


class FillTimeoutSupervisor(OmsActor[_Inbox]):
    """One per process. See the module."""

    accepts: ClassVar = frozenset((*get_args(FillTimeoutInbox), _WaitOver))

    def __init__(self, system: System, address: str, *, accounts: Iterable[str]) -> None:
        super().__init__(system, address)
        self._accounts = tuple(accounts)
        self._waiting: dict[str, dict[str, None]] = {}
        """Orders whose timer runs, by account."""

    def first_turn(self) -> Outcome:
        """Ask every account for its timers."""
        return Outcome(effects=[Send(_address(account), ReportFillTimers()) for account in self._accounts])

    def receive(self, message: _Inbox) -> Outcome:
        """Handle one message."""
        match message:
            case FillTimerWanted():
                return self._on_wanted(message)
            case FillTimerDropped():
                return self._on_dropped(message)
            case AccountLeft():
                return self._on_left(message)
            case _WaitOver():
                return self._on_wait_over(message)
            case Ping():
                return Outcome(effects=[Send(message.reply_to, Pong(address=self.address))])
            case _:
                assert_never(message)

    def _on_wanted(self, message: FillTimerWanted) -> Outcome:
        account_id, order_id = message.account_id, message.order_id
        self._waiting.setdefault(account_id, {})[order_id] = None
        over = _WaitOver(account_id=account_id, order_id=order_id, due_ms=message.due_ms)
        due_in_ms = min(max(0, message.due_ms - self.system.clock.now_ms()), message.within_ms)
        return Outcome(effects=[SetTimer(_key(account_id, order_id), due_in_ms, over)])

    def _on_dropped(self, message: FillTimerDropped) -> Outcome:
        self._waiting.get(message.account_id, {}).pop(message.order_id, None)
        return Outcome(effects=[CancelTimer(_key(message.account_id, message.order_id))])

    def _on_left(self, message: AccountLeft) -> Outcome:
        orders = self._waiting.pop(message.account_id, {})
        return Outcome(effects=[CancelTimer(_key(message.account_id, order_id)) for order_id in orders])

    def _on_wait_over(self, message: _WaitOver) -> Outcome:
        account_id, order_id = message.account_id, message.order_id
        self._waiting[account_id].pop(order_id)
        due = FillTimeoutDue(account_id=account_id, order_id=order_id, due_ms=message.due_ms)
        return Outcome(effects=[Send(_address(account_id), due)])


def _key(account_id: str, order_id: str) -> str:
    return f"{account_id}:{order_id}"


def _address(account_id: str) -> str:
    return f"account/{account_id}"
