"""Events of ProjectX's user hub: which are subscribed to, and what each means.

Owns the subscriptions and the translation of events of one connection; the hub's protocol is `exchanges.signalr`. Pure.
It never swallows an event that it does not understand: those are reported as unreadable.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from exchanges.fields import Record, UnreadableError, as_record, flag, integer
from exchanges.projectx.executions import read_execution, read_position, read_spec_fill
from exchanges.projectx.symbols import EXCHANGE
from exchanges.projectx.translate import read_order
from exchanges.records import event_evidence, order_reported
from exchanges.signalr import PING, Closed, Completed, Garbled, HubConnection, HubMessage, Invoked, Opened
from exchanges.stream import Reading
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, VenueFill
from messages.reports import (
    BalanceReported,
    FillReceived,
    FillVoided,
    FrameUnreadable,
    OrderReported,
    StreamGap,
    StreamReport,
)
from messages.types import ENDED_STATUSES, Evidence, EvidenceSource, VenueOrder

FILL_EVENT = "GatewayUserTrade"
SPEC_FILL_EVENT = "order_fill"

_SUBSCRIPTIONS = ("SubscribeOrders", "SubscribeTrades", "SubscribePositions")
_OF_ALL_ACCOUNTS = "SubscribeAccounts"
_ORDER_EVENT = "GatewayUserOrder"
_STREAM = EvidenceSource.STREAM
_UPDATES = (0, 1)
"""Actions of wrapped events: made, and changed. Any other may mean that it was taken away."""


class HubReader:
    """The `FrameReader` of one connection."""

    def __init__(
        self,
        *,
        account_id: str,
        account: int,
        fill_events: frozenset[str],
        symbols: Callable[[], SymbolBook],
        on_logout: Callable[[], None],
        on_account: Callable[[bool | None], None],
    ) -> None:
        """`on_account` is told whether the account may trade, None: that has to be asked."""
        self._account_id = account_id
        self._account = account
        self._symbols = symbols
        self._on_logout = on_logout
        self._on_account = on_account
        self._hub = HubConnection()
        self._orders: dict[str, VenueOrder] = {}
        """Working orders as they were told last, for events that name one and do not describe it."""
        self._readers: dict[str, Callable[[Any, bytes, int], StreamReport | None]] = {
            **dict.fromkeys(fill_events, self._fill),
            _ORDER_EVENT.lower(): self._order,
            "gatewayuserposition": self._position,
            "gatewayuseraccount": self._permission,
        }

    def read(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one frame: all the records that it completes."""
        messages = self._hub.take(frame)
        if len(messages) == 1:
            # As most frames are.
            return self._understood(messages[0], frame, received_ms)
        reading = Reading()
        for message in messages:
            reading = _both(reading, self._understood(message, frame, received_ms))
            if reading.lost:
                break
        return reading

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        """Report a frame that the hub never sends."""
        return Reading(reports=(self._unreadable(frame, "a binary frame", received_ms),))

    def ping(self) -> str:
        """Give the hub's own kind of ping: it counts what is said in its protocol."""
        return PING

    def _understood(self, message: HubMessage, frame: bytes, received_ms: int) -> Reading:
        match message:
            case Invoked():
                return self._told(message, frame, received_ms)
            case Opened():
                calls = [self._hub.call(name, (self._account,)) for name in _SUBSCRIPTIONS]
                return Reading(replies=(*calls, self._hub.call(_OF_ALL_ACCOUNTS, ())))
            case Completed():
                return Reading(lost=f"refused: {message.target}") if message.refused else self._confirmed()
            case Closed():
                return Reading(lost=message.reason)
            case Garbled():
                return Reading(reports=(self._unreadable(message.record, message.reason, received_ms),))

    def _confirmed(self) -> Reading:
        return Reading(ready=not self._hub.waiting)

    def _told(self, message: Invoked, frame: bytes, received_ms: int) -> Reading:
        # Targets are matched without regard to case.
        target = message.target.lower()
        if target == "gatewaylogout":
            self._on_logout()
            return Reading(lost="logged_out")
        read = self._readers.get(target)
        if read is None:
            return Reading(reports=(self._unreadable(frame, "target is unknown", received_ms),))
        # Each argument is one object, or a list of them; without any, something that was told is missing.
        items = [
            item
            for argument in message.arguments or [None]
            for item in (argument if isinstance(argument, list) else [argument])
        ]
        reports = (self._report(read, item, frame, received_ms) for item in items)
        return Reading(reports=tuple(report for report in reports if report is not None))

    def _report(
        self, read: Callable[[Any, bytes, int], StreamReport | None], item: Any, frame: bytes, received_ms: int
    ) -> StreamReport | None:
        try:
            return read(item, frame, received_ms)
        except UnreadableError as error:
            return self._unreadable(frame, str(error), received_ms)

    # ----- events

    def _order(self, item: Any, frame: bytes, received_ms: int) -> OrderReported:
        record, updated = _unwrapped(item)
        order = read_order(record, self._symbols(), self._account)
        if not updated and order.status not in ENDED_STATUSES:
            # It may have been taken away, so what it was last says nothing.
            order = replace(order, status=None)
        self._remember(order, works=updated)
        return self._reported(order, _ORDER_EVENT, frame, received_ms)

    def _fill(self, item: Any, frame: bytes, received_ms: int) -> StreamReport:
        record, updated = _unwrapped(item)
        if "fillId" in record:
            return self._spec_fill(record, frame, received_ms)
        fill, voided = read_execution(record, self._symbols(), self._account, FillSource.STREAM)
        if voided:
            return FillVoided(
                account_id=self._account_id,
                exchange=EXCHANGE,
                symbol=fill.symbol,
                venue_order_id=fill.venue_order_id,
                fill_id=fill.fill_id,
                received_ms=received_ms,
            )
        if not updated:
            return self._gap(fill, received_ms)
        return FillReceived(
            account_id=self._account_id,
            exchange=EXCHANGE,
            fill=fill,
            evidence=self._evidence(FILL_EVENT, frame, received_ms, fill.venue_time_ms),
        )

    def _spec_fill(self, record: Record, frame: bytes, received_ms: int) -> OrderReported:
        # It names no fee, and not the number that lists have for the execution: what it proves is how much of its order
        # has executed. The executions themselves are read.
        told = read_spec_fill(record)
        known = self._orders.get(told.venue_order_id)
        if known is None:
            raise UnreadableError("orderId names an order that was not described")
        order = replace(
            known,
            filled_size=max(told.executed, known.filled_size),
            filled_value=None,
            status=told.status,
            venue_status=told.venue_status,
            updated_venue_ms=max(told.venue_time_ms, known.updated_venue_ms or 0),
        )
        self._remember(order, works=True)
        return self._reported(order, SPEC_FILL_EVENT, frame, received_ms)

    def _gap(self, fill: VenueFill, received_ms: int) -> StreamGap:
        # Why it was removed is not told: nothing is booked for it, and everything around it is read again.
        number = int(fill.fill_id)
        return StreamGap(
            account_id=self._account_id, exchange=EXCHANGE, expected=number, received=number, received_ms=received_ms
        )

    def _position(self, item: Any, _frame: bytes, received_ms: int) -> BalanceReported:
        record, updated = _unwrapped(item)
        contract, net = read_position(record, self._account)
        if not updated and net:
            raise UnreadableError("a position was taken away and has a size")
        return BalanceReported(
            account_id=self._account_id,
            exchange=EXCHANGE,
            balances=((self._symbols().canonical(contract), net, net),),
            received_ms=received_ms,
        )

    def _permission(self, item: Any, _frame: bytes, _received_ms: int) -> None:
        # Of all that it says, only whether the account may trade: its balance is money and no position.
        record, updated = _unwrapped(item)
        if integer(record, "id") == self._account:
            may_trade = flag(record, "canTrade")
            self._on_account(may_trade if updated else None)

    # ----- reports

    def _remember(self, order: VenueOrder, *, works: bool) -> None:
        if works and order.status not in ENDED_STATUSES:
            self._orders[order.venue_order_id] = order
        else:
            self._orders.pop(order.venue_order_id, None)

    def _reported(self, order: VenueOrder, endpoint: str, frame: bytes, received_ms: int) -> OrderReported:
        evidence = self._evidence(endpoint, frame, received_ms, order.updated_venue_ms, order.venue_status)
        return order_reported(self._account_id, EXCHANGE, order, None, evidence)

    def _evidence(
        self, endpoint: str, frame: bytes, received_ms: int, venue_time_ms: int | None, detail: str = ""
    ) -> Evidence:
        return event_evidence(_STREAM, endpoint, received_ms, venue_time_ms, sha256(frame).hexdigest(), detail)

    def _unreadable(self, frame: bytes, reason: str, received_ms: int) -> FrameUnreadable:
        return FrameUnreadable(
            account_id=self._account_id,
            exchange=EXCHANGE,
            reason=reason,
            body_sha256=sha256(frame).hexdigest(),
            received_ms=received_ms,
        )


def _both(first: Reading, second: Reading) -> Reading:
    return Reading(
        reports=first.reports + second.reports,
        replies=first.replies + second.replies,
        ready=first.ready or second.ready,
        lost=second.lost,
    )


def _unwrapped(item: Any) -> tuple[Record, bool]:
    # The object of an event, bare or inside `data`, and whether it is there still.
    record = as_record(item)
    inner = record.get("data")
    if not isinstance(inner, dict):
        return record, True
    return inner, record.get("action") in _UPDATES
