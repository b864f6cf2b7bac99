"""Killed with SIGKILL at any step of a placement and started again, there is one venue order, or proof of none."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from crash_steps import ACCOUNT, FAULT_OF, STEPS, crash_settings, open_oms, the_order
from tidy_rules import ROOT

from actors import Oms
from exchanges.paper.client import PaperProcess
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import OrderPlaced
from messages.types import Order, OrderState

KILLED = -9
AT_ONCE = 6
SETTLE_S = 60.0
NEVER_RECORDED = ("command_not_taken", "intent_staged_not_written")


@dataclass(frozen=True)
class Aftermath:
    """What was found after the restart."""

    child_status: int
    recorded: bool
    """Whether the restarted order manager knew an order before it was asked again."""
    again: Any
    """The reply to the same request, made again once everything was quiet."""
    venue_orders: tuple[dict[str, Any], ...]
    final: Order


class Crash:
    """One step: a paper venue of its own, a child that dies, a restart on what it left."""

    def __init__(self, paper: PaperProcess, step: str, folder: Path) -> None:
        self._control = paper.control()
        self._announced = paper.venues["binance"]
        self._step = step
        self._folder = folder

    def run(self) -> Aftermath:
        keys = self._control.add_account(ACCOUNT, {"USDT": Decimal(10**9)})
        self._control.set_faults(*fault_rules(self._step))
        status = self._die(keys)
        self._control.set_faults()
        with open_oms(crash_settings(self._announced, keys), self._folder) as oms:
            recorded = bool(self._settled(oms))
            again = oms.submit(the_order()).result(SETTLE_S)
            (final,) = oms.views(ACCOUNT).orders.values()
            return Aftermath(status, recorded, again, tuple(self._control.orders(account=ACCOUNT)), final)

    def _die(self, keys: dict[str, str]) -> int:
        script = Path(__file__).with_name("crash_child.py")
        given = json.dumps({"venue": self._announced, "keys": keys})
        child = subprocess.run(
            [sys.executable, str(script), self._step, str(self._folder)],
            input=given.encode(), env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, timeout=60, check=False,
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
    if step not in FAULT_OF:
        return []
    fault = Fault(FAULT_OF[step])
    amount_ms = 20_000 if fault is Fault.ANSWER_LATE else None
    # Without the stream, which would tell what the answer did not.
    silence = [FaultRule(fault=Fault.FRAME_DROP)] if fault is Fault.BREAK_AFTER else []
    return [FaultRule(fault=fault, kind=RequestKind.PLACE, count_max=1, amount_ms=amount_ms), *silence]


def problems(step: str, found: Aftermath) -> list[str]:
    expected = {
        "the child was to die by SIGKILL": found.child_status == KILLED,
        "the intent is to be recorded exactly when it was written": found.recorded is (step not in NEVER_RECORDED),
        "there is to be one venue order": len(found.venue_orders) == 1,
        "the order is to be acknowledged": found.final.state is OrderState.ACKNOWLEDGED,
        "the order is to follow its own venue order": [found.final.venue_order_id, found.final.client_order_id]
        == [text for row in found.venue_orders[:1] for text in (str(row["orderId"]), row["clientOrderId"])],
        "the same request is to be answered with the first result": isinstance(found.again, OrderPlaced)
        and found.again.duplicate is (step not in NEVER_RECORDED)
        and found.again.view.local_id == found.final.order_id,
    }
    return [f"{step}: {what}: {found}" for what, holds in expected.items() if not holds]


def test_placement_killed_at_each_step_ends_with_one_venue_order_and_answers_again() -> None:
    def run(step: str) -> list[str]:
        with PaperProcess(seed=7) as paper:
            return problems(step, Crash(paper, step, Path(folder) / step).run())

    # A short path: for a long one the server's socket gets a folder of its own, which the killed cannot remove.
    with TemporaryDirectory(prefix="kill-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(run, STEPS))

    assert [problem for each in found for problem in each] == []
