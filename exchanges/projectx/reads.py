"""Questions to ProjectX: look-ups with executions, searches, lists with pages, positions.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import Asking, exact_sum, joined, listed
from exchanges.client import NotSupportedError
from exchanges.failures import unanswered
from exchanges.fields import Record, UnreadableError, as_list, as_record, identifier, integer, text
from exchanges.projectx.capabilities import CAPABILITIES
from exchanges.projectx.executions import read_position, read_trade
from exchanges.projectx.forms import iso, time
from exchanges.projectx.orders import order_body
from exchanges.projectx.outcomes import ORDER_NOT_FOUND
from exchanges.projectx.pages import working_rows, working_rows_since
from exchanges.projectx.rest import CALL, RestSession
from exchanges.projectx.translate import read_order, says_volume
from exchanges.symbols import SymbolBook
from exchanges.throttle import CallKind
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, LookUpOrder, SearchOrder
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
from messages.types import ZERO, EvidenceSource, VenueOrder

SEARCH_MARGIN_MS = 60_000
"""A search begins earlier than asked for by this: the venue's clock is known to the second."""
TRADES_MARGIN_MS = 1000
"""Executions of an order are asked for from this long before its creation."""
LATEST_MS = 86_400_000
"""How far back the latest executions are asked for."""

_ORDER_PATH = "/api/Order/searchById"
_ORDERS_PATH = "/api/Order/search"
_QUERY_PATH = "/api/Order/v2/query"
_TRADES_PATH = "/api/Trade/search"
_POSITIONS_PATH = "/api/Position/searchOpen"
_LOOKUP = EvidenceSource.LOOKUP


def rows_of(told: Told, name: str) -> list[Any]:
    """Give the rows of an answer. One that is missing or null is no proof that there are none, and raises
    `IncompleteError`.
    """
    try:
        return as_list(told.payload.get(name))
    except UnreadableError:
        raise IncompleteError(Untold(reason=f"unreadable: {name} is not a list")) from None


class Questions:
    """Questions about one account on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking, account: int) -> None:
        self.account = account
        self.asking = asking
        self._session = session

    def ask(self, path: str, body: Mapping[str, Any]) -> Told | Untold:
        """Ask one question, again while that may help."""
        return self._session.question(self.asking, path, body, CALL)

    def must(self, path: str, body: Mapping[str, Any]) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        told = self.ask(path, body)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    def order(self, value: Any) -> VenueOrder:
        """Translate an order."""
        return read_order(value, self.asking.symbols, self.account)

    def trade(self, value: Any) -> VenueFill | None:
        """Translate an execution; None: it was taken back."""
        return read_trade(value, self.asking.symbols, self.account)

    def has_settled(self, order: VenueOrder) -> bool:
        """Tell whether all executions of an order that has ended were listed when this was asked."""
        return self._session.ends.settled(order, self.asking.asked_venue_ms, self.asking.venue_now_ms())


# ----- one order


def look_up(asking: Questions, request: LookUpOrder) -> CallReport:
    """Ask for one order by the venue's id, and for its executions when it has any."""
    if request.venue_order_id is None:
        # The venue looks nothing up by client id; lists echo them.
        return unanswered(request, "no_lookup_by_client_id")
    told = asking.ask(_ORDER_PATH, _named(asking, request.venue_order_id))
    if isinstance(told, Untold):
        return _not_told(asking, request, told)
    order, fills, complete = _with_executions(asking, told, with_fills=request.with_fills)
    if order.venue_order_id != request.venue_order_id:
        return unanswered(request, "unreadable: the answer is about another order")
    return OrderFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        fills=fills,
        fills_complete=complete,
        asked_venue_ms=asking.asking.asked_venue_ms,
        evidence=answer_evidence(
            _LOOKUP,
            f"POST {_ORDER_PATH}",
            told.answer,
            venue_time_ms=order.updated_venue_ms,
            detail=order.venue_status,
        ),
    )


def read_back(asking: Questions, venue_order_id: str) -> VenueOrder | None:
    """Read an order after a change of it was accepted; None: it could not be read, which says nothing about it."""
    told = asking.ask(_ORDER_PATH, _named(asking, venue_order_id))
    if isinstance(told, Untold):
        return None
    try:
        # Right after the change, its last executions may not be listed yet.
        order, _, _ = _with_executions(asking, told, with_fills=False, settles=False)
    except UnreadableError:
        return None
    return order if order.venue_order_id == venue_order_id else None


def _not_told(asking: Questions, request: LookUpOrder, untold: Untold) -> CallReport:
    if untold.code != str(ORDER_NOT_FOUND) or untold.answer is None:
        return unanswered(request, untold.reason, retry_after_ms=untold.retry_after_ms)
    return OrderNotFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        asked_venue_ms=asking.asking.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, f"POST {_ORDER_PATH}", untold.answer, detail=untold.code),
    )


def shown(session: RestSession, symbols: SymbolBook, account: int, venue_order_id: str) -> VenueOrder | Untold:
    """Read an order before a change of it; raises `NotSupportedError` for what is no id."""
    result = session.call(CallKind.AMEND, _ORDER_PATH, order_body(venue_order_id, account))
    told = session.read_answer(result)
    if isinstance(told, Untold):
        return told
    try:
        order = read_order(_order_of(told, venue_order_id), symbols, account)
    except UnreadableError as error:
        return Untold(reason=f"unreadable: {error}")
    return order


def _with_executions(
    asking: Questions, told: Told, *, with_fills: bool, settles: bool = True
) -> tuple[VenueOrder, tuple[VenueFill, ...], bool]:
    # The order; what it has executed, and whether that is everything.
    record = as_record(told.payload.get("order"))
    order = asking.order(record)
    says = says_volume(record)
    if says and (not order.filled_size or not with_fills):
        return order, (), not order.filled_size
    try:
        fills, unreadable = _trades_of(asking, record)
    except IncompleteError:
        return order, (), False
    executed = exact_sum(fill.size for fill in fills)
    if says:
        # What cannot be read is not of this order when the rest comes to all that it says.
        return order, fills, executed == order.filled_size or (not unreadable and executed > order.filled_size)
    if unreadable:
        return order, fills, False
    settled = settles and asking.has_settled(order)
    order = read_order(record, asking.asking.symbols, asking.account, executed=executed, settled=settled)
    return order, fills, order.status is not None and executed >= order.filled_size


def _trades_of(asking: Questions, record: Record) -> tuple[tuple[VenueFill, ...], int]:
    # The executions of an order, and how many of its contract may be its own and cannot be read.
    number, contract = integer(record, "id"), text(record, "contractId")
    rows = _trades(asking, time(record, "creationTimestamp") - TRADES_MARGIN_MS)
    found, _ = _about(rows, "orderId", number)
    nobodys = [row for row in rows if not isinstance(row, dict) or type(row.get("orderId")) is not int]
    of_contract, unnamed = _about(nobodys, "contractId", contract)
    fills, unreadable = _translated(asking, found)
    return fills, unreadable + unnamed + len(of_contract)


def _order_of(told: Told, venue_order_id: str) -> Record:
    record = as_record(told.payload.get("order"))
    if identifier(record, "id") != venue_order_id:
        raise UnreadableError("the answer is about another order")
    return record


# ----- lists


def search(asking: Questions, request: SearchOrder, contract: str) -> CallReport:
    """List working orders, all orders and executions of a contract around a time: every source, or no answer.

    The two histories have no end: what is told beyond the time does no harm, and an end could cut off a late record.
    """
    since_ms = min(request.from_venue_ms, request.to_venue_ms) - SEARCH_MARGIN_MS
    told = asking.must(_ORDERS_PATH, {"accountId": asking.account, "startTimestamp": iso(since_ms)})
    recent, unnamed = _about(rows_of(told, "orders"), "contractId", contract)
    working = working_rows_since(asking.must, _QUERY_PATH, asking.account, since_ms)
    working, unnamed_working = _about(working, "contractId", contract)
    rows, unnamed_fills = _about(_trades(asking, since_ms), "contractId", contract)
    found, bad_found = listed(recent, asking.order)
    found_working, bad_working = listed(working, asking.order)
    fills, bad_fills = _translated(asking, rows)
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(found + found_working),
        fills=fills,
        unreadable=bad_found + bad_working + bad_fills + unnamed + unnamed_working + unnamed_fills,
        sources=CAPABILITIES.search_sources,
        # The first source was asked before the others: what holds for it holds for all.
        asked_venue_ms=asking.asking.asked_venue_ms,
        evidence=answer_evidence(
            _LOOKUP, f"POST {'+'.join(CAPABILITIES.search_sources)}", told.answer, detail="Order/search"
        ),
    )


def open_orders(asking: Questions, request: FetchOpenOrders, contract: str | None) -> CallReport:
    """List working orders, those that wait for an entry to fill included, of one contract or of all."""
    answers: list[Told] = []

    def must(path: str, body: Mapping[str, Any]) -> Told:
        answers.append(asking.must(path, body))
        return answers[-1]

    rows = working_rows(must, _QUERY_PATH, asking.account)
    rows, unnamed = (rows, 0) if contract is None else _about(rows, "contractId", contract)
    orders, unreadable = listed(rows, asking.order)
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=orders,
        unreadable=unreadable + unnamed,
        asked_venue_ms=asking.asking.asked_venue_ms,
        # The oldest rows are as old as the first page.
        evidence=answer_evidence(_LOOKUP, f"POST {_QUERY_PATH}", answers[0].answer),
    )


def fills(asking: Questions, request: FetchFills, contract: str) -> CallReport:
    """List executions of one order, or of a contract since a time, or the latest of a contract."""
    if request.venue_order_id is not None:
        told = asking.must(_ORDER_PATH, _named(asking, request.venue_order_id))
        found, unreadable = _trades_of(asking, _order_of(told, request.venue_order_id))
    else:
        since_ms = request.since_venue_ms
        if since_ms is None:
            since_ms = asking.asking.venue_now_ms() - LATEST_MS
        rows, unnamed = _about(_trades(asking, since_ms), "contractId", contract)
        found, unreadable = _translated(asking, rows)
        unreadable += unnamed
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=found,
        unreadable=unreadable,
        asked_venue_ms=asking.asking.asked_venue_ms,
    )


def balances(asking: Questions, request: FetchBalances) -> CallReport:
    """Read positions, by symbol. One that cannot be read makes the whole answer unreadable: left out, it would look
    like none.
    """
    told = asking.must(_POSITIONS_PATH, {"accountId": asking.account})
    held: dict[str, Decimal] = {}
    for row in rows_of(told, "positions"):
        contract, net = read_position(row, asking.account)
        symbol = asking.asking.symbols.canonical(contract)
        held[symbol] = exact_sum((held.get(symbol, ZERO), net))
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=tuple((symbol, net, net) for symbol, net in held.items()),
        received_ms=told.answer.received_ms,
    )


def _named(asking: Questions, venue_order_id: str) -> Mapping[str, Any]:
    try:
        return order_body(venue_order_id, asking.account)
    except NotSupportedError as error:
        raise IncompleteError(Untold(reason=str(error))) from None


def _trades(asking: Questions, since_ms: int) -> list[Any]:
    told = asking.must(_TRADES_PATH, {"accountId": asking.account, "startTimestamp": iso(since_ms)})
    return rows_of(told, "trades")


def _about(rows: Iterable[Any], name: str, wanted: str | int) -> tuple[list[Any], int]:
    # The venue filters by neither; rows that do not say what they are about are counted.
    found, unnamed = [], 0
    for row in rows:
        try:
            about = as_record(row).get(name)
        except UnreadableError:
            about = None
        if about == wanted:
            found.append(row)
        elif type(about) is not type(wanted):
            unnamed += 1
    return found, unnamed


def _translated(asking: Questions, rows: list[Any]) -> tuple[tuple[VenueFill, ...], int]:
    found, unreadable = listed(rows, asking.trade)
    return tuple(fill for fill in found if fill is not None), unreadable
