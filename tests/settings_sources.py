"""Settings for tests: sources by hand, never from this process's environment, and the words of a refusal."""

import copy
from pathlib import Path
from typing import Any

import pytest

from actors.errors import SettingsError
from actors.settings import Settings

LIVE: dict[str, Any] = {
    "deployment": {"name": "desk"},
    "accounts": [{"id": "7", "exchanges": {"binance": {"apiKeyEnv": "B_KEY", "apiSecretEnv": "B_SECRET"}}}],
}
ENVIRON = {"B_KEY": "k3y-value", "B_SECRET": "s3cret-value"}


def load(source: Any = None, **environ: str) -> Settings:
    return Settings.load(source, environ=environ)


def refusal(source: Any = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(source, **environ)
    return str(caught.value)


def nested(path: str, value: object) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value  # type: ignore[return-value]


def live(**exchange: object) -> dict[str, Any]:
    source = copy.deepcopy(LIVE)
    source["accounts"][0]["exchanges"]["binance"] = exchange
    return source


def written(folder: Path, text: str) -> Path:
    path = folder / "orders.yaml"
    path.write_text(text)
    return path
