"""Use case 1, order awareness: whoever placed them, open orders are where every program can read them."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, Self

import pytest
import redis
from awareness_world import (
    LONG_MS,
    VENUE_NUMBER,
    World,
    by_hand,
    limit_order,
    placed,
    synced,
)
from fill_world import DEADLINE_S, SIZE, FillVenue, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderType, Side
from messages.commands import CancelOrder, SyncOpenOrders
from messages.queries import AnswerSource, OpenOrdersSynced
from messages.types import OrderState

_REQUIRED = {
    "exchange", "orderId", "clientOrderId", "symbol", "side", "type", "status", "size", "filledSize", "remainingSize",
    "createdAt", "updatedAt", "timeInForce",
}  # fmt: skip
"""What every open order has; the rest of the schema only where it applies."""


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


def test_order_awareness_orders_of_two_accounts_by_us_and_by_hand_are_read_by_any_program(world: World) -> None:
    ann, bob = "aware-ann", "aware-bob"
    world.open_accounts(ann, bob)
    before = by_hand(world.control, ann, "before-we-came", price=Decimal("41000.10"))

    with world.trading(ann, bob) as desk:
        ours = placed(desk, limit_order(ann, size=Decimal("0.01230"), price=Decimal("42123.45"), post_only=True))
        bobs = placed(desk, limit_order(bob, side=Side.SELL, price=Decimal("71000.00")))
        by_hands = by_hand(world.control, ann, "beside-us", side=Side.SELL, price=Decimal("72000.00"))
        numbers = {str(before["orderId"]), ours.venue_order_id, str(by_hands["orderId"])}
        until(lambda: world.public(ann).keys() == numbers, "all orders of the first account")

        row = world.public(ann)[str(ours.venue_order_id)]
        assert {name: row[name] for name in row.keys() - {"createdAt", "updatedAt"}} == {
            "exchange": "binance", "orderId": ours.venue_order_id, "clientOrderId": ours.client_order_id,
            "symbol": "BTC-USDT", "side": "BUY", "type": "LIMIT", "status": "OPEN", "size": Decimal("0.0123"),
            "filledSize": 0, "remainingSize": Decimal("0.0123"), "price": Decimal("42123.45"),
            "timeInForce": "GTC", "postOnly": True,
        }  # fmt: skip
        assert type(row["createdAt"]) is type(row["updatedAt"]) is int
        foreign = world.public(ann)[str(before["orderId"])]
        assert foreign.keys() == _REQUIRED | {"price"}
        assert (foreign["clientOrderId"], foreign["price"]) == ("before-we-came", Decimal("41000.10"))

        assert world.public(bob).keys() == {bobs.venue_order_id}
        now = world.plain.time()[0] * 1000
        for account in (ann, bob):
            last = world.last_sync(account)
            assert last is not None
            assert now - LONG_MS < last < now + LONG_MS
            assert world.plain.ttl(f"orders:{account}:{VENUE_NUMBER}:open") == -1
            assert world.plain.ttl(f"orders:{account}:{VENUE_NUMBER}:last_sync") == -1


def test_open_order_filled_in_part_then_wholly_is_shown_and_gone(world: World) -> None:
    account = "aware-fills"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account, size=Decimal("0.03"), price=Decimal("42000.01")))
        field = str(order.venue_order_id)
        world.control.execute(venue_id(order), size=Decimal("0.01"))
        until(lambda: world.public(account)[field]["filledSize"] == Decimal("0.01"), "the fill to be shown")
        row = world.public(account)[field]
        assert (row["status"], row["size"], row["remainingSize"]) == ("OPEN", Decimal("0.03"), Decimal("0.02"))
        assert (row["averageFilledPrice"], row["filledValue"]) == (Decimal("42000.01"), Decimal("420.0001"))

        world.control.execute(venue_id(order))
        until(lambda: world.public(account) == {}, "the order to be gone")


def test_stop_limit_order_is_shown_with_both_prices(world: World) -> None:
    account = "aware-stop"
    world.open_accounts(account)
    with world.trading(account) as desk:
        terms = {"type": OrderType.STOP_LIMIT, "price": Decimal("70010.00"), "stop_price": Decimal("70000.00")}
        order = placed(desk, limit_order(account, **terms))
        row = world.public(account)[str(order.venue_order_id)]
        assert (row["type"], row["price"], row["stopPrice"]) == ("STOP_LIMIT", 70010, 70000)
        desk.oms.ask(CancelOrder(account_id=account, order_id=order.order_id))


# ----- synchronisation on demand


def test_sync_on_demand_young_cache_is_answered_without_the_venue(world: World) -> None:
    account = "sync-young"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        asked = world.asked(RequestKind.OPEN_ORDERS)
        answer = synced(desk, SyncOpenOrders(account_id=account, exchange="binance"))
        assert world.asked(RequestKind.OPEN_ORDERS) == asked
    assert [view.local_id for view in answer.orders] == [order.order_id]
    assert (answer.source, answer.stale, answer.gap, answer.complete, answer.error) == (
        AnswerSource.STREAM, False, False, True, "",
    )  # fmt: skip


def test_sync_on_demand_older_than_allowed_is_read_from_the_venue(world: World) -> None:
    account = "sync-old"
    world.open_accounts(account)
    with world.trading(account, sync={"staleAfterSeconds": 1}) as desk:
        world.control.silence_streams(LONG_MS, account)
        by_hand(world.control, account, "unseen")

        def read() -> bool:
            answer = synced(desk, SyncOpenOrders(account_id=account))
            assert answer.source in (AnswerSource.VENUE, AnswerSource.STREAM)
            return answer.source is AnswerSource.VENUE

        until(read, "what we have to become too old")
        assert [row["clientOrderId"] for row in world.public(account).values()] == ["unseen"]


def test_sync_on_demand_forced_reads_and_replaces_all(world: World) -> None:
    account = "sync-force"
    world.open_accounts(account)
    with world.trading(account) as desk:
        placed(desk, limit_order(account))
        world.control.silence_streams(LONG_MS, account)
        unseen = by_hand(world.control, account, "unseen", price=Decimal("40000.00"))
        before = world.last_sync(account)
        assert before is not None

        answer = synced(desk, SyncOpenOrders(account_id=account, force=True))
        assert {view.order.order_id for view in answer.orders} == world.public(account).keys()
        assert str(unseen["orderId"]) in world.public(account)
        assert (answer.source, answer.stale, answer.error) == (AnswerSource.VENUE, False, "")
        last = world.last_sync(account)
        assert last is not None
        assert last > before
        assert answer.as_of_ms <= last


def test_sync_on_demand_what_another_program_wrote_there_is_gone_afterwards(world: World) -> None:
    account = "sync-strays"
    world.open_accounts(account)
    key = f"orders:{account}:{VENUE_NUMBER}:open"
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.plain.hset(key, "nobody's", b"{}")
        world.plain.hset(key, str(order.venue_order_id), b"scribbled over")
        synced(desk, SyncOpenOrders(account_id=account, force=True))
        assert world.public(account).keys() == {order.venue_order_id}


def test_sync_on_demand_venue_down_answers_what_is_cached_with_age_and_error(world: World) -> None:
    account = "sync-down"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        raw = world.plain.hgetall(f"orders:{account}:{VENUE_NUMBER}:open")
        last = world.last_sync(account)
        world.control.begin_outage()
        try:
            answer = synced(desk, SyncOpenOrders(account_id=account, force=True))
        finally:
            world.control.end_outage()
        assert [view.local_id for view in answer.orders] == [order.order_id]
        assert (answer.source, answer.stale) == (AnswerSource.CACHE, True)
        assert answer.error
        assert answer.age_ms is not None
        assert last is not None
        assert answer.as_of_ms <= last
        assert world.plain.hgetall(f"orders:{account}:{VENUE_NUMBER}:open") == raw
        assert world.last_sync(account) == last


def test_sync_on_demand_answer_that_cannot_be_read_empties_nothing(world: World) -> None:
    account = "sync-broken"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        world.control.add_fault(FaultRule(fault=Fault.MALFORMED_BODY, kind=RequestKind.OPEN_ORDERS))
        answer = synced(desk, SyncOpenOrders(account_id=account, force=True))
        assert [view.local_id for view in answer.orders] == [order.order_id]
        assert answer.stale
        assert answer.error
        assert world.public(account).keys() == {order.venue_order_id}


def test_sync_on_demand_concurrent_callers_share_one_request(world: World) -> None:
    account, callers = "sync-shared", 12
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        late = FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.OPEN_ORDERS, amount_ms=800)
        world.control.add_fault(late)
        asked = world.asked(RequestKind.OPEN_ORDERS)
        first = desk.oms.submit(SyncOpenOrders(account_id=account, force=True))
        until(lambda: world.asked(RequestKind.OPEN_ORDERS) == asked + 1, "the request to be at the venue")
        ready, futures = threading.Barrier(callers), []

        def ask() -> None:
            ready.wait(DEADLINE_S)
            futures.append(desk.oms.submit(SyncOpenOrders(account_id=account, force=True)))

        threads = [threading.Thread(target=ask) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        waiting: list[Future[Any]] = [first, *futures]
        replies = [each.result(DEADLINE_S) for each in waiting]
        assert world.asked(RequestKind.OPEN_ORDERS) == asked + 1
    assert len(replies) == callers + 1
    for reply in replies:
        assert isinstance(reply, OpenOrdersSynced)
        assert [view.local_id for view in reply.exchanges[0].orders] == [order.order_id]
        assert reply.exchanges[0].source is AnswerSource.VENUE


# ----- another program that reads all the time


class Watcher:
    """A plain client that reads a hash as fast as it can and keeps what it saw whenever that changed."""

    def __init__(self, url: str, key: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._key = key
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.reads = 0
        self.seen: list[dict[bytes, bytes]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: self.reads, "the other program to read")
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(DEADLINE_S)
        self._client.close()

    def wait_for(self, name: str | None) -> None:
        """Wait until an order has been seen: a reader that sees nothing proves nothing."""
        field = str(name).encode()
        until(lambda: any(field in seen for seen in list(self.seen)), f"the other program to see {name}")

    def _read(self) -> None:
        while not self._done.is_set():
            now = self._client.hgetall(self._key)
            if not self.seen or now != self.seen[-1]:
                self.seen.append(now)
            self.reads += 1


def test_plain_reader_while_lists_replace_all_and_orders_come_and_go_sees_no_half_state(world: World) -> None:
    account, resting, rounds = "aware-watched", 20, 12
    world.open_accounts(account)
    with world.trading(account) as desk:
        kept = [
            placed(desk, limit_order(account, price=Decimal(40000 + number))).venue_order_id
            for number in range(resting)
        ]
        key = f"orders:{account}:{VENUE_NUMBER}:open"
        with Watcher(world.server.url, key) as watcher:
            for number in range(rounds):
                lists = [desk.oms.submit(SyncOpenOrders(account_id=account, force=True)) for _ in range(2)]
                guest = placed(desk, limit_order(account, price=Decimal(39000 + number)))
                watcher.wait_for(guest.venue_order_id)
                if number % 2:
                    world.control.execute(venue_id(guest))
                    desk.settled(guest, OrderState.FILLED)
                else:
                    desk.oms.ask(CancelOrder(account_id=account, order_id=guest.order_id))
                for each in lists:
                    each.result(DEADLINE_S)
            assert len(world.public(account)) == resting
            reads = watcher.reads
            until(lambda: watcher.reads > reads + 1, "the other program to read once more")
    for seen in watcher.seen:
        assert {str(each).encode() for each in kept} <= seen.keys()
        assert len(seen) <= resting + 1
        for name, raw in seen.items():
            check_consistent(name.decode(), json.loads(raw, parse_float=Decimal))


def check_consistent(name: str, row: dict[str, Any]) -> None:
    """A row is whole: it bears the name it stands under, or its client order id, and its sizes add up."""
    assert row.keys() >= _REQUIRED
    assert name == row["orderId"]
    assert row["size"] == row["filledSize"] + row["remainingSize"] == SIZE
    assert row["status"] in ("OPEN", "PENDING")
    assert (row["orderId"] == row["clientOrderId"]) <= (row["status"] == "PENDING")
