"""Native amendments in the engine: what becomes of size, price, trigger, place in the queue and funds."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchanges.paper.model import (
    ClientIdPolicy,
    EndReason,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderTraded,
    OrderTriggered,
    PaperStatus,
)
from messages.types import Side

SIZES = (None, 1, 2, 3, 4, 5)
PRICES = (None, 48, 49, 50, 51, 52)
MIDDLE = 50
"""Where the order under test rests; somebody else wants one unit one tick towards the other side."""


class Case:
    """An order of three, partly executed, that rests ahead of a rival at its price; and what one change makes of it."""

    def __init__(self, desk, side, filled, *, scripted):
        self.desk, self.side, self.filled, self.scripted = desk, side, filled, scripted
        self.other = "BUY" if side == "SELL" else "SELL"
        self.towards = -1 if side == "SELL" else 1
        desk.engine.add_account("owner", {"USDT": Decimal(100_000), "BTC": Decimal(100)}, scripted=scripted)
        self.order = desk.rest(side, "3", str(MIDDLE), account="owner")
        self.rival = desk.rest(side, "9", str(MIDDLE), account="bob")
        if filled:
            desk.engine.execute(self.order.order_id, Decimal(MIDDLE), Decimal(filled), desk.tick())
        desk.rest(self.other, "1", str(MIDDLE + self.towards), account="bob")

    def modify(self, **changes):
        terms = {name: None if value is None else Decimal(value) for name, value in changes.items()}
        return self.desk.engine.modify("owner", self.order.order_id, self.desk.tick(), **terms)

    def now(self):
        return self.desk.now(self.order)

    def locked(self):
        return self.desk.engine.ledger.balance("owner", "BTC" if self.side == "SELL" else "USDT")[1]

    def meets(self, price):
        """How much one unit on the other side gives at this price."""
        reaches = (price - MIDDLE) * self.towards >= 1
        return 1 if reaches and not self.scripted else 0

    def is_first(self):
        """Whether the order, back at its price, executes before the rival."""
        before = self.now().filled_size
        self.desk.place(self.other, "0.5", str(MIDDLE), account="alice")
        return self.now().filled_size > before


@pytest.mark.parametrize("scripted", [False, True])
@pytest.mark.parametrize("side", ["SELL", "BUY"])
@pytest.mark.parametrize("filled", [0, 1, 2])
def test_modify_of_size_and_price_in_every_small_case_does_what_arithmetic_says(new_desk, side, filled, scripted):
    for size, price in product(SIZES, PRICES):
        case = Case(new_desk(), side, filled, scripted=scripted)
        events = case.modify(size=size, price=price)
        total, limit = size or 3, price or MIDDLE
        order = case.now()
        if (total, limit) == (3, MIDDLE):
            assert case.desk.refusal(events) == "amend_no_change"
            continue
        if total <= filled:
            assert isinstance(events[0], OrderCancelled)
            assert (order.status, order.end_reason) == (PaperStatus.CANCELLED, EndReason.AMENDED_BELOW_FILLED)
            assert (order.size, order.filled_size, case.locked()) == (3, filled, 0)
            continue
        executed = filled + case.meets(limit)
        assert isinstance(events[0], OrderAmended)
        assert (events[0].order.size, events[0].order.price, events[0].order.filled_size) == (total, limit, filled)
        assert (order.size, order.price, order.filled_size) == (total, limit, executed)
        assert order.status is (PaperStatus.FILLED if executed == total else PaperStatus.OPEN)
        assert order.amendments == 1
        assert case.locked() == (total - executed) * (1 if side == "SELL" else limit)


@pytest.mark.parametrize("side", ["SELL", "BUY"])
@pytest.mark.parametrize(
    ("size", "there", "keeps"), [(2, None, True), (4, None, False), (None, 3, False), (2, 3, False)]
)
def test_modify_keeps_the_place_only_when_nothing_but_the_size_shrinks(new_desk, side, size, there, keeps):
    case = Case(new_desk(), side, 0, scripted=False)
    assert isinstance(case.modify(size=size, price=there and MIDDLE - there * case.towards)[0], OrderAmended)
    if there:
        case.modify(price=MIDDLE)
    assert case.is_first() is keeps


def test_modify_with_a_new_client_id_alone_keeps_the_place_and_is_found_under_both(new_desk):
    case = Case(new_desk(), "SELL", 0, scripted=False)
    (event,) = case.desk.engine.modify("owner", case.order.order_id, case.desk.tick(), client_order_id="renamed")[:1]
    assert (event.previous_client_order_id, event.order.client_order_id) == (case.order.client_order_id, "renamed")
    for name in ("renamed", case.order.client_order_id):
        assert case.desk.engine.find("owner", "BTC-USDT", name).order_id == case.order.order_id
    assert case.is_first()


@pytest.mark.parametrize(("policy", "refused"), [(ClientIdPolicy.OPEN_ONLY, True), (ClientIdPolicy.ANY, False)])
def test_modify_to_the_client_id_of_another_open_order_is_refused_unless_the_venue_takes_any(new_desk, policy, refused):
    desk = new_desk(client_ids=policy)
    desk.rest("BUY", "1", "50", client_order_id="one")
    other = desk.rest("BUY", "1", "50", client_order_id="two")
    events = desk.engine.modify("alice", other.order_id, desk.tick(), client_order_id="one")
    assert (desk.now(other).client_order_id == "two") is refused
    if refused:
        assert desk.refusal(events) == "duplicate_client_id"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": "50.001"}, "price_filter"),
        ({"price": "1000000.01"}, "price_filter"),
        ({"size": "1.000001"}, "lot_size"),
        ({"size": "0"}, "lot_size"),
        ({"size": "-1"}, "lot_size"),
        ({"size": "9001"}, "lot_size"),
        ({"size": "0.09"}, "notional"),
        ({"stop_price": "60"}, "malformed"),
        ({"size": "300", "price": "40000"}, "notional"),
        ({"size": "201"}, "insufficient_funds"),
        ({"price": "100.01"}, "insufficient_funds"),
    ],
)
def test_modify_against_a_rule_or_without_funds_is_refused_and_changes_nothing(desk, changes, reason):
    desk.engine.add_account("poor", {"USDT": Decimal(10_000)})
    order = desk.rest("BUY", "100", "50", account="poor")
    terms = {name: Decimal(value) for name, value in changes.items()}
    assert desk.refusal(desk.engine.modify("poor", order.order_id, desk.tick(), **terms)) == reason
    assert desk.now(order) == order
    assert desk.engine.ledger.balance("poor", "USDT") == (5_000, 5_000)


def test_modify_to_exactly_what_the_account_can_pay_is_carried_out(desk):
    desk.engine.add_account("poor", {"USDT": Decimal(10_000)})
    order = desk.rest("BUY", "100", "50", account="poor")
    desk.engine.modify("poor", order.order_id, desk.tick(), size=Decimal(200))
    assert desk.engine.ledger.balance("poor", "USDT") == (0, 10_000)


def test_modify_of_an_order_that_is_not_open_or_not_ones_own_is_refused(desk):
    order = desk.rest("BUY", "1", "50")
    engine = desk.engine
    assert desk.refusal(engine.modify("bob", order.order_id, desk.tick(), size=Decimal(2))) == "unknown_order"
    engine.cancel("alice", order.order_id, desk.tick())
    assert desk.refusal(engine.modify("alice", order.order_id, desk.tick(), size=Decimal(2))) == "unknown_order"
    assert desk.refusal(engine.modify("alice", 999, desk.tick(), size=Decimal(2))) == "unknown_order"


def test_modify_of_a_post_only_order_to_a_price_that_takes_is_refused(desk):
    desk.rest("SELL", "1", "51", account="bob")
    order = desk.rest("BUY", "1", "50", post_only=True)
    assert desk.refusal(desk.engine.modify("alice", order.order_id, desk.tick(), price=Decimal(51))) == "would_take"
    assert desk.now(order) == order


def test_modify_that_ends_post_only_may_take_at_once(desk):
    desk.rest("SELL", "1", "51", account="bob")
    order = desk.rest("BUY", "1", "50", post_only=True)
    desk.engine.modify("alice", order.order_id, desk.tick(), price=Decimal(51), post_only=False)
    assert (desk.now(order).status, desk.now(order).filled_value) == (PaperStatus.FILLED, 51)


def test_modify_that_takes_only_what_remains_leaves_the_rest_of_the_book(desk):
    sold = desk.rest("SELL", "5", "51", account="bob")
    order = desk.rest("BUY", "3", "50")
    desk.engine.execute(order.order_id, Decimal(50), Decimal(2), desk.tick())
    events = desk.engine.modify("alice", order.order_id, desk.tick(), price=Decimal(52))
    assert [event.execution.size for event in events if isinstance(event, OrderTraded)] == [1, 1]
    assert (desk.now(order).status, desk.now(sold).filled_size) == (PaperStatus.FILLED, 1)


def test_modify_that_would_trade_with_oneself_expires_the_order_in_the_way(desk):
    mine = desk.rest("SELL", "1", "51")
    order = desk.rest("BUY", "1", "50")
    events = desk.engine.modify("alice", order.order_id, desk.tick(), price=Decimal(51))
    assert [type(event) for event in events[:2]] == [OrderAmended, OrderExpired]
    assert (desk.now(mine).end_reason, desk.now(order).filled_size) == (EndReason.SELF_TRADE, 0)


# ----- stops


def trade_at(desk, price):
    """Let others trade, so that this is the last price."""
    order = desk.rest("BUY", "0.1", price, account="bob")
    desk.engine.execute(order.order_id, Decimal(price), Decimal("0.1"), desk.tick())


def triggers(events):
    return [event.order.order_id for event in events if isinstance(event, OrderTriggered)]


@pytest.mark.parametrize("price", [None, "61000"])
def test_modify_of_a_trigger_price_arms_the_new_one_and_disarms_the_old(desk, price):
    stop = desk.placed(desk.stop("BUY", "1", "60500", price))
    desk.engine.modify("alice", stop.order_id, desk.tick(), stop_price=Decimal(60900))
    trade_at(desk, "60600")
    assert not desk.now(stop).working
    trade_at(desk, "60900")
    assert desk.now(stop).working


def test_modify_of_a_trigger_price_to_and_fro_triggers_once(desk):
    stop = desk.placed(desk.stop("BUY", "1", "60500", "60600"))
    for price in (60900, 60500, 60700):
        desk.engine.modify("alice", stop.order_id, desk.tick(), stop_price=Decimal(price))
    order = desk.rest("SELL", "2", "60800", account="bob")
    events = desk.engine.execute(order.order_id, Decimal(60800), Decimal(1), desk.tick())
    assert triggers(events) == [stop.order_id]
    assert desk.engine.best("BTC-USDT", Side.BUY) == 60600


def test_modify_of_a_trigger_price_to_where_the_market_is_is_refused(desk):
    stop = desk.placed(desk.stop("BUY", "1", "60500"))
    events = desk.engine.modify("alice", stop.order_id, desk.tick(), stop_price=Decimal(60000))
    assert desk.refusal(events) == "would_trigger"


def test_modify_of_what_a_stop_does_not_have_is_refused(desk):
    stop = desk.placed(desk.stop("BUY", "1", "60500"))
    assert desk.refusal(desk.engine.modify("alice", stop.order_id, desk.tick(), price=Decimal(61000))) == "malformed"


def test_modify_of_a_trigger_that_was_reached_is_refused_and_its_limit_still_changes(desk):
    stop = desk.placed(desk.stop("BUY", "1", "60500", "60600"))
    trade_at(desk, "60500")
    late = desk.engine.modify("alice", stop.order_id, desk.tick(), stop_price=Decimal(60700))
    assert desk.refusal(late) == "malformed"
    desk.engine.modify("alice", stop.order_id, desk.tick(), price=Decimal(60400))
    assert desk.engine.best("BTC-USDT", Side.BUY) == 60400


def test_modify_of_a_waiting_stop_locks_what_it_may_cost_now(desk):
    stop = desk.placed(desk.stop("BUY", "1", "60500", "61000"))
    desk.engine.modify("alice", stop.order_id, desk.tick(), size=Decimal(2), price=Decimal(62000))
    assert desk.engine.ledger.balance("alice", "USDT")[1] == 124_000


# ----- what some venues do otherwise


@pytest.mark.parametrize("status", [PaperStatus.CANCELLED, PaperStatus.EXPIRED])
def test_post_only_that_would_take_at_a_venue_that_accepts_it_ends_without_trading(desk, status):
    ask = desk.rest("SELL", "1", "50000", account="bob")
    order = desk.placed(desk.place("BUY", "1", "50000", post_only=True, taking_ends_as=status))
    assert (order.status, order.end_reason, order.filled_size) == (status, EndReason.WOULD_TAKE, 0)
    assert desk.now(ask).filled_size == 0
    assert desk.engine.ledger.balance("alice", "USDT")[1] == 0


def test_post_only_that_takes_nothing_at_such_a_venue_rests(desk):
    desk.rest("SELL", "1", "50001", account="bob")
    order = desk.rest("BUY", "1", "50000", post_only=True, taking_ends_as=PaperStatus.CANCELLED)
    assert order.is_open


@pytest.mark.parametrize("price", [None, "61000"])
def test_stop_that_reserves_on_its_trigger_locks_nothing_before(desk, price):
    desk.engine.add_account("poor")
    stop = desk.placed(desk.stop("BUY", "1", "60500", price, account="poor", reserve_on_trigger=True))
    desk.engine.modify("poor", stop.order_id, desk.tick(), size=Decimal(2))
    assert set(desk.engine.balances("poor").values()) == {(0, 0)}
    desk.rest("SELL", "5", "60700", account="bob")
    trade_at(desk, "60500")
    order = desk.now(stop)
    assert (order.status, order.end_reason) == (PaperStatus.EXPIRED, EndReason.TRIGGER_REFUSED)


def test_stop_that_reserves_on_its_trigger_and_can_pay_then_works(desk):
    stop = desk.placed(desk.stop("BUY", "1", "60500", "61000", reserve_on_trigger=True))
    assert desk.engine.ledger.balance("alice", "USDT")[1] == 0
    trade_at(desk, "60500")
    assert desk.now(stop).is_open
    assert desk.engine.ledger.balance("alice", "USDT")[1] == 61_000


def test_client_id_at_a_venue_that_takes_any_places_a_second_order(new_desk):
    desk = new_desk(client_ids=ClientIdPolicy.ANY)
    first = desk.rest("BUY", "1", "50", client_order_id="same")
    second = desk.rest("BUY", "1", "50", client_order_id="same")
    assert desk.engine.truth.duplicates() == {("alice", "same"): (first.order_id, second.order_id)}
    assert desk.engine.find("alice", "BTC-USDT", "same").order_id == second.order_id


# ----- any sequence of small steps

steps = st.lists(
    st.tuples(
        st.sampled_from(["modify", "modify", "execute", "against"]),
        st.integers(1, 6),
        st.integers(48, 52),
        st.booleans(),
    ),
    min_size=3,
    max_size=20,
)


def take_step(desk, order, kind, size, price, keep):
    """Change the order, execute it from outside, or let somebody meet it."""
    now = desk.now(order)
    if kind == "against":
        side = "SELL" if order.side is Side.BUY else "BUY"
        return desk.place(side, str(size), str(price), account="bob")
    if not now.is_open:
        return ()
    if kind == "execute":
        return desk.engine.execute(order.order_id, now.price, min(Decimal(size), now.remaining), desk.tick())
    new_price = None if keep else Decimal(price)
    return desk.engine.modify("alice", order.order_id, desk.tick(), size=Decimal(size), price=new_price)


# The fixture only hands out a class; every example makes a desk of its own.
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(side=st.sampled_from(Side), script=steps)
def test_order_under_any_changes_and_executions_keeps_size_funds_and_book_consistent(new_desk, side, script):
    desk = new_desk()
    order = desk.rest(side.value, "3", "50")
    for step in script:
        take_step(desk, order, *step)
        now = desk.now(order)
        executions = desk.engine.truth.executions_of_order(order.order_id)
        assert sum((one.size for one in executions), Decimal(0)) == now.filled_size <= now.size
        assert sum((one.value for one in executions), Decimal(0)) == now.filled_value
        assert (now.status is PaperStatus.FILLED) is (now.filled_size == now.size)
        asset, unit = ("USDT", now.price) if side is Side.BUY else ("BTC", 1)
        expected = now.remaining * unit if now.is_open else 0
        assert now.reserved == desk.engine.ledger.balance("alice", asset)[1] == expected
        bid, ask = desk.engine.best("BTC-USDT", Side.BUY), desk.engine.best("BTC-USDT", Side.SELL)
        assert bid is None or ask is None or bid < ask
        for asset, amount in (("USDT", 20_000_000), ("BTC", 2_000)):
            assert desk.engine.ledger.total(asset) == amount
