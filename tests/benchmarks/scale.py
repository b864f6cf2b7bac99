"""What grows: many accounts, many open orders, and starting again with them."""

import gc
import tempfile
import time
from pathlib import Path

from actors.store.embedded import EmbeddedServer
from messages import TimeInForce
from tests.benchmarks.figures import Figure, Figures, resident_bytes
from tests.benchmarks.rig import Books, carry_out, instant_oms, orders, prepared_oms, running, settings

ACCOUNTS = 10_000
OPEN_ORDERS = 10_000
RECOVERING_ACCOUNTS = 10
IN_FLIGHT = 512


def accounts() -> list[Figure]:
    """Once: the second start in one process would find the first one's memory free."""
    figures = Figures()
    chosen = settings(ACCOUNTS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        oms = prepared_oms(chosen, Path(folder))
        gc.collect()
        before, begun = resident_bytes(), time.perf_counter()
        with running(oms):
            figures.add(f"start of {ACCOUNTS:,} idle accounts", time.perf_counter() - begun, "s")
            gc.collect()
            each = (resident_bytes() - before) / ACCOUNTS / 1024
            figures.add("memory per idle account, its exchange actor and instruments included", each, "KiB")
            begun = time.perf_counter()
        figures.add("stop of them", time.perf_counter() - begun, "s")
    return figures.all()


def recovery(repetitions: int = 3) -> list[Figure]:
    """The server keeps running, so that its own reading of the data is not in the figures."""
    figures = Figures()
    books: Books = {}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        EmbeddedServer(Path(folder) / "server") as server,
    ):
        chosen = settings(RECOVERING_ACCOUNTS, url=server.url)
        with running(prepared_oms(chosen, Path(folder), books)) as oms:
            carry_out(oms, orders(OPEN_ORDERS, RECOVERING_ACCOUNTS, "open"), in_flight=IN_FLIGHT)
        for _ in range(repetitions):
            oms = prepared_oms(chosen, Path(folder), books)
            begun = time.perf_counter()
            with running(oms):
                taken = time.perf_counter() - begun
            figures.add(f"from start to open gates with {OPEN_ORDERS:,} open orders", taken, "s")
            figures.add("per open order", 1e6 * taken / OPEN_ORDERS, "us")
    return figures.all()


def open_orders(repetitions: int = 5, count: int = 2000) -> list[Figure]:
    """One account; what is measured are orders that end at once, so that the number of open ones stays."""
    figures = Figures()
    few, many = 100, OPEN_ORDERS
    with instant_oms(1) as light, instant_oms(1) as heavy:
        carry_out(light, orders(few, 1, "open"), in_flight=IN_FLIGHT)
        carry_out(heavy, orders(many, 1, "open"), in_flight=IN_FLIGHT)
        for repetition in range(repetitions):
            rates = []
            for oms, held in ((light, few), (heavy, many)):
                commands = orders(count, 1, f"r{repetition}", time_in_force=TimeInForce.IOC)
                watch = carry_out(oms, commands, in_flight=IN_FLIGHT)
                rates.append(count / watch.wall_s)
                figures.add(f"orders with {held:,} open", rates[-1], "orders/s")
                figures.add(f"processor time per order with {held:,} open", 1e6 * watch.cpu_s / count, "us")
            figures.share(f"rate with {many:,} open as a share of that with {few:,}", rates[1], rates[0])
    return figures.all()
