"""One paper venue for all scenarios about fills; each test has accounts of its own on it."""

from collections.abc import Iterator

import pytest
from fill_world import FillVenue


@pytest.fixture(scope="session")
def _running_venue() -> Iterator[FillVenue]:
    with FillVenue() as running:
        yield running


@pytest.fixture(scope="module")
def fill_venue(_running_venue: FillVenue) -> Iterator[FillVenue]:
    """A paper venue without faults, whose book no other module has left anything in."""
    yield _running_venue
    for row in _running_venue.control.orders(open=True):
        _running_venue.control.cancel(row["orderId"])


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "fill_venue" in request.fixturenames:
        request.getfixturevalue("fill_venue").control.set_faults()
