"""The state machine: every cell of (state, trigger, target), what a step sets, and what is derived from the table."""

import re
from dataclasses import replace

import pytest
from factories import NOW_MS, make

from actors.domain.lifecycle import (
    CANCELLABLE,
    CAUSES,
    EVIDENCED,
    MODIFIABLE,
    RULES,
    TERMINAL,
    diagram,
    evolve,
    is_stuck,
    public_status,
    time_in_state,
    transition,
    transition_table_markdown,
)
from actors.errors import InvalidTransition
from messages import (
    CompletionReason,
    Evidence,
    InitiatedBy,
    Order,
    OrderState,
    PublicStatus,
    StateTransition,
    Trigger,
    Verification,
)

S = OrderState
T = Trigger
LATER = NOW_MS + 1000
PROOF = make(Evidence)

# Written from the design page, not from the table under test.
MOVES = {
    S.DRAFT: {S.PENDING, S.CANCELLED, S.FAILED},
    S.PENDING: {S.SUBMITTED, S.REJECTED, S.CANCELLED, S.FAILED},
    S.SUBMITTED: {
        S.ACKNOWLEDGED, S.REJECTED, S.CANCELLED, S.FAILED, S.PARTIALLY_FILLED, S.FILLED, S.EXPIRED,
    },
    S.ACKNOWLEDGED: {S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED, S.FAILED, S.REJECTED},
    S.PARTIALLY_FILLED: {S.FILLED, S.CANCELLED, S.PARTIAL_FILL_TIMEOUT, S.FAILED, S.EXPIRED, S.REJECTED},
    S.FILLED: set(),
    S.CANCELLED: {S.FILLED, S.ACKNOWLEDGED},
    S.EXPIRED: {S.FILLED},
    S.PARTIAL_FILL_TIMEOUT: {S.FILLED},
    S.REJECTED: {S.FILLED, S.ACKNOWLEDGED},
    S.FAILED: {S.FILLED, S.ACKNOWLEDGED},
}  # fmt: skip
ENDS = {S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.FAILED}
STAYS = {S.DRAFT, S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED} | ENDS

CELLS = [(source, trigger, target) for source in S for trigger in T for target in S]
ALLOWED = {(rule.source, trigger, rule.target) for rule in RULES for trigger in rule.triggers}


def order_in(state: OrderState, **changes: object) -> Order:
    return evolve(make(Order), state=state, **changes)


def test_edges_compared_with_the_design_page_are_the_same() -> None:
    edges = {(rule.source, rule.target) for rule in RULES}
    wanted = {(source, target) for source, targets in MOVES.items() for target in targets}
    assert edges == wanted | {(state, state) for state in STAYS}
    assert len(edges) == len(RULES)


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_transition_for_every_cell_follows_the_table_or_changes_nothing(
    cell: tuple[OrderState, Trigger, OrderState],
) -> None:
    source, trigger, target = cell
    order = order_in(source)
    before = dict(order.__dict__)
    if cell in ALLOWED:
        moved, record = transition(order, target, trigger, LATER, evidence=PROOF)
        assert (moved.state, moved.version, moved.updated_at_ms) == (target, order.version + 1, LATER)
        assert moved.state_since_ms == (order.state_since_ms if source is target else LATER)
        assert (record.from_state, record.to_state, record.trigger, record.version) == (
            source, target, trigger, moved.version,
        )  # fmt: skip
        assert record.evidence is PROOF
    else:
        with pytest.raises(InvalidTransition, match=f"{source} to {target} by {trigger}"):
            transition(order, target, trigger, LATER, evidence=PROOF)
    assert order.__dict__ == before


def test_terminal_states_are_left_only_by_a_venue_correction() -> None:
    leaving = {t for source, t, target in ALLOWED if source in ENDS}
    assert leaving == {T.VENUE_CORRECTION}
    assert all(source in ENDS for source, t, _ in ALLOWED if t is T.VENUE_CORRECTION)


def test_failed_from_working_states_needs_a_proven_absence_or_an_operator() -> None:
    for source in (S.ACKNOWLEDGED, S.PARTIALLY_FILLED):
        assert {t for s, t, target in ALLOWED if s is source and target is S.FAILED} == {
            T.VERIFICATION_ABSENT,
            T.MANUAL_RESOLUTION,
        }


@pytest.mark.parametrize(
    ("trigger", "edges"),
    [
        (T.USER_SUBMIT_ORDER, {(S.DRAFT, S.PENDING)}),
        (T.VALIDATION_PASS, {(S.PENDING, S.SUBMITTED)}),
        (T.VALIDATION_FAIL, {(S.PENDING, S.REJECTED)}),
        (T.RISK_RULE_REJECT, {(S.PENDING, S.REJECTED)}),
        (T.API_ACKNOWLEDGED, {(S.SUBMITTED, S.ACKNOWLEDGED)}),
        (T.ORDER_COMPLETE, {(s, S.FILLED) for s in (S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED)}),
        (T.ORDER_EXPIRED, {(s, S.EXPIRED) for s in (S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED)}),
        (T.API_REJECTED, {(s, S.REJECTED) for s in (S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED)}),
        (T.USER_CANCEL_ORDER, {(s, S.CANCELLED) for s in S if s not in ENDS}),
        (T.RISK_RULE_CANCEL, {(s, S.CANCELLED) for s in S if s not in ENDS}),
        (
            T.VERIFICATION_ABSENT,
            {(S.SUBMITTED, S.SUBMITTED)} | {(s, S.FAILED) for s in (S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED)},
        ),
    ],
)
def test_trigger_may_cause_exactly_what_it_means(trigger: Trigger, edges: set[tuple[OrderState, OrderState]]) -> None:
    assert CAUSES[trigger] == edges


def test_every_trigger_causes_something() -> None:
    assert [trigger for trigger in T if not CAUSES[trigger]] == []


@pytest.mark.parametrize("target", sorted(EVIDENCED))
def test_transition_without_evidence_is_refused_where_a_proof_is_required(target: OrderState) -> None:
    for rule in RULES:
        if rule.target is not target or rule.source is target:
            continue
        order = order_in(rule.source)
        with pytest.raises(InvalidTransition, match="needs evidence"):
            transition(order, target, min(rule.triggers), LATER)


def test_evidence_is_required_for_every_end_but_filled() -> None:
    assert set(EVIDENCED) == ENDS - {S.FILLED}


def test_transition_refused_says_what_is_allowed() -> None:
    with pytest.raises(InvalidTransition, match="DRAFT leads only to DRAFT, PENDING, CANCELLED, FAILED"):
        transition(order_in(S.DRAFT), S.FILLED, T.ORDER_COMPLETE, LATER)
    with pytest.raises(InvalidTransition, match="caused only by validation_pass"):
        transition(order_in(S.PENDING), S.SUBMITTED, T.USER_SUBMIT_ORDER, LATER)


@pytest.mark.parametrize("rule", [r for r in RULES if r.target in ENDS], ids=lambda r: f"{r.source}-{r.target}")
def test_transition_to_an_end_settles_overlay_verification_and_review(rule) -> None:
    order = order_in(
        rule.source,
        cancel_pending=True,
        replace_pending=True,
        verification=make(Verification),
        needs_review=True,
        review_reason="search_unanswered",
    )
    ended, _ = transition(order, rule.target, min(rule.triggers), LATER, evidence=PROOF)
    assert (ended.cancel_pending, ended.replace_pending, ended.needs_review) == (False, False, False)
    assert (ended.verification, ended.review_reason) == (None, "")


def test_transition_to_a_working_state_keeps_the_overlay() -> None:
    order = order_in(S.SUBMITTED, cancel_pending=True, verification=make(Verification), needs_review=True)
    moved, _ = transition(order, S.ACKNOWLEDGED, T.API_ACKNOWLEDGED, LATER)
    assert (moved.cancel_pending, moved.needs_review) == (True, True)
    assert moved.verification is order.verification


@pytest.mark.parametrize(
    ("source", "target", "trigger", "completion"),
    [
        (S.ACKNOWLEDGED, S.FILLED, T.ORDER_COMPLETE, CompletionReason.FULLY_FILLED),
        (S.ACKNOWLEDGED, S.CANCELLED, T.USER_CANCEL_ORDER, CompletionReason.CANCELLED),
        (S.ACKNOWLEDGED, S.CANCELLED, T.PARTIAL_FILL_TIMEOUT, CompletionReason.UNFILLED_TIMEOUT),
        (S.PARTIALLY_FILLED, S.PARTIAL_FILL_TIMEOUT, T.PARTIAL_FILL_TIMEOUT, CompletionReason.TIMEOUT),
        (S.SUBMITTED, S.EXPIRED, T.ORDER_EXPIRED, CompletionReason.EXPIRED),
        (S.PENDING, S.REJECTED, T.VALIDATION_FAIL, CompletionReason.REJECTED),
        (S.SUBMITTED, S.FAILED, T.VERIFICATION_ABSENT, CompletionReason.NOT_PLACED),
        (S.PARTIALLY_FILLED, S.FAILED, T.VERIFICATION_ABSENT, None),
        (S.CANCELLED, S.FILLED, T.VENUE_CORRECTION, CompletionReason.FULLY_FILLED),
        (S.FAILED, S.ACKNOWLEDGED, T.VENUE_CORRECTION, None),
    ],
)
def test_completion_reason_follows_from_the_edge(
    source: OrderState, target: OrderState, trigger: Trigger, completion: CompletionReason | None
) -> None:
    order = order_in(source, completion=CompletionReason.NOT_PLACED if source is S.FAILED else None)
    ended, _ = transition(order, target, trigger, LATER, evidence=PROOF)
    assert ended.completion is completion


def test_completion_reason_given_by_the_caller_wins() -> None:
    ended, _ = transition(
        order_in(S.ACKNOWLEDGED), S.CANCELLED, T.RECONCILIATION, LATER, evidence=PROOF,
        completion=CompletionReason.UNFILLED_TIMEOUT, cancelled_by=InitiatedBy.SYSTEM,
    )  # fmt: skip
    assert (ended.completion, ended.cancelled_by) == (CompletionReason.UNFILLED_TIMEOUT, InitiatedBy.SYSTEM)


def test_late_fill_recorded_in_place_keeps_the_end_as_it_is() -> None:
    order = order_in(
        S.CANCELLED, completion=CompletionReason.CANCELLED, reason="cancelled_by_user", reason_text="as you wish"
    )
    moved, record = transition(order, S.CANCELLED, T.VENUE_CORRECTION, LATER, fill_count=1)
    assert moved == evolve(order, version=order.version + 1, updated_at_ms=LATER, fill_count=1)
    assert record.evidence is None


def test_order_reopened_forgets_the_words_of_its_end() -> None:
    order = order_in(S.REJECTED, completion=CompletionReason.REJECTED, reason="venue_rejected", reason_text="no funds")
    moved, _ = transition(order, S.ACKNOWLEDGED, T.VENUE_CORRECTION, LATER, reason="found_working", evidence=PROOF)
    assert (moved.completion, moved.reason, moved.reason_text) == (None, "found_working", "")


def test_reason_left_empty_is_cleared_by_a_move_and_kept_in_place() -> None:
    order = order_in(S.ACKNOWLEDGED, reason="acknowledged_late")
    moved, _ = transition(order, S.PARTIALLY_FILLED, T.FIRST_FILL_RECEIVED, LATER)
    stayed, _ = transition(order, S.ACKNOWLEDGED, T.USER_MODIFY_ORDER, LATER)
    renamed, _ = transition(order, S.ACKNOWLEDGED, T.USER_MODIFY_ORDER, LATER, reason="repriced")
    assert (moved.reason, stayed.reason, renamed.reason) == ("", "acknowledged_late", "repriced")


def test_transition_record_carries_reason_and_metadata() -> None:
    _, record = transition(
        order_in(S.SUBMITTED), S.ACKNOWLEDGED, T.API_ACKNOWLEDGED, LATER, reason="late", metadata=(("attempt", "2"),)
    )
    assert (record.at_ms, record.reason, record.metadata) == (LATER, "late", (("attempt", "2"),))


@pytest.mark.parametrize("name", ["state", "version", "updated_at_ms", "state_since_ms"])
def test_transition_given_a_field_it_sets_itself_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        transition(order_in(S.SUBMITTED), S.ACKNOWLEDGED, T.API_ACKNOWLEDGED, LATER, **{name: 7})  # type: ignore[arg-type]


def test_transition_given_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="filled_sise"):
        transition(order_in(S.SUBMITTED), S.ACKNOWLEDGED, T.API_ACKNOWLEDGED, LATER, filled_sise=7)


def test_evolve_compared_with_replace_is_equal_and_leaves_the_original() -> None:
    order = make(Order)
    before = dict(order.__dict__)
    copy = evolve(order, venue_order_id="77", needs_review=True)
    assert copy == replace(order, venue_order_id="77", needs_review=True)
    assert (order.__dict__, hash(copy)) == (before, hash(replace(order, venue_order_id="77", needs_review=True)))


def test_state_sets_partition_as_the_design_page_says() -> None:
    assert TERMINAL == ENDS
    assert set(CANCELLABLE) == set(S) - ENDS
    assert set(MODIFIABLE) == {S.DRAFT, S.SUBMITTED, S.ACKNOWLEDGED, S.PARTIALLY_FILLED}


@pytest.mark.parametrize(
    ("status", "states"),
    [
        (PublicStatus.PENDING, {S.DRAFT, S.PENDING, S.SUBMITTED}),
        (PublicStatus.OPEN, {S.ACKNOWLEDGED, S.PARTIALLY_FILLED}),
        (PublicStatus.FILLED, {S.FILLED}),
        (PublicStatus.CANCELLED, {S.CANCELLED, S.PARTIAL_FILL_TIMEOUT}),
        (PublicStatus.FAILED, {S.REJECTED, S.FAILED}),
        (PublicStatus.EXPIRED, {S.EXPIRED}),
    ],
)
def test_public_status_of_each_state_is_the_seeds(status: PublicStatus, states: set[OrderState]) -> None:
    assert {state for state in S if public_status(state) is status} == states


def steps(*moves: tuple[OrderState, OrderState, int]) -> list[StateTransition]:
    return [
        make(StateTransition, from_state=source, to_state=target, at_ms=at_ms, version=number)
        for number, (source, target, at_ms) in enumerate(moves, start=1)
    ]


def test_time_in_state_with_re_entry_sums_and_counts_the_present_to_now() -> None:
    history = steps(
        (S.SUBMITTED, S.FAILED, 100),
        (S.FAILED, S.ACKNOWLEDGED, 130),
        (S.ACKNOWLEDGED, S.ACKNOWLEDGED, 150),
        (S.ACKNOWLEDGED, S.FAILED, 190),
    )
    assert time_in_state(history, 200, created_at_ms=40) == {S.SUBMITTED: 60, S.FAILED: 40, S.ACKNOWLEDGED: 60}
    assert time_in_state(history, 200) == {S.FAILED: 40, S.ACKNOWLEDGED: 60}


def test_time_in_state_with_a_clock_set_back_is_never_negative() -> None:
    history = steps((S.DRAFT, S.PENDING, 100), (S.PENDING, S.SUBMITTED, 50))
    assert time_in_state(history, 40) == {S.PENDING: 0, S.SUBMITTED: 0}


def test_time_in_state_without_history_is_empty() -> None:
    assert time_in_state([], NOW_MS) == {}


def test_order_is_stuck_only_past_the_threshold_of_its_state() -> None:
    order = order_in(S.SUBMITTED, state_since_ms=1000)
    assert not is_stuck(order, 31_000, 3_600_000, {S.SUBMITTED: 30_000})
    assert is_stuck(order, 31_001, 3_600_000, {S.SUBMITTED: 30_000})
    assert not is_stuck(order, 31_001, 3_600_000, {S.PENDING: 10_000})
    assert is_stuck(order, 3_601_001, 3_600_000, {})


@pytest.mark.parametrize("state", sorted(ENDS))
def test_order_that_ended_is_never_stuck(state: OrderState) -> None:
    assert not is_stuck(order_in(state, state_since_ms=0), NOW_MS, 1, {})


def test_diagram_read_back_is_the_table() -> None:
    lines = diagram().splitlines()
    read = {
        (source, target, tuple(triggers.split(", ")))
        for source, target, triggers in re.findall(r"^    (\w+) --> (\w+): (.+)$", diagram(), re.MULTILINE)
    }
    assert read == {(r.source, r.target, tuple(sorted(r.triggers))) for r in RULES}
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> DRAFT"]
    assert {line.split()[0] for line in lines if line.endswith("--> [*]")} == ENDS


def test_table_in_markdown_has_a_row_and_a_reason_for_every_edge() -> None:
    rows = transition_table_markdown().splitlines()[2:]
    assert [row.strip("| ").split(" | ")[:2] for row in rows] == [[r.source, r.target] for r in RULES]
    assert all(r.why for r in RULES)
