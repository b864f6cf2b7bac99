"""Properties of the engine under random trading: whatever is asked of it, money, book and record agree."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.paper.dialects.binance.dialect import BinanceDialect
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    NewOrder,
    OrderAccepted,
    OrderAmended,
    OrderEvent,
    OrderTraded,
    OrderTriggered,
    PaperStatus,
)
from messages.fills import Liquidity
from messages.types import OrderType, Side, TimeInForce

SYMBOL = "BTC-USDT"
ACCOUNTS = ("a", "b", "c")
DEPOSIT = {"USDT": Decimal(500_000), "BTC": Decimal(10)}

sizes = st.integers(1, 300).map(lambda lots: Decimal(lots) * Decimal("0.01"))
prices = st.integers(5_980, 6_020).map(lambda ticks: Decimal(ticks * 10))
sides = st.sampled_from(Side)
accounts = st.sampled_from(ACCOUNTS)

limits = st.builds(
    dict,
    act=st.just("place"),
    account=accounts,
    side=sides,
    type=st.just(OrderType.LIMIT),
    size=sizes,
    price=prices,
    time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
)
post_only = st.builds(
    dict,
    act=st.just("place"),
    account=accounts,
    side=sides,
    type=st.just(OrderType.LIMIT),
    size=sizes,
    price=prices,
    post_only=st.just(True),
)
markets = st.builds(
    dict, act=st.just("place"), account=accounts, side=sides, type=st.just(OrderType.MARKET), size=sizes
)
by_quote = st.builds(
    dict,
    act=st.just("place"),
    account=accounts,
    side=sides,
    type=st.just(OrderType.MARKET),
    quote_size=st.integers(10, 100_000).map(Decimal),
)
stops = st.builds(
    dict,
    act=st.just("place"),
    account=accounts,
    side=sides,
    type=st.just(OrderType.STOP_MARKET),
    size=sizes,
    stop_price=prices,
)
stop_limits = st.builds(
    dict,
    act=st.just("place"),
    account=accounts,
    side=sides,
    type=st.just(OrderType.STOP_LIMIT),
    size=sizes,
    stop_price=prices,
    price=prices,
)
changes = st.builds(
    dict, act=st.sampled_from(["cancel", "amend", "execute", "end"]), pick=st.integers(0, 50), size=sizes
)
maybe_price = st.one_of(st.none(), prices)
modifications = st.builds(
    dict,
    act=st.just("modify"),
    pick=st.integers(0, 50),
    size=st.one_of(st.none(), sizes),
    price=maybe_price,
    stop_price=maybe_price,
    post_only=st.sampled_from([None, None, True, False]),
)
anything = st.one_of(limits, limits, post_only, markets, by_quote, stops, stop_limits, changes, modifications)
acts = st.lists(anything, min_size=15, max_size=60)


def run(script, after):
    engine = Engine(BinanceDialect.instruments())
    for name in ACCOUNTS:
        engine.add_account(name, DEPOSIT)
    for now_ms, act in enumerate(script, start=1):
        before = _book(engine)
        events = _apply(engine, dict(act), now_ms)
        after(engine, act, before, events)
    return engine


def _apply(engine, act, now_ms):
    kind = act.pop("act")
    if kind == "place":
        return engine.place(NewOrder(client_order_id=f"c{now_ms}", symbol=SYMBOL, **act), now_ms)
    orders = list(engine.truth.orders.values())
    if not orders:
        return ()
    if kind == "modify":
        orders = [order for order in orders if order.is_open] or orders
    order = orders[act["pick"] % len(orders)]
    if kind == "cancel":
        return engine.cancel(order.account, order.order_id, now_ms)
    if kind == "amend":
        return engine.amend(order.account, order.order_id, act["size"], now_ms)
    if kind == "modify":
        terms = {name: act[name] for name in ("size", "price", "stop_price", "post_only")}
        # What an order does not have cannot change; asked for it, every modification of most orders would be refused.
        terms["price"] = None if order.price is None else terms["price"]
        terms["stop_price"] = None if order.stop_price is None or order.working else terms["stop_price"]
        return engine.modify(order.account, order.order_id, now_ms, **terms)
    if kind == "end":
        return engine.end(order.order_id, PaperStatus.EXPIRED, now_ms)
    if not (order.is_open and order.working and order.price is not None):
        return ()
    return engine.execute(order.order_id, order.price, min(act["size"], order.remaining), now_ms)


class Queue:
    """When each order came to its place: by its acceptance or trigger, or by an amendment that is more than a cut."""

    def __init__(self):
        self.since = {}
        self.terms = {}

    def observe(self, events):
        for event in events:
            if not isinstance(event, OrderEvent):
                continue
            order = event.order
            price, size = self.terms.get(order.order_id, (None, None))
            grown = isinstance(event, OrderAmended) and (order.price != price or order.size > size)
            if grown or isinstance(event, OrderAccepted | OrderTriggered):
                self.since[order.order_id] = event.sequence
            self.terms[order.order_id] = (order.price, order.size)

    def facing(self, taker, resting):
        sign = 1 if taker.side is Side.BUY else -1
        others = [order for order in resting if order.side is not taker.side and order.account != taker.account]
        return [o.order_id for o in sorted(others, key=lambda o: (sign * o.price, self.since[o.order_id]))]


def _took(event):
    return event.execution.liquidity is Liquidity.TAKER


def _book(engine):
    """Resting orders in the order in which they were accepted."""
    return [order for name in ACCOUNTS for order in engine.open_orders(name) if order.working and order.price]


@settings(max_examples=100, deadline=None)
@given(acts)
def test_money_under_random_trading_is_conserved_and_never_negative(script):
    def after(engine, act, before, events):
        for asset, amount in DEPOSIT.items():
            assert engine.ledger.total(asset) == amount * len(ACCOUNTS)
        for name in ACCOUNTS:
            for free, locked in engine.balances(name).values():
                assert free >= 0
                assert locked >= 0

    run(script, after)


@settings(max_examples=100, deadline=None)
@given(acts)
def test_locked_funds_under_random_trading_equal_what_open_orders_reserve(script):
    def after(engine, act, before, events):
        for name in ACCOUNTS:
            for asset, side in (("USDT", Side.BUY), ("BTC", Side.SELL)):
                reserved = sum((o.reserved for o in engine.open_orders(name) if o.side is side), Decimal(0))
                assert engine.ledger.balance(name, asset)[1] == reserved
            for order in engine.open_orders(name):
                unit = 1 if order.side is Side.SELL else order.price or order.stop_price
                assert order.reserved == order.remaining * unit
                assert order.remaining > 0

    run(script, after)


@settings(max_examples=100, deadline=None)
@given(acts)
def test_book_under_random_trading_is_never_crossed(script):
    def after(engine, act, before, events):
        bid, ask = engine.best(SYMBOL, Side.BUY), engine.best(SYMBOL, Side.SELL)
        assert bid is None or ask is None or bid < ask

    run(script, after)


@settings(max_examples=100, deadline=None)
@given(acts)
def test_executions_under_random_trading_add_up_to_each_orders_progress(script):
    def after(engine, act, before, events):
        for event in events:
            if isinstance(event, OrderTraded) and event.order.price is not None:
                sign = 1 if event.order.side is Side.BUY else -1
                assert sign * event.execution.price <= sign * event.order.price

    engine = run(script, after)
    for order in engine.truth.orders.values():
        own = engine.truth.executions_of_order(order.order_id)
        assert sum((e.size for e in own), Decimal(0)) == order.filled_size <= order.size
        assert sum((e.value for e in own), Decimal(0)) == order.filled_value
        assert (order.filled_size == order.size) is (order.status is PaperStatus.FILLED)
        if order.time_in_force is TimeInForce.FOK:
            assert order.filled_size in (0, order.size)


@settings(max_examples=100, deadline=None)
@given(acts)
def test_makers_under_random_trading_are_met_in_price_time_priority(script):
    queue = Queue()

    def after(engine, act, before, events):
        first = events[0] if events else None
        if isinstance(first, OrderAccepted | OrderAmended) and first.order.working:
            taker = first.order
            traded = [event for event in events if isinstance(event, OrderTraded)]
            # A stop that these trades trigger may take from the rest of this order, which is then a maker itself.
            ours = [event for event in traded if _took(event) and event.order.order_id == taker.order_id]
            taken = [event.execution.trade_id for event in ours]
            met = [e.order.order_id for e in traded if e.execution.trade_id in taken and e.account != taker.account]
            assert met == queue.facing(taker, before)[: len(met)]
        queue.observe(events)

    run(script, after)


@settings(max_examples=100, deadline=None)
@given(acts)
def test_accounts_under_random_trading_never_trade_with_themselves(script):
    engine = run(script, lambda *_: None)
    sides = {}
    for execution in engine.truth.executions:
        key = execution.trade_id
        assert sides.setdefault((key, execution.account), execution.order_id) == execution.order_id


@settings(max_examples=50, deadline=None)
@given(acts)
def test_engine_given_the_same_calls_emits_the_same_events(script):
    seen = []
    for _ in range(2):
        events = []
        run(script, lambda engine, act, before, now, log=events: log.extend(now))
        seen.append(events)
    assert seen[0] == seen[1]
