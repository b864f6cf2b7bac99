"""What an operator does during a drill, beside the traders: orders by hand at the venue, synchronisations, the kill
switch of some accounts, and the comparison at the end.

It is driven by the drill's own loop and never waits, but for the comparison. Must never: judge what it was told.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, wait
from decimal import Decimal
from itertools import cycle
from typing import Final

from actors.app.acts import is_passing
from actors.app.audit_controls import Stopped, still_open
from actors.app.ledger import Ledger
from actors.app.markets import Market
from actors.app.verdict import Sweep
from actors.errors import AskTimeout
from actors.oms import Oms
from exchanges.paper.client import ControlClient
from messages.commands import AccountCommand, CheckParity, SetKillSwitch, SyncOpenOrders
from messages.queries import KillSwitchSet, OpenOrdersSynced, ParityReport, Reply
from messages.types import Side

_BY_HAND: Final = ((Side.BUY, Decimal("0.2")), (Side.SELL, Decimal("2.5")))
"""By side, in times the reference price: far from everything that traders ask for."""
_SYNC_S: Final = 1.0
_STOPPED_S: Final = 1.5
_AGAIN_S: Final = 0.5
_PARITY_S: Final = 60.0
_LOOK_S: Final = 0.25


class Operator:
    """Of all accounts of a drill. One thread."""

    def __init__(
        self, oms: Oms, control: ControlClient, market: Market, accounts: Sequence[str], ledger: Ledger
    ) -> None:
        self._oms = oms
        self._market = market
        self._control = control
        self._accounts = accounts
        self._ledger = ledger
        self._next_sync_s = 0.0
        self._syncs = cycle([(account, force) for force in (True, False) for account in accounts])
        self._asked: deque[tuple[str, Future[Reply]]] = deque()
        # The first and the last account: one early, one late, and two whose traders nobody stops.
        self._to_stop = deque(dict.fromkeys((accounts[0], accounts[-1])))
        self._stops_in_all = len(self._to_stop)
        self._switch: _Switch | None = None
        self.foreign: frozenset[tuple[str, str]] = frozenset()
        """Account and client order id of the orders placed by hand."""
        self.stops: list[Stopped] = []
        """Times in which a kill switch was on."""
        self.answers: list[tuple[str, OpenOrdersSynced]] = []
        """Synchronisations that were answered, by account."""
        self.reports: dict[str, ParityReport] = {}
        """What accounts found comparing themselves with their venue."""

    def place_by_hand(self) -> None:
        """Place orders at the venue that the order manager knows nothing of."""
        placed = set()
        market = self._market
        for account in self._accounts:
            for side, factor in _BY_HAND:
                name, price = f"by-hand-{side.lower()}", market.priced(factor) + market.tick
                size = market.lot * market.lots[0] * 6
                self._control.place(account, name, symbol=market.symbol, side=side, size=size, price=price)
                placed.add((account, name))
        self.foreign = frozenset(placed)

    def attend(self, done: int, total: int) -> None:
        """Do what is due when so many of all intents are done."""
        now_s = time.monotonic()
        if now_s >= self._next_sync_s:
            self._next_sync_s = now_s + _SYNC_S * self._market.pace
            account, force = next(self._syncs)
            self._asked.append((account, self._oms.submit(SyncOpenOrders(account_id=account, force=force))))
        self.hear()
        number = self._stops_in_all - len(self._to_stop) + 1
        if self._switch is None and self._to_stop and done * (self._stops_in_all + 1) >= total * number:
            self._switch = _Switch(self._oms, self._to_stop.popleft(), self._ledger)
        if self._switch is not None:
            stopped = self._switch.attend(now_s)
            if stopped is not None:
                self.stops.append(stopped)
                self._switch = None

    @property
    def is_done(self) -> bool:
        """Whether every kill switch was thrown and released, and every synchronisation answered."""
        return self._switch is None and not self._to_stop and not self._asked

    def hear(self) -> None:
        """Take in the answers that have come."""
        for _ in range(len(self._asked)):
            account, future = self._asked.popleft()
            if not future.done():
                self._asked.append((account, future))
                continue
            reply = _answer(future)
            if isinstance(reply, OpenOrdersSynced):
                self.answers.append((account, reply))

    def compare(self, stop: threading.Event) -> None:
        """Have every account compare itself with its venue that has not done so completely yet, unless stopped.

        What one comparison finds stands, whatever a later one says: it may have been repaired in between.
        """
        left = [name for name in self._accounts if name not in self.reports or _goes_on(self.reports[name])]
        asked = {name: self._oms.submit(CheckParity(account_id=name)) for name in left}
        deadline = time.monotonic() + _PARITY_S
        while wait(asked.values(), _LOOK_S).not_done and not stop.is_set() and time.monotonic() < deadline:
            pass
        for name, future in asked.items():
            report = _answer(future) if future.done() else None
            if isinstance(report, ParityReport):
                self.reports[name] = report

    @property
    def has_compared(self) -> bool:
        """Whether there is nothing left to compare."""
        return all(name in self.reports and not _goes_on(self.reports[name]) for name in self._accounts)


class _Switch:
    """One kill switch, thrown and released."""

    def __init__(self, oms: Oms, account_id: str, ledger: Ledger) -> None:
        self._oms = oms
        self._account_id = account_id
        self._sweep = Sweep(account_id=account_id, began_ms=oms.runtime.now_ms())
        ledger.sweep_asked(self._sweep)
        self._asked = self._ask(on=True)
        self._on_ms: int | None = None
        self._released_ms: int | None = None
        self._next_s = 0.0

    def attend(self, now_s: float) -> Stopped | None:
        """Go on; the answer is the time in which it was on, once it is released."""
        if not self._asked.done() or now_s < self._next_s:
            return None
        reply = _answer(self._asked)
        if not isinstance(reply, KillSwitchSet):
            if reply is not None and not is_passing(reply):
                raise TypeError(f"the kill switch was answered with {reply}")
            self._next_s = now_s + _AGAIN_S
            self._asked = self._ask(on=self._released_ms is None)
        elif self._on_ms is None:
            self._on_ms, self._next_s = self._oms.runtime.now_ms(), now_s + _STOPPED_S
        elif self._released_ms is None:
            self._released_ms = self._oms.runtime.now_ms()
            self._asked = self._ask(on=False)
        else:
            self._sweep.ended_ms = self._oms.runtime.now_ms()
            return Stopped(self._account_id, self._on_ms, self._released_ms)
        return None

    def _ask(self, *, on: bool) -> "Future[Reply]":
        command: AccountCommand = SetKillSwitch(account_id=self._account_id, on=on, reason="a drill")
        return self._oms.submit(command)


def _goes_on(report: ParityReport) -> bool:
    # What has changed lately is compared only once the venue must show it everywhere.
    return bool(still_open(report)) and not report.differences


def _answer(future: "Future[Reply]") -> Reply | None:
    """What a command that is done was answered with; None: nobody will answer it."""
    try:
        return future.result()
    except (CancelledError, AskTimeout):
        return None
