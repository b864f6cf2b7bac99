"""Placements that cannot be decided yet, because something has to be read from their venue first.

They wait as commands: nothing of them is recorded, so a crash forgets them and nothing was placed. Of one symbol they
are decided in the order of their arrival: only the first of a queue is ever looked at, and whoever comes later waits
behind it. Must never: let a placement wait longer than a command may wait for its turn, or let one overtake another of
its symbol.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias

from actors.needs import Awaited, Need
from actors.policy import AccountPolicy
from actors.reminders import HeldDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import ModifyOrder, SubmitDraft, SubmitOrder
from messages.queries import OrderUnresolved, RefusalCode

Waiting: TypeAlias = SubmitOrder | SubmitDraft | ModifyOrder

_CODES = {
    Need.HISTORY: RefusalCode.GATE_CLOSED,
    Need.OPEN_ORDERS: RefusalCode.SYNC_FAILED,
    Need.PRICE: RefusalCode.SYNC_FAILED,
    Need.ENDS: RefusalCode.SELF_TRADE,
}


@dataclass(slots=True)
class Held:
    """A placement that waits."""

    command: Waiting
    arrived_ms: int
    awaits: Awaited


class WaitingRoom:
    """Of one account: a queue per exchange and symbol."""

    def __init__(self, policy: AccountPolicy) -> None:
        self._policy = policy
        self._queues: dict[tuple[str, str], list[Held]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def first(self, exchange: str, symbol: str) -> Held | None:
        """The placement that is decided next on a symbol."""
        queue = self._queues.get((exchange, symbol))
        return queue[0] if queue else None

    def ready(self, satisfied: Callable[[Held], bool]) -> Held | None:
        """Of the placements that are first on their symbol and have what they wait for, the one that came first."""
        firsts = [queue[0] for queue in self._queues.values() if satisfied(queue[0])]
        return min(firsts, key=lambda held: held.arrived_ms, default=None)

    def hold(self, turn: Turn, command: Waiting, awaits: Awaited) -> None:
        """Keep a placement, behind those that wait for the same symbol."""
        place = awaits.exchange, awaits.symbol
        held = Held(command, turn.now_ms, awaits)
        queue = self._queues.get(place, [])
        waiting, limit = sum(map(len, self._queues.values())), self._policy.max_waiting
        if waiting >= limit:
            self._refuse_beyond(turn, command, waiting, limit)
            return
        if not queue:
            self._queues[place] = queue
            self._remind(turn, place, held.arrived_ms)
        queue.append(held)

    def leave(self, turn: Turn, held: Held) -> None:
        """A placement that was first on its symbol has been decided. Once is enough: it may have left before."""
        place = held.awaits.exchange, held.awaits.symbol
        queue = self._queues.get(place, [])
        if held not in queue:
            return
        queue.remove(held)
        if not queue:
            del self._queues[place]
            turn.effect(CancelTimer(_timer(place)))

    def withdraw(self, turn: Turn, concerned: Callable[[str, str], bool], code: RefusalCode, why: str) -> None:
        """Refuse every placement on the symbols concerned: it is not placed."""
        for place in [place for place in self._queues if concerned(*place)]:
            for held in self._queues.pop(place):
                turn.refuse(held.command.correlation_id, code, why)
            turn.effect(CancelTimer(_timer(place)))

    def fail(self, turn: Turn, need: Need, exchange: str, symbol: str | None, *, asked_ms: int, why: str) -> None:
        """A venue did not answer: in the queues that wait for that, refuse everybody who came before the question.

        It was asked for all of them; if each asked anew, a venue that refuses would be asked as fast as it says no.
        """
        for place, queue in list(self._queues.items()):
            if place[0] != exchange or symbol not in (None, place[1]) or queue[0].awaits.need is not need:
                continue
            for held in list(takewhile(lambda each: each.arrived_ms <= asked_ms, queue)):
                self._refuse(turn, held, why)
                self.leave(turn, held)

    def report(self, turn: Turn, name: str) -> None:
        """A host's patience is over: say that its command waits, and goes on waiting until its own time is over."""
        for queue in self._queues.values():
            for held in queue:
                if held.command.correlation_id == name:
                    self._tell_waiting(turn, held)

    def on_due(self, turn: Turn, message: HeldDue) -> None:
        """Refuse the placements that have waited as long as a command may."""
        place = message.exchange, message.symbol
        timeout_ms = self._policy.queue_timeout_ms
        kept = []
        for held in self._queues.pop(place, []):
            if 0 <= turn.now_ms - held.arrived_ms < timeout_ms:
                kept.append(held)
            else:
                self._refuse(turn, held)
        if kept:
            self._queues[place] = kept
            self._remind(turn, place, kept[0].arrived_ms)

    def give_up(self) -> list[Waiting]:
        """The account is no longer ours: forget everything; the placements that waited must be answered."""
        commands = [held.command for queue in self._queues.values() for held in queue]
        self._queues.clear()
        return commands

    def _refuse_beyond(self, turn: Turn, command: Waiting, waiting: int, limit: int) -> None:
        turn.refuse(
            command.correlation_id, RefusalCode.QUEUE_FULL,
            f"{waiting} commands wait for something to be read from their venues, at most {limit} may",
            rule="maxQueueSize", limit=str(limit), actual=str(waiting),
        )  # fmt: skip

    def _refuse(self, turn: Turn, held: Held, why: str = "") -> None:
        awaits = held.awaits
        text = f"{awaits.exchange} takes no new orders on {awaits.symbol}: {why or awaits.need.value}"
        turn.refuse(held.command.correlation_id, _CODES[awaits.need], text)

    def _tell_waiting(self, turn: Turn, held: Held) -> None:
        command, awaits = held.command, held.awaits
        order = None if isinstance(command, SubmitOrder) else turn.memory.find(command.order_id)
        text = (
            f"nothing was sent yet: it waits, because of {awaits.symbol} on {awaits.exchange} {awaits.need.value}; "
            f"it may still be carried out, and is refused {self._policy.queue_timeout_ms} ms after it came"
        )
        view = None if order is None else turn.view_of(order)
        turn.reply(OrderUnresolved(correlation_id=command.correlation_id, view=view, text=text))

    def _remind(self, turn: Turn, place: tuple[str, str], since_ms: int) -> None:
        delay_ms = max(0, since_ms + self._policy.queue_timeout_ms - turn.now_ms)
        turn.effect(SetTimer(_timer(place), delay_ms, HeldDue(exchange=place[0], symbol=place[1])))


def _timer(place: tuple[str, str]) -> str:
    return f"held:{place[0]}:{place[1]}"
