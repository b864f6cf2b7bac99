"""The account's side of positions: their actors, the orders that close them, and what the venue holds of them.

The position actor decides when a close runs; here its order is placed, in one turn that sees every fill and every
order before it, so that a close can never be for more than there is. Must never: place a close beyond the position as
it is at the commit.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from actors.admission import Circumstances, submit
from actors.commanding import cancel
from actors.desk import Desk
from actors.domain.arithmetic import plain
from actors.domain.lifecycle import TERMINAL
from actors.domain.positions import closable, moved
from actors.domain.rules import largest_size
from actors.memory import AccountMemory
from actors.turn import Turn
from messages.base import copied
from messages.commands import CancelOrder, ClosePosition, SubmitOrder
from messages.control import (
    CancelClose,
    CloseAsked,
    CloseBegun,
    CloseEnded,
    CloseNotBegun,
    HoldingCompared,
    HoldingReported,
    PlaceClose,
)
from messages.events import PositionCloseEnded, Severity
from messages.fills import CloseState, Position, PositionClose
from messages.queries import CloseDone, RefusalCode
from messages.reports import BalancesFetched
from messages.types import ZERO, InitiatedBy, Order, OrderType, Side

REQUEST: Final = "close:"
"""Begins the request id of a close's order, so that asking for the same close again finds the same order."""


# ----- closing


def ask_close(turn: Turn, desk: Desk, command: ClosePosition) -> None:
    """Hand a host's wish to the position, which knows whether a close runs already."""
    position = turn.memory.positions.get((command.exchange, command.symbol))
    known = turn.memory.closes.get(command.message_id)
    if known is not None and known.state is not CloseState.ACTIVE:
        # The same command once more, after its end: nothing is left to do but to say how it ended.
        turn.reply(CloseDone(correlation_id=command.correlation_id, close=known))
    elif command.exchange not in desk.policy.exchanges:
        have = ", ".join(sorted(desk.policy.exchanges)) or "none"
        text = f"account {command.account_id!r} has no exchange {command.exchange!r}; it has: {have}"
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text)
    elif command.quantity is not None and not (command.quantity.is_finite() and command.quantity > ZERO):
        text = f"quantity is {command.quantity}; it must be above 0, whatever the direction of the position, or None"
        turn.refuse(command.correlation_id, RefusalCode.INVALID_ORDER, text, fields=("quantity",))
    elif position is None or not position.size:
        text = f"there is no position in {command.symbol!r} on {command.exchange}"
        turn.refuse(command.correlation_id, RefusalCode.NO_POSITION, text)
    else:
        turn.tell_position(command.exchange, command.symbol, CloseAsked(command=command))


def place_close(turn: Turn, desk: Desk, message: PlaceClose, now: Circumstances) -> None:
    """Place the order of a close: for no more than the position is now."""
    command = message.command
    known = turn.memory.closes.get(message.close_id)
    if known is not None:
        told = CloseBegun if known.state is CloseState.ACTIVE else CloseEnded
        turn.tell_position(command.exchange, command.symbol, told(close=known))
        return
    other = next(running(turn.memory, command.exchange, command.symbol), None)
    size = None if other is not None else _size(turn, command)
    if other is not None:
        # Begun by a position actor that is no more, before this one could be told of it.
        text = f"close {other.close_id} of this position, initiated by {other.initiated_by.value}, is in progress"
        turn.refuse(command.correlation_id, RefusalCode.CLOSE_IN_PROGRESS, text)
    elif size is not None:
        order = _submit(turn, desk, message, size, now)
        if order is not None:
            _begin(turn, message, order)
            return
    turn.tell_position(command.exchange, command.symbol, CloseNotBegun(close_id=message.close_id))


def _size(turn: Turn, command: ClosePosition) -> Decimal | None:
    place = (command.exchange, command.symbol)
    position, instrument = turn.memory.positions.get(place), turn.memory.instruments.get(place)
    if position is None or instrument is None:
        text = f"{command.exchange} lists no symbol {command.symbol!r}, or its rules were never loaded"
        turn.refuse(command.correlation_id, RefusalCode.INSTRUMENT_UNKNOWN, text)
        return None
    there = closable(position, instrument.base)
    wanted = there if command.quantity is None else command.quantity
    size = largest_size(wanted, OrderType.MARKET, instrument)
    if wanted > there or size is None:
        turn.refuse(
            command.correlation_id, RefusalCode.NO_POSITION,
            f"{plain(wanted)} {instrument.base} are to be closed, {plain(there)} can be"
            + ("" if size is not None else "; that is less than the venue's smallest market order"),
            rule="position", limit=plain(there), actual=plain(wanted),
        )  # fmt: skip
        return None
    return size


def _submit(turn: Turn, desk: Desk, message: PlaceClose, size: Decimal, now: Circumstances) -> Order | None:
    command = message.command
    position = turn.memory.positions[command.exchange, command.symbol]
    request_id = f"{REQUEST}{message.close_id}"
    submit(
        turn,
        SubmitOrder(
            account_id=command.account_id,
            exchange=command.exchange,
            symbol=command.symbol,
            side=Side.SELL if position.size > ZERO else Side.BUY,
            type=OrderType.MARKET,
            size=size,
            reduce_only=desk.policy.exchanges[command.exchange].capabilities.reduce_only,
            request_id=request_id,
            initiated_by=command.initiated_by,
            reply_when="committed",
        ),
        desk.policy,
        now,
    )
    for _, order in turn.changed_orders():
        if order.request_id == request_id and order.state not in TERMINAL:
            return order
    refusal = turn.refusal
    if refusal is not None:
        turn.reply(copied(refusal, correlation_id=command.correlation_id))
    else:
        text = f"{command.exchange} takes no new orders on {command.symbol}: its recent history is not merged yet"
        turn.refuse(command.correlation_id, RefusalCode.GATE_CLOSED, text)
    return None


def _begin(turn: Turn, message: PlaceClose, order: Order) -> None:
    close = PositionClose(
        close_id=message.close_id,
        account_id=order.account_id,
        exchange=order.exchange,
        symbol=order.symbol,
        asked=message.command.quantity,
        size=order.size,
        order_id=order.order_id,
        initiated_by=message.command.initiated_by,
        started_ms=turn.now_ms,
    )
    turn.save_close(close)
    turn.tell_position(order.exchange, order.symbol, CloseBegun(close=close))


def cancel_close(turn: Turn, desk: Desk, message: CancelClose) -> None:
    """The time of a close is over: cancel its order; the close ends when that is settled."""
    close = turn.memory.closes.get(message.close_id)
    if close is None or close.state is not CloseState.ACTIVE or close.cancelling:
        return
    turn.save_close(replace(close, cancelling=True))
    cancel(
        turn,
        desk,
        CancelOrder(account_id=close.account_id, order_id=close.order_id, initiated_by=InitiatedBy.SYSTEM),
    )


def follow(turn: Turn) -> None:
    """End every close whose order ends in this turn."""
    for _, order in turn.changed_orders():
        close_id = turn.memory.closing.get(order.order_id)
        if close_id is None or order.state not in TERMINAL:
            continue
        close = turn.close(close_id)
        short = order.filled_size < close.size
        ended = replace(
            close,
            state=CloseState.TIMED_OUT if short and close.cancelling else CloseState.DONE,
            closed_size=order.filled_size,
            reason=(order.reason_text or order.reason) if short else "",
            ended_ms=turn.now_ms,
        )
        turn.save_close(ended)
        turn.event(PositionCloseEnded(account_id=turn.account_id, close=ended))
        turn.tell_position(order.exchange, order.symbol, CloseEnded(close=ended))


def running(memory: AccountMemory, exchange: str, symbol: str) -> Iterator[PositionClose]:
    """The closes of a position whose orders have not ended; one, unless a store was tampered with."""
    for close_id in memory.closing.values():
        close = memory.closes[close_id]
        if (close.exchange, close.symbol) == (exchange, symbol):
            yield close


def announce(turn: Turn) -> None:
    """After a start, tell the positions whose closes run of them."""
    for close_id in turn.memory.closing.values():
        close = turn.memory.closes[close_id]
        turn.tell_position(close.exchange, close.symbol, CloseBegun(close=close))


# ----- comparing with the venue


def tell_holdings(turn: Turn, report: BalancesFetched) -> None:
    """Tell every position of an exchange what the venue holds of its base asset, and what our fills have moved."""
    positions = [position for place, position in turn.memory.positions.items() if place[0] == report.exchange]
    totals = {asset: total for asset, total, _ in report.balances}
    booked = sum(position.fill_count for position in positions)
    for position in positions:
        instrument = turn.memory.instruments.get((position.exchange, position.symbol))
        if instrument is None:
            continue
        flow = moved(instrument.base, positions, turn.memory.assets_of)
        if flow is not None:
            turn.tell_position(
                position.exchange,
                position.symbol,
                HoldingReported(
                    position=position,
                    asset=instrument.base,
                    total=totals.get(instrument.base, ZERO),
                    moved=flow,
                    fills_booked=booked,
                ),
            )


def on_compared(turn: Turn, message: HoldingCompared) -> None:
    """Record what the comparison of a position with the venue has found, and tell of a difference."""
    position = turn.position(message.exchange, message.symbol)
    if position is None:
        return
    turn.save_position(copied(position, unexplained=message.unexplained, drift=message.drift))
    if message.drift and message.drift != position.drift:
        _tell_drift(turn, position, message)


def _tell_drift(turn: Turn, position: Position, message: HoldingCompared) -> None:
    turn.alert(
        "PositionDrift",
        Severity.WARNING,
        f"{position.exchange} holds {plain(message.total)} {message.asset}, our fills say {plain(message.expected)}",
        exchange=position.exchange,
        symbol=position.symbol,
        asset=message.asset,
        at_venue=plain(message.total),
        expected=plain(message.expected),
    )
