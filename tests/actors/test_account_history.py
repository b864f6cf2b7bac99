"""The first placement on a symbol is decided with what the venue remembers of it."""

from decimal import Decimal

from actors.reminders import HeldDue, HistoryDue
from messages.commands import CreateDraft, PlaceOrder, SearchOrder, SubmitDraft
from messages.control import Verdict
from messages.queries import DraftDone, OrderAdmitted, OrderPlaced, OrderUnresolved, RefusalCode, Refused
from messages.reports import LookUpFailed, OpenOrdersFetched, OrdersSearched, PlaceAccepted, StreamConnected
from messages.types import Evidence, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import Account, shown, submit
from tests.factories import make

HEAD = {"account_id": "1", "exchange": "binance", "order_id": ""}
SYMBOL = {"exchange": "binance", "symbol": "BTC-USDT"}


def reconnected(account: Account) -> None:
    """The stream came up again: the gate opens, and no symbol's history is merged yet."""
    now_ms = account.system.clock.now_ms()
    account.do(make(StreamConnected, **HEAD, received_ms=now_ms))
    account.do(make(OpenOrdersFetched, **HEAD, orders=(), evidence=make(Evidence, sent_ms=now_ms)))
    account.sent.clear()


def filled_elsewhere(request_id: str | None = "pay-once") -> VenueOrder:
    """An order that a process placed before it lost its store, as the venue shows it."""
    before = Account()
    before.do(submit(request_id=request_id))
    (place,) = before.to_venue(PlaceOrder)
    return shown(place, status=PublicStatus.CANCELLED, venue_status="CANCELED")


def test_first_order_on_a_symbol_waits_for_its_history_and_then_leaves() -> None:
    account = Account()
    reconnected(account)
    account.do(submit())
    account.do(submit(correlation_id="c2", size=Decimal("0.5")))
    assert account.to_venue(PlaceOrder) == []
    assert len(account.to_venue(SearchOrder)) == 1
    account.merge_history()
    assert [place.size for place in account.to_venue(PlaceOrder)] == [Decimal("0.01"), Decimal("0.5")]
    account.do(submit(correlation_id="c3", size=Decimal("0.7")))
    assert len(account.to_venue(PlaceOrder)) == 3
    assert len(account.to_venue(SearchOrder)) == 1


def test_equal_requests_that_waited_together_are_one_order() -> None:
    account = Account()
    reconnected(account)
    account.do(submit(request_id="r1"))
    account.do(submit(request_id="r1", correlation_id="c2"))
    account.merge_history()
    (place,) = account.to_venue(PlaceOrder)
    account.do(make(PlaceAccepted, **HEAD | {"order_id": place.order_id}, order=shown(place)))
    assert [type(reply) for reply in account.replies] == [OrderPlaced, OrderPlaced]


def test_request_whose_order_the_store_had_lost_is_a_duplicate_of_that_order() -> None:
    for request_id in ("pay-once", None):
        claim = filled_elsewhere(request_id)
        account = Account()
        reconnected(account)
        account.do(submit(request_id=request_id, reply_when="committed"))
        account.merge_history(claim)
        assert account.to_venue(PlaceOrder) == []
        (reply,) = account.replies
        assert isinstance(reply, OrderAdmitted)
        assert reply.duplicate
        assert (reply.view.local_id, reply.view.state) == (claim.client_order_id, OrderState.CANCELLED)
        assert account.only_order().idempotency_key in account.actor._memory.entries


def test_other_order_under_the_request_id_of_a_lost_one_is_a_conflict() -> None:
    account = Account()
    account.merge_history(filled_elsewhere())
    reconnected(account)
    account.merge_history(filled_elsewhere())
    account.do(submit(request_id="pay-once", size=Decimal("0.5")))
    (refused,) = account.replies
    assert isinstance(refused, Refused)
    assert (refused.code, refused.fields) == (RefusalCode.IDEMPOTENCY_CONFLICT, ("size",))


def test_order_that_waited_as_long_as_a_command_may_is_refused() -> None:
    account = Account()
    reconnected(account)
    account.do(submit())
    account.system.run_for(5000)
    account.do(HeldDue(**SYMBOL))
    (refused,) = account.replies
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.GATE_CLOSED
    account.merge_history()
    assert account.to_venue(PlaceOrder) == []


def test_search_that_failed_is_asked_again_until_it_succeeds() -> None:
    account = Account()
    reconnected(account)
    account.do(submit())
    account.do(LookUpFailed(**HEAD, symbol="BTC-USDT", reason="timeout"))
    account.do(HistoryDue(**SYMBOL))
    assert len(account.to_venue(SearchOrder)) == 2
    account.do(make(OrdersSearched, **HEAD, symbol="BTC-USDT", orders=(), fills=(), unreadable=1))
    assert account.to_venue(PlaceOrder) == []
    account.merge_history()
    account.do(HistoryDue(**SYMBOL))
    assert len(account.to_venue(SearchOrder)) == 2
    assert len(account.to_venue(PlaceOrder)) == 1


def test_history_that_was_asked_for_before_the_stream_was_up_does_not_count() -> None:
    account = Account()
    early = make(Evidence, sent_ms=account.system.clock.now_ms())
    account.system.run_for(10)
    reconnected(account)
    account.do(submit())
    account.do(make(OrdersSearched, **HEAD, symbol="BTC-USDT", orders=(), fills=(), evidence=early))
    assert account.to_venue(PlaceOrder) == []


def test_draft_waits_for_its_symbols_history_too() -> None:
    account = Account()
    account.do(make(CreateDraft, correlation_id="d1", account_id="1", request_id="r1"))
    (done,) = account.replies
    assert isinstance(done, DraftDone)
    reconnected(account)
    account.do(SubmitDraft(account_id="1", correlation_id="d2", order_id=done.view.local_id))
    assert account.to_venue(PlaceOrder) == []
    account.merge_history()
    assert len(account.to_venue(PlaceOrder)) == 1


def test_account_that_is_fenced_out_answers_what_waited_for_a_history() -> None:
    account = Account()
    reconnected(account)
    account.do(submit())
    account.take(submit(correlation_id="c2", symbol="NO-SUCH", reply_when="committed"))
    account.commit(Verdict.STALE)
    assert "c1" in [reply.correlation_id for reply in account.replies]
    assert not any(isinstance(reply, OrderUnresolved) for reply in account.replies if reply.correlation_id == "c1")


def test_lost_order_in_a_status_nobody_knows_is_recorded() -> None:
    account = Account()
    account.merge_history()
    claim = filled_elsewhere()
    object.__setattr__(claim, "status", None)
    account.do(make(OpenOrdersFetched, **HEAD, orders=(claim,)))
    assert account.only_order().order_id == claim.client_order_id
