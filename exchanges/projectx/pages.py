"""The list of working orders, page by page, while orders come and go.

Pages are counted in rows and hold at most a hundred, whatever is asked for. An order that ends in between moves all
that stand behind it forwards, so each page begins with the last row of the one before: where it begins with a row that
was not read yet, rows may have been passed over, and it is read again from further in front. It never hands out a part
of the list as the list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import PAGES_MAX
from exchanges.fields import UnreadableError, as_list, as_record, integer
from exchanges.projectx.forms import iso, time
from exchanges.projectx.translate import WORKING_STATUSES

PAGE = 100
_BACK = 50
"""How many rows further in front a page is read again."""
_BY_CREATION, _BY_ID = 0, 1
_ASCENDING, _DESCENDING = 0, 1

Ask = Callable[[str, Mapping[str, Any]], Told]


class _UnsortedError(Exception):
    """Rows did not come in the order asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    # A list to be read: what is asked for beside the page, where a row stands, and from which place on none is wanted.
    criteria: Mapping[str, Any]
    sort: Mapping[str, int]
    place: Callable[[Any], int]
    end: int | None = None


def working_rows(must: Ask, path: str, account: int) -> list[Any]:
    """Read all rows, unread; `must` asks one question. Raises `IncompleteError` when the list cannot be had."""
    walk = _Walk(
        criteria={"accountId": account, "statuses": WORKING_STATUSES},
        sort={"sortBy": _BY_ID, "sortDirection": _ASCENDING},
        place=_id,
    )
    try:
        return _walked(must, path, walk)
    except _UnsortedError:
        raise IncompleteError(Untold(reason="unreadable: not in the order asked for")) from None


def working_rows_since(must: Ask, path: str, account: int, since_ms: int) -> list[Any]:
    """Read all rows of orders that were created since, and perhaps others, in the same way.

    The venue is asked for no others, but its filters are not relied on: the latest come first, and reading stops at an
    older one. If it does not sort by time, everything is read.
    """
    walk = _Walk(
        criteria={"accountId": account, "statuses": WORKING_STATUSES, "createdAfter": iso(since_ms)},
        sort={"sortBy": _BY_CREATION, "sortDirection": _DESCENDING},
        place=lambda row: -_created_ms(row),
        end=-since_ms,
    )
    try:
        return _walked(must, path, walk)
    except _UnsortedError:
        return working_rows(must, path, account)


def _walked(must: Ask, path: str, walk: _Walk) -> list[Any]:
    found: dict[int, Any] = {}
    offset = 0
    # Twice as many as full pages take: some are read again.
    for _ in range(2 * PAGES_MAX):
        rows, total = _page(must, path, walk, offset)
        ids, places = [_id(row) for row in rows], [walk.place(row) for row in rows]
        if places != sorted(places):
            raise _UnsortedError
        if offset and (not ids or ids[0] not in found):
            offset = max(0, offset - _BACK)
            continue
        some_new = not found.keys() >= set(ids)
        found |= zip(ids, rows, strict=True)
        if offset + len(rows) >= total or (walk.end is not None and places and places[-1] > walk.end):
            return list(found.values())
        if not some_new:
            raise IncompleteError(Untold(reason="unreadable: fewer rows than there are"))
        offset += len(rows) - 1
    raise IncompleteError(Untold(reason="too_many_pages"))


def _page(must: Ask, path: str, walk: _Walk, offset: int) -> tuple[list[Any], int]:
    page = {"pageSize": PAGE, "pageOffset": offset, "includeTotalCount": True}
    told = must(path, {"filter": walk.criteria, **walk.sort, **page})
    try:
        return as_list(told.payload.get("orders")), integer(told.payload, "totalCount")
    except UnreadableError as error:
        raise IncompleteError(Untold(reason=f"unreadable: {error}")) from None


def _id(row: Any) -> int:
    # Rows without an id cannot be told apart, nor put in order.
    try:
        return integer(as_record(row), "id")
    except UnreadableError as error:
        raise IncompleteError(Untold(reason=f"unreadable: {error}")) from None


def _created_ms(row: Any) -> int:
    try:
        return time(as_record(row), "creationTimestamp")
    except UnreadableError as error:
        raise IncompleteError(Untold(reason=f"unreadable: {error}")) from None
