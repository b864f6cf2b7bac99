"""Control: what the parts of the runtime say to each other. None of it is visible to hosts."""

from dataclasses import dataclass
from enum import StrEnum

from messages.base import Message, fast_init
from messages.types import VerificationPhase


class Verdict(StrEnum):
    """What the store says of one section of a commit."""

    OK = "ok"
    ALREADY = "already"
    """This sequence number was written before: a resend after a lost answer."""
    STALE = "stale"
    """Another owner holds a newer epoch: throw the memory away and stop."""
    GAP = "gap"
    """The sequence number is not the next one: our bug; alert and reload."""
    BROKEN = "broken"
    """A key of this account holds what we never wrote there: alert, and reload until somebody has repaired it."""

    @property
    def refuses(self) -> bool:
        """Whether the section was not written and never will be: the memory it came from is wrong or not ours."""
        return self in (Verdict.STALE, Verdict.GAP, Verdict.BROKEN)


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Message):
    """The store answered for one account: everything up to `seq` is durable (verdict ok or already), or is not."""

    account_id: str
    epoch: int
    seq: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswered(Message):
    """Store to committer: the verdicts on the group in flight, in its order."""

    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchUnanswered(Message):
    """Store to committer: no answer; nobody knows whether the group was written."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlive(Message):
    """Store to committer: the owner's sign of life was written, or was not (`reason`)."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStore(Message):
    """To the committer: tell this address when the store goes away and when it comes back."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAvailability(Message):
    """The store went away or came back."""

    available: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed(Message):
    """An actor's handler raised; the actor has stopped. Sent once per failure, to the parent."""

    address: str
    error: str
    handling: str
    """Class name of the message that was being handled, `on_start` when it was starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Message):
    """Asks an actor to show that it is alive; answered with `Pong`."""

    reply_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Message):
    """The answer to `Ping`."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRequested(Message):
    """Account to verification supervisor: an order's outcome is unknown; schedule rounds for it."""

    account_id: str
    order_id: str
    phase: VerificationPhase
    """The phase to run next."""
    due_in_ms: int
    """0: now, as soon as there is a free place."""
    rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationDue(Message):
    """Verification supervisor to account: run the next step now."""

    account_id: str
    order_id: str
    phase: VerificationPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationEnded(Message):
    """Account to verification supervisor: nothing more to schedule for this order."""

    account_id: str
    order_id: str
    outcome: str
    """`found`, `absent`, `resent`, `manual_review`, `superseded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLeft(Message):
    """To the verification supervisor: nobody here serves this account now; forget every round of it."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportUnresolved(Message):
    """Verification supervisor, newly started, to an account: announce every order that is being verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCommand(Message):
    """Facade to account: a host's patience is over; answer now how far its command got."""

    account_id: str
    command_id: str
    """The command's correlation id."""
