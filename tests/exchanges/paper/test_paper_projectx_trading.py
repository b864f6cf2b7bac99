"""ProjectX as a paper venue: placing, tags, cancelling, modifying, closing positions."""

from decimal import Decimal

import pytest
from test_paper_projectx_auth import ES, NQ, TAG, Rig


@pytest.fixture
def rig():
    return Rig()


def go_long(rig, size=2, price="6000"):
    rig.rest("SELL", size, price)
    return rig.placed(type=2, size=size)


# ----- placing


def test_limit_order_rests_and_shows_every_documented_field(rig):
    order_id = rig.placed(customTag=TAG, size=3, limitPrice=5990.25)
    order = rig.order(order_id)
    assert order == {
        "id": order_id,
        "accountId": rig.account,
        "contractId": ES,
        "symbolId": "F.US.EP",
        "creationTimestamp": "2026-11-18T11:06:40+00:00",
        "updateTimestamp": "2026-11-18T11:06:40+00:00",
        "status": 1,
        "type": 1,
        "side": 0,
        "size": 3,
        "limitPrice": Decimal("5990.25"),
        "stopPrice": None,
        "fillVolume": 0,
        "filledPrice": None,
        "customTag": TAG,
        "trailDistance": None,
        "trailPrice": None,
        "parentOrderId": None,
        "linkedOrderId": None,
    }


def test_answers_show_prices_with_the_zeros_of_the_venues_tables(rig):
    order_id = rig.placed(limitPrice=5990.25)
    rig.fill(order_id, "5990.25")
    body = rig.send("/api/Order/searchById", {"accountId": rig.account, "orderId": order_id}).body
    assert b'"filledPrice":5990.250000000' in body
    trade = rig.send("/api/Trade/search", {"accountId": rig.account}).body
    assert b'"price":5990.250000000' in trade
    assert b'"fees":1.4000' in trade


def test_market_order_fills_at_what_rests(rig):
    rig.rest("SELL", 1, "6000.25")
    rig.rest("SELL", 2, "6000.75")
    order = rig.order(rig.placed(type=2, size=3))
    assert (order["status"], order["fillVolume"], order["type"]) == (2, 3, 2)
    assert order["filledPrice"] == Decimal("6000.583333333")


def test_market_order_that_finds_too_little_is_cancelled_with_what_it_got(rig):
    rig.rest("SELL", 1, "6000.25")
    order = rig.order(rig.placed(type=2, size=3))
    assert (order["status"], order["fillVolume"]) == (3, 1)


def test_stop_order_waits_for_its_price(rig):
    order_id = rig.placed(type=4, side=1, stopPrice=5990)
    assert (rig.order(order_id)["status"], rig.order(order_id)["stopPrice"]) == (1, 5990)
    rig.rest("BUY", 2, "5989")
    rig.placed(side=1, limitPrice=5989)
    assert rig.order(order_id)["status"] == 2


@pytest.mark.parametrize(("kind", "side", "price"), [(6, 0, "5999.5"), (7, 1, "6000.5")])
def test_joining_order_rests_at_the_best_price_of_its_side(rig, kind, side, price):
    rig.rest("BUY", 1, "5999.5")
    rig.rest("SELL", 1, "6000.5")
    order = rig.order(rig.placed(type=kind, side=side))
    assert (order["type"], order["status"], order["limitPrice"]) == (kind, 1, Decimal(price))


def test_sell_order_opens_a_short_position(rig):
    order_id = rig.placed(side=1, limitPrice=6010, size=2)
    assert rig.order(order_id)["side"] == 1
    rig.fill(order_id, "6010", 2)
    position = rig.call("Position/searchOpen", accountId=rig.account)["positions"][0]
    assert (position["type"], position["size"], position["averagePrice"]) == (2, 2, 6010)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"accountId": 1}, 1),
        ({"contractId": "CON.F.US.EP.U25"}, 8),
        ({"type": 3, "limitPrice": 5990, "stopPrice": 5995}, 2),
        ({"type": 0}, 2),
        ({"type": 9}, 2),
        ({"side": 2}, 2),
        ({"limitPrice": None}, 2),
        ({"stopPrice": 5980}, 2),
        ({"type": 2, "limitPrice": 5990}, 2),
        ({"type": 4, "side": 1, "stopPrice": 6010}, 2),
        ({"limitPrice": 5990.1}, 2),
        ({"size": 0}, 2),
        ({"size": -1}, 2),
        ({"size": 1001}, 2),
        ({"size": 1000, "limitPrice": 20_000}, 3),
    ],
)
def test_placement_that_does_not_fit_is_refused_with_its_code(rig, changes, code):
    answer = rig.place(**changes)
    assert (answer["success"], answer["errorCode"], answer["errorMessage"]) == (False, code, None)
    assert rig.call("Order/searchOpen", accountId=rig.account)["orders"] == []


def test_placement_out_of_hours_is_refused(rig):
    rig.engine.close_market(closed=True)
    assert rig.place()["errorCode"] == 5


def test_placement_on_a_locked_account_is_a_violation(rig):
    rig.dialect.users.account("alice").can_trade = False
    assert rig.place()["errorCode"] == 4
    assert rig.call("Account/search", onlyActiveAccounts=True)["accounts"] == []
    assert rig.call("Account/search", onlyActiveAccounts=False)["accounts"][0]["canTrade"] is False


@pytest.mark.parametrize(
    "changes",
    [
        *({"linkedOrderId": None}, {"size": "1"}, {"size": 1.0}, {"limitPrice": "5990"}, {"contractId": None}),
        *({"stopLossBracket": []}, {"stopLossBracket": {"ticks": -8}}, {"customTag": 5}, {"limitPrice": 10**30}),
    ],
)
def test_placement_that_does_not_bind_is_a_bad_request(rig, changes):
    body = {"accountId": rig.account, "contractId": ES, "type": 1, "side": 0, "size": 1, "limitPrice": 5990}
    assert rig.send("/api/Order/place", body | changes).status == 400


def test_rejected_order_exists_under_the_id_that_its_answer_carries(rig):
    answer = rig.place(limitPrice=5990.1, customTag=TAG)
    order = rig.order(answer["orderId"])
    assert (order["status"], order["customTag"], order["fillVolume"]) == (5, TAG, 0)
    assert [event["status"] for event in rig.events()] == [5]


# ----- tags


def test_used_tag_is_refused_with_words_and_places_nothing(rig):
    first = rig.placed(customTag=TAG)
    answer = rig.place(customTag=TAG, limitPrice=5980)
    assert (answer["success"], answer["errorCode"], answer["orderId"]) == (False, 2, 0)
    assert "custom tag already in use" in answer["errorMessage"]
    assert [order["id"] for order in rig.call("Order/searchOpen", accountId=rig.account)["orders"]] == [first]


def test_tag_stays_used_after_the_end_and_on_other_contracts(rig):
    rig.cancel(rig.placed(customTag=TAG))
    assert "in use" in rig.place(customTag=TAG)["errorMessage"]
    assert "in use" in rig.place(customTag=TAG, contractId=NQ, limitPrice=20_000)["errorMessage"]


def test_tag_of_a_rejected_order_stays_used(rig):
    assert rig.place(customTag=TAG, limitPrice=5990.1)["errorMessage"] is None
    assert "in use" in rig.place(customTag=TAG)["errorMessage"]


def test_tag_of_an_order_that_never_came_to_be_is_free(rig):
    assert rig.place(customTag=TAG, contractId="CON.F.US.EP.U25")["errorCode"] == 8
    rig.placed(customTag=TAG)


def test_tag_belongs_to_one_account(rig):
    rig.placed(customTag=TAG)
    other = rig.dialect.add_keys("maker", 7)
    rig.token = rig.log_in(userName=other["userName"], apiKey=other["apiKey"])["token"]
    rig.placed(customTag=TAG, accountId=int(other["accountNumber"]))


def test_orders_without_a_tag_are_not_duplicates_of_each_other(rig):
    ids = {rig.placed() for _ in range(3)}
    assert len(ids) == 3
    assert {rig.order(order_id)["customTag"] for order_id in ids} == {None}


# ----- cancelling


def test_cancel_ends_an_order_and_a_second_one_finds_none(rig):
    order_id = rig.placed()
    answer = rig.cancel(order_id)
    assert answer == {"success": True, "errorCode": 0, "errorMessage": None}
    assert rig.order(order_id)["status"] == 3
    assert rig.cancel(order_id)["errorCode"] == 2


def test_cancel_keeps_what_was_filled(rig):
    order_id = rig.placed(size=3)
    rig.fill(order_id, "5990", 2)
    rig.cancel(order_id)
    assert [rig.order(order_id)[name] for name in ("status", "fillVolume", "size")] == [3, 2, 3]


@pytest.mark.parametrize("order_id", [0, -2, 7, 10**15, 2**62])
def test_cancel_of_an_unknown_order_is_not_found(rig, order_id):
    rig.placed()
    assert rig.cancel(order_id)["errorCode"] == 2


def test_cancel_on_an_unknown_account_is_refused(rig):
    answer = rig.call("Order/cancel", accountId=1, orderId=rig.placed())
    assert answer["errorCode"] == 1


# ----- modifying


def test_modify_changes_size_and_price_and_keeps_id_and_tag(rig):
    order_id = rig.placed(customTag=TAG, size=2)
    assert rig.modify(order_id, size=5, limitPrice=5985.5, stopPrice=None, trailPrice=None)["success"] is True
    order = rig.order(order_id)
    assert [order[name] for name in ("size", "limitPrice", "customTag", "status")] == [5, Decimal("5985.5"), TAG, 1]


def test_modify_without_a_price_leaves_the_price(rig):
    order_id = rig.placed(size=2)
    rig.modify(order_id, size=1)
    assert [rig.order(order_id)[name] for name in ("size", "limitPrice")] == [1, 5990]


def test_modify_moves_the_price_of_a_stop(rig):
    order_id = rig.placed(type=4, side=1, stopPrice=5990)
    assert rig.modify(order_id, stopPrice=5980.25)["success"] is True
    assert rig.order(order_id)["stopPrice"] == Decimal("5980.25")


@pytest.mark.parametrize(
    "changes", [{}, {"stopPrice": 5990}, {"trailPrice": 5980}, {"limitPrice": 5990.1}, {"size": 0}, {"size": 1}]
)
def test_modify_that_does_not_fit_is_rejected_and_changes_nothing(rig, changes):
    order_id = rig.placed(size=3)
    rig.fill(order_id, "5990", 1)
    before = rig.order(order_id)
    assert rig.modify(order_id, **changes)["errorCode"] == 3
    assert rig.order(order_id) == before


def test_modify_of_an_ended_order_is_not_found(rig):
    order_id = rig.placed()
    rig.cancel(order_id)
    assert rig.modify(order_id, size=2)["errorCode"] == 2


def test_modify_to_the_same_terms_succeeds(rig):
    assert rig.modify(rig.placed(), limitPrice=5990)["success"] is True


# ----- positions


def test_position_of_several_fills_has_their_average_price(rig):
    order_id = rig.placed(size=3, limitPrice=6001)
    rig.fill(order_id, "6000", 1)
    rig.fill(order_id, "6000.75", 2)
    (position,) = rig.call("Position/searchOpen", accountId=rig.account)["positions"]
    assert (position["type"], position["size"], position["averagePrice"]) == (1, 3, Decimal("6000.5"))
    assert position["contractId"] == ES


def test_close_sells_the_whole_position_without_a_tag_and_leaves_orders(rig):
    go_long(rig)
    protection = rig.placed(type=4, side=1, stopPrice=5950)
    rig.rest("BUY", 5, "5999")
    answer = rig.call("Position/closeContract", accountId=rig.account, contractId=ES)
    assert answer == {"success": True, "errorCode": 0, "errorMessage": None}
    assert rig.call("Position/searchOpen", accountId=rig.account)["positions"] == []
    assert rig.order(protection)["status"] == 1
    listed = rig.call("Order/search", accountId=rig.account, startTimestamp="2020-01-01T00:00:00Z")["orders"]
    assert [order["customTag"] for order in listed if order["side"] == 1 and order["type"] == 2] == [None]
    assert rig.call("Position/closeContract", accountId=rig.account, contractId=ES)["errorCode"] == 2


def test_partial_close_sells_as_much_as_it_says(rig):
    go_long(rig, 3)
    rig.rest("BUY", 5, "5999")
    rig.call("Position/partialCloseContract", accountId=rig.account, contractId=ES, size=2)
    assert rig.call("Position/searchOpen", accountId=rig.account)["positions"][0]["size"] == 1


@pytest.mark.parametrize("size", [0, -1, 4])
def test_partial_close_of_an_impossible_size_is_refused(rig, size):
    go_long(rig, 3)
    answer = rig.call("Position/partialCloseContract", accountId=rig.account, contractId=ES, size=size)
    assert answer["errorCode"] == 5


@pytest.mark.parametrize(("path", "code"), [("closeContract", 5), ("partialCloseContract", 6)])
def test_close_out_of_hours_is_rejected(rig, path, code):
    go_long(rig)
    rig.engine.close_market(closed=True)
    assert rig.call(f"Position/{path}", accountId=rig.account, contractId=ES, size=1)["errorCode"] == code


def test_close_of_an_unknown_contract_is_refused(rig):
    assert rig.call("Position/closeContract", accountId=rig.account, contractId="X")["errorCode"] == 3


def test_profit_counts_points_by_the_contracts_multiplier_and_moves_the_balance(rig):
    go_long(rig, 2, "6000")
    rig.rest("BUY", 5, "6001.5")
    rig.placed(type=2, side=1, size=3)
    trades = rig.call("Trade/search", accountId=rig.account)["trades"]
    assert [trade["profitAndLoss"] for trade in trades] == [None, 150]
    assert [trade["fees"] for trade in trades] == [Decimal("2.8"), Decimal("4.2")]
    (position,) = rig.call("Position/searchOpen", accountId=rig.account)["positions"]
    assert (position["type"], position["size"], position["averagePrice"]) == (2, 1, Decimal("6001.5"))
    balance = rig.call("Account/search", onlyActiveAccounts=True)["accounts"][0]["balance"]
    assert balance == Decimal(10_000_000) + 150 - 7
