"""An account that was fenced out: nobody is left waiting, and what readers see carries its age."""

from messages.commands import CancelOrder, CreateDraft, PlaceOrder
from messages.control import AccountLeft, Verdict
from messages.queries import OrderUnresolved, RefusalCode, Refused
from messages.reports import OpenOrdersFetched, OrderReported, PlaceAccepted, StreamConnected
from messages.types import Evidence, OrderType, Side, VenueOrder
from tests.actors.account_kit import Account, shown, submit
from tests.factories import make

HEAD = {"account_id": "1", "exchange": "binance"}


def working(account: Account) -> PlaceOrder:
    account.do(submit())
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    account.replies.clear()
    return place


def cancel(order_id: str) -> CancelOrder:
    return CancelOrder(account_id="1", correlation_id="x1", order_id=order_id)


def test_fenced_placement_that_waits_for_its_commit_or_its_venue_is_unresolved() -> None:
    account = Account()
    account.do(submit(correlation_id="sent"))
    account.take(submit(correlation_id="kept", request_id="r2"))
    account.commit(Verdict.STALE)
    assert {reply.correlation_id: type(reply) for reply in account.replies} == {
        "sent": OrderUnresolved,
        "kept": OrderUnresolved,
    }
    assert all(isinstance(reply, OrderUnresolved) and reply.view is None for reply in account.replies)


def test_fenced_answer_that_was_withheld_is_not_given() -> None:
    account = Account()
    account.do(submit())
    place = account.to_venue(PlaceOrder)[-1]
    account.take(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    account.commit(Verdict.GAP)
    (reply,) = account.replies
    assert isinstance(reply, OrderUnresolved)


def test_fenced_cancel_and_draft_are_told_that_the_account_stopped() -> None:
    account = Account()
    place = working(account)
    account.do(cancel(place.order_id))
    account.take(
        make(CreateDraft, account_id="1", correlation_id="d1", side=Side.BUY, type=OrderType.LIMIT, request_id="d")
    )
    account.commit(Verdict.STALE)
    codes = {reply.correlation_id: reply.code for reply in account.replies if isinstance(reply, Refused)}
    assert codes == {"x1": RefusalCode.ACCOUNT_STOPPED, "d1": RefusalCode.ACCOUNT_STOPPED}


def test_fenced_placement_that_waited_for_a_history_is_refused_once() -> None:
    account = Account()
    now_ms = account.system.clock.now_ms()
    account.do(make(StreamConnected, **HEAD, order_id="", received_ms=now_ms))
    account.do(make(OpenOrdersFetched, **HEAD, order_id="", orders=(), evidence=make(Evidence, sent_ms=now_ms)))
    account.do(submit(correlation_id="held"))
    account.take(make(OrderReported, **HEAD, order_id="", order=make(VenueOrder, client_order_id="other")))
    assert account.replies == []
    account.commit(Verdict.GAP)
    (reply,) = account.replies
    assert isinstance(reply, Refused)
    assert (reply.correlation_id, reply.code) == ("held", RefusalCode.ACCOUNT_STOPPED)
    account.load({}, epoch=2)
    account.connect()
    assert account.to_venue(PlaceOrder) == []


def test_fenced_account_gives_up_its_look_ups() -> None:
    account = Account()
    account.take(submit())
    account.commit(Verdict.STALE)
    assert [m.account_id for _, m in account.sent if isinstance(m, AccountLeft)] == ["1", "1"]


def test_views_of_a_fenced_account_are_as_old_as_its_last_word() -> None:
    account = Account()
    working(account)
    shown_ms = account.system.clock.now_ms()
    assert (account.views.in_service, account.views.as_of_ms) == (True, shown_ms)
    account.take(submit(correlation_id="c2", request_id="r2"))
    account.system.run_for(5000)
    account.commit(Verdict.STALE)
    account.do(cancel("any"))
    assert (account.views.in_service, account.views.as_of_ms) == (False, shown_ms)


def test_comparison_renews_the_age_of_the_views() -> None:
    account = Account()
    account.system.run_for(5000)
    now_ms = account.system.clock.now_ms()
    account.do(make(OpenOrdersFetched, **HEAD, order_id="", orders=(), evidence=make(Evidence, sent_ms=now_ms)))
    assert account.views.as_of_ms == now_ms
