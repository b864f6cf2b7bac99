import json
from decimal import Decimal

import pytest
from coinbase_samples import (
    ORDER,
    PLACED,
    SEED,
    SENT_ID,
    VENUE_ID,
    Venue,
    amend,
    cancel,
    cancelled,
    client,
    edited,
    look_up,
    place,
    signer,
    told,
)
from test_coinbase_sign import part

from exchanges.coinbase.capabilities import CAPABILITIES
from exchanges.http import SystemClock
from messages.reports import AmendRefused, CancelAmbiguous, LookUpFailed, OrderFound, PlaceNotProcessed, PlaceRejected
from messages.types import EvidenceSource, OrderType, Side, TimeInForce

D = Decimal
HEAD = f'{{"client_order_id":"{SENT_ID}","product_id":"BTC-USD","side":"%s","order_configuration":%s}}'


def sent(request):
    with Venue(post_orders=[told(PLACED)]) as venue:
        client(venue).execute(request)
        return venue.called("orders", "POST")[0]


MARKET = {"type": OrderType.MARKET, "price": None, "post_only": False, "time_in_force": TimeInForce.IOC}
STOP = {"type": OrderType.STOP_LIMIT, "stop_price": D("6.1E+4"), "post_only": False}
GTT = {"time_in_force": TimeInForce.GTT, "expires_at_ms": 1795341600123}
STOPPED = '"base_size":"0.01","limit_price":"60000","stop_price":"61000"'
END = '"end_time":"2026-11-22T10:00:00.123Z"'


@pytest.mark.parametrize(
    ("changes", "configuration"),
    [
        ({}, '{"limit_limit_gtc":{"base_size":"0.01","limit_price":"60000","post_only":true}}'),
        (
            {"post_only": False, "size": D("1E-8"), "price": D("0.00000150")},
            '{"limit_limit_gtc":{"base_size":"0.00000001","limit_price":"0.0000015","post_only":false}}',
        ),
        (GTT, f'{{"limit_limit_gtd":{{"base_size":"0.01","limit_price":"60000",{END},"post_only":true}}}}'),
        (
            {"time_in_force": TimeInForce.IOC, "post_only": False},
            '{"sor_limit_ioc":{"base_size":"0.01","limit_price":"60000"}}',
        ),
        (
            {"time_in_force": TimeInForce.FOK, "post_only": False},
            '{"limit_limit_fok":{"base_size":"0.01","limit_price":"60000"}}',
        ),
        (MARKET, '{"market_market_ioc":{"base_size":"0.01"}}'),
        ({**MARKET, "side": Side.SELL}, '{"market_market_ioc":{"base_size":"0.01"}}'),
        ({**MARKET, "size": None, "quote_size": D("1.0E+2")}, '{"market_market_ioc":{"quote_size":"100"}}'),
        (
            STOP,
            f'{{"stop_limit_stop_limit_gtc":{{{STOPPED},"stop_direction":"STOP_DIRECTION_STOP_UP"}}}}',
        ),
        (
            {**STOP, **GTT, "side": Side.SELL},
            f'{{"stop_limit_stop_limit_gtd":{{{STOPPED},"stop_direction":"STOP_DIRECTION_STOP_DOWN",{END}}}}}',
        ),
    ],
)
def test_place_is_sent_byte_by_byte_as_documented(changes, configuration):
    request = sent(place(**changes))
    assert request.body == HEAD % (changes.get("side", Side.BUY).value, configuration)
    assert (request.target, request.headers["content-type"]) == ("/api/v3/brokerage/orders", "application/json")


def test_place_sent_again_is_the_same_byte_for_byte():
    assert sent(place(attempt=1)).body == sent(place(attempt=2)).body


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": OrderType.STOP_MARKET, "stop_price": D(1)}, "no stop-market orders"),
        ({"reduce_only": True}, "reduce-only"),
        ({"time_in_force": TimeInForce.IOC}, "post-only"),
        ({"time_in_force": TimeInForce.FOK}, "post-only"),
        ({**STOP, "post_only": True}, "post-only"),
        ({**STOP, "time_in_force": TimeInForce.IOC}, "immediate"),
        ({**MARKET, "post_only": True}, "post-only"),
        ({**MARKET, "side": Side.SELL, "size": None, "quote_size": D(1)}, "market buy"),
        ({**MARKET, "quote_size": D(1)}, "quote units"),
        ({"quote_size": D(1)}, "quote units"),
        ({"size": None}, "no size"),
        ({"price": None}, "no price"),
        ({**STOP, "stop_price": None}, "no stop price"),
        ({"time_in_force": TimeInForce.GTT}, "no time to end"),
        ({"client_order_id": ""}, "client order id"),
    ],
)
def test_place_of_what_the_venue_cannot_do_is_refused_here(changes, words):
    with Venue(post_orders=[told(PLACED)]) as venue:
        report = client(venue).execute(place(**changes))
        assert isinstance(report, PlaceRejected)
        assert (report.code, report.evidence.source) == ("not_supported", EvidenceSource.LOCAL)
        assert words in report.text
        assert venue.called("orders", "POST") == []


def test_cancel_is_sent_byte_by_byte_as_documented():
    with Venue(post_batch_cancel=[cancelled()]) as venue:
        client(venue).execute(cancel())
        (request,) = venue.called("batch_cancel", "POST")
    assert request.body == f'{{"order_ids":["{VENUE_ID}"]}}'
    assert request.target == "/api/v3/brokerage/orders/batch_cancel"


def test_edit_is_sent_byte_by_byte_as_documented():
    with Venue(post_edit=[edited()]) as venue:
        client(venue).execute(amend(size=D("8E-3")))
        (request,) = venue.called("edit", "POST")
    assert request.body == f'{{"order_id":"{VENUE_ID}","price":"60100","size":"0.008"}}'
    assert request.target == "/api/v3/brokerage/orders/edit"


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"stop_price": D(1)}, "stop price"), ({"price": None}, "no price"), ({"size": D(0)}, "nothing")],
)
def test_edit_of_what_the_venue_cannot_change_is_refused_here(changes, words):
    with Venue(post_edit=[edited()]) as venue:
        report = client(venue).execute(amend(**changes))
        assert isinstance(report, AmendRefused)
        assert words in report.text
        assert venue.called("edit", "POST") == []


# ----- tokens


def claims_of(request):
    return json.loads(part(request.headers["authorization"].removeprefix("Bearer "), 1))


def test_token_names_method_host_and_path_without_the_query_and_begins_with_the_venues_second():
    with Venue(get_fills=[told({"fills": [], "cursor": ""})], get_order=[told({"order": ORDER})]) as venue:
        venue.skew_ms = -7_200_000
        client(venue).execute(look_up())
        now_s = (SystemClock().now_ms() + venue.skew_ms) // 1000
        order, fills = venue.called(VENUE_ID)[0], venue.called("fills")[0]
    host = venue.url.removeprefix("http://")
    historical = f"GET {host}/api/v3/brokerage/orders/historical"
    assert claims_of(order)["uri"] == f"{historical}/{VENUE_ID}"
    assert claims_of(fills)["uri"] == f"{historical}/fills"
    assert fills.target.endswith(f"?order_ids={VENUE_ID}")
    assert now_s - 10 <= claims_of(order)["nbf"] <= now_s
    assert claims_of(order)["exp"] == claims_of(order)["nbf"] + 120


def test_token_is_never_used_twice():
    with Venue(get_order=[told({"order": ORDER})]) as venue:
        made = client(venue)
        for _ in range(3):
            made.execute(look_up(with_fills=False))
        tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in venue.called(VENUE_ID)]
    nonces = {json.loads(part(token, 0))["nonce"] for token in tokens}
    assert len(nonces) == 3
    assert all(len(nonce) == 32 for nonce in nonces)


def test_public_requests_carry_no_token():
    with Venue(post_orders=[told(PLACED)]) as venue:
        client(venue).execute(place())
        public = [*venue.called("time"), *venue.called("products")]
    assert len(public) == 2
    assert all("authorization" not in request.headers for request in public)
    assert venue.called("time")[0].headers["cache-control"] == "no-cache"
    assert venue.called("products")[0].target == "/api/v3/brokerage/market/products?product_type=SPOT"


def test_client_shows_no_secret():
    with Venue(post_orders=[told({}, status=401)]) as venue:
        made = client(venue)
        report = made.execute(place())
        token = venue.called("orders", "POST")[0].headers["authorization"]
    shown = f"{made!r} {report!r} {made.session!r} {signer()!r}"
    assert SEED not in shown
    assert token not in shown
    assert token.rpartition(".")[2] not in shown


# ----- time and limits


def test_place_at_the_end_of_its_validity_is_not_sent():
    with Venue(post_orders=[told(PLACED)]) as venue:
        report = client(venue).execute(place(valid_until_venue_ms=SystemClock().now_ms() - 1000))
        assert isinstance(report, PlaceNotProcessed)
        assert (report.reason, report.evidence.source) == ("validity_passed", EvidenceSource.LOCAL)
        assert venue.called("orders", "POST") == []


@pytest.mark.parametrize("written", [None, 1795255200123, "soon", "-1", "1" * 16])
def test_place_without_a_readable_clock_is_not_sent(written):
    with Venue(post_orders=[told(PLACED)], get_time=[told({"epochMillis": written})]) as venue:
        report = client(venue).execute(place())
        assert isinstance(report, PlaceNotProcessed)
        assert (report.reason, venue.called("orders", "POST")) == ("clock", [])


@pytest.mark.parametrize(
    ("headers", "at_least_ms", "at_most_ms"), [({"Retry-After": "7"}, 6000, 7300), ({}, 500, 1300)]
)
def test_rate_limit_silences_what_comes_next(headers, at_least_ms, at_most_ms):
    with Venue(get_order=[told({}, status=429, headers=headers), told({"order": ORDER})]) as venue:
        made = client(venue)
        made.execute(look_up(budget_ms=400))
        report = made.execute(look_up(budget_ms=400))
        assert isinstance(report, LookUpFailed)
        assert at_least_ms <= report.retry_after_ms <= at_most_ms
        assert len(venue.called(VENUE_ID)) == 1


def test_spent_rate_budget_leaves_the_rest_to_cancels():
    spent = {"x-ratelimit-remaining": "0"}
    with Venue(get_order=[told({"order": ORDER}, headers=spent)], post_batch_cancel=[cancelled()]) as venue:
        made = client(venue)
        assert isinstance(made.execute(look_up(with_fills=False)), OrderFound)
        assert isinstance(made.execute(look_up(with_fills=False, budget_ms=400)), LookUpFailed)
        report = made.execute(cancel())
        assert len(venue.called("batch_cancel", "POST")) == 1
        # The workers of cancels do not wait for room to read the order back.
        assert isinstance(report, CancelAmbiguous)
        assert len(venue.called(VENUE_ID)) == 1


def test_refused_token_makes_the_clock_be_read_again():
    with Venue(get_order=[told("Unauthorized", status=401), told({"order": ORDER})]) as venue:
        made = client(venue)
        assert isinstance(made.execute(look_up(with_fills=False, retries=1)), OrderFound)
        assert len(venue.called("time")) == 2


def test_capabilities_say_what_the_venue_does():
    assert (CAPABILITIES.settle_ms, CAPABILITIES.validity_parameter) == (60_000, None)
    assert OrderType.STOP_MARKET not in CAPABILITIES.order_types
    with Venue() as venue:
        assert client(venue).capabilities == CAPABILITIES
