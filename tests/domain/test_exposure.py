"""What orders may come to: one by one, added up as they change, and computed afresh."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
from exposure_kit import (
    ENDED,
    LIVE,
    PLACES,
    USDT,
    D,
    any_orders,
    by_quote,
    change,
    market,
    order,
    position,
    stop_limit,
    stop_market,
)
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.assets import Assets
from actors.domain.exposure import AssetsOf, ExposureBook, MoneyTotals, SymbolTotals, exposures, reserved
from actors.domain.stakes import stake_of
from messages import Order, OrderState, OrderType, ReservedFunds, Side
from messages.types import ModificationKind

ES = Assets("CON.F.US.EP.Z26", "EUR", D(50), margin=True)
ES_MOVED = replace(ES, multiplier=D("12.5"))
HELD = {("binance", "BTC-USDT"): USDT, ("binance", "ETH-BTC"): Assets("ETH", "BTC"), ("kraken", "BTC-USDT"): USDT}


def assets_of(exchange: str, symbol: str) -> Assets | None:
    return HELD.get((exchange, symbol))


def worth(an_order: Order, assets: Assets | None = USDT) -> tuple[Decimal | None, Decimal | None]:
    stake = stake_of(an_order, assets)
    assert stake is not None
    return stake.size, stake.notional


def book_of(*orders: Order, known: AssetsOf = assets_of) -> ExposureBook:
    book = ExposureBook()
    for each in orders:
        book.put(each, known(each.exchange, each.symbol))
    return book


# ----- one order


@pytest.mark.parametrize("state", [OrderState.DRAFT, *ENDED])
def test_stake_of_an_order_that_cannot_execute_is_none(state: OrderState) -> None:
    assert stake_of(order(state=state), USDT) is None


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("asked", [{}, {"cancel_pending": True}, {"needs_review": True}, {"external": True}])
def test_stake_of_an_order_that_may_execute_is_all_that_is_left(state: OrderState, asked: dict[str, bool]) -> None:
    assert worth(order(state=state, filled_size=D("0.5"), **asked)) == (D("1.5"), D(150))


@pytest.mark.parametrize(
    ("an_order", "size", "notional"),
    [
        (order(), 2, 200),
        (order(reference_price=D(7)), 2, 200),
        (stop_limit(price=D(90)), 2, 180),
        (stop_market(), 2, 200),
        (stop_market(reference_price=D(7)), 2, 200),
        (market(reference_price=D(110)), 2, 220),
        (market(), 2, None),
        (by_quote(reference_price=D(50)), 4, 200),
        (by_quote(), None, 200),
        (by_quote(filled_value=D(150), filled_size=D(3), size=D(3), reference_price=D(50)), 1, 50),
        (by_quote(filled_value=D(200)), 0, 0),
        (by_quote(filled_value=D(201)), 0, 0),
        (order(filled_size=D(2)), 0, 0),
        (order(filled_size=D(3)), 0, 0),
        (order(size=D(0)), None, None),
        (market(size=D(0), filled_size=D(1)), None, None),
        (order(price=D(0), reference_price=D(5)), 2, 10),
        (market(reference_price=D(0)), 2, None),
        (by_quote(reference_price=D(0)), None, 200),
    ],
)
def test_stake_by_kind_of_order_is_its_size_and_value(an_order: Order, size: int | None, notional: int | None) -> None:
    assert worth(an_order) == (size, notional)


def test_stake_of_a_quote_sized_order_is_rounded_up_to_places_that_add_up_exactly() -> None:
    size, _ = worth(by_quote(quote_size=D(1), reference_price=D(3)))
    assert size == D("0." + "3" * 29 + "4")


@pytest.mark.parametrize(
    ("an_order", "size", "notional"),
    [
        (order(modification=change(size=D(5))), 5, 500),
        (order(modification=change(size=D(1))), 2, 200),
        (order(modification=change(price=D(120))), 2, 240),
        (order(modification=change(price=D(80))), 2, 200),
        (order(modification=change(size=D(5), price=D(10))), 5, 200),
        (order(modification=change(size=D(5)), filled_size=D(2)), 3, 300),
        (order(modification=change(size=D(1)), filled_size=D("1.5")), D("0.5"), 50),
        (stop_market(modification=change(stop_price=D(130))), 2, 260),
        (stop_market(modification=change(size=D(3)), reference_price=D(7)), 3, 300),
        (stop_market(modification=change(), reference_price=D(500)), 2, 200),
        (stop_limit(modification=change(stop_price=D(130))), 2, 200),
        (stop_limit(modification=change(price=D(130), stop_price=D(10))), 2, 260),
    ],
)
def test_stake_while_an_amend_is_unsettled_is_the_larger_of_both_terms(
    an_order: Order, size: Decimal, notional: Decimal
) -> None:
    assert worth(an_order) == (size, notional)


@pytest.mark.parametrize("kind", [ModificationKind.VENUE_REPLACE, ModificationKind.CANCEL_THEN_PLACE])
def test_stake_while_it_is_replaced_is_its_own_because_the_replacement_counts_itself(kind: ModificationKind) -> None:
    assert worth(order(modification=change(kind, size=D(5), price=D(500)))) == (2, 200)


@pytest.mark.parametrize(
    ("an_order", "assets", "funds"),
    [
        (order(), USDT, ("USDT", 200)),
        (order(side=Side.SELL), USDT, ("BTC", 2)),
        (market(), USDT, ("USDT", None)),
        (market(side=Side.SELL), USDT, ("BTC", 2)),
        (by_quote(), USDT, ("USDT", 200)),
        (by_quote(side=Side.SELL), USDT, ("BTC", None)),
        (order(), None, ("", None)),
        (order(side=Side.SELL), None, ("", None)),
        (order(), ES, ("", 0)),
        (order(side=Side.SELL), ES, ("", 0)),
        (market(), ES, ("", 0)),
    ],
)
def test_stake_by_side_holds_quote_to_buy_and_base_to_sell(
    an_order: Order, assets: Assets | None, funds: tuple[str, int | None]
) -> None:
    stake = stake_of(an_order, assets)
    assert stake is not None
    assert (stake.currency, stake.reserved) == funds


@pytest.mark.parametrize(
    ("an_order", "size", "notional"),
    [
        (order(), 2, 10_000),
        (order(side=Side.SELL, filled_size=D("0.5")), D("1.5"), 7500),
        (stop_market(), 2, 10_000),
        (market(reference_price=D("100.25")), 2, 10_025),
        (market(), 2, None),
        (order(modification=change(size=D(3), price=D(110))), 3, 16_500),
        (by_quote(quote_size=D(10_000), filled_value=D(100), reference_price=D(50)), 2, 5000),
    ],
)
def test_stake_in_a_contract_counts_its_multiplier(an_order: Order, size: Decimal, notional: Decimal | None) -> None:
    assert worth(an_order, ES) == (size, notional)


def test_book_when_a_multiplier_changes_values_the_orders_of_its_symbol_anew() -> None:
    book = book_of(order("a", symbol="NEW"), known=lambda *_: ES)
    book.retell("binance", "NEW", ES_MOVED)

    assert book.in_symbol("binance", "NEW") == MoneyTotals(1, D(2500), 0)
    assert book.in_currency("EUR") == MoneyTotals(1, D(2500), 0)


def test_reserved_funds_of_orders_on_margin_are_none() -> None:
    assert reserved([order("a"), order("b", side=Side.SELL), market("c")], lambda *_: ES) == ()


def test_stake_without_a_known_instrument_has_a_size_and_no_value() -> None:
    assert worth(order(), None) == (2, None)


# ----- added up


def test_book_of_several_orders_adds_up_by_symbol_and_side() -> None:
    totals = book_of(
        order("a"), order("b", price=D(50)), order("c", side=Side.SELL), order("d", exchange="kraken"), market("e")
    ).symbol("binance", "BTC-USDT")

    assert (totals.open_orders, totals.unpriced, totals.unclear) == (4, 1, 1)
    assert (totals.buy_size, totals.sell_size) == (6, 2)
    assert (totals.buy_notional, totals.sell_notional) == (300, 200)


def test_book_after_a_change_of_the_price_alone_values_the_order_by_it() -> None:
    book = book_of(order("a"))
    book.put(order("a", price=D(50)), USDT)

    assert book.in_symbol("binance", "BTC-USDT") == MoneyTotals(1, D(100), 0)
    assert book.stake("a") == stake_of(order(price=D(50)), USDT)


def test_book_where_sizes_are_not_known_counts_them_by_side() -> None:
    book = book_of(by_quote("a"), by_quote("b", side=Side.SELL), by_quote("c", side=Side.SELL), order("d", size=D(0)))
    totals = book.symbol("binance", "BTC-USDT")

    assert (totals.unsized_buys, totals.unsized_sells) == (2, 2)
    assert (totals.unpriced, totals.unclear) == (1, 4)
    assert (totals.buy_size, totals.buy_notional, totals.sell_notional) == (0, 200, 400)


def test_book_of_currencies_adds_up_each_quote_by_itself() -> None:
    book = book_of(
        order("a"), order("b", exchange="kraken"), order("c", side=Side.SELL), order("d", symbol="ETH-BTC", price=D(1))
    )

    assert book.in_currency("USDT") == MoneyTotals(3, D(600), 0)
    assert book.on_exchange("binance", "USDT") == MoneyTotals(2, D(400), 0)
    assert book.on_exchange("kraken", "USDT") == MoneyTotals(1, D(200), 0)
    assert book.on_exchange("kraken", "BTC") == MoneyTotals()
    assert book.in_symbol("binance", "ETH-BTC") == MoneyTotals(1, D(2), 0)
    assert book.currencies() == [("binance", "BTC"), ("binance", "USDT"), ("kraken", "USDT")]
    assert book.in_currency("BTC") == MoneyTotals(1, D(2), 0)


def test_book_with_an_order_of_no_known_instrument_may_hold_more_of_any_currency() -> None:
    book = book_of(order("a"), order("b", symbol="NEW"), order("c", symbol="NEW", exchange="kraken"))

    assert book.in_currency("USDT") == MoneyTotals(1, D(200), 2)
    assert book.on_exchange("binance", "USDT") == MoneyTotals(1, D(200), 1)
    assert book.on_exchange("binance", "EUR") == MoneyTotals(0, D(0), 1)
    assert book.symbol("binance", "NEW").buy_size == 2
    assert book.in_symbol("binance", "NEW") == MoneyTotals(1, D(0), 1)


def test_book_when_an_instrument_becomes_known_values_the_orders_of_its_symbol() -> None:
    book = book_of(order("a", symbol="NEW"), order("b", symbol="NEW", side=Side.SELL), order("c", symbol="OTHER"))
    book.retell("binance", "NEW", Assets("NEW", "EUR"))

    assert book.in_symbol("binance", "NEW") == MoneyTotals(2, D(400), 0)
    assert book.in_currency("EUR") == MoneyTotals(2, D(400), 1)
    assert book.stake("b") == stake_of(order("b", symbol="NEW", side=Side.SELL), Assets("NEW", "EUR"))


def test_book_when_an_order_comes_with_an_instrument_values_the_earlier_ones_too() -> None:
    book = book_of(order("a", symbol="NEW"))
    book.put(order("b", symbol="NEW"), Assets("NEW", "EUR"))

    assert book.in_currency("EUR") == MoneyTotals(2, D(400), 0)


def test_book_when_an_unchanged_order_comes_with_another_base_values_the_sells_by_it() -> None:
    book = book_of(order("a"), order("b", side=Side.SELL))
    book.put(order("a"), Assets("XBT", "USDT"))

    sold = book.stake("b")
    assert sold is not None
    assert sold.currency == "XBT"


def test_book_when_an_instrument_becomes_known_values_orders_as_they_are_by_then() -> None:
    book = book_of(order("a", symbol="NEW"), order("a", symbol="NEW", price=D(50)))
    book.retell("binance", "NEW", Assets("NEW", "EUR"))

    assert book.in_currency("EUR") == MoneyTotals(1, D(100), 0)


def test_book_in_which_some_of_what_was_not_known_is_known_counts_the_rest() -> None:
    book = book_of(market("a"), market("b"), by_quote("c"), by_quote("d", side=Side.SELL))
    for each in (
        market("a", reference_price=D(5)),
        by_quote("c", reference_price=D(5)),
        by_quote("d", side=Side.SELL, filled_value=D(1)),
    ):
        book.put(each, USDT)
    totals = book.symbol("binance", "BTC-USDT")

    assert (totals.unpriced, totals.unsized_buys, totals.unsized_sells, totals.unclear) == (1, 0, 1, 2)


def test_book_when_told_of_a_symbol_without_orders_stays_empty() -> None:
    book = ExposureBook()
    book.retell("binance", "NEW", Assets("NEW", "EUR"))
    assert book.symbols() == []


def test_book_from_which_every_order_has_gone_is_empty() -> None:
    book = book_of(order("a"), market("b"), order("c", symbol="NEW"), by_quote("d", exchange="kraken"))
    for each in (order("a"), market("b"), order("c", symbol="NEW"), by_quote("d", exchange="kraken")):
        book.put(replace(each, state=OrderState.CANCELLED), assets_of(each.exchange, each.symbol))

    assert (len(book), book.symbols(), book.currencies()) == (0, [], [])
    assert (book.symbol("binance", "BTC-USDT"), book.in_currency("USDT")) == (SymbolTotals(), MoneyTotals())
    assert book.stake("a") is None
    assert not any(getattr(book, name) for name in ExposureBook.__slots__)


def test_book_reaches_over_all_exchanges_and_other_symbols_do_not_count() -> None:
    book = book_of(
        order("a"), order("b", exchange="kraken", side=Side.SELL), order("c", symbol="ETH-BTC"), by_quote("d")
    )
    positions = position("5") | position("-1", "kraken") | position("70", symbol="ETH-BTC")

    reach = book.reach("BTC-USDT", positions)

    assert (reach.highest, reach.lowest) == (6, 2)
    assert (reach.unsized_buys, reach.unsized_sells) == (1, 0)
    assert book.reach("NONE", positions).highest == 0


# ----- against adding up afresh, with other arithmetic


def naive(an_order: Order, assets: Assets | None) -> tuple[Fraction | None, Fraction | None] | None:
    if an_order.state in (*ENDED, OrderState.DRAFT):
        return None
    by = Fraction(1 if assets is None else assets.multiplier)
    found = _naive_terms(an_order, an_order.size, an_order.price, an_order.stop_price, by)
    amend = an_order.modification
    if amend is not None and amend.kind is ModificationKind.AMEND:
        other = _naive_terms(an_order, amend.size, amend.price, amend.stop_price, by)
        found = tuple(None if None in pair else max(pair) for pair in zip(found, other, strict=True))  # type: ignore[type-var, assignment]
    return found if assets is not None else (found[0], None)


def _naive_terms(
    an_order: Order, size: Decimal, price: Decimal | None, stop: Decimal | None, by: Fraction
) -> tuple[Fraction | None, Fraction | None]:
    market_price = an_order.reference_price
    if an_order.quote_size is not None:
        left = max(Fraction(0), Fraction(an_order.quote_size) - Fraction(an_order.filled_value) * by)
        if not left:
            return left, left
        if market_price is None:
            return None, left
        return Fraction(ceil(left / Fraction(market_price) / by * 10**30), 10**30), left
    at = price or stop or market_price
    if at is not None and market_price is not None and (an_order.side, an_order.type) == (Side.SELL, OrderType.LIMIT):
        # It executes at its limit or better.
        at = max(at, market_price)
    left = max(Fraction(0), Fraction(size) - Fraction(an_order.filled_size))
    return left, None if at is None else left * Fraction(at) * by


def total(values: Iterable[Fraction | None]) -> Fraction:
    return sum((value for value in values if value is not None), Fraction(0))


def agree(book: ExposureBook, orders: dict[str, Order], known: dict[tuple[str, str], Assets | None]) -> None:
    stakes = {
        key: (each, found)
        for key, each in orders.items()
        if (found := naive(each, known.get((each.exchange, each.symbol)))) is not None
    }
    assert len(book) == len(stakes)
    for place in PLACES:
        here = [(each, found) for each, found in stakes.values() if (each.exchange, each.symbol) == place]
        totals = book.symbol(*place)
        assert totals.open_orders == len(here)
        for side, size, notional, unsized in (
            (Side.BUY, totals.buy_size, totals.buy_notional, totals.unsized_buys),
            (Side.SELL, totals.sell_size, totals.sell_notional, totals.unsized_sells),
        ):
            found = [of for each, of in here if each.side is side]
            assert Fraction(size) == total(of[0] for of in found)
            assert Fraction(notional) == total(of[1] for of in found)
            assert unsized == sum(of[0] is None for of in found)
        assert totals.unpriced == sum(of[1] is None for _, of in here)
        assert totals.unclear == sum(None in of for _, of in here)
    for quote in ("USDT", "BTC", "EUR"):
        _currency_agrees(book.in_currency(quote), list(stakes.values()), known, quote)
        for exchange in ("binance", "kraken"):
            here = [(each, of) for each, of in stakes.values() if each.exchange == exchange]
            _currency_agrees(book.on_exchange(exchange, quote), here, known, quote)


def _currency_agrees(
    found: MoneyTotals,
    stakes: list[tuple[Order, tuple[Fraction | None, Fraction | None]]],
    known: dict[tuple[str, str], Assets | None],
    quote: str,
) -> None:
    quotes = [
        (traded.quote if (traded := known.get((each.exchange, each.symbol))) is not None else "", value)
        for each, (_, value) in stakes
    ]
    assert Fraction(found.notional) == total(value for name, value in quotes if name == quote)
    assert found.unpriced == sum(value is None for name, value in quotes if name in (quote, ""))


TOLD = st.tuples(st.sampled_from(PLACES), st.sampled_from([None, USDT, Assets("ETH", "BTC"), ES, ES_MOVED]))


@given(st.lists(any_orders() | TOLD, max_size=40))
def test_book_after_any_changes_equals_adding_up_afresh(
    steps: list[Order | tuple[tuple[str, str], Assets | None]],
) -> None:
    book, orders = ExposureBook(), {}
    known: dict[tuple[str, str], Assets | None] = {}
    for step in steps:
        if isinstance(step, Order):
            orders[step.order_id] = step
            book.put(step, known.get((step.exchange, step.symbol)))
        else:
            known[step[0]] = step[1]
            book.retell(*step[0], step[1])
    agree(book, orders, known)


@given(st.lists(any_orders(), max_size=12), st.integers(0, 5))
def test_exposures_of_any_orders_agree_with_the_book(drawn: list[Order], held: int) -> None:
    orders = list({each.order_id: each for each in drawn}.values())
    positions = position(str(held)) | position("-3", "kraken", "NEW")
    book = book_of(*orders)

    found = {(each.exchange, each.symbol): each for each in exposures(orders, positions, assets_of)}

    flat = {("binance", "BTC-USDT")} if held else set()
    assert set(found) == {*book.symbols(), *flat, ("kraken", "NEW")}
    for place, each in found.items():
        totals = book.symbol(*place)
        size = positions[place].size if place in positions else D(0)
        assert (each.open_orders, each.unpriced) == (totals.open_orders, totals.unclear)
        assert (each.buy_notional, each.sell_notional) == (totals.buy_notional, totals.sell_notional)
        assert (each.position, each.buy_size, each.sell_size) == (size, totals.buy_size, totals.sell_size)
        assert Fraction(each.highest_position) == Fraction(size) + Fraction(totals.buy_size)
        assert Fraction(each.lowest_position) == Fraction(size) - Fraction(totals.sell_size)


# ----- for readers


def test_exposures_are_sorted_and_leave_out_where_there_is_nothing() -> None:
    orders = [order("a", exchange="kraken"), order("b", state=OrderState.FILLED, symbol="ETH-BTC"), order("c")]
    positions = position("0", symbol="ETH-BTC") | position("-4") | position("1", "a", "NEW")

    found = exposures(orders, positions, assets_of)

    assert [(each.exchange, each.symbol, each.quote) for each in found] == [
        ("a", "NEW", ""),
        ("binance", "BTC-USDT", "USDT"),
        ("kraken", "BTC-USDT", "USDT"),
    ]
    assert [(each.lowest_position, each.highest_position) for each in found] == [(1, 1), (-4, -2), (0, 2)]


def test_reserved_funds_are_added_up_by_exchange_and_currency() -> None:
    orders = [
        order("a"),
        order("b", symbol="ETH-BTC", price=D("0.5")),
        order("c", side=Side.SELL),
        order("d", exchange="kraken", type=OrderType.STOP_LIMIT, stop_price=D(90)),
        order("e", filled_size=D(1)),
        order("f", filled_size=D(2)),
        order("g", symbol="NEW"),
        market("h"),
        order("i", state=OrderState.CANCELLED),
    ]

    assert reserved(orders, assets_of) == (
        ReservedFunds(exchange="binance", currency="BTC", amount=D(3)),
        ReservedFunds(exchange="binance", currency="USDT", amount=D(300)),
        ReservedFunds(exchange="kraken", currency="USDT", amount=D(200)),
    )
