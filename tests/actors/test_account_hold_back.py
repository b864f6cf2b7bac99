"""What is held back: an end whose executions are missing, for a moment, and nothing else."""

from decimal import Decimal

import pytest

from messages.commands import FetchOpenOrders, LookUpOrder, PlaceOrder, SearchOrder
from messages.control import ChildFailed, ReportUnresolved, VerificationEnded, VerificationRequested
from messages.events import GateChanged, Severity
from messages.queries import CancelDone, OrderPlaced, RefusalCode, Refused
from messages.reports import CancelRefused, OpenOrdersFetched, StreamGap, StreamLost
from messages.types import CompletionReason, InitiatedBy, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import EXCHANGE_ADDRESS, HEAD, Account, executed, shown, submit
from tests.factories import make

D = Decimal


def ended(place: PlaceOrder, filled: str, status: PublicStatus = PublicStatus.CANCELLED) -> VenueOrder:
    return shown(place, status=status, filled_size=D(filled))


def asked(account: Account) -> list[int]:
    """In how many ms each question about an order was wanted."""
    return [request.due_in_ms for request in account.told(VerificationRequested)]


def waiting() -> tuple[Account, PlaceOrder]:
    """An order whose end speaks of an execution that has not come."""
    account = Account()
    place = account.working()
    account.sent.clear()
    account.events.clear()
    account.hear(ended(place, "0.004"))
    return account, place


# ----- the end waits


@pytest.mark.parametrize("status", [PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED])
def test_end_whose_execution_is_missing_waits_one_buffer_window(status: PublicStatus) -> None:
    account = Account(buffer_window_ms=700)
    place = account.working()
    account.sent.clear()
    account.hear(ended(place, "0.004", status))
    assert (account.order(place).state, asked(account)) == (OrderState.ACKNOWLEDGED, [700])
    assert account.to_venue(LookUpOrder) == []


@pytest.mark.parametrize("filled", ["0", "0.004"])
def test_end_of_which_nothing_is_missing_waits_for_nothing(filled: str) -> None:
    account = Account()
    place = account.working()
    if D(filled):
        account.hear_fill(executed(place, filled))
    account.sent.clear()
    account.hear(ended(place, filled))
    assert account.order(place).state is OrderState.CANCELLED
    assert account.told(VerificationRequested) == []


def test_end_is_believed_at_once_when_its_execution_comes_by_the_stream() -> None:
    account, place = waiting()
    account.hear_fill(executed(place, "0.004"))
    order = account.order(place)
    assert (order.state, order.filled_size, order.completion, order.cancelled_by) == (
        OrderState.CANCELLED, D("0.004"), CompletionReason.CANCELLED, InitiatedBy.VENUE,
    )  # fmt: skip
    assert account.alerts() == []
    assert {end.order_id for end in account.told(VerificationEnded)} == {place.order_id}
    assert account.actor._memory.held == {}


def test_end_is_believed_when_a_list_brings_its_execution() -> None:
    account, place = waiting()
    account.list_fills(executed(place, "0.004"))
    assert account.order(place).state is OrderState.CANCELLED


def test_end_that_speaks_of_two_executions_waits_for_both() -> None:
    account = Account()
    place = account.working()
    account.hear(ended(place, "0.007"))
    account.hear_fill(executed(place, "0.004"))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.hear_fill(executed(place, "0.003", "57"))
    assert account.order(place).state is OrderState.CANCELLED


def test_host_that_cancels_is_answered_when_the_missing_execution_is_booked() -> None:
    account = Account()
    place = account.working()
    account.cancel(place)
    account.confirm_cancel(place, ended(place, "0.004"))
    assert not isinstance(account.replies[-1], CancelDone)
    account.hear_fill(executed(place, "0.004"))
    done = account.replies[-1]
    assert isinstance(done, CancelDone)
    assert (done.view.state, done.view.order.filled_size) == (OrderState.CANCELLED, D("0.004"))


def test_claim_of_completion_without_its_execution_does_not_fill_the_order() -> None:
    account = Account()
    place = account.working()
    account.hear(ended(place, "0.01", PublicStatus.FILLED))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    account.hear_fill(executed(place, "0.01"))
    assert account.order(place).state is OrderState.FILLED


def test_first_claim_of_an_order_that_ended_with_executions_acknowledges_and_waits() -> None:
    account = Account()
    place = account.placed()
    account.hear(ended(place, "0.004"))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert isinstance(account.replies[-1], OrderPlaced)
    account.hear_fill(executed(place, "0.004"))
    assert account.order(place).state is OrderState.CANCELLED


# ----- what is held


def test_newer_end_that_speaks_of_more_takes_the_place_of_the_older() -> None:
    account, place = waiting()
    account.hear(ended(place, "0.006"))
    account.hear_fill(executed(place, "0.004"))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.hear_fill(executed(place, "0.002", "57"))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, D("0.006"))


def test_older_claim_does_not_take_the_place_of_an_end() -> None:
    account, place = waiting()
    account.hear(shown(place, filled_size=D("0.003")))
    account.hear_fill(executed(place, "0.003"))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.hear_fill(executed(place, "0.001", "57"))
    assert account.order(place).state is OrderState.CANCELLED


def test_end_takes_the_place_of_a_working_claim_with_as_much_executed() -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, filled_size=D("0.004")))
    account.hear(ended(place, "0.004"))
    account.hear_fill(executed(place, "0.004"))
    assert account.order(place).state is OrderState.CANCELLED


def test_working_claim_with_a_missing_execution_has_it_asked_for_and_the_order_goes_on() -> None:
    account = Account()
    place = account.working()
    account.sent.clear()
    account.hear(shown(place, filled_size=D("0.004")))
    assert asked(account) == [500]
    account.hear_fill(executed(place, "0.004"))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    assert [end.outcome for end in account.told(VerificationEnded)] == ["superseded"]


# ----- reading it from the venue


def test_execution_that_does_not_come_is_read_from_the_venue() -> None:
    account, place = waiting()
    account.look_up(place.order_id)
    (question,) = account.to_venue(LookUpOrder)
    assert (question.order_id, question.with_fills) == (place.order_id, True)
    account.find(place.order_id, ended(place, "0.004"), executed(place, "0.004"))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, D("0.004"))
    assert account.told(VerificationEnded)[-1].outcome == "found"


def test_answer_without_the_missing_execution_has_it_asked_for_again() -> None:
    account, place = waiting()
    account.look_up(place.order_id)
    account.sent.clear()
    account.find(place.order_id, ended(place, "0.004"))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert asked(account) == [2000]


def test_answer_that_is_older_than_the_end_leaves_it_held_and_asked_for() -> None:
    """Between question and answer the order ended; the answer itself lacks nothing."""
    account = Account()
    place = account.working()
    account.do(make(CancelRefused, **HEAD | {"order_id": place.order_id}, evidence=account.evidence()))
    account.look_up(place.order_id)
    account.hear(ended(place, "0.004"))
    account.sent.clear()
    account.find(place.order_id, shown(place))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert asked(account) == [2000]
    account.look_up(place.order_id)
    account.find(place.order_id, ended(place, "0.004"), executed(place, "0.004"))
    assert account.order(place).state is OrderState.CANCELLED


def test_question_is_dropped_when_the_execution_came_by_itself() -> None:
    account, place = waiting()
    account.hear_fill(executed(place, "0.004"))
    account.sent.clear()
    account.look_up(place.order_id)
    assert account.to_venue(LookUpOrder) == []
    assert [end.outcome for end in account.told(VerificationEnded)] == ["superseded"]


def test_question_is_asked_once_however_often_the_end_is_told() -> None:
    account, place = waiting()
    account.hear(ended(place, "0.004"))
    account.hear(ended(place, "0.004"))
    assert asked(account) == [500]


@pytest.mark.parametrize("first", ["missing", "refused"])
def test_question_that_is_asked_for_another_reason_too_is_not_dropped(first: str) -> None:
    account = Account()
    place = account.working()
    refusal = make(CancelRefused, **HEAD | {"order_id": place.order_id}, evidence=account.evidence())
    if first == "refused":
        account.do(refusal)
    account.hear(shown(place, filled_size=D("0.004")))
    if first == "missing":
        account.do(refusal)
    assert asked(account)[-1] == 0
    account.hear_fill(executed(place, "0.004"))
    account.look_up(place.order_id)
    assert len(account.to_venue(LookUpOrder)) == 1


def test_question_survives_a_new_verification_supervisor() -> None:
    account, place = waiting()
    account.sent.clear()
    account.do(ReportUnresolved())
    assert [request.order_id for request in account.told(VerificationRequested)] == [place.order_id]


@pytest.mark.parametrize("loss", ["supervisor", "exchange actor"])
def test_question_about_an_order_that_ended_survives_who_was_to_ask_it(loss: str) -> None:
    account = Account()
    place = account.working()
    account.hear(ended(place, "0"))
    account.hear(ended(place, "0.004"))
    account.look_up(place.order_id)
    account.sent.clear()
    if loss == "supervisor":
        account.do(ReportUnresolved())
    else:
        account.do(ChildFailed(address=EXCHANGE_ADDRESS, error="RuntimeError: broken", handling="LookUpOrder"))
        account.pass_ms(60_000)
    assert [request.order_id for request in account.told(VerificationRequested)] == [place.order_id]


def test_end_that_turns_out_to_speak_of_more_is_corrected_when_that_is_read() -> None:
    account = Account()
    place = account.working()
    account.hear(ended(place, "0"))
    account.sent.clear()
    account.hear(ended(place, "0.004"))
    assert (account.order(place).state, asked(account)) == (OrderState.CANCELLED, [500])
    account.look_up(place.order_id)
    account.find(place.order_id, ended(place, "0.004"), executed(place, "0.004"))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, D("0.004"))
    assert account.alert("TerminalCorrection").severity is Severity.WARNING


def test_order_that_fills_while_the_venue_speaks_of_more_is_read_for_the_rest() -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, filled_size=D("0.004")))
    account.hear(ended(place, "0.012", PublicStatus.FILLED), executed(place, "0.01"))
    assert account.order(place).state is OrderState.FILLED
    account.look_up(place.order_id)
    assert len(account.to_venue(LookUpOrder)) == 1


def test_end_held_by_a_process_that_stopped_is_found_by_the_next() -> None:
    before, place = waiting()
    account = before.restarted(open_gate=False)
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    account.pass_ms(5)
    account.connect(keep=True)
    assert asked(account) == [0]
    account.look_up(place.order_id)
    account.find(place.order_id, ended(place, "0.004"), executed(place, "0.004"))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, D("0.004"))


# ----- gaps in the stream's own numbers


def gap(account: Account) -> StreamGap:
    return make(StreamGap, **HEAD, expected=7, received=9, received_ms=account.now_ms)


def listed(account: Account, asked_ms: int) -> OpenOrdersFetched:
    evidence = make(type(account.evidence()), sent_ms=asked_ms, received_ms=account.now_ms)
    return make(OpenOrdersFetched, **HEAD, orders=(), evidence=evidence)


def test_gap_closes_the_gate_until_a_list_asked_for_afterwards_is_merged() -> None:
    account = Account()
    before_ms = account.now_ms
    account.pass_ms(10)
    account.do(gap(account))
    assert "7 to 9" in account.alert("StreamGap").text
    assert not account.happened(GateChanged)[-1].open
    assert len(account.to_venue(FetchOpenOrders)) == 1
    account.do(submit())
    refusal = account.replies[-1]
    assert isinstance(refusal, Refused)
    assert refusal.code is RefusalCode.GATE_CLOSED
    account.do(listed(account, before_ms))
    assert account.views.gates["binance"] != ""
    account.do(listed(account, account.now_ms))
    assert account.views.gates["binance"] == ""


def test_gap_has_the_recent_history_of_every_symbol_read_again() -> None:
    account = Account()
    place = account.working()
    account.sent.clear()
    account.do(gap(account))
    assert [search.symbol for search in account.to_venue(SearchOrder)] == ["BTC-USDT"]
    account.merge_history(ended(place, "0.004"), fills=(executed(place, "0.004"),))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, D("0.004"))


def test_gap_told_after_the_stream_was_lost_opens_and_asks_nothing() -> None:
    account = Account()
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.sent.clear()
    account.do(gap(account))
    assert account.alert("StreamGap").severity is Severity.WARNING
    assert account.sent == []
    assert account.views.gates["binance"] != ""
