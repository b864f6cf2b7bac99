"""A stream that lives and swallows frames: the audit by REST finds every execution, of our orders and of others.

An execution of an order that nobody explains yet is parked in the store, survives a restart, and is booked with its
order once the venue shows that.
"""

from decimal import Decimal
from pathlib import Path

from fill_world import EXCHANGE, PRICE, SIZE, SYMBOL, Desk, FillVenue, differences, until, venue_id

from actors.store.port import Table
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import Side
from messages.codec import decode_record
from messages.events import StreamHealthChanged
from messages.fills import FillSource, ParkedFill
from messages.types import OrderState

THIRD = Decimal("0.00333")
AUDITS_UNTIL_KNOWN = 2
"""One may be under way when the venue executes; the next one sees it."""


def audits(desk: Desk) -> int:
    """Lists of executions that the venue was asked for since the venue runs."""
    return int(desk.control.summary()["requests"].get(RequestKind.TRADES, 0))


def test_execution_that_the_stream_swallows_is_known_within_one_audit(fill_venue: FillVenue, tmp_path: Path) -> None:
    fill_venue.open_account("swallowed")
    with fill_venue.trading(tmp_path, "swallowed") as desk:
        order = desk.place("swallowed")
        desk.control.set_faults(FaultRule(fault=Fault.FRAME_DROP))
        for number in (1, 2):
            asked = audits(desk)
            desk.control.execute(venue_id(order), size=THIRD)
            desk.filled(order, number * THIRD)
            assert audits(desk) - asked <= AUDITS_UNTIL_KNOWN

        assert desk.order("swallowed", order.order_id).state is OrderState.PARTIALLY_FILLED
        booked = desk.oms.views("swallowed").fills[order.order_id]
        assert [fill.source for fill in booked] == [FillSource.RECONCILE] * 2
        assert differences(desk, "swallowed") == []
        # The connection and its heartbeats were fine all the time.
        lost = [each for each in desk.heard if isinstance(each, StreamHealthChanged) and not each.connected]
        assert lost == []


def test_order_by_hand_that_fills_while_the_stream_swallows_it_counts_in_the_position(
    fill_venue: FillVenue, tmp_path: Path
) -> None:
    fill_venue.open_account("by-hand")
    with fill_venue.trading(tmp_path, "by-hand") as desk:
        desk.place("by-hand")
        desk.control.set_faults(FaultRule(fault=Fault.FRAME_DROP))
        asked = audits(desk)
        number = execute_by_hand(desk, "by-hand")

        until(lambda: desk.position("by-hand"), "the position")

        # Two audits, and the look-up of the order that the execution belongs to.
        assert audits(desk) - asked <= AUDITS_UNTIL_KNOWN + 1
        (foreign,) = (each for each in desk.oms.views("by-hand").orders.values() if each.venue_order_id == number)
        assert (foreign.external, foreign.state) == (True, OrderState.FILLED)
        assert differences(desk, "by-hand") == []
        desk.control.set_faults()


def execute_by_hand(desk: Desk, account: str) -> str:
    """Have an order placed past us and filled; returns its number at the venue."""
    row = desk.control.place(account, "by-hand-1", symbol=SYMBOL, side=Side.SELL, size=SIZE, price=PRICE)
    desk.control.execute(row["orderId"])
    return str(row["orderId"])


def test_execution_of_an_unexplained_order_is_parked_over_a_restart_until_it_is(
    fill_venue: FillVenue, tmp_path: Path
) -> None:
    fill_venue.open_account("parked")
    # Neither a look-up nor the history shows whose the execution is.
    unexplained = [FaultRule(fault=Fault.ERROR_BEFORE, kind=kind) for kind in (RequestKind.ORDER, RequestKind.ORDERS)]
    with fill_venue.trading(tmp_path, "parked") as desk:
        desk.place("parked")
        desk.control.set_faults(FaultRule(fault=Fault.FRAME_DROP), *unexplained)
        number = execute_by_hand(desk, "parked")

        (waiting,) = until(lambda: parked(desk, "parked"), "the execution to be parked")

        assert (waiting.fill.venue_order_id, waiting.fill.size) == (number, SIZE)
        assert desk.position("parked") is None

    with fill_venue.trading(tmp_path, "parked") as desk:
        assert parked(desk, "parked") == [waiting]
        assert desk.position("parked") is None
        desk.control.set_faults(FaultRule(fault=Fault.FRAME_DROP))

        until(lambda: not parked(desk, "parked"), "the execution to be booked")

        position = until(lambda: desk.position("parked"), "the position")
        assert (position.exchange, position.size, position.fill_count) == (EXCHANGE, -SIZE, 1)
        assert differences(desk, "parked") == []


def parked(desk: Desk, account: str) -> list[ParkedFill]:
    """What is parked in the store."""
    records = desk.oms.runtime.store.load(account).get(Table.PARKED, {})
    return [decode_record(ParkedFill, raw) for raw in records.values()]
