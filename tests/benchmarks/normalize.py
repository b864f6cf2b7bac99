"""What reading a venue's words costs: open orders of a list, and stream frames, beside the floor of the same run.

The floor parses the same body and puts the same numbers and texts into a plain dataclass, amounts as `Decimal`, without
looking at any of them. Each figure is the least of many rounds of the thread's own processor time, so that another
program's load shows as little as it can. "New amounts" are amounts never read before; "known" ones were in the list
before, as most are when the same orders are listed again and again.
"""

import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from exchanges.binance.symbols import SymbolBook
from exchanges.binance.translate import parse_json, read_list, read_order
from messages.reports import OrderReported
from tests.benchmarks.figures import Figure, Figures
from tests.benchmarks.fills import protocol

REPETITIONS = 5
ROUNDS = 12
ORDERS = 1000
BOOK = SymbolBook(to_canonical={"BTCUSDT": "BTC-USDT"}, to_venue={"BTC-USDT": "BTCUSDT"})
_VENUE_MS = 1_795_255_200_000


@dataclass
class PlainOrder:
    """What an order says, unchecked."""

    symbol: str
    venue_order_id: int
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    status: str
    size: Decimal
    filled_size: Decimal
    filled_value: Decimal
    price: Decimal
    stop_price: Decimal
    quote_size: Decimal
    created_ms: int
    updated_ms: int


@dataclass
class PlainFill:
    """What an execution says, unchecked."""

    fill_id: int
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    venue_ms: int


def run() -> list[Figure]:
    figures = Figures()
    numbers = iter(range(10**9))
    for _ in range(REPETITIONS):
        _lists(figures, lambda: next(numbers))
        _frames(figures, lambda: next(numbers))
    return figures.all()


def _lists(figures: Figures, series: Callable[[], int]) -> None:
    known = [_open_orders(series())] * ROUNDS
    fresh = [_open_orders(series()) for _ in range(ROUNDS)]
    for what, bodies in (("known amounts", known), ("new amounts", fresh)):
        ours, floor = _least_us(_normalized, bodies), _least_us(_plain_orders, bodies)
        figures.add(f"open orders normalized ({what})", 1e6 / ours, "orders/s")
        figures.add(f"one open order ({what})", ours, "us")
        figures.add(f"one open order, floor ({what})", floor, "us")
        figures.share(f"open orders as a share of the floor ({what})", 1 / ours, 1 / floor)
    figures.add("one open order, JSON alone", _least_us(orjson.loads, known), "us")
    theirs = ccxt_parser()
    if theirs is not None:
        taken = _least_us(theirs, known)
        figures.add("one open order by ccxt's parse_order", taken, "us")
        figures.share("open orders as a share of ccxt's rate", 1 / ours, 1 / taken)


def _frames(figures: Figures, series: Callable[[], int]) -> None:
    known = [_executions(series())] * ROUNDS
    fresh = [_executions(series()) for _ in range(ROUNDS)]
    read = protocol("1").read
    first = read(known[0][0], 0).reports[0]
    if not isinstance(first, OrderReported) or first.fill is None:
        raise TypeError("the frames are not read as executions")
    for what, batches in (("known amounts", known), ("new amounts", fresh)):
        ours = _least_us(_every(lambda frame: read(frame, 0)), batches)
        floor = _least_us(_every(_plain_execution), batches)
        figures.add(f"stream frames read ({what})", 1e6 / ours, "frames/s")
        figures.add(f"one stream frame ({what})", ours, "us")
        figures.add(f"one stream frame, floor ({what})", floor, "us")
        figures.share(f"stream frames as a share of the floor ({what})", 1 / ours, 1 / floor)
    bare = _least_us(_every(orjson.loads), known)
    figures.add("one stream frame, JSON alone", bare, "us")
    figures.share("stream frames, new amounts, as a share of JSON alone", 1 / ours, 1 / bare)


def _every(act: Callable[[bytes], object]) -> Callable[[Sequence[bytes]], object]:
    """Do it with one frame after the other, keeping nothing, as a stream does."""

    def each(batch: Sequence[bytes]) -> None:
        for frame in batch:
            act(frame)

    return each


def _least_us(act: Callable[[Any], object], batches: Sequence[Any]) -> float:
    """The least that one of a batch's orders took, in microseconds; each batch is read once."""
    taken = []
    for batch in batches:
        begun = time.thread_time_ns()
        act(batch)
        taken.append(time.thread_time_ns() - begun)
    return min(taken) / 1000 / ORDERS


def _normalized(body: bytes) -> object:
    orders, unreadable = read_list(parse_json(body), lambda item: read_order(item, BOOK))
    if unreadable or len(orders) != ORDERS:
        raise ValueError("the list is not read as it was written")
    return orders


def _plain_orders(body: bytes) -> object:
    return [
        PlainOrder(
            item["symbol"], item["orderId"], item["clientOrderId"], item["side"], item["type"], item["timeInForce"],
            item["status"], Decimal(item["origQty"]), Decimal(item["executedQty"]),
            Decimal(item["cummulativeQuoteQty"]), Decimal(item["price"]), Decimal(item["stopPrice"]),
            Decimal(item["origQuoteOrderQty"]), item["time"], item["updateTime"],
        )
        for item in orjson.loads(body)
    ]  # fmt: skip


def _plain_execution(frame: bytes) -> object:
    item = orjson.loads(frame)["event"]
    return PlainOrder(
        item["s"], item["i"], item["c"], item["S"], item["o"], item["f"], item["X"], Decimal(item["q"]),
        Decimal(item["z"]), Decimal(item["Z"]), Decimal(item["p"]), Decimal(item["P"]), Decimal(item["Q"]), item["O"],
        item["T"],
    ), PlainFill(
        item["t"], Decimal(item["L"]), Decimal(item["l"]), Decimal(item["n"]), item["N"], item["m"], item["T"]
    )  # fmt: skip


def ccxt_parser() -> Callable[[bytes], object] | None:
    """Read the same list with ccxt, where it is installed."""
    if importlib.util.find_spec("ccxt") is None:
        return None
    venue: Any = importlib.import_module("ccxt").binance()
    market = venue.safe_market_structure({
        "id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot",
        "precision": {"amount": 1e-8, "price": 0.01},
    })  # fmt: skip
    venue.set_markets([market])
    return lambda body: [venue.parse_order(item, market) for item in orjson.loads(body)]


def _open_orders(series: int) -> bytes:
    return json.dumps([_open_order(series * ORDERS + number) for number in range(ORDERS)]).encode()


def _open_order(number: int) -> dict[str, object]:
    return {
        "symbol": "BTCUSDT", "orderId": 28457 + number, "orderListId": -1, "clientOrderId": f"{number:032x}",
        "price": f"{60000 + number / 100:.8f}", "origQty": "0.01000000", "executedQty": f"0.{number % 10**8:08}",
        "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": f"{number * 6}.00000000",
        "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.00000000",
        "icebergQty": "0.00000000", "time": _VENUE_MS + number, "updateTime": _VENUE_MS + number, "isWorking": True,
        "workingTime": _VENUE_MS + number, "selfTradePreventionMode": "EXPIRE_MAKER",
    }  # fmt: skip


def _executions(series: int) -> list[bytes]:
    return [_execution(series * ORDERS + number) for number in range(ORDERS)]


def _execution(number: int) -> bytes:
    """An execution at its order's price: what the order has filled so far is new in every frame."""
    now_ms = _VENUE_MS + number
    event = {
        "e": "executionReport", "E": now_ms, "s": "BTCUSDT", "c": f"{number:032x}", "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "0.01000000", "p": "60000.00000000", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
        "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 28457 + number, "l": "0.00400000",
        "z": f"0.{number % 10**8:08}", "L": "60000.00000000", "n": "0.00000400", "N": "BTC", "T": now_ms, "t": number,
        "I": number, "w": False, "m": True, "M": True, "O": now_ms, "Z": f"{number * 6}.00000000",
        "Y": "240.00000000", "Q": "0.00000000", "W": now_ms, "V": "EXPIRE_MAKER",
    }  # fmt: skip
    return json.dumps({"subscriptionId": 0, "event": event}, separators=(",", ":")).encode()
