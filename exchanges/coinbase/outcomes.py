"""What an answer of Coinbase to an order call proves: the error table, and nothing else.

Pure. Whatever is not listed here as a proof is ambiguous; a new code of the venue can therefore never turn an order
that exists into one that does not.
"""

from enum import StrEnum

from exchanges.outcomes import (
    DUPLICATE,
    HTTP_BAD_REQUEST,
    HTTP_FORBIDDEN,
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY,
    HTTP_UNAUTHORIZED,
    REJECTED,
    SERVER_ERROR,
    UNKNOWN,
    UNREADABLE,
    Outcome,
    OutcomeClass,
)

INVALID_ARGUMENT = "INVALID_ARGUMENT"
LIMITED_MS = 1000
"""How long to wait after a 429 that does not say, the first time."""

RATE_LIMITED = Outcome(OutcomeClass.NOT_PROCESSED, "rate_limited", retry_after_ms=LIMITED_MS)
UNAUTHORIZED = Outcome(OutcomeClass.NOT_PROCESSED, "auth", retry_after_ms=1000)
DOUBTFUL_TOKEN = Outcome(OutcomeClass.AMBIGUOUS, "auth")
"""Whether a token is taken twice is not known: to a key that works, this may be the answer to the second delivery of a
request whose first one was carried out."""
DOUBTED = Outcome(OutcomeClass.AMBIGUOUS, "rejected_or_duplicate")
"""Refused by what an order that an earlier attempt placed can be the cause of."""
_FORBIDDEN = Outcome(OutcomeClass.NOT_PROCESSED, "forbidden", retry_after_ms=5000)

_DUPLICATE = "DUPLICATE_CLIENT_ORDER_ID"
_RATE_LIMITED = "RFQ_RATE_LIMITED"
_REFUSALS = frozenset(
    {
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "INVALID_SIDE",
        "INVALID_PRODUCT_ID",
        "INVALID_SIZE_PRECISION",
        "INVALID_PRICE_PRECISION",
        "INSUFFICIENT_FUND",
        "INSUFFICIENT_FUNDS",
        "INVALID_LEDGER_BALANCE",
        "ORDER_ENTRY_DISABLED",
        "INELIGIBLE_PAIR",
        "INVALID_LIMIT_PRICE",
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "INVALID_NO_LIQUIDITY",
        "INVALID_REQUEST",
        "COMMANDER_REJECTED_NEW_ORDER",
        "UNTRADABLE_PRODUCT",
        "GEOFENCING_RESTRICTION",
        "FOK_DISABLED",
        "FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS",
        "POST_ONLY_NOT_ALLOWED_WITH_FOK",
        "END_TIME_IS_IN_THE_PAST",
        "END_TIME_TOO_FAR_IN_FUTURE",
        "GTD_ORDERS_MUST_HAVE_END_TIME",
        "LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY",
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL",
        "STOP_ALREADY_TRIGGERED",
        "BREACHED_RISK_LIMIT",
        "PRODUCT_TRADING_HALTED",
        "TRADING_DISABLED",
        "OPEN_BRACKET_ORDERS",
    }
)
# An order that an earlier attempt placed holds funds, counts in limits and has moved its market. So these, unlike a
# refusal by what the request is, do not say that no attempt made one. The preview has words of its own for some.
_BY_STATE = frozenset(
    {
        "INSUFFICIENT_FUND",
        "INSUFFICIENT_FUNDS",
        "INVALID_LEDGER_BALANCE",
        "INVALID_LIMIT_PRICE",
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "INVALID_NO_LIQUIDITY",
        "COMMANDER_REJECTED_NEW_ORDER",
        "LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY",
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL",
        "STOP_ALREADY_TRIGGERED",
        "BREACHED_RISK_LIMIT",
        "OPEN_BRACKET_ORDERS",
    }
)
_PREVIEW = "PREVIEW_"
_CANCEL_REFUSALS = frozenset(
    {
        "INVALID_CANCEL_REQUEST",
        "UNKNOWN_CANCEL_ORDER",
        "COMMANDER_REJECTED_CANCEL_ORDER",
        "INVALID_CANCEL_PRODUCT_ID",
        "INVALID_CANCEL_FCM_TRADING_SESSION",
        "NOT_ALLOWED_TO_CANCEL",
        "ORDER_IS_FULLY_FILLED",
    }
)
CANCEL_UNDER_WAY = "DUPLICATE_CANCEL_REQUEST"
_EDIT_IN_FLIGHT = "ORDER_IS_BEING_REPLACED"
_EDIT_REFUSALS = frozenset(
    {
        "ORDER_NOT_FOUND",
        "CALLER_ID_MISMATCH",
        "ONLY_LIMIT_ORDER_EDITS_SUPPORTED",
        "CANNOT_EDIT_TO_BELOW_FILLED_SIZE",
        "INVALID_EDITED_SIZE",
        "INVALID_EDITED_PRICE",
        "CANNOT_EDIT_ORDER_PENDING_CANCEL",
        "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED",
        "EXCEEDED_MAX_ALLOWED_EDIT_REQUEST_COUNT",
        "CANNOT_EDIT_TRIGGERED_ORDER",
        "FIELD_ENDTIME_NOT_SUPPORTED",
        "COMMANDER_REJECTED_EDIT_ORDER",
    }
)
_PERHAPS_DONE_BEFORE = frozenset(
    {"EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST", "ORDER_IS_ALREADY_BEING_REPLACED", "ONLY_OPEN_ORDERS_CAN_BE_EDITED"}
)
"""Also what the second delivery of an edit is told whose first one was carried out."""


class EditRefusal(StrEnum):
    """What the reason of a refused edit proves."""

    REFUSED = "refused"
    PERHAPS_DONE = "perhaps done before"
    """Reading the order tells."""
    UNKNOWN = "unknown"


def usable(reason: str) -> bool:
    """Tell whether a reason says something: empty ones and the defaults of the venue's lists do not."""
    return bool(reason) and "UNKNOWN" not in reason


def classify_http(status: int, code: str | None, *, key_works: bool) -> Outcome:
    """Sort an answer to an order call that is not a 200. `key_works`: the venue has taken a token of the key before."""
    if status >= HTTP_SERVER_ERROR:
        return SERVER_ERROR
    if status == HTTP_TOO_MANY:
        return RATE_LIMITED
    if status == HTTP_UNAUTHORIZED:
        return DOUBTFUL_TOKEN if key_works else UNAUTHORIZED
    if status == HTTP_FORBIDDEN:
        return _FORBIDDEN
    if status == HTTP_BAD_REQUEST and code == INVALID_ARGUMENT:
        return REJECTED
    return UNREADABLE if code is None else UNKNOWN


def classify_place(order_reason: str, preview_reason: str, *, attempt: int) -> Outcome:
    """Sort a placement that was answered with `success:false`, by both of its reasons. `attempt`: which sending of the
    request it answers, from 1.
    """
    if _DUPLICATE in (order_reason, preview_reason):
        return DUPLICATE
    reason = order_reason if usable(order_reason) else preview_reason
    if reason == _RATE_LIMITED:
        return RATE_LIMITED
    if reason not in _REFUSALS and not _refused_by_preview(reason):
        return UNKNOWN
    doubted = attempt > 1 and (_by_state(order_reason) or _by_state(preview_reason))
    return DOUBTED if doubted else REJECTED


def classify_cancel(reason: str) -> Outcome:
    """Sort a cancel of one order that was answered with `success:false`."""
    if reason == _EDIT_IN_FLIGHT:
        return Outcome(OutcomeClass.NOT_PROCESSED, "being_replaced", retry_after_ms=500)
    return REJECTED if reason in _CANCEL_REFUSALS else UNKNOWN


def classify_edit(edit_reason: str, preview_reason: str) -> EditRefusal:
    """Sort an edit that was answered with `success:false`, by both of its reasons."""
    reason = edit_reason if usable(edit_reason) else preview_reason
    if reason in _PERHAPS_DONE_BEFORE:
        return EditRefusal.PERHAPS_DONE
    refused = reason in _EDIT_REFUSALS or _refused_by_preview(reason)
    return EditRefusal.REFUSED if refused else EditRefusal.UNKNOWN


def _refused_by_preview(reason: str) -> bool:
    return usable(reason) and reason.startswith(_PREVIEW)


def _by_state(reason: str) -> bool:
    # What a preview calls invalid is so by itself; its other words are not all known.
    if reason.removeprefix(_PREVIEW) in _BY_STATE:
        return True
    return _refused_by_preview(reason) and not reason.startswith(f"{_PREVIEW}INVALID_")
