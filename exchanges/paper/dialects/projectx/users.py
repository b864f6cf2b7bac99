"""Who may use the ProjectX Gateway: users with their API keys, and the trading accounts that each of them sees.

Keys derive from a seed or are given; they open nothing but a paper venue. They appear in no representation.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from exchanges.paper.dialects.projectx.errors import LOGIN_INVALID_CREDENTIALS, LOGIN_USER_NOT_FOUND, Refusal

_NUMBERS_FROM = 1_000_000
_NUMBERS_UP_TO = 10_000_000


@dataclass(slots=True, kw_only=True)
class TradingAccount:
    """One account, and how the firm treats it. The switches are set by whoever plays the firm."""

    name: str
    """Its name in the engine."""
    number: int
    """The venue's `accountId`."""
    can_trade: bool = True
    """False: the firm's risk rules have locked it."""
    auto_oco: bool = True
    """Whether brackets are 'Auto OCO Brackets'; else 'Position Brackets', and orders with brackets are refused."""


@dataclass(slots=True, kw_only=True)
class User:
    """Somebody who logs in."""

    name: str
    api_keys: set[str] = field(default_factory=set, repr=False)
    accounts: list[TradingAccount] = field(default_factory=list)

    def account(self, number: int | None) -> TradingAccount | None:
        """Return one of the user's accounts by its `accountId`, or None."""
        return next((one for one in self.accounts if one.number == number), None)


class Users:
    """All users and accounts of a venue."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._accounts: dict[str, TradingAccount] = {}

    def add(self, account: str, seed: int, given: Mapping[str, str] | None) -> dict[str, str]:
        """Let a user with an API key see an account, and return what its client needs to know.

        A user name that is given again gets another key and sees another account. Raises ValueError for an empty key or
        user name and for an account number that is none or is another account's.
        """
        given = given or {}
        name = given.get("userName", account)
        api_key = given.get("apiKey", b64encode(_digest(account, seed, "key")).decode())
        if not name or not api_key:
            msg = "a user needs a name and an API key"
            raise ValueError(msg)
        trading = self._open(account, seed, given.get("accountNumber"))
        user = self._users.setdefault(name, User(name=name))
        user.api_keys.add(api_key)
        if trading not in user.accounts:
            user.accounts.append(trading)
        return {"userName": name, "apiKey": api_key, "accountNumber": str(trading.number)}

    def log_in(self, name: str, api_key: str) -> User:
        """Return the user. Raises Refusal."""
        user = self._users.get(name)
        if user is None:
            raise Refusal(LOGIN_USER_NOT_FOUND)
        if api_key not in user.api_keys:
            raise Refusal(LOGIN_INVALID_CREDENTIALS)
        return user

    def user(self, name: str) -> User:
        """Return a user who exists."""
        return self._users[name]

    def account(self, name: str) -> TradingAccount | None:
        """Return the account of this name in the engine, or None when nobody may use it."""
        return self._accounts.get(name)

    def _open(self, account: str, seed: int, number: str | None) -> TradingAccount:
        if number is not None and not (number.isascii() and number.isdigit()):
            msg = "an account number is digits"
            raise ValueError(msg)
        known = self._accounts.get(account)
        wanted = self._free_number(account, seed) if number is None else int(number)
        if known is not None and number in (None, str(known.number)):
            return known
        if known is not None or any(one.number == wanted for one in self._accounts.values()):
            msg = f"account number {number} of {account} is another one's, or it has another one"
            raise ValueError(msg)
        self._accounts[account] = TradingAccount(name=account, number=wanted)
        return self._accounts[account]

    def _free_number(self, account: str, seed: int) -> int:
        number = int.from_bytes(_digest(account, seed, "number")[:8], "big")
        taken = {one.number for one in self._accounts.values()}
        while (found := _NUMBERS_FROM + number % (_NUMBERS_UP_TO - _NUMBERS_FROM)) in taken:
            number += 1
        return found


def _digest(account: str, seed: int, purpose: str) -> bytes:
    return hashlib.sha256(f"paper/projectx/{seed}/{account}/{purpose}".encode()).digest()
