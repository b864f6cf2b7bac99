"""Balances of the paper venue's accounts: free, locked, and what fees and the outside world took.

Money is only ever moved here, never made: for each asset the sum over accounts, fees and the outside is what was
deposited. Nothing here knows orders.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from messages.types import ZERO

OUTSIDE = "#outside"
"""The counterparty of scripted fills. Not an account: it cannot place orders."""
FEES = "#fees"
"""Where fees go."""
PLENTY = Decimal(10**9)
"""What an unlimited account holds of each asset at first, so that its balances look like real ones: never negative."""


@dataclass(slots=True, kw_only=True)
class PaperAccount:
    """One account's balances and how the engine treats it."""

    name: str
    unlimited: bool = False
    """Never short of funds: it begins with more than it can spend, and nothing is refused for want of money."""
    scripted: bool = False
    """Its orders rest beside the book and execute only by `Engine.execute`: for the replay of recorded flow."""
    audited: bool = True
    """False: its ended orders are forgotten. For the random market, which would fill the memory."""
    free: dict[str, Decimal] = field(default_factory=dict)
    locked: dict[str, Decimal] = field(default_factory=dict)


class Ledger:
    """All accounts of a venue and every movement between them."""

    def __init__(self) -> None:
        self._accounts: dict[str, PaperAccount] = {}
        self._changed: dict[tuple[str, str], None] = {}
        for name in (OUTSIDE, FEES):
            self._accounts[name] = PaperAccount(name=name, unlimited=True)

    def open(self, account: PaperAccount) -> None:
        """Add an account. Raises ValueError when the name is taken."""
        if account.name in self._accounts:
            msg = f"account {account.name} exists"
            raise ValueError(msg)
        self._accounts[account.name] = account

    def get(self, name: str) -> PaperAccount | None:
        """Return an account that can trade, or None."""
        return None if name in (OUTSIDE, FEES) else self._accounts.get(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of all accounts that can trade."""
        return tuple(name for name in self._accounts if name not in (OUTSIDE, FEES))

    def deposit(self, name: str, asset: str, amount: Decimal) -> None:
        """Put money into an account from nowhere; a negative amount takes it out."""
        self._move_free(name, asset, amount)

    def balance(self, name: str, asset: str) -> tuple[Decimal, Decimal]:
        """Return free and locked."""
        account = self._accounts[name]
        return account.free.get(asset, ZERO), account.locked.get(asset, ZERO)

    def balances(self, name: str) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Return free and locked of each asset that the account ever held, by asset."""
        account = self._accounts[name]
        assets = sorted({*account.free, *account.locked})
        return {asset: self.balance(name, asset) for asset in assets}

    def can_pay(self, name: str, asset: str, amount: Decimal) -> bool:
        """Whether this much is free."""
        account = self._accounts[name]
        return account.unlimited or account.free.get(asset, ZERO) >= amount

    def lock(self, name: str, asset: str, amount: Decimal) -> None:
        """Move from free to locked; a negative amount moves back."""
        self._move_free(name, asset, -amount)
        self._move_locked(name, asset, amount)

    def pay_locked(self, name: str, asset: str, amount: Decimal) -> None:
        """Take money that was locked out of an account."""
        self._move_locked(name, asset, -amount)

    def receive(self, name: str, asset: str, amount: Decimal) -> None:
        """Credit an amount."""
        self._move_free(name, asset, amount)

    def charge(self, name: str, asset: str, fee: Decimal) -> None:
        """Take a fee for the venue from what is free."""
        self._move_free(name, asset, -fee)
        self._move_free(FEES, asset, fee)

    def total(self, asset: str) -> Decimal:
        """Return the sum over everybody, fees and the outside included: what was deposited."""
        return sum(
            (account.free.get(asset, ZERO) + account.locked.get(asset, ZERO) for account in self._accounts.values()),
            ZERO,
        )

    def take_changes(self) -> tuple[tuple[str, str], ...]:
        """Return (account, asset) of every balance that moved since the last call."""
        changed = tuple(self._changed)
        self._changed.clear()
        return changed

    def _move_free(self, name: str, asset: str, amount: Decimal) -> None:
        free = self._accounts[name].free
        free[asset] = free.get(asset, ZERO) + amount
        self._note(name, asset)

    def _move_locked(self, name: str, asset: str, amount: Decimal) -> None:
        locked = self._accounts[name].locked
        locked[asset] = locked.get(asset, ZERO) + amount
        self._note(name, asset)

    def _note(self, name: str, asset: str) -> None:
        if name not in (OUTSIDE, FEES):
            self._changed[name, asset] = None
