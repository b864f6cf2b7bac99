"""The venues of a running system: gateways for live credentials, and paper venues in a child process of ours."""

from random import Random
from typing import TYPE_CHECKING

from actors.errors import OmsError
from actors.settings import Settings
from exchanges.gateway import VenueGateway
from exchanges.gateway_pool import PooledGateway
from exchanges.http import Clock
from exchanges.registry import Credential, VenueSettings, open_gateway

if TYPE_CHECKING:
    from exchanges.paper.client import PaperProcess


class PaperUnavailable(OmsError):
    """A paper venue is configured, but the packages it needs are not installed."""


class Venues:
    """Opens one gateway for each (account, exchange) of the settings."""

    def __init__(self, settings: Settings, *, clock: Clock, random: Random) -> None:
        self._settings = settings
        self._clock = clock
        self._random = random
        self._gateways: dict[tuple[str, str], PooledGateway] = {}
        self.paper: PaperProcess | None = None
        """The child process that serves the paper venues, while there is one."""

    def start(self) -> None:
        """Start paper venues if any are configured, and open every gateway; streams start later, by their actors."""
        if self._settings.paper.venues:
            self.paper = _paper_process()(
                venues=self._settings.paper.venues,
                seed=self._settings.paper.seed,
                rate_limits=self._settings.paper.rate_limits,
            )
            self.paper.start()
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
        if self.paper is not None:
            self.paper.stop()

    def _open(self, account_id: str, name: str, on_paper: bool) -> PooledGateway:  # noqa: FBT001
        exchange = self._settings.exchanges.by_name()[name]
        if on_paper and self.paper is not None:
            venue = self.paper.venues[name]
            key = venue.control.add_account(account_id)
            credential = Credential(api_key=key.api_key, api_secret=key.api_secret)
            settings = VenueSettings(
                rest_url=venue.rest_url, stream_url=venue.stream_url, max_in_flight=exchange.max_in_flight
            )
        else:
            account = next(each for each in self._settings.accounts if each.id == account_id)
            live = account.exchanges.by_name()[name].credentials
            if live is None:
                raise PaperUnavailable(f"account {account_id!r} has no credentials for {name}")
            credential = Credential(api_key=live.api_key.reveal(), api_secret=live.api_secret.reveal())
            settings = VenueSettings(
                rest_url=exchange.rest_url, stream_url=exchange.stream_url, max_in_flight=exchange.max_in_flight
            )
        return open_gateway(
            name, account_id=account_id, credential=credential, settings=settings, clock=self._clock, random=self._random
        )


def _paper_process() -> "type[PaperProcess]":
    try:
        from exchanges.paper.client import PaperProcess  # noqa: PLC0415 - only the extra [run] has what it needs
    except ImportError as error:
        raise PaperUnavailable(
            f"paper venues need the extra [run]: pip install 'livermore-orders[run]' (missing: {error.name})"
        ) from error
    return PaperProcess
