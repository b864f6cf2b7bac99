"""Part of the venue contract: what reading tells, every page of it."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from venue_claims import check_fills, check_order
from venue_contract_orders import OPPOSITE, trade
from venue_kit import Desk, case

from messages.commands import (
    FetchBalances,
    FetchInstruments,
    FetchPrice,
    FetchServerTime,
)
from messages.fills import Liquidity
from messages.reports import (
    BalancesFetched,
    InstrumentsFetched,
    LookUpFailed,
    OrderNotFound,
    OrdersSearched,
    PlaceAccepted,
    PriceFetched,
    ServerTimeFetched,
)
from messages.types import ENDED_STATUSES, ONE, OrderType, PublicStatus, Side, VenueOrder

OPEN_ORDERS = 2_500
PAGES = 2.5
"""A long list has so many pages."""
PAGE = {"binance": 1000, "coinbase": 100, "kraken": 50, "kucoin": 100, "mexc": 100, "projectx": 100}
"""Executions in one page of a venue's list, by its fact sheet."""
HISTORY = 130
"""Orders that ended, more than any page of history that is asked for here needs to hold."""
MULTIPLIERS = {"CON.F.US.EP.Z26": Decimal(50), "CON.F.US.ENQ.Z26": Decimal(20)}
SKEW_MS = 4_000

# ----- one order


@case
def orders_are_found_by_either_id(desk: Desk) -> None:
    row = desk.rest()
    check_order(desk.can, desk.found(row).order, row)
    if desk.can.lookup_by_client_id:
        check_order(desk.can, desk.found(row, by_client_id=True).order, row)
    else:
        by_client_id = desk.look_up(row["clientOrderId"])
        assert not isinstance(by_client_id, OrderNotFound), by_client_id
    is_found_by_search(desk, row)


@case
def ended_orders_are_found_by_either_id(desk: Desk) -> None:
    filled, cancelled = desk.rest(), desk.rest()
    desk.control.execute(filled["orderId"])
    desk.control.cancel(cancelled["orderId"])
    for row in (desk.now(filled), desk.now(cancelled)):
        check_order(desk.can, desk.found(row).order, row)
        if desk.can.lookup_by_client_id:
            check_order(desk.can, desk.found(row, by_client_id=True).order, row)
        is_found_by_search(desk, row)


@case
def orders_that_do_not_exist_are_not_found(desk: Desk) -> None:
    somebodys = desk.meet(Side.BUY, desk.market.lot, desk.market.away(Side.BUY))
    asked_ms = desk.control.now_ms()
    by_venue_id = desk.look_up(desk.new_id(), somebodys["venueOrderId"])
    by_client_id = desk.look_up(desk.new_id())
    searched = desk.search(client_id := desk.new_id())

    assert isinstance(by_venue_id, OrderNotFound), by_venue_id
    assert by_venue_id.asked_venue_ms <= desk.control.now_ms()
    assert by_venue_id.asked_venue_ms >= asked_ms - 1_500
    absent = OrderNotFound if desk.can.lookup_by_client_id else LookUpFailed
    assert isinstance(by_client_id, absent), by_client_id
    assert isinstance(searched, OrdersSearched), searched
    assert client_id not in {order.client_order_id for order in searched.orders}


@case
def executions_are_those_of_the_venue(desk: Desk) -> None:
    """Part by part: maker and taker, both sides, with fees to the last digit."""
    for side in Side:
        row = desk.rest(side=side)
        parts = (desk.market.lot / 4, desk.market.lot / 2, desk.market.lot / 4)
        for count, part in enumerate(parts, 1):
            desk.control.execute(row["orderId"], size=part)
            found = desk.found(row)
            assert (len(found.fills), found.fills_complete) == (count, True)
            assert {fill.liquidity for fill in found.fills} <= {Liquidity.MAKER, Liquidity.UNKNOWN}
            check_order(desk.can, found.order, desk.now(row))
            check_fills(found.fills, desk.executions(row))
        check_fills(desk.fills(venue_order_id=row["venueOrderId"]), desk.executions(row))


@case
def executions_of_a_taker_are_those_of_the_venue(desk: Desk) -> None:
    since_ms = desk.control.now_ms()
    for side in Side:
        for ticks in (3, 2, 1):
            sign = 1 if side is Side.BUY else -1
            desk.meet(OPPOSITE[side], desk.market.lot / 4, desk.market.price + sign * ticks * desk.market.tick)
        row = desk.rest(side=side, price=desk.market.price + sign * 5 * desk.market.tick)

        found = desk.found(row)
        assert (found.order.status, found.order.filled_size) == (PublicStatus.OPEN, desk.market.lot * 3 / 4)
        assert {fill.liquidity for fill in found.fills} <= {Liquidity.TAKER, Liquidity.UNKNOWN}
        check_order(desk.can, found.order, row)
        check_fills(found.fills, desk.executions(row))
        desk.control.cancel(row["orderId"])
    mine = desk.control.executions(account=desk.account, symbol=desk.market.symbol)
    check_fills(desk.fills(since_venue_ms=since_ms - 1_000), mine)


def is_found_by_search(desk: Desk, row: dict[str, Any]) -> None:
    """A search has read every source it must, and shows the order."""
    order, report = desk.search_until(row)
    check_order(desk.can, order, row)
    own = (fill for fill in report.fills if fill.venue_order_id == row["venueOrderId"])
    check_fills(own, desk.executions(row))


# ----- long lists


@case
def all_open_orders_are_listed_exactly_once(desk: Desk) -> None:
    half = OPEN_ORDERS // 2
    rows = [*desk.place_by_hand(half, desk.market), *desk.place_by_hand(OPEN_ORDERS - half, desk.other)]
    listed = desk.open_orders()

    assert len(listed) == OPEN_ORDERS
    by_id = {order.venue_order_id: order for order in listed}
    assert by_id.keys() == {row["venueOrderId"] for row in rows}
    for row in rows:
        check_order(desk.can, by_id[row["venueOrderId"]], row)
    of_one = desk.open_orders(desk.other.symbol)
    assert sorted(order.venue_order_id for order in of_one) == sorted(
        row["venueOrderId"] for row in rows if row["symbol"] == desk.other.symbol
    )


@case
def waiting_stops_are_listed_among_open_orders(desk: Desk) -> None:
    kinds = [kind for kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) if kind in desk.can.order_types]
    if not kinds:
        pytest.skip("the venue has no stop orders")
    trigger = desk.market.price + 100 * desk.market.tick
    rows = [desk.rest()]
    for kind in kinds:
        price = trigger if kind is OrderType.STOP_LIMIT else None
        rows.append(desk.rest(type=kind, stop_price=trigger, price=price))
    for symbol in (None, desk.market.symbol):
        listed = {order.venue_order_id: order for order in desk.open_orders(symbol)}
        assert listed.keys() == {row["venueOrderId"] for row in rows}
        for row in rows:
            check_order(desk.can, listed[row["venueOrderId"]], row)
    for row in rows:
        is_found_by_search(desk, row)


@case
def executions_of_one_order_are_listed_over_many_pages(desk: Desk) -> None:
    count = int(PAGE[desk.venue] * PAGES)
    row = desk.rest(size=desk.market.lot * 4 if desk.market.step < ONE else Decimal(min(count, 1000)))
    count = min(count, int(Decimal(row["size"]) / desk.market.step))
    # Spread over time: a venue that turns its pages by time can show no more than a page of one millisecond.
    fills = {row["orderId"]: [(Decimal(row["price"]), desk.market.step)] * count}
    desk.control.execute_many(fills, rate_per_s=count * 2)

    executions = desk.executions(row)
    assert len(executions) == count
    found = desk.found(row)
    assert found.fills_complete
    check_fills(found.fills, executions)
    check_fills(desk.fills(venue_order_id=row["venueOrderId"]), executions)
    check_fills(desk.fills(since_venue_ms=row["createdMs"] - 1_000), executions)


@case
def searches_read_every_page_of_history(desk: Desk) -> None:
    rows = desk.place_by_hand(HISTORY, desk.market)
    for row in rows:
        desk.control.cancel(row["orderId"])
    last = desk.rest()

    def shown_ended() -> dict[str, VenueOrder] | None:
        # Some venues show for a moment that an order is being cancelled.
        _, report = desk.search_until(last)
        shown = {order.venue_order_id: order for order in report.orders}
        assert shown.keys() == {row["venueOrderId"] for row in (*rows, last)}
        ended = all(shown[row["venueOrderId"]].status in ENDED_STATUSES for row in rows)
        return shown if ended else None

    shown = desk.eventually(shown_ended, "the venue shows every cancelled order as ended")
    for row in rows:
        check_order(desk.can, shown[row["venueOrderId"]], desk.now(row))


# ----- the account and the venue


@case
def balances_are_those_of_the_venue(desk: Desk) -> None:
    bought = desk.rest()
    desk.control.execute(bought["orderId"])
    sold = desk.rest(side=Side.SELL, symbol=desk.other.symbol, size=desk.other.lot, price=desk.other.away(Side.SELL))
    desk.control.execute(sold["orderId"])
    desk.rest()
    desk.rest(side=Side.SELL)
    report = desk.ask(FetchBalances(**desk.head()))

    assert isinstance(report, BalancesFetched), report
    told = {asset: (total, available) for asset, total, available in report.balances if total}
    if desk.can.margin:
        assert told == {
            desk.market.symbol: (desk.market.lot, desk.market.lot),
            desk.other.symbol: (-desk.other.lot, -desk.other.lot),
        }
        return
    held = {asset: (Decimal(one["free"]), Decimal(one["locked"])) for asset, one in balances(desk).items()}
    assert told == {asset: (free + locked, free) for asset, (free, locked) in held.items() if free + locked}
    assert any(locked for _, locked in held.values())


def balances(desk: Desk) -> dict[str, dict[str, str]]:
    return desk.control.balances(desk.account)


@case
def instruments_are_those_of_the_venue(desk: Desk) -> None:
    report = desk.ask(FetchInstruments(**desk.head()))

    assert isinstance(report, InstrumentsFetched), report
    assert report.unreadable == 0
    rules = {one["symbol"]: one for one in desk.control.instruments()}
    listed = {instrument.symbol: instrument for instrument in report.instruments}
    assert listed.keys() == rules.keys()
    for symbol, instrument in listed.items():
        told = asdict(instrument)
        for name in ("base", "quote"):
            assert told[name] == rules[symbol][name] or desk.can.margin, (name, told)
        for name in ("tick_size", "step_size", "min_size", "max_size", "min_notional"):
            if told[name] is not None:
                assert told[name] == Decimal(rules[symbol][name]), (name, told)
        assert (instrument.tick_size is None, instrument.step_size is None) == (False, False)
        assert instrument.trading
        assert instrument.multiplier == MULTIPLIERS.get(symbol, ONE)
        assert instrument.order_types <= desk.can.order_types
        assert {OrderType.MARKET, OrderType.LIMIT} <= instrument.order_types


@case
def prices_are_those_of_the_last_trade(desk: Desk) -> None:
    for ticks in (7, 3):
        price = desk.market.price + ticks * desk.market.tick
        trade(desk, price)
        report = desk.ask(FetchPrice(**desk.head(), symbol=desk.market.symbol))

        assert isinstance(report, PriceFetched), report
        assert (report.symbol, report.price) == (desk.market.symbol, price)


@case
def times_are_those_of_a_venue_whose_clock_is_elsewhere(desk: Desk) -> None:
    for skew_ms in (SKEW_MS, -SKEW_MS):
        desk.control.set_clock_skew(skew_ms)
        report = desk.ask(FetchServerTime(**desk.head()))
        assert isinstance(report, ServerTimeFetched), report
        # Aimed low: never ahead of the venue, but for a machine's clock that is set back between two readings, and
        # behind by no more than the trip and the unit that it counts in.
        assert skew_ms - 1_000 - report.error_ms * 2 - 50 <= report.offset_ms <= skew_ms + 5

        # A session that knew another clock may be refused once, and learns.
        client_id = desk.new_id()
        desk.eventually(
            lambda client_id=client_id: isinstance(desk.place(client_id), PlaceAccepted), "orders are accepted"
        )
        row = desk.row(client_id)
        check_order(desk.can, desk.found(row).order, row)
        is_found_by_search(desk, row)
