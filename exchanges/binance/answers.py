"""Answers of Binance as such: error bodies, usage of budgets, and whether a question was answered.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements` and `changes`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.answers import Told, Untold, VenueError, retry_after_ms, untold_failure
from exchanges.binance.outcomes import HTTP_BANNED, classify_read
from exchanges.fields import UnreadableError, as_record, integer
from exchanges.http import HttpFailure, HttpResult
from exchanges.outcomes import HTTP_OK, HTTP_TOO_MANY, OutcomeClass
from exchanges.wire_json import parse_json

ORDER_PATH = "/api/v3/order"

_USAGE = re.compile(r"x-mbx-(used-weight|order-count)-([0-9]{1,9})([smhd])", re.ASCII)
_USAGE_UNITS = {"used-weight": "weight", "order-count": "orders"}
_INTERVALS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WORDS_MAX = 500


@dataclass(frozen=True, slots=True)
class CodedError:
    """An error body: its code, None when there is none, and its words."""

    code: int | None
    words: str

    @property
    def named(self) -> VenueError:
        """The error as reports carry it."""
        return VenueError(code=None if self.code is None else str(self.code), words=self.words)


def read_error(body: bytes) -> CodedError:
    """Read a body of `{"code":…,"msg":…}`; anything else has no code and no words."""
    try:
        return error_of(parse_json(body))
    except UnreadableError:
        return CodedError(None, "")


def error_of(value: Any) -> CodedError:
    """Read an error that stands inside a body, in the same way."""
    try:
        record = as_record(value)
        code = integer(record, "code")
    except UnreadableError:
        return CodedError(None, "")
    words = record.get("msg")
    return CodedError(code, words[:_WORDS_MAX] if isinstance(words, str) else "")


def usage(headers: Mapping[str, str]) -> dict[str, int]:
    """Read what the answer says of used budgets, by budget name."""
    found = {}
    for name, value in headers.items():
        match = _USAGE.fullmatch(name.lower())
        if match is not None and value.isascii() and value.isdigit():
            interval_ms = int(match[2]) * _INTERVALS_MS[match[3]]
            found[f"{_USAGE_UNITS[match[1]]}-{interval_ms}"] = int(value)
    return found


def read_answer(result: HttpResult, parse: Callable[[bytes], Any] = parse_json) -> Told | Untold:
    """Sort how a question ended; what was told is what `parse` makes of it."""
    if isinstance(result, HttpFailure):
        return untold_failure(result)
    if result.status == HTTP_OK:
        try:
            return Told(payload=parse(result.body), answer=result)
        except UnreadableError:
            return Untold(reason="unreadable", worth_repeating=True)
    error = read_error(result.body)
    outcome = classify_read(result.status, error.code)
    if outcome.kind is OutcomeClass.DEFINITE:
        return Untold(reason=f"refused: {error.code}", code=error.named.code, answer=result)
    return Untold(
        reason="banned" if result.status == HTTP_BANNED else outcome.reason,
        retry_after_ms=max(outcome.retry_after_ms, retry_after_ms(result.headers)),
        worth_repeating=result.status not in (HTTP_BANNED, HTTP_TOO_MANY),
    )
