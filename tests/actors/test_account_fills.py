"""Executions through the one door: booked once whatever brings them, late, early, doubled or too many."""

from decimal import Decimal
from itertools import permutations

import pytest

from actors.store.port import Table
from messages.codec import decode_record
from messages.commands import LookUpOrder
from messages.control import VerificationDue, VerificationRequested
from messages.events import FillRecorded, ManualReviewRequired, OrderStateChanged, Severity
from messages.fills import Fill, FillSource, Position, VenueFill
from messages.queries import OrderPlaced
from messages.reports import PlaceRejected, ServerTimeFetched
from messages.types import (
    CompletionReason,
    IdempotencyEntry,
    IdempotencyStatus,
    OrderState,
    OrderType,
    PublicStatus,
    Side,
    Trigger,
    VerificationPhase,
)
from tests.actors.account_kit import EXCHANGE_ADDRESS, HEAD, Account, executed, shown, submit, written
from tests.factories import make

D = Decimal
ENDED = (PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED)


# ----- one commit


def test_fill_is_written_with_its_order_its_position_and_its_events_in_one_section() -> None:
    account = Account()
    place = account.working()
    account.take(make_heard(account, executed(place, "0.004")))
    (section,) = account.staged
    (fill,) = written(section, Table.FILLS)
    assert fill.field == "binance|BTC-USDT|28|56"
    assert decode_record(Fill, fill.value or b"").size == D("0.004")
    assert len(written(section, Table.ORDERS)) == 1
    (position,) = written(section, Table.POSITIONS)
    assert position.field == "binance|BTC-USDT"
    assert decode_record(Position, position.value or b"").size == D("0.004")
    assert [b"FillRecorded" in event for event in section.events].count(True) == 1
    assert [b"PositionOpened" in event for event in section.events].count(True) == 1


def test_fill_is_seen_by_nobody_before_its_commit() -> None:
    account = Account()
    place = account.working()
    account.events.clear()
    account.take(make_heard(account, executed(place, "0.004")))
    assert account.events == []
    assert account.fills(place) == []
    assert account.views.positions == {}
    assert account.order(place).filled_size == 0
    account.commit()
    (recorded,) = account.happened(FillRecorded)
    assert (recorded.fill.size, recorded.view.order.filled_size, recorded.position.size) == (D("0.004"),) * 3
    assert [fill.size for fill in account.fills(place)] == [D("0.004")]


def make_heard(account: Account, fill: VenueFill) -> object:
    """The stream's message about an execution, not handled yet."""
    from messages.reports import FillReceived  # noqa: PLC0415

    return make(FillReceived, **HEAD, fill=fill, evidence=account.evidence())
