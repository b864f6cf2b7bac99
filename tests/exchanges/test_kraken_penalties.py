import pytest

from exchanges.kraken.penalties import OrderAges

AGES_S = [0, 4.999, 5, 10, 15, 45, 90, 299.999, 300]


@pytest.mark.parametrize(("age_s", "cost"), list(zip(AGES_S, [8, 8, 6, 5, 4, 2, 1, 1, 0], strict=True)))
def test_cancel_costs_the_more_the_younger_the_order(age_s, cost):
    ages = OrderAges()
    ages.touched("a", 1000)
    assert ages.cancel_cost("a", 1000 + int(age_s * 1000)) == cost


@pytest.mark.parametrize(("age_s", "cost"), list(zip(AGES_S, [4, 4, 3, 2, 1, 1, 1, 1, 1], strict=True)))
def test_amend_costs_the_more_the_younger_the_order(age_s, cost):
    ages = OrderAges()
    ages.touched("a", 1000)
    assert ages.amend_cost("a", 1000 + int(age_s * 1000)) == cost


def test_amend_makes_an_order_young_again():
    ages = OrderAges()
    ages.touched("a", 0)
    ages.touched("a", 299_000)
    assert ages.cancel_cost("a", 300_000) == 8


def test_order_of_unknown_age_is_taken_for_old():
    assert (OrderAges().cancel_cost("a", 0), OrderAges().amend_cost("a", 0)) == (0, 1)


def test_old_orders_are_forgotten_and_young_ones_kept():
    ages = OrderAges()
    for number in range(1000):
        ages.touched(f"old{number}", 0)
    ages.touched("young", 400_000)
    assert ages.cancel_cost("young", 400_000) == 8
    assert len(ages._touched_ms) == 1
