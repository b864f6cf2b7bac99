"""Once all is quiet: is everything we hold what the venue holds, and is nothing left over?"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from actors.store.port import Table
from actors.views import PublishedViews
from exchanges.paper.accounts import PLENTY
from exchanges.paper.model import Execution, PaperOrder
from messages.codec import decode_record
from messages.queries import ParityReport
from messages.risk import DifferenceKind
from messages.types import IdempotencyEntry, Order, OrderState, Side, TimeInForce

from .auditor import ENDS, Auditor
from .steps import ENDED, SHOWN
from .wire import number_of, shown_id, shown_ids

_SENT_BEFORE_MS = 10_000
"""A request is valid for less."""
_WORKING = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


def differences(auditor: Auditor, accounts: tuple[str, ...], views: Mapping[str, PublishedViews]) -> Iterator[str]:
    """Everything that is not as it should be at rest, in words. Nothing: the system is quiet and correct."""
    for account in accounts:
        orders = auditor.orders[account]
        for exchange, why in views[account].gates.items():
            if why:
                yield f"account {account}: the gate of {exchange} is closed: {why}"
        for order in orders.values():
            if not is_undecidable(auditor, account, order):
                yield from _unsettled(order)
            yield from _unlike_venue(auditor, account, order)
            if auditor.timeouts.pending(account, order):
                yield f"{order.order_id} has not come to the end of its fill timeout"
        yield from _unknown(auditor, account)
        yield from auditor.chains.left_over(account)
        yield from _ledger(auditor, account)
        yield from _positions(auditor, account, views[account])
        yield from _closes(auditor, account)
        yield from _projection(auditor, account, views[account])


def is_undecidable(auditor: Auditor, account: str, order: Order) -> bool:
    """Whether nothing but a person can tell whether an order was placed: it is not to be found, and its owner has had
    one like it at that time by hand, which has ended. That may be it, under the id of whatever ended it.
    """
    asked = order.state is OrderState.SUBMITTED and order.needs_review and order.verification is not None
    if not asked or auditor.venue_orders(account, order) or auditor.may_arrive(account, order):
        return False
    assert order.verification is not None
    until_ms, since_ms = order.verification.fence_venue_ms, order.attempts[0].valid_until_venue_ms - _SENT_BEFORE_MS
    sent = {client_id for ids in auditor.client_ids.values() for _, client_id in ids}
    like = (
        (order.symbol, order.side, order.type, order.price) == (each.symbol, each.side, each.type, each.price)
        and (order.quote_size is not None or order.size == each.size)
        and since_ms <= each.created_ms <= until_ms
        for each in _orders_at_venue(auditor, account)
        if not each.is_open and each.first_client_order_id not in sent
    )
    return any(like)


def _unsettled(order: Order) -> Iterator[str]:
    if order.state in (OrderState.PENDING, OrderState.SUBMITTED):
        yield f"{order.order_id} is still {order.state}"
    if order.time_in_force is TimeInForce.GTT and order.state in _WORKING:
        yield f"{order.order_id} has not come to its end of time"
    if order.cancel_pending or order.verification is not None or order.needs_review:
        yield f"{order.order_id} ({order.state}) is not settled: {order.review_reason or 'overlay or verification'}"


def _unlike_venue(auditor: Auditor, account: str, order: Order) -> Iterator[str]:
    found = auditor.venue_orders(account, order)
    if len(found) > 1:
        yield f"{order.order_id} has {len(found)} orders at the venue"
    for venue_order in found:
        right = _WORKING if venue_order.is_open else ENDS[auditor.traits.shown(venue_order.status)]
        if order.state not in right:
            yield f"{order.order_id} is {order.state}, at the venue {venue_order.status}"
        if order.filled_size != venue_order.filled_size or order.filled_value != venue_order.filled_value:
            yield f"{order.order_id} executed {order.filled_size}, at the venue {venue_order.filled_size}"
        terms = (order.price, order.size) if order.quote_size is None else (order.price,)
        if venue_order.is_open and terms != (venue_order.price, venue_order.size)[: len(terms)]:
            yield f"{order.order_id} is for {terms}, at the venue for {venue_order.size} at {venue_order.price}"
        if order.venue_order_id != shown_id(venue_order, auditor.traits):
            yield f"{order.order_id} is {order.venue_order_id}, at the venue {shown_id(venue_order, auditor.traits)}"
    if not found and order.state in _WORKING:
        yield f"{order.order_id} is {order.state}, the venue does not have it"


def _unknown(auditor: Auditor, account: str) -> Iterator[str]:
    known = {order.venue_order_id for order in auditor.all_orders(account).values()}
    sent = {each for ids in auditor.client_ids.values() for each in ids}
    for venue_order in _orders_at_venue(auditor, account):
        ours = (venue_order.symbol, venue_order.first_client_order_id) in sent
        if known.isdisjoint(shown_ids(venue_order)) and (ours or venue_order.is_open):
            yield f"the venue's order {venue_order.order_id} is not in our records"


def _orders_at_venue(auditor: Auditor, account: str) -> Iterator[PaperOrder]:
    return (each for each in auditor.truth.truth.orders.values() if each.account == account)


def _ledger(auditor: Auditor, account: str) -> Iterator[str]:
    ids = (order.venue_order_id for order in auditor.all_orders(account).values())
    known = {str(number_of(each)) for each in ids if each is not None}
    booked = {(fill.venue_order_id, fill.fill_id) for fill in auditor.fills[account].values()}
    real = {
        (str(each.order_id), str(each.trade_id))
        for each in auditor.truth.truth.executions
        if each.account == account and str(each.order_id) in known
    }
    for venue_order_id, fill_id in sorted(real ^ booked):
        where = "at the venue only" if (venue_order_id, fill_id) in real else "in our books only"
        yield f"execution {fill_id} of {venue_order_id} is {where}"


def _positions(auditor: Auditor, account: str, views: PublishedViews) -> Iterator[str]:
    for key in sorted(auditor.positions.parked[account]):
        yield f"execution {key} still waits for its order"
    recorded = dict(auditor.positions.of_account(account))
    exchange, margin = auditor.traits.exchange, auditor.traits.capabilities.margin
    if {symbol: views.positions.get((exchange, symbol)) for symbol in recorded} != recorded:
        yield f"account {account}: readers see other positions than are committed"
    real = [each for each in auditor.truth.truth.executions if each.account == account]
    left_out = unbooked(auditor, account)
    for symbol, position in recorded.items():
        base = auditor.truth.instruments[symbol].base
        size = sum((_net(each) for each in real if each.symbol == symbol), Fraction(0))
        if Fraction(position.size) != size - sum((_net(e) for e in left_out if e.symbol == symbol), Fraction(0)):
            yield f"account {account}: the position of {symbol} is not what the venue executed"
        if position.multiplier != auditor.traits.market(symbol).multiplier:
            yield f"account {account}: {symbol} is valued by {position.multiplier}"
        held = auditor.truth.net(account, symbol) if margin else sum(auditor.truth.balances(account)[base])
        beyond = Fraction(held) - sum((_gained(e, base) for e in real if e not in left_out), Fraction(0))
        if position.unexplained is None:
            # Nothing is concluded of an asset while an order of it may or may not be there.
            if not any(is_undecidable(auditor, account, order) for order in auditor.orders[account].values()):
                yield f"account {account}: {symbol} was never compared with the balances"
            continue
        agrees = position.unexplained == (0 if margin else PLENTY) and not position.drift
        if not agrees and not left_out and not traded_by_hand(auditor, account):
            yield f"account {account}: {symbol} drifts by {position.drift} from {position.unexplained}"
        if Fraction(position.unexplained) + Fraction(position.drift) != beyond:
            yield f"account {account}: {symbol} hides what the balances show, {float(beyond)}"


def traded_by_hand(auditor: Auditor, account: str) -> bool:
    """Whether the account's owner has traded by hand: what is found of it late stands against an early balance."""
    return any(fill.order_id.startswith(auditor.traits.exchange) for fill in auditor.fills[account].values())


def disagreements(auditor: Auditor, account: str, report: ParityReport) -> Iterator[str]:
    """What a comparison with the venue must not say at rest."""
    by_hand = traded_by_hand(auditor, account)
    for each in report.differences:
        if not (by_hand and each.kind is DifferenceKind.HOLDING_DRIFT):
            yield f"account {account} differs: {each}"
    working = [order for order in auditor.orders[account].values() if order.state in _WORKING]
    # What others' orders and stops without a price of their own reserve is not known, and cash on margin is no flow.
    unknown = any(order.external or (order.stop_price is not None and order.price is None) for order in working)
    unknown = unknown or auditor.traits.capabilities.margin
    for _, what, why in report.not_compared:
        if not (unknown and what == "balances"):
            yield f"account {account}: {what} are not compared: {why}"


def unbooked(auditor: Auditor, account: str) -> list[Execution]:
    """Executions that are in no books: at rest, only those of orders placed by hand that ended unseen."""
    booked = {(fill.symbol, fill.fill_id, fill.venue_order_id) for fill in auditor.fills[account].values()}
    real = (each for each in auditor.truth.truth.executions if each.account == account)
    return [each for each in real if (each.symbol, str(each.trade_id), str(each.order_id)) not in booked]


def _net(execution: Execution) -> Fraction:
    in_base = execution.fee_currency == execution.symbol.split("-")[0]
    return _signed(execution) - (Fraction(execution.fee) if in_base else 0)


def _signed(execution: Execution) -> Fraction:
    return Fraction(execution.size) * (1 if execution.side is Side.BUY else -1)


def _gained(execution: Execution, asset: str) -> Fraction:
    base = execution.symbol.partition("-")[0] == asset
    fee = Fraction(execution.fee) if execution.fee_currency == asset else Fraction(0)
    return (_signed(execution) if base else Fraction(0)) - fee


def _closes(auditor: Auditor, account: str) -> Iterator[str]:
    for close in auditor.closes.closes[account].values():
        order = auditor.all_orders(account)[close.order_id]
        if auditor.closes.told[close.close_id] != 1 and not auditor.is_private:
            yield f"the end of close {close.close_id} was told {auditor.closes.told[close.close_id]} times"
        if close.closed_size != order.filled_size:
            yield f"close {close.close_id} says {close.closed_size}, its order executed {order.filled_size}"


def _projection(auditor: Auditor, account: str, views: PublishedViews) -> Iterator[str]:
    nothing = auditor.is_private or auditor.hidden[account]
    open_orders = [order for order in auditor.orders[account].values() if order.state in SHOWN and not nothing]
    if {order.venue_order_id or order.client_order_id for order in open_orders} != set(auditor.shown[account]):
        yield f"account {account}: the public hash is not the open orders"
    for order in auditor.orders[account].values():
        if views.orders.get(order.order_id) != order:
            yield f"{order.order_id}: readers see something else than what is committed"
        steps = [step.version for step in views.transitions.get(order.order_id, ())]
        if not auditor.is_private and steps != list(range(1, order.version + 1)):
            yield f"{order.order_id}: readers see the steps {steps} of {order.version}"
        if len(views.fills.get(order.order_id, ())) != order.fill_count:
            yield f"{order.order_id}: readers see other executions than were booked"


def residues(auditor: Auditor, account: str, records: Mapping[Table, Mapping[str, bytes]]) -> Iterator[str]:
    """What is kept of orders that have ended although nothing shall be: not their executions, and not that their
    requests were made.
    """
    living = {
        leg.order_id
        for order in auditor.orders[account].values()
        if order.state not in ENDED
        for leg in auditor.chain_of(account, order)
    }
    for order_id, order in auditor.orders[account].items():
        if order.state in ENDED and order_id not in living:
            yield f"{order_id} is {order.state}, and still recorded"
    for table in (Table.ORDERS, Table.TRANSITIONS, Table.CLOSES):
        for field, value in records.get(table, {}).items():
            for order_id in auditor.forgotten[account]:
                if order_id not in living and (order_id in field or order_id.encode() in value):
                    yield f"{table} {field} names {order_id}, which was forgotten"
    for raw in records.get(Table.IDEMPOTENCY, {}).values():
        entry = decode_record(IdempotencyEntry, raw)
        if entry.order_id in auditor.forgotten[account] and (entry.details or entry.error):
            yield f"the request of {entry.order_id} is kept with its details"


def duplicates(auditor: Auditor, accounts: tuple[str, ...]) -> Iterator[str]:
    """Client order ids under which more than one order was accepted."""
    for (account, client_id), ids in auditor.truth.truth.duplicates().items():
        if account in accounts:
            yield f"the venue accepted {len(ids)} orders under {client_id}"
