"""What to do about an order whose outcome nobody knows: the rounds, the fence, the proof, the limits of resending.

A round is a direct look-up (phase 1) and, unless it settles the matter, a search of everything the venue lists around
the time of sending (phase 2); then a decision (phase 3). The fence is the venue time after which the request can no
longer be accepted and an accepted one would be visible everywhere: validity window plus the venue's settle time.
Absence is proven by a round whose two questions were both asked after the fence and both answered 'no', by every source
the venue offers; where a venue finds nothing by our id alone, by the search. Anything less is not knowing, and not
knowing never ends an order.

Manual review is for a venue that answers and does not tell: rounds with an unanswered question are repeated and use up
nothing but time.

Pure: times are handed in; the account commits what is decided here, the verification supervisor keeps the calendar.
"""

from dataclasses import dataclass

from messages.types import Attempt, AttemptOutcome, Order, VerificationPhase

_NOT_AT_VENUE = frozenset({AttemptOutcome.ABSENT, AttemptOutcome.NOT_PROCESSED})
_PAST_FENCE_MS = 1000
"""How far behind the fence the round that can prove absence is planned: a question counts as asked at the earliest
venue time it can have been asked at, which lies behind our best estimate of the venue's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationPolicy:
    """The numbers of `orderManagement.verification`, all times in milliseconds."""

    direct_budget_ms: int = 500
    direct_retries: int = 2
    search_budget_ms: int = 2000
    search_retries: int = 1
    window_ms: int = 60_000
    max_rounds: int = 3
    intervals_ms: tuple[int, ...] = (2000, 5000, 10_000)
    total_ms: int = 30_000
    """Since the submit; bounds resending, never looking. Somebody who waits for a venue that leaves questions
    unanswered for as long is told by a manual review."""
    slow_interval_ms: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRound:
    """Look again later."""

    due_in_ms: int
    review: bool
    """The regular rounds, or their time, are used up: raise manual review once, and go on looking slowly."""


def fence_of(attempt: Attempt, settle_ms: int) -> int:
    """Venue time from which 'not found' means 'not there' for this attempt."""
    return attempt.valid_until_venue_ms + settle_ms


def proves_absence(*, fence_venue_ms: int, direct_asked_venue_ms: int | None, search_asked_venue_ms: int) -> bool:
    """Whether a round that found nothing anywhere proves that there is nothing.

    `direct_asked_venue_ms` is None when the direct look-up was not answered with the venue's own 'not found'.
    """
    return (
        direct_asked_venue_ms is not None
        and direct_asked_venue_ms >= fence_venue_ms
        and search_asked_venue_ms >= fence_venue_ms
    )


def next_round(
    *,
    rounds: int,
    answered: int,
    asking_for_ms: int,
    fence_venue_ms: int,
    venue_now_ms: int,
    policy: VerificationPolicy,
    at_least_ms: int = 0,
) -> NextRound:
    """When to look again after `rounds` rounds settled nothing; every question of `answered` of them was answered.

    `asking_for_ms` is the time since the first question; the venue wants no further one for `at_least_ms`. The last
    regular round is never before the fence: it is the one that can prove absence. Rounds that take the place of
    unanswered ones come at the last interval.
    """
    time_is_up = answered < rounds and asking_for_ms + at_least_ms >= policy.total_ms
    if answered > policy.max_rounds or time_is_up:
        return NextRound(due_in_ms=max(policy.slow_interval_ms, at_least_ms), review=True)
    interval = policy.intervals_ms[min(rounds, len(policy.intervals_ms)) - 1]
    if rounds >= policy.max_rounds:
        interval = max(interval, fence_venue_ms - venue_now_ms + _PAST_FENCE_MS)
    return NextRound(due_in_ms=max(interval, at_least_ms), review=False)


def proven_unplaced(order: Order) -> bool:
    """Whether every sending of an order, if there was any, is proven not to have made an order at the venue."""
    return all(attempt.outcome in _NOT_AT_VENUE for attempt in order.attempts)


def may_send_again(order: Order, *, now_ms: int, policy: VerificationPolicy) -> bool:
    """Whether an order proven absent may be sent once more under its client order id."""
    started = order.submitted_at_ms if order.submitted_at_ms is not None else order.created_at_ms
    return (
        not order.cancel_pending
        and len(order.attempts) < order.max_sends
        and now_ms - started < policy.total_ms
        and (order.expires_at_ms is None or now_ms < order.expires_at_ms)
        and proven_unplaced(order)
    )


def first_phase(*, lookup_by_client_id: bool, venue_order_id: str | None) -> VerificationPhase:
    """Where a round begins: with the direct look-up wherever the venue can answer it."""
    if lookup_by_client_id or venue_order_id is not None:
        return VerificationPhase.DIRECT_LOOKUP
    return VerificationPhase.WINDOW_SEARCH
