"""A whole order manager over the instant venue and the embedded server, and the raw limits of its parts."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors.oms import Oms
from actors.settings import Settings
from actors.store.port import Section
from actors.store.redis import RedisStore
from messages import AccountCommand, OrderPlaced, OrderType, Side, StreamConnected, SubmitOrder
from messages.queries import Reply
from messages.reports import StreamReport
from tests.benchmarks.figures import Watch, watched
from tests.benchmarks.instant import InstantGateway

GROUP = 256
"""Sections in one call to the store, as many as the committer puts there at most."""
PATIENCE_S = 60.0
SWITCH_INTERVAL_S = 0.0005


class ReadyGateway(InstantGateway):
    """An instant venue whose stream is up as soon as it is opened."""

    def __init__(self, now_ms: Callable[[], int], account_id: str) -> None:
        super().__init__(now_ms)
        self._account_id = account_id

    def open_stream(self, deliver: Callable[[StreamReport], object]) -> None:
        deliver(
            StreamConnected(account_id=self._account_id, exchange="binance", connection=1, received_ms=self._now_ms())
        )


def settings(accounts: int, durability: str = "everysec") -> Settings:
    return Settings.load(
        {
            "accounts": [{"id": str(number), "exchanges": {"binance": {}}} for number in range(accounts)],
            "paper": {"venues": ["binance"]},
            "redis": {"durability": durability},
            "orderManagement": {
                "concurrencyControl": {"orderPlacement": {"maxQueueSize": 100_000, "queueTimeout": 600_000}}
            },
        },
        environ={},
    )


@contextmanager
def instant_oms(accounts: int, durability: str = "everysec", *, folder: Path | None = None) -> Iterator[Oms]:
    """A running order manager whose venue answers within the call."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as fresh:
        oms = Oms(settings(accounts, durability), switch_interval_s=SWITCH_INTERVAL_S, data_folder=folder or Path(fresh))
        oms.runtime._gateway_of = lambda account_id, _: ReadyGateway(oms.runtime.now_ms, account_id)
        try:
            if not oms.start(PATIENCE_S):
                raise TimeoutError("the gates did not open")
            yield oms
        finally:
            oms.stop()


def orders(count: int, accounts: int, prefix: str) -> list[SubmitOrder]:
    """Resting orders that differ in their request ids only, spread over the accounts in turn."""
    return [
        SubmitOrder(
            account_id=str(number % accounts), exchange="binance", symbol="BTC-USDT", side=Side.BUY,
            type=OrderType.LIMIT, size=Decimal("0.01"), price=Decimal("42500"), request_id=f"{prefix}-{number}",
        )
        for number in range(count)
    ]  # fmt: skip


def carry_out(oms: Oms, commands: Sequence[AccountCommand], *, in_flight: int) -> Watch:
    """Send commands, so many at a time, and wait for every reply; each must be a placed order."""
    free = threading.Semaphore(in_flight)
    futures: list[Future[Reply]] = []
    with watched() as watch:
        for command in commands:
            if not free.acquire(timeout=PATIENCE_S):
                raise TimeoutError("no reply came for long")
            future = oms.submit(command)
            future.add_done_callback(lambda _: free.release())
            futures.append(future)
        replies = [future.result(PATIENCE_S) for future in futures]
    refused = [reply for reply in replies if not isinstance(reply, OrderPlaced)]
    if refused:
        raise RuntimeError(f"{len(refused)} of {len(replies)} orders were not placed, first: {refused[0]}")
    return watch


@contextmanager
def recorded_sections() -> Iterator[list[Section]]:
    """Every section that is committed meanwhile, by any order manager of this process."""
    sections: list[Section] = []
    commit = RedisStore.commit

    def record(store: RedisStore, group: list[Section]) -> Any:
        sections.extend(group)
        return commit(store, group)

    RedisStore.commit = record  # type: ignore[method-assign]
    try:
        yield sections
    finally:
        RedisStore.commit = commit  # type: ignore[method-assign]


def raw_commits_per_s(store: RedisStore, sections: Sequence[Section], name: str, *, group: int = GROUP) -> float:
    """Commit the same sections under other accounts, packed beforehand and with nothing else to do.

    This is what the server and one connection can do at most: the limit of everything built on them.
    """
    accounts: dict[str, tuple[str, int]] = {}
    numbers: dict[str, int] = {}
    copies = []
    for section in sections:
        if section.account_id not in accounts:
            account_id = f"{name}-{section.account_id}"
            accounts[section.account_id] = account_id, store.acquire(account_id, "raw").epoch
        account_id, epoch = accounts[section.account_id]
        numbers[account_id] = numbers.get(account_id, 0) + 1
        copies.append(replace(section, account_id=account_id, epoch=epoch, seq=numbers[account_id]))
    calls = [
        (0, *store._packing.pack(copies[start : start + group]), store._events_max)
        for start in range(0, len(copies), group)
    ]
    with watched() as watch:
        for call in calls:
            (answer,) = store._commit_calls([call])
            if set(answer) != {ord("o")}:
                raise RuntimeError("a raw commit was refused")
    return len(copies) / watch.wall_s
