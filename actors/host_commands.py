"""What an account makes of its hosts' commands: which part each is for, and which of them have to wait.

Must never: decide anything itself, or leave a command without an answer.
"""

from typing import assert_never

from actors import admission, closing, controls, drafting, modifying
from actors.admission import Circumstances
from actors.commanding import cancel, discard_draft, refuse_unserved, refused_late, resolve_review
from actors.connections import Connections
from actors.desk import Desk
from actors.policy import AccountPolicy
from actors.turn import Turn
from actors.waiting import Held
from messages.commands import (
    CancelAll,
    CancelOrder,
    CancelOrders,
    CheckParity,
    ClaimOrder,
    ClosePosition,
    CreateDraft,
    DiscardDraft,
    Logout,
    ModifyOrder,
    ResolveReview,
    SetKillSwitch,
    SubmitDraft,
    SubmitOrder,
    SyncOpenOrders,
)
from messages.inboxes import HostCommand


class HostCommands:
    """Of one account."""

    def __init__(self, policy: AccountPolicy, desk: Desk, connections: Connections) -> None:
        self._policy = policy
        self._desk = desk
        self._connections = connections

    def take(self, turn: Turn, command: HostCommand, now: Circumstances, held: Held | None) -> None:
        """Decide a command: one that has just come, or one that was held back until something was known."""
        room = self._connections.room
        if held is None and turn.memory.logged_out is not None and not isinstance(command, Logout | CheckParity):
            turn.end_logout()
        if not self._refused(turn, command):
            behind = self._first_on_its_symbol(turn, command) if held is None and room else None
            if behind is None:
                self._carry_out(turn, command, now)
            else:
                turn.awaits = behind.awaits
        if held is not None and turn.awaits is not None:
            held.awaits = turn.awaits
        elif held is not None:
            room.leave(turn, held)
        elif turn.awaits is not None and isinstance(command, SubmitOrder | SubmitDraft | ModifyOrder):
            room.hold(turn, command, turn.awaits)

    def _refused(self, turn: Turn, command: HostCommand) -> bool:
        late = not command.urgent and refused_late(turn, self._policy, command)
        return late or refuse_unserved(turn, command) or self._withdrawn(turn, command)

    def _withdrawn(self, turn: Turn, command: HostCommand) -> bool:
        groups = self._connections.groups
        if isinstance(command, SubmitOrder):
            return groups.withdrew(turn, command, command.exchange, command.symbol)
        order = turn.memory.find(command.order_id) if isinstance(command, SubmitDraft) else None
        return order is not None and isinstance(command, SubmitDraft) and groups.withdrew(
            turn, command, order.exchange, order.symbol
        )

    def _first_on_its_symbol(self, turn: Turn, command: HostCommand) -> Held | None:
        room = self._connections.room
        match command:
            case SubmitOrder():
                return room.first(command.exchange, command.symbol)
            case SubmitDraft() | ModifyOrder():
                order = turn.memory.find(command.order_id)
                return None if order is None else room.first(order.exchange, order.symbol)
            case _:
                return None

    def _carry_out(self, turn: Turn, command: HostCommand, now: Circumstances) -> None:
        desk, connections = self._desk, self._connections
        match command:
            case SubmitOrder():
                admission.submit(turn, command, self._policy, now)
            case CreateDraft():
                drafting.create_draft(turn, command, self._policy)
            case SubmitDraft():
                drafting.submit_draft(turn, command, self._policy, now)
            case DiscardDraft():
                discard_draft(turn, command)
            case ModifyOrder():
                modifying.modify(turn, desk, command, now, connections.pre_trade.judge)
            case CancelOrder():
                cancel(turn, desk, command)
            case CancelOrders():
                connections.groups.cancel_orders(turn, command)
            case CancelAll():
                connections.groups.cancel_all(turn, command)
            case ClosePosition():
                closing.ask_close(turn, desk, command, now)
            case ClaimOrder():
                controls.claim(turn, command)
            case ResolveReview():
                resolve_review(turn, desk, command)
            case SyncOpenOrders():
                connections.syncing.ask(turn, command)
            case CheckParity():
                connections.parity.ask(turn, command)
            case SetKillSwitch():
                controls.set_kill_switch(turn, desk, connections.groups, command)
            case Logout():
                controls.logout(turn, desk, command)
            case _:
                assert_never(command)
