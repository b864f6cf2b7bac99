"""The random market: repeatable, two-sided, and no burden on the record."""

from decimal import Decimal
from random import Random

import pytest

from exchanges.paper.accounts import PLENTY
from exchanges.paper.dialects.binance.dialect import BinanceDialect
from exchanges.paper.dialects.projectx.dialect import ProjectXDialect
from exchanges.paper.engine import Engine
from exchanges.paper.market import RandomMarket
from exchanges.paper.model import NewOrder, OrderTraded, PaperStatus
from messages.types import OrderType, Side

SYMBOLS = ("BTC-USDT", "ETH-USDT", "BTC-USD")


def run(seed, steps):
    engine = Engine(BinanceDialect.instruments())
    market = RandomMarket(engine, Random(seed), SYMBOLS)
    events = [event for now_ms in range(1, steps + 1) for event in market.step(now_ms)]
    return engine, events


def test_market_with_the_same_seed_does_the_same():
    assert run(5, 50)[1] == run(5, 50)[1]
    assert run(5, 50)[1] != run(6, 50)[1]


def test_market_after_some_steps_has_two_sides_and_has_traded_every_symbol():
    engine, events = run(1, 200)
    traded = {event.order.symbol for event in events if isinstance(event, OrderTraded)}
    assert traded == set(SYMBOLS)
    for symbol in SYMBOLS:
        assert engine.best(symbol, Side.BUY) < engine.best(symbol, Side.SELL)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_market_of_futures_is_one_or_two_ticks_wide_as_a_rule(seed):
    engine = Engine(ProjectXDialect.instruments(), margin=True)
    market = RandomMarket(engine, Random(seed), ("CON.F.US.EP.Z26",))
    ticks = []
    for now_ms in range(1, 500):
        market.step(now_ms)
        bid, ask = (engine.best("CON.F.US.EP.Z26", side) for side in (Side.BUY, Side.SELL))
        ticks.append(None if bid is None or ask is None else (ask - bid) / Decimal("0.25"))
    assert sum(each in (1, 2) for each in ticks) > 450
    assert max(each for each in ticks if each is not None) <= 8


def test_market_that_runs_long_keeps_a_bounded_record_and_makes_no_money():
    engine, _ = run(1, 1500)
    assert len(engine.truth.orders) < 200
    assert engine.truth.executions == []
    assert all(engine.ledger.total(asset) == 2 * PLENTY for asset in ("BTC", "ETH", "USDT", "USD"))


def test_market_fills_a_resting_order_of_somebody_else():
    engine = Engine(BinanceDialect.instruments())
    engine.add_account("us", {"USDT": Decimal(10_000_000)})
    market = RandomMarket(engine, Random(3), ("BTC-USDT",))
    market.step(1)
    bid = engine.best("BTC-USDT", Side.BUY) + Decimal("0.01")
    order = NewOrder(
        account="us",
        client_order_id="x",
        symbol="BTC-USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        size=Decimal("0.001"),
        price=bid,
    )
    engine.place(order, 2)
    for now_ms in range(3, 500):
        market.step(now_ms)
    assert engine.find("us", "BTC-USDT", "x").status is PaperStatus.FILLED
