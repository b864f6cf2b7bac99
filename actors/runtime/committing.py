"""An actor whose turns are made durable before anyone can see them.

A turn's records go into memory at once; the same records are staged as one section for the committer; effects, events
and replies wait until the store has said that the section is durable, and are then released in the order of the turns.
A refused section means that somebody else owns this state, or that we have a bug: the memory is thrown away.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from actors.runtime.base import InboxT, OmsActor
from actors.runtime.outcome import Effect, Outcome, parted
from actors.runtime.seam import System
from actors.store.port import Section
from messages.base import Message, fast_init
from messages.control import Committed, Verdict


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Message):
    """A committing actor to the committer: make this section durable. It never leaves the process."""

    section: Section
    reply_to: str


class CommittingActor(OmsActor[InboxT]):
    """Base of actors with durable state. `seq` numbers the sections, `epoch` is the fencing token of the lease."""

    committer: ClassVar[str] = "committer"

    def __init__(self, system: System, address: str, account_id: str) -> None:
        super().__init__(system, address)
        self.account_id = account_id
        self.epoch = 0
        self.seq = 0
        self._unreleased: deque[tuple[int, Message | None, Outcome]] = deque()
        """By section: what was being handled and what it led to, oldest first."""

    @abstractmethod
    def remember(self, record: object) -> None:
        """Put one new record into memory."""

    @abstractmethod
    def on_fenced(self, verdict: Verdict) -> Outcome:
        """The store refused a section: throw the memory away. What is unreleased is still there to look at, and is
        dropped afterwards.
        """

    @abstractmethod
    def on_released(self, outcome: Outcome) -> None:
        """Records of this outcome are durable: show them to readers."""

    def carry_out(self, outcome: Outcome) -> None:
        """Remember, stage, and release at once only what needs no commit and follows nothing that does."""
        for record in outcome.apply:
            self.remember(record)
        if outcome.at_once:
            self.perform(outcome.at_once)
        if outcome.writes:
            self.seq += 1
            stored = () if outcome.private else outcome.events
            for number, event in enumerate(stored):
                object.__setattr__(event, "event_id", f"{self.seq}-{number}")
            section = Section(
                self.account_id,
                self.epoch,
                self.seq,
                tuple(outcome.writes),
                tuple([outcome.encoding.event(event) for event in stored]),
            )
            self._unreleased.append((self.seq, self._handling, outcome))
            self.system.tell(self.committer, Stage(section=section, reply_to=self.address))
        elif self._unreleased and (outcome.effects or outcome.events):
            self._unreleased.append((self.seq, self._handling, outcome))
        else:
            self._release(outcome)

    def on_committed(self, message: Committed) -> Outcome:
        """Release what has become durable, in the order of the turns and in the name of the messages that led to it."""
        if message.epoch != self.epoch:
            return Outcome()
        if message.verdict.refuses:
            outcome = self.on_fenced(message.verdict)
            self._unreleased.clear()
            return outcome
        unreleased = self._unreleased
        while unreleased and unreleased[0][0] <= message.seq:
            _, self._handling, outcome = unreleased.popleft()
            self._release(outcome)
        self._handling = message
        return Outcome()

    def release_early(self, may_leave: Callable[[Effect], bool]) -> None:
        """Carry out what need not wait, of turns that do, each in the name of the message that led to it."""
        handling = self._handling
        for _, cause, outcome in self._unreleased:
            self._handling = cause
            early, outcome.effects = parted(outcome.effects, may_leave)
            self.perform(early)
        self._handling = handling

    def _release(self, outcome: Outcome) -> None:
        self.on_released(outcome)
        for event in outcome.events:
            self.system.publish(event)
        self.perform(outcome.effects)
