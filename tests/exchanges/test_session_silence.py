import pytest
from binance_samples import Venue, cancel, client, error, look_up
from requests.structures import CaseInsensitiveDict

from exchanges.answers import retry_after_ms
from messages.reports import CancelNotProcessed

ANSWERED = "Fri, 18 Jul 2025 21:00:01 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 0),
        ({"Retry-After": "7"}, 7000),
        ({"Retry-After": "3600"}, 3_600_000),
        ({"Retry-After": "86400"}, 3_600_000),
        ({"Retry-After": "9" * 5000}, 3_600_000),
        ({"Retry-After": "Fri, 18 Jul 2025 21:00:31 GMT", "Date": ANSWERED}, 30_000),
        ({"Retry-After": "Sat, 19 Jul 2025 21:00:31 GMT", "Date": ANSWERED}, 3_600_000),
        ({"Retry-After": "Fri, 18 Jul 2025 20:00:31 GMT", "Date": ANSWERED}, 0),
        ({"Retry-After": "Fri, 18 Jul 2025 21:00:31 GMT"}, 0),
        ({"Retry-After": "Fri, 18 Jul 2025 21:00:31 +999999999999", "Date": ANSWERED}, 0),
        ({"Retry-After": "-5", "Date": ANSWERED}, 0),
        ({"Retry-After": "soon", "Date": ANSWERED}, 0),
    ],
)
def test_wait_that_an_answer_names_is_read_in_both_forms_and_has_an_end(headers, expected):
    assert retry_after_ms(CaseInsensitiveDict(headers)) == expected


@pytest.mark.parametrize(
    ("status", "named", "most_ms"),
    [(429, "86400", 120_000), (429, "60", 60_000), (418, "86400", 3_600_000), (418, "600", 600_000)],
)
def test_silence_that_an_answer_names_keeps_cancels_back_for_no_longer_than_it_may(status, named, most_ms):
    limited = error(-1003, "Too much request weight used.", status=status, headers={"Retry-After": named})
    with Venue(get_order=[limited]) as venue:
        made = client(venue)
        made.execute(look_up())
        report = made.execute(cancel())
    assert isinstance(report, CancelNotProcessed)
    assert most_ms - 5000 < report.retry_after_ms <= most_ms


@pytest.mark.parametrize(
    ("status", "named", "told_ms"),
    [(429, "86400", 120_000), (429, "60", 60_000), (418, "86400", 3_600_000), (418, "600", 600_000)],
)
def test_refused_cancel_is_to_wait_for_no_longer_than_its_session_is_silent(status, named, told_ms):
    limited = error(-1003, "Too much request weight used.", status=status, headers={"Retry-After": named})
    with Venue(delete_order=[limited]) as venue:
        report = client(venue).execute(cancel())
    assert isinstance(report, CancelNotProcessed)
    assert report.retry_after_ms == told_ms
