"""Control: what the parts of the runtime say to each other. None of it is visible to hosts."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from messages.base import Message, fast_init
from messages.commands import ClosePosition
from messages.fills import Position, PositionClose
from messages.types import InitiatedBy, VerificationPhase


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
    """To the supervisors with a calendar: nobody here serves this account now; forget every entry of it."""

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


# ----- fill timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class FillTimerWanted(Message):
    """Account to fill-timeout supervisor: look at this order again then. Replaces what was wanted before."""

    account_id: str
    order_id: str
    due_ms: int
    """Our clock; a time that is over means at once. Not a delay: this message waits for a commit."""
    within_ms: int
    """It cannot be farther off than this: where it seems so, our clock was set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillTimerDropped(Message):
    """Account to fill-timeout supervisor: the order has ended."""

    account_id: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillTimeoutDue(Message):
    """Fill-timeout supervisor to account: it may be too long since this order's last fill; the record decides."""

    account_id: str
    order_id: str
    due_ms: int
    """The moment that was wanted. It has come, whatever our clock shows by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFillTimers(Message):
    """Fill-timeout supervisor, newly started, to an account: want every timer anew."""


# ----- positions


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAsked(Message):
    """Account to position: a host wants this position closed."""

    command: ClosePosition


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceClose(Message):
    """Position to account: place the order of a close, for no more than the position is by then."""

    close_id: str
    command: ClosePosition


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelClose(Message):
    """Position to account: the time of a close is over; cancel its order."""

    close_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBegun(Message):
    """Account to position: the order of a close is durable; also told when the account or the position starts anew."""

    close: PositionClose


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseNotBegun(Message):
    """Account to position: there is no order; whoever asked has been told why."""

    close_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseMet(Message):
    """Position to account: a close was asked for while another one runs."""

    command: ClosePosition
    close_id: str
    """The one that runs."""
    initiated_by: InitiatedBy
    waits: bool
    """Whoever asked gets the end of the one that runs; False: he is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseEnded(Message):
    """Account to position: the order of a close has ended."""

    close: PositionClose


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingReported(Message):
    """Account to position: what the venue holds of the base asset, and what our fills have moved of it."""

    position: Position
    asset: str
    total: Decimal
    """At the venue, locked amounts included."""
    moved: Decimal
    """Net change of this asset by all our fills on the exchange, fees included."""
    fills_booked: int
    """Of all positions of the exchange: two reports with the same number have no fill of ours between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingCompared(Message):
    """Position to account: record what a comparison has found."""

    exchange: str
    symbol: str
    asset: str
    unexplained: Decimal
    drift: Decimal
    total: Decimal
    expected: Decimal
