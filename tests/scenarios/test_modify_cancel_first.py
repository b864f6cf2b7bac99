"""Order modification at a venue that has no call for it: cancelled first, and placed anew when that is proven."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from awareness_world import (
    WATCHFUL,
    World,
    answered,
    limit_order,
    live_at_venue,
    modified,
    placed,
    refused,
    settles_at_once,
)
from fill_world import SIZE, FillVenue, differences, until

from exchanges.gateway import AmendScope
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import CancelOrder, ModifyOrder
from messages.queries import CancelDone, RefusalCode, Refused
from messages.types import Order, OrderState

NEW_PRICE = Decimal("42000.00")


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


@pytest.fixture(autouse=True)
def _able_to_place_and_cancel_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settles_at_once(monkeypatch, cancel_replace=False, amend=AmendScope.NONE)


def reprice(order: Order) -> ModifyOrder:
    return ModifyOrder(account_id=order.account_id, order_id=order.order_id, price=NEW_PRICE)


def test_order_modification_cancels_first_and_places_the_new_order(world: World) -> None:
    account = "first-plain"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        done = modified(desk, reprice(order))
        assert (done.native, done.kept_order_id, done.kept_priority) == (False, False, False)
        (row,) = live_at_venue(world.control, account)
        assert (str(row["orderId"]), Decimal(row["price"])) == (done.view.order.order_id, NEW_PRICE)
        assert world.public(account).keys() == {str(row["orderId"])}
        assert world.asked(RequestKind.REPLACE) == world.asked(RequestKind.AMEND)


def test_order_modification_met_by_a_part_fill_places_what_is_left(world: World) -> None:
    account = "first-part"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        part = FaultRule(fault=Fault.PARTIAL_FILL_DURING_CANCEL, kind=RequestKind.CANCEL, count_max=1)
        world.control.add_fault(part)
        done = modified(desk, reprice(order))
        assert done.view.order.size == SIZE / 2
        (row,) = live_at_venue(world.control, account)
        assert (Decimal(row["size"]), Decimal(row["price"])) == (SIZE / 2, NEW_PRICE)
        assert differences(desk, account) == []


def test_order_modification_met_by_a_whole_fill_places_nothing(world: World) -> None:
    account = "first-filled"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.add_fault(FaultRule(fault=Fault.FILL_DURING_CANCEL, kind=RequestKind.CANCEL, count_max=1))
        refusal = refused(desk, reprice(order))
        assert refusal.code is RefusalCode.NOT_MODIFIED
        assert refusal.view is not None
        assert (refusal.view.local_id, refusal.view.state) == (order.order_id, OrderState.FILLED)
        assert len(world.control.orders(account=account)) == 1
        assert differences(desk, account) == []


@pytest.mark.parametrize("fault", [Fault.BREAK_AFTER, Fault.BREAK_BEFORE, Fault.UNKNOWN_OUTCOME, Fault.MALFORMED_BODY])
@pytest.mark.parametrize("kind", [RequestKind.CANCEL, RequestKind.PLACE])
def test_order_modification_with_an_answer_lost_leaves_one_order(
    world: World, fault: Fault, kind: RequestKind
) -> None:
    account = f"first-{kind}-{fault}"
    world.open_accounts(account)
    with world.trading(account, **WATCHFUL) as desk:
        order = placed(desk, limit_order(account))
        world.control.silence_streams(60_000, account)
        world.control.add_fault(FaultRule(fault=fault, kind=kind, count_max=1))
        done = modified(desk, reprice(order))
        (row,) = live_at_venue(world.control, account)
        assert (str(row["orderId"]), Decimal(row["price"])) == (done.view.order.order_id, NEW_PRICE)
        assert len(world.control.orders(account=account)) == 2
        assert world.public(account).keys() == {str(row["orderId"])}


def test_order_cancelled_while_it_is_being_changed_leaves_nothing(world: World) -> None:
    account = "first-cancelled"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        # Only the answer to the cancel says that the old order is gone.
        world.control.silence_streams(60_000, account)
        late = FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.CANCEL, amount_ms=500, count_max=1)
        world.control.add_fault(late)
        change = desk.oms.submit(reprice(order))
        until(lambda: desk.order(account, order.order_id).replace_pending, "the change to be recorded")
        reply = answered(desk, CancelOrder(account_id=account, order_id=order.order_id))
        assert isinstance(reply, CancelDone)
        assert isinstance(change.result(30), Refused)
        until(lambda: live_at_venue(world.control, account) == [], "nothing to be left at the venue")
        assert all(each.state is OrderState.CANCELLED for each in desk.oms.views(account).orders.values())
        assert world.public(account) == {}
