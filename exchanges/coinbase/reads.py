"""Questions to Coinbase that take more than one call: look-ups with executions, searches, lists with pages.

Owns which sources are asked, in what order and how they are joined. A source that did not answer completely makes
the whole question unanswered; it never passes off a part as everything.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from exchanges.answers import IncompleteError, Told, Untold, answer_evidence
from exchanges.asking import CLOCK_MARGIN_MS, PAGES_MAX, Asking, exact_sum, joined
from exchanges.coinbase.answers import NOT_FOUND
from exchanges.coinbase.capabilities import CAPABILITIES
from exchanges.coinbase.changes import ORDER_PATH
from exchanges.coinbase.executions import read_balance, read_fill
from exchanges.coinbase.rest import BASE_PATH, Query, RestSession
from exchanges.coinbase.times import written_time
from exchanges.coinbase.translate import WORKING, executions_told, read_order, tells_executions
from exchanges.failures import unanswered
from exchanges.fields import Record, UnreadableError, as_list, as_record, flag, read_list, text, text_or_empty
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
from messages.types import ENDED_STATUSES, ZERO, EvidenceSource, VenueOrder

SEARCH_SOURCES = CAPABILITIES.search_sources
PAGE = 250
FILLS_PAGE = 100

_BATCH_PATH = f"{ORDER_PATH}/batch"
_FILLS_PATH = f"{ORDER_PATH}/fills"
_ACCOUNTS_PATH = f"{BASE_PATH}/accounts"

T = TypeVar("T")


class Questions:
    """Signed questions on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking) -> None:
        self._session = session
        self._asking = asking

    @property
    def asked_venue_ms(self) -> int:
        """Lower bound of the venue time at which the first question was asked."""
        return self._asking.asked_venue_ms

    def venue_now_ms(self) -> int:
        """Tell the venue's time, aimed low."""
        return self._asking.venue_now_ms()

    def ask_order(self, venue_order_id: str) -> Told | Untold:
        """Ask for one order."""
        path = f"{ORDER_PATH}/{quote(venue_order_id, safe='')}"
        return self._session.question(self._asking, path, [], patient=False)

    def must(self, path: str, query: Query) -> Told:
        """Ask for a page, when the rate allows; raises `IncompleteError` when it does not come."""
        told = self._session.question(self._asking, path, query, patient=True)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return told

    def pages(self, path: str, query: Query, rows: str, *, counted: bool) -> list[tuple[Record, Told]]:
        """Ask for a list to its end. `counted`: its pages say whether there is a next one; otherwise an empty cursor
        does. Raises `IncompleteError` when a page does not come.
        """
        found: list[tuple[Record, Told]] = []
        cursor = ""
        while len(found) < PAGES_MAX:
            told = self.must(path, [*query, ("cursor", cursor)] if cursor else query)
            page, following = _page(told, rows, counted=counted)
            found.append((page, told))
            if not following:
                return found
            if following == cursor:
                raise IncompleteError(Untold(reason="unreadable: the cursor does not move"))
            cursor = following
        raise IncompleteError(Untold(reason="too_many_pages"))

    def read_order(self, value: Any) -> VenueOrder:
        """Translate an order."""
        return read_order(value, self._asking.symbols)

    def read_fill(self, value: Any) -> VenueFill:
        """Translate an execution."""
        return read_fill(value, self._asking.symbols, self._session.products)


def look_up(asking: Questions, request: LookUpOrder) -> CallReport:
    """Ask for one order, and for its executions when it has any. The venue finds none by its client id."""
    if request.venue_order_id is None:
        return unanswered(request, "not_supported: no look-up by client id")
    told = asking.ask_order(request.venue_order_id)
    if isinstance(told, Untold):
        return _not_told(asking, request, told)
    shown = as_record(told.payload).get("order")
    order = asking.read_order(shown)
    if order.venue_order_id != request.venue_order_id:
        return unanswered(request, "unreadable: the answer is about another order")
    order, fills, complete = _with_executions(asking, request, order, shown)
    return OrderFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        fills=fills,
        fills_complete=complete,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            EvidenceSource.LOOKUP,
            f"GET {ORDER_PATH}",
            told.answer,
            venue_time_ms=order.updated_venue_ms,
            detail=order.venue_status,
        ),
    )


def _not_told(asking: Questions, request: LookUpOrder, untold: Untold) -> CallReport:
    if untold.code != NOT_FOUND or untold.answer is None:
        return unanswered(request, untold.reason, retry_after_ms=untold.retry_after_ms)
    return OrderNotFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(EvidenceSource.LOOKUP, f"GET {ORDER_PATH}", untold.answer, detail=NOT_FOUND),
    )


def _with_executions(
    asking: Questions, request: LookUpOrder, order: VenueOrder, shown: Any
) -> tuple[VenueOrder, tuple[VenueFill, ...], bool]:
    executions = executions_told(shown)
    # What has executed by its value alone has no size yet that the list could be held against.
    sized = bool(order.filled_size or executions)
    if not sized and not tells_executions(shown):
        return order, (), True
    if not request.with_fills:
        return order, (), False
    try:
        fills, unreadable = _fills_of_order(asking, order.venue_order_id)
    except IncompleteError:
        return order, (), False
    own = tuple(fill for fill in fills if fill.venue_order_id == order.venue_order_id)
    executed = exact_sum(fill.size for fill in own)
    all_rows = not unreadable and len(own) >= (executions or 0)
    if order.quote_size is not None and all_rows and executions:
        # Sized in quote units, what it has executed in base units is known from its executions alone.
        return replace(order, size=executed, filled_size=executed), own, True
    return order, own, sized and all_rows and executed >= order.filled_size


def search(asking: Questions, request: SearchOrder, venue_symbol: str) -> CallReport:
    """List orders in all statuses, and executions, of a symbol around a time: every source, or no answer."""
    from_time, to_time = written_time(request.from_venue_ms), written_time(request.to_venue_ms + 1)
    of_symbol = ("product_ids", venue_symbol)
    orders, bad_orders, told = _orders(asking, [of_symbol, ("start_date", from_time), ("end_date", to_time)])
    fills, bad_fills = _fills(asking, _fills_between(of_symbol, request.from_venue_ms, request.to_venue_ms))
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=joined(orders),
        fills=fills,
        unreadable=bad_orders + bad_fills,
        sources=SEARCH_SOURCES,
        # The first page was asked before the others: what holds for it holds for all.
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(
            EvidenceSource.LOOKUP, f"GET {'+'.join(SEARCH_SOURCES)}", told.answer, detail=SEARCH_SOURCES[0]
        ),
    )


def open_orders(asking: Questions, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
    """List open orders, of one symbol or of all: those in every status that is not an end."""
    of_symbol = [] if venue_symbol is None else [("product_ids", venue_symbol)]
    orders, unreadable, told = _orders(asking, of_symbol + [("order_status", status) for status in WORKING])
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        # One that ended while pages were turned may be among them.
        orders=tuple(order for order in joined(orders) if order.status not in ENDED_STATUSES),
        unreadable=unreadable,
        asked_venue_ms=asking.asked_venue_ms,
        evidence=answer_evidence(EvidenceSource.LOOKUP, f"GET {_BATCH_PATH}", told.answer),
    )


def fills(asking: Questions, request: FetchFills, venue_symbol: str) -> CallReport:
    """List executions of one order, or of a symbol since a time, or the latest of a symbol."""
    of_symbol = ("product_ids", venue_symbol)
    if request.venue_order_id is not None:
        found, unreadable = _fills_of_order(asking, request.venue_order_id)
    elif request.since_venue_ms is not None:
        until_ms = asking.venue_now_ms() + CLOCK_MARGIN_MS
        found, unreadable = _fills(asking, _fills_between(of_symbol, request.since_venue_ms, until_ms))
    else:
        told = asking.must(_FILLS_PATH, [of_symbol, ("limit", str(FILLS_PAGE))])
        page, _ = _page(told, "fills", counted=False)
        found, unreadable = read_list(page["fills"], asking.read_fill)
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
    pages = asking.pages(_ACCOUNTS_PATH, [("limit", str(PAGE))], "accounts", counted=True)
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for page, _ in pages:
        for asset, total, available in map(read_balance, page["accounts"]):
            # An asset may have several accounts.
            known = sums.get(asset, (ZERO, ZERO))
            sums[asset] = exact_sum((known[0], total)), exact_sum((known[1], available))
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=tuple((asset, total, available) for asset, (total, available) in sums.items()),
        received_ms=pages[-1][1].answer.received_ms,
    )


def _orders(asking: Questions, query: Query) -> tuple[tuple[VenueOrder, ...], int, Told]:
    pages = asking.pages(
        _BATCH_PATH, [("product_type", "SPOT"), *query, ("limit", str(PAGE))], "orders", counted=True
    )
    found, unreadable = _read((page["orders"] for page, _ in pages), asking.read_order)
    return found, unreadable, pages[0][1]


def _fills_between(of_symbol: tuple[str, str], from_ms: int, to_ms: int) -> Query:
    # Whether the bounds belong to the period is not documented, so they lie outside it.
    return [
        of_symbol,
        ("start_sequence_timestamp", written_time(from_ms - 1)),
        ("end_sequence_timestamp", written_time(to_ms + 1)),
        ("limit", str(FILLS_PAGE)),
    ]


def _fills_of_order(asking: Questions, venue_order_id: str) -> tuple[tuple[VenueFill, ...], int]:
    # The venue refuses any other filter beside this one.
    return _fills(asking, [("order_ids", venue_order_id)])


def _fills(asking: Questions, query: Query) -> tuple[tuple[VenueFill, ...], int]:
    pages = asking.pages(_FILLS_PATH, query, "fills", counted=False)
    return _read((page["fills"] for page, _ in pages), asking.read_fill)


def _read(pages: Iterable[list[Any]], read: Callable[[Any], T]) -> tuple[tuple[T, ...], int]:
    found: list[T] = []
    unreadable = 0
    for rows in pages:
        good, bad = read_list(rows, read)
        found += good
        unreadable += bad
    return tuple(found), unreadable


def _page(told: Told, rows: str, *, counted: bool) -> tuple[Record, str]:
    # A page, and the cursor of the next one, empty at the end.
    try:
        page = as_record(told.payload)
        if page.get("proof_token_required"):
            # The list is withheld until a second factor is shown: that is not an empty list.
            raise IncompleteError(Untold(reason="proof_token_required"))
        as_list(page.get(rows))
        if counted:
            return page, text(page, "cursor") if flag(page, "has_next") else ""
        return page, text_or_empty(page, "cursor")
    except UnreadableError as error:
        raise IncompleteError(Untold(reason=f"unreadable: {error}")) from None
