from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from coinbase_samples import (
    BOOK,
    CLIENT_ID,
    FRESH,
    GTC,
    ORDER,
    PRODUCTS,
    SENT_ID,
    UPDATE,
    VENUE_ID,
    order_with,
)
from fuzzing import JSON, damaged
from hypothesis import given
from hypothesis import strategies as st

from exchanges.coinbase.executions import read_balance, read_fill
from exchanges.coinbase.times import time_or_none, written_time
from exchanges.coinbase.translate import (
    edit_under_way,
    executions_told,
    our_client_id,
    read_order,
    venue_client_id,
)
from exchanges.coinbase.updates import is_spot, read_update
from exchanges.fields import UnreadableError
from messages.types import OrderType, PublicStatus, Side, TimeInForce, VenueOrder

D = Decimal
CREATED_MS = 1795255200123
SIZED = {"base_size": "0.01", "limit_price": "60000"}
STOPPED = {**SIZED, "stop_price": "59000", "stop_direction": "STOP_DIRECTION_STOP_DOWN"}
END = {"end_time": "2026-11-22T10:00:00Z"}


def order(record: Any) -> VenueOrder:
    return read_order(record, BOOK)


def update(**changes: Any) -> VenueOrder:
    return read_update({**UPDATE, **changes}, BOOK)


# ----- times and ids


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        ("2026-11-21T10:00:00Z", 1795255200000),
        ("2026-11-21T10:00:07.5Z", 1795255207500),
        ("2026-11-21T10:00:00.123456Z", 1795255200123),
        ("2026-11-21T10:00:07.609931463Z", 1795255207609),
        ("2026-11-21T10:00:07.999999999Z", 1795255207999),
        ("1969-12-31T23:59:59.9995Z", -1),
        ("0001-01-01T00:00:00Z", None),
        ("2026-11-21T10:00:00+00:00", None),
        ("2026-11-21 10:00:00Z", None),
        ("2026-02-30T10:00:00Z", None),
        ("2026-11-21T10:00:00.1234567891Z", None),
        ("2026-11-21T10:00:00.123456 8Z", None),
        ("2026-11-21T10:00:00,5Z", None),
        ("2026-11-21T10:00:00.Z", None),
        ("2026-W47-6T10:00:00Z", None),
        ("20261121T10:00:00.000Z", None),
        ("2026-11-21T10:00:0\uff12Z", None),
        ("", None),
        (1795255200000, None),
        (None, None),
    ],
)
def test_time_is_read_to_the_millisecond_and_never_later_than_it_was(written, at_ms):
    assert time_or_none(written) == at_ms


@given(st.integers(0, 4_000_000_000_000))
def test_time_written_is_read_back(at_ms):
    assert time_or_none(written_time(at_ms)) == at_ms


@pytest.mark.parametrize(
    ("ours", "sent"),
    [(CLIENT_ID, SENT_ID), ("short", "short"), (CLIENT_ID.upper(), CLIENT_ID.upper()), ("g" * 32, "g" * 32)],
)
def test_client_id_is_sent_as_a_uuid_and_read_back(ours, sent):
    assert (venue_client_id(ours), our_client_id(sent)) == (sent, ours)


@pytest.mark.parametrize("shown", [CLIENT_ID, SENT_ID.upper(), "x" * 36, SENT_ID[:-1] + "-", "-" * 36])
def test_client_id_that_is_no_uuid_of_ours_stays_as_it_is(shown):
    assert our_client_id(shown) == shown


# ----- orders of lists and look-ups


def test_order_as_documented_is_read():
    assert order(ORDER) == VenueOrder(
        exchange="coinbase",
        symbol="BTC-USD",
        venue_order_id=VENUE_ID,
        client_order_id=CLIENT_ID,
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        status=PublicStatus.OPEN,
        venue_status="OPEN",
        size=D("0.01"),
        filled_size=D("0.004"),
        filled_value=D(240),
        price=D(60000),
        post_only=True,
        created_venue_ms=CREATED_MS,
        updated_venue_ms=1795255207000,
    )


@pytest.mark.parametrize(
    ("kind", "terms", "expected"),
    [
        ("market_market_ioc", {"base_size": "0.01"}, (OrderType.MARKET, TimeInForce.IOC, D("0.01"), None, None, None)),
        (
            "market_market_ioc", {"base_size": "0.01", "quote_size": ""},
            (OrderType.MARKET, TimeInForce.IOC, D("0.01"), None, None, None),
        ),
        (
            "market_market_ioc", {"quote_size": "100.5"},
            (OrderType.MARKET, TimeInForce.IOC, D("0.004"), D("100.5"), None, None),
        ),
        ("market_market_fok", {"base_size": "1"}, (OrderType.MARKET, TimeInForce.FOK, D(1), None, None, None)),
        (
            "limit_limit_gtc", {**SIZED, "post_only": False},
            (OrderType.LIMIT, TimeInForce.GTC, D("0.01"), None, D(60000), None),
        ),
        (
            "limit_limit_gtd", {**SIZED, **END, "post_only": False},
            (OrderType.LIMIT, TimeInForce.GTT, D("0.01"), None, D(60000), None),
        ),
        ("sor_limit_ioc", SIZED, (OrderType.LIMIT, TimeInForce.IOC, D("0.01"), None, D(60000), None)),
        (
            "sor_limit_ioc", {"quote_size": "600", "limit_price": "60000"},
            (OrderType.LIMIT, TimeInForce.IOC, D("0.004"), D(600), D(60000), None),
        ),
        ("limit_limit_fok", SIZED, (OrderType.LIMIT, TimeInForce.FOK, D("0.01"), None, D(60000), None)),
        (
            "stop_limit_stop_limit_gtc", STOPPED,
            (OrderType.STOP_LIMIT, TimeInForce.GTC, D("0.01"), None, D(60000), D(59000)),
        ),
        (
            "stop_limit_stop_limit_gtd", {**STOPPED, **END},
            (OrderType.STOP_LIMIT, TimeInForce.GTT, D("0.01"), None, D(60000), D(59000)),
        ),
    ],
)  # fmt: skip
def test_order_configuration_says_type_time_in_force_and_terms(kind, terms, expected):
    found = order(order_with(kind, terms))
    assert (
        found.type, found.time_in_force, found.size, found.quote_size, found.price, found.stop_price,
    ) == expected  # fmt: skip
    assert not found.post_only


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        ("scaled_limit_gtc", {"orders": []}),
        ("trigger_bracket_gtc", {"limit_price": "70000", "stop_trigger_price": "50000"}),
        ("twap_limit_gtd", {"base_size": "0", "limit_price": "60000"}),
        ("limit_limit_gtc", SIZED),
        ("limit_limit_gtc", {**SIZED, "post_only": "true"}),
        ("limit_limit_gtc", {"base_size": "0.01", "limit_price": "", "post_only": True}),
        ("limit_limit_gtc", {"quote_size": "100", "limit_price": "60000", "post_only": True}),
        ("limit_limit_fok", {"base_size": "0.01", "limit_price": "0"}),
        ("market_market_ioc", {}),
        ("market_market_ioc", {"base_size": "1", "quote_size": "1"}),
        ("market_market_ioc", {"base_size": 0.01}),
        ("market_market_ioc", {"base_size": "0"}),
        ("stop_limit_stop_limit_gtc", SIZED),
        ("stop_limit_stop_limit_gtc", {**STOPPED, "stop_price": "-1"}),
    ],
)
def test_order_of_a_configuration_that_is_not_ours_is_unreadable(kind, terms):
    with pytest.raises(UnreadableError, match=r"order_configuration|_size|_price|post_only"):
        order(order_with(kind, terms))


@pytest.mark.parametrize(
    "configuration", [{}, None, "limit", [], {**GTC, "sor_limit_ioc": SIZED}, {"limit_limit_gtc": 1}]
)
def test_order_without_one_configuration_is_unreadable(configuration):
    with pytest.raises(UnreadableError):
        order({**ORDER, "order_configuration": configuration})


STATUSES = [
    ("PENDING", PublicStatus.PENDING),
    ("QUEUED", PublicStatus.PENDING),
    ("OPEN", PublicStatus.OPEN),
    ("CANCEL_QUEUED", PublicStatus.OPEN),
    ("EDIT_QUEUED", PublicStatus.OPEN),
    ("FILLED", PublicStatus.FILLED),
    ("CANCELLED", PublicStatus.CANCELLED),
    ("EXPIRED", PublicStatus.EXPIRED),
    ("FAILED", PublicStatus.FAILED),
    ("CANCELED", None),
    ("open", None),
    ("UNKNOWN_ORDER_STATUS", None),
    ("", None),
]


@pytest.mark.parametrize(("word", "status"), STATUSES)
def test_status_is_read_alike_in_lists_and_events_and_a_new_one_stays_unknown(word, status):
    listed, told = order({**ORDER, "status": word}), update(status=word)
    assert (listed.status, listed.venue_status) == (status, word)
    assert (told.status, told.venue_status) == (status, word)


@pytest.mark.parametrize(
    ("status", "filled", "executions", "expected"),
    [
        ("FILLED", "0", "0", None),
        ("FILLED", "", "2", None),
        ("CANCELLED", "0", "2", None),
        ("CANCELLED", "", "", None),
        ("CANCELLED", "0", "0", PublicStatus.CANCELLED),
        ("CANCELLED", "", "0", PublicStatus.CANCELLED),
        ("FAILED", "0", 0, PublicStatus.FAILED),
        ("EXPIRED", "0.00000000", "0", PublicStatus.EXPIRED),
        ("OPEN", "", "", PublicStatus.OPEN),
    ],
)
def test_end_without_what_it_has_executed_is_not_believed(status, filled, executions, expected):
    shown = {"status": status, "filled_value": "", "number_of_fills": executions, "completion_percentage": "0"}
    listed = order({**ORDER, **shown, "filled_size": filled})
    told = update(**shown, cumulative_quantity=filled)
    assert (listed.status, listed.filled_size) == (expected, 0)
    assert (told.status, told.filled_size) == (expected, 0)


@pytest.mark.parametrize(
    ("filled", "value", "expected"),
    [("0", "0", D(0)), ("0", "", D(0)), ("0.004", "", None), ("0.004", "0", None), ("0.004", "240.0", D(240))],
)
def test_value_that_is_not_told_is_not_zero(filled, value, expected):
    shown = {"filled_size": filled, "filled_value": value}
    assert order({**ORDER, **shown}).filled_value == expected
    assert order(order_with("market_market_ioc", {"base_size": "0.01"}, **shown)).filled_value == expected
    assert update(cumulative_quantity=filled, filled_value=value).filled_value == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "FAILED", "reject_message": "too poor", "reject_reason": "HOLD_FAILURE"}, "too poor"),
        ({"status": "FAILED", "reject_reason": "REJECT_REASON_INSUFFICIENT_FUNDS"}, "REJECT_REASON_INSUFFICIENT_FUNDS"),
        ({"status": "FAILED"}, ""),
        ({"status": "CANCELLED", "cancel_message": "User requested cancel"}, "User requested cancel"),
        ({"status": "OPEN", "cancel_message": "not yet"}, ""),
    ],
)
def test_reason_of_an_end_is_in_the_venues_words(changes, reason):
    assert order({**ORDER, **changes}).reason == reason


def edit(size: str, price: str, at: str | None = None) -> dict[str, str]:
    return {"size": size, "price": price} | ({} if at is None else {"replace_accept_timestamp": at})


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], ("0.01", "60000")),
        (None, ("0.01", "60000")),
        ([edit("0.008", "60100")], ("0.008", "60100")),
        (
            [edit("0.008", "60100", "2026-11-21T10:00:09Z"), edit("0.02", "60200", "2026-11-21T10:00:08Z")],
            ("0.008", "60100"),
        ),
        (
            [edit("0.02", "60200", "2026-11-21T10:00:08Z"), edit("0.008", "60100", "2026-11-21T10:00:09Z")],
            ("0.008", "60100"),
        ),
        ([edit("0.02", "60200"), edit("0.01", "60000.0")], ("0.01", "60000")),
    ],
)
def test_edited_order_has_the_terms_of_its_latest_edit(history, expected):
    found = order({**ORDER, "edit_history": history})
    assert (found.size, found.price) == tuple(map(D, expected))


@pytest.mark.parametrize(
    "history", [[edit("0.02", "60200"), edit("0.03", "60300")], [{"size": "1"}], ["edited"], {"size": "1"}, "edited"]
)
def test_edits_that_say_no_terms_make_the_order_unreadable(history):
    with pytest.raises(UnreadableError):
        order({**ORDER, "edit_history": history})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"status": "EDIT_QUEUED"}, True),
        ({"current_pending_replace": {"price": "1", "size": "1"}}, True),
        ({"current_pending_replace": {}}, False),
    ],
)
def test_edit_under_way_shows(changes, expected):
    assert edit_under_way({**ORDER, **changes}) is expected


@pytest.mark.parametrize(("written", "count"), [("2", 2), (2, 2), ("", None), (None, None)])
def test_number_of_executions_is_read_in_all_its_forms(written, count):
    assert executions_told({**ORDER, "number_of_fills": written}) == count


@pytest.mark.parametrize("written", ["two", "-1", "1.5", 1.5, True, []])
def test_number_of_executions_that_is_none_is_unreadable(written):
    with pytest.raises(UnreadableError, match="number_of_fills"):
        executions_told({**ORDER, "number_of_fills": written})


@pytest.mark.parametrize("updated", [None, "", "0001-01-01T00:00:00Z"])
def test_order_that_was_never_updated_has_no_such_time(updated):
    assert order({**ORDER, "last_update_time": updated}).updated_venue_ms is None


@pytest.mark.parametrize("client_id", ["", None])
def test_order_without_a_client_id_has_none(client_id):
    assert order({**ORDER, "client_order_id": client_id}).client_order_id is None


def test_order_of_an_unlisted_symbol_is_unreadable():
    with pytest.raises(UnreadableError, match="symbol is not listed"):
        order({**ORDER, "product_id": "ETH-USD"})


def claims_of_amounts_hold(found: VenueOrder, filled: Any, value: Any) -> None:
    assert found.filled_size == (D(filled) if filled else 0)
    assert found.filled_value is None or found.filled_value == D(value or 0)


READ = (
    *("order_id", "product_id", "side", "client_order_id", "order_configuration", "status", "created_time"),
    *("last_update_time", "filled_size", "filled_value", "number_of_fills", "reject_reason", "edit_history"),
)


@given(st.sampled_from([ORDER, FRESH]).flatmap(lambda sample: damaged({name: sample[name] for name in READ})))
def test_damaged_order_is_unreadable_or_read_as_it_says(record):
    try:
        found = order(record)
    except UnreadableError:
        return
    assert found.venue_order_id == record["order_id"]
    assert found.side.value == record["side"]
    assert found.venue_status == record["status"]
    assert found.status is dict(STATUSES).get(record["status"]) or found.status is None
    claims_of_amounts_hold(found, record["filled_size"], record["filled_value"])
    (terms,) = record["order_configuration"].values()
    assert (found.size, found.price) == (D(terms["base_size"]), D(terms["limit_price"]))
    assert found.created_venue_ms == time_or_none(record["created_time"])


@given(
    damaged(GTC["limit_limit_gtc"]) | damaged(STOPPED) | JSON,
    st.sampled_from(["limit_limit_gtc", "stop_limit_stop_limit_gtd"]),
)
def test_damaged_configuration_is_unreadable_or_read_as_it_says(terms, kind):
    try:
        found = order(order_with(kind, terms))
    except UnreadableError:
        return
    assert (found.size, found.price) == (D(terms["base_size"]), D(terms["limit_price"]))
    assert found.stop_price == (D(terms["stop_price"]) if "stop" in kind else None)


@given(JSON)
def test_anything_in_the_place_of_an_order_is_unreadable(value):
    fill_of = partial(read_fill, symbols=BOOK, products=PRODUCTS)
    for read in (order, partial(read_update, symbols=BOOK), fill_of, read_balance):
        with pytest.raises(UnreadableError):
            read(value)


# ----- orders of events


def test_update_as_documented_is_read_without_a_time_of_its_own():
    expected = order(ORDER)
    found = update()
    assert found.updated_venue_ms is None
    assert (found.symbol, found.venue_order_id, found.client_order_id) == ("BTC-USD", VENUE_ID, CLIENT_ID)
    for name in ("side", "type", "time_in_force", "status", "size", "filled_size", "filled_value", "price"):
        assert getattr(found, name) == getattr(expected, name)
    assert (found.post_only, found.stop_price, found.created_venue_ms) == (True, None, CREATED_MS)


@pytest.mark.parametrize(
    ("changes", "kind", "lasting"),
    [
        ({"order_type": "LIMIT"}, OrderType.LIMIT, TimeInForce.GTC),
        ({"order_type": "Stop Limit", "stop_price": "59000"}, OrderType.STOP_LIMIT, TimeInForce.GTC),
        ({"order_type": "STOP_LIMIT", "stop_price": "59000"}, OrderType.STOP_LIMIT, TimeInForce.GTC),
        ({"order_type": "Market", "limit_price": ""}, OrderType.MARKET, TimeInForce.IOC),
        ({"time_in_force": "GOOD_UNTIL_DATE_TIME"}, OrderType.LIMIT, TimeInForce.GTT),
        ({"time_in_force": "IMMEDIATE_OR_CANCEL"}, OrderType.LIMIT, TimeInForce.IOC),
        ({"time_in_force": "Fill Or Kill"}, OrderType.LIMIT, TimeInForce.FOK),
    ],
)
def test_words_of_events_are_read_in_any_spelling(changes, kind, lasting):
    found = update(**changes)
    assert (found.type, found.time_in_force) == (kind, lasting)


@pytest.mark.parametrize(
    "changes",
    [
        {"order_type": ""},
        {"order_type": 5},
        {"order_type": "Bracket", "order_side": "UNKNOWN_ORDER_SIDE"},
        {"order_type": "Stop Limit"},
        {"limit_price": ""},
        {"limit_price": "0"},
        {"time_in_force": "UNKNOWN_TIME_IN_FORCE"},
        {"order_side": "UNKNOWN_ORDER_SIDE"},
        {"post_only": "yes"},
        {"post_only": 1},
        {"cumulative_quantity": None},
        {"leaves_quantity": 0.006},
        {"creation_time": "0001-01-01T00:00:00Z"},
        {"product_id": ""},
    ],
)
def test_update_that_is_not_as_documented_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        update(**changes)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, "0.010"),
        ({"status": "PENDING", "cumulative_quantity": "0", "leaves_quantity": "0.01"}, "0.01"),
        ({"status": "CANCELLED", "leaves_quantity": "0"}, "0"),
        ({"status": "EXPIRED", "leaves_quantity": "0"}, "0"),
        ({"status": "FILLED", "cumulative_quantity": "0.01", "leaves_quantity": "0"}, "0.01"),
        ({"leaves_quantity": ""}, "0.004"),
        ({"status": "UNKNOWN_ORDER_STATUS"}, "0"),
        ({"order_type": "Market", "leaves_quantity": "360"}, "0.004"),
        ({"order_type": "Market", "order_side": "SELL"}, "0.010"),
    ],
)
def test_size_of_an_event_is_told_only_while_the_order_works(changes, size):
    assert update(**changes).size == D(size)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "CANCELLED", "cancel_reason": "User requested cancel"}, "User requested cancel"),
        ({"status": "FAILED", "reject_reason": "no funds"}, "no funds"),
        ({"status": "FAILED", "reject_reason": None, "reject_Reason": "no funds"}, "no funds"),
    ],
)
def test_reason_in_an_event_is_read_in_both_spellings(changes, reason):
    assert update(**changes).reason == reason


@pytest.mark.parametrize(("kind", "expected"), [("SPOT", True), ("FUTURE", False)])
def test_update_of_another_market_is_told_apart(kind, expected):
    assert is_spot({**UPDATE, "product_type": kind}) is expected


@pytest.mark.parametrize("kind", ["UNKNOWN_PRODUCT_TYPE", "", None, 1])
def test_update_of_an_unknown_market_is_unreadable(kind):
    with pytest.raises(UnreadableError, match="product_type"):
        is_spot({**UPDATE, "product_type": kind})


@given(damaged(UPDATE))
def test_damaged_update_is_unreadable_or_read_as_it_says(record):
    try:
        found = read_update(record, BOOK)
    except UnreadableError:
        return
    assert found.venue_order_id == record["order_id"]
    assert found.side.value == record["order_side"]
    assert found.status is dict(STATUSES).get(record["status"]) or found.status is None
    claims_of_amounts_hold(found, record["cumulative_quantity"], record["filled_value"])
    assert found.price == D(record["limit_price"])
