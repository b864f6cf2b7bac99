"""One credential's connection to ProjectX's request interface: token, account, clock, call.

Owns what is ProjectX's own about it; the session machinery is every venue's. The venue counts calls and knows tokens by
user, so the sessions of one user share both; a token serves until it is renewed or refused. It never shows the API key
or a token, and never repeats what changes anything.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exchanges.answers import Told, Untold
from exchanges.http import JSON, Clock, HttpAnswer, HttpClient, HttpFailure, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_UNAUTHORIZED
from exchanges.projectx import tokens
from exchanges.projectx.answers import read_answer, told_time
from exchanges.projectx.contracts import Contracts
from exchanges.projectx.limits import BUDGETS, CALL, heed
from exchanges.projectx.permission import ACCOUNTS_PATH, Permission
from exchanges.projectx.settling import Ends
from exchanges.projectx.sign import Login, bearer
from exchanges.session import Cost, Heed, Meter, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import CallKind
from exchanges.wire_json import write_json

TOKEN_MAX_AGE_MS = 20 * 3_600_000
"""A token lives 24 hours; it is renewed before."""
_PING_PATH = "/api/Status/ping"


@dataclass(frozen=True, slots=True)
class _Token:
    # A token and when it was told, monotonic.
    value: str = field(repr=False)
    told_ms: int


class _Flight:
    # A login on its way, and what came of it.
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.outcome: str | Untold = Untold(reason="login")


class Keeper:
    """The token of one credential, for all sessions that use it. Thread-safe; shows no token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._flights: dict[bool, _Flight] = {}
        self.refused_until_ms = 0
        """Monotonic time before which nobody logs in: the credential was refused."""

    def held(self) -> str | None:
        """Give the token there is, of whatever age."""
        token = self._token
        return None if token is None else token.value

    def fresh(self, told_after_ms: int) -> str | None:
        """Give the token if it was told then or later, monotonic."""
        token = self._token
        return token.value if token is not None and token.told_ms >= told_after_ms else None

    def keep(self, token: str, told_ms: int) -> str:
        """Take a token in the place of any other."""
        with self._lock:
            self._token = _Token(token, told_ms)
        return token

    def forget(self, refused: str) -> None:
        """Take note that a token is dead; a newer one stays."""
        with self._lock:
            if self._token is not None and self._token.value == refused:
                self._token = None

    def obtained(self, told_after_ms: int, obtain: Callable[[], str | Untold], *, ahead: bool) -> str | Untold:
        """Obtain a token: one caller at a time does, and all who wait meanwhile share what comes of it, failure too.

        Those who go `ahead` wait for none but one another.
        """
        with self._lock:
            token = self._token
            if token is not None and token.told_ms >= told_after_ms:
                return token.value
            flight = self._flights.get(ahead)
            joined = flight is not None
            if flight is None:
                flight = self._flights[ahead] = _Flight()
        if joined:
            flight.landed.wait()
            # Somebody else may have had more luck meanwhile.
            return self.fresh(told_after_ms) or flight.outcome
        try:
            flight.outcome = obtain()
        finally:
            with self._lock:
                del self._flights[ahead]
            flight.landed.set()
        return flight.outcome


class Logins:
    """What the sessions of one user share in this process: token and rate budgets. Thread-safe; shows no secret."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keepers: dict[tuple[str, Login], Keeper] = {}
        self._meters: dict[tuple[str, str], Meter] = {}

    def keeper(self, rest_url: str, login: Login) -> Keeper:
        """Give the keeper of a credential's token."""
        with self._lock:
            return self._keepers.setdefault((rest_url, login), Keeper())

    def meter(self, rest_url: str, login: Login) -> Meter:
        """Give the budgets of a user, whichever of his keys is used."""
        with self._lock:
            return self._meters.setdefault((rest_url, login.user_name), Meter())


class RestSession(VenueSession):
    """Calls under one credential. Thread-safe; shows no secret in its repr, results or errors."""

    def __init__(
        self,
        *,
        login: Login,
        account: int | None,
        clock: Clock,
        rest_url: str,
        aliases: Mapping[str, str],
        call_timeout_ms: int,
        connect_timeout_ms: int,
        pool_size: int,
        neighbours: Neighbours,
        logins: Logins,
    ) -> None:
        """`account` None: the only one that the credential opens. `logins` is shared with the sessions of other
        accounts.
        """
        http = HttpClient(
            base_url=rest_url,
            clock=clock,
            headers={"User-Agent": "livermore-orders", "Accept": "text/plain", "Accept-Encoding": "gzip"},
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
        )
        super().__init__(
            http=http,
            clock=clock,
            call_timeout_ms=call_timeout_ms,
            neighbours=neighbours,
            aliases=aliases,
            budgets=BUDGETS,
            meter=logins.meter(rest_url, login),
        )
        self.ends = Ends()
        """Ended orders that were looked up."""
        self._login = login
        self._keeper = logins.keeper(rest_url, login)
        self._contracts = Contracts(aliases)
        self._permission = Permission(account, self._asked_accounts, clock)

    # ----- the session's questions

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once: no answer tells it but by the date in its head, in whole seconds."""
        return told_time(self.unsigned(Prepared(method="GET", target=_PING_PATH), CALL, self.call_timeout_ms))

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for all contracts that simulated accounts may trade, and for those met beside them, once each."""
        until_ms = self.clock.monotonic_ms() + timeout_ms

        def ask(path: str, body: Mapping[str, Any]) -> Told | Untold:
            left_ms = until_ms - self.clock.monotonic_ms()
            if left_ms <= 0:
                return Untold(reason="timeout")
            return self.read_answer(self.call(CallKind.READ, path, body, timeout_ms=left_ms))

        return self._contracts.read(ask, self.account(), known)

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Be silent after a 429, as long as it says: the sessions of this user, as he is who is counted."""
        return heed(answer)

    # ----- calls

    def call(
        self,
        kind: CallKind,
        path: str,
        body: Mapping[str, Any],
        *,
        timeout_ms: int | None = None,
        valid_until_ms: int | None = None,
    ) -> HttpResult:
        """Send one call, once, or hold it back; `valid_until_ms` is venue time: not sent at or after it."""
        timeout_ms = self.call_timeout_ms if timeout_ms is None else timeout_ms
        return self.send(kind, CALL, posted(path, body), timeout_ms=timeout_ms, valid_until_ms=valid_until_ms)

    def send(
        self,
        kind: CallKind,
        cost: Cost,
        prepare: Callable[[int], Prepared],
        *,
        timeout_ms: int,
        valid_until_ms: int | None = None,
    ) -> HttpResult:
        """Send one call with a token, once, or hold it back. A question whose token is refused is asked once more."""
        for last in (kind is not CallKind.READ, True):
            token = self.token(kind)
            if isinstance(token, Untold):
                return self._held(token.reason, token.retry_after_ms)
            result = super().send(
                kind, cost, _carrying(token, prepare), timeout_ms=timeout_ms, valid_until_ms=valid_until_ms
            )
            if isinstance(result, HttpFailure) or result.status != HTTP_UNAUTHORIZED:
                break
            self.forget_token(token)
            if last:
                break
        return result

    # ----- the token

    def token(self, kind: CallKind = CallKind.READ, *, max_age_ms: int = TOKEN_MAX_AGE_MS) -> str | Untold:
        """Give a token no older than that: the one there is, renewed, or a new one. Cancels wait for no other call's
        login.
        """
        told_after_ms = self.clock.monotonic_ms() - max_age_ms
        fresh = self._keeper.fresh(told_after_ms)
        if fresh is not None:
            return fresh
        return self._keeper.obtained(told_after_ms, lambda: self._obtained(kind), ahead=kind is CallKind.CANCEL)

    def forget_token(self, refused: str) -> None:
        """Take note that a token is dead; a newer one stays."""
        self._keeper.forget(refused)

    def _obtained(self, kind: CallKind) -> str | Untold:
        held = self._keeper.held()
        renewed = None if held is None else tokens.renewed(self._asker(kind), held)
        if renewed is None:
            return self._logged_in(kind)
        return self._keeper.keep(renewed, self.clock.monotonic_ms())

    def _logged_in(self, kind: CallKind) -> str | Untold:
        now_ms = self.clock.monotonic_ms()
        barred_ms = self._keeper.refused_until_ms - now_ms
        if barred_ms > 0:
            return Untold(reason="auth", retry_after_ms=barred_ms)
        token = tokens.by_login(self._asker(kind), self._login)
        if isinstance(token, tokens.Refused):
            self._keeper.refused_until_ms = now_ms + tokens.REFUSED_LOGIN_MS
            return Untold(reason="auth", retry_after_ms=tokens.REFUSED_LOGIN_MS)
        return token if isinstance(token, Untold) else self._keeper.keep(token, self.clock.monotonic_ms())

    def _asker(self, kind: CallKind) -> tokens.Ask:
        return lambda prepared: self.read_answer(self.unsigned(prepared, CALL, self.call_timeout_ms, kind))

    # ----- the account

    def account(self) -> int | Untold:
        """Give the number of the account, read when it is not known."""
        return self._permission.account()

    def trading_account(self) -> int | Untold:
        """Give the number of the account if it may trade: asked once, and again while it may not."""
        return self._permission.trading_account()

    def account_told(self, *, may_trade: bool | None) -> None:
        """Take note whether the account may trade, None: that has to be asked."""
        self._permission.told(may_trade=may_trade)

    def _asked_accounts(self, kind: CallKind, body: Mapping[str, Any]) -> Told | Untold:
        return self.read_answer(self.call(kind, ACCOUNTS_PATH, body))


def posted(path: str, body: Mapping[str, Any]) -> Callable[[int], Prepared]:
    """Prepare a request, which is the same at whatever time it leaves."""
    prepared = Prepared(method="POST", target=path, body=write_json(body), content_type=JSON)
    return lambda _: prepared


def _carrying(token: str, prepare: Callable[[int], Prepared]) -> Callable[[int], Prepared]:
    return lambda venue_now_ms: replace(prepare(venue_now_ms), headers=bearer(token))
