"""Names of symbols in the configuration: what is wrong with them is told once the venues' lists are read."""

from queue import SimpleQueue
from typing import Any

import pytest

from actors import Oms
from actors.app.markets import VENUES
from actors.settings import Settings
from messages.events import Alert, Event, Severity

DEADLINE_S = 30.0
OWN_NAMES = {
    "binance": ("BTCUSDT", "BTCUSD"),
    "coinbase": ("BTC-USDT", "BTC-USD"),
    "kraken": ("XBTUSDT", "XBTUSD"),
    "kucoin": ("BTC-USDT", "BTC-USD"),
    "mexc": ("BTCUSDT", "BTCUSD"),
}
"""What each venue calls BTC-USDT and BTC-USD."""


def told(aliases: dict[str, dict[str, str]], venues: tuple[str, ...], count: int) -> dict[tuple[str, str], Alert]:
    """The alerts about aliases, by exchange and the name that they begin with."""
    source: dict[str, Any] = {
        "paper": {"venues": list(venues)},
        "accounts": [{"id": "1", "exchanges": {venue: {} for venue in venues}}],
        "symbols": {"aliases": aliases},
    }
    alerts: SimpleQueue[Alert] = SimpleQueue()

    def listen(event: Event) -> None:
        if isinstance(event, Alert) and event.name == "AliasProblem":
            alerts.put(event)

    oms = Oms(Settings.load(source, environ={}))
    oms.subscribe(listen, Alert)
    with oms:
        found = [alerts.get(timeout=DEADLINE_S) for _ in range(count)]
        assert alerts.empty(), "each is told once"
    return {(dict(each.details)["exchange"], each.text.split()[1]): each for each in found}


def test_alias_that_takes_the_name_of_another_symbol_is_told_at_each_venue() -> None:
    aliases = {"BTC-USD": {venue: ours for venue, (ours, _) in OWN_NAMES.items()}}

    alerts = told(aliases, tuple(OWN_NAMES), len(OWN_NAMES))

    for venue, (usdt, usd) in OWN_NAMES.items():
        alert = alerts[venue, "BTC-USD"]
        assert alert.severity is Severity.WARNING
        wanted = f"BTC-USD is {usdt} here, so that the venue's own BTC-USD ({usd}) cannot be traded"
        assert alert.text == f"symbols.aliases: {wanted}"


def test_alias_for_what_a_venue_does_not_list_is_told_at_each_venue() -> None:
    alerts = told({"NO-SUCH": dict.fromkeys(VENUES, "NOSUCHUSDT")}, VENUES, len(VENUES))

    texts = {alerts[venue, "NO-SUCH"].text for venue in VENUES}
    assert texts == {"symbols.aliases: NO-SUCH is to be NOSUCHUSDT, which the venue does not list for trading"}


@pytest.mark.parametrize("venue", ["binance", "kraken"])
def test_alias_that_hides_nothing_is_no_problem(venue: str) -> None:
    ours = OWN_NAMES[venue][0]
    source: dict[str, Any] = {
        "paper": {"venues": [venue]},
        "accounts": [{"id": "1", "exchanges": {venue: {}}}],
        "symbols": {"aliases": {"BITCOIN-TETHER": {venue: ours}}},
    }
    with Oms(Settings.load(source, environ={})) as oms:
        names = {event.name for event in oms.events("1") if isinstance(event, Alert)}

    assert "AliasProblem" not in names
