"""ProjectX as a paper venue: look-ups, lists and pages, trades, accounts, contracts, prices; what a lens hides."""

from decimal import Decimal

import pytest
from test_paper_projectx_auth import DAY_MS, ES, NQ, START_MS, TAG, Rig

from exchanges.paper.dialects.projectx.codec import iso

EVER = "2020-01-01T00:00:00Z"


@pytest.fixture
def rig():
    return Rig()


def query(rig, filters=None, lens=None, **changes):
    criteria = {"accountId": rig.account} | (filters or {})
    return rig.call("Order/v2/query", lens=lens, filter=criteria, **changes)


def ids(answer):
    return [order["id"] for order in answer["orders"]]


def search(rig, **changes):
    return ids(rig.call("Order/search", accountId=rig.account, **({"startTimestamp": EVER} | changes)))


# ----- orders


def test_unknown_order_is_not_found(rig):
    for order_id in (2, -2, 3, 2**62):
        answer = rig.call("Order/searchById", accountId=rig.account, orderId=order_id)
        assert (answer["success"], answer["errorCode"], answer["order"]) == (False, 1, None)


def test_open_list_shows_what_works_and_nothing_that_ended(rig):
    rig.cancel(rig.placed())
    partly = rig.placed(size=2)
    rig.fill(partly, "5990", 1)
    rig.fill(rig.placed(), "5990", 1)
    (order,) = rig.call("Order/searchOpen", accountId=rig.account)["orders"]
    assert (order["id"], order["status"], order["fillVolume"], order["size"]) == (partly, 1, 1, 2)


@pytest.mark.parametrize("path", ["Order/searchOpen", "Order/search", "Trade/search", "Position/searchOpen"])
def test_list_of_an_unknown_account_is_refused_without_a_list(rig, path):
    answer = rig.call(path, accountId=1, startTimestamp=EVER)
    lists = [value for name, value in answer.items() if name in ("orders", "trades", "positions")]
    assert (answer["success"], answer["errorCode"], lists) == (False, 1, [None])


def test_query_pages_by_rows_and_never_gives_more_than_a_hundred(rig):
    placed = []
    for _ in range(250):
        rig.now_ms += 1
        placed.append(rig.placed())
    seen = []
    while True:
        page = query(rig, {"statuses": [1, 6, 7, 8]}, pageSize=500, pageOffset=len(seen), includeTotalCount=True)
        assert page["totalCount"] == 250
        if not page["orders"]:
            break
        assert len(page["orders"]) <= 100
        seen += ids(page)
    assert seen == placed
    assert ids(query(rig, pageSize=3, pageOffset=248)) == placed[248:]
    assert ids(query(rig, pageSize=7, pageOffset=1)) == placed[1:8]


def test_query_sorts_by_creation_or_id_in_either_direction(rig):
    placed = []
    for _ in range(3):
        rig.now_ms += 1
        placed.append(rig.placed())
    for sort_by in (0, 1):
        assert ids(query(rig, sortBy=sort_by, sortDirection=0)) == placed
        assert ids(query(rig, sortBy=sort_by, sortDirection=1)) == placed[::-1]


def test_query_filters_by_status_and_time_but_not_by_contract(rig):
    ended = rig.placed(contractId=NQ, limitPrice=20_000)
    rig.cancel(ended)
    rig.now_ms += 5000
    working = rig.placed(contractId=NQ, limitPrice=20_000)
    assert ids(query(rig, {"statuses": [3]})) == [ended]
    assert ids(query(rig, {"statuses": [1]})) == [working]
    assert ids(query(rig, {"contractId": ES})) == [ended, working]
    assert ids(query(rig, {"createdAfter": iso(rig.now_ms)})) == [working]
    assert ids(query(rig, {"createdBefore": iso(rig.now_ms - 1)})) == [ended]
    assert ids(query(rig, {"statuses": [1], "createdBefore": iso(rig.now_ms - 1)})) == []


def test_query_counts_only_when_asked(rig):
    rig.placed()
    assert query(rig)["totalCount"] is None
    assert query(rig, includeTotalCount=True)["totalCount"] == 1


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"filter": None}, {"filter": []}, {"filter": {}}),
        *({"filter": {"accountId": 1}, "pageSize": 0}, {"filter": {"accountId": 1}, "pageOffset": -1}),
        *({"filter": {"accountId": 1}, "sortBy": 2}, {"filter": {"accountId": 1, "statuses": "1"}}),
        {"filter": {"accountId": 1, "createdAfter": 5}},
    ],
)
def test_query_that_does_not_bind_is_a_bad_request(rig, body):
    assert rig.send("/api/Order/v2/query", body).status == 400


def test_query_of_an_unknown_account_is_refused(rig):
    assert query(rig, {"accountId": 1})["errorCode"] == 1


def test_history_shows_all_states_of_a_period(rig):
    first = rig.placed(customTag=TAG)
    rig.cancel(first)
    rejected = rig.place(limitPrice=5990.1)["orderId"]
    rig.now_ms += 1000
    later = rig.placed(contractId=NQ, limitPrice=20_000)
    assert set(search(rig)) == {first, rejected, later}
    assert search(rig)[-1] == later
    assert search(rig, startTimestamp=iso(rig.now_ms)) == [later]
    assert set(search(rig, endTimestamp=iso(START_MS))) == {first, rejected}
    assert search(rig, startTimestamp=iso(rig.now_ms + 1)) == []
    assert rig.send("/api/Order/search", {"accountId": rig.account}).status == 400
    assert rig.send("/api/Order/search", {"accountId": rig.account, "startTimestamp": "soon"}).status == 400


@pytest.mark.parametrize("text", ["2026-11-18T11:06:40Z", "2026-11-18T12:06:40.000000+01:00", "2026-11-18T11:06:40"])
def test_times_are_read_in_every_form(rig, text):
    order_id = rig.placed()
    assert search(rig, startTimestamp=text, endTimestamp=text) == [order_id]


def test_times_are_written_with_offset_and_microseconds(rig):
    rig.now_ms += 268
    order = rig.order(rig.placed())
    assert order["creationTimestamp"] == "2026-11-18T11:06:40.268000+00:00"


# ----- trades


def test_trades_show_every_documented_field(rig):
    order_id = rig.placed(side=1, limitPrice=6000.25)
    rig.now_ms += 1500
    rig.fill(order_id, "6000.25")
    (trade,) = rig.call("Trade/search", accountId=rig.account, startTimestamp=EVER)["trades"]
    fill_id = trade.pop("id")
    assert str(fill_id) == rig.dialect.fill_id(rig.engine.truth.executions[0])
    assert trade == {
        "accountId": rig.account,
        "contractId": ES,
        "creationTimestamp": "2026-11-18T11:06:41.500000+00:00",
        "price": Decimal("6000.25"),
        "profitAndLoss": None,
        "fees": Decimal("1.4"),
        "side": 1,
        "size": 1,
        "voided": False,
        "orderId": order_id,
    }


def test_trades_are_listed_by_time_over_all_contracts(rig):
    es, nq = rig.placed(size=2), rig.placed(contractId=NQ, limitPrice=20_000)
    for order_id, price in ((es, "5990"), (nq, "20000"), (es, "5990")):
        rig.now_ms += 1000
        rig.fill(order_id, price)
    listed = rig.call("Trade/search", accountId=rig.account)["trades"]
    assert [trade["orderId"] for trade in listed] == [es, nq, es]
    until = iso(START_MS + 2000)
    within = rig.call("Trade/search", accountId=rig.account, startTimestamp=until, endTimestamp=until)["trades"]
    assert [trade["orderId"] for trade in within] == [nq]


def test_voided_trade_says_so(rig):
    rig.fill(rig.placed(), "5990")
    rig.dialect.voided.add(int(rig.dialect.fill_id(rig.engine.truth.executions[0])))
    assert rig.call("Trade/search", accountId=rig.account)["trades"][0]["voided"] is True


# ----- what a lens hides


def test_hidden_order_is_in_no_answer_until_its_time(rig):
    order_id = rig.placed(stopLossBracket={"ticks": -8, "type": 4})
    rig.visibility.hide(order_id // 2, rig.now_ms + 1000)
    for fill in (False, True):
        if fill:
            rig.fill(order_id, "5990")
        assert rig.call("Order/searchById", accountId=rig.account, orderId=order_id)["errorCode"] == 1
        assert rig.call("Order/searchOpen", accountId=rig.account)["orders"] == []
        assert query(rig)["orders"] == query(rig, {"statuses": [1, 8]})["orders"] == []
        assert search(rig) == []
        assert rig.call("Trade/search", accountId=rig.account)["trades"] == []
    rig.now_ms += 1000
    assert order_id in search(rig)
    assert len(search(rig)) == 2
    assert len(rig.call("Trade/search", accountId=rig.account)["trades"]) == 1


def test_stale_list_shows_the_open_orders_of_then(rig):
    ended, kept = rig.placed(), rig.placed()
    rig.now_ms += 3000
    rig.cancel(ended)
    rig.placed()
    lens = rig.visibility.lens(rig.now_ms, 2000)
    assert ids(rig.call("Order/searchOpen", accountId=rig.account, lens=lens)) == [ended, kept]
    assert ids(query(rig, {"statuses": [1, 6, 7, 8]}, lens=lens)) == [ended, kept]
    assert ids(query(rig, lens=lens)) == [ended, kept]
    assert len(ids(query(rig))) == 3


def test_stale_trades_leave_out_the_latest(rig):
    order_id = rig.placed(size=2)
    rig.fill(order_id, "5990")
    rig.now_ms += 3000
    rig.fill(order_id, "5990")
    lens = rig.visibility.lens(rig.now_ms, 0, 2000)
    assert len(rig.call("Trade/search", accountId=rig.account, lens=lens)["trades"]) == 1
    assert len(rig.call("Trade/search", accountId=rig.account)["trades"]) == 2


# ----- accounts, contracts, prices


def test_account_shows_its_number_and_balance(rig):
    (account,) = rig.call("Account/search", onlyActiveAccounts=True)["accounts"]
    assert account == {
        "id": rig.account,
        "name": "alice",
        "balance": 10_000_000,
        "canTrade": True,
        "isVisible": True,
        "simulated": True,
    }


def test_balance_pays_fees_but_not_the_value_of_what_is_held(rig):
    rig.fill(rig.placed(size=3), "5990", 3)
    rig.fill(rig.placed(side=1, contractId=NQ, limitPrice=21_000), "21000", 1)
    (account,) = rig.call("Account/search", onlyActiveAccounts=True)["accounts"]
    assert account["balance"] == Decimal(10_000_000) - 4 * Decimal("1.4")


def test_contract_is_found_by_text_and_by_id(rig):
    (found,) = rig.call("Contract/search", searchText="nq", live=False)["contracts"]
    assert found == {
        "id": NQ,
        "name": "NQZ6",
        "description": "E-mini NASDAQ-100: December 2026",
        "tickSize": Decimal("0.25"),
        "tickValue": 5,
        "activeContract": True,
        "symbolId": "F.US.ENQ",
    }
    assert rig.call("Contract/searchById", contractId=NQ)["contract"] == found
    assert rig.call("Contract/searchById", contractId="X")["errorCode"] == 1
    available = rig.call("Contract/available", live=False)["contracts"]
    assert [(one["id"], one["tickValue"]) for one in available] == [(ES, Decimal("12.5")), (NQ, 5)]
    assert rig.call("Contract/available", live=True)["contracts"] == []
    assert rig.call("Contract/search", searchText="zzz", live=False)["contracts"] == []


def bars(rig, **changes):
    body = {"contractId": ES, "live": False, "unit": 2, "unitNumber": 1, "limit": 1, "includePartialBar": True}
    period = {"startTime": iso(rig.now_ms - DAY_MS), "endTime": iso(rig.now_ms)}
    return rig.call("History/retrieveBars", **(body | period | changes))


def test_last_bar_closes_at_the_last_price(rig):
    assert bars(rig)["bars"][-1]["c"] == 6000
    rig.fill(rig.placed(), "5990")
    (bar,) = bars(rig)["bars"]
    assert (bar["c"], set(bar)) == (5990, {"t", "o", "h", "l", "c", "v"})
    assert bars(rig, contractId=NQ)["bars"][-1]["c"] == 21_000
    assert bars(rig, startTime=iso(rig.now_ms + 1))["bars"] == []


@pytest.mark.parametrize(
    ("changes", "code"), [({"contractId": "X"}, 1), ({"unit": 0}, 2), ({"unitNumber": 0}, 3), ({"limit": 0}, 4)]
)
def test_bars_that_cannot_be_are_refused(rig, changes, code):
    answer = bars(rig, **changes)
    assert (answer["errorCode"], answer["bars"]) == (code, None)
