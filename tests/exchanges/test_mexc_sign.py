from exchanges.mexc.sign import Signer, encode, signed_query

SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
ORDER = [
    ("symbol", "BTCUSDT"),
    ("side", "BUY"),
    ("type", "LIMIT"),
    ("quantity", "1"),
    ("price", "11"),
    ("recvWindow", "5000"),
    ("timestamp", "1644489390087"),
]


def test_signature_of_a_query_is_the_published_one():
    query = signed_query(ORDER, Signer(SECRET))
    assert query == encode(ORDER) + "&signature=fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"


def test_signature_of_query_and_body_joins_them_with_nothing_between():
    payload = encode(ORDER[:3]) + encode(ORDER[3:])
    assert Signer(SECRET).sign(payload) == "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592"


def test_encoding_of_special_characters_is_upper_case_percent_hex():
    assert encode([("symbols", "A,B"), ("symbol", "币USDT")]) == "symbols=A%2CB&symbol=%E5%B8%81USDT"


def test_signer_in_a_repr_shows_no_secret():
    assert SECRET not in repr(Signer(SECRET))
