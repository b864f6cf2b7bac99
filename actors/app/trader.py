"""A trader: places the intents of one account, asks again what was refused, and does to each order what was drawn.

A refusal for a passing reason is not an outcome: the same request, with the same id, is made again later. What is
unresolved is never asked for twice by us; its reply comes when it is known. Runs on a thread of its own.
"""

import heapq
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from requests import RequestException

from actors.app.workload import Fate, Intent
from actors.oms import Oms
from exchanges.paper.client import ControlClient, ControlError
from messages.commands import CancelOrder
from messages.queries import OrderPlaced, OrderUnresolved, RefusalCode, Refused, Reply
from messages.types import OrderState, OrderView

PASSING: Final = frozenset(
    {
        RefusalCode.GATE_CLOSED,
        RefusalCode.QUEUE_FULL,
        RefusalCode.QUEUE_TIMEOUT,
        RefusalCode.STORE_UNAVAILABLE,
        RefusalCode.ACCOUNT_STOPPED,
    }
)
"""Refusals that say 'not now': nothing was recorded, and the same request may be made again."""
_POLL_S: Final = 0.1
_OPEN: Final = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})
_LATER_S: Final = 0.4
_LAST_ANSWERS_S: Final = 4.0
"""How long one who is stopped waits for answers to what is under way."""
_WHOLE: Final = 100


@dataclass(slots=True)
class Ledger:
    """What the traders were told; every field is written by many threads under `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    replies: dict[tuple[str, str], Reply | None] = field(default_factory=dict)
    """By account and request id: the reply to an intent, None while it is awaited."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Refusals for a passing reason, by code."""
    put_off: set[tuple[str, str]] = field(default_factory=set)
    """Of the awaited: those whose last answer was a refusal for now; nothing of theirs is under way."""
    awaited: set[str] = field(default_factory=set)
    """Cancels without a reply, by our order id."""

    def asked(self, intent: Intent) -> None:
        """An intent was offered for the first time, or again."""
        key = (intent.command.account_id, intent.command.request_id or "")
        with self.lock:
            self.replies.setdefault(key, None)
            self.put_off.discard(key)

    def answered(self, intent: Intent, reply: Reply) -> None:
        """An intent got its reply."""
        with self.lock:
            self.replies[intent.command.account_id, intent.command.request_id or ""] = reply

    def refused(self, code: str, intent: Intent | None = None) -> None:
        """A request was refused for a passing reason; `intent` is what it was to place."""
        with self.lock:
            self.refusals[code] += 1
            if intent is not None:
                self.put_off.add((intent.command.account_id, intent.command.request_id or ""))

    def asked_count(self) -> int:
        """How many intents were asked."""
        with self.lock:
            return len(self.replies)

    def placed_count(self) -> int:
        """How many intents were told to be placed."""
        with self.lock:
            return sum(isinstance(reply, OrderPlaced) for reply in self.replies.values())

    def refusal_count(self) -> int:
        """How many requests were refused for a passing reason."""
        with self.lock:
            return self.refusals.total()

    def done(self) -> int:
        """How many intents have their reply."""
        with self.lock:
            return sum(reply is not None for reply in self.replies.values())

    def snapshot(self) -> dict[tuple[str, str], Reply | None]:
        """All intents asked so far with their replies."""
        with self.lock:
            return dict(self.replies)


@dataclass(frozen=True, slots=True)
class _Place:
    intent: Intent


@dataclass(frozen=True, slots=True)
class _Cancel:
    view: OrderView


@dataclass(frozen=True, slots=True)
class _Take:
    """The market takes a part of an order, in percent of its size."""

    view: OrderView
    percent: int


_Act: TypeAlias = _Place | _Cancel | _Take


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
        self._intents = iter(intents)
        self._ledger = ledger
        self._in_flight_max = in_flight_max
        self._pause_s = pause_s
        self._stop = stop
        self._answers: SimpleQueue[tuple[_Act, Future[Reply]]] = SimpleQueue()
        self._later: list[tuple[float, int, _Act]] = []
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
            self._do(_Place(intent))

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

    def _do(self, act: _Act) -> None:
        match act:
            case _Place(intent):
                self._ledger.asked(intent)
                self._send(act, self._oms.submit(intent.command))
            case _Cancel(view):
                with self._ledger.lock:
                    self._ledger.awaited.add(view.local_id)
                self._send(act, self._oms.submit(CancelOrder(account_id=view.account_id, order_id=view.local_id)))
            case _Take(view, percent):
                self._take(view, percent)

    def _send(self, act: _Act, future: "Future[Reply]") -> None:
        self._under_way += 1
        future.add_done_callback(lambda done: self._answers.put((act, done)))

    def _understand(self, act: _Act, reply: Reply) -> None:
        if isinstance(reply, Refused) and reply.code in PASSING:
            self._ledger.refused(reply.code.value, act.intent if isinstance(act, _Place) else None)
            self._at(_LATER_S, act)
            return
        match act, reply:
            case _Place(intent), OrderPlaced():
                self._ledger.answered(intent, reply)
                self._begin_fate(intent.fate, reply.view)
            case _Place(intent), _:
                self._ledger.answered(intent, reply)
            case _Cancel(view), OrderUnresolved():
                self._at(4 * _LATER_S, _Cancel(view))
            case _Cancel(view), _:
                with self._ledger.lock:
                    self._ledger.awaited.discard(view.local_id)
            case _Take(), _:
                raise TypeError("the market's doings have no reply")

    def _begin_fate(self, fate: Fate, view: OrderView) -> None:
        if view.state not in _OPEN:
            return
        match fate:
            case Fate.REST:
                return
            case Fate.CANCEL:
                self._at(_LATER_S, _Cancel(view))
            case Fate.FILL:
                self._at(_LATER_S, _Take(view, _WHOLE))
            case Fate.FILL_IN_TWO:
                self._at(_LATER_S, _Take(view, 40))
                self._at(3 * _LATER_S, _Take(view, _WHOLE))
            case Fate.FILL_AND_CANCEL:
                self._at(_LATER_S, _Take(view, 40))
                self._at(2 * _LATER_S, _Cancel(view))

    def _take(self, view: OrderView, percent: int) -> None:
        part = None if percent == _WHOLE else (view.order.size * percent / 100).quantize(view.order.size)
        try:
            self._control.execute(int(view.order.order_id), size=part)
        except (ControlError, RequestException):
            # The order has ended meanwhile, by a fault or by its owner: there is nothing left to take.
            return

    def _at(self, delay_s: float, act: _Act) -> None:
        heapq.heappush(self._later, (time.monotonic() + delay_s, next(self._numbers), act))
