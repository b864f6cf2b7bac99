"""The account's side of fill timeouts: which timers it wants, and what happens when one is due.

The deadlines live in the orders' records; the supervisor only keeps the calendar. A fill moves a deadline without a
word to the supervisor: when the timer is due, the record says whether it is time, and if not, when. Must never: call an
order timed out before the venue has confirmed that the remainder does not work any more.
"""

from typing import Final

from actors.absorbing import holds_back_end
from actors.desk import FILL_TIMEOUTS, Desk, cancel_request, reread
from actors.domain.lifecycle import TERMINAL, UNSENT, evolve
from actors.domain.timeouts import deadline_ms, timeout_ms
from actors.runtime.outcome import Send
from actors.turn import Turn
from messages.control import FillTimeoutDue, FillTimerDropped, FillTimerWanted
from messages.events import Severity
from messages.types import InitiatedBy, Order

_QUERY_MS: Final = 1000
"""An order without any fill is read from the venue first, and cancelled so much later."""
_CANCEL_MS: Final = 5000


def follow(turn: Turn, desk: Desk) -> None:
    """Want a timer for every order that begins to need one in this turn, and drop those of orders that ended."""
    policy = desk.policy.fill_timeouts
    if not policy.enabled:
        return
    for before, after in turn.changed_orders():
        known = before is not None and _deadline(desk, before) is not None
        if after.state in TERMINAL:
            if known:
                turn.send(FILL_TIMEOUTS, FillTimerDropped(account_id=turn.account_id, order_id=after.order_id))
        elif not known and (due_ms := _deadline(desk, after)) is not None:
            _want(turn, desk, after, due_ms)


def announce(turn: Turn, desk: Desk, *, loaded: bool = False) -> None:
    """Want every timer anew: after a start, and when the supervisor has forgotten them.

    `loaded`: every order was just read from the store, so that none of the timers has to wait for it.
    """
    want = _want_again if loaded else _want
    for order in turn.memory.live_orders():
        due_ms = _deadline(desk, order)
        if due_ms is not None:
            want(turn, desk, order, due_ms)
        elif _struck_unfilled(desk, order):
            want(turn, desk, order, turn.now_ms)


def on_due(turn: Turn, desk: Desk, message: FillTimeoutDue) -> None:
    """See whether an order's time is over, and act as the configuration says."""
    order = turn.order(message.order_id)
    if order is None or order.state in TERMINAL | UNSENT:
        return
    if holds_back_end(turn, desk, order):
        # The venue has ended it, by its own word: what is awaited are executions, and there is nothing to cancel.
        _want_again(turn, desk, order, turn.now_ms + _CANCEL_MS)
        return
    due_ms = _deadline(desk, order)
    if due_ms is not None and due_ms > max(turn.now_ms, message.due_ms):
        _want_again(turn, desk, order, due_ms)
    elif due_ms is not None:
        _strike(turn, desk, order)
    elif _struck_unfilled(desk, order):
        _cancel(turn, desk, order)


def _strike(turn: Turn, desk: Desk, order: Order) -> None:
    if order.cancel_pending:
        # Somebody is cancelling it already, and it stays his cancel; should it come to nothing, the time is over still.
        _want_again(turn, desk, order, turn.now_ms + _CANCEL_MS)
        return
    struck = evolve(order, timed_out_ms=turn.now_ms, updated_at_ms=turn.now_ms)
    if not desk.policy.fill_timeouts.cancel:
        turn.save(struck)
        _tell(turn, order, "it goes on working")
    elif order.fill_count == 0:
        turn.save(struck)
        reread(turn, desk, struck, delay_ms=0)
        _want_again(turn, desk, struck, turn.now_ms + _QUERY_MS)
    else:
        _cancel(turn, desk, struck)


def _cancel(turn: Turn, desk: Desk, order: Order) -> None:
    asked = evolve(order, cancel_pending=True, cancelled_by=InitiatedBy.SYSTEM, updated_at_ms=turn.now_ms)
    turn.save(asked)
    turn.send(desk.exchange_address[order.exchange], cancel_request(asked))
    _tell(turn, order, "what is left is being cancelled")


def _struck_unfilled(desk: Desk, order: Order) -> bool:
    unfilled = order.timed_out_ms is not None and order.fill_count == 0
    return unfilled and desk.policy.fill_timeouts.cancel and not order.cancel_pending


def _deadline(desk: Desk, order: Order) -> int | None:
    return deadline_ms(order, desk.exchange(order).asset_type, desk.policy.fill_timeouts)


def _want(turn: Turn, desk: Desk, order: Order, due_ms: int) -> None:
    turn.send(FILL_TIMEOUTS, _timer(desk, order, due_ms))


def _want_again(turn: Turn, desk: Desk, order: Order, due_ms: int) -> None:
    # The order is durable, or no timer would have run for it: this one need not wait for a store that is away.
    turn.outcome.at_once.append(Send(FILL_TIMEOUTS, _timer(desk, order, due_ms)))


def _timer(desk: Desk, order: Order, due_ms: int) -> FillTimerWanted:
    timeout = timeout_ms(order, desk.exchange(order).asset_type, desk.policy.fill_timeouts) or 0
    return FillTimerWanted(
        account_id=order.account_id, order_id=order.order_id, due_ms=due_ms, within_ms=max(timeout, _CANCEL_MS)
    )


def _tell(turn: Turn, order: Order, what: str) -> None:
    text = f"no fill for too long; {what}"
    turn.alert(
        "FillTimeout", Severity.WARNING, text,
        order_id=order.order_id, filled=str(order.filled_size), size=str(order.size),
    )  # fmt: skip
