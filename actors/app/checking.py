"""The check: reads what is stored of every account and sees whether the fills add up to the orders and the positions.

It takes no account, raises no epoch and writes nothing, so it may read a server that others are working on: each
account is read in one transaction. A data folder belongs to one process at a time, and the check needs it for itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.app.figures import price_places
from actors.app.opened import opened
from actors.app.records import AccountFinding, PositionFinding, examine
from actors.domain.arithmetic import plain
from actors.errors import SealBroken
from actors.settings import Settings
from actors.store.redis import RedisStore
from actors.store.sealed import SealedStore


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
    keeps_history = _keeps_history(settings)
    with opened(settings, folder) as found:
        accounts = tuple(_examined(found.store, account, keeps_history) for account in found.store.accounts())
    return CheckResult(found.where, accounts, price_places(settings))


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
        "realised": None if position.realised is None else plain(position.realised),
        "fees": {currency: plain(fee) for currency, fee in position.fees},
        "problems": list(position.problems),
    }
