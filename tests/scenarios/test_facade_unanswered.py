"""The facade: whoever waits for an account that fails, or for a system that stops, gets an answer."""

from collections.abc import Iterator

import pytest

from actors import Oms
from actors.errors import AskTimeout, OrderRefused
from actors.views import PublishedViews
from messages.base import Message
from messages.commands import CancelOrder, SubmitOrder
from messages.queries import GetOrders, OrdersSnapshot, OrderUnresolved, RefusalCode, Refused
from tests.factories import make

CANCEL = CancelOrder(account_id="a1", order_id="o1")


def place() -> SubmitOrder:
    return make(SubmitOrder, account_id="a1", request_id="r1")


@pytest.fixture
def oms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Oms]:
    """A facade whose accounts take every message and never answer."""
    facade = Oms.from_config()
    (policy,) = facade.runtime.policies.values()
    for account in ("a1", "a2"):
        facade.runtime.policies[account] = policy
        facade.runtime.views[account] = PublishedViews(in_service=True)
    monkeypatch.setattr(facade.runtime, "tell", lambda *_: True)
    yield facade
    facade.stop(0.1)


def test_placement_under_way_when_the_system_stops_is_unresolved(oms: Oms) -> None:
    future = oms.submit(place())
    oms.stop(0.1)
    assert isinstance(future.result(0), OrderUnresolved)


def test_other_command_under_way_when_the_system_stops_times_out(oms: Oms) -> None:
    future = oms.submit(CANCEL)
    oms.stop(0.1)
    with pytest.raises(AskTimeout):
        future.result(0)


def test_future_that_its_host_cancelled_does_not_hinder_the_stop(oms: Oms) -> None:
    given_up, kept = oms.submit(CANCEL), oms.submit(place())
    assert given_up.cancel()
    oms.stop(0.1)
    assert kept.done()


def test_commands_of_a_failed_account_are_answered_and_no_others(oms: Oms) -> None:
    placed, cancelled = oms.submit(place()), oms.submit(CANCEL)
    other = oms.submit(CancelOrder(account_id="a2", order_id="o1"))
    oms._on_account_lost("a1")
    assert isinstance(placed.result(0), OrderUnresolved)
    refused = cancelled.result(0)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.ACCOUNT_STOPPED
    assert not other.done()


def test_ask_of_an_account_that_fails_meanwhile_is_told_so(oms: Oms, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_address: str, _message: Message) -> bool:
        oms._on_account_lost("a1")
        return True

    monkeypatch.setattr(oms.runtime, "tell", fail)
    assert isinstance(oms.ask(place()), OrderUnresolved)
    with pytest.raises(OrderRefused):
        oms.ask(CANCEL)


def test_query_about_an_account_out_of_service_says_how_old_the_answer_is(oms: Oms) -> None:
    views = oms.views("a1")
    for exchange in oms.runtime.policies["a1"].exchanges:
        views.gates[exchange], views.agreed_ms[exchange] = "", 5
    views.as_of_ms = 7
    fresh = oms.ask(GetOrders(account_id="a1"))
    oms._on_account_lost("a1")
    stale = oms.ask(GetOrders(account_id="a1"))
    assert isinstance(fresh, OrdersSnapshot)
    assert isinstance(stale, OrdersSnapshot)
    assert (fresh.as_of_ms > 5, fresh.gap) == (True, False)
    assert (stale.as_of_ms, stale.gap) == (5, True)
