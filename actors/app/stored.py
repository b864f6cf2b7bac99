"""The records of a running order manager's accounts, read from its store as they are there, and examined."""

from collections.abc import Iterable

from actors.app.records import AccountFinding, examine
from actors.errors import StoreError
from actors.oms import Oms
from messages.fills import PositionClose


def check_stored(oms: Oms, accounts: Iterable[str]) -> tuple[list[str], tuple[PositionClose, ...]]:
    """Return what is wrong with the records, and every close of a position among them.

    An execution that still waits for its order is wrong too: call it when everything is quiet.
    """
    wrong: list[str] = []
    closes: list[PositionClose] = []
    privacy = oms.settings.order_management.privacy
    keeps_history = privacy.retain_history and privacy.cache_orders
    for account in accounts:
        try:
            found = examine(account, oms.runtime.store.load(account), keeps_history=keeps_history)
        except StoreError as error:
            wrong.append(f"the records of account {account} could not be read: {error}")
            continue
        wrong += [f"account {account}: {text}" for text in _wrong(found)]
        closes += found.closes
    return wrong, tuple(closes)


def _wrong(found: AccountFinding) -> list[str]:
    parked = [f"{found.parked} executions wait for an order nobody knows"] if found.parked else []
    return found.differences + parked
