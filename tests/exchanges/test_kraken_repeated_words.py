"""Words that events repeat of an order are not read again; what only looks like one of them is."""

import pytest
from kraken_samples import CLIENT_ID, DASHED_ID, STREAM_ORDER_ID
from test_kraken_stream import OPEN, frame, reports_of, snapshot

from messages.reports import FrameUnreadable, OrderReported

_AGAIN = {"order_id": STREAM_ORDER_ID, "exec_type": "status", "timestamp": "2026-11-21T10:00:09.000000Z"}


@pytest.mark.parametrize("named", [DASHED_ID, CLIENT_ID, DASHED_ID.upper()])
def test_client_id_that_is_told_again_in_any_form_stays_the_orders(named):
    first, again = reports_of(snapshot(OPEN), frame("update", 2, {**OPEN, **_AGAIN, "cl_ord_id": named}))
    assert isinstance(again, OrderReported)
    assert again.order.client_order_id == first.order.client_order_id == CLIENT_ID


@pytest.mark.parametrize(
    "changes", [{"cum_qty": False}, {"post_only": 0}, {"order_status": ""}, {"symbol": None}, {"cl_ord_id": 5}]
)
def test_value_that_only_equals_what_is_known_is_read_and_refused(changes):
    reports = reports_of(snapshot(OPEN), frame("update", 2, {**OPEN, **_AGAIN, **changes}))
    assert isinstance(reports[0], OrderReported)
    assert isinstance(reports[1], FrameUnreadable)
