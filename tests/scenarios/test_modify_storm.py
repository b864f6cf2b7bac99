"""Many orders changed, cancelled and filled at once while the venue misbehaves: afterwards everything adds up."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal
from random import Random

import pytest
from awareness_world import WATCHFUL, World, limit_order, live_at_venue, placed, settles_at_once
from fill_world import Desk, FillVenue, differences, until

from actors.app.audit import is_settled
from exchanges.gateway import AmendScope
from exchanges.paper.client import ControlError
from exchanges.paper.faults import Fault
from messages.commands import AccountCommand, CancelOrder, ModifyOrder, SyncOpenOrders
from messages.queries import CancelDone, CancelsDone, ModifyDone, OpenOrdersSynced, OrderUnresolved, Refused, Reply
from messages.types import Order, OrderState

ORDERS = 24
ACTS = 120
FAULTS = {
    Fault.BREAK_AFTER: 0.06, Fault.BREAK_BEFORE: 0.04, Fault.UNKNOWN_OUTCOME: 0.04, Fault.MALFORMED_BODY: 0.04,
    Fault.ERROR_AFTER: 0.03, Fault.ANSWER_LATE: 0.02, Fault.PARTIAL_FILL_DURING_CANCEL: 0.08,
    Fault.FILL_DURING_CANCEL: 0.03, Fault.NEW_HALF_FAILS: 0.08, Fault.FRAME_DROP: 0.05, Fault.FRAME_DUPLICATE: 0.05,
    Fault.FRAME_REORDER: 0.05,
}  # fmt: skip
WAYS = {
    "as_the_venue_can": {},
    "cancelling_first": {"cancel_replace": False, "amend": AmendScope.NONE},
}


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_modifications_in_a_storm_leave_one_order_of_each_and_every_execution_counted(
    world: World, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    account, random = f"storm-{way}", Random(f"storm {way}")
    settles_at_once(monkeypatch, **WAYS[way])
    world.open_accounts(account)
    with world.trading(account, **WATCHFUL) as desk:
        orders = [placed(desk, limit_order(account, price=Decimal(40000 + 50 * n))) for n in range(ORDERS)]
        world.control.set_faults(probabilities=FAULTS, seed=11)
        futures = [future for _ in range(ACTS) for future in act(desk, random.choice(orders), random)]
        world.control.set_faults()
        replies = [future.result(60) for future in futures]
        known = ModifyDone | CancelDone | CancelsDone | Refused | OrderUnresolved | OpenOrdersSynced
        assert all(isinstance(reply, known) for reply in replies)
        assert sum(isinstance(reply, ModifyDone) for reply in replies) > 5
        until(lambda: is_quiet(world, desk, account), "the storm to be over", 60)

        assert differences(desk, account) == []
        live = live_at_venue(world.control, account)
        assert world.public(account).keys() == {str(row["orderId"]) for row in live}
        firsts = Counter(first_of(desk, account, str(row["clientOrderId"])) for row in live)
        assert all(count == 1 for count in firsts.values()), firsts
        for order in orders:
            name = order.order_id
            legs = [each for each in known_orders(desk, account) if first_of(desk, account, each.order_id) == name]
            assert sum(leg.filled_size for leg in legs) <= order.size, legs


def act(desk: Desk, order: Order, random: Random) -> "list[Future[Reply]]":
    """Do something to an order, by its first id; returns the future of the answer where there is one."""
    account, name = order.account_id, order.order_id
    command: AccountCommand
    match random.choice(("less", "less", "price", "price", "price", "cancel", "fill", "sync")):
        case "less":
            size = Decimal(random.randint(5, 9)) / 1000
            command = ModifyOrder(account_id=account, order_id=name, size=size)
        case "price":
            price = (order.price or Decimal(0)) + random.randint(1, 20)
            command = ModifyOrder(account_id=account, order_id=name, price=price)
        case "cancel":
            command = CancelOrder(account_id=account, order_id=name)
        case "fill":
            fill_some(desk, account, random)
            return []
        case _:
            command = SyncOpenOrders(account_id=account, force=True)
    return [desk.oms.submit(command)]


def fill_some(desk: Desk, account: str, random: Random) -> None:
    live = live_at_venue(desk.control, account)
    if live:
        try:
            desk.control.execute(random.choice(live)["orderId"], size=Decimal("0.001"))
        except ControlError:
            # It ended between the question and the fill.
            return


def is_quiet(world: World, desk: Desk, account: str) -> bool:
    orders = known_orders(desk, account)
    unsent = (OrderState.PENDING, OrderState.SUBMITTED)
    settled = all(is_settled(order) and not order.replace_pending and order.state not in unsent for order in orders)
    executed = sum(Decimal(row["size"]) for row in world.control.executions(account=account))
    return settled and executed == sum(order.filled_size for order in orders) and is_shown(world, account)


def is_shown(world: World, account: str) -> bool:
    live = {str(row["orderId"]): Decimal(row["filledSize"]) for row in live_at_venue(world.control, account)}
    return {name: row["filledSize"] for name, row in world.public(account).items()} == live


def known_orders(desk: Desk, account: str) -> list[Order]:
    return list(desk.oms.views(account).orders.values())


def first_of(desk: Desk, account: str, order_id: str) -> str:
    """The order that an order's intent began with."""
    order = desk.order(account, order_id)
    while order.replaces is not None:
        order = desk.order(account, order.replaces)
    return order.order_id

