"""One frame of each venue's private stream after the other, about orders; and the connection's reader of them.

Each frame is about an order at its own price or with an own size executed. A reader is made for every batch of frames,
because most of them follow the numbers of the frames.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from exchanges.coinbase.stream import CoinbaseStream, UserChannel
from exchanges.kraken.stream import ExecutionsReader
from exchanges.kucoin.stream import ORDERS, KucoinFrames
from exchanges.mexc.pb.private_pb2 import PrivateOrdersV3Api, PushDataV3ApiWrapper
from exchanges.mexc.stream import CHANNELS, MexcStream, PushReader
from exchanges.projectx.events import HubReader
from exchanges.stream import Reading
from exchanges.symbols import SymbolBook
from tests.benchmarks import fills
from tests.benchmarks.lists import ACCOUNT, BOOKS, VENUE_MS, book, client_id, digits, instant, projectx_order, uuid

Read = Callable[[bytes, int], Reading]
_KRAKEN_ORDER = "OK4GJX-KSTLS-7DZZO5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A venue's frames."""

    frame: Callable[[int], bytes]
    """Makes one by its number."""
    reader: Callable[[int], Read]
    """Makes the reading of a new connection, of which the first frame will have this number."""
    parse: Callable[[bytes], object] = orjson.loads
    """The least that a reader can do."""
    binary: bool = False


class _Session:
    """What the streams need of their clients once they are connected."""

    def __init__(self, symbols: SymbolBook) -> None:
        self._symbols = symbols

    def symbols(self) -> SymbolBook:
        return self._symbols


def _session(venue: str) -> Any:
    return _Session(BOOKS[venue])


def _compact(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _binance_frame(number: int) -> bytes:
    now_ms = VENUE_MS + number
    event = {
        "e": "executionReport", "E": now_ms, "s": "BTCUSDT", "c": client_id(number), "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "0.01000000", "p": "60000.00000000", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
        "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 28457 + number, "l": "0.00400000",
        "z": f"0.{digits(number)}", "L": "60000.00000000", "n": "0.00000400", "N": "BTC", "T": now_ms, "t": number,
        "I": number, "w": False, "m": True, "M": True, "O": now_ms, "Z": f"{number * 6}.00000000",
        "Y": "240.00000000", "Q": "0.00000000", "W": now_ms, "V": "EXPIRE_MAKER",
    }  # fmt: skip
    return _compact({"subscriptionId": 0, "event": event})


def _coinbase_frame(number: int) -> bytes:
    order = {
        "order_id": uuid(28457 + number), "client_order_id": uuid(number), "product_id": "BTC-USD",
        "product_type": "SPOT", "order_side": "BUY", "order_type": "Limit", "status": "OPEN",
        "cumulative_quantity": f"0.{digits(number)}", "leaves_quantity": f"1.{digits(number)}", "avg_price": "60000",
        "filled_value": f"{number * 6}.{digits(number)}", "number_of_fills": "2", "completion_percentage": "40.00",
        "total_fees": "0.96", "total_value_after_fees": "600.96", "limit_price": "60000", "stop_price": "",
        "post_only": "true", "time_in_force": "GOOD_UNTIL_CANCELLED", "trigger_status": "INVALID_ORDER_TYPE",
        "cancel_reason": "", "reject_reason": "", "outstanding_hold_amount": "361.4",
        "creation_time": instant(number), "start_time": "0001-01-01T00:00:00Z", "end_time": "0001-01-01T00:00:00Z",
        "retail_portfolio_id": "11111111-1111-1111-1111-111111111111",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE", "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
    }  # fmt: skip
    return _compact({
        "channel": "user", "client_id": "", "timestamp": instant(number, 9), "sequence_num": number,
        "events": [{"type": "update", "orders": [order]}],
    })  # fmt: skip


def _coinbase_reader(_: int) -> Read:
    return UserChannel(CoinbaseStream(account_id="1", session=_session("coinbase"))).read


def _kraken_frame(number: int) -> bytes:
    return _compact({"channel": "executions", "type": "update", "sequence": number, "data": [{
        "order_id": _KRAKEN_ORDER, "cl_ord_id": uuid(1), "exec_id": f"T{number:05}-HT5LX-J3BZ4A", "exec_type": "trade",
        "trade_id": number, "symbol": "BTC/USD", "side": "sell", "last_qty": 0.004, "last_price": 26599.9,
        "liquidity_ind": "t", "cost": 106.3996, "order_type": "limit", "order_status": "partially_filled",
        "cum_qty": (number % 10**8 + 1) / 10**8, "cum_cost": number * 6 + 0.25, "avg_price": 26599.9,
        "fee_usd_equiv": 0.3458, "fees": [{"asset": "USD", "qty": 0.3458}], "timestamp": instant(number),
    }]})  # fmt: skip


def _kraken_reader(first: int) -> Read:
    read = ExecutionsReader(account_id="1", session=_Session(book("BTC/USD", "BTC-USD"))).read  # type: ignore[arg-type]
    order = {
        "order_id": _KRAKEN_ORDER, "cl_ord_id": uuid(1), "symbol": "BTC/USD", "side": "sell", "order_type": "limit",
        "order_qty": 5, "limit_price": 26500.1, "limit_price_type": "static", "stop_price": 0, "cum_qty": 0,
        "cum_cost": 0, "time_in_force": "GTC", "exec_type": "new", "order_status": "new", "timestamp": instant(first),
    }  # fmt: skip
    read(_compact({"channel": "executions", "type": "snapshot", "sequence": first - 1, "data": [order]}), 0)
    return read


def _kucoin_frame(number: int) -> bytes:
    order = {
        "symbol": "BTC-USDT", "orderId": f"{28457 + number:024x}", "clientOid": client_id(number), "side": "buy",
        "orderType": "limit", "originSize": "10", "price": f"{60000 + number / 10:.1f}", "orderTime": VENUE_MS + number,
        "size": "10", "canceledSize": "0", "type": "match", "status": "match", "liquidity": "taker",
        "feeType": "takerFee", "matchPrice": "60000.1", "matchSize": "0.04", "tradeId": f"{11029373945659392 + number}",
        "filledSize": f"0.{digits(number)}", "remainSize": "9.5", "ts": (VENUE_MS + number) * 1_000_000 + 606180,
    }  # fmt: skip
    return _compact({
        "topic": ORDERS, "type": "message", "subject": "orderChange", "userId": "633559791e1cbc0001f319bc",
        "channelType": "private", "data": order,
    })  # fmt: skip


def _kucoin_reader(_: int) -> Read:
    return KucoinFrames("1", _session("kucoin"), "connect-1").read


def _mexc_frame(number: int) -> bytes:
    order = PrivateOrdersV3Api(
        id=f"C02__{505979017439002624115 + number}", clientId=client_id(number), price="60000.12", quantity="10",
        amount="600001.2", avgPrice="60000.12", orderType=1, tradeType=2, remainAmount="3.3", remainQuantity="9.5",
        lastDealQuantity="0.04", cumulativeQuantity=f"0.{digits(number + 1)}",
        cumulativeAmount=f"{number * 6}.{digits(number + 1)}", status=3, createTime=VENUE_MS + number,
    )  # fmt: skip
    return bytes(
        PushDataV3ApiWrapper(
            channel=CHANNELS[0], symbol="BTCUSDT", sendTime=VENUE_MS + number, privateOrders=order
        ).SerializeToString()
    )


def _mexc_reader(_: int) -> Read:
    session = _session("mexc")
    return PushReader(MexcStream(account_id="1", session=session), "key", "1", session).read_binary


def _projectx_frame(number: int) -> bytes:
    order = projectx_order(number, filled=True)
    message = {"type": 1, "target": "GatewayUserOrder", "arguments": [{"action": 1, "data": order}]}
    return _compact(message) + b"\x1e"


def _projectx_reader(_: int) -> Read:
    symbols = BOOKS["projectx"]
    read = HubReader(
        account_id="1", account=ACCOUNT, fill_events=frozenset(), symbols=lambda: symbols, on_logout=lambda: None,
        on_account=lambda _: None,
    ).read  # fmt: skip
    read(b"{}\x1e", 0)
    return read


FRAMES: Mapping[str, Framed] = {
    "binance": Framed(frame=_binance_frame, reader=lambda _: fills.protocol("1").read),
    "coinbase": Framed(frame=_coinbase_frame, reader=_coinbase_reader),
    "kraken": Framed(frame=_kraken_frame, reader=_kraken_reader),
    "kucoin": Framed(frame=_kucoin_frame, reader=_kucoin_reader),
    "mexc": Framed(
        frame=_mexc_frame, reader=_mexc_reader, parse=PushDataV3ApiWrapper.FromString, binary=True
    ),
    # The record separator is no JSON.
    "projectx": Framed(
        frame=_projectx_frame, reader=_projectx_reader, parse=lambda frame: orjson.loads(frame[:-1])
    ),
}
