"""Questions to Kraken about one order: by its id or ours, with its executions.

Owns which sources are asked, in what order. What is not found for certain is no answer; it never takes one order for
another that had the same client id.
"""

from dataclasses import dataclass
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import exact_sum
from exchanges.failures import unanswered
from exchanges.fields import UnreadableError, as_list, as_record
from exchanges.kraken.orders import names_one_order
from exchanges.kraken.outcomes import INVALID_ORDER, UNKNOWN_ORDER, begins
from exchanges.kraken.questions import APART, CALL, SEARCH_CALLS, Questions, Rows, pages, read_rows, rows_of
from exchanges.kraken.translate import client_id, tells_executions
from messages.commands import AmendVenueOrder, CancelVenueOrder, LookUpOrder
from messages.fills import VenueFill
from messages.reports import CallReport, OrderFound, OrderNotFound
from messages.types import EvidenceSource, VenueOrder

TRADES_AT_ONCE = 20
"""So many executions the venue tells by id in one call."""

_ONE = "/0/private/QueryOrders"
_OPEN = "/0/private/OpenOrders"
_CLOSED = "/0/private/ClosedOrders"
_TRADES = "/0/private/QueryTrades"
_TRIGGERED = frozenset({"stopped", "touched"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An order as a question found it."""

    order: VenueOrder
    record: Rows
    told: Told
    endpoint: str

    @property
    def triggered(self) -> bool:
        """Whether it is a stop whose trigger was reached."""
        misc = self.record.get("misc")
        return isinstance(misc, str) and not _TRIGGERED.isdisjoint(misc.split(","))


def look_up(asking: Questions, request: LookUpOrder) -> CallReport:
    """Ask for one order, and for its executions when it has any.

    Asked for by our id, it may be in no list, and then it is searched for: the room for that must be there beside, or
    many look-ups would leave none to the searches that are to follow them.
    """
    found: Found | Untold | None
    if request.venue_order_id is not None:
        asking.reserve(2 * CALL if request.with_fills else CALL)
        found = by_id(asking, request.venue_order_id)
    else:
        asking.reserve(2 * CALL, spare=SEARCH_CALLS)
        found = _by_client_id(asking, request.client_order_id)
        if isinstance(found, Found) and found.order.filled_size and request.with_fills:
            # Only this call can be told to list every execution by itself.
            found = by_id(asking, found.order.venue_order_id)
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
            found = by_id(asking, request.venue_order_id)
        else:
            found = _one_of(asking, *_named(asking, _CLOSED, "closed", request.client_order_id))
    except (IncompleteError, UnreadableError):
        return None
    # An order of another symbol is another order.
    return found if isinstance(found, Found) and found.order.symbol == request.symbol else None


def by_id(asking: Questions, venue_order_id: str) -> Found | Untold:
    """Ask for an order by the venue's id. `Untold` with an answer: the venue does not know it."""
    if not names_one_order(venue_order_id):
        raise IncompleteError(Untold(reason="the venue has no order ids of this form"))
    told = asking.ask(_ONE, [("txid", venue_order_id), ("trades", "true"), APART])
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
        rows = rows_of(told.payload, key)
    else:
        rows, told = pages(asking, path, key, [*params, APART], CALL)
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
        return (), not tells_executions(found.record)
    if not request.with_fills:
        return (), False
    try:
        return trades_of(asking, found)
    except (IncompleteError, UnreadableError):
        return (), False


def trades_of(asking: Questions, found: Found) -> tuple[tuple[VenueFill, ...], bool]:
    """Read the executions that an order's record names, and whether they are all: list and total may lag behind."""
    wanted = [each for each in as_list(found.record.get("trades", [])) if type(each) is str]
    rows: dict[str, Any] = {}
    for start in range(0, len(wanted), TRADES_AT_ONCE):
        some = wanted[start : start + TRADES_AT_ONCE]
        rows |= as_record(asking.must(_TRADES, [("txid", ",".join(some))]).payload)
    fills, _ = read_rows(rows, asking.trade)
    own = tuple(fill for fill in fills if fill.venue_order_id == found.order.venue_order_id)
    filled = found.order.filled_size
    return own, bool(filled) and exact_sum(fill.size for fill in own) == filled
