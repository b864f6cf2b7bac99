"""The comparison of the public hashes with the orders that are open, on a server's data as they are and encrypted."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from redis import Redis

from actors import Oms
from actors.app.openhash import check_open_hashes
from actors.app.stored import check_stored
from actors.app.world import PaperWorld
from actors.store import keys
from messages import OrderPlaced, OrderType, Side, SubmitOrder

ACCOUNT = "drill-1"
DEADLINE_S = 20.0


def until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


@pytest.mark.parametrize("encrypted", [False, True])
def test_open_hash_that_agrees_passes_and_one_that_lacks_an_order_is_found(
    encrypted: bool, tmp_path: Path  # noqa: FBT001
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("5c" * 32, encoding="utf-8")
    privacy = {"encryptAtRest": True, "encryptionKeyFile": str(key_file)} if encrypted else {}
    with (
        PaperWorld("binance", (ACCOUNT,), seed=3) as world,
        Oms(
            world.settings("drill", {"privacy": privacy}, durability="everysec"), data_folder=tmp_path / "data"
        ) as oms,
    ):
        books = {ACCOUNT: oms.views(ACCOUNT)}
        placed = oms.submit(order()).result(DEADLINE_S)
        assert isinstance(placed, OrderPlaced)
        until("hash and views agree", lambda: check_open_hashes(oms, books) == [])
        assert check_stored(oms, books)[0] == []

        assert oms.runtime.server is not None
        exchange_id = oms.settings.exchanges.by_name()["binance"].id
        with Redis(unix_socket_path=str(oms.runtime.server.socket_path)) as server:
            name = keys.open_orders(ACCOUNT, exchange_id)
            ((field, raw),) = server.hgetall(name).items()
            server.hdel(name, field)

        assert (b"clientOrderId" in raw) is not encrypted
        venue_id = placed.view.order.order_id
        assert check_open_hashes(oms, books) == [f"the public hash of account {ACCOUNT} lacks order {venue_id}"]


def order() -> SubmitOrder:
    return SubmitOrder(
        account_id=ACCOUNT, exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal("42500.00"), request_id="r1",
    )  # fmt: skip
