"""Limits in the settings: what they may be, how an account overrides them, and what of them arrives in its policy."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from settings_sources import load, nested, refusal, written

from actors.domain.risk import RiskLimits
from actors.policies import account_policy
from actors.settings import RiskSettings
from actors.settings.source import section_of

GENERAL: dict[str, Any] = {
    "maxOrderNotional": "1000",
    "maxOpenOrders": {"perSymbol": 5, "perAccount": 50},
    "maxOpenNotional": {"perSymbol": "2000", "perExchange": "3000", "perAccount": "4000"},
    "maxPosition": {"BTC-USDT": "1", "ETH-USDT": "10"},
    "maxOrdersPerMinute": 60,
    "priceCollarPercent": "5",
    "allowedSymbols": ["BTC-USDT", "ETH-USDT"],
    "killSwitch": True,
}
EXPECTED: dict[str, Any] = {
    "max_order_notional": Decimal(1000),
    "max_open_orders_per_symbol": 5,
    "max_open_orders_per_account": 50,
    "max_open_notional_per_symbol": Decimal(2000),
    "max_open_notional_per_exchange": Decimal(3000),
    "max_open_notional_per_account": Decimal(4000),
    "max_position": {"BTC-USDT": Decimal(1), "ETH-USDT": Decimal(10)},
    "max_orders_per_minute": 60,
    "price_collar_percent": Decimal(5),
    "allowed_symbols": frozenset({"BTC-USDT", "ETH-USDT"}),
    "kill_switch": True,
}


def source(own: dict[str, Any] | None = None, general: dict[str, Any] | None = None) -> dict[str, Any]:
    account = {"id": "1", "exchanges": {"binance": {}}} | ({} if own is None else {"risk": own})
    other = {"id": "2", "exchanges": {"binance": {}}}
    risk = GENERAL if general is None else general
    return {"accounts": [account, other], "paper": {"venues": ["binance"]}, "orderManagement": {"risk": risk}}


def limits(own: dict[str, Any] | None = None, general: dict[str, Any] | None = None, account: int = 0) -> RiskLimits:
    settings = load(source(own, general))
    return account_policy(settings, settings.accounts[account], deployment="desk").risk


# ----- what an account overrides


@pytest.mark.parametrize("own", [None, {}, {"maxOpenOrders": {}, "maxOpenNotional": {}}])
def test_limits_of_an_account_that_writes_none_are_the_general_ones(own: dict[str, Any] | None) -> None:
    assert limits(own) == RiskLimits(**EXPECTED)


OVERRIDES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"maxOrderNotional": "7.5"}, {"max_order_notional": Decimal("7.5")}),
    ({"maxOrderNotional": None}, {"max_order_notional": None}),
    ({"maxOpenOrders": {"perSymbol": 7}}, {"max_open_orders_per_symbol": 7}),
    ({"maxOpenOrders": {"perAccount": None}}, {"max_open_orders_per_account": None}),
    ({"maxOpenOrders": None}, {"max_open_orders_per_symbol": None, "max_open_orders_per_account": None}),
    ({"maxOpenNotional": {"perSymbol": "7"}}, {"max_open_notional_per_symbol": Decimal(7)}),
    ({"maxOpenNotional": {"perExchange": None}}, {"max_open_notional_per_exchange": None}),
    ({"maxOpenNotional": {"perAccount": "7"}}, {"max_open_notional_per_account": Decimal(7)}),
    (
        {"maxOpenNotional": None},
        {f"max_open_notional_per_{scope}": None for scope in ("symbol", "exchange", "account")},
    ),
    ({"maxPosition": {"SOL-USDT": "3"}}, {"max_position": {"SOL-USDT": Decimal(3)}}),
    ({"maxPosition": {}}, {"max_position": {}}),
    ({"maxPosition": None}, {"max_position": {}}),
    ({"maxOrdersPerMinute": 7}, {"max_orders_per_minute": 7}),
    ({"maxOrdersPerMinute": None}, {"max_orders_per_minute": None}),
    ({"priceCollarPercent": "0.5"}, {"price_collar_percent": Decimal("0.5")}),
    ({"priceCollarPercent": None}, {"price_collar_percent": None}),
    ({"allowedSymbols": ["SOL-USDT"]}, {"allowed_symbols": frozenset({"SOL-USDT"})}),
    ({"allowedSymbols": None}, {"allowed_symbols": None}),
    ({"killSwitch": False}, {"kill_switch": False}),
]


@pytest.mark.parametrize(("own", "changed"), OVERRIDES, ids=[str(own) for own, _ in OVERRIDES])
def test_limit_of_an_account_takes_the_place_of_the_general_one_and_of_no_other(
    own: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert limits(own) == RiskLimits(**(EXPECTED | changed))
    assert limits(own, account=1) == RiskLimits(**EXPECTED)


def test_limits_overridden_in_the_tests_are_all_there_are() -> None:
    def keys(section: type) -> set[str]:
        found: set[str] = set()
        for name, info in section.model_fields.items():  # type: ignore[attr-defined]
            inner = section_of(info.annotation)
            found |= {name} if inner is None else {f"{name}_{key}" for key in keys(inner)}
        return found

    assert {name for _, changed in OVERRIDES for name in changed} == keys(RiskSettings)


@pytest.mark.parametrize(("own", "changed"), OVERRIDES, ids=[str(own) for own, _ in OVERRIDES])
def test_limit_of_an_account_holds_where_there_is_no_general_one(own: dict[str, Any], changed: dict[str, Any]) -> None:
    assert limits(own, general={}) == RiskLimits(**changed)


# ----- values


def test_limits_keep_every_digit_that_is_written(tmp_path: Path) -> None:
    long = "100000000000000000000.000000000000000000001"
    text = f"orderManagement: {{risk: {{maxOrderNotional: '{long}', maxPosition: {{B-C: 7}}}}}}"

    risk = load(written(tmp_path, text)).order_management.risk

    assert risk.max_order_notional == Decimal(long)
    assert risk.max_position == (("B-C", Decimal(7)),)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("MAXORDERNOTIONAL", "1000.50", "max_order_notional", Decimal("1000.50")),
        ("MAX_ORDER_NOTIONAL", "null", "max_order_notional", None),
        ("PRICECOLLARPERCENT", "0.1", "price_collar_percent", Decimal("0.1")),
        ("MAXPOSITION", "{BTC-USDT: '0.1'}", "max_position", (("BTC-USDT", Decimal("0.1")),)),
        ("ALLOWEDSYMBOLS", "[BTC-USDT]", "allowed_symbols", ("BTC-USDT",)),
        ("KILLSWITCH", "true", "kill_switch", True),
    ],
)
def test_limit_from_the_environment_takes_its_value(variable: str, text: str, name: str, value: object) -> None:
    risk = load(**{f"OMS__ORDERMANAGEMENT__RISK__{variable}": text}).order_management.risk

    assert getattr(risk, name) == value


def test_limit_per_symbol_above_the_one_per_account_is_allowed_since_the_narrowest_decides() -> None:
    """An account that narrows one general limit need not write the others anew."""
    found = limits({"maxOpenOrders": {"perAccount": 2}, "maxOpenNotional": {"perAccount": "7"}})

    assert (found.max_open_orders_per_symbol, found.max_open_orders_per_account) == (5, 2)
    assert (found.max_open_notional_per_symbol, found.max_open_notional_per_account) == (Decimal(2000), Decimal(7))


def test_limit_of_a_position_may_be_nothing_so_that_orders_only_reduce() -> None:
    assert limits({"maxPosition": {"BTC-USDT": "0"}}).max_position == {"BTC-USDT": Decimal(0)}


RISK = "orderManagement.risk"
POSITION = f"{RISK}.maxPosition"
TRADE = "orderManagement.preTrade"
NOTHING = "null is no limit, killSwitch refuses every order"
WRONG = {
    "notional below nothing": (f"{RISK}.maxOrderNotional", "-1", "= '-1': must be above 0"),
    "notional of nothing": (f"{RISK}.maxOrderNotional", "0", NOTHING),
    "notional as a binary fraction": (f"{RISK}.maxOrderNotional", 0.1, '"1000.50", so that no digit is lost'),
    "notional in words": (f"{RISK}.maxOrderNotional", "much", "must be a decimal in quotes"),
    "notional without end": (f"{RISK}.maxOrderNotional", "Infinity", "must be above 0, with at most 30 digits"),
    "notional that is no number": (f"{RISK}.maxOrderNotional", "NaN", "must be above 0"),
    "notional of a million digits": (f"{RISK}.maxOrderNotional", "1E+1000000", "with at most 30 digits"),
    "notional too fine": (f"{RISK}.maxOrderNotional", "1E-1000000", "with at most 30 digits"),
    "truth for a notional": (f"{RISK}.maxOrderNotional", True, "must be a decimal in quotes"),
    "no orders": (f"{RISK}.maxOpenOrders.perSymbol", 0, f"must be at least 1 order; {NOTHING}"),
    "fewer than no orders": (f"{RISK}.maxOpenOrders.perAccount", -1, "must be between 1 and 1000000 orders"),
    "half an order": (f"{RISK}.maxOpenOrders.perAccount", 2.5, "must be a whole number of orders"),
    "orders without a scope": (f"{RISK}.maxOpenOrders", 5, "must be a mapping of keys (perSymbol, perAccount)"),
    "orders of an unknown scope": (f"{RISK}.maxOpenOrders.perExchange", 5, "it belongs at orderManagement.risk.maxO"),
    "notional below nothing in a scope": (f"{RISK}.maxOpenNotional.perExchange", "-5", "must be above 0"),
    "notional of an unknown scope": (f"{RISK}.maxOpenNotional.total", "5", "perSymbol, perExchange, perAccount"),
    "position without a symbol": (POSITION, "5", "must be a mapping of symbols to sizes"),
    "position below nothing": (POSITION, {"BTC-USDT": "-1"}, "maxPosition.BTC-USDT = '-1': must be a decimal"),
    "position as a binary fraction": (POSITION, {"BTC-USDT": 0.5}, "BTC-USDT = 0.5: must be a decimal in quotes"),
    "position without a size": (POSITION, {"BTC-USDT": None}, "BTC-USDT: must be a decimal in quotes"),
    "position that is no number": (POSITION, {"BTC-USDT": "NaN"}, "must be a decimal in quotes, from 0 on"),
    "position of a million digits": (POSITION, {"BTC-USDT": "1E+1000000"}, "with at most 30 digits"),
    "position of a venue's symbol": (POSITION, {"BTCUSDT": "1"}, "must be under a symbol in capitals, base and"),
    "position in small letters": (POSITION, {"btc-usdt": "1"}, "for example BTC-USDT"),
    "orders per minute of nothing": (f"{RISK}.maxOrdersPerMinute", 0, NOTHING),
    "orders per minute with a unit": (f"{RISK}.maxOrdersPerMinute", "10/min", "must be a whole number of orders"),
    "collar of nothing": (f"{RISK}.priceCollarPercent", "0", "must be between 0.0001 and 1000"),
    "collar below nothing": (f"{RISK}.priceCollarPercent", "-5", "must be between 0.0001 and 1000"),
    "collar with a sign": (f"{RISK}.priceCollarPercent", "5%", "must be a decimal in quotes"),
    "collar as a binary fraction": (f"{RISK}.priceCollarPercent", 0.5, "so that no digit is lost"),
    "no symbols": (f"{RISK}.allowedSymbols", [], f"must name at least one symbol; {NOTHING}"),
    "one symbol without a list": (f"{RISK}.allowedSymbols", "BTC-USDT", "must be a list"),
    "symbol of a venue": (f"{RISK}.allowedSymbols", ["BTCUSDT"], "must be a symbol in capitals, base and quote with a"),
    "symbol with a slash": (f"{RISK}.allowedSymbols", ["BTC/USDT"], "must be a symbol"),
    "symbol of three": (f"{RISK}.allowedSymbols", ["BTC-USDT-PERP"], "must be a symbol"),
    "number for a symbol": (f"{RISK}.allowedSymbols", [1], "must be a symbol"),
    "words for the switch": (f"{RISK}.killSwitch", "on", "must be true or false"),
    "nothing for the switch": (f"{RISK}.killSwitch", None, "must be true or false"),
    "unknown limit": (f"{RISK}.maxOrderNotionl", "1", "did you mean maxOrderNotional?"),
    "limit in the wrong place": ("orderManagement.maxPosition", {}, "it belongs at orderManagement.risk.maxPosition"),
    "unknown freshness": (f"{TRADE}.freshness", "always", "must be one of 'stream', 'always_fetch' or 'max_age_ms'"),
    "no age": (f"{TRADE}.maxAgeMs", 0, "must be at least 100 milliseconds; freshness always_fetch reads the open"),
    "age below nothing": (f"{TRADE}.maxAgeMs", -1, "must be between 100 and 600000 milliseconds"),
    "age with a unit": (f"{TRADE}.maxAgeMs", "2s", "must be a whole number of milliseconds: 2000"),
    "age without end": (f"{TRADE}.maxAgeMs", None, "must be a whole number of milliseconds"),
    "ticks below nothing": (f"{TRADE}.duplicateToleranceTicks", -1, "must be between 0 and 10000 ticks"),
    "half a tick": (f"{TRADE}.duplicateToleranceTicks", 0.5, "must be a whole number of ticks"),
    "self-trade without a choice": (f"{TRADE}.selfTrade", "allow", "must be one of 'refuse' or 'cancel_resting'"),
    "stale at once": ("orderManagement.sync.staleAfterSeconds", 0, "must be between 1 and 86400 seconds"),
    "stale in milliseconds": ("orderManagement.sync.staleAfterMs", 30_000, "did you mean staleAfterSeconds?"),
    "stale with a unit": ("orderManagement.sync.staleAfterSeconds", "1m", "must be a whole number of seconds: 60"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "words"), WRONG.values(), ids=WRONG.keys())
def test_limit_that_is_written_wrongly_is_refused_with_what_would_be_right(
    path: str, value: object, words: str
) -> None:
    text = refusal(nested(path, value))

    assert text.startswith(f"settings: {path}")
    assert words in text
    assert len(text.splitlines()) == 1


OF_ACCOUNTS = {name: row for name, row in WRONG.items() if row[0].startswith(RISK)}


@pytest.mark.parametrize(("path", "value", "words"), OF_ACCOUNTS.values(), ids=OF_ACCOUNTS.keys())
def test_limit_of_an_account_that_is_written_wrongly_is_refused_at_its_place(
    path: str, value: object, words: str
) -> None:
    own = nested(path.removeprefix(f"{RISK}."), value)

    text = refusal(source(own, general={}))

    assert text.startswith(f"settings: {path.replace(RISK, 'accounts.0.risk')}")
    assert words in text
    assert len(text.splitlines()) == 1
