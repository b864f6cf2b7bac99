"""The ids that KuCoin gives a user and its balances, made of the account's name."""

import hashlib


def user_id(account: str) -> str:
    """Return the id of an account's owner."""
    return hashlib.sha256(account.encode()).hexdigest()[:24]


def balance_id(account: str, asset: str) -> str:
    """Return the id of the trade balance of one asset: twelve digits."""
    digest = hashlib.sha256(f"{account}/{asset}".encode()).hexdigest()
    return str(100_000_000_000 + int(digest[:12], 16) % 900_000_000_000)
