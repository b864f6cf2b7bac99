"""The tree of actors, the same in production and in simulation: only the system and the rims differ."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

from actors.account import AccountActor, AccountLoader
from actors.committer import CommitterActor, StoreWriter
from actors.desk import FILL_TIMEOUTS, VERIFICATION
from actors.exchange import ExchangeActor, ExchangeRhythm
from actors.policy import AccountPolicy
from actors.runtime.base import OmsActor
from actors.runtime.seam import System
from actors.runtime.supervision import ChildKind
from actors.supervisors.fill_timeouts import FillTimeoutSupervisor
from actors.supervisors.root import Build, Child, RootSupervisor
from actors.supervisors.verification import VerificationSupervisor
from actors.views import PublishedViews
from exchanges.gateway import VenueGateway
from messages.base import Message

ROOT: Final = "root"
COMMITTER: Final = "committer"


def account_address(account_id: str) -> str:
    """Where an account lives."""
    return f"account/{account_id}"


def plant(
    system: System,
    *,
    accounts: Mapping[str, AccountPolicy],
    gateway_of: Callable[[str, str], VenueGateway],
    writer: StoreWriter,
    loader: AccountLoader,
    views: dict[str, PublishedViews],
    renew_interval_ms: int,
    rhythm: ExchangeRhythm,
    escalate: Callable[[str], None],
    account_lost: Callable[[str], None],
) -> None:
    """Start the whole tree: root, committer, supervisors, accounts and, by them, their exchanges and positions.

    `gateway_of` gives the gateway of an (account id, exchange name); `views` is filled with one object per account
    that readers use. `account_lost` is called with the id of an account whose actor failed.
    """
    committer = partial(_build, CommitterActor, writer=writer, renew_interval_ms=renew_interval_ms)
    verification = partial(_build, VerificationSupervisor, accounts=tuple(accounts))
    fill_timeouts = partial(_build, FillTimeoutSupervisor, accounts=tuple(accounts))
    children = [
        Child(COMMITTER, None, cast("Build", committer)),
        Child(VERIFICATION, ChildKind.SUPERVISOR, cast("Build", verification)),
        Child(FILL_TIMEOUTS, ChildKind.SUPERVISOR, cast("Build", fill_timeouts)),
    ]
    for account_id, policy in accounts.items():
        views.setdefault(account_id, PublishedViews())
        build = partial(
            _build,
            AccountActor,
            account_id=account_id,
            policy=policy,
            loader=loader,
            views=views[account_id],
            build_exchange=partial(_exchange, account_id, gateway_of, rhythm),
        )
        children.append(Child(account_address(account_id), ChildKind.ACCOUNT, cast("Build", build), account_id))
    root = partial(
        _build, RootSupervisor, children=tuple(children), escalate=escalate, account_lost=account_lost
    )
    system.start(ROOT, cast("Build", root))


def _exchange(
    account_id: str, gateway_of: Callable[[str, str], VenueGateway], rhythm: ExchangeRhythm, exchange: str
) -> Build:
    build = partial(
        _build,
        ExchangeActor,
        account_id=account_id,
        account=account_address(account_id),
        gateway=gateway_of(account_id, exchange),
        rhythm=rhythm,
    )
    return cast("Build", build)


def _build(actor: type[OmsActor[Any]], system: System, address: str, **parts: Any) -> OmsActor[Message]:
    return system.concrete(actor)(system, address, **parts)
