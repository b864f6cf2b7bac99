"""What the questions of every venue have in common: the session, names and times of one request; an order's executions.

What is asked, and how answers are read, is the venue's. A question without an answer never passes for an answer, and a
part of an order's executions never for all of them.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import Asking, exact_sum
from exchanges.session import VenueSession
from exchanges.symbols import SymbolBook
from messages.commands import LookUpOrder
from messages.fills import VenueFill
from messages.types import VenueOrder

S = TypeVar("S", bound=VenueSession)


class BaseQuestions(Generic[S]):
    """Signed questions on behalf of one request."""

    def __init__(self, session: S, asking: Asking) -> None:
        self._session = session
        self._asking = asking

    @property
    def symbols(self) -> SymbolBook:
        """The symbol names to read records by."""
        return self._asking.symbols

    @property
    def asked_venue_ms(self) -> int:
        """Lower bound of the venue time at which the first question was asked."""
        return self._asking.asked_venue_ms

    def venue_now_ms(self) -> int:
        """Tell the venue's time, aimed low."""
        return self._asking.venue_now_ms()


def answered(told: Told | Untold) -> Told:
    """Require an answer; raises `IncompleteError`."""
    if isinstance(told, Untold):
        raise IncompleteError(told)
    return told


def executions_of(
    request: LookUpOrder, order: VenueOrder, read: Callable[[], tuple[tuple[VenueFill, ...], int]]
) -> tuple[tuple[VenueFill, ...], bool]:
    """Give the executions of an order that was looked up, and whether they are all that it has executed.

    `read` lists them, and tells how many could not be read; it may raise `IncompleteError`. It is asked only when there
    are any and they are wanted.
    """
    if not order.filled_size:
        return (), True
    if not request.with_fills:
        return (), False
    try:
        fills, unreadable = read()
    except IncompleteError:
        return (), False
    own = tuple(fill for fill in fills if fill.venue_order_id == order.venue_order_id)
    return own, not unreadable and exact_sum(fill.size for fill in own) >= order.filled_size
