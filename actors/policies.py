"""From the settings to what each account decides by. Part of the composition.

Must never: decide anything, or hold a default of its own.
"""

from actors.domain.idempotency import IdempotencyPolicy, KeyComponents, deployment_tag
from actors.domain.risk import RiskLimits
from actors.domain.timeouts import FillTimeoutPolicy
from actors.domain.verification import VerificationPolicy
from actors.policy import AccountPolicy, ExchangePolicy, Freshness, PreTradePolicy, PrivacyPolicy
from actors.settings import (
    AccountSettings,
    ExchangeSettings,
    FillTimeoutSettings,
    IdempotencySettings,
    PreTradeSettings,
    PrivacySettings,
    RiskSettings,
    Settings,
    VerificationSettings,
)
from exchanges.registry import capabilities


def account_policy(settings: Settings, account: AccountSettings, *, deployment: str) -> AccountPolicy:
    """Everything that one account decides by."""
    management = settings.order_management
    verification = management.verification
    idempotency = management.idempotency
    quality = verification.match_quality_thresholds
    stuck = management.lifecycle.monitoring
    tracking = management.partial_fill_tracking
    places = tracking.pricing.precision_by_asset_type
    control = management.concurrency_control
    exchanges = settings.exchanges.by_name()
    return AccountPolicy(
        tag=deployment_tag(deployment),
        exchanges={name: _exchange(name, exchanges[name]) for name in account.exchanges.by_name()},
        keys=_keys(idempotency),
        idempotency=IdempotencyPolicy(
            allow_retry_after_failure=idempotency.behavior.allow_retry_after_failure,
            allow_retry_after_expiry=idempotency.behavior.allow_retry_after_expiry,
        ),
        idempotency_enabled=idempotency.enabled,
        answer_repetitions=idempotency.behavior.return_cached_result,
        duplicate_share_alert=idempotency.monitoring.duplicate_rate_threshold,
        idempotency_ttl_ms=idempotency.cache.ttl_ms,
        sweep_interval_ms=idempotency.cache.cleanup_interval_ms,
        refuse_without_store=idempotency.behavior.when_store_unavailable == "refuse",
        max_sends=verification.max_placement_attempts,
        verification=_verification(verification),
        thresholds_ms=(quality.excellent_ms, quality.good_ms, quality.acceptable_ms, quality.suspicious_ms),
        tolerance=verification.quantity_tolerance,
        fill_tolerance=tracking.completion.quantity_tolerance,
        queue_timeout_ms=control.order_placement.queue_timeout_ms,
        max_waiting=control.order_placement.max_queue_size,
        stuck_default_ms=stuck.stuck_order_threshold_s * 1000,
        stuck_by_state_ms={state: s * 1000 for state, s in stuck.stuck_order_threshold_by_state_s},
        detect_stuck=stuck.detect_stuck_orders,
        lookback_ms=management.sync.lookback_minutes * 60_000,
        reconcile_ms=management.sync.reconcile_interval_s * 1000,
        clock_skew_alert_ms=control.event_ordering.clock_skew_alert_ms,
        fill_timeouts=_fill_timeouts(tracking.timeout),
        audit_interval_ms=tracking.audit.interval_ms,
        buffer_window_ms=control.event_ordering.buffer_window_ms,
        close_timeout_ms=control.position_close.close_timeout_ms,
        price_deviation_max_percent=tracking.pricing.max_price_deviation_percent,
        stale_after_ms=management.sync.stale_after_s * 1000,
        pre_trade=_pre_trade(management.pre_trade),
        risk=_limits(management.risk.overridden_by(account.risk)),
        privacy=_privacy(management.privacy),
        price_places={
            "stocks": places.stocks, "forex": places.forex, "crypto": places.crypto, "futures": places.futures
        },
    )


def _exchange(name: str, settings: ExchangeSettings) -> ExchangePolicy:
    can = next(each for each in capabilities() if each.venue == name)
    return ExchangePolicy(
        name=name,
        public_id=settings.id,
        capabilities=can,
        valid_for_ms=settings.valid_for_ms,
        settle_ms=can.settle_ms if settings.settle_ms is None else settings.settle_ms,
        asset_type=settings.asset_type,
    )


def _keys(idempotency: IdempotencySettings) -> KeyComponents:
    generation = idempotency.key_generation
    return KeyComponents(
        resolution_ms=generation.timestamp_resolution_ms,
        include_order_type=generation.include_order_type,
        include_prices=generation.include_prices,
        include_time_in_force=generation.include_time_in_force,
    )


def _verification(verification: VerificationSettings) -> VerificationPolicy:
    return VerificationPolicy(
        direct_budget_ms=verification.direct_lookup_timeout_ms,
        direct_retries=verification.direct_lookup_retries,
        search_budget_ms=verification.search_timeout_ms,
        search_retries=verification.search_retries,
        window_ms=verification.time_window_s * 1000,
        max_rounds=verification.max_verification_attempts,
        intervals_ms=verification.verification_retry_intervals_ms,
        total_ms=verification.total_verification_timeout_ms,
        slow_interval_ms=verification.slow_retry_interval_ms,
    )


def _fill_timeouts(timeout: FillTimeoutSettings) -> FillTimeoutPolicy:
    return FillTimeoutPolicy(
        enabled=timeout.enabled,
        default_ms=timeout.default_timeout_ms,
        by_asset_type=dict(timeout.timeout_by_asset_type_ms),
        by_order_type=dict(timeout.timeout_by_order_type_ms),
        from_submit=timeout.start_timer_after == "order_submit",
        reset_on_fill=timeout.reset_on_fill,
        cancel=timeout.action == "cancel_remaining",
    )


def _pre_trade(pre_trade: PreTradeSettings) -> PreTradePolicy:
    return PreTradePolicy(
        freshness=Freshness(pre_trade.freshness),
        max_age_ms=pre_trade.max_age_ms,
        duplicate_ticks=pre_trade.duplicate_tolerance_ticks,
        cancel_resting=pre_trade.self_trade == "cancel_resting",
    )


def _limits(risk: RiskSettings) -> RiskLimits:
    return RiskLimits(
        max_order_notional=risk.max_order_notional,
        max_open_orders_per_symbol=risk.max_open_orders.per_symbol,
        max_open_orders_per_account=risk.max_open_orders.per_account,
        max_open_notional_per_symbol=risk.max_open_notional.per_symbol,
        max_open_notional_per_exchange=risk.max_open_notional.per_exchange,
        max_open_notional_per_account=risk.max_open_notional.per_account,
        max_position=dict(risk.max_position),
        max_orders_per_minute=risk.max_orders_per_minute,
        price_collar_percent=risk.price_collar_percent,
        allowed_symbols=None if risk.allowed_symbols is None else frozenset(risk.allowed_symbols),
        kill_switch=risk.kill_switch,
    )


def _privacy(privacy: PrivacySettings) -> PrivacyPolicy:
    return PrivacyPolicy(
        cache_orders=privacy.cache_orders,
        clear_on_logout=privacy.clear_on_logout,
        retain_history=privacy.retain_history,
    )
