import threading
from decimal import Decimal

import loopback
import pytest
from kraken_samples import (
    API_KEY,
    API_SECRET,
    CLIENT_ID,
    ORDER,
    ORDER_ID,
    PLACED,
    Venue,
    cancel,
    client,
    look_up,
    now_ms,
    place,
    refused,
    told,
)
from loopback import answer
from stream_server import wait_for

from exchanges.kraken.sign import Signer
from exchanges.kraken.times import instant
from messages.reports import (
    CancelNotProcessed,
    OrderFound,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
)
from messages.types import EvidenceSource, OrderType, Side, TimeInForce


def sent(request, **scripts):
    """What a placement is sent as, without nonce and deadline, and its report."""
    with Venue(**{"AddOrder": [told(PLACED)], **scripts}) as venue:
        report = client(venue).execute(request)
    params = venue.params("AddOrder")
    if not params:
        return None, report
    (found,) = params
    return {name: value for name, value in found.items() if name not in ("nonce", "deadline")}, report


# ----- placements as sent


def test_place_accepted_carries_the_venues_id_and_no_state():
    _, report = sent(place())
    assert isinstance(report, PlaceAccepted)
    assert (report.attempt, report.order_id, report.venue_order_id) == (2, "our-id", ORDER_ID)
    assert (report.order, report.fills) == (None, ())
    assert report.evidence.source is EvidenceSource.PLACE_ANSWER
    assert report.evidence.body_sha256


def test_place_is_sent_signed_byte_by_byte():
    with Venue(AddOrder=[told(PLACED)]) as venue:
        client(venue).execute(place(valid_until_venue_ms=now_ms() + 20_000))
    (request,) = venue.called("AddOrder")
    params = request.params
    assert request.method == "POST"
    assert request.target == "/0/private/AddOrder"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["user-agent"]
    assert request.headers["api-key"] == API_KEY
    assert request.headers["api-sign"] == Signer(API_SECRET).sign(
        "/0/private/AddOrder", params["nonce"], request.body.encode()
    )
    assert request.body == (
        f"nonce={params['nonce']}&ordertype=limit&type=buy&pair=XBTUSD&volume=1.25&price=27500&timeinforce=GTC"
        f"&oflags=fciq&cl_ord_id={CLIENT_ID}&deadline={params['deadline']}"
    )


def test_public_calls_do_not_show_the_key():
    with Venue(AddOrder=[told(PLACED)]) as venue:
        client(venue).execute(place())
    for request in (*venue.called("Time"), *venue.called("AssetPairs")):
        assert "api-key" not in request.headers


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": OrderType.MARKET, "price": None}, {"ordertype": "market", "volume": "1.25", "oflags": "fciq"}),
        (
            {"type": OrderType.MARKET, "price": None, "size": None, "quote_size": Decimal("500.00")},
            {"ordertype": "market", "volume": "500", "oflags": "viqc,fciq"},
        ),
        ({"time_in_force": TimeInForce.IOC}, {"ordertype": "limit", "timeinforce": "IOC"}),
        ({"time_in_force": TimeInForce.FOK}, {"ordertype": "limit", "timeinforce": "FOK"}),
        ({"post_only": True}, {"ordertype": "limit", "timeinforce": "GTC", "oflags": "post,fciq"}),
        ({"side": Side.SELL}, {"type": "sell"}),
        ({"size": Decimal("1E-7"), "price": Decimal("3E+2")}, {"volume": "0.0000001", "price": "300"}),
        # The last price is 27,500.
        (
            {"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal(28000)},
            {"ordertype": "stop-loss", "price": "28000", "trigger": "last"},
        ),
        (
            {"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal(27000)},
            {"ordertype": "take-profit", "price": "27000"},
        ),
        (
            {"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal(27000), "side": Side.SELL},
            {"ordertype": "stop-loss", "price": "27000"},
        ),
        (
            {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(28000), "price": Decimal(28100)},
            {"ordertype": "stop-loss-limit", "price": "28000", "price2": "28100", "timeinforce": "GTC"},
        ),
        (
            {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(28000), "price": Decimal(28100), "side": Side.SELL},
            {"ordertype": "take-profit-limit", "price": "28000", "price2": "28100"},
        ),
    ],
)
def test_place_of_each_kind_is_sent_as_documented(changes, expected):
    params, report = sent(place(**changes))
    assert isinstance(report, PlaceAccepted)
    assert expected.items() <= params.items()


def test_place_stop_market_sends_neither_limit_nor_time_in_force():
    params, _ = sent(place(type=OrderType.STOP_MARKET, price=None, stop_price=Decimal(28000)))
    assert sorted(params) == ["cl_ord_id", "oflags", "ordertype", "pair", "price", "trigger", "type", "volume"]


def test_place_market_sends_neither_price_nor_time_in_force():
    params, _ = sent(place(type=OrderType.MARKET, price=None))
    assert sorted(params) == ["cl_ord_id", "oflags", "ordertype", "pair", "type", "volume"]


def test_place_with_an_end_of_life_is_sent_in_whole_seconds_rounded_down():
    expires_ms = now_ms() + 3_600_500
    with Venue(AddOrder=[told(PLACED)]) as venue:
        made = client(venue)
        made.execute(place(time_in_force=TimeInForce.GTT, expires_at_ms=expires_ms))
        offset_ms = made.venue_offset_ms()
    (params,) = venue.params("AddOrder")
    assert params["timeinforce"] == "GTD"
    assert params["expiretm"] == str((expires_ms + offset_ms) // 1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"reduce_only": True},
        {"type": OrderType.MARKET, "size": None, "quote_size": Decimal(5), "side": Side.SELL, "price": None},
        {"type": OrderType.MARKET, "quote_size": Decimal(5), "price": None},
        {"quote_size": Decimal(5), "size": None},
        {"price": None},
        {"price": Decimal(-5)},
        {"size": Decimal(0)},
        {"size": None},
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"post_only": True, "type": OrderType.MARKET, "price": None},
        {"post_only": True, "type": OrderType.STOP_LIMIT, "stop_price": Decimal(28000)},
        {"type": OrderType.STOP_MARKET, "price": None},
        {"type": OrderType.STOP_MARKET, "price": None, "stop_price": Decimal(5), "time_in_force": TimeInForce.FOK},
        {"time_in_force": TimeInForce.GTT},
        {"time_in_force": TimeInForce.GTT, "expires_at_ms": 1},
        {"symbol": "NEW-USD"},
    ],
)
def test_place_of_what_the_venue_cannot_do_is_refused_and_not_sent(changes):
    params, report = sent(place(**changes))
    assert isinstance(report, PlaceRejected)
    assert report.evidence.source is EvidenceSource.LOCAL
    assert params is None


def test_place_stop_without_a_last_price_is_not_sent_on_a_guess():
    stop = place(type=OrderType.STOP_MARKET, price=None, stop_price=Decimal(28000))
    params, report = sent(stop, Ticker=[refused("EService:Unavailable")])
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, params) == ("price_unavailable", None)


# ----- validity


def test_place_deadline_is_the_end_of_its_validity():
    with Venue(AddOrder=[told(PLACED)]) as venue:
        venue.skew_s = -7200
        valid_until_ms = now_ms() - 7_200_000 + 4_500
        client(venue).execute(place(valid_until_venue_ms=valid_until_ms))
    (params,) = venue.params("AddOrder")
    assert instant(params, "deadline") == valid_until_ms


def test_place_far_ahead_is_bounded_by_the_venues_longest_window():
    with Venue(AddOrder=[told(PLACED)]) as venue:
        before_ms = now_ms()
        client(venue).execute(place(valid_until_venue_ms=now_ms() + 3_600_000))
        after_ms = now_ms()
    (params,) = venue.params("AddOrder")
    assert before_ms + 60_000 - 1_100 <= instant(params, "deadline") <= after_ms + 60_000


@pytest.mark.parametrize("left_ms", [-1000, 0, 1500, 1999])
def test_place_with_less_than_the_shortest_window_left_is_not_sent(left_ms):
    params, report = sent(place(valid_until_venue_ms=now_ms() + left_ms))
    assert isinstance(report, PlaceNotProcessed)
    assert (report.reason, report.evidence.source, params) == ("validity_passed", EvidenceSource.LOCAL, None)


# ----- how placements end


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>ok</html>",
        b"[]",
        b"{}",
        b'{"error":[]}',
        b'{"error":[],"result":null}',
        b'{"error":[],"result":{}}',
        b'{"error":[],"result":{"txid":[]}}',
        b'{"error":[],"result":{"txid":["A","B"]}}',
        b'{"error":[],"result":{"txid":[5]}}',
        b'{"error":[],"result":{"descr":{"order":"buy"}}}',
        b'{"error":null,"result":{"txid":["A"]}}',
        b'{"error":[5],"result":{"txid":["A"]}}',
        b'{"result":{"txid":["A"]}}',
    ],
)
def test_place_answered_unreadably_is_ambiguous(body):
    _, report = sent(place(), AddOrder=[answer(body)])
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == ("unreadable", False)


def test_place_answered_with_a_warning_is_accepted():
    body = f'{{"error":["WGeneral:something"],"result":{{"txid":["{ORDER_ID}"]}}}}'
    _, report = sent(place(), AddOrder=[answer(body)])
    assert isinstance(report, PlaceAccepted)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 502, 520, 522, 524])
def test_place_answered_by_somebody_in_between_is_ambiguous(status):
    _, report = sent(place(), AddOrder=[answer('{"error":["EOrder:Insufficient funds"]}', status=status)])
    assert isinstance(report, PlaceAmbiguous)


@pytest.mark.parametrize("fault", [loopback.break_off, loopback.break_mid_body, loopback.break_mid_head])
def test_place_without_a_whole_answer_is_ambiguous(fault):
    _, report = sent(place(), AddOrder=[fault])
    assert isinstance(report, PlaceAmbiguous)


def test_place_unanswered_is_ambiguous():
    with Venue(AddOrder=[loopback.hang]) as venue:
        report = client(venue, call_timeout_ms=300).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert report.reason == "timeout"


def test_place_refused_for_funds_on_a_later_attempt_is_ambiguous():
    _, report = sent(place(attempt=2), AddOrder=[refused("EOrder:Insufficient funds")])
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == ("rejected_or_duplicate", False)


def test_place_refused_is_rejected_with_the_venues_words():
    _, report = sent(place(attempt=1), AddOrder=[refused("EOrder:Insufficient funds (insufficient user funds)")])
    assert isinstance(report, PlaceRejected)
    assert (report.code, report.text) == ("EOrder", "Insufficient funds (insufficient user funds)")


def test_place_under_an_id_that_is_open_is_known_to_exist():
    _, report = sent(place(), AddOrder=[refused("EGeneral:Invalid arguments:cl_ord_id not unique")])
    assert isinstance(report, PlaceAmbiguous)
    assert report.known_to_exist


def test_place_with_a_nonce_that_was_seen_is_ambiguous():
    _, report = sent(place(), AddOrder=[refused("EAPI:Invalid nonce")])
    assert isinstance(report, PlaceAmbiguous)
    assert not report.known_to_exist


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("EService:Deadline elapsed", "validity_passed"),
        ("EAPI:Rate limit exceeded", "rate_limited"),
        ("EOrder:Rate limit exceeded", "rate_limited"),
        ("EService:Market in cancel_only mode", "market_mode"),
    ],
)
def test_place_not_acted_on_is_ambiguous_since_it_may_be_the_second_delivery(error, reason):
    _, report = sent(place(), AddOrder=[refused(error)])
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.known_to_exist) == (reason, False)


@pytest.mark.parametrize("error", ["EAPI:Rate limit exceeded", "EOrder:Rate limit exceeded"])
def test_place_after_one_that_was_refused_for_haste_waits_and_a_cancel_does_not(error):
    with Venue(AddOrder=[refused(error), told(PLACED)]) as venue:
        made = client(venue)
        made.execute(place())
        held, cancelled = made.execute(place(client_order_id=CLIENT_ID[::-1])), made.execute(cancel())
    assert isinstance(held, PlaceNotProcessed)
    assert 0 < held.retry_after_ms <= 1_500
    assert not isinstance(cancelled, CancelNotProcessed)


def test_lockout_silences_everything():
    with Venue(AddOrder=[refused("EGeneral:Temporary lockout")]) as venue:
        made = client(venue)
        first = made.execute(place())
        second = made.execute(cancel())
    assert isinstance(first, PlaceAmbiguous)
    assert isinstance(second, CancelNotProcessed)
    assert second.reason == "banned"
    assert second.retry_after_ms > 800_000
    assert venue.called("CancelOrder") == []


def test_throttled_is_waited_out_until_the_time_it_names():
    with Venue(AddOrder=[refused(f"EService: Throttled: {now_ms() // 1000 + 30}")]) as venue:
        made = client(venue)
        made.execute(place())
        report = made.execute(place())
    assert isinstance(report, PlaceNotProcessed)
    assert 25_000 < report.retry_after_ms <= 31_500


def test_requests_wait_for_the_answer_to_the_one_before():
    """So that they reach the venue in the order of their nonces."""
    under_way, done = threading.Event(), threading.Event()

    def meet(server, connection, request):
        under_way.set()
        assert done.wait(loopback.WAIT_S)
        return told(PLACED)(server, connection, request)

    with Venue(AddOrder=[meet]) as venue:
        made = client(venue)
        made.execute(cancel())
        placing = threading.Thread(target=made.execute, args=(place(),))
        placing.start()
        assert under_way.wait(loopback.WAIT_S)
        looking = threading.Thread(target=made.execute, args=(look_up(),))
        looking.start()
        # It cannot be seen that nothing comes; what can be is that nothing came before the answer was let go.
        looking.join(0.2)
        seen = len(venue.called("QueryOrders"))
        done.set()
        placing.join()
        looking.join()
    assert len(venue.called("QueryOrders")) == seen + 1


def test_cancel_goes_before_every_question_that_waits_for_its_turn():
    under_way, done = threading.Event(), threading.Event()

    def meet(server, connection, request):
        under_way.set()
        assert done.wait(loopback.WAIT_S)
        return told(PLACED)(server, connection, request)

    with Venue(AddOrder=[meet]) as venue:
        made = client(venue)
        made.execute(cancel())
        asked_before = len(venue.requests)
        calls = [threading.Thread(target=made.execute, args=(place(),))]
        calls[0].start()
        assert under_way.wait(loopback.WAIT_S)
        for number, request in enumerate((look_up(), look_up(), cancel()), 1):
            calls.append(threading.Thread(target=made.execute, args=(request,)))
            calls[-1].start()
            wait_for(lambda number=number: sum(made.session._sending._waiting) == number)
        done.set()
        for call in calls:
            call.join()
        methods = [each.path.rpartition("/")[2] for each in venue.requests[asked_before:]]
    assert methods[:3] == ["AddOrder", "CancelOrder", "QueryOrders"]


def test_cancel_is_sent_while_the_venues_clock_is_being_read():
    """It says nothing of the venue's time."""
    reading, done = threading.Event(), threading.Event()

    def meet(server, connection, request):
        reading.set()
        assert done.wait(loopback.WAIT_S)
        return loopback.break_off(server, connection, request)

    with Venue(Time=[meet] * 9) as venue:
        made = client(venue)
        assert made.session.symbols() is not None
        calls = [threading.Thread(target=made.execute, args=(request,)) for request in (look_up(), cancel())]
        calls[0].start()
        assert reading.wait(loopback.WAIT_S)
        calls[1].start()
        wait_for(lambda: venue.called("CancelOrder"))
        done.set()
        for call in calls:
            call.join()


def test_nonces_rise_with_every_request():
    with Venue(AddOrder=[told(PLACED), told(PLACED)]) as venue:
        made = client(venue)
        for request in (place(), cancel(), place(), cancel()):
            made.execute(request)
        nonces = [int(each.params["nonce"]) for each in venue.requests if each.path.startswith("/0/private/")]
    assert nonces == sorted(set(nonces))
    assert len(nonces) >= 4


# ----- counters


def test_cancel_of_a_young_order_costs_the_pairs_counter():
    with Venue(AddOrder=[told(PLACED)] * 20) as venue:
        made = client(venue)
        reports = []
        for number in range(20):
            named = f"{CLIENT_ID[:-2]}{number:02x}"
            made.execute(place(client_order_id=named))
            reports.append(made.execute(cancel(client_order_id=named)))
    # Each pair of calls costs 9 of 125.
    held = [each for each in reports if isinstance(each, CancelNotProcessed)]
    assert held
    assert {each.reason for each in held} == {"rate_limited"}
    assert 10 <= len(venue.called("CancelOrder")) <= 15


def test_secrets_are_in_no_report_and_no_repr():
    with Venue(AddOrder=[refused("EAPI:Invalid key")]) as venue:
        made = client(venue)
        shown = f"{made!r} {made.session!r} {made.execute(place())!r}"
    assert API_KEY not in shown
    assert API_SECRET[:12] not in shown


def test_look_up_after_a_refused_nonce_is_asked_again():
    with Venue(QueryOrders=[refused("EAPI:Invalid nonce"), told({ORDER_ID: ORDER})]) as venue:
        report = client(venue).execute(look_up(retries=1, with_fills=False))
    assert isinstance(report, OrderFound)
