"""`run.py parity` at every venue: what was traded there is what is stored, and nothing is left uncompared."""

import time
from decimal import Decimal
from pathlib import Path

import pytest

from actors import Oms
from actors.app.markets import VENUES, market_of
from actors.app.parity import Side as ParitySide
from actors.app.parity import run_parity
from actors.app.world import OrderNumbers, PaperWorld, read_record
from actors.domain.lifecycle import AT_VENUE
from actors.settings import Settings
from messages import OrderPlaced, OrderType, Side, SubmitOrder
from messages.types import OrderState

ACCOUNT = "compared"
DEADLINE_S = 60.0
AUDIT_MS = 1_000
SETTLE_MS = 500
"""Nothing goes wrong here, so the paper venue shows everything at once."""


def trade(oms: Oms, world: PaperWorld) -> None:
    """Let one order rest, and have another one filled in two pieces."""
    market = market_of(world.venue)
    size, price = market.lot * market.lots[0] * 2, market.priced(Decimal("0.9"))
    placed = []
    for number in range(2):
        command = SubmitOrder(
            account_id=ACCOUNT,
            exchange=world.venue,
            symbol=market.symbol,
            side=Side.BUY,
            type=OrderType.LIMIT,
            size=size,
            price=price - 100 * number * market.tick,
            request_id=f"r{number}",
        )
        reply = oms.ask(command, timeout=20)
        assert isinstance(reply, OrderPlaced)
        placed.append(reply.view)
    at_venue = OrderNumbers(world.control).of(ACCOUNT, placed[1].order.order_id)
    assert at_venue is not None
    for _ in range(2):
        world.control.execute(at_venue, placed[1].order.price, size / 2)
    wait_until_filled(oms, placed[1].local_id)


def wait_until_filled(oms: Oms, order_id: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while oms.views(ACCOUNT).orders[order_id].state is not OrderState.FILLED:
        assert time.monotonic() < deadline, "the fills did not arrive"
        time.sleep(0.05)


@pytest.mark.parametrize("venue", VENUES)
def test_parity_program_at_a_venue_agrees_with_what_was_traded_there(venue: str, tmp_path: Path) -> None:
    with PaperWorld(venue, (ACCOUNT,), seed=4, scripted=True) as world:
        # A holding is compared once two audits have read it; rate limits leave Kraken no more than the usual ones.
        management = {"partialFillTracking": {"audit": {"intervalMs": AUDIT_MS * (1 if venue != "kraken" else 10)}}}
        settings = world.settings("compared", management, durability="everysec", settle_ms=SETTLE_MS)
        with Oms(settings, data_folder=tmp_path) as oms:
            trade(oms, world)
            url = oms.runtime.server.url if oms.runtime.server is not None else ""
            book = oms.views(ACCOUNT)
            record = read_record(world.control, (ACCOUNT,))
            assert {order.client_order_id for order in book.orders.values()} == {
                row["clientOrderId"] for row in record.orders
            }
            assert sum(order.state in AT_VENUE for order in book.orders.values()) == 1
            beside = settings.model_copy(update={"redis": type(settings.redis).model_validate({"url": url})})

            side = compared_within_the_deadline(beside)

    assert side.conclusion.outcome == "agreed", side.conclusion
    # An account on margin has one position there, on spot what was bought and what it was paid with.
    balances = 1 if market_of(venue).able.margin else 2
    assert dict(side.conclusion.compared) == {"orders": 1, "fills": 2, "balances": balances}


def compared_within_the_deadline(settings: Settings) -> ParitySide:
    """What the program finds once everything is old enough to be compared; the venue's budget may be used up before."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        result = run_parity(settings)
        assert result is not None
        (side,) = result.sides
        whole = not result.failures and dict(side.conclusion.compared).get("balances")
        if whole or time.monotonic() > deadline:
            return side
        time.sleep(1.0)
