"""How much ProjectX may be asked: its budgets, what a call takes of them, and what an answer means for the next calls.

Pure. Never assumes that an answer which does not say for how long nothing is wanted means not at all.
"""

from exchanges.http import HttpAnswer
from exchanges.outcomes import HTTP_TOO_MANY
from exchanges.projectx.answers import silence_ms
from exchanges.session import Cost, Heed
from exchanges.throttle import Budget

CALL: Cost = {"calls": 1}
HISTORY_CALL: Cost = {"history": 1}
BUDGETS = (
    Budget(name="calls-60000", unit="calls", limit=200, window_ms=60_000),
    Budget(name="history-30000", unit="history", limit=30, window_ms=30_000),
)
LIMITED_MS = 10_000
"""How long to be silent after a 429 that does not say."""


def heed(answer: HttpAnswer) -> Heed | None:
    """Be silent after a 429, as long as it says: the sessions of this user, as he is who is counted."""
    if answer.status != HTTP_TOO_MANY:
        return None
    return Heed(silent_ms=silence_ms(answer.headers) or LIMITED_MS, by_address=False)
