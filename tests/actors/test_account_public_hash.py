"""The public hash of open orders: repaired at every comparison, one field for each order."""

from actors.store.port import EVERY_FIELD, Section, Table
from messages.codec import encode_record
from messages.commands import PlaceOrder
from messages.reports import OpenOrdersFetched, OrderReported, PlaceAccepted
from messages.types import Evidence, PublicStatus
from tests.actors.account_kit import Account, shown, submit, written
from tests.factories import make

HEAD = {"account_id": "1", "exchange": "binance"}


def resting(account: Account) -> PlaceOrder:
    account.do(submit())
    place: PlaceOrder = account.to_venue(PlaceOrder)[-1]
    account.do(make(PlaceAccepted, **HEAD, order_id=place.order_id, order=shown(place)))
    return place


def fields(section: Section) -> list[tuple[str, bool]]:
    return [(write.field, write.value is not None) for write in written(section, Table.OPEN)]


def test_comparison_writes_the_whole_hash_and_the_time_of_it() -> None:
    account = Account()
    place = resting(account)
    asked_ms = account.system.clock.now_ms() + 10
    account.system.run_for(15)
    asked = make(Evidence, sent_ms=asked_ms)
    account.take(make(OpenOrdersFetched, **HEAD, order_id="", orders=(shown(place),), evidence=asked))
    (section,) = account.staged
    assert fields(section) == [(EVERY_FIELD, False), ("28", True)]
    (synced,) = written(section, Table.LAST_SYNC)
    assert (synced.value, synced.scope) == (str(asked_ms).encode(), "1")


def test_comparison_with_records_that_could_not_be_read_is_no_synchronisation() -> None:
    account = Account()
    account.take(make(OpenOrdersFetched, **HEAD, order_id="", orders=(), unreadable=1))
    (section,) = account.staged
    assert written(section, Table.LAST_SYNC) == []


def test_orders_of_two_symbols_with_one_venue_id_have_a_field_each() -> None:
    account = Account()
    place = resting(account)
    foreign = shown(place, symbol="ETH-USDT", client_order_id="someone")
    account.take(make(OrderReported, **HEAD, order_id="", order=foreign))
    assert fields(account.staged[-1]) == [("someone", True)]
    account.commit()
    ended = shown(place, symbol="ETH-USDT", client_order_id="someone", status=PublicStatus.CANCELLED)
    account.take(make(OrderReported, **HEAD, order_id="", order=ended))
    assert fields(account.staged[-1]) == [("someone", False)]


def test_orders_first_seen_in_one_list_have_a_field_each() -> None:
    account = Account()
    place = make(PlaceOrder)
    listed = (shown(place, client_order_id="one"), shown(place, symbol="ETH-USDT", client_order_id="two"))
    account.take(make(OpenOrdersFetched, **HEAD, order_id="", orders=listed))
    assert fields(account.staged[-1]) == [(EVERY_FIELD, False), ("28", True), ("two", True)]


def test_load_writes_the_hash_anew() -> None:
    account = Account(open_gate=False)
    before = Account()
    place = resting(before)
    order = before.views.orders[place.order_id]
    lease_records = {Table.ORDERS: {order.order_id: encode_record(order)}}
    sections: list[Section] = []
    account.commit = lambda *_: sections.extend(account.staged)  # type: ignore[method-assign]
    account.load(lease_records)
    assert fields(sections[-1])[:2] == [(EVERY_FIELD, False), ("28", True)]
