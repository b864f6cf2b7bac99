"""The venues of a running system: gateways for live credentials, and paper venues in a child process of ours."""

from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from importlib.util import find_spec
from random import Random
from typing import Final

from actors.errors import OmsError
from actors.settings import CoinbaseSettings, Credentials, ProjectxSettings, Secret, Settings
from exchanges.coinbase.sign import ClaimForm
from exchanges.gateway import VenueGateway
from exchanges.gateway_pool import PooledGateway
from exchanges.http import Clock
from exchanges.neighbours import Neighbours
from exchanges.nonces import MemoryCeiling, NonceCeiling
from exchanges.paper.client import ControlError, PaperProcess
from exchanges.projectx.rest import Logins
from exchanges.registry import Credential, VenueSettings, open_gateway

PAPER_FUNDS: Final = {"USDT": Decimal(10**9), "USD": Decimal(10**9), "BTC": Decimal(10**6), "ETH": Decimal(10**6)}
"""What an account on a paper venue begins with."""


_FIRST_STEPS: Final = 24
"""Steps of a random market before anybody trades: as many quotes on each side of every book."""
_PAPER_NEEDS = ("starlette", "uvicorn", "websockets")


class PaperUnavailable(OmsError):
    """A paper venue is configured, but cannot be served: packages are missing, or it did not start."""


class Venues:
    """Opens one gateway for each (account, exchange) of the settings."""

    def __init__(self, settings: Settings, *, clock: Clock, random: Random) -> None:
        self._settings = settings
        self._clock = clock
        self._random = random
        self._gateways: dict[tuple[str, str], PooledGateway] = {}
        self._neighbours = {name: Neighbours() for name in settings.exchanges.by_name()}
        self._logins = Logins()
        self._nonces: NonceCeiling = MemoryCeiling()
        self._children = ExitStack()
        self.paper: PaperProcess | None = None
        """The child process that serves the paper venues, while there is one."""

    def start(self, nonces: NonceCeiling) -> None:
        """Start paper venues if any are configured, and open every gateway; streams start later, by their actors.

        `nonces` keeps the numbers that venues want to see rise.
        """
        self._nonces = nonces
        if self._settings.paper.venues:
            self.paper = self._start_paper()
        for account in self._settings.accounts:
            for name, exchange in account.exchanges.by_name().items():
                self._gateways[account.id, name] = self._open(account.id, name, exchange.credentials is None)

    def gateway_of(self, account_id: str, exchange: str) -> VenueGateway:
        """The gateway of one account at one exchange."""
        return self._gateways[account_id, exchange]

    def close_streams(self) -> None:
        """Stop every user stream."""
        for gateway in self._gateways.values():
            gateway.close_stream()

    def close(self) -> None:
        """Close gateways and end the paper venues."""
        for gateway in self._gateways.values():
            gateway.close()
        self._children.close()
        self.paper = None

    def _start_paper(self) -> PaperProcess:
        missing = ", ".join(name for name in _PAPER_NEEDS if find_spec(name) is None)
        if missing:
            raise PaperUnavailable(
                f"paper venues need the extra [run]: pip install '.[run]' (missing: {missing})"
            )
        paper = self._settings.paper
        process = PaperProcess(paper.venues, seed=paper.seed, market=paper.market, rate_limits=paper.rate_limits)
        try:
            self._children.enter_context(process)
            if paper.market:
                # The very first order finds quotes on both sides.
                for name in paper.venues:
                    process.control(name).step_market(_FIRST_STEPS)
        except ControlError as error:
            raise PaperUnavailable(str(error)) from error
        return process

    def _open(self, account_id: str, name: str, on_paper: bool) -> PooledGateway:  # noqa: FBT001
        exchange = self._settings.exchanges.by_name()[name]
        if on_paper and self.paper is not None:
            venue = self.paper.venues[name]
            key = self.paper.control(name).add_account(account_id, PAPER_FUNDS)
            number = key.get("accountNumber")
            credential = Credential(
                api_key=key["apiKey"],
                api_secret=key.get("apiSecret", ""),
                passphrase=key.get("passphrase", ""),
                user_name=key.get("userName", ""),
                account_number=None if number is None else int(number),
            )
            rest_url, stream_url = venue["restUrl"], venue["streamUrl"]
        else:
            account = next(each for each in self._settings.accounts if each.id == account_id)
            live = account.exchanges.by_name()[name].credentials
            if live is None:
                raise PaperUnavailable(f"account {account_id!r} has no credentials for {name}")
            credential = revealed(live)
            rest_url, stream_url = exchange.rest_url, exchange.stream_url
        settings = venue_settings(self._settings, name, neighbours=self._neighbours[name], nonces=self._nonces)
        return open_gateway(
            name,
            account_id=account_id,
            credential=credential,
            settings=replace(settings, rest_url=rest_url, stream_url=stream_url, logins=self._logins),
            clock=self._clock,
            random=self._random,
        )


def revealed(credentials: Credentials) -> Credential:
    """Return credentials of the settings as adapters take them: in the clear."""

    def plain(secret: Secret | None) -> str:
        return "" if secret is None else secret.reveal()

    return Credential(
        api_key=credentials.api_key.reveal(),
        api_secret=plain(credentials.api_secret),
        passphrase=plain(credentials.passphrase),
        user_name=plain(credentials.user_name),
        account_number=credentials.account_number,
    )


def venue_settings(settings: Settings, name: str, *, neighbours: Neighbours, nonces: NonceCeiling) -> VenueSettings:
    """Return what the adapter of an exchange needs of the settings, with the addresses that they give."""
    exchange = settings.exchanges.by_name()[name]
    return VenueSettings(
        rest_url=exchange.rest_url,
        stream_url=exchange.stream_url,
        max_in_flight=exchange.max_in_flight,
        neighbours=neighbours,
        aliases=settings.symbols.of(name),
        settle_ms=exchange.settle_ms,
        nonces=nonces,
        token_claims=ClaimForm(exchange.token_claims) if isinstance(exchange, CoinbaseSettings) else ClaimForm.URI,
        fill_event_name=exchange.fill_event_name if isinstance(exchange, ProjectxSettings) else None,
    )
