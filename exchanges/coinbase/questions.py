"""Coinbase's lists and single orders as questions on behalf of one request.

Owns how each list is turned to its end. A list that was not read to its end is none. It never passes a row that takes
back an execution over in silence: what it takes back is left out of what counts, and told by itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import PAGES_MAX, Asking
from exchanges.coinbase.changes import ORDER_PATH
from exchanges.coinbase.executions import FillsListed, read_fills
from exchanges.coinbase.rest import Query, RestSession
from exchanges.coinbase.rows import order_reader, parse_orders
from exchanges.coinbase.times import written_time
from exchanges.coinbase.translate import read_order
from exchanges.fields import Record, UnreadableError, as_list, as_record, flag, read_list, text, text_or_empty
from exchanges.questions import BaseQuestions, answered
from exchanges.wire_json import parse_json
from messages.types import VenueOrder

PAGE = 250
FILLS_PAGE = 100
BATCH_PATH = f"{ORDER_PATH}/batch"

_FILLS_PATH = f"{ORDER_PATH}/fills"

T = TypeVar("T")


class Questions(BaseQuestions[RestSession]):
    """Signed questions on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking, *, patient: bool = True) -> None:
        """`patient`: what the rate holds back is asked when there is room, if that is inside the request's time."""
        super().__init__(session, asking)
        self._patient = patient

    def ask_order(self, venue_order_id: str) -> Told | Untold:
        """Ask for one order."""
        path = f"{ORDER_PATH}/{quote(venue_order_id, safe='')}"
        return self._session.question(self._asking, path, [], patient=self._patient)

    def read_order(self, value: Any) -> VenueOrder:
        """Translate an order."""
        return read_order(value, self.symbols)

    def same_book(self, venue_symbol: str) -> tuple[str, ...]:
        """Name a product and the listed ones that share its book: the venue may show an order under any of them."""
        known = self._session.products
        product = known.get(venue_symbol)
        return (venue_symbol, *(each for each in product.same_book if each in known)) if product else (venue_symbol,)

    # ----- lists

    def orders(self, query: Query) -> tuple[tuple[VenueOrder, ...], int, Told]:
        """List spot orders; how many could not be read comes second, the first page last."""
        pages = self.pages(BATCH_PATH, [("product_type", "SPOT"), *query, ("limit", str(PAGE))], "orders", counted=True)
        found, unreadable = _read((page["orders"] for page, _ in pages), order_reader(self._asking.symbols))
        return found, unreadable, pages[0][1]

    def fills_of(self, venue_order_id: str) -> FillsListed:
        """List the executions of an order."""
        # The venue refuses any other filter beside this one.
        listed = self._listed([("order_ids", venue_order_id)])
        # This is all that there is of the order: an execution that is taken back and not in it cannot be named.
        return replace(listed, orphans=frozenset(), unreadable=listed.unreadable + len(listed.orphans))

    def fills_between(self, products: Iterable[str], from_ms: int, to_ms: int) -> FillsListed:
        """List the executions of products within a period."""
        # Whether the bounds belong to the period is not documented, so they lie outside it.
        return self._explained(
            self._listed(
                [
                    *(("product_ids", each) for each in products),
                    ("start_sequence_timestamp", written_time(from_ms - 1)),
                    ("end_sequence_timestamp", written_time(to_ms + 1)),
                    ("limit", str(FILLS_PAGE)),
                ]
            )
        )

    def latest_fills(self, venue_symbol: str) -> FillsListed:
        """List the latest executions of a product, one page of them."""
        told = self.must(_FILLS_PATH, [("product_ids", venue_symbol), ("limit", str(FILLS_PAGE))])
        page, _ = _page(told, "fills", counted=False)
        return self._explained(self._read_fills(page["fills"]))

    def _listed(self, query: Query) -> FillsListed:
        pages = self.pages(_FILLS_PATH, query, "fills", counted=False)
        return self._read_fills(row for page, _ in pages for row in page["fills"])

    def _read_fills(self, rows: Iterable[Any]) -> FillsListed:
        return read_fills(rows, self.symbols, self._session.products)

    def _explained(self, listed: FillsListed) -> FillsListed:
        # What is taken back may have been executed before the period: the order's own list has both, or nothing has.
        voided = {fill.fill_id: fill for fill in listed.voided}
        unreadable = listed.unreadable
        for venue_order_id in listed.orphans:
            own = self._listed([("order_ids", venue_order_id)])
            voided.update((fill.fill_id, fill) for fill in own.voided)
            unreadable += len(own.orphans)
        return replace(listed, voided=tuple(voided.values()), orphans=frozenset(), unreadable=unreadable)

    # ----- pages

    def must(self, path: str, query: Query) -> Told:
        """Ask for a page; raises `IncompleteError` when it does not come."""
        parse = parse_orders if path == BATCH_PATH else parse_json
        return answered(self._session.question(self._asking, path, query, patient=self._patient, parse=parse))

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


def unexplained(listed: FillsListed, orders: Iterable[VenueOrder], symbol: str, from_ms: int) -> int:
    """Count the executions of a search for an order that were taken back, are of another product of its book, and whose
    orders no list shows.

    The order may be shown under that product; who judges the search looks at executions of the order's own product.
    What was executed before the period is of orders from before it.
    """
    shown = {order.venue_order_id for order in orders}
    others = (fill for fill in listed.voided if fill.symbol != symbol and fill.venue_time_ms >= from_ms)
    return sum(fill.venue_order_id not in shown for fill in others)


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
