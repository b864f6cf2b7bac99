"""Who waits for the end of a close: noted when the wish arrives, answered exactly once.

Whatever becomes of the close, of its position actor or of the account, everybody noted here is answered: by the turn
that ends the close, by the one that refuses it, when the position actor fails, and by `actors.parting`. Must never:
answer a host whose command is not noted, for he was answered before.
"""

from actors.notes import CloseAsker, CloseAskerGone
from actors.parting import unresolved
from actors.turn import Turn
from messages.commands import ClosePosition
from messages.control import CloseMet
from messages.fills import PositionClose
from messages.queries import CloseDone, OrderUnresolved, RefusalCode, Refused


def note(turn: Turn, command: ClosePosition, close_id: str) -> None:
    """Whoever gave this command waits for the end of a close."""
    if command.correlation_id:
        turn.note(CloseAsker(command, close_id))


def awaited(turn: Turn, close_id: str) -> bool:
    """Whether somebody waits for a close."""
    return bool(_waiting(turn, close_id))


def commands(turn: Turn, message_id: str) -> list[ClosePosition]:
    """The commands of this id whose hosts are not answered yet."""
    return [each.command for each in turn.memory.askers.values() if each.command.message_id == message_id]


def tell_end(turn: Turn, close: PositionClose) -> None:
    """Tell everybody who waits for a close that it has ended."""
    for asker in _waiting(turn, close.close_id):
        _done(turn, asker.command, close)


def tell_refusal(turn: Turn, close_id: str, refusal: Refused) -> None:
    """Tell everybody who waits for a close why it was not begun."""
    for asker in _waiting(turn, close_id):
        refuse(turn, asker.command, refusal)


def refuse(turn: Turn, command: ClosePosition, refusal: Refused) -> None:
    """Tell one host that nothing is closed for him, and why; nothing where he was answered before."""
    name = command.correlation_id
    if name not in turn.memory.askers:
        return
    turn.refuse(
        name, refusal.code, refusal.text,
        rule=refusal.rule, limit=refusal.limit, actual=refusal.actual, fields=refusal.fields, view=refusal.view,
    )  # fmt: skip
    turn.note(CloseAskerGone(name))


def on_met(turn: Turn, message: CloseMet) -> None:
    """A close met another one that runs: let its host wait for that one's end, or refuse him."""
    command, running = message.command, turn.memory.closes.get(message.close_id)
    named = f"close {message.close_id}, initiated by {message.initiated_by.value}"
    if not message.waits:
        text = f"{named}, of this position is in progress"
        refuse(turn, command, Refused(code=RefusalCode.CLOSE_IN_PROGRESS, text=text))
    elif running is None:
        text = f"{named} and waited for, was not begun"
        refuse(turn, command, Refused(code=RefusalCode.NOT_PLACED, text=text))
    elif running.order_id in turn.memory.closing and command.correlation_id in turn.memory.askers:
        turn.note(CloseAsker(command, running.close_id))
    else:
        _done(turn, command, running)


def on_position_failed(turn: Turn, exchange: str, symbol: str) -> None:
    """What the actor of a position had not passed on went with it: nobody knows whether those closes will begin."""
    for name, asker in turn.memory.askers.items():
        command = asker.command
        if (command.exchange, command.symbol) == (exchange, symbol) and asker.close_id not in turn.memory.closes:
            turn.reply(unresolved(name, f"the actor of position {symbol!r} failed before the close was begun"))
            turn.note(CloseAskerGone(name))


def report(turn: Turn, name: str) -> None:
    """A host's patience is over: name the order of the close that he waits for, as far as there is one."""
    asker = turn.memory.askers.get(name)
    if asker is None:
        return
    close = turn.memory.closes.get(asker.close_id)
    view = None if close is None else turn.view_of(turn.memory.orders[close.order_id])
    turn.reply(OrderUnresolved(correlation_id=name, view=view, text="still being worked on"))
    turn.note(CloseAskerGone(name))


def _waiting(turn: Turn, close_id: str) -> list[CloseAsker]:
    return [asker for asker in turn.memory.askers.values() if asker.close_id == close_id]


def _done(turn: Turn, command: ClosePosition, close: PositionClose) -> None:
    if command.correlation_id in turn.memory.askers:
        turn.reply(CloseDone(correlation_id=command.correlation_id, close=close))
        turn.note(CloseAskerGone(command.correlation_id))
