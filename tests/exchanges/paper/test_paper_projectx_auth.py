"""ProjectX as a paper venue: log in, tokens, refusals before an endpoint is asked, limits, answers in trouble.

`Rig` speaks to the dialect with hand-written requests; the other ProjectX tests use it too.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from decimal import Decimal
from email.utils import parsedate_to_datetime
from random import Random
from urllib.parse import quote

import pytest

from exchanges.paper.dialects.projectx.dialect import ProjectXDialect
from exchanges.paper.engine import Engine
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import NewOrder, OrderAccepted
from exchanges.paper.visibility import Visibility
from exchanges.paper.wire import WireRequest
from messages.types import OrderType, Side

ES = "CON.F.US.EP.Z26"
NQ = "CON.F.US.ENQ.Z26"
TAG = "0123456789abcdef0123456789abcdef"
START_MS = 1_795_000_000_000
DAY_MS = 86_400_000


def read(body):
    return json.loads(body, parse_float=Decimal)


class Rig:
    """A dialect over an engine with one user, and somebody else to trade with."""

    def __init__(self):
        self.engine = Engine(
            ProjectXDialect.instruments(),
            client_ids=ProjectXDialect.client_ids,
            fees=ProjectXDialect.fees,
            margin=ProjectXDialect.margin,
        )
        self.dialect = ProjectXDialect(self.engine, Random("7/projectx/ids"))
        self.visibility = Visibility(self.engine)
        self.now_ms = START_MS
        self.frames = []
        self.sent = []
        for name in ("alice", "maker"):
            self.engine.add_account(name, {"USD": Decimal(10_000_000)})
        self.keys = self.dialect.add_keys("alice", 7)
        self.account = int(self.keys["accountNumber"])
        self.token = self.log_in()["token"]

    # ----- requests

    def send(self, path, body=None, *, method="POST", token=None, lens=None, query=b""):
        """Send a request; a body that is bytes or text goes as it is."""
        token = self.token if token is None else token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = WireRequest(method=method, path=path, query=query, body=raw, headers=headers)
        answer = self.dialect.answer(request, self.now_ms, lens or self.visibility.lens(self.now_ms))
        self.publish(answer.events)
        return answer

    def call(self, path, lens=None, **body):
        answer = self.send(f"/api/{path}", body, lens=lens)
        assert answer.status == 200, answer
        return read(answer.body)

    def log_in(self, **changes):
        body = {"userName": self.keys["userName"], "apiKey": self.keys["apiKey"]} | changes
        return read(self.send("/api/Auth/loginKey", body, token="").body)

    def subject(self, path, body, token=None):
        headers = {"authorization": f"Bearer {self.token if token is None else token}"}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.dialect.subject(
            WireRequest(method="POST", path=f"/api/{path}", query=b"", body=raw, headers=headers)
        )

    # ----- orders

    def place(self, **changes):
        body = {"accountId": self.account, "contractId": ES, "type": 1, "side": 0, "size": 1, "limitPrice": 5990}
        fields = body | changes
        if fields["type"] != 1 and "limitPrice" not in changes:
            del fields["limitPrice"]
        return self.call("Order/place", **fields)

    def placed(self, **changes):
        answer = self.place(**changes)
        assert (answer["success"], answer["errorCode"]) == (True, 0), answer
        return answer["orderId"]

    def order(self, order_id):
        return self.call("Order/searchById", accountId=self.account, orderId=order_id)["order"]

    def cancel(self, order_id):
        return self.call("Order/cancel", accountId=self.account, orderId=order_id)

    def modify(self, order_id, **changes):
        return self.call("Order/modify", accountId=self.account, orderId=order_id, **changes)

    # ----- the others

    def rest(self, side, size, price, symbol=ES):
        """Let the maker rest an order."""
        self.now_ms += 1
        request = NewOrder(
            account="maker",
            client_order_id=f"m{self.now_ms}{side}{price}",
            symbol=symbol,
            side=Side(side),
            type=OrderType.LIMIT,
            size=Decimal(size),
            price=Decimal(price),
        )
        events = self.engine.place(request, self.now_ms)
        assert isinstance(events[0], OrderAccepted), events
        self.publish(events)

    def fill(self, order_id, price, size=1):
        """Fill an order of the engine from outside."""
        known = {int(self.dialect.venue_order_id(number)): number for number in self.engine.truth.orders}
        self.publish(self.engine.execute(known[order_id], Decimal(price), Decimal(size), self.now_ms))

    def publish(self, events):
        """Do what the server does with events."""
        self.visibility.observe(events)
        self.dialect.observe(events)
        self.frames += self.dialect.frames(events, self.now_ms)

    def events(self, target="GatewayUserOrder", *, data=True):
        """Return, and forget, the arguments of the hub's events so far, unwrapped."""
        records = [json.loads(one) for frame in self.frames for one in frame.payload.split(b"\x1e") if one]
        self.frames = []
        arguments = [one["arguments"][0] for one in records if one["target"] == target]
        return [one.get("data", one) if data else one for one in arguments]


@pytest.fixture
def rig():
    return Rig()


def claims(token):
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def accounts_status(rig, token):
    return rig.send("/api/Account/search", {"onlyActiveAccounts": True}, token=token).status


# ----- tokens


def test_login_with_the_right_key_gives_a_token_for_a_day(rig):
    answer = rig.log_in()
    assert (answer["success"], answer["errorCode"], answer["errorMessage"]) == (True, 0, None)
    assert claims(answer["token"])["exp"] * 1000 == START_MS + DAY_MS
    assert accounts_status(rig, answer["token"]) == 200


def test_keys_that_are_announced_are_what_a_client_configures(rig):
    assert set(rig.dialect.add_keys("somebody", 1)) == {"userName", "apiKey", "accountNumber"}


@pytest.mark.parametrize(("changes", "code"), [({"userName": "nobody"}, 1), ({"apiKey": "wrong"}, 3)])
def test_login_with_wrong_credentials_is_refused_in_the_envelope(rig, changes, code):
    answer = rig.log_in(**changes)
    assert (answer["token"], answer["success"], answer["errorCode"]) == (None, False, code)


@pytest.mark.parametrize("spoil", [lambda t: "", lambda t: "x.y", lambda t: t[:-4] + "AAAA", lambda t: t + "é"])
def test_request_without_a_good_token_is_refused_without_a_body(rig, spoil):
    token = spoil(rig.token)
    answer = rig.send("/api/Account/search", {}, token=token or "-")
    assert (answer.status, answer.body) == (401, b"")


def test_token_with_changed_claims_is_refused(rig):
    header, _, signature = rig.token.split(".")
    changed = urlsafe_b64encode(json.dumps(claims(rig.token) | {"exp": 2**40}).encode()).rstrip(b"=").decode()
    assert accounts_status(rig, f"{header}.{changed}.{signature}") == 401


def test_token_after_a_day_is_refused(rig):
    rig.now_ms = START_MS + DAY_MS - 1
    assert accounts_status(rig, rig.token) == 200
    rig.now_ms = START_MS + DAY_MS
    assert accounts_status(rig, rig.token) == 401


def test_validate_gives_a_new_token_and_ends_the_old_one(rig):
    rig.now_ms += DAY_MS // 2
    answer = read(rig.send("/api/Auth/validate").body)
    assert (answer["success"], answer["errorCode"]) == (True, 0)
    assert accounts_status(rig, answer["newToken"]) == 200
    assert accounts_status(rig, rig.token) == 401
    rig.now_ms += DAY_MS - 1
    assert accounts_status(rig, answer["newToken"]) == 200


def test_another_login_leaves_the_first_token_alive(rig):
    other = rig.log_in()["token"]
    assert other != rig.token
    assert [accounts_status(rig, one) for one in (rig.token, other)] == [200, 200]


def test_logout_ends_the_token(rig):
    assert read(rig.send("/api/Auth/logout").body)["success"] is True
    assert accounts_status(rig, rig.token) == 401


def test_expired_tokens_are_refused_and_a_login_helps(rig):
    rig.dialect.expire_tokens()
    assert accounts_status(rig, rig.token) == 401
    assert accounts_status(rig, rig.log_in()["token"]) == 200


# ----- users


def test_user_sees_no_account_of_another_user(rig):
    other = rig.dialect.add_keys("maker", 7)
    shown = rig.call("Account/search", onlyActiveAccounts=True)["accounts"]
    assert [one["id"] for one in shown] == [rig.account]
    assert rig.place(accountId=int(other["accountNumber"]))["errorCode"] == 1
    order_id = rig.placed()
    rig.token = rig.log_in(userName=other["userName"], apiKey=other["apiKey"])["token"]
    assert rig.call("Order/searchById", accountId=rig.account, orderId=order_id)["errorCode"] == 1
    own = int(other["accountNumber"])
    assert rig.call("Order/searchById", accountId=own, orderId=order_id)["errorCode"] == 1
    assert rig.call("Order/cancel", accountId=own, orderId=order_id)["errorCode"] == 2
    assert rig.subject("Order/cancel", {"accountId": own, "orderId": order_id}).target is None


def test_given_keys_are_accepted_and_a_second_account_joins_the_user(rig):
    given = {"userName": "trader", "apiKey": "given-key", "accountNumber": "465"}
    assert rig.dialect.add_keys("maker", 7, given)["accountNumber"] == "465"
    rig.dialect.add_keys("alice", 7, {"userName": "trader", "apiKey": "given-key"})
    rig.token = rig.log_in(userName="trader", apiKey="given-key")["token"]
    shown = rig.call("Account/search", onlyActiveAccounts=True)["accounts"]
    assert [one["id"] for one in shown] == [465, rig.account]


@pytest.mark.parametrize(
    "given", [{"apiKey": ""}, {"userName": "", "apiKey": "k"}, {"apiKey": "k", "accountNumber": "one"}]
)
def test_keys_that_are_none_are_not_accepted(rig, given):
    with pytest.raises(ValueError, match=r"user needs|digits"):
        rig.dialect.add_keys("maker", 7, given)


def test_account_number_of_another_account_is_not_accepted(rig):
    with pytest.raises(ValueError, match="another"):
        rig.dialect.add_keys("maker", 7, {"apiKey": "k", "accountNumber": str(rig.account)})


def test_keys_are_the_same_for_the_same_seed_and_shown_nowhere(rig):
    assert Rig().keys == rig.keys
    assert rig.dialect.add_keys("alice", 8)["apiKey"] != rig.keys["apiKey"]
    assert rig.keys["apiKey"] not in repr(rig.dialect.users.user("alice"))


# ----- refusals in front of the endpoints


def test_every_answer_carries_the_venues_date(rig):
    rig.now_ms = START_MS + 12_345
    answers = [
        rig.send("/api/Account/search", {}),
        rig.send("/api/Account/search", {}, token="bad"),
        rig.send("/api/Status/ping", method="GET", token=""),
        rig.send("/nowhere"),
        rig.send("/api/Order/place", b"{"),
        rig.dialect.server_error(),
        rig.dialect.rate_limited(rig.now_ms, 1000),
    ]
    dates = {parsedate_to_datetime(answer.headers["date"]).timestamp() for answer in answers}
    assert dates == {(START_MS + 12_000) / 1000}
    assert all(answer.headers["date"].endswith(" GMT") for answer in answers)


def test_unknown_path_and_wrong_method_are_refused(rig):
    assert rig.send("/api/Order/cancelAll", {}).status == 404
    assert rig.send("/api/Order/place", {}, method="GET").status == 405
    assert rig.send("/api/Status/ping", method="GET", token="").body == b"pong"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{", b'{"accountId":NaN}', {}, {"accountId": "1", "orderId": 2}),
        *({"accountId": 1.5, "orderId": 2}, {"accountId": 2**31, "orderId": 2}, {"accountId": True, "orderId": 2}),
    ],
)
def test_body_that_does_not_bind_is_a_problem_with_status_400(rig, body):
    answer = rig.send("/api/Order/cancel", body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json; charset=utf-8")
    assert {"title", "status", "errors", "traceId"} <= set(read(answer.body))


def test_negotiation_gives_a_connection_token_from_version_1_on(rig):
    first = read(rig.send("/hubs/user/negotiate", query=b"negotiateVersion=1").body)
    assert {"connectionToken", "connectionId", "availableTransports"} <= set(first)
    assert "connectionToken" not in read(rig.send("/hubs/user/negotiate").body)
    assert rig.send("/hubs/user/negotiate", token="bad").status == 401


# ----- limits


def test_limit_when_enforced_refuses_the_201st_request_of_a_minute(rig):
    rig.dialect.enforce_limits(enabled=True)
    rig.now_ms += 60_000
    assert [accounts_status(rig, rig.token) for _ in range(201)] == [200] * 200 + [429]
    rig.now_ms += 59_999
    assert accounts_status(rig, rig.token) == 429
    rig.now_ms += 1
    assert accounts_status(rig, rig.token) == 200


def test_limit_not_enforced_refuses_nothing(rig):
    assert {accounts_status(rig, rig.token) for _ in range(250)} == {200}


def test_bars_have_a_limit_of_their_own(rig):
    rig.dialect.enforce_limits(enabled=True)
    bars = [rig.send("/api/History/retrieveBars", {}).status for _ in range(51)]
    assert bars == [400] * 50 + [429]
    assert accounts_status(rig, rig.token) == 200
    rig.now_ms += 30_000
    assert {accounts_status(rig, rig.token) for _ in range(199)} == {200}
    assert rig.send("/api/History/retrieveBars", {}).status == 400


def test_refusal_for_haste_says_sometimes_how_long_in_seconds_or_as_a_date(rig):
    headers = [rig.dialect.rate_limited(START_MS, 1500).headers.get("retry-after") for _ in range(40)]
    assert {None, "2"} < set(headers)
    dates = [parsedate_to_datetime(one) for one in set(headers) - {None, "2"}]
    assert [one.timestamp() for one in dates] == [START_MS / 1000 + 2]
    banned = rig.dialect.banned(START_MS, 1500)
    assert (banned.status, banned.headers["retry-after"]) == (429, "2")


# ----- trouble


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("Order/place", {6, 7}),
        ("Order/cancel", {4, 5}),
        ("Order/modify", {4, 5}),
        ("Position/closeContract", {6, 7}),
        ("Position/partialCloseContract", {7, 8}),
    ],
)
def test_unknown_outcome_speaks_in_the_codes_of_the_endpoint_asked(rig, path, codes):
    rig.send(f"/api/{path}", {})
    answers = [rig.dialect.unknown_outcome() for _ in range(30)]
    assert {answer.status for answer in answers} == {200}
    assert {read(answer.body)["errorCode"] for answer in answers} == codes
    assert {read(answer.body)["success"] for answer in answers} == {False}


def test_unknown_outcome_of_an_endpoint_without_such_a_code_is_a_server_error(rig):
    rig.send("/api/Order/searchOpen", {})
    assert rig.dialect.unknown_outcome().status == 500
    assert rig.dialect.server_error().status == 503


def test_unknown_status_replaces_every_status_of_an_answer(rig):
    rig.placed()
    rig.placed()
    answer = rig.send("/api/Order/searchOpen", {"accountId": rig.account})
    changed = rig.dialect.with_unknown_status(answer)
    assert {order["status"] for order in read(changed.body)["orders"]} == {42}
    assert rig.dialect.with_unknown_status(rig.send("/api/Contract/available", {"live": False})) is None
    assert rig.dialect.with_unknown_status(rig.send("/api/Order/place", {})) is None


# ----- subjects


def test_subject_of_a_placement_names_its_tag(rig):
    subject = rig.subject("Order/place", {"accountId": rig.account, "customTag": TAG})
    assert (subject.kind, subject.places, subject.client_order_ids) == (RequestKind.PLACE, TAG, (TAG,))


@pytest.mark.parametrize(("path", "kind"), [("Order/cancel", RequestKind.CANCEL), ("Order/modify", RequestKind.AMEND)])
def test_subject_of_a_change_names_its_target(rig, path, kind):
    order_id = rig.placed(customTag=TAG)
    subject = rig.subject(path, {"accountId": rig.account, "orderId": order_id})
    assert (subject.kind, subject.client_order_ids, subject.target.client_order_id) == (kind, (TAG,), TAG)
    assert rig.subject(path, {"orderId": order_id}, token="bad").target is None


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("Order/v2/query", {"filter": {"statuses": [1, 6, 7, 8]}}, RequestKind.OPEN_ORDERS),
        ("Order/v2/query", {"filter": {"statuses": [1, 2]}}, RequestKind.ORDERS),
        ("Order/v2/query", {"filter": {}}, RequestKind.ORDERS),
        ("Order/v2/query", b"{", RequestKind.ORDERS),
        ("Order/searchOpen", {}, RequestKind.OPEN_ORDERS),
        ("Order/search", {}, RequestKind.ORDERS),
        ("Order/searchById", {"orderId": 12}, RequestKind.ORDER),
        ("Trade/search", {}, RequestKind.TRADES),
        ("Position/searchOpen", {}, RequestKind.BALANCES),
        ("Contract/search", {}, RequestKind.INSTRUMENTS),
        ("History/retrieveBars", {}, RequestKind.PRICE),
        ("Status/ping", b"", RequestKind.TIME),
        ("Auth/loginKey", {}, RequestKind.OTHER),
    ],
)
def test_subject_of_a_query_has_its_kind(rig, path, body, kind):
    assert rig.subject(path, body).kind is kind


def test_token_in_the_url_of_the_hub_is_checked_like_any_other(rig):
    query = f"access_token={quote(rig.token)}".encode()
    assert rig.dialect.open_session(query, {}, rig.now_ms) != 401
    assert rig.dialect.open_session(b"", {"authorization": f"Bearer {rig.token}"}, rig.now_ms) != 401
    assert rig.dialect.open_session(b"", {}, rig.now_ms) == 401
    assert rig.dialect.open_session(b"access_token=x", {}, rig.now_ms) == 401
    assert rig.dialect.open_session(query, {}, rig.now_ms + DAY_MS) == 401
