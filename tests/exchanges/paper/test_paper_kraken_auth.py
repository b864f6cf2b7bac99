"""Who may speak to the Kraken dialect: the published vectors, nonces, keys, tokens, and requests as subjects."""

import json
from dataclasses import replace
from random import Random

import pytest
from paper_kraken_kit import CLIENT_ID, DASHED, FORM, LIMIT, KrakenVenue

from exchanges.paper.dialects.kraken.auth import Credential, Gatekeeper, Tokens, decode_secret
from exchanges.paper.dialects.kraken.errors import KrakenError
from exchanges.paper.faults import RequestKind
from exchanges.paper.wire import Subject, WireRequest

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
FORM_BODY = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
FORM_SIGNATURE = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
JSON_BODY = (
    b'{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}'
)
JSON_SIGNATURE = "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg=="


@pytest.fixture
def venue():
    return KrakenVenue()


def authenticate(body, signature, nonce="1616492376594"):
    gatekeeper = Gatekeeper()
    gatekeeper.admit(Credential(api_key="k", account="a", secret=decode_secret(SECRET)))
    return gatekeeper.authenticate(
        api_key="k", signature=signature, path="/0/private/AddOrder", nonce=nonce, body=body, now_ms=0
    )


@pytest.mark.parametrize(("body", "signature"), [(FORM_BODY, FORM_SIGNATURE), (JSON_BODY, JSON_SIGNATURE)])
def test_signature_of_the_published_vectors_is_accepted_and_of_other_bytes_refused(body, signature):
    assert authenticate(body, signature) == "a"
    with pytest.raises(KrakenError, match="EAPI:Invalid signature"):
        authenticate(body + b" ", signature)
    with pytest.raises(KrakenError, match="EAPI:Invalid signature"):
        authenticate(body, signature, nonce="1616492376595")


@pytest.mark.parametrize(("body", "signature"), [(FORM_BODY, FORM_SIGNATURE), (JSON_BODY, JSON_SIGNATURE)])
def test_request_of_the_published_vectors_when_complete_places_the_order(venue, body, signature):
    venue.dialect.add_keys("u", 0, {"apiKey": "k", "apiSecret": SECRET})
    content_type = FORM if body is FORM_BODY else "application/json"
    headers = {"api-key": "k", "api-sign": signature, "content-type": content_type}
    request = WireRequest(method="POST", path="/0/private/AddOrder", query=b"", body=body, headers=headers)

    answer = json.loads(venue.send(request).body)

    assert answer["error"] == []
    assert answer["result"]["descr"] == {"order": "buy 1.25000000 XBTUSD @ limit 37500.00"}
    assert [order.size for order in venue.engine.open_orders("u")] == [1.25]


def test_request_with_an_unknown_key_is_refused_as_such(venue):
    request = venue.request("Balance", {})
    for headers in ({}, request.headers | {"api-key": "nobody"}):
        body = json.loads(venue.send(replace(request, headers=headers)).body)
        assert body == {"error": ["EAPI:Invalid key"]}


def test_request_signed_for_another_path_is_refused(venue):
    request = venue.request("Balance", {})

    answer = venue.send(replace(request, path="/0/private/BalanceEx"))

    assert json.loads(answer.body) == {"error": ["EAPI:Invalid signature"]}
    assert answer.status == 200


@pytest.mark.parametrize("nonce", ["", "0", "-1", "1.5", "abc", str(2**64), "99999"])
def test_nonce_that_is_none_or_used_is_refused_and_changes_nothing(venue, nonce):
    venue.nonce = 99_998
    venue.ok("Balance")
    body = f"nonce={nonce}&{'&'.join(f'{name}={value}' for name, value in LIMIT.items())}".encode()

    answer = venue.send(venue.signed("/0/private/AddOrder", body, nonce))

    assert json.loads(answer.body) == {"error": ["EAPI:Invalid nonce"]}
    assert venue.engine.open_orders("u") == ()


def test_nonce_of_the_largest_kind_is_accepted_and_nothing_after_it(venue):
    venue.nonce = 2**64 - 2
    venue.ok("Balance")
    assert venue.error("Balance") == "EAPI:Invalid nonce"


def test_nonces_of_two_keys_when_mixed_are_independent(venue):
    venue.nonce = 100
    venue.ok("Balance", account="u")
    venue.nonce = 50
    venue.ok("Balance", account="m")
    assert venue.error("Balance", account="u") == "EAPI:Invalid nonce"


def test_nonce_of_a_request_with_a_wrong_signature_is_not_used_up(venue):
    request = venue.request("Balance", {})
    venue.send(replace(request, headers=request.headers | {"api-sign": "AAAA"}))
    assert json.loads(venue.send(request).body)["error"] == []


def test_same_bytes_when_delivered_twice_place_one_order(venue):
    request = venue.request("AddOrder", LIMIT)
    first, second = venue.send(request), venue.send(request)
    assert json.loads(first.body)["error"] == []
    assert json.loads(second.body) == {"error": ["EAPI:Invalid nonce"]}
    assert len(venue.engine.open_orders("u")) == 1


def test_key_that_keeps_offending_when_limits_are_enforced_is_locked_out_for_a_quarter_hour(venue):
    venue.dialect.enforce_limits(enabled=True)
    venue.nonce = used = 500
    venue.ok("CancelAll")
    for _ in range(20):
        venue.nonce = used - 1
        assert venue.error("CancelAll").startswith("EAPI:Invalid")
    venue.nonce = used + 100
    assert venue.error("Balance") == "EGeneral:Temporary lockout"
    venue.now_ms += 15 * 60_000
    venue.ok("Balance")


@pytest.mark.parametrize(
    "given", [{"apiKey": "k"}, {"apiKey": "k", "apiSecret": "%"}, {"apiKey": "", "apiSecret": SECRET}]
)
def test_keys_that_cannot_be_used_are_refused_with_value_error(venue, given):
    with pytest.raises(ValueError, match="Kraken"):
        venue.dialect.add_keys("u", 1, given)


def test_secrets_of_a_credential_stay_out_of_its_representation():
    assert "secret" not in repr(Credential(api_key="k", account="a", secret=b"secret"))


def test_token_after_its_life_or_when_expired_by_hand_belongs_to_nobody():
    tokens = Tokens(Random(1))
    token = tokens.issue("a", 1_000)
    assert tokens.account(token, 1_000 + 900_000 - 1) == "a"
    assert tokens.account(token, 1_000 + 900_000) is None
    tokens.expire()
    assert tokens.account(token, 1_000) is None


# ----- what requests are about


def test_subject_of_a_placement_names_the_order_it_would_place(venue):
    request = venue.request("AddOrder", LIMIT | {"cl_ord_id": DASHED})
    assert venue.dialect.subject(request) == Subject(
        kind=RequestKind.PLACE, client_order_ids=(CLIENT_ID,), places=CLIENT_ID
    )
    validated = venue.request("AddOrder", LIMIT | {"cl_ord_id": DASHED, "validate": "true"})
    assert venue.dialect.subject(validated).kind is RequestKind.OTHER
    assert venue.dialect.subject(validated).places is None


@pytest.mark.parametrize(("name", "kind"), [("CancelOrder", RequestKind.CANCEL), ("AmendOrder", RequestKind.AMEND)])
@pytest.mark.parametrize("by", ["txid", "cl_ord_id"])
def test_subject_of_a_cancel_or_amendment_names_its_target(venue, name, kind, by):
    txid = venue.add(cl_ord_id=CLIENT_ID)
    request = venue.request(name, {by: txid if by == "txid" else DASHED})
    found = venue.dialect.subject(request)
    assert found == Subject(kind=kind, client_order_ids=(CLIENT_ID,), target=venue.engine_order())


def test_subject_of_a_look_up_by_client_id_is_one_order(venue):
    for name, plain in (("OpenOrders", RequestKind.OPEN_ORDERS), ("ClosedOrders", RequestKind.ORDERS)):
        assert venue.dialect.subject(venue.request(name, {})).kind is plain
        found = venue.dialect.subject(venue.request(name, {"cl_ord_id": CLIENT_ID}))
        assert found == Subject(kind=RequestKind.ORDER, client_order_ids=(CLIENT_ID,))


def test_subject_of_what_cannot_be_read_is_still_of_its_kind(venue):
    request = replace(venue.request("AddOrder", {}), body=b"{", headers={"content-type": "application/json"})
    assert venue.dialect.subject(request) == Subject(kind=RequestKind.PLACE)
    assert venue.dialect.subject(replace(request, path="/0/private/Nowhere")) == Subject(kind=RequestKind.OTHER)


def test_subject_asked_for_uses_no_nonce(venue):
    request = venue.request("Balance", {})
    venue.dialect.subject(request)
    assert json.loads(venue.send(request).body)["error"] == []
