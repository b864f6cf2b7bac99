"""Who may speak to the Coinbase dialect: tokens of both algorithms, each for one request and a short time."""

import json
from dataclasses import replace

import pytest
from test_paper_coinbase_support import BASE, START_MS, Bench, Client, encoded

from exchanges.paper.wire import WireRequest

ACCOUNTS = "GET api.coinbase.com/api/v3/brokerage/accounts"
SHEET_SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SHEET_PAIR = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA=="
SHEET_HEADER = '{"alg":"EdDSA","typ":"JWT","kid":"test-key","nonce":"00112233445566778899aabbccddeeff"}'
SHEET_CLAIMS = (
    '{"sub":"test-key","iss":"cdp","nbf":1700000000,"exp":1700000120,'
    '"uri":"GET api.coinbase.com/api/v3/brokerage/accounts"}'
)
SHEET_SIGNATURE = "1JDYvdmjJIO5nXZ2JpT2szZdLuIY0iLw-82an69WW1GfUhz87B-Yb7souXyDDeC71AP4wujocoQcN9y6X9awBg"


def accounts(token: str) -> WireRequest:
    headers = {"authorization": f"Bearer {token}", "host": "127.0.0.1:9"}
    return WireRequest(method="GET", path=f"{BASE}/accounts", query=b"", body=b"", headers=headers)


def refused(bench: Bench, request: WireRequest) -> bool:
    answer = bench.answer(request)
    if answer.status == 200:
        return False
    assert (answer.status, answer.body) == (401, b"Unauthorized")
    assert answer.events == ()
    return True


@pytest.mark.parametrize("secret", [SHEET_SEED, SHEET_PAIR])
def test_token_of_the_sheets_vector_is_accepted_and_with_another_signature_refused(secret):
    bench = Bench()
    bench.dialect.add_keys("alice", 1, {"apiKey": "test-key", "apiSecret": secret})
    bench.now_ms = 1_700_000_001_000
    signed = f"{encoded(SHEET_HEADER.encode())}.{encoded(SHEET_CLAIMS.encode())}"

    assert refused(bench, accounts(f"{signed}.A{SHEET_SIGNATURE[1:]}"))
    assert not refused(bench, accounts(f"{signed}.{SHEET_SIGNATURE}"))


def test_tokens_of_both_derived_keys_are_accepted_for_the_same_account():
    bench = Bench()
    bench.limit("mine")

    for client in (bench.client, bench.edwards):
        listed = bench.ok("GET", "orders/historical/batch", client=client)
        assert [order["client_order_id"] for order in listed["orders"]] == ["mine"]


def test_derived_keys_of_the_same_seed_are_the_same_and_of_another_differ():
    bench = Bench()
    again, other = bench.dialect.add_keys("alice", 7), bench.dialect.add_keys("alice", 8)

    assert again["apiSecret"] == bench.client.secret
    assert again["apiSecret"].startswith("-----BEGIN EC PRIVATE KEY-----")
    assert not set(other.values()) & set(again.values())


@pytest.mark.parametrize(
    "given",
    [
        {"apiKey": "k", "apiSecret": "not a key"},
        {"apiKey": "k", "apiSecret": SHEET_PAIR.replace("DoQe", "DoQf")},
        {"apiKey": "k"},
        {"apiKey": "", "apiSecret": SHEET_SEED},
    ],
)
def test_keys_that_are_unusable_are_refused_without_the_secret(given):
    with pytest.raises(ValueError, match="key") as caught:
        Bench().dialect.add_keys("alice", 1, given)

    assert given.get("apiSecret", "-") not in str(caught.value)


def test_given_pem_with_escaped_newlines_is_accepted():
    bench = Bench()
    secret = bench.client.secret.replace("\n", "\\n")
    bench.dialect.add_keys("bob", 1, {"apiKey": "theirs", "apiSecret": secret})

    assert not refused(bench, accounts(Client("theirs", bench.client.secret).token(bench.now_ms, ACCOUNTS)))


@pytest.mark.parametrize(
    "claims",
    [
        {"uri": f"{ACCOUNTS}?limit=1"},
        {"uri": ACCOUNTS.replace("GET", "POST")},
        {"uri": f"https://{ACCOUNTS}"},
        {"uri": None},
        {"uri": None, "uris": [ACCOUNTS], "aud": ["cdp_service"]},
        {"sub": "somebody"},
        {"iss": "coinbase-cloud"},
        {"nbf": None},
        {"exp": None},
        {"exp": START_MS // 1000 + 121},
        {"nbf": START_MS // 1000 - 121, "exp": START_MS // 1000},
        {"nbf": START_MS // 1000 + 6, "exp": START_MS // 1000 + 100},
        {"nbf": float(START_MS // 1000)},
    ],
)
def test_token_with_wrong_claims_is_refused(claims):
    bench = Bench()

    assert refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS, claims=claims)))
    assert not refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS)))


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "nobody"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "EdDSA"},
        {"typ": None},
        {"nonce": None},
        {"nonce": ""},
    ],
)
def test_token_with_a_wrong_header_is_refused(header):
    bench = Bench()

    assert refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS, header=header)))


def test_token_signed_by_another_key_is_refused():
    bench = Bench()
    forger = Client(bench.client.name, bench.bob.secret)

    assert refused(bench, accounts(forger.token(bench.now_ms, ACCOUNTS)))


def test_token_with_a_der_signature_is_refused():
    bench = Bench()
    signed, _, signature = bench.client.token(bench.now_ms, ACCOUNTS).rpartition(".")

    assert refused(bench, accounts(f"{signed}.MEQ{signature}"))


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.e30.", "W10.W10.AA", "é.é.é"])
def test_token_that_is_none_is_refused(token):
    bench = Bench()

    assert refused(bench, accounts(token))
    assert refused(bench, replace(accounts(token), headers={}))
    assert refused(bench, replace(accounts(token), headers={"authorization": f"Basic {token}"}))


def test_token_of_a_client_that_signs_the_host_it_talks_to_is_accepted():
    bench = Bench()

    assert not refused(
        bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS.replace("api.coinbase.com", "127.0.0.1:9")))
    )
    assert refused(
        bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS.replace("api.coinbase.com", "127.0.0.1:8")))
    )


def test_edwards_token_in_the_plural_form_is_accepted_with_its_audience_only():
    bench = Bench()
    plural = {"uri": None, "uris": [ACCOUNTS]}

    assert not refused(
        bench, accounts(bench.edwards.token(bench.now_ms, ACCOUNTS, claims=plural | {"aud": ["cdp_service"]}))
    )
    assert refused(bench, accounts(bench.edwards.token(bench.now_ms, ACCOUNTS, claims=plural)))


def test_token_used_again_for_another_query_is_refused():
    bench = Bench()
    request = accounts(bench.client.token(bench.now_ms, ACCOUNTS))

    assert not refused(bench, request)
    assert refused(bench, replace(request, query=b"limit=3"))
    assert refused(bench, request)


def test_placement_delivered_twice_is_accepted_twice_and_changed_on_the_way_refused():
    bench = Bench()
    body = {
        "client_order_id": "c1",
        "product_id": "BTC-USDT",
        "side": "BUY",
        "order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}},
    }
    request = bench.request("POST", "orders", body)
    first, second = bench.answer(request), bench.answer(request)

    assert json.loads(second.body) == json.loads(first.body)
    assert bench.engine.truth.accepted_count == 1
    assert refused(bench, replace(request, body=request.body.replace(b"c1", b"c2")))


def test_token_with_a_used_nonce_is_accepted_again_after_its_life():
    bench = Bench()
    nonce = {"nonce": "00ff00ff00ff00ff"}

    assert not refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS, header=nonce)))
    bench.later(119_000)
    assert refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS, header=nonce)))
    bench.later(1_000)
    assert not refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS, header=nonce)))


def test_token_ends_with_the_second_that_it_names():
    bench = Bench()
    bench.now_ms = START_MS // 1000 * 1000
    ends = {"nbf": bench.now_ms // 1000 - 119, "exp": bench.now_ms // 1000 + 1}
    first, second = (accounts(bench.client.token(bench.now_ms, ACCOUNTS, claims=ends)) for _ in range(2))
    bench.later(999)
    assert not refused(bench, first)
    bench.later(1)
    assert refused(bench, second)


def test_tokens_after_expiry_by_hand_still_work_since_none_are_issued():
    bench = Bench()
    bench.dialect.expire_tokens()

    assert not refused(bench, accounts(bench.client.token(bench.now_ms, ACCOUNTS)))


def test_public_endpoints_need_no_token_and_private_products_do():
    bench = Bench()
    bare = replace(accounts(""), headers={})

    for path in ("time", "market/products", "market/products/BTC-USDT"):
        assert bench.answer(replace(bare, path=f"{BASE}/{path}")).status == 200
    assert refused(bench, replace(bare, path=f"{BASE}/products"))


def test_representations_of_keys_and_credentials_show_no_secret():
    bench = Bench()
    body = bench.client.secret.splitlines()[1]

    assert body not in repr(bench.dialect.gatekeeper.__dict__)
