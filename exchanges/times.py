"""Times as several venues write them: RFC 3339 in UTC with up to nanosecond digits, or ISO with an offset. Pure.

Integers from end to end; what is finer than a millisecond is cut off, so that a time is never later than it was.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_from_iso = datetime.fromisoformat
# Turns every digit into a zero, and with that every time of one form into the same text, which costs less than to match
# it. Bytes that are no digits, those of foreign ones among them, stay as they are.
_ZEROED = bytes.maketrans(b"123456789", b"000000000")
_WHOLE = b"0000-00-00T00:00:00"
_FORMS = frozenset({_WHOLE + b"Z", *(_WHOLE + b"." + b"0" * places + b"Z" for places in range(1, 10))})


def instant_or_none(value: Any) -> int | None:
    """Read a time, milliseconds since 1970; None for anything else."""
    if type(value) is not str or value.encode("utf-8", "replace").translate(_ZEROED) not in _FORMS:
        return None
    try:
        since = _from_iso(value) - _EPOCH
    except ValueError:
        # Digits in the right places, but no day or hour: the 30th of February.
        return None
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def written_instant(at_ms: int) -> str:
    """Write a time, to the millisecond."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zoned_or_none(value: Any) -> int | None:
    """Read an ISO time that says how far from UTC it is, milliseconds since 1970; None for anything else."""
    if type(value) is not str:
        return None
    try:
        since = _from_iso(value) - _EPOCH
    except (ValueError, TypeError, OverflowError):
        # One that does not say how far from UTC it is may be any of a day's.
        return None
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
