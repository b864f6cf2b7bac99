"""The user stream of an exchange actor: opened by it, and closed with it before a successor opens the next."""

from collections.abc import Callable
from typing import Any

from actors.exchange import ExchangeActor, ExchangeRhythm
from actors.runtime.base import OmsActor
from actors.runtime.seam import System
from actors.runtime.simulated import SimulatedSystem
from messages.base import Message
from messages.commands import FetchInstruments, FetchServerTime, VenueRequest
from messages.reports import CallReport, InstrumentsFetched, ServerTimeFetched, StreamReport
from tests.factories import make
from tests.simulation.regime import CAPABILITIES

ADDRESS = "account/1/exchange/binance"
HEAD = {"account_id": "1", "exchange": "binance", "order_id": ""}
ANSWERS: dict[type[Message], type[CallReport]] = {
    FetchServerTime: ServerTimeFetched,
    FetchInstruments: InstrumentsFetched,
}


class Gateway:
    """Answers at once; `streams` lists what happened to streams."""

    capabilities = CAPABILITIES

    def __init__(self) -> None:
        self.streams: list[str] = []

    def submit(self, request: VenueRequest, deliver: Callable[[CallReport], None]) -> None:
        deliver(make(ANSWERS[type(request)], **HEAD))

    def venue_offset_ms(self) -> int:
        return 0

    def open_stream(self, _: Callable[[StreamReport], None]) -> None:
        self.streams.append("opened")

    def close_stream(self) -> None:
        self.streams.append("closed")


def started() -> tuple[SimulatedSystem, Gateway, Callable[[System, str], OmsActor[Any]]]:
    system, gateway = SimulatedSystem(1), Gateway()

    def build(of: System, address: str) -> OmsActor[Any]:
        named: dict[str, Any] = {"account_id": "1", "account": "account/1", "gateway": gateway}
        return of.concrete(ExchangeActor)(of, address, rhythm=ExchangeRhythm(), **named)

    system.start(ADDRESS, build)
    system.run_until(lambda: bool(gateway.streams), max_ms=1000)
    return system, gateway, build


def test_exchange_actor_that_is_stopped_closes_its_stream() -> None:
    system, gateway, _ = started()
    system.stop(ADDRESS)
    system.run_until(lambda: len(gateway.streams) > 1, max_ms=1000)
    assert gateway.streams == ["opened", "closed"]


def test_exchange_actor_opens_its_stream_after_its_predecessor_closed_its_own() -> None:
    system, gateway, build = started()
    system.stop(ADDRESS)
    system.start(ADDRESS, build)
    system.run_until(lambda: len(gateway.streams) > 2, max_ms=1000)
    assert gateway.streams == ["opened", "closed", "opened"]
