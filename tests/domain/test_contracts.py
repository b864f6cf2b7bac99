"""Contracts whose price counts more than once: what positions, orders and limits in them come to."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from exposure_kit import D, market, order
from factories import ACCOUNT, NOW_MS, make
from hypothesis import given
from hypothesis import strategies as st
from risk_kit import draft, figures, limits, refusal_of

from actors.domain.arithmetic import EXACT
from actors.domain.assets import Assets, assets_of, multiplier_of, worth
from actors.domain.exposure import ExposureBook
from actors.domain.positions import SymbolFills, average_entry, flat, fold, realised_pnl, rebuild
from actors.domain.projection import normalized, view
from actors.domain.risk import exceeded
from actors.domain.rules import check_capabilities, check_instrument
from messages import Instrument, Order, OrderState, OrderTerms, OrderType, RefusalCode, Side, TimeInForce
from messages.fills import Fill, Position
from messages.types import ONE

VENUE = "projectx"
CONTRACT = "CON.F.US.EP.Z26"
FIFTY = D(50)
ES = Assets(CONTRACT, "USD", FIFTY, margin=True)
NEAR = Fraction(1, 10**40)

trades = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 40_000).map(lambda ticks: D(ticks) / 4), st.integers(1, 5).map(D)),
    min_size=1,
    max_size=40,
)
multipliers = st.sampled_from([FIFTY, D("12.5"), D("0.1"), D(1000), D("31.25")])


def fills_of(pairs: Iterable[tuple[Side, Decimal, Decimal]], **changes: object) -> list[Fill]:
    return [
        make(
            Fill,
            exchange=VENUE,
            symbol=CONTRACT,
            fill_id=str(number),
            side=side,
            price=price,
            size=size,
            venue_time_ms=number,
            received_ms=number,
            **changes,
        )
        for number, (side, price, size) in enumerate(pairs, start=1)
    ]


def position_of(fills: Iterable[Fill], multiplier: Decimal | None = FIFTY) -> Position:
    return rebuild(ACCOUNT, VENUE, CONTRACT, fills, multiplier)


# ----- which multiplier


def test_multiplier_is_the_instruments_before_all_else() -> None:
    instrument, held = make(Instrument, multiplier=FIFTY), make(Position, multiplier=D(2))
    assert multiplier_of(instrument, held, spot=True) == FIFTY


def test_multiplier_without_an_instrument_is_the_one_that_was_counted_with() -> None:
    assert multiplier_of(None, make(Position, multiplier=FIFTY), spot=False) == FIFTY
    assert multiplier_of(None, make(Position, multiplier=None), spot=True) is None


def test_multiplier_of_nothing_known_is_one_on_spot_and_not_known_elsewhere() -> None:
    assert multiplier_of(None, None, spot=True) == 1
    assert multiplier_of(None, None, spot=False) is None


def test_assets_are_those_of_the_instrument_and_not_known_without_one() -> None:
    instrument = make(Instrument, base=CONTRACT, quote="USD", multiplier=FIFTY)
    assert assets_of(instrument, margin=True) == ES
    assert assets_of(None, margin=True) is None


@given(st.decimals("0.00000001", "100000000", places=8), st.decimals("0.00000001", "100000000", places=8))
def test_value_with_a_multiplier_of_one_is_price_times_size_to_the_last_digit(price: Decimal, size: Decimal) -> None:
    assert str(worth(price, size, ONE)) == str(EXACT.multiply(price, size))


# ----- positions


@pytest.mark.parametrize(
    ("pairs", "size", "entry_value", "average", "realised"),
    [
        ([("+", "6000", "2")], "2", "600000", "6000", "0"),
        ([("+", "6000", "1"), ("+", "6010.5", "1")], "2", "600525", "6005.25", "0"),
        ([("+", "6000", "2"), ("-", "6010", "1")], "1", "300000", "6000", "500"),
        ([("-", "6000", "2"), ("+", "6010", "1")], "-1", "-300000", "6000", "-500"),
        ([("+", "6000", "1"), ("-", "6001.25", "3")], "-2", "-600125", "6001.25", "62.5"),
        ([("-", "6000", "1"), ("+", "5999.75", "1")], "0", "0", None, "12.5"),
    ],
)
def test_position_in_a_contract_is_worth_price_times_size_times_multiplier(
    pairs: list[tuple[str, str, str]], size: str, entry_value: str, average: str | None, realised: str
) -> None:
    sides = {"+": Side.BUY, "-": Side.SELL}
    position = position_of(fills_of([(sides[sign], D(price), D(lots)) for sign, price, lots in pairs]))
    assert (position.size, position.entry_value, realised_pnl(position)) == (D(size), D(entry_value), D(realised))
    assert average_entry(position) == (None if average is None else D(average))


@given(trades, multipliers)
def test_position_of_any_trades_is_the_multiple_of_one_without_a_multiplier(
    pairs: list[tuple[Side, Decimal, Decimal]], multiplier: Decimal
) -> None:
    fills = fills_of(pairs)
    plain, position = position_of(fills, ONE), position_of(fills, multiplier)
    by = Fraction(multiplier)
    turnover = sum((Fraction(price) * Fraction(size) for _, price, size in pairs), Fraction())
    assert (position.size, position.opened_ms) == (plain.size, plain.opened_ms)
    assert Fraction(position.cash) == Fraction(plain.cash) * by
    assert abs(Fraction(position.entry_value) - Fraction(plain.entry_value) * by) <= NEAR * turnover * by
    one, other = average_entry(plain), average_entry(position)
    assert (one is None) is (other is None)
    assert one is None or other is None or abs(Fraction(one) - Fraction(other)) <= NEAR * Fraction(one)


def test_fee_in_quote_leaves_the_size_of_a_contract_position() -> None:
    position = position_of(fills_of([(Side.BUY, D(6000), D(2))], fee=D("1.4"), fee_currency="USD"))
    assert (position.size, position.cash, position.fees) == (2, -600_000, (("USD", D("1.4")),))
    unnamed = position_of(fills_of([(Side.BUY, D(6000), D(2))], fee=D("1.4"), fee_currency=None))
    assert unnamed.size == 2


def test_position_of_an_unknown_multiplier_counts_prices_and_says_so() -> None:
    position = position_of(fills_of([(Side.BUY, D(6000), D(2)), (Side.SELL, D(6010), D(1))]), None)
    assert position.multiplier is None
    assert (position.size, average_entry(position)) == (1, 6000)
    assert (position.entry_value, position.cash) == (6000, -5990)


@given(trades, st.integers(), st.sampled_from([1, 2, 5, 128]), st.integers(0, 40))
def test_position_whose_multiplier_becomes_known_goes_on_as_if_it_had_been_known(
    pairs: list[tuple[Side, Decimal, Decimal]], seed: int, every: int, known_after: int
) -> None:
    random = Random(seed)
    history = SymbolFills(ACCOUNT, VENUE, CONTRACT, every=every)
    current, booked = flat(ACCOUNT, VENUE, CONTRACT, None), []
    fills = fills_of(pairs)
    random.shuffle(fills)
    for number, fill in enumerate(fills):
        if number == known_after:
            current = position_of(booked)
            history.checkpoint(current)
        current = history.after(current, [fill])
        history.add(fill)
        history.checkpoint(current)
        booked.append(fill)
        assert current == position_of(booked, FIFTY if number >= known_after else None)


def test_late_fill_of_a_loaded_contract_position_is_counted_with_its_multiplier() -> None:
    fills = fills_of([(Side.BUY, D(6000), D(1)), (Side.BUY, D(6010), D(1)), (Side.SELL, D(6020), D(1))])
    history = SymbolFills(ACCOUNT, VENUE, CONTRACT, fills=(fills[0], fills[2]))
    current = position_of((fills[0], fills[2]))
    assert history.after(current, [fills[1]]) == position_of(fills)


def test_fold_keeps_the_multiplier() -> None:
    assert fold(flat(ACCOUNT, VENUE, CONTRACT, FIFTY), fills_of([(Side.BUY, D(1), D(1))])[0]).multiplier == FIFTY


# ----- orders and limits


def test_order_notional_of_a_contract_is_held_to_the_limit_with_its_multiplier() -> None:
    new = draft(symbol=CONTRACT, price=D(6000), reference_price=D(6000))
    assert refusal_of(new, limits(max_order_notional=D(600_000)), assets=ES) is None
    refused = refusal_of(new, limits(max_order_notional=D(599_999)), assets=ES)
    assert figures(refused) == ("maxOrderNotional", "599999", "600000")
    assert refused is not None
    assert "600000 USD" in refused.text
    assert "a size of up to 1.99999666666 at 6000 would pass" in refused.text


def test_order_notional_of_a_contract_that_is_not_known_cannot_be_judged() -> None:
    new = draft(symbol=CONTRACT, price=D(6000), reference_price=D(6000))
    refused = refusal_of(new, limits(max_order_notional=D(10**9)), assets=None)
    assert figures(refused) == ("maxOrderNotional", "1000000000", "unknown")


@pytest.mark.parametrize("name", ["max_open_notional_per_symbol", "max_open_notional_per_account"])
def test_open_notional_of_contracts_is_held_to_the_limit_with_its_multiplier(name: str) -> None:
    new = draft(symbol=CONTRACT, price=D(6000), reference_price=D(6000))
    assert refusal_of(new, limits(**{name: D(600_000)}), assets=ES) is None
    assert figures(refusal_of(new, limits(**{name: D(599_999)}), assets=ES))[1:] == ("599999", "600000")  # type: ignore[index]
    book = ExposureBook()
    book.put(order("a", symbol=CONTRACT, price=D(6000)), ES)
    assert [found[0] for found in exceeded(book, {}, limits(**{name: D(599_999)}))] != []
    assert exceeded(book, {}, limits(**{name: D(600_000)})) == ()


def test_position_limit_of_a_contract_counts_contracts() -> None:
    new = market("new", symbol=CONTRACT, size=D(3))
    by = limits(max_position={CONTRACT: D(3)})
    assert refusal_of(new, by, assets=ES) is None
    held = {(VENUE, CONTRACT): make(Position, exchange=VENUE, symbol=CONTRACT, size=D(1), multiplier=FIFTY)}
    assert figures(refusal_of(new, by, assets=ES, positions=held)) == ("maxPosition", "3", "4")


def contract(**changes: object) -> Instrument:
    rules = {"exchange": VENUE, "symbol": CONTRACT, "base": CONTRACT, "quote": "USD", "multiplier": FIFTY}
    return make(Instrument, **{**rules, "step_size": ONE, "order_types": frozenset(OrderType), **changes})


def terms(**changes: object) -> OrderTerms:
    values = {"symbol": CONTRACT, "side": Side.BUY, "type": OrderType.LIMIT, "size": D(2), "price": D(6000)}
    return make(OrderTerms, **{**values, "time_in_force": TimeInForce.GTC, **changes})


@pytest.mark.parametrize(
    ("bounds", "nearest"),
    [
        ({"max_notional": D(600_000)}, None),
        ({"max_notional": D(599_999)}, "nearest valid size at 6000: 1"),
        ({"min_notional": D(600_000)}, None),
        ({"min_notional": D(600_001)}, "nearest valid size at 6000: 3"),
    ],
)
def test_notional_rule_of_a_contract_counts_its_multiplier(bounds: dict[str, Decimal], nearest: str | None) -> None:
    refusal = check_instrument(terms(), contract(**bounds))
    assert (refusal is None) is (nearest is None)
    assert refusal is None or nearest is None or refusal.text.endswith(nearest)


def capable(order_terms: OrderTerms) -> RefusalCode | None:
    refusal = check_capabilities(
        order_terms,
        venue=VENUE,
        order_types=frozenset(OrderType),
        times_in_force=frozenset({TimeInForce.GTC}),
        post_only=False,
        quote_size_market=False,
        reduce_only=False,
    )
    return None if refusal is None else refusal.code


def test_market_order_needs_no_time_in_force_of_its_venue() -> None:
    taking = {"type": OrderType.MARKET, "price": None, "time_in_force": TimeInForce.IOC}
    assert capable(terms(**taking)) is None
    assert capable(terms(time_in_force=TimeInForce.IOC)) is RefusalCode.NOT_SUPPORTED
    assert capable(terms()) is None


# ----- as others see it


def executed(**changes: object) -> Order:
    values = {"size": D(3), "filled_size": D(2), "filled_value": D("12010.50"), "state": OrderState.PARTIALLY_FILLED}
    return make(Order, exchange=VENUE, symbol=CONTRACT, **{**values, **changes})


def test_value_of_an_executed_contract_order_is_money_and_its_average_is_a_price() -> None:
    shown = normalized(executed(), FIFTY)
    assert (shown.filled_value, shown.average_filled_price) == (D("600525.00"), D("6005.25"))
    assert view(executed(), None, NOW_MS, FIFTY).order == shown


def test_value_of_an_executed_order_whose_multiplier_is_not_known_is_not_shown() -> None:
    shown = normalized(executed(), None)
    assert (shown.filled_value, shown.average_filled_price, shown.filled_size) == (None, D("6005.25"), 2)


def test_value_of_an_executed_spot_order_is_what_it_always_was() -> None:
    assert str(normalized(executed()).filled_value) == "12010.50"
