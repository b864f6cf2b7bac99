"""Questions to ProjectX on behalf of one request, and the rows of their answers sorted by what they are about.

Owns how rows are told apart: the venue filters by neither order nor contract. It never takes a row that does not say
what it is about for one about something else, or an execution of no order for one of an order's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import Asking, listed
from exchanges.client import NotSupportedError
from exchanges.fields import UnreadableError, as_list, as_record
from exchanges.projectx.executions import names_no_order, read_nobodys, read_trade
from exchanges.projectx.forms import iso
from exchanges.projectx.limits import CALL
from exchanges.projectx.orders import order_body
from exchanges.projectx.rest import RestSession, posted
from exchanges.projectx.translate import read_order
from messages.fills import VenueFill
from messages.types import VenueOrder

ORDER_PATH = "/api/Order/searchById"

_TRADES_PATH = "/api/Trade/search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """What a list of executions shows."""

    fills: tuple[VenueFill, ...]
    """Those that count and say of which order they are."""
    voided: tuple[VenueFill, ...]
    """Those that were taken back, of whatever order."""
    unattributed: tuple[VenueFill, ...]
    """Those that count and do not say of which order."""
    unreadable: int


class Questions:
    """Questions about one account on behalf of one request."""

    def __init__(self, session: RestSession, asking: Asking, account: int) -> None:
        self.account = account
        self.asking = asking
        self._session = session

    def ask(self, path: str, body: Mapping[str, Any]) -> Told | Untold:
        """Ask one question, again while that may help."""
        return self.asking.ask(CALL, posted(path, body))

    def must(self, path: str, body: Mapping[str, Any]) -> Told:
        """Ask in the same way; raises `IncompleteError` when it is not answered."""
        return self.asking.must(CALL, posted(path, body))

    def named(self, venue_order_id: str) -> Mapping[str, Any]:
        """Build the body of a question about one order; raises `IncompleteError` for what is no id."""
        try:
            return order_body(venue_order_id, self.account)
        except NotSupportedError as error:
            raise IncompleteError(Untold(reason=str(error))) from None

    def trades(self, since_ms: int) -> list[Any]:
        """Read the rows of all executions since a time, of any contract; raises `IncompleteError`."""
        told = self.must(_TRADES_PATH, {"accountId": self.account, "startTimestamp": iso(since_ms)})
        return rows_of(told, "trades")

    def order(self, value: Any) -> VenueOrder:
        """Translate an order."""
        return read_order(value, self.asking.symbols, self.account)

    def executions(self, rows: Iterable[Any]) -> Executions:
        """Translate executions; those that cannot be read are counted."""
        nobodys, others = _apart(rows)
        found, unreadable = listed(others, lambda row: read_trade(row, self.asking.symbols, self.account))
        unnamed, bad = listed(nobodys, lambda row: read_nobodys(row, self.asking.symbols, self.account))
        return Executions(
            fills=tuple(fill for fill, voided in found if not voided),
            voided=tuple(fill for fill, voided in (*found, *unnamed) if voided),
            unattributed=tuple(fill for fill, voided in unnamed if not voided),
            unreadable=unreadable + bad,
        )

    def has_settled(self, order: VenueOrder) -> bool:
        """Tell whether all executions of an order that has ended were listed when this was asked."""
        return self._session.ends.settled(order, self.asking.asked_venue_ms, self.asking.venue_now_ms())


def rows_of(told: Told, name: str) -> list[Any]:
    """Give the rows of an answer. One that is missing or null is no proof that there are none, and raises
    `IncompleteError`.
    """
    try:
        return as_list(told.payload.get(name))
    except UnreadableError:
        raise IncompleteError(Untold(reason=f"unreadable: {name} is not a list")) from None


def rows_about(rows: Iterable[Any], name: str, wanted: str | int) -> tuple[list[Any], int]:
    """Give the rows about one contract, or order, and how many do not say what they are about."""
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


def _apart(rows: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    nobodys: list[Any] = []
    others: list[Any] = []
    for row in rows:
        (nobodys if names_no_order(row) else others).append(row)
    return nobodys, others
