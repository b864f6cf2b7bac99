"""Orders per second over HTTP against the paper venue in a process of its own, beside a bare loop of requests to it."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter

from actors.oms import Oms
from actors.settings import Settings
from exchanges.binance.sign import HmacSigner
from exchanges.paper.client import PaperProcess
from tests.benchmarks.figures import Figure, Figures, watched
from tests.benchmarks.rig import SWITCH_INTERVAL_S, carry_out, orders, running

REPETITIONS = 5
ORDERS = 1000
WORKERS = 8
"""Threads that call the venue, here and in the bare loop."""
IN_FLIGHT = 64
_NUMBERS = count(1)


def run() -> list[Figure]:
    figures = Figures()
    chosen = Settings.load(
        {
            "accounts": [{"id": "0", "exchanges": {"binance": {}}}],
            "paper": {"venues": ["binance"]},
            "exchanges": {"binance": {"maxInFlight": WORKERS}},
        },
        environ={},
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        oms = Oms(chosen, switch_interval_s=SWITCH_INTERVAL_S, data_folder=Path(folder))
        with running(oms):
            venue = oms.runtime.venues.paper
            if venue is None:
                raise RuntimeError("the paper venue is not running")
            key = venue.control().add_account("bare", {"USDT": Decimal(10**9)})
            _measure(oms, 200, "warm", venue, key)
            for repetition in range(REPETITIONS):
                watch_rate, cpu_us, bare = _measure(oms, ORDERS, f"r{repetition}", venue, key)
                figures.add(f"orders acknowledged over HTTP ({WORKERS} threads)", watch_rate, "orders/s")
                figures.add("processor time per order, HTTP included", cpu_us, "us")
                figures.add(f"bare loop of prepared requests ({WORKERS} threads)", bare, "requests/s")
                figures.share("orders as a share of the bare loop", watch_rate, bare)
    return figures.all()


def _measure(
    oms: Oms, number: int, name: str, venue: PaperProcess, key: dict[str, str]
) -> tuple[float, float, float]:
    watch = carry_out(oms, orders(number, 1, name), in_flight=IN_FLIGHT)
    bare = _bare_requests_per_s(venue.venues["binance"]["restUrl"], key, number)
    return number / watch.wall_s, 1e6 * watch.cpu_s / number, bare


def _bare_requests_per_s(url: str, key: dict[str, str], number: int) -> float:
    signer = HmacSigner(key["apiSecret"])
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=WORKERS)
    prepared = list(_prepared(url, key["apiKey"], signer, number))

    def send(request: requests.PreparedRequest) -> None:
        response = adapter.send(request, timeout=(1, 10))
        if response.status_code != 200:
            raise RuntimeError(f"the venue refused a bare order: {response.text}")

    with ThreadPoolExecutor(WORKERS) as pool, watched() as watch:
        for _ in pool.map(send, prepared):
            pass
    adapter.close()
    return number / watch.wall_s


def _prepared(url: str, api_key: str, signer: HmacSigner, number: int) -> Iterator[requests.PreparedRequest]:
    session = requests.Session()
    session.trust_env = False
    for _ in range(number):
        body = (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=42500&newOrderRespType=FULL"
            f"&newClientOrderId={next(_NUMBERS):032x}&recvWindow=60000&timestamp={time.time_ns() // 1_000_000}"
        )
        signed = f"{body}&signature={signer.sign(body.encode())}"
        yield session.prepare_request(
            requests.Request("POST", f"{url}/api/v3/order", data=signed, headers={"X-MBX-APIKEY": api_key})
        )
