"""The whole order manager over encrypted records: switched on and off, restarted, rotated, checked, tampered with."""

import time
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from actors import Oms
from actors.app.checking import CheckResult, run_check
from actors.app.stored import check_stored
from actors.app.world import PaperWorld
from actors.errors import EncryptionKeyMissing
from actors.settings import Settings
from actors.store.cipher import Keyring
from actors.store.embedded import EmbeddedServer
from actors.store.keys import Keys
from actors.store.port import Table
from messages import Alert, OrderType, Side, SubmitOrder

ACCOUNT = "ann"
DEPLOYMENT = "sealed"
OLD, NEW = b"o" * 32, b"n" * 32
OLD_ID = Keyring([OLD]).current
PRICE = "41234.56"


@pytest.fixture
def world() -> Iterator[PaperWorld]:
    """A venue at which nothing fills by itself."""
    with PaperWorld("binance", (ACCOUNT,), seed=5, scripted=True) as running:
        yield running


class Desk:
    """One data folder, and order managers on it, each with keys of its own."""

    def __init__(self, world: PaperWorld, folder: Path) -> None:
        self._world = world
        self.folder = folder / "data"
        self._key_file = folder / "keys"

    def settings(self, *keys: bytes, encrypt: bool) -> Settings:
        privacy: dict[str, Any] = {"encryptAtRest": encrypt}
        if keys:
            self._key_file.write_text("\n".join(b64encode(key).decode() for key in keys))
            privacy["encryptionKeyFile"] = str(self._key_file)
        return self._world.settings(DEPLOYMENT, {"privacy": privacy}, durability="everysec")

    def oms(self, *keys: bytes, encrypt: bool = True) -> Oms:
        return Oms(self.settings(*keys, encrypt=encrypt), data_folder=self.folder)

    def check(self, *keys: bytes) -> CheckResult:
        return run_check(self.settings(*keys, encrypt=False), self.folder)

    def stored(self) -> bytes:
        """What the server has written to disk."""
        return b"".join(path.read_bytes() for path in sorted((self.folder / "appendonlydir").iterdir()))


@pytest.fixture
def desk(world: PaperWorld, tmp_path: Path) -> Desk:
    return Desk(world, tmp_path)


def place(oms: Oms, request_id: str, price: str = PRICE) -> None:
    order = SubmitOrder(
        account_id=ACCOUNT, exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal(price), request_id=request_id,
    )  # fmt: skip
    oms.ask(order)


def known(oms: Oms) -> int:
    return len(oms.views(ACCOUNT).orders)


def test_order_manager_with_a_key_leaves_nothing_readable_and_knows_its_orders_again(desk: Desk) -> None:
    with desk.oms(OLD) as oms:
        place(oms, "one")
        assert check_stored(oms, [ACCOUNT])[0] == []
        events = list(oms.events(ACCOUNT))

    written = desk.stored()
    assert b"account:ann:orders" in written
    assert [word for word in (PRICE, "SUBMITTED", '"symbol"', '"side"') if word.encode() in written] == []
    with desk.oms(OLD) as oms:
        assert known(oms) == 1
        place(oms, "one")
        assert known(oms) == 1
        assert list(oms.events(ACCOUNT))[: len(events)] == events


def test_order_manager_with_a_wrong_key_or_none_does_not_start_and_the_right_one_does_after_it(desk: Desk) -> None:
    with desk.oms(OLD) as oms:
        place(oms, "wrong")

    for start in (lambda: desk.oms(NEW).start(), lambda: desk.oms(encrypt=False).start(), desk.check):
        with pytest.raises(EncryptionKeyMissing, match=f"under key {OLD_ID}"):
            start()
    with desk.oms(OLD) as oms:
        assert known(oms) == 1


def test_order_manager_through_all_changes_of_keys_keeps_every_order(desk: Desk) -> None:
    stages: list[tuple[tuple[bytes, ...], bool]] = [
        ((), False),
        ((OLD,), True),
        ((NEW, OLD), True),
        ((NEW,), True),
        ((NEW,), False),
        ((), False),
    ]
    for number, (keys, encrypt) in enumerate(stages):
        with desk.oms(*keys, encrypt=encrypt) as oms:
            assert known(oms) == number
            place(oms, f"change-{number}", f"4100{number}.00")

    result = desk.check()
    assert result.differences == []
    assert [account.orders for account in result.accounts] == [len(stages)]


def test_order_manager_whose_record_was_tampered_with_keeps_the_account_out_of_service(desk: Desk) -> None:
    with desk.oms(OLD) as oms:
        place(oms, "tampered")
    key = Keys(DEPLOYMENT, 1).records(ACCOUNT, Table.ORDERS)
    with EmbeddedServer(desk.folder) as server, Redis(unix_socket_path=str(server.socket_path)) as redis:
        ((field, value),) = redis.hgetall(key).items()
        changed = value[:-1] + bytes([value[-1] ^ 1])
        redis.hset(key, field, changed)

    alerts: list[Alert] = []
    oms = desk.oms(OLD)
    oms.subscribe(alerts.append, Alert)  # type: ignore[arg-type]
    assert not oms.start(ready_timeout_s=0.0)
    deadline = time.monotonic() + 20.0
    while not any(alert.name == "AccountNotLoaded" for alert in list(alerts)):
        assert time.monotonic() < deadline, "nobody was told"
        time.sleep(0.01)
    in_service = oms.views(ACCOUNT).in_service
    oms.stop()

    assert not in_service
    assert any(f"SealBroken: orders '{field.decode()}' of account {ACCOUNT}" in alert.text for alert in alerts)
    (problem,) = desk.check(OLD).differences
    assert "its records cannot be read" in problem
    with EmbeddedServer(desk.folder) as server, Redis(unix_socket_path=str(server.socket_path)) as redis:
        assert redis.hgetall(key) == {field: changed}
