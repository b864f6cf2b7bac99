"""The metrics: every name the specifications give, and each method moves what it says."""

import pytest
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
unexpected_messages_total commit_batch_size commit_duration_ms store_errors_total venue_calls_total stream_connected
"""


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
    metrics.commit(64, 3)
    assert value("commit_batch_size_sum") == 64
    assert value("commit_duration_ms_sum") == 3
    metrics.dead_letters(0)
    metrics.dead_letters(2)
    assert value("dead_letters_total") == 2
    metrics.venue_call("binance", "PlaceOrder", "ambiguous")
    assert value("venue_calls_total", venue="binance", request="PlaceOrder", outcome="ambiguous") == 1
    metrics.messages_from(lambda: 5)
    metrics.messages_from(lambda: 6)
    assert value("actor_messages_total") == 11


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
