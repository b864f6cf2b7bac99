"""What an account makes of everything it hears: from its venues, and from what it had itself reminded of.

Each function of the parts does one thing; here stands which part a message is for. Must never: decide anything itself.
"""

from typing import TypeAlias, assert_never

from actors import amending, booking, modifying, replacing, settlement, strays, verifying
from actors.adoption import is_forgotten, take_in
from actors.booking import PARKED
from actors.commanding import expire
from actors.connections import Connections
from actors.desk import Desk
from actors.reminders import (
    AuditDue,
    CancelAgainDue,
    ExpiryDue,
    HeldDue,
    HistoryDue,
    ModifyDue,
    ParityDue,
    ParkedDue,
    PriceDue,
    ReconcileDue,
    ResendDue,
    SyncDue,
)
from actors.runtime.metrics import Metrics
from actors.turn import Turn
from messages.commands import FetchFills, FetchOpenOrders
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    BalanceReported,
    BalancesFetched,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    FetchFailed,
    FillReceived,
    FillsFetched,
    FillVoided,
    FrameUnreadable,
    InstrumentsFetched,
    LookUpFailed,
    LookUpReport,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrderReported,
    OrdersSearched,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    PriceFetched,
    ReplaceAnswered,
    ServerTimeFetched,
    StreamConnected,
    StreamGap,
    StreamLost,
    VenueReport,
)
from messages.types import Trigger

Reminded: TypeAlias = (
    ResendDue
    | CancelAgainDue
    | ExpiryDue
    | HistoryDue
    | HeldDue
    | ReconcileDue
    | AuditDue
    | ParkedDue
    | SyncDue
    | PriceDue
    | ParityDue
    | ModifyDue
)


_SUCCESS = dict.fromkeys(("found", "found_by_fills", "absent"), True) | dict.fromkeys(
    ("failed", "mismatch", "undecidable"), False
)
"""Outcomes that say how well verification works. 'Not found' before its time is neither good nor bad."""


class Hearing:
    """Of one account."""

    def __init__(self, account_id: str, desk: Desk, connections: Connections, metrics: Metrics) -> None:
        self._account_id = account_id
        self._desk = desk
        self._connections = connections
        self._metrics = metrics

    def hear(self, turn: Turn, report: VenueReport) -> None:
        """Take in a venue's report."""
        desk = self._desk
        if isinstance(report, FillsFetched | OrdersSearched):
            report = strays.hear(turn, report)
        # Before it is merged: merging repairs what a comparison is to show.
        self._connections.parity.on_report(turn, report)
        match report:
            case PlaceAccepted():
                settlement.on_place_accepted(turn, desk, report)
            case PlaceRejected():
                settlement.on_place_rejected(turn, desk, report)
            case PlaceNotProcessed():
                settlement.on_place_not_processed(turn, desk, report)
            case PlaceAmbiguous():
                settlement.on_place_ambiguous(turn, desk, report)
            case CancelConfirmed() | CancelRefused() | CancelNotProcessed() | CancelAmbiguous():
                settlement.on_cancel_report(turn, desk, report)
            case AmendConfirmed() | AmendRefused() | AmendNotProcessed() | AmendAmbiguous():
                amending.on_amend_report(turn, desk, report)
            case ReplaceAnswered():
                replacing.on_replace_answered(turn, desk, report)
            case OrderReported() if is_forgotten(turn, report.order) and not booking.is_new(turn, report.fill):
                return
            case OrderReported():
                fills = (report.fill,) if report.fill is not None else ()
                acknowledged = Trigger.API_ACKNOWLEDGED
                take_in(turn, desk, self._account_id, report.order, fills, report.evidence, acknowledged)
            case FillReceived():
                booking.on_fill_received(turn, desk, report)
            case FillVoided():
                booking.on_fill_voided(turn, report)
            case OrderFound() | OrderNotFound() | OrdersSearched() | LookUpFailed():
                self._hear_answer(turn, report)
            case FetchFailed():
                if report.request == FetchFills.__name__:
                    self._metrics.fill_audit(report.exchange, "failed")
                elif report.request == FetchOpenOrders.__name__ and not report.symbol:
                    self._metrics.sync_failed(report.exchange)
                self._connections.on_fetch_failed(turn, report)
            case _:
                self._hear_exchange(turn, report)

    def remind(self, turn: Turn, reminder: Reminded) -> None:
        """Do what the account wanted to be reminded of."""
        match reminder:
            case ResendDue():
                settlement.on_resend_due(turn, self._desk, reminder.order_id)
            case CancelAgainDue():
                settlement.on_cancel_again(turn, self._desk, reminder.order_id)
            case ModifyDue():
                modifying.on_waited_long(turn, self._desk, reminder.order_id)
            case ExpiryDue():
                expire(turn, self._desk, reminder.order_id)
            case HistoryDue():
                self._connections.histories.on_due(turn, reminder)
            case HeldDue():
                self._connections.room.on_due(turn, reminder)
            case SyncDue() | PriceDue():
                self._connections.on_overdue(turn, reminder)
            case ParityDue():
                self._conclude_parity(turn, reminder)
            case ReconcileDue():
                self._connections.compare(turn, reminder.exchange)
            case AuditDue():
                self._connections.audits.on_due(turn, reminder.exchange)
            case ParkedDue():
                booking.on_parked_due(turn, self._desk, reminder)
            case _:
                assert_never(reminder)

    def _conclude_parity(self, turn: Turn, reminder: ParityDue) -> None:
        end = self._connections.parity.on_due(turn, reminder)
        if end is not None:
            self._metrics.parity_checked(self._account_id, end.exchange, end.outcome, end.kinds)

    def _hear_answer(self, turn: Turn, report: LookUpReport) -> None:
        if report.order_id.startswith(PARKED):
            booking.on_parked_answer(turn, self._desk, report)
        elif report.order_id:
            self._hear_of_order(turn, report)
        elif isinstance(report, OrdersSearched | LookUpFailed):
            self._connections.on_history(turn, report)

    def _hear_of_order(self, turn: Turn, report: LookUpReport) -> None:
        watched = turn.memory.watched.get(report.order_id)
        match report:
            case OrderFound():
                outcome = verifying.on_found(turn, self._desk, report)
            case OrderNotFound():
                outcome = verifying.on_not_found(turn, self._desk, report)
            case OrdersSearched():
                outcome = verifying.on_searched(turn, self._desk, report)
            case LookUpFailed():
                outcome = verifying.on_failed(turn, self._desk, report)
        if watched is not None:
            took_ms = turn.now_ms - watched.asked_ms
            self._metrics.verification(watched.phase, outcome, took_ms, success=_SUCCESS.get(outcome))

    def _hear_exchange(
        self,
        turn: Turn,
        report: OpenOrdersFetched
        | FillsFetched
        | BalancesFetched
        | InstrumentsFetched
        | PriceFetched
        | ServerTimeFetched
        | StreamConnected
        | StreamLost
        | StreamGap
        | BalanceReported
        | FrameUnreadable,
    ) -> None:
        connections, exchange = self._connections, report.exchange
        match report:
            case OpenOrdersFetched():
                connections.on_open_orders(turn, report)
                if report.symbol is None and report.unreadable:
                    self._metrics.sync_incomplete(exchange)
            case FillsFetched():
                booked = booking.on_fills_fetched(turn, self._desk, report)
                connections.audits.on_fills(report, booked=booked)
                if not report.order_id:
                    self._metrics.fill_audit(exchange, "incomplete" if report.unreadable else "complete")
            case BalancesFetched():
                connections.audits.on_balances(turn, report)
            case InstrumentsFetched():
                connections.on_instruments(turn, report)
            case PriceFetched():
                connections.on_price(turn, report)
            case ServerTimeFetched():
                connections.on_server_time(turn, report)
                self._metrics.clock_skew(exchange, connections.skew_ms(exchange))
            case StreamConnected():
                connections.on_connected(turn, report)
                self._metrics.stream(exchange, self._account_id, connected=True)
            case StreamLost():
                connections.on_lost(turn, report)
                self._metrics.stream(exchange, self._account_id, connected=False)
            case StreamGap():
                connections.on_gap(turn, report)
                self._metrics.stream_gap(exchange)
            case BalanceReported():
                # The audit reads balances whole and at a known time; between two of them nothing depends on these.
                return
            case FrameUnreadable():
                connections.on_unreadable(turn, report)
            case _:
                assert_never(report)
