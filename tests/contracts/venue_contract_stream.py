"""Part of the venue contract: the user stream, what it tells, and what is known after it was away."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from venue_claims import ENDS, TRIGGERED, check_fills, check_order, execution_facts, fill_facts
from venue_contract_changes import amendable_time
from venue_contract_orders import OPPOSITE
from venue_kit import Desk, case

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.reports import (
    BalanceReported,
    FrameUnreadable,
    OrderReported,
    StreamConnected,
    StreamGap,
    StreamLost,
)
from messages.types import OrderType, PublicStatus, Side

AWAY_MS = 300


@case
def an_orders_life_is_told_in_full(desk: Desk) -> None:
    """Placed, executed in part, executed whole: what the stream says, read where it says no more than totals."""
    desk.open_stream()
    for side in Side:
        row = desk.rest(side=side)
        hears(desk, row, PublicStatus.OPEN, Decimal(0))
        desk.control.execute(row["orderId"], size=desk.market.lot / 4)
        hears(desk, row, PublicStatus.OPEN, desk.market.lot / 4)
        desk.control.execute(row["orderId"])
        hears(desk, row, PublicStatus.FILLED, desk.market.lot)
        told_and_read_are_the_record(desk, row)
    says_nothing_wrong(desk)


@case
def takers_and_market_orders_are_told_in_full(desk: Desk) -> None:
    desk.open_stream()
    for side in Side:
        for kind in (OrderType.LIMIT, OrderType.MARKET):
            for ticks in (0, 1):
                desk.meet(OPPOSITE[side], desk.market.lot / 2, desk.market.price + ticks * desk.market.tick)
            price = desk.market.price + 5 * desk.market.tick if side is Side.BUY else desk.market.price
            row = desk.rest(side=side, type=kind, price=price if kind is OrderType.LIMIT else None)
            assert row["status"] == "FILLED"
            hears(desk, row, PublicStatus.FILLED, desk.market.lot)
            told_and_read_are_the_record(desk, row)
    says_nothing_wrong(desk)


@case
def cancels_are_told(desk: Desk) -> None:
    desk.open_stream()
    row = desk.rest()
    desk.control.execute(row["orderId"], size=desk.market.lot / 4)
    desk.cancel(row)
    hears(desk, row, PublicStatus.CANCELLED, desk.market.lot / 4)
    told_and_read_are_the_record(desk, row)
    by_hand = desk.rest()
    desk.control.cancel(by_hand["orderId"])
    hears(desk, by_hand, PublicStatus.CANCELLED, Decimal(0))
    says_nothing_wrong(desk)


@case
def ends_by_the_venue_are_told(desk: Desk) -> None:
    desk.open_stream()
    for status in ("CANCELLED", "EXPIRED"):
        row = desk.rest()
        desk.control.end_order(row["orderId"], status)  # type: ignore[arg-type]
        desk.hear(lambda report, row=row, status=status: is_about(report, row) and report.order.status in ENDS[status])
        check_order(desk.can, desk.found(row).order, desk.now(row))
    says_nothing_wrong(desk)


@case
def orders_nobody_announced_are_told(desk: Desk) -> None:
    desk.open_stream()
    (row,) = desk.place_by_hand(1, desk.market)
    hears(desk, row, PublicStatus.OPEN, Decimal(0))
    desk.control.execute(row["orderId"])
    hears(desk, row, PublicStatus.FILLED, desk.market.lot)


@case
def triggered_stops_are_told(desk: Desk) -> None:
    kinds = [kind for kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) if kind in desk.can.order_types]
    if not kinds:
        pytest.skip("the venue has no stop orders")
    desk.open_stream()
    for kind in kinds:
        stop_price = desk.market.price + 20 * desk.market.tick
        limit = desk.market.price + 40 * desk.market.tick
        row = desk.rest(type=kind, stop_price=stop_price, price=limit if kind is OrderType.STOP_LIMIT else None)
        desk.meet(Side.SELL, desk.market.lot * 3, limit)
        desk.meet(Side.BUY, desk.market.lot, limit, account=desk.taker)
        desk.clear(desk.maker)
        ended = desk.now(row)
        assert ended["status"] == "FILLED"
        hears(desk, ended, PublicStatus.FILLED, desk.market.lot)
        told_and_read_are_the_record(desk, ended)
        back = desk.meet(Side.SELL, desk.market.lot, desk.market.price)
        desk.meet(Side.BUY, desk.market.lot, desk.market.price, account=desk.taker)
        assert back["status"] == "OPEN"


@case
def amendments_are_told_where_the_venue_makes_them(desk: Desk) -> None:
    if desk.can.amend.name == "NONE":
        pytest.skip("the venue changes no order in place")
    desk.open_stream()
    row = desk.rest(time_in_force=amendable_time(desk))
    heard = len(desk.told)
    desk.amend(row, size=desk.market.lot / 2)
    assert Decimal(desk.now(row)["size"]) == desk.market.lot / 2
    desk.hear(lambda report: is_about(report, row) and report.order.size == desk.market.lot / 2, skip=heard)
    says_nothing_wrong(desk)


@case
def balances_that_are_told_are_those_of_the_venue(desk: Desk) -> None:
    """Where the stream tells balances at all, the last word on each asset is the venue's."""
    desk.open_stream()
    row = desk.rest()
    desk.control.execute(row["orderId"])
    hears(desk, row, PublicStatus.FILLED, desk.market.lot)
    held = desk.control.balances(desk.account)

    def agree() -> bool:
        told: dict[str, tuple[Decimal, Decimal]] = {}
        for report in desk.told:
            if isinstance(report, BalanceReported):
                told |= {asset: (total, available) for asset, total, available in report.balances}
        return all(
            told[asset] == (Decimal(held[asset]["free"]) + Decimal(held[asset]["locked"]), Decimal(held[asset]["free"]))
            for asset in told
            if asset in held and not desk.can.margin
        )

    desk.eventually(agree, "balances that were told equal the venue's")


@case
def frames_told_twice_change_nothing(desk: Desk) -> None:
    desk.open_stream()
    desk.control.set_faults(FaultRule(fault=Fault.FRAME_DUPLICATE, kind=RequestKind.FRAME))
    row = desk.rest()
    desk.control.execute(row["orderId"], size=desk.market.lot / 2)
    desk.control.execute(row["orderId"])
    # Where frames are numbered, a number that comes twice may be taken for a gap: then reading tells the rest.
    desk.hear(
        lambda report: isinstance(report, StreamGap)
        or (is_about(report, row) and report.order.status is PublicStatus.FILLED)
    )
    assert desk.happened(Fault.FRAME_DUPLICATE)
    record = {execution_facts(execution) for execution in desk.executions(row)}
    assert {fill_facts(fill) for fill in desk.fills_told()} <= record
    check_fills(desk.found(row).fills, desk.executions(row))


@case
def lost_frames_are_found_by_reading(desk: Desk) -> None:
    """A venue that numbers its frames makes the gap known; what was in them is read either way."""
    desk.open_stream()
    row = desk.rest()
    hears(desk, row, PublicStatus.OPEN, Decimal(0))
    desk.control.set_faults(FaultRule(fault=Fault.FRAME_DROP, kind=RequestKind.FRAME))
    desk.control.execute(row["orderId"], size=desk.market.lot / 2)
    assert desk.happened(Fault.FRAME_DROP)
    desk.control.set_faults()
    heard = len(desk.told)
    found = desk.found(row)
    assert found.order.filled_size == desk.market.lot / 2
    check_fills(found.fills, desk.executions(row))

    desk.control.execute(row["orderId"])
    desk.hear(
        lambda report: isinstance(report, StreamGap)
        or (is_about(report, row) and report.order.filled_size == desk.market.lot),
        skip=heard,
    )
    check_fills(desk.found(row).fills, desk.executions(row))
    works_again(desk)


@case
def broken_streams_come_back(desk: Desk) -> None:
    comes_back(desk, lambda: desk.control.abort_streams(desk.account))


@case
def streams_that_the_venue_ends_come_back(desk: Desk) -> None:
    comes_back(desk, lambda: desk.control.terminate_streams(desk.account))


@case
def streams_come_back_after_a_restart_of_the_venue(desk: Desk) -> None:
    comes_back(desk, lambda: desk.control.restart(AWAY_MS))


@case
def streams_come_back_after_an_announced_restart(desk: Desk) -> None:
    comes_back(desk, lambda: desk.control.restart(AWAY_MS, announced=True))


@case
def streams_come_back_after_an_outage(desk: Desk) -> None:
    comes_back(desk, lambda: desk.control.begin_outage(AWAY_MS))


@case
def streams_come_back_when_every_token_has_expired(desk: Desk) -> None:
    def expire() -> None:
        desk.control.expire_tokens()
        desk.control.abort_streams(desk.account)

    comes_back(desk, expire)


@case
def silent_streams_speak_again_and_what_they_kept_is_read(desk: Desk) -> None:
    desk.open_stream()
    row = desk.rest()
    hears(desk, row, PublicStatus.OPEN, Decimal(0))
    assert desk.control.silence_streams(AWAY_MS, desk.account) == 1
    desk.control.execute(row["orderId"])
    check_order(desk.can, desk.found(row).order, desk.now(row))
    check_fills(desk.found(row).fills, desk.executions(row))

    # Silence ends by itself; what is placed after it is told.
    def told() -> bool:
        (one,) = desk.place_by_hand(1, desk.market)
        desk.control.cancel(one["orderId"])
        return any(is_about(report, one) for report in desk.told)

    desk.eventually(told, "the stream speaks again")


def comes_back(desk: Desk, end: Callable[[], object]) -> None:
    """The stream is lost and connects again by itself; what happened meanwhile is found by reading."""
    desk.open_stream()
    row, gone = desk.rest(), desk.rest(side=Side.SELL)
    hears(desk, gone, PublicStatus.OPEN, Decimal(0))
    heard = len(desk.told)
    end()
    desk.control.execute(row["orderId"], size=desk.market.lot / 2)
    desk.control.cancel(gone["orderId"])

    lost = desk.hear(lambda report: isinstance(report, StreamLost), skip=heard)
    assert lost.reason
    again = desk.hear(lambda report: isinstance(report, StreamConnected), skip=heard)
    assert again.connection > lost.connection
    found = desk.found(row, in_trouble=True)
    check_order(desk.can, found.order, desk.now(row))
    check_fills(found.fills, desk.executions(row))
    check_order(desk.can, desk.found(gone).order, desk.now(gone))
    works_again(desk)


def works_again(desk: Desk) -> None:
    row = desk.rest()
    hears(desk, row, PublicStatus.OPEN, Decimal(0))
    desk.control.execute(row["orderId"])
    hears(desk, row, PublicStatus.FILLED, desk.market.lot)
    told_and_read_are_the_record(desk, row)


# ----- what several cases ask


def is_about(report: Any, row: dict[str, Any]) -> bool:
    return isinstance(report, OrderReported) and report.order.venue_order_id == row["venueOrderId"]


def hears(desk: Desk, row: dict[str, Any], status: PublicStatus, filled_size: Decimal) -> None:
    """The stream tells that the order has this status and has executed so much."""

    def told(report: Any) -> bool:
        return is_about(report, row) and (report.order.status, report.order.filled_size) == (status, filled_size)

    report = desk.hear(told)
    order = report.order
    assert (order.symbol, order.side) == (row["symbol"], row["side"]), order
    assert order.type in (row["type"], TRIGGERED.get(row["type"]) if filled_size else row["type"]), order
    if order.client_order_id is not None or desk.can.client_id_in_lists:
        assert order.client_order_id == row["clientOrderId"]


def told_and_read_are_the_record(desk: Desk, row: dict[str, Any]) -> None:
    """Executions told by the stream are the venue's, and reading completes them."""
    record = desk.executions(row)
    told = {fill_facts(fill) for fill in desk.fills_told() if fill.venue_order_id == row["venueOrderId"]}
    assert told <= {execution_facts(execution) for execution in record}, (told, record)
    found = desk.found(row)
    check_order(desk.can, found.order, desk.now(row))
    assert found.fills_complete
    check_fills(found.fills, record)


def says_nothing_wrong(desk: Desk) -> None:
    """Everything was understood, and nothing was missing."""
    assert [report for report in desk.told if isinstance(report, FrameUnreadable | StreamGap | StreamLost)] == []
