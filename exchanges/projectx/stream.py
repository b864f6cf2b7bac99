"""ProjectX's user hub as the stream rim opens it: the address, with a token that is fresh enough.

What is subscribed to and what events mean is `events`. It never shows a token, which is part of the address.
"""

from typing import Protocol

from exchanges.answers import Untold
from exchanges.outcomes import HTTP_UNAUTHORIZED
from exchanges.projectx.capabilities import STREAM_URL
from exchanges.projectx.events import FILL_EVENT, SPEC_FILL_EVENT, HubReader
from exchanges.projectx.sign import hub_address
from exchanges.signalr import HANDSHAKE
from exchanges.stream import Opening, StreamRefusedError
from exchanges.succession import StreamRules
from exchanges.symbols import SymbolBook
from exchanges.throttle import CallKind

TOKEN_AGE_MS = 8 * 3_600_000
"""A connection is opened with a token no older than this: it is in the address and cannot be renewed there."""
RULES = StreamRules(
    # The hub drops who is silent for 30 s, and pings every 15 s itself.
    ping_every_ms=10_000,
    silence_ms=30_000,
    # Together with the token's age well below the 24 h that a token lives.
    max_age_ms=15 * 3_600_000,
)
_NO_SYMBOLS = SymbolBook()


class Session(Protocol):
    """What the stream needs of the credential's client."""

    def token(self, kind: CallKind = ..., *, max_age_ms: int = ...) -> str | Untold:
        """Give a token no older than that."""
        ...

    def forget_token(self, refused: str) -> None:
        """Take note that a token is dead."""
        ...

    def account(self) -> int | Untold:
        """Give the number of the account."""
        ...

    def trading_account(self) -> int | Untold:
        """Give it if the account may trade."""
        ...

    def account_told(self, *, may_trade: bool | None) -> None:
        """Take note whether the account may trade, None: that has to be asked."""
        ...

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names; None when they cannot be known."""
        ...


class ProjectXStream:
    """A `StreamProtocol`: the user hub of one account."""

    rules = RULES

    def __init__(
        self, *, account_id: str, session: Session, url: str = STREAM_URL, fill_event: str | None = None
    ) -> None:
        """`fill_event` names the events about executions, None: as the venue calls them."""
        self._account_id = account_id
        self._session = session
        self._url = url
        self._fill_events = frozenset(name.lower() for name in (FILL_EVENT, SPEC_FILL_EVENT, fill_event or FILL_EVENT))
        self._opened_with = ""

    def __repr__(self) -> str:
        return f"ProjectXStream({self._account_id!r}, {self._url!r})"

    def open(self) -> Opening:
        """Give an address with a fresh token. Raises `StreamRefusedError` while token, account or symbols are not
        known.
        """
        token = self._session.token(max_age_ms=TOKEN_AGE_MS)
        if isinstance(token, Untold):
            raise StreamRefusedError(token.reason)
        account = self._session.account()
        if isinstance(account, Untold):
            raise StreamRefusedError(account.reason)
        if self._session.symbols() is None:
            # Events would come under names that nothing is booked under.
            raise StreamRefusedError("instruments_unavailable")
        # Whether the account may trade is known before the first placement; what is not told now is asked then.
        self._session.trading_account()
        self._opened_with = token
        reader = HubReader(
            account_id=self._account_id,
            account=account,
            fill_events=self._fill_events,
            symbols=lambda: self._session.symbols() or _NO_SYMBOLS,
            on_logout=lambda: self._session.forget_token(token),
            on_account=lambda may_trade: self._session.account_told(may_trade=may_trade),
        )
        return Opening(url=hub_address(self._url, token), frames=(HANDSHAKE,), reader=reader)

    def refused(self, status: int) -> None:
        """Forget the token when it was refused."""
        if status == HTTP_UNAUTHORIZED:
            self._session.forget_token(self._opened_with)

    def renew(self) -> bool:
        """Nothing can be prolonged: a connection ends before its token does."""
        return True
