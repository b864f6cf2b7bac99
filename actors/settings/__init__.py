"""The settings: parsed once, frozen, checked as a whole. The only reader of configuration, environment and secrets.

`Settings.load` takes a YAML file, a mapping or nothing, puts `OMS__SECTION__KEY` environment variables over it,
resolves credentials, and either returns settings that fit together or raises one `SettingsError` that lists everything
that is wrong. Each part of the system is handed its own small section.

Must never: hold a key that nothing reads, show a secret, or make an account live that was not meant to be: without any
accounts configured there is one, on a paper venue.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from actors.errors import SettingsError
from actors.settings.deployment import (
    VENUES,
    AccountExchangeSettings,
    AccountSettings,
    CoinbaseSettings,
    DeploymentSettings,
    Durability,
    ExchangeSettings,
    ExchangesSettings,
    LoggingSettings,
    MetricsSettings,
    PaperSettings,
    ProjectxSettings,
    RedisSettings,
    Surroundings,
    SymbolsSettings,
    repeated,
)
from actors.settings.order_management import (
    CompletionSettings,
    FillTimeoutSettings,
    IdempotencySettings,
    LifecycleSettings,
    OrderManagementSettings,
    OrderPlacementSettings,
    OwnershipSettings,
    StuckOrderSettings,
    SyncSettings,
    VerificationSettings,
)
from actors.settings.privacy import PrivacySettings
from actors.settings.problems import Problem, describe, translate
from actors.settings.risk import OpenNotionalSettings, OpenOrdersSettings, PreTradeSettings, RiskSettings
from actors.settings.secret import ConnectionUrl, Credentials, Secret
from actors.settings.source import Source, override, process_environment, read
from actors.settings.values import Section

__all__ = [
    "AccountExchangeSettings",
    "AccountSettings",
    "CoinbaseSettings",
    "CompletionSettings",
    "ConnectionUrl",
    "Credentials",
    "DeploymentSettings",
    "ExchangeSettings",
    "ExchangesSettings",
    "FillTimeoutSettings",
    "IdempotencySettings",
    "LifecycleSettings",
    "LoggingSettings",
    "MetricsSettings",
    "OpenNotionalSettings",
    "OpenOrdersSettings",
    "OrderManagementSettings",
    "OrderPlacementSettings",
    "OwnershipSettings",
    "PaperSettings",
    "PreTradeSettings",
    "PrivacySettings",
    "ProjectxSettings",
    "RedisSettings",
    "RiskSettings",
    "Secret",
    "Section",
    "Settings",
    "StuckOrderSettings",
    "SymbolsSettings",
    "SyncSettings",
    "VerificationSettings",
]


class Settings(Section):
    """All settings."""

    order_management: OrderManagementSettings = OrderManagementSettings()
    deployment: DeploymentSettings = DeploymentSettings()
    redis: RedisSettings = RedisSettings()
    exchanges: ExchangesSettings = ExchangesSettings()
    accounts: tuple[AccountSettings, ...] = ()
    symbols: SymbolsSettings = SymbolsSettings()
    paper: PaperSettings = PaperSettings()
    metrics: MetricsSettings = MetricsSettings()
    logging: LoggingSettings = LoggingSettings()

    @classmethod
    def load(
        cls, source: str | Path | Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Load settings from a YAML file, a mapping, or nothing (all defaults).

        `environ` is where overrides and secrets are looked up: the process's environment unless given. Raises
        `SettingsError`, whose text has one line for each problem.
        """
        environ = process_environment() if environ is None else environ
        given = read(source)
        override(given, environ, cls)
        _add_paper_account(given.raw)
        problems = [Problem(place, "is written twice", show_value=False) for place in given.written_twice]
        settings = None
        try:
            settings = cls.model_validate(given.raw, context=Surroundings(environ, given.folder))
        except ValidationError as error:
            # Raw values must not ride along with the exception, since some are secrets in the wrong place.
            found = error.errors(include_url=False, include_input=False)
            problems += [problem for detail in found for problem in translate(detail, cls)]
        if settings is not None:
            problems += _contradictions(settings, given)
        if settings is None or problems:
            raise SettingsError(describe(problems, given))
        return settings

    @property
    def durability(self) -> Durability:
        """What the store must be configured to do: as configured, else by whether real money is at stake."""
        return self.redis.durability or ("fsync" if self.is_live else "everysec")

    @property
    def is_live(self) -> bool:
        """Whether any account has credentials of a venue."""
        return any(
            exchange.credentials is not None
            for account in self.accounts
            for exchange in account.exchanges.by_name().values()
        )


def _add_paper_account(raw: dict[str, Any]) -> None:
    """Without any accounts configured, trade on paper: never on a venue that nobody named.

    Whoever names neither accounts nor venues also finds a market there to trade with; whoever names venues says what
    happens on them, and the account trades on those.
    """
    if "accounts" in raw:
        return
    paper = raw.setdefault("paper", {})
    named = paper.get("venues") if isinstance(paper, dict) else None
    wanted = [venue for venue in VENUES if isinstance(named, list | tuple) and venue in named]
    raw["accounts"] = [{"id": "1", "exchanges": {venue: {} for venue in wanted or VENUES}}]
    if isinstance(paper, dict) and "venues" not in paper:
        paper["venues"] = list(VENUES)
        paper.setdefault("market", True)


def _contradictions(settings: Settings, source: Source) -> list[Problem]:
    """Find what only shows when sections are compared."""
    problems = [*_account_contradictions(settings), *_shared_keys(settings), *_exchange_contradictions(settings)]
    if settings.is_live and settings.deployment.name is None:
        text = (
            "is required with live credentials: it is part of every client order id, by which orders are known as ours"
        )
        problems.append(Problem(("deployment", "name"), text))
    url = settings.redis.url
    place = ("redis", "url")
    if url is not None and url.carries_password and source.is_file and place not in source.variables:
        text = "must not carry a password in a file: set OMS__REDIS__URL in the environment instead"
        problems.append(Problem(place, text))
    return problems


def _account_contradictions(settings: Settings) -> list[Problem]:
    ids = tuple(account.id for account in settings.accounts)
    problems = [
        Problem(("accounts", index, "id"), "is the id of another account too; ids must differ")
        for index, account_id in enumerate(ids)
        if account_id in ids[:index]
    ]
    for index, account in enumerate(settings.accounts):
        for venue, exchange in account.exchanges.by_name().items():
            place = ("accounts", index, "exchanges", venue)
            on_paper = venue in settings.paper.venues
            if exchange.credentials is None and not on_paper:
                names = [to_camel(name) for name in type(exchange).model_fields if name.endswith("_env")]
                text = (
                    f"has no credentials: name {' and '.join(names)} (or …File), or list {venue} in paper.venues"
                )
                problems.append(Problem(place, text))
            elif exchange.credentials is not None and on_paper:
                text = f"has credentials, but paper.venues lists {venue}: take one of them away"
                problems.append(Problem(place, text))
    return problems


def _shared_keys(settings: Settings) -> list[Problem]:
    first_with: dict[tuple[str, Secret], int] = {}
    problems = []
    for index, account in enumerate(settings.accounts):
        for venue, exchange in account.exchanges.by_name().items():
            if exchange.credentials is None:
                continue
            first = first_with.setdefault((venue, exchange.credentials.api_key), index)
            if first != index:
                text = (
                    f"has the API key of accounts.{first} too: each would take the other's orders for its own; give "
                    "each account a key of a venue account of its own"
                )
                problems.append(Problem(("accounts", index, "exchanges", venue), text, show_value=False))
    return problems


def _exchange_contradictions(settings: Settings) -> list[Problem]:
    venues = settings.exchanges.by_name()
    verification = settings.order_management.verification
    total_ms = verification.total_verification_timeout_ms
    twice = repeated(tuple(exchange.id for exchange in venues.values()))
    problems = []
    for venue, exchange in venues.items():
        if exchange.id in twice:
            problems.append(Problem(("exchanges", venue, "id"), "is the id of another exchange too; ids must differ"))
        if verification.max_placement_attempts > 1 and exchange.valid_for_ms >= total_ms:
            text = (
                f"must be below orderManagement.verification.totalVerificationTimeout ({total_ms} milliseconds), or no "
                "order is ever sent again; with maxPlacementAttempts 1 none is meant to be"
            )
            problems.append(Problem(("exchanges", venue, "validForMs"), text))
        for key, address in (("restUrl", exchange.rest_url), ("streamUrl", exchange.stream_url)):
            if address is not None and venue in settings.paper.venues:
                problems.append(Problem(("exchanges", venue, key), f"must be null: paper.venues lists {venue}"))
    return problems
