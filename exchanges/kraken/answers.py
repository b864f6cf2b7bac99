"""Answers of Kraken as such: the envelope around every result, and whether a question was answered.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exchanges.answers import Told, Untold, VenueError, retry_after_ms, untold_failure
from exchanges.fields import UnreadableError, as_list, as_record
from exchanges.http import HttpFailure, HttpResult
from exchanges.kraken.outcomes import INVALID_NONCE, begins, classify_read
from exchanges.outcomes import HTTP_OK, OutcomeClass
from exchanges.wire_json import parse_exact

_WORDS_MAX = 500


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around every result."""

    errors: tuple[str, ...]
    """Empty: it succeeded. Warnings are left out."""
    result: Any
    """None when there is none."""

    @property
    def named(self) -> VenueError:
        """The errors as reports carry them: the category of the first, and the words of all."""
        return named(self.errors)


def read_envelope(body: bytes, parse: Callable[[bytes], Any] = parse_exact) -> Envelope:
    """Read an answer's body; raises `UnreadableError` when it is none of the venue's."""
    record = as_record(parse(body))
    errors = []
    for item in as_list(record.get("error")):
        if type(item) is not str or not item:
            raise UnreadableError("error is not a text")
        if not item.startswith("W"):
            errors.append(item)
    if not errors and record.get("result") is None:
        raise UnreadableError("there is neither an error nor a result")
    return Envelope(tuple(errors), record.get("result"))


def read_errors(body: bytes) -> tuple[str, ...] | None:
    """Read the errors of an answer; None when there is no telling whether it has any."""
    try:
        return read_envelope(body).errors
    except UnreadableError:
        return None


def named(errors: tuple[str, ...]) -> VenueError:
    """Name errors as reports carry them; without any, there is no code."""
    if not errors:
        return VenueError(code=None)
    category, _, words = errors[0].partition(":")
    return VenueError(code=category, words="; ".join((words, *errors[1:]))[:_WORDS_MAX])


def read_answer(result: HttpResult, parse: Callable[[bytes], Any] = parse_exact) -> Told | Untold:
    """Sort how a question ended; what was told is the result without its envelope, as `parse` parses it."""
    if isinstance(result, HttpFailure):
        return untold_failure(result)
    if result.status != HTTP_OK:
        outcome = classify_read(result.status, None)
        wait_ms = retry_after_ms(result.headers)
        return Untold(reason=outcome.reason, retry_after_ms=wait_ms, worth_repeating=not wait_ms)
    try:
        envelope = read_envelope(result.body, parse)
    except UnreadableError:
        return Untold(reason="unreadable", worth_repeating=True)
    if not envelope.errors:
        return Told(payload=envelope.result, answer=result)
    outcome = classify_read(result.status, envelope.errors)
    first = envelope.errors[0][:_WORDS_MAX]
    if outcome.kind is OutcomeClass.DEFINITE:
        return Untold(reason=f"refused: {first}", code=first, answer=result)
    nonce_seen = any(begins(error, INVALID_NONCE) for error in envelope.errors)
    return Untold(
        reason=outcome.reason,
        retry_after_ms=outcome.retry_after_ms,
        worth_repeating=nonce_seen or outcome.kind is OutcomeClass.AMBIGUOUS,
    )
