"""The parity report: stored records against the venues, asked directly, as a program beside the order manager.

It takes no account, writes nothing and places nothing, so it may run while the order manager works; a data folder
belongs to one process at a time. Nothing is merged: where a first look shows differences, a second one follows a few
seconds later, over records read anew: what both show counts, and what was repaired between them although it is dated
before the first. An exchange that could not be asked is never called equal, nor is a record of which nobody knows what
the venue has made.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, Final

from actors.app.opened import opened
from actors.errors import OmsError, SealBroken
from actors.memory import AccountMemory
from actors.parity_look import Conclusion, Look, Viewpoint
from actors.recovery import rebuild
from actors.settings import Settings
from actors.settings.secret import Credentials
from actors.store.redis import RedisStore
from actors.store.sealed import SealedStore
from actors.venues import revealed, venue_settings
from exchanges.gateway_pool import PooledGateway
from exchanges.http import Clock, SystemClock
from exchanges.neighbours import Neighbours
from exchanges.nonces import MemoryCeiling
from exchanges.registry import open_gateway
from messages.codec import CodecError
from messages.commands import FetchInstruments, FetchServerTime, VenueRequest
from messages.reports import (
    BalancesFetched,
    CallReport,
    FetchFailed,
    FillsFetched,
    InstrumentsFetched,
    OpenOrdersFetched,
)

AGAIN_AFTER_S: Final = 3.0
"""Between two looks."""
_ANSWER_WITHIN_S: Final = 60.0
"""A list with all its pages, and what it waits for its rate limit."""


class NothingToCompare(OmsError):
    """These settings name no account with credentials; the text says what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One account at one exchange."""

    account_id: str
    conclusion: Conclusion

    @property
    def name(self) -> str:
        """As people read it."""
        return f"account {self.account_id}, {self.conclusion.exchange}"


@dataclass(frozen=True, slots=True)
class ParityResult:
    """What was found."""

    where: str
    """The store."""
    sides: tuple[Side, ...]

    @property
    def differences(self) -> int:
        """How many there are."""
        return sum(len(side.conclusion.differences) for side in self.sides)

    @property
    def failures(self) -> list[str]:
        """What could not be compared: nobody answered, or nobody knows; while there is any, nothing is equal."""
        return [f"{side.name}: {what}: {why}" for side in self.sides for what, why in side.conclusion.not_compared]

    @property
    def left_out(self) -> list[str]:
        """What is too young to be compared, and symbols that our records do not speak of lately."""
        return [f"{side.name}: {what}: {why}" for side in self.sides for what, why in side.conclusion.left_out]

    def as_json(self) -> dict[str, Any]:
        """The result as other programs read it."""
        sides = [_side_json(side) for side in self.sides]
        return {"store": self.where, "differences": self.differences, "sides": sides}


def run_parity(
    settings: Settings,
    account_id: str | None = None,
    *,
    clock: Clock | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> ParityResult | None:
    """Compare the stored records of every account with credentials, or of one, with its venues.

    `pause` waits between the looks, in seconds; where it answers true the program is to end, and the answer is None.

    Raises:
        NothingToCompare: there is nothing lasting in these settings, or no such account.
        NothingStored: the data folder is not there.
        StoreError: the store is away, in use, another deployment's, of another schema, or under keys we do not have.
    """
    targets = _targets(settings, account_id)
    with opened(settings) as found:
        records = _Records(found.store, found.store.accounts())
        neighbours = {target.exchange: Neighbours() for target in targets}
        observers = [
            _Observer(settings, records, target, clock or SystemClock(), neighbours[target.exchange])
            for target in targets
        ]
        for observer in observers:
            observer.look()
        doubtful = [observer for observer in observers if observer.sees_differences]
        if doubtful and pause(AGAIN_AFTER_S):
            return None
        for observer in doubtful:
            observer.look()
    return ParityResult(found.where, tuple(observer.side() for observer in observers))


# ----- what is compared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One account at one exchange, with what proves to the venue who is asking."""

    account_id: str
    exchange: str
    credentials: Credentials


def _targets(settings: Settings, account_id: str | None) -> list[_Target]:
    names = [account.id for account in settings.accounts]
    if account_id is not None and account_id not in names:
        raise NothingToCompare(f"no account {account_id!r} in the configuration; there are: {', '.join(names)}")
    targets = [
        _Target(account_id=account.id, exchange=name, credentials=exchange.credentials)
        for account in settings.accounts
        if account_id in (None, account.id)
        for name, exchange in account.exchanges.by_name().items()
        if exchange.credentials is not None
    ]
    if not targets:
        raise NothingToCompare(
            "paper venues and the records of orders on them end with their process, so there is nothing to compare: "
            "name a configuration with accounts that have credentials of a venue (--config)"
        )
    return targets


# ----- looking


class _Records:
    """What is stored, read anew each time."""

    def __init__(self, store: RedisStore | SealedStore, accounts: Collection[str]) -> None:
        self._store = store
        self._accounts = accounts

    def of(self, target: _Target, *, margin: bool) -> tuple[AccountMemory, str]:
        """The records of an account, and why they cannot be compared; empty when they can.

        `margin`: whether it holds positions at its venue instead of assets.
        """
        if target.account_id not in self._accounts:
            return AccountMemory(), "the store has no records of this account"
        try:
            stored = self._store.load(target.account_id)
            return rebuild(stored, [target.exchange], [target.exchange] if margin else []), ""
        except (CodecError, SealBroken) as error:
            return AccountMemory(), f"its records cannot be read: {error}"


class _Observer:
    """Looks at one account at one exchange, once or twice."""

    def __init__(
        self, settings: Settings, records: _Records, target: _Target, clock: Clock, neighbours: Neighbours
    ) -> None:
        self._settings = settings
        self._records = records
        self._target = target
        self._clock = clock
        self._neighbours = neighbours
        self._looks: list[Look] = []

    @property
    def sees_differences(self) -> bool:
        """Whether the last look found any."""
        return bool(self._looks[-1].findings)

    def side(self) -> Side:
        """What the looks come to."""
        return Side(account_id=self._target.account_id, conclusion=self._looks[-1].conclude(merged=False))

    def look(self) -> None:
        """Ask the venue for everything, and compare with the records as they are when it has answered."""
        gateway = self._open()
        try:
            self._looks.append(self._look(gateway))
        finally:
            gateway.close()

    def _look(self, gateway: PooledGateway) -> Look:
        where = {"account_id": self._target.account_id, "exchange": self._target.exchange}
        # The clock and the names of the symbols come first: what is asked, and what it means, depends on both.
        opening = _answers(gateway, [FetchServerTime(**where), FetchInstruments(**where)])
        margin = gateway.capabilities.margin
        before, problem = self._records.of(self._target, margin=margin)
        view, first = self._viewpoint(gateway), self._looks[0] if self._looks else None
        number, now_ms = len(self._looks) + 1, self._clock.now_ms()
        look = Look(before, view, number=number, now_ms=now_ms, symbols_max=None, first=first)
        problem = problem or next((each.reason for each in opening if isinstance(each, FetchFailed)), "")
        if not problem:
            answers = _answers(gateway, look.questions)
            after, problem = self._records.of(self._target, margin=margin)
            if not problem:
                _hear(look, after, (*opening, *answers), self._clock.now_ms())
        look.give_up(problem or "not answered in time")
        return look

    def _viewpoint(self, gateway: PooledGateway) -> Viewpoint:
        return Viewpoint(
            account_id=self._target.account_id,
            exchange=self._target.exchange,
            offset_ms=gateway.venue_offset_ms(),
            settle_ms=gateway.capabilities.settle_ms,
            lookback_ms=self._settings.order_management.sync.lookback_minutes * 60_000,
        )

    def _open(self) -> PooledGateway:
        return open_gateway(
            self._target.exchange,
            account_id=self._target.account_id,
            credential=revealed(self._target.credentials),
            # Rising numbers begin at the clock here: above a ceiling that an order manager has recorded, they would put
            # its own requests beneath them.
            settings=venue_settings(
                self._settings, self._target.exchange, neighbours=self._neighbours, nonces=MemoryCeiling()
            ),
            clock=self._clock,
            # Only a stream that reconnects draws from it, and none is opened.
            random=Random(0),
        )


def _answers(gateway: PooledGateway, requests: Sequence[VenueRequest]) -> list[CallReport]:
    """Ask, and wait for what is answered in time."""
    told: SimpleQueue[CallReport] = SimpleQueue()
    for request in requests:
        gateway.submit(request, told.put)
    answers: list[CallReport] = []
    deadline = time.monotonic() + _ANSWER_WITHIN_S
    while len(answers) < len(requests):
        try:
            answers.append(told.get(timeout=max(0.0, deadline - time.monotonic())))
        except Empty:
            break
    return answers


def _hear(look: Look, memory: AccountMemory, answers: Sequence[CallReport], now_ms: int) -> None:
    for told in answers:
        for instrument in told.instruments if isinstance(told, InstrumentsFetched) else ():
            memory.remember(instrument)
    for told in answers:
        if isinstance(told, OpenOrdersFetched | FillsFetched | BalancesFetched | FetchFailed):
            look.hear(memory, told, now_ms)


def _side_json(side: Side) -> dict[str, Any]:
    found = side.conclusion
    return {
        "account": side.account_id,
        "exchange": found.exchange,
        "outcome": found.outcome,
        "asOf": found.as_of_ms,
        "compared": dict(found.compared),
        "differences": [
            {"kind": each.kind.value, "subject": each.subject, "name": each.name, "ours": each.ours,
             "venues": each.venues}
            for each in found.differences
        ],
        "notComparedYet": [{"what": what, "why": why} for what, why in found.left_out],
        "notJudged": [{"what": what, "why": why} for what, why in found.unjudged],
        "failed": [{"what": what, "why": why} for what, why in found.failed],
    }  # fmt: skip
