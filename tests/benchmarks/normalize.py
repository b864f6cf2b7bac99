"""What reading each venue's words costs: a list of 1,000 open orders, and stream frames, beside floors of the same run.

The floor of a list parses the same body and puts what the fields of the normalized order need into a frozen, slotted
dataclass, amounts as `Decimal`, by position and without looking at any of them. The bare floor fills a dataclass that
is neither frozen nor slotted, which Python does three times as fast: the least that can be called an order. Ours reads
the list as the adapter does and refuses what is not as documented. No reader remembers amounts from one list to the
next, so listing the same orders again takes as long.

Frames come over a local pair of sockets through the WebSocket client that the streams use. The bare loop receives and
parses, ours receives and normalizes; both receive the same frames.

All are measured in turn, round by round, in the thread's own processor time; a repetition's figure is the least of its
rounds, so that another program's load shows as little as it can.
"""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, make_dataclass
from decimal import Decimal
from typing import Any, Self

from websocket import ABNF, WebSocket

from exchanges.stream import POLL_S
from messages.reports import OrderReported
from tests.benchmarks.figures import Figure, Figures
from tests.benchmarks.frames import FRAMES, Framed, Read
from tests.benchmarks.lists import LISTS, ccxt_parser

REPETITIONS = 5
ROUNDS = 6
ORDERS = 1000
FRAMES_AT_ONCE = 50
"""So many frames fit into a socket's buffer together, so that nobody has to write while they are read."""
_FILLED = {"a tenth filled": 10, "all filled": 1}
"""Every how many orders one is partly filled."""


@dataclass
class BareOrder:
    """What a record tells of the normalized order, unchecked; the fields that it does not tell are left out."""

    exchange: str
    order_id: int | str
    client_order_id: str
    symbol: str
    side: str | int
    type: str | int
    status: str | int
    size: Decimal
    filled_size: Decimal
    price: Decimal
    stop_price: Decimal | None
    quote_size: Decimal | None
    filled_value: Decimal | None
    created_at: object
    updated_at: object
    time_in_force: str | None


FrozenOrder = make_dataclass(
    "FrozenOrder", [(field.name, field.type) for field in fields(BareOrder)], frozen=True, slots=True
)


def run() -> list[Figure]:
    figures = Figures()
    numbers = iter(range(1, 10**9))
    for _ in range(REPETITIONS):
        for venue in LISTS:
            for what, filled_every in _FILLED.items():
                _lists(figures, venue, (what, filled_every), numbers)
            _frames(figures, venue, numbers)
    return figures.all()


# ----- lists


def _lists(figures: Figures, venue: str, filled: tuple[str, int], numbers: Iterator[int]) -> None:
    what, filled_every = filled
    listed = LISTS[venue]
    acts: dict[str, Callable[[bytes], Any]] = {
        "ours": lambda body: _whole(listed.read(body)),
        "floor": listed.floor(FrozenOrder),
        "bare": listed.floor(BareOrder),
        "JSON": listed.parse,
    }
    theirs = ccxt_parser(venue)
    if theirs is not None:
        acts["ccxt"] = theirs
    least = _least_us(acts, lambda: listed.body(_series(numbers), filled_every))
    ours = least["ours"]
    figures.add(f"open orders, {what}", 1e6 / ours, "orders/s", of=venue)
    figures.share(f"  share of the floor, {what}", 1 / ours, 1 / least["floor"], of=venue)
    figures.share(f"  share of the bare floor, {what}", 1 / ours, 1 / least["bare"], of=venue)
    figures.add(f"  one order, {what}", ours, "us", of=venue)
    figures.add(f"  one order, {what}, floor", least["floor"], "us", of=venue)
    figures.add(f"  one order, {what}, JSON alone", least["JSON"], "us", of=venue)
    if theirs is not None:
        figures.add(f"  one order, {what}, by ccxt", least["ccxt"], "us", of=venue)
        figures.add(f"  multiple of ccxt's rate, {what}", least["ccxt"] / ours, "times", of=venue)


def _whole(found: tuple[Sequence[Any], int]) -> Sequence[Any]:
    orders, unreadable = found
    if unreadable or len(orders) != ORDERS:
        raise ValueError("the list is not read as it was written")
    return orders


def _series(numbers: Iterator[int]) -> range:
    # Numbers of orders, or of frames, that follow those before.
    series = next(numbers)
    return range(series * ORDERS, (series + 1) * ORDERS)


def _least_us(acts: dict[str, Callable[[Any], Any]], batch: Callable[[], Any]) -> dict[str, float]:
    """The least that one of a batch's orders took, in microseconds, by act; each act reads every batch once.

    Each begins a round in its turn, because the first finds the memory as the making of the batch has left it.
    """
    least = dict.fromkeys(acts, float("inf"))
    names = list(acts)
    for _ in range(ROUNDS):
        orders = batch()
        names.append(names.pop(0))
        for name in names:
            begun = time.thread_time_ns()
            acts[name](orders)
            least[name] = min(least[name], (time.thread_time_ns() - begun) / 1000 / ORDERS)
    return least


# ----- frames


def _frames(figures: Figures, venue: str, numbers: Iterator[int]) -> None:
    framed = FRAMES[venue]
    least = dict.fromkeys(("ours", "bare", "read", "parse"), float("inf"))
    with _Pipe(binary=framed.binary) as pipe:
        for turn in range(ROUNDS):
            series = _series(numbers)
            batch = [framed.frame(number) for number in series]
            _check(framed.reader(series.start), batch)
            loops = [("ours", _reading(framed, series.start)), ("bare", framed.parse)]
            for name, act in loops if turn % 2 else reversed(loops):
                least[name] = min(least[name], pipe.us_each(batch, act))
            for name, act in (("read", _reading(framed, series.start)), ("parse", framed.parse)):
                begun = time.thread_time_ns()
                for frame in batch:
                    act(frame)
                least[name] = min(least[name], (time.thread_time_ns() - begun) / 1000 / ORDERS)
    figures.add("stream frames received and normalized", 1e6 / least["ours"], "frames/s", of=venue)
    figures.share("  share of bare receive and parse", 1 / least["ours"], 1 / least["bare"], of=venue)
    figures.add("  one frame, received and normalized", least["ours"], "us", of=venue)
    figures.add("  one frame, received and parsed", least["bare"], "us", of=venue)
    figures.add("  one frame, normalized", least["read"], "us", of=venue)
    figures.add("  one frame, parsed", least["parse"], "us", of=venue)


def _reading(framed: Framed, first: int) -> Callable[[bytes], object]:
    read = framed.reader(first)
    return lambda frame: read(frame, 0)


def _check(read: Read, batch: Sequence[bytes]) -> None:
    for frame in batch:
        (report,) = read(frame, 0).reports
        if not isinstance(report, OrderReported):
            raise TypeError("the frames are not read as reports of orders")


class _Pipe:
    """A WebSocket connection to ourselves: what is written in one go, as servers do without a mask, is then read."""

    def __init__(self, *, binary: bool) -> None:
        self._opcode = ABNF.OPCODE_BINARY if binary else ABNF.OPCODE_TEXT
        self._venue, ours = socket.socketpair()
        # Both as the stream's own rim has them.
        ours.settimeout(POLL_S)
        self._client = WebSocket(skip_utf8_validation=True)
        self._client.sock, self._client.connected = ours, True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._venue.close()
        self._client.shutdown()

    def us_each(self, batch: Sequence[bytes], act: Callable[[bytes], object]) -> float:
        receive, taken = self._client.recv_data_frame, 0
        for start in range(0, len(batch), FRAMES_AT_ONCE):
            some = batch[start : start + FRAMES_AT_ONCE]
            self._venue.sendall(b"".join(_written(frame, self._opcode) for frame in some))
            begun = time.thread_time_ns()
            for _ in some:
                _, frame = receive(control_frame=True)
                act(bytes(frame.data))
            taken += time.thread_time_ns() - begun
        return taken / 1000 / len(batch)


def _written(frame: bytes, opcode: int) -> bytes:
    written = ABNF(1, 0, 0, 0, opcode, 0, frame).format()
    return written if isinstance(written, bytes) else written.encode("latin-1")
