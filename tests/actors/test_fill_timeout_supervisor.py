"""The calendar of fill timeouts: one moment per order, told to its account when it has come."""

import pytest

from actors.runtime.base import OmsActor
from actors.runtime.outcome import Outcome
from actors.runtime.simulated import SimulatedSystem
from actors.supervisors.fill_timeouts import FillTimeoutSupervisor
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

SUPERVISOR = "supervisor/fill-timeouts"


class Account(OmsActor[FillTimeoutDue | ReportFillTimers | Pong]):
    """Stands for an account: keeps what it was told, and when."""

    accepts = frozenset((FillTimeoutDue, ReportFillTimers, Pong))

    def __init__(self, system: SimulatedSystem, address: str) -> None:
        super().__init__(system, address)
        self.heard: list[Message] = []
        self.due: list[tuple[int, str]] = []
        """Milliseconds since the start, and the order."""
        self._began_ms = system.clock.monotonic_ms()

    def receive(self, message: FillTimeoutDue | ReportFillTimers | Pong) -> Outcome:
        self.heard.append(message)
        if isinstance(message, FillTimeoutDue):
            self.due.append((self.system.clock.monotonic_ms() - self._began_ms, message.order_id))
        return Outcome()


class Desk:
    """A running supervisor and the accounts it serves."""

    def __init__(self, *accounts: str) -> None:
        self.system = SimulatedSystem(1)
        self.accounts: dict[str, Account] = {}
        for account in accounts:
            self._start_account(account)
        self.start_supervisor()

    def start_supervisor(self) -> None:
        accounts = tuple(self.accounts)
        self.system.start(SUPERVISOR, lambda s, a: FillTimeoutSupervisor(s, a, accounts=accounts))
        self.system.settle()

    def tell(self, message: Message) -> None:
        self.system.tell(SUPERVISOR, message)
        self.system.settle()

    def want(self, order: str, due_in_ms: int, account: str = "a") -> None:
        due_ms = self.system.clock.now_ms() + due_in_ms
        within_ms = max(0, due_in_ms)
        self.tell(FillTimerWanted(account_id=account, order_id=order, due_ms=due_ms, within_ms=within_ms))

    def drop(self, order: str) -> None:
        self.tell(FillTimerDropped(account_id="a", order_id=order))

    def due(self, account: str = "a") -> list[tuple[int, str]]:
        return self.accounts[account].due

    def _start_account(self, account: str) -> None:
        def build(system: SimulatedSystem, address: str) -> Account:
            self.accounts[account] = Account(system, address)
            return self.accounts[account]

        self.system.start(f"account/{account}", build)
        self.system.settle()


def test_supervisor_when_started_asks_every_account_for_its_timers() -> None:
    desk = Desk("a", "b")
    assert [[type(message) for message in account.heard] for account in desk.accounts.values()] == [
        [ReportFillTimers],
        [ReportFillTimers],
    ]


def test_order_whose_moment_comes_is_told_to_its_account_once() -> None:
    desk = Desk("a", "b")
    desk.want("o1", 500, account="a")
    desk.want("o1", 300, account="b")
    desk.system.run_for(499)
    assert (desk.due("a"), desk.due("b")) == ([], [(300, "o1")])
    desk.system.run_until_idle()
    assert (desk.due("a"), desk.due("b")) == ([(500, "o1")], [(300, "o1")])


@pytest.mark.parametrize("due_in_ms", [0, -5_000])
def test_order_that_is_overdue_is_told_at_once(due_in_ms: int) -> None:
    desk = Desk("a")
    desk.want("o1", due_in_ms)
    assert desk.due() == [(0, "o1")]


def test_moment_that_is_put_off_again_and_again_comes_when_it_was_wanted_last() -> None:
    desk = Desk("a")
    for _ in range(5):
        desk.want("o1", 1_000)
        desk.system.run_for(400)
    desk.system.run_until_idle()
    assert desk.due() == [(1_600 + 1_000, "o1")]


def test_moment_that_is_brought_forward_comes_earlier_and_only_once() -> None:
    desk = Desk("a")
    desk.want("o1", 1_000)
    desk.want("o1", 200)
    desk.system.run_until_idle()
    assert desk.due() == [(200, "o1")]


def test_moment_that_is_put_off_and_brought_forward_again_comes_when_it_was_wanted_last() -> None:
    desk = Desk("a")
    for due_in_ms in (1_000, 3_000, 2_000):
        desk.want("o1", due_in_ms)
    desk.system.run_until_idle()
    assert desk.due() == [(2_000, "o1")]


def test_order_that_has_ended_is_never_told() -> None:
    desk = Desk("a")
    desk.want("o1", 1_000)
    desk.want("o2", 1_000)
    desk.drop("o1")
    desk.drop("unknown")
    desk.system.run_until_idle()
    assert desk.due() == [(1_000, "o2")]


def test_order_that_was_told_can_be_wanted_again() -> None:
    desk = Desk("a")
    desk.want("o1", 100)
    desk.system.run_until_idle()
    desk.want("o1", 50)
    desk.system.run_until_idle()
    assert desk.due() == [(100, "o1"), (150, "o1")]


def test_orders_of_an_account_that_left_are_forgotten_and_those_of_others_are_not() -> None:
    desk = Desk("a", "b")
    desk.want("o1", 100, account="a")
    desk.want("o2", 100, account="a")
    desk.want("o1", 100, account="b")
    desk.tell(AccountLeft(account_id="a"))
    desk.tell(AccountLeft(account_id="unknown"))
    desk.system.run_until_idle()
    assert (desk.due("a"), desk.due("b")) == ([], [(100, "o1")])
    desk.want("o1", 100, account="a")
    desk.system.run_until_idle()
    assert desk.due("a") == [(200, "o1")]


def test_supervisor_that_is_started_again_asks_again_and_tells_nothing_of_before() -> None:
    desk = Desk("a")
    desk.want("o1", 100)
    desk.start_supervisor()
    desk.system.run_until_idle()
    assert [type(message) for message in desk.accounts["a"].heard] == [ReportFillTimers, ReportFillTimers]


def test_ping_of_the_supervisor_is_answered() -> None:
    desk = Desk("a")
    desk.tell(Ping(reply_to="account/a"))
    assert isinstance(desk.accounts["a"].heard[-1], Pong)


def test_moment_that_only_seems_far_off_comes_within_what_was_said() -> None:
    """Our clock was set back after the moment was worked out."""
    desk = Desk("a")
    due_ms = desk.system.clock.now_ms() + 3_600_000
    desk.tell(FillTimerWanted(account_id="a", order_id="o1", due_ms=due_ms, within_ms=500))
    desk.system.run_for(500)
    assert desk.due() == [(500, "o1")]
    told = desk.accounts["a"].heard[-1]
    assert isinstance(told, FillTimeoutDue)
    assert told.due_ms == due_ms
