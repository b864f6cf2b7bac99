"""Part of the venue contract: what is said of requests whose outcome nobody knows, and of a venue in trouble."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from venue_claims import check_fills, check_order
from venue_contract_changes import amendable_time, needs_amend
from venue_kit import Desk, case

from exchanges.paper.faults import Fault, RequestKind
from messages.commands import FetchOpenOrders
from messages.reports import (
    AmendNotProcessed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    FetchFailed,
    LookUpFailed,
    OpenOrdersFetched,
    OrderFound,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)
from messages.types import PublicStatus

SHORT_TIMEOUT_MS = 400
LONGER_MS = 900
BURST = 40
LONG_MS = 5_000

# ----- placements whose outcome is not known


@case
def placements_cut_off_before_they_are_processed_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.BREAK_BEFORE, exists=False)


@case
def placements_cut_off_before_their_answer_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.BREAK_AFTER, exists=True)


@case
def placements_cut_off_within_their_answer_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.BREAK_MID_BODY, exists=True)


@case
def placements_answered_by_an_error_unprocessed_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.ERROR_BEFORE, exists=False)


@case
def placements_answered_by_an_error_although_processed_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.ERROR_AFTER, exists=True)


@case
def placements_of_unknown_outcome_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.UNKNOWN_OUTCOME, exists=True)


@case
def placements_answered_by_a_broken_body_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.MALFORMED_BODY, exists=True)


@case
def placements_during_a_restart_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.RESTART, exists=True, amount_ms=100)


@case
def placements_that_are_never_answered_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.HANG, exists=False, call_timeout_ms=SHORT_TIMEOUT_MS, amount_ms=LONGER_MS)


@case
def placements_answered_too_late_are_ambiguous(desk: Desk) -> None:
    hit(desk, Fault.ANSWER_LATE, exists=True, call_timeout_ms=SHORT_TIMEOUT_MS, amount_ms=LONGER_MS)


@case
def placements_processed_late_are_ambiguous_and_then_found(desk: Desk) -> None:
    client_id = desk.new_id()
    gateway = desk.open(call_timeout_ms=SHORT_TIMEOUT_MS)
    warm_up(desk, gateway)
    desk.once(Fault.PROCESS_LATE, RequestKind.PLACE, amount_ms=LONGER_MS)
    report = desk.place(client_id, gateway=gateway)

    assert isinstance(report, PlaceAmbiguous), report
    desk.eventually(lambda: desk.rows(client_id), "the venue processes it")
    is_found(desk, client_id)


@case
def placements_to_a_venue_that_is_away_are_not_processed(desk: Desk) -> None:
    warm_up(desk, desk.gateway)
    desk.control.begin_outage()
    client_id = desk.new_id()
    first, second = desk.place(client_id), desk.place(client_id)

    # The first may still find a connection that looked alive.
    assert isinstance(first, PlaceNotProcessed | PlaceAmbiguous), first
    assert isinstance(second, PlaceNotProcessed), second
    assert desk.rows(client_id) == []
    desk.control.end_outage()
    assert isinstance(desk.place(client_id), PlaceAccepted)


@case
def placements_delivered_twice_are_never_denied(desk: Desk) -> None:
    client_id = desk.new_id()
    desk.once(Fault.DELIVER_TWICE, RequestKind.PLACE)
    report = desk.place(client_id)

    never_denied(desk, client_id, report)
    assert desk.row(client_id)["status"] == "OPEN"
    is_found(desk, client_id)


def hit(desk: Desk, fault: Fault, *, exists: bool, call_timeout_ms: int = 3000, **more: Any) -> None:
    """A placement meets a fault: it is ambiguous, and what became of it is found by reading."""
    gateway = desk.open(call_timeout_ms=call_timeout_ms)
    warm_up(desk, gateway)
    client_id = desk.new_id()
    desk.once(fault, RequestKind.PLACE, **more)
    report = desk.place(client_id, gateway=gateway)

    assert desk.happened(fault) == 1
    assert isinstance(report, PlaceAmbiguous), report
    assert report.reason
    assert len(desk.rows(client_id)) == exists
    if exists:
        is_found(desk, client_id)
    else:
        assert desk.eventually(lambda: searched(desk, client_id), "the venue answers") == (None,)


def searched(desk: Desk, client_id: str) -> tuple[Any] | None:
    report = desk.search(client_id)
    if isinstance(report, LookUpFailed):
        return None
    return (next((order for order in report.orders if order.client_order_id == client_id), None),)


def is_found(desk: Desk, client_id: str) -> None:
    """An order that exists is shown, by look-up where that is possible, and by search."""
    row = desk.row(client_id)
    order, _ = desk.search_until(row, in_trouble=True)
    check_order(desk.can, order, row)
    check_order(desk.can, desk.found(row, in_trouble=True).order, row)


def warm_up(desk: Desk, gateway: Any) -> None:
    """Read what the adapter reads once, so that a fault hits the request that it is for."""
    assert isinstance(desk.ask(FetchOpenOrders(**desk.head()), gateway), OpenOrdersFetched)


def never_denied(desk: Desk, client_id: str, report: Any) -> None:
    """Of an order that exists nobody says that it does not."""
    assert desk.rows(client_id)
    assert not isinstance(report, PlaceRejected | PlaceNotProcessed), report


# ----- the same client id again


@case
def used_client_ids_behave_as_the_capabilities_say(desk: Desk) -> None:
    first = desk.rest()
    again = desk.place(first["clientOrderId"], attempt=2)
    says_truly(desk, first, again)


@case
def client_ids_of_ended_orders_behave_as_the_capabilities_say(desk: Desk) -> None:
    first = desk.rest()
    desk.control.cancel(first["orderId"])
    again = desk.place(first["clientOrderId"], attempt=2)
    says_truly(desk, first, again)


def says_truly(desk: Desk, first: dict[str, Any], report: Any) -> None:
    """The second placement with a client id is told as what it came to."""
    rows = desk.rows(first["clientOrderId"])
    never_denied(desk, first["clientOrderId"], report)
    words = desk.can.duplicate_client_id
    if len(rows) == 2:
        assert "accepted" in words or "not documented" in words
        assert isinstance(report, PlaceAccepted | PlaceAmbiguous)
        if isinstance(report, PlaceAccepted):
            (second,) = (row for row in rows if row["orderId"] != first["orderId"])
            assert report.venue_order_id == second["venueOrderId"]
        return
    assert len(rows) == 1
    assert isinstance(report, PlaceAmbiguous | PlaceAccepted), report
    if isinstance(report, PlaceAccepted):
        assert report.venue_order_id == first["venueOrderId"]
    else:
        assert "refused" in words
        assert report.known_to_exist or report.reason


# ----- cancels and amendments whose outcome is not known


@case
def cancels_of_unknown_outcome_are_never_denied(desk: Desk) -> None:
    done = (Fault.BREAK_AFTER, Fault.BREAK_MID_BODY, Fault.ERROR_AFTER, Fault.UNKNOWN_OUTCOME, Fault.MALFORMED_BODY)
    for fault in (Fault.BREAK_BEFORE, Fault.ERROR_BEFORE, *done):
        desk.renew()
        row = desk.rest()
        desk.once(fault, RequestKind.CANCEL)
        report = desk.cancel(row)

        now = desk.now(row)
        assert (now["status"] == "CANCELLED") == (fault in done), fault
        assert isinstance(report, CancelAmbiguous), (fault, report)
        check_order(desk.can, desk.found(row, in_trouble=True).order, now)


@case
def amendments_of_unknown_outcome_are_never_denied(desk: Desk) -> None:
    needs_amend(desk)
    done = (Fault.BREAK_AFTER, Fault.BREAK_MID_BODY, Fault.ERROR_AFTER, Fault.UNKNOWN_OUTCOME, Fault.MALFORMED_BODY)
    for fault in (Fault.BREAK_BEFORE, Fault.ERROR_BEFORE, *done):
        desk.renew()
        row = desk.rest(time_in_force=amendable_time(desk))
        desk.once(fault, RequestKind.AMEND)
        report = desk.amend(row, size=desk.market.lot / 2)

        now = desk.now(row)
        assert (Decimal(now["size"]) == desk.market.lot / 2) == (fault in done), fault
        assert type(report).__name__ == "AmendAmbiguous", (fault, report)
        check_order(desk.can, desk.found(row, in_trouble=True).order, now)


@case
def amendments_delivered_twice_are_never_denied(desk: Desk) -> None:
    needs_amend(desk)
    row = desk.rest(time_in_force=amendable_time(desk))
    desk.once(Fault.DELIVER_TWICE, RequestKind.AMEND)
    report = desk.amend(row, size=desk.market.lot / 2)

    now = desk.now(row)
    assert Decimal(now["size"]) == desk.market.lot / 2
    assert not isinstance(report, AmendNotProcessed), report
    if not isinstance(report, AmendRefused):
        check_order(desk.can, desk.found(now).order, now)


def found(desk: Desk, row: dict[str, Any], gateway: Any = None) -> OrderFound | None:
    report = desk.look_up(row["clientOrderId"], row["venueOrderId"], gateway=gateway)
    return report if isinstance(report, OrderFound) else None


# ----- reading a venue in trouble


@case
def questions_not_answered_are_failures_and_never_absence(desk: Desk) -> None:
    row = desk.rest()
    faults = (Fault.BREAK_BEFORE, Fault.BREAK_MID_BODY, Fault.ERROR_BEFORE, Fault.MALFORMED_BODY)
    for fault in faults:
        for kind in (RequestKind.ORDER, RequestKind.OPEN_ORDERS, RequestKind.ORDERS, RequestKind.TRADES):
            desk.control.set_faults()
            desk.once(fault, kind)
            report = desk.look_up(row["clientOrderId"], row["venueOrderId"])
            assert isinstance(report, OrderFound | LookUpFailed), (fault, kind, report)
            listed = desk.ask(FetchOpenOrders(**desk.head()))
            assert isinstance(listed, OpenOrdersFetched | FetchFailed), (fault, kind, listed)
            if isinstance(listed, OpenOrdersFetched):
                assert [order.venue_order_id for order in listed.orders] == [row["venueOrderId"]]


@case
def statuses_that_nobody_knows_are_no_status(desk: Desk) -> None:
    row = desk.rest()
    desk.once(Fault.UNKNOWN_STATUS, RequestKind.ORDER)
    desk.once(Fault.UNKNOWN_STATUS, RequestKind.ORDERS)
    report = desk.look_up(row["clientOrderId"], row["venueOrderId"])

    assert isinstance(report, OrderFound | LookUpFailed), report
    if isinstance(report, OrderFound) and desk.happened(Fault.UNKNOWN_STATUS):
        assert report.order.status is None
        assert report.order.venue_status


@case
def executions_before_the_acknowledgement_are_told(desk: Desk) -> None:
    desk.open_stream()
    client_id = desk.new_id()
    desk.once(Fault.FILL_BEFORE_ACK, RequestKind.PLACE, amount_ms=100)
    report = desk.place(client_id)

    assert isinstance(report, PlaceAccepted), report
    row = desk.row(client_id)
    assert row["status"] == "FILLED"
    if report.order is not None:
        assert report.order.status in (PublicStatus.OPEN, PublicStatus.FILLED, PublicStatus.PENDING, None)
    found_now = desk.found(row)
    check_order(desk.can, found_now.order, row)
    check_fills(found_now.fills, desk.executions(row))


# ----- limits, bans, tokens


@case
def refusals_for_haste_are_typed_and_lose_nothing(desk: Desk) -> None:
    warm_up(desk, desk.gateway)
    client_id = desk.new_id()
    desk.once(Fault.RATE_LIMIT, RequestKind.PLACE, amount_ms=1000)
    report = desk.place(client_id)

    assert desk.happened(Fault.RATE_LIMIT) == 1
    assert desk.rows(client_id) == []
    assert isinstance(report, PlaceNotProcessed | PlaceAmbiguous), report
    assert report.reason == "rate_limited"
    if isinstance(report, PlaceAmbiguous) or not report.retry_after_ms:
        # The next one is held back here, for a time that it tells.
        before = desk.placements()
        held = desk.place(client_id)
        assert isinstance(held, PlaceNotProcessed), held
        assert (held.reason, desk.placements()) == ("rate_limited", before)
        assert held.retry_after_ms > 0
    again = desk.eventually(lambda: placed(desk, client_id), "placements are accepted again")
    assert again.venue_order_id == desk.row(client_id)["venueOrderId"]


@case
def cancels_refused_for_haste_are_typed_and_can_be_asked_again(desk: Desk) -> None:
    row = desk.rest()
    desk.once(Fault.RATE_LIMIT, RequestKind.CANCEL, amount_ms=1000)
    report = desk.cancel(row)

    assert desk.now(row)["status"] == "OPEN"
    assert isinstance(report, CancelNotProcessed | CancelAmbiguous), report
    assert report.reason == "rate_limited"
    desk.eventually(lambda: cancelled(desk, row), "the cancel is carried out")


@case
def questions_refused_for_haste_say_so(desk: Desk) -> None:
    warm_up(desk, desk.gateway)
    desk.once(Fault.RATE_LIMIT, RequestKind.OPEN_ORDERS, amount_ms=1000)
    report = desk.ask(FetchOpenOrders(**desk.head()), desk.gateway)

    assert desk.happened(Fault.RATE_LIMIT) == 1
    if isinstance(report, FetchFailed):
        assert report.reason == "rate_limited"
    else:
        assert isinstance(report, OpenOrdersFetched)
        assert report.orders == ()
    desk.eventually(lambda: listed(desk), "questions are answered again")


@case
def bans_are_heeded(desk: Desk) -> None:
    warm_up(desk, desk.gateway)
    before = desk.control.summary()["requestsDuringBan"]
    client_id = desk.new_id()
    desk.once(Fault.BAN, RequestKind.PLACE, amount_ms=1000)
    report = desk.place(client_id)
    assert isinstance(report, PlaceNotProcessed | PlaceAmbiguous), report
    assert desk.rows(client_id) == []
    held = desk.place(client_id)
    assert isinstance(held, PlaceNotProcessed), held
    assert held.retry_after_ms > 0
    assert desk.control.summary()["requestsDuringBan"] == before
    if held.retry_after_ms > LONG_MS:
        # A venue that does not say for how long is left alone for as long as its bans last.
        desk.control.lift_ban()
        desk.renew()
    desk.eventually(lambda: placed(desk, client_id), "placements are accepted again")


@case
def bursts_beyond_the_limits_lose_nothing(desk: Desk) -> None:
    warm_up(desk, desk.gateway)
    desk.control.enforce_limits(enabled=True)
    reports = {client_id: desk.place(client_id) for client_id in (desk.new_id() for _ in range(BURST))}
    desk.control.enforce_limits(enabled=False)

    for client_id, report in reports.items():
        assert not isinstance(report, PlaceRejected), report
        rows = desk.rows(client_id)
        if isinstance(report, PlaceAccepted):
            assert [row["venueOrderId"] for row in rows] == [report.venue_order_id]
        elif isinstance(report, PlaceNotProcessed):
            assert (rows, report.reason) in (([], "rate_limited"), ([], "throttled"), ([], "banned")), report
    desk.renew()
    assert isinstance(desk.place(desk.new_id()), PlaceAccepted)


@case
def expired_tokens_are_renewed_without_help(desk: Desk) -> None:
    first = desk.rest()
    desk.control.expire_tokens()
    client_id = desk.new_id()
    desk.eventually(lambda: placed(desk, client_id), "placements are accepted again")
    assert len(desk.rows(client_id)) == 1
    desk.control.expire_tokens()
    desk.eventually(lambda: found(desk, first, desk.gateway), "questions are answered again")
    desk.control.expire_tokens()
    desk.eventually(lambda: cancelled(desk, first), "cancels are carried out again")


@case
def tokens_that_expire_with_a_request_lose_nothing(desk: Desk) -> None:
    steps: tuple[tuple[RequestKind, Callable[[dict[str, Any]], object]], ...] = (
        (RequestKind.PLACE, lambda _: placed(desk, desk.new_id())),
        (RequestKind.ORDER, lambda row: found(desk, row, desk.gateway)),
        (RequestKind.OPEN_ORDERS, lambda _: listed(desk)),
        (RequestKind.CANCEL, lambda row: cancelled(desk, row)),
    )
    row = desk.rest()
    for kind, act in steps:
        desk.once(Fault.TOKEN_EXPIRED, kind)
        desk.eventually(lambda act=act: act(row), f"{kind} works again")


def placed(desk: Desk, client_id: str) -> PlaceAccepted | None:
    """Place until it is accepted: once, whatever was said before."""
    report = desk.place(client_id)
    assert not isinstance(report, PlaceRejected), report
    if isinstance(report, PlaceAmbiguous):
        # It is not placed again before it is known to be absent.
        assert desk.rows(client_id) == []
    return report if isinstance(report, PlaceAccepted) else None


def listed(desk: Desk) -> bool:
    return isinstance(desk.ask(FetchOpenOrders(**desk.head()), desk.gateway), OpenOrdersFetched)


def cancelled(desk: Desk, row: dict[str, Any]) -> bool:
    report = desk.cancel(row)
    assert isinstance(report, CancelConfirmed | CancelRefused | CancelNotProcessed | CancelAmbiguous)
    return desk.now(row)["status"] == "CANCELLED"
