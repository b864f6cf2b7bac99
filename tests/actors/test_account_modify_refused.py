"""Changes that are refused and why, changes that need no venue, and hosts that ask how far theirs is."""

from decimal import Decimal
from typing import Any

import pytest

from exchanges.gateway import AmendScope
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    CreateDraft,
    ModifyOrder,
    PlaceOrder,
    ReplaceVenueOrder,
)
from messages.control import ReportCommand, StoreAvailability
from messages.queries import OrderUnresolved, RefusalCode
from messages.reports import StreamLost
from messages.types import (
    ModificationKind,
    OrderState,
    OrderType,
    VenueOrder,
)
from tests.actors.account_kit import HEAD, shown, submit
from tests.actors.modify_kit import (
    LESS,
    MORE,
    OTHER,
    PRICE,
    SIZE,
    ModifyAccount,
    Venue,
    done,
    refused,
    working_order,
)
from tests.factories import make


def begun(**can: Any) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    account = ModifyAccount(**can)
    venue = Venue(account)
    place = working_order(account, venue)
    account.pass_ms(10)
    return account, venue, place


def native() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    return begun(amend=AmendScope.NATIVE)


# ----- refused


def refusal_of(account: ModifyAccount, order_id: str, **changes: Any) -> Any:
    account.modify(order_id, **changes)
    for kind in (AmendVenueOrder, ReplaceVenueOrder, CancelVenueOrder):
        assert account.to_venue(kind) == []
    return refused(account.answer())


def test_change_of_an_order_in_the_wrong_state_is_refused() -> None:
    account, venue, place = begun()
    assert refusal_of(account, "nobody", size=LESS).code is RefusalCode.UNKNOWN_ORDER
    venue.fill(place.client_order_id, SIZE)
    account.modify(place.order_id, correlation_id="m2", message_id="mod-2", size=MORE)
    assert refused(account.answer("m2")).code is RefusalCode.WRONG_STATE


def test_change_of_an_order_that_is_being_cancelled_is_refused() -> None:
    account, _, place = begun()
    account.cancel_by_id(place.order_id)
    account.modify(place.order_id, size=LESS)
    assert refused(account.answer()).code is RefusalCode.WRONG_STATE
    assert account.to_venue(AmendVenueOrder) == []


def test_change_of_an_order_that_others_placed_is_refused_until_it_is_claimed() -> None:
    account = ModifyAccount()
    foreign = make(VenueOrder, symbol="BTC-USDT", client_order_id="manual-1", filled_size=Decimal(0))
    account.hear(foreign)
    answer = refusal_of(account, account.only_order().order_id, size=LESS)
    assert (answer.code, "ClaimOrder" in answer.text) == (RefusalCode.WRONG_STATE, True)


def test_change_of_a_market_order_is_refused() -> None:
    account = ModifyAccount()
    place = account.placed(type=OrderType.MARKET, price=None)
    account.accept(place, shown(place))
    assert refusal_of(account, place.order_id, size=LESS).code is RefusalCode.INVALID_ORDER


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": Decimal("0.004")}, RefusalCode.INVALID_ORDER),
        ({"size": Decimal("0.003")}, RefusalCode.INVALID_ORDER),
        ({"size": Decimal(-1)}, RefusalCode.INVALID_ORDER),
        ({"size": 0.005}, RefusalCode.INVALID_ORDER),
        ({"stop_price": PRICE}, RefusalCode.INVALID_ORDER),
        ({"size": Decimal("0.0080001")}, RefusalCode.INSTRUMENT_RULE),
        ({"price": OTHER}, RefusalCode.NOT_SUPPORTED),
        ({"size": MORE}, RefusalCode.NOT_SUPPORTED),
    ],
)
def test_change_of_an_order_that_executed_in_part_is_refused_with_the_reason(
    changes: dict[str, Any], code: RefusalCode
) -> None:
    account, venue, place = begun()
    venue.fill(place.client_order_id, Decimal("0.004"))
    version = account.order(place).version
    assert refusal_of(account, place.order_id, **changes).code is code
    assert account.order(place).version == version


def test_change_to_an_invalid_price_is_refused_before_anything_is_sent() -> None:
    account, _, place = native()
    assert refusal_of(account, place.order_id, price=Decimal("42400.001")).code is RefusalCode.INSTRUMENT_RULE


def test_change_with_the_gate_closed_passes_only_where_it_makes_less() -> None:
    account, venue, place = native()
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    assert refusal_of(account, place.order_id, price=OTHER).code is RefusalCode.GATE_CLOSED
    account.modify(place.order_id, correlation_id="m2", message_id="mod-2", size=LESS)
    account.do(venue.amend(venue.take(AmendVenueOrder)))
    assert done(account.answer("m2"))


def test_change_with_the_store_away_is_refused_and_nothing_leaves() -> None:
    account, _, place = native()
    account.do(StoreAvailability(available=False))
    assert refusal_of(account, place.order_id, size=LESS).code is RefusalCode.STORE_UNAVAILABLE


def test_amend_leaves_only_when_it_is_durable() -> None:
    account, _, place = begun()
    account.take(make_modify(place.order_id, size=LESS))
    assert account.to_venue(AmendVenueOrder) == []
    account.commit()
    assert len(account.to_venue(AmendVenueOrder)) == 1


def make_modify(order_id: str, **changes: Any) -> Any:
    return ModifyOrder(account_id="1", order_id=order_id, correlation_id="m1", message_id="mod-1", **changes)


# ----- what changes nothing, drafts, patience


def test_change_that_changes_nothing_is_done_at_once() -> None:
    account, _, place = begun()
    account.modify(place.order_id, size=Decimal("0.010"), price=PRICE)
    answer = done(account.answer())
    assert (answer.native, answer.kept_order_id, answer.kept_priority) == (True, True, True)
    assert account.to_venue(AmendVenueOrder) == []


def test_change_that_changes_nothing_of_an_unknown_order_pretends_nothing() -> None:
    account = ModifyAccount()
    place = account.placed()
    account.modify(place.order_id, price=PRICE)
    assert isinstance(account.answer(), OrderUnresolved)


def test_draft_is_changed_in_place_and_placed_with_the_new_terms() -> None:
    account = ModifyAccount()
    terms = submit()
    draft = make(
        CreateDraft, account_id="1", correlation_id="d1", message_id="d1", side=terms.side, type=terms.type,
        size=SIZE, price=PRICE,
    )  # fmt: skip
    account.do(draft)
    order = account.only_order()
    account.modify(order.order_id, price=OTHER, size=MORE)
    changed = account.only_order()
    assert (changed.state, changed.price, changed.size, changed.version) == (OrderState.DRAFT, OTHER, MORE, 1)
    assert done(account.answer()).view.order.price == OTHER
    account.modify(order.order_id, correlation_id="m2", price=OTHER, size=MORE)
    assert done(account.answer("m2")).duplicate


def test_host_that_asks_how_far_its_change_is_gets_the_order() -> None:
    account, _, place = begun()
    account.modify(place.order_id, size=LESS)
    account.do(ReportCommand(account_id="1", command_id="m1"))
    answer = account.answer()
    assert isinstance(answer, OrderUnresolved)
    assert answer.view is not None
    assert (answer.view.local_id, answer.view.replace_pending) == (place.order_id, True)


def test_modification_record_survives_a_restart_as_it_was_asked() -> None:
    account, _, place = begun()
    account.modify(place.order_id, size=LESS)
    again = account.restarted()
    change = again.views.orders[place.order_id].modification
    assert change is not None
    assert (change.modify_id, change.kind, change.size) == ("mod-1", ModificationKind.AMEND, LESS)
