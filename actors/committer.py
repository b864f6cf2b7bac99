"""The committer: gathers the sections of all accounts and writes them in groups, one call in flight.

While a call is under way the next group gathers, so that latency is one round trip at low load and the groups grow with
the load; it never lingers. When the store does not answer, the same group is sent again unchanged until it does: the
sections' numbers make that safe. Everybody who has state in the store is told when it goes away and when it is back.

Must never: change, drop or reorder a section, or answer for one that the store has not spoken about.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias, assert_never

from actors.runtime.base import OmsActor
from actors.runtime.committing import Stage
from actors.runtime.outcome import Act, Outcome, Publish, Send, SetTimer
from actors.runtime.seam import System
from actors.store.port import Section
from messages.base import Message
from messages.control import (
    BatchAnswered,
    BatchUnanswered,
    Committed,
    KeptAlive,
    Ping,
    StoreAvailability,
    Verdict,
    WatchStore,
)
from messages.events import Alert, Severity

GROUP_MAX = 256
_RETRY_MS = (20, 50, 100, 250, 500, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RetryDue(Message):
    """Send the group in flight again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignOfLifeDue(Message):
    """Renew the owner's sign of life."""


class StoreWriter(Protocol):
    """The rim that talks to the store on threads of its own; both calls return at once and are answered by message."""

    def write(self, sections: list[Section]) -> None:
        """Answered by `BatchAnswered` or `BatchUnanswered` to the committer."""
        ...

    def keep_alive(self) -> None:
        """Answered by `KeptAlive` to the committer."""
        ...


CommitterInbox: TypeAlias = (
    Stage | BatchAnswered | BatchUnanswered | KeptAlive | WatchStore | Ping | _RetryDue | _SignOfLifeDue
)


class CommitterActor(OmsActor[CommitterInbox]):
    """One per process. See the module."""

    accepts: ClassVar = frozenset(
        {Stage, BatchAnswered, BatchUnanswered, KeptAlive, WatchStore, Ping, _RetryDue, _SignOfLifeDue}
    )

    def __init__(self, system: System, address: str, *, writer: StoreWriter, renew_interval_ms: int) -> None:
        super().__init__(system, address)
        self._writer = writer
        self._renew_interval_ms = renew_interval_ms
        self._gathering: list[Stage] = []
        self._in_flight: list[Stage] = []
        self._sent_ms = 0
        self._tries = 0
        self._available = True
        self._watchers: dict[str, None] = {}

    def first_turn(self) -> Outcome:
        """Begin to show that this process lives."""
        return Outcome(effects=[SetTimer("life", self._renew_interval_ms, _SignOfLifeDue())])

    def receive(self, message: CommitterInbox) -> Outcome:
        """Handle one message."""
        match message:
            case Stage():
                return self._on_stage(message)
            case BatchAnswered():
                return self._on_batch_answered(message)
            case BatchUnanswered():
                return self._on_batch_unanswered(message)
            case KeptAlive():
                return self._on_kept_alive(message)
            case WatchStore():
                self._watchers[message.address] = None
                away = self._availability(message.address, "store is away")
                return Outcome(effects=[] if self._available else [away])
            case _RetryDue():
                return Outcome(effects=[Act(self._write)])
            case _SignOfLifeDue():
                return Outcome(
                    effects=[Act(self._writer.keep_alive), SetTimer("life", self._renew_interval_ms, _SignOfLifeDue())]
                )
            case Ping():
                return Outcome(effects=[])
            case _:
                assert_never(message)

    def _on_stage(self, message: Stage) -> Outcome:
        self._gathering.append(message)
        return Outcome() if self._in_flight else self._next_group()

    def _next_group(self) -> Outcome:
        if not self._gathering:
            return Outcome()
        size = _group_size(self._gathering)
        self._in_flight, self._gathering = self._gathering[:size], self._gathering[size:]
        self._tries = 0
        return Outcome(effects=[Act(self._write)])

    def _write(self) -> None:
        self._sent_ms = self.system.clock.monotonic_ms()
        self._writer.write([stage.section for stage in self._in_flight])

    def _on_batch_answered(self, message: BatchAnswered) -> Outcome:
        outcome = self._back_in_service()
        self.system.metrics.commit(len(self._in_flight), self.system.clock.monotonic_ms() - self._sent_ms)
        last: dict[tuple[str, int], tuple[Stage, Verdict]] = {}
        for stage, verdict in zip(self._in_flight, message.verdicts, strict=True):
            key = (stage.reply_to, stage.section.epoch)
            fenced = key in last and last[key][1].refuses
            if not fenced:
                last[key] = (stage, verdict)
        for (address, epoch), (stage, verdict) in last.items():
            outcome.effects.append(
                Send(
                    address,
                    Committed(
                        account_id=stage.section.account_id, epoch=epoch, seq=stage.section.seq, verdict=verdict
                    ),
                )
            )
        self._in_flight = []
        following = self._next_group()
        outcome.effects.extend(following.effects)
        return outcome

    def _on_batch_unanswered(self, message: BatchUnanswered) -> Outcome:
        outcome = self._out_of_service(message.reason)
        delay = _RETRY_MS[min(self._tries, len(_RETRY_MS) - 1)]
        self._tries += 1
        outcome.effects.append(SetTimer("retry", delay, _RetryDue()))
        return outcome

    def _on_kept_alive(self, message: KeptAlive) -> Outcome:
        if message.reason:
            return self._out_of_service(message.reason)
        # A group in flight speaks for itself: only its own answer ends its outage.
        return Outcome() if self._in_flight else self._back_in_service()

    def _out_of_service(self, reason: str) -> Outcome:
        if not self._available:
            return Outcome()
        self._available = False
        return Outcome(
            effects=[
                Publish(self._alert("StoreUnavailable", Severity.CRITICAL, f"the store does not answer: {reason}")),
                *(self._availability(address, reason) for address in self._watchers),
            ]
        )

    def _back_in_service(self) -> Outcome:
        if self._available:
            return Outcome()
        self._available = True
        return Outcome(
            effects=[
                Publish(self._alert("StoreAvailable", Severity.INFO, "the store answers again")),
                *(self._availability(address, "") for address in self._watchers),
            ]
        )

    def _availability(self, address: str, reason: str) -> Send:
        return Send(address, StoreAvailability(available=self._available, reason=reason))

    def _alert(self, name: str, severity: Severity, text: str) -> Alert:
        return Alert(account_id="", name=name, severity=severity, text=text, at_ms=self.system.clock.now_ms())


def _group_size(gathering: list[Stage]) -> int:
    """How many sections make the next group.

    The store refuses the rest of an account's sections in a group once it refused one. So what an account staged before
    it was restarted, under its former epoch, never shares a group with what it stages under the new one.
    """
    epochs: dict[str, int] = {}
    for size, stage in enumerate(gathering[:GROUP_MAX]):
        section = stage.section
        if epochs.setdefault(section.account_id, section.epoch) != section.epoch:
            return size
    return min(len(gathering), GROUP_MAX)
