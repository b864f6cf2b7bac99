"""ProjectX as a paper venue: bracket children, trailing stops, and the ids of orders and fills."""

from decimal import Decimal
from random import Random

import pytest
from test_paper_projectx_auth import ES, NQ, START_MS, TAG, Rig, read

from exchanges.paper.model import ScriptedFill
from messages.types import OrderType

LONG_BRACKETS = {"stopLossBracket": {"ticks": -20, "type": 4}, "takeProfitBracket": {"ticks": 40, "type": 1}}
SHORT_BRACKETS = {"stopLossBracket": {"ticks": 20, "type": 4}, "takeProfitBracket": {"ticks": -40, "type": 1}}


@pytest.fixture
def rig():
    return Rig()


def children(rig, parent_id):
    """Return stop and target of an entry."""
    listed = rig.call("Order/search", accountId=rig.account, startTimestamp="2020-01-01T00:00:00Z")["orders"]
    own = [order for order in listed if order["parentOrderId"] == parent_id]
    return sorted(own, key=lambda order: order["type"], reverse=True)


# ----- brackets


def test_bracket_children_wait_suspended_and_only_the_full_list_shows_them(rig):
    order_id = rig.placed(**LONG_BRACKETS)
    stop, target = children(rig, order_id)
    assert (stop["status"], stop["type"], stop["side"], stop["stopPrice"]) == (8, 4, 1, 5985)
    assert (target["status"], target["type"], target["side"], target["limitPrice"]) == (8, 1, 1, 6000)
    assert (stop["linkedOrderId"], target["linkedOrderId"]) == (target["id"], stop["id"])
    assert (stop["customTag"], target["customTag"]) == (None, None)
    shown = rig.call("Order/searchOpen", accountId=rig.account)["orders"]
    assert [order["id"] for order in shown] == [order_id]
    query = {"filter": {"accountId": rig.account, "statuses": [1, 6, 7, 8]}, "includeTotalCount": True}
    answer = rig.call("Order/v2/query", **query)
    assert {order["id"] for order in answer["orders"]} == {order_id, stop["id"], target["id"]}
    assert answer["totalCount"] == 3


def test_bracket_children_become_open_under_their_ids_when_the_entry_has_filled(rig):
    order_id = rig.placed(size=2, **LONG_BRACKETS)
    before = children(rig, order_id)
    rig.fill(order_id, "5990", 1)
    assert [child["status"] for child in children(rig, order_id)] == [8, 8]
    rig.fill(order_id, "5990", 1)
    stop, target = children(rig, order_id)
    assert [stop["id"], target["id"]] == [child["id"] for child in before]
    assert [(child["status"], child["size"]) for child in (stop, target)] == [(1, 2), (1, 2)]
    assert (stop["stopPrice"], target["limitPrice"]) == (5985, 6000)
    assert stop["creationTimestamp"] == before[0]["creationTimestamp"]
    assert len(rig.call("Order/searchOpen", accountId=rig.account)["orders"]) == 2


def test_bracket_of_a_market_order_stands_around_what_it_paid(rig):
    rig.rest("BUY", 1, "6001.25")
    order_id = rig.placed(type=2, side=1, **SHORT_BRACKETS)
    stop, target = children(rig, order_id)
    assert (stop["side"], stop["stopPrice"]) == (0, Decimal("6006.25"))
    assert (target["side"], target["limitPrice"]) == (0, Decimal("5991.25"))


def test_filled_target_cancels_the_stop(rig):
    order_id = rig.placed(**LONG_BRACKETS)
    rig.fill(order_id, "5990")
    stop, target = children(rig, order_id)
    rig.rest("BUY", 1, "6000")
    assert [child["status"] for child in children(rig, order_id)] == [3, 2]
    assert rig.cancel(stop["id"])["errorCode"] == 2
    assert rig.call("Trade/search", accountId=rig.account)["trades"][-1]["orderId"] == target["id"]


def test_cancelled_leg_cancels_its_peer(rig):
    order_id = rig.placed(**LONG_BRACKETS)
    rig.fill(order_id, "5990")
    stop, _ = children(rig, order_id)
    assert rig.cancel(stop["id"])["success"] is True
    assert [child["status"] for child in children(rig, order_id)] == [3, 3]


@pytest.mark.parametrize("which", [0, 1])
def test_cancelled_suspended_leg_cancels_its_peer_and_leaves_the_entry(rig, which):
    order_id = rig.placed(**LONG_BRACKETS)
    assert rig.modify(children(rig, order_id)[which]["id"], size=2)["errorCode"] == 3
    assert rig.cancel(children(rig, order_id)[which]["id"])["success"] is True
    assert [child["status"] for child in children(rig, order_id)] == [3, 3]
    assert rig.order(order_id)["status"] == 1
    rig.fill(order_id, "5990")
    assert [child["status"] for child in children(rig, order_id)] == [3, 3]


def test_cancelled_entry_removes_its_children(rig):
    order_id = rig.placed(**LONG_BRACKETS)
    rig.cancel(order_id)
    assert [child["status"] for child in children(rig, order_id)] == [3, 3]


def test_child_that_comes_too_late_is_rejected_and_its_peer_stands(rig):
    entry, other = rig.placed(**LONG_BRACKETS), rig.placed(limitPrice=5980)
    # Both fill before the venue comes to the children; by then the stop would be above the market.
    fills = [ScriptedFill(entry // 2, Decimal(5990), Decimal(1)), ScriptedFill(other // 2, Decimal(5980), Decimal(1))]
    rig.publish(rig.engine.execute_many(fills, rig.now_ms)[0])
    assert [child["status"] for child in children(rig, entry)] == [5, 1]
    assert [event["status"] for event in rig.events() if event["parentOrderId"] == entry] == [8, 8, 5, 1]


@pytest.mark.parametrize(
    "brackets",
    [
        SHORT_BRACKETS,
        {"stopLossBracket": {"ticks": -3, "type": 4}},
        {"stopLossBracket": {"ticks": -8, "type": 1}},
        {"takeProfitBracket": {"ticks": 8, "type": 4}},
        {"takeProfitBracket": {"ticks": -8, "type": 1}},
    ],
)
def test_bracket_of_a_wrong_sign_distance_or_type_is_rejected(rig, brackets):
    assert rig.place(**brackets)["errorCode"] == 2


def test_bracket_under_position_brackets_is_refused_although_an_id_is_returned(rig):
    rig.dialect.users.account("alice").auto_oco = False
    answer = rig.place(**LONG_BRACKETS)
    assert (answer["success"], answer["errorCode"]) == (False, 2)
    assert rig.order(answer["orderId"])["status"] == 5
    assert children(rig, answer["orderId"]) == []
    rig.placed()


# ----- trailing stops


def test_trailing_stop_takes_a_level_and_shows_a_distance(rig):
    order = rig.order(rig.placed(type=5, side=1, trailPrice=5994.9))
    assert (order["type"], order["trailDistance"], order["trailPrice"]) == (5, 20, 5)
    assert (order["stopPrice"], order["status"]) == (None, 1)


@pytest.mark.parametrize(("side", "level"), [(1, 6000), (1, 6005), (0, 5995), (1, 5749.75), (1, 5999.9)])
def test_trailing_stop_on_the_wrong_side_or_too_far_is_rejected(rig, side, level):
    assert rig.place(type=5, side=side, trailPrice=level)["errorCode"] == 2


def test_trailing_stop_a_thousand_ticks_away_is_accepted(rig):
    assert rig.order(rig.placed(type=5, side=1, trailPrice=5750))["trailDistance"] == 1000


def test_trailing_stop_follows_the_price_up_and_triggers_on_the_way_down(rig):
    order_id = rig.placed(type=5, side=1, trailPrice=5995)
    for price in ("6010", "6006"):
        rig.rest("SELL", 1, price)
        rig.placed(limitPrice=float(price))
    assert rig.order(order_id)["status"] == 1
    rig.rest("BUY", 3, "6005")
    rig.placed(side=1, limitPrice=6005)
    order = rig.order(order_id)
    assert (order["status"], order["filledPrice"]) == (2, 6005)


def test_trailing_stop_modified_takes_a_level_again_without_a_cap(rig):
    order_id = rig.placed(type=5, side=1, trailPrice=5995)
    assert rig.modify(order_id, trailPrice=5000.1)["success"] is True
    assert rig.order(order_id)["trailDistance"] == 3999
    assert rig.modify(order_id, trailPrice=6000)["errorCode"] == 3
    assert rig.modify(order_id, stopPrice=5990)["errorCode"] == 3


# ----- ids


def test_ids_of_orders_are_even_for_the_engines_and_lead_back(rig):
    ids = [rig.placed() for _ in range(3)]
    assert [rig.dialect.venue_order_id(number) for number in rig.engine.truth.orders] == [str(one) for one in ids]
    assert [one // 2 for one in ids] == list(rig.engine.truth.orders)


def test_number_that_the_engine_gave_a_child_is_no_id_of_the_venue(rig):
    entry = rig.placed(**LONG_BRACKETS)
    rig.fill(entry, "5990")
    stop, _ = children(rig, entry)
    number = next(one for one in rig.engine.truth.orders if rig.dialect.venue_order_id(one) == str(stop["id"]))
    assert rig.call("Order/searchById", accountId=rig.account, orderId=2 * number)["errorCode"] == 1
    assert rig.cancel(2 * number)["errorCode"] == 2
    assert rig.order(stop["id"])["status"] == 1


def test_ids_of_both_sides_of_one_trade_differ(rig):
    rig.rest("SELL", 1, "6000")
    rig.placed(type=2)
    maker, taker = rig.engine.truth.executions
    assert maker.trade_id == taker.trade_id
    assert rig.dialect.fill_id(maker) != rig.dialect.fill_id(taker)


def test_ids_of_fills_are_unique_over_contracts_and_sides(rig):
    for contract, price in ((ES, 5990), (NQ, 20_000)):
        for side in (0, 1):
            rig.fill(rig.placed(contractId=contract, side=side, limitPrice=price), str(price))
    trades = rig.call("Trade/search", accountId=rig.account)["trades"]
    ids = [str(trade["id"]) for trade in trades]
    assert len(set(ids)) == 4
    assert set(ids) == {rig.dialect.fill_id(execution) for execution in rig.engine.truth.executions}


def test_venue_charges_by_the_contract_in_its_quote_currency(rig):
    rig.fill(rig.placed(size=2), "5990", 2)
    trade = read(rig.send("/api/Trade/search", {"accountId": rig.account}).body)["trades"][0]
    assert (trade["fees"], trade["size"]) == (Decimal("2.8"), 2)


def test_engine_is_asked_for_the_types_that_stand_behind_the_venues(rig):
    rig.placed(type=5, side=1, trailPrice=5995, customTag=TAG)
    assert rig.engine.find("alice", ES, TAG).type is OrderType.STOP_MARKET
    assert rig.engine.find("alice", ES, TAG).created_ms == START_MS


@pytest.mark.parametrize("seed", range(8))
def test_trades_positions_and_balance_agree_after_any_trading(rig, seed):
    random = Random(seed)
    known = []
    for _ in range(150):
        rig.now_ms += random.randint(0, 2000)
        side, contract = random.choice((0, 1)), random.choice((ES, NQ))
        last = rig.engine.last_price(contract)
        away = random.randint(-12, 12) * Decimal("0.25") * (1 - 2 * side)
        rig.rest(random.choice(("BUY", "SELL")), random.randint(1, 3), str(last + away), contract)
        brackets = random.choice(({}, LONG_BRACKETS, SHORT_BRACKETS))
        kind = random.choice((1, 2, 4, 5, 6, 7))
        price = {1: "limitPrice", 4: "stopPrice", 5: "trailPrice"}.get(kind)
        terms = {price: float(last - away)} if price else {}
        known.append(
            rig.place(contractId=contract, side=side, type=kind, size=random.randint(1, 4), **terms, **brackets)
        )
        named = random.choice(known)["orderId"]
        random.choice((rig.cancel, lambda order_id: rig.modify(order_id, size=5), rig.order))(named)
    trades = rig.call("Trade/search", accountId=rig.account)["trades"]
    assert trades
    shown = {one["contractId"]: one for one in rig.call("Position/searchOpen", accountId=rig.account)["positions"]}
    for contract in (ES, NQ):
        net = rig.engine.net("alice", contract)
        position = shown.get(contract, {"size": 0, "type": 1})
        assert position["size"] * (3 - 2 * position["type"]) == net
        assert not net or position["averagePrice"] == round(rig.engine.entry_price("alice", contract), 9)
    earned = sum((trade["profitAndLoss"] or Decimal(0)) - trade["fees"] for trade in trades)
    balance = rig.call("Account/search", onlyActiveAccounts=True)["accounts"][0]["balance"]
    assert abs(balance - 10_000_000 - earned) < Decimal("0.000001")
    listed = rig.call("Order/search", accountId=rig.account, startTimestamp="2020-01-01T00:00:00Z")["orders"]
    filled = {order["id"]: order["fillVolume"] for order in listed}
    assert sum(filled.values()) == sum(trade["size"] for trade in trades)
    assert all(trade["orderId"] in filled for trade in trades)
    assert len(filled) == len(listed)
