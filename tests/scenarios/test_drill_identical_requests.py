"""One request made a thousand times at once: one venue order, and the same answer for everybody."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from actors import Oms
from actors.app.acts import is_passing
from actors.app.world import PaperWorld
from messages import OrderPlaced, OrderType, Side, SubmitOrder
from messages.queries import Reply

REQUESTS = 1_000
THREADS = 8
DEADLINE_S = 60.0


@pytest.mark.parametrize("request_id", ["mine", None])
def test_identical_requests_from_eight_threads_make_one_venue_order(request_id: str | None, tmp_path: Path) -> None:
    command = SubmitOrder(
        account_id="drill-1", exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal("42500.00"), request_id=request_id,
    )  # fmt: skip

    with (
        PaperWorld("binance", ("drill-1",), seed=3) as world,
        Oms(world.settings("drill", {}, durability="everysec"), data_folder=tmp_path) as oms,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        replies = list(threads.map(lambda _: ask(oms, command), range(REQUESTS)))
        venue_orders = world.control.orders(account="drill-1")
        sent = world.control.placement_requests(venue_orders[0]["clientOrderId"])

    placed = [reply for reply in replies if isinstance(reply, OrderPlaced)]
    assert len(placed) == REQUESTS
    assert sum(not reply.duplicate for reply in placed) == 1
    assert {reply.view.order.order_id for reply in placed} == {str(venue_orders[0]["orderId"])}
    assert len(venue_orders) == 1
    assert len(sent) == 1


def ask(oms: Oms, command: SubmitOrder) -> Reply:
    """Ask until the answer is not 'not now': a full queue is no outcome."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        reply = oms.submit(command).result(DEADLINE_S)
        if not is_passing(reply) or time.monotonic() > deadline:
            return reply
