"""What the metrics are made of, where the client library is too slow or has nothing of the kind. Thread-safe.

Must never: name a metric, or be read to decide something.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, ParamSpec, TypeVar

from prometheus_client import Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

MetricT = TypeVar("MetricT", bound=MetricWrapperBase)
ResultT = TypeVar("ResultT")
ParametersT = ParamSpec("ParametersT")


class Children(dict[tuple[str, ...], MetricT], Generic[MetricT]):
    """The labelled children of one metric; a missing one is made on first use."""

    def __init__(self, metric: MetricT) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> MetricT:
        child = self[labels] = self._metric.labels(*labels)
        return child

    def begin(self, *labels: str) -> None:
        """Show a child from now on, at nothing: an increase is seen only of what was seen before."""
        if labels not in self:
            self[labels] = self._metric.labels(*labels)


class Tally(Collector):
    """A labelled counter, and one over all its labels, for what several steps of every order count.

    Counting takes a lock and a dictionary; the two counters of the library would take five times as long.
    """

    def __init__(self, name: str, documentation: str, labels: list[str], *, overall: str) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._overall = overall
        self._counts: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[labels] = self._counts.get(labels, 0) + 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Both counters as they stand."""
        with self._lock:
            counts = dict(self._counts)
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, count in counts.items():
            family.add_metric(labels, count)
        yield family
        yield CounterMetricFamily(self._overall, f"{self._documentation} All of them.", value=sum(counts.values()))


class Sum:
    """A gauge that shows what several sources say of themselves, added up.

    Each source tells its present figure, so one that starts anew or repeats itself leaves nothing behind.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._figures: dict[str, float] = {}
        self._lock = threading.Lock()

    def say(self, source: str, figure: float) -> None:
        """Replace one source's figure."""
        with self._lock:
            if figure:
                self._figures[source] = figure
            else:
                self._figures.pop(source, None)
            self._gauge.set(sum(self._figures.values()))


class Sums:
    """Labelled gauges, each a `Sum`."""

    def __init__(self, gauges: Children[Gauge]) -> None:
        self._gauges = gauges
        self._sums: dict[tuple[str, ...], Sum] = {}
        self._lock = threading.Lock()

    def say(self, source: str, figure: float, *labels: str) -> None:
        """Replace one source's figure under these labels."""
        with self._lock:
            found = self._sums.get(labels)
            if found is None:
                found = self._sums[labels] = Sum(self._gauges[labels])
        found.say(source, figure)


class Ages(Collector):
    """A labelled gauge of seconds since something was last true; of several sources the longest ago.

    Ages grow by themselves: they are computed when somebody asks.
    """

    def __init__(self, name: str, documentation: str, label: str) -> None:
        self._name = name
        self._documentation = documentation
        self._label = label
        self._since_s: dict[str, dict[str, float]] = {}
        """By label and source."""
        self._lock = threading.Lock()

    def say(self, label: str, source: str, age_ms: int) -> None:
        """It was true of a source `age_ms` ago; below 0, by a clock that was set back, is now. What was said of a later
        moment stands.
        """
        moment_s = time.monotonic() - max(0, age_ms) / 1000
        with self._lock:
            sources = self._since_s.setdefault(label, {})
            sources[source] = max(moment_s, sources.get(source, moment_s))

    def forget(self, source: str) -> None:
        """Nothing ages for a source any more."""
        with self._lock:
            for sources in self._since_s.values():
                sources.pop(source, None)

    def clear(self) -> None:
        """Nothing ages any more."""
        with self._lock:
            self._since_s.clear()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The ages as they are now."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=[self._label])
        with self._lock:
            oldest = {label: min(sources.values()) for label, sources in self._since_s.items() if sources}
        now_s = time.monotonic()
        for label, moment_s in oldest.items():
            family.add_metric([label], now_s - moment_s)
        yield family


class HandledMessages(Collector):
    """Reads the workers' own counts when somebody asks, so that handling a message costs nothing."""

    def __init__(self) -> None:
        self.sources: list[Callable[[], int]] = []

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One counter over all systems that report here."""
        handled = sum(source() for source in self.sources)
        yield CounterMetricFamily("actor_messages", "Messages handled by actors.", value=handled)


def timed(function: Callable[ParametersT, ResultT], observe: Callable[[float], None]) -> Callable[ParametersT, ResultT]:
    """The same function; `observe` is told how many milliseconds each call took."""

    def measured(*arguments: ParametersT.args, **named: ParametersT.kwargs) -> ResultT:
        started = time.perf_counter()
        result = function(*arguments, **named)
        observe((time.perf_counter() - started) * 1000)
        return result

    return measured
