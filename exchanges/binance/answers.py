"""Answers of Binance as such: error bodies, usage of budgets, evidence, and whether a question was answered.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements` and `changes`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.binance.fields import UnreadableError, as_record, integer
from exchanges.binance.outcomes import OutcomeClass, classify_read
from exchanges.binance.translate import parse_json
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from messages.types import Evidence, EvidenceSource

ORDER_PATH = "/api/v3/order"
HTTP_OK = 200
HTTP_BANNED = 418
HTTP_TOO_MANY = 429

_USAGE = re.compile(r"x-mbx-(used-weight|order-count)-([0-9]{1,9})([smhd])", re.ASCII)
_USAGE_UNITS = {"used-weight": "weight", "order-count": "orders"}
_INTERVALS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WORDS_MAX = 500


@dataclass(frozen=True, slots=True)
class VenueError:
    """An error body: its code, None when there is none, and its words."""

    code: int | None
    words: str


    def said(self, status: int) -> str:
        """Say what the venue said, with the HTTP status that it came with."""
        return f"HTTP {status}" if self.code is None else f"HTTP {status} {self.code} {self.words}"


def read_error(body: bytes) -> VenueError:
    """Read a body of `{"code":…,"msg":…}`; anything else has no code and no words."""
    try:
        return error_of(parse_json(body))
    except UnreadableError:
        return VenueError(None, "")


def error_of(value: Any) -> VenueError:
    """Read an error that stands inside a body, in the same way."""
    try:
        record = as_record(value)
        code = integer(record, "code")
    except UnreadableError:
        return VenueError(None, "")
    words = record.get("msg")
    return VenueError(code, words[:_WORDS_MAX] if isinstance(words, str) else "")


def usage(headers: Mapping[str, str]) -> dict[str, int]:
    """Read what the answer says of used budgets, by budget name."""
    found = {}
    for name, value in headers.items():
        match = _USAGE.fullmatch(name.lower())
        if match is not None and value.isascii() and value.isdigit():
            interval_ms = int(match[2]) * _INTERVALS_MS[match[3]]
            found[f"{_USAGE_UNITS[match[1]]}-{interval_ms}"] = int(value)
    return found


def retry_after_ms(headers: Mapping[str, str]) -> int:
    """Read Retry-After, which is in seconds; 0 when there is none."""
    value = headers.get("Retry-After", "")
    return int(value) * 1000 if value.isascii() and value.isdigit() else 0


def answer_evidence(
    source: EvidenceSource, endpoint: str, result: HttpResult, *, venue_time_ms: int | None = None, detail: str = ""
) -> Evidence:
    """Say what proves a claim: when it was asked and answered, and the hash of the answer."""
    if isinstance(result, HttpFailure) and result.nothing_sent:
        source = EvidenceSource.LOCAL
    return Evidence(
        source=source,
        endpoint=endpoint,
        sent_ms=result.sent_ms,
        received_ms=result.received_ms,
        venue_time_ms=venue_time_ms,
        body_sha256=result.body_sha256 if isinstance(result, HttpAnswer) else None,
        detail=detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A question was answered."""

    payload: Any
    answer: HttpAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A question was not answered as hoped."""

    reason: str
    retry_after_ms: int = 0
    code: int | None = None
    """The venue's error code, when it answered the question with it; never one that came with a server error."""
    answer: HttpAnswer | None = None
    worth_repeating: bool = False
    """Whether the same question may be answered a moment later."""


def read_answer(result: HttpResult) -> Told | Untold:
    """Sort how a question ended."""
    if isinstance(result, HttpFailure):
        held_back = result.nothing_sent and result.retry_after_ms > 0
        return Untold(reason=result.reason, retry_after_ms=result.retry_after_ms, worth_repeating=not held_back)
    if result.status == HTTP_OK:
        try:
            return Told(payload=parse_json(result.body), answer=result)
        except UnreadableError:
            return Untold(reason="unreadable", worth_repeating=True)
    error = read_error(result.body)
    outcome = classify_read(result.status, error.code)
    if outcome.kind is OutcomeClass.DEFINITE:
        return Untold(reason=f"refused: {error.code}", code=error.code, answer=result)
    return Untold(
        reason="banned" if result.status == HTTP_BANNED else outcome.reason,
        retry_after_ms=max(outcome.retry_after_ms, retry_after_ms(result.headers)),
        worth_repeating=result.status not in (HTTP_BANNED, HTTP_TOO_MANY),
    )
