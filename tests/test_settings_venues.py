"""Credentials in the form that each venue takes, settle times, and names of our own for symbols."""

import pytest
from settings_sources import load, nested, refusal

from actors.settings.deployment import ProjectxSettings

PARTS = {
    "coinbase": ("apiKey", "apiSecret"),
    "kraken": ("apiKey", "apiSecret"),
    "binance": ("apiKey", "apiSecret"),
    "kucoin": ("apiKey", "apiSecret", "passphrase"),
    "mexc": ("apiKey", "apiSecret"),
    "projectx": ("apiKey", "userName"),
}
ENVIRON = {"V_APIKEY": "k3y", "V_APISECRET": "s3cret", "V_PASSPHRASE": "p4ss", "V_USERNAME": "u5er"}


def account(venue: str, *parts: str, **more: object) -> dict[str, object]:
    named = {f"{part}Env": f"V_{part.upper()}" for part in parts} | more
    return {"deployment": {"name": "desk"}, "accounts": [{"id": "7", "exchanges": {venue: named}}]}


def more_of(venue: str) -> dict[str, object]:
    return {"accountNumber": 465} if venue == "projectx" else {}


@pytest.mark.parametrize("venue", PARTS)
def test_credentials_of_a_venue_are_resolved_whole(venue: str) -> None:
    settings = load(account(venue, *PARTS[venue], **more_of(venue)), **ENVIRON)

    found = settings.accounts[0].exchanges.by_name()[venue].credentials
    assert found is not None
    assert settings.is_live
    secrets = (("apiSecret", found.api_secret), ("passphrase", found.passphrase), ("userName", found.user_name))
    for part, value in secrets:
        assert (value.reveal() if value else None) == (ENVIRON[f"V_{part.upper()}"] if part in PARTS[venue] else None)
    assert found.account_number == more_of(venue).get("accountNumber")
    assert not any(value in f"{settings!r}{found!r}" for value in ENVIRON.values())


@pytest.mark.parametrize(("venue", "missing"), [(venue, part) for venue in PARTS for part in PARTS[venue]])
def test_credentials_with_a_part_missing_name_it(venue: str, missing: str) -> None:
    rest = [part for part in PARTS[venue] if part != missing]

    text = refusal(account(venue, *rest, **more_of(venue)), **ENVIRON)

    assert f"accounts.0.exchanges.{venue}.{missing}Env: or {missing}File is required beside " in text


def test_credentials_without_an_account_number_are_refused_where_a_key_opens_several() -> None:
    text = refusal(account("projectx", "apiKey", "userName"), **ENVIRON)
    assert "accounts.0.exchanges.projectx.accountNumber: is required" in text


def test_account_number_alone_is_no_credential() -> None:
    text = refusal(account("projectx", accountNumber=465), **ENVIRON)
    assert "projectx.apiKeyEnv: or apiKeyFile is required beside account_number" not in text
    assert "projectx.apiKeyEnv: or apiKeyFile is required beside accountNumber" in text


@pytest.mark.parametrize(
    ("number", "right"),
    [("abc", "must be a whole number"), (1.5, "must be a whole number"), (0, f"must be between 1 and {2**63 - 1}")],
)
def test_account_number_that_is_none_is_refused_in_a_whole_sentence(number: object, right: str) -> None:
    text = refusal(account("projectx", "apiKey", "userName", accountNumber=number), **ENVIRON)
    assert text == f"settings: accounts.0.exchanges.projectx.accountNumber = {number!r}: {right}"


FOREIGN_PARTS = [("mexc", "passphrase"), ("binance", "userName"), ("projectx", "apiSecret")]


@pytest.mark.parametrize(("venue", "part"), FOREIGN_PARTS)
def test_credentials_that_a_venue_has_not_are_refused(venue: str, part: str) -> None:
    source = account(venue, *PARTS[venue], **more_of(venue), **{f"{part}Env": "V_PASSPHRASE"})
    assert f"accounts.0.exchanges.{venue}.{part}Env: is no known key" in refusal(source, **ENVIRON)


def test_settings_of_the_futures_gateway_say_what_it_calls_its_executions() -> None:
    venue = load(nested("exchanges.projectx.fillEventName", "order_fill")).exchanges.by_name()["projectx"]
    assert isinstance(venue, ProjectxSettings)
    assert (venue.fill_event_name, venue.asset_type) == ("order_fill", "futures")


@pytest.mark.parametrize("value", [99, 600_001, "60s", 1.5])
def test_settle_time_out_of_bounds_is_refused(value: object) -> None:
    assert "exchanges.coinbase.settleMs" in refusal(nested("exchanges.coinbase.settleMs", value))


def test_aliases_are_told_by_venue() -> None:
    aliases = {"BTC-USD": {"binance": "BTCUSDT"}, "ES-USD": {"projectx": "CON.F.US.EP.Z26"}}
    settings = load(nested("symbols.aliases", aliases))
    assert settings.symbols.of("binance") == {"BTC-USD": "BTCUSDT"}
    assert settings.symbols.of("projectx") == {"ES-USD": "CON.F.US.EP.Z26"}
    assert settings.symbols.of("kraken") == {}


def test_alias_that_names_a_venue_symbol_twice_is_refused() -> None:
    aliases = {"BTC-USD": {"binance": "BTCUSDT"}, "BITCOIN-USD": {"binance": "BTCUSDT"}}
    assert "symbols.aliases: must name each symbol of a venue once" in refusal(nested("symbols.aliases", aliases))


def test_alias_for_a_venue_that_there_is_not_names_the_place_and_the_venues() -> None:
    text = refusal(nested("symbols.aliases", {"BTC-USD": {"bitmex": "XBTUSD"}}))
    assert text.startswith("settings: symbols.aliases.BTC-USD.bitmex: is no known key; it must be one of 'coinbase', ")
    assert "[key]" not in text


@pytest.mark.parametrize("name", ["ES", "btc-usd", "BTC USD", "CON.F.US"])
def test_alias_that_is_no_canonical_symbol_is_refused(name: str) -> None:
    text = refusal(nested("symbols", {"aliases": {name: {"binance": "BTCUSDT"}}}))
    assert "symbols.aliases: must give names that are a symbol in capitals" in text


def test_limits_may_name_the_contract_of_a_futures_venue() -> None:
    limits = {"maxPosition": {"CON.F.US.EP.Z26": "2"}, "allowedSymbols": ["CON.F.US.EP.Z26"]}
    risk = load(nested("orderManagement.risk", limits)).order_management.risk
    assert risk.allowed_symbols == ("CON.F.US.EP.Z26",)
    assert [name for name, _ in risk.max_position] == ["CON.F.US.EP.Z26"]


def test_form_of_the_tokens_of_coinbase_is_a_choice_of_two() -> None:
    assert load().exchanges.coinbase.token_claims == "uri"
    assert load(nested("exchanges.coinbase.tokenClaims", "uris")).exchanges.coinbase.token_claims == "uris"
    assert "must be one of 'uri' or 'uris'" in refusal(nested("exchanges.coinbase.tokenClaims", "both"))
