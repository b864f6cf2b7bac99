"""What queries see under delayed visibility and stale lists."""

from decimal import Decimal

import pytest

from exchanges.paper.visibility import Visibility


@pytest.fixture
def seen(desk):
    visibility = Visibility(desk.engine)

    def act(events):
        visibility.observe(events)
        return desk.now_ms

    return visibility, act


def ids(lens, account="alice"):
    return [order.client_order_id for order in lens.open_orders(account, None)]


def test_hidden_order_is_shown_again_when_its_time_has_come(desk, seen):
    visibility, act = seen
    act(desk.place("BUY", "1", "50000", client_order_id="a"))
    order = desk.engine.find("alice", "BTC-USDT", "a")
    visibility.hide(order.order_id, desk.now_ms + 100)
    assert ids(visibility.lens(desk.now_ms + 99)) == []
    assert not visibility.lens(desk.now_ms + 99).shows(order.order_id)
    assert ids(visibility.lens(desk.now_ms + 100)) == ["a"]


def test_stale_list_shows_orders_as_they_were(desk, seen):
    visibility, act = seen
    act(desk.place("BUY", "2", "50000", client_order_id="gone"))
    act(desk.place("BUY", "2", "50000", client_order_id="partly"))
    before = desk.now_ms
    gone, partly = (desk.engine.find("alice", "BTC-USDT", name) for name in ("gone", "partly"))
    act(desk.engine.cancel("alice", gone.order_id, desk.tick()))
    act(desk.engine.execute(partly.order_id, Decimal(50000), Decimal(1), desk.tick()))
    act(desk.place("BUY", "1", "50000", client_order_id="new"))
    stale = visibility.lens(desk.now_ms, desk.now_ms - before)
    assert ids(stale) == ["gone", "partly"]
    assert all(order.is_open and order.filled_size == 0 for order in stale.open_orders("alice", None))
    assert ids(visibility.lens(desk.now_ms)) == ["partly", "new"]


def test_stale_list_of_one_account_never_shows_another(desk, seen):
    visibility, act = seen
    act(desk.place("BUY", "1", "50000", client_order_id="a"))
    before = desk.now_ms
    act(desk.place("BUY", "1", "50000", client_order_id="b", account="bob"))
    bobs = desk.engine.find("bob", "BTC-USDT", "b")
    act(desk.engine.cancel("bob", bobs.order_id, desk.tick()))
    assert ids(visibility.lens(desk.now_ms, desk.now_ms - before)) == ["a"]
