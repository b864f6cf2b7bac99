"""Paper venues with accounts on them, and settings that lead an order manager there as if they were the real thing.

The order manager sees addresses and credentials and nothing else, so it takes the very path that it takes with money.
Must never: lead to anything but the loopback interface.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from actors.app.verdict import VenueRecord
from actors.settings import Settings
from exchanges.paper.client import ControlClient, PaperProcess

FUNDS: Final = {"USDT": Decimal(10**9), "USD": Decimal(10**12), "BTC": Decimal(10**9), "ETH": Decimal(10**9)}
VENUES: Final = ("binance",)
"""Venues that there is a paper venue for."""


class PaperWorld:
    """One paper venue in a child process, with accounts. A context manager."""

    def __init__(self, venue: str, accounts: Sequence[str], *, seed: int, scripted: bool = False) -> None:
        """`scripted` accounts never trade with one another: their orders fill only through the control port."""
        self.venue = venue
        self.accounts = tuple(accounts)
        self._scripted = scripted
        self._process = PaperProcess((venue,), seed=seed)
        self._keys: dict[str, dict[str, str]] = {}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._running.enter_context(self._process)
        for account in self.accounts:
            self._keys[account] = self.control.add_account(account, FUNDS, scripted=self._scripted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def control(self) -> ControlClient:
        """The control port, for the thread that entered the context."""
        return self._process.control(self.venue)

    def another_control(self) -> ControlClient:
        """A client of the control port for one more thread."""
        return ControlClient(self._process.venues[self.venue]["controlUrl"])

    def settings(
        self, deployment: str, management: Mapping[str, Any], *, durability: str, in_flight: int = 8
    ) -> Settings:
        """Settings for an order manager with these accounts; `management` is the section `orderManagement`."""
        announced = self._process.venues[self.venue]
        accounts, environ = [], {}
        for number, account in enumerate(self.accounts):
            names = {"apiKeyEnv": f"PAPER_KEY_{number}", "apiSecretEnv": f"PAPER_SECRET_{number}"}
            environ[names["apiKeyEnv"]] = self._keys[account]["apiKey"]
            environ[names["apiSecretEnv"]] = self._keys[account]["apiSecret"]
            accounts.append({"id": account, "exchanges": {self.venue: names}})
        venue = {
            "restUrl": announced["restUrl"], "streamUrl": announced["streamUrl"], "maxInFlight": in_flight,
        }  # fmt: skip
        source = {
            "deployment": {"name": deployment},
            "redis": {"durability": durability},
            "exchanges": {self.venue: venue},
            "accounts": accounts,
            "orderManagement": dict(management),
        }
        return Settings.load(source, environ=environ)

    def record(self) -> VenueRecord:
        """What happened at the venue to these accounts."""
        return read_record(self.control, self.accounts)


def read_record(control: ControlClient, accounts: Sequence[str]) -> VenueRecord:
    """Read what happened at a venue to some accounts."""
    orders = [row for account in accounts for row in control.orders(account=account)]
    executions = [row for account in accounts for row in control.executions(account=account)]
    return VenueRecord(tuple(orders), tuple(executions))
