import base64
import json

import pytest
from coinbase_samples import KEY_NAME, SEED
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchanges.coinbase.sign import ClaimForm, TokenSigner, signer_for

REQUEST = "GET api.coinbase.com/api/v3/brokerage/accounts"
NONCE = "00112233445566778899aabbccddeeff"
NOW_S = 1700000000
VECTOR = "1JDYvdmjJIO5nXZ2JpT2szZdLuIY0iLw-82an69WW1GfUhz87B-Yb7souXyDDeC71AP4wujocoQcN9y6X9awBg"
PUBLIC = base64.b64decode("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")


def part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token(signer: TokenSigner, request: str | None = REQUEST) -> str:
    return signer.token(now_s=NOW_S, nonce=NONCE, request=request)


def test_token_of_the_published_seed_has_the_published_signature():
    made = token(signer_for(KEY_NAME, SEED))
    assert made.split(".")[2] == VECTOR
    assert part(made, 0) == b'{"alg":"EdDSA","typ":"JWT","kid":"test-key","nonce":"00112233445566778899aabbccddeeff"}'
    assert part(made, 1) == (
        b'{"sub":"test-key","iss":"cdp","nbf":1700000000,"exp":1700000120,'
        b'"uri":"GET api.coinbase.com/api/v3/brokerage/accounts"}'
    )


def pem(key: object, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


SEED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEED))


@pytest.mark.parametrize(
    "secret",
    [
        SEED,
        base64.b64encode(base64.b64decode(SEED) + PUBLIC).decode(),
        pem(SEED_KEY, PrivateFormat.PKCS8),
        pem(SEED_KEY, PrivateFormat.PKCS8).replace("\n", "\\n"),
    ],
)
def test_ed25519_key_in_any_form_signs_the_same(secret):
    assert token(signer_for(KEY_NAME, secret)).split(".")[2] == VECTOR


@pytest.mark.parametrize("escaped", [False, True])
def test_ecdsa_token_is_verified_by_the_public_key(escaped):
    key = ec.generate_private_key(ec.SECP256R1())
    secret = pem(key, PrivateFormat.TraditionalOpenSSL)
    assert secret.startswith("-----BEGIN EC PRIVATE KEY-----")
    made = token(signer_for(KEY_NAME, secret.replace("\n", "\\n") if escaped else secret))
    signature = part(made, 2)
    assert json.loads(part(made, 0))["alg"] == "ES256"
    assert len(signature) == 64
    both = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    key.public_key().verify(encode_dss_signature(*both), made.rpartition(".")[0].encode(), ec.ECDSA(SHA256()))


def test_token_for_a_subscription_names_no_request():
    claims = json.loads(part(token(signer_for(KEY_NAME, SEED), None), 1))
    assert claims == {"sub": KEY_NAME, "iss": "cdp", "nbf": NOW_S, "exp": NOW_S + 120}


def test_token_in_the_general_librarys_form_lists_its_request_and_an_audience():
    claims = json.loads(part(token(signer_for(KEY_NAME, SEED, ClaimForm.URIS)), 1))
    assert (claims["aud"], claims["uris"], "uri" in claims) == (["cdp_service"], [REQUEST], False)


@pytest.mark.parametrize(
    "secret",
    [
        "not a key",
        base64.b64encode(b"too short").decode(),
        base64.b64encode(base64.b64decode(SEED) + bytes(32)).decode(),
        "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----",
        pem(ec.generate_private_key(ec.SECP384R1()), PrivateFormat.PKCS8),
        pem(rsa.generate_private_key(65537, 2048), PrivateFormat.PKCS8),
        "",
    ],
)
def test_unusable_key_is_refused_without_being_shown(secret):
    with pytest.raises(ValueError, match=r"key|Coinbase") as caught:
        signer_for(KEY_NAME, secret)
    assert not secret or secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_signer_shows_no_key():
    assert SEED not in repr(signer_for(KEY_NAME, SEED))
