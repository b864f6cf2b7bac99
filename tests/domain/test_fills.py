"""Arithmetic of executions, against exact fractions."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import permutations
from random import Random

import pytest
from factories import NOW_MS, make
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.arithmetic import RATIO
from actors.domain.fills import (
    average_price,
    book,
    fill_key,
    missing_quantity,
    price_deviation_percent,
    rounded,
    weighted_average,
)
from actors.errors import InvariantViolated
from messages import Fill, Order, OrderState, Side

D = Decimal

amounts = st.decimals(min_value="0.000000000000000001", max_value="1000000000000", places=18)
prices = st.decimals(min_value="0.000000000001", max_value="100000000", places=12)
executions = st.lists(st.tuples(prices, amounts), min_size=1, max_size=100)


def fills_of(pairs: list[tuple[Decimal, Decimal]]) -> list[Fill]:
    return [
        make(Fill, fill_id=str(number), price=price, size=size, sequence=number)
        for number, (price, size) in enumerate(pairs, start=1)
    ]


def booked(order: Order, fills: list[Fill]) -> Order:
    for fill in fills:
        order = book(order, fill).order
    return order


@given(executions, st.integers())
def test_totals_in_any_order_and_any_host_context_equal_exact_fractions(
    pairs: list[tuple[Decimal, Decimal]], seed: int
) -> None:
    fills = fills_of(pairs)
    shuffled = list(fills)
    Random(seed).shuffle(shuffled)
    with localcontext(prec=5):
        one, other = booked(make(Order), fills), booked(make(Order), shuffled)
        history = weighted_average(fills)
    value = sum((Fraction(price) * Fraction(size) for price, size in pairs), Fraction())
    size = sum((Fraction(size) for _, size in pairs), Fraction())
    assert (Fraction(one.filled_value), Fraction(one.filled_size)) == (value, size)
    assert (other.filled_value, other.filled_size) == (one.filled_value, one.filled_size)
    assert one.fill_count == len(pairs)
    average = average_price(one)
    assert average == history == average_price(other)
    assert abs(Fraction(average) - value / size) <= value / size * Fraction(1, 10**49)


@given(executions, st.integers())
def test_average_of_repeated_and_shuffled_deliveries_is_the_nearest_to_the_exact_fraction_at_every_step(
    pairs: list[tuple[Decimal, Decimal]], seed: int
) -> None:
    random = Random(seed)
    deliveries = [fill for fill in fills_of(pairs) for _ in range(random.randint(1, 3))]
    random.shuffle(deliveries)
    order, ledger = make(Order), dict[str, Fill]()
    value = size = Fraction()
    for fill in deliveries:
        key = fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)
        if key in ledger:
            continue
        ledger[key] = fill
        order = book(order, fill).order
        value += Fraction(fill.price) * Fraction(fill.size)
        size += Fraction(fill.size)
        exact = value / size
        nearest = RATIO.divide(D(exact.numerator), D(exact.denominator))
        assert average_price(order) == nearest == weighted_average(ledger.values())
    assert order.fill_count == len(pairs)


@pytest.mark.parametrize("order_of_arrival", list(permutations(range(3))))
def test_average_of_the_worked_example_is_exact_in_any_order_and_shown_half_up(
    order_of_arrival: tuple[int, ...],
) -> None:
    fills = fills_of([(D("178.40"), D(30)), (D("178.45"), D(50)), (D("178.50"), D(20))])
    order = booked(make(Order, size=D(100)), [fills[place] for place in order_of_arrival])
    assert (order.filled_value, average_price(order)) == (D("17844.50"), D("178.445"))
    assert rounded(D("178.445"), 2) == D("178.45")


def test_average_without_fills_is_none() -> None:
    assert weighted_average([]) is None
    assert average_price(make(Order)) is None


@given(st.lists(st.tuples(st.sampled_from(["BNB", "BTC", "USDT", None]), st.decimals(-5, 5, places=8)), max_size=20))
def test_fees_are_summed_per_currency_in_its_order(fees: list[tuple[str | None, Decimal]]) -> None:
    fills = [make(Fill, fee=fee, fee_currency=currency) for currency, fee in fees]
    order = booked(make(Order), fills)
    charged = [(currency or "", fee) for currency, fee in fees if fee]
    wanted = {currency: sum(f for c, f in charged if c == currency) for currency, _ in charged}
    assert order.fees == tuple(sorted(wanted.items()))


def test_fill_times_of_the_order_are_ours_and_span_all_arrivals() -> None:
    fills = [make(Fill, received_ms=NOW_MS + late, venue_time_ms=5) for late in (20, 10, 30)]
    order = booked(make(Order), fills)
    assert (order.first_fill_ms, order.last_fill_ms) == (NOW_MS + 10, NOW_MS + 30)


@pytest.mark.parametrize(
    ("size", "complete", "overfilled"),
    [
        ("0.99999999", False, False),
        ("0.999999991", True, False),
        ("1", True, False),
        ("1.000000009", True, False),
        ("1.00000001", True, True),
    ],
)
def test_completion_is_judged_within_the_tolerance(size: str, complete: bool, overfilled: bool) -> None:  # noqa: FBT001
    result = book(make(Order, size=D(1)), make(Fill, size=D(size)))
    assert (result.complete, result.overfilled, result.order.overfilled) == (complete, overfilled, overfilled)


def test_completion_with_a_wider_tolerance_comes_earlier() -> None:
    order, fill = make(Order, size=D(1)), make(Fill, size=D("0.9"))
    assert not book(order, fill).complete
    assert not book(order, fill, tolerance=D("0.1")).complete
    assert book(order, fill, tolerance=D("0.11")).complete


def test_completion_without_any_tolerance_is_exact() -> None:
    order = make(Order, size=D(1))
    booked = [book(order, make(Fill, size=D(size)), tolerance=D(0)) for size in ("0.9", "1", "1.1")]
    assert [(each.complete, each.overfilled) for each in booked] == [(False, False), (True, False), (True, True)]


def test_quote_sized_order_grows_with_its_executions_until_the_venue_calls_it_filled() -> None:
    working = make(Order, size=D("0.1"), quote_size=D(100), filled_size=D("0.1"), state=OrderState.PARTIALLY_FILLED)
    more = make(Fill, size=D("0.1"), price=D(1000))
    assert (book(working, more).overfilled, book(working, more).complete) == (False, False)
    assert book(replace(working, state=OrderState.FILLED), more).overfilled


@pytest.mark.parametrize(("spent", "overfilled"), [("99.9", False), ("99.99999999", False), ("100", True)])
def test_quote_sized_order_is_overfilled_by_what_executes_when_all_is_spent(spent: str, overfilled: bool) -> None:  # noqa: FBT001
    order = make(Order, size=D(7), quote_size=D(100), filled_size=D("0.1"), filled_value=D(spent))
    assert book(order, make(Fill, size=D("0.001"), price=D(1000))).overfilled is overfilled


def test_overfill_once_seen_stays_on_the_order() -> None:
    order = make(Order, size=D(10), overfilled=True)
    result = book(order, make(Fill, size=D(1)))
    assert (result.overfilled, result.order.overfilled) == (False, True)


def test_quote_sized_order_of_unknown_size_is_never_complete() -> None:
    result = book(make(Order, size=D(0), quote_size=D(100)), make(Fill, size=D(7)))
    assert (result.complete, result.overfilled) == (False, False)


def test_booking_another_orders_fill_is_a_bug() -> None:
    with pytest.raises(InvariantViolated):
        book(make(Order), make(Fill, order_id="another"))


def test_booking_changes_totals_only() -> None:
    order = make(Order)
    after = book(order, make(Fill, fee=D(1), fee_currency="BNB")).order
    changed = {name for name, value in order.__dict__.items() if after.__dict__[name] != value}
    assert changed == {"filled_size", "filled_value", "fees", "fill_count", "first_fill_ms", "last_fill_ms"}


def test_fill_key_tells_venues_symbols_and_orders_apart() -> None:
    assert fill_key("binance", "BTC-USDT", "28", "56") == "binance|BTC-USDT|28|56"


@given(st.decimals(-(10**12), 10**12, places=10), st.integers(0, 8))
def test_rounding_is_half_up_away_from_zero(price: Decimal, places: int) -> None:
    unit = Fraction(1, 10**places)
    count = Fraction(abs(price)) / unit
    nearest = int(count + Fraction(1, 2)) * unit
    with localcontext(prec=4):
        shown = rounded(price, places)
    assert Fraction(shown) == (nearest if price >= 0 else -nearest)


@pytest.mark.parametrize(
    ("side", "price", "percent"),
    [(Side.BUY, "105", "5"), (Side.BUY, "95", "-5"), (Side.SELL, "95", "5"), (Side.SELL, "110", "-10")],
)
def test_price_deviation_is_positive_when_worse(side: Side, price: str, percent: str) -> None:
    assert price_deviation_percent(side, D(price), D(100)) == D(percent)


def test_price_deviation_without_a_positive_reference_is_none() -> None:
    assert price_deviation_percent(Side.BUY, D(1), D(0)) is None


@pytest.mark.parametrize(
    ("cumulative", "missing"),
    [("5", "0"), ("5.000000009", "0"), ("5.00000001", "0.00000001"), ("4.5", "-0.5"), ("7", "2")],
)
def test_missing_quantity_is_signed_and_tolerant(cumulative: str, missing: str) -> None:
    with localcontext(prec=2):
        assert missing_quantity(make(Order, filled_size=D(5)), D(cumulative)) == D(missing)
