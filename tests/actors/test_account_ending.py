"""Cancels, fencing, and orders that are not ours."""

from decimal import Decimal

from actors.committer import CommitterActor
from actors.runtime.committing import Stage
from actors.runtime.simulated import SimulatedSystem
from actors.store.port import Section, Table, Write
from messages.codec import encode_record
from messages.commands import CancelOrder, CancelVenueOrder, LookUpOrder, PlaceOrder
from messages.control import (
    BatchAnswered,
    ChildFailed,
    Committed,
    StoreAvailability,
    Verdict,
    VerificationDue,
    VerificationRequested,
)
from messages.events import Alert, Severity
from messages.queries import CancelDone, OrderPlaced, RefusalCode, Refused
from messages.reports import (
    CancelAmbiguous,
    CancelConfirmed,
    OrderReported,
    PlaceAccepted,
    PlaceNotProcessed,
)
from messages.types import OrderState, PublicStatus, VenueOrder, VerificationPhase
from tests.actors.account_kit import EXCHANGE_ADDRESS, Account, executed, shown, submit
from tests.factories import make

HEAD = {"account_id": "1", "exchange": "binance"}


def working(account: Account) -> PlaceOrder:
    account.do(submit())
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    return place


def cancel(order_id: str) -> CancelOrder:
    return CancelOrder(account_id="1", correlation_id="x1", order_id=order_id)


def test_cancel_of_a_working_order_is_done_when_the_venue_confirms() -> None:
    account = Account()
    place = working(account)
    account.do(cancel(place.order_id))
    assert len(account.to_venue(CancelVenueOrder)) == 1
    assert account.only_order().cancel_pending
    claim = shown(place, status=PublicStatus.CANCELLED)
    account.do(make(CancelConfirmed, **HEAD, order_id=place.order_id, order=claim))
    assert isinstance(account.replies[-1], CancelDone)
    assert account.only_order().state is OrderState.CANCELLED


def test_cancel_with_an_unknown_outcome_is_looked_up_and_not_believed() -> None:
    account = Account()
    place = working(account)
    account.do(cancel(place.order_id))
    account.do(make(CancelAmbiguous, **HEAD, order_id=place.order_id))
    order = account.only_order()
    assert (order.state, order.cancel_pending) == (OrderState.ACKNOWLEDGED, True)
    assert any(isinstance(message, VerificationRequested) for _, message in account.sent)


def test_cancel_confirmed_before_the_last_execution_is_known_waits_for_it() -> None:
    account = Account()
    place = working(account)
    account.do(cancel(place.order_id))
    claim = shown(place, status=PublicStatus.CANCELLED, filled_size=Decimal("0.004"))
    account.do(make(CancelConfirmed, **HEAD, order_id=place.order_id, order=claim))
    assert account.only_order().state is OrderState.ACKNOWLEDGED
    account.do(make(OrderReported, **HEAD, order=claim, fill=executed(place, "0.004")))
    order = account.only_order()
    assert (order.state, order.filled_size) == (OrderState.CANCELLED, Decimal("0.004"))


def test_cancel_of_an_order_whose_every_sending_is_void_ends_here_and_nobody_is_told_placed() -> None:
    account = Account()
    account.do(submit())
    place = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceNotProcessed, **HEAD, order_id=place.order_id))
    account.do(cancel(place.order_id))
    assert account.to_venue(CancelVenueOrder) == []
    by_id = {reply.correlation_id: reply for reply in account.replies}
    assert isinstance(by_id["x1"], CancelDone)
    refused = by_id["c1"]
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.NOT_PLACED
    assert not any(isinstance(reply, OrderPlaced) for reply in account.replies)


def test_cancel_while_the_store_is_away_leaves_at_once() -> None:
    account = Account()
    place = working(account)
    account.do(StoreAvailability(available=False))
    account.take(cancel(place.order_id))
    assert len(account.to_venue(CancelVenueOrder)) == 1
    assert account.staged


def test_cancel_that_overtook_its_placement_is_sent_again_once_the_order_is_there() -> None:
    account = Account()
    account.do(submit())
    place = account.to_venue(PlaceOrder)[-1]
    account.do(cancel(place.order_id))
    account.do(make(OrderReported, **HEAD, order=shown(place)))
    assert f"cancel:{place.order_id}" in account.actor._timers


def test_account_whose_stored_key_is_damaged_says_so_and_is_loaded_again() -> None:
    account = Account()
    account.take(submit())
    account.commit(Verdict.BROKEN)
    assert account.to_venue(PlaceOrder) == []
    alert = next(event for event in account.events if isinstance(event, Alert) and event.name == "AccountFenced")
    assert alert.severity is Severity.CRITICAL
    assert "until it is repaired" in alert.text
    assert "reload" in account.actor._timers
    account.load({}, epoch=2)
    account.connect()
    account.do(submit(correlation_id="c2"))
    assert len(account.to_venue(PlaceOrder)) == 1


def test_fenced_account_shows_and_sends_nothing_of_what_was_not_committed() -> None:
    account = Account()
    account.take(submit())
    account.commit(Verdict.STALE)
    assert account.to_venue(PlaceOrder) == []
    assert account.views.orders == {}
    account.do(submit(correlation_id="c2"))
    refused = account.replies[-1]
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.ACCOUNT_STOPPED


def test_committed_for_a_former_epoch_releases_nothing() -> None:
    account = Account()
    account.load({}, epoch=2)
    account.connect()
    account.sent.clear()
    account.take(submit())
    section = account.staged.pop()
    account.take(Committed(account_id="1", epoch=1, seq=section.seq, verdict=Verdict.OK))
    assert account.to_venue(PlaceOrder) == []
    account.take(Committed(account_id="1", epoch=2, seq=section.seq, verdict=Verdict.OK))
    assert len(account.to_venue(PlaceOrder)) == 1


def test_account_loaded_again_shows_every_step_and_execution_once() -> None:
    account = Account()
    place = working(account)
    account.do(make(OrderReported, **HEAD, order=shown(place), fill=executed(place, "0.004")))
    order = account.only_order()
    steps, fills = account.views.transitions[order.order_id], account.views.fills[order.order_id]
    records = {
        Table.ORDERS: {order.order_id: encode_record(order)},
        Table.TRANSITIONS: {f"{order.order_id}:{step.version}": encode_record(step) for step in steps},
        Table.FILLS: {fill.fill_id: encode_record(fill) for fill in fills},
    }
    account.load(records, epoch=2)
    assert account.views.transitions[order.order_id] == steps
    assert account.views.fills[order.order_id] == fills
    assert account.only_order() == order


def test_failed_exchange_actor_has_its_placement_looked_up() -> None:
    account = Account()
    account.do(submit())
    account.sent.clear()
    account.do(ChildFailed(address=EXCHANGE_ADDRESS, error="RuntimeError: broken", handling="PlaceOrder"))
    assert [type(message) for _, message in account.sent] == [VerificationRequested]
    assert account.only_order().verification is not None
    assert account.to_venue(PlaceOrder) == []


def test_foreign_order_is_taken_in_and_never_touched() -> None:
    account = Account()
    foreign = make(VenueOrder, symbol="BTC-USDT", client_order_id="manual-1", filled_size=Decimal(0))
    account.do(make(OrderReported, **HEAD, order=foreign))
    order = account.only_order()
    assert (order.external, order.state) == (True, OrderState.ACKNOWLEDGED)
    assert account.to_venue(CancelVenueOrder) == []


def test_order_proven_never_placed_is_not_read_again() -> None:
    account = Account()
    account.do(submit())
    place = account.to_venue(PlaceOrder)[-1]
    account.do(cancel(place.order_id))
    account.do(make(CancelAmbiguous, **HEAD, order_id=place.order_id))
    account.do(make(PlaceNotProcessed, **HEAD, order_id=place.order_id))
    assert account.only_order().state is OrderState.CANCELLED
    due = VerificationDue(account_id="1", order_id=place.order_id, phase=VerificationPhase.DIRECT_LOOKUP)
    account.do(due)
    assert account.to_venue(LookUpOrder) == []


def test_committer_never_puts_two_epochs_of_an_account_into_one_group() -> None:
    groups: list[list[Section]] = []

    class Writer:
        def write(self, sections: list[Section]) -> None:
            groups.append(sections)

        def keep_alive(self) -> None:
            """Nobody listens."""

    system = SimulatedSystem(1)
    committer = CommitterActor(system, "committer", writer=Writer(), renew_interval_ms=1000)
    for epoch, seq in ((1, 1), (1, 2), (1, 3), (2, 2)):
        write = Write(Table.ORDERS, "o", b"")
        stage = Stage(section=Section("1", epoch, seq, (write,)), reply_to="account/1")
        committer.carry_out(committer.receive(stage))
    while groups and len(groups) < 4 and committer._in_flight:
        verdicts = tuple(Verdict.OK for _ in committer._in_flight)
        committer.carry_out(committer.receive(BatchAnswered(verdicts=verdicts)))
    assert [[section.epoch for section in group] for group in groups] == [[1], [1, 1], [2]]
