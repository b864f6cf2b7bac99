"""A meter with the memory and the views of its account, and what the metrics show of it."""

from prometheus_client import CollectorRegistry

from actors.memory import AccountMemory
from actors.metering import Meter
from actors.runtime.metrics import Metrics
from actors.runtime.outcome import Outcome
from actors.views import PublishedViews
from messages import Event
from tests.factories import NOW_MS


class Counted:
    """A meter, and the account's memory and views as its base would keep them."""

    def __init__(self, *, held: bool = False) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.views = PublishedViews()
        self.memory = AccountMemory()
        self.meter = Meter(self.metrics, self.views, "1", held=held)

    def release(self, *records: object, now_ms: int = NOW_MS, events: tuple[Event, ...] = ()) -> None:
        for record in records:
            self.memory.remember(record)
        self.meter.released(Outcome(apply=list(records), events=list(events)), self.memory, now_ms)
        for record in records:
            self.views.publish(record)

    def load(self, *records: object, served: tuple[str, ...] = ("binance",)) -> None:
        """Start anew with these records, as an account that has just been loaded."""
        self.memory = AccountMemory()
        for record in records:
            self.memory.remember(record)
        self.meter.take_stock(self.memory, served)
        self.views.replace(self.memory.everything())

    def value(self, sample: str, **labels: str) -> float:
        return self.registry.get_sample_value(sample, labels) or 0.0

    @property
    def late(self) -> float:
        return self.value("order_out_of_order_fills_total")
