"""Venues by name: from a credential and a few settings to a gateway.

Owns the list of adapters. It reads no configuration, no environment and no file; secrets are handed in and shown
nowhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random
from typing import TypedDict

from exchanges.binance.capabilities import CAPABILITIES as BINANCE
from exchanges.binance.capabilities import REST_URL as BINANCE_REST_URL
from exchanges.binance.capabilities import STREAM_URL as BINANCE_STREAM_URL
from exchanges.binance.client import BinanceClient
from exchanges.binance.sign import signer_for
from exchanges.binance.stream import BinanceStream
from exchanges.coinbase.capabilities import CAPABILITIES as COINBASE
from exchanges.coinbase.capabilities import REST_URL as COINBASE_REST_URL
from exchanges.coinbase.client import CoinbaseClient
from exchanges.coinbase.sign import ClaimForm
from exchanges.coinbase.sign import signer_for as coinbase_signer_for
from exchanges.coinbase.stream import CoinbaseStream
from exchanges.gateway import Capabilities, UserStream
from exchanges.gateway_pool import ClockedClient, PooledGateway, default_read_workers
from exchanges.http import Clock
from exchanges.kraken.capabilities import CAPABILITIES as KRAKEN
from exchanges.kraken.capabilities import REST_URL as KRAKEN_REST_URL
from exchanges.kraken.capabilities import STREAM_URL as KRAKEN_STREAM_URL
from exchanges.kraken.client import KrakenClient
from exchanges.kraken.sign import Signer as KrakenSigner
from exchanges.kraken.stream import KrakenStream
from exchanges.kucoin.capabilities import CAPABILITIES as KUCOIN
from exchanges.kucoin.capabilities import REST_URL as KUCOIN_REST_URL
from exchanges.kucoin.capabilities import STREAM_URL as KUCOIN_STREAM_URL
from exchanges.kucoin.client import KucoinClient
from exchanges.kucoin.sign import Signer as KucoinSigner
from exchanges.kucoin.stream import KucoinStream
from exchanges.mexc.capabilities import CAPABILITIES as MEXC
from exchanges.mexc.capabilities import REST_URL as MEXC_REST_URL
from exchanges.mexc.capabilities import STREAM_URL as MEXC_STREAM_URL
from exchanges.mexc.client import MexcClient
from exchanges.mexc.sign import Signer as MexcSigner
from exchanges.mexc.stream import MexcStream
from exchanges.neighbours import Neighbours
from exchanges.nonces import MemoryCeiling, NonceCeiling, NonceSource
from exchanges.projectx.capabilities import CAPABILITIES as PROJECTX
from exchanges.projectx.capabilities import REST_URL as PROJECTX_REST_URL
from exchanges.projectx.capabilities import STREAM_URL as PROJECTX_STREAM_URL
from exchanges.projectx.client import ProjectXClient
from exchanges.projectx.rest import Logins
from exchanges.projectx.sign import Login
from exchanges.projectx.stream import ProjectXStream
from exchanges.stream import StreamProtocol, WebSocketStream

CANCEL_WORKERS = 2
_KRAKEN_READ_WORKERS = 8
"""Its questions go out one by one all the same; but one that waits for room must not keep the next one waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What proves to a venue who is asking."""

    api_key: str = field(repr=False)
    api_secret: str = field(default="", repr=False)
    """An HMAC secret, or a PEM private key; empty at a venue that has none."""
    passphrase: str = field(default="", repr=False)
    user_name: str = field(default="", repr=False)
    account_number: int | None = field(default=None, repr=False)
    """Which of the venue's accounts, where one key opens several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """Settings of one exchange that its adapter needs."""

    rest_url: str | None = None
    """None: the venue's own."""
    stream_url: str | None = None
    max_in_flight: int | None = None
    """None: the venue's default."""
    call_timeout_ms: int = 3000
    """A call unanswered for longer counts as unknown."""
    neighbours: Neighbours | None = None
    """The other clients of this process at the venue; they share its bans."""
    logins: Logins | None = None
    """What the clients of this process that log in as the same user share, at a venue where one logs in."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Canonical names that the configuration gives to venue symbols."""
    settle_ms: int | None = None
    """None: the venue's default; see `Capabilities.settle_ms`."""
    nonces: NonceCeiling = field(default_factory=MemoryCeiling)
    """Where a venue that counts requests by rising numbers keeps them."""
    fill_event_name: str | None = None
    """None: the venue's default name of the stream's events about executions."""
    token_claims: ClaimForm = ClaimForm.URI
    """How the tokens of a venue that wants one for every request name that request."""


class UnknownVenueError(Exception):
    """No adapter has this name."""


def open_gateway(
    venue: str, *, account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    """Build the gateway of one account at one venue; its stream is not started.

    Raises `UnknownVenueError`, and `ValueError` for a credential of a form the venue does not take.
    """
    build = _VENUES.get(venue)
    if build is None:
        raise UnknownVenueError(f"no adapter for {venue!r}; there is one for {', '.join(sorted(_VENUES))}")
    can = next(each for each in capabilities() if each.venue == venue)
    rim = _Rim(account_id=account_id, settings=settings, clock=clock, random=random, can=can)
    gateway = build(credential, rim)
    if settings.settle_ms is not None:
        gateway.capabilities = replace(gateway.capabilities, settle_ms=settings.settle_ms)
    return gateway


def capabilities() -> tuple[Capabilities, ...]:
    """List what each venue can do."""
    return (BINANCE, COINBASE, KRAKEN, KUCOIN, MEXC, PROJECTX)


class _ClientSettings(TypedDict):
    clock: Clock
    rest_url: str
    aliases: Mapping[str, str]
    call_timeout_ms: int
    pool_size: int
    neighbours: Neighbours | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rim:
    """What the adapters of all venues are wired with."""

    account_id: str
    settings: VenueSettings
    clock: Clock
    random: Random
    can: Capabilities

    @property
    def workers(self) -> int:
        return self.settings.max_in_flight or self.can.max_in_flight

    def client_settings(self, rest_url: str) -> _ClientSettings:
        """Give the arguments that every client takes; `rest_url` is the venue's own address."""
        return {
            "clock": self.clock,
            "rest_url": self.settings.rest_url or rest_url,
            "aliases": self.settings.aliases,
            "call_timeout_ms": self.settings.call_timeout_ms,
            "pool_size": self.workers + CANCEL_WORKERS + default_read_workers(self.workers),
            "neighbours": self.settings.neighbours,
        }

    def gateway(
        self, client: ClockedClient, protocol: Callable[[], StreamProtocol], *, read_workers: int | None = None
    ) -> PooledGateway:
        """Put workers before a client, and a stream beside it that begins with a protocol of its own. `read_workers`:
        as `PooledGateway` takes them.
        """

        def stream() -> UserStream:
            return WebSocketStream(
                account_id=self.account_id,
                exchange=self.can.venue,
                protocol=protocol(),
                clock=self.clock,
                random=self.random,
            )

        return PooledGateway(
            client=client,
            stream_factory=stream,
            workers=self.workers,
            cancel_workers=CANCEL_WORKERS,
            read_workers=read_workers,
            clock=self.clock,
        )


def _binance(credential: Credential, rim: _Rim) -> PooledGateway:
    signer = signer_for(credential.api_secret)
    client = BinanceClient(api_key=credential.api_key, signer=signer, **rim.client_settings(BINANCE_REST_URL))
    return rim.gateway(
        client,
        lambda: BinanceStream(
            account_id=rim.account_id,
            api_key=credential.api_key,
            signer=signer,
            session=client.session,
            url=rim.settings.stream_url or BINANCE_STREAM_URL,
        ),
    )


def _coinbase(credential: Credential, rim: _Rim) -> PooledGateway:
    client = CoinbaseClient(
        signer=coinbase_signer_for(credential.api_key, credential.api_secret, rim.settings.token_claims),
        **rim.client_settings(COINBASE_REST_URL),
    )
    return rim.gateway(
        client,
        lambda: CoinbaseStream(account_id=rim.account_id, session=client.session, url=rim.settings.stream_url),
    )


def _kraken(credential: Credential, rim: _Rim) -> PooledGateway:
    # Named so that the store's records do not reveal the key.
    named = f"kraken-{sha256(credential.api_key.encode()).hexdigest()}"
    client = KrakenClient(
        api_key=credential.api_key,
        signer=KrakenSigner(credential.api_secret),
        nonces=NonceSource(named, clock=rim.clock, ceiling=rim.settings.nonces),
        **rim.client_settings(KRAKEN_REST_URL),
    )
    return rim.gateway(
        client,
        lambda: KrakenStream(
            account_id=rim.account_id, session=client.session, url=rim.settings.stream_url or KRAKEN_STREAM_URL
        ),
        read_workers=_KRAKEN_READ_WORKERS,
    )


def _kucoin(credential: Credential, rim: _Rim) -> PooledGateway:
    signer = KucoinSigner(api_key=credential.api_key, secret=credential.api_secret, passphrase=credential.passphrase)
    client = KucoinClient(signer=signer, **rim.client_settings(KUCOIN_REST_URL))
    return rim.gateway(
        client,
        lambda: KucoinStream(
            account_id=rim.account_id, session=client.session, url=rim.settings.stream_url or KUCOIN_STREAM_URL
        ),
    )


def _mexc(credential: Credential, rim: _Rim) -> PooledGateway:
    client = MexcClient(
        api_key=credential.api_key,
        signer=MexcSigner(credential.api_secret),
        **rim.client_settings(MEXC_REST_URL),
    )
    return rim.gateway(
        client,
        lambda: MexcStream(
            account_id=rim.account_id, session=client.session, url=rim.settings.stream_url or MEXC_STREAM_URL
        ),
    )


def _projectx(credential: Credential, rim: _Rim) -> PooledGateway:
    client = ProjectXClient(
        login=Login(user_name=credential.user_name, api_key=credential.api_key),
        account=credential.account_number,
        logins=rim.settings.logins,
        **rim.client_settings(PROJECTX_REST_URL),
    )
    return rim.gateway(
        client,
        lambda: ProjectXStream(
            account_id=rim.account_id,
            session=client.session,
            url=rim.settings.stream_url or PROJECTX_STREAM_URL,
            fill_event=rim.settings.fill_event_name,
        ),
    )


_VENUES: Mapping[str, Callable[[Credential, _Rim], PooledGateway]] = {
    BINANCE.venue: _binance,
    COINBASE.venue: _coinbase,
    KRAKEN.venue: _kraken,
    KUCOIN.venue: _kucoin,
    MEXC.venue: _mexc,
    PROJECTX.venue: _projectx,
}
