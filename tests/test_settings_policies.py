"""What an account decides by: the settings as they arrive there, with their defaults and with every value changed."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from settings_sources import load, nested

from actors import Oms
from actors.domain.timeouts import FillTimeoutPolicy
from actors.policy import AccountPolicy, ExchangePolicy
from messages import OrderType

FILLS = "orderManagement.partialFillTracking"
CONTROL = "orderManagement.concurrencyControl"


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
    assert differing == []
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
]


@pytest.mark.parametrize(("key", "value", "path", "expected"), CHANGED, ids=[key for key, *_ in CHANGED])
def test_policy_from_a_changed_setting_takes_its_value(key: str, value: object, path: str, expected: object) -> None:
    assert by_path(policy_of(), path) != expected
    assert by_path(policy_of(nested(key, value)), path) == expected


def test_policy_from_changed_precision_keeps_the_places_of_the_other_asset_types() -> None:
    assert policy_of(nested(f"{FILLS}.pricing.precisionByAssetType.stocks", 4)).price_places == {
        "stocks": 4,
        "forex": 5,
        "crypto": 8,
    }


def test_policy_of_an_exchange_knows_what_it_trades() -> None:
    exchange: ExchangePolicy = policy_of(nested("exchanges.binance.assetType", "forex")).exchanges["binance"]

    assert exchange.asset_type == "forex"


def test_policy_of_fill_timeouts_is_complete() -> None:
    names = {path.partition(".")[2] for _, _, path, _ in CHANGED if path.startswith("fill_timeouts.")}

    assert names == {field.name for field in fields(FillTimeoutPolicy)}
