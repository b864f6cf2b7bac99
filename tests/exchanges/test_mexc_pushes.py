from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mexc_frames import BALANCE, DEAL, NOW_MS, ORDER, encoded, one, pushed, reader
from mexc_samples import DEAL_FRAME, ORDER_FRAME

from messages.reports import BalanceReported, FrameUnreadable, OrderReported
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce


def test_published_order_frame_is_read_whole():
    report = one(ORDER_FRAME)
    assert isinstance(report, OrderReported)
    order = report.order
    assert (report.account_id, report.fill) == ("1", None)
    assert (order.exchange, order.symbol, order.venue_order_id) == ("mexc", "MX-USDT", "C02__505979017439002624115")
    assert (order.client_order_id, order.side, order.type) == ("oms-1", Side.SELL, OrderType.MARKET)
    assert (order.size, order.price, order.quote_size) == (Decimal(1), None, None)
    assert (order.filled_size, order.filled_value) == (Decimal(1), Decimal("3.6962"))
    assert (order.status, order.venue_status) == (PublicStatus.FILLED, "2")
    assert (order.created_venue_ms, order.updated_venue_ms) == (1736417034259, 1736417034281)
    evidence = report.evidence
    assert (evidence.source, evidence.endpoint) == (EvidenceSource.STREAM, "spot@private.orders.v3.api.pb")
    assert (evidence.venue_time_ms, evidence.received_ms) == (1736417034281, NOW_MS)


def test_published_deal_frame_gives_no_execution():
    # Whether its id is that of the lists is not known; the sum of the order's push makes them be read.
    assert isinstance(one(DEAL_FRAME), FrameUnreadable)


@pytest.mark.parametrize(
    ("status", "ours", "executed"),
    [
        (0, PublicStatus.PENDING, ""),
        (1, PublicStatus.OPEN, "0"),
        (2, PublicStatus.FILLED, "2"),
        (3, PublicStatus.OPEN, "1"),
        (4, PublicStatus.CANCELLED, "0"),
        (5, PublicStatus.CANCELLED, "1"),
        (6, None, "1"),
        (-1, None, "1"),
    ],
)
def test_order_push_in_any_status_keeps_the_venues_number(status, ours, executed):
    left = str(2 - int(executed or 0))
    told = ORDER | {15: status, 12: executed, 11: left, 13: executed, 14: executed}
    order = one(pushed(304, told)).order
    assert (order.status, order.venue_status) == (ours, str(status))
    assert order.filled_size == Decimal(executed or 0)


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        (1, (OrderType.LIMIT, TimeInForce.GTC, False)),
        (2, (OrderType.LIMIT, TimeInForce.GTC, True)),
        (3, (OrderType.LIMIT, TimeInForce.IOC, False)),
        (4, (OrderType.LIMIT, TimeInForce.FOK, False)),
        (100, (OrderType.STOP_LIMIT, TimeInForce.GTC, False)),
        (101, (OrderType.STOP_LIMIT, TimeInForce.GTC, False)),
        (102, (OrderType.LIMIT, TimeInForce.GTC, False)),
    ],
)
def test_order_push_of_any_type_is_what_the_venue_means(kind, ours):
    order = one(pushed(304, ORDER | {7: kind, 19: "3.1"})).order
    assert (order.type, order.time_in_force, order.post_only) == ours
    assert order.stop_price == (Decimal("3.1") if ours[0] is OrderType.STOP_LIMIT else None)
    assert (order.price, order.quote_size) == (Decimal("3.5121"), None)


def test_market_order_push_by_value_has_a_quote_size():
    order = one(pushed(304, ORDER | {7: 5, 3: "", 4: "", 5: "7"})).order
    assert (order.size, order.price, order.quote_size) == (Decimal(0), None, Decimal(7))


def test_order_push_under_the_other_name_of_its_id_is_the_same_order():
    fields = {number: value for number, value in ORDER.items() if number != 1}
    order = one(pushed(304, fields | {2: "C02__505979017439002624115"})).order
    assert (order.venue_order_id, order.client_order_id) == ("C02__505979017439002624115", None)


def test_order_push_of_which_executed_has_no_value_has_an_unknown_one():
    assert one(pushed(304, ORDER | {14: ""})).order.filled_value is None


def test_push_with_fields_of_a_later_version_is_read_all_the_same():
    order = one(pushed(304, ORDER | {99: "new", 98: 7}) + encoded({77: "later"})).order
    assert order.venue_order_id == ORDER[1]


@pytest.mark.parametrize(
    "changes",
    [
        {15: 4, 13: "", 14: "", 12: "", 11: "1"},
        {15: 4, 13: "1", 11: "0"},
        {15: 4, 13: "", 12: "", 11: "2"},
        {15: 4, 13: "", 14: "", 12: "1", 11: "2"},
        {15: 4, 13: "1", 14: "", 11: "1"},
        {15: 2, 13: "1", 11: "0"},
    ],
)
def test_order_push_whose_amounts_contradict_each_other_has_an_unknown_status(changes):
    order = one(pushed(304, ORDER | changes)).order
    assert (order.status, order.venue_status) == (None, str(changes[15]))


def test_order_push_that_does_not_tell_what_remains_is_believed():
    fields = {number: value for number, value in ORDER.items() if number not in (11, 12)} | {15: 4}
    assert one(pushed(304, fields)).order.status is PublicStatus.CANCELLED


def test_account_push_is_total_and_available():
    report = one(pushed(307, BALANCE))
    assert isinstance(report, BalanceReported)
    assert report.balances == (("USDT", Decimal("22.44"), Decimal("21.94")),)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        b"text",
        ORDER_FRAME[:-3],
        pushed(301, {1: "public"}),
        pushed(304, ORDER, symbol="ETHUSDT"),
        pushed(304, ORDER, symbol=""),
        *(pushed(304, ORDER | {number: ""}) for number in (1, 3, 4)),
        *(pushed(304, ORDER | {number: "x"}) for number in (3, 4, 13, 14)),
        *(pushed(304, ORDER | {15: status, 13: "0"}) for status in (2, 3, 5)),
        pushed(304, ORDER | {7: 6}),
        pushed(304, ORDER | {8: 0}),
        pushed(304, ORDER | {3: "0"}),
        pushed(304, ORDER | {7: 5, 5: "x"}),
        pushed(304, ORDER | {7: 100, 19: "x"}),
        pushed(306, DEAL),
        pushed(304, ORDER | {11: "x"}),
        pushed(304, ORDER | {12: "-1"}),
        *(pushed(307, BALANCE | {number: ""}) for number in (1, 3, 5)),
        pushed(307, BALANCE | {3: "-1"}),
    ],
)
def test_push_that_cannot_be_understood_is_reported(frame):
    reading = reader().read_binary(frame, NOW_MS)
    (report,) = reading.reports
    assert isinstance(report, FrameUnreadable)
    assert (reading.ready, reading.lost) == (False, "")


TEXTS = st.sampled_from(["", "0", "-1", "1.5", "NaN", "1e3", " 1", "\uff12", "C02__7"]) | st.text(max_size=4)


@given(st.sampled_from([(304, ORDER), (307, BALANCE)]), st.data())
def test_damaged_push_is_reported_as_unreadable_or_as_what_it_says(sample, data):
    body, fields = sample
    record = dict(fields)
    for number in data.draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3, unique=True)):
        value = record.pop(number)
        match data.draw(st.sampled_from(["missing", "renamed", "replaced", "wrong type"])):
            case "renamed":
                record[number + 50] = value
            case "replaced":
                record[number] = data.draw(st.integers(-(2**31), 2**31 - 1) if isinstance(value, int) else TEXTS)
            case "wrong type":
                record[number] = "7" if isinstance(value, int) else 7
            case _:
                continue
    report = one(pushed(body, record))
    match report:
        case OrderReported():
            assert report.order.venue_status == str(told_number(record, 15))
            assert report.order.filled_size == Decimal(told_text(record, 13) or 0)
            assert report.order.venue_order_id == (told_text(record, 1) or told_text(record, 2))
        case BalanceReported():
            assert report.balances[0][2] == Decimal(record[3])
        case _:
            assert isinstance(report, FrameUnreadable)


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_reported(frame):
    assert isinstance(one(frame), FrameUnreadable | OrderReported | BalanceReported)


def told_number(record: dict[int, Any], number: int) -> int:
    # What comes in another wire type is skipped by decoders, as if it were absent.
    value = record.get(number, 0)
    return value if isinstance(value, int) else 0


def told_text(record: dict[int, Any], number: int) -> str:
    value = record.get(number, "")
    return value if isinstance(value, str) else ""
