"""Part of the venue contract: cancels, amendments and the venue's own replacement."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from venue_claims import check_fills, check_order
from venue_kit import Desk, case

from exchanges.gateway import AmendScope
from exchanges.paper.faults import Fault, RequestKind
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    OrderNotFound,
    PlaceAccepted,
    PlaceNotProcessed,
    PlaceRejected,
    ReplaceAnswered,
)
from messages.types import OrderType, PublicStatus, Side, TimeInForce

# ----- cancels


@case
def open_orders_are_cancelled(desk: Desk) -> None:
    for side in Side:
        row = desk.rest(side=side)

        is_cancelled(desk, row, desk.cancel(row))


@case
def orders_are_cancelled_by_client_id_or_nothing_is_sent(desk: Desk) -> None:
    row = desk.rest()
    before = desk.placements()
    report = desk.cancel(row, by_client_id=True)

    if isinstance(report, CancelNotProcessed):
        assert not desk.can.lookup_by_client_id
        assert (desk.placements(), desk.now(row)["status"]) == (before, "OPEN")
        return
    is_cancelled(desk, row, report)


@case
def waiting_stops_are_cancelled(desk: Desk) -> None:
    stop_price = desk.market.price + 100 * desk.market.tick
    for kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT):
        if kind in desk.can.order_types:
            price = stop_price if kind is OrderType.STOP_LIMIT else None
            row = desk.rest(type=kind, stop_price=stop_price, price=price)

            report = desk.cancel(row)
            assert desk.now(row)["status"] == "CANCELLED"
            shown = desk.look_up(row["clientOrderId"], row["venueOrderId"])
            if isinstance(shown, OrderNotFound):
                # A venue that forgets stops that never worked: its answer to the cancel is all there is.
                assert isinstance(report, CancelConfirmed) or (
                    isinstance(report, CancelAmbiguous) and report.reason == "accepted"
                ), report
            else:
                is_cancelled(desk, row, report)


@case
def filled_orders_are_not_cancelled(desk: Desk) -> None:
    row = desk.rest()
    desk.control.execute(row["orderId"])

    says_no_more_than_the_venue(desk, row, desk.cancel(row))
    found = desk.found(row)
    assert found.order.status is PublicStatus.FILLED
    check_fills(found.fills, desk.executions(row))


@case
def orders_cancelled_twice_stay_cancelled(desk: Desk) -> None:
    row = desk.rest()
    is_cancelled(desk, row, desk.cancel(row))

    says_no_more_than_the_venue(desk, row, desk.cancel(row))
    assert desk.found(row).order.status is PublicStatus.CANCELLED


@case
def unknown_orders_are_not_said_to_be_cancelled(desk: Desk) -> None:
    somebodys = desk.meet(Side.BUY, desk.market.lot, desk.market.away(Side.BUY))
    report = desk.cancel(somebodys | {"clientOrderId": desk.new_id()})

    assert isinstance(report, CancelRefused | CancelAmbiguous), report
    if isinstance(report, CancelRefused):
        assert report.code or report.text
    (same,) = desk.control.orders(account=desk.maker, open=True)
    assert same["orderId"] == somebodys["orderId"]


@case
def partly_filled_orders_are_cancelled_and_keep_what_they_executed(desk: Desk) -> None:
    row = desk.rest()
    desk.control.execute(row["orderId"], size=desk.market.lot / 4)

    is_cancelled(desk, row, desk.cancel(row))
    found = desk.found(row)
    assert (found.order.filled_size, found.fills_complete) == (desk.market.lot / 4, True)
    check_fills(found.fills, desk.executions(row))


@case
def orders_that_fill_during_their_cancel_are_told_as_filled(desk: Desk) -> None:
    row = desk.rest()
    desk.once(Fault.FILL_DURING_CANCEL, RequestKind.CANCEL)
    report = desk.cancel(row)

    assert desk.happened(Fault.FILL_DURING_CANCEL) == 1
    says_no_more_than_the_venue(desk, row, report)
    check_order(desk.can, desk.found(row).order, desk.now(row))


@case
def orders_that_fill_in_part_during_their_cancel_are_told_so(desk: Desk) -> None:
    row = desk.rest()
    desk.once(Fault.PARTIAL_FILL_DURING_CANCEL, RequestKind.CANCEL)
    report = desk.cancel(row)

    says_no_more_than_the_venue(desk, row, report)
    found = desk.found(row)
    assert found.order.filled_size == desk.market.lot / 2
    check_fills(found.fills, desk.executions(row))


def is_cancelled(desk: Desk, row: dict[str, Any], report: Any) -> None:
    """The venue has cancelled it, and says so: at once, or when it is read after the acknowledgement."""
    now = desk.now(row)
    assert now["status"] == "CANCELLED"
    if isinstance(report, CancelAmbiguous):
        assert report.reason == "accepted", report
    else:
        assert isinstance(report, CancelConfirmed), report
        check_order(desk.can, report.order, now)
    check_order(desk.can, desk.found(row).order, now)


def says_no_more_than_the_venue(desk: Desk, row: dict[str, Any], report: Any) -> None:
    """What a cancel's report claims is true of the venue's record."""
    now = desk.now(row)
    assert now["status"] != "OPEN"
    assert isinstance(report, CancelConfirmed | CancelRefused | CancelAmbiguous), report
    if isinstance(report, CancelConfirmed):
        check_order(desk.can, report.order, now)


# ----- amendments

Change = Callable[[Desk, dict[str, Any]], dict[str, Any]]
UP: Change = lambda desk, row: {"size": Decimal(row["size"]) * 2}  # noqa: E731 - a table reads better
DOWN: Change = lambda desk, row: {"size": Decimal(row["size"]) / 2}  # noqa: E731
PRICE: Change = lambda desk, row: {"price": Decimal(row["price"]) + 4 * desk.market.tick}  # noqa: E731
BOTH: Change = lambda desk, row: DOWN(desk, row) | PRICE(desk, row)  # noqa: E731


@case
def amended_orders_have_their_new_terms(desk: Desk) -> None:
    changes = {AmendScope.NONE: (), AmendScope.SIZE_DOWN: (DOWN,), AmendScope.NATIVE: (UP, DOWN, PRICE, BOTH)}
    for change in changes[desk.can.amend]:
        for side in Side:
            row = desk.rest(side=side, time_in_force=amendable_time(desk))
            is_amended(desk, row, change(desk, row))
    if desk.can.amend is AmendScope.NONE:
        is_never_sent(desk, desk.rest(), DOWN)


@case
def amendments_beyond_what_the_venue_has_change_nothing(desk: Desk) -> None:
    if desk.can.amend is AmendScope.NATIVE:
        pytest.skip("it changes everything")
    for change in (UP, PRICE):
        row = desk.rest()
        report = desk.amend(row, **change(desk, row))

        assert isinstance(report, AmendRefused), report
        assert report.text
        assert desk.now(row) == row


@case
def partly_filled_orders_are_amended_by_their_total_size(desk: Desk) -> None:
    needs_amend(desk)
    row = desk.rest(time_in_force=amendable_time(desk))
    desk.control.execute(row["orderId"], size=desk.market.lot / 4)
    is_amended(desk, row, {"size": desk.market.lot / 2})
    assert Decimal(desk.now(row)["filledSize"]) == desk.market.lot / 4


@case
def orders_amended_below_what_they_executed_are_told_as_they_are(desk: Desk) -> None:
    needs_amend(desk)
    row = desk.rest(time_in_force=amendable_time(desk))
    desk.control.execute(row["orderId"], size=desk.market.lot / 2)
    report = desk.amend(row, size=desk.market.lot / 4)

    assert isinstance(report, AmendConfirmed | AmendRefused | AmendAmbiguous), report
    now = desk.now(row)
    if isinstance(report, AmendConfirmed):
        assert now["status"] != "OPEN"
        assert report.order.status in {PublicStatus.FILLED, PublicStatus.CANCELLED, PublicStatus.EXPIRED}
    assert Decimal(now["filledSize"]) == desk.market.lot / 2
    assert desk.found(row).order.filled_size == desk.market.lot / 2


@case
def ended_orders_are_not_amended(desk: Desk) -> None:
    needs_amend(desk)
    for end in (lambda row: desk.control.execute(row["orderId"]), lambda row: desk.control.cancel(row["orderId"])):
        row = desk.rest(time_in_force=amendable_time(desk))
        end(row)
        ended = desk.now(row)
        report = desk.amend(row, size=desk.market.lot / 2)

        assert isinstance(report, AmendRefused | AmendAmbiguous), report
        assert desk.now(row) == ended


@case
def orders_that_fill_during_their_amendment_are_told_as_filled(desk: Desk) -> None:
    needs_amend(desk)
    row = desk.rest(time_in_force=amendable_time(desk))
    desk.once(Fault.FILL_DURING_CANCEL, RequestKind.AMEND)
    report = desk.amend(row, size=desk.market.lot / 2)

    assert desk.happened(Fault.FILL_DURING_CANCEL) == 1
    assert not isinstance(report, AmendConfirmed), report
    check_order(desk.can, desk.found(row).order, desk.now(row))


@case
def waiting_stops_are_amended_where_the_venue_does_that(desk: Desk) -> None:
    kinds = [kind for kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) if kind in desk.can.order_types]
    if not kinds or desk.can.amend is not AmendScope.NATIVE:
        pytest.skip("no stops, or no change of prices")
    trigger = desk.market.price + 100 * desk.market.tick
    for kind in kinds:
        price = trigger if kind is OrderType.STOP_LIMIT else None
        row = desk.rest(type=kind, stop_price=trigger, price=price, time_in_force=amendable_time(desk))
        changes = {"stop_price": trigger + 8 * desk.market.tick}
        if kind in desk.can.amend_types and amendable_time(desk) in desk.can.amend_times_in_force:
            is_amended(desk, row, changes)
        else:
            is_never_sent(desk, row, lambda _desk, _row, changes=changes: changes)


def is_amended(desk: Desk, row: dict[str, Any], changes: dict[str, Any]) -> None:
    """The venue changes the same order, and shows it."""
    desk.renew()
    report = desk.amend(row, **changes)
    now = desk.now(row)
    for field, name in (("size", "size"), ("price", "price"), ("stop_price", "stopPrice")):
        if field in changes:
            assert Decimal(now[name]) == changes[field], (report, now)
    assert (now["venueOrderId"], now["status"]) == (row["venueOrderId"], "OPEN")
    if isinstance(report, AmendAmbiguous):
        assert report.reason == "accepted", report
    else:
        assert isinstance(report, AmendConfirmed), report
        check_order(desk.can, report.order, now)
    check_order(desk.can, desk.found(now).order, now)


def is_never_sent(desk: Desk, row: dict[str, Any], change: Change) -> None:
    """A change that the venue does not make is refused by the adapter; nothing was sent."""
    before = desk.placements()
    report = desk.amend(row, **change(desk, row))

    assert isinstance(report, AmendRefused), report
    assert report.code == "not_supported"
    assert (desk.placements(), desk.now(row)) == (before, row)


def needs_amend(desk: Desk) -> None:
    if desk.can.amend is AmendScope.NONE:
        pytest.skip("the venue changes no order in place")


def amendable_time(desk: Desk) -> TimeInForce:
    """A time in force that can be amended and rests."""
    return TimeInForce.GTC if TimeInForce.GTC in desk.can.amend_times_in_force else TimeInForce.GTT


# ----- the venue's own replacement


@case
def replaced_orders_make_place_for_the_new_one(desk: Desk) -> None:
    old, new = desk.rest(), desk.new_id()
    before = desk.placements()
    report = desk.replace(old, new, price=desk.market.away(Side.BUY) + desk.market.tick)

    assert isinstance(report, ReplaceAnswered), report
    if not desk.can.cancel_replace:
        assert isinstance(report.cancel, CancelNotProcessed)
        assert isinstance(report.place, PlaceRejected)
        assert report.place.code == "not_supported"
        assert (desk.placements(), desk.now(old), desk.rows(new)) == (before, old, [])
        return
    assert isinstance(report.place, PlaceAccepted)
    is_cancelled(desk, old, report.cancel)
    assert report.place.venue_order_id == desk.row(new)["venueOrderId"]
    check_order(desk.can, desk.found(desk.row(new)).order, desk.row(new))


@case
def partly_filled_orders_are_left_alone_by_a_replacement(desk: Desk) -> None:
    needs_replace(desk)
    old, new = desk.rest(), desk.new_id()
    desk.control.execute(old["orderId"], size=desk.market.lot / 2)
    report = desk.replace(old, new)

    assert not isinstance(report.cancel, CancelConfirmed)
    assert not isinstance(report.place, PlaceAccepted)
    assert (desk.now(old)["status"], desk.rows(new)) == ("OPEN", [])


@case
def replacements_whose_new_half_is_refused_tell_both_halves(desk: Desk) -> None:
    needs_replace(desk)
    old, new = desk.rest(), desk.new_id()
    desk.once(Fault.NEW_HALF_FAILS, RequestKind.REPLACE)
    report = desk.replace(old, new)

    is_cancelled(desk, old, report.cancel)
    assert isinstance(report.place, PlaceRejected | PlaceNotProcessed)
    assert desk.rows(new) == []


def needs_replace(desk: Desk) -> None:
    if not desk.can.cancel_replace:
        pytest.skip("the venue has no such call")


