"""An order manager that dies by SIGKILL at a named step of booking a fill, and what leads it there.

Used by `fill_crash_child.py`, which dies, and `test_fill_kill_at_each_step.py`, which starts it and looks at what is
left. Each step has an account of its own, named like the step, on one paper venue and one server.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crash_steps import before_release, die, on_call, on_store, watch, with_order
from fill_world import EXCHANGE, PRICE, SIZE, SYMBOL, Desk, until, venue_id

from actors import Oms
from actors.runtime.committing import Stage
from actors.store.port import Section, Table
from exchanges.binance.stream import BinanceStream
from exchanges.paper.client import ControlClient
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderType, PlaceOrder, Side, SubmitOrder
from messages.commands import CancelOrder, CancelVenueOrder, ClosePosition
from messages.control import FillTimerWanted, VerificationRequested
from messages.events import FillRecorded
from messages.fills import CloseState
from messages.reports import OrderReported
from messages.types import Order, OrderState

THIRD = Decimal("0.00333")
TIMEOUT_MS = 300
HELD_MS = 500
"""How long a claim is held back before the order is read again: `bufferWindowMs`."""
CHEAP, DEAR = Decimal(41000), Decimal(42000)
"""Where positions are opened, and where somebody buys them: the closes of other steps never meet an opening."""

Arm = Callable[[Oms, ControlClient], None]
Act = Callable[[Desk, str], object]


@dataclass(frozen=True)
class Step:
    """How an order manager that is not started yet is prepared to die, and what it does then."""

    arm: Arm
    act: Act
    management: dict[str, Any] = field(default_factory=dict)


# ----- what is done


def fill(desk: Desk, account: str, **terms: Any) -> Order:
    """Place an order and have a part of it filled."""
    order = desk.place(account, **terms)
    desk.control.execute(venue_id(order), size=THIRD)
    return desk.filled(order, THIRD)


def fill_before_answer(desk: Desk, account: str) -> None:
    """Place an order, which is filled before that is answered."""
    command = SubmitOrder(
        account_id=account, exchange=EXCHANGE, symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT,
        size=SIZE, price=PRICE,
    )  # fmt: skip
    desk.oms.submit(command)


def cancel_with_a_fill_unseen(desk: Desk, account: str) -> None:
    """Cancel an order that fills in part just before, with the stream silent: the answer tells of a fill unseen."""
    order = desk.place(account)
    desk.control.silence_streams(60_000, account)
    during = Fault.PARTIAL_FILL_DURING_CANCEL
    desk.control.add_fault(
        FaultRule(fault=during, kind=RequestKind.CANCEL, client_order_id=order.client_order_id)
    )
    desk.oms.submit(CancelOrder(account_id=account, order_id=order.order_id))


def trade_by_hand(desk: Desk, account: str) -> None:
    """Trade past us on a symbol where we have an order, with the stream silent: the audit finds the execution."""
    desk.place(account)
    desk.control.silence_streams(60_000, account)
    row = desk.control.place(account, "by-hand", symbol=SYMBOL, side=Side.SELL, size=SIZE, price=PRICE)
    desk.control.execute(row["orderId"])


def stop_filling(desk: Desk, account: str) -> None:
    """Have an order filled in part and no further, so that its timeout strikes."""
    fill(desk, account, fill_timeout_ms=TIMEOUT_MS)


def close(desk: Desk, account: str) -> None:
    """Close a position."""
    order = desk.place(account, price=CHEAP)
    desk.control.execute(venue_id(order))
    desk.settled(order, OrderState.FILLED)
    desk.oms.submit(ClosePosition(account_id=account, exchange=EXCHANGE, symbol=SYMBOL))


# ----- where it dies


def _before_the_frame_is_read(_oms: Oms, _control: ControlClient) -> None:
    read = BinanceStream.read

    def dying(stream: BinanceStream, frame: bytes, received_ms: int) -> Any:
        if b'"x":"TRADE"' in frame:
            die()
        return read(stream, frame, received_ms)

    BinanceStream.read = dying  # type: ignore[method-assign]


def _at_message(concerns: Callable[[str, Any], bool]) -> Arm:
    def arm(oms: Oms, _: ControlClient) -> None:
        tell = oms.runtime.system.tell

        def dying(address: str, message: Any) -> bool:
            if concerns(address, message):
                die()
            return tell(address, message)

        oms.runtime.system.tell = dying  # type: ignore[method-assign]

    return arm


def _before_the_event(oms: Oms, _: ControlClient) -> None:
    heard = oms._on_event
    oms._on_event = lambda event: die() if isinstance(event, FillRecorded) else heard(event)  # type: ignore[method-assign]


class _FilledBeforeTheAnswer:
    """A `VenueClient` whose placement is filled before it is answered, and that dies with the answer in its hand."""

    def __init__(self, inner: Any, control: ControlClient, booked: threading.Event) -> None:
        self._inner = inner
        self._control = control
        self._booked = booked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, request: Any) -> Any:
        if not isinstance(request, PlaceOrder):
            return self._inner.execute(request)
        before = Fault.FILL_BEFORE_ACK
        self._control.add_fault(
            FaultRule(fault=before, kind=RequestKind.PLACE, client_order_id=request.client_order_id, amount_ms=300)
        )
        self._inner.execute(request)
        until(self._booked.is_set, "the fill to be written before the answer is delivered")
        return die()


def _between_the_fill_and_the_answer(oms: Oms, control: ControlClient) -> None:
    found, booked = oms.runtime.venues.gateway_of, threading.Event()
    watch(oms, _with_fill, booked)

    def wrapped(account_id: str, exchange: str) -> Any:
        gateway: Any = found(account_id, exchange)
        gateway._client = _FilledBeforeTheAnswer(gateway._client, control, booked)
        return gateway

    oms.runtime.venues.gateway_of = wrapped  # type: ignore[method-assign]


def _with_fill(section: Section) -> bool:
    return _holds(section, Table.FILLS)


def _with_parked(section: Section) -> bool:
    return _holds(section, Table.PARKED)


def _with_explained(section: Section) -> bool:
    return any(write.table is Table.PARKED and write.value is None for write in section.writes)


def _with_close(section: Section) -> bool:
    return _holds(section, Table.CLOSES) and CloseState.ACTIVE.value.encode() in _values(section, Table.CLOSES)


def _with_close_ended(section: Section) -> bool:
    return _holds(section, Table.CLOSES) and CloseState.DONE.value.encode() in _values(section, Table.CLOSES)


def _holds(section: Section, table: Table) -> bool:
    return any(write.table is table and write.value is not None for write in section.writes)


def _values(section: Section, table: Table) -> bytes:
    return b"".join(write.value or b"" for write in section.writes if write.table is table)


def _told_to_the_account(address: str, message: Any) -> bool:
    return isinstance(message, OrderReported) and message.fill is not None


def _staged(address: str, message: Any) -> bool:
    return isinstance(message, Stage) and _with_fill(message.section)


def _effect_of_the_fill(address: str, message: Any) -> bool:
    return isinstance(message, FillTimerWanted)


def _held_back(address: str, message: Any) -> bool:
    return isinstance(message, VerificationRequested) and message.due_in_ms == HELD_MS


def _struck(order: Order) -> bool:
    return order.timed_out_ms is not None


def _cancel(request: Any) -> bool:
    return isinstance(request, CancelVenueOrder)


def _closing(request: Any) -> bool:
    return isinstance(request, PlaceOrder) and request.side is Side.SELL


STEPS: dict[str, Step] = {
    "frame_not_read": Step(_before_the_frame_is_read, fill),
    "frame_read_not_told": Step(_at_message(_told_to_the_account), fill),
    "fill_taken_not_staged": Step(_at_message(_staged), fill),
    "fill_staged_not_written": Step(on_store(_with_fill, after=False), fill),
    "fill_written_answer_not_seen": Step(on_store(_with_fill, after=True), fill),
    "fill_committed_not_released": Step(before_release(_with_fill), fill),
    "fill_released_not_published": Step(_before_the_event, fill),
    "fill_published_effects_not_told": Step(_at_message(_effect_of_the_fill), fill),
    "fill_written_placement_not_answered": Step(_between_the_fill_and_the_answer, fill_before_answer),
    "claim_held_back": Step(_at_message(_held_back), cancel_with_a_fill_unseen),
    "fill_found_again_not_written": Step(on_store(_with_fill, after=False), cancel_with_a_fill_unseen),
    "stray_not_parked": Step(on_store(_with_parked, after=False), trade_by_hand),
    "stray_parked": Step(on_store(_with_parked, after=True), trade_by_hand),
    "stray_explained_not_written": Step(on_store(_with_explained, after=False), trade_by_hand),
    "stray_explained_answer_not_seen": Step(on_store(_with_explained, after=True), trade_by_hand),
    "timeout_not_written": Step(on_store(with_order(_struck), after=False), stop_filling),
    "timeout_cancel_not_sent": Step(on_call("before", _cancel), stop_filling),
    "timeout_cancel_answer_not_delivered": Step(on_call("after", _cancel), stop_filling),
    "close_not_written": Step(on_store(_with_close, after=False), close),
    "close_order_not_sent": Step(on_call("before", _closing), close),
    "close_order_answer_not_delivered": Step(on_call("after", _closing), close),
    "close_end_not_written": Step(on_store(_with_close_ended, after=False), close),
}
"""By name."""
