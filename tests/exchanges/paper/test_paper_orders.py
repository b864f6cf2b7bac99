"""Golden scenarios of the engine: each order type and time in force, by what becomes of order, money and book."""

from dataclasses import replace
from decimal import Decimal

import pytest

from exchanges.paper.dialects.binance.dialect import BinanceDialect
from exchanges.paper.model import (
    BalanceChanged,
    ClientIdPolicy,
    EndReason,
    FeeRules,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderTraded,
    OrderTriggered,
    OrderVoided,
    PaperStatus,
)
from messages.fills import Liquidity
from messages.types import OrderType, Side, TimeInForce


def kinds(events):
    return [type(event) for event in events if not isinstance(event, BalanceChanged)]


def balance(desk, account, asset):
    return desk.engine.ledger.balance(account, asset)


def test_limit_order_without_match_rests_and_locks_its_cost(desk):
    order = desk.rest("BUY", "2", "50000")
    assert order.is_open
    assert desk.engine.best("BTC-USDT", Side.BUY) == Decimal(50000)
    assert balance(desk, "alice", "USDT") == (Decimal(9_900_000), Decimal(100_000))


def test_limit_order_crossing_trades_at_the_resting_price_and_frees_the_rest(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    taker = desk.rest("BUY", "1", "51000")
    assert taker.status is PaperStatus.FILLED
    assert taker.filled_value == Decimal(50000)
    assert balance(desk, "alice", "USDT") == (Decimal(9_950_000), Decimal(0))
    assert balance(desk, "alice", "BTC")[0] == Decimal("1000.999")
    assert balance(desk, "bob", "USDT")[0] == Decimal(10_049_950)


def test_limit_order_larger_than_the_match_rests_with_the_remainder(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    taker = desk.rest("BUY", "3", "50000")
    assert (taker.is_open, taker.filled_size, taker.remaining) == (True, Decimal(1), Decimal(2))
    assert balance(desk, "alice", "USDT")[1] == Decimal(100_000)


def test_trade_gives_both_sides_one_id_and_their_own_liquidity(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    events = desk.place("BUY", "1", "50000")
    first, second = [event.execution for event in events if isinstance(event, OrderTraded)]
    assert first.trade_id == second.trade_id
    assert {first.liquidity, second.liquidity} == {Liquidity.TAKER, Liquidity.MAKER}
    assert (first.fee, first.fee_currency) == (Decimal("0.001"), "BTC")
    assert (second.fee, second.fee_currency) == (Decimal(50), "USDT")


def test_fee_rates_differ_for_maker_and_taker_are_applied(new_desk):
    desk = new_desk(fees=FeeRules(maker=Decimal(0), taker=Decimal("0.002")))
    desk.rest("SELL", "1", "50000", account="bob")
    events = desk.place("BUY", "1", "50000")
    assert [event.execution.fee for event in events if isinstance(event, OrderTraded)] == [Decimal("0.002"), Decimal(0)]


def test_trade_ids_are_counted_per_symbol(desk):
    desk.engine.add_account("rich", unlimited=True)
    for symbol, price in (("BTC-USDT", "50000"), ("ETH-USDT", "3000")):
        order = desk.rest("BUY", "1", price, account="rich", symbol=symbol)
        desk.engine.execute(order.order_id, Decimal(price), Decimal(1), desk.tick())
    assert [execution.trade_id for execution in desk.engine.truth.executions] == [1, 1]


def test_market_order_by_base_sweeps_levels_best_first(desk):
    desk.rest("SELL", "1", "50100", account="bob")
    desk.rest("SELL", "1", "50000", account="bob")
    events = desk.place("BUY", "1.5")
    assert [e.execution.price for e in events if isinstance(e, OrderTraded) and e.account == "alice"] == [50000, 50100]
    assert desk.placed(events).filled_value == Decimal(75050)


def test_market_order_running_out_of_book_keeps_its_fills_and_expires(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    order = desk.placed(desk.place("BUY", "2"))
    assert (order.status, order.end_reason) == (PaperStatus.EXPIRED, EndReason.NO_LIQUIDITY)
    assert order.filled_size == Decimal(1)
    assert balance(desk, "alice", "USDT") == (Decimal(9_950_000), Decimal(0))


def test_market_order_by_quote_spends_as_near_as_the_step_allows(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    order = desk.placed(desk.place("BUY", None, quote_size=Decimal("1000.40")))
    assert (order.status, order.filled_size, order.filled_value) == (
        PaperStatus.FILLED,
        Decimal("0.02000"),
        Decimal(1000),
    )


def test_market_order_by_quote_selling_receives_as_near_as_the_step_allows(desk):
    desk.rest("BUY", "1", "50000", account="bob")
    order = desk.placed(desk.place("SELL", None, quote_size=Decimal("1000.40")))
    assert (order.status, order.filled_value) == (PaperStatus.FILLED, Decimal(1000))


def test_market_order_by_quote_running_out_of_book_expires_with_its_fills(desk):
    desk.rest("SELL", "0.01", "50000", account="bob")
    order = desk.placed(desk.place("BUY", None, quote_size=Decimal(1000)))
    assert (order.status, order.filled_value) == (PaperStatus.EXPIRED, Decimal(500))
    assert order.remaining == Decimal("0.01")


def test_market_order_by_quote_on_an_empty_book_expires_unfilled(desk):
    order = desk.placed(desk.place("BUY", None, quote_size=Decimal(1000)))
    assert (order.status, order.filled_size) == (PaperStatus.EXPIRED, Decimal(0))


def test_ioc_order_partly_matched_expires_the_remainder_and_never_rests(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    order = desk.placed(desk.place("BUY", "3", "50000", time_in_force=TimeInForce.IOC))
    assert (order.status, order.end_reason, order.filled_size) == (PaperStatus.EXPIRED, EndReason.IOC_REMAINDER, 1)
    assert desk.engine.best("BTC-USDT", Side.BUY) is None
    assert balance(desk, "alice", "USDT")[1] == 0


def test_fok_order_that_cannot_fill_completely_fills_nothing(desk):
    resting = desk.rest("SELL", "1", "50000", account="bob")
    order = desk.placed(desk.place("BUY", "3", "50000", time_in_force=TimeInForce.FOK))
    assert (order.status, order.end_reason, order.filled_size) == (PaperStatus.EXPIRED, EndReason.FOK_UNFILLABLE, 0)
    assert desk.now(resting).filled_size == 0


def test_fok_order_that_can_fill_completely_fills_over_several_levels(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    desk.rest("SELL", "1", "50010", account="bob")
    order = desk.placed(desk.place("BUY", "2", "50010", time_in_force=TimeInForce.FOK))
    assert order.status is PaperStatus.FILLED


def test_gtt_order_expires_when_its_time_has_come_and_not_before(desk):
    order = desk.rest("BUY", "1", "50000", time_in_force=TimeInForce.GTT, expires_at_ms=desk.now_ms + 1000)
    assert desk.engine.step(order.expires_at_ms - 1) == ()
    events = desk.engine.step(order.expires_at_ms)
    assert kinds(events) == [OrderExpired]
    assert (desk.now(order).end_reason, balance(desk, "alice", "USDT")[1]) == (EndReason.TIME, 0)
    assert desk.engine.best("BTC-USDT", Side.BUY) is None


def test_post_only_order_that_would_take_is_refused(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    assert desk.refusal(desk.place("BUY", "1", "50000", post_only=True)) == "would_take"
    assert desk.rest("BUY", "1", "49999.99", post_only=True).is_open


def test_price_time_priority_first_at_the_better_price_first_in_time_at_the_same(desk):
    late_better = [
        desk.rest("SELL", "1", "50001", account="bob"),
        desk.rest("SELL", "1", "50000", account="bob"),
        desk.rest("SELL", "1", "50000", account="bob"),
    ]
    events = desk.place("BUY", "3", "50001")
    filled = [event.order.order_id for event in events if isinstance(event, OrderTraded) and event.account == "bob"]
    assert filled == [late_better[1].order_id, late_better[2].order_id, late_better[0].order_id]


def test_self_trade_expires_the_resting_order_and_goes_on_to_others(desk):
    own = desk.rest("SELL", "1", "50000")
    other = desk.rest("SELL", "1", "50001", account="bob")
    events = desk.place("BUY", "1", "50001")
    assert kinds(events)[:2] == [OrderAccepted, OrderExpired]
    assert (desk.now(own).status, desk.now(own).end_reason) == (PaperStatus.EXPIRED, EndReason.SELF_TRADE)
    assert desk.now(other).status is PaperStatus.FILLED
    assert not [e for e in desk.engine.truth.executions if e.order_id == own.order_id]


def test_self_trade_gives_no_liquidity_to_fok(desk):
    own = desk.rest("SELL", "1", "50000")
    order = desk.placed(desk.place("BUY", "1", "50000", time_in_force=TimeInForce.FOK))
    assert order.end_reason is EndReason.FOK_UNFILLABLE
    assert desk.now(own).is_open


@pytest.mark.parametrize(("side", "stop_price", "trade_at"), [("BUY", "61000", "61000"), ("SELL", "59000", "58999")])
def test_stop_market_order_triggers_on_the_last_trade_and_takes(desk, side, stop_price, trade_at):
    stop = desk.placed(desk.stop(side, "1", stop_price))
    assert not stop.working
    other = "SELL" if side == "BUY" else "BUY"
    desk.rest(other, "5", trade_at, account="bob")
    assert desk.now(stop).is_open
    desk.engine.add_account("carol", unlimited=True)
    events = desk.place(side, "1", trade_at, account="carol")
    assert OrderTriggered in kinds(events)
    assert desk.now(stop).status is PaperStatus.FILLED
    assert balance(desk, "alice", "USDT")[1] == balance(desk, "alice", "BTC")[1] == 0


def test_stop_limit_order_triggered_away_from_its_limit_rests_in_the_book(desk):
    stop = desk.placed(desk.stop("BUY", "1", "61000", "60500"))
    probe = desk.rest("BUY", "1", "61000", account="bob")
    desk.engine.execute(probe.order_id, Decimal(61000), Decimal(1), desk.tick())
    assert (desk.now(stop).working, desk.now(stop).is_open) == (True, True)
    assert desk.engine.best("BTC-USDT", Side.BUY) == Decimal(60500)


def test_stop_on_the_wrong_side_of_the_market_is_refused(desk):
    assert desk.refusal(desk.stop("BUY", "1", "59000", trigger_above=True)) == "would_trigger"


def test_stop_market_order_that_cannot_pay_when_triggered_expires_refused(desk):
    desk.engine.add_account("poor", {"USDT": Decimal(61_000)})
    stop = desk.placed(desk.stop("BUY", "1", "61000", account="poor"))
    desk.rest("SELL", "5", "62000", account="bob")
    probe = desk.rest("BUY", "1", "61500")
    desk.engine.execute(probe.order_id, Decimal(61500), Decimal(1), desk.tick())
    assert desk.now(stop).end_reason is EndReason.TRIGGER_REFUSED
    assert balance(desk, "poor", "USDT") == (Decimal(61_000), 0)


def test_stop_cascade_triggers_one_after_the_other(desk):
    first = desk.placed(desk.stop("SELL", "1", "59000"))
    second = desk.placed(desk.stop("SELL", "1", "58000", account="alice"))
    desk.rest("BUY", "1", "59000", account="bob")
    desk.rest("BUY", "1", "58000", account="bob")
    desk.rest("BUY", "1", "57000", account="bob")
    desk.engine.add_account("carol", unlimited=True)
    desk.place("SELL", "1", account="carol")
    assert [desk.now(order).filled_value for order in (first, second)] == [58000, 57000]


def test_cancel_frees_funds_and_reports_the_cancels_own_id(desk):
    order = desk.rest("BUY", "1", "50000")
    events = desk.engine.cancel("alice", order.order_id, desk.tick(), cancel_id="x1")
    assert isinstance(events[0], OrderCancelled)
    assert events[0].cancel_id == "x1"
    assert balance(desk, "alice", "USDT")[1] == 0
    assert desk.engine.best("BTC-USDT", Side.BUY) is None


@pytest.mark.parametrize("account", ["alice", "bob"])
def test_cancel_of_a_gone_or_foreign_order_is_refused(desk, account):
    order = desk.rest("BUY", "1", "50000")
    if account == "alice":
        desk.engine.cancel("alice", order.order_id, desk.tick())
    assert desk.refusal(desk.engine.cancel(account, order.order_id, desk.tick())) == "unknown_order"


def test_amend_down_keeps_the_place_in_the_queue_and_frees_funds(desk):
    first = desk.rest("SELL", "2", "50000", account="bob")
    second = desk.rest("SELL", "2", "50000", account="bob")
    events = desk.engine.amend("bob", first.order_id, Decimal(1), desk.tick(), client_order_id="renamed")
    assert kinds(events) == [OrderAmended]
    assert balance(desk, "bob", "BTC")[1] == Decimal(3)
    desk.place("BUY", "1", "50000")
    assert desk.now(first).status is PaperStatus.FILLED
    assert desk.now(second).filled_size == 0
    assert desk.engine.find("bob", "BTC-USDT", "renamed").order_id == first.order_id


@pytest.mark.parametrize(("size", "reason"), [("3", "amend_increase"), ("2", "amend_no_change"), ("0", "lot_size")])
def test_amend_up_or_to_nothing_is_refused(desk, size, reason):
    order = desk.rest("BUY", "2", "50000")
    assert desk.refusal(desk.engine.amend("alice", order.order_id, Decimal(size), desk.tick())) == reason
    assert desk.now(order).size == 2


def test_amend_to_what_has_executed_ends_the_order(desk):
    order = desk.rest("BUY", "2", "50000")
    desk.engine.execute(order.order_id, Decimal(50000), Decimal(1), desk.tick())
    desk.engine.amend("alice", order.order_id, Decimal(1), desk.tick())
    assert desk.now(order).end_reason is EndReason.AMENDED_BELOW_FILLED
    assert balance(desk, "alice", "USDT")[1] == 0


def test_client_order_id_is_taken_again_once_the_first_order_is_closed(desk):
    order = desk.rest("BUY", "1", "50000", client_order_id="same")
    assert desk.refusal(desk.place("BUY", "1", "50000", client_order_id="same")) == "duplicate_client_id"
    desk.engine.cancel("alice", order.order_id, desk.tick())
    again = desk.rest("BUY", "1", "50000", client_order_id="same")
    assert desk.engine.truth.duplicates() == {("alice", "same"): (order.order_id, again.order_id)}


def test_client_order_id_under_the_strict_policy_is_never_taken_again(new_desk):
    desk = new_desk(client_ids=ClientIdPolicy.EVER)
    order = desk.rest("BUY", "1", "50000", client_order_id="same")
    desk.engine.cancel("alice", order.order_id, desk.tick())
    assert desk.refusal(desk.place("BUY", "1", "50000", client_order_id="same")) == "duplicate_client_id"


def test_execute_fills_exactly_what_the_script_says(desk):
    order = desk.rest("BUY", "2", "50000")
    events = desk.engine.execute(order.order_id, Decimal("49990.5"), Decimal("0.5"), desk.tick())
    (traded,) = [event for event in events if isinstance(event, OrderTraded)]
    assert (traded.execution.price, traded.execution.size) == (Decimal("49990.5"), Decimal("0.5"))
    assert desk.now(order).remaining == Decimal("1.5")
    assert desk.engine.ledger.total("USDT") == Decimal(20_000_000)


@pytest.mark.parametrize(("price", "size"), [("50001", "1"), ("50000", "3"), ("50000", "0")])
def test_execute_beyond_limit_or_remainder_is_an_error_and_changes_nothing(desk, price, size):
    order = desk.rest("BUY", "2", "50000")
    with pytest.raises(ValueError, match="cannot execute"):
        desk.engine.execute(order.order_id, Decimal(price), Decimal(size), desk.tick())
    assert desk.now(order).filled_size == 0


def test_scripted_orders_cross_without_matching_and_fill_only_by_script(desk):
    desk.engine.add_account("replay", unlimited=True, scripted=True)
    buy = desk.rest("BUY", "1", "50000", account="replay")
    sell = desk.rest("SELL", "1", "49000", account="replay")
    assert (buy.filled_size, sell.filled_size, desk.engine.best("BTC-USDT", Side.BUY)) == (0, 0, None)
    desk.engine.execute(buy.order_id, Decimal(49500), Decimal(1), desk.tick())
    assert desk.now(buy).status is PaperStatus.FILLED
    assert desk.now(sell).filled_size == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (PaperStatus.CANCELLED, OrderCancelled),
        (PaperStatus.EXPIRED, OrderExpired),
        (PaperStatus.REJECTED, OrderVoided),
    ],
)
def test_venue_ends_an_order_by_itself_and_frees_its_funds(desk, status, kind):
    order = desk.rest("BUY", "1", "50000")
    assert kinds(desk.engine.end(order.order_id, status, desk.tick())) == [kind]
    assert (desk.now(order).status, desk.now(order).end_reason) == (status, EndReason.VENUE)
    assert balance(desk, "alice", "USDT")[1] == 0
    assert desk.engine.end(order.order_id, status, desk.tick()) == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account": "nobody"}, "unknown_account"),
        ({"account": "#outside"}, "unknown_account"),
        ({"symbol": "DOGE-USDT"}, "unknown_symbol"),
        ({"price": Decimal("50000.001")}, "price_filter"),
        ({"price": Decimal(2_000_000)}, "price_filter"),
        ({"size": Decimal("0.000001")}, "lot_size"),
        ({"size": Decimal(10_000)}, "lot_size"),
        ({"size": Decimal("0.00001")}, "notional"),
        ({"size": Decimal(8_000)}, "notional"),
        ({"size": Decimal(0)}, "malformed"),
        ({"quote_size": Decimal(1)}, "malformed"),
        ({"stop_price": Decimal(1)}, "malformed"),
        ({"time_in_force": TimeInForce.GTT}, "malformed"),
        ({"type": OrderType.MARKET}, "malformed"),
        ({"type": OrderType.MARKET, "price": None, "size": Decimal(501)}, "market_lot_size"),
        ({"side": Side.SELL, "size": Decimal(150), "account": "poor"}, "insufficient_funds"),
        ({"size": Decimal(150), "account": "poor"}, "insufficient_funds"),
    ],
)
def test_placement_that_breaks_a_rule_is_refused_and_changes_nothing(desk, changes, reason):
    desk.engine.add_account("poor", {"USDT": Decimal(10), "BTC": Decimal(1)})
    request = replace(desk.request("BUY", "1", "50000"), **changes)
    assert desk.refusal(desk.engine.place(request, desk.tick())) == reason
    assert desk.engine.truth.accepted_count == 0


def test_halted_instrument_refuses_placements(new_desk):
    desk = new_desk(instruments=tuple(replace(one, trading=False) for one in BinanceDialect.instruments()))
    assert desk.refusal(desk.place("BUY", "1", "50000")) == "not_trading"


def test_sequence_numbers_of_events_rise_by_one(desk):
    desk.rest("SELL", "1", "50000", account="bob")
    events = desk.place("BUY", "1", "50000")
    numbers = [event.sequence for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_unaudited_account_leaves_no_ended_orders_in_the_record(desk):
    desk.engine.add_account("noise", unlimited=True, audited=False)
    resting = desk.rest("SELL", "1", "50000", account="noise", client_order_id="n")
    taker = desk.rest("BUY", "1", "50000")
    assert desk.engine.order(resting.order_id) is None
    assert [execution.account for execution in desk.engine.truth.executions] == ["alice"]
    assert desk.now(taker).status is PaperStatus.FILLED
