"""KuCoin's lists and single orders as questions on behalf of one request: pages turned, absence told from silence.

Owns how each list is turned to its end and what counts as the venue's own 'not there'. A list that was not read to its
end is none.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import PAGES_MAX, Asking
from exchanges.fields import UnreadableError, as_list, as_record, integer, read_list
from exchanges.kucoin.outcomes import UNKNOWN_ORDER
from exchanges.kucoin.rest import Params, RestSession
from exchanges.kucoin.translate import TRIGGERED, read_fill, read_order, read_stop
from exchanges.session import Cost
from exchanges.symbols import SymbolBook
from messages.fills import VenueFill
from messages.types import VenueOrder

PAGE = 100
LISTINGS_MAX = 3
"""How often a list whose pages do not add up, because it changed in between, is read anew."""
STOP_LIST = "/api/v1/stop-order"

_ORDERS = "/api/v1/hf/orders"
_FILLS = "/api/v1/hf/fills"

T = TypeVar("T")
Listed = tuple[tuple[T, ...], int]
"""Records, and how many could not be read."""


class Questions:
    """Signed questions on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking) -> None:
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

    def ask(self, path: str, params: Params, cost: Cost) -> Told | Untold:
        """Ask one question, again while that may help."""
        return self._session.question(self._asking, path, params, cost)

    def must(self, path: str, params: Params, cost: Cost) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        told = self.ask(path, params, cost)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    # ----- one order; None: the venue itself says that it has none. They raise `IncompleteError` when not answered.

    def order(self, venue_symbol: str, venue_order_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for an ordinary order by its id; the answer comes second."""
        return self._one(f"{_ORDERS}/{venue_order_id}", [("symbol", venue_symbol)], 2, read_order)

    def order_by_client_id(self, venue_symbol: str, client_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for an ordinary order, working or ended, by its client id."""
        found, answer = self._one(f"{_ORDERS}/client-order/{client_id}", [("symbol", venue_symbol)], 2, read_order)
        if found is not None and found.client_order_id != client_id:
            raise UnreadableError("the answer is about another order")
        return found, answer

    def stop(self, stop_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for a stop order by its id."""
        return self._one(f"{STOP_LIST}/{stop_id}", [], 3, self._read_stop)

    def stop_by_client_id(self, venue_symbol: str, client_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for a stop order by its client id: of several, one that works."""
        params = [("clientOid", client_id), ("symbol", venue_symbol)]
        told = self.must(f"{STOP_LIST}/queryOrderByClientOid", params, {"spot": 3})
        found = [self._read_stop(item, self.symbols) for item in _array(told.payload)]
        if any(each.client_order_id != client_id for each in found):
            raise UnreadableError("the answer is about another order")
        found.sort(key=lambda each: each.venue_status == TRIGGERED)
        return (found[0] if found else None), told

    def end_of_stop(self, stop_id: str) -> VenueOrder | None:
        """Tell how a stop order ended that was just found in neither book; None: nothing proves that it ended."""
        return self._session.stops.end_of(stop_id, self.asked_venue_ms)

    def _read_stop(self, value: Any, symbols: SymbolBook) -> VenueOrder:
        stop = read_stop(value, symbols)
        self._session.stops.learn(stop.venue_order_id, stop.client_order_id)
        return stop

    def _one(
        self, path: str, params: Params, weight: int, read: Callable[[Any, SymbolBook], VenueOrder]
    ) -> tuple[VenueOrder | None, Told | Untold]:
        told = self.ask(path, params, {"spot": weight})
        if isinstance(told, Untold):
            if told.code != UNKNOWN_ORDER:
                raise IncompleteError(told)
            return None, told
        return (None if told.payload is None else read(told.payload, self.symbols)), told

    # ----- lists

    def working(self, venue_symbol: str) -> tuple[Listed[VenueOrder], Told]:
        """List the working ordinary orders of a symbol."""
        params = [("symbol", venue_symbol)]
        items, told = self._counted_pages(f"{_ORDERS}/active/page", params, "pageNum", {"spot": 2})
        return self._orders(items, read_order), told

    def working_symbols(self) -> tuple[str, ...]:
        """Name the symbols that have working ordinary orders, as the venue does."""
        told = self.must(f"{_ORDERS}/active/symbols", [], {"spot": 2})
        try:
            names = as_list(as_record(told.payload).get("symbols"))
        except UnreadableError as error:
            raise _no_list(error) from None
        if not all(type(name) is str for name in names):
            raise IncompleteError(Untold(reason="unreadable: a symbol without a name"))
        return tuple(names)

    def stops(self, venue_symbol: str | None) -> tuple[Listed[VenueOrder], Told]:
        """List the stop orders of a symbol or of all; one that was triggered has an unknown status."""
        params = [] if venue_symbol is None else [("symbol", venue_symbol)]
        items, told = self._counted_pages(STOP_LIST, params, "currentPage", {"spot": 8})
        return self._orders(items, self._read_stop), told

    def ended(self, venue_symbol: str, from_ms: int, to_ms: int) -> Listed[VenueOrder]:
        """List the ordinary orders that have ended within a period."""
        return self._orders(self._chained_pages(f"{_ORDERS}/done", _period(venue_symbol, from_ms, to_ms)), read_order)

    def fills_between(self, venue_symbol: str, from_ms: int, to_ms: int) -> Listed[VenueFill]:
        """List the executions of a symbol within a period."""
        return self._fills(self._chained_pages(_FILLS, _period(venue_symbol, from_ms, to_ms)))

    def fills_of(self, venue_symbol: str, venue_order_id: str) -> Listed[VenueFill]:
        """List the executions of an order."""
        return self._fills(self._chained_pages(_FILLS, [("symbol", venue_symbol), ("orderId", venue_order_id)]))

    def latest_fills(self, venue_symbol: str) -> Listed[VenueFill]:
        """List the latest executions of a symbol, one page of them."""
        items, _ = self._chained_page(_FILLS, [("symbol", venue_symbol)])
        return self._fills(items)

    def _orders(self, items: list[Any], read: Callable[[Any, SymbolBook], VenueOrder]) -> Listed[VenueOrder]:
        symbols = self.symbols
        return read_list(items, lambda item: read(item, symbols))

    def _fills(self, items: list[Any]) -> Listed[VenueFill]:
        symbols = self.symbols
        return read_list(items, lambda item: read_fill(item, symbols))

    # ----- pages

    def _counted_pages(self, path: str, params: Params, page_name: str, cost: Cost) -> tuple[list[Any], Told]:
        # What ends while pages are turned moves the rest up, and one would be passed over: then there are fewer than
        # the venue counts.
        first: Told | None = None
        for _ in range(LISTINGS_MAX):
            items, total, told = self._turned(path, params, page_name, cost)
            first = first or told
            if len(_distinct(items)) >= total:
                return items, first
        raise IncompleteError(Untold(reason="list_changes"))

    def _turned(self, path: str, params: Params, page_name: str, cost: Cost) -> tuple[list[Any], int, Told]:
        found: list[Any] = []
        first: Told | None = None
        for number in range(1, PAGES_MAX + 1):
            told = self.must(path, [*params, (page_name, str(number)), ("pageSize", str(PAGE))], cost)
            first = first or told
            try:
                record = as_record(told.payload)
                found += as_list(record.get("items"))
                total, pages = integer(record, "totalNum"), integer(record, "totalPage")
            except UnreadableError as error:
                raise _no_list(error) from None
            if number >= pages:
                return found, total, first
        raise IncompleteError(Untold(reason="too_many_pages"))

    def _chained_pages(self, path: str, params: Params) -> list[Any]:
        # Newest first; what is new meanwhile comes before the first page and moves nothing.
        found: list[Any] = []
        after: int | None = None
        for _ in range(PAGES_MAX):
            items, last = self._chained_page(path, params if after is None else [*params, ("lastId", str(after))])
            found += items
            if len(items) < PAGE:
                return found
            if last is None or last == after:
                raise IncompleteError(Untold(reason="unreadable: lastId leads nowhere"))
            after = last
        raise IncompleteError(Untold(reason="too_many_pages"))

    def _chained_page(self, path: str, params: Params) -> tuple[list[Any], int | None]:
        told = self.must(path, [*params, ("limit", str(PAGE))], {"spot": 2})
        try:
            record = as_record(told.payload)
            last = record.get("lastId")
            return as_list(record.get("items")), last if type(last) is int else None
        except UnreadableError as error:
            raise _no_list(error) from None


def _period(venue_symbol: str, from_ms: int, to_ms: int) -> Params:
    return [("symbol", venue_symbol), ("startAt", str(from_ms)), ("endAt", str(to_ms))]


def _distinct(items: list[Any]) -> set[Any]:
    # A record without an id counts as one of its own.
    ids = (item.get("id") if isinstance(item, dict) else None for item in items)
    return {found if type(found) is str else number for number, found in enumerate(ids)}


def _array(payload: Any) -> list[Any]:
    return [] if payload is None else as_list(payload)


def _no_list(error: UnreadableError) -> IncompleteError:
    return IncompleteError(Untold(reason=f"unreadable: {error}"))
