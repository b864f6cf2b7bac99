"""What the venue makes of amends and replaces: changed in place, or cancelled and placed anew in two steps.

Two steps are not one: the cancel may succeed and the placement fail. But a placement is never tried without its cancel,
and nothing that has executed in part is cancelled.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from exchanges.failures import cancel_half, place_not_processed, place_unknown, replace_answered
from exchanges.gateway import AmendScope
from exchanges.paper.model import OrderTraded, PaperOrder, RefusalReason, RequestRefused
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder, ReplaceVenueOrder
from messages.fills import FillSource
from messages.reports import (
    AmendConfirmed,
    AmendRefused,
    CallReport,
    CancelConfirmed,
    CancelRefused,
    CancelReport,
    PlaceAccepted,
    PlaceRejected,
    PlaceReport,
)
from messages.types import Evidence, EvidenceSource

from .faults import Fault, Faults
from .reads import find
from .venue import Venue
from .wire import new_order, venue_fill, venue_order

Prove = Callable[[EvidenceSource, str], Evidence]
"""Makes the evidence of an answer, of its source and the venue's word."""


class Trading:
    """Placements, cancels and changes of one account as they arrive at the venue."""

    def __init__(self, venue: Venue, faults: Faults, random: Random, amends: AmendScope) -> None:
        self._venue = venue
        self._faults = faults
        self._random = random
        self._amends = amends

    # ----- placements

    def place(self, request: PlaceOrder, prove: Prove) -> PlaceReport:
        """Carry a placement out, perhaps twice."""
        events = self._venue.place(new_order(request))
        order = self._venue.engine.find(request.account_id, request.symbol, request.client_order_id)
        rests = order is not None and order.is_open and order.working
        if not isinstance(events[0], RequestRefused) and rests and self._faults.strikes(Fault.TWICE):
            events = self._venue.place(new_order(request))
        first = events[0]
        if isinstance(first, RequestRefused):
            return place_refused(request, first.reason, prove)
        assert order is not None
        fills = tuple(
            venue_fill(event.execution, FillSource.REST, with_client_id=True)
            for event in events
            if isinstance(event, OrderTraded) and event.order.order_id == order.order_id
        )
        return PlaceAccepted(
            **head(request),
            attempt=request.attempt,
            venue_order_id=str(order.order_id),
            order=venue_order(order) if self._random.random() < 0.9 else None,
            fills=fills,
            evidence=prove(EvidenceSource.PLACE_ANSWER, "200"),
        )

    # ----- cancels

    def cancel(self, request: CancelVenueOrder, prove: Prove) -> CancelReport:
        """Carry a cancel out."""
        order = find(self._venue, request)
        self._fill_under_the_request(order)
        events = () if order is None else self._venue.cancel(request.account_id, order.order_id)
        if order is None or isinstance(events[0], RequestRefused):
            return cancel_refused(request, prove)
        ended = self._venue.as_of(order.order_id, self._venue.now_ms())
        assert ended is not None
        return CancelConfirmed(
            **head(request), order=venue_order(ended), evidence=prove(EvidenceSource.CANCEL_ANSWER, "200")
        )

    def _fill_under_the_request(self, order: PaperOrder | None) -> None:
        if order is not None and order.is_open and self._faults.strikes(Fault.FILL_DURING_CANCEL):
            self._venue.execute(order.order_id, self._random.choice((Decimal(1), Decimal("0.5"))))

    # ----- changes

    def amend(self, request: AmendVenueOrder, prove: Prove) -> CallReport:
        """Carry an amend out, perhaps twice."""
        order = find(self._venue, request)
        self._fill_under_the_request(order)
        before = None if order is None else self._venue.engine.order(order.order_id)
        refused = self._amend_refusal(request, before) or self._amended(request, before)
        if before is None or refused:
            proof = prove(EvidenceSource.PLACE_ANSWER, refused)
            return AmendRefused(**head(request), code="-2038", text=refused, evidence=proof)
        if self._faults.strikes(Fault.TWICE):
            self._amended(request, before)
        after = self._venue.as_of(before.order_id, self._venue.now_ms())
        assert after is not None
        proof = prove(EvidenceSource.PLACE_ANSWER, "200")
        return AmendConfirmed(**head(request), order=venue_order(after), evidence=proof)

    def _amend_refusal(self, request: AmendVenueOrder, order: PaperOrder | None) -> str:
        if order is None or not order.is_open:
            return "no such open order"
        moved = (request.price, request.stop_price) != (order.price, order.stop_price)
        beyond = moved or request.size > order.size
        return "quantity down only" if beyond and self._amends is not AmendScope.NATIVE else ""

    def _amended(self, request: AmendVenueOrder, order: PaperOrder | None) -> str:
        assert order is not None
        events = self._venue.amend(request.account_id, order.order_id, request.size, request.price)
        first = events[0]
        return str(first.reason) if isinstance(first, RequestRefused) else ""

    def replace(self, request: ReplaceVenueOrder, prove: Prove) -> Callable[[], CallReport]:
        """Carry out the first half of a replace; what is returned carries out the second, and answers for both."""
        first = cancel_half(request)
        order = find(self._venue, first)
        self._fill_under_the_request(order)
        now = None if order is None else self._venue.engine.order(order.order_id)
        if now is None or not now.is_open or now.filled_size:
            proof = prove(EvidenceSource.PLACE_ANSWER, "not attempted")
            nothing = place_not_processed(request.place, "not_attempted", proof)
            refused = replace_answered(request, cancel_refused(first, prove), nothing)
            return lambda: refused
        self._venue.cancel_untouched(request.account_id, now.order_id)
        ended = self._venue.as_of(now.order_id, self._venue.now_ms())
        assert ended is not None
        proof = prove(EvidenceSource.CANCEL_ANSWER, "200")
        cancelled = CancelConfirmed(**head(first), order=venue_order(ended), evidence=proof)
        return lambda: self._answer_replace(request, cancelled, prove)

    def _answer_replace(self, request: ReplaceVenueOrder, cancelled: CancelReport, prove: Prove) -> CallReport:
        if self._faults.strikes(Fault.REPLACE_HALF):
            return replace_answered(
                request, cancelled, place_refused(request.place, RefusalReason.INSUFFICIENT_FUNDS, prove)
            )
        placed = self.place(request.place, prove)
        if self._faults.strikes(Fault.REPLACE_UNREADABLE):
            lost = place_unknown(request.place, "status_unknown", prove(EvidenceSource.PLACE_ANSWER, "?"))
            return replace_answered(request, cancelled, lost)
        return replace_answered(request, cancelled, placed)


def place_refused(request: PlaceOrder, reason: RefusalReason, prove: Prove) -> PlaceReport:
    """The venue's refusal of a placement; one for a client id that is in use says that there is an order."""
    proof = prove(EvidenceSource.PLACE_ANSWER, reason)
    if reason is RefusalReason.DUPLICATE_CLIENT_ID:
        return place_unknown(request, "duplicate", proof, known_to_exist=True)
    return PlaceRejected(**head(request), attempt=request.attempt, code="-2010", text=reason, evidence=proof)


def cancel_refused(request: CancelVenueOrder, prove: Prove) -> CancelRefused:
    """The venue's refusal of a cancel."""
    proof = prove(EvidenceSource.CANCEL_ANSWER, "-2011")
    return CancelRefused(**head(request), code="-2011", text="Unknown order sent.", evidence=proof)


def head(request: Any) -> dict[str, Any]:
    """What a report copies from its request."""
    return {"account_id": request.account_id, "exchange": request.exchange, "order_id": request.order_id}
