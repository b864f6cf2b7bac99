"""The calendar of look-ups: who gets a place, and who loses it."""

from actors.runtime.simulated import SimulatedSystem
from actors.supervisors.verification import VerificationSupervisor
from messages.base import Message
from messages.control import AccountLeft, VerificationDue, VerificationEnded, VerificationRequested
from messages.types import VerificationPhase


class Desk:
    """A supervisor; `started` lists the rounds it began, as (account, order)."""

    def __init__(self) -> None:
        self.system = SimulatedSystem(1)
        self.started: list[tuple[str, str]] = []
        self.system.tell = self._on_tell  # type: ignore[method-assign]
        self.actor = VerificationSupervisor(self.system, "supervisor/verification", accounts=())

    def take(self, message: Message) -> None:
        self.actor.carry_out(self.actor.receive(message))  # type: ignore[arg-type]

    def request(self, account: str, order: str, due_in_ms: int = 0) -> None:
        phase = VerificationPhase.DIRECT_LOOKUP
        self.take(VerificationRequested(account_id=account, order_id=order, phase=phase, due_in_ms=due_in_ms))

    def ended(self, account: str, order: str) -> None:
        self.take(VerificationEnded(account_id=account, order_id=order, outcome="found"))

    def _on_tell(self, _: str, message: Message) -> bool:
        if isinstance(message, VerificationDue):
            self.started.append((message.account_id, message.order_id))
        return True


def test_rounds_of_one_account_never_take_the_places_of_all() -> None:
    desk = Desk()
    for number in range(640):
        desk.request("busy", f"o{number}")
    taken = len(desk.started)
    desk.request("other", "mine")
    assert desk.started[-1] == ("other", "mine")
    assert taken < 64


def test_freed_place_goes_to_the_oldest_waiting_round() -> None:
    desk = Desk()
    for number in range(100):
        desk.request("busy", f"o{number}")
    taken = len(desk.started)
    desk.ended("busy", "o0")
    assert desk.started[taken:] == [("busy", f"o{taken}")]


def test_round_that_is_asked_for_twice_while_it_waits_starts_once() -> None:
    desk = Desk()
    for number in range(100):
        desk.request("busy", f"o{number}")
    desk.request("busy", "o99")
    for number in range(100):
        desk.ended("busy", f"o{number}")
    assert len(desk.started) == len(set(desk.started))


def test_account_that_left_has_no_round_any_more() -> None:
    desk = Desk()
    for number in range(100):
        desk.request("gone", f"o{number}")
    desk.request("gone", "later", due_in_ms=1000)
    desk.take(AccountLeft(account_id="gone"))
    assert desk.actor._timers == {}
    before = len(desk.started)
    desk.request("live", "mine")
    desk.ended("live", "mine")
    assert desk.started[before:] == [("live", "mine")]


def test_account_that_came_back_is_served_again() -> None:
    desk = Desk()
    desk.request("a", "o1")
    desk.take(AccountLeft(account_id="a"))
    desk.request("a", "o1")
    assert desk.started == [("a", "o1"), ("a", "o1")]


def test_places_of_an_account_that_left_go_to_those_who_wait() -> None:
    desk = Desk()
    for account in "abcdefgh":
        for number in range(20):
            desk.request(account, f"o{number}")
    before = len(desk.started)
    desk.take(AccountLeft(account_id="a"))
    assert before == 64
    assert len(desk.started) == 80
    assert all(account != "a" for account, _ in desk.started[before:])
