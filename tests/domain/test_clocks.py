"""How far a venue's clock is from ours."""

from fractions import Fraction
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.clocks import SkewEstimate


def estimate_of(*offsets: int, samples: int = 9) -> SkewEstimate:
    estimate = SkewEstimate(samples)
    for offset in offsets:
        estimate.add(offset)
    return estimate


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30), st.integers(1, 12))
def test_skew_of_any_samples_is_the_median_of_the_last_ones(offsets: list[int], samples: int) -> None:
    skew = estimate_of(*offsets, samples=samples).median_ms
    assert isinstance(skew, int)
    assert 0 <= median(Fraction(offset) for offset in offsets[-samples:]) - skew < 1


def test_skew_without_samples_is_zero() -> None:
    assert estimate_of().median_ms == 0
    assert estimate_of().crossed(0) is None


def test_skew_does_not_follow_a_few_delayed_answers() -> None:
    assert estimate_of(5, 4, 6, 5, 5, 4000, 9000, 7000).median_ms == 5


@pytest.mark.parametrize("sign", [1, -1])
def test_crossing_the_threshold_is_told_once_each_way(sign: int) -> None:
    estimate = SkewEstimate(1)
    told = []
    for offset in (1000, 1001, 5000, 1001, 1000, 0, 1001, 1000):
        estimate.add(sign * offset)
        told.append(estimate.crossed(1000))
    assert told == [None, True, None, None, False, None, True, False]
