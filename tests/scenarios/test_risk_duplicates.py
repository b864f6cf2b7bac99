"""Use case 5, duplicate prevention: one order at a price level, whoever placed the other one; no trade with oneself."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from awareness_world import (
    LONG_MS,
    TICK,
    World,
    answered,
    by_hand,
    limit_order,
    live_at_venue,
    placed,
    refused,
)
from fill_world import PRICE, SIZE, FillVenue, until

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderType, Side
from messages.events import OrderStateChanged
from messages.queries import OrderPlaced, RefusalCode, Refused
from messages.types import OrderState


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


def test_duplicate_prevention_same_level_or_one_tick_beside_is_refused_naming_the_other(world: World) -> None:
    account = "double-level"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        for price in (PRICE, PRICE + TICK, PRICE - TICK):
            refusal = refused(desk, limit_order(account, price=price, size=2 * SIZE, request_id=f"at-{price}"))
            assert refusal.code is RefusalCode.DUPLICATE_ORDER
            assert order.order_id in refusal.text
            assert refusal.view is not None
            assert refusal.view.local_id == order.order_id
        assert len(live_at_venue(world.control, account)) == 1
        different: list[dict[str, Any]] = [
            {"price": PRICE + 2 * TICK}, {"side": Side.SELL, "price": Decimal(70000)},
            {"symbol": "ETH-USDT", "price": Decimal(2000)},
            {"type": OrderType.STOP_LIMIT, "price": PRICE, "stop_price": Decimal(70000)},
        ]  # fmt: skip
        for number, terms in enumerate(different):
            placed(desk, limit_order(account, request_id=f"different-{number}", **terms))
        assert len(live_at_venue(world.control, account)) == 1 + len(different)


def test_duplicate_prevention_allowed_duplicate_is_placed_beside(world: World) -> None:
    account = "double-allowed"
    world.open_accounts(account)
    with world.trading(account) as desk:
        first = placed(desk, limit_order(account))
        second = placed(desk, limit_order(account, allow_duplicate=True))
        assert first.order_id != second.order_id
        assert len(live_at_venue(world.control, account)) == 2


def test_duplicate_prevention_level_is_free_again_when_the_order_has_ended(world: World) -> None:
    account = "double-ended"
    world.open_accounts(account)
    with world.trading(account) as desk:
        first = placed(desk, limit_order(account, request_id="first"))
        world.control.cancel(int(first.venue_order_id or 0))
        desk.settled(first, OrderState.CANCELLED)
        placed(desk, limit_order(account, request_id="second"))


def test_duplicate_prevention_wider_tolerance_and_none_are_kept_to(world: World) -> None:
    account, other = "double-wide", "double-none"
    world.open_accounts(account, other)
    with world.trading(account, preTrade={"duplicateToleranceTicks": 500}) as desk:
        placed(desk, limit_order(account))
        assert refused(desk, limit_order(account, price=PRICE + 5)).code is RefusalCode.DUPLICATE_ORDER
        placed(desk, limit_order(account, price=PRICE + 5 + TICK))
    with world.trading(other, preTrade={"duplicateToleranceTicks": None}) as desk:
        placed(desk, limit_order(other, request_id="first"))
        placed(desk, limit_order(other, request_id="second"))


def test_duplicate_prevention_sees_an_order_that_another_session_placed_by_hand(world: World) -> None:
    account = "double-manual"
    world.open_accounts(account)
    with world.trading(account) as desk:
        manual = by_hand(world.control, account, "by-hand")
        until(lambda: world.public(account), "the manual order to be known")
        refusal = refused(desk, limit_order(account))
        assert refusal.code is RefusalCode.DUPLICATE_ORDER
        assert refusal.view is not None
        assert (refusal.view.external, refusal.view.order.order_id) == (True, str(manual["orderId"]))


def test_duplicate_prevention_always_fetching_sees_what_no_frame_told(world: World) -> None:
    account = "double-fetched"
    world.open_accounts(account)
    with world.trading(account, preTrade={"freshness": "always_fetch"}) as desk:
        placed(desk, limit_order(account, price=Decimal(39000)))
        world.control.add_fault(FaultRule(fault=Fault.FRAME_DROP, kind=RequestKind.FRAME))
        manual = by_hand(world.control, account, "by-hand")
        refusal = refused(desk, limit_order(account))
        assert refusal.code is RefusalCode.DUPLICATE_ORDER
        assert refusal.view is not None
        assert refusal.view.order.order_id == str(manual["orderId"])
        assert str(manual["orderId"]) in world.public(account)


def test_duplicate_prevention_by_the_stream_does_not_wait_for_lists(world: World) -> None:
    account = "double-streamed"
    world.open_accounts(account)
    with world.trading(account) as desk:
        placed(desk, limit_order(account, price=Decimal(39000)))
        world.control.add_fault(FaultRule(fault=Fault.HANG, kind=RequestKind.OPEN_ORDERS, amount_ms=LONG_MS))
        asked = world.asked(RequestKind.OPEN_ORDERS)
        placed(desk, limit_order(account))
        assert world.asked(RequestKind.OPEN_ORDERS) == asked


@pytest.mark.parametrize("freshness", ["always_fetch", "max_age_ms"])
def test_placements_that_need_a_list_share_one_and_are_placed_in_their_order(world: World, freshness: str) -> None:
    account, count = f"shared-{freshness}", 8
    world.open_accounts(account)
    with world.trading(account, preTrade={"freshness": freshness, "maxAgeMs": 100}) as desk:
        placed(desk, limit_order(account, price=Decimal(39000)))
        late = FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.OPEN_ORDERS, amount_ms=300)
        world.control.add_fault(late)
        asked = world.asked(RequestKind.OPEN_ORDERS)
        commands = [limit_order(account, price=Decimal(40000 + number)) for number in range(count)]
        first = desk.oms.submit(commands[0])
        if freshness == "always_fetch":
            until(lambda: world.asked(RequestKind.OPEN_ORDERS) == asked + 1, "the first list to be asked for")
        futures = [first, *[desk.oms.submit(command) for command in commands[1:]]]
        replies = [each.result(30) for each in futures]
        assert all(isinstance(reply, OrderPlaced) for reply in replies), replies
        # One that was under way is too old for those who came later, and they share the next.
        assert world.asked(RequestKind.OPEN_ORDERS) <= asked + 2
        sent = [
            each.view.order.price for each in desk.oms.events(account)
            if isinstance(each, OrderStateChanged) and each.to_state is OrderState.SUBMITTED
        ]  # fmt: skip
        assert sent == [39000, *range(40000, 40000 + count)]


def test_placement_whose_list_cannot_be_read_is_refused_and_not_placed(world: World) -> None:
    account = "fetch-fails"
    world.open_accounts(account)
    with world.trading(account, preTrade={"freshness": "always_fetch"}) as desk:
        placed(desk, limit_order(account, price=Decimal(39000)))
        world.control.add_fault(FaultRule(fault=Fault.ERROR_BEFORE, kind=RequestKind.OPEN_ORDERS))
        refusal = refused(desk, limit_order(account))
        assert refusal.code is RefusalCode.SYNC_FAILED
        assert len(live_at_venue(world.control, account)) == 1
        world.control.set_faults()
        placed(desk, limit_order(account))


# ----- trading with oneself


def test_conflict_with_our_own_resting_order_is_refused_naming_it(world: World) -> None:
    account = "self-refused"
    world.open_accounts(account)
    with world.trading(account) as desk:
        resting = placed(desk, limit_order(account, side=Side.SELL, price=Decimal(50000)))
        refusal = refused(desk, limit_order(account, price=Decimal(50000)))
        assert refusal.code is RefusalCode.SELF_TRADE
        assert resting.order_id in refusal.text
        assert world.control.executions(account=account) == []
        placed(desk, limit_order(account, price=Decimal(50000) - TICK))


def test_conflict_by_policy_cancels_ours_first_and_never_what_others_placed(world: World) -> None:
    account = "self-cancelled"
    world.open_accounts(account)
    with world.trading(account, preTrade={"selfTrade": "cancel_resting"}) as desk:
        resting = placed(desk, limit_order(account, side=Side.SELL, price=Decimal(50000)))
        order = placed(desk, limit_order(account, price=Decimal(50000)))
        desk.settled(resting, OrderState.CANCELLED)
        assert [row["orderId"] for row in live_at_venue(world.control, account)] == [int(order.venue_order_id or 0)]
        assert world.control.executions(account=account) == []

        manual = by_hand(world.control, account, "by-hand", side=Side.SELL, price=Decimal(60000))
        until(lambda: str(manual["orderId"]) in world.public(account), "the manual order to be known")
        reply = answered(desk, limit_order(account, price=Decimal(60000)))
        assert isinstance(reply, Refused)
        assert reply.code is RefusalCode.SELF_TRADE
        assert manual["orderId"] in [row["orderId"] for row in live_at_venue(world.control, account)]
