"""Orders as the tests of exposure, limits and resting orders need them: written out, or any that can be."""

from decimal import Decimal

from factories import make
from hypothesis import strategies as st

from actors.domain.assets import Assets
from messages import Order, OrderState, OrderType, Position, Side
from messages.types import Modification, ModificationKind

D = Decimal
USDT = Assets("BTC", "USDT")
PLACES = [("binance", "BTC-USDT"), ("binance", "ETH-BTC"), ("kraken", "BTC-USDT"), ("kraken", "ETH-USDT")]
ENDED = [
    OrderState.FILLED,
    OrderState.CANCELLED,
    OrderState.REJECTED,
    OrderState.EXPIRED,
    OrderState.PARTIAL_FILL_TIMEOUT,
    OrderState.FAILED,
]
LIVE = [OrderState.PENDING, OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED]


def order(order_id: str = "o1", **changes: object) -> Order:
    """A live LIMIT order to buy 2 BTC at 100 USDT, but for the changes."""
    values: dict[str, object] = {"size": D(2), "price": D(100), "state": OrderState.ACKNOWLEDGED}
    return make(Order, order_id=order_id, client_order_id=order_id, **(values | changes))


def market(order_id: str = "o1", **changes: object) -> Order:
    values: dict[str, object] = {"type": OrderType.MARKET, "price": None}
    return order(order_id, **(values | changes))


def by_quote(order_id: str = "o1", **changes: object) -> Order:
    """A live MARKET order to buy for 200 USDT, but for the changes."""
    values: dict[str, object] = {"size": D(0), "quote_size": D(200)}
    return market(order_id, **(values | changes))


def stop_market(order_id: str = "o1", **changes: object) -> Order:
    values: dict[str, object] = {"type": OrderType.STOP_MARKET, "price": None, "stop_price": D(100)}
    return order(order_id, **(values | changes))


def stop_limit(order_id: str = "o1", **changes: object) -> Order:
    values: dict[str, object] = {"type": OrderType.STOP_LIMIT, "stop_price": D(95)}
    return order(order_id, **(values | changes))


def change(kind: ModificationKind = ModificationKind.AMEND, **changes: object) -> Modification:
    """A modification that is not settled: the size stays 2 unless it is changed."""
    return make(Modification, **({"kind": kind, "modify_id": "m1", "asked_ms": 1, "size": D(2)} | changes))


def position(size: str, exchange: str = "binance", symbol: str = "BTC-USDT") -> dict[tuple[str, str], Position]:
    return {(exchange, symbol): make(Position, exchange=exchange, symbol=symbol, size=D(size))}


# ----- any


def amounts(low: str = "0.00000001", high: str = "99999999999999999999") -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, allow_nan=False, allow_infinity=False, places=8) | st.integers(1, 5).map(D)


def _terms(draw: st.DrawFn, kind: OrderType) -> dict[str, object]:
    price = draw(amounts()) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None
    stop = draw(amounts()) if kind in (OrderType.STOP_LIMIT, OrderType.STOP_MARKET) else None
    terms: dict[str, object] = {"price": price, "stop_price": stop, "size": draw(amounts())}
    if kind is OrderType.MARKET and draw(st.booleans()):
        terms |= {"size": D(0), "quote_size": draw(amounts())}
    elif kind is not OrderType.MARKET and draw(st.booleans()):
        terms["modification"] = change(
            draw(st.sampled_from(ModificationKind)),
            size=draw(amounts()),
            price=None if price is None else draw(amounts()),
            stop_price=None if stop is None else draw(amounts()),
        )
    return terms


@st.composite
def any_orders(draw: st.DrawFn) -> Order:
    """Any order of eight: the same one may be drawn again in another form, as it would be in the course of its life."""
    number = draw(st.integers(0, 7))
    kind = draw(st.sampled_from(OrderType))
    exchange, symbol = PLACES[number % len(PLACES)]
    return order(
        f"o{number}",
        exchange=exchange,
        symbol=symbol,
        side=[Side.BUY, Side.SELL][number // 2 % 2],
        type=kind,
        state=draw(st.sampled_from(LIVE) | st.sampled_from(OrderState)),
        filled_size=draw(st.just(D(0)) | amounts()),
        filled_value=draw(st.just(D(0)) | amounts()),
        reference_price=draw(st.none() | amounts()),
        **_terms(draw, kind),
    )
