"""What a host decides for the whole account: kill switch, logout, claiming an order that others placed.

Must never: let an order through while the kill switch is on, or end an order without its venue.
"""

from actors.cancelling import CancelGroups, cancel_everything_of_ours
from actors.commanding import cancel
from actors.desk import Desk, is_stopped
from actors.domain.lifecycle import TERMINAL, evolve
from actors.turn import Turn
from messages.base import copied
from messages.commands import CancelOrder, ClaimOrder, Logout, SetKillSwitch
from messages.events import KillSwitchChanged, Severity
from messages.queries import KillSwitchSet, LogoutDone, OrderClaimed, RefusalCode
from messages.risk import KillSwitch, LoggedOut
from messages.types import InitiatedBy, Order, OrderState


def set_kill_switch(turn: Turn, desk: Desk, groups: CancelGroups, command: SetKillSwitch) -> None:
    """Throw the kill switch."""
    if not command.on and desk.policy.risk.kill_switch:
        text = "the configuration holds the kill switch on (risk.killSwitch); it can be switched off there only"
        turn.refuse(command.correlation_id, RefusalCode.RISK_LIMIT, text, rule="killSwitch", limit="on", actual="off")
        return
    known = turn.memory.kill_switch
    cancels = command.on and command.cancel_orders
    everything = cancels and command.everything
    switch = KillSwitch(
        on=command.on,
        since_ms=known.since_ms if known is not None and known.on is command.on else turn.now_ms,
        reason=command.reason,
        cancels=cancels,
        everything=everything,
    )
    if known is not None and copied(known, reason=command.reason) == switch:
        switch = known
    else:
        turn.save_control(switch)
        turn.event(KillSwitchChanged(account_id=turn.account_id, kill_switch=switch))
        text = f"the kill switch is {'on' if command.on else 'off'}: {command.reason or 'no reason given'}"
        turn.alert("KillSwitch", Severity.CRITICAL if command.on else Severity.WARNING, text)
    cancelling: tuple[str, ...] = ()
    if command.on and command.cancel_orders:
        # Thrown once more, it cancels once more.
        cancelling = groups.cancel_all(turn, cancel_everything_of_ours(turn.account_id, everything=everything))
    turn.reply(
        KillSwitchSet(correlation_id=command.correlation_id, kill_switch=switch, cancelling=cancelling)
    )


def follow(turn: Turn, desk: Desk) -> None:
    """While the kill switch is on, cancel every order of ours that turns up or works after all."""
    if not _cancels(turn, desk):
        return
    for before, order in list(turn.changed_orders()):
        # What was placed by hand is ours from the moment it is claimed.
        appeared = before is None or before.state in TERMINAL or before.external
        if appeared and _to_be_cancelled(turn, desk, order):
            _cancel(turn, desk, order)


def resume(turn: Turn, desk: Desk) -> None:
    """After a start with the kill switch on: cancel what works."""
    if _cancels(turn, desk):
        for order in turn.memory.live_orders():
            if _to_be_cancelled(turn, desk, order):
                _cancel(turn, desk, order)


def _cancels(turn: Turn, desk: Desk) -> bool:
    switch = turn.memory.kill_switch
    return desk.policy.risk.kill_switch or (switch is not None and switch.on and switch.cancels)


def _to_be_cancelled(turn: Turn, desk: Desk, order: Order) -> bool:
    switch = turn.memory.kill_switch
    return (
        order.state not in TERMINAL
        and order.state is not OrderState.DRAFT
        and (not order.external or (switch is not None and switch.on and switch.everything))
        and not order.cancel_pending
        and is_stopped(turn, desk, order)
        and order.exchange not in turn.memory.unserved
    )


def _cancel(turn: Turn, desk: Desk, order: Order) -> None:
    by = InitiatedBy.RISK_RULE
    cancel(turn, desk, CancelOrder(account_id=order.account_id, order_id=order.order_id, initiated_by=by))


def logout(turn: Turn, desk: Desk, command: Logout) -> None:
    """The account's last user has left."""
    cleared = desk.policy.privacy.clear_on_logout
    if cleared and turn.memory.logged_out is None:
        turn.save_control(LoggedOut(since_ms=turn.now_ms))
        for exchange in desk.policy.exchanges:
            turn.rewrite_public(exchange)
    live = sum(1 for _ in turn.memory.live_orders())
    turn.reply(LogoutDone(correlation_id=command.correlation_id, cleared=cleared, live_orders=live))


def claim(turn: Turn, command: ClaimOrder) -> None:
    """Treat an order that others placed as one of ours."""
    order = turn.memory.find(command.order_id)
    if order is None:
        turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_ORDER, f"no order {command.order_id!r} in this account")
        return
    if order.external and order.state in TERMINAL:
        text = f"order is {order.state}, there is nothing left of it to claim"
        turn.refuse(command.correlation_id, RefusalCode.WRONG_STATE, text, view=turn.view_of(order))
        return
    if order.external:
        # Its latest execution may lie long back: the wait for the next one begins now.
        waits_since_ms = None if order.last_fill_ms is None else turn.now_ms
        order = evolve(
            order,
            external=False,
            first_fill_ms=waits_since_ms,
            last_fill_ms=waits_since_ms,
            updated_at_ms=turn.now_ms,
        )
        turn.save(order)
    turn.reply(OrderClaimed(correlation_id=command.correlation_id, view=turn.view_of(order)))
