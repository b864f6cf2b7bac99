"""How long a command waits to be durable, at several numbers of commands in flight."""

from tests.benchmarks.figures import Figure, Figures, watched
from tests.benchmarks.rig import GROUP, instant_oms, latencies_s, orders, raw_commits_per_s, recorded_sections

REPETITIONS = 3
ACCOUNTS = 100
ORDERS = {1: 400, 100: 2000, 1000: 3000}
"""By the number in flight."""


def run() -> list[Figure]:
    figures = Figures()
    with instant_oms(ACCOUNTS) as oms:
        for in_flight, count in ORDERS.items():
            with recorded_sections() as sections:
                latencies_s(oms, _commands(count, f"w{in_flight}"), in_flight=in_flight)
            for repetition in range(REPETITIONS):
                name = f"{in_flight}-{repetition}"
                with watched() as watch:
                    taken = latencies_s(oms, _commands(count, name), in_flight=in_flight)
                raw = raw_commits_per_s(oms.runtime.store, sections, name, group=min(in_flight, GROUP))
                rate = len(sections) / watch.wall_s
                figures.add_latencies(f"command to durable, {in_flight} in flight", taken)
                figures.add(f"commits, {in_flight} in flight", rate, "sections/s")
                figures.share(f"commits as a share of raw, {in_flight} in flight", rate, raw)
    return figures.all()


def _commands(count: int, prefix: str) -> list:
    return orders(count, ACCOUNTS, prefix, reply_when="committed")
