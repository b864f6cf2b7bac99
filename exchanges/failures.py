"""The report for a request that got no proper answer: what is known when nothing useful was said.

Pure and the same for every venue. It must never report more than is known: a request that may have left is unknown,
only one that provably did not leave was not processed.
"""

from typing import assert_never

from messages.commands import (
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchServerTime,
    LookUpOrder,
    PlaceOrder,
    SearchOrder,
    VenueRequest,
)
from messages.reports import (
    CallReport,
    CancelAmbiguous,
    CancelNotProcessed,
    FetchFailed,
    LookUpFailed,
    PlaceAmbiguous,
    PlaceNotProcessed,
)
from messages.types import Evidence


def not_processed(request: VenueRequest, reason: str, evidence: Evidence, *, retry_after_ms: int = 0) -> CallReport:
    """Report that the request was provably not acted on: it was not sent, or the venue says so."""
    match request:
        case PlaceOrder():
            return PlaceNotProcessed(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                attempt=request.attempt,
                reason=reason,
                retry_after_ms=retry_after_ms,
                evidence=evidence,
            )
        case CancelVenueOrder():
            return CancelNotProcessed(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                reason=reason,
                retry_after_ms=retry_after_ms,
                evidence=evidence,
            )
        case _:
            return unanswered(request, reason, retry_after_ms=retry_after_ms)


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
        case CancelVenueOrder():
            return CancelAmbiguous(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                reason=reason,
                evidence=evidence,
            )
        case _:
            return unanswered(request, reason)


_Question = (
    LookUpOrder
    | SearchOrder
    | FetchOpenOrders
    | FetchFills
    | FetchBalances
    | FetchInstruments
    | FetchServerTime
)


def unanswered(request: _Question, reason: str, *, retry_after_ms: int = 0) -> LookUpFailed | FetchFailed:
    """Report that a question was not answered, which says nothing about what was asked."""
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
        case FetchOpenOrders() | FetchFills() | FetchBalances() | FetchInstruments() | FetchServerTime():
            return FetchFailed(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                request=type(request).__name__,
                reason=reason,
                retry_after_ms=retry_after_ms,
            )
        case _:
            assert_never(request)
