"""Unknown outcomes by the thousand: every placement ends ambiguously, and the system must find out what became of it.

Half of the orders reach the venue. What the look-ups conclude is compared with what is there: an existing order must be
found, an order that is not there must never be matched to another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from actors.domain.timeouts import FillTimeoutPolicy
from messages.commands import SubmitOrder
from messages.events import Event, ManualReviewRequired
from messages.types import AttemptOutcome, OrderState, OrderType, Side

from .faults import Fault
from .simulation import Simulation

_BATCH = 100
_SPACING_MS = 60
_LIMIT_MS = 600_000
_SHARE_FOUND = 0.999
_AMBIGUOUS = frozenset({Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.STALE_READ, Fault.READ_FAILS, Fault.FRAME_DROP})


@dataclass(slots=True)
class Figures:
    """What many verifications came to."""

    verifications: int = 0
    existing: int = 0
    """Orders that were at the venue although the answer was lost."""
    found: int = 0
    absent: int = 0
    """Orders proven not to be at the venue, which is what they were."""
    false_matches: int = 0
    """Orders matched to another's venue order, or concluded absent while there."""
    manual_reviews: int = 0
    undecided: int = 0

    def good(self) -> bool:
        """Whether the promise is kept: nearly all found, nothing matched falsely."""
        return self.false_matches == 0 and self.found >= self.existing * _SHARE_FOUND

    def as_dict(self) -> dict[str, object]:
        """The figures, and the share of existing orders that were found."""
        return {
            "verifications": self.verifications,
            "existing": self.existing,
            "found": self.found,
            "absent": self.absent,
            "falseMatches": self.false_matches,
            "manualReviews": self.manual_reviews,
            "undecided": self.undecided,
            "shareFound": round(self.found / self.existing, 6) if self.existing else 1.0,
        }


def verify_many(number: int, *, seed: int = 1) -> Figures:
    """Place orders of which every answer is lost, until `number` outcomes were verified."""
    figures = Figures()
    while figures.verifications < number:
        _Batch(seed, min(_BATCH, number - figures.verifications)).run(figures)
        seed += 1
    return figures


class _Batch(Simulation):
    """One run in which every placement ends ambiguously and the stream says nothing."""

    def __init__(self, seed: int, orders: int) -> None:
        super().__init__(seed, _AMBIGUOUS, plain=True)
        self._orders = orders
        self.venue.quiet = True
        self.policy = replace(self.policy, fill_timeouts=FillTimeoutPolicy(enabled=False))
        self.auditor.judge_by(self.policy)
        self._reviewed: set[str] = set()
        self.faults.odds = self.faults.odds | {
            Fault.LOST_BEFORE: 0.5, Fault.LOST_AFTER: 1.0, Fault.FRAME_DROP: 1.0, Fault.READ_FAILS: 0.1,
        }  # fmt: skip

    def run(self, figures: Figures) -> None:  # type: ignore[override]
        """Place, wait until everything is decided, compare."""
        self.venue.make_market()
        self.start()
        self.system.run_for(5000)
        for number in range(self._orders):
            self.system.tell(f"account/{self.accounts[0]}", self._order(number))
            self.system.run_for(_SPACING_MS)
        self.system.run_until(lambda: not any(self._undecided()), _LIMIT_MS)
        self._compare(figures)
        if self.auditor.violations:
            raise AssertionError(self.auditor.violations[0])

    def _order(self, number: int) -> SubmitOrder:
        # All of one size and price, so that nothing but the client order id can tell them apart.
        return SubmitOrder(
            correlation_id=f"verify-{number}",
            account_id=self.accounts[0],
            exchange=self.traits.exchange,
            symbol="BTC-USDT",
            side=Side.BUY,
            type=OrderType.LIMIT,
            size=Decimal("0.01"),
            price=Decimal(50_000),
            request_id=f"verify-{self.seed}-{number}",
            max_sends=1,
        )

    def _undecided(self) -> Iterator[bool]:
        orders = self.auditor.orders[self.accounts[0]]
        yield len(orders) < self._orders
        yield from (order.state is OrderState.SUBMITTED for order in orders.values())

    def _compare(self, figures: Figures) -> None:
        account = self.accounts[0]
        for order in self.auditor.orders[account].values():
            real = self.truth_of(account, order.client_order_id)
            figures.verifications += 1
            figures.existing += real is not None
            figures.manual_reviews += order.order_id in self._reviewed
            if order.state is OrderState.SUBMITTED:
                figures.undecided += 1
            elif order.state is OrderState.FAILED:
                proven = order.attempts[-1].outcome is AttemptOutcome.ABSENT
                figures.absent += real is None and proven
                figures.false_matches += real is not None
            else:
                figures.found += order.venue_order_id == real
                figures.false_matches += order.venue_order_id != real

    def truth_of(self, account: str, client_order_id: str) -> str | None:
        """The venue's id of an order that is really there."""
        order = self.venue.engine.find(account, "BTC-USDT", client_order_id)
        return None if order is None else str(order.order_id)

    def _on_event(self, event: Event) -> None:
        super()._on_event(event)
        if isinstance(event, ManualReviewRequired):
            self._reviewed.add(event.view.local_id)
