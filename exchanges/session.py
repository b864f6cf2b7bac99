"""One credential's connection to a venue's request interface: clock, rate budgets, names, calls.

Owns the clock offset, the rate budgets, the symbol names and the HTTP client of one credential; how requests are signed
and answers are read is the venue's. It never sends a placement at or after its validity, never repeats a call by
itself, and sends nothing during a ban.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from exchanges.answers import BAN_MAX_MS, SILENCE_MAX_MS, Told, Untold
from exchanges.http import FORM, Clock, HttpAnswer, HttpClient, HttpFailure, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import NO_COST, Budget, CallKind, Throttle

CLOCK_MAX_AGE_MS = 600_000
"""An offset older than this is read again, by the next question; placements and cancels never wait for that."""
LISTING_TIMEOUT_MS = 15_000
"""The trading rules of all symbols are several megabytes."""
LISTING_AGAIN_MS = 30_000
"""They are read again because of an unlisted symbol at most this often."""

Cost = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One request, signed: what is sent, byte for byte. It carries credentials, and is not shown."""

    method: str
    target: str = field(repr=False)
    """Path and query, already encoded."""
    body: bytes | None = field(default=None, repr=False)
    content_type: str = FORM
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """In addition to those that every request of the session has."""


class HeldBackError(Exception):
    """A request cannot be prepared now, so it is not sent. The text is a reason without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heed:
    """What an answer means for the calls that come after it."""

    silent_ms: int = 0
    kinds: tuple[CallKind, ...] = tuple(CallKind)
    """Calls that the silence concerns."""
    banned: bool = False
    by_address: bool = True
    """Whether the venue counts calls by address, so that the silence holds for all of this process."""
    distrust_clock: bool = False


_NOTHING = Heed()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTold:
    """A reading of the venue's clock."""

    server_ms: int
    """Never ahead of the venue's clock at the moment at which it answered."""
    answer: HttpAnswer


class Meter:
    """The rate budgets of one user of a venue: the sessions of one user count together."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        """To be touched under `lock` only."""
        self.lock = threading.Lock()


class _Turns:
    # One call at a time. Cancels go before all else that waits, and questions wait for everything.

    _ORDER: ClassVar = {CallKind.CANCEL: 0, CallKind.PLACE: 1, CallKind.AMEND: 1}
    _LAST: ClassVar = 2

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._waiting = [0] * (self._LAST + 1)

    @contextmanager
    def turn(self, kind: CallKind) -> Iterator[None]:
        rank = self._ORDER.get(kind, self._LAST)
        with self._changed:
            self._waiting[rank] += 1
            self._changed.wait_for(lambda: not self._taken and not any(self._waiting[:rank]))
            self._waiting[rank] -= 1
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()


class VenueSession(ABC):
    """Signed and unsigned calls under one credential. Thread-safe; shows no secret in its repr, results or errors."""

    untimed: ClassVar[frozenset[CallKind]] = frozenset()
    """Calls that say nothing of the venue's time, unless they have a validity: they are sent whether or not it is
    known.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        clock: Clock,
        call_timeout_ms: int,
        neighbours: Neighbours,
        aliases: Mapping[str, str],
        budgets: Iterable[Budget] = (),
        one_at_a_time: bool = False,
        meter: Meter | None = None,
    ) -> None:
        """`budgets` are the limits to begin with. `one_at_a_time`: requests must reach the venue in the order in which
        they were prepared, so that each waits for the answer to the one before, and cancels go first. `meter`: what is
        counted together with other sessions; None: this one counts for itself.
        """
        meter = meter or Meter()
        self.clock = clock
        self.call_timeout_ms = call_timeout_ms
        self.aliases = dict(aliases)
        self._http = http
        self._throttle, self._throttle_lock = meter.throttle, meter.lock
        with self._throttle_lock:
            self._throttle.learn(budgets)
        self._neighbours = neighbours
        neighbours.join(self)
        self._sending = _Turns() if one_at_a_time else None
        self._closing = threading.Event()
        self._base_ms = 0
        """Venue time minus our monotonic clock, aimed low: a wall clock that is set moves no proof."""
        self._base_known = False
        self._offset_trusted = False
        self._offset_read_ms = 0
        self._clock_lock = threading.Lock()
        self._symbols: SymbolBook | None = None
        self._listing_lock = threading.Lock()
        self._naming_lock = threading.Lock()
        self._symbols_doubted = False
        self._reloaded_ms: int | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._http!r})"

    # ----- what is the venue's own

    @abstractmethod
    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once."""

    @abstractmethod
    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for instruments and limits, once. Names that are `known` stay."""

    @abstractmethod
    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""

    @abstractmethod
    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Say what an answer, of whatever status, means for the next calls; None: nothing."""

    def usage(self, answer: HttpAnswer) -> Mapping[str, int] | None:
        """Read what the answer says of used budgets, by budget name. None: the venue does not tell, so we count."""
        del answer
        return None

    # ----- time

    def venue_offset_ms(self) -> int:
        """Tell venue time minus our time, aimed low; 0 while unknown."""
        return self._venue_ms() - self.clock.now_ms() if self._base_known else 0

    def venue_now_ms(self) -> int | None:
        """Tell the venue's time, read when it is not known; None when it cannot be."""
        return self._venue_ms() if self._knows_clock() else None

    def distrust_clock(self) -> None:
        """Read the offset again before it is used: the venue has refused a time made with it."""
        self._offset_trusted = False

    def read_clock(self) -> TimeTold | Untold:
        """Read the venue's clock and adopt it."""
        told = self.read_time()
        if isinstance(told, Untold):
            return told
        # The venue read its clock before we received it, so this is never ahead of the venue.
        self._offset_read_ms = self.clock.monotonic_ms()
        self._base_ms = told.server_ms - self._offset_read_ms
        self._base_known = self._offset_trusted = True
        with self._throttle_lock:
            self._throttle.align(self._base_ms)
        return told

    def _knows_clock(self) -> bool:
        if not self._offset_trusted:
            with self._clock_lock:
                if not self._offset_trusted:
                    self.read_clock()
        return self._offset_trusted

    def _venue_ms(self) -> int:
        return self.clock.monotonic_ms() + self._base_ms

    def _refresh_old_clock(self) -> None:
        # What is known stays when this fails.
        if self.clock.monotonic_ms() - self._offset_read_ms > CLOCK_MAX_AGE_MS and self._clock_lock.acquire(
            blocking=False
        ):
            try:
                self.read_clock()
            finally:
                self._clock_lock.release()

    # ----- names

    def loaded_symbols(self, timeout_ms: int) -> SymbolBook | Untold:
        """Give the symbol names, read when they are not known yet."""
        known = self._symbols
        if known is not None:
            return known
        if not self._listing_lock.acquire(timeout=timeout_ms / 1000):
            return Untold(reason="instruments_unavailable")
        try:
            known = self._symbols
            if known is not None:
                return known
            listing = self.load_listing(timeout_ms)
        finally:
            self._listing_lock.release()
        return listing if isinstance(listing, Untold) else listing.symbols

    def current_symbols(self, timeout_ms: int) -> SymbolBook | Untold:
        """Give the symbol names, read again when a record has named a symbol that is not among them.

        The same object as before: they were not read again. What is known stays when that fails.
        """
        if self._symbols is not None and self._symbols_doubted and self._listing_lock.acquire(
            timeout=timeout_ms / 1000
        ):
            try:
                now_ms = self.clock.monotonic_ms()
                old_enough = self._reloaded_ms is None or now_ms - self._reloaded_ms >= LISTING_AGAIN_MS
                if self._symbols_doubted and old_enough:
                    self._reloaded_ms = now_ms
                    self.load_listing(LISTING_TIMEOUT_MS)
            finally:
                self._listing_lock.release()
        return self.loaded_symbols(timeout_ms)

    def load_listing(self, timeout_ms: int) -> Listing | Untold:
        """Read the instruments and the venue's rate limits, and adopt them."""
        # One after the other, because each adds to the names before it.
        with self._naming_lock:
            listing = self.read_listing(self._symbols or SymbolBook(on_unlisted=self._doubt_symbols), timeout_ms)
            if isinstance(listing, Untold):
                return listing
            self._symbols = listing.symbols
            self._symbols_doubted = False
        if listing.budgets is not None:
            with self._throttle_lock:
                self._throttle.learn(listing.budgets)
        return listing

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names, read when they are not known; None when they cannot be."""
        book = self.loaded_symbols(LISTING_TIMEOUT_MS)
        return None if isinstance(book, Untold) else book

    def _doubt_symbols(self) -> None:
        self._symbols_doubted = True

    # ----- calls

    def public(self, target: str, cost: Cost, timeout_ms: int) -> Told | Untold:
        """Ask one question that needs no signature, once. `target` comes with its query, already encoded."""
        return self.read_answer(self.unsigned(Prepared(method="GET", target=target), cost, timeout_ms))

    def unsigned(
        self, prepared: Prepared, cost: Cost, timeout_ms: int, kind: CallKind = CallKind.READ
    ) -> HttpResult:
        """Send one call as it is, once, or hold it back: without the clock, which it may be there to read."""
        held = self._admit(kind, cost)
        return self._sent(prepared, cost, timeout_ms) if held is None else held

    def ask(
        self, cost: Cost, prepare: Callable[[int], Prepared], timeout_ms: int, kind: CallKind = CallKind.READ
    ) -> tuple[HttpResult, int]:
        """Ask one signed question once; the venue time it was asked at, at least, comes second."""
        self._refresh_old_clock()
        if not self._knows_clock():
            return self._held("clock"), 0
        begun_ms, asked_venue_ms = self.clock.monotonic_ms(), self._venue_ms()
        result = self.send(kind, cost, prepare, timeout_ms=min(timeout_ms, self.call_timeout_ms))
        # Another worker may have corrected the clock meanwhile; the smaller one is the safe bound.
        return result, min(asked_venue_ms, begun_ms + self._base_ms)

    def send(
        self,
        kind: CallKind,
        cost: Cost,
        prepare: Callable[[int], Prepared],
        *,
        timeout_ms: int,
        valid_until_ms: int | None = None,
    ) -> HttpResult:
        """Send one signed call, once, or hold it back.

        `prepare` signs the request for the venue time that it is given; it may raise `HeldBackError`.
        `valid_until_ms` is venue time: the call is not sent at or after it.
        """
        timed = kind not in self.untimed or valid_until_ms is not None
        if timed and not self._knows_clock():
            return self._held("clock")
        held = self._admit(kind, cost)
        if held is not None:
            return held
        if self._sending is None:
            return self._send_prepared(cost, prepare, timeout_ms, valid_until_ms)
        with self._sending.turn(kind):
            return self._send_prepared(cost, prepare, timeout_ms, valid_until_ms)

    def reserve(self, cost: Cost, spare: Cost) -> HttpFailure | None:
        """Set room aside for questions to come, when there is enough for all of them and `spare` beside it; otherwise
        tell how long to wait. What was set aside ends by `spent` or `release`, and calls that use it are sent at no
        further cost.
        """
        return self._admit(CallKind.READ, cost, spare)

    def spent(self, cost: Cost, result: HttpResult) -> None:
        """Take note of how a call ended for which this was set aside."""
        self._count(cost, result, now_ms=self.clock.monotonic_ms())

    def release(self, cost: Cost) -> None:
        """Give back what was set aside and not needed."""
        now_ms = self.clock.monotonic_ms()
        with self._throttle_lock:
            self._throttle.settle(cost, sent_ms=now_ms, now_ms=now_ms, reported={})

    def wait(self, wait_ms: int) -> bool:
        """Let time pass until there is room; False when the session was closed meanwhile."""
        return not self._closing.wait(wait_ms / 1000)

    def be_silent(self, wait_ms: int, *, kinds: Iterable[CallKind] = tuple(CallKind), banned: bool) -> None:
        """Send nothing of these kinds for a time, because the venue said so."""
        until_ms = self.clock.monotonic_ms() + wait_ms
        with self._throttle_lock:
            self._throttle.block(kinds, until_ms, ban=banned)

    def close(self) -> None:
        """Close idle connections, and let nobody wait for room any longer."""
        self._closing.set()
        self._neighbours.leave(self)
        self._http.close()

    def _send_prepared(
        self,
        cost: Cost,
        prepare: Callable[[int], Prepared],
        timeout_ms: int,
        valid_until_ms: int | None,
    ) -> HttpResult:
        venue_now_ms = self._venue_ms()
        if valid_until_ms is not None and venue_now_ms >= valid_until_ms:
            return self._settled(cost, self._held("validity_passed"))
        try:
            prepared = prepare(venue_now_ms)
        except HeldBackError as error:
            return self._settled(cost, self._held(str(error)))
        return self._sent(prepared, cost, timeout_ms)

    def _sent(self, prepared: Prepared, cost: Cost, timeout_ms: int) -> HttpResult:
        result = self._http.call(
            prepared.method,
            prepared.target,
            timeout_ms=timeout_ms,
            body=prepared.body,
            content_type=prepared.content_type,
            headers=prepared.headers,
        )
        return self._settled(cost, result)

    def _admit(self, kind: CallKind, cost: Cost, spare: Cost = NO_COST) -> HttpFailure | None:
        now_ms = self.clock.monotonic_ms()
        with self._throttle_lock:
            wait_ms = self._throttle.admit(kind, now_ms, cost, spare)
            reason = self._throttle.reason(now_ms) if wait_ms else ""
        return self._held(reason, wait_ms) if wait_ms else None

    def _settled(self, cost: Cost, result: HttpResult) -> HttpResult:
        heed = (self.heed(result) if isinstance(result, HttpAnswer) else None) or _NOTHING
        self._count(cost, result, now_ms=self.clock.monotonic_ms())
        if heed.distrust_clock:
            self.distrust_clock()
        if heed.silent_ms:
            tell = self._neighbours.be_silent if heed.by_address else self.be_silent
            most_ms = BAN_MAX_MS if heed.banned else SILENCE_MAX_MS
            tell(min(heed.silent_ms, most_ms), kinds=heed.kinds, banned=heed.banned)
        return result

    def _count(self, cost: Cost, result: HttpResult, *, now_ms: int) -> None:
        reported: Mapping[str, int] | None = None
        elapsed_ms = result.received_ms - result.sent_ms
        if isinstance(result, HttpAnswer):
            reported = self.usage(result)
            elapsed_ms = result.elapsed_ms
        elif result.nothing_sent:
            reported = {}
        with self._throttle_lock:
            self._throttle.settle(cost, sent_ms=now_ms - elapsed_ms, now_ms=now_ms, reported=reported)

    def _held(self, reason: str, wait_ms: int = 0) -> HttpFailure:
        now_ms = self.clock.now_ms()
        return HttpFailure(
            nothing_sent=True, reason=reason, sent_ms=now_ms, received_ms=now_ms, retry_after_ms=wait_ms
        )
