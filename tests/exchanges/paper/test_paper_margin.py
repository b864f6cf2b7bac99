"""Fees of every kind of venue, and positions of accounts on margin."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.paper.dialects.binance.dialect import BinanceDialect
from exchanges.paper.engine import Engine
from exchanges.paper.model import FeeRules, NewOrder, OrderTraded
from messages.types import OrderType, Side

SYMBOL = "BTC-USDT"
IN_QUOTE = FeeRules(maker=Decimal("0.001"), taker=Decimal("0.002"), per_unit=Decimal("0.5"), in_quote=True)


def fees(events):
    return [(e.execution.fee, e.execution.fee_currency) for e in events if isinstance(e, OrderTraded)]


def free(desk, account):
    return tuple(desk.engine.ledger.balance(account, asset)[0] for asset in ("USDT", "BTC"))


def test_fees_in_quote_are_charged_for_both_sides_from_what_is_free(new_desk):
    desk = new_desk(fees=IN_QUOTE)
    desk.rest("SELL", "2", "50000", account="bob")
    events = desk.place("BUY", "2", "50000")
    assert fees(events) == [(Decimal(201), "USDT"), (Decimal(101), "USDT")]
    assert free(desk, "alice") == (10_000_000 - 100_000 - 201, 1_002)
    assert free(desk, "bob") == (10_000_000 + 100_000 - 101, 998)
    assert desk.engine.ledger.total("USDT") == 20_000_000


def test_fees_in_quote_are_part_of_what_a_buyer_must_be_able_to_pay(new_desk):
    for funds, accepted in (("50100.5", True), ("50100.49", False)):
        desk = new_desk(fees=IN_QUOTE)
        desk.engine.add_account("poor", {"USDT": Decimal(funds)})
        events = desk.place("BUY", "1", "50000", account="poor")
        if accepted:
            desk.engine.execute(desk.placed(events).order_id, Decimal(50_000), Decimal(1), desk.tick())
            assert desk.engine.ledger.balance("poor", "USDT") == (50, 0)
        else:
            assert desk.refusal(events) == "insufficient_funds"


def test_fee_per_unit_that_is_not_in_quote_is_no_rule():
    with pytest.raises(ValueError, match="quote"):
        FeeRules(per_unit=Decimal(1))


def test_sale_on_margin_needs_nothing_to_sell_and_locks_nothing(new_desk):
    desk = new_desk(margin=True)
    desk.engine.add_account("short", {"USDT": Decimal(100)})
    order = desk.rest("SELL", "3", "50000", account="short")
    assert desk.engine.balances("short") == {"USDT": (100, 0)}
    desk.engine.modify("short", order.order_id, desk.tick(), size=Decimal(4), price=Decimal(51000))
    desk.engine.execute(order.order_id, Decimal(51000), Decimal(1), desk.tick())
    assert desk.engine.ledger.balance("short", "BTC") == (-1, 0)
    desk.engine.cancel("short", order.order_id, desk.tick())
    assert desk.engine.ledger.balance("short", "BTC") == (-1, 0)
    assert desk.engine.net("short", SYMBOL) == -1
    assert desk.engine.ledger.total("BTC") == 2_000


def test_sale_without_margin_needs_what_it_sells(new_desk):
    desk = new_desk()
    desk.engine.add_account("short", {"USDT": Decimal(100)})
    assert desk.refusal(desk.place("SELL", "3", "50000", account="short")) == "insufficient_funds"


@pytest.mark.parametrize(
    ("trades", "net", "entry"),
    [
        ([], "0", None),
        (["+1@100"], "1", "100"),
        (["+1@100", "+2@103"], "3", "102"),
        (["+1@100", "+2@101"], "3", "100.666666666667"),
        (["+2@100", "-1@150"], "1", "100"),
        (["+2@100", "-2@150"], "0", None),
        (["+2@100", "-2@150", "+1@170"], "1", "170"),
        (["+2@100", "-3@150"], "-1", "150"),
        (["-2@100", "-1@130"], "-3", "110"),
        (["-2@100", "+1@90"], "-1", "100"),
        (["-2@100", "+5@90"], "3", "90"),
    ],
)
def test_entry_price_is_the_average_of_what_opened_the_position(new_desk, trades, net, entry):
    desk = new_desk(margin=True)
    for trade in trades:
        signed, price = trade.split("@")
        order = desk.rest("BUY" if signed[0] == "+" else "SELL", signed[1:], price)
        desk.engine.execute(order.order_id, Decimal(price), Decimal(signed[1:]), desk.tick())
        # Asked in between: nothing may be counted twice.
        desk.engine.net("alice", SYMBOL)
    assert desk.engine.net("alice", SYMBOL) == Decimal(net)
    assert desk.engine.entry_price("alice", SYMBOL) == (None if entry is None else Decimal(entry))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(90, 110)), max_size=30))
def test_profit_under_random_trading_is_cash_and_the_value_of_what_is_held(trades):
    # Cash alone says what a position has earned when it is flat; entry prices must say the same along the way.
    engine = Engine(BinanceDialect.instruments(), margin=True, fees=FeeRules(maker=Decimal(0), taker=Decimal(0)))
    engine.add_account("a", {"USDT": Decimal(10_000_000)})
    net, entry, earned = Fraction(0), Fraction(0), Fraction(0)
    for number, (side, size, price) in enumerate(trades, start=1):
        order = NewOrder(
            account="a",
            client_order_id=f"c{number}",
            symbol=SYMBOL,
            side=side,
            type=OrderType.LIMIT,
            size=Decimal(size),
            price=Decimal(price),
        )
        placed = engine.place(order, number)[0].order
        engine.execute(placed.order_id, Decimal(price), Decimal(size), number)
        signed = size if side is Side.BUY else -size
        closed = min(size, abs(net)) * (1 if net > 0 else -1) if net * signed < 0 else 0
        earned += closed * (price - entry)
        net += signed
        entry = Fraction(engine.entry_price("a", SYMBOL) or 0)
        cash = Fraction(engine.ledger.balance("a", "USDT")[0] - 10_000_000)
        assert engine.net("a", SYMBOL) == net == Fraction(engine.ledger.balance("a", "BTC")[0])
        assert abs(cash + net * entry - earned) < Fraction(1, 10**8)
