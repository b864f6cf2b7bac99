"""Paper venues as a process of their own: `python -m exchanges.paper.process --venues binance --json`.

Prints one JSON line with the addresses and keys of each venue and serves until its standard input closes (when asked
to), or until SIGTERM or SIGINT. Keys derive from the seed; they open nothing but these venues.
"""

import argparse
import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from threading import Thread
from typing import Any, Protocol, cast

import orjson

from exchanges.paper.control import Control
from exchanges.paper.engine import Engine
from exchanges.paper.faults import FaultPlan
from exchanges.paper.listener import Listener
from exchanges.paper.model import ClientIdPolicy, FeeRules, PaperInstrument
from exchanges.paper.server import PaperVenue
from exchanges.paper.venue import Venue
from exchanges.paper.wire import Dialect

DEFAULT_ACCOUNT = "paper"
_BALANCES = {"USDT": Decimal(10_000_000), "USD": Decimal(10_000_000), "BTC": Decimal(1_000), "ETH": Decimal(10_000)}
_PACKAGES = "exchanges.paper.dialects"
# Loaded only when asked for, so that a process of one venue carries no other's.
_DIALECTS = {
    "binance": "binance.dialect:BinanceDialect",
    "coinbase": "coinbase.dialect:CoinbaseDialect",
    "kraken": "kraken.dialect:KrakenDialect",
    "kucoin": "kucoin.dialect:KucoinDialect",
    "mexc": "mexc.dialect:MexcDialect",
    "projectx": "projectx.dialect:ProjectXDialect",
}


class _DialectClass(Protocol):
    """What a venue's engine is built by, before there is one."""

    client_ids: ClientIdPolicy
    fees: FeeRules
    margin: bool

    def __call__(self, engine: Engine, random: Random) -> Dialect:
        """Make the dialect over an engine, with the source of the ids that the venue invents."""
        ...

    def instruments(self) -> tuple[PaperInstrument, ...]:
        """Return what the venue offers."""
        ...


def build_venue(name: str, seed: int) -> tuple[PaperVenue, dict[str, str]]:
    """Return a venue with its instruments and the default account, not started, and the account's keys.

    Raises ValueError for a venue without a dialect. Needs a running loop.
    """
    dialect_class = _dialect_class(name)
    engine = Engine(
        dialect_class.instruments(),
        client_ids=dialect_class.client_ids,
        fees=dialect_class.fees,
        margin=dialect_class.margin,
        # Books that outlive this process must never meet a number again; a thousand a second leave room for a long run.
        first_id=int(time.time()) * 1000,
    )
    engine.add_account(DEFAULT_ACCOUNT, _BALANCES)
    dialect = dialect_class(engine, Random(f"{seed}/{name}/ids"))
    keys = dialect.add_keys(DEFAULT_ACCOUNT, seed)
    return PaperVenue(Venue(engine, dialect, FaultPlan(seed)), seed), keys


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; returns its exit status."""
    options = _parser().parse_args(arguments)
    names = [name for name in options.venues.split(",") if name]
    unknown = [name for name in names if name not in _DIALECTS]
    if unknown or not names:
        sys.stderr.write(f"unknown venues {unknown}; there are: {', '.join(sorted(_DIALECTS))}\n")
        return 2
    # Connections break here on purpose; asyncio's remarks about that are no news.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    asyncio.run(_run(names, options))
    return 0


def _dialect_class(name: str) -> _DialectClass:
    if name not in _DIALECTS:
        msg = f"no paper venue speaks {name}; there are: {', '.join(sorted(_DIALECTS))}"
        raise ValueError(msg)
    module, _, class_name = _DIALECTS[name].partition(":")
    return cast("_DialectClass", getattr(importlib.import_module(f"{_PACKAGES}.{module}"), class_name))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="paper", description="Paper venues on loopback ports.")
    parser.add_argument("--venues", default="binance", help="comma-separated names")
    parser.add_argument("--seed", type=int, default=1, help="of keys, faults and market")
    parser.add_argument("--market", action="store_true", help="let a random market trade")
    parser.add_argument("--rate-limits", action="store_true", help="enforce the venues' rate limits")
    parser.add_argument("--json", action="store_true", help="print addresses and keys as one JSON line")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input closes")
    return parser


async def _run(names: list[str], options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, ended.set)
    if options.exit_with_stdin:
        _watch_stdin(lambda: loop.call_soon_threadsafe(ended.set))
    described: dict[str, Any] = {}
    running: list[tuple[PaperVenue, Listener]] = []
    try:
        for name in names:
            server, keys = build_venue(name, options.seed)
            control = Listener(Control(server).application())
            running.append((server, control))
            await server.start()
            await control.open()
            server.market_running = options.market
            server.venue.dialect.enforce_limits(enabled=options.rate_limits)
            described[name] = _describe(server, control, keys)
        _announce(described, as_json=options.json)
        # What exists now lives as long as the process; the collector need not look at it again.
        gc.freeze()
        await ended.wait()
    finally:
        for server, control in running:
            await server.stop()
            await control.stop()


def _describe(server: PaperVenue, control: Listener, keys: dict[str, str]) -> dict[str, Any]:
    return {
        "restUrl": server.rest_url,
        "streamUrl": server.stream_url,
        "controlUrl": f"http://127.0.0.1:{control.port}",
        "account": DEFAULT_ACCOUNT,
        "credentials": keys,
        "symbols": list(server.venue.engine.instruments),
    }


def _announce(described: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps(described).decode() + "\n")
    else:
        for name, venue in described.items():
            sys.stdout.write(f"{name}\n")
            for what in ("restUrl", "streamUrl", "controlUrl", "symbols"):
                sys.stdout.write(f"  {what}: {venue[what]}\n")
            # They open nothing but this venue, which is gone when this process is. Keys in PEM have lines of their own.
            for what, value in venue["credentials"].items():
                sys.stdout.write("  {}: {}\n".format(what, value.replace("\n", "\\n")))
    sys.stdout.flush()


def _watch_stdin(closed: Callable[[], object]) -> None:
    # A thread reads the bare descriptor: it works for pipes, files and terminals alike, holds no lock of the
    # interpreter's own streams, and as a daemon never delays the end of the process.
    def watch() -> None:
        while os.read(0, 4096):
            continue
        closed()

    Thread(target=watch, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
