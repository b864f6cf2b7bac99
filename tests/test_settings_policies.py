"""What an account decides by: the settings as they arrive there, with their defaults and with every value changed."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from settings_sources import load, nested

from actors import Oms
from actors.domain.risk import RiskLimits
from actors.domain.timeouts import FillTimeoutPolicy
from actors.policy import AccountPolicy, ExchangePolicy, Freshness, PreTradePolicy, PrivacyPolicy
from messages import OrderType

FILLS = "orderManagement.partialFillTracking"
CONTROL = "orderManagement.concurrencyControl"
TRADE = "orderManagement.preTrade"
RISK = "orderManagement.risk"
PRIVACY = "orderManagement.privacy"


def policy_of(source: Any = None) -> AccountPolicy:
    return Oms(load(source)).runtime.policies["1"]


def test_policy_from_nothing_is_the_policy_by_default() -> None:
    found = policy_of()

    default = AccountPolicy(tag=found.tag, exchanges=found.exchanges)
    differing = [
        field.name
        for field in fields(AccountPolicy)
        if field.name != "stuck_by_state_ms" and getattr(found, field.name) != getattr(default, field.name)
    ]
    assert differing == ["pre_trade"]
    assert found.pre_trade == replace(default.pre_trade, duplicate_ticks=1)
    assert found.exchanges["binance"].asset_type == "crypto"


def by_path(policy: AccountPolicy, path: str) -> object:
    found: Any = policy
    for part in path.split("."):
        found = getattr(found, part)
    return found


CHANGED = [
    (f"{FILLS}.completion.quantityTolerance", "0.001", "fill_tolerance", Decimal("0.001")),
    (f"{FILLS}.pricing.maxPriceDeviationPercent", "2.5", "price_deviation_max_percent", Decimal("2.5")),
    (f"{FILLS}.timeout.enabled", False, "fill_timeouts.enabled", False),
    (f"{FILLS}.timeout.defaultTimeoutMs", 7000, "fill_timeouts.default_ms", 7000),
    (f"{FILLS}.timeout.timeoutByAssetType", {"crypto": 7000}, "fill_timeouts.by_asset_type", {"crypto": 7000}),
    (f"{FILLS}.timeout.timeoutByOrderType", {"LIMIT": 0}, "fill_timeouts.by_order_type", {OrderType.LIMIT: 0}),
    (f"{FILLS}.timeout.startTimerAfter", "order_submit", "fill_timeouts.from_submit", True),
    (f"{FILLS}.timeout.resetOnFill", False, "fill_timeouts.reset_on_fill", False),
    (f"{FILLS}.timeout.action", "alert_only", "fill_timeouts.cancel", False),
    (f"{FILLS}.audit.intervalMs", 7000, "audit_interval_ms", 7000),
    (f"{CONTROL}.positionClose.closeTimeout", 7000, "close_timeout_ms", 7000),
    (f"{CONTROL}.eventOrdering.bufferWindowMs", 0, "buffer_window_ms", 0),
    (f"{CONTROL}.eventOrdering.clockSkewAlertMs", 70, "clock_skew_alert_ms", 70),
    ("orderManagement.sync.staleAfterSeconds", 7, "stale_after_ms", 7000),
    (f"{TRADE}.freshness", "always_fetch", "pre_trade.freshness", Freshness.ALWAYS_FETCH),
    (f"{TRADE}.freshness", "max_age_ms", "pre_trade.freshness", Freshness.MAX_AGE),
    (f"{TRADE}.maxAgeMs", 700, "pre_trade.max_age_ms", 700),
    (f"{TRADE}.duplicateToleranceTicks", 0, "pre_trade.duplicate_ticks", 0),
    (f"{TRADE}.duplicateToleranceTicks", None, "pre_trade.duplicate_ticks", None),
    (f"{TRADE}.selfTrade", "cancel_resting", "pre_trade.cancel_resting", True),
    (f"{RISK}.maxOrderNotional", "1000.50", "risk.max_order_notional", Decimal("1000.50")),
    (f"{RISK}.maxOpenOrders.perSymbol", 7, "risk.max_open_orders_per_symbol", 7),
    (f"{RISK}.maxOpenOrders.perAccount", 70, "risk.max_open_orders_per_account", 70),
    (f"{RISK}.maxOpenNotional.perSymbol", "7", "risk.max_open_notional_per_symbol", Decimal(7)),
    (f"{RISK}.maxOpenNotional.perExchange", "70", "risk.max_open_notional_per_exchange", Decimal(70)),
    (f"{RISK}.maxOpenNotional.perAccount", "700", "risk.max_open_notional_per_account", Decimal(700)),
    (f"{RISK}.maxPosition", {"BTC-USDT": "0.7"}, "risk.max_position", {"BTC-USDT": Decimal("0.7")}),
    (f"{RISK}.maxOrdersPerMinute", 7, "risk.max_orders_per_minute", 7),
    (f"{RISK}.priceCollarPercent", "2.5", "risk.price_collar_percent", Decimal("2.5")),
    (f"{RISK}.allowedSymbols", ["BTC-USDT"], "risk.allowed_symbols", frozenset({"BTC-USDT"})),
    (f"{RISK}.killSwitch", True, "risk.kill_switch", True),
    (f"{PRIVACY}.cacheOrders", False, "privacy.cache_orders", False),
    (f"{PRIVACY}.clearOnLogout", True, "privacy.clear_on_logout", True),
    (f"{PRIVACY}.retainHistory", False, "privacy.retain_history", False),
]


@pytest.mark.parametrize(
    ("key", "value", "path", "expected"), CHANGED, ids=[f"{key}={value}" for key, value, *_ in CHANGED]
)
def test_policy_from_a_changed_setting_takes_its_value(key: str, value: object, path: str, expected: object) -> None:
    assert by_path(policy_of(), path) != expected
    assert by_path(policy_of(nested(key, value)), path) == expected


def test_policy_from_changed_precision_keeps_the_places_of_the_other_asset_types() -> None:
    assert policy_of(nested(f"{FILLS}.pricing.precisionByAssetType.stocks", 4)).price_places == {
        "stocks": 4,
        "forex": 5,
        "crypto": 8,
        "futures": 2,
    }


def test_policy_of_an_exchange_knows_what_it_trades() -> None:
    exchange: ExchangePolicy = policy_of(nested("exchanges.binance.assetType", "forex")).exchanges["binance"]

    assert exchange.asset_type == "forex"


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("fill_timeouts", FillTimeoutPolicy),
        ("pre_trade", PreTradePolicy),
        ("risk", RiskLimits),
        ("privacy", PrivacyPolicy),
    ],
)
def test_policy_of_a_part_takes_every_field_from_a_setting(part: str, kind: type) -> None:
    names = {path.partition(".")[2] for _, _, path, _ in CHANGED if path.startswith(f"{part}.")}

    assert names == {field.name for field in fields(kind)}
