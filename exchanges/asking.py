"""Questions that take more than one call: inside one request's time and retries, and complete or not at all.

Owns the time limit, the retries, the waiting for room in the rate budgets and the joining of sources. A source that did
not answer completely makes the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from typing import Any, TypeVar

from exchanges.answers import IncompleteError, Told, Untold, untold_failure
from exchanges.fields import UnreadableError, read_list
from exchanges.http import HttpResult
from exchanges.session import Cost, Prepared, VenueSession
from exchanges.symbols import SymbolBook
from exchanges.throttle import NO_COST
from messages.types import ENDED_STATUSES, ZERO, VenueOrder

PAGES_MAX = 100
"""A list with more pages, or a period with more windows, is given up rather than read in part."""
CLOCK_MARGIN_MS = 60_000
"""Added to 'until now': our idea of the venue's time is aimed low, and a period must not end before it began."""

_EXACT = Context(prec=100)

T = TypeVar("T")


class Asking:
    """Questions on behalf of one request, inside that request's time and retries."""

    def __init__(self, session: VenueSession, symbols: SymbolBook, *, budget_ms: int, retries: int) -> None:
        self.symbols = symbols
        self.asked_venue_ms = 0
        """Lower bound of the venue time at which the first question was asked; 0 while there is none."""
        self.session = session
        self._deadline_ms = session.clock.monotonic_ms() + budget_ms
        self._retries = retries
        self._reserved: dict[str, int] = {}
        """By unit: what was set aside for the calls to come."""

    def left_ms(self) -> int:
        """Tell how much of the time is left."""
        return max(0, self._deadline_ms - self.session.clock.monotonic_ms())

    def venue_now_ms(self) -> int:
        """Tell the venue's time, aimed low."""
        return self.session.clock.now_ms() + self.session.venue_offset_ms()

    def reserve(self, cost: Cost, *, spare: Cost = NO_COST, patient: bool = False) -> None:
        """Set room aside for all the calls that the question takes at least, so that none is spent on a question that
        cannot be asked to its end. Raises `IncompleteError` when there is not as much, and `spare` beside it.

        When patient, it is waited for, if it comes inside the request's time.
        """
        while (held := self.session.reserve(cost, spare)) is not None:
            if not (patient and self._waited(held.retry_after_ms)):
                raise IncompleteError(untold_failure(held))
        self._reserved = dict(cost)

    def release(self) -> None:
        """Give back what was set aside and not needed."""
        self.session.release(self._reserved)
        self._reserved = {}

    def ask(
        self,
        cost: Cost,
        prepare: Callable[[int], Prepared],
        *,
        patient: bool = False,
        read: Callable[[HttpResult], Told | Untold] | None = None,
    ) -> Told | Untold:
        """Ask one signed question, again while that may help and retries are left.

        When patient, what the rate limits hold back is asked when there is room, if that is inside the request's time.
        `read`: reads the answer; None: as the session reads any.
        """
        understood = read or self.session.read_answer
        while True:
            left_ms = self.left_ms()
            if not left_ms:
                return Untold(reason="timeout")
            result, asked_venue_ms = self._asked(cost, prepare, left_ms)
            told = understood(result)
            if isinstance(told, Told):
                break
            if told.worth_repeating and self._retries:
                self._retries -= 1
            elif not (patient and self._waited(told.retry_after_ms)):
                break
        self.asked_venue_ms = self.asked_venue_ms or asked_venue_ms
        return told

    def must(self, cost: Cost, prepare: Callable[[int], Prepared], *, patient: bool = False) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        told = self.ask(cost, prepare, patient=patient)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    def _asked(self, cost: Cost, prepare: Callable[[int], Prepared], left_ms: int) -> tuple[HttpResult, int]:
        if any(self._reserved.get(unit, 0) < units for unit, units in cost.items()):
            return self.session.ask(cost, prepare, left_ms)
        for unit, units in cost.items():
            self._reserved[unit] -= units
        result, asked_venue_ms = self.session.ask(NO_COST, prepare, left_ms)
        self.session.spent(cost, result)
        return result, asked_venue_ms

    def _waited(self, wait_ms: int) -> bool:
        return 0 < wait_ms < self.left_ms() and self.session.wait(wait_ms)


def listed(value: Any, read: Callable[[Any], T]) -> tuple[tuple[T, ...], int]:
    """Translate the records of a list; raises `IncompleteError` when it is none.

    A bad record is skipped alone, and the number of those comes second.
    """
    try:
        return read_list(value, read)
    except UnreadableError:
        raise IncompleteError(Untold(reason="unreadable: not a list")) from None


def joined(orders: Iterable[VenueOrder]) -> tuple[VenueOrder, ...]:
    """Leave one claim of each order: the sources differ in how far behind they are, so the most advanced one counts."""
    latest: dict[str, VenueOrder] = {}
    for order in orders:
        known = latest.get(order.venue_order_id)
        if known is None or _progress(order) > _progress(known):
            latest[order.venue_order_id] = order
    return tuple(latest.values())


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """Add amounts without rounding."""
    total = ZERO
    for value in values:
        total = _EXACT.add(total, value)
    return total


def _progress(order: VenueOrder) -> tuple[bool, Decimal, int]:
    return order.status in ENDED_STATUSES, order.filled_size, order.updated_venue_ms or 0
