"""The main job: an order manager on its embedded default, accounts that trade on paper, faults, and a view of it all.

With live credentials in the configuration nothing is placed and nothing is broken by this program: it only watches.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import start_http_server
from rich.live import Live

from actors.app.host import Host
from actors.app.live import picture, plain_line
from actors.app.main_end import awaited, main_end
from actors.app.markets import VENUES, settle_ms
from actors.app.progress import waiting
from actors.app.schedule import names_at
from actors.app.starting import wait_until_open
from actors.app.trading import VenueTrading
from actors.app.watch import Scene, Told, Watch
from actors.app.workload import TIMEOUT_MS
from actors.errors import OmsError
from actors.oms import Oms
from actors.settings import MetricsSettings, Settings
from exchanges.paper.client import PaperProcess
from messages.events import Alert

_ACCOUNTS: Final = ("alice", "bob", "carol", "dave", "erin", "frank")
_DEFAULT: Final = {
    "accounts": [
        {"id": name, "exchanges": {venue: {}}} for name, venue in zip(_ACCOUNTS, sorted(VENUES), strict=False)
    ],
    "orderManagement": {
        # As often as the rate limits of the strictest venue allow beside everything else.
        "sync": {"reconcileIntervalSeconds": 30, "lookbackMinutes": 10},
        "partialFillTracking": {"audit": {"intervalMs": 15_000}},
        "verification": {"slowRetryInterval": 10_000},
    },
}
_FAULTS_S: Final = 6.0
_CALM_S: Final = 5.0
_FRAME_S: Final = 0.25
_LINE_S: Final = 2.0
_LOOK_S: Final = 1.0
_LAST_ORDERS_S: Final = 5.0
"""How long orders under way may take to come to something when the program ends."""
_SETTLE_S: Final = 45.0
"""How long books and the venues' records may take to agree: three of the regular comparisons."""
_SHORT_TIMEOUTS: Final = (
    f"some demo orders carry a fill timeout of {TIMEOUT_MS[0] // 1_000} to {TIMEOUT_MS[1] // 1_000} s"
)


class PortTaken(OmsError):
    """The metrics cannot be served where the settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What is asked of the main job."""

    settings: Settings | None
    """None: an account on each paper venue."""
    seconds: float | None
    seed: int
    faults: bool


def run_demo(options: DemoOptions, host: Host) -> bool:
    """Run until stopped or until the time is over; returns whether every promise was kept."""
    settings = options.settings or _default(options)
    with ExitStack() as running:
        oms = Oms(settings, switch_interval_s=0.0005, on_fatal=lambda _: host.stop.set())
        if settings.metrics.enabled:
            # Before anything else is started: a port that is taken must not cost a store and a venue.
            host.progress.print(f"metrics on {_serve_metrics(settings.metrics, oms, running)}", soft_wrap=True)
        host.progress.print("starting the store and the venues …", style="dim")
        oms.subscribe(partial(_say_first, host, set()), Alert)
        oms.start(ready_timeout_s=0.0)
        running.callback(oms.stop)
        wait_until_open(oms, host)
        paper = oms.runtime.venues.paper
        until = None if options.seconds is None else time.monotonic() + options.seconds
        if paper is None or settings.is_live:
            return _Watching(oms, host).run(until)
        return _Trading(oms, paper, options, host).run(until)


def _default(options: DemoOptions) -> Settings:
    faults = {venue: names_at(venue) if options.faults else () for venue in VENUES}
    source = {
        "paper": {"venues": list(VENUES), "seed": options.seed},
        "exchanges": {venue: {"settleMs": settle_ms(venue, names)} for venue, names in faults.items()},
    }
    return Settings.load(_DEFAULT | source)


def _say_first(host: Host, said: set[str], alert: Alert) -> None:
    """Say what keeps an account from working, or from what its configuration means, once."""
    exchange = dict(alert.details).get("exchange", "")
    told = {
        "AccountOwnedElsewhere": f"account {alert.account_id} is owned by another process; waiting",
        "AliasProblem": f"warning: {exchange}: {alert.text}",
    }.get(alert.name)
    # The account tries again and again, and accounts of one exchange read the same; once is enough.
    if told is not None and told not in said:
        said.add(told)
        host.progress.print(told, highlight=False, markup=False, soft_wrap=True)


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
    """Trades on paper, at every venue that accounts have, while faults come and go."""

    def __init__(self, oms: Oms, paper: PaperProcess, options: DemoOptions, host: Host) -> None:
        self._oms = oms
        self._host = host
        self._watch = Watch(oms, tuple(account.id for account in oms.settings.accounts))
        self._ending = threading.Event()
        self._venues = [
            VenueTrading(oms, paper, venue, accounts, seed=options.seed, stop=self._ending)
            for venue, accounts in _accounts_by_venue(oms.settings).items()
        ]
        now = time.monotonic()
        # One venue after the other, so that some are calm while others are not.
        step = (_FAULTS_S + _CALM_S) / len(self._venues)
        self._due = [now + _CALM_S + step * place if options.faults else math.inf for place in range(len(self._venues))]
        self._calm = [True] * len(self._venues)
        self._next_look = 0.0

    def run(self, until: float | None) -> bool:
        """Trade until stopped, then compare."""
        self._oms.subscribe(self._watch.listen)
        for venue in self._venues:
            venue.start()
        _show(self._host, (_title(self._oms), _SHORT_TIMEOUTS), self._scene, until)
        self._host.progress.print(
            "stopping: no new orders, those under way come to their end, then comparing with the venues' records "
            f"(at most {_LAST_ORDERS_S + _SETTLE_S:g} s; Ctrl-C again ends at once) …",
            style="dim",
            soft_wrap=not self._host.progress.is_terminal,
        )
        self._ending.set()
        for venue in self._venues:
            venue.stop()
        deadline = time.monotonic() + _LAST_ORDERS_S
        for venue in self._venues:
            venue.join(max(0.0, deadline - time.monotonic()))
        return self._compare()

    def _scene(self) -> Scene:
        now = time.monotonic()
        for place, venue in enumerate(self._venues):
            if now >= self._due[place]:
                self._watch.say(venue.switch())
                self._calm[place] = not self._calm[place]
                self._due[place] = now + (_CALM_S if self._calm[place] else _FAULTS_S)
        if now >= self._next_look:
            self._next_look = now + _LOOK_S
            for venue in self._venues:
                venue.refresh()
        told = {
            venue.venue: Told(ledger=venue.ledger, parity=venue.parity, faults=venue.faults) for venue in self._venues
        }
        return self._watch.scene(told)

    def _compare(self) -> bool:
        began = time.monotonic()
        judged = {venue.venue: venue.judge() for venue in self._venues}
        with waiting(self._host) as show:
            while (left_s := began + _SETTLE_S - time.monotonic()) > 0:
                left = [venue for venue in self._venues if not judged[venue.venue].is_final]
                if not left:
                    break
                show(f"waiting, at most {left_s:.0f} s more, for {awaited(list(judged.values()))}")
                time.sleep(_FRAME_S)
                judged |= {venue.venue: venue.judge() for venue in left}
        ends = list(judged.values())
        self._host.show(*main_end(ends))
        return not any(end.verdict.violations for end in ends)


def _accounts_by_venue(settings: Settings) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for account in settings.accounts:
        for venue in account.exchanges.by_name():
            found[venue] = (*found.get(venue, ()), account.id)
    return found


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
    footer = "Ctrl-C ends it · run.py --help shows the drill, the replay and the rest"
    with Live(console=host.out, screen=True, auto_refresh=False) as live:
        while _goes_on(host, until, _FRAME_S):
            size = host.out.size
            live.update(picture(scene(), header, footer, width=size.width, height=size.height), refresh=True)


def _goes_on(host: Host, until: float | None, pause_s: float) -> bool:
    left = pause_s if until is None else min(pause_s, until - time.monotonic())
    return left > 0 and not host.stop.wait(left)
