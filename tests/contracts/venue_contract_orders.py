"""Part of the venue contract: placing every kind of order a venue has, and being refused."""

from decimal import Decimal
from typing import Any

import pytest
from venue_claims import check_fills, check_order
from venue_kit import Desk, case

from messages.reports import PlaceAccepted, PlaceAmbiguous, PlaceRejected
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
RESTING = (TimeInForce.GTC, TimeInForce.GTT)
ENDED = ("CANCELLED", "EXPIRED")


@case
def resting_limit_orders_are_as_asked(desk: Desk) -> None:
    for time_in_force in [one for one in RESTING if one in desk.can.times_in_force]:
        for side in Side:
            expires_at_ms = None
            if time_in_force is TimeInForce.GTT:
                expires_at_ms = (desk.clock.now_ms() // 1000 + 3600) * 1000
            row = desk.rest(side=side, time_in_force=time_in_force, expires_at_ms=expires_at_ms)

            assert (row["status"], row["type"], row["side"]) == ("OPEN", "LIMIT", side)
            assert row["timeInForce"] == time_in_force
            # In the venue's units of time and by its clock, as we know it.
            assert ends_about(row["expiresMs"], expires_at_ms)
            assert (Decimal(row["size"]), Decimal(row["price"])) == (desk.market.lot, desk.market.away(side))
            check_order(desk.can, desk.found(row).order, row)


@case
def good_till_time_where_the_venue_has_none_rests(desk: Desk) -> None:
    if TimeInForce.GTT in desk.can.times_in_force:
        pytest.skip("the venue has it")
    expires_at_ms = desk.clock.now_ms() + 3_600_000
    row = desk.rest(time_in_force=TimeInForce.GTT, expires_at_ms=expires_at_ms)

    assert (row["status"], row["timeInForce"], row["expiresMs"]) == ("OPEN", "GTC", None)


def ends_about(expires_ms: int | None, asked_ms: int | None) -> bool:
    if asked_ms is None or expires_ms is None:
        return asked_ms is expires_ms
    return asked_ms - 2_000 <= expires_ms <= asked_ms


@case
def immediate_orders_take_what_there_is_and_end(desk: Desk) -> None:
    needs(desk, TimeInForce.IOC)
    for side in Side:
        part = desk.market.lot / 2
        desk.meet(OPPOSITE[side], part, desk.market.price)
        row = desk.rest(side=side, time_in_force=TimeInForce.IOC, price=desk.market.price)

        assert row["status"] in ENDED
        assert (row["timeInForce"], Decimal(row["filledSize"])) == ("IOC", part)
        found = desk.found(row)
        check_order(desk.can, found.order, row)
        assert found.fills_complete
        check_fills(found.fills, desk.executions(row))


@case
def immediate_orders_without_a_counterparty_end(desk: Desk) -> None:
    needs(desk, TimeInForce.IOC)
    row = desk.rest(time_in_force=TimeInForce.IOC)

    assert (row["status"] in ENDED, Decimal(row["filledSize"])) == (True, 0)
    check_order(desk.can, desk.found(row).order, row)


@case
def fill_or_kill_orders_fill_whole_or_not_at_all(desk: Desk) -> None:
    needs(desk, TimeInForce.FOK)
    for side in Side:
        terms = {"side": side, "time_in_force": TimeInForce.FOK, "price": desk.market.price}
        met = desk.meet(OPPOSITE[side], desk.market.lot / 2, desk.market.price)
        killed = desk.new_id()
        ends_or_is_refused(desk, killed, desk.place(killed, **terms))
        desk.control.cancel(met["orderId"])

        desk.meet(OPPOSITE[side], desk.market.lot, desk.market.price)
        row = desk.rest(**terms)
        assert row["status"] == "FILLED"
        check_order(desk.can, desk.found(row).order, row)


@case
def market_orders_fill_and_tell_what_they_cost(desk: Desk) -> None:
    for side in Side:
        desk.meet(OPPOSITE[side], desk.market.lot, desk.market.price)
        row = desk.rest(side=side, type=OrderType.MARKET)

        assert (row["type"], row["status"], Decimal(row["size"])) == ("MARKET", "FILLED", desk.market.lot)
        found = desk.found(row)
        check_order(desk.can, found.order, row)
        assert found.fills_complete
        check_fills(found.fills, desk.executions(row))


@case
def market_orders_by_quote_size_spend_it_where_the_venue_has_them(desk: Desk) -> None:
    quote_size = desk.market.price * desk.market.lot
    terms: dict[str, Any] = {"type": OrderType.MARKET, "size": None, "quote_size": quote_size}
    if not desk.can.quote_size_market:
        is_refused_here(desk, **terms)
        return
    desk.meet(Side.SELL, desk.market.lot * 2, desk.market.price)
    row = desk.rest(**terms)

    # Where fees are part of the amount, that much less is spent on the order itself.
    fees = sum(Decimal(one["fee"]) for one in desk.executions(row) if one["feeCurrency"] == desk.market.rules["quote"])
    left = quote_size - Decimal(row["filledValue"])
    assert row["status"] == "FILLED"
    assert 0 <= left <= fees + desk.market.step * desk.market.price
    found = desk.found(row)
    check_order(desk.can, found.order, row)
    assert found.order.quote_size == quote_size
    check_fills(found.fills, desk.executions(row))


@case
def stop_orders_wait_trigger_and_fill(desk: Desk) -> None:
    stops = [kind for kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) if kind in desk.can.order_types]
    if not stops:
        pytest.skip("the venue has no stop orders")
    for kind in stops:
        for side in Side:
            triggers(desk, kind, side)


def triggers(desk: Desk, kind: OrderType, side: Side) -> None:
    """A stop of a kind rests untouched, works when the market passes its price, and fills."""
    market = desk.market
    trade(desk, market.price)
    sign = 1 if side is Side.BUY else -1
    stop_price, limit = market.price + sign * 20 * market.tick, market.price + sign * 40 * market.tick
    price = limit if kind is OrderType.STOP_LIMIT else None
    row = desk.rest(side=side, type=kind, stop_price=stop_price, price=price)
    assert (row["type"], row["status"], Decimal(row["stopPrice"])) == (kind, "OPEN", stop_price)
    assert row["price"] is None if price is None else Decimal(row["price"]) == price
    check_order(desk.can, desk.found(row).order, row)
    (listed,) = desk.open_orders()
    check_order(desk.can, listed, row)

    # Deeper than the trade that triggers it, so that it finds somebody.
    desk.meet(OPPOSITE[side], market.lot * 3, limit)
    desk.meet(side, market.lot, limit, account=desk.taker)
    ended = desk.now(row)
    assert ended["status"] == "FILLED"
    found = desk.found(ended)
    check_order(desk.can, found.order, ended)
    check_fills(found.fills, desk.executions(ended))
    desk.clear(desk.maker)


def trade(desk: Desk, price: Decimal) -> None:
    """Let two others trade at a price, so that it is the last one."""
    desk.meet(Side.SELL, desk.market.lot, price)
    desk.meet(Side.BUY, desk.market.lot, price, account=desk.taker)


@case
def post_only_orders_rest_and_never_take(desk: Desk) -> None:
    if not desk.can.post_only:
        is_refused_here(desk, post_only=True)
        return
    for side in Side:
        row = desk.rest(side=side, post_only=True)
        assert (row["status"], row["postOnly"]) == ("OPEN", True)
        check_order(desk.can, desk.found(row).order, row)

        met = desk.meet(OPPOSITE[side], desk.market.lot, desk.market.price)
        crossing = desk.new_id()
        report = desk.place(crossing, side=side, post_only=True, price=desk.market.price)
        ends_or_is_refused(desk, crossing, report)
        desk.control.cancel(met["orderId"])


@case
def reduce_only_orders_are_refused_where_the_venue_has_none(desk: Desk) -> None:
    if desk.can.reduce_only:
        pytest.skip("the venue has it")
    is_refused_here(desk, reduce_only=True)


@case
def what_the_venue_lacks_is_refused_here(desk: Desk) -> None:
    price, stop_price = desk.market.away(Side.BUY), desk.market.price + 100 * desk.market.tick
    for kind in set(OrderType) - desk.can.order_types:
        prices = {"stop_price": stop_price, "price": price if kind is OrderType.STOP_LIMIT else None}
        is_refused_here(desk, type=kind, **prices)
    for time_in_force in {TimeInForce.IOC, TimeInForce.FOK} - desk.can.times_in_force:
        is_refused_here(desk, time_in_force=time_in_force)
    if desk.can.post_only:
        is_refused_here(desk, post_only=True, type=OrderType.MARKET)


@case
def unlisted_symbols_are_refused_here(desk: Desk) -> None:
    is_refused_here(desk, symbol="NOSUCH-THING", code="unknown_symbol")


@case
def orders_beyond_the_funds_are_rejected(desk: Desk) -> None:
    if desk.can.margin:
        pytest.skip("accounts on margin are never short")
    # The venue's own bounds are wider than what is left.
    desk.withdraw(desk.market.rules["quote"], keep=Decimal(1_000))
    desk.withdraw(desk.market.rules["base"], keep=desk.market.lot)
    is_rejected(desk, side=Side.BUY, size=Decimal(1))
    is_rejected(desk, side=Side.SELL, size=desk.market.lot * 2)


@case
def orders_off_the_tick_are_rejected(desk: Desk) -> None:
    is_rejected(desk, price=desk.market.away(Side.BUY) + desk.market.tick / 2)


@case
def orders_off_the_step_are_rejected(desk: Desk) -> None:
    is_rejected(desk, size=desk.market.lot + desk.market.step / 2)


@case
def orders_below_the_minimum_are_rejected(desk: Desk) -> None:
    if Decimal(desk.market.rules["min_notional"]) == 0:
        pytest.skip("the smallest size is one step here")
    is_rejected(desk, size=desk.market.step)


@case
def placements_past_their_validity_are_never_sent(desk: Desk) -> None:
    client_id = desk.new_id()
    before = desk.placements()
    report = desk.place(client_id, valid_until_venue_ms=desk.clock.now_ms() - 1)

    assert type(report).__name__ == "PlaceNotProcessed", report
    assert report.reason == "validity_passed"
    assert (desk.placements(), desk.rows(client_id)) == (before, [])


# ----- what several cases ask


def needs(desk: Desk, time_in_force: TimeInForce) -> None:
    if time_in_force not in desk.can.times_in_force:
        pytest.skip(f"the venue has no {time_in_force}")


def is_refused_here(desk: Desk, *, code: str = "not_supported", **terms: Any) -> None:
    """A placement is refused by the adapter; nothing was sent."""
    before = desk.placements()
    client_id = desk.new_id()
    report = desk.place(client_id, **terms)

    assert isinstance(report, PlaceRejected), report
    assert (report.code, report.evidence.source) == (code, EvidenceSource.LOCAL)
    assert report.text
    assert desk.placements() == before


def is_rejected(desk: Desk, **terms: Any) -> None:
    """A placement is refused with proof and no order works: by the venue in its words, or here if it cannot be written.

    Where only a refusal's words tell a used client id from anything else, one without words proves nothing; such a
    venue may show what it refused as an order that failed.
    """
    before = desk.placements()
    client_id = desk.new_id()
    report = desk.place(client_id, **terms)

    assert desk.rows(client_id) == []
    if isinstance(report, PlaceAmbiguous):
        assert "words" in desk.can.duplicate_client_id
        assert (report.reason, report.known_to_exist) == ("rejected_or_duplicate", False)
        shown = desk.find(client_id)
        assert shown is None or (shown.status, shown.filled_size) == (PublicStatus.FAILED, 0)
        return
    assert isinstance(report, PlaceRejected), report
    here = report.evidence.source is EvidenceSource.LOCAL
    assert report.text
    assert report.code == "not_supported" if here else report.evidence.detail
    assert desk.placements() == before + (not here)


def ends_or_is_refused(desk: Desk, client_id: str, report: Any) -> None:
    """An order that could not work: refused with the venue's words, or accepted and ended; nothing of it executed."""
    if isinstance(report, PlaceRejected):
        assert (desk.rows(client_id), report.evidence.source) == ([], EvidenceSource.PLACE_ANSWER)
        assert report.text or report.code
        return
    assert isinstance(report, PlaceAccepted), report
    row = desk.row(client_id)
    assert row["status"] in (*ENDED, "REJECTED")
    assert Decimal(row["filledSize"]) == 0
    order: VenueOrder = desk.found(row).order
    check_order(desk.can, order, row)
