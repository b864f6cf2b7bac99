"""The Kraken paper venue over real sockets: requests, stream, faults, and the rows of the control port in its ids."""

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlencode

import pytest
import requests
import websocket
from paper_kraken_kit import CLIENT_ID, DASHED, LIMIT

from exchanges.paper.client import PaperProcess
from exchanges.paper.faults import Fault, FaultRule, RequestKind

DEADLINE_S = 10


class KrakenUser:
    """The owner of the paper venue's own account."""

    def __init__(self, venue) -> None:
        self.venue = venue
        self.session = requests.Session()
        self.session.trust_env = False

    def post(self, name, **parameters):
        path, nonce = f"/0/private/{name}", time.time_ns()
        body = urlencode({"nonce": nonce} | parameters)
        message = path.encode() + hashlib.sha256(f"{nonce}{body}".encode()).digest()
        secret = b64decode(self.venue["credentials"]["apiSecret"])
        headers = {
            "API-Key": self.venue["credentials"]["apiKey"],
            "API-Sign": b64encode(hmac.new(secret, message, hashlib.sha512).digest()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self.session.post(f"{self.venue['restUrl']}{path}", data=body, headers=headers, timeout=DEADLINE_S)

    def ok(self, name, **parameters):
        body = self.post(name, **parameters).json()
        assert body["error"] == []
        return body["result"]

    def stream(self):
        return websocket.create_connection(self.venue["streamUrl"], timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def process() -> Iterator[PaperProcess]:
    with PaperProcess(venues=("kraken",), seed=7) as started:
        yield started


@pytest.fixture
def user(process):
    return KrakenUser(process.venues["kraken"])


@pytest.fixture
def kraken(process, user):
    client = process.control("kraken")
    yield client
    client.set_faults()
    user.ok("CancelAll")


def message_of(socket, channel, *, but=("heartbeat",)):
    while True:
        message = json.loads(socket.recv())
        if message.get("channel") == channel and channel not in but:
            return message


def subscribed(user, socket):
    params = {"channel": "executions", "token": user.ok("GetWebSocketsToken")["token"]}
    socket.send(json.dumps({"method": "subscribe", "params": params}))
    return message_of(socket, "executions")


def test_order_placed_over_the_wire_is_streamed_and_found_in_the_venues_rows(user, kraken):
    socket = user.stream()
    assert json.loads(socket.recv())["channel"] == "status"
    assert subscribed(user, socket)["type"] == "snapshot"

    (txid,) = user.ok("AddOrder", **LIMIT, cl_ord_id=CLIENT_ID)["txid"]

    items = [message_of(socket, "executions")["data"][0] for _ in range(2)]
    assert [(item["order_id"], item["exec_type"]) for item in items] == [(txid, "pending_new"), (txid, "new")]
    (row,) = [row for row in kraken.orders() if row["venueOrderId"] == txid]
    assert row["clientOrderId"] == CLIENT_ID

    kraken.execute(row["orderId"], Decimal(50_000), Decimal("0.01"))

    trade = message_of(socket, "executions")["data"][0]
    assert trade["exec_id"] in {fill["fillId"] for fill in kraken.executions()}
    assert trade["exec_id"] in user.ok("TradesHistory", consolidate_taker="false")["trades"]
    socket.close()


def test_frame_lost_on_the_way_leaves_a_gap_in_the_sequence(user, kraken):
    socket = user.stream()
    first = subscribed(user, socket)["sequence"]
    kraken.set_faults(FaultRule(fault=Fault.FRAME_DROP, count_max=1))
    user.ok("AddOrder", **LIMIT)
    message = message_of(socket, "executions")
    assert (message["sequence"], message["data"][0]["exec_type"]) == (first + 2, "new")
    socket.close()


def test_stream_that_has_nothing_to_say_sends_heartbeats(user, kraken):
    socket = user.stream()
    subscribed(user, socket)
    assert message_of(socket, "heartbeat", but=()) == {"channel": "heartbeat"}
    socket.close()


def test_account_whose_subscription_ends_loses_its_connection(user, kraken):
    socket = user.stream()
    subscribed(user, socket)
    kraken.set_faults(FaultRule(fault=Fault.TOKEN_EXPIRED, kind=RequestKind.FRAME, count_max=1))
    user.ok("AddOrder", **LIMIT)
    opcode, _ = socket.recv_data()
    while opcode != websocket.ABNF.OPCODE_CLOSE:
        opcode, _ = socket.recv_data()
    socket.close()


def test_placement_delivered_twice_is_placed_once_and_answered_with_the_used_nonce(user, kraken):
    kraken.set_faults(FaultRule(fault=Fault.DELIVER_TWICE, kind=RequestKind.PLACE, client_order_id=CLIENT_ID))
    assert user.post("AddOrder", **LIMIT, cl_ord_id=DASHED).json() == {"error": ["EAPI:Invalid nonce"]}
    assert len(user.ok("OpenOrders", cl_ord_id=CLIENT_ID)["open"]) == 1


def test_error_after_processing_is_the_proxys_page(user, kraken):
    kraken.set_faults(FaultRule(fault=Fault.ERROR_AFTER, kind=RequestKind.PLACE))
    answer = user.post("AddOrder", **LIMIT, cl_ord_id=CLIENT_ID)
    assert (answer.status_code, answer.headers["content-type"]) == (520, "text/html; charset=UTF-8")
    assert len(user.ok("OpenOrders", cl_ord_id=CLIENT_ID)["open"]) == 1


def test_request_that_comes_late_for_its_deadline_is_refused(user, kraken):
    kraken.set_faults(FaultRule(fault=Fault.WRONG_CLOCK, kind=RequestKind.PLACE, amount_ms=60_000))
    deadline = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30))
    answer = user.post("AddOrder", **LIMIT, deadline=deadline)
    assert answer.json() == {"error": ["EService:Deadline elapsed"]}
