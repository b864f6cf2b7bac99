"""KuCoin's lists and single orders as questions on behalf of one request: pages turned, absence told from silence.

Owns how each list is turned to its end and what counts as the venue's own 'not there'. A list that was not read to its
end is none.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import PAGES_MAX
from exchanges.fields import UnreadableError, as_list, as_record, integer, read_list
from exchanges.kucoin.answers import knows_no_order, knows_no_stop
from exchanges.kucoin.executions import read_fill
from exchanges.kucoin.rest import Params, RestSession
from exchanges.kucoin.rows import listed_id, order_reader, parse_working
from exchanges.kucoin.translate import TRIGGERED, read_order, read_stop
from exchanges.questions import BaseQuestions, answered
from exchanges.session import Cost
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json
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


class Questions(BaseQuestions[RestSession]):
    """Signed questions on behalf of one request."""

    def ask(
        self, path: str, params: Params, cost: Cost, parse: Callable[[bytes], Any] = parse_json
    ) -> Told | Untold:
        """Ask one question, again while that may help. `parse` parses the answer."""
        return self._session.question(self._asking, path, params, cost, parse)

    def must(self, path: str, params: Params, cost: Cost, parse: Callable[[bytes], Any] = parse_json) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        return answered(self.ask(path, params, cost, parse))

    # ----- one order; None: the venue itself says that it has none. They raise `IncompleteError` when not answered.

    def order(self, venue_symbol: str, venue_order_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for an ordinary order by its id; the answer comes second."""
        found, answer = self._order(f"{_ORDERS}/{venue_order_id}", venue_symbol)
        if found is not None and found.venue_order_id != venue_order_id:
            raise _of_another()
        return found, answer

    def order_by_client_id(self, venue_symbol: str, client_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for an ordinary order, working or ended, by its client id."""
        found, answer = self._order(f"{_ORDERS}/client-order/{client_id}", venue_symbol)
        if found is not None and found.client_order_id != client_id:
            raise _of_another()
        return found, answer

    def stop(self, stop_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for a stop order by its id."""
        told = self.ask(f"{STOP_LIST}/{stop_id}", [], {"spot": 3})
        found = self._shown(told, read_stop, knows_none=knows_no_stop)
        if found is None:
            return None, told
        if found.venue_order_id != stop_id:
            raise _of_another()
        return self._learned(found), told

    def stop_by_client_id(self, venue_symbol: str, client_id: str) -> tuple[VenueOrder | None, Told | Untold]:
        """Ask for a stop order by its client id: of several, one that works."""
        params = [("clientOid", client_id), ("symbol", venue_symbol)]
        told = self.ask(f"{STOP_LIST}/queryOrderByClientOid", params, {"spot": 3})
        listed = self._shown(told, lambda value, _: as_list(value), knows_none=knows_no_stop) or []
        found = [read_stop(item, self.symbols) for item in listed]
        if any(each.client_order_id != client_id for each in found):
            raise _of_another()
        for stop in found:
            self._learned(stop)
        found.sort(key=lambda each: each.venue_status == TRIGGERED)
        return (found[0] if found else None), told

    def end_of_stop(self, stop_id: str) -> VenueOrder | None:
        """Tell how a stop order ended that was just found in neither book; None: nothing proves that it ended."""
        return self._session.stops.end_of(stop_id, self.asked_venue_ms)

    def _read_stop(self, value: Any, symbols: SymbolBook) -> VenueOrder:
        return self._learned(read_stop(value, symbols))

    def _learned(self, stop: VenueOrder) -> VenueOrder:
        self._session.stops.learn(stop.venue_order_id, stop.client_order_id)
        return stop

    def _order(self, path: str, venue_symbol: str) -> tuple[VenueOrder | None, Told | Untold]:
        told = self.ask(path, [("symbol", venue_symbol)], {"spot": 2})
        return self._shown(told, read_order, knows_none=knows_no_order), told

    def _shown(
        self, told: Told | Untold, read: Callable[[Any, SymbolBook], T], *, knows_none: Callable[[Untold], bool]
    ) -> T | None:
        if isinstance(told, Untold):
            if not knows_none(told):
                raise IncompleteError(told)
            return None
        return None if told.payload is None else read(told.payload, self.symbols)

    # ----- lists

    def working(self, venue_symbol: str) -> tuple[Listed[VenueOrder], Told]:
        """List the working ordinary orders of a symbol."""
        params = [("symbol", venue_symbol)]
        items, told = self._counted_pages(f"{_ORDERS}/active/page", params, "pageNum", {"spot": 2}, parse_working)
        return read_list(items, order_reader(self.symbols)), told

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

    def _counted_pages(
        self, path: str, params: Params, page_name: str, cost: Cost, parse: Callable[[bytes], Any] = parse_json
    ) -> tuple[list[Any], Told]:
        # What ends while pages are turned moves the rest up, and one would be passed over: then the venue counts fewer
        # than before, or there are fewer than it counts.
        first: Told | None = None
        for _ in range(LISTINGS_MAX):
            items, totals, told = self._turned(path, params, page_name, cost, parse)
            first = first or told
            if len(totals) == 1 and len(_distinct(items)) >= max(totals):
                return items, first
        raise IncompleteError(Untold(reason="list_changes"))

    def _turned(
        self, path: str, params: Params, page_name: str, cost: Cost, parse: Callable[[bytes], Any]
    ) -> tuple[list[Any], set[int], Told]:
        # The records of all pages, what the pages told as the number of them, and the first answer.
        found: list[Any] = []
        totals: set[int] = set()
        first: Told | None = None
        for number in range(1, PAGES_MAX + 1):
            told = self.must(path, [*params, (page_name, str(number)), ("pageSize", str(PAGE))], cost, parse)
            first = first or told
            try:
                record = as_record(told.payload)
                found += as_list(record.get("items"))
                totals.add(integer(record, "totalNum"))
                pages = integer(record, "totalPage")
            except UnreadableError as error:
                raise _no_list(error) from None
            if number >= pages:
                return found, totals, first
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
    return {found if type(found) is str else number for number, found in enumerate(map(listed_id, items))}


def _of_another() -> UnreadableError:
    return UnreadableError("the answer is about another order")


def _no_list(error: UnreadableError) -> IncompleteError:
    return IncompleteError(Untold(reason=f"unreadable: {error}"))
