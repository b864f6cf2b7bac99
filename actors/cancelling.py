"""Cancels of several orders, answered once: when each of them is known not to work, or to need a person.

Every order is cancelled by itself, as if it alone were meant: a venue's own call that cancels a whole symbol would also
take what others have placed there. Nothing here is stored; the cancels themselves are in the orders. Must never: count
an order as cancelled that may still work, or leave a host without an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from actors import overlays
from actors.commanding import cancel
from actors.desk import Desk
from actors.domain import chains
from actors.domain.lifecycle import TERMINAL
from actors.syncing import Syncing
from actors.turn import Turn
from actors.waiting import WaitingRoom
from messages.commands import CancelAll, CancelOrder, CancelOrders, SubmitDraft, SubmitOrder
from messages.events import Severity
from messages.queries import CancelsDone, RefusalCode
from messages.reports import OpenOrdersFetched
from messages.types import InitiatedBy, Order, OrderState

_WITHDRAWN: Final = "not executed: everything on its symbol was cancelled before its turn came"


@dataclass(slots=True)
class _Group:
    """Cancels that one host asked for together."""

    command: CancelAll | CancelOrders
    asked_ms: int
    name: str = ""
    left: dict[str, None] = field(default_factory=dict)
    """Orders that may still work."""
    settled: dict[str, None] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    lists: set[str] = field(default_factory=set)
    """Exchanges whose open orders are read for it."""
    errors: list[str] = field(default_factory=list)


class CancelGroups:
    """Of one account."""

    def __init__(self, desk: Desk, syncing: Syncing, room: WaitingRoom) -> None:
        self._desk = desk
        self._syncing = syncing
        self._room = room
        self._groups: dict[str, _Group] = {}
        self._latest: list[tuple[CancelAll, int]] = []
        """Cancels of everything that may have overtaken placements, and when."""
        self._unheard = count()

    def cancel_orders(self, turn: Turn, command: CancelOrders) -> None:
        """Cancel the orders that are named."""
        named = turn.memory.find_all(command.order_ids)
        found = {name: None if order is None else overlays.latest(turn, order) for name, order in named.items()}
        group = _Group(command, turn.now_ms, unknown=tuple(name for name, order in found.items() if order is None))
        self._cancel(turn, group, [order for order in found.values() if order is not None])
        self._keep(turn, group)

    def cancel_all(self, turn: Turn, command: CancelAll) -> tuple[str, ...]:
        """Cancel what works on the exchanges and symbols meant; the answer has our ids of the orders."""
        known = self._desk.policy.exchanges
        if command.exchange is not None and command.exchange not in known:
            text = self._desk.policy.no_such_exchange(command.account_id, command.exchange)
            turn.refuse(command.correlation_id, RefusalCode.UNKNOWN_EXCHANGE, text)
            return ()
        self._room.withdraw(turn, lambda *place: _meant(command, *place), RefusalCode.WITHDRAWN, _WITHDRAWN)
        kept = [(former, since_ms) for former, since_ms in self._latest if self._may_be_overtaken(turn, since_ms)]
        self._latest = [*kept, (command, turn.now_ms)]
        group = _Group(command, turn.now_ms)
        orders = self._concerned(turn, command)
        self._cancel(turn, group, orders)
        if command.everything:
            for exchange in (command.exchange,) if command.exchange is not None else known:
                group.lists.add(exchange)
                self._syncing.want(turn, exchange)
        self._keep(turn, group)
        return tuple(order.order_id for order in orders)

    def withdrew(self, turn: Turn, command: SubmitOrder | SubmitDraft, exchange: str, symbol: str) -> bool:
        """Refuse a placement that was offered before its symbol's orders were cancelled, and has come after it: cancels
        overtake placements. False: it was not.
        """
        number = command.offered_no
        for cancelled, since_ms in self._latest:
            overtaken = 0 < number < cancelled.offered_no and self._may_be_overtaken(turn, since_ms)
            if overtaken and _meant(cancelled, exchange, symbol):
                turn.refuse(command.correlation_id, RefusalCode.WITHDRAWN, _WITHDRAWN)
                return True
        return False

    def _may_be_overtaken(self, turn: Turn, since_ms: int) -> bool:
        # Whatever waits for longer is refused for that.
        return abs(turn.now_ms - since_ms) <= self._desk.policy.queue_timeout_ms

    def on_list(self, turn: Turn, report: OpenOrdersFetched) -> None:
        """The open orders of an exchange were merged: cancel those that were not known before."""
        asked_ms = report.evidence.sent_ms
        for group in self._waiting_for(report.exchange):
            command = group.command
            if asked_ms is None or not group.asked_ms <= asked_ms <= turn.now_ms:
                # Asked for before the command came, and so perhaps older than an order that it means.
                self._syncing.want(turn, report.exchange)
                continue
            group.lists.discard(report.exchange)
            if report.unreadable:
                group.errors.append(f"{report.exchange}: {report.unreadable} open orders could not be read")
            if isinstance(command, CancelAll):
                orders = [order for order in self._concerned(turn, command) if order.exchange == report.exchange]
                self._cancel(turn, group, [order for order in orders if order.order_id not in group.settled])
            self._answer_if_done(turn, group)

    def on_list_failed(self, turn: Turn, exchange: str, reason: str) -> None:
        """The open orders of an exchange could not be read."""
        for group in self._waiting_for(exchange):
            group.lists.discard(exchange)
            group.errors.append(f"{exchange}: its open orders could not be read ({reason})")
            if not group.command.correlation_id:
                text = "orders of others may work on; what turns up later is cancelled, while the kill switch is on"
                turn.alert("KillSwitchIncomplete", Severity.CRITICAL, text, exchange=exchange, reason=reason)
            self._answer_if_done(turn, group)

    def follow(self, turn: Turn) -> None:
        """See which orders this turn has settled."""
        if not self._groups:
            return
        settled = [order.order_id for _, order in turn.changed_orders() if _settled(order)]
        for group in list(self._groups.values()):
            for other in [name for name in group.left if name in turn.united]:
                del group.left[other]
                group.left[turn.united[other]] = None
            hits = [order_id for order_id in settled if order_id in group.left]
            for order_id in hits:
                del group.left[order_id]
                group.settled[order_id] = None
            if hits:
                self._answer_if_done(turn, group)

    def report(self, turn: Turn, name: str) -> None:
        """A host's patience is over: what became of its cancels so far."""
        group = self._groups.pop(name, None)
        if group is not None:
            group.errors += [f"{exchange}: its open orders are not read yet" for exchange in sorted(group.lists)]
            self._answer(turn, group)

    def forget(self) -> Iterable[str]:
        """The records are not ours any more; the answer names the hosts that waited."""
        waiting = [group.command.correlation_id for group in self._groups.values() if group.command.correlation_id]
        self._groups.clear()
        return waiting

    def _concerned(self, turn: Turn, command: CancelAll) -> list[Order]:
        orders = {order.order_id: order for order in turn.memory.live_orders(command.exchange)}
        orders |= {order.order_id: order for _, order in turn.changed_orders()}
        return [
            order
            for order in orders.values()
            if order.state not in TERMINAL
            and order.state is not OrderState.DRAFT
            and _meant(command, order.exchange, order.symbol)
            and (command.everything or not order.external)
        ]

    def _cancel(self, turn: Turn, group: _Group, orders: list[Order]) -> None:
        by = group.command.initiated_by
        for order in orders:
            name = order.order_id
            if order.state not in TERMINAL and order.exchange in turn.memory.unserved:
                group.settled[name] = None
                group.errors.append(f"{order.exchange}: it is not configured any more, so {name} cannot be cancelled")
            elif name not in group.left:
                meant = _meant_by(turn, order)
                # A cancel of one order answers nobody here: its group does.
                cancel(turn, self._desk, CancelOrder(account_id=order.account_id, order_id=name, initiated_by=by))
                for each in meant:
                    now = turn.order(each.order_id) or each
                    (group.settled if _settled(now) else group.left)[each.order_id] = None

    def _keep(self, turn: Turn, group: _Group) -> None:
        # Also where nobody waits for the answer: what a list shows is to be cancelled all the same.
        group.name = group.command.correlation_id or f"unheard:{next(self._unheard)}"
        self._groups[group.name] = group
        self._answer_if_done(turn, group)

    def _waiting_for(self, exchange: str) -> list[_Group]:
        return [group for group in self._groups.values() if exchange in group.lists]

    def _answer_if_done(self, turn: Turn, group: _Group) -> None:
        awaited = group.left if group.command.correlation_id else ()
        if not awaited and not group.lists:
            self._groups.pop(group.name, None)
            self._answer(turn, group)

    def _answer(self, turn: Turn, group: _Group) -> None:
        orders = [turn.order(order_id) for order_id in (*group.settled, *group.left)]
        known = [order for order in orders if order is not None]
        turn.reply(
            CancelsDone(
                correlation_id=group.command.correlation_id,
                ended=tuple(turn.view_of(order) for order in known if order.state in TERMINAL),
                unresolved=tuple(turn.view_of(order) for order in known if order.state not in TERMINAL),
                unknown=group.unknown,
                complete=not group.errors,
                error="; ".join(group.errors),
            )
        )


def cancel_everything_of_ours(account_id: str, *, everything: bool = False) -> CancelAll:
    """The command by which a kill switch cancels."""
    return CancelAll(account_id=account_id, everything=everything, initiated_by=InitiatedBy.RISK_RULE)


def _meant(command: CancelAll, exchange: str, symbol: str) -> bool:
    return command.exchange in (None, exchange) and command.symbol in (None, symbol)


def _settled(order: Order) -> bool:
    return order.state in TERMINAL or order.needs_review


def _meant_by(turn: Turn, order: Order) -> list[Order]:
    # Who names an order that was replaced means what works in its place; while it is being replaced, both may work.
    return chains.working(order, turn.order)[::-1] or [overlays.latest(turn, order)]
