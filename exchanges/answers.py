"""Answers to questions, sorted into told and untold, and what proves a claim. Pure, and the same for every venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from messages.types import Evidence, EvidenceSource


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


def retry_after_ms(headers: Mapping[str, str]) -> int:
    """Read Retry-After in seconds; 0 when there is none."""
    value = headers.get("Retry-After", "")
    return int(value) * 1000 if value.isascii() and value.isdigit() else 0
