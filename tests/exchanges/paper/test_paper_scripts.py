"""What scripts may do to the engine: many fills in one instant, money by hand, accounts with plenty of it."""

from decimal import Decimal

import pytest

from exchanges.paper.accounts import PLENTY
from exchanges.paper.model import BalanceChanged, OrderTraded, ScriptedFill


def balance(desk, account, asset):
    return desk.engine.ledger.balance(account, asset)


def test_unlimited_account_begins_with_plenty_of_every_asset_and_stays_above_zero(desk):
    desk.engine.add_account("rich", {"BTC": Decimal(5)}, unlimited=True)
    assert desk.rest("BUY", "100", "60000", account="rich").is_open
    assert balance(desk, "rich", "USDT") == (PLENTY - 6_000_000, 6_000_000)
    assert {asset: sum(both) for asset, both in desk.engine.balances("rich").items()} == {
        "BTC": PLENTY + 5,
        "ETH": PLENTY,
        "USDT": PLENTY,
        "USD": PLENTY,
    }


def test_unlimited_account_is_never_short_of_funds(desk):
    desk.engine.add_account("rich", unlimited=True)
    desk.engine.deposit("rich", "USDT", -PLENTY, desk.tick())
    assert desk.rest("BUY", "100", "60000", account="rich").is_open


# ----- money by hand


def test_deposit_is_told_with_the_new_balance_and_adds_up(desk):
    transferred, changed = desk.engine.deposit("alice", "USDT", Decimal("12.5"), desk.tick())
    assert (transferred.asset, transferred.amount) == ("USDT", Decimal("12.5"))
    assert (changed.asset, changed.free, changed.locked) == ("USDT", Decimal("10000012.5"), 0)
    assert desk.engine.ledger.total("USDT") == Decimal("20000012.5")


def test_withdrawal_takes_what_is_free_and_no_more(desk):
    desk.rest("BUY", "100", "50000")
    with pytest.raises(ValueError, match="free"):
        desk.engine.deposit("alice", "USDT", Decimal("-5000000.01"), desk.tick())
    assert balance(desk, "alice", "USDT") == (5_000_000, 5_000_000)
    desk.engine.deposit("alice", "USDT", Decimal(-5_000_000), desk.tick())
    assert balance(desk, "alice", "USDT") == (0, 5_000_000)


@pytest.mark.parametrize(("account", "amount"), [("nobody", "1"), ("#fees", "1"), ("alice", "0"), ("alice", "NaN")])
def test_deposit_that_makes_no_sense_is_refused(desk, account, amount):
    with pytest.raises(ValueError, match="no deposit"):
        desk.engine.deposit(account, "USDT", Decimal(amount), desk.tick())
    assert desk.engine.ledger.total("USDT") == 20_000_000


# ----- many fills at once


def test_fills_of_one_instant_share_its_time_and_have_rising_ids(desk):
    first, second = desk.rest("BUY", "2", "50000"), desk.rest("BUY", "1", "40000")
    script = [ScriptedFill(one.order_id, Decimal(39_999), Decimal("0.25")) for one in (first, second, first, first)]
    events, impossible = desk.engine.execute_many(script, desk.tick())
    executions = [event.execution for event in events if isinstance(event, OrderTraded)]
    assert impossible == ()
    assert [one.order_id for one in executions] == [fill.order_id for fill in script]
    assert {one.at_ms for one in executions} == {desk.now_ms}
    assert [one.trade_id for one in executions] == sorted({one.trade_id for one in executions})
    assert (desk.now(first).filled_size, desk.now(second).filled_size) == (Decimal("0.75"), Decimal("0.25"))


def test_fills_of_one_instant_tell_each_balance_once_at_the_end(desk):
    order = desk.rest("BUY", "2", "50000")
    events, _ = desk.engine.execute_many([ScriptedFill(order.order_id, Decimal(50_000), Decimal(1))] * 2, desk.tick())
    told = {event.asset: (event.free, event.locked) for event in events[-2:]}
    assert [type(event) for event in events] == [OrderTraded, OrderTraded, BalanceChanged, BalanceChanged]
    assert told == {"USDT": (9_900_000, 0), "BTC": (Decimal("1001.998"), 0)}
    assert [desk.engine.ledger.total(asset) for asset in ("USDT", "BTC")] == [20_000_000, 2_000]


def test_impossible_fills_are_left_out_and_named_and_the_others_happen(desk):
    order, ended = desk.rest("BUY", "1", "50000"), desk.rest("BUY", "1", "50000")
    desk.engine.cancel("alice", ended.order_id, desk.tick())
    possible = ScriptedFill(order.order_id, Decimal(50_000), Decimal("0.6"))
    beyond = [
        possible,
        ScriptedFill(order.order_id, Decimal(50_001), Decimal("0.1")),
        ScriptedFill(order.order_id, Decimal(50_000), Decimal(-1)),
        ScriptedFill(ended.order_id, Decimal(50_000), Decimal("0.1")),
        ScriptedFill(10**9, Decimal(50_000), Decimal("0.1")),
    ]
    _, impossible = desk.engine.execute_many([possible, *beyond], desk.tick())
    assert impossible == tuple(beyond)
    assert desk.now(order).filled_size == Decimal("0.6")
    assert len(desk.engine.truth.executions) == 1


def test_stop_that_one_of_many_fills_triggers_works_before_the_next_fill(desk):
    seller = desk.rest("SELL", "1", "61000")
    stop = desk.placed(desk.stop("BUY", "1", "60500", "60600"))
    rising = ScriptedFill(seller.order_id, Decimal(61_000), Decimal(1))
    working = ScriptedFill(stop.order_id, Decimal(60_600), Decimal("0.5"))
    _, impossible = desk.engine.execute_many([working, rising, working], desk.tick())
    assert impossible == (working,)
    assert desk.now(stop).filled_size == Decimal("0.5")
