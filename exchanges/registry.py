"""Venues by name: from a credential and a few settings to a gateway.

Owns the list of adapters. It reads no configuration, no environment and no file; secrets are handed in and shown
nowhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from exchanges.binance.capabilities import CAPABILITIES as BINANCE
from exchanges.binance.capabilities import REST_URL as BINANCE_REST_URL
from exchanges.binance.capabilities import STREAM_URL as BINANCE_STREAM_URL
from exchanges.binance.client import BinanceClient
from exchanges.binance.sign import signer_for
from exchanges.binance.stream import BinanceStream
from exchanges.gateway import Capabilities, UserStream
from exchanges.gateway_pool import PooledGateway, default_read_workers
from exchanges.http import Clock
from exchanges.neighbours import Neighbours
from exchanges.nonces import MemoryCeiling, NonceCeiling
from exchanges.projectx.capabilities import CAPABILITIES as PROJECTX
from exchanges.projectx.capabilities import REST_URL as PROJECTX_REST_URL
from exchanges.projectx.capabilities import STREAM_URL as PROJECTX_STREAM_URL
from exchanges.projectx.client import ProjectXClient
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
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Canonical names that the configuration gives to venue symbols."""
    settle_ms: int | None = None
    """None: the venue's default; see `Capabilities.settle_ms`."""
    nonces: NonceCeiling = field(default_factory=MemoryCeiling)
    """Where a venue that counts requests by rising numbers keeps them."""
    fill_event_name: str | None = None
    """None: the venue's default name of the stream's events about executions."""


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
    return build(account_id, credential, settings, clock, random)


def capabilities() -> tuple[Capabilities, ...]:
    """List what each venue can do."""
    return (BINANCE, PROJECTX)


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
    PROJECTX.venue: _projectx,
}
