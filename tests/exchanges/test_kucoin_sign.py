import pytest
from kucoin_samples import API_SECRET, PASSPHRASE, signer

from exchanges.kucoin.sign import Signer

VECTORS = [
    (
        "f03a5284-5c39-4aaa-9b20-dea10bdcf8e3",
        '1547015186532POST/api/v1/deposit-addresses{"currency":"BTC"}',
        "7QP/oM0ykidMdrfNEUmng8eZjg/ZvPafjIqmxiVfYu4=",
    ),
    (API_SECRET, "test_plain", "jie/gxS38wLFFaBwl/cAzFbAzlI8MIny96jSXrB+iP4="),
    (API_SECRET, "test_passphrase", "Ikr9KjwgA4urCb5Az1TNKgQELW10z84iOq+wsZsRRz0="),
    (
        API_SECRET,
        (
            '1729577515444POST/api/v1/hf/orders{"clientOid":"oms-0001","side":"buy","symbol":"BTC-USDT",'
            '"type":"limit","price":"10000","size":"0.001"}'
        ),
        "5jeVE4XmZwAl3WKnqgSCUMLrXOLOVLa7JwRkBZiczdY=",
    ),
    (
        API_SECRET,
        "1729577515444DELETE/api/v1/hf/orders/671124f9365ccb00073debd4?symbol=BTC-USDT",
        "JwtVcKhq2Vzy3TDDLwzd3enWiIQCDmZl608uAZUSN3M=",
    ),
]


@pytest.mark.parametrize(("secret", "message", "signature"), VECTORS)
def test_signature_of_published_vector_agrees(secret, message, signature):
    assert Signer(api_key="k", secret=secret, passphrase="p").sign(message.encode()) == signature


def test_headers_of_placement_are_the_published_ones():
    _, message, signature = VECTORS[3]
    body = message[message.index("{") :].encode()
    headers = signer().headers(time_ms=1729577515444, method="POST", path="/api/v1/hf/orders", body=body)
    assert headers == {
        "KC-API-KEY": "the-api-key",
        "KC-API-SIGN": signature,
        "KC-API-TIMESTAMP": "1729577515444",
        "KC-API-PASSPHRASE": VECTORS[2][2],
        "KC-API-KEY-VERSION": "3",
    }


def test_headers_of_cancel_sign_its_query():
    path = "/api/v1/hf/orders/671124f9365ccb00073debd4?symbol=BTC-USDT"
    headers = signer().headers(time_ms=1729577515444, method="DELETE", path=path)
    assert headers["KC-API-SIGN"] == VECTORS[4][2]


def test_signer_shown_keeps_its_secrets():
    shown = repr(signer())
    assert not any(secret in shown for secret in (API_SECRET, PASSPHRASE, "the-api-key"))
