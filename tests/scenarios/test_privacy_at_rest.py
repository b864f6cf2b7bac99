"""Privacy: what a server's owner can read, with encryption, without caching, and after the last user has left."""

from collections.abc import Iterator
from decimal import Decimal
from secrets import token_hex
from typing import Any

import pytest
from awareness_world import World, answered, limit_order, live_at_venue, placed, synced
from fill_world import Desk, FillVenue, differences, until, venue_id

from actors import Oms
from actors.errors import EncryptionKeyMissing, StoreError, StoreUnfit
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import CancelOrder, Logout, ModifyOrder, SyncOpenOrders
from messages.queries import AnswerSource, LogoutDone
from messages.types import OrderState

PRICE = Decimal("42123.45")
SEALED = {"encryptAtRest": True, "encryptionKeyEnv": "ORDER_KEYS"}


@pytest.fixture
def world(fill_venue: FillVenue) -> Iterator[World]:
    """A server for each test: everything on it is looked at."""
    with World(fill_venue, environ={"ORDER_KEYS": token_hex(32)}) as running:
        yield running


def stored_values(world: World) -> Iterator[tuple[str, bytes]]:
    """Every value on the server, with the name of its key. Names of keys and of fields are no values."""
    plain = world.plain
    for key in plain.scan_iter():
        match plain.type(key):
            case b"hash":
                values = list(plain.hgetall(key).values())
            case b"stream":
                values = [value for _, fields in plain.xrange(key) for value in fields.values()]
            case b"string":
                values = [plain.get(key)]
            case other:
                msg = f"{key!r} is a {other!r}, whose values nobody looks at"
                raise AssertionError(msg)
        for value in values:
            yield key.decode(), value


def busy_session(desk: Desk, account: str) -> tuple[str, ...]:
    """Place, fill, change and cancel; returns what would tell a reader of it."""
    first = placed(desk, limit_order(account, price=PRICE))
    desk.control.execute(venue_id(first), size=Decimal("0.00333"))
    desk.filled(first, Decimal("0.00333"))
    second = placed(desk, limit_order(account, price=Decimal("41234.56")))
    desk.oms.ask(ModifyOrder(account_id=account, order_id=second.order_id, price=Decimal("41111.11")))
    third = placed(desk, limit_order(account, price=Decimal("40321.65")))
    desk.oms.ask(CancelOrder(account_id=account, order_id=third.order_id))
    orders = desk.oms.views(account).orders.values()
    ids = [name for order in orders for name in (order.client_order_id, order.venue_order_id) if name]
    return (*ids, "BTC-USDT", "BTCUSDT", "42123.45", "41234.56", "41111.11", "40321.65", "0.00333", "BUY", "LIMIT")


def telling(world: World, needles: tuple[str, ...]) -> set[tuple[str, str]]:
    """Where on the server something stands that tells of orders."""
    return {
        (key, needle) for key, value in stored_values(world) for needle in needles if needle.encode() in value
    }


def test_privacy_encryption_on_leaves_nothing_readable_in_any_value(world: World) -> None:
    account = "sealed"
    world.open_accounts(account)
    with world.trading(account, privacy=SEALED) as desk:
        needles = busy_session(desk, account)
        assert telling(world, needles) == set()
    assert telling(world, needles) == set()


def test_privacy_encryption_off_leaves_all_of_it_readable(world: World) -> None:
    account = "unsealed"
    world.open_accounts(account)
    with world.trading(account) as desk:
        needles = busy_session(desk, account)
        assert {needle for _, needle in telling(world, needles)} == set(needles) - {"BTCUSDT"}


def test_privacy_encryption_switched_on_later_seals_what_was_there(world: World) -> None:
    account = "sealed-later"
    world.open_accounts(account)
    with world.trading(account) as desk:
        needles = busy_session(desk, account)
    events = {f"{{p00}}:account:{account}:events"}
    with world.trading(account, privacy=SEALED) as desk:
        left = {key for key, _ in telling(world, needles)}
        # Events are never written anew: they leave their stream in time.
        assert all(any(key.endswith(each) for each in events) for key in left)
        assert differences(desk, account) == []
        assert len(live_at_venue(world.control, account)) == 2


def contents(world: World) -> dict[bytes, bytes]:
    """Everything on the server, but for signs of life and who owns what."""
    passing = (b":owner:", b":meta")
    names = [key for key in world.plain.scan_iter() if not any(each in key for each in passing)]
    return {key: bytes(world.plain.dump(key) or b"") for key in names}


def refuses_to_start(world: World, account: str, **management: Any) -> StoreError:
    oms = Oms(world.settings(account, **management))
    try:
        with pytest.raises(StoreError) as caught:
            oms.start()
    finally:
        oms.stop()
    return caught.value


def test_privacy_wrong_key_is_a_clear_error_and_destroys_nothing(world: World) -> None:
    account = "wrong-key"
    world.open_accounts(account)
    right = world.environ["ORDER_KEYS"]
    with world.trading(account, privacy=SEALED) as desk:
        busy_session(desk, account)
        known = dict(desk.oms.views(account).orders)
    before = contents(world)

    world.environ["ORDER_KEYS"] = wrong = token_hex(32)
    error = refuses_to_start(world, account, privacy=SEALED)
    assert isinstance(error, EncryptionKeyMissing)
    assert account in str(error)
    assert not any(key[at : at + 8] in str(error) for key in (right, wrong) for at in range(0, len(key), 8))
    assert isinstance(refuses_to_start(world, account), EncryptionKeyMissing | StoreUnfit)
    assert contents(world) == before

    world.environ["ORDER_KEYS"] = right
    with world.trading(account, privacy=SEALED) as desk:
        assert desk.oms.views(account).orders.keys() == known.keys()
        assert differences(desk, account) == []


def test_privacy_key_is_replaced_in_two_steps_and_the_old_one_dropped(world: World) -> None:
    account = "new-key"
    world.open_accounts(account)
    old, new = world.environ["ORDER_KEYS"], token_hex(32)
    with world.trading(account, privacy=SEALED) as desk:
        needles = busy_session(desk, account)
        known = dict(desk.oms.views(account).orders)
    for keys in (f"{old},{new}", f"{new},{old}", new):
        world.environ["ORDER_KEYS"] = keys
        with world.trading(account, privacy=SEALED) as desk:
            assert desk.oms.views(account).orders.keys() == known.keys()
            assert telling(world, needles) == set()
            # Events are never written anew; those from before need the old key.
            if old in keys:
                assert differences(desk, account) == []
    world.environ["ORDER_KEYS"] = old
    assert isinstance(refuses_to_start(world, account, privacy=SEALED), EncryptionKeyMissing)


# ----- leaving


def test_privacy_logout_clears_what_others_read_and_orders_live_on(world: World) -> None:
    account = "leaves"
    world.open_accounts(account)
    with world.trading(account, privacy={"clearOnLogout": True}) as desk:
        order = placed(desk, limit_order(account))
        other = placed(desk, limit_order(account, price=Decimal(41000)))
        assert len(world.public(account)) == 2
        reply = answered(desk, Logout(account_id=account))
        assert isinstance(reply, LogoutDone)
        assert (reply.cleared, reply.live_orders) == (True, 2)
        assert list(world.plain.scan_iter(match=f"orders:{account}:*")) == []

        # Nobody is there, and what happens shows nothing to others.
        world.control.execute(venue_id(order))
        desk.settled(order, OrderState.FILLED)
        assert list(world.plain.scan_iter(match=f"orders:{account}:*")) == []
    with world.trading(account, privacy={"clearOnLogout": True}) as desk:
        assert list(world.plain.scan_iter(match=f"orders:{account}:*")) == []
        assert len(live_at_venue(world.control, account)) == 1
        answered(desk, SyncOpenOrders(account_id=account))
        until(lambda: world.public(account).keys() == {other.venue_order_id}, "the orders to be shown again")


def test_privacy_logout_without_clearing_leaves_what_others_read(world: World) -> None:
    account = "stays"
    world.open_accounts(account)
    with world.trading(account) as desk:
        placed(desk, limit_order(account))
        reply = answered(desk, Logout(account_id=account))
        assert isinstance(reply, LogoutDone)
        assert (reply.cleared, reply.live_orders) == (False, 1)
        assert len(world.public(account)) == 1


# ----- no cache


def test_privacy_without_cache_others_read_nothing_and_every_sync_asks_the_venue(world: World) -> None:
    account = "uncached"
    world.open_accounts(account)
    with world.trading(account, privacy={"cacheOrders": False}) as desk:
        order = placed(desk, limit_order(account))
        assert list(world.plain.scan_iter(match="orders:*")) == []
        for _ in range(3):
            asked = world.asked(RequestKind.OPEN_ORDERS)
            answer = synced(desk, SyncOpenOrders(account_id=account))
            assert world.asked(RequestKind.OPEN_ORDERS) == asked + 1
            assert (answer.source, [view.local_id for view in answer.orders]) == (
                AnswerSource.VENUE, [order.order_id],
            )  # fmt: skip
        assert list(world.plain.scan_iter(match="orders:*")) == []
        assert list(desk.oms.events(account)) == []


def test_privacy_without_cache_keeps_an_unresolved_intent_over_a_restart(world: World) -> None:
    account = "uncached-unknown"
    world.open_accounts(account)
    settings = SEALED | {"cacheOrders": False}
    command = limit_order(account, price=PRICE, request_id="only-once")
    with world.trading(account, privacy=settings) as desk:
        world.control.silence_streams(60_000, account)
        hang = FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.PLACE, amount_ms=60_000, count_max=1)
        world.control.add_fault(hang)
        desk.oms.submit(command)
        until(lambda: live_at_venue(world.control, account), "the venue to have the order")
    world.control.set_faults()
    assert telling(world, ("BTC-USDT", "42123.45", "only-once")) == set()
    with world.trading(account, privacy=settings) as desk:
        order = placed(desk, command)
        assert len(world.control.orders(account=account)) == 1
        assert order.venue_order_id == str(live_at_venue(world.control, account)[0]["orderId"])
