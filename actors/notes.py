"""What an account remembers beside its stored records: small facts that need not survive a restart. Data only."""

from dataclasses import dataclass
from decimal import Decimal

from messages.base import fast_init
from messages.commands import ClosePosition
from messages.fills import Fill, FillSource, VenueFill
from messages.types import Evidence, VenueOrder, VerificationPhase


@dataclass(frozen=True, slots=True)
class EntryForgotten:
    """An idempotency entry whose time is over."""

    key: str


@dataclass(frozen=True, slots=True)
class ParkedGone:
    """An execution that was parked has found its order."""

    key: str
    fill: VenueFill


@dataclass(frozen=True, slots=True)
class Told:
    """What a list shows beside executions that count was told to operators."""

    key: str
    """The fill key of what it shows."""


@dataclass(frozen=True, slots=True)
class FillRepeated:
    """An execution that is booked was told again."""

    first_source: FillSource
    source: FillSource


@dataclass(frozen=True, slots=True)
class Held:
    """What a venue says of an order and what is held back until the executions it speaks of are booked."""

    order_id: str
    claim: VenueOrder
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class HeldGone:
    """What was held back of an order has been believed, or is known otherwise."""

    order_id: str


@fast_init
@dataclass(frozen=True, slots=True)
class ShownAs:
    """The field of its exchange's public hash that shows an order; None: not shown any more."""

    order_id: str
    exchange: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request was recognised as a repetition."""

    key: str
    at_ms: int


@fast_init
@dataclass(frozen=True, slots=True)
class Waiter:
    """A host's command that waits for an order's outcome."""

    order_id: str
    correlation_id: str
    cancel: bool
    """Waits for the cancel's outcome, not the placement's."""
    duplicate: bool = False


@fast_init
@dataclass(frozen=True, slots=True)
class WaitersGone:
    """Every waiter of an order (or only those of its placement) was answered."""

    order_id: str
    cancels_too: bool


@dataclass(frozen=True, slots=True)
class Uncompared:
    """The positions of an exchange that cannot be compared with what the venue holds."""

    exchange: str
    symbols: frozenset[str]


@dataclass(frozen=True, slots=True)
class CloseAsker:
    """A host's command that waits for the end of a close: its own, or one that it met."""

    command: ClosePosition
    close_id: str


@dataclass(frozen=True, slots=True)
class CloseAskerGone:
    """A host that waited for the end of a close was answered."""

    correlation_id: str


@dataclass(frozen=True, slots=True)
class Watched:
    """An order whose state at the venue is being read again."""

    order_id: str
    rounds: int = 0
    """Completed rounds of look-ups."""
    phase: VerificationPhase = VerificationPhase.INITIATED
    """What was asked last and is not answered yet."""
    asked_ms: int = 0
    direct_asked_venue_ms: int | None = None
    """This round's direct look-up said 'not found' to a question asked at this venue time."""
    for_fills: bool = False
    """Nothing but executions is missing: the question is dropped when they come by themselves."""
    since_ms: int = 0
    """The first question, our clock; 0: none was asked yet."""
    answered: int = 0
    """Rounds in which every question was answered."""
    unheard: bool = False
    """A question of the present round was not answered."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """Of the complete lists of an exchange's open orders that were merged, the newest had been asked for then."""

    exchange: str
    asked_ms: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """An order of ours was not in a list that should show it; it is being looked up."""

    order_id: str
    exchange: str


@dataclass(frozen=True, slots=True)
class ModificationConflict:
    """Two wanted to change an order; `strategy` says who prevailed."""

    strategy: str


@dataclass(frozen=True, slots=True)
class BackInUse:
    """Somebody uses the account again after its last user had left."""


@dataclass(frozen=True, slots=True)
class OrderForgotten:
    """Nothing is kept about an order that has ended."""

    order_id: str


@dataclass(frozen=True, slots=True)
class OtherTerms:
    """A record without a time showed other terms of an order than ours."""

    order_id: str
    terms: tuple[tuple[str, Decimal], ...]
    asked_ms: int
    """When it was asked for, our clock."""


@dataclass(frozen=True, slots=True)
class OtherTermsGone:
    """Such terms were believed, or are not shown any more."""

    order_id: str


@dataclass(frozen=True, slots=True)
class OrderUnited:
    """An order that was taken in under its venue order id alone is another one of ours, and goes."""

    order_id: str
    into: str
    """Our id of the order that it is."""
    fills: tuple[Fill, ...]
    """Its executions, named as that order's."""


@fast_init
@dataclass(frozen=True, slots=True)
class SeenWorking:
    """A venue has just shown an order working, or executing."""

    order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class InHand:
    """A venue has accepted to cancel or to change an order, and it does not show yet."""

    order_id: str
    looks: int
    """How often it was, or is about to be, read since; 0: it is done, or was waited for long enough."""


@dataclass(frozen=True, slots=True)
class Unwatched:
    """The order's state at the venue is known again."""

    order_id: str
