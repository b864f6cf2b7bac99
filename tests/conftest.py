"""What every test gets: the modules beside this file, no settings from outside, no timing verdicts from hypothesis."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# At the end, so that the folders of tests named like packages of the product never hide those.
sys.path.append(str(Path(__file__).parent))

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OMS__")]:
        monkeypatch.delenv(name)
