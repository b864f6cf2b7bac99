"""The restart policy: who comes back, how fast, and what happens when the window is spent."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.supervision import (
    POLICIES,
    ChildKind,
    Decision,
    Escalate,
    Park,
    Restart,
    RestartPolicy,
    WhenSpent,
    decide,
)


def policy(when_spent: WhenSpent, first_delay_ms: int = 0) -> RestartPolicy:
    return RestartPolicy(
        max_restarts=3, window_ms=1000, first_delay_ms=first_delay_ms, max_delay_ms=400, when_spent=when_spent
    )


def failing_at(times_ms: list[int], by: RestartPolicy) -> list[Decision]:
    decisions = []
    failures: tuple[int, ...] = ()
    random = Random(1)
    for at_ms in times_ms:
        decision, failures = decide(by, failures, at_ms, random)
        decisions.append(decision)
    return decisions


def test_decide_account_failing_four_times_in_a_minute_comes_back_a_minute_later() -> None:
    account = POLICIES[ChildKind.ACCOUNT]
    again = Restart(0, degraded=False)
    assert failing_at([0, 20_000, 40_000, 59_999], account) == [
        *(again, again, again),
        Restart(60_000, degraded=True),
    ]


def test_decide_failures_that_left_the_window_no_longer_count() -> None:
    again = Restart(0, degraded=False)
    assert failing_at([0, 400, 800, 1000], policy(WhenSpent.PARK)) == [again] * 4


@pytest.mark.parametrize(("when_spent", "last"), [(WhenSpent.PARK, Park()), (WhenSpent.ESCALATE, Escalate())])
def test_decide_spent_window_follows_the_table(when_spent: WhenSpent, last: Decision) -> None:
    assert failing_at([1, 2, 3, 4], policy(when_spent))[-1] == last


def test_decide_degraded_child_keeps_being_restarted_until_the_window_is_free_again() -> None:
    decisions = failing_at([1, 2, 3, 4, 5, 2000], policy(WhenSpent.DEGRADE, first_delay_ms=100))
    degraded = [decision.degraded for decision in decisions if isinstance(decision, Restart)]
    assert degraded == [False, False, False, True, True, False]


@given(st.integers(0, 2**32), st.integers(1, 1000))
def test_decide_delays_double_up_to_their_bound(seed: int, first_ms: int) -> None:
    by = RestartPolicy(
        max_restarts=10, window_ms=10**9, first_delay_ms=first_ms, max_delay_ms=5000, when_spent=WhenSpent.PARK
    )
    failures: tuple[int, ...] = ()
    random = Random(seed)
    for earlier in range(10):
        decision, failures = decide(by, failures, earlier, random)
        assert isinstance(decision, Restart)
        full_ms = min(first_ms * 2**earlier, 5000)
        assert full_ms // 2 <= decision.delay_ms <= full_ms


@pytest.mark.parametrize("when_spent", list(WhenSpent))
def test_decide_remembers_a_bounded_number_of_failures(when_spent: WhenSpent) -> None:
    failures: tuple[int, ...] = ()
    for at_ms in range(500):
        _, failures = decide(policy(when_spent), failures, at_ms, Random(1))
    assert len(failures) <= 4


def test_policies_name_every_kind_of_child() -> None:
    assert set(POLICIES) == set(ChildKind)
