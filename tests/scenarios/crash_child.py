"""The process that dies: `crash_child.py <step> <data folder>`, the venue's announcement as JSON on standard input."""

import json
import sys
from pathlib import Path

from crash_steps import STEPS, crash_settings, open_oms, the_order

from exchanges.paper.client import ControlClient


def main() -> int:
    given = json.load(sys.stdin)
    step, folder = sys.argv[1], Path(sys.argv[2])
    oms = open_oms(crash_settings(given["venue"], given["keys"]), folder)
    STEPS[step](oms, ControlClient(given["venue"]["controlUrl"]))
    with oms:
        oms.submit(the_order()).result(40)
    return 1


if __name__ == "__main__":
    sys.exit(main())
