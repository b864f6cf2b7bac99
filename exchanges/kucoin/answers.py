"""Answers of KuCoin as such: the envelope around all of them, and what their heads say of rate limits.

Pure. It decides nothing about orders; what an answer proves about one is read in `placements`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import Told, Untold, VenueError, untold_failure
from exchanges.fields import Record, UnreadableError, as_record
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.kucoin.outcomes import BLOCKED, SUCCESS, UNKNOWN_ORDER, classify_read
from exchanges.outcomes import HTTP_OK, HTTP_SERVER_ERROR, HTTP_TOO_MANY, OutcomeClass
from exchanges.wire_json import parse_json

OVERLOADED_MS = 1000
"""How long to be silent when the venue is overloaded, which it tells in the same way as a quota that is used up."""
BLOCKED_MS = 30_000
"""How long a block of our address lasts."""

_WORDS_MAX = 500
_INVALID = "400100"
_says_not_there = re.compile("order(?:_| | does )not[_ ]exist").search


def success(answer: HttpAnswer, parse: Callable[[bytes], Any] = parse_json) -> Record | None:
    """Give the envelope of an answer that is a success; None: it is an error, or cannot be read."""
    if answer.status != HTTP_OK:
        return None
    try:
        envelope = as_record(parse(answer.body))
    except UnreadableError:
        return None
    return envelope if envelope.get("code") == SUCCESS else None


def read_error(body: bytes) -> VenueError:
    """Read the code and the words of an answer that is no success, as far as it has them."""
    try:
        envelope = as_record(parse_json(body))
    except UnreadableError:
        return VenueError(code=None)
    code, words = envelope.get("code"), envelope.get("msg")
    return VenueError(
        code=code if type(code) is str and code else None,
        words=words[:_WORDS_MAX] if type(words) is str else "",
    )


def read_answer(result: HttpResult, parse: Callable[[bytes], Any] = parse_json) -> Told | Untold:
    """Sort how a question ended; what is told is what the envelope contains, as `parse` parses it."""
    if isinstance(result, HttpFailure):
        return untold_failure(result)
    envelope = success(result, parse)
    if envelope is not None:
        return Told(payload=envelope.get("data"), answer=result)
    error = read_error(result.body)
    outcome = classify_read(result.status, error.code)
    if outcome.kind is OutcomeClass.DEFINITE:
        return Untold(reason=f"refused: {error.code}", code=error.code, answer=result)
    limited = outcome.kind is OutcomeClass.NOT_PROCESSED and outcome.reason != "clock"
    return Untold(
        reason=outcome.reason,
        retry_after_ms=silence_ms(result, error.code) if limited else 0,
        worth_repeating=not limited,
    )


def knows_no_order(untold: Untold) -> bool:
    """Whether the venue itself says that it has no such ordinary order."""
    return untold.code == UNKNOWN_ORDER


def knows_no_stop(untold: Untold) -> bool:
    """Whether the venue itself says that it has no such stop order. That book is of an older interface, which uses one
    code for many things and tells them apart by words.
    """
    if untold.code == _INVALID and untold.answer is not None:
        return _says_not_there(read_error(untold.answer.body).words.lower()) is not None
    return knows_no_order(untold)


def silence_ms(answer: HttpAnswer, code: str | None) -> int:
    """Tell how long nothing should be sent after an answer with this code; 0: it asks for no silence."""
    if answer.status >= HTTP_SERVER_ERROR:
        return 0
    if is_block(answer, code):
        return BLOCKED_MS
    if answer.status != HTTP_TOO_MANY and code != "429000":
        return 0
    used_up = not number_in(answer.headers, "gw-ratelimit-remaining")
    return (number_in(answer.headers, "gw-ratelimit-reset") if used_up else None) or OVERLOADED_MS


def is_block(answer: HttpAnswer, code: str | None) -> bool:
    """Whether not the venue answered, but what protects it, which counts calls by address."""
    return code == BLOCKED or (code is None and answer.status == HTTP_TOO_MANY)


def number_in(headers: Mapping[str, str], name: str) -> int | None:
    """Read a whole number of a head; None when there is none."""
    value: Any = headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else None
