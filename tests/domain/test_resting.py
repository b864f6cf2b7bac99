"""Which orders work at a price level already, and which a new one would execute against."""

from dataclasses import replace
from decimal import Decimal

import pytest
from exposure_kit import ENDED, LIVE, D, any_orders, by_quote, change, market, order, stop_limit, stop_market
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.resting import RestingBook
from messages import Order, OrderState, OrderType, Side, TimeInForce
from messages.types import ModificationKind

TICK = D("0.01")


def book_of(*orders: Order) -> RestingBook:
    book = RestingBook()
    for each in orders:
        book.put(each)
    return book


def sell(order_id: str, price: str, **changes: object) -> Order:
    return order(order_id, side=Side.SELL, price=D(price), **changes)


def buy(order_id: str, price: str, **changes: object) -> Order:
    return order(order_id, price=D(price), **changes)


# ----- the same level


@pytest.mark.parametrize(
    ("price", "tolerance", "same"),
    [
        ("100", "0", True),
        ("100.00", "0", True),
        ("100.01", "0", False),
        ("100.01", "0.01", True),
        ("99.99", "0.01", True),
        ("100.02", "0.01", False),
        ("99.98", "0.01", False),
        ("100.0100001", "0.01", False),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_duplicates_within_the_tolerance_are_found_and_others_not(
    price: str, tolerance: str, side: Side, *, same: bool
) -> None:
    book = book_of(order("a", side=side))
    found = book.duplicates(order("new", side=side, price=D(price)), D(tolerance))
    assert found == (("a",) if same else ())


@pytest.mark.parametrize(
    "other",
    [
        {"side": Side.SELL},
        {"exchange": "kraken"},
        {"symbol": "ETH-BTC"},
        {"type": OrderType.STOP_LIMIT, "stop_price": D(100)},
        {"type": OrderType.STOP_MARKET, "price": None, "stop_price": D(100)},
    ],
)
def test_duplicates_of_another_kind_are_none(other: dict[str, object]) -> None:
    assert book_of(order("a", **other)).duplicates(order("new"), TICK) == ()


@pytest.mark.parametrize("same", [{"size": D(9)}, {"time_in_force": TimeInForce.IOC}, {"external": True}])
def test_duplicates_that_differ_in_other_things_than_the_level_are_found(same: dict[str, object]) -> None:
    assert book_of(order("a", **same)).duplicates(order("new"), TICK) == ("a",)


@pytest.mark.parametrize(
    ("stop", "price", "same"),
    [("95", "100", True), ("95.01", "99.99", True), ("95.02", "100", False), ("95", "100.02", False)],
)
def test_duplicates_of_a_stop_limit_order_are_near_in_both_prices(stop: str, price: str, *, same: bool) -> None:
    found = book_of(stop_limit("a")).duplicates(stop_limit("new", stop_price=D(stop), price=D(price)), TICK)
    assert found == (("a",) if same else ())


@pytest.mark.parametrize(("stop", "same"), [("100", True), ("100.01", True), ("100.02", False)])
def test_duplicates_of_a_stop_market_order_are_near_in_the_stop_price(stop: str, *, same: bool) -> None:
    found = book_of(stop_market("a")).duplicates(stop_market("new", stop_price=D(stop)), TICK)
    assert found == (("a",) if same else ())


def test_duplicates_of_a_market_order_are_none_because_it_has_no_level() -> None:
    book = book_of(market("a"), by_quote("b"))
    assert len(book) == 0
    assert book.duplicates(market("new"), TICK) == ()


def test_duplicates_are_neither_the_order_itself_nor_the_one_it_replaces() -> None:
    book = book_of(order("a"), order("b"), order("c"))
    assert book.duplicates(order("a", replaces="b"), TICK) == ("c",)


def test_duplicates_while_an_amend_is_unsettled_are_found_at_both_prices() -> None:
    book = book_of(order("a", modification=change(price=D(120))))
    assert [book.duplicates(buy("new", price), TICK) for price in ("100", "120", "110")] == [("a",), ("a",), ()]


def test_duplicates_while_a_stop_price_is_amended_are_found_at_both() -> None:
    market_stop = book_of(stop_market("a", modification=change(stop_price=D(120))))
    limit_stop = book_of(stop_limit("a", modification=change(stop_price=D(98))))
    for stop in (100, 120):
        assert market_stop.duplicates(stop_market("new", stop_price=D(stop)), TICK) == ("a",)
    for stop in (95, 98):
        assert limit_stop.duplicates(stop_limit("new", stop_price=D(stop)), TICK) == ("a",)


def test_duplicates_of_an_amend_of_size_alone_are_found_once() -> None:
    book = book_of(order("a", modification=change(size=D(9), price=D(100))), order("b", modification=change(size=D(9))))
    assert book.duplicates(order("new"), TICK) == ("a", "b")


@pytest.mark.parametrize("kind", [ModificationKind.VENUE_REPLACE, ModificationKind.CANCEL_THEN_PLACE])
def test_duplicates_while_an_order_is_replaced_stay_at_its_own_price(kind: ModificationKind) -> None:
    book = book_of(order("a", modification=change(kind, price=D(120))))
    assert (book.duplicates(buy("new", "120"), TICK), book.duplicates(buy("new", "100"), TICK)) == ((), ("a",))


def test_duplicates_of_a_stop_limit_order_mix_no_old_price_with_a_new_one() -> None:
    book = book_of(stop_limit("a", modification=change(price=D(120), stop_price=D(115))))
    new = [stop_limit("n", price=D(price), stop_price=D(stop)) for price, stop in ((100, 95), (120, 115), (100, 115))]
    assert [book.duplicates(each, TICK) for each in new] == [("a",), ("a",), ()]


def test_duplicates_are_given_best_price_first_and_the_oldest_of_one_price() -> None:
    sells = [sell("a", "100.01"), sell("c", "100", created_at_ms=7), sell("b", "100", created_at_ms=9)]
    buys = [replace(each, side=Side.BUY) for each in sells]
    assert book_of(*sells).duplicates(sell("new", "100"), TICK) == ("c", "b", "a")
    assert book_of(*buys).duplicates(buy("new", "100"), TICK) == ("a", "c", "b")


# ----- the other side


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (buy("new", "99.99"), ()),
        (buy("new", "100"), ("low",)),
        (buy("new", "101.5"), ("low", "mid")),
        (buy("new", "102"), ("low", "mid", "high")),
        (market("new"), ("low", "mid", "high")),
        (by_quote("new"), ("low", "mid", "high")),
        (buy("new", "102", time_in_force=TimeInForce.IOC), ("low", "mid", "high")),
        (buy("new", "102", post_only=True), ()),
        (stop_limit("new", price=D(200)), ()),
        (stop_market("new", stop_price=D(200)), ()),
        (market("new", side=Side.SELL), ()),
        (sell("new", "1"), ()),
        (buy("new", "102", exchange="kraken"), ()),
        (buy("new", "102", symbol="ETH-BTC"), ()),
    ],
)
def test_crossing_of_resting_sells_is_what_a_buy_would_execute_against(new: Order, found: tuple[str, ...]) -> None:
    book = book_of(sell("high", "102"), sell("low", "100"), sell("mid", "101"))
    assert book.crossing(new) == found


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (sell("new", "102.01"), ()),
        (sell("new", "102"), ("high",)),
        (sell("new", "100"), ("high", "mid", "low")),
        (market("new", side=Side.SELL), ("high", "mid", "low")),
    ],
)
def test_crossing_of_resting_buys_is_what_a_sell_would_execute_against(new: Order, found: tuple[str, ...]) -> None:
    book = book_of(buy("high", "102"), buy("low", "100"), buy("mid", "101"))
    assert book.crossing(new) == found


@pytest.mark.parametrize("resting", [stop_limit("a", side=Side.SELL), stop_market("a", side=Side.SELL)])
def test_crossing_of_stop_orders_is_none_because_they_do_not_rest(resting: Order) -> None:
    assert book_of(resting).crossing(market("new")) == ()


def test_crossing_of_one_price_is_given_oldest_first_on_either_side() -> None:
    young, old = sell("a", "100", created_at_ms=2), sell("b", "100", created_at_ms=1)
    assert book_of(young, old).crossing(market("new")) == ("b", "a")
    buys = [replace(each, side=Side.BUY) for each in (young, old)]
    assert book_of(*buys).crossing(market("new", side=Side.SELL)) == ("b", "a")


def test_crossing_while_an_amend_is_unsettled_counts_the_better_price_once() -> None:
    book = book_of(sell("a", "100", modification=change(price=D(90))), sell("b", "95"))
    assert book.crossing(buy("new", "90")) == ("a",)
    assert book.crossing(market("new")) == ("a", "b")


# ----- what is held


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("asked", [{}, {"cancel_pending": True}, {"needs_review": True}, {"replace_pending": True}])
def test_order_that_may_work_is_held(state: OrderState, asked: dict[str, bool]) -> None:
    book = book_of(sell("a", "100", state=state, **asked))
    assert book.crossing(market("new")) == book.duplicates(sell("new", "100"), TICK) == ("a",)


@pytest.mark.parametrize("state", [OrderState.DRAFT, *ENDED])
def test_order_that_cannot_work_is_held_no_more(state: OrderState) -> None:
    book = book_of(sell("a", "100"))
    book.put(sell("a", "100", state=state))
    assert len(book) == 0
    assert book.crossing(market("new")) == book.duplicates(sell("new", "100"), TICK) == ()
    assert not any(getattr(book, name) for name in RestingBook.__slots__)


def test_order_that_was_amended_is_held_at_its_new_price_only() -> None:
    book = book_of(sell("a", "100", modification=change(price=D(90))))
    book.put(sell("a", "90"))
    assert len(book) == 1
    assert [book.duplicates(sell("new", price), TICK) for price in ("100", "90")] == [(), ("a",)]


def test_order_that_is_removed_twice_leaves_the_others() -> None:
    book = book_of(sell("a", "100"), sell("b", "100"))
    book.remove("a")
    book.remove("a")
    assert book.crossing(market("new")) == ("b",)


# ----- against looking at every order


def naive_duplicates(orders: list[Order], new: Order, tolerance: Decimal) -> set[str]:
    return {
        other.order_id
        for other in orders
        if (other.exchange, other.symbol, other.side, other.type) == (new.exchange, new.symbol, new.side, new.type)
        and new.type is not OrderType.MARKET
        and other.order_id not in (new.order_id, new.replaces)
        and any(_near(one, two, tolerance) for one in prices(other) for two in prices(new))
    }


def _near(
    one: tuple[Decimal | None, Decimal | None], two: tuple[Decimal | None, Decimal | None], tolerance: Decimal
) -> bool:
    pairs = zip(one, two, strict=True)
    return all(abs(mine - other) <= tolerance for mine, other in pairs if mine is not None and other is not None)


def prices(an_order: Order) -> list[tuple[Decimal | None, Decimal | None]]:
    amend = an_order.modification
    both = [(an_order.price, an_order.stop_price)]
    if amend is not None and amend.kind is ModificationKind.AMEND:
        both.append((amend.price, amend.stop_price))
    return both


def naive_crossing(orders: list[Order], new: Order) -> dict[str, Decimal]:
    """The best price of each order that is crossed."""
    found = {}
    for other in orders:
        rests = other.type is OrderType.LIMIT and other.side is not new.side
        if rests and (other.exchange, other.symbol) == (new.exchange, new.symbol):
            levels = [price for price, _ in prices(other) if price is not None and _meets(price, new)]
            if levels:
                found[other.order_id] = min(levels) if new.side is Side.BUY else max(levels)
    return found if new.type in (OrderType.LIMIT, OrderType.MARKET) and not new.post_only else {}


def _meets(price: Decimal, new: Order) -> bool:
    if new.price is None:
        return True
    return price <= new.price if new.side is Side.BUY else price >= new.price


@st.composite
def crowded(draw: st.DrawFn) -> Order:
    """Any order, of one symbol and of few prices, so that orders meet."""
    drawn = draw(any_orders())
    some = st.integers(1, 6).map(D)
    changes: dict[str, object] = {"exchange": "binance", "symbol": "BTC-USDT", "side": draw(st.sampled_from(Side))}
    changes["order_id"] = f"o{draw(st.integers(0, 15))}"
    changes["created_at_ms"] = draw(st.integers(0, 3))
    changes |= {name: draw(some) for name in ("price", "stop_price") if getattr(drawn, name) is not None}
    amend = drawn.modification
    if amend is not None:
        near = {name: draw(some) for name in ("price", "stop_price") if getattr(amend, name) is not None}
        changes["modification"] = replace(amend, **near)
    return replace(drawn, **changes)


@given(st.lists(crowded(), max_size=40), crowded(), st.integers(0, 2), st.sampled_from([{}, {"post_only": True}]))
def test_resting_book_after_any_changes_finds_what_looking_at_every_order_does(
    changes: list[Order], new: Order, tolerance: int, more: dict[str, bool]
) -> None:
    book, latest = RestingBook(), {}
    for each in changes:
        book.put(each)
        latest[each.order_id] = each
    working = [each for each in latest.values() if each.state in LIVE]
    new = replace(new, replaces="o3", **more)

    duplicates, crossing = book.duplicates(new, D(tolerance)), book.crossing(new)

    assert len(book) == sum(each.type is not OrderType.MARKET for each in working)
    assert len(set(duplicates)) == len(duplicates)
    assert set(duplicates) == naive_duplicates(working, new, D(tolerance))
    best = naive_crossing(working, new)
    assert sorted(crossing) == sorted(best)
    sign = 1 if new.side is Side.BUY else -1
    ranked = [(sign * best[order_id], latest[order_id].created_at_ms) for order_id in crossing]
    assert ranked == sorted(ranked)
