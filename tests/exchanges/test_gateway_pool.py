import threading
from collections.abc import Callable
from random import Random

import pytest
from binance_samples import PLACED, Venue, amend, cancel, look_up, place, replace, told
from stream_server import WAIT_S, wait_for

from exchanges import registry
from exchanges.binance.capabilities import CAPABILITIES
from exchanges.binance.client import BinanceClient
from exchanges.gateway_pool import PooledGateway
from exchanges.http import SystemClock
from exchanges.registry import Credential, UnknownVenueError, VenueSettings, capabilities, open_gateway
from messages import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchBalances,
    FetchPrice,
    LookUpOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    VenueRequest,
)
from messages.reports import (
    AmendAmbiguous,
    AmendNotProcessed,
    CallReport,
    CancelAmbiguous,
    CancelNotProcessed,
    FetchFailed,
    LookUpFailed,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    ReplaceAnswered,
    StreamReport,
)
from messages.types import EvidenceSource

BALANCES = FetchBalances(account_id="1", exchange="binance")


class ScriptedClient:
    """A client whose calls a test holds back, answers or breaks."""

    capabilities = CAPABILITIES

    def __init__(self) -> None:
        self.called: list[VenueRequest] = []
        self.gate = threading.Event()
        self.cancel_gate = threading.Event()
        self.cancel_gate.set()
        self.read_gate = threading.Event()
        self.read_gate.set()
        self.break_with: Exception | None = None
        self.closed = False
        self.offset_ms = 0

    def execute(self, request: VenueRequest) -> CallReport:
        self.called.append(request)
        placing = dict.fromkeys((PlaceOrder, AmendVenueOrder, ReplaceVenueOrder), self.gate)
        gates = {**placing, CancelVenueOrder: self.cancel_gate}
        gates.get(type(request), self.read_gate).wait(3 * WAIT_S)
        if self.break_with is not None:
            raise self.break_with
        return FetchFailed(account_id="1", exchange="binance", request=type(request).__name__, reason="scripted")

    def venue_offset_ms(self) -> int:
        return self.offset_ms

    def close(self) -> None:
        self.closed = True


class SilentStream:
    def __init__(self) -> None:
        self.running = False

    def start(self, deliver: Callable[[StreamReport], None]) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


@pytest.fixture
def scripted():
    client = ScriptedClient()
    streams: list[SilentStream] = []

    def stream() -> SilentStream:
        streams.append(SilentStream())
        return streams[-1]

    gateway = PooledGateway(
        client=client, stream_factory=stream, workers=2, cancel_workers=1, read_workers=1, clock=SystemClock()
    )
    client.streams = streams
    yield client, gateway
    client.gate.set()
    client.cancel_gate.set()
    client.read_gate.set()
    gateway.close()


def test_normal_calls_are_carried_out_first_in_first_out(scripted):
    client, gateway = scripted
    reports: list[CallReport] = []
    requests = [place(order_id=str(number)) for number in range(20)]
    for request in requests:
        gateway.submit(request, reports.append)
    client.gate.set()
    wait_for(lambda: len(reports) == 20)
    assert sorted(request.order_id for request in client.called) == sorted(request.order_id for request in requests)
    assert {request.order_id for request in client.called[:2]} == {"0", "1"}


def test_cancel_is_not_stuck_behind_placements(scripted):
    client, gateway = scripted
    reports: list[CallReport] = []
    for _ in range(10):
        gateway.submit(place(), lambda _report: None)
    gateway.submit(cancel(), reports.append)
    wait_for(lambda: len(reports) == 1)
    assert not client.gate.is_set()


def test_cancels_use_idle_normal_workers_too(scripted):
    client, gateway = scripted
    client.cancel_gate.clear()
    for _ in range(3):
        gateway.submit(cancel(), lambda _report: None)
    wait_for(lambda: len(client.called) == 3)


def test_read_is_not_stuck_behind_placements_and_cancels(scripted):
    client, gateway = scripted
    client.cancel_gate.clear()
    reports: list[CallReport] = []
    for _ in range(10):
        gateway.submit(place(), lambda _report: None)
        gateway.submit(cancel(), lambda _report: None)
    gateway.submit(look_up(), reports.append)
    wait_for(lambda: len(reports) == 1)
    assert not client.gate.is_set()


def test_reads_use_idle_placement_workers_but_leave_the_other_half_to_placements(scripted):
    client, gateway = scripted
    client.gate.set()
    client.read_gate.clear()
    for _ in range(10):
        gateway.submit(look_up(), lambda _report: None)
    wait_for(lambda: len(client.called) == 2)
    reports: list[CallReport] = []
    for number in range(5):
        gateway.submit(place(order_id=str(number)), reports.append)
        gateway.submit(cancel(), reports.append)
    wait_for(lambda: len(reports) == 10)
    assert sum(not isinstance(request, PlaceOrder | CancelVenueOrder) for request in client.called) == 2


def test_placement_worker_that_helped_with_a_read_may_help_again(scripted):
    client, gateway = scripted
    reports: list[CallReport] = []
    for number in range(1, 6):
        client.read_gate.clear()
        for _ in range(2):
            gateway.submit(BALANCES, reports.append)
        wait_for(lambda number=number: len(client.called) == 2 * number)
        client.read_gate.set()
        wait_for(lambda number=number: len(reports) == 2 * number)


def test_placement_workers_take_cancels_first_and_reads_last(scripted):
    client, gateway = scripted
    client.cancel_gate.clear()
    client.read_gate.clear()
    # Everybody is busy: two with placements, one with a cancel, one with a read. Only the first two come back.
    for request in (place(order_id="1"), place(order_id="2"), cancel(), look_up()):
        gateway.submit(request, lambda _report: None)
    wait_for(lambda: len(client.called) == 4)
    for request in (look_up(order_id="9"), place(order_id="3"), place(order_id="4"), cancel(order_id="5")):
        gateway.submit(request, lambda _report: None)
    client.gate.set()
    wait_for(lambda: len(client.called) == 8)
    kinds = [type(request) for request in client.called[4:]]
    assert kinds.index(CancelVenueOrder) < 2
    assert kinds[3] is LookUpOrder


@pytest.mark.parametrize("request_of", [amend, replace])
def test_change_of_an_order_waits_with_the_placements_and_lets_cancels_by(scripted, request_of):
    client, gateway = scripted
    reports: list[CallReport] = []
    for number in range(2):
        gateway.submit(place(order_id=str(number)), lambda _report: None)
    wait_for(lambda: len(client.called) == 2)
    gateway.submit(request_of(), lambda _report: None)
    gateway.submit(cancel(), reports.append)
    gateway.submit(look_up(), reports.append)
    wait_for(lambda: len(reports) == 2)
    assert type(request_of()) not in map(type, client.called)
    client.gate.set()
    wait_for(lambda: len(client.called) == 5)


@pytest.mark.parametrize("request_of", [place, amend, lambda **changes: replace(place(**changes))])
def test_request_that_waited_past_its_validity_is_not_sent(scripted, request_of):
    client, gateway = scripted
    client.offset_ms = 10_000
    reports: list[CallReport] = []
    gateway.submit(request_of(valid_until_venue_ms=SystemClock().now_ms() + 5000), reports.append)
    wait_for(lambda: reports)
    (report,) = reports
    for part in (report.cancel, report.place) if isinstance(report, ReplaceAnswered) else (report,):
        assert isinstance(part, PlaceNotProcessed | AmendNotProcessed | CancelNotProcessed)
        assert (part.reason, part.evidence.source) == ("validity_passed", EvidenceSource.LOCAL)
    assert client.called == []


def test_replace_is_judged_by_the_validity_of_the_order_that_it_places(scripted):
    client, gateway = scripted
    client.gate.set()
    reports: list[CallReport] = []
    gateway.submit(replace(place(valid_until_venue_ms=SystemClock().now_ms() + 60_000)), reports.append)
    wait_for(lambda: reports)
    assert len(client.called) == 1


@pytest.mark.parametrize(
    ("request_of", "expected"),
    [
        (place, PlaceAmbiguous),
        (cancel, CancelAmbiguous),
        (amend, AmendAmbiguous),
        (look_up, LookUpFailed),
        (lambda: BALANCES, FetchFailed),
    ],
)
def test_bug_inside_a_call_leaves_its_outcome_unknown_and_the_worker_alive(scripted, request_of, expected):
    client, gateway = scripted
    client.gate.set()
    client.break_with = RuntimeError("a text with a secret")
    reports: list[CallReport] = []
    for _ in range(5):
        gateway.submit(request_of(), reports.append)
    wait_for(lambda: len(reports) == 5)
    assert {type(report) for report in reports} == {expected}
    assert {report.reason for report in reports} == {"internal_error"}
    assert "secret" not in repr(reports)


def test_bug_inside_a_replace_leaves_both_halves_unknown(scripted):
    client, gateway = scripted
    client.gate.set()
    client.break_with = RuntimeError("a text with a secret")
    reports: list[CallReport] = []
    gateway.submit(replace(), reports.append)
    wait_for(lambda: reports)
    (report,) = reports
    assert isinstance(report, ReplaceAnswered)
    assert (type(report.cancel), type(report.place)) == (CancelAmbiguous, PlaceAmbiguous)
    assert (report.cancel.order_id, report.place.order_id, report.place.attempt) == ("our-id", "our-new-id", 2)
    assert (report.cancel.reason, report.place.reason) == ("internal_error", "internal_error")


def test_receiver_that_raises_costs_no_worker(scripted, monkeypatch):
    client, gateway = scripted
    client.gate.set()
    heard = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.exc_type))

    def broken(_report: CallReport) -> None:
        raise ValueError

    reports: list[CallReport] = []
    for _ in range(5):
        gateway.submit(BALANCES, broken)
    gateway.submit(BALANCES, reports.append)
    wait_for(lambda: reports)
    wait_for(lambda: heard == [ValueError] * 5)


def test_close_answers_every_waiting_call_and_joins_its_threads(scripted):
    client, gateway = scripted
    reports: list[CallReport] = []
    for _ in range(5):
        gateway.submit(place(), reports.append)
    wait_for(lambda: len(client.called) == 2)
    closing_thread = threading.Thread(target=gateway.close)
    closing_thread.start()
    wait_for(lambda: len(reports) == 3)
    client.gate.set()
    closing_thread.join(WAIT_S)
    assert len(reports) == 5
    closing = [report for report in reports if isinstance(report, PlaceNotProcessed)]
    assert {report.reason for report in closing} == {"closing"}
    assert len(closing) == 5 - len(client.called)
    assert client.closed
    assert not any(thread.is_alive() for thread in gateway._threads)


def test_call_after_close_is_answered_as_not_sent(scripted):
    client, gateway = scripted
    gateway.close()
    reports: list[CallReport] = []
    gateway.submit(place(), reports.append)
    gateway.submit(cancel(), reports.append)
    gateway.submit(amend(), reports.append)
    gateway.submit(replace(), reports.append)
    before_ms = SystemClock().now_ms()
    gateway.submit(FetchPrice(account_id="1", exchange="binance", symbol="BTC-USDT"), reports.append)
    *_, changed, replaced, price = reports
    assert [type(report) for report in reports[:2]] == [PlaceNotProcessed, CancelNotProcessed]
    assert isinstance(changed, AmendNotProcessed)
    assert isinstance(replaced, ReplaceAnswered)
    assert (type(replaced.cancel), type(replaced.place)) == (CancelNotProcessed, PlaceNotProcessed)
    assert {replaced.cancel.reason, replaced.place.reason, changed.reason} == {"closing"}
    assert isinstance(price, FetchFailed)
    assert (price.request, price.symbol, price.reason) == ("FetchPrice", "BTC-USDT", "closing")
    assert before_ms <= price.sent_ms <= SystemClock().now_ms()
    assert client.called == []


def test_stream_is_started_once_and_stopped(scripted):
    client, gateway = scripted
    gateway.open_stream(lambda _report: None)
    gateway.open_stream(lambda _report: None)
    assert [stream.running for stream in client.streams] == [False, True]
    gateway.close_stream()
    assert [stream.running for stream in client.streams] == [False, False]


def test_registry_builds_a_gateway_that_places():
    reports: list[CallReport] = []
    with Venue(post_order=[told(PLACED)]) as venue:
        gateway = open_gateway(
            "binance",
            account_id="1",
            credential=Credential(api_key="k", api_secret="s"),
            settings=VenueSettings(rest_url=venue.url),
            clock=SystemClock(),
            random=Random(1),
        )
        gateway.submit(place(), reports.append)
        wait_for(lambda: reports)
        gateway.close()
    assert isinstance(reports[0], PlaceAccepted)


def test_registry_gives_every_worker_of_a_gateway_a_connection_of_its_own(monkeypatch):
    pools: list[int] = []

    def build(**options):
        pools.append(options["pool_size"])
        return BinanceClient(**options)

    monkeypatch.setattr(registry, "BinanceClient", build)
    gateway = open_gateway(
        "binance",
        account_id="1",
        credential=Credential(api_key="k", api_secret="s"),
        settings=VenueSettings(max_in_flight=8),
        clock=SystemClock(),
        random=Random(1),
    )
    gateway.close()
    assert pools == [len(gateway._threads)]


def test_registry_refuses_an_unknown_venue():
    with pytest.raises(UnknownVenueError, match="binance"):
        open_gateway(
            "nowhere",
            account_id="1",
            credential=Credential(api_key="k", api_secret="s"),
            settings=VenueSettings(),
            clock=SystemClock(),
            random=Random(1),
        )


def test_credential_shows_nothing():
    assert repr(Credential(api_key="k-e-y", api_secret="s-e-c")) == "Credential()"


def test_capabilities_are_listed_for_every_venue():
    assert [item.venue for item in capabilities()] == ["binance", "coinbase", "kraken", "kucoin", "mexc", "projectx"]
