"""Exact decimal arithmetic, the same whatever decimal context the host program has set.

Owns the two contexts and the plain text of a number. Must never round a sum or a product: `EXACT` holds more digits
than any price times any size has, so only a division (`RATIO`) can be inexact.
"""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation

from messages.types import ZERO

EXACT = Context(prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero])
"""For sums, products, remainders and rounding to places. Numbers are bounded by `MAGNITUDE_MAX` at the door, so two
of them multiplied, and a great many of those added, fit with room to spare."""

RATIO = Context(prec=50, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero])
"""For quotients, which may not end."""

MAGNITUDE_MAX = 30
"""Digits before the point, and after it, that a number in an order may have."""

QUANTITY_TOLERANCE = Decimal("0.00000001")
"""Two quantities nearer than this are the same quantity. Base units. The finest lot that venues have is as large: one
that is missing is missing."""


def apart_by(one: Decimal, other: Decimal, tolerance: Decimal = QUANTITY_TOLERANCE) -> Decimal:
    """Subtract `other` from `one`; exactly 0 where they are nearer than the tolerance. A tolerance of 0 forgives
    nothing.
    """
    apart = EXACT.subtract(one, other)
    return ZERO if apart.copy_abs() < tolerance else apart


def plain(value: Decimal) -> str:
    """Write a number without an exponent and without needless zeros: `1.50` and `1.5` read alike."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def within_magnitude(value: Decimal) -> bool:
    """Tell whether a finite number is one that orders can have; keeps `1E+1000000` from being written out in full."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and value.adjusted() < MAGNITUDE_MAX and -exponent <= MAGNITUDE_MAX
