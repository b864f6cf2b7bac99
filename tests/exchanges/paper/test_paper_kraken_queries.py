"""What Kraken shows of orders, trades and balances: forms, filters, pages, and what a lens hides."""

from decimal import Decimal

import pytest
from paper_kraken_kit import CLIENT_ID, DASHED, LIMIT, START_MS, KrakenVenue

from exchanges.paper.dialects.kraken.ids import venue_id

MARKET = {"ordertype": "market", "price": None}
USD_PAIR = {"pair": "XBTUSD", "price": "200", "volume": "1"}


@pytest.fixture
def venue():
    return KrakenVenue()


def partly_taken(venue, **changes):
    """Place an order that takes from two resting ones at once; the rest of it rests."""
    for price in ("60000", "60001"):
        venue.add(account="m", type="sell", price=price, volume="0.01")
    return venue.add(volume="0.03", price="60001", **changes)


# ----- one order


def test_open_order_when_queried_has_the_sheets_fields(venue):
    txid = venue.add(cl_ord_id=CLIENT_ID, volume="1.25", price="27500")
    venue.now_ms += 500
    venue.execute(txid, "27500", "0.375")
    body = venue.order(txid, trades="true", consolidate_taker="false")
    (trade,) = body.pop("trades")
    assert trade == venue.dialect.fill_id(venue.engine.truth.executions[0])
    assert body == {
        "refid": None,
        "userref": None,
        "cl_ord_id": DASHED,
        "status": "open",
        "opentm": Decimal("1795255200.123"),
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": "XBTUSDT",
            "aclass": "forex",
            "type": "buy",
            "ordertype": "limit",
            "price": "27500.00",
            "price2": "0",
            "leverage": "none",
            "order": "buy 1.25000000 XBTUSDT @ limit 27500.00",
            "close": "",
        },
        "vol": "1.25000000",
        "vol_exec": "0.37500000",
        "cost": "10312.50000",
        "fee": "25.78125",
        "price": "27500.00",
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "misc": "partial",
        "oflags": "fciq",
    }


def test_finished_order_when_queried_adds_when_and_why_it_ended(venue):
    txid = venue.add()
    venue.now_ms += 1_000
    venue.execute(txid, "50000", "0.01")
    body = venue.order(txid)
    assert (body["status"], body["closetm"], body["reason"]) == ("closed", Decimal("1795255201.123"), None)
    assert "trades" not in body


def test_orders_when_queried_are_up_to_fifty_and_unknown_ones_are_missing(venue):
    first, second = venue.add(), venue.add(account="m")
    assert set(venue.ok("QueryOrders", txid=f"{first},{second},{venue_id('O', 7)}")) == {first}
    assert venue.ok("QueryOrders", txid=venue_id("O", 7)) == {}
    assert venue.error("QueryOrders", txid=",".join([first] * 51)) == "EGeneral:Invalid arguments:txid"
    assert venue.error("QueryOrders", cl_ord_id=CLIENT_ID) == "EGeneral:Invalid arguments:txid"
    assert venue.error("QueryOrders", txid="OABC") == "EOrder:Invalid order"


def test_order_queried_with_a_client_id_that_is_not_its_own_is_missing(venue):
    txid = venue.add(cl_ord_id=CLIENT_ID)
    assert set(venue.ok("QueryOrders", txid=txid, cl_ord_id=DASHED)) == {txid}
    assert venue.ok("QueryOrders", txid=txid, cl_ord_id="other") == {}


def test_fills_of_one_taker_action_come_merged_unless_it_is_switched_off(venue):
    txid = partly_taken(venue)
    merged = venue.order(txid, trades="true")["trades"]
    single = venue.order(txid, trades="true", consolidate_taker="false")["trades"]
    assert len(single) == 2
    assert merged == single[:1]
    history = venue.ok("TradesHistory")
    assert (history["count"], list(history["trades"])) == (1, merged)
    row = history["trades"][merged[0]]
    assert (row["vol"], row["cost"], row["price"]) == ("0.02000000", "1200.01000", "60000.50000")
    assert venue.ok("TradesHistory", consolidate_taker="false")["count"] == 2
    assert venue.ok("QueryTrades", txid=merged[0])[merged[0]]["vol"] == "0.01000000"


def test_fills_that_made_liquidity_in_one_instant_are_never_merged(venue):
    txid = venue.add(volume="0.02")
    for _ in range(2):
        venue.execute(txid, "50000", "0.01")
    assert len(venue.order(txid, trades="true")["trades"]) == 2


# ----- lists


def test_open_orders_are_all_in_one_answer_newest_first(venue):
    txids = [venue.add(price=str(40_000 + number)) for number in range(120)]
    assert list(venue.ok("OpenOrders")["open"]) == txids[::-1]


def test_open_orders_by_client_id_or_reference_are_those_only(venue):
    named, referred = venue.add(cl_ord_id=CLIENT_ID), venue.add(userref="9")
    assert list(venue.ok("OpenOrders", cl_ord_id=DASHED.upper())["open"]) == [named]
    assert list(venue.ok("OpenOrders", userref="9")["open"]) == [referred]
    assert venue.ok("OpenOrders", cl_ord_id="nobody")["open"] == {}
    assert set(venue.ok("OpenOrders")["open"]) == {named, referred}


def test_closed_orders_come_by_fifties_newest_first(venue):
    txids = [venue.add(price=str(40_000 + number)) for number in range(120)]
    venue.add()
    for txid in txids:
        venue.now_ms += 1
        venue.ok("CancelOrder", txid=txid)
    pages = [venue.ok("ClosedOrders", ofs=str(offset)) for offset in (0, 50, 100, 150)]
    assert [page["count"] for page in pages] == [120] * 4
    assert [len(page["closed"]) for page in pages] == [50, 50, 20, 0]
    assert [txid for page in pages for txid in page["closed"]] == txids[::-1]
    assert "count" not in venue.ok("ClosedOrders", without_count="true")


def test_closed_orders_of_a_period_leave_out_its_start_and_keep_its_end(venue):
    opened, closed = START_MS, START_MS + 10_000
    txid = venue.add()
    venue.now_ms = closed
    venue.ok("CancelOrder", txid=txid)

    def found(start_ms, end_ms, by):
        times = {"start": Decimal(start_ms) / 1000, "end": Decimal(end_ms) / 1000}
        return bool(venue.ok("ClosedOrders", closetime=by, **times)["closed"])

    assert found(opened - 1, opened, "open")
    assert not found(opened, closed, "open")
    assert found(closed - 1, closed, "close")
    assert not found(closed, closed + 1, "close")
    assert not found(opened, closed - 1, "close")
    assert found(opened - 1, opened, "both")
    assert found(opened, closed, "both")
    assert venue.error("ClosedOrders", closetime="never") == "EGeneral:Invalid arguments:closetime"


def test_trades_come_by_fifties_newest_first_across_pairs(venue):
    for number in range(60):
        venue.now_ms += 1
        pair = USD_PAIR if number % 2 else LIMIT
        venue.execute(venue.add(**pair), pair["price"], pair["volume"])
    pages = [venue.ok("TradesHistory", ofs=str(offset)) for offset in (0, 50)]
    rows = [row for page in pages for row in page["trades"].values()]
    assert [len(page["trades"]) for page in pages] == [50, 10]
    assert [row["time"] for row in rows] == sorted((row["time"] for row in rows), reverse=True)
    assert {row["pair"] for row in rows} == {"XXBTZUSD", "XBTUSDT"}
    assert pages[0]["count"] == 60


def test_trades_of_a_period_leave_out_its_start_and_keep_its_end(venue):
    venue.execute(venue.add(), "50000", "0.01")
    at = Decimal(START_MS) / 1000
    a_moment = Decimal("0.001")
    assert venue.ok("TradesHistory", start=at - a_moment, end=at)["count"] == 1
    assert venue.ok("TradesHistory", start=at, end=at + a_moment)["count"] == 0
    assert venue.ok("TradesHistory", start=at - 1, end=at - a_moment)["count"] == 0


def test_trade_row_when_listed_has_the_sheets_fields(venue):
    txid = venue.add(**USD_PAIR)
    venue.execute(txid, "199.99", "0.5")
    ((trade_id, row),) = venue.ok("TradesHistory")["trades"].items()
    execution = venue.engine.truth.executions[0]
    assert trade_id == venue.dialect.fill_id(execution)
    assert row.pop("postxid").startswith("T")
    assert row == {
        "ordertxid": txid,
        "pair": "XXBTZUSD",
        "aclass": "forex",
        "time": Decimal("1795255200.123"),
        "type": "buy",
        "ordertype": "limit",
        "price": "199.99000",
        "cost": "99.99500",
        "fee": "0.2499875",
        "vol": "0.50000000",
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": execution.trade_id,
        "maker": True,
    }


def test_amounts_with_many_digits_when_written_lose_none(venue):
    txid = venue.add(pair="XBTUSD", price="234.57", volume="0.12345679")
    venue.execute(txid, "234.57", "0.12345679")
    body = venue.order(txid)
    assert Decimal(body["cost"]) == Decimal("234.57") * Decimal("0.12345679")
    assert Decimal(body["fee"]) == venue.engine.truth.executions[0].fee


def test_trades_by_id_are_own_ones_and_at_most_twenty(venue):
    venue.add(account="m", type="sell", price="60000", volume="1")
    venue.add(**MARKET)
    own, others = (next(one for one in venue.engine.truth.executions if one.account == account) for account in "um")
    ids = [venue.dialect.fill_id(one) for one in (own, others)]
    assert ids[0] != ids[1]
    assert list(venue.ok("QueryTrades", txid=",".join(ids))) == ids[:1]
    assert venue.error("QueryTrades", txid=",".join(ids[:1] * 21)) == "EGeneral:Invalid arguments:txid"
    assert venue.ok("QueryTrades", txid=venue_id("T", 2**80 - 1)) == {}


# ----- what a lens hides


def test_order_while_hidden_is_in_no_answer(venue):
    txid = venue.add(cl_ord_id=CLIENT_ID)
    venue.execute(txid, "50000", "0.005")
    venue.visibility.hide(venue.engine_order().order_id, venue.now_ms + 1_000)
    assert venue.ok("QueryOrders", txid=txid) == {}
    assert venue.ok("OpenOrders", cl_ord_id=CLIENT_ID)["open"] == {}
    assert venue.ok("TradesHistory")["count"] == 0
    venue.ok("CancelOrder", txid=txid)
    assert venue.ok("ClosedOrders")["closed"] == {}
    venue.now_ms += 1_000
    assert list(venue.ok("ClosedOrders")["closed"]) == [txid]


def test_open_orders_of_the_past_show_what_was_open_and_executed_then(venue):
    venue.now_ms += 100
    txid = venue.add(volume="0.02")
    venue.execute(txid, "50000", "0.01")
    venue.now_ms += 5_000
    venue.execute(txid, "50000", "0.01")
    venue.stale_ms = 1_000
    body = venue.ok("OpenOrders", trades="true")["open"][txid]
    assert (body["vol_exec"], body["fee"], len(body["trades"])) == ("0.01000000", "1.25000", 1)


def test_trades_that_lag_are_missing_while_the_order_shows_them(venue):
    txid = venue.add()
    venue.execute(txid, "50000", "0.01")
    venue.trades_stale_ms = 1_000
    body = venue.order(txid, trades="true")
    assert (body["vol_exec"], body.get("trades")) == ("0.01000000", None)
    assert venue.ok("TradesHistory")["count"] == 0
    (execution,) = venue.engine.truth.executions
    fill_id = venue.dialect.fill_id(execution)
    assert venue.ok("QueryTrades", txid=fill_id) == {}
    venue.trades_stale_ms = 0
    assert list(venue.ok("QueryTrades", txid=fill_id)) == [fill_id]


# ----- balances


def test_balances_are_named_by_old_codes_and_hold_what_orders_lock(venue):
    venue.add()
    body = venue.ok("BalanceEx")
    assert set(body) == {"XXBT", "XETH", "ZUSD", "USDT"}
    assert body["USDT"] == {"balance": "1000000.0000000000", "hold_trade": "500.0000000000"}
    assert venue.ok("Balance")["XXBT"] == "1000.0000000000"


def test_fee_of_a_purchase_when_charged_comes_out_of_the_quote(venue):
    venue.execute(venue.add(), "50000", "0.01")
    balances = venue.ok("Balance")
    assert Decimal(balances["USDT"]) == 1_000_000 - 500 - Decimal("1.25")
    assert Decimal(balances["XXBT"]) == Decimal("1000.01")
