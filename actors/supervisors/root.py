"""The root of the tree: starts supervisors before accounts and restarts what fails by the declared table, an account
that keeps failing slowly but always, because nobody else can cancel its orders.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeAlias, assert_never

from actors.desk import CALENDARS
from actors.runtime.base import OmsActor
from actors.runtime.outcome import Act, Effect, Outcome, Publish, Send, SetTimer, Spawn
from actors.runtime.seam import System
from actors.runtime.supervision import POLICIES, ChildKind, Decision, Escalate, Park, Restart, decide
from messages.base import Message
from messages.control import AccountLeft, ChildFailed, Ping
from messages.events import Alert, Severity

Build: TypeAlias = Callable[[System, str], OmsActor[Message]]


@dataclass(frozen=True, slots=True)
class Child:
    """One child of the root: its address, kind, and how to build it anew."""

    address: str
    kind: ChildKind | None
    """None: it holds what no reload can rebuild, so its failure stops the tree at once."""
    build: Build
    account_id: str = ""
    """Of an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _RestartDue(Message):
    """A failed child's delay is over."""

    address: str


_Inbox: TypeAlias = ChildFailed | Ping | _RestartDue


class RootSupervisor(OmsActor[_Inbox]):
    """One per process. `escalate` is called when a supervisor cannot be kept alive: the host must stop. `account_lost`
    is called with the id of an account that failed, before it is started again: what it had not answered stays so.
    """

    accepts: ClassVar = frozenset({ChildFailed, Ping, _RestartDue})

    def __init__(
        self,
        system: System,
        address: str,
        *,
        children: tuple[Child, ...],
        escalate: Callable[[str], None],
        account_lost: Callable[[str], None],
    ) -> None:
        super().__init__(system, address)
        self._children = {child.address: child for child in children}
        self._failures: dict[str, tuple[int, ...]] = {}
        self._escalate = escalate
        self._account_lost = account_lost

    def first_turn(self) -> Outcome:
        """Start the children in the order given."""
        return Outcome(effects=[Spawn(child.address, child.build) for child in self._children.values()])

    def receive(self, message: _Inbox) -> Outcome:
        """Handle one message."""
        match message:
            case ChildFailed():
                return self._on_child_failed(message)
            case _RestartDue():
                child = self._children[message.address]
                return Outcome(effects=[Spawn(child.address, child.build)])
            case Ping():
                return Outcome()
            case _:
                assert_never(message)

    def _on_child_failed(self, message: ChildFailed) -> Outcome:
        child = self._children.get(message.address)
        if child is None:
            return Outcome()
        if child.kind is None:
            self._escalate(f"{child.address}: {message.error}")
            return Outcome(effects=[Publish(self._alert(message, "escalate"))])
        now_ms = self.system.clock.monotonic_ms()
        decision, self._failures[child.address] = decide(
            POLICIES[child.kind], self._failures.get(child.address, ()), now_ms, self.system.random
        )
        effects: list[Effect] = [Publish(self._alert(message, _in_words(decision)))]
        if child.account_id:
            effects.append(Act(partial(self._account_lost, child.account_id)))
            left = AccountLeft(account_id=child.account_id)
            effects += [Send(calendar, left) for calendar in CALENDARS]
        match decision:
            case Restart(delay_ms):
                effects.append(SetTimer(child.address, delay_ms, _RestartDue(address=child.address)))
            case Park():
                pass
            case Escalate():
                self._escalate(f"{child.address}: {message.error}")
        return Outcome(effects=effects)

    def _alert(self, message: ChildFailed, what: str) -> Alert:
        return Alert(
            account_id="",
            name="ActorFailed",
            severity=Severity.CRITICAL,
            text=f"{message.address} failed while handling {message.handling}: {message.error}; {what}",
            details=(("address", message.address), ("decision", what)),
            at_ms=self.system.clock.now_ms(),
        )


def _in_words(decision: Decision) -> str:
    match decision:
        case Restart(delay_ms=0):
            return "restart"
        case Restart(delay_ms):
            return f"restart in {delay_ms} ms"
        case _:
            return type(decision).__name__.lower()
