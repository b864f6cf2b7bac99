"""The periodic cross-check by REST: what it asks, what it concludes, and what it finds that the stream never told."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from actors.auditing import SYMBOLS_PER_AUDIT
from actors.reminders import AuditDue
from messages.commands import (
    ClosePosition,
    CreateDraft,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    LookUpOrder,
    PlaceOrder,
)
from messages.control import StoreAvailability, Verdict, VerificationRequested
from messages.events import FillRecorded
from messages.fills import FillSource, VenueFill
from messages.reports import (
    FetchFailed,
    OpenOrdersFetched,
    OrderReported,
    ServerTimeFetched,
    StreamConnected,
    StreamGap,
    StreamLost,
)
from messages.types import OrderState, PublicStatus, Side, VenueOrder
from tests.actors.account_kit import HEAD, Account, executed, shown, submit
from tests.factories import make

D = Decimal
INTERVAL_MS = 15_000
SAFETY_MS = 3000 + 1000
"""The venue's settle time and the overlap: so far before the last good list every reading begins."""


def audit(account: Account, times: int = 1) -> None:
    """Let the next audit come; only its requests are left to look at."""
    for _ in range(times):
        account.sent.clear()
        account.pass_ms(INTERVAL_MS)


def since(account: Account) -> dict[str, int]:
    """Per symbol, how far before now its executions were asked for."""
    return {request.symbol: account.now_ms - request.since_venue_ms for request in account.to_venue(FetchFills)}


def listed(account: Account) -> list[str | None]:
    return [request.symbol for request in account.to_venue(FetchOpenOrders)]


def foreign(symbol: str, status: PublicStatus = PublicStatus.OPEN, exchange: str = "binance") -> VenueOrder:
    filled = D(1) if status is PublicStatus.FILLED else D(0)
    named = {"exchange": exchange, "symbol": symbol, "client_order_id": f"manual-{symbol}"}
    return make(VenueOrder, **named, status=status, size=D(1), filled_size=filled)


def hold(account: Account, symbol: str, exchange: str = "binance") -> None:
    """A position that no working order touches."""
    claim = foreign(symbol, PublicStatus.FILLED, exchange)
    account.hear(claim, make(VenueFill, exchange=exchange, symbol=symbol, size=D(1)))


# ----- what is asked


def test_audit_reads_open_orders_and_executions_of_what_works() -> None:
    account = Account()
    account.working()
    audit(account)
    assert since(account) == {"BTC-USDT": INTERVAL_MS + SAFETY_MS}
    assert listed(account) == ["BTC-USDT"]
    assert account.to_venue(FetchBalances) == []


def test_audit_of_an_account_without_orders_and_positions_asks_nothing_and_goes_on() -> None:
    account = Account()
    account.do(submit_draft())
    audit(account)
    assert account.to_venue(FetchFills) + account.to_venue(FetchBalances) == []
    account.working()
    audit(account)
    assert list(since(account)) == ["BTC-USDT"]


def submit_draft() -> CreateDraft:
    terms = submit()
    return CreateDraft(
        account_id="1", correlation_id="d", exchange=terms.exchange, symbol=terms.symbol, side=terms.side,
        type=terms.type, size=terms.size, price=terms.price,
    )  # fmt: skip


def test_audit_comes_at_every_interval() -> None:
    account = Account(audit_interval_ms=5000)
    account.working()
    account.sent.clear()
    account.pass_ms(4999)
    assert account.to_venue(FetchFills) == []
    account.pass_ms(1)
    assert len(account.to_venue(FetchFills)) == 1
    account.pass_ms(10_000)
    assert len(account.to_venue(FetchFills)) == 3


def test_audit_asks_in_the_time_of_the_venue() -> None:
    account = Account(open_gate=False)
    account.do(make(ServerTimeFetched, **HEAD, offset_ms=-700))
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.hear(foreign("BTC-USDT"))
    audit(account)
    assert since(account) == {"BTC-USDT": INTERVAL_MS + SAFETY_MS + 700}


@pytest.mark.parametrize(("symbols", "lists"), [(12, 12), (13, 1)])
def test_audit_of_many_symbols_lists_all_open_orders_at_once(symbols: int, lists: int) -> None:
    account = Account()
    for number in range(symbols):
        account.hear(foreign(f"S{number}-USDT"))
    audit(account)
    assert len(listed(account)) == lists
    assert (None in listed(account)) is (lists == 1)
    assert len(since(account)) == SYMBOLS_PER_AUDIT


def test_audit_of_more_symbols_than_one_may_read_reads_each_in_its_turn() -> None:
    account = Account()
    symbols = [f"S{number}-USDT" for number in range(80)]
    for symbol in symbols:
        account.hear(foreign(symbol))
    for _ in range(3):
        read: list[str] = []
        for _ in range(math.ceil(len(symbols) / SYMBOLS_PER_AUDIT)):
            audit(account)
            assert len(since(account)) == SYMBOLS_PER_AUDIT
            read += since(account)
        assert set(read) == set(symbols)


def test_audit_keeps_places_for_positions_beside_more_working_symbols_than_it_may_read() -> None:
    account = Account()
    hold(account, "HELD-USDT")
    for number in range(20):
        account.hear(foreign(f"S{number}-USDT"))
    audit(account)
    assert "HELD-USDT" in since(account)
    assert len(since(account)) == SYMBOLS_PER_AUDIT


def test_reading_after_a_gap_that_is_more_than_one_may_read_goes_on_with_what_was_left_out() -> None:
    account = Account()
    symbols = {f"S{number}-USDT" for number in range(20)}
    for symbol in sorted(symbols):
        hold(account, symbol)
    account.sent.clear()
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    first = set(since(account))
    for symbol in sorted(first):
        account.list_fills(symbol=symbol)
    audit(account)
    second = set(since(account))
    assert (len(first), first | second) == (SYMBOLS_PER_AUDIT, symbols)
    for symbol in sorted(second):
        account.list_fills(symbol=symbol)
    audit(account)
    assert len(since(account)) == 4


def test_audit_of_an_account_with_a_position_reads_balances_and_the_symbol() -> None:
    account = Account()
    hold(account, "BTC-USDT")
    audit(account)
    assert len(account.to_venue(FetchBalances)) == 1
    assert (list(since(account)), listed(account)) == (["BTC-USDT"], [])


@pytest.mark.parametrize("exchanges", [("binance",), ("binance", "other")])
def test_audit_reads_idle_positions_in_turns_until_each_was_read(exchanges: tuple[str, ...]) -> None:
    account = Account(exchanges=exchanges)
    for exchange in exchanges:
        account.do(make(StreamConnected, **HEAD | {"exchange": exchange}, received_ms=account.now_ms))
        for number in range(8):
            hold(account, f"S{number}-USDT", exchange)
    seen: set[tuple[str, str]] = set()
    for _ in range(2):
        audit(account)
        requests = account.told(FetchFills)
        assert len(requests) == 4 * len(exchanges)
        seen |= {(request.exchange, request.symbol) for request in requests}
    assert len(seen) == 8 * len(exchanges)


def test_audit_of_a_position_whose_order_works_reads_its_symbol_once() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    audit(account)
    assert len(account.to_venue(FetchFills)) == 1


def test_audit_asks_while_the_store_is_away() -> None:
    """A question changes nothing at the venue; those of a long outage must not leave together at its end."""
    account = Account()
    account.working()
    account.do(StoreAvailability(available=False))
    account.take(submit(correlation_id="c9", request_id="r9"))
    account.take(account.of_fill(make(VenueFill, venue_order_id="77")))
    account.sent.clear()
    account.system._virtual.advance(INTERVAL_MS)
    timer = account.actor._timers["audit:binance"]
    account.take(account.system._timer_heap.claim(timer).message)
    assert len(account.to_venue(FetchFills)) == 1


# ----- up to where executions are known


def test_complete_list_moves_on_what_the_next_audit_asks_for() -> None:
    account = Account()
    account.working()
    audit(account)
    account.list_fills(asked_venue_ms=account.now_ms - 200)
    audit(account)
    assert since(account) == {"BTC-USDT": INTERVAL_MS + 200 + SAFETY_MS}


def test_list_that_is_not_complete_is_asked_for_again_from_the_same_moment() -> None:
    account = Account()
    account.working()
    audit(account)
    account.list_fills(unreadable=1)
    audit(account)
    assert since(account) == {"BTC-USDT": 2 * INTERVAL_MS + SAFETY_MS}


def test_list_that_failed_or_never_came_is_asked_for_again_from_the_same_moment() -> None:
    account = Account()
    account.working()
    audit(account)
    account.do(make(FetchFailed, **HEAD, request="FetchFills"))
    audit(account, 2)
    assert since(account) == {"BTC-USDT": 3 * INTERVAL_MS + SAFETY_MS}


def test_list_of_one_order_says_nothing_about_the_symbol() -> None:
    account = Account()
    place = account.working()
    audit(account)
    account.list_fills(order_id=place.order_id)
    audit(account)
    assert since(account) == {"BTC-USDT": 2 * INTERVAL_MS + SAFETY_MS}


def test_list_of_one_symbol_moves_on_that_symbol_alone() -> None:
    account = Account()
    account.hear(foreign("BTC-USDT"))
    account.hear(foreign("ETH-USDT"))
    audit(account)
    account.list_fills(symbol="ETH-USDT")
    audit(account)
    assert since(account) == {"BTC-USDT": 2 * INTERVAL_MS + SAFETY_MS, "ETH-USDT": INTERVAL_MS + SAFETY_MS}


def test_stream_that_is_lost_ends_the_audit_and_a_new_one_begins_it_anew() -> None:
    account = Account()
    account.working()
    audit(account)
    account.list_fills()
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    audit(account, 2)
    account.do(AuditDue(exchange="binance"))
    assert account.to_venue(FetchFills) == []
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": 2 * INTERVAL_MS + SAFETY_MS}
    audit(account)
    assert since(account) == {"BTC-USDT": 3 * INTERVAL_MS + SAFETY_MS}


def test_stream_that_comes_back_reads_from_the_last_good_list_on_at_once() -> None:
    account, _ = filled()
    audit(account)
    account.list_fills()
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.pass_ms(40_000)
    account.sent.clear()
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": 40_000 + SAFETY_MS}
    account.list_fills(replace(SOLD_BY_HAND, venue_time_ms=account.now_ms - 30_000))
    explain(account)
    assert account.position().size == 0


def test_stream_that_skipped_events_has_executions_read_at_once() -> None:
    account, _ = filled()
    audit(account)
    account.list_fills()
    account.sent.clear()
    account.do(make(StreamGap, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": SAFETY_MS}


def test_account_that_starts_reads_from_its_last_booked_execution_on() -> None:
    before, _ = filled()
    before.system._virtual.advance(600_000)
    account = before.restarted(open_gate=False)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    # The last audit of the former life may have been an interval before that execution.
    assert since(account) == {"BTC-USDT": 600_000 + INTERVAL_MS + SAFETY_MS}


def test_account_that_starts_reads_from_its_first_order_on_where_nothing_was_booked() -> None:
    before = Account()
    before.working()
    before.system._virtual.advance(600_000)
    account = before.restarted(open_gate=False)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": 600_000 + SAFETY_MS}


def test_account_that_was_away_for_long_reads_no_farther_back_than_the_lookback() -> None:
    before, _ = filled(lookback_ms=3_600_000)
    before.system._virtual.advance(10_000_000)
    account = before.restarted(open_gate=False)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": 3_600_000 + SAFETY_MS}


def test_execution_booked_since_the_start_hides_none_that_was_missed_before_it() -> None:
    before, _ = filled()
    before.system._virtual.advance(600_000)
    account = before.restarted(open_gate=False)
    account.hear(
        foreign("BTC-USDT", PublicStatus.FILLED),
        make(VenueFill, symbol="BTC-USDT", fill_id="99", size=D(1), venue_time_ms=account.now_ms),
    )
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": 600_000 + INTERVAL_MS + SAFETY_MS}


def test_account_that_is_loaded_again_trusts_no_list_of_its_former_memory() -> None:
    account, place = filled()
    audit(account)
    account.list_fills()
    asked_ms = account.now_ms
    fence(account, place)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    expected = account.now_ms - booked_ms(account) + INTERVAL_MS + SAFETY_MS
    assert since(account) == {"BTC-USDT": expected}
    # The answer to a question of the former life comes late: it vouches for what was thrown away.
    account.list_fills(asked_venue_ms=asked_ms)
    audit(account)
    assert since(account) == {"BTC-USDT": expected + INTERVAL_MS}


def test_account_that_is_loaded_again_reads_from_its_first_order_on_where_nothing_was_booked() -> None:
    account = Account()
    place = account.working()
    ordered_ms = account.now_ms
    audit(account)
    account.list_fills()
    fence(account, place)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    assert since(account) == {"BTC-USDT": account.now_ms - ordered_ms + SAFETY_MS}


# ----- what it finds


SOLD_BY_HAND = make(
    VenueFill, symbol="BTC-USDT", venue_order_id="77", fill_id="57", client_order_id=None, side=Side.SELL,
    size=D("0.01"),
)  # fmt: skip
SALE = make(
    VenueOrder, symbol="BTC-USDT", venue_order_id="77", client_order_id="web", side=Side.SELL,
    size=D("0.01"), filled_size=D("0.01"), status=PublicStatus.FILLED,
)  # fmt: skip


def filled(**policy: Any) -> tuple[Account, PlaceOrder]:
    """An account whose one order, for 0.01 BTC, was filled."""
    account = Account(**policy)
    place = account.working(size=D("0.01"))
    now_ms = account.now_ms
    account.hear(
        shown(place, filled_size=D("0.01"), status=PublicStatus.FILLED), executed(place, "0.01", venue_time_ms=now_ms)
    )
    return account, place


def booked_ms(account: Account) -> int:
    ((fill,),) = account.views.fills.values()
    return fill.venue_time_ms


def fence(account: Account, place: PlaceOrder) -> None:
    """The store has lost a section; the account is loaded anew from what is left."""
    account.take(make(OrderReported, **HEAD, order=shown(place), fill=None, evidence=account.evidence()))
    account.take(account.of_fill(executed(place, "0.001", "58")))
    account.commit(Verdict.GAP)
    account.pass_ms(1000)
    account.load(account.stored, epoch=2)
    account.sent.clear()


def explain(account: Account) -> None:
    """The venue answers what order a parked execution is of."""
    account.pass_ms(500)
    account.find(account.to_venue(LookUpOrder)[-1].order_id, SALE, SOLD_BY_HAND)


def test_sale_by_hand_in_the_recent_history_is_booked_with_its_order() -> None:
    """Where a search shows the order as well, nothing has to be looked up."""
    account, _ = filled()
    account.pass_ms(40_000)
    account.merge_history(SALE, fills=(replace(SOLD_BY_HAND, venue_time_ms=account.now_ms - 30_000),))
    assert account.position().size == 0
    assert any(order.external for order in account.views.orders.values())


def test_execution_in_the_recent_history_whose_order_no_list_shows_is_parked_and_looked_up() -> None:
    account, _ = filled()
    account.merge_history(fills=(replace(SOLD_BY_HAND, venue_time_ms=account.now_ms),))
    explain(account)
    assert account.position().size == 0


def test_sale_by_hand_from_before_our_time_stays_out_of_the_position() -> None:
    account, _ = filled()
    before_ms = account.now_ms - SAFETY_MS - 1
    account.merge_history(SALE, fills=(replace(SOLD_BY_HAND, venue_time_ms=before_ms),))
    account.pass_ms(500)
    assert (account.position().size, account.to_venue(LookUpOrder)) == (D("0.01"), [])


def test_sale_by_hand_while_the_process_was_down_is_booked_before_a_close_is_placed() -> None:
    before, _ = filled()
    before.system._virtual.advance(60_000)
    account = before.restarted(open_gate=False)
    account.connect(history=False)
    account.do(ClosePosition(account_id="1", exchange="binance", symbol="BTC-USDT", correlation_id="c", message_id="m"))
    account.merge_history(SALE, fills=(replace(SOLD_BY_HAND, venue_time_ms=account.now_ms - 30_000),))
    account.deliver()
    assert account.to_venue(PlaceOrder) == []


def test_execution_that_the_stream_swallowed_is_found_by_the_next_audit() -> None:
    account = Account()
    place = account.working()
    audit(account)
    account.list_fills(executed(place, "0.004", source=FillSource.REST))
    (recorded,) = account.happened(FillRecorded)
    assert (recorded.fill.size, recorded.fill.source) == (D("0.004"), FillSource.RECONCILE)
    assert account.order(place).state is OrderState.PARTIALLY_FILLED


def of_symbol(account: Account, *claims: VenueOrder) -> OpenOrdersFetched:
    fetched = {"symbol": "BTC-USDT", "asked_venue_ms": account.now_ms, "evidence": account.evidence()}
    return make(OpenOrdersFetched, **HEAD, orders=claims, **fetched)


def test_end_that_the_stream_swallowed_is_read_after_the_next_audit() -> None:
    account = Account()
    place: PlaceOrder = account.working()
    audit(account)
    account.do(of_symbol(account))
    assert [request.order_id for request in account.told(VerificationRequested)] == [place.order_id]
    account.look_up(place.order_id)
    account.find(place.order_id, shown(place, status=PublicStatus.CANCELLED))
    assert account.order(place).state is OrderState.CANCELLED


def test_list_of_one_symbol_asks_nothing_about_orders_of_another_and_opens_no_gate() -> None:
    account = Account()
    account.hear(foreign("ETH-USDT"))
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.pass_ms(1000)
    account.sent.clear()
    account.do(of_symbol(account))
    assert account.told(VerificationRequested) == []
    assert account.views.gates["binance"] != ""


def test_order_that_the_audit_shows_with_more_executed_waits_for_nothing_but_its_execution() -> None:
    account = Account()
    place = account.working()
    audit(account)
    account.do(of_symbol(account, shown(place, filled_size=D("0.004"))))
    assert len(account.told(VerificationRequested)) == 1
    account.list_fills(executed(place, "0.004"))
    assert account.order(place).filled_size == D("0.004")
