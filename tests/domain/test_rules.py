"""Terms, capabilities and trading rules: what is refused, by which rule, and what would be right."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from factories import NOW_MS, make
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.rules import (
    RefusalReason,
    check_capabilities,
    check_instrument,
    check_terms,
    resolve_terms,
)
from messages import CreateDraft, Instrument, OrderTerms, OrderType, RefusalCode, SubmitOrder, TimeInForce

D = Decimal
TYPES = OrderType
TIFS = TimeInForce
MARKET = {"type": TYPES.MARKET, "price": None, "time_in_force": TIFS.IOC}
BY_QUOTE = {**MARKET, "size": None, "quote_size": D(100)}
STOP_MARKET = {"type": TYPES.STOP_MARKET, "price": None, "stop_price": D(41000)}
STOP_LIMIT = {"type": TYPES.STOP_LIMIT, "stop_price": D(41000)}
GTT = {"time_in_force": TIFS.GTT, "expires_at_ms": NOW_MS + 1}


def terms(**changes: object) -> OrderTerms:
    return make(SubmitOrder, **{"time_in_force": TIFS.GTC, **changes})


def rule_of(refusal: RefusalReason | None) -> str | None:
    return None if refusal is None else refusal.rule


# ----- terms


@pytest.mark.parametrize(("kind", "tif"), [(t, TIFS.IOC if t is TYPES.MARKET else TIFS.GTC) for t in TYPES])
def test_time_in_force_left_open_gets_the_types_default(kind: OrderType, tif: TimeInForce) -> None:
    draft = make(CreateDraft, type=kind)
    resolved = resolve_terms(draft)
    assert (type(resolved), resolved.time_in_force, resolved.size) == (CreateDraft, tif, draft.size)


def test_time_in_force_given_is_kept() -> None:
    given_terms = terms(time_in_force=TIFS.FOK)
    assert resolve_terms(given_terms) is given_terms


@pytest.mark.parametrize(
    "changes",
    [
        {},
        MARKET,
        BY_QUOTE,
        STOP_MARKET,
        STOP_LIMIT,
        GTT,
        {"time_in_force": TIFS.IOC},
        {"time_in_force": TIFS.FOK},
        {"post_only": True},
        {**GTT, "post_only": True},
        {"request_id": "x"},
        {"request_id": "x" * 128},
        {"valid_for_ms": 1000, "max_sends": 1, "fill_timeout_ms": 0},
        {"valid_for_ms": 60_000, "max_sends": 10},
        {"size": D("1E-30"), "price": D("9" * 30)},
    ],
)
def test_terms_that_make_sense_are_accepted(changes: dict[str, object]) -> None:
    assert check_terms(terms(**changes), NOW_MS) is None


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"size": None}, "size"),
        ({"quote_size": D(1)}, "size"),
        ({"size": None, "quote_size": D(1)}, "quote_size"),
        ({**STOP_MARKET, "size": None, "quote_size": D(1)}, "quote_size"),
        ({"size": D(0)}, "size"),
        ({"size": D(-1)}, "size"),
        ({"size": D("NaN")}, "size"),
        ({"size": D("sNaN")}, "size"),
        ({"size": D("Infinity")}, "size"),
        ({"size": D("1E+1000000")}, "size"),
        ({"size": D("1E-31")}, "size"),
        ({"size": 0.1}, "size"),
        ({"price": 42500}, "price"),
        ({"price": D(0)}, "price"),
        ({"price": D("-Infinity")}, "price"),
        ({**BY_QUOTE, "quote_size": D(0)}, "quote_size"),
        ({**STOP_LIMIT, "stop_price": D(0)}, "stop_price"),
        ({"price": None}, "price"),
        ({**STOP_LIMIT, "price": None}, "price"),
        ({**STOP_LIMIT, "stop_price": None}, "stop_price"),
        ({**STOP_MARKET, "stop_price": None}, "stop_price"),
        ({**STOP_MARKET, "price": D(1)}, "price"),
        ({"stop_price": D(1)}, "stop_price"),
        ({**MARKET, "price": D(1)}, "price"),
        ({**MARKET, "stop_price": D(1)}, "stop_price"),
        ({**MARKET, "time_in_force": TIFS.GTC}, "time_in_force"),
        ({**MARKET, "time_in_force": TIFS.FOK}, "time_in_force"),
        ({**MARKET, "post_only": True}, "post_only"),
        ({**STOP_LIMIT, "post_only": True}, "post_only"),
        ({"time_in_force": TIFS.IOC, "post_only": True}, "post_only"),
        ({"time_in_force": TIFS.FOK, "post_only": True}, "post_only"),
        ({"time_in_force": TIFS.GTT}, "expires_at_ms"),
        ({"expires_at_ms": NOW_MS + 1}, "expires_at_ms"),
        ({**GTT, "expires_at_ms": NOW_MS}, "expires_at_ms"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "x" * 129}, "request_id"),
        ({"valid_for_ms": 999}, "valid_for_ms"),
        ({"valid_for_ms": 60_001}, "valid_for_ms"),
        ({"max_sends": 0}, "max_sends"),
        ({"max_sends": 11}, "max_sends"),
        ({"fill_timeout_ms": -1}, "fill_timeout_ms"),
    ],
)
def test_terms_that_contradict_themselves_are_refused_by_name(changes: dict[str, object], rule: str) -> None:
    refusal = check_terms(terms(**changes), NOW_MS)
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (RefusalCode.INVALID_ORDER, rule)
    assert refusal.text
    assert refusal.limit
    assert refusal.actual


# ----- capabilities


def capable(order: OrderTerms, **less: object) -> RefusalReason | None:
    able = {
        "order_types": frozenset(TYPES), "times_in_force": frozenset(TIFS),
        "post_only": True, "quote_size_market": True, "reduce_only": True,
    }  # fmt: skip
    return check_capabilities(order, venue="binance", **{**able, **less})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "less", "rule"),
    [
        (STOP_LIMIT, {"order_types": frozenset({TYPES.LIMIT, TYPES.MARKET})}, "type"),
        (GTT, {"times_in_force": frozenset({TIFS.GTC, TIFS.IOC})}, "time_in_force"),
        ({"post_only": True}, {"post_only": False}, "post_only"),
        (BY_QUOTE, {"quote_size_market": False}, "quote_size"),
        ({"reduce_only": True}, {"reduce_only": False}, "reduce_only"),
    ],
)
def test_venue_that_cannot_do_it_refuses_by_name_and_only_that(
    changes: dict[str, object], less: dict[str, object], rule: str
) -> None:
    refusal = capable(terms(**changes), **less)
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (RefusalCode.NOT_SUPPORTED, rule)
    assert "binance has no " in refusal.text
    assert capable(terms(**changes)) is None
    assert capable(terms(), **less) is None


# ----- trading rules


def instrument(**changes: object) -> Instrument:
    rules = {
        "tick_size": D("0.01"), "min_price": D("0.05"), "max_price": D("99999.99"),
        "step_size": D("0.001"), "min_size": D("0.005"), "max_size": D(9),
        "min_notional": D(5), "max_notional": D(100_000), "order_types": frozenset(TYPES),
    }  # fmt: skip
    return make(Instrument, **{**rules, **changes})


@pytest.mark.parametrize("changes", [{}, MARKET, BY_QUOTE, STOP_MARKET, STOP_LIMIT, {"post_only": True}])
def test_order_within_every_rule_is_accepted(changes: dict[str, object]) -> None:
    assert check_instrument(terms(**changes), instrument()) is None


def test_instrument_without_rules_enforces_none() -> None:
    bare = make(Instrument, order_types=frozenset(TYPES))
    assert check_instrument(terms(size=D("0.123456789"), price=D("1.23456789")), bare) is None


@pytest.mark.parametrize(
    ("changes", "rules", "rule"),
    [
        ({}, {"trading": False}, "trading"),
        ({}, {"cancel_only": True}, "cancel_only"),
        (STOP_LIMIT, {"order_types": frozenset({TYPES.LIMIT})}, "order_types"),
        ({"post_only": True}, {"post_only_allowed": False}, "post_only_allowed"),
        (BY_QUOTE, {"quote_size_allowed": False}, "quote_size_allowed"),
        ({"price": D("42500.005")}, {}, "tick_size"),
        ({"price": D("0.04"), "size": D(9)}, {}, "min_price"),
        ({"price": D(100_000)}, {}, "max_price"),
        ({**STOP_LIMIT, "stop_price": D("41000.001")}, {}, "tick_size"),
        ({**STOP_MARKET, "stop_price": D("0.01")}, {}, "min_price"),
        ({"size": D("0.0105")}, {}, "step_size"),
        ({"size": D("0.004")}, {}, "min_size"),
        ({"size": D(10)}, {}, "max_size"),
        ({**MARKET, "size": D("0.0105")}, {"market_step_size": D("0.01")}, "step_size"),
        ({**MARKET, "size": D("0.01")}, {"market_min_size": D("0.02")}, "min_size"),
        ({**MARKET, "size": D(8)}, {"market_max_size": D(7)}, "max_size"),
        ({"price": D(400)}, {}, "min_notional"),
        ({"size": D(3)}, {}, "max_notional"),
    ],
)
def test_order_against_a_rule_is_refused_by_its_name(
    changes: dict[str, object], rules: dict[str, object], rule: str
) -> None:
    refusal = check_instrument(terms(**changes), instrument(**rules))
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (RefusalCode.INSTRUMENT_RULE, rule)
    assert refusal.limit
    assert refusal.actual


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        (MARKET, {"market_step_size": D("0.01"), "step_size": D("0.1")}),
        (MARKET, {"market_min_size": D("0.01"), "min_size": D(1)}),
        (MARKET, {"market_max_size": D(1), "max_size": D("0.001")}),
        ({}, {"market_step_size": D("0.1"), "market_min_size": D(1), "market_max_size": D("0.001")}),
    ],
)
def test_market_variant_of_a_rule_is_for_market_orders_and_instead(
    changes: dict[str, object], rules: dict[str, object]
) -> None:
    assert check_instrument(terms(**changes), instrument(**rules)) is None


@pytest.mark.parametrize(
    ("changes", "nearest"),
    [
        ({"price": D("42500.005")}, "nearest valid: 42500 below, 42500.01 above"),
        ({"price": D("0.04"), "size": D(9)}, "nearest valid: 0.05 above"),
        ({"price": D(100_000)}, "nearest valid: 99999.99 below"),
        ({"size": D("0.0105")}, "nearest valid: 0.01 below, 0.011 above"),
        ({"size": D("0.0044")}, "nearest valid: 0.005 above"),
        ({"size": D("9.5")}, "nearest valid: 9 below"),
        ({"price": D(400)}, "nearest valid size at 400: 0.013"),
        ({"size": D(3)}, "nearest valid size at 42500: 2.352"),
    ],
)
def test_refusal_names_the_nearest_valid_values(changes: dict[str, object], nearest: str) -> None:
    refusal = check_instrument(terms(**changes), instrument())
    assert refusal is not None
    assert refusal.text.endswith(nearest)


def test_minimum_off_the_step_is_named_as_a_valid_value_above_it() -> None:
    refusal = check_instrument(terms(size=D("0.001")), instrument(min_size=D("0.0052")))
    assert refusal is not None
    assert refusal.text.endswith("nearest valid: 0.006 above")


def test_notional_of_a_market_order_is_judged_only_where_rule_and_price_are_known() -> None:
    order, on_market = terms(**MARKET), instrument(min_notional_on_market=True)
    assert check_instrument(order, on_market) is None
    assert rule_of(check_instrument(order, on_market, D(400))) == "min_notional"
    assert check_instrument(order, instrument(), D(400)) is None
    assert check_instrument(terms(**MARKET, size=D(9)), on_market, D(42500)) is None


def test_notional_of_a_quote_sized_order_is_its_quote_size() -> None:
    order = terms(**{**BY_QUOTE, "quote_size": D("4.99")})
    refusal = check_instrument(order, instrument(min_notional_on_market=True))
    assert rule_of(refusal) == "min_notional"
    assert refusal is not None
    assert refusal.text.endswith("nearest valid quote_size: 5")
    assert check_instrument(order, instrument()) is None


def test_notional_of_a_stop_market_order_is_judged_at_its_stop() -> None:
    order = terms(**{**STOP_MARKET, "stop_price": D(400)})
    assert rule_of(check_instrument(order, instrument(min_notional_on_market=True))) == "min_notional"


def test_bounds_of_zero_are_not_enforced() -> None:
    off = instrument(
        tick_size=D(0), min_price=D(0), max_price=D(0), step_size=D(0), min_size=D(0), max_size=D(0),
    )  # fmt: skip
    assert check_instrument(terms(size=D("0.01234"), price=D("42500.005")), off) is None


steps = st.decimals("0.00000001", 10, places=8).filter(bool)
values = st.decimals("0.00000001", 10_000, places=8)


@given(values, steps, st.none() | values, st.none() | values)
def test_refused_size_comes_with_neighbours_that_are_accepted(
    size: Decimal, step: Decimal, low: Decimal | None, high: Decimal | None
) -> None:
    rules = make(Instrument, order_types=frozenset(TYPES), step_size=step, min_size=low, max_size=high)
    with localcontext(prec=3):
        refusal = check_instrument(terms(size=size), rules)
    on_grid = (Fraction(size) / Fraction(step)).denominator == 1
    within = (low is None or size >= low) and (high is None or size <= high)
    assert (refusal is None) == (on_grid and within)
    if refusal is None or "nearest valid: " not in refusal.text:
        return
    for named in refusal.text.split("nearest valid: ")[1].split(", "):
        number, where = named.split(" ")
        assert (Decimal(number) < size) == (where == "below")
        assert check_instrument(terms(size=Decimal(number)), rules) is None
