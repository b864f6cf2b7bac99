"""Which faults strike in a run, and how often: drawn from the seed, a random subset each time.

Pure: it only draws. `calm` ends every fault for good, so that a run can show that the system heals by itself.
"""

from collections import Counter
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """Everything that can be made to go wrong."""

    # Requests to the venue.
    REFUSED = "refused"
    """The connection is refused: nothing was sent."""
    LOST_BEFORE = "lost_before"
    """The connection breaks after sending; the venue never sees the request."""
    LOST_AFTER = "lost_after"
    """The venue acts, the answer is lost."""
    ERROR_BEFORE = "error_before"
    """5xx without having acted."""
    ERROR_AFTER = "error_after"
    """5xx after having acted."""
    UNREADABLE = "unreadable"
    """The venue acts and answers something nobody can read, perhaps but for the order id."""
    LATE_ANSWER = "late_answer"
    """The venue acts, the answer comes after the caller has given up."""
    LATE_REQUEST = "late_request"
    """The request reaches the venue after the caller has given up, perhaps after its validity."""
    TWICE = "twice"
    """The network delivers the request twice; only to orders that rest, see `exchanges.paper.faults`."""
    RATE_LIMITED = "rate_limited"
    REPLACE_HALF = "replace_half"
    """The venue cancels the old order and refuses the new one."""
    REPLACE_SLOW = "replace_slow"
    """Some time passes between the two halves of a replace."""
    REPLACE_UNREADABLE = "replace_unreadable"
    """The second half of a replace is carried out, and answered with something nobody understands."""
    CLOCK_STEP = "clock_step"
    """Our wall clock jumps; the venue refuses what is stamped wrongly until the offset is read again."""
    VENUE_DOWN = "venue_down"
    """Every connection is refused for some seconds."""
    READ_FAILS = "read_fails"
    STALE_READ = "stale_read"
    """A look-up, or one source of a search, shows the past; never further back than the settle time."""
    STALE_LIST = "stale_list"
    STALE_TRADES = "stale_trades"
    """The list of executions ends in the past."""
    STALE_BALANCES = "stale_balances"
    # What the venue does by itself.
    FILL_BEFORE_ACK = "fill_before_ack"
    FILL_DURING_CANCEL = "fill_during_cancel"
    FILL_AFTER_CANCEL = "fill_after_cancel"
    """An execution that came before the cancel is shown some time after it."""
    VENUE_CANCEL = "venue_cancel"
    VENUE_EXPIRE = "venue_expire"
    VENUE_REJECT = "venue_reject"
    VANISH = "vanish"
    """The venue ends an order by itself and tells nobody."""
    # The user stream.
    FRAME_DROP = "frame_drop"
    FRAME_GAP = "frame_gap"
    """A frame is dropped, and the number of the next one tells so."""
    FRAME_DUPLICATE = "frame_duplicate"
    FRAME_DELAY = "frame_delay"
    FRAME_REORDER = "frame_reorder"
    FRAME_SHUFFLE = "frame_shuffle"
    """For some seconds, frames come in any order."""
    FILL_ALONE = "fill_alone"
    """An execution is told without its order, as some venues tell all of them."""
    FRAME_UNREADABLE = "frame_unreadable"
    UNKNOWN_STATUS = "unknown_status"
    STREAM_CLOSED = "stream_closed"
    STREAM_SILENT = "stream_silent"
    # The store.
    STORE_SLOW = "store_slow"
    STORE_ANSWER_LOST = "store_answer_lost"
    """Written, and nobody hears of it."""
    STORE_NOT_WRITTEN = "store_not_written"
    STORE_LATE_WRITE = "store_late_write"
    """Given up by the client, and written some time later after all."""
    STORE_TWICE = "store_twice"
    """The group arrives twice."""
    STORE_DOWN = "store_down"
    LOAD_FAILS = "load_fails"
    """Taking or loading an account fails, perhaps after the lease was taken."""
    # This process.
    CRASH = "crash"
    CRASH_AFTER_WRITE = "crash_after_write"
    """The process dies between the store's write and its answer."""
    TAKEN_OVER = "taken_over"
    """Somebody else takes the account while this process goes on as if it were the owner."""
    EXCHANGE_FAILS = "exchange_fails"
    ACCOUNT_FAILS = "account_fails"
    POSITION_FAILS = "position_fails"
    SUPERVISOR_FAILS = "supervisor_fails"


ODDS: dict[Fault, float] = {
    Fault.REFUSED: 0.10,
    Fault.LOST_BEFORE: 0.12,
    Fault.LOST_AFTER: 0.15,
    Fault.ERROR_BEFORE: 0.12,
    Fault.ERROR_AFTER: 0.15,
    Fault.UNREADABLE: 0.08,
    Fault.LATE_ANSWER: 0.10,
    Fault.LATE_REQUEST: 0.12,
    Fault.TWICE: 0.15,
    Fault.RATE_LIMITED: 0.08,
    Fault.REPLACE_HALF: 0.8,
    Fault.REPLACE_SLOW: 0.30,
    Fault.REPLACE_UNREADABLE: 0.25,
    Fault.READ_FAILS: 0.20,
    Fault.STALE_READ: 0.35,
    Fault.STALE_LIST: 0.35,
    Fault.STALE_TRADES: 0.35,
    Fault.STALE_BALANCES: 0.35,
    Fault.FILL_BEFORE_ACK: 0.15,
    Fault.FILL_DURING_CANCEL: 0.25,
    Fault.FILL_AFTER_CANCEL: 0.25,
    Fault.VENUE_CANCEL: 0.05,
    Fault.VENUE_EXPIRE: 0.05,
    Fault.VENUE_REJECT: 0.05,
    Fault.VANISH: 0.08,
    Fault.FRAME_DROP: 0.15,
    Fault.FRAME_GAP: 0.05,
    Fault.FRAME_DUPLICATE: 0.15,
    Fault.FRAME_DELAY: 0.15,
    Fault.FRAME_REORDER: 0.15,
    Fault.FRAME_SHUFFLE: 0.10,
    Fault.FILL_ALONE: 0.50,
    Fault.FRAME_UNREADABLE: 0.05,
    Fault.UNKNOWN_STATUS: 0.05,
    Fault.STREAM_CLOSED: 0.04,
    Fault.STREAM_SILENT: 0.04,
    Fault.STORE_SLOW: 0.10,
    Fault.STORE_ANSWER_LOST: 0.05,
    Fault.STORE_NOT_WRITTEN: 0.05,
    Fault.STORE_LATE_WRITE: 0.05,
    Fault.STORE_TWICE: 0.10,
    Fault.LOAD_FAILS: 0.30,
    Fault.CRASH_AFTER_WRITE: 0.02,
}
"""Probability per occasion, where the fault is on. The others strike a few times per run, at drawn moments."""

_SHARE_ON = (0.0, 0.15, 0.3, 0.3, 0.5, 0.8)
"""Shares of the faults that are on in a run; one of these is drawn. None at all must work too."""


class Faults:
    """The faults of one run."""

    def __init__(self, random: Random, on: frozenset[Fault] | None = None) -> None:
        """`on`: exactly these; None: a random subset."""
        self._random = random
        if on is None:
            share = random.choice(_SHARE_ON)
            on = frozenset(fault for fault in Fault if random.random() < share)
        self.on = on
        self.odds = ODDS
        self.hits: Counter[Fault] = Counter()

    def strikes(self, fault: Fault) -> bool:
        """Whether the fault happens on this occasion; counted."""
        if fault not in self.on or self._random.random() >= self.odds[fault]:
            return False
        self.hits[fault] += 1
        return True

    def times(self, fault: Fault, most: int) -> int:
        """How often a fault that is not bound to an occasion strikes in this run."""
        return self._random.randint(1, most) if fault in self.on else 0

    def count(self, fault: Fault) -> None:
        """Count a fault that struck at a drawn moment."""
        self.hits[fault] += 1

    def calm(self) -> None:
        """End all faults."""
        self.on = frozenset()
