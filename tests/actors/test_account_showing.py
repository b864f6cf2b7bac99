"""When readers learn of gates and of what is missing: bad news at once, good news with the records it rests on."""

from dataclasses import replace

import pytest

from messages.control import Committed, StoreAvailability, Verdict, VerificationDue
from messages.events import GateChanged
from messages.queries import AnswerSource, GetOrder, GetOrders, RefusalCode
from messages.reports import (
    FrameUnreadable,
    InstrumentsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderReported,
    StreamConnected,
    StreamLost,
)
from messages.types import OrderState, VenueOrder, VerificationPhase
from tests.actors.account_kit import HEAD, INSTRUMENT, shown, submit
from tests.actors.awareness_kit import Aware, aware, foreign, gone
from tests.factories import make

ORDERS = GetOrders(account_id="1")


def believed(account: Aware) -> bool:
    """Whether an answer claims to be of now and to lack nothing."""
    answer = account.ask(ORDERS)
    return (answer.source, answer.gap) == (AnswerSource.STREAM, False)


def listed(account: Aware, *claims: VenueOrder) -> OpenOrdersFetched:
    """The venue's list of all open orders, asked for now."""
    evidence = replace(account.evidence(), sent_ms=account.now_ms)
    return make(OpenOrdersFetched, **HEAD, orders=claims, asked_venue_ms=account.now_ms, evidence=evidence)


def commit_first(account: Aware) -> None:
    """The store answers for the oldest section, and for no other yet."""
    section = account.staged.pop(0)
    account.take(Committed(account_id="1", epoch=section.epoch, seq=section.seq, verdict=Verdict.OK))


def told(account: Aware, claim: VenueOrder) -> OrderReported:
    """The stream describes an order."""
    return make(OrderReported, **HEAD, order=claim, evidence=account.evidence())


def reconnect(account: Aware) -> None:
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))


def cut_off() -> Aware:
    """An account whose stream has just come back; the open orders are not read yet."""
    account = aware()
    account.pass_ms(700)
    account.do(make(StreamLost, **HEAD))
    account.pass_ms(400)
    reconnect(account)
    return account


# ----- gates


def test_gate_that_opens_is_shown_when_its_list_is_durable() -> None:
    account = cut_off()
    account.take(listed(account))
    assert not believed(account)
    assert not account.happened(GateChanged)[-1].open
    account.commit()
    assert believed(account)
    assert account.happened(GateChanged)[-1].open


def test_gate_that_opens_lets_orders_pass_before_it_is_shown() -> None:
    account = cut_off()
    account.take(listed(account))
    account.merge_history()
    account.do(submit())
    assert account.replies == []


def test_gate_that_opens_is_not_shown_by_a_turn_that_waits_for_no_commit() -> None:
    account = cut_off()
    account.take(listed(account))
    account.take(make(InstrumentsFetched, **HEAD, instruments=(INSTRUMENT,)))
    assert not believed(account)


def test_gate_that_closes_is_shown_at_once() -> None:
    account = aware()
    account.take(submit())
    account.take(make(StreamLost, **HEAD))
    assert not believed(account)


def test_gate_that_closed_again_is_not_shown_open_by_the_list_before() -> None:
    account = cut_off()
    account.take(listed(account))
    account.take(make(StreamLost, **HEAD))
    account.commit()
    assert not believed(account)


def test_gate_that_was_opened_twice_is_shown_open_by_the_second_list() -> None:
    account = cut_off()
    account.take(listed(account))
    account.take(make(StreamLost, **HEAD))
    account.take(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.take(listed(account))
    commit_first(account)
    assert not believed(account)
    account.commit()
    assert believed(account)


# ----- a stream that came up while nobody knew that it was down


def test_stream_that_comes_up_again_unannounced_closes_the_gate_until_the_open_orders_were_read() -> None:
    account = aware()
    place = account.working()
    account.pass_ms(60_000)
    reconnect(account)
    assert not believed(account)
    account.do(submit(correlation_id="new", request_id="new"))
    assert account.refusal("new").code is RefusalCode.GATE_CLOSED
    account.list_orders(shown(place, venue_order_id="28"))
    account.list_fills()
    assert believed(account)


def test_list_asked_for_before_the_stream_came_up_again_unannounced_opens_nothing() -> None:
    account = aware()
    asked_ms = account.now_ms
    account.pass_ms(60_000)
    reconnect(account)
    account.list_orders(asked_ms=asked_ms)
    assert not believed(account)


# ----- what is missing


@pytest.mark.parametrize("ended", [True, False])
def test_gap_that_a_look_up_fills_is_closed_when_the_order_is_shown(ended: bool) -> None:  # noqa: FBT001 - the two cases
    """The look-up is answered while the list that led to it is not durable yet."""
    account = aware()
    place = account.working()
    account.pass_ms(700)
    account.do(make(StreamLost, **HEAD))
    reconnect(account)
    account.list_fills()
    account.take(listed(account))
    claim = gone(place, venue_order_id="28") if ended else shown(place, venue_order_id="28")
    phase = VerificationPhase.DIRECT_LOOKUP
    account.take(VerificationDue(account_id="1", order_id=place.order_id, phase=phase))
    about = HEAD | {"order_id": place.order_id}
    account.take(make(OrderFound, **about, order=claim, fills=(), fills_complete=True, evidence=account.evidence()))
    while len(account.staged) > 1:
        commit_first(account)
        assert not believed(account)
        assert account.order(place).state is OrderState.ACKNOWLEDGED
    account.commit()
    assert believed(account)
    state = OrderState.CANCELLED if ended else OrderState.ACKNOWLEDGED
    assert account.ask(GetOrder(account_id="1", order_id=place.order_id)).view.state is state


def test_gap_that_is_found_is_shown_at_once_although_records_before_it_are_not_durable() -> None:
    account = aware()
    account.take(submit())
    account.take(make(FrameUnreadable, **HEAD))
    commit_first(account)
    assert not believed(account)


def test_gap_that_is_filled_shows_although_the_account_is_never_idle() -> None:
    account = aware()
    account.do(make(FrameUnreadable, **HEAD))
    account.take(listed(account))
    account.take(submit())
    commit_first(account)
    assert account.staged
    assert believed(account)


# ----- the store


def test_store_that_is_back_is_believed_when_what_happened_meanwhile_is_durable() -> None:
    account = aware()
    place = account.working()
    account.take(StoreAvailability(available=False))
    account.take(told(account, gone(place, venue_order_id="28")))
    account.take(StoreAvailability(available=True))
    assert not believed(account)
    account.take(told(account, foreign()))
    commit_first(account)
    assert account.order(place).state is OrderState.CANCELLED
    assert account.staged
    assert believed(account)
