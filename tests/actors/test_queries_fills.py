"""Queries about executions and positions: what readers are shown, and that it agrees with the running totals."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.fills import average_price, book
from actors.domain.positions import flat, fold
from actors.policy import AccountPolicy, ExchangePolicy
from actors.reading import answer
from actors.views import PublishedViews
from messages import (
    Fill,
    FillsSnapshot,
    FillView,
    GetFills,
    GetFillsBetween,
    GetPosition,
    GetPositions,
    Order,
    OrderReported,
    OrderState,
    OrderType,
    PlaceAccepted,
    PlaceOrder,
    PositionsSnapshot,
    PublicStatus,
    Side,
    VenueFill,
)
from tests.actors.account_kit import Account, shown, submit
from tests.factories import make
from tests.simulation.regime import CAPABILITIES

NOW_MS = 1_795_255_300_000
PLACE = {"exchange": "binance", "symbol": "BTC-USDT"}
HEAD = {"account_id": "1", "exchange": "binance"}


def policy(asset_type: str = "crypto") -> AccountPolicy:
    exchange = ExchangePolicy(
        name="binance",
        public_id=3,
        capabilities=CAPABILITIES,
        valid_for_ms=5000,
        settle_ms=3000,
        asset_type=asset_type,
    )
    return AccountPolicy(tag="0badc0de", exchanges={"binance": exchange})


def fill(number: int, price: str, size: str, **changes: object) -> Fill:
    """Execution `number` of its order: the venue made them in the order of their numbers."""
    values: dict[str, object] = {
        "fill_id": str(number),
        "order_id": "o1",
        "price": Decimal(price),
        "size": Decimal(size),
        "venue_time_ms": NOW_MS + number,
        "sequence": number,
    }
    return make(Fill, **(values | changes))


def an_order(**changes: object) -> Order:
    values = {"order_id": "o1", "size": Decimal(100), "state": OrderState.ACKNOWLEDGED}
    return make(Order, **(values | changes))


def views_of(order: Order, *fills: Fill) -> PublishedViews:
    """What an account publishes after booking these fills in this order."""
    views = PublishedViews(in_service=True, gates={order.exchange: ""})
    position = flat(order.account_id, order.exchange, order.symbol)
    for each in fills:
        order = book(order, each).order
        position = fold(position, each)
        views.publish(each)
    views.publish(order)
    views.publish(position)
    return views


def fills_of(views: PublishedViews, order_id: str = "o1", *, asset_type: str = "crypto") -> FillsSnapshot:
    found = answer(GetFills(account_id="1", order_id=order_id), views, NOW_MS, policy(asset_type))
    assert isinstance(found, FillsSnapshot)
    return found


def between(views: PublishedViews, start: int = 0, end: int | None = None) -> FillsSnapshot:
    end_ms = None if end is None else NOW_MS + end
    query = GetFillsBetween(account_id="1", **PLACE, from_venue_ms=NOW_MS + start, to_venue_ms=end_ms)
    found = answer(query, views, NOW_MS, policy())
    assert isinstance(found, FillsSnapshot)
    return found


WORKED = (fill(1, "178.40", "30"), fill(2, "178.45", "50"), fill(3, "178.50", "20"))


# ----- one order


def test_fills_that_arrived_in_any_order_are_shown_in_the_venues() -> None:
    first, second, third = WORKED
    found = fills_of(views_of(an_order(), third, first, second))

    assert [line.fill.fill_id for line in found.fills] == ["1", "2", "3"]
    assert [line.cumulative for line in found.fills] == [30, 80, 100]
    assert [line.remaining for line in found.fills] == [70, 20, 0]
    assert found.as_of_ms == NOW_MS


def test_fills_of_one_venue_time_are_shown_by_number_whatever_their_arrival() -> None:
    same = [replace(fill(number, "1", "1"), venue_time_ms=NOW_MS) for number in (10, 9, 11)]

    assert [line.fill.fill_id for line in fills_of(views_of(an_order(), *same)).fills] == ["9", "10", "11"]


@pytest.mark.parametrize(
    ("asset_type", "text"), [("stocks", "178.45"), ("forex", "178.44500"), ("crypto", "178.44500000")]
)
def test_fills_average_is_exact_and_shown_with_the_places_of_the_asset_type(asset_type: str, text: str) -> None:
    found = fills_of(views_of(an_order(), *WORKED), asset_type=asset_type)

    assert found.weighted_average_price == Decimal("178.445")
    assert str(found.shown_average_price) == text


def test_fills_average_of_an_exchange_no_longer_configured_is_not_rounded() -> None:
    views = views_of(an_order(), *WORKED)
    unconfigured = replace(policy(), exchanges={})

    found = answer(GetFills(account_id="1", order_id="o1"), views, NOW_MS, unconfigured)

    assert isinstance(found, FillsSnapshot)
    assert (found.weighted_average_price, found.shown_average_price) == (Decimal("178.445"), None)


@pytest.mark.parametrize(
    ("side", "price", "reference", "percent"),
    [
        (Side.BUY, "105", "100", "5"),
        (Side.BUY, "99", "100", "-1"),
        (Side.SELL, "95", "100", "5"),
        (Side.SELL, "100", "100", "0"),
    ],
)
def test_fills_deviation_says_by_how_much_the_price_is_worse(
    side: Side, price: str, reference: str, percent: str
) -> None:
    one = fill(1, price, "1", side=side, reference_price=Decimal(reference))

    assert fills_of(views_of(an_order(), one)).fills[0].deviation_percent == Decimal(percent)


def test_fills_without_a_reference_price_have_no_deviation() -> None:
    assert fills_of(views_of(an_order(), WORKED[0])).fills[0].deviation_percent is None


def test_fills_completion_counts_what_is_booked() -> None:
    assert fills_of(views_of(an_order())).completion_percent == 0
    assert fills_of(views_of(an_order(), *WORKED[:2])).completion_percent == 80
    assert fills_of(views_of(an_order(), *WORKED)).completion_percent == 100


def test_fills_of_an_overfilled_order_leave_nothing_and_complete_more_than_all() -> None:
    found = fills_of(views_of(an_order(size=Decimal(80)), *WORKED))

    assert found.completion_percent == 125
    assert [line.remaining for line in found.fills] == [50, 0, 0]


def test_fills_of_a_quote_sized_order_say_what_is_left_only_when_it_has_ended() -> None:
    growing = an_order(size=Decimal(30), quote_size=Decimal(5000), price=None, type=OrderType.MARKET)
    ended = replace(growing, state=OrderState.FILLED)

    while_working, afterwards = (fills_of(views_of(order, WORKED[0])) for order in (growing, ended))

    assert (while_working.fills[0].remaining, while_working.completion_percent) == (None, None)
    assert (afterwards.fills[0].remaining, afterwards.completion_percent) == (0, 100)


@pytest.mark.parametrize("order_id", ["o1", make(Order).client_order_id, "28"])
def test_fills_are_found_by_any_id_of_their_order(order_id: str) -> None:
    views = views_of(an_order(venue_order_id="28"), *WORKED)

    assert len(fills_of(views, order_id).fills) == 3


@pytest.mark.parametrize("order_id", ["o1", "28"])
def test_fills_of_a_forgotten_order_are_found_by_the_ids_it_had(order_id: str) -> None:
    """By the privacy settings nothing may be kept of an order but what it executed."""
    views = views_of(an_order(), fill(1, "100", "0.004"), fill(2, "110", "0.004"))
    views.orders.clear()
    found = fills_of(views, order_id)
    assert [line.fill.fill_id for line in found.fills] == ["1", "2"]
    assert [line.remaining for line in found.fills] == [None, None]
    assert (found.weighted_average_price, found.completion_percent) == (Decimal(105), None)


def test_fills_of_an_unknown_order_are_none_and_have_no_average() -> None:
    found = fills_of(views_of(an_order(), *WORKED), "o2")

    assert (found.fills, found.weighted_average_price, found.completion_percent) == ((), None, None)


AMOUNT = st.integers(1, 10**12).map(lambda units: Decimal(units).scaleb(-8))
EXECUTIONS = st.lists(st.tuples(AMOUNT, AMOUNT), min_size=1, max_size=40)


@given(EXECUTIONS, st.randoms(use_true_random=False))
def test_fills_average_over_history_equals_the_running_one(
    executions: list[tuple[Decimal, Decimal]], random: object
) -> None:
    made = [fill(n, str(price), str(size)) for n, (price, size) in enumerate(executions, start=1)]
    arrived = list(made)
    random.shuffle(arrived)  # type: ignore[attr-defined]

    views = views_of(an_order(size=Decimal(10**9)), *arrived)

    found = fills_of(views)
    order = views.orders["o1"]
    assert found.weighted_average_price == average_price(order)
    assert found.fills[-1].cumulative == order.filled_size
    size = sum(Fraction(size) for _, size in executions)
    exact = sum(Fraction(price) * Fraction(size) for price, size in executions) / size
    assert found.weighted_average_price is not None
    assert abs(Fraction(found.weighted_average_price) - exact) <= exact / 10**48


def test_fills_booked_by_an_account_from_its_stream_agree_with_its_order_and_position() -> None:
    account = Account()
    account.do(submit(size=Decimal(100), price=Decimal("178.45")))
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    for number, price, size in ((3, "178.50", "20"), (1, "178.40", "30"), (1, "178.40", "30"), (2, "178.45", "50")):
        told = make(
            VenueFill,
            fill_id=str(number),
            client_order_id=place.client_order_id,
            size=Decimal(size),
            price=Decimal(price),
            venue_time_ms=NOW_MS + number,
        )
        claim = shown(place, status=PublicStatus.OPEN, filled_size=Decimal(0))
        account.do(make(OrderReported, **HEAD, order=claim, fill=told))

    order = account.only_order()
    found = fills_of(account.views, order.order_id)
    (held,) = positions_of(account.views).positions

    assert order.state is OrderState.FILLED
    assert [line.fill.fill_id for line in found.fills] == ["1", "2", "3"]
    assert found.weighted_average_price == average_price(order) == Decimal("178.445")
    assert [round(line.deviation_percent or 0, 6) for line in found.fills] == [
        Decimal("-0.028019"),
        Decimal(0),
        Decimal("0.028019"),
    ]
    assert (held.position.size, held.average_entry_price) == (Decimal(100), Decimal("178.445"))


# ----- a symbol


def symbol_views() -> PublishedViews:
    """Two orders of one symbol whose fills alternate, one of another symbol and one of another exchange."""
    views = views_of(an_order(), fill(1, "10", "1"), fill(3, "30", "1"))
    other = {"order_id": "o2", "client_order_id": "c2"}
    for record in (
        an_order(**other),
        fill(2, "20", "2", order_id="o2"),
        fill(4, "40", "4", order_id="o2"),
        an_order(order_id="o3", symbol="ETH-USDT"),
        fill(2, "99", "9", order_id="o3", symbol="ETH-USDT"),
        an_order(order_id="o4", exchange="kraken"),
        fill(2, "99", "9", order_id="o4", exchange="kraken"),
    ):
        views.publish(record)
    return views


def numbers(lines: tuple[FillView, ...]) -> list[str]:
    return [line.fill.fill_id for line in lines]


def test_fills_of_a_symbol_come_from_all_of_its_orders_in_the_venues_order() -> None:
    found = between(symbol_views())

    assert numbers(found.fills) == ["1", "2", "3", "4"]
    assert found.weighted_average_price == 30
    assert found.completion_percent is None


def test_fills_of_a_symbol_in_a_time_range_leave_its_end_out() -> None:
    found = between(symbol_views(), 2, 4)

    assert numbers(found.fills) == ["2", "3"]
    assert str(found.shown_average_price) == "23.33333333"


def test_fills_in_a_time_range_count_what_their_orders_had_executed_before_it() -> None:
    assert [line.cumulative for line in between(symbol_views(), 3).fills] == [2, 6]


def test_fills_of_a_range_without_any_have_no_average() -> None:
    found = between(symbol_views(), 50)

    assert (found.fills, found.weighted_average_price, found.shown_average_price) == ((), None, None)


# ----- positions


def positions_of(views: PublishedViews, exchange: str | None = None) -> PositionsSnapshot:
    found = answer(GetPositions(account_id="1", exchange=exchange), views, NOW_MS, policy())
    assert isinstance(found, PositionsSnapshot)
    return found


def position_of(views: PublishedViews, symbol: str) -> PositionsSnapshot:
    found = answer(GetPosition(account_id="1", exchange="binance", symbol=symbol), views, NOW_MS, policy())
    assert isinstance(found, PositionsSnapshot)
    return found


def test_position_shows_average_entry_and_realised_profit() -> None:
    bought, sold = fill(1, "100", "3"), fill(2, "110", "1", side=Side.SELL)

    (view,) = position_of(views_of(an_order(), bought, sold), "BTC-USDT").positions

    assert view.position.size == 2
    assert view.average_entry_price == 100
    assert view.realised_pnl == 10


@pytest.mark.parametrize(
    ("asset_type", "text"), [("stocks", "16.67"), ("forex", "16.66667"), ("crypto", "16.66666667")]
)
def test_position_average_is_exact_and_shown_with_the_places_of_the_asset_type(asset_type: str, text: str) -> None:
    views = views_of(an_order(), fill(1, "10", "1"), fill(2, "20", "2"))

    found = answer(GetPosition(account_id="1", **PLACE), views, NOW_MS, policy(asset_type))

    assert isinstance(found, PositionsSnapshot)
    (view,) = found.positions
    assert view.average_entry_price is not None
    assert abs(Fraction(view.average_entry_price) - Fraction(50, 3)) < Fraction(1, 10**40)
    assert str(view.shown_average_entry_price) == text


def test_position_of_an_exchange_no_longer_configured_is_not_rounded() -> None:
    unconfigured = replace(policy(), exchanges={})

    found = answer(GetPositions(account_id="1"), views_of(an_order(), *WORKED), NOW_MS, unconfigured)

    assert isinstance(found, PositionsSnapshot)
    (view,) = found.positions
    assert (view.average_entry_price, view.shown_average_entry_price) == (Decimal("178.445"), None)


def test_position_that_gained_nothing_says_a_plain_zero() -> None:
    bought, sold = fill(1, "100.00000000", "3.0000"), fill(2, "100", "3", side=Side.SELL)

    (view,) = positions_of(views_of(an_order(), bought, sold)).positions

    assert str(view.realised_pnl) == "0"
    assert view.shown_average_entry_price is None


def test_position_that_is_flat_again_has_no_entry_and_keeps_its_profit() -> None:
    bought, sold = fill(1, "100", "3"), fill(2, "90", "3", side=Side.SELL)

    (view,) = positions_of(views_of(an_order(), bought, sold)).positions

    assert (view.position.size, view.average_entry_price, view.realised_pnl) == (0, None, -30)


def test_position_that_never_was_is_not_shown() -> None:
    found = position_of(views_of(an_order(), *WORKED), "ETH-USDT")

    assert (found.positions, found.as_of_ms) == ((), NOW_MS)


def test_positions_come_by_exchange_and_symbol_and_of_one_exchange_if_asked() -> None:
    views = PublishedViews()
    for exchange, symbol in (("kraken", "A-B"), ("binance", "ETH-USDT"), ("binance", "BTC-USDT")):
        views.publish(flat("1", exchange, symbol))

    def places(found: PositionsSnapshot) -> list[tuple[str, str]]:
        return [(view.position.exchange, view.position.symbol) for view in found.positions]

    assert places(positions_of(views)) == [("binance", "BTC-USDT"), ("binance", "ETH-USDT"), ("kraken", "A-B")]
    assert places(positions_of(views, "kraken")) == [("kraken", "A-B")]
