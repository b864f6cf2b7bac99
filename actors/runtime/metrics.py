"""Every metric of this project, behind small typed methods; the registry is the host's.

Label children are looked up in dictionaries of our own, so a call costs a fraction of a microsecond. Labels take values
from closed sets, or from the configuration (symbols, venues, accounts), never addresses or ids of what comes and goes.
Must never: be read to decide something.
"""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from actors.runtime.measures import Children, HandledMessages, Sum, Sums, Tally, timed
from actors.runtime.metrics_awareness import AwarenessMetrics

ResultT = TypeVar("ResultT")
ParametersT = ParamSpec("ParametersT")

_STATE_MS = (10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000)
_VERIFICATION_MS = (100, 200, 500, 1000, 2000, 5000)
_KEY_MS = (0.1, 0.5, 1, 5, 10)
_FILL_MS = (10, 50, 100, 200, 500, 1000)
_AVERAGE_MS = (1, 5, 10, 50)
_COMMIT_MS = (1, 2, 5, 10, 20, 50, 100, 500, 1000)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics(AwarenessMetrics):
    """One instance per registry, shared by everything that runs on it. Thread-safe. None: a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        super().__init__(registry)
        self.registry = registry
        self._lifecycle(registry)
        self._exactly_once(registry)
        self._fills(registry)
        self._positions(registry)
        self._runtime(registry)

    # ----- order lifecycle

    def transition(self, from_state: str, to_state: str, trigger: str) -> None:
        """An order made a recorded step."""
        self._transitions.add(from_state, to_state, trigger)

    def time_in_state(self, state: str, ms: int) -> None:
        """An order left a state after `ms`."""
        self._time_in_state[state,].observe(ms)

    def terminal(self, state: str, reason: str) -> None:
        """An order reached a terminal state, for one completion reason."""
        self._terminal[state,].inc()
        self._completion[reason,].inc()

    def terminal_correction(self) -> None:
        """A venue proved a terminal state wrong."""
        self._corrections.inc()

    def stuck(self, state: str) -> None:
        """An order counts as stuck in a state."""
        self._stuck[state,].inc()

    # ----- exactly once

    def verification(self, phase: str, outcome: str, duration_ms: int, *, success: bool | None) -> None:
        """A verification phase ended; `success`: it settled what it was asked, None: it could not yet."""
        self._verifications[phase, outcome].inc()
        self._verification_ms[phase,].observe(duration_ms)
        if success is None:
            return
        with self._rates_lock:
            ended, settled = self._rates.get(phase, (0, 0))
            ended, settled = ended + 1, settled + success
            self._rates[phase] = ended, settled
            self._success_rate[phase,].set(settled / ended)

    def match_quality(self, quality: str) -> None:
        """A venue order was matched, this well."""
        self._match_quality[quality,].inc()

    def idempotency_hit(self) -> None:
        """A request was recognised."""
        self._hits.inc()

    def idempotency_miss(self) -> None:
        """A request was new."""
        self._misses.inc()

    def idempotency_size(self, change: int) -> None:
        """Entries were remembered (positive) or forgotten (negative)."""
        self._entries.inc(change)

    def idempotency_key_duration(self, ms: float) -> None:
        """A key was computed."""
        self._key_ms.observe(ms)

    def timed_keys(self, derive: Callable[ParametersT, ResultT]) -> Callable[ParametersT, ResultT]:
        """The same function, each call measured as the computing of a key."""
        return timed(derive, self.idempotency_key_duration)

    def idempotency_error(self) -> None:
        """An entry could not be trusted: a collision, or one that cannot be read."""
        self._entry_errors.inc()

    def duplicate_prevented(self) -> None:
        """A repeated request was answered instead of placed."""
        self._idempotency_prevented.inc()
        self._prevented.inc()

    def manual_review(self, reason: str) -> None:
        """An order went to manual review."""
        self._reviews[reason,].inc()

    # ----- fills

    def fill(self, symbol: str, order_type: str, processing_ms: float) -> None:
        """An execution was booked, `processing_ms` after it was received."""
        self._fill_events[symbol, order_type].inc()
        self._fill_ms.observe(processing_ms)

    def fill_duplicate(self, first_source: str, source: str) -> None:
        """An execution that was first learned from `first_source` was told again by `source`.

        A second transport repeats what the first one told by its nature; only one that repeats itself is odd.
        """
        self._fill_duplicates[first_source, source].inc()

    def fill_out_of_order(self) -> None:
        """An execution arrived after a later one."""
        self._fill_disorder.inc()

    def fill_timeout(self, symbol: str, reason: str) -> None:
        """Fills stopped coming, or never came; the reason says which, and whether anything was done about it."""
        self._fill_timeouts[symbol, reason].inc()

    def fill_missed(self, exchange: str) -> None:
        """An execution was learned from a comparison with the venue only, not when it happened."""
        self._fills_missed[exchange,].inc()

    def fill_audit(self, exchange: str, outcome: str) -> None:
        """Working orders were compared with the venue's executions."""
        self._fill_audits[exchange, outcome].inc()

    def fills_parked(self, account_id: str, count: int) -> None:
        """So many executions of one account wait for an order that explains them."""
        self._parked.say(account_id, count)

    def weighted_average(self, ms: float) -> None:
        """An average price was computed from a history."""
        self._average_ms.observe(ms)

    def timed_averages(self, compute: Callable[ParametersT, ResultT]) -> Callable[ParametersT, ResultT]:
        """The same function, each call measured as the computing of an average price."""
        return timed(compute, self.weighted_average)

    # ----- positions and the order of events

    def position_drift(self, account_id: str, exchange: str, symbol: str, drift: Decimal) -> None:
        """What the venue holds differs from what our fills say by `drift` base units; 0: it does not.

        Shown is the sum of the differences of all accounts, each without its sign, so that none hides another.
        """
        self._position_drift.say(account_id, abs(float(drift)), exchange, symbol)

    def closes_active(self, account_id: str, count: int) -> None:
        """So many closes of positions of one account are under way."""
        self._closes.say(account_id, count)

    def events_held(self, account_id: str, count: int) -> None:
        """So many events of one account are held back until something that is missing arrives."""
        self._held.say(account_id, count)

    def stream_gap(self, exchange: str) -> None:
        """Something of a user stream is known to be missing: it was interrupted, or its sequence has a gap."""
        self._gaps[exchange,].inc()

    def clock_skew(self, exchange: str, ms: int) -> None:
        """A venue's clock less ours, the median of recent samples."""
        self._skew[exchange,].set(ms)

    # ----- runtime

    def actor_failed(self, actor: str) -> None:
        """An actor of this class stopped because of an error."""
        self._failures[actor,].inc()

    def message_overdue(self) -> None:
        """A message has been handled for too long."""
        self._overdue.inc()

    def dead_letters(self, count: int) -> None:
        """Messages that nobody will handle: told to an empty address, or left behind by an actor that stopped."""
        if count:
            self._dead_letters.inc(count)

    def unexpected_message(self, address: str, name: str) -> None:
        """A message outside an actor's protocol; the address is for the log, not for a label."""
        del address
        self._unexpected[name,].inc()

    def commit(self, size: int, duration_ms: float) -> None:
        """The store answered for a group of `size` sections."""
        self._batch_size.observe(size)
        self._commit_ms.observe(duration_ms)

    def store_error(self, kind: str) -> None:
        """A call to the store failed."""
        self._store_errors[kind,].inc()

    def stream(self, venue: str, account_id: str, *, connected: bool) -> None:
        """A user stream went up or down; repeating what is known is fine."""
        with self._rates_lock:
            streams = self._streams.setdefault(venue, set())
            if connected:
                streams.add(account_id)
            else:
                streams.discard(account_id)
            self._stream_connected[venue,].set(len(streams))

    def fetch_failed(self, exchange: str, request: str) -> None:
        """A venue did not answer a question about its lists, rules or clock; it is asked again."""
        self._fetch_failures[exchange, request].inc()

    def messages_from(self, source: Callable[[], int]) -> None:
        """Count the messages that a system says it has handled."""
        self._handled.sources.append(source)

    # ----- definitions

    def _counters(self, name: str, documentation: str, *labels: str) -> Children[Counter]:
        return Children(Counter(name, documentation, labels, registry=self.registry))

    def _gauges(self, name: str, documentation: str, *labels: str) -> Children[Gauge]:
        return Children(Gauge(name, documentation, labels, registry=self.registry))

    def _histograms(
        self, name: str, documentation: str, *labels: str, buckets: tuple[float, ...]
    ) -> Children[Histogram]:
        return Children(Histogram(name, documentation, labels, registry=self.registry, buckets=buckets))

    def _lifecycle(self, registry: CollectorRegistry) -> None:
        self._transitions = Tally(
            "order_state_transitions",
            "Recorded steps of orders.",
            ["from_state", "to_state", "trigger"],
            overall="order_lifecycle_transitions",
        )
        registry.register(self._transitions)
        self._time_in_state = self._histograms(
            "order_time_in_state_ms", "Time spent in a state.", "state", buckets=_STATE_MS
        )
        self._terminal = self._counters("order_terminal_state_reached_total", "Orders that ended.", "terminal_state")
        self._completion = self._counters("order_completion_by_reason", "Orders that ended, by reason.", "reason")
        self._corrections = Counter(
            "order_terminal_corrections_total", "Terminal states that a venue proved wrong.", registry=registry
        )
        self._stuck = self._counters("order_stuck_total", "Stuck orders.", "stuck_state")

    def _exactly_once(self, registry: CollectorRegistry) -> None:
        self._verifications = self._counters(
            "order_verification_attempts_total", "Verification phases that ended.", "phase", "outcome"
        )
        self._verification_ms = self._histograms(
            "order_verification_duration_ms", "Duration of a verification phase.", "phase", buckets=_VERIFICATION_MS
        )
        self._success_rate = self._gauges("order_verification_success_rate", "Share of phases that settled.", "phase")
        self._rates: dict[str, tuple[int, int]] = {}
        self._rates_lock = threading.Lock()
        self._match_quality = self._counters("order_verification_match_quality", "Matches by quality.", "quality")
        self._hits = Counter("idempotency_cache_hits", "Requests recognised.", registry=registry)
        self._misses = Counter("idempotency_cache_misses", "Requests that were new.", registry=registry)
        self._entries = Gauge("idempotency_cache_size", "Idempotency entries in memory.", registry=registry)
        self._key_ms = Histogram(
            "idempotency_key_generation_duration_ms", "Computing a key.", registry=registry, buckets=_KEY_MS
        )
        self._entry_errors = Counter("idempotency_cache_errors", "Entries not to be trusted.", registry=registry)
        self._idempotency_prevented = Counter(
            "idempotency_duplicate_orders_prevented", "Duplicates answered by idempotency.", registry=registry
        )
        self._reviews = self._counters("manual_review_escalations", "Orders sent to manual review.", "reason")

    def _fills(self, registry: CollectorRegistry) -> None:
        self._fill_events = self._counters("order_fill_events_total", "Executions booked.", "symbol", "order_type")
        self._fill_ms = Histogram(
            "order_fill_processing_duration_ms", "From received to durable.", registry=registry, buckets=_FILL_MS
        )
        self._fill_timeouts = self._counters(
            "order_partial_fill_timeout_total", "Orders whose fills stopped coming.", "symbol", "timeout_reason"
        )
        self._average_ms = Histogram(
            "order_weighted_avg_calculation_duration_ms",
            "Computing an average price from its executions, for an answer to a query: nothing else does.",
            registry=registry,
            buckets=_AVERAGE_MS,
        )
        self._fill_duplicates = self._counters(
            "order_fill_deduplication_hits", "Executions known before.", "first_source", "source"
        )
        self._fill_disorder = Counter("order_out_of_order_fills", "Executions that arrived late.", registry=registry)
        self._fills_missed = self._counters("missed_fills_total", "Executions found by comparison only.", "exchange")
        self._fill_audits = self._counters(
            "fill_audits_total", "Comparisons with the venue's executions.", "exchange", "outcome"
        )
        self._parked = Sum(Gauge("fills_parked", "Executions of orders not known yet.", registry=registry))

    def _positions(self, registry: CollectorRegistry) -> None:
        self._position_drift = Sums(
            self._gauges(
                "position_drift", "Base units by which venue and fills differ, without sign.", "exchange", "symbol"
            )
        )
        self._closes = Sum(Gauge("active_close_operations", "Closes of positions under way.", registry=registry))
        self._held = Sum(Gauge("event_ordering_buffer_size", "Events held back.", registry=registry))
        self._gaps = self._counters("stream_gaps_total", "Known gaps of user streams.", "exchange")
        self._skew = self._gauges("venue_clock_skew_ms", "The venue's clock less ours.", "exchange")

    def _runtime(self, registry: CollectorRegistry) -> None:
        self._handled = HandledMessages()
        registry.register(self._handled)
        self._failures = self._counters("actor_failures_total", "Actors stopped by an error.", "actor")
        self._overdue = Counter("actor_message_overdue", "Messages handled for too long.", registry=registry)
        self._dead_letters = Counter("dead_letters_total", "Messages nobody will handle.", registry=registry)
        self._unexpected = self._counters("unexpected_messages_total", "Messages outside a protocol.", "message")
        self._batch_size = Histogram("commit_batch_size", "Sections per commit.", registry=registry, buckets=_BATCH)
        self._commit_ms = Histogram(
            "commit_duration_ms", "One commit, sent to answered.", registry=registry, buckets=_COMMIT_MS
        )
        self._store_errors = self._counters("store_errors_total", "Calls to the store that failed.", "kind")
        self._fetch_failures = self._counters(
            "venue_fetch_failures_total", "Lists, rules and clocks that a venue did not tell.", "exchange", "request"
        )
        self._stream_connected = self._gauges("stream_connected", "User streams that are up.", "venue")
        self._streams: dict[str, set[str]] = {}
