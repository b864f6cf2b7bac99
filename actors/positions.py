"""The position actors of an account: started when there is something to tell them, restarted when they fail.

Must never: start one twice while it lives, since a second would know nothing of the close that the first one runs.
"""

from random import Random
from typing import cast

from actors import askers, closing
from actors.position import PositionActor
from actors.runtime.base import OmsActor
from actors.runtime.outcome import Effect, Send, Spawn, StopChild
from actors.runtime.seam import System
from actors.runtime.supervision import POLICIES, ChildKind, Restart, decide
from actors.turn import Turn
from messages.base import Message
from messages.control import ChildFailed, CloseBegun
from messages.events import Severity


class Positions:
    """Of one account, by address."""

    def __init__(self, account: str, *, close_timeout_ms: int) -> None:
        self._account = account
        self._close_timeout_ms = close_timeout_ms
        self._alive: dict[str, tuple[str, str]] = {}
        """Exchange and symbol by address."""
        self._failures: dict[str, tuple[int, ...]] = {}

    def deliver(self, turn: Turn) -> None:
        """Send what a turn has for positions, and start those that are not there."""
        for exchange, symbol, message in turn.to_positions:
            address = f"{self._account}/position/{exchange}/{symbol}"
            if address not in self._alive:
                self._alive[address] = exchange, symbol
                turn.effect(Spawn(address, self._build))
                for close in closing.running(turn.memory, exchange, symbol):
                    turn.effect(Send(address, CloseBegun(close=close)))
            turn.effect(Send(address, message))
        turn.to_positions.clear()

    def stop(self) -> list[Effect]:
        """Stop all of them: the account is not ours."""
        effects: list[Effect] = [StopChild(address) for address in self._alive]
        self._alive.clear()
        return effects

    def on_child_failed(self, turn: Turn, message: ChildFailed, monotonic_ms: int, random: Random) -> bool:
        """Start a failed position again when a close runs, and tell it so. False: it was no position.

        One whose restarts are spent, like one without a close, is started when there is something to tell it.
        """
        place = self._alive.pop(message.address, None)
        if place is None:
            return False
        decision, self._failures[message.address] = decide(
            POLICIES[ChildKind.POSITION], self._failures.get(message.address, ()), monotonic_ms, random
        )
        turn.alert(
            "PositionActorFailed", Severity.CRITICAL, message.error, address=message.address, handling=message.handling
        )
        askers.on_position_failed(turn, *place)
        if isinstance(decision, Restart):
            for close in closing.running(turn.memory, *place):
                turn.tell_position(*place, CloseBegun(close=close))
        return True

    def _build(self, system: System, address: str) -> OmsActor[Message]:
        actor = PositionActor(system, address, account=self._account, close_timeout_ms=self._close_timeout_ms)
        return cast("OmsActor[Message]", actor)
