"""What an account keeps when its memory turns out to be wrong and is loaded anew: nothing that vouched for it."""

from decimal import Decimal

import pytest

from messages.commands import FetchOpenOrders
from messages.control import Verdict
from messages.reports import InstrumentsFetched, OpenOrdersFetched, StreamConnected, StreamLost
from tests.actors.account_kit import EXCHANGE_ADDRESS, HEAD, INSTRUMENT, Account, executed
from tests.factories import make


def fenced(*, lost: bool = False) -> Account:
    """An account whose section the store has lost."""
    account = Account()
    place = account.working()
    account.take(account.of_fill(executed(place, "0.001")))
    account.commit(Verdict.GAP)
    if lost:
        account.do(make(StreamLost, **HEAD, reason="its actor was stopped"))
    return account


def loaded_again(account: Account) -> Account:
    account.pass_ms(1000)
    account.started.clear()
    account.load(account.stored, epoch=2)
    account.sent.clear()
    return account


def lists(account: Account) -> None:
    """Everything is fetched that a gate waits for."""
    account.do(make(InstrumentsFetched, **HEAD, instruments=(INSTRUMENT,)))
    account.do(make(OpenOrdersFetched, **HEAD, orders=(), evidence=account.evidence()))
    account.merge_history()


@pytest.mark.parametrize("lost", [False, True])
def test_account_that_is_loaded_again_opens_no_gate_before_a_stream_connects(*, lost: bool) -> None:
    account = loaded_again(fenced(lost=lost))
    lists(account)
    assert account.views.gates["binance"] != ""
    assert account.try_to_place(price=Decimal(7)) == []
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    lists(account)
    assert account.views.gates["binance"] == ""
    assert len(account.try_to_place(price=Decimal(8))) == 1


def test_account_that_is_loaded_again_starts_its_exchange_actors_and_has_no_timers_of_before() -> None:
    account = loaded_again(fenced())
    assert account.started == [EXCHANGE_ADDRESS]
    account.pass_ms(60_000)
    assert account.to_venue(FetchOpenOrders) == []


def test_account_that_is_not_ours_any_more_reminds_itself_of_nothing() -> None:
    account = Account()
    place = account.working()
    account.take(account.of_fill(executed(place, "0.001")))
    account.commit(Verdict.STALE)
    assert account.system._timer_heap.next_due_ms() is None
