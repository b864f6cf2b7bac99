"""What a venue has locked, and what it holds, against our orders and executions."""

from decimal import Decimal
from typing import Any

import pytest
from compared_kit import JUST_NOW, LONG_AGO, kinds, only, order, question
from factories import NOW_MS, make

from actors.domain.assets import Assets
from actors.domain.parity import Compared
from actors.domain.parity_balances import compare_holdings, compare_locked
from messages import Order, OrderState, OrderType, Position, Side


def assets_of(symbol: str) -> Assets | None:
    return {"BTC-USDT": Assets("BTC", "USDT"), "ETH-USDT": Assets("ETH", "USDT")}.get(symbol)


def locked(ours: list[Order], *amounts: tuple[str, str], **changes: Any) -> Compared:
    """`amounts`: currency and what of it is locked."""
    balances = [(currency, Decimal(1_000) + Decimal(amount), Decimal(1_000)) for currency, amount in amounts]
    return compare_locked(ours, balances, question(), assets_of=assets_of, **changes)


def test_locked_equals_the_remaining_value_of_buys_and_the_remaining_size_of_sells() -> None:
    ours = [
        order("1", size=Decimal(2), filled_size=Decimal("0.5"), price=Decimal(100)),
        order("2", symbol="ETH-USDT", size=Decimal(3), price=Decimal(10), type=OrderType.STOP_LIMIT),
        order("3", side=Side.SELL, size=Decimal(4), filled_size=Decimal(1)),
        order("4", side=Side.SELL, size=Decimal("0.5"), type=OrderType.STOP_MARKET, price=None),
    ]

    agreed = locked(ours, ("USDT", "180.00"), ("BTC", "3.5"), ("ETH", "0"))
    off = locked(ours, ("USDT", "181"), ("BTC", "3.5"), ("ETH", "0.1"))

    assert agreed == Compared(count=2)
    assert [(each.difference.subject, each.difference.ours, each.difference.venues) for each in off.findings] == [
        ("ETH", "0", "0.1"),
        ("USDT", "180", "181"),
    ]
    assert not any(each.sure for each in off.findings)
    assert off.count == 3


def test_locked_without_a_balance_of_the_currency_differs() -> None:
    assert only(locked([order()])).difference.venues == "0"


def test_locked_may_lack_the_last_place_of_each_orders_reserve_and_not_more() -> None:
    ours = [order(size=Decimal("0.33333333"), price=Decimal("0.11111111"))]
    exact = "0.0370370362962963"

    assert locked(ours, ("USDT", "0.03703703")).findings == ()
    assert kinds(locked(ours, ("USDT", str(Decimal(exact) - Decimal("0.00000002"))))) == ["locked_differs"]


@pytest.mark.parametrize(
    "busy",
    [
        {"updated_at_ms": JUST_NOW},
        {"state": OrderState.SUBMITTED, "state_since_ms": JUST_NOW, "updated_at_ms": JUST_NOW},
        {"cancel_pending": True, "updated_at_ms": JUST_NOW},
        {"state": OrderState.FILLED, "updated_at_ms": JUST_NOW},
    ],
)
def test_locked_of_a_currency_that_an_order_is_changing_is_left_out_and_others_are_not(busy: Any) -> None:
    ours = [order(**busy), order("2", side=Side.SELL, size=Decimal(1))]

    compared = locked(ours, ("USDT", "77"), ("BTC", "2"))

    assert [each.difference.subject for each in compared.findings] == ["BTC"]
    assert compared.left_out == ("locked USDT: orders are under way or have just changed",)
    assert compared.unjudged == ()


@pytest.mark.parametrize(
    ("why", "unsettled"),
    [
        ("of unknown outcome", {"state": OrderState.SUBMITTED, "state_since_ms": LONG_AGO}),
        ("whose cancel or change is not answered", {"cancel_pending": True}),
        ("waiting for a person's decision", {"needs_review": True}),
        ("being read again", {"order_id": "read"}),
        ("being read again", {"order_id": "read", "state": OrderState.FILLED}),
        ("dated later than now: a clock was set back", {"updated_at_ms": NOW_MS + 3_600_000}),
        (
            "dated later than now: a clock was set back",
            {"state": OrderState.FILLED, "updated_at_ms": NOW_MS + 3_600_000},
        ),
    ],
)
def test_locked_of_a_currency_with_an_order_nobody_can_judge_is_not_compared_and_named(
    why: str, unsettled: Any
) -> None:
    ours = [order("1", updated_at_ms=JUST_NOW), order(**unsettled), order("2", updated_at_ms=JUST_NOW)]

    compared = locked(ours, ("USDT", "77"), unresolved={"read"})

    assert compared == Compared(unjudged=(f"locked USDT: of an order {why}",))


def test_locked_by_orders_that_ended_long_ago_or_never_left_is_nothing() -> None:
    ours = [order(state=OrderState.FILLED), order("2", state=OrderState.DRAFT, updated_at_ms=JUST_NOW)]

    assert locked(ours, ("USDT", "0")) == Compared()


@pytest.mark.parametrize("changes", [{"price": None, "type": OrderType.STOP_MARKET}, {"quote_size": Decimal(5)}])
def test_locked_by_a_buy_whose_cost_nobody_knows_is_not_compared_and_named(changes: Any) -> None:
    compared = locked([order(**changes)], ("USDT", "77"))

    assert compared == Compared(unjudged=("locked USDT: what an order reserves of it is not known",))


def test_locked_by_several_orders_of_others_in_one_symbol_is_left_out_since_a_list_shares_one_reserve() -> None:
    legs = [order(str(number), side=Side.SELL, external=True) for number in (1, 2)]

    assert locked(legs, ("BTC", "1")) == Compared(unjudged=("locked BTC: what an order reserves of it is not known",))
    assert kinds(locked(legs[:1], ("BTC", "3"))) == ["locked_differs"], "one order by itself is no list"


def test_locked_with_an_unlisted_symbol_is_not_compared_at_all() -> None:
    compared = locked([order(symbol="XRP-USDT")], ("USDT", "77"))

    assert compared == Compared(unjudged=("what is locked: the currencies of XRP-USDT are not known",))


def test_holding_that_drifted_is_a_sure_difference() -> None:
    positions = [
        make(Position, unexplained=Decimal(0), drift=Decimal("-0.50"), size=Decimal(1)),
        make(Position, symbol="ETH-USDT", unexplained=Decimal(7), size=Decimal(1)),
        make(Position, symbol="XRP-USDT"),
    ]

    compared = compare_holdings(positions, question(), assets_of=assets_of)

    found = only(compared)
    assert found.sure
    assert (found.difference.subject, found.difference.name) == ("BTC-USDT", "holding of BTC")
    assert found.difference.venues == "changed by -0.5 beyond them"
    assert (compared.count, compared.left_out, compared.unjudged) == (2, (), ())


def test_holding_that_was_never_compared_or_not_the_last_time_is_named_once_it_is_old() -> None:
    positions = [
        make(Position, symbol="SOL-USDT", size=Decimal(1), opened_ms=LONG_AGO),
        make(Position, symbol="ADA-USDT", size=Decimal(1), opened_ms=LONG_AGO, unexplained=Decimal(0)),
        make(Position, symbol="DOT-USDT", size=Decimal(1), opened_ms=JUST_NOW),
        make(Position, symbol="XRP-USDT", opened_ms=None),
    ]

    compared = compare_holdings(positions, question(), assets_of=assets_of, uncompared={"ADA-USDT", "XRP-USDT"})

    assert compared == Compared(
        left_out=("1 under way, or changed less than 10000 ms before the question",),
        unjudged=("2 with a holding that was not compared with our executions: SOL-USDT, ADA-USDT",),
    )
