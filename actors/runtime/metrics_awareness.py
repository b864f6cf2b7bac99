"""The metrics of awareness and risk: comparisons with the venues, limits, modifications. Part of `Metrics`.

Must never: be read to decide something.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from actors.runtime.measures import Ages, Children, Sums

_SYNC_OUTCOMES = ("complete", "incomplete", "failed")
_ADOPTED_KINDS = ("ours", "external")


class AwarenessMetrics:
    """What `Metrics` counts of open orders as the venues show them, and of what limits and changes do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sync_age = Ages(
            "open_orders_sync_age_seconds",
            "Since the open orders were last known to be as the venue has them, of the account that waits longest.",
            "exchange",
        )
        registry.register(self._sync_age)
        self._parity_shown: dict[tuple[str, str], set[str]] = {}
        """By account and exchange: kinds of differences that it was shown with, each with a figure of its own."""
        self._awareness(registry)

    # ----- open orders as the venue has them

    def sync_awaited(self, account_id: str, exchange: str) -> None:
        """An account is served from now on; its open orders age until a complete list was merged."""
        self._sync_age.say(exchange, account_id, 0)
        for outcome in _SYNC_OUTCOMES:
            self._syncs.begin(exchange, outcome)
        for kind in _ADOPTED_KINDS:
            self._adopted.begin(exchange, kind)
        self._vanished.begin(exchange)

    def synced(self, account_id: str, exchange: str, *, age_ms: int) -> None:
        """A complete list of all open orders was merged that had been asked for `age_ms` ago."""
        self._syncs[exchange, "complete"].inc()
        self._sync_age.say(exchange, account_id, age_ms)

    def sync_incomplete(self, exchange: str) -> None:
        """A list of all open orders was merged in which something could not be read; it vouches for nothing."""
        self._syncs[exchange, "incomplete"].inc()

    def sync_failed(self, exchange: str) -> None:
        """A list of all open orders was asked for and did not come."""
        self._syncs[exchange, "failed"].inc()

    def sync_forgotten(self, account_id: str | None = None) -> None:
        """An account (None: every account) is not served here any more; nothing of it ages."""
        if account_id is None:
            self._sync_age.clear()
        else:
            self._sync_age.forget(account_id)

    def order_adopted(self, exchange: str, kind: str) -> None:
        """An order that we did not know was taken in: `ours`, which the store had lost, or `external`."""
        self._adopted[exchange, kind].inc()

    def order_vanished(self, exchange: str) -> None:
        """An order that we hold for open was missing in a complete list, and is looked up."""
        self._vanished[exchange,].inc()

    # ----- what is refused before a trade

    def risk_refused(self, rule: str) -> None:
        """A rule of the configuration refused an order; it is named as its setting."""
        self._risk_refusals[rule,].inc()

    def duplicate_refused(self) -> None:
        """An order was refused because its like works at the same price level already."""
        self._prevented.inc()

    def self_trade_prevented(self) -> None:
        """An order that would have executed against one of the same account was refused, or that one cancelled."""
        self._self_trades.inc()

    def kill_switch(self, account_id: str, *, on: bool) -> None:
        """New orders of an account are refused whatever they are, or not; shown once it was on."""
        if on or (account_id,) in self._kill_switches:
            self._kill_switches[account_id,].set(on)

    # ----- parity

    def parity_checked(
        self, account_id: str, exchange: str, outcome: str, differences: Mapping[str, int] | None
    ) -> None:
        """An account was compared with a venue: `agreed`, `differs`, or `incomplete` (something was not compared).

        `differences` says how many there are of each kind; None: nothing could be compared, so what was found before
        stays shown.
        """
        self._parity_checks[exchange, outcome].inc()
        if differences is None:
            return
        shown = self._parity_shown.setdefault((account_id, exchange), set())
        shown.update(differences)
        for kind in shown:
            self._parity_differences.say(account_id, differences.get(kind, 0), exchange, kind)

    # ----- modifications

    def order_modified(self, kind: str, outcome: str) -> None:
        """A modification is settled: how it was carried out, and whether the order has `modified` terms or not."""
        self._modifications[kind, outcome].inc()

    def modification_conflict(self, resolution_strategy: str) -> None:
        """An order had changed since the caller saw it; the strategy says who won, or that both changes were merged."""
        self._conflicts[resolution_strategy,].inc()

    # ----- definitions

    def _awareness(self, registry: CollectorRegistry) -> None:
        def counters(name: str, documentation: str, *labels: str) -> Children[Counter]:
            return Children(Counter(name, documentation, labels, registry=registry))

        self._syncs = counters("open_orders_sync_total", "Lists of all open orders.", "exchange", "outcome")
        self._adopted = counters("orders_adopted_total", "Orders taken in that were not known.", "exchange", "kind")
        self._vanished = counters(
            "orders_vanished_total", "Open orders missing in a list, which are looked up.", "exchange"
        )
        self._prevented = Counter("duplicate_orders_prevented", "Duplicates not placed.", registry=registry)
        self._risk_refusals = counters("risk_refusals_total", "Orders that a limit refused.", "rule")
        self._self_trades = Counter("self_trades_prevented_total", "Trades with oneself avoided.", registry=registry)
        self._kill_switches = Children(
            Gauge("kill_switch_on", "1: every new order is refused.", ["account"], registry=registry)
        )
        self._parity_checks = counters("parity_checks_total", "Comparisons with a venue.", "exchange", "outcome")
        self._parity_differences = Sums(
            Children(Gauge("parity_differences", "Found by the last check.", ["exchange", "kind"], registry=registry))
        )
        self._modifications = counters("order_modifications_total", "Modifications settled.", "kind", "outcome")
        self._conflicts = counters(
            "concurrent_modification_conflicts_total",
            "Modifications of orders that had changed meanwhile.",
            "resolution_strategy",
        )
