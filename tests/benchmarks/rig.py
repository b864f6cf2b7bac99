"""A whole order manager over the instant venue and the embedded server, and the raw limits of its parts."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from actors.oms import Oms
from actors.settings import Settings
from actors.store.port import Section
from actors.store.redis import RedisStore
from messages import (
    AccountCommand,
    FetchOpenOrders,
    OpenOrdersFetched,
    OrderType,
    PlaceAccepted,
    PlaceOrder,
    PublicStatus,
    Refused,
    Side,
    StreamConnected,
    SubmitOrder,
    TimeInForce,
    VenueOrder,
)
from messages.commands import VenueRequest
from messages.queries import Reply
from messages.reports import CallReport, StreamReport
from tests.benchmarks.figures import Watch, watched
from tests.benchmarks.instant import InstantGateway

GROUP = 256
"""Sections in one call to the store, as many as the committer puts there at most."""
PATIENCE_S = 60.0
SWITCH_INTERVAL_S = 0.0005
YOUNG_OBJECTS_MAX = 20_000
"""As in `run.py`: how many new objects the interpreter lets come before it looks for garbage."""

_GATEWAYS: "dict[int, dict[str, ReadyGateway]]" = {}
Books = dict[str, dict[str, VenueOrder]]
"""What rests at the instant venue: by account, then by the venue's id."""


class ReadyGateway(InstantGateway):
    """An instant venue whose stream is up as soon as it is opened, and which lists what rests there.

    Orders that may not rest (IOC) end at once.
    """

    def __init__(self, now_ms: Callable[[], int], account_id: str, resting: dict[str, VenueOrder]) -> None:
        super().__init__(now_ms)
        self._account_id = account_id
        self._resting = resting

    def open_stream(self, deliver: Callable[[StreamReport], object]) -> None:
        self.deliver = deliver
        deliver(
            StreamConnected(account_id=self._account_id, exchange="binance", connection=1, received_ms=self._now_ms())
        )

    def _answer(self, request: VenueRequest) -> CallReport:
        report = super()._answer(request)
        if isinstance(request, FetchOpenOrders) and isinstance(report, OpenOrdersFetched):
            return replace(report, orders=tuple(self._resting.values()), asked_venue_ms=self._now_ms())
        if isinstance(request, PlaceOrder) and isinstance(report, PlaceAccepted) and report.order is not None:
            if request.time_in_force is TimeInForce.IOC:
                ended = replace(report.order, status=PublicStatus.EXPIRED, venue_status="EXPIRED")
                return replace(report, order=ended)
            self._resting[report.venue_order_id] = report.order
        return report


def settings(accounts: int, durability: str = "everysec", url: str | None = None) -> Settings:
    return Settings.load(
        {
            "accounts": [{"id": str(number), "exchanges": {"binance": {}}} for number in range(accounts)],
            "paper": {"venues": ["binance"]},
            "redis": {"durability": durability, **({} if url is None else {"url": url})},
            "orderManagement": {
                "concurrencyControl": {"orderPlacement": {"maxQueueSize": 100_000, "queueTimeout": 600_000}}
            },
        },
        environ={},
    )


def prepared_oms(chosen: Settings, folder: Path, books: Books | None = None) -> Oms:
    """An order manager that is not started yet, whose venue answers within the call."""
    resting: Books = {} if books is None else books
    oms = Oms(chosen, switch_interval_s=SWITCH_INTERVAL_S, data_folder=folder)
    made = _GATEWAYS[id(oms)] = {}

    def gateway_of(account_id: str, _: str) -> ReadyGateway:
        made[account_id] = ReadyGateway(oms.runtime.now_ms, account_id, resting.setdefault(account_id, {}))
        return made[account_id]

    oms.runtime._gateway_of = gateway_of
    return oms


def gateways(oms: Oms) -> dict[str, ReadyGateway]:
    """The instant venues of an order manager, by account."""
    return _GATEWAYS[id(oms)]


@contextmanager
def running(oms: Oms) -> Iterator[Oms]:
    try:
        if not oms.start(PATIENCE_S):
            raise TimeoutError("the gates did not open")
        yield oms
    finally:
        oms.stop()


@contextmanager
def instant_oms(accounts: int, durability: str = "everysec") -> Iterator[Oms]:
    """A running order manager on an embedded server of its own."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running(prepared_oms(settings(accounts, durability), Path(folder))) as oms,
    ):
        yield oms


def orders(count: int, accounts: int, prefix: str, **terms: Any) -> list[SubmitOrder]:
    """Limit orders that differ in their request ids only, spread over the accounts in turn; they rest, unless IOC."""
    return [
        SubmitOrder(
            account_id=str(number % accounts), exchange="binance", symbol="BTC-USDT", side=Side.BUY,
            type=OrderType.LIMIT, size=Decimal("0.01"), price=Decimal(42500), request_id=f"{prefix}-{number}",
            **terms,
        )
        for number in range(count)
    ]  # fmt: skip


def carry_out(oms: Oms, commands: Sequence[AccountCommand], *, in_flight: int) -> Watch:
    """Send commands, at most so many unanswered, and wait for every reply; none may be a refusal."""
    with watched() as watch:
        futures = [oms.submit(command) for command in islice(commands, in_flight)]
        for number, command in enumerate(islice(commands, in_flight, None)):
            # Answers come nearly in the order of the commands, so waiting for the oldest one keeps the rest going.
            futures[number].result(PATIENCE_S)
            futures.append(oms.submit(command))
        replies = [future.result(PATIENCE_S) for future in futures]
    refused = [reply for reply in replies if isinstance(reply, Refused)]
    if refused:
        raise RuntimeError(f"{len(refused)} of {len(replies)} commands were refused, first: {refused[0].text}")
    return watch


def latencies_s(oms: Oms, commands: Sequence[AccountCommand], *, in_flight: int) -> list[float]:
    """Seconds from each command to its reply."""
    taken: list[float] = []

    class _Timed:
        submit = staticmethod(lambda command: _timed(oms, command, taken))

    carry_out(_Timed, commands, in_flight=in_flight)  # type: ignore[arg-type]
    return taken


def _timed(oms: Oms, command: AccountCommand, taken: list[float]) -> "Future[Reply]":
    begun = time.perf_counter()
    future = oms.submit(command)
    future.add_done_callback(lambda _: taken.append(time.perf_counter() - begun))
    return future


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
