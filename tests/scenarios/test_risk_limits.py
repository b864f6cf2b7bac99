"""Use case 4, risk management: what an order would bring about is known before it is placed, and limited."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from awareness_world import (
    World,
    answered,
    by_hand,
    history,
    limit_order,
    live_at_venue,
    placed,
    refused,
)
from fill_world import DEADLINE_S, Desk, FillVenue, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderType, Side, SubmitOrder
from messages.commands import CancelAll, ModifyOrder
from messages.events import RiskRuleTriggered
from messages.queries import OrderPlaced, RefusalCode, Refused
from messages.types import OrderState, Trigger

ROUNDS = 50
ETH = "ETH-USDT"


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


@dataclass(frozen=True)
class Case:
    """Limits, orders that keep to them, one that does not, and what it is told."""

    risk: dict[str, Any]
    before: tuple[dict[str, Any], ...]
    order: dict[str, Any]
    told: tuple[str, str, str]
    passes: dict[str, Any]
    """An order that keeps to the limit where the other one does not."""


def terms(price: str, size: str = "0.01", side: Side = Side.BUY, **more: Any) -> dict[str, Any]:
    return {"price": Decimal(price), "size": Decimal(size), "side": side, **more}


ONE = terms("42500")  # worth 425
CASES = {
    "order_notional": Case(
        {"maxOrderNotional": "425"}, (), terms("42500.01"), ("maxOrderNotional", "425", "425.0001"), ONE,
    ),
    "open_orders_of_a_symbol": Case(
        {"maxOpenOrders": {"perSymbol": 2}}, (ONE, terms("42000")), terms("41000"),
        ("maxOpenOrders.perSymbol", "2", "3"), terms("2000", symbol=ETH),
    ),
    "open_orders_of_the_account": Case(
        {"maxOpenOrders": {"perAccount": 2}}, (ONE,), terms("2001", symbol=ETH),
        ("maxOpenOrders.perAccount", "2", "3"), terms("2000", symbol=ETH),
    ),
    "open_notional_of_a_symbol": Case(
        {"maxOpenNotional": {"perSymbol": "850"}}, (ONE,), terms("42499", "0.01001"),
        ("maxOpenNotional.perSymbol", "850", "850.41499"), terms("42498", "0.01"),
    ),
    "open_notional_of_the_exchange": Case(
        {"maxOpenNotional": {"perExchange": "430"}}, (ONE,), terms("2000", symbol=ETH),
        ("maxOpenNotional.perExchange", "430", "445"), terms("2000", "0.0025", symbol=ETH),
    ),
    "open_notional_of_the_account": Case(
        {"maxOpenNotional": {"perAccount": "430"}}, (ONE,), terms("70000", side=Side.SELL),
        ("maxOpenNotional.perAccount", "430", "1125"), terms("2000", "0.0025", symbol=ETH),
    ),
    "position_if_all_buys_fill": Case(
        {"maxPosition": {"BTC-USDT": "0.03"}}, (ONE, terms("70000", "0.02", Side.SELL)), terms("42000", "0.02001"),
        ("maxPosition", "0.03", "0.03001"), terms("41000", "0.02"),
    ),
    "position_if_all_sells_fill": Case(
        {"maxPosition": {"BTC-USDT": "0.03"}}, (terms("70000", "0.02", Side.SELL),), terms("71000", "0.011", Side.SELL),
        ("maxPosition", "0.03", "0.031"), ONE,
    ),
    "orders_of_a_minute": Case(
        {"maxOrdersPerMinute": 2}, (ONE,), terms("41000"), ("maxOrdersPerMinute", "2", "3"), terms("40500"),
    ),
    "collar": Case(
        {"priceCollarPercent": "10"}, (), terms("38249.99", reference_price=Decimal(42500)),
        ("priceCollarPercent", "10", "10.01"), terms("38250", reference_price=Decimal(42500)),
    ),
    "symbols": Case({"allowedSymbols": [ETH]}, (), ONE, ("allowedSymbols", ETH, "BTC-USDT"), terms("2000", symbol=ETH)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_risk_limit_broken_is_refused_with_figures_and_recorded(world: World, name: str) -> None:
    case, account = CASES[name], f"limit-{name}"
    world.open_accounts(account)
    with world.trading(account, risk=case.risk) as desk:
        for before in case.before:
            placed(desk, limit_order(account, **before))
        if name in ("open_orders_of_the_account", "orders_of_a_minute"):
            # Here what passes is what takes the last place.
            placed(desk, limit_order(account, **case.passes))
        standing = len(live_at_venue(world.control, account))
        refusal = refused(desk, limit_order(account, **case.order))
        assert refusal.code is RefusalCode.RISK_LIMIT
        assert (refusal.rule, refusal.limit, refusal.actual) == case.told
        check_recorded(desk, account, refusal)
        assert len(live_at_venue(world.control, account)) == standing
        if name not in ("open_orders_of_the_account", "orders_of_a_minute"):
            placed(desk, limit_order(account, **case.passes))


def check_recorded(desk: Desk, account: str, refusal: Refused) -> None:
    """The refused order is in the records, rejected by a risk rule, and the event says the same."""
    assert refusal.view is not None
    order_id = refusal.view.local_id
    last = history(desk, account, order_id)[-1]
    assert (last.to_state, last.trigger) == (OrderState.REJECTED, Trigger.RISK_RULE_REJECT)
    (event,) = [
        each for each in desk.oms.events(account) if isinstance(each, RiskRuleTriggered) and each.order_id == order_id
    ]
    assert (event.rule, event.limit, event.actual, event.action) == (
        refusal.rule, refusal.limit, refusal.actual, "reject",
    )  # fmt: skip


def test_risk_collar_without_a_reference_holds_against_the_venues_last_price(world: World) -> None:
    account = "limit-venue-price"
    world.open_accounts(account)
    with world.trading(account, risk={"priceCollarPercent": "10"}) as desk:
        traded = by_hand(world.control, account, "makes-the-price", price=Decimal(50000))
        world.control.execute(traded["orderId"])
        refusal = refused(desk, limit_order(account, price=Decimal(44999)))
        assert (refusal.rule, refusal.limit) == ("priceCollarPercent", "10")
        placed(desk, limit_order(account, price=Decimal(45000)))


def test_risk_limit_that_the_market_price_is_needed_for_refuses_while_nobody_knows_it(world: World) -> None:
    account = "limit-no-price"
    world.open_accounts(account)
    with world.trading(account, risk={"maxOrderNotional": "1000"}) as desk:
        world.control.add_fault(FaultRule(fault=Fault.ERROR_BEFORE, kind=RequestKind.PRICE))
        refusal = refused(desk, limit_order(account, type=OrderType.MARKET, price=None))
        assert refusal.code is RefusalCode.SYNC_FAILED
        assert world.control.orders(account=account) == []


def test_risk_limits_count_orders_placed_by_hand(world: World) -> None:
    account = "limit-manual"
    world.open_accounts(account)
    by_hand(world.control, account, "by-hand-1", price=Decimal(39000))
    # What is there is held against the limits with every sweep.
    often = {"cache": {"cleanupInterval": 1000}}
    with world.trading(account, risk={"maxOpenOrders": {"perSymbol": 2}}, idempotency=often) as desk:
        by_hand(world.control, account, "by-hand-2", price=Decimal(38000))
        until(lambda: len(world.public(account)) == 2, "both manual orders to be known")
        refusal = refused(desk, limit_order(account))
        assert (refusal.rule, refusal.limit, refusal.actual) == ("maxOpenOrders.perSymbol", "2", "3")
        by_hand(world.control, account, "by-hand-3", price=Decimal(37000))
        until(lambda: desk.alerts(account, "RiskLimitExceeded"), "the broken limit to be told")
        assert len(live_at_venue(world.control, account)) == 3


def test_risk_limits_count_both_orders_of_a_replacement(world: World) -> None:
    account = "limit-replace"
    world.open_accounts(account)
    with world.trading(account, risk={"maxOpenNotional": {"perSymbol": "800"}}) as desk:
        order = placed(desk, limit_order(account, price=Decimal(42500)))
        change = ModifyOrder(account_id=account, order_id=order.order_id, price=Decimal(42000))
        refusal = refused(desk, change)
        assert (refusal.rule, refusal.limit, refusal.actual) == ("maxOpenNotional.perSymbol", "800", "845")
        (row,) = live_at_venue(world.control, account)
        assert row["orderId"] == venue_id(order)


# ----- two at once


def raced(desk: Desk, commands: tuple[SubmitOrder, SubmitOrder]) -> list[object]:
    """Offer two commands from two threads at one moment; returns both answers."""
    barrier, answers = threading.Barrier(2), []

    def offer(command: SubmitOrder) -> None:
        barrier.wait(DEADLINE_S)
        answers.append(answered(desk, command))

    threads = [threading.Thread(target=offer, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE_S)
    return answers


RACES: dict[str, tuple[dict[str, Any], Callable[[str, int], tuple[SubmitOrder, SubmitOrder]], set[RefusalCode]]] = {
    "last_place": (
        {"risk": {"maxOpenOrders": {"perSymbol": 1}}},
        lambda account, number: (
            limit_order(account, price=Decimal(30000 + number)), limit_order(account, price=Decimal(40000 + number)),
        ),
        {RefusalCode.RISK_LIMIT},
    ),
    "last_money": (
        {"risk": {"maxOpenNotional": {"perAccount": "700"}}, "preTrade": {"freshness": "always_fetch"}},
        lambda account, number: (
            limit_order(account, price=Decimal(40000 + number)),
            limit_order(account, price=Decimal(2000 + number), size=Decimal("0.2"), symbol=ETH),
        ),
        {RefusalCode.RISK_LIMIT},
    ),
    "price_level": (
        {},
        lambda account, number: (
            limit_order(account, price=Decimal(40000 + number), request_id=f"one-{number}"),
            limit_order(account, price=Decimal(40000 + number), request_id=f"other-{number}"),
        ),
        {RefusalCode.DUPLICATE_ORDER},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RACES)
def test_two_orders_racing_for_what_is_left_pass_one_of_them(world: World, name: str) -> None:
    management, pair, codes = RACES[name]
    account = f"race-{name}"
    world.open_accounts(account)
    with world.trading(account, **management) as desk:
        for number in range(ROUNDS):
            answers = raced(desk, pair(account, number))
            assert sorted(type(each).__name__ for each in answers) == ["OrderPlaced", "Refused"], answers
            assert {each.code for each in answers if isinstance(each, Refused)} == codes
            (row,) = live_at_venue(world.control, account)
            (won,) = [each.view.order.order_id for each in answers if isinstance(each, OrderPlaced)]
            assert str(row["orderId"]) == won
            answered(desk, CancelAll(account_id=account))
        assert len(world.control.orders(account=account)) == ROUNDS
