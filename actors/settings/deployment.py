"""The settings beside `orderManagement`: who we are, where the store and the venues are, whose accounts we trade.

Credentials are named here, by environment variable or file, and resolved once while loading. Must never: hold a
credential as plain text, or mistake an account without credentials for a live one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from actors.settings.risk import RiskSettings
from actors.settings.secret import Credentials, Secret
from actors.settings.values import (
    SYMBOL,
    AssetType,
    Contradictions,
    Flag,
    Section,
    ServerAddress,
    Text,
    identifier,
    is_symbol,
    refuse,
    web_address,
    whole,
)

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")

RestUrl = Annotated[str, web_address("https", "http")]
StreamUrl = Annotated[str, web_address("wss", "ws")]
Durability = Literal["fsync", "everysec"]
Venue = Literal["coinbase", "kraken", "binance", "kucoin", "mexc", "projectx"]
VENUES: tuple[Venue, ...] = get_args(Venue)
"""Every venue that there is an adapter and a paper venue for."""


def _named_once(aliases: dict[str, dict[Venue, str]]) -> dict[str, dict[Venue, str]]:
    for name in aliases:
        if not is_symbol(name):
            refuse(f"must give names that are {SYMBOL}")
    named = [(venue, symbol) for symbols in aliases.values() for venue, symbol in symbols.items()]
    if len(set(named)) < len(named):
        refuse("must name each symbol of a venue once: it would have two names")
    return aliases


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What values outside the settings are resolved against."""

    environ: Mapping[str, str]
    folder: Path
    """Secret files with a relative path lie in here."""


class DeploymentSettings(Section):
    """Who we are to the venues and to the store."""

    name: (
        Annotated[str, identifier(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "letters, digits, '.', '_' or '-', at most 63")]
        | None
    ) = None
    """Part of every client order id (hashed), of our keys and of the data folder. Needed with live credentials."""


class RedisSettings(Section):
    """Where the store is."""

    url: ServerAddress | None = None
    """None: the embedded server."""
    durability: Durability | None = None
    """None: `fsync` where an account has live credentials, `everysec` otherwise; see `Settings.durability`."""
    partitions: Annotated[int, whole("partitions", 1, 1_024)] | None = None
    """Key partitions, fixed when the store is created. None: 1."""
    connect_timeout_ms: Annotated[int, whole("milliseconds", 10, 60_000)] = 1_000


class ExchangeSettings(Section):
    """One venue: its number in the public keys, its addresses, its limits."""

    id: Annotated[int, whole("", 1, 1_000_000)]
    """The `{exchangeId}` of the public Redis keys."""
    rest_url: RestUrl | None = None
    """None: the venue's official address."""
    stream_url: StreamUrl | None = None
    """None: the venue's official address."""
    max_in_flight: Annotated[int, whole("calls", 1, 256)] = 8
    """Concurrent calls per credential."""
    valid_for_ms: Annotated[int, whole("milliseconds", 1_000, 60_000)] = 5_000
    """How long one sending of an order may still be accepted by the venue."""
    settle_ms: Annotated[int, whole("milliseconds", 100, 600_000)] | None = None
    """How long the venue may take to show an accepted order everywhere. None: as long as we know of this venue."""
    asset_type: AssetType = "crypto"
    """What is traded there: chooses the fill timeout, and the places that average prices are shown with."""


class CoinbaseSettings(ExchangeSettings):
    """Coinbase Advanced Trade."""

    id: Annotated[int, whole("", 1, 1_000_000)] = 1
    token_claims: Literal["uri", "uris"] = "uri"
    """How tokens name the request they are for: the venue's own program does the first, others do the second."""


class KrakenSettings(ExchangeSettings):
    """Kraken spot."""

    id: Annotated[int, whole("", 1, 1_000_000)] = 2
    max_in_flight: Annotated[int, whole("calls", 1, 256)] = 1


class BinanceSettings(ExchangeSettings):
    """Binance spot."""

    id: Annotated[int, whole("", 1, 1_000_000)] = 3


class KucoinSettings(ExchangeSettings):
    """KuCoin spot."""

    id: Annotated[int, whole("", 1, 1_000_000)] = 4


class MexcSettings(ExchangeSettings):
    """MEXC spot."""

    id: Annotated[int, whole("", 1, 1_000_000)] = 5
    max_in_flight: Annotated[int, whole("calls", 1, 256)] = 4


class ProjectxSettings(ExchangeSettings):
    """The ProjectX gateway of a futures firm."""

    id: Annotated[int, whole("", 1, 1_000_000)] = 6
    max_in_flight: Annotated[int, whole("calls", 1, 256)] = 4
    asset_type: AssetType = "futures"
    fill_event_name: Text = "GatewayUserTrade"
    """What the gateway calls the stream's events about executions."""


class ExchangesSettings(Section):
    """The venues this version can trade on."""

    coinbase: CoinbaseSettings = CoinbaseSettings()
    kraken: KrakenSettings = KrakenSettings()
    binance: BinanceSettings = BinanceSettings()
    kucoin: KucoinSettings = KucoinSettings()
    mexc: MexcSettings = MexcSettings()
    projectx: ProjectxSettings = ProjectxSettings()

    def by_name(self) -> dict[str, ExchangeSettings]:
        """List the venues by their lower-case name."""
        return {venue: getattr(self, venue) for venue in type(self).model_fields}


class AccountExchangeSettings(Section):
    """One account's credentials at one venue, named and never written; none of them for a paper account."""

    api_key_env: Text | None = None
    api_key_file: Text | None = None
    _credentials: Credentials | None = PrivateAttr(default=None)

    @property
    def credentials(self) -> Credentials | None:
        """The resolved credentials; None on paper."""
        return self._credentials

    @model_validator(mode="after")
    def _resolve(self, info: ValidationInfo) -> Self:
        surroundings = cast("Surroundings", info.context)
        resolved: dict[str, Secret | None] = {}
        found = Contradictions()
        names = [name.removesuffix("_env") for name in type(self).model_fields if name.endswith("_env")]
        for name in names:
            variable, file = getattr(self, f"{name}_env"), getattr(self, f"{name}_file")
            resolved[name] = named_secret(found, surroundings, to_camel(name), variable, file)
        found.done()
        present = [name for name, secret in resolved.items() if secret is not None]
        if not present and not self._other_parts():
            return self
        for name in names:
            if name not in present:
                beside = to_camel(present[0] if present else next(iter(self._other_parts())))
                key = to_camel(name)
                found.check(False, f"{key}Env", f"or {key}File is required beside {beside}")
        self._check_other_parts(found)
        found.done()
        self._credentials = Credentials(**resolved, **self._other_parts())  # type: ignore[arg-type]
        return self

    def _other_parts(self) -> dict[str, Any]:
        """Parts of the credentials that are no secrets, and are there."""
        return {}

    def _check_other_parts(self, found: Contradictions) -> None:
        """Note those of them that are required and missing."""


class KeyPairSettings(AccountExchangeSettings):
    """A key and its secret."""

    api_secret_env: Text | None = None
    api_secret_file: Text | None = None


class KucoinAccountSettings(KeyPairSettings):
    """A key, its secret, and the passphrase that was chosen with it."""

    passphrase_env: Text | None = None
    passphrase_file: Text | None = None


class ProjectxAccountSettings(AccountExchangeSettings):
    """A user's key, and which of the user's accounts."""

    user_name_env: Text | None = None
    user_name_file: Text | None = None
    account_number: Annotated[int, whole("", 1, 2**63 - 1)] | None = None
    """The account's id at the venue: one key opens several."""

    def _other_parts(self) -> dict[str, Any]:
        return {} if self.account_number is None else {"account_number": self.account_number}

    def _check_other_parts(self, found: Contradictions) -> None:
        given = self.account_number is not None
        found.check(given, "accountNumber", "is required: the id of one account, as the venue shows it")


class AccountExchangesSettings(Section):
    """The venues one account trades on."""

    coinbase: KeyPairSettings | None = None
    kraken: KeyPairSettings | None = None
    binance: KeyPairSettings | None = None
    kucoin: KucoinAccountSettings | None = None
    mexc: KeyPairSettings | None = None
    projectx: ProjectxAccountSettings | None = None

    def by_name(self) -> dict[str, AccountExchangeSettings]:
        """List the account's venues by their lower-case name."""
        found = {venue: getattr(self, venue) for venue in type(self).model_fields}
        return {venue: exchange for venue, exchange in found.items() if exchange is not None}


class AccountSettings(Section):
    """One user; with each of its exchanges it is one trading account."""

    id: Annotated[str, identifier(r"[A-Za-z0-9._-]{1,64}", "letters, digits, '.', '_' or '-', at most 64")]
    """The `{userId}` of the public Redis keys."""
    exchanges: AccountExchangesSettings
    risk: RiskSettings = RiskSettings()
    """Its own limits, in the place of the general ones; see `RiskSettings.overridden_by`."""

    @model_validator(mode="after")
    def _trades_somewhere(self) -> Self:
        found = Contradictions()
        found.check(bool(self.exchanges.by_name()), "exchanges", "must name at least one exchange")
        found.done()
        return self


class PaperSettings(Section):
    """Venues that we serve ourselves, on loopback, with money that does not exist."""

    venues: tuple[Venue, ...] = ()
    seed: Annotated[int, whole("", 0, 2**63 - 1)] = 1
    """Of the random market and of the credentials."""
    market: Flag = False
    """Whether a random market trades there by itself. True where nothing says who trades: see `Settings.load`."""
    rate_limits: Flag = False
    """Whether the venue's own rate limits are imitated."""

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        found = Contradictions()
        found.check(not repeated(self.venues), "venues", "names a venue twice")
        found.done()
        return self


class SymbolsSettings(Section):
    """Names of our own for what is traded."""

    aliases: Annotated[dict[str, dict[Venue, Text]], AfterValidator(_named_once)] = Field(default_factory=dict)
    """Venue symbols by canonical name and venue: `{"BTC-USD": {binance: BTCUSDT}}`. Only what is written here is taken
    for the same: USD is not USDT."""

    def of(self, venue: str) -> dict[str, str]:
        """List the venue symbols of one venue by canonical name."""
        return {name: symbols[venue] for name, symbols in self.aliases.items() if venue in symbols}


class MetricsSettings(Section):
    """The Prometheus endpoint."""

    port: Annotated[int, whole("", 0, 65_535)] = 9_464
    """0: any free port."""
    host: Text = "127.0.0.1"
    enabled: Flag = False


class LoggingSettings(Section):
    """Where log lines go and how they look."""

    level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    format: Literal["human", "json"] = "human"
    file: Text | None = None
    """None: standard error."""


def repeated(values: tuple[Any, ...]) -> list[Any]:
    """List the values that occur more than once."""
    return [value for value in dict.fromkeys(values) if values.count(value) > 1]


def named_secret(
    found: Contradictions, surroundings: Surroundings, key: str, variable: str | None, file: str | None
) -> Secret | None:
    """Resolve one of a pair of settings. What they hold is never repeated: it may be the secret itself, misplaced."""
    if variable is not None and file is not None:
        found.check(False, f"{key}File", f"must not stand beside {key}Env: name one source")
    elif variable is not None:
        return _from_variable(found, surroundings.environ, f"{key}Env", variable)
    elif file is not None:
        return _from_file(found, surroundings.folder / file, f"{key}File")
    return None


def _from_variable(found: Contradictions, environ: Mapping[str, str], key: str, variable: str) -> Secret | None:
    if _VARIABLE.fullmatch(variable) is None:
        found.check(False, key, "must be the name of an environment variable (capitals, digits, '_'), never the value")
        return None
    value = environ.get(variable, "").strip()
    # A credential never holds an underscore in practice; a name without one may be a misplaced credential.
    shown = f"{variable}, which" if "_" in variable else "an environment variable that"
    found.check(bool(value), key, f"names {shown} is not set or empty")
    return Secret(value) if value else None


def _from_file(found: Contradictions, path: Path, key: str) -> Secret | None:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        found.check(False, key, f"names a file that cannot be read: {reason}")
        return None
    found.check(bool(value), key, "names a file that is empty")
    return Secret(value) if value else None
