"""Orders per second against a venue that answers at once, beside the limits of the store and of the actor runtime."""

import threading
from typing import ClassVar

from actors.runtime.base import OmsActor
from actors.runtime.metrics import Metrics
from actors.runtime.outcome import Act, Outcome
from actors.runtime.pooled import PooledSystem
from messages.control import Pong
from tests.benchmarks.figures import Figure, Figures, watched
from tests.benchmarks.rig import (
    SWITCH_INTERVAL_S,
    carry_out,
    instant_oms,
    orders,
    raw_commits_per_s,
    recorded_sections,
)

REPETITIONS = 5
ORDERS = 3000
IN_FLIGHT = 512


def run() -> list[Figure]:
    figures = Figures()
    tells = [_tells_per_s() for _ in range(REPETITIONS)]
    for rate in tells:
        figures.add("pooled tells to 100 actors, nothing else", rate, "tells/s")
    for durability in ("everysec", "fsync"):
        for accounts in (100, 1):
            _measure(figures, accounts, durability, tells)
    return figures.all()


def _measure(figures: Figures, accounts: int, durability: str, tells: list[float]) -> None:
    what = f"{durability}, {accounts} account{'s' if accounts > 1 else ''}"
    with instant_oms(accounts, durability) as oms:
        with recorded_sections() as sections:
            carry_out(oms, orders(ORDERS, accounts, "warm"), in_flight=IN_FLIGHT)
        handled = oms.runtime.system.handled
        for repetition in range(REPETITIONS):
            before = handled()
            watch = carry_out(oms, orders(ORDERS, accounts, f"r{repetition}"), in_flight=IN_FLIGHT)
            messages = handled() - before
            raw = raw_commits_per_s(oms.runtime.store, sections, f"raw{repetition}")
            rate = ORDERS / watch.wall_s
            commits = len(sections) / ORDERS * rate
            figures.add(f"orders acknowledged ({what})", rate, "orders/s")
            figures.add(f"processor time per order ({what})", 1e6 * watch.cpu_s / ORDERS, "us")
            figures.add(f"raw group commits of the same sections ({what})", raw, "sections/s")
            figures.share(f"commits as a share of raw ({what})", commits, raw)
            figures.share(f"messages as a share of pooled tells ({what})", messages / watch.wall_s, tells[repetition])


class _Counter(OmsActor[Pong]):
    """Counts down and says when all have come."""

    accepts: ClassVar = frozenset({Pong})
    expected = 0
    done: threading.Event

    def receive(self, message: Pong) -> Outcome:
        del message
        self.expected -= 1
        return Outcome() if self.expected else Outcome(effects=[Act(self.done.set)])


def _tells_per_s(actors: int = 100, each: int = 300) -> float:
    system = PooledSystem(Metrics(), switch_interval_s=SWITCH_INTERVAL_S)
    built: list[_Counter] = []

    def build(its_system: object, address: str) -> _Counter:
        actor = _Counter(its_system, address)  # type: ignore[arg-type]
        actor.expected, actor.done = each, threading.Event()
        built.append(actor)
        return actor

    addresses = [f"counter/{number}" for number in range(actors)]
    for address in addresses:
        system.start(address, build)
    message = Pong(address="")
    try:
        with watched() as watch:
            for _ in range(each):
                for address in addresses:
                    system.tell(address, message)
            for actor in built:
                actor.done.wait()
    finally:
        system.shutdown(5)
    return actors * each / watch.wall_s
