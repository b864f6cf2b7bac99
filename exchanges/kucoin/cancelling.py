"""Cancelling at KuCoin: which of its two books an order is in, the cancel itself, and the order read back.

Owns the order of those calls. Each call that changes something is sent once. It never takes an accepted cancel for a
cancelled order, and never reports an order as cancelled that may work on under another id.
"""

from exchanges.answers import IncompleteError
from exchanges.asking import Asking
from exchanges.fields import UnreadableError
from exchanges.http import HttpAnswer
from exchanges.kucoin.outcomes import UNKNOWN_ORDER, concerns_order
from exchanges.kucoin.placements import STOP_PATH, cancel_report, cancelled, names_cancelled
from exchanges.kucoin.questions import Questions
from exchanges.kucoin.reads import is_stop_id
from exchanges.kucoin.rest import RestSession
from exchanges.kucoin.translate import TRIGGERED
from exchanges.symbols import SymbolBook
from exchanges.throttle import CallKind
from messages.commands import CancelVenueOrder
from messages.reports import CancelRefused, CancelReport
from messages.types import VenueOrder

_SYNC_PATH = "/api/v1/hf/orders/sync"


class Canceller:
    """One cancel of one order, wherever it is."""

    def __init__(self, session: RestSession, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> None:
        self._session = session
        self._request = request
        self._symbol = venue_symbol
        self._symbols = symbols

    def cancel(self) -> CancelReport:
        """Cancel the order and say what is proven of it."""
        request = self._request
        if is_stop_id(request.venue_order_id):
            return self._cancel_stop(request.venue_order_id or "")
        report = self._cancel_ordinary(request.venue_order_id)
        if request.venue_order_id is not None or not _is_unknown(report):
            return report
        # Nothing under its client id among the ordinary orders: it may be a stop order.
        stop = self._stop_of_client_id()
        return report if stop is None or stop.venue_status == TRIGGERED else self._end_stop(stop.venue_order_id, stop)

    # ----- an ordinary order

    def _cancel_ordinary(self, venue_order_id: str | None) -> CancelReport:
        named = venue_order_id or f"client-order/{self._request.client_order_id}"
        path = f"{_SYNC_PATH}/{named}"
        result = self._session.order_call(CallKind.CANCEL, 1, "DELETE", path, params=[("symbol", self._symbol)])
        endpoint = f"DELETE {_SYNC_PATH}"
        report = cancel_report(self._request, result, endpoint)
        if isinstance(report, HttpAnswer):
            return cancelled(self._request, report, self._read_back(venue_order_id), endpoint)
        return report

    def _read_back(self, venue_order_id: str | None) -> VenueOrder | None:
        asking = self._asking()
        try:
            if venue_order_id is None:
                return asking.order_by_client_id(self._symbol, self._request.client_order_id)[0]
            return asking.order(self._symbol, venue_order_id)[0]
        except (IncompleteError, UnreadableError):
            return None

    # ----- a stop order

    def _cancel_stop(self, stop_id: str) -> CancelReport:
        # Read before it is cancelled, because it is gone without a trace afterwards.
        before, known = self._stop(stop_id)
        if known and (before is None or before.venue_status == TRIGGERED):
            # Its place was taken by an ordinary order with the same client id.
            return self._cancel_ordinary(None)
        return self._end_stop(stop_id, before)

    def _end_stop(self, stop_id: str, before: VenueOrder | None) -> CancelReport:
        endpoint = f"DELETE {STOP_PATH}"
        result = self._session.order_call(CallKind.CANCEL, 3, "DELETE", f"{STOP_PATH}/{stop_id}")
        report = cancel_report(self._request, result, endpoint)
        if not isinstance(report, HttpAnswer):
            # It may have been triggered in between.
            return self._cancel_ordinary(None) if _concerns_order(report) else report
        if before is not None and names_cancelled(report, stop_id):
            self._session.stops.cancelled(before, self._asking().venue_now_ms())
        return cancelled(self._request, report, self._stop_read_back(stop_id), endpoint)

    def _stop_read_back(self, stop_id: str) -> VenueOrder | None:
        after, known = self._stop(stop_id)
        if not known or (after is not None and after.venue_status != TRIGGERED):
            return after
        try:
            follower, _ = self._asking().order_by_client_id(self._symbol, self._request.client_order_id)
        except (IncompleteError, UnreadableError):
            return None
        # In neither book: it is cancelled, or it was triggered and its follower is not shown yet. Time tells.
        return follower or after

    def _stop(self, stop_id: str) -> tuple[VenueOrder | None, bool]:
        # The stop order, and whether the venue has answered.
        try:
            return self._asking().stop(stop_id)[0], True
        except (IncompleteError, UnreadableError):
            return None, False

    def _stop_of_client_id(self) -> VenueOrder | None:
        try:
            return self._asking().stop_by_client_id(self._symbol, self._request.client_order_id)[0]
        except (IncompleteError, UnreadableError):
            return None

    def _asking(self) -> Questions:
        budget_ms = self._session.call_timeout_ms
        return Questions(self._session, Asking(self._session, self._symbols, budget_ms=budget_ms, retries=0))


def _is_unknown(report: CancelReport) -> bool:
    return isinstance(report, CancelRefused) and report.code == UNKNOWN_ORDER


def _concerns_order(report: CancelReport) -> bool:
    return isinstance(report, CancelRefused) and concerns_order(report.code)
