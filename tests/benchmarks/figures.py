"""What a benchmark finds: a figure is several repetitions of one measurement, shown as median and spread."""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity, once per repetition."""

    name: str
    unit: str
    values: tuple[float, ...]
    of: str = ""
    """Which of several alike it was measured of; a table has a column for each. Empty: there is only one."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def show(self) -> str:
        spread = f"{_short(min(self.values))} .. {_short(max(self.values))}" if len(self.values) > 1 else "once"
        return f"  {self.name:<62} {_short(self.median):>9} {self.unit:<10} [{spread}]"

    def cell(self) -> str:
        """The median, and half of what lies between the least and the greatest."""
        return f"{_short(self.median)} ±{50 * (max(self.values) - min(self.values)) / self.median:.0f}%"

    def as_json(self) -> dict[str, object]:
        found = {"name": self.name.strip(), "unit": self.unit, "median": self.median, "values": list(self.values)}
        return {**found, "of": self.of} if self.of else found


def show(figures: Sequence[Figure]) -> Iterator[str]:
    """Lines to print: those that are alike as one table, all others by themselves."""
    yield from (figure.show() for figure in figures if not figure.of)
    columns = list(dict.fromkeys(figure.of for figure in figures if figure.of))
    if not columns:
        return
    cells = {(figure.name, figure.unit, figure.of): figure.cell() for figure in figures}
    rows = dict.fromkeys((figure.name, figure.unit) for figure in figures if figure.of)
    widths = {of: max(len(of), *(len(cell) for (*_, its), cell in cells.items() if its == of)) for of in columns}
    yield f"  {'':<54}" + "".join(f"  {of:>{widths[of]}}" for of in columns)
    for name, unit in rows:
        line = "".join(f"  {cells.get((name, unit, of), '-'):>{widths[of]}}" for of in columns)
        yield f"  {f'{name} ({unit})':<54}{line}"


@dataclass(slots=True)
class Figures:
    """The figures of one benchmark, in the order of their first repetition."""

    _values: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, *, of: str = "") -> None:
        self._values.setdefault((name, unit, of), []).append(value)

    def share(self, name: str, part: float, whole: float, *, of: str = "") -> None:
        """A ratio of two rates measured in the same repetition, in percent."""
        self.add(name, 100 * part / whole, "%", of=of)

    def add_latencies(self, name: str, seconds: Sequence[float]) -> None:
        ordered = sorted(seconds)
        self.add(f"{name}, p50", 1e6 * percentile(ordered, 0.50), "us")
        self.add(f"{name}, p99", 1e6 * percentile(ordered, 0.99), "us")

    def all(self) -> list[Figure]:
        return [Figure(name, unit, tuple(values), of) for (name, unit, of), values in self._values.items()]


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class Watch:
    """What one timed stretch took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    """Of this process, all threads; another process's load does not show in it."""


@contextmanager
def watched() -> Iterator[Watch]:
    watch = Watch()
    wall, cpu = time.perf_counter(), time.process_time()
    yield watch
    watch.wall_s = time.perf_counter() - wall
    watch.cpu_s = time.process_time() - cpu


def each_time(act: Callable[[], object], times: int) -> list[float]:
    """Seconds that each of many calls took; the clock's own cost (about 50 ns) is in them."""
    clock = time.perf_counter_ns
    taken = []
    for _ in range(times):
        begun = clock()
        act()
        taken.append((clock() - begun) / 1e9)
    return taken


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a file of the kernel
        return int(statm.read().split()[1]) * resource.getpagesize()


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
