"""The twin of the production system: the same actors in one thread, under a seed and a virtual clock.

Every step is one choice among the actors with waiting mail, the next timer that is due and the next answer of the
outside world that is due; when nobody has anything to do, the clock jumps to the next due time. Same seed, same code:
same trace. Must never: read a real clock, or use a thread.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final, ParamSpec

from actors.errors import InvariantViolated, check
from actors.runtime.cell import Cell, in_actor
from actors.runtime.chooser import Chooser, SeededChooser
from actors.runtime.clock import VirtualClock
from actors.runtime.hosting import ActorSystem, Timed, Timers
from actors.runtime.ids import CountedIds
from actors.runtime.metrics import Metrics
from actors.runtime.timers import TimerHeap
from messages.base import Message

ParametersT = ParamSpec("ParametersT")

START_MS: Final = 1_767_225_600_000
"""Where virtual wall time begins: 2026-01-01T00:00:00Z."""
STEPS_MAX: Final = 1_000_000
_TAIL = 200


class SimulatedSystem(ActorSystem):
    """Implements the seam; the caller drives it with `step` and the `run_…` methods.

    `after_step` is called after every step, for auditors. Events and replies are delivered inside the steps.
    """

    def __init__(
        self,
        seed: int,
        *,
        metrics: Metrics | None = None,
        chooser: Chooser | None = None,
        start_ms: int = START_MS,
    ) -> None:
        self._runnable: list[Cell] = []
        self._virtual = VirtualClock(start_ms)
        super().__init__(
            clock=self._virtual,
            random=Random(seed),
            metrics=metrics or Metrics(),
            queue=self._runnable.append,
        )
        self.after_step: Callable[[], None] = _nothing
        self.incarnation = 0
        """How many crashes this system has been through."""
        self._choose = (chooser or SeededChooser(seed)).choose
        self._timer_heap: TimerHeap[Timed] = TimerHeap()
        self._due_timers: deque[int] = deque()
        self._world: TimerHeap[Callable[[], None]] = TimerHeap()
        self._due_world: deque[int] = deque()
        self._interrupt: BaseException | None = None
        self._hash = hashlib.blake2b(digest_size=16)
        self._tail: deque[str] = deque(maxlen=_TAIL)

    @property
    def _timers(self) -> Timers:
        return self._timer_heap

    # ----- time

    def after(self, delay_ms: int, address: str, message: Message) -> int:
        """Tell later; the answer identifies the timer."""
        return self._timer_heap.schedule(self._virtual.monotonic_ms() + max(delay_ms, 0), Timed(address, message))

    def schedule(self, delay_ms: int, callback: Callable[[], None]) -> None:
        """Call back later, outside every turn: how a simulated store or venue answers.

        It outlives a crash, as the world does; wrap what speaks to this process in `of_this_incarnation`.
        """
        self._world.schedule(self._virtual.monotonic_ms() + max(delay_ms, 0), callback)

    def of_this_incarnation(self, callback: Callable[ParametersT, object]) -> Callable[ParametersT, None]:
        """A callback that does nothing once the process it was made in has crashed, like an answer on a dead socket."""
        born = self.incarnation

        def guarded(*arguments: ParametersT.args, **named: ParametersT.kwargs) -> None:
            if self.incarnation == born:
                callback(*arguments, **named)

        return guarded

    # ----- driving

    def step(self) -> bool:
        """Do one thing, letting time jump when there is nothing to do at present. False: nothing is left at all."""
        return self._step(None)

    def run_until_idle(self, max_steps: int = STEPS_MAX) -> None:
        """Step until nothing is left: no mail, no timer, no answer on its way.

        Raises:
            InvariantViolated: still busy after `max_steps`; actors with recurring timers always are, so use `run_for`
                or `settle` with them.
        """
        self._drive(lambda: self._step(None), max_steps)

    def settle(self, max_steps: int = STEPS_MAX) -> None:
        """Handle everything that is due at this moment; time stands still. Raises as `run_until_idle`."""
        now_ms = self._virtual.monotonic_ms()
        self._drive(lambda: self._step(now_ms), max_steps)

    def run_for(self, ms: int, max_steps: int = STEPS_MAX) -> None:
        """Let exactly `ms` pass and handle everything due until then. Raises as `run_until_idle`."""
        end_ms = self._virtual.monotonic_ms() + ms
        self._drive(lambda: self._step(end_ms), max_steps)
        self._virtual.advance(end_ms - self._virtual.monotonic_ms())

    def run_until(self, condition: Callable[[], bool], max_ms: int, max_steps: int = STEPS_MAX) -> bool:
        """Step until `condition` holds, at most `max_ms`; whether it holds. Raises as `run_until_idle`."""
        end_ms = self._virtual.monotonic_ms() + max_ms
        self._drive(lambda: not condition() and self._step(end_ms), max_steps)
        if condition():
            return True
        self._virtual.advance(end_ms - self._virtual.monotonic_ms())
        return False

    def crash(self) -> None:
        """End as a killed process: actors, inboxes and timers are gone, no hook runs, the world goes on.

        New actors may be started at once, as the next incarnation. Between steps only.
        """
        check(not in_actor(), "a crash happens between steps")
        with self._lifecycle:
            cells = [*self._directory.newest_first(), *self._retiring.values()]
            self._directory.clear()
            self._retiring.clear()
        for cell in cells:
            cell.actor.actor_stopped.set()
            cell.close()
        self._runnable.clear()
        self._due_timers.clear()
        self._timer_heap = TimerHeap()
        self.ids = CountedIds(self.random)
        self.incarnation += 1
        self._record("crash", "", "")

    # ----- trace

    def trace_hash(self) -> str:
        """A hash over every step so far: when, who, what message, by which id."""
        return self._hash.hexdigest()

    def trace_tail(self) -> list[str]:
        """The last steps, oldest first, to print with a failure."""
        return list(self._tail)

    # ----- the seam, where a simulation differs

    def child_failed(self, address: str, error: BaseException, handling: str) -> None:
        """As everywhere; but an interruption of the run itself is raised again from `step`."""
        super().child_failed(address, error, handling)
        if not isinstance(error, Exception | SystemExit):
            self._interrupt = error

    def _register(self, cell: Cell) -> None:
        # Simulated actors are nobody else's business: pykka's registry belongs to the process, and thousands of runs
        # would fill it.
        pass

    # ----- one step

    def _drive(self, advance: Callable[[], bool], max_steps: int) -> None:
        for _ in range(max_steps):
            if not advance():
                return
        raise InvariantViolated(f"the simulation did not come to rest within {max_steps} steps")

    def _step(self, end_ms: int | None) -> bool:
        # Time may jump as far as `end_ms`; None means without a limit.
        self._collect_due()
        actors = len(self._runnable)
        choices = actors + bool(self._due_timers) + bool(self._due_world)
        if choices == 0:
            if not self._jump(end_ms):
                return False
            self._collect_due()
            choices = bool(self._due_timers) + bool(self._due_world)
        choice = self._choose(choices) if choices > 1 else 0
        if choice < actors:
            self._turn(choice)
        elif choice == actors and self._due_timers:
            self._record("timer", "", "")
            self._fire(self._due_timers.popleft())
        else:
            self._answer(self._due_world.popleft())
        self.after_step()
        return True

    def _turn(self, index: int) -> None:
        runnable = self._runnable
        cell = runnable[index]
        runnable[index] = runnable[-1]
        runnable.pop()
        # The first turn of an actor is a step of its own, as it may be in production.
        cell.run(1 if cell.started else 0)
        message = cell.message
        name = "-" if message is None else type(message).__name__
        self._record(cell.address, name, getattr(message, "message_id", ""))
        self.rest(cell)
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            raise interrupt

    def _answer(self, number: int) -> None:
        callback = self._world.claim(number)
        self._record("world", "", "")
        if callback is not None:
            callback()

    def _collect_due(self) -> None:
        now_ms = self._virtual.monotonic_ms()
        self._due_timers.extend(self._timer_heap.due(now_ms))
        self._due_world.extend(self._world.due(now_ms))

    def _jump(self, end_ms: int | None) -> bool:
        dues = [due for due in (self._timer_heap.next_due_ms(), self._world.next_due_ms()) if due is not None]
        if not dues or (end_ms is not None and min(dues) > end_ms):
            return False
        self._virtual.advance(min(dues) - self._virtual.monotonic_ms())
        return True

    def _record(self, who: str, what: str, message_id: str) -> None:
        line = f"{self._virtual.now_ms()} {who} {what} {message_id}"
        self._hash.update(line.encode())
        self._tail.append(line)


def _nothing() -> None:
    """Audit nothing."""
