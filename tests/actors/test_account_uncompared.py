"""Holdings that cannot be compared with our fills: only those, and never in silence."""

from dataclasses import replace
from decimal import Decimal

from messages.control import HoldingReported
from messages.events import Alert, Severity
from messages.fills import VenueFill
from messages.reports import BalancesFetched, InstrumentsFetched
from messages.types import PublicStatus, Side, VenueOrder
from tests.actors.account_kit import HEAD, INSTRUMENT, Account, executed, shown
from tests.factories import make

D = Decimal


def holding(**fee: object) -> Account:
    """An account that bought half a BTC, and five OLD, which its exchange lists no more."""
    account = Account()
    place = account.working(size=D(1))
    account.hear(shown(place, filled_size=D("0.5")), executed(place, "0.5", fee=D(0)))
    buy_old(account, **fee)
    account.events.clear()
    return account


def buy_old(account: Account, symbol: str = "OLD-USDT", **fee: object) -> None:
    terms = {"symbol": symbol, "venue_order_id": "77", "side": Side.BUY, "size": D(5)}
    order = make(VenueOrder, **terms, client_order_id=symbol, filled_size=D(5), status=PublicStatus.FILLED)
    account.hear(order, make(VenueFill, **terms, fill_id="1", **{"fee": D(0), **fee}))


def read(account: Account, btc: str = "0.5") -> None:
    """A while later the venue lists what was executed, all of it known, and tells what it holds."""
    account.pass_ms(15_000)
    for _, symbol in account.views.positions:
        account.list_fills(symbol=symbol)
    account.do(
        make(BalancesFetched, **HEAD, balances=(("BTC", D(btc), D(btc)),), received_ms=account.now_ms)
    )


def listed(account: Account) -> None:
    old = replace(INSTRUMENT, symbol="OLD-USDT", venue_symbol="OLDUSDT", base="OLD")
    account.do(make(InstrumentsFetched, **HEAD, instruments=(old,)))


def test_symbol_that_is_not_listed_leaves_the_others_compared() -> None:
    account = holding()
    for btc in ("0.5", "0.5", "0", "0"):
        read(account, btc)
    assert {each.asset for each in account.told(HoldingReported)} == {"BTC"}
    assert account.views.positions["binance", "BTC-USDT"].drift == D("-0.5")
    assert account.alerts().count("PositionDrift") == 1


def test_comparison_that_cannot_be_made_is_told_once() -> None:
    account = holding()
    for _ in range(3):
        read(account)
    alert = account.alert("HoldingsNotCompared")
    assert (alert.severity, dict(alert.details)) == (Severity.WARNING, {"exchange": "binance", "symbols": "OLD-USDT"})


def test_comparison_that_can_be_made_again_is_made_and_told_of_when_it_is_lost_anew() -> None:
    account = holding()
    read(account)
    listed(account)
    read(account)
    assert {each.asset for each in account.told(HoldingReported)} == {"BTC", "OLD"}
    place = account.working("30", size=D(1), request_id="other")
    account.hear_fill(executed(place, "0.1", "90", venue_order_id="30", fee=D("0.01"), fee_currency=None))
    read(account)
    told = [event for event in account.happened(Alert) if event.name == "HoldingsNotCompared"]
    assert [dict(event.details)["symbols"] for event in told] == ["OLD-USDT", "BTC-USDT"]


def test_comparison_that_is_still_not_possible_is_not_told_again_when_another_is() -> None:
    account = holding()
    buy_old(account, "OLDER-USDT")
    read(account)
    listed(account)
    read(account)
    assert dict(account.alert("HoldingsNotCompared").details)["symbols"] == "OLD-USDT,OLDER-USDT"


def test_fee_without_a_currency_leaves_the_assets_compared_that_it_was_not_charged_in() -> None:
    account = Account()
    place = account.working(size=D(1))
    account.hear(shown(place, filled_size=D("0.5")), executed(place, "0.5", fee=D(0)))
    listed(account)
    buy_old(account, fee=D("0.01"), fee_currency=None)
    account.events.clear()
    for _ in range(2):
        read(account)
    assert {each.asset for each in account.told(HoldingReported)} == {"BTC"}
    assert dict(account.alert("HoldingsNotCompared").details)["symbols"] == "OLD-USDT"


def test_positions_are_not_called_incomparable_before_any_rules_were_read() -> None:
    account = holding().restarted(open_gate=False)
    read(account)
    assert account.alerts() == []
