"""What reading a venue's words costs: a list of 1,000 open orders, and stream frames, beside the floor of the same run.

The floor of a list parses the same body and puts what the fields of the normalized order need into a frozen, slotted
dataclass, amounts as `Decimal`, by position and without looking at any of them. The bare floor fills a dataclass that
is neither frozen nor slotted, which Python does three times as fast: the least that can be called an order. Ours reads
the list as `exchanges.binance.reads.open_orders` does and refuses what is not as documented.

Every order has an id, a price and a size of its own, in every round, and where it is partly filled a filled size and
value too; no reader remembers amounts from one list to the next, so listing the same orders again takes as long.

All are measured in turn, round by round, in the thread's own processor time; a repetition's figure is the least of its
rounds, so that another program's load shows as little as it can.
"""

import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, make_dataclass
from decimal import Decimal
from typing import Any

import orjson

from exchanges.binance.translate import read_order
from exchanges.fields import read_list
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json
from messages.reports import OrderReported
from tests.benchmarks.figures import Figure, Figures
from tests.benchmarks.fills import protocol

REPETITIONS = 5
ROUNDS = 12
ORDERS = 1000
BOOK = SymbolBook(to_canonical={"BTCUSDT": "BTC-USDT"}, to_venue={"BTC-USDT": "BTCUSDT"})
_VENUE_MS = 1_795_255_200_000


@dataclass
class BareOrder:
    """What a record tells of the normalized order, unchecked; the fields that it does not tell are left out."""

    exchange: str
    order_id: int
    client_order_id: str
    symbol: str
    side: str
    type: str
    status: str
    size: Decimal
    filled_size: Decimal
    price: Decimal
    stop_price: Decimal
    quote_size: Decimal
    filled_value: Decimal
    created_at: int
    updated_at: int
    time_in_force: str


FrozenOrder = make_dataclass(
    "FrozenOrder", [(field.name, field.type) for field in fields(BareOrder)], frozen=True, slots=True
)


@dataclass
class BareFill:
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
        for what, filled_every in (("a tenth partly filled", 10), ("all partly filled", 1)):
            _lists(figures, what, lambda every=filled_every: _open_orders(next(numbers), every))
        _frames(figures, lambda: next(numbers))
    return figures.all()


def _lists(figures: Figures, what: str, body: Callable[[], bytes]) -> None:
    acts: dict[str, Callable[[bytes], object]] = {
        "ours": _normalized, "floor": _floor(FrozenOrder), "bare": _floor(BareOrder), "JSON": orjson.loads,
    }  # fmt: skip
    theirs = ccxt_parser()
    if theirs is not None:
        acts["ccxt"] = theirs
    least = _least_us(acts, body)
    ours = least["ours"]
    figures.add(f"open orders normalized, {what}", 1e6 / ours, "orders/s")
    figures.share(f"open orders, {what}, as a share of the floor", 1 / ours, 1 / least["floor"])
    figures.share(f"open orders, {what}, as a share of the bare floor", 1 / ours, 1 / least["bare"])
    figures.add(f"one open order, {what}", ours, "us")
    figures.add(f"one open order, {what}, floor", least["floor"], "us")
    figures.add(f"one open order, {what}, bare floor", least["bare"], "us")
    figures.add(f"one open order, {what}, JSON alone", least["JSON"], "us")
    if theirs is not None:
        figures.add(f"one open order, {what}, by ccxt's parse_orders", least["ccxt"], "us")
        figures.add(f"open orders, {what}, as a multiple of ccxt's rate", least["ccxt"] / ours, "times")


def _frames(figures: Figures, series: Callable[[], int]) -> None:
    read = protocol("1").read
    first = read(_execution(0), 0).reports[0]
    if not isinstance(first, OrderReported) or first.fill is None:
        raise TypeError("the frames are not read as executions")
    each = {"ours": lambda frame: read(frame, 0), "floor": _bare_execution, "JSON": orjson.loads}
    least = _least_us({name: _every(act) for name, act in each.items()}, lambda: _executions(series()))
    ours = least["ours"]
    figures.add("stream frames read", 1e6 / ours, "frames/s")
    figures.share("stream frames as a share of their floor (bare dataclasses)", 1 / ours, 1 / least["floor"])
    figures.share("stream frames as a share of JSON alone", 1 / ours, 1 / least["JSON"])
    figures.add("one stream frame", ours, "us")
    figures.add("one stream frame, floor (bare dataclasses)", least["floor"], "us")
    figures.add("one stream frame, JSON alone", least["JSON"], "us")


def _every(act: Callable[[bytes], object]) -> Callable[[Sequence[bytes]], object]:
    """Do it with one frame after the other, keeping nothing, as a stream does."""

    def each(batch: Sequence[bytes]) -> None:
        for frame in batch:
            act(frame)

    return each


def _least_us(acts: dict[str, Callable[[Any], object]], batch: Callable[[], Any]) -> dict[str, float]:
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


def _normalized(body: bytes) -> object:
    orders, unreadable = read_list(parse_json(body), lambda item: read_order(item, BOOK))
    if unreadable or len(orders) != ORDERS:
        raise ValueError("the list is not read as it was written")
    return orders


def _floor(order: Callable[..., object]) -> Callable[[bytes], object]:
    return lambda body: [
        order(
            "binance", item["orderId"], item["clientOrderId"], item["symbol"], item["side"], item["type"],
            item["status"], Decimal(item["origQty"]), Decimal(item["executedQty"]), Decimal(item["price"]),
            Decimal(item["stopPrice"]), Decimal(item["origQuoteOrderQty"]), Decimal(item["cummulativeQuoteQty"]),
            item["time"], item["updateTime"], item["timeInForce"],
        )
        for item in orjson.loads(body)
    ]  # fmt: skip


def _bare_execution(frame: bytes) -> object:
    item = orjson.loads(frame)["event"]
    return BareOrder(
        "binance", item["i"], item["c"], item["s"], item["S"], item["o"], item["X"], Decimal(item["q"]),
        Decimal(item["z"]), Decimal(item["p"]), Decimal(item["P"]), Decimal(item["Q"]), Decimal(item["Z"]), item["O"],
        item["T"], item["f"],
    ), BareFill(
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

    def parsed(body: bytes) -> object:
        orders = venue.parse_orders(orjson.loads(body), market)
        if len(orders) != ORDERS:
            raise ValueError("ccxt does not read the list as it was written")
        return orders

    return parsed


def _open_orders(series: int, filled_every: int) -> bytes:
    numbers = range(series * ORDERS, (series + 1) * ORDERS)
    return json.dumps([_open_order(number, filled=not number % filled_every) for number in numbers]).encode()


def _open_order(number: int, *, filled: bool) -> dict[str, object]:
    return {
        "symbol": "BTCUSDT", "orderId": 28457 + number, "orderListId": -1, "clientOrderId": f"{number:032x}",
        "price": f"{60000 + number / 100:.8f}", "origQty": f"1.{number % 10**8:08}",
        "executedQty": f"0.{number % 10**8:08}" if filled else "0.00000000", "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": f"{number * 6}.{number % 10**8:08}" if filled else "0.00000000",
        "status": "PARTIALLY_FILLED" if filled else "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": _VENUE_MS + number,
        "updateTime": _VENUE_MS + number, "isWorking": True, "workingTime": _VENUE_MS + number,
        "selfTradePreventionMode": "EXPIRE_MAKER",
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
