"""Lists of MEXC that are longer than a page: all rows of a period, or none.

The venue has no cursors. A page that is full is followed by questions for what of its period it did not reach, until
every part of the period fitted into a page. It never passes off a part as everything.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import CLOCK_MARGIN_MS, PAGES_MAX
from exchanges.fields import UnreadableError, as_list, as_record
from exchanges.mexc.orders import Params
from exchanges.mexc.rest import cost_of
from exchanges.mexc.translate import identifier_of, integer_number
from exchanges.session import Cost

_DAY_MS = 86_400_000


class Asker(Protocol):
    """Whom the questions go to."""

    def venue_now_ms(self) -> int:
        """Tell the venue's time, aimed low."""
        ...

    def must(self, path: str, params: Params, cost: Cost) -> Told:
        """Ask one question; raises `IncompleteError` when it is not answered."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """One list of the venue."""

    path: str
    key: str
    """The field that tells its rows apart."""
    page: int
    """Rows in a page, at most."""
    kept_ms: int
    """How far back it goes."""


ORDERS = Source("/api/v3/allOrders", "orderId", 1000, 7 * _DAY_MS)
TRADES = Source("/api/v3/myTrades", "id", 100, 30 * _DAY_MS)
_COST = cost_of(10)


def between(asking: Asker, source: Source, about: Params, from_ms: int, to_ms: int) -> list[Any]:
    """List all rows of a period. Raises `IncompleteError`, also for one that begins before what the venue keeps."""
    if from_ms < asking.venue_now_ms() - source.kept_ms:
        raise IncompleteError(Untold(reason="history_not_kept"))
    return _gathered(asking, source, about, (min(from_ms, to_ms), to_ms))


def of_order(asking: Asker, about: Params, placed_ms: int | None) -> list[Any]:
    """List all executions of one order; `placed_ms`: when it was placed, None: as far back as the venue keeps them."""
    now_ms = asking.venue_now_ms()
    if placed_ms is None:
        # Our idea of the venue's time is aimed low, and may be too far back.
        placed_ms = now_ms - TRADES.kept_ms + CLOCK_MARGIN_MS
    return between(asking, TRADES, about, placed_ms, now_ms + CLOCK_MARGIN_MS)


def latest(asking: Asker, source: Source, about: Params) -> list[Any]:
    """List one page of the latest rows."""
    return _page(asking, source, about)


def _gathered(
    asking: Asker, source: Source, about: Params, period: tuple[int, int]
) -> list[Any]:
    windows = [period]
    found: dict[str, Any] = {}
    unnamed: list[Any] = []
    for _ in range(PAGES_MAX):
        if not windows:
            return [*found.values(), *unnamed]
        start_ms, end_ms = windows.pop()
        page = _page(asking, source, [*about, ("startTime", str(start_ms)), ("endTime", str(end_ms))])
        if len(page) >= source.page:
            windows += _rest(page, start_ms, end_ms)
        for row in page:
            name = _name(source, row)
            if name is None:
                # It cannot be told apart from others, and is passed on, to be counted as unreadable.
                unnamed.append(row)
            else:
                found[name] = row
    raise IncompleteError(Untold(reason="too_many_pages"))


def _rest(page: list[Any], start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    # What a full page may not have reached: of a list from the newest row down, what is older; of any other, both
    # sides. The edges are asked for again, since several rows may have the same time.
    times = [_time(row) for row in page]
    oldest_ms, newest_ms = min(times), max(times)
    if oldest_ms < start_ms or newest_ms > end_ms:
        raise IncompleteError(Untold(reason="unreadable: a page of another period"))
    rest = [(start_ms, oldest_ms)]
    if oldest_ms == newest_ms or times != sorted(times, reverse=True):
        rest.append((newest_ms, end_ms))
    if (start_ms, end_ms) in rest:
        raise IncompleteError(Untold(reason="too_many_rows_at_once"))
    return rest


def _time(row: Any) -> int:
    # Where a full page has a row that cannot be read, the next page cannot be named.
    try:
        return integer_number(as_record(row), "time")
    except UnreadableError as error:
        raise IncompleteError(Untold(reason=f"unreadable: {error}")) from None


def _name(source: Source, row: Any) -> str | None:
    try:
        return identifier_of(as_record(row), source.key)
    except UnreadableError:
        return None


def _page(asking: Asker, source: Source, params: Params) -> list[Any]:
    told = asking.must(source.path, [*params, ("limit", str(source.page))], _COST)
    try:
        return as_list(told.payload)
    except UnreadableError:
        raise IncompleteError(Untold(reason="unreadable: not a list")) from None
