"""What the main job does at one paper venue: traders, faults that come and go, and the comparison at the end.

Must never: judge by what the order manager says of itself, or touch what accounts do at another venue.
"""

import threading
from collections import Counter
from dataclasses import replace
from itertools import cycle
from random import Random
from typing import Final

from actors.app.audit import audit, is_settled, only
from actors.app.ledger import Ledger
from actors.app.main_end import VenueEnd
from actors.app.schedule import STORE_KILLED, Saboteur, draw_stages, names_at
from actors.app.trader import Trader
from actors.app.watch import Parity
from actors.app.workload import intents
from actors.app.world import read_record
from actors.closing import REQUEST
from actors.oms import Oms
from actors.views import PublishedViews
from exchanges.paper.client import ControlClient, PaperProcess
from messages.queries import OrderUnresolved

_PAUSE_S: Final = 0.5
_STAGES: Final = 64
_IN_FLIGHT_MAX: Final = 6


class VenueTrading:
    """Trading of some accounts at one venue."""

    def __init__(
        self, oms: Oms, paper: PaperProcess, venue: str, accounts: tuple[str, ...], *, seed: int, stop: threading.Event
    ) -> None:
        """`stop`: set when no new orders are wanted any more."""
        self.venue = venue
        self.ledger = Ledger()
        self._oms = oms
        self._accounts = accounts
        self._control = paper.control(venue)
        self.parity = Parity(self._control, {account: oms.views(account) for account in accounts}, venue)
        self._saboteur = Saboteur(self._control, seed)
        # The store is everybody's: killing it is for the drill.
        names = [name for name in names_at(venue) if name != STORE_KILLED]
        self._stages = cycle(draw_stages(names, Random(f"{seed}/{venue}/faults"), _STAGES))
        self._faults_on = False
        self._traders = [
            self._trader(account, ControlClient(paper.venues[venue]["controlUrl"]), seed, stop) for account in accounts
        ]

    def start(self) -> None:
        """Let the market and the traders begin."""
        self._control.run_market(running=True)
        for trader in self._traders:
            trader.start()

    def refresh(self) -> None:
        """Read what is new at the venue."""
        self._saboteur.refresh()
        self.parity.refresh()

    def switch(self) -> str:
        """Begin faults or end them; the answer says which, in words."""
        self._faults_on = not self._faults_on
        if self._faults_on:
            self._saboteur.begin(next(self._stages))
            return f"{self.venue}: faults begin"
        self._saboteur.end()
        return f"{self.venue}: faults end for a while"

    @property
    def faults(self) -> Counter[str]:
        """How often each fault has really happened."""
        return self._saboteur.counts()

    def stop(self) -> None:
        """End faults and the market's moves."""
        self._saboteur.end()
        self._control.run_market(running=False)

    def join(self, timeout_s: float) -> None:
        """Wait for the traders, which were told to stop."""
        for trader in self._traders:
            trader.join(timeout_s)

    def judge(self) -> VenueEnd:
        """Compare the intents of this run that came to something with the venue's record."""
        books = {account: _at(self._oms.views(account), self.venue) for account in self._accounts}
        asked = self.ledger.snapshot()
        settled, moving = _requests(books)
        known = {
            # A trader that has left hears no answer; what became of its order is known all the same.
            key: reply or OrderUnresolved(view=None)
            for key, reply in asked.items()
            if key not in moving and (reply is not None or key in settled)
        }
        closes = self.ledger.closes_told()
        judged = known.keys() | {(close.account_id, f"{REQUEST}{close.close_id}") for close in closes}
        # A store of one's own keeps the orders of earlier runs, and those venues are gone: nothing confirms them.
        ours, record = only(judged, books, read_record(self._control, self._accounts))
        verdict = audit(known, ours, record, closes, self.ledger.doings())
        repeated = [each["clientOrderId"] for each in self._control.summary()["duplicates"]]
        verdict.duplicates = max(verdict.duplicates, len(repeated))
        verdict.violations += [f"the venue accepted {name} more than once" for name in repeated]
        put_off = len(self.ledger.put_off)
        return VenueEnd(
            venue=self.venue,
            verdict=verdict,
            put_off=put_off,
            unknown=len(asked) - len(known) - put_off,
            left_out=len(record.partial),
        )

    def _trader(self, account: str, control: ControlClient, seed: int, stop: threading.Event) -> Trader:
        # Request ids are for ever, and a store that was configured may know those of earlier runs.
        prefix = f"{self._oms.runtime.next_id()}-"
        mine = intents(self.venue, (account,), Random(f"{seed}/{self.venue}/{account}"), prefix=prefix)
        return Trader(
            self._oms, control, mine, self.ledger, in_flight_max=_IN_FLIGHT_MAX, pause_s=_PAUSE_S, stop=stop
        )


def _at(book: PublishedViews, venue: str) -> PublishedViews:
    """An account's book as far as it is about one venue."""
    orders = {order_id: order for order_id, order in list(book.orders.items()) if order.exchange == venue}
    positions = {place: position for place, position in list(book.positions.items()) if place[0] == venue}
    fills = {order_id: fills for order_id, fills in list(book.fills.items()) if order_id in orders}
    return replace(book, orders=orders, positions=positions, fills=fills)


def _requests(books: dict[str, PublishedViews]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Accounts and request ids of orders that came to something, and of those that did not."""
    settled: set[tuple[str, str]] = set()
    moving: set[tuple[str, str]] = set()
    for account, book in books.items():
        for order in book.orders.values():
            (settled if is_settled(order) else moving).add((account, order.request_id or ""))
    return settled, moving
