"""Questions to Kraken that take more than one call: look-ups with executions, searches, lists with pages.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import CLOCK_MARGIN_MS, PAGES_MAX, Asking, exact_sum, joined
from exchanges.failures import unanswered
from exchanges.fields import UnreadableError, as_list, as_record, integer, read_list
from exchanges.kraken.capabilities import CAPABILITIES
from exchanges.kraken.orders import Params, names_one_order
from exchanges.kraken.outcomes import INVALID_ORDER, UNKNOWN_ORDER, begins
from exchanges.kraken.rest import RestSession
from exchanges.kraken.translate import client_id, read_balances, read_order, read_trade
from exchanges.symbols import SymbolBook
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    LookUpOrder,
    SearchOrder,
)
from messages.fills import VenueFill
from messages.reports import (
    BalancesFetched,
    CallReport,
    FillsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
)
from messages.types import EvidenceSource, VenueOrder

SEARCH_SOURCES = CAPABILITIES.search_sources
TRADES_AT_ONCE = 20
"""So many executions the venue tells by id in one call."""

_ONE = "/0/private/QueryOrders"
_OPEN = "/0/private/OpenOrders"
_CLOSED = "/0/private/ClosedOrders"
_HISTORY = "/0/private/TradesHistory"
_TRADES = "/0/private/QueryTrades"
_BALANCES = "/0/private/BalanceEx"
_CALL = 1
_HISTORY_CALL = 4
"""What a call counts, by its kind."""
# Otherwise the executions of one order against several may be told as one, under an id that the stream does not have.
_APART = ("consolidate_taker", "false")

Rows = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An order as a question found it."""

    order: VenueOrder
    record: Rows
    told: Told
    endpoint: str


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

    def ask(self, path: str, params: Params, calls: int = _CALL) -> Told | Untold:
        """Ask one question, again while that may help."""
        return self._session.question(self._asking, path, params, calls, patient=self._patient)

    def must(self, path: str, params: Params, calls: int = _CALL) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        told = self.ask(path, params, calls)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    def order(self, venue_order_id: str, item: Any) -> VenueOrder:
        """Translate an order's record."""
        return read_order(venue_order_id, item, self.symbols)

    def trade(self, trade_id: str, item: Any) -> VenueFill:
        """Translate an execution's record."""
        return read_trade(trade_id, item, self.symbols, self._session.names)

    def balances(self, payload: Any) -> tuple[tuple[str, Any, Any], ...]:
        """Translate balances."""
        return read_balances(payload, self._session.names)


# ----- one order


def look_up(asking: Questions, request: LookUpOrder) -> CallReport:
    """Ask for one order, and for its executions when it has any."""
    found: Found | Untold | None
    if request.venue_order_id is not None:
        found = _by_id(asking, request.venue_order_id)
    else:
        found = _by_client_id(asking, request.client_order_id)
        if isinstance(found, Found) and found.order.filled_size and request.with_fills:
            # Only this call can be told to list every execution by itself.
            found = _by_id(asking, found.order.venue_order_id)
    if isinstance(found, Untold):
        return _not_found(asking, request, found)
    fills, complete = _executions(asking, request, found)
    return OrderFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=found.order,
        fills=fills,
        fills_complete=complete,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            EvidenceSource.LOOKUP,
            found.endpoint,
            found.told.answer,
            venue_time_ms=found.order.updated_venue_ms,
            detail=found.order.venue_status,
        ),
    )


def read_back(asking: Questions, request: CancelVenueOrder | AmendVenueOrder) -> Found | None:
    """Ask for the order of a request; None when it is not shown, or not for certain.

    Where only its client id is known, ended orders alone are asked for: it is about one that was cancelled.
    """
    try:
        if request.venue_order_id is not None:
            found = _by_id(asking, request.venue_order_id)
        else:
            found = _one_of(asking, *_named(asking, _CLOSED, "closed", request.client_order_id))
    except (IncompleteError, UnreadableError):
        return None
    # An order of another symbol is another order.
    return found if isinstance(found, Found) and found.order.symbol == request.symbol else None


def _by_id(asking: Questions, venue_order_id: str) -> Found | Untold:
    # Untold with an answer: the venue does not know the order.
    if not names_one_order(venue_order_id):
        raise IncompleteError(Untold(reason="the venue has no order ids of this form"))
    told = asking.ask(_ONE, [("txid", venue_order_id), ("trades", "true"), _APART])
    if isinstance(told, Untold):
        if told.answer is None or not any(begins(told.code or "", each) for each in (INVALID_ORDER, UNKNOWN_ORDER)):
            raise IncompleteError(told)
        return told
    rows = as_record(told.payload)
    if venue_order_id not in rows:
        if rows:
            raise UnreadableError("the answer is about another order")
        return Untold(reason="not listed", answer=told.answer)
    record = as_record(rows[venue_order_id])
    return Found(order=asking.order(venue_order_id, record), record=record, told=told, endpoint=f"POST {_ONE}")


def _by_client_id(asking: Questions, client_order_id: str) -> Found | Untold:
    # Open orders first: one that ends in between is then among the closed ones.
    rows, told = _named(asking, _OPEN, "open", client_order_id)
    if not rows:
        rows, told = _named(asking, _CLOSED, "closed", client_order_id)
    return _one_of(asking, rows, told)


def _named(asking: Questions, path: str, key: str, client_order_id: str) -> tuple[Rows, Told]:
    if not client_order_id:
        raise IncompleteError(Untold(reason="the order has no id to ask by"))
    params = [("cl_ord_id", client_order_id)]
    if path == _OPEN:
        told = asking.must(path, params)
        rows = _rows(told.payload, key)
    else:
        rows, told = _pages(asking, path, key, [*params, _APART], _CALL)
    # Should the venue not have looked at the id, everything comes.
    return {each: item for each, item in rows.items() if _is_named(item, client_order_id)}, told


def _is_named(item: Any, client_order_id: str) -> bool:
    named = as_record(item).get("cl_ord_id")
    if named is not None and type(named) is not str:
        raise UnreadableError("cl_ord_id is not a text")
    return named is not None and client_id(named) == client_id(client_order_id)


def _one_of(asking: Questions, rows: Rows, told: Told) -> Found | Untold:
    if not rows:
        return Untold(reason="not listed", answer=told.answer)
    if len(rows) > 1:
        # The id was used again after an order had ended. Which of them is meant, a search shows.
        raise UnreadableError("several orders have the client id")
    ((venue_order_id, item),) = rows.items()
    record = as_record(item)
    endpoint = f"POST {_OPEN}+ClosedOrders"
    return Found(order=asking.order(venue_order_id, record), record=record, told=told, endpoint=endpoint)


def _not_found(asking: Questions, request: LookUpOrder, untold: Untold) -> CallReport:
    if untold.answer is None:
        return unanswered(request, untold.reason, retry_after_ms=untold.retry_after_ms)
    return OrderNotFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(EvidenceSource.LOOKUP, f"POST {_ONE}", untold.answer, detail=untold.reason),
    )


def _executions(asking: Questions, request: LookUpOrder, found: Found) -> tuple[tuple[VenueFill, ...], bool]:
    if not found.order.filled_size:
        return (), True
    if not request.with_fills:
        return (), False
    try:
        return _trades_of(asking, found)
    except (IncompleteError, UnreadableError):
        return (), False


def _trades_of(asking: Questions, found: Found) -> tuple[tuple[VenueFill, ...], bool]:
    # The executions that an order's record names, and whether they are all: the list may lag behind the total.
    wanted = [each for each in as_list(found.record.get("trades", [])) if type(each) is str]
    rows: dict[str, Any] = {}
    for start in range(0, len(wanted), TRADES_AT_ONCE):
        some = wanted[start : start + TRADES_AT_ONCE]
        rows |= as_record(asking.must(_TRADES, [("txid", ",".join(some))]).payload)
    fills, _ = _read(rows, asking.trade)
    own = tuple(fill for fill in fills if fill.venue_order_id == found.order.venue_order_id)
    return own, exact_sum(fill.size for fill in own) == found.order.filled_size


# ----- lists


def search(asking: Questions, request: SearchOrder) -> CallReport:
    """List open orders, closed orders and executions of a symbol around a time: every source, or no answer."""
    opened = asking.must(_OPEN, [])
    found_open, bad_open = _orders_of(asking, _rows(opened.payload, "open"), request.symbol)
    window = _window(request.from_venue_ms, request.to_venue_ms)
    closed, _ = _pages(asking, _CLOSED, "closed", [*window, ("closetime", "both"), _APART], _CALL)
    found_closed, bad_closed = _orders_of(asking, closed, request.symbol)
    fills, bad_fills = _trades_between(asking, request.symbol, window)
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(found_open + found_closed),
        fills=fills,
        unreadable=bad_open + bad_closed + bad_fills,
        sources=SEARCH_SOURCES,
        # The first source was asked before the others: what holds for it holds for all.
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            EvidenceSource.LOOKUP, f"POST {'+'.join(SEARCH_SOURCES)}", opened.answer, detail="OpenOrders"
        ),
    )


def open_orders(asking: Questions, request: FetchOpenOrders) -> CallReport:
    """List open orders, of one symbol or of all; they come in one answer."""
    told = asking.must(_OPEN, [])
    orders, unreadable = _orders_of(asking, _rows(told.payload, "open"), request.symbol)
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=orders,
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(EvidenceSource.LOOKUP, f"POST {_OPEN}", told.answer),
    )


def fills(asking: Questions, request: FetchFills) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    if request.venue_order_id is not None:
        found, unreadable = _fills_of_order(asking, request.venue_order_id), 0
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        window = _window(request.since_venue_ms, until_ms)
        found, unreadable = _trades_between(asking, request.symbol, window)
    else:
        told = asking.must(_HISTORY, [_APART], _HISTORY_CALL)
        found, unreadable = _trades_of_symbol(asking, _rows(told.payload, "trades"), request.symbol)
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=found,
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
    )


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read balances. One that cannot be read makes the whole answer unreadable: left out, it would look like zero."""
    told = asking.must(_BALANCES, [])
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=asking.balances(told.payload),
        received_ms=told.answer.received_ms,
    )


def _fills_of_order(asking: Questions, venue_order_id: str) -> tuple[VenueFill, ...]:
    found = _by_id(asking, venue_order_id)
    if isinstance(found, Untold):
        raise IncompleteError(Untold(reason="unknown_order"))
    if not found.order.filled_size:
        return ()
    listed, complete = _trades_of(asking, found)
    if not complete:
        raise IncompleteError(Untold(reason="the executions do not add up to what the order has executed"))
    return listed


def _trades_between(asking: Questions, symbol: str, window: Params) -> tuple[tuple[VenueFill, ...], int]:
    rows, _ = _pages(asking, _HISTORY, "trades", [*window, _APART], _HISTORY_CALL)
    return _trades_of_symbol(asking, rows, symbol)


def _window(from_ms: int, to_ms: int) -> Params:
    # Whole seconds, the first of which the venue leaves out.
    return [("start", str(min(from_ms, to_ms) // 1000 - 1)), ("end", str(-(-to_ms // 1000)))]


def _pages(
    asking: Questions, path: str, key: str, params: Params, calls: int
) -> tuple[dict[str, Any], Told]:
    """Read every page of a list, newest first; its end is fixed, so what arrives meanwhile only moves rows backwards.

    The first page is read again after the others: what came to stand there meanwhile is on none of them.
    """
    first = told = asking.must(path, [*params, ("ofs", "0")], calls)
    rows: dict[str, Any] = {}
    offset = 0
    for _ in range(PAGES_MAX):
        page = _rows(told.payload, key)
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
        rows |= _rows(again.payload, key)
    return rows, first


def _rows(payload: Any, key: str) -> dict[str, Any]:
    try:
        return dict(as_record(as_record(payload).get(key)))
    except UnreadableError:
        raise IncompleteError(Untold(reason=f"unreadable: {key} is not an object")) from None


def _orders_of(asking: Questions, rows: Rows, symbol: str | None) -> tuple[tuple[VenueOrder, ...], int]:
    if symbol is not None:
        rows = {each: item for each, item in rows.items() if _may_be_of(asking, _described(item), symbol)}
    return _read(rows, asking.order)


def _trades_of_symbol(asking: Questions, rows: Rows, symbol: str) -> tuple[tuple[VenueFill, ...], int]:
    return _read({each: item for each, item in rows.items() if _may_be_of(asking, item, symbol)}, asking.trade)


def _described(item: Any) -> Any:
    return item.get("descr") if isinstance(item, dict) else None


def _may_be_of(asking: Questions, item: Any, symbol: str) -> bool:
    # What does not name another symbol that we know may be of this one.
    pair = item.get("pair") if isinstance(item, dict) else None
    return asking.symbols.to_canonical.get(pair, symbol) == symbol if isinstance(pair, str) else True


def _read(rows: Rows, read: Callable[[str, Any], T]) -> tuple[tuple[T, ...], int]:
    items: Iterable[tuple[str, Any]] = rows.items()
    return read_list(list(items), lambda item: read(*item))
