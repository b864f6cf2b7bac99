"""Use case 3, order modification: smaller in place, anything else by another order, and the answer says which."""

from collections.abc import Iterator
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
    modified,
    placed,
    refused,
    settles_at_once,
)
from fill_world import SIZE, FillVenue, differences, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderType, Side
from messages.commands import CancelOrder, ModifyOrder
from messages.queries import CancelDone, ModifyDone, RefusalCode
from messages.types import Order, OrderState, Trigger

HALF = SIZE / 2
NEW_PRICE = Decimal("42000.00")


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


def change(order: Order, **terms: Any) -> ModifyOrder:
    return ModifyOrder(account_id=order.account_id, order_id=order.order_id, **terms)


def only_live(world: World, account: str) -> dict[str, Any]:
    (row,) = live_at_venue(world.control, account)
    return row


# ----- in place


def test_order_modification_to_less_keeps_id_and_place_in_the_queue(world: World) -> None:
    account, rival, taker = "queue-ours", "queue-rival", "queue-taker"
    world.open_accounts(account, rival, taker, scripted=False)
    price = Decimal("59000.00")
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account, price=price, size=Decimal("0.02")))
        behind = by_hand(world.control, rival, "behind-us", price=price)
        done = modified(desk, change(order, size=SIZE))
        assert (done.native, done.kept_order_id, done.kept_priority) == (True, True, True)
        assert done.view.local_id == order.order_id
        assert done.view.order.order_id == order.venue_order_id
        assert done.view.order.size == SIZE
        assert world.public(account)[str(order.venue_order_id)]["size"] == SIZE

        by_hand(world.control, taker, "sells", side=Side.SELL, price=price)
        desk.settled(order, OrderState.FILLED)
        assert world.control.executions(orderId=behind["orderId"]) == []
        assert differences(desk, account) == []
    world.control.cancel(behind["orderId"])


def test_order_modification_by_another_order_loses_the_place_in_the_queue(world: World) -> None:
    account, rival, taker = "requeue-ours", "requeue-rival", "requeue-taker"
    world.open_accounts(account, rival, taker, scripted=False)
    price = Decimal("59001.00")
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account, price=price))
        ahead = by_hand(world.control, rival, "ahead-then", price=price)
        done = modified(desk, change(order, size=2 * SIZE))
        assert (done.native, done.kept_order_id, done.kept_priority) == (False, False, False)
        by_hand(world.control, taker, "sells", side=Side.SELL, price=price)
        assert [row["size"] for row in world.control.executions(orderId=ahead["orderId"])] == [str(ahead["size"])]
        assert world.control.executions(account=account) == []
        desk.oms.ask(CancelOrder(account_id=account, order_id=order.order_id))


def test_order_modification_of_a_partly_filled_order_makes_the_rest_smaller(world: World) -> None:
    account = "modify-partial"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account, size=Decimal("0.03")))
        world.control.execute(venue_id(order), size=Decimal("0.01"))
        desk.filled(order, Decimal("0.01"))
        done = modified(desk, change(order, size=Decimal("0.02")))
        assert done.kept_priority
        row = only_live(world, account)
        assert (Decimal(row["size"]), Decimal(row["filledSize"])) == (Decimal("0.02"), Decimal("0.01"))

        refusal = refused(desk, change(order, size=Decimal("0.01")))
        assert refusal.code is RefusalCode.INVALID_ORDER
        assert "0.01" in refusal.text
        refusal = refused(desk, change(order, price=NEW_PRICE))
        assert refusal.code is RefusalCode.NOT_SUPPORTED
        assert "binance" in refusal.text

        world.control.execute(venue_id(order))
        desk.settled(order, OrderState.FILLED)
        assert desk.order(account, order.order_id).filled_size == Decimal("0.02")
        assert differences(desk, account) == []


@pytest.mark.parametrize("fault", [Fault.BREAK_AFTER, Fault.UNKNOWN_OUTCOME, Fault.ERROR_AFTER])
def test_order_modification_in_place_with_the_answer_lost_takes_effect_once(world: World, fault: Fault) -> None:
    account = f"amend-{fault}"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.silence_streams(60_000, account)
        world.control.add_fault(FaultRule(fault=fault, kind=RequestKind.AMEND, count_max=1))
        done = modified(desk, change(order, size=HALF))
        assert done.view.order.size == HALF
        assert done.kept_order_id
        assert Decimal(only_live(world, account)["size"]) == HALF
        assert world.public(account)[str(order.venue_order_id)]["size"] == HALF


def test_order_modification_in_place_that_never_arrived_is_told_as_not_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = "amend-lost"
    settles_at_once(monkeypatch)
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.add_fault(FaultRule(fault=Fault.BREAK_BEFORE, kind=RequestKind.AMEND, count_max=1))
        refusal = refused(desk, change(order, size=HALF))
        assert refusal.code is RefusalCode.NOT_MODIFIED
        assert refusal.view is not None
        assert (refusal.view.state, refusal.view.order.size) == (OrderState.ACKNOWLEDGED, SIZE)
        assert Decimal(only_live(world, account)["size"]) == SIZE
        assert modified(desk, change(order, size=HALF)).view.order.size == HALF


def test_order_modification_in_place_met_by_a_fill_says_that_it_was_not_made(world: World) -> None:
    account = "amend-filled"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.add_fault(FaultRule(fault=Fault.FILL_DURING_CANCEL, kind=RequestKind.AMEND, count_max=1))
        refusal = refused(desk, change(order, size=HALF))
        assert refusal.code is RefusalCode.NOT_MODIFIED
        assert refusal.view is not None
        desk.settled(order, OrderState.FILLED)
        assert desk.order(account, order.order_id).filled_size == SIZE
        assert differences(desk, account) == []


# ----- by another order


def test_order_modification_of_the_price_places_another_order_and_says_so(world: World) -> None:
    account = "modify-price"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        done = modified(desk, change(order, price=NEW_PRICE))
        assert (done.native, done.kept_order_id, done.kept_priority) == (False, False, False)
        assert done.view.local_id != order.order_id
        assert (done.view.replaces, done.view.order.price) == (order.order_id, NEW_PRICE)
        row = only_live(world, account)
        assert (str(row["orderId"]), Decimal(row["price"])) == (done.view.order.order_id, NEW_PRICE)
        assert world.public(account).keys() == {done.view.order.order_id}

        old = desk.settled(order, OrderState.CANCELLED)
        assert old.replaced_by == done.view.local_id
        # By its first id the order is still found as what it has become.
        again = modified(desk, change(order, price=NEW_PRICE + 1))
        assert again.view.replaces == done.view.local_id
        reply = answered(desk, CancelOrder(account_id=account, order_id=order.order_id))
        assert isinstance(reply, CancelDone)
        assert reply.view.local_id == again.view.local_id
        assert live_at_venue(world.control, account) == []


def test_order_modification_of_a_stop_order_moves_its_trigger(world: World) -> None:
    account = "modify-stop"
    world.open_accounts(account)
    with world.trading(account) as desk:
        terms = {"type": OrderType.STOP_LIMIT, "price": Decimal("71010.00"), "stop_price": Decimal("71000.00")}
        order = placed(desk, limit_order(account, **terms))
        done = modified(desk, change(order, stop_price=Decimal("72000.00"), price=Decimal("72010.00")))
        assert (done.view.order.stop_price, done.view.order.price) == (Decimal(72000), Decimal(72010))
        row = world.public(account)[done.view.order.order_id]
        assert (row["type"], row["stopPrice"], row["price"]) == ("STOP_LIMIT", 72000, 72010)
        assert len(live_at_venue(world.control, account)) == 1

        market = placed(desk, limit_order(account, type=OrderType.STOP_MARKET, price=None, stop_price=Decimal(73000)))
        done = modified(desk, change(market, stop_price=Decimal("74000.00")))
        assert done.view.order.stop_price == Decimal(74000)
        assert len(live_at_venue(world.control, account)) == 2


def test_order_modification_half_done_by_the_venue_says_that_nothing_works_any_more(world: World) -> None:
    account = "replace-half"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.add_fault(FaultRule(fault=Fault.NEW_HALF_FAILS, kind=RequestKind.REPLACE, count_max=1))
        refusal = refused(desk, change(order, price=NEW_PRICE))
        assert refusal.code is RefusalCode.NOT_MODIFIED
        assert refusal.view is not None
        assert (refusal.view.local_id, refusal.view.state) == (order.order_id, OrderState.CANCELLED)
        assert live_at_venue(world.control, account) == []
        assert world.public(account) == {}
        assert [view.state for view in desk.oms.views(account).orders.values()].count(OrderState.REJECTED) == 1


@pytest.mark.parametrize("fault", [Fault.BREAK_AFTER, Fault.UNKNOWN_OUTCOME, Fault.MALFORMED_BODY])
def test_order_modification_by_another_order_with_the_answer_lost_leaves_one_order(world: World, fault: Fault) -> None:
    account = f"replace-{fault}"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.silence_streams(60_000, account)
        world.control.add_fault(FaultRule(fault=fault, kind=RequestKind.REPLACE, count_max=1))
        done = modified(desk, change(order, price=NEW_PRICE))
        assert done.view.order.price == NEW_PRICE
        assert str(only_live(world, account)["orderId"]) == done.view.order.order_id
        assert len(world.control.orders(account=account)) == 2
        desk.settled(order, OrderState.CANCELLED)
        assert differences(desk, account) == []


def test_order_modification_by_another_order_met_by_a_fill_places_nothing(world: World) -> None:
    account = "replace-filled"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.add_fault(FaultRule(fault=Fault.FILL_DURING_CANCEL, kind=RequestKind.REPLACE, count_max=1))
        refusal = refused(desk, change(order, price=NEW_PRICE))
        assert refusal.code is RefusalCode.NOT_MODIFIED
        desk.settled(order, OrderState.FILLED)
        assert len(world.control.orders(account=account)) == 1
        assert differences(desk, account) == []


# ----- the same command again, and others' changes


@pytest.mark.parametrize("terms", [{"size": HALF}, {"price": NEW_PRICE}], ids=["in_place", "by_another"])
def test_order_modification_asked_twice_is_made_once(world: World, terms: dict[str, Decimal]) -> None:
    account = f"twice-{'-'.join(terms)}"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        command = change(order, message_id="the-one-change", **terms)
        both = [desk.oms.submit(command) for _ in range(2)]
        later = [each.result(30) for each in both] + [answered(desk, command)]
        for reply in later:
            assert isinstance(reply, ModifyDone), reply
        assert [reply.duplicate for reply in later if isinstance(reply, ModifyDone)] == [False, True, True]
        assert len({reply.view.local_id for reply in later if isinstance(reply, ModifyDone)}) == 1
        assert len(world.control.orders(account=account)) == (1 if "size" in terms else 2)
        conflict = refused(desk, change(order, message_id="the-one-change", price=Decimal("41000.00")))
        assert conflict.code is RefusalCode.IDEMPOTENCY_CONFLICT
    with world.trading(account) as desk:
        after = modified(desk, command)
        assert after.duplicate
        assert len(live_at_venue(world.control, account)) == 1


def test_order_modification_of_what_the_owner_has_not_seen_is_merged_or_refused(world: World) -> None:
    account = "modify-version"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account, size=Decimal("0.04")))
        seen = order.version
        first = modified(desk, change(order, size=Decimal("0.03"), expected_version=seen))
        assert not first.merged
        refusal = refused(desk, change(order, size=Decimal("0.02"), expected_version=seen))
        assert refusal.code is RefusalCode.CONCURRENT_MODIFICATION
        assert (refusal.rule, refusal.fields) == ("first_wins", ("size",))
        assert refusal.view is not None
        assert refusal.view.order.size == Decimal("0.03")

        world.control.execute(venue_id(order), size=Decimal("0.01"))
        now = desk.filled(order, Decimal("0.01"))
        done = modified(desk, change(order, size=Decimal("0.02"), expected_version=first.view.version))
        assert done.merged
        assert done.view.version > now.version
        assert Decimal(only_live(world, account)["size"]) == Decimal("0.02")


def test_order_modification_of_an_order_placed_by_hand_is_refused(world: World) -> None:
    account = "modify-foreign"
    world.open_accounts(account)
    manual = by_hand(world.control, account, "by-hand")
    with world.trading(account) as desk:
        command = ModifyOrder(account_id=account, order_id=str(manual["orderId"]), size=HALF)
        refusal = refused(desk, command)
        assert refusal.code is RefusalCode.WRONG_STATE
        assert Decimal(only_live(world, account)["size"]) == SIZE


def test_order_modification_by_another_session_of_the_account_is_shown_by_ours(
    world: World, fill_venue: FillVenue
) -> None:
    account = "modify-elsewhere"
    world.open_accounts(account)
    elsewhere = World(fill_venue, deployment="elsewhere")
    with elsewhere as other, world.trading(account) as ours, other.trading(account) as theirs:
        order = placed(theirs, limit_order(account))
        field = str(order.venue_order_id)
        until(lambda: field in world.public(account), "the other session's order")
        modified(theirs, change(order, size=HALF))
        until(lambda: world.public(account)[field]["size"] == HALF, "its new size")
        done = modified(theirs, change(order, price=NEW_PRICE))
        until(lambda: world.public(account).keys() == {done.view.order.order_id}, "what took its place")
        assert world.public(account)[done.view.order.order_id]["price"] == NEW_PRICE
        assert {each.external for each in ours.oms.views(account).orders.values()} == {True}


def test_order_modification_of_an_order_that_was_cancelled_by_hand_is_refused(world: World) -> None:
    account = "modify-by-hand"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.cancel(venue_id(order))
        desk.settled(order, OrderState.CANCELLED)
        refusal = refused(desk, change(order, size=HALF))
        assert refusal.code is RefusalCode.WRONG_STATE
        assert history(desk, account, order.order_id)[-1].trigger is not Trigger.USER_CANCEL_ORDER


def test_order_modification_off_tick_or_too_small_is_refused_with_what_would_do(world: World) -> None:
    account = "modify-rules"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        refusal = refused(desk, change(order, price=Decimal("42000.001")))
        assert refusal.code is RefusalCode.INSTRUMENT_RULE
        assert "42000" in refusal.text
        refusal = refused(desk, change(order, size=Decimal("0.00001")))
        assert refusal.code is RefusalCode.INSTRUMENT_RULE
        assert Decimal(only_live(world, account)["size"]) == SIZE
        assert not desk.order(account, order.order_id).replace_pending

