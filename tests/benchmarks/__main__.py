"""`python -m tests.benchmarks [NAME ...] [--json]`: measures and prints; asserts nothing.

Every figure is the median of several repetitions, with the least and the greatest beside it. Shares compare rates of
the same run, so that they mean something on a machine that is slow or busy.
"""

import argparse
import gc
import json
import os
import platform
import sys
import time
import timeit
from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks import commits, fills, normalize, over_http, parts, scale, throughput
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.rig import YOUNG_OBJECTS_MAX

BENCHMARKS: Mapping[str, tuple[str, Callable[[], list[Figure]]]] = {
    # First, because memory that an earlier benchmark has given back would not be seen to grow.
    "accounts": ("start time and memory of 10,000 idle accounts", scale.accounts),
    "orders": ("orders acknowledged per second, against the raw limits of store and runtime", throughput.run),
    "fills": ("fills per second from stream frame to event, and how long one takes", fills.run),
    "normalize": ("what reading each venue's open orders and frames costs, against floors and ccxt", normalize.run),
    "http": ("orders acknowledged per second over HTTP, against a bare loop of requests", over_http.run),
    "commit": ("how long a command waits to be durable, and commits against the raw rate", commits.run),
    "recovery": ("time to start again with 10,000 open orders", scale.recovery),
    "open_orders": ("order rate with 10,000 open orders against that with 100", scale.open_orders),
    "idempotency": ("deriving and looking up a request's identity", parts.idempotency),
    "transition": ("one step of an order's life, alone and with its commit", parts.transitions),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all without any")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and what they measure")
    options = parser.parse_args(arguments)
    if options.list:
        for name, (what, _) in BENCHMARKS.items():
            print(f"{name:<12} {what}")
        return 0
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    found: dict[str, list[dict[str, object]]] = {}
    if not options.json:
        print(_machine())
    for name in options.names or BENCHMARKS:
        begun = time.monotonic()
        figures = BENCHMARKS[name][1]()
        if options.json:
            found[name] = [figure.as_json() for figure in figures]
        else:
            print(f"{name}: {BENCHMARKS[name][0]} ({time.monotonic() - begun:.0f} s)")
            for line in show(figures):
                print(line)
    if options.json:
        print(json.dumps({"machine": _machine(), "benchmarks": found}, indent=1))
    return 0


def _machine() -> str:
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    call_ns = 1e9 * min(timeit.repeat("f()", "def f(): pass", number=100_000)) / 100_000
    machine = f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load}"
    return f"{machine}, an empty call {call_ns:.0f} ns"


if __name__ == "__main__":
    sys.exit(main())
