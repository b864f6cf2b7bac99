"""Open orders, limits and privacy over real sockets: a server of its own, a plain client of it, and order managers.

What other programs see is read by redis-py and `json` alone. Accounts are opened at the paper venue as tests name them;
each test has accounts, and where accounts may meet prices, of its own.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest
import redis
from fill_world import DEADLINE_S, EXCHANGE, PRICE, SIZE, SYMBOL, Desk, FillVenue

from actors import Oms
from actors.settings import Settings
from actors.store.embedded import EmbeddedServer
from exchanges import registry
from exchanges.paper.client import ControlClient
from messages import OrderType, Side, SubmitOrder
from messages.commands import AccountCommand
from messages.queries import (
    ExchangeOrders,
    GetHistory,
    HistorySnapshot,
    ModifyDone,
    OpenOrdersSynced,
    OrderPlaced,
    Refused,
    Reply,
)
from messages.types import Order, StateTransition

VENUE_NUMBER = 7
"""The `{exchangeId}` that these scenarios give the venue."""
TICK = Decimal("0.01")
LONG_MS = 60_000
SETTLE_MS = 500
QUICK = {"ownership": {"leaseTtl": 1000, "leaseRenewInterval": 300}}
"""Another owner takes an account over a second after its process has died."""

WATCHFUL = {
    "partialFillTracking": {"audit": {"intervalMs": 1000}},
    "verification": {
        "maxVerificationAttempts": 5,
        "verificationRetryIntervals": [200, 300, 500, 700, 1000],
        "slowRetryInterval": 1000,
        # How long a test takes on a busy machine must not decide what is too late to be placed.
        "totalVerificationTimeout": 300_000,
    },
}
"""Audits as often as they can be, look-ups that do not tire."""

Json = dict[str, Any]


@dataclass
class World:
    """A paper venue and a server; order managers come and go on them."""

    venue: FillVenue
    deployment: str = "awareness"
    environ: dict[str, str] = field(default_factory=dict)
    """What the settings of the next order manager may name."""

    def __enter__(self) -> Self:
        # A short path: a server's socket must not lie deep.
        self._folder = TemporaryDirectory(prefix="aware-")
        self.server = EmbeddedServer(Path(self._folder.name))
        self.server.start()
        self.plain = redis.Redis.from_url(self.server.url, decode_responses=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.plain.close()
        self.server.stop()
        self._folder.cleanup()

    @property
    def control(self) -> ControlClient:
        return self.venue.control

    def open_accounts(self, *accounts: str, scripted: bool = True) -> None:
        """Open accounts at the venue."""
        for account in accounts:
            self.venue.open_account(account, scripted=scripted)

    def settings(self, *accounts: str, **management: Any) -> Settings:
        """Settings of an order manager for accounts that are open at the venue."""
        return settings_of(
            self.venue.announced, self.venue.keys(*accounts),
            redis_url=self.server.url, deployment=self.deployment, environ=self.environ, management=management,
        )  # fmt: skip

    @contextmanager
    def trading(self, *accounts: str, **management: Any) -> Iterator[Desk]:
        """A running order manager for accounts that are open at the venue."""
        with self.running(self.settings(*accounts, **management)) as desk:
            assert desk.oms.runtime.all_open(), "not every gate opened in time"
            yield desk

    @contextmanager
    def running(self, settings: Settings) -> Iterator[Desk]:
        """A running order manager, whether its gates have opened or not."""
        with Oms(settings) as oms:
            yield Desk(oms, self.control)

    # ----- what other programs see

    def public(self, account: str) -> dict[str, Json]:
        """The open orders of an account as any program reads them, numbers digit by digit."""
        rows = self.plain.hgetall(f"{self._root(account)}:open")
        return {name.decode(): read_public(raw) for name, raw in rows.items()}

    def last_sync(self, account: str) -> int | None:
        """When an account's open orders were last synchronised, as any program reads it."""
        raw = self.plain.get(f"{self._root(account)}:last_sync")
        return None if raw is None else int(raw)

    def _root(self, account: str) -> str:
        return f"orders:{account}:{VENUE_NUMBER}"

    def asked(self, kind: str) -> int:
        """How many requests of a kind the venue has read."""
        return int(self.control.summary()["requests"].get(kind, 0))


def settings_of(
    announced: Json,
    keys: Mapping[str, Mapping[str, str]],
    *,
    redis_url: str,
    deployment: str,
    environ: Mapping[str, str],
    management: Json,
) -> Settings:
    """Settings for the accounts with these keys; `management` adds to the section `orderManagement`."""
    environment, listed = dict(environ), []
    for number, (name, pair) in enumerate(keys.items()):
        environment |= {f"KEY_{number}": pair["apiKey"], f"SECRET_{number}": pair["apiSecret"]}
        credentials = {"apiKeyEnv": f"KEY_{number}", "apiSecretEnv": f"SECRET_{number}"}
        listed.append({"id": name, "exchanges": {EXCHANGE: credentials}})
    address = {"restUrl": announced["restUrl"], "streamUrl": announced["streamUrl"]}
    return Settings.load(
        {
            "deployment": {"name": deployment},
            "redis": {"url": redis_url, "durability": "everysec"},
            "exchanges": {EXCHANGE: address | {"id": VENUE_NUMBER, "validForMs": 2000}},
            "accounts": listed,
            "orderManagement": {"concurrencyControl": QUICK} | management,
        },
        environ=environment,
    )


def read_public(raw: bytes) -> Json:
    """Read one public order, its numbers with their exact digits."""
    return dict(json.loads(raw, parse_float=Decimal))


def limit_order(account: str, *, side: Side = Side.BUY, **terms: Any) -> SubmitOrder:
    """A limit order that rests."""
    given = {"type": OrderType.LIMIT, "size": SIZE, "price": PRICE, "symbol": SYMBOL, **terms}
    return SubmitOrder(account_id=account, exchange=EXCHANGE, side=side, **given)


def answered(desk: Desk, command: AccountCommand) -> Reply:
    """Carry a command out; refusals come back as replies."""
    return desk.oms.submit(command).result(DEADLINE_S)


def placed(desk: Desk, command: SubmitOrder) -> Order:
    """Place an order; returns it."""
    reply = answered(desk, command)
    assert isinstance(reply, OrderPlaced), reply
    return desk.order(command.account_id, reply.view.local_id)


def refused(desk: Desk, command: AccountCommand) -> Refused:
    """Offer a command that is refused."""
    reply = answered(desk, command)
    assert isinstance(reply, Refused), reply
    return reply


def modified(desk: Desk, command: AccountCommand) -> ModifyDone:
    """Change an order."""
    reply = answered(desk, command)
    assert isinstance(reply, ModifyDone), reply
    return reply


def synced(desk: Desk, command: AccountCommand) -> ExchangeOrders:
    """Ask for open orders of one exchange."""
    reply = answered(desk, command)
    assert isinstance(reply, OpenOrdersSynced), reply
    (only,) = reply.exchanges
    return only


def history(desk: Desk, account: str, order_id: str) -> tuple[StateTransition, ...]:
    """The recorded steps of an order."""
    reply = desk.oms.ask(GetHistory(account_id=account, order_id=order_id))
    assert isinstance(reply, HistorySnapshot)
    return reply.transitions


def by_hand(control: ControlClient, account: str, name: str, **terms: Any) -> Json:
    """Place an order past every order manager, as its owner does at the venue's own page."""
    given = {"symbol": SYMBOL, "side": Side.BUY, "size": SIZE, "price": PRICE, **terms}
    return control.place(account, name, **given)


def live_at_venue(control: ControlClient, account: str) -> list[Json]:
    """The orders of an account that work at the venue, by the venue's own books."""
    return control.orders(account=account, open=True)


def settles_at_once(patch: pytest.MonkeyPatch, **abilities: Any) -> None:
    """Have the next order managers take the venue for one that shows at once what it did; or that can do other things.

    The paper venue shows at once what it did, unless a fault says otherwise. What the real one may take is twelve
    seconds for each proof that something did not happen.
    """
    patch.setattr(registry, "BINANCE", replace(registry.BINANCE, settle_ms=SETTLE_MS, **abilities))
