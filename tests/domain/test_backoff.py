"""Delays between tries."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.backoff import backoff_ms
from actors.errors import InvariantViolated


@given(st.integers(1, 10**9), st.integers())
def test_delay_stays_within_its_bounds(failures: int, seed: int) -> None:
    delay = backoff_ms(failures, base_ms=100, max_ms=30_000, random=Random(seed))
    assert 0 <= delay <= min(30_000, 100 * 2 ** min(failures - 1, 20))


@given(st.integers(1, 60), st.integers(0, 10**6), st.integers())
def test_delay_that_a_venue_asked_for_comes_before_the_drawn_one(failures: int, asked_ms: int, seed: int) -> None:
    drawn = backoff_ms(failures, base_ms=100, max_ms=500, random=Random(seed))
    delay = backoff_ms(failures, base_ms=100, max_ms=500, min_ms=asked_ms, random=Random(seed))
    assert delay == asked_ms + drawn


def test_delay_asked_for_in_the_past_is_none() -> None:
    assert backoff_ms(1, base_ms=0, max_ms=0, min_ms=-7, random=Random(1)) == 0


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 100), (2, 200), (3, 400), (4, 500), (99, 500)])
def test_delay_uses_its_whole_range_up_to_the_doubled_bound(failures: int, ceiling: int) -> None:
    random = Random(1)
    drawn = {backoff_ms(failures, base_ms=100, max_ms=500, random=random) for _ in range(20_000)}
    assert drawn == set(range(ceiling + 1))


def test_delay_drawn_from_the_same_seed_is_the_same() -> None:
    one, other = Random(7), Random(7)
    draws = [[backoff_ms(n, base_ms=100, max_ms=60_000, random=r) for n in range(1, 20)] for r in (one, other)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("failures", "bounds"),
    [
        (0, {"base_ms": 1, "max_ms": 2}),
        (1, {"base_ms": 3, "max_ms": 2}),
        (1, {"base_ms": -1, "max_ms": 2}),
    ],
)
def test_delay_from_impossible_bounds_is_a_bug(failures: int, bounds: dict[str, int]) -> None:
    with pytest.raises(InvariantViolated):
        backoff_ms(failures, random=Random(1), **bounds)
