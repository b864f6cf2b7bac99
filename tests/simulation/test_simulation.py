"""Runs of whole systems under drawn faults, and proof that the simulator would notice if they went wrong."""

from collections.abc import Sequence
from multiprocessing import get_context

import pytest

from exchanges.gateway import AmendScope
from messages.types import OrderType

from .campaign import DRAWN_VENUE, SPREAD, Campaign, run_seed, run_seeds
from .faults import Fault
from .mutants import MUTANTS
from .regressions import AWARENESS_REGRESSIONS, REGRESSIONS
from .simulation import Simulation
from .venue_traits import VENUES, Executions, Repetition
from .verifications import verify_many

SEEDS_PER_CHUNK = 25
CHUNKS = 8
SOMETIMES_SEEDS = range(201, 341)
SEEDS_PER_MUTANT = 100
STRUCK_AT = {"replacement_at_full_size": "kucoin"}
"""Mutants that seldom matter where most changes are made in place, and a venue where none is."""
SEEDS_PER_VENUE = 12
_STOPS = {OrderType.STOP_MARKET, OrderType.STOP_LIMIT}


def _campaign(seeds: range, venues: Sequence[str] = (DRAWN_VENUE,)) -> Campaign:
    campaign = Campaign()
    for verdict in run_seeds(seeds, venues=venues):
        campaign.add(verdict)
    return campaign


def _told(campaign: Campaign) -> list[str]:
    return [f"seed {each.seed}: {each.violation}" for each in campaign.violations]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_simulation_under_drawn_faults_breaks_no_invariant(chunk: int) -> None:
    first = 1 + chunk * SEEDS_PER_CHUNK
    # On every venue in turn, and on one whose abilities are drawn.
    campaign = _campaign(range(first, first + SEEDS_PER_CHUNK), SPREAD)
    assert campaign.seeds == SEEDS_PER_CHUNK
    assert _told(campaign) == []


def test_simulation_over_many_seeds_sees_every_fault_transition_and_reply() -> None:
    campaign = _campaign(SOMETIMES_SEEDS)
    assert _told(campaign) == []
    assert campaign.never() == []


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_simulation_on_a_venue_sees_what_is_its_own(venue: str) -> None:
    traits, campaign = VENUES[venue], _campaign(range(1, SEEDS_PER_VENUE + 1), (venue,))
    assert _told(campaign) == []
    assert campaign.seeds == SEEDS_PER_VENUE
    told = {name for name, times in campaign.seen.items() if times}
    assert ("fill:stream" in told) is (traits.executions is not Executions.UNTOLD)
    assert ("modify:amend" in told) is (traits.capabilities.amend is not AmendScope.NONE)
    assert ("modify:venue_replace" in told) is traits.capabilities.cancel_replace
    assert ("venue:cancel accepted" in told) is bool(traits.cancels_pending)
    assert ("venue:amend accepted" in told) is bool(traits.amends_pending)
    assert ("venue:stop triggered" in told) is (not traits.capabilities.order_types.isdisjoint(_STOPS))
    assert ("venue:positions" in told) is traits.capabilities.margin
    assert (Fault.TWICE in campaign.faults) is (traits.repetition is not Repetition.ACCEPTED)


def test_simulation_without_faults_settles_with_no_review_and_no_alert() -> None:
    for seed in range(1, 6):
        verdict = Simulation(seed, frozenset()).run()
        assert verdict.violation is None
        assert verdict.seen["FillRecorded"]
        assert not verdict.seen["ManualReviewRequired"]
        assert not verdict.seen["alert:AccountFenced"]


def test_simulation_of_a_stream_that_silently_drops_frames_books_every_fill_within_one_audit() -> None:
    silent = [simulation for simulation in map(Simulation, range(1, 121)) if simulation.silent]
    assert len(silent) > 5
    found = 0
    for simulation in silent:
        verdict = simulation.run()
        assert verdict.violation is None, verdict.seed
        assert verdict.faults.keys() == {Fault.FRAME_DROP}
        found += verdict.seen["fill:reconcile"]
    assert found > 10 * len(silent)


@pytest.mark.parametrize("seed", sorted(REGRESSIONS))
def test_simulation_of_a_seed_that_once_failed_breaks_no_invariant(seed: int) -> None:
    assert run_seed(seed, plain=True).violation is None, REGRESSIONS[seed]


@pytest.mark.parametrize("seed", sorted(AWARENESS_REGRESSIONS))
def test_simulation_of_a_seed_that_once_failed_with_awareness_breaks_no_invariant(seed: int) -> None:
    assert run_seed(seed, plain=False).violation is None, AWARENESS_REGRESSIONS[seed]


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_simulation_of_a_broken_build_is_caught_within_a_hundred_seeds(mutant: str) -> None:
    venues = (STRUCK_AT.get(mutant, DRAWN_VENUE),)
    verdicts = run_seeds(range(1, SEEDS_PER_MUTANT + 1), mutant=mutant, venues=venues)
    assert next((verdict for verdict in verdicts if verdict.violation), None) is not None


@pytest.mark.parametrize("seed", [4, 45, 57])
def test_simulation_of_the_same_seed_in_another_process_leaves_the_same_trace(seed: int) -> None:
    # A fresh interpreter hashes strings differently: whatever is iterated in the order of a set would show.
    with get_context("spawn").Pool(1) as pool:
        elsewhere = pool.apply(run_seed, (seed,))
    here = run_seed(seed)
    assert here.trace_hash == elsewhere.trace_hash
    assert here.trace_hash != run_seed(seed + 1).trace_hash


def test_verification_of_lost_answers_finds_every_existing_order_and_matches_none_falsely() -> None:
    figures = verify_many(400)
    assert figures.verifications == 400
    assert figures.existing > 100
    assert figures.absent > 100
    assert figures.found == figures.existing
    assert figures.false_matches == 0
    assert figures.undecided == 0
