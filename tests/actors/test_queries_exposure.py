"""The query about exposure: what readers are told of published orders and positions, and how far it can be believed."""

from decimal import Decimal

from actors.notes import Agreed
from actors.policy import AccountPolicy, ExchangePolicy
from actors.reading import answer
from actors.views import PublishedViews
from messages import (
    AnswerSource,
    ExposureSnapshot,
    GetExposure,
    Instrument,
    KillSwitch,
    Order,
    OrderState,
    Position,
    ReservedFunds,
    Side,
    SymbolExposure,
)
from tests.factories import make
from tests.simulation.regime import CAPABILITIES

D = Decimal
NOW_MS = 1_795_255_300_000


def policy() -> AccountPolicy:
    names = ("binance", "kraken")
    exchanges = {
        name: ExchangePolicy(name=name, public_id=1, capabilities=CAPABILITIES, valid_for_ms=5000, settle_ms=3000)
        for name in names
    }
    return AccountPolicy(tag="0badc0de", exchanges=exchanges)


def an_order(order_id: str, **changes: object) -> Order:
    values: dict[str, object] = {"size": D(2), "price": D(100), "state": OrderState.ACKNOWLEDGED}
    return make(Order, order_id=order_id, **(values | changes))


def views_of(*records: object, live: bool = True) -> PublishedViews:
    views = PublishedViews(in_service=True, gates={"binance": "", "kraken": "" if live else "no user stream"})
    rules = [make(Instrument, exchange=name, symbol="BTC-USDT", base="BTC", quote="USDT") for name in views.gates]
    for record in (*rules, *records):
        views.publish(record)
    return views


def ask(views: PublishedViews, exchange: str | None = None) -> ExposureSnapshot:
    query = GetExposure(account_id="1", exchange=exchange)
    found = answer(query, views, NOW_MS, policy())
    assert isinstance(found, ExposureSnapshot)
    return found


def test_exposure_of_open_orders_and_positions_is_what_they_may_come_to() -> None:
    views = views_of(
        an_order("a"),
        an_order("b", side=Side.SELL, price=D(120), state=OrderState.SUBMITTED),
        an_order("c", state=OrderState.CANCELLED),
        an_order("d", state=OrderState.PENDING, filled_size=D("0.5")),
        make(Position, size=D(5)),
    )

    found = ask(views)

    assert found.symbols == (
        SymbolExposure(
            exchange="binance",
            symbol="BTC-USDT",
            quote="USDT",
            open_orders=3,
            buy_size=D("3.5"),
            sell_size=D(2),
            buy_notional=D(350),
            sell_notional=D(240),
            position=D(5),
            highest_position=D("8.5"),
            lowest_position=D(3),
        ),
    )
    assert found.reserved == (
        ReservedFunds(exchange="binance", currency="BTC", amount=D(2)),
        ReservedFunds(exchange="binance", currency="USDT", amount=D(350)),
    )


def test_exposure_after_an_order_has_changed_shows_it_as_it_is_published_now() -> None:
    views = views_of(an_order("a"), an_order("a", state=OrderState.PARTIALLY_FILLED, filled_size=D("1.5")))
    (symbol,) = ask(views).symbols
    assert (symbol.buy_size, symbol.buy_notional) == (D("0.5"), 50)


def test_exposure_of_one_exchange_leaves_the_others_out() -> None:
    views = views_of(an_order("a"), an_order("b", exchange="kraken"), make(Position, exchange="kraken", size=D(1)))

    assert [each.exchange for each in ask(views).symbols] == ["binance", "kraken"]
    found = ask(views, "binance")
    assert [(each.exchange, each.position) for each in found.symbols] == [("binance", 0)]
    assert {each.exchange for each in found.reserved} == {"binance"}


def test_exposure_of_a_symbol_whose_instrument_is_not_known_says_that_its_value_is_not() -> None:
    (symbol,) = ask(views_of(an_order("a", symbol="NEW"))).symbols
    assert (symbol.quote, symbol.open_orders, symbol.unpriced) == ("", 1, 1)
    assert (symbol.buy_size, symbol.buy_notional) == (2, 0)


def test_exposure_without_anything_at_stake_is_empty() -> None:
    found = ask(views_of(make(Position, size=D(0)), an_order("a", state=OrderState.FILLED)))
    assert (found.symbols, found.reserved, found.kill_switch) == ((), (), None)


def test_exposure_names_the_kill_switch_as_it_was_set() -> None:
    switch = KillSwitch(on=True, since_ms=7, reason="enough")
    assert ask(views_of(switch)).kill_switch == switch


def test_exposure_while_streams_live_is_as_of_now() -> None:
    found = ask(views_of(an_order("a")))
    assert (found.as_of_ms, found.source, found.gap) == (NOW_MS, AnswerSource.STREAM, False)


def test_exposure_across_a_gap_is_as_old_as_the_last_agreement_with_the_venue_it_is_about() -> None:
    views = views_of(Agreed("binance", NOW_MS - 9), Agreed("kraken", NOW_MS - 5), live=False)

    every, gone, there = ask(views), ask(views, "kraken"), ask(views, "binance")

    assert (every.as_of_ms, every.source, every.gap) == (NOW_MS - 9, AnswerSource.CACHE, True)
    assert (gone.as_of_ms, gone.gap) == (NOW_MS - 5, True)
    assert (there.as_of_ms, there.gap) == (NOW_MS, False)
