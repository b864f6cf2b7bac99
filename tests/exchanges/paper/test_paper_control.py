"""The control port's commands for many orders at once, and what it tells of the instruments."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from exchanges.paper.client import ControlClient, ControlError
from messages.types import Side

TERMS = {"symbol": "BTC-USDT", "side": Side.BUY, "size": Decimal("0.01"), "price": Decimal(50000)}


def test_placing_many_by_hand_makes_one_order_for_each_id(user: Any, control: ControlClient) -> None:
    account = user.credentials["account"]
    ids = [f"many-{account}-{number}" for number in range(30)]
    placed = control.place_many(account, ids, **TERMS)

    assert [row["clientOrderId"] for row in placed] == ids
    assert len({row["orderId"] for row in placed}) == 30
    assert {(row["status"], row["size"], row["price"]) for row in placed} == {("OPEN", "0.01", "50000")}
    assert control.orders(account=account, open=True) == placed


def test_placing_many_by_hand_beyond_the_funds_is_refused(user: Any, control: ControlClient) -> None:
    account = user.credentials["account"]
    with pytest.raises(ControlError, match="insufficient_funds"):
        control.place_many(account, ["a", "b"], **(TERMS | {"size": Decimal(15)}))
    assert [row["clientOrderId"] for row in control.orders(account=account)] == ["a"]


def test_cancelling_all_of_an_account_leaves_the_others(
    new_user: Callable[[], Any], control: ControlClient
) -> None:
    mine, other = (new_user().credentials["account"] for _ in range(2))
    control.place_many(mine, ["a", "b"], **TERMS)
    control.place_many(other, ["c"], **TERMS)

    assert control.cancel_all(mine) == 2
    assert control.orders(account=mine, open=True) == []
    assert [row["clientOrderId"] for row in control.orders(account=other, open=True)] == ["c"]
    assert control.cancel_all(mine) == 0


def test_instruments_by_the_control_port_are_the_catalogues(control: ControlClient) -> None:
    rules = {one["symbol"]: one for one in control.instruments()}

    assert rules.keys() == {"BTC-USDT", "ETH-USDT", "BTC-USD"}
    assert (rules["BTC-USDT"]["venue_symbol"], rules["BTC-USDT"]["tick_size"]) == ("BTCUSDT", "0.01")


def test_records_of_orders_tell_quote_size_post_only_and_end_of_life(user: Any, control: ControlClient) -> None:
    account = user.credentials["account"]
    (row,) = control.place_many(account, ["a"], **TERMS)

    assert (row["quoteSize"], row["postOnly"], row["expiresMs"]) == (None, False, None)
