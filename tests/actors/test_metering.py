"""What an account counts of its turns: by records as they are released, and as the metrics show it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.domain.positions import flat
from actors.memory import AccountMemory
from actors.notes import FillRepeated, Held, ParkedGone
from actors.runtime.outcome import Outcome
from messages import (
    CloseState,
    CompletionReason,
    Fill,
    FillSource,
    InitiatedBy,
    Order,
    OrderState,
    OrderType,
    ParkedFill,
    Position,
    PositionClose,
    StateTransition,
    Trigger,
    VenueFill,
    VenueOrder,
)
from messages.base import copied
from messages.types import Evidence
from tests.actors.metering_kit import Counted
from tests.factories import NOW_MS, make

SYMBOL = {"symbol": "BTC-USDT"}


@pytest.fixture
def counted() -> Counted:
    return Counted()


def fill(number: int, **changes: object) -> Fill:
    values = {"order_id": "o1", "fill_id": str(number), "venue_time_ms": NOW_MS + number}
    return make(Fill, **(values | changes))


def order(**changes: object) -> Order:
    return make(Order, **({"order_id": "o1", "state": OrderState.PARTIALLY_FILLED} | changes))


def ended(to_state: OrderState, trigger: Trigger, completion: CompletionReason) -> tuple[Order, StateTransition]:
    step = make(
        StateTransition, order_id="o1", from_state=OrderState.PARTIALLY_FILLED, to_state=to_state, trigger=trigger
    )
    return order(state=to_state, completion=completion), step


# ----- executions


def test_fill_is_counted_by_symbol_and_type_with_the_time_until_it_was_durable(counted: Counted) -> None:
    counted.release(order(type=OrderType.MARKET), fill(1, received_ms=NOW_MS - 60))

    assert counted.value("order_fill_events_total", **SYMBOL, order_type="MARKET") == 1
    assert counted.value("order_fill_processing_duration_ms_sum") == 60


def test_fills_in_the_venues_order_are_not_out_of_order(counted: Counted) -> None:
    counted.release(order(), fill(1))
    counted.release(order(), fill(2), fill(3))
    counted.release(order(), fill(4))

    assert counted.late == 0


def test_fill_before_a_booked_one_is_out_of_order(counted: Counted) -> None:
    counted.release(order(), fill(3))
    counted.release(order(), fill(1), fill(2))
    counted.release(order(), fill(4))

    assert counted.late == 2


def test_fill_of_the_same_time_with_a_lower_number_is_out_of_order(counted: Counted) -> None:
    counted.release(order(), fill(10, venue_time_ms=NOW_MS), fill(9, venue_time_ms=NOW_MS))

    assert counted.late == 1


def test_fill_of_another_order_has_its_own_order(counted: Counted) -> None:
    counted.release(order(), fill(3))
    counted.release(order(order_id="o2"), fill(1, order_id="o2"))

    assert counted.late == 0


def test_fill_after_a_restart_is_compared_with_the_history_that_was_loaded(counted: Counted) -> None:
    counted.release(order(), fill(3))
    counted.views.publish(fill(5))
    counted.meter.take_stock(counted.memory)

    counted.release(order(), fill(4))
    counted.release(order(), fill(6))

    assert counted.late == 1


def test_fill_after_the_orders_end_is_compared_with_its_history(counted: Counted) -> None:
    counted.release(order(), fill(2))
    counted.release(*ended(OrderState.CANCELLED, Trigger.USER_CANCEL_ORDER, CompletionReason.CANCELLED))
    counted.release(fill(1))
    counted.release(fill(3))

    assert counted.late == 1


def test_fill_that_is_told_again_is_counted_by_who_told_it_first_and_who_again(counted: Counted) -> None:
    counted.meter.released(Outcome(apply=[FillRepeated(FillSource.REST, FillSource.STREAM)]), counted.memory, NOW_MS)

    assert counted.value("order_fill_deduplication_hits_total", first_source="rest", source="stream") == 1


def test_fill_that_only_a_comparison_found_is_a_missed_one(counted: Counted) -> None:
    heard, found = (FillSource.STREAM, FillSource.REST), (FillSource.RECONCILE, FillSource.RECONCILE)
    for number, source in enumerate((*heard, *found, *found), start=1):
        counted.release(order(), fill(number, source=source))

    assert counted.value("missed_fills_total", exchange="binance") == 4


# ----- ends


@pytest.mark.parametrize(("fill_count", "reason"), [(2, "timeout"), (0, "unfilled_timeout")])
def test_fill_timeout_is_counted_once_each_time_it_strikes(counted: Counted, fill_count: int, reason: str) -> None:
    def strikes() -> float:
        return counted.value("order_partial_fill_timeout_total", **SYMBOL, timeout_reason=reason)

    counted.release(order(fill_count=fill_count))
    assert strikes() == 0
    struck = order(fill_count=fill_count, timed_out_ms=NOW_MS)
    counted.release(struck)
    counted.release(replace(struck, cancel_pending=True))
    assert strikes() == 1
    counted.release(replace(struck, timed_out_ms=NOW_MS + 1))
    assert strikes() == 2


def test_fill_timeout_that_struck_before_a_restart_is_not_counted_again(counted: Counted) -> None:
    struck = order(fill_count=2, timed_out_ms=NOW_MS)
    counted.views.publish(struck)
    counted.meter.take_stock(counted.memory)

    counted.release(struck)

    assert not counted.value("order_partial_fill_timeout_total", **SYMBOL, timeout_reason="timeout")


def test_order_that_ended_is_counted_by_its_one_reason(counted: Counted) -> None:
    counted.release(*ended(OrderState.PARTIAL_FILL_TIMEOUT, Trigger.PARTIAL_FILL_TIMEOUT, CompletionReason.TIMEOUT))

    assert counted.value("order_completion_by_reason_total", reason="timeout") == 1
    assert counted.value("order_terminal_state_reached_total", terminal_state="PARTIAL_FILL_TIMEOUT") == 1


# ----- what rises and falls


def test_parked_fills_are_shown_until_they_find_their_order(counted: Counted) -> None:
    first, second = (make(VenueFill, fill_id=number) for number in ("1", "2"))

    counted.release(ParkedFill(fill=first, parked_ms=NOW_MS), ParkedFill(fill=second, parked_ms=NOW_MS))
    assert counted.value("fills_parked") == 2
    (parked,) = counted.memory.parked.values()
    key = next(key for key, each in parked.items() if each.fill is first)
    counted.release(ParkedGone(key, first))
    assert counted.value("fills_parked") == 1


def test_held_events_and_running_closes_are_shown_and_gone_with_the_accounts_memory(counted: Counted) -> None:
    close = PositionClose(
        close_id="k1",
        account_id="1",
        exchange="binance",
        symbol="BTC-USDT",
        asked=None,
        size=Decimal(1),
        order_id="o1",
        initiated_by=InitiatedBy.USER,
        started_ms=NOW_MS,
    )
    counted.release(Held(order_id="o1", claim=make(VenueOrder), evidence=make(Evidence)), close)
    assert counted.value("event_ordering_buffer_size") == 1
    assert counted.value("active_close_operations") == 1

    counted.release(copied(close, state=CloseState.DONE))
    assert counted.value("active_close_operations") == 0
    counted.meter.take_stock(AccountMemory())
    assert counted.value("event_ordering_buffer_size") == 0


def drifted(drift: str) -> Position:
    return copied(flat("1", "binance", "BTC-USDT"), drift=Decimal(drift))


def test_position_drift_is_shown_when_it_changes_and_when_it_is_loaded(counted: Counted) -> None:
    def shown() -> float:
        return counted.value("position_drift", exchange="binance", symbol="BTC-USDT")

    counted.release(drifted("-0.5"))
    assert shown() == 0.5
    counted.release(drifted("0"))
    assert shown() == 0
    loaded = AccountMemory()
    loaded.positions["binance", "BTC-USDT"] = drifted("2")
    counted.meter.take_stock(loaded)
    assert shown() == 2
    counted.meter.take_stock(AccountMemory())
    assert shown() == 0
