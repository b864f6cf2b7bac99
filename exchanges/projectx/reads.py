"""Lists of ProjectX: searches, working orders page by page, executions, positions.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.answers import Told, answer_evidence
from exchanges.asking import exact_sum, joined, listed
from exchanges.projectx.capabilities import CAPABILITIES
from exchanges.projectx.executions import read_position
from exchanges.projectx.forms import iso
from exchanges.projectx.lookups import executions_of, order_of
from exchanges.projectx.pages import working_rows, working_rows_since
from exchanges.projectx.questions import ORDER_PATH, Executions, Questions, rows_about, rows_of
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, SearchOrder
from messages.reports import BalancesFetched, CallReport, FillsFetched, OpenOrdersFetched, OrdersSearched
from messages.types import ZERO, EvidenceSource

SEARCH_MARGIN_MS = 60_000
"""A search begins earlier than asked for by this: the venue's clock is known to the second."""
LATEST_MS = 86_400_000
"""How far back the latest executions are asked for."""

_ORDERS_PATH = "/api/Order/search"
_QUERY_PATH = "/api/Order/v2/query"
_POSITIONS_PATH = "/api/Position/searchOpen"
_LOOKUP = EvidenceSource.LOOKUP


def search(asking: Questions, request: SearchOrder, contract: str) -> CallReport:
    """List working orders, all orders and executions of a contract around a time: every source, or no answer.

    The two histories have no end: what is told beyond the time does no harm, and an end could cut off a late record.
    """
    since_ms = min(request.from_venue_ms, request.to_venue_ms) - SEARCH_MARGIN_MS
    told = asking.must(_ORDERS_PATH, {"accountId": asking.account, "startTimestamp": iso(since_ms)})
    recent, unnamed = rows_about(rows_of(told, "orders"), "contractId", contract)
    working = working_rows_since(asking.must, _QUERY_PATH, asking.account, since_ms)
    working, unnamed_working = rows_about(working, "contractId", contract)
    rows, unnamed_fills = rows_about(asking.trades(since_ms), "contractId", contract)
    found, bad_found = listed(recent, asking.order)
    found_working, bad_working = listed(working, asking.order)
    executed = asking.executions(rows)
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(found + found_working),
        fills=executed.fills,
        unreadable=bad_found + bad_working + executed.unreadable + unnamed + unnamed_working + unnamed_fills,
        voided=executed.voided,
        unattributed=executed.unattributed,
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
    rows, unnamed = (rows, 0) if contract is None else rows_about(rows, "contractId", contract)
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
        told = asking.must(ORDER_PATH, asking.named(request.venue_order_id))
        return _fetched(asking, request, executions_of(asking, order_of(told, request.venue_order_id)))
    since_ms = request.since_venue_ms
    if since_ms is None:
        since_ms = asking.asking.venue_now_ms() - LATEST_MS
    rows, unnamed = rows_about(asking.trades(since_ms), "contractId", contract)
    return _fetched(asking, request, asking.executions(rows), unnamed)


def _fetched(asking: Questions, request: FetchFills, found: Executions, unnamed: int = 0) -> CallReport:
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=found.fills,
        unreadable=found.unreadable + unnamed,
        voided=found.voided,
        unattributed=found.unattributed,
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
