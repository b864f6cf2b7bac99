"""Fills per second from a stream frame to the published event, and how long one takes, beside the limits of its parts.

The frames are rendered beforehand; a thread reads and delivers them as the stream's own thread does. A fill counts when
a subscriber has its event: parsed, booked with order and position in one commit, published.
"""

import json
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from random import Random

from actors.oms import Oms
from exchanges.binance.sign import HmacSigner
from exchanges.binance.stream import BinanceStream
from exchanges.symbols import SymbolBook
from messages import Event, FillRecorded, Order, SubmitOrder
from tests.benchmarks.figures import Figure, Figures, watched
from tests.benchmarks.rig import carry_out, gateways, instant_oms, orders, raw_commits_per_s, recorded_sections

REPETITIONS = 5
ORDERS = 1000
FILLS_EACH = 10
IN_FLIGHT = 512
OFFERED_PER_S = 1000
LATENCY_FILLS = 3000
_VENUE_MS = 1_800_000_000_000
"""Executions of a market follow one another, whatever order they belong to."""


def run() -> list[Figure]:
    figures = Figures()
    for accounts in (1, 10):
        _throughput(figures, accounts)
    _latency(figures)
    return figures.all()


class _Session:
    """What the stream's protocol asks of its client."""

    def venue_now_ms(self) -> int | None:
        return 0

    def distrust_clock(self) -> None:
        return

    def symbols(self) -> SymbolBook | None:
        return SymbolBook(to_canonical={"BTCUSDT": "BTC-USDT"}, to_venue={"BTC-USDT": "BTCUSDT"})


def protocol(account_id: str) -> BinanceStream:
    return BinanceStream(account_id=account_id, api_key="key", signer=HmacSigner("secret"), session=_Session())


class _Counter:
    """Counts the events of fills, and says when so many have come."""

    def __init__(self, oms: Oms, expected: int) -> None:
        self._oms = oms
        self._left = expected
        self.done = threading.Event()
        self.places = threading.Semaphore(IN_FLIGHT)
        self.seen_s: dict[str, float] = {}
        self._subscription = oms.subscribe(self._on_event, FillRecorded)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, FillRecorded):
            self.seen_s[event.fill.fill_id] = time.perf_counter()
            self._left -= 1
            self.places.release()
            if not self._left:
                self.done.set()

    def wait(self) -> None:
        if not self.done.wait(120):
            raise TimeoutError(f"{self._left} fills were never published")
        self._oms.unsubscribe(self._subscription)


def _throughput(figures: Figures, accounts: int) -> None:
    what = f"{ORDERS} open orders, {accounts} account{'s' if accounts > 1 else ''}"
    with instant_oms(accounts) as oms:
        numbers = iter(range(1, 10_000_000))
        with recorded_sections() as sections:
            for repetition in range(REPETITIONS):
                before = len(sections)
                frames = _frames(_rest(oms, accounts, f"t{repetition}"), FILLS_EACH, numbers)
                opened = len(sections)
                count = sum(map(len, frames.values()))
                counter = _Counter(oms, count)
                with watched() as watch:
                    _feed(oms, frames, counter.places)
                    counter.wait()
                rate = count / watch.wall_s
                fresh = sections[opened:]
                parse = _parse_per_s(frames)
                raw = raw_commits_per_s(oms.runtime.store, fresh, f"raw{repetition}") * count / len(fresh)
                figures.add(f"fills published ({what})", rate, "fills/s")
                figures.add(f"processor time per fill ({what})", 1e6 * watch.cpu_s / count, "us")
                figures.add(f"fills per section ({what})", count / len(fresh), "")
                figures.add(f"raw parse of the same frames ({what})", parse, "frames/s")
                figures.add(f"raw commits of the same sections ({what})", raw, "fills/s")
                figures.share(f"fills as a share of raw parse ({what})", rate, parse)
                figures.share(f"fills as a share of raw commits ({what})", rate, raw)
                del sections[:before]


def _latency(figures: Figures) -> None:
    with instant_oms(1) as oms:
        numbers = iter(range(1, 10_000_000))
        for repetition in range(REPETITIONS):
            frames = _frames(_rest(oms, 1, f"l{repetition}"), LATENCY_FILLS // ORDERS, numbers)["0"]
            counter = _Counter(oms, len(frames))
            read, deliver = protocol("0").read, gateways(oms)["0"].deliver
            offered: dict[str, float] = {}
            begun = time.perf_counter()
            for number, (fill_id, frame) in enumerate(frames):
                due = begun + number / OFFERED_PER_S
                if (wait := due - time.perf_counter()) > 0:
                    time.sleep(wait)
                offered[fill_id] = time.perf_counter()
                _deliver(read, deliver, frame)
            counter.wait()
            taken = [counter.seen_s[fill_id] - at for fill_id, at in offered.items()]
            figures.add_latencies(f"frame to event, {OFFERED_PER_S} fills/s offered, {ORDERS} open orders", taken)


def _rest(oms: Oms, accounts: int, prefix: str) -> list[Order]:
    commands: list[SubmitOrder] = orders(ORDERS, accounts, prefix)
    carry_out(oms, commands, in_flight=256)
    wanted = {command.request_id for command in commands}
    books = [oms.views(str(number)).orders for number in range(accounts)]
    return [order for book in books for order in book.values() if order.request_id in wanted]


def _frames(resting: Sequence[Order], each: int, numbers: object) -> dict[str, list[tuple[str, bytes]]]:
    """Every order executes in so many equal parts, and none completely; in a random order, as a market would."""
    rendered: dict[str, list[tuple[str, bytes]]] = {}
    turns = [order for order in resting for _ in range(each)]
    Random(1).shuffle(turns)
    done: dict[str, int] = {}
    part = Decimal("0.0001")
    for order in turns:
        done[order.order_id] = count = done.get(order.order_id, 0) + 1
        fill_id = str(next(numbers))  # type: ignore[call-overload]
        frame = _frame(order, fill_id, part, part * count)
        rendered.setdefault(order.account_id, []).append((fill_id, frame))
    return rendered


def _frame(order: Order, fill_id: str, size: Decimal, cumulative: Decimal) -> bytes:
    now_ms = _VENUE_MS + int(fill_id)
    event = {
        "e": "executionReport", "E": now_ms, "s": "BTCUSDT", "c": order.client_order_id, "S": order.side, "o": "LIMIT",
        "f": "GTC", "q": str(order.size), "p": str(order.price), "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
        "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": int(order.venue_order_id or 0), "l": str(size),
        "z": str(cumulative), "L": str(order.price), "n": "0.00000010", "N": "BTC", "T": now_ms, "t": int(fill_id),
        "I": int(fill_id), "w": False, "m": True, "M": True, "O": order.created_at_ms, "Q": "0.00000000",
        "Z": str(cumulative * (order.price or 0)), "Y": str(size * (order.price or 0)), "W": order.created_at_ms,
        "V": "EXPIRE_MAKER",
    }  # fmt: skip
    return json.dumps({"subscriptionId": 0, "event": event}).encode()


def _feed(oms: Oms, frames: dict[str, list[tuple[str, bytes]]], places: threading.Semaphore) -> None:
    """One thread per account, as every account has a stream of its own; so many fills under way, no more."""

    def feed(account_id: str) -> None:
        read, deliver = protocol(account_id).read, gateways(oms)[account_id].deliver
        for _, frame in frames[account_id]:
            places.acquire()
            _deliver(read, deliver, frame)

    threads = [threading.Thread(target=feed, args=(account_id,)) for account_id in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _deliver(read, deliver, frame: bytes) -> None:  # type: ignore[no-untyped-def]
    for report in read(frame, int(time.time() * 1000)).reports:
        deliver(report)


def _parse_per_s(frames: dict[str, list[tuple[str, bytes]]]) -> float:
    read = protocol("0").read
    every = [frame for own in frames.values() for _, frame in own]
    with watched() as watch:
        for frame in every:
            read(frame, 0)
    return len(every) / watch.wall_s
