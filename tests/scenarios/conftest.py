"""One paper venue for all scenarios about fills; each test has accounts of its own on it."""

from collections.abc import Iterator

import pytest
from fill_world import FillVenue


@pytest.fixture(scope="session")
def fill_venue() -> Iterator[FillVenue]:
    """A paper venue without faults."""
    with FillVenue() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "fill_venue" in request.fixturenames:
        request.getfixturevalue("fill_venue").control.set_faults()
