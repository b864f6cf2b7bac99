"""Which account of a credential is meant, and whether it may trade.

Owns what is known of both. It never takes an account for one that may trade because the venue did not say.
"""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import Told, Untold
from exchanges.fields import UnreadableError, as_list, as_record, flag, integer
from exchanges.http import Clock
from exchanges.throttle import CallKind

ACCOUNTS_PATH = "/api/Account/search"
NOT_TRADING_MS = 60_000
"""How long nothing is placed for an account that may not trade, before it is asked again whether it may."""
NOT_TRADING = "account_may_not_trade"
"""Why nothing is placed for it."""

Ask = Callable[[CallKind, Mapping[str, Any]], Told | Untold]
"""Asks for the list of accounts, once."""


class Permission:
    """Of one session."""

    def __init__(self, account: int | None, ask: Ask, clock: Clock) -> None:
        """`account` None: the only one that the credential opens."""
        self._account = account
        self._ask = ask
        self._clock = clock
        self._may_trade: bool | None = None
        """None: not known, or not any more."""
        self._read_ms = 0

    def account(self) -> int | Untold:
        """Give the number of the account, read when it is not known."""
        if self._account is not None:
            return self._account
        told = self._ask(CallKind.READ, {"onlyActiveAccounts": True})
        if isinstance(told, Untold):
            return told
        try:
            numbers = [number for number, may_trade in _accounts(told.payload).items() if may_trade]
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        if len(numbers) != 1:
            return Untold(reason=f"{len(numbers)} accounts may trade: name one by its number")
        self._account = numbers[0]
        self.told(may_trade=True)
        return numbers[0]

    def trading_account(self) -> int | Untold:
        """Give the number of the account if it may trade: asked once, and again while it may not."""
        account = self.account()
        if isinstance(account, Untold) or self._may_trade:
            return account
        if self._may_trade is False:
            wait_ms = self._read_ms + NOT_TRADING_MS - self._clock.monotonic_ms()
            if wait_ms > 0:
                return Untold(reason=NOT_TRADING, retry_after_ms=wait_ms)
        return self._asked(account)

    def told(self, *, may_trade: bool | None) -> None:
        """Take note whether the account may trade, None: that has to be asked."""
        self._read_ms = self._clock.monotonic_ms()
        self._may_trade = may_trade

    def _asked(self, account: int) -> int | Untold:
        told = self._ask(CallKind.PLACE, {"onlyActiveAccounts": False})
        if isinstance(told, Untold):
            return told
        try:
            found = _accounts(told.payload)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        # One that is not among them is not open to this credential.
        self.told(may_trade=found.get(account, False))
        return account if self._may_trade else Untold(reason=NOT_TRADING, retry_after_ms=NOT_TRADING_MS)


def _accounts(payload: Any) -> dict[int, bool]:
    # Accounts by number, and whether each may trade.
    records = [as_record(item) for item in as_list(as_record(payload).get("accounts"))]
    return {integer(record, "id"): flag(record, "canTrade") for record in records}
