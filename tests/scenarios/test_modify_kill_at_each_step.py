"""Killed with SIGKILL between any two steps of changing an order and started again, one order works at most."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from awareness_world import WATCHFUL, World, answered, live_at_venue, settles_at_once
from fill_world import PRICE, SIZE, Desk, FillVenue, differences, until
from modify_crash_steps import LESS, LOWER, STEPS, WAYS
from tidy_rules import ROOT

from actors.app.audit import is_settled
from messages.commands import ModifyOrder
from messages.queries import ModifyDone, RefusalCode, Refused
from messages.types import Order, OrderState

KILLED = -9
AT_ONCE = 4
NEVER_ASKED = {
    "replace_written_answer_not_seen", "replace_committed_not_released", "replace_not_sent", "replace_never_arrived",
}  # fmt: skip
"""Where the venue was never asked, and the time to ask it is over: the command, asked again, says so."""


@dataclass(frozen=True)
class Aftermath:
    """The restarted order manager of all accounts, and how the processes before it ended."""

    world: World
    desk: Desk
    statuses: dict[str, int]


@pytest.fixture(scope="module")
def aftermath(fill_venue: FillVenue) -> Iterator[Aftermath]:
    """Every step's process has died, and one order manager goes on with all of their accounts."""
    with World(fill_venue, deployment="modify-kill") as world, pytest.MonkeyPatch.context() as patch:
        world.open_accounts(*STEPS)
        settles_at_once(patch)
        statuses = die_everywhere(world)
        fill_venue.control.set_faults()
        with world.running(world.settings(*STEPS, **WATCHFUL)) as desk:
            until(desk.oms.runtime.all_open, "every gate to open")
            yield Aftermath(world, desk, statuses)


def die_everywhere(world: World) -> dict[str, int]:
    """Run one process for each step; returns how they ended."""
    given = {
        "venue": world.venue.announced, "keys": world.venue.keys(*STEPS), "redisUrl": world.server.url,
        "deployment": world.deployment, "management": WATCHFUL, "atOnce": AT_ONCE,
    }  # fmt: skip
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("modify_crash_child.py"))],
        input=json.dumps(given).encode(), stdout=subprocess.PIPE, cwd=ROOT, timeout=120, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return dict(json.loads(child.stdout))


@pytest.mark.parametrize("step", STEPS)
def test_process_killed_while_an_order_is_changed_leaves_one_order_and_the_result(
    aftermath: Aftermath, step: str
) -> None:
    world, desk = aftermath.world, aftermath.desk
    assert aftermath.statuses[step] == KILLED
    until(lambda: all(map(is_quiet, orders_of(desk, step))), f"{step} to be quiet again")
    assert len(live_at_venue(world.control, step)) <= 1
    assert differences(desk, step) == []

    reply = answered(desk, command_again(desk, step))
    until(lambda: all(map(is_quiet, orders_of(desk, step))), f"{step} to be quiet once more")
    assert len(world.control.orders(account=step)) <= 2
    assert differences(desk, step) == []
    if step in NEVER_ASKED:
        assert isinstance(reply, Refused)
        assert reply.code is RefusalCode.NOT_MODIFIED
        left = [(Decimal(row["size"]), Decimal(row["price"])) for row in live_at_venue(world.control, step)]
        assert left == [(SIZE, PRICE)]
    else:
        check_made(world, step, reply)


def orders_of(desk: Desk, step: str) -> list[Order]:
    return list(desk.oms.views(step).orders.values())


def is_quiet(order: Order) -> bool:
    unsent = order.state in (OrderState.PENDING, OrderState.SUBMITTED)
    return is_settled(order) and not unsent and not order.replace_pending and not order.cancel_pending


def command_again(desk: Desk, step: str) -> ModifyOrder:
    """The command that the host gave before it died: it cannot know what came of it."""
    (first,) = [order for order in orders_of(desk, step) if order.replaces is None]
    command, _ = WAYS[STEPS[step].way]
    return command(step, first.order_id)


def check_made(world: World, step: str, reply: object) -> None:
    """The change was made, once: one order works, with the new terms, for what the executions have left."""
    assert isinstance(reply, ModifyDone), reply
    (row,) = live_at_venue(world.control, step)
    executed = sum(Decimal(each["size"]) for each in world.control.executions(account=step))
    total, price = (LESS, PRICE) if STEPS[step].way == "amend" else (SIZE, LOWER)
    left = Decimal(row["size"]) - Decimal(row["filledSize"])
    assert (left, Decimal(row["price"])) == (total - executed, price)
    assert str(row["orderId"]) == reply.view.order.order_id
    assert world.public(step).keys() == {str(row["orderId"])}
