"""Answers of MEXC as such: error bodies, and whether a question was answered.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements`.
"""

import re
from collections.abc import Callable
from typing import Any

from exchanges.answers import Told, Untold, VenueError, retry_after_ms, untold_failure
from exchanges.fields import UnreadableError
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.mexc.outcomes import HTTP_BANNED, classify_read
from exchanges.outcomes import HTTP_OK, HTTP_TOO_MANY, OutcomeClass
from exchanges.wire_json import parse_exact

_WORDS_MAX = 500
_SUCCESS_CODES = frozenset({0, 200})
_is_code = re.compile(r"-?[0-9]{1,9}").fullmatch


def error_code(payload: Any) -> int | None:
    """Read the code of an error body; None: it is none, or says nothing that could be a code."""
    code = payload.get("code") if isinstance(payload, dict) else None
    if type(code) is str and _is_code(code):
        code = int(code)
    return code if type(code) is int and code not in _SUCCESS_CODES else None


def error_of(answer: HttpAnswer) -> tuple[int | None, VenueError]:
    """Read the error in an answer, of whatever status; without a code where its body has none."""
    try:
        payload = parse_exact(answer.body)
    except UnreadableError:
        payload = None
    code = error_code(payload)
    words = payload.get("msg") if isinstance(payload, dict) else None
    return code, VenueError(
        code=None if code is None else str(code), words=words[:_WORDS_MAX] if isinstance(words, str) else ""
    )


def read_answer(result: HttpResult, parse: Callable[[bytes], Any] = parse_exact) -> Told | Untold:
    """Sort how a question ended; what was told is what `parse` makes of it."""
    if isinstance(result, HttpFailure):
        return untold_failure(result)
    if result.status == HTTP_OK:
        try:
            payload = parse(result.body)
        except UnreadableError:
            return Untold(reason="unreadable", worth_repeating=True)
        if error_code(payload) is None:
            return Told(payload=payload, answer=result)
    code, error = error_of(result)
    outcome = classify_read(result.status, code)
    if outcome.kind is OutcomeClass.DEFINITE:
        return Untold(reason=f"refused: {code}", code=error.code, answer=result)
    return Untold(
        reason=outcome.reason,
        retry_after_ms=max(outcome.retry_after_ms, retry_after_ms(result.headers)),
        worth_repeating=result.status not in (HTTP_BANNED, HTTP_TOO_MANY),
    )
