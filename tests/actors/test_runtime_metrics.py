"""The metrics: every name the specifications give, and each method moves what it says."""

import re
from decimal import Decimal
from pathlib import Path
from time import monotonic

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from actors.runtime.metrics import Metrics

NAMES = """
order_state_transitions_total order_lifecycle_transitions_total order_time_in_state_ms
order_terminal_state_reached_total order_completion_by_reason order_terminal_corrections_total order_stuck_total
order_verification_attempts_total order_verification_duration_ms order_verification_success_rate
order_verification_match_quality idempotency_cache_hits idempotency_cache_misses idempotency_cache_size
idempotency_key_generation_duration_ms idempotency_duplicate_orders_prevented duplicate_orders_prevented
idempotency_cache_errors manual_review_escalations order_fill_events_total order_fill_processing_duration_ms
order_partial_fill_timeout_total order_weighted_avg_calculation_duration_ms order_fill_deduplication_hits
order_out_of_order_fills actor_messages_total actor_failures_total actor_message_overdue dead_letters_total
unexpected_messages_total commit_batch_size commit_duration_ms store_errors_total stream_connected
event_ordering_buffer_size active_close_operations venue_clock_skew_ms stream_gaps_total position_drift fills_parked
fill_audits_total missed_fills_total venue_fetch_failures_total
open_orders_sync_age_seconds open_orders_sync_total orders_adopted_total orders_vanished_total risk_refusals_total
self_trades_prevented_total kill_switch_on parity_differences parity_checks_total order_modifications_total
concurrent_modification_conflicts_total
"""
ALERTS = Path(__file__).parents[2] / "config" / "prometheus" / "alerts.yaml"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


@pytest.mark.usefixtures("metrics")
@pytest.mark.parametrize("name", NAMES.split())
def test_metrics_every_specified_name_is_exposed(registry: CollectorRegistry, name: str) -> None:
    exposed = {line.split()[2] for line in generate_latest(registry).decode().splitlines() if line.startswith("# TYPE")}
    assert {name, f"{name}_total"} & exposed


def test_metrics_methods_move_what_they_say(registry: CollectorRegistry, metrics: Metrics) -> None:
    def value(sample: str, **labels: str) -> float | None:
        return registry.get_sample_value(sample, labels)

    metrics.transition("PENDING", "SUBMITTED", "validation_pass")
    step = {"from_state": "PENDING", "to_state": "SUBMITTED", "trigger": "validation_pass"}
    assert value("order_state_transitions_total", **step) == 1
    assert value("order_lifecycle_transitions_total") == 1
    metrics.time_in_state("PENDING", 50)
    assert value("order_time_in_state_ms_sum", state="PENDING") == 50
    metrics.terminal("FILLED", "fully_filled")
    assert value("order_terminal_state_reached_total", terminal_state="FILLED") == 1
    assert value("order_completion_by_reason_total", reason="fully_filled") == 1
    metrics.duplicate_prevented()
    assert value("duplicate_orders_prevented_total") == 1
    assert value("idempotency_duplicate_orders_prevented_total") == 1
    metrics.idempotency_size(3)
    metrics.idempotency_size(-1)
    assert value("idempotency_cache_size") == 2
    metrics.fill("BTC-USDT", "LIMIT", 20)
    assert value("order_fill_events_total", symbol="BTC-USDT", order_type="LIMIT") == 1
    assert value("order_fill_processing_duration_ms_bucket", le="50.0") == 1
    metrics.fill_duplicate("rest", "stream")
    repeated = {"first_source": "rest", "source": "stream"}
    assert value("order_fill_deduplication_hits_total", **repeated) == 1
    metrics.fill_out_of_order()
    assert value("order_out_of_order_fills_total") == 1
    metrics.fill_timeout("BTC-USDT", "timeout")
    assert value("order_partial_fill_timeout_total", symbol="BTC-USDT", timeout_reason="timeout") == 1
    metrics.fill_missed("binance")
    assert value("missed_fills_total", exchange="binance") == 1
    metrics.fill_audit("binance", "agreed")
    assert value("fill_audits_total", exchange="binance", outcome="agreed") == 1
    metrics.stream_gap("binance")
    assert value("stream_gaps_total", exchange="binance") == 1
    metrics.clock_skew("binance", -1200)
    assert value("venue_clock_skew_ms", exchange="binance") == -1200
    metrics.fetch_failed("binance", "FetchFills")
    assert value("venue_fetch_failures_total", exchange="binance", request="FetchFills") == 1
    metrics.commit(64, 3)
    assert value("commit_batch_size_sum") == 64
    assert value("commit_duration_ms_sum") == 3
    metrics.dead_letters(0)
    metrics.dead_letters(2)
    assert value("dead_letters_total") == 2
    metrics.messages_from(lambda: 5)
    metrics.messages_from(lambda: 6)
    assert value("actor_messages_total") == 11


def test_metrics_of_awareness_move_what_they_say(registry: CollectorRegistry, metrics: Metrics) -> None:
    def value(sample: str, **labels: str) -> float | None:
        return registry.get_sample_value(sample, labels)

    metrics.synced("1", "binance", age_ms=5)
    metrics.sync_incomplete("binance")
    metrics.sync_failed("binance")
    for outcome in ("complete", "incomplete", "failed"):
        assert value("open_orders_sync_total", exchange="binance", outcome=outcome) == 1
    metrics.order_adopted("binance", "external")
    assert value("orders_adopted_total", exchange="binance", kind="external") == 1
    metrics.order_vanished("binance")
    assert value("orders_vanished_total", exchange="binance") == 1
    metrics.risk_refused("maxPosition")
    assert value("risk_refusals_total", rule="maxPosition") == 1
    metrics.self_trade_prevented()
    assert value("self_trades_prevented_total") == 1
    metrics.duplicate_refused()
    assert value("duplicate_orders_prevented_total") == 1
    assert value("idempotency_duplicate_orders_prevented_total") == 0
    metrics.kill_switch("1", on=True)
    assert value("kill_switch_on", account="1") == 1
    metrics.order_modified("amend", "modified")
    assert value("order_modifications_total", kind="amend", outcome="modified") == 1
    metrics.modification_conflict("first_wins")
    assert value("concurrent_modification_conflicts_total", resolution_strategy="first_wins") == 1


def test_metrics_of_a_served_exchange_begin_at_nothing_so_that_a_first_increase_is_seen(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.sync_awaited("1", "binance")

    for kind in ("ours", "external"):
        assert registry.get_sample_value("orders_adopted_total", {"exchange": "binance", "kind": kind}) == 0
    assert registry.get_sample_value("orders_vanished_total", {"exchange": "binance"}) == 0
    failed = {"exchange": "binance", "outcome": "failed"}
    assert registry.get_sample_value("open_orders_sync_total", failed) == 0


def test_metrics_age_of_open_orders_is_that_of_the_account_that_waits_longest(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    def age_s() -> float | None:
        return registry.get_sample_value("open_orders_sync_age_seconds", {"exchange": "binance"})

    metrics.synced("1", "binance", age_ms=50_000_000)
    metrics.synced("2", "binance", age_ms=90_000_000)
    assert 90_000 <= (age_s() or 0) < 95_000
    metrics.synced("2", "binance", age_ms=20_000_000)
    assert 50_000 <= (age_s() or 0) < 55_000
    metrics.synced("1", "binance", age_ms=70_000_000)
    assert 50_000 <= (age_s() or 0) < 55_000, "an older list that comes later makes nothing older"
    metrics.sync_forgotten("1")
    assert 20_000 <= (age_s() or 0) < 25_000
    metrics.sync_forgotten()
    assert age_s() is None


def test_metrics_age_of_open_orders_grows_while_nothing_is_told(registry: CollectorRegistry, metrics: Metrics) -> None:
    def age_s() -> float:
        return registry.get_sample_value("open_orders_sync_age_seconds", {"exchange": "binance"}) or 0.0

    metrics.sync_awaited("1", "binance")
    first, deadline = age_s(), monotonic() + 5
    while age_s() <= first:
        assert monotonic() < deadline


def test_metrics_parity_shows_the_differences_of_the_last_report_of_every_account(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    def shown(kind: str) -> float | None:
        return registry.get_sample_value("parity_differences", {"exchange": "binance", "kind": kind})

    metrics.parity_checked("1", "binance", "differs", {"missing_here": 2, "fill_differs": 1})
    metrics.parity_checked("2", "binance", "differs", {"missing_here": 3})
    assert (shown("missing_here"), shown("fill_differs")) == (5, 1)
    metrics.parity_checked("1", "binance", "incomplete", None)
    assert (shown("missing_here"), shown("fill_differs")) == (5, 1)
    metrics.parity_checked("1", "binance", "agreed", {})
    assert (shown("missing_here"), shown("fill_differs")) == (3, 0)
    for outcome, count in (("differs", 2), ("incomplete", 1), ("agreed", 1)):
        assert registry.get_sample_value("parity_checks_total", {"exchange": "binance", "outcome": outcome}) == count


def test_metrics_kill_switch_that_was_never_on_makes_no_series(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.kill_switch("1", on=False)
    assert registry.get_sample_value("kill_switch_on", {"account": "1"}) is None


def test_metrics_success_rate_is_the_share_of_settled_phases(registry: CollectorRegistry, metrics: Metrics) -> None:
    for success in (True, False, True, True):
        metrics.verification("direct_lookup", "found" if success else "failed", 120, success=success)
    assert registry.get_sample_value("order_verification_success_rate", {"phase": "direct_lookup"}) == 0.75


def test_metrics_stream_connected_counts_streams_not_reports(registry: CollectorRegistry, metrics: Metrics) -> None:
    def connected() -> float | None:
        return registry.get_sample_value("stream_connected", {"venue": "binance"})

    for account in ("1", "2", "2"):
        metrics.stream("binance", account, connected=True)
    assert connected() == 2
    metrics.stream("binance", "1", connected=False)
    metrics.stream("binance", "1", connected=False)
    assert connected() == 1


@pytest.mark.parametrize(
    ("method", "gauge"),
    [
        ("fills_parked", "fills_parked"),
        ("events_held", "event_ordering_buffer_size"),
        ("closes_active", "active_close_operations"),
    ],
)
def test_metrics_of_several_accounts_show_their_present_sum(
    registry: CollectorRegistry, metrics: Metrics, method: str, gauge: str
) -> None:
    say = getattr(metrics, method)

    say("1", 3)
    say("2", 4)
    say("1", 2)
    say("1", 2)
    assert registry.get_sample_value(gauge) == 6
    say("1", 0)
    assert registry.get_sample_value(gauge) == 4


def test_metrics_position_drift_of_one_account_does_not_hide_that_of_another(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    def drift() -> float | None:
        return registry.get_sample_value("position_drift", {"exchange": "binance", "symbol": "BTC-USDT"})

    metrics.position_drift("1", "binance", "BTC-USDT", Decimal("0.5"))
    metrics.position_drift("2", "binance", "BTC-USDT", Decimal("-0.5"))
    metrics.position_drift("1", "binance", "ETH-USDT", Decimal(7))
    assert drift() == 1
    metrics.position_drift("1", "binance", "BTC-USDT", Decimal(0))
    metrics.position_drift("2", "binance", "BTC-USDT", Decimal(0))
    assert drift() == 0


def test_metrics_timed_averages_count_each_computation_and_give_its_result(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    doubled = metrics.timed_averages(lambda number: 2 * number)

    assert (doubled(2), doubled(3)) == (4, 6)
    assert registry.get_sample_value("order_weighted_avg_calculation_duration_ms_count") == 2


ALERT_RULES = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
FUNCTIONS = {"abs", "by", "histogram_quantile", "increase", "rate", "sum", "m"}
LABELS = {"exchange", "first_source", "kind", "le", "outcome", "rule", "source"}


@pytest.mark.usefixtures("metrics")
@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: rule["alert"])
def test_alert_rules_go_by_metrics_that_are_exposed(registry: CollectorRegistry, rule: dict[str, str]) -> None:
    exposed = {family.name for family in registry.collect()}
    named = set(re.findall(r"[a-z_]+", re.sub(r'"[^"]*"', "", rule["expr"]))) - FUNCTIONS - LABELS

    bases = {re.sub(r"(_total|_bucket)$", "", name) for name in named}
    assert bases
    assert bases <= exposed


SELECTOR = re.compile(r"([a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'([a-z_]+)=~?"([^"]*)"')
GROUPED = re.compile(r"by \(([a-z_]+)\) \([a-z]+\(([a-z_]+)")


def test_alert_rules_name_labels_and_values_that_their_metrics_have(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.fill_duplicate("stream", "stream")
    metrics.sync_awaited("1", "binance")
    metrics.risk_refused("maxOrderNotional")
    labels: dict[str, list[dict[str, str]]] = {}
    for sample in (sample for family in registry.collect() for sample in family.samples):
        labels.setdefault(sample.name, []).append(sample.labels)
    expressions = [rule["expr"] for rule in ALERT_RULES]

    selectors = [found for expression in expressions for found in SELECTOR.findall(expression)]
    assert {name for name, _ in selectors} >= {"open_orders_sync_total", "orders_adopted_total"}
    for name, inside in selectors:
        for label, values in MATCHER.findall(inside):
            assert set(values.split("|")) <= {each[label] for each in labels[name]}
    grouped = [found for expression in expressions for found in GROUPED.findall(expression) if found[0] != "le"]
    assert grouped
    assert all(label in each for label, name in grouped for each in labels[name])


@pytest.mark.parametrize(
    "name",
    [
        "HighFillProcessingLatency", "FrequentPartialFillTimeouts", "HighFillDeduplicationRate", "ClockSkew",
        "PositionDrift", "OpenOrdersStale", "SyncFailing", "LostOrdersTakenBack", "OrdersVanishing", "ParityDrift",
        "RiskRefusalsHigh", "KillSwitchOn", "FrequentModificationConflicts",
    ],
)  # fmt: skip
def test_alert_rule_is_there(name: str) -> None:
    assert name in {rule["alert"] for rule in ALERT_RULES}
