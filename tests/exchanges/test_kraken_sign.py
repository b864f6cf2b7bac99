import pytest
from kraken_samples import API_SECRET

from exchanges.kraken.sign import Signer, encode

NONCE = "1616492376594"
PATH = "/0/private/AddOrder"
FORM = [
    ("nonce", NONCE),
    ("ordertype", "limit"),
    ("pair", "XBTUSD"),
    ("price", "37500"),
    ("type", "buy"),
    ("volume", "1.25"),
]
JSON = (
    b'{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}'
)


def test_sign_form_body_matches_the_published_vector():
    body = encode(FORM)
    assert body == b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    signed = Signer(API_SECRET).sign(PATH, NONCE, body)
    assert signed == "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_sign_json_body_matches_the_computed_vector():
    signed = Signer(API_SECRET).sign(PATH, NONCE, JSON)
    assert signed == "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg=="


def test_sign_twice_gives_the_same_and_another_path_another():
    signer = Signer(API_SECRET)
    first = signer.sign(PATH, NONCE, b"x")
    assert signer.sign(PATH, NONCE, b"x") == first
    assert signer.sign("/0/private/CancelOrder", NONCE, b"x") != first


def test_encode_reserved_characters_are_escaped():
    assert encode([("expiretm", "+5"), ("oflags", "post,fciq"), ("deadline", "2026-11-21T10:00:00.000Z")]) == (
        b"expiretm=%2B5&oflags=post%2Cfciq&deadline=2026-11-21T10%3A00%3A00.000Z"
    )


@pytest.mark.parametrize("secret", ["not base64!", "", "abc", "\N{POUND SIGN}"])
def test_signer_of_a_malformed_secret_is_refused_without_showing_it(secret):
    with pytest.raises(ValueError, match="private key") as caught:
        Signer(secret)
    assert caught.value.__cause__ is None
    assert secret == "" or secret not in str(caught.value)


def test_signer_repr_shows_no_secret():
    assert API_SECRET[:10] not in repr(Signer(API_SECRET))
