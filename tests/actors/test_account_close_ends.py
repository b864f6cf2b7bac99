"""How closes end that do not simply fill: out of time, across a stop, and when a position actor fails."""

from decimal import Decimal

from messages.commands import CancelVenueOrder, PlaceOrder
from messages.control import CancelClose, ChildFailed, CloseAsked
from messages.events import PositionCloseEnded, Severity
from messages.fills import CloseState
from messages.queries import RefusalCode
from messages.reports import (
    BalancesFetched,
    CancelAmbiguous,
    PlaceNotProcessed,
)
from messages.types import InitiatedBy, OrderState, PublicStatus
from tests.actors.account_kit import (
    HEAD,
    POSITION_ADDRESS,
    Account,
    shown,
)
from tests.actors.close_kit import TIMEOUT_MS, close, done, fill, holding, placed, refusal, stored
from tests.factories import make

D = Decimal


# ----- its time is over


def overdue() -> tuple[Account, PlaceOrder]:
    account = holding()
    account.do(close())
    place = placed(account)
    account.accept(place, shown(place, venue_order_id="29"))
    fill(account, place, "0.004")
    account.pass_ms(TIMEOUT_MS - 1)
    assert account.to_venue(CancelVenueOrder) == []
    account.pass_ms(1)
    return account, place


def test_close_whose_time_is_over_has_its_order_cancelled_and_says_what_it_closed() -> None:
    account, place = overdue()
    assert len(account.to_venue(CancelVenueOrder)) == 1
    assert (stored(account)["k1"].state, stored(account)["k1"].cancelling) == (CloseState.ACTIVE, True)
    assert account.replies == []
    claim = shown(place, venue_order_id="29", status=PublicStatus.CANCELLED, filled_size=D("0.004"))
    account.confirm_cancel(place, claim)
    ended = done(account, "host-k1")
    assert (ended.state, ended.closed_size) == (CloseState.TIMED_OUT, D("0.004"))
    assert account.order(place).cancelled_by is InitiatedBy.SYSTEM


def test_close_whose_cancel_finds_it_filled_is_done() -> None:
    account, place = overdue()
    fill(account, place, "0.006", "91")
    assert (done(account, "host-k1").state, done(account, "host-k1").closed_size) == (CloseState.DONE, D("0.010"))


def test_close_whose_cancel_has_an_unknown_outcome_goes_on() -> None:
    account, place = overdue()
    account.do(make(CancelAmbiguous, **HEAD | {"order_id": place.order_id}, evidence=account.evidence()))
    assert (stored(account)["k1"].state, account.replies) == (CloseState.ACTIVE, [])
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.CLOSE_IN_PROGRESS


def test_close_whose_order_never_left_times_out_as_well() -> None:
    account = holding(timeout_ms=5000)
    account.do(close())
    place = placed(account)
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceNotProcessed, **head, retry_after_ms=20_000, evidence=account.evidence()))
    account.pass_ms(5000)
    assert account.order(place).state is OrderState.CANCELLED
    ended = done(account, "host-k1")
    assert (ended.state, ended.cancelling, ended.closed_size) == (CloseState.TIMED_OUT, True, D(0))
    assert len(account.happened(PositionCloseEnded)) == 1


def test_time_of_a_close_that_is_over_twice_cancels_once() -> None:
    account, _ = overdue()
    account.sent.clear()
    account.do(CancelClose(close_id="k1"))
    account.do(CancelClose(close_id="unknown"))
    assert account.to_venue(CancelVenueOrder) == []


# ----- across a stop


def test_close_that_runs_when_the_process_stops_goes_on_in_the_next() -> None:
    before = holding()
    before.do(close())
    place = placed(before)
    before.accept(place, shown(place, venue_order_id="29"))
    before.pass_ms(20_000)
    account = before.restarted()
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.CLOSE_IN_PROGRESS
    account.pass_ms(TIMEOUT_MS - 20_000 - 1)
    assert account.to_venue(CancelVenueOrder) == []
    account.pass_ms(1)
    assert len(account.to_venue(CancelVenueOrder)) == 1
    claim = shown(place, venue_order_id="29", status=PublicStatus.CANCELLED)
    account.confirm_cancel(place, claim)
    (event,) = account.happened(PositionCloseEnded)
    assert (event.close.state, account.to_venue(PlaceOrder)) == (CloseState.TIMED_OUT, [])


def test_close_that_ended_before_a_stop_blocks_nothing_afterwards() -> None:
    before = holding()
    before.do(close(quantity="0.004"))
    fill(before, placed(before), "0.004")
    account = before.restarted()
    account.do(close("k2"))
    assert placed(account).size == D("0.006")


def fail(account: Account) -> None:
    """The position actor dies of a message, and its reminders with it."""
    account.positions.pop(POSITION_ADDRESS).cancel_all_timers()
    account.do(ChildFailed(address=POSITION_ADDRESS, error="RuntimeError: broken", handling="CloseAsked"))


def test_position_actor_that_fails_too_often_is_told_of_the_close_when_it_is_needed_again() -> None:
    account = holding()
    account.do(close())
    while POSITION_ADDRESS in account.positions:
        fail(account)
    account.pass_ms(TIMEOUT_MS)
    assert account.to_venue(CancelVenueOrder) == []
    account.do(make(BalancesFetched, **HEAD, balances=(("BTC", D(1), D(1)),)))
    account.pass_ms(0)
    assert len(account.to_venue(CancelVenueOrder)) == 1


def test_position_actor_that_failed_is_told_which_close_runs() -> None:
    account = holding()
    account.do(close())
    fail(account)
    assert account.alert("PositionActorFailed").severity is Severity.CRITICAL
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.CLOSE_IN_PROGRESS
    fill(account, placed(account), "0.01")
    account.do(close("k3"))
    assert refusal(account, "host-k3").code is RefusalCode.NO_POSITION


def test_position_actor_is_started_once_and_only_when_there_is_something_to_tell() -> None:
    account = holding()
    assert account.positions == {}
    account.do(close())
    account.do(close("k2"))
    assert account.started.count(POSITION_ADDRESS) == 1
    assert len(account.told(CloseAsked)) == 2
