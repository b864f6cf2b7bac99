"""Which faults a drill switches on, when, and how often they really happened.

`FaultSchedule` is pure and drawn from a seed; `Saboteur` carries it out on a paper venue and on our own store server.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from actors.app.markets import CAPABILITIES, DEFAULT_VENUE
from exchanges.paper.client import ControlClient, ControlError
from exchanges.paper.faults import Fault, FaultRule, RequestKind

STORE_KILLED: Final = "store_killed"
"""The embedded server is killed with SIGKILL and comes back; beside the venue's own faults."""
STREAMS_BROKEN: Final = "streams_broken"
"""All user streams break at once."""
NAMES: Final = (*(fault.value for fault in Fault), STREAMS_BROKEN, STORE_KILLED)

_RARE: Final = {
    Fault.OUTAGE: (1, 1_500),
    Fault.RESTART: (1, 400),
    Fault.BAN: (1, 2_000),
    Fault.RATE_LIMIT: (2, 1_000),
    Fault.HANG: (3, 4_000),
    Fault.STREAM_CLOSE: (2, None),
    Fault.STREAM_SILENT: (2, 2_000),
    Fault.TOKEN_EXPIRED: (2, None),
    Fault.WRONG_CLOCK: (4, None),
    Fault.REFUSE: (20, None),
}
"""Faults that concern everybody at once or hold a worker up: at most so often per stage, for so long (ms)."""
_SEPARATELY: Final = {Fault.TOKEN_EXPIRED: (RequestKind.FRAME, None)}
"""Faults that are few, and would spend themselves on requests before a stream's frame meets any."""
_SENSELESS: Final = {
    # It takes a client order id again at once, so a request that is delivered twice is two orders, and it changes none.
    "mexc": frozenset({Fault.DELIVER_TWICE}),
    # No request of its clients carries a time, so none can be too old; and it issues one token a day.
    "projectx": frozenset({Fault.WRONG_CLOCK}),
}
"""Faults that cannot happen at a venue, or that no client could do anything about there."""
_SHARE_ON: Final = 0.45
"""Of the faults asked for, how many are on in a stage."""
_OFTEN: Final = {Fault.FRAME_SHUFFLE: (0.2, 0.6), Fault.NEW_HALF_FAILS: (0.1, 0.4)}
"""What holds single frames back shuffles nothing unless it holds many, and what only hits modifications meets few:
drawn between these.
"""
_CHANGES: Final = (RequestKind.AMEND, RequestKind.REPLACE)
_OF_CHANGES: Final = frozenset(
    {
        Fault.BREAK_BEFORE,
        Fault.BREAK_AFTER,
        Fault.ERROR_AFTER,
        Fault.UNKNOWN_OUTCOME,
        Fault.ANSWER_LATE,
        Fault.PROCESS_LATE,
        Fault.FILL_DURING_CANCEL,
        Fault.PARTIAL_FILL_DURING_CANCEL,
    }
)
"""Faults that hit modifications more often than the rest, since those are few beside all other requests."""
_OF_CHANGES_PROBABILITY: Final = (0.05, 0.2)
_PROBABILITY: Final = (0.01, 0.06)
"""Of a fault that is on, for each request or frame that it can hit; drawn between these."""
STAGES: Final = 12


class UnknownFault(ValueError):
    """A name that is no fault; the text lists those there are."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is switched on for a while."""

    rules: tuple[FaultRule, ...]
    store_killed: bool
    streams_broken: bool


def names_at(venue: str) -> tuple[str, ...]:
    """Return the names of the faults that make sense at a venue."""
    able = CAPABILITIES[venue]
    without = _SENSELESS.get(venue, frozenset()) | (set() if able.cancel_replace else {Fault.NEW_HALF_FAILS})
    return tuple(name for name in NAMES if name not in without)


def chosen_faults(text: str, venue: str = DEFAULT_VENUE) -> tuple[str, ...]:
    """Read a comma-separated list of names, `all` that make sense at a venue, or `none`. Raises `UnknownFault`."""
    if text == "all":
        return names_at(venue)
    names = tuple(name for name in text.split(",") if name and name != "none")
    for name in names:
        if name not in NAMES:
            raise UnknownFault(f"there is no fault {name!r}; there are: all, none, {', '.join(NAMES)}")
    return names


def draw_stages(faults: Sequence[str], random: Random, count: int = STAGES) -> tuple[Stage, ...]:
    """Draw the stages of a drill. Every fault is on in at least one of them."""
    on = [{name for name in faults if random.random() < _SHARE_ON} for _ in range(count)]
    for name in faults:
        on[random.randrange(count)].add(name)
    return tuple(_stage([name for name in faults if name in names], random) for names in on)


def _stage(names: Sequence[str], random: Random) -> Stage:
    faults = [Fault(name) for name in names if name not in (STORE_KILLED, STREAMS_BROKEN)]
    rules = tuple(rule for fault in faults for rule in _rules(fault, random))
    return Stage(rules, store_killed=STORE_KILLED in names, streams_broken=STREAMS_BROKEN in names)


def _rules(fault: Fault, random: Random) -> Iterator[FaultRule]:
    probability = round(random.uniform(*_OFTEN.get(fault, _PROBABILITY)), 3)
    count_max, amount_ms = _RARE.get(fault, (None, None))
    for kind in _SEPARATELY.get(fault, (None,)):
        yield FaultRule(fault=fault, kind=kind, probability=probability, count_max=count_max, amount_ms=amount_ms)
    for kind in _CHANGES if fault in _OF_CHANGES else ():
        probability = round(random.uniform(*_OF_CHANGES_PROBABILITY), 3)
        yield FaultRule(fault=fault, kind=kind, probability=probability, amount_ms=amount_ms)


class Saboteur:
    """Switches stages on and off and keeps count of what happened. One thread at a time."""

    def __init__(self, control: ControlClient, seed: int, kill_store: Callable[[], None] | None = None) -> None:
        self._control = control
        self._seed = seed
        self._kill_store = kill_store
        self._counting = threading.Lock()
        self._before: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._stages = 0

    def begin(self, stage: Stage) -> None:
        """Replace what is on by a stage."""
        self._stages += 1
        self._keep_count()
        self._control.set_faults(*stage.rules, seed=self._seed * 1_000 + self._stages)
        if stage.streams_broken:
            self._before[STREAMS_BROKEN] += self._control.abort_streams()
        if stage.store_killed and self._kill_store is not None:
            self._kill_store()
            self._before[STORE_KILLED] += 1

    def end(self) -> None:
        """End every fault, an outage or a ban that still lasts included."""
        self._keep_count()
        self._control.set_faults()
        self._control.lift_ban()
        self._control.end_outage()

    def refresh(self) -> None:
        """Read the venue's count of what happened in this stage."""
        try:
            counted = self._control.summary()["faults"]
        except ControlError:
            return
        with self._counting:
            self._now = Counter(counted)

    def counts(self) -> Counter[str]:
        """How often each fault has really happened, as of the last reading; for any thread."""
        with self._counting:
            return self._before + self._now

    def _keep_count(self) -> None:
        self.refresh()
        with self._counting:
            self._before, self._now = self._before + self._now, Counter()
