"""One credential's connection to Coinbase's REST interface: tokens, rate budgets, products, calls.

Owns what is Coinbase's own about it; the session machinery is every venue's.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from exchanges.answers import Told, Untold, retry_after_ms
from exchanges.asking import Asking
from exchanges.coinbase.answers import read_answer
from exchanges.coinbase.outcomes import LIMITED_MS
from exchanges.coinbase.sign import TokenSigner
from exchanges.coinbase.symbols import Product, read_products
from exchanges.fields import UnreadableError, as_record, text
from exchanges.http import JSON, Clock, HttpAnswer, HttpClient, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_OK, HTTP_TOO_MANY, HTTP_UNAUTHORIZED
from exchanges.session import Cost, Heed, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget, CallKind
from exchanges.wire_json import parse_json

BASE_PATH = "/api/v3/brokerage"
PRODUCTS_PATH = f"{BASE_PATH}/market/products"
PUBLIC_COST: Cost = {"public": 1}
PRIVATE_COST: Cost = {"private": 1}
BUDGETS = (
    # The venue publishes no figure; the lowest one that is cited.
    Budget(name="private-1000", unit="private", limit=10, window_ms=1000),
    Budget(name="public-1000", unit="public", limit=10, window_ms=1000),
)
LIMITED_MAX_MS = 60_000
NONCE_BYTES = 16

_TIME_PATH = f"{BASE_PATH}/time"
_DIGITS_MAX = 15
_NOT_CANCELS = tuple(kind for kind in CallKind if kind is not CallKind.CANCEL)

Query = list[tuple[str, str]]


class RestSession(VenueSession):
    """Signed and unsigned calls under one credential. Thread-safe; shows no secret in its repr, results or errors."""

    def __init__(
        self,
        *,
        signer: TokenSigner,
        clock: Clock,
        rest_url: str,
        aliases: Mapping[str, str],
        call_timeout_ms: int,
        connect_timeout_ms: int,
        pool_size: int,
        neighbours: Neighbours,
    ) -> None:
        http = HttpClient(
            base_url=rest_url,
            clock=clock,
            headers={"User-Agent": "livermore-orders", "Accept-Encoding": "gzip"},
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
        self._signer = signer
        self._host = urlsplit(rest_url).netloc
        self._limited_in_a_row = 0
        self.products: Mapping[str, Product] = {}
        """By venue symbol: what reading an execution needs, as of the latest listing."""
        self.key_works = False
        """Whether the venue took the latest token of which we know what became of it."""

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once, past the cache in front of it."""
        prepared = Prepared(method="GET", target=_TIME_PATH, headers={"Cache-Control": "no-cache"})
        told = self.read_answer(self.unsigned(prepared, PUBLIC_COST, self.call_timeout_ms))
        if isinstance(told, Untold):
            return told
        try:
            written = text(as_record(told.payload), "epochMillis")
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        if not (written.isascii() and written.isdigit() and len(written) <= _DIGITS_MAX):
            return Untold(reason="unreadable: epochMillis is not a time")
        return TimeTold(server_ms=int(written), answer=told.answer)

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for the trading rules of all spot products, once."""
        told = self.public(f"{PRODUCTS_PATH}?product_type=SPOT", PUBLIC_COST, timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            listing, products = read_products(told.payload, self.aliases, told.answer.received_ms, known)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        # What is no longer listed may still have executions to be read.
        self.products = {**self.products, **products}
        return listing

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Read what concerns the calls that come next: how long to be silent, and a clock to be doubted."""
        if answer.status == HTTP_TOO_MANY:
            # Twice as long each time, where the venue does not say.
            doubled_ms = min(LIMITED_MAX_MS, LIMITED_MS << min(self._limited_in_a_row, 16))
            self._limited_in_a_row += 1
            return Heed(silent_ms=retry_after_ms(answer.headers) or doubled_ms, by_address=False)
        self._limited_in_a_row = 0
        if answer.status == HTTP_UNAUTHORIZED:
            return Heed(distrust_clock=True)
        if answer.headers.get("x-ratelimit-remaining") == "0":
            # What is left is for cancels, who would rather be refused than wait.
            return Heed(silent_ms=LIMITED_MS, kinds=_NOT_CANCELS, by_address=False)
        return None

    def token(self, venue_now_ms: int, request: str | None = None) -> str:
        """Make a token for one request, named by method, space and path without a query; None: for a subscription."""
        named = None if request is None else request.replace(" ", f" {self._host}", 1)
        return self._signer.token(now_s=venue_now_ms // 1000, nonce=secrets.token_hex(NONCE_BYTES), request=named)

    def send(
        self,
        kind: CallKind,
        cost: Cost,
        prepare: Callable[[int], Prepared],
        *,
        timeout_ms: int,
        valid_until_ms: int | None = None,
    ) -> HttpResult:
        """Send one signed call, once, or hold it back; and note whether the venue takes our tokens.

        That a change was refused for its token proves nothing about the key: it may have been delivered twice.
        """
        result = super().send(kind, cost, prepare, timeout_ms=timeout_ms, valid_until_ms=valid_until_ms)
        if isinstance(result, HttpAnswer):
            if result.status == HTTP_OK:
                self.key_works = True
            elif result.status == HTTP_UNAUTHORIZED and kind is CallKind.READ:
                self.key_works = False
        return result

    def post(self, kind: CallKind, path: str, body: bytes, *, valid_until_ms: int | None = None) -> HttpResult:
        """Send one signed change, once, or hold it back. `valid_until_ms` is venue time: not sent at or after it."""

        def prepare(venue_now_ms: int) -> Prepared:
            headers = self._authorized(f"POST {path}", venue_now_ms)
            return Prepared(method="POST", target=path, body=body, content_type=JSON, headers=headers)

        return self.send(kind, PRIVATE_COST, prepare, timeout_ms=self.call_timeout_ms, valid_until_ms=valid_until_ms)

    def question(
        self, asking: Asking, path: str, query: Query, *, patient: bool, parse: Callable[[bytes], Any] = parse_json
    ) -> Told | Untold:
        """Ask one signed question, as `Asking.ask` does. `parse` parses the answer."""
        target = f"{path}?{urlencode(query)}" if query else path

        def prepare(venue_now_ms: int) -> Prepared:
            return Prepared(method="GET", target=target, headers=self._authorized(f"GET {path}", venue_now_ms))

        return asking.ask(
            PRIVATE_COST, prepare, patient=patient, read=lambda result: read_answer(result, parse)
        )

    def _authorized(self, request: str, venue_now_ms: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(venue_now_ms, request)}"}
