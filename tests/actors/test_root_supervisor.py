"""The root: an account that fails comes back, and everybody who must know is told first."""

from actors.runtime.simulated import SimulatedSystem
from actors.runtime.supervision import ChildKind
from actors.supervisors.root import Child, RootSupervisor
from messages.base import Message
from messages.control import AccountLeft, ChildFailed
from messages.events import Alert, Event, Severity


class Root:
    """A root with one account; `log` is what it did, in order."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.events: list[Event] = []
        self.system = SimulatedSystem(1)
        self.system.tell = self._on_tell  # type: ignore[method-assign]
        self.system.start = lambda address, *_, **__: self.log.append(address)  # type: ignore[method-assign]
        self.system.on_event = self.events.append
        child = Child("account/1", ChildKind.ACCOUNT, lambda *_: None, "1")  # type: ignore[arg-type, return-value]
        self.actor = RootSupervisor(
            self.system,
            "root",
            children=(child,),
            escalate=self.log.append,
            account_lost=lambda account_id: self.log.append(f"lost {account_id}"),
        )

    def fail(self) -> None:
        failed = ChildFailed(address="account/1", error="RuntimeError: broken", handling="SubmitOrder")
        self.actor.carry_out(self.actor.receive(failed))

    def _on_tell(self, _: str, message: Message) -> bool:
        self.log.append(message)
        return True


def test_failed_account_is_announced_as_lost_and_its_look_ups_are_forgotten() -> None:
    root = Root()
    root.fail()
    lost, *left = root.log
    assert lost == "lost 1"
    assert [each.account_id for each in left if isinstance(each, AccountLeft)] == ["1", "1"]


def test_account_that_keeps_failing_is_restarted_once_a_window_with_an_alert_each_time() -> None:
    root = Root()
    for _ in range(6):
        root.fail()
    assert "account/1" in root.actor._timers
    alerts = [event for event in root.events if isinstance(event, Alert)]
    assert [alert.severity for alert in alerts] == [Severity.CRITICAL] * 6
    assert [dict(alert.details)["decision"] for alert in alerts] == ["restart"] * 3 + ["restart in 60000 ms"] * 3
