"""The main job: an order manager on its embedded default, accounts that trade on paper, faults, and a view of it all.

With live credentials in the configuration nothing is placed and nothing is broken by this program: it only watches.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from random import Random
from typing import Final

from prometheus_client import start_http_server
from rich.live import Live

from actors.app.audit import audit, is_settled, only
from actors.app.figures import counted
from actors.app.host import Host
from actors.app.ledger import Ledger
from actors.app.live import picture, plain_line
from actors.app.schedule import NAMES, STORE_KILLED, Saboteur, draw_stages
from actors.app.trader import Trader
from actors.app.verdict import Verdict
from actors.app.watch import Parity, Scene, Watch
from actors.app.workload import TIMEOUT_MS, intents
from actors.app.world import read_record
from actors.closing import REQUEST
from actors.errors import OmsError
from actors.oms import Oms
from actors.settings import MetricsSettings, Settings
from actors.views import PublishedViews
from exchanges.paper.client import ControlClient, PaperProcess
from messages.events import Alert
from messages.queries import OrderUnresolved

_VENUE: Final = "binance"
_DEFAULT: Final = {
    "accounts": [{"id": name, "exchanges": {_VENUE: {}}} for name in ("alice", "bob", "carol")],
    "paper": {"venues": [_VENUE]},
    "orderManagement": {
        "sync": {"reconcileIntervalSeconds": 10, "lookbackMinutes": 10},
        "partialFillTracking": {"audit": {"intervalMs": 5_000}},
        "verification": {"slowRetryInterval": 10_000},
    },
}
_PAUSE_S: Final = 0.3
_FAULTS_S: Final = 6.0
_CALM_S: Final = 5.0
_FRAME_S: Final = 0.25
_LINE_S: Final = 2.0
_PARITY_S: Final = 1.0
_STAGES: Final = 64
_IN_FLIGHT_MAX: Final = 6
_LAST_ORDERS_S: Final = 5.0
"""How long orders under way may take to come to something when the program ends."""
_SETTLE_S: Final = 30.0
"""How long books and the venue's record may take to agree: more than two of the regular comparisons."""
_VIOLATIONS_SHOWN: Final = 20
_SHORT_TIMEOUTS: Final = (
    f"some demo orders carry a fill timeout of {TIMEOUT_MS[0] // 1_000} to {TIMEOUT_MS[1] // 1_000} s"
)


class PortTaken(OmsError):
    """The metrics cannot be served where the settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What is asked of the main job."""

    settings: Settings | None
    """None: three accounts on a paper venue."""
    seconds: float | None
    seed: int
    faults: bool


def run_demo(options: DemoOptions, host: Host) -> bool:
    """Run until stopped or until the time is over; returns whether every promise was kept."""
    settings = options.settings or Settings.load(_DEFAULT | {"paper": {"venues": [_VENUE], "seed": options.seed}})
    with ExitStack() as running:
        oms = Oms(settings, switch_interval_s=0.0005, on_fatal=lambda _: host.stop.set())
        if settings.metrics.enabled:
            # Before anything else is started: a port that is taken must not cost a store and a venue.
            host.progress.print(f"metrics on {_serve_metrics(settings.metrics, oms, running)}", soft_wrap=True)
        host.progress.print("starting the store and the venues …", style="dim")
        oms.subscribe(partial(_say_owned, host, set()), Alert)
        running.enter_context(oms)
        paper = oms.runtime.venues.paper
        until = None if options.seconds is None else time.monotonic() + options.seconds
        if paper is None or settings.is_live:
            return _Watching(oms, host).run(until)
        return _Trading(oms, paper, options, host).run(until)


def _say_owned(host: Host, said: set[str], alert: Alert) -> None:
    # The account tries again and again; once is enough.
    if alert.name == "AccountOwnedElsewhere" and alert.account_id not in said:
        said.add(alert.account_id)
        host.progress.print(f"account {alert.account_id} is owned by another process; waiting", soft_wrap=True)


def _serve_metrics(metrics: MetricsSettings, oms: Oms, running: ExitStack) -> str:
    try:
        server, _ = start_http_server(metrics.port, metrics.host, oms.registry)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PortTaken(
            f"metrics.port {metrics.port} on metrics.host {metrics.host} cannot be used: {why}; choose another, or 0 "
            "for any free one"
        ) from error
    running.callback(server.server_close)
    running.callback(server.shutdown)
    return f"http://{metrics.host}:{server.server_port}/metrics"


class _Watching:
    """Shows what happens and does nothing."""

    def __init__(self, oms: Oms, host: Host) -> None:
        self._host = host
        self._header = (_title(oms),)
        self._watch = Watch(oms, tuple(account.id for account in oms.settings.accounts))
        oms.subscribe(self._watch.listen)

    def run(self, until: float | None) -> bool:
        """Show until stopped."""
        _show(self._host, self._header, self._watch.scene, until)
        return True


class _Trading:
    """Trades on paper while faults come and go."""

    def __init__(self, oms: Oms, paper: PaperProcess, options: DemoOptions, host: Host) -> None:
        self._oms = oms
        self._host = host
        self._faults = options.faults
        self._accounts = tuple(account.id for account in oms.settings.accounts)
        self._ledger = Ledger()
        self._watch = Watch(oms, self._accounts)
        self._control = paper.control(_VENUE)
        self._parity = Parity(self._control, oms, self._accounts)
        self._saboteur = Saboteur(self._control, options.seed)
        names = [name for name in NAMES if name != STORE_KILLED]
        self._stages = cycle(draw_stages(names, Random(f"{options.seed}/faults"), _STAGES))
        self._faults_on = False
        self._next_parity = 0.0
        self._next_stage = time.monotonic() + _CALM_S
        self._ending = threading.Event()
        self._traders = [self._trader(account, paper, options.seed) for account in self._accounts]

    def run(self, until: float | None) -> bool:
        """Trade until stopped, then compare."""
        self._oms.subscribe(self._watch.listen)
        self._control.run_market(running=True)
        for trader in self._traders:
            trader.start()
        _show(self._host, (_title(self._oms), _SHORT_TIMEOUTS), self._scene, until)
        self._host.progress.print(
            "stopping: no new orders, those under way come to their end, then comparing with the venue's record "
            f"(at most {_LAST_ORDERS_S + _SETTLE_S:g} s; Ctrl-C again ends at once) …",
            style="dim",
            soft_wrap=not self._host.progress.is_terminal,
        )
        self._saboteur.end()
        self._control.run_market(running=False)
        self._ending.set()
        for trader in self._traders:
            trader.join(_LAST_ORDERS_S)
        return self._compare()

    def _trader(self, account: str, paper: PaperProcess, seed: int) -> Trader:
        # Request ids are for ever, and a store that was configured may know those of earlier runs.
        mine = intents(_VENUE, (account,), Random(f"{seed}/{account}"), prefix=f"{self._oms.runtime.next_id()}-")
        control = ControlClient(paper.venues[_VENUE]["controlUrl"])
        return Trader(
            self._oms, control, mine, self._ledger, in_flight_max=_IN_FLIGHT_MAX, pause_s=_PAUSE_S, stop=self._ending
        )

    def _scene(self) -> Scene:
        now = time.monotonic()
        if self._faults and now >= self._next_stage:
            self._switch(now)
        if now >= self._next_parity:
            self._next_parity = now + _PARITY_S
            self._saboteur.refresh()
            self._parity.refresh()
        return self._watch.scene(self._ledger, self._parity, self._saboteur.counts())

    def _switch(self, now: float) -> None:
        if self._faults_on:
            self._saboteur.end()
            self._watch.say("faults end for a while")
        else:
            self._saboteur.begin(next(self._stages))
            self._watch.say("faults begin: answers get lost, connections break, the venue misbehaves")
        self._faults_on = not self._faults_on
        self._next_stage = now + (_FAULTS_S if self._faults_on else _CALM_S)

    def _compare(self) -> bool:
        deadline = time.monotonic() + _SETTLE_S
        while True:
            verdict, unknown = self._judge()
            if time.monotonic() > deadline or not (unknown or verdict.violations):
                break
            time.sleep(_FRAME_S)
        _tell_end(self._host, verdict, len(self._ledger.put_off), unknown)
        return not verdict.violations

    def _judge(self) -> tuple[Verdict, int]:
        """Compare the intents of this run that came to something; the number is of those that did not."""
        books = {account: self._oms.views(account) for account in self._accounts}
        asked = self._ledger.snapshot()
        settled, moving = self._requests(books)
        known = {
            # A trader that has left hears no answer; what became of its order is known all the same.
            key: reply or OrderUnresolved(view=None)
            for key, reply in asked.items()
            if key not in moving and (reply is not None or key in settled)
        }
        closes = self._ledger.closes_told()
        judged = known.keys() | {(close.account_id, f"{REQUEST}{close.close_id}") for close in closes}
        # A store of one's own keeps the orders of earlier runs, and those venues are gone: nothing confirms them.
        ours, record = only(judged, books, read_record(self._control, self._accounts))
        verdict = audit(known, ours, record, closes, self._ledger.doings())
        repeated = [each["clientOrderId"] for each in self._control.summary()["duplicates"]]
        verdict.duplicates = max(verdict.duplicates, len(repeated))
        verdict.violations += [f"the venue accepted {name} more than once" for name in repeated]
        return verdict, len(asked) - len(known) - len(self._ledger.put_off)

    def _requests(self, books: dict[str, PublishedViews]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Accounts and request ids of orders that came to something, and of those that did not."""
        settled: set[tuple[str, str]] = set()
        moving: set[tuple[str, str]] = set()
        for account, book in books.items():
            for order in list(book.orders.values()):
                (settled if is_settled(order) else moving).add((account, order.request_id or ""))
        return settled, moving


def _tell_end(host: Host, verdict: Verdict, put_off: int, unknown: int) -> None:
    lines = [
        (
            f"{verdict.intents} intents with an outcome, {verdict.closes} closes of positions and "
            f"{verdict.replacements} orders in the place of others: "
            f"{verdict.venue_orders} venue orders with {verdict.fills} fills, {verdict.refused_here} refused before "
            f"sending, {verdict.refused_by_venue} refused by the venue, {verdict.proven_absent} sent and proven absent."
        ),
        (
            f"By the venue's own record: {verdict.duplicates} duplicates, {verdict.lost} lost, "
            f"{verdict.phantom_fills} phantom fills, {verdict.false_matches} false matches, {verdict.missing_fills} "
            f"missing fills, {counted(verdict.positions, 'position')} compared, {verdict.false_positions} false; "
            f"{len(verdict.violations)} violations in all."
        ),
    ]
    if put_off or unknown:
        lines.append(
            f"Not in this comparison: {put_off} refused for now and never placed; {unknown} sent, outcome unknown when "
            "the program ended."
        )
    lines += verdict.violations[:_VIOLATIONS_SHOWN]
    # A terminal would fold in the middle of words; a pipe gets each line whole.
    host.out.print("\n".join(lines), highlight=False, markup=False, soft_wrap=not host.out.is_terminal)


def _title(oms: Oms) -> str:
    facts = oms.runtime.facts
    store = "" if facts is None else f"{facts.product} ({facts.durability})"
    where = "embedded " if oms.runtime.server is not None else ""
    kind = "live credentials" if oms.settings.is_live else "paper venues on loopback"
    return f"Livermore Orders · {kind} · {where}{store}"


def _show(host: Host, header: Sequence[str], scene: Callable[[], Scene], until: float | None) -> None:
    """Show scenes until the time is over or somebody stops the program: a screen on a terminal, else plain lines."""
    if not host.out.is_terminal:
        host.progress.print("\n".join(header), highlight=False, soft_wrap=True)
        while _goes_on(host, until, _LINE_S):
            host.out.print(plain_line(scene()), highlight=False, soft_wrap=True)
        return
    footer = "Ctrl-C ends it · python run.py --help shows the drill, the replay and the paper venues"
    with Live(console=host.out, screen=True, auto_refresh=False) as live:
        while _goes_on(host, until, _FRAME_S):
            size = host.out.size
            live.update(picture(scene(), header, footer, width=size.width, height=size.height), refresh=True)


def _goes_on(host: Host, until: float | None, pause_s: float) -> bool:
    left = pause_s if until is None else min(pause_s, until - time.monotonic())
    return left > 0 and not host.stop.wait(left)
