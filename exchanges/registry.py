"""Venues by name: from a credential and a few settings to a gateway.

Owns the list of adapters. It reads no configuration, no environment and no file; secrets are handed in and shown
nowhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random

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
from exchanges.gateway_pool import PooledGateway, default_read_workers
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
from exchanges.stream import WebSocketStream

CANCEL_WORKERS = 2


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
    gateway = build(account_id, credential, settings, clock, random)
    if settings.settle_ms is not None:
        gateway.capabilities = replace(gateway.capabilities, settle_ms=settings.settle_ms)
    return gateway


def capabilities() -> tuple[Capabilities, ...]:
    """List what each venue can do."""
    return (BINANCE, COINBASE, KRAKEN, KUCOIN, MEXC, PROJECTX)


def _binance(
    account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    signer = signer_for(credential.api_secret)
    workers = settings.max_in_flight or BINANCE.max_in_flight
    client = BinanceClient(
        api_key=credential.api_key,
        signer=signer,
        clock=clock,
        rest_url=settings.rest_url or BINANCE_REST_URL,
        aliases=settings.aliases,
        call_timeout_ms=settings.call_timeout_ms,
        pool_size=workers + CANCEL_WORKERS + default_read_workers(workers),
        neighbours=settings.neighbours,
    )

    def stream() -> UserStream:
        protocol = BinanceStream(
            account_id=account_id,
            api_key=credential.api_key,
            signer=signer,
            session=client.session,
            url=settings.stream_url or BINANCE_STREAM_URL,
        )
        return WebSocketStream(
            account_id=account_id, exchange=BINANCE.venue, protocol=protocol, clock=clock, random=random
        )

    return PooledGateway(
        client=client, stream_factory=stream, workers=workers, cancel_workers=CANCEL_WORKERS, clock=clock
    )


def _coinbase(
    account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    workers = settings.max_in_flight or COINBASE.max_in_flight
    client = CoinbaseClient(
        signer=coinbase_signer_for(credential.api_key, credential.api_secret, settings.token_claims),
        clock=clock,
        rest_url=settings.rest_url or COINBASE_REST_URL,
        aliases=settings.aliases,
        call_timeout_ms=settings.call_timeout_ms,
        pool_size=workers + CANCEL_WORKERS + default_read_workers(workers),
        neighbours=settings.neighbours,
        settle_ms=settings.settle_ms,
    )

    def stream() -> UserStream:
        protocol = CoinbaseStream(account_id=account_id, session=client.session, url=settings.stream_url)
        return WebSocketStream(
            account_id=account_id, exchange=COINBASE.venue, protocol=protocol, clock=clock, random=random
        )

    return PooledGateway(
        client=client, stream_factory=stream, workers=workers, cancel_workers=CANCEL_WORKERS, clock=clock
    )


def _kraken(
    account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    workers = settings.max_in_flight or KRAKEN.max_in_flight
    # Named so that the store's records do not reveal the key.
    named = f"kraken-{sha256(credential.api_key.encode()).hexdigest()}"
    client = KrakenClient(
        api_key=credential.api_key,
        signer=KrakenSigner(credential.api_secret),
        nonces=NonceSource(named, clock=clock, ceiling=settings.nonces),
        clock=clock,
        rest_url=settings.rest_url or KRAKEN_REST_URL,
        aliases=settings.aliases,
        call_timeout_ms=settings.call_timeout_ms,
        pool_size=workers + CANCEL_WORKERS + default_read_workers(workers),
        neighbours=settings.neighbours,
    )

    def stream() -> UserStream:
        protocol = KrakenStream(
            account_id=account_id, session=client.session, url=settings.stream_url or KRAKEN_STREAM_URL
        )
        return WebSocketStream(
            account_id=account_id, exchange=KRAKEN.venue, protocol=protocol, clock=clock, random=random
        )

    return PooledGateway(
        client=client, stream_factory=stream, workers=workers, cancel_workers=CANCEL_WORKERS, clock=clock
    )


def _kucoin(
    account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    workers = settings.max_in_flight or KUCOIN.max_in_flight
    client = KucoinClient(
        signer=KucoinSigner(
            api_key=credential.api_key, secret=credential.api_secret, passphrase=credential.passphrase
        ),
        clock=clock,
        rest_url=settings.rest_url or KUCOIN_REST_URL,
        aliases=settings.aliases,
        call_timeout_ms=settings.call_timeout_ms,
        pool_size=workers + CANCEL_WORKERS + default_read_workers(workers),
        neighbours=settings.neighbours,
    )

    def stream() -> UserStream:
        protocol = KucoinStream(
            account_id=account_id, session=client.session, url=settings.stream_url or KUCOIN_STREAM_URL
        )
        return WebSocketStream(
            account_id=account_id, exchange=KUCOIN.venue, protocol=protocol, clock=clock, random=random
        )

    return PooledGateway(
        client=client, stream_factory=stream, workers=workers, cancel_workers=CANCEL_WORKERS, clock=clock
    )


def _mexc(
    account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    workers = settings.max_in_flight or MEXC.max_in_flight
    client = MexcClient(
        api_key=credential.api_key,
        signer=MexcSigner(credential.api_secret),
        clock=clock,
        rest_url=settings.rest_url or MEXC_REST_URL,
        aliases=settings.aliases,
        call_timeout_ms=settings.call_timeout_ms,
        pool_size=workers + CANCEL_WORKERS + default_read_workers(workers),
        neighbours=settings.neighbours,
    )

    def stream() -> UserStream:
        protocol = MexcStream(
            account_id=account_id, session=client.session, url=settings.stream_url or MEXC_STREAM_URL
        )
        return WebSocketStream(
            account_id=account_id, exchange=MEXC.venue, protocol=protocol, clock=clock, random=random
        )

    return PooledGateway(
        client=client, stream_factory=stream, workers=workers, cancel_workers=CANCEL_WORKERS, clock=clock
    )


def _projectx(
    account_id: str, credential: Credential, settings: VenueSettings, clock: Clock, random: Random
) -> PooledGateway:
    workers = settings.max_in_flight or PROJECTX.max_in_flight
    client = ProjectXClient(
        login=Login(user_name=credential.user_name, api_key=credential.api_key),
        account=credential.account_number,
        clock=clock,
        rest_url=settings.rest_url or PROJECTX_REST_URL,
        aliases=settings.aliases,
        call_timeout_ms=settings.call_timeout_ms,
        pool_size=workers + CANCEL_WORKERS + default_read_workers(workers),
        neighbours=settings.neighbours,
        logins=settings.logins,
    )

    def stream() -> UserStream:
        protocol = ProjectXStream(
            account_id=account_id,
            session=client.session,
            url=settings.stream_url or PROJECTX_STREAM_URL,
            fill_event=settings.fill_event_name,
        )
        return WebSocketStream(
            account_id=account_id, exchange=PROJECTX.venue, protocol=protocol, clock=clock, random=random
        )

    return PooledGateway(
        client=client, stream_factory=stream, workers=workers, cancel_workers=CANCEL_WORKERS, clock=clock
    )


_VENUES: Mapping[str, Callable[[str, Credential, VenueSettings, Clock, Random], PooledGateway]] = {
    BINANCE.venue: _binance,
    COINBASE.venue: _coinbase,
    KRAKEN.venue: _kraken,
    KUCOIN.venue: _kucoin,
    MEXC.venue: _mexc,
    PROJECTX.venue: _projectx,
}
