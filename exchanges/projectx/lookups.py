"""One order of ProjectX, looked up with its executions.

Owns what makes up the answer about one order. An answer about another order is none, and executions that were not all
read are never passed off as all.
"""

from dataclasses import replace

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import exact_sum
from exchanges.failures import unanswered
from exchanges.fields import Record, UnreadableError, as_record, identifier, integer, text
from exchanges.projectx.forms import time
from exchanges.projectx.orders import order_body
from exchanges.projectx.outcomes import ORDER_NOT_FOUND
from exchanges.projectx.questions import ORDER_PATH, Executions, Questions, rows_about
from exchanges.projectx.rest import RestSession
from exchanges.projectx.translate import read_order, says_volume
from exchanges.symbols import SymbolBook
from exchanges.throttle import CallKind
from messages.commands import LookUpOrder
from messages.fills import VenueFill
from messages.reports import CallReport, OrderFound, OrderNotFound
from messages.types import EvidenceSource, VenueOrder

TRADES_MARGIN_MS = 1000
"""Executions of an order are asked for from this long before its creation."""

_LOOKUP = EvidenceSource.LOOKUP


def look_up(asking: Questions, request: LookUpOrder) -> CallReport:
    """Ask for one order by the venue's id, and for its executions when it has any."""
    if request.venue_order_id is None:
        # The venue looks nothing up by client id; lists echo them.
        return unanswered(request, "no_lookup_by_client_id")
    told = asking.ask(ORDER_PATH, asking.named(request.venue_order_id))
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
            f"POST {ORDER_PATH}",
            told.answer,
            venue_time_ms=order.updated_venue_ms,
            detail=order.venue_status,
        ),
    )


def read_back(asking: Questions, venue_order_id: str) -> VenueOrder | None:
    """Read an order after a change of it was accepted; None: it could not be read, which says nothing about it."""
    told = asking.ask(ORDER_PATH, asking.named(venue_order_id))
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
        evidence=answer_evidence(_LOOKUP, f"POST {ORDER_PATH}", untold.answer, detail=untold.code),
    )


def shown(session: RestSession, symbols: SymbolBook, account: int, venue_order_id: str) -> VenueOrder | Untold:
    """Read an order before a change of it; raises `NotSupportedError` for what is no id."""
    result = session.call(CallKind.AMEND, ORDER_PATH, order_body(venue_order_id, account))
    told = session.read_answer(result)
    if isinstance(told, Untold):
        return told
    try:
        order = read_order(order_of(told, venue_order_id), symbols, account)
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
        found = executions_of(asking, record)
    except IncompleteError:
        return order, (), False
    fills, unreadable = found.fills, found.unreadable
    executed = exact_sum(fill.size for fill in fills)
    if says:
        # What cannot be read is not of this order when the rest comes to all that it says.
        return order, fills, executed == order.filled_size or (not unreadable and executed > order.filled_size)
    if unreadable:
        return order, fills, False
    settled = settles and asking.has_settled(order)
    order = read_order(record, asking.asking.symbols, asking.account, executed=executed, settled=settled)
    return order, fills, order.status is not None and executed >= order.filled_size


def executions_of(asking: Questions, record: Record) -> Executions:
    """Read the executions of an order. Those of its contract that do not say of which order they are may be its own,
    and count as unreadable.
    """
    number, contract = integer(record, "id"), text(record, "contractId")
    rows = asking.trades(time(record, "creationTimestamp") - TRADES_MARGIN_MS)
    own, _ = rows_about(rows, "orderId", number)
    nobodys = [row for row in rows if not isinstance(row, dict) or type(row.get("orderId")) is not int]
    of_contract, unnamed = rows_about(nobodys, "contractId", contract)
    found = asking.executions(own)
    return replace(found, unreadable=found.unreadable + unnamed + len(of_contract))


def order_of(told: Told, venue_order_id: str) -> Record:
    """Give the record of the order that was asked for; raises `UnreadableError`."""
    record = as_record(told.payload.get("order"))
    if identifier(record, "id") != venue_order_id:
        raise UnreadableError("the answer is about another order")
    return record
