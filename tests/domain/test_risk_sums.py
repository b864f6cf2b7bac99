"""Limits on what all open orders and positions come to: at each limit, above it, and what cannot be judged."""

from dataclasses import replace
from fractions import Fraction

import pytest
from exposure_kit import LIVE, D, any_orders, by_quote, market, order, position, stop_market
from hypothesis import given
from hypothesis import strategies as st
from risk_kit import NEW, NO_LIMITS, OPEN_NOTIONAL, book_of, coarse, draft, figures, limits, refusal_of

from actors.domain.assets import Assets
from actors.domain.exposure import ExposureBook
from actors.domain.risk import RiskLimits, check_limits, exceeded
from actors.domain.stakes import stake_if_placed, stake_of
from messages import Order, OrderState, OrderType, Side

# ----- what is open, in money


@pytest.mark.parametrize(("name", "rule"), OPEN_NOTIONAL.items())
def test_open_notional_passes_exactly_at_the_limit_and_not_above(name: str, rule: str) -> None:
    others = (order("a"), order("b", side=Side.SELL), by_quote("c"))
    assert refusal_of(draft(), limits(**{name: D(800)}), *others) is None
    refused = refusal_of(draft(), limits(**{name: D("799.99")}), *others)
    assert figures(refused) == (rule, "799.99", "800")
    assert refused is not None
    assert "a size of up to 1.9999 at 100 would pass" in refused.text


@pytest.mark.parametrize(("name", "rule"), OPEN_NOTIONAL.items())
def test_open_notional_that_is_above_the_limit_already_leaves_no_room(name: str, rule: str) -> None:
    refused = refusal_of(draft(), limits(**{name: D(200)}), order("a"), order("b"))
    assert figures(refused) == (rule, "200", "600")
    assert refused is not None
    assert "would pass when fewer orders are open" in refused.text


def test_open_notional_above_the_limit_names_a_size_that_would_pass() -> None:
    by = limits(max_open_notional_per_symbol=D(300))
    new = draft(size=D(3), price=D(70), filled_size=D(1), state=OrderState.PARTIALLY_FILLED)
    refused = refusal_of(new, by, order("a"), instrument=coarse())
    assert refused is not None
    assert "a size of up to 2.25 at 70 would pass" in refused.text
    assert refusal_of(replace(new, size=D("2.25")), by, order("a"), instrument=coarse()) is None
    by_value = refusal_of(by_quote(NEW), by, order("a"), instrument=coarse())
    assert by_value is not None
    assert "a quote_size of up to 100 would pass" in by_value.text


def test_position_above_the_limit_names_a_size_that_would_pass() -> None:
    by = limits(max_position={"BTC-USDT": D("1.4")})
    refused = refusal_of(draft(), by, instrument=coarse())
    assert refused is not None
    assert refused.text.endswith("a size of up to 1.25 would pass")
    none = refusal_of(draft(), limits(max_position={"BTC-USDT": D("0.2")}), instrument=coarse())
    assert none is not None
    assert none.text.endswith("not even the smallest size that the venue takes would pass")


@pytest.mark.parametrize(("count", "text"), [(1, "1 order of BTC-USDT is open"), (2, "2 orders of BTC-USDT are open")])
def test_open_orders_at_the_limit_are_counted_in_plain_words(count: int, text: str) -> None:
    others = [order(f"o{number}") for number in range(count)]
    refused = refusal_of(draft(), limits(max_open_orders_per_symbol=count), *others)
    assert refused is not None
    assert refused.text.startswith(f"{text}, and no more than {count} may be")


@pytest.mark.parametrize(
    ("elsewhere", "counted"),
    [
        ({}, {"max_open_notional_per_symbol", "max_open_notional_per_exchange", "max_open_notional_per_account"}),
        ({"symbol": "ETH-USDT"}, {"max_open_notional_per_exchange", "max_open_notional_per_account"}),
        ({"exchange": "kraken"}, {"max_open_notional_per_account"}),
        ({"symbol": "ETH-BTC"}, set()),
    ],
)
def test_open_notional_by_place_counts_only_what_is_within(elsewhere: dict[str, str], counted: set[str]) -> None:
    for other in (order("a", **elsewhere), market("a", **elsewhere)):
        refused = {name for name in OPEN_NOTIONAL if refusal_of(draft(), limits(**{name: D(399)}), other) is not None}
        assert refused == counted


@pytest.mark.parametrize(("name", "rule"), OPEN_NOTIONAL.items())
def test_open_notional_with_an_order_of_unknown_value_cannot_be_judged(name: str, rule: str) -> None:
    refused = refusal_of(draft(), limits(**{name: D(10**9)}), order("a"), market("b"))
    assert figures(refused) == (rule, "1000000000", "unknown")
    assert refused is not None
    assert "the value of 1 open order of" in refused.text


def test_open_notional_with_an_order_of_no_known_instrument_cannot_be_judged_where_it_may_belong() -> None:
    unknown = order("a", symbol="NEW")
    found = {name: figures(refusal_of(draft(), limits(**{name: D(10**9)}), unknown)) for name in OPEN_NOTIONAL}
    assert found == {
        "max_open_notional_per_symbol": None,
        "max_open_notional_per_exchange": ("maxOpenNotional.perExchange", "1000000000", "unknown"),
        "max_open_notional_per_account": ("maxOpenNotional.perAccount", "1000000000", "unknown"),
    }


@pytest.mark.parametrize("name", OPEN_NOTIONAL)
def test_open_notional_of_a_replace_counts_both_legs(name: str) -> None:
    old = order("old")
    assert refusal_of(draft(), limits(**{name: D(400)}), old, without=old) is None
    assert refusal_of(draft(), limits(**{name: D(399)}), old, without=old) is not None


# ----- an order that is counted already


@pytest.mark.parametrize(("name", "rule"), OPEN_NOTIONAL.items())
def test_amended_order_is_counted_once_with_its_new_terms(name: str, rule: str) -> None:
    amended = draft(size=D(4), state=OrderState.ACKNOWLEDGED)
    assert refusal_of(amended, limits(**{name: D(600)}), order(NEW), order("a")) is None
    refused = refusal_of(amended, limits(**{name: D(599)}), order(NEW), order("a"))
    assert figures(refused) == (rule, "599", "600")


@pytest.mark.parametrize("name", OPEN_NOTIONAL)
def test_amended_order_that_grows_no_larger_passes_whatever_is_open(name: str) -> None:
    assert refusal_of(draft(size=D(1)), limits(**{name: D(1)}), order(NEW), market("a")) is None
    assert refusal_of(draft(), limits(**{name: D(1)}), order(NEW), market("a")) is None


@pytest.mark.parametrize(("name", "rule"), OPEN_NOTIONAL.items())
def test_amended_order_whose_earlier_value_was_not_known_is_judged_by_its_new_one(name: str, rule: str) -> None:
    assert refusal_of(market(NEW, reference_price=D(100)), limits(**{name: D(200)}), market(NEW)) is None
    refused = refusal_of(market(NEW, reference_price=D(100)), limits(**{name: D(199)}), market(NEW))
    assert figures(refused) == (rule, "199", "200")


def test_order_that_is_counted_already_is_no_further_one() -> None:
    by = limits(max_open_orders_per_symbol=1, max_open_orders_per_account=1, max_orders_per_minute=1)
    waiting = draft(state=OrderState.PENDING)
    assert refusal_of(waiting, by, waiting, placed=5) is None


def test_order_that_is_counted_already_is_stopped_by_the_kill_switch() -> None:
    waiting = draft(state=OrderState.PENDING)
    assert figures(refusal_of(waiting, limits(kill_switch=True), waiting)) == ("killSwitch", "off", "on")


def test_amended_order_reaches_no_further_than_the_position_limit() -> None:
    by = limits(max_position={"BTC-USDT": D(4)})
    assert refusal_of(draft(size=D(3)), by, order(NEW), order("a", size=D(1))) is None
    refused = refusal_of(draft(size=D("3.5")), by, order(NEW), order("a", size=D(1)))
    assert figures(refused) == ("maxPosition", "4", "4.5")
    assert refusal_of(draft(size=D(1)), by, order(NEW), order("a", size=D(100))) is None


# ----- what the position may come to


@pytest.mark.parametrize(
    ("side", "held", "others", "reached"),
    [
        (Side.BUY, "0", (), "2"),
        (Side.BUY, "5", (), "7"),
        (Side.BUY, "-5", (), "-3"),
        (Side.BUY, "5", (order("a"),), "9"),
        (Side.BUY, "5", (order("a", side=Side.SELL),), "7"),
        (Side.BUY, "5", (order("a", filled_size=D("1.5")), stop_market("b")), "9.5"),
        (Side.BUY, "5", (order("a", exchange="kraken"),), "9"),
        (Side.BUY, "5", (order("a", symbol="ETH-USDT"),), "7"),
        (Side.BUY, "5", (by_quote("a", reference_price=D(50)),), "11"),
        (Side.SELL, "0", (), "2"),
        (Side.SELL, "-5", (), "7"),
        (Side.SELL, "5", (), "-3"),
        (Side.SELL, "-5", (order("a", side=Side.SELL),), "9"),
        (Side.SELL, "-5", (order("a"), market("b"), by_quote("c")), "7"),
        (Side.SELL, "-5", (market("a", side=Side.SELL, exchange="kraken"),), "9"),
    ],
)
def test_position_limit_counts_all_that_may_execute_in_one_direction(
    side: Side, held: str, others: tuple[Order, ...], reached: str
) -> None:
    new, there = draft(side=side), position(held, "kraken")
    assert refusal_of(new, limits(max_position={"BTC-USDT": D(reached)}), *others, positions=there) is None
    short = D(reached) - D("0.1")
    refused = refusal_of(new, limits(max_position={"BTC-USDT": short}), *others, positions=there)
    assert figures(refused) == ("maxPosition", str(short), reached)


def test_position_limit_adds_up_the_positions_of_all_exchanges() -> None:
    there = position("3", "kraken") | position("-1", "binance") | position("50", symbol="ETH-USDT")
    assert refusal_of(draft(), limits(max_position={"BTC-USDT": D(4)}), positions=there) is None
    refused = refusal_of(draft(), limits(max_position={"BTC-USDT": D("3.9")}), positions=there)
    assert figures(refused) == ("maxPosition", "3.9", "4")
    assert refused is not None
    assert "long" in refused.text
    assert "up to 1.9 would pass" in refused.text


@pytest.mark.parametrize(("side", "held"), [(Side.SELL, "150"), (Side.BUY, "-150")])
def test_position_beyond_the_limit_may_be_reduced_and_turned_up_to_it(side: Side, held: str) -> None:
    by = limits(max_position={"BTC-USDT": D(100)})
    for size in ("30", "150", "250"):
        assert refusal_of(draft(side=side, size=D(size)), by, positions=position(held)) is None
    refused = refusal_of(draft(side=side, size=D("250.1")), by, positions=position(held))
    assert figures(refused) == ("maxPosition", "100", "100.1")


def test_position_limit_lets_a_reduce_only_order_pass() -> None:
    by = limits(max_position={"BTC-USDT": D(0)})
    assert refusal_of(draft(reduce_only=True), by, by_quote("a")) is None
    assert refusal_of(draft(), by) is not None


@pytest.mark.parametrize("symbol", ["ETH-USDT", "BTC-USD"])
def test_position_limit_of_another_symbol_does_not_concern_it(symbol: str) -> None:
    assert refusal_of(draft(), limits(max_position={symbol: D(0)}), positions=position("9")) is None


@pytest.mark.parametrize("side", Side)
def test_position_limit_with_an_order_of_unknown_size_cannot_be_judged_in_its_direction(side: Side) -> None:
    by = limits(max_position={"BTC-USDT": D(10**9)})
    unknown = by_quote("a", side=side, exchange="kraken")
    refused = refusal_of(draft(side=side), by, unknown)
    other_way = refusal_of(draft(side=Side.SELL if side is Side.BUY else Side.BUY), by, unknown)
    assert figures(refused) == ("maxPosition", "1000000000", "unknown")
    assert other_way is None


def test_position_limit_sizes_a_quote_sized_order_by_the_markets_price() -> None:
    by = limits(max_position={"BTC-USDT": D(4)})
    assert refusal_of(by_quote(NEW, reference_price=D(50)), by) is None
    assert figures(refusal_of(by_quote(NEW, reference_price=D(40)), by)) == ("maxPosition", "4", "5")
    refused = refusal_of(by_quote(NEW), by)
    assert figures(refused) == ("maxPosition", "4", "unknown")
    assert refused is not None
    assert "market's price" in refused.text


def test_position_limit_needs_neither_price_nor_instrument_for_a_sized_order() -> None:
    assert refusal_of(market(NEW), limits(max_position={"BTC-USDT": D(2)}), assets=None) is None


# ----- against a naive judge


@given(
    st.lists(any_orders(), max_size=8),
    any_orders(),
    st.sampled_from([*OPEN_NOTIONAL, "max_position"]),
    st.sampled_from(["0", "1", "1000", "1E+12", "1E+24", "1E+40", "1E+45"]),
    st.integers(-5, 5),
)
def test_sums_of_any_orders_are_held_to_the_limit_as_a_naive_judge_does(
    drawn: list[Order], new: Order, name: str, limit: str, held: int
) -> None:
    others = {each.order_id: each for each in drawn}
    new = replace(new, order_id=NEW, state=OrderState.PENDING)
    there = position(str(held), symbol=new.symbol)
    value: object = {new.symbol: D(limit)} if name == "max_position" else D(limit)
    assets = Assets(*new.symbol.split("-"))
    book = book_of(*others.values())

    refused = check_limits(new, book, there, limits(**{name: value}), placed_last_minute=0, assets=assets)

    judge = _naive_position if name == "max_position" else _naive_notional
    reached = judge([each for each in others.values() if each.state in LIVE], new, name, held)
    if reached is None:
        assert refused is not None
        assert refused.actual == "unknown"
    else:
        assert (refused is not None) == (reached > Fraction(D(limit)))
        assert refused is None or Fraction(refused.actual) == reached


def _naive_notional(others: list[Order], new: Order, name: str, _: int) -> Fraction | None:
    total = Fraction(0)
    for each in (*others, new):
        same_symbol = (each.exchange, each.symbol) == (new.exchange, new.symbol)
        same_quote = each.symbol.split("-")[1] == new.symbol.split("-")[1]
        within = {
            "max_open_notional_per_symbol": same_symbol,
            "max_open_notional_per_exchange": same_quote and each.exchange == new.exchange,
            "max_open_notional_per_account": same_quote,
        }[name]
        stake = stake_if_placed(each, Assets(*each.symbol.split("-")))
        unknown = each is new and new.reference_price is None and (
            new.type is OrderType.MARKET or (new.side, new.type) == (Side.SELL, OrderType.LIMIT)
        )
        if within and (stake.notional is None or (unknown and new.quote_size is None)):
            return None
        total += Fraction(stake.notional or 0) if within else 0
    return total


def _naive_position(others: list[Order], new: Order, _: str, held: int) -> Fraction | None:
    if new.reduce_only:
        return Fraction(0)
    total = Fraction(held if new.side is Side.BUY else -held)
    for each in (*others, new):
        if (each.symbol, each.side) == (new.symbol, new.side):
            stake = stake_if_placed(each, None)
            if stake.size is None:
                return None
            total += Fraction(stake.size)
    return total


# ----- what is broken already


def test_limits_that_are_broken_by_what_is_there_are_listed() -> None:
    others = (
        *(order("a"), order("b", side=Side.SELL), market("c"), order("d", exchange="kraken", symbol="ETH-USDT")),
        order("e", symbol="NEW"),
    )
    by = RiskLimits(
        allowed_symbols=frozenset({"BTC-USDT", "NEW"}),
        max_open_orders_per_symbol=2,
        max_open_orders_per_account=4,
        max_open_notional_per_symbol=D(399),
        max_open_notional_per_exchange=D(199),
        max_open_notional_per_account=D("599.5"),
        max_position={"BTC-USDT": D(4), "ETH-USDT": D(1), "ADA-USDT": D(0)},
        max_orders_per_minute=0,
        max_order_notional=D(1),
        price_collar_percent=D(0),
        kill_switch=True,
    )

    assert exceeded(book_of(*others), position("-3", "kraken"), by) == (
        ("maxOpenOrders.perSymbol", "2", "3", "binance BTC-USDT"),
        ("maxOpenNotional.perSymbol", "399", "400", "binance BTC-USDT"),
        ("allowedSymbols", "BTC-USDT, NEW", "ETH-USDT", "kraken ETH-USDT"),
        ("maxOpenOrders.perAccount", "4", "5", "account"),
        ("maxOpenNotional.perExchange", "199", "400", "binance USDT"),
        ("maxOpenNotional.perExchange", "199", "200", "kraken USDT"),
        ("maxOpenNotional.perAccount", "599.5", "600", "USDT"),
        ("maxPosition", "4", "5", "BTC-USDT"),
        ("maxPosition", "1", "2", "ETH-USDT"),
    )


def test_limits_that_are_reached_exactly_are_not_broken() -> None:
    by = RiskLimits(
        allowed_symbols=frozenset({"BTC-USDT"}),
        max_open_orders_per_symbol=2,
        max_open_orders_per_account=2,
        max_open_notional_per_symbol=D(400),
        max_open_notional_per_exchange=D(400),
        max_open_notional_per_account=D(400),
        max_position={"BTC-USDT": D(3)},
    )
    others = (order("a"), order("b", side=Side.SELL))
    assert exceeded(book_of(*others), position("1"), by) == ()
    assert exceeded(book_of(*others), position("-1"), by) == ()
    assert exceeded(book_of(*others), position("10"), NO_LIMITS) == ()
    beyond = exceeded(book_of(*others), position("1.5"), by)
    assert beyond == (("maxPosition", "3", "3.5", "BTC-USDT"),)


@given(st.lists(any_orders(), max_size=8), any_orders(), st.sampled_from([*OPEN_NOTIONAL, "max_position"]))
def test_limit_that_let_every_order_pass_is_never_broken(drawn: list[Order], first: Order, name: str) -> None:
    # The limit is drawn from what the first order comes to, so that some pass and some do not.
    stake = stake_of(replace(first, state=OrderState.PENDING), Assets("ETH", "BTC"))
    assert stake is not None
    bound = (stake.size if name == "max_position" else stake.notional) or D(1)
    limit: object = {each.symbol: bound for each in drawn} if name == "max_position" else bound
    by, book = limits(**{name: limit}), ExposureBook()
    for number, each in enumerate(drawn):
        new = replace(each, order_id=f"n{number}", state=OrderState.PENDING)
        assets = Assets(*new.symbol.split("-"))
        if check_limits(new, book, {}, by, placed_last_minute=0, assets=assets) is None:
            book.put(new, assets)
    assert exceeded(book, {}, by) == ()
