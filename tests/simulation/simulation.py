"""One run: a seed in, a verdict out.

Workload and faults go on for a while; then the faults stop and everything must settle within a bounded time; then the
process is restarted three times, which must change nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from actors.desk import FILL_TIMEOUTS, VERIFICATION
from actors.exchange import ExchangeRhythm
from actors.runtime.metrics import Metrics
from actors.runtime.simulated import SimulatedSystem
from actors.store.port import Table
from actors.tree import account_address, plant
from actors.views import PublishedViews
from messages.commands import VenueRequest
from messages.events import Alert, Event
from messages.queries import Reply

from . import parity
from .auditor import Auditor, Violation
from .faults import Fault, Faults
from .foreign import Owner
from .gateway import SimulatedGateway
from .operations import Operations
from .regime import draw_regime
from .store import AuditedStore, SimulatedStoreRim
from .venue import Venue
from .venue_traits import traits_of
from .workload import Workload, venue_orders_per_intent

SETTLE_LIMIT_MS: Final = 180_000
_WARM_UP_MS = 3000
_RESTARTS = 3
_SLICE_MS = 1000
_PARITY_MS = 60_000
_FORGOTTEN_MS = 75_000
"""An order that has ended is remembered for a minute, and the sweep comes every few seconds."""
_LAST_WORDS_MS = 4000
"""What the venue had in mind when the faults ended happens within this time."""
_RHYTHM = ExchangeRhythm(clock_ms=10_000)
_SILENT = frozenset({Fault.FRAME_DROP})
_SHARE_SILENT = 0.1
_SHARES_LATE = (0.1, 0.5, 0.9)
_SETTLE_TIMES = 4
"""How many times the settle time must be waited for one after the other until everything is settled."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a run."""

    seed: int
    violation: Violation | None
    trace_hash: str
    trace_tail: tuple[str, ...]
    simulated_ms: int
    faults: Counter[Fault]
    seen: Counter[str]


@cache
def _metrics() -> Metrics:
    # One for all runs of this process: metrics are only ever written.
    return Metrics(CollectorRegistry())


class Simulation:
    """The world of one seed."""

    store_class: type[AuditedStore] = AuditedStore
    gateway_class: type[SimulatedGateway] = SimulatedGateway

    def __init__(
        self,
        seed: int,
        faults: frozenset[Fault] | None = None,
        *,
        plain: bool | None = None,
        venue: str | None = None,
    ) -> None:
        """`faults`: exactly these are on; None: a random subset. `plain`: see `regime`; None: by the seed.

        `venue`: one that exists; None: what it can do is drawn.
        """
        self.seed = seed
        self.traits = traits_of(venue)
        self._settle_ms = self.traits.capabilities.settle_ms
        self._random = self._stream("run")
        self.system = SimulatedSystem(seed, metrics=_metrics())
        self.system.after_step = self._stop_at_violation
        self._policies = self._stream("policies")
        self.silent = faults is None and self._policies.random() < _SHARE_SILENT
        """The stream drops frames and says nothing, nothing else goes wrong, and only the audit can find out."""
        self.faults = Faults(self._stream("faults"), _SILENT if self.silent else faults)
        self.accounts = tuple(str(number) for number in range(1, self._random.randint(1, 3) + 1))
        self.venue = Venue(
            self.system,
            self.faults,
            self._stream("venue"),
            self.accounts,
            self.traits,
            share_late=self._stream("delays").choice(_SHARES_LATE),
        )
        self.auditor = Auditor(self.venue, self.system.clock.now_ms)
        self.store = self.store_class(self.system.clock.monotonic_ms, self.auditor.on_section, self.auditor.on_lease)
        self.workload = Workload(self.system, self.auditor, self.venue.engine, self._stream("workload"), self.accounts)
        self.operations = Operations(
            self.system, self.auditor, self.workload, self._stream("operations"), self.accounts
        )
        self.owner = Owner(self.system, self.venue, self._stream("owner"), self.accounts)
        more = self._stream("regime")
        self.regime = draw_regime(self._policies, more, silent=self.silent, plain=plain, traits=self.traits)
        self.policy = self.regime.policy
        self.auditor.judge_by(self.policy)
        self.venue.on_accepted = self.auditor.on_accepted
        if self.silent:
            self.faults.odds = self.faults.odds | {Fault.FRAME_DROP: self._policies.choice((0.3, 0.7, 1.0))}
            self.auditor.booked_within_ms = self.policy.audit_interval_ms + self._settle_ms
        self.system.on_event = self._on_event
        self.system.on_reply = self._on_reply
        self.views: dict[str, PublishedViews] = {}
        self.gateways: dict[str, SimulatedGateway] = {}
        self._rim: SimulatedStoreRim | None = None
        self._alive = False
        self._fenced: set[str] = set()
        self._owners = count(1)

    # ----- the run

    def run(self) -> Verdict:
        """Run to the end or to the first violation."""
        violation = None
        try:
            self._live_through()
        except _Stopped:
            violation = self.auditor.violations[0]
        return Verdict(
            seed=self.seed,
            violation=violation,
            trace_hash=self.system.trace_hash(),
            trace_tail=tuple(self.system.trace_tail()),
            simulated_ms=self.system.clock.monotonic_ms(),
            faults=self.faults.hits,
            seen=self.auditor.seen + self.venue.seen,
        )

    def _live_through(self) -> None:
        self.venue.make_market()
        self.start()
        self.system.run_for(_WARM_UP_MS)
        self.system.run_for(self._schedule_everything())
        self._heal()
        self._settle()
        self._check_intents()
        if any(parity.unbooked(self.auditor, account) for account in self.accounts):
            # What was traded by hand and ended unseen may be found by the longer look back of a start.
            self.auditor.seen["traded unseen"] += 1
            return
        if any(map(self._is_undecidable, self.accounts)):
            # A person would decide now.
            self.auditor.seen["undecidable"] += 1
            return
        self._ask_for_parity()
        if not self.regime.keeps_everything:
            self._outlive_the_records()
        before = self.digest()
        for _ in range(_RESTARTS):
            self._restart_unchanged(before)

    def _schedule_everything(self) -> int:
        duration_ms = self._random.randint(30_000, 60_000)
        at = self._at_random_moments
        at(self._random.randint(20, 40), duration_ms, self.workload.place)
        at(self._random.randint(5, 20), duration_ms, self.workload.cancel)
        at(duration_ms // 1500, duration_ms, self.venue.move_market)
        at(duration_ms // 4000, duration_ms, self.venue.fill_something)
        at(self._random.randint(0, 6), duration_ms, self.workload.close)
        at(self._random.randint(0, 3), duration_ms, self.owner.trade)
        for times, act in [] if self.regime.plain else self.operations.times():
            at(times, duration_ms, act)
        at(0 if self.regime.plain else self._random.randint(0, 3), duration_ms, self.owner.meddle)
        at(self.faults.times(Fault.CRASH, 3), duration_ms, lambda: self._crash(Fault.CRASH))
        at(self.faults.times(Fault.TAKEN_OVER, 1), duration_ms, self._take_over)
        at(self.faults.times(Fault.CLOCK_STEP, 3), duration_ms, self._step_clock)
        at(self.faults.times(Fault.VENUE_DOWN, 2), duration_ms, self._venue_away)
        at(self.faults.times(Fault.STORE_DOWN, 2), duration_ms, self._store_away)
        at(self.faults.times(Fault.EXCHANGE_FAILS, 3), duration_ms, self._fail_exchange)
        at(self.faults.times(Fault.ACCOUNT_FAILS, 2), duration_ms, self._fail_account)
        at(self.faults.times(Fault.POSITION_FAILS, 4), duration_ms, self._fail_position)
        at(self.faults.times(Fault.SUPERVISOR_FAILS, 2), duration_ms, self._fail_supervisor)
        return duration_ms

    def _at_random_moments(self, times: int, duration_ms: int, act: Callable[[], None]) -> None:
        for _ in range(times):
            self.system.schedule(self._random.randrange(duration_ms), act)

    def _heal(self) -> None:
        self.faults.calm()
        self.workload.stopped = True
        self.venue.quiet = True
        self.venue.down_until_ms = 0
        if self._rim is not None:
            self._rim.down_until_ms = 0
        if self._fenced and self._alive:
            self.restart()

    def _settle(self) -> None:
        deadline_ms = self.system.clock.monotonic_ms() + SETTLE_LIMIT_MS + _SETTLE_TIMES * self._settle_ms
        left = "nothing was looked at"
        self.system.run_for(_LAST_WORDS_MS)
        while self.system.clock.monotonic_ms() < deadline_ms:
            self.system.run_for(_SLICE_MS)
            left = self._first_difference()
            if not left:
                return
        self._violate("9 quiet in bounded time", left)

    def _first_difference(self) -> str:
        if not self._alive:
            return "the process is not running"
        for difference in parity.differences(self.auditor, self.accounts, self.views):
            return difference
        for account in self.accounts:
            left = self._held_back(account)
            if left:
                return left
        for asked in self.workload.waiting.values():
            if self._is_undecidable(asked.command.account_id):
                # Whoever cancels such an order is told what a person decides, or that his patience is over.
                continue
            return f"no reply to {type(asked.command).__name__} {asked.command.correlation_id}"
        return ""

    def _is_undecidable(self, account: str) -> bool:
        orders = self.auditor.orders[account].values()
        return any(parity.is_undecidable(self.auditor, account, order) for order in orders)

    def _held_back(self, account: str) -> str:
        # The one look into an actor: a claim that is held back for good would show nowhere else.
        cell = self.system._find(account_address(account))
        memory = getattr(cell.actor, "_memory", None) if cell is not None else None
        return f"account {account} holds back {sorted(memory.held)}" if memory is not None and memory.held else ""

    def _check_intents(self) -> None:
        for difference in parity.duplicates(self.auditor, self.accounts):
            self._violate("S1 one venue order", difference)
        apart = set(self.auditor.closes.by_order) | self.venue.resized
        for account in self.accounts:
            apart |= {(account, order_id) for order_id in self.auditor.chains.replacements(account)}
            self.auditor.chains.check_sums(account)
        for intent, orders in venue_orders_per_intent(self.workload, self.venue.engine, apart):
            if orders > 1:
                self._violate("S1 one venue order", f"an intent has {orders} orders at the venue: {intent.terms}")

    def _outlive_the_records(self) -> None:
        # Nothing may be left of what has ended, and the same requests, made again, are the same requests.
        self._wait_until_forgotten()
        self.workload.stopped = False
        self.workload.come_back()
        for account in self.accounts:
            self.venue.tell_again(account)
        self.system.run_for(_SLICE_MS)
        self.workload.stopped = True
        self._settle()
        self._check_intents()
        self._wait_until_forgotten()

    def _wait_until_forgotten(self) -> None:
        self.system.run_for(_FORGOTTEN_MS)
        for account in self.accounts:
            for residue in parity.residues(self.auditor, account, self.store.load(account)):
                self._violate("privacy", residue)

    def _ask_for_parity(self) -> None:
        self.system.run_for(self._settle_ms + _LAST_WORDS_MS)
        self.workload.stopped = False
        for account in self.accounts:
            self.operations.check_parity(account)
        self.workload.stopped = True
        self.system.run_until(lambda: not self.workload.waiting, _PARITY_MS + self._settle_ms)
        if self.workload.waiting:
            self._violate("5 replies", "a parity check is not answered")
        for account in self.accounts:
            for difference in parity.disagreements(self.auditor, account, self.operations.parity[account]):
                self._violate("parity", difference)

    def _restart_unchanged(self, before: str) -> None:
        self.restart()
        self.system.run_for(5000)
        left = self._first_difference()
        if left:
            self._violate("S16 restart", f"after a restart: {left}")
        if self.digest() != before:
            self._violate("S16 restart", "a restart changed the records")

    def digest(self) -> str:
        """A hash of everything the store holds of all accounts."""
        digest = hashlib.sha256()
        for account in self.accounts:
            records = self.store.load(account)
            for table in Table:
                for name, value in sorted(records.get(table, {}).items()):
                    digest.update(f"{account} {table} {name} ".encode() + value)
        return digest.hexdigest()

    # ----- the process

    def start(self) -> None:
        """Start the process: fresh actors and rims on the same store and venue."""
        if self._alive:
            return
        self._alive = True
        self._fenced.clear()
        number = next(self._owners)
        random = self._stream(f"process {number}")
        self._rim = SimulatedStoreRim(
            self.system, self.store, self.faults, random, owner=f"process-{number}", crash=self._crash_after_write
        )
        self.gateways = {
            account: self.gateway_class(
                self.system, self.venue, self.faults, random, account_id=account, witness=self._on_wire,
                on_list=self.auditor.on_list, capabilities=self.regime.capabilities,
            )
            for account in self.accounts
        }
        self.views = {}
        plant(
            self.system,
            accounts=dict.fromkeys(self.accounts, self.policy),
            gateway_of=lambda account, _: self.gateways[account],
            writer=self._rim,
            loader=self._rim,
            views=self.views,
            renew_interval_ms=1000,
            rhythm=_RHYTHM,
            escalate=lambda _: self.system.schedule(0, lambda: self._crash(Fault.CRASH)),
            account_lost=lambda _: None,
        )

    def restart(self) -> None:
        """Kill the process and start it again at once."""
        self._kill()
        self.start()

    def _kill(self) -> None:
        if self._alive:
            self._alive = False
            self.system.crash()
            self.workload.forget()

    def _crash(self, fault: Fault) -> None:
        if self._alive and not self.workload.stopped:
            self.faults.count(fault)
            self._kill()
            self.system.schedule(self._random.randint(100, 8000), self.start)

    def _crash_after_write(self) -> None:
        if self._alive:
            self._kill()
            self.system.schedule(self._random.randint(100, 8000), self.start)

    def _take_over(self) -> None:
        account = self._random.choice(self.accounts)
        if self.store.is_known(account) and self._alive and not self.workload.stopped:
            self.faults.count(Fault.TAKEN_OVER)
            self.store.take_over(account)
            self._fenced.add(account)
            self.workload.forget(account)
            self.system.schedule(self._random.randint(500, 10_000), lambda: self._crash(Fault.CRASH))

    # ----- what happens around it

    def _step_clock(self) -> None:
        self.faults.count(Fault.CLOCK_STEP)
        self.system.clock.step_wall(self._random.choice((-4000, -700, 700, 3000)))  # type: ignore[attr-defined]
        self.auditor.on_clock_set()

    def _venue_away(self) -> None:
        self.faults.count(Fault.VENUE_DOWN)
        self.venue.down_until_ms = self.system.clock.monotonic_ms() + self._random.randint(500, 8000)

    def _store_away(self) -> None:
        if self._rim is not None:
            self.faults.count(Fault.STORE_DOWN)
            self._rim.down_until_ms = self.system.clock.monotonic_ms() + self._random.randint(200, 6000)

    def _fail_exchange(self) -> None:
        if self._alive:
            self.faults.count(Fault.EXCHANGE_FAILS)
            self.gateways[self._random.choice(self.accounts)].fail_next = True

    def _fail_account(self) -> None:
        account = self._random.choice(self.accounts)
        self.faults.count(Fault.ACCOUNT_FAILS)
        self.fail(account_address(account))

    def _fail_supervisor(self) -> None:
        self.faults.count(Fault.SUPERVISOR_FAILS)
        self.fail(self._random.choice((VERIFICATION, FILL_TIMEOUTS)))

    def _fail_position(self) -> None:
        self.faults.count(Fault.POSITION_FAILS)
        self.fail(self._position_address(self._random.choice(self.accounts), self._random.choice(self.traits.symbols)))

    def fail(self, address: str) -> None:
        """Let an actor's handler raise at its next message."""
        cell = self.system._find(address)
        if cell is not None:
            cell.actor.receive = _raise  # type: ignore[method-assign, assignment]

    # ----- witnesses

    def _on_wire(self, request: VenueRequest) -> None:
        self.auditor.on_wire(request)

    def _on_event(self, event: Event) -> None:
        self.auditor.on_event(event)
        self.workload.on_event(event)
        if isinstance(event, Alert):
            self.auditor.seen[f"alert:{event.name}"] += 1
            if event.name in ("ActorFailed", "ExchangeActorFailed", "PositionActorFailed"):
                self._on_actor_failed(event)

    def _on_actor_failed(self, event: Alert) -> None:
        address = dict(event.details)["address"]
        if "injected failure" not in event.text:
            self._violate_quietly("no actor fails by itself", f"{address}: {event.text}")
        if address == FILL_TIMEOUTS:
            self.auditor.timeouts.on_supervisor_failed(self.accounts)
        for account in self.accounts:
            if address == account_address(account):
                self.workload.forget(account)
            for symbol in self.traits.symbols:
                if address == self._position_address(account, symbol):
                    self.workload.forget_closes(account, symbol)

    def _on_reply(self, reply: Reply) -> None:
        asked = self.workload.waiting.get(reply.correlation_id)
        self.auditor.on_reply(reply, None if asked is None else asked.command)
        self.workload.on_reply(reply)
        self.operations.on_reply(reply, asked)

    # ----- parts

    def _position_address(self, account: str, symbol: str) -> str:
        return f"{account_address(account)}/position/{self.traits.exchange}/{symbol}"

    def _stream(self, name: str) -> Random:
        return Random(f"{self.seed}:{name}")

    def _stop_at_violation(self) -> None:
        if self.auditor.violations:
            raise _Stopped

    def _violate(self, invariant: str, detail: str) -> None:
        self._violate_quietly(invariant, detail)
        raise _Stopped

    def _violate_quietly(self, invariant: str, detail: str) -> None:
        self.auditor.violate(invariant, detail)


class _Stopped(Exception):
    """A violation was found: nothing that follows means anything."""


def _raise(_: object) -> None:
    raise RuntimeError("injected failure")
