"""A position depends on its fills alone, not on when and in what company they arrived."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from factories import ACCOUNT, EXCHANGE, SYMBOL, make
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain import positions
from actors.domain.positions import SymbolFills, booking_order, flat, rebuild
from actors.errors import InvariantViolated
from messages import Side
from messages.fills import Fill, Position

D = Decimal

FLAT = flat(ACCOUNT, EXCHANGE, SYMBOL)

executions = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.decimals(min_value="0.000001", max_value="1000000", places=6),
        st.integers(1, 7).map(lambda lots: Decimal(lots) / 1000),
        st.integers(0, 9),
        st.decimals(0, 1, places=4),
    ),
    min_size=1,
    max_size=50,
)


def fills_of(raw: Iterable[tuple[Side, Decimal, Decimal, int, Decimal]], random: Random) -> list[Fill]:
    """Fills in the order of their arrival; their times at the venue are drawn, often alike and in another order."""
    return [
        make(
            Fill,
            fill_id=str(random.randrange(90, 110) * 1000 + number),
            venue_order_id=str(number),
            side=side,
            price=price,
            size=size,
            venue_time_ms=time,
            received_ms=number,
            fee=fee,
            fee_currency=random.choice(["BNB", "BTC", None]),
        )
        for number, (side, price, size, time, fee) in enumerate(raw)
    ]


def batches_of(fills: list[Fill], random: Random) -> list[list[Fill]]:
    cut = []
    while fills:
        size = random.randint(1, 6)
        cut.append(fills[:size])
        fills = fills[size:]
    return cut


def book(history: SymbolFills, current: Position, new: Sequence[Fill]) -> Position:
    """What an account does in a turn."""
    position = history.after(current, new)
    for fill in new:
        history.add(fill)
    history.checkpoint(position)
    return position


def line(count: int, start: int = 0) -> list[Fill]:
    return [
        make(Fill, fill_id=str(n), venue_time_ms=n, price=D(100 + n % 7), side=(Side.BUY, Side.BUY, Side.SELL)[n % 3])
        for n in range(start, start + count)
    ]


@given(executions, st.integers(), st.sampled_from([1, 2, 5, 128]))
@settings(max_examples=200)
def test_position_after_any_arrival_equals_the_rebuilt_one(
    raw: list[tuple[Side, Decimal, Decimal, int, Decimal]], seed: int, every: int
) -> None:
    random = Random(seed)
    fills = fills_of(raw, random)
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, every=every)
    position, arrived = FLAT, []
    for batch in batches_of(fills, random):
        position = book(history, position, batch)
        arrived += batch
        assert position == rebuild(ACCOUNT, EXCHANGE, SYMBOL, arrived)
    shuffled = random.sample(fills, len(fills))
    again = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, every=every)
    other = FLAT
    for fill in shuffled:
        other = book(again, other, [fill])
    assert (other, repr(other)) == (position, repr(position))
    assert again.between(0, None) == history.between(0, None) == sorted(fills, key=booking_order)


@given(executions, st.integers())
def test_history_loaded_in_any_order_goes_on_like_one_that_was_there_all_the_time(
    raw: list[tuple[Side, Decimal, Decimal, int, Decimal]], seed: int
) -> None:
    random = Random(seed)
    fills = fills_of(raw, random)
    known = fills[: len(fills) // 2]
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=random.sample(known, len(known)), every=4)
    position = rebuild(ACCOUNT, EXCHANGE, SYMBOL, known)
    history.checkpoint(position)
    for fill in fills[len(known) :]:
        position = book(history, position, [fill])
    assert position == rebuild(ACCOUNT, EXCHANGE, SYMBOL, fills)


def test_asking_for_a_position_changes_nothing() -> None:
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=line(20), every=4)
    current = rebuild(ACCOUNT, EXCHANGE, SYMBOL, line(20))
    late = make(Fill, fill_id="late", venue_time_ms=3)
    first = history.after(current, [late])
    assert history.after(current, [late]) == first
    assert history.after(current, []) is current
    assert (len(history), late in history.between(0, None)) == (20, False)


def test_late_fill_keeps_what_comparisons_found_since() -> None:
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, every=2)
    position = book(history, FLAT, line(5))
    compared = replace(position, unexplained=D(3), drift=D("0.5"))
    for new in (make(Fill, fill_id="late", venue_time_ms=1), make(Fill, fill_id="next", venue_time_ms=99)):
        after = history.after(compared, [new])
        assert (after.unexplained, after.drift, after.fill_count) == (D(3), D("0.5"), 6)


def test_position_of_other_fills_than_those_added_is_a_bug() -> None:
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=line(2))
    with pytest.raises(InvariantViolated):
        history.after(FLAT, line(1, start=2))
    with pytest.raises(InvariantViolated):
        history.checkpoint(FLAT)


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "wanted"), [(0, None, "012345"), (2, 4, "23"), (2, 2, ""), (5, 99, "5"), (6, None, "")]
)
def test_fills_between_two_times_are_those_from_the_first_to_before_the_second(
    from_ms: int, to_ms: int | None, wanted: str
) -> None:
    fills = line(6)
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=reversed(fills))
    assert "".join(fill.fill_id for fill in history.between(from_ms, to_ms)) == wanted


class Counted:
    """Counts how many fills are folded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folds = 0
        self._fold = positions.fold
        monkeypatch.setattr(positions, "fold", self._counted)

    def _counted(self, position: Position, fill: Fill) -> Position:
        self.folds += 1
        return self._fold(position, fill)

    def since(self) -> int:
        folds, self.folds = self.folds, 0
        return folds


def test_fill_in_order_is_folded_once_however_long_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    history, current, counted = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, every=10), FLAT, Counted(monkeypatch)
    for fill in line(500):
        current = book(history, current, [fill])
    assert counted.since() == 500


def test_late_fill_costs_what_came_after_it_and_at_most_one_stretch_more(monkeypatch: pytest.MonkeyPatch) -> None:
    history, current, counted = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, every=10), FLAT, Counted(monkeypatch)
    for fill in line(500):
        current = book(history, current, [fill])
    counted.since()
    history.after(current, [make(Fill, fill_id="late", venue_time_ms=480)])
    assert counted.since() <= 20 + 10 + 1


def test_fill_that_came_very_late_does_not_make_the_next_late_one_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    history, current, counted = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, every=10), FLAT, Counted(monkeypatch)
    for fill in line(500):
        current = book(history, current, [fill])
    current = book(history, current, [make(Fill, fill_id="very-late", venue_time_ms=0)])
    counted.since()
    history.after(current, [make(Fill, fill_id="late", venue_time_ms=480)])
    assert counted.since() <= 20 + 10 + 1


def test_history_that_is_valued_anew_does_not_make_every_late_fill_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    fills, counted = line(500), Counted(monkeypatch)
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=fills, every=10)
    current = rebuild(ACCOUNT, EXCHANGE, SYMBOL, fills, D(50))
    history.checkpoint(current)
    counted.since()
    history.after(current, [make(Fill, fill_id="late", venue_time_ms=480)])
    assert counted.since() <= 20 + 10 + 1


def test_loaded_history_pays_for_its_first_late_fill_only(monkeypatch: pytest.MonkeyPatch) -> None:
    fills = line(500)
    current = rebuild(ACCOUNT, EXCHANGE, SYMBOL, fills)
    counted = Counted(monkeypatch)
    history = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=fills, every=10)
    history.checkpoint(current)
    assert counted.since() == 0
    current = book(history, current, [make(Fill, fill_id="late", venue_time_ms=480)])
    counted.since()
    history.after(current, [make(Fill, fill_id="later", venue_time_ms=480)])
    assert counted.since() <= 20 + 10 + 2


def test_fill_that_was_recorded_under_another_order_takes_its_own_place_and_moves_nothing() -> None:
    fills = [make(Fill, fill_id=str(number), order_id="other", venue_time_ms=number) for number in (1, 2, 3)]
    known = SymbolFills(ACCOUNT, EXCHANGE, SYMBOL, fills=fills)
    known.rename(replace(fills[1], order_id="ours"))
    assert [fill.order_id for fill in known.between(0, None)] == ["other", "ours", "other"]
    with pytest.raises(InvariantViolated):
        known.rename(make(Fill, fill_id="4", venue_time_ms=4))
