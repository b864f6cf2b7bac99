"""The processes that die, one for each step of `modify_crash_steps.py`: forked from this one, which imports once.

Reads `venue`, `keys` by account, `redisUrl`, `deployment`, `management` and `atOnce` as JSON from standard input;
writes by step how it ended.
"""

import json
import os
import sys
import time
from dataclasses import replace
from typing import Any

from awareness_world import SETTLE_MS, settings_of
from fill_world import Desk
from modify_crash_steps import STEPS, act

from actors import Oms
from exchanges import registry
from exchanges.paper.client import ControlClient

PATIENCE_S = 20.0
SURVIVED = 1


def live(name: str, given: dict[str, Any]) -> None:
    """Do what leads to a step, and die there."""
    step = STEPS[name]
    at_once = step.way != "cancel_first"
    registry.BINANCE = replace(registry.BINANCE, settle_ms=SETTLE_MS, cancel_replace=at_once)
    settings = settings_of(
        given["venue"], {name: given["keys"][name]}, redis_url=given["redisUrl"],
        deployment=given["deployment"], environ={}, management=given["management"],
    )  # fmt: skip
    oms = Oms(settings)
    control = ControlClient(given["venue"]["controlUrl"])
    step.arm(oms, control)
    with oms:
        act(Desk(oms, control), name, step)
        time.sleep(PATIENCE_S)


def main() -> int:
    given = json.load(sys.stdin)
    waiting, running, ended = list(STEPS), {}, {}
    while waiting or running:
        while waiting and len(running) < given["atOnce"]:
            name = waiting.pop(0)
            running[_forked(name, given)] = name
        process, status = os.wait()
        ended[running.pop(process)] = os.waitstatus_to_exitcode(status)
    json.dump(ended, sys.stdout)
    return 0


def _forked(name: str, given: dict[str, Any]) -> int:
    process = os.fork()
    if process:
        return process
    try:
        live(name, given)
    finally:
        os._exit(SURVIVED)


if __name__ == "__main__":
    sys.exit(main())
