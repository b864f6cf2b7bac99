"""The check: reads what is stored of every account and sees whether the fills add up to the orders and the positions.

It takes no account, raises no epoch and writes nothing, so it may read a server that others are working on: each
account is read in one transaction. A data folder belongs to one process at a time, and the check needs it for itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.app.figures import price_places
from actors.app.records import AccountFinding, PositionFinding, examine
from actors.build import DEFAULT_DEPLOYMENT, naming_redis_url, with_keys
from actors.domain.arithmetic import plain
from actors.errors import SealBroken, StoreError
from actors.settings import Settings
from actors.store.embedded import EmbeddedServer, state_folder
from actors.store.redis import RedisStore
from actors.store.sealed import SealedStore


class NothingStored(StoreError):
    """There is no store to check; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found."""

    where: str
    accounts: tuple[AccountFinding, ...]
    places: Mapping[str, int]
    """By exchange: decimal places that average prices are shown with."""

    @property
    def differences(self) -> list[str]:
        """Everything that is wrong, with its account."""
        return [f"account {each.account_id}: {text}" for each in self.accounts for text in each.differences]

    def as_json(self) -> dict[str, Any]:
        """The result as other programs read it. Numbers are strings, so that nothing is rounded."""
        return {
            "store": self.where,
            "accounts": [_account_json(account) for account in self.accounts],
            "differences": self.differences,
        }


def run_check(settings: Settings, folder: Path | None) -> CheckResult:
    """Check the store that settings lead to, or the embedded server's data in a folder.

    Raises:
        NothingStored: these settings keep no records, or the folder has none.
        StoreError: the store is away, in use, another deployment's, of another schema, or under keys we do not have.
    """
    deployment = settings.deployment.name or DEFAULT_DEPLOYMENT
    with _server(settings, folder, deployment) as (url, where):
        server = RedisStore(
            url,
            deployment=deployment,
            partitions=settings.redis.partitions or 1,
            connect_timeout_ms=settings.redis.connect_timeout_ms,
        )
        store = with_keys(server, settings)
        keeps_history = _keeps_history(settings)
        try:
            with naming_redis_url(settings):
                accounts = tuple(_examined(store, account, keeps_history) for account in store.accounts())
        finally:
            store.close()
    return CheckResult(where, accounts, price_places(settings))


@contextmanager
def _server(settings: Settings, folder: Path | None, deployment: str) -> Iterator[tuple[str, str]]:
    if folder is None and settings.redis.url is not None:
        yield settings.redis.url.reveal(), "the server of redis.url"
        return
    if folder is None and settings.paper.venues and not settings.is_live:
        raise NothingStored(
            "records on paper venues live in a temporary folder and end with it: name a configuration with redis.url "
            "or with live accounts (--config), or a data folder (--folder)"
        )
    data = state_folder(deployment) if folder is None else folder
    if not (data / "appendonlydir").is_dir():
        # A server that finds none makes one, and a check changes nothing.
        raise NothingStored(f"{data} is no data folder of an embedded server")
    with EmbeddedServer(data, durability=settings.durability) as server:
        yield server.url, str(data)


def _keeps_history(settings: Settings) -> bool:
    privacy = settings.order_management.privacy
    return privacy.retain_history and privacy.cache_orders


def _examined(store: RedisStore | SealedStore, account_id: str, keeps_history: bool) -> AccountFinding:  # noqa: FBT001
    try:
        return examine(account_id, store.load(account_id), keeps_history=keeps_history)
    except SealBroken as error:
        return AccountFinding(account_id, problems=[f"its records cannot be read: {error}"])


def _account_json(account: AccountFinding) -> dict[str, Any]:
    return {
        "account": account.account_id,
        "orders": account.orders,
        "fills": account.fills,
        "parked": account.parked,
        "activeCloses": account.active_closes,
        "forgotten": account.forgotten,
        "positions": [_position_json(position) for position in account.positions],
        "problems": account.problems,
    }


def _position_json(position: PositionFinding) -> dict[str, Any]:
    return {
        "exchange": position.exchange,
        "symbol": position.symbol,
        "fills": position.fills,
        "size": plain(position.size),
        "averageEntry": None if position.average_entry is None else plain(position.average_entry),
        "realised": plain(position.realised),
        "fees": {currency: plain(fee) for currency, fee in position.fees},
        "problems": list(position.problems),
    }
