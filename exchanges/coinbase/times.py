"""Times as Coinbase writes them: RFC 3339, UTC, with up to nanosecond digits. Pure.

Integers from end to end; what is finer than a millisecond is cut off, so that a time is never later than it was.
"""

from typing import Any

from exchanges.fields import Record, UnreadableError
from exchanges.times import instant_or_none, written_instant

_NONE = "0001-01-01T00:00:00Z"


def written_time(at_ms: int) -> str:
    """Write a time for a request, to the millisecond; before 1970 is 1970."""
    return written_instant(max(0, at_ms))


def time_or_none(value: Any) -> int | None:
    """Read a time, milliseconds; None for anything else, the venue's way of writing that there is none included."""
    return None if value == _NONE else instant_or_none(value)


def time(record: Record, name: str) -> int:
    """Require a time."""
    found = time_or_none(record.get(name))
    if found is None:
        raise UnreadableError(f"{name} is not a time")
    return found


def optional_time(record: Record, name: str) -> int | None:
    """Read a time that may be absent, null, empty or none."""
    value = record.get(name)
    return None if value is None or value in ("", _NONE) else time(record, name)
