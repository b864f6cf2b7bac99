"""The settings an account decides by, as plain values: its own small section of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from actors.domain.idempotency import IdempotencyPolicy, KeyComponents
from actors.domain.risk import RiskLimits
from actors.domain.timeouts import FillTimeoutPolicy
from actors.domain.verification import VerificationPolicy
from exchanges.gateway import Capabilities
from messages.types import OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePolicy:
    """One exchange of one account."""

    name: str
    public_id: int
    """The numeric `{exchangeId}` of the public keys."""
    capabilities: Capabilities
    valid_for_ms: int
    settle_ms: int
    """After the validity window, how long 'not found' proves nothing."""
    asset_type: str = "crypto"
    """What is traded there: chooses the fill timeout and the places that average prices are shown with."""


class Freshness(StrEnum):
    """What keeps the open orders fresh enough to place another one."""

    STREAM = "stream"
    """A user stream that lives and has no gap."""
    ALWAYS_FETCH = "always_fetch"
    """A list that was asked for after the placement arrived."""
    MAX_AGE = "max_age_ms"
    """A list that is not older than `max_age_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTradePolicy:
    """What is looked at before an order is placed."""

    freshness: Freshness = Freshness.STREAM
    max_age_ms: int = 2000
    """Also how old a price may be that a limit is judged by."""
    duplicate_ticks: int | None = None
    """Orders of one kind whose prices differ by no more ticks than this are duplicates; None: not looked at."""
    cancel_resting: bool = False
    """An order of ours that a new one would execute against is cancelled first; False: the new one is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyPolicy:
    """What of an account's orders is kept where others can see it."""

    cache_orders: bool = True
    """False: nothing for other programs, no stored events, and a record only of an order that has not ended."""
    clear_on_logout: bool = False
    retain_history: bool = True
    """False: an order's record goes when it has ended; executions and positions stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPolicy:
    """Everything an account needs to know that is not state."""

    tag: str
    """This deployment's mark: the first eight hex digits of every client order id."""
    exchanges: dict[str, ExchangePolicy]
    keys: KeyComponents = field(default_factory=KeyComponents)
    idempotency: IdempotencyPolicy = field(default_factory=IdempotencyPolicy)
    idempotency_enabled: bool = True
    answer_repetitions: bool = True
    """False: a repetition is refused instead of answered with the first request's result."""
    duplicate_share_alert: float = 0.05
    idempotency_ttl_ms: int = 3_600_000
    sweep_interval_ms: int = 300_000
    refuse_without_store: bool = True
    """False: the availability mode, in which an order may leave before its intent is durable."""
    max_sends: int = 3
    """Sendings of one order under its client id, unless the order says otherwise."""
    verification: VerificationPolicy = field(default_factory=VerificationPolicy)
    thresholds_ms: tuple[int, int, int, int] = (5000, 30_000, 60_000, 120_000)
    """Match quality by distance in time: excellent, good, acceptable, suspicious; what is farther is no candidate."""
    tolerance: Decimal = Decimal("0.00000001")
    fill_tolerance: Decimal = Decimal("0.00000001")
    queue_timeout_ms: int = 5000
    max_waiting: int = 100
    """Commands that may wait until something is read from a venue, as many as may wait for the account itself."""
    call_overdue_ms: int = 15_000
    """A sending without any answer for this long beyond its validity is unknown."""
    stuck_default_ms: int = 3_600_000
    stuck_by_state_ms: dict[OrderState, int] = field(default_factory=dict)
    detect_stuck: bool = True
    lookback_ms: int = 7_200_000
    reload_delay_ms: int = 1000
    reconcile_ms: int = 300_000
    reconcile_down_ms: int = 5000
    """Between comparisons while the user stream is down."""
    clock_skew_alert_ms: int = 1000
    fill_timeouts: FillTimeoutPolicy = field(default_factory=FillTimeoutPolicy)
    audit_interval_ms: int = 15_000
    """Between comparisons of working orders with the venue's executions over REST, beside the stream."""
    buffer_window_ms: int = 500
    """How long an event may be held back while something it depends on is known to be missing."""
    close_timeout_ms: int = 30_000
    """After this the order that closes a position is cancelled."""
    price_deviation_max_percent: Decimal = Decimal(5)
    """A fill worse than its reference price by more than this raises an alert."""
    stale_after_ms: int = 30_000
    """Open orders that were compared with the venue longer ago are read again when somebody asks for them."""
    pre_trade: PreTradePolicy = field(default_factory=PreTradePolicy)
    risk: RiskLimits = field(default_factory=RiskLimits)
    privacy: PrivacyPolicy = field(default_factory=PrivacyPolicy)
    price_places: Mapping[str, int] = field(
        default_factory=lambda: {"stocks": 2, "forex": 5, "crypto": 8, "futures": 2}
    )
    """Decimal places that average prices are shown with, by asset type."""

    def no_such_exchange(self, account_id: str, exchange: str) -> str:
        """Say that the account has no exchange of a name, and which ones it has."""
        have = ", ".join(sorted(self.exchanges)) or "none"
        return f"account {account_id!r} has no exchange {exchange!r}; it has: {have}"
