"""What follows for our records when trading rules are read: what depends on a multiplier is counted anew.

Must never: change how much is held, or what a comparison with the venue has found.
"""

from actors.domain import positions
from actors.domain.arithmetic import plain
from actors.turn import Turn
from messages.base import copied
from messages.events import Severity
from messages.fills import Position
from messages.reports import InstrumentsFetched
from messages.types import Instrument


def on_instruments(turn: Turn, report: InstrumentsFetched) -> None:
    """Learn trading rules. A position whose multiplier was not known, or another one, is counted anew from its fills,
    and what other programs see of the exchange's orders is written anew.
    """
    for instrument in report.instruments:
        before = turn.multiplier_of(instrument.exchange, instrument.symbol)
        turn.learn(instrument)
        if before == instrument.multiplier:
            continue
        turn.rewrite_public(instrument.exchange)
        position = turn.position(instrument.exchange, instrument.symbol)
        if position is not None:
            _revalue(turn, position, instrument)


def _revalue(turn: Turn, position: Position, instrument: Instrument) -> None:
    place = position.exchange, position.symbol
    fills = turn.memory.fills_of(turn.account_id, *place).between(0, None)
    counted = positions.rebuild(turn.account_id, *place, fills, instrument.multiplier)
    turn.save_position(copied(counted, unexplained=position.unexplained, drift=position.drift))
    if position.multiplier is not None:
        turn.alert(
            "MultiplierChanged", Severity.WARNING,
            "the venue values a contract otherwise than before; the position's money is counted by its new word",
            exchange=position.exchange, symbol=position.symbol,
            before=plain(position.multiplier), now=plain(instrument.multiplier),
        )  # fmt: skip
