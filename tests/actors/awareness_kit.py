"""An account with more than one exchange, what other programs see of it, and a venue's lists and prices, given by hand.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from actors.domain.risk import RiskLimits
from actors.policy import Freshness, PreTradePolicy, PrivacyPolicy
from actors.reading import answer
from actors.store.port import EVERY_FIELD, Section, Table, Write
from actors.syncing import SYNC
from messages.base import Message
from messages.commands import (
    CancelAll,
    CancelVenueOrder,
    FetchOpenOrders,
    FetchPrice,
    PlaceOrder,
    SetKillSwitch,
    SyncOpenOrders,
)
from messages.queries import AccountQuery, ExchangeOrders, OpenOrdersSynced, QueryReply, Refused, Reply
from messages.reports import (
    CancelConfirmed,
    FetchFailed,
    InstrumentsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderReported,
    PriceFetched,
)
from messages.types import Order, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, INSTRUMENT, Account, shown
from tests.factories import make

D = Decimal
BOTH = ("binance", "kraken")
ReplyT = TypeVar("ReplyT", bound=Reply)


class Aware(Account):
    """An account whose public keys are kept beside it, as a store would keep them."""

    def __init__(self, **settings: Any) -> None:
        self.open_hash: dict[str, dict[str, bytes]] = {}
        """By numeric exchange id: what other programs read."""
        self.last_sync: dict[str, int] = {}
        self.sections: list[Section] = []
        """All that was committed."""
        super().__init__(**settings)

    def load(self, records: dict[Table, dict[str, bytes]], epoch: int = 1) -> None:
        """The account is ours, with these records. Every exchange has public keys of its own."""
        for number, name in enumerate(self.policy["exchanges"], start=1):
            self.actor._exchange_ids[name] = str(number)
        super().load(records, epoch)

    def restarted(self, *, open_gate: bool = True, **changes: Any) -> "Aware":
        """The account in the next process; the public keys are as they were left."""
        again = Aware(open_gate=False, stored=self.stored, start_ms=self.now_ms, **self.policy | changes)
        again.open_hash, again.last_sync = self.open_hash, self.last_sync
        for section in again.sections:
            again._show(section)
        if open_gate:
            again.connect(keep=True)
        return again

    # ----- what a venue says

    def know(self, symbol: str, exchange: str = "binance", **rules: Any) -> None:
        """A symbol's rules and its recent history are known."""
        base, quote = symbol.split("-")
        instrument = replace(INSTRUMENT, exchange=exchange, symbol=symbol, base=base, quote=quote, **rules)
        self.do(make(InstrumentsFetched, **HEAD | {"exchange": exchange}, instruments=(instrument,)))
        self.merge_history(exchange=exchange, symbol=symbol)

    def list_orders(
        self, *claims: VenueOrder, exchange: str = "binance", asked_ms: int | None = None, unreadable: int = 0
    ) -> None:
        """A venue's list of all open orders, asked for now or then."""
        asked = self.now_ms if asked_ms is None else asked_ms
        evidence = replace(self.evidence(), sent_ms=asked)
        head = HEAD | {"exchange": exchange}
        self.do(
            make(
                OpenOrdersFetched, **head, orders=claims, unreadable=unreadable, asked_venue_ms=asked, evidence=evidence
            )
        )

    def fail_list(self, exchange: str = "binance", *, sent_ms: int | None = None, reason: str = "timeout") -> None:
        """The list of open orders could not be read."""
        asked = self.now_ms if sent_ms is None else sent_ms
        failed = {"request": FetchOpenOrders.__name__, "sent_ms": asked, "reason": reason}
        self.do(make(FetchFailed, **HEAD | {"exchange": exchange, "order_id": SYNC}, **failed))

    def tell_price(self, price: str, *, received_ms: int | None = None, symbol: str = "BTC-USDT") -> None:
        """A symbol's latest price."""
        at_ms = self.now_ms if received_ms is None else received_ms
        self.do(make(PriceFetched, **HEAD, symbol=symbol, price=D(price), received_ms=at_ms))

    def fail_price(self, *, symbol: str = "BTC-USDT", sent_ms: int | None = None) -> None:
        """A symbol's price could not be read."""
        asked = self.now_ms if sent_ms is None else sent_ms
        failed = {"request": FetchPrice.__name__, "sent_ms": asked, "reason": "timeout", "symbol": symbol}
        self.do(make(FetchFailed, **HEAD, **failed))

    def cancelled(self, place: PlaceOrder, venue_order_id: str = "28", **changes: Any) -> None:
        """A venue confirms a cancel."""
        claim = gone(place, venue_order_id=venue_order_id, **changes)
        head = HEAD | {"order_id": place.order_id, "exchange": place.exchange}
        self.do(make(CancelConfirmed, **head, order=claim, evidence=self.evidence()))

    def found(self, place: PlaceOrder, claim: VenueOrder, *fills: Any) -> None:
        """The answer to the look-up of an order."""
        head = HEAD | {"order_id": place.order_id, "exchange": place.exchange}
        evidence = self.evidence()
        self.do(make(OrderFound, **head, order=claim, fills=fills, fills_complete=True, evidence=evidence))

    def see_foreign(self, venue_order_id: str = "900", **changes: Any) -> Order:
        """The stream shows an order that somebody has placed by hand."""
        claim = foreign(venue_order_id=venue_order_id, **changes)
        self.do(make(OrderReported, **HEAD | {"exchange": claim.exchange}, order=claim, evidence=self.evidence()))
        return self.views.orders[f"{claim.exchange}:{claim.symbol}:{venue_order_id}"]

    # ----- looking

    def asked_of(self, kind: type[Message], exchange: str = "binance") -> list[Any]:
        """Requests of a kind that left for one venue."""
        address = f"account/1/exchange/{exchange}"
        return [message for where, message in self.sent if where == address and type(message) is kind]

    def cancels(self) -> list[str]:
        """Our ids of the orders whose cancel left, in order."""
        return [message.order_id for message in self.told(CancelVenueOrder)]

    def replies_to(self, correlation_id: str) -> list[Reply]:
        """All that a command was answered."""
        return [reply for reply in self.replies if reply.correlation_id == correlation_id]

    def reply_to(self, correlation_id: str, kind: type[ReplyT]) -> ReplyT:
        """The one answer to a command."""
        (reply,) = self.replies_to(correlation_id)
        assert isinstance(reply, kind), reply
        return reply

    def refusal(self, correlation_id: str) -> Refused:
        """The one answer to a command, a refusal."""
        return self.reply_to(correlation_id, Refused)

    def synced(self, correlation_id: str, exchange: str = "binance") -> ExchangeOrders:
        """What a host was told of an exchange's open orders."""
        reply = self.reply_to(correlation_id, OpenOrdersSynced)
        (found,) = (each for each in reply.exchanges if each.exchange == exchange)
        return found

    def shown_to_others(self, exchange_id: str = "1") -> list[str]:
        """Fields of the public hash of an exchange."""
        return sorted(self.open_hash.get(exchange_id, {}))

    def ask(self, query: AccountQuery) -> Any:
        """Answer a query from the published views, as the facade does."""
        reply: QueryReply = answer(query, self.views, self.now_ms, self.actor._policy)
        return reply

    # ----- keeping

    def _keep(self, section: Section) -> None:
        super()._keep(section)
        self.sections.append(section)
        self._show(section)

    def _show(self, section: Section) -> None:
        for write in section.writes:
            if write.table is Table.OPEN:
                self._show_order(write)
            elif write.table is Table.LAST_SYNC and write.value is None:
                self.last_sync.pop(write.scope, None)
            elif write.table is Table.LAST_SYNC and write.value is not None:
                self.last_sync[write.scope] = int(write.value)

    def _show_order(self, write: Write) -> None:
        shown = self.open_hash.setdefault(write.scope, {})
        if write.field == EVERY_FIELD:
            shown.clear()
        elif write.value is None:
            shown.pop(write.field, None)
        else:
            shown[write.field] = write.value


def aware(
    freshness: Freshness = Freshness.STREAM,
    *,
    duplicate_ticks: int | None = None,
    cancel_resting: bool = False,
    limits: dict[str, Any] | None = None,
    privacy: PrivacyPolicy | None = None,
    **settings: Any,
) -> Aware:
    """An account that looks at what the test says before it places."""
    looks_at = PreTradePolicy(freshness=freshness, duplicate_ticks=duplicate_ticks, cancel_resting=cancel_resting)
    return Aware(
        pre_trade=looks_at, risk=RiskLimits(**limits or {}), privacy=privacy or PrivacyPolicy(), **settings
    )


def sync(name: str = "s1", **changes: Any) -> SyncOpenOrders:
    """A host asks for open orders."""
    return SyncOpenOrders(account_id="1", correlation_id=name, **changes)


def cancel_all(name: str = "a1", **changes: Any) -> CancelAll:
    """A host cancels everything."""
    return CancelAll(account_id="1", correlation_id=name, **changes)


def kill_switch(*, on: bool = True, name: str = "k1", **changes: Any) -> SetKillSwitch:
    """A host throws the kill switch."""
    return SetKillSwitch(account_id="1", correlation_id=name, on=on, **changes)


def gone(place: PlaceOrder, **changes: Any) -> VenueOrder:
    """The venue's record of an order that was cancelled."""
    status = {"status": PublicStatus.CANCELLED, "venue_status": "CANCELED"}
    return shown(place, exchange=place.exchange, **status | changes)


def foreign(**changes: Any) -> VenueOrder:
    """The venue's record of an order that somebody has placed by hand."""
    record = {"client_order_id": "by-hand", "venue_order_id": "900", "filled_size": D(0), "price": D(40000)}
    return make(VenueOrder, **record | changes)
