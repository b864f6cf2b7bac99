"""The vocabulary every other module speaks: enumerations, the order, its fills and what proves its state.

Everything here is immutable and free of behaviour. Money and quantities are `Decimal`; `_ms` at the end of a name means
whole milliseconds since 1970 by **our** clock, unless the name says `venue`; the two are never mixed.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from messages.base import fast_init

ZERO = Decimal(0)
ONE = Decimal(1)


class Side(StrEnum):
    """Direction of an order or a fill."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """Normalized order types."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_LIMIT = "STOP_LIMIT"
    STOP_MARKET = "STOP_MARKET"


class TimeInForce(StrEnum):
    """Normalized times in force."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTT = "GTT"


class PublicStatus(StrEnum):
    """The six-valued status that other programs see."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


ENDED_STATUSES = frozenset({PublicStatus.FILLED, PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED})
"""Of an order that no longer works."""


class OrderState(StrEnum):
    """The eleven states of an order's life; `actors.domain.lifecycle` owns the edges between them."""

    DRAFT = "DRAFT"
    PENDING = "PENDING"
    SUBMITTED = "SUBMITTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    PARTIAL_FILL_TIMEOUT = "PARTIAL_FILL_TIMEOUT"
    FAILED = "FAILED"


class Trigger(StrEnum):
    """What may cause a transition."""

    USER_SUBMIT_ORDER = "user_submit_order"
    USER_CANCEL_ORDER = "user_cancel_order"
    USER_MODIFY_ORDER = "user_modify_order"
    VALIDATION_PASS = "validation_pass"
    VALIDATION_FAIL = "validation_fail"
    API_ACKNOWLEDGED = "api_acknowledged"
    API_REJECTED = "api_rejected"
    FIRST_FILL_RECEIVED = "first_fill_received"
    SUBSEQUENT_FILL = "subsequent_fill"
    ORDER_COMPLETE = "order_complete"
    PARTIAL_FILL_TIMEOUT = "partial_fill_timeout"
    ORDER_EXPIRED = "order_expired"
    RISK_RULE_CANCEL = "risk_rule_cancel"
    RISK_RULE_REJECT = "risk_rule_reject"
    PROCESSING_ERROR = "processing_error"
    VERIFICATION_FOUND = "verification_found"
    VERIFICATION_ABSENT = "verification_absent"
    RECONCILIATION = "reconciliation"
    VENUE_CORRECTION = "venue_correction"
    MANUAL_RESOLUTION = "manual_resolution"


class EvidenceSource(StrEnum):
    """Where the proof of a terminal state came from."""

    LOCAL = "local"
    """Nothing ever left this process: validation, a discarded draft, an expired validity window."""
    PLACE_ANSWER = "place_answer"
    CANCEL_ANSWER = "cancel_answer"
    STREAM = "stream"
    LOOKUP = "lookup"
    OPERATOR = "operator"


class AttemptOutcome(StrEnum):
    """What is known about one sending of an order."""

    IN_FLIGHT = "in_flight"
    """Recorded, perhaps sent, not answered."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_PROCESSED = "not_processed"
    """Proven never to have been processed: connection refused, rate limit, expired before sending."""
    AMBIGUOUS = "ambiguous"
    ABSENT = "absent"
    """Was ambiguous, then proven absent by a look-up after the fence."""


class VerificationPhase(StrEnum):
    """Where the verification of an unknown outcome stands."""

    INITIATED = "initiated"
    DIRECT_LOOKUP = "direct_lookup"
    WINDOW_SEARCH = "window_search"
    DECISION = "decision"
    MANUAL_REVIEW = "manual_review"


class MatchQuality(StrEnum):
    """How near in time a venue order found without its client id lies to our sending."""

    EXACT = "exact"
    """Matched by client or venue order id."""
    EXCELLENT = "excellent"
    GOOD = "good"
    ACCEPTABLE = "acceptable"
    SUSPICIOUS = "suspicious"


class IdempotencyStatus(StrEnum):
    """Life of an idempotency entry."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


class InitiatedBy(StrEnum):
    """Who asked."""

    USER = "user"
    RISK_RULE = "risk_rule"
    SYSTEM = "system"
    VENUE = "venue"


class CompletionReason(StrEnum):
    """The one reason for which an order ended."""

    FULLY_FILLED = "fully_filled"
    TIMEOUT = "timeout"
    UNFILLED_TIMEOUT = "unfilled_timeout"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NOT_PLACED = "not_placed"


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizedOrder:
    """One order as every other program sees it: exactly the public schema, camelCase in JSON."""

    exchange: str
    """Lower-case venue name, for example `binance`."""
    order_id: str
    """The venue's order id; the client order id until the venue has given one."""
    client_order_id: str | None = None
    symbol: str
    """Canonical `BASE-QUOTE`; of a contract, the venue's whole id of it."""
    side: Side
    type: OrderType
    status: PublicStatus
    size: Decimal
    """Original size in base units; 0 for a quote-sized order nothing of which is known to have executed."""
    filled_size: Decimal
    remaining_size: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    average_filled_price: Decimal | None = None
    quote_size: Decimal | None = None
    filled_value: Decimal | None = None
    created_at: int
    """Unix milliseconds."""
    updated_at: int | None = None
    expires_at: int | None = None
    time_in_force: TimeInForce
    post_only: bool | None = None
    reduce_only: bool | None = None


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What proves a claim about an order at its venue. Stored with the transition it justifies."""

    source: EvidenceSource
    endpoint: str
    """Method and path, stream topic, or `operator:<name>`."""
    sent_ms: int | None = None
    """When the request left, our clock."""
    received_ms: int
    """When the answer was complete, our clock."""
    venue_time_ms: int | None = None
    """The venue's own time in the answer, venue clock."""
    body_sha256: str | None = None
    """Hash of the raw body, so that a bug report can be matched with a capture."""
    fence_ms: int | None = None
    """Venue time after which the request could no longer be accepted; set where absence was concluded."""
    detail: str = ""
    """The venue's own words or the rule that was applied; never a secret."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sending of an order to its venue, recorded before it is sent."""

    number: int
    """1-based."""
    client_order_id: str
    recorded_ms: int
    valid_until_venue_ms: int
    """The rim never sends at or after this venue time, and the venue is told not to accept after it."""
    outcome: AttemptOutcome = AttemptOutcome.IN_FLIGHT
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Progress of finding out what became of an order."""

    started_ms: int
    phase: VerificationPhase
    rounds: int = 0
    """Look-up rounds (direct plus search) completed."""
    fence_venue_ms: int
    """Before this venue time 'not found' proves nothing."""
    known_to_exist: bool = False
    """The venue refused our client id as a duplicate: there is an order, and no look-up can prove its absence."""


class ModificationKind(StrEnum):
    """How a modification is carried out at the venue."""

    AMEND = "amend"
    """The venue changes the order in place."""
    VENUE_REPLACE = "venue_replace"
    """The venue's own call that cancels the order and places another one."""
    CANCEL_THEN_PLACE = "cancel_then_place"
    """We cancel, and place another order once the cancel is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """A modification that was asked of the venue and is not settled. Stored with its order until it is."""

    modify_id: str
    """Message id of the command: the same command again finds this modification."""
    kind: ModificationKind
    size: Decimal
    """The order's new total size, its executed parts included."""
    executed_before: Decimal = ZERO
    """What former orders of the intent had executed: the size that was asked for is `size` and this."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    asked_ms: int
    initiated_by: InitiatedBy
    merged: bool = False
    """The order had changed since the caller saw it, in other respects than those asked for."""
    replacement_id: str | None = None
    """Our id of the order that takes its place; None for an amend."""
    valid_until_venue_ms: int = 0
    """An amend is never sent at or after this venue time."""


@fast_init
@dataclass(frozen=True, kw_only=True)
class Order:
    """One order of an account, complete. Not slotted, since `lifecycle.evolve` copies its `__dict__` several times."""

    order_id: str
    """Our own id, equal to the client order id of the first leg; never changes."""
    account_id: str
    exchange: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    size: Decimal
    """Base units; 0 while a quote-sized order has not reported its executed size."""
    quote_size: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False
    expires_at_ms: int | None = None
    """GTT: when our own timer (or the venue) ends it."""
    client_order_id: str
    venue_order_id: str | None = None
    state: OrderState
    cancel_pending: bool = False
    """Overlay: a cancel was asked for and is not settled."""
    replace_pending: bool = False
    """Overlay: a modification was asked for and is not settled."""
    version: int = 0
    """Rises by one with every recorded transition."""
    filled_size: Decimal = ZERO
    filled_value: Decimal = ZERO
    """Sum of price x size over the booked fills: quote units, but for the multiplier of a contract."""
    fees: tuple[tuple[str, Decimal], ...] = ()
    """Per currency, sorted by currency."""
    fill_count: int = 0
    first_fill_ms: int | None = None
    last_fill_ms: int | None = None
    attempts: tuple[Attempt, ...] = ()
    max_sends: int = 3
    verification: Verification | None = None
    """Set while the outcome of an attempt or a cancel is being looked up."""
    needs_review: bool = False
    review_reason: str = ""
    overfilled: bool = False
    idempotency_key: str | None = None
    request_id: str | None = None
    generation: int = 0
    created_at_ms: int
    updated_at_ms: int
    submitted_at_ms: int | None = None
    state_since_ms: int
    valid_for_ms: int | None = None
    fill_timeout_ms: int | None = None
    timed_out_ms: int | None = None
    """When the fill timeout struck last. A fill after it begins the wait anew."""
    initiated_by: InitiatedBy = InitiatedBy.USER
    cancelled_by: InitiatedBy | None = None
    completion: CompletionReason | None = None
    reason: str = ""
    """Machine-readable reason of the present state."""
    reason_text: str = ""
    """The venue's own words, verbatim."""
    external: bool = False
    """Not placed by this deployment: visible, counted, never touched by automatic rules."""
    modification: Modification | None = None
    """Set while `replace_pending`."""
    replaces: str | None = None
    """Our id of the order that this one takes the place of."""
    replaced_by: str | None = None
    """Our id of the order that takes, or took, this one's place."""
    modified_by: InitiatedBy | None = None
    """Who modified it last."""
    modified_at_ms: int | None = None
    terms_venue_ms: int = 0
    """Venue time of the latest word on size and prices that was believed; an older one is stale."""
    reference_price: Decimal | None = None
    """Price that an order without one was valued at when it was placed."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class StateTransition:
    """One recorded step of an order's life."""

    order_id: str
    from_state: OrderState
    to_state: OrderState
    trigger: Trigger
    at_ms: int
    reason: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    version: int
    evidence: Evidence | None = None


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyEntry:
    """What is remembered of one request, so that the next equal one is recognised."""

    key: str
    order_id: str
    details: tuple[tuple[str, str], ...]
    """The request's characteristics by name, compared when the key matches."""
    bucketless_key: str
    """Hash of the characteristics without their time bucket; finds unresolved twins after a restart."""
    request_id: str | None = None
    created_ms: int
    expires_ms: int
    last_accessed_ms: int
    status: IdempotencyStatus
    generation: int = 0
    error: str = ""
    access_count: int = 0
    legs: int = 1
    """How many orders in each other's place the request led to, as far as nothing else is kept of them."""
    forgotten_ms: int | None = None
    """When an order of the request was forgotten last, our clock; None: all that were placed are recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Trading rules of one symbol at one venue. A rule that is None is not enforced there."""

    exchange: str
    symbol: str
    venue_symbol: str
    base: str
    quote: str
    trading: bool
    cancel_only: bool = False
    tick_size: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    step_size: Decimal | None = None
    min_size: Decimal | None = None
    max_size: Decimal | None = None
    market_step_size: Decimal | None = None
    market_min_size: Decimal | None = None
    market_max_size: Decimal | None = None
    min_notional: Decimal | None = None
    min_notional_on_market: bool = False
    max_notional: Decimal | None = None
    order_types: frozenset[OrderType]
    post_only_allowed: bool = True
    quote_size_allowed: bool = True
    multiplier: Decimal = ONE
    """Quote units that one base unit is worth at a price of one: 1 on spot, point value of a futures contract."""
    as_of_ms: int


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An order as its venue describes it in a look-up, a list, an answer or a stream event: a claim, not yet ours."""

    exchange: str
    symbol: str
    """Canonical, or the venue's own form when the instrument is unknown."""
    venue_order_id: str
    client_order_id: str | None = None
    side: Side
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    status: PublicStatus | None
    """None when the venue's status has no place in our vocabulary: keep the last known state and ask again."""
    venue_status: str
    """The venue's own word."""
    size: Decimal
    filled_size: Decimal
    filled_value: Decimal | None = None
    """Quote value executed; None when the venue does not know."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    quote_size: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False
    created_venue_ms: int | None = None
    updated_venue_ms: int | None = None
    reason: str = ""
    """Why it ended, in the venue's words."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as hosts see it: the normalized order plus what we know and do not know about it."""

    order: NormalizedOrder
    local_id: str
    """Our own order id, accepted by every command."""
    account_id: str
    state: OrderState
    cancel_pending: bool = False
    replace_pending: bool = False
    needs_review: bool = False
    version: int
    evidence: Evidence | None = None
    """What proves the present state, where a proof is required."""
    reason: str = ""
    reason_text: str = ""
    completion: CompletionReason | None = None
    external: bool = False
    replaces: str | None = None
    replaced_by: str | None = None
    as_of_ms: int
