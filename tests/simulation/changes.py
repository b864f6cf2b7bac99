"""What the venue makes of amends and replaces: changed in place, or cancelled and placed anew in two steps.

Two steps are not one: the cancel may succeed and the placement fail. But a placement is never tried without its cancel,
and nothing that has executed in part is cancelled.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from exchanges.failures import (
    cancel_half,
    cancel_unknown,
    place_not_processed,
    place_unknown,
    replace_answered,
    unknown,
)
from exchanges.gateway import AmendScope
from exchanges.paper.model import Events, OrderTraded, PaperOrder, RefusalReason, RequestRefused
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
from .venue_traits import Repetition, Validity
from .wire import new_order, shown_id, venue_fill, venue_order, waits

ACCEPTED = "accepted"
_ACT_WITHIN_MS = (500, 3000, 12_000)
"""How long a venue may take to carry out a cancel that it has accepted."""
_SAFE_TWICE = frozenset({Repetition.REFUSED, Repetition.RETURNED})
"""Where a second delivery makes no second order, whatever has become of the first."""

Prove = Callable[[EvidenceSource, str], Evidence]
"""Makes the evidence of an answer, of its source and the venue's word."""


class Trading:
    """Placements, cancels and changes of one account as they arrive at the venue."""

    def __init__(self, venue: Venue, faults: Faults, random: Random, amends: AmendScope) -> None:
        self._venue = venue
        self._traits = venue.traits
        self._faults = faults
        self._random = random
        self._amends = amends

    # ----- placements

    def place(self, request: PlaceOrder, prove: Prove, offset_ms: int) -> PlaceReport:
        """Carry a placement out, perhaps twice. `offset_ms`: the venue's time less ours, as the sender knows it."""
        wanted = new_order(request, self._traits, offset_ms)
        events = self._venue.place(wanted)
        order = self._venue.engine.find(request.account_id, request.symbol, request.client_order_id)
        if not isinstance(events[0], RequestRefused) and self._may_come_twice(order):
            events = self._venue.place(wanted)
        first = events[0]
        if isinstance(first, RequestRefused):
            return self._refused(request, first.reason, order, prove)
        assert order is not None
        return self._placed(request, order, events, prove)

    def _may_come_twice(self, order: PaperOrder | None) -> bool:
        # Where each delivery is an order, nobody but the network can prevent the second one.
        if order is None or self._traits.repetition is Repetition.ACCEPTED:
            return False
        safe = (order.is_open and order.working) or self._traits.repetition in _SAFE_TWICE
        return safe and self._faults.strikes(Fault.TWICE)

    def _placed(self, request: PlaceOrder, order: PaperOrder, events: Events, prove: Prove) -> PlaceAccepted:
        fills = tuple(
            venue_fill(event.execution, self._traits, FillSource.REST, with_client_id=True)
            for event in events
            if isinstance(event, OrderTraded) and event.order.order_id == order.order_id
        )
        shown = bool(self._traits.placed_shown) and self._random.random() < self._traits.placed_shown
        return PlaceAccepted(
            **head(request),
            attempt=request.attempt,
            # The answer is as old as the order.
            venue_order_id=shown_id(self._venue.as_of(order.order_id, order.created_ms) or order, self._traits),
            order=venue_order(order, self._traits) if shown and not waits(order, self._traits) else None,
            fills=fills if self._traits.placed_shown and self._traits.placed_fills else (),
            evidence=prove(EvidenceSource.PLACE_ANSWER, "200"),
        )

    def _refused(
        self, request: PlaceOrder, reason: RefusalReason, order: PaperOrder | None, prove: Prove
    ) -> PlaceReport:
        returned = self._traits.repetition is Repetition.RETURNED and self._random.random() < 0.5
        if reason is RefusalReason.DUPLICATE_CLIENT_ID and order is not None and returned:
            return self._placed(request, order, (), prove)
        in_words = self._traits.repetition_in_words and reason is not RefusalReason.DUPLICATE_CLIENT_ID
        if in_words and request.attempt > 1:
            return place_unknown(request, "rejected_or_duplicate", prove(EvidenceSource.PLACE_ANSWER, reason))
        return place_refused(request, reason, prove)

    # ----- cancels

    def cancel(self, request: CancelVenueOrder, prove: Prove) -> CancelReport:
        """Carry a cancel out."""
        order = find(self._venue, request)
        self._fill_under_the_request(order)
        if order is not None and self._is_later(self._traits.cancels_pending, order):
            delay_ms = self._random.randint(1, self._random.choice(_ACT_WITHIN_MS))
            self._venue.seen["venue:cancel accepted"] += 1
            self._venue.later(delay_ms, lambda: self._venue.cancel(request.account_id, order.order_id))
            return cancel_unknown(request, ACCEPTED, prove(EvidenceSource.CANCEL_ANSWER, ACCEPTED))
        events = () if order is None else self._venue.cancel(request.account_id, order.order_id)
        if order is None or isinstance(events[0], RequestRefused):
            return cancel_refused(request, prove)
        ended = self._read_back(order)
        proof = prove(EvidenceSource.CANCEL_ANSWER, "200")
        if ended is None or ended.is_open:
            return cancel_unknown(request, ACCEPTED, proof)
        return CancelConfirmed(**head(request), order=venue_order(ended, self._traits), evidence=proof)

    def _is_later(self, share: float, order: PaperOrder) -> bool:
        now = self._venue.engine.order(order.order_id)
        return bool(share) and now is not None and now.is_open and self._random.random() < share

    def _read_back(self, order: PaperOrder) -> PaperOrder | None:
        lag_ms = self._venue.lag_ms(Fault.STALE_READ) if self._traits.read_back else 0
        return self._venue.as_of(order.order_id, self._venue.now_ms() - lag_ms)

    def _fill_under_the_request(self, order: PaperOrder | None) -> None:
        if order is not None and order.is_open and self._faults.strikes(Fault.FILL_DURING_CANCEL):
            self._venue.execute(order.order_id, self._random.choice((Decimal(1), Decimal("0.5"))))

    # ----- changes

    def amend(self, request: AmendVenueOrder, prove: Prove) -> CallReport:
        """Carry an amend out, perhaps twice."""
        order = find(self._venue, request)
        self._fill_under_the_request(order)
        before = None if order is None else self._venue.engine.order(order.order_id)
        later_ms = self._until_carried_out(request, before)
        if before is not None and later_ms:
            self._venue.later(later_ms, lambda: self._amended(request, before))
            self._venue.seen["venue:amend accepted"] += 1
            return unknown(request, ACCEPTED, prove(EvidenceSource.PLACE_ANSWER, ACCEPTED))
        refused = self._amend_refusal(request, before) or self._amended(request, before)
        if before is None or refused:
            proof = prove(EvidenceSource.PLACE_ANSWER, refused)
            return AmendRefused(**head(request), code="-2038", text=refused, evidence=proof)
        if self._faults.strikes(Fault.TWICE):
            self._amended(request, before)
        after = self._read_back(before)
        proof = prove(EvidenceSource.PLACE_ANSWER, "200")
        if after is None or (self._traits.read_back and not _shows(request, after)):
            return unknown(request, ACCEPTED, proof)
        return AmendConfirmed(**head(request), order=venue_order(after, self._traits), evidence=proof)

    def _until_carried_out(self, request: AmendVenueOrder, order: PaperOrder | None) -> int:
        # 0: at once. What has not taken effect by the time that bounds the request never does.
        if order is None or self._amend_refusal(request, order):
            return 0
        if not self._is_later(self._traits.amends_pending, order):
            return 0
        unbounded = self._traits.validity is Validity.UNBOUNDED
        latest_ms = request.valid_until_venue_ms + (self._venue.late_max_ms if unbounded else 0)
        return self._random.randint(1, max(1, min(_ACT_WITHIN_MS[1], latest_ms - self._venue.now_ms())))

    def _amend_refusal(self, request: AmendVenueOrder, order: PaperOrder | None) -> str:
        if order is None or not order.is_open:
            return "no such open order"
        moved = (request.price, request.stop_price) != (order.price, order.stop_price)
        beyond = moved or request.size > order.size
        return "quantity down only" if beyond and self._amends is not AmendScope.NATIVE else ""

    def _amended(self, request: AmendVenueOrder, order: PaperOrder | None) -> str:
        assert order is not None
        terms = request.size, request.price, request.stop_price
        events = self._venue.change(request.account_id, order.order_id, *terms)
        first = events[0]
        return str(first.reason) if isinstance(first, RequestRefused) else ""

    def replace(self, request: ReplaceVenueOrder, prove: Prove, offset_ms: int) -> Callable[[], CallReport]:
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
        cancelled = CancelConfirmed(**head(first), order=venue_order(ended, self._traits), evidence=proof)
        return lambda: self._answer_replace(request, cancelled, prove, offset_ms)

    def _answer_replace(
        self, request: ReplaceVenueOrder, cancelled: CancelReport, prove: Prove, offset_ms: int
    ) -> CallReport:
        if self._faults.strikes(Fault.REPLACE_HALF):
            return replace_answered(
                request, cancelled, place_refused(request.place, RefusalReason.INSUFFICIENT_FUNDS, prove)
            )
        placed = self.place(request.place, prove, offset_ms)
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


def _shows(request: AmendVenueOrder, order: PaperOrder) -> bool:
    return (order.size, order.price, order.stop_price) == (request.size, request.price, request.stop_price)


def cancel_refused(request: CancelVenueOrder, prove: Prove) -> CancelRefused:
    """The venue's refusal of a cancel."""
    proof = prove(EvidenceSource.CANCEL_ANSWER, "-2011")
    return CancelRefused(**head(request), code="-2011", text="Unknown order sent.", evidence=proof)


def head(request: Any) -> dict[str, Any]:
    """What a report copies from its request."""
    return {"account_id": request.account_id, "exchange": request.exchange, "order_id": request.order_id}
