"""The drill: a seeded workload under a seeded fault schedule over real sockets, judged by the venue's own record.

The workload runs while faults come and go; then the faults stop, the system gets a bounded time to become quiet, and
the auditor compares. Nothing is judged by what the order manager says of itself.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from actors.app.audit import audit, is_quiet
from actors.app.audit_controls import (
    Limits,
    parity_errors,
    pre_trade_errors,
    stopped_errors,
    swept_errors,
    synced_errors,
)
from actors.app.bookings import Bookings
from actors.app.drill_result import DrillOptions, DrillResult, Operated, Progress
from actors.app.ledger import Ledger
from actors.app.markets import Market, market_of, settle_ms
from actors.app.openhash import check_open_hashes
from actors.app.operating import Operator
from actors.app.schedule import STAGES, Saboteur, draw_stages
from actors.app.stored import check_stored
from actors.app.trader import Trader
from actors.app.verdict import Verdict
from actors.app.workload import Intent, intents
from actors.app.world import PaperWorld
from actors.oms import Oms
from actors.views import PublishedViews
from messages.events import Alert, Event, FillRecorded, ManualReviewRequired

ACCOUNTS: Final = 4
SETTLE_S: Final = 120.0
"""How long after the last fault everything may take to be known and right."""
_STAGE_S_MIN: Final = 1.0
_STUCK_S: Final = 3.0
"""Without progress for longer, the next stage begins."""
_WORK_S: Final = 40.0
"""The workload is spread over so long, so that every stage of the schedule meets orders."""
_PAUSE_S_MAX: Final = 0.15
_POLL_S: Final = 0.25
_COMPARE_S: Final = 3.0
_RIPENING_S: Final = 1.0
_RIPE_S: Final = 45.0
"""When accounts are made to compare themselves although something held was not read yet."""
_STALL_S: Final = 300.0
"""A workload that makes no progress for so long has failed."""


def run_drill(
    options: DrillOptions, report: Callable[[Progress], None], stop: threading.Event
) -> DrillResult:
    """Run a drill from beginning to end. `report` is called often and must return at once."""
    began = time.monotonic()
    accounts = tuple(f"drill-{number}" for number in range(1, ACCOUNTS + 1))
    with (
        TemporaryDirectory(prefix="livermore-drill-") as folder,
        PaperWorld(options.venue, accounts, seed=options.seed) as world,
    ):
        world.control.run_market(running=True)
        settings = world.settings(
            "drill",
            _management(market_of(options.venue)),
            durability="fsync",
            settle_ms=settle_ms(options.venue, options.faults),
        )
        with Oms(settings, data_folder=Path(folder), switch_interval_s=0.0005) as oms:
            result = _Drill(options, world, oms, report, stop).run()
    result.wall_seconds = time.monotonic() - began
    return result


def _management(market: Market) -> dict[str, Any]:
    return {
        # The regular comparisons are what finds a fill whose stream frame was swallowed; here it may not take minutes.
        "sync": {"reconcileIntervalSeconds": 5 * market.pace, "lookbackMinutes": 30},
        "partialFillTracking": {"audit": {"intervalMs": 2_000 * market.pace}},
        "verification": {"slowRetryInterval": 10_000},
        "risk": {"maxOrderNotional": str(market.notional_max)},
    }


class _Drill:
    def __init__(
        self,
        options: DrillOptions,
        world: PaperWorld,
        oms: Oms,
        report: Callable[[Progress], None],
        stop: threading.Event,
    ) -> None:
        self._options = options
        self._market = market_of(options.venue)
        self._world = world
        self._oms = oms
        self._report = report
        self._stop = stop
        self._ledger = Ledger()
        self._alerts: Counter[str] = Counter()
        self._reviewed: set[str] = set()
        self._bookings = Bookings()
        self._operator = Operator(oms, world.control, self._market, world.accounts, self._ledger)
        self._settled_s: float | None = None
        """When everything was known and right."""
        server = oms.runtime.server
        self._saboteur = Saboteur(world.control, options.seed, None if server is None else server.kill)

    def run(self) -> DrillResult:
        self._oms.subscribe(self._on_event, Alert, ManualReviewRequired)
        self._oms.subscribe(self._bookings.listen, FillRecorded)
        self._operator.place_by_hand()
        self._work()
        if not self._stop.is_set():
            self._saboteur.end()
            self._world.control.run_market(running=False)
        healed = time.monotonic()
        verdict = self._settle()
        return DrillResult(
            options=self._options,
            verdict=Verdict(intents=self._ledger.asked_count()) if verdict is None else verdict,
            interrupted=verdict is None,
            faults=self._saboteur.counts(),
            refusals=Counter(self._ledger.refusals),
            close_refusals=Counter(self._ledger.close_refusals),
            rules=self._ledger.refused_by_rule(),
            modifications=self._ledger.changes_by_outcome(),
            operated=self._operated(),
            booking=self._bookings.spreads(self._world.record().executions),
            alerts=Counter(self._alerts),
            reviews_raised=len(self._reviewed),
            settle_seconds=(self._settled_s or time.monotonic()) - healed,
        )

    # ----- the workload

    def _work(self) -> None:
        stages = draw_stages(self._options.faults, Random(f"{self._options.seed}/faults"))
        pace = self._market.pace
        pause_s = pace * min(_PAUSE_S_MAX, _WORK_S * ACCOUNTS / self._options.intents)
        traders = [
            Trader(self._oms, self._world.another_control(), share, self._ledger, pause_s=pause_s, stop=self._stop)
            for share in self._shares()
        ]
        for trader in traders:
            trader.start()
        progressed, done_before = time.monotonic(), 0
        begun = 0
        stage_until = 0.0
        while not (all(trader.join(0) for trader in traders) and self._operator.is_done) and not self._stop.is_set():
            now = time.monotonic()
            done = self._ledger.done()
            stuck = now - progressed > _STUCK_S + pace
            due = done * STAGES >= begun * self._options.intents or stuck
            if begun < STAGES and due and now >= stage_until:
                self._saboteur.begin(stages[begun])
                begun, stage_until = begun + 1, now + _STAGE_S_MIN * pace
            elif begun >= STAGES and (stuck or done >= self._options.intents):
                # What has not come through by now is done in peace.
                self._saboteur.end()
            if done > done_before:
                progressed, done_before = now, done
            if now - progressed > _STALL_S:
                break
            self._saboteur.refresh()
            self._operator.attend(done, self._options.intents)
            self._tell("faults on", done)
            traders[0].join(_POLL_S)

    def _shares(self) -> list[list[Intent]]:
        drawn = islice(
            intents(
                self._options.venue,
                self._world.accounts,
                Random(f"{self._options.seed}/intents"),
                fills_max=self._options.fills_max,
            ),
            self._options.intents,
        )
        shares: dict[str, list[Intent]] = {account: [] for account in self._world.accounts}
        for intent in drawn:
            shares[intent.command.account_id].append(intent)
        return list(shares.values())

    # ----- the verdict

    def _settle(self) -> Verdict | None:
        """Wait until all is right, at most so long, and judge; None when stopped before that."""
        deadline = time.monotonic() + SETTLE_S * (2 if self._market.pace > 1 else 1)
        books, ripe = self._books(), False
        while not self._stop.is_set():
            late = time.monotonic() > deadline
            quiet = is_quiet(books.values()) and self._ledger.done() >= self._ledger.asked_count()
            verdict = self._audit(books) if quiet or late else None
            right = verdict is not None and not verdict.violations
            if right:
                self._settled_s = self._settled_s or time.monotonic()
                ripe = ripe or self._is_ripe(books)
                if ripe:
                    self._operator.compare(self._stop)
            if verdict is not None and (late or (right and self._operator.has_compared)):
                verdict.violations += self._parity_errors() if right else []
                return verdict
            self._tell("settling" if self._settled_s is None else "comparing", self._ledger.done())
            # A trader's work is over; only the clock and the account's own reminders move things on now.
            calm_s = _COMPARE_S * self._market.pace if ripe else _RIPENING_S
            self._stop.wait(_POLL_S if self._settled_s is None else calm_s)
        return None

    def _is_ripe(self, books: dict[str, PublishedViews]) -> bool:
        """Whether accounts can compare everything: nothing is too young for it, and all that is held was read since.

        Sooner they would have to leave something out, and use up calls that venues allow few of.
        """
        quiet_s = time.monotonic() - (self._settled_s or time.monotonic())
        held = [each for book in books.values() for each in list(book.positions.values()) if each.size]
        read = all(position.unexplained is not None for position in held)
        settled = quiet_s * 1_000 >= settle_ms(self._options.venue, self._options.faults)
        return settled and (read or quiet_s > _RIPE_S)

    def _audit(self, books: dict[str, PublishedViews]) -> Verdict:
        asked = self._ledger.snapshot()
        # By the settings, and by the default of one tick.
        limits = Limits(order_notional_max=self._market.notional_max, duplicate_within=self._market.tick)
        wrong, closes = check_stored(self._oms, books)
        record = self._world.record()
        doings = self._ledger.doings(self._operator.foreign)
        verdict = audit(asked, books, record, closes, doings)
        verdict.violations += wrong
        verdict.violations += stopped_errors(self._operator.stops, books, record)
        verdict.violations += swept_errors(doings, record)
        verdict.violations += synced_errors(self._operator.answers, record)
        verdict.violations += pre_trade_errors(limits, record, doings.foreign)
        untrue = [close for close in self._ledger.closes_told() if close not in closes]
        verdict.violations += [f"close {close.close_id} is recorded otherwise than it was told" for close in untrue]
        if len(asked) < self._options.intents:
            verdict.note(f"only {len(asked)} of {self._options.intents} intents were asked: the workload stalled")
        if self._ledger.awaited:
            verdict.note(f"{len(self._ledger.awaited)} cancels, closes and modifications never got their reply")
        repeated = self._world.control.summary()["duplicates"]
        verdict.violations += [f"the venue accepted {each['clientOrderId']} more than once" for each in repeated]
        verdict.violations += check_open_hashes(self._oms, books)
        return verdict

    def _parity_errors(self) -> list[str]:
        reports = self._operator.reports
        silent = [name for name in self._world.accounts if name not in reports]
        return parity_errors(reports) + [f"account {name} gave no parity report in time" for name in silent]

    def _operated(self) -> Operated:
        compared: Counter[str] = Counter()
        for report in self._operator.reports.values():
            for _, what, count in report.compared:
                compared[what] += count
        return Operated(
            cancels_of_all=len(self._ledger.sweeps) - len(self._operator.stops),
            kill_switches=len(self._operator.stops),
            synchronised=len(self._operator.answers),
            compared=compared,
            differences=sum(len(report.differences) for report in self._operator.reports.values()),
        )

    def _books(self) -> dict[str, PublishedViews]:
        return {account: self._oms.views(account) for account in self._world.accounts}

    # ----- telling

    def _tell(self, phase: str, done: int) -> None:
        happened = sum(self._saboteur.counts().values())
        self._report(Progress(phase, done, self._options.intents, happened))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Alert):
            self._alerts[event.name] += 1
        elif isinstance(event, ManualReviewRequired):
            self._reviewed.add(event.view.local_id)
