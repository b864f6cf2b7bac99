"""What a venue's holding says of a position, and when it says nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest
from factories import SYMBOL, make

from actors.domain.positions import judge_holding
from messages.control import HoldingCompared, HoldingReported
from messages.fills import Position

D = Decimal


def reading(total: str, moved: str, fills_booked: int = 5) -> HoldingReported:
    return make(
        HoldingReported,
        position=make(Position),
        asset="BTC",
        total=D(total),
        moved=D(moved),
        fills_booked=fills_booked,
    )


class Comparison:
    """A position that takes in every finding, and the readings given to it so far."""

    def __init__(self, unexplained: str | None = None) -> None:
        self.position = make(Position, unexplained=None if unexplained is None else D(unexplained))
        self._readings: list[HoldingReported] = []

    def read(self, total: str, moved: str, fills_booked: int = 5) -> HoldingCompared | None:
        self._readings.append(reading(total, moved, fills_booked))
        finding = judge_holding(self.position, self._readings)
        if finding is not None:
            self.position = replace(self.position, unexplained=finding.unexplained, drift=finding.drift)
        return finding


def test_first_reading_ever_says_nothing() -> None:
    assert Comparison().read("3", "1") is None
    assert Comparison("0").read("3", "1") is None


def test_second_reading_that_agrees_tells_what_is_not_ours_to_explain() -> None:
    comparison = Comparison()
    comparison.read("3", "1")
    finding = comparison.read("3", "1")
    assert finding == HoldingCompared(
        exchange="binance",
        symbol=SYMBOL,
        asset="BTC",
        unexplained=D(2),
        drift=D(0),
        total=D(3),
        expected=D(3),
    )
    assert comparison.read("3", "1") is None


def test_baseline_is_set_though_nothing_is_unexplained() -> None:
    comparison = Comparison()
    comparison.read("1", "1")
    assert comparison.read("1", "1") is not None
    assert comparison.position.unexplained == 0


def test_fill_that_one_side_knows_earlier_raises_no_alarm() -> None:
    comparison = Comparison("2")
    assert comparison.read("3", "1", fills_booked=5) is None
    assert comparison.read("4", "1", fills_booked=5) is None
    assert comparison.read("4", "2", fills_booked=6) is None
    assert comparison.read("4", "2", fills_booked=6) is None


def test_readings_that_agree_with_a_fill_in_between_prove_nothing() -> None:
    comparison = Comparison("2")
    assert comparison.read("4", "1", fills_booked=5) is None
    assert comparison.read("5", "2", fills_booked=6) is None
    assert comparison.read("5", "2", fills_booked=6) is not None


def test_lasting_difference_is_told_once_with_all_numbers_and_taken_back_once() -> None:
    comparison = Comparison("2")
    comparison.read("2.5", "1")
    finding = comparison.read("2.5", "1")
    assert finding is not None
    assert (finding.unexplained, finding.drift, finding.total, finding.expected) == (D(2), D("-0.5"), D("2.5"), D(3))
    assert comparison.read("2.5", "1") is None
    assert comparison.read("3", "1") is None
    back = comparison.read("3", "1")
    assert back is not None
    assert (back.drift, back.total, back.expected) == (D(0), D(3), D(3))
    assert comparison.read("3", "1") is None


def test_drift_that_changes_is_told_again() -> None:
    comparison = Comparison("2")
    found = [comparison.read(total, "1") for total in ("4", "4", "5", "5", "5")]
    assert [finding and finding.drift for finding in found] == [None, D(1), None, D(2), None]


@pytest.mark.parametrize("total", ["3.000000009", "2.999999991"])
def test_difference_within_the_tolerance_is_none(total: str) -> None:
    comparison = Comparison("2")
    comparison.read(total, "1")
    assert comparison.read(total, "1") is None


def test_drift_that_shrinks_to_within_the_tolerance_is_exactly_none() -> None:
    comparison = Comparison("2")
    found = [comparison.read(total, "1") for total in ("4", "4", "3.000000005", "3.000000005")]
    assert [finding and finding.drift for finding in found] == [None, D(1), None, D(0)]


def test_difference_beyond_the_tolerance_is_a_drift() -> None:
    comparison = Comparison("2")
    comparison.read("3.00000001", "1")
    finding = comparison.read("3.00000001", "1")
    assert finding is not None
    assert finding.drift == D("0.00000001")


def test_difference_that_stays_while_fills_are_booked_counts_at_the_third_reading() -> None:
    comparison = Comparison("0")
    assert comparison.read("3", "1", fills_booked=5) is None
    assert comparison.read("4", "2", fills_booked=6) is None
    finding = comparison.read("5", "3", fills_booked=7)
    assert finding is not None
    assert finding.drift == D(2)


def test_difference_that_changes_while_fills_are_booked_never_counts() -> None:
    comparison = Comparison("0")
    readings = [("3", "1", 5), ("4", "2", 6), ("4", "3", 7), ("5", "3", 8)]
    assert [comparison.read(*each) for each in readings] == [None] * 4
