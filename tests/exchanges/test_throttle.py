from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from exchanges.throttle import CANCEL_HEAD_START_MS, Budget, CallKind, Throttle

MINUTE = 60_000
WEIGHT = Budget(name="weight-60000", unit="weight", limit=100, window_ms=MINUTE)
ORDERS = Budget(name="orders-10000", unit="orders", limit=10, window_ms=10_000)
ONE = {"weight": 1, "orders": 1}


def throttle(*budgets: Budget) -> Throttle:
    made = Throttle()
    made.learn(budgets)
    return made


def test_admit_without_known_budgets_lets_through():
    assert throttle().admit(CallKind.PLACE, 1000, ONE) == 0


def test_admit_over_budget_waits_until_the_window_ends():
    made = throttle(WEIGHT)
    assert made.admit(CallKind.READ, 120_000, {"weight": 80}) == 0
    assert made.admit(CallKind.READ, 130_000, {"weight": 1}) == 50_000
    assert made.admit(CallKind.READ, 180_000, {"weight": 1}) == MINUTE, "what is in flight still counts"
    made.settle({"weight": 80}, sent_ms=120_000, now_ms=180_000, reported={})
    assert made.admit(CallKind.READ, 180_000, {"weight": 1}) == 0


def test_admit_keeps_a_share_for_placements_that_reads_cannot_use():
    made = throttle(WEIGHT)
    assert made.admit(CallKind.READ, 0, {"weight": 81}) > 0
    assert made.admit(CallKind.READ, 0, {"weight": 80}) == 0
    assert made.admit(CallKind.READ, 0, {"weight": 1}) > 0
    assert made.admit(CallKind.PLACE, 0, {"weight": 10}) == 0


def test_admit_keeps_a_share_for_cancels():
    made = throttle(WEIGHT)
    assert made.admit(CallKind.PLACE, 0, {"weight": 90}) == 0
    assert made.admit(CallKind.PLACE, 0, ONE) > 0
    assert made.admit(CallKind.CANCEL, 0, {"weight": 10}) == 0
    assert made.admit(CallKind.CANCEL, 0, {"weight": 1}) > 0


def test_windows_begin_by_the_venues_clock():
    made = throttle(WEIGHT)
    made.align(15_000)
    assert made.admit(CallKind.READ, 100_000, {"weight": 80}) == 0
    assert made.admit(CallKind.READ, 100_000, {"weight": 1}) == 5_000


def test_reported_usage_replaces_what_was_counted():
    made = throttle(WEIGHT)
    made.admit(CallKind.PLACE, 0, ONE)
    made.settle(ONE, sent_ms=0, now_ms=10, reported={"weight-60000": 95})
    assert made.admit(CallKind.READ, 20, {"weight": 1}) > 0
    assert made.admit(CallKind.CANCEL, 20, {"weight": 1}) == 0


def test_orders_that_filled_give_their_count_back():
    made = throttle(ORDERS)
    for _ in range(9):
        assert made.admit(CallKind.PLACE, 0, ONE) == 0
        made.settle(ONE, sent_ms=0, now_ms=1, reported={"orders-10000": 0})
    assert made.admit(CallKind.PLACE, 2, ONE) == 0


def test_usage_of_an_earlier_window_is_not_carried_over():
    made = throttle(WEIGHT)
    made.admit(CallKind.READ, 59_999, {"weight": 1})
    made.settle({"weight": 1}, sent_ms=59_999, now_ms=60_001, reported={"weight-60000": 99})
    assert made.admit(CallKind.READ, 60_002, {"weight": 50}) == 0


def test_call_without_an_answer_counts_as_spent():
    made = throttle(WEIGHT)
    made.admit(CallKind.READ, 0, {"weight": 80})
    made.settle({"weight": 80}, sent_ms=0, now_ms=1, reported=None)
    assert made.admit(CallKind.READ, 2, {"weight": 1}) > 0


def test_ban_lets_nothing_through_and_cancels_first_afterwards():
    made = throttle()
    made.block(CallKind, 120_000, ban=True)
    for kind in CallKind:
        assert made.admit(kind, 119_999, ONE) > 0
    assert made.reason(119_999) == "banned"
    assert made.admit(CallKind.CANCEL, 120_000, ONE) == 0
    assert made.admit(CallKind.PLACE, 120_000, ONE) == CANCEL_HEAD_START_MS
    assert made.admit(CallKind.PLACE, 120_000 + CANCEL_HEAD_START_MS, ONE) == 0


def test_shorter_block_does_not_end_a_longer_one():
    made = throttle()
    made.block(CallKind, 120_000, ban=True)
    made.block([CallKind.PLACE], 1_000, ban=False)
    assert made.admit(CallKind.CANCEL, 60_000, ONE) == 60_000
    assert made.reason(60_000) == "banned"


def test_order_limit_leaves_cancels_and_questions_alone():
    made = throttle()
    made.block([CallKind.PLACE], 10_000, ban=False)
    assert made.admit(CallKind.PLACE, 0, ONE) > 0
    assert made.reason(0) == "rate_limited"
    assert made.admit(CallKind.CANCEL, 0, ONE) == 0
    assert made.admit(CallKind.READ, 0, {"weight": 1}) == 0


def test_amend_may_use_what_placements_may_and_is_not_held_back_for_their_number():
    made = throttle(WEIGHT)
    assert made.admit(CallKind.AMEND, 0, {"weight": 90}) == 0
    assert made.admit(CallKind.AMEND, 0, {"weight": 1}) > 0
    assert made.admit(CallKind.CANCEL, 0, {"weight": 10}) == 0
    other = throttle(WEIGHT)
    other.block([CallKind.PLACE], 10_000, ban=False)
    assert other.admit(CallKind.AMEND, 0, {"weight": 4}) == 0
    other.block(CallKind, 10_000, ban=True)
    assert other.admit(CallKind.AMEND, 0, {"weight": 4}) > 0


@given(st.lists(st.tuples(st.sampled_from(list(CallKind)), st.integers(0, 30_000), st.integers(1, 40)), max_size=60))
def test_admitted_costs_never_exceed_the_budget_of_their_window(steps):
    made = throttle(WEIGHT)
    now_ms = 0
    spent: dict[int, int] = {}
    for kind, pause_ms, cost in steps:
        now_ms += pause_ms
        wait_ms = made.admit(kind, now_ms, {"weight": cost})
        if wait_ms:
            assert 0 < wait_ms <= MINUTE
            continue
        made.settle({"weight": cost}, sent_ms=now_ms, now_ms=now_ms, reported=None)
        window = now_ms // MINUTE
        spent[window] = spent.get(window, 0) + cost
        assert spent[window] <= WEIGHT.limit


# ----- counters that wear off

COUNTER = Budget(name="rest", unit="rest", limit=20, decay_milli_per_s=500)


def test_counter_that_wears_off_lets_through_what_has_worn_off():
    made = throttle(COUNTER)
    assert made.admit(CallKind.CANCEL, 0, {"rest": 20}) == 0
    made.settle({"rest": 20}, sent_ms=0, now_ms=0, reported=None)
    assert made.admit(CallKind.CANCEL, 0, {"rest": 1}) == 2000, "half a unit wears off in a second"
    assert made.admit(CallKind.CANCEL, 1999, {"rest": 1}) > 0
    assert made.admit(CallKind.CANCEL, 2001, {"rest": 1}) == 0


def test_counter_keeps_its_shares_and_counts_what_is_in_flight():
    made = throttle(COUNTER)
    assert made.admit(CallKind.READ, 0, {"rest": 17}) > 0
    assert made.admit(CallKind.READ, 0, {"rest": 16}) == 0
    assert made.admit(CallKind.PLACE, 0, {"rest": 3}) > 0
    assert made.admit(CallKind.PLACE, 0, {"rest": 2}) == 0


def test_counter_adopts_what_the_venue_reports():
    made = throttle(COUNTER)
    assert made.admit(CallKind.CANCEL, 0, {"rest": 1}) == 0
    made.settle({"rest": 1}, sent_ms=0, now_ms=0, reported={"rest": 20})
    assert made.admit(CallKind.CANCEL, 0, {"rest": 1}) > 0


def test_counter_of_what_was_never_sent_stays_as_it_was():
    made = throttle(COUNTER)
    assert made.admit(CallKind.CANCEL, 0, {"rest": 20}) == 0
    made.settle({"rest": 20}, sent_ms=0, now_ms=0, reported={})
    assert made.admit(CallKind.CANCEL, 0, {"rest": 20}) == 0


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 8)), max_size=60))
def test_counter_never_lets_more_through_than_the_venue_would(steps):
    made, now_ms, venue = throttle(COUNTER), 0, Fraction(0)
    for passed_ms, cost in steps:
        now_ms += passed_ms
        venue = max(Fraction(0), venue - Fraction(passed_ms * COUNTER.decay_milli_per_s, 10**6))
        if made.admit(CallKind.CANCEL, now_ms, {"rest": cost}) == 0:
            made.settle({"rest": cost}, sent_ms=now_ms, now_ms=now_ms, reported=None)
            venue += cost
            assert venue <= COUNTER.limit


def test_counter_keeps_for_streams_and_placements_what_reads_cannot_use():
    made = throttle(COUNTER)
    assert made.admit(CallKind.READ, 0, {"rest": 16}) == 0
    assert made.admit(CallKind.READ, 0, {"rest": 1}) > 0
    assert made.admit(CallKind.STREAM, 0, {"rest": 1}) == 0
    assert made.admit(CallKind.STREAM, 0, {"rest": 2}) > 0, "what is left is for cancels"


def test_spare_room_is_asked_for_and_left_to_others():
    made = throttle(COUNTER)
    assert made.admit(CallKind.READ, 0, {"rest": 6}) == 0
    assert made.admit(CallKind.READ, 0, {"rest": 4}, {"rest": 8}) == 4000, "two units more have to wear off"
    assert made.admit(CallKind.READ, 0, {"rest": 2}, {"rest": 8}) == 0
    assert made.admit(CallKind.READ, 0, {"rest": 8}) == 0, "nobody holds what was to be spared"


def test_spare_room_that_the_budget_never_has_waits_for_all_of_it():
    made = throttle(Budget(name="rest", unit="rest", limit=10, decay_milli_per_s=500))
    assert made.admit(CallKind.READ, 0, {"rest": 4}, {"rest": 8}) == 0
    assert made.admit(CallKind.READ, 0, {"rest": 1}, {"rest": 8}) == 8000
