"""A trader: places the intents of one account, asks again what was refused, and does to each order what was drawn.

A refusal for a passing reason is not an outcome: the same request, with the same id, is made again later. A
placement that is unresolved is asked for again only where not even its intent is known to be recorded. Runs on a thread
of its own.
"""

import heapq
import threading
import time
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from itertools import count
from queue import Empty, SimpleQueue
from typing import Final

from requests import RequestException

from actors.app.acts import (
    TWINS,
    Act,
    Cancel,
    CancelEverything,
    Close,
    Modify,
    Place,
    Take,
    is_passing,
    is_second,
)
from actors.app.audit_changes import as_placed
from actors.app.ledger import Ledger
from actors.app.verdict import Sweep
from actors.app.workload import Fate, Intent
from actors.app.world import OrderNumbers
from actors.domain.lifecycle import AT_VENUE
from actors.oms import Oms
from exchanges.paper.client import ControlClient, ControlError, Fills
from messages.commands import CancelAll, CancelOrder, ClosePosition, ModifyOrder
from messages.queries import ModifyDone, OrderPlaced, OrderUnresolved, Refused, Reply
from messages.types import OrderView

_POLL_S: Final = 0.1
_LATER_S: Final = 0.4
_LAST_ANSWERS_S: Final = 4.0
"""How long one who is stopped waits for answers to what is under way."""


class Trader:
    """One account's trader. `start` it, then `join`."""

    def __init__(
        self,
        oms: Oms,
        control: ControlClient,
        intents: Iterable[Intent],
        ledger: Ledger,
        *,
        in_flight_max: int = 12,
        pause_s: float = 0.0,
        stop: threading.Event,
    ) -> None:
        """Take the intents, at most so many of them under way at once, with a pause between two."""
        self._oms = oms
        self._control = control
        self._orders_at_venue = OrderNumbers(control)
        self._intents = iter(intents)
        self._ledger = ledger
        self._in_flight_max = in_flight_max
        self._pause_s = pause_s
        self._stop = stop
        self._answers: SimpleQueue[tuple[Act, Future[Reply]]] = SimpleQueue()
        self._later: list[tuple[float, int, Act]] = []
        self._numbers = count()
        self._under_way = 0
        self._next_s = 0.0
        self._exhausted = False
        self._thread = threading.Thread(target=self._run, name="trader", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until everything is done; returns whether it is."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self._finished():
                self._offer_new()
                self._do_what_is_due()
                self._take_answers()
            deadline = time.monotonic() + _LAST_ANSWERS_S
            while self._under_way and time.monotonic() < deadline:
                self._take_answers()
        finally:
            self._control.close()

    def _finished(self) -> bool:
        return self._exhausted and not self._later and self._under_way == 0

    def _offer_new(self) -> None:
        while not self._exhausted and self._has_room() and time.monotonic() >= self._next_s:
            intent = next(self._intents, None)
            if intent is None:
                self._exhausted = True
                return
            self._next_s = time.monotonic() + self._pause_s
            self._do(Place(intent))

    def _has_room(self) -> bool:
        # What was refused for now waits too; without a bound it would all be asked again at once.
        return self._under_way < self._in_flight_max and len(self._later) < 2 * self._in_flight_max

    def _do_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            self._do(heapq.heappop(self._later)[2])

    def _take_answers(self) -> None:
        try:
            act, future = self._answers.get(timeout=min(_POLL_S, self._pause_s or _POLL_S))
        except Empty:
            return
        self._under_way -= 1
        try:
            reply = future.result()
        except CancelledError:
            # The order manager was stopped; what became of the command is in its records.
            return
        self._understand(act, reply)

    def _do(self, act: Act) -> None:
        match act:
            case Place(intent):
                self._ledger.asked(intent)
                self._send(act, self._oms.submit(intent.command))
            case Cancel(view):
                with self._ledger.lock:
                    self._ledger.awaited.add(view.local_id)
                self._send(act, self._oms.submit(CancelOrder(account_id=view.account_id, order_id=view.local_id)))
            case Take(view, pieces):
                self._take(view, pieces)
            case Close(view, number):
                with self._ledger.lock:
                    self._ledger.awaited.add(_close_key(view, number))
                order = view.order
                command = ClosePosition(account_id=view.account_id, exchange=order.exchange, symbol=order.symbol)
                self._send(act, self._oms.submit(command))
            case Modify():
                self._modify(act)
            case CancelEverything(view, sweep):
                sweep.began_ms = sweep.began_ms or self._oms.runtime.now_ms()
                self._ledger.sweep_asked(sweep)
                self._send(act, self._oms.submit(self._cancel_of_all(view)))

    def _cancel_of_all(self, view: OrderView) -> CancelAll:
        return CancelAll(account_id=view.account_id, exchange=view.order.exchange, symbol=view.order.symbol)

    def _modify(self, act: Modify) -> None:
        change, view = act.change, act.view
        self._ledger.change_asked(change)
        command = ModifyOrder(
            account_id=view.account_id,
            order_id=view.local_id,
            message_id=change.message_id,
            size=change.size,
            price=change.price,
            # Every other owner changes what he saw, the rest whatever the order has become.
            expected_version=view.version if act.number == 0 and act.intent.number % 2 else None,
        )
        self._send(act, self._oms.submit(command))

    def _send(self, act: Act, future: "Future[Reply]") -> None:
        self._under_way += 1
        future.add_done_callback(lambda done: self._answers.put((act, done)))

    def _understand(self, act: Act, reply: Reply) -> None:
        if isinstance(reply, Refused) and is_passing(reply) and not is_second(act):
            why = reply.rule or reply.code.value
            self._ledger.refused(why, act.intent if isinstance(act, Place) else None)
            self._at(_LATER_S, act)
            return
        match act, reply:
            case Place(intent), OrderPlaced():
                self._ledger.answered(intent, reply)
                self._begin_fate(intent, reply.view)
            case Place(), OrderUnresolved(view=None):
                # Not even the intent is known to be recorded: the same request finds out.
                self._at(4 * _LATER_S, act)
            case Place(intent), _:
                self._ledger.answered(intent, reply)
            case Cancel() | Modify(), OrderUnresolved():
                self._at(4 * _LATER_S, act)
            case Cancel(view), _:
                with self._ledger.lock:
                    self._ledger.awaited.discard(view.local_id)
            case Close(view, number), _:
                self._ledger.close_answered(_close_key(view, number), reply)
            case Modify(), _:
                self._changed(act, reply)
            case CancelEverything(_, sweep), _:
                sweep.reply, sweep.ended_ms = reply, self._oms.runtime.now_ms()
            case Take(), _:
                raise TypeError("the market's doings have no reply")

    def _changed(self, act: Modify, reply: Reply) -> None:
        change, intent = act.change, act.intent
        last = len(change.replies) + 1 == TWINS
        self._ledger.change_answered(change, reply, last=last)
        if not last:
            return
        if act.number + 1 < len(intent.changes):
            self._change(intent, act.view, act.number + 1)
            return
        done = next((each.view for each in change.replies if isinstance(each, ModifyDone)), None)
        if done is not None and intent.number % 2:
            self._at(_LATER_S, Take(done))

    def _begin_fate(self, intent: Intent, view: OrderView) -> None:
        if view.state not in AT_VENUE:
            return
        match intent.fate:
            case Fate.REST:
                return
            case Fate.CANCEL:
                self._at(_LATER_S, Cancel(view))
            case Fate.FILL | Fate.FILL_IN_MANY | Fate.TIME_OUT:
                self._at(_LATER_S, Take(view, intent.pieces))
            case Fate.FILL_AND_CANCEL:
                self._at(_LATER_S, Take(view, intent.pieces))
                self._at(2 * _LATER_S, Cancel(view))
            case Fate.CLOSE:
                self._at(_LATER_S, Take(view, intent.pieces))
                for number in range(1, TWINS + 1):
                    self._at(3 * _LATER_S, Close(view, number))
            case Fate.SHRINK | Fate.REPRICE:
                half = len(intent.pieces) // 2 if intent.fate is Fate.SHRINK else 0
                if half:
                    self._at(_LATER_S, Take(view, intent.pieces[:half]))
                self._change(intent, view, 0)
                if intent.pieces[half:]:
                    # At the moment of the change, which it may overtake.
                    self._at(_LATER_S, Take(view, intent.pieces[half:]))
            case Fate.SWEEP:
                self._at(2 * _LATER_S, CancelEverything(view, Sweep(account_id=view.account_id)))

    def _change(self, intent: Intent, view: OrderView, number: int) -> None:
        size, price = intent.changes[number]
        change = as_placed(intent.command, number, size=size, price=price)
        for _ in range(TWINS):
            self._at(_LATER_S, Modify(intent, view, change, number))

    def _take(self, view: OrderView, pieces: Fills) -> None:
        try:
            order_id = self._orders_at_venue.of(view.account_id, view.order.order_id)
            if order_id is None:
                return
            if pieces:
                # What cannot be had any more was taken, or the order has ended: so it goes in a market.
                self._control.execute_many({order_id: pieces}, skip_impossible=True)
            else:
                self._control.execute(order_id)
        except (ControlError, RequestException):
            # The order has ended meanwhile, by a fault or by its owner: there is nothing left to take.
            return

    def _at(self, delay_s: float, act: Act) -> None:
        heapq.heappush(self._later, (time.monotonic() + delay_s, next(self._numbers), act))


def _close_key(view: OrderView, number: int) -> str:
    return f"close {number} at {view.local_id}"
