"""Frames of MEXC's private stream, made by an encoder of their own so that they do not come from the code that reads
them, and what a stream needs of its session.
"""

from typing import Any

from mexc_samples import BOOK

from exchanges.answers import Untold
from exchanges.mexc.stream import MexcStream
from exchanges.stream import FrameReader
from exchanges.symbols import SymbolBook

NOW_MS = 1736417034290


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def encoded(fields: dict[int, Any]) -> bytes:
    parts = []
    for number, value in fields.items():
        if isinstance(value, int):
            parts.append(varint(number << 3) + varint(value))
        else:
            content = value if isinstance(value, bytes) else value.encode()
            parts.append(varint(number << 3 | 2) + varint(len(content)) + content)
    return b"".join(parts)


def pushed(body: int, fields: dict[int, Any], **wrapper: Any) -> bytes:
    around = {"symbol": "MXUSDT", "sent": 1736417034281, "channel": "spot@private"} | wrapper
    return encoded({1: around["channel"], 3: around["symbol"], 6: around["sent"], body: encoded(fields)})


ORDER = {
    1: "C02__505979017439002624115",
    2: "oms-1",
    3: "3.5121",
    4: "2",
    5: "7.0242",
    6: "3.6962",
    7: 1,
    8: 2,
    10: "3.3280",
    11: "1",
    12: "1",
    13: "1",
    14: "3.6962",
    15: 3,
    16: 1736417034259,
}
DEAL = {
    1: "3.6962",
    2: "1",
    3: "3.6962",
    4: 2,
    7: "505979017439002624X1",
    8: "oms-1",
    9: "C02__505979017439002624115",
    10: "0.0003998377369698171",
    11: "MX",
    12: 1736417034280,
}
BALANCE = {1: "USDT", 2: "128f589271cb4951b03e71e6", 3: "21.94", 4: "-1", 5: "0.5", 6: "0.5", 7: "ENTRUST", 8: 5}


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *keys: str | Untold, book: SymbolBook | None = BOOK) -> None:
        self.keys = list(keys) or ["key-1"]
        self.book = book
        self.prolonged: list[str] = []
        self.dead: set[str] = set()

    def symbols(self) -> SymbolBook | None:
        return self.book

    def create_listen_key(self) -> str | Untold:
        return self.keys.pop(0)

    def prolong_listen_key(self, listen_key: str) -> bool:
        self.prolonged.append(listen_key)
        return listen_key not in self.dead


def protocol(session: Session | None = None) -> MexcStream:
    return MexcStream(account_id="1", session=session or Session(), url="ws://venue/ws")


def reader(session: Session | None = None) -> FrameReader:
    return protocol(session).open().reader


def one(frame: bytes) -> Any:
    (report,) = reader().read_binary(frame, NOW_MS).reports
    return report
