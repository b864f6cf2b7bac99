from decimal import Decimal

import pytest

from exchanges.fields import (
    UnreadableError,
    number,
    number_or_none,
    positive_number,
    signed_number,
)
from exchanges.wire_json import parse_exact, parse_json, write_json


@pytest.mark.parametrize("body", [b"", b"{", b"nan", b"[NaN]", b"[Infinity]", b"\xff", b"<html>", b'{"a":1}x'])
def test_body_that_is_no_json_is_unreadable_by_both(body):
    for parse in (parse_json, parse_exact):
        with pytest.raises(UnreadableError):
            parse(body)


@pytest.mark.parametrize(
    "digits",
    ["0.1", "26599.9", "0.30000000000000004", "1795255200.1234", "-0.00000001", "0.12345678901234567890123456", "1e-8"],
)
def test_number_is_read_digit_for_digit(digits):
    record = parse_exact(b'{"a":%s}' % digits.encode())
    assert signed_number(record, "a") == Decimal(digits)
    assert str(record["a"]) == str(Decimal(digits))


@pytest.mark.parametrize("value", [Decimal("1.50"), 3, "2.5"])
def test_number_may_be_a_number_or_the_text_of_one(value):
    assert number({"a": value}, "a") == Decimal(str(value))


@pytest.mark.parametrize(
    "value", [None, "", "1e5", "NaN", True, 1.5, [], {}, Decimal("1E+400"), Decimal("1E-400"), 10**60]
)
def test_number_that_is_none_is_unreadable(value):
    with pytest.raises(UnreadableError):
        signed_number({"a": value}, "a")


def test_number_below_zero_or_zero_is_refused_where_it_makes_no_sense():
    for read, value in ((number, Decimal(-1)), (positive_number, 0), (number_or_none, "-1")):
        with pytest.raises(UnreadableError):
            read({"a": value}, "a")


@pytest.mark.parametrize("value", [None, "", 0, "0.000", Decimal("0.0")])
def test_number_that_may_be_absent_is_none_in_all_its_forms(value):
    assert number_or_none({"a": value}, "a") is None


def test_decimal_is_written_as_a_number_digit_for_digit():
    assert write_json({"price": Decimal("6335.250"), "size": 1}) == b'{"price":6335.250,"size":1}'
