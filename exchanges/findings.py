"""Answers to questions as reports, the same for every venue: what was found, when it was asked for, what proves it.

Pure. It puts together what a venue's reads have found out and decides nothing; what was not answered is `failures`.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from exchanges.answers import answer_evidence
from exchanges.http import HttpAnswer
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders, FetchPrice, LookUpOrder, SearchOrder
from messages.fills import VenueFill
from messages.reports import (
    BalancesFetched,
    FillsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
    PriceFetched,
)
from messages.types import EvidenceSource, VenueOrder

_LOOKUP = EvidenceSource.LOOKUP


class Asked(Protocol):
    """Questions that were asked."""

    @property
    def asked_venue_ms(self) -> int:
        """Lower bound of the venue time at which the first of them was asked: what holds for it holds for all."""
        ...


def order_found(
    asked: Asked,
    request: LookUpOrder,
    order: VenueOrder,
    answer: HttpAnswer,
    *,
    endpoint: str,
    fills: tuple[VenueFill, ...],
    complete: bool,
) -> OrderFound:
    """Report an order that a look-up shows. `complete`: `fills` are all that it has executed."""
    return OrderFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        fills=fills,
        fills_complete=complete,
        asked_venue_ms=asked.asked_venue_ms,
        evidence=answer_evidence(
            _LOOKUP, endpoint, answer, venue_time_ms=order.updated_venue_ms, detail=order.venue_status
        ),
    )


def order_not_found(
    asked: Asked, request: LookUpOrder, answer: HttpAnswer, *, endpoint: str, detail: str = ""
) -> OrderNotFound:
    """Report that the venue itself said that it has no such order."""
    return OrderNotFound(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        asked_venue_ms=asked.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, endpoint, answer, detail=detail),
    )


def orders_searched(
    asked: Asked,
    request: SearchOrder,
    orders: tuple[VenueOrder, ...],
    fills: tuple[VenueFill, ...],
    answer: HttpAnswer,
    *,
    unreadable: int,
    sources: tuple[str, ...],
    detail: str,
    voided: tuple[VenueFill, ...] = (),
) -> OrdersSearched:
    """Report what a search found in `sources`, which were read completely. `answer` is that of the source `detail`."""
    return OrdersSearched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=orders,
        fills=fills,
        unreadable=unreadable,
        voided=voided,
        sources=sources,
        asked_venue_ms=asked.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, f"GET {'+'.join(sources)}", answer, detail=detail),
    )


def open_orders_fetched(
    asked: Asked,
    request: FetchOpenOrders,
    orders: tuple[VenueOrder, ...],
    unreadable: int,
    answer: HttpAnswer,
    *,
    endpoint: str,
) -> OpenOrdersFetched:
    """Report a list of open orders that was read to its end."""
    return OpenOrdersFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        orders=orders,
        unreadable=unreadable,
        asked_venue_ms=asked.asked_venue_ms,
        evidence=answer_evidence(_LOOKUP, endpoint, answer),
    )


def fills_fetched(
    request: FetchFills,
    fills: tuple[VenueFill, ...],
    unreadable: int,
    *,
    asked_venue_ms: int,
    voided: tuple[VenueFill, ...] = (),
) -> FillsFetched:
    """Report a list of executions that was read to its end."""
    return FillsFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        fills=fills,
        unreadable=unreadable,
        voided=voided,
        asked_venue_ms=asked_venue_ms,
    )


def balances_fetched(
    request: FetchBalances, balances: Iterable[tuple[str, Decimal, Decimal]], answer: HttpAnswer
) -> BalancesFetched:
    """Report balances that were all read: asset, total, of which available."""
    return BalancesFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        balances=tuple(balances),
        received_ms=answer.received_ms,
    )


def price_fetched(request: FetchPrice, price: Decimal, answer: HttpAnswer) -> PriceFetched:
    """Report the latest price."""
    return PriceFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        price=price,
        received_ms=answer.received_ms,
    )
