"""A close whose order was held for dead, and that executes or works after all."""

from decimal import Decimal

from messages.commands import CancelVenueOrder, PlaceOrder
from messages.events import PositionCloseEnded, Severity
from messages.fills import CloseState
from messages.queries import RefusalCode
from messages.reports import PlaceNotProcessed, PlaceRejected
from messages.types import OrderState, PublicStatus
from tests.actors.account_kit import HEAD, Account, executed, shown
from tests.actors.close_kit import close, done, fill, holding, placed, refusal, stored
from tests.factories import make

D = Decimal


def refused_by_the_venue() -> tuple[Account, PlaceOrder]:
    """A close that has ended with nothing closed, by the venue's own word."""
    account = holding()
    account.do(close())
    place = placed(account)
    head = HEAD | {"order_id": place.order_id, "text": "too bad"}
    account.do(make(PlaceRejected, **head, evidence=account.evidence()))
    assert done(account, "host-k1").closed_size == 0
    return account, place


def test_close_held_for_dead_that_executes_is_corrected_and_told_by_an_alert() -> None:
    account, place = refused_by_the_venue()
    fill(account, place, "0.01")
    after = stored(account)["k1"]
    assert (after.state, after.closed_size, after.reason, after.reopened) == (CloseState.DONE, D("0.01"), "", False)
    alert = account.alert("CloseCorrected")
    details = dict(alert.details)
    assert (alert.severity, details["close_id"], details["closed"]) == (Severity.CRITICAL, "k1", "0.01")
    assert len(account.happened(PositionCloseEnded)) == len(account.replies) == 1


def test_corrected_close_keeps_when_its_end_was_told() -> None:
    account, place = refused_by_the_venue()
    told_ms = stored(account)["k1"].ended_ms
    account.pass_ms(1000)
    fill(account, place, "0.01")
    assert stored(account)["k1"].ended_ms == told_ms


def test_same_command_after_a_correction_gets_the_corrected_end() -> None:
    account, place = refused_by_the_venue()
    fill(account, place, "0.01")
    account.do(close(correlation_id="host-again"))
    assert done(account, "host-again").closed_size == D("0.01")


def reopened() -> tuple[Account, PlaceOrder]:
    account, place = refused_by_the_venue()
    account.hear(shown(place, venue_order_id="29", status=PublicStatus.OPEN))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    return account, place


def test_close_whose_order_works_after_all_runs_again() -> None:
    account, _ = reopened()
    assert (stored(account)["k1"].state, stored(account)["k1"].reopened) == (CloseState.DONE, True)
    assert account.alerts().count("CloseCorrected") == 1
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.CLOSE_IN_PROGRESS


def test_close_that_runs_again_blocks_others_after_a_restart_too() -> None:
    account = reopened()[0].restarted()
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.CLOSE_IN_PROGRESS


def test_close_that_runs_again_is_cancelled_when_its_time_is_over() -> None:
    account, place = reopened()
    account.pass_ms(30_000)
    assert len(account.to_venue(CancelVenueOrder)) == 1
    account.confirm_cancel(place, shown(place, venue_order_id="29", status=PublicStatus.CANCELLED))
    after = stored(account)["k1"]
    assert (after.state, after.reopened) == (CloseState.TIMED_OUT, False)
    assert len(account.happened(PositionCloseEnded)) == 1


def test_close_that_timed_out_unsent_and_works_after_all_is_cancelled_once_more() -> None:
    account = holding(timeout_ms=5000)
    account.do(close())
    place = placed(account)
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceNotProcessed, **head, attempt=1, retry_after_ms=20_000, evidence=account.evidence()))
    account.pass_ms(5000)
    assert (stored(account)["k1"].state, account.to_venue(CancelVenueOrder)) == (CloseState.TIMED_OUT, [])
    account.hear(shown(place, venue_order_id="29", status=PublicStatus.OPEN))
    assert (stored(account)["k1"].reopened, stored(account)["k1"].cancelling) == (True, True)
    account.pass_ms(0)
    assert len(account.to_venue(CancelVenueOrder)) == 1
    account.confirm_cancel(place, shown(place, venue_order_id="29", status=PublicStatus.CANCELLED))
    assert (stored(account)["k1"].reopened, stored(account)["k1"].state) == (False, CloseState.TIMED_OUT)


def test_close_that_timed_out_refused_and_works_after_all_is_cancelled_anew() -> None:
    account = holding(timeout_ms=5000)
    account.do(close())
    place = placed(account)
    account.pass_ms(5000)
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}, evidence=account.evidence()))
    assert stored(account)["k1"].state is CloseState.TIMED_OUT
    account.sent.clear()
    account.hear(shown(place, venue_order_id="29", status=PublicStatus.OPEN))
    account.pass_ms(0)
    assert len(account.to_venue(CancelVenueOrder)) == 1


def test_host_that_asks_again_while_a_close_runs_again_waits_for_its_end() -> None:
    account, place = reopened()
    account.do(close(correlation_id="host-again"))
    assert len(account.replies) == 1
    fill(account, place, "0.01")
    assert done(account, "host-again").closed_size == D("0.01")
    assert (len(account.happened(PositionCloseEnded)), stored(account)["k1"].reopened) == (1, False)
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.NO_POSITION


def test_two_closes_of_which_the_first_was_held_for_dead_both_say_what_they_closed() -> None:
    account, first = refused_by_the_venue()
    account.do(close("k2"))
    second = account.to_venue(PlaceOrder)[-1]
    fill(account, first, "0.01")
    account.hear_fill(executed(second, "0.01", "91", venue_order_id="31"))
    closed = {name: each.closed_size for name, each in stored(account).items()}
    assert closed == {"k1": D("0.01"), "k2": D("0.01")}
    assert account.position().size == D("-0.01")
