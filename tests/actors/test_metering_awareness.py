"""What an account counts of comparisons, rules and modifications: by the records and events of its turns."""

from dataclasses import replace
from decimal import Decimal
from time import monotonic

import pytest

from actors.memory import AccountMemory
from actors.notes import Agreed
from messages import (
    InitiatedBy,
    KillSwitch,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    RiskRuleTriggered,
    StateTransition,
    Trigger,
)
from tests.actors.metering_kit import Counted
from tests.factories import NOW_MS, make


@pytest.fixture
def counted() -> Counted:
    return Counted()


def order(order_id: str = "o1", **changes: object) -> Order:
    values = {"order_id": order_id, "state": OrderState.ACKNOWLEDGED, "idempotency_key": "k", "external": False}
    return make(Order, **(values | changes))


# ----- open orders as the venue has them


def age_s(counted: Counted) -> float | None:
    return counted.registry.get_sample_value("open_orders_sync_age_seconds", {"exchange": "binance"})


def test_complete_list_is_counted_and_the_open_orders_are_as_old_as_it(counted: Counted) -> None:
    counted.release(Agreed("binance", NOW_MS - 7_200_000))

    assert counted.value("open_orders_sync_total", exchange="binance", outcome="complete") == 1
    assert 7200 <= (age_s(counted) or 0) < 10_000


def test_open_orders_of_an_account_that_was_never_compared_age_from_its_loading_on(counted: Counted) -> None:
    assert age_s(counted) is None
    counted.load()
    assert age_s(counted) is not None


def test_open_orders_of_an_account_that_lost_its_place_age_no_more(counted: Counted) -> None:
    counted.load()
    counted.release(Agreed("binance", NOW_MS))

    counted.meter.take_stock(AccountMemory())

    assert age_s(counted) is None


def test_list_asked_for_by_a_clock_that_was_set_back_ages_from_now_on(counted: Counted) -> None:
    counted.release(Agreed("binance", NOW_MS + 7_200_000))

    deadline = monotonic() + 5
    while (age_s(counted) or 0) <= 0:
        assert monotonic() < deadline


def adopted(counted: Counted, kind: str) -> float:
    return counted.value("orders_adopted_total", exchange="binance", kind=kind)


def test_order_that_others_placed_is_counted_once_when_it_appears(counted: Counted) -> None:
    foreign = order(idempotency_key=None, external=True)

    counted.release(foreign)
    counted.release(replace(foreign, filled_size=Decimal(1)))
    counted.release(replace(foreign, external=False))

    assert (adopted(counted, "external"), adopted(counted, "ours")) == (1, 0)


def test_order_that_the_store_had_lost_is_counted_as_ours_when_it_appears(counted: Counted) -> None:
    lost = order(idempotency_key=None)

    counted.release(lost)
    counted.release(replace(lost, idempotency_key="k"))

    assert (adopted(counted, "external"), adopted(counted, "ours")) == (0, 1)


def test_order_that_we_place_or_have_loaded_is_not_adopted(counted: Counted) -> None:
    loaded = order("o2", idempotency_key=None, external=True)
    counted.load(loaded)

    counted.release(order("o1"), loaded)

    assert (adopted(counted, "external"), adopted(counted, "ours")) == (0, 0)


# ----- rules


def rule(name: str, action: str) -> RiskRuleTriggered:
    return RiskRuleTriggered(
        account_id="1", rule=name, limit="1", actual="2", action=action, order_id="o1", at_ms=NOW_MS
    )


@pytest.mark.parametrize(
    ("name", "action", "refusals", "self_trades", "duplicates"),
    [
        ("maxOrderNotional", "reject", 1, 0, 0),
        ("killSwitch", "reject", 1, 0, 0),
        ("selfTrade", "reject", 1, 1, 0),
        ("selfTrade", "cancel", 0, 1, 0),
        ("duplicateToleranceTicks", "reject", 1, 0, 1),
        ("maxPosition", "close", 0, 0, 0),
    ],
)
def test_rule_that_refuses_or_acts_is_counted_as_what_it_did(
    counted: Counted, name: str, action: str, refusals: int, self_trades: int, duplicates: int
) -> None:
    counted.release(events=(rule(name, action),))

    assert counted.value("risk_refusals_total", rule=name) == refusals
    assert counted.value("self_trades_prevented_total") == self_trades
    assert counted.value("duplicate_orders_prevented_total") == duplicates
    assert counted.value("idempotency_duplicate_orders_prevented_total") == 0


def switch(*, on: bool) -> KillSwitch:
    return KillSwitch(on=on, since_ms=NOW_MS)


def test_kill_switch_is_shown_from_when_it_was_thrown_until_it_is_off(counted: Counted) -> None:
    def shown() -> float | None:
        return counted.registry.get_sample_value("kill_switch_on", {"account": "1"})

    counted.load()
    assert shown() is None
    counted.release(switch(on=True))
    assert shown() == 1
    counted.release(switch(on=False))
    assert shown() == 0


def test_kill_switch_that_was_on_before_a_restart_is_shown(counted: Counted) -> None:
    counted.load(switch(on=True))

    assert counted.value("kill_switch_on", account="1") == 1


def test_kill_switch_that_the_configuration_holds_is_shown_whatever_was_commanded() -> None:
    counted = Counted(held=True)

    counted.load(switch(on=False))
    assert counted.value("kill_switch_on", account="1") == 1
    counted.release(switch(on=False))
    assert counted.value("kill_switch_on", account="1") == 1


# ----- modifications


def modification(kind: ModificationKind) -> Modification:
    return Modification(
        modify_id="m1",
        kind=kind,
        size=Decimal(1),
        asked_ms=NOW_MS,
        initiated_by=InitiatedBy.USER,
        replacement_id=None if kind is ModificationKind.AMEND else "o2",
    )


def modified(counted: Counted, kind: str) -> tuple[float, float]:
    good, bad = (
        counted.value("order_modifications_total", kind=kind, outcome=outcome)
        for outcome in ("modified", "not_modified")
    )
    return good, bad


def step(order_id: str = "o1", state: OrderState = OrderState.ACKNOWLEDGED) -> StateTransition:
    trigger = Trigger.USER_MODIFY_ORDER
    return make(StateTransition, order_id=order_id, from_state=state, to_state=state, trigger=trigger)


AMEND = modification(ModificationKind.AMEND)
REPLACES = (ModificationKind.VENUE_REPLACE, ModificationKind.CANCEL_THEN_PLACE)


def test_amend_is_counted_when_it_is_settled_by_whether_the_terms_changed(counted: Counted) -> None:
    counted.release(order(modification=AMEND))
    assert modified(counted, "amend") == (0, 0)
    counted.release(order(), step())
    assert modified(counted, "amend") == (1, 0)

    counted.release(order(modification=AMEND))
    counted.release(order(), step("another"))
    assert modified(counted, "amend") == (1, 1)


def test_draft_that_is_changed_in_place_is_counted(counted: Counted) -> None:
    counted.release(order(state=OrderState.DRAFT), step(state=OrderState.DRAFT))

    assert modified(counted, "draft") == (1, 0)


@pytest.mark.parametrize("kind", REPLACES)
@pytest.mark.parametrize(
    ("state", "fills", "worked"),
    [
        (OrderState.ACKNOWLEDGED, 0, True),
        (OrderState.PARTIALLY_FILLED, 1, True),
        (OrderState.FILLED, 1, True),
        (OrderState.CANCELLED, 1, True),
        (OrderState.REJECTED, 0, False),
        (OrderState.FAILED, 0, False),
        (OrderState.CANCELLED, 0, False),
    ],
)
def test_replace_is_counted_when_the_order_that_takes_the_place_is_answered(
    counted: Counted, kind: ModificationKind, state: OrderState, fills: int, *, worked: bool
) -> None:
    pending = order(modification=modification(kind))
    replacement = order("o2", state=OrderState.PENDING, replaces="o1")
    counted.release(pending, replacement)
    counted.release(order(state=OrderState.CANCELLED), replace(replacement, state=OrderState.SUBMITTED))
    assert modified(counted, kind) == (0, 0)

    counted.release(replace(replacement, state=state, fill_count=fills))

    assert modified(counted, kind) == (worked, not worked)


@pytest.mark.parametrize("kind", REPLACES)
def test_replace_whose_record_stays_a_while_is_counted_once(counted: Counted, kind: ModificationKind) -> None:
    pending = order(modification=modification(kind))
    answered = order("o2", replaces="o1")
    counted.release(pending, replace(answered, state=OrderState.SUBMITTED))

    counted.release(answered, pending)
    counted.release(pending)
    counted.release(replace(answered, filled_size=Decimal(1)))

    assert modified(counted, kind) == (1, 0)


@pytest.mark.parametrize("kind", REPLACES)
def test_replace_that_was_under_way_at_a_restart_is_counted_when_it_is_answered(
    counted: Counted, kind: ModificationKind
) -> None:
    replacement = order("o2", state=OrderState.SUBMITTED, replaces="o1")
    counted.load(order(modification=modification(kind)), replacement)

    counted.release(replace(replacement, state=OrderState.ACKNOWLEDGED))

    assert modified(counted, kind) == (1, 0)


def test_replace_that_was_settled_before_a_restart_is_not_counted_again(counted: Counted) -> None:
    answered = order("o2", replaces="o1")
    counted.load(order(modification=modification(ModificationKind.VENUE_REPLACE)), answered)

    counted.release(replace(answered, filled_size=Decimal(1)))

    assert modified(counted, "venue_replace") == (0, 0)
