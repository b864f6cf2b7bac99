"""What the endpoints of the Kraken dialect take and give. Only values."""

from dataclasses import dataclass
from typing import Any

from exchanges.paper.dialects.kraken.params import Parameters
from exchanges.paper.model import Events
from exchanges.paper.visibility import Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; `account` is empty where it was not signed."""

    account: str
    parameters: Parameters
    now_ms: int
    lens: Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a request came to: the `result` of the answer, and what happened in the engine."""

    body: Any
    events: Events = ()
