"""Killed with SIGKILL at any step of a placement and started again, there is one venue order, or proof of none."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crash_steps import ACCOUNT, FAULT_OF, STEPS, crash_settings, open_oms, the_order
from tidy_rules import ROOT

from actors import Oms
from exchanges.paper.client import PaperProcess
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderPlaced, Refused
from messages.types import Order, OrderState

FUNDS_SIGNALLED = -9
AT_ONCE = 3
SETTLE_S = 60.0
NEVER_RECORDED = ("command_not_taken", "intent_staged_not_written")


@dataclass(frozen=True)
class Aftermath:
    """What was found after the restart."""

    child_status: int
    orders: tuple[Order, ...]
    venue_before: int
    """Venue orders right after the kill."""
    again: Any
    """The reply to the same request, made again once everything was quiet."""
    venue_orders: tuple[dict[str, Any], ...]
    final: Order


class Crash:
    """One step: a paper venue account of its own, a child that dies, a restart."""

    def __init__(self, paper: PaperProcess, step: str, folder: Path) -> None:
        self._control = paper.control()
        self._announced = paper.venues["binance"]
        self._step = step
        self._folder = folder

    def run(self) -> Aftermath:
        # An account name at the venue for each step; ours is the same in all of them.
        keys = self._control.add_account(self._step, {"USDT": 10**9, "BTC": 10**6})  # type: ignore[dict-item]
        status = self._die(keys)
        before = len(self._control.orders(account=self._step))
        with open_oms(crash_settings(self._announced, keys), self._folder) as oms:
            orders = self._settled(oms)
            again = oms.submit(the_order()).result(SETTLE_S)
            (final,) = oms.views(ACCOUNT).orders.values()
            return Aftermath(status, orders, before, again, tuple(self._control.orders(account=self._step)), final)

    def _die(self, keys: dict[str, str]) -> int:
        script = Path(__file__).with_name("crash_child.py")
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        given = json.dumps({"venue": self._announced, "keys": keys})
        child = subprocess.run(
            [sys.executable, str(script), self._step, str(self._folder)],
            input=given.encode(), env=environ, cwd=ROOT, timeout=60, check=False,
        )  # fmt: skip
        return child.returncode

    def _settled(self, oms: Oms) -> tuple[Order, ...]:
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            orders = tuple(oms.views(ACCOUNT).orders.values())
            busy = any(order.state is OrderState.SUBMITTED or order.needs_review for order in orders)
            if oms.runtime.all_open() and not busy:
                return orders
            time.sleep(0.05)
        raise AssertionError(f"{self._step}: not settled: {oms.views(ACCOUNT)}")


def fault_rules(step: str) -> list[FaultRule]:
    # The client order id is the same in every step, since account and request are: faults are set before each child.
    if step not in FAULT_OF:
        return []
    fault = Fault(FAULT_OF[step])
    amount = 20_000 if fault is Fault.ANSWER_LATE else None
    return [FaultRule(fault=fault, kind=RequestKind.PLACE, count_max=1, amount_ms=amount)]


@pytest.fixture(scope="module")
def aftermaths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Aftermath]]:
    """Every step once; those of the same fault share a venue and run side by side."""
    found: dict[str, Aftermath] = {}

    def run_group(fault: str) -> None:
        steps = [step for step in STEPS if FAULT_OF.get(step, "") == fault]
        for step in steps:
            with PaperProcess(seed=7) as paper:
                paper.control().set_faults(*fault_rules(step))
                found[step] = Crash(paper, step, tmp_path_factory.mktemp(step)).run()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run_group, ["answer_late", "rate_limit", "break_after", ""]))
    yield found


@pytest.mark.parametrize("step", STEPS)
def test_placement_killed_at_a_step_ends_with_one_venue_order(step: str, aftermaths: dict[str, Aftermath]) -> None:
    found = aftermaths[step]

    assert found.child_status == FUNDS_SIGNALLED, "the child was to die by SIGKILL"
    assert len(found.venue_orders) == 1
    assert found.final.state is OrderState.ACKNOWLEDGED
    assert found.final.venue_order_id == str(found.venue_orders[0]["orderId"])
    assert found.final.client_order_id == found.venue_orders[0]["clientOrderId"]


@pytest.mark.parametrize("step", STEPS)
def test_request_made_again_after_a_kill_answers_with_the_first_result(
    step: str, aftermaths: dict[str, Aftermath]
) -> None:
    found = aftermaths[step]

    assert isinstance(found.again, OrderPlaced), found.again if isinstance(found.again, Refused) else ""
    assert found.again.duplicate is (step not in NEVER_RECORDED)
    assert bool(found.orders) is (step not in NEVER_RECORDED)
    assert found.again.view.local_id == found.final.order_id
