"""The list of working orders, page by page, while orders come and go.

Pages are counted in rows and hold at most a hundred, whatever is asked for. An order that ends in between moves all
that stand behind it forwards, so each page begins with the last row of the one before: where it does not, rows may have
been passed over, and it is read again from further in front. It never hands out a part of the list as the list.
"""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import IncompleteError, Told, Untold
from exchanges.asking import PAGES_MAX
from exchanges.fields import UnreadableError, as_list, as_record, integer
from exchanges.projectx.translate import WORKING_STATUSES

PAGE = 100
_BACK = 50
"""How many rows further in front a page is read again."""
_BY_ID, _ASCENDING = 1, 0

Ask = Callable[[str, Mapping[str, Any]], Told]


def working_rows(must: Ask, path: str, account: int) -> list[Any]:
    """Read all rows, unread; `must` asks one question. Raises `IncompleteError` when the list cannot be had."""
    found: dict[int, Any] = {}
    offset, last = 0, -1
    # Twice as many as full pages take: some are read again.
    for _ in range(2 * PAGES_MAX):
        rows, total = _page(must, path, account, offset)
        ids = [_id(row) for row in rows]
        if ids != sorted(ids):
            raise IncompleteError(Untold(reason="unreadable: not in the order asked for"))
        if offset and (not ids or ids[0] > last):
            offset = max(0, offset - _BACK)
            continue
        found |= zip(ids, rows, strict=True)
        if offset + len(rows) >= total:
            return list(found.values())
        if not ids or ids[-1] <= last:
            raise IncompleteError(Untold(reason="unreadable: fewer rows than there are"))
        last = ids[-1]
        offset += len(rows) - 1
    raise IncompleteError(Untold(reason="too_many_pages"))


def _page(must: Ask, path: str, account: int, offset: int) -> tuple[list[Any], int]:
    told = must(
        path,
        {
            "filter": {"accountId": account, "statuses": WORKING_STATUSES},
            "pageSize": PAGE,
            "pageOffset": offset,
            "sortBy": _BY_ID,
            "sortDirection": _ASCENDING,
            "includeTotalCount": True,
        },
    )
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
