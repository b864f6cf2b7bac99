"""Who may speak to the KuCoin dialect: headers, key, passphrase, signature against the sheet's vectors, clock."""

from dataclasses import replace
from random import Random

import pytest

from exchanges.paper.dialects.kucoin.auth import KucoinCredential, prehash
from exchanges.paper.dialects.kucoin.dialect import KucoinDialect
from exchanges.paper.wire import WireRequest
from tests.exchanges.paper.paper_kucoin_kit import HF, KEYS, START_MS, Bench, signature

OFFICIAL_SECRET = "f03a5284-5c39-4aaa-9b20-dea10bdcf8e3"
SDK_SECRET = "test_api_secret"


@pytest.fixture
def bench():
    return Bench()


def wire(stamp, method, url, body=""):
    path, _, query = url.partition("?")
    headers = {"kc-api-timestamp": stamp}
    return WireRequest(method=method, path=path, query=query.encode(), body=body.encode(), headers=headers)


@pytest.mark.parametrize(
    ("secret", "message", "expected"),
    [
        (
            OFFICIAL_SECRET,
            prehash(wire("1547015186532", "POST", "/api/v1/deposit-addresses", '{"currency":"BTC"}')),
            "7QP/oM0ykidMdrfNEUmng8eZjg/ZvPafjIqmxiVfYu4=",
        ),
        (SDK_SECRET, b"test_plain", "jie/gxS38wLFFaBwl/cAzFbAzlI8MIny96jSXrB+iP4="),
        (SDK_SECRET, b"test_passphrase", "Ikr9KjwgA4urCb5Az1TNKgQELW10z84iOq+wsZsRRz0="),
        (
            SDK_SECRET,
            prehash(
                wire(
                    "1729577515444",
                    "POST",
                    "/api/v1/hf/orders",
                    '{"clientOid":"oms-0001","side":"buy","symbol":"BTC-USDT","type":"limit","price":"10000","size":"0.001"}',
                )
            ),
            "5jeVE4XmZwAl3WKnqgSCUMLrXOLOVLa7JwRkBZiczdY=",
        ),
        (
            SDK_SECRET,
            prehash(wire("1729577515444", "DELETE", "/api/v1/hf/orders/671124f9365ccb00073debd4?symbol=BTC-USDT")),
            "JwtVcKhq2Vzy3TDDLwzd3enWiIQCDmZl608uAZUSN3M=",
        ),
    ],
)
def test_signature_of_the_published_vectors_is_what_the_venue_expects(secret, message, expected):
    credential = KucoinCredential(api_key="k", account="a", secret=secret, passphrase="p")
    assert credential.sign(message) == expected


def test_request_with_the_published_vector_is_accepted_as_signed(bench):
    body = '{"clientOid":"oms-0001","side":"buy","symbol":"BTC-USDT","type":"limit","price":"10000","size":"0.001"}'
    request = bench.request("POST", HF, kc_api_sign="5jeVE4XmZwAl3WKnqgSCUMLrXOLOVLa7JwRkBZiczdY=")
    headers = {**request.headers, "content-type": "application/json"}
    assert bench.send(replace(request, body=body.encode(), headers=headers))["data"]["clientOid"] == "oms-0001"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kc_api_sign": signature(KEYS["apiSecret"], b"something else")}, "400005"),
        ({"kc_api_passphrase": KEYS["passphrase"]}, "400004"),
        ({"kc_api_key": "nobody"}, "400003"),
        ({"kc_api_timestamp": str(START_MS - 5_000)}, "400002"),
        ({"kc_api_timestamp": str(START_MS + 5_000)}, "400002"),
        ({"kc_api_timestamp": "soon"}, "400002"),
        ({"kc_api_timestamp": "1" * 5_000}, "400002"),
        ({"kc_api_timestamp": "\u00b2"}, "400002"),
        ({"kc_api_key": ""}, "400001"),
        ({"kc_api_sign": ""}, "400001"),
        ({"kc_api_passphrase": ""}, "400001"),
        ({"kc_api_timestamp": ""}, "400001"),
        ({"kc_api_key_version": ""}, "400001"),
        ({"kc_api_key_version": "1"}, "400001"),
    ],
)
def test_private_request_with_a_wrong_header_is_refused_and_does_nothing(bench, changes, code):
    answer = bench.send(bench.request("POST", HF, bench.terms(), **changes))
    assert answer["code"] == code
    assert "data" not in answer
    assert bench.engine.open_orders("alice") == ()


@pytest.mark.parametrize("skew_ms", [-4_999, 4_999])
def test_timestamp_within_five_seconds_is_accepted(bench, skew_ms):
    assert bench.send(bench.request("GET", "/api/v1/accounts", kc_api_timestamp=str(START_MS + skew_ms)))["data"]


@pytest.mark.parametrize("version", ["2", "3"])
def test_key_of_either_version_signs_alike(bench, version):
    assert bench.send(bench.request("GET", "/api/v1/accounts", kc_api_key_version=version))["data"]


def test_request_whose_signed_bytes_were_changed_is_refused(bench):
    placing = bench.request("POST", HF, bench.terms())
    assert bench.send(replace(placing, body=placing.body.replace(b"0.01", b"0.02")))["code"] == "400005"
    asking = bench.request("GET", f"{HF}/active", query={"symbol": "BTC-USDT"})
    assert bench.send(replace(asking, query=b"symbol=ETH-USDT"))["code"] == "400005"


def test_signature_covers_the_query_before_percent_encoding(bench):
    raw = "symbol=BTC-USDT&orderIds=a,b"
    asking = bench.request("GET", "/api/v1/stop-order")
    unescaped = signature(KEYS["apiSecret"], f"{START_MS}GET/api/v1/stop-order?{raw}".encode())
    escaped = signature(KEYS["apiSecret"], f"{START_MS}GET/api/v1/stop-order?symbol=BTC-USDT&orderIds=a%2Cb".encode())
    sent = replace(asking, query=b"symbol=BTC-USDT&orderIds=a%2Cb")
    assert bench.send(replace(sent, headers={**asking.headers, "kc-api-sign": unescaped}))["code"] == "200000"
    assert bench.send(replace(sent, headers={**asking.headers, "kc-api-sign": escaped}))["code"] == "400005"


def test_body_without_its_content_type_is_refused(bench):
    answer = bench.send(bench.request("POST", HF, bench.terms(), content_type="text/plain"))
    assert (answer["code"], bench.answered.status) == ("415000", 415)


def test_public_endpoint_needs_no_key(bench):
    asking = replace(bench.request("GET", "/api/v1/timestamp"), headers={})
    assert bench.send(asking) == {"code": "200000", "data": START_MS}


def test_keys_derived_from_a_seed_are_the_same_every_time_and_open_only_their_account(bench):
    derived = bench.dialect.add_keys("bob", 5)
    again = KucoinDialect(bench.engine, Random(2)).add_keys("bob", 5)
    other = bench.dialect.add_keys("bob", 6)
    assert derived == again
    assert set(derived) == {"apiKey", "apiSecret", "passphrase"}
    assert len({*derived.values(), *other.values()}) == 6
    request = bench.request("GET", "/api/v1/accounts", kc_api_key=derived["apiKey"])
    assert bench.send(request)["code"] == "400004"


@pytest.mark.parametrize("missing", ["apiKey", "apiSecret", "passphrase"])
def test_given_key_with_a_part_missing_is_no_key(bench, missing):
    with pytest.raises(ValueError, match="passphrase"):
        bench.dialect.add_keys("bob", 1, KEYS | {missing: ""})


def test_secrets_of_a_credential_appear_in_no_representation():
    shown = repr(KucoinCredential(api_key="k", account="a", secret="hush", passphrase="quiet"))
    assert "hush" not in shown
    assert "quiet" not in shown
