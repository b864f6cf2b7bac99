"""Paper venues with accounts on them, and settings that lead an order manager there as if they were the real thing.

The order manager sees addresses and credentials and nothing else, so it takes the very path that it takes with money.
Must never: lead to anything but the loopback interface.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from types import NoneType, TracebackType
from typing import Any, Final, Self, get_args

from actors.app.markets import multiplier_of
from actors.app.verdict import Row, VenueRecord
from actors.settings import Settings
from actors.settings.deployment import AccountExchangesSettings
from exchanges.paper.client import ControlClient, PaperProcess

FUNDS: Final = {"USDT": Decimal(10**9), "USD": Decimal(10**12), "BTC": Decimal(10**9), "ETH": Decimal(10**9)}
_UUID: Final = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SECRETS: Final = {
    "apiKey": "api_key_env", "apiSecret": "api_secret_env", "passphrase": "passphrase_env", "userName": "user_name_env",
}  # fmt: skip
"""Parts of credentials that settings name by the variable they stand in, with the field for it."""


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
        self,
        deployment: str,
        management: Mapping[str, Any],
        *,
        durability: str,
        in_flight: int | None = None,
        settle_ms: int | None = None,
    ) -> Settings:
        """Settings for an order manager with these accounts; `management` is the section `orderManagement`.

        `in_flight` and `settle_ms`: calls at once and the settle time, None as usual at the venue.
        """
        announced = self._process.venues[self.venue]
        accounts: list[dict[str, Any]] = []
        environ: dict[str, str] = {}
        for number, account in enumerate(self.accounts):
            named = _named(self.venue, self._keys[account], f"PAPER_{number}", environ)
            accounts.append({"id": account, "exchanges": {self.venue: named}})
        venue = {"restUrl": announced["restUrl"], "streamUrl": announced["streamUrl"]}
        venue |= {} if in_flight is None else {"maxInFlight": in_flight}
        venue |= {} if settle_ms is None else {"settleMs": settle_ms}
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


def _named(venue: str, keys: Mapping[str, str], prefix: str, environ: dict[str, str]) -> dict[str, Any]:
    """Put what the venue wants of an account's keys into the environment and return what settings say of them."""
    kinds = get_args(AccountExchangesSettings.model_fields[venue].annotation)
    (settings,) = (kind for kind in kinds if kind is not NoneType)
    named: dict[str, Any] = {}
    for part, field in _SECRETS.items():
        if part in keys and field in settings.model_fields:
            named[f"{part}Env"] = variable = f"{prefix}_{part.upper()}"
            environ[variable] = keys[part]
    if "accountNumber" in keys:
        named["accountNumber"] = int(keys["accountNumber"])
    return named


def read_record(control: ControlClient, accounts: Sequence[str]) -> VenueRecord:
    """Read what happened at a venue to some accounts."""
    orders = [row for account in accounts for row in read_orders(control, account)]
    executions = [row for account in accounts for row in control.executions(account=account)]
    multipliers = {row["symbol"]: multiplier_of(row["symbol"]) for row in (*orders, *executions)}
    return VenueRecord(tuple(orders), tuple(executions), multipliers=multipliers)


def read_orders(control: ControlClient, account: str, offset: int = 0) -> list[Row]:
    """Read the orders of one account, from one of them on. Client order ids stand there as in our records."""
    rows = control.orders(account=account, offset=offset)
    return [row | {name: _as_ours(row[name]) for name in ("clientOrderId", "firstClientOrderId")} for row in rows]


def _as_ours(client_order_id: str) -> str:
    # Some venues take only UUIDs; what we call an order is the same digits without dashes.
    return client_order_id.replace("-", "").lower() if _UUID.fullmatch(client_order_id) else client_order_id


class OrderNumbers:
    """The numbers by which a control port's commands name orders. One thread."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self._numbers: dict[tuple[str, str], int] = {}
        self._read: dict[str, int] = {}

    def of(self, account: str, venue_order_id: str) -> int | None:
        """The number of an order that its venue's clients know by this id; None for an order that there is not."""
        if (account, venue_order_id) not in self._numbers:
            rows = self._control.orders(account=account, offset=self._read.get(account, 0))
            self._read[account] = self._read.get(account, 0) + len(rows)
            self._numbers |= {(account, row["venueOrderId"]): row["orderId"] for row in rows}
        return self._numbers.get((account, venue_order_id))
