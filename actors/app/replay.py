"""Replays recorded order flow through accounts on a paper venue and checks that it ends as the recording ends.

Orders rest beside the book and fill only when the recording says so, by the control port. Events of one order keep
their order, each waits for the outcome of the one before; different orders overlap. A modification is played as one,
unless a part of the order has executed and the venue cannot change it in place: then as a cancel and a new order.

Each account stands for many traders, and their orders meet: of one owner they would be self-trades and duplicates. So
half of the accounts buy and the others sell, and equal prices are allowed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

from actors.app.acts import is_passing
from actors.app.audit import audit, is_quiet
from actors.app.audit_changes import as_placed
from actors.app.markets import CAPABILITIES
from actors.app.recording import Action, Outlook, RecordingError, Row, foresee, read_rows
from actors.app.replayed import Played, ReplayResult, compare
from actors.app.verdict import Change, Doings
from actors.app.world import OrderNumbers, PaperWorld
from actors.oms import Oms
from exchanges.gateway import AmendScope
from exchanges.paper.client import ControlError
from messages.commands import CancelOrder, ModifyOrder, OrderTerms, SubmitOrder
from messages.queries import CancelDone, ModifyDone, OrderPlaced, Refused, Reply
from messages.types import ZERO, OrderType, OrderView, Side

SYMBOL: Final = "BTC-USD"
ACCOUNTS: Final = 8
WINDOW: Final = 96
"""Orders with an event under way at one time."""
BACKLOG_MAX: Final = 20_000
"""Events read ahead of what their orders have come to."""
SETTLE_S: Final = 90.0
_EXECUTORS: Final = 2
_POLL_S: Final = 0.05
_STALL_S: Final = 60.0
_REPORT_EVERY: Final = 200
_MANAGEMENT: Final = {
    "concurrencyControl": {"orderPlacement": {"maxQueueSize": 1_000, "queueTimeout": 60_000}},
    "preTrade": {"duplicateToleranceTicks": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What is asked of a replay."""

    file: Path
    venue: str
    limit: int | None
    """Rows to play; None: all."""
    speed: float | None
    """Times as fast as recorded; None: as fast as it goes."""


Report: TypeAlias = Callable[[int, int], None]
"""Called with events done and events in all."""


def run_replay(options: ReplayOptions, report: Report, stop: threading.Event) -> ReplayResult:
    """Replay a recording from beginning to end. Raises `RecordingError`."""
    able = CAPABILITIES[options.venue]
    if able.margin:
        raise RecordingError(f"a recording is of amounts of an asset; {options.venue} trades whole contracts")
    outlook = foresee(read_rows(options.file, options.limit))
    began = time.monotonic()
    accounts = tuple(f"replay-{number}" for number in range(ACCOUNTS))
    with (
        TemporaryDirectory(prefix="livermore-replay-") as folder,
        PaperWorld(options.venue, accounts, seed=1, scripted=True) as world,
    ):
        settings = world.settings("replay", _MANAGEMENT, durability="everysec", in_flight=able.max_in_flight * 3 // 2)
        with Oms(settings, data_folder=Path(folder), switch_interval_s=0.0005) as oms:
            player = _Player(oms, world, options, report=report, stop=stop, total=outlook.events)
            player.play(read_rows(options.file, options.limit))
            result = _judge(oms, world, player, outlook, stop)
    result.wall_seconds = time.monotonic() - began
    return result


# ----- playing


@dataclass(slots=True)
class _Logical:
    """One order of the recording and the orders that it became, one after the other."""

    account: str
    waiting: deque[Row] = field(default_factory=deque)
    busy: bool = False
    played: Played = field(default_factory=Played)
    placed: OrderTerms | None = None
    """What was asked for under the present request id, before any modification."""
    changes: int = 0
    """Modifications of that."""
    local_id: str = ""
    """Of the first order under the present request id."""
    venue_id: str = ""
    """Of the present order, as what follows."""
    price: Decimal = ZERO
    executed: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class _Done:
    row: Row
    act: Action
    """What was done: a modification may consist of a cancel and an add."""
    future: Future[Any]


class _Player:
    def __init__(
        self, oms: Oms, world: PaperWorld, options: ReplayOptions, *, report: Report, stop: threading.Event, total: int
    ) -> None:
        self._oms = oms
        self._world = world
        self._options = options
        self._able = CAPABILITIES[options.venue]
        self._report = report
        self._stop = stop
        self._total = total
        self._logical: dict[str, _Logical] = {}
        self._done: SimpleQueue[_Done] = SimpleQueue()
        self._busy = 0
        self._backlog = 0
        self._played = 0
        self._local = threading.local()
        self.asked: dict[tuple[str, str], Reply | None] = {}
        self.changes: list[Change] = []
        self.problems: list[str] = []

    def play(self, rows: Iterable[Row]) -> None:
        """Play everything; returns when every event had its outcome, or when nothing has moved for a minute."""
        began, first_us = time.monotonic(), None
        with ThreadPoolExecutor(_EXECUTORS, thread_name_prefix="executor") as self._executor:
            for row in rows:
                first_us = row.at_us if first_us is None else first_us
                self._wait_for(began, row.at_us - first_us)
                self._enqueue(row)
                while (self._busy >= WINDOW or self._backlog >= BACKLOG_MAX) and self._take_one():
                    continue
                if self._stop.is_set():
                    break
            while self._busy and self._take_one():
                continue
        if self._played < self._total:
            self.problems.append(f"only {self._played} of {self._total} events were played")

    def history(self, order_id: str) -> Played | None:
        """What an order of the recording became; None: it was never played."""
        logical = self._logical.get(order_id)
        return None if logical is None else logical.played

    def _wait_for(self, began: float, offset_us: int) -> None:
        if self._options.speed is None:
            return
        due = began + offset_us / 1_000_000 / self._options.speed
        while not self._stop.is_set() and (left := due - time.monotonic()) > 0:
            if not self._busy or not self._take_one(min(left, _POLL_S), patient=True):
                self._stop.wait(min(left, _POLL_S))

    def _enqueue(self, row: Row) -> None:
        logical = self._logical.get(row.order_id)
        if logical is None:
            account = self._account_of(row)
            logical = self._logical[row.order_id] = _Logical(account, played=Played(account=account))
        logical.waiting.append(row)
        self._backlog += 1
        if not logical.busy:
            self._begin_next(logical)

    def _account_of(self, row: Row) -> str:
        sides = len(Side)
        half = len(self._world.accounts) // sides
        return self._world.accounts[sides * (int(row.order_id) % half) + (row.side is Side.SELL)]

    def _begin_next(self, logical: _Logical) -> None:
        if not logical.waiting:
            return
        row = logical.waiting.popleft()
        self._backlog -= 1
        self._busy += 1
        logical.busy = True
        anew = row.action is Action.MODIFY and logical.executed and not self._changes_in_place(logical, row)
        self._begin(logical, row, Action.CANCEL if anew else row.action)

    def _changes_in_place(self, logical: _Logical, row: Row) -> bool:
        scope = self._able.amend
        return scope is AmendScope.NATIVE or (scope is AmendScope.SIZE_DOWN and row.price == logical.price)

    def _begin(self, logical: _Logical, row: Row, act: Action) -> None:
        match act:
            case Action.ADD:
                future: Future[Any] = self._oms.submit(self._order(logical, row))
            case Action.MODIFY:
                future = self._oms.submit(self._modification(logical, row))
            case Action.CANCEL:
                future = self._oms.submit(CancelOrder(account_id=logical.account, order_id=logical.local_id))
            case Action.TRADE:
                future = self._executor.submit(self._execute, logical.account, logical.venue_id, row)
        future.add_done_callback(lambda done: self._done.put(_Done(row, act, done)))

    def _order(self, logical: _Logical, row: Row) -> SubmitOrder:
        request_id = _request_id(row.order_id, len(logical.played.requests) + 1)
        self.asked.setdefault((logical.account, request_id), None)
        command = SubmitOrder(
            account_id=logical.account,
            exchange=self._options.venue,
            symbol=SYMBOL,
            side=row.side,
            type=OrderType.LIMIT,
            size=row.size,
            price=row.price,
            request_id=request_id,
        )
        logical.placed = command
        return command

    def _modification(self, logical: _Logical, row: Row) -> ModifyOrder:
        return ModifyOrder(
            account_id=logical.account,
            order_id=logical.local_id,
            # A recording says what is to be open from now on, a modification what is to be executed in all.
            size=logical.executed + row.size,
            price=row.price,
            message_id=f"{_request_id(row.order_id, len(logical.played.requests))}/change-{logical.changes}",
        )

    def _execute(self, account: str, venue_id: str, row: Row) -> None:
        if not hasattr(self._local, "control"):
            self._local.control = self._world.another_control()
            self._local.numbers = OrderNumbers(self._local.control)
        number = self._local.numbers.of(account, venue_id)
        if number is None:
            raise ControlError(f"the venue has no order {venue_id}")
        self._local.control.execute(number, row.price, row.size)

    def _take_one(self, timeout_s: float = _STALL_S, *, patient: bool = False) -> bool:
        try:
            done = self._done.get(timeout=timeout_s)
        except Empty:
            if not patient:
                self.problems.append(f"nothing has moved for {timeout_s:g} s, {self._busy} events are under way")
            return False
        self._understand(done)
        return True

    def _understand(self, done: _Done) -> None:
        logical = self._logical[done.row.order_id]
        error = done.future.exception()
        reply = None if error is not None else done.future.result()
        if reply is not None and is_passing(reply):
            self._begin(logical, done.row, done.act)
            return
        match reply:
            case OrderPlaced(view=view):
                self._placed(logical, done.row, view)
                self.asked[logical.account, logical.played.requests[-1]] = reply
            case ModifyDone():
                self._modified(logical, done.row, reply)
            case CancelDone():
                if done.row.action is Action.MODIFY:
                    self._begin(logical, done.row, Action.ADD)
                    return
            case None if error is None and done.act is Action.TRADE:
                logical.executed += done.row.size
            case _:
                what = reply.text if isinstance(reply, Refused) else error or ""
                came = f"{type(error or reply).__name__} {what}"
                self.problems.append(f"{done.act.name} of order {done.row.order_id} came to {came}")
        self._finish(logical)

    def _placed(self, logical: _Logical, row: Row, view: OrderView) -> None:
        logical.played.requests.append(_request_id(row.order_id, len(logical.played.requests) + 1))
        logical.local_id, logical.venue_id = view.local_id, view.order.order_id
        logical.price, logical.executed, logical.changes = row.price, ZERO, 0

    def _modified(self, logical: _Logical, row: Row, done: ModifyDone) -> None:
        if logical.placed is not None:
            change = as_placed(logical.placed, logical.changes, size=logical.executed + row.size, price=row.price)
            change.replies.append(done)
            self.changes.append(change)
        logical.changes += 1
        if done.native:
            logical.played.amended += 1
        else:
            logical.played.replaced += 1
            logical.executed = ZERO
        logical.venue_id, logical.price = done.view.order.order_id, row.price

    def _finish(self, logical: _Logical) -> None:
        self._busy -= 1
        self._played += 1
        logical.busy = False
        if self._played % _REPORT_EVERY == 0 or self._played == self._total:
            self._report(self._played, self._total)
        self._begin_next(logical)


def _request_id(order_id: str, leg: int) -> str:
    return order_id if leg == 1 else f"{order_id}/{leg}"


# ----- judging


def _judge(
    oms: Oms, world: PaperWorld, player: _Player, outlook: Outlook, stop: threading.Event
) -> ReplayResult:
    books = {account: oms.views(account) for account in world.accounts}
    deadline = time.monotonic() + SETTLE_S
    while True:
        late = time.monotonic() > deadline or stop.is_set()
        if is_quiet(books.values()) or late:
            verdict = audit(player.asked, books, world.record(), doings=Doings(changes=tuple(player.changes)))
            result = compare(verdict, outlook, player.history, books)
            verdict.violations += player.problems
            if not verdict.violations or late or player.problems:
                return result
        # Only events that are still on their way from the venue are awaited here.
        time.sleep(_POLL_S)
