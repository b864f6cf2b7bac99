"""The position actor: one close at a time, its time limit, and what it tells of a venue's holding."""

from dataclasses import replace
from decimal import Decimal

import pytest
from factories import EXCHANGE, SYMBOL, make

from actors.position import PositionActor
from actors.runtime.base import OmsActor
from actors.runtime.outcome import Outcome
from actors.runtime.simulated import SimulatedSystem
from messages import InitiatedBy
from messages.base import Message
from messages.commands import ClosePosition
from messages.control import (
    CancelClose,
    CloseAsked,
    CloseBegun,
    CloseEnded,
    CloseMet,
    CloseNotBegun,
    HoldingCompared,
    HoldingReported,
    Ping,
    PlaceClose,
    Pong,
)
from messages.fills import CloseState, Position, PositionClose
from messages.queries import Reply

D = Decimal
ACCOUNT = "account/1"
POSITION = "account/1/position/binance|BTC-USDT"
TIMEOUT_MS = 30_000
Told = PlaceClose | CloseMet | CancelClose | HoldingCompared | Pong


class Account(OmsActor[Told]):
    """Stands for the account: keeps what it was told."""

    accepts = frozenset((PlaceClose, CloseMet, CancelClose, HoldingCompared, Pong))

    def __init__(self, system: SimulatedSystem, address: str) -> None:
        super().__init__(system, address)
        self.heard: list[Told] = []

    def receive(self, message: Told) -> Outcome:
        self.heard.append(message)
        return Outcome()


class Desk:
    """A running position actor, the account it speaks to and the hosts that wait."""

    def __init__(self) -> None:
        self.system = SimulatedSystem(1)
        self.replies: list[Reply] = []
        self.system.respond = self.replies.append  # type: ignore[method-assign]
        self._account: Account
        self.system.start(ACCOUNT, self._build_account)
        self.start_position()

    def start_position(self) -> None:
        self.system.start(
            POSITION, lambda s, a: PositionActor(s, a, account=ACCOUNT, close_timeout_ms=TIMEOUT_MS), parent=ACCOUNT
        )
        self.system.settle()

    def tell(self, message: Message) -> None:
        self.system.tell(POSITION, message)
        self.system.settle()

    def ask(self, name: str, by: InitiatedBy = InitiatedBy.USER) -> None:
        """A host asks for a close: `name` is the id of its command, `host-<name>` what it waits under."""
        command = ClosePosition(
            message_id=name,
            correlation_id=f"host-{name}",
            account_id="1",
            exchange=EXCHANGE,
            symbol=SYMBOL,
            initiated_by=by,
        )
        self.tell(CloseAsked(command=command))

    def begun(self, name: str, **changes: object) -> PositionClose:
        close = make(
            PositionClose,
            **{
                "close_id": name,
                "asked": None,
                "initiated_by": InitiatedBy.USER,
                "started_ms": self.system.clock.now_ms(),
                **changes,
            },
        )
        self.tell(CloseBegun(close=close))
        return close

    def ended(self, close: PositionClose, state: CloseState = CloseState.DONE) -> PositionClose:
        done = replace(close, state=state, closed_size=close.size)
        self.tell(CloseEnded(close=done))
        return done

    def placed(self) -> list[str]:
        return [message.close_id for message in self._account.heard if isinstance(message, PlaceClose)]

    def cancelled(self) -> list[str]:
        return [message.close_id for message in self._account.heard if isinstance(message, CancelClose)]

    def heard(self) -> list[Told]:
        return self._account.heard

    def met(self) -> dict[str, CloseMet]:
        """Commands that met a close that runs, by the name under which their host waits."""
        return {heard.command.correlation_id: heard for heard in self.heard() if isinstance(heard, CloseMet)}

    def refused(self) -> dict[str, str]:
        """Of those, the ones to be refused, each with the close that it met."""
        return {name: met.close_id for name, met in self.met().items() if not met.waits}

    def _build_account(self, system: SimulatedSystem, address: str) -> Account:
        self._account = Account(system, address)
        return self._account


# ----- one at a time


def test_close_that_is_asked_for_is_placed_and_its_host_left_to_the_account() -> None:
    desk = Desk()
    desk.ask("c1")
    assert desk.placed() == ["c1"]
    desk.ended(desk.begun("c1"))
    assert (desk.replies, len(desk.heard())) == ([], 1)


def test_close_of_a_command_without_an_id_gets_one() -> None:
    desk = Desk()
    desk.ask("")
    assert len(desk.placed()) == 1
    assert desk.placed() != [""]


@pytest.mark.parametrize("begun", [False, True], ids=["placed", "begun"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (InitiatedBy.USER, InitiatedBy.USER),
        (InitiatedBy.RISK_RULE, InitiatedBy.USER),
        (InitiatedBy.RISK_RULE, InitiatedBy.RISK_RULE),
        (InitiatedBy.SYSTEM, InitiatedBy.RISK_RULE),
        (InitiatedBy.USER, InitiatedBy.SYSTEM),
    ],
)
def test_second_close_while_one_runs_is_refused_naming_it(
    first: InitiatedBy,
    second: InitiatedBy,
    begun: bool,  # noqa: FBT001
) -> None:
    desk = Desk()
    desk.ask("c1", first)
    close = desk.begun("c1", initiated_by=first) if begun else None
    desk.ask("c2", second)
    met = desk.met()["host-c2"]
    assert (met.close_id, met.initiated_by, met.waits) == ("c1", first, False)
    assert desk.placed() == ["c1"]
    desk.ended(close or desk.begun("c1", initiated_by=first))
    assert len(desk.heard()) == 2


@pytest.mark.parametrize("begun", [False, True], ids=["placed", "begun"])
def test_risk_rule_that_meets_a_users_close_waits_for_it(begun: bool) -> None:  # noqa: FBT001
    desk = Desk()
    desk.ask("c1")
    close = desk.begun("c1") if begun else None
    desk.ask("r1", InitiatedBy.RISK_RULE)
    desk.ask("r2", InitiatedBy.RISK_RULE)
    desk.ended(close or desk.begun("c1"))
    assert {name: (met.close_id, met.waits) for name, met in desk.met().items()} == {
        "host-r1": ("c1", True),
        "host-r2": ("c1", True),
    }
    assert desk.placed() == ["c1"]


def test_command_that_arrives_twice_is_one_close() -> None:
    desk = Desk()
    desk.ask("c1")
    desk.ask("c1")
    desk.ended(desk.begun("c1"))
    assert (desk.placed(), len(desk.heard())) == (["c1"], 1)


def test_next_close_is_placed_when_the_one_before_has_ended() -> None:
    desk = Desk()
    desk.ask("c1")
    desk.ended(desk.begun("c1"))
    desk.ask("c2")
    desk.ended(desk.begun("c2"))
    assert (desk.placed(), desk.met()) == (["c1", "c2"], {})


def test_close_that_did_not_begin_makes_room() -> None:
    desk = Desk()
    desk.ask("c1")
    desk.tell(CloseNotBegun(close_id="c1"))
    desk.ask("c2")
    assert (desk.placed(), desk.met()) == (["c1", "c2"], {})


def test_word_of_an_unknown_close_changes_nothing() -> None:
    desk = Desk()
    desk.ask("c1")
    desk.tell(CloseNotBegun(close_id="other"))
    desk.tell(CloseEnded(close=make(PositionClose, close_id="other", asked=None, initiated_by=InitiatedBy.USER)))
    desk.ask("c2")
    assert (desk.placed(), desk.refused()) == (["c1"], {"host-c2": "c1"})


# ----- its time limit


def test_close_whose_time_is_over_is_cancelled_once_and_runs_until_its_end() -> None:
    desk = Desk()
    desk.ask("c1")
    close = desk.begun("c1")
    desk.system.run_for(TIMEOUT_MS - 1)
    assert desk.cancelled() == []
    desk.system.run_for(1)
    assert desk.cancelled() == ["c1"]
    desk.tell(CloseBegun(close=replace(close, cancelling=True)))
    desk.system.run_until_idle()
    assert desk.cancelled() == ["c1"]
    desk.ask("c2")
    assert desk.refused() == {"host-c2": "c1"}
    desk.ended(close, CloseState.TIMED_OUT)
    desk.ask("c3")
    assert desk.placed() == ["c1", "c3"]


def test_close_that_ended_in_time_is_not_cancelled() -> None:
    desk = Desk()
    desk.ask("c1")
    desk.ended(desk.begun("c1"))
    desk.system.run_until_idle()
    assert desk.cancelled() == []


def test_close_that_is_being_cancelled_before_its_time_is_over_needs_no_deadline() -> None:
    desk = Desk()
    desk.ask("c1")
    close = desk.begun("c1")
    desk.tell(CloseBegun(close=replace(close, cancelling=True)))
    desk.system.run_until_idle()
    assert desk.cancelled() == []


def test_deadline_of_a_close_counts_from_its_start_however_often_it_is_told() -> None:
    desk = Desk()
    desk.ask("c1")
    close = desk.begun("c1")
    desk.system.run_for(TIMEOUT_MS - 10)
    desk.tell(CloseBegun(close=close))
    desk.system.run_for(10)
    assert desk.cancelled() == ["c1"]


def test_deadline_of_a_close_is_no_farther_off_when_the_clock_was_set_back() -> None:
    desk = Desk()
    desk.ask("c1")
    desk.begun("c1", started_ms=desk.system.clock.now_ms() + 3_600_000)
    desk.system.run_for(TIMEOUT_MS - 1)
    assert desk.cancelled() == []
    desk.system.run_for(1)
    assert desk.cancelled() == ["c1"]


# ----- after a restart


def test_position_started_anew_learns_what_runs_and_keeps_its_deadline() -> None:
    desk = Desk()
    desk.ask("c1")
    close = desk.begun("c1")
    desk.system.run_for(TIMEOUT_MS - 10)
    desk.start_position()
    desk.tell(CloseBegun(close=close))
    desk.ask("c2")
    assert desk.refused() == {"host-c2": "c1"}
    desk.system.run_for(10)
    assert desk.cancelled() == ["c1"]
    desk.ended(close, CloseState.TIMED_OUT)
    desk.ask("c3")
    assert desk.placed() == ["c1", "c3"]


def test_close_that_is_overdue_at_a_restart_is_cancelled_at_once() -> None:
    desk = Desk()
    desk.begun("c1", started_ms=desk.system.clock.now_ms() - TIMEOUT_MS - 1)
    assert desk.cancelled() == ["c1"]


def test_close_that_was_being_cancelled_at_a_restart_needs_no_deadline() -> None:
    desk = Desk()
    desk.begun("c1", cancelling=True)
    desk.system.run_until_idle()
    assert desk.cancelled() == []
    desk.ask("c2")
    assert desk.refused() == {"host-c2": "c1"}


def test_user_close_of_an_earlier_life_is_adopted_by_a_risk_rule() -> None:
    desk = Desk()
    desk.begun("c1")
    desk.ask("r1", InitiatedBy.RISK_RULE)
    assert (desk.placed(), desk.met()["host-r1"].waits) == ([], True)


def test_close_of_an_earlier_life_that_turns_up_late_keeps_both_apart() -> None:
    desk = Desk()
    desk.ask("c2")
    old = desk.begun("c1")
    desk.tell(CloseNotBegun(close_id="c2"))
    desk.ask("c3")
    assert desk.refused() == {"host-c3": "c1"}
    desk.ended(old)
    desk.ask("c4")
    assert desk.placed() == ["c2", "c4"]


# ----- holdings


def reading(total: str, position: Position) -> HoldingReported:
    return make(HoldingReported, position=position, asset="BTC", total=D(total), moved=D(1), fills_booked=5)


def test_holdings_are_compared_over_two_readings_and_told_when_something_changed() -> None:
    desk = Desk()
    position = make(Position, unexplained=D(2))
    for total in ("3", "3", "4", "4"):
        desk.tell(reading(total, position))
    finding = HoldingCompared(
        exchange=EXCHANGE,
        symbol=SYMBOL,
        asset="BTC",
        unexplained=D(2),
        drift=D(1),
        total=D(4),
        expected=D(3),
    )
    (heard,) = desk.heard()
    assert replace(heard, message_id="", correlation_id="", causation_id="") == finding
    desk.tell(reading("4", replace(position, drift=D(1))))
    assert len(desk.heard()) == 1


def test_position_started_anew_compares_with_no_reading_of_before() -> None:
    desk = Desk()
    desk.tell(reading("4", make(Position, unexplained=D(2))))
    desk.start_position()
    desk.tell(reading("4", make(Position, unexplained=D(2))))
    assert desk.heard() == []


def test_ping_of_the_position_is_answered() -> None:
    desk = Desk()
    desk.tell(Ping(reply_to=ACCOUNT))
    assert isinstance(desk.heard()[-1], Pong)
