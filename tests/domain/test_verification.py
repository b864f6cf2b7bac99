"""The calendar and the proof of verification."""

import pytest

from actors.domain.verification import VerificationPolicy, fence_of, may_send_again, next_round, proves_absence
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


def test_rounds_come_at_the_intervals_and_the_last_one_after_the_fence():
    at = NOW_MS
    for rounds in (1, 2, 3):
        following = next_round(rounds=rounds, fence_venue_ms=FENCE, venue_now_ms=at, policy=POLICY)
        assert not following.review
        at += following.due_in_ms
    assert at > FENCE


def test_last_round_waits_for_a_fence_that_is_far_away():
    following = next_round(rounds=3, fence_venue_ms=NOW_MS + 60_000, venue_now_ms=NOW_MS, policy=POLICY)
    assert following.due_in_ms == 61_000


def test_used_up_rounds_lead_to_review_and_slow_looking():
    following = next_round(rounds=4, fence_venue_ms=FENCE, venue_now_ms=FENCE, policy=POLICY)
    assert following.review
    assert following.due_in_ms == POLICY.slow_interval_ms


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
        at += next_round(rounds=rounds, fence_venue_ms=fence, venue_now_ms=at, policy=POLICY).due_in_ms
    assert fence + 500 < at < NOW_MS + POLICY.total_ms
