"""The settings under `orderManagement`: how orders live, what makes a duplicate, how the unknown is found out.

Names and units of the keys are fixed by the specification; attributes say their unit at the end. Every class is one
part's own small section. Must never: hold a key that nothing reads.
"""

from decimal import Decimal
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from actors.settings.privacy import PrivacySettings
from actors.settings.risk import PreTradeSettings, RiskSettings
from actors.settings.values import AssetType, Contradictions, Flag, Section, decimal, fraction, whole, whole_by
from messages.types import OrderState, OrderType

_DAY_MS = 86_400_000
_YEAR_S = 31_536_000
_TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.PARTIAL_FILL_TIMEOUT,
        OrderState.FAILED,
    }
)
_LIVE = tuple(state for state in OrderState if state not in _TERMINAL)

Thresholds = Annotated[tuple[tuple[OrderState, int], ...], whole_by("state", _LIVE, "seconds", 1, _YEAR_S)]
Interval = Annotated[int, whole("milliseconds", 100, 600_000)]
FillTimeout = Annotated[int, whole("milliseconds", 100, _DAY_MS, zero="none")]
TimeoutByAssetType = Annotated[
    tuple[tuple[AssetType, int], ...],
    whole_by("asset type", get_args(AssetType), "milliseconds", 100, _DAY_MS, zero="none"),
]
TimeoutByOrderType = Annotated[
    tuple[tuple[OrderType, int], ...],
    whole_by("order type", tuple(OrderType), "milliseconds", 100, _DAY_MS, zero="none"),
]
Places = Annotated[int, whole("decimal places", 0, 18)]


class TransitionSettings(Section):
    """Nothing to choose: that transitions are checked and stored is not optional."""


class EventSettings(Section):
    """The stored event stream of an account."""

    stream_max_length: Annotated[int, whole("events", 1_000, 10_000_000)] = 100_000
    """About how many events are kept per account; listeners resume from them."""


class StuckOrderSettings(Section):
    """When an order counts as stuck."""

    detect_stuck_orders: Flag = True
    """Whether orders that stay too long in a state are looked up and reported."""
    stuck_order_threshold_s: Annotated[int, whole("seconds", 1, _YEAR_S)] = Field(
        default=3600, alias="stuckOrderThresholdSeconds"
    )
    """How long an order may stay in a non-terminal state, in general."""
    stuck_order_threshold_by_state_s: Thresholds = Field(
        default=((OrderState.PENDING, 10), (OrderState.SUBMITTED, 30)), alias="stuckOrderThresholdByState"
    )
    """The same for single states, as (state, seconds): a written mapping replaces the default one."""


class LifecycleSettings(Section):
    """How orders live."""

    transitions: TransitionSettings = TransitionSettings()
    events: EventSettings = EventSettings()
    monitoring: StuckOrderSettings = StuckOrderSettings()


class KeyGenerationSettings(Section):
    """Which characteristics make two requests without a request id the same one."""

    timestamp_resolution_ms: Annotated[int, whole("milliseconds", 1_000, _DAY_MS)] = Field(
        default=60_000, alias="timestampResolution"
    )
    """Width of the time bucket within which equal characteristics are one request."""
    include_order_type: Flag = True
    include_prices: Flag = True
    include_time_in_force: Flag = True


class IdempotencyCacheSettings(Section):
    """How long requests are remembered."""

    ttl_ms: Annotated[int, whole("milliseconds", 1_000, 30 * _DAY_MS)] = Field(default=3_600_000, alias="ttl")
    """Life of an entry whose order is settled; an entry never expires under a live or unresolved order."""
    cleanup_interval_ms: Annotated[int, whole("milliseconds", 1_000, _DAY_MS)] = Field(
        default=300_000, alias="cleanupInterval"
    )
    """How often expired entries are swept."""


class IdempotencyBehaviorSettings(Section):
    """What a repeated request leads to."""

    return_cached_result: Flag = True
    """Answer a repetition with the first request's result; false: refuse it."""
    allow_retry_after_failure: Flag = True
    """Whether the same request may be tried again after it failed with proof."""
    allow_retry_after_expiry: Flag = True
    """Whether the same request may be made again after its entry expired."""
    when_store_unavailable: Literal["refuse", "degrade"] = "refuse"
    """`refuse`: no new order without a durable intent. `degrade`: protected by memory alone, with an alert."""


class DuplicateRateSettings(Section):
    """When duplicates are worth an alert."""

    duplicate_rate_threshold: Annotated[float, fraction()] = 0.05
    """Share of duplicates among requests above which an alert is raised."""


class IdempotencySettings(Section):
    """What makes a duplicate, and what becomes of it."""

    enabled: Flag = True
    """False gives the protection up, with a warning at start."""
    key_generation: KeyGenerationSettings = KeyGenerationSettings()
    cache: IdempotencyCacheSettings = IdempotencyCacheSettings()
    behavior: IdempotencyBehaviorSettings = IdempotencyBehaviorSettings()
    monitoring: DuplicateRateSettings = DuplicateRateSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = Contradictions()
        resolution_ms = self.key_generation.timestamp_resolution_ms
        found.check(
            self.cache.ttl_ms >= resolution_ms,
            "cache.ttl",
            f"must be at least keyGeneration.timestampResolution ({resolution_ms} milliseconds): an entry that expires "
            "within its own time bucket protects from nothing",
        )
        found.check(
            self.cache.cleanup_interval_ms <= self.cache.ttl_ms,
            "cache.cleanupInterval",
            f"must not exceed cache.ttl ({self.cache.ttl_ms} milliseconds)",
        )
        found.done()
        return self


class MatchQualitySettings(Section):
    """How far from our sending a venue order found by its characteristics may lie, per quality."""

    excellent_ms: Interval = Field(default=5_000, alias="excellent")
    good_ms: Interval = Field(default=30_000, alias="good")
    acceptable_ms: Interval = Field(default=60_000, alias="acceptable")
    suspicious_ms: Interval = Field(default=120_000, alias="suspicious")
    """Above `acceptable` an order goes to manual review; above this it is not considered."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        found = Contradictions()
        ordered = ("excellent", self.excellent_ms), ("good", self.good_ms), ("acceptable", self.acceptable_ms)
        for (lower, at_least), (key, value) in zip(
            ordered, (*ordered[1:], ("suspicious", self.suspicious_ms)), strict=True
        ):
            found.check(value > at_least, key, f"must be above {lower} ({at_least} milliseconds)")
        found.done()
        return self


class VerificationSettings(Section):
    """How the outcome of a call that nobody answered is found out."""

    direct_lookup_timeout_ms: Interval = Field(default=500, alias="directLookupTimeout")
    """Budget of one direct look-up, all tries together."""
    direct_lookup_retries: Annotated[int, whole("retries", 0, 10)] = 2
    time_window_s: Annotated[int, whole("seconds", 1, 3_600)] = Field(default=60, alias="timeWindowSeconds")
    """How far before and after the sending a search reaches."""
    search_timeout_ms: Interval = Field(default=2_000, alias="searchTimeout")
    """Budget of one search, all tries together."""
    search_retries: Annotated[int, whole("retries", 0, 10)] = 1
    max_verification_attempts: Annotated[int, whole("rounds", 1, 20)] = 3
    """Look-up rounds before an order that is not settled goes to manual review (it stays watched)."""
    verification_retry_intervals_ms: tuple[Interval, ...] = Field(
        default=(2_000, 5_000, 10_000), alias="verificationRetryIntervals"
    )
    """The waits before the rounds, one for each."""
    total_verification_timeout_ms: Interval = Field(default=30_000, alias="totalVerificationTimeout")
    """Since the submit; bounds resending. Unresolved orders are still looked up afterwards, more slowly."""
    max_placement_attempts: Annotated[int, whole("attempts", 1, 10)] = 3
    """How often an order may be sent under its client order id, each time after proof that it is not there."""
    slow_retry_interval_ms: Annotated[int, whole("milliseconds", 1_000, 3_600_000)] = Field(
        default=60_000, alias="slowRetryInterval"
    )
    """Between look-ups of an order in manual review."""
    match_quality_thresholds: MatchQualitySettings = MatchQualitySettings()
    quantity_tolerance: Annotated[Decimal, decimal("0", "1")] = Decimal("0.00000001")
    """Base units by which a venue's quantity may differ from ours and still be the same."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = Contradictions()
        total_ms = self.total_verification_timeout_ms
        limit = f"must not exceed totalVerificationTimeout ({total_ms} milliseconds)"
        found.check(self.direct_lookup_timeout_ms <= total_ms, "directLookupTimeout", limit)
        found.check(self.search_timeout_ms <= total_ms, "searchTimeout", limit)
        rounds = self.max_verification_attempts
        found.check(
            len(self.verification_retry_intervals_ms) == rounds,
            "verificationRetryIntervals",
            f"must hold one interval for each of the {rounds} rounds of maxVerificationAttempts",
        )
        found.check(
            self.slow_retry_interval_ms >= max(self.verification_retry_intervals_ms, default=0),
            "slowRetryInterval",
            "must not be shorter than the longest of verificationRetryIntervals",
        )
        found.done()
        return self


class CompletionSettings(Section):
    """When an order counts as fully filled."""

    quantity_tolerance: Annotated[Decimal, decimal("0", "1")] = Decimal("0.00000001")
    """Base units that may be missing."""


class PricePlacesSettings(Section):
    """Decimal places that average prices are shown with, by what an exchange trades. What is computed stays exact."""

    stocks: Places = 2
    forex: Places = 5
    crypto: Places = 8
    futures: Places = 2


class PricingSettings(Section):
    """Prices of fills."""

    precision_by_asset_type: PricePlacesSettings = PricePlacesSettings()
    max_price_deviation_percent: Annotated[Decimal, decimal("0", "100")] = Decimal("5.0")
    """A fill worse than its order's limit by more raises an alert, and is booked all the same."""


class FillTimeoutSettings(Section):
    """What becomes of an order that is filled in part and no further."""

    enabled: Flag = True
    """False: no order times out, whatever it asked for."""
    default_timeout_ms: FillTimeout = 60_000
    timeout_by_asset_type_ms: TimeoutByAssetType = Field(
        default=(("stocks", 60_000), ("forex", 30_000), ("crypto", 120_000), ("futures", 60_000)),
        alias="timeoutByAssetType"
    )
    """As (asset type, milliseconds), before the default: a written mapping replaces the whole one."""
    timeout_by_order_type_ms: TimeoutByOrderType = Field(
        default=(
            (OrderType.MARKET, 30_000),
            (OrderType.LIMIT, 120_000),
            (OrderType.STOP_MARKET, 60_000),
            (OrderType.STOP_LIMIT, 120_000),
        ),
        alias="timeoutByOrderType",
    )
    """As (order type, milliseconds), before the asset type: a written mapping replaces the whole one."""
    start_timer_after: Literal["first_fill", "order_submit"] = "first_fill"
    """`order_submit`: an order without any fill times out too."""
    reset_on_fill: Flag = True
    """Whether each fill begins the wait anew."""
    action: Literal["cancel_remaining", "alert_only"] = "cancel_remaining"
    """`alert_only`: the order keeps working."""


class AuditSettings(Section):
    """The comparison of working orders with the venue's executions, beside the stream."""

    interval_ms: Annotated[int, whole("milliseconds", 1_000, 600_000)] = 15_000


class PartialFillTrackingSettings(Section):
    """How fills are counted, judged, waited for and compared."""

    completion: CompletionSettings = CompletionSettings()
    pricing: PricingSettings = PricingSettings()
    timeout: FillTimeoutSettings = FillTimeoutSettings()
    audit: AuditSettings = AuditSettings()


class OrderPlacementSettings(Section):
    """How many commands may wait for an account."""

    max_queue_size: Annotated[int, whole("commands", 1, 100_000)] = 100
    """Placements and drafts waiting for one account; the next is refused at once."""
    queue_timeout_ms: Interval = Field(default=5_000, alias="queueTimeout")
    """A command that waited longer is refused and never executed."""


class PositionCloseSettings(Section):
    """The closing of positions."""

    close_timeout_ms: Interval = Field(default=30_000, alias="closeTimeout")
    """After this the order that closes a position is cancelled, and what it closed is reported."""


class EventOrderingSettings(Section):
    """Venue time against ours."""

    buffer_window_ms: Annotated[int, whole("milliseconds", 0, 60_000)] = 500
    """How long an event is held back while something it depends on is known to be missing; 0: never."""
    clock_skew_alert_ms: Annotated[int, whole("milliseconds", 1, 60_000)] = 1_000
    """Difference of the two clocks above which an alert is raised."""


class OwnershipSettings(Section):
    """The lease by which one process owns an account."""

    lease_ttl_ms: Annotated[int, whole("milliseconds", 500, 600_000)] = Field(default=5_000, alias="leaseTtl")
    """Without renewal for so long, another process may take the account."""
    lease_renew_interval_ms: Interval = Field(default=1_500, alias="leaseRenewInterval")

    @model_validator(mode="after")
    def _renews_in_time(self) -> Self:
        found = Contradictions()
        found.check(
            2 * self.lease_renew_interval_ms <= self.lease_ttl_ms,
            "leaseRenewInterval",
            f"must be at most half of leaseTtl ({self.lease_ttl_ms} milliseconds), so that one lost renewal costs "
            "no account",
        )
        found.done()
        return self


class ConcurrencyControlSettings(Section):
    """Queues, closes, clocks and leases."""

    order_placement: OrderPlacementSettings = OrderPlacementSettings()
    position_close: PositionCloseSettings = PositionCloseSettings()
    event_ordering: EventOrderingSettings = EventOrderingSettings()
    ownership: OwnershipSettings = OwnershipSettings()


class SyncSettings(Section):
    """The comparison with the venue, when somebody asks and regularly."""

    stale_after_s: Annotated[int, whole("seconds", 1, 86_400)] = Field(default=30, alias="staleAfterSeconds")
    """Open orders that were compared longer ago are read again when somebody asks for them."""
    reconcile_interval_s: Annotated[int, whole("seconds", 5, 86_400)] = Field(
        default=300, alias="reconcileIntervalSeconds"
    )
    """Between two comparisons of open orders and executions."""
    lookback_minutes: Annotated[int, whole("minutes", 1, 10_080)] = 120
    """How far back recent orders and executions are read."""

    @model_validator(mode="after")
    def _leaves_no_gap(self) -> Self:
        found = Contradictions()
        found.check(
            self.lookback_minutes * 60 >= self.reconcile_interval_s,
            "lookbackMinutes",
            f"must reach back at least reconcileIntervalSeconds ({self.reconcile_interval_s} seconds), or what happens "
            "in between is never read",
        )
        found.done()
        return self


class OrderManagementSettings(Section):
    """Everything under `orderManagement`."""

    lifecycle: LifecycleSettings = LifecycleSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    verification: VerificationSettings = VerificationSettings()
    partial_fill_tracking: PartialFillTrackingSettings = PartialFillTrackingSettings()
    concurrency_control: ConcurrencyControlSettings = ConcurrencyControlSettings()
    sync: SyncSettings = SyncSettings()
    pre_trade: PreTradeSettings = PreTradeSettings()
    risk: RiskSettings = RiskSettings()
    privacy: PrivacySettings = PrivacySettings()
