"""One credential's connection to ProjectX's request interface: token, account, clock, call.

Owns what is ProjectX's own about it; the session machinery is every venue's. The venue counts calls and knows tokens by
user, so the sessions of one user share both; a token serves until it is renewed or refused. It never shows the API key
or a token, and never repeats what changes anything.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exchanges.answers import Told, Untold, date_ms
from exchanges.asking import Asking
from exchanges.fields import UnreadableError, as_list, as_record, flag, integer, text
from exchanges.http import JSON, Clock, HttpAnswer, HttpClient, HttpFailure, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_SERVER_ERROR, HTTP_TOO_MANY, HTTP_UNAUTHORIZED
from exchanges.projectx.answers import read_answer, silence_ms
from exchanges.projectx.contracts import Contracts
from exchanges.projectx.settling import Ends
from exchanges.projectx.sign import Login, bearer
from exchanges.session import Cost, Heed, Meter, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget, CallKind
from exchanges.wire_json import write_json

TOKEN_MAX_AGE_MS = 20 * 3_600_000
"""A token lives 24 hours; it is renewed before."""
REFUSED_LOGIN_MS = 60_000
"""How long nothing is sent after a login was refused: it takes somebody to change something first."""
LIMITED_MS = 10_000
"""How long to be silent after a 429 that does not say."""
NOT_TRADING_MS = 60_000
"""How long nothing is placed for an account that may not trade, before it is asked again whether it may."""
NOT_TRADING = "account_may_not_trade"
"""Why nothing is placed for it."""

CALL: Cost = {"calls": 1}
HISTORY_CALL: Cost = {"history": 1}
BUDGETS = (
    Budget(name="calls-60000", unit="calls", limit=200, window_ms=60_000),
    Budget(name="history-30000", unit="history", limit=30, window_ms=30_000),
)

_LOGIN_PATH = "/api/Auth/loginKey"
_VALIDATE_PATH = "/api/Auth/validate"
_PING_PATH = "/api/Status/ping"
_ACCOUNTS_PATH = "/api/Account/search"
_LOGIN_FAULT = "8"
"""The login code that says nothing about the credential."""


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
        self._account = account
        self._may_trade: bool | None = None
        """None: not known, or not any more."""
        self._permission_read_ms = 0

    # ----- the session's questions

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once: no answer tells it but by the date in its head, in whole seconds."""
        result = self.unsigned(Prepared(method="GET", target=_PING_PATH), CALL, self.call_timeout_ms)
        if isinstance(result, HttpFailure):
            return Untold(reason=result.reason, retry_after_ms=result.retry_after_ms)
        server_ms = date_ms(result.headers)
        # An answer with an age comes from somebody who kept it, and so does its date.
        kept = result.headers.get("Age", "0").strip() != "0"
        if server_ms is None or kept or result.status >= HTTP_SERVER_ERROR:
            return Untold(reason="no_clock")
        return TimeTold(server_ms=server_ms, answer=result)

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
        if answer.status != HTTP_TOO_MANY:
            return None
        return Heed(silent_ms=silence_ms(answer.headers) or LIMITED_MS, by_address=False)

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
        prepared = _prepared(path, body)
        timeout_ms = self.call_timeout_ms if timeout_ms is None else timeout_ms
        return self.send(kind, CALL, lambda _: prepared, timeout_ms=timeout_ms, valid_until_ms=valid_until_ms)

    def question(self, asking: Asking, path: str, body: Mapping[str, Any], cost: Cost = CALL) -> Told | Untold:
        """Ask one question, again while that may help."""
        prepared = _prepared(path, body)
        return asking.ask(cost, lambda _: prepared)

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
        renewed = None if held is None else self._validated(held, kind)
        if renewed is None:
            return self._logged_in(kind)
        return self._keeper.keep(renewed, self.clock.monotonic_ms())

    def _validated(self, token: str, kind: CallKind) -> str | None:
        # None: a new login has to do. Whatever the venue did with the old token, the new one is better.
        prepared = Prepared(method="POST", target=_VALIDATE_PATH, headers=bearer(token))
        told = self.read_answer(self.unsigned(prepared, CALL, self.call_timeout_ms, kind))
        if isinstance(told, Untold):
            return None
        renewed = told.payload.get("newToken")
        return renewed if isinstance(renewed, str) and renewed else None

    def _logged_in(self, kind: CallKind) -> str | Untold:
        now_ms = self.clock.monotonic_ms()
        if now_ms < self._keeper.refused_until_ms:
            return Untold(reason="auth", retry_after_ms=self._keeper.refused_until_ms - now_ms)
        prepared = Prepared(method="POST", target=_LOGIN_PATH, body=self._login.body(), content_type=JSON)
        told = self.read_answer(self.unsigned(prepared, CALL, self.call_timeout_ms, kind))
        if isinstance(told, Untold):
            if told.code is None or told.code == _LOGIN_FAULT:
                return Untold(reason=f"login: {told.reason}", retry_after_ms=told.retry_after_ms)
            self._keeper.refused_until_ms = now_ms + REFUSED_LOGIN_MS
            return Untold(reason="auth", retry_after_ms=REFUSED_LOGIN_MS)
        try:
            token = text(told.payload, "token")
        except UnreadableError:
            return Untold(reason="login: unreadable")
        return self._keeper.keep(token, self.clock.monotonic_ms())

    # ----- the account

    def account(self) -> int | Untold:
        """Give the number of the account, read when it is not known."""
        if self._account is not None:
            return self._account
        told = self.read_answer(self.call(CallKind.READ, _ACCOUNTS_PATH, {"onlyActiveAccounts": True}))
        if isinstance(told, Untold):
            return told
        try:
            numbers = [number for number, may_trade in _accounts(told.payload).items() if may_trade]
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        if len(numbers) != 1:
            return Untold(reason=f"{len(numbers)} accounts may trade: name one by its number")
        self._account = numbers[0]
        self.account_told(may_trade=True)
        return numbers[0]

    def trading_account(self) -> int | Untold:
        """Give the number of the account if it may trade: asked once, and again while it may not."""
        account = self.account()
        if isinstance(account, Untold) or self._may_trade:
            return account
        if self._may_trade is False:
            wait_ms = self._permission_read_ms + NOT_TRADING_MS - self.clock.monotonic_ms()
            if wait_ms > 0:
                return Untold(reason=NOT_TRADING, retry_after_ms=wait_ms)
        return self._permitted(account)

    def account_told(self, *, may_trade: bool | None) -> None:
        """Take note whether the account may trade, None: that has to be asked."""
        self._permission_read_ms = self.clock.monotonic_ms()
        self._may_trade = may_trade

    def _permitted(self, account: int) -> int | Untold:
        told = self.read_answer(self.call(CallKind.PLACE, _ACCOUNTS_PATH, {"onlyActiveAccounts": False}))
        if isinstance(told, Untold):
            return told
        try:
            found = _accounts(told.payload)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        # One that is not among them is not open to this credential.
        self.account_told(may_trade=found.get(account, False))
        return account if self._may_trade else Untold(reason=NOT_TRADING, retry_after_ms=NOT_TRADING_MS)


def _accounts(payload: Any) -> dict[int, bool]:
    # Accounts by number, and whether each may trade.
    records = [as_record(item) for item in as_list(as_record(payload).get("accounts"))]
    return {integer(record, "id"): flag(record, "canTrade") for record in records}


def _prepared(path: str, body: Mapping[str, Any]) -> Prepared:
    return Prepared(method="POST", target=path, body=write_json(body), content_type=JSON)


def _carrying(token: str, prepare: Callable[[int], Prepared]) -> Callable[[int], Prepared]:
    return lambda venue_now_ms: replace(prepare(venue_now_ms), headers=bearer(token))
