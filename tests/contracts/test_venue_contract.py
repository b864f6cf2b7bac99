"""Every venue keeps the contract: our adapter and stream against its paper venue, over real sockets."""

from collections.abc import Iterator

import pytest

PARTS = ("orders", "changes", "reads", "stream", "faults")
pytest.register_assert_rewrite("venue_claims", "venue_kit", *(f"venue_contract_{part}" for part in PARTS))

from venue_contract import CONTRACT, Case  # noqa: E402 - their assertions are rewritten first
from venue_kit import Desk  # noqa: E402

from exchanges.paper.client import PaperProcess  # noqa: E402
from exchanges.registry import capabilities  # noqa: E402

VENUES = tuple(can.venue for can in capabilities())


@pytest.fixture(scope="module")
def process() -> Iterator[PaperProcess]:
    """Paper venues for all of them, in one process."""
    with PaperProcess(VENUES, seed=5) as running:
        yield running


@pytest.fixture
def desk(process: PaperProcess, venue: str, case: Case) -> Iterator[Desk]:
    """An account of its own at the venue, so that cases do not see each other's orders."""
    made = Desk(process, venue, case.__name__.replace("_", "-"))
    yield made
    made.close()


@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
@pytest.mark.parametrize("venue", VENUES)
def test_venue_in_each_case_keeps_the_contract(venue: str, case: Case, desk: Desk) -> None:
    assert desk.venue == venue

    case(desk)
