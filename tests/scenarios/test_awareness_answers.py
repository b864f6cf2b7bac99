"""How far answers can be believed: with the stream cut they say so. A parity check lists what differs until then."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from awareness_world import (
    SETTLE_MS,
    WATCHFUL,
    World,
    answered,
    by_hand,
    limit_order,
    live_at_venue,
    placed,
    settles_at_once,
    synced,
)
from fill_world import EXCHANGE, SYMBOL, Desk, FillVenue, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import CheckParity, SyncOpenOrders
from messages.queries import (
    AccountQuery,
    AnswerSource,
    GetExposure,
    GetFills,
    GetFillsBetween,
    GetHistory,
    GetOrder,
    GetOrders,
    GetPosition,
    GetPositions,
    GetStuckOrders,
    ParityReport,
    RefusalCode,
    Refused,
    Snapshot,
)
from messages.risk import DifferenceKind
from messages.types import OrderState


@pytest.fixture(scope="module")
def world(fill_venue: FillVenue) -> Iterator[World]:
    with World(fill_venue) as running:
        yield running


def queries(account: str, order_id: str) -> list[AccountQuery]:
    """One of every kind."""
    return [
        GetOrder(account_id=account, order_id=order_id), GetOrders(account_id=account),
        GetHistory(account_id=account, order_id=order_id), GetFills(account_id=account, order_id=order_id),
        GetFillsBetween(account_id=account, exchange=EXCHANGE, symbol=SYMBOL),
        GetPosition(account_id=account, exchange=EXCHANGE, symbol=SYMBOL), GetPositions(account_id=account),
        GetStuckOrders(account_id=account), GetExposure(account_id=account),
    ]  # fmt: skip


def answers(desk: Desk, account: str, order_id: str) -> list[Snapshot]:
    found = [desk.oms.ask(query) for query in queries(account, order_id)]
    return [each for each in found if isinstance(each, Snapshot)]


def said_by(snapshots: list[Snapshot]) -> set[tuple[bool, AnswerSource]]:
    """How far answers can be believed, by what they say."""
    return {(each.gap, each.source) for each in snapshots}


def is_open(desk: Desk, account: str) -> bool:
    return not any(desk.oms.views(account).gates.values())


def test_answers_with_the_stream_cut_say_gap_and_cache_until_it_is_back(world: World) -> None:
    account = "answers-cut"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
        quiet = answers(desk, account, order.order_id)
        assert len(quiet) == len(queries(account, order.order_id))
        assert said_by(quiet) == {(False, AnswerSource.STREAM)}

        world.control.begin_outage()
        try:
            until(lambda: not is_open(desk, account), "the stream to be missed")
            last = world.last_sync(account)
            assert last is not None
            for each in answers(desk, account, order.order_id):
                assert (each.gap, each.source) == (True, AnswerSource.CACHE)
                assert 0 < each.as_of_ms <= last
            listed = synced(desk, SyncOpenOrders(account_id=account))
            assert (listed.gap, listed.source) == (True, AnswerSource.CACHE)
            assert 0 < listed.as_of_ms <= last
            assert [view.local_id for view in listed.orders] == [order.order_id]
            # What happens meanwhile is not known, and nobody is told otherwise.
            world.control.cancel(venue_id(order))
            assert {each.gap for each in answers(desk, account, order.order_id)} == {True}
            refusal = answered(desk, limit_order(account, price=Decimal(41000)))
            assert isinstance(refusal, Refused)
            assert refusal.code is RefusalCode.GATE_CLOSED
        finally:
            world.control.end_outage()

        until(lambda: is_open(desk, account), "the stream to be back")
        known = {(False, AnswerSource.STREAM)}
        until(lambda: said_by(answers(desk, account, order.order_id)) == known, "every answer to be whole again")
        # What is believed can be seen: no answer is whole before the order is shown as it is.
        assert desk.order(order.account_id, order.order_id).state is OrderState.CANCELLED
        assert world.public(account) == {}
        listed = synced(desk, SyncOpenOrders(account_id=account))
        assert (listed.gap, listed.orders) == (False, ())


def test_answers_after_the_order_manager_was_stopped_say_gap(world: World) -> None:
    account = "answers-stopped"
    world.open_accounts(account)
    with world.trading(account) as desk:
        order = placed(desk, limit_order(account))
    assert said_by(answers(desk, account, order.order_id)) == {(True, AnswerSource.CACHE)}


# ----- parity


def parity(desk: Desk, account: str) -> ParityReport:
    reply = answered(desk, CheckParity(account_id=account))
    assert isinstance(reply, ParityReport), reply
    return reply


def compared_whole(desk: Desk, account: str) -> ParityReport:
    """Ask until nothing is too young to be compared."""
    return until(
        lambda: report if not (report := parity(desk, account)).not_compared else None, "everything to be comparable"
    )  # fmt: skip


def test_parity_when_all_is_quiet_finds_no_difference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    account = "parity-quiet"
    settles_at_once(monkeypatch)
    world.open_accounts(account)
    with world.trading(account, **WATCHFUL) as desk:
        order = placed(desk, limit_order(account))
        by_hand(world.control, account, "by-hand", price=Decimal(39000))
        world.control.execute(venue_id(order), size=Decimal("0.004"))
        desk.filled(order, Decimal("0.004"))
        until(lambda: len(world.public(account)) == 2, "both orders to be known")
        report = compared_whole(desk, account)
        assert report.differences == ()
        compared = {what: count for _, what, count in report.compared}
        assert (compared["orders"], compared["fills"]) == (2, 1)
        assert compared["balances"] > 0


def test_parity_lists_what_no_frame_told_and_it_is_repaired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    account = "parity-drift"
    settles_at_once(monkeypatch)
    world.open_accounts(account)
    with world.trading(account, partialFillTracking={"audit": {"intervalMs": 600_000}}) as desk:
        ours, gone, part = [placed(desk, limit_order(account, price=Decimal(price))) for price in (42500, 41000, 40000)]
        until(lambda: is_compared(parity(desk, account), "orders"), "the orders to be comparable")
        world.control.add_fault(FaultRule(fault=Fault.FRAME_DROP, kind=RequestKind.FRAME))
        manual = by_hand(world.control, account, "by-hand", price=Decimal(39000))
        world.control.cancel(venue_id(gone))
        world.control.execute(venue_id(part), size=Decimal("0.004"))
        old_enough_ms = world.control.now_ms() + 2 * SETTLE_MS
        until(lambda: world.control.now_ms() > old_enough_ms, "what differs to be old enough to count")
        assert len(world.public(account)) == 3

        report = parity(desk, account)
        kinds = {each.kind: each for each in report.differences}
        assert kinds.keys() >= {DifferenceKind.MISSING_HERE, DifferenceKind.FILL_MISSING_HERE}
        assert str(manual["orderId"]) in kinds[DifferenceKind.MISSING_HERE].name
        assert ours.order_id not in {each.name for each in report.differences}

        at_venue = {str(row["orderId"]) for row in live_at_venue(world.control, account)}
        until(lambda: world.public(account).keys() == at_venue, "what differed to be repaired")
        desk.filled(part, Decimal("0.004"))
        assert desk.alerts(account, "ParityDrift")
        again = until(
            lambda: report if is_compared(report := parity(desk, account), "orders") else None, "another comparison"
        )
        assert again.differences == ()


def is_compared(report: ParityReport, what: str) -> bool:
    return all(each != what for _, each, _ in report.not_compared)


def test_parity_with_the_venue_silent_says_what_was_not_compared(world: World) -> None:
    account = "parity-silent"
    world.open_accounts(account)
    with world.trading(account, **WATCHFUL) as desk:
        placed(desk, limit_order(account))
        for kind in (RequestKind.OPEN_ORDERS, RequestKind.TRADES, RequestKind.BALANCES):
            world.control.add_fault(FaultRule(fault=Fault.ERROR_BEFORE, kind=kind))
        report = parity(desk, account)
        assert report.differences == report.compared == ()
        assert {what.split(" of ")[0] for _, what, _ in report.not_compared} == {"orders", "fills", "balances"}
