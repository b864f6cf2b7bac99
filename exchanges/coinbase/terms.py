"""What a Coinbase order is for: its type, size and prices, as `order_configuration` and later edits tell them.

Pure. It never guesses: terms that are not as documented make the order unreadable. An order of a kind that we do not
place, which the account's owner may have made elsewhere, has the type that its prices make it most like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any

from exchanges.coinbase.times import time
from exchanges.fields import Record, UnreadableError, as_list, as_record, flag, positive_amount, unsigned_or_none
from messages.types import OrderType, TimeInForce

_EDITED_AT = "replace_accept_timestamp"


@dataclass(frozen=True, slots=True)
class Form:
    """What a key of `order_configuration` means."""

    type: OrderType
    time_in_force: TimeInForce
    priced: bool = False
    stops: bool = False
    rests: bool = False
    """Whether it says if it is post-only."""


FORMS: Mapping[str, Form] = {
    "market_market_ioc": Form(OrderType.MARKET, TimeInForce.IOC),
    "market_market_fok": Form(OrderType.MARKET, TimeInForce.FOK),
    "limit_limit_gtc": Form(OrderType.LIMIT, TimeInForce.GTC, priced=True, rests=True),
    "limit_limit_gtd": Form(OrderType.LIMIT, TimeInForce.GTT, priced=True, rests=True),
    "sor_limit_ioc": Form(OrderType.LIMIT, TimeInForce.IOC, priced=True),
    "limit_limit_fok": Form(OrderType.LIMIT, TimeInForce.FOK, priced=True),
    "stop_limit_stop_limit_gtc": Form(OrderType.STOP_LIMIT, TimeInForce.GTC, priced=True, stops=True),
    "stop_limit_stop_limit_gtd": Form(OrderType.STOP_LIMIT, TimeInForce.GTT, priced=True, stops=True),
}


def nearest_type(price: Decimal | None, stop_price: Decimal | None) -> OrderType:
    """Give the type that has the same prices as an order of a kind that we do not place."""
    if stop_price:
        return OrderType.STOP_LIMIT if price else OrderType.STOP_MARKET
    return OrderType.LIMIT if price else OrderType.MARKET


def foreign_form(kind: str, terms: dict[str, Any]) -> tuple[Form, dict[str, Any]]:
    """Make a form of a kind that we do not place, and terms that have its names."""
    # A bracket calls its trigger by another name; sized in both units, the base unit counts.
    known = {**terms, "stop_price": terms.get("stop_price") or terms.get("stop_trigger_price")}
    if known.get("base_size"):
        known.pop("quote_size", None)
    price, stop_price = unsigned_or_none(known.get("limit_price")), unsigned_or_none(known["stop_price"])
    lasting = TimeInForce.GTT if kind.endswith("_gtd") else TimeInForce.GTC
    return Form(nearest_type(price, stop_price), lasting, priced=bool(price), stops=bool(stop_price)), known


def amounts_asked(
    form: Form, terms: dict[str, Any]
) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None] | None:
    """Read size, quote size, price and stop price, None where the order has none. None alone: one of them is not as
    documented.
    """
    # The venue leaves out, or empty, what an order does not have.
    get = terms.get
    size, quote_size = get("base_size"), get("quote_size")
    in_quote = size is None or size == ""
    if in_quote is (quote_size is None or quote_size == "") or (in_quote and (form.rests or form.stops)):
        return None
    asked = unsigned_or_none(quote_size if in_quote else size)
    price = unsigned_or_none(get("limit_price")) if form.priced else None
    stop_price = unsigned_or_none(get("stop_price")) if form.stops else None
    if not asked or (form.priced and not price) or (form.stops and not stop_price):
        return None
    return (None, asked, price, None) if in_quote else (asked, None, price, stop_price)


def after_edits(edits: Any, size: Decimal, price: Decimal | None) -> tuple[Decimal, Decimal | None]:
    """Give an order's terms after its edits.

    Whether the configuration follows edits is not documented: the latest edit says what holds either way. Where edits
    have no times, the configuration must be one of them.
    """
    found = [as_record(edit) for edit in as_list(edits)]
    terms = [(positive_amount(edit, "size"), positive_amount(edit, "price")) for edit in found]
    if len(terms) == 1:
        return terms[0]
    if all(edit.get(_EDITED_AT) for edit in found):
        return max(zip([time(edit, _EDITED_AT) for edit in found], terms, strict=True), key=itemgetter(0))[1]
    if (size, price) in terms:
        return size, price
    raise UnreadableError("edit_history has no order")


def configuration(record: Record, name: str) -> object:
    """Require a configuration of an order that we place; the error says which part of it is not as documented."""
    parts = as_record(record.get(name))
    if len(parts) != 1 or not FORMS.keys() >= parts.keys():
        raise UnreadableError(f"{name} is unknown")
    ((kind, terms),) = parts.items()
    form, fields = FORMS[kind], as_record(terms)
    if form.priced:
        positive_amount(fields, "limit_price")
    if form.stops:
        positive_amount(fields, "stop_price")
    if form.rests:
        flag(fields, "post_only")
    return positive_amount(fields, "quote_size" if fields.get("base_size") in (None, "") else "base_size")
