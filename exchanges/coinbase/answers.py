"""Answers of Coinbase as such: error bodies in all their forms, and whether a question was answered.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements` and `changes`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from exchanges.answers import Told, Untold, VenueError, retry_after_ms, untold_failure
from exchanges.coinbase.outcomes import INVALID_ARGUMENT
from exchanges.fields import UnreadableError
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import (
    HTTP_FORBIDDEN,
    HTTP_OK,
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY,
    HTTP_UNAUTHORIZED,
)
from exchanges.wire_json import parse_json

NOT_FOUND = "order_not_found"
"""The code of an answer to a question about an order that the venue does not know; it has none of its own."""

_NOT_FOUND_WORDS = "order with this orderid was not found"
_GATEWAY_INVALID_ARGUMENT = 3
_WORDS_MAX = 500
_REASONS = {
    HTTP_TOO_MANY: "rate_limited",
    HTTP_UNAUTHORIZED: "auth",
    HTTP_FORBIDDEN: "forbidden",
}


def read_error(body: bytes) -> VenueError:
    """Read an error body in any of the venue's forms; anything else has no code and no words."""
    try:
        value = parse_json(body)
    except UnreadableError:
        return VenueError(code=None)
    if not isinstance(value, dict):
        return VenueError(code=None)
    listed = value.get("errors")
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        value = listed[0]
    code = _first(value, "error", "id")
    if value.get("code") == _GATEWAY_INVALID_ARGUMENT:
        code = INVALID_ARGUMENT
    return VenueError(code=code, words=(_first(value, "error_details", "message") or "")[:_WORDS_MAX])


def read_answer(result: HttpResult, parse: Callable[[bytes], Any] = parse_json) -> Told | Untold:
    """Sort how a question ended; what was told is what `parse` makes of it."""
    if isinstance(result, HttpFailure):
        return untold_failure(result)
    if result.status == HTTP_OK:
        try:
            return Told(payload=parse(result.body), answer=result)
        except UnreadableError:
            return Untold(reason="unreadable", worth_repeating=True)
    return _untold(result)


def _untold(answer: HttpAnswer) -> Untold:
    if answer.status >= HTTP_SERVER_ERROR:
        return Untold(reason="server_error", worth_repeating=True)
    wait_ms = retry_after_ms(answer.headers)
    if answer.status in _REASONS:
        # A token that the venue refused may have been signed with a wrong time; the next one is not.
        again = answer.status == HTTP_UNAUTHORIZED
        return Untold(reason=_REASONS[answer.status], retry_after_ms=wait_ms, worth_repeating=again)
    error = read_error(answer.body)
    if _NOT_FOUND_WORDS in error.words.lower():
        return Untold(reason=f"refused: {NOT_FOUND}", code=NOT_FOUND, answer=answer)
    return Untold(reason=f"refused: {error.said(answer.status)}", retry_after_ms=wait_ms)


def _first(value: dict[str, Any], *names: str) -> str | None:
    texts: Iterator[Any] = (value.get(name) for name in names)
    return next((each for each in texts if isinstance(each, str) and each), None)
