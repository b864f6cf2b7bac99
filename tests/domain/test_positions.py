"""The arithmetic of positions, against exact fractions."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from random import Random

import pytest
from factories import ACCOUNT, EXCHANGE, NOW_MS, SYMBOL, make
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.domain.arithmetic import EXACT
from actors.domain.assets import Assets
from actors.domain.positions import (
    average_entry,
    booking_order,
    flat,
    fold,
    moved,
    position_key,
    realised_pnl,
    rebuild,
)
from actors.errors import InvariantViolated
from messages import Side
from messages.base import copied
from messages.fills import Fill, Position

D = Decimal
NEAR = Fraction(1, 10**40)

prices = st.decimals(min_value="0.000000000001", max_value="100000000", places=12)
amounts = st.decimals(min_value="0.00000001", max_value="1000000000", places=8)
lots = st.integers(1, 4).map(lambda count: Decimal(count) / 100)
"""Few sizes, so that positions close exactly and turn round by one lot."""
trades = st.lists(st.tuples(st.sampled_from(Side), prices, st.one_of(lots, amounts)), min_size=1, max_size=60)
lot_trades = st.lists(st.tuples(st.sampled_from(Side), prices, lots), min_size=1, max_size=60)

Trade = tuple[Side, Decimal, Decimal]


def fills_of(pairs: Iterable[Trade]) -> list[Fill]:
    return [
        make(Fill, fill_id=str(number), side=side, price=price, size=size, venue_time_ms=number, received_ms=number)
        for number, (side, price, size) in enumerate(pairs, start=1)
    ]


def position_of(fills: Iterable[Fill]) -> Position:
    position = flat(ACCOUNT, EXCHANGE, SYMBOL)
    for fill in fills:
        position = fold(position, fill)
    return position


def traded(*texts: str) -> Position:
    """The position of trades written as `+2@100`: bought 2 at 100."""
    split = [(text[0], *text[1:].split("@")) for text in texts]
    return position_of(fills_of([(Side.BUY if sign == "+" else Side.SELL, D(p), D(s)) for sign, s, p in split]))


@dataclass
class Naive:
    """Average cost as a textbook has it: a size and a price per unit, both exact."""

    size: Fraction = Fraction()
    average: Fraction = Fraction()
    realised: Fraction = Fraction()

    def trade(self, side: Side, price: Decimal, amount: Decimal) -> None:
        signed = Fraction(amount) if side is Side.BUY else -Fraction(amount)
        if self.size * signed >= 0:
            self.average = (self.average * self.size + Fraction(price) * signed) / (self.size + signed)
            self.size += signed
            return
        closed = min(abs(signed), abs(self.size))
        gain = Fraction(price) - self.average if self.size > 0 else self.average - Fraction(price)
        self.realised += closed * gain
        turned = abs(signed) > abs(self.size)
        self.size += signed
        if turned:
            self.average = Fraction(price)


@given(trades)
def test_position_of_any_trades_agrees_with_the_textbook(pairs: list[Trade]) -> None:
    naive = Naive()
    with localcontext(prec=5):
        position = position_of(fills_of(pairs))
        entry = average_entry(position)
    for side, price, size in pairs:
        naive.trade(side, price, size)
    assert Fraction(position.size) == naive.size
    assert (entry is None) is (naive.size == 0)
    if entry is not None:
        assert abs(Fraction(entry) - naive.average) <= NEAR * naive.average
    turnover = sum((Fraction(price) * Fraction(size) for _, price, size in pairs), Fraction())
    assert abs(Fraction(realised_pnl(position)) - naive.realised) <= NEAR * turnover


@given(trades)
def test_cash_and_size_of_any_trades_are_exact(pairs: list[Trade]) -> None:
    position = position_of(fills_of(pairs))
    bought = [(Fraction(price), Fraction(size)) for side, price, size in pairs if side is Side.BUY]
    sold = [(Fraction(price), Fraction(size)) for side, price, size in pairs if side is Side.SELL]
    assert Fraction(position.size) == sum(s for _, s in bought) - sum(s for _, s in sold)
    assert Fraction(position.cash) == sum(p * s for p, s in sold) - sum(p * s for p, s in bought)
    assert position.fill_count == len(pairs)


@given(st.sampled_from(Side), st.lists(st.tuples(prices, amounts), min_size=1, max_size=60))
def test_average_entry_without_a_reduction_is_exact(side: Side, pairs: list[tuple[Decimal, Decimal]]) -> None:
    position = position_of(fills_of([(side, price, size) for price, size in pairs]))
    value = sum((Fraction(price) * Fraction(size) for price, size in pairs), Fraction())
    sign = 1 if side is Side.BUY else -1
    assert Fraction(position.entry_value) == sign * value
    assert realised_pnl(position) == 0


@given(lot_trades, prices)
def test_realised_profit_of_a_flat_position_is_exact(pairs: list[Trade], price: Decimal) -> None:
    open_size = position_of(fills_of(pairs)).size
    assume(open_size)
    closing = (Side.SELL if open_size > 0 else Side.BUY, price, open_size.copy_abs())
    position = position_of(fills_of([*pairs, closing]))
    assert (position.size, position.entry_value, position.opened_ms, average_entry(position)) == (0, 0, None, None)
    flow = sum(Fraction(p) * Fraction(s) * (1 if side is Side.SELL else -1) for side, p, s in [*pairs, closing])
    assert Fraction(realised_pnl(position)) == flow


@given(trades, prices, st.integers())
def test_worth_at_a_mark_is_conserved_in_any_order(pairs: list[Trade], mark: Decimal, seed: int) -> None:
    shuffled = list(pairs)
    Random(seed).shuffle(shuffled)
    one, other = position_of(fills_of(pairs)), position_of(fills_of(shuffled))
    worth = [Fraction(p.cash) + Fraction(p.size) * Fraction(mark) for p in (one, other)]
    wanted = sum(
        Fraction(size) * (Fraction(mark) - Fraction(price)) * (1 if side is Side.BUY else -1)
        for side, price, size in pairs
    )
    assert worth == [wanted, wanted]


@pytest.mark.parametrize(
    ("trades", "size", "entry_value", "realised"),
    [
        (("+2@100", "+2@110"), "4", "420", "0"),
        (("+4@105", "-1@120"), "3", "315", "15"),
        (("-4@105", "+1@120"), "-3", "-315", "-15"),
        (("+1@100", "-3@130"), "-2", "-260", "30"),
        (("-1@100", "+3@130"), "2", "260", "-30"),
        (("+3@1", "-1@1", "-1@1", "-1@2"), "0", "0", "1"),
        (("+1@100", "-1@90", "+1@50", "-1@70"), "0", "0", "10"),
    ],
)
def test_position_of_known_trades_is_as_worked_out_by_hand(
    trades: tuple[str, ...], size: str, entry_value: str, realised: str
) -> None:
    position = traded(*trades)
    assert (position.size, position.entry_value, realised_pnl(position)) == (D(size), D(entry_value), D(realised))


def test_entry_value_after_many_uneven_reductions_ends_at_exactly_zero() -> None:
    position = traded("+7@3.333333333333", *["-0.7@9.999999999999"] * 9)
    assert abs(Fraction(position.entry_value) - Fraction("0.7") * Fraction("3.333333333333")) < NEAR
    closed = traded("+7@3.333333333333", *["-0.7@9.999999999999"] * 10)
    assert (closed.size, closed.entry_value) == (0, 0)
    assert realised_pnl(closed) == D("46.666666666662")


def test_one_lot_that_goes_to_and_fro_leaves_only_its_losses() -> None:
    position = traded(*["+0.01@100.01", "-0.01@100"] * 50)
    assert (position.size, position.entry_value, position.cash) == (0, 0, D("-0.005"))


def test_opening_time_is_when_the_fill_that_left_zero_or_turned_round_was_received() -> None:
    steps = [("+1@1", 1), ("+1@1", 1), ("-1@1", 1), ("-2@1", 4), ("-1@1", 4), ("+2@1", None), ("+1@1", 7)]
    texts = [text for text, _ in steps]
    assert [traded(*texts[: count + 1]).opened_ms for count in range(len(steps))] == [when for _, when in steps]


def test_update_time_is_the_latest_that_any_fill_was_received() -> None:
    fills = [make(Fill, fill_id=str(late), received_ms=NOW_MS + late) for late in (20, 30, 10)]
    assert position_of(fills).updated_ms == NOW_MS + 30


@given(st.lists(st.tuples(st.sampled_from(["BNB", "BTC", "USDT", None]), st.decimals(-5, 5, places=8)), max_size=20))
def test_fees_of_a_position_are_summed_per_currency_and_touch_nothing_else(
    fees: list[tuple[str | None, Decimal]],
) -> None:
    fills = [make(Fill, fill_id=str(n), fee=fee, fee_currency=currency) for n, (currency, fee) in enumerate(fees)]
    with localcontext(prec=3):
        position = position_of(fills)
    charged = [(currency or "", fee) for currency, fee in fees if fee]
    wanted = {currency: sum(f for c, f in charged if c == currency) for currency, _ in charged}
    assert position.fees == tuple(sorted(wanted.items()))
    assert position.cash == -sum(fill.price * fill.size for fill in fills)


def test_folding_carries_over_what_comparisons_found() -> None:
    before = make(Position, unexplained=D(7), drift=D("0.5"))
    after = fold(before, make(Fill))
    assert (after.unexplained, after.drift) == (D(7), D("0.5"))


@pytest.mark.parametrize("name", ["account_id", "exchange", "symbol"])
def test_folding_another_positions_fill_is_a_bug(name: str) -> None:
    with pytest.raises(InvariantViolated):
        fold(flat(ACCOUNT, EXCHANGE, SYMBOL), make(Fill, **{name: "another"}))


def test_rebuilt_position_of_no_fills_is_flat() -> None:
    assert rebuild(ACCOUNT, EXCHANGE, SYMBOL, []) == flat(ACCOUNT, EXCHANGE, SYMBOL)
    assert position_key(EXCHANGE, SYMBOL) == "binance|BTC-USDT"


def test_booking_order_follows_venue_time_then_the_number_of_the_trade() -> None:
    a, b, c, d, e = (
        make(Fill, venue_time_ms=1, fill_id="900"),
        make(Fill, venue_time_ms=2, fill_id="99"),
        make(Fill, venue_time_ms=2, fill_id="100", venue_order_id="1"),
        make(Fill, venue_time_ms=2, fill_id="100", venue_order_id="2"),
        make(Fill, venue_time_ms=2, fill_id="101", sequence=0, received_ms=0),
    )
    assert sorted([e, d, c, a, b], key=booking_order) == [a, b, c, d, e]


# ----- assets

ASSETS = {symbol: Assets(*symbol.split("-")) for symbol in ("BTC-USDT", "ETH-BTC", "BNB-USDT")}


def assets_of(_: str, symbol: str) -> Assets | None:
    return ASSETS.get(symbol)


def test_movement_of_an_asset_counts_it_as_base_as_quote_and_as_fee() -> None:
    positions = [
        make(
            Position,
            symbol="BTC-USDT",
            size=D(2),
            cash=D(-200),
            fees=(("BNB", D(1)), ("BTC", D("0.1"))),
            fill_count=1,
        ),
        make(Position, symbol="ETH-BTC", size=D(-3), cash=D("0.5"), fees=(("BTC", D("0.01")),), fill_count=1),
        make(Position, symbol="BNB-USDT", size=D(0), cash=D(7), fill_count=2),
    ]
    found = {asset: moved(asset, positions, assets_of) for asset in ("BTC", "USDT", "ETH", "BNB", "XRP")}
    assert found == {"BTC": D("2.49"), "USDT": D(-193), "ETH": D(-3), "BNB": D(-1), "XRP": D(0)}


TRADED_ONE = make(Position, symbol="BTC-USDT", size=D(2), fill_count=1)


def test_movement_is_not_known_while_the_assets_of_a_traded_symbol_are_not() -> None:
    assert moved("BTC", [TRADED_ONE, make(Position, symbol="ODD", fill_count=1)], assets_of) is None
    assert moved("BTC", [TRADED_ONE, make(Position, symbol="ODD", fill_count=0)], assets_of) == D(2)


@pytest.mark.parametrize(("asset", "known"), [("OLD", None), ("USDT", None), ("BTC", D(2)), ("BNB", D(-1))])
def test_symbol_that_is_not_listed_hides_only_the_assets_of_its_name(asset: str, known: Decimal | None) -> None:
    old = make(Position, symbol="OLD-USDT", size=D(5), cash=D(-5), fees=(("BNB", D(1)),), fill_count=1)
    assert moved(asset, [TRADED_ONE, old], assets_of) == known


@pytest.mark.parametrize(
    ("asset", "known"), [("ETH", None), ("BTC", None), ("BNB", None), ("USDT", D(-7)), ("XRP", D(0))]
)
def test_fee_without_a_currency_hides_what_it_may_be_charged_in(asset: str, known: Decimal | None) -> None:
    unnamed = make(Position, symbol="ETH-BTC", size=D(3), cash=D(-3), fees=(("", D("0.1")),), fill_count=1)
    named = make(Position, symbol="BNB-USDT", size=D(7), cash=D(-7), fees=(("BNB", D(1)),), fill_count=1)
    assert moved(asset, [unnamed, named], assets_of) == known


# ----- fees in the base asset


def test_fee_in_the_base_asset_leaves_the_position_and_makes_it_dearer() -> None:
    (bought,) = fills_of([(Side.BUY, D(100), D(1))])
    position = position_of([copied(bought, fee=D("0.2"), fee_currency="BTC")])
    assert (position.size, position.cash, position.fees) == (D("0.8"), D(-100), (("BTC", D("0.2")),))
    assert average_entry(position) == D(125)
    assert realised_pnl(position) == 0


def test_position_bought_for_a_fee_in_base_is_flat_when_what_was_left_is_sold() -> None:
    bought, sold = fills_of([(Side.BUY, D(100), D(1)), (Side.SELL, D(150), D("0.8"))])
    position = position_of([copied(bought, fee=D("0.2"), fee_currency="BTC"), sold])
    assert (position.size, position.entry_value, position.opened_ms) == (0, 0, None)
    assert realised_pnl(position) == D(20)


def test_fee_in_another_asset_leaves_the_position_alone() -> None:
    (bought,) = fills_of([(Side.BUY, D(100), D(1))])
    assert position_of([copied(bought, fee=D("0.2"), fee_currency="BNB")]).size == 1
    assert position_of([copied(bought, fee=D("0.2"), fee_currency=None)]).size == 1


@given(trades, st.lists(st.sampled_from([D(0), D("0.001"), D("-0.0005")]), min_size=60, max_size=60))
def test_size_is_what_was_traded_less_the_fees_in_base_and_profit_never_appears_from_nothing(
    pairs: list[Trade], rates: list[Decimal]
) -> None:
    fills = [
        copied(fill, fee=EXACT.multiply(fill.size, rate), fee_currency="BTC")
        for fill, rate in zip(fills_of(pairs), rates, strict=False)
    ]
    position = position_of(fills)
    net = sum(Fraction(f.size) * (1 if f.side is Side.BUY else -1) - Fraction(f.fee) for f in fills)
    assert Fraction(position.size) == net
    if net == 0:
        assert position.entry_value == 0
    elif position.entry_value:
        assert (position.entry_value > 0) is (net > 0)

