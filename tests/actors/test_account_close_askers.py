"""Whoever asks for a close is answered exactly once, whatever becomes of it, its position actor or the account."""

import pytest

from messages.control import ChildFailed, CloseAsked, CloseMet, PlaceClose, ReportCommand, Verdict
from messages.events import PositionCloseEnded
from messages.queries import OrderUnresolved, RefusalCode, Refused
from messages.reports import StreamLost
from messages.types import InitiatedBy
from tests.actors.account_kit import HEAD, POSITION_ADDRESS, Account, executed, submit
from tests.actors.close_kit import answers, close, done, fill, holding, placed, refusal
from tests.factories import make


def fail(account: Account) -> None:
    """The position actor dies, and what waits in its inbox with it."""
    account.positions.pop(POSITION_ADDRESS).cancel_all_timers()
    account.do(ChildFailed(address=POSITION_ADDRESS, error="RuntimeError: broken", handling="CloseAsked"))


def names(account: Account) -> list[str]:
    """Whom the account has answered, once for every answer."""
    return [reply.correlation_id for reply in account.replies]


# ----- the position actor fails


def test_close_that_runs_when_its_position_actor_fails_is_answered_at_its_end() -> None:
    account = holding()
    account.do(close())
    account.do(close("k2", initiated_by=InitiatedBy.RISK_RULE))
    fail(account)
    assert account.replies == []
    fill(account, placed(account), "0.01")
    assert done(account, "host-k1") == done(account, "host-k2")
    assert sorted(names(account)) == ["host-k1", "host-k2"]


def test_close_that_was_not_begun_when_its_position_actor_fails_is_unresolved() -> None:
    account = holding()
    account.take(close())
    asked = account.deliver(until=CloseAsked)
    assert asked is not None
    fail(account)
    assert isinstance(answers(account)["host-k1"], OrderUnresolved)
    account.do(close(correlation_id="host-again"))
    fill(account, placed(account), "0.01")
    assert done(account, "host-again").close_id == "k1"
    assert names(account) == ["host-k1", "host-again"]


def test_order_of_a_close_whose_host_was_answered_already_is_placed_and_answers_nobody() -> None:
    account = holding()
    account.take(close())
    request = account.deliver(until=PlaceClose)
    assert request is not None
    fail(account)
    account.do(request)
    fill(account, placed(account), "0.01")
    assert names(account) == ["host-k1"]
    assert len(account.happened(PositionCloseEnded)) == 1


def test_failed_position_actor_of_another_symbol_answers_nobody() -> None:
    account = holding()
    account.take(close(symbol="BTC-USDT"))
    account.actor._positions._alive["other"] = ("binance", "ETH-USDT")
    account.take(ChildFailed(address="other", error="RuntimeError: broken", handling="CloseAsked"))
    assert account.replies == []


# ----- the account loses its place


@pytest.mark.parametrize("begun", [False, True])
def test_close_whose_account_is_fenced_is_unresolved(begun: bool) -> None:  # noqa: FBT001
    account = holding()
    account.take(close())
    if begun:
        account.deliver()
    account.take(submit(request_id="more"))
    account.commit(Verdict.STALE)
    assert isinstance(answers(account)["host-k1"], OrderUnresolved)
    assert names(account).count("host-k1") == 1


def test_end_of_a_close_that_never_became_durable_is_unresolved() -> None:
    account = holding()
    account.do(close())
    account.take(account.of_fill(executed(placed(account), "0.01", "90", venue_order_id="29")))
    account.commit(Verdict.STALE)
    assert isinstance(answers(account)["host-k1"], OrderUnresolved)
    assert names(account) == ["host-k1"]


# ----- a host's patience is over


def test_host_of_a_close_whose_patience_is_over_is_told_its_order_and_nothing_more() -> None:
    account = holding()
    account.do(close())
    report = ReportCommand(account_id="1", command_id="host-k1")
    account.do(report)
    account.do(report)
    reply = answers(account)["host-k1"]
    assert isinstance(reply, OrderUnresolved)
    assert (reply.view is not None, reply.text) == (True, "still being worked on")
    fill(account, placed(account), "0.01")
    assert names(account) == ["host-k1"]


def test_host_of_a_close_that_is_not_begun_is_told_so_when_its_patience_is_over() -> None:
    account = holding()
    account.take(close())
    account.take(ReportCommand(account_id="1", command_id="host-k1"))
    reply = answers(account)["host-k1"]
    assert isinstance(reply, OrderUnresolved)
    assert reply.view is None


# ----- two that ask


def test_same_command_asked_twice_before_it_is_begun_is_refused_to_both() -> None:
    account = holding()
    account.take(close())
    account.take(close(correlation_id="host-again"))
    account.take(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.deliver()
    assert {refusal(account, name).code for name in ("host-k1", "host-again")} == {RefusalCode.GATE_CLOSED}
    assert sorted(names(account)) == ["host-again", "host-k1"]


def test_same_command_is_not_refused_while_the_first_of_it_may_be_carried_out() -> None:
    """The gate closes between the two: to be told that nothing was done would be a lie."""
    account = holding()
    account.do(close())
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.do(close(correlation_id="host-again"))
    assert account.replies == []
    fill(account, placed(account), "0.01")
    assert sorted(names(account)) == ["host-again", "host-k1"]


def test_same_command_is_not_refused_at_once_while_the_first_of_it_is_under_way() -> None:
    account = holding()
    account.take(close())
    account.take(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.take(close(correlation_id="host-again"))
    assert account.replies == []
    account.deliver()
    assert {refusal(account, name).code for name in ("host-k1", "host-again")} == {RefusalCode.GATE_CLOSED}


def test_same_command_waits_for_its_close_of_an_earlier_life_while_the_gate_is_closed() -> None:
    before = holding()
    before.do(close())
    account = before.restarted(open_gate=False)
    account.do(close(correlation_id="host-again"))
    assert account.replies == []
    fill(account, placed(before), "0.01")
    assert done(account, "host-again").close_id == "k1"


def met(name: str, running: str) -> CloseMet:
    return CloseMet(command=close(name), close_id=running, initiated_by=InitiatedBy.USER, waits=True)


def test_risk_rule_whose_adopted_close_was_not_begun_is_refused() -> None:
    account = holding()
    account.take(close("r1", initiated_by=InitiatedBy.RISK_RULE))
    account.take(met("r1", "gone"))
    refused = answers(account)["host-r1"]
    assert isinstance(refused, Refused)
    assert (refused.code, "gone" in refused.text) == (RefusalCode.NOT_PLACED, True)


def test_risk_rule_whose_adopted_close_has_ended_meanwhile_gets_its_end() -> None:
    account = holding()
    account.do(close(quantity="0.004"))
    fill(account, placed(account), "0.004")
    account.take(close("r1", initiated_by=InitiatedBy.RISK_RULE))
    account.take(met("r1", "k1"))
    assert done(account, "host-r1") == done(account, "host-k1")


def test_host_that_was_answered_is_not_answered_again_when_his_close_met_another() -> None:
    account = holding()
    account.do(close())
    account.take(met("k9", "k1"))
    fill(account, placed(account), "0.01")
    assert names(account) == ["host-k1"]
