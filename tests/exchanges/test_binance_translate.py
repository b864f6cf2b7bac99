from decimal import Decimal

import pytest
from binance_samples import BOOK, CANCELLED, CLIENT_ID, EXECUTION, INFO, LIMITS, ORDER, PLACED, SYMBOL, TRADE, TRADED
from binance_samples import cancel as cancel_request
from binance_samples import place as place_request
from hypothesis import given
from hypothesis import strategies as st

from exchanges.binance.orders import cancel_params, place_params, plain, stop_kind
from exchanges.binance.symbols import read_exchange_info
from exchanges.binance.translate import (
    order_status,
    read_balance,
    read_execution_report,
    read_order,
    read_placed_fills,
    read_trade,
)
from exchanges.client import NotSupportedError
from exchanges.fields import UnreadableError, read_list
from exchanges.wire_json import parse_json
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import OrderType, PublicStatus, Side, TimeInForce, VenueOrder


def test_order_with_every_field_is_translated():
    assert read_order(ORDER, BOOK) == VenueOrder(
        exchange="binance",
        symbol="BTC-USDT",
        venue_order_id="28457",
        client_order_id=CLIENT_ID,
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        status=PublicStatus.OPEN,
        venue_status="PARTIALLY_FILLED",
        size=Decimal("0.01"),
        filled_size=Decimal("0.004"),
        filled_value=Decimal(240),
        price=Decimal(60000),
        created_venue_ms=1795255200150,
        updated_venue_ms=1795255207000,
    )


@pytest.mark.parametrize(
    ("venue", "reason", "ours"),
    [
        ("PENDING_NEW", None, PublicStatus.PENDING),
        ("NEW", None, PublicStatus.OPEN),
        ("PARTIALLY_FILLED", None, PublicStatus.OPEN),
        ("PENDING_CANCEL", None, PublicStatus.OPEN),
        ("FILLED", None, PublicStatus.FILLED),
        ("CANCELED", None, PublicStatus.CANCELLED),
        ("REJECTED", None, PublicStatus.FAILED),
        ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED", PublicStatus.EXPIRED),
        ("EXPIRED", "REJECTED", PublicStatus.FAILED),
        ("EXPIRED_IN_MATCH", None, PublicStatus.EXPIRED),
        ("CANCELLED", None, None),
        ("HALF_DONE", None, None),
    ],
)
def test_status_is_mapped_and_an_unknown_one_stays_unknown(venue, reason, ours):
    assert order_status(venue, reason) is ours


@pytest.mark.parametrize(
    ("venue_type", "ours", "post_only"),
    [
        ("MARKET", OrderType.MARKET, False),
        ("LIMIT", OrderType.LIMIT, False),
        ("LIMIT_MAKER", OrderType.LIMIT, True),
        ("STOP_LOSS", OrderType.STOP_MARKET, False),
        ("TAKE_PROFIT", OrderType.STOP_MARKET, False),
        ("STOP_LOSS_LIMIT", OrderType.STOP_LIMIT, False),
        ("TAKE_PROFIT_LIMIT", OrderType.STOP_LIMIT, False),
    ],
)
def test_order_type_is_mapped_back(venue_type, ours, post_only):
    order = read_order({**ORDER, "type": venue_type, "stopPrice": "70000"}, BOOK)
    assert (order.type, order.post_only) == (ours, post_only)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("lasting", [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
@pytest.mark.parametrize("venue_type", ["MARKET", "LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT"])
def test_order_of_any_side_type_and_time_in_force_keeps_all_three(side, lasting, venue_type):
    record = {**ORDER, "side": side.value, "timeInForce": lasting.value, "type": venue_type, "stopPrice": "70000"}
    order = read_order(record, BOOK)
    assert order.side is side
    assert order.time_in_force is (TimeInForce.IOC if venue_type == "MARKET" else lasting)
    assert order.post_only is (venue_type == "LIMIT_MAKER")


def test_market_order_has_no_price_and_is_immediate():
    order = read_order({**ORDER, "type": "MARKET", "price": "0.00000000", "origQuoteOrderQty": "240.5"}, BOOK)
    assert (order.price, order.time_in_force, order.quote_size) == (None, TimeInForce.IOC, Decimal("240.5"))


def test_negative_quote_total_of_old_orders_is_unknown():
    assert read_order({**ORDER, "cummulativeQuoteQty": "-1.00000000"}, BOOK).filled_value is None


def test_cancel_answer_names_the_order_not_the_cancel():
    order = read_order(CANCELLED, BOOK)
    assert (order.client_order_id, order.status) == (CLIENT_ID, PublicStatus.CANCELLED)


def test_order_shown_under_the_id_of_our_cancel_is_recognised():
    own_id = dict(cancel_params(cancel_request(), "BTCUSDT"))["newClientOrderId"]
    assert own_id != CLIENT_ID
    assert len(own_id) <= 36
    assert read_order({**ORDER, "clientOrderId": own_id}, BOOK).client_order_id == CLIENT_ID


def test_fills_of_a_place_answer_are_translated_and_bad_ones_counted():
    order = read_order(PLACED, BOOK)
    fills, unreadable = read_placed_fills({**PLACED, "fills": [*PLACED["fills"], {"price": "1"}]}, order)
    assert unreadable == 1
    assert fills == (
        VenueFill(
            exchange="binance",
            symbol="BTC-USDT",
            fill_id="5601",
            venue_order_id="28457",
            client_order_id=CLIENT_ID,
            side=Side.BUY,
            price=Decimal(60000),
            size=Decimal("0.004"),
            fee=Decimal("0.000004"),
            fee_currency="BTC",
            liquidity=Liquidity.TAKER,
            venue_time_ms=1795255200150,
            source=FillSource.REST,
        ),
    )


def test_trade_is_translated():
    fill = read_trade({**TRADE, "isBuyer": False, "isMaker": True}, BOOK)
    assert (fill.fill_id, fill.venue_order_id, fill.client_order_id) == ("5601", "28457", None)
    assert (fill.side, fill.liquidity, fill.size) == (Side.SELL, Liquidity.MAKER, Decimal("0.004"))


def test_execution_report_new_has_no_fill():
    order, fill = read_execution_report(EXECUTION, BOOK)
    assert fill is None
    assert (order.status, order.client_order_id, order.reason) == (PublicStatus.OPEN, CLIENT_ID, "")


def test_execution_report_trade_has_the_fill_with_the_key_of_rest():
    order, fill = read_execution_report(TRADED, BOOK)
    assert order.filled_size == Decimal("0.004")
    assert fill is not None
    assert (fill.fill_id, fill.venue_order_id) == ("5601", "28457")
    assert (fill.price, fill.size, fill.fee, fill.fee_currency) == (
        Decimal(60000),
        Decimal("0.004"),
        Decimal("0.000004"),
        "BTC",
    )
    assert (fill.liquidity, fill.source) == (Liquidity.MAKER, FillSource.STREAM)


def test_execution_report_cancel_finds_the_order_id_where_it_moved_to():
    event = {**EXECUTION, "x": "CANCELED", "X": "CANCELED", "c": "some-cancel", "C": CLIENT_ID}
    order, fill = read_execution_report(event, BOOK)
    assert (order.client_order_id, order.status, fill) == (CLIENT_ID, PublicStatus.CANCELLED, None)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        (
            {"x": "EXPIRED", "X": "EXPIRED", "eR": "UNFILLED_IOC_QUANTITY_EXPIRED"},
            PublicStatus.EXPIRED,
            "UNFILLED_IOC_QUANTITY_EXPIRED",
        ),
        ({"x": "EXPIRED", "X": "EXPIRED", "eR": "REJECTED"}, PublicStatus.FAILED, "REJECTED"),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "v": 3}, PublicStatus.EXPIRED, ""),
        ({"x": "REPLACED", "q": "0.008"}, PublicStatus.OPEN, ""),
        (
            {"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES"},
            PublicStatus.FAILED,
            "INSUFFICIENT_BALANCES",
        ),
    ],
)
def test_execution_report_of_other_kinds_is_translated(changes, status, reason):
    order, fill = read_execution_report({**EXECUTION, **changes}, BOOK)
    assert (order.status, order.reason, fill) == (status, reason, None)


@pytest.mark.parametrize(
    "changes",
    [{"x": "MELTED"}, {"t": -1}, {"l": "0"}, {"i": "28457"}, {"C": None}, {"o": "STOP_LOSS"}],
)
def test_execution_report_that_cannot_be_trusted_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read_execution_report({**TRADED, **changes}, BOOK)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1_000", " 1", "1e5", "", "-1", "\uff11", 1.5, 1, None, True, [], "0x1"]
)
def test_amount_that_is_not_as_documented_is_unreadable(value):
    with pytest.raises(UnreadableError):
        read_order({**ORDER, "origQty": value}, BOOK)


WRONG = [None, "", "secret", "-7", -7, 1.5, True, False, [], ["secret"], {"secret": "secret"}]
ABSENT = object()
TEXTS = ("", "secret", "-7")
ORDER_FIELDS = {
    **dict.fromkeys(("symbol", "clientOrderId", "status"), TEXTS[1:]),
    **dict.fromkeys(("side", "type", "timeInForce", "orderId", "origQty", "executedQty", "price"), ()),
    "cummulativeQuoteQty": ("-7",),
    **dict.fromkeys(("stopPrice", "origQuoteOrderQty"), (None,)),
    **dict.fromkeys(("time", "updateTime"), (None, -7)),
    **dict.fromkeys(("expiryReason", "origClientOrderId"), (None, *TEXTS)),
}
"""Fields of an order, and which of the wrong values are right for them."""
REPORT_FIELDS = {
    **dict.fromkeys(("s", "c", "X"), TEXTS[1:]),
    **dict.fromkeys(("S", "o", "f", "x", "i", "q", "z", "Z", "p", "t", "L", "l"), ()),
    "n": ("-7",),
    "C": TEXTS,
    **dict.fromkeys(("P", "Q"), (None,)),
    "T": (-7,),
    "O": (None, -7),
    **dict.fromkeys(("N", "eR", "r"), (None, *TEXTS)),
    "m": (True, False),
}


@pytest.mark.parametrize(
    ("read", "sample", "name", "value"),
    [
        (read, sample, name, value)
        for read, sample, fields in ((read_order, ORDER, ORDER_FIELDS), (read_execution_report, TRADED, REPORT_FIELDS))
        for name, right in fields.items()
        for value in [*WRONG, ABSENT]
        if not any((None if value is ABSENT else value) is each for each in right)
    ],
)
def test_record_with_one_wrong_field_is_refused_by_its_name_and_not_its_value(read, sample, name, value):
    record = {key: each for key, each in {**sample, name: value}.items() if each is not ABSENT}
    with pytest.raises(UnreadableError) as refused:
        read(record, BOOK)
    assert str(refused.value).split()[0] == name
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("stop", [None, "0.00000000"])
def test_stop_order_without_a_stop_price_is_refused_by_the_name_of_the_price(stop):
    with pytest.raises(UnreadableError, match=r"^stopPrice "):
        read_order({**ORDER, "type": "STOP_LOSS_LIMIT", "stopPrice": stop}, BOOK)
    with pytest.raises(UnreadableError, match=r"^P "):
        read_execution_report({**TRADED, "o": "STOP_LOSS_LIMIT", "P": stop}, BOOK)


def test_order_with_two_moments_was_updated_at_the_later_one():
    for updated_ms, transacted_ms in ((5, 9), (9, 5)):
        order = read_order({**ORDER, "updateTime": updated_ms, "transactTime": transacted_ms}, BOOK)
        assert order.updated_venue_ms == 9


def test_order_was_updated_when_it_was_transacted_where_it_says_nothing_else():
    assert read_order({**ORDER, "updateTime": None, "transactTime": 9}, BOOK).updated_venue_ms == 9
    for wrong in ("", "9", 0.0, False, []):
        with pytest.raises(UnreadableError, match=r"^transactTime "):
            read_order({**ORDER, "transactTime": wrong}, BOOK)


def test_amounts_keep_their_digits_as_written():
    order, fill = read_execution_report({**TRADED, "q": "00.0100", "L": "60000.10", "n": "-0.00"}, BOOK)
    assert fill is not None
    assert (str(order.size), str(fill.price), str(fill.fee)) == ("0.0100", "60000.10", "-0.00")


def test_amount_that_was_read_before_is_judged_by_each_field_anew():
    for _ in range(2):
        fill = read_execution_report({**TRADED, "n": "-7"}, BOOK)[1]
        assert fill is not None
        assert fill.fee == Decimal(-7)
        assert read_order({**ORDER, "origQty": "7"}, BOOK).size == Decimal(7)
        for wrong in ("-7", 7, 7.0):
            with pytest.raises(UnreadableError, match=r"^origQty "):
                read_order({**ORDER, "origQty": wrong}, BOOK)


def test_balance_total_is_exact():
    entry = {"asset": "SHIB", "free": "123456789012345678901234567890.12345678", "locked": "0.00000001"}
    asset, total, free = read_balance(entry, asset="asset", free="free", locked="locked")
    assert (asset, total) == ("SHIB", Decimal("123456789012345678901234567890.12345679"))
    assert free == Decimal(entry["free"])


def test_list_with_one_bad_record_keeps_the_others():
    found, unreadable = read_list([TRADE, {"id": 1}, None, TRADE], lambda item: read_trade(item, BOOK))
    assert (len(found), unreadable) == (2, 2)


def test_exchange_info_gives_instrument_names_and_budgets():
    info = read_exchange_info({**INFO, "symbols": [SYMBOL, {"symbol": "X"}]}, {}, 7)
    (instrument,) = info.instruments
    assert info.unreadable == 1
    assert (instrument.symbol, instrument.venue_symbol, instrument.trading) == ("BTC-USDT", "BTCUSDT", True)
    assert (instrument.tick_size, instrument.step_size) == (Decimal("0.01"), Decimal("0.00001"))
    assert (instrument.market_step_size, instrument.market_max_size) == (None, Decimal(100))
    assert (instrument.min_notional, instrument.min_notional_on_market) == (Decimal(5), True)
    assert instrument.order_types == frozenset(OrderType)
    assert [(budget.name, budget.limit) for budget in info.budgets] == [
        ("weight-60000", 6000),
        ("orders-10000", 100),
        ("orders-86400000", 200000),
    ]
    assert len(LIMITS) == 4


def test_exchange_info_older_notional_filter_is_read():
    filters = [{"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": False}]
    (instrument,) = read_exchange_info({"symbols": [{**SYMBOL, "filters": filters}]}, {}, 7).instruments
    assert (instrument.min_notional, instrument.min_notional_on_market, instrument.tick_size) == (
        Decimal(10),
        False,
        None,
    )


@pytest.mark.parametrize(
    ("status", "trading", "cancel_only"),
    [("TRADING", True, False), ("HALT", False, False), ("CANCEL_ONLY", False, True), ("NEW_STATUS", False, False)],
)
def test_exchange_info_status_decides_what_is_allowed(status, trading, cancel_only):
    (instrument,) = read_exchange_info({"symbols": [{**SYMBOL, "status": status}]}, {}, 7).instruments
    assert (instrument.trading, instrument.cancel_only) == (trading, cancel_only)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "60000"}),
        ({"time_in_force": TimeInForce.IOC}, {"type": "LIMIT", "timeInForce": "IOC"}),
        ({"time_in_force": TimeInForce.FOK}, {"type": "LIMIT", "timeInForce": "FOK"}),
        ({"time_in_force": TimeInForce.GTT}, {"type": "LIMIT", "timeInForce": "GTC"}),
        ({"post_only": True}, {"type": "LIMIT_MAKER", "timeInForce": None, "price": "60000"}),
        ({"type": OrderType.MARKET, "price": None}, {"type": "MARKET", "quantity": "0.01", "timeInForce": None}),
        (
            {"type": OrderType.MARKET, "price": None, "size": None, "quote_size": Decimal("240.50")},
            {"type": "MARKET", "quoteOrderQty": "240.5", "quantity": None},
        ),
        (
            {"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal(70000)},
            {"type": "STOP_LOSS", "stopPrice": "70000", "timeInForce": None, "price": None},
        ),
        (
            {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(70000), "side": Side.SELL},
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "70000", "price": "60000", "timeInForce": "GTC", "side": "SELL"},
        ),
    ],
)
def test_placement_becomes_the_venues_parameters(changes, expected):
    params = dict(place_params(place_request(**changes), "BTCUSDT", None))
    assert {name: params.get(name) for name in expected} == expected
    assert (params["symbol"], params["newClientOrderId"], params["newOrderRespType"]) == ("BTCUSDT", CLIENT_ID, "FULL")


@pytest.mark.parametrize(
    "changes",
    [
        {"reduce_only": True},
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"type": OrderType.MARKET, "post_only": True},
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(1), "post_only": True},
        {"type": OrderType.STOP_MARKET},
        {"price": None},
        {"size": None},
        {"size": None, "quote_size": Decimal(5)},
        {"type": OrderType.MARKET, "quote_size": Decimal(5)},
    ],
)
def test_placement_that_the_venue_cannot_do_is_refused(changes):
    with pytest.raises(NotSupportedError):
        place_params(place_request(**changes), "BTCUSDT", None)


@pytest.mark.parametrize(
    ("side", "stop", "kind"),
    [
        (Side.BUY, 110, "STOP_LOSS"),
        (Side.SELL, 110, "TAKE_PROFIT"),
        (Side.SELL, 90, "STOP_LOSS"),
        (Side.BUY, 90, "TAKE_PROFIT"),
        (Side.BUY, 100, "STOP_LOSS"),
    ],
)
def test_stop_kind_follows_the_side_of_the_market(side, stop, kind):
    assert stop_kind(side, Decimal(stop), Decimal(100)) == kind
    assert stop_kind(side, Decimal(stop), None) == "STOP_LOSS"


@pytest.mark.parametrize(
    ("value", "written"), [("1E+3", "1000"), ("0.0100", "0.01"), ("1E-8", "0.00000001"), ("10", "10")]
)
def test_amount_is_written_plainly(value, written):
    assert plain(Decimal(value)) == written


def test_cancel_of_a_foreign_order_with_a_long_id_lets_the_venue_name_the_cancel():
    params = dict(cancel_params(cancel_request(client_order_id="x" * 36, venue_order_id=None), "BTCUSDT"))
    assert params == {"symbol": "BTCUSDT", "origClientOrderId": "x" * 36}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw, sample):
    """A documented record with some fields missing, renamed or replaced."""
    record = dict(sample)
    for name in draw(st.lists(st.sampled_from(sorted(sample)), min_size=1, max_size=3, unique=True)):
        value = record.pop(name)
        match draw(st.sampled_from(["missing", "renamed", "replaced"])):
            case "renamed":
                record[name + "_"] = value
            case "replaced":
                record[name] = draw(JSON)
            case _:
                continue
    return record


def agrees(order: VenueOrder, record, names) -> bool:
    """What was read is what is written, and nothing was filled in."""
    side, kind, size, filled, status = names
    return (
        record[side] == order.side.value
        and isinstance(record[kind], str)
        and Decimal(record[size]) == order.size
        and Decimal(record[filled]) == order.filled_size
        and record[status] == order.venue_status
        and (order.status is None or order_status(order.venue_status, order.reason or None) is order.status)
    )


@given(damaged(ORDER))
def test_damaged_order_is_unreadable_or_says_only_what_is_written(record):
    try:
        order = read_order(record, BOOK)
    except UnreadableError:
        return
    assert agrees(order, record, ("side", "type", "origQty", "executedQty", "status"))
    assert str(record["orderId"]) == order.venue_order_id


@given(damaged(TRADED))
def test_damaged_execution_report_is_unreadable_or_says_only_what_is_written(record):
    try:
        order, fill = read_execution_report(record, BOOK)
    except UnreadableError:
        return
    assert agrees(order, record, ("S", "o", "q", "z", "X"))
    assert (fill is not None) == (record["x"] == "TRADE")
    if fill is not None:
        assert (fill.fill_id, fill.size) == (str(record["t"]), Decimal(record["l"]))


@given(damaged(TRADE))
def test_damaged_trade_is_unreadable_or_says_only_what_is_written(record):
    try:
        fill = read_trade(record, BOOK)
    except UnreadableError:
        return
    assert (fill.fill_id, fill.size) == (str(record["id"]), Decimal(record["qty"]))
    assert fill.price == Decimal(record["price"])
    assert (fill.side is Side.BUY) is record["isBuyer"]


@given(damaged(SYMBOL))
def test_damaged_symbol_is_skipped_or_named_by_its_assets(record):
    info = read_exchange_info({"symbols": [record]}, {}, 1)
    assert len(info.instruments) + info.unreadable == 1
    for instrument in info.instruments:
        assert instrument.symbol == f"{record['baseAsset']}-{record['quoteAsset']}"


@given(st.binary(max_size=40))
def test_body_of_any_bytes_is_json_or_unreadable(body):
    try:
        parse_json(body)
    except UnreadableError:
        return
