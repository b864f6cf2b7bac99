"""The time from execution to booking, as the drill reports it."""

import time
from typing import Any

from factories import make

from actors.app.bookings import Bookings, Spread
from messages.events import FillRecorded
from messages.fills import Fill, FillSource


def booked(bookings: Bookings, number: int, source: FillSource) -> None:
    fill = make(Fill, fill_id=f"f{number}", account_id="a", venue_order_id="v41", source=source)
    bookings.listen(make(FillRecorded, fill=fill))


def execution(number: int, at_ms: int) -> dict[str, Any]:
    row = {"account": "a", "symbol": "BTC-USDT", "orderId": 41, "venueOrderId": "v41", "tradeId": number}
    return row | {"fillId": f"f{number}", "atMs": at_ms}


def test_spreads_tell_sources_apart_and_leave_out_what_cannot_be_measured() -> None:
    bookings = Bookings()
    executed_ms = time.time_ns() // 1_000_000 - 60_000
    for number in (1, 2, 3):
        booked(bookings, number, FillSource.STREAM)
    booked(bookings, 4, FillSource.RECONCILE)
    ahead, not_booked = execution(3, executed_ms + 3_600_000), execution(5, executed_ms)
    rows = [execution(number, executed_ms) for number in (1, 2, 4)]

    spreads = bookings.spreads([*rows, ahead, not_booked])

    assert list(spreads) == [FillSource.STREAM, FillSource.RECONCILE]
    assert [spread.count for spread in spreads.values()] == [2, 1]
    assert all(60_000 <= spread.p50 <= spread.p95 <= spread.max for spread in spreads.values())


def test_spread_of_a_booking_told_twice_is_that_of_the_first() -> None:
    bookings = Bookings()
    booked(bookings, 1, FillSource.REST)
    booked(bookings, 1, FillSource.STREAM)

    assert list(bookings.spreads([execution(1, 0)])) == [FillSource.REST]
    assert isinstance(bookings.spreads([execution(1, 0)])[FillSource.REST], Spread)
