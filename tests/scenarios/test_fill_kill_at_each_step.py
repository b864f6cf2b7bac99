"""Killed with SIGKILL between any two steps of booking a fill and started again, each fill counts exactly once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fill_crash_child import OWNERSHIP
from fill_crash_steps import DEAR, STEPS
from fill_world import DEADLINE_S, SYMBOL, Desk, FillVenue, differences, settings_for, until
from tidy_rules import ROOT

from actors import Oms
from actors.app.audit import is_settled
from actors.store.embedded import EmbeddedServer
from actors.store.port import Table
from messages import Side
from messages.commands import CancelOrder
from messages.events import PositionCloseEnded
from messages.fills import CloseState, Fill, FillSource, VenueFill
from messages.queries import Refused
from messages.reports import FillReceived
from messages.types import Evidence, EvidenceSource, OrderState

KILLED = -9
AT_ONCE = 4
CLOSES = tuple(step for step in STEPS if step.startswith("close_"))
ENDS = {
    "fill_written_placement_not_answered": [OrderState.FILLED],
    "claim_held_back": [OrderState.CANCELLED],
    "fill_found_again_not_written": [OrderState.CANCELLED],
    # The command was lost with the process, and nothing was sent for it.
    "close_not_written": [OrderState.FILLED],
    **{step: [OrderState.ACKNOWLEDGED, OrderState.FILLED] for step in STEPS if step.startswith("stray_")},
    **{step: [OrderState.PARTIAL_FILL_TIMEOUT] for step in STEPS if step.startswith("timeout_")},
    **{step: [OrderState.FILLED] * 2 for step in CLOSES if step != "close_not_written"},
}
"""What the orders come to; where nothing is said, there is one that is filled in part."""


@dataclass(frozen=True)
class Aftermath:
    """The restarted order manager of all accounts, and how the processes before it ended."""

    desk: Desk
    statuses: dict[str, int]


@pytest.fixture(scope="module")
def aftermath(fill_venue: FillVenue) -> Iterator[Aftermath]:
    """Every step's process has died, and one order manager goes on with all of their accounts."""
    for step in STEPS:
        fill_venue.open_account(step, scripted=step not in CLOSES)
    fill_venue.open_account("kill-maker", scripted=False)
    fill_venue.control.place("kill-maker", "bid", symbol=SYMBOL, side=Side.BUY, size=Decimal(5), price=DEAR)
    # A short path: a server's socket must not lie deep.
    with TemporaryDirectory(prefix="kill-") as folder, EmbeddedServer(Path(folder)) as server:
        statuses = die_everywhere(fill_venue, server.url)
        fill_venue.control.set_faults()
        keys = fill_venue.keys(*STEPS)
        with Oms(settings_for(fill_venue.announced, keys, redis_url=server.url, **OWNERSHIP)) as oms:
            until(oms.runtime.all_open, "every gate to open")
            yield Aftermath(Desk(oms, fill_venue.control), statuses)


def die_everywhere(venue: FillVenue, redis_url: str) -> dict[str, int]:
    """Run one process for each step; returns how they ended."""
    given = {"venue": venue.announced, "keys": venue.keys(*STEPS), "redisUrl": redis_url, "atOnce": AT_ONCE}
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("fill_crash_child.py"))],
        input=json.dumps(given).encode(), stdout=subprocess.PIPE, cwd=ROOT, timeout=120, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return dict(json.loads(child.stdout))


@pytest.mark.parametrize("step", STEPS)
def test_process_killed_while_a_fill_is_booked_books_it_once(aftermath: Aftermath, step: str) -> None:
    desk = aftermath.desk
    assert aftermath.statuses[step] == KILLED
    executions = desk.control.executions(account=step)
    assert executions != []

    until(lambda: quiet(desk, step), f"{step} to be quiet again")
    assert differences(desk, step) == []

    repeated = desk.repeated()
    replay(desk, step)
    assert desk.repeated() - repeated >= len(executions)
    assert differences(desk, step) == []
    assert not desk.oms.runtime.store.load(step).get(Table.PARKED)
    if step in CLOSES:
        check_close(desk, step)


def quiet(desk: Desk, step: str) -> bool:
    """Whether as much is booked as was executed, and the orders have come to what they come to."""
    executed = sum(Decimal(row["size"]) for row in desk.control.executions(account=step))
    orders = list(desk.oms.views(step).orders.values())
    states = sorted(order.state for order in orders)
    as_executed = sum(order.filled_size for order in orders) == executed
    return as_executed and states == ENDS.get(step, [OrderState.PARTIALLY_FILLED]) and all(map(is_settled, orders))


def replay(desk: Desk, account: str) -> None:
    """Tell every execution once more as a stream would, and wait until the account has heard it all."""
    for fills in list(desk.oms.views(account).fills.values()):
        for fill in fills:
            desk.oms.runtime.tell(f"account/{account}", told_again(fill))
    # Refused in its turn, behind all of them.
    reply = desk.oms.submit(CancelOrder(account_id=account, order_id="nobody's")).result(DEADLINE_S)
    assert isinstance(reply, Refused)


def told_again(fill: Fill) -> FillReceived:
    venue_fill = VenueFill(
        exchange=fill.exchange, symbol=fill.symbol, fill_id=fill.fill_id, venue_order_id=fill.venue_order_id,
        side=fill.side, price=fill.price, size=fill.size, fee=fill.fee, fee_currency=fill.fee_currency,
        venue_time_ms=fill.venue_time_ms, source=FillSource.STREAM,
    )  # fmt: skip
    evidence = Evidence(source=EvidenceSource.STREAM, endpoint="replay", received_ms=fill.received_ms)
    return FillReceived(account_id=fill.account_id, exchange=fill.exchange, fill=venue_fill, evidence=evidence)


def check_close(desk: Desk, step: str) -> None:
    """One order was sent for a close that was recorded, and one end of it was told; none for one that was not."""
    ends = [each.close for each in desk.oms.events(step) if isinstance(each, PositionCloseEnded)]
    sold = [row for row in desk.control.orders(account=step) if row["side"] == Side.SELL]
    recorded = step != "close_not_written"
    assert [(end.state, end.closed_size) for end in ends] == [(CloseState.DONE, Decimal(row["size"])) for row in sold]
    assert len(sold) == recorded
