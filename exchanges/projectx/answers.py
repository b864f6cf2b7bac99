"""Answers of ProjectX as such: the envelope that every body has, and whether a question was answered.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements` and `changes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exchanges.answers import SILENCE_MAX_MS, Told, Untold, VenueError, date_ms, retry_after_ms, untold_failure
from exchanges.fields import Record, UnreadableError, as_record, flag, integer
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import HTTP_BAD_REQUEST, HTTP_OK, HTTP_SERVER_ERROR, HTTP_TOO_MANY, HTTP_UNAUTHORIZED
from exchanges.session import TimeTold
from exchanges.wire_json import parse_exact

_WORDS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What every body says of the call."""

    success: bool
    code: int
    words: str
    """Its message; empty where it has none, as is usual."""
    record: Record

    @property
    def succeeded(self) -> bool:
        """Whether it says so without contradicting itself."""
        return self.success and self.code == 0

    @property
    def refusal(self) -> int | None:
        """Its error code; None where it has none that fits."""
        return None if self.success or self.code == 0 else self.code


def read_envelope(body: bytes) -> Envelope:
    """Read a body; raises `UnreadableError` when it is no envelope."""
    record = as_record(parse_exact(body))
    words = record.get("errorMessage")
    return Envelope(
        success=flag(record, "success"),
        code=integer(record, "errorCode"),
        words=words[:_WORDS_MAX] if isinstance(words, str) else "",
        record=record,
    )


def error_of(answer: HttpAnswer) -> tuple[int | None, VenueError]:
    """Read the code of an answer that is no success, None where there is none, and the error as reports carry it."""
    if answer.status == HTTP_OK:
        try:
            envelope = read_envelope(answer.body)
        except UnreadableError:
            return None, VenueError(code=None)
        code = envelope.refusal
        return code, VenueError(code=None if code is None else str(code), words=envelope.words)
    if answer.status == HTTP_BAD_REQUEST:
        return None, VenueError(code="400", words=_problem(answer.body))
    return None, VenueError(code=None)


def read_answer(result: HttpResult) -> Told | Untold:
    """Sort how a question ended."""
    if isinstance(result, HttpFailure):
        return untold_failure(result)
    if result.status != HTTP_OK:
        return Untold(
            reason=_reason(result.status),
            retry_after_ms=silence_ms(result.headers),
            worth_repeating=result.status >= HTTP_SERVER_ERROR,
        )
    try:
        envelope = read_envelope(result.body)
    except UnreadableError:
        return Untold(reason="unreadable", worth_repeating=True)
    if envelope.succeeded:
        return Told(payload=envelope.record, answer=result)
    code = envelope.refusal
    if code is None:
        return Untold(reason="unreadable", worth_repeating=True)
    return Untold(reason=f"refused: {code}", code=str(code), answer=result)


def silence_ms(headers: Mapping[str, str]) -> int:
    """Read for how long an answer wants nothing sent; 0 when it does not say."""
    return min(retry_after_ms(headers), SILENCE_MAX_MS)


def told_time(result: HttpResult) -> TimeTold | Untold:
    """Read the venue's clock off an answer: the date in its head tells it, in whole seconds, and nothing else does."""
    if isinstance(result, HttpFailure):
        return Untold(reason=result.reason, retry_after_ms=result.retry_after_ms)
    server_ms = date_ms(result.headers)
    # An answer with an age comes from somebody who kept it, and so does its date.
    kept = result.headers.get("Age", "0").strip() != "0"
    if server_ms is None or kept or result.status >= HTTP_SERVER_ERROR:
        return Untold(reason="no_clock")
    return TimeTold(server_ms=server_ms, answer=result)


def _reason(status: int) -> str:
    if status >= HTTP_SERVER_ERROR:
        return "server_error"
    return {HTTP_UNAUTHORIZED: "auth", HTTP_TOO_MANY: "rate_limited"}.get(status, f"refused: HTTP {status}")


def _problem(body: bytes) -> str:
    # A problem description, or any text.
    try:
        title = as_record(parse_exact(body)).get("title")
    except UnreadableError:
        return ""
    return title[:_WORDS_MAX] if isinstance(title, str) else ""
