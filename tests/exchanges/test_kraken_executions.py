from decimal import Decimal

import pytest
from fuzzing import JSON, damaged
from hypothesis import given
from kraken_samples import (
    BOOK,
    CLIENT_ID,
    DASHED_ID,
    ENDED,
    FILLED,
    NEW,
    PENDING_NEW,
    STREAM_ORDER_ID,
    TRADED,
    to_json,
)
from test_kraken_stream import NOW_MS, OPEN, STOP, frame, read_all, reader, reports_of, snapshot

from messages.fills import FillSource, Liquidity
from messages.reports import (
    FillReceived,
    FrameUnreadable,
    OrderReported,
    StreamGap,
)
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce

# ----- orders


@pytest.mark.parametrize(
    ("changes", "kind", "price"),
    [
        ({"order_type": "iceberg"}, OrderType.LIMIT, 26500),
        (
            {
                "order_type": "trailing-stop",
                "limit_price": None,
                "limit_price_type": "pct",
                "triggers": {"price": Decimal(5), "price_type": "pct"},
                "time_in_force": None,
            },
            OrderType.MARKET,
            None,
        ),
    ],
)
def test_order_of_a_type_we_do_not_place_is_reported_as_the_type_its_prices_make_it_like(changes, kind, price):
    (report,) = reports_of(snapshot({**OPEN, **changes}))
    assert isinstance(report, OrderReported)
    assert (report.order.type, report.order.price, report.order.size) == (kind, price, Decimal("0.005"))
    assert report.order.time_in_force is TimeInForce.GTC


def test_end_with_nothing_executed_is_not_believed_while_something_was_paid():
    contradicted = {**ENDED, "order_id": STREAM_ORDER_ID, "cum_cost": Decimal("132.9995")}
    reports = reports_of(snapshot(OPEN), frame("update", 2, contradicted))
    assert (reports[-1].order.status, reports[-1].order.filled_size) == (None, 0)
    plain = reports_of(snapshot(OPEN), frame("update", 2, {**ENDED, "order_id": STREAM_ORDER_ID}))
    assert plain[-1].order.status is PublicStatus.CANCELLED


def test_documented_life_of_an_order_is_reported_step_by_step():
    events = (PENDING_NEW, NEW, TRADED, FILLED)
    reports = reports_of(snapshot(), *(frame("update", number, each) for number, each in enumerate(events, 2)))
    assert [type(each) for each in reports] == [OrderReported] * 4
    created, opened, traded, filled = (each.order for each in reports)
    assert (created.symbol, created.venue_order_id, created.client_order_id) == ("BTC-USD", STREAM_ORDER_ID, CLIENT_ID)
    assert (created.side, created.type, created.time_in_force) == (Side.SELL, OrderType.LIMIT, TimeInForce.GTC)
    assert (created.size, created.price, created.stop_price) == (Decimal("0.005"), Decimal(26500), None)
    assert (created.status, opened.status) == (PublicStatus.PENDING, PublicStatus.OPEN)
    assert created.created_venue_ms == created.updated_venue_ms == 1795255205709
    # What an update leaves out is unchanged.
    assert (opened.size, opened.price, opened.filled_size) == (Decimal("0.005"), Decimal(26500), Decimal(0))
    # The last execution still says that it is partial.
    assert (traded.status, traded.filled_size) == (PublicStatus.OPEN, Decimal("0.005"))
    assert (filled.status, filled.filled_value) == (PublicStatus.FILLED, Decimal("132.9995"))


def test_execution_comes_with_its_order():
    report = reports_of(snapshot(), frame("update", 2, PENDING_NEW), frame("update", 3, TRADED))[1]
    fill = report.fill
    assert (fill.fill_id, fill.venue_order_id, fill.client_order_id) == (
        "TGBB7L-HT5LX-J3BZ4A",
        STREAM_ORDER_ID,
        CLIENT_ID,
    )
    assert (fill.price, fill.size, fill.side) == (Decimal("26599.9"), Decimal("0.005"), Side.SELL)
    assert (fill.fee, fill.fee_currency, fill.liquidity) == (Decimal("0.3458"), "USD", Liquidity.TAKER)
    assert (fill.venue_time_ms, fill.source) == (1795255205709, FillSource.STREAM)
    assert report.evidence.source is EvidenceSource.STREAM
    assert (report.evidence.venue_time_ms, report.evidence.detail) == (1795255205709, "trade partially_filled")
    assert report.evidence.body_sha256


def test_numbers_are_read_digit_for_digit():
    text = to_json({**PENDING_NEW, "order_qty": 0}).replace('"order_qty": 0', '"order_qty": 0.123456789012345678901')
    body = f'{{"channel":"executions","type":"snapshot","sequence":1,"data":[{text}]}}'.encode()
    (report,) = reports_of(body)
    assert report.order.size == Decimal("0.123456789012345678901")


def test_execution_that_says_filled_is_accepted_too():
    (_, report) = reports_of(
        snapshot(), frame("update", 2, PENDING_NEW), frame("update", 3, {**TRADED, "order_status": "filled"})
    )
    assert (report.order.status, report.fill is None) == (PublicStatus.FILLED, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"exec_id": None},
        {"fees": None},
        {"fees": []},
        {"fees": [{"asset": "USD", "qty": 1}, {"asset": "KFEE", "qty": 1}]},
        {"last_qty": None},
        {"last_price": None},
    ],
)
def test_execution_that_is_not_told_whole_is_left_to_be_read(changes):
    event = {name: value for name, value in {**TRADED, **changes}.items() if value is not None}
    report = reports_of(snapshot(), frame("update", 2, PENDING_NEW), frame("update", 3, event))[1]
    assert isinstance(report, OrderReported)
    assert (report.fill, report.order.filled_size) == (None, Decimal("0.005"))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, PublicStatus.CANCELLED),
        ({"reason": "Post only order", "cancel_reason": "Post only order"}, PublicStatus.FAILED),
        ({"reason": None, "cancel_reason": "Insufficient funds"}, PublicStatus.FAILED),
        ({"exec_type": "expired", "order_status": "expired", "reason": None}, PublicStatus.EXPIRED),
        ({"exec_type": "status", "order_status": "who-knows"}, None),
        # It says it is done, and has executed less than it should have.
        ({"exec_type": "filled", "order_status": "filled"}, None),
    ],
)
def test_order_end_is_told_by_status_and_reason(changes, status):
    report = reports_of(snapshot(OPEN), frame("update", 2, {**ENDED, **changes}))[1]
    assert report.order.status is status
    assert report.order.venue_status == {**ENDED, **changes}["order_status"]


def test_order_cancelled_in_part_is_cancelled():
    partly = {**ENDED, "cum_qty": Decimal("0.001"), "cum_cost": Decimal("26.5"), "reason": "Insufficient funds"}
    report = reports_of(snapshot(OPEN), frame("update", 2, partly))[1]
    assert (report.order.status, report.order.filled_size) == (PublicStatus.CANCELLED, Decimal("0.001"))


def test_amended_order_shows_its_new_terms():
    event = {
        **NEW,
        "exec_type": "amended",
        "order_qty": Decimal("0.004"),
        "limit_price": Decimal(26400),
    }
    report = reports_of(snapshot(OPEN), frame("update", 2, event))[1]
    assert (report.order.size, report.order.price) == (Decimal("0.004"), Decimal(26400))


@pytest.mark.parametrize(
    ("changes", "kind", "price", "stop_price"),
    [
        ({}, OrderType.STOP_MARKET, None, 26000),
        ({"triggers": None, "stop_price": Decimal(25000)}, OrderType.STOP_MARKET, None, 25000),
        ({"order_type": "stop-loss-limit"}, OrderType.STOP_LIMIT, 26500, 26000),
        ({"order_type": "take-profit-limit"}, OrderType.STOP_LIMIT, 26500, 26000),
        ({"order_type": "take-profit", "time_in_force": None}, OrderType.STOP_MARKET, None, 26000),
    ],
)
def test_stop_order_has_its_trigger(changes, kind, price, stop_price):
    (report,) = reports_of(snapshot({**STOP, **changes}))
    assert (report.order.type, report.order.price, report.order.stop_price) == (kind, price, stop_price)


def test_market_order_by_quote_is_sized_by_what_has_executed():
    event = {
        **{name: value for name, value in OPEN.items() if name not in ("order_qty", "limit_price", "time_in_force")},
        "order_type": "market",
        "cash_order_qty": Decimal(500),
    }
    (report,) = reports_of(snapshot(event))
    assert (report.order.size, report.order.quote_size) == (Decimal(0), Decimal(500))
    assert report.order.time_in_force is TimeInForce.IOC


@pytest.mark.parametrize(
    "changes",
    [
        {"order_type": ["limit"]},
        {"order_type": "iceberg", "side": "hold"},
        {"side": "hold"},
        {"symbol": "NEW/USD"},
        {"order_qty": "x"},
        {"order_qty": Decimal(0)},
        {"limit_price": None},
        {"limit_price": Decimal(0)},
        {"limit_price_type": "pct"},
        {"time_in_force": "DAY"},
        {"time_in_force": None},
        {"timestamp": "now"},
        {"exec_type": "new-kind"},
        {"cl_ord_id": 5},
        {"cum_qty": Decimal(-1)},
        {"post_only": "yes"},
        {"order_status": ["new"]},
        {"order_id": None},
    ],
)
def test_order_not_as_documented_is_unreadable_alone(changes):
    other = {**OPEN, "order_id": "OTHER1-KSTLS-7DZZO5"}
    reports = reports_of(snapshot({**OPEN, **changes}, other))
    assert [type(each) for each in reports] == [FrameUnreadable, OrderReported]
    assert reports[1].order.venue_order_id == "OTHER1-KSTLS-7DZZO5"


def test_order_after_an_unreadable_update_is_not_filled_in_from_before():
    reports = reports_of(
        snapshot(OPEN),
        frame("update", 2, {**NEW, "exec_type": "amended", "limit_price": "relative"}),
        frame("update", 3, {**NEW, "exec_type": "status"}),
    )
    assert [type(each) for each in reports] == [OrderReported, FrameUnreadable, StreamGap]


# ----- what cannot be completed


def test_update_of_an_order_never_described_asks_for_a_reading():
    (_, reading) = read_all(snapshot(), frame("update", 2, ENDED))
    assert [type(each) for each in reading.reports] == [StreamGap]
    assert not reading.replace


def test_execution_of_an_order_never_described_is_told_by_itself():
    reports = reports_of(snapshot(), frame("update", 2, TRADED))
    assert [type(each) for each in reports] == [FillReceived]
    assert reports[0].fill.fill_id == "TGBB7L-HT5LX-J3BZ4A"


def test_execution_without_its_total_is_told_by_itself_and_the_order_read_again():
    event = {name: value for name, value in TRADED.items() if not name.startswith("cum_")}
    reports = reports_of(snapshot(OPEN), frame("update", 2, event), frame("update", 3, NEW))
    assert [type(each) for each in reports] == [OrderReported, FillReceived, StreamGap]


def test_snapshot_executions_are_told_by_themselves_and_change_no_order():
    past = {name: value for name, value in TRADED.items() if not name.startswith("cum_")}
    reports = reports_of(snapshot(OPEN, {**past, "order_status": "filled"}), frame("update", 2, NEW))
    assert [type(each) for each in reports] == [OrderReported, FillReceived, OrderReported]
    assert reports[2].order.status is PublicStatus.OPEN


def test_snapshot_execution_with_totals_changes_no_order_either():
    reports = reports_of(snapshot(OPEN, {**TRADED, "order_status": "filled"}), frame("update", 2, NEW))
    assert [type(each) for each in reports] == [OrderReported, FillReceived, OrderReported]
    assert reports[2].order.filled_size == Decimal(0)


def test_order_that_has_ended_is_forgotten():
    reports = reports_of(snapshot(OPEN), frame("update", 2, ENDED), frame("update", 3, NEW))
    assert [type(each) for each in reports] == [OrderReported, OrderReported, StreamGap]


def test_order_partly_executed_without_a_total_is_not_taken_for_untouched():
    event = {name: value for name, value in OPEN.items() if name != "cum_qty"}
    reports = reports_of(snapshot({**event, "order_status": "partially_filled"}))
    assert [type(each) for each in reports] == [StreamGap]


# ----- damaged entries


@given(damaged(OPEN))
def test_damaged_order_is_unreadable_incomplete_or_as_written(record):
    (reading,) = read_all(snapshot(record))
    for report in reading.reports:
        if not isinstance(report, OrderReported):
            continue
        order = report.order
        assert order.symbol == BOOK.to_canonical[record["symbol"]]
        assert (order.side.value.lower(), order.venue_status) == (record["side"], record["order_status"])
        if order.quote_size is None:
            assert Decimal(record["order_qty"]) == order.size
        if order.type is OrderType.LIMIT:
            assert Decimal(record["limit_price"]) == order.price


@given(damaged(TRADED))
def test_damaged_execution_is_unreadable_incomplete_or_as_written(record):
    readings = read_all(snapshot(OPEN), frame("update", 2, record))
    assert readings[1].reports
    for report in readings[1].reports:
        fill = getattr(report, "fill", None)
        if fill is None:
            continue
        assert (fill.fill_id, fill.side.value.lower()) == (record["exec_id"], record["side"])
        assert (Decimal(record["last_price"]), Decimal(record["last_qty"])) == (fill.price, fill.size)
        assert Decimal(record["fees"][0]["qty"]) == fill.fee


@given(damaged(NEW), damaged(ENDED))
def test_damaged_updates_are_never_swallowed(first, second):
    readings = read_all(snapshot(OPEN), frame("update", 2, first), frame("update", 3, second))
    assert all(reading.reports for reading in readings)


@given(JSON)
def test_any_json_frame_is_read_without_a_crash(value):
    made = reader()
    made.read(to_json(value).encode("utf-8", "surrogatepass"), NOW_MS)
    made.read(frame("update", 1, value), NOW_MS)


def test_client_id_in_another_form_is_the_same():
    (report,) = reports_of(snapshot({**OPEN, "cl_ord_id": DASHED_ID.upper()}))
    assert report.order.client_order_id == CLIENT_ID
