"""Exact decimals, whatever the host's context."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.arithmetic import EXACT, MAGNITUDE_MAX, plain, within_magnitude

bounded = st.decimals(allow_nan=False, allow_infinity=False).filter(within_magnitude)


@given(bounded, bounded, bounded)
def test_sum_of_a_product_of_bounded_numbers_is_exact(one: Decimal, other: Decimal, third: Decimal) -> None:
    with localcontext(prec=1):
        result = EXACT.add(EXACT.multiply(one, other), third)
    assert Fraction(result) == Fraction(one) * Fraction(other) + Fraction(third)


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.50", "1.5"), ("100", "100"), ("1E+3", "1000"), ("1E-9", "0.000000001"), ("0.00", "0"), ("-2.50", "-2.5")],
)
def test_number_written_plainly_has_no_exponent_and_no_needless_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("9" * MAGNITUDE_MAX, True),
        ("1" + "0" * MAGNITUDE_MAX, False),
        ("0." + "0" * (MAGNITUDE_MAX - 1) + "1", True),
        ("0." + "0" * MAGNITUDE_MAX + "1", False),
        ("1E+1000000", False),
        ("1E-1000000", False),
    ],
)
def test_magnitude_is_bounded_on_both_sides_of_the_point(number: str, fits: bool) -> None:  # noqa: FBT001
    assert within_magnitude(Decimal(number)) is fits
