"""Futures over real sockets: whoever sees his order filled can close the position at once."""

from decimal import Decimal
from pathlib import Path

from fill_world import DEADLINE_S, until

from actors import Oms
from actors.app.world import PaperWorld
from messages import ClosePosition, OrderType, Side, SubmitOrder
from messages.queries import CloseDone, OrderPlaced
from messages.types import OrderState

CONTRACT = "CON.F.US.EP.Z26"
PLACE = ("projectx", CONTRACT)
TIMES = 10
"""Whether the stream or the answer is faster is chance; in so many times each is."""


def buy(oms: Oms, number: int) -> None:
    """Buy two contracts, and wait until the order is seen filled."""
    command = SubmitOrder(
        account_id="a", exchange="projectx", symbol=CONTRACT, side=Side.BUY, type=OrderType.MARKET, size=Decimal(2),
        request_id=f"buy-{number}",
    )  # fmt: skip
    reply = oms.submit(command).result(DEADLINE_S)
    assert isinstance(reply, OrderPlaced), reply
    order_id = reply.view.local_id
    until(lambda: oms.views("a").orders[order_id].state is OrderState.FILLED, "the order to be filled")


def test_position_can_be_closed_as_soon_as_its_order_is_seen_filled(tmp_path: Path) -> None:
    with PaperWorld("projectx", ("a",), seed=3) as world:
        world.control.run_market(running=True)
        world.control.step_market(20)
        with Oms(world.settings("close", {}, durability="everysec"), data_folder=tmp_path) as oms:
            assert oms.runtime.all_open()
            for number in range(TIMES):
                buy(oms, number)
                reply = oms.submit(ClosePosition(account_id="a", exchange="projectx", symbol=CONTRACT))
                done = reply.result(DEADLINE_S)
                assert isinstance(done, CloseDone), done
                assert done.close.closed_size == 2
            position = oms.views("a").positions[PLACE]
            assert position.size == 0
            # A point of an index future is 50 dollars, and its market a few ticks wide.
            assert position.cash > -TIMES * 2 * 50 * Decimal("2.5")
