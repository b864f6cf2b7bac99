"""Who may speak to the Binance dialect: keys, signatures against the published vectors, clock and window."""

import hashlib
import hmac
import time
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges.paper.dialects.binance.auth import BinanceCredential, check_signature, stream_payload
from exchanges.paper.dialects.binance.errors import BinanceError

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REST_PAYLOAD = (
    "symbol={}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
NON_ASCII = "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"


def error(response, status=400):
    assert response.status_code == status, response.text
    body = response.json()
    return body["code"], body["msg"]


@pytest.mark.parametrize(
    ("symbol", "signature"),
    [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        ("LTCBTC", "C8DB56825AE71D6D79447849E617115F4A920FA2ACDCAB2B053C4B2838BD6B71"),
        (NON_ASCII, "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    ],
)
def test_rest_signature_of_the_published_vectors_is_accepted(symbol, signature):
    credential = BinanceCredential(api_key=KEY, account="a", secret=SECRET.encode())
    check_signature(credential, REST_PAYLOAD.format(symbol).encode(), signature)
    with pytest.raises(BinanceError):
        check_signature(credential, REST_PAYLOAD.format(symbol + "X").encode(), signature)


@pytest.mark.parametrize(
    ("parameters", "signature"),
    [
        (
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "0.01000000",
                "price": "52000.00",
                "recvWindow": 100,
                "timestamp": 1645423376532,
            },
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            {
                "symbol": "１２３４５６",  # noqa: RUF001 - the published vector has full-width digits
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "1.00000000",
                "price": "0.10000000",
                "recvWindow": 5000,
                "timestamp": 1645423376532,
            },
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
        ({"timestamp": 1747385641636}, "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e"),
    ],
)
def test_stream_signature_of_the_published_vectors_is_accepted(parameters, signature):
    credential = BinanceCredential(api_key=KEY, account="a", secret=SECRET.encode())
    check_signature(credential, stream_payload(parameters | {"apiKey": KEY, "signature": "ignored"}), signature)


def test_ed25519_signature_of_the_sheets_vector_is_accepted_and_another_payload_is_not():
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    credential = BinanceCredential(api_key=KEY, account="a", public_key=public)
    signature = "jjt1qwCY9csZlKsIpxgnSZSMn4zp40EFhbaN3JXjejGf6Zmc2MF5T+Kj6+CwPqvjBhT7RLWOVFrnRe0DYkbuBA=="
    check_signature(credential, REST_PAYLOAD.format("LTCBTC").encode(), signature)
    with pytest.raises(BinanceError):
        check_signature(credential, b"symbol=LTCBTC", signature)


def test_request_with_a_wrong_signature_is_refused(user):
    query = f"timestamp={int(time.time() * 1000)}"
    assert error(user.send("GET", "/api/v3/account", f"{query}&signature={'0' * 64}"))[0] == -1022


def test_request_whose_signed_bytes_were_changed_is_refused(user):
    query = f"omitZeroBalances=true&timestamp={int(time.time() * 1000)}"
    signed = f"{query.replace('true', 'false')}&signature={user.hmac(query)}"
    assert error(user.send("GET", "/api/v3/account", signed))[0] == -1022


def test_request_signed_before_percent_encoding_is_refused(user):
    stamp = f"timestamp={int(time.time() * 1000)}"
    signature = user.hmac(f"symbol=１２３&{stamp}")  # noqa: RUF001 - full-width digits need encoding
    sent = f"symbol={quote('１２３')}&{stamp}&signature={signature}"  # noqa: RUF001
    assert error(user.send("GET", "/api/v3/openOrders", sent))[0] == -1022


def test_request_with_parameters_in_query_and_body_signs_both(user):
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT"
    body = f"timeInForce=GTC&quantity=0.01&price=50000&timestamp={int(time.time() * 1000)}"
    url = f"{user.rest_url}/api/v3/order?{query}"
    headers = {"X-MBX-APIKEY": user.credentials["apiKey"], "Content-Type": "application/x-www-form-urlencoded"}
    answer = user.session.post(url, f"{body}&signature={user.hmac(query + body)}", headers=headers, timeout=10)
    assert answer.json()["status"] == "NEW"


@pytest.mark.parametrize(("key", "code"), [("", -2014), ("short", -2014), ("x" * 64, -2015)])
def test_request_with_a_malformed_or_unknown_key_is_refused(user, key, code):
    query = f"timestamp={int(time.time() * 1000)}"
    answer = user.send("GET", "/api/v3/account", f"{query}&signature={user.hmac(query)}", api_key=key)
    assert error(answer, 401)[0] == code


@pytest.mark.parametrize("missing", ["timestamp", "signature"])
def test_signed_request_without_timestamp_or_signature_is_refused(user, missing):
    query = "omitZeroBalances=true" if missing == "timestamp" else f"timestamp={int(time.time() * 1000)}"
    sent = f"{query}&signature={user.hmac(query)}" if missing == "timestamp" else query
    code, text = error(user.send("GET", "/api/v3/account", sent))
    assert code == -1102
    assert missing in text


def test_ed25519_key_places_an_order(user):
    answer = user.call_ed25519(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity="0.01", price="50000"
    )
    assert answer.status_code == 200, answer.text


def test_timestamp_outside_the_window_is_refused(user, control):
    now = control.now_ms()
    assert error(user.call("GET", "account", timestamp=now - 6_000))[0] == -1021
    assert error(user.call("GET", "account", timestamp=now + 5_000))[0] == -1021
    assert user.call("GET", "account", timestamp=now - 6_000, recvWindow=60_000).status_code == 200


def test_receive_window_above_a_minute_is_refused(user):
    assert error(user.call("GET", "account", recvWindow=60_001))[0] == -1131


def test_clock_skew_moves_server_time_and_the_window(user, control):
    control.set_clock_skew(30_000)
    ahead = user.session.get(f"{user.rest_url}/api/v3/time", timeout=10).json()["serverTime"] - int(time.time() * 1000)
    assert 29_000 < ahead < 31_000
    assert error(user.call("GET", "account"))[0] == -1021
    assert user.call("GET", "account", timestamp=control.now_ms()).status_code == 200


def test_hmac_helper_of_these_tests_agrees_with_the_published_vector():
    expected = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert hmac.new(SECRET.encode(), REST_PAYLOAD.format("LTCBTC").encode(), hashlib.sha256).hexdigest() == expected
