"""Answers to questions, sorted into told and untold, and what proves a claim. Pure, and the same for every venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from messages.types import Evidence, EvidenceSource

SILENCE_MAX_MS = 120_000
"""No answer silences us for longer, whatever it names, because cancels are silenced with all else."""
BAN_MAX_MS = 3_600_000
"""The same for an answer that bans us; after that, the venue is asked what holds."""
_DIGITS_MAX = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueError:
    """What a venue said in place of what was asked for."""

    code: str | None
    """Its code or name of the error; None when it gave none."""
    words: str = ""

    def said(self, status: int) -> str:
        """Say what the venue said, with the HTTP status that it came with."""
        return f"HTTP {status}" if self.code is None else f"HTTP {status} {self.code} {self.words}".rstrip()


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
    code: str | None = None
    """The venue's error code, when it answered the question with it; never one that came with a server error."""
    answer: HttpAnswer | None = None
    worth_repeating: bool = False
    """Whether the same question may be answered a moment later."""


class IncompleteError(Exception):
    """A source did not answer completely: the whole question is unanswered."""

    def __init__(self, untold: Untold) -> None:
        super().__init__(untold.reason)
        self.untold = untold


def untold_failure(failure: HttpFailure) -> Untold:
    """Say why a question that got no complete answer was not answered."""
    held_back = failure.nothing_sent and failure.retry_after_ms > 0
    return Untold(reason=failure.reason, retry_after_ms=failure.retry_after_ms, worth_repeating=not held_back)


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


def date_ms(headers: Mapping[str, str], name: str = "Date") -> int | None:
    """Read a header that is an HTTP date; None when there is none. Dates are whole seconds, cut off."""
    try:
        told = parsedate_to_datetime(headers.get(name, ""))
        return (told - _EPOCH) // _MS
    except (TypeError, ValueError, OverflowError):
        return None


def retry_after_ms(headers: Mapping[str, str]) -> int:
    """Read Retry-After, in seconds or as a date beside the answer's own; 0 when there is none, and at most
    as long as a ban may last.
    """
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        # Digits beyond number are no time, and too many of them are not even read.
        return BAN_MAX_MS if len(value) > _DIGITS_MAX else min(int(value) * 1000, BAN_MAX_MS)
    until_ms, answered_ms = date_ms(headers, "Retry-After"), date_ms(headers)
    if until_ms is None or answered_ms is None:
        return 0
    return min(max(0, until_ms - answered_ms), BAN_MAX_MS)
