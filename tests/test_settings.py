"""Settings: what is loaded, from where, and that secrets stay hidden."""

import pickle
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from settings_sources import ENVIRON, LIVE, live, load, refusal, written

from actors.errors import SettingsError
from actors.settings import Secret, Section
from actors.settings.deployment import VENUES
from messages import OrderState, OrderType

FILE = Path(__file__).parent.parent / "config" / "order_management.yaml"


# ----- what is loaded


def test_settings_from_nothing_are_a_paper_account_and_the_embedded_server() -> None:
    settings = load()

    assert [account.id for account in settings.accounts] == ["1"]
    assert settings.accounts[0].exchanges.by_name()["binance"].credentials is None
    assert settings.paper.venues == VENUES
    assert tuple(settings.accounts[0].exchanges.by_name()) == settings.paper.venues
    assert settings.paper.market
    assert settings.redis.url is None
    assert not settings.is_live
    assert settings.durability == "everysec"


def test_settings_file_of_the_project_says_the_defaults() -> None:
    assert load(FILE) == load()


def leaves(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from leaves(value[0], (*path, 0))
    else:
        yield path


CHOSEN: dict[object, tuple[str, ...]] = {
    "stuckOrderThresholdByState": ("PENDING", "SUBMITTED"),
    "timeoutByAssetType": ("stocks", "forex", "crypto", "futures"),
    "timeoutByOrderType": tuple(OrderType),
    "maxPosition": (),
}
"""Mappings whose keys are the writer's choice, with those of the project's file."""


def test_settings_file_of_the_project_holds_every_key_in_its_place() -> None:
    keys = set(leaves(yaml.safe_load(FILE.read_text())))
    dumped = load().model_dump(by_alias=True, mode="python")
    # An account's own limits are written only where they are not the general ones.
    assert dumped["accounts"][0].pop("risk").keys() == dumped["orderManagement"]["risk"].keys()

    chosen = {key for key in keys if key[-2] in CHOSEN}
    accepted = {p for p in leaves(dumped | {"accounts": list(dumped["accounts"])}) if p[-1] != 0}
    assert keys - chosen == {path for path in accepted if path[-1] not in CHOSEN}
    assert chosen == {(*path, str(name)) for path in accepted if path[-1] in CHOSEN for name in CHOSEN[path[-1]]}


def test_settings_file_of_the_project_explains_every_section() -> None:
    lines = FILE.read_text().splitlines()
    commented = sum("#" in line for line in lines)

    assert commented > len(lines) / 2


def test_settings_from_a_mapping_leave_the_mapping_as_it_was() -> None:
    source = {"paper": {"seed": 5}}

    settings = load(source, OMS__PAPER__SEED="6")

    assert settings.paper.seed == 6
    assert source == {"paper": {"seed": 5}}


def test_settings_from_an_empty_file_are_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing\n")) == load()


def test_settings_once_loaded_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load().order_management.verification.search_timeout_ms = 1  # type: ignore[misc]


def test_settings_values_arrive_under_names_that_say_their_unit() -> None:
    source = {
        "orderManagement": {
            "verification": {"searchTimeout": 1500, "quantityTolerance": "0.001"},
            "lifecycle": {"monitoring": {"stuckOrderThresholdByState": {"ACKNOWLEDGED": 9}}},
            "sync": {"reconcileIntervalSeconds": 60},
        }
    }

    management = load(source).order_management

    assert management.verification.search_timeout_ms == 1500
    assert management.verification.quantity_tolerance == Decimal("0.001")
    ((state, seconds),) = management.lifecycle.monitoring.stuck_order_threshold_by_state_s
    assert (type(state), state, seconds) == (OrderState, OrderState.ACKNOWLEDGED, 9)
    assert management.sync.reconcile_interval_s == 60


PAPER = {"accounts": [{"id": "7", "exchanges": {"binance": {}}}]}


@pytest.mark.parametrize(
    ("source", "market"),
    [
        ({}, True),
        ({"paper": {"seed": 5}}, True),
        ({"paper": {"market": False}}, False),
        ({"paper": {"venues": ["binance"]}}, False),
        ({"paper": {"venues": ["binance"], "market": True}}, True),
        (PAPER | {"paper": {"venues": ["binance"]}}, False),
        (PAPER | {"paper": {"venues": ["binance"], "market": True}}, True),
    ],
    ids=["nothing", "a seed", "no market", "venues", "venues and market", "accounts", "accounts and market"],
)
def test_settings_have_a_market_where_nobody_named_accounts_or_venues(source: dict[str, Any], *, market: bool) -> None:
    assert load(source).paper.market is market


def test_settings_with_accounts_of_their_own_serve_no_paper_venue_unasked() -> None:
    assert load(LIVE, **ENVIRON).paper.venues == ()


# ----- environment


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("OMS__DEPLOYMENT__NAME", "123", "deployment.name", "123"),
        ("OMS__ORDERMANAGEMENT__SYNC__LOOKBACKMINUTES", "30", "order_management.sync.lookback_minutes", 30),
        ("OMS__orderManagement__sync__lookbackMinutes", "30", "order_management.sync.lookback_minutes", 30),
        ("OMS__ORDER_MANAGEMENT__SYNC__LOOKBACK_MINUTES", "30", "order_management.sync.lookback_minutes", 30),
        ("OMS__METRICS__ENABLED", "true", "metrics.enabled", True),
        ("OMS__EXCHANGES__BINANCE__ID", "9", "exchanges.binance.id", 9),
        ("OMS__REDIS__DURABILITY", "fsync", "redis.durability", "fsync"),
        ("OMS__REDIS__DURABILITY", "null", "redis.durability", None),
        ("OMS__ORDERMANAGEMENT__PARTIALFILLTRACKING__COMPLETION__QUANTITYTOLERANCE", "0.000000000000000001",
         "order_management.partial_fill_tracking.completion.quantity_tolerance", Decimal("0.000000000000000001")),
        ("OMS__ORDERMANAGEMENT__PARTIALFILLTRACKING__PRICING__MAXPRICEDEVIATIONPERCENT", "2.5",
         "order_management.partial_fill_tracking.pricing.max_price_deviation_percent", Decimal("2.5")),
        ("OMS__ORDERMANAGEMENT__PARTIALFILLTRACKING__PRICING__PRECISIONBYASSETTYPE__CRYPTO", "2",
         "order_management.partial_fill_tracking.pricing.precision_by_asset_type.crypto", 2),
        ("OMS__ORDERMANAGEMENT__PARTIALFILLTRACKING__TIMEOUT__TIMEOUTBYASSETTYPE", "{crypto: 5000}",
         "order_management.partial_fill_tracking.timeout.timeout_by_asset_type_ms", (("crypto", 5000),)),
        ("OMS__ORDERMANAGEMENT__PARTIALFILLTRACKING__TIMEOUT__ACTION", "alert_only",
         "order_management.partial_fill_tracking.timeout.action", "alert_only"),
        ("OMS__EXCHANGES__BINANCE__ASSETTYPE", "stocks", "exchanges.binance.asset_type", "stocks"),
        ("OMS__ORDERMANAGEMENT__VERIFICATION__VERIFICATIONRETRYINTERVALS", "[200, 300, 400]",
         "order_management.verification.verification_retry_intervals_ms", (200, 300, 400)),
    ],
)  # fmt: skip
def test_settings_with_an_override_take_its_value(variable: str, text: str, path: str, value: object) -> None:
    found: Any = load(**{variable: text})
    for part in path.split("."):
        found = getattr(found, part)

    assert found == value


def test_settings_with_accounts_in_the_environment_take_them_whole() -> None:
    accounts = "[{id: '7', exchanges: {binance: {apiKeyEnv: B_KEY, apiSecretEnv: B_SECRET}}}]"

    settings = load(None, OMS__ACCOUNTS=accounts, OMS__DEPLOYMENT__NAME="desk", **ENVIRON)

    assert settings.is_live


def test_settings_with_a_wrong_override_name_the_variable() -> None:
    assert refusal(OMS__REDIS__PARTITIONS="many") == (
        "environment variable OMS__REDIS__PARTITIONS: redis.partitions = 'many': must be a whole number of partitions"
    )
    assert "environment variable OMS__REDIS__PORT: redis.PORT: is no known key" in refusal(OMS__REDIS__PORT="1")
    assert "OMS__METRICS__PORT: is not YAML" in refusal(OMS__METRICS__PORT="[")


def test_settings_with_two_overrides_of_one_value_are_refused() -> None:
    assert "set the same value" in refusal(OMS__REDIS__PARTITIONS="1", OMS__redis__partitions="2")


# ----- credentials


def test_settings_with_live_credentials_resolve_them_from_the_environment() -> None:
    settings = load(LIVE, **ENVIRON)

    credentials = settings.accounts[0].exchanges.by_name()["binance"].credentials
    assert credentials is not None
    assert (credentials.api_key.reveal(), credentials.api_secret.reveal()) == ("k3y-value", "s3cret-value")
    assert settings.is_live
    assert settings.durability == "fsync"


def test_settings_with_credentials_in_files_find_them_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y-value\n")
    (tmp_path / "secret").write_text("-----BEGIN-----\nabc\n-----END-----\n")
    exchange = "{binance: {apiKeyFile: key, apiSecretFile: secret}}"
    text = f"deployment: {{name: desk}}\naccounts: [{{id: '7', exchanges: {exchange}}}]"

    credentials = load(written(tmp_path, text)).accounts[0].exchanges.by_name()["binance"].credentials

    assert credentials is not None
    assert credentials.api_key.reveal() == "k3y-value"
    assert credentials.api_secret.reveal() == "-----BEGIN-----\nabc\n-----END-----"


def test_settings_with_secrets_never_show_them() -> None:
    settings = load({**LIVE, "redis": {"url": "redis://user:s3cret-pw@cache:6379/0?password=s3cret-pw"}}, **ENVIRON)

    shown = f"{settings!r}{settings}{settings.accounts[0].exchanges.binance!r}{settings.model_dump()}"
    shown += f"{settings.accounts[0].exchanges.by_name()['binance'].credentials}"
    assert "k3y" not in shown
    assert "s3cret" not in shown
    assert "redis://cache:6379/0" in shown
    assert settings.redis.url is not None
    assert settings.redis.url.reveal().endswith("s3cret-pw")


def test_secret_when_formatted_pickled_or_compared_keeps_its_value_to_itself() -> None:
    secret = Secret("s3cret")

    assert f"{secret} {secret!r}" == "Secret(…) Secret(…)"
    assert secret == Secret("s3cret")
    assert secret != Secret("other")
    assert secret != "s3cret"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


WRONG_CREDENTIALS = {
    "variable not set": ({"apiKeyEnv": "B_KEX", "apiSecretEnv": "B_SECRET"}, "names B_KEX, which is not set"),
    "variable that looks like a value": (
        {"apiKeyEnv": "S3CRETVALUE", "apiSecretEnv": "B_SECRET"},
        "is not set or empty",
    ),
    "value in place of a variable": ({"apiKeyEnv": "s3cretValue", "apiSecretEnv": "B_SECRET"}, "never the value"),
    "file not there": ({"apiKeyFile": "s3cretValue", "apiSecretEnv": "B_SECRET"}, "cannot be read: No such file"),
    "both sources": ({"apiKeyEnv": "B_KEY", "apiKeyFile": "k", "apiSecretEnv": "B_SECRET"}, "must not stand beside"),
    "key alone": ({"apiKeyEnv": "B_KEY"}, "apiSecretEnv: or apiSecretFile is required beside apiKey"),
    "secret alone": ({"apiSecretEnv": "B_SECRET"}, "apiKeyEnv: or apiKeyFile is required beside apiSecret"),
    "written as a value": ({"apiKey": "s3cretValue", "apiSecret": "s3cretValue"}, "use apiKeyEnv, apiKeyFile"),
    "value of the wrong kind": ({"apiKeyEnv": 5371437, "apiSecretEnv": "B_SECRET"}, "must be text"),
}


@pytest.mark.parametrize(("exchange", "words"), WRONG_CREDENTIALS.values(), ids=WRONG_CREDENTIALS.keys())
def test_settings_with_wrong_credentials_are_refused_without_showing_them(
    exchange: dict[str, object], words: str
) -> None:
    text = refusal(live(**exchange), **ENVIRON)

    assert words in text
    assert not any(value in text for value in ("s3cret", "S3CRET", "k3y", "5371437"))


@pytest.mark.parametrize(
    "source",
    [
        {"accounts": [{"id": "1", "exchanges": {"binance": "s3cretValue"}}]},
        {"accounts": "s3cretValue"},
        {"redis": "redis://:s3cretValue@cache"},
        {"redis": {"url": "http://:s3cretValue@cache"}},
        {"redis": {"password": "s3cretValue"}},
        {"exchanges": {"binance": {"restUrl": "https://user:s3cretValue@api.binance.com"}}},
    ],
)
def test_settings_with_a_misplaced_secret_are_refused_without_showing_it(source: dict[str, object]) -> None:
    assert "s3cret" not in refusal(source)


def test_settings_error_carries_no_raw_values_with_it() -> None:
    with pytest.raises(SettingsError) as caught:
        load(live(apiKey="s3cretValue"))

    chain: BaseException | None = caught.value
    while chain is not None:
        assert "s3cret" not in repr(chain)
        assert not isinstance(chain, ValidationError)
        chain = chain.__cause__ or chain.__context__


def test_settings_with_a_redis_password_take_it_from_the_environment_only(tmp_path: Path) -> None:
    path = written(tmp_path, "redis: {url: 'redis://:pw1@cache'}")

    assert "set OMS__REDIS__URL" in refusal(path)
    url = load(path, OMS__REDIS__URL="rediss://:pw2@cache:6380/1").redis.url
    assert url is not None
    assert url.reveal() == "rediss://:pw2@cache:6380/1"


def test_settings_sections_are_all_documented_and_frozen() -> None:
    def sections(cls: type[Section]) -> Iterator[type[Section]]:
        yield cls
        for inner in cls.__subclasses__():
            yield from sections(inner)

    ours = [cls for cls in sections(Section) if cls.__module__.startswith("actors.settings")]
    assert len(ours) > 20
    assert [cls.__name__ for cls in ours if not cls.__doc__ or not cls.model_config.get("frozen")] == []
