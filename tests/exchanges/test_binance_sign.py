import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchanges.binance.sign import HmacSigner, encode, signed_query, signer_for, websocket_signature

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
WIDE_DIGITS = "\uff11\uff12\uff13\uff14\uff15\uff16"


def rest_params(symbol: str) -> list[tuple[str, str]]:
    return [
        ("symbol", symbol),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "1"),
        ("price", "0.1"),
        ("recvWindow", "5000"),
        ("timestamp", "1499827319559"),
    ]


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("symbol", "signature"),
    [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (WIDE_DIGITS, "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    ],
)
def test_rest_signature_matches_published_vector(symbol, signature):
    query = signed_query(rest_params(symbol), HmacSigner(SECRET))
    assert query == f"{encode(rest_params(symbol))}&signature={signature}"


@pytest.mark.parametrize(
    ("params", "signature"),
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
                "symbol": WIDE_DIGITS,
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
def test_websocket_signature_matches_published_vector(params, signature):
    assert websocket_signature({**params, "apiKey": KEY}, HmacSigner(SECRET)) == signature


def test_ed25519_signature_matches_vector_and_is_percent_encoded():
    signer = signer_for(pem(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))
    signature = "jjt1qwCY9csZlKsIpxgnSZSMn4zp40EFhbaN3JXjejGf6Zmc2MF5T+Kj6+CwPqvjBhT7RLWOVFrnRe0DYkbuBA=="
    assert signer.sign(encode(rest_params("LTCBTC")).encode()) == signature
    escaped = signature.replace("+", "%2B").replace("=", "%3D")
    assert signed_query(rest_params("LTCBTC"), signer).endswith(f"&signature={escaped}")


def test_rsa_signature_verifies_under_the_public_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = base64.b64decode(signer_for(pem(key)).sign(b"payload"))
    key.public_key().verify(signature, b"payload", PKCS1v15(), SHA256())


def test_unusable_key_is_refused_without_being_quoted():
    broken = "-----BEGIN PRIVATE KEY-----\nsecretsecret\n-----END PRIVATE KEY-----"
    with pytest.raises(ValueError, match="cannot be read") as caught:
        signer_for(broken)
    assert "secretsecret" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(ValueError, match="no signatures by"):
        signer_for(pem(ec.generate_private_key(ec.SECP256R1())))


def test_signer_repr_shows_no_secret():
    assert SECRET not in repr(HmacSigner(SECRET))
    assert SECRET not in repr(vars(HmacSigner(SECRET)))
