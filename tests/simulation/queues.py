"""The auditor's view of placements that wait: decided in the order of their arrival, symbol by symbol, and in time.

Orders are recognised by their amount, which no two intents share.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from messages.commands import OrderTerms
from messages.types import Order, OrderState, OrderType, Side

_SLACK_MS = 100
"""A reminder may be a little late where other messages wait."""
_Place: TypeAlias = tuple[str, str]
"""Account and symbol."""
_Thing: TypeAlias = tuple[_Place, Side, OrderType, Decimal]
"""What is offered. A close may have the amount of an intent, but not on its side."""


@dataclass(slots=True)
class _Offers:
    """When the same thing was offered: numbers that rise with every offer, and our clock."""

    numbers: list[int] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)


class QueueAudit:
    """Of all accounts."""

    def __init__(self, now_ms: Callable[[], int], violate: Callable[[str, str], None]) -> None:
        self._now_ms = now_ms
        self._violate = violate
        self.timeout_ms = 0
        self.clock_was_set = False
        """Our clock was set in this run: it does not say how long anything has waited."""
        self._count = 0
        self._offers: dict[_Thing, _Offers] = defaultdict(_Offers)
        self._decided: dict[_Place, tuple[int, str]] = {}
        """The number of the latest first offer of all that were decided, and which order that was."""

    def on_offered(self, terms: OrderTerms) -> None:
        """A placement, or a draft to be placed, is offered now."""
        amount = terms.quote_size if terms.quote_size is not None else terms.size
        if amount is not None:
            self._count += 1
            offers = self._offers[(terms.account_id, terms.symbol), terms.side, terms.type, amount]
            offers.numbers.append(self._count)
            offers.at_ms.append(self._now_ms())

    def on_order(self, account: str, before: Order | None, order: Order) -> None:
        """An order was committed."""
        sent = order.submitted_at_ms is not None and (before is None or before.submitted_at_ms is None)
        rejected = before is None and order.state is OrderState.REJECTED
        place = account, order.symbol
        amount = order.quote_size if order.quote_size is not None else order.size
        offers = self._offers.get((place, order.side, order.type, amount))
        if not (sent or rejected) or offers is None or order.replaces is not None:
            return
        if not self.clock_was_set and not any(self._is_in_time(ms, order.updated_at_ms) for ms in offers.at_ms):
            waited_ms = order.updated_at_ms - max(offers.at_ms)
            self._violate("queue", f"{order.order_id} was decided {waited_ms} ms after it was offered")
        latest, which = self._decided.get(place, (0, ""))
        if max(offers.numbers) < latest:
            self._violate("queue", f"{order.order_id} was offered before {which} and decided after it")
        self._decided[place] = max((latest, which), (min(offers.numbers), order.order_id))

    def _is_in_time(self, offered_ms: int, decided_ms: int) -> bool:
        return 0 <= decided_ms - offered_ms <= self.timeout_ms + _SLACK_MS
