"""A host that resumes an account's events is told when some between are no longer kept."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from actors import Oms
from actors.app.world import PaperWorld
from messages import OrderType, Side, SubmitOrder
from messages.events import Alert, Severity

ACCOUNT = "drill-1"


@pytest.fixture
def oms(tmp_path: Path) -> Iterator[Oms]:
    """An order manager whose account has had one order."""
    command = SubmitOrder(
        account_id=ACCOUNT, exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal("42500.00"), request_id="mine",
    )  # fmt: skip
    with (
        PaperWorld("binance", (ACCOUNT,), seed=3) as world,
        Oms(world.settings("drill", {}, durability="everysec"), data_folder=tmp_path) as running,
    ):
        running.ask(command, 10)
        yield running


def keep_only_the_newest_event(oms: Oms) -> str:
    server = oms.runtime.server
    assert server is not None
    with redis.Redis.from_url(server.url) as client:
        (stream,) = client.keys(f"*:account:{ACCOUNT}:events")
        assert client.xtrim(stream, maxlen=1, approximate=False) > 0
    return oms.runtime.store.oldest_event(ACCOUNT)


def test_events_resumed_after_one_that_was_trimmed_begin_with_an_alert(oms: Oms) -> None:
    seen = next(iter(oms.events(ACCOUNT))).event_id
    kept = keep_only_the_newest_event(oms)

    missed, *rest = oms.events(ACCOUNT, after=seen)

    assert isinstance(missed, Alert)
    assert (missed.name, missed.severity, missed.account_id) == ("EventsMissed", Severity.WARNING, ACCOUNT)
    assert missed.details == (("first_kept", kept),)
    assert missed.event_id == ""
    assert rest[0].event_id == kept


def test_events_resumed_after_one_that_is_kept_say_nothing_of_a_gap(oms: Oms) -> None:
    first, second, *_ = oms.events(ACCOUNT)

    assert next(iter(oms.events(ACCOUNT, after=first.event_id))) == second


def test_events_from_the_beginning_say_nothing_of_a_gap(oms: Oms) -> None:
    kept = keep_only_the_newest_event(oms)

    assert next(iter(oms.events(ACCOUNT))).event_id == kept
