"""The MEXC dialect: keys, signatures, content type, clock."""

import json

import pytest
from test_paper_mexc_support import CLIENT_ID, LIMIT, START_MS, Bench, refusal

from exchanges.paper.dialects.mexc.auth import signed_text

SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
VECTOR_MS = 1644489390087
TERMS = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
ONE_STRING = "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
MIXED = "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def vector_bench() -> Bench:
    bench = Bench()
    bench.keys = bench.dialect.add_keys("alice", 0, {"apiKey": "mx0vectorkey", "apiSecret": SECRET})
    bench.now_ms = VECTOR_MS
    return bench


def test_signature_of_the_query_as_published_is_accepted(vector_bench):
    answer = vector_bench.send("POST", "order", f"{TERMS}&signature={ONE_STRING}")
    assert answer.status == 200, answer.body


def test_signature_over_query_and_body_as_published_is_accepted(vector_bench):
    query, body = TERMS.split("&quantity")
    answer = vector_bench.send("POST", "order", query, f"quantity{body}&signature={MIXED}")
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["origQty"] == "1"


@pytest.mark.parametrize(
    "signature",
    [
        ONE_STRING.upper(),
        MIXED,
        "323c96ab85a745712e95e63cad28903dd8292e4a905e99c4ee3932023843a117",
    ],
)
def test_signature_in_upper_case_or_of_something_else_is_refused(vector_bench, signature):
    assert refusal(vector_bench.send("POST", "order", f"{TERMS}&signature={signature}")) == 700002
    assert vector_bench.engine.truth.accepted_count == 0


def test_signature_over_lower_case_escapes_or_none_is_refused(bench):
    for value in ("BTCUSDT%2cETHUSDT", "BTCUSDT,ETHUSDT"):
        text = f"symbol={value}&timestamp={bench.now_ms}"
        assert refusal(bench.send("GET", "openOrders", f"{text}&signature={bench.sign(text)}")) == 700002
    text = f"symbol=BTCUSDT%2CETHUSDT&timestamp={bench.now_ms}"
    assert bench.send("GET", "openOrders", f"{text}&signature={bench.sign(text)}").status == 200


def test_signed_text_wherever_the_signature_stands_leaves_it_out():
    assert signed_text(b"a=1&signature=x&b=2") == b"a=1&b=2"
    assert signed_text(b"signature=x") == b""


def test_parameter_in_query_and_body_counts_as_in_the_query(bench):
    query = "&".join(f"{name}={value}" for name, value in LIMIT.items()) + f"&timestamp={bench.now_ms}"
    body = "price=40000"
    answer = bench.send("POST", "order", f"{query}&signature={bench.sign(query + body)}", body)
    assert json.loads(answer.body)["price"] == "50000"


def test_request_without_signature_or_timestamp_is_refused(bench):
    assert refusal(bench.send("GET", "account", f"timestamp={bench.now_ms}")) == 700004
    assert refusal(bench.send("GET", "account", f"recvWindow=1&signature={bench.sign('recvWindow=1')}")) == 700004


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 400),
        ({"x-mexc-apikey": "no!"}, 700001),
        ({"x-mexc-apikey": "mx0vnobodyknowsthis"}, 10072),
    ],
)
def test_key_when_missing_malformed_or_unknown_is_refused(bench, headers, code):
    headers = {"content-type": "application/json", **headers}
    assert refusal(bench.send("GET", "account", bench.query(), headers=headers)) == code


def test_content_type_of_a_change_must_be_json(bench):
    key = {"x-mexc-apikey": bench.keys["apiKey"]}
    query = bench.query(**LIMIT)
    form = key | {"content-type": "application/x-www-form-urlencoded"}
    assert refusal(bench.send("POST", "order", query, headers=form)) == 700013
    assert refusal(bench.send("DELETE", "order", query, headers=key)) == 700013
    spelled = key | {"content-type": "application/json; charset=utf-8"}
    assert bench.send("POST", "order", query, headers=spelled).status == 200
    assert bench.send("GET", "account", bench.query(), headers=key).status == 200


@pytest.mark.parametrize("behind_ms", [-999, 0, 5000])
def test_timestamp_inside_the_window_is_accepted(bench, behind_ms):
    assert bench.ask("GET", "account", timestamp=START_MS - behind_ms)


@pytest.mark.parametrize(
    ("behind_ms", "window"), [(-1000, None), (-1000, 60000), (5001, None), (2001, 2000), (60001, 60000)]
)
def test_timestamp_outside_the_window_is_refused(bench, behind_ms, window):
    parameters = {"timestamp": START_MS - behind_ms} | ({} if window is None else {"recvWindow": window})
    assert bench.code("POST", "order", **LIMIT, **parameters) == 700003
    assert bench.engine.truth.accepted_count == 0


def test_window_when_given_replaces_the_default(bench):
    assert bench.ask("GET", "account", timestamp=START_MS - 30_000, recvWindow=30_000)
    assert bench.code("GET", "account", timestamp=START_MS, recvWindow=60_001) == 700005


def test_keys_of_an_account_are_repeatable_and_open_only_that_account(bench):
    again = Bench().dialect.add_keys("alice", 7)
    other = bench.dialect.add_keys("bob", 7)
    assert again == bench.keys
    assert other["apiKey"] != bench.keys["apiKey"]
    bench.place()
    bench.keys = other
    assert bench.code("GET", "order", symbol="BTCUSDT", origClientOrderId=CLIENT_ID) == -2013


@pytest.mark.parametrize("given", [{}, {"apiKey": "mx0vabcdef"}, {"apiKey": "ab", "apiSecret": "s"}])
def test_keys_that_can_be_none_are_not_accepted(bench, given):
    with pytest.raises(ValueError, match="secret"):
        bench.dialect.add_keys("alice", 0, given)


def test_secrets_in_representations_do_not_appear(bench):
    credential = bench.dialect._gatekeeper.credential(bench.keys["apiKey"])
    assert bench.keys["apiSecret"] not in repr(credential)
