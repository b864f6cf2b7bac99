"""The account's side of positions: their actors, the orders that close them, and what the venue holds of them.

The position actor decides when a close runs; here its order is placed, in one turn that sees every fill and every
order before it, so that a close can never be for more than there is. Must never: place a close beyond the position as
it is at the commit.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from actors import askers
from actors.admission import Circumstances, closed_for, submit
from actors.commanding import cancel, refused_late
from actors.desk import Desk
from actors.domain.arithmetic import apart_by, plain
from actors.domain.lifecycle import TERMINAL
from actors.domain.positions import moved, unreserved
from actors.domain.rules import check_close, largest_size
from actors.memory import AccountMemory, runs
from actors.notes import Uncompared
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
from messages.queries import CloseDone, RefusalCode, Refused
from messages.reports import BalancesFetched
from messages.types import ZERO, InitiatedBy, Order, OrderState, OrderType, Side

REQUEST: Final = "close:"
"""Begins the request id of a close's order, so that asking for the same close again finds the same order."""


_NAMED_MAX: Final = 10
"""Orders that a refusal names; of more it says how many."""


# ----- closing


def ask_close(turn: Turn, desk: Desk, command: ClosePosition, now: Circumstances) -> None:
    """Hand a host's wish to the position, which knows whether a close runs already."""
    wrong = check_close(command)
    if wrong is not None:
        turn.refuse(command.correlation_id, wrong.code, wrong.text, fields=(wrong.rule,))
        return
    command = copied(command, message_id=command.message_id or command.correlation_id)
    known = turn.memory.closes.get(command.message_id)
    conflict = _conflict(turn, command, known)
    obstacle = _obstacle(turn, desk, command, now)
    if conflict is not None:
        turn.refuse(command.correlation_id, conflict.code, conflict.text, fields=conflict.fields)
    elif known is not None and not runs(known):
        # The same command once more, after its end: nothing is left to do but to say how it ended.
        turn.reply(CloseDone(correlation_id=command.correlation_id, close=known))
    elif known is None and obstacle is not None and not askers.awaited(turn, command.message_id):
        turn.refuse(command.correlation_id, *obstacle)
    else:
        askers.note(turn, command, command.message_id)
        turn.tell_position(command.exchange, command.symbol, CloseAsked(command=command))


def _conflict(turn: Turn, command: ClosePosition, known: PositionClose | None) -> Refused | None:
    # One id means one close: whoever uses it for another one must not be given the end of the first.
    asked = (command.exchange, command.symbol, command.quantity)
    others = [(each.exchange, each.symbol, each.quantity) for each in askers.commands(turn, command.message_id)]
    if known is not None:
        others.append((known.exchange, known.symbol, known.asked))
    names = ("exchange", "symbol", "quantity")
    fields = [name for other in others for name, mine, its in zip(names, asked, other, strict=True) if mine != its]
    if not fields:
        return None
    different = tuple(dict.fromkeys(fields))
    text = f"message id {command.message_id!r} was used for a different close; different: {', '.join(different)}"
    return Refused(code=RefusalCode.IDEMPOTENCY_CONFLICT, text=text, fields=different)


def _obstacle(turn: Turn, desk: Desk, command: ClosePosition, now: Circumstances) -> tuple[RefusalCode, str] | None:
    if command.exchange not in desk.policy.exchanges:
        return RefusalCode.UNKNOWN_EXCHANGE, desk.policy.no_such_exchange(command.account_id, command.exchange)
    closed = closed_for(command.exchange, desk.policy, now)
    position = turn.memory.positions.get((command.exchange, command.symbol))
    if closed is not None or (position is not None and position.size):
        return closed
    unknown = now.unknown(turn, command.exchange, command.symbol)
    if unknown:
        return RefusalCode.GATE_CLOSED, _not_known(command, unknown)
    return RefusalCode.NO_POSITION, f"there is no position in {command.symbol!r} on {command.exchange}"


def _not_known(command: ClosePosition, unknown: str) -> str:
    return f"nobody knows yet what is held of {command.symbol!r} on {command.exchange}: {unknown}"


def place_close(turn: Turn, desk: Desk, message: PlaceClose, now: Circumstances) -> None:
    """Place the order of a close: for no more than the position is now."""
    known = turn.memory.closes.get(message.close_id)
    if known is not None:
        _tell_known(turn, message, known)
        return
    # What is refused here is for everybody who waits for the close, not for the one command.
    command = copied(message.command, correlation_id="")
    other = next(running(turn.memory, command.exchange, command.symbol), None)
    size = None
    if other is not None:
        # Begun by a position actor that is no more, or by an order that works after all.
        text = f"close {other.close_id} of this position, initiated by {other.initiated_by.value}, is in progress"
        turn.refuse("", RefusalCode.CLOSE_IN_PROGRESS, text)
    elif not refused_late(turn, desk.policy, command):
        size = _size(turn, command, now)
    order = None if size is None else _submit(turn, desk, message, size, now)
    if order is not None:
        _begin(turn, message, order)
        return
    if turn.refusal is not None:
        askers.tell_refusal(turn, message.close_id, turn.refusal)
    turn.tell_position(command.exchange, command.symbol, CloseNotBegun(close_id=message.close_id))


def _tell_known(turn: Turn, message: PlaceClose, known: PositionClose) -> None:
    command = message.command
    conflict = _conflict(turn, command, known)
    if conflict is not None:
        askers.refuse(turn, command, conflict)
        turn.tell_position(command.exchange, command.symbol, CloseNotBegun(close_id=message.close_id))
    elif runs(known):
        turn.tell_position(command.exchange, command.symbol, CloseBegun(close=known))
    else:
        askers.tell_end(turn, known)
        turn.tell_position(command.exchange, command.symbol, CloseEnded(close=known))


def _size(turn: Turn, command: ClosePosition, now: Circumstances) -> Decimal | None:
    place = (command.exchange, command.symbol)
    position, instrument = turn.memory.positions.get(place), turn.memory.instruments.get(place)
    if position is None or instrument is None:
        text = f"{command.exchange} lists no symbol {command.symbol!r}, or its rules were never loaded"
        turn.refuse("", RefusalCode.INSTRUMENT_UNKNOWN, text)
        return None
    closers = _closers(turn, position)
    if position.exchange in turn.memory.margin and not _is_sure(turn, command, position, now):
        return None
    free = unreserved(position, closers)
    if free is None:
        text = f"nobody knows how much of the position {_named(closers)} will close: they are for a quote quantity"
        turn.refuse("", RefusalCode.NO_POSITION, text, rule="position")
        return None
    wanted = free if command.quantity is None else command.quantity
    size = largest_size(wanted, OrderType.MARKET, instrument)
    if wanted <= free and size is not None:
        return size
    unknown = "" if closers else now.unknown(turn, *place)
    if unknown:
        turn.refuse("", RefusalCode.GATE_CLOSED, _not_known(command, unknown))
        return None
    asked = position.size.copy_abs() if command.quantity is None else wanted
    turn.refuse(
        "", RefusalCode.NO_POSITION,
        f"{plain(asked)} {instrument.base} are to be closed, {plain(free)} can be"
        + (f", for the rest is held by {_named(closers)}" if closers else "")
        + ("" if size is not None else "; that is less than the venue's smallest market order"),
        rule="position", limit=plain(free), actual=plain(asked),
    )  # fmt: skip
    return None


def _is_sure(turn: Turn, command: ClosePosition, position: Position, now: Circumstances) -> bool:
    # On margin, an order for more than is held opens a position on the other side, and nothing at the venue prevents
    # it: what may have executed already is waited for, and what the venue was found to hold counts.
    unknown = now.unknown(turn, position.exchange, position.symbol)
    if unknown:
        turn.refuse("", RefusalCode.GATE_CLOSED, _not_known(command, unknown))
    elif position.drift:
        held = position.size + position.drift
        ours = plain(position.size)
        text = f"the venue holds {plain(held)} {position.symbol}, our fills say {ours}: nothing is closed"
        turn.refuse("", RefusalCode.NO_POSITION, text, rule="position", limit=plain(held), actual=ours)
    return not (unknown or position.drift)


def _closers(turn: Turn, position: Position) -> list[Order]:
    # Orders that may execute against the position, and those of which nobody knows whether they will.
    return [
        order
        for order in turn.memory.live_orders(position.exchange)
        if order.symbol == position.symbol
        and order.side is _closing_side(position)
        and order.state is not OrderState.DRAFT
    ]


def _closing_side(position: Position) -> Side:
    return Side.SELL if position.size > ZERO else Side.BUY


def _named(orders: list[Order]) -> str:
    names = ", ".join(order.order_id for order in orders[:_NAMED_MAX])
    return f"orders {names}" + (f" and {len(orders) - _NAMED_MAX} more" if len(orders) > _NAMED_MAX else "")


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
            side=_closing_side(position),
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
    if turn.refusal is None:
        text = f"{command.exchange} takes no new orders on {command.symbol}: its recent history is not merged yet"
        turn.refuse("", RefusalCode.GATE_CLOSED, text)
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
    if close is None or not runs(close) or close.cancelling:
        return
    turn.save_close(replace(close, cancelling=True))
    cancel(
        turn,
        desk,
        CancelOrder(account_id=close.account_id, order_id=close.order_id, initiated_by=InitiatedBy.SYSTEM),
    )


def follow(turn: Turn) -> None:
    """End every close whose order ends in this turn, and correct those whose order was held for dead and was not."""
    for _, order in turn.changed_orders():
        close_id = turn.memory.close_of.get(order.order_id)
        if close_id is None:
            continue
        before = turn.close(close_id)
        after = _as_its_order(before, order, turn.now_ms)
        if after == before:
            continue
        turn.save_close(after)
        if before.state is CloseState.ACTIVE:
            turn.event(PositionCloseEnded(account_id=turn.account_id, close=after))
        else:
            _tell_correction(turn, after)
        if runs(after):
            turn.tell_position(order.exchange, order.symbol, CloseBegun(close=after))
        elif runs(before):
            askers.tell_end(turn, after)
            turn.tell_position(order.exchange, order.symbol, CloseEnded(close=after))


def _as_its_order(close: PositionClose, order: Order, now_ms: int) -> PositionClose:
    if order.state not in TERMINAL:
        if close.state is CloseState.ACTIVE:
            return close
        # The cancel that its time may have led to is settled, unless it was asked again with the order's return.
        cancelling = close.cancelling and order.cancel_pending
        return replace(close, reopened=True, cancelling=cancelling, closed_size=order.filled_size)
    short = order.filled_size < close.size
    return replace(
        close,
        state=CloseState.TIMED_OUT if short and close.cancelling else CloseState.DONE,
        closed_size=order.filled_size,
        reason=(order.reason_text or order.reason) if short else "",
        ended_ms=now_ms if close.ended_ms is None else close.ended_ms,
        reopened=False,
    )


def _tell_correction(turn: Turn, close: PositionClose) -> None:
    text = "the order of a close whose end was told " + ("works after all" if close.reopened else "did otherwise")
    turn.alert(
        "CloseCorrected", Severity.CRITICAL, text,
        close_id=close.close_id, order_id=close.order_id, symbol=close.symbol, closed=plain(close.closed_size),
    )  # fmt: skip


def running(memory: AccountMemory, exchange: str, symbol: str) -> Iterator[PositionClose]:
    """The closes of a position whose orders may work: one, or one more whose order was held for dead."""
    for close_id in memory.closing.values():
        close = memory.closes[close_id]
        if (close.exchange, close.symbol) == (exchange, symbol):
            yield close


def announce(turn: Turn) -> None:
    """After a start, tell the positions whose closes run of them."""
    for close_id in turn.memory.closing.values():
        close = turn.memory.closes[close_id]
        if close.exchange not in turn.memory.unserved:
            turn.tell_position(close.exchange, close.symbol, CloseBegun(close=close))


# ----- comparing with the venue


def tell_holdings(turn: Turn, report: BalancesFetched, comparable: Collection[str]) -> None:
    """Tell every position of an exchange that can be compared what the venue holds of its base asset, or its net
    position in the contract, and what our fills have moved. A position that cannot be compared at all as things are is
    told to the operators. `comparable`: of what the venue holds, what may be compared at this moment.
    """
    positions = [position for place, position in turn.memory.positions.items() if place[0] == report.exchange]
    totals = {asset: total for asset, total, _ in report.balances}
    booked = sum(position.fill_count for position in positions)
    uncompared = set()
    for position in positions:
        asset = turn.memory.held_as(position.exchange, position.symbol)
        flow = None if asset is None else _flow(turn, position, positions, asset)
        if asset is None or flow is None:
            uncompared.add(position.symbol)
        elif asset in comparable:
            position = _with_baseline(turn, position, positions, asset)  # noqa: PLW2901
            turn.tell_position(
                position.exchange,
                position.symbol,
                HoldingReported(
                    position=position,
                    asset=asset,
                    total=totals.get(asset, ZERO),
                    moved=flow,
                    fills_booked=booked,
                ),
            )
    _tell_uncompared(turn, report.exchange, frozenset(uncompared))


def _flow(turn: Turn, position: Position, positions: list[Position], asset: str) -> Decimal | None:
    if position.exchange in turn.memory.margin:
        # Nothing moves a position in a contract but its own executions; fees are cash.
        return position.size
    return moved(asset, positions, turn.memory.assets_of)


def _tell_uncompared(turn: Turn, exchange: str, symbols: frozenset[str]) -> None:
    told = turn.memory.uncompared.get(exchange, frozenset())
    if not any(name == exchange for name, _ in turn.memory.instruments):
        return
    turn.note(Uncompared(exchange, symbols))
    if symbols - told:
        turn.alert(
            "HoldingsNotCompared", Severity.WARNING,
            "what the venue holds cannot be compared with our fills: a symbol is not listed, or a fee without a "
            "currency may have been charged in the asset",
            exchange=exchange, symbols=",".join(sorted(symbols)),
        )  # fmt: skip


def _with_baseline(turn: Turn, position: Position, positions: list[Position], asset: str) -> Position:
    # What was there beyond our fills is the asset's: a position that joins others of it must find what they find.
    if position.unexplained is not None:
        return position
    known = (other.unexplained for other in positions if _has_base(turn, other, asset))
    unexplained = next((each for each in known if each is not None), None)
    if unexplained is None:
        return position
    joined = copied(position, unexplained=unexplained)
    turn.save_position(joined)
    return joined


def on_compared(turn: Turn, message: HoldingCompared) -> None:
    """Record what the comparison of a position with the venue has found, and tell of a difference."""
    position = turn.position(message.exchange, message.symbol)
    if position is None:
        return
    turn.save_position(copied(position, unexplained=message.unexplained, drift=message.drift))
    if message.drift and message.drift != position.drift and not _told_already(turn, message):
        _tell_drift(turn, position, message)


def _told_already(turn: Turn, message: HoldingCompared) -> bool:
    # A holding is that of an asset: every position of the asset finds the same, and the first one has told it.
    return any(
        not apart_by(other.drift, message.drift)
        for (exchange, symbol), other in turn.memory.positions.items()
        if exchange == message.exchange and symbol != message.symbol and _has_base(turn, other, message.asset)
    )


def _has_base(turn: Turn, position: Position, asset: str) -> bool:
    return turn.memory.held_as(position.exchange, position.symbol) == asset


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
