"""Use case 4, risk management: exposure adds up everything that may still happen; the kill switch ends all of it."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from awareness_world import (
    WATCHFUL,
    World,
    answered,
    by_hand,
    limit_order,
    live_at_venue,
    placed,
    refused,
    settles_at_once,
)
from fill_world import Desk, FillVenue, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderType, Side
from messages.commands import AccountCommand, ModifyOrder, SetKillSwitch
from messages.events import KillSwitchChanged
from messages.queries import ExposureSnapshot, GetExposure, KillSwitchSet, RefusalCode
from messages.risk import ReservedFunds, SymbolExposure
from messages.types import OrderState

HANG_MS = 2_000
ETH = "ETH-USDT"


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


def exposure(desk: Desk, account: str) -> ExposureSnapshot:
    reply = desk.oms.ask(GetExposure(account_id=account))
    assert isinstance(reply, ExposureSnapshot)
    return reply


def submitted(desk: Desk, account: str) -> int:
    return sum(order.state is OrderState.SUBMITTED for order in desk.oms.views(account).orders.values())


def test_exposure_of_open_unknown_manual_and_replaced_orders_is_what_adds_up_by_hand(world: World) -> None:
    account = "exposure-sums"
    world.open_accounts(account)
    with world.trading(account) as desk:
        part = placed(desk, limit_order(account, size=Decimal("0.010"), price=Decimal(42500)))
        world.control.execute(venue_id(part), size=Decimal("0.004"))
        desk.filled(part, Decimal("0.004"))
        by_hand(world.control, account, "manual", size=Decimal("0.020"), price=Decimal(40000))
        placed(desk, limit_order(account, side=Side.SELL, size=Decimal("0.030"), price=Decimal(70000)))
        stop = {"type": OrderType.STOP_LIMIT, "price": Decimal(38900), "stop_price": Decimal(39000)}
        placed(desk, limit_order(account, side=Side.SELL, size=Decimal("0.010"), **stop))
        ether = placed(desk, limit_order(account, symbol=ETH, size=Decimal("0.01"), price=Decimal(2000)))
        until(lambda: len(world.public(account)) == 5, "all orders to be known")

        for kind in (RequestKind.PLACE, RequestKind.REPLACE):
            hang = FaultRule(fault=Fault.HANG, kind=kind, amount_ms=HANG_MS, count_max=1)
            world.control.add_fault(hang)
        desk.oms.submit(limit_order(account, size=Decimal("0.050"), price=Decimal(41000)))
        until(lambda: submitted(desk, account) == 1, "the unknown order to be on its way")
        change = ModifyOrder(account_id=account, order_id=ether.order_id, price=Decimal(2100), size=Decimal("0.02"))
        desk.oms.submit(change)
        until(lambda: submitted(desk, account) == 2, "the replacement to be on its way")

        found = exposure(desk, account)
        assert found.symbols == (
            SymbolExposure(
                exchange="binance", symbol="BTC-USDT", quote="USDT", open_orders=5,
                # 0.006 left of the first, 0.02 by hand, 0.05 unknown
                buy_size=Decimal("0.076"), buy_notional=Decimal("255.000") + Decimal(800) + Decimal(2050),
                sell_size=Decimal("0.040"), sell_notional=Decimal(2100) + Decimal(389),
                # 0.004 bought, less a fee of a thousandth
                position=Decimal("0.003996"), highest_position=Decimal("0.079996"),
                lowest_position=Decimal("-0.036004"),
            ),
            SymbolExposure(
                exchange="binance", symbol=ETH, quote="USDT", open_orders=2,
                buy_size=Decimal("0.03"), buy_notional=Decimal(20 + 42), highest_position=Decimal("0.03"),
            ),
        )  # fmt: skip
        assert found.reserved == (
            ReservedFunds(exchange="binance", currency="BTC", amount=Decimal("0.040")),
            ReservedFunds(exchange="binance", currency="USDT", amount=Decimal(255 + 800 + 2050 + 20 + 42)),
        )
        assert (found.gap, found.kill_switch) == (False, None)


def test_exposure_of_an_unknown_order_goes_when_it_is_proven_not_to_exist(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = "exposure-proven"
    settles_at_once(monkeypatch)
    world.open_accounts(account)
    with world.trading(account, **WATCHFUL) as desk:
        world.control.add_fault(FaultRule(fault=Fault.BREAK_BEFORE, kind=RequestKind.PLACE, count_max=1))
        future = desk.oms.submit(limit_order(account, max_sends=1))
        until(lambda: submitted(desk, account) == 1, "the order to be unknown")
        (symbol,) = exposure(desk, account).symbols
        assert (symbol.open_orders, symbol.buy_notional) == (1, Decimal(425))
        future.result(30)
        assert all(each.open_orders == 0 for each in exposure(desk, account).symbols)
        assert exposure(desk, account).reserved == ()


# ----- the kill switch


def thrown(desk: Desk, account: str, *, on: bool, **how: bool) -> KillSwitchSet:
    command: AccountCommand = SetKillSwitch(account_id=account, on=on, reason="a test", **how)
    reply = answered(desk, command)
    assert isinstance(reply, KillSwitchSet), reply
    assert reply.kill_switch.on is on
    return reply


def test_kill_switch_cancels_ours_refuses_new_ones_and_stays_on_over_a_restart(world: World) -> None:
    account = "kill-switch"
    world.open_accounts(account)
    manual = by_hand(world.control, account, "manual", price=Decimal(39000))
    with world.trading(account) as desk:
        orders = [placed(desk, limit_order(account, price=Decimal(40000 + number))) for number in range(3)]
        reply = thrown(desk, account, on=True)
        assert set(reply.cancelling) == {order.order_id for order in orders}
        for order in orders:
            desk.settled(order, OrderState.CANCELLED)
        refusal = refused(desk, limit_order(account))
        assert (refusal.code, refusal.rule) == (RefusalCode.RISK_LIMIT, "killSwitch")
        change = ModifyOrder(account_id=account, order_id=orders[0].order_id, size=Decimal("0.001"))
        refused(desk, change)
    with world.trading(account) as desk:
        switch = exposure(desk, account).kill_switch
        assert switch is not None
        assert (switch.on, switch.reason) == (True, "a test")
        assert refused(desk, limit_order(account, price=Decimal(41000))).rule == "killSwitch"
        assert [row["orderId"] for row in live_at_venue(world.control, account)] == [manual["orderId"]]

        thrown(desk, account, on=False)
        placed(desk, limit_order(account, price=Decimal(41500)))
        changes = [each.kill_switch.on for each in desk.oms.events(account) if isinstance(each, KillSwitchChanged)]
        assert changes == [True, False]


def test_kill_switch_with_everything_cancels_what_others_placed(world: World) -> None:
    account = "kill-everything"
    world.open_accounts(account)
    with world.trading(account) as desk:
        placed(desk, limit_order(account))
        world.control.silence_streams(60_000, account)
        by_hand(world.control, account, "manual", price=Decimal(39000))
        thrown(desk, account, on=True, everything=True)
        until(lambda: live_at_venue(world.control, account) == [], "nothing to work any more")
        until(lambda: world.public(account) == {}, "nothing to be shown any more")


def test_kill_switch_thrown_while_an_order_is_unknown_cancels_it_when_it_is_found(world: World) -> None:
    account = "kill-unknown"
    world.open_accounts(account)
    with world.trading(account, **WATCHFUL) as desk:
        world.control.silence_streams(60_000, account)
        late = FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.PLACE, amount_ms=500, count_max=1)
        world.control.add_fault(late)
        future = desk.oms.submit(limit_order(account))
        until(lambda: live_at_venue(world.control, account), "the venue to have the order")
        assert submitted(desk, account) == 1
        thrown(desk, account, on=True)
        future.result(30)
        until(lambda: live_at_venue(world.control, account) == [], "the order to be cancelled")


def test_kill_switch_thrown_without_cancelling_leaves_orders_and_lets_them_be_cancelled(world: World) -> None:
    account = "kill-gently"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        assert thrown(desk, account, on=True, cancel_orders=False).cancelling == ()
        assert refused(desk, limit_order(account, price=Decimal(41000))).rule == "killSwitch"
        assert len(live_at_venue(world.control, account)) == 1
        thrown(desk, account, on=True)
        desk.settled(order, OrderState.CANCELLED)


def test_kill_switch_of_the_configuration_cannot_be_switched_off_by_command(world: World) -> None:
    account = "kill-configured"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
    with world.trading(account, risk={"killSwitch": True}) as desk:
        assert refused(desk, limit_order(account, price=Decimal(41000))).rule == "killSwitch"
        refusal = refused(desk, SetKillSwitch(account_id=account, on=False))
        assert refusal.rule == "killSwitch"
        desk.settled(order, OrderState.CANCELLED)
