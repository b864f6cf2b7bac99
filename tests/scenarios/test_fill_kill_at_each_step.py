"""Killed with SIGKILL between any two steps of booking a fill and started again, each fill counts exactly once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fill_crash_child import OWNERSHIP
from fill_crash_steps import DEAR, STEPS
from fill_world import SYMBOL, Desk, FillVenue, differences, settings_for, until
from tidy_rules import ROOT

from actors import Oms
from actors.domain.lifecycle import TERMINAL
from actors.store.embedded import EmbeddedServer
from actors.store.port import Table
from messages import Side
from messages.events import PositionCloseEnded
from messages.types import ZERO, Order, OrderState

KILLED = -9
AT_ONCE = 4
CLOSES = tuple(step for step in STEPS if step.startswith("close_"))


@dataclass(frozen=True)
class Aftermath:
    """The restarted order manager, quiet, and how the processes before it ended."""

    desk: Desk
    statuses: dict[str, int]


@pytest.fixture(scope="module")
def aftermath(fill_venue: FillVenue) -> Iterator[Aftermath]:
    """Every step's process has died, and one order manager goes on with all of their accounts."""
    for step in STEPS:
        fill_venue.open_account(step, scripted=step not in CLOSES)
    fill_venue.open_account("kill-maker", scripted=False)
    fill_venue.control.place("kill-maker", "bid", symbol=SYMBOL, side=Side.BUY, size=len(CLOSES), price=DEAR)
    # A short path: a server's socket must not lie deep.
    with TemporaryDirectory(prefix="kill-") as folder, EmbeddedServer(Path(folder)) as server:
        statuses = die_everywhere(fill_venue, server.url)
        fill_venue.control.set_faults()
        keys = fill_venue.keys(*STEPS)
        settings = settings_for(fill_venue.announced, keys, redis_url=server.url, **OWNERSHIP)
        with Oms(settings) as oms:
            desk = Desk(oms, fill_venue.control)
            until(oms.runtime.all_open, "every gate to open")
            yield Aftermath(desk, statuses)


def die_everywhere(venue: FillVenue, redis_url: str) -> dict[str, int]:
    """Run one process for each step; returns how they ended."""
    given = {"venue": venue.announced, "keys": venue.keys(*STEPS), "redisUrl": redis_url, "atOnce": AT_ONCE}
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("fill_crash_child.py"))],
        input=json.dumps(given).encode(), stdout=subprocess.PIPE, cwd=ROOT, timeout=120, check=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    return dict(json.loads(child.stdout))


@pytest.mark.parametrize("step", STEPS)
def test_process_killed_while_a_fill_is_booked_books_it_once(aftermath: Aftermath, step: str) -> None:
    desk = aftermath.desk
    assert aftermath.statuses[step] == KILLED
    executions = desk.control.executions(account=step)
    assert executions != []

    until(lambda: quiet(desk, step), f"everything to be known again of {desk.oms.views(step)}")
    assert differences(desk, step) == []

    repeated = desk.repeated()
    replay(desk, step)
    assert desk.repeated() - repeated >= len(executions)
    assert differences(desk, step) == []
    check_end(desk, step)


def quiet(desk: Desk, account: str) -> bool:
    """Whether as much is booked as was executed, and nothing is under way."""
    executed = sum(Decimal(row["size"]) for row in desk.control.executions(account=account))
    orders = list(desk.oms.views(account).orders.values())
    under_way = [order for order in orders if not is_settled(order) or order.state is expected(account)[0]]
    return sum(order.filled_size for order in orders) == executed and not under_way


def replay(desk: Desk, account: str) -> None:
    """Tell every execution once more as the stream would, and wait until the account has heard it all."""
    for fills in list(desk.oms.views(account).fills.values()):
        for fill in fills:
            desk.oms.runtime.tell(f"account/{account}", received(fill))
    # Answered in its turn, behind all of them.
    refused = desk.oms.submit(CancelOrder(account_id=account, order_id="of nobody")).result(DEADLINE_S)
    assert isinstance(refused, Refused)


def check_end(desk: Desk, step: str) -> None:
    """What the step's orders have come to."""
    states = sorted(order.state for order in desk.oms.views(step).orders.values())
    ends = [each.close for each in desk.oms.events(step) if isinstance(each, PositionCloseEnded)]
    sold = [row for row in desk.control.orders(account=step) if row["side"] == Side.SELL]
    assert states == sorted(ENDS[step])
    if step in CLOSES:
        # The command that was not recorded yet is lost with the process, and nothing was sent for it.
        assert len(ends) == len(sold) == (step != "close_not_written")
    assert parked(desk, step) == {}
