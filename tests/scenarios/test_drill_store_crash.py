"""The store's server is killed under a trading order manager, over real sockets, with `fsync`."""

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from actors import Oms
from actors.app.audit import audit
from actors.app.openhash import check_open_hashes
from actors.app.world import PaperWorld
from messages import Alert, CancelDone, CancelOrder, OrderPlaced, OrderType, RefusalCode, Refused, Side, SubmitOrder
from messages.types import OrderState

ACCOUNT = "drill-1"
OTHER = "drill-2"
DEADLINE_S = 30.0


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


def order(number: int, account: str = ACCOUNT) -> SubmitOrder:
    return SubmitOrder(
        account_id=account, exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal("42500.00"), request_id=f"r{number}", allow_duplicate=True,
    )  # fmt: skip


@pytest.fixture
def world() -> Iterator[PaperWorld]:
    with PaperWorld("binance", (ACCOUNT, OTHER), seed=3) as world:
        yield world


@pytest.fixture
def oms(world: PaperWorld, tmp_path: Path) -> Iterator[Oms]:
    with Oms(world.settings("drill", {}, durability="fsync"), data_folder=tmp_path) as oms:
        yield oms


class HeldServer:
    """Keeps the embedded server from being started again until released."""

    def __init__(self, oms: Oms) -> None:
        server = oms.runtime.server
        assert server is not None
        self._server = server
        self._start = server.start
        self._released = threading.Event()
        rim = oms.runtime._rim
        assert rim is not None
        rim._revive = self._revive  # type: ignore[assignment]

    def kill(self) -> None:
        self._server.kill()

    def release(self) -> None:
        self._released.set()

    def _revive(self) -> None:
        if self._released.is_set():
            self._start()


def test_store_killed_while_trading_loses_nothing_and_returns_by_itself(oms: Oms, world: PaperWorld) -> None:
    alerts: list[str] = []
    oms.subscribe(lambda alert: alerts.append(alert.name), Alert)
    resting = oms.submit(order(0)).result(DEADLINE_S)
    assert isinstance(resting, OrderPlaced)
    server = HeldServer(oms)

    server.kill()
    # The loss is noticed at the next write; what was offered before that waits for its commit.
    waiting = {(ACCOUNT, f"r{number}"): oms.submit(order(number)) for number in range(1, 4)}
    wait_until("the loss is noticed", lambda: "StoreUnavailable" in alerts)
    refused = oms.submit(order(99, OTHER)).result(DEADLINE_S)
    cancelling = oms.submit(CancelOrder(account_id=ACCOUNT, order_id=resting.view.local_id))
    cancelled = lambda: world.control.orders(account=ACCOUNT)[0]["status"] == "CANCELLED"  # noqa: E731
    wait_until("the cancel has left although the store is away", cancelled)

    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.STORE_UNAVAILABLE
    assert len(world.record().orders) == 1, "nothing was sent without a durable intent"

    server.release()
    wait_until("the store is back", lambda: "StoreAvailable" in alerts)
    replies = {key: future.result(DEADLINE_S) for key, future in waiting.items()}
    again = oms.submit(order(99, OTHER)).result(DEADLINE_S)
    done = cancelling.result(DEADLINE_S)

    books = {account: oms.views(account) for account in world.accounts}
    asked = {(ACCOUNT, "r0"): resting, (OTHER, "r99"): again, **replies}
    wait_until("the books agree with the venue", lambda: not audit(asked, books, world.record()).violations)
    assert isinstance(again, OrderPlaced)
    assert isinstance(done, CancelDone)
    assert done.view.state is OrderState.CANCELLED
    assert check_open_hashes(oms, books) == []
    assert all(isinstance(reply, OrderPlaced) for reply in replies.values())
