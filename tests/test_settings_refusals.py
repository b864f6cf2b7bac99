"""Settings that are refused, and with which words: every problem, its place, its value and what would be right."""

from pathlib import Path

import pytest
from settings_sources import ENVIRON, LIVE, load, nested, refusal, written


def test_settings_with_several_problems_name_all_of_them_with_line_and_column(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "orderManagement:\n"
        "  verification:\n"
        "    searchTimeout: 40000\n"
        "    serchRetries: 1\n"
        "  idempotency:\n"
        "    cache: { ttl: 1h }\n"
        "redis: { durability: none }\n",
    )

    assert refusal(path).splitlines() == [
        f"{path}:4:5: orderManagement.verification.serchRetries: is no known key; did you mean searchRetries?",
        f"{path}:6:14: orderManagement.idempotency.cache.ttl = '1h': must be a whole number of milliseconds: 3600000",
        f"{path}:7:10: redis.durability = 'none': must be one of 'fsync' or 'everysec'",
    ]


CONTRADICTIONS = {
    "search longer than all": (
        "orderManagement.verification",
        {"searchTimeout": 40_000},
        "verification.searchTimeout = 40000: must not exceed totalVerificationTimeout (30000 milliseconds)",
    ),
    "look-up longer than all": (
        "orderManagement.verification",
        {"directLookupTimeout": 40_000},
        "directLookupTimeout = 40000: must not exceed totalVerificationTimeout",
    ),
    "rounds without intervals": (
        "orderManagement.verification",
        {"maxVerificationAttempts": 5},
        "verificationRetryIntervals: must hold one interval for each of the 5 rounds",
    ),
    "slow rounds that are quick": (
        "orderManagement.verification",
        {"slowRetryInterval": 9_999},
        "slowRetryInterval = 9999: must not be shorter than the longest",
    ),
    "qualities that fall": (
        "orderManagement.verification",
        {"matchQualityThresholds": {"good": 5_000}},
        "matchQualityThresholds.good = 5000: must be above excellent (5000 milliseconds)",
    ),
    "entry shorter than its bucket": (
        "orderManagement.idempotency",
        {"cache": {"ttl": 59_999, "cleanupInterval": 1_000}},
        "orderManagement.idempotency.cache.ttl = 59999: must be at least keyGeneration.timestampResolution (60000",
    ),
    "sweep slower than life": (
        "orderManagement.idempotency",
        {"cache": {"ttl": 60_000}},
        "cache.cleanupInterval: must not exceed cache.ttl (60000 milliseconds)",
    ),
    "renewal too rare": (
        "orderManagement.concurrencyControl.ownership",
        {"leaseRenewInterval": 2_501},
        "leaseRenewInterval = 2501: must be at most half of leaseTtl (5000 milliseconds)",
    ),
    "gap between comparisons": (
        "orderManagement.sync",
        {"lookbackMinutes": 4},
        "lookbackMinutes = 4: must reach back at least reconcileIntervalSeconds (300 seconds)",
    ),
    "validity beyond resending": (
        "exchanges.binance",
        {"validForMs": 30_000},
        "exchanges.binance.validForMs = 30000: must be below orderManagement.verification.totalVerificationTimeout",
    ),
    "venue twice": ("paper", {"venues": ["binance", "binance"]}, "paper.venues: names a venue twice"),
    "paper with an address": (
        "exchanges.binance",
        {"restUrl": "https://api.binance.com"},
        "exchanges.binance.restUrl: must be null: paper.venues lists binance",
    ),
}


@pytest.mark.parametrize(("path", "section", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_settings_that_contradict_each_other_are_refused(path: str, section: dict[str, object], words: str) -> None:
    text = refusal(nested(path, section))

    assert words in text
    assert len(text.splitlines()) == 1


def test_settings_with_one_sending_only_allow_a_long_validity() -> None:
    source = nested("exchanges.binance.validForMs", 30_000) | nested(
        "orderManagement.verification.maxPlacementAttempts", 1
    )

    assert load(source).exchanges.binance.valid_for_ms == 30_000


def test_settings_with_live_credentials_and_no_deployment_name_are_refused() -> None:
    text = refusal({"accounts": LIVE["accounts"]}, **ENVIRON)

    assert text.startswith("settings: deployment.name: is required with live credentials")


def test_settings_with_an_account_neither_live_nor_on_paper_are_refused() -> None:
    assert "accounts.0.exchanges.binance: has no credentials" in refusal(
        {"accounts": [{"id": "1", "exchanges": {"binance": {}}}]}
    )


def test_settings_with_live_credentials_for_a_paper_venue_are_refused() -> None:
    text = refusal(LIVE | {"paper": {"venues": ["binance"]}}, **ENVIRON)

    assert "has credentials, but paper.venues lists binance" in text


def test_settings_with_two_accounts_of_one_id_are_refused() -> None:
    account = {"id": "1", "exchanges": {"binance": {}}}

    text = refusal({"accounts": [account, account], "paper": {"venues": ["binance"]}})

    assert text == "settings: accounts.1.id = '1': is the id of another account too; ids must differ"


def test_settings_with_one_api_key_for_two_accounts_are_refused_without_showing_it(tmp_path: Path) -> None:
    """However the key gets here: what counts is the key."""
    (tmp_path / "key").write_text(f"{ENVIRON['B_KEY']}\n")
    second = {"apiKeyFile": str(tmp_path / "key"), "apiSecretEnv": "B_SECRET"}
    accounts = [*LIVE["accounts"], {"id": "8", "exchanges": {"binance": second}}]

    text = refusal(LIVE | {"accounts": accounts}, **ENVIRON)

    assert text.startswith("settings: accounts.1.exchanges.binance: has the API key of accounts.0 too")
    assert len(text.splitlines()) == 1
    assert not any(value in text for value in ENVIRON.values())


def test_settings_with_an_api_key_of_its_own_for_each_account_are_accepted() -> None:
    second = {"apiKeyEnv": "C_KEY", "apiSecretEnv": "B_SECRET"}
    accounts = [*LIVE["accounts"], {"id": "8", "exchanges": {"binance": second}}]

    assert len(load(LIVE | {"accounts": accounts}, **ENVIRON, C_KEY="another").accounts) == 2


def test_settings_with_an_account_that_trades_nowhere_are_refused() -> None:
    assert "must name at least one exchange" in refusal({"accounts": [{"id": "1", "exchanges": {}}]})


LATER = [
    "orderManagement.lifecycle.cleanup",
    "orderManagement.partialFillTracking.history",
    "orderManagement.concurrencyControl.locks",
    "orderManagement.concurrencyControl.orderModification",
    "orderManagement.concurrencyControl.multiSession",
    "alerts",
]


@pytest.mark.parametrize("path", LATER)
def test_settings_with_a_key_of_a_later_feature_are_refused(path: str) -> None:
    assert refusal(nested(path, {"enabled": True})) == f"settings: {path}: is not available in this version"


def test_settings_with_a_venue_that_nobody_has_an_adapter_for_are_refused() -> None:
    venues = "is no known key; the venues are coinbase, kraken, binance, kucoin, mexc, projectx"
    assert f"exchanges.bitmex: {venues}" in refusal(nested("exchanges.bitmex.id", 9))
    account = {"id": "1", "exchanges": {"bitmex": {}}}
    assert f"accounts.0.exchanges.bitmex: {venues}" in refusal({"accounts": [account]})
    assert "must be one of 'coinbase', 'kraken', " in refusal({"paper": {"venues": ["bitmex"]}})


@pytest.mark.parametrize("key", ["validateTransitions", "persistTransitions", "persistHistory"])
def test_settings_with_a_switch_that_is_no_choice_are_refused_with_the_reason(key: str) -> None:
    text = refusal(nested(f"orderManagement.lifecycle.transitions.{key}", False))

    assert text.endswith(f"{key}: is not a setting: every transition is validated and stored; remove the key")


STATES = "orderManagement.lifecycle.monitoring.stuckOrderThresholdByState"
FILLS = "orderManagement.partialFillTracking"
WRONG = {
    "milliseconds with a unit": ("orderManagement.verification.searchTimeout", "2s", "milliseconds: 2000"),
    "seconds with a unit": ("orderManagement.sync.reconcileIntervalSeconds", "5m", "seconds: 300"),
    "seconds where minutes belong": ("orderManagement.sync.lookbackMinutes", "90s", "a whole number of minutes"),
    "number in quotes": ("orderManagement.verification.searchTimeout", "2000", "a whole number of milliseconds"),
    "fraction": ("orderManagement.verification.searchTimeout", 2000.5, "must be a whole number of milliseconds"),
    "truth for a number": ("orderManagement.verification.searchRetries", True, "must be a whole number of retries"),
    "seconds taken for milliseconds": ("orderManagement.verification.searchTimeout", 2, "between 100 and 600000"),
    "too much": ("orderManagement.concurrencyControl.orderPlacement.maxQueueSize", 10**6, "between 1 and 100000"),
    "nothing": ("orderManagement.verification.searchTimeout", None, "must be a whole number of milliseconds"),
    "decimal as a binary fraction": ("orderManagement.verification.quantityTolerance", 0.00000001, "in quotes"),
    "decimal in words": ("orderManagement.verification.quantityTolerance", "little", "must be a decimal"),
    "decimal that is no number": ("orderManagement.verification.quantityTolerance", "NaN", "between 0 and 1"),
    "decimal below nothing": ("orderManagement.verification.quantityTolerance", "-1", "between 0 and 1"),
    "share above one": ("orderManagement.idempotency.monitoring.duplicateRateThreshold", 5, "between 0 and 1"),
    "words for truth": ("metrics.enabled", "yes", "must be true or false"),
    "number for text": ("metrics.host", 1, "must be text; write it in quotes"),
    "word outside the choice": ("logging.level", "LOUD", "must be one of 'TRACE', 'DEBUG'"),
    "scalar for a section": ("redis", 5, "must be a mapping of keys"),
    "nothing for a section": ("redis", None, "must be a mapping of keys"),
    "scalar for a list": ("orderManagement.verification.verificationRetryIntervals", 5, "must be a list"),
    "unknown state": (STATES, {"NEW": 5}, "DRAFT, PENDING"),
    "terminal state": (STATES, {"FILLED": 5}, "DRAFT, PEND"),
    "state without seconds": (STATES, {"PENDING": 0}, "PENDING = 0: must be a whole number of seconds"),
    "timeout in seconds": (f"{FILLS}.timeout.defaultTimeoutMs", 60, "and 86400000 milliseconds, or 0 (none)"),
    "timeout with a unit": (f"{FILLS}.timeout.defaultTimeoutMs", "1m", "a whole number of milliseconds: 60000"),
    "timeout below nothing": (f"{FILLS}.timeout.defaultTimeoutMs", -1, "or 0 (none)"),
    "asset type of nothing": (f"{FILLS}.timeout.timeoutByAssetType", {"tulips": 5000}, "tulips = 5000: is no asset"),
    "order type of nothing": (f"{FILLS}.timeout.timeoutByOrderType", {"limit": 5000}, "types are MARKET, LIMIT, STOP_"),
    "order type without a timeout": (f"{FILLS}.timeout.timeoutByOrderType", {"LIMIT": None}, "LIMIT: must be a whole"),
    "order type in seconds": (f"{FILLS}.timeout.timeoutByOrderType", {"LIMIT": 60}, "between 100 and 86400000, or 0"),
    "timeout from nowhere": (f"{FILLS}.timeout.startTimerAfter", "ack", "one of 'first_fill' or 'order_submit'"),
    "timeout without an action": (f"{FILLS}.timeout.action", "panic", "one of 'cancel_remaining' or 'alert_only'"),
    "words for the reset": (f"{FILLS}.timeout.resetOnFill", "no", "must be true or false"),
    "audit without a pause": (f"{FILLS}.audit.intervalMs", 15, "between 1000 and 600000 milliseconds"),
    "deviation as a binary fraction": (f"{FILLS}.pricing.maxPriceDeviationPercent", 5.5, "a decimal in quotes"),
    "deviation beyond all": (f"{FILLS}.pricing.maxPriceDeviationPercent", "500", "between 0 and 100"),
    "half a decimal place": (f"{FILLS}.pricing.precisionByAssetType.crypto", 2.5, "whole number of decimal places"),
    "places of an unknown type": (f"{FILLS}.pricing.precisionByAssetType.tulips", 2, "known here: stocks, forex"),
    "close without time": ("orderManagement.concurrencyControl.positionClose.closeTimeout", 30, "100 and 600000"),
    "window of a day": ("orderManagement.concurrencyControl.eventOrdering.bufferWindowMs", 86_400_000, "0 and 60000"),
    "venue of tulips": ("exchanges.binance.assetType", "tulips", "must be one of 'stocks', 'forex', 'crypto' or"),
    "name with a slash": ("deployment.name", "a/b", "must be letters, digits"),
    "order type with a unit": (f"{FILLS}.timeout.timeoutByOrderType", {"MARKET": "60s"}, "MARKET = '60s': must be a"),
    "timeouts in a list": (f"{FILLS}.timeout.timeoutByOrderType", ["LIMIT"], "mapping of order types to milliseconds"),
    "places without a type": (f"{FILLS}.pricing.precisionByAssetType", 5, "mapping of keys (stocks, forex, crypto, "),
    "places beyond all": (f"{FILLS}.pricing.precisionByAssetType.crypto", 19, "crypto = 19: must be between 0 and 18"),
    "section in the wrong place": ("partialFillTracking", {}, "belongs at orderManagement.partialFillTracking"),
    "key in the wrong place": ("orderManagement.startTimerAfter", 1, "at orderManagement.partialFillTracking.timeout."),
    "section too deep": ("orderManagement.redis", {}, "it belongs at redis"),
    "unknown section": ("orderManagment", {}, "did you mean orderManagement?"),
    "attribute name": ("orderManagement.verification.search_timeout_ms", 1, "did you mean searchTimeout?"),
    "key in another unit": ("orderManagement.verification.timeWindowMs", 1, "did you mean timeWindowSeconds?"),
    "key far from all": ("paper.xyz", 1, "known here: venues, seed, market, rateLimits"),
    "server of another kind": ("redis.url", "http://cache", "must be an address that begins with redis://"),
    "server without a name": ("redis.url", "redis://", "must be an address that begins with redis://"),
    "server with a wrong port": ("redis.url", "redis://cache:x", "must be an address that begins with redis://"),
    "venue without encryption": ("exchanges.binance.restUrl", "http://api.binance.com", "only on loopback"),
    "stream of another kind": ("exchanges.binance.streamUrl", "https://api.binance.com", "begins with wss://"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "words"), WRONG.values(), ids=WRONG.keys())
def test_settings_with_a_wrong_value_name_path_and_what_would_be_right(path: str, value: object, words: str) -> None:
    text = refusal(nested(path, value))

    assert text.startswith(f"settings: {path}")
    assert words in text
    assert len(text.splitlines()) == 1


def test_settings_with_loopback_addresses_need_no_encryption() -> None:
    addresses = {"restUrl": "http://127.0.0.1:8080", "streamUrl": "ws://localhost:8081/ws"}

    settings = load({**LIVE, "exchanges": {"binance": addresses}}, **ENVIRON)

    assert settings.exchanges.binance.stream_url == "ws://localhost:8081/ws"


@pytest.mark.parametrize("account_id", ["a:b", "{p}", "a b", "", "x" * 65, 1])
def test_settings_with_an_account_id_that_would_break_a_key_are_refused(account_id: object) -> None:
    text = refusal({"accounts": [{"id": account_id, "exchanges": {"binance": {}}}], "paper": {"venues": ["binance"]}})

    assert "accounts.0.id" in text


# ----- files


def test_settings_file_that_is_not_there_is_named() -> None:
    assert refusal("nowhere/orders.yaml") == "nowhere/orders.yaml: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ":1:5: is not YAML"),
        ("- 1\n", ": must be a mapping of keys"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("redis: !!python/object:os.system {}", "is not YAML"),
        ("redis:\n  partitions: 1\n  partitions: 2\n", ":3:3: redis.partitions: is written twice"),
        ("redis: &a\n  x: *a\n", "is not YAML"),
        ("1: 2\n", ": 1: keys must be text"),
    ],
)
def test_settings_file_that_cannot_be_understood_says_where(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)

    found = refusal(path)

    assert found.startswith(str(path))
    assert words in found


def test_settings_file_with_merge_keys_merges_them(tmp_path: Path) -> None:
    text = "metrics:\n  <<: {port: 1234, host: localhost}\n  host: 127.0.0.2\n"

    metrics = load(written(tmp_path, text)).metrics

    assert (metrics.port, metrics.host) == (1234, "127.0.0.2")


def test_settings_file_of_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    assert "cannot be read: not UTF-8" in refusal(path)
