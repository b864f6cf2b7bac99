"""Signed questions to Kraken on behalf of one request, and how its lists are turned page by page.

Owns the paging and the reading of rows that stand under their ids. A list that did not come completely is no answer.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import PAGES_MAX, Asking
from exchanges.fields import UnreadableError, as_record, integer
from exchanges.kraken.orders import Params
from exchanges.kraken.rest import RestSession
from exchanges.kraken.symbols import CALLS
from exchanges.kraken.translate import read_balances, read_order, read_trade
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact
from messages.fills import VenueFill
from messages.types import VenueOrder

CALL = 1
HISTORY_CALL = 4
"""What a call counts, by its kind."""
SEARCH_CALLS = 2 * CALL + HISTORY_CALL
"""What a search counts that takes one page of each source."""
APART = ("consolidate_taker", "false")
"""Otherwise the executions of one order against several may be told as one, whose id the stream does not have."""

Rows = Mapping[str, Any]
T = TypeVar("T")


class Questions:
    """Signed questions on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking, *, patient: bool = True) -> None:
        self._session = session
        self._asking = asking
        self._patient = patient

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

    def reserve(self, calls: int, *, spare: int = 0) -> None:
        """Set room aside for all the calls that the question takes at least: it is asked to its end, or costs nothing.
        `spare` must be left beside it to what is more urgent. Raises `IncompleteError` when it comes too late.
        """
        self._asking.reserve({CALLS: calls}, spare={CALLS: spare}, patient=self._patient)

    def ask(
        self, path: str, params: Params, calls: int = CALL, parse: Callable[[bytes], Any] = parse_exact
    ) -> Told | Untold:
        """Ask one question, again while that may help. `parse` parses the answer."""
        return self._session.question(self._asking, path, params, calls, patient=self._patient, parse=parse)

    def must(
        self, path: str, params: Params, calls: int = CALL, parse: Callable[[bytes], Any] = parse_exact
    ) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        told = self.ask(path, params, calls, parse)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    def order(self, venue_order_id: str, item: Any) -> VenueOrder:
        """Translate an order's record."""
        return read_order(venue_order_id, item, self.symbols)

    def trade(self, trade_id: str, item: Any) -> VenueFill:
        """Translate an execution's record."""
        return read_trade(trade_id, item, self.symbols, self._session.names)

    def balances(self, payload: Any) -> tuple[tuple[str, Decimal, Decimal], ...]:
        """Translate balances."""
        return read_balances(payload, self._session.names)


def pages(
    asking: Questions, path: str, key: str, params: Params, calls: int
) -> tuple[dict[str, Any], Told]:
    """Read every page of a list, newest first; its end is fixed, so what arrives meanwhile only moves rows backwards.

    The first page is read again after the others: what came to stand there meanwhile is on none of them.
    """
    first = told = asking.must(path, [*params, ("ofs", "0")], calls)
    rows: dict[str, Any] = {}
    offset = 0
    for _ in range(PAGES_MAX):
        page = rows_of(told.payload, key)
        rows |= page
        offset += len(page)
        if offset >= integer(as_record(told.payload), "count"):
            break
        if not page:
            raise IncompleteError(Untold(reason="the pages do not add up to the count"))
        told = asking.must(path, [*params, ("ofs", str(offset))], calls)
    else:
        raise IncompleteError(Untold(reason="too_many_pages"))
    if told is not first:
        again = asking.must(path, [*params, ("ofs", "0")], calls)
        rows |= rows_of(again.payload, key)
    return rows, first


def rows_of(payload: Any, key: str) -> dict[str, Any]:
    """Give the rows of a list; raises `IncompleteError` when it is none."""
    try:
        return dict(as_record(as_record(payload).get(key)))
    except UnreadableError:
        raise IncompleteError(Untold(reason=f"unreadable: {key} is not an object")) from None


def read_rows(rows: Rows, read: Callable[[str, Any], T]) -> tuple[tuple[T, ...], int]:
    """Translate rows; a bad one is skipped alone, and the number of those comes second."""
    found: list[T] = []
    unreadable = 0
    for row_id, item in rows.items():
        try:
            found.append(read(row_id, item))
        except UnreadableError:
            unreadable += 1
    return tuple(found), unreadable
