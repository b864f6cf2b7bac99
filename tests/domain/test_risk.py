"""Limits on orders: what passes exactly at each, what is refused one step above, and what cannot be judged."""

from dataclasses import replace
from decimal import Decimal

import pytest
from exposure_kit import USDT, D, any_orders, by_quote, market, order, position, stop_limit, stop_market
from hypothesis import given
from hypothesis import strategies as st
from risk_kit import EVERY_NOTIONAL, NEW, NO_LIMITS, OPEN_NOTIONAL, coarse, draft, figures, limits, refusal_of

from actors.domain.assets import Assets
from actors.domain.risk import RiskLimits, needs_reference
from messages import Order, OrderState, Side

# ----- nothing to hold it to


@pytest.mark.parametrize("new", [draft(), draft(reference_price=None), market(NEW), by_quote(NEW), stop_limit(NEW)])
@pytest.mark.parametrize("assets", [USDT, None])
def test_limits_that_are_not_set_let_everything_pass(new: Order, assets: Assets | None) -> None:
    others = (market("a"), by_quote("b"), order("c", symbol="NEW"))
    assert refusal_of(new, NO_LIMITS, *others, positions=position("1000000"), placed=10**9, assets=assets) is None
    assert not needs_reference(new, NO_LIMITS)


# ----- whether at all, and how often


def test_kill_switch_refuses_every_order_and_before_all_else() -> None:
    by = limits(kill_switch=True, allowed_symbols=frozenset(), max_orders_per_minute=0)
    assert figures(refusal_of(draft(), by)) == ("killSwitch", "off", "on")


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        ({"BTC-USDT"}, None),
        ({"ETH-BTC", "BTC-USDT"}, None),
        ({"ETH-BTC", "ADA-BTC"}, ("allowedSymbols", "ADA-BTC, ETH-BTC", "BTC-USDT")),
        ({"BTC-USD"}, ("allowedSymbols", "BTC-USD", "BTC-USDT")),
        (set(), ("allowedSymbols", "none", "BTC-USDT")),
    ],
)
def test_allowed_symbols_refuse_every_other(allowed: set[str], refused: tuple[str, str, str] | None) -> None:
    assert figures(refusal_of(draft(), limits(allowed_symbols=frozenset(allowed)))) == refused


@pytest.mark.parametrize(("placed", "passes"), [(0, True), (9, True), (10, False), (11, False)])
def test_orders_per_minute_pass_up_to_the_limit(placed: int, *, passes: bool) -> None:
    refused = refusal_of(draft(), limits(max_orders_per_minute=10), placed=placed)
    assert figures(refused) == (None if passes else ("maxOrdersPerMinute", "10", str(placed + 1)))


def test_orders_per_minute_of_none_refuse_the_first() -> None:
    refused = refusal_of(draft(), limits(max_orders_per_minute=0))
    assert figures(refused) == ("maxOrdersPerMinute", "0", "1")


# ----- the order by itself


@pytest.mark.parametrize(
    ("new", "value"),
    [
        (draft(), "200"),
        (draft(reference_price=None), "200"),
        (draft(side=Side.SELL), "200"),
        (stop_limit(NEW, price=D(90)), "180"),
        (stop_market(NEW, reference_price=D(1)), "200"),
        (market(NEW, reference_price=D("100.5")), "201"),
        (by_quote(NEW), "200"),
        (by_quote(NEW, reference_price=D(3)), "200"),
        (draft(filled_size=D(1), state=OrderState.PARTIALLY_FILLED), "200"),
    ],
)
def test_order_notional_passes_exactly_at_the_limit_and_not_above(new: Order, value: str) -> None:
    below = D(value) - D("0.00000001")
    assert refusal_of(new, limits(max_order_notional=D(value))) is None
    refused = refusal_of(new, limits(max_order_notional=below))
    assert figures(refused) == ("maxOrderNotional", format(below, "f"), value)


def test_order_notional_above_the_limit_says_what_would_pass() -> None:
    by = limits(max_order_notional=D(100))
    sized, by_value = refusal_of(draft(price=D(30)), limits(max_order_notional=D(10))), refusal_of(by_quote(NEW), by)
    assert sized is not None
    assert by_value is not None
    assert "a size of up to 0.333333333333 at 30 would pass" in sized.text
    assert "a quote_size of up to 100 would pass" in by_value.text


@pytest.mark.parametrize(
    ("new", "assets", "why"),
    [
        (market(NEW), USDT, "market's price is not known"),
        (market(NEW, reference_price=D(100)), None, "instrument BTC-USDT of binance is not known"),
        (draft(), None, "instrument BTC-USDT of binance is not known"),
        (by_quote(NEW), None, "instrument BTC-USDT of binance is not known"),
        (draft(size=D(0)), USDT, "size of the order is not known"),
    ],
)
@pytest.mark.parametrize("name", EVERY_NOTIONAL)
def test_notional_limit_that_cannot_be_judged_refuses_and_says_why(
    name: str, new: Order, assets: Assets | None, why: str
) -> None:
    refused = refusal_of(new, limits(**{name: D(10**9)}), assets=assets)
    assert figures(refused) == (OPEN_NOTIONAL.get(name, "maxOrderNotional"), "1000000000", "unknown")
    assert refused is not None
    assert why in refused.text


@pytest.mark.parametrize(
    ("prices", "actual"),
    [
        ({"price": "105"}, None),
        ({"price": "95"}, None),
        ({"price": "100"}, None),
        ({"price": "105.00001"}, "5.01"),
        ({"price": "94.99999"}, "5.01"),
        ({"price": "1"}, "99"),
        ({"price": "105." + "0" * 20 + "1"}, "5.01"),
        ({"price": "100", "stop_price": "105"}, None),
        ({"price": "100", "stop_price": "106"}, "6"),
        ({"price": "106", "stop_price": "100"}, "6"),
        ({"price": None, "stop_price": "95"}, None),
        ({"price": None, "stop_price": "94"}, "6"),
        ({"price": None}, None),
    ],
)
def test_price_collar_holds_both_prices_in_both_directions(prices: dict[str, str | None], actual: str | None) -> None:
    values = {name: None if price is None else D(price) for name, price in prices.items()}
    refused = refusal_of(draft(**values), limits(price_collar_percent=D(5)))
    assert figures(refused) == (None if actual is None else ("priceCollarPercent", "5", actual))


def test_price_collar_that_refuses_names_the_price_and_what_would_pass() -> None:
    refused = refusal_of(draft(stop_price=D(400)), limits(price_collar_percent=D("2.5")))
    wide = refusal_of(draft(price=D(400)), limits(price_collar_percent=D(200)))
    assert refused is not None
    assert wide is not None
    assert refused.text.startswith("stop_price 400 is 300 % away")
    assert "97.5 to 102.5 would pass" in refused.text
    assert "0 to 300 would pass" in wide.text


def test_price_collar_names_prices_that_the_venue_takes() -> None:
    by = limits(price_collar_percent=D("0.33"))
    refused = refusal_of(draft(price=D(150)), by, instrument=coarse())
    assert refused is not None
    assert "99.7 to 100.3 would pass" in refused.text
    for price in ("99.7", "100.3"):
        assert refusal_of(draft(price=D(price)), by, instrument=coarse()) is None
    none = refusal_of(draft(price=D(150)), by, instrument=coarse(tick_size=D(70)))
    assert none is not None
    assert none.text.endswith("the venue takes no price that would pass")


def test_order_notional_above_the_limit_names_a_size_that_the_venue_takes() -> None:
    by = limits(max_order_notional=D(100))
    refused = refusal_of(draft(price=D(30)), limits(max_order_notional=D(50)), instrument=coarse())
    assert refused is not None
    assert "a size of up to 1.5 at 30 would pass" in refused.text
    none = refusal_of(draft(price=D(900)), by, instrument=coarse())
    assert none is not None
    assert none.text.endswith("not even the smallest size that the venue takes would pass")


@pytest.mark.parametrize("reference", [None, D(0), D(-1)])
def test_price_collar_without_a_market_price_refuses_what_has_a_price(reference: Decimal | None) -> None:
    refused = refusal_of(draft(reference_price=reference), limits(price_collar_percent=D(5)))
    assert figures(refused) == ("priceCollarPercent", "5", "unknown")
    assert refusal_of(market(NEW, reference_price=reference), limits(price_collar_percent=D(5))) is None


# ----- how many are open


OTHERS = (order("a"), order("b", side=Side.SELL), market("c"))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("max_open_orders_per_symbol", "maxOpenOrders.perSymbol"),
        ("max_open_orders_per_account", "maxOpenOrders.perAccount"),
    ],
)
@pytest.mark.parametrize(("limit", "passes"), [(5, True), (4, True), (3, False), (2, False), (0, False)])
def test_open_orders_pass_up_to_the_limit(name: str, rule: str, limit: int, *, passes: bool) -> None:
    refused = refusal_of(draft(), limits(**{name: limit}), *OTHERS)
    assert figures(refused) == (None if passes else (rule, str(limit), "4"))


@pytest.mark.parametrize("elsewhere", [{"symbol": "ETH-BTC"}, {"exchange": "kraken"}])
def test_open_orders_of_other_places_count_for_the_account_only(elsewhere: dict[str, str]) -> None:
    others = [replace(each, **elsewhere) for each in OTHERS]
    assert refusal_of(draft(), limits(max_open_orders_per_symbol=1), *others) is None
    refused = refusal_of(draft(), limits(max_open_orders_per_account=3), *others)
    assert figures(refused) == ("maxOpenOrders.perAccount", "3", "4")


def test_open_orders_do_not_grow_with_a_replacement_while_the_replaced_one_is_open() -> None:
    by = limits(max_open_orders_per_symbol=2, max_open_orders_per_account=2)
    assert refusal_of(draft(), by, *OTHERS, without=OTHERS[0]) is None
    assert figures(refusal_of(draft(), by, *OTHERS[:2], without=order("gone"))) == ("maxOpenOrders.perSymbol", "2", "3")


# ----- the order of the rules


def test_rules_that_are_all_broken_are_named_in_their_order() -> None:
    by = RiskLimits(
        kill_switch=True,
        allowed_symbols=frozenset({"ADA-USDT"}),
        max_orders_per_minute=0,
        max_order_notional=D(1),
        price_collar_percent=D(0),
        max_open_orders_per_symbol=0,
        max_open_orders_per_account=0,
        max_open_notional_per_symbol=D(1),
        max_open_notional_per_exchange=D(1),
        max_open_notional_per_account=D(1),
        max_position={"BTC-USDT": D(1)},
    )
    lifted: list[tuple[str, dict[str, object]]] = [
        ("killSwitch", {"kill_switch": False}),
        ("allowedSymbols", {"allowed_symbols": None}),
        ("maxOrdersPerMinute", {"max_orders_per_minute": None}),
        ("maxOrderNotional", {"max_order_notional": None}),
        ("priceCollarPercent", {"price_collar_percent": None}),
        ("maxOpenOrders.perSymbol", {"max_open_orders_per_symbol": None}),
        ("maxOpenOrders.perAccount", {"max_open_orders_per_account": None}),
        ("maxOpenNotional.perSymbol", {"max_open_notional_per_symbol": None}),
        ("maxOpenNotional.perExchange", {"max_open_notional_per_exchange": None}),
        ("maxOpenNotional.perAccount", {"max_open_notional_per_account": None}),
        ("maxPosition", {"max_position": {}}),
    ]
    new = draft(price=D(90))
    for rule, lift in lifted:
        refused = refusal_of(new, by, order("a"), placed=1)
        assert refused is not None
        assert refused.rule == rule
        by = replace(by, **lift)  # type: ignore[arg-type]
    assert by == NO_LIMITS


# ----- whether the market's price is needed


@pytest.mark.parametrize(
    ("new", "needing"),
    [
        (order(NEW), {"price_collar_percent"}),
        (stop_limit(NEW), {"price_collar_percent"}),
        (stop_market(NEW), {"price_collar_percent"}),
        (market(NEW), set(EVERY_NOTIONAL)),
        (by_quote(NEW), {"max_position"}),
        (by_quote(NEW, reduce_only=True), set()),
        (by_quote(NEW, symbol="ETH-BTC"), set()),
        (market(NEW, reference_price=D(1)), set(EVERY_NOTIONAL)),
        (order(NEW, side=Side.SELL), {"price_collar_percent", *EVERY_NOTIONAL}),
        (order(NEW, reference_price=D(1)), set()),
    ],
)
def test_reference_price_is_needed_only_by_limits_that_cannot_judge_without(new: Order, needing: set[str]) -> None:
    every: dict[str, object] = dict.fromkeys((*EVERY_NOTIONAL, "price_collar_percent"), D(10**6))
    every |= {"max_open_orders_per_symbol": 1, "max_open_orders_per_account": 1, "max_orders_per_minute": 1}
    every |= {"max_position": {"BTC-USDT": D(10**6)}, "allowed_symbols": frozenset({"X"}), "kill_switch": True}
    assert {name for name, value in every.items() if needs_reference(new, limits(**{name: value}))} == needing


@given(any_orders(), st.sampled_from([*EVERY_NOTIONAL, "price_collar_percent", "max_position"]))
def test_reference_price_that_is_not_needed_is_never_missed(drawn: Order, name: str) -> None:
    unplaced: dict[str, object] = {"filled_size": D(0), "filled_value": D(0), "modification": None}
    new = replace(drawn, order_id=NEW, reference_price=None, **unplaced)
    value: object = {new.symbol: D(10**60)} if name == "max_position" else D(10**60)
    by = limits(**{name: value})
    refused = refusal_of(new, by)
    assert needs_reference(new, by) == (refused is not None and refused.actual == "unknown")
