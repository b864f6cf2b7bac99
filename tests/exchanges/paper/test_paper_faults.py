"""The fault plan: seeded, limited, aimed."""

import pytest

from exchanges.paper.faults import TRANSPORT, Fault, FaultPlan, FaultRule, RequestKind


def drawn(plan, kind, count=200, ids=()):
    return [frozenset(plan.draw(kind, ids).hits) for _ in range(count)]


def test_plan_with_the_same_seed_draws_the_same_faults():
    probabilities = {Fault.BREAK_AFTER: 0.3, Fault.DELAYED_VISIBILITY: 0.5}
    first, second, other = (drawn(FaultPlan(seed, probabilities), RequestKind.PLACE) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_plan_draws_for_placements_do_not_depend_on_queries_between_them():
    alone, mixed = FaultPlan(1, {Fault.BREAK_AFTER: 0.3}), FaultPlan(1, {Fault.BREAK_AFTER: 0.3})
    expected = drawn(alone, RequestKind.PLACE, 50)
    seen = []
    for _ in range(50):
        mixed.draw(RequestKind.ORDER)
        seen += drawn(mixed, RequestKind.PLACE, 1)
    assert seen == expected


def test_plan_probability_is_met_over_many_draws():
    hits = sum(Fault.HANG in draw for draw in drawn(FaultPlan(1, {Fault.HANG: 0.25}), RequestKind.PLACE, 4000))
    assert 800 < hits < 1200


def test_rule_with_skip_and_count_hits_exactly_those_requests():
    plan = FaultPlan(1, rules=[FaultRule(fault=Fault.HANG, skip=2, count_max=3)])
    assert [Fault.HANG in draw for draw in drawn(plan, RequestKind.PLACE, 7)] == [False] * 2 + [True] * 3 + [False] * 2


def test_rule_for_one_client_order_id_leaves_other_requests_alone():
    plan = FaultPlan(1, rules=[FaultRule(fault=Fault.BREAK_AFTER, client_order_id="mine")])
    assert Fault.BREAK_AFTER not in plan.draw(RequestKind.PLACE, ("other",))
    assert Fault.BREAK_AFTER in plan.draw(RequestKind.PLACE, ("mine",))


def test_rule_of_one_kind_leaves_other_kinds_alone():
    plan = FaultPlan(1, rules=[FaultRule(fault=Fault.BREAK_AFTER, kind=RequestKind.CANCEL)])
    assert Fault.BREAK_AFTER not in plan.draw(RequestKind.PLACE)
    assert Fault.BREAK_AFTER in plan.draw(RequestKind.CANCEL)


def test_fault_of_requests_that_change_something_never_hits_queries():
    plan = FaultPlan(1, {Fault.DELIVER_TWICE: 1.0})
    hit = [kind for kind in RequestKind if Fault.DELIVER_TWICE in plan.draw(kind)]
    assert hit == [RequestKind.PLACE, RequestKind.AMEND, RequestKind.REPLACE]


@pytest.mark.parametrize("changes", [{"kind": RequestKind.TIME}, {"probability": 1.5}])
def test_rule_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError, match=r"cannot hit|probability"):
        FaultRule(fault=Fault.DELIVER_TWICE, **changes)


def test_draw_of_several_transport_faults_names_the_first_in_order():
    plan = FaultPlan(1, dict.fromkeys(reversed(TRANSPORT), 1.0))
    assert plan.draw(RequestKind.PLACE).transport is TRANSPORT[0]


def test_rule_amount_overrides_the_default_of_its_fault():
    plan = FaultPlan(1, rules=[FaultRule(fault=Fault.ANSWER_LATE, amount_ms=7)])
    assert plan.draw(RequestKind.PLACE).amount_ms(Fault.ANSWER_LATE) == 7


def test_every_fault_can_hit_something():
    assert all(any(fault in FaultPlan(1, {fault: 1.0}).draw(kind) for kind in RequestKind) for fault in Fault)
