"""The calendar and the proof of verification."""

import pytest

from actors.domain.verification import (
    NextRound,
    VerificationPolicy,
    fence_of,
    may_send_again,
    next_round,
    proves_absence,
)
from exchanges.binance.capabilities import CAPABILITIES
from messages import Attempt, AttemptOutcome, Order, OrderState
from tests.factories import NOW_MS, make

POLICY = VerificationPolicy()
FENCE = NOW_MS + 15_000


@pytest.mark.parametrize(
    ("direct", "search", "proven"),
    [
        (FENCE, FENCE, True),
        (FENCE - 1, FENCE, False),
        (FENCE, FENCE - 1, False),
        (None, FENCE, False),
    ],
)
def test_absence_is_proven_only_by_two_answers_to_questions_after_the_fence(direct, search, proven):
    found = proves_absence(fence_venue_ms=FENCE, direct_asked_venue_ms=direct, search_asked_venue_ms=search)
    assert found is proven


def test_fence_is_the_validity_window_and_the_settle_time():
    assert fence_of(make(Attempt, valid_until_venue_ms=NOW_MS + 5_000), 10_000) == FENCE


def after(
    rounds: int, *, answered: int | None = None, asking_for_ms: int = 0, at_least_ms: int = 0,
    fence_venue_ms: int = FENCE, at: int = NOW_MS,
) -> NextRound:  # fmt: skip
    return next_round(
        rounds=rounds,
        answered=rounds if answered is None else answered,
        asking_for_ms=asking_for_ms,
        fence_venue_ms=fence_venue_ms,
        venue_now_ms=at,
        policy=POLICY,
        at_least_ms=at_least_ms,
    )


def test_rounds_come_at_the_intervals_and_the_last_one_after_the_fence():
    at = NOW_MS
    for rounds in (1, 2, 3):
        following = after(rounds, at=at)
        assert not following.review
        at += following.due_in_ms
    assert at > FENCE


def test_last_round_waits_for_a_fence_that_is_far_away():
    assert after(3, fence_venue_ms=NOW_MS + 60_000).due_in_ms == 61_000


@pytest.mark.parametrize("asking_for_ms", [0, POLICY.total_ms - 1, POLICY.total_ms])
def test_used_up_rounds_lead_to_review_and_slow_looking(asking_for_ms):
    assert after(4, at=FENCE, asking_for_ms=asking_for_ms) == NextRound(
        due_in_ms=POLICY.slow_interval_ms, review=True
    )


def test_unanswered_rounds_use_up_no_regular_round_and_keep_the_pace():
    dues = [
        after(rounds, answered=0, at=FENCE, asking_for_ms=POLICY.total_ms - 1).due_in_ms for rounds in range(1, 10)
    ]
    assert dues == [2000, 5000, *[10_000] * 7]
    assert not after(9, answered=3, at=FENCE, asking_for_ms=POLICY.total_ms - 1).review
    assert after(9, answered=4, at=FENCE, asking_for_ms=POLICY.total_ms - 1).review


def test_venue_that_leaves_questions_unanswered_leads_to_review_when_the_time_is_up():
    in_time = after(2, answered=1, asking_for_ms=POLICY.total_ms - 1)
    too_late = after(2, answered=1, asking_for_ms=POLICY.total_ms)
    assert not in_time.review
    assert too_late == NextRound(due_in_ms=POLICY.slow_interval_ms, review=True)


def test_slow_answers_alone_lead_to_no_review_before_the_rounds_are_used_up():
    assert not after(3, asking_for_ms=10 * POLICY.total_ms).review


def test_venue_that_wants_no_question_for_a_while_gets_none():
    assert after(1, answered=0, at_least_ms=20_000) == NextRound(due_in_ms=20_000, review=False)
    assert after(1, at_least_ms=500).due_in_ms == 2000
    assert after(4, at_least_ms=90_000).due_in_ms == 90_000


def test_ban_that_outlasts_the_time_is_told_at_once():
    following = after(1, answered=0, asking_for_ms=10_000, at_least_ms=POLICY.total_ms - 10_000)
    assert following.review


def submitted(*outcomes: AttemptOutcome, **changes: object) -> Order:
    attempts = tuple(make(Attempt, number=n, outcome=outcome) for n, outcome in enumerate(outcomes, start=1))
    return make(Order, state=OrderState.SUBMITTED, attempts=attempts, submitted_at_ms=NOW_MS, **changes)


def test_order_proven_absent_may_be_sent_again_within_its_limits():
    assert may_send_again(submitted(AttemptOutcome.ABSENT), now_ms=NOW_MS + 17_000, policy=POLICY)


@pytest.mark.parametrize("unproven", [AttemptOutcome.IN_FLIGHT, AttemptOutcome.AMBIGUOUS, AttemptOutcome.ACCEPTED])
def test_order_with_an_unproven_sending_is_never_sent_again(unproven):
    assert not may_send_again(submitted(AttemptOutcome.ABSENT, unproven), now_ms=NOW_MS, policy=POLICY)


def test_order_is_not_sent_again_after_its_time_its_number_its_cancel_or_its_expiry():
    absent = AttemptOutcome.ABSENT
    assert not may_send_again(submitted(absent), now_ms=NOW_MS + 30_000, policy=POLICY)
    assert not may_send_again(submitted(absent, absent, absent), now_ms=NOW_MS, policy=POLICY)
    assert not may_send_again(submitted(absent, max_sends=1), now_ms=NOW_MS, policy=POLICY)
    assert not may_send_again(submitted(absent, cancel_pending=True), now_ms=NOW_MS, policy=POLICY)
    assert not may_send_again(submitted(absent, expires_at_ms=NOW_MS), now_ms=NOW_MS, policy=POLICY)


def test_last_round_at_the_default_times_is_well_behind_the_venues_fence():
    fence = NOW_MS + 5_000 + CAPABILITIES.settle_ms
    at = NOW_MS
    for rounds in (1, 2, 3):
        at += after(rounds, fence_venue_ms=fence, at=at).due_in_ms
    assert fence + 500 < at < NOW_MS + POLICY.total_ms
