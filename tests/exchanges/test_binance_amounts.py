"""Amounts of an order: read together where they are as most are, and one by one where they are not, to the same end."""

import re
from decimal import Decimal
from itertools import pairwise

import pytest
from binance_samples import BOOK, ORDER
from hypothesis import given
from hypothesis import strategies as st

from exchanges.binance.translate import read_order
from exchanges.fields import UnreadableError

AMOUNTS = ("origQty", "executedQty", "cummulativeQuoteQty", "price", "stopPrice", "origQuoteOrderQty")


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize(
    "value",
    ["1 2", "1 ", " ", "1\n", "1.", ".5", "1.2.3", "+1", "1e5", "\u0661", "1" * 41, "0." + "1" * 41, "--1", "1-"],
)
def test_text_that_is_nearly_an_amount_is_refused_in_each_of_them(name, value):
    with pytest.raises(UnreadableError, match=f"^{name} "):
        read_order({**ORDER, name: value}, BOOK)


@pytest.mark.parametrize(("first", "second"), [("1 2", ""), ("", "1 2"), ("1 ", "2"), ("1", " 2"), ("1 2", "3 4")])
def test_two_texts_that_would_make_amounts_together_are_refused(first, second):
    for one, other in pairwise(AMOUNTS):
        with pytest.raises(UnreadableError):
            read_order({**ORDER, one: first, other: second}, BOOK)


def test_nothing_filled_keeps_the_digits_that_it_is_written_with():
    for written in ("0.00000000", "0.00", "0"):
        order = read_order({**ORDER, "executedQty": written, "cummulativeQuoteQty": written}, BOOK)
        assert (str(order.filled_size), str(order.filled_value)) == (str(Decimal(written)), str(Decimal(written)))


def written_amount(text: str, *, signed: bool) -> bool:
    """The definition of an amount, spelt out."""
    found = re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", text)
    return found is not None and (signed or Decimal(text) >= 0)


NEARLY_AMOUNTS = st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True) | st.text("01.- \n", max_size=4)


@given(st.tuples(*[NEARLY_AMOUNTS | st.just("0.00000000")] * len(AMOUNTS)))
def test_order_is_read_exactly_when_each_of_its_amounts_is_one(texts):
    written = dict(zip(AMOUNTS, texts, strict=True))
    right = all(written_amount(text, signed=name == "cummulativeQuoteQty") for name, text in written.items())
    try:
        order = read_order({**ORDER, **written}, BOOK)
    except UnreadableError:
        assert not right
        return
    assert right
    size, filled, value, *others = map(Decimal, texts)
    assert (order.size, order.filled_size, order.filled_value) == (size, filled, value if value >= 0 else None)
    assert [order.price, order.stop_price, order.quote_size] == [amount or None for amount in others]
