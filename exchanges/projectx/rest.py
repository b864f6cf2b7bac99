"""One credential's connection to ProjectX's request interface: token, account, clock, call.

Owns what is ProjectX's own about it; the session machinery is every venue's. There is one login at a time, and its
token serves until it is renewed or refused. It never shows the API key or a token, and never repeats what changes
anything.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exchanges.answers import Told, Untold
from exchanges.asking import Asking
from exchanges.fields import UnreadableError, as_list, as_record, flag, integer, text
from exchanges.http import JSON, Clock, HttpAnswer, HttpClient, HttpFailure, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_SERVER_ERROR, HTTP_TOO_MANY, HTTP_UNAUTHORIZED
from exchanges.projectx.answers import date_ms, read_answer, silence_ms
from exchanges.projectx.sign import Login, bearer
from exchanges.projectx.symbols import read_contracts
from exchanges.session import Cost, Heed, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget, CallKind
from exchanges.wire_json import write_json

TOKEN_MAX_AGE_MS = 20 * 3_600_000
"""A token lives 24 hours; it is renewed before."""
REFUSED_LOGIN_MS = 60_000
"""How long nothing is sent after a login was refused: it takes somebody to change something first."""
LIMITED_MS = 10_000
"""How long to be silent after a 429 that does not say."""

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
_CONTRACTS_PATH = "/api/Contract/available"
_LOGIN_FAULT = "8"
"""The login code that says nothing about the credential."""


@dataclass(frozen=True, slots=True)
class _Token:
    # A token and when it was told, monotonic.
    value: str = field(repr=False)
    told_ms: int


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
    ) -> None:
        """`account` None: the only one that the credential opens."""
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
        )
        self._login = login
        self._account = account
        self._token: _Token | None = None
        self._login_lock = threading.Lock()
        self._login_refused_until_ms = 0

    # ----- the session's questions

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once: no answer tells it but by the date in its head, in whole seconds."""
        result = self.unsigned(Prepared(method="GET", target=_PING_PATH), CALL, self.call_timeout_ms)
        if isinstance(result, HttpFailure):
            return Untold(reason=result.reason, retry_after_ms=result.retry_after_ms)
        server_ms = date_ms(result.headers)
        if server_ms is None or result.status >= HTTP_SERVER_ERROR:
            return Untold(reason="no_clock")
        return TimeTold(server_ms=server_ms, answer=result)

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for all contracts that simulated accounts may trade, once."""
        told = self.read_answer(self.call(CallKind.READ, _CONTRACTS_PATH, {"live": False}, timeout_ms=timeout_ms))
        if isinstance(told, Untold):
            return told
        try:
            return read_contracts(told.payload, self.aliases, told.answer.received_ms, known)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Be silent after a 429, as long as it says."""
        if answer.status != HTTP_TOO_MANY:
            return None
        return Heed(silent_ms=silence_ms(answer.headers) or LIMITED_MS)

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
        """Give a token no older than that: the one there is, renewed, or a new one."""
        token = self._token
        if token is not None and self.clock.monotonic_ms() - token.told_ms <= max_age_ms:
            return token.value
        with self._login_lock:
            token = self._token
            if token is not None and self.clock.monotonic_ms() - token.told_ms <= max_age_ms:
                return token.value
            renewed = None if token is None else self._validated(token.value, kind)
            if renewed is None:
                return self._logged_in(kind)
            self._token = _Token(renewed, self.clock.monotonic_ms())
            return renewed

    def forget_token(self, refused: str) -> None:
        """Take note that a token is dead; a newer one stays."""
        with self._login_lock:
            if self._token is not None and self._token.value == refused:
                self._token = None

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
        if now_ms < self._login_refused_until_ms:
            return Untold(reason="auth", retry_after_ms=self._login_refused_until_ms - now_ms)
        prepared = Prepared(method="POST", target=_LOGIN_PATH, body=self._login.body(), content_type=JSON)
        told = self.read_answer(self.unsigned(prepared, CALL, self.call_timeout_ms, kind))
        if isinstance(told, Untold):
            if told.code is None or told.code == _LOGIN_FAULT:
                return Untold(reason=f"login: {told.reason}", retry_after_ms=told.retry_after_ms)
            self._login_refused_until_ms = now_ms + REFUSED_LOGIN_MS
            return Untold(reason="auth", retry_after_ms=REFUSED_LOGIN_MS)
        try:
            token = text(told.payload, "token")
        except UnreadableError:
            return Untold(reason="login: unreadable")
        self._token = _Token(token, self.clock.monotonic_ms())
        return token

    # ----- the account

    def account(self) -> int | Untold:
        """Give the number of the account, read when it is not known."""
        if self._account is not None:
            return self._account
        told = self.read_answer(self.call(CallKind.READ, _ACCOUNTS_PATH, {"onlyActiveAccounts": True}))
        if isinstance(told, Untold):
            return told
        try:
            numbers = _tradable(told.payload)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        if len(numbers) != 1:
            return Untold(reason=f"{len(numbers)} accounts may trade: name one by its number")
        self._account = numbers[0]
        return numbers[0]


def _tradable(payload: Any) -> list[int]:
    records = [as_record(item) for item in as_list(as_record(payload).get("accounts"))]
    return [integer(record, "id") for record in records if flag(record, "canTrade")]


def _prepared(path: str, body: Mapping[str, Any]) -> Prepared:
    return Prepared(method="POST", target=path, body=write_json(body), content_type=JSON)


def _carrying(token: str, prepare: Callable[[int], Prepared]) -> Callable[[int], Prepared]:
    return lambda venue_now_ms: replace(prepare(venue_now_ms), headers=bearer(token))
