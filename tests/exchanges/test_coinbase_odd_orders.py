from decimal import Decimal
from typing import Any

import pytest
from coinbase_samples import BOOK, ORDER, UPDATE, Venue, client, order_with, orders_page

from exchanges.coinbase.translate import read_order
from exchanges.coinbase.updates import read_update
from messages import FetchOpenOrders
from messages.reports import OpenOrdersFetched
from messages.types import OrderType, PublicStatus, TimeInForce, VenueOrder

D = Decimal


def order(record: Any) -> VenueOrder:
    return read_order(record, BOOK)


def update(**changes: Any) -> VenueOrder:
    return read_update({**UPDATE, **changes}, BOOK)


def test_list_with_an_order_of_a_kind_we_do_not_place_shows_every_order():
    terms = {"base_size": "0.01", "limit_price": "70000", "stop_trigger_price": "50000"}
    bracket = {**order_with("trigger_bracket_gtc", terms), "order_id": "bracket"}
    with Venue(get_batch=[orders_page([ORDER, bracket])]) as venue:
        report = client(venue).execute(FetchOpenOrders(account_id="1", exchange="coinbase"))
    assert isinstance(report, OpenOrdersFetched)
    assert ([each.venue_order_id for each in report.orders], report.unreadable) == ([ORDER["order_id"], "bracket"], 0)


@pytest.mark.parametrize(
    ("kind", "terms", "expected"),
    [
        (
            "trigger_bracket_gtc",
            {"base_size": "0.01", "limit_price": "70000", "stop_trigger_price": "50000"},
            (OrderType.STOP_LIMIT, TimeInForce.GTC, D("0.01"), D(70000), D(50000)),
        ),
        (
            "twap_limit_gtd",
            {"base_size": "0.01", "quote_size": "600", "limit_price": "60000", "number_buckets": "5"},
            (OrderType.LIMIT, TimeInForce.GTT, D("0.01"), D(60000), None),
        ),
        ("a_new_kind_gtc", {"base_size": "0.01"}, (OrderType.MARKET, TimeInForce.GTC, D("0.01"), None, None)),
        (
            "trigger_only_gtc",
            {"base_size": "0.01", "stop_price": "50000"},
            (OrderType.STOP_MARKET, TimeInForce.GTC, D("0.01"), None, D(50000)),
        ),
    ],
)
def test_order_of_a_kind_we_do_not_place_is_read_as_the_type_its_prices_make_it_like(kind, terms, expected):
    found = order({**order_with(kind, terms), "client_order_id": "from-the-app"})
    assert (found.type, found.time_in_force, found.size, found.price, found.stop_price) == expected
    assert (found.client_order_id, found.status) == ("from-the-app", PublicStatus.OPEN)


@pytest.mark.parametrize(
    ("changes", "kind", "price", "stop_price"),
    [
        ({"order_type": "Bracket", "stop_price": "50000"}, OrderType.STOP_LIMIT, D(60000), D(50000)),
        ({"order_type": "TWAP", "time_in_force": "UNKNOWN_TIME_IN_FORCE"}, OrderType.LIMIT, D(60000), None),
        ({"order_type": "STOP", "limit_price": "", "stop_price": "50000"}, OrderType.STOP_MARKET, None, D(50000)),
        ({"order_type": "LIQUIDATION", "limit_price": ""}, OrderType.MARKET, None, None),
    ],
)
def test_update_of_a_kind_we_do_not_place_is_read_as_the_type_its_prices_make_it_like(
    changes, kind, price, stop_price
):
    found = update(**changes)
    assert (found.type, found.price, found.stop_price) == (kind, price, stop_price)
    assert (found.time_in_force, found.status) == (TimeInForce.GTC, PublicStatus.OPEN)


@pytest.mark.parametrize("filled", ["0", ""])
@pytest.mark.parametrize(
    ("value", "share", "expected"),
    [
        ("240", "0", None),
        ("0", "40", None),
        ("0", "much", None),
        ("", "40.00", None),
        ("0", "0.00", PublicStatus.CANCELLED),
        ("0", "", PublicStatus.CANCELLED),
        ("", None, PublicStatus.CANCELLED),
        ("0", 0, PublicStatus.CANCELLED),
    ],
)
def test_end_with_nothing_executed_is_not_believed_against_its_value_or_share(filled, value, share, expected):
    shown = {"status": "CANCELLED", "filled_value": value, "number_of_fills": "0", "completion_percentage": share}
    listed = order({**ORDER, **shown, "filled_size": filled})
    told = update(**shown, cumulative_quantity=filled)
    assert (listed.status, told.status) == (expected, expected)
    assert listed.filled_value == told.filled_value == D(value or 0)
