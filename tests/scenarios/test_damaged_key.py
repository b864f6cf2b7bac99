"""One account's key is overwritten by another program: only that account stops, and it comes back once repaired."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import redis

from actors import Oms
from actors.app.world import PaperWorld
from messages import OrderPlaced, OrderType, Side, SubmitOrder
from messages.events import Alert
from messages.queries import Reply

HIT, OTHER = "drill-1", "drill-2"
DEADLINE_S = 20.0


def test_account_with_a_damaged_key_stops_alone_and_returns_once_it_is_repaired(tmp_path: Path) -> None:
    alerts: list[Alert] = []
    with (
        PaperWorld("binance", (HIT, OTHER), seed=3) as world,
        Oms(world.settings("drill", {}, durability="everysec"), data_folder=tmp_path) as oms,
    ):
        oms.subscribe(alerts.append, Alert)  # type: ignore[arg-type]
        assert isinstance(offer(oms, HIT, "before"), OrderPlaced)
        assert oms.runtime.server is not None
        with redis.Redis.from_url(oms.runtime.server.url) as other_program:
            (key,) = other_program.keys(f"*:account:{HIT}:orders")
            records = other_program.dump(key)
            other_program.set(key, "somebody else's")

            oms.submit(order(HIT, "meanwhile"))
            until(lambda: {"AccountFenced", "AccountNotLoaded"} <= {alert.name for alert in alerts})
            assert isinstance(offer(oms, OTHER, "meanwhile"), OrderPlaced)

            other_program.restore(key, 0, records, replace=True)
            until(lambda: isinstance(offer(oms, HIT, "after"), OrderPlaced))

        venue_orders = [row["clientOrderId"] for row in world.control.orders(account=HIT)]
    assert len(venue_orders) == 2
    assert {alert.account_id for alert in alerts if alert.name in ("AccountFenced", "AccountNotLoaded")} == {HIT}
    assert any("WRONGTYPE" in alert.text and ":orders" in alert.text for alert in alerts)
    assert not any(alert.name == "StoreUnavailable" for alert in alerts)


def order(account_id: str, request_id: str) -> SubmitOrder:
    return SubmitOrder(
        account_id=account_id, exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal("42500.00"), request_id=request_id, allow_duplicate=True,
    )  # fmt: skip


def offer(oms: Oms, account_id: str, request_id: str) -> Reply:
    return oms.submit(order(account_id, request_id)).result(DEADLINE_S)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
