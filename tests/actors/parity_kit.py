"""An account whose hosts ask for parity checks, and the venue that answers its questions."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from account_kit import HEAD, Account, shown
from factories import make

from actors.parity_look import TAG
from messages import (
    BalancesFetched,
    CheckParity,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    FillsFetched,
    OpenOrdersFetched,
    ParityReport,
    PlaceOrder,
    VenueFill,
    VenueOrder,
    VenueReport,
)

SETTLE_MS = 3000


class Checked:
    """An account of which parity checks are asked."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account or Account(lookback_ms=3_600_000, audit_interval_ms=10**9, reconcile_ms=10**9)
        self.account.sent.clear()

    def ask(self, correlation_id: str = "p1", exchange: str | None = None) -> None:
        """A host wants a report."""
        self.account.do(CheckParity(account_id="1", exchange=exchange, correlation_id=correlation_id))

    def answer(self, report: VenueReport) -> None:
        """The venue answers."""
        self.account.do(report)

    @property
    def asked(self) -> list[Any]:
        """The questions of the last look."""
        asked = [
            message
            for _, message in self.account.sent
            if isinstance(message, FetchOpenOrders | FetchFills | FetchBalances) and message.order_id.startswith(TAG)
        ]
        return [each for each in asked if each.order_id.split(":")[1] == asked[-1].order_id.split(":")[1]]

    @property
    def looks(self) -> int:
        """How often everything was asked."""
        return len([each for each in self.account.to_venue(FetchOpenOrders) if each.order_id.startswith(TAG)])

    def answer_all(
        self,
        *,
        orders: Iterable[VenueOrder] = (),
        fills: Iterable[VenueFill] = (),
        balances: Iterable[tuple[str, Decimal, Decimal]] = (),
    ) -> None:
        """Everything that was asked last is answered, and the look ends."""
        for question in self.asked:
            self.answer(self.told(question, orders=orders, fills=fills, balances=balances))
        self.account.pass_ms(0)

    def told(
        self,
        question: Any,
        *,
        orders: Iterable[VenueOrder] = (),
        fills: Iterable[VenueFill] = (),
        balances: Iterable[tuple[str, Decimal, Decimal]] = (),
        **changes: Any,
    ) -> Any:
        """The answer to a question."""
        head = {"account_id": "1", "exchange": question.exchange, "order_id": question.order_id}
        now_ms = self.account.now_ms
        match question:
            case FetchOpenOrders():
                listed = {"orders": tuple(orders), "asked_venue_ms": now_ms, "evidence": self.account.evidence()}
                return make(OpenOrdersFetched, **head | listed | changes)
            case FetchFills():
                executions = {"symbol": question.symbol, "fills": tuple(fills), "asked_venue_ms": now_ms}
                return make(FillsFetched, **head | executions | changes)
            case _:
                return make(BalancesFetched, **head | {"balances": tuple(balances), "received_ms": now_ms} | changes)

    def audited(self, *fills: VenueFill) -> None:
        """Audits list these executions and read the balances, until holdings are compared with executions."""
        holding = ("BTC", Decimal(5), Decimal(5))
        for _ in range(2):
            self.account.pass_ms(2 * SETTLE_MS)
            self.account.list_fills(*fills)
            self.account.do(make(BalancesFetched, **HEAD, balances=(holding,), received_ms=self.account.now_ms))

    def settle(self) -> None:
        """So much time passes that everything up to now must be at the venue and here."""
        self.account.pass_ms(SETTLE_MS + 1)

    @property
    def report(self) -> ParityReport:
        """The one report that was given."""
        (report,) = (each for each in self.account.replies if isinstance(each, ParityReport))
        return report

    def kinds(self) -> list[str]:
        """What the report's differences are."""
        return [each.kind.value for each in self.report.differences]

    def checks(self, outcome: str) -> float:
        """How many checks of the exchange were counted with an outcome."""
        labels = {"exchange": "binance", "outcome": outcome}
        return self.account.system.metrics.registry.get_sample_value("parity_checks_total", labels) or 0.0

    def counted(self, kind: str) -> float | None:
        """How many differences of a kind are shown since the last check."""
        labels = {"exchange": "binance", "kind": kind}
        return self.account.system.metrics.registry.get_sample_value("parity_differences", labels)

    @property
    def reported(self) -> bool:
        """Whether a report was given."""
        return any(isinstance(each, ParityReport) for each in self.account.replies)


def working(checked: Checked, **terms: Any) -> PlaceOrder:
    """A buy order of 0.01 at 42500 that has worked for long."""
    place = checked.account.working(**terms)
    checked.settle()
    checked.account.sent.clear()
    return place


def listed(checked: Checked, place: PlaceOrder, **changes: Any) -> VenueOrder:
    """How the venue lists it."""
    long_ago = checked.account.now_ms - 60_000
    return shown(place, created_venue_ms=long_ago, updated_venue_ms=long_ago, **changes)


def symbols(checked: Checked) -> list[str]:
    """Whose executions were asked for."""
    return [each.symbol for each in checked.asked if isinstance(each, FetchFills)]


LOCKED = ("USDT", Decimal(1000), Decimal(575))
"""What the order of `working` locks."""
