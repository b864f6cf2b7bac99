"""Binance payloads to our messages: orders, executions and stream events.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown type, side or time in force, or
with a field missing or of the wrong kind, is unreadable as a whole (`UnreadableError`).
"""

from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from typing import Any, TypeVar

import orjson

from exchanges.binance.fields import (
    Record,
    UnreadableError,
    amount,
    amount_or_none,
    as_list,
    as_record,
    flag,
    identifier,
    integer,
    optional_integer,
    optional_text,
    positive_amount,
    signed_amount,
    text,
    text_or_empty,
)
from exchanges.binance.symbols import EXCHANGE, ORDER_TYPES, SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

CANCEL_ID_PREFIX = "cxl-"
"""Our cancels carry this and the order's client id: it may be shown in place of the order's own afterwards, and the
order must still be recognised."""

_STATUSES = {
    "PENDING_NEW": PublicStatus.PENDING,
    "NEW": PublicStatus.OPEN,
    "PARTIALLY_FILLED": PublicStatus.OPEN,
    "PENDING_CANCEL": PublicStatus.OPEN,
    "FILLED": PublicStatus.FILLED,
    "CANCELED": PublicStatus.CANCELLED,
    "REJECTED": PublicStatus.FAILED,
    "EXPIRED": PublicStatus.EXPIRED,
    "EXPIRED_IN_MATCH": PublicStatus.EXPIRED,
}
ENDED = frozenset({PublicStatus.FILLED, PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED})
"""Statuses of an order that works no more."""

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_EXECUTION_TYPES = frozenset({"NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE", "EXPIRED", "TRADE_PREVENTION"})
# Sums and products of amounts with up to forty digits stay exact.
_EXACT = Context(prec=100)

T = TypeVar("T")


def parse_json(body: bytes) -> Any:
    """Parse a body; raises `UnreadableError`. Amounts are strings on this venue, so no digit passes through a float."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableError("not JSON") from None


def order_status(venue_status: str, reason: str | None) -> PublicStatus | None:
    """Map a status; None when it has no place in our vocabulary.

    A triggered stop that the engine then refused is shown as expired, for the reason `REJECTED`.
    """
    if venue_status == "EXPIRED" and reason == "REJECTED":
        return PublicStatus.FAILED
    return _STATUSES.get(venue_status)


def read_order(record: Record, symbols: SymbolBook) -> VenueOrder:
    """Translate an order object of a query, a list, a full place answer or a cancel answer.

    In a cancel answer, `clientOrderId` is the cancel's id and `origClientOrderId` the order's.
    """
    reason = _told(optional_text(record, "expiryReason"))
    venue_status = text(record, "status")
    venue_type = text(record, "type")
    client_order_id = optional_text(record, "origClientOrderId") or text(record, "clientOrderId")
    filled_value = signed_amount(record, "cummulativeQuoteQty")
    return VenueOrder(
        exchange=EXCHANGE,
        symbol=symbols.canonical(text(record, "symbol")),
        venue_order_id=identifier(record, "orderId"),
        client_order_id=original_client_id(client_order_id),
        side=_known(_SIDES, record, "side"),
        type=_known(ORDER_TYPES, record, "type"),
        time_in_force=_time_in_force(record, "timeInForce", venue_type),
        status=order_status(venue_status, reason),
        venue_status=venue_status,
        size=amount(record, "origQty"),
        filled_size=amount(record, "executedQty"),
        # Negative means that the venue does not know, for some old orders.
        filled_value=None if filled_value < 0 else filled_value,
        price=amount(record, "price") or None,
        stop_price=_stop_price(record, "stopPrice", venue_type),
        quote_size=amount_or_none(record, "origQuoteOrderQty"),
        post_only=venue_type == "LIMIT_MAKER",
        created_venue_ms=optional_integer(record, "time"),
        updated_venue_ms=_latest(optional_integer(record, "updateTime"), optional_integer(record, "transactTime")),
        reason=reason or "",
    )


def read_placed_fills(record: Record, order: VenueOrder) -> tuple[tuple[VenueFill, ...], int]:
    """Translate the executions inside a full place answer; the number of unreadable ones comes second."""

    def fill(item: Any) -> VenueFill:
        entry = as_record(item)
        return VenueFill(
            exchange=EXCHANGE,
            symbol=order.symbol,
            fill_id=identifier(entry, "tradeId"),
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=positive_amount(entry, "price"),
            size=positive_amount(entry, "qty"),
            fee=signed_amount(entry, "commission"),
            fee_currency=optional_text(entry, "commissionAsset"),
            # An order that executes while it is being placed takes.
            liquidity=Liquidity.TAKER,
            venue_time_ms=integer(record, "transactTime"),
            source=FillSource.REST,
        )

    return read_list(record.get("fills", []), fill)


def read_trade(value: Any, symbols: SymbolBook) -> VenueFill:
    """Translate one entry of myTrades. Trades carry no client id."""
    record = as_record(value)
    return VenueFill(
        exchange=EXCHANGE,
        symbol=symbols.canonical(text(record, "symbol")),
        fill_id=identifier(record, "id"),
        venue_order_id=identifier(record, "orderId"),
        side=Side.BUY if flag(record, "isBuyer") else Side.SELL,
        price=positive_amount(record, "price"),
        size=positive_amount(record, "qty"),
        fee=signed_amount(record, "commission"),
        fee_currency=optional_text(record, "commissionAsset"),
        liquidity=Liquidity.MAKER if flag(record, "isMaker") else Liquidity.TAKER,
        venue_time_ms=integer(record, "time"),
        source=FillSource.REST,
    )


def read_execution_report(event: Record, symbols: SymbolBook) -> tuple[VenueOrder, VenueFill | None]:
    """Translate an executionReport event; with the execution when it is one."""
    execution = text(event, "x")
    if execution not in _EXECUTION_TYPES:
        raise UnreadableError("x is unknown")
    venue_status = text(event, "X")
    venue_type = text(event, "o")
    reason = _told(optional_text(event, "eR")) or _told(optional_text(event, "r"))
    order = VenueOrder(
        exchange=EXCHANGE,
        symbol=symbols.canonical(text(event, "s")),
        venue_order_id=identifier(event, "i"),
        # A cancel puts its own id into `c` and moves the order's to `C`.
        client_order_id=original_client_id(text_or_empty(event, "C") or text(event, "c")),
        side=_known(_SIDES, event, "S"),
        type=_known(ORDER_TYPES, event, "o"),
        time_in_force=_time_in_force(event, "f", venue_type),
        status=order_status(venue_status, reason),
        venue_status=venue_status,
        size=amount(event, "q"),
        filled_size=amount(event, "z"),
        filled_value=amount(event, "Z"),
        price=amount(event, "p") or None,
        stop_price=_stop_price(event, "P", venue_type),
        quote_size=amount_or_none(event, "Q"),
        post_only=venue_type == "LIMIT_MAKER",
        created_venue_ms=optional_integer(event, "O"),
        updated_venue_ms=integer(event, "T"),
        reason=reason or "",
    )
    return order, _execution(event, order) if execution == "TRADE" else None


def _execution(event: Record, order: VenueOrder) -> VenueFill:
    return VenueFill(
        exchange=EXCHANGE,
        symbol=order.symbol,
        fill_id=identifier(event, "t"),
        venue_order_id=order.venue_order_id,
        client_order_id=order.client_order_id,
        side=order.side,
        price=positive_amount(event, "L"),
        size=positive_amount(event, "l"),
        fee=signed_amount(event, "n"),
        fee_currency=optional_text(event, "N"),
        liquidity=Liquidity.MAKER if flag(event, "m") else Liquidity.TAKER,
        venue_time_ms=integer(event, "T"),
        source=FillSource.STREAM,
    )


def read_balance(value: Any, *, asset: str, free: str, locked: str) -> tuple[str, Decimal, Decimal]:
    """Translate one balance under the given field names: asset, total, of which available."""
    record = as_record(value)
    available = amount(record, free)
    return text(record, asset), _EXACT.add(available, amount(record, locked)), available


def read_list(value: Any, read: Callable[[Any], T]) -> tuple[tuple[T, ...], int]:
    """Translate a list; a bad record is skipped alone, and the number of those comes second."""
    found: list[T] = []
    unreadable = 0
    for item in as_list(value):
        try:
            found.append(read(item))
        except UnreadableError:
            unreadable += 1
    return tuple(found), unreadable


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """Add amounts without rounding."""
    total = ZERO
    for value in values:
        total = _EXACT.add(total, value)
    return total


def original_client_id(client_order_id: str) -> str:
    """Give the order's client id where the venue shows the id of our cancel in its place."""
    return client_order_id.removeprefix(CANCEL_ID_PREFIX)


def _known(table: dict[str, T], record: Record, name: str) -> T:
    value = table.get(text(record, name))
    if value is None:
        raise UnreadableError(f"{name} is unknown")
    return value


def _time_in_force(record: Record, name: str, venue_type: str) -> TimeInForce:
    # The venue writes GTC on market orders, which never rest.
    found = _known(_TIMES_IN_FORCE, record, name)
    return TimeInForce.IOC if ORDER_TYPES.get(venue_type) is OrderType.MARKET else found


def _stop_price(record: Record, name: str, venue_type: str) -> Decimal | None:
    # Other orders show none, or zero; a stop order without one is not as documented.
    stops = ORDER_TYPES.get(venue_type) in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT)
    return positive_amount(record, name) if stops else amount_or_none(record, name)


def _told(reason: str | None) -> str | None:
    return None if reason == "NONE" else reason


def _latest(*moments: int | None) -> int | None:
    return max((moment for moment in moments if moment is not None), default=None)
