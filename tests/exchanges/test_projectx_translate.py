from decimal import Decimal

import pytest
from fuzzing import JSON, damaged, written
from hypothesis import given
from projectx_samples import (
    ACCOUNT,
    BOOK,
    CLIENT_ID,
    CONTRACT,
    CREATED_MS,
    LIMIT,
    LISTED,
    ORDER,
    POSITION,
    TRADE,
    parsed,
)

from exchanges.fields import UnreadableError
from exchanges.projectx.executions import read_bar, read_position, read_spec_fill, read_trade
from exchanges.projectx.forms import iso
from exchanges.projectx.symbols import ContractBook, read_contracts
from exchanges.projectx.translate import read_order
from exchanges.symbols import SymbolBook
from exchanges.times import zoned_or_none
from messages.fills import FillSource, Liquidity
from messages.types import OrderType, PublicStatus, Side, TimeInForce


def order(**changes):
    return read_order(LIMIT | changes, BOOK, ACCOUNT)


def test_documented_market_order_is_read_whole():
    read = read_order(ORDER, BOOK, ACCOUNT)
    assert (read.exchange, read.symbol, read.venue_order_id, read.client_order_id) == (
        "projectx",
        CONTRACT,
        "36598",
        CLIENT_ID,
    )
    assert (read.side, read.type, read.time_in_force) == (Side.BUY, OrderType.MARKET, TimeInForce.IOC)
    assert (read.status, read.venue_status) == (PublicStatus.FILLED, "Filled")
    assert (read.size, read.filled_size, read.price, read.stop_price) == (Decimal(1), Decimal(1), None, None)
    assert (read.created_venue_ms, read.updated_venue_ms) == (CREATED_MS, CREATED_MS)
    assert not read.post_only
    assert not read.reduce_only


def test_executed_value_is_not_made_of_a_price_that_may_be_no_average():
    assert read_order(ORDER, BOOK, ACCOUNT).filled_value is None
    assert order().filled_value == 0


@pytest.mark.parametrize(
    ("code", "name", "status"),
    [
        (0, "None", PublicStatus.PENDING),
        (1, "Open", PublicStatus.OPEN),
        (2, "Filled", PublicStatus.FILLED),
        (3, "Cancelled", PublicStatus.CANCELLED),
        (4, "Expired", PublicStatus.EXPIRED),
        (5, "Rejected", PublicStatus.FAILED),
        (6, "Pending", PublicStatus.PENDING),
        (7, "PendingCancellation", PublicStatus.OPEN),
        (8, "Suspended", PublicStatus.PENDING),
    ],
)
def test_status_in_each_of_its_forms_is_the_same(code, name, status):
    for form in (code, name, str(code)):
        read = order(status=form)
        assert (read.status, read.venue_status) == (status, name)


@pytest.mark.parametrize("form", [9, 99, -1, "Halted", "9"])
def test_status_that_is_unknown_keeps_the_venues_word(form):
    read = order(status=form)
    assert (read.status, read.venue_status) == (None, str(form))


@pytest.mark.parametrize("form", [None, True, Decimal(1), [], {}, ""])
def test_status_that_is_no_code_is_unreadable(form):
    with pytest.raises(UnreadableError, match="status"):
        order(status=form)


@pytest.mark.parametrize(
    ("code", "name", "kind"),
    [
        (1, "Limit", OrderType.LIMIT),
        (2, "Market", OrderType.MARKET),
        (3, "StopLimit", OrderType.STOP_LIMIT),
        (4, "Stop", OrderType.STOP_MARKET),
        (5, "TrailingStop", OrderType.STOP_MARKET),
        (6, "JoinBid", OrderType.LIMIT),
        (7, "JoinAsk", OrderType.LIMIT),
    ],
)
def test_type_in_each_of_its_forms_is_the_same(code, name, kind):
    for form in (code, name, str(code)):
        read = order(type=form, stopPrice=Decimal("6300.5"))
        assert read.type is kind
        assert read.time_in_force is (TimeInForce.IOC if kind is OrderType.MARKET else TimeInForce.GTC)


@pytest.mark.parametrize("field", ["type", "side"])
@pytest.mark.parametrize("form", [None, 12, "Other", True, Decimal(1), [], {}])
def test_type_or_side_that_is_unknown_is_unreadable(field, form):
    with pytest.raises(UnreadableError, match=field):
        order(**{field: form})


@pytest.mark.parametrize(("form", "side"), [(0, Side.BUY), (1, Side.SELL), ("Bid", Side.BUY), ("Ask", Side.SELL)])
def test_side_in_each_of_its_forms_is_ours(form, side):
    assert order(side=form).side is side


@pytest.mark.parametrize("field", ["updateTimestamp", "symbolId", "filledPrice", "customTag", "stopPrice"])
def test_order_without_an_optional_field_is_readable(field):
    absent = {name: value for name, value in LIMIT.items() if name != field}
    assert read_order(absent, BOOK, ACCOUNT) == order(**{field: None})


def test_order_that_does_not_say_when_it_was_updated_has_no_time_of_its_own():
    read = order(updateTimestamp=None)
    assert (read.created_venue_ms, read.updated_venue_ms) == (CREATED_MS, None)


@pytest.mark.parametrize("value", ["", "now", 5, True])
def test_order_with_an_update_at_no_time_is_unreadable(value):
    with pytest.raises(UnreadableError, match="updateTimestamp"):
        order(updateTimestamp=value)


@pytest.mark.parametrize("tag", [None, ""])
def test_order_of_the_platforms_users_has_no_client_id(tag):
    assert not order(customTag=tag).client_order_id


def test_client_id_of_ours_in_capitals_is_the_same_and_other_tags_stay():
    assert order(customTag=CLIENT_ID.upper()).client_order_id == CLIENT_ID
    assert order(customTag="Someone-Else").client_order_id == "Someone-Else"
    assert order(customTag="Z" * 32).client_order_id == "Z" * 32


@pytest.mark.parametrize(("status", "expected"), [(2, (PublicStatus.FILLED, 3)), (6, (PublicStatus.PENDING, 0))])
def test_unsaid_volume_follows_from_a_status_that_leaves_one_answer(status, expected):
    read = order(status=status, fillVolume=None)
    assert (read.status, read.filled_size) == expected


@pytest.mark.parametrize("status", [1, 3, 4, 5, 7])
def test_unsaid_volume_of_an_order_that_may_have_executed_leaves_its_status_open(status):
    assert order(status=status, fillVolume=None).status is None


def test_unsaid_volume_is_what_the_executions_come_to():
    read = read_order(LIMIT | {"status": 3, "fillVolume": None}, BOOK, ACCOUNT, executed=Decimal(2))
    assert (read.status, read.filled_size) == (PublicStatus.CANCELLED, Decimal(2))


@pytest.mark.parametrize("status", [3, 4, 5])
@pytest.mark.parametrize(("executed", "settled"), [(0, False), (2, False), (2, True), (3, False)])
def test_end_with_unsaid_volume_is_known_when_nothing_more_can_be_listed(status, executed, settled):
    shown = LIMIT | {"status": status, "fillVolume": None}
    read = read_order(shown, BOOK, ACCOUNT, executed=Decimal(executed), settled=settled)
    assert read.filled_size == executed
    assert (read.status is not None) == (settled or executed == 3)


def test_said_volume_counts_more_than_executions():
    assert read_order(LIMIT | {"fillVolume": 1}, BOOK, ACCOUNT, executed=Decimal(2)).filled_size == 1


@pytest.mark.parametrize(
    "digits", ["6335.250000000", "6335", "-37.63", "0.0000005", "0", "12345678901234567890.1234567890"]
)
def test_price_is_read_digit_for_digit(digits):
    assert order(limitPrice=parsed(digits)).price == Decimal(digits)
    assert order(limitPrice=digits).price == Decimal(digits)


@pytest.mark.parametrize("value", [True, [], {}, "", "1e5", "NaN", Decimal("1E+400"), Decimal("NaN")])
def test_price_that_is_no_number_is_unreadable(value):
    with pytest.raises(UnreadableError, match="limitPrice"):
        order(limitPrice=value)


@pytest.mark.parametrize("changes", [{"limitPrice": None}, {"type": 4}, {"type": 3}])
def test_order_without_the_price_of_its_type_is_unreadable(changes):
    with pytest.raises(UnreadableError, match="price"):
        order(**changes)


@pytest.mark.parametrize("account", [705, "704", None, True])
def test_order_of_another_account_is_unreadable(account):
    with pytest.raises(UnreadableError, match=r"account|accountId"):
        order(accountId=account)


@pytest.mark.parametrize("size", [0, -1, "3", Decimal(3), True, None])
def test_size_that_is_no_number_of_contracts_is_unreadable(size):
    with pytest.raises(UnreadableError, match="size"):
        order(size=size)


def test_large_sizes_are_read_as_small_ones():
    read = order(size=123456, fillVolume=100001)
    assert (read.size, read.filled_size) == (Decimal(123456), Decimal(100001))


def test_order_of_an_unlisted_contract_is_unreadable_and_has_the_names_read_again():
    doubts = []
    with pytest.raises(UnreadableError, match="not listed"):
        read_order(LIMIT, SymbolBook(on_unlisted=lambda: doubts.append(1)), ACCOUNT)
    assert doubts == [1]


# ----- times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-18T21:00:01.268009+00:00", CREATED_MS),
        ("2025-07-18T21:00:01.268999+00:00", CREATED_MS),
        ("2025-07-18T21:00:01.2680094+00:00", CREATED_MS),
        ("2025-07-18T21:00:01.268Z", CREATED_MS),
        ("2025-07-18T16:00:01.268-05:00", CREATED_MS),
        ("2025-07-18T21:00:01+00:00", CREATED_MS - 268),
    ],
)
def test_time_is_cut_off_to_milliseconds(text, expected):
    assert zoned_or_none(text) == expected


@pytest.mark.parametrize(
    "value", ["2025-07-18T21:00:01.268009", "2025-07-18", "", "now", None, CREATED_MS, "2025-13-18T21:00:01+00:00"]
)
def test_time_that_is_none_is_not_read(value):
    assert zoned_or_none(value) is None


def test_time_written_and_read_is_the_same():
    assert iso(CREATED_MS) == "2025-07-18T21:00:01.268+00:00"
    assert zoned_or_none(iso(CREATED_MS)) == CREATED_MS


# ----- executions, positions, bars


def test_documented_trade_is_read_whole():
    fill, voided = read_trade(TRADE, BOOK, ACCOUNT)
    assert not voided
    assert (fill.fill_id, fill.venue_order_id, fill.client_order_id, fill.symbol) == ("8604", "36598", None, CONTRACT)
    assert (fill.side, fill.price, fill.size) == (Side.BUY, Decimal("6335.25"), Decimal(1))
    assert (fill.fee, fill.fee_currency, fill.liquidity) == (Decimal("1.4"), "USD", Liquidity.UNKNOWN)
    assert (fill.venue_time_ms, fill.source) == (CREATED_MS + 255, FillSource.REST)


def test_trade_with_commissions_costs_both():
    fill, _ = read_trade(TRADE | {"commissions": Decimal("0.78"), "profitAndLoss": None}, BOOK, ACCOUNT)
    assert fill.fee == Decimal("2.18")


def test_trade_that_was_taken_back_says_so():
    fill, voided = read_trade(TRADE | {"voided": True}, BOOK, ACCOUNT)
    assert voided
    assert fill.fill_id == "8604"


@pytest.mark.parametrize("field", [name for name in TRADE if name != "profitAndLoss"])
def test_trade_without_a_field_is_unreadable(field):
    with pytest.raises(UnreadableError):
        read_trade({name: value for name, value in TRADE.items() if name != field}, BOOK, ACCOUNT)


@pytest.mark.parametrize(
    ("changes", "net"), [({}, 2), ({"type": 2}, -2), ({"type": "Short"}, -2), ({"size": 0, "type": 0}, 0)]
)
def test_position_is_signed(changes, net):
    assert read_position(POSITION | changes, ACCOUNT) == (CONTRACT, Decimal(net))


@pytest.mark.parametrize("changes", [{"type": 0}, {"type": None}, {"size": -1}, {"size": None}, {"accountId": 1}])
def test_position_that_does_not_say_what_is_held_is_unreadable(changes):
    with pytest.raises(UnreadableError):
        read_position(POSITION | changes, ACCOUNT)


def test_bar_is_its_time_and_its_last_price():
    bar = parsed('{"t":"2025-07-18T21:00:01+00:00","o":1.5,"h":2.5,"l":1.25,"c":2.25,"v":7}')
    assert read_bar(bar) == (CREATED_MS - 268, Decimal("2.25"))


# ----- contracts


def listing(*contracts, aliases=None, known=None):
    return read_contracts({"contracts": list(contracts)}, aliases or {}, 7, *([] if known is None else [known]))


def test_listed_contract_is_an_instrument_under_its_full_id():
    (instrument,) = listing(LISTED).instruments
    assert (instrument.symbol, instrument.venue_symbol, instrument.base, instrument.quote) == (*[CONTRACT] * 3, "USD")
    assert (instrument.tick_size, instrument.multiplier) == (Decimal("0.25"), Decimal(50))
    assert (instrument.step_size, instrument.min_size, instrument.trading) == (1, 1, True)
    assert not instrument.post_only_allowed
    assert not instrument.quote_size_allowed
    assert instrument.as_of_ms == 7


def test_contract_with_an_alias_is_named_by_it():
    found = listing(LISTED, aliases={"ES-USD": CONTRACT})
    assert found.instruments[0].symbol == "ES-USD"
    assert found.symbols.venue("ES-USD") == CONTRACT


def test_contract_that_is_listed_no_more_keeps_its_name():
    known = listing(LISTED).symbols
    other = LISTED | {"id": "CON.F.US.EP.Z25"}
    assert listing(other, known=known).symbols.canonical(CONTRACT) == CONTRACT


@pytest.mark.parametrize(
    "changes", [{"tickSize": 0}, {"tickValue": None}, {"tickSize": 3, "tickValue": 1}, {"activeContract": "yes"}]
)
def test_contract_with_unusable_rules_is_counted_and_keeps_its_name(changes):
    found = listing(LISTED | changes, {"id": None})
    assert (found.instruments, found.unreadable) == ((), 2)
    assert found.symbols.canonical(CONTRACT) == CONTRACT


def test_contract_with_an_alias_has_it_before_it_is_listed():
    assert listing(aliases={"ES-USD": CONTRACT}).symbols.canonical(CONTRACT) == "ES-USD"


def contract_book(**names):
    met = []
    return ContractBook(**names, on_unlisted=lambda: met.append("doubt"), on_met=met.append), met


def test_unlisted_contract_goes_by_its_full_id_and_is_met():
    book, met = contract_book(to_canonical={CONTRACT: "ES-USD"}, to_venue={"ES-USD": CONTRACT})
    assert (book.canonical(CONTRACT), book.venue("ES-USD"), met) == ("ES-USD", CONTRACT, [])
    assert (book.canonical("CON.F.US.EP.Z25"), met) == ("CON.F.US.EP.Z25", ["CON.F.US.EP.Z25", "doubt"])
    assert (book.venue("CON.F.US.EP.H26"), met[2:]) == ("CON.F.US.EP.H26", ["CON.F.US.EP.H26", "doubt"])


@pytest.mark.parametrize("name", ["NQ", "", "con.f.us", "CON.F-1", "CON.F.US.TAKEN"])
def test_unlisted_name_that_is_no_full_id_or_another_contracts_is_unreadable(name):
    book, met = contract_book(to_canonical={CONTRACT: "CON.F.US.TAKEN"}, to_venue={"CON.F.US.TAKEN": CONTRACT})
    with pytest.raises(UnreadableError, match="not listed"):
        book.canonical(name)
    assert met == ["doubt"]


@pytest.mark.parametrize("payload", [None, [], {}, {"contracts": None}])
def test_listing_that_is_none_is_unreadable(payload):
    with pytest.raises(UnreadableError):
        read_contracts(payload, {}, 7)


# ----- damaged records


@given(damaged(LIMIT | {"fillVolume": 2, "stopPrice": Decimal("1.5")}))
def test_damaged_order_is_unreadable_or_says_only_what_is_written(record):
    try:
        read = read_order(record, BOOK, ACCOUNT)
    except UnreadableError:
        return
    assert record["id"] == int(read.venue_order_id)
    assert read.size == written(record["size"])
    volume = record.get("fillVolume")
    assert read.filled_size == volume if volume is not None else read.status in (None, *PENDING_OR_FILLED)
    assert read.price == (None if record.get("limitPrice") is None else Decimal(str(record["limitPrice"])))
    assert read.stop_price == (None if record.get("stopPrice") is None else Decimal(str(record["stopPrice"])))
    assert read.client_order_id == (record.get("customTag") or read.client_order_id)
    assert record["contractId"] == read.symbol
    assert record["accountId"] == ACCOUNT
    assert str(record["status"]) in (read.venue_status, "1") or read.status is not None


PENDING_OR_FILLED = (PublicStatus.PENDING, PublicStatus.FILLED)


@given(damaged(TRADE))
def test_damaged_trade_is_unreadable_or_says_only_what_is_written(record):
    try:
        fill, voided = read_trade(record, BOOK, ACCOUNT)
    except UnreadableError:
        return
    assert record["voided"] is voided
    assert (fill.fill_id, fill.venue_order_id) == (str(record["id"]), str(record["orderId"]))
    assert (fill.size, fill.price) == (written(record["size"]), Decimal(str(record["price"])))
    assert fill.fee == Decimal(str(record["fees"]))
    assert fill.venue_time_ms == zoned_or_none(record["creationTimestamp"])


@given(damaged(POSITION))
def test_damaged_position_is_unreadable_or_says_only_what_is_written(record):
    try:
        contract, net = read_position(record, ACCOUNT)
    except UnreadableError:
        return
    assert contract == record["contractId"]
    assert abs(net) == written(record["size"])


@given(damaged(LISTED))
def test_damaged_contract_is_counted_or_says_only_what_is_written(record):
    found = listing(record)
    assert len(found.instruments) + found.unreadable == 1
    for instrument in found.instruments:
        assert instrument.venue_symbol == record["id"]
        assert instrument.tick_size == Decimal(str(record["tickSize"]))
        assert instrument.multiplier * instrument.tick_size == Decimal(str(record["tickValue"]))


@given(JSON)
def test_anything_at_all_in_place_of_a_record_is_unreadable(value):
    for read in (read_order, read_trade):
        with pytest.raises(UnreadableError):
            read(value, BOOK, ACCOUNT)
    with pytest.raises(UnreadableError):
        read_position(value, ACCOUNT)
    with pytest.raises(UnreadableError):
        read_bar(value)
    with pytest.raises(UnreadableError):
        read_spec_fill(value if isinstance(value, dict) else {})
