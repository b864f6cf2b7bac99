"""The report for a request that got no proper answer: what is known when nothing useful was said.

Pure and the same for every venue. It must never report more than is known: a request that may have left is unknown,
only one that provably did not leave was not processed.
"""

from typing import TypeAlias, assert_never

from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchPrice,
    FetchServerTime,
    LookUpOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    SearchOrder,
    VenueRequest,
)
from messages.reports import (
    AmendAmbiguous,
    AmendNotProcessed,
    CallReport,
    CancelAmbiguous,
    CancelNotProcessed,
    CancelReport,
    FetchFailed,
    LookUpFailed,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceReport,
    ReplaceAnswered,
)
from messages.types import Evidence


def not_processed(request: VenueRequest, reason: str, evidence: Evidence, *, retry_after_ms: int = 0) -> CallReport:
    """Report that the request was provably not acted on: it was not sent, or the venue says so."""
    match request:
        case PlaceOrder():
            return place_not_processed(request, reason, evidence, retry_after_ms=retry_after_ms)
        case CancelVenueOrder():
            return cancel_not_processed(request, reason, evidence, retry_after_ms=retry_after_ms)
        case AmendVenueOrder():
            return AmendNotProcessed(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                reason=reason,
                retry_after_ms=retry_after_ms,
                evidence=evidence,
            )
        case ReplaceVenueOrder():
            return replace_answered(
                request,
                cancel_not_processed(cancel_half(request), reason, evidence, retry_after_ms=retry_after_ms),
                place_not_processed(request.place, reason, evidence, retry_after_ms=retry_after_ms),
            )
        case _:
            return unanswered(request, reason, retry_after_ms=retry_after_ms, sent_ms=_asked_ms(evidence))


def unknown(
    request: VenueRequest,
    reason: str,
    evidence: Evidence,
    *,
    known_to_exist: bool = False,
    venue_order_id: str | None = None,
) -> CallReport:
    """Report that nobody knows whether the request was acted on."""
    match request:
        case PlaceOrder():
            return place_unknown(
                request, reason, evidence, known_to_exist=known_to_exist, venue_order_id=venue_order_id
            )
        case CancelVenueOrder():
            return cancel_unknown(request, reason, evidence)
        case AmendVenueOrder():
            return AmendAmbiguous(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                reason=reason,
                evidence=evidence,
            )
        case ReplaceVenueOrder():
            return replace_answered(
                request,
                cancel_unknown(cancel_half(request), reason, evidence),
                place_unknown(request.place, reason, evidence),
            )
        case _:
            return unanswered(request, reason, sent_ms=_asked_ms(evidence))


# ----- the halves of a replace, each of which is a request of its own


def cancel_half(request: ReplaceVenueOrder) -> CancelVenueOrder:
    """Give the cancel inside a replace."""
    return CancelVenueOrder(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        client_order_id=request.client_order_id,
        venue_order_id=request.venue_order_id,
    )


def replace_answered(
    request: ReplaceVenueOrder,
    cancel: CancelReport,
    place: PlaceReport,
) -> ReplaceAnswered:
    """Put the reports of both halves together."""
    return ReplaceAnswered(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        cancel=cancel,
        place=place,
    )


def place_not_processed(
    request: PlaceOrder, reason: str, evidence: Evidence, *, retry_after_ms: int = 0
) -> PlaceNotProcessed:
    """Report that a placement was provably not acted on."""
    return PlaceNotProcessed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        reason=reason,
        retry_after_ms=retry_after_ms,
        evidence=evidence,
    )


def place_unknown(
    request: PlaceOrder,
    reason: str,
    evidence: Evidence,
    *,
    known_to_exist: bool = False,
    venue_order_id: str | None = None,
) -> PlaceAmbiguous:
    """Report that nobody knows whether there is an order now."""
    return PlaceAmbiguous(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        reason=reason,
        known_to_exist=known_to_exist,
        venue_order_id=venue_order_id,
        evidence=evidence,
    )


def cancel_not_processed(
    request: CancelVenueOrder, reason: str, evidence: Evidence, *, retry_after_ms: int = 0
) -> CancelNotProcessed:
    """Report that a cancel was provably not acted on."""
    return CancelNotProcessed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        reason=reason,
        retry_after_ms=retry_after_ms,
        evidence=evidence,
    )


def cancel_unknown(request: CancelVenueOrder, reason: str, evidence: Evidence) -> CancelAmbiguous:
    """Report that nobody knows whether an order was cancelled."""
    return CancelAmbiguous(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        reason=reason,
        evidence=evidence,
    )


# ----- questions

Question: TypeAlias = (
    LookUpOrder
    | SearchOrder
    | FetchOpenOrders
    | FetchFills
    | FetchBalances
    | FetchInstruments
    | FetchPrice
    | FetchServerTime
)


def unanswered(
    request: Question, reason: str, *, retry_after_ms: int = 0, sent_ms: int = 0
) -> LookUpFailed | FetchFailed:
    """Report that a question was not answered, which says nothing about what was asked.

    `sent_ms` is our clock when it was asked at the latest; 0: the caller fills that in.
    """
    match request:
        case LookUpOrder() | SearchOrder():
            return LookUpFailed(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                symbol=request.symbol,
                reason=reason,
                retry_after_ms=retry_after_ms,
            )
        case (
            FetchOpenOrders() | FetchFills() | FetchBalances() | FetchInstruments() | FetchPrice() | FetchServerTime()
        ):
            return FetchFailed(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                request=type(request).__name__,
                symbol=_symbol_of(request),
                sent_ms=sent_ms,
                reason=reason,
                retry_after_ms=retry_after_ms,
            )
        case _:
            assert_never(request)


def _symbol_of(request: Question) -> str:
    match request:
        case FetchOpenOrders():
            return request.symbol or ""
        case FetchFills() | FetchPrice():
            return request.symbol
        case _:
            return ""


def _asked_ms(evidence: Evidence) -> int:
    # What never left was asked, at the latest, when that was known.
    return evidence.received_ms if evidence.sent_ms is None else evidence.sent_ms
