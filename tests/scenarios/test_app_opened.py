"""The stored records that `run.py check` and `run.py parity` open: those that are there, and none are made."""

from pathlib import Path
from typing import Any

import pytest

from actors.app.checking import run_check
from actors.app.opened import NothingStored, opened
from actors.app.parity import run_parity
from actors.errors import StoreUnavailable
from actors.settings import Settings

LIVE: dict[str, Any] = {
    "deployment": {"name": "opened"},
    "accounts": [{"id": "a", "exchanges": {"binance": {"apiKeyEnv": "KEY", "apiSecretEnv": "SECRET"}}}],
}


def settings(**changes: Any) -> Settings:
    return Settings.load(LIVE | changes, environ={"KEY": "k", "SECRET": "s"})


def test_programs_without_a_data_folder_say_where_they_looked_and_make_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    where = tmp_path / "livermore-orders" / "opened"

    for program in (lambda: run_check(settings(), None), lambda: run_parity(settings())):
        with pytest.raises(NothingStored, match=f"{where} is no data folder"):
            program()

    assert not where.exists()


def test_store_that_does_not_answer_is_named_by_the_setting_that_leads_there() -> None:
    away = settings(redis={"url": "redis://127.0.0.1:9/0", "connectTimeoutMs": 200})

    with pytest.raises(StoreUnavailable, match=r"the server of redis\.url does not answer"), opened(away) as found:
        found.store.accounts()
