"""Use case 2, order cancellation: one, many or all, ours or everything, whatever happens meanwhile."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from awareness_world import LONG_MS, World, answered, by_hand, limit_order, live_at_venue, placed
from fill_world import Desk, FillVenue, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import AccountCommand, CancelAll, CancelOrder, CancelOrders, ClaimOrder
from messages.queries import CancelDone, CancelsDone, OrderClaimed, Refused
from messages.types import Order, OrderState

ETH = "ETH-USDT"


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


def cancelled(desk: Desk, command: AccountCommand) -> CancelsDone:
    reply = answered(desk, command)
    assert isinstance(reply, CancelsDone), reply
    return reply


def bitcoin(desk: Desk, account: str, count: int, price: int = 40000) -> list[Order]:
    return [placed(desk, limit_order(account, price=Decimal(price + number))) for number in range(count)]


def ether(desk: Desk, account: str, price: int = 2000) -> Order:
    return placed(desk, limit_order(account, symbol=ETH, price=Decimal(price), size=Decimal("0.01")))


def live_ids(world: World, account: str) -> set[str]:
    return {str(row["orderId"]) for row in live_at_venue(world.control, account)}


def test_order_cancellation_of_one_by_any_of_its_ids_leaves_the_others(world: World) -> None:
    account = "cancel-one"
    world.open_accounts(account)
    with world.trading(account) as desk:
        first, second, third = bitcoin(desk, account, 3)
        for order, name in ((first, first.order_id), (second, str(second.venue_order_id))):
            reply = answered(desk, CancelOrder(account_id=account, order_id=name))
            assert isinstance(reply, CancelDone)
            assert (reply.view.local_id, reply.view.state) == (order.order_id, OrderState.CANCELLED)
        assert live_ids(world, account) == world.public(account).keys() == {third.venue_order_id}


def test_order_cancellation_of_many_names_the_unknown_and_leaves_the_rest(world: World) -> None:
    account = "cancel-many"
    world.open_accounts(account)
    with world.trading(account) as desk:
        orders = bitcoin(desk, account, 4)
        names = [order.order_id for order in orders[:3]]
        reply = cancelled(desk, CancelOrders(account_id=account, order_ids=(*names, "nobody's", names[0])))
        assert {view.local_id for view in reply.ended} == set(names)
        assert (len(reply.ended), reply.unresolved, reply.unknown, reply.complete) == (3, (), ("nobody's",), True)
        assert live_ids(world, account) == {orders[3].venue_order_id}


def test_order_cancellation_of_all_by_symbol_exchange_and_account_takes_what_it_says(world: World) -> None:
    account, other = "cancel-all", "cancel-all-other"
    world.open_accounts(account, other)
    with world.trading(account, other) as desk:
        theirs = placed(desk, limit_order(other))
        first, second = bitcoin(desk, account, 2)
        kept = ether(desk, account)
        reply = cancelled(desk, CancelAll(account_id=account, symbol="BTC-USDT"))
        assert {view.local_id for view in reply.ended} == {first.order_id, second.order_id}
        assert live_ids(world, account) == {kept.venue_order_id}

        reply = cancelled(desk, CancelAll(account_id=account, exchange="binance"))
        assert [view.local_id for view in reply.ended] == [kept.order_id]

        more = [*bitcoin(desk, account, 2, 41000), ether(desk, account, 2001)]
        reply = cancelled(desk, CancelAll(account_id=account))
        assert {view.local_id for view in reply.ended} == {order.order_id for order in more}
        assert live_ids(world, account) == set()
        assert world.public(account) == {}
        assert live_ids(world, other) == {theirs.venue_order_id}

        refusal = answered(desk, CancelAll(account_id=account, exchange="nowhere"))
        assert isinstance(refusal, Refused)


def test_order_cancellation_of_all_leaves_orders_placed_by_hand(world: World) -> None:
    account = "cancel-own"
    world.open_accounts(account)
    with world.trading(account) as desk:
        manual = by_hand(world.control, account, "by-hand", price=Decimal(39000))
        ours = bitcoin(desk, account, 2)
        until(lambda: len(world.public(account)) == 3, "the manual order to be known")
        reply = cancelled(desk, CancelAll(account_id=account))
        assert {view.local_id for view in reply.ended} == {order.order_id for order in ours}
        assert live_ids(world, account) == world.public(account).keys() == {str(manual["orderId"])}


def test_order_cancellation_of_everything_finds_what_no_stream_told(world: World) -> None:
    account = "cancel-everything"
    world.open_accounts(account)
    with world.trading(account) as desk:
        ours = bitcoin(desk, account, 2)
        world.control.silence_streams(LONG_MS, account)
        by_hand(world.control, account, "by-hand-1", price=Decimal(39000))
        by_hand(world.control, account, "by-hand-2", price=Decimal(38000))
        reply = cancelled(desk, CancelAll(account_id=account, everything=True))
        assert len(reply.ended) == len(ours) + 2
        assert {view.state for view in reply.ended} == {OrderState.CANCELLED}
        assert (reply.complete, reply.unresolved) == (True, ())
        assert live_ids(world, account) == set()


def test_order_cancellation_of_everything_with_lists_unreadable_says_that_it_is_incomplete(world: World) -> None:
    account = "cancel-incomplete"
    world.open_accounts(account)
    with world.trading(account) as desk:
        (ours,) = bitcoin(desk, account, 1)
        world.control.silence_streams(LONG_MS, account)
        manual = by_hand(world.control, account, "by-hand", price=Decimal(39000))
        world.control.add_fault(FaultRule(fault=Fault.ERROR_BEFORE, kind=RequestKind.OPEN_ORDERS))
        reply = cancelled(desk, CancelAll(account_id=account, everything=True))
        assert [view.local_id for view in reply.ended] == [ours.order_id]
        assert not reply.complete
        assert reply.error
        assert live_ids(world, account) == {str(manual["orderId"])}


def test_order_claimed_from_others_is_cancelled_with_ours(world: World) -> None:
    account = "cancel-claimed"
    world.open_accounts(account)
    manual = by_hand(world.control, account, "by-hand")
    with world.trading(account) as desk:
        reply = answered(desk, ClaimOrder(account_id=account, order_id=str(manual["orderId"])))
        assert isinstance(reply, OrderClaimed)
        assert not reply.view.external
        done = cancelled(desk, CancelAll(account_id=account))
        assert [view.order.order_id for view in done.ended] == [str(manual["orderId"])]
        assert live_ids(world, account) == set()


def test_order_cancellation_racing_a_fill_says_what_each_order_came_to(world: World) -> None:
    account = "cancel-race"
    world.open_accounts(account)
    with world.trading(account) as desk:
        wins, loses, half = bitcoin(desk, account, 3)
        for fault, order in ((Fault.FILL_DURING_CANCEL, loses), (Fault.PARTIAL_FILL_DURING_CANCEL, half)):
            name = order.client_order_id
            world.control.add_fault(FaultRule(fault=fault, kind=RequestKind.CANCEL, client_order_id=name))
        reply = cancelled(desk, CancelAll(account_id=account))
        came_to = {view.local_id: (view.state, view.order.filled_size) for view in reply.ended}
        assert came_to == {
            wins.order_id: (OrderState.CANCELLED, Decimal(0)),
            loses.order_id: (OrderState.FILLED, loses.size),
            half.order_id: (OrderState.CANCELLED, half.size / 2),
        }
        executed = {row["orderId"]: row["size"] for row in world.control.executions(account=account)}
        assert executed.keys() == {venue_id(loses), venue_id(half)}


@pytest.mark.parametrize(
    "fault", [Fault.BREAK_AFTER, Fault.BREAK_BEFORE, Fault.UNKNOWN_OUTCOME, Fault.MALFORMED_BODY, Fault.ERROR_BEFORE]
)
def test_order_cancellation_with_answers_lost_ends_every_order(world: World, fault: Fault) -> None:
    account = f"cancel-{fault}"
    world.open_accounts(account)
    with world.trading(account) as desk:
        orders = bitcoin(desk, account, 3)
        world.control.add_fault(FaultRule(fault=fault, kind=RequestKind.CANCEL, count_max=3))
        reply = cancelled(desk, CancelAll(account_id=account))
        assert {view.local_id for view in reply.ended} == {order.order_id for order in orders}
        assert {view.state for view in reply.ended} == {OrderState.CANCELLED}
        assert live_ids(world, account) == set()
        assert world.public(account) == {}


def test_order_cancellation_with_the_venue_away_leaves_nothing_answered_as_done(world: World) -> None:
    account = "cancel-away"
    world.open_accounts(account)
    with world.trading(account) as desk:
        (order,) = bitcoin(desk, account, 1)
        world.control.begin_outage()
        try:
            future = desk.oms.submit(CancelAll(account_id=account))
            until(lambda: desk.order(account, order.order_id).cancel_pending, "the cancel to be recorded")
            assert not future.done()
        finally:
            world.control.end_outage()
        desk.settled(order, OrderState.CANCELLED)
        reply = future.result(30)
        assert isinstance(reply, CancelsDone)
        assert [view.state for view in reply.ended] == [OrderState.CANCELLED]
